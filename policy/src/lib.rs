//! May this happen?
//!
//! Life in here is pure: a question goes in, a [`Permit`] or a [`Refusal`] comes out, nothing is read or changed. A
//! permit cannot be made anywhere else, and the engine touches nothing of a user's without one.
//!
//! One engine decides: Cedar. Policies come in as Cedar, or as documents in IAM's language that are said in Cedar when they
//! are stored ([`Source`]); a [`Judge`] is asked with the sources that can concern a question. The holder of the root keys
//! is bound by none of them, the lake itself may do what its role is for, and whoever no policy lets in is refused.

mod acl;
mod action;
mod atom;
mod bounds;
mod embargo;
mod iam;
mod judge;
mod operation_keys;
mod question;
mod schema;
mod sight;
mod source;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use kernel::{BucketName, Caller, ObjectKey, Sequence, Timestamp, VersionName};

pub use acl::AclPlace;
pub use action::{Action, Group, Resource};
pub use embargo::{instant, is_closed};
pub use iam::{Attachment, BUCKET_POLICY_BYTES_MAX, CanonicalUsers, Names, PrincipalName, principals_named};
pub use judge::{BASE_TEXT, Deciding, Explanation, Judge, entity_name, is_of_object_owner};
pub use operation_keys::OperationKeys;
pub use question::{BucketView, ObjectView, Policies, Question, VersionView};
pub use schema::schema_text;
pub use sight::Sight;
pub use source::{POLICIES_MAX, PolicyFault, Source, TEXT_BYTES_MAX};

/// Leave to do one thing. Only a [`Judge`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permit {
    caller: Caller,
    action: Action,
    bucket: Option<BucketName>,
    key: Option<ObjectKey>,
    version: Option<VersionName>,
    facts: Sequence,
    policies: PolicyHash,
}

impl Permit {
    fn of(question: &Question<'_>, policies: PolicyHash) -> Self {
        Self {
            caller: question.caller.clone(),
            action: question.action,
            bucket: question.bucket.map(|bucket| bucket.name.clone()),
            key: question.object.map(|object| object.key.clone()),
            version: question.object.and_then(|object| object.version),
            facts: question.bucket.map_or(Sequence::ZERO, |bucket| bucket.revision),
            policies,
        }
    }

    /// Whose leave it is.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }
    /// What it allows.
    pub fn action(&self) -> Action {
        self.action
    }
    /// The bucket it is for.
    pub fn bucket(&self) -> Option<&BucketName> {
        self.bucket.as_ref()
    }
    /// The key it is for.
    pub fn key(&self) -> Option<&ObjectKey> {
        self.key.as_ref()
    }
    /// The version it is for.
    pub fn version(&self) -> Option<VersionName> {
        self.version
    }
    /// The revision of the facts it rests on; a write that uses it expects them unchanged.
    pub fn facts(&self) -> Sequence {
        self.facts
    }
    /// The policies it was given by.
    pub fn policy_hash(&self) -> PolicyHash {
        self.policies
    }
}

/// No leave, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{caller}` may not `{}`: {reason}", action.name())]
pub struct Refusal {
    /// Who asked.
    pub caller: Caller,
    /// What for.
    pub action: Action,
    /// The rule that decided, for people.
    pub reason: Cow<'static, str>,
    /// The policies that forbid it, by their names; none where nothing allows it.
    pub policies: Box<[String]>,
    /// The policies it was given by.
    pub policy_hash: PolicyHash,
    /// Whether the caller may be told the reason and the policies. Never as it comes from the judge: who asks it knows what
    /// the caller may know of the object.
    pub is_told: bool,
    /// When it opens by itself, where the caller may know that too.
    pub opens_at: Option<Timestamp>,
}

/// The policies of a decision, by what they say: an audit finds by it what was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PolicyHash([u8; 32]);

impl PolicyHash {
    /// Of a decision that no policy had a part in: about root, or about the lake itself.
    pub const NONE: Self = Self([0; 32]);

    /// SHA-256 of the hashes of all sources, by sides.
    fn of([base, lake, identity, resource]: [&[Arc<Source>]; 4], narrowing: &[Arc<Source>]) -> Self {
        let mut digest = ring::digest::Context::new(&ring::digest::SHA256);
        for side in [base, lake, identity, resource, narrowing] {
            digest.update(&(side.len() as u64).to_be_bytes());
            for source in side {
                digest.update(source.hash());
            }
        }
        let mut hash = [0; 32];
        hash.copy_from_slice(digest.finish().as_ref());
        Self(hash)
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for PolicyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests;
