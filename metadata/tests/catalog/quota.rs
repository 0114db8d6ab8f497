//! Quotas: what fits, what does not, and that no number of writers goes beyond.

use std::sync::Arc;

use futures::future::join_all;
use kernel::settings::{Counted, Quota, QuotaExceeded, Setting};
use kernel::{VersionName, Versioning};
use metadata::rocks::RocksMap;
use metadata::{Bucket, Catalog, CatalogError};
use proptest::prelude::*;

use crate::audit::{audit_and_sweep, current, replay};
use crate::lake::{ANY, BY, Lake, key, run};
use crate::machine;

async fn set(lake: &Lake, bytes: Option<u64>, objects: Option<u64>) -> Arc<Bucket> {
    let quota = Setting::Quota(Some(Quota { bytes, objects }));
    let bucket = lake.bucket("bucket").await;
    lake.catalog.set_bucket(&bucket, quota, lake.now(), BY).await.expect("a change");
    lake.bucket("bucket").await
}

/// Puts `bytes` under a key, and says whether they fitted.
async fn put(lake: &Lake, bucket: &Bucket, text: &str, bytes: u64) -> Result<(), QuotaExceeded> {
    let text = key(text);
    match lake.catalog.put(bucket, lake.new_version(&text, 1, lake.body(1, bytes, true), &ANY)).await {
        Ok(_) => Ok(()),
        Err(CatalogError::QuotaExceeded(exceeded)) => Err(exceeded),
        Err(error) => panic!("{error:?}"),
    }
}

#[test]
fn a_quota_counts_the_difference_and_never_stands_in_the_way_of_less() {
    run(async {
        let lake = Lake::new().await;
        lake.create("bucket", Versioning::Unversioned).await;
        let bucket = set(&lake, Some(100), Some(2)).await;
        put(&lake, &bucket, "a", 60).await.expect("it fits");
        let beyond = put(&lake, &bucket, "b", 41).await.expect_err("41 of 40");
        assert_eq!(beyond, QuotaExceeded { of: Counted::Bytes, max: 100, used: 60, plus: 41 });
        assert_eq!(beyond.to_string(), "the bucket may hold 100 bytes: 60 are there, and 41 would be added");
        put(&lake, &bucket, "b", 40).await.expect("to the last byte");
        let third = put(&lake, &bucket, "c", 0).await.expect_err("a third object");
        assert_eq!(third, QuotaExceeded { of: Counted::Objects, max: 2, used: 2, plus: 1 });
        // Of an object that is replaced, only the difference counts.
        put(&lake, &bucket, "a", 60).await.expect("as much");
        put(&lake, &bucket, "a", 61).await.expect_err("one more");
        // Lowered below the use: nothing new, less and deletions always.
        let bucket = set(&lake, Some(50), Some(1)).await;
        put(&lake, &bucket, "a", 61).await.expect_err("more");
        put(&lake, &bucket, "a", 10).await.expect("less, and still no new object");
        lake.delete(&bucket, "b", None).await;
        put(&lake, &bucket, "a", 50).await.expect("it fits again");
        // Bytes and objects are bounded apart.
        let bucket = set(&lake, None, Some(1)).await;
        put(&lake, &bucket, "a", 1 << 50).await.expect("no bound on bytes");
        audit_and_sweep(&lake, 10).await;
    });
}

#[test]
fn every_version_counts_its_bytes_and_a_marker_none() {
    run(async {
        let lake = Lake::new().await;
        lake.create("bucket", Versioning::Enabled).await;
        let bucket = set(&lake, Some(10), Some(1)).await;
        put(&lake, &bucket, "a", 6).await.expect("it fits");
        put(&lake, &bucket, "a", 6).await.expect_err("the old version stays");
        // Deleting works in a full bucket too, though a marker is a version more; and the key is free.
        lake.delete(&bucket, "a", None).await;
        put(&lake, &bucket, "b", 4).await.expect("one object again, and 4 bytes left");
        // To take a marker away is a deletion, and never refused.
        let marker = lake.version(&bucket, "a", None).await.expect("a marker");
        lake.delete(&bucket, "a", Some(marker.name())).await;
        let counters = lake.catalog.counters(bucket.id).await.expect("a read");
        assert_eq!((counters.objects, counters.bytes, counters.versions), (2, 10, 2));
    });
}

