//! One moment of all identities, and how the next comes about.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use kernel::{AccountId, EmbargoReader, Principal, Timestamp};
use metadata::DocumentEdit;
use policy::{PolicyFault, PrincipalName, principals_named};
use zeroize::Zeroizing;

use super::compiled::KnownPolicies;
use super::records::{AccessKey, Account, Group, ManagedPolicy, OidcProvider, Record, Role, User, within};
use super::{IdentityFault, common_policies};
use crate::{Engine, Error, Result};

/// Principals and secrets that are remembered at the most, between two changes.
const PRINCIPALS_MAX: usize = 10_000;

/// A document and its bytes, which the next change expects.
#[derive(Debug, Clone)]
pub(crate) struct Shelved<R> {
    pub(crate) record: R,
    bytes: Bytes,
}

/// Who signs with some credentials, and until when.
type SignedIn = (Arc<Principal>, Option<Timestamp>);

/// Secrets by access key; they never show.
#[derive(Default)]
struct Secrets(Mutex<HashMap<String, Zeroizing<String>>>);

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secrets(…)")
    }
}

/// All documents of a kind, by name.
type Shelf<R> = BTreeMap<String, Arc<Shelved<R>>>;

/// One moment of all identities.
#[derive(Debug, Default)]
pub(crate) struct Roster {
    pub(crate) accounts: Shelf<Account>,
    pub(crate) users: Shelf<User>,
    pub(crate) groups: Shelf<Group>,
    pub(crate) roles: Shelf<Role>,
    pub(crate) policies: Shelf<ManagedPolicy>,
    pub(crate) keys: Shelf<AccessKey>,
    pub(crate) oidc_providers: Shelf<OidcProvider>,
    /// Who signs with what, as far as somebody did.
    principals: Mutex<HashMap<String, SignedIn>>,
    /// Secrets of access keys, as far as somebody signed with them: the vault is asked once between two changes.
    secrets: Secrets,
    /// What concerns whom, as far as somebody asked for something.
    pub(super) policies_of: KnownPolicies,
}

/// A kind that has a shelf.
pub(crate) trait Shelve: Record {
    fn shelf(roster: &Roster) -> &Shelf<Self>;
    fn shelf_mut(roster: &mut Roster) -> &mut Shelf<Self>;
}

macro_rules! shelves {
    ($($record:ident $shelf:ident;)*) => {$(
        impl Shelve for $record {
            fn shelf(roster: &Roster) -> &Shelf<Self> {
                &roster.$shelf
            }
            fn shelf_mut(roster: &mut Roster) -> &mut Shelf<Self> {
                &mut roster.$shelf
            }
        }
    )*};
}

shelves! {
    Account accounts;
    User users;
    Group groups;
    Role roles;
    ManagedPolicy policies;
    AccessKey keys;
    OidcProvider oidc_providers;
}

impl Roster {
    /// What a name stands for.
    pub(crate) fn find<R: Shelve>(&self, name: &str) -> std::result::Result<&R, IdentityFault> {
        let shown = name.split_once('/').map_or(name, |(_, shown)| shown);
        R::shelf(self).get(name).map(|shelved| &shelved.record).ok_or_else(|| IdentityFault::missing(R::WHAT, shown))
    }

    /// Something of an account.
    pub(crate) fn of<R: Shelve>(&self, account: AccountId, name: &str) -> std::result::Result<&R, IdentityFault> {
        self.find(&within(&account.to_string(), name))
    }

