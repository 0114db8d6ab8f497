//! Any row of operations leaves the catalogue as the model says.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kernel::{AnnotationName, BlobId, ETag, Region, Tags, UploadId, VersionName, Versioning, WriteCondition};
use metadata::rocks::RocksMap;
use metadata::{Amended, Amendment, CatalogError, Upload};
use proptest::prelude::*;

use crate::audit::{all_annotations, all_buckets, all_uploads, all_versions, audit, audit_and_sweep, current, replay};
use crate::lake::{ANY, BY, Body, Lake, bucket_name, etag, if_match, if_none_match_any, key, run, tags};
use crate::machine;
use crate::model::{ModelBucket, ModelUpload, ModelVersion};

#[derive(Debug, Clone, Copy)]
enum Expecting {
    Anything,
    Nothing,
    /// The mark of the newest put.
    Mark(u8),
}

impl Expecting {
    fn condition(self) -> WriteCondition {
        match self {
            Self::Anything => ANY,
            Self::Nothing => if_none_match_any(),
            Self::Mark(mark) => if_match(mark),
        }
    }
}

#[derive(Debug, Clone)]
enum Op {
    Create(usize),
    DeleteBucket(usize),
    SetVersioning(usize, bool),
    TagBucket(usize),
    Put { bucket: usize, key: usize, pieces: usize, mark: u8, expecting: Expecting },
    Delete { bucket: usize, key: usize, expecting: Expecting },
    DeleteVersion { bucket: usize, key: usize, pick: usize },
    DeleteNull { bucket: usize, key: usize },
    DeleteUnknown { bucket: usize, key: usize },
    Tag { bucket: usize, key: usize, pick: Option<usize> },
    Annotate { bucket: usize, key: usize, pick: Option<usize>, name: usize, pieces: usize },
    Unannotate { bucket: usize, key: usize, pick: Option<usize>, name: usize },
    Start { bucket: usize, key: usize },
    Part { bucket: usize, pick: usize, number: u16, pieces: usize },
    Complete { bucket: usize, pick: usize, chosen: u8 },
    Abort { bucket: usize, pick: usize },
    Sweep,
}

const BUCKETS: [&str; 2] = ["first", "second"];
const NAMES: [&str; 3] = ["a", "a.b", "θ"];
const KEYS: [&str; 4] = ["a", "a/b", "a\u{1}", "🌬"];

fn op() -> impl Strategy<Value = Op> {
    let bucket = || 0..BUCKETS.len();
    let key = || 0..KEYS.len();
    let expecting = || {
        prop_oneof![
            6 => Just(Expecting::Anything),
            1 => Just(Expecting::Nothing),
            1 => (0..4_u8).prop_map(Expecting::Mark),
        ]
    };
    prop_oneof![
        4 => bucket().prop_map(Op::Create),
        1 => bucket().prop_map(Op::DeleteBucket),
        3 => (bucket(), any::<bool>()).prop_map(|(bucket, enabled)| Op::SetVersioning(bucket, enabled)),
        1 => bucket().prop_map(Op::TagBucket),
        12 => (bucket(), key(), 0..4_usize, 0..4_u8, expecting())
            .prop_map(|(bucket, key, pieces, mark, expecting)| Op::Put { bucket, key, pieces, mark, expecting }),
        5 => (bucket(), key(), expecting()).prop_map(|(bucket, key, expecting)| Op::Delete { bucket, key, expecting }),
        6 => (bucket(), key(), 0..5_usize).prop_map(|(bucket, key, pick)| Op::DeleteVersion { bucket, key, pick }),
        2 => (bucket(), key()).prop_map(|(bucket, key)| Op::DeleteNull { bucket, key }),
        1 => (bucket(), key()).prop_map(|(bucket, key)| Op::DeleteUnknown { bucket, key }),
        2 => (bucket(), key(), proptest::option::of(0..5_usize))
            .prop_map(|(bucket, key, pick)| Op::Tag { bucket, key, pick }),
        5 => (bucket(), key(), proptest::option::of(0..5_usize), 0..NAMES.len(), 0..3_usize)
            .prop_map(|(bucket, key, pick, name, pieces)| Op::Annotate { bucket, key, pick, name, pieces }),
        2 => (bucket(), key(), proptest::option::of(0..5_usize), 0..NAMES.len())
            .prop_map(|(bucket, key, pick, name)| Op::Unannotate { bucket, key, pick, name }),
        3 => (bucket(), key()).prop_map(|(bucket, key)| Op::Start { bucket, key }),
        6 => (bucket(), 0..3_usize, 1..4_u16, 0..3_usize)
            .prop_map(|(bucket, pick, number, pieces)| Op::Part { bucket, pick, number, pieces }),
        3 => (bucket(), 0..3_usize, 1..8_u8).prop_map(|(bucket, pick, chosen)| Op::Complete { bucket, pick, chosen }),
        1 => (bucket(), 0..3_usize).prop_map(|(bucket, pick)| Op::Abort { bucket, pick }),
        1 => Just(Op::Sweep),
    ]
}

