//! What would be decided, and why: asked about anybody, at any time, under the sets that count or under a text that is not
//! put yet. Nothing is shown of an object but whether there is one.

use std::collections::BTreeSet;
use std::sync::Arc;

use kernel::{
    AccountId, AnnotationSum, BucketName, Caller, Checksum, ChecksumAlgorithm, ChecksumScope, Content, ETag, Embargo,
    EmbargoReader, Headers, ObjectFacts, ObjectKey, Protection, Tags, Timestamp, UploadId, UserMetadata, VersionName,
};
use policy::{Action, Explanation, Judge, ObjectView, Resource, Source, VersionView};

use super::subject::Subject;
use super::{PolicySetFault, checked_name, compiled};
use crate::leave::{Ask, Moment};
use crate::{Engine, Result};

/// Cases of one request at the most.
const CASES_MAX: usize = 1_000;

/// What a question is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matter {
    /// Who asks.
    pub who: Subject,
    /// What for.
    pub action: Action,
    /// The bucket it concerns.
    pub bucket: Option<BucketName>,
    /// The key it concerns.
    pub key: Option<ObjectKey>,
    /// The version it concerns; none for the current one.
    pub version: Option<VersionName>,
    /// When; none for now.
    pub at: Option<Timestamp>,
    /// What the object is taken for, in the place of the one that is there.
    pub supposed: Option<Supposed>,
}

/// An object that need not be there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Supposed {
    /// Its tags.
    pub tags: Tags,
    /// Its bytes.
    pub bytes: u64,
    /// Until when it is under embargo.
    pub embargo_until: Option<Timestamp>,
    /// Who may read it under embargo.
    pub embargo_readers: BTreeSet<EmbargoReader>,
    /// When it was written; none for when it is asked.
    pub created: Option<Timestamp>,
}

/// A text in the place of a set, or beside those there are.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// The set.
    pub name: &'a str,
    /// Its text; none for without the set.
    pub text: Option<&'a str>,
}

/// What would be decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// The decision and what it rests on.
    pub explanation: Explanation,
    /// Who asks, as logs name it.
    pub who: String,
    /// When.
    pub at: Timestamp,
    /// Whether the object is there or supposed; none where no key is named.
    pub exists: Option<bool>,
}

/// A line of a table of cases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// What is asked.
    pub matter: Matter,
    /// Whether it should be allowed.
    pub is_allowed: bool,
    /// A policy that should decide: its name, or its id alone.
    pub because: Option<String>,
}

/// How a case ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseOutcome {
    /// What was decided; none where it could not be asked.
    pub explained: Option<Explained>,
    /// What is not as it should be; none where all is.
    pub problem: Option<String>,
}

impl Supposed {
    fn facts(&self, owner: AccountId) -> ObjectFacts {
        let readers = self.embargo_readers.clone();
        let embargo = self.embargo_until.map(|until| Embargo { until, readers, lift: None });
        ObjectFacts {
            bytes: self.bytes,
            etag: ETag { md5: [0; 16], parts: None },
            checksum: Checksum {
                algorithm: ChecksumAlgorithm::Crc64Nvme,
                scope: ChecksumScope::FullObject,
                value: Vec::new(),
            },
            headers: Headers::default(),
            metadata: UserMetadata::default(),
            tags: self.tags.clone(),
            content: Content::Parts { list: UploadId::from_bytes([0; 16]), count: 1 },
            annotations: AnnotationSum::default(),
            owner,
            acl: None,
            protection: Protection { embargo, ..Protection::default() },
        }
    }
}

impl Engine {
    /// The sets that count, with a candidate where there is one.
    pub(super) fn supposing(&self, candidate: Option<Candidate<'_>>) -> Result<Vec<Arc<Source>>> {
        let now = self.policy_sets.snapshot();
        let Some(Candidate { name, text }) = candidate else { return Ok(now.sources()?.to_vec()) };
        checked_name(name)?;
        let source = text.map(|text| compiled(name, text)).transpose()?.map(Arc::new);
        Ok(now.supposing(name, source))
    }

    /// Says what would be decided, by which policies, and when the answer changes by itself.
    ///
    /// # Errors
    /// `PolicySet` for a candidate that is none or a matter without what its action is about, `Identity` for somebody who
    /// is not there, `NotFound` for a bucket that is not there; `Denied`, `Unavailable`.
    pub async fn explain(
        &self,
        caller: &Caller,
        matter: &Matter,
        candidate: Option<Candidate<'_>>,
    ) -> Result<Explained> {
        self.permit_lake(caller, Action::SimulatePolicy)?;
        let lake = self.supposing(candidate)?;
        self.explain_under(caller, matter, (&Judge::default(), &lake)).await
    }

