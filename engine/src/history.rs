//! Keeping the past readable, for as long as it shall be.
//!
//! Two chores behind the changes, which know nothing of them. *Marks* are read off the log, so that what a time means is
//! found without reading the log from its beginning. *Graves* of versions that were removed longer ago than the retention
//! are given up, the oldest removal first; from then on their bucket's past begins at that removal.

use std::sync::Arc;
use std::time::Duration;

use kernel::{Caller, Role};
use policy::{Action, Permit};

use crate::{Background, Engine, Progress, Result};

/// Changes between two marks: what is read of the log at the most to find out what a time means.
const STRIDE: usize = 1_000;

/// What an operator may tune.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HistorySettings {
    /// How long it is remembered that a version was removed for good.
    pub retention: Duration,
    /// Graves given up in one step.
    pub batch: usize,
}

impl HistorySettings {
    /// Thirty days, 256 at a time.
    pub const DEFAULT: Self = Self { retention: Duration::from_secs(30 * 86_400), batch: 256 };
}

/// The keeper of the past. Whoever owns it calls [`Background::step`] again and again.
pub struct History {
    engine: Arc<Engine>,
    settings: HistorySettings,
}

impl History {
    /// A keeper of a lake's past.
    pub fn new(engine: Arc<Engine>, settings: HistorySettings) -> Self {
        Self { engine, settings }
    }

    async fn forget(&self, _permit: &Permit) -> Result<bool> {
        let until = self.engine.clock.now().minus(self.settings.retention);
        Ok(self.engine.catalog.forget_graves(until, self.settings.batch).await? > 0)
    }
}

impl Background for History {
    const NAME: &'static str = "history";

    async fn step(&mut self) -> Result<Progress> {
        let permit = self.engine.permit_lake(&Caller::lake(Role::Sweep), Action::Sweep)?;
        let marked = self.engine.catalog.mark_log(STRIDE).await?;
        let forgotten = self.forget(&permit).await?;
        Ok(if marked || forgotten { Progress::Worked } else { Progress::Idle })
    }
}
