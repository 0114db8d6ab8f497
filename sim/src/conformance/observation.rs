//! Everything that a client can see of a lake, read through its operations.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use engine::{
    AnnotationPlace, Entry, GetObject, ListAnnotations, ListObjects, ListUploads, ListVersions, Selection, UploadName,
};
use kernel::{
    AnnotationName, BucketName, ETag, ObjectKey, ReadCondition, UploadId, VersionId, VersionName, Versioning,
};

use super::id;
use crate::driver::perform;
use crate::operation::{Answer, Known, Operation, Refusal};
use crate::reference::{Chance, Reference};
use crate::script::buckets;
use crate::world::World;

/// Entries of a page: small, so that every walk has many.
const PAGE: usize = 3;

/// A version as a client sees it: its facts and bytes, or nothing for a marker.
type Seen = (VersionName, Option<SeenObject>);

/// An object as a client sees it.
#[derive(Debug, PartialEq, Eq)]
struct SeenObject {
    known: Known,
    bytes: Bytes,
    /// Annotations by name.
    annotations: Vec<(String, Bytes)>,
}

/// Number, entity tag and bytes of a part.
type SeenPart = (u16, ETag, u64);

/// A bucket as a client sees it.
#[derive(Debug, Default, PartialEq, Eq)]
struct SeenBucket {
    versioning: Versioning,
    /// Versions by key, the newest first.
    versions: BTreeMap<String, Vec<Seen>>,
    current: Vec<(String, ETag, u64)>,
    uploads: Vec<(String, UploadId, Vec<SeenPart>)>,
    /// Current objects, versions, bytes.
    counters: (u64, u64, u64),
}

/// A whole lake as a client sees it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Observation(BTreeMap<BucketName, SeenBucket>);

/// Reads everything.
pub(super) async fn observe(world: &World) -> Result<Observation, String> {
    let mut seen = BTreeMap::new();
    for name in buckets() {
        let Some(bucket) = world.catalog.bucket(&name).await.map_err(|error| error.to_string())? else { continue };
        let counted = world.catalog.counters(bucket.id).await.map_err(|error| error.to_string())?;
        let reader = Reader { world, bucket: &name };
        let observed = SeenBucket {
            versioning: bucket.versioning,
            versions: reader.versions().await?,
            current: reader.current().await?,
            uploads: reader.uploads().await?,
            counters: (counted.objects, counted.versions, counted.bytes),
        };
        seen.insert(name, observed);
    }
    Ok(Observation(seen))
}

struct Reader<'a> {
    world: &'a World,
    bucket: &'a BucketName,
}

