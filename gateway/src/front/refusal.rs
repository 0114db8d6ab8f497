//! Answers of the doorman's own: S3's XML errors for what never reaches s3s, and the finishing of those that s3s writes.

use std::borrow::Cow;
use std::fmt::Write;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use quick_xml::escape::{escape, unescape};
use s3s::Body;

use super::trace::RequestTrace;

/// A request that goes no further.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    /// An error code of S3.
    pub(crate) code: &'static str,
    pub(crate) message: Cow<'static, str>,
    /// Further elements of the XML.
    pub(crate) elements: Vec<(&'static str, String)>,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self { status, code, message: message.into(), elements: Vec::new(), headers: Vec::new() }
    }
    pub(crate) fn bad_request(code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }
    /// A header whose value S3 does not take.
    pub(crate) fn argument(name: &'static str, value: &str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::bad_request("InvalidArgument", message)
            .with("ArgumentName", name)
            .with("ArgumentValue", value.chars().take(256).collect::<String>())
    }
    pub(crate) fn length_required() -> Self {
        let message = "You must provide the Content-Length HTTP header.";
        Self::new(StatusCode::LENGTH_REQUIRED, "MissingContentLength", message)
    }
    pub(crate) fn slow_down() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "SlowDown", "Reduce your request rate.")
    }
    pub(crate) fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "InternalError",
            "We encountered an internal error. Please try again.",
        )
    }
    pub(crate) fn with(mut self, element: &'static str, value: impl Into<String>) -> Self {
        self.elements.push((element, value.into()));
        self
    }
    pub(crate) fn with_header(mut self, name: HeaderName, value: &'static str) -> Self {
        self.headers.push((name, HeaderValue::from_static(value)));
        self
    }
    /// For requests whose framing cannot be trusted: nothing after them is a request.
    pub(crate) fn closing(self) -> Self {
        self.with_header(http::header::CONNECTION, "close")
    }

    /// The answer; `trace` and `resource` name the request in it.
    pub(crate) fn into_response(self, trace: &RequestTrace, resource: &str) -> Response<Body> {
        let mut xml = String::with_capacity(384);
        xml.push_str("<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error>");
        element(&mut xml, "Code", self.code);
        element(&mut xml, "Message", &self.message);
        for (name, value) in &self.elements {
            element(&mut xml, name, value);
        }
        naming(&mut xml, trace, resource);
        xml.push_str("</Error>");
        let mut response = Response::new(Body::from(xml));
        *response.status_mut() = self.status;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
        response.headers_mut().extend(self.headers);
        response
    }
}

/// Adds to an error that s3s wrote what s3s does not know: the resource and the request's names.
pub(crate) fn name_request(response: &mut Response<Body>, trace: &RequestTrace, resource: &str) {
    const END: &[u8] = b"</Error>";
    let Some(body) = response.body().bytes() else { return };
    let Some(start) = body.strip_suffix(END).and_then(|start| std::str::from_utf8(start).ok()) else {
        return;
    };
    if start.contains("<RequestId>") {
        return;
    }
    let mut xml = String::with_capacity(start.len() + 256);
    xml.push_str(start);
    naming(&mut xml, trace, resource);
    xml.push_str("</Error>");
    response.headers_mut().remove(CONTENT_LENGTH);
    *response.body_mut() = Body::from(Bytes::from(xml));
}

/// The code and the message of an error that stands there as XML.
pub(crate) fn told(body: &Body) -> Option<(String, String)> {
    let body = body.bytes().filter(|body| !body.is_empty())?;
    let xml = std::str::from_utf8(&body).ok()?;
    let text = |name: &str| {
        let (_, behind) = xml.split_once(&format!("<{name}>"))?;
        let (text, _) = behind.split_once(&format!("</{name}>"))?;
        Some(unescape(text).unwrap_or(Cow::Borrowed(text)).into_owned())
    };
    Some((text("Code").unwrap_or_default(), text("Message").unwrap_or_default()))
}

