//! What other policies, or time alone, would change: who gains and who loses access to how much, and what becomes public
//! when. The catalogue is walked page by page; objects that look alike to the policies are judged once ([`walk`]).
//!
//! Current objects are looked at, not earlier versions. What policies say of addresses and of TLS is judged as for the request
//! that wants to know.

mod walk;

use std::collections::BTreeMap;
use std::sync::Arc;

use kernel::{BucketName, Caller, Timestamp, Who};
use policy::{Action, Judge, ObjectView, Source, VersionView};

use super::compiled;
use super::explain::Candidate;
use crate::facts::BucketFacts;
use crate::leave::{Ask, Moment};
use crate::{Engine, Result};
use walk::{Alike, Pair};

/// Changes of one answer that are foreseen.
const TURNS_MAX: usize = 16;

/// What a walk through the catalogue is about.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Survey {
    /// Whom it is about, as a subject is named; empty for everybody whom the lake knows, and the anonymous.
    pub subjects: Vec<String>,
    /// Which actions, all on objects; empty for `s3:GetObject`.
    pub actions: Vec<Action>,
    /// The only bucket; none for all.
    pub bucket: Option<BucketName>,
    /// Where the walk goes on: what the page before said.
    pub after: Option<Place>,
}

/// A place in the catalogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The bucket.
    pub bucket: BucketName,
    /// The last key that was looked at; none where all of the bucket was.
    pub key: Option<String>,
}

/// How much.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Amount {
    /// Objects.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Who, what for, and where.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Access {
    /// Where.
    pub bucket: BucketName,
    /// Who, as a subject is named.
    pub who: String,
    /// What for.
    pub action: Action,
}

/// What somebody gains and loses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Shift {
    /// What was refused before and is allowed after.
    pub gained: Amount,
    /// What was allowed before and is refused after.
    pub lost: Amount,
}

/// From when on anybody may have something, before and after; none for never by itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Publication {
    /// Who, what for, and where.
    pub access: Access,
    /// Under the sets that count.
    pub before: Option<Timestamp>,
    /// Under the candidate.
    pub after: Option<Timestamp>,
}

/// A page of what a candidate would change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    /// Who gains and loses what.
    pub shifts: BTreeMap<Access, Shift>,
    /// What becomes public at another time than it would.
    pub public: BTreeMap<Publication, Amount>,
    /// How much was walked; buckets that the change cannot concern are passed over.
    pub walked: Amount,
    /// When it was judged for.
    pub at: Timestamp,
    /// Where the next page goes on; none behind the last.
    pub next: Option<Place>,
}

/// An answer that turns by itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Turn {
    /// When.
    pub at: Timestamp,
    /// Whose answer.
    pub access: Access,
    /// Whether it is allowed from then on.
    pub opens: bool,
}

/// A page of what time alone will change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forecast {
    /// What opens and closes, in the order of time.
    pub turns: BTreeMap<Turn, Amount>,
    /// How much was walked.
    pub walked: Amount,
    /// From when on.
    pub from: Timestamp,
    /// Where the next page goes on; none behind the last.
    pub next: Option<Place>,
}

impl Amount {
    fn add(&mut self, other: Self) {
        self.objects = self.objects.saturating_add(other.objects);
        self.bytes = self.bytes.saturating_add(other.bytes);
    }
}

/// The policies before and after.
struct Sides {
    before: Vec<Arc<Source>>,
    after: Vec<Arc<Source>>,
    /// The texts that differ.
    changed: Vec<Arc<Source>>,
}