impl Reader<'_> {
    async fn ask(&self, operation: Operation) -> Answer {
        perform(Arc::clone(&self.world.engine), operation).await
    }

    async fn current(&self) -> Result<Vec<(String, ETag, u64)>, String> {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let bucket = self.bucket.clone();
            let list = ListObjects { bucket, prefix: String::new(), delimiter: None, after, limit: PAGE, as_of: None };
            let Answer::Objects(entries, truncated) = self.ask(Operation::List(list)).await else {
                return Err("a listing failed".into());
            };
            all.extend(items(entries));
            if !truncated {
                return Ok(all);
            }
            after = all.last().map(|(key, ..)| key.clone());
        }
    }

    async fn versions(&self) -> Result<BTreeMap<String, Vec<Seen>>, String> {
        let (mut all, mut after) = (BTreeMap::<String, Vec<Seen>>::new(), None);
        loop {
            let bucket = self.bucket.clone();
            let list = ListVersions { bucket, prefix: String::new(), delimiter: None, after, limit: PAGE };
            let Answer::Versions(entries, truncated) = self.ask(Operation::ListVersions(list)).await else {
                return Err("a listing of versions failed".into());
            };
            after = None;
            for listed in items(entries) {
                after = Some((listed.key.clone(), Some(listed.version)));
                let versions = all.entry(listed.key.clone()).or_default();
                if listed.is_latest != versions.is_empty() {
                    return Err(format!("{listed:?} is not the newest, or is"));
                }
                let read = self.read(&listed.key, listed.version, versions.is_empty()).await?;
                if read.as_ref().map(|object| object.known.etag) != listed.etag {
                    return Err(format!("{listed:?} reads as {read:?}"));
                }
                versions.push((listed.version, read));
            }
            if !truncated {
                return Ok(all);
            }
        }
    }

    /// Reads a version by name and, where it is the newest, without: both must be the same.
    async fn read(&self, key: &str, version: VersionName, is_latest: bool) -> Result<Option<SeenObject>, String> {
        let get = GetObject {
            bucket: self.bucket.clone(),
            key: ObjectKey::new(key).map_err(|error| error.to_string())?,
            version: Some(version),
            as_of: None,
            selection: Selection::All,
            condition: ReadCondition::default(),
        };
        let place = AnnotationPlace { bucket: get.bucket.clone(), key: get.key.clone(), version: get.version };
        let named = self.ask(Operation::Get(get.clone())).await;
        if is_latest {
            let current = self.ask(Operation::Get(GetObject { version: None, ..get })).await;
            let is_alike = match (&named, &current) {
                (Answer::Refused(Refusal::Marker(one)), Answer::Refused(Refusal::NoKey(Some(other)))) => one == other,
                (one, other) => one == other,
            };
            if !is_alike {
                return Err(format!("`{key}` reads as {current:?}, its newest version as {named:?}"));
            }
        }
        match named {
            Answer::Read { known, range: None, body: Some(bytes) } => {
                let annotations = match known.annotations.is_empty() {
                    true => Vec::new(),
                    false => self.annotations(place).await?,
                };
                Ok(Some(SeenObject { known, bytes, annotations }))
            }
            Answer::Refused(Refusal::Marker(_)) => Ok(None),
            other => Err(format!("`{key}` version {version:?} reads as {other:?}")),
        }
    }

    /// Reads all annotations of a version, a page at a time.
    async fn annotations(&self, place: AnnotationPlace) -> Result<Vec<(String, Bytes)>, String> {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let list = ListAnnotations { place: place.clone(), prefix: String::new(), after, limit: PAGE };
            let Answer::Annotations(rows, truncated) = self.ask(Operation::Annotations(list)).await else {
                return Err("a listing of annotations failed".into());
            };
            after = rows.last().map(|(name, ..)| name.clone());
            for (text, etag, _) in rows {
                let name = AnnotationName::new(&text).map_err(|error| error.to_string())?;
                let Answer::Annotation(bytes) = self.ask(Operation::GetAnnotation(place.clone(), name)).await else {
                    return Err(format!("annotation `{text}` cannot be read"));
                };
                if etag.md5 != storage::md5_of(&bytes) {
                    return Err(format!("annotation `{text}` is not what is listed"));
                }
                all.push((text, bytes));
            }
            if !truncated {
                return Ok(all);
            }
        }
    }

    async fn uploads(&self) -> Result<Vec<(String, UploadId, Vec<(u16, ETag, u64)>)>, String> {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let bucket = self.bucket.clone();
            let list = ListUploads { bucket, prefix: String::new(), delimiter: None, after, limit: PAGE };
            let Answer::Uploads(entries, truncated) = self.ask(Operation::ListUploads(list)).await else {
                return Err("a listing of uploads failed".into());
            };
            after = None;
            for (key, id) in items(entries) {
                after = Some((key.clone(), Some(id)));
                let name = ObjectKey::new(&key).map_err(|error| error.to_string())?;
                let upload = UploadName { bucket: self.bucket.clone(), key: name, id };
                let Answer::Parts(parts, false) = self.ask(Operation::Parts(upload, 0, 100)).await else {
                    return Err(format!("the parts of {id} cannot be listed"));
                };
                all.push((key, id, parts));
            }
            if !truncated {
                return Ok(all);
            }
        }
    }
}

fn items<T>(entries: Vec<Entry<T>>) -> impl Iterator<Item = T> {
    entries.into_iter().filter_map(|entry| match entry {
        Entry::Item(item) => Some(item),
        Entry::Prefix(_) => None,
    })
}

impl Observation {
    /// What a client would see of the reference.
    fn expected(lake: &Reference) -> Self {
        let buckets = lake.buckets.iter().map(|(name, bucket)| {
            let seen = |version: &crate::reference::Version| {
                let object = version.object.as_ref();
                let annotations = |object: &crate::reference::Object| {
                    let all = object.annotations.iter();
                    all.map(|(name, bytes)| (name.as_str().to_owned(), bytes.clone())).collect()
                };
                let seen = |object: &crate::reference::Object| SeenObject {
                    known: object.known(version.name),
                    bytes: object.bytes.clone(),
                    annotations: annotations(object),
                };
                (version.name, object.map(seen))
            };
            let versions = bucket.keys.iter();
            let versions = versions.map(|(key, all)| (key.as_str().to_owned(), all.iter().map(seen).collect()));
            let current = bucket.keys.keys().filter_map(|key| {
                let object = bucket.current(key)?;
                Some((key.as_str().to_owned(), object.etag, object.bytes.len() as u64))
            });
            let uploads = bucket.uploads.iter().map(|((key, id), upload)| {
                let parts = upload.parts.iter();
                let parts = parts.map(|(number, (etag, bytes))| (*number, *etag, bytes.len() as u64));
                (key.as_str().to_owned(), *id, parts.collect())
            });
            let seen = SeenBucket {
                versioning: bucket.versioning,
                versions: versions.collect(),
                current: current.collect(),
                uploads: uploads.collect(),
                counters: bucket.counters(),
            };
            (name.clone(), seen)
        });
        Self(buckets.collect())
    }

