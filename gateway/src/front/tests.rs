//! Requests through the doorman and the real s3s, without sockets.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use tokio::sync::Notify;

use super::*;
use crate::testing::{Draft, front, front_of_s3s, sha256, sha256_base64};

/// A body that comes piece by piece, as from a socket; unlike one in memory it can be silent.
pub(crate) struct Pieces {
    pieces: VecDeque<Bytes>,
    announced: Option<u64>,
    /// Whether nothing follows the pieces, not even the end.
    falls_silent: bool,
}

impl Pieces {
    fn new(pieces: impl IntoIterator<Item = Bytes>) -> Self {
        let pieces: VecDeque<_> = pieces.into_iter().collect();
        let announced = Some(pieces.iter().map(|piece| piece.len() as u64).sum());
        Self { pieces, announced, falls_silent: false }
    }
    fn of(text: &str) -> Self {
        Self::new(text.as_bytes().chunks(7).map(Bytes::copy_from_slice))
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;
    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.pieces.pop_front() {
            Some(piece) => Poll::Ready(Some(Ok(Frame::data(piece)))),
            None if self.falls_silent => Poll::Pending,
            None => Poll::Ready(None),
        }
    }
    fn is_end_stream(&self) -> bool {
        self.pieces.is_empty() && !self.falls_silent
    }
    fn size_hint(&self) -> SizeHint {
        let left = self.pieces.iter().map(|piece| piece.len() as u64).sum();
        if self.announced.is_some() { SizeHint::with_exact(left) } else { SizeHint::default() }
    }
}

fn peer() -> Peer {
    Peer { address: SocketAddr::from((Ipv4Addr::LOCALHOST, 1)), activity: Arc::default(), tls: None, certificate: None }
}

struct Answer {
    status: u16,
    code: String,
    head: Response<()>,
    text: String,
}

async fn ask(front: &Front, request: Request<Pieces>) -> Answer {
    let (head, body) = front.answer(request, &peer()).await.into_parts();
    let text = String::from_utf8(body.collect().await.expect("body").to_bytes().to_vec()).expect("utf-8");
    let code = text.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>"));
    let code = code.map(|(code, _)| code.to_owned()).unwrap_or_default();
    Answer { status: head.status.as_u16(), code, head: Response::from_parts(head, ()), text }
}

async fn asked(front: &Front, request: Request<Pieces>) -> (u16, String) {
    let answer = ask(front, request).await;
    (answer.status, answer.code)
}

