//! One client in its loop.

use std::time::{Duration, Instant, SystemTime};

use fixtures::named_body::{Judge, Judgement, NamedBodies};
use fixtures::s3_client::{Arrival, Client, ClientError, Content, Method, Request};
use fixtures::seeded::Seeded;

use super::measure::{Tally, now};
use super::{Case, LoadError, Operation, Settings};

/// The key that says that a listing bucket holds all its keys; sorts behind them.
pub(super) const FILLED: &str = "zz-filled";
/// Keys of a page, the most that S3 gives at once.
const PAGE_KEYS: u64 = 1000;
/// How long a worker waits after an error, so that a server that refuses is not hammered.
const PAUSE: Duration = Duration::from_millis(10);

/// What every worker of a case does.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    bucket: String,
    steps: Steps,
    bytes: usize,
    objects: u64,
    prefix: String,
    run: u64,
    bodies: NamedBodies,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Steps {
    /// Until the time is over.
    Loop(Operation),
    /// Each object once, the workers taking turns.
    Fill,
}

/// A number that no other run of this program has, unless it began in the same microsecond.
#[expect(clippy::disallowed_methods, reason = "keys of different runs must differ")]
pub(super) fn run_number() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_micros() as u64)
}

impl Plan {
    /// The loop of a case.
    pub(super) fn of(settings: &Settings, case: Case, run: u64) -> Self {
        let is_list = case.operation == Operation::List;
        Self {
            bucket: if is_list { settings.list_bucket() } else { settings.bucket.clone() },
            steps: Steps::Loop(case.operation),
            bytes: case.bytes,
            objects: if is_list { settings.list_keys } else { settings.objects(case.bytes) },
            prefix: if is_list { "key".into() } else { format!("get/{}", case.bytes) },
            run,
            bodies: NamedBodies::new(case.bytes),
        }
    }

    /// Writes what GETs of `bytes` choose from.
    pub(super) fn fill_objects(settings: &Settings, bytes: usize) -> Self {
        let case = Case { operation: Operation::Get, bytes, clients: 1, seconds: 0 };
        Self { steps: Steps::Fill, ..Self::of(settings, case, 0) }
    }

    /// Writes what listings list: small bodies under many keys.
    pub(super) fn fill_list(settings: &Settings) -> Self {
        let case = Case { operation: Operation::List, bytes: 16, clients: 1, seconds: 0 };
        Self { steps: Steps::Fill, ..Self::of(settings, case, 0) }
    }

    /// Clients that fill: as many as help, fewer where bodies are large.
    pub(super) fn fill_clients(&self, case: Case) -> usize {
        if self.bytes > 1 << 20 { 4 } else { case.clients.max(64) }
    }

    fn filled_key(&self, number: u64) -> String {
        format!("{}/{number:010}", self.prefix)
    }
}

/// One client.
pub(super) struct Worker {
    client: Client,
    plan: Plan,
    seeded: Seeded,
    number: u64,
    step: u64,
    written: u64,
}

/// What came back of one request.
struct Seen {
    first_byte: Duration,
    total: Duration,
    body_bytes: u64,
}

/// Why a request does not count.
enum Failure {
    Client(ClientError),
    Wrong(String),
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        Self::Client(error)
    }
}

impl Worker {
    /// Worker `number` of `workers`.
    pub(super) fn new(settings: &Settings, plan: &Plan, number: usize, workers: usize) -> Result<Self, LoadError> {
        let client = Client::new(&settings.client()).map_err(|error| LoadError::Prepare("endpoint", error))?;
        let number = number as u64;
        let step = if plan.steps == Steps::Fill { workers as u64 } else { 1 };
        let written = if plan.steps == Steps::Fill { number } else { 0 };
        Ok(Self { client, plan: plan.clone(), seeded: Seeded::new(plan.run ^ number << 48), number, step, written })
    }

