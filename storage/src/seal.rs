//! The sealed form of bytes: segments of 64 KiB, each encrypted and authenticated by itself.
//!
//! A blob's key is derived from its body's data key with the blob's id as salt, so two blobs never share one. Within a
//! blob the nonce is the segment's index and whether it is the last: the construction called STREAM (Hoang, Reyhanitabar,
//! Rogaway, Vizár, *Online Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance*, 2015). The same facts stand
//! in the associated data. So a segment opens only in its blob, at its place, and a blob that lost its end is noticed.
//!
//! Sealing and opening work in place. Opening a run of segments also closes the gaps that the tags leave: the plaintext
//! comes out in one piece without having been copied.

use kernel::BlobId;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::hkdf;

use crate::vault::DataKey;

/// Bytes of plaintext in a segment; the last one of a blob may have fewer, but at least one.
pub const SEGMENT_BYTES: usize = 64 * 1024;
/// Bytes that sealing adds to a segment.
pub const TAG_BYTES: usize = 16;
/// Bytes of a full segment as it lies on a site.
pub const SEALED_SEGMENT_BYTES: usize = SEGMENT_BYTES + TAG_BYTES;

/// What the format of segments is called wherever a key or tag is bound to it.
const SEGMENT_FORMAT: &[u8; 16] = b"twinlake/blob/01";
/// What the format of headers is called wherever a key or tag is bound to it.
const HEADER_FORMAT: &[u8; 16] = b"twinlake/head/01";
const AAD_BYTES: usize = 16 + 16 + 8 + 1;

/// Segments of a blob with this many bytes of plaintext.
pub const fn segments(bytes: u64) -> u64 {
    bytes.div_ceil(SEGMENT_BYTES as u64)
}

/// Bytes of the sealed segments of a blob with this many bytes of plaintext, without a header.
pub const fn sealed_segments_bytes(bytes: u64) -> u64 {
    bytes + segments(bytes) * TAG_BYTES as u64
}

/// The place of a segment in its blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// From 0.
    pub index: u64,
    /// No segment follows.
    pub last: bool,
}

/// The key that seals and opens the segments of one blob.
///
/// ring keeps the expanded key in memory of its own and does not wipe it; the data key it came from is wiped.
pub struct BlobKey {
    blob: BlobId,
    segments: LessSafeKey,
}

impl BlobKey {
    /// Derives the key of a blob from its body's data key.
    pub fn derive(data_key: &DataKey, blob: BlobId) -> Self {
        Self { blob, segments: derive(data_key, blob, SEGMENT_FORMAT) }
    }

    /// Seals the plaintext `buffer[from..]` in place and appends the tag.
    ///
    /// # Panics
    /// When `from` lies beyond the buffer.
    pub fn seal(&self, segment: Segment, buffer: &mut Vec<u8>, from: usize) {
        let tag = self
            .segments
            .seal_in_place_separate_tag(segment.nonce(), self.associated(segment), &mut buffer[from..])
            .expect("a segment is far shorter than the 2^36 bytes that AES-GCM can seal");
        buffer.extend_from_slice(tag.as_ref());
    }

    /// Opens consecutive segments in place, `first` being the index of the first one, of a blob with `bytes` bytes of
    /// plaintext. The plaintext stands at the front afterwards; its length comes back.
    ///
    /// # Errors
    /// The index of the first segment that is not authentic. What the buffer holds then is worthless.
    pub fn open_run(&self, bytes: u64, first: u64, sealed: &mut [u8]) -> Result<usize, u64> {
        let last = segments(bytes).saturating_sub(1);
        let (mut from, mut to, mut index) = (0, 0, first);
        while from < sealed.len() {
            let end = sealed.len().min(from + SEALED_SEGMENT_BYTES);
            let segment = Segment { index, last: index == last };
            let window = sealed.get_mut(to..end).ok_or(index)?;
            let plain = self
                .segments
                .open_within(segment.nonce(), self.associated(segment), window, from - to..)
                .map_err(|_| index)?;
            to += plain.len();
            from = end;
            index += 1;
        }
        Ok(to)
    }

    fn associated(&self, segment: Segment) -> Aad<[u8; AAD_BYTES]> {
        let mut bytes = [0; AAD_BYTES];
        bytes[..16].copy_from_slice(SEGMENT_FORMAT);
        bytes[16..32].copy_from_slice(self.blob.as_bytes());
        bytes[32..40].copy_from_slice(&segment.index.to_be_bytes());
        bytes[40] = u8::from(segment.last);
        Aad::from(bytes)
    }
}

impl Segment {
    /// Twelve bytes: the index, big-endian, then 1 for the last segment and 0 for the others.
    fn nonce(self) -> Nonce {
        let mut nonce = [0; 12];
        nonce[3..11].copy_from_slice(&self.index.to_be_bytes());
        nonce[11] = u8::from(self.last);
        Nonce::assume_unique_for_key(nonce)
    }
}

