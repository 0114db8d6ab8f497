//! What an operation is asked for, and what it answers: plain data, no HTTP in it.

mod bucket;
mod listing;
mod read;
mod upload;
mod write;

pub use bucket::{BucketInfo, BucketUsage, CreateBucket};
pub use listing::{Entry, ListObjects, ListVersions, ListedObject, ListedVersion, ObjectPage, Page};
pub use read::{AsOf, BatchMember, BatchRead, Bytestream, GetObject, ObjectInfo, ObjectParts, ObjectRead, Selection};
pub use upload::{
    CompleteUpload, CopyPart, CreateUpload, Initiator, ListUploads, NamedPart, PartPage, PutPart, UploadChecksum,
    UploadInfo, UploadName,
};
pub use write::{
    Attributes, Body, Copied, CopyObject, CopySource, DeleteObject, Deleted, PutObject, Trailer, WantedEmbargo, Written,
};
