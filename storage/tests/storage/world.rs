//! What the tests stand on: chance from a seed, time that stands still, and stores over sites in memory.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures::TryStreamExt;
use kernel::{BlobId, BucketId, ByteRange, Clock, Entropy, Extent, ObjectKey, Placement, SiteName, Timestamp};
use storage::{BlobStore, Hint, MemorySite, MemoryVault, Result, Site};

/// SplitMix64 from a seed.
struct Seeded(Mutex<u64>);

pub(crate) fn seeded(seed: u64) -> Arc<dyn Entropy> {
    Arc::new(Seeded(Mutex::new(seed)))
}

impl Entropy for Seeded {
    fn fill(&self, into: &mut [u8]) {
        let mut state = self.0.lock().expect("no test panics with it");
        for chunk in into.chunks_mut(8) {
            *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut word = *state;
            word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            chunk.copy_from_slice(&(word ^ (word >> 31)).to_le_bytes()[..chunk.len()]);
        }
    }
}

/// A clock that always shows the same, and notes how long it was slept by.
#[derive(Default)]
pub(crate) struct Stopped {
    pub(crate) slept: Mutex<Duration>,
}

impl Clock for Stopped {
    fn now(&self) -> Timestamp {
        Timestamp::from_secs(1_800_000_000)
    }
    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
    fn since_boot(&self) -> Duration {
        Duration::ZERO
    }
    fn boot_id(&self) -> [u8; 16] {
        [0; 16]
    }
    fn sleep(&self, by: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        *self.slept.lock().expect("no test panics with it") += by;
        Box::pin(std::future::ready(()))
    }
}

/// A store over two sites in memory, `home` and `away`, and a vault that can refuse.
pub(crate) struct World {
    pub(crate) home: Arc<MemorySite>,
    pub(crate) away: Arc<MemorySite>,
    pub(crate) vault: Arc<MemoryVault>,
    pub(crate) store: Arc<BlobStore>,
    pub(crate) clock: Arc<Stopped>,
}

pub(crate) fn home() -> SiteName {
    SiteName::home()
}

pub(crate) fn away() -> SiteName {
    SiteName::new("away").expect("a good name")
}

pub(crate) fn world(seed: u64, piece_bytes_max: u64) -> World {
    let entropy = seeded(seed);
    let clock = Arc::new(Stopped::default());
    let (near, far) = (MemorySite::new(Arc::clone(&clock) as _), MemorySite::new(Arc::clone(&clock) as _));
    let vault = Arc::new(MemoryVault::new(Arc::clone(&entropy)));
    let sites: BTreeMap<SiteName, Arc<dyn Site>> =
        BTreeMap::from([(home(), Arc::clone(&near) as Arc<dyn Site>), (away(), Arc::clone(&far) as Arc<dyn Site>)]);
    let store = BlobStore::new(sites, Arc::clone(&vault) as _, entropy).with_piece_bytes_max(piece_bytes_max);
    World { home: near, away: far, vault, store: Arc::new(store), clock }
}

/// A store over one site.
pub(crate) fn store_over(site: Arc<dyn Site>, seed: u64, piece_bytes_max: u64) -> Arc<BlobStore> {
    let entropy = seeded(seed);
    let vault = Arc::new(MemoryVault::new(Arc::clone(&entropy)));
    let store = BlobStore::new(BTreeMap::from([(home(), site)]), vault, entropy);
    Arc::new(store.with_piece_bytes_max(piece_bytes_max))
}

pub(crate) fn hint() -> Hint {
    let key = ObjectKey::new("turbines/07/2026-11-20.parquet").expect("a good key");
    Hint { bucket: BucketId(3), key, version: [9; 16], part: None }
}

/// Bytes without a pattern that a mistake could hide in.
pub(crate) fn body(bytes: usize, seed: u64) -> Vec<u8> {
    let mut body = vec![0; bytes];
    seeded(seed).fill(&mut body);
    body
}

/// Writes a body in chunks of `chunk` bytes.
pub(crate) async fn write(store: &BlobStore, body: &[u8], chunk: usize) -> Result<Extent> {
    let mut writer = store.writer(&home(), hint(), body.len() as u64).await?;
    for bytes in body.chunks(chunk.max(1)) {
        writer.write(Bytes::copy_from_slice(bytes)).await?;
    }
    writer.finish().await
}

/// All pieces at these sites.
pub(crate) fn at(extent: &Extent, sites: &[SiteName]) -> Vec<Vec<Placement>> {
    extent.pieces.iter().map(|_| sites.iter().cloned().map(Placement::Copy).collect()).collect()
}

/// Reads a range from `home`.
pub(crate) async fn read(store: &Arc<BlobStore>, extent: &Extent, start: u64, end: u64) -> Result<Vec<u8>> {
    let stream = store.read(extent, at(extent, &[home()]), ByteRange { start, end });
    Ok(stream.try_collect::<Vec<Bytes>>().await?.concat())
}

pub(crate) fn blobs(extent: &Extent) -> Vec<BlobId> {
    extent.pieces.iter().map(|piece| piece.blob).collect()
}
