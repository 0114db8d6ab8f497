//! Roles: what somebody takes on for a while, where the role trusts them.

use std::collections::BTreeMap;

use kernel::{AccountId, Caller};
use policy::{Action, Attachment, OperationKeys};

use super::compiled::check;
use super::naming::{self, NAME_CHARS_MAX};
use super::policies::managed;
use super::records::{Account, Powers, Role};
use super::roster::Roster;
use super::wish::{Made, Wish};
use super::{IdentityFault, users};
use crate::{Engine, Error, Result};

/// Bounds of the longest session, in seconds. Source: IAM API, *CreateRole*, `MaxSessionDuration`.
const SESSION_SECONDS: std::ops::RangeInclusive<u32> = 3_600..=43_200;
const DESCRIPTION_CHARS_MAX: usize = 1_000;

/// A role to make, or what a role becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRole<'a> {
    /// Its name.
    pub name: &'a str,
    /// `/`, or `/…/`; none for `/`.
    pub path: Option<&'a str>,
    /// Who may take it on: an IAM trust policy.
    pub trust: &'a str,
    /// What people say of it, at most 1,000 characters.
    pub description: &'a str,
    /// The longest session: 3,600 to 43,200 seconds.
    pub session_max_seconds: u32,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// The ARN of the managed policy that bounds it.
    pub boundary: Option<&'a str>,
}

fn expect_bounds(description: &str, session_max_seconds: u32) -> Result<()> {
    if description.chars().count() > DESCRIPTION_CHARS_MAX {
        let fault = format!("a description has at most {DESCRIPTION_CHARS_MAX} characters");
        return Err(IdentityFault::Value(fault).into());
    }
    if !SESSION_SECONDS.contains(&session_max_seconds) {
        let fault = format!("the longest session of a role has 3600 to 43200 seconds, not {session_max_seconds}");
        return Err(IdentityFault::Value(fault).into());
    }
    Ok(())
}

impl Engine {
    /// Makes a role, which may do nothing yet.
    ///
    /// # Errors
    /// `Identity` for a name that is taken or cannot be, or a trust policy that is none; `Denied`, `Unavailable`.
    pub async fn create_role(&self, caller: &Caller, account: AccountId, new: NewRole<'_>) -> Result<Role> {
        naming::name("role", new.name, NAME_CHARS_MAX)?;
        let path = naming::path(new.path)?;
        let arn = naming::arn(&account.to_string(), "role", &path, new.name);
        users::tags_of_caller(&new.tags)?;
        let made = Made { tags: &new.tags, boundary: new.boundary };
        self.permit_made(caller, [Action::CreateRole, Action::TagRole], made, &arn)?;
        expect_bounds(new.description, new.session_max_seconds)?;
        check(new.name, new.trust, &Attachment::Trust(arn))?;
        let role = Role {
            account: account.to_string(),
            name: new.name.to_owned(),
            path,
            id: naming::unique_id(&*self.entropy, "AROA"),
            created_ms: self.clock.now().as_millis(),
            description: new.description.to_owned(),
            trust: new.trust.into(),
            trusted: BTreeMap::new(),
            session_max_seconds: new.session_max_seconds,
            tags: new.tags,
            powers: Powers { boundary: new.boundary.map(str::to_owned), ..Powers::default() },
        };
        self.change_identities(move |next| {
            next.now().find::<Account>(&role.account)?;
            if let Some(boundary) = &role.powers.boundary {
                managed(next.now(), account, boundary)?;
            }
            if next.now().all_of::<Role>(account).any(|known| known.name.eq_ignore_ascii_case(&role.name)) {
                return Err(IdentityFault::exists("role", &role.name).into());
            }
            let trusted = next.now().ids_named(&role.trust).map_err(IdentityFault::Policy)?;
            let role = Role { trusted, ..role };
            next.put(role.clone())?;
            Ok(role)
        })
        .await
    }

    /// What is known of a role.
    ///
    /// # Errors
    /// `Identity` where there is none; `Denied`.
    pub fn role(&self, caller: &Caller, account: AccountId, name: &str) -> Result<Role> {
        self.permit_role(caller, Action::GetRole, &self.identities.roster(), account, name).cloned()
    }