    /// Asks each case, and says which end otherwise than they should.
    ///
    /// # Errors
    /// `PolicySet` for a candidate that is none, or more than 1,000 cases; `Denied`, `Unavailable`.
    pub async fn try_cases(
        &self,
        caller: &Caller,
        cases: &[Case],
        candidate: Option<Candidate<'_>>,
    ) -> Result<Vec<CaseOutcome>> {
        self.permit_lake(caller, Action::SimulatePolicy)?;
        if cases.len() > CASES_MAX {
            return Err(PolicySetFault::Limit { what: "cases in one request", max: CASES_MAX }.into());
        }
        let (judge, lake) = (Judge::default(), self.supposing(candidate)?);
        let mut outcomes = Vec::with_capacity(cases.len());
        for case in cases {
            outcomes.push(match self.explain_under(caller, &case.matter, (&judge, &lake)).await {
                Ok(explained) => CaseOutcome { problem: problem(case, &explained), explained: Some(explained) },
                Err(error @ (crate::Error::Corrupt { .. } | crate::Error::Unavailable { .. })) => return Err(error),
                Err(error) => CaseOutcome { explained: None, problem: Some(error.to_string()) },
            });
        }
        Ok(outcomes)
    }

    async fn explain_under(
        &self,
        caller: &Caller,
        matter: &Matter,
        (judge, lake): (&Judge, &[Arc<Source>]),
    ) -> Result<Explained> {
        let subject = self.subject(caller, &matter.who)?;
        let at = matter.at.unwrap_or_else(|| self.time.opening());
        let moment = Moment { judge, lake, now: at };
        let lacking = |what: &str| PolicySetFault::Value(format!("`{}` is asked about {what}", matter.action.name()));
        let explained = |explanation, exists| Explained { explanation, who: subject.to_string(), at, exists };
        let look =
            |ask| self.judged(&subject, ask, moment, |judge, question, policies| judge.explain(question, policies));
        let resource = matter.action.resource();
        if matches!(resource, Resource::Lake | Resource::Identity) {
            return Ok(explained(look(Ask::lake(matter.action))?, None));
        }
        let name = matter.bucket.as_ref().ok_or_else(|| lacking("a bucket"))?;
        let bucket = self.bucket_facts(name).await?;
        let ask = Ask::bucket(matter.action, &bucket);
        if resource == Resource::Bucket {
            return Ok(explained(look(ask)?, None));
        }
        let key = matter.key.as_ref().ok_or_else(|| lacking("an object"))?;
        let supposed = matter.supposed.as_ref().map(|supposed| supposed.facts(bucket.owner));
        let created = matter.supposed.as_ref().and_then(|supposed| supposed.created).unwrap_or(at);
        let found = match supposed {
            Some(_) => None,
            None => self.catalog.version(bucket.id, key, matter.version).await?,
        };
        let stored = found.as_ref().and_then(|found| Some((found.object()?, found.modified)));
        let facts = stored.or(supposed.as_ref().map(|supposed| (supposed, created)));
        let facts = facts.map(|(facts, created)| VersionView { facts, created });
        let object = Some(ObjectView { key, version: matter.version, facts, owner: None });
        Ok(explained(look(Ask { object, ..ask })?, Some(facts.is_some())))
    }
}

/// What is not as a case has it.
fn problem(case: &Case, explained: &Explained) -> Option<String> {
    let word = |is_allowed| if is_allowed { "allow" } else { "deny" };
    let Explanation { outcome, deciding, .. } = &explained.explanation;
    if outcome.is_ok() != case.is_allowed {
        let reason = outcome.as_ref().err().map_or(String::new(), |refusal| format!(": {}", refusal.reason));
        return Some(format!("expected {}, got {}{reason}", word(case.is_allowed), word(outcome.is_ok())));
    }
    let because = case.because.as_deref()?;
    let is_named = |policy: &str| policy == because || policy.split_once('#').is_some_and(|(_, id)| id == because);
    if deciding.iter().any(|policy| is_named(&policy.policy)) {
        return None;
    }
    let decided: Vec<_> = deciding.iter().map(|policy| format!("`{}`", policy.policy)).collect();
    let decided = if decided.is_empty() { "no policy".to_owned() } else { decided.join(", ") };
    Some(format!("expected `{because}` to decide, not {decided}"))
}
