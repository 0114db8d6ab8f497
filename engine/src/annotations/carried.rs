//! Annotations that come along when an object is copied.
//!
//! All of them or none: they become visible in the one batch that makes the copy. What travels in that batch must be
//! little, so that only the first few short ones do; the others lie on the home site before it, however short they are.

use futures::stream::{self, StreamExt};
use kernel::{Annotation, AnnotationName, ByteRange, Timestamp, VersionId};
use metadata::{AnnotationScan, NewAnnotation};
use policy::Permit;
use storage::Hint;

use crate::get::open_extent;
use crate::ingest::{Announced, Ingested, Source};
use crate::{Engine, Error, Result};

/// Bytes of annotations that travel in the batch with their copy at the most.
const IN_BATCH_BYTES_MAX: u64 = 256 << 10;

/// Annotations that are copied at a time.
const CONCURRENT_MAX: usize = 8;

/// The annotations of a version, with leave to read them.
pub(crate) struct Annotations {
    pub(crate) permit: Permit,
    pub(crate) version: VersionId,
}

/// Annotations whose bytes were taken in.
#[derive(Default)]
pub(crate) struct Carried(Vec<(AnnotationName, Ingested)>);

impl Engine {
    /// Copies the bytes of a version's annotations, for a version that is about to be written with `hint`.
    ///
    /// # Errors
    /// `Busy` where one of them changed meanwhile, so that they were never together as they were read.
    pub(crate) async fn carry(&self, permit: &Permit, from: &Annotations, hint: &Hint) -> Result<Carried> {
        let listed = self.annotations_of(&from.permit, from.version).await?;
        let mut room = IN_BATCH_BYTES_MAX;
        let each = listed.iter().map(|annotation| {
            let in_batch = annotation.bytes <= self.settings.inline_bytes_max && annotation.bytes <= room;
            room -= if in_batch { annotation.bytes } else { 0 };
            self.carry_one(permit, annotation, in_batch, hint)
        });
        let each: Vec<_> = stream::iter(each.collect::<Vec<_>>()).buffered(CONCURRENT_MAX).collect().await;
        let mut carried = Carried::default();
        let mut failure = None;
        for result in each {
            match result {
                Ok(one) => carried.0.push(one),
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        if failure.is_none() {
            failure = match self.annotations_of(&from.permit, from.version).await {
                Ok(now) => (now != listed).then_some(Error::Busy),
                Err(error) => Some(error),
            };
        }
        match failure {
            None => Ok(carried),
            Some(error) => {
                self.leave(carried).await;
                Err(error)
            }
        }
    }

    async fn annotations_of(&self, _permit: &Permit, version: VersionId) -> Result<Vec<Annotation>> {
        let limit = Annotation::COUNT_MAX as usize;
        let scan = AnnotationScan { version, prefix: "", after: None, limit };
        Ok(self.catalog.annotations(scan).await?.0)
    }

    async fn carry_one(
        &self,
        permit: &Permit,
        annotation: &Annotation,
        in_batch: bool,
        hint: &Hint,
    ) -> Result<(AnnotationName, Ingested)> {
        let all = ByteRange { start: 0, end: annotation.bytes };
        let opened = open_extent(&self.catalog, &self.blobs, &annotation.extent, all).await?;
        let (stream, bytes) = (opened.ok_or(Error::Busy)?, annotation.bytes);
        let (announced, algorithm) = (Announced::default(), annotation.checksum.algorithm);
        let source = Source { stream, bytes, announced, algorithm };
        let hint = Hint { part: Some(Hint::ANNOTATION), ..hint.clone() };
        let ingested = match in_batch {
            true => self.ingest(permit, hint, source).await?,
            false => self.ingest_beside(permit, hint, source).await?,
        };
        Ok((annotation.name.clone(), ingested))
    }

    /// Annotations as they are to be written at `now`.
    pub(crate) fn new_annotations(&self, carried: &Carried, now: Timestamp) -> Vec<NewAnnotation> {
        carried.0.iter().map(|(name, ingested)| self.new_annotation(name.clone(), ingested, now)).collect()
    }

    /// Removes what was taken in for a copy that did not come about.
    pub(crate) async fn leave(&self, carried: Carried) {
        for (_, ingested) in carried.0 {
            self.discard(ingested).await;
        }
    }
}
