//! Does an operation to the real engine and says the answer in the shared words.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use engine::{
    Body, BodyError, Bytestream, CreateBucket, Deleted, Engine, Entry, Error, Existing, Fault, Missing, ObjectInfo,
    Page, PutAnnotation, PutObject, PutPart, Unmet, Written,
};
use futures::stream::{self, StreamExt, TryStreamExt};
use std::sync::LazyLock;

use kernel::{Caller, ChecksumAlgorithm, ETag, Version};

use crate::operation::{Annotate, Answer, Damage, Known, ListedVersion, Operation, Put, Refusal, Upload};

static CALLER: LazyLock<Caller> = LazyLock::new(Caller::root);

/// Does it. Takes the engine whole, so that the future can outlive a world whose power is cut.
pub async fn perform(engine: Arc<Engine>, operation: Operation) -> Answer {
    attempt(&engine, operation).await.unwrap_or_else(|error| refusal(&error))
}

async fn attempt(engine: &Engine, operation: Operation) -> engine::Result<Answer> {
    match operation {
        Operation::CreateBucket(name) => {
            engine.create_bucket(&CALLER, CreateBucket::named(name)).await.map(|_| Answer::Done)
        }
        Operation::DeleteBucket(name) => engine.delete_bucket(&CALLER, &name).await.map(|()| Answer::Done),
        Operation::SetVersioning(name, versioning) => {
            engine.set_bucket_versioning(&CALLER, &name, versioning).await.map(|()| Answer::Done)
        }
        Operation::Put(put) => engine.put_object(&CALLER, request(put)).await.and_then(written),
        Operation::Get(get) => {
            let read = engine.get_object(&CALLER, get).await?;
            let body = collect(read.body).await?;
            known(&read.info, Some(body))
        }
        Operation::Head(get) => known(&engine.head_object(&CALLER, get).await?, None),
        Operation::Delete(delete) => engine.delete_object(&CALLER, delete).await.map(deleted),
        Operation::DeleteMany(deletes) => {
            let each = engine.delete_objects(&CALLER, deletes).await.into_iter();
            Ok(Answer::Many(each.map(|done| done.map_or_else(|error| refusal(&error), deleted)).collect()))
        }
        Operation::Copy(copy) => engine.copy_object(&CALLER, copy).await.and_then(|copied| written(copied.written)),
        Operation::SetTags(bucket, key, version, tags) => {
            engine.set_object_tags(&CALLER, &bucket, &key, version, tags).await.map(|_| Answer::Done)
        }
        operation => of_annotations(engine, operation).await,
    }
}

async fn of_annotations(engine: &Engine, operation: Operation) -> engine::Result<Answer> {
    match operation {
        Operation::Annotate(Annotate { place, name, body: upload, if_match }) => {
            let put = PutAnnotation { place, name, algorithm: None, body: body(upload), if_match };
            let written = engine.put_annotation(&CALLER, put).await?;
            let annotation = written.annotation.ok_or(Error::Bug("an annotation that was not written"))?;
            Ok(Answer::Annotated(written.version.name(), annotation.etag))
        }
        Operation::GetAnnotation(place, name) => {
            let read = engine.get_annotation(&CALLER, &place, &name).await?;
            collect(read.body).await.map(Answer::Annotation)
        }
        Operation::Unannotate(remove) => {
            let removed = engine.remove_annotation(&CALLER, remove).await?;
            Ok(Answer::Unannotated(removed.version.name(), removed.sequence.is_some()))
        }
        Operation::Annotations(list) => {
            let page = engine.list_annotations(&CALLER, &list).await?;
            let rows = page.annotations.iter().map(|one| (one.name.as_str().to_owned(), one.etag, one.bytes));
            Ok(Answer::Annotations(rows.collect(), page.truncated))
        }
        operation => of_uploads(engine, operation).await,
    }
}

