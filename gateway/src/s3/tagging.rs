//! Tags of buckets and objects.

use kernel::Tags;
use s3s::dto::*;
use s3s::{S3Request, S3Response};

use super::{Answer, S3Face};
use crate::translate::{attributes, names};

pub(super) async fn get_bucket_tagging(
    face: &S3Face,
    request: S3Request<GetBucketTaggingInput>,
) -> Answer<GetBucketTaggingOutput> {
    let caller = face.admit(&request)?;
    let tags = face.engine.bucket_tags(&caller, &names::bucket(&request.input.bucket)?).await?;
    Ok(S3Response::new(GetBucketTaggingOutput { tag_set: attributes::tags_to_wire(&tags) }))
}

pub(super) async fn put_bucket_tagging(
    face: &S3Face,
    request: S3Request<PutBucketTaggingInput>,
) -> Answer<PutBucketTaggingOutput> {
    let caller = face.admit(&request)?;
    let bucket = names::bucket(&request.input.bucket)?;
    let tags = attributes::tags_of_body(request.input.tagging, Tags::BUCKET_MAX)?;
    face.engine.set_bucket_tags(&caller, &bucket, tags).await?;
    Ok(S3Response::new(PutBucketTaggingOutput::default()))
}

pub(super) async fn delete_bucket_tagging(
    face: &S3Face,
    request: S3Request<DeleteBucketTaggingInput>,
) -> Answer<DeleteBucketTaggingOutput> {
    let caller = face.admit(&request)?;
    face.engine.set_bucket_tags(&caller, &names::bucket(&request.input.bucket)?, Tags::default()).await?;
    Ok(S3Response::new(DeleteBucketTaggingOutput::default()))
}

pub(super) async fn get_object_tagging(
    face: &S3Face,
    request: S3Request<GetObjectTaggingInput>,
) -> Answer<GetObjectTaggingOutput> {
    let caller = face.admit(&request)?;
    let input = request.input;
    let (bucket, key) = (names::bucket(&input.bucket)?, names::key(&input.key)?);
    let version = names::version(input.version_id.as_deref())?;
    let (version, versioned) = face.engine.object_tags(&caller, &bucket, &key, version).await?;
    Ok(S3Response::new(GetObjectTaggingOutput {
        tag_set: version.object().map(|object| attributes::tags_to_wire(&object.tags)).unwrap_or_default(),
        version_id: versioned.then(|| names::version_text(version.name())),
    }))
}

pub(super) async fn put_object_tagging(
    face: &S3Face,
    request: S3Request<PutObjectTaggingInput>,
) -> Answer<PutObjectTaggingOutput> {
    let caller = face.admit(&request)?;
    let input = request.input;
    let (bucket, key) = (names::bucket(&input.bucket)?, names::key(&input.key)?);
    let version = names::version(input.version_id.as_deref())?;
    let tags = attributes::tags_of_body(input.tagging, Tags::OBJECT_MAX)?;
    let (version, versioned) = face.engine.set_object_tags(&caller, &bucket, &key, version, tags).await?;
    let version_id = versioned.then(|| names::version_text(version.name()));
    Ok(S3Response::new(PutObjectTaggingOutput { version_id }))
}

pub(super) async fn delete_object_tagging(
    face: &S3Face,
    request: S3Request<DeleteObjectTaggingInput>,
) -> Answer<DeleteObjectTaggingOutput> {
    let caller = face.admit(&request)?;
    let input = request.input;
    let (bucket, key) = (names::bucket(&input.bucket)?, names::key(&input.key)?);
    let version = names::version(input.version_id.as_deref())?;
    let (version, versioned) = face.engine.set_object_tags(&caller, &bucket, &key, version, Tags::default()).await?;
    let version_id = versioned.then(|| names::version_text(version.name()));
    Ok(S3Response::new(DeleteObjectTaggingOutput { version_id }))
}
