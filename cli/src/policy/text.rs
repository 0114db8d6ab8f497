//! Texts of policies: read, judged by the program itself, and shown where they are wrong.

use std::fmt::Write as _;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::{Deserialize, Serialize};

use crate::client::Client;
use crate::connection::ConnectionFlags;
use crate::output::{Side, Table};
use crate::{CliError, Result, Surroundings};

/// Longest file that is read: a text of policies has at most 256 KiB, a table of cases little more.
const FILE_BYTES_MAX: u64 = 512 << 10;

/// Characters that are shown before and behind a place that is wrong.
const AROUND_CHARS_MAX: usize = 80;

/// What is wrong with a text of policies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyFlaw {
    /// Counted from 1; none where it is about the whole text.
    pub line: Option<usize>,
    /// Counted from 1, in bytes.
    pub column: Option<usize>,
    /// For people.
    pub reason: String,
}

/// What `twinlake policy validate` takes.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  twinlake policy validate research.cedar
  twinlake policy validate research.cedar --online --profile lab")]
pub struct ValidateFlags {
    #[command(flatten)]
    connection: ConnectionFlags,
    /// The policies, in Cedar.
    file: PathBuf,
    /// Asks the lake, which may be of another age than this program.
    #[arg(long)]
    online: bool,
}

#[derive(Debug, Serialize, Deserialize)]
struct Validation {
    valid: bool,
    policies: usize,
    fault: Option<PolicyFlaw>,
}

#[derive(Debug, Serialize)]
struct Candidate<'a> {
    text: &'a str,
}

pub(crate) async fn validate(flags: ValidateFlags, surroundings: &Surroundings) -> Result<String> {
    let ValidateFlags { connection, file, online } = flags;
    let (output, text) = (connection.output, read(&file)?);
    let validation = match online {
        true => {
            let mut client = Client::new(connection.resolve(surroundings)?, surroundings)?;
            client.post("/policy/validation", Some(&Candidate { text: &text })).await?
        }
        false => match (surroundings.judge_policies)(&text) {
            Ok(policies) => Validation { valid: true, policies, fault: None },
            Err(flaw) => Validation { valid: false, policies: 0, fault: Some(flaw) },
        },
    };
    if let Some(flaw) = validation.fault {
        return Err(flawed(&file, &text, flaw));
    }
    output.print(&validation, || {
        let mut table = Table::new(&[("FILE", Side::Left), ("POLICIES", Side::Right)]);
        table.push([file.display().to_string(), validation.policies.to_string()]);
        table
    })
}

/// A lake's refusal of a text, with the place in the file where this program sees what is wrong.
pub(super) fn shown_in(error: CliError, file: &Path, text: &str, surroundings: &Surroundings) -> CliError {
    match (&error, (surroundings.judge_policies)(text)) {
        (CliError::Refused { code, .. }, Err(flaw)) if code == "MalformedPolicy" => flawed(file, text, flaw),
        _ => error,
    }
}

/// What a set is called that nobody named: as its file, without what is behind the point.
pub(super) fn stem(file: &Path) -> String {
    file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}

#[expect(clippy::disallowed_methods, reason = "the command reads the file it is given")]
pub(super) fn read(file: &Path) -> Result<String> {
    let refused = |source| CliError::File { path: file.to_owned(), verb: "read", source };
    let mut text = String::new();
    let opened = std::fs::File::open(file).map_err(refused)?;
    let bytes = opened.take(FILE_BYTES_MAX + 1).read_to_string(&mut text).map_err(refused)?;
    if bytes as u64 > FILE_BYTES_MAX {
        let reason = format!("it has more than {FILE_BYTES_MAX} bytes");
        return Err(refused(std::io::Error::new(std::io::ErrorKind::FileTooLarge, reason)));
    }
    Ok(text)
}

fn flawed(file: &Path, text: &str, flaw: PolicyFlaw) -> CliError {
    CliError::Policies { path: file.to_owned(), place: shown(text, &flaw), reason: flaw.reason }
}

/// The line that is wrong, with its number and a mark below the place.
fn shown(text: &str, flaw: &PolicyFlaw) -> String {
    let (Some(number), Some(column)) = (flaw.line, flaw.column) else { return String::new() };
    let Some(line) = number.checked_sub(1).and_then(|before| text.lines().nth(before)) else { return String::new() };
    let ahead = line.get(..column.saturating_sub(1)).unwrap_or(line);
    // Of a long line what stands around the place.
    let skipped = ahead.chars().count().saturating_sub(AROUND_CHARS_MAX);
    let ahead: String = ahead.chars().skip(skipped).collect();
    let line: String = line.chars().skip(skipped).take(2 * AROUND_CHARS_MAX).collect();
    // A tab stays a tab, so that the mark stands below its place.
    let blank: String = ahead.chars().map(|character| if character == '\t' { '\t' } else { ' ' }).collect();
    let (number, margin) = (number.to_string(), " ".repeat(number.to_string().len()));
    let mut place = String::new();
    // Writing to a string cannot fail.
    let _ = write!(place, "\n {margin} |\n {number} | {line}\n {margin} | {blank}^");
    place
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_stands_below_the_place() {
        let flaw = |line, column| PolicyFlaw { line: Some(line), column: Some(column), reason: String::new() };
        let text = "permit (\n\tprincipal, akt);\n";
        assert_eq!(shown(text, &flaw(2, 13)), "\n   |\n 2 | \tprincipal, akt);\n   | \t           ^");
        assert_eq!(shown(text, &flaw(9, 1)), "");
        let long = shown(&"x".repeat(100_000), &flaw(1, 50_000));
        assert_eq!(long, format!("\n   |\n 1 | {}\n   | {}^", "x".repeat(160), " ".repeat(80)));
        assert_eq!(shown("é", &flaw(1, 2)), "\n   |\n 1 | é\n   |  ^");
    }
}
