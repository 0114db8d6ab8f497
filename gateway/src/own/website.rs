//! Buckets as websites: pages for people instead of S3's XML.
//!
//! A host below a website domain is the website of a bucket, which can be read and nothing else. Where a visit leads is
//! the affair of [`engine::WebsiteRoutes`]; what is read on the way is read as any object is, by the caller's own rights.
//! Redirects that ask nothing of an object work for everybody, as in S3.

mod page;
mod redirect;

use engine::{Engine, GetObject, ObjectInfo, ObjectRead, Selection, Step, Visit};
use http::header::{
    ACCEPT_RANGES, ALLOW, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LENGTH,
    CONTENT_RANGE, CONTENT_TYPE, ETAG, EXPIRES, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_UNMODIFIED_SINCE,
    LAST_MODIFIED, RANGE,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use kernel::{BucketName, Caller, ReadCondition};
use percent_encoding::percent_decode_str;
use s3s::dto::{ETagCondition, Range, Timestamp, TimestampFormat};
use s3s::{Body, HttpResponse, S3Error, S3Request};

use crate::front::mend;
use crate::front::trace::RequestTrace;
use crate::s3_error::{self, Failure, Mistake};
use crate::translate::attributes::TYPE_UNKNOWN;
use crate::translate::{as_of, body, conditions, names, ranges, time};
use page::Page;

/// A visit to the website of a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WebsiteVisit {
    /// As the host names it.
    pub(crate) bucket: String,
    /// The host as it came, with its port.
    pub(crate) host: String,
    /// Whether it came over TLS.
    pub(crate) is_secure: bool,
}

/// The answer to what a website cannot be asked.
pub(crate) fn not_allowed(method: &Method, trace: &RequestTrace) -> HttpResponse {
    let page = Page {
        status: StatusCode::METHOD_NOT_ALLOWED,
        code: "MethodNotAllowed",
        message: "The specified method is not allowed against this resource.",
        details: &[("Method", method.as_str()), ("ResourceType", "OBJECT")],
        document: None,
    };
    let mut response = page.response(trace);
    response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    response
}

/// Answers a visit.
pub(crate) async fn answer(
    engine: &Engine,
    visit: &WebsiteVisit,
    request: &S3Request<Body>,
    trace: &RequestTrace,
) -> HttpResponse {
    let guest = Guest { engine, visit, request, trace };
    match guest.answer().await {
        Ok(response) => response,
        Err(failure) => guest.page(&guest.failed(failure, String::new()), None),
    }
}

/// One visit under way.
struct Guest<'a> {
    engine: &'a Engine,
    visit: &'a WebsiteVisit,
    request: &'a S3Request<Body>,
    trace: &'a RequestTrace,
}

/// A read that failed, as S3 says it.
struct Failed {
    status: StatusCode,
    error: S3Error,
    /// What was sought.
    key: String,
}

