//! The map on disk: RocksDB behind one commit thread, with a watermark beside its log.
//!
//! A directory holds `rows/`, which is RocksDB's, the file `watermark`, and the file `lock`, which whoever has the map
//! open keeps locked. Changes queue up for the commit thread (`rocks/commit.rs`), which writes and syncs them in
//! groups. Reads ask memory on the caller's own task and go to a blocking thread only when memory does not know.
//!
//! Opening replays the log twice: once read-only, to compare how far it reaches with the watermark, because RocksDB
//! takes a damaged log for a cut one and would throw away the rest of it; and then for good.

mod commit;
mod families;
mod opening;
mod overlay;
mod reading;
mod watermark;

use std::fs::File;
use std::io;
use std::panic::resume_unwind;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock, RwLockReadGuard, TryLockError as TryReadError};
use std::thread::{self, JoinHandle};

use bytes::Bytes;
use futures::future::BoxFuture;
use kernel::{Clock, Sequence};
use rocksdb::{Cache, DB, FlushOptions};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::{JoinError, spawn_blocking};

pub use self::commit::CommitMeters;
use self::commit::{Committer, GroupBounds, Submission};
use self::opening::{Place, unreadable};
use self::reading::Reach;
use self::watermark::Raiser;
use crate::key_value::{Batch, Family, KeyValue, KeyValueError, Visit};

/// How a map on disk is opened.
#[derive(Debug, Clone)]
pub struct RocksSettings {
    /// The directory, made if it is not there.
    pub directory: PathBuf,
    /// Memory for blocks read from disk, filters and bodies included.
    pub block_cache_bytes: usize,
    /// A group of batches is written once it holds this many bytes; 1 MiB is good.
    pub group_bytes_max: usize,
    /// The most batches in a group, and in the queue.
    pub group_batches_max: usize,
}

/// How many full groups' bytes may wait in the queue.
const QUEUE_GROUPS: usize = 8;

/// RocksDB, and the lock that keeps everybody else out: released in this order.
struct Open {
    db: DB,
    _lock: File,
}

/// What readers and both threads share.
struct Core {
    /// `None` once closed.
    open: RwLock<Option<Open>>,
    durable: AtomicU64,
    failure: OnceLock<Arc<str>>,
    /// Rows and ranges deleted since the tables in memory were last written out.
    deletions: AtomicU64,
    meters: CommitMeters,
    clock: Arc<dyn Clock>,
}

impl Core {
    fn open(&self) -> RwLockReadGuard<'_, Option<Open>> {
        self.open.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Refuses every change from now on.
    fn fail(&self, why: &str) {
        tracing::error!("the catalogue refuses changes until it is opened again: {why}");
        // The first failure is the one that tells.
        let _ = self.failure.set(why.into());
    }

    fn failure(&self) -> Option<KeyValueError> {
        self.failure.get().map(|why| KeyValueError::Failed(Arc::clone(why)))
    }

    fn set_durable(&self, sequence: Sequence) {
        self.durable.store(sequence.to_bits(), Ordering::Release);
    }

    /// Reads from memory alone, and never waits: the lock is held against readers only while the map closes.
    fn get_from_memory(&self, keys: &[(Family, Vec<u8>)]) -> Result<Option<Vec<Option<Bytes>>>, KeyValueError> {
        let open = match self.open.try_read() {
            Ok(open) => open,
            Err(TryReadError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryReadError::WouldBlock) => return Err(KeyValueError::Closed),
        };
        reading::get(&open.as_ref().ok_or(KeyValueError::Closed)?.db, keys, Reach::Memory)
    }

    fn get_from_disk(&self, keys: &[(Family, Vec<u8>)]) -> Result<Vec<Option<Bytes>>, KeyValueError> {
        let open = self.open();
        let values = reading::get(&open.as_ref().ok_or(KeyValueError::Closed)?.db, keys, Reach::Disk)?;
        values
            .ok_or_else(|| KeyValueError::Unreadable(Arc::new(io::Error::other("a read from disk stopped at memory"))))
    }

    fn scan(&self, family: Family, from: &[u8], until: Vec<u8>, visit: Visit) -> Result<(), KeyValueError> {
        let open = self.open();
        reading::scan(&open.as_ref().ok_or(KeyValueError::Closed)?.db, family, from, until, visit)
    }

