//! Policies of identities: those that stand for themselves and are attached, and those that are written into a user, a
//! group or a role. A document is taken only when it is understood to the last word.

use std::sync::Arc;

use kernel::{AccountId, Caller};
use policy::{Action, Attachment, OperationKeys};

use super::IdentityFault;
use super::common_policies;
use super::compiled::check;
use super::naming::{self, LONG_NAME_CHARS_MAX};
use super::records::{Group, ManagedPolicy, PolicyVersion, Powers, Role, User, within};
use super::roster::{NextRoster, Roster};
use super::wish::{BOUNDARY, Wish};
use crate::{Engine, Error, Result};

/// Versions of a managed policy. Source: IAM User Guide, *IAM and AWS STS quotas*.
const VERSIONS_MAX: usize = 5;
/// Managed policies attached to one identity. Source: as above, the highest that can be asked for.
const ATTACHED_MAX: usize = 20;
/// Policies written into one identity.
const INLINE_MAX: usize = 100;

/// Whom policies belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder<'a> {
    /// A user.
    User(&'a str),
    /// A group.
    Group(&'a str),
    /// A role.
    Role(&'a str),
}

/// A holder of policies in an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PolicyPlace<'a> {
    /// The account.
    pub account: AccountId,
    /// Whose policies.
    pub holder: Holder<'a>,
}

/// An action that IAM calls differently for users, groups and roles.
#[derive(Clone, Copy)]
struct PerHolder([Action; 3]);

const PUT: PerHolder = PerHolder([Action::PutUserPolicy, Action::PutGroupPolicy, Action::PutRolePolicy]);
const GET: PerHolder = PerHolder([Action::GetUserPolicy, Action::GetGroupPolicy, Action::GetRolePolicy]);
const LIST: PerHolder = PerHolder([Action::ListUserPolicies, Action::ListGroupPolicies, Action::ListRolePolicies]);
const DELETE: PerHolder = PerHolder([Action::DeleteUserPolicy, Action::DeleteGroupPolicy, Action::DeleteRolePolicy]);
const ATTACH: PerHolder = PerHolder([Action::AttachUserPolicy, Action::AttachGroupPolicy, Action::AttachRolePolicy]);
const DETACH: PerHolder = PerHolder([Action::DetachUserPolicy, Action::DetachGroupPolicy, Action::DetachRolePolicy]);
const LIST_ATTACHED: PerHolder =
    PerHolder([Action::ListAttachedUserPolicies, Action::ListAttachedGroupPolicies, Action::ListAttachedRolePolicies]);

impl PolicyPlace<'_> {
    fn action(&self, of: PerHolder) -> Action {
        let [user, group, role] = of.0;
        match self.holder {
            Holder::User(_) => user,
            Holder::Group(_) => group,
            Holder::Role(_) => role,
        }
    }

    fn attachment(&self) -> Attachment {
        match self.holder {
            Holder::User(_) => Attachment::User,
            Holder::Group(_) => Attachment::Group,
            Holder::Role(_) => Attachment::Role,
        }
    }

    fn powers<'r>(&self, roster: &'r Roster) -> std::result::Result<&'r Powers, IdentityFault> {
        Ok(match self.holder {
            Holder::User(name) => &roster.of::<User>(self.account, name)?.powers,
            Holder::Group(name) => &roster.of::<Group>(self.account, name)?.powers,
            Holder::Role(name) => &roster.of::<Role>(self.account, name)?.powers,
        })
    }

    fn arn(&self, roster: &Roster) -> String {
        let account = self.account.to_string();
        match self.holder {
            Holder::User(name) => roster
                .of::<User>(self.account, name)
                .map_or_else(|_| naming::arn(&account, "user", "/", name), User::arn),
            Holder::Group(name) => roster
                .of::<Group>(self.account, name)
                .map_or_else(|_| naming::arn(&account, "group", "/", name), Group::arn),
            Holder::Role(name) => roster
                .of::<Role>(self.account, name)
                .map_or_else(|_| naming::arn(&account, "role", "/", name), Role::arn),
        }
    }

    /// What conditions may ask about the holder. Groups have neither tags nor boundaries.
    fn keys(&self, roster: &Roster) -> OperationKeys {
        let known = match self.holder {
            Holder::User(name) => roster.of::<User>(self.account, name).ok().map(User::keys),
            Holder::Role(name) => roster.of::<Role>(self.account, name).ok().map(Role::keys),
            Holder::Group(_) => None,
        };
        known.unwrap_or_default()
    }

    fn alter(&self, next: &mut NextRoster, alter: impl FnOnce(&mut Powers) -> Result<()>) -> Result<()> {
        macro_rules! altered {
            ($record:ident, $name:expr) => {{
                let mut record: $record = next.now().of::<$record>(self.account, $name)?.clone();
                alter(&mut record.powers)?;
                next.put(record)
            }};
        }
        match self.holder {
            Holder::User(name) => altered!(User, name),
            Holder::Group(name) => altered!(Group, name),
            Holder::Role(name) => altered!(Role, name),
        }
    }
}

