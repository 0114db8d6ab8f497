//! A whole lake in memory: the real engine, catalogue and sealing over a map and a site that live in this process, with a
//! clock that is turned by hand and chance that a seed decides. Nothing runs beside: whoever holds a world moves its
//! futures ([`race`]) in an order of their own choosing, and cuts its power where they like.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::SeqCst};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use engine::{
    Background, Engine, EngineParts, EngineSettings, History, HistorySettings, Progress, StaleUploadSettings,
    StaleUploads, Sweep, SweepSettings,
};
use fixtures::seeded::{Seeded, SeededEntropy};
use futures::future::BoxFuture;
use kernel::{BlobId, BucketName, Clock, Content, Entropy, Extent, Region, Sequence, SiteName, Standing, Timestamp};
use metadata::memory::MemoryMap;
use metadata::{AnnotationScan, Catalog, Family, KeyValue, ObjectScan, Row, Step, UploadScan, VersionScan, gather};
use storage::{BlobStore, KeyVault, MemorySite, MemoryVault, Site};

/// Bounds small enough that short bodies take every path: inline up to 256 bytes, pieces of 1,000, requests up to 8 KiB,
/// parts of at least 300.
pub const SETTINGS: EngineSettings =
    EngineSettings { inline_bytes_max: 256, body_bytes_max: 8 << 10, part_bytes_min: 300, ..EngineSettings::S3 };
/// Most plaintext of one blob.
const PIECE_BYTES_MAX: u64 = 1_000;
/// Polls after which futures that do not end are held for stuck.
const POLLS_MAX: u64 = 100_000;
/// The reference forgets nothing that was removed, so neither may the lake.
const HISTORY: HistorySettings =
    HistorySettings { retention: Duration::from_secs(36_500 * 86_400), ..HistorySettings::DEFAULT };
/// Uploads stay as long as by default; pages of two make a walk of many steps.
const STALE_UPLOADS: StaleUploadSettings = StaleUploadSettings { batch: 2, ..StaleUploadSettings::DEFAULT };
/// More rows than any world has.
const ROWS_MAX: usize = 100_000;

/// A clock that is turned by hand. Whoever sleeps on it turns it.
#[derive(Debug, Default)]
pub struct SteppedClock {
    elapsed_ms: AtomicI64,
    /// How far the wall clock was set ahead of what is so.
    ahead_ms: AtomicI64,
    booted_ms: AtomicI64,
    boots: AtomicU64,
}

impl SteppedClock {
    /// Turns the hands.
    pub fn advance(&self, by: Duration) {
        self.elapsed_ms.fetch_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX / 2), SeqCst);
    }

    /// What time it is in this world, whatever its clocks say.
    fn real(&self) -> Timestamp {
        Timestamp::from_secs(1_800_000_000).plus(self.monotonic())
    }

    fn boot(&self) {
        self.boots.fetch_add(1, SeqCst);
        self.booted_ms.store(self.elapsed_ms.load(SeqCst), SeqCst);
    }
}

fn elapsed(millis: i64) -> Duration {
    Duration::from_millis(u64::try_from(millis).unwrap_or(0))
}

impl Clock for SteppedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.real().as_millis().saturating_add(self.ahead_ms.load(SeqCst)))
    }
    fn monotonic(&self) -> Duration {
        elapsed(self.elapsed_ms.load(SeqCst))
    }
    fn since_boot(&self) -> Duration {
        elapsed(self.elapsed_ms.load(SeqCst) - self.booted_ms.load(SeqCst))
    }
    fn boot_id(&self) -> [u8; 16] {
        u128::from(self.boots.load(SeqCst)).to_be_bytes()
    }
    fn sleep(&self, by: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        self.advance(by);
        Box::pin(std::future::ready(()))
    }
}

/// What stands between the catalogue and its map: nothing, or a defect that a test must notice.
pub type Wrap = fn(Arc<MemoryMap>) -> Arc<dyn KeyValue>;

