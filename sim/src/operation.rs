//! What is done to a lake and what it answers, in words that the lake and the reference share: the engine's own requests
//! where they are plain data, and answers without anything that only the engine can know.

use std::fmt;

use bytes::Bytes;
use engine::{
    AnnotationPlace, Attributes, CompleteUpload, CopyObject, CopyPart, CreateUpload, DeleteObject, Entry, GetObject,
    ListAnnotations, ListObjects, ListUploads, ListVersions, RemoveAnnotation, UploadName,
};
use kernel::{
    AnnotationName, AnnotationSum, BucketName, ETag, EtagCondition, ObjectKey, Tags, UploadId, UserMetadata,
    VersionName, Versioning, WriteCondition,
};

/// How a client's body is not what it announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damage {
    /// Another `Content-MD5`.
    Md5,
    /// Another checksum.
    Checksum,
    /// The last byte is missing.
    Short,
    /// One byte too many.
    Long,
}

/// A body to be written.
#[derive(Clone)]
pub struct Upload {
    /// The bytes announced.
    pub bytes: Bytes,
    /// What is wrong with what comes.
    pub damage: Option<Damage>,
}

impl fmt::Debug for Upload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes, damage {:?}", self.bytes.len(), self.damage)
    }
}

/// Writes an object.
#[derive(Debug, Clone)]
pub struct Put {
    /// Where.
    pub bucket: BucketName,
    /// Under which key.
    pub key: ObjectKey,
    /// The bytes.
    pub body: Upload,
    /// What is stored beside them.
    pub attributes: Attributes,
    /// What must be so.
    pub condition: WriteCondition,
}

/// Writes an annotation.
#[derive(Debug, Clone)]
pub struct Annotate {
    /// Of what.
    pub place: AnnotationPlace,
    /// Its name.
    pub name: AnnotationName,
    /// The bytes.
    pub body: Upload,
    /// The entity tags of which the object must have one.
    pub if_match: Option<EtagCondition>,
}

/// Something that is done to a lake.
#[derive(Debug, Clone)]
pub enum Operation {
    /// Makes a bucket.
    CreateBucket(BucketName),
    /// Removes a bucket.
    DeleteBucket(BucketName),
    /// Switches versioning on or suspends it.
    SetVersioning(BucketName, Versioning),
    /// Writes an object.
    Put(Put),
    /// Reads an object.
    Get(GetObject),
    /// Reads what is known of an object.
    Head(GetObject),
    /// Deletes a key or version.
    Delete(DeleteObject),
    /// Deletes several.
    DeleteMany(Vec<DeleteObject>),
    /// Writes an object with another's bytes.
    Copy(CopyObject),
    /// Replaces tags.
    SetTags(BucketName, ObjectKey, Option<VersionName>, Tags),
    /// Writes an annotation.
    Annotate(Annotate),
    /// Reads an annotation.
    GetAnnotation(AnnotationPlace, AnnotationName),
    /// Removes an annotation.
    Unannotate(RemoveAnnotation),
    /// Annotations of a version.
    Annotations(ListAnnotations),
    /// Starts an upload.
    Start(CreateUpload),
    /// Writes a part.
    PutPart(UploadName, u16, Upload),
    /// Writes a part with another object's bytes.
    CopyPart(CopyPart),
    /// Turns an upload into an object.
    Complete(CompleteUpload),
    /// Gives an upload up.
    Abort(UploadName),
    /// Parts of an upload behind a number.
    Parts(UploadName, u16, usize),
    /// Current objects.
    List(ListObjects),
    /// Versions and markers.
    ListVersions(ListVersions),
    /// Uploads under way.
    ListUploads(ListUploads),
}

impl Operation {
    /// What it is called in counts.
    pub fn name(&self) -> &'static str {
        match self {
            Self::CreateBucket(_) => "create bucket",
            Self::DeleteBucket(_) => "delete bucket",
            Self::SetVersioning(..) => "set versioning",
            Self::Put(_) => "put",
            Self::Get(get) if get.as_of.is_some() => "get as of",
            Self::Get(_) => "get",
            Self::Head(get) if get.as_of.is_some() => "head as of",
            Self::Head(_) => "head",
            Self::Delete(_) => "delete",
            Self::DeleteMany(_) => "delete many",
            Self::Copy(_) => "copy",
            Self::SetTags(..) => "set tags",
            Self::Annotate(_) => "annotate",
            Self::GetAnnotation(..) => "get annotation",
            Self::Unannotate(_) => "remove annotation",
            Self::Annotations(_) => "list annotations",
            Self::Start(_) => "start upload",
            Self::PutPart(..) => "put part",
            Self::CopyPart(_) => "copy part",
            Self::Complete(_) => "complete upload",
            Self::Abort(_) => "abort upload",
            Self::Parts(..) => "list parts",
            Self::List(list) if list.as_of.is_some() => "list as of",
            Self::List(_) => "list",
            Self::ListVersions(_) => "list versions",
            Self::ListUploads(_) => "list uploads",
        }
    }
}

