//! Conditions of statements.
//!
//! A condition is an operator, a key, and values, one of which must fit. `…IfExists` and the negated operators hold where
//! the request has no such key, the others do not. `ForAllValues:` and `ForAnyValue:` are for keys of many values.
//!
//! Source: IAM User Guide, *IAM JSON policy elements: Condition operators*.

use std::net::IpAddr;

use crate::iam::pattern::{Pattern, folded};
use crate::question::Question;

/// How values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    StringEquals,
    StringEqualsIgnoreCase,
    StringLike,
    ArnLike,
    BinaryEquals,
    Bool,
    IpAddress,
    Number(Order),
    Date(Order),
}

/// How numbers and dates lie to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// Which of a key's values must fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quantifier {
    /// The key has one value.
    Single,
    /// All of them; also where there is none.
    All,
    /// One of them at least.
    Any,
}

/// What an operator's name says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    /// Whether the key is missing.
    Null,
    /// A comparison.
    Compare { comparison: Comparison, negated: bool, if_exists: bool, quantifier: Quantifier },
}

/// A value to compare with, read once.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Text(Pattern),
    /// A text in which letters have one case.
    Folded(Pattern),
    /// The parts of an ARN, each compared for itself.
    Arn(Vec<Pattern>),
    Exact(String),
    Bytes(Vec<u8>),
    Truth(bool),
    Network(IpAddr, u8),
    Number(f64),
    Instant(i64),
}

impl Eq for Value {}

/// A condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Condition {
    pub(crate) operator: Operator,
    pub(crate) key: String,
    pub(crate) values: Vec<Value>,
    /// Whether the statement forbids.
    pub(crate) forbids: bool,
}

/// What a request copies, as `bucket/key`.
const COPY_SOURCE: &str = "s3:x-amz-copy-source";

/// Condition keys that end in the name of a tag.
const TAG_KEYS: [&str; 9] = [
    "aws:principaltag/",
    "aws:requesttag/",
    "aws:resourcetag/",
    "iam:resourcetag/",
    "s3:accesspointtag/",
    "s3:buckettag/",
    "s3:existingobjecttag/",
    "s3:requestobjecttag/",
    "sts:requestcontext/",
];

const COMPARISONS: [(&str, Comparison, bool); 26] = [
    ("StringEquals", Comparison::StringEquals, false),
    ("StringNotEquals", Comparison::StringEquals, true),
    ("StringEqualsIgnoreCase", Comparison::StringEqualsIgnoreCase, false),
    ("StringNotEqualsIgnoreCase", Comparison::StringEqualsIgnoreCase, true),
    ("StringLike", Comparison::StringLike, false),
    ("StringNotLike", Comparison::StringLike, true),
    ("ArnEquals", Comparison::ArnLike, false),
    ("ArnLike", Comparison::ArnLike, false),
    ("ArnNotEquals", Comparison::ArnLike, true),
    ("ArnNotLike", Comparison::ArnLike, true),
    ("BinaryEquals", Comparison::BinaryEquals, false),
    ("Bool", Comparison::Bool, false),
    ("IpAddress", Comparison::IpAddress, false),
    ("NotIpAddress", Comparison::IpAddress, true),
    ("NumericEquals", Comparison::Number(Order::Equal), false),
    ("NumericNotEquals", Comparison::Number(Order::Equal), true),
    ("NumericLessThan", Comparison::Number(Order::Less), false),
    ("NumericLessThanEquals", Comparison::Number(Order::LessOrEqual), false),
    ("NumericGreaterThan", Comparison::Number(Order::Greater), false),
    ("NumericGreaterThanEquals", Comparison::Number(Order::GreaterOrEqual), false),
    ("DateEquals", Comparison::Date(Order::Equal), false),
    ("DateNotEquals", Comparison::Date(Order::Equal), true),
    ("DateLessThan", Comparison::Date(Order::Less), false),
    ("DateLessThanEquals", Comparison::Date(Order::LessOrEqual), false),
    ("DateGreaterThan", Comparison::Date(Order::Greater), false),
    ("DateGreaterThanEquals", Comparison::Date(Order::GreaterOrEqual), false),
];