/// What outlives a power cut.
#[derive(Clone)]
struct Machine {
    site: Arc<MemorySite>,
    vault: Arc<dyn KeyVault>,
    clock: Arc<SteppedClock>,
    entropy: Arc<SeededEntropy>,
    wrap: Wrap,
}

/// A lake that runs.
pub struct World {
    /// Its operations.
    pub engine: Arc<Engine>,
    /// Its catalogue.
    pub catalog: Arc<Catalog>,
    map: Arc<MemoryMap>,
    view: Arc<dyn KeyValue>,
    machine: Machine,
    sweep: Sweep,
    stale_uploads: StaleUploads,
    history: History,
}

impl World {
    /// A new, empty lake.
    ///
    /// # Panics
    /// When it does not open: that is a defect.
    pub fn new(seed: u64, wrap: Wrap) -> Self {
        let clock = Arc::new(SteppedClock::default());
        let entropy = Arc::new(SeededEntropy::new(seed));
        let site = MemorySite::new(Arc::clone(&clock) as Arc<dyn Clock>);
        let vault = Arc::new(MemoryVault::new(Arc::clone(&entropy) as Arc<dyn Entropy>));
        Self::open(Machine { site, vault, clock, entropy, wrap }, MemoryMap::new())
    }

    fn open(machine: Machine, map: MemoryMap) -> Self {
        let map = Arc::new(map);
        let view = (machine.wrap)(Arc::clone(&map));
        let opened = Catalog::open(Arc::clone(&view), &*machine.entropy, machine.clock.now());
        let catalog = Arc::new(settle(opened).expect("the catalogue opens"));
        let home = SiteName::home();
        let sites = BTreeMap::from([(home.clone(), Arc::clone(&machine.site) as Arc<dyn Site>)]);
        let entropy = Arc::clone(&machine.entropy) as Arc<dyn Entropy>;
        let blobs = BlobStore::new(sites, Arc::clone(&machine.vault), Arc::clone(&entropy));
        let engine = Engine::new(EngineParts {
            catalog: Arc::clone(&catalog),
            blobs: Arc::new(blobs.with_piece_bytes_max(PIECE_BYTES_MAX)),
            home,
            clock: Arc::clone(&machine.clock) as Arc<dyn Clock>,
            entropy,
            region: Region::new("us-east-1").expect("a region"),
            settings: SETTINGS,
        });
        settle(engine.recall_time()).expect("the time is known");
        let sweep = Sweep::new(Arc::clone(&engine), SweepSettings::DEFAULT);
        let stale_uploads = StaleUploads::new(Arc::clone(&engine), STALE_UPLOADS);
        let history = History::new(Arc::clone(&engine), HISTORY);
        Self { engine, catalog, map, view, machine, sweep, stale_uploads, history }
    }

    /// The last change that is durable.
    pub fn durable(&self) -> Sequence {
        self.map.durable()
    }

    /// Cuts the power, drops what was under way, and starts again from what is left. `under_way` may borrow the engine
    /// of before; it is dropped after the cut, as nothing runs when there is no power.
    pub fn power_cut<T>(self, under_way: T) -> Self {
        let Self { map, machine, .. } = self;
        let left = map.crash(&*machine.entropy);
        machine.site.cut_power();
        drop(under_way);
        // What was written before the cut is older than everything that starts after it.
        machine.clock.advance(Duration::from_millis(1));
        Self::open(machine, left)
    }

    /// From now on the catalogue's disk fails, until the power is cut.
    pub fn fail_next_sync(&self) {
        self.map.fail_next_sync();
    }

    /// From now on the site cannot be reached, or can.
    pub fn refuse_site(&self, refusing: bool) {
        self.machine.site.refuse(refusing);
    }

    /// Flips one bit of a blob.
    pub fn flip_bit(&self, blob: BlobId, bit: u64) -> bool {
        self.machine.site.flip_bit(blob, bit)
    }

