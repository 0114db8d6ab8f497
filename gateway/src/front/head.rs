//! The judgement of a request by its head alone, before a byte of its body is read.
//!
//! s3s checks signatures and parses inputs. What it does not look at, or takes more kindly than S3 does, is settled here.

use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderName, HeaderValue, Method, StatusCode, Version};
use kernel::Region;

use super::hoisted;
use super::mechanism::{self, Mechanism};
use super::mend;
use super::payload::Payload;
use super::refusal::Refusal;
use crate::Limits;

/// What the head told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Judged {
    pub(crate) payload: Payload,
    pub(crate) mechanism: Mechanism,
}

/// Judges a head; what S3 ignores is taken away from it. `body_is_empty` says that no body follows.
pub(crate) fn judge(
    parts: &mut Parts,
    body_is_empty: bool,
    region: &Region,
    limits: &Limits,
) -> Result<Judged, Refusal> {
    sizes(parts, limits)?;
    transfer_encoding(parts)?;
    method(parts)?;
    let mechanism = mechanism::judge(parts, region)?;
    if mechanism == Mechanism::Query {
        hoisted::payload_hash(parts)?;
    }
    let payload = Payload::of(&parts.headers)?;
    chunks_need_a_signature(parts, mechanism, payload)?;
    if let Payload::Hash(hash) = payload
        && body_is_empty
        && hash != Payload::EMPTY_HASH
        && matches!(parts.method, Method::PUT | Method::POST)
    {
        return Err(super::body_fault::BodyFaultKind::HashDiffers.refusal());
    }
    join_lists(parts);
    mend::mend(parts, mechanism)?;
    Ok(Judged { payload, mechanism })
}

/// Whether a request with a body says nothing of its length, which s3s wants for all bodies but those in chunks of their
/// own.
pub(crate) fn must_be_measured(parts: &Parts, payload: Payload) -> bool {
    let has_body = matches!(parts.method, Method::PUT | Method::POST) && !parts.headers.contains_key(CONTENT_LENGTH);
    has_body && !matches!(payload, Payload::Chunked { .. })
}

/// The host a request is meant for: its `Host` header or, over HTTP/2, its `:authority`.
pub(crate) fn host(parts: &Parts) -> Result<&str, Refusal> {
    let refuse = |message: &'static str| Err(Refusal::bad_request("InvalidRequest", message).closing());
    let mut hosts = parts.headers.get_all(HOST).iter();
    let header = hosts.next();
    if hosts.next().is_some() {
        return refuse("The Host header is given more than once.");
    }
    let header = match header.map(HeaderValue::to_str) {
        Some(Err(_)) => return refuse("The Host header is malformed."),
        Some(Ok(host)) => Some(host),
        None => None,
    };
    let authority = parts.uri.authority().map(Authority::as_str);
    let host = match (header, authority) {
        (Some(header), Some(authority)) if !header.eq_ignore_ascii_case(authority) => {
            return refuse("The Host header and the request's target differ.");
        }
        (Some(host), _) => host,
        (None, Some(authority)) if parts.version >= Version::HTTP_2 => authority,
        (None, _) => return refuse("Missing required header for this request: Host"),
    };
    let is_host = !host.contains('@') && host.parse::<Authority>().is_ok();
    if is_host { Ok(host) } else { refuse("The Host header is malformed.") }
}

pub(crate) fn sizes(parts: &Parts, limits: &Limits) -> Result<(), Refusal> {
    let uri = parts.uri.path_and_query().map_or(0, |path| path.as_str().len());
    if uri > limits.uri_bytes_max {
        return Err(Refusal::new(StatusCode::URI_TOO_LONG, "InvalidURI", "The specified URI is too long."));
    }
    let head: usize = parts.headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if head > limits.head_bytes_max {
        return Err(Refusal::bad_request(
            "RequestHeaderSectionTooLarge",
            "Your request header section exceeds the maximum allowed request header section size.",
        )
        .with("MaxSizeAllowed", limits.head_bytes_max.to_string()));
    }
    Ok(())
}

/// hyper refuses encodings that do not end in `chunked`, but hands on `gzip, chunked` undone.
fn transfer_encoding(parts: &Parts) -> Result<(), Refusal> {
    let mut codings = parts.headers.get_all(TRANSFER_ENCODING).iter();
    let is_plain = match (codings.next(), codings.next()) {
        (None, _) => true,
        (Some(coding), None) => coding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked"),
        _ => false,
    };
    if is_plain {
        return Ok(());
    }
    Err(Refusal::new(
        StatusCode::NOT_IMPLEMENTED,
        "NotImplemented",
        "A header you provided implies functionality that is not implemented.",
    )
    .with("Header", "Transfer-Encoding")
    .closing())
}

