use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use http::Request;

use super::*;

fn parts(method: &str, uri: &str, headers: &[(&str, &str)]) -> Parts {
    let mut request = Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).expect("request").into_parts().0
}

/// Rules of the bucket `ruled`, whose only page may `GET` and send `x-a`; `bare` has none. Counts how often it was asked.
fn rules(asked: &Arc<AtomicUsize>) -> Rules {
    let asked = Arc::clone(asked);
    Box::new(move |bucket, request| {
        asked.fetch_add(1, Relaxed);
        let allowed = request.origin == "https://a.example"
            && request.method == "GET"
            && request.headers.iter().all(|name| name == "x-a");
        let answer = CorsAnswer {
            any_origin: bucket.as_str() == "public",
            methods: vec!["GET".to_owned(), "HEAD".to_owned()],
            exposed: vec!["ETag".to_owned()],
            max_age_seconds: Some(60),
        };
        let verdict = match bucket.as_str() {
            "bare" => CorsVerdict::NoRules,
            "ruled" | "public" if allowed => CorsVerdict::Allowed(answer),
            "ruled" | "public" => CorsVerdict::Refused,
            _ => CorsVerdict::NoBucket,
        };
        Box::pin(std::future::ready(Ok(verdict)))
    })
}

const ORIGIN: (&str, &str) = ("origin", "https://a.example");
const GET: (&str, &str) = ("access-control-request-method", "GET");

async fn asked(uri: &str, headers: &[(&str, &str)], place: Place) -> String {
    match preflight(&parts("OPTIONS", uri, headers), &place, &rules(&Arc::default())).await {
        Ok(response) => response.status().as_u16().to_string(),
        Err(refusal) => {
            let elements: Vec<_> = refusal.elements.iter().map(|(_, value)| value.as_str()).collect();
            format!("{} {} {}", refusal.status.as_u16(), refusal.message, elements.join(" "))
        }
    }
}

#[tokio::test]
async fn preflights_are_answered_or_told_why_not() {
    let evil = ("origin", "https://evil.example");
    let put = ("access-control-request-method", "PUT");
    let patch = ("access-control-request-method", "PATCH");
    let names = |names| ("access-control-request-headers", names);
    let bucket = |name: &str| Place::Bucket(name.to_owned());
    for (uri, headers, place, expected) in [
        ("/ruled/k", vec![ORIGIN, GET], Place::Path, "200"),
        ("/ruled", vec![ORIGIN, GET], Place::Path, "200"),
        ("/rul%65d/k", vec![ORIGIN, GET], Place::Path, "200"),
        ("/k", vec![ORIGIN, GET], bucket("ruled"), "200"),
        ("/", vec![ORIGIN, GET], Place::Website("ruled".to_owned()), "200"),
        ("/ruled/k", vec![ORIGIN, GET, names("X-A, x-a,")], Place::Path, "200"),
        ("/ruled/k", vec![ORIGIN, GET, names("x-b")], Place::Path, "403 CORSResponse: This"),
        ("/ruled/k", vec![ORIGIN, GET, names("x-a"), names("x-b")], Place::Path, "403 CORSResponse: This"),
        ("/ruled/k", vec![ORIGIN, GET, names("x a")], Place::Path, "400 Access-Control-Request-Headers \"x a\""),
        ("/ruled/k", vec![ORIGIN, put], Place::Path, "403 CORSResponse: This"),
        ("/ruled/k", vec![evil, GET], Place::Path, "403 CORSResponse: This"),
        ("/ruled/k", vec![ORIGIN, patch], Place::Path, "400 Invalid Access-Control-Request-Method: PATCH"),
        ("/ruled/k", vec![ORIGIN], Place::Path, "400 Invalid Access-Control-Request-Method: null"),
        ("/ruled/k", vec![GET], Place::Path, "400 Insufficient information."),
        ("/ruled/k", vec![ORIGIN, evil, GET], Place::Path, "400 Insufficient information."),
        ("/bare/k", vec![ORIGIN], Place::Path, "403 CORSResponse: CORS is not enabled for this bucket. OPTIONS BUCKET"),
        ("/bare/k", vec![ORIGIN, names("x a")], Place::Path, "403 CORSResponse: CORS is not enabled"),
        ("/k", vec![ORIGIN, put], bucket("bare"), "403 CORSResponse: CORS is not enabled for this bucket. PUT BUCKET"),
        ("/absent/k", vec![ORIGIN, GET], Place::Path, "403 CORSResponse: Bucket not found GET BUCKET"),
        ("/", vec![ORIGIN, GET], Place::Path, "403 CORSResponse: Bucket not found"),
        ("/Bad_Name/k", vec![ORIGIN, GET], Place::Path, "403 CORSResponse: Bucket not found"),
        ("/%FF/k", vec![ORIGIN, GET], Place::Path, "403 CORSResponse: Bucket not found"),
    ] {
        let told = asked(uri, &headers, place).await;
        assert!(told.starts_with(expected), "{uri} {headers:?}: {told}");
    }
    assert!(asked("/ruled", &[evil, GET], Place::Path).await.ends_with(" GET BUCKET"));
    assert!(asked("/ruled/k", &[evil, GET], Place::Path).await.ends_with(" GET OBJECT"));
}

