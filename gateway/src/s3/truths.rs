//! Answers that are the same for every bucket, because nothing else is offered: everything is encrypted, nothing is logged
//! to a bucket. They are given only to callers who may ask.

use engine::BucketTruth;
use s3s::dto::*;
use s3s::{S3Request, S3Response};

use super::{Answer, S3Face};
use crate::s3_error::Mistake;
use crate::translate::names;

pub(super) async fn get_bucket_encryption(
    face: &S3Face,
    request: S3Request<GetBucketEncryptionInput>,
) -> Answer<GetBucketEncryptionOutput> {
    let caller = face.admit(&request)?;
    face.engine.may_ask(&caller, &names::bucket(&request.input.bucket)?, BucketTruth::Encryption).await?;
    let default = ServerSideEncryptionByDefault {
        kms_master_key_id: None,
        sse_algorithm: ServerSideEncryption::from_static(ServerSideEncryption::AES256),
    };
    let rule = ServerSideEncryptionRule {
        apply_server_side_encryption_by_default: Some(default),
        bucket_key_enabled: Some(false),
        ..ServerSideEncryptionRule::default()
    };
    let server_side_encryption_configuration = Some(ServerSideEncryptionConfiguration { rules: vec![rule] });
    Ok(S3Response::new(GetBucketEncryptionOutput { server_side_encryption_configuration }))
}

/// Accepts what is so anyway.
pub(super) async fn put_bucket_encryption(
    face: &S3Face,
    request: S3Request<PutBucketEncryptionInput>,
) -> Answer<PutBucketEncryptionOutput> {
    let caller = face.admit(&request)?;
    check_encryption(&request.input.server_side_encryption_configuration)?;
    face.engine.may_ask(&caller, &names::bucket(&request.input.bucket)?, BucketTruth::SetEncryption).await?;
    Ok(S3Response::new(PutBucketEncryptionOutput::default()))
}

fn check_encryption(configuration: &ServerSideEncryptionConfiguration) -> Result<(), Mistake> {
    let [rule] = configuration.rules.as_slice() else {
        return Err(Mistake::Xml("exactly one Rule is needed"));
    };
    if rule.blocked_encryption_types.is_some() {
        return Err(Mistake::NotOffered("blocking encryption types".to_owned()));
    }
    let Some(default) = &rule.apply_server_side_encryption_by_default else {
        return Err(Mistake::Xml("the Rule must hold ApplyServerSideEncryptionByDefault"));
    };
    let needs_key_service = default.kms_master_key_id.is_some() || rule.bucket_key_enabled == Some(true);
    if default.sse_algorithm.as_str() != ServerSideEncryption::AES256 || needs_key_service {
        return Err(Mistake::NotOffered("default encryption other than AES256".to_owned()));
    }
    Ok(())
}

/// Takes away what is so anyway: what is stored stays encrypted, as in S3.
pub(super) async fn delete_bucket_encryption(
    face: &S3Face,
    request: S3Request<DeleteBucketEncryptionInput>,
) -> Answer<DeleteBucketEncryptionOutput> {
    let caller = face.admit(&request)?;
    face.engine.may_ask(&caller, &names::bucket(&request.input.bucket)?, BucketTruth::SetEncryption).await?;
    Ok(S3Response::new(DeleteBucketEncryptionOutput::default()))
}

pub(super) async fn get_bucket_logging(
    face: &S3Face,
    request: S3Request<GetBucketLoggingInput>,
) -> Answer<GetBucketLoggingOutput> {
    let caller = face.admit(&request)?;
    face.engine.may_ask(&caller, &names::bucket(&request.input.bucket)?, BucketTruth::Logging).await?;
    Ok(S3Response::new(GetBucketLoggingOutput { logging_enabled: None }))
}

/// Accepts that nothing is logged. A bucket that logs are to be delivered to would wait for them in vain.
pub(super) async fn put_bucket_logging(
    face: &S3Face,
    request: S3Request<PutBucketLoggingInput>,
) -> Answer<PutBucketLoggingOutput> {
    let caller = face.admit(&request)?;
    face.engine.may_ask(&caller, &names::bucket(&request.input.bucket)?, BucketTruth::SetLogging).await?;
    if request.input.bucket_logging_status.logging_enabled.is_some() {
        return Err(Mistake::NotOffered("delivering access logs to a bucket".to_owned()).into());
    }
    Ok(S3Response::new(PutBucketLoggingOutput::default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_encryption_there_is_can_be_chosen() {
        let configuration = |algorithm: &'static str, key: Option<&str>, bucket_key: Option<bool>| {
            let default = ServerSideEncryptionByDefault {
                kms_master_key_id: key.map(str::to_owned),
                sse_algorithm: ServerSideEncryption::from_static(algorithm),
            };
            let rule = ServerSideEncryptionRule {
                apply_server_side_encryption_by_default: Some(default),
                bucket_key_enabled: bucket_key,
                ..ServerSideEncryptionRule::default()
            };
            ServerSideEncryptionConfiguration { rules: vec![rule] }
        };
        assert_eq!(check_encryption(&configuration("AES256", None, None)), Ok(()));
        assert_eq!(check_encryption(&configuration("AES256", None, Some(false))), Ok(()));
        for refused in [
            configuration("aws:kms", None, None),
            configuration("AES256", Some("key"), None),
            configuration("AES256", None, Some(true)),
        ] {
            assert!(matches!(check_encryption(&refused), Err(Mistake::NotOffered(_))), "{refused:?}");
        }
        let mut two = configuration("AES256", None, None);
        two.rules.push(two.rules[0].clone());
        assert!(matches!(check_encryption(&two), Err(Mistake::Xml(_))));
        assert!(matches!(check_encryption(&ServerSideEncryptionConfiguration { rules: vec![] }), Err(Mistake::Xml(_))));
    }
}
