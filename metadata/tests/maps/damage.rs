//! A directory in which something is missing or wrong is refused as damaged and left alone, or it holds every
//! acknowledged row; one that a power cut left opens.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use metadata::rocks::RocksMap;
use metadata::{Batch, Edit, Family, KeyValue, KeyValueError, Step, gather};
use tempfile::TempDir;

use crate::machine::{StoppedClock, settings};

fn open(directory: &Path) -> Result<Arc<RocksMap>, KeyValueError> {
    RocksMap::open(settings(directory), Arc::new(StoppedClock))
}

fn directory() -> TempDir {
    tempfile::tempdir().expect("a directory can be made")
}

fn put(index: u64, bytes: usize) -> Batch {
    let edits = vec![
        Edit::Put(Family::Inline, index.to_be_bytes().into(), vec![index as u8; bytes].into()),
        Edit::Put(Family::Current, [[0; 8], index.to_be_bytes()].concat(), Bytes::from_static(b"facts")),
    ];
    Batch { expectations: Vec::new(), edits }
}

async fn fill(map: &RocksMap, indexes: std::ops::Range<u64>) {
    for index in indexes {
        map.apply(put(index, 300)).await.expect("the map is sound");
    }
}

/// How many rows there are in a family.
async fn count(map: &RocksMap, family: Family) -> Result<u64, KeyValueError> {
    gather(map, family, vec![], vec![0xff; 9], 0, |count, _, _| {
        *count += 1;
        Step::Next
    })
    .await
}

async fn assert_holds(map: &RocksMap, rows: u64) {
    for family in [Family::Inline, Family::Current] {
        assert_eq!(count(map, family).await.expect("the map is sound"), rows, "{family:?}");
    }
}

/// What the slots of a watermark file say.
fn slots(directory: &Path) -> [u64; 2] {
    let bytes = fs::read(directory.join("watermark")).expect("the file is there");
    [0, 4096].map(|slot| u64::from_be_bytes(bytes[slot + 8..slot + 16].try_into().expect("eight bytes")))
}

