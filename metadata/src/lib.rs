//! **What exists**: an ordered map of bytes that never forgets what it acknowledged, and on top of it the catalogue.
//!
//! At the bottom lies a port, [`KeyValue`], with two implementations that keep one [`contract`]: [`rocks`] on disk, and
//! [`memory`] for tests and for the simulator, which can cut its power.

pub mod catalog;
mod chain;
pub mod contract;
mod key_value;
mod keys;
pub mod memory;
mod record;
pub mod rocks;
mod witness;

pub use catalog::ChainVerified;
pub use catalog::{
    Amended, Amendment, Annotated, AnnotationScan, Bucket, BucketCounters, CalendarEntry, CalendarScan, Catalog,
    CatalogError, Change, Completion, Deletion, DeletionDone, DocumentEdit, DocumentKind, Grave, Listing,
    NewAnnotation, NewBucket, NewPart, NewVersion, NoPast, ObjectScan, Past, PastListing, Replaced, Resume, Row,
    Turning, Unlinked, Upload, UploadScan, Veil, VersionScan, What,
};
pub use chain::{ChainEntry, ChainFault, ChainHash, ChainKey, ChainPlace};
pub use key_value::{Batch, Edit, Expectation, Family, KeyValue, KeyValueError, Stamped, Step, Visit, gather};
pub use witness::{ChangedRow, Witness, witnessed};
