//! What is said to a directory, and how its answers are read.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use ldap3::{Ldap, LdapConnAsync, LdapConnSettings, LdapError, ResultEntry, Scope, SearchOptions};
use rustls::ClientConfig;
use url::Url;

/// Longest wait for one answer.
const ANSWER_WAIT: Duration = Duration::from_secs(10);
/// Values of an attribute that are looked at.
const VALUES_MAX: usize = 1_000;
/// Name or password are wrong. Source: RFC 4511, appendix A.
const INVALID_CREDENTIALS: u32 = 49;
const SIZE_LIMIT_EXCEEDED: u32 = 4;
const NO_SUCH_OBJECT: u32 = 32;

/// A connection on which one thing is said after another.
pub(super) struct Conversation(Ldap);

/// An entry of a directory: its name, and attributes that are text.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) dn: String,
    /// By their names in lower case.
    attributes: HashMap<String, Vec<String>>,
}

impl Entry {
    pub(super) fn values(&self, attribute: &str) -> &[String] {
        self.attributes.get(&attribute.to_ascii_lowercase()).map_or(&[], Vec::as_slice)
    }

    /// Reads an answer; none where it is not what an entry is. The library would panic.
    ///
    /// Source: RFC 4511, section 4.5.2.
    fn read(answer: ResultEntry) -> Option<Self> {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).ok();
        let mut parts = answer.0.match_id(4)?.expect_constructed()?.into_iter();
        let dn = text(parts.next()?.expect_primitive()?)?;
        let mut entry = Self { dn, attributes: HashMap::new() };
        for attribute in parts.next()?.expect_constructed()? {
            let mut parts = attribute.expect_constructed()?.into_iter();
            let name = text(parts.next()?.expect_primitive()?)?.to_ascii_lowercase();
            let values = parts.next()?.expect_constructed()?.into_iter().take(VALUES_MAX);
            let values = values.filter_map(|value| text(value.expect_primitive()?)).collect();
            entry.attributes.insert(name, values);
        }
        Some(entry)
    }
}

impl Conversation {
    /// Connects. The first of the two must run while anything is said.
    pub(super) async fn begin(
        address: &Url,
        tls: Option<Arc<ClientConfig>>,
        start_tls: bool,
    ) -> Result<(impl Future<Output = Result<(), LdapError>> + use<>, Self), LdapError> {
        let mut settings = LdapConnSettings::new().set_conn_timeout(ANSWER_WAIT).set_starttls(start_tls);
        if let Some(tls) = tls {
            settings = settings.set_config(tls);
        }
        let (connection, ldap) = LdapConnAsync::from_url_with_settings(settings, address).await?;
        Ok((connection.drive(), Self(ldap)))
    }

    /// Whether somebody has this password.
    pub(super) async fn bind(&mut self, dn: &str, password: &str) -> Result<bool, LdapError> {
        let answer = self.0.with_timeout(ANSWER_WAIT).simple_bind(dn, password).await?;
        if answer.rc != 0 && answer.rc != INVALID_CREDENTIALS {
            tracing::debug!(result = answer.rc, "a directory does not bind");
        }
        Ok(answer.rc == 0)
    }

    /// Binds as the lake itself.
    pub(super) async fn bind_surely(&mut self, dn: &str, password: &str) -> Result<(), LdapError> {
        self.0.with_timeout(ANSWER_WAIT).simple_bind(dn, password).await?.success().map(drop)
    }

    /// Up to `limit` entries below a base.
    pub(super) async fn search(
        &mut self,
        base: &str,
        filter: &str,
        attributes: &[&str],
        limit: usize,
    ) -> Result<Vec<Entry>, LdapError> {
        let options = SearchOptions::new().sizelimit(i32::try_from(limit).unwrap_or(i32::MAX));
        let asked = self.0.with_timeout(ANSWER_WAIT).with_search_options(options);
        let mut answers = asked.streaming_search(base, Scope::Subtree, filter, attributes.to_vec()).await?;
        let mut found = Vec::new();
        while let Some(answer) = answers.next().await? {
            if answer.is_ref() || answer.is_intermediate() {
                continue;
            }
            found.extend(Entry::read(answer));
            if found.len() >= limit {
                // What else comes belongs to nobody any more; the connection ends with the conversation.
                return Ok(found);
            }
        }
        let end = answers.finish().await;
        if [SIZE_LIMIT_EXCEEDED, NO_SUCH_OBJECT].contains(&end.rc) { Ok(found) } else { end.success().map(|_| found) }
    }
}
