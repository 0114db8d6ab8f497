//! A bucket's website: shown, replaced, taken away. How it is served: [`crate::own::website`].

use engine::{Error as EngineError, Missing};
use kernel::settings::{Setting, SettingName};
use s3s::dto::*;
use s3s::{S3Request, S3Response};

use super::{Answer, S3Face};
use crate::translate::{names, website};

pub(super) async fn get_bucket_website(
    face: &S3Face,
    request: S3Request<GetBucketWebsiteInput>,
) -> Answer<GetBucketWebsiteOutput> {
    let caller = face.admit(&request)?;
    let bucket = names::bucket(&request.input.bucket)?;
    match face.engine.bucket_setting(&caller, &bucket, SettingName::Website).await? {
        Setting::Website(Some(configured)) => Ok(S3Response::new(website::to_wire(configured))),
        _ => Err(EngineError::NotFound(Missing::Website).into()),
    }
}

pub(super) async fn put_bucket_website(
    face: &S3Face,
    request: S3Request<PutBucketWebsiteInput>,
) -> Answer<PutBucketWebsiteOutput> {
    let caller = face.admit(&request)?;
    let bucket = names::bucket(&request.input.bucket)?;
    let configured = website::from_wire(request.input.website_configuration)?;
    face.engine.set_bucket_setting(&caller, &bucket, Setting::Website(Some(configured))).await?;
    Ok(S3Response::new(PutBucketWebsiteOutput::default()))
}

pub(super) async fn delete_bucket_website(
    face: &S3Face,
    request: S3Request<DeleteBucketWebsiteInput>,
) -> Answer<DeleteBucketWebsiteOutput> {
    let caller = face.admit(&request)?;
    let bucket = names::bucket(&request.input.bucket)?;
    face.engine.set_bucket_setting(&caller, &bucket, Setting::Website(None)).await?;
    Ok(S3Response::new(DeleteBucketWebsiteOutput::default()))
}
