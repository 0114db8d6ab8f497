//! What the listings share: page sizes, markers, continuation tokens, URL encoding.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use s3s::dto;

use super::legible;
use crate::s3_error::Mistake;

/// Entries of a page at the most. Source: Amazon S3 API, *ListObjectsV2*.
pub(crate) const PAGE_MAX: usize = 1000;

/// What stays as it is: the unreserved characters of RFC 3986, and the slash.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// The page size that is asked for, at most `max`. More than that is cut, less than nothing refused.
pub(crate) fn page_size(asked: Option<i32>, name: &'static str, max: usize) -> Result<usize, Mistake> {
    let Some(asked) = asked else { return Ok(max) };
    let asked = usize::try_from(asked)
        .map_err(|_| Mistake::Argument { name, reason: "must be an integer between 0 and 2147483647".to_owned() })?;
    Ok(asked.min(max))
}

/// A prefix, delimiter or marker. NUL is in no key, and the catalogue ends keys with it.
pub(crate) fn text(text: Option<String>, name: &'static str) -> Result<Option<String>, Mistake> {
    match text {
        Some(text) if text.contains('\0') => {
            Err(Mistake::Argument { name, reason: "must not hold the character NUL".to_owned() })
        }
        Some(text) if text.is_empty() => Ok(None),
        text => Ok(text),
    }
}

/// The token that continues a listing behind a key, common prefix or bucket.
pub(crate) fn token(last: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(last)
}

/// Where a token continues. An empty one is as good as none: listing begins at the beginning.
pub(crate) fn token_place(token: Option<&str>) -> Result<Option<String>, Mistake> {
    let Some(token) = token.filter(|token| !token.is_empty()) else { return Ok(None) };
    let place = BASE64_URL_SAFE_NO_PAD.decode(token).ok().and_then(|place| String::from_utf8(place).ok());
    place.filter(|place| !place.is_empty() && !place.contains('\0')).map(Some).ok_or_else(|| Mistake::Argument {
        name: "continuation-token",
        reason: "the continuation token provided is incorrect".to_owned(),
    })
}

/// How names are written in an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// As they are. Some characters that a key may hold cannot stand in XML.
    Plain,
    /// Percent-encoded.
    Url,
}

impl Encoding {
    /// Reads `encoding-type`.
    pub(crate) fn asked(encoding: Option<&dto::EncodingType>) -> Result<Self, Mistake> {
        match encoding.map(dto::EncodingType::as_str) {
            None | Some("") => Ok(Self::Plain),
            Some(dto::EncodingType::URL) => Ok(Self::Url),
            Some(_) => Err(Mistake::Argument {
                name: "encoding-type",
                reason: "invalid encoding method specified in request".to_owned(),
            }),
        }
    }

    /// Refuses an answer with a name that cannot be written.
    pub(crate) fn check<'a>(self, names: impl IntoIterator<Item = &'a str>) -> Result<(), Mistake> {
        if self == Self::Url || names.into_iter().all(legible::is_legible) {
            return Ok(());
        }
        Err(Mistake::Argument {
            name: "encoding-type",
            reason: "must be url: the answer holds a name with characters that XML cannot hold".to_owned(),
        })
    }

    /// Writes a name.
    pub(crate) fn write(self, name: &str) -> String {
        match self {
            Self::Plain => name.to_owned(),
            Self::Url => url_encoded(name),
        }
    }

    /// `EncodingType` of the answer.
    pub(crate) fn to_wire(self) -> Option<dto::EncodingType> {
        (self == Self::Url).then(|| dto::EncodingType::from_static(dto::EncodingType::URL))
    }
}

/// A name as part of a URL's path.
pub(crate) fn url_encoded(name: &str) -> String {
    utf8_percent_encode(name, KEPT).to_string()
}

/// Refuses optional attributes other than the one that no object here has: being restored.
pub(crate) fn optional_attributes(asked: Option<&dto::OptionalObjectAttributesList>) -> Result<(), Mistake> {
    let mut names = asked.into_iter().flatten().flat_map(|list| list.as_str().split(','));
    match names.find(|name| name.trim() != dto::OptionalObjectAttributes::RESTORE_STATUS) {
        None => Ok(()),
        Some(_) => Err(Mistake::Argument {
            name: "x-amz-optional-object-attributes",
            reason: "invalid attribute name specified".to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn pages_are_bounded() {
        let table = [
            (None, Some(1000)),
            (Some(0), Some(0)),
            (Some(7), Some(7)),
            (Some(i32::MAX), Some(1000)),
            (Some(-1), None),
        ];
        for (asked, expected) in table {
            assert_eq!(page_size(asked, "max-keys", PAGE_MAX).ok(), expected, "{asked:?}");
        }
    }

    #[test]
    fn forged_tokens_are_invalid_arguments() {
        for bad in ["%", "a b", "AA==", "A", "_w", "AA", "YQBi"] {
            assert!(matches!(token_place(Some(bad)), Err(Mistake::Argument { .. })), "{bad}");
        }
        assert_eq!(token_place(Some("")), Ok(None));
        assert_eq!(token_place(None), Ok(None));
    }

    #[test]
    fn names_are_encoded_as_clients_decode_them() {
        let table = [
            ("asdf+b", "asdf%2Bb"),
            ("foo+1/", "foo%2B1/"),
            ("quux ab/", "quux%20ab/"),
            ("a~b_c-d.e", "a~b_c-d.e"),
            ("é%\n", "%C3%A9%25%0A"),
        ];
        for (name, expected) in table {
            assert_eq!(Encoding::Url.write(name), expected);
            assert_eq!(Encoding::Plain.write(name), name);
        }
    }

    #[test]
    fn names_that_xml_cannot_hold_need_encoding() {
        assert_eq!(Encoding::Plain.check(["a", "b\n"]), Ok(()));
        assert!(matches!(Encoding::Plain.check(["a", "b\u{1}"]), Err(Mistake::Argument { .. })));
        assert_eq!(Encoding::Url.check(["b\u{1}"]), Ok(()));
    }

    #[test]
    fn only_url_encoding_is_known() {
        let asked = |name: &'static str| Encoding::asked(Some(&dto::EncodingType::from_static(name)));
        assert_eq!(Encoding::asked(None), Ok(Encoding::Plain));
        assert_eq!(asked("url"), Ok(Encoding::Url));
        assert!(asked("base64").is_err());
    }

    #[test]
    fn nul_is_refused_and_empty_is_none() {
        assert_eq!(text(Some(String::new()), "prefix"), Ok(None));
        assert_eq!(text(Some("\n".to_owned()), "prefix"), Ok(Some("\n".to_owned())));
        assert!(text(Some("a\0b".to_owned()), "prefix").is_err());
    }

    proptest! {
        #[test]
        fn tokens_come_back(place in "[^\0]{1,300}") {
            prop_assert_eq!(token_place(Some(&token(&place))), Ok(Some(place)));
        }

        #[test]
        fn any_text_as_a_token_is_a_place_or_a_mistake(text in "\\PC{0,40}") {
            if let Ok(Some(place)) = token_place(Some(&text)) {
                prop_assert_eq!(token(&place), text);
            }
        }

        #[test]
        fn encoded_names_decode_to_themselves(name in any::<String>()) {
            let encoded = Encoding::Url.write(&name);
            prop_assert!(encoded.is_ascii());
            let decoded = percent_encoding::percent_decode_str(&encoded).decode_utf8().expect("UTF-8");
            prop_assert_eq!(decoded, name);
        }
    }
}
