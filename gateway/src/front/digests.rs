//! The digests that a document comes with: `Content-MD5` and the `x-amz-checksum-*` headers. Those of an object's bytes
//! are the engine's affair; documents are gone once s3s has parsed them, so theirs are verified on the way.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use s3s::checksum::ChecksumHasher;
use s3s::dto::Checksum;

use super::body_fault::BodyFaultKind;

const CONTENT_MD5: &str = "content-md5";

/// What the headers say.
pub(crate) struct Digests {
    /// Header and value.
    announced: Vec<(&'static str, String)>,
}

impl Digests {
    const CHECKSUMS: [&str; 5] = [
        "x-amz-checksum-crc32",
        "x-amz-checksum-crc32c",
        "x-amz-checksum-crc64nvme",
        "x-amz-checksum-sha1",
        "x-amz-checksum-sha256",
    ];

    /// Reads the headers; `None` if they bring no digest.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        let announced: Vec<_> = [CONTENT_MD5]
            .into_iter()
            .chain(Self::CHECKSUMS)
            .filter_map(|name| {
                let value = headers.get(name)?;
                Some((name, String::from_utf8_lossy(value.as_bytes()).trim().to_owned()))
            })
            .collect();
        (!announced.is_empty()).then_some(Self { announced })
    }

    /// What verifies them for a document of `operation`.
    pub(crate) fn verifier(mut self, operation: &str) -> Result<Verifier, BodyFaultKind> {
        if operation == "CompleteMultipartUpload" {
            // Its checksums are those of the object.
            self.announced.retain(|(name, _)| *name == CONTENT_MD5);
        }
        let md5 = self.announced.iter().find(|(name, _)| *name == CONTENT_MD5);
        if md5.is_some_and(|(_, value)| STANDARD.decode(value).map_or(true, |bytes| bytes.len() != 16)) {
            return Err(BodyFaultKind::DigestMalformed);
        }
        let has = |name: &str| self.announced.iter().any(|(announced, _)| *announced == name);
        let hasher = ChecksumHasher {
            md5: has(CONTENT_MD5).then(Default::default),
            crc32: has("x-amz-checksum-crc32").then(Default::default),
            crc32c: has("x-amz-checksum-crc32c").then(Default::default),
            crc64nvme: has("x-amz-checksum-crc64nvme").then(Default::default),
            sha1: has("x-amz-checksum-sha1").then(Default::default),
            sha256: has("x-amz-checksum-sha256").then(Default::default),
            ..ChecksumHasher::default()
        };
        Ok(Verifier { announced: self.announced, hasher: Box::new(hasher) })
    }
}

/// Verifies the digests of one document.
pub(crate) struct Verifier {
    announced: Vec<(&'static str, String)>,
    hasher: Box<ChecksumHasher>,
}

impl Verifier {
    pub(crate) fn update(&mut self, data: &[u8]) {
        self.hasher.update(data);
    }

    pub(crate) fn finish(self) -> Result<(), BodyFaultKind> {
        let computed = self.hasher.finalize();
        let agree = self.announced.iter().all(|(name, value)| of(&computed, name) == Some(value.as_str()));
        if agree { Ok(()) } else { Err(BodyFaultKind::DigestDiffers) }
    }
}

fn of<'a>(computed: &'a Checksum, name: &str) -> Option<&'a str> {
    let value = match name {
        CONTENT_MD5 => &computed.checksum_md5,
        "x-amz-checksum-crc32" => &computed.checksum_crc32,
        "x-amz-checksum-crc32c" => &computed.checksum_crc32c,
        "x-amz-checksum-crc64nvme" => &computed.checksum_crc64nvme,
        "x-amz-checksum-sha1" => &computed.checksum_sha1,
        "x-amz-checksum-sha256" => &computed.checksum_sha256,
        _ => return None,
    };
    value.as_deref()
}
