//! Bytes on their way in: digested, compared with what the client announced, sealed, durable.
//!
//! Nothing is visible yet when this ends. Small bodies come out as sealed bytes for the commit batch; long ones lie on the
//! home site under fresh blob ids that nothing refers to, and go away again when the change does not come about.

use bytes::{Bytes, BytesMut};
use futures::stream::{BoxStream, StreamExt};
use kernel::{BlobId, Checksum, ChecksumAlgorithm, ChecksumScope, ETag, Extent, Placement};
use policy::Permit;
use storage::{Digester, Digests, Hint};

use crate::request::{Body, Trailer};
use crate::{Engine, Error, Fault, Result};

/// Bytes that are about to become a version or a part.
pub(crate) struct Source {
    /// The bytes.
    pub(crate) stream: BoxStream<'static, Result<Bytes>>,
    /// How many were announced.
    pub(crate) bytes: u64,
    /// What the client says of them.
    pub(crate) announced: Announced,
    /// The checksum to store.
    pub(crate) algorithm: ChecksumAlgorithm,
}

/// Digests that the client announced.
#[derive(Default)]
pub(crate) struct Announced {
    md5: Option<[u8; 16]>,
    checksums: Vec<(ChecksumAlgorithm, Vec<u8>)>,
    trailer: Option<(ChecksumAlgorithm, Trailer)>,
}

impl Source {
    /// A client's body. The stored checksum is `algorithm`, else that of the body's own checksum, else CRC64NVME.
    pub(crate) fn from_body(body: Body, algorithm: Option<ChecksumAlgorithm>) -> Self {
        let Body { stream, bytes, md5, checksums, trailer } = body;
        let announced_algorithm =
            trailer.as_ref().map(|(algorithm, _)| *algorithm).or_else(|| checksums.first().map(|(first, _)| *first));
        let stream = stream.map(|chunk| chunk.map_err(|error| Error::Invalid(Fault::Body(error)))).boxed();
        let algorithm = algorithm.or(announced_algorithm).unwrap_or(ChecksumAlgorithm::Crc64Nvme);
        Self { stream, bytes, announced: Announced { md5, checksums, trailer }, algorithm }
    }

    fn digester(&self) -> Digester {
        let announced = &self.announced;
        let mut algorithms = vec![self.algorithm];
        let named = announced.checksums.iter().map(|(algorithm, _)| *algorithm);
        for algorithm in named.chain(announced.trailer.iter().map(|(algorithm, _)| *algorithm)) {
            if !algorithms.contains(&algorithm) {
                algorithms.push(algorithm);
            }
        }
        Digester::new(&algorithms, self.bytes)
    }
}

impl Announced {
    /// Compares with what came.
    fn verify(self, digests: &Digests) -> Result<()> {
        if self.md5.is_some_and(|md5| md5 != digests.md5) {
            return Err(Error::Invalid(Fault::Md5Differs));
        }
        for (algorithm, value) in &self.checksums {
            if digests.get(*algorithm) != Some(value.as_slice()) {
                return Err(Error::Invalid(Fault::ChecksumDiffers(*algorithm)));
            }
        }
        if let Some((algorithm, read)) = self.trailer {
            let value = read().ok_or(Error::Invalid(Fault::TrailerMissing(algorithm)))?;
            if digests.get(algorithm) != Some(value.as_slice()) {
                return Err(Error::Invalid(Fault::ChecksumDiffers(algorithm)));
            }
        }
        Ok(())
    }
}

/// Bytes that are sealed and, if they do not travel in the batch, durable.
pub(crate) struct Ingested {
    /// Where they are.
    pub(crate) extent: Extent,
    /// The sealed bytes of an inline body.
    pub(crate) inline: Option<(BlobId, Bytes)>,
    /// Bytes of plaintext.
    pub(crate) bytes: u64,
    /// MD5 of the plaintext.
    pub(crate) etag: ETag,
    /// The checksum to store.
    pub(crate) checksum: Checksum,
    /// Keeps the sweep away until the change is made or given up.
    _lease: Option<storage::Lease>,
}

impl Engine {
    /// Takes a body in. The permit is the one for the write it is for.
    pub(crate) async fn ingest(&self, _permit: &Permit, hint: Hint, source: Source) -> Result<Ingested> {
        if source.bytes > self.settings.body_bytes_max {
            return Err(Error::TooLarge { max: self.settings.body_bytes_max });
        }
        if source.bytes <= self.settings.inline_bytes_max {
            self.ingest_inline(source).await
        } else {
            self.ingest_streaming(hint, source).await
        }
    }

