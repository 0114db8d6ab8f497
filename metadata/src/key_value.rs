//! The port under the catalogue: an ordered map of bytes that changes only by whole batches, and is durable when a
//! change returns.
//!
//! One request is one [`apply`](KeyValue::apply). A batch says what it expects of the rows it was decided on, and what
//! it changes; whoever implements the port may group batches as it likes, as long as each is checked against the map
//! with all earlier batches applied, takes effect whole or not at all, and alone fails when its expectations do.
//! What the port promises is written down as code in [`contract`](crate::contract), and every implementation runs it.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures::future::BoxFuture;
use kernel::Sequence;

use crate::chain::ChainKey;

/// A part of the map with an order and a tuning of its own.
///
/// What each holds stands in `docs/format.md`; the bytes of its keys are built in `keys.rs` and nowhere else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Family {
    /// What the catalogue knows of itself: format, deployment id, next bucket id.
    Lake,
    /// Buckets by name.
    Buckets,
    /// Facts of each key's current version; no row where a marker is current.
    Current,
    /// Facts of every version and marker, newest first within a key.
    Versions,
    /// Version id to sequence.
    ById,
    /// Sequence of each key's `null` version.
    Null,
    /// Sealed bytes of small bodies.
    Inline,
    /// Multipart uploads under way.
    Uploads,
    /// Their parts.
    Parts,
    /// Part lists of completed uploads.
    Lists,
    /// Blobs that something refers to, and the sites they lie at.
    Blobs,
    /// What nothing refers to any more, oldest first, until the sweep has removed it.
    Unlinked,
    /// The log of all changes.
    Changes,
    /// How far each consumer of the log has read.
    Cursors,
    /// Counters per bucket.
    Counters,
    /// How buckets are set up, one row per setting.
    Settings,
    /// Named payloads that belong to versions.
    Annotations,
    /// What is remembered of versions that were removed for good.
    Graves,
    /// Times, and the sequences reached at them.
    Marks,
    /// Texts that the engine keeps by kind and name: identities, policies.
    Documents,
    /// The chain of what was done by administrators, and of what was refused.
    Audit,
    /// Instants at which the answer to a question changes by itself.
    Calendar,
}

impl Family {
    /// Every family.
    pub const ALL: [Self; 22] = [
        Self::Lake,
        Self::Buckets,
        Self::Current,
        Self::Versions,
        Self::ById,
        Self::Null,
        Self::Inline,
        Self::Uploads,
        Self::Parts,
        Self::Lists,
        Self::Blobs,
        Self::Unlinked,
        Self::Changes,
        Self::Cursors,
        Self::Counters,
        Self::Settings,
        Self::Annotations,
        Self::Graves,
        Self::Marks,
        Self::Documents,
        Self::Audit,
        Self::Calendar,
    ];

    /// Its name on disk.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lake => "lake",
            Self::Buckets => "buckets",
            Self::Current => "current",
            Self::Versions => "versions",
            Self::ById => "by_id",
            Self::Null => "null",
            Self::Inline => "inline",
            Self::Uploads => "uploads",
            Self::Parts => "parts",
            Self::Lists => "lists",
            Self::Blobs => "blobs",
            Self::Unlinked => "unlinked",
            Self::Changes => "changes",
            Self::Cursors => "cursors",
            Self::Counters => "counters",
            Self::Settings => "settings",
            Self::Annotations => "annotations",
            Self::Graves => "graves",
            Self::Marks => "marks",
            Self::Documents => "documents",
            Self::Audit => "audit",
            Self::Calendar => "calendar",
        }
    }
}

/// Bytes with a hole of eight bytes that takes the sequence of the change, known only when it commits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamped {
    /// The bytes, zero in the hole.
    pub bytes: Vec<u8>,
    /// Where the hole begins; `None` where there is none.
    pub hole: Option<usize>,
    /// The hole takes the bitwise complement, so that later changes sort first.
    pub newest_first: bool,
}

impl Stamped {
    /// Bytes without a hole.
    pub fn plain(bytes: impl Into<Vec<u8>>) -> Self {
        Self { bytes: bytes.into(), hole: None, newest_first: false }
    }

    fn hole_fits(&self) -> bool {
        self.hole.is_none_or(|hole| hole.checked_add(8).is_some_and(|end| end <= self.bytes.len()))
    }

