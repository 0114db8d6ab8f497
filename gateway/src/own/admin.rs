//! The admin API, `/_lake/admin/v1`: JSON in and out, for whoever runs the lake.
//!
//! Life in here is a table. Each route says what it is called, which method and path lead to it, which query it knows and
//! whether it takes a document; what does not fit is refused by name before the operation is asked. A request comes here
//! once its signature is verified, and nobody comes here without one; whether the caller may is the engine's affair, as
//! everywhere. Errors leave as S3's and are written as JSON on the way out.
//!
//! `docs/openapi.json` describes the API for programs; it is served as it is committed, and a test holds it against the
//! table.

mod accounts;
mod audit;
mod buckets;
mod embargoes;
mod keys;
mod policies;
mod routes;
mod time;
mod users;

use std::sync::Arc;

use bytes::Bytes;
use engine::Engine;
use http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use kernel::{AccountId, Caller, Timestamp};
use s3s::{Body, S3Request, S3Response};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::front::payload::{CONTENT_SHA256, Payload};
use crate::s3_error::{Failure, Mistake};
use crate::translate::time as time_text;
use crate::virtual_host::Place;
use routes::{ROUTES, find, known_query};

/// Where the API begins.
const ROOT: &str = "/_lake/admin/v1/";
/// Where everything for administrators begins, whatever its version.
const PREFIX: &str = "/_lake/admin";
/// What the API is, for programs.
const OPENAPI: &str = include_str!("../../../docs/openapi.json");

/// A request as its route sees it.
struct Asked<'a> {
    engine: &'a Arc<Engine>,
    caller: &'a Caller,
    /// What stood for the `{…}` of the path, decoded.
    segments: Vec<String>,
    /// Query parameters that the route knows, each at most once.
    query: Vec<(&'static str, String)>,
    document: Bytes,
}

impl Asked<'_> {
    fn segment(&self, place: usize) -> &str {
        self.segments.get(place).map_or("", String::as_str)
    }

    fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(given, _)| *given == name).map(|(_, value)| value.as_str())
    }

    /// The account that is meant: the caller's, unless another is named.
    fn account(&self) -> Result<AccountId, Mistake> {
        match self.parameter("account") {
            Some(text) => account(text),
            None => Ok(self.caller.account().unwrap_or(AccountId::HOME)),
        }
    }

    /// The document; a field that it should not have is refused by name.
    fn document<T: DeserializeOwned>(&self) -> Result<T, Mistake> {
        serde_json::from_slice(&self.document).map_err(|error| Mistake::Json(error.to_string()))
    }
}

/// What a route answers.
enum Told {
    /// A document, in JSON.
    Document(Bytes),
    /// Lines, each a document in JSON, which come as they are read.
    Lines(Body),
    /// It is done, and there is nothing to say.
    Done,
}

impl Told {
    fn json(document: &impl Serialize) -> Result<Self, Failure> {
        let written = serde_json::to_vec(document);
        Ok(Self::Document(written.map_err(|_| engine::Error::Bug("an answer that is no JSON"))?.into()))
    }
}

/// An account as it was typed.
fn account(text: &str) -> Result<AccountId, Mistake> {
    text.parse().map_err(|_| Mistake::Request(format!("an account is named by twelve digits, not `{text}`")))
}

/// An instant of a document, from milliseconds since 1970.
fn instant(at_ms: i64) -> String {
    time_text::rfc_3339(Timestamp::from_millis(at_ms))
}

/// Whether a request is for administrators. Where the host names a bucket, `_lake/admin/…` is a key like any other.
pub(crate) fn is_claimed(parts: &Parts, place: &Place) -> bool {
    let behind = parts.uri.path().strip_prefix(PREFIX);
    *place == Place::Path && behind.is_some_and(|behind| behind.is_empty() || behind.starts_with('/'))
}

/// Whether an operation is one of this API, whose documents are JSON.
pub(crate) fn is_operation(operation: &str) -> bool {
    ROUTES.iter().any(|route| route.operation == operation)
}

/// What the request is called in the log and the meters.
pub(crate) fn operation(method: &Method, path: &str) -> &'static str {
    find(method, path).map_or(crate::meters::UNKNOWN, |(route, _)| route.operation)
}

/// Whether the request was signed the one way that is taken here: in the header, over a body whose hash is signed too.
/// A link that was signed in advance, for whoever has it, gives no right to administer.
pub(crate) fn is_signed_as_it_must_be(headers: &HeaderMap) -> bool {
    headers.contains_key(AUTHORIZATION)
        && headers.contains_key(CONTENT_SHA256)
        && matches!(Payload::of(headers), Ok(Payload::Hash(_)))
}

/// Answers a request whose signature was verified.
pub(crate) async fn answer(engine: &Arc<Engine>, request: S3Request<Body>) -> Result<S3Response<Body>, Failure> {
    let S3Request { input, method, uri, headers, extensions, .. } = request;
    let (route, segments) = find(&method, uri.path())?;
    let query = known_query(route, uri.query())?;
    let document = match route.takes_document {
        true => read_document(&headers, input, route.document_bytes_max()).await?,
        false => Bytes::new(),
    };
    let caller = extensions.get::<Caller>().cloned().unwrap_or_else(Caller::anonymous);
    let told = (route.answer)(Asked { engine, caller: &caller, segments, query, document }).await?;
    let (status, kind, body) = match told {
        Told::Document(json) => (StatusCode::OK, Some("application/json"), Body::from(json)),
        Told::Lines(lines) => (StatusCode::OK, Some("application/x-ndjson"), lines),
        Told::Done => (StatusCode::NO_CONTENT, None, Body::empty()),
    };
    let mut response = S3Response::with_status(body, status);
    if let Some(kind) = kind {
        response.headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    }
    response.headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

async fn read_document(headers: &HeaderMap, body: Body, bytes_max: usize) -> Result<Bytes, Mistake> {
    let kind = headers.get(CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
    let kind = kind.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    if !kind.eq_ignore_ascii_case(b"application/json") {
        return Err(Mistake::NotJson);
    }
    let read = Limited::new(body, bytes_max).collect().await;
    let failed = |error: s3s::StdError| match error.is::<LengthLimitError>() {
        true => Mistake::DocumentTooLong { max: bytes_max },
        // Why is in the request's trace, and the doorman says it.
        false => Mistake::Request("the body could not be read".to_owned()),
    };
    Ok(read.map_err(failed)?.to_bytes())
}

#[cfg(test)]
mod tests;
