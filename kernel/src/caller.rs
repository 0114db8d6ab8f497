//! Who asks.

use std::fmt;

/// Who asks for an operation, once the gateway has made sure of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Caller {
    /// The holder of the root keys.
    Root,
    /// Nobody in particular: the request carried no credentials.
    Anonymous,
    /// The lake itself, at work in the background.
    Lake(Role),
}

/// What the lake does when nobody asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Removes what nothing refers to any more.
    Sweep,
    /// Gives up uploads that nobody has touched for long.
    StaleUploads,
}

impl fmt::Display for Caller {
    /// The name that the change log and the audit chain record.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Root => "root",
            Self::Anonymous => "anonymous",
            Self::Lake(Role::Sweep) => "lake:sweep",
            Self::Lake(Role::StaleUploads) => "lake:stale-uploads",
        })
    }
}
