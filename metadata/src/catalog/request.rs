//! What the catalogue is asked for, and what it answers: plain data.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use kernel::settings::{BucketSettings, Counted, SettingName};
use kernel::{
    AccountId, Acl, Annotation, AnnotationName, BlobId, BucketId, BucketName, ChecksumAlgorithm, ETag, Embargo,
    EtagCondition, Headers, ObjectFacts, ObjectKey, Part, Placement, Protection, Region, Release, Retention, Sequence,
    Tags, Timestamp, UploadId, UserMetadata, Version, VersionId, VersionName, Versioning, WriteCondition,
};

/// A bucket as it was read. Whatever is decided on it takes effect only while it is still so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    /// Names it in the catalogue, for ever.
    pub id: BucketId,
    /// Its name.
    pub name: BucketName,
    /// Whose it is.
    pub owner: AccountId,
    /// Where its home is.
    pub region: Region,
    /// When it was made.
    pub created: Timestamp,
    /// Whether it keeps old versions.
    pub versioning: Versioning,
    /// The change that first made it keep them; none where it never did.
    pub versioned_since: Option<Sequence>,
    /// Its tags.
    pub tags: Tags,
    /// How else it is set up.
    pub settings: Arc<BucketSettings>,
    /// The change that made it what it is.
    pub revision: Sequence,
    /// The row, byte for byte: what every write to the bucket expects to find.
    pub(crate) row: Bytes,
}

/// A bucket to make.
#[derive(Debug, Clone)]
pub struct NewBucket<'a> {
    /// Its name.
    pub name: &'a BucketName,
    /// Whose it is.
    pub owner: AccountId,
    /// Where its home is.
    pub region: &'a Region,
    /// Its tags.
    pub tags: Tags,
    /// How it is set up.
    pub settings: BucketSettings,
    /// When it is acknowledged.
    pub now: Timestamp,
    /// Who asks, for the log of changes.
    pub by: &'a str,
}

impl<'a> NewBucket<'a> {
    /// One without tags and settings.
    pub fn plain(name: &'a BucketName, region: &'a Region, now: Timestamp, by: &'a str) -> Self {
        Self {
            name,
            owner: AccountId::HOME,
            region,
            tags: Tags::default(),
            settings: BucketSettings::default(),
            now,
            by,
        }
    }
}

/// What a bucket holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BucketCounters {
    /// Keys whose current version is an object.
    pub objects: u64,
    /// Versions, markers included.
    pub versions: u64,
    /// Bytes of plaintext of all versions.
    pub bytes: u64,
}

impl BucketCounters {
    /// How much there is of what a quota bounds.
    pub fn counted(&self, of: Counted) -> u64 {
        match of {
            Counted::Bytes => self.bytes,
            Counted::Objects => self.objects,
        }
    }
}

/// A version to write.
#[derive(Debug, Clone)]
pub struct NewVersion<'a> {
    /// Under which key.
    pub key: &'a ObjectKey,
    /// Its internal name, fresh.
    pub id: VersionId,
    /// When it is acknowledged.
    pub now: Timestamp,
    /// What is known of it. Where `completes` is given, its content is the part list of that upload.
    pub facts: ObjectFacts,
    /// The sealed bytes of a piece that lies in the catalogue.
    pub inline: Option<(BlobId, Bytes)>,
    /// Where the blobs of its other pieces lie.
    pub placements: Vec<(BlobId, Vec<Placement>)>,
    /// What must be so of the key's current object. A marker counts as none.
    pub condition: &'a WriteCondition,
    /// Current objects of which the condition must not tell anything.
    pub unseen: Veil<ObjectFacts>,
    /// Who asks, for the log of changes.
    pub by: &'a str,
    /// The upload it is assembled from.
    pub completes: Option<Completion<'a>>,
    /// The annotations it has from the beginning.
    pub annotations: Vec<NewAnnotation>,
    /// Where given, the version is at least as closed as the object that it is written over is at this instant: an
    /// embargo in force passes on.
    pub keeps_embargo: Option<Timestamp>,
}

/// The end of an upload: its chosen parts become a version, the others are let go.
#[derive(Debug, Clone)]
pub struct Completion<'a> {
    /// The upload.
    pub upload: &'a Upload,
    /// The chosen parts by rising number, as they were read. At least one.
    pub parts: Vec<Part>,
}

/// An annotation to write.
#[derive(Debug, Clone)]
pub struct NewAnnotation {
    /// The annotation. Its `modified` is the time of the change.
    pub annotation: Annotation,
    /// The sealed bytes of a piece that lies in the catalogue.
    pub inline: Option<(BlobId, Bytes)>,
    /// Where the blobs of its other pieces lie.
    pub placements: Vec<(BlobId, Vec<Placement>)>,
}

