//! What is wished of an identity: an action, and the condition keys that the request brings or that are known of whom it is
//! about.

use std::collections::BTreeMap;

use kernel::Caller;
use policy::{Action, OperationKeys};

use super::records::{OidcProvider, Powers, Role, User};
use crate::leave::Ask;
use crate::{Engine, Result};

/// The key of the policy that bounds an identity.
pub(super) const BOUNDARY: &str = "iam:PermissionsBoundary";

/// What somebody wants to do with an identity.
pub(super) struct Wish {
    action: Action,
    keys: OperationKeys,
}

impl From<Action> for Wish {
    /// A wish whose request brings no keys.
    fn from(action: Action) -> Self {
        Self { action, keys: OperationKeys::default() }
    }
}

impl Wish {
    /// With keys that the request brings.
    pub(super) fn with(action: Action, keys: OperationKeys) -> Self {
        Self { action, keys }
    }

    /// About an identity that is there, of which these keys are known. What the request says of a key stands before them.
    pub(super) fn about(self, known: OperationKeys) -> Self {
        Self { keys: self.keys.or(known), ..self }
    }
}

/// What an identity that is made has from the beginning.
#[derive(Clone, Copy)]
pub(super) struct Made<'a> {
    pub(super) tags: &'a BTreeMap<String, String>,
    pub(super) boundary: Option<&'a str>,
}

/// The keys of an identity with tags.
fn tagged(powers: Option<&Powers>, tags: &BTreeMap<String, String>) -> OperationKeys {
    let keys = OperationKeys::default().with_resource_tags(tags);
    match powers.and_then(|powers| powers.boundary.as_deref()) {
        Some(boundary) => keys.with(BOUNDARY, boundary),
        None => keys,
    }
}

impl User {
    /// What conditions may ask about it.
    pub(super) fn keys(&self) -> OperationKeys {
        tagged(Some(&self.powers), &self.tags)
    }
}

impl Role {
    /// What conditions may ask about it.
    pub(super) fn keys(&self) -> OperationKeys {
        tagged(Some(&self.powers), &self.tags)
    }
}

impl OidcProvider {
    /// What conditions may ask about it.
    pub(super) fn keys(&self) -> OperationKeys {
        tagged(None, &self.tags)
    }
}

impl Engine {
    /// Asks for leave to do something with an identity, or with those of an account, named by an ARN.
    pub(super) fn permit_identity(&self, caller: &Caller, wish: impl Into<Wish>, arn: &str) -> Result<()> {
        let Wish { action, keys } = wish.into();
        self.ask(caller, Ask { identity: Some(arn), keys: Some(&keys), ..Ask::lake(action) }).map(drop)
    }

    /// Asks for leave to make an identity, and to tag it where it has tags from the beginning.
    ///
    /// Source: IAM User Guide, *Tags for AWS Identity and Access Management resources*, "Managing tags on IAM users".
    pub(super) fn permit_made(
        &self,
        caller: &Caller,
        [make, tag]: [Action; 2],
        made: Made<'_>,
        arn: &str,
    ) -> Result<()> {
        let keys = OperationKeys::default().with_request_tags(made.tags);
        let keys = match made.boundary {
            Some(boundary) => keys.with(BOUNDARY, boundary),
            None => keys,
        };
        self.permit_identity(caller, Wish::with(make, keys.clone()), arn)?;
        match made.tags.is_empty() {
            true => Ok(()),
            false => self.permit_identity(caller, Wish::with(tag, keys), arn),
        }
    }
}
