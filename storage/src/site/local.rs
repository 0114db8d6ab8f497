//! A directory of this machine as a site: one file per blob, durable before it is spoken of.
//!
//! Files lie in `blobs/XX/ID`, `XX` being the first two digits of the id: one directory for all would let 64 writers wait
//! for each other's syncs (1.3 k files/s against 9.9 k/s over 256, measured). A file has its final name from the start;
//! ids are random and never used twice, and a file that nothing refers to is swept, so nothing needs renaming. Wrapped
//! keys go to one log beside them ([`key_log`]).
//!
//! Disks are waited for on blocking threads, in two pools: reads, and writes with syncs. A sync of a directory or of the
//! key log covers everybody who was waiting when it began ([`shared_sync`]). When a sync fails, nobody knows what is on
//! the disk, so the site takes no more writes until it is opened again; reads go on.

#![expect(clippy::disallowed_methods, reason = "the local site owns the files of blobs")]

mod draft;
mod key_log;
mod shared_sync;

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use bytes::Bytes;
use futures::future::BoxFuture;
use kernel::meter::{Counter, Gauge};
use kernel::{BlobId, Timestamp, WrappedKey};

use self::draft::{Draft, LocalWriter};
use self::key_log::KeyLog;
use self::shared_sync::SharedSync;
use super::listing::Listing;
use super::{BlobWriter, NewBlob, Site, StoredBlob};
use crate::SiteError;
use crate::blocking::{Pool, detach};
use crate::key_record::KeyRecord;

/// How a local site is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalSettings {
    /// The directory, which exists and belongs to this process alone. The site makes `blobs` in it.
    pub directory: PathBuf,
    /// Reads that wait for the disk at once.
    pub reads_at_once: usize,
    /// Writes and syncs that wait for the disk at once.
    pub writes_at_once: usize,
}

impl LocalSettings {
    /// The usual settings for a directory: 64 threads for reads, 64 for writes and syncs.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into(), reads_at_once: 64, writes_at_once: 64 }
    }
}

/// What a local site counts.
#[derive(Debug, Default)]
pub struct LocalMeters {
    /// Syncs of blobs' files.
    pub file_syncs: Counter,
    /// Syncs of directories.
    pub directory_syncs: Counter,
    /// Syncs of the key log.
    pub key_log_syncs: Counter,
    /// Reads running or waiting for a thread.
    pub reads: Arc<Gauge>,
    /// Writes and syncs running or waiting for a thread.
    pub writes: Arc<Gauge>,
}

/// Blobs in a directory of this machine.
pub struct LocalSite {
    core: Arc<Core>,
}

/// What the site and its writers share.
struct Core {
    blobs: PathBuf,
    reads: Pool,
    writes: Pool,
    directory_syncs: Vec<Arc<SharedSync>>,
    keys: Arc<KeyLog>,
    key_log_sync: Arc<SharedSync>,
    health: Arc<Health>,
    listing: Listing,
}

/// Whether the site may still be written to, and what it counts.
#[derive(Default)]
struct Health {
    sync_failed: AtomicBool,
    meters: LocalMeters,
    #[cfg(test)]
    fault: std::sync::Mutex<Option<(Step, io::ErrorKind)>>,
}

/// A step of writing a blob that may fail. Each ends at a fail point of the commit protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Create,
    Write,
    Sync,
    DirectorySync,
}

impl LocalSite {
    /// Opens the site, after making its directories where they are missing. Blocks; for the start of a process.
    ///
    /// # Errors
    /// When the directory cannot be used.
    pub fn open(settings: LocalSettings) -> Result<Arc<Self>, SiteError> {
        let blobs = settings.directory.join("blobs");
        make_directory(&blobs)?;
        for prefix in 0..=u8::MAX {
            make_directory(&blobs.join(format!("{prefix:02x}")))?;
        }
        let keys = Arc::new(KeyLog::open(&blobs.join("keys.log"))?);
        sync_directory(&blobs)?;
        sync_directory(&settings.directory)?;
        let (reads, writes) = (Pool::new(settings.reads_at_once), Pool::new(settings.writes_at_once));
        let meters = LocalMeters { reads: reads.depth(), writes: writes.depth(), ..LocalMeters::default() };
        let health = Arc::new(Health { meters, ..Health::default() });
        let core = Core {
            directory_syncs: (0..=u8::MAX).map(|prefix| directory_sync(&blobs, prefix, &health)).collect(),
            key_log_sync: key_log_sync(&keys, &health),
            blobs,
            reads,
            writes,
            keys,
            health,
            listing: Listing::default(),
        };
        Ok(Arc::new(Self { core: Arc::new(core) }))
    }

    /// What it counts.
    pub fn meters(&self) -> &LocalMeters {
        &self.core.health.meters
    }
}

impl Site for LocalSite {
    fn create(&self, blob: NewBlob) -> BoxFuture<'_, Result<Box<dyn BlobWriter>, SiteError>> {
        Box::pin(async move {
            let core = Arc::clone(&self.core);
            let sealed_bytes = blob.sealed_bytes;
            let draft = self.core.writes.run(move || Draft::create(core, blob)).await??;
            Ok(Box::new(LocalWriter::new(draft, sealed_bytes)) as Box<dyn BlobWriter>)
        })
    }

    fn read(&self, blob: BlobId, sealed_bytes: u64, range: Range<u64>) -> BoxFuture<'_, Result<Bytes, SiteError>> {
        Box::pin(async move {
            let path = self.core.path(blob);
            self.core.reads.run(move || read_range(&path, sealed_bytes, range)).await?
        })
    }

    fn remove(&self, blob: BlobId) -> BoxFuture<'_, Result<(), SiteError>> {
        Box::pin(async move {
            let core = Arc::clone(&self.core);
            self.core.writes.run(move || core.unlink(blob)).await?
        })
    }

    fn abandon(&self, blobs: Vec<BlobId>) {
        let core = Arc::clone(&self.core);
        detach(move || blobs.into_iter().for_each(|blob| core.discard(blob)));
    }

    fn list(&self, after: Option<BlobId>, limit: usize) -> BoxFuture<'_, Result<Vec<StoredBlob>, SiteError>> {
        Box::pin(self.core.listing.page(after, limit, move |prefix| async move {
            let directory = self.core.directory(prefix);
            self.core.reads.run(move || list_directory(&directory)).await?
        }))
    }

    fn keys(&self, blobs: Vec<BlobId>) -> BoxFuture<'_, Result<Vec<Option<WrappedKey>>, SiteError>> {
        Box::pin(async move {
            let core = Arc::clone(&self.core);
            self.core.reads.run(move || core.keys.find(&blobs)).await?
        })
    }
}