    /// The roles of an account whose paths begin so, by name.
    ///
    /// # Errors
    /// `Denied`.
    pub fn roles(&self, caller: &Caller, account: AccountId, path_prefix: &str) -> Result<Vec<Role>> {
        self.permit_identity(caller, Action::ListRoles, &format!("arn:aws:iam::{account}:role{path_prefix}*"))?;
        let roster = self.identities.roster();
        Ok(roster.all_of::<Role>(account).filter(|role| role.path.starts_with(path_prefix)).cloned().collect())
    }

    /// Changes what a role is described as and how long its sessions may be; none to leave it.
    ///
    /// # Errors
    /// `Identity` where there is none, or for a value that cannot be; `Denied`, `Unavailable`.
    pub async fn update_role(
        &self,
        caller: &Caller,
        account: AccountId,
        name: &str,
        description: Option<&str>,
        session_max_seconds: Option<u32>,
    ) -> Result<()> {
        self.permit_role(caller, Action::UpdateRole, &self.identities.roster(), account, name)?;
        self.change_identities(|next| {
            let mut role: Role = next.now().of::<Role>(account, name)?.clone();
            role.description = description.map_or(role.description, str::to_owned);
            role.session_max_seconds = session_max_seconds.unwrap_or(role.session_max_seconds);
            expect_bounds(&role.description, role.session_max_seconds)?;
            next.put(role)
        })
        .await
    }

    /// Changes who may take a role on.
    ///
    /// # Errors
    /// `Identity` where there is none, or for a document that is none; `Denied`, `Unavailable`.
    pub async fn set_role_trust(&self, caller: &Caller, account: AccountId, name: &str, trust: &str) -> Result<()> {
        let roster = self.identities.roster();
        let arn = self.permit_role(caller, Action::UpdateAssumeRolePolicy, &roster, account, name)?.arn();
        check(name, trust, &Attachment::Trust(arn))?;
        self.change_identities(|next| {
            let role: Role = next.now().of::<Role>(account, name)?.clone();
            let trusted = next.now().ids_named(trust).map_err(IdentityFault::Policy)?;
            next.put(Role { trust: trust.into(), trusted, ..role })
        })
        .await
    }

    /// Removes a role that has no policies any more. Its sessions end.
    ///
    /// # Errors
    /// `Identity` where there is none, or something belongs to it; `Denied`, `Unavailable`.
    pub async fn delete_role(&self, caller: &Caller, account: AccountId, name: &str) -> Result<()> {
        self.permit_role(caller, Action::DeleteRole, &self.identities.roster(), account, name)?;
        self.change_identities(|next| {
            let role: Role = next.now().of::<Role>(account, name)?.clone();
            if !role.powers.inline.is_empty() || !role.powers.attached.is_empty() {
                return Err(IdentityFault::InUse("the role still has policies".to_owned()).into());
            }
            next.remove(&role);
            Ok(())
        })
        .await
    }

    /// Changes the tags of a role.
    ///
    /// # Errors
    /// `Identity`, `Denied`, `Unavailable`.
    pub async fn tag_role(
        &self,
        caller: &Caller,
        account: AccountId,
        name: &str,
        set: BTreeMap<String, String>,
        unset: &[String],
    ) -> Result<()> {
        let action = if unset.is_empty() { Action::TagRole } else { Action::UntagRole };
        users::tags_of_caller(&set)?;
        let keys = OperationKeys::default().with_request_tags(&set).with_tag_names(unset);
        self.permit_role(caller, Wish::with(action, keys), &self.identities.roster(), account, name)?;
        self.change_identities(|next| {
            let mut role: Role = next.now().of::<Role>(account, name)?.clone();
            role.tags = users::untagged(users::tagged(role.tags, set), unset);
            users::tags_of_caller(&role.tags)?;
            next.put(role)
        })
        .await
    }

    fn permit_role<'r>(
        &self,
        caller: &Caller,
        wish: impl Into<Wish>,
        roster: &'r Roster,
        account: AccountId,
        name: &str,
    ) -> Result<&'r Role> {
        let found = roster.of::<Role>(account, name);
        let arn =
            found.as_ref().map_or_else(|_| naming::arn(&account.to_string(), "role", "/", name), |role| role.arn());
        let known = found.as_ref().map_or_else(|_| OperationKeys::default(), |role| role.keys());
        self.permit_identity(caller, wish.into().about(known), &arn)?;
        found.map_err(Error::from)
    }
}
