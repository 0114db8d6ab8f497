//! Rows of `changes`.

use kernel::{AnnotationName, BucketId, BucketName, ObjectKey, Sequence, Timestamp, UploadId, VersionId};

use super::bucket::{versioning, versioning_code};
use super::checksum::{EtagRow, etag, etag_row};
use super::settings::{setting_code, setting_name};
use super::{Malformed, PairRow, Result, decode, millis, pair_rows, tags};
use crate::catalog::{Change, Replaced, What};

#[derive(Clone, PartialEq, Eq, prost::Message)]
struct ChangeRow {
    #[prost(uint32, tag = "1")]
    what: u32,
    #[prost(sint64, tag = "2")]
    when_ms: i64,
    #[prost(string, tag = "3")]
    by: String,
    #[prost(uint64, tag = "4")]
    bucket: u64,
    #[prost(string, tag = "5")]
    bucket_name: String,
    #[prost(uint32, optional, tag = "6")]
    versioning: Option<u32>,
    #[prost(string, optional, tag = "7")]
    key: Option<String>,
    #[prost(bytes = "vec", optional, tag = "8")]
    version: Option<Vec<u8>>,
    #[prost(bool, tag = "9")]
    is_null: bool,
    #[prost(bool, tag = "10")]
    is_marker: bool,
    #[prost(uint64, tag = "11")]
    bytes: u64,
    #[prost(message, optional, tag = "12")]
    etag: Option<EtagRow>,
    #[prost(message, repeated, tag = "13")]
    tags: Vec<PairRow>,
    #[prost(bytes = "vec", optional, tag = "14")]
    upload: Option<Vec<u8>>,
    #[prost(message, optional, tag = "15")]
    replaced: Option<ReplacedRow>,
    #[prost(uint32, optional, tag = "16")]
    setting: Option<u32>,
    #[prost(string, optional, tag = "17")]
    annotation: Option<String>,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
struct ReplacedRow {
    #[prost(bytes = "vec", tag = "1")]
    version: Vec<u8>,
    #[prost(bool, tag = "2")]
    is_marker: bool,
    #[prost(uint64, tag = "3")]
    bytes: u64,
}

const fn what_code(what: What) -> u32 {
    match what {
        What::BucketCreated => 1,
        What::BucketDeleted => 2,
        What::VersioningSet => 3,
        What::BucketTagged => 4,
        What::ObjectWritten => 5,
        What::MarkerWritten => 6,
        What::VersionRemoved => 7,
        What::ObjectTagged => 8,
        What::UploadStarted => 9,
        What::UploadAborted => 10,
        What::BucketConfigured => 11,
        What::AnnotationWritten => 12,
        What::AnnotationRemoved => 13,
        What::ObjectAclChanged => 14,
        What::ObjectProtected => 15,
    }
}

fn what(code: u32) -> Result<What> {
    What::ALL.into_iter().find(|what| what_code(*what) == code).ok_or(Malformed("unknown kind of change"))
}

fn version_id(bytes: &[u8]) -> Result<VersionId> {
    VersionId::try_from(bytes).map_err(|_| Malformed("a version id is not 16 bytes long"))
}

fn annotation_name(name: String) -> Result<AnnotationName> {
    AnnotationName::new(&name).map_err(|_| Malformed("an annotation's name breaks the rules"))
}

/// A change as it is stored. Its sequence stands in the key.
pub(crate) fn change_row(change: &Change) -> Vec<u8> {
    let replaced = |replaced: &Replaced| ReplacedRow {
        version: replaced.version.as_bytes().to_vec(),
        is_marker: replaced.is_marker,
        bytes: replaced.bytes,
    };
    prost::Message::encode_to_vec(&ChangeRow {
        what: what_code(change.what),
        when_ms: millis(change.when),
        by: change.by.clone(),
        bucket: change.bucket.0,
        bucket_name: change.bucket_name.as_str().to_owned(),
        versioning: change.versioning.map(versioning_code),
        key: change.key.as_ref().map(|key| key.as_str().to_owned()),
        version: change.version.map(|id| id.as_bytes().to_vec()),
        is_null: change.is_null,
        is_marker: change.is_marker,
        bytes: change.bytes,
        etag: change.etag.as_ref().map(etag_row),
        tags: pair_rows(change.tags.iter()),
        upload: change.upload.map(|id| id.as_bytes().to_vec()),
        replaced: change.replaced.as_ref().map(replaced),
        setting: change.setting.map(|name| setting_code(name).into()),
        annotation: change.annotation.as_ref().map(|name| name.as_str().to_owned()),
    })
}

/// Of a change only when it was made: for walks over many.
#[derive(Clone, PartialEq, Eq, prost::Message)]
struct ChangeTimeRow {
    #[prost(sint64, tag = "2")]
    when_ms: i64,
}

/// When a change was made.
pub(crate) fn change_time(row: &[u8]) -> Result<Timestamp> {
    let row: ChangeTimeRow = decode(row, "not a change")?;
    Ok(Timestamp::from_millis(row.when_ms))
}

/// A change as it was stored under `sequence`.
pub(crate) fn change(sequence: Sequence, row: &[u8]) -> Result<Change> {
    let row: ChangeRow = decode(row, "not a change")?;
    let replaced = |row: ReplacedRow| {
        Ok(Replaced { version: version_id(&row.version)?, is_marker: row.is_marker, bytes: row.bytes })
    };
    let upload_id =
        |bytes: Vec<u8>| UploadId::try_from(&bytes[..]).map_err(|_| Malformed("an upload id is not 16 bytes long"));
    Ok(Change {
        sequence,
        what: what(row.what)?,
        when: Timestamp::from_millis(row.when_ms),
        by: row.by,
        bucket: BucketId(row.bucket),
        bucket_name: BucketName::new(&row.bucket_name).map_err(|_| Malformed("a bucket's name breaks the rules"))?,
        versioning: row.versioning.map(versioning).transpose()?,
        key: row.key.map(|key| ObjectKey::new(&key)).transpose().map_err(|_| Malformed("a key breaks the rules"))?,
        version: row.version.map(|id| version_id(&id)).transpose()?,
        is_null: row.is_null,
        is_marker: row.is_marker,
        bytes: row.bytes,
        etag: row.etag.map(|row| etag(Some(row))).transpose()?,
        tags: tags(row.tags)?,
        upload: row.upload.map(upload_id).transpose()?,
        replaced: row.replaced.map(replaced).transpose()?,
        setting: row.setting.map(setting_name).transpose()?,
        annotation: row.annotation.map(annotation_name).transpose()?,
    })
}
