//! Listings against the plainest listing there can be, page by page and joined.

use std::collections::{BTreeMap, BTreeSet};

use kernel::{Sequence, Version, VersionId, VersionName, Versioning};
use metadata::{Listing, ObjectScan, Row, UploadScan, Veil, VersionScan};
use proptest::prelude::*;

use crate::lake::{Lake, key, run};
use crate::model::{ModelRow, page};

const LIMITS: std::ops::Range<usize> = 1..6;

fn keys() -> impl Strategy<Value = Vec<String>> {
    let text = proptest::string::string_regex("[ab/\u{1}~é🌬\u{10FFFF}]{1,5}").expect("a valid pattern");
    proptest::collection::btree_set(text, 0..24).prop_map(|keys| keys.into_iter().collect())
}

fn prefix() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(vec!["", "", "a", "a/", "/", "🌬", "\u{10FFFF}", "zz", "a\0"])
}

fn delimiter() -> impl Strategy<Value = Option<&'static str>> {
    proptest::sample::select(vec![
        None,
        Some("/"),
        Some("/"),
        Some("//"),
        Some("a"),
        Some("🌬"),
        Some("\u{10FFFF}"),
        Some(""),
    ])
}

fn after() -> impl Strategy<Value = Option<&'static str>> {
    proptest::sample::select(vec![
        None,
        None,
        Some(""),
        Some("a"),
        Some("a/"),
        Some("a/b"),
        Some("a//"),
        Some("b"),
        Some("🌬"),
        Some("a\0b"),
        Some("\u{10FFFF}"),
        Some("\u{10FFFF}\u{10FFFF}\u{10FFFF}"),
    ])
}

/// The model knows no empty delimiter.
fn present(delimiter: Option<&str>) -> Option<&str> {
    delimiter.filter(|delimiter| !delimiter.is_empty())
}

fn rows<T, U>(listing: Listing<T>, item: impl Fn(T) -> (String, U)) -> (Vec<ModelRow<U>>, bool) {
    let row = |row| match row {
        Row::Item(found) => {
            let (key, item) = item(found);
            (key, Some(item))
        }
        Row::Prefix(prefix) => (prefix, None),
    };
    (listing.rows.into_iter().map(row).collect(), listing.truncated)
}

