//! The sweep among sites of which some fail.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use engine::{
    Background, Body, CreateBucket, DeleteObject, Engine, EngineParts, EngineSettings, Progress, PutObject, Sweep,
    SweepSettings,
};
use fixtures::seeded::SeededEntropy;
use futures::StreamExt;
use kernel::{BucketName, Caller, Clock, Entropy, ObjectKey, Region, SiteName};
use metadata::memory::MemoryMap;
use metadata::{Catalog, KeyValue};
use sim::world::{SteppedClock, settle};
use storage::{BlobStore, Hint, MemorySite, MemoryVault, Site};

const NAMES: [&str; 3] = ["away", "home", "yonder"];
const BATCH: usize = 4;

/// A lake over three sites, with an engine for each that writes there.
struct Lake {
    sites: Vec<Arc<MemorySite>>,
    blobs: Arc<BlobStore>,
    engines: Vec<Arc<Engine>>,
    clock: Arc<SteppedClock>,
    bucket: BucketName,
}

impl Lake {
    fn new() -> Self {
        let clock = Arc::new(SteppedClock::default());
        let entropy: Arc<dyn Entropy> = Arc::new(SeededEntropy::new(3));
        let names = NAMES.map(|name| SiteName::new(name).expect("a name"));
        let sites = names.clone().map(|_| MemorySite::new(Arc::clone(&clock) as Arc<dyn Clock>));
        let by_name: BTreeMap<_, _> =
            names.iter().cloned().zip(sites.iter().map(|site| Arc::clone(site) as Arc<dyn Site>)).collect();
        let vault = Arc::new(MemoryVault::new(Arc::clone(&entropy)));
        let blobs = Arc::new(BlobStore::new(by_name, vault, Arc::clone(&entropy)));
        let map: Arc<dyn KeyValue> = Arc::new(MemoryMap::new());
        let catalog = Arc::new(settle(Catalog::open(map, &*entropy, clock.now())).expect("a catalogue"));
        let engine = |home: SiteName| {
            Engine::new(EngineParts {
                catalog: Arc::clone(&catalog),
                blobs: Arc::clone(&blobs),
                home,
                clock: Arc::clone(&clock) as Arc<dyn Clock>,
                entropy: Arc::clone(&entropy),
                region: Region::new("us-east-1").expect("a region"),
                settings: EngineSettings { inline_bytes_max: 0, ..EngineSettings::S3 },
            })
        };
        let engines: Vec<_> = names.map(engine).into();
        let bucket = BucketName::new("bucket").expect("a name");
        settle(engines[0].create_bucket(&Caller::root(), CreateBucket::named(bucket.clone()))).expect("a bucket");
        Self { sites: sites.into(), blobs, engines, clock, bucket }
    }

    /// Writes objects at a site and deletes them again.
    fn leave_behind(&self, site: usize, count: usize) {
        for number in 0..count {
            let key = ObjectKey::new(&format!("{site} {number}")).expect("a key");
            let stream = futures::stream::iter([Ok(vec![1_u8; 10].into())]).boxed();
            let body = Body { stream, bytes: 10, md5: None, checksums: Vec::new(), trailer: None };
            let put = PutObject {
                bucket: self.bucket.clone(),
                key: key.clone(),
                attributes: Default::default(),
                algorithm: None,
                body,
                condition: Default::default(),
            };
            settle(self.engines[site].put_object(&Caller::root(), put)).expect("a put");
            let delete = DeleteObject {
                bucket: self.bucket.clone(),
                key,
                version: None,
                bypass_governance: false,
                condition: Default::default(),
            };
            settle(self.engines[site].delete_object(&Caller::root(), delete)).expect("a deletion");
        }
    }

    /// A blob that a process wrote and never referred to.
    fn orphan(&self, site: usize) {
        let name = SiteName::new(NAMES[site]).expect("a name");
        let hint = Hint {
            bucket: kernel::BucketId(1),
            key: ObjectKey::new("k").expect("a key"),
            version: [1; 16],
            part: None,
        };
        let written = async {
            let mut writer = self.blobs.writer(&name, hint, 3).await?;
            writer.write(b"abc".as_slice().into()).await?;
            writer.finish().await
        };
        drop(settle(written).expect("a blob"));
    }

    fn sweep(&self) -> Sweep {
        Sweep::new(Arc::clone(&self.engines[0]), SweepSettings { batch: BATCH, ..SweepSettings::DEFAULT })
    }

    fn left(&self, site: usize) -> usize {
        settle(self.sites[site].list(None, 1_000)).expect("a list").len()
    }

    fn wait(&self) {
        self.clock.advance(SweepSettings::DEFAULT.delay + Duration::from_secs(1));
    }
}

/// Steps until the round ends: how many there were, and whether it ended in an error.
fn round(sweep: &mut Sweep) -> (u32, bool) {
    for steps in 1..1_000 {
        match settle(sweep.step()) {
            Ok(Progress::Worked) => {}
            Ok(Progress::Idle) => return (steps, false),
            Err(_) => return (steps, true),
        }
    }
    panic!("the round does not end");
}

#[test]
fn a_site_that_fails_holds_up_no_other() {
    let lake = Lake::new();
    // More rows than a step looks at, in front of those of the others.
    lake.leave_behind(0, 3 * BATCH);
    lake.leave_behind(1, 5);
    lake.leave_behind(2, 5);
    lake.wait();
    let mut sweep = lake.sweep();
    lake.sites[0].refuse(true);
    for _ in 0..3 {
        let (steps, failed) = round(&mut sweep);
        assert!(failed, "whoever runs it is told");
        assert!(steps < 40, "{steps} steps");
        assert_eq!((lake.left(1), lake.left(2)), (0, 0));
    }
    lake.sites[0].refuse(false);
    assert_eq!(lake.left(0), 3 * BATCH);
    assert!(!round(&mut sweep).1);
    assert_eq!(lake.left(0), 0, "when it is back, what lies there goes");
}

#[test]
fn orphans_of_other_sites_are_found_while_one_fails() {
    let lake = Lake::new();
    for site in 0..3 {
        (0..2 * BATCH).for_each(|_| lake.orphan(site));
    }
    lake.clock.advance(Duration::from_secs(1));
    let mut sweep = lake.sweep();
    lake.sites[2].refuse(true);
    assert!(round(&mut sweep).1);
    assert_eq!((lake.left(0), lake.left(1)), (0, 0));
    assert!(round(&mut sweep).1);
    lake.sites[2].refuse(false);
    assert!(!round(&mut sweep).1);
    assert_eq!(lake.left(2), 0);
}

#[test]
fn what_is_in_use_waits_and_holds_up_nothing() {
    let lake = Lake::new();
    lake.leave_behind(0, 2 * BATCH);
    lake.wait();
    let oldest = settle(lake.sites[0].list(None, 1_000)).expect("a list");
    let lease = lake.blobs.lease(oldest.iter().take(BATCH).map(|blob| blob.id));
    let mut sweep = lake.sweep();
    assert!(!round(&mut sweep).1);
    assert_eq!(lake.left(0), BATCH);
    drop(lease);
    assert!(!round(&mut sweep).1);
    assert_eq!(lake.left(0), 0);
}
