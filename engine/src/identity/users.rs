//! Users: made, listed, tagged and removed.

use std::collections::{BTreeMap, BTreeSet};

use kernel::{AccountId, Caller};
use policy::{Action, OperationKeys};

use super::IdentityFault;
use super::naming;
use super::policies::managed;
use super::records::{AccessKey, Account, Powers, User};
use super::roster::Roster;
use super::wish::{Made, Wish};
use crate::{Engine, Error, Result};

/// Tags of one identity. Source: IAM User Guide, *IAM and AWS STS quotas*.
pub(super) const TAGS_MAX: usize = 50;

/// Tags of an identity, over which others are set: those whose names differ in case alone are replaced, for no identity has
/// both.
///
/// Source: IAM User Guide, *Tags for AWS Identity and Access Management resources*, "Case sensitivity".
pub(super) fn tagged(mut tags: BTreeMap<String, String>, set: BTreeMap<String, String>) -> BTreeMap<String, String> {
    tags.retain(|name, _| !set.keys().any(|new| new.eq_ignore_ascii_case(name)));
    tags.extend(set);
    tags
}

/// Tags of an identity without some, which are named in whatever case.
pub(super) fn untagged(mut tags: BTreeMap<String, String>, unset: &[String]) -> BTreeMap<String, String> {
    tags.retain(|name, _| !unset.iter().any(|gone| gone.eq_ignore_ascii_case(name)));
    tags
}

/// Checks tags of a user, a role or a session, of which no two may differ in the case of their names alone.
pub(super) fn tags_of_caller(given: &BTreeMap<String, String>) -> std::result::Result<(), IdentityFault> {
    let mut names = BTreeSet::new();
    match given.keys().find(|name| !names.insert(name.to_ascii_lowercase())) {
        Some(name) => Err(IdentityFault::Value(format!(
            "duplicate tag keys found, which are told apart without regard to case: `{name}`"
        ))),
        None => tags(given),
    }
}

/// Checks tags of an identity.
pub(super) fn tags(tags: &BTreeMap<String, String>) -> std::result::Result<(), IdentityFault> {
    if tags.len() > TAGS_MAX {
        return Err(IdentityFault::Limit { what: "tags", max: TAGS_MAX });
    }
    let bad = tags.iter().find(|(name, value)| {
        name.is_empty() || name.chars().count() > 128 || value.chars().count() > 256 || name.starts_with("aws:")
    });
    bad.map_or(Ok(()), |(name, _)| {
        Err(IdentityFault::Value(format!(
            "a tag has a name of 1 to 128 characters and a value of at most 256: `{name}`"
        )))
    })
}

/// A user to make.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewUser<'a> {
    /// Its name.
    pub name: &'a str,
    /// `/`, or `/…/`; none for `/`.
    pub path: Option<&'a str>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// The ARN of the managed policy that bounds it.
    pub boundary: Option<&'a str>,
}

impl Engine {
    /// Makes a user, who may do nothing yet.
    ///
    /// # Errors
    /// `Identity` for a name that is taken or cannot be, and where there is no such account; `Denied`, `Unavailable`.
    pub async fn create_user(&self, caller: &Caller, account: AccountId, new: NewUser<'_>) -> Result<User> {
        let NewUser { name, path, tags: with, boundary } = new;
        naming::user_name(name)?;
        let path = naming::path(path)?;
        tags_of_caller(&with)?;
        let arn = naming::arn(&account.to_string(), "user", &path, name);
        let made = Made { tags: &with, boundary };
        self.permit_made(caller, [Action::CreateUser, Action::TagUser], made, &arn)?;
        let user = User {
            account: account.to_string(),
            name: name.to_owned(),
            path,
            id: naming::unique_id(&*self.entropy, "AIDA"),
            created_ms: self.clock.now().as_millis(),
            tags: with,
            groups: Default::default(),
            powers: Powers { boundary: boundary.map(str::to_owned), ..Powers::default() },
            password: None,
        };
        self.change_identities(move |next| {
            next.now().find::<Account>(&user.account)?;
            if let Some(boundary) = &user.powers.boundary {
                managed(next.now(), account, boundary)?;
            }
            next.add(user.clone(), &user.name)?;
            Ok(user)
        })
        .await
    }

    /// What is known of a user.
    ///
    /// # Errors
    /// `Identity` where there is none; `Denied`.
    pub fn user(&self, caller: &Caller, account: AccountId, name: &str) -> Result<User> {
        let roster = self.identities.roster();
        self.permit_user(caller, Action::GetUser, &roster, account, name).cloned()
    }

