//! Groups: users that may do the same.

use kernel::{AccountId, Caller};
use policy::Action;

use super::IdentityFault;
use super::naming::{self, LONG_NAME_CHARS_MAX};
use super::records::{Account, Group, Powers, User};
use super::roster::Roster;
use crate::{Engine, Error, Result};

/// Groups of one user. Source: IAM User Guide, *IAM and AWS STS quotas*.
const GROUPS_MAX: usize = 10;

impl Engine {
    /// Makes a group without members.
    ///
    /// # Errors
    /// `Identity` for a name that is taken or cannot be, and where there is no such account; `Denied`, `Unavailable`.
    pub async fn create_group(
        &self,
        caller: &Caller,
        account: AccountId,
        name: &str,
        path: Option<&str>,
    ) -> Result<Group> {
        naming::name("group", name, LONG_NAME_CHARS_MAX)?;
        let path = naming::path(path)?;
        self.permit_identity(caller, Action::CreateGroup, &naming::arn(&account.to_string(), "group", &path, name))?;
        let group = Group {
            account: account.to_string(),
            name: name.to_owned(),
            path,
            id: naming::unique_id(&*self.entropy, "AGPA"),
            created_ms: self.clock.now().as_millis(),
            powers: Powers::default(),
        };
        self.change_identities(move |next| {
            next.now().find::<Account>(&group.account)?;
            next.add(group.clone(), &group.name)?;
            Ok(group)
        })
        .await
    }

    /// What is known of a group, and its members by name.
    ///
    /// # Errors
    /// `Identity` where there is none; `Denied`.
    pub fn group(&self, caller: &Caller, account: AccountId, name: &str) -> Result<(Group, Vec<User>)> {
        let roster = self.identities.roster();
        let group = self.permit_group(caller, Action::GetGroup, &roster, account, name)?.clone();
        let members = roster.all_of::<User>(account).filter(|user| user.groups.contains(&group.name)).cloned();
        let members = members.collect();
        Ok((group, members))
    }

    /// The groups of an account whose paths begin so, by name.
    ///
    /// # Errors
    /// `Denied`.
    pub fn groups(&self, caller: &Caller, account: AccountId, path_prefix: &str) -> Result<Vec<Group>> {
        self.permit_identity(caller, Action::ListGroups, &format!("arn:aws:iam::{account}:group{path_prefix}*"))?;
        let roster = self.identities.roster();
        Ok(roster.all_of::<Group>(account).filter(|group| group.path.starts_with(path_prefix)).cloned().collect())
    }

    /// The groups of a user, by name.
    ///
    /// # Errors
    /// `Identity` where there is no such user; `Denied`.
    pub fn groups_of_user(&self, caller: &Caller, account: AccountId, user: &str) -> Result<Vec<Group>> {
        let roster = self.identities.roster();
        let user = self.permit_user(caller, Action::ListGroupsForUser, &roster, account, user)?;
        Ok(user.groups.iter().filter_map(|name| roster.of::<Group>(account, name).ok().cloned()).collect())
    }

    /// Removes a group that has no members and policies any more.
    ///
    /// # Errors
    /// `Identity` where there is none, or something belongs to it; `Denied`, `Unavailable`.
    pub async fn delete_group(&self, caller: &Caller, account: AccountId, name: &str) -> Result<()> {
        self.permit_group(caller, Action::DeleteGroup, &self.identities.roster(), account, name)?;
        self.change_identities(|next| {
            let group: Group = next.now().of::<Group>(account, name)?.clone();
            if next.now().all_of::<User>(account).any(|user| user.groups.contains(&group.name)) {
                return Err(IdentityFault::InUse("the group still has members".to_owned()).into());
            }
            if !group.powers.inline.is_empty() || !group.powers.attached.is_empty() {
                return Err(IdentityFault::InUse("the group still has policies".to_owned()).into());
            }
            next.remove(&group);
            Ok(())
        })
        .await
    }

    /// Gives a group another name or path; none to leave it. Members and policies stay.
    ///
    /// # Errors
    /// `Identity` where there is none, or for a name that is taken or cannot be; `Denied`, `Unavailable`.
    pub async fn update_group(
        &self,
        caller: &Caller,
        account: AccountId,
        name: &str,
        new_name: Option<&str>,
        new_path: Option<&str>,
    ) -> Result<()> {
        let roster = self.identities.roster();
        let mut new = self.permit_group(caller, Action::UpdateGroup, &roster, account, name)?.clone();
        new.name = new_name.map_or(new.name, str::to_owned);
        naming::name("group", &new.name, LONG_NAME_CHARS_MAX)?;
        if new_path.is_some() {
            new.path = naming::path(new_path)?;
        }
        self.permit_identity(caller, Action::UpdateGroup, &new.arn())?;
        self.change_identities(|next| {
            let group: Group = next.now().of::<Group>(account, name)?.clone();
            let members = next.now().all_of::<User>(account).filter(|user| user.groups.contains(&group.name));
            let members: Vec<User> = members.cloned().collect();
            next.remove(&group);
            for mut member in members {
                member.groups.remove(&group.name);
                member.groups.insert(new.name.clone());
                next.put(member)?;
            }
            let shown = new.name.clone();
            next.add(Group { name: new.name, path: new.path, ..group }, &shown)
        })
        .await
    }

    /// Takes a user into a group, or out of it. What is so already succeeds.
    ///
    /// # Errors
    /// `Identity` where there is no such user or group, or the user is in as many as it may be; `Denied`, `Unavailable`.
    pub async fn set_membership(
        &self,
        caller: &Caller,
        account: AccountId,
        group: &str,
        user: &str,
        is_member: bool,
    ) -> Result<()> {
        let action = if is_member { Action::AddUserToGroup } else { Action::RemoveUserFromGroup };
        self.permit_group(caller, action, &self.identities.roster(), account, group)?;
        self.change_identities(|next| {
            let group = next.now().of::<Group>(account, group)?.name.clone();
            let mut member: User = next.now().of::<User>(account, user)?.clone();
            let changed = match is_member {
                true => member.groups.insert(group),
                false => member.groups.remove(&group),
            };
            if member.groups.len() > GROUPS_MAX {
                return Err(IdentityFault::Limit { what: "groups of a user", max: GROUPS_MAX }.into());
            }
            if changed { next.put(member) } else { Ok(()) }
        })
        .await
    }

    /// Finds a group and asks for leave to do something with it.
    pub(super) fn permit_group<'r>(
        &self,
        caller: &Caller,
        action: Action,
        roster: &'r Roster,
        account: AccountId,
        name: &str,
    ) -> Result<&'r Group> {
        let found = roster.of::<Group>(account, name);
        let arn =
            found.as_ref().map_or_else(|_| naming::arn(&account.to_string(), "group", "/", name), |group| group.arn());
        self.permit_identity(caller, action, &arn)?;
        found.map_err(Error::from)
    }
}
