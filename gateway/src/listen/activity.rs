//! What one connection is doing, told by the doorman to the wire below.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};

/// The activity of one connection.
#[derive(Debug, Default)]
pub(crate) struct Activity {
    begun: AtomicU64,
    open: AtomicU32,
    body_abandoned: AtomicBool,
    is_multiplexed: AtomicBool,
}

impl Activity {
    /// A head was read.
    pub(crate) fn begin_request(&self) {
        self.open.fetch_add(1, Relaxed);
        self.begun.fetch_add(1, Relaxed);
    }
    /// An answer was taken, or will not be.
    pub(crate) fn end_request(&self) {
        self.open.fetch_sub(1, Relaxed);
    }
    /// A body was left unread: the client may still be sending it.
    pub(crate) fn abandon_body(&self) {
        self.body_abandoned.store(true, Relaxed);
    }
    /// Requests and their frames overlap: HTTP/2.
    pub(crate) fn multiplex(&self) {
        self.is_multiplexed.store(true, Relaxed);
    }

    /// How many requests have begun.
    pub(crate) fn begun(&self) -> u64 {
        self.begun.load(Relaxed)
    }
    /// Whether no request is under way.
    pub(crate) fn is_idle(&self) -> bool {
        self.open.load(Relaxed) == 0
    }
    pub(crate) fn is_body_abandoned(&self) -> bool {
        self.body_abandoned.load(Relaxed)
    }
    pub(crate) fn is_multiplexed(&self) -> bool {
        self.is_multiplexed.load(Relaxed)
    }
}
