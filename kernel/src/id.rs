//! Identifiers. Each is its own type, so that a blob can never be asked for by a version's id.

use std::fmt;
use std::str::FromStr;

use crate::Entropy;

/// A text is not an identifier of the kind asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an identifier of {expected_digits} lower-case hex digits")]
pub struct ParseIdError {
    /// Hex digits that the identifier is written with.
    pub expected_digits: usize,
}

pub(crate) fn parse_hex<const N: usize>(text: &str) -> Result<[u8; N], ParseIdError> {
    let error = ParseIdError { expected_digits: 2 * N };
    let digits = text.as_bytes();
    if digits.len() != 2 * N {
        return Err(error);
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let nibble = |digit: u8| match digit {
            b'0'..=b'9' => Ok(digit - b'0'),
            b'a'..=b'f' => Ok(digit - b'a' + 10),
            _ => Err(error),
        };
        *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
    }
    Ok(bytes)
}

macro_rules! id_of_16_bytes {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 16]);

        impl $name {
            /// The identifier with these bytes.
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }
            /// The bytes, as they are stored.
            pub const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }
        impl FromStr for $name {
            type Err = ParseIdError;
            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                parse_hex(text).map(Self)
            }
        }
        impl TryFrom<&[u8]> for $name {
            type Error = ParseIdError;
            fn try_from(bytes: &[u8]) -> Result<Self, ParseIdError> {
                bytes.try_into().map(Self).map_err(|_| ParseIdError { expected_digits: 32 })
            }
        }
    };
}

id_of_16_bytes! {
    /// Names a sealed blob, on every site and in the catalogue. Random: it says nothing of the key it belongs to.
    BlobId
}
id_of_16_bytes! {
    /// Names one version of a key. Random and made before sealing; order is the [`Sequence`]'s affair.
    VersionId
}
id_of_16_bytes! {
    /// Names a multipart upload, and later the part list of the version it became. Begins with the time it was
    /// started, so that uploads of one key list in that order, as S3 lists them.
    UploadId
}
id_of_16_bytes! {
    /// Names a master key of the vault.
    KeyId
}

impl BlobId {
    /// A fresh identifier.
    pub fn random(entropy: &dyn Entropy) -> Self {
        Self(entropy.array())
    }
}

impl VersionId {
    /// A fresh identifier.
    pub fn random(entropy: &dyn Entropy) -> Self {
        Self(entropy.array())
    }
}

impl KeyId {
    /// A fresh identifier.
    pub fn random(entropy: &dyn Entropy) -> Self {
        Self(entropy.array())
    }
}

impl UploadId {
    /// A fresh identifier: 48 bits of milliseconds since 1970, then 80 random bits.
    pub fn random(started: crate::Timestamp, entropy: &dyn Entropy) -> Self {
        let mut bytes: [u8; 16] = entropy.array();
        bytes[..6].copy_from_slice(&started.as_millis().max(0).to_be_bytes()[2..]);
        Self(bytes)
    }
}

/// Names a bucket in the catalogue. Never given twice: a bucket made anew under an old name has another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BucketId(pub u64);

/// The place of a change in the one order of all changes: a 16-bit epoch, then a 48-bit counter.
///
/// The epoch rises when a catalogue is restored, so that numbers handed out after the backup are never given again.
/// Written as 18 upper-case hex digits, which compare as text in the order of the changes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Sequence(u64);

impl Sequence {
    /// Before every change.
    pub const ZERO: Self = Self(0);
    /// After every change.
    pub const MAX: Self = Self(u64::MAX);
    const COUNTER_BITS: u32 = 48;

    /// From its 64 bits.
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }
    /// Its 64 bits; big-endian they sort as the changes do.
    pub const fn to_bits(self) -> u64 {
        self.0
    }
    /// The restore epoch.
    pub const fn epoch(self) -> u16 {
        (self.0 >> Self::COUNTER_BITS) as u16
    }
    /// The sequence `count` places later in the same epoch.
    ///
    /// # Panics
    /// When the epoch's 2^48 numbers are used up, 8.9 years at a million changes a second.
    pub fn plus(self, count: u64) -> Self {
        let next = Self(self.0 + count);
        assert_eq!(next.epoch(), self.epoch(), "the sequence of this epoch is used up");
        next
    }
    /// The first sequence of the epoch after this one's.
    pub fn next_epoch(self) -> Self {
        Self((u64::from(self.epoch()) + 1) << Self::COUNTER_BITS)
    }
}

impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:018X}", self.0)
    }
}

impl fmt::Debug for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sequence({self})")
    }
}

impl FromStr for Sequence {
    type Err = ParseIdError;
    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        let error = ParseIdError { expected_digits: 18 };
        if text.len() != 18 || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(error);
        }
        u64::from_str_radix(text, 16).map(Self).map_err(|_| error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_round_trip_as_text_and_refuse_anything_else() {
        let id = BlobId::from_bytes(*b"0123456789abcdef");
        assert_eq!(id.to_string().parse(), Ok(id));
        for bad in
            ["", "00", &"0".repeat(31), &"0".repeat(33), &"G".repeat(32), &"A".repeat(32), "é".repeat(16).as_str()]
        {
            assert!(bad.parse::<BlobId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn sequences_sort_as_text_and_keep_their_epoch() {
        let first = Sequence::ZERO.next_epoch().plus(9);
        let later = first.plus(1);
        assert!(first < later && first.to_string() < later.to_string());
        assert_eq!(later.epoch(), 1);
        assert_eq!(later.next_epoch().epoch(), 2);
        assert_eq!(later.to_string().parse(), Ok(later));
        assert_eq!(later.to_string().len(), 18);
    }
}
