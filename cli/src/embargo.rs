//! `twinlake embargo`: what nobody but its readers may read before a date, and when it opens.

use std::str::FromStr;

use clap::{Args, Subcommand, ValueEnum};
use kernel::{BucketName, EmbargoReader};
use serde::{Deserialize, Serialize};

use crate::bucket::BucketArgument;
use crate::client::Client;
use crate::connection::ConnectionFlags;
use crate::output::{NOTHING, Output, Side, Table};
use crate::{Result, Surroundings};

/// `twinlake embargo …`
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  twinlake embargo set s3://results/2027/run-1.parquet --until 2027-03-01T12:00:00Z --reader group/reviewers
  twinlake embargo list --bucket results
  twinlake embargo lift s3://results/2027/run-1.parquet --reason 'the paper is out'
  twinlake embargo calendar --until 2027-04-01T00:00:00Z
  twinlake embargo default set results --for 365d --reader group/reviewers")]
pub struct EmbargoFlags {
    #[command(flatten)]
    connection: ConnectionFlags,
    #[command(subcommand)]
    command: EmbargoCommand,
}

/// What can be done with embargoes.
#[derive(Debug, Subcommand)]
pub enum EmbargoCommand {
    /// Closes a version until an instant.
    ///
    /// Who lets it open sooner than before, or to more readers, needs lake:ShortenEmbargo.
    Set {
        /// The object.
        #[command(flatten)]
        place: PlaceFlags,
        /// Until when, as RFC 3339 has it: the instant itself is open.
        #[arg(long, value_name = "INSTANT")]
        until: String,
        /// Who may read before: group/NAME, user/NAME or role/NAME. Unless any is given, those of before stay.
        #[arg(long = "reader", value_name = "READER")]
        readers: Vec<ReaderArgument>,
        /// Nobody may read before.
        #[arg(long, conflicts_with = "readers")]
        no_readers: bool,
    },
    /// Opens a version before its time.
    Lift {
        /// The object.
        #[command(flatten)]
        place: PlaceFlags,
        /// Why: it stays with the version.
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Shows the embargo of a version.
    Show {
        /// The object.
        #[command(flatten)]
        place: PlaceFlags,
    },
    /// Lists versions under embargo, by when they open.
    List {
        /// Which.
        #[command(flatten)]
        scope: EmbargoScope,
    },
    /// Shows what opens and whose retention ends, by instant.
    Calendar {
        /// Which.
        #[command(flatten)]
        scope: EmbargoScope,
        /// From this instant on; now unless it is given.
        #[arg(long, value_name = "INSTANT")]
        from: Option<String>,
        /// Before this instant.
        #[arg(long, value_name = "INSTANT")]
        until: Option<String>,
    },
    /// What a bucket gives to new versions, and how it lists what is closed.
    Default {
        /// What to do about it.
        #[command(subcommand)]
        command: DefaultCommand,
    },
}

/// What can be done with a bucket's rule.
#[derive(Debug, Subcommand)]
pub enum DefaultCommand {
    /// Changes of the rule what is named, and leaves the rest. Versions that stand keep what they have.
    #[command(group = clap::ArgGroup::new("change").required(true).multiple(true))]
    Set {
        /// The bucket.
        bucket: BucketArgument,
        /// New versions are closed for so long: a number with s, min, h, d, w or y.
        #[arg(long = "for", value_name = "TIME", group = "change")]
        time: Option<TimeSpan>,
        /// New versions are open unless their request says otherwise.
        #[arg(long, group = "change", conflicts_with = "time")]
        open: bool,
        /// Who may read them before, in the place of those who are named.
        #[arg(long = "reader", value_name = "READER", group = "change")]
        readers: Vec<ReaderArgument>,
        /// Nobody may read them before.
        #[arg(long, group = "change", conflicts_with = "readers")]
        no_readers: bool,
        /// What listings show of what is closed.
        #[arg(long, value_enum, group = "change")]
        listing: Option<Listing>,
    },
    /// Shows the rule.
    Get {
        /// The bucket.
        bucket: BucketArgument,
    },
    /// Takes the rule away.
    Clear {
        /// The bucket.
        bucket: BucketArgument,
    },
}

/// A version as it is typed.
#[derive(Debug, Args)]
pub struct PlaceFlags {
    /// The object, as s3://BUCKET/KEY.
    object: ObjectArgument,
    /// The version; the current one unless it is given.
    #[arg(long, value_name = "ID")]
    version: Option<String>,
}

/// Which versions are listed.
#[derive(Debug, Args)]
pub struct EmbargoScope {
    /// Only this bucket.
    #[arg(long, value_name = "NAME")]
    bucket: Option<BucketArgument>,
    /// Only keys that begin so.
    #[arg(long, value_name = "TEXT", default_value = "")]
    prefix: String,
}

/// What listings show of what is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Listing {
    /// Nothing.
    Hidden,
    /// The key, without size and entity tag.
    KeyOnly,
}

