//! The words everybody in the lake shares.
//!
//! Life in here is quiet: values that are valid once they exist (a [`BucketName`] cannot hold a bad name), two ports
//! through which time and chance come in ([`Clock`], [`Entropy`]), and meters that count. No IO, no runtime, no wire
//! format: whoever stores or sends one of these words brings the encoding along.

mod access;
mod annotation;
mod blob;
mod caller;
mod checksum;
mod condition;
mod embargo;
mod entropy;
pub mod fail_point;
mod id;
mod identity;
pub mod meter;
mod name;
mod object;
mod protection;
pub mod settings;
mod time;

pub use access::{Acl, Grant, Grantee, Permission, PublicAccessBlock};
pub use annotation::{Annotation, AnnotationSum};
pub use blob::{Extent, Part, Piece, Placement, WrappedKey};
pub use caller::{Caller, Role, Who};
pub use checksum::{Checksum, ChecksumAlgorithm, ChecksumScope, ETag};
pub use condition::{EtagCondition, Freshness, ReadCondition, Unexpected, WriteCondition};
pub use embargo::{
    Embargo, EmbargoLift, EmbargoListing, EmbargoReader, EmbargoRule, EmbargoRuleChange, ReaderNameError,
};
pub use entropy::Entropy;
pub use id::{BlobId, BucketId, KeyId, ParseIdError, Sequence, UploadId, VersionId};
pub use identity::{AccountId, AuthMethod, Narrowing, Origin, ParseAccountError, Principal, PrincipalKind};
pub use name::{AnnotationName, BucketName, NameError, ObjectKey, Region, SiteName};
pub use object::{
    ByteRange, Content, Headers, ObjectFacts, Standing, TagError, Tags, Tier, UserMetadata, Version, VersionName,
    Versioning,
};
pub use protection::{DefaultRetention, Lock, ObjectLock, Period, Protection, Release, Retention, RetentionMode};
pub use time::{Clock, Timestamp};
