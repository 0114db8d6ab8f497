//! The kill loop: a real server, clients that write, `kill -9` at any moment, and a ledger that judges what comes back.
//!
//! A cycle starts the server, compares everything with the ledger, lets the clients work, and kills. The clients live in
//! this process, so what they know survives: an intent is noted before a request is sent, its outcome when the answer is
//! complete, and whatever was under way when the server died is *unknown*: it may have happened or not, but the first
//! look after the restart settles it for good.

mod ledger;
mod server;
mod shared;
mod summary;
mod verify;
mod verify_shared;
mod worker;
mod worker_shared;
mod zones;

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};

use clap::{Parser, ValueEnum};
use fixtures::s3_client::{self, Client, ClientError, Credentials, Payload};
use fixtures::seeded::Seeded;
use futures::future::{Either, join_all, select};
use kernel::fail_point::POINTS;

use ledger::Ledger;
use server::Server;
use worker::Worker;

pub use summary::Summary;

/// The bucket without versions, whose keys each belong to one client.
pub(crate) const PLAIN: &str = "kill-plain";
/// The bucket with versions, whose keys all clients write.
pub(crate) const SHARED: &str = "kill-versions";
/// Clients at work.
const WORKERS: usize = 16;
/// How long a server may take to start, and to die at a fail point.
const PATIENCE: Duration = Duration::from_secs(60);

/// Kills a Twinlake server at random moments and verifies that nothing acknowledged was lost, nothing is half visible
/// and nothing refused took effect.
#[derive(Debug, Clone, Parser)]
#[command(name = "kill_loop")]
pub struct Settings {
    /// The server's program.
    #[arg(long)]
    pub binary: PathBuf,
    /// A directory of this run's own: data, and the server's log.
    #[arg(long)]
    pub dir: PathBuf,
    /// Decides what the clients do and when the server dies.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// How often the server is killed.
    #[arg(long, default_value_t = 200)]
    pub kills: u32,
    /// The longest a server lives, in seconds.
    #[arg(long, default_value_t = 2.0)]
    pub seconds_max: f64,
    /// The server dies at the named points of the commit protocol, each in turn, instead of at random moments. Needs a
    /// server built with the feature `testing`.
    #[arg(long)]
    pub fail_points: bool,
    /// A defect of this loop's own making, which must turn it red.
    #[arg(long, value_enum)]
    pub mutate: Option<Mutation>,
}

/// What the loop itself does wrong, to show that it would notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Mutation {
    /// The ledger forgets an acknowledged write, so that the object seems to come from nowhere.
    DropLedgerEntry,
    /// The ledger holds a write for acknowledged that was never sent, so that it seems to be lost.
    PhantomAcknowledgement,
    /// The data directory is replaced by a copy taken two kills before.
    OlderCopy,
}

/// Why the loop could not go on. Not the same as a violation, which is a result.
#[derive(Debug, thiserror::Error)]
pub enum KillError {
    /// A file or process of the loop's own.
    #[error("{0}: {1}")]
    Machine(String, #[source] std::io::Error),
    /// The server did not come up; the end of its log.
    #[error("the server does not start: {0}")]
    DoesNotStart(String),
    /// The server refused something that it has no reason to refuse.
    #[error("{0}: {1}")]
    Client(&'static str, #[source] ClientError),
    /// A fail point was never reached.
    #[error("fail points never reached: {0}")]
    NeverReached(String),
}

/// The time it is.
#[expect(clippy::disallowed_methods, reason = "the loop runs a real server in real time")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Runs the loop. Violations stand in the summary.
///
/// # Errors
/// [`KillError`].
pub fn run(settings: &Settings) -> Result<Summary, KillError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| KillError::Machine("starting a runtime".into(), error))?;
    runtime.block_on(async { Loop::new(settings)?.run().await })
}

struct Loop<'a> {
    settings: &'a Settings,
    seeded: Seeded,
    ledger: Rc<RefCell<Ledger>>,
    workers: Vec<Worker>,
    summary: Summary,
}

impl<'a> Loop<'a> {
    fn new(settings: &'a Settings) -> Result<Self, KillError> {
        server::make_directory(&settings.dir)?;
        let mut seeded = Seeded::new(settings.seed);
        let ledger = Rc::new(RefCell::new(Ledger::new(settings.seed)));
        let workers = (0..WORKERS).map(|number| Worker::new(number, seeded.split(), Rc::clone(&ledger))).collect();
        Ok(Self { settings, seeded, ledger, workers, summary: Summary::new(settings.seed) })
    }

    async fn run(mut self) -> Result<Summary, KillError> {
        let mut copy_taken = false;
        for kill in 0..=self.settings.kills {
            let is_last = kill == self.settings.kills;
            let armed = if is_last { None } else { self.arm(kill) };
            let Some(mut server) = self.start(armed).await? else {
                continue;
            };
            if self.work_and_verify(&mut server, armed.is_some(), is_last).await? {
                break;
            }
            self.summary.killed(armed.filter(|_| server.died_by_itself()));
            self.ledger.borrow_mut().server_died(now());
            self.mutate(kill, &mut copy_taken)?;
            if kill % 10 == 9 {
                eprintln!("{}", self.summary.progress(self.settings.kills));
            }
        }
        self.finish()
    }