/// Seals the hint of a header: one message under a key that seals nothing else, so its nonce is zero.
pub(crate) fn seal_hint(data_key: &DataKey, blob: BlobId, associated: &[u8], hint: &mut Vec<u8>) {
    derive(data_key, blob, HEADER_FORMAT)
        .seal_in_place_append_tag(Nonce::assume_unique_for_key([0; 12]), Aad::from(associated), hint)
        .expect("a header is far shorter than the 2^36 bytes that AES-GCM can seal");
}

/// Opens the hint of a header in place; `None` when it is not authentic.
pub(crate) fn open_hint<'a>(
    data_key: &DataKey,
    blob: BlobId,
    associated: &[u8],
    sealed: &'a mut [u8],
) -> Option<&'a [u8]> {
    derive(data_key, blob, HEADER_FORMAT)
        .open_in_place(Nonce::assume_unique_for_key([0; 12]), Aad::from(associated), sealed)
        .ok()
        .map(|plain| &*plain)
}

/// HKDF-SHA256 (RFC 5869) with the blob's id as salt and the format as info.
fn derive(data_key: &DataKey, blob: BlobId, format: &[u8; 16]) -> LessSafeKey {
    let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, blob.as_bytes()).extract(data_key.expose());
    let key = prk.expand(&[format], &AES_256_GCM).map(UnboundKey::from);
    LessSafeKey::new(key.expect("HKDF-SHA256 gives up to 8,160 bytes, 32 are asked for"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOB: BlobId = BlobId::from_bytes([7; 16]);

    fn data_key(byte: u8) -> DataKey {
        DataKey::from_bytes([byte; 32])
    }

    fn sealed(key: &BlobKey, body: &[u8]) -> Vec<u8> {
        let mut buffer = Vec::new();
        let count = segments(body.len() as u64);
        for (index, plain) in (0..).zip(body.chunks(SEGMENT_BYTES)) {
            let from = buffer.len();
            buffer.extend_from_slice(plain);
            key.seal(Segment { index, last: index + 1 == count }, &mut buffer, from);
        }
        buffer
    }

    #[test]
    fn lengths_add_up_at_the_borders() {
        for (bytes, count) in [(0, 0), (1, 1), (65_535, 1), (65_536, 1), (65_537, 2), (131_072, 2), (131_073, 3)] {
            assert_eq!(segments(bytes), count);
            assert_eq!(sealed_segments_bytes(bytes), bytes + 16 * count);
        }
    }

    #[test]
    fn a_run_opens_into_one_piece() {
        let body: Vec<u8> = (0..3 * SEGMENT_BYTES + 5).map(|at| (at % 251) as u8).collect();
        let key = BlobKey::derive(&data_key(1), BLOB);
        let mut all = sealed(&key, &body);
        assert_eq!(all.len() as u64, sealed_segments_bytes(body.len() as u64));
        let mut tail = all[2 * SEALED_SEGMENT_BYTES..].to_vec();
        let opened = key.open_run(body.len() as u64, 0, &mut all).expect("it is what was sealed");
        assert_eq!(&all[..opened], body);
        let opened = key.open_run(body.len() as u64, 2, &mut tail).expect("it is what was sealed");
        assert_eq!(&tail[..opened], &body[2 * SEGMENT_BYTES..]);
    }

    #[test]
    fn a_segment_opens_only_in_its_blob_under_its_key_and_at_its_place() {
        let body = vec![9; 2 * SEGMENT_BYTES];
        let bytes = body.len() as u64;
        let key = BlobKey::derive(&data_key(1), BLOB);
        let all = sealed(&key, &body);
        let other_key = BlobKey::derive(&data_key(2), BLOB);
        let other_blob = BlobKey::derive(&data_key(1), BlobId::from_bytes([8; 16]));
        assert_eq!(other_key.open_run(bytes, 0, &mut all.clone()), Err(0));
        assert_eq!(other_blob.open_run(bytes, 0, &mut all.clone()), Err(0));
        let swapped = [&all[SEALED_SEGMENT_BYTES..], &all[..SEALED_SEGMENT_BYTES]].concat();
        assert_eq!(key.open_run(bytes, 0, &mut swapped.clone()), Err(0));
        // The first segment alone, passed off as a whole blob, and the whole passed off as part of a longer one.
        assert_eq!(key.open_run(bytes / 2, 0, &mut all[..SEALED_SEGMENT_BYTES].to_vec()), Err(0));
        assert_eq!(key.open_run(bytes + 1, 0, &mut all.clone()), Err(1));
        // Cut within a segment, and within a tag.
        assert_eq!(key.open_run(bytes, 0, &mut all[..all.len() - 1].to_vec()), Err(1));
        assert_eq!(key.open_run(bytes, 0, &mut all[..SEALED_SEGMENT_BYTES + 15].to_vec()), Err(1));
    }
}
