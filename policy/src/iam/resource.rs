//! What a statement is about.
//!
//! A document may name buckets and objects (`arn:aws:s3:::bucket/key`), identities (`arn:aws:iam::ACCOUNT:user/name`), and
//! things that the lake does not have, of which nothing follows. Where all it names lies in one bucket, the head of the
//! policy says so, and a decision about another never looks at it.
//!
//! Source: IAM User Guide, *IAM JSON policy elements: Resource* and *NotResource*.

use std::sync::Arc;

use super::Attachment;
use super::document::Statement;
use super::pattern::{Pattern, escape};
use super::translate::{Result, ask, meaning};
use crate::action::Resource;
use crate::atom::{Atom, Test};
use crate::bounds::joined;
use crate::source::PolicyFault;

/// What ARNs of buckets and objects begin with.
pub(crate) const ARN: &str = "arn:aws:s3:::";

/// What a text names.
enum Named {
    /// Everything.
    All,
    /// A bucket or objects: what stands behind [`ARN`].
    Path(String, Pattern),
    /// An identity.
    Identity(String, Pattern),
    /// Whatever has an ARN that matches.
    Any(String, Pattern),
    /// Something that the lake does not have.
    Elsewhere,
}

/// Whether something is named.
enum Match {
    Always,
    Never,
    If(String),
}

/// The resources of a statement.
pub(super) struct Resources {
    named: Vec<Named>,
    is_not: bool,
    /// The bucket in which all of them are.
    bucket: Option<String>,
}

impl Resources {
    pub(super) fn read(
        statement: &Statement,
        attachment: &Attachment,
        plain: impl Fn(String) -> String,
    ) -> Result<Self> {
        let (texts, is_not) = match (&statement.resource, &statement.not_resource) {
            (None, None) if matches!(attachment, Attachment::Trust(_)) => {
                return Ok(Self { named: vec![Named::All], is_not: false, bucket: None });
            }
            _ if matches!(attachment, Attachment::Trust(_)) => return meaning("a trust policy names no resource"),
            (Some(texts), None) => (texts, false),
            (None, Some(texts)) => (texts, true),
            _ => return meaning("a statement needs either Resource or NotResource"),
        };
        let of_bucket = match attachment {
            Attachment::Bucket(bucket) => Some(bucket.as_str()),
            _ => None,
        };
        let named: Vec<_> = texts.iter().map(|text| named(&plain(text), of_bucket)).collect::<Result<_>>()?;
        if named.is_empty() {
            return meaning("a statement names no resource");
        }
        let bucket = match of_bucket {
            Some(bucket) => Some(bucket.to_owned()),
            None => only_bucket(&named).filter(|_| !is_not),
        };
        Ok(Self { named, is_not, bucket })
    }

    /// What the head of a policy says.
    pub(super) fn head(&self, kind: Resource, attachment: &Attachment) -> String {
        match (kind, &self.bucket, attachment) {
            (_, _, Attachment::Trust(role)) => format!("resource == Lake::Identity::\"{}\"", escape(role)),
            (Resource::Object | Resource::Bucket, Some(bucket), _) => {
                format!("resource in Lake::Bucket::\"{}\"", escape(bucket))
            }
            (kind, ..) => format!("resource is Lake::{}", kind.entity()),
        }
    }

    /// The test of a resource of this kind; `None` where none can pass it, `Some(None)` where all do.
    pub(super) fn test(&self, kind: Resource, atoms: &mut Vec<Arc<Atom>>) -> Option<Option<String>> {
        let mut tests = Vec::new();
        for named in &self.named {
            match named.matches(kind, self.bucket.as_deref(), atoms) {
                Match::Always => return (!self.is_not).then_some(None),
                Match::Never => {}
                Match::If(test) => tests.push(test),
            }
        }
        match (self.is_not, tests.is_empty()) {
            (true, true) => Some(None),
            (false, true) => None,
            (false, false) => Some(Some(format!("({})", joined(&tests, "||")))),
            (true, false) => Some(Some(format!("!({})", joined(&tests, "||")))),
        }
    }
}

