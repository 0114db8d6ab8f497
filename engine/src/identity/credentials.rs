//! Signing in: from what a request shows to who sent it. Nothing here believes a request; the gateway has verified the
//! signature, the token or the certificate, or will do so with the secret that it gets here.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use kernel::{AccountId, AuthMethod, Narrowing, Principal, PrincipalKind, Timestamp};
use metadata::{DocumentEdit, DocumentKind};
use serde::{Deserialize, Serialize};
use storage::{DataKey, SessionKey, secret_text};
use zeroize::Zeroizing;

use super::accounts::hex;
use super::keys::{vault_refused, wrapped_key};
use super::records::{AccessKey, User, account_id};
use super::roster::Roster;
use super::sessions::Carried;
use crate::{Engine, Error, Result};

/// What access keys of sessions begin with.
const SESSION_PREFIX: &str = "ASIA";
/// What documents of keys of the lake's own are called.
const KEY_NAME: &str = "current";

/// Why somebody is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CredentialFault {
    /// There is no such access key, or it may not be used, or it is one of temporary keys and came without their token.
    #[error("there is no such access key")]
    Key,
    /// Permanent keys came with a token, or temporary ones with another than theirs.
    #[error("the session token does not belong to the access key")]
    Token,
    /// The session is over, or rests on a provider that is asked no more.
    #[error("the session is over")]
    Expired,
}

/// Somebody who was let in by a provider outside the lake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outside {
    /// The provider's name in the configuration.
    pub provider: String,
    /// Who it is there.
    pub subject: String,
    /// Groups, as the lake calls them.
    pub groups: BTreeSet<String>,
    /// Tags that claims stand for.
    pub tags: BTreeMap<String, String>,
    /// Condition keys that the credentials bring, in lower case.
    pub keys: BTreeMap<String, String>,
    /// How it proved who it is.
    pub method: AuthMethod,
}

/// A key of the lake's own, as it is stored.
#[derive(Debug, Serialize, Deserialize)]
struct StoredKey {
    master: String,
    wrapped: String,
}

impl Engine {
    /// The secret of an access key, permanent or of a session; none where there is no such key. For a session there
    /// always is one: what tells a real session from a made-up key is its token.
    ///
    /// # Errors
    /// `Unavailable` when the key vault refuses.
    pub fn secret_of(&self, access_key: &str) -> Result<Option<Zeroizing<String>>> {
        if access_key.starts_with(SESSION_PREFIX) {
            return Ok(self.identities.session_key.get().map(|key| key.secret_of(access_key)));
        }
        let roster = self.identities.roster();
        let Ok(key) = roster.find::<AccessKey>(access_key) else { return Ok(None) };
        if !key.active {
            return Ok(None);
        }
        let open = || {
            let damaged =
                || Error::Corrupt { what: format!("the access key `{access_key}`"), source: "no wrapped key".into() };
            let wrapped = wrapped_key(&key.master, &key.wrapped).ok_or_else(damaged)?;
            self.blobs.open_secret_key(&wrapped).map(|opened| secret_text(&opened)).map_err(vault_refused)
        };
        roster.secret(access_key, open).map(Some)
    }

    /// Who signs with an access key.
    ///
    /// # Errors
    /// [`CredentialFault`].
    pub fn principal(
        &self,
        access_key: &str,
        token: Option<&str>,
    ) -> std::result::Result<Arc<Principal>, CredentialFault> {
        let roster = self.identities.roster();
        if !access_key.starts_with(SESSION_PREFIX) {
            if token.is_some() {
                return Err(CredentialFault::Token);
            }
            let key = roster.find::<AccessKey>(access_key).ok().filter(|key| key.active).ok_or(CredentialFault::Key)?;
            return Ok(roster.principal(access_key, || Ok::<_, CredentialFault>((of_key(&roster, key)?, None)))?.0);
        }
        let token = token.ok_or(CredentialFault::Key)?;
        let (principal, expires) = roster.principal(&format!("{access_key} {token}"), || {
            let key = self.identities.session_key.get().ok_or(CredentialFault::Token)?;
            let opened = key.open(access_key, token).ok_or(CredentialFault::Token)?;
            let carried: Carried = serde_json::from_slice(&opened).map_err(|_| CredentialFault::Token)?;
            if carried.provider().is_some_and(|provider| !self.believes(provider)) {
                return Err(CredentialFault::Expired);
            }
            let expires = Timestamp::from_millis(carried.expires_ms);
            Ok::<_, CredentialFault>((carried.principal(&roster)?, Some(expires)))
        })?;
        if expires.is_some_and(|expires| expires <= self.time.ending()) {
            return Err(CredentialFault::Expired);
        }
        Ok(principal)
    }

