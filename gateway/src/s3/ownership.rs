//! Who owns what others write to a bucket, and who pays for requests to it.
//!
//! Both are kept and told here. What they mean for a request is decided where the request is.

use kernel::settings::{Ownership, Payer as LakePayer, Setting, SettingName};
use s3s::dto::*;
use s3s::{S3Request, S3Response};

use super::{Answer, S3Face};
use crate::s3_error::Mistake;
use crate::translate::names;

/// The ownership that a text names.
pub(super) fn ownership(text: &ObjectOwnership) -> Result<Ownership, Mistake> {
    match text.as_str() {
        ObjectOwnership::BUCKET_OWNER_ENFORCED => Ok(Ownership::BucketOwnerEnforced),
        ObjectOwnership::BUCKET_OWNER_PREFERRED => Ok(Ownership::BucketOwnerPreferred),
        ObjectOwnership::OBJECT_WRITER => Ok(Ownership::ObjectWriter),
        _ => Err(Mistake::Xml("the ObjectOwnership must be BucketOwnerEnforced, BucketOwnerPreferred or ObjectWriter")),
    }
}

fn ownership_to_wire(ownership: Ownership) -> ObjectOwnership {
    ObjectOwnership::from_static(match ownership {
        Ownership::BucketOwnerEnforced => ObjectOwnership::BUCKET_OWNER_ENFORCED,
        Ownership::BucketOwnerPreferred => ObjectOwnership::BUCKET_OWNER_PREFERRED,
        Ownership::ObjectWriter => ObjectOwnership::OBJECT_WRITER,
    })
}

pub(super) async fn get_bucket_ownership_controls(
    face: &S3Face,
    request: S3Request<GetBucketOwnershipControlsInput>,
) -> Answer<GetBucketOwnershipControlsOutput> {
    let caller = face.admit(&request)?;
    let bucket = names::bucket(&request.input.bucket)?;
    let Setting::Ownership(Some(ownership)) =
        face.engine.bucket_setting(&caller, &bucket, SettingName::Ownership).await?
    else {
        return Err(Mistake::NoOwnershipControls.into());
    };
    let rule = OwnershipControlsRule { object_ownership: ownership_to_wire(ownership) };
    let ownership_controls = Some(OwnershipControls { rules: vec![rule] });
    Ok(S3Response::new(GetBucketOwnershipControlsOutput { ownership_controls }))
}

pub(super) async fn put_bucket_ownership_controls(
    face: &S3Face,
    request: S3Request<PutBucketOwnershipControlsInput>,
) -> Answer<PutBucketOwnershipControlsOutput> {
    let caller = face.admit(&request)?;
    let bucket = names::bucket(&request.input.bucket)?;
    let [rule] = request.input.ownership_controls.rules.as_slice() else {
        return Err(Mistake::Xml("exactly one Rule is needed").into());
    };
    let setting = Setting::Ownership(Some(ownership(&rule.object_ownership)?));
    face.engine.set_bucket_setting(&caller, &bucket, setting).await?;
    Ok(S3Response::new(PutBucketOwnershipControlsOutput::default()))
}

pub(super) async fn delete_bucket_ownership_controls(
    face: &S3Face,
    request: S3Request<DeleteBucketOwnershipControlsInput>,
) -> Answer<DeleteBucketOwnershipControlsOutput> {
    let caller = face.admit(&request)?;
    let bucket = names::bucket(&request.input.bucket)?;
    face.engine.set_bucket_setting(&caller, &bucket, Setting::Ownership(None)).await?;
    Ok(S3Response::new(DeleteBucketOwnershipControlsOutput::default()))
}

pub(super) async fn get_bucket_request_payment(
    face: &S3Face,
    request: S3Request<GetBucketRequestPaymentInput>,
) -> Answer<GetBucketRequestPaymentOutput> {
    let caller = face.admit(&request)?;
    let bucket = names::bucket(&request.input.bucket)?;
    let payer = match face.engine.bucket_setting(&caller, &bucket, SettingName::Payer).await? {
        Setting::Payer(Some(LakePayer::Requester)) => Payer::REQUESTER,
        _ => Payer::BUCKET_OWNER,
    };
    Ok(S3Response::new(GetBucketRequestPaymentOutput { payer: Some(Payer::from_static(payer)) }))
}

pub(super) async fn put_bucket_request_payment(
    face: &S3Face,
    request: S3Request<PutBucketRequestPaymentInput>,
) -> Answer<PutBucketRequestPaymentOutput> {
    let caller = face.admit(&request)?;
    let bucket = names::bucket(&request.input.bucket)?;
    let payer = payer(&request.input.request_payment_configuration.payer)?;
    face.engine.set_bucket_setting(&caller, &bucket, Setting::Payer(Some(payer))).await?;
    Ok(S3Response::new(PutBucketRequestPaymentOutput::default()))
}

fn payer(text: &Payer) -> Result<LakePayer, Mistake> {
    match text.as_str() {
        Payer::BUCKET_OWNER => Ok(LakePayer::BucketOwner),
        Payer::REQUESTER => Ok(LakePayer::Requester),
        _ => Err(Mistake::Xml("the Payer must be BucketOwner or Requester")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ownerships_have_three_names() {
        for name in ["BucketOwnerEnforced", "BucketOwnerPreferred", "ObjectWriter"] {
            let text = ObjectOwnership::from(name.to_owned());
            assert_eq!(ownership(&text).map(ownership_to_wire), Ok(text));
        }
        for bad in ["", "objectwriter", "Everybody"] {
            assert!(matches!(ownership(&ObjectOwnership::from(bad.to_owned())), Err(Mistake::Xml(_))), "{bad}");
        }
    }

    #[test]
    fn one_of_two_pays() {
        assert_eq!(payer(&Payer::from("BucketOwner".to_owned())), Ok(LakePayer::BucketOwner));
        assert_eq!(payer(&Payer::from("Requester".to_owned())), Ok(LakePayer::Requester));
        assert!(matches!(payer(&Payer::from("Nobody".to_owned())), Err(Mistake::Xml(_))));
    }
}
