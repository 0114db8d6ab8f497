//! Rows of `annotations`.

use bytes::Bytes;
use kernel::{Annotation, AnnotationName, Extent, Timestamp};

use super::checksum::{ChecksumRow, EtagRow, checksum, checksum_row, etag, etag_row};
use super::content::{ExtentRow, extent, extent_row};
use super::{Malformed, Result, decode, encode, millis};

#[derive(Clone, PartialEq, Eq, prost::Message)]
struct AnnotationRow {
    #[prost(uint64, tag = "1")]
    bytes: u64,
    #[prost(message, optional, tag = "2")]
    etag: Option<EtagRow>,
    #[prost(message, optional, tag = "3")]
    checksum: Option<ChecksumRow>,
    #[prost(sint64, tag = "4")]
    modified_ms: i64,
    #[prost(message, optional, tag = "5")]
    extent: Option<ExtentRow>,
}

fn read(row: &[u8]) -> Result<AnnotationRow> {
    decode(row, "not an annotation")
}

fn extent_of(row: Option<ExtentRow>) -> Result<Extent> {
    extent(row.ok_or(Malformed("the extent of an annotation is missing"))?)
}

/// An annotation as it is stored. Its name stands in the key.
pub(crate) fn annotation_row(annotation: &Annotation) -> Bytes {
    encode(&AnnotationRow {
        bytes: annotation.bytes,
        etag: Some(etag_row(&annotation.etag)),
        checksum: Some(checksum_row(&annotation.checksum)),
        modified_ms: millis(annotation.modified),
        extent: Some(extent_row(&annotation.extent)),
    })
}

/// An annotation as it was stored under `name`.
pub(crate) fn annotation(name: AnnotationName, row: &[u8]) -> Result<Annotation> {
    let row = read(row)?;
    Ok(Annotation {
        name,
        bytes: row.bytes,
        etag: etag(row.etag)?,
        checksum: checksum(row.checksum)?,
        modified: Timestamp::from_millis(row.modified_ms),
        extent: extent_of(row.extent)?,
    })
}

/// Where the bytes of an annotation are, whatever its name.
pub(crate) fn annotation_extent(row: &[u8]) -> Result<Extent> {
    extent_of(read(row)?.extent)
}