    /// Writes out what is in memory, if anything was deleted there.
    fn reclaim(&self) -> Result<bool, KeyValueError> {
        let open = self.open();
        let open = open.as_ref().ok_or(KeyValueError::Closed)?;
        if self.failure.get().is_some() || self.deletions.swap(0, Ordering::Relaxed) == 0 {
            return Ok(false);
        }
        flush(&open.db)?;
        Ok(true)
    }

    /// Waits for readers, writes out what is in memory, and lets go of the files.
    fn release(&self) {
        let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = open.take()
            && self.failure.get().is_none()
            && let Err(error) = flush(&open.db)
        {
            // Nothing is lost: it stands in the log.
            tracing::warn!("the catalogue's tables could not be written out at close: {error}");
        }
    }
}

fn flush(db: &DB) -> Result<(), KeyValueError> {
    let columns = Family::ALL.iter().map(|family| reading::column(db, *family)).collect::<Result<Vec<_>, _>>()?;
    let columns: Vec<_> = columns.iter().collect();
    db.flush_cfs_opt(&columns, &FlushOptions::default()).map_err(reading::trouble)
}

/// An ordered map of bytes on disk.
pub struct RocksMap {
    core: Arc<Core>,
    /// `None` once closing.
    queue: Mutex<Option<mpsc::Sender<Submission>>>,
    /// Bytes that may wait in the queue.
    room: Arc<Semaphore>,
    room_bytes: usize,
    committing: Mutex<Option<JoinHandle<()>>>,
}

impl RocksMap {
    /// Opens a map, making it if the directory is empty or missing. Blocks while the log is replayed.
    ///
    /// # Errors
    /// [`KeyValueError::InUse`] when somebody has it open, [`KeyValueError::Damaged`] when what lies there is less than
    /// was acknowledged, and then nothing was changed; [`KeyValueError::Unreadable`] when the file system refuses.
    pub fn open(settings: RocksSettings, clock: Arc<dyn Clock>) -> Result<Arc<Self>, KeyValueError> {
        let place = Place::new(&settings.directory);
        let lock = place.lock()?;
        let cache = Cache::new_lru_cache(settings.block_cache_bytes);
        let (db, last, mark) = place.open(&cache)?;
        let core = Arc::new(Core {
            open: RwLock::new(Some(Open { db, _lock: lock })),
            durable: AtomicU64::new(last.to_bits()),
            failure: OnceLock::new(),
            deletions: AtomicU64::new(0),
            meters: CommitMeters::new(),
            clock,
        });
        let bounds =
            GroupBounds { bytes_max: settings.group_bytes_max, batches_max: settings.group_batches_max.max(1) };
        let (sender, queue) = mpsc::channel(bounds.batches_max);
        let raised = Arc::clone(&core);
        let raiser = Raiser::start(mark, move |outcome| match outcome {
            Ok(()) => raised.meters.watermark_syncs.add(1),
            Err(error) => raised.fail(&format!("the watermark could not be synced: {error}")),
        })
        .map_err(unreadable)?;
        let committer = Committer { core: Arc::clone(&core), queue, bounds, raiser, last };
        let committing = start(committer).map_err(unreadable)?;
        let room_bytes =
            (QUEUE_GROUPS * settings.group_bytes_max).clamp(1, Semaphore::MAX_PERMITS.min(u32::MAX as usize));
        Ok(Arc::new(Self {
            core,
            queue: Mutex::new(Some(sender)),
            room: Arc::new(Semaphore::new(room_bytes)),
            room_bytes,
            committing: Mutex::new(Some(committing)),
        }))
    }

    /// What happens on the way of a commit.
    pub fn meters(&self) -> &CommitMeters {
        &self.core.meters
    }

    /// Why no change is taken any more, if so.
    pub fn failure(&self) -> Option<KeyValueError> {
        self.core.failure()
    }

    /// Lets deletions take effect on disk: they are written out, and compaction, which runs by itself, then frees the
    /// space and the time that deleted rows still cost. Says whether there were any. For a background step every
    /// minute or so: a table in memory that nobody writes to any more is not written out by itself.
    ///
    /// # Errors
    /// As reads; the map goes on.
    #[expect(clippy::disallowed_methods, reason = "waits for the disk")]
    pub async fn reclaim(&self) -> Result<bool, KeyValueError> {
        let core = Arc::clone(&self.core);
        spawn_blocking(move || core.reclaim()).await.unwrap_or_else(ended_early)
    }