/// What is known of an object, without what depends on time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Its version.
    pub version: VersionName,
    /// Bytes of the whole.
    pub bytes: u64,
    /// Its entity tag.
    pub etag: ETag,
    /// Stored metadata.
    pub metadata: UserMetadata,
    /// Stored content type.
    pub content_type: Option<String>,
    /// Tags.
    pub tags: Tags,
    /// Parts of a multipart object.
    pub parts: Option<u16>,
    /// Annotations.
    pub annotations: AnnotationSum,
}

/// A row of a listing of versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedVersion {
    /// The key.
    pub key: String,
    /// The version.
    pub version: VersionName,
    /// Its entity tag; none for a marker.
    pub etag: Option<ETag>,
    /// Whether it is the newest of its key.
    pub is_latest: bool,
}

/// What a lake answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Done, and nothing to say.
    Done,
    /// A version was written.
    Written {
        /// Its name.
        version: VersionName,
        /// Its entity tag.
        etag: ETag,
        /// Its bytes.
        bytes: u64,
        /// Whether answers name it.
        versioned: bool,
    },
    /// An object, with the bytes asked for and where in the whole they lie.
    Read {
        /// What is known of it.
        known: Known,
        /// The first byte and the one behind the last, where less than all was asked for.
        range: Option<(u64, u64)>,
        /// The bytes; none where only the head was asked for.
        body: Option<Bytes>,
    },
    /// Deleted, or not there.
    Deleted {
        /// The version that the answer names.
        version: Option<VersionName>,
        /// Whether it is or was a marker.
        is_marker: bool,
        /// Whether anything changed.
        changed: bool,
    },
    /// One answer each.
    Many(Vec<Answer>),
    /// An annotation was written to a version.
    Annotated(VersionName, ETag),
    /// An annotation's bytes.
    Annotation(Bytes),
    /// An annotation of a version was removed, or was not there.
    Unannotated(VersionName, bool),
    /// Annotations by name, and whether more follow.
    Annotations(Vec<(String, ETag, u64)>, bool),
    /// An upload was started.
    Started(UploadId),
    /// A part was written.
    Part {
        /// Its entity tag.
        etag: ETag,
        /// Its bytes.
        bytes: u64,
    },
    /// Parts by number, and whether more follow.
    Parts(Vec<(u16, ETag, u64)>, bool),
    /// Keys with entity tag and bytes, and whether more follow.
    Objects(Vec<Entry<(String, ETag, u64)>>, bool),
    /// Versions, and whether more follow.
    Versions(Vec<Entry<ListedVersion>>, bool),
    /// Keys with uploads, and whether more follow.
    Uploads(Vec<Entry<(String, UploadId)>>, bool),
    /// A definite no, without effect.
    Refused(Refusal),
    /// Something broke: there may have been an effect, or not.
    Broken(String),
}

/// Why a lake says no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// No such bucket.
    NoBucket,
    /// Nothing under the key; with the marker that stands there.
    NoKey(Option<VersionName>),
    /// No such version.
    NoVersion,
    /// What was there then was removed for good.
    Removed,
    /// No such upload.
    NoUpload,
    /// No such part of an object.
    NoPart,
    /// No such annotation of an object.
    NoAnnotation,
    /// The bucket is there already.
    BucketTaken,
    /// The bucket holds versions.
    BucketNotEmpty,
    /// The caller has these bytes.
    NotModified,
    /// A condition does not hold.
    Condition,
    /// The digest differs.
    Digest,
    /// The length differs.
    Length,
    /// The range lies outside.
    Range,
    /// A part is missing or another.
    Part(u16),
    /// Parts do not rise.
    PartOrder,
    /// A part is too small.
    PartTooSmall(u16),
    /// The version is a marker.
    Marker(VersionName),
    /// Too many bytes.
    TooLarge,
    /// The bytes are no text.
    NotText,
    /// An argument or request that makes no sense.
    Senseless,
}