/// A catalogue and a model that should agree.
struct Pair {
    lake: Lake,
    model: BTreeMap<&'static str, ModelBucket>,
    /// Blobs that ever came in with a change that took effect.
    written: BTreeSet<BlobId>,
    removed: BTreeSet<BlobId>,
    mutations: usize,
}

impl Pair {
    fn body(&self, pieces: usize) -> Body {
        if pieces == 0 { self.lake.body(1, 3, true) } else { self.lake.body(pieces, 5, false) }
    }

    fn wrote(&mut self, body: &Body) {
        self.written.extend(body.placements.iter().map(|(blob, _)| *blob));
    }

    /// An operation on a bucket that the model does not know finds none in the catalogue either.
    async fn step(&mut self, op: Op) {
        match op {
            Op::Create(bucket) => self.create(BUCKETS[bucket]).await,
            Op::Sweep => {
                let removed = audit_and_sweep(&self.lake, 3).await;
                self.removed.extend(removed);
            }
            Op::DeleteBucket(bucket) | Op::SetVersioning(bucket, _) | Op::TagBucket(bucket) => {
                if self.exists(BUCKETS[bucket]).await {
                    self.step_of_bucket(BUCKETS[bucket], op).await;
                }
            }
            Op::Start { bucket, .. }
            | Op::Part { bucket, .. }
            | Op::Complete { bucket, .. }
            | Op::Abort { bucket, .. } => {
                if self.exists(BUCKETS[bucket]).await {
                    self.step_of_upload(BUCKETS[bucket], op).await;
                }
            }
            Op::Put { bucket, .. }
            | Op::Delete { bucket, .. }
            | Op::DeleteVersion { bucket, .. }
            | Op::DeleteNull { bucket, .. }
            | Op::DeleteUnknown { bucket, .. }
            | Op::Tag { bucket, .. }
            | Op::Annotate { bucket, .. }
            | Op::Unannotate { bucket, .. } => {
                if self.exists(BUCKETS[bucket]).await {
                    self.step_of_key(BUCKETS[bucket], op).await;
                }
            }
        }
    }

    async fn exists(&self, name: &str) -> bool {
        let found = self.lake.catalog.bucket(&bucket_name(name)).await.expect("a read");
        assert_eq!(found.is_some(), self.model.contains_key(name));
        found.is_some()
    }

    async fn create(&mut self, name: &'static str) {
        let region = Region::new("here").expect("a valid region");
        let created = self
            .lake
            .catalog
            .create_bucket(metadata::NewBucket::plain(&bucket_name(name), &region, self.lake.now(), BY))
            .await;
        if self.model.contains_key(name) {
            assert!(matches!(created, Err(CatalogError::BucketExists)));
        } else {
            created.expect("a new bucket");
            self.model.insert(name, ModelBucket::default());
            self.mutations += 1;
        }
    }

