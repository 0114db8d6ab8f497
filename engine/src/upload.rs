//! Multipart uploads: started, filled part by part in any order, completed into one version or given up.

use kernel::{
    AccountId, AnnotationSum, BucketName, Caller, Checksum, ChecksumAlgorithm, ChecksumScope, Content, ETag, Embargo,
    ObjectFacts, Part, Protection, Timestamp, UploadId, Version, VersionId, VersionName,
};
use metadata::{Completion, NewPart, NewVersion, Upload};
use policy::{Action, Permit};
use storage::Hint;

use crate::copy::source_too_large;
use crate::embargo::written::{EmbargoGrounds, NewEmbargo, embargo_of_source, until_of_tags};
use crate::facts::BucketFacts;
use crate::ingest::{Announced, Source};
use crate::leave::{Ask, Sought};
use crate::{
    Body, CompleteUpload, CopyPart, CreateUpload, Engine, Error, Fault, Initiator, Missing, NamedPart, PartPage,
    PutPart, Result, Selection, UploadChecksum, UploadInfo, UploadName, Written,
};

/// Highest part number. Source: Amazon S3 User Guide, *Multipart upload limits*.
const PARTS_MAX: u16 = 10_000;
/// Parts read from the catalogue at a time.
const PARTS_PER_READ: usize = 1_000;

pub(crate) fn upload_info(upload: &Upload) -> UploadInfo {
    let checksum =
        UploadChecksum { algorithm: upload.algorithm, full_object: upload.full_object, chosen: upload.checksum_chosen };
    let (key, initiator) = (upload.key.clone(), initiator(upload));
    UploadInfo { id: upload.id, key, started: upload.started, initiator, owner: upload.owner, checksum }
}

/// Who started an upload. Of one that is older than that this is noted, its owner is told.
fn initiator(upload: &Upload) -> Initiator {
    let root_of = |arn: &str| arn.strip_prefix("arn:aws:iam::")?.strip_suffix(":root")?.parse().ok();
    match upload.initiator.as_str() {
        "" => Initiator::Account(upload.owner),
        "root" => Initiator::Account(AccountId::HOME),
        "anonymous" => Initiator::Anonymous,
        arn => root_of(arn).map_or_else(
            || {
                let name = arn.rsplit_once('/').map_or(arn, |(_, name)| name);
                Initiator::Named { arn: arn.to_owned(), name: name.to_owned() }
            },
            Initiator::Account,
        ),
    }
}

impl Engine {
    /// Starts an upload.
    ///
    /// # Errors
    /// `Invalid` when the checksum's algorithm and type do not go together; `NotFound`, `Denied`.
    pub async fn create_upload(&self, caller: &Caller, create: CreateUpload) -> Result<UploadInfo> {
        let facts = self.bucket_facts(&create.bucket).await?;
        let permit = self.permit_write(caller, &facts, &create.key, &create.attributes)?;
        let ownings = self.ownings(caller, &facts, &create.key, create.attributes.acl.as_ref())?;
        let (algorithm, full_object) = checksum_of_upload(create.checksum)?;
        self.permit_classifying(
            caller,
            Ask::key(Action::Classify, &facts, &create.key),
            (None, &create.attributes.tags),
        )?;
        let embargo = self.embargo_of_upload(caller, &facts, &create).await?;
        let started = self.clock.now();
        let upload = Upload {
            id: UploadId::random(started, &*self.entropy),
            key: create.key,
            started,
            headers: create.attributes.headers,
            metadata: create.attributes.metadata,
            tags: create.attributes.tags,
            algorithm,
            full_object,
            checksum_chosen: create.checksum.is_some(),
            initiator: caller.to_string(),
            owner: ownings.owner,
            acl: ownings.acl,
            protection: Protection { embargo, ..create.attributes.protection },
        };
        let (upload, by) = (&upload, &caller.to_string());
        let create = |facts: BucketFacts| async move { self.catalog.create_upload(&facts, upload.clone(), by).await };
        self.change(&permit, facts, create).await?;
        Ok(upload_info(upload))
    }

