//! What the operator may set.
//!
//! Two steps. First the flags, the environment, the file and the defaults are laid over one another, as text, and whatever
//! nobody knows is refused by its name ([`raw`]). Then each text is turned into what it means, or refused with the
//! setting, the value, where it came from and what is allowed (here). The table of all settings ([`table`]) says the
//! bounds once: the check, the message and `docs/configuration.md` come from it.

mod logins;
mod raw;
mod site;
mod table;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use engine::{
    AuditLevel, AuditSettings, EngineSettings, HistorySettings, StaleUploadSettings, SweepSettings, TimeTrust,
};
use gateway::Limits;
use kernel::Region;
use kernel::settings::Ownership;
use zeroize::Zeroizing;

pub(crate) use logins::LoginSettings;
pub(crate) use raw::{Origin, Raw};
pub(crate) use site::{SiteKind, SiteSettings};
pub(crate) use table::{SETTINGS, rows};

use table::Setting;

/// Why the server does not start with these settings.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigurationError {
    /// The file cannot be read.
    #[error("the configuration file `{}` cannot be read", path.display())]
    Unreadable {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    /// The file is no TOML. The offending line is not repeated: it may hold a secret.
    #[error("the configuration file `{}` is no TOML: line {line}: {reason}", path.display())]
    Syntax { path: PathBuf, line: usize, reason: String },
    /// The file has a key that is no setting.
    #[error("`{key}` in {origin} is no setting{hint}")]
    Unknown { key: String, origin: Origin, hint: String },
    /// A value that is not allowed. Values of secrets are not shown.
    #[error("`{setting}` is {value} ({origin}); allowed: {allowed}")]
    Value { setting: String, value: String, origin: Origin, allowed: String },
    /// A table of the file that cannot be read.
    #[error("`{entry}` in {origin} cannot be read: {reason}")]
    Entry { entry: String, origin: Origin, reason: String },
    /// A setting that needs another one beside it.
    #[error("`{setting}` is set ({origin}) and needs `{needs}` beside it")]
    Alone { setting: String, origin: Origin, needs: String },
}

/// The certificate chain and its key, both PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TlsFiles {
    pub(crate) cert: PathBuf,
    pub(crate) key: PathBuf,
}

/// Root's keys, where the environment sets them.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct RootKeys {
    pub(crate) access_key: String,
    pub(crate) secret_key: Zeroizing<String>,
}

/// How logs are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// A line for people.
    Text,
    /// A JSON object a line.
    Json,
}

/// What the catalogue may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CatalogueSettings {
    pub(crate) cache_bytes: usize,
    pub(crate) group_bytes_max: usize,
    pub(crate) group_batches_max: usize,
}

/// All settings, checked.
pub(crate) struct Settings {
    pub(crate) data_dir: PathBuf,
    /// None: `master.key` in the data directory.
    pub(crate) master_key_file: Option<PathBuf>,
    /// The one lake that may be served, 32 hex digits; none for whichever the directory holds.
    pub(crate) deployment: Option<String>,
    pub(crate) listen: SocketAddr,
    pub(crate) tls: Option<TlsFiles>,
    pub(crate) region: Region,
    pub(crate) domains: Vec<String>,
    pub(crate) website_domains: Vec<String>,
    pub(crate) root: Option<RootKeys>,
    pub(crate) log_format: LogFormat,
    pub(crate) log_level: tracing::Level,
    pub(crate) catalogue: CatalogueSettings,
    pub(crate) engine: EngineSettings,
    pub(crate) sweep: SweepSettings,
    pub(crate) stale_uploads: StaleUploadSettings,
    pub(crate) history: HistorySettings,
    /// How long work in the background rests when it found nothing.
    pub(crate) sweep_idle: Duration,
    pub(crate) limits: Limits,
    /// The sites named in the configuration. Home is there only if the operator moved it.
    pub(crate) sites: Vec<SiteSettings>,
    /// Who else may vouch for callers.
    pub(crate) logins: LoginSettings,
}

