//! Walks through a whole lake and checks what must always be so, whatever happened before.

use std::collections::{BTreeMap, BTreeSet};

use kernel::{
    Annotation, AnnotationSum, BlobId, Content, Extent, ObjectKey, Sequence, Standing, Timestamp, Version, VersionId,
};
use metadata::{
    AnnotationScan, Bucket, BucketCounters, CalendarScan, Change, Family, ObjectScan, Row, Turning, Unlinked, Upload,
    UploadScan, VersionScan, What,
};

use crate::lake::Lake;

/// What is referred to: blobs at sites, and pieces in the catalogue.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Referred {
    pub(crate) blobs: BTreeSet<BlobId>,
    pub(crate) inline: BTreeSet<BlobId>,
    listed_parts: usize,
    annotations: usize,
    upload_parts: usize,
}

impl Referred {
    fn extent(&mut self, extent: &Extent) {
        for piece in &extent.pieces {
            let is_new = if piece.inline { self.inline.insert(piece.blob) } else { self.blobs.insert(piece.blob) };
            assert!(is_new, "{} is referred to twice", piece.blob);
        }
    }
}

fn items<T>(rows: Vec<Row<T>>) -> Vec<T> {
    rows.into_iter()
        .map(|row| match row {
            Row::Item(item) => item,
            Row::Prefix(prefix) => panic!("`{prefix}` without a delimiter"),
        })
        .collect()
}

pub(crate) async fn all_buckets(lake: &Lake) -> Vec<std::sync::Arc<Bucket>> {
    let (buckets, truncated) = lake.catalog.buckets("", None, 1_000).await.expect("a listing");
    assert!(!truncated);
    buckets
}

pub(crate) async fn all_objects(lake: &Lake, bucket: &Bucket) -> Vec<Version> {
    let scan = ObjectScan { bucket: bucket.id, prefix: "", delimiter: None, after: None, limit: 1_000_000 };
    items(lake.catalog.list_objects(scan).await.expect("a listing").rows)
}

pub(crate) async fn all_versions(lake: &Lake, bucket: &Bucket) -> Vec<(Version, bool)> {
    let scan = VersionScan { bucket: bucket.id, prefix: "", delimiter: None, after: None, limit: 1_000_000 };
    items(lake.catalog.list_versions(scan).await.expect("a listing").rows)
}

pub(crate) async fn all_uploads(lake: &Lake, bucket: &Bucket) -> Vec<Upload> {
    let scan = UploadScan { bucket: bucket.id, prefix: "", delimiter: None, after: None, limit: 1_000_000 };
    items(lake.catalog.list_uploads(scan).await.expect("a listing").rows)
}

pub(crate) async fn all_annotations(lake: &Lake, version: VersionId) -> Vec<Annotation> {
    let scan = AnnotationScan { version, prefix: "", after: None, limit: 10_000 };
    let (annotations, truncated) = lake.catalog.annotations(scan).await.expect("a read");
    assert!(!truncated);
    annotations
}

