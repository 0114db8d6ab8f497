//! Policy sets: the operator's policies, as a lake keeps them.

use std::path::PathBuf;

use clap::Args;
use serde::{Deserialize, Serialize};

use super::text;
use crate::client::Client;
use crate::connection::ConnectionFlags;
use crate::output::{NOTHING, Output, Side, Table};
use crate::{Result, Surroundings};

/// What every change of a set takes.
#[derive(Debug, Args)]
pub struct ChangeFlags {
    #[command(flatten)]
    connection: ConnectionFlags,
    /// Why, for those who read the history.
    #[arg(long, default_value = "", hide_default_value = true, value_name = "TEXT")]
    comment: String,
    /// Changes nothing unless this version counts; 0 where the set must not be there yet.
    #[arg(long, value_name = "VERSION")]
    expected: Option<u32>,
    /// Also where nobody, or not you, could change policies any more.
    #[arg(long)]
    yes: bool,
}

/// What `twinlake policy put` takes.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  twinlake policy put research research.cedar --comment 'embargo for run 7'
  twinlake policy put research research.cedar --expected 3      # only if nobody changed it since version 3")]
pub struct PutFlags {
    /// What the set is called: a-z, 0-9, `.`, `_` and `-`.
    set: String,
    /// The policies, in Cedar: at most 256 KiB.
    file: PathBuf,
    #[command(flatten)]
    change: ChangeFlags,
}

/// What `twinlake policy get` takes.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  twinlake policy get research > research.cedar
  twinlake policy get research --version 2")]
pub struct GetFlags {
    #[command(flatten)]
    connection: ConnectionFlags,
    /// The set.
    set: String,
    /// An earlier version.
    #[arg(long, value_name = "VERSION")]
    version: Option<u32>,
}

/// What `twinlake policy list` takes.
#[derive(Debug, Args)]
pub struct ListFlags {
    #[command(flatten)]
    connection: ConnectionFlags,
}

/// What `twinlake policy history` takes.
#[derive(Debug, Args)]
pub struct HistoryFlags {
    #[command(flatten)]
    connection: ConnectionFlags,
    /// The set.
    set: String,
}

/// What `twinlake policy rollback` takes.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  twinlake policy rollback research 2 --comment 'version 3 closed too much'")]
pub struct RollbackFlags {
    /// The set.
    set: String,
    /// The version whose text counts again.
    version: u32,
    #[command(flatten)]
    change: ChangeFlags,
}

/// What `twinlake policy delete` takes.
#[derive(Debug, Args)]
pub struct DeleteFlags {
    /// The set.
    set: String,
    #[command(flatten)]
    change: ChangeFlags,
}

#[derive(Debug, Serialize, Deserialize)]
struct Version {
    name: String,
    version: u32,
    hash: String,
    bytes: u64,
    policies: u64,
    by: String,
    at: String,
    comment: String,
    again: Option<u32>,
    removed: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Sets {
    hash: String,
    damage: Option<String>,
    sets: Vec<Version>,
}

#[derive(Debug, Deserialize)]
struct History {
    versions: Vec<Version>,
}

#[derive(Debug, Serialize)]
struct NewText<'a> {
    text: &'a str,
    comment: &'a str,
}

#[derive(Debug, Serialize)]
struct Rollback<'a> {
    version: u32,
    comment: &'a str,
}

impl ChangeFlags {
    fn client(self, surroundings: &Surroundings) -> Result<(Client, Output, String)> {
        let Self { connection, comment, expected, yes } = self;
        let output = connection.output;
        let client = Client::new(connection.resolve(surroundings)?, surroundings)?
            .about("expected", expected.map(|version| version.to_string()))
            .about("confirmed", yes.then(|| "true".to_owned()));
        Ok((client, output, comment))
    }
}

