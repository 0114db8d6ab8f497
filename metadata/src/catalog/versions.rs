//! Reading versions and where their bytes lie, and amending what is known of them.

use bytes::Bytes;
use kernel::{BlobId, BucketId, Content, ObjectKey, Part, Placement, UploadId, Version, VersionName};

use super::draft::Draft;
use super::error::CatalogError;
use super::request::{Amended, Amendment, Bucket, Change};
use super::top::Top;
use super::{ATTEMPTS, Catalog, Place, Result};
use crate::key_value::{Family, Step, gather};
use crate::{keys, record};

/// Versions of a key that are looked at for the one an upload became.
const COMPLETED_MAX: usize = 1_000;

impl Amendment {
    /// Whether the lock of a version, and its bucket, allow the change.
    fn may_change(&self, bucket: &Bucket, version: &Version) -> Result<()> {
        if matches!(self, Self::Retention(..) | Self::LegalHold(_)) && bucket.settings.object_lock.is_none() {
            return Err(CatalogError::LocksNothing);
        }
        let Self::Retention(next, release) = self else { return Ok(()) };
        let barred = version.object().and_then(|facts| facts.protection.bars_retention(*next, *release));
        barred.map_or(Ok(()), |lock| Err(lock.into()))
    }
}

impl Catalog {
    /// A version by name, or the newest, markers included; none where there is none.
    ///
    /// # Errors
    /// [`CatalogError::Contended`], [`CatalogError::Damaged`], [`CatalogError::Map`].
    pub async fn version(
        &self,
        bucket: BucketId,
        key: &ObjectKey,
        name: Option<VersionName>,
    ) -> Result<Option<Version>> {
        // One row answers the most common question.
        if name.is_none()
            && let Top::Object(stored) = self.only(bucket, key).await?
        {
            return Ok(Some(stored.version));
        }
        Ok(self.find(bucket, key, name).await?.stored.map(|stored| stored.version))
    }

    /// Changes something of a version, or of the current object. Gives back the version as it is now.
    ///
    /// # Errors
    /// [`CatalogError::VersionGone`] where there is no such version or it is a marker; [`CatalogError::VersionChanged`]
    /// where it is not what it must be; [`CatalogError::Locked`] where its retention does not make way when the change
    /// takes effect; [`CatalogError::LocksNothing`]; [`CatalogError::BucketGone`], [`CatalogError::Contended`], [`CatalogError::Map`].
    pub async fn amend_object(&self, bucket: &Bucket, of: Amended<'_>, amendment: &Amendment) -> Result<Version> {
        let Amended { key, name, only_if, now, by } = of;
        let _key_changes = self.locks.key(bucket.id, key).await;
        for _ in 0..ATTEMPTS {
            let found = self.find(bucket.id, key, name).await?;
            let stored = found.stored.as_ref().ok_or(CatalogError::VersionGone)?;
            if only_if.is_some_and(|facts| stored.version.object() != Some(facts)) {
                return Err(CatalogError::VersionChanged);
            }
            amendment.may_change(bucket, &stored.version)?;
            let (version, row) = record::amended(stored.version.clone(), amendment).ok_or(CatalogError::VersionGone)?;
            let row = Bytes::from(row);
            let mut draft = Draft::new(bucket, now);
            found.expect(&mut draft, bucket, key);
            draft.put(Family::Versions, keys::version(bucket.id, key, version.sequence), row.clone());
            draft.reenter(&stored.version, &version);
            if found.is_top() {
                draft.put(Family::Current, keys::object(bucket.id, key), row);
            }
            let change = Change::of_version(amendment.what(), bucket, &version, now, by);
            if self.commit(bucket, draft.finish(&change)).await?.is_some() {
                return Ok(version);
            }
        }
        Err(CatalogError::Contended)
    }

    /// The version of a key that an upload was completed into, current or not; none where it is no more, or does not stand
    /// among the key's newest thousand.
    ///
    /// # Errors
    /// [`CatalogError::Damaged`], [`CatalogError::Map`].
    pub async fn completed_version(
        &self,
        bucket: BucketId,
        key: &ObjectKey,
        upload: UploadId,
    ) -> Result<Option<Version>> {
        let (from, until) = keys::versions_of(bucket, key);
        let (named, found) = (key.clone(), (0, Ok(None)));
        let walked = gather(&*self.map, Family::Versions, from, until, found, move |(looked, found), place, row| {
            *looked += 1;
            let is_it = |version: &Version| {
                let content = version.object().map(|facts| &facts.content);
                matches!(content, Some(Content::Parts { list, .. }) if *list == upload)
            };
            let version = record::version(named.clone(), row).place(Family::Versions, place);
            *found = version.map(|version| Some(version).filter(is_it));
            if matches!(found, Ok(None)) && *looked < COMPLETED_MAX { Step::Next } else { Step::Stop }
        });
        walked.await?.1
    }