/// What is changed of an object version that stays where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Amendment {
    /// Its tags are replaced.
    Tags(Tags),
    /// Its access control list is replaced, or taken away.
    Acl(Option<Acl>),
    /// Until when it may not be removed is replaced, or taken away, where its lock makes way.
    Retention(Option<Retention>, Release),
    /// A hold is put on it, or lifted.
    LegalHold(bool),
    /// Until when it may not be read is replaced, or taken away.
    Embargo(Option<Embargo>),
    /// Its tags are replaced, and one of them closes it.
    ClosingTags(Tags, Embargo),
}

impl Amendment {
    /// What the log of changes calls it.
    pub(crate) fn what(&self) -> What {
        match self {
            Self::Tags(_) | Self::ClosingTags(..) => What::ObjectTagged,
            Self::Acl(_) => What::ObjectAclChanged,
            Self::Retention(..) | Self::LegalHold(_) | Self::Embargo(_) => What::ObjectProtected,
        }
    }
}

/// A version to amend, and who amends it.
#[derive(Debug, Clone, Copy)]
pub struct Amended<'a> {
    /// The key.
    pub key: &'a ObjectKey,
    /// The version; none for the current object.
    pub name: Option<VersionName>,
    /// What the version must look like for the change to be made; none where that does not matter. Where it looks
    /// otherwise, nothing is changed.
    pub only_if: Option<&'a ObjectFacts>,
    /// When the change is acknowledged.
    pub now: Timestamp,
    /// Who asks, for the log of changes.
    pub by: &'a str,
}

/// The version whose annotations change, and who changes them.
#[derive(Debug, Clone, Copy)]
pub struct Annotated<'a> {
    /// The key.
    pub key: &'a ObjectKey,
    /// The version; none for the current object.
    pub name: Option<VersionName>,
    /// The entity tags of which the version must have one.
    pub if_match: Option<&'a EtagCondition>,
    /// Versions of which `if_match` must not tell anything: with it, they are as good as not there.
    pub unseen: &'a Veil<ObjectFacts>,
    /// When the change is acknowledged.
    pub now: Timestamp,
    /// Who asks, for the log of changes.
    pub by: &'a str,
}

/// Asks for annotations of a version, in byte order of their names.
#[derive(Debug, Clone, Copy)]
pub struct AnnotationScan<'a> {
    /// The version's internal name.
    pub version: VersionId,
    /// Names that begin so.
    pub prefix: &'a str,
    /// Only names after this one.
    pub after: Option<&'a str>,
    /// Rows at the most.
    pub limit: usize,
}

/// A deletion.
#[derive(Debug, Clone)]
pub struct Deletion<'a> {
    /// Of which key.
    pub key: &'a ObjectKey,
    /// The version to remove for good; none to delete the key as its bucket's versioning says.
    pub name: Option<VersionName>,
    /// The internal name of a marker, should one be made.
    pub marker: VersionId,
    /// When it is acknowledged.
    pub now: Timestamp,
    /// What must be so of the key's current object, whichever version is named. A marker counts as none.
    pub condition: &'a WriteCondition,
    /// As in [`NewVersion`].
    pub unseen: Veil<ObjectFacts>,
    /// What it has to set against a lock of the version it would remove.
    pub release: Release,
    /// Who asks, for the log of changes.
    pub by: &'a str,
}

/// What a deletion did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeletionDone {
    /// The marker made, or the version asked for.
    pub name: Option<VersionName>,
    /// Whether that version is, or was, a marker.
    pub is_marker: bool,
    /// The place of the change; none where there was nothing to delete.
    pub sequence: Option<Sequence>,
}

/// A multipart upload under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// Its name.
    pub id: UploadId,
    /// The key it will become.
    pub key: ObjectKey,
    /// When it was started.
    pub started: Timestamp,
    /// Stored headers.
    pub headers: Headers,
    /// Stored `x-amz-meta-*`.
    pub metadata: UserMetadata,
    /// Tags.
    pub tags: Tags,
    /// The checksum of its parts and of the whole.
    pub algorithm: ChecksumAlgorithm,
    /// The whole's checksum covers its bytes; else the parts' checksums.
    pub full_object: bool,
    /// Whether the client asked for that checksum.
    pub checksum_chosen: bool,
    /// Who started it, by the name that the change log has for callers. Empty in rows that are older than this field.
    pub initiator: String,
    /// Who will own the object.
    pub owner: AccountId,
    /// Who will be granted what; none for its owner alone.
    pub acl: Option<Acl>,
    /// What it will be kept from.
    pub protection: Protection,
}

