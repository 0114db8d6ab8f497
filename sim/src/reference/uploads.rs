//! Multipart uploads.

use bytes::Bytes;
use engine::{CompleteUpload, CopyPart, CreateUpload, Selection, UploadName};
use kernel::{ETag, VersionName};

use super::writing::{check_source, expect, receive};
use super::{Chance, Object, Reference, Result, Upload};
use crate::operation::{self, Answer, Refusal};
use crate::world::SETTINGS;

impl Reference {
    pub(super) fn start(&mut self, create: &CreateUpload, chance: &mut Chance) -> Result<Answer> {
        let bucket = self.bucket(&create.bucket)?;
        // Where the lake started none, the answers differ whatever is said here.
        let id = chance.upload.take().ok_or(Refusal::NoUpload)?;
        let upload = Upload { attributes: create.attributes.clone(), parts: Default::default() };
        bucket.uploads.insert((create.key.clone(), id), upload);
        self.changes += 1;
        Ok(Answer::Started(id))
    }

    fn upload(&mut self, name: &UploadName) -> Result<&mut Upload> {
        let uploads = &mut self.bucket(&name.bucket)?.uploads;
        uploads.get_mut(&(name.key.clone(), name.id)).ok_or(Refusal::NoUpload)
    }

    pub(super) fn put_part(&mut self, name: &UploadName, number: u16, body: &operation::Upload) -> Result<Answer> {
        check_number(number)?;
        let upload = self.upload(name)?;
        receive(body)?;
        Ok(upload.take(number, body.bytes.clone()))
    }

    pub(super) fn copy_part(&mut self, copy: &CopyPart) -> Result<Answer> {
        check_number(copy.number)?;
        self.upload(&copy.upload)?;
        let selection = copy.range.map_or(Selection::All, |(first, last)| Selection::Between(first, last));
        let (source, bytes) = self.source(&copy.source, selection)?;
        let whole = source.bytes.len() as u64;
        if copy.range.is_some_and(|(first, last)| last < first || last >= whole) {
            return Err(Refusal::Range);
        }
        check_source(&bytes)?;
        Ok(self.upload(&copy.upload)?.take(copy.number, bytes))
    }

    pub(super) fn abort(&mut self, name: &UploadName) -> Result<Answer> {
        self.upload(name)?;
        self.bucket(&name.bucket)?.uploads.remove(&(name.key.clone(), name.id));
        self.changes += 1;
        Ok(Answer::Done)
    }

    pub(super) fn parts(&mut self, name: &UploadName, after: u16, limit: usize) -> Result<Answer> {
        let parts = &self.upload(name)?.parts;
        let behind = parts.iter().filter(|(number, _)| **number > after);
        let mut rows: Vec<_> = behind.map(|(number, (etag, bytes))| (*number, *etag, bytes.len() as u64)).collect();
        let truncated = limit > 0 && rows.len() > limit;
        rows.truncate(limit);
        Ok(Answer::Parts(rows, truncated))
    }

    pub(super) fn complete(&mut self, complete: &CompleteUpload, chance: &mut Chance) -> Result<Answer> {
        let name = &complete.upload;
        let upload = match self.upload(name) {
            Err(Refusal::NoUpload) => return self.completed_before(complete),
            found => found?.clone(),
        };
        if complete.parts.windows(2).any(|pair| pair[0].number >= pair[1].number) {
            return Err(Refusal::PartOrder);
        }
        let (mut bytes, mut digests, mut sizes) = (Vec::new(), Vec::new(), Vec::new());
        for named in &complete.parts {
            let written = upload.parts.get(&named.number).filter(|(etag, _)| named.etag == Some(*etag));
            let (etag, part) = written.ok_or(Refusal::Part(named.number))?;
            bytes.extend_from_slice(part);
            digests.extend_from_slice(&etag.md5);
            sizes.push((named.number, part.len() as u64));
        }
        let all_but_last = &sizes[..sizes.len().saturating_sub(1)];
        if let Some((number, _)) = all_but_last.iter().find(|(_, bytes)| *bytes < SETTINGS.part_bytes_min) {
            return Err(Refusal::PartTooSmall(*number));
        }
        if complete.bytes.is_some_and(|announced| announced != bytes.len() as u64) {
            return Err(Refusal::Length);
        }
        expect(self.bucket(&name.bucket)?, &name.key, &complete.condition)?;
        let object = Object {
            bytes: bytes.into(),
            etag: ETag { md5: storage::md5_of(&digests), parts: Some(sizes.len() as u16) },
            attributes: upload.attributes,
            parts: Some(sizes),
            upload: Some(name.id),
            annotations: Default::default(),
        };
        self.bucket(&name.bucket)?.uploads.remove(&(name.key.clone(), name.id));
        self.write(&name.bucket, &name.key, object, chance)
    }

    /// A completion that is asked for again while its version stands answers as it did, if it names the same parts.
    fn completed_before(&mut self, complete: &CompleteUpload) -> Result<Answer> {
        let name = &complete.upload;
        let bucket = self.bucket(&name.bucket)?;
        let mut versions = bucket.keys.get(&name.key).into_iter().flatten();
        let found = versions.find_map(|version| {
            let object = version.object.as_ref().filter(|object| object.upload == Some(name.id))?;
            Some((version.name, object))
        });
        let (version, object) = found.ok_or(Refusal::NoUpload)?;
        if complete.parts.windows(2).any(|pair| pair[0].number >= pair[1].number) {
            return Err(Refusal::PartOrder);
        }
        let mut parts = object.parts_as_sent().into_iter();
        for named in &complete.parts {
            if parts.next() != Some((named.number, named.etag)) {
                return Err(Refusal::Part(named.number));
            }
        }
        if let Some((number, _)) = parts.next() {
            return Err(Refusal::Part(number));
        }
        if complete.bytes.is_some_and(|announced| announced != object.bytes.len() as u64) {
            return Err(Refusal::Length);
        }
        let (etag, bytes) = (object.etag, object.bytes.len() as u64);
        Ok(Answer::Written { version, etag, bytes, versioned: version != VersionName::Null })
    }
}

impl Object {
    /// Numbers and tags of the parts it was assembled from, as a completion names them.
    pub(crate) fn parts_as_sent(&self) -> Vec<(u16, Option<ETag>)> {
        let mut rest = self.bytes.clone();
        let parts = self.parts.iter().flatten().map(|(number, bytes)| {
            let part = rest.split_to(*bytes as usize);
            (*number, Some(ETag { md5: storage::md5_of(&part), parts: None }))
        });
        parts.collect()
    }
}

impl Upload {
    fn take(&mut self, number: u16, bytes: Bytes) -> Answer {
        let etag = ETag { md5: storage::md5_of(&bytes), parts: None };
        let part = Answer::Part { etag, bytes: bytes.len() as u64 };
        self.parts.insert(number, (etag, bytes));
        part
    }
}

fn check_number(number: u16) -> Result<()> {
    if (1..=10_000).contains(&number) { Ok(()) } else { Err(Refusal::Senseless) }
}
