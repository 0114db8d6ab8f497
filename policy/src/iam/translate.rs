//! A document's statements, said in Cedar.
//!
//! A statement may mix actions on buckets with actions on objects, and ARNs of both. Cedar's types keep them apart, so it
//! becomes up to two policies: its actions on objects with the ARNs that can match one, and the same for buckets.

use std::sync::Arc;

use cedar_policy::{Policy, PolicyId, PolicySet};

use super::Attachment;
use super::condition::{Comparison, Condition, Operator, Order, Quantifier};
use super::document::{Document, Effect, Principals, Statement, Texts};
use super::pattern::{Pattern, escape};
use crate::action::{Action, Resource};
use crate::atom::{Atom, Test};
use crate::schema;
use crate::source::{Compiled, PolicyFault};

/// What ARNs of buckets and objects begin with.
const ARN: &str = "arn:aws:s3:::";

/// Actions of S3 that the lake is never asked for: policies may name them, and nothing follows from it.
const NEVER_ASKED: [&str; 24] = [
    "s3:BypassGovernanceRetention",
    "s3:GetAccelerateConfiguration",
    "s3:GetAnalyticsConfiguration",
    "s3:GetBucketLogging",
    "s3:GetBucketNotification",
    "s3:GetBucketObjectLockConfiguration",
    "s3:GetEncryptionConfiguration",
    "s3:GetInventoryConfiguration",
    "s3:GetLifecycleConfiguration",
    "s3:GetMetricsConfiguration",
    "s3:GetObjectLegalHold",
    "s3:GetObjectRetention",
    "s3:GetObjectTorrent",
    "s3:GetReplicationConfiguration",
    "s3:PutBucketLogging",
    "s3:PutBucketNotification",
    "s3:PutBucketObjectLockConfiguration",
    "s3:PutEncryptionConfiguration",
    "s3:PutLifecycleConfiguration",
    "s3:PutObjectLegalHold",
    "s3:PutObjectRetention",
    "s3:PutReplicationConfiguration",
    "s3:ReplicateObject",
    "s3:RestoreObject",
];

type Result<T> = std::result::Result<T, PolicyFault>;

fn meaning<T>(reason: impl Into<String>) -> Result<T> {
    Err(PolicyFault::Meaning(reason.into()))
}

/// The policies of a document, each validated.
pub(super) fn translate(name: &str, document: &Document, attachment: &Attachment) -> Result<Vec<Compiled>> {
    let mut compiled = Vec::new();
    for (index, statement) in document.statements().iter().enumerate() {
        let label = statement.sid.clone().unwrap_or_else(|| format!("statement {}", index + 1));
        let Drafts { texts, atoms } = drafts(statement, &label, attachment)?;
        for (kind, text) in texts {
            let id = PolicyId::new(format!("{name}#{index}:{label}:{kind}"));
            let policy = Policy::parse(Some(id), &text).map_err(|error| {
                PolicyFault::Meaning(format!("`{label}` could not be said in Cedar: {error}: {text}"))
            })?;
            let set =
                PolicySet::from_policies([policy.clone()]).map_err(|error| PolicyFault::Meaning(error.to_string()))?;
            if let Some(fault) = schema::faults(&set).into_iter().next() {
                return meaning(format!("`{label}`: {fault}"));
            }
            let is_public = statement.effect == Effect::Allow && !confines(statement);
            let mut one = Compiled::new(policy, atoms.clone());
            one.is_public = is_public;
            compiled.push(one);
        }
    }
    Ok(compiled)
}