    /// Writes a part; one of the same number is replaced. Durable when this returns `Ok`.
    ///
    /// # Errors
    /// As [`Engine::put_object`]; `NotFound` (upload).
    pub async fn put_part(&self, caller: &Caller, put: PutPart) -> Result<Part> {
        check_number(put.number)?;
        let (permit, facts, upload) = self.find_upload(caller, Action::PutObject, &put.upload).await?;
        let named = put.algorithm.or_else(|| announced_algorithm(&put.body));
        if let Some(named) = named.filter(|named| upload.checksum_chosen && *named != upload.algorithm) {
            return Err(Error::Invalid(Fault::Request(format!(
                "checksum type mismatch: the upload was started with {}, this part comes with {}",
                upload.algorithm.name(),
                named.name()
            ))));
        }
        let source = Source::from_body(put.body, Some(upload.algorithm));
        self.write_part(&permit, facts, &upload, put.number, source).await
    }

    /// Writes a part with bytes of an object.
    ///
    /// # Errors
    /// As [`Engine::put_part`] and [`Engine::get_object`].
    pub async fn copy_part(&self, caller: &Caller, copy: CopyPart) -> Result<(Part, Option<VersionName>)> {
        check_number(copy.number)?;
        let (permit, facts, upload) = self.find_upload(caller, Action::PutObject, &copy.upload).await?;
        let selection = copy.range.map_or(Selection::All, |(first, last)| Selection::Between(first, last));
        let (read, source_version) = self.read_source(caller, &copy.source, selection).await?;
        let object_bytes = read.info.version.object().map_or(0, |object| object.bytes);
        if copy.range.is_some_and(|(first, last)| last < first || last >= object_bytes) {
            return Err(Error::Invalid(Fault::Range { bytes: object_bytes }));
        }
        let bytes = read.info.range.map_or(object_bytes, |range| range.bytes());
        if bytes > self.settings.body_bytes_max {
            return Err(source_too_large(self.settings.body_bytes_max));
        }
        let source = Source { stream: read.body, bytes, announced: Announced::default(), algorithm: upload.algorithm };
        self.close_upload(&permit, &facts, &upload, (&copy.source.bucket, &read.info.version)).await?;
        let part = self.write_part(&permit, facts, &upload, copy.number, source).await?;
        Ok((part, source_version))
    }

    /// At most `limit` parts behind number `after`.
    ///
    /// # Errors
    /// `NotFound`, `Denied`.
    pub async fn list_parts(&self, caller: &Caller, name: UploadName, after: u16, limit: usize) -> Result<PartPage> {
        let (_, facts, upload) = self.find_upload(caller, Action::ListMultipartUploadParts, &name).await?;
        // Of what will be closed to it, who may write it sees what has come so far. To others it is not there.
        let may_write = || self.permit(caller, Action::PutObject, &facts, Some(&upload.key)).is_ok();
        if self.will_be_closed(caller, &facts, &upload) && !may_write() {
            return Err(Error::NotFound(Missing::Upload));
        }
        let (parts, truncated) = self.catalog.parts(upload.id, after, limit).await?;
        Ok(PartPage { upload: upload_info(&upload), parts, truncated })
    }

    /// Gives an upload up. Its parts' bytes are the sweep's.
    ///
    /// # Errors
    /// `NotFound`, `Denied`.
    pub async fn abort_upload(&self, caller: &Caller, name: UploadName) -> Result<()> {
        let (permit, facts, upload) = self.find_upload(caller, Action::AbortMultipartUpload, &name).await?;
        let (upload, by) = (&upload, &caller.to_string());
        let abort =
            |facts: BucketFacts| async move { self.catalog.abort_upload(&facts, upload, self.clock.now(), by).await };
        self.change(&permit, facts, abort).await?;
        Ok(())
    }

