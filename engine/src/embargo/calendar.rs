//! What opens, and what may be removed, and when: the calendar as administrators see it.
//!
//! It is read from the catalogue's index by instant. Each entry is looked up once more in its version, so that what is told
//! is so now.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use kernel::{BucketId, BucketName, Caller, EmbargoReader, ObjectKey, RetentionMode, Sequence, Timestamp, VersionName};
use metadata::{Bucket, CalendarEntry, CalendarScan, Turning};
use policy::Action;

use crate::facts::BucketFacts;
use crate::leave::Ask;
use crate::{Engine, Error, Fault, Result};

/// Entries of the index that are read at a time.
const ENTRIES_PER_READ: usize = 1_000;
/// Entries of the index that are looked at for a page; then it ends before it is full.
const LOOKED_AT_MAX: usize = 100_000;
/// Buckets that are looked up at a time.
const BUCKETS_PER_READ: usize = 1_000;
/// The end of time, as far as dates go.
const END: Timestamp = Timestamp::from_millis(i64::MAX);

/// Asks for entries of the calendar.
#[derive(Debug, Clone, Default)]
pub struct ListCalendar {
    /// Only this bucket; none for all that the caller may ask about.
    pub bucket: Option<BucketName>,
    /// Only keys that begin so.
    pub prefix: String,
    /// From this instant on; none for now.
    pub from: Option<Timestamp>,
    /// Before this one; none for all that lies ahead.
    pub until: Option<Timestamp>,
    /// Whether only embargoes are asked for.
    pub embargoes_only: bool,
    /// Where the page before ended.
    pub after: Option<String>,
    /// Entries at the most.
    pub limit: usize,
}

/// What happens at an instant by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// An embargo ends; before, only these may read.
    EmbargoEnds(BTreeSet<EmbargoReader>),
    /// A retention ends.
    RetentionEnds(RetentionMode),
}

/// An entry of the calendar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CalendarDay {
    /// When.
    pub at: Timestamp,
    /// What.
    pub event: Event,
    /// The bucket.
    pub bucket: BucketName,
    /// The key.
    pub key: ObjectKey,
    /// The version.
    pub version: VersionName,
}

/// A page of the calendar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CalendarPage {
    /// By instant.
    pub entries: Vec<CalendarDay>,
    /// Where the next page goes on; none where nothing follows. A page may end before it is full.
    pub next: Option<String>,
}

impl Engine {
    /// A page of what opens and of what may be removed by itself, by instant.
    ///
    /// # Errors
    /// `NotFound` (bucket), `Denied` for a bucket that is named; of all buckets those are left out that the caller may not
    /// ask about. `Invalid` for a place where no page ended.
    pub async fn calendar(&self, caller: &Caller, list: &ListCalendar) -> Result<CalendarPage> {
        let buckets = self.buckets_to_tell_of(caller, list.bucket.as_ref()).await?;
        let mut page = CalendarPage { entries: Vec::new(), next: None };
        let mut last = list.after.as_deref().map(place).transpose()?;
        let from = list.from.unwrap_or_else(|| self.time.opening());
        let mut looked_at = 0;
        loop {
            let (until, after) = (list.until.unwrap_or(END), last.as_ref());
            let scan = CalendarScan { from, until, after, limit: ENTRIES_PER_READ };
            let read = self.catalog.calendar(scan).await?;
            let is_end = read.len() < ENTRIES_PER_READ;
            for entry in read {
                if page.entries.len() >= list.limit || looked_at >= LOOKED_AT_MAX {
                    page.next = last.as_ref().map(place_text);
                    return Ok(page);
                }
                looked_at += 1;
                page.entries.extend(self.day(list, &buckets, &entry).await?);
                last = Some(entry);
            }
            if is_end {
                return Ok(page);
            }
        }
    }

