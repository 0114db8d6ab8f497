//! Requests that are not in S3's table.
//!
//! s3s knows S3's operations and nothing else. What the lake answers besides, the doorman marks with a [`Claim`] before
//! s3s sees it; s3s verifies the signature as it does for every request, finds the claim, and hands the request in here.
//! From here it is answered by the file of its claim, or goes through s3s once more, changed and with its caller vouched
//! for.

pub(crate) mod admin;
pub(crate) mod batch;
pub(crate) mod query_api;
pub(crate) mod website;

use std::borrow::Cow;
use std::sync::Arc;

use engine::Engine;
use http::header::AUTHORIZATION;
use http::request::Parts;
use http::{HeaderMap, Method, Request, Uri};
use kernel::Caller;
use s3s::route::S3Route;
use s3s::service::S3Service;
use s3s::{Body, S3Error, S3Request, S3Response, S3Result, s3_error};

use crate::credentials::{self, Head, KeyRing};
use crate::form::FormHead;
use crate::front::mend::Mended;
use crate::front::trace::{RequestTrace, Resolved};
use crate::logins::Logins;
use crate::s3;
use crate::s3::form::Forms;
use crate::s3_error::Mistake;
use crate::virtual_host::Place;
use batch::Batches;
use website::WebsiteVisit;

/// What a request is that s3s has no name for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Claim {
    /// A visit to the website of a bucket, by whomever.
    Website(WebsiteVisit),
    /// An upload form. It is signed inside, if at all, and finds its caller itself.
    Form(FormHead),
    /// A request for administrators.
    Admin,
    /// A request of IAM or STS, by whomever.
    Query,
    /// A batch read of this bucket, by whomever.
    Batch(String),
}

impl Claim {
    /// What a request is by its head, once its host is known to name this place; none where S3 has a name for it.
    pub(crate) fn of(parts: &Parts, place: &Place) -> Option<Self> {
        if admin::is_claimed(parts, place) {
            return Some(Self::Admin);
        }
        if query_api::is_claimed(parts, place) {
            return Some(Self::Query);
        }
        batch::claimed(parts, place).map(Self::Batch)
    }
}

/// Stands in a request's extensions in place of its signature, once that was verified. Nothing from outside can put it
/// there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Vouched;

/// What is needed to answer what s3s has no name for.
pub(crate) struct Desk {
    pub(crate) engine: Arc<Engine>,
    pub(crate) forms: Forms,
    pub(crate) batches: Batches,
    pub(crate) logins: Arc<Logins>,
}

/// The door to what is answered here.
pub(crate) struct OwnRoute {
    /// s3s without this door.
    pub(crate) again: S3Service,
    /// Who signs with what.
    pub(crate) keys: Arc<KeyRing>,
    /// None where there is nothing to answer with, in tests.
    pub(crate) desk: Option<Desk>,
}

#[async_trait::async_trait]
impl S3Route for OwnRoute {
    fn is_match(&self, _: &Method, _: &Uri, _: &HeaderMap, extensions: &mut http::Extensions) -> bool {
        extensions.get::<Claim>().is_some() || extensions.get::<Mended>().is_some()
    }

    /// Finds the caller. Who may do what is the engine's affair, as behind s3s.
    async fn check_access(&self, request: &mut S3Request<Body>) -> S3Result<()> {
        let vouched = request.extensions.get::<Caller>().filter(|_| request.extensions.get::<Vouched>().is_some());
        let vouched = vouched.cloned();
        let is_vouched = vouched.is_some();
        let is_signed = request.credentials.is_some() || is_vouched;
        let access_key = request.credentials.as_ref().map(|credentials| credentials.access_key.as_str());
        // What a link says in its query, it says as if in a header: policies may ask for it.
        let headers = match request.extensions.get::<Mended>() {
            Some(mended) => Cow::Owned(mended.on(&request.headers)),
            None => Cow::Borrowed(&request.headers),
        };
        let head = Head::of(&headers, request.uri.query(), &request.extensions);
        let caller = match vouched {
            Some(caller) => caller,
            None => self.keys.caller(access_key, head)?,
        };
        let may_enter = match request.extensions.get::<Claim>() {
            Some(Claim::Admin) => {
                resolve(request, admin::operation(&request.method, request.uri.path()), &caller);
                if !is_vouched && (!is_signed || !admin::is_signed_as_it_must_be(&request.headers)) {
                    return Err(Mistake::NotSigned.into());
                }
                true
            }
            // Nothing that nobody signed is put off.
            _ if request.extensions.get::<Mended>().is_some() => is_signed,
            None => is_signed,
            Some(Claim::Website(_)) => true,
            Some(Claim::Query) => {
                resolve(request, query_api::OPERATION, &caller);
                if request.credentials.is_some() && !query_api::is_signed_as_it_must_be(&request.headers) {
                    return Err(Mistake::NotSigned.into());
                }
                true
            }
            Some(Claim::Batch(_)) => {
                credentials::refuse_chunks(&request.headers)?;
                true
            }
            Some(Claim::Form(_)) => !is_signed,
        };
        if !may_enter {
            return Err(s3_error!(AccessDenied));
        }
        request.extensions.insert(caller);
        Ok(())
    }

