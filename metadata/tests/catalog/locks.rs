//! Versions that are locked: nothing removes them, however it comes about, and the calendar knows until when.

use std::sync::Arc;

use futures::future::join_all;
use kernel::settings::{BucketSettings, Setting};
use kernel::{
    Lock, ObjectLock, Protection, Region, Release, Retention, RetentionMode, Timestamp, Version, VersionName,
    Versioning,
};
use metadata::{Amended, Amendment, Bucket, Catalog, CatalogError, Deletion, DeletionDone, NewBucket, NewVersion};

use crate::audit::{audit, audit_and_sweep};
use crate::lake::{ANY, BY, Lake, bucket_name, key, run};

const END: Timestamp = Timestamp::from_secs(2_000);
const BEFORE: Release = Release { at: Timestamp::from_millis(1_999_999), bypass_governance: false };
const BYPASSING: Release = Release { bypass_governance: true, ..BEFORE };
const AFTER: Release = Release { at: END, bypass_governance: false };

fn retention(mode: RetentionMode, until: Timestamp) -> Protection {
    Protection { retention: Some(Retention { mode, until }), ..Protection::default() }
}

fn held() -> Protection {
    Protection { legal_hold: Some(true), ..Protection::default() }
}

async fn locking(lake: &Lake) -> Arc<Bucket> {
    let settings = BucketSettings { object_lock: Some(ObjectLock::default()), ..BucketSettings::default() };
    let (name, region) = (bucket_name("locking"), Region::new("here").expect("a valid region"));
    let new = NewBucket { settings, ..NewBucket::plain(&name, &region, lake.now(), BY) };
    let made = lake.catalog.create_bucket(new).await.expect("a new bucket");
    let read = lake.other_gateway().await.bucket(&name).await.expect("a read").expect("the bucket");
    assert_eq!((&made, made.versioning), (&read, Versioning::Enabled), "it is known as it was made");
    made
}

async fn put(lake: &Lake, bucket: &Bucket, protection: Protection) -> Result<Version, CatalogError> {
    let text = key("k");
    let mut new: NewVersion<'_> = lake.new_version(&text, 1, lake.body(1, 1, false), &ANY);
    new.facts.protection = protection;
    lake.catalog.put(bucket, new).await
}

async fn remove(
    lake: &Lake,
    gateway: &Catalog,
    bucket: &Bucket,
    name: VersionName,
    release: Release,
) -> Result<DeletionDone, CatalogError> {
    let text = key("k");
    gateway.delete(bucket, Deletion { release, ..lake.deletion(&text, Some(name), &ANY) }).await
}

async fn amend(
    lake: &Lake,
    gateway: &Catalog,
    bucket: &Bucket,
    name: VersionName,
    amendment: Amendment,
) -> Result<Version, CatalogError> {
    let of = Amended { key: &key("k"), name: Some(name), only_if: None, now: lake.now(), by: BY };
    gateway.amend_object(bucket, of, &amendment).await
}

#[test]
fn a_locked_version_goes_when_its_lock_makes_way() {
    use RetentionMode::{Compliance, Governance};
    run(async {
        let lake = Lake::new().await;
        let bucket = locking(&lake).await;
        let table = [
            (retention(Governance, END), BEFORE, false),
            (retention(Governance, END), BYPASSING, true),
            (retention(Governance, END), AFTER, true),
            (retention(Compliance, END), BYPASSING, false),
            (retention(Compliance, END), AFTER, true),
            (held(), AFTER, false),
            (held(), BYPASSING, false),
            (Protection::default(), BEFORE, true),
        ];
        for (protection, release, goes) in table {
            for covered in [false, true] {
                let version = put(&lake, &bucket, protection.clone()).await.expect("a put");
                if covered {
                    // A marker may always cover it.
                    lake.delete(&bucket, "k", None).await;
                }
                let removed = remove(&lake, &lake.catalog, &bucket, version.name(), release).await;
                assert_eq!(removed.is_ok(), goes, "{protection:?} {release:?}");
                assert!(goes || matches!(removed, Err(CatalogError::Locked(_))));
                assert_eq!(lake.version(&bucket, "k", Some(version.name())).await.is_none(), goes);
            }
        }
        let full = lake.catalog.delete_bucket(&bucket, lake.now(), BY).await;
        assert!(matches!(full, Err(CatalogError::BucketNotEmpty)));
        audit_and_sweep(&lake, 10).await;
    });
}

