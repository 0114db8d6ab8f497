use super::*;

fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn index(suffix: &str) -> dto::WebsiteConfiguration {
    dto::WebsiteConfiguration {
        index_document: Some(dto::IndexDocument { suffix: suffix.to_owned() }),
        ..dto::WebsiteConfiguration::default()
    }
}

fn all(host: &str, protocol: Option<&'static str>) -> dto::WebsiteConfiguration {
    let protocol = protocol.map(dto::Protocol::from_static);
    dto::WebsiteConfiguration {
        redirect_all_requests_to: Some(dto::RedirectAllRequestsTo { host_name: host.to_owned(), protocol }),
        ..dto::WebsiteConfiguration::default()
    }
}

fn routed(rules: Vec<dto::RoutingRule>) -> dto::WebsiteConfiguration {
    dto::WebsiteConfiguration { routing_rules: Some(rules), ..index("index.html") }
}

fn redirected(redirect: dto::Redirect) -> dto::WebsiteConfiguration {
    routed(vec![dto::RoutingRule { condition: None, redirect }])
}

fn conditioned(prefix: Option<&str>, code: Option<&str>) -> dto::WebsiteConfiguration {
    let condition = dto::Condition {
        key_prefix_equals: prefix.map(str::to_owned),
        http_error_code_returned_equals: code.map(str::to_owned),
    };
    routed(vec![dto::RoutingRule { condition: Some(condition), redirect: to_key("k") }])
}

fn to_key(key: &str) -> dto::Redirect {
    dto::Redirect { replace_key_with: text(key), ..dto::Redirect::default() }
}

fn coded(code: &str) -> dto::WebsiteConfiguration {
    redirected(dto::Redirect { http_redirect_code: text(code), ..to_key("k") })
}

#[test]
fn websites_come_back_as_they_were_sent() {
    let full = dto::Redirect {
        host_name: text("b.example:8080"),
        http_redirect_code: text("302"),
        protocol: Some(dto::Protocol::from_static("https")),
        replace_key_prefix_with: text(""),
        replace_key_with: None,
    };
    let condition = dto::Condition { key_prefix_equals: text("docs/"), http_error_code_returned_equals: text("404") };
    let rules = vec![
        dto::RoutingRule { condition: Some(condition), redirect: full },
        dto::RoutingRule { condition: None, redirect: to_key("a?b=c&d") },
    ];
    let error_document = Some(dto::ErrorDocument { key: "a/error.html".to_owned() });
    for sent in [
        index("index.html"),
        all("a.example", None),
        all("[::1]:80", Some("http")),
        dto::WebsiteConfiguration { error_document, ..routed(rules) },
    ] {
        let back = to_wire(from_wire(sent.clone()).expect("allowed"));
        assert_eq!(back.error_document, sent.error_document);
        assert_eq!(back.index_document, sent.index_document);
        assert_eq!(back.redirect_all_requests_to, sent.redirect_all_requests_to);
        assert_eq!(back.routing_rules, sent.routing_rules);
    }
}

#[test]
fn what_a_website_cannot_be_is_refused_in_the_words_of_s3() {
    const PROTOCOL: &str = "Invalid protocol, protocol can be http or https.";
    const BOTH: &str = "You can only define ReplaceKeyPrefix or ReplaceKey but not both.";
    let both = dto::Redirect { replace_key_prefix_with: text("a"), ..to_key("b") };
    let http2 = dto::Redirect { protocol: Some(dto::Protocol::from_static("http2")), ..to_key("k") };
    let many = vec![dto::RoutingRule { condition: None, redirect: to_key("k") }; 51];
    for (wrong, said) in [
        (all("a.example", Some("ftp")), PROTOCOL),
        (redirected(http2), PROTOCOL),
        (redirected(both), BOTH),
        (conditioned(None, None), "Condition cannot be empty."),
        (conditioned(Some("a"), Some("200")), "The provided HTTP error code (200) is not valid."),
        (conditioned(None, Some("+404")), "The provided HTTP error code (+404) is not valid."),
        (coded("300"), "The provided HTTP redirect code (300) is not valid."),
        (coded("200"), "The provided HTTP redirect code (200) is not valid."),
        (coded("0301"), "The provided HTTP redirect code (0301) is not valid."),
        (routed(many), "51 routing rules provided"),
    ] {
        match from_wire(wrong) {
            Err(Mistake::Request(text)) => assert!(text.starts_with(said), "{text}"),
            other => panic!("{other:?} instead of {said}"),
        }
    }
}

#[test]
fn arguments_and_documents_that_cannot_be() {
    let both = dto::WebsiteConfiguration { index_document: index("i").index_document, ..all("a.example", None) };
    for wrong in [
        dto::WebsiteConfiguration::default(),
        both,
        index(""),
        index("a/b"),
        index("a\u{1}"),
        all("", None),
        all("a.example/path", None),
        all("user@a.example", None),
        all("a.example\r\nSet-Cookie: a=b", None),
        all("a example", None),
        all("a.example:port", None),
        all(&"a".repeat(300), None),
    ] {
        let said = format!("{wrong:?}");
        assert!(matches!(from_wire(wrong), Err(Mistake::Argument { .. })), "{said}");
    }
    let error = |key: &str| dto::WebsiteConfiguration {
        error_document: Some(dto::ErrorDocument { key: key.to_owned() }),
        ..index("index.html")
    };
    for wrong in [error(""), routed(Vec::new()), redirected(dto::Redirect::default())] {
        let said = format!("{wrong:?}");
        assert!(matches!(from_wire(wrong), Err(Mistake::Xml(_))), "{said}");
    }
    assert_eq!(from_wire(error(&"k".repeat(1025))), Err(Mistake::KeyTooLong));
    assert_eq!(from_wire(conditioned(Some(&"k".repeat(1025)), None)), Err(Mistake::KeyTooLong));
}