async fn of_uploads(engine: &Engine, operation: Operation) -> engine::Result<Answer> {
    match operation {
        Operation::Start(create) => Ok(Answer::Started(engine.create_upload(&CALLER, create).await?.id)),
        Operation::PutPart(upload, number, bytes) => {
            let put = PutPart { upload, number, body: body(bytes), algorithm: None };
            engine.put_part(&CALLER, put).await.map(|part| Answer::Part { etag: part.etag, bytes: part.bytes })
        }
        Operation::CopyPart(copy) => {
            let (part, _) = engine.copy_part(&CALLER, copy).await?;
            Ok(Answer::Part { etag: part.etag, bytes: part.bytes })
        }
        Operation::Complete(complete) => engine.complete_upload(&CALLER, complete).await.and_then(written),
        Operation::Abort(upload) => engine.abort_upload(&CALLER, upload).await.map(|()| Answer::Done),
        Operation::Parts(upload, after, limit) => {
            let page = engine.list_parts(&CALLER, upload, after, limit).await?;
            let parts = page.parts.iter().map(|part| (part.number, part.etag, part.bytes));
            Ok(Answer::Parts(parts.collect(), page.truncated))
        }
        operation => listing(engine, operation).await,
    }
}

async fn listing(engine: &Engine, operation: Operation) -> engine::Result<Answer> {
    match operation {
        Operation::List(list) => {
            let (entries, truncated) = page(engine.list_objects(&CALLER, list).await?.page, |listed| {
                let (etag, bytes) = of_object(&listed.version)?;
                Ok((listed.version.key.as_str().to_owned(), etag, bytes))
            })?;
            Ok(Answer::Objects(entries, truncated))
        }
        Operation::ListVersions(list) => {
            let (entries, truncated) = page(engine.list_versions(&CALLER, list).await?, |listed| {
                Ok(ListedVersion {
                    key: listed.version.key.as_str().to_owned(),
                    version: listed.version.name(),
                    etag: listed.version.object().map(|object| object.etag),
                    is_latest: listed.is_latest,
                })
            })?;
            Ok(Answer::Versions(entries, truncated))
        }
        Operation::ListUploads(list) => {
            let (entries, truncated) = page(engine.list_uploads(&CALLER, list).await?, |upload| {
                Ok((upload.key.as_str().to_owned(), upload.id))
            })?;
            Ok(Answer::Uploads(entries, truncated))
        }
        _ => Err(Error::Bug("an operation that nobody performs")),
    }
}

fn page<T, U>(page: Page<T>, item: impl Fn(T) -> engine::Result<U>) -> engine::Result<(Vec<Entry<U>>, bool)> {
    let entries = page.entries.into_iter().map(|entry| match entry {
        Entry::Item(row) => item(row).map(Entry::Item),
        Entry::Prefix(prefix) => Ok(Entry::Prefix(prefix)),
    });
    Ok((entries.collect::<engine::Result<_>>()?, page.truncated))
}

fn of_object(version: &Version) -> engine::Result<(ETag, u64)> {
    let object = version.object().ok_or(Error::Bug("a marker in the place of an object"))?;
    Ok((object.etag, object.bytes))
}

fn written(written: Written) -> engine::Result<Answer> {
    let (etag, bytes) = of_object(&written.version)?;
    Ok(Answer::Written { version: written.version.name(), etag, bytes, versioned: written.versioned })
}

fn deleted(done: Deleted) -> Answer {
    Answer::Deleted { version: done.version, is_marker: done.is_marker, changed: done.sequence.is_some() }
}

fn known(info: &ObjectInfo, body: Option<Bytes>) -> engine::Result<Answer> {
    let object = info.version.object().ok_or(Error::Bug("a marker in the place of an object"))?;
    let known = Known {
        version: info.version.name(),
        bytes: object.bytes,
        etag: object.etag,
        metadata: object.metadata.clone(),
        content_type: object.headers.content_type.clone(),
        tags: object.tags.clone(),
        parts: info.parts,
        annotations: object.annotations,
    };
    Ok(Answer::Read { known, range: info.range.map(|range| (range.start, range.end)), body })
}

async fn collect(body: Bytestream) -> engine::Result<Bytes> {
    let runs: Vec<Bytes> = body.try_collect().await?;
    Ok(runs.concat().into())
}

fn request(put: Put) -> PutObject {
    let Put { bucket, key, body: upload, attributes, condition } = put;
    PutObject { bucket, key, attributes, algorithm: None, body: body(upload), condition }
}

