//! Buckets: names, ids, listings, and changes that race with a deletion.

use kernel::settings::{BucketSettings, Payer, Quota, Setting, SettingName};
use kernel::{Region, Sequence, Timestamp, VersionName, Versioning};
use metadata::Family;
use metadata::{BucketCounters, CatalogError, What};

use crate::audit::{audit_and_sweep, replay};
use crate::lake::{ANY, BY, Lake, bucket_name, key, run, tags};

#[test]
fn a_name_is_taken_once_and_an_id_is_given_once() {
    run(async {
        let lake = Lake::new().await;
        let first = lake.create("bucket", Versioning::Unversioned).await;
        let region = Region::new("here").expect("a valid region");
        let again = lake
            .catalog
            .create_bucket(metadata::NewBucket::plain(&bucket_name("bucket"), &region, lake.now(), BY))
            .await;
        assert!(matches!(again, Err(CatalogError::BucketExists)));
        lake.catalog.delete_bucket(&first, lake.now(), BY).await.expect("an empty bucket");
        assert_eq!(lake.catalog.bucket(&bucket_name("bucket")).await.expect("a read"), None);
        let second = lake.create("bucket", Versioning::Unversioned).await;
        assert!(second.id > first.id);
    });
}

#[test]
fn what_was_decided_on_an_old_bucket_does_not_happen() {
    run(async {
        let lake = Lake::new().await;
        let old = lake.create("bucket", Versioning::Unversioned).await;
        lake.catalog.set_bucket_tags(&old, tags("new"), lake.now(), BY).await.expect("a change");
        let text = key("k");
        let put = lake.catalog.put(&old, lake.new_version(&text, 1, lake.body(1, 1, true), &ANY)).await;
        assert!(matches!(put, Err(CatalogError::BucketGone)));
        let tagged = lake.catalog.set_bucket_tags(&old, tags("newer"), lake.now(), BY).await;
        assert!(matches!(tagged, Err(CatalogError::BucketGone)));
        let deleted = lake.catalog.delete_bucket(&old, lake.now(), BY).await;
        assert!(matches!(deleted, Err(CatalogError::BucketGone)));
        let upload = lake.catalog.create_upload(&old, lake.new_upload("k"), BY).await;
        assert!(matches!(upload, Err(CatalogError::BucketGone)));
        let new = lake.bucket("bucket").await;
        assert_eq!((new.tags.clone(), new.id), (tags("new"), old.id));
        lake.put(&new, "k", 1).await;
    });
}

#[test]
fn versioning_is_suspended_never_unset() {
    run(async {
        let lake = Lake::new().await;
        let bucket = lake.create("bucket", Versioning::Enabled).await;
        let unset = lake.catalog.set_versioning(&bucket, Versioning::Unversioned, lake.now(), BY).await;
        assert!(matches!(unset, Err(CatalogError::VersioningStays)));
        lake.catalog.set_versioning(&bucket, Versioning::Suspended, lake.now(), BY).await.expect("a change");
        assert_eq!(lake.bucket("bucket").await.versioning, Versioning::Suspended);
    });
}

#[test]
fn a_put_and_a_deletion_of_the_bucket_exclude_each_other() {
    run(async {
        for puts_first in [true, false] {
            let lake = Lake::new().await;
            let other = lake.other_gateway().await;
            let bucket = lake.create("bucket", Versioning::Unversioned).await;
            let text = key("k");
            let put = other.put(&bucket, lake.new_version(&text, 1, lake.body(1, 1, true), &ANY));
            let delete = lake.catalog.delete_bucket(&bucket, lake.now(), BY);
            let (put, deleted) = if puts_first {
                futures::future::join(put, delete).await
            } else {
                let (deleted, put) = futures::future::join(delete, put).await;
                (put, deleted)
            };
            match (put, deleted) {
                (Ok(_), Err(CatalogError::BucketNotEmpty)) => assert_eq!(lake.bucket("bucket").await, bucket),
                (Err(CatalogError::BucketGone), Ok(_)) => {
                    assert_eq!(lake.catalog.bucket(&bucket_name("bucket")).await.expect("a read"), None);
                    assert_eq!(lake.catalog.counters(bucket.id).await.expect("a read"), BucketCounters::default());
                }
                both => panic!("exactly one must win: {both:?}"),
            }
            audit_and_sweep(&lake, 10).await;
        }
    });
}

#[test]
fn a_bucket_of_markers_alone_is_not_empty() {
    run(async {
        let lake = Lake::new().await;
        let bucket = lake.create("bucket", Versioning::Enabled).await;
        let marker = lake.delete(&bucket, "k", None).await;
        let deleted = lake.catalog.delete_bucket(&bucket, lake.now(), BY).await;
        assert!(matches!(deleted, Err(CatalogError::BucketNotEmpty)));
        lake.delete(&bucket, "k", marker.name).await;
        lake.catalog.delete_bucket(&bucket, lake.now(), BY).await.expect("an empty bucket");
    });
}

#[test]
fn buckets_list_in_pages() {
    run(async {
        let lake = Lake::new().await;
        let mut names = vec!["alpha", "beta", "beta-2", "beta.3", "gamma"];
        for name in names.iter().rev() {
            lake.create(name, Versioning::Unversioned).await;
        }
        names.sort_unstable();
        for limit in 1..7 {
            let (mut joined, mut after) = (Vec::new(), None::<String>);
            loop {
                let (page, truncated) = lake.catalog.buckets("", after.as_deref(), limit).await.expect("a listing");
                assert!(page.len() == limit || !truncated);
                after = page.last().map(|bucket| bucket.name.to_string());
                joined.extend(page.iter().map(|bucket| bucket.name.to_string()));
                if !truncated {
                    break;
                }
            }
            assert_eq!(joined, names);
        }
        let (page, truncated) = lake.catalog.buckets("beta", Some("beta"), 1).await.expect("a listing");
        assert_eq!((page[0].name.as_str(), truncated), ("beta-2", true));
        assert_eq!(lake.catalog.buckets("", None, 0).await.expect("a listing"), (Vec::new(), false));
        assert_eq!(lake.catalog.buckets("beta", Some("gamma"), 9).await.expect("a listing"), (Vec::new(), false));
    });
}

