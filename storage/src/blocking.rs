//! Threads that may wait for a disk.
//!
//! The runtime's blocking threads are shared by everybody; a [`Pool`] bounds how many of them one kind of work takes, so
//! that a burst of syncs cannot keep reads waiting, nor the other way round.
//!
//! A job that was started runs to its end whether or not anybody polls for its outcome. So a client that is slow, and
//! whose request is therefore not polled, never holds a place that others wait for. Jobs that wait are as many as bodies
//! are under way, a few for each; whoever admits requests bounds them.

use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use kernel::meter::Gauge;
use tokio::sync::oneshot;

/// A share of the blocking threads.
#[derive(Clone)]
pub(crate) struct Pool {
    core: Arc<Core>,
}

struct Core {
    threads_max: usize,
    queue: Mutex<Queue>,
    /// Jobs running or waiting for a thread.
    depth: Arc<Gauge>,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Box<dyn FnOnce() + Send>>,
    /// Threads at work, or on their way.
    threads: usize,
}

/// What becomes of a job.
pub(crate) type Outcome<T> = oneshot::Receiver<thread::Result<T>>;

impl Pool {
    /// A pool of at most `threads_max` jobs at once, at least one.
    pub(crate) fn new(threads_max: usize) -> Self {
        let core = Core { threads_max: threads_max.max(1), queue: Mutex::default(), depth: Arc::default() };
        Self { core: Arc::new(core) }
    }

    /// Jobs running or waiting for a thread.
    pub(crate) fn depth(&self) -> Arc<Gauge> {
        Arc::clone(&self.core.depth)
    }

    /// Starts a job as soon as a thread of the pool is free.
    pub(crate) fn start<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> Outcome<T> {
        let (done, outcome) = oneshot::channel();
        let depth = self.depth();
        depth.add(1);
        let job = Box::new(move || {
            let result = catch_unwind(AssertUnwindSafe(job));
            depth.add(-1);
            drop(done.send(result));
        });
        let mut queue = self.core.queue();
        queue.jobs.push_back(job);
        if queue.threads < self.core.threads_max {
            queue.threads += 1;
            let worker = Worker { core: Arc::clone(&self.core), retired: false };
            drop(queue);
            #[expect(clippy::disallowed_methods, reason = "this is the pool through which storage waits for disks")]
            drop(tokio::task::spawn_blocking(move || worker.work()));
        }
        outcome
    }

    /// Runs a job and waits for it.
    ///
    /// # Errors
    /// When the runtime is shutting down.
    pub(crate) async fn run<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
        outcome(self.start(job)).await
    }
}

impl Core {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A thread of a pool, until no job waits. Counted even if the runtime drops it before it begins.
struct Worker {
    core: Arc<Core>,
    retired: bool,
}

impl Worker {
    fn work(mut self) {
        while let Some(job) = self.next() {
            job();
        }
    }

    fn next(&mut self) -> Option<Box<dyn FnOnce() + Send>> {
        let mut queue = self.core.queue();
        let job = queue.jobs.pop_front();
        if job.is_none() {
            // Under the same lock: a job that comes from now on finds the place free.
            queue.threads -= 1;
            self.retired = true;
        }
        job
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if !self.retired {
            self.core.queue().threads -= 1;
        }
    }
}

/// Waits for a job. A panic in it goes on in the caller.
///
/// # Errors
/// When the runtime is shutting down.
pub(crate) async fn outcome<T>(
    outcome: impl Future<Output = Result<thread::Result<T>, oneshot::error::RecvError>>,
) -> io::Result<T> {
    match outcome.await {
        Ok(result) => Ok(result.unwrap_or_else(|panic| resume_unwind(panic))),
        Err(_) => Err(io::Error::other("the runtime is shutting down")),
    }
}

/// Runs a job that nobody waits for: on a blocking thread where there is a runtime, here and now where there is none.
pub(crate) fn detach(job: impl FnOnce() + Send + 'static) {
    match tokio::runtime::Handle::try_current() {
        Ok(runtime) => drop(runtime.spawn_blocking(job)),
        Err(_) => job(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test]
    async fn a_pool_runs_no_more_than_its_share() {
        let pool = Pool::new(2);
        let running = Arc::new(Gauge::default());
        let jobs: Vec<_> = (0..8)
            .map(|_| {
                let running = Arc::clone(&running);
                pool.start(move || {
                    running.add(1);
                    (0..1000).for_each(|_| thread::yield_now());
                    let seen = running.get();
                    running.add(-1);
                    seen
                })
            })
            .collect();
        for job in jobs {
            assert!((1..=2).contains(&outcome(job).await.expect("the runtime is up")));
        }
        assert_eq!(pool.core.depth.get(), 0);
    }

    #[tokio::test]
    async fn a_job_that_nobody_polls_keeps_nobody_waiting() {
        let pool = Pool::new(1);
        let unpolled: Vec<_> = (0..4).map(|number| pool.start(move || number)).collect();
        let polled = tokio::time::timeout(Duration::from_secs(5), pool.run(|| "done")).await;
        assert_eq!(polled.expect("nobody holds the thread").expect("the runtime is up"), "done");
        drop(unpolled);
    }

    #[tokio::test]
    async fn a_panic_reaches_the_caller_and_the_pool_goes_on() {
        let pool = Pool::new(1);
        let job = pool.start(|| panic!("on purpose"));
        let caught = futures::FutureExt::catch_unwind(AssertUnwindSafe(outcome::<()>(job))).await;
        assert!(caught.is_err());
        assert_eq!(pool.run(|| 1).await.expect("the runtime is up"), 1);
    }
}
