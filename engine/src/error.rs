//! What an operation can answer besides success. A variant exists only where the caller would act differently; the
//! gateway translates all of them, in one place.

use kernel::settings::QuotaExceeded;
use kernel::{ChecksumAlgorithm, ETag, Lock, ObjectKey, Timestamp, VersionName};

/// What was asked for and is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// No bucket of that name.
    Bucket,
    /// No current object under the key; with the delete marker that stands there, if one does.
    Key {
        /// The marker.
        marker: Option<VersionName>,
    },
    /// No such version of the key.
    Version,
    /// No such upload, or it was completed or given up.
    Upload,
    /// The object has no part of that number.
    Part,
    /// The bucket has no tags.
    BucketTags,
    /// The bucket has no cross-origin rules.
    Cors,
    /// The bucket is no website.
    Website,
    /// The bucket has no policy.
    BucketPolicy,
    /// The bucket blocks no public access.
    PublicAccessBlock,
    /// The version has no annotation of that name.
    Annotation,
    /// The bucket does not lock objects.
    ObjectLock,
    /// The version is not retained, or nobody ever spoke of a hold.
    Lock,
}

/// What stands in the way of making something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// A bucket of that name, and it is the caller's.
    OwnBucket,
    /// A bucket of that name belongs to another account.
    Bucket,
}

/// A precondition that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unmet {
    /// A read that the caller need not repeat: it has these bytes.
    NotModified {
        /// The object's entity tag.
        etag: ETag,
        /// When it was written.
        modified: Timestamp,
    },
    /// The named request header failed.
    Header(&'static str),
    /// The bucket still holds versions.
    BucketNotEmpty,
    /// A bucket that locks objects keeps all versions and its lock, and only one that keeps all versions can begin to.
    LockStays,
}

/// What is wrong with a request.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The body's MD5 is not the one announced.
    #[error("the Content-MD5 does not match the body")]
    Md5Differs,
    /// The body's checksum is not the one announced.
    #[error("the {} checksum does not match the body", .0.name())]
    ChecksumDiffers(ChecksumAlgorithm),
    /// A checksum was announced for the trailer, and none or a malformed one came.
    #[error("the {} checksum announced for the trailer is missing or malformed", .0.name())]
    TrailerMissing(ChecksumAlgorithm),
    /// Fewer or more bytes came than announced.
    #[error("the body has {came} bytes, {announced} were announced")]
    BodyLength {
        /// Announced.
        announced: u64,
        /// Came.
        came: u64,
    },
    /// The body could not be read to its end.
    #[error("the body could not be read")]
    Body(#[source] BodyError),
    /// No byte of the object lies in the range.
    #[error("the range does not touch the {bytes} bytes of the object")]
    Range {
        /// Bytes of the object.
        bytes: u64,
    },
    /// A part named in a completion is missing or has another entity tag or checksum.
    #[error("part {number} is missing or has another entity tag or checksum")]
    Part {
        /// The part.
        number: u16,
    },
    /// The parts of a completion do not rise.
    #[error("the parts are not in rising order")]
    PartOrder,
    /// A part other than the last is smaller than 5 MiB.
    #[error("part {number} of {bytes} bytes is smaller than the {min} bytes a part must have unless it is the last")]
    PartTooSmall {
        /// The part.
        number: u16,
        /// Its bytes.
        bytes: u64,
        /// The least.
        min: u64,
    },
    /// The named version is a delete marker: it can only be deleted.
    #[error("the version is a delete marker")]
    Marker {
        /// The marker.
        version: VersionName,
        /// When it was written.
        modified: Timestamp,
    },
    /// A version is to be retained or held in a bucket that does not lock objects.
    #[error("the bucket is missing an Object Lock configuration")]
    LocksNothing,
    /// The body is to be text, and is not UTF-8.
    #[error("the body is not UTF-8 text")]
    NotText,
    /// The version has as many annotations as it may have.
    #[error("an object may have {max} annotations")]
    AnnotationsFull {
        /// The most allowed.
        max: u32,
    },
    /// An access control list where lists mean nothing.
    #[error("the bucket does not allow ACLs")]
    AclsOff,
    /// Lists shall mean nothing, and there is one that says something, or that is asked for.
    #[error("bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting")]
    AclWithOwnership,
    /// The bucket's policy is none.
    #[error(transparent)]
    Policy(policy::PolicyFault),
    /// The policy of a bucket is for its own account to read and to change, whatever it says.
    #[error("the specified method is not allowed against this resource")]
    PolicyOfOthers,
    /// The bucket's policy is too long.
    #[error("the policy has {bytes} bytes, at most {max} are allowed")]
    PolicyTooLong {
        /// Its bytes.
        bytes: usize,
        /// The most allowed.
        max: usize,
    },
    /// Anything else, said for people.
    #[error("{0}")]
    Request(String),
    /// An argument has a value that is not allowed.
    #[error("`{name}`: {reason}")]
    Argument {
        /// The argument.
        name: &'static str,
        /// What is wrong with it.
        reason: String,
    },
}

/// A client's body failed to arrive; the edge that made it knows what it means.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct BodyError(#[from] pub Box<dyn std::error::Error + Send + Sync>);

/// Why an operation did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is not there.
    #[error("not found: {0:?}")]
    NotFound(Missing),
    /// It is there already.
    #[error("already exists: {0:?}")]
    AlreadyExists(Existing),
    /// It was there at the moment asked for, and was removed for good since.
    #[error("removed for good: `{key}`")]
    Removed {
        /// The key.
        key: ObjectKey,
    },
    /// No permit.
    #[error("denied")]
    Denied(#[from] policy::Refusal),
    /// It is there, and closed to the caller until an instant. Only who may know that it is there is told so.
    #[error("closed until {opens:?}")]
    Closed {
        /// When it opens by itself.
        opens: Timestamp,
    },
    /// Something about identities was not done.
    #[error(transparent)]
    Identity(#[from] crate::IdentityFault),
    /// The version, or its retention, is locked.
    #[error("locked: {0}")]
    Locked(#[from] Lock),
    /// Something about policy sets was not done.
    #[error(transparent)]
    PolicySet(#[from] crate::PolicySetFault),
    /// A precondition does not hold.
    #[error("precondition: {0:?}")]
    Precondition(Unmet),
    /// The request is wrong, and will be next time.
    #[error("invalid request")]
    Invalid(#[source] Fault),
    /// More bytes than allowed.
    #[error("more than {max} bytes")]
    TooLarge {
        /// The most allowed.
        max: u64,
    },
    /// The bucket's quota leaves no room.
    #[error(transparent)]
    QuotaExceeded(#[from] QuotaExceeded),
    /// Too much is going on; try again soon.
    #[error("busy")]
    Busy,
    /// A part of the lake that is needed does not answer.
    #[error("unavailable: {what}")]
    Unavailable {
        /// The part.
        what: &'static str,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The bytes lie on cold storage and are on their way.
    #[error("recalling")]
    Recalling,
    /// Stored bytes are not what was written; nothing of them is served.
    #[error("corrupt: {what}")]
    Corrupt {
        /// Which bytes.
        what: String,
        /// How it showed.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A state that cannot be, if the code is right.
    #[error("a defect: {0}")]
    Bug(&'static str),
}

/// Shorthand.
pub type Result<T> = std::result::Result<T, Error>;
