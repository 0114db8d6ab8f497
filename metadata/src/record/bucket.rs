//! Rows of `buckets`.

use std::sync::Arc;

use bytes::Bytes;
use kernel::settings::SettingName;
use kernel::{AccountId, BucketId, BucketName, Region, Sequence, Timestamp, Versioning};

use super::access::account;
use super::settings::{setting_code, setting_name};
use super::{Malformed, PairRow, Result, millis, pair_rows, stamp, tags, unstamp};
use crate::catalog::Bucket;
use crate::key_value::Stamped;

#[derive(Clone, PartialEq, Eq, prost::Message)]
struct BucketRow {
    #[prost(uint64, tag = "1")]
    id: u64,
    #[prost(string, tag = "2")]
    region: String,
    #[prost(sint64, tag = "3")]
    created_ms: i64,
    #[prost(uint32, tag = "4")]
    versioning: u32,
    #[prost(message, repeated, tag = "5")]
    tags: Vec<PairRow>,
    /// The settings that have a row of their own.
    #[prost(uint32, repeated, tag = "6")]
    settings: Vec<u32>,
    /// Absent until the row is written again: then the change that wrote it is the one.
    #[prost(fixed64, optional, tag = "7")]
    versioned_since: Option<u64>,
    /// The number of the owner's account.
    #[prost(uint64, tag = "8")]
    owner: u64,
}

/// Of a bucket's row, whose it is.
#[derive(Clone, PartialEq, Eq, prost::Message)]
struct OwnerRow {
    #[prost(uint64, tag = "8")]
    owner: u64,
}

/// The account that a stored bucket belongs to; none for what is no bucket.
pub(crate) fn bucket_owner(row: &[u8]) -> Option<AccountId> {
    let (_, OwnerRow { owner }) = unstamp(row, "not a bucket").ok()?;
    AccountId::new(owner)
}

/// How versioning is written, here and in the log of changes.
pub(super) const fn versioning_code(versioning: Versioning) -> u32 {
    match versioning {
        Versioning::Unversioned => 1,
        Versioning::Enabled => 2,
        Versioning::Suspended => 3,
    }
}

pub(super) fn versioning(code: u32) -> Result<Versioning> {
    match code {
        1 => Ok(Versioning::Unversioned),
        2 => Ok(Versioning::Enabled),
        3 => Ok(Versioning::Suspended),
        _ => Err(Malformed("unknown versioning of a bucket")),
    }
}

/// A bucket as it is stored. Its revision is the sequence of the change that stores it.
pub(crate) fn bucket_row(bucket: &Bucket) -> Stamped {
    stamp(&BucketRow {
        id: bucket.id.0,
        region: bucket.region.as_str().to_owned(),
        created_ms: millis(bucket.created),
        versioning: versioning_code(bucket.versioning),
        tags: pair_rows(bucket.tags.iter()),
        settings: bucket.settings.names().map(|name| setting_code(name).into()).collect(),
        versioned_since: bucket.versioned_since.map(Sequence::to_bits),
        owner: bucket.owner.number(),
    })
}

/// A bucket as it was stored under `name`, without its settings, and which of them it has.
pub(crate) fn bucket(name: BucketName, row: Bytes) -> Result<(Bucket, Vec<SettingName>)> {
    let (revision, message): (_, BucketRow) = unstamp(&row, "not a bucket")?;
    let settings = message.settings.into_iter().map(setting_name).collect::<Result<_>>()?;
    let versioning = versioning(message.versioning)?;
    let versioned_since = message.versioned_since.map_or(revision, Sequence::from_bits);
    let bucket = Bucket {
        id: BucketId(message.id),
        name,
        owner: account(message.owner)?,
        region: Region::new(&message.region).map_err(|_| Malformed("a bucket's region breaks the rules"))?,
        created: Timestamp::from_millis(message.created_ms),
        versioning,
        versioned_since: (versioning != Versioning::Unversioned).then_some(versioned_since),
        tags: tags(message.tags)?,
        settings: Arc::default(),
        revision,
        row,
    };
    Ok((bucket, settings))
}
