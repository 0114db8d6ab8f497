//! Buckets: made, looked at, removed, listed; their region and whether they keep versions.

use engine::{CreateBucket, Error as EngineError, Existing};
use kernel::{Tags, Versioning};
use s3s::dto::*;
use s3s::{S3Request, S3Response};

use super::{Answer, S3Face, ownership};
use crate::s3_error::Mistake;
use crate::translate::{attributes, legible, listing, names, time};

/// Buckets of a page. Source: Amazon S3 API, *ListBuckets*.
const BUCKETS_PER_PAGE: usize = 10_000;
/// The region that S3 writes as no location at all. Source: Amazon S3 API, *GetBucketLocation*.
const UNNAMED_REGION: &str = "us-east-1";

pub(super) async fn create_bucket(face: &S3Face, request: S3Request<CreateBucketInput>) -> Answer<CreateBucketOutput> {
    let caller = face.admit(&request)?;
    let acl = face.asked_acl(&request.headers)?;
    let input = request.input;
    let name = names::new_bucket(&input.bucket)?;
    let tags = match input.create_bucket_configuration {
        Some(configuration) => tags_of(configuration, face.region.as_str())?,
        None => Tags::default(),
    };
    let ownership = input.object_ownership.as_ref().map(ownership::ownership).transpose()?;
    let location = Some(format!("/{name}"));
    let locks_objects = input.object_lock_enabled_for_bucket == Some(true);
    let is_plain = tags.is_empty() && ownership.is_none() && !locks_objects;
    match face.engine.create_bucket(&caller, CreateBucket { name, tags, ownership, acl, locks_objects }).await {
        Ok(_) => {}
        // There, making one's own bucket again succeeds. Source: Amazon S3 API, *CreateBucket*, `BucketAlreadyOwnedByYou`.
        // Whoever asks for more than a bucket learns that it is not made as they want it.
        Err(EngineError::AlreadyExists(Existing::OwnBucket)) if face.region.as_str() == UNNAMED_REGION && is_plain => {}
        Err(error) => return Err(error.into()),
    }
    Ok(S3Response::new(CreateBucketOutput { location, ..CreateBucketOutput::default() }))
}

/// The tags that a new bucket gets, once nothing else is asked for that is not so anyway.
fn tags_of(configuration: CreateBucketConfiguration, region: &str) -> Result<Tags, Mistake> {
    if configuration.bucket.is_some() || configuration.location.is_some() {
        return Err(Mistake::NotOffered("a directory bucket".to_owned()));
    }
    match configuration.location_constraint.as_ref().map(BucketLocationConstraint::as_str) {
        Some(asked) if !asked.is_empty() && asked != region => Err(Mistake::Location(asked.to_owned())),
        _ => attributes::tags_of_body(Tagging { tag_set: configuration.tags.unwrap_or_default() }, Tags::BUCKET_MAX),
    }
}

pub(super) async fn head_bucket(face: &S3Face, request: S3Request<HeadBucketInput>) -> Answer<HeadBucketOutput> {
    let caller = face.admit(&request)?;
    let bucket = face.engine.head_bucket(&caller, &names::bucket(&request.input.bucket)?).await?;
    let bucket_region = Some(bucket.region.to_string());
    Ok(S3Response::new(HeadBucketOutput { bucket_region, ..HeadBucketOutput::default() }))
}

pub(super) async fn delete_bucket(face: &S3Face, request: S3Request<DeleteBucketInput>) -> Answer<DeleteBucketOutput> {
    let caller = face.admit(&request)?;
    face.engine.delete_bucket(&caller, &names::bucket(&request.input.bucket)?).await?;
    Ok(S3Response::new(DeleteBucketOutput {}))
}

pub(super) async fn list_buckets(face: &S3Face, request: S3Request<ListBucketsInput>) -> Answer<ListBucketsOutput> {
    let caller = face.admit(&request)?;
    let input = request.input;
    let limit = listing::page_size(input.max_buckets, "max-buckets", BUCKETS_PER_PAGE)?;
    if limit == 0 {
        let reason = format!("must be an integer between 1 and {BUCKETS_PER_PAGE}");
        return Err(Mistake::Argument { name: "max-buckets", reason }.into());
    }
    let prefix = listing::text(input.prefix, "prefix")?;
    let after = listing::token_place(input.continuation_token.as_deref())?;
    let searched = prefix.as_deref().unwrap_or_default();
    let (buckets, truncated) = face.engine.list_buckets(&caller, searched, after.as_deref(), limit).await?;
    let last = buckets.last().filter(|_| truncated).map(|bucket| listing::token(bucket.name.as_str()));
    let wanted = |region: &kernel::Region| input.bucket_region.as_deref().is_none_or(|asked| asked == region.as_str());
    let buckets = buckets.into_iter().filter(|bucket| wanted(&bucket.region)).map(|bucket| Bucket {
        bucket_region: Some(bucket.region.to_string()),
        creation_date: Some(time::to_wire(bucket.created)),
        name: Some(bucket.name.to_string()),
        ..Bucket::default()
    });
    Ok(S3Response::new(ListBucketsOutput {
        buckets: Some(buckets.collect()),
        continuation_token: last,
        owner: caller.account().map(|account| face.owner(account)),
        prefix: prefix.and_then(legible::echo),
    }))
}