impl Engine {
    fn permit_place(
        &self,
        caller: &Caller,
        place: PolicyPlace<'_>,
        wish: impl Into<Wish>,
        roster: &Roster,
    ) -> Result<()> {
        self.permit_identity(caller, wish.into().about(place.keys(roster)), &place.arn(roster))
    }

    /// Writes a policy into a user, group or role, in the place of the one of that name.
    ///
    /// # Errors
    /// `Identity` where the holder is missing, the name cannot be, there are too many, or the document is none;
    /// `Denied`, `Unavailable`.
    pub async fn put_inline_policy(
        &self,
        caller: &Caller,
        place: PolicyPlace<'_>,
        name: &str,
        document: &str,
    ) -> Result<()> {
        self.permit_place(caller, place, place.action(PUT), &self.identities.roster())?;
        naming::name("policy", name, LONG_NAME_CHARS_MAX)?;
        check(name, document, &place.attachment())?;
        self.change_identities(|next| {
            place.alter(next, |powers| {
                powers.inline.insert(name.to_owned(), document.into());
                if powers.inline.len() > INLINE_MAX {
                    return Err(IdentityFault::Limit { what: "policies written into one", max: INLINE_MAX }.into());
                }
                Ok(())
            })
        })
        .await
    }

    /// A policy that is written into a user, group or role.
    ///
    /// # Errors
    /// `Identity` where there is none; `Denied`.
    pub fn inline_policy(&self, caller: &Caller, place: PolicyPlace<'_>, name: &str) -> Result<Arc<str>> {
        let roster = self.identities.roster();
        self.permit_place(caller, place, place.action(GET), &roster)?;
        let found = place.powers(&roster)?.inline.get(name);
        Ok(Arc::clone(found.ok_or_else(|| IdentityFault::missing("policy", name))?))
    }

    /// Names of the policies that are written into a user, group or role.
    ///
    /// # Errors
    /// `Identity` where there is no such holder; `Denied`.
    pub fn inline_policies(&self, caller: &Caller, place: PolicyPlace<'_>) -> Result<Vec<String>> {
        let roster = self.identities.roster();
        self.permit_place(caller, place, place.action(LIST), &roster)?;
        Ok(place.powers(&roster)?.inline.keys().cloned().collect())
    }

    /// Takes a policy out of a user, group or role.
    ///
    /// # Errors
    /// `Identity` where there is none; `Denied`, `Unavailable`.
    pub async fn delete_inline_policy(&self, caller: &Caller, place: PolicyPlace<'_>, name: &str) -> Result<()> {
        self.permit_place(caller, place, place.action(DELETE), &self.identities.roster())?;
        self.change_identities(|next| {
            place.alter(next, |powers| {
                powers.inline.remove(name).map(drop).ok_or_else(|| IdentityFault::missing("policy", name).into())
            })
        })
        .await
    }