/// A part to write.
#[derive(Debug, Clone)]
pub struct NewPart {
    /// The part. Its `modified` is the time of the change.
    pub part: Part,
    /// The sealed bytes of a piece that lies in the catalogue.
    pub inline: Option<(BlobId, Bytes)>,
    /// Where the blobs of its other pieces lie.
    pub placements: Vec<(BlobId, Vec<Placement>)>,
}

/// What a listing hides from whoever asks: rows that are passed over as if they were not there, as many as a page may pass.
pub struct Veil<T> {
    hides: Option<Hides<T>>,
    /// Rows that a page passes over at the most. Then it ends, full or not.
    pub(crate) passed_max: usize,
    /// Where the page begins, if one before it ended so.
    pub(crate) resume: Option<Resume>,
}

type Hides<T> = Arc<dyn Fn(&T) -> bool + Send + Sync>;

/// Where a listing goes on whose page ended for what it passed over. It names what is hidden, so that it must not be shown
/// to whoever lists. Only the listing that gave it knows what to make of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resume(pub Vec<u8>);

impl<T> Veil<T> {
    /// Rows that a page passes over at the most, unless something else is said.
    pub const PASSED_MAX: usize = 20_000;

    /// Hides nothing.
    pub const NONE: Self = Self { hides: None, passed_max: Self::PASSED_MAX, resume: None };

    /// Hides what the function says.
    pub fn over(hides: impl Fn(&T) -> bool + Send + Sync + 'static) -> Self {
        Self { hides: Some(Arc::new(hides)), ..Self::NONE }
    }

    /// For pages that pass over so many rows at the most.
    pub fn passing(self, passed_max: usize) -> Self {
        Self { passed_max, ..self }
    }

    /// For the page that goes on where one before it ended.
    pub fn resuming(self, resume: Option<Resume>) -> Self {
        Self { resume, ..self }
    }

    /// Whether something may be hidden.
    pub(crate) fn is_drawn(&self) -> bool {
        self.hides.is_some()
    }

    /// Whether this is hidden.
    pub(crate) fn hides(&self, row: &T) -> bool {
        self.hides.as_ref().is_some_and(|hides| hides(row))
    }
}

impl<T> fmt::Debug for Veil<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_drawn() { "Veil::over(…)" } else { "Veil::NONE" })
    }
}

impl<T> Clone for Veil<T> {
    fn clone(&self) -> Self {
        Self { hides: self.hides.clone(), passed_max: self.passed_max, resume: self.resume.clone() }
    }
}

/// Asks for current objects, in byte order of their keys.
#[derive(Debug, Clone, Copy)]
pub struct ObjectScan<'a> {
    /// Where.
    pub bucket: BucketId,
    /// Keys that begin so.
    pub prefix: &'a str,
    /// Keys that hold this text behind the prefix are rolled up into one row up to and with it.
    pub delimiter: Option<&'a str>,
    /// Only keys after this one; where it is a common prefix itself, only keys after all that begin with it.
    pub after: Option<&'a str>,
    /// Rows at the most.
    pub limit: usize,
}

/// Asks for versions and markers, by key and newest first within a key.
#[derive(Debug, Clone, Copy)]
pub struct VersionScan<'a> {
    /// Where.
    pub bucket: BucketId,
    /// Keys that begin so.
    pub prefix: &'a str,
    /// As in [`ObjectScan`].
    pub delimiter: Option<&'a str>,
    /// As in [`ObjectScan`]; with a version, what is older than that version of the key comes too. Where the version is
    /// gone by now, all versions of the key come.
    pub after: Option<(&'a str, Option<VersionName>)>,
    /// Rows at the most.
    pub limit: usize,
}

/// Asks for uploads under way, by key and by id within a key.
#[derive(Debug, Clone, Copy)]
pub struct UploadScan<'a> {
    /// Where.
    pub bucket: BucketId,
    /// Keys that begin so.
    pub prefix: &'a str,
    /// As in [`ObjectScan`].
    pub delimiter: Option<&'a str>,
    /// As in [`ObjectScan`]; with an upload, uploads of the key with a higher id come too.
    pub after: Option<(&'a str, Option<UploadId>)>,
    /// Rows at the most.
    pub limit: usize,
}

/// A row of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Row<T> {
    /// Something with a key of its own.
    Item(T),
    /// Everything that begins so.
    Prefix(String),
}

/// A page of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing<T> {
    /// In byte order of key or prefix.
    pub rows: Vec<Row<T>>,
    /// Whether more would follow. Never where nothing was asked for.
    pub truncated: bool,
    /// Where the next page begins, if this one ended for what it passed over; else behind the last row.
    pub resume: Option<Resume>,
}