#[test]
fn retentions_and_holds_change_as_their_locks_allow() {
    use RetentionMode::{Compliance, Governance};
    run(async {
        let lake = Lake::new().await;
        let bucket = locking(&lake).await;
        let version = put(&lake, &bucket, retention(Governance, END)).await.expect("a put");
        put(&lake, &bucket, Protection::default()).await.expect("one on top");
        let retain = |mode, secs, release| {
            let next = Retention { mode, until: Timestamp::from_secs(secs) };
            amend(&lake, &lake.catalog, &bucket, version.name(), Amendment::Retention(Some(next), release))
        };
        retain(Governance, 2_100, BEFORE).await.expect("it grows");
        let shorter = retain(Governance, 2_000, BEFORE).await;
        assert!(matches!(shorter, Err(CatalogError::Locked(Lock::Retention(_)))), "{shorter:?}");
        retain(Governance, 2_000, BYPASSING).await.expect("governance is passed over");
        audit(&lake).await;
        retain(Compliance, 2_000, BYPASSING).await.expect("governance is passed over");
        for (mode, secs) in [(Governance, 3_000), (Compliance, 1_999)] {
            assert!(retain(mode, secs, BYPASSING).await.is_err(), "nobody passes over compliance");
        }
        retain(Compliance, 2_500, BEFORE).await.expect("it grows");
        let none = Amendment::Retention(None, BYPASSING);
        assert!(amend(&lake, &lake.catalog, &bucket, version.name(), none).await.is_err());
        let hold = |on| amend(&lake, &lake.catalog, &bucket, version.name(), Amendment::LegalHold(on));
        hold(true).await.expect("a hold");
        let late = Release { at: Timestamp::from_secs(2_500), bypass_governance: false };
        let barred = remove(&lake, &lake.catalog, &bucket, version.name(), late).await;
        assert!(matches!(barred, Err(CatalogError::Locked(Lock::LegalHold))));
        audit(&lake).await;
        hold(false).await.expect("no hold");
        remove(&lake, &lake.catalog, &bucket, version.name(), late).await.expect("its time has come");
        audit_and_sweep(&lake, 10).await;
    });
}

#[test]
fn a_lock_needs_a_bucket_that_keeps_versions_and_stays_with_it() {
    run(async {
        let lake = Lake::new().await;
        let plain = lake.create("plain", Versioning::Unversioned).await;
        let lock = || Setting::ObjectLock(Some(ObjectLock::default()));
        for protection in [held(), retention(RetentionMode::Governance, END)] {
            assert!(matches!(put(&lake, &plain, protection).await, Err(CatalogError::LocksNothing)));
        }
        put(&lake, &plain, Protection::default()).await.expect("a put");
        let hold = amend(&lake, &lake.catalog, &plain, VersionName::Null, Amendment::LegalHold(true)).await;
        assert!(matches!(hold, Err(CatalogError::LocksNothing)));
        for versioning in [None, Some(Versioning::Suspended)] {
            if let Some(versioning) = versioning {
                let bucket = lake.bucket("plain").await;
                lake.catalog.set_versioning(&bucket, versioning, lake.now(), BY).await.expect("a change");
            }
            let set = lake.catalog.set_bucket(&*lake.bucket("plain").await, lock(), lake.now(), BY).await;
            assert!(matches!(set, Err(CatalogError::LockStays)));
        }
        let bucket = lake.bucket("plain").await;
        lake.catalog.set_versioning(&bucket, Versioning::Enabled, lake.now(), BY).await.expect("a change");
        lake.catalog.set_bucket(&*lake.bucket("plain").await, lock(), lake.now(), BY).await.expect("a lock");
        let bucket = lake.bucket("plain").await;
        let gone = lake.catalog.set_bucket(&bucket, Setting::ObjectLock(None), lake.now(), BY).await;
        assert!(matches!(gone, Err(CatalogError::LockStays)));
        let suspended = lake.catalog.set_versioning(&bucket, Versioning::Suspended, lake.now(), BY).await;
        assert!(matches!(suspended, Err(CatalogError::LockStays)));
        // What was there before can be held, and is not replaced by what comes.
        amend(&lake, &lake.catalog, &bucket, VersionName::Null, Amendment::LegalHold(true)).await.expect("a hold");
        put(&lake, &bucket, Protection::default()).await.expect("a put");
        assert!(remove(&lake, &lake.catalog, &bucket, VersionName::Null, AFTER).await.is_err());
        audit_and_sweep(&lake, 10).await;
    });
}

#[test]
fn a_hold_and_a_removal_at_once_agree() {
    run(async {
        let mut outcomes = [0, 0];
        for round in 0..60 {
            let lake = Lake::new().await;
            let other = lake.other_gateway().await;
            let bucket = locking(&lake).await;
            let version = put(&lake, &bucket, Protection::default()).await.expect("a put");
            if round % 2 == 0 {
                put(&lake, &bucket, Protection::default()).await.expect("one on top");
            }
            let hold = async {
                for _ in 0..round % 5 {
                    tokio::task::yield_now().await;
                }
                amend(&lake, &other, &bucket, version.name(), Amendment::LegalHold(true)).await.is_ok()
            };
            let removal = async {
                for _ in 0..round % 7 {
                    tokio::task::yield_now().await;
                }
                remove(&lake, &lake.catalog, &bucket, version.name(), AFTER).await.is_ok()
            };
            let done =
                join_all([Box::pin(hold) as std::pin::Pin<Box<dyn Future<Output = bool>>>, Box::pin(removal)]).await;
            assert_ne!(done[0], done[1], "one of the two came first, and the other saw it");
            assert_eq!(lake.version(&bucket, "k", Some(version.name())).await.is_some(), done[0]);
            outcomes[usize::from(done[0])] += 1;
            audit_and_sweep(&lake, 10).await;
        }
        assert!(outcomes.iter().all(|count| *count > 0), "both ways round: {outcomes:?}");
    });
}
