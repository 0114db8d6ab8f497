//! What an answer tells of a member, whatever its form.

use bytes::Bytes;
use engine::ObjectInfo;
use http::{HeaderMap, StatusCode};
use kernel::Timestamp;
use s3s::S3Error;

use crate::s3_error::Failure;
use crate::translate::attributes::TYPE_UNKNOWN;
use crate::translate::{conditions, names, ranges};

/// An object that is being read.
pub(super) struct Object {
    /// As in `x-amz-version-id`; none where the bucket names no versions.
    pub(super) version: Option<String>,
    /// With its quotes.
    pub(super) etag: String,
    pub(super) content_type: String,
    pub(super) content_encoding: Option<String>,
    /// As in `Content-Range`, where a range was asked for.
    pub(super) content_range: Option<String>,
    pub(super) modified: Timestamp,
    /// Bytes that follow.
    pub(super) bytes: u64,
}

impl Object {
    pub(super) fn new(info: &ObjectInfo) -> Self {
        let facts = info.version.object();
        let headers = facts.map(|facts| &facts.headers);
        Self {
            version: info.versioned.then(|| names::version_text(info.version.name())),
            etag: facts.map(|facts| conditions::etag_text(&facts.etag)).unwrap_or_default(),
            content_type: headers
                .and_then(|headers| headers.content_type.clone())
                .unwrap_or_else(|| TYPE_UNKNOWN.to_owned()),
            content_encoding: headers.and_then(|headers| headers.content_encoding.clone()),
            content_range: info.range.zip(facts).and_then(|(range, facts)| ranges::content_range(range, facts.bytes)),
            modified: info.version.modified,
            bytes: info.selected_bytes(),
        }
    }
}

/// An object that cannot be had, in the words in which a GET would say so.
pub(super) struct Refused {
    pub(super) status: StatusCode,
    /// S3's code.
    pub(super) code: String,
    pub(super) message: String,
    pub(super) headers: HeaderMap,
    /// The document that a GET would answer.
    pub(super) xml: Bytes,
}

impl Refused {
    pub(super) fn new(failure: Failure) -> Self {
        let error = S3Error::from(failure);
        let code = error.code().as_str().to_owned();
        let message = error.message().unwrap_or_default().to_owned();
        let headers = error.headers().cloned().unwrap_or_default();
        let status = error.status_code().unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let written = error.to_http_response().ok();
        let xml = written.and_then(|response| response.body().bytes()).unwrap_or_default();
        Self { status, code, message, headers, xml }
    }
}