#[tokio::test]
async fn an_answer_tells_what_the_rule_allows() {
    let told = async |bucket: &str, headers: &[(&str, &str)]| {
        let (parts, rules) = (parts("GET", &format!("/{bucket}/k"), headers), rules(&Arc::default()));
        let mut map = HeaderMap::new();
        if let Some(crossing) = Crossing::of(&parts, Some(&Place::Path), &rules).await {
            crossing.tell(&mut map);
        }
        let mut lines: Vec<_> =
            map.iter().map(|(name, value)| format!("{name}: {}", value.to_str().expect("text"))).collect();
        lines.sort();
        lines
    };
    let methods = "access-control-allow-methods: GET, HEAD";
    let (exposed, age) = ("access-control-expose-headers: ETag", "access-control-max-age: 60");
    let varies = format!("vary: {VARIES}");
    let origin = "access-control-allow-origin: https://a.example";
    let credentials = "access-control-allow-credentials: true";
    assert_eq!(told("ruled", &[ORIGIN]).await, [credentials, methods, origin, exposed, age, &varies]);
    let headers = "access-control-allow-headers: x-a, x-a";
    assert_eq!(
        told("ruled", &[ORIGIN, ("access-control-request-headers", "X-A,x-a")]).await,
        [credentials, headers, methods, origin, exposed, age, &varies]
    );
    let anybody = "access-control-allow-origin: *";
    assert_eq!(told("public", &[ORIGIN]).await, [methods, anybody, exposed, age, &varies]);
    let put = ("access-control-request-method", "PUT");
    let absent: &[(&str, &str)] = &[];
    for headers in [absent, &[("origin", "https://evil.example")], &[ORIGIN, put], &[("origin", "")], &[ORIGIN, ORIGIN]]
    {
        assert_eq!(told("ruled", headers).await, Vec::<String>::new(), "{headers:?}");
    }
    assert_eq!(told("bare", &[ORIGIN]).await, Vec::<String>::new());
}

#[tokio::test]
async fn without_an_origin_nothing_is_looked_up() {
    let count = Arc::default();
    let rules = rules(&count);
    for headers in [&[][..], &[GET]] {
        assert!(Crossing::of(&parts("GET", "/ruled/k", headers), Some(&Place::Path), &rules).await.is_none());
    }
    assert_eq!(count.load(Relaxed), 0);
    assert!(Crossing::of(&parts("GET", "/ruled/k", &[ORIGIN]), Some(&Place::Path), &rules).await.is_some());
    assert_eq!(count.load(Relaxed), 1);
}