    /// Works until the time is over or the plan is done.
    pub(super) async fn work(&mut self, until: Option<Instant>) -> Tally {
        let mut tally = Tally::default();
        while until.is_none_or(|until| now() < until) {
            let done = match self.plan.steps {
                Steps::Fill if self.written >= self.plan.objects => break,
                Steps::Fill => self.put(&mut tally).await,
                Steps::Loop(Operation::Put) => self.put(&mut tally).await,
                Steps::Loop(Operation::Get) => self.get().await,
                Steps::Loop(Operation::List) => self.list().await,
                Steps::Loop(Operation::Mixed) if self.seeded.percent(30) => self.put(&mut tally).await,
                Steps::Loop(Operation::Mixed) => self.get().await,
            };
            match done {
                Ok(seen) => tally.succeeded(seen.first_byte, seen.total, seen.body_bytes),
                Err(failure) => {
                    match failure {
                        Failure::Client(error) => tally.failed(&error),
                        Failure::Wrong(what) => tally.count_error(what),
                    }
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
        tally
    }

    async fn put(&mut self, tally: &mut Tally) -> Result<Seen, Failure> {
        let number = self.written;
        self.written += self.step;
        let key = match self.plan.steps {
            Steps::Fill => self.plan.filled_key(number),
            Steps::Loop(_) => format!("put/{}/{:x}/{:04}/{number:010}", self.plan.bytes, self.plan.run, self.number),
        };
        let id = u128::from(self.plan.run) << 64 | u128::from(self.number << 40 | number);
        let content = self.plan.bodies.body(id, self.plan.bytes);
        tally.writes += 1;
        let sent = content.bytes();
        let mut seen = self.send(Method::PUT, &key, &[], content, |_| {}).await?;
        seen.body_bytes = sent;
        Ok(seen)
    }

    async fn get(&mut self) -> Result<Seen, Failure> {
        let key = self.plan.filled_key(self.seeded.below(self.plan.objects));
        let bodies = self.plan.bodies.clone();
        let mut judge = Judge::new(&bodies);
        let mut seen = self.send(Method::GET, &key, &[], Content::default(), |chunk| judge.take(chunk)).await?;
        seen.body_bytes = judge.bytes() as u64;
        let expected = self.plan.bytes;
        if judge.bytes() != expected {
            return Err(Failure::Wrong(format!("a body of {} bytes came instead of {expected}", judge.bytes())));
        }
        match judge.finish() {
            Judgement::Torn { at, .. } => Err(Failure::Wrong(format!("a body is wrong from byte {at} on"))),
            Judgement::Whole(_) | Judgement::Nameless => Ok(seen),
        }
    }

    async fn list(&mut self) -> Result<Seen, Failure> {
        let keys = self.plan.objects;
        let last_start = keys.saturating_sub(PAGE_KEYS + 1).max(1);
        let after = self.seeded.below(last_start);
        let after_key = self.plan.filled_key(after);
        let query = [("list-type", "2"), ("max-keys", "1000"), ("start-after", after_key.as_str())];
        let mut document = Vec::new();
        let mut seen =
            self.send(Method::GET, "", &query, Content::default(), |chunk| document.extend_from_slice(chunk)).await?;
        seen.body_bytes = document.len() as u64;
        let listed = document.windows(5).filter(|window| window == b"<Key>").count() as u64;
        let first = self.plan.filled_key(after + 1);
        let has_first = document.windows(first.len()).any(|window| window == first.as_bytes());
        if listed != PAGE_KEYS.min(keys - after) || !has_first {
            return Err(Failure::Wrong(format!("a page has {listed} keys or does not begin where it should")));
        }
        Ok(seen)
    }

    async fn send(
        &mut self,
        method: Method,
        key: &str,
        query: &[(&str, &str)],
        body: Content,
        mut took: impl FnMut(&[u8]) + Send,
    ) -> Result<Seen, Failure> {
        let bucket = self.plan.bucket.clone();
        let request = Request { query, body, ..Request::new(method, &bucket, key) };
        let started = now();
        let mut first_byte = Duration::ZERO;
        let mut refused = None;
        let mut arrived = |arrival: Arrival<'_>| match arrival {
            Arrival::Head(head) => {
                first_byte = started.elapsed();
                refused = (!head.status.is_success()).then(Vec::new);
            }
            Arrival::Chunk(chunk) => match &mut refused {
                Some(document) => document.extend_from_slice(&chunk),
                None => took(&chunk),
            },
        };
        let head = self.client.exchange(request, &mut arrived).await?;
        if let Some(document) = refused {
            let document = String::from_utf8_lossy(&document);
            let code = fixtures::s3_client::xml::text(&document, "Code").unwrap_or_default().into_owned();
            return Err(ClientError::Status { status: head.status, code }.into());
        }
        Ok(Seen { first_byte, total: started.elapsed(), body_bytes: 0 })
    }
}
