//! Rows of `current` and `versions`.

use kernel::{
    AnnotationSum, Content, Headers, ObjectFacts, ObjectKey, Sequence, Standing, Timestamp, UploadId, UserMetadata,
    Version, VersionId,
};

use super::access::{AclRow, ProtectionRow, account, acl, acl_row, protection, protection_row};
use super::checksum::{ChecksumRow, EtagRow, checksum, checksum_row, etag, etag_row, parts_count};
use super::content::{ExtentRow, extent, extent_row};
use super::{Malformed, PairRow, Result, millis, pair_rows, pairs, stamp, tags, unstamp};
use crate::catalog::Amendment;
use crate::key_value::Stamped;

#[derive(Clone, PartialEq, Eq, prost::Message)]
struct VersionRow {
    #[prost(bytes = "vec", tag = "1")]
    id: Vec<u8>,
    #[prost(bool, tag = "2")]
    is_null: bool,
    #[prost(sint64, tag = "3")]
    modified_ms: i64,
    /// Absent where the version is a marker.
    #[prost(message, optional, tag = "4")]
    object: Option<ObjectRow>,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
struct ObjectRow {
    #[prost(uint64, tag = "1")]
    bytes: u64,
    #[prost(message, optional, tag = "2")]
    etag: Option<EtagRow>,
    #[prost(message, optional, tag = "3")]
    checksum: Option<ChecksumRow>,
    #[prost(message, optional, tag = "4")]
    headers: Option<HeadersRow>,
    #[prost(message, repeated, tag = "5")]
    metadata: Vec<PairRow>,
    #[prost(message, repeated, tag = "6")]
    tags: Vec<PairRow>,
    #[prost(oneof = "ContentRow", tags = "7, 8")]
    content: Option<ContentRow>,
    /// Absent where there are none.
    #[prost(message, optional, tag = "9")]
    annotations: Option<AnnotationSumRow>,
    /// The number of the owner's account.
    #[prost(uint64, tag = "10")]
    owner: u64,
    /// Absent where there is none.
    #[prost(message, optional, tag = "11")]
    acl: Option<AclRow>,
    /// Absent where it is kept from nothing.
    #[prost(message, optional, tag = "12")]
    protection: Option<ProtectionRow>,
}

#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
struct AnnotationSumRow {
    #[prost(uint32, tag = "1")]
    count: u32,
    #[prost(uint64, tag = "2")]
    bytes: u64,
}

#[derive(Clone, PartialEq, Eq, prost::Oneof)]
enum ContentRow {
    #[prost(message, tag = "7")]
    Whole(ExtentRow),
    #[prost(message, tag = "8")]
    Parts(ListRow),
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
struct ListRow {
    #[prost(bytes = "vec", tag = "1")]
    list: Vec<u8>,
    #[prost(uint32, tag = "2")]
    count: u32,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(super) struct HeadersRow {
    #[prost(string, optional, tag = "1")]
    cache_control: Option<String>,
    #[prost(string, optional, tag = "2")]
    content_disposition: Option<String>,
    #[prost(string, optional, tag = "3")]
    content_encoding: Option<String>,
    #[prost(string, optional, tag = "4")]
    content_language: Option<String>,
    #[prost(string, optional, tag = "5")]
    content_type: Option<String>,
    #[prost(string, optional, tag = "6")]
    expires: Option<String>,
    #[prost(string, optional, tag = "7")]
    website_redirect: Option<String>,
}

/// Stored headers; none where all are absent.
pub(super) fn headers_row(headers: &Headers) -> Option<HeadersRow> {
    if *headers == Headers::default() {
        return None;
    }
    let headers = headers.clone();
    Some(HeadersRow {
        cache_control: headers.cache_control,
        content_disposition: headers.content_disposition,
        content_encoding: headers.content_encoding,
        content_language: headers.content_language,
        content_type: headers.content_type,
        expires: headers.expires,
        website_redirect: headers.website_redirect,
    })
}

pub(super) fn headers(row: Option<HeadersRow>) -> Headers {
    row.map_or_else(Headers::default, |row| Headers {
        cache_control: row.cache_control,
        content_disposition: row.content_disposition,
        content_encoding: row.content_encoding,
        content_language: row.content_language,
        content_type: row.content_type,
        expires: row.expires,
        website_redirect: row.website_redirect,
    })
}

pub(super) fn metadata_rows(metadata: &UserMetadata) -> Vec<PairRow> {
    pair_rows(metadata.iter().map(|(name, value)| (name.as_str(), value.as_str())))
}

pub(super) fn metadata(rows: Vec<PairRow>) -> UserMetadata {
    pairs(rows).collect()
}

fn annotation_sum_row(sum: AnnotationSum) -> Option<AnnotationSumRow> {
    let AnnotationSum { count, bytes } = sum;
    (!sum.is_empty()).then_some(AnnotationSumRow { count, bytes })
}

fn annotation_sum(row: Option<AnnotationSumRow>) -> AnnotationSum {
    row.map_or_else(AnnotationSum::default, |AnnotationSumRow { count, bytes }| AnnotationSum { count, bytes })
}

fn object_row(facts: &ObjectFacts) -> ObjectRow {
    ObjectRow {
        bytes: facts.bytes,
        etag: Some(etag_row(&facts.etag)),
        checksum: Some(checksum_row(&facts.checksum)),
        headers: headers_row(&facts.headers),
        metadata: metadata_rows(&facts.metadata),
        tags: pair_rows(facts.tags.iter()),
        content: Some(match &facts.content {
            Content::Whole(extent) => ContentRow::Whole(extent_row(extent)),
            Content::Parts { list, count } => {
                ContentRow::Parts(ListRow { list: list.as_bytes().to_vec(), count: (*count).into() })
            }
        }),
        annotations: annotation_sum_row(facts.annotations),
        owner: facts.owner.number(),
        acl: facts.acl.as_ref().map(acl_row),
        protection: protection_row(&facts.protection),
    }
}

fn object(row: ObjectRow) -> Result<ObjectFacts> {
    let content = match row.content.ok_or(Malformed("the content of an object is missing"))? {
        ContentRow::Whole(row) => Content::Whole(extent(row)?),
        ContentRow::Parts(row) => Content::Parts {
            list: UploadId::try_from(&row.list[..]).map_err(|_| Malformed("a part list's id is not 16 bytes long"))?,
            count: parts_count(row.count)?,
        },
    };
    Ok(ObjectFacts {
        bytes: row.bytes,
        etag: etag(row.etag)?,
        checksum: checksum(row.checksum)?,
        headers: headers(row.headers),
        metadata: metadata(row.metadata),
        tags: tags(row.tags)?,
        content,
        annotations: annotation_sum(row.annotations),
        owner: account(row.owner)?,
        acl: row.acl.map(acl).transpose()?,
        protection: protection(row.protection)?,
    })
}

/// A version as it is stored. Its sequence is that of the change that stores it.
pub(crate) fn version_row(version: &Version) -> Stamped {
    stamp(&VersionRow {
        id: version.id.as_bytes().to_vec(),
        is_null: version.is_null,
        modified_ms: millis(version.modified),
        object: version.object().map(object_row),
    })
}

/// A version as it was stored under `key`.
pub(crate) fn version(key: ObjectKey, row: &[u8]) -> Result<Version> {
    let (sequence, message): (Sequence, VersionRow) = unstamp(row, "not a version")?;
    Ok(Version {
        key,
        id: VersionId::try_from(&message.id[..]).map_err(|_| Malformed("a version id is not 16 bytes long"))?,
        is_null: message.is_null,
        sequence,
        modified: Timestamp::from_millis(message.modified_ms),
        standing: match message.object {
            Some(row) => Standing::Object(Box::new(object(row)?)),
            None => Standing::Marker,
        },
    })
}

/// An object after an amendment, and how it is stored: under the sequence it came with. None for a marker.
pub(crate) fn amended(version: Version, amendment: &Amendment) -> Option<(Version, Vec<u8>)> {
    altered(version, |facts| match amendment {
        Amendment::Tags(tags) => facts.tags = tags.clone(),
        Amendment::Acl(acl) => facts.acl.clone_from(acl),
        Amendment::Retention(retention, _) => facts.protection.retention = *retention,
        Amendment::LegalHold(hold) => facts.protection.legal_hold = Some(*hold),
        Amendment::Embargo(embargo) => facts.protection.embargo.clone_from(embargo),
        Amendment::ClosingTags(tags, embargo) => {
            facts.tags = tags.clone();
            facts.protection.embargo = Some(embargo.clone());
        }
    })
}

/// An object with other annotations, and how it is stored: under the sequence it came with. None for a marker.
pub(crate) fn reannotated(version: Version, annotations: AnnotationSum) -> Option<(Version, Vec<u8>)> {
    altered(version, |facts| facts.annotations = annotations)
}

fn altered(mut version: Version, alter: impl FnOnce(&mut ObjectFacts)) -> Option<(Version, Vec<u8>)> {
    match &mut version.standing {
        Standing::Object(facts) => alter(facts),
        Standing::Marker => return None,
    }
    let row = version_row(&version).fill(version.sequence);
    Some((version, row))
}
