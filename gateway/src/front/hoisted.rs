//! Headers that the maker of a link wrote into its query.
//!
//! Who signs a link would have to tell whoever uses it which headers to send along. SDKs spare them that: they *hoist* the
//! `x-amz-*` headers into the query, where the signature covers them. Once it is verified, they are the headers they stand
//! for, and the query is what it would have been without them.
//!
//! A checksum is the one exception. At the time of signing there is no body, and the SDK for JavaScript writes the
//! checksum of nothing into every link for a PUT; S3 does not look at it. Here a checksum that is not that of nothing was
//! meant, and is verified.

use http::header::HeaderName;
use http::request::Parts;
use http::{HeaderValue, Uri};

use super::payload::CONTENT_SHA256;
use super::query;
use super::refusal::Refusal;

/// What is itself part of the signature, and what says only how an SDK would go about it.
const NOT_HEADERS: [&str; 9] = [
    "x-amz-algorithm",
    CONTENT_SHA256,
    "x-amz-credential",
    "x-amz-date",
    "x-amz-expires",
    "x-amz-sdk-checksum-algorithm",
    "x-amz-security-token",
    "x-amz-signature",
    "x-amz-signedheaders",
];

/// The checksums of no bytes.
const OF_NOTHING: [(&str, &str); 5] = [
    ("x-amz-checksum-crc32", "AAAAAA=="),
    ("x-amz-checksum-crc32c", "AAAAAA=="),
    ("x-amz-checksum-crc64nvme", "AAAAAAAAAAA="),
    ("x-amz-checksum-sha1", "2jmj7l5rSw0yVb/vlWAYkK/YBwk="),
    ("x-amz-checksum-sha256", "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="),
];

/// The headers that a link's query stands for. The caller has seen that it is a link.
pub(crate) fn headers(parts: &Parts) -> Result<Vec<(HeaderName, HeaderValue)>, Refusal> {
    let mut hoisted: Vec<(HeaderName, HeaderValue)> = Vec::new();
    for (name, value) in query::pairs(parts.uri.query()) {
        let name = name.to_ascii_lowercase();
        let is_of_nothing = OF_NOTHING.contains(&(name.as_str(), value.as_ref()));
        if !name.starts_with("x-amz-") || NOT_HEADERS.contains(&name.as_str()) || is_of_nothing || value.is_empty() {
            continue;
        }
        let pair = (HeaderName::try_from(name.as_str()), HeaderValue::from_bytes(value.as_bytes()));
        let (Ok(header), Ok(value)) = pair else {
            return Err(Refusal::bad_request("InvalidArgument", format!("The parameter {name} cannot be a header.")));
        };
        let mut sent = parts.headers.get_all(&header).iter();
        if hoisted.iter().any(|(known, _)| *known == header) || sent.any(|sent| *sent != value) {
            let message = format!("The parameter {name} is given more than once, or differs from the header.");
            return Err(Refusal::bad_request("InvalidArgument", message));
        }
        hoisted.push((header, value));
    }
    Ok(hoisted)
}

/// Makes the hash of the body, which is looked at before the signature is verified, the header that it stands for.
pub(crate) fn payload_hash(parts: &mut Parts) -> Result<(), Refusal> {
    let values: Vec<_> = query::pairs(parts.uri.query())
        .filter(|(name, _)| name.eq_ignore_ascii_case(CONTENT_SHA256))
        .map(|(_, value)| value.into_owned())
        .collect();
    let sent = parts.headers.get_all(CONTENT_SHA256).iter();
    let all = values.iter().map(String::as_bytes).chain(sent.map(HeaderValue::as_bytes));
    let Some(first) = values.first() else { return Ok(()) };
    if all.into_iter().any(|other| other != first.as_bytes()) {
        let message = format!("{CONTENT_SHA256} is given more than once, and differs.");
        return Err(Refusal::bad_request("InvalidArgument", message));
    }
    if let Ok(value) = HeaderValue::try_from(first) {
        parts.headers.insert(CONTENT_SHA256, value);
    }
    Ok(())
}

