//! `twinlake policy diff` and `twinlake policy forecast`: what a text, or time alone, would change over the whole catalogue.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::PathBuf;

use clap::Args;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::explain::Candidate;
use super::text;
use crate::client::Client;
use crate::connection::ConnectionFlags;
use crate::error::CliError;
use crate::output::{NOTHING, Output, Side, Table};
use crate::progress::ProgressBar;
use crate::size::ByteSize;
use crate::{Result, Surroundings};

/// Whom and what a walk through the catalogue is about.
#[derive(Debug, Args)]
pub struct SurveyFlags {
    /// Whom it is about; may be given again [default: everybody whom the lake knows, and the anonymous]
    #[arg(long = "as", value_name = "WHO")]
    who: Vec<String>,
    /// Which action on objects; may be given again [default: s3:GetObject]
    #[arg(long, value_name = "ACTION")]
    action: Vec<String>,
    /// The only bucket.
    #[arg(long, value_name = "NAME")]
    bucket: Option<String>,
}

/// What `twinlake policy diff` takes.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  twinlake policy diff research.cedar
  twinlake policy diff next.cedar --set research --bucket books
  twinlake policy diff research.cedar --as alice --action s3:GetObject --action s3:PutObject --output json")]
pub struct DiffFlags {
    #[command(flatten)]
    connection: ConnectionFlags,
    /// The policies, in Cedar, that are not put yet.
    file: PathBuf,
    /// The set in whose place they would stand [default: the file's name without .cedar]
    #[arg(long, value_name = "NAME")]
    set: Option<String>,
    #[command(flatten)]
    survey: SurveyFlags,
}

/// What `twinlake policy forecast` takes.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  twinlake policy forecast --at 2027-01-01
  twinlake policy forecast --at 2027-01-01 --as anonymous --bucket books")]
