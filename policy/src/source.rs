//! Policies as they are stored: one text, parsed, validated, and known by whom and what its policies concern.
//!
//! Cedar looks at every policy it is given. So a decision is given those alone whose head can match: what the head says
//! of action, bucket and caller is read once, when the text comes in.

use std::collections::BTreeSet;
use std::sync::Arc;

use cedar_policy::{
    ActionConstraint, EntityTypeName, EntityUid, Policy, PolicyId, PolicySet, PrincipalConstraint, ResourceConstraint,
};

use kernel::{BucketName, Caller};

use crate::action::{Action, Group};
use crate::atom::Atom;
use crate::bounds::expect_shallow;
use crate::schema::{self, Fault};

/// Bytes of one text. Source: AWS bounds a bucket policy at 20 KB; Cedar texts hold many policies.
pub const TEXT_BYTES_MAX: usize = 256 << 10;
/// Policies of one text.
pub const POLICIES_MAX: usize = 1_000;

/// Why a text is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyFault {
    /// Too long.
    #[error("the text has {bytes} bytes, at most {max} are allowed")]
    TooLong {
        /// Its bytes.
        bytes: usize,
        /// The most allowed.
        max: usize,
    },
    /// Too many policies.
    #[error("the text holds {count} policies, at most {max} are allowed")]
    TooMany {
        /// Its policies.
        count: usize,
        /// The most allowed.
        max: usize,
    },
    /// Not in the language it should be in.
    #[error("line {line}, column {column}: {reason}")]
    Syntax {
        /// Counted from 1.
        line: usize,
        /// Counted from 1, in bytes.
        column: usize,
        /// For people.
        reason: String,
    },
    /// It is well-formed, and means nothing or something that cannot be.
    #[error("{0}")]
    Meaning(String),
}

/// Where the byte `at` of a text stands.
pub(crate) fn position(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
    let column = before.rfind('\n').map_or(before.len(), |newline| before.len() - newline - 1) + 1;
    (line, column)
}

/// Whom a policy's head lets in.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Callers {
    Any,
    /// Callers of this type.
    Type(EntityTypeName),
    /// This entity alone.
    One(EntityUid),
    /// This entity and what is in it.
    Within(EntityUid),
    /// What is of this type and in this entity.
    TypeWithin(EntityTypeName, EntityUid),
}

/// A policy, and what its head says.
#[derive(Debug, Clone)]
pub(crate) struct Compiled {
    pub(crate) policy: Policy,
    actions: Option<BTreeSet<&'static str>>,
    /// The only bucket it concerns; none for any.
    bucket: Option<String>,
    callers: Callers,
    /// What must be found out before Cedar is asked.
    pub(crate) atoms: Vec<Arc<Atom>>,
    /// Whether it names a whole account, and so leaves the decision to that account.
    pub(crate) delegates: bool,
    /// Whether it is about those whom a provider outside lets in.
    pub(crate) is_of_provider: bool,
    /// Whether it lets in everybody, or nearly so.
    pub(crate) is_public: bool,
}

/// Policies from one text.
#[derive(Debug)]
pub struct Source {
    name: String,
    hash: [u8; 32],
    policies: Vec<Compiled>,
}

impl Source {
    /// Policies in Cedar. `name` tells where they are from; their ids begin with it.
    ///
    /// # Errors
    /// [`PolicyFault`]: nothing with an error or a warning is taken.
    pub fn cedar(name: &str, text: &str) -> Result<Self, PolicyFault> {
        bounded(text)?;
        expect_shallow(text).map_err(|fault| placed(text, fault))?;
        let set: PolicySet = text.parse().map_err(|error| syntax(text, &error))?;
        if set.templates().next().is_some() {
            return Err(PolicyFault::Meaning("templates are not used here: write the policy out".to_owned()));
        }
        if let Some(fault) = schema::faults(&set).into_iter().next() {
            return Err(placed(text, fault));
        }
        let mut named = BTreeSet::new();
        let mut policies = Vec::new();
        for policy in set.policies() {
            let id = policy.annotation("id").map_or_else(|| policy.id().to_string(), str::to_owned);
            if !named.insert(id.clone()) {
                let at = text.match_indices(&format!("@id(\"{id}\")")).nth(1).map(|(at, _)| at);
                return Err(placed(text, Fault { at, reason: format!("two policies have the id `{id}`") }));
            }
            policies.push(Compiled::new(policy.new_id(PolicyId::new(format!("{name}#{id}"))), Vec::new()));
        }
        Self::of(name, text, policies)
    }

    /// Policies of several texts, as one: so a decision looks at one source, however many texts there are.
    pub fn joined(name: &str, sources: &[Arc<Self>]) -> Self {
        let mut digest = ring::digest::Context::new(&ring::digest::SHA256);
        sources.iter().for_each(|source| digest.update(&source.hash));
        let mut hash = [0; 32];
        hash.copy_from_slice(digest.finish().as_ref());
        let policies = sources.iter().flat_map(|source| source.policies.iter().cloned()).collect();
        Self { name: name.to_owned(), hash, policies }
    }

    pub(crate) fn of(name: &str, text: &str, policies: Vec<Compiled>) -> Result<Self, PolicyFault> {
        if policies.len() > POLICIES_MAX {
            return Err(PolicyFault::TooMany { count: policies.len(), max: POLICIES_MAX });
        }
        let length = (name.len() as u64).to_be_bytes();
        Ok(Self { name: name.to_owned(), hash: hash([&length, name.as_bytes(), text.as_bytes()]), policies })
    }

    /// What of it forbids, alone.
    pub fn denials(&self) -> Self {
        let policies = self
            .policies
            .iter()
            .filter(|compiled| compiled.policy.effect() == cedar_policy::Effect::Forbid)
            .cloned()
            .collect();
        Self { name: self.name.clone(), hash: hash([&self.hash, b"denials", b""]), policies }
    }

