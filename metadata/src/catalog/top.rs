//! The newest version of a key, and versions by their names: how they are read, and what a change expects of them.

use bytes::Bytes;
use kernel::{BucketId, ObjectFacts, ObjectKey, Sequence, Version, VersionName, Versioning, WriteCondition};

use super::draft::Draft;
use super::request::{Bucket, Veil};
use super::{ATTEMPTS, Catalog, CatalogError, Place, Result};
use crate::key_value::{Family, Step, gather};
use crate::keys::{self, Count};
use crate::record;

/// A version and its row, byte for byte.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    pub(super) version: Version,
    pub(super) row: Bytes,
}

impl Stored {
    fn read(family: Family, place: &[u8], key: &ObjectKey, row: Bytes) -> Result<Self> {
        let version = record::version(key.clone(), &row).place(family, place)?;
        Ok(Self { version, row })
    }
}

/// What stands at the top of a key's history.
#[derive(Debug, Clone)]
pub(super) enum Top {
    /// An object: it is current.
    Object(Box<Stored>),
    /// A marker, by its sequence and the row that says so.
    Marker(Sequence, Bytes),
    /// The key has no versions.
    Nothing,
}

impl Top {
    /// From the rows that say it: of `current`, and of the newest marker.
    fn read(bucket: BucketId, key: &ObjectKey, rows: [Option<Bytes>; 2]) -> Result<Self> {
        Ok(match rows {
            [Some(row), _] => {
                Self::Object(Box::new(Stored::read(Family::Current, &keys::object(bucket, key), key, row)?))
            }
            [None, Some(row)] => {
                let place = keys::newest_marker(bucket, key);
                Self::Marker(record::sequence(&row).place(Family::ById, &place)?, row)
            }
            [None, None] => Self::Nothing,
        })
    }

    /// Says whether the current object is as it must be. Of one that is unseen no tag is compared.
    pub(super) fn judge(&self, condition: &WriteCondition, unseen: &Veil<ObjectFacts>) -> Result<()> {
        let failed = match self.object() {
            Some(facts) if unseen.hides(facts) => condition.failed_unseen(),
            facts => condition.failed_by(facts.map(|facts| &facts.etag)),
        };
        failed.map_or(Ok(()), |unexpected| Err(CatalogError::Condition(unexpected)))
    }

    pub(super) fn object(&self) -> Option<&ObjectFacts> {
        match self {
            Self::Object(stored) => stored.version.object(),
            Self::Marker(..) | Self::Nothing => None,
        }
    }

    pub(super) fn sequence(&self) -> Option<Sequence> {
        match self {
            Self::Object(stored) => Some(stored.version.sequence),
            Self::Marker(sequence, _) => Some(*sequence),
            Self::Nothing => None,
        }
    }

    /// The top must still be as it was read.
    pub(super) fn expect(&self, draft: &mut Draft<'_>, bucket: &Bucket, key: &ObjectKey) {
        let current = keys::object(bucket.id, key);
        match self {
            Self::Object(stored) => draft.expect(Family::Current, current, Some(&stored.row)),
            Self::Marker(_, row) => draft.expect(Family::ById, keys::newest_marker(bucket.id, key), Some(row)),
            Self::Nothing => {
                draft.expect(Family::Current, current, None);
                if bucket.versioning != Versioning::Unversioned {
                    draft.expect(Family::ById, keys::newest_marker(bucket.id, key), None);
                }
            }
        }
    }

    /// Takes away the row that says what the top is, where `successor` does not write over it, and counts.
    pub(super) fn replace(&self, draft: &mut Draft<'_>, bucket: &Bucket, key: &ObjectKey, successor: Successor) {
        match (self, successor) {
            (Self::Object(_), Successor::Marker | Successor::Nothing) => {
                draft.delete(Family::Current, keys::object(bucket.id, key));
                draft.count(Count::Objects, -1);
            }
            (Self::Marker(..), Successor::Object | Successor::Nothing) => {
                draft.delete(Family::ById, keys::newest_marker(bucket.id, key));
            }
            _ => {}
        }
        if successor == Successor::Object && !matches!(self, Self::Object(_)) {
            draft.count(Count::Objects, 1);
        }
    }
}

/// What comes to the top next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Successor {
    Object,
    Marker,
    Nothing,
}

/// A version asked for by name, and what stood around it.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) top: Top,
    name: Option<VersionName>,
    /// The row by which it is named, where a name was given.
    named: Option<Bytes>,
    /// The version; none where there is none of that name, or no version at all.
    pub(super) stored: Option<Stored>,
}

impl Found {
    /// Whether it is the key's newest version.
    pub(super) fn is_top(&self) -> bool {
        self.stored.as_ref().is_some_and(|stored| self.top.sequence() == Some(stored.version.sequence))
    }