    /// Gives an upload up if it was started at `until` or before and no part of it was written since; says whether.
    ///
    /// # Errors
    /// As [`Engine::abort_upload`].
    pub(crate) async fn abort_untouched_upload(
        &self,
        caller: &Caller,
        name: UploadName,
        until: Timestamp,
    ) -> Result<bool> {
        let (permit, facts, upload) = self.find_upload(caller, Action::AbortMultipartUpload, &name).await?;
        let (upload, by) = (&upload, &caller.to_string());
        let abort = |facts: BucketFacts| async move {
            self.catalog.abort_untouched_upload(&facts, upload, until, self.clock.now(), by).await
        };
        Ok(self.change(&permit, facts, abort).await?.0.is_some())
    }

    /// Turns an upload into a version. Asked again after it has succeeded, it answers the same for as long as that
    /// version stands, whatever was written over it: what the caller expected of the key was so when it was done.
    ///
    /// # Errors
    /// `Invalid` (part, order, size, checksum), `Precondition`, `NotFound`, `Denied`; none of them changes anything.
    pub async fn complete_upload(&self, caller: &Caller, complete: CompleteUpload) -> Result<Written> {
        match self.complete_now(caller, &complete).await {
            Err(Error::NotFound(Missing::Upload)) => self.completed_before(caller, &complete).await,
            // Where its parts are gone because the upload has ended meanwhile, that is what is to be told.
            Err(Error::Invalid(Fault::Part { number })) => {
                match self.find_upload(caller, Action::PutObject, &complete.upload).await {
                    Ok(_) => Err(Error::Invalid(Fault::Part { number })),
                    Err(Error::NotFound(Missing::Upload)) => self.completed_before(caller, &complete).await,
                    Err(error) => Err(error),
                }
            }
            completed => completed,
        }
    }

    async fn complete_now(&self, caller: &Caller, complete: &CompleteUpload) -> Result<Written> {
        let (permit, facts, upload) = self.find_upload(caller, Action::PutObject, &complete.upload).await?;
        let parts = self.choose(&permit, &upload, &complete.parts).await?;
        let object = assemble(&upload, &parts)?;
        verify_whole(&object, complete)?;
        self.expect_unseen(caller, (&facts, &upload), complete).await?;
        let (object, keeps_embargo) = self.closed_as_it_must_be(caller, &facts, &upload, object);
        let (id, by) = (VersionId::random(&*self.entropy), &caller.to_string());
        let (upload, object, parts, condition) = (&upload, &object, &parts, &complete.condition);
        let put = |facts: BucketFacts| async move {
            let put = NewVersion {
                key: &upload.key,
                id,
                now: self.clock.now(),
                facts: ObjectFacts {
                    protection: facts.protection_of_new(&object.protection, self.time.opening()),
                    ..object.clone()
                },
                inline: None,
                placements: Vec::new(),
                condition,
                unseen: self.unseen(caller, &facts, !condition.is_none()),
                by,
                completes: Some(Completion { upload, parts: parts.clone() }),
                annotations: Vec::new(),
                keeps_embargo,
            };
            self.catalog.put(&facts, put).await
        };
        let (version, facts) = self.change(&permit, facts, put).await?;
        Ok(Written { version, replicas: 1, versioned: facts.names_new_versions() })
    }

    /// As [`Engine::expect_open`], for a completion. Where the upload has ended meanwhile, that is what is to be told.
    async fn expect_unseen(
        &self,
        caller: &Caller,
        (facts, upload): (&BucketFacts, &Upload),
        complete: &CompleteUpload,
    ) -> Result<()> {
        if complete.condition.is_none() {
            return Ok(());
        }
        let current = self.catalog.version(facts.id, &upload.key, None).await?;
        let expected = self.expect_open(caller, facts, (&upload.key, &complete.condition), current.as_ref());
        if expected.is_err() {
            self.find_upload(caller, Action::PutObject, &complete.upload).await?;
        }
        expected
    }

