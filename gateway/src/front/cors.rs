//! Requests that pages of other origins send through a browser.
//!
//! A preflight is answered here, by the bucket's rules and without credentials: browsers send none. Of every other request
//! with an `Origin` the verdict is asked before anything else, and what the matching rule allows is told in the answer's
//! headers, whatever the answer is. A request without an `Origin` costs nothing.
//!
//! Sources: Fetch standard, *CORS protocol*; Amazon S3 API, *OPTIONS object*.

use engine::{CorsAnswer, CorsRequest, CorsVerdict};
use futures::future::BoxFuture;
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};
use kernel::BucketName;
use percent_encoding::percent_decode_str;
use s3s::{Body, HttpResponse};

use super::refusal::Refusal;
use crate::translate::cors::{METHODS, is_header_name};
use crate::virtual_host::Place;

/// Asks the rules of a bucket.
pub(crate) type Rules =
    Box<dyn Fn(BucketName, CorsRequest) -> BoxFuture<'static, engine::Result<CorsVerdict>> + Send + Sync>;

/// A request from elsewhere, and what may be told of its answer.
pub(crate) struct Crossing {
    request: CorsRequest,
    answer: CorsAnswer,
}

impl Crossing {
    /// What the rules say of a request; `None` if it is from nowhere else, or no rule is for it.
    pub(crate) async fn of(parts: &Parts, place: Option<&Place>, rules: &Rules) -> Option<Self> {
        // Preflights are answered by their verdict.
        let origin = origin(parts).filter(|_| parts.method != Method::OPTIONS)?;
        let target = Target::of(parts, place?);
        let request = cors_request(parts, origin).ok()?;
        match rules(target.bucket?, request.clone()).await {
            Ok(CorsVerdict::Allowed(answer)) => Some(Self { request, answer }),
            // The request itself meets the same obstacle, and tells.
            Ok(_) | Err(_) => None,
        }
    }

    /// Tells the browser.
    pub(crate) fn tell(&self, headers: &mut HeaderMap) {
        let Self { request, answer } = self;
        let mut put = |name: HeaderName, text: &str| {
            // What is put here came as a header or was checked to go into one.
            if let Ok(value) = HeaderValue::from_str(text) {
                headers.insert(name, value);
            }
        };
        if answer.any_origin {
            put(ACCESS_CONTROL_ALLOW_ORIGIN, "*");
        } else {
            put(ACCESS_CONTROL_ALLOW_ORIGIN, &request.origin);
            put(ACCESS_CONTROL_ALLOW_CREDENTIALS, "true");
        }
        put(ACCESS_CONTROL_ALLOW_METHODS, &answer.methods.join(", "));
        if !request.headers.is_empty() {
            put(ACCESS_CONTROL_ALLOW_HEADERS, &request.headers.join(", "));
        }
        if !answer.exposed.is_empty() {
            put(ACCESS_CONTROL_EXPOSE_HEADERS, &answer.exposed.join(", "));
        }
        if let Some(seconds) = answer.max_age_seconds {
            put(ACCESS_CONTROL_MAX_AGE, &seconds.to_string());
        }
        headers.append(VARY, HeaderValue::from_static(VARIES));
    }
}

const VARIES: &str = "Origin, Access-Control-Request-Headers, Access-Control-Request-Method";
const NO_ORIGIN: &str = "Insufficient information. Origin request header needed.";
const NO_BUCKET: &str = "CORSResponse: Bucket not found";
const NO_RULES: &str = "CORSResponse: CORS is not enabled for this bucket.";
const NOT_ALLOWED: &str = "CORSResponse: This CORS request is not allowed. This is usually because the evalution of Origin, \
                           request method / Access-Control-Request-Method or Access-Control-Request-Headers are not \
                           whitelisted by the resource's CORS spec.";

