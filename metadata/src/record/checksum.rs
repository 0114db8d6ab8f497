//! Entity tags and checksums inside other rows.

use kernel::{Checksum, ChecksumAlgorithm, ChecksumScope, ETag};

use super::{Malformed, Result};

#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(super) struct EtagRow {
    #[prost(bytes = "vec", tag = "1")]
    md5: Vec<u8>,
    #[prost(uint32, optional, tag = "2")]
    parts: Option<u32>,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(super) struct ChecksumRow {
    #[prost(uint32, tag = "1")]
    algorithm: u32,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
    /// The number of parts where it covers their checksums; absent where it covers all bytes.
    #[prost(uint32, optional, tag = "3")]
    composite_parts: Option<u32>,
}

pub(super) fn etag_row(etag: &ETag) -> EtagRow {
    EtagRow { md5: etag.md5.to_vec(), parts: etag.parts.map(u32::from) }
}

pub(super) fn etag(row: Option<EtagRow>) -> Result<ETag> {
    let row = row.ok_or(Malformed("an entity tag is missing"))?;
    Ok(ETag {
        md5: row.md5.try_into().map_err(|_| Malformed("an entity tag is not 16 bytes long"))?,
        parts: row.parts.map(parts_count).transpose()?,
    })
}

pub(super) fn parts_count(count: u32) -> Result<u16> {
    u16::try_from(count).map_err(|_| Malformed("a number of parts is out of bounds"))
}

pub(super) const fn algorithm_code(algorithm: ChecksumAlgorithm) -> u32 {
    match algorithm {
        ChecksumAlgorithm::Crc32 => 1,
        ChecksumAlgorithm::Crc32c => 2,
        ChecksumAlgorithm::Crc64Nvme => 3,
        ChecksumAlgorithm::Sha1 => 4,
        ChecksumAlgorithm::Sha256 => 5,
    }
}

pub(super) fn algorithm(code: u32) -> Result<ChecksumAlgorithm> {
    let known = ChecksumAlgorithm::ALL.into_iter().find(|algorithm| algorithm_code(*algorithm) == code);
    known.ok_or(Malformed("unknown checksum algorithm"))
}

pub(super) fn checksum_row(checksum: &Checksum) -> ChecksumRow {
    ChecksumRow {
        algorithm: algorithm_code(checksum.algorithm),
        value: checksum.value.clone(),
        composite_parts: match checksum.scope {
            ChecksumScope::FullObject => None,
            ChecksumScope::Composite { parts } => Some(parts.into()),
        },
    }
}

pub(super) fn checksum(row: Option<ChecksumRow>) -> Result<Checksum> {
    let row = row.ok_or(Malformed("a checksum is missing"))?;
    let algorithm = algorithm(row.algorithm)?;
    if row.value.len() != algorithm.value_bytes() {
        return Err(Malformed("a checksum has the wrong length"));
    }
    let scope = match row.composite_parts {
        None => ChecksumScope::FullObject,
        Some(parts) => ChecksumScope::Composite { parts: parts_count(parts)? },
    };
    Ok(Checksum { algorithm, scope, value: row.value })
}
