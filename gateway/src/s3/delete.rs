//! Deleting one key or version, or up to a thousand.

use engine::{DeleteObject, Deleted, Error as EngineError, Missing};
use http::HeaderMap;
use kernel::BucketName;
use s3s::dto::*;
use s3s::{S3Error, S3Request, S3Response};

use super::{Answer, S3Face, answer, place, trace_of};
use crate::front::digests::Digests;
use crate::s3_error::{Failure, Mistake};
use crate::translate::{conditions, legible, names};

/// Deletions of one request. Source: Amazon S3 API, *DeleteObjects*.
const DELETIONS_MAX: usize = 1000;

pub(super) async fn delete_object(face: &S3Face, request: S3Request<DeleteObjectInput>) -> Answer<DeleteObjectOutput> {
    let caller = face.admit(&request)?;
    let input = request.input;
    let delete = DeleteObject {
        bucket: names::bucket(&input.bucket)?,
        key: names::key(&input.key)?,
        version: names::version(input.version_id.as_deref())?,
        bypass_governance: input.bypass_governance_retention == Some(true),
        condition: conditions::write(input.if_match.as_ref(), None),
    };
    let deleted = face.engine.delete_object(&caller, delete).await?;
    let output = DeleteObjectOutput {
        delete_marker: deleted.is_marker.then_some(true),
        version_id: deleted.version.map(names::version_text),
        ..DeleteObjectOutput::default()
    };
    let mut headers = HeaderMap::new();
    if let Some(sequence) = deleted.sequence {
        place(&mut headers, sequence);
    }
    Ok(S3Response::with_headers(output, headers))
}

pub(super) async fn delete_objects(
    face: &S3Face,
    request: S3Request<DeleteObjectsInput>,
) -> Answer<DeleteObjectsOutput> {
    let caller = face.admit(&request)?;
    let trace = trace_of(&request);
    if Digests::of(&request.headers).is_none() {
        let text = "missing required header for this request: Content-MD5 or x-amz-checksum-*";
        return Err(Mistake::Request(text.to_owned()).into());
    }
    let input = request.input;
    let bucket = names::bucket(&input.bucket)?;
    let bypass = input.bypass_governance_retention == Some(true);
    let is_quiet = input.delete.quiet == Some(true);
    let entries = input.delete.objects;
    if entries.is_empty() || entries.len() > DELETIONS_MAX {
        return Err(Mistake::Xml("1 to 1,000 Objects can be deleted at a time").into());
    }
    let asked: Vec<_> = entries.iter().map(|entry| deletion(&bucket, bypass, entry)).collect();
    let possible = asked.iter().filter_map(|asked| asked.as_ref().ok().cloned()).collect();
    let mut done = face.engine.delete_objects(&caller, possible).await.into_iter();
    let (mut deleted, mut errors) = (Vec::new(), Vec::new());
    for (entry, asked) in entries.into_iter().zip(asked) {
        let outcome = match asked {
            Err(mistake) => Err(Failure::from(mistake)),
            Ok(_) => {
                done.next().unwrap_or(Err(EngineError::Bug("a deletion without an answer"))).map_err(Failure::from)
            }
        };
        match outcome {
            // The bucket is missing for all of them alike.
            Err(failure @ Failure::Engine(EngineError::NotFound(Missing::Bucket))) => return Err(failure),
            Err(failure) => errors.push(failed(entry, &answer(failure, trace.as_deref()))),
            Ok(outcome) if !is_quiet => deleted.push(succeeded(entry, outcome)),
            Ok(_) => {}
        }
    }
    Ok(S3Response::new(DeleteObjectsOutput {
        deleted: Some(deleted),
        errors: Some(errors),
        ..DeleteObjectsOutput::default()
    }))
}

fn deletion(bucket: &BucketName, bypass_governance: bool, entry: &ObjectIdentifier) -> Result<DeleteObject, Mistake> {
    if entry.last_modified_time.is_some() || entry.size.is_some() {
        return Err(Mistake::NotOffered("deleting by size or time of the last change".to_owned()));
    }
    Ok(DeleteObject {
        bucket: bucket.clone(),
        key: names::key(&entry.key)?,
        version: names::version(entry.version_id.as_deref())?,
        bypass_governance,
        condition: conditions::of_entry(entry.e_tag.as_ref()),
    })
}

fn succeeded(entry: ObjectIdentifier, outcome: Deleted) -> DeletedObject {
    let marker = outcome.version.filter(|_| outcome.is_marker);
    DeletedObject {
        delete_marker: outcome.is_marker.then_some(true),
        delete_marker_version_id: marker.map(names::version_text),
        key: legible::echo(entry.key),
        version_id: entry.version_id.and_then(legible::echo),
    }
}

fn failed(entry: ObjectIdentifier, error: &S3Error) -> Error {
    Error {
        code: Some(error.code().as_str().to_owned()),
        key: legible::echo(entry.key),
        message: error.message().map(str::to_owned),
        version_id: entry.version_id.and_then(legible::echo),
    }
}

#[cfg(test)]
mod tests {
    use kernel::{VersionId, VersionName};

    use super::*;

    fn entry(key: &str, version: Option<&str>) -> ObjectIdentifier {
        ObjectIdentifier {
            e_tag: None,
            key: key.to_owned(),
            last_modified_time: None,
            size: None,
            version_id: version.map(str::to_owned),
        }
    }

    #[test]
    fn each_entry_is_judged_for_itself() {
        let bucket = BucketName::new("bucket").expect("a name");
        assert!(deletion(&bucket, false, &entry("a", Some("null"))).is_ok());
        assert!(matches!(deletion(&bucket, false, &entry("", None)), Err(Mistake::Argument { .. })));
        assert!(matches!(deletion(&bucket, false, &entry(&"k".repeat(1025), None)), Err(Mistake::KeyTooLong)));
        assert!(matches!(deletion(&bucket, false, &entry("a", Some("x"))), Err(Mistake::Argument { .. })));
        let sized = ObjectIdentifier { size: Some(1), ..entry("a", None) };
        assert!(matches!(deletion(&bucket, false, &sized), Err(Mistake::NotOffered(_))));
    }

    #[test]
    fn answers_tell_markers_made_from_versions_removed() {
        let id = VersionId::from_bytes([3; 16]);
        let outcome = |version, is_marker| Deleted { version, is_marker, sequence: None };
        let made = succeeded(entry("a", None), outcome(Some(VersionName::Id(id)), true));
        assert_eq!(
            (made.delete_marker, made.delete_marker_version_id, made.version_id),
            (Some(true), Some(id.to_string()), None)
        );
        let text = id.to_string();
        let removed = succeeded(entry("a", Some(&text)), outcome(Some(VersionName::Id(id)), false));
        assert_eq!(
            (removed.delete_marker, removed.delete_marker_version_id, removed.version_id),
            (None, None, Some(text))
        );
        let plain = succeeded(entry("a", None), outcome(None, false));
        assert_eq!((plain.delete_marker, plain.version_id, plain.key.as_deref()), (None, None, Some("a")));
    }

    #[test]
    fn failures_carry_code_key_and_message() {
        let error = failed(entry("a", Some("x")), &Mistake::KeyTooLong.into());
        assert_eq!((error.code.as_deref(), error.key.as_deref()), (Some("KeyTooLongError"), Some("a")));
        assert!(error.message.is_some_and(|message| !message.is_empty()));
    }
}
