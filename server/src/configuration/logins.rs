//! Who else may vouch for callers: each an `[[oidc]]` of the file. They stand in the file alone: there is no saying them
//! in one line.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use outbound::oidc::{ALGORITHMS, OidcSettings};
use outbound::{GroupRule, Matching};
use serde::Deserialize;
use toml::Value;

use super::ConfigurationError;
use super::raw::Origin;

const NAMES: &str = "1 to 32 of a-z, 0-9 and -, begun with a letter";
const MINUTE_MS: u64 = 60_000;
const DAY_MS: u64 = 24 * 60 * MINUTE_MS;

/// Providers as they were written.
#[derive(Default)]
pub(super) struct RawLogins {
    oidc: Vec<(RawOidc, Origin)>,
}

/// Providers, checked.
#[derive(Default)]
pub(crate) struct LoginSettings {
    pub(crate) oidc: Vec<OidcLogin>,
}

/// A provider of OpenID Connect.
pub(crate) struct OidcLogin {
    pub(crate) settings: OidcSettings,
    /// The authorities that may vouch for its address, PEM.
    pub(crate) ca_file: Option<PathBuf>,
}

/// An `[[oidc]]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawOidc {
    name: String,
    issuer: String,
    audiences: Vec<String>,
    #[serde(default)]
    client_ids: Vec<String>,
    #[serde(default = "default_algorithms")]
    algorithms: Vec<String>,
    #[serde(default = "default_leeway")]
    leeway_ms: u64,
    #[serde(default = "default_subject")]
    subject: String,
    #[serde(default = "default_groups")]
    groups: Vec<String>,
    #[serde(default)]
    group: Vec<RawGroup>,
    #[serde(default)]
    tags: BTreeMap<String, String>,
    ca_file: Option<PathBuf>,
    #[serde(default = "default_refresh")]
    refresh_ms: u64,
    #[serde(default = "default_keep")]
    keep_ms: u64,
}

/// A rule of groups: `is` or `prefix`, and what they become.
#[derive(Deserialize, Clone)]
#[serde(deny_unknown_fields)]
pub(super) struct RawGroup {
    is: Option<String>,
    prefix: Option<String>,
    becomes: String,
}

fn default_algorithms() -> Vec<String> {
    ["RS256", "RS384", "RS512", "ES256", "ES384"].map(str::to_owned).into()
}
fn default_leeway() -> u64 {
    MINUTE_MS
}
fn default_subject() -> String {
    "sub".to_owned()
}
fn default_groups() -> Vec<String> {
    vec!["groups".to_owned()]
}
fn default_refresh() -> u64 {
    5 * MINUTE_MS
}
fn default_keep() -> u64 {
    DAY_MS
}