    /// Attaches a managed policy, or takes it off. Attaching what is attached succeeds.
    ///
    /// # Errors
    /// `Identity` where holder or policy are missing, or too many would be attached; `Denied`, `Unavailable`.
    pub async fn set_attached(
        &self,
        caller: &Caller,
        place: PolicyPlace<'_>,
        arn: &str,
        is_attached: bool,
    ) -> Result<()> {
        let action = place.action(if is_attached { ATTACH } else { DETACH });
        let wish = Wish::with(action, OperationKeys::default().with("iam:PolicyARN", arn));
        self.permit_place(caller, place, wish, &self.identities.roster())?;
        self.change_identities(|next| {
            if is_attached {
                managed(next.now(), place.account, arn)?;
            }
            place.alter(next, |powers| match is_attached {
                true => {
                    powers.attached.insert(arn.to_owned());
                    if powers.attached.len() > ATTACHED_MAX {
                        let what = "policies attached to one";
                        return Err(IdentityFault::Limit { what, max: ATTACHED_MAX }.into());
                    }
                    Ok(())
                }
                false if powers.attached.remove(arn) => Ok(()),
                false => Err(IdentityFault::missing("policy", arn).into()),
            })
        })
        .await
    }

    /// The managed policies that are attached, by ARN: name and ARN of each.
    ///
    /// # Errors
    /// `Identity` where there is no such holder; `Denied`.
    pub fn attached_policies(&self, caller: &Caller, place: PolicyPlace<'_>) -> Result<Vec<(String, String)>> {
        let roster = self.identities.roster();
        self.permit_place(caller, place, place.action(LIST_ATTACHED), &roster)?;
        let named = |arn: &String| {
            let name = arn.rsplit('/').next().unwrap_or_default();
            (name.to_owned(), arn.clone())
        };
        Ok(place.powers(&roster)?.attached.iter().map(named).collect())
    }

    /// Bounds a user or role by a managed policy, or takes the bound away.
    ///
    /// # Errors
    /// `Identity` where holder or policy are missing, or for a group; `Denied`, `Unavailable`.
    pub async fn set_boundary(&self, caller: &Caller, place: PolicyPlace<'_>, arn: Option<&str>) -> Result<()> {
        let action = match (place.holder, arn) {
            (Holder::User(_), Some(_)) => Action::PutUserPermissionsBoundary,
            (Holder::User(_), None) => Action::DeleteUserPermissionsBoundary,
            (Holder::Role(_), Some(_)) => Action::PutRolePermissionsBoundary,
            (Holder::Role(_), None) => Action::DeleteRolePermissionsBoundary,
            (Holder::Group(_), _) => return Err(IdentityFault::Value("a group has no boundary".to_owned()).into()),
        };
        let asked = arn.map_or_else(OperationKeys::default, |arn| OperationKeys::default().with(BOUNDARY, arn));
        self.permit_place(caller, place, Wish::with(action, asked), &self.identities.roster())?;
        self.change_identities(|next| {
            if let Some(arn) = arn {
                managed(next.now(), place.account, arn)?;
            }
            place.alter(next, |powers| {
                powers.boundary = arn.map(str::to_owned);
                Ok(())
            })
        })
        .await
    }

    /// Makes a managed policy.
    ///
    /// # Errors
    /// `Identity` for a name that is taken or cannot be, or a document that is none; `Denied`, `Unavailable`.
    pub async fn create_policy(
        &self,
        caller: &Caller,
        account: AccountId,
        name: &str,
        path: Option<&str>,
        document: &str,
    ) -> Result<ManagedPolicy> {
        naming::name("policy", name, LONG_NAME_CHARS_MAX)?;
        let path = naming::path(path)?;
        self.permit_identity(caller, Action::CreatePolicy, &naming::arn(&account.to_string(), "policy", &path, name))?;
        check(name, document, &Attachment::Managed)?;
        let created_ms = self.clock.now().as_millis();
        let policy = ManagedPolicy {
            account: account.to_string(),
            name: name.to_owned(),
            path,
            id: naming::unique_id(&*self.entropy, "ANPA"),
            created_ms,
            description: String::new(),
            versions: vec![PolicyVersion { number: 1, document: document.into(), created_ms }],
            default: 1,
            next: 2,
        };
        self.change_identities(move |next| {
            next.add(policy.clone(), &policy.name)?;
            Ok(policy)
        })
        .await
    }

