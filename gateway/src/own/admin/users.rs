//! Users and groups: who they are, what is written into them, and who is a member of what.

use std::collections::{BTreeMap, BTreeSet};

use engine::{Group, Holder, NewUser, PolicyPlace, Powers, User};
use serde::{Deserialize, Serialize};

use super::{Asked, Told};
use crate::s3_error::{Failure, Mistake};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewUserDocument {
    name: String,
    #[serde(default)]
    path: Option<String>,
    #[serde(default)]
    tags: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewGroupDocument {
    name: String,
    #[serde(default)]
    path: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct PasswordDocument {
    password: String,
    #[serde(default)]
    must_change: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct PowersDocument<'a> {
    /// Policies written into it, by name.
    policies: Vec<&'a str>,
    /// ARNs of managed policies.
    attached: &'a BTreeSet<String>,
    /// The ARN of the managed policy that bounds it.
    boundary: Option<&'a str>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct UserDocument<'a> {
    name: &'a str,
    account: &'a str,
    arn: String,
    created: String,
    groups: &'a BTreeSet<String>,
    tags: &'a BTreeMap<String, String>,
    has_password: bool,
    #[serde(flatten)]
    powers: PowersDocument<'a>,
}

#[derive(Debug, Serialize)]
struct GroupDocument<'a> {
    name: &'a str,
    account: &'a str,
    arn: String,
    created: String,
    #[serde(flatten)]
    powers: PowersDocument<'a>,
}

#[derive(Debug, Serialize)]
struct UsersDocument<'a> {
    users: Vec<UserDocument<'a>>,
}

#[derive(Debug, Serialize)]
struct GroupsDocument<'a> {
    groups: Vec<GroupDocument<'a>>,
}

#[derive(Debug, Serialize)]
struct MembersDocument<'a> {
    #[serde(flatten)]
    group: GroupDocument<'a>,
    members: Vec<&'a str>,
}

fn powers(powers: &Powers) -> PowersDocument<'_> {
    PowersDocument {
        policies: powers.inline.keys().map(String::as_str).collect(),
        attached: &powers.attached,
        boundary: powers.boundary.as_deref(),
    }
}

fn user(user: &User) -> UserDocument<'_> {
    UserDocument {
        name: &user.name,
        account: &user.account,
        arn: user.arn(),
        created: super::instant(user.created_ms),
        groups: &user.groups,
        tags: &user.tags,
        has_password: user.password.is_some(),
        powers: powers(&user.powers),
    }
}

fn group(group: &Group) -> GroupDocument<'_> {
    GroupDocument {
        name: &group.name,
        account: &group.account,
        arn: group.arn(),
        created: super::instant(group.created_ms),
        powers: powers(&group.powers),
    }
}

/// `GET users`
pub(super) async fn list(asked: Asked<'_>) -> Result<Told, Failure> {
    let users = asked.engine.users(asked.caller, asked.account()?, "/")?;
    Told::json(&UsersDocument { users: users.iter().map(user).collect() })
}

/// `POST users`
pub(super) async fn create(asked: Asked<'_>) -> Result<Told, Failure> {
    let NewUserDocument { name, path, tags } = asked.document()?;
    let new = NewUser { name: &name, path: path.as_deref(), tags, boundary: None };
    let made = asked.engine.create_user(asked.caller, asked.account()?, new).await?;
    Told::json(&user(&made))
}

/// `GET users/{user}`
pub(super) async fn get(asked: Asked<'_>) -> Result<Told, Failure> {
    Told::json(&user(&asked.engine.user(asked.caller, asked.account()?, asked.segment(0))?))
}

/// `DELETE users/{user}`
pub(super) async fn delete(asked: Asked<'_>) -> Result<Told, Failure> {
    asked.engine.delete_user(asked.caller, asked.account()?, asked.segment(0)).await?;
    Ok(Told::Done)
}

/// `PUT users/{user}/password`
pub(super) async fn set_password(asked: Asked<'_>) -> Result<Told, Failure> {
    let PasswordDocument { password, must_change } = asked.document()?;
    let account = asked.account()?;
    asked.engine.set_password(asked.caller, account, asked.segment(0), &password, must_change).await?;
    Ok(Told::Done)
}