    async fn step_of_bucket(&mut self, name: &'static str, op: Op) {
        let bucket = self.lake.bucket(name).await;
        let now = self.lake.now();
        match op {
            Op::DeleteBucket(_) => {
                let deleted = self.lake.catalog.delete_bucket(&bucket, now, BY).await;
                if self.model[name].keys.is_empty() {
                    deleted.expect("an empty bucket");
                    self.model.remove(name);
                } else {
                    assert!(matches!(deleted, Err(CatalogError::BucketNotEmpty)));
                    return;
                }
            }
            Op::SetVersioning(_, enabled) => {
                let versioning = if enabled { Versioning::Enabled } else { Versioning::Suspended };
                self.lake.catalog.set_versioning(&bucket, versioning, now, BY).await.expect("a change");
                self.model.get_mut(name).expect("the bucket").versioning = versioning;
            }
            Op::TagBucket(_) => {
                self.lake.catalog.set_bucket_tags(&bucket, tags("bucket"), now, BY).await.expect("a change");
                assert_eq!(self.lake.bucket(name).await.tags, tags("bucket"));
            }
            _ => unreachable!("an operation on a bucket"),
        }
        self.mutations += 1;
    }

    async fn step_of_key(&mut self, name: &'static str, op: Op) {
        match op {
            Op::Put { key, pieces, mark, expecting, .. } => self.put(name, KEYS[key], (pieces, mark), expecting).await,
            Op::Delete { key, expecting, .. } => self.delete(name, KEYS[key], expecting).await,
            Op::DeleteVersion { key, pick, .. } => {
                if let Some(version) = self.picked(name, KEYS[key], pick) {
                    self.delete_version(name, KEYS[key], version).await;
                }
            }
            Op::DeleteNull { key, .. } => self.delete_version(name, KEYS[key], VersionName::Null).await,
            Op::DeleteUnknown { key, .. } => {
                let unknown = VersionName::Id(self.lake.version_id());
                self.delete_version(name, KEYS[key], unknown).await;
            }
            Op::Tag { key, pick, .. } => {
                let version = pick.and_then(|pick| self.picked(name, KEYS[key], pick));
                self.tag(name, KEYS[key], version).await;
            }
            Op::Annotate { key, pick, name: annotation, pieces, .. } => {
                let version = pick.and_then(|pick| self.picked(name, KEYS[key], pick));
                self.annotate(name, KEYS[key], version, (NAMES[annotation], pieces)).await;
            }
            Op::Unannotate { key, pick, name: annotation, .. } => {
                let version = pick.and_then(|pick| self.picked(name, KEYS[key], pick));
                self.unannotate(name, KEYS[key], version, NAMES[annotation]).await;
            }
            _ => unreachable!("an operation on a key"),
        }
    }

    fn picked(&self, name: &str, key: &str, pick: usize) -> Option<VersionName> {
        let history = self.model[name].keys.get(key)?;
        history.get(pick % history.len()).map(ModelVersion::name)
    }

    async fn put(&mut self, name: &'static str, text: &str, (pieces, mark): (usize, u8), expecting: Expecting) {
        let bucket = self.lake.bucket(name).await;
        let (object_key, body, condition) = (key(text), self.body(pieces), expecting.condition());
        let put = self.lake.new_version(&object_key, mark, body.clone(), &condition);
        let id = put.id;
        let written = self.lake.catalog.put(&bucket, put).await;
        let model = self.model.get_mut(name).expect("the bucket");
        if model.allows(text, &condition) {
            let version = written.expect("an allowed put");
            model.write(text, id, Some((etag(mark), body.extent.bytes(), Tags::default())));
            assert_eq!(model.newest(text), Some(&ModelVersion::from(&version)));
            self.mutations += 1;
            self.wrote(&body);
        } else {
            assert!(matches!(written, Err(CatalogError::Condition(_))));
        }
    }

