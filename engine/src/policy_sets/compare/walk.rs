//! A walk through the catalogue, a page at a time.

use std::collections::HashMap;
use std::sync::Arc;

use kernel::{BucketName, Caller, Version};
use metadata::{ObjectScan, Row};
use policy::{Action, ObjectView, Resource, Sight, Source, VersionView};

use super::super::PolicySetFault;
use super::super::subject::Subject;
use super::{Access, Amount, Place, Survey};
use crate::facts::BucketFacts;
use crate::{Engine, Result};

/// Somebodies that one walk is about at the most.
const SUBJECTS_MAX: usize = 1_000;
/// Actions that one walk is about at the most.
const ACTIONS_MAX: usize = 8;
/// Objects of one page at the most.
const OBJECTS_MAX: usize = 10_000;
/// Buckets of one page at the most.
const BUCKETS_MAX: usize = 100;
/// Answers that are asked for on one page at the most, but for the first objects that look alike.
const ANSWERS_MAX: usize = 10_000;
/// Rows that are read at once.
const ROWS: usize = 1_000;
/// Answers after which others have their turn: one takes from ten microseconds to a millisecond.
const ANSWERS_IN_A_ROW: usize = 8;

/// Somebody who wants to do something.
pub(super) struct Pair {
    name: String,
    pub(super) caller: Caller,
    pub(super) action: Action,
}

impl Pair {
    pub(super) fn access(&self, bucket: &BucketName) -> Access {
        Access { bucket: bucket.clone(), who: self.name.clone(), action: self.action }
    }
}

/// Objects of a bucket that look alike to the policies: one of them, and how much they are together.
pub(super) struct Alike {
    pub(super) sample: Version,
    pub(super) amount: Amount,
}

/// What a page came to.
pub(super) struct Walked {
    pub(super) amount: Amount,
    pub(super) next: Option<Place>,
}

/// What is left of a page.
struct Room {
    objects: usize,
    buckets: usize,
    answers: usize,
}

impl Engine {
    /// Walks a page. Where a pair may be concerned by a bucket, each group of its objects is visited with that pair.
    pub(super) async fn walk(
        &self,
        caller: &Caller,
        survey: &Survey,
        sources: &[Arc<Source>],
        concerns: impl Fn(&Pair, &BucketName) -> bool,
        mut visit: impl FnMut(&BucketFacts, &Alike, &Pair) -> Result<()>,
    ) -> Result<Walked> {
        let pairs = self.pairs(caller, survey)?;
        let mut walked = Walked { amount: Amount::default(), next: survey.after.clone() };
        let mut room = Room { objects: OBJECTS_MAX, buckets: BUCKETS_MAX, answers: ANSWERS_MAX };
        loop {
            let Some((facts, after)) = self.bucket_behind(survey, walked.next.as_ref()).await? else {
                walked.next = None;
                return Ok(walked);
            };
            if room.objects == 0 || room.buckets == 0 || room.answers == 0 {
                return Ok(walked);
            }
            room.buckets -= 1;
            let concerned: Vec<&Pair> = pairs.iter().filter(|pair| concerns(pair, facts.name())).collect();
            let mut key = None;
            if !concerned.is_empty() {
                let sight = self.sight(&facts, &concerned, sources)?;
                let (groups, more) = self.alike(&facts, after, &sight, concerned.len(), &mut room).await?;
                for group in &groups {
                    walked.amount.add(group.amount);
                    for pairs in concerned.chunks(ANSWERS_IN_A_ROW) {
                        pairs.iter().try_for_each(|pair| visit(&facts, group, pair))?;
                        tokio::task::yield_now().await;
                    }
                }
                key = more;
            }
            let is_more = key.is_some();
            walked.next = Some(Place { bucket: facts.name().clone(), key });
            if is_more {
                return Ok(walked);
            }
        }
    }

    /// Who wants to do what.
    fn pairs(&self, caller: &Caller, survey: &Survey) -> Result<Vec<Pair>> {
        let actions = if survey.actions.is_empty() { &[Action::GetObject][..] } else { &survey.actions };
        if let Some(action) = actions.iter().find(|action| action.resource() != Resource::Object) {
            let reason = format!("`{}` is no action on objects", action.name());
            return Err(PolicySetFault::Value(reason).into());
        }
        let mut names = survey.subjects.clone();
        if names.is_empty() {
            names.push("anonymous".to_owned());
            names.extend(self.principals_of_roster().into_iter().map(|(name, _)| name));
        }
        for (what, max, is) in [
            ("subjects at once: name those that matter", SUBJECTS_MAX, names.len()),
            ("actions at once", ACTIONS_MAX, actions.len()),
        ] {
            if is > max {
                return Err(PolicySetFault::Limit { what, max }.into());
            }
        }
        let mut pairs = Vec::with_capacity(names.len() * actions.len());
        for name in names {
            let of = self.subject(caller, &Subject { name: name.clone(), ..Subject::default() })?;
            pairs.extend(actions.iter().map(|action| Pair { name: name.clone(), caller: of.clone(), action: *action }));
        }
        Ok(pairs)
    }

