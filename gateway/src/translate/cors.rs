//! Cross-origin rules between XML and the kernel. Source: Amazon S3 API, *PutBucketCors*.

use http::HeaderName;
use kernel::settings::{Cors, CorsRule};
use s3s::dto;

use super::legible::is_legible;
use crate::s3_error::Mistake;

/// Rules of a bucket.
const RULES_MAX: usize = 100;
/// The whole document. It is counted from what was read, so that blanks between elements cost nothing.
const DOCUMENT_BYTES_MAX: usize = 64 << 10;
/// The tags around one text, at least.
const ELEMENT_BYTES: usize = 32;
/// A rule's name, in characters.
const ID_CHARS_MAX: usize = 255;
/// What a page may do at all.
pub(crate) const METHODS: [&str; 5] = ["GET", "PUT", "HEAD", "POST", "DELETE"];

/// Checks a configuration.
pub(crate) fn from_wire(configuration: dto::CORSConfiguration) -> Result<Cors, Mistake> {
    let rules = configuration.cors_rules;
    if rules.is_empty() || rules.len() > RULES_MAX {
        return Err(Mistake::Xml("there must be 1 to 100 rules"));
    }
    let rules = rules.into_iter().map(rule).collect::<Result<Vec<_>, Mistake>>()?;
    if rules.iter().map(document_bytes).sum::<usize>() > DOCUMENT_BYTES_MAX {
        return Err(Mistake::Xml("it holds more than 64 KiB"));
    }
    Ok(Cors { rules })
}

fn rule(rule: dto::CORSRule) -> Result<CorsRule, Mistake> {
    let rule = CorsRule {
        id: rule.id,
        origins: rule.allowed_origins,
        methods: rule.allowed_methods,
        headers: rule.allowed_headers.unwrap_or_default(),
        expose: rule.expose_headers.unwrap_or_default(),
        max_age_seconds: rule.max_age_seconds.map(max_age).transpose()?,
    };
    if rule.origins.is_empty() || rule.methods.is_empty() {
        return Err(Mistake::Xml("a rule needs an AllowedOrigin and an AllowedMethod"));
    }
    if !texts(&rule).all(is_legible) {
        return Err(Mistake::Xml("it holds characters that are not allowed"));
    }
    if rule.id.as_ref().is_some_and(|id| id.chars().count() > ID_CHARS_MAX) {
        return Err(Mistake::Argument { name: "ID", reason: format!("must have at most {ID_CHARS_MAX} characters") });
    }
    if let Some(method) = rule.methods.iter().find(|method| !METHODS.contains(&method.as_str())) {
        let text = format!("Found unsupported HTTP method in CORS config. Unsupported method is {method}");
        return Err(Mistake::Request(text));
    }
    rule.origins.iter().try_for_each(|origin| one_star("AllowedOrigin", origin))?;
    for header in &rule.headers {
        one_star("AllowedHeader", header)?;
        token("AllowedHeader", header, &header.replacen('*', "x", 1))?;
    }
    for header in &rule.expose {
        if header.contains('*') {
            return Err(Mistake::Request(format!(
                "ExposeHeader \"{header}\" contains wildcard. We currently do not support wildcard for ExposeHeader."
            )));
        }
        token("ExposeHeader", header, header)?;
    }
    Ok(rule)
}

fn max_age(seconds: i32) -> Result<u32, Mistake> {
    let reason = || "must not be negative".to_owned();
    u32::try_from(seconds).map_err(|_| Mistake::Argument { name: "MaxAgeSeconds", reason: reason() })
}

fn one_star(element: &str, pattern: &str) -> Result<(), Mistake> {
    if pattern.matches('*').count() <= 1 {
        return Ok(());
    }
    Err(Mistake::Request(format!("{element} \"{pattern}\" can not have more than one wildcard.")))
}

fn token(element: &str, said: &str, name: &str) -> Result<(), Mistake> {
    if is_header_name(name) {
        return Ok(());
    }
    Err(Mistake::Request(format!("{element} \"{said}\" contains invalid character.")))
}

/// Source: RFC 9110 §5.6.2, *token*.
pub(crate) fn is_header_name(text: &str) -> bool {
    HeaderName::from_bytes(text.as_bytes()).is_ok()
}

fn texts(rule: &CorsRule) -> impl Iterator<Item = &str> {
    let lists = [&rule.origins, &rule.methods, &rule.headers, &rule.expose];
    rule.id.iter().chain(lists.into_iter().flatten()).map(String::as_str)
}

fn document_bytes(rule: &CorsRule) -> usize {
    texts(rule).map(|text| text.len() + ELEMENT_BYTES).sum()
}

