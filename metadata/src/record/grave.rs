//! Rows of `graves`.

use kernel::{Sequence, Standing, Timestamp, Version, VersionId};

use super::{Malformed, Result, millis, number, stamp, unstamp};
use crate::catalog::Grave;
use crate::key_value::Stamped;

#[derive(Clone, PartialEq, Eq, prost::Message)]
struct GraveRow {
    #[prost(bytes = "vec", tag = "1")]
    version: Vec<u8>,
    #[prost(bool, tag = "2")]
    is_null: bool,
    #[prost(bool, tag = "3")]
    is_marker: bool,
}

/// The grave of a version, as it is stored by the change that removes the version.
pub(crate) fn grave_row(version: &Version) -> Stamped {
    stamp(&GraveRow {
        version: version.id.as_bytes().to_vec(),
        is_null: version.is_null,
        is_marker: version.standing == Standing::Marker,
    })
}

/// A grave as it was stored for the version that came with `from`.
pub(crate) fn grave(from: Sequence, row: &[u8]) -> Result<Grave> {
    let (to, row): (Sequence, GraveRow) = unstamp(row, "not a grave")?;
    let version = VersionId::try_from(&row.version[..]).map_err(|_| Malformed("a version id is not 16 bytes long"))?;
    Ok(Grave { version, is_null: row.is_null, is_marker: row.is_marker, from, to })
}

/// When a removal took place, as it is stored.
pub(crate) fn removal_row(when: Timestamp) -> Vec<u8> {
    millis(when).to_be_bytes().to_vec()
}

/// When a removal took place.
pub(crate) fn removal(row: &[u8]) -> Result<Timestamp> {
    number(row).map(Timestamp::from_millis)
}