#[test]
fn a_lake_opens_as_what_it_was() {
    run(async {
        let lake = Lake::new().await;
        let bucket = lake.create("bucket", Versioning::Enabled).await;
        let again = lake.other_gateway().await;
        assert_eq!(again.deployment(), lake.catalog.deployment());
        assert_eq!(again.bucket(&bucket.name).await.expect("a read"), Some(bucket));
        assert_ne!(Lake::new().await.catalog.deployment(), [0; 16]);
    });
}

#[test]
fn a_lake_of_another_format_is_not_opened() {
    use metadata::{Batch, Catalog, Edit, Family, KeyValue};
    run(async {
        let lake = Lake::new().await;
        let format = bytes::Bytes::from_static(&[0, 0, 0, 2]);
        let edits = vec![Edit::Put(Family::Lake, b"format".to_vec(), format)];
        lake.map.apply(Batch { expectations: Vec::new(), edits }).await.expect("a change");
        let opened = Catalog::open(lake.map.clone(), &lake.entropy, Timestamp::from_secs(1)).await;
        assert!(matches!(opened.err(), Some(CatalogError::UnknownFormat { found: 2, known: 1 })));
    });
}

#[test]
fn changes_carry_what_their_readers_need() {
    run(async {
        let lake = Lake::new().await;
        let bucket = lake.create("bucket", Versioning::Suspended).await;
        let first = lake.put(&bucket, "k", 1).await;
        let second = lake.put(&bucket, "k", 2).await;
        lake.delete(&bucket, "k", Some(VersionName::Null)).await;
        let (_, changes) = replay(&lake).await;
        let whats: Vec<_> = changes.iter().map(|change| change.what).collect();
        let expected =
            [What::BucketCreated, What::VersioningSet, What::ObjectWritten, What::ObjectWritten, What::VersionRemoved];
        assert_eq!(whats, expected);
        assert_eq!(changes[1].versioning, Some(Versioning::Suspended));
        assert_eq!((changes[2].sequence, changes[2].replaced), (first.sequence, None));
        let put = &changes[3];
        assert_eq!((put.sequence, put.when, put.by.as_str()), (second.sequence, second.modified, BY));
        assert_eq!((put.bucket, &put.bucket_name, put.key.as_ref()), (bucket.id, &bucket.name, Some(&second.key)));
        assert_eq!((put.version, put.is_null, put.is_marker, put.bytes), (Some(second.id), true, false, 1));
        assert_eq!(put.etag, second.object().map(|facts| facts.etag));
        assert_eq!(put.replaced.map(|replaced| (replaced.version, replaced.bytes)), Some((first.id, 1)));
        lake.catalog.advance("reader", put.sequence).await.expect("a change");
        assert_eq!(lake.catalog.cursor("reader").await.expect("a read"), put.sequence);
        assert_eq!(lake.catalog.cursor("nobody").await.expect("a read"), kernel::Sequence::ZERO);
        let rest = lake.catalog.changes(put.sequence, 10).await.expect("a read");
        assert_eq!(rest, changes[4..]);
        assert_eq!(lake.catalog.changes(kernel::Sequence::MAX, 10).await.expect("a read"), Vec::new());
    });
}

#[test]
fn settings_are_read_back_and_go_with_the_bucket() {
    run(async {
        let quota = |bytes| Setting::Quota(Some(Quota { bytes: Some(bytes), objects: None }));
        let lake = Lake::new().await;
        let old = lake.create("bucket", Versioning::Unversioned).await;
        assert_eq!(*old.settings, BucketSettings::default());
        lake.catalog.set_bucket(&old, quota(7), lake.now(), BY).await.expect("a change");
        let stale = lake.catalog.set_bucket(&old, quota(8), lake.now(), BY).await;
        assert!(matches!(stale, Err(CatalogError::BucketGone)));
        let requester = Setting::Payer(Some(Payer::Requester));
        lake.catalog
            .set_bucket(&*lake.bucket("bucket").await, requester.clone(), lake.now(), BY)
            .await
            .expect("a change");
        let other = lake.other_gateway().await;
        let read = other.bucket(&bucket_name("bucket")).await.expect("a read").expect("a bucket");
        assert_eq!(
            (read.settings.get(SettingName::Quota), read.settings.get(SettingName::Payer)),
            (quota(7), requester)
        );
        let (listed, _) = other.buckets("", None, 10).await.expect("a listing");
        assert_eq!(listed.first(), Some(&read));
        other.set_bucket(&read, Setting::Payer(None), lake.now(), BY).await.expect("a change");
        let read = other.bucket(&bucket_name("bucket")).await.expect("a read").expect("a bucket");
        assert_eq!(read.settings.names().collect::<Vec<_>>(), [SettingName::Quota]);
        let changes = other.changes(Sequence::ZERO, 10).await.expect("the log");
        let configured: Vec<_> = changes.iter().filter_map(|change| change.setting).collect();
        assert_eq!(configured, [SettingName::Quota, SettingName::Payer, SettingName::Payer]);
        other.delete_bucket(&read, lake.now(), BY).await.expect("an empty bucket");
        assert_eq!(lake.rows(Family::Settings).await, []);
    });
}