async fn audit_bucket(lake: &Lake, bucket: &Bucket, referred: &mut Referred) {
    let versions = all_versions(lake, bucket).await;
    let mut counters = BucketCounters { versions: versions.len() as u64, ..BucketCounters::default() };
    let mut current = Vec::new();
    let mut nulls = BTreeMap::<&ObjectKey, usize>::new();
    for pair in versions.windows(2) {
        let ((a, _), (b, is_latest)) = (&pair[0], &pair[1]);
        assert!((&a.key, std::cmp::Reverse(a.sequence)) < (&b.key, std::cmp::Reverse(b.sequence)), "out of order");
        assert_eq!(*is_latest, a.key != b.key, "the first of a key is its newest, and no other");
    }
    for (version, is_latest) in &versions {
        let by_name = lake.catalog.version(bucket.id, &version.key, Some(version.name())).await.expect("a read");
        assert_eq!(by_name.as_ref(), Some(version), "a version is found by its name");
        *nulls.entry(&version.key).or_default() += usize::from(version.is_null);
        if *is_latest {
            let newest = lake.catalog.version(bucket.id, &version.key, None).await.expect("a read");
            assert_eq!(newest.as_ref(), Some(version), "the newest version is found without a name");
        }
        let Some(facts) = version.object() else { continue };
        counters.bytes += facts.bytes + facts.annotations.bytes;
        let annotations = all_annotations(lake, version.id).await;
        let sum = annotations.iter().fold(AnnotationSum::default(), |sum, annotation| sum.plus(annotation.bytes));
        assert_eq!(sum, facts.annotations, "a version's row tells of its annotations");
        referred.annotations += annotations.len();
        annotations.iter().for_each(|annotation| referred.extent(&annotation.extent));
        if *is_latest {
            counters.objects += 1;
            current.push(version.clone());
        }
        match &facts.content {
            Content::Whole(extent) => referred.extent(extent),
            Content::Parts { list, count } => {
                let parts = lake.catalog.list_parts_after(*list, 0, 20_000).await.expect("a read");
                assert_eq!(parts.len(), usize::from(*count));
                assert_eq!(parts.iter().map(|(_, part)| part.bytes).sum::<u64>(), facts.bytes);
                referred.listed_parts += parts.len();
                parts.iter().for_each(|(_, part)| referred.extent(&part.extent));
            }
        }
    }
    assert!(nulls.values().all(|count| *count <= 1), "a key has one null version at the most");
    assert_eq!(all_objects(lake, bucket).await, current, "objects are the newest versions that are no markers");
    assert_eq!(lake.catalog.counters(bucket.id).await.expect("a read"), counters);
    for upload in all_uploads(lake, bucket).await {
        assert_eq!(lake.catalog.upload(bucket.id, &upload.key, upload.id).await.expect("a read"), Some(upload.clone()));
        let (parts, truncated) = lake.catalog.parts(upload.id, 0, 20_000).await.expect("a read");
        assert!(!truncated);
        referred.upload_parts += parts.len() + usize::from(!parts.is_empty());
        parts.iter().for_each(|part| referred.extent(&part.extent));
    }
}

/// Sweeps until nothing is left, `limit` changes at a time. Gives back the blobs handed out.
pub(crate) async fn drain(lake: &Lake, limit: usize) -> BTreeSet<BlobId> {
    let mut removed = BTreeSet::new();
    loop {
        let pieces: Vec<Unlinked> = lake
            .catalog
            .unlinked(kernel::Sequence::ZERO, Timestamp::from_millis(i64::MAX), limit)
            .await
            .expect("a read");
        if pieces.is_empty() {
            return removed;
        }
        for (blob, placements) in pieces.iter().flat_map(|piece| &piece.blobs) {
            assert!(!placements.is_empty(), "the sweep must know where {blob} lies");
            assert!(removed.insert(*blob), "{blob} is handed out twice");
        }
        lake.catalog.swept(&pieces).await.expect("a change");
    }
}

async fn ids(lake: &Lake, family: Family) -> BTreeSet<BlobId> {
    let rows = lake.rows(family).await;
    rows.iter().map(|(key, _)| BlobId::try_from(&key[..]).expect("a blob id")).collect()
}

/// Checks that the calendar holds what the versions say, page by page.
async fn audit_calendar(lake: &Lake) {
    let mut told = Vec::new();
    for bucket in all_buckets(lake).await {
        for (version, _) in all_versions(lake, &bucket).await {
            let Some(protection) = version.object().map(|facts| &facts.protection) else { continue };
            let embargo = protection.embargo.as_ref().filter(|embargo| embargo.lift.is_none());
            let retained = protection.retention.map(|retention| (retention.until, Turning::RetentionEnds));
            let closed = embargo.map(|embargo| (embargo.until, Turning::EmbargoEnds));
            let entry = |(at, what)| (at, what, bucket.id, version.key.clone(), version.sequence, version.name());
            told.extend(retained.into_iter().chain(closed).map(entry));
        }
    }
    told.sort_by(|a, b| {
        (a.0, a.1, a.2, &a.3, std::cmp::Reverse(a.4)).cmp(&(b.0, b.1, b.2, &b.3, std::cmp::Reverse(b.4)))
    });
    let mut found = Vec::new();
    let (from, until) = (Timestamp::from_millis(0), Timestamp::from_millis(i64::MAX));
    loop {
        let scan = CalendarScan { from, until, after: found.last(), limit: 2 };
        let page = lake.catalog.calendar(scan).await.expect("a read");
        if page.is_empty() {
            break;
        }
        found.extend(page);
    }
    let found: Vec<_> = found.into_iter().map(|e| (e.at, e.what, e.bucket, e.key, e.sequence, e.version)).collect();
    assert_eq!(found, told, "the calendar holds what the versions say");
}

