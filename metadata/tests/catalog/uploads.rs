//! Multipart uploads: ends, offsets, and parts that change under a completion.

use kernel::{Content, VersionName, Versioning};
use metadata::{CatalogError, Completion, NewVersion, What};

use crate::audit::{audit_and_sweep, replay};
use crate::lake::{BY, Lake, facts, if_none_match_any, run};

#[test]
fn an_upload_ends_once() {
    run(async {
        let lake = Lake::new().await;
        let bucket = lake.create("bucket", Versioning::Enabled).await;
        let upload = lake.start(&bucket, "k").await;
        let part = lake.new_part(1, lake.body(1, 5, false));
        lake.catalog.put_part(&bucket, &upload, part.clone()).await.expect("the upload");
        let version = lake.complete(&bucket, &upload, vec![part.part.clone()]).await.expect("the upload");
        assert_eq!(version.object().map(|facts| &facts.content), Some(&Content::Parts { list: upload.id, count: 1 }));
        let again = lake.complete(&bucket, &upload, vec![part.part.clone()]).await;
        assert!(matches!(again, Err(CatalogError::UploadGone)));
        let late = lake.catalog.put_part(&bucket, &upload, lake.new_part(2, lake.body(1, 5, false))).await;
        assert!(matches!(late, Err(CatalogError::UploadGone)));
        let aborted = lake.catalog.abort_upload(&bucket, &upload, lake.now(), BY).await;
        assert!(matches!(aborted, Err(CatalogError::UploadGone)));
        assert_eq!(lake.catalog.upload(bucket.id, &upload.key, upload.id).await.expect("a read"), None);
        let (_, changes) = replay(&lake).await;
        let last = changes.last().expect("a change");
        assert_eq!((last.what, last.upload, last.bytes), (What::ObjectWritten, Some(upload.id), 5));
        assert!(audit_and_sweep(&lake, 10).await.is_empty());
    });
}

#[test]
fn a_completion_names_the_parts_as_they_are() {
    run(async {
        let lake = Lake::new().await;
        let bucket = lake.create("bucket", Versioning::Unversioned).await;
        let upload = lake.start(&bucket, "k").await;
        let old = lake.new_part(3, lake.body(2, 5, false));
        lake.catalog.put_part(&bucket, &upload, old.clone()).await.expect("the upload");
        let new = lake.new_part(3, lake.body(1, 7, true));
        lake.catalog.put_part(&bucket, &upload, new.clone()).await.expect("the upload");
        let stale = lake.complete(&bucket, &upload, vec![old.part]).await;
        assert!(matches!(stale, Err(CatalogError::PartChanged(3))));
        let missing = lake.new_part(4, lake.body(1, 7, false)).part;
        let unknown = lake.complete(&bucket, &upload, vec![new.part.clone(), missing]).await;
        assert!(matches!(unknown, Err(CatalogError::PartChanged(4))));
        let twice = lake.complete(&bucket, &upload, vec![new.part.clone(), new.part.clone()]).await;
        assert!(matches!(twice, Err(CatalogError::PartChanged(3))));
        lake.complete(&bucket, &upload, vec![new.part]).await.expect("the upload");
        assert_eq!(audit_and_sweep(&lake, 10).await.len(), 2, "the two blobs of the replaced part");
    });
}

#[test]
fn a_failed_condition_leaves_the_upload() {
    run(async {
        let lake = Lake::new().await;
        let bucket = lake.create("bucket", Versioning::Unversioned).await;
        lake.put(&bucket, "k", 1).await;
        let upload = lake.start(&bucket, "k").await;
        let part = lake.new_part(1, lake.body(1, 5, false));
        lake.catalog.put_part(&bucket, &upload, part.clone()).await.expect("the upload");
        let condition = if_none_match_any();
        let put = NewVersion {
            facts: facts(9, Content::Parts { list: upload.id, count: 1 }, 5),
            completes: Some(Completion { upload: &upload, parts: vec![part.part.clone()] }),
            ..lake.new_version(&upload.key, 9, lake.body(0, 0, false), &condition)
        };
        assert!(matches!(
            lake.catalog.put(&bucket, put).await,
            Err(CatalogError::Condition(kernel::Unexpected::Header("If-None-Match")))
        ));
        let (parts, _) = lake.catalog.parts(upload.id, 0, 10).await.expect("a read");
        assert_eq!(parts, [part.part]);
    });
}

