//! Headers that read otherwise to S3 than to s3s.
//!
//! S3 ignores a `Range` that it cannot read or that names several ranges, takes numbers of any length, and ignores dates
//! that are none. s3s refuses all that. Where such a header is not signed, it is mended on the way in. Where it is, s3s must
//! see it as it came to verify the signature, so the request passes s3s twice: first as it is, to the door behind which
//! the lake's own requests are answered, and which is reached when the signature is right; from there with the headers
//! mended and the caller vouched for. The headers that stand in the query of a link go the same way.

use http::header::{AUTHORIZATION, HeaderName, IF_MODIFIED_SINCE, IF_UNMODIFIED_SINCE, RANGE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Uri};
use s3s::dto::{Range, Timestamp, TimestampFormat};

use super::mechanism::Mechanism;
use super::refusal::Refusal;
use super::{hoisted, query};

/// What signed headers are to become once the signature is verified; `None` is taken away. Stands in the request's
/// extensions until then.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Mended(Vec<(HeaderName, Option<HeaderValue>)>);

impl Mended {
    /// Applies what was put off until the signature was verified.
    pub(crate) fn apply(self, headers: &mut HeaderMap, uri: &mut Uri) {
        for (name, value) in self.0 {
            apply(headers, name, value);
        }
        if query::has(uri.query(), "X-Amz-Signature")
            && let Some(plain) = hoisted::without(uri)
        {
            *uri = plain;
        }
    }

    /// The headers as they will be.
    pub(crate) fn on(&self, headers: &HeaderMap) -> HeaderMap {
        let mut mended = headers.clone();
        self.0.iter().for_each(|(name, value)| apply(&mut mended, name.clone(), value.clone()));
        mended
    }

    /// Headers that are to be set.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&HeaderName, &HeaderValue)> {
        self.0.iter().filter_map(|(name, value)| Some((name, value.as_ref()?)))
    }
}

/// Puts off the headers that stand in a link's query; mends the range and the dates of a read, at once or, where they are
/// signed, later.
pub(crate) fn mend(parts: &mut Parts, mechanism: Mechanism) -> Result<(), Refusal> {
    let mut later = Vec::new();
    if mechanism == Mechanism::Query {
        later.extend(hoisted::headers(parts)?.into_iter().map(|(name, value)| (name, Some(value))));
    }
    if matches!(parts.method, Method::GET | Method::HEAD) {
        mend_read(parts, &mut later);
    }
    if !later.is_empty() {
        parts.extensions.insert(Mended(later));
    }
    Ok(())
}

fn mend_read(parts: &mut Parts, later: &mut Vec<(HeaderName, Option<HeaderValue>)>) {
    for (name, readable) in HEADERS {
        let mut values = parts.headers.get_all(&name).iter();
        let Some(value) = values.next() else { continue };
        let mended = if values.next().is_some() { None } else { readable(value) };
        if mended.as_ref() == Some(value) {
            continue;
        }
        if is_signed(parts, &name) {
            later.push((name, mended));
        } else {
            apply(&mut parts.headers, name, mended);
        }
    }
}

/// How a header reads to s3s; `None` if S3 ignores it.
type Mend = fn(&HeaderValue) -> Option<HeaderValue>;

/// What is mended, and how it reads to s3s; `None` if S3 ignores it.
const HEADERS: [(HeaderName, Mend); 3] =
    [(RANGE, readable_range), (IF_MODIFIED_SINCE, readable_date), (IF_UNMODIFIED_SINCE, readable_date)];

fn apply(headers: &mut HeaderMap, name: HeaderName, mended: Option<HeaderValue>) {
    match mended {
        Some(value) => {
            headers.insert(name, value);
        }
        None => {
            headers.remove(name);
        }
    }
}

/// Source: RFC 9110, 13.1.3: a condition whose date cannot be read is ignored.
fn readable_date(date: &HeaderValue) -> Option<HeaderValue> {
    let is_date = date.is_empty() || Timestamp::parse(TimestampFormat::HttpDate, date.to_str().ok()?).is_ok();
    is_date.then(|| date.clone())
}

/// A range with numbers that s3s can read.
pub(crate) fn readable_range(range: &HeaderValue) -> Option<HeaderValue> {
    let text = range.to_str().ok()?;
    let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
    let is_number = |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let is_range = match (first, last) {
        ("", suffix) => is_number(suffix),
        (first, "") => is_number(first),
        (first, last) => is_number(first) && is_number(last),
    };
    if is_range && Range::parse(text).is_ok() {
        return Some(range.clone());
    }
    // What remains that means something are numbers beyond 63 bits, larger than any object.
    let number =
        |digits: &str| is_number(digits).then(|| digits.parse().unwrap_or(i64::MAX as u64).min(i64::MAX as u64));
    let mended = match (first, last) {
        ("", suffix) => format!("bytes=-{}", number(suffix)?),
        (first, "") => format!("bytes={}-", number(first)?),
        (first, last) => format!("bytes={}-{}", number(first)?, number(last)?),
    };
    Range::parse(&mended).ok()?;
    HeaderValue::try_from(mended).ok()
}

fn is_signed(parts: &Parts, header: &HeaderName) -> bool {
    let is_named = |names: &str| names.split(';').any(|name| name.eq_ignore_ascii_case(header.as_str()));
    let authorization = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    authorization.split(',').filter_map(|part| part.trim().strip_prefix("SignedHeaders=")).any(is_named)
        || query::pairs(parts.uri.query()).any(|(name, value)| name == "X-Amz-SignedHeaders" && is_named(&value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mended(range: &str) -> Option<String> {
        readable_range(&HeaderValue::from_str(range).expect("value"))
            .map(|value| value.to_str().expect("text").to_owned())
    }

    #[test]
    fn ranges_become_what_s3_makes_of_them() {
        for same in ["bytes=0-4", "bytes=5-", "bytes=-7", "bytes=-0", "bytes=0-0"] {
            assert_eq!(mended(same).as_deref(), Some(same));
        }
        let nines = "9".repeat(30);
        for (long, short) in [
            (format!("bytes=1-{nines}"), "bytes=1-9223372036854775807"),
            (format!("bytes={nines}-"), "bytes=9223372036854775807-"),
            (format!("bytes=-{nines}"), "bytes=-9223372036854775807"),
            ("bytes=0-18446744073709551614".to_owned(), "bytes=0-9223372036854775807"),
        ] {
            assert_eq!(mended(&long).as_deref(), Some(short), "{long}");
        }
        for ignored in [
            "",
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes=5-2",
            "bytes=0-1,3-4",
            "lines=0-1",
            "bytes=+1-2",
            "bytes=a-b",
            "bytes= 0-1",
        ] {
            assert_eq!(mended(ignored), None, "{ignored}");
        }
    }

    #[test]
    fn only_dates_are_conditions() {
        for (date, stays) in [
            ("Sat, 29 Oct 1994 19:43:31 GMT", true),
            ("", true),
            ("yesterday", false),
            ("2015-13-45", false),
            ("Sat, 32 Oct 1994 19:43:31 GMT", false),
        ] {
            assert_eq!(readable_date(&HeaderValue::from_static(date)).is_some(), stays, "{date}");
        }
    }
}
