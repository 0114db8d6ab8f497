//! Lakes beside their reference, from seeds: see `sim::conformance`.
//!
//! `TWINLAKE_SIM_SEEDS` runs as many seeds as it says instead of a short slice; a seed that failed is named, and runs alone
//! with `TWINLAKE_SIM_SEED`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use engine::{GetObject, Selection};
use fixtures::seeded::Seeded;
use futures::future::BoxFuture;
use kernel::{ObjectKey, Sequence};
use metadata::memory::MemoryMap;
use metadata::{Batch, Expectation, Family, KeyValue, KeyValueError, Visit};
use sim::conformance::{Difference, Run, Tally};
use sim::driver::perform;
use sim::operation::{Answer, Operation, Put, Upload};
use sim::script::buckets;
use sim::world::{World, Wrap, settle};

const STEPS: u32 = 120;
const SEEDS: u64 = 300;

#[expect(clippy::disallowed_methods, reason = "whoever starts the test says how long it runs")]
fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is no number: `{text}`")))
}

fn run(seed: u64, wrap: Wrap) -> Result<Run, Difference> {
    let mut run = Run::new(seed, wrap);
    for _ in 0..STEPS {
        run.step()?;
    }
    Ok(run)
}

#[test]
fn a_lake_is_what_the_reference_says_through_power_cuts_and_faults() {
    let seeds: Vec<u64> = match number("TWINLAKE_SIM_SEED") {
        Some(seed) => vec![seed],
        None => (1..=number("TWINLAKE_SIM_SEEDS").unwrap_or(SEEDS)).collect(),
    };
    let is_slice = seeds.len() > 10;
    let mut sum = Tally::default();
    for seed in seeds {
        sum.add(&run(seed, |map| map).unwrap_or_else(|difference| panic!("{difference}")).tally);
    }
    println!("{sum:#?}");
    // A run in which little happens shows little.
    if is_slice {
        assert!(sum.succeeded.len() == 26 && sum.succeeded.values().all(|count| *count > 10), "{sum:#?}");
        assert!(sum.refused > 1_000 && sum.power_cuts > 1_000 && sum.sweeps > 100, "{sum:#?}");
        assert!(sum.happened > 50 && sum.vanished > 50 && sum.given_up > 50, "{sum:#?}");
    }
}

#[test]
fn the_same_seed_ends_in_the_same_bytes() {
    for seed in [7, 8] {
        let state = |seed| run(seed, |map| map).unwrap_or_else(|difference| panic!("{difference}")).state();
        let (one, other) = (state(seed), state(seed));
        assert!(one.len() > 20, "a state of {} rows shows nothing", one.len());
        assert!(one == other, "seed {seed} ended in two states");
    }
    let ends = [1, 2].map(|seed| run(seed, |map| map).map(|run| run.state()).ok());
    assert!(ends[0] != ends[1], "seeds decide nothing");
}

/// However a stored blob is damaged, a read gives its true bytes or an error.
#[test]
fn a_damaged_blob_is_never_served() {
    let (world, mut seeded) = (World::new(5, |map| map), Seeded::new(5));
    let bucket = buckets().swap_remove(0);
    let ask = |operation: Operation| settle(perform(Arc::clone(&world.engine), operation));
    assert_eq!(ask(Operation::CreateBucket(bucket.clone())), Answer::Done);
    let key = ObjectKey::new("series").expect("a key");
    let mut bytes = vec![0; 2_500];
    seeded.fill(&mut bytes);
    let body = Upload { bytes: bytes.clone().into(), damage: None };
    let put = Put {
        bucket: bucket.clone(),
        key: key.clone(),
        body,
        attributes: Default::default(),
        condition: Default::default(),
    };
    assert!(matches!(ask(Operation::Put(put)), Answer::Written { bytes: 2_500, .. }));
    let get =
        GetObject { bucket, key, version: None, as_of: None, selection: Selection::All, condition: Default::default() };
    let read = || ask(Operation::Get(get.clone()));
    let is_whole = |answer: &Answer| matches!(answer, Answer::Read { body: Some(body), .. } if *body == bytes);
    assert!(is_whole(&read()));
    let blobs: Vec<_> = settle(world.stored_blobs()).into_iter().collect();
    assert_eq!(blobs.len(), 3);
    let mut caught = 0;
    for _ in 0..1_000 {
        let (blob, bit) = (*seeded.choose(&blobs), seeded.next_u64());
        assert!(world.flip_bit(blob, bit));
        match read() {
            Answer::Broken(what) => caught += usize::from(what.contains("corrupt")),
            // A bit of the header, which reads do not trust.
            answer => assert!(is_whole(&answer), "bit {bit} of {blob}: {answer:?}"),
        }
        assert!(world.flip_bit(blob, bit));
        assert!(is_whole(&read()));
    }
    // Of a blob this short, the header is more than half.
    assert!(caught > 300, "{caught}");
}

