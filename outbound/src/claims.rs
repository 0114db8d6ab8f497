//! What others say of somebody, and what the lake makes of it: groups and tags by rule, nothing by itself.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// Values of one claim that are looked at.
const VALUES_MAX: usize = 1_000;
/// Groups that somebody may be in.
const GROUPS_MAX: usize = 256;
const NAME_CHARS_MAX: usize = 128;
/// Source: IAM User Guide, *Rules for tagging in IAM and AWS STS*.
const TAG_CHARS_MAX: usize = 256;
const SUBJECT_CHARS_MAX: usize = 256;
/// Stands for what follows the prefix.
const REST: char = '*';

/// Which values a rule is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Matching {
    /// This value alone.
    Exact(String),
    /// All that begin so.
    Prefix(String),
}

/// Which name of the lake's, of a user or a group, a value stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameRule {
    /// Which values.
    pub of: Matching,
    /// The name. With a prefix, a `*` in it stands for what follows the prefix.
    pub name: String,
}

impl NameRule {
    /// What a value becomes, if the rule is for it.
    pub fn apply(&self, value: &str) -> Option<String> {
        match &self.of {
            Matching::Exact(exact) => (value == exact).then(|| self.name.clone()),
            Matching::Prefix(prefix) => Some(self.name.replace(REST, value.strip_prefix(prefix.as_str())?)),
        }
    }
}

/// Whether a group of the lake may be called so: letters, digits and `+=,.@-_`.
pub fn is_group_name(name: &str) -> bool {
    let is_good = |byte: u8| byte.is_ascii_alphanumeric() || b"+=,.@-_".contains(&byte);
    (1..=NAME_CHARS_MAX).contains(&name.len()) && name.bytes().all(is_good)
}

/// The groups of the lake that values stand for. What no rule names is no group, and neither is what a rule turns into no
/// name of one.
pub fn groups<'a>(rules: &[NameRule], values: impl IntoIterator<Item = &'a str>) -> BTreeSet<String> {
    let values = values.into_iter().take(VALUES_MAX);
    let found = values.flat_map(|value| rules.iter().filter_map(|rule| rule.apply(value)));
    found.filter(|name| is_group_name(name)).take(GROUPS_MAX).collect()
}

/// The claim at a path of names parted by periods. A name may hold periods itself, as `wlcg.groups` does: the claim with
/// the longest name wins.
pub fn at<'a>(claims: &'a Value, path: &str) -> Option<&'a Value> {
    let object = claims.as_object()?;
    if let Some(found) = object.get(path) {
        return Some(found);
    }
    let splits: Vec<(&str, &str)> = path
        .match_indices('.')
        .filter_map(|(period, _)| Some((path.get(..period)?, path.get(period + 1..)?)))
        .collect();
    splits.into_iter().rev().find_map(|(name, rest)| at(object.get(name)?, rest))
}

/// The texts of a claim that is a text or a list of texts.
pub fn texts(claim: &Value) -> Vec<&str> {
    match claim {
        Value::String(text) => vec![text],
        Value::Array(values) => values.iter().take(VALUES_MAX).filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// The tags that claims stand for: each a name and the path of its claim. A claim of several texts gives the first; one
/// that is too long for a tag, or no text, number or truth value, gives none.
pub fn tags(claims: &Value, paths: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let text = |claim: &Value| match claim {
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        other => texts(other).first().map(|text| (*text).to_owned()),
    };
    let tag = |(name, path): (&String, &String)| Some((name.clone(), text(at(claims, path)?)?));
    paths.iter().filter_map(tag).filter(|(_, value)| value.chars().count() <= TAG_CHARS_MAX).collect()
}

/// Whether somebody may be called so: the name goes into ARNs, policies and logs, so every character of it must be seen, in
/// the order in which it stands.
pub fn is_subject(subject: &str) -> bool {
    let characters = subject.chars().count();
    (1..=SUBJECT_CHARS_MAX).contains(&characters)
        && !subject.chars().any(|character| character.is_control() || character.is_whitespace() || is_unseen(character))
}

/// Whether a character is not seen, or turns the order of others. Source: Unicode 16, *DerivedCoreProperties.txt*,
/// `Default_Ignorable_Code_Point`, and *PropList.txt*, `Bidi_Control`.
fn is_unseen(character: char) -> bool {
    matches!(
        character,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}'
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn claims_lie_at_paths() {
        let claims = json!({
            "groups": ["a", 7, "b"], "wlcg.groups": ["/wlcg"], "wlcg": {"groups": ["/nested"], "ver": "1.0"},
            "realm_access": {"roles": ["reader"]}, "https://example.org/x": {"y.z": "deep"}
        });
        for (path, texts_there) in [
            ("groups", vec!["a", "b"]),
            ("wlcg.groups", vec!["/wlcg"]),
            ("wlcg.ver", vec!["1.0"]),
            ("realm_access.roles", vec!["reader"]),
            ("https://example.org/x.y.z", vec!["deep"]),
        ] {
            assert_eq!(at(&claims, path).map(texts), Some(texts_there), "{path}");
        }
        for path in ["", ".", "groups.a", "realm_access", "realm_access.", "nothing", "wlcg..ver"] {
            assert!(at(&claims, path).is_none_or(|claim| texts(claim).is_empty()), "{path}");
        }
    }

    #[test]
    fn groups_are_given_by_rule_alone() {
        let rule = |of, name: &str| NameRule { of, name: name.to_owned() };
        let rules = [
            rule(Matching::Exact("/wlcg/stewards".to_owned()), "data-stewards"),
            rule(Matching::Prefix("/atlas/".to_owned()), "atlas-*"),
            rule(Matching::Prefix("everybody".to_owned()), "people"),
        ];
        let of = |values: &[&str]| groups(&rules, values.iter().copied()).into_iter().collect::<Vec<_>>();
        assert_eq!(of(&["/wlcg/stewards", "/wlcg/stewards/x", "/atlas/higgs"]), ["atlas-higgs", "data-stewards"]);
        assert_eq!(of(&["everybody", "everybody-else"]), ["people"]);
        assert!(of(&["data-stewards", "/atlas/a/b", "/atlas/a b", "atlas", ""]).is_empty());
        assert_eq!(of(&["/atlas/*"]), Vec::<String>::new());
    }

    #[test]
    fn tags_are_short_texts() {
        let claims = json!({"unit": "genomics", "many": ["first", "second"], "level": 3, "on": true, "deep": {"x": 1}});
        let paths = ["unit", "many", "level", "on", "deep", "none"].map(|name| (name.to_owned(), name.to_owned()));
        let found = tags(&claims, &BTreeMap::from(paths));
        let found: Vec<_> = found.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(found, [("level", "3"), ("many", "first"), ("on", "true"), ("unit", "genomics")]);
    }

    #[test]
    fn subjects_are_visible() {
        assert!(is_subject("repo:org/lake:ref") && is_subject("ä") && is_subject(&"x".repeat(256)));
        for bad in
            ["", " ", "a b", "a\nb", "\u{0}", "a\u{202e}b", "a\u{200b}", "a\u{2066}b", "\u{feff}a", &"x".repeat(257)]
        {
            assert!(!is_subject(bad), "{bad:?}");
        }
    }
}
