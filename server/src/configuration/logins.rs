//! Who else may vouch for callers: each an `[[oidc]]` of the file, and the authorities of `[certificates]`, the
//! directory of `[ldap]`. They stand in the file alone: there is no saying them in one line.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use gateway::{CertificatePart, CertificateRules, ClientTrust};
use outbound::claims::{is_group_name, is_subject};
use outbound::ldap::LdapSettings;
use outbound::oidc::{ALGORITHMS, OidcSettings};
use outbound::{Matching, NameRule};
use serde::Deserialize;
use toml::Value;

use super::ConfigurationError;
use super::raw::Origin;

const NAMES: &str = "1 to 32 of a-z, 0-9 and -, begun with a letter";
const MINUTE_MS: u64 = 60_000;
const HOUR_MS: u64 = 60 * MINUTE_MS;
const DAY_MS: u64 = 24 * HOUR_MS;

/// Providers as they were written.
#[derive(Default)]
pub(super) struct RawLogins {
    oidc: Vec<(RawOidc, Origin)>,
    certificates: Option<(RawCertificates, Origin)>,
    ldap: Option<(RawLdap, Origin)>,
}

/// Providers, checked.
#[derive(Default)]
pub(crate) struct LoginSettings {
    pub(crate) oidc: Vec<OidcLogin>,
    pub(crate) certificates: Option<ClientTrust>,
    pub(crate) ldap: Option<LdapLogin>,
    /// The names of all of them, and the longest session that may begin with each.
    pub(crate) sessions_max: BTreeMap<String, Duration>,
}

/// A provider of OpenID Connect.
pub(crate) struct OidcLogin {
    pub(crate) settings: OidcSettings,
    /// The authorities that may vouch for its address, PEM.
    pub(crate) ca_file: Option<PathBuf>,
}

/// A directory.
pub(crate) struct LdapLogin {
    pub(crate) settings: LdapSettings,
    /// The authorities that may vouch for its address, PEM.
    pub(crate) ca_file: Option<PathBuf>,
    /// The name that the lake looks things up with, and the file of its password.
    pub(crate) lookup: Option<(String, PathBuf)>,
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
    group: Vec<RawRule>,
    #[serde(default)]
    tags: BTreeMap<String, String>,
    ca_file: Option<PathBuf>,
    #[serde(default = "default_token_max")]
    token_max_ms: u64,
    #[serde(default = "default_session_max")]
    session_max_ms: u64,
    #[serde(default = "default_refresh")]
    refresh_ms: u64,
    #[serde(default = "default_keep")]
    keep_ms: u64,
}

/// The `[certificates]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCertificates {
    #[serde(default = "default_certificates")]
    name: String,
    roots: PathBuf,
    #[serde(default)]
    revocations: Vec<PathBuf>,
    #[serde(default = "default_part")]
    subject: String,
    #[serde(default)]
    user: Vec<RawRule>,
    #[serde(default)]
    groups: Vec<String>,
    #[serde(default)]
    group: Vec<RawRule>,
    #[serde(default = "default_session_max")]
    session_max_ms: u64,
}

/// The `[ldap]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLdap {
    #[serde(default = "default_ldap")]
    name: String,
    address: String,
    #[serde(default)]
    start_tls: bool,
    ca_file: Option<PathBuf>,
    lookup_dn: Option<String>,
    lookup_password_file: Option<PathBuf>,
    user_base: String,
    #[serde(default = "default_user_filter")]
    user_filter: String,
    #[serde(default = "default_uid")]
    subject: String,
    #[serde(default)]
    groups: Vec<String>,
    group_base: Option<String>,
    #[serde(default = "default_group_filter")]
    group_filter: String,
    #[serde(default = "default_part")]
    group_name: String,
    #[serde(default)]
    group: Vec<RawRule>,
    #[serde(default)]
    tags: BTreeMap<String, String>,
    #[serde(default = "default_session_max")]
    session_max_ms: u64,
    #[serde(default = "default_wait")]
    wait_ms: u64,
}

