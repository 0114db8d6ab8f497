//! One moment of all policy sets, compiled.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use policy::Source;

use super::records::{PolicySetRecord, PolicySetVersion};
use super::{NAMES_MAX, POLICIES_MAX, PolicySetFault, SETS_MAX};
use crate::identity::hex;
use crate::{Error, Result};

/// What all sets are called together.
const JOINED: &str = "policy sets";

/// A set, and the text of it that counts.
#[derive(Debug, Clone)]
pub(super) struct Set {
    pub(super) record: PolicySetRecord,
    /// The record as it is stored, which the next change expects.
    pub(super) bytes: Bytes,
    /// None where the set was taken away.
    pub(super) active: Option<(Arc<str>, Arc<Source>)>,
}

impl Set {
    /// The version that counts; none where the set was taken away.
    pub(super) fn current(&self) -> Option<&PolicySetVersion> {
        self.record.versions.last().filter(|version| !version.is_removal)
    }

    pub(super) fn version(&self, number: u32) -> std::result::Result<&PolicySetVersion, PolicySetFault> {
        let missing = || PolicySetFault::MissingVersion { name: self.record.name.clone(), number };
        self.record.versions.iter().find(|version| version.number == number).ok_or_else(missing)
    }
}

/// The sets that count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicySetState {
    /// By name: the version that counts.
    pub sets: Vec<(String, PolicySetVersion)>,
    /// SHA-256 over all of them, in hex: two lakes with the same hash have the same sets.
    pub hash: String,
    /// Which set cannot be read any more and why, if one cannot: then nobody is let in whom policies bind.
    pub damage: Option<String>,
}

/// One moment of all policy sets.
#[derive(Debug, Clone, Default)]
pub(crate) struct Snapshot {
    sets: BTreeMap<String, Arc<Set>>,
    /// All texts that count, as one; none where there are none.
    joined: Option<Arc<Source>>,
    damage: Option<String>,
}

impl Snapshot {
    pub(super) fn set(&self, name: &str) -> Option<&Set> {
        self.sets.get(name).map(Arc::as_ref)
    }

    /// Whether a policy, by the name that decisions have for it, stands in one of the sets.
    pub(crate) fn holds(&self, policy: &str) -> bool {
        policy.split_once('#').is_some_and(|(name, _)| self.source(name).is_some())
    }

    /// The text of a set that counts.
    pub(super) fn source(&self, name: &str) -> Option<Arc<Source>> {
        Some(Arc::clone(&self.set(name)?.active.as_ref()?.1))
    }

    /// What every decision looks at.
    ///
    /// # Errors
    /// `Corrupt` where a set cannot be read any more: leaving it out could open what it closes.
    pub(crate) fn sources(&self) -> Result<&[Arc<Source>]> {
        match &self.damage {
            None => Ok(self.joined.as_slice()),
            Some(damage) => Err(Error::Corrupt { what: "a policy set".to_owned(), source: damage.clone().into() }),
        }
    }

    /// The sets as they would be with this one.
    pub(super) fn with(&self, set: Set) -> std::result::Result<Self, PolicySetFault> {
        let mut next = Self { sets: self.sets.clone(), joined: None, damage: None };
        next.take(set);
        next.expect_bounds()?;
        for (name, set) in &next.sets {
            if set.current().is_some() && set.active.is_none() {
                next.damage = Some(format!("the policy set `{name}` cannot be read"));
            }
        }
        next.join();
        Ok(next)
    }

    /// The sets as they would be with another text for one of them, or without it. Nothing is counted: it is not stored.
    pub(super) fn supposing(&self, name: &str, source: Option<Arc<Source>>) -> Vec<Arc<Source>> {
        let active = self.sets.iter().filter(|(known, _)| known.as_str() != name);
        let mut sources: Vec<_> = active.filter_map(|(_, set)| Some(Arc::clone(&set.active.as_ref()?.1))).collect();
        sources.extend(source);
        if sources.is_empty() { sources } else { vec![Arc::new(Source::joined(JOINED, &sources))] }
    }

    pub(super) fn take(&mut self, set: Set) {
        self.sets.insert(set.record.name.clone(), Arc::new(set));
    }

    pub(super) fn damage(&mut self, name: &str, fault: &PolicySetFault) {
        tracing::error!(name, %fault, "a policy set cannot be read: nobody is let in whom policies bind");
        self.damage = Some(fault.to_string());
    }

    /// Joins what counts, once all sets are here.
    pub(super) fn join(&mut self) {
        let active = self.sets.values().filter_map(|set| Some(Arc::clone(&set.active.as_ref()?.1)));
        let sources: Vec<_> = active.collect();
        self.joined = (!sources.is_empty()).then(|| Arc::new(Source::joined(JOINED, &sources)));
    }

    fn expect_bounds(&self) -> std::result::Result<(), PolicySetFault> {
        let active = || self.sets.values().filter_map(|set| set.active.as_ref());
        let policies: usize = active().map(|(_, source)| source.count()).sum();
        for (what, max, is) in [
            ("policy sets", SETS_MAX, active().count()),
            ("names of policy sets", NAMES_MAX, self.sets.len()),
            ("policies in all sets together", POLICIES_MAX, policies),
        ] {
            if is > max {
                return Err(PolicySetFault::Limit { what, max });
            }
        }
        Ok(())
    }

    pub(super) fn state(&self) -> PolicySetState {
        let current = |(name, set): (&String, &Arc<Set>)| Some((name.clone(), set.current()?.clone()));
        PolicySetState {
            sets: self.sets.iter().filter_map(current).collect(),
            hash: self.joined.as_ref().map_or_else(|| hex(&[0; 32]), |joined| hex(joined.hash())),
            damage: self.damage.clone(),
        }
    }
}
