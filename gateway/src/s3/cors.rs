//! Cross-origin rules of a bucket: shown, replaced, taken away. What they mean for a request is the doorman's affair.

use engine::{Error as EngineError, Missing};
use kernel::settings::{Setting, SettingName};
use s3s::dto::*;
use s3s::{S3Request, S3Response};

use super::{Answer, S3Face};
use crate::translate::{cors, names};

pub(super) async fn get_bucket_cors(
    face: &S3Face,
    request: S3Request<GetBucketCorsInput>,
) -> Answer<GetBucketCorsOutput> {
    let caller = face.admit(&request)?;
    let bucket = names::bucket(&request.input.bucket)?;
    match face.engine.bucket_setting(&caller, &bucket, SettingName::Cors).await? {
        Setting::Cors(Some(rules)) => {
            Ok(S3Response::new(GetBucketCorsOutput { cors_rules: Some(cors::to_wire(rules)) }))
        }
        _ => Err(EngineError::NotFound(Missing::Cors).into()),
    }
}

pub(super) async fn put_bucket_cors(
    face: &S3Face,
    request: S3Request<PutBucketCorsInput>,
) -> Answer<PutBucketCorsOutput> {
    let caller = face.admit(&request)?;
    let bucket = names::bucket(&request.input.bucket)?;
    let rules = cors::from_wire(request.input.cors_configuration)?;
    face.engine.set_bucket_setting(&caller, &bucket, Setting::Cors(Some(rules))).await?;
    Ok(S3Response::new(PutBucketCorsOutput::default()))
}

pub(super) async fn delete_bucket_cors(
    face: &S3Face,
    request: S3Request<DeleteBucketCorsInput>,
) -> Answer<DeleteBucketCorsOutput> {
    let caller = face.admit(&request)?;
    let bucket = names::bucket(&request.input.bucket)?;
    face.engine.set_bucket_setting(&caller, &bucket, Setting::Cors(None)).await?;
    Ok(S3Response::new(DeleteBucketCorsOutput::default()))
}
