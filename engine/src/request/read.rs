//! Reading objects, one or many, now or as of a moment of the past.

use bytes::Bytes;
use futures::stream::BoxStream;
use kernel::{
    BucketName, ByteRange, Checksum, ObjectKey, Part, ReadCondition, Retention, Sequence, Timestamp, Version,
    VersionName,
};

/// Part of an object's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Selection {
    /// All.
    All,
    /// From a byte to the end.
    From(u64),
    /// From a byte to a byte, both included.
    Between(u64, u64),
    /// The last bytes.
    Suffix(u64),
    /// A part by its number, 1–10,000; part 1 of an object put whole is all of it.
    Part(u16),
}

/// A moment of the past. What counts is what was current right after the last change up to then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AsOf {
    /// Right after this change.
    Sequence(Sequence),
    /// At the end of this millisecond.
    Time(Timestamp),
}

/// Reads an object, or what is known of it.
#[derive(Debug, Clone)]
pub struct GetObject {
    /// Where.
    pub bucket: BucketName,
    /// Under which key.
    pub key: ObjectKey,
    /// Which version; none for the current one.
    pub version: Option<VersionName>,
    /// The version that was current then instead; not together with `version`.
    pub as_of: Option<AsOf>,
    /// Which bytes.
    pub selection: Selection,
    /// What must be so.
    pub condition: ReadCondition,
}

/// What is known of an object, and which of its bytes were selected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectInfo {
    /// The version; never a marker.
    pub version: Version,
    /// Whether the bucket names versions in its answers.
    pub versioned: bool,
    /// The change as of which it was read, where that was asked for.
    pub as_of: Option<Sequence>,
    /// The bytes selected, where fewer than all were asked for.
    pub range: Option<ByteRange>,
    /// The checksum of the selected part, where a part of a multipart object was asked for.
    pub part_checksum: Option<Checksum>,
    /// Parts of a multipart object.
    pub parts: Option<u16>,
    /// Until when it is closed to others than its readers; none where it is open.
    pub closed_until: Option<Timestamp>,
    /// Until when it may not be removed, where the caller may know.
    pub retention: Option<Retention>,
    /// Whether it is under legal hold, where that was ever said and the caller may know.
    pub legal_hold: Option<bool>,
}

impl ObjectInfo {
    /// Bytes that were selected.
    pub fn selected_bytes(&self) -> u64 {
        self.range.map_or_else(|| self.version.object().map_or(0, |object| object.bytes), ByteRange::bytes)
    }
}

/// An object's bytes on their way out. Every one of them was verified.
pub type Bytestream = BoxStream<'static, std::result::Result<Bytes, crate::Error>>;

/// An object that is being read.
pub struct ObjectRead {
    /// What is known of it.
    pub info: ObjectInfo,
    /// The selected bytes.
    pub body: Bytestream,
}

/// Reads several objects of a bucket.
#[derive(Debug, Clone)]
pub struct BatchRead {
    /// Where.
    pub bucket: BucketName,
    /// What, in the order of the answer. The same may be asked for twice.
    pub members: Vec<BatchMember>,
    /// As of when members are read that name no version; none for now.
    pub as_of: Option<AsOf>,
}

/// One of the objects of a [`BatchRead`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchMember {
    /// Which key.
    pub key: ObjectKey,
    /// Which version; none for the current one.
    pub version: Option<VersionName>,
    /// Which bytes.
    pub selection: Selection,
}

/// Parts of an object, for `GetObjectAttributes`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectParts {
    /// What is known of the object.
    pub info: ObjectInfo,
    /// Its parts by rising number; empty for an object put whole.
    pub parts: Vec<Part>,
    /// Whether more follow.
    pub truncated: bool,
}