/// Rules for an answer.
pub(crate) fn to_wire(cors: Cors) -> dto::CORSRules {
    let some = |texts: Vec<String>| Some(texts).filter(|texts| !texts.is_empty());
    let rule = |rule: CorsRule| dto::CORSRule {
        allowed_headers: some(rule.headers),
        allowed_methods: rule.methods,
        allowed_origins: rule.origins,
        expose_headers: some(rule.expose),
        id: rule.id,
        max_age_seconds: rule.max_age_seconds.and_then(|seconds| i32::try_from(seconds).ok()),
    };
    cors.rules.into_iter().map(rule).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire() -> dto::CORSRule {
        dto::CORSRule {
            allowed_headers: Some(vec!["x-amz-*".to_owned(), "*".to_owned()]),
            allowed_methods: vec!["GET".to_owned(), "HEAD".to_owned()],
            allowed_origins: vec!["https://*.example".to_owned(), String::new()],
            expose_headers: Some(vec!["ETag".to_owned()]),
            id: Some("one".to_owned()),
            max_age_seconds: Some(3000),
        }
    }

    fn read(rules: Vec<dto::CORSRule>) -> Result<Cors, Mistake> {
        from_wire(dto::CORSConfiguration { cors_rules: rules })
    }

    #[test]
    fn rules_come_back_as_they_were_sent() {
        let bare = dto::CORSRule {
            allowed_headers: None,
            allowed_methods: vec!["DELETE".to_owned()],
            allowed_origins: vec!["*".to_owned()],
            expose_headers: None,
            id: None,
            max_age_seconds: None,
        };
        let sent = vec![wire(), bare];
        assert_eq!(to_wire(read(sent.clone()).expect("allowed")), sent);
    }

    #[test]
    fn there_are_1_to_100_rules_of_64_kib() {
        assert!(matches!(read(Vec::new()), Err(Mistake::Xml(_))));
        assert!(read(vec![wire(); 100]).is_ok());
        assert!(matches!(read(vec![wire(); 101]), Err(Mistake::Xml(_))));
        let long = |bytes: usize| dto::CORSRule { allowed_origins: vec!["o".repeat(bytes)], ..wire() };
        assert!(read(vec![long(60_000)]).is_ok());
        assert!(matches!(read(vec![long(66_000)]), Err(Mistake::Xml(_))));
        let many = dto::CORSRule { allowed_headers: Some(vec!["x".to_owned(); 2100]), ..wire() };
        assert!(matches!(read(vec![many]), Err(Mistake::Xml(_))));
    }

    #[test]
    fn what_a_rule_cannot_say_is_refused_in_the_words_of_s3() {
        let texts = |text: &str| vec![text.to_owned()];
        for (wrong, said) in [
            (
                dto::CORSRule { allowed_methods: texts("PATCH"), ..wire() },
                "Found unsupported HTTP method in CORS config. Unsupported method is PATCH",
            ),
            (
                dto::CORSRule { allowed_methods: texts("get"), ..wire() },
                "Found unsupported HTTP method in CORS config. Unsupported method is get",
            ),
            (
                dto::CORSRule { allowed_origins: texts("http://*.a.*"), ..wire() },
                "AllowedOrigin \"http://*.a.*\" can not have more than one wildcard.",
            ),
            (
                dto::CORSRule { allowed_headers: Some(texts("x-**")), ..wire() },
                "AllowedHeader \"x-**\" can not have more than one wildcard.",
            ),
            (
                dto::CORSRule { allowed_headers: Some(texts("a b")), ..wire() },
                "AllowedHeader \"a b\" contains invalid character.",
            ),
            (
                dto::CORSRule { expose_headers: Some(texts("x-*")), ..wire() },
                "ExposeHeader \"x-*\" contains wildcard. We currently do not support wildcard for ExposeHeader.",
            ),
            (
                dto::CORSRule { expose_headers: Some(texts("ETag\r\nSet-Cookie: a=b")), ..wire() },
                "ExposeHeader \"ETag\r\nSet-Cookie: a=b\" contains invalid character.",
            ),
        ] {
            assert_eq!(read(vec![wrong]), Err(Mistake::Request(said.to_owned())));
        }
        for wrong in [
            dto::CORSRule { allowed_methods: Vec::new(), ..wire() },
            dto::CORSRule { allowed_origins: Vec::new(), ..wire() },
            dto::CORSRule { allowed_origins: texts("a\u{1}"), ..wire() },
        ] {
            assert!(matches!(read(vec![wrong]), Err(Mistake::Xml(_))));
        }
        for wrong in [
            dto::CORSRule { id: Some("i".repeat(256)), ..wire() },
            dto::CORSRule { max_age_seconds: Some(-1), ..wire() },
        ] {
            assert!(matches!(read(vec![wrong]), Err(Mistake::Argument { .. })));
        }
    }
}
