//! Objects as they were listed right after a change.
//!
//! A page is filled in rounds. A round walks `versions`, with a leap over what is not born yet, not current any more, or
//! rolled up already; then it walks the graves between the same two keys and lays them over; then it takes what stood
//! there. A round may end before the page is full: where enough rows were visited, or where a grave turns out to be that
//! of the marker over the one object for whose sake everything with a common prefix was left behind. The next round goes
//! on from there.
//!
//! An object whose data are gone is never left out in silence: a page that would have to show it is an error. A common
//! prefix shows no data, so a grave is as good as an object for it.

use std::collections::BTreeMap;

use kernel::{ObjectKey, Sequence, Version};

use super::{MISPLACED, Page, object_key};
use crate::catalog::error::NoPast;
use crate::catalog::past::GRAVES_OF_KEY_MAX;
use crate::catalog::request::{Bucket, Grave, ObjectScan, PastListing, Resume, Row, Veil};
use crate::catalog::{Catalog, CatalogError, Result};
use crate::key_value::{Family, Step, gather};
use crate::keys;
use crate::record::{self, Malformed};

/// What was the newest version of a key.
enum Stood {
    Object(Box<Version>),
    Marker(Sequence),
    /// An object that was removed for good.
    Removed,
    /// A marker that was.
    RemovedMarker,
}

impl Stood {
    fn sequence(&self) -> Sequence {
        match self {
            Self::Object(version) => version.sequence,
            Self::Marker(sequence) => *sequence,
            Self::Removed | Self::RemovedMarker => Sequence::MAX,
        }
    }
}

/// A walk over the keys of a family, in one round.
struct Walk {
    /// Knows what is rolled up; its listing stays empty.
    page: Page<Version>,
    veil: Veil<Version>,
    /// Whether anything was hidden.
    has_hidden: bool,
    at: Sequence,
    stood: BTreeMap<String, Stood>,
    /// Objects and common prefixes among them.
    objects: usize,
    /// Common prefixes that are shown, each with the first key known to show it.
    shown: BTreeMap<String, String>,
    /// The key whose rows are visited. No key is empty.
    key: String,
    /// Nothing more needs to be known of it.
    is_decided: bool,
    /// Rows of it that were looked into.
    looked_into: usize,
    visited: usize,
    /// Where the walk ended, if not behind the last key, and the last key in front of that.
    end: Option<(Vec<u8>, String)>,
}

/// What a walk does at a row.
type VisitRow = fn(&mut Walk, &[u8], &[u8]) -> std::result::Result<Step, Malformed>;

impl Walk {
    fn new(page: Page<Version>, veil: Veil<Version>, at: Sequence) -> Self {
        Self {
            page,
            veil,
            has_hidden: false,
            at,
            stood: BTreeMap::new(),
            objects: 0,
            shown: BTreeMap::new(),
            key: String::new(),
            is_decided: false,
            looked_into: 0,
            visited: 0,
            end: None,
        }
    }

    /// Comes to a row of `key`. Where the walk cannot look into the row, says where it goes on.
    fn comes_to(&mut self, key: &str, sequence: Sequence) -> std::result::Result<Option<Step>, Malformed> {
        self.visited += 1;
        if self.key != key {
            let is_enough = self.objects > self.page.limit || self.visited > self.veil.passed_max;
            if is_enough && !self.key.is_empty() {
                let passed = std::mem::take(&mut self.key);
                self.end = Some((keys::start_of(self.page.bucket, key), passed));
                return Ok(Some(Step::Stop));
            }
            key.clone_into(&mut self.key);
            (self.is_decided, self.looked_into) = (false, 0);
        }
        if self.is_decided {
            return Ok(Some(Step::Seek(keys::after_key(self.page.bucket, key))));
        }
        if sequence > self.at {
            return Ok(Some(Step::Seek(keys::version(self.page.bucket, &object_key(key)?, self.at))));
        }
        self.looked_into += 1;
        Ok(None)
    }

    /// Leaves behind what is rolled up with `key`, which shows it.
    fn leave_behind(&mut self, key: &str) -> Step {
        let Some(common) = self.page.rolled_up(key) else { return Step::Next };
        let behind = self.page.behind(common);
        self.shown.insert(common.to_owned(), key.to_owned());
        Step::Seek(behind)
    }

    /// Whether an earlier key shows what `key` is rolled up into.
    fn is_shown(&self, key: &str) -> bool {
        let shown_by = self.page.rolled_up(key).and_then(|common| self.shown.get(common));
        shown_by.is_some_and(|first| first.as_str() < key)
    }

