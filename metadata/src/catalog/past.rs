//! How things were: what was the newest version of a key right after a change.
//!
//! Nothing is stored for that which is not there anyway: versions know the change they came with, and of one that was
//! removed for good a grave stays, which knows from which change to which it lived. As of a sequence a key's newest
//! version is then the one with the highest sequence up to there, among those that still exist and those whose graves
//! say that they existed then. When graves are given up, the horizon of their bucket rises to the latest of those
//! removals; below the horizon nothing is known any more, at and above it nothing has changed.
//!
//! Versions are read first, then graves, then the horizon, each as of a later sequence than the one before. So a version
//! that is removed meanwhile is met as itself, as a grave, or by a horizon above it: it is never missed.

use bytes::Bytes;
use kernel::{BucketId, ObjectKey, Sequence, Timestamp, Version};

use super::error::NoPast;
use super::request::{Bucket, Grave, Past};
use super::{ATTEMPTS, Catalog, CatalogError, Place, Result};
use crate::key_value::{Batch, Edit, Expectation, Family, KeyValueError, Step, gather};
use crate::keys;
use crate::record::{self, Malformed};

/// Graves of one key that are looked through at the most.
pub(super) const GRAVES_OF_KEY_MAX: usize = 100_000;

pub(super) const MISPLACED: Malformed = Malformed("it stands in the wrong place");

