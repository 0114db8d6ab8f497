//! The doorman. Every request enters here and every answer leaves here.
//!
//! A request gets its name, is asked whether it belongs to the lake's own paths, judged by its head, and admitted if
//! there is room; then it goes to s3s with its body under watch. On the way out the answer is given the request's name,
//! errors that s3s made of a failed body are put right, and the request is counted and logged when its last byte is gone.

mod audit;
mod aws_chunked;
pub(crate) mod body;
pub(crate) mod body_fault;
mod cors;
pub(crate) mod digests;
mod form;
mod head;
pub(crate) mod hoisted;
mod lake;
pub(crate) mod markup;
pub(crate) mod mechanism;
pub(crate) mod mend;
pub(crate) mod payload;
pub(crate) mod query;
pub(crate) mod refusal;
mod reply;
pub(crate) mod trace;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use engine::Engine;
use futures::future::BoxFuture;
use http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_RANGE, RETRY_AFTER, SERVER};
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body::Body as _;
use kernel::{Clock, Entropy, Region, Who};
use s3s::{HttpError, HttpRequest, HttpResponse, S3Error, StdError};
use tokio::sync::Semaphore;

use crate::Limits;
use crate::credentials::Head;
use crate::listen::{Activity, ClientCertificate};
use crate::meters::GatewayMeters;
use crate::origin::From;
use crate::own::query_api;
use crate::own::website::{self, WebsiteVisit};
use crate::own::{Claim, Vouched, admin};
use crate::s3_error::Mistake;
use crate::virtual_host::{Place, VirtualHosts};
use body::{RequestBody, Watch};
use cors::Crossing;
pub(crate) use lake::LakeFacts;
use mechanism::Mechanism;
use refusal::Refusal;
use reply::{Closing, Reply};
use trace::{RequestTrace, Resolved};

/// Where a request comes from.
#[derive(Clone)]
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    pub(crate) activity: Arc<Activity>,
    /// The version of TLS that it came over: `1.2`, `1.3`; none where it came in the clear.
    pub(crate) tls: Option<&'static str>,
    /// The certificate that the client has shown.
    pub(crate) certificate: Option<Arc<ClientCertificate>>,
}

/// What stands behind the door.
pub(crate) type Inner = Box<dyn Fn(HttpRequest) -> BoxFuture<'static, Result<HttpResponse, HttpError>> + Send + Sync>;

/// What a request shows instead of a signature.
pub(crate) enum Shown {
    /// A bearer token.
    Token(String),
    /// The certificate of its connection.
    Certificate(Arc<ClientCertificate>),
}

/// Finds out who shows something that came from an address.
pub(crate) type Login = Box<dyn Fn(Shown, IpAddr) -> BoxFuture<'static, Result<Who, Mistake>> + Send + Sync>;

/// What the doorman is made of.
pub(crate) struct FrontParts {
    pub(crate) inner: Inner,
    pub(crate) lake: LakeFacts,
    pub(crate) virtual_hosts: VirtualHosts,
    pub(crate) cors: cors::Rules,
    pub(crate) login: Login,
    pub(crate) region: Region,
    pub(crate) limits: Arc<Limits>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) meters: Arc<GatewayMeters>,
    /// Who writes the audit; none in tests that have no lake.
    pub(crate) auditor: Option<Arc<Engine>>,
}

/// The doorman.
pub(crate) struct Front {
    parts: FrontParts,
    watch: Watch,
    requests: Arc<Semaphore>,
    host_id: Arc<str>,
    host_id_header: Option<HeaderValue>,
}

/// In which words errors are told.
#[derive(Clone, Copy)]
enum Dialect {
    S3,
    Admin,
    Query,
}

impl Dialect {
    fn of(parts: &Parts, place: &Place) -> Self {
        match () {
            () if admin::is_claimed(parts, place) => Self::Admin,
            () if query_api::is_claimed(parts, place) => Self::Query,
            () => Self::S3,
        }
    }
}

/// A request as it came, and what its host says.
struct Asked<B> {
    parts: Parts,
    place: Result<Place, Refusal>,
    body: RequestBody<B>,
}

/// A head that may go on, and what its body must be.
struct Entering {
    parts: Parts,
    payload: payload::Payload,
    shown: Option<Shown>,
}

impl Front {
    pub(crate) fn new(parts: FrontParts) -> Self {
        let host_id: Arc<str> = hex::encode(parts.entropy.array::<16>()).into();
        let watch = Watch {
            clock: Arc::clone(&parts.clock),
            limits: Arc::clone(&parts.limits),
            buffers: Arc::new(Semaphore::new(parts.limits.buffered_bytes_max / 1024)),
        };
        Self {
            watch,
            requests: Arc::new(Semaphore::new(parts.limits.requests_max)),
            host_id_header: HeaderValue::from_str(&host_id).ok(),
            host_id,
            parts,
        }
    }

