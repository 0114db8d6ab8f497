//! Giving space back: blobs that nothing refers to any more.
//!
//! Two kinds. *Unlinked* blobs belonged to a version or part that was replaced or removed; the catalogue remembers them,
//! and after a delay, in which whoever still reads them may finish, they go. *Orphans* were written by a process that ended
//! before it could refer to them; once per start every site is walked, and what is older than this process and unknown to
//! the catalogue goes. A blob that somebody in this process reads or writes is leased and stays.
//!
//! The work goes in rounds: from the oldest change that let something go to the youngest that is due. What stays, because
//! it is leased or lies at a site that fails, is passed over and waits for the next round. A site that goes on failing is
//! left alone until then, and holds up nothing that lies elsewhere.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use kernel::{BlobId, Caller, Placement, Role, Sequence, SiteName, Timestamp};
use metadata::Unlinked;
use policy::{Action, Permit};
use storage::{Removal, StorageError};

use crate::{Background, Engine, Progress, Result};

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

/// Failures of a site, one after the other, after which it is left alone for the round. Each may take as long as the site
/// takes to fail.
const FAILURES_MAX: u32 = 3;

/// The sweep. Whoever owns it calls [`Background::step`] again and again.
pub struct Sweep {
    engine: Arc<Engine>,
    settings: SweepSettings,
    started: Timestamp,
    orphan_walks: VecDeque<OrphanWalk>,
    round: Round,
}

/// How far the search for orphans has come on a site.
struct OrphanWalk {
    site: SiteName,
    after: Option<BlobId>,
}

/// One way through all that is due.
#[derive(Default)]
struct Round {
    /// The last change that was looked at.
    after: Sequence,
    /// Whether anything was removed since the round began at the oldest change.
    has_removed: bool,
    /// Failures of each site since it last did what it was asked.
    failures: BTreeMap<SiteName, u32>,
    /// What the first site said that failed.
    error: Option<StorageError>,
}

impl Round {
    fn leaves_alone(&self, site: &SiteName) -> bool {
        self.failures.get(site).is_some_and(|failures| *failures >= FAILURES_MAX)
    }

    /// What the site answered, where it did.
    fn heard<T>(&mut self, site: &SiteName, answer: std::result::Result<T, StorageError>) -> Option<T> {
        match answer {
            Ok(answer) => {
                self.failures.remove(site);
                Some(answer)
            }
            Err(error) => {
                *self.failures.entry(site.clone()).or_default() += 1;
                self.error.get_or_insert(error);
                None
            }
        }
    }
}

/// What became of the blobs of a row.
enum Outcome {
    /// All are gone.
    Gone,
    /// These lie at sites that failed, and nowhere else any more.
    Left(Vec<(BlobId, Vec<Placement>)>),
    /// One is in use: nothing more was removed.
    Leased,
}

impl Sweep {
    /// A sweep that takes everything older than now for the work of an earlier process. Make it before serving.
    pub fn new(engine: Arc<Engine>, settings: SweepSettings) -> Self {
        let started = engine.clock.now();
        let sites = engine.blobs.site_names().cloned();
        let orphan_walks = sites.map(|site| OrphanWalk { site, after: None }).collect();
        Self { engine, settings, started, orphan_walks, round: Round::default() }
    }

    /// Goes on with the round; false once it has ended and nothing was left to remove.
    async fn sweep_unlinked(&mut self, permit: &Permit) -> Result<bool> {
        let until = self.engine.clock.now().minus(self.settings.delay);
        let due = self.engine.catalog.unlinked(self.round.after, until, self.settings.batch).await?;
        if due.is_empty() {
            self.round.after = Sequence::ZERO;
            return Ok(std::mem::take(&mut self.round.has_removed));
        }
        let (mut gone, mut left) = (Vec::with_capacity(due.len()), Vec::new());
        for unlinked in due {
            let sequence = unlinked.sequence;
            let is_last = match self.remove(permit, &unlinked).await {
                Outcome::Gone => {
                    let is_last = unlinked.is_last;
                    gone.push(unlinked);
                    is_last
                }
                Outcome::Left(blobs) => {
                    left.extend(blobs);
                    true
                }
                Outcome::Leased => true,
            };
            // Of a change that let go of much there is more to come.
            if !is_last {
                break;
            }
            self.round.after = sequence;
        }
        self.round.has_removed |= !gone.is_empty() || !left.is_empty();
        self.engine.catalog.swept_in_part(&left).await?;
        self.engine.catalog.swept(&gone).await?;
        Ok(true)
    }