    /// Visits a row of `versions`.
    fn visit_version(&mut self, place: &[u8], row: &[u8]) -> std::result::Result<Step, Malformed> {
        let (key, sequence) = keys::split_version(place).ok_or(MISPLACED)?;
        if let Some(step) = self.comes_to(key, sequence)? {
            return Ok(step);
        }
        self.is_decided = true;
        let version = record::version(object_key(key)?, row)?;
        if version.sequence != sequence {
            return Err(MISPLACED);
        }
        let is_hidden = self.veil.hides(&version);
        self.has_hidden |= is_hidden;
        if is_hidden || version.object().is_none() {
            // What is hidden is no more there than what a marker stands over.
            self.stood.insert(key.to_owned(), Stood::Marker(sequence));
            return Ok(Step::Next);
        }
        self.stood.insert(key.to_owned(), Stood::Object(Box::new(version)));
        self.objects += 1;
        Ok(self.leave_behind(key))
    }

    /// The walk over the graves in front of where this one ended, with what this one found.
    fn over_graves(&mut self) -> Self {
        let page = Page::new(self.page.bucket, &self.page.prefix, self.page.delimiter.as_deref(), usize::MAX);
        let (stood, shown) = (std::mem::take(&mut self.stood), std::mem::take(&mut self.shown));
        Self { stood, shown, has_hidden: self.has_hidden, ..Self::new(page, self.veil.clone(), self.at) }
    }

    /// Visits a row of `graves`.
    fn visit_grave(&mut self, place: &[u8], row: &[u8]) -> std::result::Result<Step, Malformed> {
        let (key, from) = keys::split_version(place).ok_or(MISPLACED)?;
        let is_new = self.key != key;
        if let Some(step) = self.comes_to(key, from)? {
            return Ok(step);
        }
        if is_new && self.is_shown(key) {
            return Ok(Step::Seek(self.page.behind(self.page.rolled_up(key).unwrap_or(key))));
        }
        let stood = self.stood.get(key);
        if stood.is_some_and(|stood| from < stood.sequence()) {
            self.is_decided = true;
            return Ok(Step::Next);
        }
        let grave = record::grave(from, row)?;
        if grave.to <= self.at {
            return Ok(if self.looked_into < GRAVES_OF_KEY_MAX { Step::Next } else { Step::Stop });
        }
        self.is_decided = true;
        Ok(self.lay(key, grave))
    }

    /// Lays a grave over what stood at `key`.
    fn lay(&mut self, key: &str, grave: Grave) -> Step {
        if !grave.is_marker {
            self.stood.insert(key.to_owned(), Stood::Removed);
            return self.leave_behind(key);
        }
        let covered = self.stood.insert(key.to_owned(), Stood::RemovedMarker);
        let has_left_behind = matches!(covered, Some(Stood::Object(_))) && self.page.rolled_up(key).is_some();
        if has_left_behind {
            self.end = Some((keys::after_key(self.page.bucket, key), key.to_owned()));
            return Step::Stop;
        }
        Step::Next
    }

    fn has_too_many_graves(&self) -> bool {
        !self.is_decided && self.looked_into >= GRAVES_OF_KEY_MAX
    }
}

/// A page while rounds fill it.
struct Rounds {
    page: Page<Version>,
    veil: Veil<Version>,
    /// Whether anything was hidden: then a page that ends before it is full does not name the key behind which the rest
    /// follows.
    has_hidden: bool,
    /// Where the next round begins; none where nothing follows.
    from: Option<Vec<u8>>,
    visited: usize,
    /// The key or common prefix behind which a listing would go on as the next round does.
    behind: Option<String>,
    removed: Option<ObjectKey>,
}

impl Rounds {
    /// Takes what a round found, in front of where it ended.
    fn take(&mut self, walk: Walk) -> std::result::Result<(), Malformed> {
        self.visited += walk.visited;
        self.has_hidden |= walk.has_hidden;
        let bucket = self.page.bucket;
        for (key, stood) in walk.stood {
            if walk.end.as_ref().is_some_and(|(end, _)| keys::start_of(bucket, &key) >= *end) {
                break;
            }
            let object = match stood {
                Stood::Object(version) => Some(*version),
                Stood::Removed => None,
                Stood::Marker(_) | Stood::RemovedMarker => continue,
            };
            if self.is_listed(&key) {
                continue;
            }
            let has_room = self.page.listing.rows.len() < self.page.limit;
            if object.is_none() && has_room && self.page.rolled_up(&key).is_none() {
                self.removed = Some(object_key(&key)?);
                return Ok(());
            }
            // Without an object there is a common prefix here, or no room.
            if self.page.take(&key, || object.ok_or(MISPLACED))? == Step::Stop {
                return Ok(());
            }
        }
        if let Some((end, passed)) = walk.end {
            self.behind = self.name_behind(&passed).or_else(|| self.last_name()).or_else(|| self.behind.take());
            let listed = self.page.rolled_up(&passed).filter(|_| self.is_listed(&passed));
            // The rest of what the last row stands for is not looked at: another page would list it once more.
            self.from = Some(listed.map_or_else(|| end.clone(), |common| end.clone().max(self.page.behind(common))));
        }
        Ok(())
    }

