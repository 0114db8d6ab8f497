//! Annotations: named texts beside an object, in and out.
//!
//! Their bytes come in as every body does, and become visible in one batch with the version's new sum. An annotation
//! belongs to a version: one that is put while no version is named goes to the object that is current when the batch
//! takes effect.
//!
//! Source: Amazon S3 API, *PutObjectAnnotation*, *GetObjectAnnotation*, *ListObjectAnnotations*,
//! *DeleteObjectAnnotation*.

pub(crate) mod carried;
mod text;

use kernel::{
    Annotation, AnnotationName, BucketName, ByteRange, Caller, ChecksumAlgorithm, EtagCondition, ObjectKey, Sequence,
    Version, VersionName,
};
use metadata::{Annotated, AnnotationScan, CatalogError, NewAnnotation};
use policy::{Action, Permit};
use storage::Hint;

use crate::facts::BucketFacts;
use crate::get::{ATTEMPTS_MAX, open_extent};
use crate::ingest::{Ingested, Source};
use crate::leave::{Ask, Sought};
use crate::request::Body;
use crate::{Bytestream, Engine, Error, Fault, Missing, Result};

/// The version that annotations belong to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnnotationPlace {
    /// Where.
    pub bucket: BucketName,
    /// Under which key.
    pub key: ObjectKey,
    /// Which version; none for the current one.
    pub version: Option<VersionName>,
}

/// Writes an annotation.
pub struct PutAnnotation {
    /// Of what.
    pub place: AnnotationPlace,
    /// Its name. One of that name is replaced.
    pub name: AnnotationName,
    /// The algorithm to store, where the client names one; else that of its checksum, else CRC64NVME.
    pub algorithm: Option<ChecksumAlgorithm>,
    /// The bytes: 1 to [`Annotation::BYTES_MAX`], UTF-8.
    pub body: Body,
    /// The entity tags of which the object must have one.
    pub if_match: Option<EtagCondition>,
}

/// Removes an annotation.
#[derive(Debug, Clone)]
pub struct RemoveAnnotation {
    /// Of what.
    pub place: AnnotationPlace,
    /// Its name.
    pub name: AnnotationName,
    /// The entity tags of which the object must have one.
    pub if_match: Option<EtagCondition>,
}

/// An annotation that was written or removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnnotationWritten {
    /// The annotation as it now stands; none where it was removed.
    pub annotation: Option<Annotation>,
    /// The version it belongs to.
    pub version: Version,
    /// Whether answers name the version.
    pub versioned: bool,
    /// The place of the change; none where there was nothing to remove.
    pub sequence: Option<Sequence>,
}

/// An annotation that is being read.
pub struct AnnotationRead {
    /// The annotation.
    pub annotation: Annotation,
    /// The version it belongs to.
    pub version: Version,
    /// Whether answers name the version.
    pub versioned: bool,
    /// Its bytes.
    pub body: Bytestream,
}

/// Asks for annotations by their names.
#[derive(Debug, Clone)]
pub struct ListAnnotations {
    /// Of what.
    pub place: AnnotationPlace,
    /// Names that begin so.
    pub prefix: String,
    /// Only names after this one.
    pub after: Option<String>,
    /// The most to be given.
    pub limit: usize,
}

/// A page of annotations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnnotationPage {
    /// In byte order of their names.
    pub annotations: Vec<Annotation>,
    /// Whether more follow.
    pub truncated: bool,
    /// The version they belong to.
    pub version: Version,
    /// Whether answers name the version.
    pub versioned: bool,
}

/// A version that was found and may be looked at.
struct Found {
    permit: Permit,
    facts: BucketFacts,
    version: Version,
}

