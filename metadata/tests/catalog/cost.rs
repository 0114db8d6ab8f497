//! A page costs a page.

use std::sync::atomic::Ordering::SeqCst;

use kernel::{Version, Versioning};
use metadata::{Bucket, Family, ObjectScan, Past, Row, Veil, VersionScan};

use crate::lake::{Lake, key, run};

impl Lake {
    /// Rows visited by `work`, and the families it scanned.
    pub(crate) async fn visits(&self, work: impl Future<Output = ()>) -> (usize, Vec<Family>) {
        self.map.visited.store(0, SeqCst);
        self.map.scanned.lock().expect("nobody panicked").clear();
        work.await;
        let families = self.map.scanned.lock().expect("nobody panicked").clone();
        (self.map.visited.load(SeqCst), families)
    }
}

fn objects(bucket: &Bucket, delimiter: Option<&'static str>, limit: usize) -> ObjectScan<'static> {
    ObjectScan { bucket: bucket.id, prefix: "", delimiter, after: None, limit }
}

#[test]
fn a_page_costs_a_bound_whatever_is_hidden() {
    run(async {
        let lake = Lake::new().await;
        let bucket = lake.create("bucket", Versioning::Enabled).await;
        let passed_max = Veil::<Version>::PASSED_MAX;
        let (pages, mut at) = (3, None);
        for index in 0..pages * passed_max {
            at = Some(lake.put(&bucket, &format!("a/{index:06}"), 1).await.sequence);
        }
        lake.put(&bucket, "a/x", 1).await;
        let at = at.expect("something was written");
        let hides = || Veil::over(|version: &Version| version.key.as_str() != "a/x");
        for delimiter in [None, Some("/")] {
            let scan = objects(&bucket, delimiter, 10);
            let (mut found, mut resume) = (0, [None, None, None]);
            for page in 0..=pages {
                let (visited, _) = lake
                    .visits(async {
                        let listing = lake.catalog.list_objects_behind(hides().resuming(resume[0].take()), scan).await;
                        let listing = listing.expect("a listing");
                        assert_eq!(listing.truncated, page < pages, "page {page}");
                        found += listing.rows.len();
                        resume[0] = listing.resume;
                    })
                    .await;
                assert!(visited <= passed_max, "{visited} rows for a page of objects");
                let versions = VersionScan { bucket: bucket.id, prefix: "", delimiter, after: None, limit: 10 };
                let (visited, _) = lake
                    .visits(async {
                        let listing = lake.catalog.list_versions_behind(hides().resuming(resume[1].take()), versions);
                        let listing = listing.await.expect("a listing");
                        found += listing.rows.len();
                        resume[1] = listing.resume;
                    })
                    .await;
                assert!(visited <= passed_max + 1, "{visited} rows for a page of versions");
                let (visited, _) = lake
                    .visits(async {
                        let veil = hides().resuming(resume[2].take());
                        let past = lake.catalog.list_objects_behind_as_of(veil, &bucket, scan, at).await;
                        let past = past.expect("a past");
                        assert!(past.next.is_none(), "no hidden key is named");
                        resume[2] = past.resume;
                    })
                    .await;
                assert!(visited <= 2 * passed_max, "{visited} rows for a page of the past");
            }
            assert_eq!(found, 2, "what is not hidden is found behind it");
        }
    });
}

#[test]
fn a_page_costs_a_page_whatever_was_deleted() {
    run(async {
        let lake = Lake::new().await;
        let bucket = lake.create("bucket", Versioning::Enabled).await;
        for index in 0..50_000 {
            let text = format!("a/{index}");
            lake.put(&bucket, &text, 1).await;
            lake.delete(&bucket, &text, None).await;
        }
        for index in 0..100 {
            lake.put(&bucket, &format!("b{index:03}"), 1).await;
        }
        for (delimiter, limit) in [(None, 10), (Some("/"), 10), (None, 1_000)] {
            let scan = objects(&bucket, delimiter, limit);
            let (visited, families) = lake
                .visits(async {
                    let listing = lake.catalog.list_objects(scan).await.expect("a listing");
                    assert_eq!(listing.rows.len(), limit.min(100));
                })
                .await;
            assert!(visited <= limit.min(100) + 1, "{visited} rows for a page of {limit}");
            assert_eq!(families, [Family::Current], "history is not touched");
        }
        let after = Some(("a/4", None));
        let scan = VersionScan { bucket: bucket.id, prefix: "", delimiter: Some("/"), after, limit: 5 };
        let (visited, families) = lake
            .visits(async {
                let listing = lake.catalog.list_versions(scan).await.expect("a listing");
                assert_eq!(listing.rows[0], Row::Prefix("a/".to_owned()));
                assert!(listing.rows.len() == 5 && listing.truncated);
            })
            .await;
        assert!(visited <= 6, "{visited} rows for a page of versions");
        assert_eq!(families, [Family::Versions]);
    });
}

#[test]
fn common_prefixes_are_left_behind_in_one_leap() {
    run(async {
        let lake = Lake::new().await;
        let bucket = lake.create("bucket", Versioning::Unversioned).await;
        for index in 0..10_000 {
            lake.put(&bucket, &format!("{:02}/{index}", index % 20), 1).await;
        }
        let (visited, _) = lake
            .visits(async {
                let listing = lake.catalog.list_objects(objects(&bucket, Some("/"), 1_000)).await.expect("a listing");
                assert_eq!(listing.rows.len(), 20);
            })
            .await;
        assert!(visited <= 21, "{visited} rows for 20 common prefixes");
    });
}

#[test]
fn a_page_in_the_middle_of_a_long_history_costs_a_page() {
    run(async {
        let lake = Lake::new().await;
        let bucket = lake.create("bucket", Versioning::Enabled).await;
        let mut names = Vec::new();
        for _ in 0..2_000 {
            names.push(lake.put(&bucket, "k", 1).await.name());
        }
        let after = Some(("k", Some(names[1_000])));
        let scan = VersionScan { bucket: bucket.id, prefix: "", delimiter: None, after, limit: 5 };
        let (visited, _) = lake
            .visits(async {
                let listing = lake.catalog.list_versions(scan).await.expect("a listing");
                let found = listing.rows.iter().map(|row| match row {
                    Row::Item((version, is_latest)) => (version.name(), *is_latest),
                    Row::Prefix(prefix) => panic!("`{prefix}` without a delimiter"),
                });
                let expected: Vec<_> = (995..1_000).rev().map(|index| (names[index], false)).collect();
                assert_eq!(found.collect::<Vec<_>>(), expected);
            })
            .await;
        assert!(visited <= 7, "{visited} rows for a page of 5 versions");
    });
}

#[test]
fn removing_the_newest_of_a_long_history_looks_at_one_more_version() {
    run(async {
        let lake = Lake::new().await;
        let bucket = lake.create("bucket", Versioning::Enabled).await;
        let mut newest = None;
        for _ in 0..500 {
            newest = Some(lake.put(&bucket, "k", 1).await.name());
        }
        let (visited, _) =
            lake.visits(async { assert!(lake.delete(&bucket, "k", newest).await.sequence.is_some()) }).await;
        assert_eq!(visited, 1);
    });
}

#[test]
fn a_read_of_the_past_looks_at_one_version_and_one_grave() {
    run(async {
        let lake = Lake::new().await;
        let bucket = lake.create("bucket", Versioning::Enabled).await;
        let text = key("k");
        let mut written = Vec::new();
        for _ in 0..1_000 {
            written.push(lake.put(&bucket, "k", 1).await);
        }
        for version in written.iter().step_by(2) {
            lake.delete(&bucket, "k", Some(version.name())).await;
        }
        for (index, version) in written.iter().enumerate().skip(100).step_by(331) {
            let read = lake.catalog.version_as_of(&bucket, &text, version.sequence);
            let (visited, families) = lake
                .visits(async {
                    let past = read.await.expect("a past");
                    assert_eq!(matches!(past, Past::Grave(_)), index % 2 == 0, "{past:?}");
                })
                .await;
            assert!(visited <= 2, "{visited} rows");
            assert_eq!(families, [Family::Versions, Family::Graves]);
        }
    });
}

#[test]
fn a_page_of_the_past_costs_a_page_or_ends_early() {
    run(async {
        let lake = Lake::new().await;
        let bucket = lake.create("bucket", Versioning::Enabled).await;
        for index in 0..50 {
            lake.put(&bucket, &format!("z{index:03}"), 1).await;
        }
        let at = lake.durable();
        for index in 0..50_000 {
            lake.put(&bucket, &format!("later/{index}"), 1).await;
        }
        let mut marked = Vec::new();
        for index in 0..1_000 {
            marked.push(lake.delete(&bucket, &format!("marked/{index}"), None).await.name);
        }
        let last = lake.durable();
        let page = async |delimiter, after: Option<String>, limit, at| {
            let scan = ObjectScan { bucket: bucket.id, prefix: "", delimiter, after: after.as_deref(), limit };
            lake.catalog.list_objects_as_of(&bucket, scan, at).await.expect("a past")
        };
        let (mut after, mut found) = (None, 0);
        for _ in 0..4 {
            let (visited, _) = lake
                .visits(async {
                    let listing = page(None, after.clone(), 40, at).await;
                    found += listing.rows.len();
                    after = listing.next;
                })
                .await;
            assert!(visited <= 20_100, "{visited} rows for a page of 40");
            if after.is_none() {
                break;
            }
        }
        assert_eq!((after, found), (None, 50), "short pages come to the end too");
        for (delimiter, limit) in [(None, 10), (None, 1_000), (Some("/"), 10)] {
            let (visited, _) = lake.visits(async { drop(page(delimiter, None, limit, last).await) }).await;
            assert!(visited <= limit + 2 + usize::from(delimiter.is_some()) * 1_000, "{visited} for a page of {limit}");
        }
    });
}
