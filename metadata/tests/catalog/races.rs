//! Many at once, through two gateways that share neither locks nor cache, some of them leaving before they are answered.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures::future::join_all;
use kernel::{EtagCondition, VersionName, Versioning, WriteCondition};
use metadata::{Amended, Amendment, Catalog, CatalogError};
use proptest::prelude::*;

use crate::audit::{audit_and_sweep, current, replay};
use crate::lake::{ANY, BY, Lake, if_none_match_any, key, run, tags};

#[test]
fn one_of_many_conditional_puts_wins() {
    run(async {
        for versioning in [Versioning::Unversioned, Versioning::Enabled, Versioning::Suspended] {
            let lake = Lake::new().await;
            let other = lake.other_gateway().await;
            let bucket = lake.create("bucket", versioning).await;
            let (text, condition) = (key("k"), if_none_match_any());
            let puts = (0..32).map(|mark| {
                let gateway = if mark % 2 == 0 { &lake.catalog } else { &other };
                gateway.put(&bucket, lake.new_version(&text, mark, lake.body(1, 1, mark % 3 == 0), &condition))
            });
            let outcomes = join_all(puts).await;
            let winners: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.as_ref().ok()).collect();
            assert_eq!(winners.len(), 1);
            let lost = |outcome: &Result<_, _>| {
                matches!(outcome, Err(CatalogError::Condition(kernel::Unexpected::Header("If-None-Match"))))
            };
            assert_eq!(outcomes.iter().filter(|outcome| lost(outcome)).count(), 31);
            assert_eq!(lake.version(&bucket, "k", None).await.as_ref(), Some(winners[0]));
            audit_and_sweep(&lake, 10).await;
        }
    });
}

#[test]
fn whatever_the_catalogue_does_may_move_between_threads() {
    fn movable<F: Future + Send>(future: F) -> F {
        future
    }
    run(async {
        let lake = Lake::new().await;
        let bucket = lake.create("bucket", Versioning::Enabled).await;
        let text = key("k");
        let put = lake.new_version(&text, 1, lake.body(1, 1, false), &ANY);
        movable(lake.catalog.put(&bucket, put)).await.expect("a put");
        movable(lake.catalog.amend_object(
            &bucket,
            Amended { key: &text, name: None, only_if: None, now: lake.now(), by: BY },
            &Amendment::Tags(tags("t")),
        ))
        .await
        .expect("a change");
        let scan = metadata::VersionScan { bucket: bucket.id, prefix: "", delimiter: None, after: None, limit: 1 };
        movable(lake.catalog.list_versions(scan)).await.expect("a listing");
        let new = lake.new_annotation("a", 1, lake.body(1, 1, true));
        let put = lake.catalog.put_annotation(&bucket, lake.annotated(&text, None), new);
        let (version, _) = movable(put).await.expect("an annotation");
        let name = kernel::AnnotationName::new("a").expect("a valid name");
        movable(lake.catalog.annotation(version.id, &name)).await.expect("a read");
        let scan = metadata::AnnotationScan { version: version.id, prefix: "", after: None, limit: 1 };
        movable(lake.catalog.annotations(scan)).await.expect("a read");
        let removed = lake.catalog.remove_annotation(&bucket, lake.annotated(&text, None), &name);
        movable(removed).await.expect("a change");
        movable(lake.catalog.delete(&bucket, lake.deletion(&text, None, &ANY))).await.expect("a deletion");
        let upload = lake.start(&bucket, "k").await;
        movable(lake.catalog.put_part(&bucket, &upload, lake.new_part(1, lake.body(1, 1, true))))
            .await
            .expect("a part");
        movable(lake.catalog.abort_upload(&bucket, &upload, lake.now(), BY)).await.expect("the upload");
        let loose = movable(lake.catalog.unlinked(kernel::Sequence::ZERO, kernel::Timestamp::from_millis(i64::MAX), 1))
            .await
            .expect("a read");
        movable(lake.catalog.swept(&loose)).await.expect("a change");
    });
}

/// Reads the number that stands under the key and writes the next one, until nobody was in between.
async fn increment(lake: &Lake, gateway: &Catalog, bucket: &metadata::Bucket) {
    let text = key("number");
    loop {
        let version = gateway.version(bucket.id, &text, None).await.expect("a read").expect("a number");
        let facts = version.object().expect("an object");
        let condition = WriteCondition { if_match: Some(EtagCondition::OneOf(vec![facts.etag])), if_none_match: None };
        let mark = facts.etag.md5[0];
        match gateway.put(bucket, lake.new_version(&text, mark + 1, lake.body(1, 1, true), &condition)).await {
            Ok(_) => return,
            Err(CatalogError::Condition(kernel::Unexpected::Header("If-Match")) | CatalogError::Contended) => {}
            Err(error) => panic!("{error:?}"),
        }
    }
}

