//! The body of a request, watched while s3s and the operations read it: its pace, its framing, and for documents (XML,
//! JSON) their size, hash and markup. What is watched for is settled when the first byte is asked for, because only then
//! is the operation known.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::request::Parts;
use http_body::{Body, Frame, SizeHint};
use kernel::Clock;
use s3s::StdError;
use s3s::crypto::{Checksum, Sha256};
use tokio::sync::Semaphore;

use super::aws_chunked::Framing;
use super::body_fault::{BodyFault, BodyFaultKind};
use super::digests::{Digests, Verifier};
use super::markup::Markup;
use super::mend::Mended;
use super::payload::Payload;
use super::trace::RequestTrace;
use crate::Limits;
use crate::alarm::Alarm;
use crate::listen::Activity;
use crate::own::{Claim, admin, batch};
use crate::s3_error::BodyIdle;

/// What all watched bodies share.
#[derive(Clone)]
pub(crate) struct Watch {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) limits: Arc<Limits>,
    /// KiB that may be held in memory.
    pub(crate) buffers: Arc<Semaphore>,
}

/// A request's body.
pub(crate) struct RequestBody<B> {
    inner: B,
    watch: Watch,
    trace: Arc<RequestTrace>,
    activity: Arc<Activity>,
    pace: Pace,
    payload: Payload,
    digests: Option<Digests>,
    reading: Reading,
    /// Bytes that have come.
    came: u64,
    /// Bytes announced, if they were.
    announced: Option<u64>,
    /// What was read to find out the length.
    measured: Option<Measured>,
}

/// A body that was read before anybody asked for it, and not yet given out.
enum Measured {
    Whole(Bytes),
    GivenOut,
}

/// A body without a length is read to find it out, before anything is known of its sender, so it must be short: as many
/// as there may be requests must fit into what may be held in memory.
const MEASURED_BYTES_MAX: usize = 128 << 10;

/// What is looked at in the bytes.
enum Reading {
    /// Nothing was asked for yet.
    Before,
    /// Bytes as they are.
    Plain,
    Chunked {
        framing: Framing,
        signed: bool,
    },
    Document(Box<Document>),
    /// A form that is held in memory while it is read.
    Form,
    /// The end, or a fault, was given out.
    After,
}

/// Operations whose body is the object's bytes; every other body is a document.
const BODY_IS_STREAM: [&str; 5] =
    ["PostObject", "PutObject", "PutObjectAnnotation", "UploadPart", "WriteGetObjectResponse"];

/// Whether the operation's document is JSON; every other document is XML.
fn is_json(operation: &str) -> bool {
    matches!(operation, "PutBucketPolicy" | batch::OPERATION) || admin::is_operation(operation)
}

/// Whether the operation's body is a stream of bytes.
pub(crate) fn body_is_stream(operation: &str) -> bool {
    BODY_IS_STREAM.contains(&operation)
}

impl<B> RequestBody<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<StdError>,
{
    pub(crate) fn new(inner: B, watch: Watch, trace: Arc<RequestTrace>, activity: Arc<Activity>) -> Self {
        let announced = inner.size_hint().exact();
        Self {
            pace: Pace::new(Arc::clone(&watch.clock), &watch.limits),
            inner,
            watch,
            trace,
            activity,
            payload: Payload::Unsigned,
            digests: None,
            reading: Reading::Before,
            came: 0,
            announced,
            measured: None,
        }
    }

    /// Reads a short body that came without a length, and tells its length.
    pub(crate) async fn measure(&mut self) -> Result<u64, BodyFaultKind> {
        let mut whole = BytesMut::new();
        while let Some(frame) = poll_fn(|cx| self.poll_inner(cx)).await {
            let data = frame.map(|frame| frame.into_data().unwrap_or_default()).map_err(|fault| fault.kind)?;
            if whole.len() + data.len() > MEASURED_BYTES_MAX {
                return Err(BodyFaultKind::LengthMissing);
            }
            whole.extend_from_slice(&data);
        }
        let bytes = whole.len() as u64;
        self.announced = Some(bytes);
        self.measured = Some(Measured::Whole(whole.freeze()));
        Ok(bytes)
    }

    /// Reads the body, keeps it, and gives it back: for what must be looked at as a whole before anybody asks for it.
    pub(crate) async fn measure_whole(&mut self) -> Result<Bytes, BodyFaultKind> {
        if self.measured.is_none() {
            self.measure().await?;
        }
        match &self.measured {
            Some(Measured::Whole(bytes)) => Ok(bytes.clone()),
            Some(Measured::GivenOut) | None => Ok(Bytes::new()),
        }
    }