impl Guest<'_> {
    async fn answer(&self) -> Result<HttpResponse, Failure> {
        as_of::refuse(&self.request.headers)?;
        let bucket = names::bucket(&self.visit.bucket)?;
        let routes = self.engine.website(&bucket).await?;
        let path = self.request.uri.path();
        let path = percent_decode_str(path.strip_prefix('/').unwrap_or(path)).decode_utf8();
        let path = path.map_err(|_| Mistake::Request("the path is not UTF-8".to_owned()))?;
        let sought = match routes.next(&path, Visit::Arrived) {
            Step::Read(key) => key,
            step => return self.redirect(&step),
        };
        let failed = match self.read(&bucket, &sought).await {
            Ok(response) => return Ok(response),
            Err(failure) => self.failed(failure, sought),
        };
        let status = failed.status.as_u16();
        let mut step = routes.next(&path, Visit::Unread(status));
        if let Step::Look(index) = &step {
            let visit = if self.stands(&bucket, index).await { Visit::Found } else { Visit::Failed(status) };
            step = routes.next(&path, visit);
        }
        match step {
            Step::ErrorDocument(document) => Ok(self.document(&bucket, document, &failed).await),
            Step::Fail => Ok(self.page(&failed, None)),
            step => self.redirect(&step),
        }
    }

    fn redirect(&self, step: &Step) -> Result<HttpResponse, Failure> {
        match step {
            Step::Redirect(redirect) => Ok(redirect::elsewhere(redirect, &self.request.uri, self.visit)),
            _ => Err(engine::Error::Bug("a website leads from nowhere to nowhere").into()),
        }
    }

    /// The answer that is an object.
    async fn read(&self, bucket: &BucketName, key: &str) -> Result<HttpResponse, Failure> {
        let headers = &self.request.headers;
        let range = headers.get(RANGE).and_then(mend::readable_range);
        let range = range.and_then(|range| Range::parse(range.to_str().ok()?).ok());
        let get = GetObject {
            selection: ranges::selection(range.as_ref(), None)?,
            condition: condition(headers),
            ..whole(bucket, key)?
        };
        self.show(get, StatusCode::OK).await
    }

    /// An object, or where it sends its visitors.
    async fn show(&self, get: GetObject, status: StatusCode) -> Result<HttpResponse, Failure> {
        let caller = self.request.extensions.get::<Caller>().cloned().unwrap_or_else(Caller::anonymous);
        let (info, stream) = if self.request.method == Method::HEAD {
            (self.engine.head_object(&caller, get).await?, None)
        } else {
            let ObjectRead { info, body } = self.engine.get_object(&caller, get).await?;
            (info, Some(body))
        };
        if let Some(target) = info.version.object().and_then(|object| object.headers.website_redirect.as_deref()) {
            return Ok(redirect::of_object(target));
        }
        let all = info.version.object().map_or(0, |object| object.bytes);
        let bytes = info.range.map_or(all, kernel::ByteRange::bytes);
        let mut response =
            HttpResponse::new(stream.map_or_else(Body::empty, |stream| body::outgoing(stream, bytes).into()));
        *response.status_mut() = if info.range.is_some() { StatusCode::PARTIAL_CONTENT } else { status };
        *response.headers_mut() = described(&info);
        response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(bytes));
        Ok(response)
    }

    /// Whether there is an object that the caller may read.
    async fn stands(&self, bucket: &BucketName, key: &str) -> bool {
        let caller = self.request.extensions.get::<Caller>().cloned().unwrap_or_else(Caller::anonymous);
        match whole(bucket, key) {
            Ok(get) => self.engine.head_object(&caller, get).await.is_ok(),
            Err(_) => false,
        }
    }

    /// The bucket's own page for an error.
    async fn document(&self, bucket: &BucketName, key: String, failed: &Failed) -> HttpResponse {
        let shown = match whole(bucket, &key) {
            Ok(get) => self.show(get, failed.status).await,
            Err(mistake) => Err(mistake.into()),
        };
        match shown {
            Ok(mut response) => {
                page::name_error(response.headers_mut(), &failed.error);
                response
            }
            Err(failure) => self.page(failed, Some(&self.failed(failure, key))),
        }
    }

    fn failed(&self, failure: Failure, key: String) -> Failed {
        s3_error::report(&failure, self.trace.id());
        let error = S3Error::from(failure);
        Failed { status: error.status_code().unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), error, key }
    }

    /// The page that says what failed, and why there is no other.
    fn page(&self, failed: &Failed, document: Option<&Failed>) -> HttpResponse {
        let details = match failed.error.code().as_str() {
            "NoSuchKey" => vec![("Key", failed.key.as_str())],
            "NoSuchBucket" | "NoSuchWebsiteConfiguration" => vec![("BucketName", self.visit.bucket.as_str())],
            _ => Vec::new(),
        };
        let page = Page {
            status: failed.status,
            code: failed.error.code().as_str(),
            message: failed.error.message().unwrap_or_default(),
            details: &details,
            document: document.map(|failed| (&failed.error, failed.key.as_str())),
        };
        let mut response = page.response(self.trace);
        for (name, value) in failed.error.headers().into_iter().flatten() {
            if name != CONTENT_TYPE {
                response.headers_mut().insert(name.clone(), value.clone());
            }
        }
        response
    }
}

fn whole(bucket: &BucketName, key: &str) -> Result<GetObject, Mistake> {
    Ok(GetObject {
        bucket: bucket.clone(),
        key: names::key(key)?,
        version: None,
        as_of: None,
        selection: Selection::All,
        condition: ReadCondition::default(),
    })
}

/// What cannot be read is no condition, as elsewhere.
fn condition(headers: &HeaderMap) -> ReadCondition {
    let tags = |name| headers.get(name).and_then(|value| ETagCondition::parse_http_header(value.as_bytes()).ok());
    let date = |name| Timestamp::parse(TimestampFormat::HttpDate, headers.get(name)?.to_str().ok()?).ok();
    conditions::read(
        tags(IF_MATCH).as_ref(),
        tags(IF_NONE_MATCH).as_ref(),
        date(IF_MODIFIED_SINCE).as_ref(),
        date(IF_UNMODIFIED_SINCE).as_ref(),
    )
}

/// The headers of an object: what was stored with it, and what is known of it.
fn described(info: &ObjectInfo) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let mut put = |name: HeaderName, text: &str| {
        // What stands here came as a header, or has the form of one.
        if let Ok(value) = HeaderValue::from_str(text) {
            headers.insert(name, value);
        }
    };
    put(ACCEPT_RANGES, "bytes");
    if info.versioned {
        put(HeaderName::from_static("x-amz-version-id"), &names::version_text(info.version.name()));
    }
    let Some(object) = info.version.object() else { return headers };
    let stored = &object.headers;
    for (name, text) in [
        (CACHE_CONTROL, &stored.cache_control),
        (CONTENT_DISPOSITION, &stored.content_disposition),
        (CONTENT_ENCODING, &stored.content_encoding),
        (CONTENT_LANGUAGE, &stored.content_language),
        (EXPIRES, &stored.expires),
    ] {
        if let Some(text) = text {
            put(name, text);
        }
    }
    put(CONTENT_TYPE, stored.content_type.as_deref().unwrap_or(TYPE_UNKNOWN));
    put(ETAG, &format!("\"{}\"", object.etag));
    if let Some(range) = info.range.and_then(|range| ranges::content_range(range, object.bytes)) {
        put(CONTENT_RANGE, &range);
    }
    for (name, text) in &object.metadata {
        if let Ok(name) = HeaderName::try_from(format!("x-amz-meta-{name}")) {
            put(name, text);
        }
    }
    headers.insert(LAST_MODIFIED, time::http_date(info.version.modified));
    headers
}