impl Engine {
    /// Writes an annotation. When this returns `Ok`, its bytes are durable and visible; the object is as it was.
    ///
    /// # Errors
    /// `Invalid` when the body is empty, no text or not what was announced, or the version has as many annotations as
    /// it may have; `TooLarge`, `Precondition`, `NotFound`, `Denied`; none of them changes anything.
    pub async fn put_annotation(&self, caller: &Caller, put: PutAnnotation) -> Result<AnnotationWritten> {
        let action = either(&put.place, Action::PutObjectAnnotation, Action::PutObjectVersionAnnotation);
        let Found { permit, facts, version } = self.annotated(caller, action, &put.place).await?;
        self.expect_open_annotated(caller, &facts, (&put.place, &version), put.if_match.as_ref())?;
        match put.body.bytes {
            0 => return Err(Error::Invalid(Fault::Request("an annotation has at least one byte".to_owned()))),
            bytes if bytes > Annotation::BYTES_MAX => return Err(Error::TooLarge { max: Annotation::BYTES_MAX }),
            _ => {}
        }
        let mut source = Source::from_body(put.body, put.algorithm);
        source.stream = text::verified(source.stream);
        let ingested = self.ingest(&permit, hint(&facts, &version), source).await?;
        let by = &caller.to_string();
        let (place, name, ingested_now) = (&put.place, &put.name, &ingested);
        let (if_match, unseen) = (put.if_match.as_ref(), &self.unseen(caller, &facts, put.if_match.is_some()));
        let found = Found { permit, facts, version };
        let write = |facts: BucketFacts| async move {
            let now = self.clock.now();
            let of = Annotated { key: &place.key, name: place.version, if_match, unseen, now, by };
            let new = self.new_annotation(name.clone(), ingested_now, now);
            let annotation = new.annotation.clone();
            let (version, sequence) = self.catalog.put_annotation(&facts, of, new).await?;
            Ok((annotation, version, sequence))
        };
        match self.change_annotated(found, place, write).await {
            Ok(((annotation, version, sequence), facts)) => Ok(AnnotationWritten {
                annotation: Some(annotation),
                version,
                versioned: facts.versioned(),
                sequence: Some(sequence),
            }),
            Err(error) => {
                // Only a definite failure lets go of the bytes: after a failed sync the change may yet turn out to stand.
                if !matches!(error, Error::Unavailable { .. }) {
                    self.discard(ingested).await;
                }
                Err(error)
            }
        }
    }

    /// Removes an annotation. One that is not there is removed already: that succeeds.
    ///
    /// # Errors
    /// `Precondition`, `NotFound` (the version), `Invalid` (marker), `Denied`.
    pub async fn remove_annotation(&self, caller: &Caller, remove: RemoveAnnotation) -> Result<AnnotationWritten> {
        let action = either(&remove.place, Action::DeleteObjectAnnotation, Action::DeleteObjectVersionAnnotation);
        let found = self.annotated(caller, action, &remove.place).await?;
        self.expect_open_annotated(caller, &found.facts, (&remove.place, &found.version), remove.if_match.as_ref())?;
        let by = &caller.to_string();
        let RemoveAnnotation { place, name, if_match } = &remove;
        let (if_match, unseen) = (if_match.as_ref(), &self.unseen(caller, &found.facts, if_match.is_some()));
        let write = |facts: BucketFacts| async move {
            let now = self.clock.now();
            let of = Annotated { key: &place.key, name: place.version, if_match, unseen, now, by };
            self.catalog.remove_annotation(&facts, of, name).await
        };
        let ((version, sequence), facts) = self.change_annotated(found, place, write).await?;
        Ok(AnnotationWritten { annotation: None, version, versioned: facts.versioned(), sequence })
    }

    /// Reads an annotation. Every byte given out was verified; an error in the stream means the rest cannot be had.
    ///
    /// # Errors
    /// `NotFound` (bucket, version, annotation), `Invalid` (marker), `Corrupt`, `Denied`.
    pub async fn get_annotation(
        &self,
        caller: &Caller,
        place: &AnnotationPlace,
        name: &AnnotationName,
    ) -> Result<AnnotationRead> {
        let action = either(place, Action::GetObjectAnnotation, Action::GetObjectVersionAnnotation);
        for _ in 0..ATTEMPTS_MAX {
            let Found { facts, version, .. } = self.annotated(caller, action, place).await?;
            let missing = Error::NotFound(Missing::Annotation);
            let annotation = self.catalog.annotation(version.id, name).await?.ok_or(missing)?;
            let all = ByteRange { start: 0, end: annotation.bytes };
            if let Some(body) = open_extent(&self.catalog, &self.blobs, &annotation.extent, all).await? {
                return Ok(AnnotationRead { annotation, version, versioned: facts.versioned(), body });
            }
            // It was replaced or removed since its row was read; or, where that row still stands, its bytes are lost.
            if self.catalog.annotation(version.id, name).await?.as_ref() == Some(&annotation) {
                let what = format!("annotation `{name}` of version {}: its bytes are not in the catalogue", version.id);
                return Err(Error::Corrupt { what, source: "an annotation refers to bytes that are not there".into() });
            }
        }
        Err(Error::Busy)
    }