/// The address of a link without what is signature or header in its query.
pub(crate) fn without(uri: &Uri) -> Option<Uri> {
    let kept = |pair: &&str| {
        let is_ours = query::pairs(Some(pair)).any(|(name, _)| name.to_ascii_lowercase().starts_with("x-amz-"));
        !pair.is_empty() && !is_ours
    };
    let query: Vec<&str> = uri.query().unwrap_or_default().split('&').filter(kept).collect();
    let mark = if query.is_empty() { "" } else { "?" };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(format!("{}{mark}{}", uri.path(), query.join("&")).parse().ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    const SIGNATURE: &str = "X-Amz-Algorithm=a&X-Amz-Credential=c&X-Amz-Date=d&X-Amz-Expires=1&X-Amz-SignedHeaders=host\
                             &X-Amz-Signature=s&X-Amz-Security-Token=t";

    fn parts(query: &str, sent: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().method("PUT").uri(format!("/b/k%2Fl?{query}&{SIGNATURE}"));
        for (name, value) in sent {
            request = request.header(*name, *value);
        }
        request.body(()).expect("request").into_parts().0
    }

    /// Names and values, or the code of the refusal.
    fn hoisted(query: &str, sent: &[(&str, &str)]) -> Result<Vec<String>, &'static str> {
        let found = headers(&parts(query, sent)).map_err(|refusal| refusal.code)?;
        let text = |value: &HeaderValue| String::from_utf8(value.as_bytes().to_vec()).expect("text");
        Ok(found.iter().map(|(name, value)| format!("{name}: {}", text(value))).collect())
    }

    #[test]
    fn what_stands_for_headers() {
        for (query, expected) in [
            ("", vec![]),
            ("x-id=PutObject&versionId=1&response-content-type=a", vec![]),
            ("x-amz-acl=private&x-amz-meta-a=b%20c+d", vec!["x-amz-acl: private", "x-amz-meta-a: b c d"]),
            ("X-Amz-Meta-A=%C3%A9", vec!["x-amz-meta-a: é"]),
            ("x-amz-tagging=a%3Db%26c%3Dd", vec!["x-amz-tagging: a=b&c=d"]),
            ("x-amz-acl=", vec![]),
            ("x-amz-checksum-crc32=AAAAAA%3D%3D&x-amz-sdk-checksum-algorithm=CRC32", vec![]),
            ("x-amz-checksum-crc32=AAAAAQ%3D%3D", vec!["x-amz-checksum-crc32: AAAAAQ=="]),
            ("x-amz-checksum-mode=ENABLED", vec!["x-amz-checksum-mode: ENABLED"]),
            ("X-Amz-Content-Sha256=UNSIGNED-PAYLOAD", vec![]),
        ] {
            assert_eq!(hoisted(query, &[]), Ok(expected.into_iter().map(str::to_owned).collect()), "{query}");
        }
    }

    #[test]
    fn one_header_has_one_value() {
        assert_eq!(hoisted("x-amz-acl=a", &[("x-amz-acl", "a")]), Ok(vec!["x-amz-acl: a".to_owned()]));
        for (query, sent) in [
            ("x-amz-acl=a", &[("x-amz-acl", "b")][..]),
            ("x-amz-acl=a", &[("x-amz-acl", "a"), ("x-amz-acl", "b")]),
            ("x-amz-acl=a&x-amz-acl=a", &[]),
            ("x-amz-acl=a&X-Amz-Acl=b", &[]),
            ("x-amz-meta-a=b%0D%0Ax-injected:1", &[]),
            ("x-amz-meta-%20=b", &[]),
        ] {
            assert_eq!(hoisted(query, sent), Err("InvalidArgument"), "{query} {sent:?}");
        }
    }

    #[test]
    fn the_hash_of_the_body_is_a_header_at_once() {
        let hash = |query: &str, sent: &[(&str, &str)]| {
            let mut parts = parts(query, sent);
            payload_hash(&mut parts).map_err(|refusal| refusal.code)?;
            Ok(parts.headers.get(CONTENT_SHA256).map(|value| value.to_str().expect("text").to_owned()))
        };
        assert_eq!(hash("", &[]), Ok(None));
        assert_eq!(hash("X-Amz-Content-Sha256=a", &[]), Ok(Some("a".to_owned())));
        assert_eq!(hash("x-amz-content-sha256=a", &[(CONTENT_SHA256, "a")]), Ok(Some("a".to_owned())));
        assert_eq!(hash("", &[(CONTENT_SHA256, "a")]), Ok(Some("a".to_owned())));
        assert_eq!(hash("x-amz-content-sha256=a", &[(CONTENT_SHA256, "b")]), Err("InvalidArgument"));
        assert_eq!(hash("x-amz-content-sha256=a&X-Amz-Content-Sha256=b", &[]), Err("InvalidArgument"));
    }

    #[test]
    fn the_rest_of_the_address_stays_as_it_was() {
        for (query, expected) in [
            ("", "/b/k%2Fl"),
            ("x-amz-acl=private", "/b/k%2Fl"),
            (
                "versionId=a%20b&x-amz-acl=c&response-content-type=d+e",
                "/b/k%2Fl?versionId=a%20b&response-content-type=d+e",
            ),
            ("uploads&%78-amz-acl=c", "/b/k%2Fl?uploads"),
        ] {
            assert_eq!(without(&parts(query, &[]).uri).expect("address").to_string(), expected, "{query}");
        }
    }
}
