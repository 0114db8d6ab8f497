//! Guessing passwords, slowed down.
//!
//! Each try is counted before it is made, as one in vain: so a hundred that come at once are no cheaper than a hundred in a
//! row. It is counted three times: for the address, so that one cannot try all names; for the name from this address; and
//! for the name from anywhere, so that many addresses cannot share one name out. The last has the most tries free, and whoever
//! was right from an address of late does not wait for it: those who guess keep out nobody who comes from where he always
//! comes from.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kernel::{AccountId, Clock};
use outbound::Patience;
use unicode_normalization::UnicodeNormalization;

/// Tries of an address that cost nothing.
const ADDRESS_FREE: u32 = 20;
/// Tries of a name from one address that cost nothing.
const HERE_FREE: u32 = 5;
/// Tries of a name from anywhere that cost nothing.
const ANYWHERE_FREE: u32 = 50;
/// As much of a name as is counted by.
const NAME_CHARS_MAX: usize = 256;
/// Names with the addresses they were right from that are remembered; beyond, all are forgotten.
const WELCOME_MAX: usize = 10_000;
/// For how long they are.
const WELCOME_FOR: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// What was tried of late.
pub(crate) struct Guesses {
    clock: Arc<dyn Clock>,
    addresses: Patience,
    here: Patience,
    anywhere: Patience,
    /// When somebody was right, by name and address.
    welcome: Mutex<HashMap<String, Duration>>,
}

/// A try under way. Whatever becomes of it, it stays counted as one in vain, unless it is told otherwise.
pub(crate) struct Guess<'a> {
    guesses: &'a Guesses,
    address: String,
    /// None where it is not counted for the name from anywhere.
    name: Option<String>,
    here: String,
}

impl Guesses {
    pub(crate) fn new(clock: &Arc<dyn Clock>) -> Self {
        let patience = |free| Patience::new(Arc::clone(clock), free);
        Self {
            clock: Arc::clone(clock),
            addresses: patience(ADDRESS_FREE),
            here: patience(HERE_FREE),
            anywhere: patience(ANYWHERE_FREE),
            welcome: Mutex::default(),
        }
    }

    /// Counts a try of a user's password; none where it must wait.
    pub(crate) fn begin(&self, account: AccountId, user: &str, address: Option<IpAddr>) -> Option<Guess<'_>> {
        let address = address.map(network).unwrap_or_default();
        let name = format!("{account}/{}", folded(user));
        let here = format!("{name} {address}");
        if !self.addresses.begin(&address) {
            return None;
        }
        if !self.here.begin(&here) {
            self.addresses.void(&address);
            return None;
        }
        let name = self.anywhere.begin(&name).then_some(name);
        if name.is_none() && !self.is_welcome(&here) {
            self.addresses.void(&address);
            self.here.void(&here);
            return None;
        }
        Some(Guess { guesses: self, address, name, here })
    }

    fn is_welcome(&self, here: &str) -> bool {
        let now = self.clock.monotonic();
        let welcome = self.welcome.lock().unwrap_or_else(PoisonError::into_inner);
        welcome.get(here).is_some_and(|at| now.saturating_sub(*at) < WELCOME_FOR)
    }
}

impl Guess<'_> {
    /// It was right.
    pub(crate) fn was_right(self) {
        let Guesses { clock, addresses, here, anywhere, welcome } = self.guesses;
        addresses.void(&self.address);
        here.succeeded(&self.here);
        self.name.iter().for_each(|name| anywhere.void(name));
        let mut welcome = welcome.lock().unwrap_or_else(PoisonError::into_inner);
        if welcome.len() >= WELCOME_MAX {
            welcome.clear();
        }
        welcome.insert(self.here, clock.monotonic());
    }

    /// Nobody could say whether it was right.
    pub(crate) fn withdraw(self) {
        self.guesses.addresses.void(&self.address);
        self.guesses.here.void(&self.here);
        self.name.iter().for_each(|name| self.guesses.anywhere.void(name));
    }
}

/// A name as a directory may compare it: whatever the case, the width and the blanks.
///
/// Source: RFC 4518, *LDAP: Internationalized String Preparation*.
fn folded(name: &str) -> String {
    let short: String = name.chars().take(NAME_CHARS_MAX).collect();
    let lower = short.nfkc().collect::<String>().to_lowercase();
    lower.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What one client has at least: an address of version 4, 64 bits of one of version 6.
pub(crate) fn network(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{}/64", Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Ticking;

    const HOME: AccountId = AccountId::HOME;

    fn guesses() -> Guesses {
        let clock: Arc<dyn Clock> = Ticking::new();
        Guesses::new(&clock)
    }

    fn address(text: &str) -> Option<IpAddr> {
        Some(text.parse().expect("an address"))
    }

    #[test]
    fn tries_that_come_at_once_are_counted_before_they_are_made() {
        let guesses = guesses();
        let here = address("192.0.2.1");
        let under_way: Vec<_> = (0..100).filter_map(|_| guesses.begin(HOME, "alice", here)).collect();
        assert_eq!(under_way.len(), 6);
        // The same name, however it is written; the same client, whichever of its addresses it takes.
        assert!(guesses.begin(HOME, " ALICE", here).is_none());
        assert!(guesses.begin(HOME, "ａlice", here).is_none());
        assert!(guesses.begin(HOME, "bob", here).is_some());
        assert!(guesses.begin(HOME, "alice", address("192.0.2.2")).is_some());
        assert_eq!(network("2001:db8::1".parse().expect("v6")), network("2001:db8::ffff:2".parse().expect("v6")));
        assert_eq!(network("::ffff:192.0.2.1".parse().expect("v6")), "192.0.2.1");
    }

    #[test]
    fn whoever_is_right_is_let_in_from_where_he_comes_from() {
        let guesses = guesses();
        let home = address("192.0.2.1");
        guesses.begin(HOME, "alice", home).expect("a try").was_right();
        for number in 0..100 {
            drop(guesses.begin(HOME, "alice", address(&format!("198.51.100.{number}"))));
        }
        assert!(guesses.begin(HOME, "alice", address("203.0.113.1")).is_none());
        assert!(guesses.begin(HOME, "alice", home).is_some());
    }

    #[test]
    fn what_nobody_could_answer_costs_nothing() {
        let guesses = guesses();
        let here = address("192.0.2.1");
        for _ in 0..1_000 {
            guesses.begin(HOME, "alice", here).expect("a try").withdraw();
        }
        for _ in 0..1_000 {
            guesses.begin(HOME, "alice", here).expect("a try").was_right();
        }
    }

    #[test]
    fn one_address_does_not_try_all_names() {
        let guesses = guesses();
        let tried =
            (0..100).filter(|number| guesses.begin(HOME, &format!("u{number}"), address("192.0.2.1")).is_some());
        assert_eq!(tried.count(), 21);
    }
}
