//! The body of an answer, and the end of a request: when the last byte is taken, or the client has left, the request is
//! counted and written to the log.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Method, StatusCode};
use http_body::{Body, Frame, SizeHint};
use kernel::{Caller, Clock};
use s3s::StdError;
use tokio::sync::OwnedSemaphorePermit;

use super::Peer;
use super::trace::RequestTrace;

/// An answer's body.
pub(crate) struct Reply {
    body: s3s::Body,
    closing: Closing,
}

impl Reply {
    pub(crate) fn new(body: s3s::Body, closing: Closing) -> Self {
        Self { body, closing }
    }
}

impl Body for Reply {
    type Data = Bytes;
    type Error = StdError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, StdError>>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.body).poll_frame(cx);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                let bytes = frame.data_ref().map_or(0, Bytes::len) as u64;
                this.closing.bytes_out += bytes;
                this.closing.trace.meters.bytes_out.add(bytes);
            }
            Poll::Ready(Some(Err(error))) => {
                tracing::warn!(
                    request_id = this.closing.trace.id(),
                    error = error.as_ref() as &(dyn std::error::Error + 'static),
                    "an answer broke off"
                );
            }
            Poll::Ready(None) => this.closing.end = End::Complete,
            Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// How far an answer got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// There is no answer yet.
    Unanswered,
    /// Complete once so many bytes are out.
    After(u64),
    /// Complete when its body ends.
    Open,
    Complete,
}

/// Ends a request when dropped.
pub(crate) struct Closing {
    trace: Arc<RequestTrace>,
    clock: Arc<dyn Clock>,
    peer: Peer,
    method: Method,
    status: Option<StatusCode>,
    bytes_out: u64,
    end: End,
    /// One of the requests that may be under way.
    admission: Option<OwnedSemaphorePermit>,
}

impl Closing {
    /// Begins a request.
    pub(crate) fn new(trace: Arc<RequestTrace>, clock: Arc<dyn Clock>, peer: &Peer, method: Method) -> Self {
        trace.meters.requests_open.add(1);
        peer.activity.begin_request();
        Self {
            trace,
            clock,
            peer: peer.clone(),
            method,
            status: None,
            bytes_out: 0,
            end: End::Unanswered,
            admission: None,
        }
    }

    /// Keeps the request's place among those under way until it ends.
    pub(crate) fn admit(&mut self, admission: OwnedSemaphorePermit) {
        self.admission = Some(admission);
    }

    /// Notes the answer. `bytes` is the length of its body, if it is known.
    pub(crate) fn answered(&mut self, status: StatusCode, bytes: Option<u64>) {
        self.status = Some(status);
        let is_bodyless =
            self.method == Method::HEAD || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        self.end = match bytes {
            _ if is_bodyless => End::Complete,
            Some(bytes) => End::After(bytes),
            None => End::Open,
        };
    }

    fn outcome(&self) -> &'static str {
        match self.end {
            End::Complete => "complete",
            End::After(bytes) if self.bytes_out >= bytes => "complete",
            End::After(_) | End::Open => "broken off",
            End::Unanswered => "cancelled",
        }
    }
}

impl Drop for Closing {
    fn drop(&mut self) {
        self.admission.take();
        let trace = &self.trace;
        let took = self.clock.monotonic().saturating_sub(trace.begun);
        let resolved = trace.resolved();
        let operation = resolved.map(|resolved| Arc::clone(&resolved.operation));
        let operation = operation.unwrap_or_else(|| trace.meters.operation(crate::meters::UNKNOWN));
        operation.record(self.status, took);
        trace.meters.requests_open.add(-1);
        self.peer.activity.end_request();
        let caller = resolved.and_then(|resolved| resolved.caller.as_ref()).map(Caller::to_string);
        tracing::info!(
            target: crate::REQUEST_LOG_TARGET,
            request_id = trace.id(),
            remote = %self.peer.address,
            method = self.method.as_str(),
            operation = operation.name(),
            bucket = resolved.and_then(|resolved| resolved.bucket.as_deref()),
            // Keys may hold line ends and escape sequences.
            key = resolved.and_then(|resolved| resolved.key.as_deref()).map(tracing::field::debug),
            caller,
            status = self.status.map(|status| status.as_u16()),
            outcome = self.outcome(),
            duration_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
            bytes_in = trace.bytes_in.load(Relaxed),
            bytes_out = self.bytes_out,
        );
    }
}
