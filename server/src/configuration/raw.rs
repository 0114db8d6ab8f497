//! The first step: flags over environment over file over defaults, everything still text.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::ConfigurationError;
use super::logins::RawLogins;
use super::site::RawSite;
use super::table::{SETTINGS, Setting};

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A flag of the command line.
    Flag,
    /// A variable of the environment.
    Environment(String),
    /// The configuration file.
    File(PathBuf),
    /// Nobody said anything.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => f.write_str("given as a flag"),
            Self::Environment(name) => write!(f, "the environment variable {name}"),
            Self::File(path) => write!(f, "the configuration file `{}`", path.display()),
            Self::Default => f.write_str("the default"),
        }
    }
}

/// A value as somebody wrote it.
pub(super) struct Given {
    pub(super) text: String,
    pub(super) origin: Origin,
}

/// Everything that was given, before anybody asked what it means.
#[derive(Default)]
pub(crate) struct Raw {
    given: BTreeMap<&'static str, Given>,
    pub(super) sites: BTreeMap<String, RawSite>,
    pub(super) logins: RawLogins,
    /// Variables that look like settings and are none. They are only remarked upon: orchestrators make variables of
    /// their own for whatever is called `twinlake`.
    pub(crate) unknown_variables: Vec<String>,
}

impl Raw {
    /// Lays the sources over one another. `file` is the path and the text of the configuration file; `environment` holds
    /// the variables that begin with `TWINLAKE_`.
    ///
    /// # Errors
    /// A file that is no TOML, or a key in it that is no setting.
    pub(crate) fn merge(
        flags: Vec<(&'static str, String)>,
        environment: Vec<(String, String)>,
        file: Option<(&Path, &str)>,
    ) -> Result<Self, ConfigurationError> {
        let mut raw = Self::default();
        if let Some((path, text)) = file {
            raw.lay_file(path, text)?;
        }
        for (name, text) in environment {
            raw.lay_variable(name, text);
        }
        for (key, text) in flags {
            raw.given.insert(key, Given { text, origin: Origin::Flag });
        }
        Ok(raw)
    }

    pub(super) fn given(&self, key: &str) -> Option<&Given> {
        self.given.get(key)
    }

    pub(crate) fn origin(&self, key: &str) -> Origin {
        self.given(key).map_or(Origin::Default, |given| given.origin.clone())
    }

    fn lay_file(&mut self, path: &Path, text: &str) -> Result<(), ConfigurationError> {
        let table: Table = text.parse().map_err(|error: toml::de::Error| {
            let line = error.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
            ConfigurationError::Syntax { path: path.to_owned(), line, reason: error.message().to_owned() }
        })?;
        self.lay_table("", table, path)
    }

    fn lay_table(&mut self, prefix: &str, table: Table, path: &Path) -> Result<(), ConfigurationError> {
        for (name, value) in table {
            let key = if prefix.is_empty() { name } else { format!("{prefix}.{name}") };
            let origin = Origin::File(path.to_owned());
            match (value, SETTINGS.iter().find(|setting| setting.key == key && !setting.environment_only)) {
                (value, None) if self.logins.lay(&key, &value, path)? => {}
                (Value::Table(inner), None) if prefix.is_empty() && is_section(&key) => {
                    self.lay_table(&key, inner, path)?;
                }
                (Value::Array(sites), None) if key == "site" => {
                    for (index, site) in sites.into_iter().enumerate() {
                        let (name, site) = RawSite::from_file(index, site, path)?;
                        if self.sites.insert(name.clone(), site).is_some() {
                            return Err(unknown(format!("site {name}"), origin, " of its own: it is there twice"));
                        }
                    }
                }
                (value, Some(setting)) => {
                    let text = scalar(&value).ok_or_else(|| ConfigurationError::Value {
                        setting: key,
                        value: format!("a {}", value.type_str()),
                        origin: origin.clone(),
                        allowed: setting.allowed.to_string(),
                    })?;
                    self.given.insert(setting.key, Given { text, origin });
                }
                (_, None) => return Err(unknown(key.clone(), origin, &hint(&key))),
            }
        }
        Ok(())
    }

    /// An empty variable counts as none: that is how many tools unset one.
    fn lay_variable(&mut self, name: String, text: String) {
        let is_for_others = NOT_SETTINGS.contains(&name.as_str()) || cli::VARIABLES.contains(&name.as_str());
        let is_setting = SETTINGS.iter().any(|setting| setting.variable() == name);
        if text.is_empty() || (is_for_others && !is_setting) {
            return;
        }
        if let Some(setting) = SETTINGS.iter().find(|setting| setting.variable() == name) {
            self.given.insert(setting.key, Given { text, origin: Origin::Environment(name) });
        } else if !RawSite::lay_variable(&mut self.sites, &name, text) {
            self.unknown_variables.push(name);
        }
    }
}

/// Variables with a meaning that are no settings: where the file is, and which fail point a test arms.
const NOT_SETTINGS: [&str; 2] = ["TWINLAKE_CONFIG", "TWINLAKE_FAIL_POINT"];

fn is_section(key: &str) -> bool {
    SETTINGS.iter().any(|setting| setting.key.split_once('.').is_some_and(|(section, _)| section == key))
}

pub(super) fn unknown(key: String, origin: Origin, hint: &str) -> ConfigurationError {
    ConfigurationError::Unknown { key, origin, hint: hint.to_owned() }
}

/// Numbers, truth values and lists of texts become the text that the environment would hold.
pub(super) fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Boolean(truth) => Some(truth.to_string()),
        Value::Array(values) => {
            let texts: Option<Vec<&str>> = values.iter().map(Value::as_str).collect();
            texts.map(|texts| texts.join(","))
        }
        Value::Float(_) | Value::Datetime(_) | Value::Table(_) => None,
    }
}

/// The setting that was probably meant.
fn hint(key: &str) -> String {
    if SETTINGS.iter().any(|setting| setting.key == key) {
        return " of the file: it is taken from the environment only".to_owned();
    }
    let near = |setting: &&Setting| distance(setting.key, key) <= 2;
    SETTINGS.iter().find(near).map_or_else(String::new, |setting| format!("; `{}` is", setting.key))
}

/// Letters to add, drop or replace to get from one word to the other.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (line, letter) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = line + 1;
        for column in 0..to.len() {
            let replaced = diagonal + usize::from(to[column] != letter);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[to.len()]
}
