//! Annotations where the model does not look: bounds, conditions, races, pages, and what is left when a version goes.

use std::collections::BTreeSet;

use futures::future::join_all;
use kernel::{Annotation, AnnotationName, AnnotationSum, EtagCondition, Sequence, Timestamp, Unexpected, Versioning};
use metadata::{Annotated, AnnotationScan, CatalogError, Family, NewVersion, What};

use crate::audit::{all_annotations, audit, audit_and_sweep, replay};
use crate::lake::{ANY, Lake, etag, key, run};

fn name(text: &str) -> AnnotationName {
    AnnotationName::new(text).expect("a valid name")
}

#[test]
fn a_version_has_a_thousand_annotations_at_the_most() {
    run(async {
        let lake = Lake::new().await;
        let bucket = lake.create("bucket", Versioning::Enabled).await;
        let version = lake.put(&bucket, "k", 1).await;
        let text = key("k");
        let put = |name: String| {
            let (of, new) = (lake.annotated(&text, None), lake.new_annotation(&name, 1, lake.body(1, 5, true)));
            lake.catalog.put_annotation(&bucket, of, new)
        };
        for number in 0..Annotation::COUNT_MAX {
            put(format!("n{number}")).await.expect("an annotation");
        }
        assert!(matches!(put("more".to_owned()).await, Err(CatalogError::AnnotationsFull)));
        let (replaced, _) = put("n7".to_owned()).await.expect("one in the place of another");
        let sum = AnnotationSum { count: Annotation::COUNT_MAX, bytes: 5_000 };
        assert_eq!(replaced.object().expect("an object").annotations, sum);
        assert_eq!((replaced.sequence, replaced.modified), (version.sequence, version.modified), "its place stays");
        let of = lake.annotated(&text, None);
        lake.catalog.remove_annotation(&bucket, of, &name("n7")).await.expect("a change").1.expect("it was there");
        put("more".to_owned()).await.expect("there is room again");
        audit_and_sweep(&lake, 10).await;
    });
}

#[test]
fn pages_follow_each_other_in_byte_order() {
    run(async {
        let lake = Lake::new().await;
        let bucket = lake.create("bucket", Versioning::Enabled).await;
        let text = key("k");
        lake.put(&bucket, "k", 1).await;
        let mut names = ["a", "a.b", "a-b", "b", "Z", "é", "温度", "ab"].map(str::to_owned).to_vec();
        for name in &names {
            let new = lake.new_annotation(name, 1, lake.body(1, 1, true));
            lake.catalog.put_annotation(&bucket, lake.annotated(&text, None), new).await.expect("an annotation");
        }
        names.sort();
        let version = lake.version(&bucket, "k", None).await.expect("the version").id;
        for (prefix, limit) in [("", 1), ("", 3), ("", 8), ("", 100), ("a", 2), ("é", 1), ("c", 5)] {
            let (mut seen, mut after) = (Vec::new(), None::<String>);
            loop {
                let before = lake.map.visited.load(std::sync::atomic::Ordering::SeqCst);
                let scan = AnnotationScan { version, prefix, after: after.as_deref(), limit };
                let (page, truncated) = lake.catalog.annotations(scan).await.expect("a page");
                let visited = lake.map.visited.load(std::sync::atomic::Ordering::SeqCst) - before;
                assert!(page.len() <= limit && visited <= limit + 1, "a page costs a page");
                after = page.last().map(|annotation| annotation.name.to_string());
                seen.extend(page.into_iter().map(|annotation| annotation.name.to_string()));
                if !truncated {
                    break;
                }
            }
            let expected: Vec<_> = names.iter().filter(|name| name.starts_with(prefix)).cloned().collect();
            assert_eq!(seen, expected, "`{prefix}` by {limit}");
        }
        let nothing = AnnotationScan { version, prefix: "", after: None, limit: 0 };
        assert_eq!(lake.catalog.annotations(nothing).await.expect("a page"), (Vec::new(), false));
    });
}

#[test]
fn annotations_go_with_their_version_and_only_then() {
    run(async {
        let lake = Lake::new().await;
        let bucket = lake.create("bucket", Versioning::Enabled).await;
        let text = key("k");
        let old = lake.put(&bucket, "k", 1).await;
        let mut written = BTreeSet::new();
        for number in 0..700 {
            let body = lake.body(2, 5, false);
            written.extend(body.placements.iter().map(|(blob, _)| *blob));
            let new = lake.new_annotation(&format!("n{number}"), 1, body);
            lake.catalog.put_annotation(&bucket, lake.annotated(&text, None), new).await.expect("an annotation");
        }
        let new = lake.put(&bucket, "k", 2).await;
        assert_eq!(new.object().expect("an object").annotations, AnnotationSum::default(), "a new version has none");
        lake.delete(&bucket, "k", None).await;
        assert_eq!(all_annotations(&lake, old.id).await.len(), 700, "old versions keep theirs under a marker");
        let of = lake.annotated(&text, None);
        let annotation = lake.new_annotation("x", 1, lake.body(1, 1, true));
        let refused = lake.catalog.put_annotation(&bucket, of, annotation).await;
        assert!(matches!(refused, Err(CatalogError::VersionGone)), "a marker has none");

        let before = lake.catalog.counters(bucket.id).await.expect("a read");
        lake.delete(&bucket, "k", Some(old.name())).await;
        let after = lake.catalog.counters(bucket.id).await.expect("a read");
        assert_eq!(before.bytes - after.bytes, 1 + 7_000, "its bytes are counted out at once");
        let first = lake.catalog.unlinked(Sequence::ZERO, Timestamp::from_millis(i64::MAX), 10).await.expect("a read");
        assert!(first.len() == 1 && first[0].blobs.len() < written.len(), "they are handed out in pieces");
        assert_eq!(audit_and_sweep(&lake, 10).await, written);
        assert!(lake.rows(Family::Unlinked).await.is_empty() && lake.rows(Family::Annotations).await.is_empty());
    });
}