fn answer(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

fn put(text: &str) -> Request<Pieces> {
    let draft = Draft::new("PUT", "/bucket/key", "").header("content-length", &text.len().to_string());
    draft.sign(&sha256(text.as_bytes())).0.request(Pieces::of(text))
}

fn delete_objects(xml: &str) -> Request<Pieces> {
    let draft = Draft::new("POST", "/bucket", "delete").header("content-length", &xml.len().to_string());
    draft.sign(&sha256(xml.as_bytes())).0.request(Pieces::of(xml))
}

#[tokio::test]
async fn a_signed_request_arrives_as_root_and_others_do_not() {
    let front = front_of_s3s(Limits::default());
    assert_eq!(asked(&front, put("hello")).await, answer(200, ""));

    let anonymous = Draft::new("PUT", "/bucket/key", "").header("content-length", "5").request(Pieces::of("hello"));
    assert_eq!(asked(&front, anonymous).await, answer(403, "AccessDenied"));

    let mut unknown = Draft::new("PUT", "/bucket/key", "").header("content-length", "5");
    unknown.access_key = "SOMEBODY";
    let unknown = unknown.sign(&sha256(b"hello")).0.request(Pieces::of("hello"));
    assert_eq!(asked(&front, unknown).await, answer(403, "InvalidAccessKeyId"));

    let mut tampered = put("hello");
    *tampered.uri_mut() = "/bucket/other".parse().expect("uri");
    assert_eq!(asked(&front, tampered).await, answer(403, "SignatureDoesNotMatch"));

    let mut smuggled =
        Draft::new("PUT", "/bucket/key", "").header("content-length", "5").header("x-amz-copy-source", "/secret/key");
    smuggled.unsigned = vec!["x-amz-copy-source"];
    let smuggled = smuggled.sign(&sha256(b"hello")).0.request(Pieces::of("hello"));
    assert_eq!(asked(&front, smuggled).await, answer(403, "AccessDenied"));

    let hostless = {
        let mut draft = Draft::new("PUT", "/bucket/key", "").header("content-length", "5");
        draft.unsigned = vec!["host"];
        draft.sign(&sha256(b"hello")).0.request(Pieces::of("hello"))
    };
    assert_eq!(asked(&front, hostless).await, answer(403, "AccessDenied"));

    let token = Draft::new("PUT", "/bucket/key", "")
        .header("content-length", "5")
        .header("x-amz-security-token", "anything")
        .sign(&sha256(b"hello"))
        .0
        .request(Pieces::of("hello"));
    assert_eq!(asked(&front, token).await, answer(400, "InvalidToken"));
}

#[tokio::test]
async fn a_body_must_have_the_hash_that_was_signed() {
    let front = front_of_s3s(Limits::default());
    let (draft, _) = Draft::new("PUT", "/bucket/key", "").header("content-length", "5").sign(&sha256(b"hello"));
    assert_eq!(asked(&front, draft.request(Pieces::of("hullo"))).await, answer(400, "XAmzContentSHA256Mismatch"));

    let xml = "<Delete><Object><Key>a</Key></Object></Delete>";
    let (draft, _) = Draft::new("POST", "/bucket", "delete")
        .header("content-length", &xml.len().to_string())
        .sign(&sha256(xml.replace('a', "b").as_bytes()));
    assert_eq!(asked(&front, draft.request(Pieces::of(xml))).await, answer(400, "XAmzContentSHA256Mismatch"));

    let (draft, _) = Draft::new("PUT", "/bucket", "").header("content-length", "0").sign(&sha256(b"hello"));
    assert_eq!(asked(&front, draft.request(Pieces::of(""))).await, answer(400, "XAmzContentSHA256Mismatch"));
}

#[tokio::test]
async fn chunked_bodies_need_every_chunk_to_the_last() {
    let front = front_of_s3s(Limits::default());
    let send = async |keep: usize, cut: usize| {
        let (draft, mut signature) = Draft::new("PUT", "/bucket/key", "")
            .header("x-amz-decoded-content-length", "16")
            .header("content-encoding", "aws-chunked")
            .sign("STREAMING-AWS4-HMAC-SHA256-PAYLOAD");
        let mut chunks = [&b"ten bytes "[..], b"6 more", b""].map(|data| signature.chunk(data)).to_vec();
        chunks.truncate(keep);
        if let Some(last) = chunks.last_mut() {
            last.truncate(last.len() - cut);
        }
        let length: usize = chunks.iter().map(Bytes::len).sum();
        asked(&front, draft.header("content-length", &length.to_string()).request(Pieces::new(chunks))).await
    };
    assert_eq!(send(3, 0).await, answer(200, ""));
    assert_eq!(send(3, 2).await, answer(200, ""), "only the last line end is missing");
    assert_eq!(send(3, 3).await, answer(400, "IncompleteBody"), "the final header is cut");
    assert_eq!(send(3, 40).await, answer(400, "IncompleteBody"), "the final signature is cut");
    assert_eq!(send(2, 0).await, answer(400, "IncompleteBody"), "the lengths are right, the final chunk is missing");
    assert_eq!(send(2, 1).await, answer(400, "IncompleteBody"));
    assert_eq!(send(1, 0).await, answer(400, "IncompleteBody"));
    assert_eq!(send(0, 0).await, answer(400, "IncompleteBody"));
}

#[tokio::test]
async fn chunk_signatures_and_sizes_are_checked() {
    let front = front_of_s3s(Limits::default());
    let draft = || {
        Draft::new("PUT", "/bucket/key", "")
            .header("x-amz-decoded-content-length", "8")
            .sign("STREAMING-AWS4-HMAC-SHA256-PAYLOAD")
    };
    let (swapped, mut signature) = draft();
    let mut chunks = [&b"four"[..], b"more", b""].map(|data| signature.chunk(data));
    chunks.swap(0, 1);
    assert_eq!(asked(&front, swapped.request(Pieces::new(chunks))).await, answer(403, "SignatureDoesNotMatch"));

    for (body, expected) in [
        ("-8\r\nfourmore\r\n0\r\n\r\n", answer(400, "IncompleteBody")),
        ("0x8\r\nfourmore\r\n0\r\n\r\n", answer(400, "IncompleteBody")),
        ("fffffffffff\r\nfourmore\r\n0\r\n\r\n", answer(400, "IncompleteBody")),
        ("8\r\nfourmore\r\n0\r\n\r\n", answer(400, "IncompleteBody")),
    ] {
        assert_eq!(asked(&front, draft().0.request(Pieces::of(body))).await, expected, "{body:?}");
    }

    let limits = Limits { buffered_bytes_max: 1 << 20, ..Limits::default() };
    let (large, mut signature) = draft();
    let chunk = signature.chunk(&vec![0; 2 << 20]);
    let answer = ask(&front_of_s3s(limits), large.request(Pieces::new([chunk]))).await;
    assert_eq!((answer.status, answer.code.as_str()), (503, "SlowDown"));
    assert_eq!(answer.head.headers().get(RETRY_AFTER).map(HeaderValue::as_bytes), Some(&b"1"[..]));
}

#[tokio::test]
async fn documents_are_taken_exactly_or_not_at_all() {
    let front = front_of_s3s(Limits { document_bytes_max: 64 << 10, ..Limits::default() });
    let key = |key: &str| format!("<Delete><Object><Key>{key}</Key></Object></Delete>");
    assert_eq!(asked(&front, delete_objects(&key("a"))).await, answer(200, ""));
    assert_eq!(asked(&front, delete_objects(&key("a<!-- b -->c &amp; &#65;"))).await, answer(200, ""));
    let bomb =
        "<!DOCTYPE x [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;&a;&a;\">]><Delete><Object><Key>&b;</Key></Object></Delete>";
    for (xml, expected) in [
        (key("<![CDATA[a]]>"), answer(400, "MalformedXML")),
        (key("a<![CDATA[b]]>"), answer(400, "MalformedXML")),
        (bomb.to_owned(), answer(400, "MalformedXML")),
        (key("&unknown;"), answer(400, "MalformedXML")),
        ("<Delete><Object><Key>a</Key></Object>".to_owned(), answer(400, "MalformedXML")),
        ("<Delete>".repeat(1000), answer(400, "MalformedXML")),
        (key("a").replace("<Object>", &format!("<Object {}>", "a=\"b>\" ".repeat(1000))), answer(400, "MalformedXML")),
        ("not xml".to_owned(), answer(400, "MalformedXML")),
        (key(&"k".repeat(65 << 10)), answer(400, "EntityTooLarge")),
    ] {
        let shown: String = xml.chars().take(60).collect();
        assert_eq!(asked(&front, delete_objects(&xml)).await, expected, "{shown}");
    }
    let xml = key("a");
    let (chunked, _) = Draft::new("POST", "/bucket", "delete")
        .header("content-length", &xml.len().to_string())
        .header("x-amz-decoded-content-length", "10")
        .header("x-amz-trailer", "x-amz-checksum-crc32")
        .sign("STREAMING-UNSIGNED-PAYLOAD-TRAILER");
    assert_eq!(asked(&front, chunked.request(Pieces::of(&xml))).await, answer(400, "InvalidRequest"));
}

#[tokio::test]
async fn documents_must_have_the_digest_they_came_with() {
    let front = front_of_s3s(Limits::default());
    let xml = "<Delete><Object><Key>a</Key></Object></Delete>";
    for (name, value, expected) in [
        ("content-md5", "8Clt4sFujn1yLJMZGNt4Cw==", answer(400, "BadDigest")),
        ("content-md5", "8Clt4sFujn1yLJMZGNt4", answer(400, "InvalidDigest")),
        ("content-md5", "no digest", answer(400, "InvalidDigest")),
        ("x-amz-checksum-crc32", "AAAAAA==", answer(400, "BadDigest")),
        ("x-amz-checksum-sha256", "no digest", answer(400, "BadDigest")),
        ("x-amz-checksum-sha256", &sha256_base64(xml.as_bytes()), answer(200, "")),
    ] {
        let (draft, _) = Draft::new("POST", "/bucket", "delete")
            .header("content-length", &xml.len().to_string())
            .header(name, value)
            .sign(&sha256(xml.as_bytes()));
        assert_eq!(asked(&front, draft.request(Pieces::of(xml))).await, expected, "{name}: {value}");
    }
}

#[tokio::test]
async fn a_part_is_no_object() {
    let front = front_of_s3s(Limits::default());
    for query in ["partNumber=1", "uploadId=u"] {
        let (draft, _) = Draft::new("PUT", "/bucket/key", query).header("content-length", "1").sign(&sha256(b"x"));
        assert_eq!(asked(&front, draft.request(Pieces::of("x"))).await, answer(400, "InvalidArgument"), "{query}");
    }
}

#[tokio::test]
async fn a_signed_range_that_s3_ignores_is_ignored_for_the_signer_only() {
    let front = front_of_s3s(Limits::default());
    let read = |range: &str| Draft::new("GET", "/bucket/key", "").header("range", range).sign("UNSIGNED-PAYLOAD").0;
    let nines = format!("bytes=1-{}", "9".repeat(30));
    for (range, understood) in [
        ("bytes=1-2", Some("bytes=1-2")),
        ("bytes=1-2,5-6", None),
        ("nonsense", None),
        (&nines, Some("bytes=1-9223372036854775807")),
    ] {
        let answer = ask(&front, read(range).request(Pieces::of(""))).await;
        let told = answer.head.headers().get("content-language").map(|value| value.to_str().expect("text").to_owned());
        assert_eq!((answer.status, told.as_deref()), (200, understood), "{range}");
    }
    let mut stolen = read("nonsense").request(Pieces::of(""));
    *stolen.uri_mut() = "/bucket/other".parse().expect("uri");
    assert_eq!(asked(&front, stolen).await, answer(403, "SignatureDoesNotMatch"));
    let mut altered = read("nonsense").request(Pieces::of(""));
    altered.headers_mut().insert("range", HeaderValue::from_static("other nonsense"));
    assert_eq!(asked(&front, altered).await, answer(403, "SignatureDoesNotMatch"));
    let nobody = Draft::new("GET", "/bucket/key", "").header("range", "nonsense").request(Pieces::of(""));
    assert_eq!(asked(&front, nobody).await, answer(403, "AccessDenied"));
    let counted = front.meters().operation("GetObject").answers().map(|(_, count)| count).sum::<u64>();
    assert_eq!(counted, 5, "one count each, whichever way they went; bad signatures have no operation");
}

#[tokio::test]
async fn a_body_that_falls_silent_is_given_up() {
    let limits = Limits { body_wait: Duration::from_millis(50), ..Limits::default() };
    let front = front_of_s3s(limits);
    let mut silent = put("hello");
    silent.body_mut().pieces.pop_back();
    silent.body_mut().pieces.push_back(Bytes::from_static(b"he"));
    silent.body_mut().falls_silent = true;
    let answer = ask(&front, silent).await;
    assert_eq!((answer.status, answer.code.as_str()), (400, "RequestTimeout"));
    assert_eq!(front.meters().bodies_too_slow.get(), 1);
}

#[tokio::test]
async fn every_error_names_its_request() {
    let front = front_of_s3s(Limits::default());
    let from_us = Draft::new("PATCH", "/bucket/k%26", "").request(Pieces::of(""));
    let from_s3s = Draft::new("GET", "/Bad_Bucket/k%26", "").request(Pieces::of(""));
    let from_operation = Draft::new("PUT", "/bucket/k%26", "").header("content-length", "0").request(Pieces::of(""));
    for request in [from_us, from_s3s, from_operation] {
        let resource = request.uri().path().to_owned();
        let answer = ask(&front, request).await;
        let id = answer.head.headers().get("x-amz-request-id").and_then(|id| id.to_str().ok()).expect("id").to_owned();
        assert_eq!(id.len(), 16);
        assert!(answer.text.contains(&format!("<RequestId>{id}</RequestId>")), "{}", answer.text);
        assert!(answer.text.contains(&format!("<Resource>{resource}</Resource>")), "{}", answer.text);
        assert_eq!(answer.text.matches("<RequestId>").count(), 1);
        assert!(answer.head.headers().contains_key("x-amz-id-2"));
        assert_eq!(answer.head.headers().get(SERVER).map(HeaderValue::as_bytes), Some(&b"twinlake"[..]));
    }
}

#[tokio::test]
async fn errors_of_head_have_no_body() {
    let front = front_of_s3s(Limits::default());
    for path in ["/Bad_Bucket", "/_lake/nothing"] {
        let answer = ask(&front, Draft::new("HEAD", path, "").request(Pieces::of(""))).await;
        assert!(answer.status >= 400 && answer.text.is_empty(), "{path}");
    }
}

#[tokio::test]
async fn the_lakes_own_paths_are_not_those_of_a_bucket() {
    let front = front_of_s3s(Limits::default());
    let live = |host: &str| Draft::new("GET", "/_lake/health/live", "").header("host", host).request(Pieces::of(""));
    assert_eq!(ask(&front, live("localhost:9000")).await.text, "live\n");
    assert_eq!(ask(&front, live("lake.example")).await.text, "live\n");
    assert_eq!(asked(&front, live("bucket.lake.example")).await, answer(403, "AccessDenied"), "an object's key");
    let metrics = Draft::new("GET", "/_lake/metrics", "").request(Pieces::of(""));
    assert_eq!(asked(&front, metrics).await, answer(401, "AccessDenied"));
    let metrics =
        Draft::new("GET", "/_lake/metrics", "").header("authorization", "Bearer token").request(Pieces::of(""));
    assert_eq!(ask(&front, metrics).await.text, "lake_up 1\n");
}

#[tokio::test]
async fn requests_beyond_the_bound_are_sent_away() {
    let (arrived, leave) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let inner: Inner = {
        let (arrived, leave) = (Arc::clone(&arrived), Arc::clone(&leave));
        Box::new(move |_| {
            let (arrived, leave) = (Arc::clone(&arrived), Arc::clone(&leave));
            Box::pin(async move {
                arrived.notify_one();
                leave.notified().await;
                Ok(Response::new(s3s::Body::empty()))
            })
        })
    };
    let front = front(inner, Limits { requests_max: 1, ..Limits::default() });
    let get = || Draft::new("GET", "/bucket/key", "").request(Pieces::of(""));
    let first = async { ask(&front, get()).await.status };
    let second = async {
        arrived.notified().await;
        let refused = ask(&front, get()).await;
        let live = ask(&front, Draft::new("GET", "/_lake/health/live", "").request(Pieces::of(""))).await;
        leave.notify_one();
        (refused.status, refused.code, live.status)
    };
    let (first, second) = futures::join!(first, second);
    assert_eq!((first, second), (200, (503, "SlowDown".to_owned(), 200)));
    assert_eq!(front.meters().requests_refused.get(), 1);
    assert_eq!(front.meters().requests_open.get(), 0);
    leave.notify_one();
    assert_eq!(ask(&front, get()).await.status, 200, "there is room again");
}

#[tokio::test]
async fn requests_are_counted_by_operation() {
    let front = front_of_s3s(Limits::default());
    ask(&front, put("hello")).await;
    ask(&front, put("hello")).await;
    ask(&front, Draft::new("GET", "/Bad_Bucket", "").request(Pieces::of(""))).await;
    let counted: Vec<_> = front
        .meters()
        .operations()
        .iter()
        .flat_map(|operation| {
            let name = operation.name().to_owned();
            operation
                .answers()
                .filter(|(_, count)| *count > 0)
                .map(move |(class, count)| (name.clone(), class, count))
                .collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(counted, [("PutObject".to_owned(), "2xx", 2), ("Unknown".to_owned(), "4xx", 1)]);
    assert_eq!(front.meters().bytes_in.get(), 10);
}

/// Collects what is logged, each event as one text.
struct Collect(Arc<Mutex<Vec<String>>>);

struct Fields(String);

impl tracing::field::Visit for Fields {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
        self.0.push_str(&format!("{field}={value:?} "));
    }
}

impl tracing::Subscriber for Collect {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.is_event() && metadata.target() == crate::REQUEST_LOG_TARGET
    }
    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }
    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn event(&self, event: &tracing::Event<'_>) {
        let mut fields = Fields(String::new());
        event.record(&mut fields);
        self.0.lock().expect("lock").push(fields.0);
    }
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

#[tokio::test]
async fn each_request_is_one_line_without_secrets() {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let _logging = tracing::subscriber::set_default(Collect(Arc::clone(&lines)));
    let front = front_of_s3s(Limits::default());
    let (draft, signature) =
        Draft::new("PUT", "/bucket/a%0Ab", "").header("content-length", "5").sign(&sha256(b"hello"));
    let answer = ask(&front, draft.request(Pieces::of("hello"))).await;
    ask(&front, Draft::new("GET", "/bucket/key", "X-Amz-Signature=feedface").request(Pieces::of(""))).await;
    let lines = std::mem::take(&mut *lines.lock().expect("lock"));
    let id = answer.head.headers().get("x-amz-request-id").and_then(|id| id.to_str().ok()).expect("id");
    assert_eq!(lines.len(), 2);
    for part in [
        &format!("request_id=\"{id}\""),
        "remote=127.0.0.1:1",
        "method=\"PUT\"",
        "operation=\"PutObject\"",
        "bucket=\"bucket\"",
        "key=\"a\\nb\"",
        "caller=\"root\"",
        "status=200",
        "outcome=\"complete\"",
        "bytes_in=5",
        "bytes_out=0",
    ] {
        assert!(lines[0].contains(part), "{part} is not in {}", lines[0]);
    }
    assert!(lines[1].contains("operation=\"Unknown\"") && lines[1].contains("status=400"), "{}", lines[1]);
    for secret in [signature.value.as_str(), "feedface", crate::testing::SECRET_KEY, crate::testing::ACCESS_KEY] {
        assert!(lines.iter().all(|line| !line.contains(secret)));
    }
}
