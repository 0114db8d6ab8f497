//! Annotations: a map beside the bytes of a version.

use engine::{AnnotationPlace, ListAnnotations, RemoveAnnotation};
use kernel::{AnnotationName, ETag, EtagCondition, VersionName};

use super::writing::receive;
use super::{Object, Reference, Result};
use crate::operation::{Annotate, Answer, Refusal};

impl Reference {
    pub(super) fn annotate(&mut self, annotate: &Annotate) -> Result<Answer> {
        let Annotate { place, name, body, if_match } = annotate;
        let (version, _) = self.annotated(place)?;
        if body.bytes.is_empty() {
            return Err(Refusal::Senseless);
        }
        receive(body)?;
        std::str::from_utf8(&body.bytes).map_err(|_| Refusal::NotText)?;
        let object = self.annotated(place)?.1;
        expect(object, if_match.as_ref())?;
        object.annotations.insert(name.clone(), body.bytes.clone());
        self.changes += 1;
        Ok(Answer::Annotated(version, ETag { md5: storage::md5_of(&body.bytes), parts: None }))
    }

    pub(super) fn annotation(&mut self, place: &AnnotationPlace, name: &AnnotationName) -> Result<Answer> {
        let (_, object) = self.annotated(place)?;
        object.annotations.get(name).cloned().map(Answer::Annotation).ok_or(Refusal::NoAnnotation)
    }

    pub(super) fn unannotate(&mut self, remove: &RemoveAnnotation) -> Result<Answer> {
        let (version, object) = self.annotated(&remove.place)?;
        expect(object, remove.if_match.as_ref())?;
        let was_there = object.annotations.remove(&remove.name).is_some();
        self.changes += u64::from(was_there);
        Ok(Answer::Unannotated(version, was_there))
    }

    pub(super) fn annotations(&mut self, list: &ListAnnotations) -> Result<Answer> {
        let (_, object) = self.annotated(&list.place)?;
        let wanted = object.annotations.iter().filter(|(name, _)| {
            let is_behind = list.after.as_ref().is_none_or(|after| name.as_str() > after.as_str());
            is_behind && name.as_str().starts_with(&list.prefix)
        });
        let mut rows: Vec<_> = wanted
            .map(|(name, bytes)| {
                let etag = ETag { md5: storage::md5_of(bytes), parts: None };
                (name.as_str().to_owned(), etag, bytes.len() as u64)
            })
            .collect();
        let truncated = list.limit > 0 && rows.len() > list.limit;
        rows.truncate(list.limit);
        Ok(Answer::Annotations(rows, truncated))
    }

    /// Names of a version's annotations, for choosing one.
    pub fn annotation_names(&self, place: &AnnotationPlace) -> Vec<AnnotationName> {
        let found = self.buckets.get(&place.bucket).and_then(|bucket| bucket.find(&place.key, place.version).ok());
        let object = found.and_then(|version| version.object.as_ref());
        object.map(|object| object.annotations.keys().cloned().collect()).unwrap_or_default()
    }

    /// The object whose annotations are concerned, with its version's name.
    fn annotated(&mut self, place: &AnnotationPlace) -> Result<(VersionName, &mut Object)> {
        let bucket = self.bucket(&place.bucket)?;
        let name = bucket.find(&place.key, place.version)?.name;
        let versions = bucket.keys.get_mut(&place.key).into_iter().flatten();
        let object = versions.filter(|version| version.name == name).find_map(|version| version.object.as_mut());
        object.map(|object| (name, object)).ok_or(Refusal::NoVersion)
    }
}

fn expect(object: &Object, if_match: Option<&EtagCondition>) -> Result<()> {
    match if_match {
        Some(EtagCondition::OneOf(tags)) if !tags.contains(&object.etag) => Err(Refusal::Condition),
        _ => Ok(()),
    }
}
