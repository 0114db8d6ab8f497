//! Writing and deleting: what becomes of the versions of a key.

use bytes::Bytes;
use engine::{Attributes, CopyObject, DeleteObject, Selection};
use kernel::{BucketName, ETag, EtagCondition, ObjectKey, VersionName, Versioning, WriteCondition};

use super::{Bucket, Chance, Object, Reference, Result, Version};
use crate::operation::{Answer, Damage, Put, Refusal, Upload};
use crate::world::SETTINGS;

impl Reference {
    pub(super) fn put(&mut self, put: &Put, chance: &mut Chance) -> Result<Answer> {
        expect(self.bucket(&put.bucket)?, &put.key, &put.condition)?;
        receive(&put.body)?;
        let object = whole(put.body.bytes.clone(), put.attributes.clone());
        self.write(&put.bucket, &put.key, object, chance)
    }

    pub(super) fn copy(&mut self, copy: &CopyObject, chance: &mut Chance) -> Result<Answer> {
        expect(self.bucket(&copy.bucket)?, &copy.key, &copy.condition)?;
        let onto_itself = copy.source.bucket == copy.bucket && copy.source.key == copy.key;
        let changes = copy.replace_metadata.is_some() || copy.replace_tags.is_some() || copy.algorithm.is_some();
        if onto_itself && copy.source.version.is_none() && !changes {
            return Err(Refusal::Senseless);
        }
        let (source, bytes) = self.source(&copy.source, Selection::All)?;
        let mut attributes = source.attributes;
        if let Some((headers, metadata)) = &copy.replace_metadata {
            (attributes.headers, attributes.metadata) = (headers.clone(), metadata.clone());
        }
        if let Some(tags) = &copy.replace_tags {
            attributes.tags = tags.clone();
        }
        check_source(&bytes)?;
        let annotations = if copy.with_annotations { source.annotations } else { Default::default() };
        let copied = Object { annotations, ..whole(bytes, attributes) };
        self.write(&copy.bucket, &copy.key, copied, chance)
    }

    /// Puts an object on top of a key.
    pub(super) fn write(
        &mut self,
        bucket: &BucketName,
        key: &ObjectKey,
        object: Object,
        chance: &mut Chance,
    ) -> Result<Answer> {
        self.changes += 1;
        let bucket = self.bucket(bucket)?;
        let (etag, bytes) = (object.etag, object.bytes.len() as u64);
        let version = bucket.cover(key, Some(object), chance);
        Ok(Answer::Written { version, etag, bytes, versioned: bucket.names_writes() })
    }

    pub(super) fn delete(&mut self, delete: &DeleteObject, chance: &mut Chance) -> Result<Answer> {
        let bucket = self.bucket(&delete.bucket)?;
        expect(bucket, &delete.key, &delete.condition)?;
        let name = match (delete.version, bucket.versioning) {
            (Some(name), _) => name,
            (None, Versioning::Unversioned) => VersionName::Null,
            (None, _) => {
                let marker = bucket.cover(&delete.key, None, chance);
                self.changes += 1;
                return Ok(Answer::Deleted { version: Some(marker), is_marker: true, changed: true });
            }
        };
        let removed = bucket.remove(&delete.key, name);
        self.changes += u64::from(removed.is_some());
        let is_marker = removed.as_ref().is_some_and(|version| version.object.is_none());
        Ok(Answer::Deleted { version: delete.version, is_marker, changed: removed.is_some() })
    }
}

impl Bucket {
    /// Puts an object, or a marker, on top of a key, in the place of the null version where versions are not kept.
    fn cover(&mut self, key: &ObjectKey, object: Option<Object>, chance: &mut Chance) -> VersionName {
        let name = match self.versioning {
            // Where the lake names no version or one that is there already, this one is nobody's, and the answers differ.
            Versioning::Enabled if chance.versions.is_empty() => VersionName::Null,
            Versioning::Enabled => VersionName::Id(chance.versions.remove(0)),
            Versioning::Unversioned | Versioning::Suspended => VersionName::Null,
        };
        self.remove(key, name);
        let made = self.written;
        self.written += 1;
        self.keys.entry(key.clone()).or_default().insert(0, Version { name, object, made });
        name
    }

    fn remove(&mut self, key: &ObjectKey, name: VersionName) -> Option<Version> {
        let versions = self.keys.get_mut(key)?;
        let place = versions.iter().position(|version| version.name == name)?;
        let removed = versions.remove(place);
        if versions.is_empty() {
            self.keys.remove(key);
        }
        Some(removed)
    }
}

/// An object put whole.
pub(super) fn whole(bytes: Bytes, attributes: Attributes) -> Object {
    let etag = ETag { md5: storage::md5_of(&bytes), parts: None };
    Object { bytes, etag, attributes, parts: None, upload: None, annotations: Default::default() }
}

/// Takes a body in, or says what is wrong with it.
pub(super) fn receive(body: &Upload) -> Result<()> {
    if body.bytes.len() as u64 > SETTINGS.body_bytes_max {
        return Err(Refusal::TooLarge);
    }
    match body.damage {
        None => Ok(()),
        Some(Damage::Md5 | Damage::Checksum) => Err(Refusal::Digest),
        Some(Damage::Short | Damage::Long) => Err(Refusal::Length),
    }
}

/// Whether the current object is as a write expects it. One that is expected and missing is not found.
pub(super) fn expect(bucket: &Bucket, key: &ObjectKey, condition: &WriteCondition) -> Result<()> {
    let is_one_of = |object: &Object, tags: &EtagCondition| match tags {
        EtagCondition::Any => true,
        EtagCondition::OneOf(tags) => tags.contains(&object.etag),
    };
    match (bucket.current(key), &condition.if_match, &condition.if_none_match) {
        (None, Some(_), _) => Err(Refusal::NoKey(None)),
        (Some(object), Some(tags), _) if !is_one_of(object, tags) => Err(Refusal::Condition),
        (Some(object), _, Some(tags)) if is_one_of(object, tags) => Err(Refusal::Condition),
        _ => Ok(()),
    }
}

/// A source that is longer than a body may be is refused as such.
pub(super) fn check_source(bytes: &Bytes) -> Result<()> {
    if bytes.len() as u64 > SETTINGS.body_bytes_max { Err(Refusal::Senseless) } else { Ok(()) }
}