    /// Whether the last row is a common prefix that stands for `key` too.
    fn is_listed(&self, key: &str) -> bool {
        let last = self.page.listing.rows.last();
        matches!((last, self.page.rolled_up(key)), (Some(Row::Prefix(last)), Some(common)) if last == common)
    }

    /// What to name for a listing to go on behind `key`; none where that would leave out what begins with `key`.
    fn name_behind(&self, key: &str) -> Option<String> {
        match self.page.rolled_up(key) {
            Some(common) if self.is_listed(key) => Some(common.to_owned()),
            Some(common) if common == key => None,
            _ => Some(key.to_owned()),
        }
    }

    fn is_done(&self) -> bool {
        let is_enough = self.visited > self.veil.passed_max && (self.behind.is_some() || self.has_hidden);
        self.page.listing.truncated || self.removed.is_some() || self.from.is_none() || is_enough
    }

    fn last_name(&self) -> Option<String> {
        self.page.listing.rows.last().map(|row| match row {
            Row::Item(version) => version.key.as_str().to_owned(),
            Row::Prefix(prefix) => prefix.clone(),
        })
    }

    fn listing(self) -> PastListing {
        let (next, resume) = match self.from {
            _ if self.page.listing.truncated => (self.last_name(), None),
            Some(from) if self.has_hidden => (None, Some(Resume(from))),
            from => (from.and(self.behind), None),
        };
        PastListing { rows: self.page.listing.rows, next, resume }
    }
}

impl Catalog {
    /// Lists the objects that were current right after change `at`, with tags as of now.
    ///
    /// # Errors
    /// [`CatalogError::Removed`] where an object of the page was removed for good since; [`CatalogError::NoPast`],
    /// [`CatalogError::Damaged`], [`CatalogError::Map`].
    pub async fn list_objects_as_of(&self, bucket: &Bucket, list: ObjectScan<'_>, at: Sequence) -> Result<PastListing> {
        self.list_objects_behind_as_of(Veil::NONE, bucket, list, at).await
    }

    /// Lists the objects that were current right after change `at`, but for those that are hidden.
    ///
    /// # Errors
    /// As [`Self::list_objects_as_of`].
    pub async fn list_objects_behind_as_of(
        &self,
        veil: Veil<Version>,
        bucket: &Bucket,
        list: ObjectScan<'_>,
        at: Sequence,
    ) -> Result<PastListing> {
        self.check_past(bucket, at)?;
        let page = Page::new(bucket.id, list.prefix, list.delimiter, list.limit);
        let resume = veil.resume.clone().map(|Resume(from)| from);
        let after = resume.or_else(|| list.after.map(|after| page.after(after)));
        let range = page.range();
        let from = range.as_ref().map(|(first, _)| after.map_or(first.clone(), |after| after.max(first.clone())));
        let until = range.map(|(_, until)| until).unwrap_or_default();
        let mut rounds = Rounds { page, veil, has_hidden: false, from, visited: 0, behind: None, removed: None };
        while !rounds.is_done() {
            let Some(from) = rounds.from.take() else { break };
            let walk = self.round(&rounds, at, (from, until.clone())).await?;
            rounds.take(walk).map_err(|malformed| CatalogError::damaged(Family::Graves, &[], malformed))?;
        }
        self.check_horizon(bucket.id, at).await?;
        match rounds.removed {
            Some(key) => Err(CatalogError::Removed { key }),
            None => Ok(rounds.listing()),
        }
    }

    /// What stood in a range, as far as a round gets.
    async fn round(&self, rounds: &Rounds, at: Sequence, (from, until): keys::Range) -> Result<Walk> {
        let page = &rounds.page;
        let room = page.limit.saturating_sub(page.listing.rows.len());
        let fresh = Page::new(page.bucket, &page.prefix, page.delimiter.as_deref(), room);
        let range = (from.clone(), until.clone());
        let mut versions = self
            .walk_then(Family::Versions, range, Walk::new(fresh, rounds.veil.clone(), at), Walk::visit_version)
            .await?;
        let end = versions.end.take();
        let until = end.as_ref().map_or(until, |(end, _)| end.clone());
        let graves = versions.over_graves();
        let mut graves = self.walk_then(Family::Graves, (from, until), graves, Walk::visit_grave).await?;
        if graves.has_too_many_graves() {
            return Err(NoPast::TooManyGraves.into());
        }
        graves.visited += versions.visited;
        graves.end = graves.end.or(end);
        Ok(graves)
    }

    async fn walk_then(&self, family: Family, (from, until): keys::Range, walk: Walk, visit: VisitRow) -> Result<Walk> {
        if from >= until {
            return Ok(walk);
        }
        let walked = gather(&*self.map, family, from, until, (walk, None), move |(walk, damage), place, row| {
            visit(walk, place, row).unwrap_or_else(|malformed| {
                *damage = Some(CatalogError::damaged(family, place, malformed));
                Step::Stop
            })
        });
        match walked.await? {
            (walk, None) => Ok(walk),
            (_, Some(error)) => Err(error),
        }
    }
}
