//! Who there is: accounts, users, groups, roles, their policies and their access keys.
//!
//! All of it is held in memory, as one [`Roster`] that is never changed: whoever changes somebody commits documents to the
//! catalogue, and a new roster takes the place of the old one. So a request looks at one moment of everything, without a
//! lock and without a read. Identities are documents in JSON, one each; `records.rs` says what stands in them.
//!
//! ```text
//! sign in:  access key → secret;  access key and token → principal
//! decide:   caller → the policies that concern it
//! change:   permit → documents, expected as they were → a new roster
//! ```

mod accounts;
mod common_policies;
mod compiled;
mod credentials;
mod groups;
mod handed_on;
mod keys;
mod naming;
mod oidc_providers;
mod passwords;
mod policies;
mod records;
mod roles;
mod roster;
mod sessions;
mod users;
mod wish;

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use kernel::{AccountId, Caller};
use policy::{Action, Refusal};
use storage::SessionKey;

pub(crate) use accounts::hex;
pub use credentials::{CredentialFault, Outside};
pub(crate) use keys::unhex;
pub use keys::{NewAccessKey, NewKey};
pub use oidc_providers::NewOidcProvider;
pub use passwords::named_at_login;
pub use policies::{Holder, PolicyPlace};
pub use records::{
    AccessKey, Account, Group, ManagedPolicy, OidcProvider, Password, PolicyVersion, Powers, Role, User,
};
pub use roles::NewRole;
pub use sessions::{AssumeRole, Assumed, Session, SessionBounds};
pub use users::NewUser;

use crate::bucket_policy::ruled_out_by;
use crate::leave::Ask;
use crate::{Engine, Error};
pub(crate) use compiled::CallerPolicies;
use compiled::Compiled;
pub(crate) use credentials::{outside_principal, root_principal, user_principal};
pub(crate) use records::account_id;
use roster::Roster;
pub(crate) use sessions::role_principal;

/// Why something about identities was not done. Nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentityFault {
    /// There is one of that name already.
    #[error("{what} `{name}` exists already")]
    Exists {
        /// What kind of thing.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// There is none of that name.
    #[error("there is no {what} `{name}`")]
    Missing {
        /// What kind of thing.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// Something still belongs to it.
    #[error("{0}")]
    InUse(String),
    /// There may be no more.
    #[error("there may be {max} {what} at the most")]
    Limit {
        /// Of what.
        what: &'static str,
        /// How many.
        max: usize,
    },
    /// A policy that is none.
    #[error("{0}")]
    Policy(policy::PolicyFault),
    /// A value that cannot be.
    #[error("{0}")]
    Value(String),
    /// Who types a name and a password is not told which of them is wrong.
    #[error("the user name or the password is wrong")]
    Password,
}

impl IdentityFault {
    pub(crate) fn missing(what: &'static str, name: &str) -> Self {
        Self::Missing { what, name: name.to_owned() }
    }
    pub(crate) fn exists(what: &'static str, name: &str) -> Self {
        Self::Exists { what, name: name.to_owned() }
    }
}

/// The roster, and what is needed to change it and to sign people in.
pub(crate) struct Identities {
    roster: RwLock<Arc<Roster>>,
    /// Held by whoever changes something, from looking until the new roster stands.
    changing: tokio::sync::Mutex<()>,
    compiled: Compiled,
    pub(crate) session_key: std::sync::OnceLock<SessionKey>,
    /// Providers outside that are believed, and how long a session may last that begins with one.
    providers: std::sync::OnceLock<BTreeMap<String, Duration>>,
    /// Places for those who try a password.
    trials: tokio::sync::Semaphore,
}

impl Identities {
    pub(crate) fn new() -> Self {
        Self {
            roster: RwLock::default(),
            changing: tokio::sync::Mutex::default(),
            compiled: Compiled::default(),
            session_key: std::sync::OnceLock::new(),
            providers: std::sync::OnceLock::new(),
            trials: passwords::places(),
        }
    }

    pub(crate) fn roster(&self) -> Arc<Roster> {
        Arc::clone(&self.roster.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn replace(&self, roster: Roster) {
        *self.roster.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(roster);
    }
}

impl Engine {
    /// The refusal of what no policy can allow, because it would lead out of the bounds of what the caller showed.
    fn beyond_bounds(caller: &Caller, action: Action, reason: &'static str) -> Error {
        Refusal { is_told: false, ..ruled_out_by(caller, &Ask::lake(action), reason.into()) }.into()
    }

    /// The account that a caller's identities belong to.
    pub(crate) fn account_of(&self, caller: &Caller) -> AccountId {
        caller.account().unwrap_or(AccountId::HOME)
    }
}
