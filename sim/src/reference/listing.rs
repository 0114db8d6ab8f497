//! Listings: everything is gathered, rolled up, and cut.

use engine::{Entry, ListObjects, ListUploads, ListVersions};
use kernel::VersionName;

use super::{Reference, Result};
use crate::operation::{Answer, ListedVersion, Refusal};

/// What a listing is asked for.
struct Asked<'a> {
    prefix: &'a str,
    delimiter: Option<&'a str>,
    limit: usize,
}

impl Asked<'_> {
    /// What a key is shown as, where it is rolled up.
    fn common_prefix<'k>(&self, key: &'k str) -> Option<&'k str> {
        let delimiter = self.delimiter?;
        let rest = key.strip_prefix(self.prefix)?;
        let end = rest.find(delimiter)? + delimiter.len();
        Some(&key[..self.prefix.len() + end])
    }

    /// Whether a key lies behind the key or common prefix that a page before ended with.
    fn is_behind(&self, key: &str, after: Option<&str>) -> bool {
        let Some(after) = after else { return true };
        let is_rolled_up = self.common_prefix(after) == Some(after);
        key > after && !(is_rolled_up && key.starts_with(after))
    }

    /// Rolls up and cuts.
    fn page<T>(&self, items: impl Iterator<Item = (String, T)>) -> (Vec<Entry<T>>, bool) {
        let mut entries: Vec<Entry<T>> = Vec::new();
        for (key, item) in items.filter(|(key, _)| key.starts_with(self.prefix)) {
            match (self.common_prefix(&key), entries.last()) {
                (Some(common), Some(Entry::Prefix(last))) if last == common => {}
                (Some(common), _) => entries.push(Entry::Prefix(common.to_owned())),
                (None, _) => entries.push(Entry::Item(item)),
            }
        }
        let truncated = self.limit > 0 && entries.len() > self.limit;
        entries.truncate(self.limit);
        (entries, truncated)
    }
}

impl Reference {
    pub(super) fn list(&self, list: &ListObjects) -> Result<Answer> {
        let asked = Asked { prefix: &list.prefix, delimiter: list.delimiter.as_deref(), limit: list.limit };
        let now = self.bucket_to_read(&list.bucket)?;
        let bucket = list.as_of.map_or(Ok(now), |as_of| self.bucket_as_of(&list.bucket, as_of))?;
        let current = bucket.keys.iter().filter_map(|(key, versions)| {
            let version = versions.first()?;
            let object = version.object.as_ref()?;
            let row =
                now.still_has(key, version).map(|_| (key.as_str().to_owned(), object.etag, object.bytes.len() as u64));
            Some((key.as_str().to_owned(), row))
        });
        let behind = current.filter(|(key, _)| asked.is_behind(key, list.after.as_deref()));
        let (entries, truncated) = asked.page(behind);
        // A page that would have to show an object that is gone shows nothing.
        let shown = entries.into_iter().map(|entry| match entry {
            Entry::Item(row) => row.map(Entry::Item).ok_or(Refusal::Removed),
            Entry::Prefix(prefix) => Ok(Entry::Prefix(prefix)),
        });
        Ok(Answer::Objects(shown.collect::<Result<_>>()?, truncated))
    }

    pub(super) fn list_versions(&self, list: &ListVersions) -> Result<Answer> {
        let asked = Asked { prefix: &list.prefix, delimiter: list.delimiter.as_deref(), limit: list.limit };
        let mut rows = Vec::new();
        for (key, versions) in &self.bucket_to_read(&list.bucket)?.keys {
            let behind = match &list.after {
                Some((after, Some(name))) if after == key.as_str() && asked.common_prefix(after) != Some(after) => {
                    versions.iter().position(|version| version.name == *name).map_or(0, |place| place + 1)
                }
                after if asked.is_behind(key.as_str(), after.as_ref().map(|(key, _)| key.as_str())) => 0,
                _ => continue,
            };
            for (place, version) in versions.iter().enumerate().skip(behind) {
                let listed = ListedVersion {
                    key: key.as_str().to_owned(),
                    version: version.name,
                    etag: version.object.as_ref().map(|object| object.etag),
                    is_latest: place == 0,
                };
                rows.push((key.as_str().to_owned(), listed));
            }
        }
        let (entries, truncated) = asked.page(rows.into_iter());
        Ok(Answer::Versions(entries, truncated))
    }

    pub(super) fn list_uploads(&self, list: &ListUploads) -> Result<Answer> {
        let asked = Asked { prefix: &list.prefix, delimiter: list.delimiter.as_deref(), limit: list.limit };
        let uploads = self.bucket_to_read(&list.bucket)?.uploads.keys();
        let behind = uploads.filter(|(key, id)| match &list.after {
            Some((after, Some(last))) if after == key.as_str() && asked.common_prefix(after) != Some(after) => {
                id > last
            }
            after => asked.is_behind(key.as_str(), after.as_ref().map(|(key, _)| key.as_str())),
        });
        let rows = behind.map(|(key, id)| (key.as_str().to_owned(), (key.as_str().to_owned(), *id)));
        let (entries, truncated) = asked.page(rows);
        Ok(Answer::Uploads(entries, truncated))
    }

    /// Names of a key's versions, the newest first, for choosing one.
    pub fn version_names(&self, bucket: &kernel::BucketName, key: &kernel::ObjectKey) -> Vec<VersionName> {
        let versions = self.buckets.get(bucket).and_then(|bucket| bucket.keys.get(key));
        versions.into_iter().flatten().map(|version| version.name).collect()
    }
}