#[test]
fn a_copy_brings_its_annotations_in_one_change() {
    run(async {
        let lake = Lake::new().await;
        let bucket = lake.create("bucket", Versioning::Unversioned).await;
        let text = key("k");
        for round in 0..2 {
            let annotations = (0..30)
                .map(|number| lake.new_annotation(&format!("n{number}"), round, lake.body(1, 4, number % 2 == 0)));
            let annotations = annotations.collect();
            let put = NewVersion { annotations, ..lake.new_version(&text, round, lake.body(1, 10, false), &ANY) };
            let version = lake.catalog.put(&bucket, put).await.expect("a put");
            assert_eq!(version.object().expect("an object").annotations, AnnotationSum { count: 30, bytes: 120 });
            assert_eq!(
                lake.catalog.counters(bucket.id).await.expect("a read").bytes,
                130,
                "the old ones are counted out"
            );
            assert_eq!(all_annotations(&lake, version.id).await.len(), 30);
        }
        let (_, changes) = replay(&lake).await;
        assert_eq!(changes.len(), 3, "a bucket and two objects");
        assert_eq!(audit_and_sweep(&lake, 10).await.len(), 1 + 15);
    });
}

#[test]
fn a_change_expects_the_object_it_was_made_for() {
    run(async {
        let lake = Lake::new().await;
        let bucket = lake.create("bucket", Versioning::Enabled).await;
        let text = key("k");
        let old = lake.put(&bucket, "k", 1).await;
        lake.put(&bucket, "k", 2).await;
        let first = EtagCondition::OneOf(vec![etag(1)]);
        let expecting = |name| Annotated { if_match: Some(&first), ..lake.annotated(&text, name) };
        let new = || lake.new_annotation("a", 9, lake.body(1, 1, false));
        let failed = lake.catalog.put_annotation(&bucket, expecting(None), new()).await;
        let header = "x-amz-object-if-match";
        assert!(matches!(failed, Err(CatalogError::Condition(Unexpected::Header(found))) if found == header));
        let put = lake.catalog.put_annotation(&bucket, expecting(Some(old.name())), new()).await;
        assert_eq!(put.expect("the version named").0.id, old.id);
        let removed = lake.catalog.remove_annotation(&bucket, expecting(None), &name("a")).await;
        assert!(matches!(removed, Err(CatalogError::Condition(_))));
        let (changed, sequence) =
            lake.catalog.remove_annotation(&bucket, expecting(Some(old.name())), &name("b")).await.expect("nothing");
        assert_eq!((changed.id, sequence), (old.id, None), "removing what is not there changes nothing");

        let (_, changes) = replay(&lake).await;
        let last = changes.last().expect("a change");
        assert_eq!(
            (last.what, last.annotation.as_ref(), last.version),
            (What::AnnotationWritten, Some(&name("a")), Some(old.id))
        );
        assert_eq!((last.bytes, last.etag), (1, Some(etag(9))));
        assert_eq!(changes.len(), 4 + 1, "what was refused is not in the log");
        audit(&lake).await;
    });
}

#[test]
fn many_at_once_are_all_counted() {
    run(async {
        let lake = Lake::new().await;
        let other = lake.other_gateway().await;
        let bucket = lake.create("bucket", Versioning::Enabled).await;
        let text = key("k");
        let version = lake.put(&bucket, "k", 1).await;
        let writes = (0..12_u8).map(|number| {
            let gateway = if number % 2 == 0 { &lake.catalog } else { &other };
            let (lake, bucket, text) = (&lake, &bucket, &text);
            async move {
                let annotation = format!("n{}", number % 5);
                loop {
                    let new = lake.new_annotation(&annotation, number, lake.body(1, 3, number % 3 == 0));
                    match gateway.put_annotation(bucket, lake.annotated(text, None), new).await {
                        Ok(_) => return,
                        Err(CatalogError::Contended) => {}
                        Err(error) => panic!("{error:?}"),
                    }
                }
            }
        });
        join_all(writes).await;
        assert_eq!(all_annotations(&lake, version.id).await.len(), 5);
        audit_and_sweep(&lake, 10).await;
    });
}

#[test]
fn a_damaged_annotation_is_reported_with_its_place() {
    run(async {
        let lake = Lake::new().await;
        let bucket = lake.create("bucket", Versioning::Enabled).await;
        let (text, version) = (key("k"), lake.put(&bucket, "k", 1).await);
        let new = lake.new_annotation("a", 1, lake.body(1, 3, true));
        lake.catalog.put_annotation(&bucket, lake.annotated(&text, None), new).await.expect("an annotation");
        let (place, _) = lake.rows(Family::Annotations).await.remove(0);
        let edits = vec![metadata::Edit::Put(Family::Annotations, place, bytes::Bytes::from_static(&[0xff; 9]))];
        let batch = metadata::Batch { expectations: Vec::new(), edits };
        metadata::KeyValue::apply(&*lake.map, batch).await.expect("a change");
        let read = lake.catalog.annotation(version.id, &name("a")).await;
        assert!(matches!(&read, Err(CatalogError::Damaged { what }) if what.contains("`annotations`")), "{read:?}");
        let new = lake.new_annotation("a", 1, lake.body(1, 3, true));
        let written = lake.catalog.put_annotation(&bucket, lake.annotated(&text, None), new).await;
        assert!(matches!(written, Err(CatalogError::Damaged { .. })), "nothing is written over damage");
    });
}
