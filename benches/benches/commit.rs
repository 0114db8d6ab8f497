//! What a commit costs: batches as a small PUT makes them, and entries of the audit, which each commit links to the one before,
//! synced, from 1, 16 and 64 writers at once.
//!
//! Beside criterion's times it prints what they are made of: syncs per commit, the watermark's counted, and how many
//! batches went into a group.

use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use kernel::{Clock, Timestamp};
use metadata::rocks::{RocksMap, RocksSettings};
use metadata::{Batch, Edit, Expectation, Family, KeyValue, Stamped};
use tokio::runtime::Runtime;

/// The machine's monotonic clock; a commit asks no other.
struct Monotonic(Instant);
impl Clock for Monotonic {
    fn now(&self) -> Timestamp {
        Timestamp::from_secs(0)
    }
    fn monotonic(&self) -> Duration {
        self.0.elapsed()
    }
    fn since_boot(&self) -> Duration {
        self.0.elapsed()
    }
    fn boot_id(&self) -> [u8; 16] {
        [0; 16]
    }
    fn sleep(&self, by: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(tokio::time::sleep(by))
    }
}

const BUCKET_ROW: &[u8] = b"the bucket as it was read";

fn stamped(prefix: &[u8], suffix_bytes: usize, newest_first: bool) -> Stamped {
    let bytes = [prefix, &[0; 8], &vec![b'x'; suffix_bytes]].concat();
    Stamped { bytes, hole: Some(prefix.len()), newest_first }
}

/// About 600 bytes: the rows of a PUT that made a new key in an unversioned bucket, and what it was decided on.
fn batch(number: u64) -> Batch {
    let key = format!("\0\0\0\0\0\0\0\x01objects/{:016x}", number.wrapping_mul(0x9e37_79b9_7f4a_7c15)).into_bytes();
    let ended = [&key[..], b"\0"].concat();
    let counter = |name: u8| vec![0, 0, 0, 0, 0, 0, 0, 1, name];
    let put_stamped = |family, key, value| Edit::PutStamped { family, key, value };
    let edits = vec![
        put_stamped(Family::Versions, stamped(&ended, 0, true), Stamped::plain([b'v'; 150])),
        put_stamped(Family::Current, Stamped::plain(&key[..]), stamped(b"", 150, false)),
        put_stamped(Family::ById, Stamped::plain([&ended[..], &number.to_be_bytes()].concat()), stamped(b"", 0, false)),
        put_stamped(Family::Null, Stamped::plain(&key[..]), stamped(b"", 0, false)),
        put_stamped(Family::Changes, stamped(b"", 0, false), Stamped::plain([b'c'; 80])),
        Edit::Add(Family::Counters, counter(0), 1),
        Edit::Add(Family::Counters, counter(1), 1),
        Edit::Add(Family::Counters, counter(2), 4096),
    ];
    let expectations = vec![
        Expectation::Equals(Family::Buckets, b"bucket".into(), Bytes::from_static(BUCKET_ROW)),
        Expectation::Absent(Family::Null, key),
    ];
    Batch { expectations, edits }
}

fn open(directory: &Path) -> Arc<RocksMap> {
    let settings = RocksSettings {
        directory: directory.into(),
        block_cache_bytes: 64 << 20,
        group_bytes_max: 1 << 20,
        group_batches_max: 1024,
    };
    RocksMap::open(settings, Arc::new(Monotonic(Instant::now()))).expect("an empty directory opens")
}

/// An entry of the audit as a refusal leaves it.
fn entry(number: u64) -> Batch {
    let text = format!("{number:020}{}", "e".repeat(400));
    Batch { expectations: Vec::new(), edits: vec![Edit::chain(text.into())] }
}

/// Commits the batches `from..until` from `writers` tasks, each waiting for its answer before the next.
async fn commit(map: &Arc<RocksMap>, (writers, batch): (usize, fn(u64) -> Batch), next: &Arc<AtomicU64>, until: u64) {
    let tasks: Vec<_> = (0..writers)
        .map(|_| {
            let (map, next) = (Arc::clone(map), Arc::clone(next));
            tokio::spawn(async move {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= until {
                        return;
                    }
                    map.apply(batch(number)).await.expect("a new key is in nobody's way");
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("no writer panics");
    }
}

fn commits(criterion: &mut Criterion) {
    measured(criterion, "commit", batch);
}

fn entries(criterion: &mut Criterion) {
    measured(criterion, "audit", entry);
}

fn measured(criterion: &mut Criterion, name: &str, batch: fn(u64) -> Batch) {
    let runtime = Runtime::new().expect("a runtime starts");
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Elements(1)).sample_size(10).measurement_time(Duration::from_secs(8));
    for writers in [1, 16, 64] {
        // Beside the sources, because a sync costs nothing where temporary files lie in memory.
        let place = tempfile::tempdir_in(".").expect("a directory can be made");
        let map = open(place.path());
        let bucket = Edit::Put(Family::Buckets, b"bucket".into(), Bytes::from_static(BUCKET_ROW));
        let made = map.apply(Batch { expectations: Vec::new(), edits: vec![bucket] });
        runtime.block_on(made).expect("nothing is expected");
        let next = Arc::new(AtomicU64::new(0));
        group.bench_function(BenchmarkId::new("writers", writers), |bencher| {
            bencher.iter_custom(|count| {
                let from = next.load(Ordering::Relaxed);
                let started = Instant::now();
                runtime.block_on(commit(&map, (writers, batch), &next, from + count));
                started.elapsed()
            });
        });
        report(&map, writers);
        runtime.block_on(map.close());
    }
    group.finish();
}

fn report(map: &RocksMap, writers: usize) {
    let meters = map.meters();
    let commits = meters.commits.get() as f64;
    let (log, watermark) = (meters.log_syncs.get() as f64, meters.watermark_syncs.get() as f64);
    println!(
        "{writers} writers: {commits} commits, {:.3} log + {:.3} watermark = {:.3} syncs per commit, {:.1} batches per group",
        log / commits,
        watermark / commits,
        (log + watermark) / commits,
        commits / log,
    );
}

criterion_group!(benches, commits, entries);
criterion_main!(benches);
