//! The first bytes of a blob: what is needed to make sense of it when the catalogue is lost.
//!
//! A header is for repair only. Reading an object never looks at it, so nothing that is done to it can change what a GET
//! returns. What would tell a stranger about keys and sizes of objects is sealed under the data key and padded, so that
//! every header is equally long. The layout is written down in `docs/format.md`.

use kernel::{BlobId, BucketId, KeyId, ObjectKey};

use crate::seal::{self, SEGMENT_BYTES, TAG_BYTES};
use crate::vault::DataKey;
use crate::{Damage, Result, StorageError};

/// Bytes of a header.
pub const HEADER_BYTES: usize = 1280;

const MAGIC: &[u8; 8] = b"TWINBLOB";
const FORMAT: u16 = 1;
/// A blob is verified by the CRC64NVME of its sealed bytes, which the catalogue keeps.
const CHECKSUM_CRC64NVME: u8 = 1;
const PLAIN_BYTES: usize = 72;
const HINT_BYTES: usize = HEADER_BYTES - PLAIN_BYTES - TAG_BYTES;

/// What a body is, as its writer knew when it came in. Sealed into the blob, for repair only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hint {
    /// The bucket.
    pub bucket: BucketId,
    /// The key.
    pub key: ObjectKey,
    /// The version's id, or for a part the upload's.
    pub version: [u8; 16],
    /// The part's number; `None` for an object put whole; [`Hint::ANNOTATION`] for an annotation of the version.
    pub part: Option<u16>,
}

impl Hint {
    /// In the place of a part's number, which is never so high: the body is an annotation.
    pub const ANNOTATION: u16 = u16::MAX;
}

/// What a header says openly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// The blob.
    pub blob: BlobId,
    /// The blob that the wrap of the data key is bound to: the first of the same body.
    pub wrapped_for: BlobId,
    /// The master key that opens the data key.
    pub master: KeyId,
    /// Bytes of plaintext.
    pub bytes: u64,
}

/// What a header says to whoever has the data key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedHint {
    /// What the body is.
    pub body: Hint,
    /// Where in the body the blob's first byte stands.
    pub offset: u64,
    /// Bytes of the whole body.
    pub body_bytes: u64,
}

impl Header {
    /// The header as it lies on a site.
    pub fn encode(&self, data_key: &DataKey, hint: &SealedHint) -> Vec<u8> {
        let plain = self.encode_plain();
        let mut sealed = hint.encode();
        seal::seal_hint(data_key, self.blob, &plain, &mut sealed);
        [plain.as_slice(), &sealed].concat()
    }

    /// Reads what a header says openly.
    ///
    /// # Errors
    /// [`StorageError::Corrupt`] naming `blob`, where the bytes are no header of a format known here.
    pub fn decode(blob: BlobId, header: &[u8]) -> Result<Self> {
        decode_plain(header).ok_or(StorageError::Corrupt { blob, what: Damage::Header })
    }

    /// Reads the sealed part of a header.
    ///
    /// # Errors
    /// [`StorageError::Corrupt`] where the header was changed or the key is another.
    pub fn open_hint(&self, data_key: &DataKey, header: &[u8]) -> Result<SealedHint> {
        let opened = || {
            let mut sealed = header.get(PLAIN_BYTES..HEADER_BYTES)?.to_vec();
            let plain = seal::open_hint(data_key, self.blob, header.get(..PLAIN_BYTES)?, &mut sealed)?;
            SealedHint::decode(plain)
        };
        opened().ok_or(StorageError::Corrupt { blob: self.blob, what: Damage::Header })
    }

    fn encode_plain(&self) -> Vec<u8> {
        let mut plain = Vec::with_capacity(HEADER_BYTES);
        plain.extend_from_slice(MAGIC);
        plain.extend_from_slice(&FORMAT.to_be_bytes());
        plain.extend_from_slice(&[CHECKSUM_CRC64NVME, 0]);
        plain.extend_from_slice(&(SEGMENT_BYTES as u32).to_be_bytes());
        plain.extend_from_slice(&self.bytes.to_be_bytes());
        plain.extend_from_slice(self.blob.as_bytes());
        plain.extend_from_slice(self.wrapped_for.as_bytes());
        plain.extend_from_slice(self.master.as_bytes());
        plain
    }
}

