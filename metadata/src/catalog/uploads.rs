//! Multipart uploads: started, filled part by part in any order, then completed or given up.
//!
//! Parts are the inside of an upload, so writing one is no change that the log speaks of. Beside the parts stands a row
//! that counts how often one was written: it never makes two writers of parts conflict, and a completion that expects
//! it knows that the parts are still as it read them, at the price of one expectation instead of ten thousand.

use std::collections::BTreeMap;

use bytes::Bytes;
use kernel::{BucketId, Embargo, ObjectKey, Part, Sequence, Timestamp, UploadId};

use super::draft::Draft;
use super::request::{Bucket, Change, Completion, NewPart, Upload, What};
use super::{ATTEMPTS, Catalog, CatalogError, Place, Result};
use crate::key_value::{Family, Step, gather};
use crate::record::Malformed;
use crate::{keys, record};

impl Change {
    fn of_upload(what: What, bucket: &Bucket, upload: &Upload, when: Timestamp, by: &str) -> Self {
        Self {
            key: Some(upload.key.clone()),
            upload: Some(upload.id),
            tags: upload.tags.clone(),
            ..Self::of_bucket(what, bucket, when, by)
        }
    }
}

/// The draft that ends the upload stored as `row` without an object. Its bytes are let go.
fn abortion<'a>(bucket: &'a Bucket, upload: &Upload, row: &Bytes, now: Timestamp) -> Draft<'a> {
    let place = keys::upload(bucket.id, &upload.key, upload.id);
    let mut draft = Draft::new(bucket, now);
    draft.expect(Family::Uploads, place.clone(), Some(row));
    draft.delete(Family::Uploads, place);
    draft.loose().upload = Some(upload.id);
    draft
}

impl Catalog {
    /// Starts an upload.
    ///
    /// # Errors
    /// [`CatalogError::BucketGone`], [`CatalogError::Map`].
    pub async fn create_upload(&self, bucket: &Bucket, upload: Upload, by: &str) -> Result<Sequence> {
        let mut draft = Draft::new(bucket, upload.started);
        draft.put(Family::Uploads, keys::upload(bucket.id, &upload.key, upload.id), record::upload_row(&upload));
        let change = Change::of_upload(What::UploadStarted, bucket, &upload, upload.started, by);
        self.commit(bucket, draft.finish(&change)).await?.ok_or(CatalogError::Contended)
    }

    /// An upload under way; none where there is none.
    ///
    /// # Errors
    /// [`CatalogError::Damaged`], [`CatalogError::Map`].
    pub async fn upload(&self, bucket: BucketId, key: &ObjectKey, id: UploadId) -> Result<Option<Upload>> {
        let place = keys::upload(bucket, key, id);
        let [row] = self.get([(Family::Uploads, place.clone())]).await?;
        row.map(|row| record::upload(key.clone(), id, &row).place(Family::Uploads, &place)).transpose()
    }

    /// Writes a part, in the place of the one with its number.
    ///
    /// # Errors
    /// [`CatalogError::UploadGone`], [`CatalogError::BucketGone`], [`CatalogError::Contended`], [`CatalogError::Map`].
    pub async fn put_part(&self, bucket: &Bucket, upload: &Upload, part: NewPart) -> Result<()> {
        let NewPart { part, inline, placements } = part;
        let _upload_stays = self.locks.part(upload.id, part.number).await;
        let upload_place = keys::upload(bucket.id, &upload.key, upload.id);
        let part_place = keys::part(upload.id, part.number);
        for _ in 0..ATTEMPTS {
            let rows = [(Family::Uploads, upload_place.clone()), (Family::Parts, part_place.clone())];
            let [upload_row, replaced] = self.get(rows).await?;
            let upload_row = upload_row.ok_or(CatalogError::UploadGone)?;
            let mut draft = Draft::new(bucket, part.modified);
            draft.expect(Family::Uploads, upload_place.clone(), Some(&upload_row));
            draft.expect(Family::Parts, part_place.clone(), replaced.as_ref());
            if let Some(replaced) = replaced {
                draft.unlink(&record::part(&replaced).place(Family::Parts, &part_place)?.extent);
            }
            draft.link(inline.clone(), &placements);
            draft.put(Family::Parts, part_place.clone(), record::part_row(&part));
            draft.add_one(Family::Parts, keys::parts_written(upload.id));
            if self.commit(bucket, draft.finish_unlogged()).await?.is_some() {
                return Ok(());
            }
        }
        Err(CatalogError::Contended)
    }

