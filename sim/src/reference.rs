//! What a lake should be: S3's rules as the plainest data and code that can express them. No storage, no sealing, no
//! batches, no pages; whole maps are walked for every question. It shares no code with the lake but the words of `kernel`
//! and the requests of `engine`, and takes from it only what chance decides: names of versions and uploads.
//!
//! Source: Amazon S3 API and User Guide, as the lake's own documents quote them.

mod annotations;
mod listing;
mod past;
mod reading;
mod uploads;
mod writing;

use std::collections::BTreeMap;

use bytes::Bytes;
use engine::{Attributes, DeleteObject};
use kernel::{
    AnnotationName, AnnotationSum, BucketName, ETag, ObjectKey, Tags, UploadId, VersionId, VersionName, Versioning,
};

pub use past::Moment;

use crate::operation::{Answer, Known, Operation, Refusal};

/// What chance decided in the lake's answer to an operation.
#[derive(Debug, Clone, Default)]
pub struct Chance {
    /// Versions made, in order.
    pub versions: Vec<VersionId>,
    /// The upload started.
    pub upload: Option<UploadId>,
}

impl Chance {
    /// What an answer to this operation tells.
    pub fn of(operation: &Operation, answer: &Answer) -> Self {
        let mut chance = Self::default();
        match (operation, answer) {
            (Operation::DeleteMany(deletes), Answer::Many(answers)) => {
                deletes.iter().zip(answers).for_each(|(delete, answer)| chance.take_marker(delete, answer));
            }
            (Operation::Delete(delete), answer) => chance.take_marker(delete, answer),
            (_, Answer::Written { version: VersionName::Id(id), .. }) => chance.versions.push(*id),
            (_, Answer::Started(id)) => chance.upload = Some(*id),
            _ => {}
        }
        chance
    }

    fn take_marker(&mut self, delete: &DeleteObject, answer: &Answer) {
        if let (None, Answer::Deleted { version: Some(VersionName::Id(id)), .. }) = (delete.version, answer) {
            self.versions.push(*id);
        }
    }
}

/// An object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Its bytes.
    pub bytes: Bytes,
    /// Its entity tag.
    pub etag: ETag,
    /// What is stored beside them.
    pub attributes: Attributes,
    /// Number and bytes of its parts, where it was an upload.
    pub parts: Option<Vec<(u16, u64)>>,
    /// The upload it was.
    pub upload: Option<UploadId>,
    /// Its annotations.
    pub annotations: BTreeMap<AnnotationName, Bytes>,
}

/// A version: an object, or a marker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// Its name.
    pub name: VersionName,
    /// The object; none for a marker.
    pub object: Option<Object>,
    /// How many were written to the bucket before it: tells it from another of the same name.
    pub made: u64,
}

/// An upload under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// What will be stored beside the bytes.
    pub attributes: Attributes,
    /// Parts by number.
    pub parts: BTreeMap<u16, (ETag, Bytes)>,
}

/// A bucket.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Bucket {
    /// Whether it keeps versions.
    pub versioning: Versioning,
    /// Versions of each key, the newest first; no key without any.
    pub keys: BTreeMap<ObjectKey, Vec<Version>>,
    /// Uploads under way.
    pub uploads: BTreeMap<(ObjectKey, UploadId), Upload>,
    /// How many changes there were before it: tells it from another of the same name.
    pub made: u64,
    /// Versions ever written to it.
    pub written: u64,
}

/// A whole lake.
#[derive(Debug, Clone, Default)]
pub struct Reference {
    /// Its buckets.
    pub buckets: BTreeMap<BucketName, Bucket>,
    /// Entries of its log of changes.
    pub changes: u64,
    /// How it once was.
    pub moments: Vec<Moment>,
}

type Result<T> = std::result::Result<T, Refusal>;

impl Reference {
    /// Does what the lake was asked to do, with chance as the lake's answer tells it, and gives the right answer.
    pub fn apply(&mut self, operation: &Operation, chance: &mut Chance) -> Answer {
        let before = self.clone();
        match self.attempt(operation, chance) {
            Ok(answer) => answer,
            Err(refusal) => {
                *self = before;
                Answer::Refused(refusal)
            }
        }
    }