    /// A page of a version's annotations.
    ///
    /// # Errors
    /// `NotFound`, `Invalid` (marker), `Denied`.
    pub async fn list_annotations(&self, caller: &Caller, list: &ListAnnotations) -> Result<AnnotationPage> {
        let action = either(&list.place, Action::ListObjectAnnotations, Action::ListObjectVersionAnnotations);
        let Found { facts, version, .. } = self.annotated(caller, action, &list.place).await?;
        let (prefix, after, limit) = (&list.prefix, list.after.as_deref(), list.limit);
        let scan = AnnotationScan { version: version.id, prefix, after, limit };
        let (annotations, truncated) = self.catalog.annotations(scan).await?;
        Ok(AnnotationPage { annotations, truncated, version, versioned: facts.versioned() })
    }

    /// Keeps a condition from telling the entity tag of what is closed to the caller.
    fn expect_open_annotated(
        &self,
        caller: &Caller,
        facts: &BucketFacts,
        (place, version): (&AnnotationPlace, &Version),
        if_match: Option<&EtagCondition>,
    ) -> Result<()> {
        if if_match.is_none() || !self.is_closed_to(caller, facts, version) {
            return Ok(());
        }
        let (ask, sought) = (Ask::bucket(Action::GetObject, facts), Sought::now(&place.key, place.version));
        Err(self.closed(caller, ask, facts, (sought, version)))
    }

    /// Asks for leave and finds the version.
    async fn annotated(&self, caller: &Caller, action: Action, place: &AnnotationPlace) -> Result<Found> {
        let facts = self.bucket_facts(&place.bucket).await?;
        let sought = Sought::now(&place.key, place.version);
        let (permit, version) = self.permit_found(caller, action, &facts, sought).await?;
        Ok(Found { permit, facts, version })
    }

    /// Makes a change of annotations. Where the version is gone by then, what is told is what stands there now.
    async fn change_annotated<T, F>(
        &self,
        found: Found,
        place: &AnnotationPlace,
        change: impl Fn(BucketFacts) -> F,
    ) -> Result<(T, BucketFacts)>
    where
        F: Future<Output = std::result::Result<T, CatalogError>>,
    {
        let Found { permit, mut facts, .. } = found;
        for _ in 0..ATTEMPTS_MAX {
            match self.change(&permit, facts, &change).await {
                Err(Error::NotFound(Missing::Version)) => {
                    facts = self.annotated(permit.caller(), permit.action(), place).await?.facts;
                }
                done => return done,
            }
        }
        Err(Error::Busy)
    }

    /// Bytes that were taken in, as the annotation they become at `now`.
    fn new_annotation(&self, name: AnnotationName, ingested: &Ingested, now: kernel::Timestamp) -> NewAnnotation {
        let annotation = Annotation {
            name,
            bytes: ingested.bytes,
            etag: ingested.etag,
            checksum: ingested.checksum.clone(),
            modified: now,
            extent: ingested.extent.clone(),
        };
        let placements = self.placements(&ingested.extent);
        NewAnnotation { annotation, inline: ingested.inline.clone(), placements }
    }
}

/// S3 has an action for the current version and one for a version that is named.
fn either(place: &AnnotationPlace, of_current: Action, of_version: Action) -> Action {
    if place.version.is_some() { of_version } else { of_current }
}

fn hint(facts: &BucketFacts, version: &Version) -> Hint {
    let (key, part) = (version.key.clone(), Some(Hint::ANNOTATION));
    Hint { bucket: facts.id, key, version: *version.id.as_bytes(), part }
}
