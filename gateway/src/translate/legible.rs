//! What XML can hold. Keys, tags and prefixes may hold characters that XML 1.0 has no way to write; s3s fails on an answer
//! with one of them, so none must get that far.

/// Whether every character may stand in an XML document. Source: XML 1.0 §2.2, *Char*.
pub(crate) fn is_legible(text: &str) -> bool {
    text.chars().all(stands)
}

fn stands(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..)
}

/// A text that only repeats what the client knows: left out where it cannot be written.
pub(crate) fn echo(text: String) -> Option<String> {
    Some(text).filter(|text| is_legible(text))
}

/// A text for people, with a stand-in for each character that cannot be written.
pub(crate) fn told(text: String) -> String {
    if is_legible(&text) {
        return text;
    }
    text.chars().map(|character| if stands(character) { character } else { char::REPLACEMENT_CHARACTER }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_and_noncharacters_cannot_be_written() {
        for good in ["", "a b\t\r\n", "\u{7f}\u{85}", "é🌬️\u{202e}", "\u{fffd}\u{10ffff}"] {
            assert!(is_legible(good), "{good:?}");
            assert_eq!((echo(good.to_owned()).as_deref(), told(good.to_owned()).as_str()), (Some(good), good));
        }
        for bad in ["\0", "a\u{1}b", "\u{1b}[0m", "\u{fffe}", "\u{ffff}"] {
            assert!(!is_legible(bad), "{bad:?}");
            assert_eq!(echo(bad.to_owned()), None);
            assert!(is_legible(&told(bad.to_owned())));
        }
        assert_eq!(told("a\u{1}b".to_owned()), "a\u{fffd}b");
    }
}
