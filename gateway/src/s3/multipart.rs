//! Multipart uploads: started, filled, completed, given up, listed.

use engine::{
    Attributes, CompleteUpload, CopyPart, CreateUpload, Error as EngineError, Fault, NamedPart, PutPart,
    UploadChecksum, UploadName,
};
use http::HeaderMap;
use s3s::dto::*;
use s3s::{S3Request, S3Response};

use super::{Answer, S3Face, receipt, sealed, version_written};
use crate::s3_error::{Failure, Mistake};
use crate::translate::attributes::{self, stored_headers};
use crate::translate::checksums::{self, show_checksum};
use crate::translate::object_lock::lock_of_headers;
use crate::translate::{body, conditions, copy_source, legible, listing, names, ranges, time};

/// Parts of an upload. Source: Amazon S3 User Guide, *Multipart upload limits*.
const PARTS_MAX: usize = 10_000;

pub(super) async fn create_multipart_upload(
    face: &S3Face,
    request: S3Request<CreateMultipartUploadInput>,
) -> Answer<CreateMultipartUploadOutput> {
    let (caller, embargo) = face.admit_to_close(&request)?;
    let acl = face.asked_acl(&request.headers)?;
    let mut input = request.input;
    let create = CreateUpload {
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
        checksum: checksums::of_upload(input.checksum_algorithm.as_ref(), input.checksum_type.as_ref())?,
    };
    let upload = face.engine.create_upload(&caller, create).await?;
    let algorithm = upload.checksum.chosen.then(|| checksums::algorithm_to_wire(upload.checksum.algorithm));
    Ok(S3Response::new(CreateMultipartUploadOutput {
        bucket: Some(input.bucket),
        checksum_algorithm: algorithm,
        checksum_type: scope(&upload.checksum),
        key: legible::echo(input.key),
        server_side_encryption: sealed(),
        upload_id: Some(upload.id.to_string()),
        ..CreateMultipartUploadOutput::default()
    }))
}

/// What the checksum of an upload will cover, where its client chose one.
pub(super) fn scope(checksum: &UploadChecksum) -> Option<ChecksumType> {
    let name = if checksum.full_object { ChecksumType::FULL_OBJECT } else { ChecksumType::COMPOSITE };
    checksum.chosen.then(|| ChecksumType::from_static(name))
}

pub(super) async fn upload_part(face: &S3Face, request: S3Request<UploadPartInput>) -> Answer<UploadPartOutput> {
    let caller = face.admit(&request)?;
    let S3Request { mut input, headers, trailing_headers, .. } = request;
    let (body, algorithm) = body::incoming(input.body.take(), input.content_length, &headers, trailing_headers)?;
    let put = PutPart {
        upload: upload_name(&input.bucket, &input.key, &input.upload_id)?,
        number: names::part_number(input.part_number)?,
        body,
        algorithm,
    };
    let part = face.engine.put_part(&caller, put).await?;
    let mut output = UploadPartOutput {
        e_tag: Some(conditions::etag_to_wire(&part.etag)),
        server_side_encryption: sealed(),
        ..UploadPartOutput::default()
    };
    show_checksum!(output, &part.checksum);
    Ok(S3Response::new(output))
}

pub(super) async fn upload_part_copy(
    face: &S3Face,
    request: S3Request<UploadPartCopyInput>,
) -> Answer<UploadPartCopyOutput> {
    let caller = face.admit(&request)?;
    let input = request.input;
    let condition = conditions::read(
        input.copy_source_if_match.as_ref(),
        input.copy_source_if_none_match.as_ref(),
        input.copy_source_if_modified_since.as_ref(),
        input.copy_source_if_unmodified_since.as_ref(),
    );
    let copy = CopyPart {
        upload: upload_name(&input.bucket, &input.key, &input.upload_id)?,
        number: names::part_number(input.part_number)?,
        source: copy_source::read(&input.copy_source, condition)?,
        range: input.copy_source_range.as_deref().map(ranges::copied).transpose()?,
    };
    let (part, source_version) = face.engine.copy_part(&caller, copy).await.map_err(copy_source::failure)?;
    let mut result = CopyPartResult {
        e_tag: Some(conditions::etag_to_wire(&part.etag)),
        last_modified: Some(time::to_wire(part.modified)),
        ..CopyPartResult::default()
    };
    show_checksum!(result, &part.checksum);
    Ok(S3Response::new(UploadPartCopyOutput {
        copy_part_result: Some(result),
        copy_source_version_id: source_version.map(names::version_text),
        server_side_encryption: sealed(),
        ..UploadPartCopyOutput::default()
    }))
}

pub(super) async fn complete_multipart_upload(
    face: &S3Face,
    request: S3Request<CompleteMultipartUploadInput>,
) -> Answer<CompleteMultipartUploadOutput> {
    let caller = face.admit(&request)?;
    let input = request.input;
    let complete = completion(&input, &request.headers)?;
    let written = face.engine.complete_upload(&caller, complete).await.map_err(size_differs)?;
    let mut output = CompleteMultipartUploadOutput {
        location: Some(format!("/{}/{}", input.bucket, listing::url_encoded(&input.key))),
        bucket: Some(input.bucket),
        key: legible::echo(input.key),
        server_side_encryption: sealed(),
        version_id: version_written(&written),
        ..CompleteMultipartUploadOutput::default()
    };
    if let Some(object) = written.version.object() {
        output.e_tag = Some(conditions::etag_to_wire(&object.etag));
        output.checksum_type = Some(checksums::scope_to_wire(object.checksum.scope));
        show_checksum!(output, &object.checksum);
    }
    Ok(S3Response::with_headers(output, receipt(&written)))
}

