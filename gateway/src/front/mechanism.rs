//! How a request says who sends it. Judged before s3s verifies the signature: that there is one mechanism only, that it
//! is one we take, and that its scope is ours. Nothing here believes anything: a wrong signature is found by s3s.

use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderMap, Method, StatusCode};
use kernel::Region;

use super::query;
use super::refusal::Refusal;
use crate::own::query_api;

/// How a request is authenticated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mechanism {
    /// It is not.
    Anonymous,
    /// By the `Authorization` header.
    Header,
    /// By a bearer token in the `Authorization` header. Source: RFC 6750, section 2.1.
    Bearer,
    /// By a presigned query.
    Query,
    /// By the fields of a POST form, or not at all: the form tells.
    Form,
}

/// The one algorithm that is taken.
pub(crate) const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// The one service that scopes are for.
pub(crate) const SERVICE: &str = "s3";
const NOT_CANONICAL: &str = "the signed headers must be in lower case, sorted and named once each";
/// What the names of the lake's own headers begin with.
const OWN_HEADERS: &str = "x-lake-";
const ONE_ONLY: &str = "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string \
                        parameter or the Authorization header should be specified";

/// Finds the mechanism. An empty `Authorization` is taken away.
pub(crate) fn judge(parts: &mut Parts, region: &Region) -> Result<Mechanism, Refusal> {
    if parts.headers.get_all(AUTHORIZATION).iter().nth(1).is_some() {
        return Err(Refusal::bad_request("InvalidArgument", "The Authorization header is given more than once."));
    }
    if parts.headers.get(AUTHORIZATION).is_some_and(|value| value.as_bytes().trim_ascii().is_empty()) {
        parts.headers.remove(AUTHORIZATION);
    }
    let kind = parts.headers.get(CONTENT_TYPE).map_or(&[][..], |value| value.as_bytes());
    let is_query_api = query_api::is_form(&parts.method, parts.uri.path(), kind);
    let query = parts.uri.query();
    let by_header = parts.headers.contains_key(AUTHORIZATION);
    let by_query = ["X-Amz-Signature", "X-Amz-Algorithm", "X-Amz-Credential", "Signature"]
        .iter()
        .any(|name| query::has(query, name));
    let by_form = is_form(parts);
    if usize::from(by_header) + usize::from(by_query) + usize::from(by_form) > 1 {
        return Err(Refusal::bad_request("InvalidArgument", ONE_ONLY));
    }
    if let Some(value) = parts.headers.get(AUTHORIZATION) {
        let value = value.to_str().map_err(|_| malformed_header("it is not text"))?;
        if token(value).is_some() {
            return Ok(Mechanism::Bearer);
        }
        let wanted = if is_query_api { Scope::QUERY_API } else { Scope::s3(region) };
        return header(value, &wanted, &parts.headers).map(|()| Mechanism::Header);
    }
    if by_query {
        return presigned(query, region, &parts.headers);
    }
    Ok(if by_form { Mechanism::Form } else { Mechanism::Anonymous })
}

fn token(authorization: &str) -> Option<&str> {
    const SCHEME: &str = "bearer";
    let (scheme, token) = authorization.split_once(' ')?;
    scheme.eq_ignore_ascii_case(SCHEME).then(|| token.trim())
}

/// Takes the bearer token away, so that nobody behind the door sees it.
pub(crate) fn take_token(parts: &mut Parts) -> Option<String> {
    let value = parts.headers.remove(AUTHORIZATION)?;
    token(value.to_str().ok()?).map(str::to_owned)
}

/// Whether it is a browser's upload form: s3s takes its fields, not the headers, for authentication.
pub(crate) fn is_form(parts: &Parts) -> bool {
    const FORM: &[u8] = b"multipart/form-data";
    let content_type = parts.headers.get(CONTENT_TYPE).map_or(&[][..], |value| value.as_bytes().trim_ascii());
    parts.method == Method::POST && content_type.get(..FORM.len()).is_some_and(|start| start.eq_ignore_ascii_case(FORM))
}