    /// Somebody whom a provider outside has let in: a user of the first account named `PROVIDER:SUBJECT`, which no user of
    /// the account can be called.
    pub fn principal_from_outside(&self, outside: Outside) -> Arc<Principal> {
        Arc::new(outside_principal(outside))
    }

    /// Opens the key that sessions are made from, or makes it.
    pub(super) async fn open_session_key(&self) -> Result<()> {
        let key = self.lake_key(DocumentKind::SESSION_KEY, "the key of sessions").await?;
        // Set once: the lake is not open before.
        let _ = self.identities.session_key.set(SessionKey::new(key));
        Ok(())
    }

    /// Opens a key of the lake's own, which is stored wrapped by the vault, or makes it.
    pub(crate) async fn lake_key(&self, kind: DocumentKind, what: &'static str) -> Result<DataKey> {
        let Some(bytes) = self.catalog.document(kind, KEY_NAME).await? else {
            let (key, wrapped) = self.blobs.new_secret_key().map_err(vault_refused)?;
            let stored = StoredKey { master: wrapped.master.to_string(), wrapped: hex(&wrapped.wrapped) };
            let bytes = serde_json::to_vec(&stored).map_err(|_| Error::Bug("a key that is no JSON"))?;
            let edit = DocumentEdit { kind, name: KEY_NAME.to_owned(), was: None, now: Some(Bytes::from(bytes)) };
            self.catalog.change_documents(&[edit]).await?;
            return Ok(key);
        };
        let damaged = || Error::Corrupt { what: what.to_owned(), source: "it cannot be read".into() };
        let stored: StoredKey = serde_json::from_slice(&bytes).map_err(|_| damaged())?;
        let wrapped = wrapped_key(&stored.master, &stored.wrapped).ok_or_else(damaged)?;
        self.blobs.open_secret_key(&wrapped).map_err(vault_refused)
    }
}

/// Who a permanent key belongs to.
fn of_key(roster: &Roster, key: &AccessKey) -> std::result::Result<Principal, CredentialFault> {
    let account = account_id(&key.account);
    let mut principal = match &key.user {
        None => root_principal(account),
        Some(name) => user_principal(roster.of::<User>(account, name).map_err(|_| CredentialFault::Key)?),
    };
    if let Some(document) = &key.narrowed {
        principal.narrowed.push(Narrowing { name: Narrowing::SERVICE_ACCOUNT, document: Arc::clone(document) });
    }
    Ok(principal)
}

pub(crate) fn root_principal(account: AccountId) -> Principal {
    let arn = format!("arn:aws:iam::{account}:root");
    Principal {
        account,
        kind: PrincipalKind::AccountRoot,
        name: "root".to_owned(),
        policy_arn: arn.clone(),
        arn,
        unique_id: account.to_string(),
        groups: BTreeSet::new(),
        tags: BTreeMap::new(),
        transitive_tags: BTreeSet::new(),
        method: AuthMethod::AccessKey,
        narrowed: Vec::new(),
        keys: BTreeMap::new(),
    }
}

pub(crate) fn user_principal(user: &User) -> Principal {
    Principal {
        account: account_id(&user.account),
        kind: PrincipalKind::User,
        name: user.name.clone(),
        arn: user.arn(),
        policy_arn: user.arn(),
        unique_id: user.id.clone(),
        groups: user.groups.clone(),
        tags: user.tags.clone(),
        transitive_tags: BTreeSet::new(),
        method: AuthMethod::AccessKey,
        narrowed: Vec::new(),
        keys: BTreeMap::new(),
    }
}

pub(crate) fn outside_principal(outside: Outside) -> Principal {
    let Outside { provider, subject, groups, tags, keys, method } = outside;
    let name = format!("{provider}:{subject}");
    // A provider speaks for the first account: it cannot name the groups of others, which are called `ACCOUNT/NAME`.
    let is_of_another =
        |group: &String| group.split_once('/').is_some_and(|(account, _)| account.parse::<AccountId>().is_ok());
    let groups = groups.into_iter().filter(|group| !is_of_another(group)).collect();
    let arn = format!("arn:aws:iam::{}:user/{name}", AccountId::HOME);
    Principal {
        account: AccountId::HOME,
        kind: PrincipalKind::User,
        policy_arn: arn.clone(),
        arn,
        unique_id: name.clone(),
        name,
        groups,
        tags,
        transitive_tags: BTreeSet::new(),
        method,
        narrowed: Vec::new(),
        keys,
    }
}
