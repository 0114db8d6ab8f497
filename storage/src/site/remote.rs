//! Any object store as a site: S3, GCS, Azure, WebDAV, and what else `object_store` reaches.
//!
//! A blob is the object `blobs/XX/ID` under the site's prefix, its body's wrapped key the object `keys/XX/ID`. Retries,
//! signatures and resumed downloads are `object_store`'s. Uploads need parts of at least 5 MiB, so a blob on its way here
//! takes up to two parts of 8 MiB of memory; a store without multipart uploads (WebDAV) takes the whole blob.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures::TryStreamExt;
use futures::future::{BoxFuture, try_join_all};
use kernel::{BlobId, Timestamp, WrappedKey};
use object_store::path::Path;
use object_store::{
    ClientConfigKey, GetOptions, GetRange, ObjectMeta, ObjectStore, ObjectStoreExt, ObjectStoreScheme, PutPayload,
    WriteMultipart,
};
use url::Url;

use super::listing::Listing;
use super::{BlobWriter, NewBlob, Site, StoredBlob};
use crate::SiteError;
use crate::blocking::detach;
use crate::key_record::KeyRecord;

/// Blobs up to this size are put in one request, longer ones in parts of this size.
const PART_BYTES: usize = 8 * 1024 * 1024;
/// Parts under way at once, beside the one that gathers.
const PARTS_AT_ONCE: usize = 1;
/// What holds unless the options say otherwise. `object_store` gives a whole request 30 s, body included, which is too
/// short for a slow line; a line that stands still for 30 s is still given up.
const OPTIONS: [(&str, &str); 2] = [("timeout", "15min"), ("read_timeout", "30s")];

/// Blobs in an object store.
pub struct ObjectStoreSite {
    core: Arc<Core>,
}

struct Core {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
    listing: Listing,
}

impl ObjectStoreSite {
    /// A site in `store`, all of whose objects begin with `prefix`.
    pub fn new(store: Arc<dyn ObjectStore>, prefix: Path) -> Arc<Self> {
        Arc::new(Self { core: Arc::new(Core { store, prefix, listing: Listing::default() }) })
    }

    /// A site at a URL: `s3://bucket/prefix`, `gs://bucket/prefix`, `az://container/prefix`, `https://host/path` (WebDAV)
    /// or `memory:///`. The options are those of `object_store`'s configuration keys for the scheme.
    ///
    /// # Errors
    /// [`SiteError::Setting`] for a URL that names no such store, an option that the scheme does not have, or when the
    /// process has installed no TLS provider; [`SiteError::ObjectStore`] when the options contradict each other.
    pub fn from_url(url: &str, options: &[(String, String)]) -> Result<Arc<Self>, SiteError> {
        let refused = |problem| SiteError::Setting { name: "url".into(), problem };
        let url: Url = url.parse().map_err(|_| refused("is not a URL"))?;
        let (scheme, _) = ObjectStoreScheme::parse(&url).map_err(|_| refused("names no kind of store known here"))?;
        if matches!(scheme, ObjectStoreScheme::Local) {
            return Err(refused("names a directory, which is a site of kind `local`"));
        }
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            return Err(refused("cannot be reached: this process has no TLS provider"));
        }
        for (name, _) in options {
            if !knows(&scheme, &name.to_ascii_lowercase()) {
                return Err(SiteError::Setting { name: name.clone(), problem: "is no option of this kind of store" });
            }
        }
        let usual =
            OPTIONS.iter().filter(|(name, _)| !options.iter().any(|(given, _)| given.eq_ignore_ascii_case(name)));
        let usual = usual.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let (store, prefix) = object_store::parse_url_opts(&url, usual.chain(options.iter().cloned()))?;
        Ok(Self::new(store.into(), prefix))
    }
}

/// Whether a kind of store has an option. `object_store` passes over options that it does not know.
fn knows(scheme: &ObjectStoreScheme, name: &str) -> bool {
    match scheme {
        ObjectStoreScheme::AmazonS3 => name.parse::<object_store::aws::AmazonS3ConfigKey>().is_ok(),
        ObjectStoreScheme::GoogleCloudStorage => name.parse::<object_store::gcp::GoogleConfigKey>().is_ok(),
        ObjectStoreScheme::MicrosoftAzure => name.parse::<object_store::azure::AzureConfigKey>().is_ok(),
        ObjectStoreScheme::Http => name.parse::<ClientConfigKey>().is_ok(),
        _ => false,
    }
}