#[test]
fn no_increment_is_lost() {
    run(async {
        let lake = Lake::new().await;
        let other = lake.other_gateway().await;
        let bucket = lake.create("bucket", Versioning::Suspended).await;
        lake.put(&bucket, "number", 0).await;
        let gateway = |index: usize| if index.is_multiple_of(2) { &lake.catalog } else { &other };
        join_all((0..24).map(|index| {
            let (lake, bucket, gateway) = (&lake, &bucket, gateway(index));
            async move {
                for _ in 0..5 {
                    increment(lake, gateway, bucket).await;
                }
            }
        }))
        .await;
        let version = lake.version(&bucket, "number", None).await.expect("a number");
        assert_eq!(version.object().map(|facts| facts.etag.md5[0]), Some(120));
        assert_eq!(lake.catalog.counters(bucket.id).await.expect("a read").versions, 1);
        audit_and_sweep(&lake, 10).await;
    });
}

#[test]
fn unconditional_puts_through_one_gateway_never_give_way() {
    run(async {
        let lake = Lake::new().await;
        let bucket = lake.create("bucket", Versioning::Enabled).await;
        let text = key("k");
        let puts = (0..200).map(|_| lake.catalog.put(&bucket, lake.new_version(&text, 1, lake.body(1, 1, true), &ANY)));
        for put in join_all(puts).await {
            put.expect("a put");
        }
        assert_eq!(lake.catalog.counters(bucket.id).await.expect("a read").versions, 200);
    });
}

#[test]
fn parts_written_while_an_upload_ends_are_in_or_refused() {
    run(async {
        for ends_at in 0..12 {
            let lake = Lake::new().await;
            let other = lake.other_gateway().await;
            let bucket = lake.create("bucket", Versioning::Unversioned).await;
            let upload = lake.start(&bucket, "k").await;
            let first = lake.new_part(1, lake.body(1, 5, false));
            lake.catalog.put_part(&bucket, &upload, first.clone()).await.expect("the upload");
            let writes = (0..12).map(|index| {
                let (lake, other, upload, bucket, first) = (&lake, &other, &upload, &bucket, &first);
                async move {
                    if index == ends_at {
                        let done = lake.complete(bucket, upload, vec![first.part.clone()]).await.map(|_| ());
                        assert!(matches!(done, Ok(()) | Err(CatalogError::PartChanged(1) | CatalogError::Contended)));
                        return;
                    }
                    let gateway = if index % 2 == 0 { other } else { &lake.catalog };
                    let part = lake.new_part(1 + index % 3, lake.body(2, 5, index % 4 == 0));
                    let put = gateway.put_part(bucket, upload, part).await;
                    assert!(matches!(put, Ok(()) | Err(CatalogError::UploadGone)), "{put:?}");
                }
            });
            join_all(writes).await;
            audit_and_sweep(&lake, 10).await;
        }
    });
}

/// Polls a future so often and then drops it.
struct Abandoned<F> {
    future: Pin<Box<F>>,
    polls_left: usize,
}

impl<F: Future> Future for Abandoned<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.polls_left == 0 {
            return Poll::Ready(None);
        }
        self.polls_left -= 1;
        // Whoever is out of patience leaves without being called.
        context.waker().wake_by_ref();
        self.future.as_mut().poll(context).map(Some)
    }
}

#[derive(Debug, Clone, Copy)]
enum Deed {
    Put,
    Mark,
    RemoveNull,
    RemoveNewest,
    RemoveOldest,
    Tag,
    Set(Versioning),
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        6 => Just(Deed::Put),
        4 => Just(Deed::Mark),
        2 => Just(Deed::RemoveNull),
        4 => Just(Deed::RemoveNewest),
        3 => Just(Deed::RemoveOldest),
        2 => Just(Deed::Tag),
        1 => Just(Deed::Set(Versioning::Enabled)),
        1 => Just(Deed::Set(Versioning::Suspended)),
    ]
}