pub struct ForecastFlags {
    #[command(flatten)]
    connection: ConnectionFlags,
    /// Until when: 2027-01-01 or 2027-01-01T00:00:00Z.
    #[arg(long, value_name = "DATE")]
    at: String,
    #[command(flatten)]
    survey: SurveyFlags,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Place {
    bucket: String,
    key: Option<String>,
}

#[derive(Debug, Serialize)]
struct Survey {
    subjects: Vec<String>,
    actions: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bucket: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<Place>,
}

#[derive(Debug, Serialize)]
struct DiffQuestion {
    candidate: Candidate,
    survey: Survey,
}

#[derive(Debug, Serialize)]
struct ForecastQuestion {
    until: String,
    survey: Survey,
}

#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
struct Amount {
    objects: u64,
    bytes: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Shift {
    bucket: String,
    who: String,
    what: String,
    gained: Amount,
    lost: Amount,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Publication {
    bucket: String,
    what: String,
    before: Option<String>,
    after: Option<String>,
    #[serde(flatten)]
    amount: Amount,
}

#[derive(Debug, Serialize, Deserialize)]
struct Diff {
    at: String,
    shifts: Vec<Shift>,
    public: Vec<Publication>,
    walked: Amount,
    #[serde(skip_serializing)]
    next: Option<Place>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Turn {
    at: String,
    bucket: String,
    who: String,
    what: String,
    opens: bool,
    #[serde(flatten)]
    amount: Amount,
}

#[derive(Debug, Serialize, Deserialize)]
struct Forecast {
    from: String,
    turns: Vec<Turn>,
    walked: Amount,
    #[serde(skip_serializing)]
    next: Option<Place>,
}

/// Rows of an answer at the most: beyond, nobody reads them, and they would fill the memory.
const ROWS_MAX: usize = 200_000;

/// An answer that comes by pages.
trait Paged: DeserializeOwned {
    fn next(&self) -> Option<Place>;
    fn walked(&self) -> Amount;
    /// Takes the next page in, beside what is there.
    fn take(&mut self, page: Self);
    /// Makes one row of those that are about the same, and says how many there are.
    fn merge(&mut self) -> usize;
}

/// A row that stands for objects of several pages.
trait Row: Clone {
    /// What it is about, by which rows are told apart and put in order.
    type About: Ord;
    fn about(&self) -> Self::About;
    fn add(&mut self, other: &Self);
}

impl Amount {
    fn add(&mut self, other: Self) {
        self.objects = self.objects.saturating_add(other.objects);
        self.bytes = self.bytes.saturating_add(other.bytes);
    }
}

impl Row for Shift {
    type About = (String, String, String);

    fn about(&self) -> Self::About {
        (self.bucket.clone(), self.who.clone(), self.what.clone())
    }

    fn add(&mut self, other: &Self) {
        self.gained.add(other.gained);
        self.lost.add(other.lost);
    }
}

impl Row for Publication {
    type About = (String, String, Option<String>, Option<String>);

    fn about(&self) -> Self::About {
        (self.bucket.clone(), self.what.clone(), self.before.clone(), self.after.clone())
    }

    fn add(&mut self, other: &Self) {
        self.amount.add(other.amount);
    }
}

impl Row for Turn {
    type About = (String, String, String, String, bool);

    fn about(&self) -> Self::About {
        let Self { at, bucket, who, what, opens, .. } = self.clone();
        (at, bucket, who, what, opens)
    }

    fn add(&mut self, other: &Self) {
        self.amount.add(other.amount);
    }
}

/// One row of those that are about the same, in order.
fn merge<R: Row>(rows: &mut Vec<R>) {
    let mut merged: BTreeMap<R::About, R> = BTreeMap::new();
    for row in rows.drain(..) {
        match merged.entry(row.about()) {
            Entry::Occupied(mut known) => known.get_mut().add(&row),
            Entry::Vacant(free) => drop(free.insert(row)),
        }
    }
    rows.extend(merged.into_values());
}

impl Paged for Diff {
    fn next(&self) -> Option<Place> {
        self.next.clone()
    }

    fn walked(&self) -> Amount {
        self.walked
    }

    fn take(&mut self, page: Self) {
        self.walked.add(page.walked);
        self.next = page.next;
        self.shifts.extend(page.shifts);
        // What is public now is so on every page, each of which has a now of its own.
        let at_once = |at: Option<String>| if at.as_ref() == Some(&page.at) { Some(self.at.clone()) } else { at };
        let dated =
            |found: Publication| Publication { before: at_once(found.before), after: at_once(found.after), ..found };
        self.public.extend(page.public.into_iter().map(dated));
    }

    fn merge(&mut self) -> usize {
        merge(&mut self.shifts);
        merge(&mut self.public);
        self.shifts.len() + self.public.len()
    }
}

impl Paged for Forecast {
    fn next(&self) -> Option<Place> {
        self.next.clone()
    }

    fn walked(&self) -> Amount {
        self.walked
    }

    fn take(&mut self, page: Self) {
        self.walked.add(page.walked);
        self.next = page.next;
        self.turns.extend(page.turns);
    }

    fn merge(&mut self) -> usize {
        merge(&mut self.turns);
        self.turns.len()
    }
}

impl SurveyFlags {
    fn survey(&self, after: Option<Place>) -> Survey {
        Survey { subjects: self.who.clone(), actions: self.action.clone(), bucket: self.bucket.clone(), after }
    }
}

/// Asks for page after page, and shows people at a terminal how far it is.
async fn walk<T: Paged, Q: Serialize>(
    client: &mut Client,
    (path, bucket): (&str, Option<&str>),
    question: impl Fn(Option<Place>) -> Q,
) -> Result<T> {
    let mut all: T = client.post(path, Some(&question(None))).await?;
    let mut bar = None;
    while let Some(place) = all.next() {
        if bar.is_none() {
            bar = Some(ProgressBar::over(client, bucket).await);
        }
        if let Some(bar) = &mut bar {
            bar.show(&place.bucket, all.walked().objects);
        }
        all.take(client.post(path, Some(&question(Some(place)))).await?);
        if all.merge() > ROWS_MAX {
            return Err(CliError::Rows { max: ROWS_MAX });
        }
    }
    Ok(all)
}

pub(crate) async fn diff(flags: DiffFlags, surroundings: &Surroundings) -> Result<String> {
    let DiffFlags { connection, file, set, survey } = flags;
    let text = text::read(&file)?;
    let candidate = Candidate { set: set.unwrap_or_else(|| text::stem(&file)), text: Some(text.clone()) };
    let output = connection.output;
    let mut client = Client::new(connection.resolve(surroundings)?, surroundings)?;
    let question = |after| DiffQuestion { candidate: candidate.clone(), survey: survey.survey(after) };
    let walked: Result<Diff> = walk(&mut client, ("/policy/comparison", survey.bucket.as_deref()), question).await;
    let diff = walked.map_err(|error| text::shown_in(error, &file, &text, surroundings))?;
    match output {
        Output::Json => output.print(&diff, || Table::new(&[])),
        Output::Table => Ok(diff.told()),
    }
}

pub(crate) async fn forecast(flags: ForecastFlags, surroundings: &Surroundings) -> Result<String> {
    let ForecastFlags { connection, at, survey } = flags;
    let output = connection.output;
    let mut client = Client::new(connection.resolve(surroundings)?, surroundings)?;
    let question = |after| ForecastQuestion { until: at.clone(), survey: survey.survey(after) };
    let forecast: Forecast = walk(&mut client, ("/policy/forecast", survey.bucket.as_deref()), question).await?;
    match output {
        Output::Json => output.print(&forecast, || Table::new(&[])),
        Output::Table => Ok(forecast.told()),
    }
}

impl Diff {
    fn told(&self) -> String {
        let mut shifts = Table::new(&[
            ("BUCKET", Side::Left),
            ("WHO", Side::Left),
            ("WHAT", Side::Left),
            ("GAINS", Side::Right),
            ("", Side::Right),
            ("LOSES", Side::Right),
            ("", Side::Right),
        ]);
        for Shift { bucket, who, what, gained, lost } in &self.shifts {
            let [gained, lost] = [gained, lost].map(shown);
            let ([gains, gain_bytes], [loses, lose_bytes]) = (gained, lost);
            shifts.push([bucket.clone(), who.clone(), what.clone(), gains, gain_bytes, loses, lose_bytes]);
        }
        let mut public = Table::new(&[
            ("BUCKET", Side::Left),
            ("WHAT", Side::Left),
            ("PUBLIC SINCE", Side::Left),
            ("WOULD BE SINCE", Side::Left),
            ("OBJECTS", Side::Right),
            ("BYTES", Side::Right),
        ]);
        for found in &self.public {
            let [objects, bytes] = shown(&found.amount);
            let since = |at: &Option<String>| at.clone().unwrap_or_else(|| "never".to_owned());
            let [before, after] = [&found.before, &found.after].map(since);
            public.push([found.bucket.clone(), found.what.clone(), before, after, objects, bytes]);
        }
        let mut told = match (self.shifts.is_empty(), self.public.is_empty()) {
            (true, true) => "Nobody gains or loses anything.\n".to_owned(),
            (false, true) => shifts.to_string(),
            (true, false) => public.to_string(),
            (false, false) => format!("{shifts}\n{public}"),
        };
        told.push_str(&looked_at(self.walked));
        told
    }
}

impl Forecast {
    fn told(&self) -> String {
        let mut table = Table::new(&[
            ("AT", Side::Left),
            ("BUCKET", Side::Left),
            ("WHO", Side::Left),
            ("WHAT", Side::Left),
            ("CHANGE", Side::Left),
            ("OBJECTS", Side::Right),
            ("BYTES", Side::Right),
        ]);
        for Turn { at, bucket, who, what, opens, amount } in &self.turns {
            let change = match (who.as_str(), opens) {
                ("anonymous", true) => "becomes public",
                (_, true) => "opens",
                (_, false) => "closes",
            };
            let [objects, bytes] = shown(amount);
            let cells = [at, bucket, who, what].map(String::clone);
            let [at, bucket, who, what] = cells;
            table.push([at, bucket, who, what, change.to_owned(), objects, bytes]);
        }
        let mut told = match self.turns.is_empty() {
            true => "Nothing opens or closes by itself.\n".to_owned(),
            false => table.to_string(),
        };
        told.push_str(&looked_at(self.walked));
        told
    }
}

fn looked_at(walked: Amount) -> String {
    format!("\nLooked at {} objects, {}.\n", walked.objects, ByteSize(walked.bytes))
}

fn shown(amount: &Amount) -> [String; 2] {
    match amount.objects {
        0 => [NOTHING.to_owned(), NOTHING.to_owned()],
        objects => [objects.to_string(), ByteSize(amount.bytes).to_string()],
    }
}
