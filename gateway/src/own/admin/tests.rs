use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::*;

fn document() -> Value {
    serde_json::from_str(OPENAPI).expect("the document is JSON")
}

/// What the document says of each route: its operation, its query parameters, and whether it takes a document.
type Described = BTreeMap<(String, String), (String, BTreeSet<String>, bool)>;

fn described(document: &Value) -> Described {
    let mut all = Described::new();
    for (path, methods) in document["paths"].as_object().expect("paths") {
        for (method, route) in methods.as_object().expect("methods").iter().filter(|(name, _)| *name != "parameters") {
            let parameters = route["parameters"].as_array().cloned().unwrap_or_default();
            let query = parameters.iter().filter(|parameter| parameter["in"] == "query");
            let query = query.map(|parameter| parameter["name"].as_str().expect("a name").to_owned()).collect();
            let operation = route["operationId"].as_str().expect("an operation").to_owned();
            let described = (operation, query, route.get("requestBody").is_some());
            all.insert((method.to_uppercase(), path.clone()), described);
        }
    }
    all
}

#[test]
fn the_document_describes_the_routes_and_no_others() {
    let served: Described = ROUTES
        .iter()
        .map(|route| {
            let query = route.query.iter().map(|name| (*name).to_owned()).collect();
            let place = (route.method.as_str().to_owned(), format!("{ROOT}{}", route.path));
            (place, (route.operation.to_owned(), query, route.takes_document))
        })
        .collect();
    assert_eq!(served.len(), ROUTES.len(), "no two routes are the same");
    assert_eq!(described(&document()), served);
}

#[test]
fn every_reference_in_the_document_leads_somewhere_and_every_route_may_be_refused() {
    fn references(value: &Value, into: &mut Vec<String>) {
        match value {
            Value::Object(fields) => {
                into.extend(fields.get("$ref").and_then(Value::as_str).map(str::to_owned));
                fields.values().for_each(|value| references(value, into));
            }
            Value::Array(values) => values.iter().for_each(|value| references(value, into)),
            _ => {}
        }
    }
    let document = document();
    let mut all = Vec::new();
    references(&document, &mut all);
    assert!(!all.is_empty());
    for reference in all {
        let place = reference.strip_prefix('#').expect("a reference within the document");
        assert!(document.pointer(place).is_some(), "{reference} leads nowhere");
    }
    for (path, methods) in document["paths"].as_object().expect("paths") {
        for (method, route) in methods.as_object().expect("methods").iter().filter(|(name, _)| *name != "parameters") {
            assert!(route["responses"].get("403").is_some(), "{method} {path} may be refused");
        }
    }
}

#[test]
fn paths_lead_to_their_routes_and_nowhere_else() {
    let found = |method: Method, path: &str| match find(&method, path) {
        Ok((route, segments)) => format!("{} {}", route.operation, segments.join(" ")),
        Err(Mistake::Method { allowed }) => format!("405 {allowed}"),
        Err(_) => "404".to_owned(),
    };
    for (method, path, expected) in [
        (Method::GET, "/_lake/admin/v1/buckets", "ListBucketUsage "),
        (Method::GET, "/_lake/admin/v1/buckets/turbines/quota", "GetBucketQuota turbines"),
        (Method::PUT, "/_lake/admin/v1/buckets/a%2Fb%20c/quota", "PutBucketQuota a/b c"),
        (Method::POST, "/_lake/admin/v1/buckets", "405 GET"),
        (Method::POST, "/_lake/admin/v1/buckets/turbines/quota", "405 GET, PUT, DELETE"),
        (Method::GET, "/_lake/admin/v1/buckets/", "404"),
        (Method::GET, "/_lake/admin/v1/buckets//quota/", "404"),
        (Method::GET, "/_lake/admin/v1/buckets/a/b/quota", "404"),
        (Method::GET, "/_lake/admin/v1/buckets/%ff/quota", "404"),
        (Method::GET, "/_lake/admin/v2/buckets", "404"),
        (Method::GET, "/_lake/admin/v1", "404"),
    ] {
        assert_eq!(found(method.clone(), path), expected, "{method} {path}");
    }
}

#[test]
fn what_a_route_does_not_know_is_refused_by_name() {
    let (list, _) = find(&Method::GET, "/_lake/admin/v1/buckets").expect("a route");
    assert_eq!(known_query(list, Some("prefix=a%2Fb&limit=1")).expect("known").len(), 2);
    for (query, named) in [("prefix=a&X-Amz-Signature=0", "`X-Amz-Signature`"), ("limit=1&limit=2", "more than once")] {
        let mistake = known_query(list, Some(query)).expect_err(query).to_string();
        assert!(mistake.contains(named), "{mistake}");
    }
}

#[test]
fn only_signed_hashes_in_the_header_are_taken() {
    let hash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    for (headers, taken) in [
        (vec![("authorization", "AWS4-HMAC-SHA256 …"), (CONTENT_SHA256, hash)], true),
        (vec![("authorization", "AWS4-HMAC-SHA256 …"), (CONTENT_SHA256, "UNSIGNED-PAYLOAD")], false),
        (vec![("authorization", "AWS4-HMAC-SHA256 …"), (CONTENT_SHA256, "STREAMING-UNSIGNED-PAYLOAD-TRAILER")], false),
        (vec![("authorization", "AWS4-HMAC-SHA256 …")], false),
        (vec![(CONTENT_SHA256, hash)], false),
    ] {
        let map = headers.iter().map(|(name, value)| {
            let value = HeaderValue::from_bytes(value.as_bytes()).expect("a value");
            (http::HeaderName::from_static(name), value)
        });
        assert_eq!(is_signed_as_it_must_be(&map.collect()), taken, "{headers:?}");
    }
}
