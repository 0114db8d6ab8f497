//! Who could still change policies after a change.

use std::sync::Arc;

use kernel::{Caller, Principal, Who};
use policy::{Action, Judge};

use super::PolicySetFault;
use super::snapshot::Snapshot;
use crate::leave::{Ask, Moment};
use crate::{Engine, Result};

impl Engine {
    /// Refuses a change after which the caller could not change policies any more, or nobody whom the lake knows though
    /// somebody can now. They are asked as if their requests came the way of this one.
    pub(super) fn expect_no_lock_out(&self, caller: &Caller, now: &Snapshot, next: &Snapshot) -> Result<()> {
        // One of its own: what is only supposed takes no room from what is asked with every request.
        let judge = Judge::default();
        let is_bound = caller.principal().is_some();
        if is_bound && self.may_administer(&judge, caller, now)? && !self.may_administer(&judge, caller, next)? {
            let reason = format!("after this change `{caller}`, who makes it, could not change policies any more");
            return Err(PolicySetFault::LockOut(reason).into());
        }
        let somebody = |principal: &Arc<Principal>| {
            Caller::new(Who::Principal(Arc::clone(principal)), Arc::new(caller.origin().clone()))
        };
        let roster = self.principals_of_roster();
        let mut was_anybody = false;
        for (_, principal) in &roster {
            let somebody = somebody(principal);
            // Who cannot be judged now does not count; a set that cannot be read is mended by this change.
            let may_now = self.may_administer(&judge, &somebody, now).unwrap_or(false);
            if may_now && self.may_administer(&judge, &somebody, next)? {
                return Ok(());
            }
            was_anybody |= may_now;
        }
        // Somebody new may do, where none of those who may now is left.
        for (_, principal) in roster.iter().filter(|_| was_anybody) {
            if self.may_administer(&judge, &somebody(principal), next)? {
                return Ok(());
            }
        }
        match was_anybody {
            true => {
                let reason = "after this change nobody but the holder of the root keys could change policies";
                Err(PolicySetFault::LockOut(reason.to_owned()).into())
            }
            false => Ok(()),
        }
    }

    fn may_administer(&self, judge: &Judge, caller: &Caller, with: &Snapshot) -> Result<bool> {
        let moment = Moment { judge, lake: with.sources()?, now: self.time.opening() };
        let ask = Ask::lake(Action::PutPolicySet);
        self.judged(caller, ask, moment, |judge, question, policies| judge.decide(question, policies).is_ok())
    }
}
