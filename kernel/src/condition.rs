//! Conditional requests: what a caller expects to find, and whether it is so.
//!
//! Source: RFC 9110 §13, with the answers that S3 documents for combinations of them.

use crate::{ETag, Timestamp};

/// The entity tags of an `If-Match` or `If-None-Match`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EtagCondition {
    /// `*`: anything that exists.
    Any,
    /// One of these. Tags that no object of ours can have are left out, so the list may be empty.
    OneOf(Vec<ETag>),
}

impl EtagCondition {
    /// Whether an object with this tag, or no object, matches.
    pub fn matches(&self, etag: Option<&ETag>) -> bool {
        match (self, etag) {
            (_, None) => false,
            (Self::Any, Some(_)) => true,
            (Self::OneOf(tags), Some(etag)) => tags.contains(etag),
        }
    }
}

/// What a read expects.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReadCondition {
    /// `If-Match`
    pub if_match: Option<EtagCondition>,
    /// `If-None-Match`
    pub if_none_match: Option<EtagCondition>,
    /// `If-Modified-Since`
    pub if_modified_since: Option<Timestamp>,
    /// `If-Unmodified-Since`
    pub if_unmodified_since: Option<Timestamp>,
}

/// Whether what a read found is what it expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// Send it.
    Wanted,
    /// The caller has it already: 304.
    NotModified,
    /// Not what was expected: 412, with the header that failed.
    Failed(&'static str),
}

impl ReadCondition {
    /// Judges an object. An entity tag, where given, outweighs the date beside it; dates compare by whole seconds.
    pub fn judge(&self, etag: &ETag, modified: Timestamp) -> Freshness {
        match (&self.if_match, self.if_unmodified_since) {
            (Some(tags), _) if !tags.matches(Some(etag)) => return Freshness::Failed("If-Match"),
            (None, Some(date)) if modified.as_secs() > date.as_secs() => {
                return Freshness::Failed("If-Unmodified-Since");
            }
            _ => {}
        }
        match (&self.if_none_match, self.if_modified_since) {
            (Some(tags), _) if tags.matches(Some(etag)) => Freshness::NotModified,
            (None, Some(date)) if modified.as_secs() <= date.as_secs() => Freshness::NotModified,
            _ => Freshness::Wanted,
        }
    }
}

/// How the current object differs from what a write or delete expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unexpected {
    /// `If-Match` expects an object, and there is none: S3 answers a write with 404.
    Absent,
    /// The named header failed: 412.
    Header(&'static str),
}

/// What a write or delete expects of the current version of the key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WriteCondition {
    /// `If-Match`
    pub if_match: Option<EtagCondition>,
    /// `If-None-Match`
    pub if_none_match: Option<EtagCondition>,
}

impl WriteCondition {
    /// Whether nothing is expected.
    pub fn is_none(&self) -> bool {
        self.if_match.is_none() && self.if_none_match.is_none()
    }

    /// How the current object, or its absence, fails the condition; `None` when all is as expected.
    pub fn failed_by(&self, current: Option<&ETag>) -> Option<Unexpected> {
        if self.if_match.as_ref().is_some_and(|tags| !tags.matches(current)) {
            return Some(if current.is_some() { Unexpected::Header("If-Match") } else { Unexpected::Absent });
        }
        if self.if_none_match.as_ref().is_some_and(|tags| tags.matches(current)) {
            return Some(Unexpected::Header("If-None-Match"));
        }
        None
    }

    /// As [`Self::failed_by`] of a current object that whoever asks must not learn of: with `If-Match` it is as good as not
    /// there, and `If-None-Match` fails whatever it names. So no tag is compared, and nothing is written over unseen.
    pub fn failed_unseen(&self) -> Option<Unexpected> {
        match (&self.if_match, &self.if_none_match) {
            (Some(_), _) => Some(Unexpected::Absent),
            (None, Some(_)) => Some(Unexpected::Header("If-None-Match")),
            (None, None) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ETAG: ETag = ETag { md5: [1; 16], parts: None };
    const OTHER: ETag = ETag { md5: [2; 16], parts: None };

    fn one(etag: ETag) -> Option<EtagCondition> {
        Some(EtagCondition::OneOf(vec![etag]))
    }

    #[test]
    fn reads_follow_the_precedence_of_rfc_9110() {
        let modified = Timestamp::from_millis(10_500);
        let at = |secs| Some(Timestamp::from_secs(secs));
        let table = [
            (ReadCondition::default(), Freshness::Wanted),
            (ReadCondition { if_match: one(ETAG), ..Default::default() }, Freshness::Wanted),
            (ReadCondition { if_match: one(OTHER), ..Default::default() }, Freshness::Failed("If-Match")),
            (
                ReadCondition { if_match: one(ETAG), if_unmodified_since: at(1), ..Default::default() },
                Freshness::Wanted,
            ),
            (
                ReadCondition { if_unmodified_since: at(9), ..Default::default() },
                Freshness::Failed("If-Unmodified-Since"),
            ),
            (ReadCondition { if_unmodified_since: at(10), ..Default::default() }, Freshness::Wanted),
            (ReadCondition { if_none_match: one(ETAG), ..Default::default() }, Freshness::NotModified),
            (ReadCondition { if_none_match: Some(EtagCondition::Any), ..Default::default() }, Freshness::NotModified),
            (
                ReadCondition { if_none_match: one(OTHER), if_modified_since: at(99), ..Default::default() },
                Freshness::Wanted,
            ),
            (ReadCondition { if_modified_since: at(10), ..Default::default() }, Freshness::NotModified),
            (ReadCondition { if_modified_since: at(9), ..Default::default() }, Freshness::Wanted),
        ];
        for (condition, expected) in table {
            assert_eq!(condition.judge(&ETAG, modified), expected, "{condition:?}");
        }
    }

    #[test]
    fn writes_compare_with_the_current_object_or_its_absence() {
        let none_match_any = WriteCondition { if_none_match: Some(EtagCondition::Any), if_match: None };
        assert_eq!(none_match_any.failed_by(None), None);
        assert_eq!(none_match_any.failed_by(Some(&ETAG)), Some(Unexpected::Header("If-None-Match")));
        let matching = WriteCondition { if_match: one(ETAG), if_none_match: None };
        assert_eq!(matching.failed_by(Some(&ETAG)), None);
        assert_eq!(matching.failed_by(Some(&OTHER)), Some(Unexpected::Header("If-Match")));
        assert_eq!(matching.failed_by(None), Some(Unexpected::Absent));
    }
}