impl Engine {
    /// A page of what a text in the place of a set would change, now.
    ///
    /// # Errors
    /// `PolicySet` for a candidate that is none, or too many subjects or actions; `Identity` for somebody who is not there;
    /// `NotFound` for a bucket that is not there; `Denied`, `Unavailable`.
    pub async fn compare_policies(
        &self,
        caller: &Caller,
        survey: &Survey,
        candidate: Candidate<'_>,
    ) -> Result<Comparison> {
        self.permit_lake(caller, Action::SimulatePolicy)?;
        let (judge, sides, at) = (Judge::default(), self.sides(candidate)?, self.time.opening());
        let (mut shifts, mut public) = (BTreeMap::new(), BTreeMap::new());
        let concerns = |pair: &Pair, bucket: &BucketName| {
            sides.changed.iter().any(|source| source.may_concern(&pair.caller, pair.action, Some(bucket)))
        };
        let sources: Vec<_> = sides.before.iter().chain(&sides.after).cloned().collect();
        let visit = |facts: &BucketFacts, group: &Alike, pair: &Pair| {
            let before = self.is_allowed(facts, group, pair, Moment { judge: &judge, lake: &sides.before, now: at })?;
            let after = self.is_allowed(facts, group, pair, Moment { judge: &judge, lake: &sides.after, now: at })?;
            let access = pair.access(facts.name());
            if before != after {
                let shift: &mut Shift = shifts.entry(access.clone()).or_default();
                if after { shift.gained.add(group.amount) } else { shift.lost.add(group.amount) }
            }
            if pair.caller.who() == &Who::Anonymous {
                let opens = |is_allowed, lake: &[Arc<Source>]| match is_allowed {
                    true => Ok(Some(at)),
                    false => self.changes_at(facts, group, pair, (Moment { judge: &judge, lake, now: at }, false)),
                };
                let (before, after) = (opens(before, &sides.before)?, opens(after, &sides.after)?);
                if before != after {
                    let amount: &mut Amount = public.entry(Publication { access, before, after }).or_default();
                    amount.add(group.amount);
                }
            }
            Ok(())
        };
        let walked = self.walk(caller, survey, &sources, concerns, visit).await?;
        Ok(Comparison { shifts, public, walked: walked.amount, at, next: walked.next })
    }

    /// A page of what opens and closes by itself until `until`, under the sets that count.
    ///
    /// # Errors
    /// As [`Engine::compare_policies`].
    pub async fn forecast(&self, caller: &Caller, survey: &Survey, until: Timestamp) -> Result<Forecast> {
        self.permit_lake(caller, Action::SimulatePolicy)?;
        let (judge, lake, from) = (Judge::default(), self.supposing(None)?, self.time.opening());
        let mut turns = BTreeMap::new();
        let visit = |facts: &BucketFacts, group: &Alike, pair: &Pair| {
            for (at, opens) in
                self.turns(facts, group, pair, Moment { judge: &judge, lake: &lake, now: from }, until)?
            {
                let turn = Turn { at, access: pair.access(facts.name()), opens };
                let amount: &mut Amount = turns.entry(turn).or_default();
                amount.add(group.amount);
            }
            Ok(())
        };
        let walked = self.walk(caller, survey, &lake, |_, _| true, visit).await?;
        Ok(Forecast { turns, walked: walked.amount, from, next: walked.next })
    }

    fn sides(&self, candidate: Candidate<'_>) -> Result<Sides> {
        let now = self.policy_sets.snapshot();
        let before = now.sources()?.to_vec();
        let was = now.source(candidate.name);
        let becomes = candidate.text.map(|text| compiled(candidate.name, text)).transpose()?.map(Arc::new);
        let changed = was.into_iter().chain(becomes).collect();
        Ok(Sides { before, after: self.supposing(Some(candidate))?, changed })
    }

    fn is_allowed(&self, facts: &BucketFacts, group: &Alike, pair: &Pair, moment: Moment<'_>) -> Result<bool> {
        let ask = ask(facts, group, pair);
        self.judged(&pair.caller, ask, moment, |judge, question, policies| judge.decide(question, policies).is_ok())
    }

    /// When the answer is another than this one.
    fn changes_at(
        &self,
        facts: &BucketFacts,
        group: &Alike,
        pair: &Pair,
        (moment, is_allowed): (Moment<'_>, bool),
    ) -> Result<Option<Timestamp>> {
        let ask = ask(facts, group, pair);
        self.judged(&pair.caller, ask, moment, |judge, question, policies| {
            judge.changes_at(question, policies, is_allowed)
        })
    }

    /// When the answer turns by itself, and whether to allowed.
    fn turns(
        &self,
        facts: &BucketFacts,
        group: &Alike,
        pair: &Pair,
        mut moment: Moment<'_>,
        until: Timestamp,
    ) -> Result<Vec<(Timestamp, bool)>> {
        let mut turns = Vec::new();
        let mut is_allowed = self.is_allowed(facts, group, pair, moment)?;
        while turns.len() < TURNS_MAX {
            let changes_at = self.changes_at(facts, group, pair, (moment, is_allowed))?;
            let Some(at) = changes_at.filter(|at| *at <= until) else { break };
            is_allowed = !is_allowed;
            turns.push((at, is_allowed));
            moment.now = at;
        }
        Ok(turns)
    }
}

fn ask<'a>(facts: &'a BucketFacts, group: &'a Alike, pair: &Pair) -> Ask<'a> {
    let sample = &group.sample;
    let version = sample.object().map(|facts| VersionView { facts, created: sample.modified });
    let object = Some(ObjectView { key: &sample.key, version: None, facts: version, owner: None });
    Ask { object, ..Ask::bucket(pair.action, facts) }
}