fn named(text: &str, of_bucket: Option<&str>) -> Result<Named> {
    let pattern = |text: &str| Pattern::parse(text).map_err(PolicyFault::Meaning);
    if let Some(bucket) = of_bucket {
        let path = if text == "*" { "*" } else { text.strip_prefix(ARN).unwrap_or_default() };
        let part = path.split('/').next().unwrap_or_default();
        if path.is_empty() || !pattern(part)?.matches(bucket, |_| None) {
            return meaning(format!("policy has invalid resource `{text}`"));
        }
    }
    if text == "*" {
        return Ok(Named::All);
    }
    if let Some(path) = text.strip_prefix(ARN).filter(|path| !path.is_empty()) {
        return Ok(Named::Path(path.to_owned(), pattern(path)?));
    }
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let whole = pattern(text)?;
    match parts.as_slice() {
        ["arn", "aws", "iam" | "sts", "", _, resource] if !resource.is_empty() => {
            Ok(Named::Identity(text.to_owned(), whole))
        }
        ["arn", partition, service, _, _, resource] if !resource.is_empty() => {
            let is_open = partition.contains(['*', '?', '$']) || service.contains(['*', '?', '$']);
            Ok(if is_open { Named::Any(text.to_owned(), whole) } else { Named::Elsewhere })
        }
        _ => meaning(format!("resource `{text}` must be in ARN format or \"*\"")),
    }
}

/// The bucket in which everything named lies, where it is one, named without wildcards.
fn only_bucket(named: &[Named]) -> Option<String> {
    let mut only: Option<&str> = None;
    for named in named {
        match named {
            Named::Path(path, _) => {
                let bucket = path.split('/').next()?;
                if bucket.contains(['*', '?', '$']) || only.is_some_and(|only| only != bucket) {
                    return None;
                }
                only = Some(bucket);
            }
            Named::Elsewhere | Named::Identity(..) => {}
            Named::All | Named::Any(..) => return None,
        }
    }
    only.map(str::to_owned)
}

impl Named {
    fn matches(&self, kind: Resource, bucket: Option<&str>, atoms: &mut Vec<Arc<Atom>>) -> Match {
        match (self, kind) {
            (Self::All, _) => Match::Always,
            (Self::Path(path, _), Resource::Lake) if path == "*" => Match::Always,
            (Self::Path(path, pattern), Resource::Bucket | Resource::Object) => {
                path_matches(kind, path, pattern, bucket, atoms)
            }
            (Self::Identity(text, pattern), Resource::Identity) => {
                Match::If(compare("resource.arn", text, pattern, atoms))
            }
            (Self::Any(text, pattern), Resource::Bucket | Resource::Object | Resource::Identity) => {
                Match::If(ask(atoms, format!("arn:{text}"), Test::Arn(pattern.clone())))
            }
            _ => Match::Never,
        }
    }
}

fn path_matches(
    kind: Resource,
    path: &str,
    pattern: &Pattern,
    bucket: Option<&str>,
    atoms: &mut Vec<Arc<Atom>>,
) -> Match {
    let is_object = kind == Resource::Object;
    let can_match = match (is_object, pattern.literal()) {
        (true, Some(text)) => text.contains('/'),
        (false, Some(text)) => !text.contains('/'),
        (true, None) => true,
        (false, None) => !pattern.beginning().contains('/'),
    };
    let behind = bucket.and_then(|bucket| path.strip_prefix(bucket));
    let covers = path == "*" || (is_object && matches!(behind, Some("/*" | "*"))) || (!is_object && behind == Some(""));
    match (can_match, covers) {
        (false, _) => Match::Never,
        (true, true) => Match::Always,
        (true, false) => {
            let attribute = if is_object { "resource.path" } else { "resource.name" };
            Match::If(compare(attribute, path, pattern, atoms))
        }
    }
}

fn compare(attribute: &str, text: &str, pattern: &Pattern, atoms: &mut Vec<Arc<Atom>>) -> String {
    match (pattern.literal(), pattern.to_like()) {
        (Some(literal), _) => format!("{attribute} == \"{}\"", escape(literal)),
        (None, Some(like)) => format!("{attribute} like \"{like}\""),
        (None, None) if attribute == "resource.arn" => ask(atoms, format!("arn:{text}"), Test::Arn(pattern.clone())),
        (None, None) => ask(atoms, format!("path:{text}"), Test::Path(pattern.clone())),
    }
}
