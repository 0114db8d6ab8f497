//! Loose ends: what nothing refers to any more, until the sweep has removed it.
//!
//! A change that lets go of bytes writes one row that names them: blobs one by one, or a part list, the annotations of a
//! version, an upload or a dead bucket as a whole, whose rows stay where they are. What is named as a whole is handed out in bounded pieces, each
//! read from the rows still there, and forgetting a piece removes those rows: so nothing is lost when the sweep stops
//! half-way, and the row itself goes last. The `blobs` rows stay until then too, so that a reader who began before the
//! change finds the bytes as long as they exist, and nobody takes them for orphans.

use kernel::{BlobId, BucketId, Extent, Placement, Sequence, Timestamp};

use super::{Catalog, CatalogError, Place, Result};
use crate::key_value::{Batch, Edit, Family, Step, gather};
use crate::keys;
use crate::record::{self, Loose, Malformed};

/// Rows handed out at once for one change, give or take those of one part.
const ROWS_MAX: usize = 1_000;

/// Rows that are not yet due which may be stepped over, in case the wall clock was ahead when they were written.
const NOT_DUE_MAX: usize = 1_000;

/// Rows forgotten in one batch.
const FORGOTTEN_MAX: usize = 4_000;

/// What one change let go of, or a piece of it. To be handed back to [`Catalog::swept`] as it is.
#[derive(Debug, Clone)]
pub struct Unlinked {
    /// What vanishes with it when all blobs have been removed.
    rows: Vec<(Family, Vec<u8>)>,
    /// The change.
    pub sequence: Sequence,
    /// Nothing of the change is left behind this piece.
    pub is_last: bool,
    /// When it was let go.
    pub since: Timestamp,
    /// The blobs, and where they lie.
    pub blobs: Vec<(BlobId, Vec<Placement>)>,
}

/// A piece while it is gathered.
#[derive(Default)]
struct Piece {
    rows: Vec<(Family, Vec<u8>)>,
    blobs: Vec<BlobId>,
    /// There was more than there is room for.
    is_cut: bool,
}

impl Piece {
    fn is_full(&self) -> bool {
        self.rows.len() >= ROWS_MAX
    }

    fn blob(&mut self, blob: BlobId) {
        self.rows.push((Family::Blobs, keys::blob(blob)));
        self.blobs.push(blob);
    }

    fn extent(&mut self, extent: &Extent) {
        for piece in &extent.pieces {
            if piece.inline {
                self.rows.push((Family::Inline, keys::blob(piece.blob)));
            } else {
                self.blob(piece.blob);
            }
        }
    }
}

/// The bytes that a row of `lists`, `parts` or `annotations` refers to.
fn extent_in(family: Family, place: &[u8], row: &[u8]) -> std::result::Result<Option<Extent>, Malformed> {
    match family {
        Family::Annotations => record::annotation_extent(row).map(Some),
        // The count of an upload's writes stands in front of its parts.
        Family::Parts if !keys::is_part(place) => Ok(None),
        _ => record::part(row).map(|part| Some(part.extent)),
    }
}