/// Source: Amazon S3 API, *Authenticating Requests: Using the Authorization Header*.
fn header(value: &str, wanted: &Scope<'_>, headers: &HeaderMap) -> Result<(), Refusal> {
    let (algorithm, rest) = value.split_once(' ').unwrap_or((value, ""));
    if algorithm != ALGORITHM {
        return Err(if algorithm.starts_with("AWS") {
            Refusal::bad_request(
                "InvalidRequest",
                "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.",
            )
        } else {
            Refusal::bad_request("InvalidArgument", "Unsupported Authorization Type")
        });
    }
    let field = |name: &str| {
        let mut found = rest.split(',').filter_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='));
        match (found.next(), found.next()) {
            (Some(value), None) => Ok(value),
            _ => Err(malformed_header(&format!("exactly one `{name}` is expected"))),
        }
    };
    let (credential, signed, _) = (field("Credential")?, field("SignedHeaders")?, field("Signature")?);
    scope(credential, wanted).map_err(|fault| {
        let refusal = malformed_header(&fault.said());
        if let ScopeFault::Region { ours, .. } = fault { refusal.with("Region", ours) } else { refusal }
    })?;
    judge_signed_headers(signed, headers, || malformed_header(NOT_CANONICAL))
}

/// Source: Amazon S3 API, *Authenticating Requests: Using Query Parameters*.
fn presigned(query: Option<&str>, region: &Region, headers: &HeaderMap) -> Result<Mechanism, Refusal> {
    if query::has(query, "Signature") {
        return Err(Refusal::bad_request(
            "InvalidRequest",
            "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.",
        ));
    }
    let field = |name: &str| {
        let mut found = query::pairs(query).filter(|(given, _)| given == name).map(|(_, value)| value);
        match (found.next(), found.next()) {
            (Some(value), None) => Ok(value),
            _ => Err(malformed_query(
                "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, \
                 X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters, each once.",
            )),
        }
    };
    for name in ["X-Amz-Date", "X-Amz-Expires", "X-Amz-Signature"] {
        field(name)?;
    }
    if field("X-Amz-Algorithm")? != ALGORITHM {
        return Err(malformed_query("X-Amz-Algorithm only supports \"AWS4-HMAC-SHA256\""));
    }
    scope(&field("X-Amz-Credential")?, &Scope::s3(region)).map_err(|fault| {
        let refusal = malformed_query(format!("Error parsing the X-Amz-Credential parameter; {}", fault.said()));
        if let ScopeFault::Region { ours, .. } = fault { refusal.with("Region", ours) } else { refusal }
    })?;
    judge_signed_headers(&field("X-Amz-SignedHeaders")?, headers, || malformed_query(NOT_CANONICAL))?;
    Ok(Mechanism::Query)
}

fn malformed_header(reason: &str) -> Refusal {
    Refusal::bad_request("AuthorizationHeaderMalformed", format!("The authorization header is malformed; {reason}"))
}

fn malformed_query(message: impl Into<std::borrow::Cow<'static, str>>) -> Refusal {
    Refusal::bad_request("AuthorizationQueryParametersError", message)
}

/// What a credential must be for.
pub(crate) struct Scope<'a> {
    /// None where any region does: users and sessions are the same in all.
    region: Option<&'a Region>,
    services: &'static [&'static str],
}

impl<'a> Scope<'a> {
    const QUERY_API: Self = Self { region: None, services: &query_api::SERVICES };

    /// Requests of S3 in this region.
    pub(crate) fn s3(region: &'a Region) -> Self {
        Self { region: Some(region), services: &[SERVICE] }
    }
}

/// What is wrong with a credential's scope.
pub(crate) enum ScopeFault<'a> {
    Form,
    Region { given: String, ours: &'a str },
    Service(String),
}

impl ScopeFault<'_> {
    /// The fault in words.
    pub(crate) fn said(&self) -> String {
        match self {
            Self::Form => {
                "the Credential is mal-formed; expecting \"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\".".into()
            }
            Self::Region { given, ours } => format!("the region '{given}' is wrong; expecting '{ours}'"),
            Self::Service(given) => format!("incorrect service \"{given}\". This endpoint belongs to \"s3\"."),
        }
    }
}