    /// Everything of a kind in an account, by name.
    pub(crate) fn all_of<R: Shelve>(&self, account: AccountId) -> impl Iterator<Item = &R> + use<'_, R> {
        self.all_within(&account.to_string())
    }

    /// Everything of a kind in what is named like an account, by name.
    pub(crate) fn all_within<'r, R: Shelve>(&'r self, account: &str) -> impl Iterator<Item = &'r R> + use<'r, R> {
        let (from, until) = (format!("{account}/"), format!("{account}0"));
        R::shelf(self).range(from..until).map(|(_, shelved)| &shelved.record)
    }

    /// Everything of a kind.
    pub(crate) fn all<R: Shelve>(&self) -> impl Iterator<Item = &R> {
        R::shelf(self).values().map(|shelved| &shelved.record)
    }

    /// Keys of a user, or of the account's root.
    pub(crate) fn keys_of(&self, account: AccountId, user: Option<&str>) -> impl Iterator<Item = &AccessKey> {
        let account = account.to_string();
        let keys = self.keys.values().map(|shelved| &shelved.record);
        let is_of = move |key: &&AccessKey| match (&key.user, user) {
            (Some(owner), Some(user)) => owner.eq_ignore_ascii_case(user),
            (owner, user) => owner.is_none() && user.is_none(),
        };
        keys.filter(move |key| key.account == account && is_of(key))
    }

    /// The account with a canonical id.
    pub(crate) fn account_of_canonical_id(&self, id: &str) -> Option<AccountId> {
        let mut accounts = self.accounts.values().map(|shelved| &shelved.record);
        accounts.find(|account| account.canonical_id == id)?.id.parse().ok()
    }

    /// The unique ids of the users and roles that a document names, by the ARNs that it has for them. Whoever was let in
    /// from outside is in no roster, and has no id but the name.
    ///
    /// # Errors
    /// [`PolicyFault::Meaning`] where there is nobody of a name: else whoever is called so some day would be meant.
    pub(crate) fn ids_named(&self, document: &str) -> std::result::Result<BTreeMap<String, String>, PolicyFault> {
        let mut ids = BTreeMap::new();
        for named in principals_named(document)? {
            let found = match &named {
                PrincipalName::Account(AccountId::HOME) => continue,
                PrincipalName::Account(account) if self.find::<Account>(&account.to_string()).is_ok() => continue,
                PrincipalName::Account(_) => None,
                PrincipalName::User { name, .. } if name.contains(':') => continue,
                PrincipalName::User { account, name, arn } => {
                    let user = self.of::<User>(*account, name).ok().filter(|user| user.arn() == *arn);
                    user.map(|user| (arn, &user.id))
                }
                PrincipalName::Role { account, name, arn } => {
                    let is_session = arn.contains(":assumed-role/");
                    let role = self.of::<Role>(*account, name).ok().filter(|role| is_session || role.arn() == *arn);
                    role.map(|role| (arn, &role.id))
                }
            };
            let Some((arn, id)) = found else {
                return Err(PolicyFault::Meaning(format!("invalid principal in policy: there is no `{named}`")));
            };
            ids.insert(arn.clone(), id.clone());
        }
        Ok(ids)
    }

    /// A reader of an embargo in a bucket of an account, with its unique id; none where there is no such user or role.
    /// Groups may be known to tokens alone, and who was let in from outside is known by the name.
    pub(crate) fn reader_meant(&self, reader: &EmbargoReader, of: AccountId) -> Option<EmbargoReader> {
        let (name, id) = reader.name_and_id();
        if id.is_some() || matches!(reader, EmbargoReader::Group(_)) || name.contains(':') {
            return Some(reader.clone());
        }
        let (account, plain) = match (EmbargoReader::account(name), name.split_once('/')) {
            (Some(account), Some((_, plain))) => (account, plain),
            _ => (of, name),
        };
        match reader {
            EmbargoReader::User(_) if plain == "root" => {
                let is_known = account == AccountId::HOME || self.find::<Account>(&account.to_string()).is_ok();
                is_known.then(|| reader.clone())
            }
            EmbargoReader::User(_) => {
                let User { id, .. } = self.of::<User>(account, plain).ok().filter(|user| user.name == plain)?;
                Some(EmbargoReader::User(format!("{name}#{id}")))
            }
            _ => {
                let Role { id, .. } = self.of::<Role>(account, plain).ok().filter(|role| role.name == plain)?;
                Some(EmbargoReader::Role(format!("{name}#{id}")))
            }
        }
    }

    /// The principal that somebody signs in as, and until when, made once between two changes.
    pub(crate) fn principal<E>(
        &self,
        credentials: &str,
        make: impl FnOnce() -> std::result::Result<(Principal, Option<Timestamp>), E>,
    ) -> std::result::Result<SignedIn, E> {
        let known = || self.principals.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(signed_in) = known().get(credentials) {
            return Ok(signed_in.clone());
        }
        let (principal, expires) = make()?;
        let signed_in = (Arc::new(principal), expires);
        let mut known = known();
        if known.len() >= PRINCIPALS_MAX {
            known.clear();
        }
        known.insert(credentials.to_owned(), signed_in.clone());
        Ok(signed_in)
    }

    /// The secret of an access key, opened once between two changes.
    pub(crate) fn secret(
        &self,
        access_key: &str,
        open: impl FnOnce() -> Result<Zeroizing<String>>,
    ) -> Result<Zeroizing<String>> {
        let known = || self.secrets.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(secret) = known().get(access_key) {
            return Ok(secret.clone());
        }
        let secret = open()?;
        let mut known = known();
        if known.len() >= PRINCIPALS_MAX {
            known.clear();
        }
        known.insert(access_key.to_owned(), secret.clone());
        Ok(secret)
    }

    /// The same identities, to be changed.
    fn successor(&self) -> Self {
        Self {
            accounts: self.accounts.clone(),
            users: self.users.clone(),
            groups: self.groups.clone(),
            roles: self.roles.clone(),
            policies: self.policies.clone(),
            keys: self.keys.clone(),
            oidc_providers: self.oidc_providers.clone(),
            principals: Mutex::default(),
            secrets: Secrets::default(),
            policies_of: KnownPolicies::default(),
        }
    }
}