pub(super) async fn get_bucket_location(
    face: &S3Face,
    request: S3Request<GetBucketLocationInput>,
) -> Answer<GetBucketLocationOutput> {
    let caller = face.admit(&request)?;
    let region = face.engine.bucket_location(&caller, &names::bucket(&request.input.bucket)?).await?;
    let named = Some(region).filter(|region| region.as_str() != UNNAMED_REGION);
    let location_constraint = named.map(|region| BucketLocationConstraint::from(region.to_string()));
    Ok(S3Response::new(GetBucketLocationOutput { location_constraint }))
}

pub(super) async fn get_bucket_versioning(
    face: &S3Face,
    request: S3Request<GetBucketVersioningInput>,
) -> Answer<GetBucketVersioningOutput> {
    let caller = face.admit(&request)?;
    let status = match face.engine.bucket_versioning(&caller, &names::bucket(&request.input.bucket)?).await? {
        Versioning::Unversioned => None,
        Versioning::Enabled => Some(BucketVersioningStatus::from_static(BucketVersioningStatus::ENABLED)),
        Versioning::Suspended => Some(BucketVersioningStatus::from_static(BucketVersioningStatus::SUSPENDED)),
    };
    Ok(S3Response::new(GetBucketVersioningOutput { mfa_delete: None, status }))
}

pub(super) async fn put_bucket_versioning(
    face: &S3Face,
    request: S3Request<PutBucketVersioningInput>,
) -> Answer<PutBucketVersioningOutput> {
    let caller = face.admit(&request)?;
    let bucket = names::bucket(&request.input.bucket)?;
    let to = versioning(&request.input.versioning_configuration)?;
    face.engine.set_bucket_versioning(&caller, &bucket, to).await?;
    Ok(S3Response::new(PutBucketVersioningOutput::default()))
}

fn versioning(configuration: &VersioningConfiguration) -> Result<Versioning, Mistake> {
    match configuration.mfa_delete.as_ref().map(MFADelete::as_str) {
        None | Some(MFADelete::DISABLED) => {}
        Some(_) => return Err(Mistake::NotOffered("deleting with multi-factor authentication".to_owned())),
    }
    match configuration.status.as_ref().map(BucketVersioningStatus::as_str) {
        Some(BucketVersioningStatus::ENABLED) => Ok(Versioning::Enabled),
        Some(BucketVersioningStatus::SUSPENDED) => Ok(Versioning::Suspended),
        _ => Err(Mistake::Xml("the Status must be Enabled or Suspended")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_made_in_this_region_or_not_at_all() {
        let asked = |region: &str| CreateBucketConfiguration {
            location_constraint: Some(BucketLocationConstraint::from(region.to_owned())),
            ..CreateBucketConfiguration::default()
        };
        for region in ["eu-central-1", ""] {
            assert_eq!(tags_of(asked(region), "eu-central-1"), Ok(Tags::default()), "{region}");
        }
        let elsewhere = tags_of(asked("us-west-2"), "eu-central-1");
        assert_eq!(elsewhere, Err(Mistake::Location("us-west-2".to_owned())));
        let tagged = |count: usize| CreateBucketConfiguration {
            tags: Some(vec![Tag { key: Some("a".to_owned()), value: Some("b".to_owned()) }; count]),
            ..CreateBucketConfiguration::default()
        };
        assert_eq!(tags_of(tagged(1), "eu-central-1").map(|tags| tags.len()), Ok(1));
        assert!(matches!(tags_of(tagged(2), "eu-central-1"), Err(Mistake::Tag(_))));
    }

    #[test]
    fn versioning_is_switched_on_or_suspended_and_knows_no_mfa() {
        let configuration = |status: Option<&'static str>, mfa: Option<&'static str>| VersioningConfiguration {
            status: status.map(BucketVersioningStatus::from_static),
            mfa_delete: mfa.map(MFADelete::from_static),
        };
        assert_eq!(versioning(&configuration(Some("Enabled"), None)), Ok(Versioning::Enabled));
        assert_eq!(versioning(&configuration(Some("Suspended"), Some("Disabled"))), Ok(Versioning::Suspended));
        assert!(matches!(versioning(&configuration(Some("Enabled"), Some("Enabled"))), Err(Mistake::NotOffered(_))));
        for status in [None, Some("enabled"), Some("")] {
            assert!(matches!(versioning(&configuration(status, None)), Err(Mistake::Xml(_))), "{status:?}");
        }
    }
}
