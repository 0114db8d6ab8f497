//! Annotations: named texts that belong to one version of a key, and change without it.
//!
//! Source: Amazon S3 User Guide, *Annotating your objects*; Amazon S3 API, *PutObjectAnnotation*.

use crate::{AnnotationName, Checksum, ETag, Extent, Timestamp};

/// A named text of a version: an inference result beside its input. It is replaced and removed without touching the
/// object, and goes when the version goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Annotation {
    /// Its name, unique in the version.
    pub name: AnnotationName,
    /// Bytes of plaintext, 1 to [`Self::BYTES_MAX`].
    pub bytes: u64,
    /// MD5 of the bytes.
    pub etag: ETag,
    /// The checksum that the client chose, or CRC64NVME.
    pub checksum: Checksum,
    /// When it was acknowledged.
    pub modified: Timestamp,
    /// Where the bytes are.
    pub extent: Extent,
}

impl Annotation {
    /// The most bytes of one.
    pub const BYTES_MAX: u64 = 1 << 20;
    /// The most that a version may have.
    pub const COUNT_MAX: u32 = 1_000;
}

/// The annotations of a version together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AnnotationSum {
    /// How many there are.
    pub count: u32,
    /// Their bytes of plaintext.
    pub bytes: u64,
}

impl AnnotationSum {
    /// Whether there are none.
    pub const fn is_empty(self) -> bool {
        self.count == 0
    }

    /// The sum with one more of so many bytes.
    #[must_use]
    pub const fn plus(self, bytes: u64) -> Self {
        Self { count: self.count.saturating_add(1), bytes: self.bytes.saturating_add(bytes) }
    }

    /// The sum without one of so many bytes.
    #[must_use]
    pub const fn minus(self, bytes: u64) -> Self {
        Self { count: self.count.saturating_sub(1), bytes: self.bytes.saturating_sub(bytes) }
    }
}
