//! Directories: who knows the password of somebody there is that somebody.
//!
//! One login is one conversation on a connection of its own. The lake looks somebody up by name, as itself or as nobody;
//! then it tries the password by binding as whoever it found; then, as itself again, it looks up the groups. What a person
//! types reaches a filter escaped and a bind as it is, and never an empty password: to a directory that is no wrong
//! password but a bind as nobody, which succeeds.
//!
//! Source: RFC 4511; RFC 4513, section 5.1.2; RFC 4515, section 3.

mod conversation;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use kernel::Clock;
use ldap3::LdapError;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use url::{Host, Url};
use zeroize::Zeroizing;

use crate::claims::NameRule;
use crate::{Identified, SetupError, claims};
use conversation::{Conversation, Entry};

/// Conversations with one directory at once; further logins wait their turn.
const CONVERSATIONS_MAX: usize = 16;
const USER_CHARS_MAX: usize = 256;
const PASSWORD_BYTES_MAX: usize = 1_024;
/// Groups of somebody that are looked at.
const GROUPS_MAX: usize = 1_000;
/// What stands for the name that somebody typed, in the filter of users.
pub const USER: &str = "{user}";
/// What stands for the distinguished name of whoever was found, in the filter of groups.
pub const DN: &str = "{dn}";

/// A directory, as the operator describes it.
#[derive(Clone)]
pub struct LdapSettings {
    /// What the lake calls it.
    pub name: String,
    /// `ldaps://HOST[:PORT]`, or `ldap://…`.
    pub address: String,
    /// Whether `ldap` turns into TLS before anything is said.
    pub start_tls: bool,
    /// The authorities that may vouch for the address, as PEM; none for those of the machine.
    pub authorities: Option<Vec<u8>>,
    /// The name and the password that the lake looks things up with; none to look them up as nobody.
    pub lookup: Option<(String, Zeroizing<String>)>,
    /// Below what users are looked for.
    pub user_base: String,
    /// Which entry a user is: a filter with [`USER`] in it.
    pub user_filter: String,
    /// The attribute that names somebody. What a person types may be written in many ways, this in one.
    pub subject: String,
    /// Attributes of a user that hold groups, such as `memberOf`.
    pub groups: Vec<String>,
    /// Below what groups are looked for; none where they are not.
    pub group_base: Option<String>,
    /// Which entries the groups of somebody are: a filter with [`DN`] or [`USER`] in it.
    pub group_filter: String,
    /// The attribute that names a group; `dn` for its distinguished name.
    pub group_name: String,
    /// Which groups of the lake these stand for.
    pub group_rules: Vec<NameRule>,
    /// Tags, and the attribute that each takes its value from.
    pub tags: BTreeMap<String, String>,
    /// How long a login may take.
    pub wait: Duration,
}

/// Why a password lets nobody in.
#[derive(Debug, thiserror::Error)]
pub enum LdapFault {
    /// Nobody of this name has this password.
    #[error("the user name or the password is wrong")]
    Wrong,
    /// The directory cannot be asked.
    #[error("the directory `{directory}` cannot be asked")]
    Unreachable {
        /// Its name.
        directory: String,
        /// Why; none where it took too long.
        #[source]
        source: Option<LdapError>,
    },
}

/// A directory.
pub struct Ldap {
    settings: LdapSettings,
    address: Url,
    /// None to trust the authorities of the machine.
    tls: Option<Arc<ClientConfig>>,
    clock: Arc<dyn Clock>,
    places: Semaphore,
}

impl Ldap {
    /// A directory, which is not asked for anything yet.
    ///
    /// # Errors
    /// [`SetupError`] where it cannot be asked as it is described.
    pub fn new(settings: LdapSettings, clock: Arc<dyn Clock>) -> Result<Self, SetupError> {
        let wrong = || SetupError::Directory(settings.address.clone());
        let address = Url::parse(&settings.address).map_err(|_| wrong())?;
        let is_here = match address.host() {
            Some(Host::Ipv4(ip)) => ip.is_loopback(),
            Some(Host::Ipv6(ip)) => ip.is_loopback(),
            // Of schemes that it does not know, the address parser leaves the host as it is written.
            Some(Host::Domain(name)) => matches!(name, "localhost" | "127.0.0.1"),
            None => return Err(wrong()),
        };
        let is_private = address.scheme() == "ldaps" || address.scheme() == "ldap" && (settings.start_tls || is_here);
        if !is_private || !address.username().is_empty() || address.password().is_some() {
            return Err(wrong());
        }
        for (filter, holes) in [(&settings.user_filter, &[USER][..]), (&settings.group_filter, &[USER, DN][..])] {
            let example = holes.iter().fold(filter.clone(), |filled, hole| filled.replace(hole, "x"));
            if ldap3::parse_filter(&example).is_err() || example == *filter {
                return Err(SetupError::Filter(filter.clone()));
            }
        }
        let tls = settings.authorities.as_deref().map(trusting).transpose()?;
        Ok(Self { settings, address, tls, clock, places: Semaphore::new(CONVERSATIONS_MAX) })
    }

