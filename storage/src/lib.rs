//! Bytes at rest: immutable, sealed, checksummed blobs under opaque ids, on sites.
//!
//! A body comes in through a [`BodyWriter`]: cut into pieces of at most 64 MiB, each piece into segments of 64 KiB, each
//! segment encrypted and authenticated in place ([`seal`]) and handed to a [`site`] as it fills. When
//! [`BodyWriter::finish`] returns, every byte is durable and the [`Extent`](kernel::Extent) says where it lies. On the way
//! out, [`BlobStore::read`] fetches only the segments a range needs and lets no byte go that was not authenticated.
//!
//! The data key of a body is wrapped by the [`vault`](KeyVault) and stands, wrapped, in the catalogue and beside the blobs
//! of a site, never in a blob. [`Digester`] computes what clients compare by, once, beside the writing.
//!
//! Nothing in here knows buckets, versions or callers: who may read what is decided above.

mod blob_store;
mod blocking;
mod digest;
mod error;
pub mod header;
mod key_record;
mod lease;
mod meters;
pub mod seal;
mod secret;
pub mod site;
mod vault;

pub use blob_store::{BlobStore, BodyWriter, Removal};
pub use digest::{Digester, Digests, combine, composite, md5_of};
pub use error::{Damage, Result, SiteError, StorageError, VaultError};
pub use header::Hint;
pub use lease::Lease;
pub use meters::StorageMeters;
pub use secret::{SessionKey, audit_key, secret_text};
pub use site::local::{LocalMeters, LocalSettings, LocalSite};
pub use site::memory::MemorySite;
pub use site::remote::ObjectStoreSite;
pub use site::{BlobWriter, NewBlob, Site, StoredBlob};
pub use vault::{DataKey, FileVault, KeyVault, MemoryVault};