    /// Parts of an upload under way with higher numbers than `after`, by number, `limit` at the most; and whether more
    /// would follow.
    ///
    /// # Errors
    /// [`CatalogError::Damaged`], [`CatalogError::Map`].
    pub async fn parts(&self, upload: UploadId, after: u16, limit: usize) -> Result<(Vec<Part>, bool)> {
        let (from, until) = keys::parts(upload, Some(after));
        if limit == 0 || from >= until {
            return Ok((Vec::new(), false));
        }
        let rows = gather(&*self.map, Family::Parts, from, until, Vec::new(), move |rows, place, row| {
            rows.push((place.to_vec(), Bytes::copy_from_slice(row)));
            if rows.len() > limit { Step::Stop } else { Step::Next }
        });
        let mut rows = rows.await?;
        let truncated = rows.len() > limit;
        rows.truncate(limit);
        let part = |(place, row): (Vec<u8>, Bytes)| record::part(&row).place(Family::Parts, &place);
        Ok((rows.into_iter().map(part).collect::<Result<_>>()?, truncated))
    }

    /// Closes an upload under way: what it becomes has this embargo, in the place of the one it was read with.
    ///
    /// # Errors
    /// [`CatalogError::UploadGone`], [`CatalogError::BucketGone`], [`CatalogError::Contended`] where its embargo is another
    /// by now, [`CatalogError::Map`].
    pub async fn close_upload(&self, bucket: &Bucket, upload: &Upload, embargo: &Option<Embargo>) -> Result<()> {
        let _upload_ends = self.locks.upload(upload.id).await;
        let place = keys::upload(bucket.id, &upload.key, upload.id);
        for _ in 0..ATTEMPTS {
            let [row] = self.get([(Family::Uploads, place.clone())]).await?;
            let row = row.ok_or(CatalogError::UploadGone)?;
            let mut standing = record::upload(upload.key.clone(), upload.id, &row).place(Family::Uploads, &place)?;
            if standing.protection.embargo == *embargo {
                return Ok(());
            }
            if standing.protection.embargo != upload.protection.embargo {
                return Err(CatalogError::Contended);
            }
            standing.protection.embargo.clone_from(embargo);
            let mut draft = Draft::new(bucket, upload.started);
            draft.expect(Family::Uploads, place.clone(), Some(&row));
            draft.put(Family::Uploads, place.clone(), record::upload_row(&standing));
            if self.commit(bucket, draft.finish_unlogged()).await?.is_some() {
                return Ok(());
            }
        }
        Err(CatalogError::Contended)
    }

    /// Gives an upload up. Its bytes are let go.
    ///
    /// # Errors
    /// [`CatalogError::UploadGone`], [`CatalogError::BucketGone`], [`CatalogError::Contended`], [`CatalogError::Map`].
    pub async fn abort_upload(&self, bucket: &Bucket, upload: &Upload, now: Timestamp, by: &str) -> Result<Sequence> {
        let _upload_ends = self.locks.upload(upload.id).await;
        let place = keys::upload(bucket.id, &upload.key, upload.id);
        for _ in 0..ATTEMPTS {
            let [row] = self.get([(Family::Uploads, place.clone())]).await?;
            let draft = abortion(bucket, upload, &row.ok_or(CatalogError::UploadGone)?, now);
            let change = Change::of_upload(What::UploadAborted, bucket, upload, now, by);
            if let Some(sequence) = self.commit(bucket, draft.finish(&change)).await? {
                return Ok(sequence);
            }
        }
        Err(CatalogError::Contended)
    }

