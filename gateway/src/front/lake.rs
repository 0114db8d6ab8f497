//! What the gateway answers beside S3: `/_lake/health/live`, `/_lake/health/ready` and `/_lake/metrics`. No bucket can be
//! called `_lake`, so path-style requests cannot mean an object.

use std::sync::Arc;

use http::header::{ALLOW, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{HeaderValue, Method, Response, StatusCode};
use s3s::Body;

use super::refusal::Refusal;
use crate::credentials::Secret;

/// Where these paths begin.
pub(crate) const PREFIX: &str = "/_lake/";

/// What the server knows of itself.
pub(crate) struct LakeFacts {
    /// Prometheus text.
    pub(crate) metrics: Arc<dyn Fn() -> String + Send + Sync>,
    pub(crate) metrics_token: Secret,
    pub(crate) ready: Arc<dyn Fn() -> Result<(), String> + Send + Sync>,
}

impl LakeFacts {
    /// The operation a path under [`PREFIX`] stands for, and the answer.
    pub(crate) fn answer(&self, parts: &Parts) -> (&'static str, Result<Response<Body>, Refusal>) {
        match parts.uri.path().strip_prefix(PREFIX) {
            Some("health/live") => ("HealthLive", reading(parts).map(|()| text(StatusCode::OK, "live\n".into()))),
            Some("health/ready") => ("HealthReady", reading(parts).map(|()| self.readiness())),
            Some("metrics") => ("Metrics", self.metrics(parts)),
            _ => (
                crate::meters::UNKNOWN,
                Err(Refusal::new(StatusCode::NOT_FOUND, "NoSuchKey", "There is nothing here.")),
            ),
        }
    }

    /// Says no more than yes or no: why is for the log.
    fn readiness(&self) -> Response<Body> {
        match (self.ready)() {
            Ok(()) => text(StatusCode::OK, "ready\n".into()),
            Err(reason) => {
                tracing::warn!(reason, "asked for readiness, and not ready");
                text(StatusCode::SERVICE_UNAVAILABLE, "not ready\n".into())
            }
        }
    }

    fn metrics(&self, parts: &Parts) -> Result<Response<Body>, Refusal> {
        reading(parts)?;
        let mut given = parts.headers.get_all(AUTHORIZATION).iter();
        let token = given.next().and_then(|value| {
            let (scheme, token) = value.as_bytes().split_at_checked("Bearer ".len())?;
            scheme.eq_ignore_ascii_case(b"Bearer ").then_some(token)
        });
        if given.next().is_some() || !token.is_some_and(|token| self.metrics_token.matches(token)) {
            return Err(Refusal::new(StatusCode::UNAUTHORIZED, "AccessDenied", "A bearer token is required.")
                .with_header(WWW_AUTHENTICATE, "Bearer"));
        }
        let mut response = text(StatusCode::OK, (self.metrics)());
        response
            .headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8"));
        Ok(response)
    }
}

fn reading(parts: &Parts) -> Result<(), Refusal> {
    if matches!(parts.method, Method::GET | Method::HEAD) {
        return Ok(());
    }
    Err(Refusal::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "MethodNotAllowed",
        "The specified method is not allowed against this resource.",
    )
    .with_header(ALLOW, "GET, HEAD"))
}

fn text(status: StatusCode, body: String) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

    use http::Request;

    use super::*;

    #[test]
    fn health_is_open_and_metrics_need_the_token() {
        let is_ready = Arc::new(AtomicBool::new(true));
        let ready = Arc::clone(&is_ready);
        let facts = LakeFacts {
            metrics: Arc::new(|| "lake_up 1\n".into()),
            metrics_token: Secret::new("t0ken".into()),
            ready: Arc::new(move || if ready.load(Relaxed) { Ok(()) } else { Err("disk gone".into()) }),
        };
        let status = |method: &str, path: &str, authorization: &[&str]| {
            let mut request = Request::builder().method(method).uri(path);
            for value in authorization {
                request = request.header(AUTHORIZATION, *value);
            }
            let parts = request.body(()).expect("request").into_parts().0;
            match facts.answer(&parts).1 {
                Ok(response) => response.status().as_u16(),
                Err(refusal) => refusal.status.as_u16(),
            }
        };
        for (method, path, authorization, expected) in [
            ("GET", "/_lake/health/live", &[][..], 200),
            ("HEAD", "/_lake/health/live", &[], 200),
            ("PUT", "/_lake/health/live", &[], 405),
            ("GET", "/_lake/health/ready", &[], 200),
            ("GET", "/_lake/metrics", &["Bearer t0ken"], 200),
            ("GET", "/_lake/metrics?x=y", &["bearer t0ken"], 200),
            ("DELETE", "/_lake/metrics", &["Bearer t0ken"], 405),
            ("GET", "/_lake/metrics", &[], 401),
            ("GET", "/_lake/metrics", &["Bearer "], 401),
            ("GET", "/_lake/metrics", &["Bearer t0ken2"], 401),
            ("GET", "/_lake/metrics", &["t0ken"], 401),
            ("GET", "/_lake/metrics", &["Bearer t0ken", "Bearer t0ken"], 401),
            ("GET", "/_lake/", &[], 404),
            ("GET", "/_lake/health", &[], 404),
            ("GET", "/_lake/metrics/", &["Bearer t0ken"], 404),
        ] {
            assert_eq!(status(method, path, authorization), expected, "{method} {path} {authorization:?}");
        }
        is_ready.store(false, Relaxed);
        assert_eq!(status("GET", "/_lake/health/ready", &[]), 503);
        assert_eq!(status("GET", "/_lake/health/live", &[]), 200);
    }
}
