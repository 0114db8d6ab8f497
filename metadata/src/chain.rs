//! The chain in family `audit`: entries one behind the other, each with a hash over itself and the hash before it, so that
//! nobody changes, takes out or slips in one of them without the next one showing it.
//!
//! Numbers and hashes are given when a batch commits, where everything has its turn: entries of many batches of one group
//! make one piece of chain without waiting for each other, and whoever reads sees no gap. What stands in an entry is the
//! affair of whoever writes it.

use bytes::Bytes;
use kernel::Sequence;
use ring::digest::{Context, SHA256};

use crate::key_value::{Family, KeyValueError};

/// SHA-256.
pub type ChainHash = [u8; HASH_BYTES];

const HASH_BYTES: usize = 32;
const NUMBER_BYTES: usize = 8;
/// What every hash of the chain begins with: bytes that were hashed for another end never count as an entry.
const DOMAIN: &[u8] = b"twinlake audit 1\n";

/// `audit`: the last entry. Behind all entries, whose rows begin with their numbers.
pub(crate) const HEAD: &[u8] = b"\xffhead";
/// `audit`: the last entry that was trimmed.
pub(crate) const ANCHOR: &[u8] = b"\xffanchor";

/// A place in the chain: its beginning, its end, or what was trimmed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ChainPlace {
    /// The number of the entry; 0 before the first.
    pub number: u64,
    /// Its hash; zeros before the first.
    pub hash: ChainHash,
    /// Bytes of all entries up to and with it.
    pub bytes: u64,
}

/// An entry in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainEntry {
    /// Counted from 1, without a gap.
    pub number: u64,
    /// The change that it came with.
    pub sequence: Sequence,
    /// The hash of the entry before it; zeros for the first.
    pub before: ChainHash,
    /// Its own.
    pub hash: ChainHash,
    /// What was written.
    pub entry: Bytes,
}

/// What is wrong with an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChainFault {
    /// There is none of that number.
    #[error("entry {0} is missing")]
    Missing(u64),
    /// Its row is none.
    #[error("entry {0} cannot be read")]
    Malformed(u64),
    /// It does not follow the one before it.
    #[error("entry {0} does not follow the entry before it")]
    Unlinked(u64),
    /// It is not what was written.
    #[error("entry {0} was changed")]
    Changed(u64),
    /// The chain ends elsewhere than it says.
    #[error("the chain does not end with entry {0}, as it says")]
    Head(u64),
}

impl ChainEntry {
    /// The hash of an entry: SHA-256 of the domain, the hash before, number, sequence and the entry's bytes.
    pub fn hash_of(before: &ChainHash, number: u64, sequence: Sequence, entry: &[u8]) -> ChainHash {
        sha256_of([DOMAIN, before, &number.to_be_bytes(), &sequence.to_bits().to_be_bytes(), entry])
    }

    /// Whether it is what was written, behind `before`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(&self, before: &ChainPlace) -> Result<(), ChainFault> {
        let expected = before.number + 1;
        if self.number != expected {
            return Err(ChainFault::Missing(expected));
        }
        if self.hash != Self::hash_of(&self.before, self.number, self.sequence, &self.entry) {
            return Err(ChainFault::Changed(expected));
        }
        if self.before != before.hash {
            return Err(ChainFault::Unlinked(expected));
        }
        Ok(())
    }

    /// Its place.
    pub fn place(&self, before: &ChainPlace) -> ChainPlace {
        let bytes = before.bytes.saturating_add(self.entry.len() as u64);
        ChainPlace { number: self.number, hash: self.hash, bytes }
    }

    fn row(&self) -> Bytes {
        let sequence = self.sequence.to_bits().to_be_bytes();
        [&sequence[..], &self.before, &self.hash, &self.entry].concat().into()
    }

    /// An entry by its row; none where it is no such row.
    pub(crate) fn read(key: &[u8], row: &[u8]) -> Option<Self> {
        let number = u64::from_be_bytes(key.try_into().ok()?);
        let (sequence, rest) = row.split_first_chunk::<NUMBER_BYTES>()?;
        let (before, rest) = rest.split_first_chunk::<HASH_BYTES>()?;
        let (hash, entry) = rest.split_first_chunk::<HASH_BYTES>()?;
        let sequence = Sequence::from_bits(u64::from_be_bytes(*sequence));
        Some(Self { number, sequence, before: *before, hash: *hash, entry: Bytes::copy_from_slice(entry) })
    }
}

impl ChainPlace {
    /// The row of a head or an anchor.
    pub(crate) fn row(&self) -> Bytes {
        [&self.number.to_be_bytes()[..], &self.hash, &self.bytes.to_be_bytes()].concat().into()
    }

    /// A head or an anchor by its row: the place before the first entry where there is none.
    pub(crate) fn read(row: Option<&[u8]>) -> Option<Self> {
        let Some(row) = row else { return Some(Self::default()) };
        let (number, rest) = row.split_first_chunk::<NUMBER_BYTES>()?;
        let (hash, bytes) = rest.split_first_chunk::<HASH_BYTES>()?;
        let bytes = u64::from_be_bytes(bytes.try_into().ok()?);
        Some(Self { number: u64::from_be_bytes(*number), hash: *hash, bytes })
    }
}

/// SHA-256 of some bytes.
pub(crate) fn sha256(bytes: &[u8]) -> ChainHash {
    sha256_of([bytes])
}

fn sha256_of<const N: usize>(pieces: [&[u8]; N]) -> ChainHash {
    let mut digest = Context::new(&SHA256);
    for piece in pieces {
        digest.update(piece);
    }
    let mut hash = [0; HASH_BYTES];
    hash.copy_from_slice(digest.finish().as_ref());
    hash
}

/// The key of an entry.
pub(crate) fn key(number: u64) -> Vec<u8> {
    number.to_be_bytes().to_vec()
}

/// What an entry puts into the map: its own row, and the head's. `head` is the head's row as it is.
///
/// # Errors
/// [`KeyValueError::Damaged`] where that row is none.
pub(crate) fn link(
    head: Option<&[u8]>,
    sequence: Sequence,
    entry: Bytes,
) -> Result<[(Vec<u8>, Bytes); 2], KeyValueError> {
    let damaged = || KeyValueError::Damaged(format!("the head in family {} is none", Family::Audit.name()).into());
    let head = ChainPlace::read(head).ok_or_else(damaged)?;
    let number = head.number.checked_add(1).ok_or_else(damaged)?;
    let hash = ChainEntry::hash_of(&head.hash, number, sequence, &entry);
    let entry = ChainEntry { number, sequence, before: head.hash, hash, entry };
    Ok([(key(number), entry.row()), (HEAD.to_vec(), entry.place(&head).row())])
}
