//! Where a website sends its visitors, written as `Location` wants it.
//!
//! What a bucket's owner configured may hold a query or a fragment and goes out as it was written; what a visitor asked
//! for is escaped, so that it stays a path of the host that it is sent to. A redirect to the same host and protocol names
//! neither: so it is right behind any proxy.

use engine::{Redirect, Target};
use http::header::LOCATION;
use http::{HeaderValue, StatusCode, Uri};
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};
use s3s::{Body, HttpResponse};

use super::WebsiteVisit;
use crate::front::query;

/// What no reference may hold, and backslashes, which browsers take for slashes. Source: RFC 3986, appendix A.
const ILLEGAL: &AsciiSet =
    &CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>').add(b'\\').add(b'^').add(b'`').add(b'{').add(b'|').add(b'}');
/// What has no meaning of its own in a path.
const OTHER: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The answer that sends a visitor of `uri` elsewhere.
pub(super) fn elsewhere(redirect: &Redirect, uri: &Uri, visit: &WebsiteVisit) -> HttpResponse {
    answer(redirect.status, &location(redirect, uri, visit))
}

/// The answer of an object that sends its visitors elsewhere.
pub(super) fn of_object(target: &str) -> HttpResponse {
    answer(301, &utf8_percent_encode(target, ILLEGAL).to_string())
}

fn answer(status: u16, location: &str) -> HttpResponse {
    let mut response = HttpResponse::new(Body::empty());
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::FOUND);
    if let Ok(location) = HeaderValue::from_str(location) {
        response.headers_mut().insert(LOCATION, location);
    }
    response
}

fn location(redirect: &Redirect, uri: &Uri, visit: &WebsiteVisit) -> String {
    let path = match &redirect.target {
        Target::Same => path_and_query(uri),
        Target::Key { configured, rest } => {
            format!("/{}{}", utf8_percent_encode(configured, ILLEGAL), utf8_percent_encode(rest, OTHER))
        }
    };
    let same_protocol = if visit.is_secure { "https" } else { "http" };
    match (&redirect.protocol, &redirect.host) {
        // Two slashes would begin a host.
        (None, None) => path.strip_prefix("//").map_or_else(|| path.clone(), |rest| format!("/%2F{rest}")),
        (protocol, host) => {
            let protocol = protocol.as_deref().unwrap_or(same_protocol);
            format!("{protocol}://{}{path}", host.as_deref().unwrap_or(&visit.host))
        }
    }
}

/// As it came, but for the signature of a link, which is for this host only.
fn path_and_query(uri: &Uri) -> String {
    let kept = uri.query().unwrap_or_default().split('&').filter(|pair| !is_of_signature(pair));
    let kept = kept.collect::<Vec<_>>().join("&");
    let path = uri.path();
    if kept.is_empty() { path.to_owned() } else { format!("{path}?{kept}") }
}

fn is_of_signature(pair: &str) -> bool {
    let is_named = |name: &str| name.get(..6).is_some_and(|start| start.eq_ignore_ascii_case("x-amz-"));
    query::pairs(Some(pair)).any(|(name, _)| is_named(&name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(protocol: Option<&str>, host: Option<&str>, target: Target) -> Redirect {
        Redirect { status: 301, protocol: protocol.map(str::to_owned), host: host.map(str::to_owned), target }
    }

    fn visit(is_secure: bool) -> WebsiteVisit {
        WebsiteVisit { bucket: "site".into(), host: "site.web.example:9000".into(), is_secure }
    }

    fn key(configured: &str, rest: &str) -> Target {
        Target::Key { configured: configured.to_owned(), rest: rest.to_owned() }
    }

    #[test]
    fn locations_are_of_the_host_they_name() {
        let (http, https) = (Some("http"), Some("https"));
        let there = Some("b.example:8080");
        for (redirect, uri, expected) in [
            (to(None, there, Target::Same), "/a/b%20c?d=e&f", "http://b.example:8080/a/b%20c?d=e&f"),
            (to(https, there, Target::Same), "/", "https://b.example:8080/"),
            (to(http, there, Target::Same), "//evil.example/", "http://b.example:8080//evil.example/"),
            (
                to(None, there, Target::Same),
                "/a?X-Amz-Signature=00&b=c&x%2Damz-Credential=k&X-AMZ-Date=1",
                "http://b.example:8080/a?b=c",
            ),
            (to(None, None, key("documents/", "x y")), "/docs/x%20y", "/documents/x%20y"),
            (to(https, None, key("", "x")), "/", "https://site.web.example:9000/x"),
            (to(https, there, key("", "ü/?#%&")), "/", "https://b.example:8080/%C3%BC/%3F%23%25%26"),
            (to(None, None, key("resize?key=", "a/b.jpg")), "/", "/resize?key=a/b.jpg"),
            (to(None, there, key("#!/", "a")), "/", "http://b.example:8080/#!/a"),
            (to(None, None, key("", "/evil.example/")), "/", "/%2Fevil.example/"),
            (to(None, None, key("/evil.example/", "")), "/", "/%2Fevil.example/"),
            (to(None, None, key("\\evil.example/", "\\")), "/", "/%5Cevil.example/%5C"),
            (to(None, None, key("a\r\nSet-Cookie: b=c", "\r\n")), "/", "/a%0D%0ASet-Cookie:%20b=c%0D%0A"),
        ] {
            assert_eq!(location(&redirect, &uri.parse().expect("uri"), &visit(false)), expected, "{redirect:?}");
        }
        let secure = |protocol| location(&to(protocol, there, Target::Same), &Uri::from_static("/"), &visit(true));
        assert_eq!(secure(None), "https://b.example:8080/");
        assert_eq!(secure(http), "http://b.example:8080/");
    }

    #[test]
    fn objects_send_visitors_where_they_were_told_to() {
        for (target, expected) in [
            ("/other", "/other"),
            ("https://b.example/a?b=c#d", "https://b.example/a?b=c#d"),
            ("/a\r\nSet-Cookie: b", "/a%0D%0ASet-Cookie:%20b"),
            ("/ü", "/%C3%BC"),
        ] {
            let response = of_object(target);
            assert_eq!(response.status(), StatusCode::MOVED_PERMANENTLY);
            assert_eq!(response.headers()[LOCATION], expected);
        }
    }
}
