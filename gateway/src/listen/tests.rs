//! Real sockets, with time bounds short enough to wait for.

use std::io::ErrorKind;
use std::net::Ipv4Addr;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use super::*;
use crate::Limits;
use crate::front::Inner;
use crate::testing::front;

const SHORT: Duration = Duration::from_millis(150);
/// Longer than any wait under test, shorter than a test may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Bounds of [`SHORT`] where the test waits for them, long ones elsewhere.
fn limits() -> Limits {
    Limits { drain_wait: Duration::from_secs(5), ..Limits::default() }
}

struct Server {
    address: SocketAddr,
    front: Arc<Front>,
    stop: Option<oneshot::Sender<()>>,
    serving: JoinHandle<io::Result<()>>,
}

impl Server {
    #[expect(clippy::disallowed_methods, reason = "a test needs its server beside it")]
    async fn start(inner: Inner, limits: Limits) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("bind");
        let address = listener.local_addr().expect("address");
        let front = front(inner, limits);
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = tokio::spawn(serve(Arc::clone(&front), listener, None, async move {
            let _ = stopped.await;
        }));
        Self { address, front, stop: Some(stop), serving }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.expect("connect")
    }

    async fn stop(mut self) {
        let _ = self.stop.take().expect("running").send(());
        timeout(PATIENCE, self.serving).await.expect("stops").expect("no panic").expect("served");
    }
}

/// Reads the body and answers with its length; a body that fails gets S3's error for it.
fn measuring() -> Inner {
    Box::new(|request| {
        Box::pin(async move {
            let status = match request.into_body().collect().await {
                Ok(body) => return Ok(Response::new(s3s::Body::from(format!("{} bytes", body.to_bytes().len())))),
                Err(_) => http::StatusCode::INTERNAL_SERVER_ERROR,
            };
            let mut response = Response::new(s3s::Body::empty());
            *response.status_mut() = status;
            Ok(response)
        })
    })
}

/// Answers at once with so many bytes, and reads nothing.
fn answering(bytes: usize) -> Inner {
    let body = Bytes::from(vec![b'x'; bytes]);
    Box::new(move |_| {
        let body = body.clone();
        Box::pin(async move { Ok(Response::new(s3s::Body::from(body))) })
    })
}

/// Everything until the server closes; a reset counts as the end.
async fn read_all(stream: &mut TcpStream) -> String {
    let mut all = Vec::new();
    let mut piece = [0; 4096];
    loop {
        match timeout(PATIENCE, stream.read(&mut piece)).await.expect("the server closes") {
            Ok(0) => break,
            Ok(bytes) => all.extend_from_slice(&piece[..bytes]),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => break,
            Err(error) => panic!("{error}"),
        }
    }
    String::from_utf8_lossy(&all).into_owned()
}

/// One answer of a connection that stays open; its body must have a known length.
async fn read_answer(stream: &mut TcpStream) -> String {
    let mut all = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&all).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let head = head.to_ascii_lowercase();
            let length = head.split_once("content-length: ").and_then(|(_, rest)| rest.lines().next()?.parse().ok());
            if body.len() >= length.unwrap_or(0) {
                return text;
            }
        }
        let byte = timeout(PATIENCE, stream.read_u8()).await.expect("an answer comes").expect("connection");
        all.push(byte);
    }
}

#[tokio::test]
async fn silence_is_not_waited_for() {
    let server = Server::start(measuring(), Limits { head_wait: SHORT, ..limits() }).await;
    for first in ["", "P", "PRI * HTTP/2.0\r\n", "GET / HTTP/1.1\r\nHost: a", "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n"] {
        let mut stream = server.connect().await;
        stream.write_all(first.as_bytes()).await.expect("write");
        let begun = Instant::now();
        let answer = read_all(&mut stream).await;
        assert!(begun.elapsed() >= SHORT / 2, "{first:?} was given time");
        assert!(!answer.starts_with("HTTP/1.1 200"), "{first:?}: {answer}");
    }
    assert!(server.front.meters().connections_too_slow.get() >= 4);
    server.stop().await;
}