    /// The next bytes as they came, or were kept.
    fn poll_inner(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyFault>>> {
        if let Some(measured) = &mut self.measured {
            return Poll::Ready(match std::mem::replace(measured, Measured::GivenOut) {
                Measured::Whole(bytes) if !bytes.is_empty() => Some(Ok(Frame::data(bytes))),
                Measured::Whole(_) | Measured::GivenOut => None,
            });
        }
        let fault = |kind, source| Poll::Ready(Some(Err(BodyFault { kind, source })));
        match Pin::new(&mut self.inner).poll_frame(cx) {
            Poll::Pending if self.pace.waits_too_long(cx) => fault(BodyFaultKind::Idle, Some(Box::new(BodyIdle))),
            Poll::Ready(Some(Err(error))) => fault(BodyFaultKind::Broken, Some(error.into())),
            Poll::Ready(Some(Ok(frame))) => {
                self.pace.came(frame.data_ref().map_or(0, Bytes::len) as u64);
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    }

    /// Tells what the headers say of the body: how it is protected, and its digests.
    pub(crate) fn expect(&mut self, payload: Payload, parts: &Parts) {
        self.payload = payload;
        self.digests = match parts.extensions.get::<Mended>() {
            None => Digests::of(&parts.headers),
            Some(mended) => {
                let mut headers = parts.headers.clone();
                headers.extend(mended.iter().map(|(name, value)| (name.clone(), value.clone())));
                Digests::of(&headers)
            }
        };
        if let Some(Claim::Form(head)) = parts.extensions.get::<Claim>()
            && head.is_held()
        {
            self.reading = Reading::Form;
        }
    }

    fn begin(&mut self) -> Result<(), BodyFaultKind> {
        let operation = self.trace.resolved().map(|resolved| resolved.operation.name());
        self.reading = match (self.payload, operation) {
            (Payload::Chunked { signed }, _) => Reading::Chunked { framing: Framing::new(), signed },
            // A long form, which is read before its operation is known.
            (_, None) => Reading::Plain,
            (_, Some(name)) if body_is_stream(name) => Reading::Plain,
            (payload, Some(name)) => {
                if self.announced.is_some_and(|bytes| bytes > self.watch.limits.document_bytes_max as u64) {
                    return Err(BodyFaultKind::DocumentTooLarge);
                }
                let digests = self.digests.take().map(|digests| digests.verifier(name)).transpose()?;
                let markup = (!is_json(name)).then(|| Markup::of(name));
                Reading::Document(Box::new(Document::new(payload, digests, markup)))
            }
        };
        Ok(())
    }

    fn data(&mut self, data: &[u8]) -> Result<(), BodyFaultKind> {
        self.came += data.len() as u64;
        self.trace.received(data.len() as u64);
        match &mut self.reading {
            Reading::Chunked { framing, signed } => {
                let (signed, watch, trace) = (*signed, &self.watch, &self.trace);
                framing.advance(data, |size| {
                    // s3s refuses larger chunks by their header.
                    let held = size.min(watch.limits.chunk_bytes_max as u64);
                    if signed { hold(watch, trace, held, false) } else { Ok(()) }
                })
            }
            Reading::Document(document) => {
                if self.came > self.watch.limits.document_bytes_max as u64 {
                    return Err(BodyFaultKind::DocumentTooLarge);
                }
                hold(&self.watch, &self.trace, data.len() as u64, true)?;
                document.advance(data)?;
                // Whoever reads a body of known length may not ask for its end.
                if self.announced == Some(self.came) { document.finish() } else { Ok(()) }
            }
            Reading::Form => hold(&self.watch, &self.trace, data.len() as u64, true),
            Reading::Before | Reading::Plain | Reading::After => Ok(()),
        }
    }

    fn end(&mut self) -> Result<(), BodyFaultKind> {
        match std::mem::replace(&mut self.reading, Reading::After) {
            Reading::Chunked { framing, .. } => framing.finish(),
            Reading::Document(mut document) => document.finish(),
            Reading::Before | Reading::Plain | Reading::Form | Reading::After => Ok(()),
        }
    }

    fn fault(
        &mut self,
        kind: BodyFaultKind,
        source: Option<StdError>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyFault>>> {
        self.reading = Reading::After;
        self.activity.abandon_body();
        self.trace.fail(kind);
        Poll::Ready(Some(Err(BodyFault { kind, source })))
    }
}

/// Takes the right to hold `bytes` more for the request, or these in place of what it holds.
fn hold(watch: &Watch, trace: &RequestTrace, bytes: u64, in_addition: bool) -> Result<(), BodyFaultKind> {
    if !in_addition {
        trace.release();
    }
    let Ok(kib) = u32::try_from(bytes.div_ceil(1024)) else {
        return Err(BodyFaultKind::Busy);
    };
    match Arc::clone(&watch.buffers).try_acquire_many_owned(kib) {
        Ok(permit) => {
            trace.hold(permit, in_addition);
            Ok(())
        }
        Err(_) => {
            trace.meters.buffers_refused.add(1);
            Err(BodyFaultKind::Busy)
        }
    }
}

impl<B> Body for RequestBody<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<StdError>,
{
    type Data = Bytes;
    type Error = BodyFault;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyFault>>> {
        let this = self.get_mut();
        match this.reading {
            Reading::After => return Poll::Ready(None),
            Reading::Before => {
                if let Err(kind) = this.begin() {
                    return this.fault(kind, None);
                }
            }
            _ => {}
        }
        match this.poll_inner(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Some(Ok(frame))) => match this.data(frame.data_ref().map_or(&[][..], |data| data.as_ref())) {
                Ok(()) => Poll::Ready(Some(Ok(frame))),
                Err(kind) => this.fault(kind, None),
            },
            Poll::Ready(Some(Err(fault))) => this.fault(fault.kind, fault.source),
            Poll::Ready(None) => match this.end() {
                Ok(()) => Poll::Ready(None),
                Err(kind) => this.fault(kind, None),
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        match (&self.reading, self.payload) {
            (Reading::After, _) => true,
            // The end of these is still to be judged.
            (_, Payload::Chunked { .. }) => false,
            _ => match &self.measured {
                Some(Measured::Whole(bytes)) => bytes.is_empty(),
                Some(Measured::GivenOut) => true,
                None => self.inner.is_end_stream(),
            },
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.measured {
            Some(Measured::Whole(bytes)) => SizeHint::with_exact(bytes.len() as u64),
            Some(Measured::GivenOut) => SizeHint::with_exact(0),
            None => self.inner.size_hint(),
        }
    }
}

impl<B> Drop for RequestBody<B> {
    fn drop(&mut self) {
        let was_read = self.measured.is_some() || self.announced == Some(self.came);
        let complete = matches!(self.reading, Reading::After) || was_read;
        if !complete {
            self.activity.abandon_body();
        }
    }
}

/// Measures a body's pace: only the time in which the reader waited for the client counts, so that a slow disk is not
/// held against it.
struct Pace {
    alarm: Alarm,
    window: Duration,
    bytes_min: u64,
    waited: Duration,
    waiting_since: Option<Duration>,
    came: u64,
}

impl Pace {
    fn new(clock: Arc<dyn Clock>, limits: &Limits) -> Self {
        Self {
            alarm: Alarm::new(clock),
            window: limits.body_wait,
            bytes_min: bytes_min(limits),
            waited: Duration::ZERO,
            waiting_since: None,
            came: 0,
        }
    }

    /// Some bytes came.
    fn came(&mut self, bytes: u64) {
        if let Some(since) = self.waiting_since.take() {
            self.waited += self.alarm.now().saturating_sub(since);
        }
        self.came = self.came.saturating_add(bytes);
        if self.came >= self.bytes_min {
            self.came = 0;
            self.waited = Duration::ZERO;
        }
    }

    /// No bytes are there: whether the client has now had its time.
    fn waits_too_long(&mut self, cx: &mut Context<'_>) -> bool {
        let since = *self.waiting_since.get_or_insert_with(|| self.alarm.now());
        let left = self.window.saturating_sub(self.waited);
        self.alarm.poll(since + left, cx).is_ready()
    }
}

/// What a body must bring in one window.
fn bytes_min(limits: &Limits) -> u64 {
    let bytes = u128::from(limits.body_bytes_per_second_min) * limits.body_wait.as_millis() / 1000;
    u64::try_from(bytes).unwrap_or(u64::MAX).max(1)
}

/// Looks over an XML or JSON body.
struct Document {
    hash: Option<(Sha256, [u8; 32])>,
    digests: Option<Verifier>,
    /// Of XML only.
    markup: Option<Markup>,
}

impl Document {
    fn new(payload: Payload, digests: Option<Verifier>, markup: Option<Markup>) -> Self {
        let hash = match payload {
            Payload::Hash(expected) => Some((Sha256::new(), expected)),
            Payload::Unsigned | Payload::Chunked { .. } => None,
        };
        Self { hash, digests, markup }
    }

    fn advance(&mut self, data: &[u8]) -> Result<(), BodyFaultKind> {
        if let Some((hash, _)) = &mut self.hash {
            hash.update(data);
        }
        if let Some(digests) = &mut self.digests {
            digests.update(data);
        }
        self.markup.as_mut().map_or(Ok(()), |markup| markup.advance(data))
    }

    fn finish(&mut self) -> Result<(), BodyFaultKind> {
        if let Some((hash, expected)) = self.hash.take()
            && hash.finalize().as_ref() != expected
        {
            return Err(BodyFaultKind::HashDiffers);
        }
        self.digests.take().map_or(Ok(()), Verifier::finish)
    }
}