/// A body that comes in three runs, with time for others between them.
fn body(upload: Upload) -> Body {
    let Upload { bytes, damage } = upload;
    let announced = bytes.len() as u64;
    let came = match damage {
        Some(Damage::Short) => bytes.slice(..bytes.len().saturating_sub(1)),
        Some(Damage::Long) => [bytes.as_ref(), b"!"].concat().into(),
        Some(Damage::Md5 | Damage::Checksum) | None => bytes,
    };
    let (first, second) = (came.len() / 3, came.len() / 2);
    let runs = [came.slice(..first), came.slice(first..second), came.slice(second..)];
    let runs = runs.into_iter().filter(|run| !run.is_empty());
    Body {
        stream: stream::iter(runs).then(pause).boxed(),
        bytes: announced,
        md5: (damage == Some(Damage::Md5)).then_some([7; 16]),
        checksums: match damage {
            Some(Damage::Checksum) => vec![(ChecksumAlgorithm::Crc32c, vec![1, 2, 3, 4])],
            _ => Vec::new(),
        },
        trailer: None,
    }
}

async fn pause(run: Bytes) -> Result<Bytes, BodyError> {
    let mut is_over = false;
    poll_fn(|context| {
        if is_over {
            return Poll::Ready(());
        }
        is_over = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
    Ok(run)
}

fn refusal(error: &Error) -> Answer {
    let refusal = match error {
        Error::NotFound(
            Missing::Bucket
            | Missing::BucketTags
            | Missing::Cors
            | Missing::Website
            | Missing::BucketPolicy
            | Missing::PublicAccessBlock
            | Missing::ObjectLock,
        ) => Refusal::NoBucket,
        Error::NotFound(Missing::Key { marker }) => Refusal::NoKey(*marker),
        Error::NotFound(Missing::Version | Missing::Lock) => Refusal::NoVersion,
        Error::NotFound(Missing::Upload) => Refusal::NoUpload,
        Error::NotFound(Missing::Part) => Refusal::NoPart,
        Error::NotFound(Missing::Annotation) => Refusal::NoAnnotation,
        Error::Removed { .. } => Refusal::Removed,
        Error::AlreadyExists(Existing::OwnBucket | Existing::Bucket) => Refusal::BucketTaken,
        Error::Precondition(Unmet::NotModified { .. }) => Refusal::NotModified,
        Error::Precondition(Unmet::Header(_)) => Refusal::Condition,
        Error::Precondition(Unmet::BucketNotEmpty) => Refusal::BucketNotEmpty,
        Error::TooLarge { .. } => Refusal::TooLarge,
        Error::Invalid(fault) => fault_refusal(fault),
        // Nothing is locked in these worlds.
        Error::Locked(_)
        | Error::Precondition(Unmet::LockStays)
        | Error::Denied(_)
        | Error::Closed { .. }
        | Error::QuotaExceeded(_)
        | Error::Busy
        | Error::Unavailable { .. }
        | Error::Recalling
        | Error::Corrupt { .. }
        | Error::Identity(_)
        | Error::PolicySet(_)
        | Error::Bug(_) => return Answer::Broken(describe(error)),
    };
    Answer::Refused(refusal)
}

fn fault_refusal(fault: &Fault) -> Refusal {
    match fault {
        Fault::Md5Differs | Fault::ChecksumDiffers(_) | Fault::TrailerMissing(_) => Refusal::Digest,
        Fault::BodyLength { .. } | Fault::Body(_) => Refusal::Length,
        Fault::Range { .. } => Refusal::Range,
        Fault::Part { number } => Refusal::Part(*number),
        Fault::PartOrder => Refusal::PartOrder,
        Fault::PartTooSmall { number, .. } => Refusal::PartTooSmall(*number),
        Fault::Marker { version, .. } => Refusal::Marker(*version),
        Fault::NotText => Refusal::NotText,
        Fault::AnnotationsFull { .. }
        | Fault::AclsOff
        | Fault::AclWithOwnership
        | Fault::Policy(_)
        | Fault::PolicyOfOthers
        | Fault::PolicyTooLong { .. }
        | Fault::LocksNothing
        | Fault::Request(_)
        | Fault::Argument { .. } => Refusal::Senseless,
    }
}

fn describe(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
