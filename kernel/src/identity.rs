//! Somebody with a name.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

/// An account: what owns buckets and objects, and whom users, groups and roles belong to. Written as twelve digits.
///
/// Source: AWS Account Management Reference, *AWS account identifiers*.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct AccountId(u64);

impl AccountId {
    /// The account that a lake begins with; it belongs to the holder of the root keys.
    pub const HOME: Self = Self(0);
    /// Nobody's account: what stands where one is named that is no more.
    pub const NOBODY: Self = Self(Self::END - 1);
    /// The number behind the last account.
    pub const END: u64 = 1_000_000_000_000;

    /// The account of a number; none for a number of more than twelve digits.
    pub const fn new(number: u64) -> Option<Self> {
        if number < Self::END { Some(Self(number)) } else { None }
    }
    /// The number.
    pub const fn number(self) -> u64 {
        self.0
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:012}", self.0)
    }
}

/// A text that names no account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an account is named by twelve digits")]
pub struct ParseAccountError;

impl FromStr for AccountId {
    type Err = ParseAccountError;
    fn from_str(text: &str) -> Result<Self, ParseAccountError> {
        if text.len() != 12 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(ParseAccountError);
        }
        text.parse().ok().and_then(Self::new).ok_or(ParseAccountError)
    }
}

/// What kind of somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PrincipalKind {
    /// The owner of an account, who may do everything with what the account owns.
    AccountRoot,
    /// A user of an account; also who was let in by a provider outside: a token, a certificate, a directory.
    User,
    /// Whoever has taken on a role for a while.
    Role,
}

/// How somebody proved who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AuthMethod {
    /// A signature with a permanent access key.
    AccessKey,
    /// A signature with the temporary keys of a session.
    Session,
    /// A bearer token of an OpenID Connect provider.
    Token,
    /// A client certificate.
    Certificate,
    /// A password that a directory knows.
    Password,
}

impl AuthMethod {
    /// The name in policies: `context.authMethod`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AccessKey => "access-key",
            Self::Session => "session",
            Self::Token => "token",
            Self::Certificate => "certificate",
            Self::Password => "password",
        }
    }
}

/// Somebody with a name: all that policies may know of a caller. Made by the engine alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The account it belongs to.
    pub account: AccountId,
    /// What kind of somebody.
    pub kind: PrincipalKind,
    /// The name of the user or role; `root` for an account's owner.
    pub name: String,
    /// `arn:aws:iam::ACCOUNT:user/PATH/NAME`, `arn:aws:iam::ACCOUNT:root`, or for a role
    /// `arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION`.
    pub arn: String,
    /// The ARN that policies name: for a role that of the role, else `arn`.
    pub policy_arn: String,
    /// `aws:userid`: the unique id, for a role followed by a colon and the name of the session.
    pub unique_id: String,
    /// Names of the groups it is in: those of the account, and those that the claims of a token stand for.
    pub groups: BTreeSet<String>,
    /// `aws:PrincipalTag/…`
    pub tags: BTreeMap<String, String>,
    /// Names of those of its tags that every session begun from this one has too.
    pub transitive_tags: BTreeSet<String>,
    /// How it proved who it is.
    pub method: AuthMethod,
    /// What its powers are narrowed to: each of these documents must allow what is asked, for itself.
    pub narrowed: Vec<Narrowing>,
    /// Condition keys that its credentials bring: `aws:userid` is not among them, `issuer.example:sub` may be. Keys in
    /// lower case.
    pub keys: BTreeMap<String, String>,
}

impl Principal {
    /// The unique id of the user or role itself, whatever its session is called.
    pub fn id(&self) -> &str {
        self.unique_id.split_once(':').map_or(&self.unique_id, |(id, _)| id)
    }
}

/// A bound on what somebody may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Narrowing {
    /// What it is, for people: `session policy`, `permissions boundary`, `service account`.
    pub name: &'static str,
    /// An IAM policy document.
    pub document: Arc<str>,
}

impl Narrowing {
    /// The name of what a key is narrowed by. It stays with whatever the key begins, where a session policy ends with its
    /// session.
    pub const SERVICE_ACCOUNT: &'static str = "service account";
    /// The name of what one session is narrowed by.
    pub const SESSION_POLICY: &'static str = "session policy";

    /// Whether it is that of a key.
    pub fn is_of_key(&self) -> bool {
        self.name == Self::SERVICE_ACCOUNT
    }
}

/// How a request came. What a header says is only here where a policy may ask for it; it never names a caller.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Origin {
    /// The address it came from.
    pub source_ip: Option<IpAddr>,
    /// Whether it came over TLS.
    pub secure_transport: bool,
    /// What the caller says the request is for: `x-lake-purpose`.
    pub purpose: Option<String>,
    /// Condition keys that the request brings, in lower case as conditions name them: `s3:x-amz-acl`, `aws:referer`,
    /// `s3:prefix`. Tags that a request would set are not here.
    pub keys: BTreeMap<&'static str, String>,
    /// The request's id, which the audit log and the request log share.
    pub request_id: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_have_twelve_digits() {
        assert_eq!(AccountId::HOME.to_string(), "000000000000");
        assert_eq!("123456789012".parse::<AccountId>().expect("an account").to_string(), "123456789012");
        assert!(AccountId::new(AccountId::END).is_none());
        for bad in ["", "1", "1234567890123", "+12345678901", "12345678901a"] {
            assert_eq!(bad.parse::<AccountId>(), Err(ParseAccountError), "{bad}");
        }
    }
}
