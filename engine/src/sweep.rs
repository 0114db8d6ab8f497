//! Giving space back: blobs that nothing refers to any more.
//!
//! Two kinds. *Unlinked* blobs belonged to a version or part that was replaced or removed; the catalogue remembers them,
//! and after a delay, in which whoever still reads them may finish, they go. *Orphans* were written by a process that ended
//! before it could refer to them; once per start every site is walked, and what is older than this process and unknown to
//! the catalogue goes. A blob that somebody in this process reads or writes is leased and stays.

use std::sync::Arc;
use std::time::Duration;

use kernel::{BlobId, Caller, Placement, Role, Sequence, SiteName, Timestamp};
use metadata::Unlinked;
use policy::{Action, Permit, Question};

use crate::{Engine, Result};

/// What an operator may tune.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SweepSettings {
    /// How long an unlinked blob stays.
    pub delay: Duration,
    /// Rows or blobs looked at in one step.
    pub batch: usize,
}

impl SweepSettings {
    /// Ten minutes, 256 at a time.
    pub const DEFAULT: Self = Self { delay: Duration::from_secs(600), batch: 256 };
}

/// What a step of background work did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// There may be more to do at once.
    Worked,
    /// Nothing to do for a while.
    Idle,
}

/// The sweep. Whoever owns it calls [`Sweep::step`] again and again.
pub struct Sweep {
    engine: Arc<Engine>,
    settings: SweepSettings,
    started: Timestamp,
    orphan_walks: Vec<OrphanWalk>,
}

/// How far the search for orphans has come on a site.
struct OrphanWalk {
    site: SiteName,
    after: Option<BlobId>,
}

impl Sweep {
    /// A sweep that takes everything older than now for the work of an earlier process. Make it before serving.
    pub fn new(engine: Arc<Engine>, settings: SweepSettings) -> Self {
        let started = engine.clock.now();
        let sites = engine.blobs.site_names().cloned();
        let orphan_walks = sites.map(|site| OrphanWalk { site, after: None }).collect();
        Self { engine, settings, started, orphan_walks }
    }

    /// Does a bounded amount of work.
    ///
    /// # Errors
    /// `Unavailable` when a site or the catalogue does not answer; try again later.
    pub async fn step(&mut self) -> Result<Progress> {
        let caller = Caller::Lake(Role::Sweep);
        let (action, facts) = (Action::Sweep, Sequence::ZERO);
        let permit =
            policy::decide(&Question { caller: &caller, action, bucket: None, key: None, version: None, facts })?;
        let unlinked = self.sweep_unlinked(&permit).await?;
        let orphans = self.sweep_orphans(&permit).await?;
        Ok(if unlinked || orphans { Progress::Worked } else { Progress::Idle })
    }

    async fn sweep_unlinked(&self, permit: &Permit) -> Result<bool> {
        let until = self.engine.clock.now().minus(self.settings.delay);
        let due = self.engine.catalog.unlinked(until, self.settings.batch).await?;
        let mut gone = Vec::with_capacity(due.len());
        for unlinked in due {
            if self.remove(permit, &unlinked).await? {
                gone.push(unlinked);
            }
        }
        self.engine.catalog.swept(&gone).await?;
        Ok(!gone.is_empty())
    }

    /// Removes the blobs of a row; false while one of them is leased.
    async fn remove(&self, _permit: &Permit, unlinked: &Unlinked) -> Result<bool> {
        for (blob, placements) in &unlinked.blobs {
            for placement in placements {
                let (Placement::Copy(site) | Placement::Shard { site, .. }) = placement;
                if self.engine.blobs.remove(site, *blob).await? == storage::Removal::Leased {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    async fn sweep_orphans(&mut self, _permit: &Permit) -> Result<bool> {
        let Some(walk) = self.orphan_walks.last_mut() else {
            return Ok(false);
        };
        let engine = &self.engine;
        let found = engine.blobs.blobs(&walk.site, walk.after, self.settings.batch).await?;
        match found.last() {
            Some(last) => walk.after = Some(last.id),
            None => {
                self.orphan_walks.pop();
                return Ok(true);
            }
        }
        // First who is leased, then who is referred to: a writer lets go of its lease only after its change is made, so
        // a blob that is not leased now and not referred to later never will be.
        let old = found.iter().filter(|blob| blob.written < self.started && !engine.blobs.is_leased(blob.id));
        let old: Vec<BlobId> = old.map(|blob| blob.id).collect();
        let linked = engine.catalog.linked(&old).await?;
        for (blob, _) in old.iter().zip(linked).filter(|(_, linked)| !linked) {
            engine.blobs.remove(&walk.site, *blob).await?;
            tracing::info!(%blob, site = %walk.site, "removed a blob that nothing refers to");
        }
        Ok(true)
    }
}
