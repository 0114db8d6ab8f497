//! Patterns with wildcards and variables: `*` stands for any text, `?` for one character, `${name}` for what the request
//! says, and `${*}`, `${?}`, `${$}` for the characters themselves.
//!
//! Source: IAM User Guide, *IAM policy elements: Variables and tags* and *IAM JSON policy elements: Resource*.

/// A piece of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Any,
    One,
    /// What the request says, else the default; without either nothing matches.
    Variable {
        name: String,
        default: Option<String>,
    },
}

/// A text with wildcards and variables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern(Vec<Piece>);

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// For people: a variable that does not end or has no name.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        Self::read(text, true)
    }

    /// Reads a text with variables, in which wildcards stand for themselves.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub(crate) fn exact(text: &str) -> Result<Self, String> {
        Self::read(text, false)
    }

    fn read(text: &str, knows_wildcards: bool) -> Result<Self, String> {
        let mut pieces: Vec<Piece> = Vec::new();
        let mut rest = text;
        let push_text = |pieces: &mut Vec<Piece>, text: &str| match pieces.last_mut() {
            Some(Piece::Text(last)) => last.push_str(text),
            _ => pieces.push(Piece::Text(text.to_owned())),
        };
        while let Some(first) = rest.chars().next() {
            if let Some(behind) = rest.strip_prefix("${") {
                let (inside, behind) =
                    behind.split_once('}').ok_or_else(|| format!("`{text}` holds a variable that does not end"))?;
                match inside {
                    "*" | "?" | "$" => push_text(&mut pieces, inside),
                    "" => return Err(format!("`{text}` holds a variable without a name")),
                    _ => pieces.push(variable(inside)),
                }
                rest = behind;
                continue;
            }
            match first {
                '*' if knows_wildcards && pieces.last() == Some(&Piece::Any) => {}
                '*' if knows_wildcards => pieces.push(Piece::Any),
                '?' if knows_wildcards => pieces.push(Piece::One),
                _ => push_text(&mut pieces, first.encode_utf8(&mut [0; 4])),
            }
            rest = rest.get(first.len_utf8()..).unwrap_or_default();
        }
        Ok(Self(pieces))
    }

    /// A text that stands for itself alone.
    pub(crate) fn literal(&self) -> Option<&str> {
        match self.0.as_slice() {
            [] => Some(""),
            [Piece::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// What every match begins with.
    pub(crate) fn beginning(&self) -> &str {
        match self.0.first() {
            Some(Piece::Text(text)) => text,
            _ => "",
        }
    }

    /// The pattern of Cedar's `like`, which knows `*` alone; none where more is asked. Not yet in quotes.
    pub(crate) fn to_like(&self) -> Option<String> {
        let mut like = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => like.push_str(&escape(text).replace('*', "\\*")),
                Piece::Any => like.push('*'),
                Piece::One | Piece::Variable { .. } => return None,
            }
        }
        Some(like)
    }

    /// Whether a text matches, with variables as `value_of` says.
    pub(crate) fn matches(&self, text: &str, value_of: impl Fn(&str) -> Option<String>) -> bool {
        let mut steps = Vec::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => steps.extend(text.chars().map(Step::Character)),
                Piece::Any => steps.push(Step::Any),
                Piece::One => steps.push(Step::One),
                Piece::Variable { name, default } => match value_of(name).or_else(|| default.clone()) {
                    Some(value) => steps.extend(value.chars().map(Step::Character)),
                    None => return false,
                },
            }
        }
        walk(&steps, &text.chars().collect::<Vec<_>>())
    }

    /// The same in which letters have one case: what it matches must be [`folded`] too, and what variables stand for.
    pub(crate) fn into_folded(self) -> Self {
        let fold = |piece| match piece {
            Piece::Text(text) => Piece::Text(folded(&text)),
            Piece::Variable { name, default } => {
                Piece::Variable { name, default: default.map(|default| folded(&default)) }
            }
            other @ (Piece::Any | Piece::One) => other,
        };
        Self(self.0.into_iter().map(fold).collect())
    }
}

