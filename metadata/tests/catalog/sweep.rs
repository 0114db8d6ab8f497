//! What the sweep is given, and when.

use std::collections::BTreeSet;

use kernel::{Placement, Sequence, SiteName, Timestamp, Versioning};

use crate::audit::{audit_and_sweep, drain};
use crate::lake::{ANY, BY, Lake, key, run};

const FOREVER: Timestamp = Timestamp::from_millis(i64::MAX);

#[test]
fn the_dead_uploads_of_a_dead_bucket_come_in_bounded_pieces() {
    run(async {
        let lake = Lake::new().await;
        let bucket = lake.create("bucket", Versioning::Unversioned).await;
        let mut written = BTreeSet::new();
        for index in 0..30 {
            let upload = lake.start(&bucket, &format!("k{index}")).await;
            for number in 1..=if index == 7 { 2_500 } else { index % 3 } {
                let part = lake.new_part(number, lake.body(1, 5, false));
                written.extend(part.placements.iter().map(|(blob, _)| *blob));
                lake.catalog.put_part(&bucket, &upload, part).await.expect("the upload");
            }
        }
        for index in 0..1_500 {
            lake.start(&bucket, &format!("without parts {index}")).await;
        }
        lake.catalog.delete_bucket(&bucket, lake.now(), BY).await.expect("a bucket without versions");
        let first = lake.catalog.unlinked(Sequence::ZERO, FOREVER, 10).await.expect("a read");
        assert!(first.len() == 1 && first[0].blobs.len() <= 1_100, "a piece is bounded");
        let again = lake.catalog.unlinked(Sequence::ZERO, FOREVER, 10).await.expect("a read");
        assert_eq!(again[0].blobs, first[0].blobs, "nothing is lost before it is said to be swept");
        assert_eq!(audit_and_sweep(&lake, 10).await, written);
        assert!(lake.rows(metadata::Family::Uploads).await.is_empty());
        assert!(lake.rows(metadata::Family::Unlinked).await.is_empty());
    });
}

#[test]
fn loose_ends_come_when_they_are_due_even_if_the_clock_was_ahead() {
    run(async {
        let lake = Lake::new().await;
        let bucket = lake.create("bucket", Versioning::Unversioned).await;
        let mut blobs = Vec::new();
        for at in [100, 9_000_000, 200, 300] {
            let text = key("k");
            let body = lake.body(1, 5, false);
            blobs.push(body.placements[0].0);
            lake.catalog.put(&bucket, lake.new_version(&text, 1, body, &ANY)).await.expect("a put");
            let deletion = metadata::Deletion { now: Timestamp::from_millis(at), ..lake.deletion(&text, None, &ANY) };
            lake.catalog.delete(&bucket, deletion).await.expect("a deletion");
        }
        let due = |until| {
            let lake = &lake;
            async move {
                let pieces =
                    lake.catalog.unlinked(Sequence::ZERO, Timestamp::from_millis(until), 10).await.expect("a read");
                pieces.iter().flat_map(|piece| &piece.blobs).map(|(blob, _)| *blob).collect::<Vec<_>>()
            }
        };
        assert_eq!(due(99).await, []);
        assert_eq!(due(100).await, [blobs[0]]);
        assert_eq!(due(250).await, [blobs[0], blobs[2]]);
        assert_eq!(due(i64::MAX).await, blobs);
        assert!(lake.catalog.unlinked(Sequence::ZERO, FOREVER, 0).await.expect("a read").is_empty());
        assert_eq!(lake.catalog.unlinked(Sequence::ZERO, FOREVER, 3).await.expect("a read").len(), 3);
        assert_eq!(drain(&lake, 3).await, blobs.into_iter().collect());
    });
}

#[test]
fn what_is_swept_twice_is_gone_once() {
    run(async {
        let lake = Lake::new().await;
        let bucket = lake.create("bucket", Versioning::Unversioned).await;
        let text = key("k");
        for _ in 0..2 {
            let put = lake.new_version(&text, 1, lake.body(3, 5, false), &ANY);
            lake.catalog.put(&bucket, put).await.expect("a put");
        }
        let pieces = lake.catalog.unlinked(Sequence::ZERO, FOREVER, 10).await.expect("a read");
        assert_eq!(pieces.iter().map(|piece| piece.blobs.len()).collect::<Vec<_>>(), [3]);
        lake.catalog.swept(&pieces).await.expect("a change");
        lake.catalog.swept(&pieces).await.expect("a change");
        assert!(audit_and_sweep(&lake, 10).await.is_empty(), "the object that stands keeps its blobs");
    });
}

#[test]
fn what_is_swept_in_part_comes_again_with_what_is_left() {
    run(async {
        let lake = Lake::new().await;
        let bucket = lake.create("bucket", Versioning::Unversioned).await;
        let text = key("k");
        let [near, far] = ["near", "far"].map(|name| Placement::Copy(SiteName::new(name).expect("a name")));
        let mut put = lake.new_version(&text, 1, lake.body(2, 5, false), &ANY);
        put.placements.iter_mut().for_each(|(_, sites)| *sites = vec![near.clone(), far.clone()]);
        lake.catalog.put(&bucket, put).await.expect("a put");
        lake.catalog.delete(&bucket, lake.deletion(&text, None, &ANY)).await.expect("a deletion");
        let piece = lake.catalog.unlinked(Sequence::ZERO, FOREVER, 10).await.expect("a read").remove(0);
        let left = vec![(piece.blobs[1].0, vec![far.clone()])];
        lake.catalog.swept_in_part(&left).await.expect("a change");
        let again = lake.catalog.unlinked(Sequence::ZERO, FOREVER, 10).await.expect("a read").remove(0);
        assert_eq!(again.blobs, [piece.blobs[0].clone(), left[0].clone()]);
        assert!(lake.catalog.unlinked(again.sequence, FOREVER, 10).await.expect("a read").is_empty());
        lake.catalog.swept(&[again]).await.expect("a change");
        assert!(lake.rows(metadata::Family::Blobs).await.is_empty());
    });
}
