//! The chain in family `audit`: entries one behind the other, each with a hash over itself and the hash before it, so that
//! nobody changes, takes out or slips in one of them without the next one showing it.
//!
//! Numbers and hashes are given when a batch commits, where everything has its turn: entries of many batches of one group
//! make one piece of chain without waiting for each other, and whoever reads sees no gap. What stands in an entry is the
//! affair of whoever writes it.
//!
//! Anybody can make hashes. So beside each stands a MAC under a key that does not lie in the catalogue:
//! whoever writes to its files, and has not got the key, can make no entry, nor say that others were trimmed.

use std::fmt;

use bytes::Bytes;
use kernel::Sequence;
use ring::digest::{Context, SHA256};
use ring::hmac;

use crate::key_value::{Family, KeyValueError};

/// SHA-256.
pub type ChainHash = [u8; HASH_BYTES];

const HASH_BYTES: usize = 32;
const NUMBER_BYTES: usize = 8;
/// What every hash of the chain begins with: bytes that were hashed for another end never count as an entry.
const DOMAIN: &[u8] = b"twinlake audit 1\n";

/// What is authenticated of an entry begins with the first, of the anchor with the second.
const ENTRY_DOMAIN: &[u8] = b"twinlake audit entry 1\n";
const ANCHOR_DOMAIN: &[u8] = b"twinlake audit anchor 1\n";

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
    /// The MAC of its hash; zeros where there was no key.
    pub mac: ChainHash,
    /// What was written.
    pub entry: Bytes,
}

/// What entries are authenticated with: HMAC-SHA256. Equal keys make equal MACs.
#[derive(Clone)]
pub struct ChainKey(hmac::Key);

impl ChainKey {
    /// The key of these bytes, which are used for nothing else.
    pub fn new(bytes: &[u8; HASH_BYTES]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, bytes))
    }

    fn mac(&self, domain: &[u8], of: &[u8]) -> ChainHash {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(domain);
        context.update(of);
        let mut mac = [0; HASH_BYTES];
        mac.copy_from_slice(context.sign().as_ref());
        mac
    }

    fn vouches(&self, domain: &[u8], of: &[u8], mac: &[u8]) -> bool {
        hmac::verify(&self.0, &[domain, of].concat(), mac).is_ok()
    }
}

impl fmt::Debug for ChainKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChainKey(…)")
    }
}

impl PartialEq for ChainKey {
    fn eq(&self, other: &Self) -> bool {
        self.vouches(DOMAIN, &[], &other.mac(DOMAIN, &[]))
    }
}

impl Eq for ChainKey {}

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
    /// It is linked, and whoever wrote it had not got the key.
    #[error("entry {0} was not written by this lake")]
    Unvouched(u64),
    /// The chain says that it was trimmed up to an entry, and whoever said so had not got the key.
    #[error("this lake did not trim the chain up to entry {0}")]
    Anchor(u64),
    /// The chain ends elsewhere than it says.
    #[error("the chain does not end with entry {0}, as it says")]
    Head(u64),
}

impl ChainEntry {
    /// The hash of an entry: SHA-256 of the domain, the hash before, number, sequence and the entry's bytes.
    pub fn hash_of(before: &ChainHash, number: u64, sequence: Sequence, entry: &[u8]) -> ChainHash {
        sha256_of([DOMAIN, before, &number.to_be_bytes(), &sequence.to_bits().to_be_bytes(), entry])
    }

    /// Whether it is what was written, behind `before`, and with the key where there is one.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(&self, before: &ChainPlace, key: Option<&ChainKey>) -> Result<(), ChainFault> {
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
        match key {
            Some(key) if !key.vouches(ENTRY_DOMAIN, &self.hash, &self.mac) => Err(ChainFault::Unvouched(expected)),
            _ => Ok(()),
        }
    }

    /// Its place.
    pub fn place(&self, before: &ChainPlace) -> ChainPlace {
        let bytes = before.bytes.saturating_add(self.entry.len() as u64);
        ChainPlace { number: self.number, hash: self.hash, bytes }
    }

    fn row(&self) -> Bytes {
        let sequence = self.sequence.to_bits().to_be_bytes();
        [&sequence[..], &self.before, &self.hash, &self.mac, &self.entry].concat().into()
    }

    /// An entry by its row; none where it is no such row.
    pub(crate) fn read(key: &[u8], row: &[u8]) -> Option<Self> {
        let number = u64::from_be_bytes(key.try_into().ok()?);
        let (sequence, rest) = row.split_first_chunk::<NUMBER_BYTES>()?;
        let (before, rest) = rest.split_first_chunk::<HASH_BYTES>()?;
        let (hash, rest) = rest.split_first_chunk::<HASH_BYTES>()?;
        let (mac, entry) = rest.split_first_chunk::<HASH_BYTES>()?;
        let sequence = Sequence::from_bits(u64::from_be_bytes(*sequence));
        Some(Self { number, sequence, before: *before, hash: *hash, mac: *mac, entry: Bytes::copy_from_slice(entry) })
    }
}

impl ChainPlace {
    /// The row of a head.
    pub(crate) fn row(&self) -> Bytes {
        [&self.number.to_be_bytes()[..], &self.hash, &self.bytes.to_be_bytes()].concat().into()
    }

    /// The row of an anchor: with a MAC, where there is a key.
    pub(crate) fn anchor_row(&self, key: Option<&ChainKey>) -> Bytes {
        let row = self.row();
        let mac = key.map_or([0; HASH_BYTES], |key| key.mac(ANCHOR_DOMAIN, &row));
        [&row[..], &mac].concat().into()
    }

    /// An anchor by its row, and whether it was written with the key, where there is one; before the first entry where
    /// there is no row.
    pub(crate) fn read_anchor(row: Option<&[u8]>, key: Option<&ChainKey>) -> Option<(Self, bool)> {
        let Some(row) = row else { return Some((Self::default(), true)) };
        let (place, mac) = row.split_last_chunk::<HASH_BYTES>()?;
        let is_vouched = key.is_none_or(|key| key.vouches(ANCHOR_DOMAIN, place, mac));
        Some((Self::read(Some(place))?, is_vouched))
    }

    /// A head by its row: the place before the first entry where there is none.
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
    (entry, chain_key): (Bytes, Option<&ChainKey>),
) -> Result<[(Vec<u8>, Bytes); 2], KeyValueError> {
    let damaged = || KeyValueError::Damaged(format!("the head in family {} is none", Family::Audit.name()).into());
    let head = ChainPlace::read(head).ok_or_else(damaged)?;
    let number = head.number.checked_add(1).ok_or_else(damaged)?;
    let hash = ChainEntry::hash_of(&head.hash, number, sequence, &entry);
    let mac = chain_key.map_or([0; HASH_BYTES], |key| key.mac(ENTRY_DOMAIN, &hash));
    let entry = ChainEntry { number, sequence, before: head.hash, hash, mac, entry };
    Ok([(key(number), entry.row()), (HEAD.to_vec(), entry.place(&head).row())])
}
