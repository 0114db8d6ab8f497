//! How a wrapped key lies beside the blobs of a site: a record that finds its own borders and notices damage.
//!
//! The layout is written down in `docs/format.md`. Records are read only by repair.

use kernel::{BlobId, KeyId, WrappedKey};

use crate::SiteError;

/// What every record begins with.
pub(crate) const MARKER: &[u8; 4] = b"TWK1";
/// Bytes of the longest record.
pub(crate) const RECORD_BYTES_MAX: usize = FIXED_BYTES + u16::MAX as usize;

/// Marker, kind, length of the wrap, blob, master key, and the CRC at the end.
const FIXED_BYTES: usize = 4 + 1 + 2 + 16 + 16 + 8;
const KIND_KEY: u8 = 1;
const KIND_GONE: u8 = 2;

/// One record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum KeyRecord {
    /// The wrapped key of the body that a blob belongs to.
    Key(BlobId, WrappedKey),
    /// The blob was removed, its key is not needed any more.
    Gone(BlobId),
}

impl KeyRecord {
    /// The record's bytes.
    ///
    /// # Errors
    /// [`SiteError::KeyRecord`] where the wrap is too long to be one.
    pub(crate) fn encode(&self) -> Result<Vec<u8>, SiteError> {
        let (kind, blob, master, wrapped) = match self {
            Self::Key(blob, key) => (KIND_KEY, blob, key.master, key.wrapped.as_slice()),
            Self::Gone(blob) => (KIND_GONE, blob, KeyId::from_bytes([0; 16]), [].as_slice()),
        };
        let wrapped_bytes = u16::try_from(wrapped.len()).map_err(|_| SiteError::KeyRecord)?;
        let mut record = Vec::with_capacity(FIXED_BYTES + wrapped.len());
        record.extend_from_slice(MARKER);
        record.push(kind);
        record.extend_from_slice(&wrapped_bytes.to_be_bytes());
        record.extend_from_slice(blob.as_bytes());
        record.extend_from_slice(master.as_bytes());
        record.extend_from_slice(wrapped);
        record.extend_from_slice(&crc_fast::crc64_nvme(&record).to_be_bytes());
        Ok(record)
    }

    /// Reads the record that `bytes` begins with; with its length.
    pub(crate) fn decode(bytes: &[u8]) -> Option<(Self, usize)> {
        let rest = bytes.strip_prefix(MARKER)?;
        let (kind, rest) = rest.split_first()?;
        let (wrapped_bytes, rest) = rest.split_first_chunk::<2>()?;
        let (blob, rest) = rest.split_first_chunk::<16>()?;
        let (master, rest) = rest.split_first_chunk::<16>()?;
        let (wrapped, rest) = rest.split_at_checked(u16::from_be_bytes(*wrapped_bytes).into())?;
        let (crc, rest) = rest.split_first_chunk::<8>()?;
        let length = bytes.len() - rest.len();
        if crc_fast::crc64_nvme(bytes.get(..length - crc.len())?) != u64::from_be_bytes(*crc) {
            return None;
        }
        let blob = BlobId::from_bytes(*blob);
        let record = match *kind {
            KIND_KEY => Self::Key(blob, WrappedKey { master: KeyId::from_bytes(*master), wrapped: wrapped.to_vec() }),
            KIND_GONE => Self::Gone(blob),
            _ => return None,
        };
        Some((record, length))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn records_round_trip_and_notice_every_flipped_bit(
            blob: [u8; 16], master: [u8; 16], wrapped in proptest::collection::vec(any::<u8>(), 0..100),
            more in proptest::collection::vec(any::<u8>(), 0..50), flip: prop::sample::Index,
        ) {
            let key = WrappedKey { master: KeyId::from_bytes(master), wrapped };
            for record in [KeyRecord::Key(BlobId::from_bytes(blob), key), KeyRecord::Gone(BlobId::from_bytes(blob))] {
                let mut bytes = record.encode().expect("it is short");
                let length = bytes.len();
                bytes.extend_from_slice(&more);
                prop_assert_eq!(KeyRecord::decode(&bytes), Some((record, length)));
                prop_assert_eq!(KeyRecord::decode(&bytes[..length - 1]), None);
                let bit = flip.index(length * 8);
                bytes[bit / 8] ^= 1 << (bit % 8);
                prop_assert_eq!(KeyRecord::decode(&bytes), None);
            }
        }
    }

    #[test]
    fn a_wrap_too_long_for_a_record_is_refused() {
        let key = WrappedKey { master: KeyId::from_bytes([0; 16]), wrapped: vec![0; 70_000] };
        assert!(KeyRecord::Key(BlobId::from_bytes([0; 16]), key).encode().is_err());
    }
}
