//! Commands that need no server.

pub(crate) mod demo;
pub(crate) mod policies;