/// A map with a defect.
struct Defective {
    map: Arc<MemoryMap>,
    defect: fn(&mut Batch, u64) -> bool,
    applied: AtomicU64,
}

impl KeyValue for Defective {
    fn get(&self, keys: Vec<(Family, Vec<u8>)>) -> BoxFuture<'_, Result<Vec<Option<bytes::Bytes>>, KeyValueError>> {
        self.map.get(keys)
    }
    fn scan(
        &self,
        family: Family,
        from: Vec<u8>,
        until: Vec<u8>,
        visit: Visit,
    ) -> BoxFuture<'_, Result<(), KeyValueError>> {
        self.map.scan(family, from, until, visit)
    }
    fn apply(&self, mut batch: Batch) -> BoxFuture<'_, Result<Sequence, KeyValueError>> {
        let is_forgotten = (self.defect)(&mut batch, self.applied.fetch_add(1, SeqCst));
        Box::pin(async move {
            // Acknowledged and forgotten: an empty batch takes its place.
            self.map.apply(if is_forgotten { Batch::default() } else { batch }).await
        })
    }
    fn durable(&self) -> Sequence {
        self.map.durable()
    }
}

fn defective(map: Arc<MemoryMap>, defect: fn(&mut Batch, u64) -> bool) -> Arc<dyn KeyValue> {
    Arc::new(Defective { map, defect, applied: AtomicU64::new(0) })
}

/// What must not go unnoticed, each as a defect of its own.
#[test]
fn a_defect_turns_the_comparison_red() {
    let defects: [(&str, Wrap); 5] = [
        ("an acknowledged batch is forgotten", |map| defective(map, |_, applied| applied % 9 == 7)),
        ("expectations are not checked", |map| {
            defective(map, |batch, _| {
                batch.expectations.retain(|expectation| matches!(expectation, Expectation::SumAtMost { .. }));
                false
            })
        }),
        ("counters are not kept", |map| {
            defective(map, |batch, _| {
                batch.edits.retain(|edit| !matches!(edit, metadata::Edit::Add(Family::Counters, ..)));
                false
            })
        }),
        ("what is removed for good leaves no grave", |map| {
            defective(map, |batch, _| {
                batch.edits.retain(|edit| !matches!(edit, metadata::Edit::PutStamped { family: Family::Graves, .. }));
                false
            })
        }),
        ("what is replaced is not remembered", |map| {
            defective(map, |batch, _| {
                let is_unlinking = |edit: &metadata::Edit| match edit {
                    metadata::Edit::Put(family, ..) | metadata::Edit::PutStamped { family, .. } => {
                        *family == Family::Unlinked
                    }
                    _ => false,
                };
                batch.edits.retain(|edit| !is_unlinking(edit));
                false
            })
        }),
    ];
    for (name, wrap) in defects {
        let caught = (1..=40).find(|seed| run(*seed, wrap).is_err());
        assert!(caught.is_some(), "nobody noticed: {name}");
    }
}