/// A completion has no body of bytes: a length that differs is the one that was announced for the whole.
fn size_differs(error: EngineError) -> Failure {
    match error {
        EngineError::Invalid(Fault::BodyLength { announced, came }) => Mistake::Request(format!(
            "the provided x-amz-mp-object-size {announced} does not match the {came} bytes of the parts"
        ))
        .into(),
        error => error.into(),
    }
}

fn completion(input: &CompleteMultipartUploadInput, headers: &HeaderMap) -> Result<CompleteUpload, Mistake> {
    let named = input.multipart_upload.as_ref().and_then(|upload| upload.parts.as_deref()).unwrap_or_default();
    if named.is_empty() {
        return Err(Mistake::Xml("at least one Part must be named"));
    }
    if named.len() > PARTS_MAX {
        let reason = format!("at most {PARTS_MAX} parts can be named");
        return Err(Mistake::Argument { name: "Part", reason });
    }
    let whole = checksums::of_whole(headers)?;
    if whole.as_ref().is_some_and(|(_, parts)| parts.is_some_and(|parts| parts != named.len())) {
        return Err(Mistake::ChecksumImpossible);
    }
    let bytes = input.mpu_object_size.map(|size| {
        let mistake = |_| Mistake::Request("value for x-amz-mp-object-size header is invalid".to_owned());
        u64::try_from(size).map_err(mistake)
    });
    Ok(CompleteUpload {
        upload: upload_name(&input.bucket, &input.key, &input.upload_id)?,
        parts: named.iter().map(named_part).collect::<Result<_, _>>()?,
        condition: conditions::write(input.if_match.as_ref(), input.if_none_match.as_ref()),
        checksum: whole.map(|(checksum, _)| checksum),
        full_object: input.checksum_type.as_ref().map(checksums::full_object).transpose()?,
        bytes: bytes.transpose()?,
    })
}

fn named_part(part: &CompletedPart) -> Result<NamedPart, Mistake> {
    let (Some(number), Some(etag)) = (part.part_number, part.e_tag.as_ref()) else {
        return Err(Mistake::Xml("a Part must hold a PartNumber and an ETag"));
    };
    Ok(NamedPart {
        number: names::part_number(number)?,
        etag: conditions::part_etag(etag),
        checksum: checksums::of_part(part)?,
    })
}

pub(super) async fn abort_multipart_upload(
    face: &S3Face,
    request: S3Request<AbortMultipartUploadInput>,
) -> Answer<AbortMultipartUploadOutput> {
    let caller = face.admit(&request)?;
    let input = request.input;
    let name = upload_name(&input.bucket, &input.key, &input.upload_id)?;
    face.engine.abort_upload(&caller, name).await?;
    Ok(S3Response::new(AbortMultipartUploadOutput::default()))
}

pub(super) async fn list_parts(face: &S3Face, request: S3Request<ListPartsInput>) -> Answer<ListPartsOutput> {
    let caller = face.admit(&request)?;
    let input = request.input;
    let after = part_marker(input.part_number_marker, "part-number-marker")?;
    let limit = listing::page_size(input.max_parts, "max-parts", listing::PAGE_MAX)?;
    let name = upload_name(&input.bucket, &input.key, &input.upload_id)?;
    let page = face.engine.list_parts(&caller, name, after, limit).await?;
    let part = |part: &kernel::Part| {
        let mut output = Part {
            e_tag: Some(conditions::etag_to_wire(&part.etag)),
            last_modified: Some(time::to_wire(part.modified)),
            part_number: Some(i32::from(part.number)),
            size: i64::try_from(part.bytes).ok(),
            ..Part::default()
        };
        show_checksum!(output, &part.checksum);
        output
    };
    let (chosen, owner) = (page.upload.checksum.chosen, face.owner(page.upload.owner));
    Ok(S3Response::new(ListPartsOutput {
        bucket: Some(input.bucket),
        checksum_algorithm: chosen.then(|| checksums::algorithm_to_wire(page.upload.checksum.algorithm)),
        checksum_type: scope(&page.upload.checksum),
        initiator: Some(face.initiator(&page.upload.initiator)),
        is_truncated: Some(page.truncated && limit > 0),
        key: legible::echo(input.key),
        max_parts: i32::try_from(limit).ok(),
        next_part_number_marker: page.parts.last().map(|part| i32::from(part.number)),
        owner: Some(owner),
        part_number_marker: Some(i32::from(after)),
        parts: Some(page.parts.iter().map(part).collect()),
        storage_class: Some(StorageClass::from_static(StorageClass::STANDARD)),
        upload_id: Some(input.upload_id),
        ..ListPartsOutput::default()
    }))
}

/// The part behind which a list goes on; beyond the last number there is nothing.
pub(super) fn part_marker(marker: Option<i32>, name: &'static str) -> Result<u16, Mistake> {
    let marker = marker.unwrap_or(0);
    if marker < 0 {
        return Err(Mistake::Argument { name, reason: "must be an integer between 0 and 2147483647".to_owned() });
    }
    Ok(u16::try_from(marker).unwrap_or(u16::MAX))
}

fn upload_name(bucket: &str, key: &str, id: &str) -> Result<UploadName, Mistake> {
    Ok(UploadName { bucket: names::bucket(bucket)?, key: names::key(key)?, id: names::upload(id)? })
}

#[cfg(test)]
mod tests;
