//! Workers on threads. A crew keeps its connections from phase to phase, so that a warm-up warms what is measured.

use std::time::Duration;

use futures::future::join_all;
use tokio::runtime::{Builder, Runtime};

use super::measure::{Tally, now};
use super::worker::{Plan, Worker};
use super::{LoadError, Settings};

/// A runtime that lives on the thread that enters it.
pub(super) fn runtime() -> Result<Runtime, LoadError> {
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| LoadError::Machine("starting a runtime".into(), error))
}

/// All workers of a case.
pub(super) struct Crew {
    threads: Vec<(Runtime, Vec<Worker>)>,
}

impl Crew {
    /// `clients` workers, spread over the threads.
    pub(super) fn gather(settings: &Settings, plan: &Plan, clients: usize) -> Result<Self, LoadError> {
        let count = usize::from(settings.threads).min(clients).max(1);
        let mut threads = Vec::with_capacity(count);
        for _ in 0..count {
            threads.push((runtime()?, Vec::new()));
        }
        for number in 0..clients {
            let worker = Worker::new(settings, plan, number, clients)?;
            threads[number % count].1.push(worker);
        }
        Ok(Self { threads })
    }

    /// Works for this long, or until every worker's plan is done, and says what it saw and how long it took.
    pub(super) fn work(&mut self, duration: Duration) -> (Tally, Duration) {
        let started = now();
        let until = started.checked_add(duration);
        let tallies: Vec<Tally> = std::thread::scope(|scope| {
            let threads: Vec<_> = self
                .threads
                .iter_mut()
                .map(|(runtime, workers)| {
                    scope.spawn(|| runtime.block_on(join_all(workers.iter_mut().map(|worker| worker.work(until)))))
                })
                .collect();
            let join = |thread: std::thread::ScopedJoinHandle<'_, Vec<Tally>>| match thread.join() {
                Ok(tallies) => tallies,
                Err(panic) => std::panic::resume_unwind(panic),
            };
            threads.into_iter().flat_map(join).collect()
        });
        let elapsed = started.elapsed();
        let mut sum = Tally::default();
        tallies.into_iter().for_each(|tally| sum.absorb(tally));
        sum.sort();
        (sum, elapsed)
    }
}
