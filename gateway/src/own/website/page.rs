//! The page that is shown where there is no other.

use std::fmt::Write;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use quick_xml::escape::escape;
use s3s::{Body, HttpResponse, S3Error};

use crate::front::trace::RequestTrace;
use crate::translate::legible;

/// An error, for people.
pub(super) struct Page<'a> {
    pub(super) status: StatusCode,
    /// An error code of S3.
    pub(super) code: &'a str,
    pub(super) message: &'a str,
    /// What else is told, by name.
    pub(super) details: &'a [(&'a str, &'a str)],
    /// Why the bucket's own page for errors is not shown, and its key.
    pub(super) document: Option<(&'a S3Error, &'a str)>,
}

impl Page<'_> {
    pub(super) fn response(&self, trace: &RequestTrace) -> HttpResponse {
        let has_body = self.status != StatusCode::NOT_MODIFIED;
        let body = if has_body { Body::from(self.html(trace)) } else { Body::empty() };
        let mut response = HttpResponse::new(body);
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        if has_body {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
            name(headers, self.code, self.message);
        }
        response
    }

    fn html(&self, trace: &RequestTrace) -> String {
        let reason = self.status.canonical_reason().unwrap_or_default();
        let title = format!("{} {reason}", self.status.as_u16());
        let mut html = format!("<html>\n<head><title>{title}</title></head>\n<body>\n<h1>{title}</h1>\n<ul>\n");
        item(&mut html, "Code", self.code);
        item(&mut html, "Message", self.message);
        for (name, text) in self.details {
            item(&mut html, name, text);
        }
        item(&mut html, "RequestId", trace.id());
        item(&mut html, "HostId", trace.host_id());
        html.push_str("</ul>\n");
        if let Some((error, key)) = self.document {
            html.push_str("<h3>An Error Occurred While Attempting to Retrieve a Custom Error Document</h3>\n<ul>\n");
            item(&mut html, "Code", error.code().as_str());
            item(&mut html, "Message", error.message().unwrap_or_default());
            if error.code().as_str() == "NoSuchKey" {
                item(&mut html, "Key", key);
            }
            html.push_str("</ul>\n");
        }
        html.push_str("<hr/>\n</body>\n</html>\n");
        html
    }
}

/// Keys and hosts are what strangers wrote.
fn item(html: &mut String, name: &str, text: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(html, "<li>{name}: {}</li>", escape(legible::told(text.to_owned())));
}

/// Says in headers what failed, for clients that are no people.
pub(super) fn name_error(headers: &mut HeaderMap, error: &S3Error) {
    name(headers, error.code().as_str(), error.message().unwrap_or_default());
}

fn name(headers: &mut HeaderMap, code: &str, message: &str) {
    for (name, text) in [("x-amz-error-code", code), ("x-amz-error-message", message)] {
        if let Ok(value) = HeaderValue::from_str(text) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use s3s::S3ErrorCode;

    use super::*;

    #[test]
    fn whatever_strangers_wrote_is_text() {
        let error = S3Error::with_message(S3ErrorCode::NoSuchKey, "not <here>");
        let page = Page {
            status: StatusCode::NOT_FOUND,
            code: "NoSuchKey",
            message: "a & b",
            details: &[("Key", "<script>alert('x')</script>\u{1}\"")],
            document: Some((&error, "<b>")),
        };
        let html = page.html(&RequestTrace::for_test());
        let expected = [
            "<html>",
            "<head><title>404 Not Found</title></head>",
            "<body>",
            "<h1>404 Not Found</h1>",
            "<ul>",
            "<li>Code: NoSuchKey</li>",
            "<li>Message: a &amp; b</li>",
            "<li>Key: &lt;script&gt;alert(&apos;x&apos;)&lt;/script&gt;\u{fffd}&quot;</li>",
            "<li>RequestId: 00000000000000AB</li>",
            "<li>HostId: host</li>",
            "</ul>",
            "<h3>An Error Occurred While Attempting to Retrieve a Custom Error Document</h3>",
            "<ul>",
            "<li>Code: NoSuchKey</li>",
            "<li>Message: not &lt;here&gt;</li>",
            "<li>Key: &lt;b&gt;</li>",
            "</ul>",
            "<hr/>",
            "</body>",
            "</html>",
        ];
        assert_eq!(html.lines().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn headers_take_no_line_ends() {
        let mut headers = HeaderMap::new();
        name(&mut headers, "NoSuchKey", "a\r\nSet-Cookie: b=c");
        assert_eq!(headers.len(), 1);
    }
}
