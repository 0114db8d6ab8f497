//! Objects: written, read, looked at.

use engine::{Attributes, GetObject, ObjectInfo, PutObject};
use http::HeaderMap;
use kernel::Caller;
use s3s::dto::*;
use s3s::{S3Request, S3Response};

use super::{Answer, S3Face, place, receipt, sealed, version_written};
use crate::front::query;
use crate::s3_error::{Failure, Mistake};
use crate::translate::attributes::{self, TYPE_UNKNOWN, stored_headers};
use crate::translate::checksums::{self, show_checksum};
use crate::translate::object_lock::{self, lock_of_headers};
use crate::translate::{as_of, body, conditions, embargo, names, ranges, time};

pub(super) async fn put_object(face: &S3Face, request: S3Request<PutObjectInput>) -> Answer<PutObjectOutput> {
    let (caller, embargo) = match face.admit_to_close(&request) {
        Ok(admitted) => admitted,
        Err(refused) => return Err(first_denied(face, &request, refused).await),
    };
    // s3s takes half the name of a part for none.
    if let Some(name) = ["partNumber", "uploadId"].into_iter().find(|name| query::has(request.uri.query(), name)) {
        return Err(Mistake::Argument { name, reason: "a part needs both a number and an upload".to_owned() }.into());
    }
    let acl = face.asked_acl(&request.headers)?;
    let S3Request { mut input, headers, trailing_headers, .. } = request;
    let (body, algorithm) = body::incoming(input.body.take(), input.content_length, &headers, trailing_headers)?;
    let put = PutObject {
        bucket: names::bucket(&input.bucket)?,
        key: names::key(&input.key)?,
        attributes: Attributes {
            headers: attributes::headers(stored_headers!(input))?,
            metadata: attributes::metadata(input.metadata)?,
            tags: attributes::tags_of_header(input.tagging.as_deref())?,
            acl,
            embargo,
            protection: lock_of_headers!(input)?,
        },
        algorithm,
        body,
        condition: conditions::write(input.if_match.as_ref(), input.if_none_match.as_ref()),
    };
    let written = face.engine.put_object(&caller, put).await?;
    let mut output = PutObjectOutput {
        server_side_encryption: sealed(),
        version_id: version_written(&written),
        ..PutObjectOutput::default()
    };
    if let Some(object) = written.version.object() {
        output.e_tag = Some(conditions::etag_to_wire(&object.etag));
        output.checksum_type = Some(checksums::scope_to_wire(object.checksum.scope));
        show_checksum!(output, &object.checksum);
    }
    Ok(S3Response::with_headers(output, receipt(&written)))
}

/// Why a write is refused: that it is not offered as it was asked for is told only to who may write.
async fn first_denied(face: &S3Face, request: &S3Request<PutObjectInput>, refused: Failure) -> Failure {
    let caller = request.extensions.get::<Caller>().cloned().unwrap_or_else(Caller::anonymous);
    let named = (names::bucket(&request.input.bucket), names::key(&request.input.key));
    let (Ok(bucket), Ok(key)) = named else { return refused };
    face.engine.may_put_object(&caller, &bucket, &key).await.err().map_or(refused, Failure::from)
}

/// What `GetObject` and `HeadObject` ask for alike.
macro_rules! asked {
    ($input:expr, $as_of:expr) => {
        GetObject {
            bucket: names::bucket(&$input.bucket)?,
            key: names::key(&$input.key)?,
            version: names::version($input.version_id.as_deref())?,
            as_of: $as_of,
            selection: ranges::selection($input.range.as_ref(), $input.part_number)?,
            condition: conditions::read(
                $input.if_match.as_ref(),
                $input.if_none_match.as_ref(),
                $input.if_modified_since.as_ref(),
                $input.if_unmodified_since.as_ref(),
            ),
        }
    };
}

/// Whether the caller wants to say what headers the answer has.
macro_rules! overrides_headers {
    ($input:expr) => {
        $input.response_cache_control.is_some()
            || $input.response_content_disposition.is_some()
            || $input.response_content_encoding.is_some()
            || $input.response_content_language.is_some()
            || $input.response_content_type.is_some()
            || $input.response_expires.is_some()
    };
}