/// A text whose letters have one case. Each character is folded for itself, so that parts fold as the whole does.
pub(crate) fn folded(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).collect()
}

fn variable(inside: &str) -> Piece {
    let (name, default) = match inside.split_once(',') {
        Some((name, default)) => (name, Some(default.trim().trim_matches('\'').to_owned())),
        None => (inside, None),
    };
    Piece::Variable { name: name.trim().to_owned(), default }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Character(char),
    One,
    Any,
}

/// Matches in time of at most pattern times text: of all `*` seen only the last can still have to take more.
fn walk(steps: &[Step], text: &[char]) -> bool {
    let (mut step, mut at) = (0, 0);
    let mut last_any: Option<(usize, usize)> = None;
    while let Some(character) = text.get(at) {
        match steps.get(step) {
            Some(Step::Any) => {
                last_any = Some((step, at));
                step += 1;
            }
            Some(Step::One) => (step, at) = (step + 1, at + 1),
            Some(Step::Character(wanted)) if wanted == character => (step, at) = (step + 1, at + 1),
            _ => match last_any {
                Some((any, taken)) => {
                    last_any = Some((any, taken + 1));
                    (step, at) = (any + 1, taken + 1);
                }
                None => return false,
            },
        }
    }
    steps.iter().skip(step).all(|step| *step == Step::Any)
}

/// A text inside the quotes of a Cedar literal.
pub(crate) fn escape(text: &str) -> String {
    text.chars().flat_map(char::escape_debug).collect::<String>().replace("\\'", "'")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        let value_of = |name: &str| (name == "aws:username").then(|| "a*b".to_owned());
        Pattern::parse(pattern).expect("a pattern").matches(text, value_of)
    }

    #[test]
    fn wildcards_and_variables() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("*", "", true),
            ("a*", "b", false),
            ("a*c", "abbc", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("a${*}c", "abc", false),
            ("a${*}c", "a*c", true),
            ("${?}${$}", "?$", true),
            ("home/${aws:username}/*", "home/a*b/x", true),
            ("home/${aws:username}/*", "home/aXb/x", false),
            ("${aws:nothing}", "", false),
            ("${aws:nothing, 'anon'}", "anon", true),
            ("*é?", "xé🌬", true),
            ("*a*b*", "xxaxxbxx", true),
            ("*a*b", "abab", true),
            ("*ab*ac", "abababad", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
        let exact = |pattern: &str, text: &str| Pattern::exact(pattern).expect("a pattern").matches(text, |_| None);
        for (pattern, text, expected) in
            [("a*", "a*", true), ("a*", "ab", false), ("a${*}", "a*", true), ("${x, '*?'}", "*?", true)]
        {
            assert_eq!(exact(pattern, text), expected, "{pattern} {text}");
        }
        for bad in ["${", "a${b", "${}"] {
            assert!(Pattern::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_hostile_pattern_takes_no_time() {
        let pattern = "*a".repeat(500) + "b";
        assert!(!matches(&pattern, &"a".repeat(2_000)));
    }

    proptest! {
        /// Against the plain definition, which takes all ways.
        #[test]
        fn a_match_is_what_the_definition_says(pattern in "[ab*?]{0,8}", text in "[ab]{0,8}") {
            fn slow(pattern: &[u8], text: &[u8]) -> bool {
                match (pattern.split_first(), text.split_first()) {
                    (None, None) => true,
                    (Some((b'*', rest)), _) => {
                        slow(rest, text) || text.split_first().is_some_and(|(_, text)| slow(pattern, text))
                    }
                    (Some((b'?', rest)), Some((_, text))) => slow(rest, text),
                    (Some((wanted, rest)), Some((character, text))) => wanted == character && slow(rest, text),
                    _ => false,
                }
            }
            prop_assert_eq!(matches(&pattern, &text), slow(pattern.as_bytes(), text.as_bytes()));
        }
    }
}