/// The Cedar of one statement, and what it asks beyond.
struct Drafts {
    texts: Vec<(&'static str, String)>,
    atoms: Vec<Arc<Atom>>,
}

fn drafts(statement: &Statement, label: &str, attachment: &Attachment) -> Result<Drafts> {
    let mut atoms = Vec::new();
    let callers = callers(statement)?;
    let actions = actions(statement)?;
    let resources = Resources::read(statement, attachment)?;
    let mut tests = conditions(statement, &mut atoms)?;
    tests.extend(callers);
    let Attachment::Bucket(bucket) = attachment;
    let mut texts = Vec::new();
    for (kind, resource) in [("objects", Resource::Object), ("bucket", Resource::Bucket)] {
        let named: Vec<_> = actions.iter().filter(|action| action.resource() == resource).collect();
        let Some(test) = resources.test(resource, bucket, &mut atoms) else { continue };
        if named.is_empty() {
            continue;
        }
        let named: Vec<_> = named.iter().map(|action| format!("Lake::Action::\"{}\"", action.name())).collect();
        let all: Vec<_> = tests.iter().cloned().chain(test).collect();
        let when = if all.is_empty() { String::new() } else { format!(" when {{ {} }}", all.join(" && ")) };
        let effect = if statement.effect == Effect::Allow { "permit" } else { "forbid" };
        texts.push((
            kind,
            format!(
                "@reason(\"the policy of bucket {bucket}, {}\")\n{effect} (principal, action in [{}], resource in \
                 Lake::Bucket::\"{bucket}\"){when};",
                escape(label),
                named.join(", ")
            ),
        ));
    }
    if texts.is_empty() && !actions.is_empty() {
        return meaning(format!("`{label}`: no action applies to any of the resources"));
    }
    Ok(Drafts { texts, atoms })
}

/// A test of the caller; none where anybody may be it.
///
/// Nobody but the lake's own root has a name that a policy could use, and root is not bound by policies.
fn callers(statement: &Statement) -> Result<Option<String>> {
    let principals = match (&statement.principal, &statement.not_principal) {
        (Some(principals), None) => principals,
        (None, Some(_)) => return meaning("invalid principal in policy: NotPrincipal needs callers that exist"),
        _ => return meaning("a statement needs either Principal or NotPrincipal"),
    };
    let names: Vec<(String, String)> = match principals {
        Principals::Text(text) => vec![("AWS".to_owned(), text.clone())],
        Principals::Kinds(kinds) => {
            kinds.0.iter().flat_map(|(kind, texts)| texts.iter().map(move |text| (kind.clone(), text))).collect()
        }
    };
    match names.iter().find(|(kind, text)| kind != "AWS" || text != "*") {
        Some((kind, text)) => meaning(format!("invalid principal in policy: {kind} `{text}`")),
        None if names.is_empty() => meaning("invalid principal in policy: none is named"),
        None => Ok(None),
    }
}

fn actions(statement: &Statement) -> Result<Vec<Action>> {
    let (texts, named) = match (&statement.action, &statement.not_action) {
        (Some(texts), None) => (texts, true),
        (None, Some(texts)) => (texts, false),
        _ => return meaning("a statement needs either Action or NotAction"),
    };
    let mut patterns = Vec::new();
    for text in texts.iter() {
        let text = text.to_ascii_lowercase();
        let pattern = Pattern::parse(&text).map_err(PolicyFault::Meaning)?;
        let is_known =
            Action::ALL.iter().map(|action| action.name()).chain(NEVER_ASKED).any(|name| fits(&pattern, name));
        if !is_known {
            return meaning(format!("policy has invalid action `{text}`"));
        }
        patterns.push(pattern);
    }
    let is_named = |action: &Action| patterns.iter().any(|pattern| fits(pattern, action.name()));
    // What is the lake's own is not given away by a wildcard of S3.
    Ok(Action::ALL.into_iter().filter(|action| is_named(action) == named && action.name().starts_with("s3:")).collect())
}

fn fits(pattern: &Pattern, action: &str) -> bool {
    pattern.matches(&action.to_ascii_lowercase(), |_| None)
}

/// The ARNs of a statement, without their beginning.
struct Resources {
    paths: Vec<(String, Pattern)>,
    named: bool,
}

impl Resources {
    fn read(statement: &Statement, attachment: &Attachment) -> Result<Self> {
        let (texts, named) = match (&statement.resource, &statement.not_resource) {
            (Some(texts), None) => (texts, true),
            (None, Some(texts)) => (texts, false),
            _ => return meaning("a statement needs either Resource or NotResource"),
        };
        let Attachment::Bucket(bucket) = attachment;
        let mut paths = Vec::new();
        for text in texts.iter() {
            let path = if text == "*" { "*" } else { text.strip_prefix(ARN).unwrap_or_default() };
            let pattern = Pattern::parse(path).map_err(PolicyFault::Meaning)?;
            let bucket_part = path.split('/').next().unwrap_or_default();
            let of_bucket = Pattern::parse(bucket_part).map_err(PolicyFault::Meaning)?;
            if path.is_empty() || !of_bucket.matches(bucket, |_| None) {
                return meaning(format!("policy has invalid resource `{text}`"));
            }
            paths.push((path.to_owned(), pattern));
        }
        Ok(Self { paths, named })
    }

