//! What was deleted comes back: space on disk, and time when listing.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use metadata::rocks::RocksMap;
use metadata::{Batch, Edit, Family, KeyValue, Step, gather};

use crate::machine::{StoppedClock, settings};

fn disk_bytes(directory: &Path) -> u64 {
    let files = fs::read_dir(directory.join("rows")).expect("it is there");
    // A file may go while they are counted.
    files.filter_map(|file| file.ok()?.metadata().ok()).map(|file| file.len()).sum()
}

async fn apply(map: &RocksMap, edits: impl Iterator<Item = Edit>) {
    map.apply(Batch { expectations: Vec::new(), edits: edits.collect() }).await.expect("the map is sound");
}

/// Waits until `is_done`, for compaction runs when it likes.
async fn eventually(what: &str, is_done: impl AsyncFn() -> bool) {
    let started = Instant::now();
    while !is_done().await {
        assert!(started.elapsed() < Duration::from_secs(60), "{what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn bodies_that_are_deleted_give_their_space_back() {
    let place = tempfile::tempdir().expect("a directory can be made");
    let map = RocksMap::open(settings(place.path()), Arc::new(StoppedClock)).expect("it is new");
    let key_of = |index: u64| index.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes().repeat(2);
    for chunk in 0..100 {
        let put = |index| Edit::Put(Family::Inline, key_of(index), vec![index as u8; 100_000].into());
        apply(&map, (chunk * 16..(chunk + 1) * 16).map(put)).await;
    }
    let full = disk_bytes(place.path());
    assert!(full > 150_000_000, "{full}");
    assert!(!map.reclaim().await.expect("the map is sound"), "nothing was deleted");
    for chunk in 0..100 {
        // Every hundredth stays.
        let is_deleted = |index: &u64| !index.is_multiple_of(100);
        let delete = |index| Edit::Delete(Family::Inline, key_of(index));
        apply(&map, (chunk * 16..(chunk + 1) * 16).filter(is_deleted).map(delete)).await;
    }
    assert!(map.reclaim().await.expect("the map is sound"));
    eventually("a hundredth is left, and the disk is still full", async || disk_bytes(place.path()) < full / 10).await;
    for index in (0..1600).step_by(100) {
        let values = map.get(vec![(Family::Inline, key_of(index))]).await.expect("the map is sound");
        assert!(values[0].as_ref().is_some_and(|value| **value == vec![index as u8; 100_000]), "{index}");
    }
    map.close().await;
}

#[tokio::test]
async fn rows_that_are_deleted_cost_a_page_nothing() {
    let place = tempfile::tempdir().expect("a directory can be made");
    let map = RocksMap::open(settings(place.path()), Arc::new(StoppedClock)).expect("it is new");
    let key_of = |index: u64| [1_u64.to_be_bytes(), index.to_be_bytes()].concat();
    const ROWS: u64 = 400_000;
    for chunk in 0..ROWS / 1000 {
        let put = |index| Edit::Put(Family::Current, key_of(index), vec![b'f'; 100].into());
        apply(&map, (chunk * 1000..(chunk + 1) * 1000).map(put)).await;
    }
    for chunk in 0..ROWS / 1000 {
        let delete = |index| Edit::Delete(Family::Current, key_of(index));
        apply(&map, (chunk * 1000..(chunk + 1) * 1000).map(delete)).await;
    }
    apply(&map, [Edit::Put(Family::Current, key_of(ROWS), vec![b'f'; 100].into())].into_iter()).await;
    let page = async || {
        let (from, until) = (key_of(0), 2_u64.to_be_bytes().into());
        let started = Instant::now();
        let rows = gather(&*map, Family::Current, from, until, 0, |rows, _, _| {
            *rows += 1;
            Step::Next
        });
        assert_eq!(rows.await.expect("the map is sound"), 1);
        started.elapsed()
    };
    let before = page().await;
    assert!(map.reclaim().await.expect("the map is sound"));
    eventually("a page still passes every deleted row", async || page().await < before / 20).await;
    map.close().await;
}