/// Waits until the watermark stands at the last change.
async fn settle(map: &RocksMap, directory: &Path) {
    for _ in 0..2000 {
        if slots(directory).contains(&map.durable().to_bits()) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("the line is idle, and the watermark does not catch up");
}

/// What a process that is killed leaves: the files as they are. The watermark first, as it must not be ahead.
fn crash_image(from: &Path) -> TempDir {
    let image = directory();
    fs::copy(from.join("watermark"), image.path().join("watermark")).expect("it can be copied");
    fs::create_dir(image.path().join("rows")).expect("it can be made");
    for (path, bytes) in files(from) {
        if path.starts_with("rows") {
            fs::write(image.path().join(path), bytes).expect("it can be written");
        }
    }
    image
}

/// Every file but the lock, by its path within the directory.
fn files(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    for folder in [directory.to_owned(), directory.join("rows")] {
        let Ok(entries) = fs::read_dir(folder) else { continue };
        for path in entries.map(|entry| entry.expect("it can be listed").path()) {
            if path.is_file() && !path.ends_with("lock") {
                let name = path.strip_prefix(directory).expect("it lies within").to_owned();
                files.insert(name, fs::read(path).expect("it can be read"));
            }
        }
    }
    files
}

/// Files of rows whose names begin or end so, and that hold something.
fn row_files(directory: &Path, prefix: &str, suffix: &str) -> Vec<PathBuf> {
    let is_meant = |name: &str| name.starts_with(prefix) && name.ends_with(suffix);
    let found = files(directory).into_iter().filter(|(path, bytes)| {
        !bytes.is_empty()
            && path.starts_with("rows")
            && path.file_name().is_some_and(|name| is_meant(&name.to_string_lossy()))
    });
    found.map(|(path, _)| directory.join(path)).collect()
}

fn log_of(directory: &Path) -> PathBuf {
    let logs = row_files(directory, "", ".log");
    let [log] = &logs[..] else { panic!("{} logs", logs.len()) };
    log.clone()
}

fn flip(path: &Path, bit: usize) {
    let mut bytes = fs::read(path).expect("it can be read");
    bytes[bit / 8] ^= 1 << (bit % 8);
    fs::write(path, bytes).expect("it can be written");
}

fn truncate(path: &Path, bytes: u64) {
    fs::OpenOptions::new().write(true).open(path).and_then(|file| file.set_len(bytes)).expect("it can be cut");
}

/// Opening is refused as damaged, twice, and nothing is touched.
fn assert_refused(directory: &Path, what: &str) {
    let before = files(directory);
    for _ in 0..2 {
        match open(directory) {
            Err(KeyValueError::Damaged(why)) => assert!(why.contains("nothing was changed"), "{why}"),
            Err(error) => panic!("{what}: {error:?}"),
            Ok(map) => panic!("{what}: opened at {}", map.durable()),
        }
    }
    assert!(before == files(directory), "{what}: something was changed");
}

/// A map with 200 acknowledged batches in its log, its power cut while the line was idle.
async fn two_hundred() -> TempDir {
    let place = directory();
    let map = open(place.path()).expect("it is new");
    fill(&map, 0..200).await;
    settle(&map, place.path()).await;
    crash_image(place.path())
}

#[tokio::test]
async fn what_a_crash_leaves_opens_with_every_row() {
    let image = two_hundred().await;
    let map = open(image.path()).expect("a crash damages nothing");
    assert_holds(&map, 200).await;
    fill(&map, 200..210).await;
    map.close().await;
    assert_eq!(
        slots(image.path()).into_iter().max(),
        Some(map.durable().to_bits()),
        "a close leaves the watermark at the end"
    );
    let map = open(image.path()).expect("it was closed");
    assert_holds(&map, 210).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_amid_writers_leaves_every_acknowledged_row() {
    let place = directory();
    let map = open(place.path()).expect("it is new");
    let writers: Vec<_> = (0..16_u64)
        .map(|writer| {
            let map = Arc::clone(&map);
            tokio::spawn(async move {
                for index in 0..100 {
                    map.apply(put(writer << 32 | index, 300)).await.expect("the map is sound");
                }
            })
        })
        .collect();
    for _ in 0..8 {
        tokio::time::sleep(Duration::from_millis(3)).await;
        let acknowledged = map.durable();
        let image = crash_image(place.path());
        let left = open(image.path()).expect("a crash damages nothing");
        assert!(left.durable() >= acknowledged, "{acknowledged} was acknowledged, {} is left", left.durable());
        let rows = left.durable().to_bits() & 0xffff_ffff;
        assert_holds(&left, rows).await;
    }
    for writer in writers {
        writer.await.expect("it does not panic");
    }
}

#[tokio::test]
async fn a_torn_tail_is_cut_off() {
    let image = two_hundred().await;
    let log = log_of(image.path());
    let whole = fs::read(&log).expect("it can be read");
    let tails = [vec![0; 5000], vec![0xa5; 777], whole[100..400].to_vec(), vec![1]];
    for tail in tails {
        let torn = crash_image(image.path());
        fs::write(log_of(torn.path()), [&whole[..], &tail].concat()).expect("it can be written");
        let map = open(torn.path()).expect("what was not acknowledged may be torn");
        assert_holds(&map, 200).await;
    }
}

#[tokio::test]
async fn a_log_that_lost_acknowledged_batches_is_refused() {
    let image = two_hundred().await;
    let bytes = fs::metadata(log_of(image.path())).expect("it is there").len();
    for left in [bytes - 1, bytes - 100, bytes / 2, 1, 0] {
        let cut = crash_image(image.path());
        truncate(&log_of(cut.path()), left);
        assert_refused(cut.path(), &format!("{left} of {bytes} bytes left"));
    }
    let gone = crash_image(image.path());
    fs::remove_file(log_of(gone.path())).expect("it can be removed");
    assert_refused(gone.path(), "no log");
}

#[tokio::test]
async fn a_flipped_bit_in_the_log_is_never_taken_for_its_end() {
    let image = two_hundred().await;
    let bytes = fs::metadata(log_of(image.path())).expect("it is there").len() as usize;
    for place in (0..40).map(|part| bytes * part / 40 + part % 11) {
        let flipped = crash_image(image.path());
        flip(&log_of(flipped.path()), place * 8 + place % 8);
        assert_refused(flipped.path(), &format!("bit {} of byte {place}", place % 8));
    }
}

#[tokio::test]
async fn one_slot_of_the_watermark_may_be_spoilt_but_not_both() {
    let image = two_hundred().await;
    for slot in 0..2 {
        for byte in [0, 8, 15, 16, 23, 24, 27] {
            let spoilt = crash_image(image.path());
            flip(&spoilt.path().join("watermark"), (slot * 4096 + byte) * 8 + byte % 8);
            let map = open(spoilt.path()).expect("the other slot holds");
            assert_holds(&map, 200).await;
        }
    }
    let both = crash_image(image.path());
    flip(&both.path().join("watermark"), 9 * 8);
    flip(&both.path().join("watermark"), (4096 + 20) * 8);
    assert_refused(both.path(), "both slots spoilt");
    truncate(&both.path().join("watermark"), 0);
    assert_refused(both.path(), "an empty watermark");
    fs::remove_file(both.path().join("watermark")).expect("it can be removed");
    assert_refused(both.path(), "no watermark");
}

#[tokio::test]
async fn rows_that_are_gone_or_old_are_refused() {
    let old = two_hundred().await;
    let image = crash_image(old.path());
    let map = open(image.path()).expect("a crash damages nothing");
    fill(&map, 200..300).await;
    map.close().await;

    let without_rows = directory();
    fs::copy(image.path().join("watermark"), without_rows.path().join("watermark")).expect("it can be copied");
    assert_refused(without_rows.path(), "no rows");
    fs::create_dir(without_rows.path().join("rows")).expect("it can be made");
    assert_refused(without_rows.path(), "no files in rows");

    let restored = crash_image(old.path());
    fs::copy(image.path().join("watermark"), restored.path().join("watermark")).expect("it can be copied");
    assert_refused(restored.path(), "rows of an older copy");

    for (prefix, suffix) in [("CURRENT", ""), ("MANIFEST", ""), ("", ".sst"), ("", ".blob")] {
        for index in 0..row_files(image.path(), prefix, suffix).len() {
            let broken = crash_image(image.path());
            fs::remove_file(&row_files(broken.path(), prefix, suffix)[index]).expect("it can be removed");
            if suffix == ".blob" {
                // RocksDB opens blob files when it reads them.
                assert_reads_truly(broken.path(), 300).await;
            } else {
                assert_refused(broken.path(), &format!("no {prefix}{suffix}"));
            }
        }
    }
}

/// The map is refused, or a read fails, or every row is there with its bytes.
async fn assert_reads_truly(directory: &Path, rows: u64) {
    let map = match open(directory) {
        Err(KeyValueError::Damaged(_)) => return,
        outcome => outcome.expect("refused for damage or not at all"),
    };
    for index in 0..rows {
        match map.get(vec![(Family::Inline, index.to_be_bytes().into())]).await {
            Err(KeyValueError::Damaged(_) | KeyValueError::Unreadable(_)) => {}
            Ok(values) => {
                assert!(values[0].as_ref().is_some_and(|value| value.iter().all(|byte| *byte == index as u8)))
            }
            Err(error) => panic!("{error:?}"),
        }
    }
    match count(&map, Family::Current).await {
        Err(KeyValueError::Damaged(_)) => {}
        outcome => assert_eq!(outcome.expect("refused for damage or not at all"), rows),
    }
}

#[tokio::test]
async fn a_flipped_bit_in_a_table_or_a_body_is_never_served() {
    let place = directory();
    let map = open(place.path()).expect("it is new");
    for index in 0..40 {
        map.apply(put(index, 2000)).await.expect("the map is sound");
    }
    map.close().await;
    let closed = crash_image(place.path());
    for suffix in [".sst", ".blob"] {
        let tables = row_files(closed.path(), "", suffix);
        assert!(!tables.is_empty(), "no {suffix}");
        for (index, table) in tables.iter().enumerate() {
            let bytes = fs::metadata(table).expect("it is there").len() as usize;
            for place in (0..12).map(|part| bytes * part / 12) {
                let flipped = crash_image(closed.path());
                flip(&row_files(flipped.path(), "", suffix)[index], place * 8 + place % 8);
                assert_reads_truly(flipped.path(), 40).await;
            }
        }
    }
}

#[tokio::test]
async fn a_directory_belongs_to_one_map_at_a_time() {
    let place = directory();
    let map = open(place.path()).expect("it is new");
    fill(&map, 0..1).await;
    assert!(matches!(open(place.path()), Err(KeyValueError::InUse(_))));
    map.close().await;
    let again = open(place.path()).expect("it was closed");
    assert!(matches!(map.get(Vec::new()).await, Err(KeyValueError::Closed)));
    drop(again);
    let again = open(place.path()).expect("it was dropped");
    assert_holds(&again, 1).await;
}

#[tokio::test]
async fn a_creation_that_was_cut_off_is_begun_again() {
    let empty = directory();
    fs::write(empty.path().join("watermark"), [0; 100]).expect("it can be written");
    drop(open(empty.path()).expect("a watermark half laid out"));
    let bare = directory();
    drop(open(bare.path()).expect("it is new"));
    fs::remove_dir_all(bare.path().join("rows")).expect("it can be removed");
    drop(open(bare.path()).expect("a watermark alone"));
    fs::remove_dir_all(bare.path().join("rows")).expect("it can be removed");
    fs::create_dir(bare.path().join("rows")).expect("it can be made");
    drop(open(bare.path()).expect("an empty directory of rows"));
}

#[tokio::test]
async fn a_write_that_failed_refuses_every_later_change() {
    let place = directory();
    let map = open(place.path()).expect("it is new");
    fill(&map, 0..1).await;
    // The log goes on in a file without a name, until the next one cannot be made.
    fs::remove_dir_all(place.path().join("rows")).expect("it can be removed");
    let mut written = 1;
    let failure = loop {
        assert!(written < 10_000, "no log was ever begun");
        match map.apply(put(written, 100_000)).await {
            Ok(_) => written += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(failure, KeyValueError::Failed(_)), "{failure:?}");
    let last = map.durable();
    assert!(matches!(map.apply(Batch::default()).await, Err(KeyValueError::Failed(_))));
    assert_eq!(map.durable(), last);
    assert_holds(&map, written).await;
    map.close().await;
    assert!(matches!(open(place.path()), Err(KeyValueError::Damaged(_))), "the watermark remembers");
}