impl Settings {
    /// Checks what was given.
    ///
    /// # Errors
    /// The first setting that is not allowed.
    pub(crate) fn check(raw: &Raw) -> Result<Self, ConfigurationError> {
        Ok(Self {
            data_dir: raw.text("data_dir").into(),
            master_key_file: raw.optional("master_key_file").map(PathBuf::from),
            deployment: raw.parsed("deployment", deployment)?,
            listen: raw.parsed("listen", |text| text.parse().ok())?,
            tls: both(raw, "tls.cert", "tls.key")?.map(|(cert, key)| TlsFiles { cert: cert.into(), key: key.into() }),
            region: raw.parsed("region", |text| Region::new(text).ok())?,
            domains: raw.parsed("domain", domains)?,
            website_domains: website_domains(raw)?,
            root: root_keys(raw)?,
            log_format: if raw.choice("log.format")? == "json" { LogFormat::Json } else { LogFormat::Text },
            log_level: raw.parsed("log.level", |text| text.parse().ok())?,
            catalogue: CatalogueSettings {
                cache_bytes: raw.count("catalogue.cache_bytes")?,
                group_bytes_max: raw.count("catalogue.group_bytes_max")?,
                group_batches_max: raw.count("catalogue.group_batches_max")?,
            },
            engine: EngineSettings {
                inline_bytes_max: raw.number("objects.inline_bytes_max")?,
                body_bytes_max: raw.number("objects.body_bytes_max")?,
                part_bytes_min: raw.number("objects.part_bytes_min")?,
                hidden_rows_max: raw.count("objects.hidden_rows_max")?,
                ownership_default: match raw.choice("objects.ownership_default")? {
                    "BucketOwnerEnforced" => Some(Ownership::BucketOwnerEnforced),
                    "BucketOwnerPreferred" => Some(Ownership::BucketOwnerPreferred),
                    // Said by nobody, so that buckets answer as those of old do.
                    _ => None,
                },
                time_trust: match raw.choice("trusted_time")? {
                    "system" => TimeTrust::System,
                    _ => TimeTrust::Guarded,
                },
                audit: AuditSettings {
                    level: match raw.choice("audit.record")? {
                        "changes" => AuditLevel::Changes,
                        "accesses" => AuditLevel::Accesses,
                        _ => AuditLevel::Refusals,
                    },
                    keep_days: u32::try_from(raw.number("audit.keep_days")?).unwrap_or(u32::MAX),
                    bytes_max: raw.number("audit.bytes_max")?,
                },
            },
            sweep: SweepSettings { delay: raw.millis("sweep.delay_ms")?, batch: raw.count("sweep.batch")? },
            stale_uploads: StaleUploadSettings {
                age: Some(raw.millis("sweep.stale_upload_age_ms")?).filter(|age| !age.is_zero()),
                batch: raw.count("sweep.batch")?,
            },
            history: HistorySettings {
                retention: raw.millis("sweep.as_of_retention_ms")?,
                batch: raw.count("sweep.batch")?,
            },
            sweep_idle: raw.millis("sweep.idle_ms")?,
            limits: limits(raw)?,
            sites: site::check(raw)?,
            logins: raw.logins.check(raw.optional("tls.cert").is_some())?,
        })
    }
}

impl Raw {
    fn setting(key: &str) -> &'static Setting {
        SETTINGS.iter().find(|setting| setting.key == key).expect("every key in the code stands in the table")
    }
    /// The text of a setting; empty where it has no default and nobody set it.
    fn text(&self, key: &str) -> &str {
        self.given(key).map_or(Self::setting(key).default, |given| given.text.as_str())
    }
    fn optional(&self, key: &str) -> Option<&str> {
        Some(self.text(key)).filter(|text| !text.is_empty())
    }
    fn refuse(&self, key: &str) -> ConfigurationError {
        let setting = Self::setting(key);
        let value = if setting.secret { "not shown".to_owned() } else { format!("`{}`", self.text(key)) };
        let allowed = setting.allowed.to_string();
        ConfigurationError::Value { setting: key.to_owned(), value, origin: self.origin(key), allowed }
    }
    fn parsed<T>(&self, key: &str, parse: impl FnOnce(&str) -> Option<T>) -> Result<T, ConfigurationError> {
        parse(self.text(key)).ok_or_else(|| self.refuse(key))
    }
    fn number(&self, key: &str) -> Result<u64, ConfigurationError> {
        let bounds = Self::setting(key).allowed.bounds();
        self.parsed(key, |text| text.replace('_', "").parse().ok().filter(|number| bounds.contains(number)))
    }
    fn count(&self, key: &str) -> Result<usize, ConfigurationError> {
        usize::try_from(self.number(key)?).map_err(|_| self.refuse(key))
    }
    fn millis(&self, key: &str) -> Result<Duration, ConfigurationError> {
        self.number(key).map(Duration::from_millis)
    }
    fn choice(&self, key: &str) -> Result<&'static str, ConfigurationError> {
        let choices = Self::setting(key).allowed.choices();
        self.parsed(key, |text| choices.iter().find(|choice| **choice == text).copied())
    }
}

