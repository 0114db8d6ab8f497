//! What an operation is asked for, and what it answers: plain data, no HTTP in it.

use std::collections::BTreeSet;

use bytes::Bytes;
use futures::stream::BoxStream;
use kernel::settings::{Ownership, Quota};
use kernel::{
    AccountId, BucketName, ByteRange, Checksum, ChecksumAlgorithm, ETag, EmbargoReader, Headers, ObjectKey, Part,
    Protection, ReadCondition, Region, Retention, Sequence, Tags, Timestamp, UploadId, UserMetadata, Version,
    VersionName, Versioning, WriteCondition,
};

use crate::acl::AskedAcl;
use crate::error::BodyError;

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

/// Reads the checksum that came behind the body. Called once, after the body's end.
pub type Trailer = Box<dyn FnOnce() -> Option<Vec<u8>> + Send>;

/// Bytes that a client sends.
pub struct Body {
    /// The bytes. An error ends them.
    pub stream: BoxStream<'static, std::result::Result<Bytes, BodyError>>,
    /// How many were announced.
    pub bytes: u64,
    /// `Content-MD5`, 16 bytes.
    pub md5: Option<[u8; 16]>,
    /// Checksums of the whole body that came before it.
    pub checksums: Vec<(ChecksumAlgorithm, Vec<u8>)>,
    /// The algorithm of a checksum announced to come behind the body, and how to read it.
    pub trailer: Option<(ChecksumAlgorithm, Trailer)>,
}

/// What is stored beside the bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attributes {
    /// Headers given back as they came.
    pub headers: Headers,
    /// `x-amz-meta-*`
    pub metadata: UserMetadata,
    /// Tags.
    pub tags: Tags,
    /// Who is granted what; none for its owner alone.
    pub acl: Option<AskedAcl>,
    /// What it is kept from.
    pub protection: Protection,
    /// What the request says about who may read it from when on; none where it says nothing.
    pub embargo: Option<WantedEmbargo>,
}

/// What a request says about an embargo. What it leaves open is as the bucket has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WantedEmbargo {
    /// Until when nobody but the readers may read it.
    pub until: Option<Timestamp>,
    /// Who may read it before.
    pub readers: Option<BTreeSet<EmbargoReader>>,
}

/// Writes an object.
pub struct PutObject {
    /// Where.
    pub bucket: BucketName,
    /// Under which key.
    pub key: ObjectKey,
    /// What is stored beside the bytes.
    pub attributes: Attributes,
    /// The algorithm to store, where the client names one; else that of its checksum, else CRC64NVME.
    pub algorithm: Option<ChecksumAlgorithm>,
    /// The bytes.
    pub body: Body,
    /// What must be so.
    pub condition: WriteCondition,
}

/// A version that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The version, as it now stands.
    pub version: Version,
    /// Replicas that exist now.
    pub replicas: u16,
    /// Whether the answer names the version.
    pub versioned: bool,
}

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

/// Copies an object, or a range of it into a part.
#[derive(Debug, Clone)]
pub struct CopySource {
    /// From where.
    pub bucket: BucketName,
    /// Which key.
    pub key: ObjectKey,
    /// Which version; none for the current one.
    pub version: Option<VersionName>,
    /// What must be so of the source.
    pub condition: ReadCondition,
}

/// Writes an object with the bytes of another.
#[derive(Debug, Clone)]
pub struct CopyObject {
    /// The source.
    pub source: CopySource,
    /// To where.
    pub bucket: BucketName,
    /// Under which key.
    pub key: ObjectKey,
    /// New headers and user metadata; none to keep the source's.
    pub replace_metadata: Option<(Headers, UserMetadata)>,
    /// New tags; none to keep the source's.
    pub replace_tags: Option<Tags>,
    /// Who is granted what on the copy; never taken from the source.
    pub acl: Option<AskedAcl>,
    /// What the copy is kept from; never taken from the source.
    pub protection: Protection,
    /// What the request says about who may read the copy from when on. An embargo of the source that is in force comes
    /// along whether it says something or not; only a right to shorten embargoes lets it say less.
    pub embargo: Option<WantedEmbargo>,
    /// Where a website redirects requests for the copy to; never taken from the source.
    pub website_redirect: Option<String>,
    /// Another checksum algorithm; none to keep the source's.
    pub algorithm: Option<ChecksumAlgorithm>,
    /// Whether the source's annotations come along.
    pub with_annotations: bool,
    /// Whether the request says how the copy is to be stored, if only what is so anyway: then a copy onto itself has a
    /// purpose.
    pub says_how_to_store: bool,
    /// What must be so of the destination.
    pub condition: WriteCondition,
}

