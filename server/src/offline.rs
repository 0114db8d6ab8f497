//! Commands that need no server.

pub(crate) mod demo;