fn decode_plain(header: &[u8]) -> Option<Header> {
    let mut rest = header.get(..PLAIN_BYTES)?;
    let known = take::<8>(&mut rest)? == *MAGIC
        && u16::from_be_bytes(take(&mut rest)?) == FORMAT
        && take::<2>(&mut rest)? == [CHECKSUM_CRC64NVME, 0]
        && u32::from_be_bytes(take(&mut rest)?) == SEGMENT_BYTES as u32;
    let bytes = u64::from_be_bytes(take(&mut rest)?);
    let blob = BlobId::from_bytes(take(&mut rest)?);
    let wrapped_for = BlobId::from_bytes(take(&mut rest)?);
    let master = KeyId::from_bytes(take(&mut rest)?);
    known.then_some(Header { blob, wrapped_for, master, bytes })
}

impl SealedHint {
    fn encode(&self) -> Vec<u8> {
        let key = self.body.key.as_str().as_bytes();
        let mut hint = Vec::with_capacity(HINT_BYTES + TAG_BYTES);
        hint.extend_from_slice(&self.body.bucket.0.to_be_bytes());
        hint.extend_from_slice(&self.body.version);
        hint.extend_from_slice(&self.body.part.unwrap_or(0).to_be_bytes());
        hint.extend_from_slice(&self.offset.to_be_bytes());
        hint.extend_from_slice(&self.body_bytes.to_be_bytes());
        // A key has at most 1,024 bytes.
        hint.extend_from_slice(&(key.len() as u16).to_be_bytes());
        hint.extend_from_slice(key);
        hint.resize(HINT_BYTES, 0);
        hint
    }

    fn decode(mut hint: &[u8]) -> Option<Self> {
        let rest = &mut hint;
        let bucket = BucketId(u64::from_be_bytes(take(rest)?));
        let version = take(rest)?;
        let part = Some(u16::from_be_bytes(take(rest)?)).filter(|part| *part > 0);
        let offset = u64::from_be_bytes(take(rest)?);
        let body_bytes = u64::from_be_bytes(take(rest)?);
        let key_bytes = usize::from(u16::from_be_bytes(take(rest)?));
        let key = std::str::from_utf8(rest.get(..key_bytes)?).ok()?;
        let key = ObjectKey::new(key).ok()?;
        Some(Self { body: Hint { bucket, key, version, part }, offset, body_bytes })
    }
}

/// Takes `N` bytes off the front.
fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (front, back) = rest.split_first_chunk::<N>()?;
    *rest = back;
    Some(*front)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn header() -> Header {
        Header {
            blob: BlobId::from_bytes([1; 16]),
            wrapped_for: BlobId::from_bytes([2; 16]),
            master: KeyId::from_bytes([3; 16]),
            bytes: 70_000,
        }
    }

    fn hint(key: &str, part: Option<u16>) -> SealedHint {
        let key = ObjectKey::new(key).expect("a good key");
        SealedHint {
            body: Hint { bucket: BucketId(9), key, version: [4; 16], part },
            offset: 1 << 26,
            body_bytes: (1 << 26) + 70_000,
        }
    }

    #[test]
    fn headers_round_trip_and_are_equally_long() {
        let data_key = DataKey::from_bytes([5; 32]);
        for (key, part) in [("a", None), (&*"k".repeat(1024), Some(10_000)), ("∂/ø", Some(1))] {
            let encoded = header().encode(&data_key, &hint(key, part));
            assert_eq!(encoded.len(), HEADER_BYTES);
            let decoded = Header::decode(header().blob, &encoded).expect("it is a header");
            assert_eq!(decoded, header());
            assert_eq!(decoded.open_hint(&data_key, &encoded).expect("it is authentic"), hint(key, part));
            assert!(decoded.open_hint(&DataKey::from_bytes([6; 32]), &encoded).is_err());
            let shown = encoded.windows(key.len()).any(|window| window == key.as_bytes());
            assert!(key.len() == 1 || !shown, "the key can be read in the header");
        }
    }

    proptest! {
        #[test]
        fn any_flipped_bit_is_noticed(bit in 0..HEADER_BYTES * 8) {
            let data_key = DataKey::from_bytes([5; 32]);
            let mut encoded = header().encode(&data_key, &hint("a/b", None));
            encoded[bit / 8] ^= 1 << (bit % 8);
            let opened = Header::decode(header().blob, &encoded)
                .and_then(|decoded| decoded.open_hint(&data_key, &encoded));
            prop_assert!(opened.is_err());
        }

        #[test]
        fn arbitrary_bytes_never_trip_it(bytes in proptest::collection::vec(any::<u8>(), 0..1400)) {
            let header = Header::decode(header().blob, &bytes);
            prop_assert!(header.is_err());
            prop_assert!(SealedHint::decode(&bytes).is_none_or(|hint| bytes.len() >= hint.body.key.as_str().len()));
        }
    }
}
