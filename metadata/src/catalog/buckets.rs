//! Buckets.

use std::sync::Arc;

use bytes::Bytes;
use kernel::settings::{BucketSettings, Setting};
use kernel::{AccountId, BucketId, BucketName, Sequence, Tags, Timestamp, Versioning};

use super::draft::Draft;
use super::request::{Bucket, BucketCounters, Change, NewBucket, What};
use super::{ATTEMPTS, Catalog, CatalogError, Place, Result};
use crate::key_value::{Batch, Edit, Expectation, Family, KeyValueError, Stamped, Step, gather};
use crate::keys::{self, Count};
use crate::record::{self, Malformed};

impl Catalog {
    /// Makes a bucket with all it begins with, in one change. Its id was never another bucket's. One that locks objects
    /// keeps versions from the beginning.
    ///
    /// # Errors
    /// [`CatalogError::BucketExists`], [`CatalogError::Contended`], [`CatalogError::Map`].
    pub async fn create_bucket(&self, new: NewBucket<'_>) -> Result<Arc<Bucket>> {
        let NewBucket { name, owner, region, tags, settings, now, by } = new;
        let versioning = match settings.object_lock {
            Some(_) => Versioning::Enabled,
            None => Versioning::Unversioned,
        };
        let settings = Arc::new(settings);
        let _id_is_taken = self.locks.creation().await;
        for _ in 0..ATTEMPTS {
            let place = keys::bucket(name);
            let next_id = (Family::Lake, keys::LAKE_NEXT_BUCKET.to_vec());
            let [existing, next] = self.get([(Family::Buckets, place.clone()), next_id]).await?;
            if existing.is_some() {
                return Err(CatalogError::BucketExists);
            }
            let next = next.ok_or(Malformed("it is missing")).place(Family::Lake, keys::LAKE_NEXT_BUCKET)?;
            let id = record::number(&next).place(Family::Lake, keys::LAKE_NEXT_BUCKET)?;
            let mut bucket = Bucket {
                id: BucketId(id.unsigned_abs()),
                name: name.clone(),
                owner,
                region: region.clone(),
                created: now,
                versioning,
                tags: tags.clone(),
                settings: Arc::clone(&settings),
                versioned_since: None,
                revision: Sequence::ZERO,
                row: Bytes::new(),
            };
            let batch = creation(&bucket, next, place, now, by);
            self.cache.begin(name);
            let applied = self.map.apply(batch).await;
            self.cache.end(name);
            match applied {
                Ok(sequence) => {
                    bucket.revision = sequence;
                    bucket.row = record::bucket_row(&bucket).fill(sequence).into();
                    bucket.versioned_since = Some(sequence).filter(|_| versioning != Versioning::Unversioned);
                    return Ok(Arc::new(bucket));
                }
                Err(KeyValueError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(CatalogError::Contended)
    }

    /// A bucket by name, as of the last acknowledged change at the least; none where there is none.
    ///
    /// # Errors
    /// [`CatalogError::Damaged`], [`CatalogError::Map`].
    pub async fn bucket(&self, name: &BucketName) -> Result<Option<Arc<Bucket>>> {
        let generation = match self.cache.get(name) {
            Ok(bucket) => return Ok(Some(bucket)),
            Err(generation) => generation,
        };
        let place = keys::bucket(name);
        for _ in 0..ATTEMPTS {
            let [row] = self.get([(Family::Buckets, place.clone())]).await?;
            let Some(row) = row else { return Ok(None) };
            if let Some(bucket) = self.with_settings(name, &place, row).await? {
                let bucket = Arc::new(bucket);
                self.cache.keep(&bucket, generation);
                return Ok(Some(bucket));
            }
        }
        Err(CatalogError::Contended)
    }

    /// The bucket in `row` with its settings; none where it changed since the row was read.
    async fn with_settings(&self, name: &BucketName, place: &[u8], row: Bytes) -> Result<Option<Bucket>> {
        let (mut bucket, named) = record::bucket(name.clone(), row).place(Family::Buckets, place)?;
        if named.is_empty() {
            return Ok(Some(bucket));
        }
        let place_of = |setting| keys::setting(bucket.id, record::setting_code(setting));
        let rows = named.iter().map(|setting| (Family::Settings, place_of(*setting)));
        let rows = std::iter::once((Family::Buckets, place.to_vec())).chain(rows).collect();
        let mut values = self.map.get(rows).await?.into_iter();
        // Settings change with the row that names them: while that is the same, so are they.
        if values.next().flatten().as_ref() != Some(&bucket.row) {
            return Ok(None);
        }
        let mut settings = BucketSettings::default();
        for (name, row) in named.into_iter().zip(values) {
            let read = row.ok_or(Malformed("it is missing")).and_then(|row| record::setting(name, &row));
            settings.set(read.place(Family::Settings, &place_of(name))?);
        }
        bucket.settings = Arc::new(settings);
        Ok(Some(bucket))
    }

    /// Buckets whose names begin with `prefix` and come after `after`, by name, `limit` at the most; and whether more
    /// would follow.
    ///
    /// # Errors
    /// [`CatalogError::Damaged`], [`CatalogError::Map`].
    pub async fn buckets(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<(Vec<Arc<Bucket>>, bool)> {
        self.buckets_where(prefix, after, limit, |_| true).await
    }

    /// The buckets of one account, as [`Catalog::buckets`] lists those of all.
    ///
    /// # Errors
    /// As [`Catalog::buckets`].
    pub async fn buckets_of(
        &self,
        owner: AccountId,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<Arc<Bucket>>, bool)> {
        // A row that cannot be read is somebody's, and is named when it is read whole.
        self.buckets_where(prefix, after, limit, move |row| record::bucket_owner(row).is_none_or(|of| of == owner))
            .await
    }

    async fn buckets_where(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
        is_wanted: impl Fn(&[u8]) -> bool + Send + 'static,
    ) -> Result<(Vec<Arc<Bucket>>, bool)> {
        let (from, until) = keys::buckets(prefix, after);
        if limit == 0 || from >= until {
            return Ok((Vec::new(), false));
        }
        let rows = gather(&*self.map, Family::Buckets, from, until, Vec::new(), move |rows, place, row| {
            if is_wanted(row) {
                rows.push((place.to_vec(), Bytes::copy_from_slice(row)));
            }
            if rows.len() > limit { Step::Stop } else { Step::Next }
        });
        let mut rows = rows.await?;
        let truncated = rows.len() > limit;
        rows.truncate(limit);
        let mut buckets = Vec::with_capacity(rows.len());
        for (place, row) in rows {
            let name = std::str::from_utf8(&place).ok().and_then(|name| BucketName::new(name).ok());
            let name = name.ok_or(Malformed("a bucket's name breaks the rules")).place(Family::Buckets, &place)?;
            let bucket = match self.with_settings(&name, &place, row).await? {
                Some(bucket) => Some(Arc::new(bucket)),
                None => self.bucket(&name).await?,
            };
            buckets.extend(bucket);
        }
        Ok((buckets, truncated))
    }

    /// Sets whether the bucket keeps versions.
    ///
    /// # Errors
    /// [`CatalogError::VersioningStays`] where it was ever enabled and would be unset, [`CatalogError::LockStays`] where
    /// the bucket locks objects and would no longer keep all their versions; [`CatalogError::BucketGone`],
    /// [`CatalogError::Map`].
    pub async fn set_versioning(
        &self,
        bucket: &Bucket,
        versioning: Versioning,
        now: Timestamp,
        by: &str,
    ) -> Result<Sequence> {
        if versioning == Versioning::Unversioned && bucket.versioning != Versioning::Unversioned {
            return Err(CatalogError::VersioningStays);
        }
        if versioning != Versioning::Enabled && bucket.settings.object_lock.is_some() {
            return Err(CatalogError::LockStays);
        }
        let change = Change { versioning: Some(versioning), ..Change::of_bucket(What::VersioningSet, bucket, now, by) };
        self.alter(Draft::new(bucket, now), bucket, &Bucket { versioning, ..bucket.clone() }, &change).await
    }

    /// Replaces the bucket's tags.
    ///
    /// # Errors
    /// [`CatalogError::BucketGone`], [`CatalogError::Map`].
    pub async fn set_bucket_tags(&self, bucket: &Bucket, tags: Tags, now: Timestamp, by: &str) -> Result<Sequence> {
        let change = Change { tags: tags.clone(), ..Change::of_bucket(What::BucketTagged, bucket, now, by) };
        self.alter(Draft::new(bucket, now), bucket, &Bucket { tags, ..bucket.clone() }, &change).await
    }

    /// Replaces a setting of the bucket, or takes it away.
    ///
    /// # Errors
    /// [`CatalogError::LockStays`] where the lock of a bucket's objects would be taken away, or given to a bucket that
    /// does not keep all their versions; [`CatalogError::BucketGone`], [`CatalogError::Map`].
    pub async fn set_bucket(&self, bucket: &Bucket, setting: Setting, now: Timestamp, by: &str) -> Result<Sequence> {
        if let Setting::ObjectLock(lock) = &setting
            && (lock.is_none() || bucket.versioning != Versioning::Enabled)
        {
            return Err(CatalogError::LockStays);
        }
        let name = setting.name();
        let place = keys::setting(bucket.id, record::setting_code(name));
        let mut draft = Draft::new(bucket, now);
        match record::setting_row(&setting) {
            Some(row) => draft.put(Family::Settings, place, row),
            None => draft.delete(Family::Settings, place),
        }
        let mut settings = (*bucket.settings).clone();
        settings.set(setting);
        let altered = Bucket { settings: Arc::new(settings), ..bucket.clone() };
        let change = Change { setting: Some(name), ..Change::of_bucket(What::BucketConfigured, bucket, now, by) };
        self.alter(draft, bucket, &altered, &change).await
    }

    /// Deletes a bucket that holds no versions. Its uploads are given up, and their bytes let go.
    ///
    /// # Errors
    /// [`CatalogError::BucketNotEmpty`], [`CatalogError::BucketGone`], [`CatalogError::Map`].
    pub async fn delete_bucket(&self, bucket: &Bucket, now: Timestamp, by: &str) -> Result<Sequence> {
        let mut draft = Draft::new(bucket, now);
        draft.expect_no_versions();
        draft.delete(Family::Buckets, keys::bucket(&bucket.name));
        for count in Count::ALL {
            draft.delete(Family::Counters, keys::counter(bucket.id, count));
        }
        draft.delete_range(Family::Settings, keys::all_of_bucket(bucket.id));
        draft.delete_range(Family::Graves, keys::all_of_bucket(bucket.id));
        draft.delete(Family::Graves, keys::horizon(bucket.id));
        draft.loose().bucket = Some(bucket.id);
        let change = Change::of_bucket(What::BucketDeleted, bucket, now, by);
        let sequence = self.commit_to_bucket(bucket, draft.finish(&change)).await?;
        sequence.ok_or(CatalogError::BucketNotEmpty)
    }

    /// What a bucket holds. All zero where there is none of that id.
    ///
    /// # Errors
    /// [`CatalogError::Damaged`], [`CatalogError::Map`].
    pub async fn counters(&self, bucket: BucketId) -> Result<BucketCounters> {
        let rows = self.get(Count::ALL.map(|count| (Family::Counters, keys::counter(bucket, count)))).await?;
        counters(bucket, rows)
    }

    /// What each of some buckets holds, all as of one moment.
    ///
    /// # Errors
    /// As [`Catalog::counters`].
    pub async fn counters_of(&self, buckets: &[BucketId]) -> Result<Vec<BucketCounters>> {
        let places = |bucket| Count::ALL.map(|count| (Family::Counters, keys::counter(bucket, count)));
        let mut rows = self.map.get(buckets.iter().flat_map(|bucket| places(*bucket)).collect()).await?.into_iter();
        let each = |bucket: &BucketId| counters(*bucket, Count::ALL.map(|_| rows.next().flatten()));
        buckets.iter().map(each).collect()
    }

    async fn alter(
        &self,
        mut draft: Draft<'_>,
        bucket: &Bucket,
        altered: &Bucket,
        change: &Change,
    ) -> Result<Sequence> {
        let place = Stamped::plain(keys::bucket(&bucket.name));
        draft.put_stamped(Family::Buckets, place, record::bucket_row(altered));
        let sequence = self.commit_to_bucket(bucket, draft.finish(change)).await?;
        sequence.ok_or(CatalogError::Contended)
    }

    /// Applies a batch that changes the bucket's own row.
    async fn commit_to_bucket(&self, bucket: &Bucket, batch: Batch) -> Result<Option<Sequence>> {
        self.cache.begin(&bucket.name);
        let committed = self.commit(bucket, batch).await;
        self.cache.end(&bucket.name);
        committed
    }
}

/// What the rows of a bucket's counters say, in the order of [`Count::ALL`].
fn counters(bucket: BucketId, rows: [Option<Bytes>; Count::ALL.len()]) -> Result<BucketCounters> {
    let mut counted = [0; Count::ALL.len()];
    for ((count, row), counted) in Count::ALL.into_iter().zip(rows).zip(&mut counted) {
        let number = row.map_or(Ok(0), |row| record::number(&row));
        let number = number.and_then(|number| u64::try_from(number).map_err(|_| Malformed("it is negative")));
        *counted = number.place(Family::Counters, &keys::counter(bucket, count))?;
    }
    let [objects, versions, bytes] = counted;
    Ok(BucketCounters { objects, versions, bytes })
}

/// The batch that makes a bucket which took its id from `next`.
fn creation(bucket: &Bucket, next: Bytes, place: Vec<u8>, now: Timestamp, by: &str) -> Batch {
    let following = Bytes::copy_from_slice(&(bucket.id.0 + 1).to_be_bytes());
    let versioning = Some(bucket.versioning).filter(|versioning| *versioning != Versioning::Unversioned);
    let change =
        Change { tags: bucket.tags.clone(), versioning, ..Change::of_bucket(What::BucketCreated, bucket, now, by) };
    let change = record::change_row(&change);
    let setting = |name| {
        let row = record::setting_row(&bucket.settings.get(name))?;
        Some(Edit::Put(Family::Settings, keys::setting(bucket.id, record::setting_code(name)), row))
    };
    let settings: Vec<Edit> = bucket.settings.names().filter_map(setting).collect();
    Batch {
        expectations: vec![
            Expectation::Absent(Family::Buckets, place.clone()),
            Expectation::Equals(Family::Lake, keys::LAKE_NEXT_BUCKET.to_vec(), next),
        ],
        edits: [
            Edit::Put(Family::Lake, keys::LAKE_NEXT_BUCKET.to_vec(), following),
            Edit::PutStamped { family: Family::Buckets, key: Stamped::plain(place), value: record::bucket_row(bucket) },
            Edit::PutStamped { family: Family::Changes, key: keys::sequence_stamped(), value: Stamped::plain(change) },
        ]
        .into_iter()
        .chain(settings)
        .collect(),
    }
}
