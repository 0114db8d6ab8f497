//! The past: as of every change the catalogue shows what was current right after it, or says what became of it.

use kernel::{Sequence, Tags, Timestamp, VersionName, Versioning};
use metadata::{Bucket, CatalogError, Family, Grave, NoPast, ObjectScan, Past, Row};
use proptest::prelude::*;

use crate::lake::{BY, Lake, etag, key, run, tags};
use crate::model::{self, ModelBucket, ModelVersion};

const BUCKET: &str = "bucket";
const KEYS: [&str; 7] = ["a", "a/", "a/b", "a/c", "a\u{1}", "b/x/y", "🌬"];

#[derive(Debug, Clone)]
enum Op {
    SetVersioning(bool),
    Put(usize, u8),
    Delete(usize),
    DeleteVersion(usize, usize),
    DeleteNull(usize),
    Tag(usize, usize),
    /// Gives up the graves of so many of the removals remembered.
    Forget(usize),
}

fn op() -> impl Strategy<Value = Op> {
    let key = || 0..KEYS.len();
    prop_oneof![
        3 => any::<bool>().prop_map(Op::SetVersioning),
        10 => (key(), any::<u8>()).prop_map(|(key, mark)| Op::Put(key, mark)),
        4 => key().prop_map(Op::Delete),
        8 => (key(), 0..4_usize).prop_map(|(key, pick)| Op::DeleteVersion(key, pick)),
        2 => key().prop_map(Op::DeleteNull),
        1 => (key(), 0..4_usize).prop_map(|(key, pick)| Op::Tag(key, pick)),
        1 => (0..3_usize).prop_map(Op::Forget),
    ]
}

/// How things were.
struct Moment {
    at: Sequence,
    time: Timestamp,
    model: ModelBucket,
}

/// A bucket, its model, and all of its past.
struct Remembered {
    lake: Lake,
    model: ModelBucket,
    moments: Vec<Moment>,
    /// Versions removed for good whose graves are still there: when, and by which change.
    removals: Vec<(Timestamp, Sequence)>,
    since: Option<Sequence>,
    horizon: Sequence,
}

fn id_of(past: &Past) -> Option<(ModelVersion, Option<Grave>)> {
    match past {
        Past::Nothing => None,
        Past::Version(version) => Some((ModelVersion::from(&**version), None)),
        Past::Grave(grave) => {
            let version = ModelVersion { id: grave.version, is_null: grave.is_null, object: None };
            Some((version, Some(*grave)))
        }
    }
}

impl Remembered {
    async fn new() -> Self {
        let lake = Lake::new().await;
        lake.create(BUCKET, Versioning::Unversioned).await;
        let (moments, removals) = (Vec::new(), Vec::new());
        Self { lake, model: ModelBucket::default(), moments, removals, since: None, horizon: Sequence::ZERO }
    }

    fn time(&self) -> Timestamp {
        Timestamp::from_millis(self.lake.now_ms.load(std::sync::atomic::Ordering::SeqCst) - 1)
    }

    async fn step(&mut self, op: &Op) {
        let bucket = self.lake.bucket(BUCKET).await;
        let versions =
            |model: &ModelBucket| model.keys.values().flatten().map(|version| version.id).collect::<Vec<_>>();
        let before = versions(&self.model);
        self.perform(&bucket, op).await;
        let (at, time, after) = (self.lake.durable(), self.time(), versions(&self.model));
        if self.since.is_some() && before.iter().any(|id| !after.contains(id)) {
            self.removals.push((time, at));
        }
        if self.since.is_none() && self.model.versioning != Versioning::Unversioned {
            self.since = Some(at);
        }
        self.moments.push(Moment { at, time, model: self.model.clone() });
    }

    async fn perform(&mut self, bucket: &Bucket, op: &Op) {
        match *op {
            Op::SetVersioning(enabled) => {
                let versioning = if enabled { Versioning::Enabled } else { Versioning::Suspended };
                let now = self.lake.now();
                self.lake.catalog.set_versioning(bucket, versioning, now, BY).await.expect("a change");
                self.model.versioning = versioning;
            }
            Op::Put(key, mark) => {
                let version = self.lake.put(bucket, KEYS[key], mark).await;
                self.model.write(KEYS[key], version.id, Some((etag(mark), 1, Tags::default())));
            }
            Op::Delete(key) => {
                let done = self.lake.delete(bucket, KEYS[key], None).await;
                match done.name {
                    Some(_) => {
                        let marker = self.lake.version(bucket, KEYS[key], None).await.expect("the marker");
                        self.model.delete(KEYS[key], marker.id);
                    }
                    None => drop(self.model.remove(KEYS[key], VersionName::Null)),
                }
            }
            Op::DeleteVersion(key, pick) => {
                if let Some(name) = self.picked(key, pick) {
                    self.lake.delete(bucket, KEYS[key], Some(name)).await;
                    self.model.remove(KEYS[key], name);
                }
            }
            Op::DeleteNull(key) => {
                self.lake.delete(bucket, KEYS[key], Some(VersionName::Null)).await;
                self.model.remove(KEYS[key], VersionName::Null);
            }
            Op::Tag(text, pick) => {
                if let Some(name) = self.picked(text, pick)
                    && self.model.retag(KEYS[text], Some(name), tags("new"))
                {
                    let tagged = self.lake.retag(bucket, KEYS[text], Some(name), tags("new"));
                    tagged.await.expect("an object");
                }
            }
            Op::Forget(count) => self.forget(count).await,
        }
    }