/// Two settings that only make sense together.
fn both<'a>(raw: &'a Raw, one: &str, other: &str) -> Result<Option<(&'a str, &'a str)>, ConfigurationError> {
    let alone = |setting: &str, needs: &str| {
        let origin = raw.origin(setting);
        Err(ConfigurationError::Alone { setting: setting.to_owned(), origin, needs: needs.to_owned() })
    };
    match (raw.optional(one), raw.optional(other)) {
        (Some(first), Some(second)) => Ok(Some((first, second))),
        (None, None) => Ok(None),
        (Some(_), None) => alone(one, other),
        (None, Some(_)) => alone(other, one),
    }
}

fn root_keys(raw: &Raw) -> Result<Option<RootKeys>, ConfigurationError> {
    let Some((access_key, secret_key)) = both(raw, "root_access_key", "root_secret_key")? else {
        return Ok(None);
    };
    let is_word = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
    if !(3..=128).contains(&access_key.len()) || !is_word(access_key) {
        return Err(raw.refuse("root_access_key"));
    }
    if !(16..=128).contains(&secret_key.len()) || !secret_key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(raw.refuse("root_secret_key"));
    }
    Ok(Some(RootKeys { access_key: access_key.to_owned(), secret_key: Zeroizing::new(secret_key.to_owned()) }))
}

/// Nothing, or 16 bytes in lower-case hex.
fn deployment(text: &str) -> Option<Option<String>> {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    match text {
        "" => Some(None),
        _ => (text.len() == 32 && text.bytes().all(is_digit)).then(|| Some(text.to_owned())),
    }
}

/// A list of DNS names, parted by commas.
fn domains(text: &str) -> Option<Vec<String>> {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let is_name = |name: &str| name.len() <= 253 && name.parse::<IpAddr>().is_err() && name.split('.').all(is_label);
    let names = text.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
    names.map(|name| Some(name).filter(|name| is_name(name))).collect()
}

/// A name cannot be both: its buckets would answer in two ways at once.
fn website_domains(raw: &Raw) -> Result<Vec<String>, ConfigurationError> {
    let taken = raw.parsed("domain", domains)?;
    let names = raw.parsed("website_domain", domains)?;
    if names.iter().any(|name| taken.contains(name)) { Err(raw.refuse("website_domain")) } else { Ok(names) }
}

fn limits(raw: &Raw) -> Result<Limits, ConfigurationError> {
    Ok(Limits {
        connections_max: raw.count("limits.connections_max")?,
        connections_per_address_max: raw.count("limits.connections_per_address_max")?,
        handshakes_max: raw.count("limits.handshakes_max")?,
        handshake_wait: raw.millis("limits.handshake_wait_ms")?,
        head_wait: raw.millis("limits.head_wait_ms")?,
        idle_wait: raw.millis("limits.idle_wait_ms")?,
        body_wait: raw.millis("limits.body_wait_ms")?,
        body_bytes_per_second_min: raw.number("limits.body_bytes_per_second_min")?,
        write_wait: raw.millis("limits.write_wait_ms")?,
        drain_wait: raw.millis("limits.drain_wait_ms")?,
        requests_max: raw.count("limits.requests_max")?,
        buffered_bytes_max: raw.count("limits.buffered_bytes_max")?,
        head_bytes_max: raw.count("limits.head_bytes_max")?,
        uri_bytes_max: raw.count("limits.uri_bytes_max")?,
        document_bytes_max: raw.count("limits.document_bytes_max")?,
        chunk_bytes_max: raw.count("limits.chunk_bytes_max")?,
        streams_per_connection_max: u32::try_from(raw.number("limits.streams_per_connection_max")?)
            .map_err(|_| raw.refuse("limits.streams_per_connection_max"))?,
    })
}

#[cfg(test)]
mod tests;
