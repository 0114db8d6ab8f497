//! Annotations: named texts beside an object.

use engine::{AnnotationPlace, ListAnnotations, PutAnnotation, RemoveAnnotation};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue};
use kernel::{Annotation, Sequence, Version};
use s3s::dto::*;
use s3s::{S3Request, S3Response};

use super::{Answer, S3Face, place, sealed};
use crate::s3_error::Mistake;
use crate::translate::attributes::TYPE_UNKNOWN;
use crate::translate::checksums::{self, show_checksum};
use crate::translate::{body, conditions, listing, names, time};

/// Entries of a page at the most. Source: Amazon S3 API, *ListObjectAnnotations*.
const PAGE_MAX: i32 = 1000;

/// The version that an operation on annotations is for.
macro_rules! place_of {
    ($input:expr) => {
        AnnotationPlace {
            bucket: names::bucket(&$input.bucket)?,
            key: names::key(&$input.key)?,
            version: names::version($input.version_id.as_deref())?,
        }
    };
}

pub(super) async fn put_object_annotation(
    face: &S3Face,
    request: S3Request<PutObjectAnnotationInput>,
) -> Answer<PutObjectAnnotationOutput> {
    let caller = face.admit(&request)?;
    let S3Request { mut input, headers, trailing_headers, .. } = request;
    let content_length = headers.get("content-length").and_then(|length| length.to_str().ok()?.parse().ok());
    let payload = input.annotation_payload.take();
    let (body, algorithm) = body::incoming(payload, content_length, &headers, trailing_headers)?;
    let put = PutAnnotation {
        place: place_of!(input),
        name: names::annotation(&input.annotation_name)?,
        algorithm,
        body,
        if_match: conditions::of_object(input.object_if_match.as_deref())?,
    };
    let written = face.engine.put_annotation(&caller, put).await?;
    let mut output = PutObjectAnnotationOutput {
        annotation_name: Some(input.annotation_name),
        key: Some(input.key),
        object_version_id: version_id(&written.version, written.versioned),
        server_side_encryption: sealed(),
        ..PutObjectAnnotationOutput::default()
    };
    if let Some(annotation) = &written.annotation {
        output.e_tag = Some(conditions::etag_to_wire(&annotation.etag));
        output.checksum_type = Some(checksums::scope_to_wire(annotation.checksum.scope));
        show_checksum!(output, &annotation.checksum);
    }
    Ok(S3Response::with_headers(output, placed(written.sequence)))
}

pub(super) async fn get_object_annotation(
    face: &S3Face,
    request: S3Request<GetObjectAnnotationInput>,
) -> Answer<GetObjectAnnotationOutput> {
    let caller = face.admit(&request)?;
    let input = request.input;
    let name = names::annotation(&input.annotation_name)?;
    let read = face.engine.get_annotation(&caller, &place_of!(input), &name).await?;
    let Annotation { bytes, etag, checksum, modified, .. } = &read.annotation;
    let mut output = GetObjectAnnotationOutput {
        annotation_payload: Some(body::outgoing(read.body, *bytes)),
        content_length: i64::try_from(*bytes).ok(),
        e_tag: Some(conditions::etag_to_wire(etag)),
        last_modified: Some(time::to_wire(*modified)),
        object_version_id: version_id(&read.version, read.versioned),
        server_side_encryption: sealed(),
        ..GetObjectAnnotationOutput::default()
    };
    if input.checksum_mode.is_some_and(|mode| mode.as_str() == ChecksumMode::ENABLED) {
        output.checksum_type = Some(checksums::scope_to_wire(checksum.scope));
        show_checksum!(output, checksum);
    }
    let type_unknown = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(TYPE_UNKNOWN))]);
    Ok(S3Response::with_headers(output, type_unknown))
}

pub(super) async fn list_object_annotations(
    face: &S3Face,
    request: S3Request<ListObjectAnnotationsInput>,
) -> Answer<ListObjectAnnotationsOutput> {
    let caller = face.admit(&request)?;
    let input = request.input;
    let limit = page_size(input.max_annotation_results)?;
    let list = ListAnnotations {
        place: place_of!(input),
        prefix: names::annotation_prefix(input.annotation_prefix.as_deref())?,
        after: listing::token_place(input.continuation_token.as_deref())?,
        limit,
    };
    let page = face.engine.list_annotations(&caller, &list).await?;
    let next = page.annotations.last().filter(|_| page.truncated);
    let output = ListObjectAnnotationsOutput {
        annotation_count: i32::try_from(page.annotations.len()).ok(),
        annotation_prefix: input.annotation_prefix,
        annotations: Some(page.annotations.iter().map(entry).collect()),
        bucket: Some(input.bucket),
        continuation_token: input.continuation_token,
        key: Some(input.key),
        max_annotation_results: i32::try_from(limit).ok(),
        next_continuation_token: next.map(|annotation| listing::token(annotation.name.as_str())),
        object_version_id: version_id(&page.version, page.versioned),
        ..ListObjectAnnotationsOutput::default()
    };
    Ok(S3Response::new(output))
}

pub(super) async fn delete_object_annotation(
    face: &S3Face,
    request: S3Request<DeleteObjectAnnotationInput>,
) -> Answer<DeleteObjectAnnotationOutput> {
    let caller = face.admit(&request)?;
    let input = request.input;
    let remove = RemoveAnnotation {
        place: place_of!(input),
        name: names::annotation(&input.annotation_name)?,
        if_match: conditions::of_object(input.object_if_match.as_deref())?,
    };
    let removed = face.engine.remove_annotation(&caller, remove).await?;
    let output = DeleteObjectAnnotationOutput {
        object_version_id: version_id(&removed.version, removed.versioned),
        ..DeleteObjectAnnotationOutput::default()
    };
    Ok(S3Response::with_headers(output, placed(removed.sequence)))
}

fn entry(annotation: &Annotation) -> AnnotationEntry {
    AnnotationEntry {
        annotation_name: annotation.name.as_str().to_owned(),
        checksum_algorithm: Some(vec![checksums::algorithm_to_wire(annotation.checksum.algorithm)]),
        e_tag: Some(conditions::etag_to_wire(&annotation.etag)),
        last_modified: time::to_wire(annotation.modified),
        replication_status: None,
        size: i64::try_from(annotation.bytes).unwrap_or(i64::MAX),
    }
}

fn version_id(version: &Version, versioned: bool) -> Option<String> {
    versioned.then(|| names::version_text(version.name()))
}

fn placed(sequence: Option<Sequence>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if let Some(sequence) = sequence {
        place(&mut headers, sequence);
    }
    headers
}

fn page_size(asked: Option<i32>) -> Result<usize, Mistake> {
    let asked = asked.unwrap_or(PAGE_MAX);
    usize::try_from(asked).ok().filter(|size| (1..=PAGE_MAX as usize).contains(size)).ok_or_else(|| Mistake::Argument {
        name: "max-annotation-results",
        reason: format!("must be an integer between 1 and {PAGE_MAX}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_have_one_to_a_thousand_entries() {
        for (asked, size) in [(None, 1000), (Some(1), 1), (Some(1000), 1000)] {
            assert_eq!(page_size(asked), Ok(size));
        }
        for bad in [0, -1, 1001, i32::MAX, i32::MIN] {
            assert!(matches!(page_size(Some(bad)), Err(Mistake::Argument { .. })), "{bad}");
        }
    }
}
