//! A range on its way out: runs of whole segments are fetched, opened in place, cut to the range and given out.

use std::ops::Range;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures::stream::{self, BoxStream, StreamExt};
use kernel::{ByteRange, Extent, Piece, Placement};

use super::{BlobStore, check_range};
use crate::header::HEADER_BYTES;
use crate::seal::{self, BlobKey, SEALED_SEGMENT_BYTES, SEGMENT_BYTES};
use crate::{Damage, DataKey, Result, StorageError};

/// Segments fetched at once: 1 MiB.
const RUN_SEGMENTS: u64 = 16;
/// Runs under way at once: one that is waited for, and one ahead.
const RUNS_AT_ONCE: usize = 2;

pub(super) fn read(
    store: &Arc<BlobStore>,
    extent: &Extent,
    placements: Vec<Vec<Placement>>,
    range: ByteRange,
) -> Result<BoxStream<'static, Result<Bytes>>> {
    check_range(extent, range)?;
    if range.start == range.end {
        return Ok(stream::empty().boxed());
    }
    let wanted = wanted_pieces(extent, placements, range)?;
    let data_key = store.unwrap(extent)?;
    let lease = store.lease(wanted.iter().map(|wanted| wanted.piece.blob));
    let store = Arc::clone(store);
    let runs = wanted.into_iter().flat_map(move |wanted| wanted.runs(&data_key));
    let fetched = stream::iter(runs)
        .map(move |run| {
            let store = Arc::clone(&store);
            async move { run.fetch(&store).await }
        })
        .buffered(RUNS_AT_ONCE);
    // After an error there is nothing more to say; the lease lives as long as the stream.
    let until_error = fetched.scan((lease, false), |(_, failed), item| {
        let before = std::mem::replace(failed, item.is_err());
        std::future::ready((!before).then_some(item))
    });
    Ok(until_error.boxed())
}

/// A piece of which some bytes are wanted.
struct Wanted {
    piece: Piece,
    placements: Vec<Placement>,
    /// Bytes of the piece's plaintext.
    range: Range<u64>,
}

fn wanted_pieces(extent: &Extent, placements: Vec<Vec<Placement>>, range: ByteRange) -> Result<Vec<Wanted>> {
    let mut placements = placements.into_iter();
    let mut offset = 0;
    let mut wanted = Vec::new();
    for piece in &extent.pieces {
        let placements = placements.next().unwrap_or_default();
        let (start, end) = (range.start.max(offset), range.end.min(offset + piece.bytes));
        if start < end {
            let sealed_bytes = HEADER_BYTES as u64 + seal::sealed_segments_bytes(piece.bytes);
            if piece.inline {
                return Err(StorageError::NoReplica { blob: piece.blob });
            }
            if piece.sealed_bytes != sealed_bytes {
                return Err(StorageError::Corrupt { blob: piece.blob, what: Damage::Record });
            }
            wanted.push(Wanted { piece: *piece, placements, range: start - offset..end - offset });
        }
        offset += piece.bytes;
    }
    Ok(wanted)
}

impl Wanted {
    /// The runs of segments that hold the wanted bytes.
    fn runs(self, data_key: &DataKey) -> impl Iterator<Item = Run> + Send + use<> {
        let key = Arc::new(BlobKey::derive(data_key, self.piece.blob));
        let placements: Arc<[Placement]> = self.placements.into();
        let (piece, range) = (self.piece, self.range);
        let segment_bytes = SEGMENT_BYTES as u64;
        let (first, end) = (range.start / segment_bytes, range.end.div_ceil(segment_bytes));
        (first..end).step_by(RUN_SEGMENTS as usize).map(move |from| {
            let (run_start, until) = (from * segment_bytes, end.min(from + RUN_SEGMENTS));
            let keep_from = range.start.max(run_start) - run_start;
            let keep_until = range.end.min(until * segment_bytes) - run_start;
            Run {
                piece,
                placements: Arc::clone(&placements),
                key: Arc::clone(&key),
                segments: from..until,
                keep: keep_from as usize..keep_until as usize,
            }
        })
    }
}

/// Consecutive segments of one piece.
struct Run {
    piece: Piece,
    placements: Arc<[Placement]>,
    key: Arc<BlobKey>,
    segments: Range<u64>,
    /// Which bytes of the opened run are wanted.
    keep: Range<usize>,
}

impl Run {
    /// The wanted bytes, from the first replica that can give them.
    async fn fetch(self, store: &BlobStore) -> Result<Bytes> {
        let blob = self.piece.blob;
        let mut failure = StorageError::NoReplica { blob };
        for placement in self.placements.iter() {
            let Placement::Copy(name) = placement else { continue };
            let Some(site) = store.sites.get(name) else { continue };
            let read = site.read(blob, self.piece.sealed_bytes, self.sealed_range()).await;
            let error = match read.map_err(|error| StorageError::from_site(name, blob, error)) {
                Ok(sealed) => match self.open(sealed) {
                    Ok(plain) => {
                        store.meters.opened_bytes.add(plain.len() as u64);
                        return Ok(plain);
                    }
                    Err(error) => error,
                },
                Err(error) => error,
            };
            tracing::error!(%blob, site = %name, error = &error as &dyn std::error::Error, "a replica cannot be read");
            // That a site may answer later is worth more to the caller than that another one is damaged.
            let may_answer_later = matches!(error, StorageError::Site { .. });
            let counter = if may_answer_later { &store.meters.reads_failed } else { &store.meters.replicas_bad };
            counter.add(1);
            if may_answer_later || matches!(failure, StorageError::NoReplica { .. }) {
                failure = error;
            }
        }
        Err(failure)
    }

    /// Where the run lies in the blob.
    fn sealed_range(&self) -> Range<u64> {
        let at = |segment: u64| HEADER_BYTES as u64 + segment * SEALED_SEGMENT_BYTES as u64;
        at(self.segments.start)..at(self.segments.end).min(self.piece.sealed_bytes)
    }

    fn open(&self, sealed: Bytes) -> Result<Bytes> {
        let corrupt = |what| StorageError::Corrupt { blob: self.piece.blob, what };
        // A site's bytes are nobody else's, as a rule, and are opened where they are.
        let mut run = sealed.try_into_mut().unwrap_or_else(|shared| BytesMut::from(shared.as_ref()));
        let opened = self
            .key
            .open_run(self.piece.bytes, self.segments.start, &mut run)
            .map_err(|segment| corrupt(Damage::Segment(segment)))?;
        if opened < self.keep.end {
            return Err(corrupt(Damage::Record));
        }
        Ok(run.freeze().slice(self.keep.clone()))
    }
}