/// What is left of a version that was removed for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grave {
    /// Its internal name.
    pub version: VersionId,
    /// Whether S3 called it `null`.
    pub is_null: bool,
    /// Whether it was a marker.
    pub is_marker: bool,
    /// The change that wrote it.
    pub from: Sequence,
    /// The change that removed it.
    pub to: Sequence,
}

impl Grave {
    /// The name it went by.
    pub fn name(&self) -> VersionName {
        if self.is_null { VersionName::Null } else { VersionName::Id(self.version) }
    }
}

/// What was the newest version of a key once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Past {
    /// This version or marker, which still exists.
    Version(Box<Version>),
    /// One that was removed for good since.
    Grave(Grave),
    /// The key had no versions.
    Nothing,
}

/// A page of objects as they were once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastListing {
    /// In byte order of key or prefix.
    pub rows: Vec<Row<Version>>,
    /// The key or common prefix behind which the rest follows, where there is a rest. A page may end before it is full,
    /// even without a row, where much lies between its rows that was not current then.
    pub next: Option<String>,
    /// Where it goes on instead, if it ended for what it passed over.
    pub resume: Option<Resume>,
}

/// What a change did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum What {
    /// A bucket was made.
    BucketCreated,
    /// A bucket was deleted, and its uploads with it.
    BucketDeleted,
    /// A bucket's versioning was set.
    VersioningSet,
    /// A bucket's tags were replaced.
    BucketTagged,
    /// An object was written and is its key's newest version.
    ObjectWritten,
    /// A delete marker was written and is its key's newest version.
    MarkerWritten,
    /// A version or marker was removed for good; if it was the newest, the next one took its place.
    VersionRemoved,
    /// An object version's tags were replaced.
    ObjectTagged,
    /// A multipart upload was started.
    UploadStarted,
    /// A multipart upload was given up.
    UploadAborted,
    /// A setting of a bucket was replaced or taken away.
    BucketConfigured,
    /// An annotation of an object version was written, or replaced.
    AnnotationWritten,
    /// An annotation of an object version was removed.
    AnnotationRemoved,
    /// An object version's access control list was replaced or taken away.
    ObjectAclChanged,
    /// What an object version is kept from was replaced: retention, legal hold or embargo.
    ObjectProtected,
}

impl What {
    /// Everything a change can do.
    pub const ALL: [Self; 15] = [
        Self::BucketCreated,
        Self::BucketDeleted,
        Self::VersioningSet,
        Self::BucketTagged,
        Self::ObjectWritten,
        Self::MarkerWritten,
        Self::VersionRemoved,
        Self::ObjectTagged,
        Self::UploadStarted,
        Self::UploadAborted,
        Self::BucketConfigured,
        Self::AnnotationWritten,
        Self::AnnotationRemoved,
        Self::ObjectAclChanged,
        Self::ObjectProtected,
    ];
}

/// A record of the log of changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Its place in the order of all changes.
    pub sequence: Sequence,
    /// What was done.
    pub what: What,
    /// When it was acknowledged.
    pub when: Timestamp,
    /// Who asked for it.
    pub by: String,
    /// The bucket.
    pub bucket: BucketId,
    /// The bucket's name.
    pub bucket_name: BucketName,
    /// Whether the bucket keeps versions from now on, where that was set.
    pub versioning: Option<Versioning>,
    /// The key, where one is concerned.
    pub key: Option<ObjectKey>,
    /// The version written, removed, tagged or annotated.
    pub version: Option<VersionId>,
    /// Whether S3 calls that version `null`.
    pub is_null: bool,
    /// Whether it is, or was, a marker.
    pub is_marker: bool,
    /// Its bytes of plaintext; those of the annotation, where one is written or removed.
    pub bytes: u64,
    /// Its entity tag, or that of the annotation; none for a marker.
    pub etag: Option<ETag>,
    /// The tags of the version or bucket from now on; for a removed version the last ones.
    pub tags: Tags,
    /// The upload started, given up, or completed into the version.
    pub upload: Option<UploadId>,
    /// The `null` version that the one written took the place of.
    pub replaced: Option<Replaced>,
    /// The setting of the bucket that was replaced or taken away.
    pub setting: Option<SettingName>,
    /// The annotation written or removed.
    pub annotation: Option<AnnotationName>,
}

/// A version that is no more because another was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replaced {
    /// Its internal name.
    pub version: VersionId,
    /// Whether it was a marker.
    pub is_marker: bool,
    /// Its bytes of plaintext.
    pub bytes: u64,
}
