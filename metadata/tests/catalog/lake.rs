//! A catalogue to test, with a clock and entropy that the test holds in its hands.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering::SeqCst};

use bytes::Bytes;
use futures::future::BoxFuture;
use kernel::{
    AccountId, Annotation, AnnotationName, AnnotationSum, BlobId, BucketName, Checksum, ChecksumAlgorithm,
    ChecksumScope, Content, ETag, Entropy, EtagCondition, Extent, Headers, KeyId, ObjectFacts, ObjectKey, Part, Piece,
    Placement, Protection, Region, Sequence, SiteName, Tags, Timestamp, UploadId, UserMetadata, Version, VersionId,
    VersionName, Versioning, WrappedKey, WriteCondition,
};
use metadata::memory::MemoryMap;
use metadata::{
    Amended, Amendment, Annotated, Batch, Bucket, Catalog, CatalogError, Completion, Deletion, DeletionDone, Family,
    KeyValue, KeyValueError, NewAnnotation, NewPart, NewVersion, Step, Upload, Veil, Visit,
};

/// Bytes that differ from call to call and are the same in every run.
#[derive(Default)]
pub(crate) struct Seeded(AtomicU64);

impl Entropy for Seeded {
    fn fill(&self, into: &mut [u8]) {
        for chunk in into.chunks_mut(8) {
            let mut mixed = self.0.fetch_add(1, SeqCst).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            mixed = (mixed ^ (mixed >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
            chunk.copy_from_slice(&(mixed ^ (mixed >> 29)).to_be_bytes()[..chunk.len()]);
        }
    }
}

/// A map, counting the rows that scans visit.
pub(crate) struct Counting {
    pub(crate) inner: Arc<dyn KeyValue>,
    pub(crate) visited: Arc<AtomicUsize>,
    pub(crate) scanned: std::sync::Mutex<Vec<Family>>,
}

impl KeyValue for Counting {
    fn get(&self, keys: Vec<(Family, Vec<u8>)>) -> BoxFuture<'_, Result<Vec<Option<Bytes>>, KeyValueError>> {
        self.inner.get(keys)
    }

    fn scan(
        &self,
        family: Family,
        from: Vec<u8>,
        until: Vec<u8>,
        mut visit: Visit,
    ) -> BoxFuture<'_, Result<(), KeyValueError>> {
        self.scanned.lock().expect("nobody panicked").push(family);
        let visited = Arc::clone(&self.visited);
        let counted = move |key: &[u8], value: &[u8]| -> Step {
            visited.fetch_add(1, SeqCst);
            visit(key, value)
        };
        self.inner.scan(family, from, until, Box::new(counted))
    }

    fn apply(&self, batch: Batch) -> BoxFuture<'_, Result<Sequence, KeyValueError>> {
        self.inner.apply(batch)
    }

    fn durable(&self) -> Sequence {
        self.inner.durable()
    }
}

/// Bytes as storage would describe them.
#[derive(Clone)]
pub(crate) struct Body {
    pub(crate) extent: Extent,
    pub(crate) inline: Option<(BlobId, Bytes)>,
    pub(crate) placements: Vec<(BlobId, Vec<Placement>)>,
}

/// A catalogue and what it needs.
pub(crate) struct Lake {
    pub(crate) map: Arc<Counting>,
    pub(crate) catalog: Catalog,
    pub(crate) entropy: Seeded,
    pub(crate) now_ms: AtomicI64,
}

pub(crate) const BY: &str = "tester";
pub(crate) const ANY: WriteCondition = WriteCondition { if_match: None, if_none_match: None };

pub(crate) fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(future)
}

pub(crate) fn key(text: &str) -> ObjectKey {
    ObjectKey::new(text).expect("a valid key")
}

pub(crate) fn bucket_name(text: &str) -> BucketName {
    BucketName::new(text).expect("a valid name")
}

pub(crate) fn tags(value: &str) -> Tags {
    Tags::new([("name".to_owned(), value.to_owned())], 10).expect("a valid tag set")
}

pub(crate) fn etag(mark: u8) -> ETag {
    ETag { md5: [mark; 16], parts: None }
}

pub(crate) fn if_none_match_any() -> WriteCondition {
    WriteCondition { if_match: None, if_none_match: Some(EtagCondition::Any) }
}

pub(crate) fn if_match(mark: u8) -> WriteCondition {
    WriteCondition { if_match: Some(EtagCondition::OneOf(vec![etag(mark)])), if_none_match: None }
}

