//! Copying on the server: the source's bytes are opened and sealed anew under blobs of their own.

use kernel::{Caller, ReadCondition, VersionId, VersionName};
use policy::Action;

use crate::annotations::carried::Annotations;
use crate::embargo::written::EmbargoGrounds;
use crate::facts::BucketFacts;
use crate::ingest::{Announced, Source};
use crate::leave::{Ask, Sought};
use crate::put::Target;
use crate::{
    Attributes, Copied, CopyObject, CopySource, Engine, Error, Fault, GetObject, ObjectRead, Result, Selection, Unmet,
};

impl Engine {
    /// Writes an object with the bytes of another, read and written as the caller.
    ///
    /// # Errors
    /// As [`Engine::get_object`] for the source and [`Engine::put_object`] for the destination; `Invalid` for a copy of
    /// an object to itself that changes nothing, and for a source beyond 5 GiB.
    pub async fn copy_object(&self, caller: &Caller, copy: CopyObject) -> Result<Copied> {
        let facts = self.bucket_facts(&copy.bucket).await?;
        let permit = self.permit(caller, Action::PutObject, &facts, Some(&copy.key))?;
        self.expect(&permit, &facts, &copy.key, &copy.condition).await?;
        let onto_itself = copy.source.bucket == copy.bucket && copy.source.key == copy.key;
        let changes_nothing = copy.replace_metadata.is_none()
            && copy.replace_tags.is_none()
            && copy.website_redirect.is_none()
            && copy.algorithm.is_none()
            && copy.acl.is_none()
            && copy.embargo.is_none()
            && !copy.says_how_to_store;
        if onto_itself && copy.source.version.is_none() && changes_nothing {
            return Err(Error::Invalid(Fault::Request(
                "this copy request is illegal because it is trying to copy an object to itself without changing the \
                 object's metadata, storage class, website redirect location or encryption attributes"
                    .to_owned(),
            )));
        }
        let (read, source_version) = self.read_source(caller, &copy.source, Selection::All).await?;
        let object = read.info.version.object().ok_or(Error::Bug("a marker was copied"))?;
        if object.bytes > self.settings.body_bytes_max {
            return Err(source_too_large(self.settings.body_bytes_max));
        }
        let (mut headers, metadata) =
            copy.replace_metadata.clone().unwrap_or_else(|| (object.headers.clone(), object.metadata.clone()));
        // Source: Amazon S3 API, *CopyObject*, `x-amz-website-redirect-location`: never copied.
        headers.website_redirect = copy.website_redirect.clone();
        let tags = copy.replace_tags.clone().unwrap_or_else(|| object.tags.clone());
        let algorithm = copy.algorithm.unwrap_or(object.checksum.algorithm);
        let bytes = object.bytes;
        let annotations = match copy.with_annotations && !object.annotations.is_empty() {
            true => Some(self.annotations_to_carry(caller, &copy, &facts, read.info.version.id).await?),
            false => None,
        };
        if copy.replace_tags.is_none() && !tags.is_empty() {
            self.may_read_tags(caller, &copy.source).await?;
        }
        let attributes = Attributes {
            headers,
            metadata,
            tags,
            acl: copy.acl.clone(),
            protection: copy.protection.clone(),
            embargo: copy.embargo.clone(),
        };
        self.permit_write(caller, &facts, &copy.key, &attributes)?;
        let ask = Ask::key(Action::Classify, &facts, &copy.key);
        self.permit_classifying(caller, ask, (Some(&object.tags), &attributes.tags))?;
        // Tags that the copy takes over say nothing new.
        let (wanted, tags) = (copy.embargo.as_ref(), copy.replace_tags.as_ref());
        let source = self.bucket_facts(&copy.source.bucket).await?;
        let grounds = EmbargoGrounds { wanted, tags, source: Some((&source, &read.info.version)) };
        let embargo = self.embargo_of_new(caller, &facts, &copy.key, grounds).await?;
        let ownings = self.ownings(caller, &facts, &copy.key, attributes.acl.as_ref())?;
        let target = Target { key: copy.key, attributes, ownings, condition: copy.condition, annotations, embargo };
        let source = Source { stream: read.body, bytes, announced: Announced::default(), algorithm };
        let written = self.write(permit, facts, target, source).await?;
        Ok(Copied { written, source_version })
    }

    /// Asks for leave to read the tags of the source, which the copy takes over.
    async fn may_read_tags(&self, caller: &Caller, source: &CopySource) -> Result<()> {
        let facts = self.bucket_facts(&source.bucket).await?;
        let action = if source.version.is_some() { Action::GetObjectVersionTagging } else { Action::GetObjectTagging };
        self.permit_found(caller, action, &facts, Sought::now(&source.key, source.version)).await?;
        Ok(())
    }

    /// Asks for leave to read the annotations of the source, and to write them.
    async fn annotations_to_carry(
        &self,
        caller: &Caller,
        copy: &CopyObject,
        target: &BucketFacts,
        version: VersionId,
    ) -> Result<Annotations> {
        let CopySource { bucket, key, version: name, .. } = &copy.source;
        let source = self.bucket_facts(bucket).await?;
        let action = if name.is_some() { Action::GetObjectVersionAnnotation } else { Action::GetObjectAnnotation };
        let (permit, _) = self.permit_found(caller, action, &source, Sought::now(key, *name)).await?;
        self.permit(caller, Action::PutObjectAnnotation, target, Some(&copy.key))?;
        Ok(Annotations { permit, version })
    }

    /// Opens the source of a copy. Its conditions answer 412 even where a plain read would answer 304.
    pub(crate) async fn read_source(
        &self,
        caller: &Caller,
        source: &CopySource,
        selection: Selection,
    ) -> Result<(ObjectRead, Option<VersionName>)> {
        let get = GetObject {
            bucket: source.bucket.clone(),
            key: source.key.clone(),
            version: source.version,
            as_of: None,
            selection,
            condition: source.condition.clone(),
        };
        let read = self.get_object(caller, get).await.map_err(|error| match error {
            Error::Precondition(Unmet::NotModified { .. }) => {
                Error::Precondition(Unmet::Header(not_modified_header(&source.condition)))
            }
            // Source: Amazon S3 API, *CopyObject*: a delete marker named as the source is a bad request.
            Error::Invalid(Fault::Marker { .. }) => {
                Error::Invalid(Fault::Request("the source of a copy may not be a delete marker".to_owned()))
            }
            other => other,
        })?;
        let name = read.info.versioned.then(|| read.info.version.name());
        Ok((read, name))
    }
}

/// Source: Amazon S3 API, *CopyObject*: beyond 5 GiB an object is copied in parts.
pub(crate) fn source_too_large(max: u64) -> Error {
    let text = "the specified copy source is larger than the maximum allowable size for a copy source";
    Error::Invalid(Fault::Request(format!("{text}: {max}")))
}

fn not_modified_header(condition: &ReadCondition) -> &'static str {
    if condition.if_none_match.is_some() {
        "x-amz-copy-source-if-none-match"
    } else {
        "x-amz-copy-source-if-modified-since"
    }
}