impl Core {
    fn directory(&self, prefix: u8) -> PathBuf {
        self.blobs.join(format!("{prefix:02x}"))
    }

    fn path(&self, blob: BlobId) -> PathBuf {
        self.directory(blob.as_bytes()[0]).join(blob.to_string())
    }

    fn unlink(&self, blob: BlobId) -> Result<(), SiteError> {
        match fs::remove_file(self.path(blob)) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        // Not worth failing for, nor a sync: a key whose blob is gone costs a hundred bytes until the log is compacted.
        if let Err(error) = self.keys.append(&KeyRecord::Gone(blob)) {
            tracing::debug!(%blob, %error, "the key of a removed blob stays in the key log");
        }
        Ok(())
    }

    /// Removes what a given-up body left; what fails is left to the sweep.
    fn discard(&self, blob: BlobId) {
        if let Err(error) = self.unlink(blob) {
            tracing::warn!(%blob, %error, "a blob that was given up stays until the sweep takes it");
        }
    }

    /// Asks for a sync of the blob's directory.
    fn sync_directory_of(&self, blob: BlobId) -> impl Future<Output = Result<(), SiteError>> + Send + use<> {
        self.directory_syncs[usize::from(blob.as_bytes()[0])].cover(&self.writes)
    }
}

fn directory_sync(blobs: &Path, prefix: u8, health: &Arc<Health>) -> Arc<SharedSync> {
    let (directory, health) = (blobs.join(format!("{prefix:02x}")), Arc::clone(health));
    SharedSync::new(move || {
        health.meters.directory_syncs.add(1);
        health.sync(&directory, || health.before(Step::DirectorySync).and_then(|()| sync_directory(&directory)))
    })
}

fn key_log_sync(keys: &Arc<KeyLog>, health: &Arc<Health>) -> Arc<SharedSync> {
    let (keys, health) = (Arc::clone(keys), Arc::clone(health));
    SharedSync::new(move || {
        health.meters.key_log_syncs.add(1);
        health.sync(keys.path(), || keys.sync())
    })
}

impl Health {
    fn check(&self) -> Result<(), SiteError> {
        if self.sync_failed.load(SeqCst) { Err(SiteError::SyncFailed) } else { Ok(()) }
    }

    /// Syncs, unless a sync failed before: what a failed sync left unsaid, the next one may leave unsaid, too.
    fn sync(&self, what: &Path, sync: impl FnOnce() -> io::Result<()>) -> Result<(), SiteError> {
        self.check()?;
        sync().map_err(|error| {
            self.sync_failed.store(true, SeqCst);
            tracing::error!(path = %what.display(), %error, "a sync failed: the site takes no more writes");
            SiteError::SyncFailed
        })
    }

    /// Fails where a test wants this step to fail.
    #[cfg(test)]
    fn before(&self, step: Step) -> io::Result<()> {
        match *self.fault.lock().expect("no test panics with it") {
            Some((at, kind)) if at == step => Err(kind.into()),
            _ => Ok(()),
        }
    }

    /// Where a test may let a step fail.
    #[cfg(not(test))]
    fn before(&self, _step: Step) -> io::Result<()> {
        Ok(())
    }
}

fn make_directory(path: &Path) -> io::Result<()> {
    match fs::DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        outcome => outcome,
    }
}

fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

fn read_range(path: &Path, sealed_bytes: u64, range: Range<u64>) -> Result<Bytes, SiteError> {
    let mut file = File::open(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => SiteError::Missing,
        _ => error.into(),
    })?;
    let found = file.metadata()?.len();
    let wanted = range.end.saturating_sub(range.start);
    if found != sealed_bytes || range.end > found {
        return Err(SiteError::Length { expected: sealed_bytes.max(range.end), found });
    }
    file.seek(SeekFrom::Start(range.start))?;
    let mut bytes = Vec::with_capacity(usize::try_from(wanted).map_err(io::Error::other)?);
    file.take(wanted).read_to_end(&mut bytes)?;
    if bytes.len() as u64 != wanted {
        return Err(SiteError::Length { expected: sealed_bytes, found: range.start + bytes.len() as u64 });
    }
    Ok(bytes.into())
}

fn list_directory(path: &Path) -> Result<Vec<StoredBlob>, SiteError> {
    let mut blobs = Vec::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let Some(id) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
            tracing::warn!(file = %entry.path().display(), "a file among the blobs is none");
            continue;
        };
        let facts = match entry.metadata() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            facts => facts?,
        };
        let millis = match facts.modified()?.duration_since(std::time::UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
            Err(before) => i64::try_from(before.duration().as_millis()).map_or(i64::MIN, |millis| -millis),
        };
        blobs.push(StoredBlob { id, sealed_bytes: facts.len(), written: Timestamp::from_millis(millis) });
    }
    Ok(blobs)
}

#[cfg(test)]
mod tests;
