//! Uploads in parts.

use kernel::{AccountId, BucketName, ChecksumAlgorithm, ETag, ObjectKey, Part, Timestamp, UploadId, WriteCondition};

use super::{Attributes, Body, CopySource};

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
    /// Who started it.
    pub initiator: Initiator,
    /// Who will own the object.
    pub owner: AccountId,
    /// How its parts add up.
    pub checksum: UploadChecksum,
}

/// Who started an upload.
///
/// Source: Amazon S3 API, *Initiator*: an account by its canonical user id, somebody in it by an ARN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Initiator {
    /// The root of an account.
    Account(AccountId),
    /// A user, or a session of a role.
    Named {
        /// The ARN.
        arn: String,
        /// The name of the user, or of the session.
        name: String,
    },
    /// Nobody who said who it was.
    Anonymous,
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
