//! The door to bytes at rest: bodies in, ranges out, and leases on what is in use.

mod reading;
mod writing;

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures::stream::{self, BoxStream, StreamExt};
use kernel::{BlobId, ByteRange, Entropy, Extent, Piece, Placement, SiteName, WrappedKey};

use crate::lease::Leases;
use crate::seal::{self, BlobKey, SEALED_SEGMENT_BYTES, SEGMENT_BYTES, Segment};
use crate::{Damage, DataKey, Hint, KeyVault, Lease, Result, Site, StorageError, StorageMeters, StoredBlob};

pub use writing::BodyWriter;

/// Most plaintext in one blob. A body is cut into pieces of this size, so that what must be held, recalled or copied as a
/// whole is bounded.
const PIECE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// All sites of a process, its vault, and what it is using on the sites.
pub struct BlobStore {
    sites: BTreeMap<SiteName, Arc<dyn Site>>,
    vault: Arc<dyn KeyVault>,
    entropy: Arc<dyn Entropy>,
    leases: Arc<Leases>,
    meters: Arc<StorageMeters>,
    piece_bytes_max: u64,
}

/// What became of a removal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removal {
    /// The blob is gone, or was not there.
    Removed,
    /// This process is writing or reading the blob; it stays.
    Leased,
}

impl BlobStore {
    /// A store over these sites.
    pub fn new(sites: BTreeMap<SiteName, Arc<dyn Site>>, vault: Arc<dyn KeyVault>, entropy: Arc<dyn Entropy>) -> Self {
        let (leases, meters) = Default::default();
        Self { sites, vault, entropy, leases, meters, piece_bytes_max: PIECE_BYTES_MAX }
    }

    /// The same store with other pieces, of at least one byte and at most 64 MiB. For tests, which want many of them.
    #[must_use]
    pub fn with_piece_bytes_max(self, piece_bytes_max: u64) -> Self {
        Self { piece_bytes_max: piece_bytes_max.clamp(1, PIECE_BYTES_MAX), ..self }
    }

    pub(crate) fn vault(&self) -> &dyn KeyVault {
        &*self.vault
    }

    /// What it counts.
    pub fn meters(&self) -> &StorageMeters {
        &self.meters
    }

    /// The names of the sites.
    pub fn site_names(&self) -> impl Iterator<Item = &SiteName> {
        self.sites.keys()
    }

    /// Seals a short body in memory, to be kept in the catalogue: one inline piece, or none for an empty body. The sealed
    /// form is that of a blob without its header.
    ///
    /// # Errors
    /// When the vault gives no key.
    pub fn seal_inline(&self, body: &[u8]) -> Result<(Extent, Bytes)> {
        if body.is_empty() {
            let (_, key) = self.vault.new_key(no_blob())?;
            return Ok((Extent { key, pieces: Vec::new() }, Bytes::new()));
        }
        let blob = BlobId::random(&*self.entropy);
        let (data_key, key) = self.vault.new_key(blob)?;
        let blob_key = BlobKey::derive(&data_key, blob);
        let bytes = body.len() as u64;
        let sealed_bytes = seal::sealed_segments_bytes(bytes);
        let mut sealed = Vec::with_capacity(sealed_bytes as usize);
        for (index, plain) in (0..).zip(body.chunks(SEGMENT_BYTES)) {
            let from = sealed.len();
            sealed.extend_from_slice(plain);
            blob_key.seal(Segment { index, last: index + 1 == seal::segments(bytes) }, &mut sealed, from);
        }
        self.meters.sealed_bytes.add(bytes);
        let sealed_crc64 = crc_fast::crc64_nvme(&sealed);
        let piece = Piece { blob, bytes, sealed_bytes, sealed_crc64, inline: true };
        Ok((Extent { key, pieces: vec![piece] }, sealed.into()))
    }

