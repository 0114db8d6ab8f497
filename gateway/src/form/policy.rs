//! The policy of a form: what its maker signed, and what the form's fields and file are held against.
//!
//! Every condition must hold, and every field must have one: a field that the policy does not speak of was added by
//! somebody else. So must the bucket, which S3 takes for a field; a policy without it would be good for every bucket of
//! its signer.
//!
//! Source: Amazon S3 API, *POST Policy*.

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use kernel::Timestamp;
use s3s::dto;
use serde_json::Value;

use super::{Fields, FormFault};
use crate::translate::time;

/// A policy as it was signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Policy {
    /// The first instant at which it no longer holds.
    expires: Timestamp,
    conditions: Vec<Condition>,
}

/// One condition. Names of fields are in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Condition {
    /// The field has this value.
    Equals { field: String, value: String },
    /// The field's value begins like this.
    StartsWith { field: String, prefix: String },
    /// The file has so many bytes, both ends included.
    Length { min: u64, max: u64 },
}

/// Fields that need no condition: the signature covers them, or they are the signature.
const UNCONDITIONED: [&str; 4] = ["awsaccesskeyid", "policy", "signature", "x-amz-signature"];

impl Policy {
    /// Reads a policy as the form brings it: JSON in Base64.
    ///
    /// # Errors
    /// [`FormFault::PolicyDocument`]
    pub(crate) fn read(field: &str) -> Result<Self, FormFault> {
        let compact: String = field.split_ascii_whitespace().collect();
        let json = BASE64_STANDARD.decode(compact).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let json = json.ok_or_else(|| fault("it is not UTF-8 in Base64"))?;
        let document: Value =
            serde_json::from_str(&plain_json(&json)).map_err(|error| fault(format!("Invalid JSON: {error}")))?;
        let expiration = document.get("expiration").ok_or_else(|| fault("Policy missing expiration."))?;
        let expires = expiration
            .as_str()
            .and_then(instant)
            .ok_or_else(|| fault(format!("Invalid 'expiration' value: {expiration}")))?;
        let conditions = document.get("conditions").ok_or_else(|| fault("Policy missing conditions."))?;
        let conditions = conditions.as_array().ok_or_else(|| fault("Invalid 'conditions' value: must be a List."))?;
        Ok(Self { expires, conditions: conditions.iter().map(Condition::read).collect::<Result<_, _>>()? })
    }

    /// Holds the fields against the policy.
    ///
    /// # Errors
    /// [`FormFault::Policy`]
    pub(crate) fn judge(&self, fields: &Fields, bucket: &str, now: Timestamp) -> Result<(), FormFault> {
        if now >= self.expires {
            return Err(FormFault::Policy("Policy expired.".to_owned()));
        }
        let value_of = |name: &str| if name == "bucket" { Some(bucket) } else { fields.get(name) };
        if let Some(failed) = self.conditions.iter().find(|condition| !condition.holds(value_of)) {
            return Err(FormFault::Policy(format!("Policy Condition failed: {failed}")));
        }
        let names = fields.iter().map(|(name, _)| name).chain(["bucket"]);
        match names.filter(|name| needs_condition(name)).find(|name| !self.speaks_of(name)) {
            None => Ok(()),
            Some(name) => Err(FormFault::Policy(format!("Extra input fields: {name}"))),
        }
    }

    /// Holds the file's length against the policy.
    ///
    /// # Errors
    /// [`FormFault::FileTooLong`], [`FormFault::FileTooShort`]
    pub(crate) fn judge_length(&self, bytes: u64) -> Result<(), FormFault> {
        for condition in &self.conditions {
            match *condition {
                Condition::Length { max, .. } if bytes > max => return Err(FormFault::FileTooLong { max }),
                Condition::Length { min, .. } if bytes < min => return Err(FormFault::FileTooShort { min }),
                _ => {}
            }
        }
        Ok(())
    }

    fn speaks_of(&self, name: &str) -> bool {
        self.conditions.iter().any(|condition| match condition {
            Condition::Equals { field, .. } | Condition::StartsWith { field, .. } => field == name,
            Condition::Length { .. } => false,
        })
    }
}