#[test]
fn parts_are_found_by_byte_and_by_number() {
    run(async {
        let lake = Lake::new().await;
        let bucket = lake.create("bucket", Versioning::Unversioned).await;
        let upload = lake.start(&bucket, "k").await;
        let sizes = [(2, 10), (5, 0), (7, 3), (9_999, 1), (10_000, 0)];
        let mut parts = Vec::new();
        for (number, bytes) in sizes.iter().rev() {
            let pieces = usize::from(*bytes > 0);
            let part = lake.new_part(*number, lake.body(pieces, *bytes, false));
            lake.catalog.put_part(&bucket, &upload, part.clone()).await.expect("the upload");
            parts.insert(0, part.part);
        }
        lake.complete(&bucket, &upload, parts.clone()).await.expect("the upload");
        let starts = [0, 10, 10, 13, 14];
        let all: Vec<_> = starts.into_iter().zip(parts).collect();
        for byte in 0..16_u64 {
            let expected: Vec<_> = all.iter().filter(|(start, part)| start + part.bytes > byte).cloned().collect();
            let found = lake.catalog.list_parts_of(upload.id, byte, 100).await.expect("a read");
            assert_eq!(found, expected, "from byte {byte}");
            let one = lake.catalog.list_parts_of(upload.id, byte, 1).await.expect("a read");
            assert_eq!(one, expected[..expected.len().min(1)]);
        }
        assert!(lake.catalog.list_parts_of(upload.id, u64::MAX, 1).await.expect("a read").is_empty());
        for after in [0, 1, 2, 6, 9_999, 10_000, u16::MAX] {
            let expected: Vec<_> = all.iter().filter(|(_, part)| part.number > after).take(2).cloned().collect();
            let found = lake.catalog.list_parts_after(upload.id, after, 2).await.expect("a read");
            assert_eq!(found, expected, "after part {after}");
        }
    });
}

#[test]
fn parts_page_by_number() {
    run(async {
        let lake = Lake::new().await;
        let bucket = lake.create("bucket", Versioning::Unversioned).await;
        let upload = lake.start(&bucket, "k").await;
        assert_eq!(lake.catalog.parts(upload.id, 0, 10).await.expect("a read"), (Vec::new(), false));
        for number in [300, 2, 1, 10_000] {
            let part = lake.new_part(number, lake.body(1, 5, false));
            lake.catalog.put_part(&bucket, &upload, part).await.expect("the upload");
        }
        let numbers = |after, limit| {
            let lake = &lake;
            async move {
                let (parts, truncated) = lake.catalog.parts(upload.id, after, limit).await.expect("a read");
                (parts.iter().map(|part| part.number).collect::<Vec<_>>(), truncated)
            }
        };
        assert_eq!(numbers(0, 10).await, (vec![1, 2, 300, 10_000], false));
        assert_eq!(numbers(0, 4).await, (vec![1, 2, 300, 10_000], false));
        assert_eq!(numbers(1, 2).await, (vec![2, 300], true));
        assert_eq!(numbers(10_000, 2).await, (vec![], false));
        assert_eq!(numbers(0, 0).await, (vec![], false));
    });
}

#[test]
fn ten_thousand_parts_complete_and_are_swept_in_pieces() {
    run(async {
        let lake = Lake::new().await;
        let bucket = lake.create("bucket", Versioning::Unversioned).await;
        let upload = lake.start(&bucket, "k").await;
        let mut parts = Vec::new();
        for number in 1..=10_000 {
            let part = lake.new_part(number, lake.body(1, 5, number % 10 == 0));
            lake.catalog.put_part(&bucket, &upload, part.clone()).await.expect("the upload");
            parts.push(part.part);
        }
        parts.retain(|part| part.number % 2 == 0);
        lake.complete(&bucket, &upload, parts).await.expect("the upload");
        let removed = audit_and_sweep(&lake, 10).await;
        assert_eq!(removed.len(), 5_000, "the parts that were not chosen");
        lake.delete(&bucket, "k", Some(VersionName::Null)).await;
        let removed = audit_and_sweep(&lake, 10).await;
        assert_eq!(removed.len(), 4_000, "the chosen parts that did not lie in the catalogue");
        let again = lake.complete(&bucket, &upload, Vec::new()).await;
        assert!(matches!(again, Err(CatalogError::UploadGone)));
    });
}