#[test]
fn a_completion_counts_what_its_parts_come_to() {
    run(async {
        let lake = Lake::new().await;
        lake.create("bucket", Versioning::Unversioned).await;
        let bucket = set(&lake, Some(10), None).await;
        let upload = lake.start(&bucket, "a").await;
        let parts: Vec<_> = (1..=2).map(|number| lake.new_part(number, lake.body(1, 6, true))).collect();
        for part in &parts {
            lake.catalog.put_part(&bucket, &upload, part.clone()).await.expect("parts are no version yet");
        }
        let parts: Vec<_> = parts.into_iter().map(|part| part.part).collect();
        let beyond = lake.complete(&bucket, &upload, parts.clone()).await;
        assert!(matches!(beyond, Err(CatalogError::QuotaExceeded(QuotaExceeded { plus: 12, .. }))), "{beyond:?}");
        // The refusal changed nothing: with room it goes through.
        let bucket = set(&lake, Some(12), None).await;
        lake.complete(&bucket, &upload, parts).await.expect("it fits now");
        audit_and_sweep(&lake, 10).await;
    });
}

/// What one writer does.
#[derive(Debug, Clone)]
enum Deed {
    Put { key: u8, bytes: u64 },
    Delete { key: u8 },
    Complete { key: u8, bytes: u64 },
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        4 => (0..6_u8, 0..40_u64).prop_map(|(key, bytes)| Deed::Put { key, bytes }),
        1 => (0..6_u8).prop_map(|key| Deed::Delete { key }),
        1 => (0..6_u8, 1..40_u64).prop_map(|(key, bytes)| Deed::Complete { key, bytes }),
    ]
}

async fn act(lake: &Lake, gateway: &Catalog, deed: Deed) {
    let bucket = lake.bucket("bucket").await;
    let name = |place: u8| key(&place.to_string());
    let outcome = match deed {
        Deed::Put { key, bytes } => {
            let key = name(key);
            let put = lake.new_version(&key, 1, lake.body(1, bytes, true), &ANY);
            gateway.put(&bucket, put).await.map(|_| ())
        }
        Deed::Delete { key } => {
            let key = name(key);
            gateway.delete(&bucket, lake.deletion(&key, Some(VersionName::Null), &ANY)).await.map(|_| ())
        }
        Deed::Complete { key, bytes } => {
            let upload = lake.start(&bucket, &key.to_string()).await;
            let part = lake.new_part(1, lake.body(1, bytes, true));
            let written = part.part.clone();
            match gateway.put_part(&bucket, &upload, part).await {
                Ok(()) => lake.complete(&bucket, &upload, vec![written]).await.map(|_| ()),
                Err(error) => Err(error),
            }
        }
    };
    let expected = |error: &CatalogError| {
        matches!(error, CatalogError::QuotaExceeded(_) | CatalogError::BucketGone | CatalogError::Contended)
    };
    assert!(outcome.as_ref().err().is_none_or(expected), "{outcome:?}");
}

/// Rounds of writers who all start at once, through two gateways that share nothing, under a quota that holds after
/// every round.
async fn never_beyond(lake: &Lake, quota: Quota, rounds: Vec<Vec<(Deed, bool)>>) {
    let other = lake.other_gateway().await;
    lake.create("bucket", Versioning::Suspended).await;
    let bucket = set(lake, quota.bytes, quota.objects).await;
    for round in rounds {
        join_all(round.into_iter().map(|(deed, here)| act(lake, if here { &lake.catalog } else { &other }, deed)))
            .await;
        let counters = lake.catalog.counters(bucket.id).await.expect("a read");
        assert!(quota.bytes.is_none_or(|max| counters.bytes <= max), "{counters:?} of {quota:?}");
        assert!(quota.objects.is_none_or(|max| counters.objects <= max), "{counters:?} of {quota:?}");
    }
    audit_and_sweep(lake, 10).await;
    assert_eq!(replay(lake).await.0, current(lake).await, "the log tells the same story");
}

fn quota() -> impl Strategy<Value = Quota> {
    (proptest::option::of(0..200_u64), proptest::option::of(0..6_u64))
        .prop_map(|(bytes, objects)| Quota { bytes, objects })
}

fn rounds() -> impl Strategy<Value = Vec<Vec<(Deed, bool)>>> {
    proptest::collection::vec(proptest::collection::vec((deed(), any::<bool>()), 1..12), 1..6)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn writers_together_never_exceed_a_quota(quota in quota(), rounds in rounds()) {
        run(async { never_beyond(&Lake::new().await, quota, rounds).await });
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]

    /// On disk too, where batches share a group.
    #[test]
    fn writers_together_never_exceed_a_quota_on_disk(quota in quota(), rounds in rounds()) {
        run(async {
            let directory = tempfile::tempdir().expect("a directory");
            let map = RocksMap::open(machine::settings(directory.path()), Arc::new(machine::StoppedClock)).expect("a map");
            let lake = Lake::over(map.clone()).await;
            never_beyond(&lake, quota, rounds).await;
            drop(lake);
            map.close().await;
        });
    }
}