/// The next moment, and the edits that lead there.
pub(crate) struct NextRoster {
    roster: Roster,
    edits: Vec<DocumentEdit>,
}

impl NextRoster {
    /// What stands there now, with all that was changed so far.
    pub(crate) fn now(&self) -> &Roster {
        &self.roster
    }

    /// Puts a document, in the place of the one it had.
    pub(crate) fn put<R: Shelve>(&mut self, record: R) -> Result<()> {
        let bytes = serde_json::to_vec(&record).map_err(|_| Error::Bug("an identity that is no JSON"))?;
        let (name, bytes) = (record.name(), Bytes::from(bytes));
        let shelved = Arc::new(Shelved { record, bytes: bytes.clone() });
        let was = R::shelf_mut(&mut self.roster).insert(name.clone(), shelved).map(|was| was.bytes.clone());
        self.edit(DocumentEdit { kind: R::KIND, name, was, now: Some(bytes) });
        Ok(())
    }

    /// Puts a document that must be new.
    pub(crate) fn add<R: Shelve>(&mut self, record: R, shown: &str) -> Result<()> {
        if R::shelf(&self.roster).contains_key(&record.name()) {
            return Err(IdentityFault::exists(R::WHAT, shown).into());
        }
        self.put(record)
    }

    /// Takes a document away.
    pub(crate) fn remove<R: Shelve>(&mut self, record: &R) {
        let name = record.name();
        if let Some(was) = R::shelf_mut(&mut self.roster).remove(&name) {
            self.edit(DocumentEdit { kind: R::KIND, name, was: Some(was.bytes.clone()), now: None });
        }
    }

    /// A document that is changed twice is edited once.
    fn edit(&mut self, edit: DocumentEdit) {
        let earlier = self.edits.iter_mut().find(|known| known.kind == edit.kind && known.name == edit.name);
        match earlier {
            Some(earlier) => earlier.now = edit.now,
            None => self.edits.push(edit),
        }
    }
}

impl Engine {
    /// Changes identities: `change` says what becomes of them. All of it happens, or nothing.
    pub(crate) async fn change_identities<T>(&self, change: impl FnOnce(&mut NextRoster) -> Result<T>) -> Result<T> {
        let _nobody_else_changes = self.identities.changing.lock().await;
        let mut next = NextRoster { roster: self.identities.roster().successor(), edits: Vec::new() };
        let done = change(&mut next)?;
        if !next.edits.is_empty() {
            self.catalog.change_documents(&next.edits).await?;
            self.identities.replace(next.roster);
        }
        Ok(done)
    }

    /// Reads all identities and policy sets, and makes what a lake begins with. Called once, before anybody is served.
    ///
    /// # Errors
    /// `Corrupt` for an identity that cannot be read, `Unavailable`.
    pub async fn open_identities(&self, canonical_id: &str) -> Result<()> {
        let mut roster = Roster::default();
        self.read::<Account>(&mut roster).await?;
        self.read::<User>(&mut roster).await?;
        self.read::<Group>(&mut roster).await?;
        self.read::<Role>(&mut roster).await?;
        self.read::<ManagedPolicy>(&mut roster).await?;
        roster.policies.extend(common_policies::all().map(|policy| {
            // Its bytes are never asked for: it does not change.
            (policy.name(), Arc::new(Shelved { record: policy, bytes: Bytes::new() }))
        }));
        self.read::<AccessKey>(&mut roster).await?;
        self.read::<OidcProvider>(&mut roster).await?;
        self.identities.replace(roster);
        self.open_session_key().await?;
        self.open_home(canonical_id).await?;
        self.open_policy_sets().await
    }

    async fn read<R: Shelve>(&self, roster: &mut Roster) -> Result<()> {
        for (name, bytes) in self.catalog.documents(R::KIND).await? {
            let record: R = serde_json::from_slice(&bytes).map_err(|error| Error::Corrupt {
                what: format!("the {} `{name}`", R::WHAT),
                source: Box::new(error),
            })?;
            R::shelf_mut(roster).insert(name, Arc::new(Shelved { record, bytes }));
        }
        Ok(())
    }
}