impl Operator {
    /// Reads an operator's name.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        if name == "Null" {
            return Some(Self::Null);
        }
        let (quantifier, name) = match name.split_once(':') {
            Some(("ForAllValues", name)) => (Quantifier::All, name),
            Some(("ForAnyValue", name)) => (Quantifier::Any, name),
            Some(_) => return None,
            None => (Quantifier::Single, name),
        };
        let (name, if_exists) = name.strip_suffix("IfExists").map_or((name, false), |name| (name, true));
        let (_, comparison, negated) = COMPARISONS.iter().find(|(known, ..)| *known == name)?;
        Some(Self::Compare { comparison: *comparison, negated: *negated, if_exists, quantifier })
    }

    /// Reads a value as this operator compares it.
    ///
    /// # Errors
    /// For people: what kind of value it should be.
    pub(crate) fn value(self, text: &str) -> Result<Value, String> {
        let is_no = |what: &str| format!("`{text}` is no {what}");
        let comparison = match self {
            Self::Null => Comparison::Bool,
            Self::Compare { comparison, .. } => comparison,
        };
        Ok(match comparison {
            Comparison::StringLike => Value::Text(Pattern::parse(text)?),
            Comparison::ArnLike => {
                Value::Arn(arn_parts(text).iter().map(|part| Pattern::parse(part)).collect::<Result<_, _>>()?)
            }
            // Variables stand for text in exact comparisons too, wildcards do not.
            Comparison::StringEquals if text.contains("${") => Value::Text(Pattern::exact(text)?),
            Comparison::StringEqualsIgnoreCase => Value::Folded(Pattern::exact(text)?.into_folded()),
            Comparison::StringEquals => Value::Exact(text.to_owned()),
            Comparison::BinaryEquals => Value::Bytes(base64(text).ok_or_else(|| is_no("base64"))?),
            Comparison::Bool => Value::Truth(truth(text).ok_or_else(|| is_no("truth value"))?),
            Comparison::IpAddress => {
                let (address, bits) = network(text).ok_or_else(|| is_no("IP address or network"))?;
                Value::Network(address, bits)
            }
            Comparison::Number(_) => Value::Number(number(text).ok_or_else(|| is_no("number"))?),
            Comparison::Date(_) => Value::Instant(instant(text).ok_or_else(|| is_no("date"))?),
        })
    }
}

impl Condition {
    /// The instants that it compares the time with, in milliseconds since 1970.
    pub(crate) fn instants(&self) -> Vec<i64> {
        let of_value = |value: &Value| match value {
            Value::Instant(at) => Some(*at),
            // Beyond what a date can be, a number stands for the last instant there is.
            Value::Number(seconds) if seconds.abs() < 1e12 => Some((seconds * 1_000.0).ceil() as i64),
            _ => None,
        };
        match self.key.as_str() {
            "aws:currenttime" | "aws:epochtime" => self.values.iter().filter_map(of_value).collect(),
            _ => Vec::new(),
        }
    }

    /// Whether it holds.
    pub(crate) fn holds(&self, question: &Question<'_>) -> bool {
        let found = question.key(&self.key);
        let Operator::Compare { comparison, negated, if_exists, quantifier } = self.operator else {
            let is_missing = found.is_empty();
            return self.values.contains(&Value::Truth(is_missing));
        };
        let fits = |text: &str| {
            let is_named = |text: &str| self.values.iter().any(|value| self.fits(comparison, value, text, question));
            // What is copied is written with a slash before it or without: both name it.
            let one_fits = is_named(text) || (self.key == COPY_SOURCE && is_named(&format!("/{text}")));
            one_fits != negated
        };
        if found.len() > 1 && is_of_tag(&self.key) {
            // A tag has one value. Where names differ in case alone, that of each must let in, and that of any keeps out: who
            // may set tags passes no condition by a second one.
            return if self.forbids {
                found.iter().any(|text| fits(text))
            } else {
                found.iter().all(|text| fits(text))
            };
        }
        match (quantifier, found.is_empty()) {
            (Quantifier::All, _) => found.iter().all(|text| fits(text)),
            (Quantifier::Any, _) => found.iter().any(|text| fits(text)) || (if_exists && found.is_empty()),
            (Quantifier::Single, true) => negated || if_exists,
            (Quantifier::Single, false) => found.iter().all(|text| fits(text)),
        }
    }