/// Checks everything but the sweep, and says what is referred to.
pub(crate) async fn audit(lake: &Lake) -> Referred {
    let mut referred = Referred::default();
    for bucket in all_buckets(lake).await {
        audit_bucket(lake, &bucket, &mut referred).await;
    }
    audit_calendar(lake).await;
    let known = ids(lake, Family::Blobs).await;
    assert!(referred.blobs.is_subset(&known), "what is referred to is known");
    let blobs: Vec<_> = referred.blobs.iter().copied().collect();
    let placements = lake.catalog.placements(&blobs).await.expect("a read");
    assert!(placements.iter().all(|sites| !sites.is_empty()), "what is referred to lies somewhere");
    assert!(referred.inline.is_subset(&ids(lake, Family::Inline).await));
    referred
}

/// Checks everything, sweeps all loose ends, and checks that exactly what is referred to remains. Gives back the blobs
/// that the sweep removed.
pub(crate) async fn audit_and_sweep(lake: &Lake, limit: usize) -> BTreeSet<BlobId> {
    let before = audit(lake).await;
    let known = ids(lake, Family::Blobs).await;
    let loose: BTreeSet<_> = known.difference(&before.blobs).copied().collect();
    let removed = drain(lake, limit).await;
    assert_eq!(removed, loose, "the sweep removes exactly what nothing refers to");
    let after = audit(lake).await;
    assert_eq!(after, before, "the sweep changes nothing that is referred to");
    assert_eq!(ids(lake, Family::Blobs).await, after.blobs, "no blob is left over");
    assert_eq!(ids(lake, Family::Inline).await, after.inline, "no piece in the catalogue is left over");
    assert_eq!(lake.rows(Family::Lists).await.len(), after.listed_parts, "no part list is left over");
    assert_eq!(lake.rows(Family::Annotations).await.len(), after.annotations, "no annotation is left over");
    assert_eq!(lake.rows(Family::Parts).await.len(), after.upload_parts, "no part is left over");
    removed
}

/// The keys with a current object, with that object's version, as the log of changes tells it.
pub(crate) async fn replay(lake: &Lake) -> (BTreeMap<(String, ObjectKey), VersionId>, Vec<Change>) {
    let mut histories = BTreeMap::<(String, ObjectKey), Vec<(VersionId, bool)>>::new();
    let mut changes = Vec::new();
    loop {
        let after = changes.last().map_or(Sequence::ZERO, |change: &Change| change.sequence);
        let more = lake.catalog.changes(after, 7).await.expect("a read");
        if more.is_empty() {
            break;
        }
        changes.extend(more);
    }
    for change in &changes {
        let bucket = change.bucket_name.to_string();
        if change.what == What::BucketDeleted {
            assert!(!histories.keys().any(|(name, _)| *name == bucket), "only empty buckets are deleted");
        }
        let (Some(key), Some(version)) = (&change.key, change.version) else { continue };
        let history = histories.entry((bucket.clone(), key.clone())).or_default();
        match change.what {
            What::ObjectWritten | What::MarkerWritten => {
                if let Some(replaced) = change.replaced {
                    let place = history.iter().position(|(id, _)| *id == replaced.version).expect("it was there");
                    assert_eq!(history.remove(place).1, replaced.is_marker);
                }
                history.push((version, change.is_marker));
            }
            What::VersionRemoved => {
                let place = history.iter().position(|(id, _)| *id == version).expect("it was there");
                assert_eq!(history.remove(place).1, change.is_marker);
            }
            _ => {}
        }
        if history.is_empty() {
            histories.remove(&(bucket, key.clone()));
        }
    }
    let newest = |((bucket, key), history): ((String, ObjectKey), Vec<(VersionId, bool)>)| match history.last() {
        Some((id, false)) => Some(((bucket, key), *id)),
        _ => None,
    };
    (histories.into_iter().filter_map(newest).collect(), changes)
}

/// The keys with a current object as the listings tell it.
pub(crate) async fn current(lake: &Lake) -> BTreeMap<(String, ObjectKey), VersionId> {
    let mut current = BTreeMap::new();
    for bucket in all_buckets(lake).await {
        for version in all_objects(lake, &bucket).await {
            assert_ne!(version.standing, Standing::Marker);
            current.insert((bucket.name.to_string(), version.key), version.id);
        }
    }
    current
}