/// A rule of names: what `is` this or begins with this `prefix`, and what it becomes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRule {
    is: Option<String>,
    prefix: Option<String>,
    becomes: String,
}

fn default_algorithms() -> Vec<String> {
    ["RS256", "RS384", "RS512", "ES256", "ES384"].map(str::to_owned).into()
}
fn default_certificates() -> String {
    "x509".to_owned()
}
fn default_ldap() -> String {
    "ldap".to_owned()
}
fn default_uid() -> String {
    "uid".to_owned()
}
fn default_user_filter() -> String {
    "(uid={user})".to_owned()
}
fn default_group_filter() -> String {
    "(member={dn})".to_owned()
}
fn default_wait() -> u64 {
    10_000
}
fn default_part() -> String {
    "cn".to_owned()
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
fn default_token_max() -> u64 {
    DAY_MS
}
fn default_session_max() -> u64 {
    12 * HOUR_MS
}
fn default_refresh() -> u64 {
    5 * MINUTE_MS
}
fn default_keep() -> u64 {
    DAY_MS
}

impl RawLogins {
    /// Takes tables of the file that are these.
    pub(super) fn lay(&mut self, key: &str, value: &Value, path: &Path) -> Result<bool, ConfigurationError> {
        let origin = || Origin::File(path.to_owned());
        match (key, value) {
            ("oidc", Value::Array(entries)) => {
                for (index, entry) in entries.iter().enumerate() {
                    self.oidc.push((read(format!("oidc[{index}]"), entry, path)?, origin()));
                }
            }
            ("certificates", Value::Table(_)) => {
                self.certificates = Some((read(key.to_owned(), value, path)?, origin()));
            }
            ("ldap", Value::Table(_)) => {
                self.ldap = Some((read(key.to_owned(), value, path)?, origin()));
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Checks every provider. `is_tls` says whether there are handshakes to show certificates in.
    pub(super) fn check(&self, is_tls: bool) -> Result<LoginSettings, ConfigurationError> {
        let mut names = Vec::new();
        let mut checked = LoginSettings::default();
        for (raw, origin) in &self.oidc {
            let entry = Entry { kind: "oidc", name: &raw.name, origin };
            entry.name_once(&mut names)?;
            let is_taken = checked.oidc.iter().any(|other| other.settings.issuer == raw.issuer);
            entry.expect(!is_taken, "issuer", &raw.issuer, "an issuer that no other `[[oidc]]` has")?;
            checked.oidc.push(oidc(raw, &entry)?);
            checked.sessions_max.insert(raw.name.clone(), entry.session_max(raw.session_max_ms)?);
        }
        if let Some((raw, origin)) = &self.certificates {
            if !is_tls {
                let (setting, needs) = ("certificates".to_owned(), "tls.cert".to_owned());
                return Err(ConfigurationError::Alone { setting, origin: origin.clone(), needs });
            }
            let entry = Entry { kind: "certificates", name: &raw.name, origin };
            entry.name_once(&mut names)?;
            checked.certificates = Some(certificates(raw, &entry)?);
            checked.sessions_max.insert(raw.name.clone(), entry.session_max(raw.session_max_ms)?);
        }
        if let Some((raw, origin)) = &self.ldap {
            let entry = Entry { kind: "ldap", name: &raw.name, origin };
            entry.name_once(&mut names)?;
            checked.ldap = Some(ldap(raw, &entry)?);
            checked.sessions_max.insert(raw.name.clone(), entry.session_max(raw.session_max_ms)?);
        }
        Ok(checked)
    }
}

fn read<T: for<'de> Deserialize<'de>>(name: String, entry: &Value, path: &Path) -> Result<T, ConfigurationError> {
    entry.clone().try_into().map_err(|error: toml::de::Error| ConfigurationError::Entry {
        entry: name,
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
        let min = match field {
            "refresh_ms" | "wait_ms" => 1_000,
            "token_max_ms" => MINUTE_MS,
            "session_max_ms" => 15 * MINUTE_MS,
            _ => 0,
        };
        self.expect((min..=max).contains(&value), field, &value.to_string(), &format!("{min} to {max}"))?;
        Ok(Duration::from_millis(value))
    }

    fn session_max(&self, value: u64) -> Result<Duration, ConfigurationError> {
        self.millis("session_max_ms", value, 36 * HOUR_MS)
    }

    /// Rules whose outcome must be a name of this kind.
    fn rules(
        &self,
        field: &str,
        rules: &[RawRule],
        is_name: fn(&str) -> bool,
    ) -> Result<Vec<NameRule>, ConfigurationError> {
        let allowed = "`becomes`, and either `is` or `prefix`; a `*` in `becomes` stands for what follows the prefix";
        let rule = |rule: &RawRule| {
            let (of, example) = match (&rule.is, &rule.prefix) {
                (Some(exact), None) => (Matching::Exact(exact.clone()), rule.becomes.clone()),
                (None, Some(prefix)) => (Matching::Prefix(prefix.clone()), rule.becomes.replace('*', "x")),
                // Which is no name of anything.
                _ => (Matching::Exact(String::new()), String::new()),
            };
            self.expect(is_name(&example), field, &rule.becomes, allowed)?;
            Ok(NameRule { of, name: rule.becomes.clone() })
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
        lifetime_max: entry.millis("token_max_ms", raw.token_max_ms, 366 * DAY_MS)?,
        subject: raw.subject.clone(),
        groups: raw.groups.clone(),
        group_rules: entry.rules("group", &raw.group, is_group_name)?,
        tags: raw.tags.clone(),
        authorities: None,
        refresh: entry.millis("refresh_ms", raw.refresh_ms, DAY_MS)?,
        keep: entry.millis("keep_ms", raw.keep_ms, 30 * DAY_MS)?,
    };
    Ok(OidcLogin { settings, ca_file: raw.ca_file.clone() })
}

fn certificates(raw: &RawCertificates, entry: &Entry<'_>) -> Result<ClientTrust, ConfigurationError> {
    let part = |field: &str, name: &String| {
        let allowed = "cn, o, ou, subject, dns, uri or email";
        let part = CertificatePart::of(name);
        entry.expect(part.is_some(), field, name, allowed)?;
        Ok(part.unwrap_or(CertificatePart::CommonName))
    };
    let rules = CertificateRules {
        name: raw.name.clone(),
        subject: part("subject", &raw.subject)?,
        user_rules: entry.rules("user", &raw.user, is_subject)?,
        groups: raw.groups.iter().map(|name| part("groups", name)).collect::<Result<_, _>>()?,
        group_rules: entry.rules("group", &raw.group, is_group_name)?,
    };
    Ok(ClientTrust { roots: raw.roots.clone(), revocations: raw.revocations.clone(), rules })
}

fn ldap(raw: &RawLdap, entry: &Entry<'_>) -> Result<LdapLogin, ConfigurationError> {
    let lookup = match (&raw.lookup_dn, &raw.lookup_password_file) {
        (Some(name), Some(file)) => Some((name.clone(), file.clone())),
        (None, None) => None,
        (Some(name), None) => {
            entry.expect(false, "lookup_dn", name, "`lookup_password_file` beside it")?;
            None
        }
        (None, Some(file)) => {
            entry.expect(false, "lookup_password_file", &file.display().to_string(), "`lookup_dn` beside it")?;
            None
        }
    };
    let settings = LdapSettings {
        name: raw.name.clone(),
        address: raw.address.clone(),
        start_tls: raw.start_tls,
        authorities: None,
        lookup: None,
        user_base: raw.user_base.clone(),
        user_filter: raw.user_filter.clone(),
        subject: raw.subject.clone(),
        groups: raw.groups.clone(),
        group_base: raw.group_base.clone(),
        group_filter: raw.group_filter.clone(),
        group_name: raw.group_name.clone(),
        group_rules: entry.rules("group", &raw.group, is_group_name)?,
        tags: raw.tags.clone(),
        wait: entry.millis("wait_ms", raw.wait_ms, MINUTE_MS)?,
    };
    Ok(LdapLogin { settings, ca_file: raw.ca_file.clone(), lookup })
}