    fn attempt(&mut self, operation: &Operation, chance: &mut Chance) -> Result<Answer> {
        match operation {
            Operation::CreateBucket(name) => self.create_bucket(name),
            Operation::DeleteBucket(name) => self.delete_bucket(name),
            Operation::SetVersioning(name, versioning) => {
                self.bucket(name)?.versioning = *versioning;
                self.changes += 1;
                Ok(Answer::Done)
            }
            Operation::Put(put) => self.put(put, chance),
            Operation::Get(get) => self.get(get, true),
            Operation::Head(get) => self.get(get, false),
            Operation::Delete(delete) => self.delete(delete, chance),
            Operation::DeleteMany(deletes) => {
                let each = deletes.iter().map(|delete| self.delete(delete, chance).unwrap_or_else(Answer::Refused));
                Ok(Answer::Many(each.collect()))
            }
            Operation::Copy(copy) => self.copy(copy, chance),
            Operation::SetTags(bucket, key, version, tags) => self.set_tags(bucket, (key, *version), tags),
            Operation::Annotate(annotate) => self.annotate(annotate),
            Operation::GetAnnotation(place, name) => self.annotation(place, name),
            Operation::Unannotate(remove) => self.unannotate(remove),
            Operation::Annotations(list) => self.annotations(list),
            Operation::Start(create) => self.start(create, chance),
            Operation::PutPart(upload, number, body) => self.put_part(upload, *number, body),
            Operation::CopyPart(copy) => self.copy_part(copy),
            Operation::Complete(complete) => self.complete(complete, chance),
            Operation::Abort(upload) => self.abort(upload),
            Operation::Parts(upload, after, limit) => self.parts(upload, *after, *limit),
            Operation::List(list) => self.list(list),
            Operation::ListVersions(list) => self.list_versions(list),
            Operation::ListUploads(list) => self.list_uploads(list),
        }
    }

    fn bucket(&mut self, name: &BucketName) -> Result<&mut Bucket> {
        self.buckets.get_mut(name).ok_or(Refusal::NoBucket)
    }

    fn bucket_to_read(&self, name: &BucketName) -> Result<&Bucket> {
        self.buckets.get(name).ok_or(Refusal::NoBucket)
    }

    fn create_bucket(&mut self, name: &BucketName) -> Result<Answer> {
        if self.buckets.contains_key(name) {
            return Err(Refusal::BucketTaken);
        }
        self.buckets.insert(name.clone(), Bucket { made: self.changes, ..Bucket::default() });
        self.changes += 1;
        Ok(Answer::Done)
    }

    fn delete_bucket(&mut self, name: &BucketName) -> Result<Answer> {
        if !self.bucket(name)?.keys.is_empty() {
            return Err(Refusal::BucketNotEmpty);
        }
        self.buckets.remove(name);
        self.changes += 1;
        Ok(Answer::Done)
    }

    fn set_tags(&mut self, bucket: &BucketName, at: (&ObjectKey, Option<VersionName>), tags: &Tags) -> Result<Answer> {
        let (key, version) = at;
        let found = self.bucket(bucket)?.find(key, version)?.name;
        let versions = self.bucket(bucket)?.keys.get_mut(key).ok_or(Refusal::NoKey(None))?;
        for version in versions.iter_mut().filter(|version| version.name == found) {
            if let Some(object) = &mut version.object {
                object.attributes.tags = tags.clone();
            }
        }
        self.changes += 1;
        Ok(Answer::Done)
    }
}

impl Bucket {
    /// The object that a read of this key, or of this version of it, finds.
    pub(crate) fn find(&self, key: &ObjectKey, version: Option<VersionName>) -> Result<&Version> {
        let versions = self.keys.get(key).map(Vec::as_slice).unwrap_or_default();
        match version {
            None => match versions.first() {
                None => Err(Refusal::NoKey(None)),
                Some(Version { name, object: None, .. }) => Err(Refusal::NoKey(Some(*name))),
                Some(found) => Ok(found),
            },
            Some(name) => match versions.iter().find(|version| version.name == name) {
                None => Err(Refusal::NoVersion),
                Some(Version { object: None, .. }) => Err(Refusal::Marker(name)),
                Some(found) => Ok(found),
            },
        }
    }

    /// The object that is current.
    pub(crate) fn current(&self, key: &ObjectKey) -> Option<&Object> {
        self.keys.get(key)?.first()?.object.as_ref()
    }

    /// Whether the answer to a write names its version. A suspended bucket's writes are all named null, and unnamed.
    pub(crate) fn names_writes(&self) -> bool {
        self.versioning == Versioning::Enabled
    }

    /// Current objects, all versions, and the bytes of all versions.
    pub fn counters(&self) -> (u64, u64, u64) {
        let objects = self.keys.keys().filter(|key| self.current(key).is_some()).count();
        let versions = self.keys.values().map(Vec::len).sum::<usize>();
        let all = self.keys.values().flatten().filter_map(|version| version.object.as_ref());
        (objects as u64, versions as u64, all.map(|object| object.bytes.len() as u64 + object.annotated().bytes).sum())
    }
}

impl Object {
    /// What a client may know of it.
    pub fn known(&self, version: VersionName) -> Known {
        Known {
            version,
            bytes: self.bytes.len() as u64,
            etag: self.etag,
            metadata: self.attributes.metadata.clone(),
            content_type: self.attributes.headers.content_type.clone(),
            tags: self.attributes.tags.clone(),
            parts: self.parts.as_ref().map(|parts| parts.len() as u16),
            annotations: self.annotated(),
        }
    }

    fn annotated(&self) -> AnnotationSum {
        let bytes = self.annotations.values().map(|annotation| annotation.len() as u64);
        AnnotationSum { count: self.annotations.len() as u32, bytes: bytes.sum() }
    }
}