#[tokio::test]
async fn a_later_head_has_its_time_and_idling_has_more() {
    let limits = Limits { head_wait: SHORT, idle_wait: 6 * SHORT, ..limits() };
    let server = Server::start(measuring(), limits).await;
    let mut stream = server.connect().await;
    let get = b"GET /b/k HTTP/1.1\r\nHost: a\r\n\r\n";
    stream.write_all(get).await.expect("write");
    assert!(read_answer(&mut stream).await.starts_with("HTTP/1.1 200"));
    // Longer than a head may take, shorter than a connection may idle.
    tokio::time::sleep(3 * SHORT).await;
    stream.write_all(get).await.expect("write");
    assert!(read_answer(&mut stream).await.starts_with("HTTP/1.1 200"));
    let begun = Instant::now();
    stream.write_all(b"GET /b/k HT").await.expect("write");
    assert_eq!(read_all(&mut stream).await, "");
    assert!(begun.elapsed() < 4 * SHORT, "half a head is not idling");

    let mut idle = server.connect().await;
    idle.write_all(get).await.expect("write");
    read_answer(&mut idle).await;
    let begun = Instant::now();
    assert_eq!(read_all(&mut idle).await, "");
    assert!(begun.elapsed() >= 4 * SHORT);
    server.stop().await;
}

#[tokio::test]
async fn bodies_that_stall_or_end_early_are_answered() {
    let server = Server::start(measuring(), Limits { body_wait: SHORT, write_wait: SHORT, ..limits() }).await;
    let mut stream = server.connect().await;
    stream.write_all(b"PUT /b/k HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nten bytes.").await.expect("write");
    stream.shutdown().await.expect("half closed");
    let answer = read_all(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("<Code>IncompleteBody</Code>"), "{answer}");
    let mut stalled = server.connect().await;
    stalled.write_all(b"PUT /b/k HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nten bytes.").await.expect("write");
    let answer = read_answer(&mut stalled).await;
    assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("<Code>RequestTimeout</Code>"), "{answer}");
    drop(stalled);
    // A body that drips is as bad as one that stalls.
    let mut dripping = server.connect().await;
    dripping.write_all(b"PUT /b/k HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n").await.expect("write");
    let drip = async {
        loop {
            tokio::time::sleep(SHORT / 5).await;
            if dripping.write_all(b".").await.is_err() {
                break;
            }
        }
    };
    assert!(timeout(PATIENCE, drip).await.is_ok(), "the connection was closed");
    server.stop().await;
}

#[tokio::test]
async fn a_client_that_takes_no_answer_is_left() {
    let server = Server::start(answering(64 << 20), Limits { write_wait: SHORT, ..limits() }).await;
    let mut stream = server.connect().await;
    stream.write_all(b"GET /b/k HTTP/1.1\r\nHost: a\r\n\r\n").await.expect("write");
    let closed = async {
        while server.front.meters().connections_open.get() != 0 || server.front.meters().connections.get() == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, closed).await.expect("the connection is closed");
    assert_eq!(server.front.meters().requests_open.get(), 0);
    assert_eq!(server.front.meters().connections_too_slow.get(), 1);
    drop(stream);
    server.stop().await;
}

