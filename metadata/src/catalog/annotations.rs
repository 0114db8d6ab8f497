//! Annotations: rows by the version's internal name, and in the version's own row how many there are.
//!
//! A change of an annotation rewrites the version's row with the new sum, and so expects the version still to be there;
//! the two can never tell different stories. When a version goes, its row says whether there are annotations to let go
//! of and how many bytes to count out, and the rows themselves are left to the sweep.

use bytes::Bytes;
use kernel::{Annotation, AnnotationName, AnnotationSum, Sequence, Unexpected, Version, VersionId};

use super::draft::{Draft, signed};
use super::request::{Annotated, AnnotationScan, Bucket, Change, NewAnnotation, What};
use super::top::{Found, Stored};
use super::{ATTEMPTS, Catalog, CatalogError, Place, Result};
use crate::key_value::{Family, Step, gather};
use crate::keys::{self, Count};
use crate::record::{self, Malformed};

/// The header by which S3 expects something of the annotated object.
const IF_MATCH: &str = "x-amz-object-if-match";

/// What a change of an annotation finds.
struct Ground {
    found: Found,
    version: Stored,
    /// The annotation of that name, with its row.
    old: Option<(Annotation, Bytes)>,
}

impl Catalog {
    /// Writes an annotation of a version, in the place of one of the same name. Gives back the version as it is now, and
    /// the place of the change.
    ///
    /// # Errors
    /// [`CatalogError::VersionGone`] where there is no such version or it is a marker, [`CatalogError::Condition`],
    /// [`CatalogError::AnnotationsFull`], [`CatalogError::QuotaExceeded`]; [`CatalogError::BucketGone`], [`CatalogError::Contended`],
    /// [`CatalogError::Map`].
    pub async fn put_annotation(
        &self,
        bucket: &Bucket,
        of: Annotated<'_>,
        new: NewAnnotation,
    ) -> Result<(Version, Sequence)> {
        let _key_changes = self.locks.key(bucket.id, of.key).await;
        let name = &new.annotation.name;
        for _ in 0..ATTEMPTS {
            let ground = self.annotated(bucket, of, name).await?;
            let sum = ground.sum_without_old();
            if sum.count >= Annotation::COUNT_MAX {
                return Err(CatalogError::AnnotationsFull);
            }
            let mut draft = Draft::new(bucket, of.now);
            let version = ground.alter(&mut draft, bucket, name, sum.plus(new.annotation.bytes))?;
            draft.count(Count::Bytes, signed(new.annotation.bytes));
            draft.add_annotation(version.id, &new);
            let change = Change {
                bytes: new.annotation.bytes,
                etag: Some(new.annotation.etag),
                annotation: Some(name.clone()),
                ..Change::of_version(What::AnnotationWritten, bucket, &version, of.now, of.by)
            };
            if let Some(sequence) = self.commit_with_room(bucket, draft, &change).await? {
                return Ok((version, sequence));
            }
        }
        Err(CatalogError::Contended)
    }

    /// Removes an annotation of a version. Gives back the version as it is now, and the place of the change; none where
    /// there was nothing to remove.
    ///
    /// # Errors
    /// As [`Self::put_annotation`].
    pub async fn remove_annotation(
        &self,
        bucket: &Bucket,
        of: Annotated<'_>,
        name: &AnnotationName,
    ) -> Result<(Version, Option<Sequence>)> {
        let _key_changes = self.locks.key(bucket.id, of.key).await;
        for _ in 0..ATTEMPTS {
            let ground = self.annotated(bucket, of, name).await?;
            let Some((old, _)) = &ground.old else {
                return Ok((ground.version.version, None));
            };
            let mut draft = Draft::new(bucket, of.now);
            let version = ground.alter(&mut draft, bucket, name, ground.sum_without_old())?;
            draft.delete(Family::Annotations, keys::annotation(version.id, name));
            let change = Change {
                bytes: old.bytes,
                etag: Some(old.etag),
                annotation: Some(name.clone()),
                ..Change::of_version(What::AnnotationRemoved, bucket, &version, of.now, of.by)
            };
            if let Some(sequence) = self.commit(bucket, draft.finish(&change)).await? {
                return Ok((version, Some(sequence)));
            }
        }
        Err(CatalogError::Contended)
    }

