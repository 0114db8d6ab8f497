//! A change on its way to becoming a batch.

use bytes::Bytes;
use kernel::settings::{Counted, QuotaExceeded};
use kernel::{
    BlobId, Content, Extent, ObjectFacts, Placement, Release, Sequence, Standing, Timestamp, Version, VersionId,
    Versioning,
};

use super::error::Result;
use super::request::{Bucket, Change, NewAnnotation, Replaced, What};
use crate::key_value::{Batch, Edit, Expectation, Family, Stamped};
use crate::keys::{self, Count};
use crate::record::{self, Loose};

/// The place of the expectation on the bucket's row in every batch made here.
pub(super) const BUCKET_EXPECTATION: usize = 0;

/// What a quota bounds, by the counter that counts it.
const BOUNDED: [(Counted, Count); 2] = [(Counted::Bytes, Count::Bytes), (Counted::Objects, Count::Objects)];

/// The room in a quota that a draft asks for.
pub(super) struct Room {
    /// Where the expectations of it begin.
    begin: usize,
    /// What each says when it fails, but for what is used: nobody has read that.
    asked: Vec<QuotaExceeded>,
}

impl Room {
    /// What the failure of an expectation means, where it is one about room.
    pub(super) fn lacking(&self, failed: usize) -> Option<QuotaExceeded> {
        self.asked.get(failed.checked_sub(self.begin)?).copied()
    }
}

/// Gathers what a change expects, edits, counts and lets go of, in a bucket.
pub(super) struct Draft<'a> {
    bucket: &'a Bucket,
    batch: Batch,
    counted: [i64; Count::ALL.len()],
    loose: Loose,
}

pub(super) fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