    /// Takes a body in that shall not travel in the batch, however short it is.
    pub(crate) async fn ingest_beside(&self, _permit: &Permit, hint: Hint, source: Source) -> Result<Ingested> {
        self.ingest_streaming(hint, source).await
    }

    async fn ingest_inline(&self, mut source: Source) -> Result<Ingested> {
        let mut digester = source.digester();
        let body = gather(&mut source.stream, source.bytes).await?;
        digester.update(body.clone()).await;
        let digests = digester.finish().await;
        source.announced.verify(&digests)?;
        let (extent, sealed) = self.blobs.seal_inline(&body)?;
        let inline = extent.pieces.first().map(|piece| (piece.blob, sealed));
        ingested(extent, inline, source.bytes, source.algorithm, &digests, None)
    }

    async fn ingest_streaming(&self, hint: Hint, mut source: Source) -> Result<Ingested> {
        let mut digester = source.digester();
        let mut writer = self.blobs.writer(&self.home, hint, source.bytes).await?;
        let mut came = 0;
        while let Some(chunk) = source.stream.next().await {
            let chunk = chunk?;
            came += chunk.len() as u64;
            if came > source.bytes {
                break;
            }
            digester.update(chunk.clone()).await;
            writer.write(chunk).await?;
        }
        if came != source.bytes {
            return Err(Error::Invalid(Fault::BodyLength { announced: source.bytes, came }));
        }
        let digests = digester.finish().await;
        source.announced.verify(&digests)?;
        let lease = writer.lease();
        let extent = writer.finish().await?;
        ingested(extent, None, source.bytes, source.algorithm, &digests, Some(lease))
    }

    /// Removes the blobs of a change that did not come about. What stays behind is the sweep's.
    pub(crate) async fn discard(&self, ingested: Ingested) {
        let Ingested { extent, _lease, .. } = ingested;
        drop(_lease);
        for piece in extent.pieces.iter().filter(|piece| !piece.inline) {
            if let Err(error) = self.blobs.remove(&self.home, piece.blob).await {
                tracing::debug!(blob = %piece.blob, %error, "left for the sweep");
            }
        }
    }

    /// Where the blobs of an extent that was just taken in lie.
    pub(crate) fn placements(&self, extent: &Extent) -> Vec<(BlobId, Vec<Placement>)> {
        let on_sites = extent.pieces.iter().filter(|piece| !piece.inline);
        on_sites.map(|piece| (piece.blob, vec![Placement::Copy(self.home.clone())])).collect()
    }
}

async fn gather(stream: &mut BoxStream<'static, Result<Bytes>>, announced: u64) -> Result<Bytes> {
    let wrong_length = |came| Err(Error::Invalid(Fault::BodyLength { announced, came }));
    let mut body = BytesMut::new();
    while let Some(chunk) = stream.next().await {
        let chunk = chunk?;
        let came = body.len() as u64 + chunk.len() as u64;
        if came > announced {
            return wrong_length(came);
        }
        if body.is_empty() && came == announced {
            // The whole body in one chunk is the common case: no copy.
            return match stream.next().await {
                None => Ok(chunk),
                Some(Ok(more)) => wrong_length(came + more.len() as u64),
                Some(Err(error)) => Err(error),
            };
        }
        body.reserve((announced - body.len() as u64) as usize);
        body.extend_from_slice(&chunk);
    }
    if body.len() as u64 == announced { Ok(body.freeze()) } else { wrong_length(body.len() as u64) }
}

fn ingested(
    extent: Extent,
    inline: Option<(BlobId, Bytes)>,
    bytes: u64,
    algorithm: ChecksumAlgorithm,
    digests: &Digests,
    lease: Option<storage::Lease>,
) -> Result<Ingested> {
    let value = digests.get(algorithm).ok_or(Error::Bug("the stored checksum was not computed"))?.to_vec();
    Ok(Ingested {
        extent,
        inline,
        bytes,
        etag: ETag { md5: digests.md5, parts: None },
        checksum: Checksum { algorithm, scope: ChecksumScope::FullObject, value },
        _lease: lease,
    })
}