    pub(crate) fn limits(&self) -> &Arc<Limits> {
        &self.parts.limits
    }
    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        &self.parts.clock
    }
    pub(crate) fn meters(&self) -> &Arc<GatewayMeters> {
        &self.parts.meters
    }

    /// Answers one request.
    pub(crate) async fn answer<B>(&self, request: Request<B>, peer: &Peer) -> Response<Reply>
    where
        B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<StdError>,
    {
        let begun = self.parts.clock.monotonic();
        let trace = Arc::new(RequestTrace::new(self.parts.entropy.as_ref(), &self.host_id, begun, &self.parts.meters));
        let (parts, body) = request.into_parts();
        let method = parts.method.clone();
        let resource = parts.uri.path().to_owned();
        let place = self.place(&parts);
        let dialect = place.as_ref().map_or(Dialect::S3, |place| Dialect::of(&parts, place));
        let mut closing = Closing::new(Arc::clone(&trace), Arc::clone(&self.parts.clock), peer, method.clone());
        // From here on, a body that is not read to its end is noticed.
        let body = RequestBody::new(body, self.watch.clone(), Arc::clone(&trace), Arc::clone(&peer.activity));
        let crossing = Crossing::of(&parts, place.as_ref().ok(), &self.parts.cors).await;
        let handled = self.audited(
            &trace,
            peer,
            &resource,
            self.handle(Asked { parts, place, body }, peer, &trace, &mut closing),
        );
        let mut response = handled.await;
        self.dress(&mut response, &trace, &resource, &method);
        if is_error(response.status()) {
            match dialect {
                Dialect::S3 => {}
                Dialect::Admin => refusal::write_as_json(&mut response, &trace),
                Dialect::Query => refusal::write_as_query(&mut response, &trace),
            }
        }
        if let Some(crossing) = crossing {
            crossing.tell(response.headers_mut());
        }
        if peer.activity.is_body_abandoned() && !peer.activity.is_multiplexed() {
            // What is left of the body stands where the next request would begin. hyper closes, also where the client was
            // not told to continue, but does not say so. Source: RFC 9110, 10.1.1.
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        let declared = response.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        closing.answered(response.status(), declared.or_else(|| response.body().size_hint().exact()));
        response.map(|body| Reply::new(body, closing))
    }

    async fn handle<B>(
        &self,
        asked: Asked<B>,
        peer: &Peer,
        trace: &Arc<RequestTrace>,
        closing: &mut Closing,
    ) -> Result<HttpResponse, Refusal>
    where
        B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<StdError>,
    {
        let Asked { parts, place, mut body } = asked;
        if let Some(answer) = self.lake(&parts, place.as_ref().ok(), trace) {
            return answer;
        }
        let place = place?;
        if parts.method == Method::OPTIONS {
            return self.preflight(&parts, &place, trace, closing).await;
        }
        let is_reading = matches!(parts.method, Method::GET | Method::HEAD);
        if matches!(place, Place::Website(_)) && !is_reading {
            return Ok(website::not_allowed(&parts.method, trace));
        }
        let Entering { mut parts, payload, shown } = self.judge(parts, &place, body.is_end_stream(), peer)?;
        self.admit(closing)?;
        if let Some(claim) = Claim::of(&parts, &place) {
            parts.extensions.insert(claim);
        }
        if let Place::Website(bucket) = place {
            let host = head::host(&parts)?.to_owned();
            parts.extensions.insert(Claim::Website(WebsiteVisit { bucket, host, is_secure: peer.tls.is_some() }));
        }
        if head::must_be_measured(&parts, payload) && body.size_hint().exact().is_none() {
            let bytes = body.measure().await.map_err(|kind| {
                trace.fail(kind);
                kind.refusal()
            })?;
            parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(bytes));
        }
        if matches!(parts.extensions.get(), Some(Claim::Query)) {
            self.hash_form(&mut parts, &mut body, trace).await?;
        }
        body.expect(payload, &parts);
        parts.extensions.insert(From { address: peer.address.ip(), tls: peer.tls });
        parts.extensions.insert(Arc::clone(trace));
        if let Some(certificate) = &peer.certificate {
            parts.extensions.insert(Arc::clone(certificate));
        }
        if let Some(shown) = shown {
            let who = match (self.parts.login)(shown, peer.address.ip()).await {
                Ok(who) => who,
                Err(mistake) => {
                    return S3Error::from(mistake).to_http_response().map_err(|_| Refusal::internal());
                }
            };
            let caller = Head::of(&parts.headers, parts.uri.query(), &parts.extensions).caller(who);
            parts.extensions.insert(caller);
            parts.extensions.insert(Vouched);
        }
        let request = Request::from_parts(parts, s3s::Body::http_body_unsync(body));
        let answer = (self.parts.inner)(request).await;
        match (answer, trace.fault()) {
            // An error after the body failed is that failure, whatever it was taken for: s3s makes `500` of it.
            (Ok(response), Some(fault)) if is_error(response.status()) => Err(fault.refusal()),
            (Ok(response), _) => Ok(response),
            (Err(error), _) => Err(unwritable(&error, trace)),
        }
    }

    /// IAM's clients sign the hash of a form and do not say it, so it is worked out before the signature is looked at.
    async fn hash_form<B>(
        &self,
        parts: &mut Parts,
        body: &mut RequestBody<B>,
        trace: &RequestTrace,
    ) -> Result<(), Refusal>
    where
        B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<StdError>,
    {
        let measured = body.measure_whole().await.map_err(|kind| {
            trace.fail(kind);
            kind.refusal()
        })?;
        if !parts.headers.contains_key(payload::CONTENT_SHA256) {
            let hash = hex::encode(ring::digest::digest(&ring::digest::SHA256, &measured));
            let hash = HeaderValue::try_from(hash).map_err(|_| Refusal::internal())?;
            parts.headers.insert(payload::CONTENT_SHA256, hash);
        }
        Ok(())
    }

    /// Takes the request in, if there is room.
    fn admit(&self, closing: &mut Closing) -> Result<(), Refusal> {
        match Arc::clone(&self.requests).try_acquire_owned() {
            Ok(admission) => closing.admit(admission),
            Err(_) => {
                self.parts.meters.requests_refused.add(1);
                return Err(Refusal::slow_down());
            }
        }
        Ok(())
    }

    fn place(&self, parts: &Parts) -> Result<Place, Refusal> {
        head::host(parts).map(|host| self.parts.virtual_hosts.place(host))
    }

    /// Answers what a browser asks beforehand, whoever it is: no signature is looked at.
    async fn preflight(
        &self,
        parts: &Parts,
        place: &Place,
        trace: &RequestTrace,
        closing: &mut Closing,
    ) -> Result<HttpResponse, Refusal> {
        head::sizes(parts, &self.parts.limits)?;
        self.admit(closing)?;
        let operation = self.parts.meters.operation("Preflight");
        trace.resolve(Resolved { operation, bucket: None, key: None, caller: None });
        cors::preflight(parts, place, &self.parts.cors).await
    }

    /// The lake's own paths; not where the host names a bucket, in which `_lake/…` is a key like any other.
    fn lake(
        &self,
        parts: &Parts,
        place: Option<&Place>,
        trace: &RequestTrace,
    ) -> Option<Result<HttpResponse, Refusal>> {
        if !parts.uri.path().starts_with(lake::PREFIX) {
            return None;
        }
        // A host that says nothing names no bucket.
        if place.is_some_and(|place| *place != Place::Path || admin::is_claimed(parts, place)) {
            return None;
        }
        let (operation, answer) = self.parts.lake.answer(parts);
        trace.resolve(Resolved {
            operation: self.parts.meters.operation(operation),
            bucket: None,
            key: None,
            caller: None,
        });
        Some(answer)
    }

    fn judge(&self, mut parts: Parts, place: &Place, body_is_empty: bool, peer: &Peer) -> Result<Entering, Refusal> {
        let judged = head::judge(&mut parts, body_is_empty, &self.parts.region, &self.parts.limits)?;
        if judged.mechanism == Mechanism::Form {
            form::claim(&mut parts, place, peer.tls.is_some(), judged.payload)?;
        }
        let shown = match judged.mechanism {
            Mechanism::Bearer => mechanism::take_token(&mut parts).map(Shown::Token),
            Mechanism::Anonymous => peer.certificate.clone().map(Shown::Certificate),
            Mechanism::Header | Mechanism::Query | Mechanism::Form => None,
        };
        Ok(Entering { parts, payload: judged.payload, shown })
    }

    /// What every answer bears.
    fn dress(&self, response: &mut HttpResponse, trace: &RequestTrace, resource: &str, method: &Method) {
        let status = response.status();
        if *method == Method::HEAD {
            // Nothing may follow the head, and hyper takes lengths from the body unless a header tells.
            if let Some(length) = response.body().size_hint().exact().filter(|bytes| *bytes > 0)
                && !response.headers().contains_key(CONTENT_LENGTH)
                && !is_error(status)
            {
                response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
            }
            *response.body_mut() = s3s::Body::empty();
            if status == StatusCode::OK && response.headers().contains_key(CONTENT_RANGE) {
                // s3s knows of parts only where there is a body.
                *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            }
        } else if is_error(status) {
            refusal::name_request(response, trace, resource);
        }
        let headers = response.headers_mut();
        headers.insert(SERVER, HeaderValue::from_static("twinlake"));
        for (name, id) in [("x-amz-request-id", trace.id_header()), ("x-amz-id-2", self.host_id_header.clone())] {
            if let Some(id) = id {
                headers.insert(name, id);
            }
        }
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
    }
}

fn is_error(status: StatusCode) -> bool {
    status.is_client_error() || status.is_server_error()
}

/// s3s could not write its answer. Before the operation is known that is an error whose message cannot stand in XML,
/// because it repeats what the client sent.
fn unwritable(error: &HttpError, trace: &RequestTrace) -> Refusal {
    if trace.resolved().is_none() {
        return Refusal::bad_request("InvalidRequest", "The request holds characters that are not allowed.");
    }
    tracing::error!(request_id = trace.id(), error = error as &(dyn std::error::Error + 'static), "no answer");
    Refusal::internal()
}

#[cfg(test)]
pub(crate) mod tests;
