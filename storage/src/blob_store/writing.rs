//! A body on its way in: cut into pieces, sealed in place, handed on as it fills.

use std::sync::Arc;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use kernel::{BlobId, Entropy, Extent, Piece, SiteName, WrappedKey};

use super::{BlobStore, no_blob};
use crate::header::{HEADER_BYTES, Header, SealedHint};
use crate::seal::{self, BlobKey, SEALED_SEGMENT_BYTES, SEGMENT_BYTES, Segment};
use crate::{BlobWriter, DataKey, Hint, Lease, NewBlob, Result, Site, SiteError, StorageError, StorageMeters};

/// Sealed bytes that are handed to a site at once: sixteen segments.
const RUN_BYTES: usize = 16 * SEALED_SEGMENT_BYTES;

/// Writes one body to one site.
///
/// It takes about 3 MiB of memory whatever the body's size: one run of segments that fills, one that is being written.
/// While a piece is made durable, the next one is written. Dropped before [`finish`](Self::finish) is through, it removes
/// what it wrote.
pub struct BodyWriter {
    place: Place,
    hint: Hint,
    keys: Keys,
    expected: u64,
    came: u64,
    /// Bytes in the pieces that were begun.
    begun: u64,
    /// The piece being written; none between pieces, and none after a failure.
    current: Option<PieceWriter>,
    /// The piece being made durable.
    finishing: Option<BoxFuture<'static, Result<Piece>>>,
    /// The durable ones.
    pieces: Vec<Piece>,
    lease: Lease,
    failed: bool,
    done: bool,
}

/// Where a body goes.
struct Place {
    name: SiteName,
    site: Arc<dyn Site>,
    entropy: Arc<dyn Entropy>,
    meters: Arc<StorageMeters>,
    piece_bytes_max: u64,
}

/// The data key of a body.
struct Keys {
    plain: DataKey,
    wrapped: WrappedKey,
    /// The blob that the wrap is bound to: the first of the body.
    wrapped_for: BlobId,
}

impl BodyWriter {
    pub(super) async fn begin(store: &BlobStore, site: &SiteName, hint: Hint, bytes: u64) -> Result<Self> {
        let place = Place {
            name: site.clone(),
            site: Arc::clone(store.site(site)?),
            entropy: Arc::clone(&store.entropy),
            meters: Arc::clone(&store.meters),
            piece_bytes_max: store.piece_bytes_max,
        };
        let wrapped_for = if bytes == 0 { no_blob() } else { BlobId::random(&*place.entropy) };
        let (plain, wrapped) = store.vault.new_key(wrapped_for)?;
        let mut writer = Self {
            place,
            hint,
            keys: Keys { plain, wrapped, wrapped_for },
            expected: bytes,
            came: 0,
            begun: 0,
            current: None,
            finishing: None,
            pieces: Vec::new(),
            lease: store.leases.take([]),
            failed: false,
            done: false,
        };
        if bytes > 0 {
            writer.begin_piece(wrapped_for).await?;
        }
        Ok(writer)
    }

    /// Takes the next bytes of the body. Waits while the site is slower than they come.
    ///
    /// # Errors
    /// [`StorageError::Length`] when more bytes came than announced, [`StorageError::Full`], or the site's failure. After
    /// an error, and when the future was dropped before it was done, the body is given up.
    pub async fn write(&mut self, bytes: Bytes) -> Result<()> {
        let before = std::mem::replace(&mut self.failed, true);
        if before {
            return Err(StorageError::GivenUp);
        }
        let outcome = self.take(bytes).await;
        self.failed = outcome.is_err();
        if self.failed {
            self.current = None;
            self.finishing = None;
        }
        outcome
    }

    /// A lease of the body's blobs, those yet to begin not included, that outlives the writer: whoever is about to refer to
    /// them keeps the sweep away until it has.
    pub fn lease(&self) -> Lease {
        self.lease.again()
    }

    /// Ends the body: when this returns, all of it is durable.
    ///
    /// # Errors
    /// [`StorageError::Length`] when fewer bytes came than announced, or as [`write`](Self::write).
    pub async fn finish(mut self) -> Result<Extent> {
        if self.failed {
            return Err(StorageError::GivenUp);
        }
        if self.came != self.expected {
            return Err(StorageError::Length { expected: self.expected, came: self.came });
        }
        self.finish_piece().await?;
        self.settle().await?;
        self.done = true;
        Ok(Extent { key: self.keys.wrapped.clone(), pieces: std::mem::take(&mut self.pieces) })
    }

    async fn take(&mut self, mut bytes: Bytes) -> Result<()> {
        self.came += bytes.len() as u64;
        if self.came > self.expected {
            return Err(StorageError::Length { expected: self.expected, came: self.came });
        }
        self.poll_finishing()?;
        while !bytes.is_empty() {
            let room = match &self.current {
                Some(piece) => piece.bytes - piece.came,
                None => 0,
            };
            if room == 0 {
                self.finish_piece().await?;
                self.begin_piece(BlobId::random(&*self.place.entropy)).await?;
                continue;
            }
            let part = bytes.split_to(bytes.len().min(usize::try_from(room).unwrap_or(usize::MAX)));
            if let Some(piece) = &mut self.current {
                piece.write(&part).await.map_err(|error| self.place.failed(piece.blob, error))?;
            }
        }
        Ok(())
    }