impl RawLogins {
    /// Takes an array of tables if it is one of these.
    pub(super) fn lay(&mut self, key: &str, entries: &[Value], path: &Path) -> Result<bool, ConfigurationError> {
        let origin = || Origin::File(path.to_owned());
        match key {
            "oidc" => {
                for (index, entry) in entries.iter().enumerate() {
                    self.oidc.push((read(key, index, entry, path)?, origin()));
                }
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Checks every provider.
    pub(super) fn check(&self) -> Result<LoginSettings, ConfigurationError> {
        let mut names = Vec::new();
        let mut checked = LoginSettings::default();
        for (raw, origin) in &self.oidc {
            let entry = Entry { kind: "oidc", name: &raw.name, origin };
            entry.name_once(&mut names)?;
            let is_taken = checked.oidc.iter().any(|other| other.settings.issuer == raw.issuer);
            entry.expect(!is_taken, "issuer", &raw.issuer, "an issuer that no other `[[oidc]]` has")?;
            checked.oidc.push(oidc(raw, &entry)?);
        }
        Ok(checked)
    }
}

fn read<T: for<'de> Deserialize<'de>>(
    key: &str,
    index: usize,
    entry: &Value,
    path: &Path,
) -> Result<T, ConfigurationError> {
    entry.clone().try_into().map_err(|error: toml::de::Error| ConfigurationError::Entry {
        entry: format!("{key}[{index}]"),
        origin: Origin::File(path.to_owned()),
        reason: error.message().to_owned(),
    })
}

/// One entry, to name it where something is wrong with it.
struct Entry<'a> {
    kind: &'static str,
    name: &'a str,
    origin: &'a Origin,
}

impl Entry<'_> {
    fn expect(&self, is_good: bool, field: &str, value: &str, allowed: &str) -> Result<(), ConfigurationError> {
        if is_good {
            return Ok(());
        }
        Err(ConfigurationError::Value {
            setting: format!("{} {}: {field}", self.kind, self.name),
            value: format!("`{value}`"),
            origin: self.origin.clone(),
            allowed: allowed.to_owned(),
        })
    }

    /// Names stand in ARNs before whoever a provider names, so no two share one.
    fn name_once(&self, names: &mut Vec<String>) -> Result<(), ConfigurationError> {
        let is_good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let is_name = (1..=32).contains(&self.name.len())
            && self.name.bytes().all(is_good)
            && self.name.starts_with(|first: char| first.is_ascii_lowercase());
        self.expect(is_name, "name", self.name, NAMES)?;
        self.expect(!names.iter().any(|name| name == self.name), "name", self.name, "a name that nothing else has")?;
        names.push(self.name.to_owned());
        Ok(())
    }

    fn millis(&self, field: &str, value: u64, max: u64) -> Result<Duration, ConfigurationError> {
        let min = if field == "refresh_ms" { 1_000 } else { 0 };
        self.expect((min..=max).contains(&value), field, &value.to_string(), &format!("{min} to {max}"))?;
        Ok(Duration::from_millis(value))
    }

    fn group_rules(&self, rules: &[RawGroup]) -> Result<Vec<GroupRule>, ConfigurationError> {
        let allowed = "`becomes`, and either `is` or `prefix`; a `*` in `becomes` stands for what follows the prefix";
        let rule = |rule: &RawGroup| {
            let (of, example) = match (&rule.is, &rule.prefix) {
                (Some(exact), None) => (Matching::Exact(exact.clone()), rule.becomes.clone()),
                (None, Some(prefix)) => (Matching::Prefix(prefix.clone()), rule.becomes.replace('*', "x")),
                // Which is no name of a group.
                _ => (Matching::Exact(String::new()), String::new()),
            };
            self.expect(outbound::claims::is_group_name(&example), "group", &rule.becomes, allowed)?;
            Ok(GroupRule { of, group: rule.becomes.clone() })
        };
        rules.iter().map(rule).collect()
    }
}

fn oidc(raw: &RawOidc, entry: &Entry<'_>) -> Result<OidcLogin, ConfigurationError> {
    let audiences = raw.audiences.join(", ");
    entry.expect(!raw.audiences.is_empty(), "audiences", &audiences, "one audience at least")?;
    for algorithm in &raw.algorithms {
        let is_known = ALGORITHMS.contains(&algorithm.as_str());
        entry.expect(is_known, "algorithms", algorithm, &ALGORITHMS.join(", "))?;
    }
    entry.expect(!raw.algorithms.is_empty(), "algorithms", "", &ALGORITHMS.join(", "))?;
    let settings = OidcSettings {
        name: raw.name.clone(),
        issuer: raw.issuer.clone(),
        audiences: raw.audiences.clone(),
        client_ids: raw.client_ids.clone(),
        algorithms: raw.algorithms.clone(),
        leeway: entry.millis("leeway_ms", raw.leeway_ms, 10 * MINUTE_MS)?,
        subject: raw.subject.clone(),
        groups: raw.groups.clone(),
        group_rules: entry.group_rules(&raw.group)?,
        tags: raw.tags.clone(),
        authorities: None,
        refresh: entry.millis("refresh_ms", raw.refresh_ms, DAY_MS)?,
        keep: entry.millis("keep_ms", raw.keep_ms, 30 * DAY_MS)?,
    };
    Ok(OidcLogin { settings, ca_file: raw.ca_file.clone() })
}