    /// The version to be changed, which is as expected, and what stands there under the name.
    async fn annotated(&self, bucket: &Bucket, of: Annotated<'_>, name: &AnnotationName) -> Result<Ground> {
        let found = self.find(bucket.id, of.key, of.name).await?;
        let version = found.stored.clone().ok_or(CatalogError::VersionGone)?;
        let facts = version.version.object().ok_or(CatalogError::VersionGone)?;
        if of.if_match.is_some() && of.unseen.hides(facts) {
            return Err(CatalogError::VersionGone);
        }
        if of.if_match.is_some_and(|tags| !tags.matches(Some(&facts.etag))) {
            return Err(CatalogError::Condition(Unexpected::Header(IF_MATCH)));
        }
        let place = keys::annotation(version.version.id, name);
        let [row] = self.get([(Family::Annotations, place.clone())]).await?;
        let old = row.map(|row| {
            let annotation = record::annotation(name.clone(), &row).place(Family::Annotations, &place)?;
            Ok::<_, CatalogError>((annotation, row))
        });
        Ok(Ground { found, version, old: old.transpose()? })
    }

    /// An annotation of a version, by the version's internal name.
    ///
    /// # Errors
    /// [`CatalogError::Damaged`], [`CatalogError::Map`].
    pub async fn annotation(&self, version: VersionId, name: &AnnotationName) -> Result<Option<Annotation>> {
        let place = keys::annotation(version, name);
        let [row] = self.get([(Family::Annotations, place.clone())]).await?;
        row.map(|row| record::annotation(name.clone(), &row)).transpose().place(Family::Annotations, &place)
    }

    /// A page of a version's annotations, as they are at one moment, and whether more would follow. Never where nothing
    /// was asked for.
    ///
    /// # Errors
    /// [`CatalogError::Damaged`], [`CatalogError::Map`].
    pub async fn annotations(&self, scan: AnnotationScan<'_>) -> Result<(Vec<Annotation>, bool)> {
        let AnnotationScan { version, prefix, after, limit } = scan;
        let (from, until) = keys::annotations(version, prefix, after);
        if limit == 0 || from >= until {
            return Ok((Vec::new(), false));
        }
        let rows = gather(&*self.map, Family::Annotations, from, until, Vec::new(), move |rows, place, row| {
            rows.push((place.to_vec(), Bytes::copy_from_slice(row)));
            if rows.len() <= limit { Step::Next } else { Step::Stop }
        });
        let mut rows = rows.await?;
        let truncated = rows.len() > limit;
        rows.truncate(limit);
        let annotation = |(place, row): (Vec<u8>, Bytes)| {
            let name = keys::split_annotation(&place).and_then(|name| AnnotationName::new(name).ok());
            let name = name.ok_or(Malformed("it stands in the wrong place"));
            name.and_then(|name| record::annotation(name, &row)).place(Family::Annotations, &place)
        };
        Ok((rows.into_iter().map(annotation).collect::<Result<_>>()?, truncated))
    }
}

impl Ground {
    /// The annotations but the one of the name concerned.
    fn sum_without_old(&self) -> AnnotationSum {
        let sum = self.version.version.object().map(|facts| facts.annotations).unwrap_or_default();
        self.old.as_ref().map_or(sum, |(old, _)| sum.minus(old.bytes))
    }

    /// Expects everything to be as it was read, gives the version another sum, and lets go of the old annotation's bytes.
    fn alter(
        &self,
        draft: &mut Draft<'_>,
        bucket: &Bucket,
        name: &AnnotationName,
        sum: AnnotationSum,
    ) -> Result<Version> {
        let Stored { version, row } = &self.version;
        self.found.expect(draft, bucket, &version.key);
        let place = keys::version(bucket.id, &version.key, version.sequence);
        draft.expect(Family::Versions, place.clone(), Some(row));
        let annotation = keys::annotation(version.id, name);
        draft.expect(Family::Annotations, annotation, self.old.as_ref().map(|(_, row)| row));
        let (version, row) = record::reannotated(version.clone(), sum).ok_or(CatalogError::VersionGone)?;
        let row = Bytes::from(row);
        if self.found.is_top() {
            draft.put(Family::Current, keys::object(bucket.id, &version.key), row.clone());
        }
        draft.put(Family::Versions, place, row);
        if let Some((old, _)) = &self.old {
            draft.count(Count::Bytes, -signed(old.bytes));
            draft.unlink(&old.extent);
        }
        Ok(version)
    }
}
