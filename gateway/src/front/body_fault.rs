//! Why a request's body could not be read to its end.
//!
//! The body that s3s and the operations read is wrapped by [`super::body`]; what it refuses travels through their error
//! types as a source, and stands in the request's trace besides, because s3s answers `500` to any error of an XML body.

use std::error::Error;

use http::StatusCode;

use super::refusal::Refusal;

/// The error that a watched body ends with.
#[derive(Debug, thiserror::Error)]
#[error("{kind}")]
pub(crate) struct BodyFault {
    pub(crate) kind: BodyFaultKind,
    #[source]
    pub(crate) source: Option<Box<dyn Error + Send + Sync>>,
}

/// What went wrong with a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BodyFaultKind {
    /// The client went silent, or is too slow.
    #[error("the body came too slowly")]
    Idle,
    /// The connection broke or the HTTP framing is wrong.
    #[error("the body ended before it was complete")]
    Broken,
    /// An `aws-chunked` body ended before its final chunk, which carries the last signature and the trailers.
    #[error("the final chunk is missing")]
    FinalChunkMissing,
    /// A chunk header of an `aws-chunked` body cannot be read.
    #[error("a chunk header is malformed")]
    ChunkHeader,
    /// More than [`crate::Limits::document_bytes_max`].
    #[error("the document is too large")]
    DocumentTooLarge,
    /// CDATA or a document type: s3s would skip them and read something else than was written. Or a tag beyond reason.
    #[error("the document holds CDATA, a document type or an endless tag")]
    Markup,
    /// An element that does not belong there: s3s would skip it, and whoever sent it would believe it heard.
    #[error("the document holds an element that does not belong there")]
    Schema,
    /// An element of S3's that asks for what is not offered.
    #[error("the document asks for something that is not offered")]
    NotOffered,
    /// The document's SHA-256 is not the one that was signed.
    #[error("the document does not match x-amz-content-sha256")]
    HashDiffers,
    /// The document's MD5 or checksum is not the announced one.
    #[error("the document does not match its digest")]
    DigestDiffers,
    /// `Content-MD5` is not the base64 of 16 bytes.
    #[error("the Content-MD5 is malformed")]
    DigestMalformed,
    /// The body came without a length, and is too long to be measured.
    #[error("the body has no length")]
    LengthMissing,
    /// The gateway holds as many bytes as it may.
    #[error("too many bytes are held in memory")]
    Busy,
}

impl BodyFaultKind {
    /// The answer S3 gives.
    pub(crate) fn refusal(self) -> Refusal {
        match self {
            Self::Idle => Refusal::bad_request(
                "RequestTimeout",
                "Your socket connection to the server was not read from or written to within the timeout period.",
            )
            .closing(),
            Self::Broken | Self::FinalChunkMissing | Self::ChunkHeader => Refusal::bad_request(
                "IncompleteBody",
                "You did not provide the number of bytes specified by the Content-Length HTTP header.",
            )
            .closing(),
            Self::DocumentTooLarge => {
                Refusal::bad_request("EntityTooLarge", "The document exceeds the maximum allowed size.")
            }
            Self::Markup | Self::Schema => Refusal::bad_request(
                "MalformedXML",
                "The XML you provided was not well-formed or did not validate against our published schema.",
            ),
            Self::NotOffered => Refusal::new(
                StatusCode::NOT_IMPLEMENTED,
                "NotImplemented",
                "The document holds an element that implies functionality that is not implemented.",
            ),
            Self::HashDiffers => Refusal::bad_request(
                "XAmzContentSHA256Mismatch",
                "The provided 'x-amz-content-sha256' header does not match what was computed.",
            ),
            Self::DigestDiffers => Refusal::bad_request(
                "BadDigest",
                "The Content-MD5 or checksum value that you specified did not match what the server received.",
            ),
            Self::DigestMalformed => {
                Refusal::bad_request("InvalidDigest", "The Content-MD5 you specified is not valid.")
            }
            Self::LengthMissing => Refusal::length_required().closing(),
            Self::Busy => Refusal::slow_down(),
        }
    }
}
