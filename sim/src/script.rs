//! What happens to a lake, as a seed decides: operations that mostly make sense for the state the reference is in, and
//! now and then do not.

use bytes::Bytes;
use engine::{
    AnnotationPlace, AsOf, Attributes, CompleteUpload, CopyObject, CopyPart, CopySource, CreateUpload, DeleteObject,
    GetObject, ListAnnotations, ListObjects, ListUploads, ListVersions, NamedPart, RemoveAnnotation, Selection,
    UploadName,
};
use fixtures::seeded::Seeded;
use kernel::{
    AnnotationName, BucketName, ETag, EtagCondition, ObjectKey, ReadCondition, Sequence, Tags, UploadId, VersionId,
    VersionName, Versioning, WriteCondition,
};

use crate::operation::{Annotate, Damage, Operation, Put, Upload};
use crate::reference::Reference;

/// Buckets of a script.
const BUCKETS: [&str; 2] = ["alpha", "beta"];
/// Keys of a script: some roll up under a delimiter, some begin with others.
const KEYS: [&str; 8] = ["a", "a/", "a/b", "a//b", "a/b/c", "ab", "b/../c", "θ🌬"];
/// Names of annotations.
const ANNOTATIONS: [&str; 3] = ["a", "a.b", "θ"];
/// Sizes of bodies around every bound of [`SETTINGS`](crate::world::SETTINGS).
const SIZES: [usize; 14] = [0, 1, 17, 255, 256, 257, 300, 999, 1_000, 1_001, 2_500, 5_000, 8_192, 8_193];

/// A bucket of a script.
///
/// # Panics
/// Never: the names are valid.
pub fn buckets() -> Vec<BucketName> {
    BUCKETS.iter().map(|name| BucketName::new(name).expect("a valid name")).collect()
}

/// Chooses operations.
pub struct Script<'a> {
    /// What chooses.
    pub seeded: &'a mut Seeded,
    /// What there is to choose from.
    pub lake: &'a Reference,
}

