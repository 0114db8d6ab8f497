//! A site in memory that can be slow, full, unreachable, and lose what was not finished. For the simulator.

use std::collections::BTreeMap;
use std::ops::{Bound, Range};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use kernel::{BlobId, Clock, Timestamp, WrappedKey};

use super::{BlobWriter, NewBlob, Site, StoredBlob};
use crate::SiteError;

/// Removed blobs that a power cut can bring back.
const REMOVED_MAX: usize = 1024;

/// Blobs in memory, with faults. Starts no thread, so that the same seed gives the same run.
pub struct MemorySite {
    core: Arc<Core>,
}

struct Core {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    blobs: BTreeMap<BlobId, Stored>,
    /// Blobs removed since the last power cut, oldest first.
    removed: Vec<(BlobId, Stored)>,
    /// Power cuts so far. A writer from before one is dead.
    power_cuts: u64,
    unreachable: bool,
    delay: Duration,
    capacity_bytes: Option<u64>,
}

struct Stored {
    bytes: Vec<u8>,
    key: WrappedKey,
    written: Timestamp,
    finished: bool,
}

impl MemorySite {
    /// An empty site without faults.
    pub fn new(clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self { core: Arc::new(Core { clock, state: Mutex::default() }) })
    }

    /// From now on cannot be reached, or can.
    pub fn refuse(&self, refusing: bool) {
        self.core.state().unreachable = refusing;
    }

    /// From now on takes this long for everything.
    pub fn slow(&self, delay: Duration) {
        self.core.state().delay = delay;
    }

    /// From now on has room for this many sealed bytes, or for any number.
    pub fn limit(&self, capacity_bytes: Option<u64>) {
        self.core.state().capacity_bytes = capacity_bytes;
    }

    /// Cuts the power: of blobs that were not finished the first half stays, removed ones are back.
    pub fn cut_power(&self) {
        let mut state = self.core.state();
        state.power_cuts += 1;
        for stored in state.blobs.values_mut().filter(|stored| !stored.finished) {
            stored.bytes.truncate(stored.bytes.len() / 2);
        }
        let removed = std::mem::take(&mut state.removed);
        state.blobs.extend(removed);
    }

    /// Flips one bit of a blob, counted from its start and around its end. Says whether there was one to flip.
    pub fn flip_bit(&self, blob: BlobId, bit: u64) -> bool {
        let mut state = self.core.state();
        let Some(stored) = state.blobs.get_mut(&blob).filter(|stored| !stored.bytes.is_empty()) else {
            return false;
        };
        let bit = bit % (stored.bytes.len() as u64 * 8);
        stored.bytes[(bit / 8) as usize] ^= 1 << (bit % 8);
        true
    }

    /// A blob's bytes as they lie there.
    pub fn sealed(&self, blob: BlobId) -> Option<Vec<u8>> {
        self.core.state().blobs.get(&blob).map(|stored| stored.bytes.clone())
    }

    /// Puts other bytes in a blob's place. Says whether it was there.
    pub fn replace(&self, blob: BlobId, bytes: Vec<u8>) -> bool {
        let mut state = self.core.state();
        state.blobs.get_mut(&blob).map(|stored| stored.bytes = bytes).is_some()
    }
}

impl Core {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits as long as the site is slow, then gives access if it can be reached.
    async fn reach(&self) -> Result<MutexGuard<'_, State>, SiteError> {
        let delay = self.state().delay;
        if !delay.is_zero() {
            self.clock.sleep(delay).await;
        }
        let state = self.state();
        if state.unreachable { Err(SiteError::Unreachable) } else { Ok(state) }
    }

    fn remove(state: &mut State, blob: BlobId) {
        if let Some(stored) = state.blobs.remove(&blob) {
            if state.removed.len() == REMOVED_MAX {
                state.removed.remove(0);
            }
            state.removed.push((blob, stored));
        }
    }
}

