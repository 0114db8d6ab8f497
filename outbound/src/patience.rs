//! Guessing slowed down: who fails often waits, and longer each time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kernel::Clock;

/// Names that are remembered; beyond, those go first that have failed least.
const NAMES_MAX: usize = 10_000;
/// Failures of a name that is left alone are forgotten.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(15 * 60);
const WAIT_MAX: Duration = Duration::from_secs(60);

/// How often each name has failed of late.
pub struct Patience {
    clock: Arc<dyn Clock>,
    /// Failures that cost nothing.
    free: u32,
    failures: Mutex<HashMap<String, Failures>>,
}

struct Failures {
    count: u32,
    last: Duration,
}

impl Failures {
    fn wait(&self, free: u32) -> Duration {
        match self.count.checked_sub(free) {
            None => Duration::ZERO,
            Some(beyond) => Duration::from_secs(1 << beyond.min(6)).min(WAIT_MAX),
        }
    }
}

impl Patience {
    /// Takes `free` failures of a name as they come; after each further one the name waits: 1 second, 2, 4, up to 60.
    pub fn new(clock: Arc<dyn Clock>, free: u32) -> Self {
        Self { clock, free, failures: Mutex::default() }
    }

    /// How long a name must still wait; zero for not at all.
    pub fn wait(&self, name: &str) -> Duration {
        let now = self.clock.monotonic();
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures.get(name).map_or(Duration::ZERO, |found| (found.last + found.wait(self.free)).saturating_sub(now))
    }

    /// A name has failed.
    pub fn failed(&self, name: &str) {
        let now = self.clock.monotonic();
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if failures.len() >= NAMES_MAX && !failures.contains_key(name) {
            failures.retain(|_, found| now.saturating_sub(found.last) < FORGOTTEN_AFTER);
            if failures.len() >= NAMES_MAX {
                // Whoever invents names to have the rest forgotten has forgotten the invented ones.
                let least = failures.values().map(|found| found.count).min().unwrap_or(0);
                failures.retain(|_, found| found.count > least);
            }
        }
        let found = failures.entry(name.to_owned()).or_insert(Failures { count: 0, last: now });
        if now.saturating_sub(found.last) >= FORGOTTEN_AFTER {
            found.count = 0;
        }
        found.count = found.count.saturating_add(1);
        found.last = now;
    }

    /// A name was right.
    pub fn succeeded(&self, name: &str) {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }
}
