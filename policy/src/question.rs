//! What a decision rests on: who asks, what for, and the facts. Plain data from the engine.

use std::borrow::Cow;
use std::sync::Arc;

use kernel::{
    AccountId, AuthMethod, BucketName, Caller, ObjectFacts, ObjectKey, Origin, PrincipalKind, Protection,
    PublicAccessBlock, RetentionMode, Sequence, Tags, Timestamp, VersionName, Who,
};

use crate::action::{Action, Group, Resource};
use crate::iam::condition::instant;
use crate::judge::owner;
use crate::operation_keys::OperationKeys;
use crate::source::Source;

/// The bucket that a question is about.
#[derive(Debug, Clone, Copy)]
pub struct BucketView<'a> {
    /// Its name.
    pub name: &'a BucketName,
    /// Whose it is.
    pub owner: AccountId,
    /// Whether its owner owns every object in it, whoever wrote it.
    pub owns_objects: bool,
    /// When it was made.
    pub created: Timestamp,
    /// Its tags.
    pub tags: &'a Tags,
    /// `Unversioned`, `Enabled` or `Suspended`.
    pub versioning: &'static str,
    /// Whether it locks objects.
    pub locks: bool,
    /// What of public access it blocks.
    pub block: PublicAccessBlock,
    /// The change that made it what it is: a write that rests on the decision expects it unchanged.
    pub revision: Sequence,
}

/// The object that a question is about.
#[derive(Debug, Clone, Copy)]
pub struct ObjectView<'a> {
    /// Its key.
    pub key: &'a ObjectKey,
    /// The version that was named; none for the current one.
    pub version: Option<VersionName>,
    /// What is known of the version; none where there is none yet.
    pub facts: Option<VersionView<'a>>,
    /// Who will own it, where there is none yet; none where that is the bucket's owner, or does not matter.
    pub owner: Option<AccountId>,
}

/// What is known of a version.
#[derive(Debug, Clone, Copy)]
pub struct VersionView<'a> {
    /// All of it.
    pub facts: &'a ObjectFacts,
    /// When it was written.
    pub created: Timestamp,
}

/// The policies that can concern a question, by where they come from. A set is never looked at in part.
#[derive(Debug, Clone, Copy, Default)]
pub struct Policies<'a> {
    /// The lake's own: they concern everybody.
    pub lake: &'a [Arc<Source>],
    /// What is attached to the caller and to the groups it is in.
    pub identity: &'a [Arc<Source>],
    /// What the bucket and the object say: bucket policy and access control lists.
    pub resource: &'a [Arc<Source>],
    /// What the caller's powers are narrowed to: each must allow what is asked, for itself.
    pub narrowing: &'a [Arc<Source>],
}

/// What somebody wants to do, and to what.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// Who asks.
    pub caller: &'a Caller,
    /// What for.
    pub action: Action,
    /// The bucket it concerns; none for what concerns the whole lake.
    pub bucket: Option<BucketView<'a>>,
    /// The object it concerns.
    pub object: Option<ObjectView<'a>>,
    /// The ARN of the identity it concerns, where it is about users, groups, roles and the like.
    pub identity: Option<&'a str>,
    /// The tags that the request sets.
    pub tags: Option<&'a Tags>,
    /// What the request keeps the object from.
    pub protection: Option<&'a Protection>,
    /// Condition keys that the operation itself has, of identities and sessions.
    pub keys: Option<&'a OperationKeys>,
    /// The region of the lake, which a request is for unless it is signed for another.
    pub region: &'a str,
    /// When.
    pub now: Timestamp,
}

