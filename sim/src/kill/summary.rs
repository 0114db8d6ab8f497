//! What a run came to.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use kernel::fail_point::POINTS;

use super::ledger::{Counts, Ledger};

/// What a run came to.
#[derive(Debug)]
pub struct Summary {
    seed: u64,
    kills: u32,
    kills_at_start: u32,
    points: BTreeMap<&'static str, u32>,
    starts: Vec<Duration>,
    verifications: u32,
    plain_keys: usize,
    versions: usize,
    counts: Counts,
    /// What must not be; empty in a good run.
    pub violations: Vec<String>,
}

impl Summary {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            seed,
            kills: 0,
            kills_at_start: 0,
            points: BTreeMap::new(),
            starts: Vec::new(),
            verifications: 0,
            plain_keys: 0,
            versions: 0,
            counts: Counts::default(),
            violations: Vec::new(),
        }
    }

    /// Whether nothing acknowledged was lost and nothing came from nowhere.
    pub fn is_clean(&self) -> bool {
        self.violations.is_empty()
    }

    /// How often the server was killed while it worked.
    pub fn kills(&self) -> u32 {
        self.kills
    }

    /// How often each fail point ended the server.
    pub fn points(&self) -> &BTreeMap<&'static str, u32> {
        &self.points
    }

    /// Changes that were acknowledged.
    pub fn acknowledged(&self) -> u64 {
        self.counts.acknowledged
    }

    pub(super) fn started(&mut self, took: Duration) {
        self.starts.push(took);
    }

    pub(super) fn killed_at_start(&mut self) {
        self.kills_at_start += 1;
    }

    pub(super) fn killed(&mut self, at: Option<(&'static str, u64)>) {
        self.kills += 1;
        if let Some((point, _)) = at {
            *self.points.entry(point).or_default() += 1;
        }
    }

    pub(super) fn verified(&mut self, plain_keys: usize, versions: usize, ledger: &Ledger) {
        self.verifications += 1;
        self.plain_keys = plain_keys;
        self.versions = versions;
        self.counts = ledger.counts;
    }

    pub(super) fn never_reached(&self) -> Vec<&'static str> {
        POINTS.into_iter().filter(|point| !self.points.contains_key(point)).collect()
    }

    pub(super) fn progress(&self, kills: u32) -> String {
        let Counts { acknowledged, unknown, .. } = self.counts;
        format!("{}/{kills} kills, {acknowledged} changes acknowledged, {unknown} unknown", self.kills)
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut starts = self.starts.clone();
        starts.sort_unstable();
        let (median, slowest) = (starts.get(starts.len() / 2), starts.last());
        let millis = |time: Option<&Duration>| time.map_or(0, Duration::as_millis);
        let Counts { acknowledged, unknown, unknown_happened, server_errors, reads } = self.counts;
        write!(
            f,
            "seed {}: {} kills, {} more while starting, {} verifications; {acknowledged} changes acknowledged, \
             {unknown} unknown of which {unknown_happened} happened, {server_errors} answered 5xx; {reads} reads judged; \
             at the end {} keys and {} versions; start {} ms (median), {} ms (slowest); {} violations",
            self.seed,
            self.kills,
            self.kills_at_start,
            self.verifications,
            self.plain_keys,
            self.versions,
            millis(median),
            millis(slowest),
            self.violations.len(),
        )?;
        if !self.points.is_empty() {
            write!(f, "; died at {:?}", self.points)?;
        }
        self.violations.iter().take(20).try_for_each(|what| write!(f, "\n  VIOLATION: {what}"))
    }
}
