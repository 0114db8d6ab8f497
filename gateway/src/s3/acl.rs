//! Access control lists, as far as they are judged: by the bucket's ownership, before the operation itself.
//!
//! Where the bucket's owner owns everything, S3 refuses every list but the one that gives the owner full control. Where
//! lists would count, those that say no more than what is so anyway are taken; others are not offered yet, and nothing of
//! the request is done.

use http::HeaderMap;
use kernel::settings::{Ownership, Setting, SettingName};
use kernel::{BucketName, Caller};
use s3s::dto::*;
use s3s::{S3Request, S3Response};

use super::{Answer, S3Face, trace_of};
use crate::s3_error::{Failure, Mistake};
use crate::translate::names;

const HEADER: &str = "x-amz-acl";
const GRANTS: &str = "x-amz-grant-";
const OWNERSHIP: &str = "x-amz-object-ownership";
const PRIVATE: &str = "private";
const OWNER_FULL_CONTROL: &str = "bucket-owner-full-control";
/// Source: Amazon S3 User Guide, *Access control list (ACL) overview*, "Canned ACL".
const CANNED: [&str; 8] = [
    PRIVATE,
    "public-read",
    "public-read-write",
    "aws-exec-read",
    "authenticated-read",
    "bucket-owner-read",
    OWNER_FULL_CONTROL,
    "log-delivery-write",
];

/// What a request asks for in the matter of access control lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// Nothing.
    Nothing,
    /// Full control for the bucket's owner.
    OwnerFullControl,
    /// That nobody but the writer may do anything.
    Private,
    /// Anything else.
    Else,
}

fn asked(headers: &HeaderMap) -> Result<Asked, Mistake> {
    if headers.keys().any(|name| name.as_str().starts_with(GRANTS)) {
        return Ok(Asked::Else);
    }
    let canned = headers.get(HEADER).map(|value| value.to_str().unwrap_or_default());
    match canned.unwrap_or_default() {
        "" => Ok(Asked::Nothing),
        OWNER_FULL_CONTROL => Ok(Asked::OwnerFullControl),
        PRIVATE => Ok(Asked::Private),
        canned if CANNED.contains(&canned) => Ok(Asked::Else),
        _ => Err(Mistake::Argument { name: HEADER, reason: "not a canned access control list".to_owned() }),
    }
}

/// Whether a bucket set up so takes what is asked. Where nobody chose an ownership, many clients say `private` unasked.
fn judge_by(asked: Asked, ownership: Option<Ownership>) -> Result<(), Mistake> {
    match (asked, ownership) {
        (Asked::Nothing | Asked::OwnerFullControl, _) => Ok(()),
        (Asked::Private, Some(Ownership::BucketOwnerEnforced)) => Err(Mistake::AclsOff),
        (Asked::Private, _) => Ok(()),
        (Asked::Else, None | Some(Ownership::BucketOwnerEnforced)) => Err(Mistake::AclsOff),
        (Asked::Else, Some(Ownership::BucketOwnerPreferred | Ownership::ObjectWriter)) => {
            Err(Mistake::NotOffered("an access control list that lets others in".to_owned()))
        }
    }
}

/// What a bucket that is made with this ownership says to what is asked.
fn judge_creation(asked: Asked, headers: &HeaderMap) -> Result<(), Mistake> {
    let ownership = headers.get(OWNERSHIP).and_then(|value| value.to_str().ok());
    let is_enforced = ownership == Some(ObjectOwnership::BUCKET_OWNER_ENFORCED);
    match asked {
        Asked::Nothing => Ok(()),
        Asked::Private | Asked::OwnerFullControl if !is_enforced => Ok(()),
        Asked::Else if ownership.is_some() && !is_enforced => judge_by(asked, Some(Ownership::ObjectWriter)),
        _ => Err(Mistake::AclOnCreation),
    }
}

