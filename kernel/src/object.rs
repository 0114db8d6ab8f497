//! What is known of a version of a key.

use std::collections::BTreeMap;

use crate::{
    AccountId, Acl, AnnotationSum, Checksum, ETag, Extent, ObjectKey, Protection, Sequence, Timestamp, UploadId,
    VersionId,
};

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
    /// A name of 0 or more than 128 characters, a value of more than 256, or a reserved name: one that begins with `aws:`, or
    /// with `lake:` and is not all in small letters.
    #[error("tag `{0}` is too long, empty or reserved")]
    Form(String),
    /// A character in name or value that is no letter, number, space or one of `+-=._:/@`.
    #[error("tag `{0}` holds a character other than letters, numbers, spaces and + - = . _ : / @")]
    Character(String),
}

fn may_stand_in_tag(character: char) -> bool {
    let is_space = character.is_whitespace() && !character.is_control();
    character.is_alphanumeric() || is_space || matches!(character, '+' | '-' | '=' | '.' | '_' | ':' | '/' | '@')
}

/// Names of AWS, and those of the lake's own that are not in small letters: policies read what begins with `lake:`, and
/// their conditions name tags in whatever case.
fn is_reserved(name: &str) -> bool {
    let begins = |with: &str| name.get(..with.len()).is_some_and(|start| start.eq_ignore_ascii_case(with));
    begins("aws:") || (begins("lake:") && name.contains(|character: char| character.is_ascii_uppercase()))
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
            if name_chars == 0 || name_chars > 128 || value.chars().count() > 256 || is_reserved(&name) {
                return Err(TagError::Form(name));
            }
            if !name.chars().chain(value.chars()).all(may_stand_in_tag) {
                return Err(TagError::Character(name));
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

    /// A tag set as it was stored: checked by the rules of the time when it came in, which may have been others.
    ///
    /// # Errors
    /// [`TagError::Duplicate`]
    pub fn as_stored(tags: impl IntoIterator<Item = (String, String)>) -> Result<Self, TagError> {
        let mut stored = BTreeMap::new();
        for (name, value) in tags {
            if stored.contains_key(&name) {
                return Err(TagError::Duplicate(name));
            }
            stored.insert(name, value);
        }
        Ok(Self(stored))
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
    /// Who owns it, which is who wrote it unless the bucket's ownership says its owner does.
    pub owner: AccountId,
    /// Who was granted what; none for its owner alone.
    pub acl: Option<Acl>,
    /// What it is kept from.
    pub protection: Protection,
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

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(name: &str, value: &str) -> Result<Tags, TagError> {
        Tags::new([(name.to_owned(), value.to_owned())], Tags::OBJECT_MAX)
    }

    #[test]
    fn tags_hold_letters_numbers_spaces_and_few_signs() {
        for good in ["a", "Z9", "blade angle", "ä日本θ", "+-=._:/@", "²½", "a\u{a0}b"] {
            assert!(checked(good, good).is_ok(), "{good}");
        }
        for bad in ["a&b", "a#b", "<a>", "a\"b", "a,b", "a\tb", "a\nb", "a\0b", "🌬", "a*", "\u{202e}"] {
            assert_eq!(checked(bad, ""), Err(TagError::Character(bad.to_owned())), "{bad}");
            assert_eq!(checked("a", bad), Err(TagError::Character("a".to_owned())), "{bad}");
        }
    }

    #[test]
    fn lengths_count_characters_and_names_of_aws_are_reserved() {
        assert!(checked(&"ä".repeat(128), &"日".repeat(256)).is_ok());
        for (name, value) in [("n".repeat(129), String::new()), ("n".to_owned(), "v".repeat(257)), Default::default()] {
            assert!(matches!(checked(&name, &value), Err(TagError::Form(_))), "{name}");
        }
        for reserved in ["aws:x", "AWS:x", "aWs:", "LAKE:class", "lake:Class", "lakE:"] {
            assert!(matches!(checked(reserved, "v"), Err(TagError::Form(_))), "{reserved}");
        }
        for free in ["aws", "awsx", "xaws:", "aw s:", "lake:class", "Lake", "LAKES:class"] {
            assert!(checked(free, "v").is_ok(), "{free}");
        }
    }

    #[test]
    fn there_are_at_most_so_many_and_no_name_twice() {
        let tags = |count: usize| (0..count).map(|number| (format!("n{number}"), String::new()));
        assert!(Tags::new(tags(10), Tags::OBJECT_MAX).is_ok());
        assert_eq!(Tags::new(tags(11), Tags::OBJECT_MAX), Err(TagError::Count { max: 10 }));
        let twice = Err(TagError::Duplicate("n0".to_owned()));
        assert_eq!(Tags::new(tags(1).chain(tags(1)), Tags::OBJECT_MAX), twice);
        assert_eq!(Tags::as_stored(tags(1).chain(tags(1))), twice);
    }

    #[test]
    fn what_was_once_allowed_can_still_be_read() {
        let stored = Tags::as_stored([("AWS:🌬".to_owned(), "#".to_owned())]).expect("no name twice");
        assert_eq!(stored.iter().collect::<Vec<_>>(), [("AWS:🌬", "#")]);
    }
}
