//! `twinlake policy diff` and `twinlake policy forecast`: what a text, or time alone, would change over the whole catalogue.

use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;

use clap::Args;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::explain::Candidate;
use super::text;
use crate::client::Client;
use crate::connection::ConnectionFlags;
use crate::output::{NOTHING, Output, Side, Table};
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

/// An answer that comes by pages.
trait Paged: DeserializeOwned {
    fn next(&self) -> Option<Place>;
    fn walked(&self) -> Amount;
    /// Takes the next page in.
    fn take(&mut self, page: Self);
}

impl Amount {
    fn add(&mut self, other: Self) {
        self.objects = self.objects.saturating_add(other.objects);
        self.bytes = self.bytes.saturating_add(other.bytes);
    }
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
        let mut shifts: BTreeMap<_, Shift> = BTreeMap::new();
        for shift in self.shifts.drain(..).chain(page.shifts) {
            let place = (shift.bucket.clone(), shift.who.clone(), shift.what.clone());
            match shifts.get_mut(&place) {
                Some(known) => {
                    known.gained.add(shift.gained);
                    known.lost.add(shift.lost);
                }
                None => drop(shifts.insert(place, shift)),
            }
        }
        self.shifts = shifts.into_values().collect();
        let mut public: BTreeMap<_, Publication> = BTreeMap::new();
        for found in self.public.drain(..).chain(page.public) {
            let place = (found.bucket.clone(), found.what.clone(), found.before.clone(), found.after.clone());
            match public.get_mut(&place) {
                Some(known) => known.amount.add(found.amount),
                None => drop(public.insert(place, found)),
            }
        }
        self.public = public.into_values().collect();
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
        let mut turns: BTreeMap<_, Turn> = BTreeMap::new();
        for turn in self.turns.drain(..).chain(page.turns) {
            let Turn { at, bucket, who, what, opens, .. } = turn.clone();
            match turns.get_mut(&(at.clone(), bucket.clone(), who.clone(), what.clone(), opens)) {
                Some(known) => known.amount.add(turn.amount),
                None => drop(turns.insert((at, bucket, who, what, opens), turn)),
            }
        }
        self.turns = turns.into_values().collect();
    }
}

impl SurveyFlags {
    fn survey(&self, after: Option<Place>) -> Survey {
        Survey { subjects: self.who.clone(), actions: self.action.clone(), bucket: self.bucket.clone(), after }
    }
}

/// Asks for page after page, and tells people at a terminal how far it is.
async fn walk<T: Paged, Q: Serialize>(
    client: &mut Client,
    path: &str,
    question: impl Fn(Option<Place>) -> Q,
) -> Result<T> {
    let mut all: T = client.post(path, Some(&question(None))).await?;
    while let Some(place) = all.next() {
        tell(&format!("{} objects so far, now in {}", all.walked().objects, place.bucket));
        all.take(client.post(path, Some(&question(Some(place)))).await?);
    }
    tell("");
    Ok(all)
}

/// Writes over the line where people see what is going on; programs are told nothing.
fn tell(progress: &str) {
    let mut stderr = std::io::stderr();
    if stderr.is_terminal() {
        // Whoever cannot be told misses nothing of the result.
        let _ = write!(stderr, "\r\u{1b}[K{progress}").and_then(|()| stderr.flush());
    }
}

pub(crate) async fn diff(flags: DiffFlags, surroundings: &Surroundings) -> Result<String> {
    let DiffFlags { connection, file, set, survey } = flags;
    let text = text::read(&file)?;
    let candidate = Candidate { set: set.unwrap_or_else(|| text::stem(&file)), text: Some(text.clone()) };
    let output = connection.output;
    let mut client = Client::new(connection.resolve(surroundings)?, surroundings)?;
    let question = |after| DiffQuestion { candidate: candidate.clone(), survey: survey.survey(after) };
    let walked: Result<Diff> = walk(&mut client, "/policy/comparison", question).await;
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
    let forecast: Forecast = walk(&mut client, "/policy/forecast", question).await?;
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