impl Core {
    fn path(&self, kind: &str, blob: BlobId) -> Path {
        let id = blob.to_string();
        [kind, &id[..2], &id].into_iter().fold(self.prefix.clone(), |path, part| path.join(part))
    }

    fn blob_path(&self, blob: BlobId) -> Path {
        self.path("blobs", blob)
    }

    fn key_path(&self, blob: BlobId) -> Path {
        self.path("keys", blob)
    }

    async fn remove(&self, blob: BlobId) -> Result<(), SiteError> {
        for path in [self.blob_path(blob), self.key_path(blob)] {
            match self.store.delete(&path).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    async fn read(&self, blob: BlobId, sealed_bytes: u64, range: Range<u64>) -> Result<Bytes, SiteError> {
        let path = self.blob_path(blob);
        let options = GetOptions { range: Some(GetRange::Bounded(range.clone())), ..GetOptions::default() };
        let got = match self.store.get_opts(&path, options).await {
            Ok(got) => got,
            Err(object_store::Error::NotFound { .. }) => return Err(SiteError::Missing),
            // A range beyond the end of a blob that was cut is answered with an error that does not say so.
            Err(error) => match self.store.head(&path).await {
                Ok(meta) if meta.size != sealed_bytes => {
                    return Err(SiteError::Length { expected: sealed_bytes, found: meta.size });
                }
                _ => return Err(error.into()),
            },
        };
        if got.meta.size != sealed_bytes || got.range != range {
            return Err(SiteError::Length { expected: sealed_bytes.max(range.end), found: got.meta.size });
        }
        let bytes = got.bytes().await?;
        if bytes.len() as u64 != range.end - range.start {
            return Err(SiteError::Length { expected: sealed_bytes, found: range.start + bytes.len() as u64 });
        }
        Ok(bytes)
    }

    async fn list_directory(&self, prefix: u8) -> Result<Vec<StoredBlob>, SiteError> {
        let directory = self.prefix.clone().join("blobs").join(format!("{prefix:02x}"));
        let seen = |object: ObjectMeta| {
            let id = object.location.filename()?.parse().ok()?;
            let written = Timestamp::from_millis(object.last_modified.timestamp_millis());
            Some(StoredBlob { id, sealed_bytes: object.size, written })
        };
        Ok(self.store.list(Some(&directory)).try_filter_map(async |object| Ok(seen(object))).try_collect().await?)
    }

    async fn key(&self, blob: BlobId) -> Result<Option<WrappedKey>, SiteError> {
        let record = match self.store.get(&self.key_path(blob)).await {
            Ok(got) => got.bytes().await?,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        match KeyRecord::decode(&record) {
            Some((KeyRecord::Key(of, key), length)) if of == blob && length == record.len() => Ok(Some(key)),
            _ => Err(SiteError::KeyRecord),
        }
    }
}

impl Site for ObjectStoreSite {
    fn create(&self, blob: NewBlob) -> BoxFuture<'_, Result<Box<dyn BlobWriter>, SiteError>> {
        Box::pin(async move {
            let path = self.core.blob_path(blob.id);
            let key = KeyRecord::Key(blob.id, blob.key).encode()?;
            let upload = if blob.sealed_bytes <= PART_BYTES as u64 {
                Upload::Whole(Vec::new())
            } else {
                match self.core.store.put_multipart(&path).await {
                    Ok(upload) => Upload::Parts(WriteMultipart::new_with_chunk_size(upload, PART_BYTES)),
                    Err(object_store::Error::NotImplemented { .. }) => Upload::Whole(Vec::new()),
                    Err(error) => return Err(error.into()),
                }
            };
            let core = Arc::clone(&self.core);
            let (blob, sealed_bytes, rests) = (blob.id, blob.sealed_bytes, false);
            let writer = RemoteWriter { core, blob, key, sealed_bytes, written: 0, upload, rests };
            Ok(Box::new(writer) as Box<dyn BlobWriter>)
        })
    }

    fn read(&self, blob: BlobId, sealed_bytes: u64, range: Range<u64>) -> BoxFuture<'_, Result<Bytes, SiteError>> {
        Box::pin(self.core.read(blob, sealed_bytes, range))
    }

    fn remove(&self, blob: BlobId) -> BoxFuture<'_, Result<(), SiteError>> {
        Box::pin(self.core.remove(blob))
    }