    /// The embargo that an upload begins with: what the request says of it, and that of the object it will be written
    /// over. The bucket's default comes when it is completed, and counts from then on.
    async fn embargo_of_upload(
        &self,
        caller: &Caller,
        facts: &BucketFacts,
        create: &CreateUpload,
    ) -> Result<Option<Embargo>> {
        let (wanted, tags) = (create.attributes.embargo.as_ref(), Some(&create.attributes.tags));
        let grounds = EmbargoGrounds { wanted, tags, source: None };
        let NewEmbargo { embargo, keeps } = self.embargo_of_new(caller, facts, &create.key, grounds).await?;
        let says_something = wanted.is_some() || until_of_tags(&create.attributes.tags)?.is_some();
        let own = embargo.filter(|_| says_something);
        let Some(now) = keeps else { return Ok(own) };
        let over = self.catalog.version(facts.id, &create.key, None).await?;
        let over = over.as_ref().and_then(|version| version.object()?.protection.embargo.clone());
        Ok(Embargo::stricter(own, over, now))
    }

    /// An object that an upload becomes, with the embargo it has from then on; and since when one of the object below
    /// passes on, unless the caller may open it.
    fn closed_as_it_must_be(
        &self,
        caller: &Caller,
        facts: &BucketFacts,
        upload: &Upload,
        mut object: ObjectFacts,
    ) -> (ObjectFacts, Option<Timestamp>) {
        let now = self.time.opening();
        let own = upload.protection.embargo.clone();
        if own.is_some() && self.may(caller, Ask::key(Action::ShortenEmbargo, facts, &upload.key)) {
            return (object, None);
        }
        object.protection.embargo = Embargo::stricter(self.default_embargo(facts, now), own, now);
        (object, Some(now))
    }

    /// Closes an upload as firmly as the source of one of its parts is, unless the caller may open that.
    async fn close_upload(
        &self,
        permit: &Permit,
        facts: &BucketFacts,
        upload: &Upload,
        (source, version): (&BucketName, &Version),
    ) -> Result<()> {
        let now = self.time.opening();
        let source = self.bucket_facts(source).await?;
        let of_source = embargo_of_source(&source, version, facts);
        let Some(of_source) = of_source.filter(|embargo| embargo.is_in_force(now)) else { return Ok(()) };
        let own = upload.protection.embargo.clone();
        let is_enough = match &own {
            Some(own) if !own.is_looser_than(&of_source, now) => true,
            Some(_) => {
                let ask =
                    Ask::bucket(Action::ShortenEmbargo, &source).of(Sought::now(&version.key, None), Some(version));
                self.may(permit.caller(), ask)
            }
            None => false,
        };
        if is_enough {
            return Ok(());
        }
        let own = own.or_else(|| self.default_embargo(facts, now));
        let closed = &Embargo::stricter(own, Some(of_source), now);
        let close = |facts: BucketFacts| async move { self.catalog.close_upload(&facts, upload, closed).await };
        self.change(permit, facts.clone(), close).await?;
        Ok(())
    }

    async fn find_upload(
        &self,
        caller: &Caller,
        action: Action,
        name: &UploadName,
    ) -> Result<(Permit, BucketFacts, Upload)> {
        let facts = self.bucket_facts(&name.bucket).await?;
        let permit = self.permit(caller, action, &facts, Some(&name.key))?;
        let upload = self.catalog.upload(facts.id, &name.key, name.id).await?;
        Ok((permit, facts, upload.ok_or(Error::NotFound(Missing::Upload))?))
    }

    async fn write_part(
        &self,
        permit: &Permit,
        facts: BucketFacts,
        upload: &Upload,
        number: u16,
        source: Source,
    ) -> Result<Part> {
        self.expect_room(permit, &facts, &upload.key, source.bytes, 0).await?;
        let hint =
            Hint { bucket: facts.id, key: upload.key.clone(), version: *upload.id.as_bytes(), part: Some(number) };
        let ingested = self.ingest(permit, hint, source).await?;
        let part = Part {
            number,
            bytes: ingested.bytes,
            etag: ingested.etag,
            checksum: ingested.checksum.clone(),
            modified: self.clock.now(),
            extent: ingested.extent.clone(),
        };
        let placements = &self.placements(&part.extent);
        let (new_part, inline) = (&part, &ingested.inline);
        let put = |facts: BucketFacts| async move {
            let new = NewPart { part: new_part.clone(), inline: inline.clone(), placements: placements.clone() };
            self.catalog.put_part(&facts, upload, new).await
        };
        match self.change(permit, facts, put).await {
            Ok(_) => Ok(part),
            Err(error) => {
                if !matches!(error, Error::Unavailable { .. }) {
                    self.discard(ingested).await;
                }
                Err(error)
            }
        }
    }

