//! What can go wrong with bytes at rest. The two ports have errors of their own, because whoever implements one knows
//! neither its site's name nor what the bytes are for.

use std::path::PathBuf;

use kernel::{BlobId, KeyId, SiteName};

/// The result of an operation on bytes at rest.
pub type Result<T, E = StorageError> = std::result::Result<T, E>;

/// Why bytes could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// What lies there is not what was written. No byte of it was given out.
    #[error("blob {blob} is damaged: {what}")]
    Corrupt {
        /// Which blob.
        blob: BlobId,
        /// What is wrong with it.
        what: Damage,
    },
    /// The blob is not where it should be.
    #[error("blob {blob} is missing")]
    Missing {
        /// Which blob.
        blob: BlobId,
    },
    /// No placement of the blob names a site of this process that can give it.
    #[error("no site here holds blob {blob}")]
    NoReplica {
        /// Which blob.
        blob: BlobId,
    },
    /// A site did not do what it was asked. Asking again later may help.
    #[error("site `{site}` failed")]
    Site {
        /// Which site.
        site: SiteName,
        /// What it said.
        source: SiteError,
    },
    /// A site has no room.
    #[error("site `{site}` is full")]
    Full {
        /// Which site.
        site: SiteName,
    },
    /// The vault gave no key.
    #[error("the key vault gave no key")]
    Vault(#[from] VaultError),
    /// A body is longer or shorter than announced.
    #[error("{expected} bytes were announced, {came} came")]
    Length {
        /// Announced.
        expected: u64,
        /// Came; where more came than announced, those that had come when it was noticed.
        came: u64,
    },
    /// Bytes were asked for that the body does not have.
    #[error("bytes {start}..{end} were asked for of a body of {bytes}")]
    Range {
        /// First byte asked for.
        start: u64,
        /// First byte not asked for.
        end: u64,
        /// Bytes of the body.
        bytes: u64,
    },
    /// No site has this name.
    #[error("no site is called `{0}`")]
    UnknownSite(SiteName),
    /// A body is written on after a write of it failed.
    #[error("the body was given up when an earlier write failed")]
    GivenUp,
}

impl StorageError {
    /// What a failure of a site means for a blob on it.
    pub(crate) fn from_site(site: &SiteName, blob: BlobId, error: SiteError) -> Self {
        match error {
            SiteError::Missing => Self::Missing { blob },
            SiteError::Length { expected, found } => Self::Corrupt { blob, what: Damage::Length { expected, found } },
            SiteError::Full => Self::Full { site: site.clone() },
            source => Self::Site { site: site.clone(), source },
        }
    }
}

/// How a blob differs from what was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// Longer or shorter.
    #[error("{found} bytes long instead of {expected}")]
    Length {
        /// Sealed bytes that were written.
        expected: u64,
        /// Sealed bytes that are there.
        found: u64,
    },
    /// A segment whose tag does not fit: flipped bits, or another place, blob or key.
    #[error("segment {0} is not authentic")]
    Segment(u64),
    /// The lengths that the catalogue names cannot belong to one blob.
    #[error("its recorded lengths contradict each other")]
    Record,
    /// The header cannot be read.
    #[error("its header is not one")]
    Header,
}

/// Why a site did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum SiteError {
    /// No such blob.
    #[error("no such blob")]
    Missing,
    /// The blob has another length than it was written with.
    #[error("the blob is {found} bytes long instead of {expected}")]
    Length {
        /// Written.
        expected: u64,
        /// There.
        found: u64,
    },
    /// No room left.
    #[error("no space left")]
    Full,
    /// A sync failed, so nobody knows what is on the disk: writes are refused until the site is opened again.
    #[error("a sync failed; the site takes no writes until it is opened again")]
    SyncFailed,
    /// The site cannot be reached, or refuses.
    #[error("the site does not answer")]
    Unreachable,
    /// The file system failed.
    #[error("the file system failed")]
    File(#[from] std::io::Error),
    /// The object store failed.
    #[error("the object store failed")]
    ObjectStore(#[from] object_store::Error),
    /// A setting of the site cannot be used.
    #[error("setting `{name}` of the site: {problem}")]
    Setting {
        /// The setting.
        name: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// What lies beside the blobs cannot be read.
    #[error("the key kept beside the blob is damaged")]
    KeyRecord,
}

/// Why the vault gave no key.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The vault refuses at the moment.
    #[error("the vault refuses")]
    Refused,
    /// The vault has no such master key.
    #[error("no master key {0} is in the vault")]
    UnknownMaster(KeyId),
    /// The wrapped key was changed, or belongs to another blob.
    #[error("the wrapped key is not authentic")]
    NotAuthentic,
    /// There is no master key file.
    #[error("there is no master key file at `{path}`")]
    FileMissing {
        /// Where it should be.
        path: PathBuf,
    },
    /// Others than its owner may read the master key file.
    #[error("the master key file `{path}` may be read or written by others (mode {mode:03o}); make it 600")]
    FileOpenToOthers {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The master key file does not say what it should.
    #[error("line {line} of the master key file `{path}`: {problem}")]
    FileMalformed {
        /// The file.
        path: PathBuf,
        /// The line, from 1; 0 for the file as a whole.
        line: usize,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The master key file cannot be read or written.
    #[error("the master key file `{path}` cannot be used")]
    File {
        /// The file.
        path: PathBuf,
        /// What the file system said.
        source: std::io::Error,
    },
}
