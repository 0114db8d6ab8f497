//! Deleting: a marker over a key, or a version removed for good.

use bytes::Bytes;
use kernel::{Sequence, Standing, Version, VersionName, Versioning};

use super::draft::Draft;
use super::request::{Bucket, Change, Deletion, DeletionDone, What};
use super::top::{Found, Successor, name_row};
use super::{ATTEMPTS, Catalog, CatalogError, Result};
use crate::key_value::Family;
use crate::{keys, record};

impl Catalog {
    /// Deletes as S3 does. A version that is named is removed for good, and where it was the newest, the next one is
    /// current. A key is covered by a marker where its bucket keeps versions; where versioning is suspended by a marker
    /// named `null`, in the place of the version of that name; else its only version is removed. Deleting what is not
    /// there succeeds and changes nothing, except that a marker is made over any key.
    ///
    /// # Errors
    /// [`CatalogError::Locked`] where the version that would go is locked, and `release` does not free it when the
    /// deletion takes effect; [`CatalogError::BucketGone`], [`CatalogError::Condition`], [`CatalogError::Contended`],
    /// [`CatalogError::Map`].
    pub async fn delete(&self, bucket: &Bucket, deletion: Deletion<'_>) -> Result<DeletionDone> {
        let _key_changes = self.locks.key(bucket.id, deletion.key).await;
        for _ in 0..ATTEMPTS {
            let done = match (deletion.name, bucket.versioning) {
                (None, Versioning::Enabled | Versioning::Suspended) => self.mark(bucket, &deletion).await?,
                (None, Versioning::Unversioned) => self.remove(bucket, &deletion, VersionName::Null).await?,
                (Some(name), _) => self.remove(bucket, &deletion, name).await?,
            };
            if let Some(done) = done {
                return Ok(done);
            }
        }
        Err(CatalogError::Contended)
    }

    /// Puts a marker on top of the key; none where that must be decided again.
    async fn mark(&self, bucket: &Bucket, deletion: &Deletion<'_>) -> Result<Option<DeletionDone>> {
        let ground = self.ground(bucket, deletion.key).await?;
        ground.top().judge(deletion.condition, &deletion.unseen)?;
        let marker = Version {
            key: deletion.key.clone(),
            id: deletion.marker,
            is_null: bucket.versioning != Versioning::Enabled,
            sequence: Sequence::ZERO,
            modified: deletion.now,
            standing: Standing::Marker,
        };
        let mut draft = Draft::new(bucket, deletion.now);
        let change = Change {
            replaced: ground.write(&mut draft, &marker, record::version_row(&marker), deletion.release)?,
            ..Change::of_version(What::MarkerWritten, bucket, &marker, deletion.now, deletion.by)
        };
        let sequence = self.commit(bucket, draft.finish(&change)).await?;
        let done = |sequence| DeletionDone { name: Some(marker.name()), is_marker: true, sequence: Some(sequence) };
        Ok(sequence.map(done))
    }

    /// Removes a version for good; none where that must be decided again.
    async fn remove(
        &self,
        bucket: &Bucket,
        deletion: &Deletion<'_>,
        name: VersionName,
    ) -> Result<Option<DeletionDone>> {
        let found = self.find(bucket.id, deletion.key, Some(name)).await?;
        found.top.judge(deletion.condition, &deletion.unseen)?;
        let Some(stored) = &found.stored else {
            return Ok(Some(DeletionDone { name: deletion.name, is_marker: false, sequence: None }));
        };
        let version = &stored.version;
        let mut draft = Draft::new(bucket, deletion.now);
        found.expect(&mut draft, bucket, &version.key);
        draft.remove_version(version, deletion.release)?;
        let (family, place) = name_row(bucket.id, &version.key, name);
        draft.delete(family, place);
        if found.is_top() {
            self.uncover(&mut draft, bucket, version, &found).await?;
        }
        let change = Change::of_version(What::VersionRemoved, bucket, version, deletion.now, deletion.by);
        let sequence = self.commit(bucket, draft.finish(&change)).await?;
        let is_marker = version.standing == Standing::Marker;
        Ok(sequence.map(|sequence| DeletionDone { name: deletion.name, is_marker, sequence: Some(sequence) }))
    }

    /// Makes the version below `top` the newest.
    async fn uncover(&self, draft: &mut Draft<'_>, bucket: &Bucket, top: &Version, found: &Found) -> Result<()> {
        let key = &top.key;
        let below = match bucket.versioning {
            Versioning::Unversioned => None,
            _ => self.version_before(bucket.id, key, top.sequence).await?,
        };
        let Some(below) = below else {
            found.top.replace(draft, bucket, key, Successor::Nothing);
            return Ok(());
        };
        let sequence = below.version.sequence;
        draft.expect(Family::Versions, keys::version(bucket.id, key, sequence), Some(&below.row));
        if below.version.standing == Standing::Marker {
            found.top.replace(draft, bucket, key, Successor::Marker);
            let row = Bytes::copy_from_slice(&sequence.to_bits().to_be_bytes());
            draft.put(Family::ById, keys::newest_marker(bucket.id, key), row);
        } else {
            found.top.replace(draft, bucket, key, Successor::Object);
            draft.put(Family::Current, keys::object(bucket.id, key), below.row);
        }
        Ok(())
    }
}
