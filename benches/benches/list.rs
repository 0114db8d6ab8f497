//! What a page of 1,000 keys costs: in a small and a large bucket, and behind a history of deleted keys. The three should
//! cost the same.

use std::sync::Arc;
use std::time::Duration;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use fixtures::seeded::{Seeded, SeededEntropy};
use futures::stream::{self, StreamExt, TryStreamExt};
use kernel::{
    AnnotationSum, BlobId, BucketName, Checksum, ChecksumAlgorithm, ChecksumScope, Clock, Content, ETag, Extent,
    Headers, KeyId, ObjectFacts, ObjectKey, Piece, Region, Tags, Timestamp, VersionId, WrappedKey, WriteCondition,
};
use metadata::rocks::{RocksMap, RocksSettings};
use metadata::{Bucket, Catalog, Deletion, NewVersion, ObjectScan, Veil};
use tokio::runtime::Runtime;

/// Keys of a page, the most that S3 gives at once.
const PAGE_KEYS: usize = 1_000;
/// Writers at once while a bucket is filled, so that commits are grouped.
const WRITERS: usize = 256;
const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

/// The machine's clock.
struct RealClock;

impl Clock for RealClock {
    fn now(&self) -> Timestamp {
        NOW
    }
    fn monotonic(&self) -> Duration {
        self.since_boot()
    }
    #[expect(clippy::disallowed_methods, reason = "a bench runs in real time")]
    fn since_boot(&self) -> Duration {
        std::time::SystemTime::now().duration_since(std::time::SystemTime::UNIX_EPOCH).unwrap_or_default()
    }
    fn boot_id(&self) -> [u8; 16] {
        [1; 16]
    }
    fn sleep(&self, by: Duration) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(tokio::time::sleep(by))
    }
}

struct Lake {
    catalog: Catalog,
    map: Arc<RocksMap>,
    entropy: SeededEntropy,
    _directory: tempfile::TempDir,
}

impl Lake {
    async fn open() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let settings = RocksSettings {
            directory: directory.path().join("catalogue"),
            block_cache_bytes: 64 << 20,
            group_bytes_max: 1 << 20,
            group_batches_max: 1_024,
        };
        let map = RocksMap::open(settings, Arc::new(RealClock)).expect("a map");
        let entropy = SeededEntropy::new(1);
        let shared = Arc::clone(&map) as Arc<dyn metadata::KeyValue>;
        let catalog = Catalog::open(shared, &entropy, NOW).await.expect("a catalogue");
        Self { catalog, map, entropy, _directory: directory }
    }

    async fn bucket(&self, name: &str) -> Arc<Bucket> {
        let name = BucketName::new(name).expect("a name");
        let region = Region::new("us-east-1").expect("a region");
        self.catalog.create_bucket(metadata::NewBucket::plain(&name, &region, NOW, "bench")).await.expect("a bucket")
    }

    async fn fill(&self, bucket: &Bucket, keys: u64) {
        let puts = stream::iter(0..keys).map(|number| self.put(bucket, number)).buffer_unordered(WRITERS);
        puts.try_for_each(|()| async { Ok(()) }).await.expect("filled");
    }

    async fn put(&self, bucket: &Bucket, number: u64) -> Result<(), metadata::CatalogError> {
        let (key, condition) = (key(number), WriteCondition::default());
        let id = VersionId::random(&self.entropy);
        let put = NewVersion {
            key: &key,
            id,
            now: NOW,
            facts: facts(id),
            inline: None,
            placements: Vec::new(),
            condition: &condition,
            unseen: Veil::NONE,
            by: "bench",
            completes: None,
            annotations: Vec::new(),
            keeps_embargo: None,
        };
        self.catalog.put(bucket, put).await.map(drop)
    }

    async fn empty(&self, bucket: &Bucket, keys: std::ops::Range<u64>) {
        let deletes = stream::iter(keys).map(|number| self.delete(bucket, number)).buffer_unordered(WRITERS);
        deletes.try_for_each(|()| async { Ok(()) }).await.expect("emptied");
    }

    async fn delete(&self, bucket: &Bucket, number: u64) -> Result<(), metadata::CatalogError> {
        let (key, condition) = (key(number), WriteCondition::default());
        let marker = VersionId::random(&self.entropy);
        let deletion = Deletion {
            key: &key,
            name: None,
            marker,
            now: NOW,
            condition: &condition,
            unseen: Veil::NONE,
            release: kernel::Release::NONE,
            by: "bench",
        };
        self.catalog.delete(bucket, deletion).await.map(drop)
    }

    async fn page(&self, bucket: &Bucket, after: Option<&ObjectKey>) {
        let after = after.map(ObjectKey::as_str);
        let scan = ObjectScan { bucket: bucket.id, prefix: "", delimiter: None, after, limit: PAGE_KEYS };
        let page = self.catalog.list_objects(scan).await.expect("a page");
        assert_eq!(page.rows.len(), PAGE_KEYS);
    }
}

fn key(number: u64) -> ObjectKey {
    ObjectKey::new(&format!("turbine/{:08}/{number:012}.parquet", number / 100)).expect("a key")
}

/// Facts of a small object, as large as a real one's.
fn facts(id: VersionId) -> ObjectFacts {
    let blob = BlobId::from_bytes(*id.as_bytes());
    let piece = Piece { blob, bytes: 4_096, sealed_bytes: 4_112, sealed_crc64: 1, inline: true };
    let key = WrappedKey { master: KeyId::from_bytes([1; 16]), wrapped: vec![2; 61] };
    ObjectFacts {
        owner: kernel::AccountId::HOME,
        acl: None,
        protection: kernel::Protection::default(),
        bytes: 4_096,
        etag: ETag { md5: *id.as_bytes(), parts: None },
        checksum: Checksum {
            algorithm: ChecksumAlgorithm::Crc64Nvme,
            scope: ChecksumScope::FullObject,
            value: vec![3; 8],
        },
        headers: Headers { content_type: Some("application/octet-stream".into()), ..Headers::default() },
        metadata: [("turbine".to_owned(), "17".to_owned())].into(),
        tags: Tags::default(),
        content: Content::Whole(Extent { key, pieces: vec![piece] }),
        annotations: AnnotationSum::default(),
    }
}

fn list(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let lake = runtime.block_on(Lake::open());
    let mut group = criterion.benchmark_group("list");
    group.throughput(Throughput::Elements(PAGE_KEYS as u64)).sample_size(50);
    for keys in [10_000, 200_000] {
        let bucket = runtime.block_on(async {
            let bucket = lake.bucket(&format!("keys-{keys}")).await;
            lake.fill(&bucket, keys).await;
            bucket
        });
        let mut seeded = Seeded::new(keys);
        group.bench_function(format!("page of {keys} keys"), |bencher| {
            let start = || key(seeded.below(keys - PAGE_KEYS as u64 - 1));
            bencher.to_async(&runtime).iter_batched(
                start,
                |start| {
                    let (lake, bucket) = (&lake, &bucket);
                    async move { lake.page(bucket, Some(&start)).await }
                },
                BatchSize::SmallInput,
            );
        });
    }
    let bucket = runtime.block_on(async {
        let bucket = lake.bucket("deleted-100000").await;
        lake.fill(&bucket, 110_000).await;
        lake.empty(&bucket, 0..100_000).await;
        bucket
    });
    group.bench_function("page behind 100000 deleted keys", |bencher| {
        bencher.to_async(&runtime).iter(|| lake.page(&bucket, None));
    });
    group.finish();
    runtime.block_on(lake.map.close());
}

criterion_group!(benches, list);
criterion_main!(benches);
