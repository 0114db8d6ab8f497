//! IAM: users, groups, roles, policies and access keys of the caller's account.

mod groups;
mod oidc_providers;
mod passwords;
mod policies;
mod roles;
mod users;

use std::sync::Arc;

use kernel::{AccountId, PrincipalKind};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{Asked, Node};
use crate::logins::Logins;
use crate::s3_error::{Failure, Mistake};

pub(super) const VERSION: &str = "2010-05-08";
pub(super) const NAMESPACE: &str = "https://iam.amazonaws.com/doc/2010-05-08/";

type Answer = Result<Vec<Node>, Failure>;

/// Source: RFC 3986, unreserved characters; IAM answers documents so.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A document as IAM answers it.
fn escaped(document: &str) -> String {
    utf8_percent_encode(document, ESCAPED).to_string()
}

/// Answers an operation.
pub(super) async fn answer(action: &str, asked: Asked<'_>, logins: &Logins) -> Answer {
    match action {
        "CreateUser" => users::create(asked).await,
        "UpdateUser" => users::update(asked).await,
        "CreateLoginProfile" => passwords::create(asked).await,
        "GetLoginProfile" => passwords::get(asked),
        "UpdateLoginProfile" => passwords::update(asked).await,
        "DeleteLoginProfile" => passwords::delete(asked).await,
        "ChangePassword" => passwords::change(asked, logins).await,
        "GetUser" => users::get(asked),
        "ListUsers" => users::list(asked),
        "DeleteUser" => users::delete(asked).await,
        "TagUser" => users::tag(asked).await,
        "UntagUser" => users::untag(asked).await,
        "ListUserTags" => users::list_tags(asked),
        "CreateAccessKey" => users::create_key(asked).await,
        "ListAccessKeys" => users::list_keys(asked),
        "UpdateAccessKey" => users::update_key(asked).await,
        "DeleteAccessKey" => users::delete_key(asked).await,
        "CreateGroup" => groups::create(asked).await,
        "UpdateGroup" => groups::update(asked).await,
        "GetGroup" => groups::get(asked),
        "ListGroups" => groups::list(asked),
        "DeleteGroup" => groups::delete(asked).await,
        "AddUserToGroup" => groups::set_membership(asked, true).await,
        "RemoveUserFromGroup" => groups::set_membership(asked, false).await,
        "ListGroupsForUser" => groups::of_user(asked),
        "CreateRole" => roles::create(asked).await,
        "GetRole" => roles::get(asked),
        "ListRoles" => roles::list(asked),
        "UpdateRole" => roles::update(asked).await,
        "UpdateRoleDescription" => roles::update_description(asked).await,
        "UpdateAssumeRolePolicy" => roles::update_trust(asked).await,
        "DeleteRole" => roles::delete(asked).await,
        "TagRole" => roles::tag(asked).await,
        "UntagRole" => roles::untag(asked).await,
        "ListRoleTags" => roles::list_tags(asked),
        "CreateOpenIDConnectProvider" => oidc_providers::create(asked).await,
        "GetOpenIDConnectProvider" => oidc_providers::get(asked),
        "ListOpenIDConnectProviders" => oidc_providers::list(asked),
        "DeleteOpenIDConnectProvider" => oidc_providers::delete(asked).await,
        "AddClientIDToOpenIDConnectProvider" => oidc_providers::set_client_id(asked, true).await,
        "RemoveClientIDFromOpenIDConnectProvider" => oidc_providers::set_client_id(asked, false).await,
        "UpdateOpenIDConnectProviderThumbprint" => oidc_providers::update_thumbprints(asked).await,
        "TagOpenIDConnectProvider" => oidc_providers::tag(asked).await,
        "UntagOpenIDConnectProvider" => oidc_providers::untag(asked).await,
        "GetAccountSummary" => summary(asked),
        other => policies::answer(other, asked).await,
    }
}

impl Asked<'_> {
    fn account(&self) -> AccountId {
        self.caller.account().unwrap_or(AccountId::HOME)
    }

    /// The user that is named, or else the one that asks; none for the root of the account.
    fn user_or_self(&mut self) -> Option<String> {
        let is_user = |kind| kind == PrincipalKind::User;
        let own = || self.caller.principal().filter(|one| is_user(one.kind)).map(|one| one.name.clone());
        self.parameters.take("UserName").or_else(own)
    }
}

fn summary(asked: Asked<'_>) -> Answer {
    let account = asked.account();
    let Asked { engine, caller, parameters } = asked;
    parameters.end()?;
    let entry = |(name, count): (&str, usize)| {
        Node::of("entry", vec![Node::text("key", name), Node::text("value", count.to_string())])
    };
    let entries = engine.account_summary(caller, account)?.into_iter().map(entry);
    Ok(vec![Node::of("SummaryMap", entries.collect())])
}

fn tags<'a>(tags: impl IntoIterator<Item = (&'a String, &'a String)>) -> Node {
    Node::list("Tags", tags, |(name, value)| vec![Node::text("Key", name), Node::text("Value", value)])
}

fn unknown(action: &str) -> Failure {
    Mistake::QueryAction(action.to_owned()).into()
}

fn document(name: &'static str, document: &Arc<str>) -> Node {
    Node::text(name, escaped(document))
}