    /// The parts that a completion names, compared with those that were written.
    async fn choose(&self, _permit: &Permit, upload: &Upload, named: &[NamedPart]) -> Result<Vec<Part>> {
        check_order(named)?;
        let mut written = Vec::with_capacity(named.len());
        loop {
            let after = written.last().map_or(0, |part: &Part| part.number);
            let (parts, truncated) = self.catalog.parts(upload.id, after, PARTS_PER_READ).await?;
            written.extend(parts);
            if !truncated {
                break;
            }
        }
        let mut chosen = Vec::with_capacity(named.len());
        for name in named {
            let found = written.binary_search_by_key(&name.number, |part| part.number);
            let part = found.ok().map(|place| &written[place]);
            // Where the client chose no algorithm, that of a part was verified when it came, and is not kept.
            let part = part.filter(|part| is_named_by(part, name, !upload.checksum_chosen));
            chosen.push(part.ok_or(Error::Invalid(Fault::Part { number: name.number }))?.clone());
        }
        let (min, but_last) = (self.settings.part_bytes_min, chosen.len().saturating_sub(1));
        if let Some(small) = chosen.iter().take(but_last).find(|part| part.bytes < min) {
            return Err(Error::Invalid(Fault::PartTooSmall { number: small.number, bytes: small.bytes, min }));
        }
        Ok(chosen)
    }

    /// The answer to a completion that was given before: the client may not have seen it.
    async fn completed_before(&self, caller: &Caller, complete: &CompleteUpload) -> Result<Written> {
        let facts = self.bucket_facts(&complete.upload.bucket).await?;
        let (key, id) = (&complete.upload.key, complete.upload.id);
        self.permit(caller, Action::PutObject, &facts, Some(key))?;
        let gone = || Error::NotFound(Missing::Upload);
        let version = self.catalog.completed_version(facts.id, key, id).await?.ok_or_else(gone)?;
        let object = version.object().ok_or_else(gone)?;
        check_order(&complete.parts)?;
        let parts = self.catalog.list_parts_after(id, 0, usize::from(PARTS_MAX)).await?;
        if !matches!(object.content, Content::Parts { count, .. } if usize::from(count) == parts.len()) {
            // The version went while its parts were read.
            return Err(gone());
        }
        let mut listed = parts.iter().map(|(_, part)| part);
        for name in &complete.parts {
            let is_it = listed.next().is_some_and(|part| part.number == name.number && is_named_by(part, name, true));
            if !is_it {
                return Err(Error::Invalid(Fault::Part { number: name.number }));
            }
        }
        if let Some(left_out) = listed.next() {
            return Err(Error::Invalid(Fault::Part { number: left_out.number }));
        }
        verify_whole(object, complete)?;
        let versioned = !version.is_null;
        Ok(Written { version, replicas: 1, versioned })
    }
}

fn check_order(named: &[NamedPart]) -> Result<()> {
    if named.windows(2).any(|pair| pair[0].number >= pair[1].number) {
        return Err(Error::Invalid(Fault::PartOrder));
    }
    Ok(())
}

fn check_number(number: u16) -> Result<()> {
    if (1..=PARTS_MAX).contains(&number) {
        return Ok(());
    }
    let reason = format!("must be between 1 and {PARTS_MAX}");
    Err(Error::Invalid(Fault::Argument { name: "partNumber", reason }))
}

fn announced_algorithm(body: &Body) -> Option<ChecksumAlgorithm> {
    let in_header = body.checksums.first().map(|(algorithm, _)| *algorithm);
    in_header.or_else(|| body.trailer.as_ref().map(|(algorithm, _)| *algorithm))
}

