//! Listings. A page costs a page: keys with a common prefix are left behind in one leap, deleted history does not stand
//! in the family that objects are listed from, and no row is visited that is not listed, but for the one behind the page
//! that shows whether there is more, and the newest version of a key that the page before ended in. What is hidden from
//! whoever asks is visited too, up to a bound.

mod past;

use kernel::{BucketId, ObjectKey, Sequence, Version, VersionName};

use super::request::{Listing, ObjectScan, Resume, Row, Upload, UploadScan, Veil, VersionScan};
use super::top::name_row;
use super::{Catalog, CatalogError, Place, Result};
use crate::key_value::{Family, Step, gather};
use crate::keys;
use crate::record::{self, Malformed};

/// A page while it is filled.
struct Page<T> {
    bucket: BucketId,
    prefix: String,
    delimiter: Option<String>,
    limit: usize,
    /// Rows that were hidden.
    passed: usize,
    listing: Listing<T>,
}

/// What `key` is rolled up into: its beginning up to and with the first delimiter behind the prefix.
fn rolled_up<'k>(key: &'k str, prefix: &str, delimiter: Option<&str>) -> Option<&'k str> {
    let delimiter = delimiter.filter(|delimiter| !delimiter.is_empty())?;
    let found = key.strip_prefix(prefix)?.find(delimiter)?;
    key.get(..prefix.len() + found + delimiter.len())
}

fn object_key(key: &str) -> std::result::Result<ObjectKey, Malformed> {
    ObjectKey::new(key).map_err(|_| Malformed("a key breaks the rules"))
}

/// Where the rows begin behind the one that the page before ended at.
fn began<T>(veil: &Veil<T>) -> Option<Vec<u8>> {
    veil.resume.as_ref().map(|Resume(row)| keys::after_row(row))
}

const MISPLACED: Malformed = Malformed("it stands in the wrong place");

impl<T> Page<T> {
    fn new(bucket: BucketId, prefix: &str, delimiter: Option<&str>, limit: usize) -> Self {
        let listing = Listing { rows: Vec::new(), truncated: false, resume: None };
        Self { bucket, prefix: prefix.to_owned(), delimiter: delimiter.map(str::to_owned), limit, passed: 0, listing }
    }

    /// The range of rows whose keys begin with the prefix; none where there can be nothing to list.
    fn range(&self) -> Option<keys::Range> {
        let is_possible = self.limit > 0 && !self.prefix.contains('\0');
        is_possible.then(|| keys::keys_with_prefix(self.bucket, &self.prefix))
    }

    fn rolled_up<'k>(&self, key: &'k str) -> Option<&'k str> {
        rolled_up(key, &self.prefix, self.delimiter.as_deref())
    }

    /// Whether `key` is a row of the listing that stands for all keys that begin with it.
    fn is_common_prefix(&self, key: &str) -> bool {
        self.rolled_up(key) == Some(key)
    }

    /// The first place behind everything that begins with `prefix`.
    fn behind(&self, prefix: &str) -> Vec<u8> {
        keys::keys_with_prefix(self.bucket, prefix).1
    }

    /// The first place behind the row of the listing that is named `after`.
    fn after(&self, after: &str) -> Vec<u8> {
        if self.is_common_prefix(after) { self.behind(after) } else { keys::after_key(self.bucket, after) }
    }

    /// Takes a row of the map under `key`, or all that is rolled up with it, and says where to go on.
    fn take(
        &mut self,
        key: &str,
        item: impl FnOnce() -> std::result::Result<T, Malformed>,
    ) -> std::result::Result<Step, Malformed> {
        if self.listing.rows.len() >= self.limit {
            self.listing.truncated = true;
            return Ok(Step::Stop);
        }
        if let Some(common) = self.rolled_up(key) {
            let behind = self.behind(common);
            self.listing.rows.push(Row::Prefix(common.to_owned()));
            return Ok(Step::Seek(behind));
        }
        self.listing.rows.push(Row::Item(item()?));
        Ok(Step::Next)
    }

    /// As [`Self::take`], but passes over what is hidden.
    fn take_seen<S>(
        &mut self,
        veil: &Veil<S>,
        (place, key): (&[u8], &str),
        read: impl FnOnce() -> std::result::Result<S, Malformed>,
        item: impl FnOnce(S) -> T,
    ) -> std::result::Result<Step, Malformed> {
        if !veil.is_drawn() {
            return self.take(key, || read().map(item));
        }
        let found = read()?;
        if veil.hides(&found) {
            self.passed += 1;
            if self.passed < veil.passed_max {
                return Ok(Step::Next);
            }
            self.listing.truncated = true;
            self.listing.resume = Some(Resume(place.to_vec()));
            return Ok(Step::Stop);
        }
        self.take(key, || Ok(item(found)))
    }
}

