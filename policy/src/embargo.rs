//! Embargoes, told without asking Cedar.
//!
//! What decides is the rule `embargo.closed` of `base.cedar`. A page of a listing shows a thousand objects, and whether each
//! is closed cannot be a question each: so the same rule stands here once more, and a test holds the two together.

use kernel::{AccountId, Caller, Embargo, Timestamp, Who};

use crate::judge::is_reader;

/// Whether an embargo closes an object to a caller at an instant, in a bucket of account `of`. It closes nothing to the
/// holder of the root keys and to the lake itself, whom no policy binds.
pub fn is_closed(caller: &Caller, embargo: &Embargo, of: AccountId, now: Timestamp) -> bool {
    match caller.who() {
        Who::Root | Who::Lake(_) => false,
        Who::Anonymous | Who::Principal(_) => embargo.is_in_force(now) && !is_reader(caller, embargo, of),
    }
}

/// An instant as RFC 3339 writes it, up to the next millisecond: nothing opens sooner than it says.
pub fn instant(text: &str) -> Option<Timestamp> {
    let instant = chrono::DateTime::parse_from_rfc3339(text).ok()?;
    let is_whole = instant.timestamp_subsec_nanos().is_multiple_of(1_000_000);
    Some(Timestamp::from_millis(instant.timestamp_millis() + i64::from(!is_whole)))
}
