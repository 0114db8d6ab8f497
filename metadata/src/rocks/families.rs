//! How RocksDB is tuned: for the database as a whole, and for each family.

use kernel::Sequence;
use rocksdb::{
    BlockBasedOptions, Cache, ColumnFamilyDescriptor, DB, DBCompressionType, DBRecoveryMode, InfoLogger, LogLevel,
    Options, SliceTransform,
};

use crate::key_value::Family;

/// The row of [`Family::Lake`] that holds the sequence of the last change, eight bytes big-endian. Every group of
/// changes puts it. It begins with a NUL, which no row of the catalogue's own does.
pub(super) const SEQUENCE_KEY: &[u8] = b"\0sequence";

/// Before the first change.
pub(super) fn start() -> Sequence {
    Sequence::ZERO.next_epoch()
}

/// Bytes of bucket id that keys of the families by bucket begin with.
pub(super) const PREFIX_BYTES: usize = 8;

const MIB: usize = 1 << 20;

/// Whether all keys of a family begin with a bucket id, so that filters know buckets too.
pub(super) fn is_by_bucket(family: Family) -> bool {
    matches!(family, Family::Current | Family::Versions | Family::ById | Family::Null)
}

/// Whether pages of a family are listed, or walked from its start, while rows of it are deleted by the million.
fn is_walked(family: Family) -> bool {
    let others =
        [Family::Uploads, Family::Parts, Family::Lists, Family::Unlinked, Family::Changes, Family::Annotations];
    is_by_bucket(family) || others.contains(&family)
}

/// Options of the database.
pub(super) fn database(may_create: bool) -> Options {
    let mut options = Options::default();
    options.create_if_missing(may_create);
    options.create_missing_column_families(true);
    // A torn tail is what a power cut leaves, and is cut off; the watermark tells it from a log that lost more.
    options.set_wal_recovery_mode(DBRecoveryMode::PointInTime);
    options.set_track_and_verify_wals_in_manifest(true);
    options.set_paranoid_checks(true);
    // All families are flushed together, so that the files hold one moment of the whole map. Otherwise the sequence
    // could reach a file of its own before rows that it vouches for.
    options.set_atomic_flush(true);
    options.set_max_total_wal_size(256 * MIB as u64);
    options.set_bytes_per_sync(MIB as u64);
    options.set_max_background_jobs(4);
    options.set_stats_dump_period_sec(0);
    options.set_info_logger(InfoLogger::new_callback_logger(LogLevel::Warn, log));
    options
}

fn log(level: LogLevel, message: &str) {
    let message = message.trim_end();
    match level {
        LogLevel::Debug | LogLevel::Info => tracing::debug!(target: "rocksdb", "{message}"),
        LogLevel::Warn => tracing::warn!(target: "rocksdb", "{message}"),
        LogLevel::Error | LogLevel::Fatal => tracing::error!(target: "rocksdb", "{message}"),
        LogLevel::Header => {}
    }
}

fn tables(family: Family, cache: &Cache) -> BlockBasedOptions {
    let mut tables = BlockBasedOptions::default();
    tables.set_block_cache(cache);
    tables.set_block_size(16 << 10);
    tables.set_cache_index_and_filter_blocks(true);
    tables.set_pin_l0_filter_and_index_blocks_in_cache(true);
    // The log of changes and the part lists are only walked, so nobody asks a filter.
    if !matches!(family, Family::Changes | Family::Lists | Family::Unlinked) {
        tables.set_bloom_filter(10.0, false);
        tables.set_optimize_filters_for_memory(true);
    }
    tables
}

/// Options of a family.
fn options(family: Family, cache: &Cache) -> Options {
    let mut options = Options::default();
    options.set_block_based_table_factory(&tables(family, cache));
    options.set_write_buffer_size(32 * MIB);
    options.set_compression_type(DBCompressionType::Lz4);
    options.set_level_compaction_dynamic_level_bytes(true);
    if is_by_bucket(family) {
        options.set_prefix_extractor(SliceTransform::create_fixed_prefix(PREFIX_BYTES));
    }
    if is_walked(family) {
        // A file in which a quarter of 4,096 neighbours are deletions is compacted for that alone.
        options.add_compact_on_deletion_collector_factory(4096, 1024, 0.25);
    }
    match family {
        // Written once, read in order, and the largest of the families without blobs.
        Family::Changes => options.set_bottommost_compression_type(DBCompressionType::Zstd),
        Family::Inline => keep_values_apart(&mut options, cache),
        _ => {}
    }
    options
}

/// Sealed bytes do not compress, and are not carried through compactions: they lie in blob files.
fn keep_values_apart(options: &mut Options, cache: &Cache) {
    options.set_write_buffer_size(64 * MIB);
    options.set_compression_type(DBCompressionType::None);
    options.set_enable_blob_files(true);
    options.set_min_blob_size(1024);
    options.set_blob_file_size(128 * MIB as u64);
    options.set_blob_compression_type(DBCompressionType::None);
    options.set_blob_cache(cache);
    // Off by default, and then deleted bodies stay for ever.
    options.set_enable_blob_gc(true);
    options.set_blob_gc_age_cutoff(0.5);
    options.set_blob_gc_force_threshold(0.5);
    options.add_compact_on_deletion_collector_factory(1024, 256, 0.25);
}

/// The families called `names`, as they are opened; all of them where a name is not known.
pub(super) fn descriptors(names: &[String], cache: &Cache) -> Vec<ColumnFamilyDescriptor> {
    let known = |name: &String| Family::ALL.into_iter().find(|family| family.name() == name);
    let options_of = |name: &String| known(name).map_or_else(Options::default, |family| options(family, cache));
    names.iter().map(|name| ColumnFamilyDescriptor::new(name, options_of(name))).collect()
}

/// A scan that meets this many hidden rows in one step has the table in memory written out, so that compaction can
/// take them away.
const HIDDEN_ROWS_MAX: &str = "4096";

/// Sets what can only be set on an open database.
pub(super) fn tune(db: &DB) -> Result<(), rocksdb::Error> {
    for family in Family::ALL.into_iter().filter(|family| is_walked(*family)) {
        if let Some(handle) = db.cf_handle(family.name()) {
            db.set_options_cf(&handle, &[("memtable_op_scan_flush_trigger", HIDDEN_ROWS_MAX)])?;
        }
    }
    Ok(())
}
