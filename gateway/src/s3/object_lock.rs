//! Object Lock: of buckets, and of versions.

use engine::{Error as EngineError, LockPlace, Missing};
use kernel::settings::{Setting, SettingName};
use s3s::dto::*;
use s3s::{S3Request, S3Response};

use super::{Answer, S3Face};
use crate::s3_error::Mistake;
use crate::translate::{names, object_lock};

pub(super) async fn get_object_lock_configuration(
    face: &S3Face,
    request: S3Request<GetObjectLockConfigurationInput>,
) -> Answer<GetObjectLockConfigurationOutput> {
    let caller = face.admit(&request)?;
    let bucket = names::bucket(&request.input.bucket)?;
    match face.engine.bucket_setting(&caller, &bucket, SettingName::ObjectLock).await? {
        Setting::ObjectLock(Some(lock)) => Ok(S3Response::new(GetObjectLockConfigurationOutput {
            object_lock_configuration: Some(object_lock::configuration_to_wire(lock)),
        })),
        _ => Err(EngineError::NotFound(Missing::ObjectLock).into()),
    }
}

pub(super) async fn put_object_lock_configuration(
    face: &S3Face,
    request: S3Request<PutObjectLockConfigurationInput>,
) -> Answer<PutObjectLockConfigurationOutput> {
    let caller = face.admit(&request)?;
    let bucket = names::bucket(&request.input.bucket)?;
    let lock = object_lock::configuration(request.input.object_lock_configuration)?;
    face.engine.set_bucket_setting(&caller, &bucket, Setting::ObjectLock(Some(lock))).await?;
    Ok(S3Response::new(PutObjectLockConfigurationOutput::default()))
}

fn place(bucket: &str, key: &str, version: Option<&str>) -> Result<LockPlace, Mistake> {
    Ok(LockPlace { bucket: names::bucket(bucket)?, key: names::key(key)?, version: names::version(version)? })
}

pub(super) async fn get_object_retention(
    face: &S3Face,
    request: S3Request<GetObjectRetentionInput>,
) -> Answer<GetObjectRetentionOutput> {
    let caller = face.admit(&request)?;
    let input = request.input;
    let place = place(&input.bucket, &input.key, input.version_id.as_deref())?;
    let retention = face.engine.object_retention(&caller, &place).await?;
    let retention = Some(object_lock::retention_to_wire(retention));
    Ok(S3Response::new(GetObjectRetentionOutput { retention }))
}

pub(super) async fn put_object_retention(
    face: &S3Face,
    request: S3Request<PutObjectRetentionInput>,
) -> Answer<PutObjectRetentionOutput> {
    let caller = face.admit(&request)?;
    let input = request.input;
    let place = place(&input.bucket, &input.key, input.version_id.as_deref())?;
    let retention = object_lock::retention(input.retention)?;
    let bypass_governance = input.bypass_governance_retention == Some(true);
    face.engine.set_object_retention(&caller, &place, retention, bypass_governance).await?;
    Ok(S3Response::new(PutObjectRetentionOutput::default()))
}

pub(super) async fn get_object_legal_hold(
    face: &S3Face,
    request: S3Request<GetObjectLegalHoldInput>,
) -> Answer<GetObjectLegalHoldOutput> {
    let caller = face.admit(&request)?;
    let input = request.input;
    let place = place(&input.bucket, &input.key, input.version_id.as_deref())?;
    let hold = face.engine.object_legal_hold(&caller, &place).await?;
    let legal_hold = Some(ObjectLockLegalHold { status: Some(object_lock::legal_hold_to_wire(hold)) });
    Ok(S3Response::new(GetObjectLegalHoldOutput { legal_hold }))
}

pub(super) async fn put_object_legal_hold(
    face: &S3Face,
    request: S3Request<PutObjectLegalHoldInput>,
) -> Answer<PutObjectLegalHoldOutput> {
    let caller = face.admit(&request)?;
    let input = request.input;
    let place = place(&input.bucket, &input.key, input.version_id.as_deref())?;
    let hold = object_lock::legal_hold(input.legal_hold)?;
    face.engine.set_object_legal_hold(&caller, &place, hold).await?;
    Ok(S3Response::new(PutObjectLegalHoldOutput::default()))
}
