//! How a bucket is set up, beside its versioning and tags.
//!
//! Plain data: whoever takes a setting in has validated it, whoever reads one may rely on its bounds. What a setting
//! means for a request is decided where the request is, not here.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::{Acl, EmbargoRule, ObjectLock, PublicAccessBlock};

/// What a bucket can be set up with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SettingName {
    /// Which pages in browsers may use the bucket.
    Cors,
    /// How it is served as a website.
    Website,
    /// Who owns what others write.
    Ownership,
    /// Who pays for requests.
    Payer,
    /// How much it may hold.
    Quota,
    /// Who may do what with it, in IAM's language.
    Policy,
    /// Who was granted what on it.
    Acl,
    /// What of public access it blocks.
    PublicAccessBlock,
    /// How it locks its objects.
    ObjectLock,
    /// How it treats versions under embargo.
    Embargo,
}

impl SettingName {
    /// Every setting.
    pub const ALL: [Self; 10] = [
        Self::Cors,
        Self::Website,
        Self::Ownership,
        Self::Payer,
        Self::Quota,
        Self::Policy,
        Self::Acl,
        Self::PublicAccessBlock,
        Self::ObjectLock,
        Self::Embargo,
    ];
}

/// One setting with its value; none takes it away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Setting {
    /// Cross-origin rules.
    Cors(Option<Cors>),
    /// Website.
    Website(Option<Website>),
    /// Object ownership.
    Ownership(Option<Ownership>),
    /// Request payment.
    Payer(Option<Payer>),
    /// Quota.
    Quota(Option<Quota>),
    /// Bucket policy.
    Policy(Option<Arc<BucketPolicy>>),
    /// Access control list.
    Acl(Option<Acl>),
    /// Public access block.
    PublicAccessBlock(Option<PublicAccessBlock>),
    /// Object lock.
    ObjectLock(Option<ObjectLock>),
    /// Embargo.
    Embargo(Option<EmbargoRule>),
}

impl Setting {
    /// Which one it is.
    pub fn name(&self) -> SettingName {
        match self {
            Self::Cors(_) => SettingName::Cors,
            Self::Website(_) => SettingName::Website,
            Self::Ownership(_) => SettingName::Ownership,
            Self::Payer(_) => SettingName::Payer,
            Self::Quota(_) => SettingName::Quota,
            Self::Policy(_) => SettingName::Policy,
            Self::Acl(_) => SettingName::Acl,
            Self::PublicAccessBlock(_) => SettingName::PublicAccessBlock,
            Self::ObjectLock(_) => SettingName::ObjectLock,
            Self::Embargo(_) => SettingName::Embargo,
        }
    }

    /// Whether it takes the setting away.
    pub fn is_none(&self) -> bool {
        match self {
            Self::Cors(value) => value.is_none(),
            Self::Website(value) => value.is_none(),
            Self::Ownership(value) => value.is_none(),
            Self::Payer(value) => value.is_none(),
            Self::Quota(value) => value.is_none(),
            Self::Policy(value) => value.is_none(),
            Self::Acl(value) => value.is_none(),
            Self::PublicAccessBlock(value) => value.is_none(),
            Self::ObjectLock(value) => value.is_none(),
            Self::Embargo(value) => value.is_none(),
        }
    }
}

/// All settings of a bucket; what was never set is none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BucketSettings {
    /// Cross-origin rules.
    pub cors: Option<Cors>,
    /// Website.
    pub website: Option<Website>,
    /// Object ownership; none means the writer's.
    pub ownership: Option<Ownership>,
    /// Request payment; none means the owner.
    pub payer: Option<Payer>,
    /// Quota; none means no bound.
    pub quota: Option<Quota>,
    /// Bucket policy; none means that it says nothing.
    pub policy: Option<Arc<BucketPolicy>>,
    /// Access control list; none means full control for the owner alone.
    pub acl: Option<Acl>,
    /// Public access block; none means that nothing is blocked.
    pub public_access_block: Option<PublicAccessBlock>,
    /// Object lock; none means that nothing can be locked.
    pub object_lock: Option<ObjectLock>,
    /// Embargo; none means that versions are open unless their request says otherwise.
    pub embargo: Option<EmbargoRule>,
}

impl BucketSettings {
    /// Takes a setting over, or takes it away.
    pub fn set(&mut self, setting: Setting) {
        match setting {
            Setting::Cors(value) => self.cors = value,
            Setting::Website(value) => self.website = value,
            Setting::Ownership(value) => self.ownership = value,
            Setting::Payer(value) => self.payer = value,
            Setting::Quota(value) => self.quota = value,
            Setting::Policy(value) => self.policy = value,
            Setting::Acl(value) => self.acl = value,
            Setting::PublicAccessBlock(value) => self.public_access_block = value,
            Setting::ObjectLock(value) => self.object_lock = value,
            Setting::Embargo(value) => self.embargo = value,
        }
    }

    /// A setting with its value.
    pub fn get(&self, name: SettingName) -> Setting {
        match name {
            SettingName::Cors => Setting::Cors(self.cors.clone()),
            SettingName::Website => Setting::Website(self.website.clone()),
            SettingName::Ownership => Setting::Ownership(self.ownership),
            SettingName::Payer => Setting::Payer(self.payer),
            SettingName::Quota => Setting::Quota(self.quota),
            SettingName::Policy => Setting::Policy(self.policy.clone()),
            SettingName::Acl => Setting::Acl(self.acl.clone()),
            SettingName::PublicAccessBlock => Setting::PublicAccessBlock(self.public_access_block),
            SettingName::ObjectLock => Setting::ObjectLock(self.object_lock),
            SettingName::Embargo => Setting::Embargo(self.embargo.clone()),
        }
    }