impl Site for MemorySite {
    fn create(&self, blob: NewBlob) -> BoxFuture<'_, Result<Box<dyn BlobWriter>, SiteError>> {
        Box::pin(async move {
            let written = self.core.clock.now();
            let mut state = self.core.reach().await?;
            if state.blobs.contains_key(&blob.id) {
                return Err(std::io::Error::from(std::io::ErrorKind::AlreadyExists).into());
            }
            state.blobs.insert(blob.id, Stored { bytes: Vec::new(), key: blob.key, written, finished: false });
            Ok(Box::new(MemoryWriter {
                core: Arc::clone(&self.core),
                blob: blob.id,
                sealed_bytes: blob.sealed_bytes,
                power_cuts: state.power_cuts,
            }) as Box<dyn BlobWriter>)
        })
    }

    fn read(&self, blob: BlobId, sealed_bytes: u64, range: Range<u64>) -> BoxFuture<'_, Result<Bytes, SiteError>> {
        Box::pin(async move {
            let state = self.core.reach().await?;
            let stored = state.blobs.get(&blob).ok_or(SiteError::Missing)?;
            let found = stored.bytes.len() as u64;
            let wrong_length = SiteError::Length { expected: sealed_bytes.max(range.end), found };
            if found != sealed_bytes {
                return Err(wrong_length);
            }
            stored.bytes.get(range.start as usize..range.end as usize).map(Bytes::copy_from_slice).ok_or(wrong_length)
        })
    }

    fn remove(&self, blob: BlobId) -> BoxFuture<'_, Result<(), SiteError>> {
        Box::pin(async move {
            Core::remove(&mut *self.core.reach().await?, blob);
            Ok(())
        })
    }

    fn abandon(&self, blobs: Vec<BlobId>) {
        let mut state = self.core.state();
        if !state.unreachable {
            blobs.into_iter().for_each(|blob| Core::remove(&mut state, blob));
        }
    }

    fn list(&self, after: Option<BlobId>, limit: usize) -> BoxFuture<'_, Result<Vec<StoredBlob>, SiteError>> {
        Box::pin(async move {
            let state = self.core.reach().await?;
            let from = after.map_or(Bound::Unbounded, Bound::Excluded);
            let blobs = state.blobs.range((from, Bound::Unbounded)).take(limit);
            let seen = |(id, stored): (&BlobId, &Stored)| StoredBlob {
                id: *id,
                sealed_bytes: stored.bytes.len() as u64,
                written: stored.written,
            };
            Ok(blobs.map(seen).collect())
        })
    }

    fn keys(&self, blobs: Vec<BlobId>) -> BoxFuture<'_, Result<Vec<Option<WrappedKey>>, SiteError>> {
        Box::pin(async move {
            let state = self.core.reach().await?;
            Ok(blobs.iter().map(|blob| state.blobs.get(blob).map(|stored| stored.key.clone())).collect())
        })
    }
}

struct MemoryWriter {
    core: Arc<Core>,
    blob: BlobId,
    sealed_bytes: u64,
    power_cuts: u64,
}

impl MemoryWriter {
    /// Changes the blob, if neither a power cut nor a fault hinders.
    async fn change(&self, change: impl FnOnce(&mut Stored) -> Result<(), SiteError>) -> Result<(), SiteError> {
        let mut state = self.core.reach().await?;
        if state.power_cuts != self.power_cuts {
            return Err(SiteError::Unreachable);
        }
        change(state.blobs.get_mut(&self.blob).ok_or(SiteError::Missing)?)?;
        let used: u64 = state.blobs.values().map(|stored| stored.bytes.len() as u64).sum();
        if state.capacity_bytes.is_some_and(|capacity| used > capacity) { Err(SiteError::Full) } else { Ok(()) }
    }
}

impl BlobWriter for MemoryWriter {
    fn write(&mut self, bytes: Bytes) -> BoxFuture<'_, Result<(), SiteError>> {
        Box::pin(self.change(move |stored| {
            stored.bytes.extend_from_slice(&bytes);
            Ok(())
        }))
    }

    fn finish(self: Box<Self>) -> BoxFuture<'static, Result<(), SiteError>> {
        Box::pin(async move {
            let expected = self.sealed_bytes;
            self.change(|stored| {
                let found = stored.bytes.len() as u64;
                stored.finished = found == expected;
                if stored.finished { Ok(()) } else { Err(SiteError::Length { expected, found }) }
            })
            .await
        })
    }
}

impl Drop for MemoryWriter {
    fn drop(&mut self) {
        let mut state = self.core.state();
        let mine = state.power_cuts == self.power_cuts && !state.unreachable;
        if mine && state.blobs.get(&self.blob).is_some_and(|stored| !stored.finished) {
            state.blobs.remove(&self.blob);
        }
    }
}
