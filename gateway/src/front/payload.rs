//! What `x-amz-content-sha256` says of a request's body.

use base64::Engine;
use http::HeaderMap;

use super::refusal::Refusal;

pub(crate) const CONTENT_SHA256: &str = "x-amz-content-sha256";

/// How a body is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Payload {
    /// Not at all, or the header says nothing.
    Unsigned,
    /// By the hash of the whole.
    Hash([u8; 32]),
    /// In chunks of its own framing, each signed or none.
    Chunked {
        /// Whether the chunks carry signatures.
        signed: bool,
    },
}

impl Payload {
    /// SHA-256 of nothing.
    pub(crate) const EMPTY_HASH: [u8; 32] = [
        0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27, 0xae,
        0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
    ];

    /// Reads the header.
    ///
    /// Source: Amazon S3 API, *Signature Calculations for the Authorization Header*.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self, Refusal> {
        let mut values = headers.get_all(CONTENT_SHA256).iter();
        let Some(value) = values.next() else {
            return Ok(Self::Unsigned);
        };
        if values.next().is_some() {
            return Err(Refusal::bad_request("InvalidRequest", "x-amz-content-sha256 is given more than once."));
        }
        let value = value.to_str().unwrap_or_default();
        match value {
            "UNSIGNED-PAYLOAD" => Ok(Self::Unsigned),
            "STREAMING-UNSIGNED-PAYLOAD-TRAILER" => Ok(Self::Chunked { signed: false }),
            "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
            | "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
            | "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD"
            | "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER" => Ok(Self::Chunked { signed: true }),
            _ => digest(value).map(Self::Hash).ok_or_else(|| {
                Refusal::argument(
                    CONTENT_SHA256,
                    value,
                    "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, \
                     STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER or a valid \
                     sha256 value.",
                )
            }),
        }
    }
}

/// 64 lower-case hex digits, or Base64, which some clients send.
fn digest(text: &str) -> Option<[u8; 32]> {
    let bytes = match text.len() {
        64 if !text.bytes().any(|byte| byte.is_ascii_uppercase()) => hex::decode(text).ok()?,
        44 => base64::engine::general_purpose::STANDARD.decode(text).ok()?,
        _ => return None,
    };
    bytes.try_into().ok()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn of(value: &'static str) -> Option<Payload> {
        let headers =
            HeaderMap::from_iter([(http::HeaderName::from_static(CONTENT_SHA256), HeaderValue::from_static(value))]);
        Payload::of(&headers).ok()
    }

    #[test]
    fn only_what_s3_names_is_taken() {
        assert_eq!(Payload::of(&HeaderMap::new()), Ok(Payload::Unsigned));
        assert_eq!(of("UNSIGNED-PAYLOAD"), Some(Payload::Unsigned));
        assert_eq!(of("STREAMING-AWS4-HMAC-SHA256-PAYLOAD"), Some(Payload::Chunked { signed: true }));
        assert_eq!(of("STREAMING-UNSIGNED-PAYLOAD-TRAILER"), Some(Payload::Chunked { signed: false }));
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(of(empty), Some(Payload::Hash(Payload::EMPTY_HASH)));
        assert_eq!(of("47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="), Some(Payload::Hash(Payload::EMPTY_HASH)));
        for bad in [
            "",
            "abc",
            "unsigned-payload",
            "STREAMING",
            "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855",
            "g3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        ] {
            assert_eq!(of(bad), None, "{bad}");
        }
    }

    #[test]
    fn two_headers_are_refused() {
        let mut headers = HeaderMap::new();
        headers.append(CONTENT_SHA256, HeaderValue::from_static("UNSIGNED-PAYLOAD"));
        headers.append(CONTENT_SHA256, HeaderValue::from_static("UNSIGNED-PAYLOAD"));
        assert_eq!(Payload::of(&headers).map_err(|refusal| refusal.code), Err("InvalidRequest"));
    }
}
