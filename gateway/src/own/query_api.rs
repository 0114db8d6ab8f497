//! AWS's Query protocol: `aws iam` and `aws sts`, at the same address as S3.
//!
//! A request is a form of names and values, posted to `/` and signed for the service `iam` or `sts`; some of STS come
//! unsigned, because what they bring is what proves who asks. An answer is XML that wraps what it says twice. Each
//! operation takes its parameters out by name, and what is left over then is refused by name: a parameter that means
//! nothing here would be a wish that nobody hears.
//!
//! Source: IAM API Reference and AWS STS API Reference, *Making query requests*.

mod iam;
mod parameters;
mod sts;
mod xml;

use std::sync::Arc;

use bytes::Bytes;
use engine::Engine;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use http::request::Parts;
use http::{Method, StatusCode};
use http_body_util::{BodyExt, Limited};
use kernel::Caller;
use s3s::{Body, S3Request, S3Response};

use super::Desk;
use crate::front::payload::{CONTENT_SHA256, Payload};
use crate::front::trace::RequestTrace;
use crate::listen::ClientCertificate;
use crate::s3_error::{Failure, Mistake};
use crate::virtual_host::Place;
use parameters::Parameters;
pub(crate) use xml::Node;

/// The services whose requests come here.
pub(crate) const SERVICES: [&str; 2] = ["iam", "sts"];
/// What these requests are called in the log and the meters.
pub(crate) const OPERATION: &str = "Query";
/// Bytes of a form.
const FORM_BYTES_MAX: usize = 64 << 10;
const FORM_TYPE: &str = "application/x-www-form-urlencoded";

/// Who asks whom.
struct Asked<'a> {
    engine: &'a Engine,
    caller: &'a Caller,
    parameters: Parameters,
}

/// Whether a request is one of these: S3 has no POST on the service itself.
pub(crate) fn is_claimed(parts: &Parts, place: &Place) -> bool {
    let kind = parts.headers.get(CONTENT_TYPE).map_or(&[][..], HeaderValue::as_bytes);
    *place == Place::Path && is_form(&parts.method, parts.uri.path(), kind)
}

/// Whether a request looks like one of these, before its host is known.
pub(crate) fn is_form(method: &Method, path: &str, content_type: &[u8]) -> bool {
    let begins =
        content_type.get(..FORM_TYPE.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(FORM_TYPE.as_bytes()));
    *method == Method::POST && path == "/" && begins
}

/// Whether a signature covers the form: it stands in the header, and the hash of the body is part of it, whether the client
/// names it or not. Else whoever saw one request on its way could send another form with it.
pub(crate) fn is_signed_as_it_must_be(headers: &HeaderMap) -> bool {
    headers.contains_key(AUTHORIZATION)
        && (!headers.contains_key(CONTENT_SHA256) || matches!(Payload::of(headers), Ok(Payload::Hash(_))))
}

/// Answers a request whose signature, if it has one, was verified.
pub(crate) async fn answer(
    desk: &Desk,
    request: S3Request<Body>,
    trace: &RequestTrace,
) -> Result<S3Response<Body>, Failure> {
    let S3Request { input, extensions, .. } = request;
    let form = read(input).await?;
    let mut parameters = Parameters::read(&form)?;
    let (action, version) = (parameters.need("Action")?, parameters.take("Version"));
    let caller = extensions.get::<Caller>().cloned().unwrap_or_else(Caller::anonymous);
    let certificate = extensions.get::<Arc<ClientCertificate>>();
    let proof = sts::Proof { logins: &desk.logins, certificate: certificate.map(AsRef::as_ref) };
    let asked = Asked { engine: &desk.engine, caller: &caller, parameters };
    let (namespace, result) = match version.as_deref() {
        Some(sts::VERSION) => (sts::NAMESPACE, sts::answer(&action, asked, &proof).await?),
        Some(iam::VERSION) => (iam::NAMESPACE, iam::answer(&action, asked, &desk.logins).await?),
        other => return Err(Mistake::Request(format!("the version `{}` is not known", other.unwrap_or(""))).into()),
    };
    let text = xml::answer(&action, namespace, result, trace.id());
    let mut response = S3Response::with_status(Body::from(Bytes::from(text)), StatusCode::OK);
    response.headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/xml"));
    Ok(response)
}

async fn read(body: Body) -> Result<Bytes, Failure> {
    let body = Limited::new(body, FORM_BYTES_MAX).collect().await;
    let read = body.map_err(|_| Mistake::Request(format!("a form has at most {FORM_BYTES_MAX} bytes")))?;
    Ok(read.to_bytes())
}