/// A reader as it was typed.
#[derive(Debug, Clone)]
pub struct ReaderArgument(EmbargoReader);

impl FromStr for ReaderArgument {
    type Err = kernel::ReaderNameError;

    fn from_str(text: &str) -> std::result::Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// `s3://BUCKET/KEY`
#[derive(Debug, Clone)]
pub struct ObjectArgument {
    bucket: BucketName,
    key: String,
}

/// What was typed is no object.
#[derive(Debug, thiserror::Error)]
#[error("an object is written s3://BUCKET/KEY")]
pub struct ObjectArgumentError;

impl FromStr for ObjectArgument {
    type Err = ObjectArgumentError;

    fn from_str(text: &str) -> std::result::Result<Self, Self::Err> {
        let (bucket, key) =
            text.strip_prefix("s3://").and_then(|rest| rest.split_once('/')).ok_or(ObjectArgumentError)?;
        let bucket = BucketName::new(bucket).map_err(|_| ObjectArgumentError)?;
        if key.is_empty() { Err(ObjectArgumentError) } else { Ok(Self { bucket, key: key.to_owned() }) }
    }
}

/// A length of time, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeSpan(u64);

/// What was typed is no length of time.
#[derive(Debug, thiserror::Error)]
#[error("a time is a number with s, min, h, d, w or y (of 365 days), such as 365d")]
pub struct TimeSpanError;

impl FromStr for TimeSpan {
    type Err = TimeSpanError;

