//! What is known of an identity: the documents, as they are stored. A field that a program of another age does not know is
//! kept out of its sight and not lost by it only if it changes nothing, so fields are added and never taken away.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kernel::{AccountId, Timestamp};
use metadata::DocumentKind;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::naming;

/// A document of some kind.
pub(crate) trait Record: Serialize + DeserializeOwned + Clone + 'static {
    /// Its kind.
    const KIND: DocumentKind;
    /// What people call it.
    const WHAT: &'static str;
    /// Its name among its kind.
    fn name(&self) -> String;
}

/// The name of something that belongs to an account. Names that differ in case only are one.
///
/// Source: IAM User Guide, *IAM identifiers*, "Friendly names and paths".
pub(crate) fn within(account: &str, name: &str) -> String {
    format!("{account}/{}", name.to_ascii_lowercase())
}

/// An account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Twelve digits.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// 64 hex digits: what access control lists call it.
    pub canonical_id: String,
    /// When it was made, in milliseconds since 1970.
    pub created_ms: i64,
}

/// What users, groups and roles have in common.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Powers {
    /// Policies that belong to it alone, by name: JSON, byte for byte.
    #[serde(default)]
    pub inline: BTreeMap<String, Arc<str>>,
    /// ARNs of managed policies.
    #[serde(default)]
    pub attached: BTreeSet<String>,
    /// The ARN of the managed policy that bounds it.
    #[serde(default)]
    pub boundary: Option<String>,
}

/// A user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Its account.
    pub account: String,
    /// Its name, unique in the account without regard to case.
    pub name: String,
    /// `/`, or `/…/`.
    pub path: String,
    /// `AIDA…`, never another user's.
    pub id: String,
    /// When it was made, in milliseconds since 1970.
    pub created_ms: i64,
    /// Tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// Names of its groups.
    #[serde(default)]
    pub groups: BTreeSet<String>,
    /// What it may do.
    #[serde(default)]
    pub powers: Powers,
    /// What it signs in with where people type names; none where it may not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<Password>,
}

/// What a password was made into, and how: enough to know it again, too little to tell it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Password {
    /// 32 hex digits.
    pub(super) salt: String,
    /// 64 hex digits.
    pub(super) hash: String,
    /// Memory of a trial, in KiB.
    pub(super) memory_kib: u32,
    /// Passes over that memory.
    pub(super) passes: u32,
    /// When it was set, in milliseconds since 1970.
    pub set_ms: i64,
    /// Whether its user may do nothing with it but set another.
    pub must_change: bool,
}

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Password").field("set_ms", &self.set_ms).finish_non_exhaustive()
    }
}

/// A group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// Its account.
    pub account: String,
    /// Its name.
    pub name: String,
    /// `/`, or `/…/`.
    pub path: String,
    /// `AGPA…`
    pub id: String,
    /// When it was made, in milliseconds since 1970.
    pub created_ms: i64,
    /// What its members may do.
    #[serde(default)]
    pub powers: Powers,
}

/// A role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Role {
    /// Its account.
    pub account: String,
    /// Its name.
    pub name: String,
    /// `/`, or `/…/`.
    pub path: String,
    /// `AROA…`
    pub id: String,
    /// When it was made, in milliseconds since 1970.
    pub created_ms: i64,
    /// What people say of it.
    #[serde(default)]
    pub description: String,
    /// Who may take it on: JSON, byte for byte.
    pub trust: Arc<str>,
    /// Whom it names: the unique ids that ARNs of users and roles had when it was written. Whoever has such a name later
    /// is somebody else.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub trusted: BTreeMap<String, String>,
    /// The longest session, in seconds.
    pub session_max_seconds: u32,
    /// Tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// What its sessions may do.
    #[serde(default)]
    pub powers: Powers,
}

/// A version of a managed policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyVersion {
    /// Counted from 1; `v1` in answers.
    pub number: u32,
    /// JSON, byte for byte.
    pub document: Arc<str>,
    /// When it was made, in milliseconds since 1970.
    pub created_ms: i64,
}

