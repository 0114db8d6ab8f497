//! What would be decided: one question explained, and tables of cases tried.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use engine::{Action, Candidate, Case, CaseOutcome, Explained, Matter, Subject, Supposed};
use kernel::{ReaderNameError, Tags, Timestamp};

use serde::{Deserialize, Serialize};

use super::super::{Asked, Told};
use crate::s3_error::{Failure, Mistake};
use crate::translate::{names, time};

/// A text in the place of a set.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CandidateDocument {
    set: String,
    /// `null` for without the set.
    text: Option<String>,
}

/// Who asks what about which object, and when.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct MatterDocument {
    who: String,
    #[serde(default)]
    groups: BTreeSet<String>,
    #[serde(default)]
    tags: BTreeMap<String, String>,
    #[serde(default)]
    ip: Option<IpAddr>,
    #[serde(default)]
    what: Option<String>,
    #[serde(default)]
    object: Option<String>,
    #[serde(default)]
    version: Option<String>,
    #[serde(default)]
    when: Option<String>,
    #[serde(default)]
    supposed: Option<SupposedDocument>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct SupposedDocument {
    #[serde(default)]
    tags: BTreeMap<String, String>,
    #[serde(default)]
    bytes: u64,
    #[serde(default)]
    created: Option<String>,
    #[serde(default)]
    embargo_until: Option<String>,
    #[serde(default)]
    embargo_readers: BTreeSet<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct QuestionDocument {
    matter: MatterDocument,
    #[serde(default)]
    candidate: Option<CandidateDocument>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Expected {
    Allow,
    Deny,
}

/// A line of a table of cases.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseDocument {
    matter: MatterDocument,
    expected: Expected,
    #[serde(default)]
    because: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CasesDocument {
    cases: Vec<CaseDocument>,
    #[serde(default)]
    candidate: Option<CandidateDocument>,
}

#[derive(Debug, Serialize)]
struct DecidingDocument<'a> {
    policy: &'a str,
    reason: &'a str,
    effect: &'static str,
    side: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ExplanationDocument<'a> {
    decision: &'static str,
    reason: Option<&'a str>,
    who: &'a str,
    what: &'static str,
    when: String,
    /// Whether there is such an object; `null` where the question is about none.
    exists: Option<bool>,
    deciding: Vec<DecidingDocument<'a>>,
    /// The first instant at which the answer is another, if nothing is changed until then.
    changes_at: Option<String>,
    /// All policies that were looked at.
    policy_hash: String,
}

#[derive(Debug, Serialize)]
struct OutcomeDocument<'a> {
    passed: bool,
    problem: Option<&'a str>,
    explanation: Option<ExplanationDocument<'a>>,
}

#[derive(Debug, Serialize)]
struct OutcomesDocument<'a> {
    passed: usize,
    failed: usize,
    cases: Vec<OutcomeDocument<'a>>,
}

impl CandidateDocument {
    pub(super) fn candidate(&self) -> Candidate<'_> {
        Candidate { name: &self.set, text: self.text.as_deref() }
    }
}

/// An action by the name that policies have for it.
pub(super) fn action(name: &str) -> Result<Action, Mistake> {
    let found = Action::ALL.into_iter().find(|action| action.name() == name);
    found.ok_or_else(|| Mistake::Argument { name: "what", reason: format!("there is no action `{name}`") })
}

/// An instant, or the day that it begins.
pub(super) fn instant(name: &'static str, text: &str) -> Result<Timestamp, Mistake> {
    let whole = if text.contains('T') { Cow::Borrowed(text) } else { Cow::Owned(format!("{text}T00:00:00Z")) };
    time::instant(&whole).ok_or_else(|| Mistake::Argument {
        name,
        reason: format!("`{text}` is no date: write 2027-01-01 or 2027-01-01T00:00:00Z"),
    })
}

impl SupposedDocument {
    fn supposed(self) -> Result<Supposed, Mistake> {
        Ok(Supposed {
            tags: Tags::new(self.tags, Tags::OBJECT_MAX).map_err(Mistake::Tag)?,
            bytes: self.bytes,
            embargo_until: self.embargo_until.map(|text| instant("embargoUntil", &text)).transpose()?,
            embargo_readers: self
                .embargo_readers
                .iter()
                .map(|reader| reader.parse())
                .collect::<Result<_, _>>()
                .map_err(|error: ReaderNameError| Mistake::Argument {
                    name: "embargoReaders",
                    reason: error.to_string(),
                })?,
            created: self.created.map(|text| instant("created", &text)).transpose()?,
        })
    }
}

