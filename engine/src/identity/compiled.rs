//! Documents of identities in the form in which they decide, compiled once and kept by what they say.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};

use kernel::{AccountId, Caller, Principal, PrincipalKind, Who};
use policy::{Attachment, Source};

use super::records::{Group, ManagedPolicy, Powers, Role, User, within};
use super::roster::Roster;
use super::{IdentityFault, naming};
use crate::{Engine, Error, Result};

/// Documents kept at the most; then all go, and come again as they are needed.
const KEPT_MAX: usize = 50_000;

/// Callers whose policies are remembered at the most, between two changes.
const CALLERS_MAX: usize = 10_000;

/// What concerns a caller: see [`policy::Policies`].
#[derive(Debug, Clone, Default)]
pub(crate) struct CallerPolicies {
    pub(crate) identity: Vec<Arc<Source>>,
    pub(crate) narrowing: Vec<Arc<Source>>,
}

/// A principal, as far as its policies depend on it.
#[derive(Debug)]
struct Holder(Arc<Principal>);

impl PartialEq for Holder {
    fn eq(&self, other: &Self) -> bool {
        let all = |of: &Self| (of.0.kind, of.0.account);
        Arc::ptr_eq(&self.0, &other.0)
            || all(self) == all(other)
                && self.0.name == other.0.name
                && self.0.groups == other.0.groups
                && self.0.narrowed == other.0.narrowed
    }
}

impl Eq for Holder {}

impl Hash for Holder {
    /// Of what is short: equality looks at the rest.
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.0.kind, self.0.account, &self.0.name, self.0.groups.len(), self.0.narrowed.len()).hash(state);
    }
}

/// The policies of those who asked for something since identities last changed.
#[derive(Debug, Default)]
pub(super) struct KnownPolicies(Mutex<HashMap<Holder, Arc<CallerPolicies>>>);

impl KnownPolicies {
    fn get(
        &self,
        principal: &Arc<Principal>,
        find: impl FnOnce() -> Result<CallerPolicies>,
    ) -> Result<Arc<CallerPolicies>> {
        let known = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let holder = Holder(Arc::clone(principal));
        if let Some(policies) = known().get(&holder) {
            return Ok(Arc::clone(policies));
        }
        let policies = Arc::new(find()?);
        let mut known = known();
        if known.len() >= CALLERS_MAX {
            known.clear();
        }
        known.insert(holder, Arc::clone(&policies));
        Ok(policies)
    }
}

type Sources = HashMap<(String, Arc<str>), Arc<Source>>;

/// Compiled documents, by what they are called and what they say.
#[derive(Default)]
pub(crate) struct Compiled(Mutex<Sources>);

impl Compiled {
    fn known(&self) -> std::sync::MutexGuard<'_, Sources> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get(&self, name: String, document: &Arc<str>, attachment: &Attachment) -> Result<Arc<Source>> {
        let place = (name, Arc::clone(document));
        if let Some(source) = self.known().get(&place) {
            return Ok(Arc::clone(source));
        }
        let source = Source::iam(&place.0, document, attachment)
            .map_err(|fault| Error::Corrupt { what: place.0.clone(), source: Box::new(fault) })?;
        let source = Arc::new(source);
        let mut known = self.known();
        if known.len() >= KEPT_MAX {
            known.clear();
        }
        known.insert(place, Arc::clone(&source));
        Ok(source)
    }

    /// Says what is wrong with a document that narrows, if anything.
    pub(crate) fn check(&self, name: &str, document: &str) -> Result<()> {
        check(name, document, &Attachment::Session)
    }

    fn powers(&self, of: &Holding<'_>, roster: &Roster, into: &mut CallerPolicies) -> Result<()> {
        for (name, document) in &of.powers.inline {
            into.identity.push(self.get(format!("{} {} {name}", of.what, of.name), document, &of.attachment)?);
        }
        for arn in &of.powers.attached {
            into.identity.push(self.managed(roster, arn)?);
        }
        if let Some(arn) = &of.powers.boundary {
            into.narrowing.push(self.managed(roster, arn)?);
        }
        Ok(())
    }

    /// A policy that is attached is not removed, so one that is missing is damage.
    fn managed(&self, roster: &Roster, arn: &str) -> Result<Arc<Source>> {
        let missing = || Error::Corrupt {
            what: format!("the policy `{arn}`"),
            source: Box::new(IdentityFault::missing("policy", arn)),
        };
        let (account, name) = naming::parse_arn(arn, "policy").ok_or_else(missing)?;
        let policy: &ManagedPolicy = roster.find(&within(account, name)).map_err(|_| missing())?;
        let current = policy.current().ok_or_else(missing)?;
        self.get(format!("policy {name} v{}", current.number), &current.document, &Attachment::Managed)
    }
}

/// Whose powers are compiled.
struct Holding<'a> {
    what: &'static str,
    name: &'a str,
    powers: &'a Powers,
    attachment: Attachment,
}

/// Says what is wrong with a document, if anything.
pub(super) fn check(name: &str, document: &str, attachment: &Attachment) -> Result<()> {
    Source::iam(name, document, attachment).map(drop).map_err(|fault| IdentityFault::Policy(fault).into())
}

impl Engine {
    /// The policies that concern a caller by who it is.
    ///
    /// # Errors
    /// `Corrupt` where one of them cannot be read any more: then nobody whom it concerns may do anything.
    pub(crate) fn policies_of(&self, caller: &Caller) -> Result<Arc<CallerPolicies>> {
        let Who::Principal(principal) = caller.who() else { return Ok(Arc::default()) };
        let roster = self.identities.roster();
        roster.policies_of.get(principal, || self.find_policies(principal, &roster))
    }

    fn find_policies(&self, principal: &Principal, roster: &Roster) -> Result<CallerPolicies> {
        let (mut found, compiled) = (CallerPolicies::default(), &self.identities.compiled);
        match principal.kind {
            PrincipalKind::AccountRoot => {}
            PrincipalKind::Role => {
                if let Ok(role) = roster.of::<Role>(principal.account, &principal.name) {
                    let (name, powers, attachment) = (role.name.as_str(), &role.powers, Attachment::Role);
                    compiled.powers(&Holding { what: "role", name, powers, attachment }, roster, &mut found)?;
                }
            }
            PrincipalKind::User => {
                if let Ok(user) = roster.of::<User>(principal.account, &principal.name) {
                    let (name, powers, attachment) = (user.name.as_str(), &user.powers, Attachment::User);
                    compiled.powers(&Holding { what: "user", name, powers, attachment }, roster, &mut found)?;
                }
                self.powers_of_groups(principal, roster, &mut found)?;
            }
        }
        for narrowing in &principal.narrowed {
            let source = compiled.get(narrowing.name.to_owned(), &narrowing.document, &Attachment::Session)?;
            found.narrowing.push(source);
        }
        Ok(found)
    }

    /// What is attached to groups, also for who was let in from outside and is in a group of that name.
    fn powers_of_groups(&self, principal: &Principal, roster: &Roster, found: &mut CallerPolicies) -> Result<()> {
        let account: AccountId = principal.account;
        for name in &principal.groups {
            // A provider's names are taken as they are written.
            if let Some(group) = roster.of::<Group>(account, name).ok().filter(|group| group.name == *name) {
                let holding = Holding { what: "group", name, powers: &group.powers, attachment: Attachment::Group };
                self.identities.compiled.powers(&holding, roster, found)?;
            }
        }
        Ok(())
    }
}
