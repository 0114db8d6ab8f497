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
mod iam;
mod judge;
mod question;
mod schema;
mod source;

use std::borrow::Cow;

use kernel::{BucketName, Caller, ObjectKey, Sequence, VersionName};

pub use acl::AclPlace;
pub use action::{Action, Group, Resource};
pub use iam::{Attachment, BUCKET_POLICY_BYTES_MAX};
pub use judge::Judge;
pub use question::{BucketView, ObjectView, Policies, Question, VersionView};
pub use schema::schema_text;
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
}

impl Permit {
    fn of(question: &Question<'_>) -> Self {
        Self {
            caller: question.caller.clone(),
            action: question.action,
            bucket: question.bucket.map(|bucket| bucket.name.clone()),
            key: question.object.map(|object| object.key.clone()),
            version: question.object.and_then(|object| object.version),
            facts: question.bucket.map_or(Sequence::ZERO, |bucket| bucket.revision),
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
}

#[cfg(test)]
mod tests;