/// The access key and the day of a credential whose scope is ours.
pub(crate) fn scope<'c, 'w>(credential: &'c str, wanted: &Scope<'w>) -> Result<(&'c str, &'c str), ScopeFault<'w>> {
    let fields: Vec<&str> = credential.split('/').collect();
    let &[access_key, date, given, service, end] = fields.as_slice() else {
        return Err(ScopeFault::Form);
    };
    if access_key.is_empty() || date.len() != 8 || end != "aws4_request" {
        return Err(ScopeFault::Form);
    }
    if let Some(ours) = wanted.region.map(Region::as_str).filter(|ours| *ours != given) {
        return Err(ScopeFault::Region { given: given.to_owned(), ours });
    }
    if !wanted.services.contains(&service) {
        return Err(ScopeFault::Service(service.to_owned()));
    }
    Ok((access_key, date))
}

/// S3 wants the names in lower case, sorted, each once. And a signature that leaves the host open would be good for every
/// server that knows the key. Our own headers change what is asked for, so whoever holds a link may not add them; s3s sees
/// to those of S3.
fn judge_signed_headers(names: &str, headers: &HeaderMap, malformed: impl FnOnce() -> Refusal) -> Result<(), Refusal> {
    let names: Vec<&str> = names.split(';').collect();
    let is_canonical = names.iter().all(|name| !name.is_empty() && !name.bytes().any(|byte| byte.is_ascii_uppercase()))
        && names.is_sorted_by(|one, next| one < next);
    if !is_canonical {
        return Err(malformed());
    }
    if !names.contains(&"host") {
        return Err(Refusal::new(
            StatusCode::FORBIDDEN,
            "AccessDenied",
            "The host header must be among the signed headers.",
        ));
    }
    if headers.keys().any(|name| name.as_str().starts_with(OWN_HEADERS) && !names.contains(&name.as_str())) {
        return Err(Refusal::new(
            StatusCode::FORBIDDEN,
            "AccessDenied",
            "There were headers present in the request which were not signed.",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    const GOOD: &str = "AWS4-HMAC-SHA256 Credential=KEY/20261120/eu-central-1/s3/aws4_request, \
                        SignedHeaders=host;x-amz-date, Signature=00";
    const PRESIGNED: &str = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=KEY%2F20261120%2Feu-central-1%2Fs3%2Faws4_request\
                             &X-Amz-Date=20261120T000000Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature=00";

    fn judged(method: &str, query: &str, headers: &[(&str, &str)]) -> Result<Mechanism, &'static str> {
        let mut request = Request::builder().method(method).uri(format!("/b/k?{query}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (mut parts, ()) = request.body(()).expect("request").into_parts();
        judge(&mut parts, &Region::new("eu-central-1").expect("region")).map_err(|refusal| refusal.code)
    }

    #[test]
    fn one_mechanism_is_found() {
        assert_eq!(judged("GET", "", &[]), Ok(Mechanism::Anonymous));
        assert_eq!(judged("GET", "", &[("authorization", "  ")]), Ok(Mechanism::Anonymous));
        assert_eq!(judged("GET", "", &[("authorization", GOOD)]), Ok(Mechanism::Header));
        assert_eq!(judged("GET", "", &[("authorization", &GOOD.replace(", ", ","))]), Ok(Mechanism::Header));
        assert_eq!(judged("GET", PRESIGNED, &[]), Ok(Mechanism::Query));
        let form = ("content-type", "Multipart/Form-Data; boundary=x");
        assert_eq!(judged("POST", "", &[form]), Ok(Mechanism::Form));
        assert_eq!(judged("PUT", "", &[form]), Ok(Mechanism::Anonymous));
    }

    #[test]
    fn more_than_one_mechanism_is_refused() {
        let form = ("content-type", "multipart/form-data; boundary=x");
        for (method, query, headers) in [
            ("GET", PRESIGNED, vec![("authorization", GOOD)]),
            ("GET", "X-Amz-Signature=0", vec![("authorization", GOOD)]),
            ("GET", "", vec![("authorization", GOOD), ("authorization", GOOD)]),
            ("GET", "", vec![("authorization", "garbage"), ("authorization", GOOD)]),
            ("GET", "", vec![("authorization", ""), ("authorization", GOOD)]),
            ("POST", "", vec![("authorization", GOOD), form]),
            ("POST", PRESIGNED, vec![form]),
        ] {
            assert_eq!(judged(method, query, &headers), Err("InvalidArgument"), "{method} {query} {headers:?}");
        }
    }

    #[test]
    fn headers_that_are_not_ours_are_refused() {
        for (value, code) in [
            ("AWS KEY:signature", "InvalidRequest"),
            ("AWS4-ECDSA-P256-SHA256 Credential=a", "InvalidRequest"),
            ("AWS4-HMAC-SHA1 Credential=a", "InvalidRequest"),
            ("Basic dTpw", "InvalidArgument"),
            ("Bearer", "InvalidArgument"),
            ("x", "InvalidArgument"),
            ("AWS4-HMAC-SHA256", "AuthorizationHeaderMalformed"),
            (&GOOD.replace("/s3/", "/sts/"), "AuthorizationHeaderMalformed"),
            (&GOOD.replace("/s3/", "/ec2/"), "AuthorizationHeaderMalformed"),
            (&GOOD.replace("eu-central-1", "us-east-1"), "AuthorizationHeaderMalformed"),
            (&GOOD.replace("aws4_request", "aws5_request"), "AuthorizationHeaderMalformed"),
            (&GOOD.replace("KEY/", ""), "AuthorizationHeaderMalformed"),
            (&GOOD.replace("KEY/", "/"), "AuthorizationHeaderMalformed"),
            (&GOOD.replace("KEY/", "K/EY/"), "AuthorizationHeaderMalformed"),
            (&GOOD.replace("Signature=", "Sig="), "AuthorizationHeaderMalformed"),
            (&format!("{GOOD}, SignedHeaders=host"), "AuthorizationHeaderMalformed"),
            (&GOOD.replace("host;", ""), "AccessDenied"),
            (&GOOD.replace("host;", "hostess;"), "AccessDenied"),
            (&GOOD.replace("host;", "Host;"), "AuthorizationHeaderMalformed"),
            (&GOOD.replace("host;", "host;host;"), "AuthorizationHeaderMalformed"),
            (&GOOD.replace("host;x-amz-date", "x-amz-date;host"), "AuthorizationHeaderMalformed"),
            (&GOOD.replace("host;x-amz-date", ""), "AuthorizationHeaderMalformed"),
        ] {
            assert_eq!(judged("GET", "", &[("authorization", value)]), Err(code), "{value}");
        }
    }

    #[test]
    fn our_own_headers_must_be_signed() {
        let as_of = ("x-lake-as-of", "000001000000000001");
        let covered =
            GOOD.replace("host;", "host;x-amz-content-sha256;").replace("x-amz-date", "x-amz-date;x-lake-as-of");
        assert_eq!(judged("GET", "", &[("authorization", &covered), as_of]), Ok(Mechanism::Header));
        assert_eq!(judged("GET", "", &[("authorization", GOOD), as_of]), Err("AccessDenied"));
        assert_eq!(judged("GET", PRESIGNED, &[as_of]), Err("AccessDenied"));
        let covered = PRESIGNED.replace("SignedHeaders=host", "SignedHeaders=host%3Bx-lake-as-of");
        assert_eq!(judged("GET", &covered, &[as_of]), Ok(Mechanism::Query));
        assert_eq!(judged("GET", "", &[as_of]), Ok(Mechanism::Anonymous));
    }

    #[test]
    fn queries_that_are_not_ours_are_refused() {
        for (query, code) in [
            ("Signature=x&AWSAccessKeyId=y&Expires=1".to_owned(), "InvalidRequest"),
            ("X-Amz-Signature=0".to_owned(), "AuthorizationQueryParametersError"),
            ("X-Amz-Credential=minio".to_owned(), "AuthorizationQueryParametersError"),
            (PRESIGNED.replace("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA1"), "AuthorizationQueryParametersError"),
            (PRESIGNED.replace("eu-central-1", "us-east-1"), "AuthorizationQueryParametersError"),
            (PRESIGNED.replace("%2Fs3%2F", "%2Fsts%2F"), "AuthorizationQueryParametersError"),
            (format!("{PRESIGNED}&X-Amz-Expires=1"), "AuthorizationQueryParametersError"),
            (PRESIGNED.replace("SignedHeaders=host", "SignedHeaders=x-amz-acl"), "AccessDenied"),
        ] {
            assert_eq!(judged("GET", &query, &[]), Err(code), "{query}");
        }
    }
}
