//! Policy sets: the operator's own policies, and what they would decide.

mod difference;
mod question;

use engine::{ChangePolicySet, PolicyFault, PolicySetFault, PolicySetState, PolicySetTo, PolicySetVersion};
use serde::{Deserialize, Serialize};

use super::{Asked, Told};
use crate::s3_error::{Failure, Mistake};
use crate::translate::time;

pub(super) use difference::{compare, forecast};
pub(super) use question::{explain, try_cases};

/// A version as it is told.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct VersionDocument<'a> {
    name: &'a str,
    version: u32,
    hash: &'a str,
    bytes: u64,
    policies: u64,
    by: &'a str,
    at: String,
    comment: &'a str,
    /// The earlier version whose text it has again.
    again: Option<u32>,
    removed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct SetsDocument<'a> {
    /// Over all sets that count.
    hash: &'a str,
    /// Which set cannot be read, if one cannot.
    damage: Option<&'a str>,
    sets: Vec<VersionDocument<'a>>,
}

#[derive(Debug, Serialize)]
struct HistoryDocument<'a> {
    versions: Vec<VersionDocument<'a>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TextDocument {
    text: String,
    #[serde(default)]
    comment: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RollbackDocument {
    version: u32,
    #[serde(default)]
    comment: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CandidateDocument {
    text: String,
}

/// Whether a text would be taken.
#[derive(Debug, Serialize)]
struct ValidationDocument {
    valid: bool,
    policies: usize,
    fault: Option<FaultDocument>,
}

#[derive(Debug, Serialize)]
struct FaultDocument {
    line: Option<usize>,
    column: Option<usize>,
    reason: String,
}

fn version<'a>(name: &'a str, version: &'a PolicySetVersion, text: Option<&'a str>) -> VersionDocument<'a> {
    VersionDocument {
        name,
        version: version.number,
        hash: &version.hash,
        bytes: version.bytes,
        policies: version.policies,
        by: &version.by,
        at: time::rfc_3339(version.at()),
        comment: &version.comment,
        again: version.again,
        removed: version.is_removal,
        text,
    }
}

/// A number of the query, if it is there.
fn number(asked: &Asked<'_>, name: &'static str) -> Result<Option<u32>, Mistake> {
    let wrong = |_| Mistake::Argument { name, reason: "must be the number of a version".to_owned() };
    asked.parameter(name).map(|text| text.parse().map_err(wrong)).transpose()
}

fn is_confirmed(asked: &Asked<'_>) -> Result<bool, Mistake> {
    match asked.parameter("confirmed") {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(Mistake::Argument { name: "confirmed", reason: "must be `true` or `false`".to_owned() }),
    }
}

async fn change(asked: &Asked<'_>, to: PolicySetTo<'_>, comment: &str) -> Result<Told, Failure> {
    let (name, expected) = (asked.segment(0), number(asked, "expected")?);
    let change = ChangePolicySet { name, to, comment, expected, is_confirmed: is_confirmed(asked)? };
    let made = asked.engine.change_policy_set(asked.caller, change).await?;
    Told::json(&version(name, &made, None))
}

/// `GET policies`
pub(super) async fn list(asked: Asked<'_>) -> Result<Told, Failure> {
    let PolicySetState { sets, hash, damage } = asked.engine.policy_sets(asked.caller)?;
    let sets = sets.iter().map(|(name, current)| version(name, current, None)).collect();
    Told::json(&SetsDocument { hash: &hash, damage: damage.as_deref(), sets })
}

/// `GET policies/{set}`
pub(super) async fn get(asked: Asked<'_>) -> Result<Told, Failure> {
    let (name, wanted) = (asked.segment(0), number(&asked, "version")?);
    let (found, text) = asked.engine.policy_set(asked.caller, name, wanted).await?;
    Told::json(&version(name, &found, Some(&text)))
}

/// `PUT policies/{set}`
pub(super) async fn put(asked: Asked<'_>) -> Result<Told, Failure> {
    let TextDocument { text, comment } = asked.document()?;
    change(&asked, PolicySetTo::Text(&text), &comment).await
}

/// `DELETE policies/{set}`
pub(super) async fn delete(asked: Asked<'_>) -> Result<Told, Failure> {
    let comment = asked.parameter("comment").unwrap_or_default().to_owned();
    change(&asked, PolicySetTo::Nothing, &comment).await
}

/// `GET policies/{set}/versions`
pub(super) async fn history(asked: Asked<'_>) -> Result<Told, Failure> {
    let name = asked.segment(0);
    let versions = asked.engine.policy_set_history(asked.caller, name)?;
    Told::json(&HistoryDocument { versions: versions.iter().map(|found| version(name, found, None)).collect() })
}

/// `POST policies/{set}/rollback`
pub(super) async fn roll_back(asked: Asked<'_>) -> Result<Told, Failure> {
    let RollbackDocument { version, comment } = asked.document()?;
    change(&asked, PolicySetTo::Version(version), &comment).await
}

/// `POST policy/validation`
pub(super) async fn validate(asked: Asked<'_>) -> Result<Told, Failure> {
    let CandidateDocument { text } = asked.document()?;
    let fault = match asked.engine.validate_policy_set(asked.caller, &text) {
        Ok(policies) => return Told::json(&ValidationDocument { valid: true, policies, fault: None }),
        Err(engine::Error::PolicySet(PolicySetFault::Text { fault, .. })) => match fault {
            PolicyFault::Syntax { line, column, reason } => {
                FaultDocument { line: Some(line), column: Some(column), reason }
            }
            other => FaultDocument { line: None, column: None, reason: other.to_string() },
        },
        Err(other) => return Err(other.into()),
    };
    Told::json(&ValidationDocument { valid: false, policies: 0, fault: Some(fault) })
}