impl Script<'_> {
    /// Any operation.
    pub fn operation(&mut self) -> Operation {
        match self.seeded.below(100) {
            0..3 => Operation::CreateBucket(self.bucket()),
            3 => Operation::DeleteBucket(self.bucket()),
            4..7 => Operation::SetVersioning(
                self.bucket(),
                *self.seeded.choose(&[Versioning::Enabled, Versioning::Enabled, Versioning::Suspended]),
            ),
            7..24 => Operation::Put(self.put()),
            24..30 => self.on_annotation(),
            30..41 => Operation::Get(self.get()),
            41..44 => Operation::Head(self.get()),
            44..53 => Operation::Delete(self.delete()),
            53..55 => Operation::DeleteMany((0..self.seeded.below(4) + 1).map(|_| self.delete()).collect()),
            55..60 => Operation::Copy(self.copy()),
            60..63 => {
                let (bucket, key) = (self.bucket(), self.key());
                let version = self.version(&bucket, &key);
                Operation::SetTags(bucket, key, version, self.tags())
            }
            63..68 => Operation::Start(self.start()),
            68..82 => self.on_upload(),
            82..90 => Operation::List(self.list()),
            90..97 => Operation::ListVersions(self.list_versions()),
            _ => Operation::ListUploads(self.list_uploads()),
        }
    }

    /// An operation that is one point in time: neither a copy, which reads before it writes, nor several at once.
    pub fn atomic_operation(&mut self) -> Operation {
        loop {
            let operation = self.operation();
            let is_several = matches!(
                operation,
                Operation::Copy(_) | Operation::CopyPart(_) | Operation::DeleteMany(_) | Operation::SetTags(..)
            );
            if !is_several {
                return operation;
            }
        }
    }

    fn bucket(&mut self) -> BucketName {
        // The first one most of the time, so that much happens in one place.
        let place = usize::from(self.seeded.percent(15));
        buckets().swap_remove(place)
    }

    fn key(&mut self) -> ObjectKey {
        ObjectKey::new(self.seeded.choose::<&str>(&KEYS)).expect("a valid key")
    }

    fn bytes(&mut self) -> Bytes {
        let mut bytes = vec![0; *self.seeded.choose(&SIZES)];
        self.seeded.fill(&mut bytes);
        bytes.into()
    }

    fn upload_body(&mut self) -> Upload {
        let bytes = self.bytes();
        let possible: &[Damage] = match bytes.len() {
            0 => &[Damage::Md5, Damage::Checksum, Damage::Long],
            _ => &[Damage::Md5, Damage::Checksum, Damage::Long, Damage::Short],
        };
        let damage = *self.seeded.choose(possible);
        Upload { bytes, damage: self.seeded.percent(8).then_some(damage) }
    }

    fn tags(&mut self) -> Tags {
        let count = self.seeded.below(3);
        let tags = (0..count).map(|number| (format!("tag{number}"), self.seeded.below(10).to_string()));
        Tags::new(tags.collect::<Vec<_>>(), Tags::OBJECT_MAX).expect("a valid tag set")
    }

    fn attributes(&mut self) -> Attributes {
        let mut attributes = Attributes { tags: self.tags(), ..Attributes::default() };
        if self.seeded.percent(40) {
            attributes.headers.content_type = Some(format!("text/{}", self.seeded.below(9)));
            attributes.metadata.insert("turbine".into(), self.seeded.below(100).to_string());
        }
        attributes
    }

    /// A version of a key; none most of the time, and now and then one that is not there.
    fn version(&mut self, bucket: &BucketName, key: &ObjectKey) -> Option<VersionName> {
        let mut names = self.lake.version_names(bucket, key);
        names.push(VersionName::Null);
        names.push(VersionName::Id(VersionId::from_bytes([9; 16])));
        self.seeded.percent(35).then(|| *self.seeded.choose(&names))
    }

    /// A moment that is remembered, so many times of a hundred; now and then one that never was.
    fn as_of(&mut self, percent: u64) -> Option<AsOf> {
        let moments = self.lake.moments.iter().map(|moment| moment.at);
        let moments: Vec<_> = moments.chain([Sequence::ZERO, Sequence::MAX]).collect();
        self.seeded.percent(percent).then(|| AsOf::Sequence(*self.seeded.choose(&moments)))
    }

    fn etags(&mut self, bucket: &BucketName, key: &ObjectKey) -> EtagCondition {
        let other = ETag { md5: [5; 16], parts: None };
        let current = self.lake.buckets.get(bucket).and_then(|bucket| bucket.current(key)).map(|object| object.etag);
        match self.seeded.below(4) {
            0 => EtagCondition::Any,
            1 => EtagCondition::OneOf(vec![other]),
            _ => EtagCondition::OneOf(current.into_iter().chain([other]).collect()),
        }
    }

    fn write_condition(&mut self, bucket: &BucketName, key: &ObjectKey) -> WriteCondition {
        match self.seeded.below(10) {
            0 => WriteCondition { if_match: Some(self.etags(bucket, key)), if_none_match: None },
            1 => WriteCondition { if_match: None, if_none_match: Some(self.etags(bucket, key)) },
            _ => WriteCondition::default(),
        }
    }

    fn read_condition(&mut self, bucket: &BucketName, key: &ObjectKey) -> ReadCondition {
        let WriteCondition { if_match, if_none_match } = self.write_condition(bucket, key);
        ReadCondition { if_match, if_none_match, ..ReadCondition::default() }
    }

    fn put(&mut self) -> Put {
        let (bucket, key) = (self.bucket(), self.key());
        let condition = self.write_condition(&bucket, &key);
        Put { bucket, key, body: self.upload_body(), attributes: self.attributes(), condition }
    }

    fn get(&mut self) -> GetObject {
        let (bucket, key) = (self.bucket(), self.key());
        let version = self.version(&bucket, &key);
        let as_of = self.as_of(if version.is_some() { 2 } else { 25 });
        let condition = self.read_condition(&bucket, &key);
        let (one, other) = (self.offset(), self.offset());
        let selection = match self.seeded.below(8) {
            0 => Selection::From(one),
            1 => Selection::Between(one, other),
            2 => Selection::Between(one.min(other), one.max(other)),
            3 => Selection::Suffix(one),
            4 => Selection::Part(1 + self.seeded.below(4) as u16),
            _ => Selection::All,
        };
        GetObject { bucket, key, version, as_of, selection, condition }
    }

    /// A place in a body, near the bounds of pieces and sizes.
    fn offset(&mut self) -> u64 {
        (*self.seeded.choose(&SIZES) as u64 + self.seeded.below(3)).saturating_sub(1)
    }

    fn delete(&mut self) -> DeleteObject {
        let (bucket, key) = (self.bucket(), self.key());
        let version = self.version(&bucket, &key);
        let condition = self.write_condition(&bucket, &key);
        DeleteObject { bucket, key, version, bypass_governance: false, condition }
    }

    fn source(&mut self) -> CopySource {
        let (bucket, key) = (self.bucket(), self.key());
        let version = self.version(&bucket, &key);
        let condition = self.read_condition(&bucket, &key);
        CopySource { bucket, key, version, condition }
    }

    fn copy(&mut self) -> CopyObject {
        let (source, bucket, key) = (self.source(), self.bucket(), self.key());
        let replacement = self.attributes();
        CopyObject {
            source,
            replace_metadata: self.seeded.percent(30).then_some((replacement.headers, replacement.metadata)),
            replace_tags: self.seeded.percent(30).then_some(replacement.tags),
            acl: None,
            protection: kernel::Protection::default(),
            embargo: None,
            website_redirect: None,
            algorithm: None,
            with_annotations: self.seeded.percent(70),
            says_how_to_store: false,
            condition: self.write_condition(&bucket, &key),
            bucket,
            key,
        }
    }

    /// Something done to the annotations of an object.
    fn on_annotation(&mut self) -> Operation {
        let place = self.annotated();
        let if_match = self.seeded.percent(15).then(|| self.etags(&place.bucket, &place.key));
        let mut name = AnnotationName::new(self.seeded.choose::<&str>(&ANNOTATIONS)).expect("a valid name");
        let there = self.lake.annotation_names(&place);
        if !there.is_empty() && self.seeded.percent(50) {
            name = self.seeded.choose(&there).clone();
        }
        match self.seeded.below(12) {
            0..3 => Operation::GetAnnotation(place, name),
            3..5 => Operation::Unannotate(RemoveAnnotation { place, name, if_match }),
            5 => {
                let prefix = (*self.seeded.choose::<&str>(&["", "a", "a."])).to_owned();
                let after = self.seeded.choose(&[None, Some("a"), Some("b")]).map(str::to_owned);
                Operation::Annotations(ListAnnotations { place, prefix, after, limit: self.limit() })
            }
            _ => Operation::Annotate(Annotate { place, name, body: self.text(), if_match }),
        }
    }

    /// An object, more often one that has annotations already; or now and then any place.
    fn annotated(&mut self) -> AnnotationPlace {
        let mut places = Vec::new();
        for (bucket, facts) in &self.lake.buckets {
            let versions = facts.keys.iter().flat_map(|(key, all)| all.iter().map(move |version| (key, version)));
            for (key, version) in versions {
                let Some(object) = &version.object else { continue };
                let (key, version) = (key.clone(), Some(version.name));
                let place = AnnotationPlace { bucket: bucket.clone(), key, version };
                places.extend(vec![place; if object.annotations.is_empty() { 1 } else { 4 }]);
            }
        }
        if places.is_empty() || self.seeded.percent(25) {
            let (bucket, key) = (self.bucket(), self.key());
            let version = self.version(&bucket, &key);
            places = vec![AnnotationPlace { bucket, key, version }];
        }
        self.seeded.choose(&places).clone()
    }

    /// A body that is text, now and then with bytes that are none at its end.
    fn text(&mut self) -> Upload {
        let Upload { bytes, damage } = self.upload_body();
        let mut text: Vec<u8> = bytes.iter().map(|byte| b'a' + byte % 26).collect();
        let is_text = damage.is_some() || self.seeded.percent(95);
        if let Some(last) = text.last_mut().filter(|_| !is_text) {
            *last = 0xc3;
        }
        Upload { bytes: text.into(), damage }
    }

    fn start(&mut self) -> CreateUpload {
        CreateUpload { bucket: self.bucket(), key: self.key(), attributes: self.attributes(), checksum: None }
    }

    /// Something done to an upload under way, or now and then to none.
    fn on_upload(&mut self) -> Operation {
        let open = self.lake.buckets.iter().flat_map(|(bucket, facts)| {
            facts.uploads.keys().map(|(key, id)| UploadName { bucket: bucket.clone(), key: key.clone(), id: *id })
        });
        let mut open: Vec<UploadName> = open.collect();
        if open.is_empty() || self.seeded.percent(4) {
            open = vec![self.ended_upload()];
        }
        let upload = self.seeded.choose(&open).clone();
        let number = 1 + self.seeded.below(4) as u16;
        match self.seeded.below(14) {
            0 => Operation::Abort(upload),
            1 => Operation::Parts(upload, self.seeded.below(4) as u16, self.seeded.below(4) as usize),
            2..4 => {
                let (one, other) = (self.offset(), self.offset());
                let range = self.seeded.percent(50).then_some((one, other));
                Operation::CopyPart(CopyPart { upload, number, source: self.source(), range })
            }
            4..8 => Operation::Complete(self.complete(upload)),
            _ => Operation::PutPart(upload, number, self.upload_body()),
        }
    }

    /// The name of an upload that became an object, or of none at all.
    fn ended_upload(&mut self) -> UploadName {
        let none = UploadName { bucket: self.bucket(), key: self.key(), id: UploadId::from_bytes([3; 16]) };
        let mut ended = vec![none];
        for (bucket, facts) in &self.lake.buckets {
            for (key, version) in facts.keys.iter().flat_map(|(key, all)| all.iter().map(move |one| (key, one))) {
                let id = version.object.as_ref().and_then(|object| object.upload);
                ended.extend(id.map(|id| UploadName { bucket: bucket.clone(), key: key.clone(), id }));
            }
        }
        self.seeded.choose(&ended).clone()
    }

    /// The parts that an upload has, or those that it had when it was completed.
    fn parts_of(&self, upload: &UploadName) -> Vec<NamedPart> {
        let Some(bucket) = self.lake.buckets.get(&upload.bucket) else { return Vec::new() };
        let parts: Vec<(u16, Option<ETag>)> = match bucket.uploads.get(&(upload.key.clone(), upload.id)) {
            Some(open) => open.parts.iter().map(|(number, (etag, _))| (*number, Some(*etag))).collect(),
            None => {
                let mut versions = bucket.keys.get(&upload.key).into_iter().flatten();
                let became = versions
                    .find_map(|version| version.object.as_ref().filter(|object| object.upload == Some(upload.id)));
                became.map(|object| object.parts_as_sent()).unwrap_or_default()
            }
        };
        parts.into_iter().map(|(number, etag)| NamedPart { number, etag, checksum: None }).collect()
    }

    fn complete(&mut self, upload: UploadName) -> CompleteUpload {
        let mut parts = self.parts_of(&upload);
        match self.seeded.below(12) {
            0 => parts.reverse(),
            1 if parts.len() > 1 => drop(parts.remove(0)),
            2 => parts.iter_mut().take(1).for_each(|part| part.etag = None),
            _ => {}
        }
        if parts.is_empty() {
            parts.push(NamedPart { number: 1, etag: Some(ETag { md5: [5; 16], parts: None }), checksum: None });
        }
        let condition = self.write_condition(&upload.bucket, &upload.key);
        CompleteUpload { upload, parts, condition, checksum: None, full_object: None, bytes: None }
    }

    fn prefix(&mut self) -> String {
        (*self.seeded.choose::<&str>(&["", "", "a", "a/", "a/b", "b", "zz"])).to_owned()
    }

    fn delimiter(&mut self) -> Option<String> {
        self.seeded.choose(&[None, None, Some("/"), Some("b"), Some("//")]).map(str::to_owned)
    }

    fn after(&mut self) -> Option<String> {
        self.seeded
            .choose(&[None, None, None, Some("a"), Some("a/"), Some("a/b"), Some("a//b"), Some("aa")])
            .map(str::to_owned)
    }

    fn limit(&mut self) -> usize {
        *self.seeded.choose(&[0, 1, 2, 3, 5, 1_000])
    }

    fn list(&mut self) -> ListObjects {
        ListObjects {
            bucket: self.bucket(),
            prefix: self.prefix(),
            delimiter: self.delimiter(),
            after: self.after(),
            limit: self.limit(),
            as_of: self.as_of(30),
        }
    }

    fn list_versions(&mut self) -> ListVersions {
        let bucket = self.bucket();
        let after = self.after().map(|after| {
            let key = ObjectKey::new(&after).expect("a valid key");
            let names = self.lake.version_names(&bucket, &key);
            let name = (!names.is_empty() && self.seeded.percent(70)).then(|| *self.seeded.choose(&names));
            (after, name)
        });
        let (prefix, delimiter, limit) = (self.prefix(), self.delimiter(), self.limit());
        ListVersions { bucket, prefix, delimiter, after, limit }
    }

    fn list_uploads(&mut self) -> ListUploads {
        let bucket = self.bucket();
        let after = self.after().map(|after| {
            let open = self.lake.buckets.get(&bucket).into_iter().flat_map(|facts| facts.uploads.keys());
            let ids: Vec<_> = open.filter(|(key, _)| key.as_str() == after).map(|(_, id)| *id).collect();
            let id = (!ids.is_empty()).then(|| *self.seeded.choose(&ids));
            (after, id)
        });
        let (prefix, delimiter, limit) = (self.prefix(), self.delimiter(), self.limit());
        ListUploads { bucket, prefix, delimiter, after, limit }
    }
}
