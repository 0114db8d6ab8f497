//! What a version is kept from, until when: removal (object lock) and being read (embargo).

use std::collections::BTreeSet;

use crate::Timestamp;

/// How firmly a version is retained.
///
/// Source: Amazon S3 User Guide, *Locking objects with Object Lock*, "Retention modes".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RetentionMode {
    /// Whoever may `s3:BypassGovernanceRetention` and says so in the request may remove it.
    Governance,
    /// Nobody may remove it, and the date only moves out.
    Compliance,
}

/// Until when a version may not be removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Retention {
    /// How firmly.
    pub mode: RetentionMode,
    /// Until this instant.
    pub until: Timestamp,
}

/// How long new versions of a bucket are retained when their request says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DefaultRetention {
    /// How firmly.
    pub mode: RetentionMode,
    /// From when they are written on.
    pub period: Period,
}

/// A time that S3 counts in days or years.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Period {
    /// At least 1, at most 36,500.
    Days(u32),
    /// At least 1, at most 100.
    Years(u32),
}

/// How a bucket locks its objects. A bucket with a lock keeps versions, and never loses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct ObjectLock {
    /// What new versions get; none for nothing.
    pub default: Option<DefaultRetention>,
}

/// A version that nobody but its readers may read before an instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Embargo {
    /// Until this instant; the instant itself is open.
    pub until: Timestamp,
    /// Names of the groups that may read it before.
    pub readers: BTreeSet<String>,
    /// Who opened it before its time, once somebody did.
    pub lift: Option<EmbargoLift>,
}

/// An embargo that was lifted early.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmbargoLift {
    /// Who lifted it.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// Why, in their words; never empty.
    pub reason: String,
}

/// How a bucket treats versions under embargo.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EmbargoRule {
    /// New versions are closed for so long when their request says nothing: milliseconds; none for not at all.
    pub default_ms: Option<u64>,
    /// Who may read them before: names of groups.
    pub readers: BTreeSet<String>,
    /// How listings show what is closed to the caller.
    pub listing: EmbargoListing,
}

/// How listings show what is closed to the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum EmbargoListing {
    /// Not at all.
    #[default]
    Hidden,
    /// By its key alone, without size and entity tag.
    KeyOnly,
}

/// What a version is kept from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Protection {
    /// Until when it may not be removed.
    pub retention: Option<Retention>,
    /// Whether it may not be removed, however long.
    pub legal_hold: bool,
    /// Until when it may not be read.
    pub embargo: Option<Embargo>,
}