    /// Who has this name and this password.
    ///
    /// # Errors
    /// [`LdapFault`].
    pub async fn login(&self, user: &str, password: &str) -> Result<Identified, LdapFault> {
        let is_name = (1..=USER_CHARS_MAX).contains(&user.chars().count()) && !user.chars().any(char::is_control);
        if !is_name || password.is_empty() || password.len() > PASSWORD_BYTES_MAX {
            return Err(LdapFault::Wrong);
        }
        let unreachable = |source| LdapFault::Unreachable { directory: self.settings.name.clone(), source };
        let login = async {
            let _place = self.places.acquire().await.map_err(|_| unreachable(None))?;
            let begun = Conversation::begin(&self.address, self.tls.clone(), self.settings.start_tls);
            let (driver, conversation) = begun.await.map_err(|source| unreachable(Some(source)))?;
            tokio::select! {
                said = self.converse(conversation, user, password) => said.map_err(|source| unreachable(Some(source))),
                _ = driver => Err(unreachable(None)),
            }
        };
        let found = tokio::select! {
            found = login => found?,
            () = self.clock.sleep(self.settings.wait) => return Err(unreachable(None)),
        };
        found.ok_or(LdapFault::Wrong)
    }

    /// The whole of a login; nobody where name or password are wrong.
    async fn converse(
        &self,
        mut directory: Conversation,
        user: &str,
        password: &str,
    ) -> Result<Option<Identified>, LdapError> {
        let settings = &self.settings;
        self.look_up(&mut directory).await?;
        let filter = settings.user_filter.replace(USER, &ldap3::ldap_escape(user));
        let mut wanted = vec![settings.subject.as_str()];
        wanted.extend(settings.groups.iter().chain(settings.tags.values()).map(String::as_str));
        let mut found = directory.search(&settings.user_base, &filter, &wanted, 2).await?;
        let (Some(entry), None) = (found.pop(), found.pop()) else {
            // Who is not there is tried as well; whatever comes of it is no login.
            directory.bind(&settings.user_base, password).await?;
            return Ok(None);
        };
        if !directory.bind(&entry.dn, password).await? {
            return Ok(None);
        }
        let [subject] = entry.values(&settings.subject) else { return Ok(None) };
        if !claims::is_subject(subject) {
            return Ok(None);
        }
        let groups = self.groups_of(&mut directory, &entry, subject).await?;
        Ok(Some(self.identified(&entry, subject, &groups)))
    }

    /// Makes what follows be asked by the lake itself.
    async fn look_up(&self, directory: &mut Conversation) -> Result<(), LdapError> {
        let (name, password) = match &self.settings.lookup {
            Some((name, password)) => (name.as_str(), password.as_str()),
            None => ("", ""),
        };
        directory.bind_surely(name, password).await
    }

    async fn groups_of(
        &self,
        directory: &mut Conversation,
        user: &Entry,
        subject: &str,
    ) -> Result<Vec<String>, LdapError> {
        let settings = &self.settings;
        let mut groups: Vec<String> =
            settings.groups.iter().flat_map(|attribute| user.values(attribute)).cloned().collect();
        let Some(base) = &settings.group_base else { return Ok(groups) };
        self.look_up(directory).await?;
        let filter = settings.group_filter.replace(DN, &ldap3::ldap_escape(user.dn.as_str()));
        let filter = filter.replace(USER, &ldap3::ldap_escape(subject));
        let found = directory.search(base, &filter, &[settings.group_name.as_str()], GROUPS_MAX).await?;
        for entry in found {
            match settings.group_name.as_str() {
                "dn" => groups.push(entry.dn),
                attribute => groups.extend(entry.values(attribute).iter().cloned()),
            }
        }
        Ok(groups)
    }

    fn identified(&self, entry: &Entry, subject: &str, groups: &[String]) -> Identified {
        let settings = &self.settings;
        let attributes: serde_json::Map<String, Value> =
            settings.tags.values().map(|name| (name.clone(), json!(entry.values(name)))).collect();
        let key = |name: &str| format!("{}:{name}", settings.name);
        let keys = [
            ("aws:federatedprovider".to_owned(), settings.name.clone()),
            (key("sub"), subject.to_owned()),
            (key("dn"), entry.dn.clone()),
        ];
        Identified {
            provider: settings.name.clone(),
            subject: subject.to_owned(),
            groups: claims::groups(&settings.group_rules, groups.iter().map(String::as_str)),
            tags: claims::tags(&Value::Object(attributes), &settings.tags),
            keys: keys.into(),
            expires: None,
        }
    }
}

/// TLS that trusts the authorities of a PEM bundle and no others.
fn trusting(authorities: &[u8]) -> Result<Arc<ClientConfig>, SetupError> {
    let mut roots = RootCertStore::empty();
    for root in CertificateDer::pem_slice_iter(authorities) {
        let root = root.map_err(|_| SetupError::DirectoryAuthorities)?;
        roots.add(root).map_err(|_| SetupError::DirectoryAuthorities)?;
    }
    if roots.is_empty() {
        return Err(SetupError::DirectoryAuthorities);
    }
    Ok(Arc::new(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth()))
}
