//! Buckets: what they are made from, and what callers see of them.

use kernel::settings::{Ownership, Quota};
use kernel::{BucketName, Region, Tags, Timestamp, Versioning};

use crate::acl::AskedAcl;

/// A bucket as callers see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketInfo {
    /// Its name.
    pub name: BucketName,
    /// When it was made.
    pub created: Timestamp,
    /// Where its home is.
    pub region: Region,
    /// Whether it keeps old versions.
    pub versioning: Versioning,
    /// Its tags.
    pub tags: Tags,
}

/// A bucket and what it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketUsage {
    /// The bucket.
    pub bucket: BucketInfo,
    /// Keys whose current version is an object.
    pub objects: u64,
    /// Versions, markers included.
    pub versions: u64,
    /// Bytes of all versions. Parts of uploads under way are not counted.
    pub bytes: u64,
    /// How much it may hold, where that is bounded.
    pub quota: Option<Quota>,
}

/// Makes a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateBucket {
    /// Its name.
    pub name: BucketName,
    /// Its tags.
    pub tags: Tags,
    /// Who owns what others write; none means the writer.
    pub ownership: Option<Ownership>,
    /// Who is granted what on it; none for its owner alone.
    pub acl: Option<AskedAcl>,
    /// Whether it locks objects, and so keeps all their versions.
    pub locks_objects: bool,
}

impl CreateBucket {
    /// A bucket with nothing but a name.
    pub fn named(name: BucketName) -> Self {
        Self { name, tags: Tags::default(), ownership: None, acl: None, locks_objects: false }
    }
}