/// A copy that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// The version written.
    pub written: Written,
    /// The version read, where its bucket names versions.
    pub source_version: Option<VersionName>,
}

/// Deletes a key or one of its versions.
#[derive(Debug, Clone)]
pub struct DeleteObject {
    /// Where.
    pub bucket: BucketName,
    /// Which key.
    pub key: ObjectKey,
    /// Which version, for good; none to delete the key.
    pub version: Option<VersionName>,
    /// Whether governance is to be passed over, where the version is retained for it.
    pub bypass_governance: bool,
    /// What must be so.
    pub condition: WriteCondition,
}

/// What a deletion did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deleted {
    /// The version the answer names: the marker made, or the version asked for.
    pub version: Option<VersionName>,
    /// Whether that version is, or was, a marker.
    pub is_marker: bool,
    /// The place of the change; none where there was nothing to delete.
    pub sequence: Option<Sequence>,
}

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
    /// The key or common prefix behind which the rest follows, where there is a rest. A page of the past may end before it
    /// is full.
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

/// How the parts of an upload add up to one checksum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UploadChecksum {
    /// The algorithm of the parts and of the whole.
    pub algorithm: ChecksumAlgorithm,
    /// The whole's checksum covers its bytes; else the parts' checksums.
    pub full_object: bool,
    /// Whether the client asked for it; else it is CRC64NVME over the bytes, which clients need not know of.
    pub chosen: bool,
}

/// Starts an upload.
#[derive(Debug, Clone)]
pub struct CreateUpload {
    /// Where.
    pub bucket: BucketName,
    /// Under which key.
    pub key: ObjectKey,
    /// What will be stored beside the bytes.
    pub attributes: Attributes,
    /// The checksum the client chose, and whether it shall cover all bytes.
    pub checksum: Option<(ChecksumAlgorithm, Option<bool>)>,
}

/// An upload under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadInfo {
    /// Its name.
    pub id: UploadId,
    /// The key it will become.
    pub key: ObjectKey,
    /// When it was started.
    pub started: Timestamp,
    /// Who will own the object.
    pub owner: AccountId,
    /// How its parts add up.
    pub checksum: UploadChecksum,
}

/// Names an upload.
#[derive(Debug, Clone)]
pub struct UploadName {
    /// Where.
    pub bucket: BucketName,
    /// The key it will become.
    pub key: ObjectKey,
    /// Its name.
    pub id: UploadId,
}

/// Writes a part.
pub struct PutPart {
    /// The upload.
    pub upload: UploadName,
    /// 1–10,000.
    pub number: u16,
    /// The bytes.
    pub body: Body,
    /// The algorithm the client names, which must be the upload's.
    pub algorithm: Option<ChecksumAlgorithm>,
}

/// Writes a part with bytes of an object.
#[derive(Debug, Clone)]
pub struct CopyPart {
    /// The upload.
    pub upload: UploadName,
    /// 1–10,000.
    pub number: u16,
    /// The object.
    pub source: CopySource,
    /// The bytes, both ends included; none for all.
    pub range: Option<(u64, u64)>,
}

/// A part as a completion names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedPart {
    /// 1–10,000.
    pub number: u16,
    /// The tag it must have; none where the client sent something that no part of ours can have.
    pub etag: Option<ETag>,
    /// The checksum it must have.
    pub checksum: Option<(ChecksumAlgorithm, Vec<u8>)>,
}

/// Turns an upload into an object.
#[derive(Debug, Clone)]
pub struct CompleteUpload {
    /// The upload.
    pub upload: UploadName,
    /// Its parts, in order.
    pub parts: Vec<NamedPart>,
    /// What must be so of the key.
    pub condition: WriteCondition,
    /// The checksum the whole must have.
    pub checksum: Option<(ChecksumAlgorithm, Vec<u8>)>,
    /// Whether that checksum, where its type was named, covers all bytes.
    pub full_object: Option<bool>,
    /// The bytes the whole must have.
    pub bytes: Option<u64>,
}

/// Lists uploads under way.
#[derive(Debug, Clone)]
pub struct ListUploads {
    /// Where.
    pub bucket: BucketName,
    /// Keys that begin so.
    pub prefix: String,
    /// As in [`ListObjects`].
    pub delimiter: Option<String>,
    /// Only what comes after this key or common prefix; with an upload, after that upload of the key.
    pub after: Option<(String, Option<UploadId>)>,
    /// Entries at the most, 0–1,000.
    pub limit: usize,
}

/// Parts of an upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartPage {
    /// The upload.
    pub upload: UploadInfo,
    /// By rising number.
    pub parts: Vec<Part>,
    /// Whether more follow.
    pub truncated: bool,
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