    fn picked(&self, key: usize, pick: usize) -> Option<VersionName> {
        let history = self.model.keys.get(KEYS[key])?;
        history.get(pick % history.len()).map(ModelVersion::name)
    }

    async fn forget(&mut self, count: usize) {
        let count = count.min(self.removals.len());
        let until = count.checked_sub(1).map_or(Timestamp::from_millis(0), |last| self.removals[last].0);
        let mut forgotten = 0;
        loop {
            match self.lake.catalog.forget_graves(until, 2).await.expect("a change") {
                0 => break,
                more => forgotten += more,
            }
        }
        assert_eq!(forgotten, count);
        for (_, to) in self.removals.drain(..count) {
            self.horizon = to;
        }
    }

    /// Why the catalogue should know nothing of a moment.
    fn no_past(&self, at: Sequence) -> Option<NoPast> {
        match self.since {
            None => Some(NoPast::Unversioned),
            Some(since) if at < since => Some(NoPast::BeforeHistory { since }),
            Some(_) if at < self.horizon => Some(NoPast::BeforeHorizon { horizon: self.horizon }),
            Some(_) => None,
        }
    }

    /// Whether a version still exists.
    fn exists(&self, key: &str, version: &ModelVersion) -> Option<&ModelVersion> {
        self.model.keys.get(key)?.iter().find(|other| other.id == version.id)
    }

    async fn compare(&self, at: Sequence, then: &ModelBucket) {
        let bucket = self.lake.bucket(BUCKET).await;
        for text in KEYS {
            let found = self.lake.catalog.version_as_of(&bucket, &key(text), at).await;
            if let Some(why) = self.no_past(at) {
                let found = found.expect_err("there is no past");
                assert!(matches!(found, CatalogError::NoPast(found) if found == why), "{found:?} instead of {why:?}");
                continue;
            }
            let found = id_of(&found.expect("a past"));
            let expected = then.newest(text);
            match (found, expected) {
                (None, None) => {}
                (Some((found, None)), Some(expected)) => {
                    assert_eq!(Some(&found), self.exists(text, expected), "`{text}` as of {at}");
                }
                (Some((found, Some(grave))), Some(expected)) => {
                    assert!(self.exists(text, expected).is_none(), "`{text}` as of {at} is not dead");
                    assert_eq!((found.id, found.is_null), (expected.id, expected.is_null));
                    assert_eq!(grave.is_marker, expected.object.is_none());
                    assert_eq!(grave.name(), expected.name());
                    assert!(grave.from <= at && at < grave.to);
                }
                (found, expected) => panic!("`{text}` as of {at}: {found:?} instead of {expected:?}"),
            }
        }
        for (prefix, delimiter) in [("", None), ("", Some("/")), ("a", Some("/")), ("a/", None), ("", Some("a"))] {
            for limit in [1, 2, 100] {
                self.compare_listing(&bucket, at, then, (prefix, delimiter, limit)).await;
            }
        }
    }

