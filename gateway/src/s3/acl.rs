//! Who was granted what on buckets and objects, read and replaced.

use s3s::dto::*;
use s3s::{S3Request, S3Response};

use super::{Answer, S3Face};
use crate::translate::{acl, names};

pub(super) async fn get_bucket_acl(face: &S3Face, request: S3Request<GetBucketAclInput>) -> Answer<GetBucketAclOutput> {
    let caller = face.admit(&request)?;
    let standing = face.engine.bucket_acl(&caller, &names::bucket(&request.input.bucket)?).await?;
    let (owner, grants) = acl::to_wire(&standing, |account| face.owner(account));
    Ok(S3Response::new(GetBucketAclOutput { grants: Some(grants), owner: Some(owner) }))
}

pub(super) async fn put_bucket_acl(face: &S3Face, request: S3Request<PutBucketAclInput>) -> Answer<PutBucketAclOutput> {
    let caller = face.admit(&request)?;
    let bucket = names::bucket(&request.input.bucket)?;
    let put = acl::to_put(request.input.access_control_policy.as_ref(), &request.headers, &|id| face.account(id))?;
    face.engine.set_bucket_acl(&caller, &bucket, put).await?;
    Ok(S3Response::new(PutBucketAclOutput::default()))
}

pub(super) async fn get_object_acl(face: &S3Face, request: S3Request<GetObjectAclInput>) -> Answer<GetObjectAclOutput> {
    let caller = face.admit(&request)?;
    let input = request.input;
    let (bucket, key) = (names::bucket(&input.bucket)?, names::key(&input.key)?);
    let version = names::version(input.version_id.as_deref())?;
    let standing = face.engine.object_acl(&caller, &bucket, &key, version).await?;
    let (owner, grants) = acl::to_wire(&standing, |account| face.owner(account));
    Ok(S3Response::new(GetObjectAclOutput {
        grants: Some(grants),
        owner: Some(owner),
        ..GetObjectAclOutput::default()
    }))
}

pub(super) async fn put_object_acl(face: &S3Face, request: S3Request<PutObjectAclInput>) -> Answer<PutObjectAclOutput> {
    let caller = face.admit(&request)?;
    let S3Request { input, headers, .. } = request;
    let (bucket, key) = (names::bucket(&input.bucket)?, names::key(&input.key)?);
    let version = names::version(input.version_id.as_deref())?;
    let put = acl::to_put(input.access_control_policy.as_ref(), &headers, &|id| face.account(id))?;
    face.engine.set_object_acl(&caller, &bucket, &key, version, put).await?;
    Ok(S3Response::new(PutObjectAclOutput::default()))
}