    /// Says where the reference would look different.
    pub(super) fn compare(&self, lake: &Reference) -> Result<(), String> {
        let expected = Self::expected(lake);
        if *self == expected {
            return Ok(());
        }
        let names: BTreeSet<_> = self.0.keys().chain(expected.0.keys()).collect();
        let differing = names.into_iter().filter(|name| self.0.get(name) != expected.0.get(name));
        let texts = differing.map(|name| {
            let (seen, right) = (self.0.get(name), expected.0.get(name));
            format!("{name}: {}", first_difference(seen, right))
        });
        Err(texts.collect::<Vec<_>>().join("\n"))
    }

    /// What chance may have decided for an operation that was never answered: the versions and the upload of its key that
    /// are there now and that the reference does not know.
    pub(super) fn chance(&self, operation: &Operation, lake: &Reference) -> Chance {
        let Some((bucket, key, etag)) = place(operation) else { return Chance::default() };
        let known: Vec<VersionName> = lake.version_names(bucket, key);
        let Some(seen) = self.0.get(bucket) else { return Chance::default() };
        let fresh = seen.versions.get(key.as_str()).into_iter().flatten().rev().filter(|(name, object)| {
            let fits = match (operation, object) {
                (Operation::Delete(_), None) => true,
                (Operation::Delete(_), Some(_)) | (_, None) => false,
                (_, Some(object)) => etag.is_none_or(|etag| etag == object.known.etag),
            };
            fits && !known.contains(name)
        });
        let versions: Vec<VersionId> = fresh.filter_map(|(name, _)| id(*name)).collect();
        let open = lake.buckets.get(bucket).map(|bucket| &bucket.uploads);
        let is_known = |upload: UploadId| open.is_some_and(|open| open.contains_key(&(key.clone(), upload)));
        let mut started = seen.uploads.iter().filter(|(of, upload, _)| of == key.as_str() && !is_known(*upload));
        Chance { versions, upload: started.next().map(|(_, upload, _)| *upload) }
    }
}

/// Where an operation writes, and the entity tag that it alone will have.
fn place(operation: &Operation) -> Option<(&BucketName, &ObjectKey, Option<ETag>)> {
    match operation {
        Operation::Put(put) => {
            let etag = ETag { md5: storage::md5_of(&put.body.bytes), parts: None };
            Some((&put.bucket, &put.key, Some(etag)))
        }
        Operation::Delete(delete) => Some((&delete.bucket, &delete.key, None)),
        Operation::Start(create) => Some((&create.bucket, &create.key, None)),
        Operation::Complete(complete) => Some((&complete.upload.bucket, &complete.upload.key, None)),
        _ => None,
    }
}

fn first_difference(seen: Option<&SeenBucket>, right: Option<&SeenBucket>) -> String {
    let (Some(seen), Some(right)) = (seen, right) else {
        return format!("there: {}, should be there: {}", seen.is_some(), right.is_some());
    };
    if seen.versions != right.versions {
        let keys: BTreeSet<_> = seen.versions.keys().chain(right.versions.keys()).collect();
        let key = keys.into_iter().find(|key| seen.versions.get(*key) != right.versions.get(*key));
        let shown = |bucket: &SeenBucket| {
            let versions = key.and_then(|key| bucket.versions.get(key));
            versions.map(|all| {
                all.iter()
                    .map(|(name, object)| (*name, object.as_ref().map(|object| object.known.clone())))
                    .collect::<Vec<_>>()
            })
        };
        return format!("versions of {key:?}: {:#?}, should be {:#?}", shown(seen), shown(right));
    }
    if seen.current != right.current {
        return format!("listed: {:?}, should be {:?}", seen.current, right.current);
    }
    if seen.uploads != right.uploads {
        return format!("uploads: {:?}, should be {:?}", seen.uploads, right.uploads);
    }
    format!("{:?}, {:?}; should be {:?}, {:?}", seen.versioning, seen.counters, right.versioning, right.counters)
}