    async fn delete(&mut self, name: &'static str, text: &str, expecting: Expecting) {
        let bucket = self.lake.bucket(name).await;
        let (object_key, condition) = (key(text), expecting.condition());
        let deletion = self.lake.deletion(&object_key, None, &condition);
        let marker = deletion.marker;
        let deleted = self.lake.catalog.delete(&bucket, deletion).await;
        let model = self.model.get_mut(name).expect("the bucket");
        if model.allows(text, &condition) {
            let done = deleted.expect("an allowed deletion");
            let (name, is_marker, has_changed) = model.delete(text, marker);
            assert_eq!((done.name, done.is_marker, done.sequence.is_some()), (name, is_marker, has_changed));
            self.mutations += usize::from(has_changed);
        } else {
            assert!(matches!(deleted, Err(CatalogError::Condition(_))));
        }
    }

    async fn delete_version(&mut self, name: &'static str, text: &str, version: VersionName) {
        let bucket = self.lake.bucket(name).await;
        let done = self.lake.delete(&bucket, text, Some(version)).await;
        let removed = self.model.get_mut(name).expect("the bucket").remove(text, version);
        assert_eq!(done.name, Some(version));
        assert_eq!((done.sequence.is_some(), done.is_marker), (removed.is_some(), removed == Some(true)));
        self.mutations += usize::from(removed.is_some());
    }

    async fn tag(&mut self, name: &'static str, text: &str, version: Option<VersionName>) {
        let bucket = self.lake.bucket(name).await;
        let new = tags(&self.mutations.to_string());
        let now = self.lake.now();
        let tagged = self
            .lake
            .catalog
            .amend_object(
                &bucket,
                Amended { key: &key(text), name: version, only_if: None, now, by: BY },
                &Amendment::Tags(new.clone()),
            )
            .await;
        if self.model.get_mut(name).expect("the bucket").retag(text, version, new.clone()) {
            assert_eq!(tagged.expect("an object").object().map(|facts| &facts.tags), Some(&new));
            self.mutations += 1;
        } else {
            assert!(matches!(tagged, Err(CatalogError::VersionGone)));
        }
    }

    async fn annotate(
        &mut self,
        name: &'static str,
        text: &str,
        version: Option<VersionName>,
        (annotation, pieces): (&str, usize),
    ) {
        let bucket = self.lake.bucket(name).await;
        let (object_key, body, mark) = (key(text), self.body(pieces), self.mutations as u8);
        let (of, bytes) = (self.lake.annotated(&object_key, version), body.extent.bytes());
        let new = self.lake.new_annotation(annotation, mark, body.clone());
        let written = self.lake.catalog.put_annotation(&bucket, of, new).await;
        let model = self.model.get_mut(name).expect("the bucket");
        match model.annotated(text, version) {
            Some(id) => {
                assert_eq!(written.expect("an object").0.id, id);
                model.annotations.entry(id).or_default().insert(annotation.to_owned(), (etag(mark), bytes));
                self.mutations += 1;
                self.wrote(&body);
            }
            None => assert!(matches!(written, Err(CatalogError::VersionGone))),
        }
    }

    async fn unannotate(&mut self, name: &'static str, text: &str, version: Option<VersionName>, annotation: &str) {
        let bucket = self.lake.bucket(name).await;
        let (object_key, annotation) = (key(text), AnnotationName::new(annotation).expect("a valid name"));
        let of = self.lake.annotated(&object_key, version);
        let removed = self.lake.catalog.remove_annotation(&bucket, of, &annotation).await;
        let model = self.model.get_mut(name).expect("the bucket");
        match model.annotated(text, version) {
            Some(id) => {
                let was_there = model.annotations.entry(id).or_default().remove(annotation.as_str()).is_some();
                assert_eq!(removed.expect("an object").1.is_some(), was_there);
                self.mutations += usize::from(was_there);
            }
            None => assert!(matches!(removed, Err(CatalogError::VersionGone))),
        }
    }