    /// Where its policies are from.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// SHA-256 of the name and the text: policies with the same hash decide the same, by the same names.
    pub fn hash(&self) -> &[u8; 32] {
        &self.hash
    }

    /// How many policies it holds.
    pub fn count(&self) -> usize {
        self.policies.len()
    }

    /// Whether it lets in everybody, or nearly so.
    ///
    /// Source: Amazon S3 User Guide, *Blocking public access to your Amazon S3 storage*, "The meaning of public".
    pub fn is_public(&self) -> bool {
        self.policies.iter().any(|compiled| compiled.is_public)
    }

    /// Whether a policy of it can concern somebody who wants to do something, in a bucket or anywhere: what conditions say is
    /// not looked at.
    pub fn may_concern(&self, caller: &Caller, action: Action, bucket: Option<&BucketName>) -> bool {
        let bucket = bucket.map(BucketName::as_str);
        crate::judge::scope(caller)
            .is_some_and(|scope| self.policies.iter().any(|compiled| compiled.concerns(action, bucket, &scope)))
    }

    /// SHA-256 of a text, by which its versions are told apart.
    pub fn hash_of(text: &str) -> [u8; 32] {
        let mut hash = [0; 32];
        hash.copy_from_slice(ring::digest::digest(&ring::digest::SHA256, text.as_bytes()).as_ref());
        hash
    }

    /// The policies, in Cedar, as they are asked.
    pub fn to_cedar(&self) -> String {
        let texts = self.policies.iter().filter_map(|compiled| compiled.policy.to_cedar());
        texts.collect::<Vec<_>>().join("\n")
    }

    /// Its policies, as far as they concern a question.
    pub(crate) fn policies(&self, concerns: impl Fn(&Compiled) -> bool) -> impl Iterator<Item = &Compiled> {
        self.policies.iter().filter(move |compiled| concerns(compiled))
    }
}

/// A caller as heads of policies see it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct CallerScope {
    pub(crate) uid: EntityUid,
    /// What it is in, the groups of groups included.
    pub(crate) within: Vec<EntityUid>,
}

impl Compiled {
    pub(crate) fn new(policy: Policy, atoms: Vec<Arc<Atom>>) -> Self {
        let actions = match policy.action_constraint() {
            ActionConstraint::Any => None,
            ActionConstraint::In(uids) => Some(uids.iter().flat_map(actions_of).collect()),
            ActionConstraint::Eq(uid) => Some(actions_of(&uid).collect()),
        };
        let bucket = match policy.resource_constraint() {
            ResourceConstraint::In(uid) | ResourceConstraint::Eq(uid) | ResourceConstraint::IsIn(_, uid) => {
                (uid.type_name().basename() == "Bucket").then(|| uid.id().unescaped().to_owned())
            }
            ResourceConstraint::Any | ResourceConstraint::Is(_) => None,
        };
        let callers = match policy.principal_constraint() {
            PrincipalConstraint::Any => Callers::Any,
            PrincipalConstraint::Is(name) => Callers::Type(name),
            PrincipalConstraint::Eq(uid) => Callers::One(uid),
            PrincipalConstraint::In(uid) => Callers::Within(uid),
            PrincipalConstraint::IsIn(name, uid) => Callers::TypeWithin(name, uid),
        };
        let delegates = matches!(&callers, Callers::Within(uid) if uid.type_name().basename() == "Account");
        Self { policy, actions, bucket, callers, atoms, delegates, is_of_provider: false, is_public: false }
    }

    /// Whether its head can match.
    pub(crate) fn concerns(&self, action: Action, bucket: Option<&str>, caller: &CallerScope) -> bool {
        let is_within = |uid: &EntityUid| caller.uid == *uid || caller.within.contains(uid);
        self.actions.as_ref().is_none_or(|actions| actions.contains(action.name()))
            && self.bucket.as_deref().is_none_or(|only| Some(only) == bucket)
            && match &self.callers {
                Callers::Any => true,
                Callers::Type(name) => caller.uid.type_name() == name,
                Callers::One(uid) => caller.uid == *uid,
                Callers::Within(uid) => is_within(uid),
                Callers::TypeWithin(name, uid) => caller.uid.type_name() == name && is_within(uid),
            }
    }
}

/// The actions that an action or a group of them in a policy's head stands for.
fn actions_of(uid: &EntityUid) -> impl Iterator<Item = &'static str> {
    let named = uid.id().unescaped().to_owned();
    let group = Group::ALL.into_iter().find(|group| group.name() == named);
    Action::ALL
        .into_iter()
        .filter(move |action| action.name() == named || Some(action.group()) == group)
        .map(Action::name)
}

fn hash(texts: [&[u8]; 3]) -> [u8; 32] {
    let mut digest = ring::digest::Context::new(&ring::digest::SHA256);
    texts.into_iter().for_each(|text| digest.update(text));
    let mut hash = [0; 32];
    hash.copy_from_slice(digest.finish().as_ref());
    hash
}

pub(crate) fn bounded(text: &str) -> Result<(), PolicyFault> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(PolicyFault::TooLong { bytes: text.len(), max: TEXT_BYTES_MAX });
    }
    Ok(())
}

fn syntax(text: &str, errors: &cedar_policy::ParseErrors) -> PolicyFault {
    placed(text, Fault::of(errors))
}

fn placed(text: &str, fault: Fault) -> PolicyFault {
    let Fault { at, reason } = fault;
    let Some(at) = at else { return PolicyFault::Meaning(reason) };
    let (line, column) = position(text, at);
    PolicyFault::Syntax { line, column, reason }
}
