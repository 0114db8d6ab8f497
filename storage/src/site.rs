//! The port to one place where blobs lie. What every place promises:
//!
//! - A blob is written once, under an id that was never used before, and its length is known beforehand.
//! - When [`BlobWriter::finish`] returns `Ok`, the blob and the wrapped key beside it are durable. Before that, a crash
//!   may leave nothing, a part, or all of it; such rests are found by [`Site::list`] and swept.
//! - A writer that is dropped unfinished removes what it wrote, as far as it can.
//! - Reading returns exactly the bytes asked for, or an error; never fewer.
//! - Removing need not be durable: after a crash a removed blob may be back. That a blob is there never means that
//!   anything refers to it.
//!
//! A site knows nothing of what the bytes mean, and does not verify them: that is done by whoever has the key.

mod listing;
pub mod local;
pub mod memory;
pub mod remote;

use std::ops::Range;

use bytes::Bytes;
use futures::future::BoxFuture;
use kernel::{BlobId, Timestamp, WrappedKey};

use crate::SiteError;

/// A blob about to be written.
#[derive(Debug, Clone)]
pub struct NewBlob {
    /// Its id, fresh.
    pub id: BlobId,
    /// The wrapped key of its body, kept beside it for repair.
    pub key: WrappedKey,
    /// Bytes that will be written.
    pub sealed_bytes: u64,
}

/// A blob as a site sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredBlob {
    /// Its id.
    pub id: BlobId,
    /// Bytes that lie there.
    pub sealed_bytes: u64,
    /// When it was written, by the site's own clock.
    pub written: Timestamp,
}

/// One place where blobs lie. The module's description says what it promises.
pub trait Site: Send + Sync + 'static {
    /// Begins a blob.
    fn create(&self, blob: NewBlob) -> BoxFuture<'_, Result<Box<dyn BlobWriter>, SiteError>>;

    /// Bytes `range` of a blob that is `sealed_bytes` long; [`SiteError::Length`] when it has another length.
    fn read(&self, blob: BlobId, sealed_bytes: u64, range: Range<u64>) -> BoxFuture<'_, Result<Bytes, SiteError>>;

    /// Removes a blob and the key beside it. That it is not there is fine.
    fn remove(&self, blob: BlobId) -> BoxFuture<'_, Result<(), SiteError>>;

    /// Begins to remove blobs whose body was given up, and returns at once. What fails is left to the sweep.
    fn abandon(&self, blobs: Vec<BlobId>);

    /// Blobs that lie there, in the order of their ids, beginning after `after`; fewer than `limit` only at the end.
    /// A walk may show a blob that was removed since the walk began.
    fn list(&self, after: Option<BlobId>, limit: usize) -> BoxFuture<'_, Result<Vec<StoredBlob>, SiteError>>;

    /// The wrapped keys beside these blobs, in the order asked for. For repair.
    fn keys(&self, blobs: Vec<BlobId>) -> BoxFuture<'_, Result<Vec<Option<WrappedKey>>, SiteError>>;
}

/// A blob on its way to a site.
pub trait BlobWriter: Send {
    /// Takes the next bytes. May return before they are written; then the next call waits for them.
    fn write(&mut self, bytes: Bytes) -> BoxFuture<'_, Result<(), SiteError>>;

    /// Makes the blob durable. [`SiteError::Length`] when it is not as long as announced.
    fn finish(self: Box<Self>) -> BoxFuture<'static, Result<(), SiteError>>;
}
