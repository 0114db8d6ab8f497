//! Sites: the places where blobs may lie. Each is a `[[site]]` of the file or a family of variables
//! `TWINLAKE_SITE_<NAME>_KIND`, `_PATH`, `_URL` and `_OPTION_<OPTION>`, which lie over the file one by one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use kernel::SiteName;
use toml::Value;
use zeroize::Zeroizing;

use super::ConfigurationError;
use super::raw::{Given, Origin, Raw, scalar, unknown};

/// A site as it was written.
#[derive(Default)]
pub(super) struct RawSite {
    kind: Option<Given>,
    path: Option<Given>,
    url: Option<Given>,
    options: BTreeMap<String, Given>,
}

/// A site, checked.
pub(crate) struct SiteSettings {
    pub(crate) name: SiteName,
    pub(crate) kind: SiteKind,
}

/// What a site stands on.
pub(crate) enum SiteKind {
    /// A directory of this machine.
    Local { path: PathBuf },
    /// Whatever `object_store` reaches. Options may hold credentials.
    ObjectStore { url: String, options: BTreeMap<String, Zeroizing<String>> },
}

impl RawSite {
    /// The site and its name, from an entry of the file.
    pub(super) fn from_file(index: usize, value: Value, path: &Path) -> Result<(String, Self), ConfigurationError> {
        let origin = || Origin::File(path.to_owned());
        let wrong = |setting: String, value: &Value, allowed: &str| ConfigurationError::Value {
            setting,
            value: format!("a {}", value.type_str()),
            origin: origin(),
            allowed: allowed.to_owned(),
        };
        let Value::Table(table) = value else {
            return Err(wrong(format!("site[{index}]"), &value, "a table"));
        };
        let (mut site, mut name) = (Self::default(), None);
        for (key, value) in table {
            let setting = format!("site[{index}].{key}");
            if let ("options", Value::Table(options)) = (key.as_str(), &value) {
                for (option, value) in options {
                    let text = scalar(value).ok_or_else(|| wrong(format!("{setting}.{option}"), value, "a text"))?;
                    site.options.insert(option.clone(), Given { text, origin: origin() });
                }
                continue;
            }
            let text = scalar(&value).ok_or_else(|| wrong(setting.clone(), &value, "a text"))?;
            let given = Some(Given { text, origin: origin() });
            match key.as_str() {
                "name" => name = given,
                "kind" => site.kind = given,
                "path" => site.path = given,
                "url" => site.url = given,
                _ => {
                    return Err(unknown(setting, origin(), "; a site has name, kind, path or url, and options"));
                }
            }
        }
        match name {
            Some(name) => Ok((name.text, site)),
            None => Err(unset(&format!("site[{index}].name"), origin(), "a name")),
        }
    }

    /// Takes a variable if it is one of a site.
    pub(super) fn lay_variable(sites: &mut BTreeMap<String, Self>, variable: &str, text: String) -> bool {
        let Some(rest) = variable.strip_prefix("TWINLAKE_SITE_") else {
            return false;
        };
        let given = Given { text, origin: Origin::Environment(variable.to_owned()) };
        let site_name = |name: &str| name.to_ascii_lowercase().replace('_', "-");
        if let Some((name, option)) = rest.split_once("_OPTION_") {
            sites.entry(site_name(name)).or_default().options.insert(option.to_ascii_lowercase(), given);
            return true;
        }
        let Some((name, field @ ("KIND" | "PATH" | "URL"))) = rest.rsplit_once('_') else {
            return false;
        };
        let site = sites.entry(site_name(name)).or_default();
        match field {
            "KIND" => site.kind = Some(given),
            "PATH" => site.path = Some(given),
            _ => site.url = Some(given),
        }
        true
    }

    fn check(&self, name: &str) -> Result<SiteSettings, ConfigurationError> {
        const NAMES: &str = "1 to 32 of a-z, 0-9 and -, begun with a letter";
        let setting = |field: &str| format!("site {name}: {field}");
        let Some(kind) = &self.kind else {
            return Err(unset(&setting("kind"), Origin::Default, "local or object-store"));
        };
        let name = SiteName::new(name).map_err(|_| ConfigurationError::Value {
            setting: "site: name".to_owned(),
            value: format!("`{name}`"),
            origin: kind.origin.clone(),
            allowed: NAMES.to_owned(),
        })?;
        // Options may hold secrets, and so may a URL: neither is shown.
        let refuse = |field: &str, given: Option<&Given>| match given {
            Some(given) => Err(ConfigurationError::Value {
                setting: setting(field),
                value: "set".to_owned(),
                origin: given.origin.clone(),
                allowed: format!("nothing, for a site of kind {}", kind.text),
            }),
            None => Ok(()),
        };
        let kind = match kind.text.as_str() {
            "local" => {
                refuse("url", self.url.as_ref())?;
                refuse("options", self.options.values().next())?;
                let Some(path) = &self.path else {
                    return Err(unset(&setting("path"), Origin::Default, "a directory"));
                };
                SiteKind::Local { path: path.text.as_str().into() }
            }
            "object-store" => {
                refuse("path", self.path.as_ref())?;
                let Some(url) = &self.url else {
                    return Err(unset(&setting("url"), Origin::Default, "a URL such as s3://bucket/prefix"));
                };
                let options = self.options.iter();
                let options = options.map(|(option, given)| (option.clone(), Zeroizing::new(given.text.clone())));
                SiteKind::ObjectStore { url: url.text.clone(), options: options.collect() }
            }
            _ => {
                return Err(ConfigurationError::Value {
                    setting: setting("kind"),
                    value: format!("`{}`", kind.text),
                    origin: kind.origin.clone(),
                    allowed: "local or object-store".to_owned(),
                });
            }
        };
        Ok(SiteSettings { name, kind })
    }
}

fn unset(setting: &str, origin: Origin, allowed: &str) -> ConfigurationError {
    let value = "not set".to_owned();
    ConfigurationError::Value { setting: setting.to_owned(), value, origin, allowed: allowed.to_owned() }
}

/// Checks every site that was named.
pub(super) fn check(raw: &Raw) -> Result<Vec<SiteSettings>, ConfigurationError> {
    raw.sites.iter().map(|(name, site)| site.check(name)).collect()
}
