//! Slices: of all policies those that can concern a question, made once and kept.
//!
//! Cedar looks at every policy that it is given, so it is given few. A slice is known by the sources it is made from, the
//! side each speaks for, and what of the question heads of policies can name. Most decisions find theirs ready.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use cedar_policy::{PolicyId, PolicySet};

use super::composition::Side;
use super::quick::Quick;
use crate::action::Action;
use crate::atom::Atom;
use crate::question::Question;
use crate::source::{CallerScope, Compiled, Source};

/// Slices kept at the most; then the cache starts over.
const SLICES_MAX: usize = 10_000;

/// The policies of which a decision is made.
pub(super) struct Slice {
    pub(super) policies: PolicySet,
    pub(super) atoms: Vec<Arc<Atom>>,
    known: HashMap<PolicyId, Known>,
    /// Whether any of them lets anybody in.
    permits: bool,
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

/// Slices that were made before.
#[derive(Default)]
pub(super) struct Slices(Mutex<HashMap<SliceKey, Arc<Slice>>>);

#[derive(PartialEq, Eq, Hash)]
struct SliceKey {
    lake: Vec<[u8; 32]>,
    identity: Vec<[u8; 32]>,
    resource: Vec<[u8; 32]>,
    action: Action,
    bucket: Option<String>,
    caller: CallerScope,
}

impl Slices {
    /// The slice of a question.
    pub(super) fn of(
        &self,
        question: &Question<'_>,
        caller: &CallerScope,
        lake: [&[Arc<Source>]; 2],
        identity: &[Arc<Source>],
        resource: &[Arc<Source>],
    ) -> Arc<Slice> {
        let hashes = |sources: &[Arc<Source>]| sources.iter().map(|source| *source.hash()).collect();
        let key = SliceKey {
            lake: lake.into_iter().flatten().map(|source| *source.hash()).collect(),
            identity: hashes(identity),
            resource: hashes(resource),
            action: question.action,
            bucket: question.bucket.map(|bucket| bucket.name.as_str().to_owned()),
            caller: caller.clone(),
        };
        if let Some(slice) = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Arc::clone(slice);
        }
        let concerns = |compiled: &Compiled| compiled.concerns(key.action, key.bucket.as_deref(), &key.caller);
        let mut slice = Slice::of(lake, identity, resource, concerns);
        if slice.permits && slice.is_whole {
            let policies = slice.policies.policies();
            let sided = policies.filter_map(|policy| Some((policy, slice.known.get(policy.id())?.side)));
            slice.quick = Quick::of(sided, key.action);
        }
        let slice = Arc::new(slice);
        let mut slices = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if slices.len() >= SLICES_MAX {
            slices.clear();
        }
        slices.insert(key, Arc::clone(&slice));
        slice
    }
}

impl Slice {
    /// The policies of some sources, as far as they concern a question.
    pub(super) fn of(
        lake: [&[Arc<Source>]; 2],
        identity: &[Arc<Source>],
        resource: &[Arc<Source>],
        concerns: impl Fn(&Compiled) -> bool,
    ) -> Self {
        let mut slice = Self::empty();
        for source in lake.into_iter().flatten() {
            slice.take(source.policies(&concerns), |_| Side::Lake);
        }
        for source in identity {
            slice.take(source.policies(&concerns), |_| Side::Identity);
        }
        for source in resource {
            let is_public = source.is_public();
            slice.take(source.policies(&concerns), |compiled| match compiled.delegates {
                true => Side::Account { is_public },
                false => Side::Resource { is_public },
            });
        }
        slice
    }

    fn empty() -> Self {
        Self {
            policies: PolicySet::new(),
            atoms: Vec::new(),
            known: HashMap::new(),
            permits: false,
            is_whole: true,
            quick: None,
        }
    }

    /// What is known of one of its policies.
    pub(super) fn known(&self, id: &PolicyId) -> Option<&Known> {
        self.known.get(id)
    }

    /// Takes policies in. One document may be attached twice, and two may have one name: each policy keeps an id of its own.
    fn take<'c>(&mut self, concerning: impl Iterator<Item = &'c Compiled>, side: impl Fn(&Compiled) -> Side) {
        for compiled in concerning {
            self.permits |= !compiled.forbids();
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