/// `OPTIONS` never comes here: preflights are answered before.
fn method(parts: &Parts) -> Result<(), Refusal> {
    match parts.method {
        Method::GET | Method::HEAD | Method::PUT | Method::POST | Method::DELETE => Ok(()),
        _ => Err(Refusal::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "MethodNotAllowed",
            "The specified method is not allowed against this resource.",
        )
        .with_header(http::header::ALLOW, "GET, HEAD, PUT, POST, DELETE, OPTIONS")),
    }
}

/// s3s takes the chunks apart only under an `Authorization` header; otherwise the framing would be stored as the object.
fn chunks_need_a_signature(parts: &Parts, mechanism: Mechanism, payload: Payload) -> Result<(), Refusal> {
    let is_encoded = parts
        .headers
        .get_all(CONTENT_ENCODING)
        .iter()
        .any(|value| value.to_str().is_ok_and(|text| text.split(',').any(|coding| coding.trim() == "aws-chunked")));
    if !is_encoded && !matches!(payload, Payload::Chunked { .. }) {
        return Ok(());
    }
    match mechanism {
        Mechanism::Header => Ok(()),
        Mechanism::Anonymous => {
            Err(Refusal::new(StatusCode::FORBIDDEN, "AccessDenied", "An aws-chunked body must be signed."))
        }
        Mechanism::Bearer => Err(Refusal::bad_request(
            "InvalidRequest",
            "With a bearer token a body is sent as it is, not in aws-chunked framing.",
        )),
        Mechanism::Query | Mechanism::Form => {
            Err(Refusal::bad_request("InvalidRequest", "An aws-chunked body needs the Authorization header."))
        }
    }
}

/// S3 joins metadata and codings that come in several headers of one name; s3s refuses them. The signature covers the
/// joined value.
fn join_lists(parts: &mut Parts) {
    let repeated: Vec<HeaderName> = parts
        .headers
        .keys()
        .filter(|name| *name == CONTENT_ENCODING || name.as_str().starts_with("x-amz-meta-"))
        .filter(|name| parts.headers.get_all(*name).iter().nth(1).is_some())
        .cloned()
        .collect();
    for name in repeated {
        let values: Vec<&[u8]> =
            parts.headers.get_all(&name).iter().map(|value| value.as_bytes().trim_ascii()).collect();
        if let Ok(joined) = HeaderValue::from_bytes(&values.join(&b","[..])) {
            parts.headers.insert(name, joined);
        }
    }
}

#[cfg(test)]
mod tests {
    use http::Request;
    use http::header::RANGE;

    use super::*;

    const SIGNED: (&str, &str) = (
        "authorization",
        "AWS4-HMAC-SHA256 Credential=KEY/20261120/here/s3/aws4_request, SignedHeaders=host;range, Signature=00",
    );
    const UNRANGED: (&str, &str) = (
        "authorization",
        "AWS4-HMAC-SHA256 Credential=KEY/20261120/here/s3/aws4_request, SignedHeaders=host, Signature=00",
    );