    /// Lets time pass.
    pub fn advance(&self, by: Duration) {
        self.machine.clock.advance(by);
    }

    /// What time it is, whatever the clocks of the machine say.
    pub fn real_time(&self) -> Timestamp {
        self.machine.clock.real()
    }

    /// Sets the wall clock so many milliseconds ahead of what is so, or back.
    pub fn set_wall_clock(&self, ahead_ms: i64) {
        self.machine.clock.ahead_ms.store(ahead_ms, SeqCst);
    }

    /// From now on the machine counts from another boot: what a power cut may bring along.
    pub fn boot(&self) {
        self.machine.clock.boot();
    }

    /// One step of the sweep, and one of the keeper of the past.
    ///
    /// # Errors
    /// As [`Background::step`].
    pub async fn sweep_step(&mut self) -> engine::Result<Progress> {
        self.history.step().await?;
        self.sweep.step().await
    }

    /// Lets the delay pass and sweeps until there is nothing left to do.
    ///
    /// # Errors
    /// As [`Sweep::step`].
    pub async fn sweep_all(&mut self) -> engine::Result<()> {
        self.advance(SweepSettings::DEFAULT.delay + Duration::from_secs(1));
        while self.sweep.step().await? == Progress::Worked {}
        Ok(())
    }

    /// One step of giving up stale uploads.
    ///
    /// # Errors
    /// As [`StaleUploads::step`](Background::step).
    pub async fn stale_uploads_step(&mut self) -> engine::Result<Progress> {
        self.stale_uploads.step().await
    }

    /// Lets so much time pass that every upload is stale, and gives them all up.
    ///
    /// # Errors
    /// As [`StaleUploads::step`](Background::step).
    pub async fn give_up_all(&mut self) -> engine::Result<()> {
        // A walk under way may have come past some of them.
        while self.stale_uploads.step().await? == Progress::Worked {}
        self.advance(STALE_UPLOADS.age.unwrap_or_default() + Duration::from_secs(1));
        while self.stale_uploads.step().await? == Progress::Worked {}
        Ok(())
    }

    /// Blobs that lie on the site.
    pub async fn stored_blobs(&self) -> BTreeSet<BlobId> {
        let listed = self.machine.site.list(None, ROWS_MAX).await.expect("the site is there");
        listed.into_iter().map(|blob| blob.id).collect()
    }

    /// Blobs that versions and uploads of these buckets refer to, found by walking them.
    ///
    /// # Errors
    /// Of the catalogue.
    pub async fn referenced_blobs(&self, buckets: &[BucketName]) -> Result<BTreeSet<BlobId>, metadata::CatalogError> {
        let mut extents: Vec<Extent> = Vec::new();
        for name in buckets {
            let Some(bucket) = self.catalog.bucket(name).await? else { continue };
            let all = VersionScan { bucket: bucket.id, prefix: "", delimiter: None, after: None, limit: ROWS_MAX };
            for row in self.catalog.list_versions(all).await?.rows {
                let Row::Item((version, _)) = row else { continue };
                let Standing::Object(facts) = version.standing else { continue };
                let all = AnnotationScan {
                    version: version.id,
                    prefix: "",
                    after: None,
                    limit: facts.annotations.count as usize,
                };
                extents.extend(self.catalog.annotations(all).await?.0.into_iter().map(|annotation| annotation.extent));
                match facts.content {
                    Content::Whole(extent) => extents.push(extent),
                    Content::Parts { list, .. } => {
                        let parts = self.catalog.list_parts_of(list, 0, ROWS_MAX).await?;
                        extents.extend(parts.into_iter().map(|(_, part)| part.extent));
                    }
                }
            }
            let all = UploadScan { bucket: bucket.id, prefix: "", delimiter: None, after: None, limit: ROWS_MAX };
            for row in self.catalog.list_uploads(all).await?.rows {
                let Row::Item(upload) = row else { continue };
                let (parts, _) = self.catalog.parts(upload.id, 0, ROWS_MAX).await?;
                extents.extend(parts.into_iter().map(|part| part.extent));
            }
        }
        let pieces = extents.into_iter().flat_map(|extent| extent.pieces);
        Ok(pieces.filter(|piece| !piece.inline).map(|piece| piece.blob).collect())
    }

