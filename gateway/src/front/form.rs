//! Upload forms, by their heads: which bucket they are for, and what divides their parts.
//!
//! s3s would read any form itself, so it does not get to see that it is one: the type of the body is taken away, and
//! [`Claim::Form`](crate::own::Claim::Form) says what it said.

use http::StatusCode;
use http::header::{ALLOW, CONTENT_LENGTH, CONTENT_TYPE};
use http::request::Parts;

use super::head;
use super::payload::{CONTENT_SHA256, Payload};
use super::refusal::Refusal;
use crate::form::FormHead;
use crate::own::Claim;
use crate::virtual_host::Place;

/// Claims a request that is a form. `place` is what its host means.
pub(crate) fn claim(parts: &mut Parts, place: &Place, is_secure: bool, payload: Payload) -> Result<(), Refusal> {
    let host = head::host(parts)?;
    let path = parts.uri.path();
    let (bucket, address) = match place {
        Place::Bucket(bucket) if matches!(path, "" | "/") => (bucket.as_str(), String::new()),
        Place::Path => {
            let bucket = path.trim_start_matches('/').trim_end_matches('/');
            (bucket, format!("/{bucket}"))
        }
        Place::Bucket(_) | Place::Website(_) => ("", String::new()),
    };
    if bucket.is_empty() || bucket.contains('/') {
        let message = "The specified method is not allowed against this resource.";
        return Err(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", message)
            .with_header(ALLOW, "GET, HEAD, PUT, DELETE"));
    }
    if payload != Payload::Unsigned {
        return Err(Refusal::bad_request("InvalidRequest", format!("{CONTENT_SHA256} cannot be given for a form.")));
    }
    let length = parts.headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    let Some(bytes) = length else {
        // The length of the file follows from it.
        return Err(Refusal::length_required());
    };
    let boundary = parts.headers.get(CONTENT_TYPE).and_then(|value| boundary(value.to_str().ok()?));
    let Some(boundary) = boundary else {
        let message = "The Content-Type of your POST request names no boundary.";
        return Err(Refusal::bad_request("MalformedPOSTRequest", message));
    };
    let scheme = if is_secure { "https" } else { "http" };
    let (bucket, address) = (bucket.to_owned(), format!("{scheme}://{host}{address}"));
    parts.headers.remove(CONTENT_TYPE);
    parts.extensions.insert(Claim::Form(FormHead { boundary, bucket, bytes, address }));
    Ok(())
}

/// The boundary that a content type names. RFC 2046 allows no semicolon in it.
fn boundary(content_type: &str) -> Option<String> {
    let mut parameters = content_type.split(';').skip(1).filter_map(|parameter| parameter.split_once('='));
    let (_, value) = parameters.find(|(name, _)| name.trim().eq_ignore_ascii_case("boundary"))?;
    let value = value.trim();
    let plain = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
    (!plain.is_empty()).then(|| plain.to_owned())
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn claimed(path: &str, place: &Place, headers: &[(&str, &str)]) -> Result<FormHead, (u16, &'static str)> {
        let mut request = Request::builder().method("POST").uri(path).header("host", "lake.example:9000");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut parts = request.body(()).expect("request").into_parts().0;
        claim(&mut parts, place, true, Payload::Unsigned).map_err(|refusal| (refusal.status.as_u16(), refusal.code))?;
        assert!(!parts.headers.contains_key(CONTENT_TYPE));
        match parts.extensions.remove::<Claim>() {
            Some(Claim::Form(head)) => Ok(head),
            other => panic!("{other:?}"),
        }
    }

    const TYPE: (&str, &str) = ("content-type", "multipart/form-data; boundary=b");
    const LENGTH: (&str, &str) = ("content-length", "77");

    #[test]
    fn forms_are_for_buckets() {
        let by_host = Place::Bucket("photos".to_owned());
        for (path, place, address) in [
            ("/photos", &Place::Path, "https://lake.example:9000/photos"),
            ("/photos/", &Place::Path, "https://lake.example:9000/photos"),
            ("/", &by_host, "https://lake.example:9000"),
        ] {
            let expected =
                FormHead { boundary: "b".into(), bucket: "photos".into(), bytes: 77, address: address.into() };
            assert_eq!(claimed(path, place, &[TYPE, LENGTH]), Ok(expected), "{path}");
        }
        for (path, place) in [("/", &Place::Path), ("/photos/k", &Place::Path), ("//", &Place::Path), ("/k", &by_host)]
        {
            assert_eq!(claimed(path, place, &[TYPE, LENGTH]), Err((405, "MethodNotAllowed")), "{path}");
        }
    }

    #[test]
    fn forms_have_a_length_and_a_boundary() {
        assert_eq!(claimed("/b", &Place::Path, &[TYPE]), Err((411, "MissingContentLength")));
        for (given, expected) in [
            ("multipart/form-data; boundary=abc", Some("abc")),
            ("multipart/form-data; charset=utf-8; Boundary=\"a b\"", Some("a b")),
            ("multipart/form-data;boundary=abc;x=y", Some("abc")),
            ("multipart/form-data", None),
            ("multipart/form-data; boundary=", None),
            ("multipart/form-data; boundary=\"\"", None),
        ] {
            let told = claimed("/b", &Place::Path, &[("content-type", given), LENGTH]);
            let expected = expected.ok_or((400, "MalformedPOSTRequest"));
            assert_eq!(told.map(|head| head.boundary), expected.map(str::to_owned), "{given}");
        }
    }
}
