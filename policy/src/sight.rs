//! What of an object policies look at, so that objects that look alike to them are judged once.
//!
//! Tags, owners, lists and protections always count. Of the rest only what a condition mentions does: a key that is nowhere
//! compared but with patterns is known by which of them it matches.

use std::fmt::Write as _;
use std::sync::Arc;

use kernel::BucketName;
use serde_json::Value;

use crate::judge::BASE;
use crate::question::ObjectView;
use crate::source::Source;

/// A test of an object's name.
#[derive(Debug, Clone, PartialEq, Eq)]
struct NameTest {
    /// Whether it is about `bucket/key`, not the key alone.
    is_path: bool,
    pattern: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Literal(String),
    Wildcard,
}

/// What of an object some policies look at.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sight {
    names: Vec<NameTest>,
    whole_name: bool,
    size: bool,
    created: bool,
}

impl Sight {
    /// What the policies of some sources look at, and those that hold in every lake.
    pub fn of<'s>(sources: impl IntoIterator<Item = &'s Arc<Source>>) -> Self {
        let mut sight = Self::default();
        for source in BASE.iter().chain(sources) {
            for compiled in source.policies(|_| true) {
                // What is found out beside Cedar may ask for anything.
                let is_known = compiled.atoms.is_empty();
                match compiled.policy.to_json().ok().filter(|_| is_known) {
                    Some(json) => sight.look(&json),
                    None => (sight.whole_name, sight.size, sight.created) = (true, true, true),
                }
            }
        }
        sight
    }

    fn look(&mut self, json: &Value) {
        match json {
            Value::Object(fields) => {
                if let Some(test) = name_test(json) {
                    if !self.names.contains(&test) {
                        self.names.push(test);
                    }
                    return;
                }
                match attribute(json) {
                    Some("key" | "path") => self.whole_name = true,
                    Some("size") => self.size = true,
                    Some("createdAt") => self.created = true,
                    _ => {}
                }
                fields.values().for_each(|value| self.look(value));
            }
            Value::Array(values) => values.iter().for_each(|value| self.look(value)),
            _ => {}
        }
    }

    /// What tells an object of a bucket from others to these policies: two with the same are judged alike.
    pub fn signature(&self, bucket: &BucketName, object: ObjectView<'_>) -> String {
        let (key, path) = (object.key.as_str(), format!("{bucket}/{}", object.key.as_str()));
        let mut signature = String::new();
        for NameTest { is_path, pattern } in &self.names {
            let name = if *is_path { &path } else { key };
            signature.push(if matches(pattern, name) { '1' } else { '0' });
        }
        // Writing to a string cannot fail.
        let _ =
            match object.facts {
                Some(version) => {
                    let facts = version.facts;
                    write!(signature, "{:?}{:?}{:?}{:?}", facts.tags, facts.owner, facts.acl, facts.protection)
                        .and_then(|()| if self.size { write!(signature, "|{}", facts.bytes) } else { Ok(()) })
                        .and_then(|()| {
                            if self.created { write!(signature, "|{}", version.created.as_millis()) } else { Ok(()) }
                        })
                }
                None => write!(signature, "absent"),
            };
        if self.whole_name {
            signature.push('|');
            signature.push_str(key);
        }
        signature
    }
}

/// The attribute that an expression reads.
fn attribute(expression: &Value) -> Option<&str> {
    expression.get(".")?.get("attr")?.as_str()
}

/// Whether it is the key or the path of the resource itself: whether the path.
fn own_name(expression: &Value) -> Option<bool> {
    let of = expression.get(".")?.get("left")?.get("Var")?.as_str()?;
    match attribute(expression)? {
        "key" if of == "resource" => Some(false),
        "path" if of == "resource" => Some(true),
        _ => None,
    }
}