#[tokio::test]
async fn what_is_not_a_request_is_refused() {
    let server = Server::start(measuring(), limits()).await;
    let long_header = format!("GET /b/k HTTP/1.1\r\nHost: a\r\nX-Long: {}\r\n\r\n", "x".repeat(500_000));
    let kept_header = format!("GET /b/k HTTP/1.1\r\nHost: a\r\nX-Long: {}\r\n\r\n", "x".repeat(40_000));
    let many = format!("GET /b/k HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(101));
    let long_uri = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "u".repeat(70_000));
    for (sent, status, code) in [
        ("garbage\r\n\r\n", "400", ""),
        ("\0\0\0\0\r\n\r\n", "400", ""),
        ("\x16\x03\x01\x02\0\x01\0\x01\u{1}\r\n\r\n", "400", ""),
        (&long_header, "431", ""),
        (&kept_header, "400", "RequestHeaderSectionTooLarge"),
        (&many, "431", ""),
        (&long_uri, "414", ""),
        ("GET /b/k HTTP/1.1\r\n\r\n", "400", "InvalidRequest"),
        ("GET /b/k HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "400", "InvalidRequest"),
        ("GET /b/k HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n", "400", ""),
        ("GET /b/k HTTP/1.1\r\nHost : a\r\n\r\n", "400", ""),
        ("PUT /b/k HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello", "400", ""),
        ("PUT /b/k HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", "400", ""),
        ("PUT /b/k HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "501", "NotImplemented"),
        ("PUT /b/k HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", "400", ""),
        ("GET /b/k HTTP/1.1\r\nHost: a\r\nAuthorization: x\r\nAuthorization: y\r\n\r\n", "400", "InvalidArgument"),
        ("PROPFIND / HTTP/1.1\r\nHost: a\r\n\r\n", "405", "MethodNotAllowed"),
    ] {
        let mut stream = server.connect().await;
        let (mut reading, mut writing) = stream.split();
        // The server may answer and close before all is sent.
        let mut answer = vec![0; 4096];
        let (_, read) = tokio::join!(writing.write_all(sent.as_bytes()), timeout(PATIENCE, reading.read(&mut answer)));
        let read = read.expect("an answer").expect("connection");
        let answer = String::from_utf8_lossy(&answer[..read]);
        let shown = sent.get(..80).unwrap_or(sent);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{shown}: {answer}");
        assert!(answer.contains(&format!("<Code>{code}</Code>")) || code.is_empty(), "{shown}: {answer}");
    }
    server.stop().await;
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let server = Server::start(measuring(), limits()).await;
    let mut stream = server.connect().await;
    let mut requests = String::new();
    for length in 0..50 {
        let last = if length == 49 { "Connection: close\r\n" } else { "" };
        let body = "b".repeat(length);
        requests.push_str(&format!("PUT /b/k HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n{last}\r\n{body}"));
    }
    stream.write_all(requests.as_bytes()).await.expect("write");
    let answers = read_all(&mut stream).await;
    let lengths: Vec<_> = answers.split("\r\n\r\n").skip(1).filter_map(|body| body.split(" bytes").next()).collect();
    assert_eq!(lengths, (0..50).map(|length| length.to_string()).collect::<Vec<_>>());
    server.stop().await;
}

#[tokio::test]
async fn an_early_refusal_reaches_a_client_that_is_still_sending() {
    let server = Server::start(answering(10), limits()).await;
    let mut stream = server.connect().await;
    let body = vec![b'b'; 8 << 20];
    let head = format!("PATCH /b/k HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).await.expect("write");
    stream.write_all(&body).await.expect("the server reads on");
    let answer = read_all(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 405") && answer.ends_with("</Error>"), "{answer}");
    assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
    server.stop().await;
}

#[tokio::test]
async fn a_body_is_asked_for_only_when_it_is_wanted() {
    let server = Server::start(measuring(), limits()).await;
    let expecting = |method: &str| {
        format!("{method} /b/k HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
    };
    let mut refused = server.connect().await;
    refused.write_all(expecting("PATCH").as_bytes()).await.expect("write");
    assert!(read_answer(&mut refused).await.starts_with("HTTP/1.1 405"));
    let mut wanted = server.connect().await;
    wanted.write_all(expecting("PUT").as_bytes()).await.expect("write");
    assert!(read_answer(&mut wanted).await.starts_with("HTTP/1.1 100"));
    wanted.write_all(b"hello").await.expect("write");
    assert!(read_answer(&mut wanted).await.ends_with("5 bytes"));
    server.stop().await;
}

#[tokio::test]
async fn connections_beyond_the_bound_are_closed() {
    for limits in [Limits { connections_max: 2, ..limits() }, Limits { connections_per_address_max: 2, ..limits() }] {
        let server = Server::start(measuring(), limits).await;
        let get = b"GET /b/k HTTP/1.1\r\nHost: a\r\n\r\n";
        let mut kept = Vec::new();
        for _ in 0..2 {
            let mut stream = server.connect().await;
            stream.write_all(get).await.expect("write");
            read_answer(&mut stream).await;
            kept.push(stream);
        }
        let mut third = server.connect().await;
        let _ = third.write_all(get).await;
        assert_eq!(read_all(&mut third).await, "");
        assert_eq!(server.front.meters().connections_refused.get(), 1);
        kept.pop();
        let again = async {
            loop {
                let mut stream = server.connect().await;
                let _ = stream.write_all(get).await;
                if stream.read_u8().await.is_ok() {
                    break;
                }
            }
        };
        timeout(PATIENCE, again).await.expect("a place became free");
        server.stop().await;
    }
}

#[tokio::test]
async fn http2_is_spoken_with_prior_knowledge() {
    let server = Server::start(measuring(), limits()).await;
    let io = TokioIo::new(server.connect().await);
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake::<_, _, Empty<Bytes>>(TokioExecutor::new(), io).await.expect("handshake");
    let asking = async {
        let request = Request::get(format!("http://{}/b/k", server.address)).body(Empty::new()).expect("request");
        let response = sender.send_request(request).await.expect("answer");
        assert_eq!(response.status(), 200);
        assert!(response.headers().contains_key("x-amz-request-id"));
        let body = response.into_body().collect().await.expect("body").to_bytes();
        assert_eq!(body, "0 bytes");
        drop(sender);
    };
    let (served, ()) = tokio::join!(timeout(PATIENCE, connection), asking);
    served.expect("ends").expect("no error");
    server.stop().await;
}

#[tokio::test]
async fn requests_under_way_finish_when_the_server_stops() {
    let (arrived, leave) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let inner: Inner = {
        let (arrived, leave) = (Arc::clone(&arrived), Arc::clone(&leave));
        Box::new(move |_| {
            let (arrived, leave) = (Arc::clone(&arrived), Arc::clone(&leave));
            Box::pin(async move {
                arrived.notify_one();
                leave.notified().await;
                Ok(Response::new(s3s::Body::from(String::from("done"))))
            })
        })
    };
    let mut server = Server::start(inner, limits()).await;
    let silent = server.connect().await;
    let mut stream = server.connect().await;
    stream.write_all(b"GET /b/k HTTP/1.1\r\nHost: a\r\n\r\n").await.expect("write");
    arrived.notified().await;
    let _ = server.stop.take().expect("running").send(());
    tokio::time::sleep(SHORT).await;
    assert!(!server.serving.is_finished(), "a request is under way");
    assert!(TcpStream::connect(server.address).await.is_err(), "nobody new is let in");
    leave.notify_one();
    let answer = read_all(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("done"), "{answer}");
    timeout(Duration::from_secs(2), server.serving).await.expect("stops").expect("no panic").expect("served");
    drop(silent);
}

#[tokio::test]
async fn draining_ends_when_its_time_is_over() {
    let inner: Inner = Box::new(|_| Box::pin(std::future::pending()));
    let server = Server::start(inner, Limits { drain_wait: SHORT, ..Limits::default() }).await;
    let mut stream = server.connect().await;
    stream.write_all(b"GET /b/k HTTP/1.1\r\nHost: a\r\n\r\n").await.expect("write");
    while server.front.meters().requests_open.get() == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let front = Arc::clone(&server.front);
    server.stop().await;
    assert_eq!(front.meters().requests_open.get(), 0);
    assert_eq!(front.meters().connections_open.get(), 0);
}

#[test]
fn tls_files_that_cannot_be_used_are_named() {
    let directory = std::env::temp_dir();
    let missing = directory.join("no-such-certificate.pem");
    let error =
        Tls::open(TlsFiles { certificate: missing.clone(), key: missing.clone(), clients: None }).expect_err("missing");
    assert!(error.to_string().contains("no-such-certificate.pem"), "{error}");
    assert!(matches!(error, TlsError::Read { .. }));
}