impl Catalog {
    /// Fills a page from the rows of a family at or after `from`.
    async fn fill<T: Send + 'static>(
        &self,
        family: Family,
        from: Option<Vec<u8>>,
        page: Page<T>,
        mut visit: impl FnMut(&mut Page<T>, &[u8], &[u8]) -> std::result::Result<Step, Malformed> + Send + 'static,
    ) -> Result<Listing<T>> {
        let Some((first, until)) = page.range() else { return Ok(page.listing) };
        let from = from.map_or(first.clone(), |from| from.max(first));
        if from >= until {
            return Ok(page.listing);
        }
        let filled = gather(&*self.map, family, from, until, (page, None), move |(page, damage), place, row| {
            visit(page, place, row).unwrap_or_else(|malformed| {
                *damage = Some(CatalogError::damaged(family, place, malformed));
                Step::Stop
            })
        });
        match filled.await? {
            (page, None) => Ok(page.listing),
            (_, Some(error)) => Err(error),
        }
    }

    /// Lists current objects.
    ///
    /// # Errors
    /// [`CatalogError::Damaged`], [`CatalogError::Map`].
    pub async fn list_objects(&self, list: ObjectScan<'_>) -> Result<Listing<Version>> {
        self.list_objects_behind(Veil::NONE, list).await
    }

    /// Lists current objects but for those that are hidden: what is rolled up from hidden objects alone is hidden too. A
    /// page then costs the hidden rows that it passes, too, and ends where it has passed as many as it may.
    ///
    /// # Errors
    /// As [`Self::list_objects`].
    pub async fn list_objects_behind(&self, veil: Veil<Version>, list: ObjectScan<'_>) -> Result<Listing<Version>> {
        let page = Page::new(list.bucket, list.prefix, list.delimiter, list.limit);
        let from = began(&veil).or_else(|| list.after.map(|after| page.after(after)));
        let visit = move |page: &mut Page<Version>, place: &[u8], row: &[u8]| {
            let key = keys::split_object(place).ok_or(MISPLACED)?;
            page.take_seen(&veil, (place, key), || record::version(object_key(key)?, row), |version| version)
        };
        self.fill(Family::Current, from, page, visit).await
    }

    /// Lists versions and markers, each with whether it is its key's newest.
    ///
    /// # Errors
    /// [`CatalogError::Damaged`], [`CatalogError::Map`].
    pub async fn list_versions(&self, list: VersionScan<'_>) -> Result<Listing<(Version, bool)>> {
        self.list_versions_behind(Veil::NONE, list).await
    }

    /// Lists versions and markers but for those that are hidden. A version below a hidden one is not its key's newest.
    ///
    /// # Errors
    /// As [`Self::list_versions`].
    pub async fn list_versions_behind(
        &self,
        veil: Veil<Version>,
        list: VersionScan<'_>,
    ) -> Result<Listing<(Version, bool)>> {
        let bucket = list.bucket;
        let page = Page::new(bucket, list.prefix, list.delimiter, list.limit);
        let mut from = list.after.map(|(after, _)| page.after(after));
        // The version after which the listing goes on. Its key is entered at its newest version, which alone can tell
        // whether those that follow are the newest.
        let mut position: Option<(ObjectKey, Sequence)> = None;
        if let Some((after, Some(name))) = list.after
            && !page.is_common_prefix(after)
            && let Ok(key) = ObjectKey::new(after)
        {
            from = Some(keys::versions_of(bucket, &key).0);
            let sequence = self.sequence_of(bucket, &key, name).await?;
            position = sequence.map(|sequence| (key, sequence));
        }
        if let Some(Resume(row)) = &veil.resume {
            let passed = keys::split_version(row).and_then(|(key, sequence)| Some((object_key(key).ok()?, sequence)));
            let passed = passed.ok_or_else(|| CatalogError::damaged(Family::Versions, row, MISPLACED))?;
            from = Some(keys::versions_of(bucket, &passed.0).0);
            position = Some(passed);
        }
        let mut newest = String::new();
        let visit = move |page: &mut Page<(Version, bool)>, place: &[u8], row: &[u8]| {
            let (key, sequence) = keys::split_version(place).ok_or(MISPLACED)?;
            let is_newest = newest != key;
            if is_newest {
                key.clone_into(&mut newest);
            }
            if let Some((after, at)) = &position
                && after.as_str() == key
                && sequence >= *at
            {
                return Ok(Step::Seek(keys::after_row(&keys::version(bucket, after, *at))));
            }
            let read = || {
                let version = record::version(object_key(key)?, row)?;
                if version.sequence == sequence { Ok(version) } else { Err(MISPLACED) }
            };
            page.take_seen(&veil, (place, key), read, |version| (version, is_newest))
        };
        self.fill(Family::Versions, from, page, visit).await
    }

    async fn sequence_of(&self, bucket: BucketId, key: &ObjectKey, name: VersionName) -> Result<Option<Sequence>> {
        let (family, place) = name_row(bucket, key, name);
        let [row] = self.get([(family, place.clone())]).await?;
        row.map(|row| record::sequence(&row).place(family, &place)).transpose()
    }

    /// Lists uploads under way.
    ///
    /// # Errors
    /// [`CatalogError::Damaged`], [`CatalogError::Map`].
    pub async fn list_uploads(&self, list: UploadScan<'_>) -> Result<Listing<Upload>> {
        self.list_uploads_behind(Veil::NONE, list).await
    }

    /// Lists uploads under way but for those that are hidden.
    ///
    /// # Errors
    /// As [`Self::list_uploads`].
    pub async fn list_uploads_behind(&self, veil: Veil<Upload>, list: UploadScan<'_>) -> Result<Listing<Upload>> {
        let page = Page::new(list.bucket, list.prefix, list.delimiter, list.limit);
        let after = list.after.map(|(after, id)| match (id, ObjectKey::new(after)) {
            (Some(id), Ok(key)) if !page.is_common_prefix(after) => {
                keys::after_row(&keys::upload(list.bucket, &key, id))
            }
            _ => page.after(after),
        });
        let from = began(&veil).or(after);
        let visit = move |page: &mut Page<Upload>, place: &[u8], row: &[u8]| {
            let (key, id) = keys::split_upload(place).ok_or(MISPLACED)?;
            page.take_seen(&veil, (place, key), || record::upload(object_key(key)?, id, row), |upload| upload)
        };
        self.fill(Family::Uploads, from, page, visit).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_roll_up_at_the_first_delimiter_behind_the_prefix() {
        assert_eq!(rolled_up("a/b/c", "", Some("/")), Some("a/"));
        assert_eq!(rolled_up("a/b/c", "a/", Some("/")), Some("a/b/"));
        assert_eq!(rolled_up("a/b/c", "a/b/", Some("/")), None);
        assert_eq!(rolled_up("a//b", "a", Some("//")), Some("a//"));
        assert_eq!(rolled_up("🌬🌬x", "🌬", Some("🌬")), Some("🌬🌬"));
        assert_eq!(rolled_up("a/b", "x", Some("/")), None);
        assert_eq!(rolled_up("a/b", "", Some("")), None);
        assert_eq!(rolled_up("a/b", "", None), None);
    }
}
