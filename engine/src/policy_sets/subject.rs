//! Those whom a question can be asked about: everybody whom the lake knows, as they would sign in, and whoever could come
//! from outside.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use kernel::{AccountId, AuthMethod, Caller, Origin, Principal, Who};

use super::PolicySetFault;
use crate::identity::{
    Account, Group, Outside, Role, User, account_id, outside_principal, role_principal, root_principal, user_principal,
};
use crate::{Engine, Result};

/// What a session is called that nobody has opened.
const NO_SESSION: &str = "somebody";

/// Whom a question is about.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Subject {
    /// `alice`, `user/alice` or `role/trainer`, with `ACCOUNT/` in front in other accounts than the first; `ACCOUNT/root`;
    /// `group/readers`, for somebody from outside who is in it alone; `PROVIDER:SUBJECT`; `anonymous`; `root`.
    pub name: String,
    /// Groups it is in beside its own.
    pub groups: BTreeSet<String>,
    /// Tags it has beside its own.
    pub tags: BTreeMap<String, String>,
    /// The address it asks from; none for that of whoever wants to know.
    pub source_ip: Option<IpAddr>,
}

impl Engine {
    /// Everybody whom the lake knows: users, roles, the roots of further accounts, and for each group of the first account
    /// somebody whom a provider outside has put in there; with the names by which [`Subject`] knows them.
    pub(super) fn principals_of_roster(&self) -> Vec<(String, Arc<Principal>)> {
        let roster = self.identities.roster();
        let within = |account: &str, name: String| match account_id(account) {
            AccountId::HOME => name,
            account => format!("{account}/{name}"),
        };
        let users = roster.all::<User>().map(|user| (within(&user.account, user.name.clone()), user_principal(user)));
        let role_name = |role: &Role| within(&role.account, format!("role/{}", role.name));
        let roles = roster.all::<Role>().map(|role| (role_name(role), role_principal(role, NO_SESSION)));
        let accounts = roster.all::<Account>().map(|account| account_id(&account.id));
        let further = accounts.filter(|account| *account != AccountId::HOME);
        let roots = further.map(|account| (format!("{account}/root"), root_principal(account)));
        let groups = roster.all::<Group>().filter(|group| account_id(&group.account) == AccountId::HOME);
        let members = groups.map(|group| (format!("group/{}", group.name), member_of([group.name.clone()].into())));
        users.chain(roles).chain(roots).chain(members).map(|(name, principal)| (name, Arc::new(principal))).collect()
    }

    /// Somebody as they would ask, by a request that comes the way of the caller's own.
    pub(super) fn subject(&self, caller: &Caller, subject: &Subject) -> Result<Caller> {
        let mut origin = Origin { purpose: None, ..caller.origin().clone() };
        origin.source_ip = subject.source_ip.or(origin.source_ip);
        let who = match subject.name.as_str() {
            "root" => Who::Root,
            "anonymous" => Who::Anonymous,
            name => {
                let mut principal = self.principal_named(name)?;
                principal.groups.extend(subject.groups.iter().cloned());
                principal.tags.extend(subject.tags.clone());
                Who::Principal(Arc::new(principal))
            }
        };
        Ok(Caller::new(who, Arc::new(origin)))
    }

    fn principal_named(&self, name: &str) -> Result<Principal> {
        let roster = self.identities.roster();
        let in_account = name.split_once('/').and_then(|(account, rest)| Some((account.parse().ok()?, rest)));
        let (account, rest): (AccountId, &str) = in_account.unwrap_or((AccountId::HOME, name));
        if let Some(role) = rest.strip_prefix("role/") {
            return Ok(role_principal(roster.of::<Role>(account, role)?, NO_SESSION));
        }
        if let Some(group) = rest.strip_prefix("group/") {
            return Ok(member_of([group.to_owned()].into()));
        }
        if rest == "root" && account != AccountId::HOME {
            roster.find::<Account>(&account.to_string())?;
            return Ok(root_principal(account));
        }
        if let Some((provider, subject)) = rest.split_once(':') {
            return Ok(outside(provider, subject, BTreeSet::new()));
        }
        let user = rest.strip_prefix("user/").unwrap_or(rest);
        if user.is_empty() {
            return Err(PolicySetFault::Value("somebody must be named".to_owned()).into());
        }
        Ok(user_principal(roster.of::<User>(account, user)?))
    }
}

/// Somebody from outside in some groups.
fn member_of(groups: BTreeSet<String>) -> Principal {
    outside("outside", NO_SESSION, groups)
}

fn outside(provider: &str, subject: &str, groups: BTreeSet<String>) -> Principal {
    outside_principal(Outside {
        provider: provider.to_owned(),
        subject: subject.to_owned(),
        groups,
        tags: BTreeMap::new(),
        keys: BTreeMap::new(),
        method: AuthMethod::Token,
    })
}