impl MatterDocument {
    fn matter(self) -> Result<Matter, Mistake> {
        let place = self.object.as_deref().map(|object| {
            let behind = object.strip_prefix("s3://").ok_or_else(|| Mistake::Argument {
                name: "object",
                reason: format!("`{object}` is no s3://BUCKET/KEY and no s3://BUCKET"),
            })?;
            let (bucket, key) = behind.split_once('/').unwrap_or((behind, ""));
            let key = (!key.is_empty()).then(|| names::key(key)).transpose()?;
            Ok::<_, Mistake>((names::bucket(bucket)?, key))
        });
        let (bucket, key) = place.transpose()?.map_or((None, None), |(bucket, key)| (Some(bucket), key));
        let usual = if key.is_some() { Action::GetObject } else { Action::ListBucket };
        Ok(Matter {
            who: Subject { name: self.who, groups: self.groups, tags: self.tags, source_ip: self.ip },
            action: self.what.as_deref().map_or(Ok(usual), action)?,
            bucket,
            key,
            version: names::version(self.version.as_deref())?,
            at: self.when.map(|text| instant("when", &text)).transpose()?,
            supposed: self.supposed.map(SupposedDocument::supposed).transpose()?,
        })
    }
}

fn explanation(what: Action, explained: &Explained) -> ExplanationDocument<'_> {
    let decision = &explained.explanation;
    let deciding = decision.deciding.iter().map(|policy| DecidingDocument {
        policy: &policy.policy,
        reason: &policy.reason,
        effect: if policy.forbids { "forbid" } else { "permit" },
        side: policy.side,
    });
    let hash = match &decision.outcome {
        Ok(permit) => permit.policy_hash(),
        Err(refusal) => refusal.policy_hash,
    };
    ExplanationDocument {
        decision: if decision.outcome.is_ok() { "allow" } else { "deny" },
        reason: decision.outcome.as_ref().err().map(|refusal| refusal.reason.as_ref()),
        who: &explained.who,
        what: what.name(),
        when: time::rfc_3339(explained.at),
        exists: explained.exists,
        deciding: deciding.collect(),
        changes_at: decision.changes_at.map(time::rfc_3339),
        policy_hash: hash.to_string(),
    }
}

fn outcome<'a>(case: &Case, outcome: &'a CaseOutcome) -> OutcomeDocument<'a> {
    let explained = outcome.explained.as_ref();
    OutcomeDocument {
        passed: outcome.problem.is_none(),
        problem: outcome.problem.as_deref(),
        explanation: explained.map(|explained| explanation(case.matter.action, explained)),
    }
}

/// `POST policy/explanation`
pub(in super::super) async fn explain(asked: Asked<'_>) -> Result<Told, Failure> {
    let QuestionDocument { matter, candidate } = asked.document()?;
    let (matter, candidate) = (matter.matter()?, candidate.as_ref().map(CandidateDocument::candidate));
    let explained = asked.engine.explain(asked.caller, &matter, candidate).await?;
    Told::json(&explanation(matter.action, &explained))
}

/// `POST policy/cases`
pub(in super::super) async fn try_cases(asked: Asked<'_>) -> Result<Told, Failure> {
    let CasesDocument { cases, candidate } = asked.document()?;
    let numbered = cases.into_iter().enumerate().map(|(number, case)| {
        let CaseDocument { matter, expected, because } = case;
        let wrong = |mistake: Mistake| Mistake::Request(format!("case {}: {mistake}", number + 1));
        let is_allowed = matches!(expected, Expected::Allow);
        Ok(Case { matter: matter.matter().map_err(wrong)?, is_allowed, because })
    });
    let cases: Vec<Case> = numbered.collect::<Result<_, Mistake>>()?;
    let candidate = candidate.as_ref().map(CandidateDocument::candidate);
    let outcomes = asked.engine.try_cases(asked.caller, &cases, candidate).await?;
    let failed = outcomes.iter().filter(|outcome| outcome.problem.is_some()).count();
    let cases = cases.iter().zip(&outcomes).map(|(case, told)| outcome(case, told)).collect();
    Told::json(&OutcomesDocument { passed: outcomes.len() - failed, failed, cases })
}