impl<'a> Question<'a> {
    /// How the request came.
    pub(crate) fn origin(&self) -> &'a Origin {
        self.caller.origin()
    }

    /// `bucket` or `bucket/key`, as ARNs have it. A bucket's name holds no slash, so the first one ends it.
    pub(crate) fn path(&self) -> Option<Cow<'_, str>> {
        let bucket = self.bucket?.name.as_str();
        Some(match self.object {
            Some(object) => Cow::Owned(format!("{bucket}/{}", object.key.as_str())),
            None => Cow::Borrowed(bucket),
        })
    }

    /// The ARN of the identity that it concerns: where none is named, all of the caller's account.
    pub(crate) fn identity_arn(&self) -> Cow<'a, str> {
        match (self.identity, self.caller.account()) {
            (Some(arn), _) => Cow::Borrowed(arn),
            (None, Some(account)) => Cow::Owned(format!("arn:aws:iam::{account}:*")),
            (None, None) => Cow::Borrowed("*"),
        }
    }

    /// The ARN of what it concerns.
    pub(crate) fn arn(&self) -> Option<Cow<'_, str>> {
        match self.action.resource() {
            Resource::Lake => None,
            Resource::Bucket | Resource::Object => Some(Cow::Owned(format!("arn:aws:s3:::{}", self.path()?))),
            Resource::Identity => Some(self.identity_arn()),
        }
    }

    /// The value that a policy variable stands for. Of tags whose names differ in case alone the one that is spelled so
    /// counts; where none is, which one is meant would be a guess.
    pub(crate) fn variable(&self, name: &str) -> Option<String> {
        match self.tags(name).as_slice() {
            [] => {
                let mut found = self.key(&name.to_ascii_lowercase());
                if name.contains('/') && found.len() > 1 { None } else { found.drain(..).next().map(Cow::into_owned) }
            }
            [(_, value)] => Some((*value).to_owned()),
            several => {
                let (_, tag) = name.split_once('/')?;
                several.iter().find(|(name, _)| *name == tag).map(|(_, value)| (*value).to_owned())
            }
        }
    }

    /// The values of a condition key in lower case, which are none where the request has none.
    ///
    /// Source: Service Authorization Reference, *Condition keys for Amazon S3*; IAM User Guide, *AWS global condition
    /// context keys*.
    pub(crate) fn key(&self, name: &str) -> Vec<Cow<'_, str>> {
        let one = |value: String| vec![Cow::Owned(value)];
        if let Some(values) = self.keys.and_then(|keys| keys.get(name)) {
            return values.iter().map(|value| Cow::Borrowed(value.as_str())).collect();
        }
        match name {
            "aws:currenttime" => one(rfc3339(self.now)),
            "aws:epochtime" => one(self.now.as_millis().div_euclid(1000).to_string()),
            "aws:securetransport" => one(self.origin().secure_transport.to_string()),
            "aws:sourceip" => self.origin().source_ip.map(|ip| Cow::Owned(ip.to_string())).into_iter().collect(),
            "aws:requestedregion" => {
                vec![Cow::Borrowed(self.origin().keys.get(name).map_or(self.region, String::as_str))]
            }
            "aws:principalisawsservice" | "aws:viaawsservice" => one("false".to_owned()),
            "aws:resourceaccount" | "s3:resourceaccount" => {
                owner(self).map(|account| Cow::Owned(account.to_string())).into_iter().collect()
            }
            "lake:purpose" => self.origin().purpose.as_deref().map(Cow::Borrowed).into_iter().collect(),
            "aws:tagkeys" | "s3:requestobjecttagkeys" => {
                self.tags.into_iter().flat_map(|tags| tags.iter().map(|(name, _)| Cow::Borrowed(name))).collect()
            }
            _ => {
                let tags = self.tags(name);
                if !tags.is_empty() {
                    return tags.into_iter().map(|(_, value)| Cow::Borrowed(value)).collect();
                }
                let found = self.of_caller(name).or_else(|| self.lock(name)).or_else(|| self.brought(name));
                found.into_iter().collect()
            }
        }
    }

    /// What a request or the credentials it came with bring along.
    fn brought(&self, name: &str) -> Option<Cow<'_, str>> {
        if !self.concerns(name) {
            return None;
        }
        let of_caller = || self.caller.principal().and_then(|principal| principal.keys.get(name));
        let head = &self.origin().keys;
        if let Some(value) = head.get(name).or_else(of_caller) {
            return Some(Cow::Borrowed(value));
        }
        match name {
            "s3:signatureage" => {
                let signed = chrono::NaiveDateTime::parse_from_str(head.get(SIGNED_AT)?, "%Y%m%dT%H%M%SZ").ok()?;
                let age = self.now.as_millis().saturating_sub(signed.and_utc().timestamp_millis());
                Some(Cow::Owned(age.max(0).to_string()))
            }
            "s3:objectcreationoperation" => Some(Cow::Borrowed("true")),
            _ => None,
        }
    }

    /// Whether a request for this action has a key at all. A header or a parameter that means nothing to an operation is no
    /// key of it: else whoever adds one to a request could let themselves in by a condition that is about other operations.
    ///
    /// Source: Service Authorization Reference, *Actions, resources, and condition keys for Amazon S3*, by actions.
    fn concerns(&self, name: &str) -> bool {
        let (group, resource) = (self.action.group(), self.action.resource());
        match name {
            "s3:prefix" | "s3:delimiter" | "s3:max-keys" => group == Group::List && resource == Resource::Bucket,
            "s3:versionid" => resource == Resource::Object,
            "s3:if-match" | "s3:if-none-match" => group == Group::Write && resource == Resource::Object,
            "s3:objectcreationoperation" => self.action == Action::PutObject,
            "s3:x-amz-content-sha256" => true,
            _ if name.starts_with("s3:x-amz-") => matches!(group, Group::Write | Group::Manage),
            _ => true,
        }
    }

    /// What is known of who asks.
    fn of_caller(&self, name: &str) -> Option<Cow<'_, str>> {
        let principal = self.caller.principal();
        let kind = principal.map(|principal| principal.kind);
        match name {
            "aws:principaltype" => Some(Cow::Borrowed(match (self.caller.who(), kind) {
                (Who::Root, _) | (_, Some(PrincipalKind::AccountRoot)) => "Account",
                (Who::Anonymous, _) => "Anonymous",
                (Who::Lake(_), _) => "Service",
                (_, Some(PrincipalKind::Role)) => "AssumedRole",
                (Who::Principal(_), _) => "User",
            })),
            "aws:userid" if self.caller.is_anonymous() => Some(Cow::Borrowed("anonymous")),
            "aws:userid" => Some(Cow::Borrowed(&principal?.unique_id)),
            "aws:username" if kind == Some(PrincipalKind::User) => Some(Cow::Borrowed(&principal?.name)),
            "aws:principalarn" => Some(Cow::Borrowed(&principal?.policy_arn)),
            "aws:principalaccount" => Some(Cow::Owned(principal?.account.to_string())),
            // Temporary keys say when they were made and that no second factor was shown; permanent ones say neither.
            "aws:multifactorauthpresent" => {
                (principal?.method == AuthMethod::Session).then_some(Cow::Borrowed("false"))
            }
            "aws:tokenissuetime" => {
                let at = instant(principal?.keys.get(name)?)?;
                Some(Cow::Owned(rfc3339(Timestamp::from_millis(at))))
            }
            _ => None,
        }
    }

    /// The lock that the request sets. What a bucket retains by default is not the request's.
    ///
    /// Source: Amazon S3 User Guide, *Locking objects with Object Lock*, "Setting limits on retention periods with a bucket
    /// policy".
    fn lock(&self, name: &str) -> Option<Cow<'_, str>> {
        let protection = self.protection?;
        let until = || Some(protection.retention?.until);
        match name {
            "s3:object-lock-mode" => Some(Cow::Borrowed(match protection.retention?.mode {
                RetentionMode::Governance => "GOVERNANCE",
                RetentionMode::Compliance => "COMPLIANCE",
            })),
            "s3:object-lock-retain-until-date" => Some(Cow::Owned(rfc3339(until()?))),
            "s3:object-lock-remaining-retention-days" => {
                let remaining_ms = until()?.as_millis().saturating_sub(self.now.as_millis());
                Some(Cow::Owned(remaining_ms.div_euclid(DAY_MS).to_string()))
            }
            "s3:object-lock-legal-hold" => Some(Cow::Borrowed(if protection.legal_hold? { "ON" } else { "OFF" })),
            _ => None,
        }
    }

    /// The tags that a key means: of the caller, of the request, of the object, or of the bucket. Conditions name tags in
    /// whatever case, S3 tells tags apart by it: so there may be several.
    fn tags(&self, name: &str) -> Vec<(&str, &str)> {
        let Some((of, tag)) = name.split_once('/') else { return Vec::new() };
        let is_meant = |(name, _): &(&str, &str)| name.eq_ignore_ascii_case(tag);
        let bucket = || self.bucket.map(|bucket| bucket.tags);
        let tags = match of.to_ascii_lowercase().as_str() {
            "aws:principaltag" => {
                let tags = self.caller.principal().into_iter().flat_map(|principal| principal.tags.iter());
                return tags.map(|(name, value)| (name.as_str(), value.as_str())).filter(is_meant).collect();
            }
            "aws:requesttag" | "s3:requestobjecttag" => self.tags,
            "s3:existingobjecttag" => self.object.and_then(|object| Some(&object.facts?.facts.tags)),
            "s3:buckettag" => bucket(),
            "aws:resourcetag" if self.action.resource() == Resource::Bucket => bucket(),
            _ => None,
        };
        tags.into_iter().flat_map(Tags::iter).filter(is_meant).collect()
    }
}

/// When a request says it was signed, as its head has it: no key of its own.
const SIGNED_AT: &str = "x-amz-date";

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// An instant as conditions write it, to the second.
fn rfc3339(at: Timestamp) -> String {
    let instant = chrono::DateTime::from_timestamp_millis(at.as_millis()).unwrap_or_default();
    instant.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}
