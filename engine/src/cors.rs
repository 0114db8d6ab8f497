//! What a page from elsewhere may do with a bucket.
//!
//! A browser asks before it lets a page of one origin send a request to another (a preflight), and looks at the answer
//! before it shows it to the page. Both questions are judged here by the bucket's own rules, and both may be put by
//! anybody: a preflight carries no credentials. So what leaves the engine is a verdict that says only what the rule that
//! matched allows, never the rules. A verdict opens nothing: whatever the page then sends needs a permit of its own.

use kernel::BucketName;
use kernel::settings::{Cors, CorsRule};

use crate::{Engine, Error, Missing, Result};

/// A cross-origin request, as its headers tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CorsRequest {
    /// `Origin`, as it came.
    pub origin: String,
    /// The method that the page wants to use.
    pub method: String,
    /// The headers that the page wants to send, by name in lower case.
    pub headers: Vec<String>,
}

impl CorsRequest {
    /// The most headers that are judged. No page sends so many; each is compared with every pattern of every rule.
    pub const HEADERS_MAX: usize = 100;
}

/// What a bucket's rules say of a cross-origin request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CorsVerdict {
    /// There is no such bucket.
    NoBucket,
    /// The bucket has no rules.
    NoRules,
    /// No rule matches.
    Refused,
    /// What the first rule that matches allows.
    Allowed(CorsAnswer),
}

/// What the rule that matches a request allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CorsAnswer {
    /// Whether the rule is for every origin. Browsers then send no credentials of their own.
    pub any_origin: bool,
    /// All methods of the rule.
    pub methods: Vec<String>,
    /// Headers of answers that the page may see.
    pub exposed: Vec<String>,
    /// How long browsers may remember the answer to a preflight, in seconds.
    pub max_age_seconds: Option<u32>,
}

impl Engine {
    /// What a bucket's rules say of a cross-origin request. Needs no permit, as in S3: the verdict shows what the one rule
    /// that matches allows, and that a bucket exists.
    ///
    /// # Errors
    /// `Unavailable`, `Corrupt`.
    pub async fn cors(&self, bucket: &BucketName, request: &CorsRequest) -> Result<CorsVerdict> {
        let facts = match self.bucket_facts(bucket).await {
            Ok(facts) => facts,
            Err(Error::NotFound(Missing::Bucket)) => return Ok(CorsVerdict::NoBucket),
            Err(error) => return Err(error),
        };
        Ok(facts.settings.cors.as_ref().map_or(CorsVerdict::NoRules, |cors| judge(cors, request)))
    }
}

/// The first rule that matches decides.
///
/// Source: Amazon S3 User Guide, *Using cross-origin resource sharing (CORS)*, on how S3 evaluates a configuration.
fn judge(cors: &Cors, request: &CorsRequest) -> CorsVerdict {
    if request.headers.len() > CorsRequest::HEADERS_MAX {
        return CorsVerdict::Refused;
    }
    cors.rules.iter().find(|rule| matches(rule, request)).map_or(CorsVerdict::Refused, |rule| {
        CorsVerdict::Allowed(CorsAnswer {
            any_origin: rule.origins.iter().any(|origin| origin == "*"),
            methods: rule.methods.clone(),
            exposed: rule.expose.clone(),
            max_age_seconds: rule.max_age_seconds,
        })
    })
}

fn matches(rule: &CorsRule, request: &CorsRequest) -> bool {
    let allows = |name: &String| rule.headers.iter().any(|pattern| fits(pattern, name, str::eq_ignore_ascii_case));
    rule.methods.contains(&request.method)
        && rule.origins.iter().any(|pattern| fits(pattern, &request.origin, str::eq))
        && request.headers.iter().all(allows)
}

