//! Lists of objects and versions, page by page.

use kernel::{AccountId, BucketName, Sequence, Timestamp, Version, VersionName};

use super::AsOf;

/// Lists current objects.
#[derive(Debug, Clone)]
pub struct ListObjects {
    /// Where.
    pub bucket: BucketName,
    /// Keys that begin so.
    pub prefix: String,
    /// Keys that hold this text behind the prefix are shown as one common prefix. Never empty.
    pub delimiter: Option<String>,
    /// Only what comes after this key or common prefix.
    pub after: Option<String>,
    /// Entries at the most, 0–1,000.
    pub limit: usize,
    /// The objects that were current then, instead of those of now.
    pub as_of: Option<AsOf>,
}

/// A stretch of a listing of objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectPage {
    /// The objects.
    pub page: Page<ListedObject>,
    /// The key or common prefix behind which the rest follows, or a sealed place, where there is a rest. A page of the past
    /// may end before it is full.
    pub next: Option<String>,
    /// The change as of which it was listed, where that was asked for.
    pub as_of: Option<Sequence>,
}

/// A row of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry<T> {
    /// Something with a key of its own.
    Item(T),
    /// Everything that begins so.
    Prefix(String),
}

/// A stretch of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// In byte order of key or prefix.
    pub entries: Vec<Entry<T>>,
    /// Whether more follows.
    pub truncated: bool,
    /// Behind what it follows, where that is not the last entry: a sealed place, given as the name to list after. A page
    /// that passed over much that is hidden from the caller ends so before it is full, even without an entry.
    pub place: Option<String>,
}

/// Lists versions and markers.
#[derive(Debug, Clone)]
pub struct ListVersions {
    /// Where.
    pub bucket: BucketName,
    /// Keys that begin so.
    pub prefix: String,
    /// As in [`ListObjects`].
    pub delimiter: Option<String>,
    /// Only what comes after this key or common prefix; with a version, after that version of the key.
    pub after: Option<(String, Option<VersionName>)>,
    /// Entries at the most, 0–1,000.
    pub limit: usize,
}

/// A current object in a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedObject {
    /// The version. Where it is closed to the caller, nothing but its key and when it was written may be shown.
    pub version: Version,
    /// When it opens to the caller; none for what is open.
    pub opens: Option<Timestamp>,
    /// Whose it is.
    pub owner: AccountId,
}

/// A version in a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedVersion {
    /// The version or marker.
    pub version: Version,
    /// Whether it is the key's newest.
    pub is_latest: bool,
    /// As in [`ListedObject`].
    pub opens: Option<Timestamp>,
    /// Whose it is; a marker is the bucket's owner's.
    pub owner: AccountId,
}
