//! One connection, from its first byte to its last.

use std::convert::Infallible;
use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::ProtocolVersion;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::activity::Activity;
use super::client_certificate::ClientCertificate;
use super::tls::Tls;
use super::wire::{Protocol, Wire};
use crate::front::{Front, Peer};
use crate::meters::GatewayMeters;

/// Where connections live.
pub(crate) struct Room {
    front: Arc<Front>,
    tls: Option<Arc<Tls>>,
    handshakes: Semaphore,
    stopping: watch::Receiver<bool>,
}

/// Read buffer of a connection: bounds a head, and lets bodies come in large pieces.
const BUFFER_BYTES_MAX: usize = 256 << 10;
/// Above the doorman's bounds, who answers in XML; beyond these hyper answers `431`, or `414` for a path over 64 KiB.
const HEAD_BYTES_MAX: usize = 128 << 10;
const HEADER_LIST_BYTES_MAX: u32 = 64 << 10;
const STREAM_WINDOW_BYTES: u32 = 1 << 20;
const CONNECTION_WINDOW_BYTES: u32 = 8 << 20;
const FRAME_BYTES_MAX: u32 = 64 << 10;

/// Whether a handshake came to nothing because of the certificate that the client has shown.
fn is_of_certificate(error: &io::Error) -> bool {
    let fault = error.get_ref().and_then(|fault| fault.downcast_ref::<rustls::Error>());
    matches!(fault, Some(rustls::Error::InvalidCertificate(_)))
}

impl Room {
    pub(crate) fn new(front: Arc<Front>, tls: Option<Arc<Tls>>, stopping: watch::Receiver<bool>) -> Self {
        Self { handshakes: Semaphore::new(front.limits().handshakes_max), front, tls, stopping }
    }

    pub(crate) fn meters(&self) -> &Arc<GatewayMeters> {
        self.front.meters()
    }

    /// Serves a connection until it ends.
    pub(crate) async fn host(&self, stream: TcpStream, address: SocketAddr) {
        // Without it small answers wait for the client's acknowledgement of earlier ones; it fails only on dead sockets.
        let _ = stream.set_nodelay(true);
        let activity = Arc::new(Activity::default());
        let peer = Peer { address, activity: Arc::clone(&activity), tls: None, certificate: None };
        let wire =
            Wire::new(stream, activity, Arc::clone(self.front.limits()), Arc::clone(self.meters()), self.front.clock());
        let served = match &self.tls {
            Some(tls) => self.host_tls(tls, wire, peer).await,
            None => self.host_plain(wire, peer).await,
        };
        if let Err(error) = served {
            tracing::debug!(remote = %address, error = error.as_ref() as &(dyn Error + 'static), "a connection broke");
        }
    }

    async fn host_plain(&self, mut wire: Wire<TcpStream>, peer: Peer) -> Result<(), Box<dyn Error + Send + Sync>> {
        let mut stopping = self.stopping.clone();
        let protocol = tokio::select! {
            protocol = wire.protocol() => protocol?,
            _ = stopping.wait_for(|stop| *stop) => None,
        };
        match protocol {
            Some(Protocol::Http1) => self.host_http1(wire, peer).await,
            Some(Protocol::Http2) => self.host_http2(wire, peer).await,
            None => Ok(()),
        }
    }

    async fn host_tls(
        &self,
        tls: &Arc<Tls>,
        wire: Wire<TcpStream>,
        mut peer: Peer,
    ) -> Result<(), Box<dyn Error + Send + Sync>> {
        let (acceptor, offer) = tls.acceptor();
        let mut stream = match self.shake_hands(&acceptor, wire).await {
            Ok(Some(stream)) => stream,
            Ok(None) => return Ok(()),
            Err(error) => {
                self.meters().handshakes_failed.add(1);
                if is_of_certificate(&error) {
                    self.front.refuse_certificate(&peer).await;
                }
                return Err(error.into());
            }
        };
        stream.get_mut().0.restart();
        peer.certificate = ClientCertificate::of(tls, offer, stream.get_ref().1);
        peer.tls = match stream.get_ref().1.protocol_version() {
            Some(ProtocolVersion::TLSv1_2) => Some("1.2"),
            _ => Some("1.3"),
        };
        match stream.get_ref().1.alpn_protocol() {
            Some(b"h2") => self.host_http2(stream, peer).await,
            _ => self.host_http1(stream, peer).await,
        }
    }

    /// The TLS handshake; `None` if the server stops meanwhile.
    async fn shake_hands(
        &self,
        tls: &TlsAcceptor,
        wire: Wire<TcpStream>,
    ) -> io::Result<Option<TlsStream<Wire<TcpStream>>>> {
        let Ok(_place) = self.handshakes.try_acquire() else {
            return Err(io::Error::new(io::ErrorKind::QuotaExceeded, "too many handshakes are under way"));
        };
        let mut stopping = self.stopping.clone();
        tokio::select! {
            shaken = tls.accept(wire) => shaken.map(Some),
            () = self.front.clock().sleep(self.front.limits().handshake_wait) => {
                Err(io::Error::new(io::ErrorKind::TimedOut, "the handshake took too long"))
            }
            _ = stopping.wait_for(|stop| *stop) => Ok(None),
        }
    }

    async fn host_http1<S>(&self, stream: S, peer: Peer) -> Result<(), Box<dyn Error + Send + Sync>>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let front = Arc::clone(&self.front);
        let service = service_fn(move |request| {
            let (front, peer) = (Arc::clone(&front), peer.clone());
            async move { Ok::<_, Infallible>(front.answer(request, &peer).await) }
        });
        let mut builder = http1::Builder::new();
        builder
            .timer(TokioTimer::new())
            // The wire is stricter; this one holds where bytes of the next head came with the last request.
            .header_read_timeout(self.front.limits().idle_wait)
            .max_header_size(HEAD_BYTES_MAX)
            .max_buf_size(BUFFER_BYTES_MAX);
        let mut connection = std::pin::pin!(builder.serve_connection(TokioIo::new(stream), service));
        let mut stopping = self.stopping.clone();
        tokio::select! {
            served = connection.as_mut() => return served.map_err(Into::into),
            _ = stopping.wait_for(|stop| *stop) => connection.as_mut().graceful_shutdown(),
        }
        connection.await.map_err(Into::into)
    }

    async fn host_http2<S>(&self, stream: S, peer: Peer) -> Result<(), Box<dyn Error + Send + Sync>>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        peer.activity.multiplex();
        let front = Arc::clone(&self.front);
        let service = service_fn(move |request| {
            let (front, peer) = (Arc::clone(&front), peer.clone());
            async move { Ok::<_, Infallible>(front.answer(request, &peer).await) }
        });
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder
            .timer(TokioTimer::new())
            .max_concurrent_streams(self.front.limits().streams_per_connection_max)
            .initial_stream_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .max_frame_size(FRAME_BYTES_MAX)
            .max_header_list_size(HEADER_LIST_BYTES_MAX)
            .keep_alive_interval(self.front.limits().head_wait)
            .keep_alive_timeout(self.front.limits().head_wait);
        let mut connection = std::pin::pin!(builder.serve_connection(TokioIo::new(stream), service));
        let mut stopping = self.stopping.clone();
        tokio::select! {
            served = connection.as_mut() => return served.map_err(Into::into),
            _ = stopping.wait_for(|stop| *stop) => connection.as_mut().graceful_shutdown(),
        }
        connection.await.map_err(Into::into)
    }
}
