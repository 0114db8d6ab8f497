//! Rows of `calendar`.

use bytes::Bytes;
use kernel::{Version, VersionId, VersionName};

use super::{Malformed, Result, decode, encode};

#[derive(Clone, PartialEq, Eq, prost::Message)]
struct CalendarRow {
    #[prost(bytes = "vec", tag = "1")]
    version: Vec<u8>,
    #[prost(bool, tag = "2")]
    is_null: bool,
}

/// How the calendar names a version.
pub(crate) fn calendar_row(version: &Version) -> Bytes {
    encode(&CalendarRow { version: version.id.as_bytes().to_vec(), is_null: version.is_null })
}

/// The version that a row of the calendar names.
pub(crate) fn calendar(row: &[u8]) -> Result<VersionName> {
    let row: CalendarRow = decode(row, "not a row of the calendar")?;
    let version = VersionId::try_from(&row.version[..]).map_err(|_| Malformed("a version id is not 16 bytes long"))?;
    Ok(if row.is_null { VersionName::Null } else { VersionName::Id(version) })
}
