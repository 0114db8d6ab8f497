//! The digests that a document comes with: `Content-MD5` and the `x-amz-checksum-*` headers. Those of an object's bytes
//! are the engine's affair; documents are gone once s3s has parsed them, so theirs are verified on the way.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use s3s::checksum::ChecksumHasher;
use s3s::dto::Checksum;

use super::body_fault::BodyFaultKind;

const CONTENT_MD5: &str = "content-md5";

/// A header that brings a digest, what computes it, and where the result then is.
type Known = (&'static str, fn(&mut ChecksumHasher), fn(&Checksum) -> &Option<String>);

/// Source: Amazon S3 User Guide, *Checking object integrity*. Documents are not stored, so that all of these will do; of
/// objects the lake keeps the checksums of fewer algorithms.
const KNOWN: [Known; 11] = [
    (CONTENT_MD5, |hasher| hasher.md5 = Some(Default::default()), |computed| &computed.checksum_md5),
    ("x-amz-checksum-md5", |hasher| hasher.md5 = Some(Default::default()), |computed| &computed.checksum_md5),
    ("x-amz-checksum-crc32", |hasher| hasher.crc32 = Some(Default::default()), |computed| &computed.checksum_crc32),
    ("x-amz-checksum-crc32c", |hasher| hasher.crc32c = Some(Default::default()), |computed| &computed.checksum_crc32c),
    (
        "x-amz-checksum-crc64nvme",
        |hasher| hasher.crc64nvme = Some(Default::default()),
        |computed| &computed.checksum_crc64nvme,
    ),
    ("x-amz-checksum-sha1", |hasher| hasher.sha1 = Some(Default::default()), |computed| &computed.checksum_sha1),
    ("x-amz-checksum-sha256", |hasher| hasher.sha256 = Some(Default::default()), |computed| &computed.checksum_sha256),
    ("x-amz-checksum-sha512", |hasher| hasher.sha512 = Some(Default::default()), |computed| &computed.checksum_sha512),
    (
        "x-amz-checksum-xxhash64",
        |hasher| hasher.xxhash64 = Some(Default::default()),
        |computed| &computed.checksum_xxhash64,
    ),
    (
        "x-amz-checksum-xxhash3",
        |hasher| hasher.xxhash3 = Some(Default::default()),
        |computed| &computed.checksum_xxhash3,
    ),
    (
        "x-amz-checksum-xxhash128",
        |hasher| hasher.xxhash128 = Some(Default::default()),
        |computed| &computed.checksum_xxhash128,
    ),
];

/// What the headers say.
pub(crate) struct Digests {
    announced: Vec<(Known, String)>,
}

impl Digests {
    /// Reads the headers; `None` if they bring no digest.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        let announced: Vec<_> = KNOWN
            .into_iter()
            .filter_map(|known| {
                let value = headers.get(known.0)?;
                Some((known, String::from_utf8_lossy(value.as_bytes()).trim().to_owned()))
            })
            .collect();
        (!announced.is_empty()).then_some(Self { announced })
    }

    /// What verifies them for a document of `operation`.
    pub(crate) fn verifier(mut self, operation: &str) -> Result<Verifier, BodyFaultKind> {
        if operation == "CompleteMultipartUpload" {
            // Its checksums are those of the object.
            self.announced.retain(|((name, ..), _)| *name == CONTENT_MD5);
        }
        let mut hasher = ChecksumHasher::default();
        for ((name, enable, _), value) in &self.announced {
            if *name == CONTENT_MD5 && STANDARD.decode(value).map_or(true, |bytes| bytes.len() != 16) {
                return Err(BodyFaultKind::DigestMalformed);
            }
            enable(&mut hasher);
        }
        Ok(Verifier { announced: self.announced, hasher: Box::new(hasher) })
    }
}

/// Verifies the digests of one document.
pub(crate) struct Verifier {
    announced: Vec<(Known, String)>,
    hasher: Box<ChecksumHasher>,
}

impl Verifier {
    pub(crate) fn update(&mut self, data: &[u8]) {
        self.hasher.update(data);
    }

    pub(crate) fn finish(self) -> Result<(), BodyFaultKind> {
        let computed = self.hasher.finalize();
        let agree = self.announced.iter().all(|((.., of), value)| of(&computed).as_ref() == Some(value));
        if agree { Ok(()) } else { Err(BodyFaultKind::DigestDiffers) }
    }
}
