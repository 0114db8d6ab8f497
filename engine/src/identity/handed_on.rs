//! What sessions hand on: tags that are transitive, and the source identity, to every session that is begun from one. Neither
//! can be changed on the way, and the role that is taken on must allow them anew.
//!
//! Source: IAM User Guide, *Pass session tags in AWS STS*, "Chaining roles with session tags", and *Monitor and control
//! actions taken with assumed roles*.

use std::collections::{BTreeMap, BTreeSet};

use kernel::Caller;
use policy::OperationKeys;

use super::sessions::AssumeRole;
use super::{IdentityFault, users};

/// The condition key by which requests of a session tell its source identity.
pub(super) const SOURCE_IDENTITY: &str = "aws:sourceidentity";
/// Characters of an external id. Source: AWS STS API, *AssumeRole*, `ExternalId`.
const EXTERNAL_ID_CHARS: std::ops::RangeInclusive<usize> = 2..=1_224;
/// Characters of a source identity. Source: AWS STS API, *AssumeRole*, `SourceIdentity`.
const SOURCE_IDENTITY_CHARS: std::ops::RangeInclusive<usize> = 2..=64;

/// What a session has from the one it is begun from, and from the request.
#[derive(Debug)]
pub(super) struct HandedOn {
    /// Tags: those that were handed on and those of the request.
    pub(super) tags: BTreeMap<String, String>,
    /// Names of those that it hands on.
    pub(super) transitive: BTreeSet<String>,
    /// Who is behind it.
    pub(super) source_identity: Option<String>,
}

impl HandedOn {
    /// What a session of the caller will have.
    pub(super) fn to(caller: &Caller, assume: &AssumeRole<'_>) -> Result<Self, IdentityFault> {
        users::tags_of_caller(&assume.tags)?;
        check("an external id", assume.external_id, &EXTERNAL_ID_CHARS, "_+=,.@:/-")?;
        check("a source identity", assume.source_identity, &SOURCE_IDENTITY_CHARS, "_+=,.@-")?;
        let (mut tags, mut transitive) = inherited(caller);
        let is_one = |known: &String, name: &String| known.eq_ignore_ascii_case(name);
        if let Some(name) = assume.tags.keys().find(|name| tags.keys().any(|known| is_one(known, name))) {
            let fault = format!("the tag `{name}` was handed on by the session that asks, and stays as it is");
            return Err(IdentityFault::Value(fault));
        }
        for name in &assume.transitive_tags {
            let Some(known) = assume.tags.keys().find(|known| is_one(known, name)) else {
                let fault = format!("a transitive tag is one of those of the request: `{name}`");
                return Err(IdentityFault::Value(fault));
            };
            transitive.insert(known.clone());
        }
        tags.extend(assume.tags.clone());
        users::tags_of_caller(&tags)?;
        Ok(Self { tags, transitive, source_identity: source_identity(caller, assume.source_identity)? })
    }

    /// What conditions may ask about it.
    pub(super) fn keys(&self) -> OperationKeys {
        let keys = OperationKeys::default().with_request_tags(&self.tags);
        let keys = self.transitive.iter().fold(keys, |keys, name| keys.with("sts:TransitiveTagKeys", name));
        match &self.source_identity {
            Some(identity) => keys.with("sts:SourceIdentity", identity),
            None => keys,
        }
    }
}

/// The tags that the caller's session hands on, and their names.
fn inherited(caller: &Caller) -> (BTreeMap<String, String>, BTreeSet<String>) {
    let Some(principal) = caller.principal() else { return Default::default() };
    let names = principal.transitive_tags.clone();
    let tags = principal.tags.iter().filter(|(name, _)| names.contains(*name));
    (tags.map(|(name, value)| (name.clone(), value.clone())).collect(), names)
}

/// Who is behind the session: once said, nobody says otherwise.
fn source_identity(caller: &Caller, asked: Option<&str>) -> Result<Option<String>, IdentityFault> {
    let known = caller.principal().and_then(|principal| principal.keys.get(SOURCE_IDENTITY));
    match (known, asked) {
        (Some(known), Some(asked)) if known != asked => {
            Err(IdentityFault::Value("the source identity of a session stays as it is".to_owned()))
        }
        (Some(known), _) => Ok(Some(known.clone())),
        (None, asked) => Ok(asked.map(str::to_owned)),
    }
}

fn check(
    what: &str,
    text: Option<&str>,
    chars: &std::ops::RangeInclusive<usize>,
    more: &str,
) -> Result<(), IdentityFault> {
    let is_one = |text: &str| {
        chars.contains(&text.len())
            && text.chars().all(|letter| letter.is_ascii_alphanumeric() || more.contains(letter))
    };
    match text {
        Some(text) if !is_one(text) => Err(IdentityFault::Value(format!(
            "{what} has {} to {} letters, digits and characters of `{more}`",
            chars.start(),
            chars.end()
        ))),
        _ => Ok(()),
    }
}