/// A comparison of the object's name with something written down.
fn name_test(expression: &Value) -> Option<NameTest> {
    if let Some(like) = expression.get("like") {
        let is_path = own_name(like.get("left")?)?;
        let mut pattern: Vec<Piece> = Vec::new();
        for piece in like.get("pattern")?.as_array()? {
            let literal = match piece.as_str() {
                Some("Wildcard") => None,
                _ => Some(piece.get("Literal")?.as_str()?),
            };
            match (pattern.last_mut(), literal) {
                (Some(Piece::Literal(text)), Some(more)) => text.push_str(more),
                (_, Some(text)) => pattern.push(Piece::Literal(text.to_owned())),
                (Some(Piece::Wildcard), None) => {}
                (_, None) => pattern.push(Piece::Wildcard),
            }
        }
        return Some(NameTest { is_path, pattern });
    }
    if let Some(equal) = expression.get("==").filter(|equal| equal.get("left").is_some()) {
        let (left, right) = (equal.get("left")?, equal.get("right")?);
        let (is_path, other) = match (own_name(left), own_name(right)) {
            (Some(is_path), None) => (is_path, right),
            (None, Some(is_path)) => (is_path, left),
            _ => return None,
        };
        let text = other.get("Value")?.as_str()?.to_owned();
        return Some(NameTest { is_path, pattern: vec![Piece::Literal(text)] });
    }
    // An object that is named, in a head or in a condition.
    let kind = expression.get("type")?.as_str()?;
    let id = expression.get("id")?.as_str()?;
    (kind == "Lake::Object").then(|| NameTest { is_path: true, pattern: vec![Piece::Literal(id.to_owned())] })
}

/// Whether a name matches from end to end.
fn matches(pattern: &[Piece], name: &str) -> bool {
    let Some((first, rest)) = pattern.split_first() else { return name.is_empty() };
    match first {
        Piece::Literal(text) => name.strip_prefix(text.as_str()).is_some_and(|name| matches(rest, name)),
        Piece::Wildcard if rest.is_empty() => true,
        // The first place where the next text stands will do, unless it must end the name.
        Piece::Wildcard => match rest {
            [Piece::Literal(text)] => name.ends_with(text.as_str()),
            [Piece::Literal(text), behind @ ..] => name
                .find(text.as_str())
                .and_then(|at| name.get(at + text.len()..))
                .is_some_and(|name| matches(behind, name)),
            _ => matches(rest, name),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sight(text: &str) -> Sight {
        Sight::of(&[Arc::new(Source::cedar("set", text).expect(text))])
    }

    fn permit(condition: &str) -> Sight {
        sight(&format!(
            "permit (principal, action in Lake::Action::\"read\", resource is Lake::Object) when {{ {condition} }};"
        ))
    }

    #[test]
    fn only_what_is_mentioned_is_looked_at() {
        assert_eq!(sight("permit (principal, action, resource);"), Sight::default());
        assert!(permit("resource.size > 1").size);
        assert!(permit("resource.createdAt < context.now").created);
        assert!(permit("[resource.key].contains(\"a\")").whole_name);
        let tested = permit("resource.key like \"a*b\" && resource.path == \"b/k\"");
        assert_eq!((tested.whole_name, tested.names.len()), (false, 2));
        let named = sight("permit (principal, action in Lake::Action::\"read\", resource == Lake::Object::\"b/k\");");
        assert_eq!((named.whole_name, named.names.len()), (false, 1));
    }

    #[test]
    fn patterns_match_as_in_cedar() {
        let pieces = |pattern: &str| -> Vec<Piece> {
            let mut pieces = Vec::new();
            for (number, text) in pattern.split('*').enumerate() {
                if number > 0 {
                    pieces.push(Piece::Wildcard);
                }
                if !text.is_empty() {
                    pieces.push(Piece::Literal(text.to_owned()));
                }
            }
            pieces
        };
        for (pattern, name, expected) in [
            ("a*", "abc", true),
            ("a*", "ba", false),
            ("*c", "abcc", true),
            ("a*b*c", "a1b2b3c", true),
            ("a*b*c", "a1c2b", false),
            ("a", "a", true),
            ("a", "ab", false),
            ("", "", true),
            ("*", "", true),
            ("a*a", "a", false),
            ("*ab*ab", "ab", false),
            ("*ab*ab", "abab", true),
        ] {
            assert_eq!(matches(&pieces(pattern), name), expected, "{pattern} {name}");
        }
    }
}