pub(crate) fn facts(mark: u8, content: Content, bytes: u64) -> ObjectFacts {
    ObjectFacts {
        bytes,
        etag: etag(mark),
        checksum: Checksum {
            algorithm: ChecksumAlgorithm::Crc64Nvme,
            scope: ChecksumScope::FullObject,
            value: vec![mark; 8],
        },
        headers: Headers::default(),
        metadata: UserMetadata::from([("mark".to_owned(), mark.to_string())]),
        tags: Tags::default(),
        content,
        annotations: AnnotationSum::default(),
        owner: kernel::AccountId::HOME,
        acl: None,
        protection: kernel::Protection::default(),
    }
}

impl Lake {
    pub(crate) async fn new() -> Self {
        Self::over(Arc::new(MemoryMap::new())).await
    }

    pub(crate) async fn over(inner: Arc<dyn KeyValue>) -> Self {
        let map = Arc::new(Counting { inner, visited: Arc::default(), scanned: std::sync::Mutex::default() });
        let entropy = Seeded::default();
        let catalog = Catalog::open(map.clone(), &entropy, Timestamp::from_secs(1)).await.expect("a lake");
        Self { map, catalog, entropy, now_ms: AtomicI64::new(1_000_000) }
    }

    /// The same lake through another gateway, which shares no lock and no cache with this one.
    pub(crate) async fn other_gateway(&self) -> Catalog {
        let shared: Arc<dyn KeyValue> = self.map.clone();
        Catalog::open(shared, &self.entropy, Timestamp::from_secs(1)).await.expect("the same lake")
    }

    /// The last change.
    pub(crate) fn durable(&self) -> Sequence {
        self.map.inner.durable()
    }

