//! Who is calling: the holder of the root keys, somebody whose access key the engine knows, or nobody in particular. What any
//! of them may do is decided by the engine's permits, never here.

use std::fmt;
use std::sync::Arc;

use engine::{CredentialFault, Engine};
use http::HeaderMap;
use kernel::{Caller, Origin, Who};
use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::{S3Auth, SecretKey};
use s3s::path::S3Path;
use s3s::{S3Error, S3Result, s3_error};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::front::body::body_is_stream;
use crate::front::payload::CONTENT_SHA256;
use crate::front::query;
use crate::front::trace::{RequestTrace, Resolved};
use crate::origin::{self, From};
use crate::own::Vouched;
use crate::s3_error::Failure;

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
    root: RootCredentials,
    /// None in tests that have no lake.
    engine: Option<Arc<Engine>>,
}

impl KeyRing {
    pub(crate) fn new(root: &RootCredentials, engine: Option<Arc<Engine>>) -> Self {
        Self { root: root.clone(), engine }
    }

    fn is_root(&self, access_key: &str) -> bool {
        self.root.access_key.as_bytes().ct_eq(access_key.as_bytes()).into()
    }

    /// The secret that belongs to an access key.
    pub(crate) fn secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        if self.is_root(access_key) {
            engine::note_access_key(access_key);
            return Ok(SecretKey::from(self.root.secret_key.0.as_str()));
        }
        let secret = match &self.engine {
            Some(engine) => engine.secret_of(access_key).map_err(|error| S3Error::from(Failure::from(error)))?,
            None => None,
        };
        // A key that is not known may be anything, a secret in the wrong place included: the audit does not hear of it.
        secret.iter().for_each(|_| engine::note_access_key(access_key));
        secret.map(|secret| SecretKey::from(secret.as_str())).ok_or_else(|| s3_error!(InvalidAccessKeyId))
    }

    /// Who signs with an access key, where the signature is right.
    pub(crate) fn who(&self, access_key: &str, token: Option<&str>) -> S3Result<Who> {
        if self.is_root(access_key) {
            // The root keys are permanent: no token belongs to them.
            return if token.is_some() { Err(s3_error!(InvalidToken)) } else { Ok(Who::Root) };
        }
        let engine = self.engine.as_ref().ok_or_else(|| s3_error!(InvalidAccessKeyId))?;
        engine.principal(access_key, token).map(Who::Principal).map_err(|fault| match fault {
            CredentialFault::Key => s3_error!(InvalidAccessKeyId),
            CredentialFault::Token => s3_error!(InvalidToken),
            CredentialFault::Expired => s3_error!(ExpiredToken),
        })
    }

    /// Who sent a request whose signature, if it has one, was verified, and how it came.
    pub(crate) fn caller(&self, access_key: Option<&str>, head: Head<'_>) -> S3Result<Caller> {
        let who = match access_key {
            None => Who::Anonymous,
            Some(access_key) => self.who(access_key, session_token(head.headers, head.query).as_deref())?,
        };
        Ok(head.caller(who))
    }
}

/// The head of a request, and where it came from.
#[derive(Clone, Copy)]
pub(crate) struct Head<'a> {
    pub(crate) headers: &'a HeaderMap,
    pub(crate) query: Option<&'a str>,
    pub(crate) from: Option<From>,
    pub(crate) request_id: &'a str,
}

impl<'a> Head<'a> {
    /// The head of a request that s3s hands on.
    pub(crate) fn of(headers: &'a HeaderMap, query: Option<&'a str>, extensions: &'a http::Extensions) -> Self {
        let request_id = extensions.get::<Arc<RequestTrace>>().map_or("", |trace| trace.id());
        Self { headers, query, from: extensions.get::<From>().copied(), request_id }
    }

    /// Somebody, whose request has this head.
    pub(crate) fn caller(self, who: Who) -> Caller {
        let origin = match (&who, self.from) {
            (_, None) => Origin::default(),
            (Who::Root | Who::Lake(_), Some(from)) => origin::bare(from, self.request_id),
            (Who::Anonymous | Who::Principal(_), Some(from)) => {
                origin::origin(self.headers, self.query, from, self.request_id)
            }
        };
        Caller::new(who, Arc::new(origin))
    }
}

/// A ring that several look at.
pub(crate) struct SharedKeys(pub(crate) Arc<KeyRing>);

#[async_trait::async_trait]
impl S3Auth for SharedKeys {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        self.0.secret_key(access_key)
    }
}

/// Introduces the caller of every operation: puts a [`Caller`] into the request's extensions and tells the request's
/// trace what it turned out to be. s3s asks it after the signature is verified and before the body is read.
pub(crate) struct Introduction(pub(crate) Arc<KeyRing>);

#[async_trait::async_trait]
impl S3Access for Introduction {
    async fn check(&self, cx: &mut S3AccessContext<'_>) -> S3Result<()> {
        introduce(&self.0, cx)
    }
}

fn introduce(keys: &KeyRing, cx: &mut S3AccessContext<'_>) -> S3Result<()> {
    let access_key = cx.credentials().map(|credentials| credentials.access_key.clone());
    let vouched = cx.extensions_mut().get::<Vouched>().is_some();
    let known = cx.extensions_mut().get::<Caller>().filter(|_| vouched).cloned();
    let (headers, uri) = (cx.headers().clone(), cx.uri().clone());
    let caller = match known {
        Some(caller) => Ok(caller),
        None => keys.caller(access_key.as_deref(), Head::of(&headers, uri.query(), cx.extensions_mut())),
    };
    let (bucket, key) = match cx.s3_path() {
        S3Path::Root => (None, None),
        S3Path::Bucket { bucket } => (Some(bucket.to_string()), None),
        S3Path::Object { bucket, key } => (Some(bucket.to_string()), Some(key.to_string())),
    };
    let operation = cx.s3_op().name().to_owned();
    let trace = cx.extensions_mut().get::<Arc<RequestTrace>>().cloned();
    if let Some(trace) = trace {
        let operation = trace.meters.operation(&operation);
        trace.resolve(Resolved { operation, bucket, key, caller: caller.as_ref().ok().cloned() });
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

/// The token of a session, in the head or in the query.
fn session_token(headers: &HeaderMap, query: Option<&str>) -> Option<String> {
    let header = headers.get(SESSION_TOKEN).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let in_query = || query::pairs(query).find(|(name, _)| name == "X-Amz-Security-Token");
    header.or_else(|| in_query().map(|(_, value)| value.into_owned()))
}

/// Where a session's token stands.
const SESSION_TOKEN: &str = "x-amz-security-token";

fn names_part(query: Option<&str>) -> bool {
    query::has(query, "partNumber") || query::has(query, "uploadId")
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
        let ring = KeyRing::new(&root(), None);
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