    fn from_str(text: &str) -> std::result::Result<Self, TimeSpanError> {
        let end = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(end);
        let seconds = match unit {
            "s" => 1,
            "min" => 60,
            "h" => 3_600,
            "d" => 86_400,
            "w" => 7 * 86_400,
            "y" => 365 * 86_400,
            _ => return Err(TimeSpanError),
        };
        let number: u64 = number.parse().map_err(|_| TimeSpanError)?;
        number.checked_mul(seconds).filter(|span| *span > 0).map(Self).ok_or(TimeSpanError)
    }
}

#[derive(Debug, Serialize)]
struct Wanted {
    until: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    readers: Option<Vec<String>>,
}

#[derive(Debug, Serialize)]
struct Lift {
    reason: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Lifted {
    by: String,
    at: String,
    reason: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Embargo {
    bucket: String,
    key: String,
    version: String,
    closed: bool,
    until: Option<String>,
    readers: Vec<String>,
    lift: Option<Lifted>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Listed {
    bucket: String,
    key: String,
    version: String,
    until: String,
    readers: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct EmbargoPage {
    embargoes: Vec<Listed>,
    next: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Day {
    at: String,
    what: String,
    bucket: String,
    key: String,
    version: String,
}

#[derive(Debug, Deserialize)]
struct CalendarPage {
    entries: Vec<Day>,
    next: Option<String>,
}

/// What is to change of a rule: what is not there stays.
#[derive(Debug, Serialize)]
struct RuleChange {
    #[serde(skip_serializing_if = "Option::is_none")]
    default_seconds: Option<Option<u64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    readers: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    listing: Option<Listing>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Rule {
    default_seconds: Option<u64>,
    readers: Vec<String>,
    listing: Listing,
}

/// Does what was typed and gives back what is to be printed.
pub(crate) async fn run(flags: EmbargoFlags, surroundings: &Surroundings) -> Result<String> {
    let EmbargoFlags { connection, command } = flags;
    let output = connection.output;
    let mut client = Client::new(connection.resolve(surroundings)?, surroundings)?;
    match command {
        EmbargoCommand::Set { place, until, readers, no_readers } => {
            let (mut client, path) = place.of(client);
            let readers = (no_readers || !readers.is_empty()).then(|| names(&readers));
            let set: Embargo = client.put(&path, &Wanted { until, readers }).await?;
            output.print(&set, || embargo_table(&set))
        }
        EmbargoCommand::Lift { place, reason } => {
            let (mut client, path) = place.of(client);
            let lifted: Embargo = client.post(&format!("{path}/lift"), Some(&Lift { reason })).await?;
            output.print(&lifted, || embargo_table(&lifted))
        }
        EmbargoCommand::Show { place } => {
            let (mut client, path) = place.of(client);
            let found: Embargo = client.get(&path, &[]).await?;
            output.print(&found, || embargo_table(&found))
        }
        EmbargoCommand::List { scope } => {
            let mut client = scope.of(client);
            let (mut all, mut after) = (Vec::new(), None);
            loop {
                let EmbargoPage { embargoes, next } = client.get("/embargoes", &behind(after.as_ref())).await?;
                all.extend(embargoes);
                if next.is_none() || next == after {
                    return output.print(&all, || list_table(&all));
                }
                after = next;
            }
        }
        EmbargoCommand::Calendar { scope, from, until } => {
            let mut client = scope.of(client).about("from", from).about("until", until);
            let (mut all, mut after) = (Vec::new(), None);
            loop {
                let CalendarPage { entries, next } = client.get("/calendar", &behind(after.as_ref())).await?;
                all.extend(entries);
                if next.is_none() || next == after {
                    return output.print(&all, || calendar_table(&all));
                }
                after = next;
            }
        }
        EmbargoCommand::Default { command } => command.run(&mut client, output).await,
    }
}

fn behind(after: Option<&String>) -> Vec<(&'static str, &str)> {
    after.map(|after| ("after", after.as_str())).into_iter().collect()
}

impl PlaceFlags {
    /// A client that asks about this version, and where its embargo is in the API.
    fn of(self, client: Client) -> (Client, String) {
        let path = format!("/embargoes/{}", self.object.bucket);
        (client.about("key", Some(self.object.key)).about("version", self.version), path)
    }
}

impl EmbargoScope {
    fn of(self, client: Client) -> Client {
        let prefix = Some(self.prefix).filter(|prefix| !prefix.is_empty());
        client.about("bucket", self.bucket.map(|bucket| bucket.0.to_string())).about("prefix", prefix)
    }
}

impl DefaultCommand {
    async fn run(self, client: &mut Client, output: Output) -> Result<String> {
        let path = |bucket: &BucketArgument| format!("/buckets/{}/embargo", bucket.0);
        let rule: Rule = match self {
            Self::Set { bucket, time, open, readers, no_readers, listing } => {
                let default_seconds = (open || time.is_some()).then(|| time.map(|time| time.0));
                let readers = (no_readers || !readers.is_empty()).then(|| names(&readers));
                client.post(&path(&bucket), Some(&RuleChange { default_seconds, readers, listing })).await?
            }
            Self::Get { bucket } => client.get(&path(&bucket), &[]).await?,
            Self::Clear { bucket } => return client.delete(&path(&bucket)).await.map(|()| String::new()),
        };
        output.print(&rule, || rule_table(&rule))
    }
}

fn names(readers: &[ReaderArgument]) -> Vec<String> {
    readers.iter().map(|reader| reader.0.to_string()).collect()
}

/// Several names in one cell.
fn joined(readers: &[String]) -> String {
    if readers.is_empty() { NOTHING.to_owned() } else { readers.join(",") }
}

fn embargo_table(embargo: &Embargo) -> Table {
    let mut table = Table::new(&[
        ("OBJECT", Side::Left),
        ("VERSION", Side::Left),
        ("CLOSED", Side::Left),
        ("UNTIL", Side::Left),
        ("READERS", Side::Left),
        ("LIFTED BY", Side::Left),
        ("REASON", Side::Left),
    ]);
    let lift = embargo.lift.as_ref();
    let or_nothing = |text: Option<&String>| text.cloned().unwrap_or_else(|| NOTHING.to_owned());
    table.push([
        format!("s3://{}/{}", embargo.bucket, embargo.key),
        embargo.version.clone(),
        if embargo.closed { "yes" } else { "no" }.to_owned(),
        or_nothing(embargo.until.as_ref()),
        joined(&embargo.readers),
        or_nothing(lift.map(|lift| &lift.by)),
        or_nothing(lift.map(|lift| &lift.reason)),
    ]);
    table
}

fn list_table(embargoes: &[Listed]) -> Table {
    let columns = [("UNTIL", Side::Left), ("OBJECT", Side::Left), ("VERSION", Side::Left), ("READERS", Side::Left)];
    let mut table = Table::new(&columns);
    for Listed { bucket, key, version, until, readers } in embargoes {
        table.push([until.clone(), format!("s3://{bucket}/{key}"), version.clone(), joined(readers)]);
    }
    table
}

fn calendar_table(days: &[Day]) -> Table {
    let columns = [("AT", Side::Left), ("WHAT", Side::Left), ("OBJECT", Side::Left), ("VERSION", Side::Left)];
    let mut table = Table::new(&columns);
    for Day { at, what, bucket, key, version } in days {
        table.push([at.clone(), what.clone(), format!("s3://{bucket}/{key}"), version.clone()]);
    }
    table
}

fn rule_table(rule: &Rule) -> Table {
    let mut table = Table::new(&[("CLOSED FOR", Side::Left), ("READERS", Side::Left), ("LISTING", Side::Left)]);
    let listing = match rule.listing {
        Listing::Hidden => "hidden",
        Listing::KeyOnly => "key-only",
    };
    table.push([
        rule.default_seconds.map_or_else(|| NOTHING.to_owned(), span),
        joined(&rule.readers),
        listing.to_owned(),
    ]);
    table
}

/// A length of time in the largest unit that it is a whole number of.
fn span(seconds: u64) -> String {
    let units = [(86_400, "d"), (3_600, "h"), (60, "min")];
    let unit = units.into_iter().find(|(unit, _)| seconds.is_multiple_of(*unit));
    let (unit, name) = unit.unwrap_or((1, "s"));
    format!("{}{name}", seconds / unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units_and_come_back_in_the_largest_that_fits() {
        let table = [
            ("90s", 90, "90s"),
            ("2min", 120, "2min"),
            ("24h", 86_400, "1d"),
            ("1w", 604_800, "7d"),
            ("1y", 31_536_000, "365d"),
        ];
        for (text, seconds, shown) in table {
            assert_eq!(text.parse::<TimeSpan>().ok(), Some(TimeSpan(seconds)), "{text}");
            assert_eq!(span(seconds), shown);
        }
        for bad in ["", "5", "d", "0d", "-1d", "1.5d", "1 d", "99999999999999999y"] {
            assert!(bad.parse::<TimeSpan>().is_err(), "{bad}");
        }
    }

    #[test]
    fn objects_have_a_bucket_and_a_key() {
        let object: ObjectArgument = "s3://results/2027/run 1".parse().expect("an object");
        assert_eq!((object.bucket.as_str(), object.key.as_str()), ("results", "2027/run 1"));
        for bad in ["results/a", "s3://results", "s3://results/", "s3:///a", "s3://UPPER/a"] {
            assert!(bad.parse::<ObjectArgument>().is_err(), "{bad}");
        }
    }
}