    /// A later instant with every call.
    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.now_ms.fetch_add(1, SeqCst))
    }

    pub(crate) fn version_id(&self) -> VersionId {
        VersionId::random(&self.entropy)
    }

    pub(crate) fn upload_id(&self) -> UploadId {
        UploadId::random(self.now(), &self.entropy)
    }

    pub(crate) async fn bucket(&self, name: &str) -> Arc<Bucket> {
        self.catalog.bucket(&bucket_name(name)).await.expect("a read").expect("the bucket")
    }

    pub(crate) async fn create(&self, name: &str, versioning: Versioning) -> Arc<Bucket> {
        let region = Region::new("here").expect("a valid region");
        let bucket = self
            .catalog
            .create_bucket(metadata::NewBucket::plain(&bucket_name(name), &region, self.now(), BY))
            .await
            .expect("a new bucket");
        if versioning != Versioning::Unversioned {
            self.catalog.set_versioning(&bucket, versioning, self.now(), BY).await.expect("a change");
        }
        self.bucket(name).await
    }

    /// `pieces` blobs of `bytes` each, or all bytes in the catalogue.
    pub(crate) fn body(&self, pieces: usize, bytes: u64, inline: bool) -> Body {
        let piece =
            |_| Piece { blob: BlobId::random(&self.entropy), bytes, sealed_bytes: bytes + 32, sealed_crc64: 7, inline };
        let pieces: Vec<_> = (0..if inline { 1 } else { pieces }).map(piece).collect();
        let sites = || vec![Placement::Copy(SiteName::home())];
        Body {
            inline: inline.then(|| (pieces[0].blob, Bytes::from_static(b"sealed"))),
            placements: pieces.iter().filter(|piece| !piece.inline).map(|piece| (piece.blob, sites())).collect(),
            extent: Extent { key: WrappedKey { master: KeyId::from_bytes([1; 16]), wrapped: vec![2; 40] }, pieces },
        }
    }

    pub(crate) fn new_version<'a>(
        &self,
        key: &'a ObjectKey,
        mark: u8,
        body: Body,
        condition: &'a WriteCondition,
    ) -> NewVersion<'a> {
        let bytes = body.extent.bytes();
        NewVersion {
            key,
            id: self.version_id(),
            now: self.now(),
            facts: facts(mark, Content::Whole(body.extent), bytes),
            inline: body.inline,
            placements: body.placements,
            condition,
            unseen: Veil::NONE,
            by: BY,
            completes: None,
            annotations: Vec::new(),
            keeps_embargo: None,
        }
    }

    pub(crate) fn new_annotation(&self, name: &str, mark: u8, body: Body) -> NewAnnotation {
        let annotation = Annotation {
            name: AnnotationName::new(name).expect("a valid name"),
            bytes: body.extent.bytes(),
            etag: etag(mark),
            checksum: Checksum {
                algorithm: ChecksumAlgorithm::Crc64Nvme,
                scope: ChecksumScope::FullObject,
                value: vec![mark; 8],
            },
            modified: self.now(),
            extent: body.extent,
        };
        NewAnnotation { annotation, inline: body.inline, placements: body.placements }
    }

    pub(crate) fn annotated<'a>(&self, key: &'a ObjectKey, name: Option<VersionName>) -> Annotated<'a> {
        Annotated { key, name, if_match: None, unseen: &Veil::NONE, now: self.now(), by: BY }
    }

    /// Puts an object of one byte in the catalogue, marked.
    pub(crate) async fn put(&self, bucket: &Bucket, text: &str, mark: u8) -> Version {
        let key = key(text);
        let put = self.new_version(&key, mark, self.body(1, 1, true), &ANY);
        self.catalog.put(bucket, put).await.expect("a put")
    }

    pub(crate) fn deletion<'a>(
        &self,
        key: &'a ObjectKey,
        name: Option<VersionName>,
        condition: &'a WriteCondition,
    ) -> Deletion<'a> {
        Deletion {
            key,
            name,
            marker: self.version_id(),
            now: self.now(),
            condition,
            unseen: Veil::NONE,
            release: kernel::Release::NONE,
            by: BY,
        }
    }

    pub(crate) async fn delete(&self, bucket: &Bucket, text: &str, name: Option<VersionName>) -> DeletionDone {
        self.catalog.delete(bucket, self.deletion(&key(text), name, &ANY)).await.expect("a deletion")
    }

    pub(crate) async fn version(&self, bucket: &Bucket, text: &str, name: Option<VersionName>) -> Option<Version> {
        self.catalog.version(bucket.id, &key(text), name).await.expect("a read")
    }

    pub(crate) async fn retag(
        &self,
        bucket: &Bucket,
        text: &str,
        name: Option<VersionName>,
        tags: Tags,
    ) -> Result<Version, CatalogError> {
        let of = Amended { key: &key(text), name, only_if: None, now: self.now(), by: BY };
        self.catalog.amend_object(bucket, of, &Amendment::Tags(tags)).await
    }

    pub(crate) fn new_upload(&self, text: &str) -> Upload {
        Upload {
            id: self.upload_id(),
            key: key(text),
            started: self.now(),
            headers: Headers::default(),
            metadata: UserMetadata::default(),
            tags: Tags::default(),
            algorithm: ChecksumAlgorithm::Crc64Nvme,
            full_object: true,
            checksum_chosen: false,
            initiator: "root".to_owned(),
            owner: AccountId::HOME,
            acl: None,
            protection: Protection::default(),
        }
    }

    pub(crate) async fn start(&self, bucket: &Bucket, text: &str) -> Upload {
        let upload = self.new_upload(text);
        self.catalog.create_upload(bucket, upload.clone(), BY).await.expect("an upload");
        upload
    }

    pub(crate) fn new_part(&self, number: u16, body: Body) -> NewPart {
        let part = Part {
            number,
            bytes: body.extent.bytes(),
            etag: etag(number as u8),
            checksum: Checksum {
                algorithm: ChecksumAlgorithm::Crc64Nvme,
                scope: ChecksumScope::FullObject,
                value: vec![number as u8; 8],
            },
            modified: self.now(),
            extent: body.extent,
        };
        NewPart { part, inline: body.inline, placements: body.placements }
    }

    /// Completes an upload with these parts.
    pub(crate) async fn complete(
        &self,
        bucket: &Bucket,
        upload: &Upload,
        parts: Vec<Part>,
    ) -> Result<Version, CatalogError> {
        let bytes = parts.iter().map(|part| part.bytes).sum();
        let content = Content::Parts { list: upload.id, count: parts.len() as u16 };
        let put = NewVersion {
            facts: facts(99, content, bytes),
            completes: Some(Completion { upload, parts }),
            ..self.new_version(&upload.key, 99, self.body(0, 0, false), &ANY)
        };
        self.catalog.put(bucket, put).await
    }

    /// Everything under these first bytes of a family's keys.
    pub(crate) async fn rows(&self, family: Family) -> Vec<(Vec<u8>, Bytes)> {
        let until = vec![0xff; 32];
        let gather = metadata::gather(&*self.map.inner, family, Vec::new(), until, Vec::new(), |rows, key, value| {
            rows.push((key.to_vec(), Bytes::copy_from_slice(value)));
            Step::Next
        });
        gather.await.expect("a scan")
    }
}