/// Writes an error that stands there as XML anew as JSON, for the admin API.
pub(crate) fn write_as_json(response: &mut Response<Body>, trace: &RequestTrace) {
    /// Source: `docs/openapi.json`, *Error*.
    #[derive(serde::Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Error<'a> {
        code: &'a str,
        message: &'a str,
        request_id: &'a str,
    }
    let Some((code, message)) = told(response.body()) else { return };
    let error = Error { code: &code, message: &message, request_id: trace.id() };
    let Ok(json) = serde_json::to_vec(&error) else { return };
    let headers = response.headers_mut();
    headers.remove(CONTENT_LENGTH);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    *response.body_mut() = Body::from(Bytes::from(json));
}

/// Writes an error that stands there as S3 writes it anew as IAM and STS do.
///
/// Source: IAM User Guide, *Making query requests*, "Error response".
pub(crate) fn write_as_query(response: &mut Response<Body>, trace: &RequestTrace) {
    let Some((code, message)) = told(response.body()) else { return };
    let kind = if response.status().is_server_error() { "Receiver" } else { "Sender" };
    let mut xml = "<ErrorResponse><Error>".to_owned();
    for (name, value) in [("Type", kind), ("Code", &code), ("Message", &message)] {
        element(&mut xml, name, value);
    }
    xml.push_str("</Error>");
    element(&mut xml, "RequestId", trace.id());
    xml.push_str("</ErrorResponse>");
    let headers = response.headers_mut();
    headers.remove(CONTENT_LENGTH);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/xml"));
    *response.body_mut() = Body::from(Bytes::from(xml));
}

fn naming(xml: &mut String, trace: &RequestTrace, resource: &str) {
    element(xml, "Resource", resource);
    element(xml, "RequestId", trace.id());
    element(xml, "HostId", trace.host_id());
}

/// Characters that XML 1.0 cannot hold become `?`.
fn element(xml: &mut String, name: &str, value: &str) {
    let value: Cow<'_, str> = if value.chars().all(is_xml) {
        Cow::Borrowed(value)
    } else {
        Cow::Owned(value.chars().map(|c| if is_xml(c) { c } else { '?' }).collect())
    };
    // Writing to a string cannot fail.
    let _ = write!(xml, "<{name}>{}</{name}>", escape(value.as_ref()));
}

fn is_xml(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(response: &Response<Body>) -> String {
        String::from_utf8(response.body().bytes().expect("in memory").to_vec()).expect("utf-8")
    }

    #[test]
    fn a_refusal_is_escaped_and_names_the_request() {
        let trace = RequestTrace::for_test();
        let response = Refusal::argument("range", "<a&b>\u{1}", "no").into_response(&trace, "/b/k");
        assert_eq!(response.status(), 400);
        assert_eq!(
            text(&response),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>InvalidArgument</Code><Message>no</Message>\
             <ArgumentName>range</ArgumentName><ArgumentValue>&lt;a&amp;b&gt;?</ArgumentValue>\
             <Resource>/b/k</Resource><RequestId>00000000000000AB</RequestId><HostId>host</HostId></Error>"
        );
    }

    #[test]
    fn errors_of_s3s_are_completed_once() {
        let trace = RequestTrace::for_test();
        let mut response = s3s::s3_error!(AccessDenied, "no").to_http_response().expect("serializes");
        name_request(&mut response, &trace, "/b/a&b");
        let once = text(&response);
        assert!(once.ends_with(
            "<Resource>/b/a&amp;b</Resource><RequestId>00000000000000AB</RequestId><HostId>host</HostId></Error>"
        ));
        name_request(&mut response, &trace, "/b/a&b");
        assert_eq!(text(&response), once);
    }

    #[test]
    fn errors_of_the_admin_api_are_json() {
        let trace = RequestTrace::for_test();
        let mut response = Refusal::bad_request("InvalidRequest", "<a&b> \"c\"").into_response(&trace, "/x");
        write_as_json(&mut response, &trace);
        assert_eq!(response.headers()[CONTENT_TYPE], "application/json");
        assert_eq!(
            text(&response),
            r#"{"code":"InvalidRequest","message":"<a&b> \"c\"","requestId":"00000000000000AB"}"#
        );
    }

    #[test]
    fn other_bodies_stay_as_they_are() {
        let mut response = Response::new(Body::from(String::from("<Other/>")));
        name_request(&mut response, &RequestTrace::for_test(), "/");
        assert_eq!(text(&response), "<Other/>");
    }
}