/// What is to be ignored needs none either, nor does a checksum: all it can do is to make the upload fail.
fn needs_condition(name: &str) -> bool {
    let is_harmless = ["x-ignore-", "x-amz-checksum-"].iter().any(|family| name.starts_with(family));
    !UNCONDITIONED.contains(&name) && !is_harmless
}

impl Condition {
    fn read(value: &Value) -> Result<Self, FormFault> {
        match value {
            Value::Object(simple) => {
                let mut pairs = simple.iter();
                let (Some((field, value)), None) = (pairs.next(), pairs.next()) else {
                    return Err(fault(
                        "Invalid Simple-Condition: Simple-Conditions must have exactly one property specified.",
                    ));
                };
                let value = value.as_str().ok_or_else(|| fault("Invalid Simple-Condition: value must be a string."))?;
                Ok(Self::Equals { field: field.to_ascii_lowercase(), value: value.to_owned() })
            }
            Value::Array(items) => Self::read_list(items),
            _ => Err(fault("Invalid Condition: must be a List or an Object.")),
        }
    }

    fn read_list(items: &[Value]) -> Result<Self, FormFault> {
        let [operator, first, second] = items else {
            return Err(fault("Invalid Condition: wrong number of arguments."));
        };
        let operator = operator.as_str().unwrap_or_default().to_ascii_lowercase();
        if operator == "content-length-range" {
            let (Some(min), Some(max)) = (bytes(first), bytes(second)) else {
                return Err(fault("Invalid content-length-range: the bounds must be non-negative integers."));
            };
            return Ok(Self::Length { min, max });
        }
        let field = first.as_str().and_then(|field| field.strip_prefix('$')).map(str::to_ascii_lowercase);
        let (Some(field), Some(value)) = (field, second.as_str().map(str::to_owned)) else {
            return Err(fault("Invalid Condition: a field, which begins with '$', and a string are needed."));
        };
        match operator.as_str() {
            "eq" => Ok(Self::Equals { field, value }),
            "starts-with" => Ok(Self::StartsWith { field, prefix: value }),
            _ => Err(fault("Invalid Condition: unknown operation.")),
        }
    }

    /// A field that is not there meets no condition but that it may begin with anything. The length is judged when it is
    /// known.
    fn holds<'a>(&self, value_of: impl Fn(&str) -> Option<&'a str>) -> bool {
        match self {
            Self::Equals { field, value } => value_of(field) == Some(value),
            Self::StartsWith { field, prefix } => value_of(field).map_or(prefix.is_empty(), |value| {
                // A list of types is good if each of them is.
                let is_list = field == "content-type" && value.contains(',');
                if is_list {
                    value.split(',').all(|entry| entry.trim().starts_with(prefix.as_str()))
                } else {
                    value.starts_with(prefix.as_str())
                }
            }),
            Self::Length { .. } => true,
        }
    }
}

/// As a policy writes it.
impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Equals { field, value } => write!(f, "[\"eq\", \"${field}\", \"{value}\"]"),
            Self::StartsWith { field, prefix } => write!(f, "[\"starts-with\", \"${field}\", \"{prefix}\"]"),
            Self::Length { min, max } => write!(f, "[\"content-length-range\", {min}, {max}]"),
        }
    }
}

fn fault(reason: impl Into<String>) -> FormFault {
    FormFault::PolicyDocument(reason.into())
}

