//! The wrapped keys of a local site: a log that only grows at its end, and shrinks when the site is opened.
//!
//! It is read by repair alone. A torn end, as a power cut leaves it, is cut off when the log is opened; damage in the
//! middle is stepped over and reported, because the records behind it are good.

#![expect(clippy::disallowed_methods, reason = "the key log owns its file")]

use std::collections::{HashMap, HashSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use kernel::{BlobId, WrappedKey};

use super::sync_directory;
use crate::SiteError;
use crate::key_record::{KeyRecord, MARKER, RECORD_BYTES_MAX};

/// Bytes read at once while the log is walked.
const READ_BYTES: u64 = 256 * 1024;

/// The log, open for appending.
#[derive(Debug)]
pub(super) struct KeyLog {
    path: PathBuf,
    end: Mutex<End>,
    /// The same file, to be synced while others append.
    syncing: File,
}

#[derive(Debug)]
struct End {
    file: File,
    /// Where the next record goes.
    bytes: u64,
}

impl KeyLog {
    /// Opens the log, after making it where it is missing, cutting off a torn end, and compacting it if more than half of
    /// its records are of no use any more. Who calls syncs the directory.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let mut file = append(path, false)?;
        let mut walked = walk(path, |_| {})?;
        if walked.skipped_bytes > 0 {
            tracing::error!(path = %path.display(), bytes = walked.skipped_bytes, "the key log is damaged; the other keys are good");
        }
        if walked.end < file.metadata()?.len() {
            tracing::warn!(path = %path.display(), end = walked.end, "the key log had a torn end, which is cut off");
            file.set_len(walked.end)?;
            file.sync_all()?;
        }
        // A key that is gone takes two records.
        if 4 * walked.gone > walked.keys + walked.gone {
            walked.end = compact(path)?;
            file = append(path, false)?;
        }
        let syncing = file.try_clone()?;
        Ok(Self { path: path.to_owned(), end: Mutex::new(End { file, bytes: walked.end }), syncing })
    }

    /// Appends a record. It is durable after the next [`sync`](Self::sync).
    pub(super) fn append(&self, record: &KeyRecord) -> Result<(), SiteError> {
        Ok(self.append_encoded(&record.encode()?)?)
    }

    /// Appends the bytes of a record.
    pub(super) fn append_encoded(&self, record: &[u8]) -> io::Result<()> {
        let mut end = self.end.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = end.file.write_all(record) {
            // Half a record would be stepped over later; better that there is none.
            end.file.set_len(end.bytes)?;
            return Err(error);
        }
        end.bytes += record.len() as u64;
        Ok(())
    }

    /// Makes durable what was appended before.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.syncing.sync_data()
    }

    /// Where it lies.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The keys of these blobs. Walks the whole log.
    pub(super) fn find(&self, blobs: &[BlobId]) -> Result<Vec<Option<WrappedKey>>, SiteError> {
        let mut wanted: HashMap<BlobId, Option<WrappedKey>> = blobs.iter().map(|blob| (*blob, None)).collect();
        walk(&self.path, |record| {
            let (blob, key) = match record {
                KeyRecord::Key(blob, key) => (blob, Some(key)),
                KeyRecord::Gone(blob) => (blob, None),
            };
            if let Some(found) = wanted.get_mut(&blob) {
                *found = key;
            }
        })?;
        Ok(blobs.iter().map(|blob| wanted.get(blob).cloned().flatten()).collect())
    }
}

fn append(path: &Path, anew: bool) -> io::Result<File> {
    OpenOptions::new().create(true).create_new(anew).append(true).mode(0o600).open(path)
}

/// What a walk met.
#[derive(Debug, Default, PartialEq, Eq)]
struct Walked {
    keys: u64,
    gone: u64,
    /// Where the last good record ends.
    end: u64,
    /// Bytes before that which belong to no record.
    skipped_bytes: u64,
}

/// Visits all good records, in order.
fn walk(path: &Path, mut visit: impl FnMut(KeyRecord)) -> io::Result<Walked> {
    let mut file = File::open(path)?;
    let mut walked = Walked::default();
    // `window[at..]` is what was read and not looked at; `window` begins at byte `base` of the file.
    let (mut window, mut at, mut base, mut at_end) = (Vec::new(), 0, 0, false);
    let mut good_bytes = 0;
    loop {
        if window.len() - at < RECORD_BYTES_MAX && !at_end {
            window.drain(..at);
            (base, at) = (base + at as u64, 0);
            at_end = (&mut file).take(READ_BYTES).read_to_end(&mut window)? == 0;
            continue;
        }
        let rest = window.get(at..).unwrap_or_default();
        if let Some((record, length)) = KeyRecord::decode(rest) {
            match record {
                KeyRecord::Key(..) => walked.keys += 1,
                KeyRecord::Gone(_) => walked.gone += 1,
            }
            visit(record);
            at += length;
            good_bytes += length as u64;
            walked.end = base + at as u64;
        } else if rest.is_empty() {
            walked.skipped_bytes = walked.end - good_bytes;
            return Ok(walked);
        } else {
            let next = rest.windows(MARKER.len()).skip(1).position(|window| window == MARKER);
            // Without a marker in sight, one may begin in the last bytes, unless the file ends there.
            let kept = if at_end { 0 } else { MARKER.len() - 1 };
            at += next.map_or(rest.len() - kept, |skipped| skipped + 1);
        }
    }
}