    /// Gives an upload up that was started at `until` or before, and of which no part was written since. One that was
    /// touched later stays, and nothing changes: that gives none.
    ///
    /// # Errors
    /// As [`abort_upload`](Self::abort_upload); [`CatalogError::Damaged`].
    pub async fn abort_untouched_upload(
        &self,
        bucket: &Bucket,
        upload: &Upload,
        until: Timestamp,
        now: Timestamp,
        by: &str,
    ) -> Result<Option<Sequence>> {
        let _upload_ends = self.locks.upload(upload.id).await;
        let (place, written) = (keys::upload(bucket.id, &upload.key, upload.id), keys::parts_written(upload.id));
        // The count is read before the parts: one written in between makes the expectation fail.
        let [row, times_written] = self.get([(Family::Uploads, place), (Family::Parts, written.clone())]).await?;
        let row = row.ok_or(CatalogError::UploadGone)?;
        if upload.started > until || self.has_part_since(upload.id, until).await? {
            return Ok(None);
        }
        let mut draft = abortion(bucket, upload, &row, now);
        draft.expect(Family::Parts, written, times_written.as_ref());
        let change = Change::of_upload(What::UploadAborted, bucket, upload, now, by);
        self.commit(bucket, draft.finish(&change)).await
    }

    /// Whether a part was written after `until`. Looks at no more parts than it must.
    async fn has_part_since(&self, upload: UploadId, until: Timestamp) -> Result<bool> {
        let (from, end) = keys::parts(upload, Some(0));
        let found = gather(&*self.map, Family::Parts, from, end, Ok(false), move |found, place, row| {
            *found = record::part(row).place(Family::Parts, place).map(|part| part.modified > until);
            if matches!(found, Ok(false)) { Step::Next } else { Step::Stop }
        });
        found.await?
    }

    /// Adds to the draft of a write what ends an upload: the chosen parts become a list, the others are let go.
    pub(super) async fn complete(
        &self,
        draft: &mut Draft<'_>,
        bucket: &Bucket,
        completion: &Completion<'_>,
    ) -> Result<()> {
        let upload = completion.upload;
        let (place, written) = (keys::upload(bucket.id, &upload.key, upload.id), keys::parts_written(upload.id));
        let rows = [(Family::Uploads, place.clone()), (Family::Parts, written.clone())];
        // The count is read before the parts: one written in between makes the expectation fail.
        let [row, times_written] = self.get(rows).await?;
        let row = row.ok_or(CatalogError::UploadGone)?;
        draft.expect(Family::Uploads, place.clone(), Some(&row));
        draft.expect(Family::Parts, written.clone(), times_written.as_ref());
        let (parts, _) = self.parts(upload.id, 0, usize::from(u16::MAX)).await?;
        let mut others: BTreeMap<u16, Part> = parts.into_iter().map(|part| (part.number, part)).collect();
        let mut end = 0_u64;
        for part in &completion.parts {
            if others.remove(&part.number).as_ref() != Some(part) {
                return Err(CatalogError::PartChanged(part.number));
            }
            let sum = end.checked_add(part.bytes).ok_or(Malformed("its parts have too many bytes"));
            end = sum.place(Family::Uploads, &place)?;
            draft.put(Family::Lists, keys::listed_part(upload.id, end, part.number), record::part_row(part));
        }
        draft.delete(Family::Uploads, place);
        if others.is_empty() {
            draft.delete_range(Family::Parts, keys::parts(upload.id, None));
            return Ok(());
        }
        draft.delete(Family::Parts, written);
        for part in &completion.parts {
            draft.delete(Family::Parts, keys::part(upload.id, part.number));
        }
        draft.loose().upload = Some(upload.id);
        Ok(())
    }
}
