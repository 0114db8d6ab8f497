//! Why the catalogue did not do what it was asked to.

use kernel::settings::QuotaExceeded;
use kernel::{Lock, ObjectKey, Sequence, Unexpected};

use crate::key_value::{Family, KeyValueError};
use crate::record::Malformed;

/// Why it is not known how things were.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoPast {
    /// The bucket does not keep versions.
    #[error("the bucket does not keep versions")]
    Unversioned,
    /// The bucket did not keep versions yet, or nobody remembered those that were removed.
    #[error("the history of the bucket begins at {since}")]
    BeforeHistory {
        /// The first change of which it is known.
        since: Sequence,
    },
    /// What was removed before the horizon is forgotten by now.
    #[error("the history of the bucket is kept from {horizon} on")]
    BeforeHorizon {
        /// The first change of which it is still known.
        horizon: Sequence,
    },
    /// It has not happened yet.
    #[error("that has not happened yet: the last change is {last}")]
    Future {
        /// The last change.
        last: Sequence,
    },
    /// A time that has not come yet.
    #[error("that time has not come yet")]
    TimeAhead,
    /// So many versions of the key were removed for good that it takes too long to go through them.
    #[error("too many versions of a key were removed for good")]
    TooManyGraves,
}

/// Why the catalogue did not do what it was asked to. Unless it says otherwise, nothing has changed.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// A bucket of that name is there already.
    #[error("the bucket exists already")]
    BucketExists,
    /// The bucket is gone, or is not what it was when it was read: read it again and decide again.
    #[error("the bucket is gone or has changed")]
    BucketGone,
    /// The version, or its retention, is locked.
    #[error("the version is locked: {0}")]
    Locked(#[from] Lock),
    /// A retention or a hold of a version was asked for in a bucket that does not lock objects.
    #[error("the bucket does not lock objects")]
    LocksNothing,
    /// A bucket that locks objects keeps all versions and its lock, and only one that keeps all versions can begin to.
    #[error("a bucket that locks objects keeps their versions and its lock")]
    LockStays,
    /// The bucket still holds versions or markers.
    #[error("the bucket is not empty")]
    BucketNotEmpty,
    /// A bucket that ever kept versions keeps them: versioning can be suspended, not unset.
    #[error("versioning can be suspended, not unset")]
    VersioningStays,
    /// There is no such object version.
    #[error("there is no such version")]
    VersionGone,
    /// The version is not what the change was decided on.
    #[error("the version has changed")]
    VersionChanged,
    /// There is no such upload: it was completed or given up, or never was.
    #[error("there is no such upload")]
    UploadGone,
    /// The current object, or its absence, is not what the caller expects.
    #[error("the condition does not hold: {0:?}")]
    Condition(Unexpected),
    /// The version has as many annotations as it may have, [`kernel::Annotation::COUNT_MAX`].
    #[error("the version has as many annotations as it may have")]
    AnnotationsFull,
    /// A part named by a completion is not there, or not as it was when it was read.
    #[error("part {0} is gone or has changed")]
    PartChanged(u16),
    /// The bucket's quota leaves no room.
    #[error(transparent)]
    QuotaExceeded(#[from] QuotaExceeded),
    /// How things were then is not known.
    #[error("how things were then is not known: {0}")]
    NoPast(#[from] NoPast),
    /// The object that was current under the key then was removed for good.
    #[error("what was current under a key then was removed for good")]
    Removed {
        /// The key.
        key: ObjectKey,
    },
    /// Others kept changing the same rows; try again soon.
    #[error("others keep changing the same rows")]
    Contended,
    /// The map under the catalogue did not answer. After [`KeyValueError::Failed`] the change may have taken effect.
    #[error("the map under the catalogue did not answer")]
    Map(#[from] KeyValueError),
    /// A row is not what was written.
    #[error("the catalogue is damaged: {what}")]
    Damaged {
        /// Which row, and what is wrong with it.
        what: String,
    },
    /// The catalogue was written by a version of this program that is not known here.
    #[error("the catalogue has format {found}, known is {known}")]
    UnknownFormat {
        /// The format on disk.
        found: u32,
        /// The format of this program.
        known: u32,
    },
}

impl CatalogError {
    /// Damage of one row.
    pub(crate) fn damaged(family: Family, row: &[u8], malformed: Malformed) -> Self {
        Self::Damaged { what: format!("row `{}` of `{}`: {malformed}", row.escape_ascii(), family.name()) }
    }
}

/// Shorthand.
pub type Result<T> = std::result::Result<T, CatalogError>;

/// Gives a malformed row its place.
pub(crate) trait Place<T> {
    /// The row's place in the error.
    fn place(self, family: Family, row: &[u8]) -> Result<T>;
}

impl<T> Place<T> for std::result::Result<T, Malformed> {
    fn place(self, family: Family, row: &[u8]) -> Result<T> {
        self.map_err(|malformed| CatalogError::damaged(family, row, malformed))
    }
}
