//! The document of a batch read: which objects, in which order.
//!
//! ```json
//! {"objects": [{"key": "a/1.npy"}, {"key": "b", "versionId": "…", "range": "bytes=0-99"}]}
//! ```
//!
//! A field that is not known is refused by its name, and so is a member that no object could ever answer to: a client that
//! writes such a document is mistaken, and learns it before the first byte.

use std::fmt;
use std::marker::PhantomData;

use engine::BatchMember;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, DeserializeOwned, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::s3_error::Mistake;
use crate::translate::{names, ranges};

/// Most members of one request.
pub(crate) const MEMBERS_MAX: usize = 10_000;

/// Reads a document.
pub(super) fn read(text: &[u8]) -> Result<Vec<BatchMember>, Mistake> {
    let Object(document) = serde_json::from_slice::<Object<Document>>(text)
        .map_err(|error| Mistake::Request(format!("the document cannot be read: {error}")))?;
    if document.objects.0.is_empty() {
        return Err(Mistake::Request("the document names no objects".to_owned()));
    }
    let members = document.objects.0.into_iter().enumerate();
    members.map(|(place, asked)| member(asked).map_err(|mistake| of_member(place, &mistake))).collect()
}

fn member(Asked { key, version_id, range }: Asked) -> Result<BatchMember, Mistake> {
    Ok(BatchMember {
        key: names::key(&key)?,
        version: names::version(version_id.as_deref())?,
        selection: range.map_or(Ok(engine::Selection::All), |range| ranges::written(&range))?,
    })
}

fn of_member(place: usize, mistake: &Mistake) -> Mistake {
    Mistake::Argument { name: "objects", reason: format!("member {place}, counted from 0: {mistake}") }
}

/// The document as it is written.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    objects: Members,
}

/// A member as it is written.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Asked {
    key: String,
    version_id: Option<String>,
    range: Option<String>,
}

/// At most [`MEMBERS_MAX`] members; the first beyond them ends the reading.
struct Members(Vec<Asked>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bounded;
        impl<'de> Visitor<'de> for Bounded {
            type Value = Members;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array of objects")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(Object(member)) = array.next_element()? {
                    if members.len() == MEMBERS_MAX {
                        return Err(A::Error::custom(format_args!("more than {MEMBERS_MAX} objects")));
                    }
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_seq(Bounded)
    }
}

/// A JSON object and nothing else: serde takes an array for a struct as well.
struct Object<T>(T);

impl<'de, T: DeserializeOwned> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Named<T>(PhantomData<T>);
        impl<'de, T: DeserializeOwned> Visitor<'de> for Named<T> {
            type Value = Object<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }
        }
        deserializer.deserialize_map(Named(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use engine::Selection;
    use kernel::VersionName;

    use super::*;

    #[test]
    fn keys_versions_and_ranges_are_read_in_order() {
        let text = r#"{"objects":[{"key":"b"},{"key":"a//../\u00e9","versionId":"null","range":"bytes=-5"},
                       {"range":"bytes=0-99","key":"b","versionId":null}]}"#;
        let read: Vec<_> = read(text.as_bytes())
            .expect("a document")
            .into_iter()
            .map(|member| (member.key.as_str().to_owned(), member.version, member.selection))
            .collect();
        assert_eq!(
            read,
            [
                ("b".to_owned(), None, Selection::All),
                ("a//../é".to_owned(), Some(VersionName::Null), Selection::Suffix(5)),
                ("b".to_owned(), None, Selection::Between(0, 99)),
            ]
        );
    }

    #[test]
    fn what_cannot_be_read_is_refused_by_name() {
        let deep = format!("{{\"objects\":{}", "[".repeat(100_000));
        let long = format!(r#"{{"objects":[{{"key":"{}"}}]}}"#, "k".repeat(1025));
        for (text, told) in [
            ("", "EOF"),
            ("[]", "a JSON object"),
            ("{}", "missing field `objects`"),
            (r#"{"objects":[]}"#, "no objects"),
            (r#"{"objects":{}}"#, "an array of objects"),
            (r#"{"objects":["k"]}"#, "a JSON object"),
            (r#"{"objects":[["k",null,null]]}"#, "a JSON object"),
            (r#"{"objects":[{}]}"#, "missing field `key`"),
            (r#"{"objects":[{"key":"a","Range":"bytes=0-1"}]}"#, "unknown field `Range`"),
            (r#"{"objects":[{"key":"a","key":"b"}]}"#, "duplicate field `key`"),
            (r#"{"objects":[{"key":"a"}],"quiet":true}"#, "unknown field `quiet`"),
            (r#"{"objects":[{"key":"a"}]} x"#, "trailing characters"),
            (r#"{"objects":[{"key":7}]}"#, "expected a string"),
            (r#"{"objects":[{"key":"\ud800"}]}"#, "hex escape"),
            (r#"{"objects":[{"key":"a"},{"key":""}]}"#, "member 1"),
            (r#"{"objects":[{"key":"a\u0000b"}]}"#, "member 0"),
            (r#"{"objects":[{"key":"a","versionId":""}]}"#, "member 0"),
            (r#"{"objects":[{"key":"a","versionId":"x"}]}"#, "member 0"),
            (r#"{"objects":[{"key":"a","range":"0-1"}]}"#, "member 0"),
            (r#"{"objects":[{"key":"a","range":"bytes=0-1,3-4"}]}"#, "member 0"),
            (&deep, "a JSON object"),
            (&long, "key is too long"),
        ] {
            let mistake = read(text.as_bytes()).expect_err(text).to_string();
            assert!(mistake.contains(told), "{text:.80}: {mistake}");
        }
        assert!(read(b"{\"objects\":[{\"key\":\"\xff\"}]}").is_err());
    }

    #[test]
    fn ten_thousand_members_and_no_more() {
        let of = |count: usize| format!(r#"{{"objects":[{}]}}"#, vec![r#"{"key":"k"}"#; count].join(","));
        assert_eq!(read(of(MEMBERS_MAX).as_bytes()).map(|members| members.len()), Ok(MEMBERS_MAX));
        // The reading stops at the first beyond: what follows need not even be JSON.
        let more = of(MEMBERS_MAX + 1).replace("]}", ", nonsense");
        assert!(read(more.as_bytes()).is_err_and(|mistake| mistake.to_string().contains("more than 10000 objects")));
    }
}