    /// The bytes with the hole filled.
    ///
    /// # Panics
    /// When the hole does not lie within the bytes.
    pub fn fill(mut self, sequence: Sequence) -> Vec<u8> {
        if let Some(hole) = self.hole {
            let bits = if self.newest_first { !sequence.to_bits() } else { sequence.to_bits() };
            self.bytes[hole..hole + 8].copy_from_slice(&bits.to_be_bytes());
        }
        self.bytes
    }
}

/// One change of one row or range. Edits of a batch take effect in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edit {
    /// Puts a row.
    Put(Family, Vec<u8>, Bytes),
    /// Removes a row, if it is there.
    Delete(Family, Vec<u8>),
    /// Removes the rows `from..until`; none where `until` does not lie after `from`.
    DeleteRange(Family, Vec<u8>, Vec<u8>),
    /// Adds to a row of eight bytes, big-endian `i64`; no row counts as 0. Never in conflict with another add. Where
    /// the row holds something else, or the sum leaves `i64`, the batch fails as [`KeyValueError::Damaged`].
    Add(Family, Vec<u8>, i64),
    /// Puts a row whose key or value holds the sequence of the batch.
    PutStamped {
        /// The family.
        family: Family,
        /// The key.
        key: Stamped,
        /// The value.
        value: Stamped,
    },
    /// Appends an entry to the chain in [`Family::Audit`]. It gets its number and its hash when the batch commits, so it is
    /// never in conflict with another. Where the chain's head is none, the batch fails as [`KeyValueError::Damaged`].
    Chain {
        /// What it says.
        entry: Bytes,
        /// What it is authenticated with. The catalogue sees to that.
        key: Option<Arc<ChainKey>>,
    },
}

impl Edit {
    /// Appends an entry to the chain.
    pub fn chain(entry: Bytes) -> Self {
        Self::Chain { entry, key: None }
    }
}

/// What a batch expects of the map when its turn comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expectation {
    /// No such row.
    Absent(Family, Vec<u8>),
    /// The row has exactly this value.
    Equals(Family, Vec<u8>, Bytes),
    /// The number in the row, 0 where there is none, plus `plus`, is at most `max`. A row that is no number of eight
    /// bytes fails the batch as [`KeyValueError::Damaged`].
    SumAtMost {
        /// The family.
        family: Family,
        /// The key.
        key: Vec<u8>,
        /// What the batch is about to add.
        plus: i64,
        /// The bound.
        max: i64,
    },
}

/// What one request changes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    /// All must hold.
    pub expectations: Vec<Expectation>,
    /// All take effect, in order.
    pub edits: Vec<Edit>,
}

impl Batch {
    /// Bytes of keys and values in its edits: what it adds to a log, about.
    pub fn bytes(&self) -> usize {
        let edit_bytes = |edit: &Edit| match edit {
            Edit::Put(_, key, value) => key.len() + value.len(),
            Edit::Delete(_, key) => key.len(),
            Edit::DeleteRange(_, from, until) => from.len() + until.len(),
            Edit::Add(_, key, _) => key.len() + 8,
            Edit::PutStamped { key, value, .. } => key.bytes.len() + value.bytes.len(),
            Edit::Chain { entry, .. } => entry.len(),
        };
        self.edits.iter().map(edit_bytes).sum()
    }

    /// Whoever implements [`KeyValue::apply`] asks this first, so that the one who made the batch meets the panic.
    ///
    /// # Panics
    /// When the hole of a [`Stamped`] does not lie within its bytes.
    pub(crate) fn assert_holes_fit(&self) {
        for edit in &self.edits {
            if let Edit::PutStamped { key, value, .. } = edit {
                assert!(key.hole_fits() && value.hole_fits(), "a hole lies outside its bytes");
            }
        }
    }
}

/// The number in a counter's row; 0 where there is none.
///
/// # Errors
/// [`KeyValueError::Damaged`] where the row holds anything but eight bytes.
pub(crate) fn number(family: Family, value: Option<&[u8]>) -> Result<i64, KeyValueError> {
    let Some(value) = value else { return Ok(0) };
    let bytes = value.try_into().map_err(|_| {
        let what = format!("a counter in family {} has {} bytes instead of 8", family.name(), value.len());
        KeyValueError::Damaged(what.into())
    })?;
    Ok(i64::from_be_bytes(bytes))
}

