//! Both maps keep the contract, and agree with each other on whatever batches are thrown at them.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;
use kernel::Entropy;
use metadata::contract::{Subject, run_all};
use metadata::memory::MemoryMap;
use metadata::rocks::RocksMap;
use metadata::{Batch, Edit, Expectation, Family, KeyValue, KeyValueError, Stamped, Step, gather};
use proptest::collection::vec;
use proptest::prelude::*;
use tempfile::TempDir;

use crate::machine;

/// No chance: of what was not acknowledged nothing survives.
struct Nothing;
impl Entropy for Nothing {
    fn fill(&self, into: &mut [u8]) {
        into.fill(0);
    }
}

struct InMemory(Arc<MemoryMap>);
impl Subject for InMemory {
    fn map(&self) -> Arc<dyn KeyValue> {
        Arc::clone(&self.0) as Arc<dyn KeyValue>
    }
    fn reopen(&mut self) -> BoxFuture<'_, ()> {
        self.0 = Arc::new(self.0.crash(&Nothing));
        Box::pin(async {})
    }
}

struct OnDisk {
    map: Arc<RocksMap>,
    directory: TempDir,
}
impl OnDisk {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory can be made");
        Self { map: open(directory.path()), directory }
    }
}
impl Subject for OnDisk {
    fn map(&self) -> Arc<dyn KeyValue> {
        Arc::clone(&self.map) as Arc<dyn KeyValue>
    }
    fn reopen(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            self.map.close().await;
            self.map = open(self.directory.path());
        })
    }
}

fn open(directory: &Path) -> Arc<RocksMap> {
    RocksMap::open(machine::settings(directory), Arc::new(machine::StoppedClock)).expect("the directory is sound")
}

#[tokio::test]
async fn the_map_in_memory_keeps_the_contract() {
    run_all(&|| Box::new(InMemory(Arc::new(MemoryMap::new())))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_map_on_disk_keeps_the_contract() {
    run_all(&|| Box::new(OnDisk::new())).await;
}

fn family() -> impl Strategy<Value = Family> {
    prop::sample::select(vec![Family::Current, Family::Inline, Family::Counters, Family::Changes])
}

/// Few keys, so that batches meet, some shorter than a bucket id.
fn key() -> impl Strategy<Value = Vec<u8>> {
    (0..3_u8, vec(prop::sample::select(vec![0, b'a', 0xff]), 0..3)).prop_map(|(bucket, rest)| match bucket {
        2 => rest,
        _ => [&[0, 0, 0, 0, 0, 0, 0, bucket][..], &rest].concat(),
    })
}

fn value() -> impl Strategy<Value = Bytes> {
    prop_oneof![
        (-3..3_i64).prop_map(|number| Bytes::copy_from_slice(&number.to_be_bytes())),
        vec(any::<u8>(), 0..4).prop_map(Bytes::from),
        (1000..3000_usize).prop_map(|bytes| Bytes::from(vec![7; bytes])),
    ]
}

fn stamped() -> impl Strategy<Value = Stamped> {
    let holed = |(bytes, newest_first)| Stamped { bytes: [bytes, vec![0; 8]].concat(), hole: Some(8), newest_first };
    prop_oneof![key().prop_map(Stamped::plain), (Just(vec![0; 8]), any::<bool>()).prop_map(holed)]
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        4 => (family(), key(), value()).prop_map(|(family, key, value)| Edit::Put(family, key, value)),
        2 => (family(), key()).prop_map(|(family, key)| Edit::Delete(family, key)),
        1 => (family(), key(), key()).prop_map(|(family, from, until)| Edit::DeleteRange(family, from, until)),
        2 => (key(), -5..5_i64).prop_map(|(key, plus)| Edit::Add(Family::Counters, key, plus)),
        2 => (family(), stamped(), stamped()).prop_map(|(family, key, value)| Edit::PutStamped { family, key, value }),
    ]
}

fn expectation() -> impl Strategy<Value = Expectation> {
    prop_oneof![
        3 => (family(), key()).prop_map(|(family, key)| Expectation::Absent(family, key)),
        1 => (family(), key(), value()).prop_map(|(family, key, value)| Expectation::Equals(family, key, value)),
        1 => (key(), -5..5_i64, -3..9_i64)
            .prop_map(|(key, plus, max)| Expectation::SumAtMost { family: Family::Counters, key, plus, max }),
    ]
}

fn batch() -> impl Strategy<Value = Batch> {
    (vec(expectation(), 0..2), vec(edit(), 0..6)).prop_map(|(expectations, edits)| Batch { expectations, edits })
}

/// All rows of a family, by steps that depend on the rows.
async fn walk(map: &dyn KeyValue, family: Family, from: &[u8], until: &[u8]) -> Vec<(Vec<u8>, Bytes)> {
    let rows = gather(map, family, from.into(), until.into(), Vec::new(), |rows: &mut Vec<_>, key, value| {
        rows.push((key.to_vec(), Bytes::copy_from_slice(value)));
        match key.last() {
            Some(b'a') => Step::Seek([key, &[0x01]].concat()),
            Some(0xff) if rows.len() > 4 => Step::Stop,
            _ => Step::Next,
        }
    });
    rows.await.expect("the map is open")
}

/// The outcomes of two maps tell the same.
fn assert_alike(one: &Result<kernel::Sequence, KeyValueError>, other: &Result<kernel::Sequence, KeyValueError>) {
    match (one, other) {
        (Ok(one), Ok(other)) => assert_eq!(one, other),
        (Err(KeyValueError::Conflict { index: one }), Err(KeyValueError::Conflict { index: other })) => {
            assert_eq!(one, other)
        }
        (Err(KeyValueError::Damaged(one)), Err(KeyValueError::Damaged(other))) => assert_eq!(one, other),
        _ => panic!("{one:?} is not {other:?}"),
    }
}

/// Throws the same batches at both maps, some one by one and some all at once.
async fn compare(groups: Vec<Vec<Batch>>, bounds: Vec<(Vec<u8>, Vec<u8>)>) {
    let memory = MemoryMap::new();
    let mut disk = OnDisk::new();
    for (round, group) in groups.into_iter().enumerate() {
        let in_memory = futures::future::join_all(group.iter().map(|batch| memory.apply(batch.clone()))).await;
        let on_disk = futures::future::join_all(group.iter().map(|batch| disk.map.apply(batch.clone()))).await;
        in_memory.iter().zip(&on_disk).for_each(|(one, other)| assert_alike(one, other));
        if round % 4 == 3 {
            disk.reopen().await;
        }
        assert_eq!(memory.durable(), disk.map.durable());
        for family in [Family::Current, Family::Inline, Family::Counters, Family::Changes] {
            for (from, until) in bounds.iter().chain([&(vec![], vec![0xff; 12])]) {
                let (one, other) =
                    (walk(&memory, family, from, until).await, walk(&*disk.map, family, from, until).await);
                assert_eq!(one, other, "{family:?} from {from:?} until {until:?}");
            }
        }
        let keys: Vec<_> = bounds.iter().map(|(key, _)| (Family::Current, key.clone())).collect();
        let asked = (memory.get(keys.clone()).await, disk.map.get(keys).await);
        assert_eq!(asked.0.expect("the map is open"), asked.1.expect("the map is open"));
    }
    disk.map.close().await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn both_maps_agree(groups in vec(vec(batch(), 1..12), 1..10), bounds in vec((key(), key()), 4)) {
        tokio::runtime::Runtime::new().expect("a runtime starts").block_on(compare(groups, bounds));
    }
}