    async fn step_of_upload(&mut self, name: &'static str, op: Op) {
        let bucket = self.lake.bucket(name).await;
        if let Op::Start { key, .. } = op {
            let upload = self.lake.start(&bucket, KEYS[key]).await;
            let uploads = &mut self.model.get_mut(name).expect("the bucket").uploads;
            uploads.insert(upload.id, ModelUpload { key: KEYS[key].to_owned(), parts: BTreeMap::new() });
            self.mutations += 1;
            return;
        }
        let (Op::Part { pick, .. } | Op::Complete { pick, .. } | Op::Abort { pick, .. }) = op else {
            unreachable!("an operation on an upload")
        };
        let ids: Vec<UploadId> = self.model[name].uploads.keys().copied().collect();
        let Some(id) = ids.get(pick % ids.len().max(1)).copied() else { return };
        let object_key = key(&self.model[name].uploads[&id].key);
        let upload = self.lake.catalog.upload(bucket.id, &object_key, id).await.expect("a read").expect("the upload");
        match op {
            Op::Part { number, pieces, .. } => self.part(name, &upload, number, pieces).await,
            Op::Complete { chosen, .. } => self.complete(name, &upload, chosen).await,
            _ => {
                self.lake.catalog.abort_upload(&bucket, &upload, self.lake.now(), BY).await.expect("the upload");
                self.model.get_mut(name).expect("the bucket").uploads.remove(&id);
                self.mutations += 1;
            }
        }
    }

    async fn part(&mut self, name: &'static str, upload: &Upload, number: u16, pieces: usize) {
        let bucket = self.lake.bucket(name).await;
        let body = self.body(pieces);
        let part = self.lake.new_part(number, body.clone());
        self.lake.catalog.put_part(&bucket, upload, part.clone()).await.expect("the upload");
        self.wrote(&body);
        let uploads = &mut self.model.get_mut(name).expect("the bucket").uploads;
        uploads.get_mut(&upload.id).expect("the upload").parts.insert(number, part.part);
    }

    async fn complete(&mut self, name: &'static str, upload: &Upload, chosen: u8) {
        let bucket = self.lake.bucket(name).await;
        let stored = &self.model[name].uploads[&upload.id].parts;
        let parts: Vec<_> = stored.values().filter(|part| chosen >> part.number & 1 == 1).cloned().collect();
        if parts.is_empty() {
            return;
        }
        let bytes = parts.iter().map(|part| part.bytes).sum();
        let version = self.lake.complete(&bucket, upload, parts.clone()).await.expect("the upload");
        let mut start = 0;
        for (at, part) in
            self.lake.catalog.list_parts_after(upload.id, 0, 100).await.expect("a read").iter().zip(&parts)
        {
            assert_eq!(at, &(start, part.clone()));
            start += part.bytes;
        }
        let model = self.model.get_mut(name).expect("the bucket");
        model.uploads.remove(&upload.id);
        let tag: ETag = version.object().expect("an object").etag;
        model.write(upload.key.as_str(), version.id, Some((tag, bytes, Tags::default())));
        self.mutations += 1;
    }

