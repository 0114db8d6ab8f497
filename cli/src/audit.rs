//! `twinlake audit`: what administrators did and what was refused.

mod chain;

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::client::Client;
use crate::connection::ConnectionFlags;
use crate::output::{NOTHING, Output, Side, Table};
use crate::{CliError, Result, Surroundings};
use chain::{Checker, Line, Place};

/// Entries that `tail` begins with.
const TAIL_DEFAULT: u64 = 20;
/// How often `tail --follow` asks.
const FOLLOW_PAUSE: Duration = Duration::from_secs(1);
/// Longest line of a file, in bytes.
const LINE_BYTES_MAX: u64 = 1 << 20;
/// Entries of a page.
const PAGE: &str = "1000";

/// `twinlake audit …`
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  twinlake audit tail --follow
  twinlake audit query --who alice --outcome refused --since 2026-11-21
  twinlake audit query --output json > audit.jsonl
  twinlake audit verify audit.jsonl")]
pub struct AuditFlags {
    #[command(flatten)]
    connection: ConnectionFlags,
    #[command(subcommand)]
    command: AuditCommand,
}

/// What can be done with the audit.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Shows the last entries.
    Tail {
        /// How many.
        #[arg(long, short = 'n', value_name = "COUNT", default_value_t = TAIL_DEFAULT)]
        lines: u64,
        /// Goes on with what comes, until it is interrupted.
        #[arg(long, short)]
        follow: bool,
    },
    /// Shows the entries that fit all that is said, oldest first.
    Query(QueryFlags),
    /// Verifies that no entry was changed, taken out or slipped in: in the lake, or in lines that were exported.
    ///
    /// In the lake entries are held against its key as well: who has not got the vault's master key makes none. Lines in a
    /// file are held against their hashes alone. Prints the place it came to: who notes it elsewhere and gives it as `--from`
    /// next time also finds out that the end of the chain was cut off, or that what is in the file was made anew.
    #[command(after_help = "Examples:
  twinlake audit verify
  twinlake audit verify --from 4711:…      # the place that was printed last time
  twinlake audit verify audit.jsonl")]
    Verify {
        /// Lines of JSON from `twinlake audit query --output json`; `-` for stdin. Nothing is asked of the lake.
        #[arg(value_name = "FILE")]
        file: Option<PathBuf>,
        /// A place that was noted: it must still be there. A lake is verified from it on.
        #[arg(long, value_name = "NUMBER:HASH", value_parser = place)]
        from: Option<String>,
        /// The lines are not all there are: they were asked for by a filter.
        #[arg(long, requires = "file")]
        filtered: bool,
    },
}

/// Which entries.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  twinlake audit query --bucket turbines --kind change
  twinlake audit query --action 's3:Delete*' --outcome refused --limit 50
  twinlake audit query --request 5D8B7A1C0E3F4A2B")]
pub struct QueryFlags {
    /// The earliest time: RFC 3339 in UTC, or the beginning of one.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// The time before which.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// A part of who it was.
    #[arg(long, value_name = "TEXT")]
    who: Option<String>,
    /// An action or operation, or its beginning with a `*` behind.
    #[arg(long, value_name = "ACTION")]
    action: Option<String>,
    /// A bucket.
    #[arg(long, value_name = "BUCKET")]
    bucket: Option<String>,
    /// A key, or its beginning with a `*` behind.
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// Why there is an entry.
    #[arg(long)]
    kind: Option<Kind>,
    /// How it ended.
    #[arg(long)]
    outcome: Option<Outcome>,
    /// The id of a request.
    #[arg(long, value_name = "ID")]
    request: Option<String>,
    /// Entries at the most; without it, all.
    #[arg(long, value_name = "COUNT")]
    limit: Option<u64>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    Change,
    Refusal,
    Access,
    Trim,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Outcome {
    Done,
    Refused,
    Error,
}

/// A page of entries.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    entries: Vec<Line>,
    head: Place,
    is_end: bool,
    next: u64,
}

/// What a verification says.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Verified {
    anchor: Place,
    fault: Option<String>,
    is_end: bool,
    until: Place,
}

/// What came of a verification.
#[derive(Debug, Serialize)]
struct Found {
    entries: u64,
    /// The entry behind which it began.
    after: u64,
    until: Option<Place>,
    whole: bool,
}

fn place(text: &str) -> std::result::Result<String, &'static str> {
    text.parse::<Place>().map(|place| format!("{}:{}", place.number, place.hash))
}