/// The change from which on removed versions leave graves in this lake.
pub(super) async fn graves_since(map: &dyn crate::KeyValue) -> Result<Sequence> {
    let place = keys::LAKE_GRAVES_SINCE.to_vec();
    for _ in 0..ATTEMPTS {
        let found = map.get(vec![(Family::Lake, place.clone())]).await?;
        if let Some(Some(row)) = found.first() {
            return record::sequence(row).place(Family::Lake, &place);
        }
        // The lake was made by a program that knew no graves.
        let batch =
            Batch { expectations: vec![Expectation::Absent(Family::Lake, place.clone())], edits: vec![graves_begin()] };
        match map.apply(batch).await {
            Ok(_) | Err(KeyValueError::Conflict { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(CatalogError::Contended)
}

/// From the change with this edit on removed versions leave graves.
pub(super) fn graves_begin() -> Edit {
    let key = crate::Stamped::plain(keys::LAKE_GRAVES_SINCE);
    Edit::PutStamped { family: Family::Lake, key, value: record::sequence_row() }
}

impl Catalog {
    /// What was the newest version of a key right after change `at`, tags excepted, which are those of now.
    ///
    /// # Errors
    /// [`CatalogError::NoPast`], [`CatalogError::Damaged`], [`CatalogError::Map`].
    pub async fn version_as_of(&self, bucket: &Bucket, key: &ObjectKey, at: Sequence) -> Result<Past> {
        self.check_past(bucket, at)?;
        let version = self.version_until(bucket.id, key, at).await?;
        let grave = self.grave_at(bucket.id, key, at, version.as_ref()).await?;
        self.check_horizon(bucket.id, at).await?;
        Ok(match (grave, version) {
            (Some(grave), _) => Past::Grave(grave),
            (None, Some(version)) => Past::Version(Box::new(version)),
            (None, None) => Past::Nothing,
        })
    }

    /// The past must be one that the bucket had, and over.
    pub(super) fn check_past(&self, bucket: &Bucket, at: Sequence) -> Result<()> {
        let since = bucket.versioned_since.ok_or(NoPast::Unversioned)?.max(self.graves_since);
        if at < since {
            return Err(NoPast::BeforeHistory { since }.into());
        }
        let last = self.map.durable();
        if at > last { Err(NoPast::Future { last }.into()) } else { Ok(()) }
    }

    /// The past must not be forgotten yet. Asked for when all else has been read.
    pub(super) async fn check_horizon(&self, bucket: BucketId, at: Sequence) -> Result<()> {
        let place = keys::horizon(bucket);
        let [row] = self.get([(Family::Graves, place.clone())]).await?;
        let Some(row) = row else { return Ok(()) };
        let horizon = record::sequence(&row).place(Family::Graves, &place)?;
        if at < horizon { Err(NoPast::BeforeHorizon { horizon }.into()) } else { Ok(()) }
    }

    /// The version that was the newest then, as far as graves do not know of a newer one than `version`.
    async fn grave_at(
        &self,
        bucket: BucketId,
        key: &ObjectKey,
        at: Sequence,
        version: Option<&Version>,
    ) -> Result<Option<Grave>> {
        let newest = version.map_or(Sequence::ZERO, |version| version.sequence);
        let from = keys::grave(bucket, key, at);
        let (_, until) = keys::versions_of(bucket, key);
        let looked_through = (Ok(None), 0);
        let walk = gather(&*self.map, Family::Graves, from, until, looked_through, move |(found, seen), place, row| {
            *seen += 1;
            let grave = keys::split_version(place).ok_or(MISPLACED).and_then(|(_, from)| record::grave(from, row));
            *found = match grave.place(Family::Graves, place) {
                Ok(grave) if grave.from < newest => Ok(None),
                Ok(grave) if grave.to > at => Ok(Some(grave)),
                Ok(_) if *seen < GRAVES_OF_KEY_MAX => return Step::Next,
                Ok(_) => Err(NoPast::TooManyGraves.into()),
                Err(error) => Err(error),
            };
            Step::Stop
        });
        walk.await?.0
    }

    /// Gives up graves of versions that were removed up to `until`, the oldest removals first and `limit` at the most, and
    /// raises the horizons of their buckets. Gives back how many.
    ///
    /// # Errors
    /// [`CatalogError::Contended`], [`CatalogError::Damaged`], [`CatalogError::Map`].
    pub async fn forget_graves(&self, until: Timestamp, limit: usize) -> Result<usize> {
        for _ in 0..ATTEMPTS {
            let due = self.removals(until, limit).await?;
            if due.is_empty() {
                return Ok(0);
            }
            let count = due.len();
            match self.map.apply(self.forgetting(due).await?).await {
                Ok(_) => return Ok(count),
                // A bucket was deleted with its graves.
                Err(KeyValueError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(CatalogError::Contended)
    }

    /// Keys of removals up to `until`.
    async fn removals(&self, until: Timestamp, limit: usize) -> Result<Vec<Vec<u8>>> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        let (from, end) = keys::removals();
        let gathered = (Vec::new(), None);
        let walk = gather(&*self.map, Family::Graves, from, end, gathered, move |(due, damage), place, row| {
            match record::removal(row).place(Family::Graves, place) {
                // Were one behind it given up, the horizon would pass this one.
                Ok(when) if when > until => return Step::Stop,
                Ok(_) => due.push(place.to_vec()),
                Err(error) => *damage = Some(error),
            }
            if due.len() < limit && damage.is_none() { Step::Next } else { Step::Stop }
        });
        match walk.await? {
            (due, None) => Ok(due),
            (_, Some(error)) => Err(error),
        }
    }

    async fn forgetting(&self, removals: Vec<Vec<u8>>) -> Result<Batch> {
        let mut dug = Vec::with_capacity(removals.len());
        for removal in &removals {
            let (to, grave) = keys::split_removal(removal).ok_or(MISPLACED).place(Family::Graves, removal)?;
            dug.push((to, grave.to_vec()));
        }
        let graves = dug.iter().map(|(_, grave)| (Family::Graves, grave.clone())).collect();
        let graves = self.map.get(graves).await?;
        let mut batch = Batch::default();
        batch.edits.extend(removals.into_iter().map(|removal| Edit::Delete(Family::Graves, removal)));
        let mut horizons = std::collections::BTreeMap::new();
        for ((to, grave), row) in dug.into_iter().zip(graves) {
            // Those of a bucket that is no more went with it.
            let Some(row) = row else { continue };
            let bucket = keys::bucket_of(&grave).ok_or(MISPLACED).place(Family::Graves, &grave)?;
            let horizon = horizons.entry(bucket).or_insert(to);
            *horizon = to.max(*horizon);
            batch.expectations.push(Expectation::Equals(Family::Graves, grave.clone(), row));
            batch.edits.push(Edit::Delete(Family::Graves, grave));
        }
        for (bucket, horizon) in horizons {
            self.raise(&mut batch, bucket, horizon).await?;
        }
        Ok(batch)
    }

    async fn raise(&self, batch: &mut Batch, bucket: BucketId, horizon: Sequence) -> Result<()> {
        let place = keys::horizon(bucket);
        let [row] = self.get([(Family::Graves, place.clone())]).await?;
        let raised = match &row {
            Some(row) => record::sequence(row).place(Family::Graves, &place)?.max(horizon),
            None => horizon,
        };
        batch.expectations.push(match row {
            Some(row) => Expectation::Equals(Family::Graves, place.clone(), row),
            None => Expectation::Absent(Family::Graves, place.clone()),
        });
        batch.edits.push(Edit::Put(Family::Graves, place, Bytes::from(keys::sequence(raised))));
        Ok(())
    }
}