    /// Takes no more changes, commits those that are under way, writes out what is in memory and lets go of the files.
    /// The watermark stands at the last change afterwards. Reads and changes are answered [`KeyValueError::Closed`].
    #[expect(clippy::disallowed_methods, reason = "waits for threads and for the disk")]
    pub async fn close(&self) {
        let committing = self.stop();
        let core = Arc::clone(&self.core);
        let closing = spawn_blocking(move || {
            join(committing);
            core.release();
        });
        if let Err(error) = closing.await {
            tracing::error!("the catalogue could not be closed: {error}");
        }
    }

    /// Lets nobody else into the queue. Gives the thread that still empties it.
    fn stop(&self) -> Option<JoinHandle<()>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.committing.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn queue(&self) -> Result<mpsc::Sender<Submission>, KeyValueError> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).clone().ok_or(KeyValueError::Closed)
    }

    async fn submit(&self, batch: Batch) -> Result<Sequence, KeyValueError> {
        let asked = self.core.clock.monotonic();
        if let Some(failure) = self.core.failure() {
            return Err(failure);
        }
        let queue = self.queue()?;
        let bytes = batch.bytes();
        let share = bytes.min(self.room_bytes) as u32;
        let room = Arc::clone(&self.room).acquire_many_owned(share).await.map_err(|_| KeyValueError::Closed)?;
        let (answer, outcome) = oneshot::channel();
        queue.send(Submission { batch, bytes, room, asked, answer }).await.map_err(|_| KeyValueError::Closed)?;
        self.core.meters.queue_depth.add(1);
        drop(queue);
        outcome.await.unwrap_or_else(|_| Err(KeyValueError::Failed("the commit thread ended".into())))
    }
}

#[expect(clippy::disallowed_methods, reason = "syncing blocks, and must not wait for a place in a shared pool")]
fn start(committer: Committer) -> io::Result<JoinHandle<()>> {
    thread::Builder::new().name("commit".into()).spawn(move || committer.run())
}

fn join(thread: Option<JoinHandle<()>>) {
    if thread.is_some_and(|thread| thread.join().is_err()) {
        tracing::error!("the commit thread panicked");
    }
}

/// A read on a blocking thread panicked, which goes on in the caller, or the runtime is shutting down.
fn ended_early<T>(error: JoinError) -> Result<T, KeyValueError> {
    match error.try_into_panic() {
        Ok(panic) => resume_unwind(panic),
        Err(_) => Err(KeyValueError::Closed),
    }
}

impl Drop for RocksMap {
    fn drop(&mut self) {
        join(self.stop());
    }
}

impl KeyValue for RocksMap {
    #[expect(clippy::disallowed_methods, reason = "a read from disk blocks")]
    fn get(&self, keys: Vec<(Family, Vec<u8>)>) -> BoxFuture<'_, Result<Vec<Option<Bytes>>, KeyValueError>> {
        Box::pin(async move {
            if let Some(values) = self.core.get_from_memory(&keys)? {
                return Ok(values);
            }
            let core = Arc::clone(&self.core);
            spawn_blocking(move || core.get_from_disk(&keys)).await.unwrap_or_else(ended_early)
        })
    }

    #[expect(clippy::disallowed_methods, reason = "a scan blocks")]
    fn scan(
        &self,
        family: Family,
        from: Vec<u8>,
        until: Vec<u8>,
        visit: Visit,
    ) -> BoxFuture<'_, Result<(), KeyValueError>> {
        let core = Arc::clone(&self.core);
        Box::pin(async move {
            let scanning = spawn_blocking(move || core.scan(family, &from, until, visit));
            scanning.await.unwrap_or_else(ended_early)
        })
    }

    fn apply(&self, batch: Batch) -> BoxFuture<'_, Result<Sequence, KeyValueError>> {
        batch.assert_holes_fit();
        Box::pin(self.submit(batch))
    }

    fn durable(&self) -> Sequence {
        Sequence::from_bits(self.core.durable.load(Ordering::Acquire))
    }
}
