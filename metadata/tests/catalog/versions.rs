//! Versions where the model does not look: names that are not theirs, and rows that are not what they were.

use bytes::Bytes;
use kernel::{BlobId, Placement, SiteName, VersionName, Versioning};
use metadata::{Batch, CatalogError, Edit, Family, KeyValue};

use crate::audit::audit_and_sweep;
use crate::lake::{ANY, BY, Lake, if_match, key, run, tags};

#[test]
fn a_null_version_has_no_other_name() {
    run(async {
        let lake = Lake::new().await;
        let bucket = lake.create("bucket", Versioning::Suspended).await;
        let null = lake.put(&bucket, "k", 1).await;
        assert_eq!(lake.version(&bucket, "k", Some(VersionName::Id(null.id))).await, None);
        assert_eq!(lake.delete(&bucket, "k", Some(VersionName::Id(null.id))).await.sequence, None);
        assert_eq!(lake.version(&bucket, "k", Some(VersionName::Null)).await, Some(null));
    });
}

#[test]
fn a_suspended_write_takes_the_null_versions_place_in_the_middle_of_a_history() {
    run(async {
        let lake = Lake::new().await;
        let bucket = lake.create("bucket", Versioning::Unversioned).await;
        lake.put(&bucket, "k", 1).await;
        let set = |bucket, versioning| {
            let (lake, now) = (&lake, lake.now());
            async move {
                let bucket: std::sync::Arc<metadata::Bucket> = bucket;
                lake.catalog.set_versioning(&bucket, versioning, now, BY).await.expect("a change");
                lake.bucket("bucket").await
            }
        };
        let bucket = set(bucket, Versioning::Enabled).await;
        let kept = lake.put(&bucket, "k", 2).await;
        let bucket = set(bucket, Versioning::Suspended).await;
        let null = lake.put(&bucket, "k", 3).await;
        let done = lake.delete(&bucket, "k", Some(kept.name())).await;
        assert!(done.sequence.is_some() && !done.is_marker);
        assert_eq!(lake.version(&bucket, "k", None).await, Some(null.clone()));
        let marker = lake.delete(&bucket, "k", None).await;
        assert_eq!((marker.name, marker.is_marker), (Some(VersionName::Null), true));
        assert_eq!(lake.catalog.counters(bucket.id).await.expect("a read").versions, 1, "the marker alone");
        let Some(null_inline) = null.object().map(|facts| match &facts.content {
            kernel::Content::Whole(extent) => extent.pieces[0].blob,
            kernel::Content::Parts { .. } => panic!("an object put whole"),
        }) else {
            panic!("an object")
        };
        assert_eq!(lake.catalog.inline(null_inline).await.expect("a read"), None, "its bytes left with it");
        audit_and_sweep(&lake, 10).await;
    });
}

#[test]
fn tags_of_a_marker_or_of_nothing_cannot_be_set() {
    run(async {
        let lake = Lake::new().await;
        let bucket = lake.create("bucket", Versioning::Enabled).await;
        let set = || lake.retag(&bucket, "k", None, tags("t"));
        assert!(matches!(set().await, Err(CatalogError::VersionGone)));
        lake.delete(&bucket, "k", None).await;
        assert!(matches!(set().await, Err(CatalogError::VersionGone)));
        let before = lake.put(&bucket, "k", 1).await;
        let after = set().await.expect("an object");
        assert_eq!((after.sequence, after.modified), (before.sequence, before.modified), "its place and date stay");
    });
}

#[test]
fn a_condition_is_judged_against_the_current_object() {
    run(async {
        let lake = Lake::new().await;
        let bucket = lake.create("bucket", Versioning::Enabled).await;
        lake.put(&bucket, "k", 1).await;
        lake.put(&bucket, "k", 2).await;
        let text = key("k");
        let old = if_match(1);
        let put = lake.catalog.put(&bucket, lake.new_version(&text, 3, lake.body(1, 1, true), &old)).await;
        assert!(matches!(put, Err(CatalogError::Condition(kernel::Unexpected::Header("If-Match")))));
        let deleted = lake.catalog.delete(&bucket, lake.deletion(&text, None, &old)).await;
        assert!(matches!(deleted, Err(CatalogError::Condition(kernel::Unexpected::Header("If-Match")))));
        lake.delete(&bucket, "k", None).await;
        let none = crate::lake::if_none_match_any();
        let put = lake.catalog.put(&bucket, lake.new_version(&text, 3, lake.body(1, 1, true), &none)).await;
        put.expect("under a marker there is no current object");
    });
}

#[test]
fn a_reader_finds_the_blobs_of_a_removed_version_until_they_are_swept() {
    run(async {
        let lake = Lake::new().await;
        let bucket = lake.create("bucket", Versioning::Unversioned).await;
        let body = lake.body(2, 10, false);
        let blobs: Vec<BlobId> = body.placements.iter().map(|(blob, _)| *blob).collect();
        let text = key("k");
        lake.catalog.put(&bucket, lake.new_version(&text, 1, body, &ANY)).await.expect("a put");
        let home = vec![vec![Placement::Copy(SiteName::home())]; 2];
        assert_eq!(lake.catalog.placements(&blobs).await.expect("a read"), home);
        lake.delete(&bucket, "k", None).await;
        assert_eq!(lake.catalog.placements(&blobs).await.expect("a read"), home);
        assert_eq!(lake.catalog.linked(&blobs).await.expect("a read"), [true, true]);
        assert_eq!(audit_and_sweep(&lake, 1).await.into_iter().collect::<Vec<_>>().len(), 2);
        assert_eq!(lake.catalog.linked(&blobs).await.expect("a read"), [false, false]);
        assert_eq!(lake.catalog.placements(&blobs).await.expect("a read"), [vec![], vec![]]);
    });
}

#[test]
fn damage_is_reported_with_its_place() {
    run(async {
        let lake = Lake::new().await;
        let bucket = lake.create("bucket", Versioning::Unversioned).await;
        lake.put(&bucket, "k", 1).await;
        let (place, row) = lake.rows(Family::Current).await.remove(0);
        for bad in [Bytes::new(), row.slice(..row.len() - 1), Bytes::from_static(&[0xff; 20])] {
            let edits = vec![Edit::Put(Family::Current, place.clone(), bad)];
            lake.map.apply(Batch { expectations: Vec::new(), edits }).await.expect("a change");
            let read = lake.catalog.version(bucket.id, &key("k"), None).await;
            assert!(matches!(&read, Err(CatalogError::Damaged { what }) if what.contains("`current`")), "{read:?}");
            let scan = metadata::ObjectScan { bucket: bucket.id, prefix: "", delimiter: None, after: None, limit: 10 };
            assert!(matches!(lake.catalog.list_objects(scan).await, Err(CatalogError::Damaged { .. })));
            let text = key("k");
            let put = lake.catalog.put(&bucket, lake.new_version(&text, 2, lake.body(1, 1, true), &ANY)).await;
            assert!(matches!(put, Err(CatalogError::Damaged { .. })), "nothing is written over damage");
        }
    });
}
