use super::*;

fn then<const N: usize>(fields: [(&str, &str); N]) -> Option<Then> {
    Then::of(&Fields::from(fields)).ok()
}

#[test]
fn what_happens_then() {
    for (status, expected) in [
        ("200", Then::Empty(StatusCode::OK)),
        ("201", Then::Document),
        ("204", Then::Empty(StatusCode::NO_CONTENT)),
        ("404", Then::Empty(StatusCode::NO_CONTENT)),
        ("", Then::Empty(StatusCode::NO_CONTENT)),
    ] {
        assert_eq!(then([("success_action_status", status)]), Some(expected), "{status}");
    }
    assert_eq!(then([]), Some(Then::Empty(StatusCode::NO_CONTENT)));
    let good = "https://a.example/thanks?x=1#there";
    assert_eq!(then([("success_action_redirect", good)]), Some(Then::Redirect(good.into())));
    assert_eq!(then([("redirect", "http://a.example")]), Some(Then::Redirect("http://a.example".into())));
    assert_eq!(
        then([("success_action_status", "201"), ("redirect", "HTTP://a.example/")]),
        Some(Then::Redirect("HTTP://a.example/".into()))
    );
    for bad in [
        "",
        "/thanks",
        "//a.example/",
        "javascript:alert(1)",
        "javascript://a.example/%0aalert(1)",
        "data:text/html,x",
        "ftp://a.example/",
        "https://",
        "https://a.example/\r\nx-injected: 1",
        "https://a.example/#\r\nx-injected: 1",
        " https://a.example/",
    ] {
        assert_eq!(then([("success_action_redirect", bad)]), None, "{bad:?}");
    }
}

#[test]
fn the_redirect_tells_what_was_stored() {
    let to = |target: &str| redirected(target, "b", "a b/ü&c", "\"00\"");
    let query = "bucket=b&key=a%20b%2F%C3%BC%26c&etag=%2200%22";
    assert_eq!(to("https://a.example/"), format!("https://a.example/?{query}"));
    assert_eq!(to("https://a.example/?x=1"), format!("https://a.example/?x=1&{query}"));
    assert_eq!(to("https://a.example/x#y?z"), format!("https://a.example/x?{query}#y?z"));
}

#[test]
fn the_document_is_escaped() {
    assert_eq!(
        document(&[("Key", "<a&\"b\">")]),
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<PostResponse><Key>&lt;a&amp;&quot;b&quot;&gt;</Key></PostResponse>"
    );
}

#[test]
fn fields_that_stand_for_headers() {
    let headers = headers_of(&Fields::from([
        ("key", "k"),
        ("acl", "private"),
        ("content-md5", "x"),
        ("x-amz-checksum-crc32", "AAAAAA=="),
        ("x-amz-meta-a", "é"),
        ("submit", "a\r\nb"),
    ]))
    .expect("headers");
    let names: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
    assert_eq!(names.len(), 4);
    for name in ["x-amz-acl", "content-md5", "x-amz-checksum-crc32", "x-amz-meta-a"] {
        assert!(names.contains(&name), "{name}");
    }
    for name in ["x-amz-copy-source", "x-amz-tagging", "x-amz-internal-a", "x-amz-content-sha256", "if-none-match"] {
        assert!(matches!(headers_of(&Fields::from([(name, "x")])), Err(Mistake::NotOffered(_))), "{name}");
    }
    for (name, value) in [("x-amz-meta-a", "b\r\nc"), ("content-type", "a\0"), ("x-amz-meta-a b", "c")] {
        let told = headers_of(&Fields::from([(name, value)]));
        assert!(matches!(told, Err(Mistake::Form(FormFault::Field { .. }))), "{name}");
    }
}

#[test]
fn attributes_are_those_of_a_put() {
    let tagging = "<Tagging><TagSet><Tag><Key>a</Key><Value>1</Value></Tag></TagSet></Tagging>";
    let attributes = attributes_of(&Fields::from([
        ("content-type", "image/png"),
        ("expires", "tomorrow"),
        ("x-amz-meta-a", "1"),
        ("tagging", tagging),
    ]))
    .expect("attributes");
    assert_eq!(attributes.headers.content_type.as_deref(), Some("image/png"));
    assert_eq!(attributes.headers.expires.as_deref(), Some("tomorrow"));
    assert_eq!(attributes.metadata.get("a").map(String::as_str), Some("1"));
    assert_eq!(attributes.tags.iter().collect::<Vec<_>>(), [("a", "1")]);
    for bad in ["", "a=1", "<Tagging/>", "<Tagging><TagSet><![CDATA[x]]></TagSet></Tagging>"] {
        assert!(matches!(tags_of(bad), Err(Mistake::Xml(_))), "{bad}");
    }
    assert!(tags_of("<Tagging><TagSet></TagSet></Tagging>").is_ok_and(|tags| tags.is_empty()));
    let long = "v".repeat(2049);
    assert!(attributes_of(&Fields::from([("x-amz-meta-a", long.as_str())])).is_err());
}