    fn parts(method: &str, uri: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).expect("request").into_parts().0
    }

    fn judged(method: &str, uri: &str, headers: &[(&str, &str)]) -> Result<Judged, (u16, &'static str)> {
        let region = Region::new("here").expect("region");
        judge(&mut parts(method, uri, headers), false, &region, &Limits::default())
            .map_err(|refusal| (refusal.status.as_u16(), refusal.code))
    }

    #[test]
    fn heads_that_go_no_further() {
        let long_uri = format!("/b/{}", "k".repeat(17 << 10));
        let long_value = "v".repeat(33 << 10);
        let chunked = ("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER");
        let presigned = "/b/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=K%2F20261120%2Fhere%2Fs3%2Faws4_request\
                         &X-Amz-Date=d&X-Amz-Expires=1&X-Amz-SignedHeaders=host&X-Amz-Signature=0";
        for (method, uri, headers, expected) in [
            ("TRACE", "/b", vec![], (405, "MethodNotAllowed")),
            ("PROPFIND", "/b", vec![], (405, "MethodNotAllowed")),
            ("get", "/b", vec![], (405, "MethodNotAllowed")),
            ("PATCH", "/b/k", vec![], (405, "MethodNotAllowed")),
            ("GET", long_uri.as_str(), vec![], (414, "InvalidURI")),
            ("GET", "/b/k", vec![("x-amz-meta-a", long_value.as_str())], (400, "RequestHeaderSectionTooLarge")),
            ("PUT", "/b/k", vec![("transfer-encoding", "gzip, chunked")], (501, "NotImplemented")),
            ("PUT", "/b/k", vec![("transfer-encoding", "xchunked")], (501, "NotImplemented")),
            (
                "PUT",
                "/b/k",
                vec![("transfer-encoding", "chunked"), ("transfer-encoding", "chunked")],
                (501, "NotImplemented"),
            ),
            ("PUT", "/b/k", vec![chunked], (403, "AccessDenied")),
            ("PUT", "/b/k", vec![("content-encoding", "gzip,aws-chunked")], (403, "AccessDenied")),
            ("PUT", presigned, vec![chunked], (400, "InvalidRequest")),
            ("PUT", presigned, vec![("content-encoding", "aws-chunked")], (400, "InvalidRequest")),
            ("PUT", "/b/k", vec![UNRANGED, ("x-amz-content-sha256", "abc")], (400, "InvalidArgument")),
            ("GET", "/b/k", vec![UNRANGED, UNRANGED], (400, "InvalidArgument")),
        ] {
            assert_eq!(judged(method, uri, &headers), Err(expected), "{method} {headers:?}");
        }
    }

    #[test]
    fn heads_that_go_on() {
        for (method, uri, headers) in [
            ("GET", "/", vec![]),
            ("HEAD", "/b/k", vec![UNRANGED]),
            ("PUT", "/b/k", vec![UNRANGED, ("transfer-encoding", "Chunked")]),
            ("PUT", "/b/k", vec![UNRANGED, ("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER")]),
            ("POST", "/b", vec![("content-type", "multipart/form-data; boundary=b"), ("content-length", "9")]),
            ("DELETE", "/b/k", vec![]),
        ] {
            assert!(judged(method, uri, &headers).is_ok(), "{method} {uri} {headers:?}");
        }
    }

    #[test]
    fn an_empty_body_cannot_have_another_hash() {
        let region = Region::new("here").expect("region");
        let hash = ("x-amz-content-sha256", "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
        let code = |method, empty| {
            judge(&mut parts(method, "/b/k", &[UNRANGED, hash]), empty, &region, &Limits::default())
                .err()
                .map(|refusal| refusal.code)
        };
        assert_eq!(code("PUT", true), Some("XAmzContentSHA256Mismatch"));
        assert_eq!(code("PUT", false), None);
        assert_eq!(code("GET", true), None);
    }

    #[test]
    fn ranges_that_s3_ignores_are_dropped() {
        let region = Region::new("here").expect("region");
        for (range, headers, stays) in [
            ("bytes=0-4", vec![], true),
            ("bytes=5-", vec![], true),
            ("bytes=-7", vec![], true),
            ("bytes=0-1,3-4", vec![], false),
            ("bytes=5-2", vec![], false),
            ("lines=1-2", vec![], false),
            ("nonsense", vec![UNRANGED], false),
            ("nonsense", vec![SIGNED], true),
        ] {
            let mut head = parts("GET", "/b/k", &[&headers[..], &[("range", range)]].concat());
            judge(&mut head, true, &region, &Limits::default()).expect(range);
            assert_eq!(head.headers.contains_key(RANGE), stays, "{range} {headers:?}");
        }
    }

    #[test]
    fn metadata_of_one_name_is_one_list() {
        let region = Region::new("here").expect("region");
        let mut head = parts("PUT", "/b/k", &[("x-amz-meta-a", "1 "), ("x-amz-meta-b", "b"), ("x-amz-meta-a", " 2")]);
        judge(&mut head, true, &region, &Limits::default()).expect("goes on");
        let of = |name: &str| head.headers.get_all(name).iter().cloned().collect::<Vec<_>>();
        assert_eq!(
            (of("x-amz-meta-a"), of("x-amz-meta-b")),
            (vec![HeaderValue::from_static("1,2")], vec![HeaderValue::from_static("b")])
        );
    }

    #[test]
    fn there_must_be_one_host() {
        let of = |uri: &str, hosts: &[&str], version: Version| {
            let headers: Vec<_> = hosts.iter().map(|host| ("host", *host)).collect();
            let mut head = parts("GET", uri, &headers);
            head.version = version;
            host(&head).map(str::to_owned).map_err(|refusal| refusal.code)
        };
        assert_eq!(of("/", &["lake.example:9000"], Version::HTTP_11), Ok("lake.example:9000".into()));
        assert_eq!(of("http://lake.example/", &["lake.example"], Version::HTTP_11), Ok("lake.example".into()));
        assert_eq!(of("https://lake.example/", &[], Version::HTTP_2), Ok("lake.example".into()));
        assert_eq!(of("/", &["[::1]:9000"], Version::HTTP_11), Ok("[::1]:9000".into()));
        for (uri, hosts, version) in [
            ("/", &[][..], Version::HTTP_11),
            ("http://lake.example/", &[], Version::HTTP_11),
            ("/", &["a", "a"], Version::HTTP_11),
            ("/", &["a@b"], Version::HTTP_11),
            ("/", &["a/b"], Version::HTTP_11),
            ("/", &[""], Version::HTTP_11),
            ("http://lake.example/", &["other.example"], Version::HTTP_11),
            ("https://lake.example/", &["other.example"], Version::HTTP_2),
        ] {
            assert_eq!(of(uri, hosts, version), Err("InvalidRequest"), "{uri} {hosts:?}");
        }
    }
}