    /// The ARN of the managed policy of that name; of one without a path, where there is none.
    pub fn policy_arn(&self, account: AccountId, name: &str) -> String {
        let roster = self.identities.roster();
        let found = roster.of::<ManagedPolicy>(account, name);
        found.map_or_else(|_| naming::arn(&account.to_string(), "policy", "/", name), ManagedPolicy::arn)
    }

    /// A managed policy, and to how many it is attached.
    ///
    /// # Errors
    /// `Identity` where there is none; `Denied`.
    pub fn managed_policy(&self, caller: &Caller, arn: &str) -> Result<(ManagedPolicy, usize)> {
        self.permit_identity(caller, Action::GetPolicy, arn)?;
        let roster = self.identities.roster();
        let policy = managed(&roster, self.account_of(caller), arn)?;
        Ok((policy.clone(), holders(&roster, arn).len()))
    }

    /// A managed policy with its versions.
    ///
    /// # Errors
    /// `Identity` where there is none; `Denied`.
    pub fn policy_versions(&self, caller: &Caller, arn: &str) -> Result<ManagedPolicy> {
        self.permit_identity(caller, Action::ListPolicyVersions, arn)?;
        Ok(managed(&self.identities.roster(), self.account_of(caller), arn)?.clone())
    }

    /// A managed policy and one of its versions.
    ///
    /// # Errors
    /// `Identity` where there is none; `Denied`.
    pub fn policy_version(&self, caller: &Caller, arn: &str, number: u32) -> Result<(ManagedPolicy, PolicyVersion)> {
        self.permit_identity(caller, Action::GetPolicyVersion, arn)?;
        let policy = managed(&self.identities.roster(), self.account_of(caller), arn)?.clone();
        expect_version(&policy, number)?;
        let version = policy.versions.iter().find(|version| version.number == number).cloned();
        Ok((policy, version.ok_or(Error::Bug("a version that was there is not"))?))
    }

    /// The managed policies of an account and then those that every account has, by name, and to how many each is
    /// attached.
    ///
    /// # Errors
    /// `Denied`.
    pub fn policies(&self, caller: &Caller, account: AccountId) -> Result<Vec<(ManagedPolicy, usize)>> {
        self.permit_identity(caller, Action::ListPolicies, &format!("arn:aws:iam::{account}:policy/*"))?;
        let roster = self.identities.roster();
        let common = roster.all_within::<ManagedPolicy>(common_policies::ACCOUNT);
        let all = roster.all_of::<ManagedPolicy>(account).chain(common);
        Ok(all.map(|policy| (policy.clone(), holders(&roster, &policy.arn()).len())).collect())
    }

    /// Adds a version to a managed policy, which counts from now on where that is asked for.
    ///
    /// # Errors
    /// `Identity` where there is no such policy, it has five versions, or the document is none; `Denied`, `Unavailable`.
    pub async fn create_policy_version(
        &self,
        caller: &Caller,
        arn: &str,
        document: &str,
        counts: bool,
    ) -> Result<PolicyVersion> {
        self.permit_identity(caller, Action::CreatePolicyVersion, arn)?;
        check(arn, document, &Attachment::Managed)?;
        let (account, created_ms) = (self.account_of(caller), self.clock.now().as_millis());
        self.change_identities(|next| {
            let mut policy = own(next.now(), account, arn)?.clone();
            if policy.versions.len() >= VERSIONS_MAX {
                return Err(IdentityFault::Limit { what: "versions of a policy", max: VERSIONS_MAX }.into());
            }
            let version = PolicyVersion { number: policy.next, document: document.into(), created_ms };
            policy.versions.push(version.clone());
            policy.next += 1;
            if counts {
                policy.default = version.number;
            }
            next.put(policy)?;
            Ok(version)
        })
        .await
    }