impl QueryFlags {
    fn parameters(&self) -> Vec<(&'static str, String)> {
        let word = |kind: Option<&dyn std::fmt::Debug>| kind.map(|kind| format!("{kind:?}").to_ascii_lowercase());
        let kind = word(self.kind.as_ref().map(|kind| kind as &dyn std::fmt::Debug));
        let outcome = word(self.outcome.as_ref().map(|outcome| outcome as &dyn std::fmt::Debug));
        let given = [
            ("since", self.since.clone()),
            ("until", self.until.clone()),
            ("who", self.who.clone()),
            ("action", self.action.clone()),
            ("bucket", self.bucket.clone()),
            ("key", self.key.clone()),
            ("request", self.request.clone()),
            ("kind", kind),
            ("outcome", outcome),
        ];
        given.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }
}

type Out<'a> = &'a mut (dyn Write + Send);

pub(crate) async fn run(flags: AuditFlags, surroundings: &Surroundings, out: Out<'_>) -> Result<()> {
    let AuditFlags { connection, command } = flags;
    let output = connection.output;
    if let AuditCommand::Verify { file: Some(file), from, filtered } = &command {
        return output.found(verify_file(file, from.as_deref(), *filtered)?, out);
    }
    let mut client = Client::new(connection.resolve(surroundings)?, surroundings)?;
    match command {
        AuditCommand::Tail { lines, follow } => tail(&mut client, surroundings, (output, lines, follow), out).await,
        AuditCommand::Query(query) => show(&mut client, output, &query, out).await,
        AuditCommand::Verify { from, .. } => output.found(verify(&mut client, from.as_deref()).await?, out),
    }
}