/// Whether a text is the pattern, whose first `*` stands for anything, nothing included.
fn fits(pattern: &str, text: &str, same: impl Fn(&str, &str) -> bool) -> bool {
    let Some((start, end)) = pattern.split_once('*') else {
        return same(pattern, text);
    };
    let Some(middle_and_end) = text.len().checked_sub(end.len()).filter(|at| *at >= start.len()) else {
        return false;
    };
    text.get(..start.len()).is_some_and(|first| same(start, first))
        && text.get(middle_and_end..).is_some_and(|last| same(end, last))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    fn rule(origins: &[&str], methods: &[&str], headers: &[&str]) -> CorsRule {
        CorsRule { origins: texts(origins), methods: texts(methods), headers: texts(headers), ..CorsRule::default() }
    }

    fn request(origin: &str, method: &str, headers: &[&str]) -> CorsRequest {
        CorsRequest { origin: origin.to_owned(), method: method.to_owned(), headers: texts(headers) }
    }

    #[test]
    fn a_rule_matches_by_origin_method_and_every_header() {
        let cors = Cors {
            rules: vec![
                rule(&["https://a.example"], &["GET", "PUT"], &["x-amz-*", "Content-Type"]),
                rule(&["*.get", "start*end", "http://*.shop.example:8080"], &["GET"], &[]),
                rule(&["https://every.example"], &["POST"], &["*"]),
                rule(&["*"], &["HEAD"], &[]),
                rule(&[""], &["DELETE"], &[]),
            ],
        };
        for (origin, method, headers, allowed) in [
            ("https://a.example", "GET", &[][..], Some(0)),
            ("https://a.example", "PUT", &["content-type", "x-amz-meta-a", "x-amz-"], Some(0)),
            ("https://a.example", "PUT", &["content-type", "authorization"], None),
            ("https://a.example", "DELETE", &[], None),
            ("https://a.example", "get", &[], None),
            ("https://a.example:443", "GET", &[], None),
            ("http://a.example", "GET", &[], None),
            ("HTTPS://A.EXAMPLE", "GET", &[], None),
            ("https://a.example.evil.example", "GET", &[], None),
            ("any.get", "GET", &[], Some(1)),
            (".get", "GET", &[], Some(1)),
            ("any.get.more", "GET", &[], None),
            ("startend", "GET", &[], Some(1)),
            ("start12end", "GET", &[], Some(1)),
            ("0start12end", "GET", &[], None),
            ("starend", "GET", &[], None),
            ("http://x.shop.example:8080", "GET", &[], Some(1)),
            ("http://x.shop.example:8080", "GET", &["x-any"], None),
            ("http://x.shop.example", "GET", &[], None),
            ("https://every.example", "POST", &["anything", "at-all"], Some(2)),
            ("null", "HEAD", &[], Some(3)),
            ("null", "HEAD", &["x-any"], None),
            ("null", "DELETE", &[], None),
        ] {
            let expected = allowed.map(|place: usize| cors.rules[place].methods.clone());
            let came = match judge(&cors, &request(origin, method, headers)) {
                CorsVerdict::Allowed(answer) => Some(answer.methods),
                _ => None,
            };
            assert_eq!(came, expected, "{origin} {method} {headers:?}");
        }
    }

    #[test]
    fn the_first_rule_that_matches_decides_and_only_a_bare_star_is_for_everybody() {
        let first =
            CorsRule { expose: texts(&["ETag"]), max_age_seconds: Some(60), ..rule(&["https://*"], &["GET"], &[]) };
        let cors = Cors { rules: vec![first, rule(&["https://b.example", "*"], &["GET", "PUT"], &[])] };
        let answer = |origin| judge(&cors, &request(origin, "GET", &[]));
        let of_first = CorsAnswer {
            any_origin: false,
            methods: texts(&["GET"]),
            exposed: texts(&["ETag"]),
            max_age_seconds: Some(60),
        };
        assert_eq!(answer("https://b.example"), CorsVerdict::Allowed(of_first));
        let of_second = CorsAnswer {
            any_origin: true,
            methods: texts(&["GET", "PUT"]),
            exposed: Vec::new(),
            max_age_seconds: None,
        };
        assert_eq!(answer("http://b.example"), CorsVerdict::Allowed(of_second));
        assert_eq!(judge(&Cors { rules: Vec::new() }, &request("a", "GET", &[])), CorsVerdict::Refused);
    }

    #[test]
    fn too_many_headers_are_not_even_compared() {
        let cors = Cors { rules: vec![rule(&["*"], &["GET"], &["*"])] };
        let many = |count| request("a", "GET", &vec!["x"; count]);
        assert!(matches!(judge(&cors, &many(CorsRequest::HEADERS_MAX)), CorsVerdict::Allowed(_)));
        assert_eq!(judge(&cors, &many(CorsRequest::HEADERS_MAX + 1)), CorsVerdict::Refused);
    }

    proptest! {
        #[test]
        fn a_star_stands_for_anything(start in "[a-z:/.]{0,6}", middle in "[a-z:/.*]{0,6}", end in "[a-z:/.]{0,6}") {
            let pattern = format!("{start}*{end}");
            let is = |text: &str| fits(&pattern, text, str::eq);
            let whole = format!("{start}{middle}{end}");
            prop_assert!(is(&whole));
            prop_assert_eq!(is(&format!("{whole}!")), end.is_empty());
            prop_assert_eq!(is(&format!("!{whole}")), start.is_empty());
            prop_assert!(fits(&pattern, &whole.to_ascii_uppercase(), str::eq_ignore_ascii_case));
            let edges = format!("{start}{end}");
            prop_assert!(edges.is_empty() || !is(&edges[1..]));
        }

        #[test]
        fn without_a_star_only_the_same_text_fits(pattern in "[a-z:/.]{0,6}", text in "[a-z:/.]{0,6}") {
            prop_assert_eq!(fits(&pattern, &text, str::eq), pattern == text);
        }
    }
}
