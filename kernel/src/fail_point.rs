//! Named places where a test may end the process, to see what the lake is like afterwards.
//!
//! Without the `testing` feature a fail point is an empty function. With it, [`arm`] chooses one point and the pass that
//! ends the process, as `kill -9` would: no destructor runs, nothing is flushed.

/// A place in the commit protocol. The names are what `TWINLAKE_FAIL_POINT` takes, in the order in which a PUT passes them.
pub const POINTS: [&str; 7] = [
    "blob-created",
    "blob-written",
    "blob-synced",
    "blob-directory-synced",
    "log-synced",
    "watermark-written",
    "committed",
];

#[cfg(feature = "testing")]
mod armed {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    static ARMED: OnceLock<(String, AtomicU64)> = OnceLock::new();

    /// The process aborts on the `pass`-th time, from 1, that it comes by `point`. At most one point per process.
    ///
    /// # Panics
    /// When the name is unknown or a point is armed already.
    pub fn arm(point: &str, pass: u64) {
        assert!(super::POINTS.contains(&point), "no fail point is called `{point}`");
        assert!(ARMED.set((point.to_owned(), AtomicU64::new(pass))).is_ok(), "a fail point is armed already");
    }

    /// Comes by the place called `point`.
    pub fn pass(point: &str) {
        debug_assert!(super::POINTS.contains(&point), "no fail point is called `{point}`");
        if let Some((armed, left)) = ARMED.get()
            && armed == point
            && left.fetch_sub(1, Ordering::SeqCst) == 1
        {
            std::process::abort();
        }
    }
}

#[cfg(feature = "testing")]
pub use armed::{arm, pass};

/// Comes by the place called `point`.
#[cfg(not(feature = "testing"))]
#[inline(always)]
pub fn pass(_point: &str) {}
