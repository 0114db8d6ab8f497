//! What is known of a version of a key.

use std::collections::BTreeMap;

use crate::{AnnotationSum, Checksum, ETag, Extent, ObjectKey, Sequence, Timestamp, UploadId, VersionId};

/// Quality of storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    /// Answers at once.
    Fast,
    /// Answers at once, costs less.
    Warm,
    /// Must be recalled before it answers.
    Cold,
}

/// Whether a bucket keeps old versions.
///
/// Source: Amazon S3 User Guide, *Using versioning in S3 buckets*.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Versioning {
    /// Never switched on: every key has one version, named `null`.
    #[default]
    Unversioned,
    /// Every write makes a version.
    Enabled,
    /// Writes replace the version named `null`; the others stay.
    Suspended,
}

/// How S3 names a version in a request or an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum VersionName {
    /// `null`: the version written while versioning was not enabled.
    Null,
    /// Any other.
    Id(VersionId),
}

/// The headers that S3 stores with an object and gives back as they came. Each at most 2 KiB.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Headers {
    /// `Cache-Control`
    pub cache_control: Option<String>,
    /// `Content-Disposition`
    pub content_disposition: Option<String>,
    /// `Content-Encoding`, without `aws-chunked`
    pub content_encoding: Option<String>,
    /// `Content-Language`
    pub content_language: Option<String>,
    /// `Content-Type`
    pub content_type: Option<String>,
    /// `Expires`
    pub expires: Option<String>,
    /// `x-amz-website-redirect-location`
    pub website_redirect: Option<String>,
}

/// User metadata: names in lower case without `x-amz-meta-`, at most 2 KiB of names and values together.
pub type UserMetadata = BTreeMap<String, String>;

/// Tags of an object or a bucket, ordered by name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tags(BTreeMap<String, String>);

/// Why a tag set is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TagError {
    /// Too many.
    #[error("more than {max} tags")]
    Count {
        /// The most allowed.
        max: usize,
    },
    /// The same name twice.
    #[error("tag name `{0}` stands twice")]
    Duplicate(String),
    /// A name of 0 or more than 128 characters, a value of more than 256, or a reserved `aws:` prefix.
    #[error("tag `{0}` is too long, empty or reserved")]
    Form(String),
}

impl Tags {
    /// The most tags an object may carry.
    pub const OBJECT_MAX: usize = 10;
    /// The most tags a bucket may carry.
    pub const BUCKET_MAX: usize = 50;

    /// Checks a tag set. Source: Amazon S3 User Guide, *Categorizing your objects using tags*.
    ///
    /// # Errors
    /// [`TagError`] names the tag and the rule.
    pub fn new(tags: impl IntoIterator<Item = (String, String)>, max: usize) -> Result<Self, TagError> {
        let mut checked = BTreeMap::new();
        for (name, value) in tags {
            let name_chars = name.chars().count();
            if name_chars == 0 || name_chars > 128 || value.chars().count() > 256 || name.starts_with("aws:") {
                return Err(TagError::Form(name));
            }
            if checked.contains_key(&name) {
                return Err(TagError::Duplicate(name));
            }
            checked.insert(name, value);
            if checked.len() > max {
                return Err(TagError::Count { max });
            }
        }
        Ok(Self(checked))
    }

    /// The tags, ordered by name.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Where the bytes of a version are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Written in one request.
    Whole(Extent),
    /// Assembled from an upload; its parts stand in rows of their own under this id.
    Parts {
        /// The upload it was completed from.
        list: UploadId,
        /// How many parts.
        count: u16,
    },
}

/// What is known of an object's bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectFacts {
    /// Bytes of plaintext.
    pub bytes: u64,
    /// The entity tag.
    pub etag: ETag,
    /// The checksum that the client chose, or CRC64NVME; with its scope.
    pub checksum: Checksum,
    /// Stored headers.
    pub headers: Headers,
    /// Stored `x-amz-meta-*`.
    pub metadata: UserMetadata,
    /// Tags.
    pub tags: Tags,
    /// Where the bytes are.
    pub content: Content,
    /// Its annotations together. They stand in rows of their own, by the version's id.
    pub annotations: AnnotationSum,
}

/// What stands under a version: an object, or a delete marker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Bytes and what is known of them.
    Object(Box<ObjectFacts>),
    /// The key was deleted here, and older versions may still stand below.
    Marker,
}

/// One version of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// The key.
    pub key: ObjectKey,
    /// Its internal name.
    pub id: VersionId,
    /// Whether S3 calls it `null`.
    pub is_null: bool,
    /// Its place among all changes.
    pub sequence: Sequence,
    /// When it was acknowledged.
    pub modified: Timestamp,
    /// What stands there.
    pub standing: Standing,
}

impl Version {
    /// How S3 names it.
    pub fn name(&self) -> VersionName {
        if self.is_null { VersionName::Null } else { VersionName::Id(self.id) }
    }
    /// The object's facts; none for a marker.
    pub fn object(&self) -> Option<&ObjectFacts> {
        match &self.standing {
            Standing::Object(facts) => Some(facts),
            Standing::Marker => None,
        }
    }
}

/// Bytes `start..end` of a body; `start <= end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ByteRange {
    /// First byte.
    pub start: u64,
    /// First byte after.
    pub end: u64,
}

impl ByteRange {
    /// Bytes in the range.
    pub const fn bytes(self) -> u64 {
        self.end - self.start
    }
}