    /// Current keys of a bucket as the catalogue itself lists them.
    ///
    /// # Errors
    /// Of the catalogue.
    pub async fn current_keys(&self, bucket: &BucketName) -> Result<Vec<String>, metadata::CatalogError> {
        let Some(bucket) = self.catalog.bucket(bucket).await? else { return Ok(Vec::new()) };
        let all = ObjectScan { bucket: bucket.id, prefix: "", delimiter: None, after: None, limit: ROWS_MAX };
        let rows = self.catalog.list_objects(all).await?.rows;
        let keys = rows.into_iter().filter_map(|row| match row {
            Row::Item(version) => Some(version.key.as_str().to_owned()),
            Row::Prefix(_) => None,
        });
        Ok(keys.collect())
    }

    /// Rows in the inline family: bodies that the catalogue itself carries.
    pub async fn inline_rows(&self) -> usize {
        self.rows(Family::Inline).await.len()
    }

    async fn rows(&self, family: Family) -> Vec<(Vec<u8>, Vec<u8>)> {
        let until = vec![0xff; 2_048];
        let walked = gather(&*self.view, family, Vec::new(), until, Vec::new(), |rows, key, value| {
            rows.push((key.to_vec(), value.to_vec()));
            Step::Next
        });
        walked.await.expect("a map in memory can be read")
    }

    /// Every row of the catalogue and every sealed byte on the site: two runs from one seed end in the same.
    pub async fn state(&self) -> Vec<Vec<u8>> {
        let mut state = Vec::new();
        for family in Family::ALL {
            for (key, value) in self.rows(family).await {
                state.push([family.name().as_bytes(), &key, &value].concat());
            }
        }
        for blob in self.stored_blobs().await {
            state.push(self.machine.site.sealed(blob).unwrap_or_default());
        }
        state
    }
}

/// Moves one future to its end.
///
/// # Panics
/// When it does not end.
pub fn settle<T>(future: impl Future<Output = T> + Send) -> T {
    let mut context = Context::from_waker(Waker::noop());
    let mut future = std::pin::pin!(future);
    for _ in 0..POLLS_MAX {
        if let Poll::Ready(done) = future.as_mut().poll(&mut context) {
            return done;
        }
    }
    panic!("a future is stuck");
}

/// Moves futures in an order that the seed decides, until all have ended or `polls` are used up. What has not ended is
/// left where it stands.
///
/// # Panics
/// When they do not end although they may.
pub fn race<T>(futures: &mut [Racer<'_, T>], polls: Option<u64>, seeded: &mut Seeded) {
    let mut context = Context::from_waker(Waker::noop());
    for used in 0.. {
        let mut running: Vec<_> = futures.iter_mut().filter(|racer| matches!(racer, Racer::Running(_))).collect();
        if running.is_empty() || polls.is_some_and(|polls| used >= polls) {
            return;
        }
        assert!(used < POLLS_MAX, "futures are stuck");
        let place = seeded.below(running.len() as u64) as usize;
        let racer = &mut *running[place];
        if let Racer::Running(future) = racer
            && let Poll::Ready(done) = future.as_mut().poll(&mut context)
        {
            *racer = Racer::Ended(done);
        }
    }
}

/// A future in a [`race`].
pub enum Racer<'a, T> {
    /// Under way.
    Running(BoxFuture<'a, T>),
    /// At its end, with what it gave.
    Ended(T),
}

impl<T> Racer<'_, T> {
    /// What it gave; `None` where it did not come to its end.
    pub fn ended(self) -> Option<T> {
        match self {
            Self::Running(_) => None,
            Self::Ended(done) => Some(done),
        }
    }
}
