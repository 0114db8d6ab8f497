//! Work that nobody waits for. It comes in steps of bounded size: the server takes one after the other and rests when
//! there is nothing to do, the simulator takes them in an order of its own.

use crate::Result;

/// What a step of background work did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// There may be more to do at once.
    Worked,
    /// Nothing to do for a while.
    Idle,
}

/// Background work. Whoever owns it calls [`Background::step`] again and again.
pub trait Background: Send {
    /// What it is called in the log.
    const NAME: &'static str;

    /// Does a bounded amount of work.
    ///
    /// # Errors
    /// `Unavailable` when a site or the catalogue does not answer, `Corrupt` for a row that is damaged: rest, and go on.
    fn step(&mut self) -> impl Future<Output = Result<Progress>> + Send;
}
