//! Policies of buckets, whether they let everybody in, and what of public access a bucket blocks.

use engine::PutBucketPolicy;
use kernel::PublicAccessBlock;
use kernel::settings::{Setting, SettingName};
use s3s::dto::*;
use s3s::{S3Request, S3Response};

use super::{Answer, S3Face};
use crate::translate::names;

pub(super) async fn get_bucket_policy(
    face: &S3Face,
    request: S3Request<GetBucketPolicyInput>,
) -> Answer<GetBucketPolicyOutput> {
    let caller = face.admit(&request)?;
    let document = face.engine.bucket_policy(&caller, &names::bucket(&request.input.bucket)?).await?;
    Ok(S3Response::new(GetBucketPolicyOutput { policy: Some(document.to_string()) }))
}

pub(super) async fn put_bucket_policy(
    face: &S3Face,
    request: S3Request<PutBucketPolicyInput>,
) -> Answer<PutBucketPolicyOutput> {
    let caller = face.admit(&request)?;
    let put = PutBucketPolicy {
        document: request.input.policy.into(),
        locks_out_knowingly: request.input.confirm_remove_self_bucket_access == Some(true),
    };
    face.engine.set_bucket_policy(&caller, &names::bucket(&request.input.bucket)?, put).await?;
    Ok(S3Response::new(PutBucketPolicyOutput::default()))
}

pub(super) async fn delete_bucket_policy(
    face: &S3Face,
    request: S3Request<DeleteBucketPolicyInput>,
) -> Answer<DeleteBucketPolicyOutput> {
    let caller = face.admit(&request)?;
    let bucket = names::bucket(&request.input.bucket)?;
    face.engine.set_bucket_setting(&caller, &bucket, Setting::Policy(None)).await?;
    Ok(S3Response::new(DeleteBucketPolicyOutput::default()))
}

pub(super) async fn get_bucket_policy_status(
    face: &S3Face,
    request: S3Request<GetBucketPolicyStatusInput>,
) -> Answer<GetBucketPolicyStatusOutput> {
    let caller = face.admit(&request)?;
    let is_public = face.engine.bucket_is_public(&caller, &names::bucket(&request.input.bucket)?).await?;
    let policy_status = Some(PolicyStatus { is_public: Some(is_public) });
    Ok(S3Response::new(GetBucketPolicyStatusOutput { policy_status }))
}

pub(super) async fn get_public_access_block(
    face: &S3Face,
    request: S3Request<GetPublicAccessBlockInput>,
) -> Answer<GetPublicAccessBlockOutput> {
    let caller = face.admit(&request)?;
    let bucket = names::bucket(&request.input.bucket)?;
    let Setting::PublicAccessBlock(Some(block)) =
        face.engine.bucket_setting(&caller, &bucket, SettingName::PublicAccessBlock).await?
    else {
        return Err(engine::Error::NotFound(engine::Missing::PublicAccessBlock).into());
    };
    let public_access_block_configuration = Some(block_to_wire(block));
    Ok(S3Response::new(GetPublicAccessBlockOutput { public_access_block_configuration }))
}

pub(super) async fn put_public_access_block(
    face: &S3Face,
    request: S3Request<PutPublicAccessBlockInput>,
) -> Answer<PutPublicAccessBlockOutput> {
    let caller = face.admit(&request)?;
    let bucket = names::bucket(&request.input.bucket)?;
    let block = block(&request.input.public_access_block_configuration);
    face.engine.set_bucket_setting(&caller, &bucket, Setting::PublicAccessBlock(Some(block))).await?;
    Ok(S3Response::new(PutPublicAccessBlockOutput::default()))
}

pub(super) async fn delete_public_access_block(
    face: &S3Face,
    request: S3Request<DeletePublicAccessBlockInput>,
) -> Answer<DeletePublicAccessBlockOutput> {
    let caller = face.admit(&request)?;
    let bucket = names::bucket(&request.input.bucket)?;
    face.engine.set_bucket_setting(&caller, &bucket, Setting::PublicAccessBlock(None)).await?;
    Ok(S3Response::new(DeletePublicAccessBlockOutput::default()))
}

/// What is not said is not blocked. Source: Amazon S3 API, *PublicAccessBlockConfiguration*.
fn block(configuration: &PublicAccessBlockConfiguration) -> PublicAccessBlock {
    PublicAccessBlock {
        block_public_acls: configuration.block_public_acls == Some(true),
        ignore_public_acls: configuration.ignore_public_acls == Some(true),
        block_public_policy: configuration.block_public_policy == Some(true),
        restrict_public_buckets: configuration.restrict_public_buckets == Some(true),
    }
}

fn block_to_wire(block: PublicAccessBlock) -> PublicAccessBlockConfiguration {
    PublicAccessBlockConfiguration {
        block_public_acls: Some(block.block_public_acls),
        ignore_public_acls: Some(block.ignore_public_acls),
        block_public_policy: Some(block.block_public_policy),
        restrict_public_buckets: Some(block.restrict_public_buckets),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_is_not_blocked() {
        assert_eq!(block(&PublicAccessBlockConfiguration::default()), PublicAccessBlock::default());
        let some = PublicAccessBlock { block_public_acls: true, restrict_public_buckets: true, ..Default::default() };
        assert_eq!(block(&block_to_wire(some)), some);
    }
}
