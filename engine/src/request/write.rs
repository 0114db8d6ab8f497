//! Writing, copying and deleting objects.

use std::collections::BTreeSet;

use bytes::Bytes;
use futures::stream::BoxStream;
use kernel::{
    BucketName, ChecksumAlgorithm, EmbargoReader, Headers, ObjectKey, Protection, ReadCondition, Sequence, Tags,
    Timestamp, UserMetadata, Version, VersionName, WriteCondition,
};

use crate::acl::AskedAcl;
use crate::error::BodyError;

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
