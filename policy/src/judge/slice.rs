//! Slices: of all policies those that can concern a question, made once and kept.
//!
//! Cedar looks at every policy that it is given, so it is given few. A slice is known by the sources it is made from, the
//! side each speaks for, what of the question heads of policies can name, and the question's shape. Most decisions find
//! theirs ready. What is kept is bounded by bytes, because a slice takes from ten thousand of them to half a million.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use cedar_policy::{PolicyId, PolicySet};
use kernel::{BucketName, Principal, Who};

use super::composition::Side;
use super::entities;
use super::explain::Literals;
use super::quick::Quick;
use super::shape::Shape;
use crate::PolicyHash;
use crate::action::Action;
use crate::atom::Atom;
use crate::question::Question;
use crate::source::{CallerScope, Compiled, Source};

/// Bytes of the slices that are kept, at the most: two thousand questions with twenty policies each.
const KEPT_BYTES_MAX: usize = 128 << 20;
/// Bytes that are kept when some had to go: making room looks at many, so it is not made for one alone.
const KEPT_BYTES_AFTER: usize = KEPT_BYTES_MAX / 16 * 15;
/// Parts that slices are kept in.
const PARTS: usize = 16;
/// What a slice takes, and what more it takes for each policy, and for each value of the conditions that are joined.
/// Measured, see `policy/tests/memory.rs`.
const SLICE_BYTES: usize = 3 << 10;
const POLICY_BYTES: usize = 1_600;
const VALUE_BYTES: usize = 100;

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
    /// What it compares time with, once that was asked for.
    pub(super) literals: OnceLock<Literals>,
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

/// The questions that a slice is for. It knows its sources by where they lie, and has a claim to that place, so that no
/// other can come to lie there; what they say goes with whoever held them, so that no text outlives its replacement here.
struct Asked {
    sides: [Vec<Weak<Source>>; 4],
    action: Action,
    bucket: Option<BucketName>,
    who: Who,
    bits: u8,
}

impl Asked {
    fn of(question: &Question<'_>, shape: &Shape<'_>, among: &Among<'_>) -> Self {
        Self {
            sides: among.sides().map(|side| side.iter().map(Arc::downgrade).collect()),
            action: question.action,
            bucket: question.bucket.map(|bucket| bucket.name.clone()),
            who: question.caller.who().clone(),
            bits: shape.bits(),
        }
    }

    fn is(&self, question: &Question<'_>, shape: &Shape<'_>, among: &Among<'_>) -> bool {
        let is_same = |(known, source): (&Weak<Source>, &Arc<Source>)| Weak::as_ptr(known) == Arc::as_ptr(source);
        let are_same = |(known, side): (&Vec<Weak<Source>>, &[Arc<Source>])| {
            known.len() == side.len() && known.iter().zip(side).all(is_same)
        };
        self.action == question.action
            && self.bits == shape.bits()
            && self.bucket.as_ref() == question.bucket.map(|bucket| bucket.name)
            && is_alike(&self.who, question.caller.who())
            && self.sides.iter().zip(among.sides()).all(are_same)
    }

    /// Whether all its sources are still there.
    fn can_come_again(&self) -> bool {
        self.sides.iter().flatten().all(|source| source.strong_count() > 0)
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
    kept_bytes: AtomicUsize,
    keys: RandomState,
}

impl Slices {
    /// The slice of a question; none where the caller is nobody whom policies bind.
    pub(super) fn of(&self, question: &Question<'_>, among: &Among<'_>) -> Option<Arc<Slice>> {
        let shape = Shape::of(question);
        let hash = hash(&self.keys, question, &shape, among);
        let part = usize::try_from(hash % PARTS as u64).ok()?;
        let known = self.part(part)?.get(&hash).cloned();
        // Of two with one hash, the last that was asked for is kept.
        if let Some(slice) = known.filter(|slice| slice.asked.is(question, &shape, among)) {
            return Some(slice);
        }
        let slice = Arc::new(Slice::cut(question, &shape, among)?);
        self.keep(part, hash, &slice);
        Some(slice)
    }

    /// Keeps a slice. One that is larger than all that may be kept is made anew whenever it is asked for.
    fn keep(&self, part: usize, hash: u64, slice: &Arc<Slice>) {
        let bytes = slice.bytes();
        if bytes > KEPT_BYTES_MAX {
            return;
        }
        if self.kept_bytes.fetch_add(bytes, Ordering::Relaxed) + bytes > KEPT_BYTES_MAX {
            (0..PARTS).filter_map(|turn| self.part((part + turn) % PARTS)).for_each(|slices| self.make_room(slices));
        }
        let Some(mut slices) = self.part(part) else { return };
        if let Some(before) = slices.insert(hash, Arc::clone(slice)) {
            self.kept_bytes.fetch_sub(before.bytes(), Ordering::Relaxed);
        }
    }

    /// Lets go of slices of a part as long as too many bytes are kept: first of those that nobody can ask for any more,
    /// because a text that they are made from was replaced, then of any.
    fn make_room(&self, mut slices: MutexGuard<'_, HashMap<u64, Arc<Slice>>>) {
        for is_due in [|slice: &Slice| !slice.asked.can_come_again(), |_: &Slice| true] {
            slices.retain(|_, slice| {
                let goes = self.kept_bytes.load(Ordering::Relaxed) > KEPT_BYTES_AFTER && is_due(slice);
                if goes {
                    self.kept_bytes.fetch_sub(slice.bytes(), Ordering::Relaxed);
                }
                !goes
            });
        }
    }

    fn part(&self, part: usize) -> Option<MutexGuard<'_, HashMap<u64, Arc<Slice>>>> {
        Some(self.parts.get(part)?.lock().unwrap_or_else(PoisonError::into_inner))
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

    /// Bytes that it takes in memory, about.
    fn bytes(&self) -> usize {
        let values = self.quick.as_ref().map_or(0, |quick| quick.values);
        SLICE_BYTES + POLICY_BYTES * self.known.len() + VALUE_BYTES * values
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
            literals: OnceLock::new(),
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
            self.take(source.policies(&concerns), |compiled| match (compiled.delegates, compiled.is_of_provider) {
                (true, _) => Side::Account { is_public },
                (false, true) => Side::Provider,
                (false, false) => Side::Resource { is_public },
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
