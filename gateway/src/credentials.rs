//! Who is calling. Only the holder of the root keys has a name yet; everybody else is anonymous, and what either may do
//! is decided by the engine's permits, never here.

use std::fmt;
use std::sync::Arc;

use http::HeaderMap;
use kernel::Caller;
use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::{S3Auth, SecretKey};
use s3s::path::S3Path;
use s3s::{S3Result, s3_error};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::front::body::body_is_stream;
use crate::front::payload::CONTENT_SHA256;
use crate::front::query;
use crate::front::trace::{RequestTrace, Resolved};
use crate::own::Vouched;

/// A text that must not be seen: wiped when dropped, compared in constant time, never printed.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes the text over.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
    /// Whether `other` is the same text. Takes the same time wherever they differ.
    pub fn matches(&self, other: &[u8]) -> bool {
        self.0.as_bytes().ct_eq(other).into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The keys of the root identity.
#[derive(Debug, Clone)]
pub struct RootCredentials {
    /// The access key id.
    pub access_key: String,
    /// The secret access key.
    pub secret_key: Secret,
}

/// Hands s3s the secret that a signature is checked with.
pub(crate) struct KeyRing {
    access_key: String,
    secret_key: SecretKey,
}

impl KeyRing {
    pub(crate) fn new(root: &RootCredentials) -> Self {
        Self { access_key: root.access_key.clone(), secret_key: SecretKey::from(root.secret_key.0.as_str()) }
    }

    /// The secret that belongs to an access key.
    pub(crate) fn secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        let is_root = self.access_key.as_bytes().ct_eq(access_key.as_bytes());
        if is_root.into() { Ok(self.secret_key.clone()) } else { Err(s3_error!(InvalidAccessKeyId)) }
    }
}

#[async_trait::async_trait]
impl S3Auth for KeyRing {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        self.secret_key(access_key)
    }
}

/// Introduces the caller of every operation: puts a [`Caller`] into the request's extensions and tells the request's
/// trace what it turned out to be. s3s asks it after the signature is verified and before the body is read.
pub(crate) struct Introduction;

#[async_trait::async_trait]
impl S3Access for Introduction {
    async fn check(&self, cx: &mut S3AccessContext<'_>) -> S3Result<()> {
        introduce(cx)
    }
}

fn introduce(cx: &mut S3AccessContext<'_>) -> S3Result<()> {
    let is_vouched = cx.extensions_mut().get::<Vouched>().is_some();
    let is_signed = is_vouched || cx.credentials().is_some();
    let caller = caller(is_signed, cx.headers(), cx.uri().query());
    let (bucket, key) = match cx.s3_path() {
        S3Path::Root => (None, None),
        S3Path::Bucket { bucket } => (Some(bucket.to_string()), None),
        S3Path::Object { bucket, key } => (Some(bucket.to_string()), Some(key.to_string())),
    };
    let operation = cx.s3_op().name().to_owned();
    let trace = cx.extensions_mut().get::<Arc<RequestTrace>>().cloned();
    if let Some(trace) = trace {
        let operation = trace.meters.operation(&operation);
        let caller = if is_signed { Caller::root() } else { Caller::anonymous() };
        trace.resolve(Resolved { operation, bucket, key, caller: Some(caller) });
    }
    let caller = caller?;
    if !body_is_stream(&operation) {
        refuse_chunks(cx.headers())?;
    }
    if matches!(operation.as_str(), "PutObject" | "CopyObject") && names_part(cx.uri().query()) {
        // s3s would take half a part for a whole object.
        return Err(s3_error!(InvalidArgument, "A part needs both partNumber and uploadId."));
    }
    cx.extensions_mut().insert(caller);
    Ok(())
}

/// Who sent a request, by whether its signature was verified.
pub(crate) fn caller(is_signed: bool, headers: &HeaderMap, query: Option<&str>) -> S3Result<Caller> {
    if !is_signed {
        return Ok(Caller::anonymous());
    }
    if bears_session_token(headers, query) {
        // The root keys are permanent: no token belongs to them.
        return Err(s3_error!(InvalidToken));
    }
    Ok(Caller::root())
}

fn names_part(query: Option<&str>) -> bool {
    query::has(query, "partNumber") || query::has(query, "uploadId")
}

fn bears_session_token(headers: &HeaderMap, query: Option<&str>) -> bool {
    headers.contains_key("x-amz-security-token") || query::has(query, "X-Amz-Security-Token")
}

/// Refuses documents that come as chunks of their own framing.
pub(crate) fn refuse_chunks(headers: &HeaderMap) -> S3Result<()> {
    if headers.get(CONTENT_SHA256).is_some_and(|value| value.as_bytes().starts_with(b"STREAMING-")) {
        return Err(s3_error!(
            InvalidRequest,
            "x-amz-content-sha256: chunked payloads are only allowed with PutObject and UploadPart."
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use s3s::S3ErrorCode;

    use super::*;

    fn root() -> RootCredentials {
        RootCredentials { access_key: "ROOTKEY".into(), secret_key: Secret::new("root secret".into()) }
    }

    #[test]
    fn only_the_root_key_is_known() {
        let ring = KeyRing::new(&root());
        assert_eq!(ring.secret_key("ROOTKEY").expect("known").expose(), "root secret");
        for unknown in ["", "ROOTKE", "ROOTKEYS", "rootkey", "ROOTKEY\0"] {
            let error = ring.secret_key(unknown).expect_err(unknown);
            assert_eq!(
                (error.code(), error.status_code()),
                (&S3ErrorCode::InvalidAccessKeyId, Some(http::StatusCode::FORBIDDEN))
            );
        }
    }

    #[test]
    fn secrets_do_not_show() {
        assert!(!format!("{:?}", root()).contains("root secret"));
        assert!(Secret::new("token".into()).matches(b"token"));
        assert!(!Secret::new("token".into()).matches(b"tokens"));
    }
}
