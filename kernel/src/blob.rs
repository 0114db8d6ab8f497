//! Where the bytes of a version are. The catalogue keeps these words, storage acts on them.

use crate::{BlobId, Checksum, ETag, KeyId, SiteName, Timestamp};

/// A data key as it is stored: encrypted under a master key of the vault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrappedKey {
    /// The master key that opens it.
    pub master: KeyId,
    /// The encrypted data key; its layout is the vault's own.
    pub wrapped: Vec<u8>,
}

/// A run of at most 64 MiB of plaintext, sealed under a [`BlobId`] and never changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    /// The sealed blob.
    pub blob: BlobId,
    /// Bytes of plaintext.
    pub bytes: u64,
    /// Bytes as they lie on a site, header included.
    pub sealed_bytes: u64,
    /// CRC64NVME of those bytes: what a copy is verified by without opening it.
    pub sealed_crc64: u64,
    /// The sealed bytes lie in the catalogue itself instead of on sites.
    pub inline: bool,
}

/// A run of bytes sealed under one data key: a whole body, or one part of an upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extent {
    /// The data key. Its wrap is bound to the first piece's blob, or to no blob where the extent is empty.
    pub key: WrappedKey,
    /// The pieces, in order. None for an empty body.
    pub pieces: Vec<Piece>,
}

impl Extent {
    /// Bytes of plaintext.
    pub fn bytes(&self) -> u64 {
        self.pieces.iter().map(|piece| piece.bytes).sum()
    }
}

/// A part of a multipart upload, before and after completion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// 1–10,000.
    pub number: u16,
    /// Bytes of plaintext.
    pub bytes: u64,
    /// MD5 of the bytes.
    pub etag: ETag,
    /// The checksum of the algorithm the upload was started with, or CRC64NVME.
    pub checksum: Checksum,
    /// When it was acknowledged.
    pub modified: Timestamp,
    /// Where the bytes are.
    pub extent: Extent,
}

/// Where one replica of a blob is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Placement {
    /// All of the blob's sealed bytes.
    Copy(SiteName),
    /// One of `data + parity` shards, any `data` of which give the blob back.
    Shard {
        /// Where it lies.
        site: SiteName,
        /// Which shard, from 0.
        index: u8,
        /// Shards needed.
        data: u8,
        /// Shards that may be lost.
        parity: u8,
    },
}