/// A number, or the same as text, as some toolkits write it.
fn bytes(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

/// An instant of ISO 8601, with the `T` that JSON's writers put there and people forget.
fn instant(text: &str) -> Option<Timestamp> {
    let has_t = text.as_bytes().get(10) == Some(&b'T');
    let parsed = dto::Timestamp::parse(dto::TimestampFormat::DateTime, text).ok().filter(|_| has_t)?;
    Some(time::from_wire(&parsed))
}

/// S3 lets policies escape the dollar sign and the vertical tab, which JSON does not know.
fn plain_json(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(next) = rest.next() {
        match (next, if next == '\\' { rest.next() } else { None }) {
            ('\\', Some('$')) => plain.push('$'),
            ('\\', Some('v')) => plain.push_str("\\u000b"),
            (next, escaped) => plain.extend([next].into_iter().chain(escaped)),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Timestamp = Timestamp::from_secs(1_795_003_200);

    fn read(json: &str) -> Result<Policy, FormFault> {
        Policy::read(&BASE64_STANDARD.encode(json))
    }

    /// A policy with these conditions and one for the bucket, that holds for an hour after noon.
    fn policy(conditions: &str) -> Policy {
        read(&format!(
            r#"{{"expiration": "2026-11-18T13:00:00.000Z", "conditions": [{{"bucket": "b"}}, {conditions}]}}"#
        ))
        .expect(conditions)
    }

    fn passes<const N: usize>(conditions: &str, fields: [(&str, &str); N]) -> bool {
        policy(conditions).judge(&Fields::from(fields), "b", NOON).is_ok()
    }

    #[test]
    fn every_kind_of_condition() {
        let key = r#"["starts-with", "$key", ""]"#;
        for (condition, field, value, expected) in [
            (r#"{"acl": "private"}"#, "acl", "private", true),
            (r#"{"acl": "private"}"#, "acl", "public-read", false),
            (r#"{"ACL": "private"}"#, "acl", "private", true),
            (r#"["eq", "$acl", "private"]"#, "acl", "private", true),
            (r#"["eq", "$acl", "private"]"#, "acl", "Private", false),
            (r#"["EQ", "$aCl", "private"]"#, "acl", "private", true),
            (r#"["starts-with", "$x-amz-meta-a", "bar"]"#, "x-amz-meta-a", "barclamp", true),
            (r#"["starts-with", "$x-amz-meta-a", "bar"]"#, "x-amz-meta-a", "ba", false),
            (r#"["StArTs-WiTh", "$x-amz-meta-a", ""]"#, "x-amz-meta-a", "", true),
            (r#"["starts-with", "$Content-Type", "image/"]"#, "content-type", "image/png", true),
            (r#"["starts-with", "$Content-Type", "image/"]"#, "content-type", "image/png,image/gif", true),
            (r#"["starts-with", "$Content-Type", "image/"]"#, "content-type", "image/png, image/gif", true),
            (r#"["starts-with", "$Content-Type", "image/"]"#, "content-type", "image/png,text/html", false),
            (r#"["starts-with", "$x-amz-meta-a", "image/"]"#, "x-amz-meta-a", "image/png,text/html", true),
            (r#"["eq", "$Content-Type", "image/png,image/gif"]"#, "content-type", "image/png,image/gif", true),
        ] {
            let conditions = format!("{key}, {condition}");
            assert_eq!(passes(&conditions, [("key", "k"), (field, value)]), expected, "{condition} {value}");
            let may_be_missing = condition.ends_with(", \"\"]");
            assert_eq!(passes(&conditions, [("key", "k")]), may_be_missing, "{condition} without its field");
        }
    }

    #[test]
    fn all_conditions_of_a_field_must_hold() {
        let both = r#"["starts-with", "$key", "a"], ["starts-with", "$key", "ab"]"#;
        assert!(passes(both, [("key", "abc")]));
        assert!(!passes(both, [("key", "ac")]));
        assert!(!passes(r#"["eq", "$key", "a"], ["eq", "$key", "b"]"#, [("key", "a")]));
    }

    #[test]
    fn every_field_needs_a_condition() {
        let key = r#"["eq", "$key", "k"]"#;
        for (field, needed) in [
            ("acl", true),
            ("x-amz-meta-a", true),
            ("x-amz-credential", true),
            ("file", true),
            ("submit", true),
            ("x-amz-server-side-encryption", true),
            ("x-amz-signature", false),
            ("policy", false),
            ("signature", false),
            ("awsaccesskeyid", false),
            ("x-amz-checksum-sha256", false),
            ("x-ignore-a", false),
        ] {
            assert_eq!(passes(key, [("key", "k"), (field, "")]), !needed, "{field}");
        }
        let without_bucket =
            read(r#"{"expiration": "2026-11-18T13:00:00Z", "conditions": [["eq", "$key", "k"]]}"#).expect("a policy");
        let judged = without_bucket.judge(&Fields::from([("key", "k")]), "b", NOON);
        assert_eq!(judged, Err(FormFault::Policy("Extra input fields: bucket".to_owned())));
    }

    #[test]
    fn the_bucket_is_that_of_the_address() {
        let fields = Fields::from([("key", "k"), ("bucket", "b")]);
        let policy = policy(r#"["eq", "$key", "k"]"#);
        assert_eq!(policy.judge(&fields, "b", NOON), Ok(()));
        assert_eq!(
            policy.judge(&fields, "other", NOON),
            Err(FormFault::Policy(r#"Policy Condition failed: ["eq", "$bucket", "b"]"#.to_owned()))
        );
    }

    #[test]
    fn a_policy_holds_until_it_expires() {
        let fields = Fields::from([("key", "k")]);
        for (second, expected) in [(3599, true), (3600, false), (100_000, false)] {
            let now = Timestamp::from_secs(NOON.as_secs() + second);
            assert_eq!(policy(r#"["eq", "$key", "k"]"#).judge(&fields, "b", now).is_ok(), expected, "{second}");
        }
    }

    #[test]
    fn lengths_include_both_ends() {
        let limited = policy(r#"["content-length-range", 2, 4], ["content-length-range", "0", "3"]"#);
        for (bytes, expected) in [
            (0, Err(FormFault::FileTooShort { min: 2 })),
            (1, Err(FormFault::FileTooShort { min: 2 })),
            (2, Ok(())),
            (3, Ok(())),
            (4, Err(FormFault::FileTooLong { max: 3 })),
            (5, Err(FormFault::FileTooLong { max: 4 })),
        ] {
            assert_eq!(limited.judge_length(bytes), expected, "{bytes}");
        }
    }

    #[test]
    fn documents_that_are_none() {
        for json in [
            "",
            "null",
            "[]",
            "{",
            r#"{"conditions": []}"#,
            r#"{"EXPIRATION": "2026-11-18T13:00:00Z", "conditions": []}"#,
            r#"{"expiration": "2026-11-18T13:00:00Z"}"#,
            r#"{"expiration": "2026-11-18T13:00:00Z", "CONDITIONS": []}"#,
            r#"{"expiration": "2026-11-18T13:00:00Z", "conditions": {}}"#,
            r#"{"expiration": "2026-11-18 13:00:00+00:00", "conditions": []}"#,
            r#"{"expiration": "tomorrow", "conditions": []}"#,
            r#"{"expiration": 1795003200, "conditions": []}"#,
        ] {
            assert!(matches!(read(json), Err(FormFault::PolicyDocument(_))), "{json}");
        }
        assert!(matches!(Policy::read("not base64!"), Err(FormFault::PolicyDocument(_))));
    }

    #[test]
    fn conditions_that_are_none() {
        for condition in [
            "{}",
            r#"{"acl": "private", "key": "k"}"#,
            r#"{"success_action_status": 201}"#,
            "[]",
            r#"["eq", "$key"]"#,
            r#"["eq", "key", "k"]"#,
            r#"["eq", "$key", 1]"#,
            r#"["eq", "$key", "k", "l"]"#,
            r#"["ends-with", "$key", "k"]"#,
            r#"["content-length-range", 0]"#,
            r#"["content-length-range", -1, 5]"#,
            r#"["content-length-range", 0, 1.5]"#,
            r#"["content-length-range", 0, "many"]"#,
            "7",
            r#""eq""#,
        ] {
            let json = format!(r#"{{"expiration": "2026-11-18T13:00:00Z", "conditions": [{condition}]}}"#);
            assert!(matches!(read(&json), Err(FormFault::PolicyDocument(_))), "{condition}");
        }
    }

    #[test]
    fn what_s3_escapes_and_json_does_not() {
        assert!(passes(r#"["eq", "$key", "a\$b\\$c\v\u0041"]"#, [("key", "a$b\\$c\u{b}A")]));
        // Base64 may be broken into lines.
        let encoded = BASE64_STANDARD.encode(r#"{"expiration": "2026-11-18T13:00:00Z", "conditions": []}"#);
        let (one, two) = encoded.split_at(20);
        assert!(Policy::read(&format!("{one}\r\n{two}\n")).is_ok());
    }
}
