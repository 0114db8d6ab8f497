//! `twinlake policy explain`: what would be decided, by which policies, and until when.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use serde::{Deserialize, Serialize};

use super::text;
use crate::client::Client;
use crate::connection::ConnectionFlags;
use crate::output::{NOTHING, Output, Side, Table};
use crate::{CliError, Result, Surroundings};

/// Who asks, and when.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  twinlake policy explain s3://books/secret --as alice
  twinlake policy explain s3://books/secret --as anonymous --at 2027-01-01
  twinlake policy explain s3://books --as role/trainer --action s3:PutObject --with research.cedar --set research
  twinlake policy explain --as ada --action lake:PutPolicySet")]
pub struct ExplainFlags {
    #[command(flatten)]
    connection: ConnectionFlags,
    /// s3://BUCKET/KEY or s3://BUCKET; left out for what concerns the whole lake.
    #[arg(value_name = "OBJECT")]
    object: Option<String>,
    /// Who asks: alice, role/trainer, group/readers, PROVIDER:SUBJECT, anonymous, root; ACCOUNT/alice in another account.
    #[arg(long = "as", value_name = "WHO")]
    who: String,
    /// A group that it is in beside its own; may be given again.
    #[arg(long, value_name = "NAME")]
    group: Vec<String>,
    /// What for [default: s3:GetObject, or s3:ListBucket for a bucket]
    #[arg(long, value_name = "ACTION")]
    action: Option<String>,
    /// When: 2027-01-01 or 2027-01-01T00:00:00Z [default: now]
    #[arg(long, value_name = "DATE")]
    at: Option<String>,
    /// The version of the object [default: the current one]
    #[arg(long, value_name = "ID")]
    version: Option<String>,
    /// The address it asks from [default: that of this command]
    #[arg(long, value_name = "ADDRESS")]
    ip: Option<String>,
    #[command(flatten)]
    candidate: CandidateFlags,
}

/// A text in the place of a set.
#[derive(Debug, Args)]
pub struct CandidateFlags {
    /// Policies that are not put yet, and count for this answer alone.
    #[arg(long, value_name = "FILE")]
    with: Option<PathBuf>,
    /// The set in whose place they stand [default: the file's name without .cedar]
    #[arg(long, value_name = "NAME", requires = "with")]
    set: Option<String>,
}

/// What is asked, as the API takes it.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Matter {
    pub(super) who: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) groups: Vec<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) tags: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ip: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) what: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) object: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) when: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) supposed: Option<serde_json::Value>,
}

/// A text in the place of a set, as the API takes it.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Candidate {
    pub(super) set: String,
    pub(super) text: Option<String>,
}

#[derive(Debug, Serialize)]
struct Question {
    matter: Matter,
    #[serde(skip_serializing_if = "Option::is_none")]
    candidate: Option<Candidate>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Deciding {
    policy: String,
    reason: String,
    effect: String,
    side: String,
}

/// What would be decided.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Explanation {
    pub(super) decision: String,
    reason: Option<String>,
    who: String,
    what: String,
    when: String,
    exists: Option<bool>,
    deciding: Vec<Deciding>,
    changes_at: Option<String>,
    policy_hash: String,
}

impl CandidateFlags {
    /// The text that was named, if one was.
    pub(super) fn candidate(&self) -> Result<Option<Candidate>> {
        let Some(file) = &self.with else { return Ok(None) };
        let set = self.set.clone().unwrap_or_else(|| text::stem(file));
        Ok(Some(Candidate { set, text: Some(text::read(file)?) }))
    }

    /// A lake's refusal, with the place in the file where this program sees what is wrong.
    pub(super) fn shown_in(
        &self,
        error: CliError,
        candidate: &Option<Candidate>,
        surroundings: &Surroundings,
    ) -> CliError {
        match (&self.with, candidate) {
            (Some(file), Some(Candidate { text: Some(text), .. })) => text::shown_in(error, file, text, surroundings),
            _ => error,
        }
    }
}

pub(crate) async fn run(flags: ExplainFlags, surroundings: &Surroundings) -> Result<String> {
    let ExplainFlags { connection, object, who, group, action, at, version, ip, candidate } = flags;
    let (named, candidate) = (candidate.candidate()?, candidate);
    let output = connection.output;
    let mut client = Client::new(connection.resolve(surroundings)?, surroundings)?;
    let (groups, what, when) = (group, action, at);
    let matter = Matter { who, groups, what, object, when, version, ip, ..Matter::default() };
    let question = Question { matter, candidate: named };
    let asked: Result<Explanation> = client.post("/policy/explanation", Some(&question)).await;
    let explanation = asked.map_err(|error| candidate.shown_in(error, &question.candidate, surroundings))?;
    match output {
        Output::Json => output.print(&explanation, || Table::new(&[])),
        Output::Table => Ok(explanation.told()),
    }
}

impl Explanation {
    /// For people: the decision first, then what it rests on.
    fn told(&self) -> String {
        let Self { who, what, when, .. } = self;
        let verdict = if self.decision == "allow" { "may" } else { "may not" };
        let because = self.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        let absent = if self.exists == Some(false) { "There is no such object.\n" } else { "" };
        let change = match &self.changes_at {
            Some(at) => format!("By itself the answer changes at {at}.\n"),
            None => "By itself the answer does not change.\n".to_owned(),
        };
        let mut table =
            Table::new(&[("POLICY", Side::Left), ("EFFECT", Side::Left), ("SIDE", Side::Left), ("REASON", Side::Left)]);
        for Deciding { policy, reason, effect, side } in &self.deciding {
            table.push([policy.clone(), effect.clone(), side.clone(), reason.clone()]);
        }
        let deciding = if self.deciding.is_empty() { String::new() } else { format!("\n{table}\n") };
        format!("{who} {verdict} {what} at {when}{because}\n{absent}{deciding}{change}")
    }

    /// The policies that decide, in one cell.
    pub(super) fn policies(&self) -> String {
        let policies: Vec<_> = self.deciding.iter().map(|deciding| deciding.policy.as_str()).collect();
        if policies.is_empty() { NOTHING.to_owned() } else { policies.join(", ") }
    }
}