    /// Lets another version of a managed policy count.
    ///
    /// # Errors
    /// `Identity` where there is no such policy or version; `Denied`, `Unavailable`.
    pub async fn set_default_policy_version(&self, caller: &Caller, arn: &str, number: u32) -> Result<()> {
        self.permit_identity(caller, Action::SetDefaultPolicyVersion, arn)?;
        let account = self.account_of(caller);
        self.change_identities(|next| {
            let mut policy = own(next.now(), account, arn)?.clone();
            expect_version(&policy, number)?;
            policy.default = number;
            next.put(policy)
        })
        .await
    }

    /// Removes a version of a managed policy that does not count.
    ///
    /// # Errors
    /// `Identity` where there is no such policy or version, or it counts; `Denied`, `Unavailable`.
    pub async fn delete_policy_version(&self, caller: &Caller, arn: &str, number: u32) -> Result<()> {
        self.permit_identity(caller, Action::DeletePolicyVersion, arn)?;
        let account = self.account_of(caller);
        self.change_identities(|next| {
            let mut policy = own(next.now(), account, arn)?.clone();
            expect_version(&policy, number)?;
            if policy.default == number {
                return Err(IdentityFault::InUse("the version that counts cannot be removed".to_owned()).into());
            }
            policy.versions.retain(|version| version.number != number);
            next.put(policy)
        })
        .await
    }

    /// Removes a managed policy that is attached to nobody and has one version.
    ///
    /// # Errors
    /// `Identity` where there is none, or it is in use; `Denied`, `Unavailable`.
    pub async fn delete_policy(&self, caller: &Caller, arn: &str) -> Result<()> {
        self.permit_identity(caller, Action::DeletePolicy, arn)?;
        let account = self.account_of(caller);
        self.change_identities(|next| {
            let policy = own(next.now(), account, arn)?.clone();
            if !holders(next.now(), arn).is_empty() {
                return Err(IdentityFault::InUse("the policy is attached".to_owned()).into());
            }
            if policy.versions.len() > 1 {
                return Err(IdentityFault::InUse("the policy has more than one version".to_owned()).into());
            }
            next.remove(&policy);
            Ok(())
        })
        .await
    }
}

/// A managed policy that an account may change: one of its own.
fn own<'r>(roster: &'r Roster, account: AccountId, arn: &str) -> std::result::Result<&'r ManagedPolicy, IdentityFault> {
    let policy = managed(roster, account, arn)?;
    match policy.account == common_policies::ACCOUNT {
        false => Ok(policy),
        true => Err(IdentityFault::Value("what every account has cannot be changed".to_owned())),
    }
}

/// A managed policy by its ARN: one of an account, or one that every account has.
pub(super) fn managed<'r>(
    roster: &'r Roster,
    account: AccountId,
    arn: &str,
) -> std::result::Result<&'r ManagedPolicy, IdentityFault> {
    let missing = || IdentityFault::missing("policy", arn);
    let (named, name) = naming::parse_arn(arn, "policy").ok_or_else(missing)?;
    if named != account.to_string() && named != common_policies::ACCOUNT {
        return Err(missing());
    }
    let policy: &ManagedPolicy = roster.find(&within(named, name)).map_err(|_| missing())?;
    if policy.arn() == arn { Ok(policy) } else { Err(missing()) }
}

fn expect_version(policy: &ManagedPolicy, number: u32) -> Result<()> {
    match policy.versions.iter().any(|version| version.number == number) {
        true => Ok(()),
        false => Err(Error::from(IdentityFault::missing("policy version", &format!("v{number}")))),
    }
}

/// The ARNs of everybody whom a policy is attached to, or bounds.
fn holders(roster: &Roster, arn: &str) -> Vec<String> {
    let has = |powers: &Powers| powers.attached.contains(arn) || powers.boundary.as_deref() == Some(arn);
    let users = roster.users.values().filter(|one| has(&one.record.powers)).map(|one| one.record.arn());
    let groups = roster.groups.values().filter(|one| has(&one.record.powers)).map(|one| one.record.arn());
    let roles = roster.roles.values().filter(|one| has(&one.record.powers)).map(|one| one.record.arn());
    users.chain(groups).chain(roles).collect()
}
