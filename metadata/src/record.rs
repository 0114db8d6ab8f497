//! The stored form of every row: protobuf messages, versioned by their field numbers, and their way to and from the
//! words of the kernel.
//!
//! A field number is never given a second meaning and a field never changes its type; new knowledge gets a new number,
//! and rows without it keep the meaning they had. Bytes that do not say what they should are refused as [`Malformed`],
//! which the catalogue reports as damage: nothing is guessed. Rows that know their place among all changes begin with
//! the eight bytes of their sequence, which the commit fills in, and the message follows.

mod access;
mod annotation;
mod bucket;
mod calendar;
mod change;
mod checksum;
mod content;
mod grave;
mod settings;
mod unlinked;
mod upload;
mod version;

use bytes::Bytes;
use kernel::{Sequence, Tags, Timestamp};
use prost::Message;

pub(crate) use annotation::{annotation, annotation_extent, annotation_row};
pub(crate) use bucket::{bucket, bucket_owner, bucket_row};
pub(crate) use calendar::{calendar, calendar_row};
pub(crate) use change::{change, change_row, change_time};
pub(crate) use content::{part, part_row, placements, placements_row};
pub(crate) use grave::{grave, grave_row, removal, removal_row};
pub(crate) use settings::{setting, setting_code, setting_row};
pub(crate) use unlinked::{Loose, loose, loose_row};
pub(crate) use upload::{upload, upload_row};
pub(crate) use version::{amended, reannotated, version, version_row};

use crate::key_value::Stamped;

/// Why a row is not what it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Malformed(pub(crate) &'static str);

type Result<T> = std::result::Result<T, Malformed>;

/// Bytes in front of a stamped message.
const SEQUENCE_BYTES: usize = 8;

/// A message behind the hole for its sequence.
fn stamp(message: &impl Message) -> Stamped {
    let mut bytes = vec![0; SEQUENCE_BYTES];
    bytes.reserve(message.encoded_len());
    bytes.extend_from_slice(&message.encode_to_vec());
    Stamped { bytes, hole: Some(0), newest_first: false }
}

/// Takes a stamped message apart.
fn unstamp<M: Message + Default>(row: &[u8], what: &'static str) -> Result<(Sequence, M)> {
    let (head, message) = row.split_at_checked(SEQUENCE_BYTES).ok_or(Malformed(what))?;
    Ok((sequence(head)?, decode(message, what)?))
}

fn decode<M: Message + Default>(row: &[u8], what: &'static str) -> Result<M> {
    M::decode(row).map_err(|_| Malformed(what))
}

fn encode(message: &impl Message) -> Bytes {
    message.encode_to_vec().into()
}

/// A row that is a sequence and nothing else.
pub(crate) fn sequence(row: &[u8]) -> Result<Sequence> {
    let bytes = row.try_into().map_err(|_| Malformed("not a sequence of eight bytes"))?;
    Ok(Sequence::from_bits(u64::from_be_bytes(bytes)))
}

/// A row that will be the sequence of its change and nothing else.
pub(crate) fn sequence_row() -> Stamped {
    Stamped { bytes: vec![0; SEQUENCE_BYTES], hole: Some(0), newest_first: false }
}

/// A row that is a signed number and nothing else.
pub(crate) fn number(row: &[u8]) -> Result<i64> {
    Ok(i64::from_be_bytes(row.try_into().map_err(|_| Malformed("not a number of eight bytes"))?))
}

fn millis(at: Timestamp) -> i64 {
    at.as_millis()
}

/// A name with a value: a tag, or an entry of user metadata.
#[derive(Clone, PartialEq, Eq, prost::Message)]
struct PairRow {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    value: String,
}

fn pair_rows<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<PairRow> {
    pairs.map(|(name, value)| PairRow { name: name.to_owned(), value: value.to_owned() }).collect()
}

fn pairs(rows: Vec<PairRow>) -> impl Iterator<Item = (String, String)> {
    rows.into_iter().map(|row| (row.name, row.value))
}

/// The rules were kept when they came in; a row is not judged by today's.
fn tags(rows: Vec<PairRow>) -> Result<Tags> {
    Tags::as_stored(pairs(rows)).map_err(|_| Malformed("a tag stands twice"))
}

#[cfg(test)]
mod tests;
