//! May this happen?
//!
//! Life in here is pure: a question goes in, a [`Permit`] or a [`Refusal`] comes out, nothing is read or changed. A
//! permit cannot be made anywhere else, and the engine touches nothing of a user's without one. Until users, groups and
//! policies exist, the holder of the root keys may do everything, the lake itself may do what its role is for, and
//! everybody else is refused.

mod action;

use kernel::{BucketName, Caller, ObjectKey, Role, Sequence, VersionName};

pub use action::Action;

/// What somebody wants to do, and to what.
#[derive(Debug, Clone)]
pub struct Question<'a> {
    /// Who asks.
    pub caller: &'a Caller,
    /// What for.
    pub action: Action,
    /// The bucket it concerns; none for what concerns the whole lake.
    pub bucket: Option<&'a BucketName>,
    /// The key it concerns.
    pub key: Option<&'a ObjectKey>,
    /// The version it concerns; none for the current one.
    pub version: Option<VersionName>,
    /// The revision of the facts that the answer rests on.
    pub facts: Sequence,
}

/// Leave to do one thing. Only [`decide`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permit {
    caller: Caller,
    action: Action,
    bucket: Option<BucketName>,
    key: Option<ObjectKey>,
    version: Option<VersionName>,
    facts: Sequence,
}

impl Permit {
    /// Whose leave it is.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }
    /// What it allows.
    pub fn action(&self) -> Action {
        self.action
    }
    /// The bucket it is for.
    pub fn bucket(&self) -> Option<&BucketName> {
        self.bucket.as_ref()
    }
    /// The key it is for.
    pub fn key(&self) -> Option<&ObjectKey> {
        self.key.as_ref()
    }
    /// The version it is for.
    pub fn version(&self) -> Option<VersionName> {
        self.version
    }
    /// The revision of the facts it rests on; a write that uses it expects them unchanged.
    pub fn facts(&self) -> Sequence {
        self.facts
    }
}

/// No leave, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{caller}` may not `{}`: {reason}", action.name())]
pub struct Refusal {
    /// Who asked.
    pub caller: Caller,
    /// What for.
    pub action: Action,
    /// The rule that decided, for people.
    pub reason: &'static str,
}

/// Answers a question.
///
/// # Errors
/// [`Refusal`] when no rule allows it.
pub fn decide(question: &Question<'_>) -> Result<Permit, Refusal> {
    let allowed = match question.caller {
        Caller::Root => true,
        Caller::Lake(role) => is_for(*role, question.action),
        Caller::Anonymous => false,
    };
    if !allowed {
        return Err(Refusal {
            caller: question.caller.clone(),
            action: question.action,
            reason: "no policy allows it",
        });
    }
    Ok(Permit {
        caller: question.caller.clone(),
        action: question.action,
        bucket: question.bucket.cloned(),
        key: question.key.cloned(),
        version: question.version,
        facts: question.facts,
    })
}

/// Whether the lake may do this when it plays that role.
fn is_for(role: Role, action: Action) -> bool {
    match role {
        Role::Sweep => action == Action::Sweep,
        Role::StaleUploads => matches!(
            action,
            Action::ListAllMyBuckets | Action::ListBucketMultipartUploads | Action::AbortMultipartUpload
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(caller: &Caller, action: Action) -> Result<Permit, Refusal> {
        decide(&Question { caller, action, bucket: None, key: None, version: None, facts: Sequence::ZERO })
    }

    #[test]
    fn root_may_do_everything_and_nobody_else_anything() {
        for action in Action::ALL {
            assert_eq!(ask(&Caller::Root, action).expect("root").action(), action);
            assert!(ask(&Caller::Anonymous, action).is_err(), "{action:?}");
        }
    }

    #[test]
    fn the_lake_may_do_what_its_role_is_for() {
        let allowed = |role| Action::ALL.into_iter().filter(move |action| ask(&Caller::Lake(role), *action).is_ok());
        assert_eq!(allowed(Role::Sweep).collect::<Vec<_>>(), [Action::Sweep]);
        let stale = [Action::ListAllMyBuckets, Action::ListBucketMultipartUploads, Action::AbortMultipartUpload];
        assert_eq!(allowed(Role::StaleUploads).collect::<Vec<_>>(), stale);
    }
}