/// Judges the headers of a request before its operation begins. Costs nothing where there are none.
pub(super) async fn judge<T>(face: &S3Face, request: &S3Request<T>, operation: &str) -> Result<(), Failure> {
    let asked = asked(&request.headers)?;
    if asked == Asked::Nothing {
        return Ok(());
    }
    let trace = trace_of(request);
    let named = trace.as_ref().and_then(|trace| trace.resolved()?.bucket.as_deref());
    let caller = request.extensions.get::<Caller>().cloned().unwrap_or_else(Caller::anonymous);
    let bucket = names::bucket(named.unwrap_or_default())?;
    match ownership(face, &caller, &bucket).await {
        Ok(ownership) => Ok(judge_by(asked, ownership)?),
        Err(engine::Error::NotFound(engine::Missing::Bucket)) if operation == "create_bucket" => {
            Ok(judge_creation(asked, &request.headers)?)
        }
        Err(error) => Err(error.into()),
    }
}

async fn ownership(face: &S3Face, caller: &Caller, bucket: &BucketName) -> engine::Result<Option<Ownership>> {
    match face.engine.bucket_setting(caller, bucket, SettingName::Ownership).await? {
        Setting::Ownership(ownership) => Ok(ownership),
        _ => Err(engine::Error::Bug("another setting than the one asked for")),
    }
}

pub(super) async fn put_bucket_acl(face: &S3Face, request: S3Request<PutBucketAclInput>) -> Answer<PutBucketAclOutput> {
    let caller = face.admit(&request)?;
    let bucket = names::bucket(&request.input.bucket)?;
    face.engine.head_bucket(&caller, &bucket).await?;
    let document = request.input.access_control_policy.as_ref();
    judge_list(face, &caller, &bucket, &request.headers, document).await?;
    Ok(S3Response::new(PutBucketAclOutput::default()))
}

pub(super) async fn put_object_acl(face: &S3Face, request: S3Request<PutObjectAclInput>) -> Answer<PutObjectAclOutput> {
    let caller = face.admit(&request)?;
    let S3Request { input, headers, .. } = request;
    let get = super::truths::whole(&input.bucket, &input.key, input.version_id.as_deref())?;
    let bucket = get.bucket.clone();
    face.engine.head_object(&caller, get).await?;
    judge_list(face, &caller, &bucket, &headers, input.access_control_policy.as_ref()).await?;
    Ok(S3Response::new(PutObjectAclOutput::default()))
}

/// A list that is put: in a header, which was judged before, or in the body. The one that stands anyway may be put in its own
/// place.
async fn judge_list(
    face: &S3Face,
    caller: &Caller,
    bucket: &BucketName,
    headers: &HeaderMap,
    policy: Option<&AccessControlPolicy>,
) -> Result<(), Failure> {
    let Some(policy) = policy else {
        return if asked(headers)? == Asked::Nothing { Err(Mistake::NoAcl.into()) } else { Ok(()) };
    };
    let asked = if is_what_stands(policy, &face.owner) { Asked::OwnerFullControl } else { Asked::Else };
    Ok(judge_by(asked, ownership(face, caller, bucket).await?)?)
}

