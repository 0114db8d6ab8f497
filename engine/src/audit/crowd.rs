//! Strangers who are turned away: counted where they are many, so that nobody fills a disk by knocking.
//!
//! The first of a kind, from one network for one reason, is written at once. Those that follow within a second are counted,
//! and the count goes with the next one, or by itself when the second is over. How many kinds are told apart within a second
//! is bounded as well; beyond that they are one crowd per reason.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kernel::Clock;

/// How long those of a kind are one.
const WINDOW: Duration = Duration::from_secs(1);
/// Kinds that are told apart.
const KINDS_MAX: usize = 32;

/// What is one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Kind {
    /// The address, of IPv6 its first 64 bits; none for all together.
    pub(super) network: Option<IpAddr>,
    /// The error code of the answer.
    pub(super) code: String,
}

impl Kind {
    pub(super) fn new(address: IpAddr, code: &str) -> Self {
        let network = match address {
            IpAddr::V4(_) => address,
            IpAddr::V6(address) => match address.to_ipv4_mapped() {
                Some(mapped) => IpAddr::V4(mapped),
                None => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
            },
        };
        Self { network: Some(network), code: code.to_owned() }
    }

    /// How entries write the network.
    pub(super) fn address(&self) -> Option<String> {
        self.network.map(|network| if network.is_ipv6() { format!("{network}/64") } else { network.to_string() })
    }
}

struct Knocks {
    begun: Duration,
    /// Since the one that was written.
    uncounted: u64,
}

pub(super) struct Crowd {
    clock: Arc<dyn Clock>,
    kinds: Mutex<HashMap<Kind, Knocks>>,
}

impl Crowd {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, kinds: Mutex::default() }
    }

    /// Somebody knocks: what is to be written of it, and for how many; none where it is counted.
    pub(super) fn knock(&self, kind: Kind) -> Option<(Kind, u64)> {
        let now = self.clock.monotonic();
        let mut kinds = self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        let kind = match kinds.contains_key(&kind) || kinds.len() < KINDS_MAX {
            true => kind,
            false => Kind { network: None, ..kind },
        };
        match kinds.get_mut(&kind) {
            Some(knocks) if now.saturating_sub(knocks.begun) < WINDOW => {
                knocks.uncounted += 1;
                None
            }
            Some(knocks) => {
                let count = knocks.uncounted + 1;
                *knocks = Knocks { begun: now, uncounted: 0 };
                Some((kind, count))
            }
            None => {
                kinds.insert(kind.clone(), Knocks { begun: now, uncounted: 0 });
                Some((kind, 1))
            }
        }
    }

    /// Those that were counted and are to be written, because their second is over.
    pub(super) fn settle(&self) -> Vec<(Kind, u64)> {
        let now = self.clock.monotonic();
        let mut settled = Vec::new();
        let mut kinds = self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        kinds.retain(|kind, knocks| {
            let is_over = now.saturating_sub(knocks.begun) >= WINDOW;
            if is_over && knocks.uncounted > 0 {
                settled.push((kind.clone(), knocks.uncounted));
            }
            !is_over
        });
        settled.sort();
        settled
    }
}
