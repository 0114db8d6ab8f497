//! One sync for everybody who waits for it.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::SiteError;
use crate::blocking::Pool;

/// Shares the syncs of one file or directory: each covers everybody who asked before it began. While one runs, those who
/// ask gather for the next.
pub(super) struct SharedSync {
    state: Mutex<State>,
    /// Syncs once; blocks.
    sync: Box<dyn Fn() -> Result<(), SiteError> + Send + Sync>,
}

#[derive(Default)]
struct State {
    waiting: Vec<oneshot::Sender<bool>>,
    running: bool,
}

impl SharedSync {
    pub(super) fn new(sync: impl Fn() -> Result<(), SiteError> + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self { state: Mutex::default(), sync: Box::new(sync) })
    }

    /// Asks for a sync that begins after now. It happens whether or not the outcome is polled for.
    ///
    /// # Errors
    /// [`SiteError::SyncFailed`] when it failed.
    pub(super) fn cover(self: &Arc<Self>, pool: &Pool) -> impl Future<Output = Result<(), SiteError>> + Send + use<> {
        let (sender, receiver) = oneshot::channel();
        let mut state = self.state();
        state.waiting.push(sender);
        if !state.running {
            state.running = true;
            drop(state);
            let this = Arc::clone(self);
            drop(pool.start(move || this.work()));
        }
        async move {
            match receiver.await {
                Ok(true) => Ok(()),
                Ok(false) => Err(SiteError::SyncFailed),
                Err(_) => Err(io::Error::other("the runtime is shutting down").into()),
            }
        }
    }

    /// Syncs until nobody waits.
    fn work(&self) {
        loop {
            let covered = {
                let mut state = self.state();
                state.running = !state.waiting.is_empty();
                std::mem::take(&mut state.waiting)
            };
            if covered.is_empty() {
                return;
            }
            let synced = (self.sync)().is_ok();
            for waiting in covered {
                // Whoever does not wait any more does not need to know.
                let _ = waiting.send(synced);
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
    use std::sync::mpsc::{Receiver, sync_channel};
    use std::time::Duration;

    use super::*;

    /// A sync that says when it has begun, takes what was written by then, and goes on when it is told.
    struct Disk {
        shared: Arc<SharedSync>,
        written: Arc<AtomicU64>,
        durable: Arc<AtomicU64>,
        syncs: Arc<AtomicU64>,
        begun: Receiver<()>,
        go_on: std::sync::mpsc::SyncSender<bool>,
    }

    fn disk() -> Disk {
        let (begin, begun) = sync_channel(100);
        let (go_on, going) = sync_channel::<bool>(100);
        let going = Mutex::new(going);
        let [written, durable, syncs]: [Arc<AtomicU64>; 3] = Default::default();
        let (from, to, count) = (Arc::clone(&written), Arc::clone(&durable), Arc::clone(&syncs));
        let shared = SharedSync::new(move || {
            let seen = from.load(SeqCst);
            begin.send(()).expect("the test listens");
            count.fetch_add(1, SeqCst);
            if !going.lock().expect("no panic").recv().expect("the test speaks") {
                return Err(SiteError::SyncFailed);
            }
            to.fetch_max(seen, SeqCst);
            Ok(())
        });
        Disk { shared, written, durable, syncs, begun, go_on }
    }

    #[tokio::test]
    async fn those_who_ask_while_one_runs_share_the_next_and_only_that_covers_them() {
        let (disk, pool) = (disk(), Pool::new(4));
        disk.written.store(1, SeqCst);
        let first = disk.shared.cover(&pool);
        disk.begun.recv_timeout(Duration::from_secs(5)).expect("it begins though nobody polls");
        disk.written.store(2, SeqCst);
        let later: Vec<_> = (0..50).map(|_| disk.shared.cover(&pool)).collect();
        disk.go_on.send(true).expect("it waits");
        first.await.expect("it succeeds");
        disk.go_on.send(true).expect("the next waits");
        for covered in later {
            covered.await.expect("it succeeds");
            assert_eq!(disk.durable.load(SeqCst), 2);
        }
        assert_eq!(disk.syncs.load(SeqCst), 2);
    }

    #[tokio::test]
    async fn a_failed_sync_covers_nobody_and_the_next_is_asked_again() {
        let (disk, pool) = (disk(), Pool::new(1));
        for outcome in [false, true, false] {
            disk.go_on.send(outcome).expect("there is room");
            let covered = disk.shared.cover(&pool).await;
            assert_eq!(covered.is_ok(), outcome);
        }
    }
}