    async fn call(&self, mut request: S3Request<Body>) -> S3Result<S3Response<Body>> {
        if let Some(mended) = request.extensions.remove::<Mended>() {
            mended.apply(&mut request.headers, &mut request.uri);
        }
        match (request.extensions.remove::<Claim>(), &self.desk) {
            (None, _) => self.once_more(request).await,
            (Some(Claim::Website(visit)), _) => self.website(&visit, &request).await,
            (Some(Claim::Form(head)), Some(desk)) => desk.forms.post_object(request, head).await,
            (Some(Claim::Admin), Some(desk)) => administer(desk, request).await,
            (Some(Claim::Query), Some(desk)) => query(desk, request).await,
            (Some(Claim::Batch(bucket)), Some(desk)) => self.batch(desk, bucket, request).await,
            _ => Err(s3_error!(InternalError)),
        }
    }
}

/// Tells the request's trace what it turned out to be. Its body may be read after that.
fn resolve(request: &S3Request<Body>, operation: &str, caller: &Caller) {
    if let Some(trace) = request.extensions.get::<Arc<RequestTrace>>() {
        let operation = trace.meters.operation(operation);
        trace.resolve(Resolved { operation, bucket: None, key: None, caller: Some(caller.clone()) });
    }
}

async fn administer(desk: &Desk, request: S3Request<Body>) -> S3Result<S3Response<Body>> {
    let trace = request.extensions.get::<Arc<RequestTrace>>().cloned();
    let answer = admin::answer(&desk.engine, request).await;
    answer.map_err(|failure| s3::answer(failure, trace.as_deref()))
}

async fn query(desk: &Desk, request: S3Request<Body>) -> S3Result<S3Response<Body>> {
    let trace = request.extensions.get::<Arc<RequestTrace>>().cloned().ok_or(s3_error!(InternalError))?;
    let answer = query_api::answer(desk, request, &trace).await;
    answer.map_err(|failure| s3::answer(failure, Some(&trace)))
}

impl OwnRoute {
    async fn batch(&self, desk: &Desk, bucket: String, mut request: S3Request<Body>) -> S3Result<S3Response<Body>> {
        let caller = request.extensions.remove::<Caller>().unwrap_or_else(Caller::anonymous);
        let trace = request.extensions.get::<Arc<RequestTrace>>().cloned().ok_or(s3_error!(InternalError))?;
        // Which makes the body a document: it is bounded from here on.
        trace.resolve(Resolved {
            operation: trace.meters.operation(batch::OPERATION),
            bucket: Some(bucket.clone()),
            key: None,
            caller: Some(caller.clone()),
        });
        let answer = desk.batches.read(&bucket, &caller, request, &trace).await;
        answer.map_err(|failure| s3::answer(failure, Some(&trace)))
    }

    async fn website(&self, visit: &WebsiteVisit, request: &S3Request<Body>) -> S3Result<S3Response<Body>> {
        let (Some(desk), Some(trace)) = (&self.desk, request.extensions.get::<Arc<RequestTrace>>()) else {
            return Err(s3_error!(InternalError));
        };
        trace.resolve(Resolved {
            operation: trace.meters.operation("GetWebsite"),
            bucket: Some(visit.bucket.clone()),
            key: Some(request.uri.path().to_owned()),
            caller: request.extensions.get::<Caller>().cloned(),
        });
        let (head, body) = website::answer(&desk.engine, visit, request, trace).await.into_parts();
        let mut response = S3Response::with_status(body, head.status);
        response.headers = head.headers;
        Ok(response)
    }

    /// Hands a request with a verified signature to s3s as one that needs none.
    async fn once_more(&self, request: S3Request<Body>) -> S3Result<S3Response<Body>> {
        let S3Request { input, method, uri, mut headers, mut extensions, .. } = request;
        headers.remove(AUTHORIZATION);
        extensions.insert(Vouched);
        let mut again = Request::new(input);
        *again.method_mut() = method;
        *again.uri_mut() = uri;
        *again.headers_mut() = headers;
        *again.extensions_mut() = extensions;
        let (answer, body) = self.again.call(again).await.map_err(S3Error::internal_error)?.into_parts();
        let mut response = S3Response::with_status(body, answer.status);
        response.headers = answer.headers;
        Ok(response)
    }
}
