//! What happens to a byte between the network and a disk: sealing, opening, digests; and all of it together on a local
//! site, synced.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use futures::TryStreamExt;
use kernel::{BlobId, BucketId, ByteRange, ChecksumAlgorithm, Entropy, ObjectKey, Placement, SiteName};
use storage::seal::{BlobKey, SEGMENT_BYTES, Segment, sealed_segments_bytes, segments};
use storage::{BlobStore, DataKey, Digester, Hint, LocalSettings, LocalSite, MemoryVault, Site};
use tokio::runtime::Runtime;

/// Different bytes each time; nobody's data is sealed here.
#[derive(Default)]
struct Counting(AtomicU64);

impl Entropy for Counting {
    fn fill(&self, into: &mut [u8]) {
        for chunk in into.chunks_mut(8) {
            let word = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
            chunk.copy_from_slice(&word.to_be_bytes()[..chunk.len()]);
        }
    }
}

const SIZES: [(&str, usize); 2] = [("64 KiB", 64 * 1024), ("1 MiB", 1024 * 1024)];

fn sealed(key: &BlobKey, body: &[u8]) -> Vec<u8> {
    let bytes = body.len() as u64;
    let mut buffer = Vec::with_capacity(sealed_segments_bytes(bytes) as usize);
    for (index, plain) in (0..).zip(body.chunks(SEGMENT_BYTES)) {
        let from = buffer.len();
        buffer.extend_from_slice(plain);
        key.seal(Segment { index, last: index + 1 == segments(bytes) }, &mut buffer, from);
    }
    buffer
}

fn seal_and_open(criterion: &mut Criterion) {
    let key = BlobKey::derive(&DataKey::from_bytes([7; 32]), BlobId::from_bytes([9; 16]));
    let mut group = criterion.benchmark_group("seal");
    for (name, bytes) in SIZES {
        let body = vec![0x5a; bytes];
        group.throughput(Throughput::Bytes(bytes as u64));
        group.bench_with_input(BenchmarkId::new("seal, one copy", name), &body, |bencher, body| {
            bencher.iter(|| sealed(&key, body));
        });
        let blob = sealed(&key, &body);
        group.bench_with_input(BenchmarkId::new("open in place", name), &blob, |bencher, blob| {
            let open = |blob: &mut Vec<u8>| key.open_run(bytes as u64, 0, blob).expect("it was just sealed");
            bencher.iter_batched_ref(|| blob.clone(), open, BatchSize::LargeInput);
        });
    }
    group.bench_function("derive a blob's key", |bencher| {
        let data_key = DataKey::from_bytes([7; 32]);
        bencher.iter(|| BlobKey::derive(&data_key, BlobId::from_bytes([9; 16])));
    });
    group.finish();
}

fn digest(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let mut group = criterion.benchmark_group("digest");
    let asked: [(&str, &[ChecksumAlgorithm]); 3] = [
        ("MD5", &[]),
        ("MD5 and CRC64NVME", &[ChecksumAlgorithm::Crc64Nvme]),
        ("MD5 and SHA-256", &[ChecksumAlgorithm::Sha256]),
    ];
    for (name, algorithms) in asked {
        for (size, chunks) in [("64 KiB, here", 1), ("8 MiB, beside", 128)] {
            let bytes = chunks * 64 * 1024;
            let chunk = Bytes::from(vec![0x5a; 64 * 1024]);
            group.throughput(Throughput::Bytes(bytes));
            group.bench_function(BenchmarkId::new(name, size), |bencher| {
                bencher.to_async(&runtime).iter(async || {
                    let mut digester = Digester::new(algorithms, bytes);
                    for _ in 0..chunks {
                        digester.update(chunk.clone()).await;
                    }
                    digester.finish().await
                });
            });
        }
    }
    group.finish();
}

fn inline(criterion: &mut Criterion) {
    let store = BlobStore::new(BTreeMap::new(), vault(), Arc::new(Counting::default()));
    let mut group = criterion.benchmark_group("inline");
    for (name, bytes) in [("4 KiB", 4096), ("128 KiB", 128 * 1024)] {
        let body = vec![0x5a; bytes];
        let range = ByteRange { start: 0, end: bytes as u64 };
        group.throughput(Throughput::Bytes(bytes as u64));
        group.bench_function(BenchmarkId::new("seal with a fresh key", name), |bencher| {
            bencher.iter(|| store.seal_inline(&body).expect("the vault is willing"));
        });
        let (extent, sealed) = store.seal_inline(&body).expect("the vault is willing");
        group.bench_function(BenchmarkId::new("unwrap and open", name), |bencher| {
            bencher.iter(|| store.open_inline(&extent, &sealed, range).expect("it was just sealed"));
        });
    }
    group.finish();
}

/// A body to a local site, synced, and back out of the page cache.
fn local_site(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let directory = tempfile::tempdir_in(".").expect("a directory on the disk");
    let site = LocalSite::open(LocalSettings::new(directory.path())).expect("the site opens");
    let sites = BTreeMap::from([(SiteName::home(), site as Arc<dyn Site>)]);
    let store = Arc::new(BlobStore::new(sites, vault(), Arc::new(Counting::default())));
    let mut group = criterion.benchmark_group("local site");
    group.sample_size(10);
    for (name, mebibytes) in [("1 MiB", 1), ("64 MiB", 64)] {
        let bytes = mebibytes * 1024 * 1024;
        let range = ByteRange { start: 0, end: bytes };
        group.throughput(Throughput::Bytes(bytes));
        group.bench_function(BenchmarkId::new("write, synced, and remove", name), |bencher| {
            bencher.to_async(&runtime).iter(async || {
                for piece in written(&store, bytes).await.pieces {
                    store.remove(&SiteName::home(), piece.blob).await.expect("it is there");
                }
            });
        });
        let extent = runtime.block_on(written(&store, bytes));
        let placements = vec![vec![Placement::Copy(SiteName::home())]; extent.pieces.len()];
        group.bench_function(BenchmarkId::new("read from the page cache", name), |bencher| {
            bencher.to_async(&runtime).iter(async || {
                let stream = store.read(&extent, placements.clone(), range);
                stream.try_fold(0, async |sum, bytes| Ok(sum + bytes.len())).await.expect("it is there")
            });
        });
    }
    group.finish();
}

async fn written(store: &BlobStore, bytes: u64) -> kernel::Extent {
    let key = ObjectKey::new("bench").expect("a good key");
    let hint = Hint { bucket: BucketId(1), key, version: [1; 16], part: None };
    let mut writer = store.writer(&SiteName::home(), hint, bytes).await.expect("there is room");
    let chunk = Bytes::from(vec![0x5a; 256 * 1024]);
    for _ in 0..bytes / chunk.len() as u64 {
        writer.write(chunk.clone()).await.expect("there is room");
    }
    writer.finish().await.expect("the disk is well")
}

fn vault() -> Arc<MemoryVault> {
    Arc::new(MemoryVault::new(Arc::new(Counting::default())))
}

criterion_group!(benches, seal_and_open, digest, inline, local_site);
criterion_main!(benches);
