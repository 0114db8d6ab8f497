//! The calendar: instants at which the answer to a question about a version changes by itself.
//!
//! A version that is retained stands in it at the end of its retention, one under embargo at the end of that; an embargo
//! that was lifted ends nothing any more. The rows are written and removed in the batches that write, amend and remove
//! the version's own row, so the calendar holds exactly what the versions say. Nothing in the lake waits for an instant to
//! be looked up here: whether a version is locked or closed is answered by the version itself and the time. What stands
//! in the past stays until the version goes or is amended.

use bytes::Bytes;
use kernel::{BucketId, ObjectKey, Sequence, Timestamp, Version, VersionName};

use super::draft::Draft;
use super::{Catalog, Place, Result};
use crate::key_value::{Family, Stamped, Step, gather};
use crate::record::Malformed;
use crate::{keys, record};

/// What happens to a version at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Turning {
    /// Its retention ends.
    RetentionEnds = 1,
    /// Its embargo ends.
    EmbargoEnds = 2,
}

impl Turning {
    /// All.
    pub const ALL: [Self; 2] = [Self::RetentionEnds, Self::EmbargoEnds];
}

/// An instant and what happens to a version at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CalendarEntry {
    /// When.
    pub at: Timestamp,
    /// What happens.
    pub what: Turning,
    /// The bucket.
    pub bucket: BucketId,
    /// The key.
    pub key: ObjectKey,
    /// The change that wrote the version.
    pub sequence: Sequence,
    /// How S3 names the version.
    pub version: VersionName,
}

/// Asks what happens, and when.
#[derive(Debug, Clone, Copy)]
pub struct CalendarScan<'a> {
    /// From this instant on. Instants before 1970 stand at its beginning.
    pub from: Timestamp,
    /// Before this one.
    pub until: Timestamp,
    /// Only what stands behind this entry.
    pub after: Option<&'a CalendarEntry>,
    /// Entries at the most.
    pub limit: usize,
}

/// What is to happen to a version by itself.
fn turnings(version: &Version) -> impl Iterator<Item = (Turning, Timestamp)> {
    let protection = version.object().map(|facts| &facts.protection);
    let retention = protection.and_then(|protection| protection.retention);
    let embargo = protection.and_then(|protection| protection.embargo.as_ref());
    let embargo = embargo.filter(|embargo| embargo.lift.is_none());
    let retention = retention.map(|retention| (Turning::RetentionEnds, retention.until));
    retention.into_iter().chain(embargo.map(|embargo| (Turning::EmbargoEnds, embargo.until)))
}

impl Draft<'_> {
    fn calendar_place(&self, version: &Version, (what, at): (Turning, Timestamp)) -> Stamped {
        keys::calendar_stamped(at, what as u8, self.bucket().id, &version.key)
    }

    /// Enters what is to happen to a version that comes with this change.
    pub(super) fn enter_new(&mut self, version: &Version) {
        for turning in turnings(version) {
            let place = self.calendar_place(version, turning);
            self.put_stamped(Family::Calendar, place, Stamped::plain(record::calendar_row(version)));
        }
    }

    /// Strikes what was to happen to a version.
    pub(super) fn strike(&mut self, version: &Version) {
        for turning in turnings(version) {
            self.strike_one(version, turning);
        }
    }

    fn strike_one(&mut self, version: &Version, turning: (Turning, Timestamp)) {
        let place = self.calendar_place(version, turning).fill(version.sequence);
        self.delete(Family::Calendar, place);
    }

    /// Enters what is to happen to a version after an amendment, in the place of what was to happen before.
    pub(super) fn reenter(&mut self, before: &Version, after: &Version) {
        for turning in turnings(before).filter(|turning| !turnings(after).any(|kept| kept == *turning)) {
            self.strike_one(before, turning);
        }
        for turning in turnings(after).filter(|turning| !turnings(before).any(|known| known == *turning)) {
            let place = self.calendar_place(after, turning).fill(after.sequence);
            self.put(Family::Calendar, place, record::calendar_row(after));
        }
    }
}

impl Catalog {
    /// What happens to versions by itself, by instant.
    ///
    /// # Errors
    /// [`CatalogError::Damaged`](super::CatalogError::Damaged), [`CatalogError::Map`](super::CatalogError::Map).
    pub async fn calendar(&self, scan: CalendarScan<'_>) -> Result<Vec<CalendarEntry>> {
        let CalendarScan { from, until, after, limit } = scan;
        let (from, until) = keys::calendar(from, until);
        let from = after.map_or_else(|| from.clone(), |entry| keys::after_row(&place_of(entry)).max(from.clone()));
        if limit == 0 || from >= until {
            return Ok(Vec::new());
        }
        let rows = gather(&*self.map, Family::Calendar, from, until, Vec::new(), move |rows, place, row| {
            rows.push((place.to_vec(), Bytes::copy_from_slice(row)));
            if rows.len() < limit { Step::Next } else { Step::Stop }
        });
        let entry = |(place, row): (Vec<u8>, Bytes)| entry(&place, &row).place(Family::Calendar, &place);
        rows.await?.into_iter().map(entry).collect()
    }
}

fn place_of(entry: &CalendarEntry) -> Vec<u8> {
    keys::calendar_stamped(entry.at, entry.what as u8, entry.bucket, &entry.key).fill(entry.sequence)
}

fn entry(place: &[u8], row: &[u8]) -> std::result::Result<CalendarEntry, Malformed> {
    let place = keys::split_calendar(place).ok_or(Malformed("it has no place in the calendar"))?;
    let what = Turning::ALL.into_iter().find(|what| *what as u8 == place.what);
    Ok(CalendarEntry {
        at: place.at,
        what: what.ok_or(Malformed("it is not known what happens"))?,
        bucket: place.bucket,
        key: ObjectKey::new(place.key).map_err(|_| Malformed("its key is none"))?,
        sequence: place.sequence,
        version: record::calendar(row)?,
    })
}
