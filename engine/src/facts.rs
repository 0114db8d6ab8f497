//! The one door through which facts are read before anybody asked whether the caller may. What it returns stays in this
//! crate, so nothing learnt here reaches a caller without a permit; a bucket's existence is the exception, as in S3.

use std::ops::Deref;
use std::sync::Arc;

use kernel::settings::{BucketPolicy, BucketSettings};
use kernel::{BucketName, Protection, Timestamp, Versioning};
use metadata::Bucket;
use policy::BucketView;

use crate::{Engine, Error, Missing, Result};

/// A bucket as the catalogue knows it, and the revision that decisions about it rest on.
#[derive(Debug, Clone)]
pub(crate) struct BucketFacts(Arc<Bucket>);

impl BucketFacts {
    /// The bucket as it would be with this policy.
    pub(crate) fn with_policy(&self, policy: Arc<BucketPolicy>) -> Self {
        let mut bucket = (*self.0).clone();
        bucket.settings = Arc::new(BucketSettings { policy: Some(policy), ..(*bucket.settings).clone() });
        Self(Arc::new(bucket))
    }
    /// The bucket, to be kept.
    pub(crate) fn shared(&self) -> Arc<Bucket> {
        Arc::clone(&self.0)
    }
    pub(crate) fn name(&self) -> &BucketName {
        &self.0.name
    }
    /// What a version is kept from that is written now, by the lake's clock: what its request says, else what the bucket
    /// says of all.
    pub(crate) fn protection_of_new(&self, asked: &Protection, now: Timestamp) -> Protection {
        let by_default = || self.0.settings.object_lock.as_ref().and_then(|lock| lock.retention_of_new(now));
        Protection { retention: asked.retention.or_else(by_default), ..asked.clone() }
    }
    /// The bucket as policies see it.
    pub(crate) fn view(&self) -> BucketView<'_> {
        BucketView {
            name: &self.0.name,
            owner: self.0.owner,
            owns_objects: !self.takes_lists(),
            created: self.0.created,
            tags: &self.0.tags,
            versioning: match self.0.versioning {
                Versioning::Unversioned => "Unversioned",
                Versioning::Enabled => "Enabled",
                Versioning::Suspended => "Suspended",
            },
            locks: self.0.settings.object_lock.is_some(),
            block: self.0.settings.public_access_block.unwrap_or_default(),
            revision: self.0.revision,
        }
    }
    /// Whether answers to reads and deletions name versions.
    pub(crate) fn versioned(&self) -> bool {
        self.0.versioning != Versioning::Unversioned
    }
    /// Whether answers to writes name versions: a write while versioning is suspended makes the `null` version, which S3
    /// does not name.
    pub(crate) fn names_new_versions(&self) -> bool {
        self.0.versioning == Versioning::Enabled
    }
}

impl From<Arc<Bucket>> for BucketFacts {
    fn from(bucket: Arc<Bucket>) -> Self {
        Self(bucket)
    }
}

impl Deref for BucketFacts {
    type Target = Bucket;
    fn deref(&self) -> &Bucket {
        &self.0
    }
}

impl Engine {
    /// The facts of a bucket.
    pub(crate) async fn bucket_facts(&self, name: &BucketName) -> Result<BucketFacts> {
        let bucket = self.catalog.bucket(name).await?;
        bucket.map(BucketFacts).ok_or(Error::NotFound(Missing::Bucket))
    }
}
