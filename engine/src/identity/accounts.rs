//! Accounts: what owns buckets, and whom everybody belongs to. Who holds the root keys makes them.

use kernel::{AccountId, Caller};
use policy::Action;

use super::keys::NewKey;
use super::naming::{self, LONG_NAME_CHARS_MAX};
use super::records::{AccessKey, Account, Group, ManagedPolicy, Role, User};
use super::{IdentityFault, NewAccessKey};
use crate::{Engine, Result};

/// What is bounded by memory alone.
const QUOTA: usize = 1_000_000;

impl Engine {
    /// Makes an account, and an access key of its root. The key's secret is shown this once.
    ///
    /// # Errors
    /// `Identity` for a name that is taken or cannot be; `Denied`, `Unavailable`.
    pub async fn create_account(&self, caller: &Caller, name: &str) -> Result<(Account, NewKey)> {
        self.permit_lake(caller, Action::CreateAccount)?;
        naming::name("account", name, LONG_NAME_CHARS_MAX)?;
        let made = NewAccessKey { narrowed: None, description: format!("made with the account {name}") };
        let key = self.make_key(made)?;
        let now = self.clock.now();
        self.change_identities(move |next| {
            let mut known = next.now().accounts.values();
            if known.any(|known| known.record.name == name) {
                return Err(IdentityFault::exists("account", name).into());
            }
            let id = loop {
                let number = u64::from_be_bytes(self.entropy.array()) % AccountId::END;
                let id = AccountId::new(number).unwrap_or_default();
                if ![AccountId::HOME, AccountId::NOBODY].contains(&id)
                    && !next.now().accounts.contains_key(&id.to_string())
                {
                    break id;
                }
            };
            let account = Account {
                id: id.to_string(),
                name: name.to_owned(),
                canonical_id: hex(&self.entropy.array::<32>()),
                created_ms: now.as_millis(),
            };
            let key = key.of(id, None);
            next.put(account.clone())?;
            next.put(key.record.clone())?;
            Ok((account, key))
        })
        .await
    }

    /// All accounts, by number.
    ///
    /// # Errors
    /// `Denied`.
    pub fn accounts(&self, caller: &Caller) -> Result<Vec<Account>> {
        self.permit_lake(caller, Action::ListAccounts)?;
        let roster = self.identities.roster();
        Ok(roster.accounts.values().map(|shelved| shelved.record.clone()).collect())
    }

    /// How much there is in an account and how much there may be, under the names that IAM has for it.
    ///
    /// # Errors
    /// `Denied`.
    pub fn account_summary(&self, caller: &Caller, account: AccountId) -> Result<Vec<(&'static str, usize)>> {
        self.permit_identity(caller, Action::GetAccountSummary, &format!("arn:aws:iam::{account}:*"))?;
        let roster = self.identities.roster();
        Ok(vec![
            ("Users", roster.all_of::<User>(account).count()),
            ("UsersQuota", QUOTA),
            ("Groups", roster.all_of::<Group>(account).count()),
            ("GroupsQuota", QUOTA),
            ("Roles", roster.all_of::<Role>(account).count()),
            ("RolesQuota", QUOTA),
            ("Policies", roster.all_of::<ManagedPolicy>(account).count()),
            ("PoliciesQuota", QUOTA),
            ("AccessKeysPerUserQuota", super::keys::KEYS_MAX),
            ("AccountAccessKeysPresent", usize::from(roster.keys_of(account, None).next().is_some())),
        ])
    }

    /// Removes an account to which nothing belongs any more but its root's keys.
    ///
    /// # Errors
    /// `Identity` where there is none, it is the first, or something belongs to it; `Denied`, `Unavailable`.
    pub async fn delete_account(&self, caller: &Caller, id: AccountId) -> Result<()> {
        self.permit_lake(caller, Action::DeleteAccount)?;
        if id == AccountId::HOME {
            return Err(IdentityFault::InUse("the first account stays".to_owned()).into());
        }
        self.expect_no_buckets(id).await?;
        self.change_identities(|next| {
            let account: Account = next.now().find::<Account>(&id.to_string())?.clone();
            let roster = next.now();
            let is_empty = roster.all_of::<User>(id).next().is_none()
                && roster.all_of::<Group>(id).next().is_none()
                && roster.all_of::<Role>(id).next().is_none()
                && roster.all_of::<ManagedPolicy>(id).next().is_none();
            if !is_empty {
                return Err(
                    IdentityFault::InUse("users, groups, roles or policies belong to the account".into()).into()
                );
            }
            let keys: Vec<AccessKey> = roster.keys_of(id, None).cloned().collect();
            keys.iter().for_each(|key| next.remove(key));
            next.remove(&account);
            Ok(())
        })
        .await
    }

    async fn expect_no_buckets(&self, id: AccountId) -> Result<()> {
        let (buckets, _) = self.catalog.buckets_of(id, "", None, 1).await?;
        match buckets.first() {
            None => Ok(()),
            Some(own) => Err(IdentityFault::InUse(format!("the bucket `{}` belongs to the account", own.name)).into()),
        }
    }

    /// Makes the first account, where there is none yet.
    pub(super) async fn open_home(&self, canonical_id: &str) -> Result<()> {
        let home = Account {
            id: AccountId::HOME.to_string(),
            name: "home".to_owned(),
            canonical_id: canonical_id.to_owned(),
            created_ms: self.clock.now().as_millis(),
        };
        self.change_identities(|next| match next.now().accounts.contains_key(&home.id) {
            true => Ok(()),
            false => next.put(home),
        })
        .await
    }

    /// What access control lists call an account: 64 hex digits; and what people call it. None for one that is no more.
    pub fn canonical_id(&self, account: AccountId) -> Option<(String, String)> {
        let roster = self.identities.roster();
        let found = roster.find::<Account>(&account.to_string()).ok()?;
        Some((found.canonical_id.clone(), found.name.clone()))
    }

    /// When an account was made, in milliseconds since 1970; the beginning of that year for one that is no more.
    pub fn account_created(&self, account: AccountId) -> i64 {
        let roster = self.identities.roster();
        roster.find::<Account>(&account.to_string()).map_or(0, |account| account.created_ms)
    }

    /// The account that a canonical id stands for.
    pub fn account_of_canonical_id(&self, canonical_id: &str) -> Option<AccountId> {
        self.identities.roster().account_of_canonical_id(canonical_id)
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
