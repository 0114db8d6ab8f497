//! `x-lake-as-of`: a moment of the past, as the sequence of a change or as a time.

use engine::AsOf;
use http::{HeaderMap, HeaderName, HeaderValue};
use kernel::Sequence;

use super::time;
use crate::s3_error::Mistake;

/// Its name, in requests and answers.
const NAME: &str = "x-lake-as-of";

fn mistake(reason: &str) -> Mistake {
    Mistake::Argument { name: NAME, reason: reason.to_owned() }
}

/// The moment that a request names, if it does.
pub(crate) fn asked(headers: &HeaderMap) -> Result<Option<AsOf>, Mistake> {
    let mut values = headers.get_all(NAME).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(mistake("must be given once"));
    }
    let text = value.to_str().unwrap_or_default().trim();
    let as_of = match text.parse::<Sequence>() {
        Ok(sequence) => Some(AsOf::Sequence(sequence)),
        Err(_) => time::instant(text).map(AsOf::Time),
    };
    as_of.map(Some).ok_or_else(|| mistake("must be a sequence of 18 hex digits or a time as in RFC 3339, from 1970 on"))
}

/// Refuses a moment where only now counts.
pub(crate) fn refuse(headers: &HeaderMap) -> Result<(), Mistake> {
    if headers.contains_key(NAME) {
        return Err(mistake("the past can be read and listed: only GetObject, HeadObject and ListObjects take it"));
    }
    Ok(())
}

/// Says which moment an answer is of, so that the question can be repeated exactly.
pub(crate) fn say(headers: &mut HeaderMap, at: Option<Sequence>) {
    if let Some(Ok(value)) = at.map(|at| HeaderValue::try_from(at.to_string())) {
        headers.insert(HeaderName::from_static(NAME), value);
    }
}

#[cfg(test)]
mod tests {
    use kernel::Timestamp;

    use super::*;

    fn headers(values: &[&str]) -> HeaderMap {
        let named = |value: &&str| (HeaderName::from_static(NAME), HeaderValue::from_str(value).expect("a header"));
        HeaderMap::from_iter(values.iter().map(named))
    }

    #[test]
    fn sequences_and_times_are_told_apart() {
        let at = |millis| Some(AsOf::Time(Timestamp::from_millis(millis)));
        let table = [
            ("00000100000000000A", Some(AsOf::Sequence(Sequence::from_bits(0x0001_0000_0000_000A)))),
            ("00000100000000000a", Some(AsOf::Sequence(Sequence::from_bits(0x0001_0000_0000_000A)))),
            (" 000000000000000000 ", Some(AsOf::Sequence(Sequence::ZERO))),
            ("2026-11-20T10:00:00Z", at(1_795_168_800_000)),
            ("2026-11-20T10:00:00.999Z", at(1_795_168_800_999)),
            ("2026-11-20T10:00:00.9999Z", at(1_795_168_800_999)),
            ("2026-11-20T12:00:00.5+02:00", at(1_795_168_800_500)),
            ("1970-01-01T00:00:00Z", at(0)),
        ];
        for (text, expected) in table {
            assert_eq!(asked(&headers(&[text])), Ok(expected), "{text}");
        }
        assert_eq!(asked(&HeaderMap::new()), Ok(None));
    }

    #[test]
    fn anything_else_is_a_mistake() {
        for text in [
            "",
            "yesterday",
            "1795168800",
            "0100000000000A",
            "0001000000000000000A",
            "00000100000000000G",
            "2026-11-20",
            "2026-11-20T10:00:00",
            "2026-13-20T10:00:00Z",
            "1969-12-31T23:59:59Z",
            "Fri, 20 Nov 2026 10:00:00 GMT",
        ] {
            assert!(matches!(asked(&headers(&[text])), Err(Mistake::Argument { name: NAME, .. })), "{text}");
        }
        assert!(asked(&headers(&["000000000000000001", "000000000000000001"])).is_err());
    }

    #[test]
    fn where_only_now_counts_it_is_refused() {
        assert_eq!(refuse(&HeaderMap::new()), Ok(()));
        assert!(refuse(&headers(&["000000000000000001"])).is_err());
        assert!(refuse(&headers(&[""])).is_err());
    }
}