    async fn begin_piece(&mut self, blob: BlobId) -> Result<()> {
        let offset = self.begun;
        let bytes = self.place.piece_bytes_max.min(self.expected - offset);
        self.begun += bytes;
        self.lease.add(blob);
        let header = Header { blob, wrapped_for: self.keys.wrapped_for, master: self.keys.wrapped.master, bytes };
        let hint = SealedHint { body: self.hint.clone(), offset, body_bytes: self.expected };
        let buffer = header.encode(&self.keys.plain, &hint);
        let sealed_bytes = HEADER_BYTES as u64 + seal::sealed_segments_bytes(bytes);
        let new = NewBlob { id: blob, key: self.keys.wrapped.clone(), sealed_bytes };
        let sink = self.place.site.create(new).await.map_err(|error| self.place.failed(blob, error))?;
        let key = BlobKey::derive(&self.keys.plain, blob);
        self.current = Some(PieceWriter::new(blob, key, bytes, buffer, sink));
        Ok(())
    }

    /// Sends the current piece on its way to durability, after the one before it has arrived.
    async fn finish_piece(&mut self) -> Result<()> {
        self.settle().await?;
        if let Some(piece) = self.current.take() {
            let (site, meters) = (self.place.name.clone(), Arc::clone(&self.place.meters));
            let finishing = async move {
                let blob = piece.blob;
                let done = piece.finish().await.map_err(|error| StorageError::from_site(&site, blob, error))?;
                meters.blobs_written.add(1);
                meters.sealed_bytes.add(done.bytes);
                Ok(done)
            };
            self.finishing = Some(finishing.boxed());
            self.poll_finishing()?;
        }
        Ok(())
    }

    /// Waits for the piece being made durable.
    async fn settle(&mut self) -> Result<()> {
        if let Some(finishing) = &mut self.finishing {
            let outcome = finishing.await;
            self.finishing = None;
            self.pieces.push(outcome?);
        }
        Ok(())
    }

    /// Moves the piece being made durable on, without waiting for it.
    fn poll_finishing(&mut self) -> Result<()> {
        if let Some(outcome) = self.finishing.as_mut().and_then(|finishing| finishing.now_or_never()) {
            self.finishing = None;
            self.pieces.push(outcome?);
        }
        Ok(())
    }
}

impl Place {
    fn failed(&self, blob: BlobId, error: SiteError) -> StorageError {
        StorageError::from_site(&self.name, blob, error)
    }
}

impl Drop for BodyWriter {
    fn drop(&mut self) {
        if !self.done && !self.pieces.is_empty() {
            // The writers of the other pieces clean up after themselves.
            self.place.site.abandon(self.pieces.iter().map(|piece| piece.blob).collect());
        }
    }
}

/// Seals one piece.
struct PieceWriter {
    blob: BlobId,
    key: BlobKey,
    /// Bytes of plaintext that will come, at least one.
    bytes: u64,
    came: u64,
    /// Sealed segments, then the plaintext of the segment that fills, from `open`.
    buffer: Vec<u8>,
    open: usize,
    index: u64,
    sealed_bytes: u64,
    crc: crc_fast::Digest,
    sink: Box<dyn BlobWriter>,
}

impl PieceWriter {
    fn new(blob: BlobId, key: BlobKey, bytes: u64, mut buffer: Vec<u8>, sink: Box<dyn BlobWriter>) -> Self {
        let open = buffer.len();
        buffer.reserve_exact(run_bytes(bytes));
        let crc = crc_fast::Digest::new(crc_fast::CrcAlgorithm::Crc64Nvme);
        Self { blob, key, bytes, came: 0, buffer, open, index: 0, sealed_bytes: 0, crc, sink }
    }

    /// Takes bytes of the piece, no more than are still to come.
    async fn write(&mut self, mut plain: &[u8]) -> Result<(), SiteError> {
        while !plain.is_empty() {
            let room = SEGMENT_BYTES - (self.buffer.len() - self.open);
            let (now, later) = plain.split_at(plain.len().min(room));
            self.buffer.extend_from_slice(now);
            self.came += now.len() as u64;
            plain = later;
            let last = self.came == self.bytes;
            if now.len() == room || last {
                self.key.seal(Segment { index: self.index, last }, &mut self.buffer, self.open);
                self.index += 1;
                self.open = self.buffer.len();
                if self.open >= RUN_BYTES || last {
                    self.hand_on().await?;
                }
            }
        }
        Ok(())
    }

    async fn hand_on(&mut self) -> Result<(), SiteError> {
        let next = Vec::with_capacity(run_bytes(self.bytes - self.came));
        let run = Bytes::from(std::mem::replace(&mut self.buffer, next));
        self.open = 0;
        self.crc.update(&run);
        self.sealed_bytes += run.len() as u64;
        self.sink.write(run).await
    }

    async fn finish(self) -> Result<Piece, SiteError> {
        self.sink.finish().await?;
        Ok(Piece {
            blob: self.blob,
            bytes: self.bytes,
            sealed_bytes: self.sealed_bytes,
            sealed_crc64: self.crc.finalize(),
            inline: false,
        })
    }
}

/// Room for the next run when this much plaintext is still to come.
fn run_bytes(plain: u64) -> usize {
    usize::try_from(seal::sealed_segments_bytes(plain)).unwrap_or(usize::MAX).min(RUN_BYTES)
}
