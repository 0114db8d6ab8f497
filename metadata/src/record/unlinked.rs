//! Rows of `unlinked`.

use kernel::{BlobId, BucketId, Timestamp, UploadId, VersionId};

use super::content::blob_id;
use super::{Malformed, Result, decode, millis};

#[derive(Clone, PartialEq, Eq, prost::Message)]
struct UnlinkedRow {
    #[prost(sint64, tag = "1")]
    since_ms: i64,
    #[prost(bytes = "vec", repeated, tag = "2")]
    blobs: Vec<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "3")]
    list: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "4")]
    upload: Option<Vec<u8>>,
    #[prost(uint64, optional, tag = "5")]
    bucket: Option<u64>,
    #[prost(bytes = "vec", optional, tag = "6")]
    annotations: Option<Vec<u8>>,
}

/// What one change let go of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Loose {
    /// When.
    pub(crate) since: Timestamp,
    /// Blobs, by name.
    pub(crate) blobs: Vec<BlobId>,
    /// A part list with everything its parts hold.
    pub(crate) list: Option<UploadId>,
    /// Whatever still stands in `parts` under an upload that is no more.
    pub(crate) upload: Option<UploadId>,
    /// The uploads of a bucket that is no more.
    pub(crate) bucket: Option<BucketId>,
    /// The annotations of a version that is no more.
    pub(crate) annotations: Option<VersionId>,
}

impl Loose {
    /// Whether there is nothing to sweep.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self { since: self.since, ..Self::default() }
    }
}

/// Loose ends as they are stored.
pub(crate) fn loose_row(loose: &Loose) -> Vec<u8> {
    prost::Message::encode_to_vec(&UnlinkedRow {
        since_ms: millis(loose.since),
        blobs: loose.blobs.iter().map(|blob| blob.as_bytes().to_vec()).collect(),
        list: loose.list.map(|id| id.as_bytes().to_vec()),
        upload: loose.upload.map(|id| id.as_bytes().to_vec()),
        bucket: loose.bucket.map(|id| id.0),
        annotations: loose.annotations.map(|id| id.as_bytes().to_vec()),
    })
}

/// Loose ends as they were stored.
pub(crate) fn loose(row: &[u8]) -> Result<Loose> {
    let row: UnlinkedRow = decode(row, "not a row of loose ends")?;
    let id =
        |bytes: Vec<u8>| UploadId::try_from(&bytes[..]).map_err(|_| Malformed("an upload id is not 16 bytes long"));
    let version_id =
        |bytes: Vec<u8>| VersionId::try_from(&bytes[..]).map_err(|_| Malformed("a version id is not 16 bytes long"));
    Ok(Loose {
        since: Timestamp::from_millis(row.since_ms),
        blobs: row.blobs.iter().map(|blob| blob_id(blob)).collect::<Result<_>>()?,
        list: row.list.map(id).transpose()?,
        upload: row.upload.map(id).transpose()?,
        bucket: row.bucket.map(BucketId),
        annotations: row.annotations.map(version_id).transpose()?,
    })
}