fn named(version: Version) -> (String, VersionId) {
    (version.key.to_string(), version.id)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn objects_list_as_the_model_lists_them(
        keys in keys(), prefix in prefix(), delimiter in delimiter(), after in after(), limit in 0..9_usize, step in LIMITS,
    ) {
        run(async {
            let lake = Lake::new().await;
            let bucket = lake.create("bucket", Versioning::Enabled).await;
            let neighbour = lake.create("neighbour", Versioning::Enabled).await;
            lake.put(&neighbour, "a/of another bucket", 0).await;
            let mut items = Vec::new();
            for (index, text) in keys.iter().enumerate() {
                items.push(named(lake.put(&bucket, text, 1).await));
                if index % 5 == 4 {
                    lake.delete(&bucket, text, None).await;
                    items.pop();
                }
            }
            let scan = ObjectScan { bucket: bucket.id, prefix, delimiter, after, limit };
            let found = rows(lake.catalog.list_objects(scan).await.expect("a listing"), named);
            assert_eq!(found, page(&items, prefix, present(delimiter), after, limit));

            let mut joined = Vec::new();
            let mut at = after.map(str::to_owned);
            loop {
                let scan = ObjectScan { after: at.as_deref(), limit: step, ..scan };
                let (found, truncated) = rows(lake.catalog.list_objects(scan).await.expect("a listing"), named);
                assert!(found.len() == step || !truncated, "a truncated page is full");
                at = found.last().map(|(text, _)| text.clone()).or(at);
                joined.extend(found);
                if !truncated {
                    break;
                }
            }
            assert_eq!(joined, page(&items, prefix, present(delimiter), after, usize::MAX).0, "pages joined are the whole");
        });
    }

    #[test]
    fn behind_a_veil_objects_list_as_if_the_hidden_were_not_there(
        keys in keys(), hidden: u32, prefix in prefix(), delimiter in delimiter(), after in after(), limit in 1..9_usize,
    ) {
        run(async {
            let lake = Lake::new().await;
            let bucket = lake.create("bucket", Versioning::Enabled).await;
            let (mut items, mut veiled, mut at) = (Vec::new(), BTreeSet::new(), Sequence::ZERO);
            for (index, text) in keys.iter().enumerate() {
                let version = lake.put(&bucket, text, 1).await;
                at = version.sequence;
                if hidden >> (index % 32) & 1 == 0 {
                    items.push(named(version));
                } else {
                    veiled.insert(version.id);
                }
            }
            let veil = Veil::over(move |version: &Version| veiled.contains(&version.id));
            let scan = ObjectScan { bucket: bucket.id, prefix, delimiter, after, limit };
            let expected = page(&items, prefix, present(delimiter), after, limit);
            let found = lake.catalog.list_objects_behind(veil.clone(), scan).await.expect("a listing");
            assert_eq!(rows(found, named), expected);
            let versions = VersionScan { bucket: bucket.id, prefix, delimiter, after: after.map(|after| (after, None)), limit };
            let found = lake.catalog.list_versions_behind(veil.clone(), versions).await.expect("a listing");
            assert_eq!(rows(found, |(version, _)| named(version)), expected);
            if at != Sequence::ZERO {
                let past = lake.catalog.list_objects_behind_as_of(veil, &bucket, scan, at).await.expect("a past");
                let found = Listing { rows: past.rows, truncated: past.next.is_some(), resume: None };
                assert_eq!(rows(found, named), expected);
            }
        });
    }

    #[test]
    fn pages_that_pass_few_hidden_rows_are_joined_to_the_whole(
        keys in keys(), hidden: u32, prefix in prefix(), delimiter in delimiter(), after in after(), limit in 1..9_usize,
        passed_max in 1..4_usize,
    ) {
        run(async {
            let lake = Lake::new().await;
            let bucket = lake.create("bucket", Versioning::Enabled).await;
            let (mut current, mut all, mut veiled, mut at) = (Vec::new(), Vec::new(), BTreeSet::new(), Sequence::ZERO);
            for (index, text) in keys.iter().enumerate() {
                let [below, above] = [lake.put(&bucket, text, 1).await, lake.put(&bucket, text, 2).await];
                at = above.sequence;
                for (round, version) in [(1, above), (0, below)] {
                    if hidden >> ((2 * index + round) % 32) & 1 == 1 {
                        veiled.insert(version.id);
                        continue;
                    }
                    all.push((version.key.to_string(), (version.id, round == 1)));
                    if round == 1 {
                        current.push(named(version));
                    }
                }
            }
            let veil = Veil::over(move |version: &Version| veiled.contains(&version.id)).passing(passed_max);
            let scan = ObjectScan { bucket: bucket.id, prefix, delimiter, after, limit };
            let whole = page(&current, prefix, present(delimiter), after, usize::MAX).0;
            let mut goes_on = (after.map(str::to_owned), None);
            let mut joined = Vec::new();
            loop {
                let scan = ObjectScan { after: goes_on.0.as_deref(), ..scan };
                let veil = veil.clone().resuming(goes_on.1.take());
                let listing = lake.catalog.list_objects_behind(veil, scan).await.expect("a listing");
                goes_on.1.clone_from(&listing.resume);
                let (found, truncated) = rows(listing, named);
                assert!(found.len() == limit || !truncated || goes_on.1.is_some(), "a page ends early for a reason");
                goes_on.0 = found.last().map(|(text, _)| text.clone()).or(goes_on.0);
                joined.extend(found);
                if !truncated {
                    break;
                }
            }
            assert_eq!(joined, whole);

            let scan = VersionScan { bucket: bucket.id, prefix, delimiter, after: after.map(|after| (after, None)), limit };
            let mut goes_on = (after.map(|after| (after.to_owned(), None)), None);
            let mut joined = Vec::new();
            loop {
                let after = goes_on.0.as_ref().map(|(key, name)| (key.as_str(), *name));
                let veil = veil.clone().resuming(goes_on.1.take());
                let listing = lake.catalog.list_versions_behind(veil, VersionScan { after, ..scan }).await;
                let listing = listing.expect("a listing");
                goes_on.1.clone_from(&listing.resume);
                let (found, truncated) =
                    rows(listing, |(version, latest): (Version, bool)| (version.key.to_string(), (version.id, latest)));
                let last = |(text, item): &ModelRow<(VersionId, bool)>| {
                    (text.clone(), item.map(|(id, _)| VersionName::Id(id)))
                };
                goes_on.0 = found.last().map(last).or(goes_on.0);
                joined.extend(found);
                if !truncated {
                    break;
                }
            }
            assert_eq!(joined, page(&all, prefix, present(delimiter), after, usize::MAX).0, "versions");

            if at == Sequence::ZERO {
                return;
            }
            let scan = ObjectScan { bucket: bucket.id, prefix, delimiter, after, limit };
            let mut goes_on = (after.map(str::to_owned), None);
            let mut joined = Vec::new();
            loop {
                let scan = ObjectScan { after: goes_on.0.as_deref(), ..scan };
                let veil = veil.clone().resuming(goes_on.1.take());
                let past = lake.catalog.list_objects_behind_as_of(veil, &bucket, scan, at).await.expect("a past");
                let truncated = past.next.is_some() || past.resume.is_some();
                goes_on = (past.next, past.resume.clone());
                let listing = Listing { rows: past.rows, truncated, resume: past.resume };
                joined.extend(rows(listing, named).0);
                if !truncated {
                    break;
                }
            }
            assert_eq!(joined, whole, "the past");
        });
    }

    #[test]
    fn versions_list_as_the_model_lists_them(
        keys in keys(), prefix in prefix(), delimiter in delimiter(), after in after(), limit in 0..9_usize, step in LIMITS,
    ) {
        run(async {
            let lake = Lake::new().await;
            let bucket = lake.create("bucket", Versioning::Enabled).await;
            let neighbour = lake.create("neighbour", Versioning::Enabled).await;
            lake.put(&neighbour, "a/of another bucket", 0).await;
            let mut histories = BTreeMap::<String, Vec<VersionId>>::new();
            for round in 0..4 {
                for (index, text) in keys.iter().enumerate().filter(|(index, _)| index % 4 >= round) {
                    let id = match (index + round) % 3 {
                        0 => match lake.delete(&bucket, text, None).await.name {
                            Some(VersionName::Id(id)) => id,
                            other => panic!("{other:?} is no fresh marker"),
                        },
                        _ => lake.put(&bucket, text, 1).await.id,
                    };
                    histories.entry(text.clone()).or_default().insert(0, id);
                }
            }
            let mut items = Vec::new();
            for (key, ids) in &histories {
                items.extend(ids.iter().enumerate().map(|(index, id)| (key.clone(), (*id, index == 0))));
            }
            let named = |(version, latest): (Version, bool)| (version.key.to_string(), (version.id, latest));
            let scan = VersionScan { bucket: bucket.id, prefix, delimiter, after: after.map(|after| (after, None)), limit };
            let found = rows(lake.catalog.list_versions(scan).await.expect("a listing"), named);
            assert_eq!(found, page(&items, prefix, present(delimiter), after, limit));

            let mut joined = Vec::new();
            let mut at = after.map(|after| (after.to_owned(), None));
            loop {
                let after = at.as_ref().map(|(key, name)| (key.as_str(), *name));
                let scan = VersionScan { after, limit: step, ..scan };
                let (found, truncated) = rows(lake.catalog.list_versions(scan).await.expect("a listing"), named);
                assert!(found.len() == step || !truncated, "a truncated page is full");
                let last = |(text, item): &ModelRow<(VersionId, bool)>| {
                    (text.clone(), item.map(|(id, _)| VersionName::Id(id)))
                };
                at = found.last().map(last).or(at);
                joined.extend(found);
                if !truncated {
                    break;
                }
            }
            assert_eq!(joined, page(&items, prefix, present(delimiter), after, usize::MAX).0, "pages joined are the whole");
        });
    }

    #[test]
    fn uploads_list_as_the_model_lists_them(
        keys in keys(), prefix in prefix(), delimiter in delimiter(), after in after(), limit in 0..9_usize, step in LIMITS,
    ) {
        run(async {
            let lake = Lake::new().await;
            let bucket = lake.create("bucket", Versioning::Unversioned).await;
            let neighbour = lake.create("neighbour", Versioning::Unversioned).await;
            lake.start(&neighbour, "a/of another bucket").await;
            let mut items = Vec::new();
            for (index, text) in keys.iter().enumerate() {
                for _ in 0..=index % 3 {
                    items.push((text.clone(), lake.start(&bucket, text).await.id));
                }
            }
            let named = |upload: metadata::Upload| (upload.key.to_string(), upload.id);
            let scan = UploadScan { bucket: bucket.id, prefix, delimiter, after: after.map(|after| (after, None)), limit };
            let found = rows(lake.catalog.list_uploads(scan).await.expect("a listing"), named);
            assert_eq!(found, page(&items, prefix, present(delimiter), after, limit));

            let mut joined = Vec::new();
            let mut at = after.map(|after| (after.to_owned(), None));
            loop {
                let after = at.as_ref().map(|(key, id)| (key.as_str(), *id));
                let scan = UploadScan { after, limit: step, ..scan };
                let (found, truncated) = rows(lake.catalog.list_uploads(scan).await.expect("a listing"), named);
                assert!(found.len() == step || !truncated, "a truncated page is full");
                at = found.last().cloned().or(at);
                joined.extend(found);
                if !truncated {
                    break;
                }
            }
            assert_eq!(joined, page(&items, prefix, present(delimiter), after, usize::MAX).0, "pages joined are the whole");
        });
    }
}

