//! Ranges of bytes. Source: RFC 9110 §14; Amazon S3 API, *GetObject* and *UploadPartCopy*.

use engine::Selection;
use kernel::ByteRange;
use s3s::dto::Range;

use super::names;
use crate::s3_error::Mistake;

/// The bytes that a read asks for, by range or by part.
pub(crate) fn selection(range: Option<&Range>, part_number: Option<i32>) -> Result<Selection, Mistake> {
    match (range, part_number) {
        (Some(_), Some(_)) => {
            Err(Mistake::Request("cannot specify both Range header and partNumber query parameter".to_owned()))
        }
        (None, Some(number)) => names::part_number(number).map(Selection::Part),
        (None, None) => Ok(Selection::All),
        (Some(Range::Int { first, last: None }), None) => Ok(Selection::From(*first)),
        (Some(Range::Int { first, last: Some(last) }), None) => Ok(Selection::Between(*first, *last)),
        (Some(Range::Suffix { length }), None) => Ok(Selection::Suffix(*length)),
    }
}

/// The bytes that a document asks for: one range, written as in the header, which there is no reason to ignore here.
/// Numbers beyond 64 bits lie behind the end of every object.
pub(crate) fn written(text: &str) -> Result<Selection, Mistake> {
    let number = |text: &str| match text {
        "" => None,
        _ => text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().unwrap_or(u64::MAX)),
    };
    let read = || match text.strip_prefix("bytes=")?.split_once('-')? {
        ("", count) => Some(Selection::Suffix(number(count)?)),
        (first, "") => Some(Selection::From(number(first)?)),
        (first, last) => Some(Selection::Between(number(first)?, number(last)?)),
    };
    let ordered = |selection: &Selection| !matches!(selection, Selection::Between(first, last) if last < first);
    read().filter(ordered).ok_or_else(|| Mistake::Argument {
        name: "range",
        reason: "must be of the form bytes=first-last, bytes=first- or bytes=-count".to_owned(),
    })
}

/// `Content-Range` of an answer; none where no byte was selected.
pub(crate) fn content_range(range: ByteRange, object_bytes: u64) -> Option<String> {
    let last = range.end.checked_sub(1).filter(|last| *last >= range.start)?;
    Some(format!("bytes {}-{last}/{object_bytes}", range.start))
}

/// `x-amz-copy-source-range`: `bytes=first-last`, both given, nothing else.
pub(crate) fn copied(text: &str) -> Result<(u64, u64), Mistake> {
    let read = || {
        let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
        Some((digits(first)?, digits(last)?))
    };
    read().filter(|(first, last)| first <= last).ok_or_else(|| Mistake::Argument {
        name: "x-amz-copy-source-range",
        reason: "must be of the form bytes=first-last, where first and last are the offsets to copy".to_owned(),
    })
}

fn digits(text: &str) -> Option<u64> {
    // `parse` alone would take a sign.
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_of_a_range_has_its_selection() {
        let table = [
            ("bytes=3-", Selection::From(3)),
            ("bytes=3-9", Selection::Between(3, 9)),
            ("bytes=-5", Selection::Suffix(5)),
            ("bytes=-0", Selection::Suffix(0)),
        ];
        for (header, expected) in table {
            let range = Range::parse(header).expect(header);
            assert_eq!(selection(Some(&range), None), Ok(expected), "{header}");
            assert!(matches!(selection(Some(&range), Some(1)), Err(Mistake::Request(_))), "{header}");
        }
        assert_eq!(selection(None, None), Ok(Selection::All));
        assert_eq!(selection(None, Some(2)), Ok(Selection::Part(2)));
        assert!(matches!(selection(None, Some(0)), Err(Mistake::Argument { .. })));
    }

    #[test]
    fn documents_ask_for_one_range() {
        let nines = "9".repeat(30);
        for (text, expected) in [
            ("bytes=3-", Selection::From(3)),
            ("bytes=3-9", Selection::Between(3, 9)),
            ("bytes=9-9", Selection::Between(9, 9)),
            ("bytes=-5", Selection::Suffix(5)),
            (&format!("bytes=1-{nines}"), Selection::Between(1, u64::MAX)),
            (&format!("bytes={nines}-"), Selection::From(u64::MAX)),
        ] {
            assert_eq!(written(text), Ok(expected), "{text}");
        }
        for bad in [
            "",
            "bytes",
            "bytes=",
            "bytes=-",
            "0-1",
            "bytes=5-2",
            "bytes=0-1,3-4",
            "bytes= 0-1",
            "bytes=+1-2",
            "bytes=--1",
        ] {
            assert!(matches!(written(bad), Err(Mistake::Argument { name: "range", .. })), "{bad}");
        }
    }

    #[test]
    fn answers_name_the_last_byte() {
        assert_eq!(content_range(ByteRange { start: 0, end: 5 }, 9).as_deref(), Some("bytes 0-4/9"));
        assert_eq!(content_range(ByteRange { start: 8, end: 9 }, 9).as_deref(), Some("bytes 8-8/9"));
        assert_eq!(content_range(ByteRange { start: 9, end: 9 }, 9), None);
        assert_eq!(content_range(ByteRange { start: 0, end: 0 }, 0), None);
    }

    #[test]
    fn copies_want_both_ends() {
        assert_eq!(copied("bytes=0-0"), Ok((0, 0)));
        assert_eq!(copied("bytes=5-18446744073709551615"), Ok((5, u64::MAX)));
        for bad in [
            "",
            "0-2",
            "bytes=0",
            "bytes=hello-world",
            "bytes=0-bar",
            "bytes=hello-",
            "bytes=0-2,3-5",
            "bytes=-5",
            "bytes=5-",
            "bytes=5-2",
            "bytes=+1-2",
            "bytes=1--2",
            "bytes=0-18446744073709551616",
            "bytes= 0-1",
        ] {
            assert!(matches!(copied(bad), Err(Mistake::Argument { .. })), "{bad}");
        }
    }
}
