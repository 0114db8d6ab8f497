//! The one door through which facts are read before anybody asked whether the caller may. What it returns stays in this
//! crate, so nothing learnt here reaches a caller without a permit; a bucket's existence is the exception, as in S3.

use std::ops::Deref;
use std::sync::Arc;

use kernel::{BucketName, Sequence, Versioning};
use metadata::Bucket;

use crate::{Engine, Error, Missing, Result};

/// A bucket as the catalogue knows it, and the revision that decisions about it rest on.
#[derive(Debug, Clone)]
pub(crate) struct BucketFacts(Arc<Bucket>);

impl BucketFacts {
    pub(crate) fn name(&self) -> &BucketName {
        &self.0.name
    }
    pub(crate) fn revision(&self) -> Sequence {
        self.0.revision
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
