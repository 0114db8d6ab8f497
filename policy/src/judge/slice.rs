//! Slices: of all policies those that can concern a question, made once and kept.
//!
//! Cedar looks at every policy that it is given, so it is given few. A slice is known by the sources it is made from, the
//! side each speaks for, what of the question heads of policies can name, and the question's shape. Most decisions find
//! theirs ready.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};

use cedar_policy::{PolicyId, PolicySet};
use kernel::{BucketName, Principal, Who};

use super::composition::Side;
use super::entities;
use super::quick::Quick;
use super::shape::Shape;
use crate::PolicyHash;
use crate::action::Action;
use crate::atom::Atom;
use crate::question::Question;
use crate::source::{CallerScope, Compiled, Source};

/// Slices kept at the most; then the part that is full starts over.
const SLICES_MAX: usize = 16_384;
/// Parts that slices are kept in.
const PARTS: usize = 16;

/// The policies of which a decision is made.
pub(super) struct Slice {
    asked: Asked,
    /// The sources it is cut from, by what they say.
    pub(super) hash: PolicyHash,
    /// Whoever asks.
    pub(super) caller: CallerScope,
    pub(super) policies: PolicySet,
    pub(super) atoms: Vec<Arc<Atom>>,
    known: HashMap<PolicyId, Known>,
    /// Whether no policy was left out.
    pub(super) is_whole: bool,
    /// The same in fewer policies, where it can be said so.
    pub(super) quick: Option<Quick>,
}

/// What is known of a policy beside its text.
pub(super) struct Known {
    /// Why it is there, for people.
    pub(super) reason: String,
    /// Whom it speaks for.
    pub(super) side: Side,
}

/// The sources that a slice is cut from, by sides.
#[derive(Clone, Copy, Default)]
pub(super) struct Among<'a> {
    pub(super) lake: [&'a [Arc<Source>]; 2],
    pub(super) identity: &'a [Arc<Source>],
    pub(super) resource: &'a [Arc<Source>],
}

impl<'a> Among<'a> {
    fn sides(&self) -> [&'a [Arc<Source>]; 4] {
        [self.lake[0], self.lake[1], self.identity, self.resource]
    }
}

/// The questions that a slice is for. It holds the sources, so that no other can come to lie where they do.
struct Asked {
    sides: [Vec<Arc<Source>>; 4],
    action: Action,
    bucket: Option<BucketName>,
    who: Who,
    bits: u8,
}

impl Asked {
    fn of(question: &Question<'_>, shape: &Shape<'_>, among: &Among<'_>) -> Self {
        Self {
            sides: among.sides().map(<[_]>::to_vec),
            action: question.action,
            bucket: question.bucket.map(|bucket| bucket.name.clone()),
            who: question.caller.who().clone(),
            bits: shape.bits(),
        }
    }

    fn is(&self, question: &Question<'_>, shape: &Shape<'_>, among: &Among<'_>) -> bool {
        let are_same = |(known, side): (&Vec<Arc<Source>>, &[Arc<Source>])| {
            known.len() == side.len() && known.iter().zip(side).all(|(known, source)| Arc::ptr_eq(known, source))
        };
        self.action == question.action
            && self.bits == shape.bits()
            && self.bucket.as_ref() == question.bucket.map(|bucket| bucket.name)
            && is_alike(&self.who, question.caller.who())
            && self.sides.iter().zip(among.sides()).all(are_same)
    }
}

/// Whether two callers are the same to heads of policies and to what is settled beforehand.
fn is_alike(one: &Who, other: &Who) -> bool {
    match (one, other) {
        (Who::Anonymous, Who::Anonymous) => true,
        (Who::Principal(one), Who::Principal(other)) => {
            let of = |of: &Principal| (of.kind, of.account);
            let is_named_so = || one.name == other.name && one.policy_arn == other.policy_arn;
            Arc::ptr_eq(one, other) || of(one) == of(other) && is_named_so() && one.groups == other.groups
        }
        _ => false,
    }
}

fn hash(keys: &RandomState, question: &Question<'_>, shape: &Shape<'_>, among: &Among<'_>) -> u64 {
    let mut hasher = keys.build_hasher();
    for side in among.sides() {
        side.len().hash(&mut hasher);
        side.iter().for_each(|source| Arc::as_ptr(source).hash(&mut hasher));
    }
    (question.action, shape.bits(), question.bucket.map(|bucket| bucket.name)).hash(&mut hasher);
    question.caller.principal().map(|principal| (principal.account, &principal.name)).hash(&mut hasher);
    hasher.finish()
}

