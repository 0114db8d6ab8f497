//! Rows of `uploads`.

use bytes::Bytes;
use kernel::{ObjectKey, Timestamp, UploadId};

use super::access::{AclRow, ProtectionRow, account, acl, acl_row, protection, protection_row};
use super::checksum::{algorithm, algorithm_code};
use super::version::{HeadersRow, headers, headers_row, metadata, metadata_rows};
use super::{PairRow, Result, decode, encode, millis, pair_rows, tags};
use crate::catalog::Upload;

#[derive(Clone, PartialEq, Eq, prost::Message)]
struct UploadRow {
    #[prost(sint64, tag = "1")]
    started_ms: i64,
    #[prost(message, optional, tag = "2")]
    headers: Option<HeadersRow>,
    #[prost(message, repeated, tag = "3")]
    metadata: Vec<PairRow>,
    #[prost(message, repeated, tag = "4")]
    tags: Vec<PairRow>,
    #[prost(uint32, tag = "5")]
    algorithm: u32,
    #[prost(bool, tag = "6")]
    full_object: bool,
    #[prost(bool, tag = "7")]
    checksum_chosen: bool,
    #[prost(uint64, tag = "8")]
    owner: u64,
    #[prost(message, optional, tag = "9")]
    acl: Option<AclRow>,
    #[prost(message, optional, tag = "10")]
    protection: Option<ProtectionRow>,
    #[prost(string, tag = "11")]
    initiator: String,
}

/// An upload as it is stored.
pub(crate) fn upload_row(upload: &Upload) -> Bytes {
    encode(&UploadRow {
        started_ms: millis(upload.started),
        headers: headers_row(&upload.headers),
        metadata: metadata_rows(&upload.metadata),
        tags: pair_rows(upload.tags.iter()),
        algorithm: algorithm_code(upload.algorithm),
        full_object: upload.full_object,
        checksum_chosen: upload.checksum_chosen,
        owner: upload.owner.number(),
        acl: upload.acl.as_ref().map(acl_row),
        protection: protection_row(&upload.protection),
        initiator: upload.initiator.clone(),
    })
}

/// An upload as it was stored under `key` and `id`.
pub(crate) fn upload(key: ObjectKey, id: UploadId, row: &[u8]) -> Result<Upload> {
    let row: UploadRow = decode(row, "not an upload")?;
    Ok(Upload {
        id,
        key,
        started: Timestamp::from_millis(row.started_ms),
        headers: headers(row.headers),
        metadata: metadata(row.metadata),
        tags: tags(row.tags)?,
        algorithm: algorithm(row.algorithm)?,
        full_object: row.full_object,
        checksum_chosen: row.checksum_chosen,
        owner: account(row.owner)?,
        acl: row.acl.map(acl).transpose()?,
        protection: protection(row.protection)?,
        initiator: row.initiator,
    })
}
