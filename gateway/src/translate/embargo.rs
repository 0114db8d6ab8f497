//! `x-lake-embargo-until` and `x-lake-embargo-readers`: from when on what is written may be read, and by whom before.

use engine::WantedEmbargo;
use http::{HeaderMap, HeaderName, HeaderValue};
use kernel::Timestamp;

use super::time;
use crate::s3_error::{Failure, Mistake};

/// The names of the headers, and of the fields of an upload form.
pub(crate) const UNTIL: &str = "x-lake-embargo-until";
pub(crate) const READERS: &str = "x-lake-embargo-readers";

/// What a request says of an embargo, if it says anything.
pub(crate) fn wanted(headers: &HeaderMap) -> Result<Option<WantedEmbargo>, Failure> {
    Ok(WantedEmbargo::parse(text(headers, UNTIL)?, text(headers, READERS)?)?)
}

fn text<'h>(headers: &'h HeaderMap, name: &'static str) -> Result<Option<&'h str>, Mistake> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Mistake::Argument { name, reason: "must be given once".to_owned() });
    }
    let text = std::str::from_utf8(value.as_bytes());
    text.map(|text| Some(text.trim())).map_err(|_| Mistake::Argument { name, reason: "must be UTF-8".to_owned() })
}

/// Refuses an embargo where nothing is written that could have one.
pub(crate) fn refuse(headers: &HeaderMap) -> Result<(), Mistake> {
    match [UNTIL, READERS].into_iter().find(|name| headers.contains_key(*name)) {
        Some(name) => Err(Mistake::Argument {
            name,
            reason: "only PutObject, CopyObject, CreateMultipartUpload and upload forms take it".to_owned(),
        }),
        None => Ok(()),
    }
}

/// Says until when others may not read what is answered to one of its readers. Where it is open, nothing is said.
pub(crate) fn say(headers: &mut HeaderMap, closed_until: Option<Timestamp>) {
    if let Some(Ok(value)) = closed_until.map(|until| HeaderValue::try_from(time::rfc_3339(until))) {
        headers.insert(HeaderName::from_static(UNTIL), value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_str(value).expect("a header"));
        }
        headers
    }

    #[test]
    fn a_request_names_an_instant_and_readers() {
        assert_eq!(wanted(&headers(&[])).ok(), Some(None));
        let said = wanted(&headers(&[(UNTIL, "2027-01-01T00:00:00.0001+01:00"), (READERS, "stewards, user/alice ,")]));
        let said = said.expect("well-formed").expect("an embargo");
        // Not a moment sooner than it says.
        assert_eq!(said.until.map(|until| until.as_millis()), Some(1_798_758_000_001));
        let readers: Vec<String> = said.readers.into_iter().flatten().map(|reader| reader.to_string()).collect();
        assert_eq!(readers, ["group/stewards", "user/alice"]);
        for bad in [
            &[(UNTIL, "2027-01-01")][..],
            &[(UNTIL, "1798758000")],
            &[(UNTIL, "")],
            &[(UNTIL, "2027-01-01T00:00:00Z"), (UNTIL, "2027-01-01T00:00:00Z")],
            &[(READERS, "user/")],
        ] {
            assert!(wanted(&headers(bad)).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn elsewhere_it_is_refused() {
        assert_eq!(refuse(&headers(&[("x-amz-acl", "private")])), Ok(()));
        assert!(refuse(&headers(&[(READERS, "a")])).is_err());
    }
}
