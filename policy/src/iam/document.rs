//! The JSON of a policy document, read to the last word.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};

use crate::source::PolicyFault;

/// Statements of a document.
const STATEMENTS_MAX: usize = 200;
/// How deep the JSON may nest; the grammar needs six.
const DEPTH_MAX: usize = 12;

/// A policy document.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Document {
    #[serde(rename = "Version")]
    pub(super) version: Option<String>,
    #[serde(rename = "Id")]
    _id: Option<String>,
    #[serde(rename = "Statement")]
    statement: Statements,
}

/// One statement, or a list of them.
#[derive(Debug)]
struct Statements(Vec<Statement>);

impl<'de> Deserialize<'de> for Statements {
    /// Looks which of the two it is before it reads, so that what is wrong inside is named where it is.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Statements;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a statement or a list of statements")
            }

            fn visit_map<A: MapAccess<'de>>(self, one: A) -> Result<Statements, A::Error> {
                Statement::deserialize(MapAccessDeserializer::new(one)).map(|one| Statements(vec![one]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, many: A) -> Result<Statements, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(many)).map(Statements)
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// What a statement does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) enum Effect {
    Allow,
    Deny,
}

/// A statement of a document.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Statement {
    #[serde(rename = "Sid")]
    pub(super) sid: Option<String>,
    #[serde(rename = "Effect")]
    pub(super) effect: Effect,
    #[serde(rename = "Principal")]
    pub(super) principal: Option<Principals>,
    #[serde(rename = "NotPrincipal")]
    pub(super) not_principal: Option<Principals>,
    #[serde(rename = "Action")]
    pub(super) action: Option<Texts>,
    #[serde(rename = "NotAction")]
    pub(super) not_action: Option<Texts>,
    #[serde(rename = "Resource")]
    pub(super) resource: Option<Texts>,
    #[serde(rename = "NotResource")]
    pub(super) not_resource: Option<Texts>,
    #[serde(rename = "Condition", default)]
    pub(super) condition: Once<Once<Texts>>,
}

/// One text or several.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(super) enum Texts {
    One(Scalar),
    Many(Vec<Scalar>),
}

/// A value, which writers of policies put into quotes or not.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(super) enum Scalar {
    Text(String),
    Truth(bool),
    Number(serde_json::Number),
}

/// Who may or may not.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Principals {
    Text(String),
    Kinds(Once<Texts>),
}

/// A map in which every name stands once: with two of a name, which one counts would be a guess.
#[derive(Debug)]
pub(super) struct Once<V>(pub(super) BTreeMap<String, V>);

impl<V> Default for Once<V> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Once<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Names<V>(std::marker::PhantomData<V>);
        impl<'de, V: Deserialize<'de>> Visitor<'de> for Names<V> {
            type Value = Once<V>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut read = BTreeMap::new();
                while let Some((name, value)) = map.next_entry::<String, V>()? {
                    if read.contains_key(&name) {
                        return Err(serde::de::Error::custom(format!("`{name}` stands twice")));
                    }
                    read.insert(name, value);
                }
                Ok(Once(read))
            }
        }
        deserializer.deserialize_map(Names(std::marker::PhantomData))
    }
}

impl Texts {
    pub(super) fn iter(&self) -> impl Iterator<Item = String> {
        let scalars = match self {
            Self::One(scalar) => std::slice::from_ref(scalar),
            Self::Many(scalars) => scalars.as_slice(),
        };
        scalars.iter().map(|scalar| match scalar {
            Scalar::Text(text) => text.clone(),
            Scalar::Truth(truth) => truth.to_string(),
            Scalar::Number(number) => number.to_string(),
        })
    }
}

impl Document {
    /// A text of the document in which `${` stands for itself unless the version is the one that has variables.
    ///
    /// Source: IAM User Guide, *IAM JSON policy elements: Version*.
    pub(super) fn without_variables(&self, text: String) -> String {
        if self.version.as_deref() == Some("2012-10-17") { text } else { text.replace("${", "${$}{") }
    }

    pub(super) fn statements(&self) -> &[Statement] {
        &self.statement.0
    }
}

/// Reads a document.
///
/// # Errors
/// [`PolicyFault`] with the place where it stops being one.
pub(super) fn parse(json: &str) -> Result<Document, PolicyFault> {
    let fault = |line, column, reason| Err(PolicyFault::Syntax { line, column, reason });
    if depth(json) > DEPTH_MAX {
        return fault(1, 1, format!("objects and lists nest deeper than {DEPTH_MAX}"));
    }
    let document: Document = match serde_json::from_str(json) {
        Ok(document) => document,
        Err(error) => {
            let (line, column, text) = (error.line(), error.column(), error.to_string());
            let place = format!(" at line {line} column {column}");
            return fault(line, column, text.strip_suffix(&place).unwrap_or(&text).to_owned());
        }
    };
    match document.version.as_deref() {
        None | Some("2012-10-17" | "2008-10-17") => {}
        Some(other) => return Err(PolicyFault::Meaning(format!("`{other}` is no version of the policy language"))),
    }
    let mut named = BTreeSet::new();
    let mut sids = document.statements().iter().filter_map(|statement| statement.sid.as_deref());
    if let Some(sid) = sids.find(|sid| !sid.is_empty() && !named.insert(*sid)) {
        return Err(PolicyFault::Meaning(format!("statement ids (Sid) in a single policy must be unique: `{sid}`")));
    }
    match document.statements().len() {
        0 => Err(PolicyFault::Meaning("the document holds no statement".to_owned())),
        1..=STATEMENTS_MAX => Ok(document),
        count => Err(PolicyFault::TooMany { count, max: STATEMENTS_MAX }),
    }
}

/// How deep brackets nest outside of texts.
fn depth(json: &str) -> usize {
    let (mut depth, mut deepest, mut in_text, mut escaped) = (0_usize, 0, false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'{' | b'[' if !in_text => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}
