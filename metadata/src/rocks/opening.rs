//! Opening a directory, or refusing to, without having changed anything in it.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kernel::Sequence;
use rocksdb::{Cache, DB, Error, ErrorKind};

use super::families::{self, SEQUENCE_KEY};
use super::reading::trouble;
use super::watermark::{Found, Mark};
use crate::key_value::{Family, KeyValueError};

/// The file system refused.
pub(super) fn unreadable(error: io::Error) -> KeyValueError {
    KeyValueError::Unreadable(Arc::new(error))
}

fn damaged(what: &str) -> KeyValueError {
    const WAYS_ON: &str = "restore a replica or a backup, or keep the directory as it is for repair";
    KeyValueError::Damaged(format!("{what}; nothing was changed: {WAYS_ON}").into())
}

/// The directory of a map, and what lies in it.
pub(super) struct Place {
    directory: PathBuf,
    rows: PathBuf,
    watermark: PathBuf,
    lock: PathBuf,
}

impl Place {
    /// The map that lies in `directory`.
    pub(super) fn new(directory: &Path) -> Self {
        Self {
            directory: directory.into(),
            rows: directory.join("rows"),
            watermark: directory.join("watermark"),
            lock: directory.join("lock"),
        }
    }

    /// Makes the directory, if it is not there, and locks it for as long as the file is kept.
    #[expect(clippy::disallowed_methods, reason = "the catalogue owns the files in its directory")]
    pub(super) fn lock(&self) -> Result<File, KeyValueError> {
        make_directory(&self.directory).map_err(unreadable)?;
        let mut options = OpenOptions::new();
        let file = options.create(true).truncate(false).write(true).mode(0o600).open(&self.lock).map_err(unreadable)?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => Err(self.in_use()),
            Err(TryLockError::Error(error)) => Err(unreadable(error)),
        }
    }

    fn in_use(&self) -> KeyValueError {
        KeyValueError::InUse(self.directory.display().to_string().into())
    }

    /// Opens what lies here, locked before: RocksDB, the sequence of the last change, and the watermark.
    pub(super) fn open(&self, cache: &Cache) -> Result<(DB, Sequence, Mark), KeyValueError> {
        let mark = self.mark()?;
        let is_new = mark.sequence() == families::start() && !exists(&self.rows.join("CURRENT"))?;
        if !is_new {
            self.verify(cache, mark.sequence())?;
        }
        let names: Vec<_> = Family::ALL.map(|family| family.name().to_owned()).into();
        let columns = families::descriptors(&names, cache);
        let options = families::database(is_new);
        let db = DB::open_cf_descriptors(&options, &self.rows, columns).map_err(|error| self.refusal(error))?;
        families::tune(&db).map_err(trouble)?;
        let last = last_change(&db)?;
        Ok((db, last, mark))
    }

    /// The watermark; laid out, with the directory of rows, where nothing was ever written.
    fn mark(&self) -> Result<Mark, KeyValueError> {
        let has_rows = exists(&self.rows)?;
        let mark = match Mark::read(&self.watermark).map_err(unreadable)? {
            Found::Mark(mark, spoilt) => {
                if spoilt > 0 {
                    tracing::warn!("a slot of the watermark is spoilt, as a power cut may leave it; the other holds");
                }
                mark
            }
            // Begun and cut off before anything could be written, or never begun.
            Found::Missing | Found::Spoilt if !has_rows => {
                Mark::create(&self.watermark, families::start()).map_err(unreadable)?
            }
            Found::Missing => return Err(damaged("the file `watermark` is missing")),
            Found::Spoilt => return Err(damaged("both slots of the file `watermark` are spoilt")),
        };
        if !has_rows {
            if mark.sequence() > families::start() {
                let promised = mark.sequence();
                return Err(damaged(&format!(
                    "change {promised} was acknowledged, but the directory `rows` is missing"
                )));
            }
            make_directory(&self.rows).map_err(unreadable)?;
        }
        Ok(mark)
    }

    /// Replays the log read-only and compares how far it reaches with the watermark.
    fn verify(&self, cache: &Cache, promised: Sequence) -> Result<(), KeyValueError> {
        let options = families::database(false);
        let names = DB::list_cf(&options, &self.rows).map_err(|error| self.refusal(error))?;
        let columns = families::descriptors(&names, cache);
        let db = DB::open_cf_descriptors_read_only(&options, &self.rows, columns, false)
            .map_err(|error| self.refusal(error))?;
        let found = last_change(&db)?;
        if found < promised {
            let what = format!("its log ends at change {found}, but change {promised} was acknowledged");
            return Err(damaged(&what));
        }
        Ok(())
    }

    /// What it means when RocksDB does not open what it once wrote.
    fn refusal(&self, error: Error) -> KeyValueError {
        let text = error.to_string();
        let is_file_missing = text.contains("No such file or directory");
        match error.kind() {
            ErrorKind::Corruption => damaged(&text),
            ErrorKind::IOError if is_file_missing => damaged(&text),
            ErrorKind::IOError if text.contains("lock") && text.contains("LOCK") => self.in_use(),
            _ => KeyValueError::Unreadable(Arc::new(error)),
        }
    }
}

/// The sequence of the last change that the rows hold.
fn last_change(db: &DB) -> Result<Sequence, KeyValueError> {
    let Some(column) = db.cf_handle(Family::Lake.name()) else { return Ok(families::start()) };
    let Some(value) = db.get_pinned_cf(&column, SEQUENCE_KEY).map_err(trouble)? else { return Ok(families::start()) };
    let bits = value[..].try_into().map_err(|_| damaged("the row of the last change is not eight bytes long"))?;
    Ok(Sequence::from_bits(u64::from_be_bytes(bits)))
}

#[expect(clippy::disallowed_methods, reason = "the catalogue owns the files in its directory")]
fn exists(path: &Path) -> Result<bool, KeyValueError> {
    path.try_exists().map_err(unreadable)
}

/// Makes a directory that only its owner may enter, and syncs it into its parent, along with what lies there.
#[expect(clippy::disallowed_methods, reason = "the catalogue owns the files in its directory")]
fn make_directory(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => File::open(parent)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}