    fn fits(&self, comparison: Comparison, value: &Value, text: &str, question: &Question<'_>) -> bool {
        match (comparison, value) {
            (_, Value::Arn(patterns)) => {
                let parts: Vec<&str> = text.splitn(patterns.len(), ':').collect();
                let mut pairs = patterns.iter().zip(&parts);
                parts.len() == patterns.len()
                    && pairs.all(|(pattern, part)| pattern.matches(part, |name| question.variable(name)))
            }
            (_, Value::Text(pattern)) => pattern.matches(text, |name| question.variable(name)),
            (_, Value::Folded(pattern)) => {
                pattern.matches(&folded(text), |name| question.variable(name).map(|value| folded(&value)))
            }
            (_, Value::Exact(wanted)) => wanted == text,
            (_, Value::Bytes(wanted)) => base64(text).is_some_and(|bytes| bytes == *wanted),
            (_, Value::Truth(wanted)) => truth(text) == Some(*wanted),
            (_, Value::Network(address, bits)) => text.parse().is_ok_and(|ip| is_within(ip, *address, *bits)),
            (Comparison::Number(order), Value::Number(wanted)) => {
                number(text).is_some_and(|number| order.holds(number.partial_cmp(wanted)))
            }
            (Comparison::Date(order), Value::Instant(wanted)) => {
                instant(text).is_some_and(|instant| order.holds(Some(instant.cmp(wanted))))
            }
            _ => false,
        }
    }
}

/// Whether a condition key, in lower case, ends in the name of a tag.
pub(crate) fn is_of_tag(key: &str) -> bool {
    TAG_KEYS.iter().any(|prefix| key.len() > prefix.len() && key.starts_with(prefix))
}

impl Order {
    fn holds(self, found: Option<std::cmp::Ordering>) -> bool {
        found.is_some_and(|found| match self {
            Self::Equal => found.is_eq(),
            Self::Less => found.is_lt(),
            Self::LessOrEqual => found.is_le(),
            Self::Greater => found.is_gt(),
            Self::GreaterOrEqual => found.is_ge(),
        })
    }
}