/// Answers a preflight.
pub(crate) async fn preflight(parts: &Parts, place: &Place, rules: &Rules) -> Result<HttpResponse, Refusal> {
    let origin = origin(parts).ok_or_else(|| Refusal::bad_request("BadRequest", NO_ORIGIN))?;
    let Target { bucket, is_object } = Target::of(parts, place);
    let asked = header(parts, &ACCESS_CONTROL_REQUEST_METHOD);
    let refuse = |message: &'static str, resource: &str| {
        Refusal::new(StatusCode::FORBIDDEN, "AccessForbidden", message)
            .with("Method", asked.unwrap_or("OPTIONS"))
            .with("ResourceType", resource)
    };
    let Some(bucket) = bucket else {
        return Err(refuse(NO_BUCKET, "BUCKET"));
    };
    let request = cors_request(parts, origin);
    // That a bucket has no rules is said before what is wrong with the request, as S3 does.
    let probe = request.clone().unwrap_or_else(|_| CorsRequest { headers: Vec::new(), ..bare(parts, origin) });
    let verdict = rules(bucket, probe).await.map_err(|error| unanswered(&error))?;
    match verdict {
        CorsVerdict::NoBucket => Err(refuse(NO_BUCKET, "BUCKET")),
        CorsVerdict::NoRules => Err(refuse(NO_RULES, "BUCKET")),
        CorsVerdict::Allowed(answer) if METHODS.contains(&asked.unwrap_or_default()) => {
            let mut response = Response::new(Body::empty());
            Crossing { request: request?, answer }.tell(response.headers_mut());
            Ok(response)
        }
        CorsVerdict::Refused | CorsVerdict::Allowed(_) => {
            let asked = asked.unwrap_or("null");
            if !METHODS.contains(&asked) {
                let message = format!("Invalid Access-Control-Request-Method: {asked}");
                return Err(Refusal::bad_request("BadRequest", message));
            }
            request?;
            Err(refuse(NOT_ALLOWED, if is_object { "OBJECT" } else { "BUCKET" }))
        }
    }
}

fn unanswered(error: &engine::Error) -> Refusal {
    tracing::error!(error = error as &(dyn std::error::Error + 'static), "cross-origin rules cannot be read");
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable", "Service is unable to handle request.")
}

/// The one value of a header; none where it is empty, no text, or there several times.
fn header<'a>(parts: &'a Parts, name: &HeaderName) -> Option<&'a str> {
    let mut values = parts.headers.get_all(name).iter();
    let value = values.next().filter(|_| values.next().is_none())?;
    value.to_str().ok().map(str::trim).filter(|text| !text.is_empty())
}

fn origin(parts: &Parts) -> Option<&str> {
    header(parts, &ORIGIN)
}

/// The request that a preflight announces; S3 reads the same headers of any other request so.
fn bare(parts: &Parts, origin: &str) -> CorsRequest {
    let method = header(parts, &ACCESS_CONTROL_REQUEST_METHOD).unwrap_or(parts.method.as_str());
    CorsRequest { origin: origin.to_owned(), method: method.to_owned(), headers: Vec::new() }
}

fn cors_request(parts: &Parts, origin: &str) -> Result<CorsRequest, Refusal> {
    let mut headers = Vec::new();
    for line in parts.headers.get_all(ACCESS_CONTROL_REQUEST_HEADERS) {
        let line = line.to_str().map_err(|_| not_a_name("?"))?;
        for name in line.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            if !is_header_name(name) {
                return Err(not_a_name(name));
            }
            headers.push(name.to_ascii_lowercase());
        }
    }
    Ok(CorsRequest { headers, ..bare(parts, origin) })
}

fn not_a_name(name: &str) -> Refusal {
    let message = format!("Access-Control-Request-Headers \"{name}\" contains invalid character.");
    Refusal::bad_request("BadRequest", message)
}

/// What a request is for.
struct Target {
    bucket: Option<BucketName>,
    is_object: bool,
}

impl Target {
    fn of(parts: &Parts, place: &Place) -> Self {
        let path = parts.uri.path();
        let path = path.strip_prefix('/').unwrap_or(path);
        let (bucket, key) = match place {
            Place::Bucket(bucket) | Place::Website(bucket) => (bucket.as_str(), path),
            Place::Path => path.split_once('/').unwrap_or((path, "")),
        };
        let bucket = percent_decode_str(bucket).decode_utf8().ok();
        Self { bucket: bucket.and_then(|name| BucketName::new(&name).ok()), is_object: !key.is_empty() }
    }
}

#[cfg(test)]
mod tests;
