//! Tags of objects.

use kernel::{BucketName, Caller, ObjectKey, Tags, Version, VersionName};
use metadata::{Amended, Amendment};
use policy::Action;

use crate::facts::BucketFacts;
use crate::leave::{Ask, Sought};
use crate::{Engine, Error, Missing, Result};

impl Engine {
    /// The version that carries the tags, and whether its bucket names versions.
    ///
    /// # Errors
    /// `NotFound`, `Invalid` (marker), `Denied`.
    pub async fn object_tags(
        &self,
        caller: &Caller,
        bucket: &BucketName,
        key: &ObjectKey,
        version: Option<VersionName>,
    ) -> Result<(Version, bool)> {
        let facts = self.bucket_facts(bucket).await?;
        let action = if version.is_some() { Action::GetObjectVersionTagging } else { Action::GetObjectTagging };
        let (_, version) = self.permit_found(caller, action, &facts, Sought::now(key, version)).await?;
        Ok((version, facts.versioned()))
    }

    /// Replaces the tags of an object; an empty set removes them.
    ///
    /// # Errors
    /// As [`Engine::object_tags`].
    pub async fn set_object_tags(
        &self,
        caller: &Caller,
        bucket: &BucketName,
        key: &ObjectKey,
        version: Option<VersionName>,
        tags: Tags,
    ) -> Result<(Version, bool)> {
        let facts = self.bucket_facts(bucket).await?;
        let action = match (tags.is_empty(), version) {
            (true, None) => Action::DeleteObjectTagging,
            (true, Some(_)) => Action::DeleteObjectVersionTagging,
            (false, None) => Action::PutObjectTagging,
            (false, Some(_)) => Action::PutObjectVersionTagging,
        };
        let sought = Sought::now(key, version);
        let (_, standing) = self.permit_found(caller, action, &facts, sought).await?;
        let ask = Ask::bucket(action, &facts).with_tags(&tags);
        let permit = self.permit_whether_found(caller, ask, &facts, sought).await?;
        let object = standing.object().map(|object| &object.tags);
        self.permit_classifying(caller, Ask::key(action, &facts, key), (object, &tags))?;
        let amendment = &self.tagged(caller, &facts, (key, version), (&standing, tags))?;
        let by = &caller.to_string();
        // What closes rests on what was found, by its own name; other tags go to whatever stands there.
        let is_closing = matches!(amendment, Amendment::ClosingTags(..));
        let (name, only_if) = match is_closing {
            true => (Some(standing.name()), standing.object()),
            false => (version, None),
        };
        let replace = |facts: BucketFacts| async move {
            let of = Amended { key, name, only_if, now: self.clock.now(), by };
            self.catalog.amend_object(&facts, of, amendment).await
        };
        let (changed, facts) = self.change(&permit, facts, replace).await.map_err(|error| match error {
            Error::NotFound(Missing::Version) if version.is_none() => Error::NotFound(Missing::Key { marker: None }),
            other => other,
        })?;
        Ok((changed, facts.versioned()))
    }
}
