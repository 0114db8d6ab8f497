//! The load recipe: a closed loop of clients against one S3 endpoint, whoever made it.
//!
//! Each client is a worker with one kept connection that sends its next request when the last one is answered. Bodies
//! name themselves and cannot be compressed, so every GET is judged, and an answer that is wrong counts as an error, not
//! as a fast request. Workers are futures on a few threads; nothing is shared while a phase runs.

mod crew;
mod measure;
mod metrics;
mod process;
mod report;
mod settings;
mod suite;
mod worker;

use std::time::Duration;

use crew::Crew;
use fixtures::s3_client::{self, Client, ClientError};
use metrics::MetricsSource;
use process::ProcessReading;
use report::Report;
use worker::Plan;

pub use settings::{Operation, Output, Payload, Settings, Size};

/// Why nothing could be measured.
#[derive(Debug)]
pub enum LoadError {
    /// The endpoint does not answer as it should before the clock starts.
    Prepare(&'static str, ClientError),
    /// A file or the runtime.
    Machine(String, std::io::Error),
    /// More than a few of the objects to read could not be written.
    Fill(String),
}

impl std::fmt::Display for LoadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Prepare(what, error) => write!(f, "{what}: {}", measure::chain(error)),
            Self::Machine(what, error) => write!(f, "{what}: {error}"),
            Self::Fill(why) => write!(f, "filling the bucket: {why}"),
        }
    }
}

/// One thing to measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Case {
    pub(crate) operation: Operation,
    pub(crate) bytes: usize,
    pub(crate) clients: usize,
    pub(crate) seconds: u64,
}

/// Runs what the settings ask for and prints it. `Ok(true)` when no request failed.
///
/// # Errors
/// [`LoadError`].
pub fn run(settings: &Settings) -> Result<bool, LoadError> {
    let mut bench = Bench::new(settings)?;
    let cases = if settings.suite { suite::cases(settings) } else { vec![settings.case()] };
    let mut reports = Vec::with_capacity(cases.len());
    for case in cases {
        let report = bench.measure(case)?;
        eprintln!("{}", report.line());
        reports.push(report);
    }
    match settings.output {
        Output::Json => println!("{}", report::json(&reports)),
        Output::Table => print!("{}", report::markdown(&reports)),
    }
    Ok(reports.iter().all(|report| report.tally.errors() == 0))
}

/// An endpoint with what has been written to it so far.
struct Bench<'a> {
    settings: &'a Settings,
    runtime: tokio::runtime::Runtime,
    client: Client,
    metrics: Option<MetricsSource>,
    filled: Vec<usize>,
    run: u64,
}

fn connect(settings: &Settings) -> Result<Client, LoadError> {
    Client::new(&settings.client()).map_err(|error| LoadError::Prepare("endpoint", error))
}

impl<'a> Bench<'a> {
    fn new(settings: &'a Settings) -> Result<Self, LoadError> {
        let mut client = connect(settings)?;
        let runtime = crew::runtime()?;
        for bucket in [settings.bucket.clone(), settings.list_bucket()] {
            let made = runtime.block_on(client.create_bucket(&bucket));
            made.map_err(|error| LoadError::Prepare("making the bucket", error))?;
        }
        let metrics = settings.metrics_token.as_deref().map(MetricsSource::open).transpose()?;
        Ok(Self { settings, runtime, client, metrics, filled: Vec::new(), run: worker::run_number() })
    }

    fn measure(&mut self, case: Case) -> Result<Report, LoadError> {
        if matches!(case.operation, Operation::Get | Operation::Mixed) && !self.filled.contains(&case.bytes) {
            self.fill(Plan::fill_objects(self.settings, case.bytes), case)?;
            self.filled.push(case.bytes);
        }
        if case.operation == Operation::List {
            self.fill_list(case)?;
        }
        self.run += 1;
        let mut crew = Crew::gather(self.settings, &Plan::of(self.settings, case, self.run), case.clients)?;
        crew.work(Duration::from_secs(self.settings.warmup_seconds));
        let before = self.observe()?;
        let (tally, elapsed) = crew.work(Duration::from_secs(case.seconds));
        let after = self.observe()?;
        Ok(Report::new(case, tally, elapsed, &before, &after))
    }

    /// Writes objects with many clients, and insists that nearly all of them were written.
    fn fill(&self, plan: Plan, case: Case) -> Result<(), LoadError> {
        let mut crew = Crew::gather(self.settings, &plan, plan.fill_clients(case))?;
        let (tally, elapsed) = crew.work(Duration::MAX);
        if tally.errors() > 0 {
            return Err(LoadError::Fill(tally.error_text()));
        }
        eprintln!("filled: {} objects in {:.1} s", tally.requests(), elapsed.as_secs_f64());
        Ok(())
    }

    fn fill_list(&mut self, case: Case) -> Result<(), LoadError> {
        let bucket = self.settings.list_bucket();
        let head = self.runtime.block_on(self.client.head(&bucket, worker::FILLED));
        let head = head.map_err(|error| LoadError::Prepare("looking at the listing bucket", error))?;
        if head.status.is_success() {
            return Ok(());
        }
        self.fill(Plan::fill_list(self.settings), case)?;
        // The old connection idled while the bucket was filled, and may have been closed for that.
        self.client = connect(self.settings)?;
        let put = self.client.put(&bucket, worker::FILLED, &[], s3_client::Content::default());
        let put = self.runtime.block_on(async { put.await?.successful() });
        put.map(drop).map_err(|error| LoadError::Prepare("marking the listing bucket as filled", error))
    }

    fn observe(&mut self) -> Result<Observation, LoadError> {
        let process = self.settings.pid.map(ProcessReading::of).transpose()?;
        let metrics = match &self.metrics {
            Some(source) => Some(self.runtime.block_on(source.read(&mut self.client))?),
            None => None,
        };
        Ok(Observation { process, metrics })
    }
}

/// What the server was like at one moment.
struct Observation {
    process: Option<ProcessReading>,
    metrics: Option<metrics::Metrics>,
}