/// What a counter's row holds after an add.
///
/// # Errors
/// [`KeyValueError::Damaged`] where the row is no counter or the sum leaves `i64`.
pub(crate) fn sum(family: Family, value: Option<&[u8]>, plus: i64) -> Result<i64, KeyValueError> {
    number(family, value)?
        .checked_add(plus)
        .ok_or_else(|| KeyValueError::Damaged(format!("a counter in family {} left its range", family.name()).into()))
}

/// Why the map did not answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum KeyValueError {
    /// An expectation of the batch did not hold: nothing of it took effect. Read again and decide again.
    #[error("the rows changed since they were read (expectation {index})")]
    Conflict {
        /// The place of the first expectation that failed in [`Batch::expectations`].
        index: usize,
    },
    /// A write or sync failed: whether this batch took effect is known only after the map is opened again. Until then
    /// it refuses every change.
    #[error("the catalogue refuses changes until it is opened again: {0}")]
    Failed(Arc<str>),
    /// The map is being closed.
    #[error("the catalogue is closed")]
    Closed,
    /// What lies on disk is not what was written.
    #[error("the catalogue is damaged: {0}")]
    Damaged(Arc<str>),
    /// Another process, or another map in this one, has the directory open.
    #[error("the catalogue in `{0}` is in use by another process")]
    InUse(Arc<str>),
    /// The file system refused to open or read, and nothing says that what lies there is wrong.
    #[error("the catalogue's files cannot be read")]
    Unreadable(#[source] Arc<dyn std::error::Error + Send + Sync>),
}

/// Where a scan goes from a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// To the next row.
    Next,
    /// To the first row at or after this key; to the next row where the key does not lie after the current one.
    Seek(Vec<u8>),
    /// Nowhere: enough seen.
    Stop,
}

/// What a scan does at each row: key and value in, the way on out.
pub type Visit = Box<dyn FnMut(&[u8], &[u8]) -> Step + Send>;

/// An ordered map of bytes. See the module's description for what it promises.
pub trait KeyValue: Send + Sync + 'static {
    /// The values of these rows, all as of one sequence, in the order asked for.
    fn get(&self, keys: Vec<(Family, Vec<u8>)>) -> BoxFuture<'_, Result<Vec<Option<Bytes>>, KeyValueError>>;

    /// Walks rows `from..until` in order, as of one sequence, as `visit` steers. Runs on a thread that may block.
    fn scan(
        &self,
        family: Family,
        from: Vec<u8>,
        until: Vec<u8>,
        visit: Visit,
    ) -> BoxFuture<'_, Result<(), KeyValueError>>;

    /// Applies a batch. When this returns `Ok`, the change is durable and every later read sees it; no read sees it
    /// before it is durable. Every batch that takes effect takes the next sequence. Dropping the future does not take
    /// the batch back once it has been polled and found room in the queue.
    ///
    /// # Panics
    /// When the hole of a [`Stamped`] does not lie within its bytes.
    fn apply(&self, batch: Batch) -> BoxFuture<'_, Result<Sequence, KeyValueError>>;

    /// The highest sequence that is durable. It never falls; before the first batch it is counter 0 of epoch 1.
    fn durable(&self) -> Sequence;
}

/// Walks rows `from..until` and gathers into `gathered`.
///
/// # Errors
/// As [`KeyValue::scan`].
pub async fn gather<T: Send + 'static>(
    map: &dyn KeyValue,
    family: Family,
    from: Vec<u8>,
    until: Vec<u8>,
    gathered: T,
    mut visit: impl FnMut(&mut T, &[u8], &[u8]) -> Step + Send + 'static,
) -> Result<T, KeyValueError> {
    let shared = Arc::new(Mutex::new(Some(gathered)));
    let inner = Arc::clone(&shared);
    let steer: Visit = Box::new(move |key, value| {
        let mut guard = inner.lock().unwrap_or_else(PoisonError::into_inner);
        guard.as_mut().map_or(Step::Stop, |gathered| visit(gathered, key, value))
    });
    map.scan(family, from, until, steer).await?;
    let gathered = shared.lock().unwrap_or_else(PoisonError::into_inner).take();
    gathered.ok_or(KeyValueError::Closed)
}
