//! What clients compare bytes by: entity tags and S3 checksums. Values only; the digests are computed where the bytes are.

use std::fmt;
use std::str::FromStr;

use crate::id::{ParseIdError, parse_hex};

/// An entity tag as S3 makes them: the MD5 of the bytes, or for a multipart object the MD5 of the parts' MD5s with the
/// number of parts behind a dash.
///
/// Source: Amazon S3 API, *Object*, field `ETag`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ETag {
    /// The 16 bytes written as hex.
    pub md5: [u8; 16],
    /// Parts of the upload it was completed from; `None` for an object put whole.
    pub parts: Option<u16>,
}

impl fmt::Display for ETag {
    /// Without the quotes that HTTP puts around it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.md5.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        self.parts.map_or(Ok(()), |parts| write!(f, "-{parts}"))
    }
}

impl FromStr for ETag {
    type Err = ParseIdError;
    /// Reads the form without quotes.
    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        let (digits, parts) = match text.split_once('-') {
            Some((digits, parts)) => (digits, Some(parts.parse().map_err(|_| ParseIdError { expected_digits: 32 })?)),
            None => (text, None),
        };
        let md5 = parse_hex(digits)?;
        Ok(Self { md5, parts })
    }
}

/// A checksum that S3 clients may send, ask for and compare.
///
/// Source: Amazon S3 User Guide, *Checking object integrity*.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChecksumAlgorithm {
    /// CRC-32 of ISO-HDLC, 4 bytes.
    Crc32,
    /// CRC-32 of Castagnoli, 4 bytes.
    Crc32c,
    /// CRC-64 of NVM Express, 8 bytes. S3 computes it where a client names none, and so do we.
    Crc64Nvme,
    /// SHA-1, 20 bytes.
    Sha1,
    /// SHA-256, 32 bytes.
    Sha256,
}

impl ChecksumAlgorithm {
    /// Every algorithm.
    pub const ALL: [Self; 5] = [Self::Crc32, Self::Crc32c, Self::Crc64Nvme, Self::Sha1, Self::Sha256];

    /// Bytes of a value.
    pub const fn value_bytes(self) -> usize {
        match self {
            Self::Crc32 | Self::Crc32c => 4,
            Self::Crc64Nvme => 8,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }

    /// Whether the checksum of a whole can be computed from those of its parts.
    pub const fn combines(self) -> bool {
        matches!(self, Self::Crc32 | Self::Crc32c | Self::Crc64Nvme)
    }

    /// The name in `x-amz-checksum-algorithm`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Crc32 => "CRC32",
            Self::Crc32c => "CRC32C",
            Self::Crc64Nvme => "CRC64NVME",
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
        }
    }
}

/// What a checksum of a multipart object covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChecksumScope {
    /// All bytes of the object, in order. Every object put whole has this scope.
    FullObject,
    /// The parts' checksums, one after the other.
    Composite {
        /// How many there are.
        parts: u16,
    },
}

/// A checksum with its value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Checksum {
    /// How it was computed.
    pub algorithm: ChecksumAlgorithm,
    /// What it covers.
    pub scope: ChecksumScope,
    /// The value, [`ChecksumAlgorithm::value_bytes`] long, most significant byte first.
    pub value: Vec<u8>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn etags_round_trip_as_text() {
        for etag in [ETag { md5: [0xab; 16], parts: None }, ETag { md5: [1; 16], parts: Some(10_000) }] {
            assert_eq!(etag.to_string().parse(), Ok(etag));
        }
        for bad in ["", "xyz", "\"", "00112233445566778899aabbccddeeff-", "00112233445566778899aabbccddeeff-x", "-1"] {
            assert!(bad.parse::<ETag>().is_err(), "{bad}");
        }
    }
}