    /// The users of an account whose paths begin so, by name.
    ///
    /// # Errors
    /// `Denied`.
    pub fn users(&self, caller: &Caller, account: AccountId, path_prefix: &str) -> Result<Vec<User>> {
        self.permit_identity(caller, Action::ListUsers, &format!("arn:aws:iam::{account}:user{path_prefix}*"))?;
        let roster = self.identities.roster();
        Ok(roster.all_of::<User>(account).filter(|user| user.path.starts_with(path_prefix)).cloned().collect())
    }

    /// Removes a user that has no keys, groups and policies any more.
    ///
    /// # Errors
    /// `Identity` where there is none, or something belongs to it; `Denied`, `Unavailable`.
    pub async fn delete_user(&self, caller: &Caller, account: AccountId, name: &str) -> Result<()> {
        self.permit_user(caller, Action::DeleteUser, &self.identities.roster(), account, name)?;
        self.change_identities(|next| {
            let user: User = next.now().of::<User>(account, name)?.clone();
            let in_use = |what: &str| Err(IdentityFault::InUse(format!("the user still has {what}")).into());
            if next.now().keys_of(account, Some(name)).next().is_some() {
                return in_use("access keys");
            }
            if !user.groups.is_empty() {
                return in_use("groups");
            }
            if user.password.is_some() {
                return in_use("a password");
            }
            if !user.powers.inline.is_empty() || !user.powers.attached.is_empty() {
                return in_use("policies");
            }
            next.remove(&user);
            Ok(())
        })
        .await
    }

    /// Gives a user another name or path; none to leave it. Its keys, groups and policies stay; policies that name it by
    /// its ARN mean the old one from now on, and its sessions end.
    ///
    /// # Errors
    /// `Identity` where there is none, or for a name that is taken or cannot be; `Denied`, `Unavailable`.
    pub async fn update_user(
        &self,
        caller: &Caller,
        account: AccountId,
        name: &str,
        new_name: Option<&str>,
        new_path: Option<&str>,
    ) -> Result<()> {
        let roster = self.identities.roster();
        let found = self.permit_user(caller, Action::UpdateUser, &roster, account, name)?;
        let mut new = found.clone();
        if let Some(new_name) = new_name {
            naming::user_name(new_name)?;
            new.name = new_name.to_owned();
        }
        if new_path.is_some() {
            new.path = naming::path(new_path)?;
        }
        // Who may change the one must be allowed to make the other.
        self.permit_identity(caller, Wish::from(Action::UpdateUser).about(new.keys()), &new.arn())?;
        self.change_identities(|next| {
            let user: User = next.now().of::<User>(account, name)?.clone();
            let keys: Vec<AccessKey> = next.now().keys_of(account, Some(name)).cloned().collect();
            next.remove(&user);
            for key in keys {
                next.put(AccessKey { user: Some(new.name.clone()), ..key })?;
            }
            let shown = new.name.clone();
            next.add(User { name: new.name, path: new.path, ..user }, &shown)
        })
        .await
    }

    /// Changes the tags of a user.
    ///
    /// # Errors
    /// `Identity`, `Denied`, `Unavailable`.
    pub async fn tag_user(
        &self,
        caller: &Caller,
        account: AccountId,
        name: &str,
        set: BTreeMap<String, String>,
        unset: &[String],
    ) -> Result<()> {
        let action = if unset.is_empty() { Action::TagUser } else { Action::UntagUser };
        tags_of_caller(&set)?;
        let keys = OperationKeys::default().with_request_tags(&set).with_tag_names(unset);
        self.permit_user(caller, Wish::with(action, keys), &self.identities.roster(), account, name)?;
        self.change_identities(|next| {
            let mut user: User = next.now().of::<User>(account, name)?.clone();
            user.tags = untagged(tagged(user.tags, set), unset);
            tags_of_caller(&user.tags)?;
            next.put(user)
        })
        .await
    }

    /// Finds a user and asks for leave to do something with it. Who may not is not told whether there is one.
    pub(super) fn permit_user<'r>(
        &self,
        caller: &Caller,
        wish: impl Into<Wish>,
        roster: &'r Roster,
        account: AccountId,
        name: &str,
    ) -> Result<&'r User> {
        let found = roster.of::<User>(account, name);
        let arn =
            found.as_ref().map_or_else(|_| naming::arn(&account.to_string(), "user", "/", name), |user| user.arn());
        let known = found.as_ref().map_or_else(|_| OperationKeys::default(), |user| user.keys());
        self.permit_identity(caller, wish.into().about(known), &arn)?;
        found.map_err(Error::from)
    }
}
