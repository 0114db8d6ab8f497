//! Access keys: those of users and of the roots of accounts, and service accounts, which are keys that may do less than
//! their owner. A secret is a data key of the vault, said in forty characters; it is shown once and stored wrapped.

use std::sync::Arc;

use kernel::{AccountId, Caller, KeyId, WrappedKey};
use policy::{Action, OperationKeys};
use storage::secret_text;
use zeroize::Zeroizing;

use super::IdentityFault;
use super::accounts::hex;
use super::naming;
use super::records::{AccessKey, User};
use super::wish::Wish;
use crate::{Engine, Error, Result};

/// Keys of one owner that may do what it may. Source: IAM User Guide, *IAM and AWS STS quotas*.
pub(super) const KEYS_MAX: usize = 2;
/// Service accounts of one owner.
const SERVICES_MAX: usize = 100;
const DESCRIPTION_CHARS_MAX: usize = 256;

/// An access key to make.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewAccessKey {
    /// What a service account is narrowed to: an IAM policy document. None for a key that may do what its owner may.
    pub narrowed: Option<Arc<str>>,
    /// What people say of it, at most 256 characters.
    pub description: String,
}

/// An access key that was made just now.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// The key.
    pub record: AccessKey,
    /// Its secret, which nobody is shown again.
    pub secret: Zeroizing<String>,
}

impl NewKey {
    pub(super) fn of(mut self, account: AccountId, user: Option<&str>) -> Self {
        self.record.account = account.to_string();
        self.record.user = user.map(str::to_owned);
        self
    }
}

impl Engine {
    /// Makes a key that belongs to nobody yet.
    pub(super) fn make_key(&self, new: NewAccessKey) -> Result<NewKey> {
        if new.description.chars().count() > DESCRIPTION_CHARS_MAX {
            let fault = format!("a description has at most {DESCRIPTION_CHARS_MAX} characters");
            return Err(IdentityFault::Value(fault).into());
        }
        if let Some(document) = &new.narrowed {
            self.identities.compiled.check("the service account", document)?;
        }
        let (key, wrapped) = self.blobs.new_secret_key().map_err(vault_refused)?;
        let record = AccessKey {
            id: naming::unique_id(&*self.entropy, "AKIA"),
            account: String::new(),
            user: None,
            active: true,
            created_ms: self.clock.now().as_millis(),
            master: wrapped.master.to_string(),
            wrapped: hex(&wrapped.wrapped),
            narrowed: new.narrowed,
            description: new.description,
        };
        Ok(NewKey { record, secret: secret_text(&key) })
    }

    /// Makes an access key of a user, or of the account's root. Who is narrowed makes none (`Action::widens`), and the
    /// root's keys are made by that root and by the lake's alone, here and below.
    ///
    /// # Errors
    /// `Identity` where there is no such user or it has as many keys as it may have; `Denied`, `Unavailable`.
    pub async fn create_access_key(
        &self,
        caller: &Caller,
        account: AccountId,
        user: Option<&str>,
        new: NewAccessKey,
    ) -> Result<NewKey> {
        self.permit_owner(caller, Action::CreateAccessKey, account, user)?;
        let key = self.make_key(new)?;
        self.change_identities(move |next| {
            let owner = match user {
                Some(name) => Some(next.now().of::<User>(account, name)?.name.clone()),
                None => None,
            };
            let key = key.of(account, owner.as_deref());
            let is_service = key.record.narrowed.is_some();
            let alike = next.now().keys_of(account, user).filter(|known| known.narrowed.is_some() == is_service);
            let (what, max) = if is_service { ("service accounts", SERVICES_MAX) } else { ("access keys", KEYS_MAX) };
            if alike.count() >= max {
                return Err(IdentityFault::Limit { what, max }.into());
            }
            next.put(key.record.clone())?;
            Ok(key)
        })
        .await
    }

    /// The access keys of a user, or of the account's root, without their secrets.
    ///
    /// # Errors
    /// `Identity` where there is no such user; `Denied`.
    pub fn access_keys(&self, caller: &Caller, account: AccountId, user: Option<&str>) -> Result<Vec<AccessKey>> {
        self.permit_owner(caller, Action::ListAccessKeys, account, user)?;
        Ok(self.identities.roster().keys_of(account, user).cloned().collect())
    }

    /// Lets an access key be used, or not.
    ///
    /// # Errors
    /// `Identity` where the user has no such key; `Denied`, `Unavailable`.
    pub async fn set_access_key(
        &self,
        caller: &Caller,
        account: AccountId,
        user: Option<&str>,
        id: &str,
        active: bool,
    ) -> Result<()> {
        self.permit_owner(caller, Action::UpdateAccessKey, account, user)?;
        self.change_identities(|next| {
            let key = next.now().keys_of(account, user).find(|key| key.id == id).cloned();
            let key = key.ok_or_else(|| IdentityFault::missing("access key", id))?;
            next.put(AccessKey { active, ..key })
        })
        .await
    }

    /// Removes an access key. Sessions that were begun with it go on until they end.
    ///
    /// # Errors
    /// As [`Engine::set_access_key`].
    pub async fn delete_access_key(
        &self,
        caller: &Caller,
        account: AccountId,
        user: Option<&str>,
        id: &str,
    ) -> Result<()> {
        self.permit_owner(caller, Action::DeleteAccessKey, account, user)?;
        self.change_identities(|next| {
            let key = next.now().keys_of(account, user).find(|key| key.id == id).cloned();
            next.remove(&key.ok_or_else(|| IdentityFault::missing("access key", id))?);
            Ok(())
        })
        .await
    }

    /// Asks for leave to do something with the keys of a user, or of the account's root.
    fn permit_owner(&self, caller: &Caller, action: Action, account: AccountId, user: Option<&str>) -> Result<()> {
        let roster = self.identities.roster();
        match user {
            Some(name) => {
                let found = roster.of::<User>(account, name);
                let arn = found
                    .as_ref()
                    .map_or_else(|_| naming::arn(&account.to_string(), "user", "/", name), |user| user.arn());
                let known = found.as_ref().map_or_else(|_| OperationKeys::default(), |user| user.keys());
                self.permit_identity(caller, Wish::from(action).about(known), &arn)?;
                found.map(drop).map_err(Error::from)
            }
            None => self.permit_identity(caller, action, &format!("arn:aws:iam::{account}:root")),
        }
    }
}

/// The wrapped form of a stored key; none where what is stored is none.
pub(super) fn wrapped_key(master: &str, wrapped: &str) -> Option<WrappedKey> {
    let master = unhex(master)?;
    Some(WrappedKey { master: KeyId::try_from(&master[..]).ok()?, wrapped: unhex(wrapped)? })
}

pub(crate) fn unhex(text: &str) -> Option<Vec<u8>> {
    let pairs = text.as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

pub(super) fn vault_refused(source: storage::VaultError) -> Error {
    Error::Unavailable { what: "the key vault", source: Box::new(source) }
}