/// A policy that stands for itself and can be attached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManagedPolicy {
    /// Its account.
    pub account: String,
    /// Its name.
    pub name: String,
    /// `/`, or `/…/`.
    pub path: String,
    /// `ANPA…`
    pub id: String,
    /// When it was made, in milliseconds since 1970.
    pub created_ms: i64,
    /// What people say of it.
    #[serde(default)]
    pub description: String,
    /// One to five, by rising number.
    pub versions: Vec<PolicyVersion>,
    /// The number of the one that counts.
    pub default: u32,
    /// The number of the next.
    pub next: u32,
}

impl ManagedPolicy {
    /// Whether every account has it.
    pub fn is_common(&self) -> bool {
        self.account == super::common_policies::ACCOUNT
    }

    /// The version that counts.
    pub fn current(&self) -> Option<&PolicyVersion> {
        self.versions.iter().find(|version| version.number == self.default)
    }
    /// `arn:aws:iam::ACCOUNT:policy/PATH/NAME`
    pub fn arn(&self) -> String {
        naming::arn(&self.account, "policy", &self.path, &self.name)
    }
}

/// A permanent access key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessKey {
    /// `AKIA…`
    pub id: String,
    /// The account of its owner.
    pub account: String,
    /// The user it belongs to; none for the account's root.
    pub user: Option<String>,
    /// Whether it may be used.
    pub active: bool,
    /// When it was made, in milliseconds since 1970.
    pub created_ms: i64,
    /// The master key that its secret is wrapped under, in hex.
    pub(crate) master: String,
    /// The wrapped secret, in hex.
    pub(crate) wrapped: String,
    /// What a service account's powers are narrowed to: JSON. None for a key that may do what its owner may.
    #[serde(default)]
    pub narrowed: Option<Arc<str>>,
    /// What people say of it.
    #[serde(default)]
    pub description: String,
}

/// An OpenID Connect provider whose tokens roles of an account may trust.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OidcProvider {
    /// Its account.
    pub account: String,
    /// The issuer, as it was given.
    pub url: String,
    /// The issuer without its scheme.
    pub place: String,
    /// Audiences that are taken.
    pub client_ids: Vec<String>,
    /// What is told of its certificates. Trust comes from the operator's certificates, not from these.
    pub thumbprints: Vec<String>,
    /// When it was made, in milliseconds since 1970.
    pub created_ms: i64,
    /// Tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

impl OidcProvider {
    /// `arn:aws:iam::ACCOUNT:oidc-provider/HOST/PATH`
    pub fn arn(&self) -> String {
        naming::arn(&self.account, "oidc-provider", "/", &self.place)
    }
}

impl User {
    /// `arn:aws:iam::ACCOUNT:user/PATH/NAME`
    pub fn arn(&self) -> String {
        naming::arn(&self.account, "user", &self.path, &self.name)
    }
    /// When it was made.
    pub fn created(&self) -> Timestamp {
        Timestamp::from_millis(self.created_ms)
    }
}

impl Group {
    /// `arn:aws:iam::ACCOUNT:group/PATH/NAME`
    pub fn arn(&self) -> String {
        naming::arn(&self.account, "group", &self.path, &self.name)
    }
}

impl Role {
    /// `arn:aws:iam::ACCOUNT:role/PATH/NAME`
    pub fn arn(&self) -> String {
        naming::arn(&self.account, "role", &self.path, &self.name)
    }
}

/// The account that a document names. What is stored is valid; what is not belongs to nobody's account but the first.
pub(crate) fn account_id(text: &str) -> AccountId {
    text.parse().unwrap_or_default()
}

macro_rules! records {
    ($($record:ident, $kind:ident, $what:literal, |$self:ident| $name:expr;)*) => {$(
        impl Record for $record {
            const KIND: DocumentKind = DocumentKind::$kind;
            const WHAT: &'static str = $what;
            fn name(&self) -> String {
                let $self = self;
                $name
            }
        }
    )*};
}

records! {
    Account, ACCOUNT, "account", |this| this.id.clone();
    User, USER, "user", |this| within(&this.account, &this.name);
    Group, GROUP, "group", |this| within(&this.account, &this.name);
    Role, ROLE, "role", |this| within(&this.account, &this.name);
    ManagedPolicy, POLICY, "policy", |this| within(&this.account, &this.name);
    AccessKey, ACCESS_KEY, "access key", |this| this.id.clone();
    OidcProvider, OIDC_PROVIDER, "OpenID Connect provider", |this| within(&this.account, &this.place);
}
