//! Reading: at one sequence, and without a thread that blocks when the answer lies in memory.

use std::sync::Arc;

use bytes::Bytes;
use rocksdb::{AsColumnFamilyRef, BoundColumnFamily, DB, Error, ErrorKind, ReadOptions, ReadTier};

use super::families::{PREFIX_BYTES, is_by_bucket};
use crate::key_value::{Family, KeyValueError, Step, Visit};

/// The handle of a family.
pub(super) fn column(db: &DB, family: Family) -> Result<Arc<BoundColumnFamily<'_>>, KeyValueError> {
    db.cf_handle(family.name())
        .ok_or_else(|| KeyValueError::Damaged(format!("there is no family {}", family.name()).into()))
}

/// What an error of RocksDB means to those above.
pub(super) fn trouble(error: Error) -> KeyValueError {
    match error.kind() {
        ErrorKind::Corruption => KeyValueError::Damaged(error.into_string().into()),
        _ => KeyValueError::Unreadable(Arc::new(error)),
    }
}

/// Where an answer may come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// Only what lies in memory.
    Memory,
    /// The disk too.
    Disk,
}

fn value(db: &DB, column: &impl AsColumnFamilyRef, key: &[u8], options: &ReadOptions) -> Result<Option<Bytes>, Error> {
    Ok(db.get_pinned_cf_opt(column, key, options)?.map(|value| Bytes::copy_from_slice(&value)))
}

/// The values of these rows as of one sequence; `None` where memory alone does not know them all.
pub(super) fn get(
    db: &DB,
    keys: &[(Family, Vec<u8>)],
    reach: Reach,
) -> Result<Option<Vec<Option<Bytes>>>, KeyValueError> {
    let mut options = ReadOptions::default();
    if reach == Reach::Memory {
        options.set_read_tier(ReadTier::BlockCache);
    }
    // One row is of one sequence anyway.
    let snapshot = (keys.len() > 1).then(|| db.snapshot());
    if let Some(snapshot) = &snapshot {
        options.set_snapshot(snapshot);
    }
    let mut values = Vec::with_capacity(keys.len());
    for (family, key) in keys {
        match value(db, &column(db, *family)?, key, &options) {
            Ok(value) => values.push(value),
            Err(error) if reach == Reach::Memory && error.kind() == ErrorKind::Incomplete => return Ok(None),
            Err(error) => return Err(trouble(error)),
        }
    }
    Ok(Some(values))
}

/// Walks rows `from..until` as of one sequence, as `visit` steers.
pub(super) fn scan(
    db: &DB,
    family: Family,
    from: &[u8],
    until: Vec<u8>,
    mut visit: Visit,
) -> Result<(), KeyValueError> {
    if from >= &until[..] {
        return Ok(());
    }
    let mut options = ReadOptions::default();
    // Within one bucket the filters tell which files hold any of it.
    let prefix = from.get(..PREFIX_BYTES).filter(|prefix| is_by_bucket(family) && until.starts_with(prefix));
    options.set_prefix_same_as_start(prefix.is_some());
    options.set_total_order_seek(prefix.is_none());
    options.set_iterate_upper_bound(until.clone());
    let mut rows = db.raw_iterator_cf_opt(&column(db, family)?, options);
    rows.seek(from);
    while let Some((key, value)) = rows.item() {
        match visit(key, value) {
            Step::Stop => return Ok(()),
            // Beyond the bound may lie another bucket, which a filter by bucket must not be asked for.
            Step::Seek(target) if target >= until => return Ok(()),
            Step::Seek(target) if &target[..] > key => rows.seek(target),
            Step::Seek(_) | Step::Next => rows.next(),
        }
    }
    rows.status().map_err(trouble)
}