    /// Removes the blobs of a row from every site that does what it is asked.
    async fn remove(&mut self, _permit: &Permit, unlinked: &Unlinked) -> Outcome {
        let (mut left, mut is_gone) = (Vec::new(), true);
        for (blob, placements) in &unlinked.blobs {
            let mut there = Vec::new();
            for placement in placements {
                let (Placement::Copy(site) | Placement::Shard { site, .. }) = placement;
                let answer = match self.round.leaves_alone(site) {
                    true => None,
                    false => self.round.heard(site, self.engine.blobs.remove(site, *blob).await),
                };
                match answer {
                    Some(Removal::Removed) => {}
                    Some(Removal::Leased) => return Outcome::Leased,
                    None => there.push(placement.clone()),
                }
            }
            is_gone &= there.is_empty();
            // What lies nowhere else than where it cannot be removed is known already.
            if !there.is_empty() && there.len() < placements.len() {
                left.push((*blob, there));
            }
        }
        if is_gone { Outcome::Gone } else { Outcome::Left(left) }
    }

    /// Goes on with the search for orphans, one site after the other; false once there is none to search in this round.
    async fn sweep_orphans(&mut self, _permit: &Permit) -> Result<bool> {
        let engine = &self.engine;
        let possible = self.orphan_walks.iter().position(|walk| !self.round.leaves_alone(&walk.site));
        let Some(mut walk) = possible.and_then(|place| self.orphan_walks.remove(place)) else {
            return Ok(false);
        };
        let found = engine.blobs.blobs(&walk.site, walk.after, self.settings.batch).await;
        let Some(found) = self.round.heard(&walk.site, found) else {
            self.orphan_walks.push_back(walk);
            return Ok(true);
        };
        let Some(last) = found.last() else { return Ok(true) };
        let behind = last.id;
        // First who is leased, then who is referred to: a writer lets go of its lease only after its change is made, so
        // a blob that is not leased now and not referred to later never will be.
        let old = found.iter().filter(|blob| blob.written < self.started && !engine.blobs.is_leased(blob.id));
        let old: Vec<BlobId> = old.map(|blob| blob.id).collect();
        let linked = match engine.catalog.linked(&old).await {
            Ok(linked) => linked,
            Err(error) => {
                self.orphan_walks.push_back(walk);
                return Err(error.into());
            }
        };
        let mut failed = false;
        for (blob, _) in old.iter().zip(linked).filter(|(_, linked)| !linked) {
            match self.round.heard(&walk.site, engine.blobs.remove(&walk.site, *blob).await) {
                Some(_) => tracing::info!(%blob, site = %walk.site, "removed a blob that nothing refers to"),
                None => {
                    failed = true;
                    break;
                }
            }
        }
        // A page that could not be finished comes again.
        if !failed {
            walk.after = Some(behind);
        }
        self.orphan_walks.push_back(walk);
        Ok(true)
    }
}

impl Background for Sweep {
    const NAME: &'static str = "the sweep";

    async fn step(&mut self) -> Result<Progress> {
        let permit = self.engine.permit_lake(&Caller::lake(Role::Sweep), Action::Sweep)?;
        let unlinked = self.sweep_unlinked(&permit).await?;
        let orphans = self.sweep_orphans(&permit).await?;
        if unlinked || orphans {
            return Ok(Progress::Worked);
        }
        match std::mem::take(&mut self.round).error {
            Some(error) => Err(error.into()),
            None => Ok(Progress::Idle),
        }
    }
}
