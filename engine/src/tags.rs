//! Tags of objects.

use kernel::{BucketName, Caller, ObjectKey, Tags, Version, VersionName};
use metadata::Amended;
use policy::Action;

use crate::facts::BucketFacts;
use crate::get::ATTEMPTS_MAX;
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
    /// As [`Engine::object_tags`]; `Busy` where it is changed again and again meanwhile.
    pub async fn set_object_tags(
        &self,
        caller: &Caller,
        bucket: &BucketName,
        key: &ObjectKey,
        version: Option<VersionName>,
        tags: Tags,
    ) -> Result<(Version, bool)> {
        for _ in 0..ATTEMPTS_MAX {
            match self.replace_tags(caller, bucket, (key, version), tags.clone()).await {
                Err(Error::Busy) => {}
                done => return done,
            }
        }
        Err(Error::Busy)
    }

    /// Replaces the tags of a version that still is as it was when leave was given: who may not take a classification away
    /// does not do so by replacing the tags before it.
    async fn replace_tags(
        &self,
        caller: &Caller,
        bucket: &BucketName,
        (key, version): (&ObjectKey, Option<VersionName>),
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
        let ask = Ask::bucket(action, &facts).with_tags(&tags);
        let (permit, standing) = self.permit_found_for(caller, ask, &facts, sought).await?;
        let object = standing.object().map(|object| &object.tags);
        self.permit_classifying(caller, Ask::key(action, &facts, key), (object, &tags))?;
        let amendment = &self.tagged(caller, &facts, (key, version), (&standing, tags.clone()))?;
        let (by, standing) = (&caller.to_string(), &standing);
        let replace = |facts: BucketFacts| async move {
            let (name, only_if) = (Some(standing.name()), standing.object());
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
