//! Where bytes are: extents and pieces inside other rows, rows of `parts` and `lists`, and rows of `blobs`.

use bytes::Bytes;
use kernel::{BlobId, Extent, KeyId, Part, Piece, Placement, SiteName, Timestamp, WrappedKey};

use super::checksum::{ChecksumRow, EtagRow, checksum, checksum_row, etag, etag_row, parts_count};
use super::{Malformed, Result, decode, encode, millis};

#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(super) struct ExtentRow {
    #[prost(bytes = "vec", tag = "1")]
    master_key: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    wrapped_key: Vec<u8>,
    #[prost(message, repeated, tag = "3")]
    pieces: Vec<PieceRow>,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
struct PieceRow {
    #[prost(bytes = "vec", tag = "1")]
    blob: Vec<u8>,
    #[prost(uint64, tag = "2")]
    bytes: u64,
    #[prost(uint64, tag = "3")]
    sealed_bytes: u64,
    #[prost(fixed64, tag = "4")]
    sealed_crc64: u64,
    #[prost(bool, tag = "5")]
    inline: bool,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
struct PartRow {
    #[prost(uint32, tag = "1")]
    number: u32,
    #[prost(uint64, tag = "2")]
    bytes: u64,
    #[prost(message, optional, tag = "3")]
    etag: Option<EtagRow>,
    #[prost(message, optional, tag = "4")]
    checksum: Option<ChecksumRow>,
    #[prost(sint64, tag = "5")]
    modified_ms: i64,
    #[prost(message, optional, tag = "6")]
    extent: Option<ExtentRow>,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
struct PlacementsRow {
    #[prost(message, repeated, tag = "1")]
    placements: Vec<PlacementRow>,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
struct PlacementRow {
    #[prost(string, tag = "1")]
    site: String,
    /// Absent where the site holds all of the blob.
    #[prost(message, optional, tag = "2")]
    shard: Option<ShardRow>,
}

#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
struct ShardRow {
    #[prost(uint32, tag = "1")]
    index: u32,
    #[prost(uint32, tag = "2")]
    data: u32,
    #[prost(uint32, tag = "3")]
    parity: u32,
}

pub(super) fn blob_id(bytes: &[u8]) -> Result<BlobId> {
    BlobId::try_from(bytes).map_err(|_| Malformed("a blob id is not 16 bytes long"))
}

pub(super) fn extent_row(extent: &Extent) -> ExtentRow {
    let piece_row = |piece: &Piece| PieceRow {
        blob: piece.blob.as_bytes().to_vec(),
        bytes: piece.bytes,
        sealed_bytes: piece.sealed_bytes,
        sealed_crc64: piece.sealed_crc64,
        inline: piece.inline,
    };
    ExtentRow {
        master_key: extent.key.master.as_bytes().to_vec(),
        wrapped_key: extent.key.wrapped.clone(),
        pieces: extent.pieces.iter().map(piece_row).collect(),
    }
}

pub(super) fn extent(row: ExtentRow) -> Result<Extent> {
    let piece = |row: PieceRow| -> Result<Piece> {
        Ok(Piece {
            blob: blob_id(&row.blob)?,
            bytes: row.bytes,
            sealed_bytes: row.sealed_bytes,
            sealed_crc64: row.sealed_crc64,
            inline: row.inline,
        })
    };
    let pieces = row.pieces.into_iter().map(piece).collect::<Result<Vec<_>>>()?;
    if pieces.iter().try_fold(0_u64, |sum, piece| sum.checked_add(piece.bytes)).is_none() {
        return Err(Malformed("the pieces of an extent have too many bytes"));
    }
    let master = KeyId::try_from(&row.master_key[..]).map_err(|_| Malformed("a key id is not 16 bytes long"))?;
    Ok(Extent { key: WrappedKey { master, wrapped: row.wrapped_key }, pieces })
}

/// A part as it is stored, before and after completion.
pub(crate) fn part_row(part: &Part) -> Bytes {
    encode(&PartRow {
        number: part.number.into(),
        bytes: part.bytes,
        etag: Some(etag_row(&part.etag)),
        checksum: Some(checksum_row(&part.checksum)),
        modified_ms: millis(part.modified),
        extent: Some(extent_row(&part.extent)),
    })
}

/// A part as it was stored.
pub(crate) fn part(row: &[u8]) -> Result<Part> {
    let row: PartRow = decode(row, "not a part")?;
    Ok(Part {
        number: parts_count(row.number)?,
        bytes: row.bytes,
        etag: etag(row.etag)?,
        checksum: checksum(row.checksum)?,
        modified: Timestamp::from_millis(row.modified_ms),
        extent: extent(row.extent.ok_or(Malformed("the extent of a part is missing"))?)?,
    })
}

/// The sites of a blob as they are stored.
pub(crate) fn placements_row(placements: &[Placement]) -> Bytes {
    let row = |placement: &Placement| match placement {
        Placement::Copy(site) => PlacementRow { site: site.as_str().to_owned(), shard: None },
        Placement::Shard { site, index, data, parity } => PlacementRow {
            site: site.as_str().to_owned(),
            shard: Some(ShardRow { index: (*index).into(), data: (*data).into(), parity: (*parity).into() }),
        },
    };
    encode(&PlacementsRow { placements: placements.iter().map(row).collect() })
}

/// The sites of a blob as they were stored.
pub(crate) fn placements(row: &[u8]) -> Result<Vec<Placement>> {
    let row: PlacementsRow = decode(row, "not placements of a blob")?;
    let small = |number: u32| u8::try_from(number).map_err(|_| Malformed("a shard's number is out of bounds"));
    let placement = |row: PlacementRow| {
        let site = SiteName::new(&row.site).map_err(|_| Malformed("a site's name breaks the rules"))?;
        Ok(match row.shard {
            None => Placement::Copy(site),
            Some(shard) => Placement::Shard {
                site,
                index: small(shard.index)?,
                data: small(shard.data)?,
                parity: small(shard.parity)?,
            },
        })
    };
    row.placements.into_iter().map(placement).collect()
}