impl<'a> Draft<'a> {
    pub(super) fn bucket(&self) -> &'a Bucket {
        self.bucket
    }

    /// A change that takes effect at `now`, while the bucket is as it was read.
    pub(super) fn new(bucket: &'a Bucket, now: Timestamp) -> Self {
        let expectation = Expectation::Equals(Family::Buckets, keys::bucket(&bucket.name), bucket.row.clone());
        Self {
            bucket,
            batch: Batch { expectations: vec![expectation], edits: Vec::new() },
            counted: Default::default(),
            loose: Loose { since: now, ..Loose::default() },
        }
    }

    /// The row must still be as it was read.
    pub(super) fn expect(&mut self, family: Family, key: Vec<u8>, read: Option<&Bytes>) {
        self.batch.expectations.push(match read {
            Some(value) => Expectation::Equals(family, key, value.clone()),
            None => Expectation::Absent(family, key),
        });
    }

    /// The bucket must hold no version.
    pub(super) fn expect_no_versions(&mut self) {
        let key = keys::counter(self.bucket.id, Count::Versions);
        self.batch.expectations.push(Expectation::SumAtMost { family: Family::Counters, key, plus: 0, max: 0 });
    }

    /// What the draft adds must fit into the bucket's quota. What adds nothing always fits. Called last: these
    /// expectations stand behind all others, so one of them fails only where everything else is as it was read.
    pub(super) fn expect_room(&mut self) -> Room {
        let mut room = Room { begin: self.batch.expectations.len(), asked: Vec::new() };
        let Some(quota) = self.bucket.settings.quota else { return room };
        for (of, count) in BOUNDED {
            let plus = self.counted.get(count as usize - 1).copied().unwrap_or_default();
            if let Some(max) = quota.bound(of).filter(|_| plus > 0) {
                let (family, key) = (Family::Counters, keys::counter(self.bucket.id, count));
                self.batch.expectations.push(Expectation::SumAtMost { family, key, plus, max: signed(max) });
                room.asked.push(QuotaExceeded { of, max, used: 0, plus: plus.unsigned_abs() });
            }
        }
        room
    }

    pub(super) fn put(&mut self, family: Family, key: Vec<u8>, value: impl Into<Bytes>) {
        self.batch.edits.push(Edit::Put(family, key, value.into()));
    }

    pub(super) fn put_stamped(&mut self, family: Family, key: Stamped, value: Stamped) {
        self.batch.edits.push(Edit::PutStamped { family, key, value });
    }

    pub(super) fn delete(&mut self, family: Family, key: Vec<u8>) {
        self.batch.edits.push(Edit::Delete(family, key));
    }

    pub(super) fn delete_range(&mut self, family: Family, range: keys::Range) {
        self.batch.edits.push(Edit::DeleteRange(family, range.0, range.1));
    }

    /// Adds one without ever being in conflict with another add.
    pub(super) fn add_one(&mut self, family: Family, key: Vec<u8>) {
        self.batch.edits.push(Edit::Add(family, key, 1));
    }

    pub(super) fn count(&mut self, count: Count, plus: i64) {
        if let Some(counted) = self.counted.get_mut(count as usize - 1) {
            *counted += plus;
        }
    }

    /// Loose ends beyond the blobs that are let go of one by one.
    pub(super) fn loose(&mut self) -> &mut Loose {
        &mut self.loose
    }

    /// New bytes: a piece in the catalogue, and where the others lie.
    pub(super) fn link(&mut self, inline: Option<(BlobId, Bytes)>, placements: &[(BlobId, Vec<Placement>)]) {
        if let Some((blob, sealed)) = inline {
            self.put(Family::Inline, keys::blob(blob), sealed);
        }
        for (blob, sites) in placements {
            self.put(Family::Blobs, keys::blob(*blob), record::placements_row(sites));
        }
    }

    /// Lets go of the bytes of an extent. Those in the catalogue vanish with the change, the others are the sweep's.
    pub(super) fn unlink(&mut self, extent: &Extent) {
        for piece in &extent.pieces {
            if piece.inline {
                self.delete(Family::Inline, keys::blob(piece.blob));
            } else {
                self.loose.blobs.push(piece.blob);
            }
        }
    }

    fn unlink_object(&mut self, facts: &ObjectFacts) {
        match &facts.content {
            Content::Whole(extent) => self.unlink(extent),
            Content::Parts { list, .. } => self.loose.list = Some(*list),
        }
    }

    /// Removes a version's row, lets go of its bytes, and counts it out. Where the bucket keeps versions a grave stays.
    /// The rows that name it are the caller's, and so is the expectation that the version is as it was read: the lock
    /// that is looked at here is then that of the moment when the batch takes effect. No version goes any other way.
    ///
    /// # Errors
    /// [`CatalogError::Locked`]
    pub(super) fn remove_version(&mut self, version: &Version, release: Release) -> Result<()> {
        if let Some(lock) = version.object().and_then(|facts| facts.protection.bars_removal(release)) {
            return Err(lock.into());
        }
        self.strike(version);
        self.delete(Family::Versions, keys::version(self.bucket.id, &version.key, version.sequence));
        if self.bucket.versioning != Versioning::Unversioned {
            self.bury(version);
        }
        self.count(Count::Versions, -1);
        if let Some(facts) = version.object() {
            self.count(Count::Bytes, -signed(facts.bytes) - signed(facts.annotations.bytes));
            self.unlink_object(facts);
            if !facts.annotations.is_empty() {
                self.loose.annotations = Some(version.id);
            }
        }
        Ok(())
    }

    fn bury(&mut self, version: &Version) {
        let grave = keys::grave(self.bucket.id, &version.key, version.sequence);
        let removal = Stamped::plain(record::removal_row(self.loose.since));
        self.put_stamped(Family::Graves, keys::removal_stamped(&grave), removal);
        self.put_stamped(Family::Graves, Stamped::plain(grave), record::grave_row(version));
    }

    /// Puts a version's row and the row that names it, and counts it in. `row` is its stored form.
    pub(super) fn add_version(&mut self, version: &Version, row: Stamped) {
        let (bucket, key) = (self.bucket.id, &version.key);
        self.put_stamped(Family::Versions, keys::version_stamped(bucket, key), row);
        self.enter_new(version);
        let (family, name) = match version.is_null {
            true => (Family::Null, keys::object(bucket, key)),
            false => (Family::ById, keys::by_id(bucket, key, version.id)),
        };
        self.put_stamped(family, Stamped::plain(name), record::sequence_row());
        self.count(Count::Versions, 1);
        let bytes = version.object().map_or(0, |facts| signed(facts.bytes) + signed(facts.annotations.bytes));
        self.count(Count::Bytes, bytes);
    }

    /// Puts the row of an annotation and links its bytes. The version's row and the bytes counted are the caller's.
    pub(super) fn add_annotation(&mut self, version: VersionId, new: &NewAnnotation) {
        self.link(new.inline.clone(), &new.placements);
        let place = keys::annotation(version, &new.annotation.name);
        self.put(Family::Annotations, place, record::annotation_row(&new.annotation));
    }

    /// The batch of a change that the log does not speak of.
    pub(super) fn finish_unlogged(mut self) -> Batch {
        for (count, plus) in Count::ALL.into_iter().zip(self.counted) {
            if plus != 0 {
                self.batch.edits.push(Edit::Add(Family::Counters, keys::counter(self.bucket.id, count), plus));
            }
        }
        if !self.loose.is_empty() {
            let row = Stamped::plain(record::loose_row(&self.loose));
            self.put_stamped(Family::Unlinked, keys::sequence_stamped(), row);
        }
        self.batch
    }

    /// The batch, with its one record of the log.
    pub(super) fn finish(mut self, change: &Change) -> Batch {
        let row = Stamped::plain(record::change_row(change));
        self.put_stamped(Family::Changes, keys::sequence_stamped(), row);
        self.finish_unlogged()
    }
}

impl Change {
    /// A change of a bucket.
    pub(super) fn of_bucket(what: What, bucket: &Bucket, when: Timestamp, by: &str) -> Self {
        Self {
            sequence: Sequence::ZERO,
            what,
            when,
            by: by.to_owned(),
            bucket: bucket.id,
            bucket_name: bucket.name.clone(),
            versioning: None,
            key: None,
            version: None,
            is_null: false,
            is_marker: false,
            bytes: 0,
            etag: None,
            tags: kernel::Tags::default(),
            upload: None,
            replaced: None,
            setting: None,
            annotation: None,
        }
    }

    /// A change of a version.
    pub(super) fn of_version(what: What, bucket: &Bucket, version: &Version, when: Timestamp, by: &str) -> Self {
        let facts = version.object();
        Self {
            key: Some(version.key.clone()),
            version: Some(version.id),
            is_null: version.is_null,
            is_marker: version.standing == Standing::Marker,
            bytes: facts.map_or(0, |facts| facts.bytes),
            etag: facts.map(|facts| facts.etag),
            tags: facts.map(|facts| facts.tags.clone()).unwrap_or_default(),
            ..Self::of_bucket(what, bucket, when, by)
        }
    }
}

impl From<&Version> for Replaced {
    fn from(version: &Version) -> Self {
        Self {
            version: version.id,
            is_marker: version.standing == Standing::Marker,
            bytes: version.object().map_or(0, |facts| facts.bytes),
        }
    }
}
