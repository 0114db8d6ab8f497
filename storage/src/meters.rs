//! What the blob store counts.

use kernel::meter::Counter;

/// Counters of a [`BlobStore`](crate::BlobStore).
#[derive(Debug, Default)]
pub struct StorageMeters {
    /// Bytes of plaintext sealed.
    pub sealed_bytes: Counter,
    /// Bytes of plaintext opened and authenticated.
    pub opened_bytes: Counter,
    /// Blobs written to sites and durable there.
    pub blobs_written: Counter,
    /// Blobs removed from sites.
    pub blobs_removed: Counter,
    /// Replicas found damaged or missing while they were read.
    pub replicas_bad: Counter,
    /// Reads that a site failed to answer.
    pub reads_failed: Counter,
}
