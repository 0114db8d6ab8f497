//! Conditional requests. Source: RFC 9110 §13; Amazon S3 User Guide, *Conditional requests*.

use kernel::{ETag, EtagCondition, ReadCondition, WriteCondition};
use s3s::dto::{ETag as WireETag, ETagCondition as WireCondition, Timestamp as WireTimestamp};

use super::time;
use crate::s3_error::Mistake;

/// Which tags of a list can match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    /// Those not marked as weak: RFC 9110 §13.1.1, for `If-Match`.
    Strong,
    /// All: RFC 9110 §13.1.2, for `If-None-Match`.
    Weak,
}

/// What a read expects.
pub(crate) fn read(
    if_match: Option<&WireCondition>,
    if_none_match: Option<&WireCondition>,
    if_modified_since: Option<&WireTimestamp>,
    if_unmodified_since: Option<&WireTimestamp>,
) -> ReadCondition {
    ReadCondition {
        if_match: if_match.map(|condition| tags(condition, Comparison::Strong)),
        if_none_match: if_none_match.map(|condition| tags(condition, Comparison::Weak)),
        if_modified_since: if_modified_since.map(time::from_wire),
        if_unmodified_since: if_unmodified_since.map(time::from_wire),
    }
}

/// What a write or a deletion expects.
pub(crate) fn write(if_match: Option<&WireCondition>, if_none_match: Option<&WireCondition>) -> WriteCondition {
    WriteCondition {
        if_match: if_match.map(|condition| tags(condition, Comparison::Strong)),
        if_none_match: if_none_match.map(|condition| tags(condition, Comparison::Weak)),
    }
}

/// What a change of an annotation expects of its object: `x-amz-object-if-match`.
pub(crate) fn of_object(if_match: Option<&str>) -> Result<Option<EtagCondition>, Mistake> {
    let read = |text: &str| match text.parse::<WireCondition>() {
        Ok(condition) => Ok(tags(&condition, Comparison::Strong)),
        Err(_) => Err(Mistake::Argument { name: "x-amz-object-if-match", reason: "must be an entity tag".to_owned() }),
    };
    if_match.map(read).transpose()
}

/// What the deletion of one key among many expects.
pub(crate) fn of_entry(etag: Option<&WireETag>) -> WriteCondition {
    let if_match = etag.map(|etag| match etag.value() {
        "*" => EtagCondition::Any,
        _ => tags(&WireCondition::ETag(etag.clone()), Comparison::Strong),
    });
    WriteCondition { if_match, if_none_match: None }
}

/// A tag by which a completion names a part; `None` for what no part of ours can have.
pub(crate) fn part_etag(etag: &WireETag) -> Option<ETag> {
    etag.as_strong()?.trim_matches('"').parse().ok()
}

/// The tag of an object, for an answer.
pub(crate) fn etag_to_wire(etag: &ETag) -> WireETag {
    WireETag::Strong(etag.to_string())
}

/// The tag of an object as headers have it.
pub(crate) fn etag_text(etag: &ETag) -> String {
    format!("\"{etag}\"")
}

/// A list of tags arrives from s3s as one tag with commas and quotes within.
fn tags(condition: &WireCondition, comparison: Comparison) -> EtagCondition {
    let WireCondition::ETag(list) = condition else {
        return EtagCondition::Any;
    };
    let first_is_weak = list.as_weak().is_some();
    let members = list.value().split(',').enumerate().filter_map(|(place, member)| {
        let member = member.trim().trim_matches('"');
        let (is_weak, member) = match member.strip_prefix("W/") {
            Some(weak) => (true, weak.trim_start_matches('"')),
            None => (place == 0 && first_is_weak, member),
        };
        let counts = comparison == Comparison::Weak || !is_weak;
        counts.then(|| member.parse().ok()).flatten()
    });
    EtagCondition::OneOf(members.collect())
}

#[cfg(test)]
mod tests {
    use kernel::Timestamp;

    use super::*;

    const A: &str = "00112233445566778899aabbccddeeff";
    const B: &str = "ffeeddccbbaa99887766554433221100-7";

    fn parsed(header: &str) -> WireCondition {
        header.parse().expect(header)
    }

    fn one_of(texts: &[&str]) -> EtagCondition {
        EtagCondition::OneOf(texts.iter().map(|text| text.parse().expect(text)).collect())
    }

    #[test]
    fn every_way_to_write_tags_is_read() {
        let table = [
            ("*".to_owned(), EtagCondition::Any, EtagCondition::Any),
            (format!("\"{A}\""), one_of(&[A]), one_of(&[A])),
            (A.to_owned(), one_of(&[A]), one_of(&[A])),
            (format!("W/\"{A}\""), one_of(&[]), one_of(&[A])),
            (format!("\"{A}\", \"{B}\""), one_of(&[A, B]), one_of(&[A, B])),
            (format!("\"{A}\",W/\"{B}\""), one_of(&[A]), one_of(&[A, B])),
            (format!("W/\"{A}\", \"{B}\""), one_of(&[B]), one_of(&[A, B])),
            ("\"ABCORZ\"".to_owned(), one_of(&[]), one_of(&[])),
            ("\"\"".to_owned(), one_of(&[]), one_of(&[])),
        ];
        for (header, strong, weak) in table {
            let condition = parsed(&header);
            assert_eq!(write(Some(&condition), None).if_match, Some(strong), "If-Match: {header}");
            assert_eq!(write(None, Some(&condition)).if_none_match, Some(weak), "If-None-Match: {header}");
        }
    }

    #[test]
    fn dates_come_along() {
        let at = Timestamp::from_secs(1_413_000_000);
        let condition = read(None, None, Some(&time::to_wire(at)), Some(&time::to_wire(at)));
        assert_eq!((condition.if_modified_since, condition.if_unmodified_since), (Some(at), Some(at)));
        assert_eq!(read(None, None, None, None), ReadCondition::default());
    }

    #[test]
    fn parts_are_named_with_or_without_quotes() {
        for etag in [WireETag::Strong(A.to_owned()), WireETag::Strong(format!("\"{A}\""))] {
            assert_eq!(part_etag(&etag), A.parse().ok());
        }
        assert_eq!(part_etag(&WireETag::Strong("x".to_owned())), None);
        assert_eq!(part_etag(&WireETag::Weak(A.to_owned())), None);
    }

    #[test]
    fn an_annotations_object_is_expected_by_its_tag() {
        assert_eq!(of_object(None), Ok(None));
        assert_eq!(of_object(Some("*")), Ok(Some(EtagCondition::Any)));
        for text in [A.to_owned(), format!("\"{A}\"")] {
            assert_eq!(of_object(Some(&text)), Ok(Some(one_of(&[A]))), "{text}");
        }
        assert_eq!(of_object(Some("\"another\"")), Ok(Some(one_of(&[]))));
    }

    #[test]
    fn an_entry_may_ask_for_any_object() {
        assert_eq!(of_entry(Some(&WireETag::Strong("*".to_owned()))).if_match, Some(EtagCondition::Any));
        assert_eq!(of_entry(Some(&WireETag::Strong(A.to_owned()))).if_match, Some(one_of(&[A])));
        assert!(of_entry(None).is_none());
    }
}