async fn page(client: &mut Client, after: u64, parameters: &[(&'static str, String)]) -> Result<Page> {
    let after = after.to_string();
    let given = parameters.iter().map(|(name, value)| (*name, value.as_str()));
    let query: Vec<_> = [("after", after.as_str())].into_iter().chain(given).collect();
    client.get("/audit", &query).await
}

async fn tail(
    client: &mut Client,
    surroundings: &Surroundings,
    (output, lines, follow): (Output, u64, bool),
    out: Out<'_>,
) -> Result<()> {
    let limit = |limit: &str| vec![("limit", limit.to_owned())];
    let head = page(client, u64::MAX, &limit("1")).await?.head.number;
    let mut after = head.saturating_sub(lines);
    let mut is_first = true;
    loop {
        let page = page(client, after, &limit(PAGE)).await?;
        after = page.next;
        output.lines(&page.entries, std::mem::take(&mut is_first), out)?;
        if page.is_end {
            if !follow {
                return Ok(());
            }
            surroundings.clock.sleep(FOLLOW_PAUSE).await;
        }
    }
}

async fn show(client: &mut Client, output: Output, query: &QueryFlags, out: Out<'_>) -> Result<()> {
    let mut left = query.limit.unwrap_or(u64::MAX);
    let (mut after, mut is_first) = (0, true);
    let parameters = query.parameters();
    loop {
        let limited = [("limit", left.clamp(1, 1000).to_string())];
        let page = page(client, after, &[&parameters[..], &limited].concat()).await?;
        let shown = usize::try_from(left).unwrap_or(usize::MAX).min(page.entries.len());
        output.lines(page.entries.get(..shown).unwrap_or_default(), std::mem::take(&mut is_first), out)?;
        left = left.saturating_sub(shown as u64);
        after = page.next;
        if page.is_end || left == 0 {
            return Ok(());
        }
    }
}

async fn verify(client: &mut Client, from: Option<&str>) -> Result<Found> {
    let mut behind = from.map(str::to_owned);
    let mut began = None;
    loop {
        let (number, hash) = behind.as_deref().and_then(|place| place.split_once(':')).unzip();
        let place = number.zip(hash).map(|(number, hash)| [("number", number), ("hash", hash)]);
        let verified: Verified = client.get("/audit/verify", place.as_ref().map_or(&[], |place| &place[..])).await?;
        let start = || number.and_then(|number| number.parse().ok()).unwrap_or(0).max(verified.anchor.number);
        let after = *began.get_or_insert_with(start);
        if let Some(fault) = verified.fault {
            return Err(CliError::AuditFault { until: verified.until.number, fault });
        }
        if verified.is_end {
            let entries = verified.until.number.saturating_sub(after);
            return Ok(Found { entries, after, until: Some(verified.until), whole: true });
        }
        behind = Some(format!("{}:{}", verified.until.number, verified.until.hash));
    }
}

fn verify_file(path: &Path, noted: Option<&str>, has_gaps: bool) -> Result<Found> {
    let refused = |source| CliError::File { path: path.to_owned(), verb: "read", source };
    let noted: Option<Place> = noted.and_then(|place| place.parse().ok());
    let mut reader = BufReader::new(opened(path).map_err(refused)?);
    let mut checker = Checker { has_gaps, ..Checker::default() };
    let until = |checker: &Checker| checker.last.as_ref().map_or(0, |place| place.number);
    loop {
        let mut text = Vec::new();
        if (&mut reader).take(LINE_BYTES_MAX).read_until(b'\n', &mut text).map_err(refused)? == 0 {
            break;
        }
        let whole = until(&checker);
        let fault = |fault: String| CliError::AuditFault { until: whole, fault };
        let line: Line = serde_json::from_slice(&text)
            .map_err(|_| fault(format!("line {} is no line of the audit", checker.lines + 1)))?;
        checker.take(&line).map_err(fault)?;
        if noted.as_ref().is_some_and(|noted| noted.number == line.number && noted.hash != line.hash) {
            return Err(fault(format!("entry {} is not the one that was noted", line.number)));
        }
    }
    if let Some(noted) = noted.filter(|noted| noted.number > until(&checker)) {
        let fault = format!("entry {} is missing", noted.number);
        return Err(CliError::AuditFault { until: until(&checker), fault });
    }
    let after = checker.first.map_or(0, |first| first.saturating_sub(1));
    Ok(Found { entries: checker.lines, after, until: checker.last, whole: true })
}

#[expect(clippy::disallowed_methods, reason = "the command reads the file it is given")]
fn opened(path: &Path) -> std::io::Result<Box<dyn Read>> {
    if path == Path::new("-") {
        return Ok(Box::new(std::io::stdin()));
    }
    Ok(Box::new(std::fs::File::open(path)?))
}

/// Writes to whoever reads; who reads no further has what it wanted, and is asked no more.
fn write(out: Out<'_>, text: &str) -> Result<()> {
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(CliError::Output)
}

impl Output {
    fn lines(self, lines: &[Line], with_headings: bool, out: Out<'_>) -> Result<()> {
        match self {
            Self::Json => {
                let mut text = String::new();
                for line in lines {
                    text.push_str(&serde_json::to_string(line).map_err(CliError::Json)?);
                    text.push('\n');
                }
                write(out, &text)
            }
            Self::Table => {
                let text = table(lines).to_string();
                let (_, rows) = text.split_once('\n').unwrap_or_default();
                write(out, if with_headings { &text } else { rows })
            }
        }
    }

    fn found(self, found: Found, out: Out<'_>) -> Result<()> {
        let text = self.print(&found, || {
            let mut table = Table::new(&[("ENTRIES", Side::Right), ("AFTER", Side::Right), ("UNTIL", Side::Left)]);
            let until = found.until.as_ref().map(|place| format!("{}:{}", place.number, place.hash));
            table.push([
                found.entries.to_string(),
                found.after.to_string(),
                until.unwrap_or_else(|| NOTHING.to_owned()),
            ]);
            table
        })?;
        write(out, &text)
    }
}

fn table(lines: &[Line]) -> Table {
    let mut table = Table::new(&[
        ("NUMBER", Side::Right),
        ("TIME", Side::Left),
        ("WHO", Side::Left),
        ("FROM", Side::Left),
        ("ACTION", Side::Left),
        ("RESOURCE", Side::Left),
        ("OUTCOME", Side::Left),
    ]);
    for line in lines {
        let entry = &line.entry;
        let text = |name: &str| entry.get(name).and_then(Value::as_str).map(legible);
        let or_nothing = |text: Option<String>| text.unwrap_or_else(|| NOTHING.to_owned());
        let actions = entry.get("actions").and_then(Value::as_array);
        let actions = actions.map(|all| all.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(","));
        let outcome = [text("outcome"), text("code"), entry.get("count").map(|count| format!("×{count}"))];
        table.push([
            line.number.to_string(),
            or_nothing(text("time")),
            or_nothing(text("who")),
            or_nothing(text("address")),
            or_nothing(actions.filter(|all| !all.is_empty()).or_else(|| text("operation")).or_else(|| text("kind"))),
            resource(entry),
            outcome.into_iter().flatten().collect::<Vec<_>>().join(" "),
        ]);
    }
    table
}

fn resource(entry: &Value) -> String {
    let text = |name: &str| entry.get(name).and_then(Value::as_str).map(legible);
    match (text("bucket"), text("key"), text("identity")) {
        (Some(bucket), Some(key), _) => format!("{bucket}/{key}"),
        (Some(bucket), None, _) => bucket,
        (None, _, Some(identity)) => identity,
        _ => NOTHING.to_owned(),
    }
}

/// A text on one line of a terminal, which obeys none of it.
fn legible(text: &str) -> String {
    text.chars().map(|char| if char.is_control() { '\u{fffd}' } else { char }).collect()
}
