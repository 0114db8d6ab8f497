//! What S3 promises of buckets, versions and uploads, in the plainest words: a list of versions per key, oldest first.

use std::collections::BTreeMap;

use kernel::{ETag, Part, Tags, UploadId, Version, VersionId, VersionName, Versioning, WriteCondition};

/// A version, or a marker.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ModelVersion {
    pub(crate) id: VersionId,
    pub(crate) is_null: bool,
    /// Entity tag, bytes and tags; none for a marker.
    pub(crate) object: Option<(ETag, u64, Tags)>,
}

impl ModelVersion {
    pub(crate) fn name(&self) -> VersionName {
        if self.is_null { VersionName::Null } else { VersionName::Id(self.id) }
    }
}

impl From<&Version> for ModelVersion {
    fn from(version: &Version) -> Self {
        Self {
            id: version.id,
            is_null: version.is_null,
            object: version.object().map(|facts| (facts.etag, facts.bytes, facts.tags.clone())),
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct ModelUpload {
    pub(crate) key: String,
    pub(crate) parts: BTreeMap<u16, Part>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct ModelBucket {
    pub(crate) versioning: Versioning,
    pub(crate) keys: BTreeMap<String, Vec<ModelVersion>>,
    pub(crate) uploads: BTreeMap<UploadId, ModelUpload>,
    /// Marks and bytes of annotations by version and name; also of versions that are gone.
    pub(crate) annotations: BTreeMap<VersionId, BTreeMap<String, (ETag, u64)>>,
}

impl ModelBucket {
    pub(crate) fn newest(&self, key: &str) -> Option<&ModelVersion> {
        self.keys.get(key)?.last()
    }

    pub(crate) fn find(&self, key: &str, name: VersionName) -> Option<&ModelVersion> {
        self.keys.get(key)?.iter().find(|version| version.name() == name)
    }

    pub(crate) fn current_etag(&self, key: &str) -> Option<&ETag> {
        self.newest(key)?.object.as_ref().map(|(etag, ..)| etag)
    }

    pub(crate) fn allows(&self, key: &str, condition: &WriteCondition) -> bool {
        condition.failed_by(self.current_etag(key)).is_none()
    }

    /// A write: on top where versions are kept, else in the place of the one called `null`.
    pub(crate) fn write(&mut self, key: &str, id: VersionId, object: Option<(ETag, u64, Tags)>) {
        let is_null = self.versioning != Versioning::Enabled;
        let history = self.keys.entry(key.to_owned()).or_default();
        if is_null {
            history.retain(|version| !version.is_null);
        }
        history.push(ModelVersion { id, is_null, object });
    }

    /// Removes a version for good; says whether it was there, and a marker.
    pub(crate) fn remove(&mut self, key: &str, name: VersionName) -> Option<bool> {
        let history = self.keys.get_mut(key)?;
        let place = history.iter().position(|version| version.name() == name)?;
        let removed = history.remove(place);
        if history.is_empty() {
            self.keys.remove(key);
        }
        Some(removed.object.is_none())
    }

    /// Deletes a key: the name and marker flag of the answer, and whether anything changed.
    pub(crate) fn delete(&mut self, key: &str, marker: VersionId) -> (Option<VersionName>, bool, bool) {
        if self.versioning == Versioning::Unversioned {
            return (None, false, self.remove(key, VersionName::Null).is_some());
        }
        self.write(key, marker, None);
        (self.newest(key).map(ModelVersion::name), true, true)
    }

    /// The object whose annotations are concerned.
    pub(crate) fn annotated(&self, key: &str, name: Option<VersionName>) -> Option<VersionId> {
        let version = name.map_or_else(|| self.newest(key), |name| self.find(key, name))?;
        version.object.as_ref().map(|_| version.id)
    }

    pub(crate) fn retag(&mut self, key: &str, name: Option<VersionName>, tags: Tags) -> bool {
        let Some(history) = self.keys.get_mut(key) else { return false };
        let version = match name {
            None => history.last_mut(),
            Some(name) => history.iter_mut().find(|version| version.name() == name),
        };
        match version.and_then(|version| version.object.as_mut()) {
            Some(object) => {
                object.2 = tags;
                true
            }
            None => false,
        }
    }
}

/// A row of a listing, by its text and whether it is a common prefix.
pub(crate) type ModelRow<T> = (String, Option<T>);

/// A page of a listing over `items`, which are in order.
pub(crate) fn page<T: Clone>(
    items: &[(String, T)],
    prefix: &str,
    delimiter: Option<&str>,
    after: Option<&str>,
    limit: usize,
) -> (Vec<ModelRow<T>>, bool) {
    let roll = |key: &str| {
        let rest = key.strip_prefix(prefix)?;
        let delimiter = delimiter?;
        Some(format!("{prefix}{}{delimiter}", rest.split_once(delimiter)?.0))
    };
    let mut rows: Vec<ModelRow<T>> = Vec::new();
    for (key, item) in items.iter().filter(|(key, _)| key.starts_with(prefix)) {
        if let Some(after) = after {
            let is_prefix = roll(after).as_deref() == Some(after);
            if key.as_bytes() <= after.as_bytes() || (is_prefix && key.starts_with(after)) {
                continue;
            }
        }
        match roll(key) {
            Some(common) if rows.last().is_some_and(|(row, item)| *row == common && item.is_none()) => {}
            Some(common) => rows.push((common, None)),
            None => rows.push((key.clone(), Some(item.clone()))),
        }
    }
    let truncated = limit > 0 && rows.len() > limit;
    rows.truncate(limit);
    (rows, truncated)
}
