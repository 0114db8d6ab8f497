//! `twinlake policy test`: tables of who, what, which object and when, and what should come of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::{Deserialize, Serialize};

use super::explain::{Candidate, CandidateFlags, Explanation, Matter};
use super::table::{self, TableFault};
use super::text;
use crate::client::Client;
use crate::connection::ConnectionFlags;
use crate::output::{NOTHING, Side, Table};
use crate::{CliError, Result, Surroundings};

/// The first line of a table in CSV.
const CSV_HEAD: [&str; 6] = ["who", "what", "object", "when", "expected", "because"];
/// Cases of one request.
const CASES_MAX: usize = 1_000;

/// What `twinlake policy test` takes.
#[derive(Debug, Args)]
#[command(after_help = "A table in TOML:
  [[case]]
  who      = \"alice\"                 # or role/trainer, group/readers, PROVIDER:SUBJECT, anonymous
  what     = \"s3:GetObject\"          # left out: s3:GetObject, for a bucket s3:ListBucket
  object   = \"s3://books/secret\"     # left out for what concerns the whole lake
  when     = \"2027-01-01\"            # left out: now
  expected = \"deny\"                  # or allow
  because  = \"secret.closed\"         # the @id of a policy that must decide; may be left out

  [case.supposed]                    # for an object that need not be there
  tags = { mark = \"secret\" }         # also bytes, created, embargoUntil, embargoReaders

  Beside `who` may stand groups = [\"readers\"], tags = { … } and ip = \"10.0.0.1\".

The same in JSON: {\"case\": [{\"who\": \"alice\", …}]}. In CSV, where the name ends in .csv:
  who,what,object,when,expected,because
  alice,s3:GetObject,s3://books/secret,,deny,secret.closed

Examples:
  twinlake policy test research.toml                              # against the sets that count
  twinlake policy test research.toml --with research.cedar        # against a text that is not put yet")]
pub struct TestFlags {
    #[command(flatten)]
    connection: ConnectionFlags,
    /// The table: TOML, JSON or CSV, by the end of its name.
    #[arg(value_name = "TABLE")]
    file: PathBuf,
    #[command(flatten)]
    candidate: CandidateFlags,
}

/// A line of a table, as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    who: String,
    #[serde(default)]
    groups: Vec<String>,
    #[serde(default)]
    tags: BTreeMap<String, String>,
    #[serde(default)]
    ip: Option<String>,
    #[serde(default)]
    what: Option<String>,
    #[serde(default)]
    object: Option<String>,
    #[serde(default)]
    version: Option<String>,
    #[serde(default)]
    when: Option<String>,
    #[serde(default)]
    supposed: Option<serde_json::Value>,
    expected: String,
    #[serde(default)]
    because: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Lines {
    case: Vec<Line>,
}

#[derive(Debug, Serialize)]
struct Case {
    matter: Matter,
    expected: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    because: Option<String>,
}

#[derive(Debug, Serialize)]
struct Cases<'a> {
    cases: &'a [Case],
    #[serde(skip_serializing_if = "Option::is_none")]
    candidate: &'a Option<Candidate>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Outcome {
    passed: bool,
    problem: Option<String>,
    explanation: Option<Explanation>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Outcomes {
    passed: usize,
    failed: usize,
    cases: Vec<Outcome>,
}

impl From<Line> for Case {
    fn from(line: Line) -> Self {
        let Line { who, groups, tags, ip, what, object, version, when, supposed, expected, because } = line;
        let matter = Matter { who, groups, tags, ip, what, object, version, when, supposed };
        Self { matter, expected, because }
    }
}

pub(crate) async fn run(flags: TestFlags, surroundings: &Surroundings) -> Result<String> {
    let TestFlags { connection, file, candidate: candidate_flags } = flags;
    let cases = read(&file)?;
    let candidate = candidate_flags.candidate()?;
    let output = connection.output;
    let mut client = Client::new(connection.resolve(surroundings)?, surroundings)?;
    let mut all = Outcomes::default();
    for some in cases.chunks(CASES_MAX) {
        let asked: Result<Outcomes> =
            client.post("/policy/cases", Some(&Cases { cases: some, candidate: &candidate })).await;
        let outcomes = asked.map_err(|error| candidate_flags.shown_in(error, &candidate, surroundings))?;
        all.passed += outcomes.passed;
        all.failed += outcomes.failed;
        all.cases.extend(outcomes.cases);
    }
    let printed = output.print(&all, || table(&cases, &all.cases))?;
    match all.failed {
        0 => Ok(printed),
        failed => Err(CliError::Cases { failed, of: cases.len(), printed }),
    }
}

fn table(cases: &[Case], outcomes: &[Outcome]) -> Table {
    let mut table = Table::new(&[
        ("CASE", Side::Right),
        ("WHO", Side::Left),
        ("WHAT", Side::Left),
        ("OBJECT", Side::Left),
        ("WHEN", Side::Left),
        ("RESULT", Side::Left),
        ("BECAUSE", Side::Left),
        ("PROBLEM", Side::Left),
    ]);
    let cell = |text: &Option<String>| text.clone().unwrap_or_else(|| NOTHING.to_owned());
    for (number, (Case { matter, .. }, outcome)) in cases.iter().zip(outcomes).enumerate() {
        let explanation = outcome.explanation.as_ref();
        table.push([
            (number + 1).to_string(),
            matter.who.clone(),
            cell(&matter.what),
            cell(&matter.object),
            cell(&matter.when),
            explanation.map_or_else(|| NOTHING.to_owned(), |explanation| explanation.decision.clone()),
            explanation.map_or_else(|| NOTHING.to_owned(), Explanation::policies),
            if outcome.passed { "-".to_owned() } else { cell(&outcome.problem) },
        ]);
    }
    table
}

fn read(file: &Path) -> Result<Vec<Case>> {
    let text = text::read(file)?;
    let ends_with = |end: &str| file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case(end));
    let lines = if ends_with("csv") {
        of_csv(&text)
    } else if ends_with("json") {
        of_json(&text)
    } else {
        of_toml(&text)
    };
    let lines = lines.map_err(|source| CliError::Table { path: file.to_owned(), source })?;
    Ok(lines.into_iter().map(Case::from).collect())
}

fn of_json(text: &str) -> std::result::Result<Vec<Line>, TableFault> {
    let fault = |error: serde_json::Error| TableFault::Syntax { line: error.line(), reason: error.to_string() };
    let Lines { case } = serde_json::from_str(text).map_err(fault)?;
    Ok(case)
}

fn of_toml(text: &str) -> std::result::Result<Vec<Line>, TableFault> {
    let Lines { case } = table::of_toml(text)?;
    Ok(case)
}

fn of_csv(text: &str) -> std::result::Result<Vec<Line>, TableFault> {
    let given = |cell: String| (!cell.is_empty()).then_some(cell);
    let lines = table::of_csv(text, CSV_HEAD)?.into_iter().map(|[who, what, object, when, expected, because]| Line {
        who,
        groups: Vec::new(),
        tags: BTreeMap::new(),
        ip: None,
        what: given(what),
        object: given(object),
        version: None,
        when: given(when),
        supposed: None,
        expected,
        because: given(because),
    });
    Ok(lines.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_forms_say_the_same() {
        let toml = "[[case]]\nwho = \"alice\"\nobject = \"s3://b/k\"\nexpected = \"deny\"\nbecause = \"closed\"\n";
        let csv = "who,what,object,when,expected,because\n# a comment\nalice,,s3://b/k,,deny,closed\n";
        let of = |lines: Vec<Line>| format!("{lines:?}");
        assert_eq!(of(of_toml(toml).expect("TOML")), of(of_csv(csv).expect("CSV")));
        for (bad, line) in [("who,what\n", 1), ("\nwho,what,object,when,expected,because\na,b\n", 3)] {
            assert!(matches!(of_csv(bad), Err(TableFault::Syntax { line: at, .. }) if at == line), "{bad}");
        }
        assert!(matches!(of_toml("[[case]]\nwhom = \"a\"\n"), Err(TableFault::Syntax { .. })));
    }
}