    /// The sealed bytes of a piece that lies in the catalogue; none where nothing refers to it any more.
    ///
    /// # Errors
    /// [`CatalogError::Map`].
    pub async fn inline(&self, blob: BlobId) -> Result<Option<Bytes>> {
        let [sealed] = self.get([(Family::Inline, keys::blob(blob))]).await?;
        Ok(sealed)
    }

    async fn blob_rows(&self, blobs: &[BlobId]) -> Result<Vec<Option<Bytes>>> {
        let rows = blobs.iter().map(|blob| (Family::Blobs, keys::blob(*blob))).collect();
        Ok(self.map.get(rows).await?)
    }

    /// The sites of blobs, in the order asked for; none of a blob that the catalogue does not know. A blob that nothing
    /// refers to any more is known until it is [`swept`](Self::swept), so that who began to read it may end.
    ///
    /// # Errors
    /// [`CatalogError::Damaged`], [`CatalogError::Map`].
    pub async fn placements(&self, blobs: &[BlobId]) -> Result<Vec<Vec<Placement>>> {
        let rows = self.blob_rows(blobs).await?;
        let sites = |(blob, row): (&BlobId, Option<Bytes>)| match row {
            Some(row) => record::placements(&row).place(Family::Blobs, &keys::blob(*blob)),
            None => Ok(Vec::new()),
        };
        blobs.iter().zip(rows).map(sites).collect()
    }

    /// Whether the catalogue knows these blobs: something refers to them, or they wait to be swept.
    ///
    /// # Errors
    /// [`CatalogError::Map`].
    pub async fn linked(&self, blobs: &[BlobId]) -> Result<Vec<bool>> {
        Ok(self.blob_rows(blobs).await?.into_iter().map(|row| row.is_some()).collect())
    }

    /// Parts of a completed upload with the byte of the whole at which each begins: the one that holds byte
    /// `from_byte`, and what follows; `limit` at the most. Parts of no bytes in front of `from_byte + 1` are left out.
    ///
    /// # Errors
    /// [`CatalogError::Damaged`], [`CatalogError::Map`].
    pub async fn list_parts_of(&self, list: UploadId, from_byte: u64, limit: usize) -> Result<Vec<(u64, Part)>> {
        self.listed(keys::listed_parts(list, Some(from_byte)), 0, limit).await
    }

    /// Parts of a completed upload with higher numbers than `after`, each with the byte of the whole at which it begins;
    /// `limit` at the most. Walks the list from its beginning, at most 10,000 keys.
    ///
    /// # Errors
    /// [`CatalogError::Damaged`], [`CatalogError::Map`].
    pub async fn list_parts_after(&self, list: UploadId, after: u16, limit: usize) -> Result<Vec<(u64, Part)>> {
        self.listed(keys::listed_parts(list, None), after, limit).await
    }

    async fn listed(&self, range: keys::Range, after: u16, limit: usize) -> Result<Vec<(u64, Part)>> {
        if limit == 0 || range.0 >= range.1 {
            return Ok(Vec::new());
        }
        let (from, until) = range;
        let rows = gather(&*self.map, Family::Lists, from, until, Vec::new(), move |rows, place, row| {
            let is_wanted = keys::split_listed_part(place).is_none_or(|(_, number)| number > after);
            if is_wanted {
                rows.push((place.to_vec(), Bytes::copy_from_slice(row)));
            }
            if rows.len() < limit { Step::Next } else { Step::Stop }
        });
        let part = |(place, row): (Vec<u8>, Bytes)| {
            let malformed = || record::Malformed("a listed part stands in the wrong place");
            let read = || {
                let (end, number) = keys::split_listed_part(&place).ok_or_else(malformed)?;
                let part = record::part(&row)?;
                let start = end.checked_sub(part.bytes).filter(|_| part.number == number).ok_or_else(malformed)?;
                Ok((start, part))
            };
            read().place(Family::Lists, &place)
        };
        rows.await?.into_iter().map(part).collect()
    }
}