/// `DELETE users/{user}/password`
pub(super) async fn delete_password(asked: Asked<'_>) -> Result<Told, Failure> {
    asked.engine.delete_password(asked.caller, asked.account()?, asked.segment(0)).await?;
    Ok(Told::Done)
}

/// `GET groups`
pub(super) async fn list_groups(asked: Asked<'_>) -> Result<Told, Failure> {
    let groups = asked.engine.groups(asked.caller, asked.account()?, "/")?;
    Told::json(&GroupsDocument { groups: groups.iter().map(group).collect() })
}

/// `POST groups`
pub(super) async fn create_group(asked: Asked<'_>) -> Result<Told, Failure> {
    let NewGroupDocument { name, path } = asked.document()?;
    let made = asked.engine.create_group(asked.caller, asked.account()?, &name, path.as_deref()).await?;
    Told::json(&group(&made))
}

/// `GET groups/{group}`
pub(super) async fn get_group(asked: Asked<'_>) -> Result<Told, Failure> {
    let (found, members) = asked.engine.group(asked.caller, asked.account()?, asked.segment(0))?;
    Told::json(&MembersDocument {
        group: group(&found),
        members: members.iter().map(|member| member.name.as_str()).collect(),
    })
}

/// `DELETE groups/{group}`
pub(super) async fn delete_group(asked: Asked<'_>) -> Result<Told, Failure> {
    asked.engine.delete_group(asked.caller, asked.account()?, asked.segment(0)).await?;
    Ok(Told::Done)
}

/// `PUT groups/{group}/members/{user}` and `DELETE` of it.
pub(super) async fn set_membership(asked: Asked<'_>, is_member: bool) -> Result<Told, Failure> {
    let (group, user) = (asked.segment(0), asked.segment(1));
    asked.engine.set_membership(asked.caller, asked.account()?, group, user, is_member).await?;
    Ok(Told::Done)
}

/// The user or the group that the path names.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    User,
    Group,
}

impl Asked<'_> {
    fn place(&self, kind: Kind) -> Result<PolicyPlace<'_>, Failure> {
        let name = self.segment(0);
        let holder = match kind {
            Kind::User => Holder::User(name),
            Kind::Group => Holder::Group(name),
        };
        Ok(PolicyPlace { account: self.account()?, holder })
    }
}

/// `GET users/{user}/policies/{policy}`, or of a group: the document, byte for byte.
pub(super) async fn get_policy(asked: Asked<'_>, kind: Kind) -> Result<Told, Failure> {
    let document = asked.engine.inline_policy(asked.caller, asked.place(kind)?, asked.segment(1))?;
    Ok(Told::Document(document.to_string().into()))
}

/// `PUT users/{user}/policies/{policy}`, or of a group.
pub(super) async fn put_policy(asked: Asked<'_>, kind: Kind) -> Result<Told, Failure> {
    let document = std::str::from_utf8(&asked.document);
    let document = document.map_err(|_| Mistake::Json("the policy is not text in UTF-8".to_owned()))?;
    asked.engine.put_inline_policy(asked.caller, asked.place(kind)?, asked.segment(1), document).await?;
    Ok(Told::Done)
}

/// `DELETE users/{user}/policies/{policy}`, or of a group.
pub(super) async fn delete_policy(asked: Asked<'_>, kind: Kind) -> Result<Told, Failure> {
    asked.engine.delete_inline_policy(asked.caller, asked.place(kind)?, asked.segment(1)).await?;
    Ok(Told::Done)
}

/// `PUT users/{user}/attached/{policy}` and `DELETE` of it, or of a group: a managed policy of the account, by name.
pub(super) async fn set_attached(asked: Asked<'_>, kind: Kind, is_attached: bool) -> Result<Told, Failure> {
    let arn = asked.engine.policy_arn(asked.account()?, asked.segment(1));
    asked.engine.set_attached(asked.caller, asked.place(kind)?, &arn, is_attached).await?;
    Ok(Told::Done)
}
