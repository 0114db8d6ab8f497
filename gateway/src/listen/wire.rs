//! A connection that does not wait for ever.
//!
//! hyper waits without end for a preface, for the rest of a body and for a client to take an answer. Bodies are watched
//! by the doorman; the rest is watched here, below TLS, where the only question is whether bytes move:
//!
//! - a request's head must be complete some time after its first byte, the first one after the connection's start;
//! - between two requests a connection may be silent for so long;
//! - a client must take some byte of an answer in so long;
//! - a connection that closes on a client still sending its body reads on for a moment: closing at once would reset the
//!   connection and take the answer away from under the client.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use kernel::Clock;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

use super::activity::Activity;
use crate::Limits;
use crate::alarm::Alarm;
use crate::meters::GatewayMeters;

/// What a client speaks, by its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http1,
    Http2,
}

const HTTP2_PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Longest reading on of a closing connection; [`Limits::write_wait`], if that is shorter.
const LINGER: Duration = Duration::from_secs(5);

/// A timed connection.
pub(crate) struct Wire<S> {
    stream: S,
    activity: Arc<Activity>,
    limits: Arc<Limits>,
    meters: Arc<GatewayMeters>,
    /// Bytes read to find out the protocol.
    early: Vec<u8>,
    reading: Alarm,
    writing: Alarm,
    opened: Duration,
    /// How many requests had begun when this silence, or this head, began; and when.
    quiet: Option<(u64, Duration)>,
    head: Option<(u64, Duration)>,
    blocked: Option<Duration>,
    lingering: Option<Duration>,
}

impl<S> Wire<S> {
    pub(crate) fn new(
        stream: S,
        activity: Arc<Activity>,
        limits: Arc<Limits>,
        meters: Arc<GatewayMeters>,
        clock: &Arc<dyn Clock>,
    ) -> Self {
        Self {
            stream,
            activity,
            limits,
            meters,
            early: Vec::new(),
            reading: Alarm::new(Arc::clone(clock)),
            writing: Alarm::new(Arc::clone(clock)),
            opened: clock.monotonic(),
            quiet: None,
            head: None,
            blocked: None,
            lingering: None,
        }
    }

    /// Counts the time for the first request from now on.
    pub(crate) fn restart(&mut self) {
        self.opened = self.reading.now();
    }

    /// Whether the client has had its time to send what is due.
    fn read_is_overdue(&mut self, cx: &mut Context<'_>) -> bool {
        if !self.activity.is_idle() {
            return false;
        }
        let begun = self.activity.begun();
        let at = if begun == 0 {
            self.opened + self.limits.head_wait
        } else if let Some((_, since)) = self.head.filter(|head| head.0 == begun) {
            since + self.limits.head_wait
        } else {
            let quiet = match self.quiet {
                Some(quiet) if quiet.0 == begun => quiet,
                _ => *self.quiet.insert((begun, self.reading.now())),
            };
            quiet.1 + self.limits.idle_wait
        };
        self.reading.poll(at, cx).is_ready()
    }

    /// Bytes came.
    fn read_some(&mut self) {
        if !self.activity.is_idle() || self.activity.is_multiplexed() {
            return;
        }
        let begun = self.activity.begun();
        if self.head.is_none_or(|head| head.0 != begun) {
            self.head = Some((begun, self.reading.now()));
        }
    }

    /// Passes on what a write said, unless the client has had its time to take something.
    fn written<T>(&mut self, polled: Poll<io::Result<T>>, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.blocked = None;
            return polled;
        }
        let since = *self.blocked.get_or_insert_with(|| self.writing.now());
        ready!(self.writing.poll(since + self.limits.write_wait, cx));
        Poll::Ready(Err(self.too_slow("the client takes no answer")))
    }

    fn too_slow(&self, message: &'static str) -> io::Error {
        self.meters.connections_too_slow.add(1);
        io::Error::new(io::ErrorKind::TimedOut, message)
    }
}

impl<S: AsyncRead + Unpin> Wire<S> {
    /// Finds out what the client speaks; `None` if it has left. What is neither gets hyper's answer to that.
    ///
    /// # Errors
    /// When the connection breaks, or the client takes too long.
    pub(crate) async fn protocol(&mut self) -> io::Result<Option<Protocol>> {
        let mut first = [0; HTTP2_PREFACE.len()];
        let mut held = 0;
        loop {
            let Some(room) = first.get_mut(held..) else {
                return Ok(None);
            };
            let came = self.read(room).await?;
            if came == 0 {
                return Ok(None);
            }
            held += came;
            let (seen, _) = first.split_at(held.min(first.len()));
            let protocol = if !HTTP2_PREFACE.starts_with(seen) {
                Protocol::Http1
            } else if seen.len() == HTTP2_PREFACE.len() {
                Protocol::Http2
            } else {
                continue;
            };
            self.early = seen.to_vec();
            return Ok(Some(protocol));
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Wire<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.early.is_empty() {
            let taken = this.early.len().min(into.remaining());
            into.put_slice(this.early.drain(..taken).as_slice());
            return Poll::Ready(Ok(()));
        }
        let before = into.filled().len();
        match Pin::new(&mut this.stream).poll_read(cx, into) {
            Poll::Pending if this.read_is_overdue(cx) => Poll::Ready(Err(this.too_slow("the client sends no request"))),
            Poll::Pending => Poll::Pending,
            ready => {
                if into.filled().len() > before {
                    this.read_some();
                }
                ready
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.stream).poll_write(cx, bytes);
        this.written(polled, cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.stream).poll_write_vectored(cx, slices);
        this.written(polled, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.stream).poll_flush(cx);
        this.written(polled, cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let until = match this.lingering {
            Some(until) => until,
            None => {
                ready!(Pin::new(&mut this.stream).poll_shutdown(cx))?;
                if !this.activity.is_body_abandoned() {
                    return Poll::Ready(Ok(()));
                }
                *this.lingering.insert(this.reading.now() + LINGER.min(this.limits.write_wait))
            }
        };
        let mut drain = [0; 8192];
        // The time is looked at first: a client that never stops sending does not keep the task.
        while this.reading.poll(until, cx).is_pending() {
            let mut into = ReadBuf::new(&mut drain);
            let read = ready!(Pin::new(&mut this.stream).poll_read(cx, &mut into));
            if read.is_err() || into.filled().is_empty() {
                break;
            }
        }
        Poll::Ready(Ok(()))
    }
}
