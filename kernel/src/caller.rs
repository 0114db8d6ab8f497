//! Who asks.

use std::fmt;
use std::sync::{Arc, LazyLock};

use crate::{Origin, Principal};

/// Who asks for an operation, once the gateway has made sure of it, and how the request came. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    who: Who,
    origin: Arc<Origin>,
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// The holder of the root keys: no policy binds it.
    Root,
    /// Nobody in particular: the request carried no credentials.
    Anonymous,
    /// The lake itself, at work in the background.
    Lake(Role),
    /// Somebody with a name.
    Principal(Arc<Principal>),
}

/// What the lake does when nobody asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Removes what nothing refers to any more.
    Sweep,
    /// Gives up uploads that nobody has touched for long.
    StaleUploads,
    /// Acts when a date arrives: the end of an embargo.
    Calendar,
}

/// The origin of what came in no request.
static NOWHERE: LazyLock<Arc<Origin>> = LazyLock::new(Arc::default);

impl Caller {
    /// Somebody, whose request came from somewhere.
    pub fn new(who: Who, origin: Arc<Origin>) -> Self {
        Self { who, origin }
    }
    /// The holder of the root keys, from nowhere.
    pub fn root() -> Self {
        Self::new(Who::Root, Arc::clone(&NOWHERE))
    }
    /// Nobody in particular, from nowhere.
    pub fn anonymous() -> Self {
        Self::new(Who::Anonymous, Arc::clone(&NOWHERE))
    }
    /// The lake itself.
    pub fn lake(role: Role) -> Self {
        Self::new(Who::Lake(role), Arc::clone(&NOWHERE))
    }

    /// Who it is.
    pub fn who(&self) -> &Who {
        &self.who
    }
    /// How the request came.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }
    /// Somebody with a name; none for root, the lake and the anonymous.
    pub fn principal(&self) -> Option<&Principal> {
        match &self.who {
            Who::Principal(principal) => Some(principal),
            Who::Root | Who::Anonymous | Who::Lake(_) => None,
        }
    }
    /// Whether the request carried no credentials.
    pub fn is_anonymous(&self) -> bool {
        self.who == Who::Anonymous
    }
    /// Whether it is the holder of the root keys.
    pub fn is_root(&self) -> bool {
        self.who == Who::Root
    }
    /// The account that it acts for, which owns what it makes; none for the anonymous.
    pub fn account(&self) -> Option<crate::AccountId> {
        match &self.who {
            Who::Root | Who::Lake(_) => Some(crate::AccountId::HOME),
            Who::Principal(principal) => Some(principal.account),
            Who::Anonymous => None,
        }
    }
}

impl fmt::Display for Caller {
    /// The name that the change log and the audit chain record.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.who {
            Who::Root => "root",
            Who::Anonymous => "anonymous",
            Who::Lake(Role::Sweep) => "lake:sweep",
            Who::Lake(Role::StaleUploads) => "lake:stale-uploads",
            Who::Lake(Role::Calendar) => "lake:calendar",
            Who::Principal(principal) => &principal.arn,
        })
    }
}