pub(crate) async fn put(flags: PutFlags, surroundings: &Surroundings) -> Result<String> {
    let text = text::read(&flags.file)?;
    let (mut client, output, comment) = flags.change.client(surroundings)?;
    let document = NewText { text: &text, comment: &comment };
    let put: Result<Version> = client.put(&path(&flags.set), &document).await;
    let made = put.map_err(|error| text::shown_in(error, &flags.file, &text, surroundings))?;
    output.print(&made, || table([&made]))
}

pub(crate) async fn get(flags: GetFlags, surroundings: &Surroundings) -> Result<String> {
    let GetFlags { connection, set, version } = flags;
    let output = connection.output;
    let mut client = Client::new(connection.resolve(surroundings)?, surroundings)?
        .about("version", version.map(|version| version.to_string()));
    let found: Version = client.get(&path(&set), &[]).await?;
    match output {
        Output::Json => output.print(&found, || table([&found])),
        // What was put comes out byte for byte, so that it can be put again.
        Output::Table => Ok(found.text.unwrap_or_default()),
    }
}

pub(crate) async fn list(flags: ListFlags, surroundings: &Surroundings) -> Result<String> {
    let output = flags.connection.output;
    let mut client = Client::new(flags.connection.resolve(surroundings)?, surroundings)?;
    let sets: Sets = client.get("/policies", &[]).await?;
    let listed = output.print(&sets, || table(&sets.sets))?;
    Ok(match (&sets.damage, output) {
        (Some(damage), Output::Table) => format!("{listed}\nNobody is let in whom policies bind: {damage}\n"),
        _ => listed,
    })
}

pub(crate) async fn history(flags: HistoryFlags, surroundings: &Surroundings) -> Result<String> {
    let output = flags.connection.output;
    let mut client = Client::new(flags.connection.resolve(surroundings)?, surroundings)?;
    let History { versions } = client.get(&format!("{}/versions", path(&flags.set)), &[]).await?;
    output.print(&versions, || table(&versions))
}

pub(crate) async fn roll_back(flags: RollbackFlags, surroundings: &Surroundings) -> Result<String> {
    let RollbackFlags { set, version, change } = flags;
    let (mut client, output, comment) = change.client(surroundings)?;
    let document = Rollback { version, comment: &comment };
    let made: Version = client.post(&format!("{}/rollback", path(&set)), Some(&document)).await?;
    output.print(&made, || table([&made]))
}

pub(crate) async fn delete(flags: DeleteFlags, surroundings: &Surroundings) -> Result<String> {
    let (client, output, comment) = flags.change.client(surroundings)?;
    let mut client = client.about("comment", (!comment.is_empty()).then_some(comment));
    let made: Version = client.remove(&path(&flags.set)).await?;
    output.print(&made, || table([&made]))
}

fn path(set: &str) -> String {
    format!("/policies/{set}")
}

fn table<'a>(versions: impl IntoIterator<Item = &'a Version>) -> Table {
    let mut table = Table::new(&[
        ("SET", Side::Left),
        ("VERSION", Side::Right),
        ("POLICIES", Side::Right),
        ("BYTES", Side::Right),
        ("SHA-256", Side::Left),
        ("AT", Side::Left),
        ("BY", Side::Left),
        ("COMMENT", Side::Left),
    ]);
    for version in versions {
        let hash = match version.removed {
            true => "removed".to_owned(),
            false => version.hash.chars().take(12).collect(),
        };
        let comment = match version.again {
            Some(earlier) if version.comment.is_empty() => format!("(version {earlier} again)"),
            Some(earlier) => format!("{} (version {earlier} again)", version.comment),
            None if version.comment.is_empty() => NOTHING.to_owned(),
            None => version.comment.clone(),
        };
        table.push([
            version.name.clone(),
            version.version.to_string(),
            version.policies.to_string(),
            version.bytes.to_string(),
            hash,
            version.at.clone(),
            version.by.clone(),
            comment,
        ]);
    }
    table
}