    /// The settings that have a value, in the order of [`SettingName::ALL`].
    pub fn names(&self) -> impl Iterator<Item = SettingName> {
        SettingName::ALL.into_iter().filter(|name| !self.get(*name).is_none())
    }
}

/// A bucket policy, in IAM's language.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BucketPolicy {
    /// The document, byte for byte as it came.
    pub document: Arc<str>,
    /// Whom it names: the unique ids that ARNs of users and roles had when it came. Whoever has such a name later is
    /// somebody else.
    pub named: BTreeMap<String, String>,
}

/// Which pages in browsers may use a bucket.
///
/// Source: Amazon S3 API, *PutBucketCors*; Fetch standard, "CORS protocol".
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cors {
    /// At most 100; the first that matches decides.
    pub rules: Vec<CorsRule>,
}

/// A cross-origin rule.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CorsRule {
    /// What the owner calls it, at most 255 characters.
    pub id: Option<String>,
    /// Origins, each with at most one `*`, which stands for anything. At least one.
    pub origins: Vec<String>,
    /// `GET`, `PUT`, `HEAD`, `POST` or `DELETE`. At least one.
    pub methods: Vec<String>,
    /// Request headers that a page may send, each with at most one `*`.
    pub headers: Vec<String>,
    /// Response headers that a page may read.
    pub expose: Vec<String>,
    /// For how long a browser may keep the answer to a preflight, in seconds.
    pub max_age_seconds: Option<u32>,
}

/// How a bucket is served as a website.
///
/// Source: Amazon S3 API, *PutBucketWebsite*.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Website {
    /// What is put behind a key that is empty or ends in a slash. Holds no slash.
    pub index: Option<String>,
    /// The key of the page shown for errors of the 4xx class.
    pub error: Option<String>,
    /// Sends every request elsewhere; then nothing else is set.
    pub redirect_all: Option<RedirectAll>,
    /// At most 50; the first that matches decides.
    pub rules: Vec<RoutingRule>,
}

/// Where every request is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedirectAll {
    /// The host.
    pub host: String,
    /// `http` or `https`; none for that of the request.
    pub protocol: Option<String>,
}

/// Sends some requests elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RoutingRule {
    /// Only keys that begin so.
    pub key_prefix: Option<String>,
    /// Only where the answer would be an error of this status.
    pub error_status: Option<u16>,
    /// The host; none for that of the request.
    pub host: Option<String>,
    /// `http` or `https`; none for that of the request.
    pub protocol: Option<String>,
    /// The status of the answer, 3xx; none for 301.
    pub status: Option<u16>,
    /// Another key.
    pub replace: Option<ReplaceKey>,
}

/// How a redirect changes the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReplaceKey {
    /// The beginning that matched becomes this.
    Prefix(String),
    /// The whole key becomes this.
    Key(String),
}

/// Who owns what others write.
///
/// Source: Amazon S3 User Guide, *Controlling ownership of objects*.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ownership {
    /// The owner of the bucket; access control lists mean nothing.
    BucketOwnerEnforced,
    /// The owner of the bucket, where the writer grants it full control.
    BucketOwnerPreferred,
    /// The writer.
    ObjectWriter,
}

/// Who pays for requests.
///
/// Source: Amazon S3 User Guide, *Using Requester Pays general purpose buckets*.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Payer {
    /// The owner of the bucket.
    BucketOwner,
    /// Whoever asks, and must say so.
    Requester,
}

/// How much a bucket may hold. What would go beyond is refused; deleting never is, so that a bound below what is there
/// takes nothing away and lets nothing in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Quota {
    /// Bytes of all versions, at most [`Quota::MAX`]; none for no bound.
    pub bytes: Option<u64>,
    /// Keys whose current version is an object, at most [`Quota::MAX`]; none for no bound.
    pub objects: Option<u64>,
}

impl Quota {
    /// The highest bound: what is held is counted in 63 bits.
    pub const MAX: u64 = i64::MAX as u64;

    /// The bound on something.
    pub fn bound(&self, of: Counted) -> Option<u64> {
        match of {
            Counted::Bytes => self.bytes,
            Counted::Objects => self.objects,
        }
    }
}

/// What a quota bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Counted {
    /// Bytes of all versions.
    Bytes,
    /// Keys whose current version is an object.
    Objects,
}

impl Counted {
    /// Everything.
    pub const ALL: [Self; 2] = [Self::Bytes, Self::Objects];

    const fn name(self) -> &'static str {
        match self {
            Self::Bytes => "bytes",
            Self::Objects => "objects",
        }
    }
}

/// A write that does not fit into the quota of its bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the bucket may hold {max} {}: {used} are there, and {plus} would be added", of.name())]
pub struct QuotaExceeded {
    /// What there would be too much of.
    pub of: Counted,
    /// The bound.
    pub max: u64,
    /// What the bucket held when that was found, or a moment later.
    pub used: u64,
    /// What the write would add.
    pub plus: u64,
}