    async fn compare_listing(
        &self,
        bucket: &Bucket,
        at: Sequence,
        then: &ModelBucket,
        (prefix, delimiter, limit): (&str, Option<&str>, usize),
    ) {
        let current = then.keys.iter().filter_map(|(key, history)| Some((key, history.last()?)));
        let objects: Vec<(String, ModelVersion)> = current
            .filter(|(_, version)| version.object.is_some())
            .map(|(key, version)| (key.clone(), version.clone()))
            .collect();
        let mut after: Option<String> = None;
        loop {
            let scan = ObjectScan { bucket: bucket.id, prefix, delimiter, after: after.as_deref(), limit };
            let listed = self.lake.catalog.list_objects_as_of(bucket, scan, at).await;
            if let Some(why) = self.no_past(at) {
                assert!(matches!(listed, Err(CatalogError::NoPast(found)) if found == why));
                return;
            }
            let (rows, truncated) = model::page(&objects, prefix, delimiter, after.as_deref(), limit);
            let is_dead = |(key, version): &&model::ModelRow<ModelVersion>| {
                version.as_ref().is_some_and(|version| self.exists(key, version).is_none())
            };
            if let Some((dead, _)) = rows.iter().find(is_dead) {
                let listed = listed.expect_err("an object of the page is gone");
                assert!(matches!(&listed, CatalogError::Removed { key } if key.as_str() == dead), "{listed:?}");
                after = Some(dead.clone());
                continue;
            }
            let listed = listed.unwrap_or_else(|error| panic!("{prefix} {delimiter:?} {after:?} as of {at}: {error}"));
            let found = listed.rows.iter().map(|row| match row {
                Row::Item(version) => (version.key.to_string(), Some(version.id)),
                Row::Prefix(prefix) => (prefix.clone(), None),
            });
            let found: Vec<_> = found.collect();
            let expected: Vec<_> = rows.into_iter().map(|(key, version)| (key, version.map(|it| it.id))).collect();
            assert_eq!(found, expected, "{prefix} {delimiter:?} {after:?} {limit} as of {at}");
            assert_eq!(listed.next.is_some(), truncated);
            match listed.next {
                None => return,
                next => after = next,
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    /// The main proof: whatever is done, no moment at or above the horizon ever looks different.
    #[test]
    fn every_moment_stays_as_it_was(ops in proptest::collection::vec(op(), 1..60)) {
        run(async {
            let mut remembered = Remembered::new().await;
            let mut meanings = Vec::new();
            for (index, op) in ops.iter().enumerate() {
                remembered.step(op).await;
                if index % 3 == 0 {
                    let time = remembered.time();
                    let meaning = remembered.lake.catalog.sequence_at(time, time).await.expect("a time");
                    meanings.push((time, meaning));
                }
                if index % 16 == 7 {
                    let moment = &remembered.moments[index / 2];
                    remembered.compare(moment.at, &moment.model).await;
                }
            }
            let now = remembered.lake.now();
            let elsewhere = remembered.lake.other_gateway().await;
            for moment in &remembered.moments {
                remembered.compare(moment.at, &moment.model).await;
                let at = remembered.lake.catalog.sequence_at(moment.time, now).await.expect("a time");
                remembered.compare(at, &moment.model).await;
                prop_assert_eq!(elsewhere.sequence_at(moment.time, now).await.expect("a time"), at);
            }
            for (time, meaning) in meanings {
                prop_assert_eq!(elsewhere.sequence_at(time, now).await.expect("a time"), meaning);
            }
            let ahead = remembered.lake.catalog.sequence_at(remembered.lake.now(), now).await;
            prop_assert!(matches!(ahead, Err(CatalogError::NoPast(NoPast::TimeAhead))));
            Ok(())
        })?;
    }
}

/// What is done to the order of time.
#[derive(Debug, Clone)]
enum Tick {
    /// A change at this time. The clock may step back.
    Change(i64),
    /// Somebody asks at this time for an earlier one.
    Ask {
        now: i64,
        ago: i64,
    },
    Mark(usize),
}

fn tick() -> impl Strategy<Value = Tick> {
    prop_oneof![
        4 => (0..60_i64).prop_map(Tick::Change),
        3 => (0..60_i64, 0..12_i64).prop_map(|(now, ago)| Tick::Ask { now, ago }),
        1 => (1..4_usize).prop_map(Tick::Mark),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_time_means_the_same_whenever_it_is_asked(ticks in proptest::collection::vec(tick(), 1..60)) {
        run(async {
            let lake = Lake::new().await;
            lake.now_ms.store(0, std::sync::atomic::Ordering::SeqCst);
            let bucket = lake.create(BUCKET, Versioning::Unversioned).await;
            let mut meanings = std::collections::BTreeMap::<Timestamp, Sequence>::new();
            for tick in ticks {
                match tick {
                    Tick::Change(when) => {
                        let bucket = lake.bucket(bucket.name.as_str()).await;
                        let when = Timestamp::from_millis(when);
                        lake.catalog.set_bucket_tags(&bucket, tags("x"), when, BY).await.expect("a change");
                    }
                    Tick::Ask { now, ago } => {
                        let (now, time) = (Timestamp::from_millis(now), Timestamp::from_millis(now - ago));
                        let meaning = lake.other_gateway().await.sequence_at(time, now).await.expect("a time");
                        prop_assert!(meaning <= lake.durable());
                        prop_assert_eq!(*meanings.entry(time).or_insert(meaning), meaning);
                        prop_assert_eq!(lake.catalog.sequence_at(time, now).await.expect("a time"), meaning);
                    }
                    Tick::Mark(stride) => {
                        lake.catalog.mark_log(stride).await.expect("a change");
                    }
                }
            }
            let changes = lake.catalog.changes(Sequence::ZERO, 1_000).await.expect("a read");
            let mut before = Sequence::ZERO;
            for (time, meaning) in meanings {
                prop_assert!(before <= meaning, "a later time means an earlier change");
                before = meaning;
                prop_assert!(changes.iter().all(|change| change.sequence > meaning || change.when <= time));
            }
            Ok(())
        })?;
    }
}

#[test]
fn marks_shorten_the_walk() {
    run(async {
        let lake = Lake::new().await;
        let bucket = lake.create(BUCKET, Versioning::Enabled).await;
        let mut written = Vec::new();
        for _ in 0..3_000 {
            written.push(lake.put(&bucket, "k", 1).await);
        }
        while lake.catalog.mark_log(100).await.expect("a change") {}
        assert_eq!(lake.rows(Family::Marks).await.len(), 30);
        for version in written.iter().step_by(271) {
            let asked = lake.catalog.sequence_at(version.modified, lake.now());
            let (visited, _) = lake.visits(async { assert_eq!(asked.await.expect("a time"), version.sequence) }).await;
            assert!(visited <= 103, "{visited} rows");
        }
        let elsewhere = lake.other_gateway().await;
        assert!(!elsewhere.mark_log(100).await.expect("a read"), "marks go on where they ended");
    });
}

#[test]
fn a_deleted_bucket_takes_its_graves_along() {
    run(async {
        let lake = Lake::new().await;
        for _ in 0..2 {
            let bucket = lake.create(BUCKET, Versioning::Enabled).await;
            let mut last = Sequence::ZERO;
            for _ in 0..5 {
                let version = lake.put(&bucket, "k", 1).await;
                last = lake.delete(&bucket, "k", Some(version.name())).await.sequence.expect("a change");
            }
            let text = key("k");
            let read = |at| lake.catalog.version_as_of(&bucket, &text, at);
            assert!(matches!(read(Sequence::from_bits(last.to_bits() - 1)).await, Ok(Past::Grave(_))));
            assert!(matches!(read(last).await, Ok(Past::Nothing)));
            assert_eq!(lake.catalog.forget_graves(Timestamp::from_millis(i64::MAX), 3).await.expect("a change"), 3);
            lake.catalog.delete_bucket(&bucket, lake.now(), BY).await.expect("an empty bucket");
            assert_eq!(lake.catalog.forget_graves(Timestamp::from_millis(i64::MAX), 3).await.expect("a change"), 2);
            assert_eq!(lake.rows(Family::Graves).await, [], "neither graves nor a horizon");
        }
    });
}

/// What keeps the past is paid for by removals and by those who ask for times, not by writes.
#[test]
fn writes_leave_no_rows_for_the_past() {
    run(async {
        let lake = Lake::new().await;
        let kept = lake.create(BUCKET, Versioning::Enabled).await;
        let plain = lake.create("plain", Versioning::Unversioned).await;
        for bucket in [&kept, &plain] {
            for mark in 0..9 {
                lake.put(bucket, "k", mark).await;
                lake.delete(bucket, "k", None).await;
            }
        }
        assert_eq!((lake.rows(Family::Graves).await, lake.rows(Family::Marks).await), (vec![], vec![]));
        lake.delete(&kept, "k", lake.version(&kept, "k", None).await.map(|marker| marker.name())).await;
        assert_eq!(lake.rows(Family::Graves).await.len(), 2, "a grave, and when it was dug");
    });
}

#[test]
fn the_future_is_not_known() {
    run(async {
        let lake = Lake::new().await;
        let bucket = lake.create(BUCKET, Versioning::Enabled).await;
        let last = lake.put(&bucket, "k", 1).await.sequence;
        for at in [last.plus(1), Sequence::MAX] {
            let found = lake.catalog.version_as_of(&bucket, &key("k"), at).await;
            assert!(matches!(found, Err(CatalogError::NoPast(NoPast::Future { last: known })) if known == last));
        }
    });
}

/// A lake made by a program that dug no graves cannot tell what was removed before it was opened by this one.
#[test]
fn history_begins_where_graves_began() {
    run(async {
        let lake = Lake::new().await;
        let bucket = lake.create(BUCKET, Versioning::Enabled).await;
        let old = lake.put(&bucket, "k", 1).await.sequence;
        let forgotten = metadata::Edit::Delete(Family::Lake, b"graves since".to_vec());
        let batch = metadata::Batch { expectations: Vec::new(), edits: vec![forgotten] };
        metadata::KeyValue::apply(&*lake.map, batch).await.expect("a change");
        let opened = lake.other_gateway().await;
        let since = lake.durable();
        let text = key("k");
        let read = |at| opened.version_as_of(&bucket, &text, at);
        let found = read(old).await;
        assert!(matches!(found, Err(CatalogError::NoPast(NoPast::BeforeHistory { since: known })) if known == since));
        assert!(matches!(read(since).await, Ok(Past::Version(_))));
        assert!(lake.other_gateway().await.version_as_of(&bucket, &text, since).await.is_ok(), "it begins once");
    });
}
