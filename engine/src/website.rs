//! Where a visit to a bucket's website leads.
//!
//! The configuration of a website says which object stands for a path, who is sent elsewhere, and what is shown when
//! something is missing. Everybody may walk through it, as in S3; nobody may read it without leave. So what leaves the
//! engine is a [`WebsiteRoutes`] that answers one question: at this path, after this, what next? Nothing of an object is
//! learnt here: whatever the next step looks at needs a permit of its own.
//!
//! ```text
//! Arrived ─▶ Redirect | Read(key) ─▶ Unread(status) ─▶ Look(key/index) ─▶ Found: Redirect to key/
//!                                                   └────────────────────▶ Failed(status): Redirect | ErrorDocument | Fail
//! ```

use std::sync::Arc;

use kernel::BucketName;
use kernel::settings::{BucketSettings, ReplaceKey, RoutingRule, Website};

use crate::{Engine, Error, Missing, Result};

/// The routes of a bucket's website.
#[derive(Debug, Clone)]
pub struct WebsiteRoutes(Arc<BucketSettings>);

/// How far a visit has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visit {
    /// Nothing was looked at.
    Arrived,
    /// The object could not be read; the answer would have this status.
    Unread(u16),
    /// There is an index document below the key.
    Found,
    /// The answer will have this status, whatever its body.
    Failed(u16),
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Answer with the object under this key.
    Read(String),
    /// Look whether there is an object under this key; then [`Visit::Found`] or [`Visit::Failed`].
    Look(String),
    /// Send the visitor elsewhere.
    Redirect(Redirect),
    /// Answer with the object under this key, and the status of the error.
    ErrorDocument(String),
    /// Nothing but the error is left to be shown.
    Fail,
}

/// Where a visitor is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redirect {
    /// A status of the class 3xx.
    pub status: u16,
    /// `http` or `https`; none for that of the request.
    pub protocol: Option<String>,
    /// The host; none for that of the request.
    pub host: Option<String>,
    /// What stands behind the host.
    pub target: Target,
}

/// What stands behind the host of a redirect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// The path and the query of the request.
    Same,
    /// A key.
    Key {
        /// How it begins: as it was configured, a query or a fragment included.
        configured: String,
        /// How it goes on: part of the key that was asked for.
        rest: String,
    },
}

impl Engine {
    /// The routes of a bucket's website. Needs no permit, as in S3: they show no more than where one visit leads.
    ///
    /// # Errors
    /// `NotFound` when there is no bucket, or no website.
    pub async fn website(&self, bucket: &BucketName) -> Result<WebsiteRoutes> {
        let facts = self.bucket_facts(bucket).await?;
        facts.settings.website.as_ref().ok_or(Error::NotFound(Missing::Website))?;
        Ok(WebsiteRoutes(Arc::clone(&facts.settings)))
    }
}

impl WebsiteRoutes {
    /// What to do next on a visit to a key, which is the path without its first slash.
    pub fn next(&self, key: &str, visit: Visit) -> Step {
        self.0.website.as_ref().map_or(Step::Fail, |website| route(website, key, visit))
    }
}

/// Sources: Amazon S3 User Guide, *Configuring an index document*, *Configuring a custom error document*, *(Optional)
/// Configuring a webpage redirect*.
fn route(website: &Website, key: &str, visit: Visit) -> Step {
    let index = website.index.as_deref().unwrap_or_default();
    let is_folder = key.is_empty() || key.ends_with('/');
    match visit {
        Visit::Arrived => arrive(website, key).unwrap_or_else(|| {
            let suffix = if is_folder { index } else { "" };
            Step::Read(format!("{key}{suffix}"))
        }),
        Visit::Unread(403 | 404) if !is_folder => Step::Look(format!("{key}/{index}")),
        Visit::Found => Step::Redirect(Redirect {
            status: 302,
            protocol: None,
            host: None,
            target: Target::Key { configured: String::new(), rest: format!("{key}/") },
        }),
        Visit::Unread(status) | Visit::Failed(status) => fail(website, key, status),
    }
}

/// Redirects that do not ask what there is.
fn arrive(website: &Website, key: &str) -> Option<Step> {
    if let Some(all) = &website.redirect_all {
        return Some(Step::Redirect(Redirect {
            status: 301,
            protocol: all.protocol.clone(),
            host: Some(all.host.clone()),
            target: Target::Same,
        }));
    }
    redirect(website, key, None)
}

fn fail(website: &Website, key: &str, status: u16) -> Step {
    redirect(website, key, Some(status)).unwrap_or_else(|| match &website.error {
        Some(document) if (400..500).contains(&status) => Step::ErrorDocument(document.clone()),
        _ => Step::Fail,
    })
}

/// By the first rule for keys like this one and, where there is one, for this error. Rules that name no error have had
/// their turn when it comes to that.
fn redirect(website: &Website, key: &str, error: Option<u16>) -> Option<Step> {
    let is_prefix = |rule: &&RoutingRule| rule.key_prefix.as_deref().is_none_or(|prefix| key.starts_with(prefix));
    let mut rules = website.rules.iter().filter(|rule| rule.error_status == error);
    let rule = rules.find(is_prefix)?;
    let prefix = rule.key_prefix.as_deref().unwrap_or_default();
    let (configured, rest) = match &rule.replace {
        Some(ReplaceKey::Key(text)) => (text.as_str(), ""),
        Some(ReplaceKey::Prefix(text)) => (text.as_str(), key.strip_prefix(prefix).unwrap_or(key)),
        None => ("", key),
    };
    Some(Step::Redirect(Redirect {
        status: rule.status.unwrap_or(301),
        protocol: rule.protocol.clone(),
        host: rule.host.clone(),
        target: Target::Key { configured: configured.to_owned(), rest: rest.to_owned() },
    }))
}