impl Catalog {
    /// What changes behind `after` let go up to `until`, oldest first: pieces of `limit` changes at the most, each
    /// bounded. What is left of a change comes once the piece has been [`swept`](Self::swept).
    ///
    /// # Errors
    /// [`CatalogError::Damaged`], [`CatalogError::Map`].
    pub async fn unlinked(&self, after: Sequence, until: Timestamp, limit: usize) -> Result<Vec<Unlinked>> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        let (from, end) = (keys::after_row(&keys::sequence(after)), vec![u8::MAX; 9]);
        let gathered = (Vec::new(), 0);
        let rows = gather(&*self.map, Family::Unlinked, from, end, gathered, move |(rows, not_due), place, row| {
            let loose = record::loose(row);
            if loose.as_ref().is_ok_and(|loose| loose.since > until) {
                *not_due += 1;
            } else {
                rows.push((place.to_vec(), loose));
            }
            if rows.len() < limit && *not_due < NOT_DUE_MAX { Step::Next } else { Step::Stop }
        });
        let mut unlinked = Vec::new();
        for (place, loose) in rows.await?.0 {
            let misplaced = Malformed("it stands in the wrong place");
            let sequence = keys::split_sequence(&place).ok_or(misplaced).place(Family::Unlinked, &place)?;
            let loose = loose.place(Family::Unlinked, &place)?;
            unlinked.push(self.expand(sequence, loose).await?);
        }
        Ok(unlinked)
    }

    async fn expand(&self, sequence: Sequence, loose: Loose) -> Result<Unlinked> {
        let mut piece = Piece::default();
        for blob in loose.blobs {
            piece.blob(blob);
        }
        if let Some(list) = loose.list {
            piece = self.take(piece, Family::Lists, keys::listed_parts(list, None)).await?;
        }
        if let Some(version) = loose.annotations {
            piece = self.take(piece, Family::Annotations, keys::annotations(version, "", None)).await?;
        }
        if let Some(upload) = loose.upload {
            piece = self.take(piece, Family::Parts, keys::parts(upload, None)).await?;
        }
        if let Some(bucket) = loose.bucket {
            piece = self.take_uploads(piece, bucket).await?;
        }
        let known = self.linked(&piece.blobs).await?;
        let blobs: Vec<_> = piece.blobs.into_iter().zip(known).filter(|(_, known)| *known).map(|(id, _)| id).collect();
        let sites = self.placements(&blobs).await?;
        Ok(Unlinked {
            sequence,
            rows: piece.rows,
            is_last: !piece.is_cut,
            since: loose.since,
            blobs: blobs.into_iter().zip(sites).collect(),
        })
    }

    /// Takes rows with the bytes they refer to, as far as there is room.
    async fn take(&self, piece: Piece, family: Family, (from, until): keys::Range) -> Result<Piece> {
        let gathered = (piece, None::<CatalogError>);
        let taken = gather(&*self.map, family, from, until, gathered, move |(piece, damage), place, row| {
            if piece.is_full() {
                piece.is_cut = true;
                return Step::Stop;
            }
            match extent_in(family, place, row).place(family, place) {
                Ok(extent) => extent.iter().for_each(|extent| piece.extent(extent)),
                Err(error) => {
                    *damage = Some(error);
                    return Step::Stop;
                }
            }
            piece.rows.push((family, place.to_vec()));
            Step::Next
        });
        match taken.await? {
            (piece, None) => Ok(piece),
            (_, Some(error)) => Err(error),
        }
    }

    /// Takes the uploads of a dead bucket with their parts, as far as there is room.
    async fn take_uploads(&self, mut piece: Piece, bucket: BucketId) -> Result<Piece> {
        let (from, until) = keys::all_of_bucket(bucket);
        let room = ROWS_MAX.saturating_sub(piece.rows.len());
        let uploads = gather(&*self.map, Family::Uploads, from, until, Vec::new(), move |uploads, place, _| {
            uploads.push(place.to_vec());
            if uploads.len() <= room { Step::Next } else { Step::Stop }
        });
        for place in uploads.await? {
            let (_, upload) = keys::split_upload(&place)
                .ok_or(Malformed("it stands in the wrong place"))
                .place(Family::Uploads, &place)?;
            if piece.is_full() {
                piece.is_cut = true;
            } else {
                piece = self.take(piece, Family::Parts, keys::parts(upload, None)).await?;
            }
            if piece.is_cut {
                return Ok(piece);
            }
            piece.rows.push((Family::Uploads, place));
        }
        Ok(piece)
    }

    /// Forgets what was handed out. Every blob of it must have been removed from every site.
    ///
    /// # Errors
    /// [`CatalogError::Map`]: some of it may be forgotten; what is not is handed out again.
    pub async fn swept(&self, unlinked: &[Unlinked]) -> Result<()> {
        let mut edits = Vec::new();
        for piece in unlinked {
            edits.extend(piece.rows.iter().map(|(family, place)| Edit::Delete(*family, place.clone())));
            if piece.is_last {
                edits.push(Edit::Delete(Family::Unlinked, keys::sequence(piece.sequence)));
            }
            if edits.len() >= FORGOTTEN_MAX {
                self.forget(std::mem::take(&mut edits)).await?;
            }
        }
        self.forget(edits).await
    }

    /// Writes down where blobs that were handed out still lie, after they were removed from other sites. `left` names
    /// at least one place for each; a blob that lies nowhere any more is one for [`swept`](Self::swept).
    ///
    /// # Errors
    /// [`CatalogError::Map`]: some of it may be written; asking a site again to remove a blob does no harm.
    pub async fn swept_in_part(&self, left: &[(BlobId, Vec<Placement>)]) -> Result<()> {
        for blobs in left.chunks(FORGOTTEN_MAX) {
            let row = |(blob, sites): &(BlobId, Vec<Placement>)| {
                Edit::Put(Family::Blobs, keys::blob(*blob), record::placements_row(sites))
            };
            self.forget(blobs.iter().map(row).collect()).await?;
        }
        Ok(())
    }

    async fn forget(&self, edits: Vec<Edit>) -> Result<()> {
        if !edits.is_empty() {
            self.map.apply(Batch { expectations: Vec::new(), edits }).await?;
        }
        Ok(())
    }
}