/// The six parts of an ARN; colons inside of variables part nothing.
///
/// Source: IAM User Guide, *IAM JSON policy elements: Condition operators*, "Amazon Resource Name (ARN) condition
/// operators".
fn arn_parts(text: &str) -> Vec<&str> {
    let (mut parts, mut from, mut is_variable) = (Vec::new(), 0, false);
    for (at, character) in text.char_indices() {
        match character {
            '{' => is_variable = text.get(..at).is_some_and(|before| before.ends_with('$')),
            '}' => is_variable = false,
            ':' if !is_variable && parts.len() < 5 => {
                parts.push(text.get(from..at).unwrap_or_default());
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(text.get(from..).unwrap_or_default());
    parts
}

fn base64(text: &str) -> Option<Vec<u8>> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(text).ok()
}

fn truth(text: &str) -> Option<bool> {
    match text {
        _ if text.eq_ignore_ascii_case("true") => Some(true),
        _ if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

fn number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

/// Milliseconds since 1970, of a date in one of W3C's forms or of seconds since 1970. Four digits alone are a year.
///
/// Source: W3C Note *Date and Time Formats*; IAM User Guide, *IAM JSON policy elements: Condition operators*, "Date
/// condition operators".
pub(crate) fn instant(text: &str) -> Option<i64> {
    let is_year = text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_digit());
    let day = match text.len() {
        4 if is_year => format!("{text}-01-01"),
        7 => format!("{text}-01"),
        _ => text.to_owned(),
    };
    let midnight = || {
        let date = chrono::NaiveDate::parse_from_str(&day, "%Y-%m-%d").ok().filter(|_| day.len() == 10)?;
        Some(date.and_hms_opt(0, 0, 0)?.and_utc().timestamp_millis())
    };
    let seconds = || text.parse::<i64>().ok().filter(|_| !is_year).and_then(|seconds| seconds.checked_mul(1000));
    midnight().or_else(|| timed(text)).or_else(seconds)
}

/// Of a date with a time: to the minute, to the second, or finer.
fn timed(text: &str) -> Option<i64> {
    let read = |text: &str| chrono::DateTime::parse_from_rfc3339(text).ok().map(|instant| instant.timestamp_millis());
    let with_seconds = || {
        let (minute, zone) = text.split_at_checked("2026-11-21T00:00".len())?;
        zone.starts_with(['Z', '+', '-']).then(|| format!("{minute}:00{zone}"))
    };
    read(text).or_else(|| read(&with_seconds()?))
}

pub(crate) fn network(text: &str) -> Option<(IpAddr, u8)> {
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address, Some(bits.parse().ok()?)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().ok()?;
    let all = if address.is_ipv4() { 32 } else { 128 };
    let bits = bits.unwrap_or(all);
    (bits <= all).then_some((address, bits))
}

fn is_within(ip: IpAddr, network: IpAddr, bits: u8) -> bool {
    let (ip, network, all) = match (ip.to_canonical(), network) {
        (IpAddr::V4(ip), IpAddr::V4(network)) => (u128::from(u32::from(ip)), u128::from(u32::from(network)), 32),
        (IpAddr::V6(ip), IpAddr::V6(network)) => (u128::from(ip), u128::from(network), 128),
        _ => return false,
    };
    let shift = u32::from(all - bits.min(all));
    ip.checked_shr(shift) == network.checked_shr(shift)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks() {
        for (ip, within, expected) in [
            ("10.1.2.3", "10.0.0.0/8", true),
            ("11.1.2.3", "10.0.0.0/8", false),
            ("10.1.2.3", "10.1.2.3", true),
            ("10.1.2.4", "10.1.2.3", false),
            ("::ffff:10.1.2.3", "10.0.0.0/8", true),
            ("2001:db8::1", "2001:db8::/32", true),
            ("2001:db9::1", "2001:db8::/32", false),
            ("1.2.3.4", "0.0.0.0/0", true),
            ("2001:db8::1", "::/0", true),
            ("1.2.3.4", "::/0", false),
        ] {
            let (network, bits) = network(within).expect("a network");
            assert_eq!(is_within(ip.parse().expect("an address"), network, bits), expected, "{ip} {within}");
        }
        for bad in ["", "10.0.0.0/33", "10.0.0/8", "::/129", "10.0.0.0/-1", "10.0.0.0/8/8"] {
            assert_eq!(network(bad), None, "{bad}");
        }
    }

    #[test]
    fn dates_come_in_the_forms_of_w3c_and_as_seconds() {
        assert_eq!(instant("2026-11-21T00:00:00Z"), Some(1_795_219_200_000));
        assert_eq!(instant("2026-11-21T02:00:00+02:00"), Some(1_795_219_200_000));
        assert_eq!(instant("2026-11-21"), Some(1_795_219_200_000));
        assert_eq!(instant("1795219200"), Some(1_795_219_200_000));
        assert_eq!(instant("2026-11-21T02:00+02:00"), Some(1_795_219_200_000));
        assert_eq!(instant("2026-11-21T00:00Z"), Some(1_795_219_200_000));
        assert_eq!(instant("2026-11-21T00:00:00.5Z"), Some(1_795_219_200_500));
        assert_eq!(instant("2026-11"), instant("2026-11-01"));
        assert_eq!(instant("2026"), instant("2026-01-01T00:00:00Z"));
        assert_eq!(instant("02026"), Some(2_026_000), "seconds");
        for bad in [
            "",
            "tomorrow",
            "2026-13-01",
            "2026-13",
            "2026-1-1",
            "2026-11-21T00:00",
            "2026-11-21T00Z",
            "9223372036854775807",
        ] {
            assert_eq!(instant(bad), None, "{bad}");
        }
    }

    #[test]
    fn operators_are_known_by_their_names_alone() {
        assert!(Operator::parse("ForAnyValue:StringNotLikeIfExists").is_some());
        for (name, ..) in COMPARISONS {
            assert!(Operator::parse(name).is_some(), "{name}");
        }
        for unknown in ["", "StringEqual", "stringequals", "ForSomeValue:StringEquals", "NullIfExists", "IfExists"] {
            assert_eq!(Operator::parse(unknown), None, "{unknown}");
        }
    }
}