    /// Opens a range of a body that [`seal_inline`](Self::seal_inline) sealed, reading only the segments it needs.
    ///
    /// # Errors
    /// [`StorageError::Corrupt`] when the bytes are not what was sealed, [`StorageError::Range`], or a vault that gives no
    /// key.
    pub fn open_inline(&self, extent: &Extent, sealed: &Bytes, range: ByteRange) -> Result<Bytes> {
        check_range(extent, range)?;
        let Some(piece) = extent.pieces.first().filter(|_| range.start < range.end) else {
            return Ok(Bytes::new());
        };
        let corrupt = |what| StorageError::Corrupt { blob: piece.blob, what };
        let expected = seal::sealed_segments_bytes(piece.bytes);
        if extent.pieces.len() != 1 || piece.sealed_bytes != expected {
            return Err(corrupt(Damage::Record));
        }
        if sealed.len() as u64 != expected {
            return Err(corrupt(Damage::Length { expected, found: sealed.len() as u64 }));
        }
        let (first, end) = (range.start / SEGMENT_BYTES as u64, seal::segments(range.end));
        let from = first as usize * SEALED_SEGMENT_BYTES;
        let until = sealed.len().min(end as usize * SEALED_SEGMENT_BYTES);
        let mut run = BytesMut::from(sealed.get(from..until).ok_or(corrupt(Damage::Record))?);
        let data_key = self.vault.unwrap(&extent.key, piece.blob)?;
        let opened = BlobKey::derive(&data_key, piece.blob)
            .open_run(piece.bytes, first, &mut run)
            .map_err(|segment| corrupt(Damage::Segment(segment)))?;
        self.meters.opened_bytes.add(opened as u64);
        let start = (range.start - first * SEGMENT_BYTES as u64) as usize;
        Ok(run.freeze().slice(start..start + range.bytes() as usize))
    }

    /// Begins a body of `bytes` bytes on a site. Nothing is left of it unless it is finished.
    ///
    /// # Errors
    /// When there is no such site, or the vault gives no key.
    pub async fn writer(&self, site: &SiteName, hint: Hint, bytes: u64) -> Result<BodyWriter> {
        BodyWriter::begin(self, site, hint, bytes).await
    }

    /// Bytes `range` of a body, in order and in pieces of up to 1 MiB, each authenticated before it is given out. Two are
    /// fetched ahead of the one that is taken. `placements` says for each piece where its replicas are; when one cannot
    /// give what it should, the next is asked. After an error the stream ends.
    ///
    /// The blobs are leased for as long as the stream lives.
    pub fn read(
        self: &Arc<Self>,
        extent: &Extent,
        placements: Vec<Vec<Placement>>,
        range: ByteRange,
    ) -> BoxStream<'static, Result<Bytes>> {
        reading::read(self, extent, placements, range)
            .unwrap_or_else(|error| stream::once(std::future::ready(Err(error))).boxed())
    }

    /// Removes a blob from a site, unless this process is using it.
    ///
    /// # Errors
    /// When there is no such site, or it fails.
    pub async fn remove(&self, site: &SiteName, blob: BlobId) -> Result<Removal> {
        let there = self.site(site)?;
        if self.is_leased(blob) {
            return Ok(Removal::Leased);
        }
        there.remove(blob).await.map_err(|error| StorageError::from_site(site, blob, error))?;
        self.meters.blobs_removed.add(1);
        Ok(Removal::Removed)
    }

    /// Blobs on a site, in the order of their ids, beginning after `after`; fewer than `limit` only at the end.
    ///
    /// # Errors
    /// When there is no such site, or it fails.
    pub async fn blobs(&self, site: &SiteName, after: Option<BlobId>, limit: usize) -> Result<Vec<StoredBlob>> {
        let listed = self.site(site)?.list(after, limit).await;
        listed.map_err(|source| StorageError::Site { site: site.clone(), source })
    }

    /// The wrapped keys that a site keeps beside these blobs, in the order asked for. For repair.
    ///
    /// # Errors
    /// When there is no such site, or it fails.
    pub async fn keys(&self, site: &SiteName, blobs: Vec<BlobId>) -> Result<Vec<Option<WrappedKey>>> {
        let keys = self.site(site)?.keys(blobs).await;
        keys.map_err(|source| StorageError::Site { site: site.clone(), source })
    }

    /// Whether this process is writing or reading the blob.
    pub fn is_leased(&self, blob: BlobId) -> bool {
        self.leases.holds(blob)
    }

    /// Keeps blobs from being removed by this process until the lease is dropped. Bodies being written and streams being
    /// read have leases of their own.
    pub fn lease(&self, blobs: impl IntoIterator<Item = BlobId>) -> Lease {
        self.leases.take(blobs)
    }

    fn site(&self, name: &SiteName) -> Result<&Arc<dyn Site>> {
        self.sites.get(name).ok_or_else(|| StorageError::UnknownSite(name.clone()))
    }

    fn unwrap(&self, extent: &Extent) -> Result<DataKey> {
        let blob = extent.pieces.first().map_or(no_blob(), |piece| piece.blob);
        Ok(self.vault.unwrap(&extent.key, blob)?)
    }
}

/// What the key of an empty body is bound to.
const fn no_blob() -> BlobId {
    BlobId::from_bytes([0; 16])
}

fn check_range(extent: &Extent, range: ByteRange) -> Result<()> {
    let bytes = extent.bytes();
    if range.start > range.end || range.end > bytes {
        return Err(StorageError::Range { start: range.start, end: range.end, bytes });
    }
    Ok(())
}