/// Does it if nothing has changed in between; whether it did does not matter, only what is left behind.
async fn act(lake: &Lake, gateway: &Catalog, deed: Deed, pieces: usize) {
    let bucket = gateway.bucket(&crate::lake::bucket_name("bucket")).await.expect("a read").expect("the bucket");
    let text = key("k");
    let scan = metadata::VersionScan { bucket: bucket.id, prefix: "", delimiter: None, after: None, limit: 100 };
    let outcome = match deed {
        Deed::Put => {
            let put = lake.new_version(&text, 1, lake.body(pieces, 2, pieces == 0), &ANY);
            gateway.put(&bucket, put).await.map(|_| ())
        }
        Deed::Mark => gateway.delete(&bucket, lake.deletion(&text, None, &ANY)).await.map(|_| ()),
        Deed::RemoveNull => {
            gateway.delete(&bucket, lake.deletion(&text, Some(VersionName::Null), &ANY)).await.map(|_| ())
        }
        Deed::RemoveNewest | Deed::RemoveOldest => {
            let rows = gateway.list_versions(scan).await.expect("a listing").rows;
            let row = if matches!(deed, Deed::RemoveNewest) { rows.first() } else { rows.last() };
            let Some(metadata::Row::Item((version, _))) = row else { return };
            gateway.delete(&bucket, lake.deletion(&text, Some(version.name()), &ANY)).await.map(|_| ())
        }
        Deed::Tag => gateway
            .amend_object(
                &bucket,
                Amended { key: &text, name: None, only_if: None, now: lake.now(), by: BY },
                &Amendment::Tags(tags("t")),
            )
            .await
            .map(|_| ()),
        Deed::Set(versioning) => gateway.set_versioning(&bucket, versioning, lake.now(), BY).await.map(|_| ()),
    };
    let given_way = |error: &CatalogError| {
        matches!(error, CatalogError::BucketGone | CatalogError::VersionGone | CatalogError::Contended)
    };
    assert!(outcome.as_ref().err().is_none_or(given_way), "{outcome:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Whatever interleaves, and whoever leaves in the middle: rows, names, counters, log and loose ends still agree.
    #[test]
    fn nothing_tears(
        rounds in proptest::collection::vec(
            proptest::collection::vec((deed(), any::<bool>(), 0..3_usize, prop_oneof![1..12_usize, Just(999)]), 1..6),
            1..8,
        ),
        versioned: bool,
    ) {
        run(async {
            let lake = Lake::new().await;
            let other = lake.other_gateway().await;
            lake.create("bucket", if versioned { Versioning::Enabled } else { Versioning::Unversioned }).await;
            for round in rounds {
                join_all(round.into_iter().map(|(deed, here, pieces, polls_left)| {
                    let gateway = if here { &lake.catalog } else { &other };
                    Abandoned { future: Box::pin(act(&lake, gateway, deed, pieces)), polls_left }
                }))
                .await;
            }
            // What was abandoned on its way takes effect before whatever comes later.
            lake.catalog.advance("nobody", kernel::Sequence::ZERO).await.expect("a change");
            audit_and_sweep(&lake, 3).await;
            assert_eq!(replay(&lake).await.0, current(&lake).await, "the log tells the same story");
        });
    }

    /// A bucket in memory is never older than the last change that was answered.
    #[test]
    fn a_cached_bucket_is_fresh(
        steps in proptest::collection::vec((any::<bool>(), prop_oneof![1..6_usize, Just(999)]), 1..12),
    ) {
        run(async {
            let lake = Lake::new().await;
            lake.create("bucket", Versioning::Enabled).await;
            for (index, (reads_beside, polls_left)) in steps.into_iter().enumerate() {
                let name = crate::lake::bucket_name("bucket");
                let bucket = lake.bucket("bucket").await;
                let new = tags(&index.to_string());
                let change = lake.catalog.set_bucket_tags(&bucket, new.clone(), lake.now(), BY);
                let change = Abandoned { future: Box::pin(change), polls_left };
                let outcome = if reads_beside {
                    futures::future::join(change, lake.catalog.bucket(&name)).await.0
                } else {
                    change.await
                };
                lake.catalog.advance("nobody", kernel::Sequence::ZERO).await.expect("a change");
                let row = lake.rows(metadata::Family::Buckets).await.remove(0).1;
                let now = lake.bucket("bucket").await;
                assert_eq!(now.revision.to_bits().to_be_bytes(), row[..8], "as it is stored");
                if matches!(outcome, Some(Ok(_))) {
                    assert_eq!(now.tags, new);
                }
            }
        });
    }
}