/// What `GetObject` and `HeadObject` answer alike.
macro_rules! describe {
    ($output:ident, $description:expr) => {{
        let Description { info, bytes, with_checksum, of_part } = $description;
        $output.accept_ranges = Some("bytes".to_owned());
        $output.content_length = i64::try_from(bytes).ok();
        $output.last_modified = Some(time::to_wire(info.version.modified));
        $output.server_side_encryption = sealed();
        $output.version_id = info.versioned.then(|| names::version_text(info.version.name()));
        $output.parts_count = info.parts.filter(|_| of_part).map(i32::from);
        if let Some(object) = info.version.object() {
            let headers = object.headers.clone();
            $output.cache_control = headers.cache_control;
            $output.content_disposition = headers.content_disposition;
            $output.content_encoding = headers.content_encoding;
            $output.content_language = headers.content_language;
            $output.content_range = info.range.and_then(|range| ranges::content_range(range, object.bytes));
            $output.content_type = headers.content_type.or_else(|| Some(TYPE_UNKNOWN.to_owned()));
            $output.e_tag = Some(conditions::etag_to_wire(&object.etag));
            $output.expires = headers.expires;
            $output.metadata = Some(object.metadata.clone().into_iter().collect());
            $output.tag_count = i32::try_from(object.tags.len()).ok().filter(|count| *count > 0);
            $output.website_redirect_location = headers.website_redirect;
            $output.object_lock_mode = info.retention.map(|retention| object_lock::mode_to_wire(retention.mode));
            $output.object_lock_retain_until_date = info.retention.map(|retention| time::to_wire(retention.until));
            $output.object_lock_legal_hold_status = info.legal_hold.map(object_lock::legal_hold_to_wire);
            if let Some(checksum) = with_checksum.then(|| shown_checksum(info, of_part)).flatten() {
                $output.checksum_type = Some(checksums::scope_to_wire(object.checksum.scope));
                show_checksum!($output, checksum);
            }
        }
    }};
}

/// An object as an answer describes it.
struct Description<'a> {
    info: &'a ObjectInfo,
    /// Bytes selected.
    bytes: u64,
    /// Whether the caller wants to see the checksum.
    with_checksum: bool,
    /// Whether a part was asked for.
    of_part: bool,
}

impl<'a> Description<'a> {
    fn new(info: &'a ObjectInfo, mode: Option<&ChecksumMode>, part_number: Option<i32>) -> Self {
        Self {
            info,
            bytes: info.selected_bytes(),
            with_checksum: mode.is_some_and(|mode| mode.as_str() == ChecksumMode::ENABLED),
            of_part: part_number.is_some(),
        }
    }
}

/// The checksum of what was selected: the whole object's or a part's; there is none of a range.
fn shown_checksum(info: &ObjectInfo, of_part: bool) -> Option<&kernel::Checksum> {
    let is_whole = info.range.is_none() || (of_part && info.parts.is_none());
    let of_object = info.version.object().map(|object| &object.checksum).filter(|_| is_whole);
    info.part_checksum.as_ref().or(of_object)
}

pub(super) async fn get_object(face: &S3Face, request: S3Request<GetObjectInput>) -> Answer<GetObjectOutput> {
    let (caller, as_of) = face.admit_to_past(&request)?;
    let is_signed = !caller.is_anonymous();
    let input = request.input;
    // s3s itself writes the overriding headers into the answer.
    check_overrides(overrides_headers!(input), is_signed)?;
    let read = face.engine.get_object(&caller, asked!(input, as_of)).await?;
    let description = Description::new(&read.info, input.checksum_mode.as_ref(), input.part_number);
    let headers = moments(&read.info);
    let mut output =
        GetObjectOutput { body: Some(body::outgoing(read.body, description.bytes)), ..GetObjectOutput::default() };
    describe!(output, description);
    Ok(S3Response::with_headers(output, headers))
}

pub(super) async fn head_object(face: &S3Face, request: S3Request<HeadObjectInput>) -> Answer<HeadObjectOutput> {
    let (caller, as_of) = face.admit_to_past(&request)?;
    let is_signed = !caller.is_anonymous();
    let input = request.input;
    check_overrides(overrides_headers!(input), is_signed)?;
    let info = face.engine.head_object(&caller, asked!(input, as_of)).await?;
    let mut output = HeadObjectOutput::default();
    describe!(output, Description::new(&info, input.checksum_mode.as_ref(), input.part_number));
    override_headers(&mut output, input);
    Ok(S3Response::with_headers(output, moments(&info)))
}

/// The headers that say with which change the version came, and as of which it was read.
fn moments(info: &ObjectInfo) -> HeaderMap {
    let mut headers = HeaderMap::new();
    place(&mut headers, info.version.sequence);
    as_of::say(&mut headers, info.as_of);
    embargo::say(&mut headers, info.closed_until);
    headers
}

fn check_overrides(overrides: bool, is_signed: bool) -> Result<(), Mistake> {
    if overrides && !is_signed {
        let text = "request specific response headers cannot be used for anonymous GET requests";
        return Err(Mistake::Request(text.to_owned()));
    }
    Ok(())
}

fn override_headers(output: &mut HeadObjectOutput, input: HeadObjectInput) {
    let expires = input.response_expires.as_ref().map(time::date_text);
    for (field, asked) in [
        (&mut output.cache_control, input.response_cache_control),
        (&mut output.content_disposition, input.response_content_disposition),
        (&mut output.content_encoding, input.response_content_encoding),
        (&mut output.content_language, input.response_content_language),
        (&mut output.content_type, input.response_content_type),
        (&mut output.expires, expires),
    ] {
        if asked.is_some() {
            *field = asked;
        }
    }
}

#[cfg(test)]
mod tests;
