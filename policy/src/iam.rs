//! IAM's policy language: read, and said in Cedar.
//!
//! A document is stored as it came and decides through its translation. What cannot be translated is refused when it
//! comes in, never ignored. Source: IAM User Guide, *Grammar of the IAM JSON policy language* and *Policy evaluation
//! logic*.

mod action;
pub(crate) mod condition;
mod document;
mod key;
pub(crate) mod pattern;
pub(crate) mod principal;
mod public;
mod resource;
mod translate;

use std::collections::{BTreeMap, BTreeSet};

use kernel::AccountId;

pub use principal::PrincipalName;

use crate::source::{PolicyFault, Source, bounded};

/// Whose policy a document is, which says what it may speak of.
///
/// Sizes: Amazon S3 User Guide, *Bucket policies*; IAM User Guide, *IAM and AWS STS quotas*. IAM counts no white space.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attachment {
    /// A bucket's: every statement names its callers, and speaks of this bucket and its objects. At most
    /// [`BUCKET_POLICY_BYTES_MAX`].
    Bucket(String),
    /// A policy of its own, attached to users, groups and roles, or the bound of what somebody may be allowed: at most
    /// 6,144 characters.
    Managed,
    /// Written into a user: at most 2,048 characters.
    User,
    /// Written into a group: at most 5,120 characters.
    Group,
    /// Written into a role: at most 10,240 characters.
    Role,
    /// Of one session, or of one access key: at most 2,048 characters.
    Session,
    /// Who may take on the role of this ARN: every statement names its callers, and no resource. At most 2,048
    /// characters.
    Trust(String),
}

/// The most bytes of a bucket's policy. Source: Amazon S3 User Guide, *Bucket policies*: 20 KB.
pub const BUCKET_POLICY_BYTES_MAX: usize = 20 << 10;

/// Which account has a canonical user id; none where there is no such id.
pub type CanonicalUsers<'a> = &'a dyn Fn(&str) -> Option<AccountId>;

/// What the names of a document stand for.
#[derive(Clone, Copy)]
pub struct Names<'a> {
    /// Canonical user ids.
    pub canonical: CanonicalUsers<'a>,
    /// Unique ids of users and roles, by the ARNs that the document has; an ARN without one means whoever has it.
    pub ids: &'a BTreeMap<String, String>,
}

impl Attachment {
    /// Whether statements name callers; else they are about whoever the document is attached to.
    fn names_callers(&self) -> bool {
        matches!(self, Self::Bucket(_) | Self::Trust(_))
    }

    /// # Errors
    /// [`PolicyFault::TooLong`].
    fn check_size(&self, json: &str) -> Result<(), PolicyFault> {
        let characters = || json.chars().filter(|character| !character.is_whitespace()).count();
        let (count, max) = match self {
            Self::Bucket(_) => (json.len(), BUCKET_POLICY_BYTES_MAX),
            Self::Managed => (characters(), 6_144),
            Self::User | Self::Session | Self::Trust(_) => (characters(), 2_048),
            Self::Group => (characters(), 5_120),
            Self::Role => (characters(), 10_240),
        };
        if count > max { Err(PolicyFault::TooLong { bytes: count, max }) } else { Ok(()) }
    }
}

impl Source {
    /// The policies of an IAM document, in which no canonical user id is known, and names mean whoever has them.
    ///
    /// # Errors
    /// [`PolicyFault`]: nothing that is not understood to the last word is taken.
    pub fn iam(name: &str, json: &str, attachment: &Attachment) -> Result<Self, PolicyFault> {
        Self::iam_naming(name, json, attachment, Names { canonical: &|_| None, ids: &BTreeMap::new() })
    }

    /// The policies of an IAM document. `name` tells where it is from, and is said to whom it refuses.
    ///
    /// # Errors
    /// [`PolicyFault`]: nothing that is not understood to the last word is taken.
    pub fn iam_naming(name: &str, json: &str, attachment: &Attachment, names: Names<'_>) -> Result<Self, PolicyFault> {
        bounded(json)?;
        attachment.check_size(json)?;
        let document = document::parse(json)?;
        Self::of(name, json, translate::Translation { name, attachment, names }.policies(&document)?)
    }
}

/// Whom a document names as principals, each once.
///
/// # Errors
/// [`PolicyFault`]: it is no policy document.
pub fn principals_named(json: &str) -> Result<BTreeSet<PrincipalName>, PolicyFault> {
    bounded(json)?;
    Ok(document::parse(json)?.statements().iter().flat_map(principal::named).collect())
}