#[test]
fn a_listing_goes_on_where_a_version_was_deleted_meanwhile() {
    run(async {
        let lake = Lake::new().await;
        let bucket = lake.create("bucket", Versioning::Enabled).await;
        let mut ids = Vec::new();
        for mark in 0..3 {
            ids.push(lake.put(&bucket, "k", mark).await);
        }
        let newest = ids[2].name();
        lake.delete(&bucket, "k", Some(newest)).await;
        let after = Some(("k", Some(newest)));
        let scan = VersionScan { bucket: bucket.id, prefix: "", delimiter: None, after, limit: 10 };
        let listing = lake.catalog.list_versions(scan).await.expect("a listing");
        let expected = [(ids[1].clone(), true), (ids[0].clone(), false)].map(Row::Item);
        assert_eq!(listing.rows, expected, "nothing of the key is passed over, and the newest is known as such");
    });
}

#[test]
fn a_null_version_is_a_place_to_go_on_from() {
    run(async {
        let lake = Lake::new().await;
        let bucket = lake.create("bucket", Versioning::Unversioned).await;
        let null = lake.put(&bucket, "k", 1).await;
        lake.catalog.set_versioning(&bucket, Versioning::Enabled, lake.now(), "tester").await.expect("a change");
        let bucket = lake.bucket("bucket").await;
        let newer = lake.put(&bucket, "k", 2).await;
        let scan = |after| VersionScan { bucket: bucket.id, prefix: "", delimiter: None, after, limit: 10 };
        let behind_newer = lake.catalog.list_versions(scan(Some(("k", Some(newer.name()))))).await.expect("a listing");
        assert_eq!(behind_newer.rows, [Row::Item((null, false))]);
        let behind_null =
            lake.catalog.list_versions(scan(Some(("k", Some(VersionName::Null))))).await.expect("a listing");
        assert_eq!(behind_null, Listing { rows: Vec::new(), truncated: false, resume: None });
    });
}

#[test]
fn keys_as_long_and_as_strange_as_allowed_round_trip() {
    run(async {
        let lake = Lake::new().await;
        let bucket = lake.create("bucket", Versioning::Unversioned).await;
        let mut texts: Vec<String> =
            ["a//b", "../x", "a", "a/b", "/", "//", " ", "%41", "🌬️/θ", "\u{1}", "\u{7f}", "\u{10FFFF}"]
                .map(str::to_owned)
                .into();
        texts.push("k".repeat(1024));
        texts.push("\u{10FFFF}".repeat(256));
        for text in &texts {
            lake.put(&bucket, text, 1).await;
        }
        texts.sort();
        let scan = ObjectScan { bucket: bucket.id, prefix: "", delimiter: None, after: None, limit: 1000 };
        let listing = lake.catalog.list_objects(scan).await.expect("a listing");
        let found: Vec<_> = rows(listing, named).0.into_iter().map(|(text, _)| text).collect();
        assert_eq!(found, texts);
        for text in &texts {
            let version = lake.version(&bucket, text, None).await.expect("the object");
            assert_eq!(version.key, key(text));
        }
    });
}