/// Slices that were made before, in parts by their hashes, so that few wait for each other.
#[derive(Default)]
pub(super) struct Slices {
    parts: [Mutex<HashMap<u64, Arc<Slice>>>; PARTS],
    keys: RandomState,
}

impl Slices {
    /// The slice of a question; none where the caller is nobody whom policies bind.
    pub(super) fn of(&self, question: &Question<'_>, among: &Among<'_>) -> Option<Arc<Slice>> {
        let shape = Shape::of(question);
        let hash = hash(&self.keys, question, &shape, among);
        let part = self.parts.get(usize::try_from(hash % PARTS as u64).ok()?)?;
        let known = part.lock().unwrap_or_else(PoisonError::into_inner).get(&hash).cloned();
        // Of two with one hash, the last that was asked for is kept.
        if let Some(slice) = known.filter(|slice| slice.asked.is(question, &shape, among)) {
            return Some(slice);
        }
        let slice = Arc::new(Slice::cut(question, &shape, among)?);
        let mut slices = part.lock().unwrap_or_else(PoisonError::into_inner);
        if slices.len() >= SLICES_MAX / PARTS {
            slices.clear();
        }
        slices.insert(hash, Arc::clone(&slice));
        Some(slice)
    }
}

impl Slice {
    /// What of some sources concerns a question.
    fn cut(question: &Question<'_>, shape: &Shape<'_>, among: &Among<'_>) -> Option<Self> {
        let (action, bucket) = (question.action, question.bucket.map(|bucket| bucket.name.as_str()));
        let mut slice = Self::empty(question, among)?;
        let caller = slice.caller.clone();
        slice.gather(among, |compiled| compiled.concerns(action, bucket, &caller));
        if slice.is_whole {
            let policies = slice.policies.policies();
            let sided = policies.filter_map(|policy| Some((policy, slice.known.get(policy.id())?.side)));
            slice.quick = Quick::of(sided, action, shape);
        }
        Some(slice)
    }

    /// All policies of some sources.
    #[cfg(test)]
    pub(super) fn uncut(question: &Question<'_>, among: &Among<'_>) -> Option<Self> {
        let mut slice = Self::empty(question, among)?;
        slice.gather(among, |_| true);
        Some(slice)
    }

    /// None yet.
    fn empty(question: &Question<'_>, among: &Among<'_>) -> Option<Self> {
        Some(Self {
            asked: Asked::of(question, &Shape::of(question), among),
            caller: entities::scope(question.caller)?,
            hash: PolicyHash::of(among.sides(), &[]),
            policies: PolicySet::new(),
            atoms: Vec::new(),
            known: HashMap::new(),
            is_whole: true,
            quick: None,
        })
    }

    fn gather(&mut self, among: &Among<'_>, concerns: impl Fn(&Compiled) -> bool) {
        for source in among.lake.into_iter().flatten() {
            self.take(source.policies(&concerns), |_| Side::Lake);
        }
        for source in among.identity {
            self.take(source.policies(&concerns), |_| Side::Identity);
        }
        for source in among.resource {
            let is_public = source.is_public();
            self.take(source.policies(&concerns), |compiled| match compiled.delegates {
                true => Side::Account { is_public },
                false => Side::Resource { is_public },
            });
        }
    }

    /// What is known of one of its policies.
    pub(super) fn known(&self, id: &PolicyId) -> Option<&Known> {
        self.known.get(id)
    }

    /// Takes policies in. One document may be attached twice, and two may have one name: each policy keeps an id of its own.
    fn take<'c>(&mut self, concerning: impl Iterator<Item = &'c Compiled>, side: impl Fn(&Compiled) -> Side) {
        for compiled in concerning {
            for atom in &compiled.atoms {
                if !self.atoms.iter().any(|known| known.name == atom.name) {
                    self.atoms.push(Arc::clone(atom));
                }
            }
            let mut policy = compiled.policy.clone();
            let reason = policy.annotation("reason").map_or_else(|| policy.id().to_string(), str::to_owned);
            if self.known.contains_key(policy.id()) {
                policy = policy.new_id(PolicyId::new(format!("{} ({})", policy.id(), self.known.len())));
            }
            self.known.insert(policy.id().clone(), Known { reason, side: side(compiled) });
            self.is_whole &= self.policies.add(policy).is_ok();
        }
    }
}
