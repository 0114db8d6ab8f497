//! Writing a version: an object put whole, an upload completed, or a marker.

use kernel::settings::QuotaExceeded;
use kernel::{AnnotationSum, Content, Embargo, ObjectKey, Release, Sequence, Standing, Timestamp, Version, Versioning};

use super::draft::Draft;
use super::request::{Bucket, Change, NewAnnotation, NewVersion, Replaced, What};
use super::top::{Found, Successor, Top};
use super::{ATTEMPTS, Catalog, CatalogError, Result};
use crate::key_value::{Family, Stamped};
use crate::{keys, record};

/// What a write finds under its key.
pub(super) enum Ground {
    /// The bucket never kept versions: the object there, if any, is replaced.
    Only(Top),
    /// The bucket keeps versions: the write goes on top.
    OnTop(Top),
    /// Versioning is suspended: the write goes on top, and the version named `null` vanishes from wherever it stands.
    WithoutNull(Found),
}

impl Ground {
    pub(super) fn top(&self) -> &Top {
        match self {
            Self::Only(top) | Self::OnTop(top) => top,
            Self::WithoutNull(found) => &found.top,
        }
    }

    fn replaced(&self) -> Option<&Version> {
        match self {
            Self::Only(Top::Object(stored)) => Some(&stored.version),
            Self::WithoutNull(found) => found.stored.as_ref().map(|stored| &stored.version),
            Self::Only(_) | Self::OnTop(_) => None,
        }
    }

    /// Puts `version`, stored as `row`, on top.
    ///
    /// # Errors
    /// [`CatalogError::Locked`] where that would remove a version which `release` does not free.
    pub(super) fn write(
        &self,
        draft: &mut Draft<'_>,
        version: &Version,
        row: Stamped,
        release: Release,
    ) -> Result<Option<Replaced>> {
        let (bucket, key) = (draft.bucket(), &version.key);
        match self {
            Self::Only(top) | Self::OnTop(top) => top.expect(draft, bucket, key),
            Self::WithoutNull(found) => found.expect(draft, bucket, key),
        }
        let replaced = self.replaced();
        if let Some(replaced) = replaced {
            draft.remove_version(replaced, release)?;
        }
        let is_object = version.standing != Standing::Marker;
        self.top().replace(draft, bucket, key, if is_object { Successor::Object } else { Successor::Marker });
        draft.add_version(version, row.clone());
        if is_object {
            draft.put_stamped(Family::Current, Stamped::plain(keys::object(bucket.id, key)), row);
        } else {
            let place = Stamped::plain(keys::newest_marker(bucket.id, key));
            draft.put_stamped(Family::ById, place, record::sequence_row());
        }
        Ok(replaced.map(Replaced::from))
    }
}

/// Closes a version as firmly as the object is that it will stand over; says whether that changed it.
fn keep_embargo(version: &mut Version, over: &Top, now: Timestamp) -> bool {
    let standing = over.object().and_then(|facts| facts.protection.embargo.clone());
    let Some(standing) = standing.filter(|embargo| embargo.is_in_force(now)) else { return false };
    let Standing::Object(facts) = &mut version.standing else { return false };
    let own = facts.protection.embargo.take();
    facts.protection.embargo = Embargo::stricter(own.clone(), Some(standing), now);
    facts.protection.embargo != own
}

impl Catalog {
    pub(super) async fn ground(&self, bucket: &Bucket, key: &ObjectKey) -> Result<Ground> {
        Ok(match bucket.versioning {
            Versioning::Unversioned => Ground::Only(self.only(bucket.id, key).await?),
            Versioning::Enabled => Ground::OnTop(self.top(bucket.id, key).await?),
            Versioning::Suspended => {
                Ground::WithoutNull(self.find(bucket.id, key, Some(kernel::VersionName::Null)).await?)
            }
        })
    }

    /// Writes a version, if the current object is as `put.condition` says when the write takes effect. Where the bucket
    /// does not keep versions, the one named `null` is replaced and its bytes are let go.
    ///
    /// # Errors
    /// [`CatalogError::BucketGone`], [`CatalogError::Condition`], [`CatalogError::Contended`], [`CatalogError::Map`];
    /// [`CatalogError::QuotaExceeded`], found when the write takes effect; [`CatalogError::LocksNothing`];
    /// [`CatalogError::Locked`] where the version that would be replaced is or was retained;
    /// for a completion also [`CatalogError::UploadGone`], which comes before a failed condition, and
    /// [`CatalogError::PartChanged`].
    pub async fn put(&self, bucket: &Bucket, put: NewVersion<'_>) -> Result<Version> {
        let NewVersion {
            key,
            id,
            now,
            mut facts,
            inline,
            placements,
            condition,
            unseen,
            by,
            completes,
            annotations,
            keeps_embargo,
        } = put;
        let _upload_ends = match &completes {
            Some(completion) => Some(self.locks.upload(completion.upload.id).await),
            None => None,
        };
        let _key_changes = self.locks.key(bucket.id, key).await;
        if let Some(completion) = &completes {
            let count = u16::try_from(completion.parts.len()).map_err(|_| CatalogError::PartChanged(u16::MAX))?;
            facts.content = Content::Parts { list: completion.upload.id, count };
        }
        if facts.protection.concerns_removal() && bucket.settings.object_lock.is_none() {
            return Err(CatalogError::LocksNothing);
        }
        let sum = |sum: AnnotationSum, new: &NewAnnotation| sum.plus(new.annotation.bytes);
        facts.annotations = annotations.iter().fold(AnnotationSum::default(), sum);
        let mut version = Version {
            key: key.clone(),
            id,
            is_null: bucket.versioning != Versioning::Enabled,
            sequence: Sequence::ZERO,
            modified: now,
            standing: Standing::Object(Box::new(facts)),
        };
        let mut row = record::version_row(&version);
        for _ in 0..ATTEMPTS {
            let mut draft = Draft::new(bucket, now);
            if let Some(completion) = &completes {
                self.complete(&mut draft, bucket, completion).await?;
            }
            let ground = self.ground(bucket, key).await?;
            ground.top().judge(condition, &unseen)?;
            if keeps_embargo.is_some_and(|now| keep_embargo(&mut version, ground.top(), now)) {
                row = record::version_row(&version);
            }
            draft.link(inline.clone(), &placements);
            annotations.iter().for_each(|new| draft.add_annotation(id, new));
            let change = Change {
                replaced: ground.write(&mut draft, &version, row.clone(), Release::NONE)?,
                upload: completes.as_ref().map(|completion| completion.upload.id),
                ..Change::of_version(What::ObjectWritten, bucket, &version, now, by)
            };
            if let Some(sequence) = self.commit_with_room(bucket, draft, &change).await? {
                version.sequence = sequence;
                return Ok(version);
            }
        }
        Err(CatalogError::Contended)
    }

    /// Applies a draft whose additions must fit into the bucket's quota; none where it must be decided again.
    pub(super) async fn commit_with_room(
        &self,
        bucket: &Bucket,
        mut draft: Draft<'_>,
        change: &Change,
    ) -> Result<Option<Sequence>> {
        let room = draft.expect_room();
        let failed = match self.attempt(bucket, draft.finish(change)).await? {
            Ok(sequence) => return Ok(Some(sequence)),
            Err(failed) => failed,
        };
        let Some(exceeded) = room.lacking(failed) else { return Ok(None) };
        let used = self.counters(bucket.id).await?.counted(exceeded.of);
        Err(QuotaExceeded { used, ..exceeded }.into())
    }
}
