//! **What exists**: buckets, versions of keys, uploads, where their bytes lie, and the log of all that changed.
//!
//! All naming, listing and versioning semantics of S3 are decided here, over an ordered map that knows none of them.
//! Every change goes the same way: read the rows that matter, decide, and hand in one batch that holds the new rows,
//! the counters, one record of the log, the loose ends for the sweep, and the expectation that everything read is still
//! so. Where it is not, the change is decided again. The bucket's row is always expected first: a bucket that is gone
//! or was set otherwise sends the caller back to ask for it again.
//!
//! Of a key with versions exactly one row says which is the newest: the one in `current` where it is an object, the one
//! in `by_id` without an id where it is a marker. Every change to the top of a key changes that row, so expecting it is
//! enough to know the key's history unmoved at its top. In a bucket that never kept versions there are no markers, and
//! `current` alone says everything.

mod annotations;
mod audit;
mod bucket_cache;
mod buckets;
mod calendar;
mod changes;
mod delete;
mod documents;
mod draft;
mod error;
mod listing;
mod locks;
mod marks;
mod past;
mod put;
mod request;
mod top;
mod unlinked;
mod uploads;
mod versions;

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use kernel::{Entropy, Sequence, Timestamp};

use crate::chain::ChainKey;
use crate::key_value::{Batch, Edit, Expectation, Family, KeyValue, KeyValueError};
use crate::keys;
use crate::witness::Watched;

pub use audit::ChainVerified;
use bucket_cache::BucketCache;
pub use calendar::{CalendarEntry, CalendarScan, Turning};
pub use documents::{DocumentEdit, DocumentKind};
pub(crate) use error::Place;
pub use error::{CatalogError, NoPast, Result};
use locks::Locks;
use marks::KnownTimes;
pub use request::{
    Amended, Amendment, Annotated, AnnotationScan, Bucket, BucketCounters, Change, Completion, Deletion, DeletionDone,
    Grave, Listing, NewAnnotation, NewBucket, NewPart, NewVersion, ObjectScan, Past, PastListing, Replaced, Resume,
    Row, Upload, UploadScan, Veil, VersionScan, What,
};
pub use unlinked::Unlinked;

/// The format of the catalogue that this program reads and writes.
const FORMAT: u32 = 1;

/// How often a change is decided before it gives way to others.
const ATTEMPTS: usize = 16;

/// What exists in the lake. See the module's description for how it changes.
pub struct Catalog {
    map: Arc<dyn KeyValue>,
    deployment: [u8; 16],
    cache: BucketCache,
    locks: Locks,
    /// The change from which on removed versions leave graves.
    graves_since: Sequence,
    times: KnownTimes,
    /// What entries of the chain are authenticated with.
    chain_key: Arc<OnceLock<Arc<ChainKey>>>,
}

impl Catalog {
    /// Opens the catalogue in `map`, or makes it there at `now`.
    ///
    /// # Errors
    /// [`CatalogError::UnknownFormat`] where another version of the program made it, [`CatalogError::Damaged`] where it
    /// is no catalogue, [`CatalogError::Map`].
    pub async fn open(map: Arc<dyn KeyValue>, entropy: &dyn Entropy, now: Timestamp) -> Result<Self> {
        let deployment = match read_lake(&*map).await? {
            Some(deployment) => deployment,
            None => make_lake(&*map, entropy, now).await?,
        };
        let graves_since = past::graves_since(&*map).await?;
        let chain_key = Arc::default();
        let map = Arc::new(Watched::new(map, Arc::clone(&chain_key)));
        let (cache, locks, times) = (BucketCache::default(), Locks::new(), KnownTimes::default());
        Ok(Self { map, deployment, cache, locks, graves_since, times, chain_key })
    }

    /// The random id that tells this lake from every other.
    pub fn deployment(&self) -> [u8; 16] {
        self.deployment
    }

    async fn get<const N: usize>(&self, rows: [(Family, Vec<u8>); N]) -> Result<[Option<Bytes>; N]> {
        let values = self.map.get(rows.into()).await?;
        values.try_into().map_err(|_| CatalogError::Damaged { what: "a read gave too few rows".to_owned() })
    }

    /// Applies a batch that [`Draft`](draft::Draft) made; none where it must be decided again.
    async fn commit(&self, bucket: &Bucket, batch: Batch) -> Result<Option<Sequence>> {
        Ok(self.attempt(bucket, batch).await?.ok())
    }

    /// Applies a batch that [`Draft`](draft::Draft) made; else gives back the place of the expectation that failed.
    async fn attempt(&self, bucket: &Bucket, batch: Batch) -> Result<std::result::Result<Sequence, usize>> {
        match self.map.apply(batch).await {
            Ok(sequence) => Ok(Ok(sequence)),
            Err(KeyValueError::Conflict { index: draft::BUCKET_EXPECTATION }) => {
                self.cache.forget(&bucket.name);
                Err(CatalogError::BucketGone)
            }
            Err(KeyValueError::Conflict { index }) => Ok(Err(index)),
            Err(error) => Err(error.into()),
        }
    }
}

/// The deployment id of the lake in `map`; none where there is no lake yet.
async fn read_lake(map: &dyn KeyValue) -> Result<Option<[u8; 16]>> {
    let rows = [keys::LAKE_FORMAT, keys::LAKE_DEPLOYMENT].map(|key| (Family::Lake, key.to_vec()));
    let mut values = map.get(rows.into()).await?.into_iter().flatten();
    let (format, deployment) = match (values.next(), values.next()) {
        (None, _) => return Ok(None),
        (Some(_), None) => return Err(CatalogError::Damaged { what: "rows of `lake` are missing".to_owned() }),
        (Some(format), Some(deployment)) => (format, deployment),
    };
    let malformed = || CatalogError::Damaged { what: "rows of `lake` have the wrong length".to_owned() };
    let found = u32::from_be_bytes(format[..].try_into().map_err(|_| malformed())?);
    if found != FORMAT {
        return Err(CatalogError::UnknownFormat { found, known: FORMAT });
    }
    Ok(Some(deployment[..].try_into().map_err(|_| malformed())?))
}

async fn make_lake(map: &dyn KeyValue, entropy: &dyn Entropy, now: Timestamp) -> Result<[u8; 16]> {
    let deployment: [u8; 16] = entropy.array();
    let rows: [(&[u8], &[u8]); 4] = [
        (keys::LAKE_FORMAT, &FORMAT.to_be_bytes()),
        (keys::LAKE_DEPLOYMENT, &deployment),
        (keys::LAKE_CREATED, &now.as_millis().to_be_bytes()),
        (keys::LAKE_NEXT_BUCKET, &1_u64.to_be_bytes()),
    ];
    let rows = rows.map(|(key, value)| Edit::Put(Family::Lake, key.to_vec(), Bytes::copy_from_slice(value)));
    let batch = Batch {
        expectations: vec![Expectation::Absent(Family::Lake, keys::LAKE_FORMAT.to_vec())],
        edits: rows.into_iter().chain([past::graves_begin()]).collect(),
    };
    match map.apply(batch).await {
        Ok(_) => Ok(deployment),
        // Somebody else made it in this moment.
        Err(KeyValueError::Conflict { .. }) => read_lake(map).await?.ok_or(CatalogError::Contended),
        Err(error) => Err(error.into()),
    }
}
