//! The query of a request, decoded as s3s decodes it: `+` is a space, names are case-sensitive.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// Names and values in the order they stand.
pub(crate) fn pairs(query: Option<&str>) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode(name), decode(value))
    })
}

/// Whether a parameter of that name is there.
pub(crate) fn has(query: Option<&str>, name: &str) -> bool {
    pairs(query).any(|(given, _)| given == name)
}

fn decode(text: &str) -> Cow<'_, str> {
    if !text.bytes().any(|byte| matches!(byte, b'%' | b'+')) {
        return Cow::Borrowed(text);
    }
    let spaced = text.replace('+', " ");
    Cow::Owned(percent_decode_str(&spaced).decode_utf8_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_are_decoded() {
        let query = Some("a=1&&b&c=x%3By+z&%58-Amz=1&a=2");
        let all: Vec<_> = pairs(query).map(|(name, value)| format!("{name}|{value}")).collect();
        assert_eq!(all, ["a|1", "b|", "c|x;y z", "X-Amz|1", "a|2"]);
        assert!(has(query, "X-Amz") && has(query, "b") && !has(query, "x-amz"));
        assert!(!has(None, ""));
    }
}