    /// The test of a resource of this kind; `None` where none can pass it, `Some(None)` where all do.
    fn test(&self, kind: Resource, bucket: &str, atoms: &mut Vec<Arc<Atom>>) -> Option<Option<String>> {
        let attribute = if kind == Resource::Object { "path" } else { "name" };
        let can_match = |pattern: &Pattern| match (kind, pattern.literal()) {
            (Resource::Object, Some(text)) => text.contains('/'),
            (_, Some(text)) => !text.contains('/'),
            (Resource::Object, None) => true,
            (_, None) => !pattern.beginning().contains('/'),
        };
        let mut tests = Vec::new();
        let mut all_match = false;
        for (text, pattern) in self.paths.iter().filter(|(_, pattern)| can_match(pattern)) {
            let covers = match kind {
                Resource::Object => text == "*" || *text == format!("{bucket}/*") || *text == format!("{bucket}*"),
                _ => text == "*" || text == bucket,
            };
            all_match |= covers;
            tests.push(match (pattern.literal(), pattern.to_like()) {
                (Some(literal), _) => format!("resource.{attribute} == \"{}\"", escape(literal)),
                (None, Some(like)) => format!("resource.{attribute} like \"{like}\""),
                (None, None) => ask(atoms, format!("path:{text}"), Test::Path(pattern.clone())),
            });
        }
        match (self.named, all_match, tests.is_empty()) {
            (true, true, _) | (false, _, true) => Some(None),
            (true, _, true) | (false, true, _) => None,
            (true, ..) => Some(Some(format!("({})", tests.join(" || ")))),
            (false, ..) => Some(Some(format!("!({})", tests.join(" || ")))),
        }
    }
}

/// Has an atom found out, and tests in Cedar whether it holds.
fn ask(atoms: &mut Vec<Arc<Atom>>, name: String, test: Test) -> String {
    let text = format!("context.atoms.contains(\"{}\")", escape(&name));
    if !atoms.iter().any(|atom| atom.name == name) {
        atoms.push(Arc::new(Atom { name, test }));
    }
    text
}

fn conditions(statement: &Statement, atoms: &mut Vec<Arc<Atom>>) -> Result<Vec<String>> {
    let mut tests = Vec::new();
    for (operator_name, keys) in &statement.condition.0 {
        let Some(operator) = Operator::parse(operator_name) else {
            return meaning(format!("invalid condition operator `{operator_name}`"));
        };
        for (key, texts) in &keys.0 {
            check_key(key)?;
            let condition = condition(operator, key, texts)?;
            let native = native(&condition, texts);
            tests.push(native.unwrap_or_else(|| {
                let values: Vec<_> = texts.iter().collect();
                ask(atoms, format!("{operator_name} {key} {values:?}"), Test::Condition(condition))
            }));
        }
    }
    Ok(tests)
}

fn condition(operator: Operator, key: &str, texts: &Texts) -> Result<Condition> {
    let values: std::result::Result<Vec<_>, _> = texts.iter().map(|text| operator.value(&text)).collect();
    let values = values.map_err(|reason| PolicyFault::Meaning(format!("condition on `{key}`: {reason}")))?;
    if values.is_empty() {
        return meaning(format!("condition on `{key}`: no value is given"));
    }
    Ok(Condition { operator, key: key.to_owned(), values })
}

/// Keys that a request can have. Source: Service Authorization Reference, *Condition keys for Amazon S3*; IAM User Guide,
/// *AWS global condition context keys*.
const KEYS: [&str; 31] = [
    "aws:currenttime",
    "aws:epochtime",
    "aws:principaltype",
    "aws:referer",
    "aws:securetransport",
    "aws:sourceip",
    "aws:useragent",
    "aws:userid",
    "aws:username",
    "s3:authtype",
    "s3:delimiter",
    "s3:if-match",
    "s3:if-none-match",
    "s3:locationconstraint",
    "s3:max-keys",
    "s3:prefix",
    "s3:requestobjecttagkeys",
    "s3:resourceaccount",
    "s3:signatureage",
    "s3:signatureversion",
    "s3:versionid",
    "s3:x-amz-acl",
    "s3:x-amz-content-sha256",
    "s3:x-amz-copy-source",
    "s3:x-amz-grant-full-control",
    "s3:x-amz-grant-read",
    "s3:x-amz-metadata-directive",
    "s3:x-amz-object-ownership",
    "s3:x-amz-server-side-encryption",
    "s3:x-amz-storage-class",
    "s3:x-amz-website-redirect-location",
];

/// Keys that end in the name of a tag.
const TAG_KEYS: [&str; 2] = ["s3:existingobjecttag/", "s3:requestobjecttag/"];

fn check_key(key: &str) -> Result<()> {
    let lower = key.to_ascii_lowercase();
    let is_tag = TAG_KEYS.iter().any(|prefix| lower.len() > prefix.len() && lower.starts_with(prefix));
    if KEYS.contains(&lower.as_str()) || is_tag {
        return Ok(());
    }
    meaning(format!("policy has an invalid condition key `{key}`"))
}

/// Keys that, compared with fixed values, make a statement for everybody one for some.
///
/// Source: Amazon S3 User Guide, *Blocking public access to your Amazon S3 storage*, "The meaning of public".
const CONFINING: [&str; 8] = [
    "aws:principalaccount",
    "aws:principalarn",
    "aws:sourceaccount",
    "aws:sourcearn",
    "aws:sourceip",
    "aws:sourcevpc",
    "aws:sourcevpce",
    "aws:userid",
];

/// Whether a condition keeps a statement from letting in everybody: it compares what confines with fixed values.
fn confines(statement: &Statement) -> bool {
    statement.condition.0.iter().any(|(operator, keys)| {
        let is_bounding = matches!(
            Operator::parse(operator),
            Some(Operator::Compare {
                comparison: Comparison::StringEquals
                    | Comparison::StringEqualsIgnoreCase
                    | Comparison::StringLike
                    | Comparison::ArnLike
                    | Comparison::IpAddress,
                negated: false,
                if_exists: false,
                quantifier: Quantifier::Single | Quantifier::Any,
            })
        );
        is_bounding
            && keys.0.iter().any(|(key, texts)| {
                CONFINING.contains(&key.to_ascii_lowercase().as_str()) && texts.iter().all(|text| is_fixed(&text))
            })
    })
}

/// Whether a value stands for few: no wildcard, no variable, no network that holds much of the world.
fn is_fixed(text: &str) -> bool {
    let is_narrow = match super::condition::network(text) {
        Some((std::net::IpAddr::V4(_), bits)) => bits >= 8,
        Some((std::net::IpAddr::V6(_), bits)) => bits >= 32,
        None => true,
    };
    is_narrow && !text.contains(['*', '?', '$'])
}

/// A condition that Cedar knows how to ask itself, so that it can be reasoned about: time, address, transport.
fn native(condition: &Condition, texts: &Texts) -> Option<String> {
    let Operator::Compare { comparison, negated, if_exists: false, quantifier: Quantifier::Single } =
        condition.operator
    else {
        return None;
    };
    let texts: Vec<String> = texts.iter().collect();
    let any = |tests: Vec<String>| format!("({})", tests.join(" || "));
    match (comparison, condition.key.to_ascii_lowercase().as_str()) {
        (Comparison::Date(order), "aws:currenttime") => {
            let tests = texts.iter().map(|text| {
                let at = chrono::DateTime::from_timestamp_millis(super::condition::instant(text)?)?;
                let at = at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
                Some(format!("context.now {} datetime(\"{at}\")", sign(order)))
            });
            let any = any(tests.collect::<Option<_>>()?);
            Some(if negated { format!("!{any}") } else { any })
        }
        (Comparison::IpAddress, "aws:sourceip") => {
            let tests = texts.iter().map(|text| format!("context.sourceIp.isInRange(ip(\"{}\"))", escape(text)));
            let within = format!("(context has sourceIp && {})", any(tests.collect()));
            Some(if negated { format!("!{within}") } else { within })
        }
        (Comparison::Bool, "aws:securetransport") => {
            let tests = texts.iter().map(|text| format!("context.secureTransport == {}", text.to_ascii_lowercase()));
            Some(any(tests.collect()))
        }
        _ => None,
    }
}

fn sign(order: Order) -> &'static str {
    match order {
        Order::Equal => "==",
        Order::Less => "<",
        Order::LessOrEqual => "<=",
        Order::Greater => ">",
        Order::GreaterOrEqual => ">=",
    }
}