    /// The bucket at or behind a place, and the key behind which to go on in it.
    async fn bucket_behind<'p>(
        &self,
        survey: &Survey,
        place: Option<&'p Place>,
    ) -> Result<Option<(BucketFacts, Option<&'p str>)>> {
        let after = place.map(|place| &place.bucket);
        let key = place.and_then(|place| place.key.as_deref());
        let same = match (&survey.bucket, after) {
            (Some(only), None) => Some(only),
            (Some(_), Some(_)) if key.is_none() => return Ok(None),
            (_, Some(bucket)) => key.map(|_| bucket),
            (None, None) => None,
        };
        if let Some(name) = same {
            match self.bucket_facts(name).await {
                Ok(facts) => return Ok(Some((facts, key))),
                // It went while it was walked.
                Err(crate::Error::NotFound(_)) if place.is_some() && survey.bucket.is_none() => {}
                Err(error) => return Err(error),
            }
        }
        let (found, _) = self.catalog.buckets("", after.map(BucketName::as_str), 1).await?;
        match found.first() {
            Some(bucket) => Ok(Some((self.bucket_facts(&bucket.name).await?, None))),
            None => Ok(None),
        }
    }

    /// What of an object all policies look at that can concern these pairs in a bucket.
    fn sight(&self, facts: &BucketFacts, pairs: &[&Pair], sources: &[Arc<Source>]) -> Result<Sight> {
        let mut all: HashMap<[u8; 32], Arc<Source>> = HashMap::new();
        let mut take = |some: Vec<Arc<Source>>| all.extend(some.into_iter().map(|source| (*source.hash(), source)));
        take(sources.to_vec());
        take(self.resource_policies(Action::GetObject, facts, None)?);
        for pair in pairs {
            let of_caller = self.policies_of(&pair.caller)?;
            take(of_caller.identity.clone());
            take(of_caller.narrowing.clone());
        }
        Ok(Sight::of(all.values()))
    }

    /// Objects of a bucket behind a key, grouped by what policies see of them, as far as there is room; and the last key that
    /// was looked at, where there are more.
    async fn alike(
        &self,
        facts: &BucketFacts,
        after: Option<&str>,
        sight: &Sight,
        pairs: usize,
        room: &mut Room,
    ) -> Result<(Vec<Alike>, Option<String>)> {
        let groups_max = (room.answers / pairs.max(1)).max(1);
        let (mut groups, mut places) = (Vec::<Alike>::new(), HashMap::<String, usize>::new());
        let mut last: Option<String> = after.map(str::to_owned);
        loop {
            let limit = ROWS.min(room.objects);
            let scan = ObjectScan { bucket: facts.id, prefix: "", delimiter: None, after: last.as_deref(), limit };
            let listing = self.catalog.list_objects(scan).await?;
            for row in listing.rows {
                let Row::Item(version) = row else { continue };
                let key = version.key.as_str().to_owned();
                if let Some(object) = version.object() {
                    let facts_of = VersionView { facts: object, created: version.modified };
                    let view = ObjectView { key: &version.key, version: None, facts: Some(facts_of), owner: None };
                    let signature = sight.signature(facts.name(), view);
                    let amount = Amount { objects: 1, bytes: object.bytes };
                    let is_full = groups.len() >= groups_max;
                    if let Some(group) = places.get(&signature).and_then(|place| groups.get_mut(*place)) {
                        group.amount.add(amount);
                    } else if is_full {
                        room.answers = 0;
                        return Ok((groups, last));
                    } else {
                        places.insert(signature, groups.len());
                        groups.push(Alike { sample: version, amount });
                    }
                }
                room.objects = room.objects.saturating_sub(1);
                last = Some(key);
            }
            if !listing.truncated {
                room.answers = room.answers.saturating_sub(groups.len() * pairs);
                return Ok((groups, None));
            }
            if room.objects == 0 {
                return Ok((groups, last));
            }
        }
    }
}