/// The algorithm of an upload and whether its checksum covers all bytes.
///
/// Source: Amazon S3 User Guide, *Checking object integrity*, "Full object and composite checksum types".
fn checksum_of_upload(chosen: Option<(ChecksumAlgorithm, Option<bool>)>) -> Result<(ChecksumAlgorithm, bool)> {
    let Some((algorithm, full_object)) = chosen else {
        return Ok((ChecksumAlgorithm::Crc64Nvme, true));
    };
    let full_object = full_object.unwrap_or(algorithm == ChecksumAlgorithm::Crc64Nvme);
    let possible = if full_object { algorithm.combines() } else { algorithm != ChecksumAlgorithm::Crc64Nvme };
    if possible {
        return Ok((algorithm, full_object));
    }
    let scope = if full_object { "FULL_OBJECT" } else { "COMPOSITE" };
    let name = algorithm.name();
    Err(Error::Invalid(Fault::Request(format!("the {scope} checksum type cannot be used with {name}"))))
}

/// Whether a completion means this part; `others_fit` where a checksum by another algorithm than the part's is no matter.
fn is_named_by(part: &Part, name: &NamedPart, others_fit: bool) -> bool {
    let checksum_fits = name.checksum.as_ref().is_none_or(|(algorithm, value)| {
        if *algorithm == part.checksum.algorithm { *value == part.checksum.value } else { others_fit }
    });
    name.etag == Some(part.etag) && checksum_fits
}

fn assemble(upload: &Upload, parts: &[Part]) -> Result<ObjectFacts> {
    let count = u16::try_from(parts.len()).map_err(|_| Error::Bug("more parts than part numbers"))?;
    let mut digests = Vec::with_capacity(parts.len() * 16);
    parts.iter().for_each(|part| digests.extend_from_slice(&part.etag.md5));
    let (scope, value) = if upload.full_object {
        let values = parts.iter().map(|part| (part.checksum.value.as_slice(), part.bytes));
        let whole = storage::combine(upload.algorithm, values);
        (ChecksumScope::FullObject, whole.ok_or(Error::Bug("a checksum of parts that does not add up"))?)
    } else {
        let values = parts.iter().map(|part| part.checksum.value.as_slice());
        (ChecksumScope::Composite { parts: count }, storage::composite(upload.algorithm, values))
    };
    Ok(ObjectFacts {
        bytes: parts.iter().map(|part| part.bytes).sum(),
        etag: ETag { md5: storage::md5_of(&digests), parts: Some(count) },
        checksum: Checksum { algorithm: upload.algorithm, scope, value },
        headers: upload.headers.clone(),
        metadata: upload.metadata.clone(),
        tags: upload.tags.clone(),
        content: Content::Parts { list: upload.id, count },
        annotations: AnnotationSum::default(),
        owner: upload.owner,
        acl: upload.acl.clone(),
        protection: upload.protection.clone(),
    })
}

fn verify_whole(object: &ObjectFacts, complete: &CompleteUpload) -> Result<()> {
    if let Some(announced) = complete.bytes.filter(|bytes| *bytes != object.bytes) {
        return Err(Error::Invalid(Fault::BodyLength { announced, came: object.bytes }));
    }
    let full_object = matches!(object.checksum.scope, ChecksumScope::FullObject);
    if complete.full_object.is_some_and(|asked| asked != full_object) {
        let reason = "the checksum type is not the one the upload was started with".to_owned();
        return Err(Error::Invalid(Fault::Request(reason)));
    }
    match &complete.checksum {
        Some((algorithm, _)) if *algorithm != object.checksum.algorithm => {
            let (ours, named) = (object.checksum.algorithm.name(), algorithm.name());
            let reason = format!("checksum type mismatch: the upload was started with {ours}, not with {named}");
            Err(Error::Invalid(Fault::Request(reason)))
        }
        Some((algorithm, value)) if *value != object.checksum.value => {
            Err(Error::Invalid(Fault::ChecksumDiffers(*algorithm)))
        }
        _ => Ok(()),
    }
}