/// Writes the log anew without keys that are gone; its new length comes back.
fn compact(path: &Path) -> io::Result<u64> {
    let mut gone = HashSet::new();
    walk(path, |record| {
        if let KeyRecord::Gone(blob) = record {
            gone.insert(blob);
        }
    })?;
    let mut draft = path.as_os_str().to_owned();
    draft.push(".new");
    let draft = Path::new(&draft);
    match fs::remove_file(draft) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut new = io::BufWriter::new(append(draft, true)?);
    let (mut bytes, mut outcome) = (0, Ok(()));
    walk(path, |record| {
        let kept = matches!(&record, KeyRecord::Key(blob, _) if !gone.contains(blob));
        if let (true, Ok(()), Ok(record)) = (kept, &outcome, record.encode()) {
            bytes += record.len() as u64;
            outcome = new.write_all(&record);
        }
    })?;
    outcome?;
    new.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
    fs::rename(draft, path)?;
    sync_directory(path.parent().unwrap_or(Path::new(".")))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use kernel::KeyId;

    use super::*;

    fn blob(number: u16) -> BlobId {
        let mut bytes = [0; 16];
        bytes[..2].copy_from_slice(&number.to_be_bytes());
        BlobId::from_bytes(bytes)
    }

    fn key(number: u16) -> WrappedKey {
        WrappedKey { master: KeyId::from_bytes([1; 16]), wrapped: number.to_be_bytes().repeat(30) }
    }

    /// A log of `count` keys, in a directory of its own.
    fn log_of(count: u16) -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("keys.log");
        let log = KeyLog::open(&path).expect("opens");
        (0..count).for_each(|number| {
            log.append(&KeyRecord::Key(blob(number), key(number))).expect("appends");
        });
        log.sync().expect("syncs");
        (directory, path)
    }

    fn found(path: &Path, numbers: impl IntoIterator<Item = u16>) -> Vec<bool> {
        let numbers: Vec<u16> = numbers.into_iter().collect();
        let blobs: Vec<_> = numbers.iter().map(|number| blob(*number)).collect();
        let keys = KeyLog::open(path).expect("opens").find(&blobs).expect("reads");
        assert!(
            keys.iter().zip(&numbers).all(|(found, number)| found.as_ref().is_none_or(|found| *found == key(*number)))
        );
        keys.iter().map(Option::is_some).collect()
    }

    #[test]
    fn keys_are_found_again_and_again() {
        // Far more than is read at once, so that records straddle reads.
        let (_directory, path) = log_of(9_000);
        assert!(fs::metadata(&path).expect("there").len() > 3 * READ_BYTES);
        assert_eq!(found(&path, [0, 4_500, 8_999, 9_000]), [true, true, true, false]);
    }

    #[test]
    fn a_torn_end_is_cut_and_what_comes_next_is_found() {
        let (_directory, path) = log_of(10);
        let whole = fs::read(&path).expect("there");
        let record = whole.len() / 10;
        for cut in 1..record {
            fs::write(&path, &whole[..whole.len() - cut]).expect("written");
            let log = KeyLog::open(&path).expect("opens");
            assert_eq!(fs::metadata(&path).expect("there").len(), (9 * record) as u64);
            log.append(&KeyRecord::Key(blob(20), key(20))).expect("appends");
            assert_eq!(found(&path, [8, 9, 20]), [true, false, true]);
        }
    }

    #[test]
    fn damage_in_the_middle_costs_only_what_it_hit() {
        let (_directory, path) = log_of(10);
        let whole = fs::read(&path).expect("there");
        let record = whole.len() / 10;
        for at in 3 * record..4 * record {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x10;
            fs::write(&path, damaged).expect("written");
            assert_eq!(found(&path, [2, 3, 4, 9]), [true, false, true, true], "byte {at}");
        }
        let zeroed = [&whole[..3 * record], &vec![0; 2 * record], &whole[5 * record..]].concat();
        fs::write(&path, zeroed).expect("written");
        assert_eq!(found(&path, [2, 3, 4, 5]), [true, false, false, true]);
    }

    #[test]
    fn a_log_that_is_mostly_dead_shrinks_when_it_is_opened() {
        let (_directory, path) = log_of(100);
        let whole = fs::metadata(&path).expect("there").len();
        let log = KeyLog::open(&path).expect("opens");
        (0..30).for_each(|number| log.append(&KeyRecord::Gone(blob(number))).expect("appends"));
        assert_eq!(found(&path, [0, 29, 30, 99]), [false, false, true, true]);
        assert!(fs::metadata(&path).expect("there").len() > whole, "30 of 100 gone: it stays");
        (30..60).for_each(|number| log.append(&KeyRecord::Gone(blob(number))).expect("appends"));
        assert_eq!(found(&path, [0, 59, 60, 99]), [false, false, true, true]);
        assert_eq!(fs::metadata(&path).expect("there").len(), whole / 100 * 40);
        let log = KeyLog::open(&path).expect("opens");
        log.append(&KeyRecord::Key(blob(200), key(200))).expect("appends");
        assert_eq!(found(&path, [60, 200]), [true, true]);
    }
}