    /// The whole of both, compared.
    async fn compare(&self) {
        let buckets = all_buckets(&self.lake).await;
        let names: Vec<&str> = buckets.iter().map(|bucket| bucket.name.as_str()).collect();
        assert_eq!(names, self.model.keys().copied().collect::<Vec<_>>());
        for bucket in &buckets {
            let model = &self.model[bucket.name.as_str()];
            assert_eq!(bucket.versioning, model.versioning);
            let mut expected = Vec::new();
            for (key, history) in &model.keys {
                let newest_first = history.iter().rev().enumerate();
                expected.extend(newest_first.map(|(index, version)| (key.clone(), version.clone(), index == 0)));
            }
            let found = all_versions(&self.lake, bucket).await;
            for (version, _) in &found {
                let annotations = all_annotations(&self.lake, version.id).await;
                let seen = annotations.iter().map(|one| (one.name.to_string(), (one.etag, one.bytes)));
                let expected = model.annotations.get(&version.id).cloned().unwrap_or_default();
                assert_eq!(seen.collect::<Vec<_>>(), expected.into_iter().collect::<Vec<_>>());
            }
            let found: Vec<_> =
                found.iter().map(|(version, latest)| (version.key.to_string(), version.into(), *latest)).collect();
            assert_eq!(found, expected);
            for text in KEYS {
                let newest = self.lake.version(bucket, text, None).await;
                assert_eq!(newest.as_ref().map(ModelVersion::from).as_ref(), model.newest(text));
                let null = self.lake.version(bucket, text, Some(VersionName::Null)).await;
                assert_eq!(null.as_ref().map(ModelVersion::from).as_ref(), model.find(text, VersionName::Null));
            }
            let mut uploads: Vec<_> = model.uploads.iter().map(|(id, upload)| (upload.key.clone(), *id)).collect();
            uploads.sort();
            let found = all_uploads(&self.lake, bucket).await;
            assert_eq!(found.iter().map(|upload| (upload.key.to_string(), upload.id)).collect::<Vec<_>>(), uploads);
            for (id, upload) in &model.uploads {
                let (parts, _) = self.lake.catalog.parts(*id, 0, 100).await.expect("a read");
                assert_eq!(parts, upload.parts.values().cloned().collect::<Vec<_>>());
            }
        }
    }
}

/// Does it all, and compares the catalogue with the model on the way and at the end.
async fn agree(lake: Lake, ops: Vec<Op>) -> Lake {
    let mut pair =
        Pair { lake, model: BTreeMap::new(), written: BTreeSet::new(), removed: BTreeSet::new(), mutations: 0 };
    for (index, op) in ops.into_iter().enumerate() {
        pair.step(op).await;
        if index % 8 == 0 {
            pair.compare().await;
        }
    }
    pair.compare().await;
    let referred = audit(&pair.lake).await;
    let removed = audit_and_sweep(&pair.lake, 2).await;
    pair.removed.extend(removed);
    let unreferred: BTreeSet<_> = pair.written.difference(&referred.blobs).copied().collect();
    assert_eq!(pair.removed, unreferred, "every blob is referred to, or the sweep was given it");
    let (replayed, changes) = replay(&pair.lake).await;
    assert_eq!(changes.len(), pair.mutations, "one record per mutation");
    assert_eq!(replayed, current(&pair.lake).await, "the log tells the same story");
    pair.lake
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn the_catalogue_agrees_with_the_model(ops in proptest::collection::vec(op(), 1..90)) {
        run(async {
            agree(Lake::new().await, ops).await;
        });
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]

    /// On disk too, and when it is opened again.
    #[test]
    fn the_catalogue_on_disk_agrees_with_the_model(ops in proptest::collection::vec(op(), 60..90)) {
        run(async {
            let directory = tempfile::tempdir().expect("a directory");
            let open = || RocksMap::open(machine::settings(directory.path()), Arc::new(machine::StoppedClock)).expect("a map");
            let map = open();
            let before = agree(Lake::over(map.clone()).await, ops).await;
            let (current_before, deployment) = (current(&before).await, before.catalog.deployment());
            drop(before);
            map.close().await;
            drop(map);
            let map = open();
            let after = Lake::over(map.clone()).await;
            assert_eq!(after.catalog.deployment(), deployment);
            assert_eq!(current(&after).await, current_before);
            audit_and_sweep(&after, 10).await;
            drop(after);
            map.close().await;
        });
    }
}
