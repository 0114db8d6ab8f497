//! The answer as `multipart/mixed`: every member is a part with the headers that a GET of it would answer, its key and its
//! status.
//!
//! Source: RFC 2046, 5.1.

use bytes::{BufMut, Bytes, BytesMut};
use http::header::{
    CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderName, HeaderValue, LAST_MODIFIED,
};
use http::{HeaderMap, StatusCode};
use kernel::ObjectKey;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::member::{Object, Refused};
use crate::translate::attributes::TYPE_UNKNOWN;
use crate::translate::time;

const KEY: HeaderName = HeaderName::from_static("x-lake-key");
const STATUS: HeaderName = HeaderName::from_static("x-lake-status");
const VERSION_ID: HeaderName = HeaderName::from_static("x-amz-version-id");
/// What stands in a key as it is: what needs no escape in the path of a URL. Source: RFC 3986, 2.3 and 3.3.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// What stands before an object's bytes.
pub(super) fn head(boundary: &str, key: &ObjectKey, object: &Object) -> Bytes {
    let status = if object.content_range.is_some() { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK };
    let mut headers = HeaderMap::new();
    let texts = [
        (VERSION_ID, object.version.as_deref()),
        (ETAG, Some(object.etag.as_str())),
        (CONTENT_ENCODING, object.content_encoding.as_deref()),
        (CONTENT_RANGE, object.content_range.as_deref()),
    ];
    for (name, text) in texts {
        if let Some(value) = text.and_then(value) {
            headers.insert(name, value);
        }
    }
    headers.insert(CONTENT_TYPE, value(&object.content_type).unwrap_or(HeaderValue::from_static(TYPE_UNKNOWN)));
    headers.insert(LAST_MODIFIED, time::http_date(object.modified));
    part(boundary, key, status, object.bytes, headers)
}

/// A part that says why an object is not here.
pub(super) fn refusal(boundary: &str, key: &ObjectKey, refused: &Refused) -> Bytes {
    let mut headers = refused.headers.clone();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    let head = part(boundary, key, refused.status, refused.xml.len() as u64, headers);
    [head, refused.xml.clone(), tail()].concat().into()
}

/// What stands behind a part's bytes.
pub(super) fn tail() -> Bytes {
    Bytes::from_static(b"\r\n")
}

/// What stands behind the last part.
pub(super) fn end(boundary: &str) -> Bytes {
    format!("--{boundary}--\r\n").into()
}

/// What can stand in a header; stored headers came in one, or in the field of a form.
fn value(text: &str) -> Option<HeaderValue> {
    HeaderValue::from_bytes(text.as_bytes()).ok()
}

fn part(boundary: &str, key: &ObjectKey, status: StatusCode, bytes: u64, mut headers: HeaderMap) -> Bytes {
    if let Some(key) = value(&utf8_percent_encode(key.as_str(), ESCAPED).to_string()) {
        headers.insert(KEY, key);
    }
    headers.insert(STATUS, HeaderValue::from(status.as_u16()));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(bytes));
    let mut text = BytesMut::with_capacity(512);
    text.put_slice(b"--");
    text.put_slice(boundary.as_bytes());
    for (name, value) in &headers {
        text.put_slice(b"\r\n");
        text.put_slice(name.as_str().as_bytes());
        text.put_slice(b": ");
        text.put_slice(value.as_bytes());
    }
    text.put_slice(b"\r\n\r\n");
    text.freeze()
}

#[cfg(test)]
mod tests {
    use kernel::Timestamp;

    use super::*;

    fn text(bytes: &[u8]) -> String {
        let mut lines: Vec<_> = std::str::from_utf8(bytes).expect("text").split("\r\n").collect();
        let blank = lines.iter().position(|line| line.is_empty()).expect("the end of the headers");
        lines[1..blank].sort_unstable();
        lines.join("\n")
    }

    #[test]
    fn a_part_has_the_headers_of_a_get() {
        let object = Object {
            version: Some("null".to_owned()),
            etag: "\"0123\"".to_owned(),
            content_type: "text/plain\r\nx-lake-status: 404".to_owned(),
            content_encoding: Some("gzip".to_owned()),
            content_range: Some("bytes 0-4/9".to_owned()),
            modified: Timestamp::from_secs(0),
            bytes: 5,
        };
        let key = ObjectKey::new("a//../b c\r\nd: é").expect("a key");
        assert_eq!(
            text(&head("B", &key, &object)),
            "--B\ncontent-encoding: gzip\ncontent-length: 5\ncontent-range: bytes 0-4/9\n\
             content-type: binary/octet-stream\netag: \"0123\"\nlast-modified: Thu, 01 Jan 1970 00:00:00 GMT\n\
             x-amz-version-id: null\nx-lake-key: a//../b%20c%0D%0Ad%3A%20%C3%A9\nx-lake-status: 206\n\n"
        );
        assert_eq!(end("B"), "--B--\r\n");
    }

    #[test]
    fn a_refusal_holds_what_a_get_would_answer() {
        let refused = Refused {
            status: StatusCode::NOT_FOUND,
            code: "NoSuchKey".to_owned(),
            message: String::new(),
            headers: HeaderMap::from_iter([(VERSION_ID, HeaderValue::from_static("null"))]),
            xml: Bytes::from_static(b"<Error/>"),
        };
        assert_eq!(
            text(&refusal("B", &ObjectKey::new("k").expect("a key"), &refused)),
            "--B\ncontent-length: 8\ncontent-type: application/xml\nx-amz-version-id: null\nx-lake-key: k\n\
             x-lake-status: 404\n\n<Error/>\n"
        );
    }
}