    fn abandon(&self, blobs: Vec<BlobId>) {
        for blob in blobs {
            let core = Arc::clone(&self.core);
            in_background(blob, async move { core.remove(blob).await });
        }
    }

    fn list(&self, after: Option<BlobId>, limit: usize) -> BoxFuture<'_, Result<Vec<StoredBlob>, SiteError>> {
        Box::pin(self.core.listing.page(after, limit, |prefix| self.core.list_directory(prefix)))
    }

    fn keys(&self, blobs: Vec<BlobId>) -> BoxFuture<'_, Result<Vec<Option<WrappedKey>>, SiteError>> {
        Box::pin(async move {
            let mut keys = Vec::with_capacity(blobs.len());
            for blobs in blobs.chunks(16) {
                keys.extend(try_join_all(blobs.iter().map(|blob| self.core.key(*blob))).await?);
            }
            Ok(keys)
        })
    }
}

struct RemoteWriter {
    core: Arc<Core>,
    blob: BlobId,
    key: Vec<u8>,
    sealed_bytes: u64,
    written: u64,
    upload: Upload,
    /// Objects may be there that nobody acknowledged.
    rests: bool,
}

enum Upload {
    /// Gathered, to be put in one request.
    Whole(Vec<Bytes>),
    /// Sent part by part.
    Parts(WriteMultipart),
    /// Over.
    Done,
}

impl RemoteWriter {
    async fn finish(mut self) -> Result<(), SiteError> {
        if self.written != self.sealed_bytes {
            return Err(SiteError::Length { expected: self.sealed_bytes, found: self.written });
        }
        self.rests = true;
        // The key first: a blob that is there then has one.
        self.core.store.put(&self.core.key_path(self.blob), self.key.clone().into()).await?;
        match std::mem::replace(&mut self.upload, Upload::Done) {
            Upload::Whole(bytes) => {
                let path = self.core.blob_path(self.blob);
                self.core.store.put(&path, bytes.into_iter().collect::<PutPayload>()).await?;
            }
            Upload::Parts(upload) => drop(upload.finish().await?),
            Upload::Done => return Err(SiteError::Missing),
        }
        self.rests = false;
        Ok(())
    }
}

impl BlobWriter for RemoteWriter {
    fn write(&mut self, bytes: Bytes) -> BoxFuture<'_, Result<(), SiteError>> {
        Box::pin(async move {
            self.written += bytes.len() as u64;
            match &mut self.upload {
                Upload::Whole(gathered) => gathered.push(bytes),
                Upload::Parts(upload) => {
                    upload.put(bytes);
                    upload.wait_for_capacity(PARTS_AT_ONCE + 1).await?;
                }
                Upload::Done => return Err(SiteError::Missing),
            }
            Ok(())
        })
    }

    fn finish(self: Box<Self>) -> BoxFuture<'static, Result<(), SiteError>> {
        Box::pin((*self).finish())
    }
}

impl Drop for RemoteWriter {
    fn drop(&mut self) {
        if let Upload::Parts(upload) = std::mem::replace(&mut self.upload, Upload::Done) {
            in_background(self.blob, async move { Ok(upload.abort().await?) });
        }
        if self.rests {
            let (core, blob) = (Arc::clone(&self.core), self.blob);
            in_background(blob, async move { core.remove(blob).await });
        }
    }
}

/// Cleans up after a body that was given up. Parts of an upload that stay all the same are for the store's own rules.
fn in_background(blob: BlobId, work: impl Future<Output = Result<(), SiteError>> + Send + 'static) {
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        detach(move || {
            if let Err(error) = runtime.block_on(work) {
                tracing::warn!(%blob, %error, "a blob that was given up stays until the sweep takes it");
            }
        });
    }
}
