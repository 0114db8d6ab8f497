//! Guessing slowed down: who fails often waits, and longer each time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
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
        match self.count.saturating_sub(free) {
            0 => Duration::ZERO,
            beyond => Duration::from_secs(1 << (beyond - 1).min(6)).min(WAIT_MAX),
        }
    }

    /// What is left of it.
    fn left(&self, free: u32, now: Duration) -> Duration {
        (self.last + self.wait(free)).saturating_sub(now)
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
        self.known().get(name).map_or(Duration::ZERO, |found| found.left(self.free, now))
    }

    /// Counts a try before it is made, as one that fails; not where the name must wait. Looking and counting are one, so that
    /// no more tries are under way at once than may fail in a row.
    pub fn begin(&self, name: &str) -> bool {
        let now = self.clock.monotonic();
        let mut failures = self.known();
        let may = failures.get(name).is_none_or(|found| found.left(self.free, now).is_zero());
        if may {
            count(&mut failures, name, now);
        }
        may
    }

    /// A try that was begun counts for nothing.
    pub fn void(&self, name: &str) {
        let mut failures = self.known();
        if let Some(found) = failures.get_mut(name) {
            found.count = found.count.saturating_sub(1);
            if found.count == 0 {
                failures.remove(name);
            }
        }
    }

    /// A name has failed.
    pub fn failed(&self, name: &str) {
        let now = self.clock.monotonic();
        count(&mut self.known(), name, now);
    }

    /// A name was right.
    pub fn succeeded(&self, name: &str) {
        self.known().remove(name);
    }

    fn known(&self) -> MutexGuard<'_, HashMap<String, Failures>> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn count(failures: &mut HashMap<String, Failures>, name: &str, now: Duration) {
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

#[cfg(test)]
mod tests {
    use std::pin::Pin;

    use kernel::Timestamp;

    use super::*;

    /// A clock that stands until it is turned.
    #[derive(Default)]
    struct Hands(Mutex<Duration>);

    impl Hands {
        fn turn(&self, by: Duration) {
            *self.0.lock().expect("a clock") += by;
        }
    }

    impl Clock for Hands {
        fn now(&self) -> Timestamp {
            Timestamp::from_millis(0)
        }
        fn monotonic(&self) -> Duration {
            *self.0.lock().expect("a clock")
        }
        fn since_boot(&self) -> Duration {
            self.monotonic()
        }
        fn boot_id(&self) -> [u8; 16] {
            [0; 16]
        }
        fn sleep(&self, _: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
            Box::pin(std::future::ready(()))
        }
    }

    #[test]
    fn who_fails_often_waits_longer_each_time() {
        let clock = Arc::new(Hands::default());
        let patience = Patience::new(Arc::clone(&clock) as Arc<dyn Clock>, 3);
        let mut waits = Vec::new();
        for _ in 0..11 {
            patience.failed("ada");
            let wait = patience.wait("ada");
            waits.push(wait.as_secs());
            clock.turn(wait);
            assert_eq!(patience.wait("ada"), Duration::ZERO);
        }
        assert_eq!(waits, [0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(patience.wait("bob"), Duration::ZERO);
        patience.succeeded("ada");
        patience.failed("ada");
        assert_eq!(patience.wait("ada"), Duration::ZERO);
    }

    #[test]
    fn tries_under_way_count_as_failed() {
        let clock = Arc::new(Hands::default());
        let patience = Patience::new(Arc::clone(&clock) as Arc<dyn Clock>, 3);
        assert_eq!((0..20).filter(|_| patience.begin("ada")).count(), 4);
        clock.turn(Duration::from_secs(1));
        assert_eq!((0..20).filter(|_| patience.begin("ada")).count(), 1);
        assert_eq!(patience.wait("ada"), Duration::from_secs(2));
        patience.void("ada");
        patience.void("ada");
        assert!(patience.begin("ada"));
    }

    #[test]
    fn who_is_left_alone_is_forgotten() {
        let clock = Arc::new(Hands::default());
        let patience = Patience::new(Arc::clone(&clock) as Arc<dyn Clock>, 1);
        for _ in 0..20 {
            patience.failed("ada");
        }
        clock.turn(FORGOTTEN_AFTER);
        patience.failed("ada");
        assert_eq!(patience.wait("ada"), Duration::ZERO);
    }

    #[test]
    fn made_up_names_push_nobody_out_who_has_failed_more() {
        let clock = Arc::new(Hands::default());
        let patience = Patience::new(Arc::clone(&clock) as Arc<dyn Clock>, 1);
        for _ in 0..4 {
            patience.failed("ada");
        }
        for number in 0..3 * NAMES_MAX {
            patience.failed(&number.to_string());
        }
        assert!(patience.failures.lock().expect("a map").len() <= NAMES_MAX);
        assert_eq!(patience.wait("ada"), Duration::from_secs(4));
    }
}