    /// Top and name must still lead where they did, and the version be what it was.
    pub(super) fn expect(&self, draft: &mut Draft<'_>, bucket: &Bucket, key: &ObjectKey) {
        self.top.expect(draft, bucket, key);
        if let Some(stored) = self.stored.as_ref().filter(|_| !self.is_top()) {
            let place = keys::version(bucket.id, key, stored.version.sequence);
            draft.expect(Family::Versions, place, Some(&stored.row));
        }
        if let Some(name) = self.name {
            let (family, place) = name_row(bucket.id, key, name);
            draft.expect(family, place, self.named.as_ref());
        }
    }
}

impl Catalog {
    /// The newest version of a key.
    pub(super) async fn top(&self, bucket: BucketId, key: &ObjectKey) -> Result<Top> {
        let (current, marker) = (keys::object(bucket, key), keys::newest_marker(bucket, key));
        let rows = self.get([(Family::Current, current), (Family::ById, marker)]).await?;
        Top::read(bucket, key, rows)
    }

    /// The current object where the bucket never kept versions: there it is all there is.
    pub(super) async fn only(&self, bucket: BucketId, key: &ObjectKey) -> Result<Top> {
        let [current] = self.get([(Family::Current, keys::object(bucket, key))]).await?;
        Top::read(bucket, key, [current, None])
    }

    /// The version of that name, else the newest.
    pub(super) async fn find(&self, bucket: BucketId, key: &ObjectKey, name: Option<VersionName>) -> Result<Found> {
        for _ in 0..ATTEMPTS {
            let (top, named) = match name.map(|name| name_row(bucket, key, name)) {
                None => (self.top(bucket, key).await?, None),
                Some(name) => {
                    let (current, marker) = (keys::object(bucket, key), keys::newest_marker(bucket, key));
                    let rows = [(Family::Current, current), (Family::ById, marker), name];
                    let [current, marker, named] = self.get(rows).await?;
                    (Top::read(bucket, key, [current, marker])?, named)
                }
            };
            let sequence = match (name, &named) {
                (None, _) => top.sequence(),
                (Some(_), None) => None,
                (Some(name), Some(row)) => {
                    let (family, place) = name_row(bucket, key, name);
                    Some(record::sequence(row).place(family, &place)?)
                }
            };
            let Some(sequence) = sequence else { return Ok(Found { top, name, named, stored: None }) };
            let stored = match &top {
                Top::Object(stored) if stored.version.sequence == sequence => Some((**stored).clone()),
                _ => self.version_at(bucket, key, sequence).await?,
            };
            // Without it, it was removed after its name was read: ask again.
            if stored.is_some() {
                return Ok(Found { top, name, named, stored });
            }
        }
        Err(CatalogError::Contended)
    }

    /// The version that came with `sequence`; none where it was removed in the meantime.
    async fn version_at(&self, bucket: BucketId, key: &ObjectKey, sequence: Sequence) -> Result<Option<Stored>> {
        let place = keys::version(bucket, key, sequence);
        let [row] = self.get([(Family::Versions, place.clone())]).await?;
        row.map(|row| Stored::read(Family::Versions, &place, key, row)).transpose()
    }

    /// The newest version older than `sequence`.
    pub(super) async fn version_before(
        &self,
        bucket: BucketId,
        key: &ObjectKey,
        sequence: Sequence,
    ) -> Result<Option<Stored>> {
        self.first_version(bucket, key, keys::after_row(&keys::version(bucket, key, sequence))).await
    }

    /// The newest version that came with `sequence` or before.
    pub(super) async fn version_until(
        &self,
        bucket: BucketId,
        key: &ObjectKey,
        sequence: Sequence,
    ) -> Result<Option<Version>> {
        let found = self.first_version(bucket, key, keys::version(bucket, key, sequence)).await?;
        Ok(found.map(|stored| stored.version))
    }

    async fn first_version(&self, bucket: BucketId, key: &ObjectKey, from: Vec<u8>) -> Result<Option<Stored>> {
        let (_, until) = keys::versions_of(bucket, key);
        let found = gather(&*self.map, Family::Versions, from, until, None, |found, place, row| {
            *found = Some((place.to_vec(), Bytes::copy_from_slice(row)));
            Step::Stop
        });
        let found = found.await?;
        found.map(|(place, row)| Stored::read(Family::Versions, &place, key, row)).transpose()
    }
}

/// The row by which a version is named.
pub(super) fn name_row(bucket: BucketId, key: &ObjectKey, name: VersionName) -> (Family, Vec<u8>) {
    match name {
        VersionName::Null => (Family::Null, keys::object(bucket, key)),
        VersionName::Id(id) => (Family::ById, keys::by_id(bucket, key, id)),
    }
}
