//! Instants: whole seconds in headers, milliseconds in XML.

use std::time::{Duration, SystemTime};

use http::HeaderValue;
use kernel::Timestamp;
use s3s::dto::{Timestamp as WireTimestamp, TimestampFormat};

/// The last instant that a date of four digits can name: 9999-12-31T23:59:59.999Z.
const LAST_MS: i64 = 253_402_300_799_999;

/// For an answer; s3s writes it as the place demands.
pub(crate) fn to_wire(at: Timestamp) -> WireTimestamp {
    let millis = at.as_millis().clamp(0, LAST_MS).unsigned_abs();
    (SystemTime::UNIX_EPOCH + Duration::from_millis(millis)).into()
}

/// Seconds since 1970, with a fraction. s3s gives its type away only as text, or as a type of a crate that is not ours to
/// depend on.
fn seconds_text(at: &WireTimestamp) -> String {
    let mut text = Vec::new();
    let written = at.format(TimestampFormat::EpochSeconds, &mut text);
    written.ok().and_then(|()| String::from_utf8(text).ok()).unwrap_or_default()
}

/// From a request; dates in headers are whole seconds.
pub(crate) fn from_wire(at: &WireTimestamp) -> Timestamp {
    let seconds = seconds_text(at).parse::<f64>().unwrap_or(0.0);
    // A float becomes the nearest integer there is, so this cannot overflow.
    Timestamp::from_secs(seconds.floor() as i64)
}

/// The millisecond of an instant from 1970 on, written as in RFC 3339.
pub(crate) fn instant(text: &str) -> Option<Timestamp> {
    instant_from_wire(&WireTimestamp::parse(TimestampFormat::DateTime, text).ok()?)
}

/// The millisecond of an instant from 1970 on.
pub(crate) fn instant_from_wire(at: &WireTimestamp) -> Option<Timestamp> {
    let text = seconds_text(at);
    let (seconds, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let digits = fraction.bytes().chain(std::iter::repeat(b'0')).take(3);
    let millis = digits.fold(0, |millis, digit| millis * 10 + i64::from(digit.saturating_sub(b'0')));
    // What lies before 1970 has a sign, and is no number of this type.
    let seconds = i64::try_from(seconds.parse::<u64>().ok()?).ok()?;
    Some(Timestamp::from_millis(seconds.checked_mul(1000)?.checked_add(millis)?))
}

/// As `Last-Modified` has it.
pub(crate) fn http_date(at: Timestamp) -> HeaderValue {
    HeaderValue::try_from(date_text(&to_wire(at))).unwrap_or_else(|_| HeaderValue::from_static(EPOCH))
}

/// As documents of our own have it. Source: RFC 3339, in UTC.
pub(crate) fn rfc_3339(at: Timestamp) -> String {
    let mut text = Vec::new();
    match to_wire(at).format(TimestampFormat::DateTime, &mut text) {
        Ok(()) => String::from_utf8_lossy(&text).into_owned(),
        Err(_) => "1970-01-01T00:00:00Z".to_owned(),
    }
}

/// As headers have it.
pub(crate) fn date_text(at: &WireTimestamp) -> String {
    let mut text = Vec::new();
    match at.format(TimestampFormat::HttpDate, &mut text) {
        Ok(()) => String::from_utf8(text).unwrap_or_else(|_| EPOCH.to_owned()),
        Err(_) => EPOCH.to_owned(),
    }
}

const EPOCH: &str = "Thu, 01 Jan 1970 00:00:00 GMT";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn headers_round_down_to_seconds_and_xml_keeps_milliseconds() {
        let at = Timestamp::from_millis(1_413_000_000_999);
        assert_eq!(http_date(at), "Sat, 11 Oct 2014 04:00:00 GMT");
        let mut xml = Vec::new();
        to_wire(at).format(TimestampFormat::DateTime, &mut xml).expect("formats");
        assert_eq!(xml, b"2014-10-11T04:00:00.999Z");
    }

    #[test]
    fn times_out_of_reach_stop_at_the_ends() {
        assert_eq!(http_date(Timestamp::from_millis(i64::MAX)), "Fri, 31 Dec 9999 23:59:59 GMT");
        assert_eq!(http_date(Timestamp::from_millis(i64::MIN)), EPOCH);
    }

    proptest! {
        #[test]
        fn whole_seconds_come_back(seconds in 0..=LAST_MS / 1000) {
            let at = Timestamp::from_secs(seconds);
            prop_assert_eq!(from_wire(&to_wire(at)), at);
        }

        #[test]
        fn instants_come_back_to_the_millisecond(millis in 0..=LAST_MS) {
            let mut text = Vec::new();
            to_wire(Timestamp::from_millis(millis)).format(TimestampFormat::DateTime, &mut text).expect("formats");
            let text = String::from_utf8(text).expect("text");
            prop_assert_eq!(instant(&text), Some(Timestamp::from_millis(millis)));
        }

        #[test]
        fn milliseconds_come_back_as_the_second_they_lie_in(millis in 0..=LAST_MS) {
            let at = Timestamp::from_millis(millis);
            prop_assert_eq!(from_wire(&to_wire(at)).as_secs(), at.as_secs());
        }
    }
}