#[cfg(test)]
mod tests {
    use kernel::settings::RedirectAll;

    use super::*;

    fn website(rules: Vec<RoutingRule>) -> Website {
        let text = |text: &str| Some(text.to_owned());
        Website { index: text("index.html"), error: text("error.html"), redirect_all: None, rules }
    }

    fn rule(prefix: Option<&str>, error: Option<u16>, replace: Option<ReplaceKey>) -> RoutingRule {
        RoutingRule { key_prefix: prefix.map(str::to_owned), error_status: error, replace, ..RoutingRule::default() }
    }

    fn prefix(text: &str) -> Option<ReplaceKey> {
        Some(ReplaceKey::Prefix(text.to_owned()))
    }

    /// A step in few words.
    fn told(step: Step) -> String {
        match step {
            Step::Read(key) => format!("read {key}"),
            Step::Look(key) => format!("look {key}"),
            Step::ErrorDocument(key) => format!("error {key}"),
            Step::Fail => "fail".to_owned(),
            Step::Redirect(Redirect { status, protocol, host, target }) => {
                let (protocol, host) = (protocol.unwrap_or_default(), host.unwrap_or_default());
                let target = match target {
                    Target::Same => "as it was".to_owned(),
                    Target::Key { configured, rest } => format!("{configured}|{rest}"),
                };
                format!("{status} {protocol}:{host} {target}")
            }
        }
    }

    #[test]
    fn indexes_folders_and_error_documents() {
        let site = website(Vec::new());
        for (key, visit, step) in [
            ("", Visit::Arrived, "read index.html"),
            ("a", Visit::Arrived, "read a"),
            ("a/", Visit::Arrived, "read a/index.html"),
            ("/", Visit::Arrived, "read /index.html"),
            ("a//", Visit::Arrived, "read a//index.html"),
            ("a", Visit::Unread(404), "look a/index.html"),
            ("a", Visit::Unread(403), "look a/index.html"),
            ("a", Visit::Unread(412), "error error.html"),
            ("a", Visit::Unread(503), "fail"),
            ("a/", Visit::Unread(404), "error error.html"),
            ("", Visit::Unread(403), "error error.html"),
            ("a", Visit::Found, "302 : |a/"),
            ("a", Visit::Failed(404), "error error.html"),
            ("a", Visit::Failed(500), "fail"),
        ] {
            assert_eq!(told(route(&site, key, visit)), step, "{key} {visit:?}");
        }
        let bare = Website { error: None, ..site };
        assert_eq!(route(&bare, "a", Visit::Failed(404)), Step::Fail);
    }

    /// The examples of S3's guide, and what they leave open.
    #[test]
    fn rules_redirect_before_and_after_an_error() {
        let elsewhere = |rule| RoutingRule {
            host: Some("b.example".to_owned()),
            protocol: Some("https".to_owned()),
            status: Some(307),
            ..rule
        };
        let site = website(vec![
            rule(Some("docs/"), None, prefix("documents/")),
            rule(Some("images/"), None, Some(ReplaceKey::Key("folderdeleted.html".to_owned()))),
            rule(Some("docs/private/"), None, prefix("never/")),
            rule(Some("old/"), Some(404), prefix("")),
            elsewhere(rule(Some("app/"), Some(404), prefix("#!/"))),
            elsewhere(rule(None, Some(404), None)),
            rule(None, Some(403), Some(ReplaceKey::Key("?who".to_owned()))),
        ]);
        for (key, visit, step) in [
            ("docs/", Visit::Arrived, "301 : documents/|"),
            ("docs/x", Visit::Arrived, "301 : documents/|x"),
            ("docs/private/x", Visit::Arrived, "301 : documents/|private/x"),
            ("images/x", Visit::Arrived, "301 : folderdeleted.html|"),
            ("other", Visit::Arrived, "read other"),
            ("old/x", Visit::Arrived, "read old/x"),
            ("old/x", Visit::Unread(404), "look old/x/index.html"),
            ("old/x", Visit::Failed(404), "301 : |x"),
            ("app/a/b", Visit::Failed(404), "307 https:b.example #!/|a/b"),
            ("x", Visit::Failed(404), "307 https:b.example |x"),
            ("x/", Visit::Unread(404), "307 https:b.example |x/"),
            ("x", Visit::Failed(403), "301 : ?who|"),
            ("x", Visit::Failed(412), "error error.html"),
        ] {
            assert_eq!(told(route(&site, key, visit)), step, "{key} {visit:?}");
        }
        let always = website(vec![rule(None, None, None)]);
        assert_eq!(told(route(&always, "", Visit::Arrived)), "301 : |");
    }

    #[test]
    fn a_redirect_of_everything_asks_nothing() {
        let all = RedirectAll { host: "b.example".to_owned(), protocol: Some("https".to_owned()) };
        let site = Website { redirect_all: Some(all), ..Website::default() };
        for key in ["", "a/", "a"] {
            assert_eq!(told(route(&site, key, Visit::Arrived)), "301 https:b.example as it was", "{key}");
        }
    }
}
