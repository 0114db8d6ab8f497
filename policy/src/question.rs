//! What a decision rests on: who asks, what for, and the facts. Plain data from the engine.

use std::borrow::Cow;
use std::sync::Arc;

use kernel::{
    AccountId, BucketName, Caller, ObjectFacts, ObjectKey, Origin, PublicAccessBlock, Sequence, Tags, Timestamp,
    VersionName, Who,
};

use crate::action::Action;
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

    /// The value that a policy variable stands for.
    pub(crate) fn variable(&self, name: &str) -> Option<String> {
        self.key(name).into_iter().next().map(Cow::into_owned)
    }

    /// The values of a condition key, which are none where the request has none.
    ///
    /// Source: Service Authorization Reference, *Condition keys for Amazon S3*; IAM User Guide, *AWS global condition
    /// context keys*.
    pub(crate) fn key(&self, name: &str) -> Vec<Cow<'_, str>> {
        let name = name.to_ascii_lowercase();
        let one = |value: String| vec![Cow::Owned(value)];
        match name.as_str() {
            "aws:currenttime" => one(rfc3339(self.now)),
            "aws:epochtime" => one(self.now.as_millis().div_euclid(1000).to_string()),
            "aws:securetransport" => one(self.origin().secure_transport.to_string()),
            "aws:sourceip" => self.origin().source_ip.map(|ip| Cow::Owned(ip.to_string())).into_iter().collect(),
            "aws:principaltype" => one(match self.caller.who() {
                Who::Root => "Account".to_owned(),
                Who::Anonymous => "Anonymous".to_owned(),
                Who::Lake(_) => "Service".to_owned(),
                Who::Principal(_) => "User".to_owned(),
            }),
            _ => self
                .tag(&name)
                .or_else(|| self.origin().keys.get(name.as_str()).map(|value| Cow::Borrowed(value.as_str())))
                .into_iter()
                .collect(),
        }
    }

    fn tag(&self, name: &str) -> Option<Cow<'_, str>> {
        let tag = name.strip_prefix("s3:existingobjecttag/")?;
        let tags = &self.object?.facts?.facts.tags;
        tags.iter().find(|(name, _)| name.eq_ignore_ascii_case(tag)).map(|(_, value)| Cow::Borrowed(value))
    }
}

/// An instant as conditions write it, to the second.
fn rfc3339(at: Timestamp) -> String {
    let instant = chrono::DateTime::from_timestamp_millis(at.as_millis()).unwrap_or_default();
    instant.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}