    /// The fail point of a cycle with the pass at which it ends the process.
    fn arm(&mut self, kill: u32) -> Option<(&'static str, u64)> {
        let point = POINTS[kill as usize % POINTS.len()];
        // The first rounds take early passes, so that writing the catalogue's first rows is among them.
        let passes = if (kill as usize) < POINTS.len() { 4 } else { 60 };
        self.settings.fail_points.then(|| (point, 1 + self.seeded.below(passes)))
    }

    /// Starts the server; `None` where an armed one died on the way up. Now and then it is killed while it recovers.
    async fn start(&mut self, armed: Option<(&'static str, u64)>) -> Result<Option<Server>, KillError> {
        if armed.is_none() && self.seeded.percent(10) {
            let mut server = Server::spawn(self.settings, None)?;
            tokio::time::sleep(Duration::from_millis(self.seeded.below(300))).await;
            server.kill()?;
            self.summary.killed_at_start();
        }
        let started = now();
        let mut server = Server::spawn(self.settings, armed)?;
        if server.listen(PATIENCE).await {
            self.summary.started(started.elapsed());
            return Ok(Some(server));
        }
        let died_armed = armed.is_some() && server.died_by_itself();
        server.kill()?;
        if !died_armed {
            return Err(KillError::DoesNotStart(server.log_end()));
        }
        self.summary.killed(armed);
        Ok(None)
    }

    /// One life of a server. `Ok(true)` when the loop is over: a violation, or the last look was taken.
    async fn work_and_verify(&mut self, server: &mut Server, armed: bool, is_last: bool) -> Result<bool, KillError> {
        let verified = self.verify(server).await;
        let is_violated = !self.ledger.borrow().violations.is_empty();
        match verified {
            // An armed server may die while it is looked at.
            Err(_) if armed && server.waited(PATIENCE).await => return Ok(false),
            Err(error) => return Err(error),
            Ok(()) if is_violated || is_last => {
                server.kill()?;
                return Ok(true);
            }
            Ok(()) => {}
        }
        let life = Duration::from_secs_f64(self.settings.seconds_max * self.seeded.below(1_000) as f64 / 1_000.0);
        let life = if armed { PATIENCE } else { life };
        let client = self.client(server);
        for worker in &mut self.workers {
            worker.connect(&client)?;
        }
        let work = join_all(self.workers.iter_mut().map(Worker::work));
        let rest = match select(Box::pin(work), Box::pin(tokio::time::sleep(life))).await {
            Either::Left(_) => None,
            Either::Right(((), work)) => Some(work),
        };
        // An armed server has hung up on everybody: its end is near.
        if armed && rest.is_none() {
            server.waited(PATIENCE).await;
        }
        server.kill()?;
        if let Some(work) = rest {
            work.await;
        }
        Ok(false)
    }

    async fn verify(&mut self, server: &Server) -> Result<(), KillError> {
        let mut client = Client::new(&self.client(server)).map_err(|error| KillError::Client("endpoint", error))?;
        verify::buckets(&mut client).await?;
        let seen = verify::plain(&mut client, &self.ledger).await?;
        let shared = verify_shared::verify(&mut client, &self.ledger, &mut self.seeded).await?;
        self.summary.verified(seen, shared, &self.ledger.borrow());
        Ok(())
    }

    fn client(&self, server: &Server) -> s3_client::Settings {
        s3_client::Settings {
            endpoint: server.endpoint().to_owned(),
            region: "us-east-1".into(),
            credentials: Credentials { access_key: server::ACCESS_KEY.into(), secret_key: server::SECRET_KEY.into() },
            payload: Payload::Signed,
            deadline: PATIENCE,
        }
    }

    fn mutate(&mut self, kill: u32, copy_taken: &mut bool) -> Result<(), KillError> {
        let mut ledger = self.ledger.borrow_mut();
        match self.settings.mutate {
            Some(Mutation::DropLedgerEntry) => ledger.drop_entry(),
            Some(Mutation::PhantomAcknowledgement) => ledger.add_phantom(),
            Some(Mutation::OlderCopy) if !*copy_taken && kill >= 1 => {
                server::copy_directory(&server::data(&self.settings.dir), &self.copy())?;
                *copy_taken = true;
            }
            Some(Mutation::OlderCopy) if kill >= 3 => {
                server::replace_directory(&self.copy(), &server::data(&self.settings.dir))?;
            }
            Some(Mutation::OlderCopy) | None => {}
        }
        Ok(())
    }

    fn copy(&self) -> PathBuf {
        Path::new(&self.settings.dir).join("older-copy")
    }

    fn finish(mut self) -> Result<Summary, KillError> {
        let never = self.summary.never_reached();
        let ledger = self.ledger.borrow();
        self.summary.violations.clone_from(&ledger.violations);
        if self.settings.fail_points && self.summary.is_clean() && !never.is_empty() {
            return Err(KillError::NeverReached(never.join(", ")));
        }
        drop(ledger);
        Ok(self.summary)
    }
}