/// Whether a list gives full control to the owner and nothing to anybody else.
fn is_what_stands(policy: &AccessControlPolicy, owner: &str) -> bool {
    let is_owner = |id: Option<&String>| id.is_none_or(|id| id == owner);
    let names_owner = is_owner(policy.owner.as_ref().and_then(|owner| owner.id.as_ref()));
    let [grant] = policy.grants.as_deref().unwrap_or_default() else { return false };
    let is_full = grant.permission.as_ref().is_some_and(|given| given.as_str() == Permission::FULL_CONTROL);
    let to_owner = grant.grantee.as_ref().is_some_and(|grantee| grantee.id.as_deref() == Some(owner));
    names_owner && is_full && to_owner
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn canned_lists_are_known_by_their_names() {
        let table = [
            (&[][..], Ok(Asked::Nothing)),
            (&[("x-amz-acl", "")][..], Ok(Asked::Nothing)),
            (&[("x-amz-acl", "private")][..], Ok(Asked::Private)),
            (&[("x-amz-acl", "bucket-owner-full-control")][..], Ok(Asked::OwnerFullControl)),
            (&[("x-amz-acl", "public-read")][..], Ok(Asked::Else)),
            (&[("x-amz-grant-read", "id=1")][..], Ok(Asked::Else)),
            (&[("x-amz-acl", "private"), ("x-amz-grant-read", "id=1")][..], Ok(Asked::Else)),
        ];
        for (pairs, expected) in table {
            assert_eq!(asked(&headers(pairs)), expected, "{pairs:?}");
        }
        let unknown = asked(&headers(&[("x-amz-acl", "public-ready")]));
        assert!(matches!(unknown, Err(Mistake::Argument { name: "x-amz-acl", .. })));
    }

    #[test]
    fn ownership_decides_what_a_list_is_answered() {
        use Ownership::{BucketOwnerEnforced, BucketOwnerPreferred, ObjectWriter};
        for ownership in [None, Some(BucketOwnerEnforced), Some(BucketOwnerPreferred), Some(ObjectWriter)] {
            assert_eq!(judge_by(Asked::Nothing, ownership), Ok(()));
            assert_eq!(judge_by(Asked::OwnerFullControl, ownership), Ok(()));
            let private = judge_by(Asked::Private, ownership);
            assert_eq!(private.is_err(), ownership == Some(BucketOwnerEnforced));
        }
        for off in [None, Some(BucketOwnerEnforced)] {
            assert_eq!(judge_by(Asked::Else, off), Err(Mistake::AclsOff));
        }
        for on in [Some(BucketOwnerPreferred), Some(ObjectWriter)] {
            assert!(matches!(judge_by(Asked::Else, on), Err(Mistake::NotOffered(_))));
        }
    }

    #[test]
    fn a_new_bucket_has_its_ownership_from_the_request() {
        let owned = |ownership: &'static str| headers(&[("x-amz-object-ownership", ownership)]);
        assert_eq!(judge_creation(Asked::Private, &headers(&[])), Ok(()));
        assert_eq!(judge_creation(Asked::Else, &headers(&[])), Err(Mistake::AclOnCreation));
        for asked in [Asked::Private, Asked::OwnerFullControl, Asked::Else] {
            assert_eq!(judge_creation(asked, &owned("BucketOwnerEnforced")), Err(Mistake::AclOnCreation));
        }
        assert!(matches!(judge_creation(Asked::Else, &owned("ObjectWriter")), Err(Mistake::NotOffered(_))));
        assert_eq!(judge_creation(Asked::Private, &owned("ObjectWriter")), Ok(()));
    }

    #[test]
    fn only_the_list_that_stands_may_be_put() {
        let grantee = |id: &str| Grantee {
            display_name: None,
            email_address: None,
            id: Some(id.to_owned()),
            type_: Type::from_static(Type::CANONICAL_USER),
            uri: None,
        };
        let policy = |owner: Option<&str>, grants: &[(&str, &'static str)]| AccessControlPolicy {
            grants: Some(
                grants
                    .iter()
                    .map(|(id, permission)| Grant {
                        grantee: Some(grantee(id)),
                        permission: Some(Permission::from_static(permission)),
                    })
                    .collect(),
            ),
            owner: owner.map(|id| Owner { display_name: None, id: Some(id.to_owned()) }),
        };
        let full = Permission::FULL_CONTROL;
        assert!(is_what_stands(&policy(Some("me"), &[("me", full)]), "me"));
        assert!(is_what_stands(&policy(None, &[("me", full)]), "me"));
        for other in [
            policy(Some("you"), &[("me", full)]),
            policy(Some("me"), &[("you", full)]),
            policy(Some("me"), &[("me", Permission::READ)]),
            policy(Some("me"), &[("me", full), ("you", Permission::READ)]),
            policy(Some("me"), &[]),
        ] {
            assert!(!is_what_stands(&other, "me"), "{other:?}");
        }
    }
}