    /// The buckets that a caller may ask about, by the names that the calendar has for them.
    async fn buckets_to_tell_of(
        &self,
        caller: &Caller,
        only: Option<&BucketName>,
    ) -> Result<HashMap<BucketId, Arc<Bucket>>> {
        if let Some(name) = only {
            let facts = self.bucket_facts(name).await?;
            self.permit(caller, Action::ListEmbargoes, &facts, None)?;
            return Ok(HashMap::from([(facts.id, facts.shared())]));
        }
        let mut buckets = HashMap::new();
        let mut after: Option<BucketName> = None;
        loop {
            let name = after.as_ref().map(BucketName::as_str);
            let (read, truncated) = self.catalog.buckets("", name, BUCKETS_PER_READ).await?;
            after = read.last().map(|bucket| bucket.name.clone());
            for bucket in read {
                let facts = BucketFacts::from(bucket);
                if self.may(caller, Ask::bucket(Action::ListEmbargoes, &facts)) {
                    buckets.insert(facts.id, facts.shared());
                }
            }
            if !truncated || after.is_none() {
                return Ok(buckets);
            }
        }
    }

    /// An entry as it is told, if it is asked for and the version still says so.
    async fn day(
        &self,
        list: &ListCalendar,
        buckets: &HashMap<BucketId, Arc<Bucket>>,
        entry: &CalendarEntry,
    ) -> Result<Option<CalendarDay>> {
        let is_wanted = !list.embargoes_only || entry.what == Turning::EmbargoEnds;
        let bucket = buckets.get(&entry.bucket).filter(|_| is_wanted && entry.key.as_str().starts_with(&list.prefix));
        let Some(bucket) = bucket else { return Ok(None) };
        let version = self.catalog.version(entry.bucket, &entry.key, Some(entry.version)).await?;
        let protection = version.as_ref().and_then(|version| Some(&version.object()?.protection));
        let event = protection.and_then(|protection| match entry.what {
            Turning::EmbargoEnds => {
                let embargo = protection.embargo.as_ref().filter(|embargo| embargo.until == entry.at)?;
                Some(Event::EmbargoEnds(embargo.readers.clone()))
            }
            Turning::RetentionEnds => {
                let retention = protection.retention.filter(|retention| retention.until == entry.at)?;
                Some(Event::RetentionEnds(retention.mode))
            }
        });
        Ok(event.map(|event| CalendarDay {
            at: entry.at,
            event,
            bucket: bucket.name.clone(),
            key: entry.key.clone(),
            version: entry.version,
        }))
    }
}

/// Where an entry stands, for whoever asks for the next page.
fn place_text(entry: &CalendarEntry) -> String {
    let CalendarEntry { at, what, bucket, key, sequence, .. } = entry;
    format!("{}.{}.{}.{sequence}.{}", at.as_millis(), *what as u8, bucket.0, key.as_str())
}

fn place(text: &str) -> Result<CalendarEntry> {
    let read = || {
        let mut parts = text.splitn(5, '.');
        let at = Timestamp::from_millis(parts.next()?.parse().ok()?);
        let what: u8 = parts.next()?.parse().ok()?;
        let bucket = BucketId(parts.next()?.parse().ok()?);
        let sequence: Sequence = parts.next()?.parse().ok()?;
        let key = ObjectKey::new(parts.next()?).ok()?;
        let what = Turning::ALL.into_iter().find(|known| *known as u8 == what)?;
        Some(CalendarEntry { at, what, bucket, key, sequence, version: VersionName::Null })
    };
    read().ok_or_else(|| {
        Error::Invalid(Fault::Argument { name: "after", reason: "must be what a page before gave as next".to_owned() })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_come_back_whatever_the_key() {
        for key in ["a", "a.b.c", "2027/x", "ä 日本"] {
            let entry = CalendarEntry {
                at: Timestamp::from_millis(1_798_758_000_001),
                what: Turning::EmbargoEnds,
                bucket: BucketId(7),
                key: ObjectKey::new(key).expect(key),
                sequence: Sequence::ZERO,
                version: VersionName::Null,
            };
            assert_eq!(place(&place_text(&entry)).expect("a place"), entry);
        }
        for bad in ["", "1.2.3", "x.2.7.000000000000000000.k", "1.9.7.000000000000000000.k"] {
            assert!(place(bad).is_err(), "{bad}");
        }
    }
}
