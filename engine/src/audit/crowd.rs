//! Refusals where they are many: counted, so that nobody fills a disk by knocking, nor drives out what was written before.
//!
//! Who did not prove who it is is counted at once: the first of a kind, from one network for one reason, is written, and
//! those that follow within a window are a count, which goes with the next one or by itself when the window is over. While
//! more come, the windows grow. How many networks are told apart, and how soon another one is, is bounded as well; the rest
//! is one crowd per reason. Who is known is listed, refusal by refusal, until that was a thousand times more than once a
//! second; from then on it is counted likewise.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kernel::Clock;

/// How long those of a kind are one at first. As long as more come, each window is twice as long as the one before it.
const WINDOW_MIN: Duration = Duration::from_secs(1);
const WINDOW_MAX: Duration = Duration::from_secs(64);
/// Networks that are told apart.
const NETWORKS_MAX: u32 = 32;
/// How soon one more network is told apart where many came at once.
const NETWORK_PAUSE: Duration = Duration::from_secs(4);
/// Refusals of one identity that are listed, however fast they come.
const LISTED_MAX: u32 = 1_000;
/// How soon one more is listed then.
const LISTED_PAUSE: Duration = Duration::from_secs(1);
/// Identities that are told apart.
const IDENTITIES_MAX: usize = 1_024;
/// Kinds that are counted apart at a time.
const KINDS_MAX: usize = 2_048;

/// Who knocks.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Source {
    /// Strangers from an address, of IPv6 from its first 64 bits.
    Network(IpAddr),
    /// Somebody known, by the ARN that policies name.
    Identity(String),
    /// All who are not told apart.
    Many,
}

/// What is one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Kind {
    pub(super) source: Source,
    /// The error code of the answer.
    pub(super) code: String,
}

impl Kind {
    pub(super) fn stranger(address: IpAddr, code: &str) -> Self {
        let network = match address {
            IpAddr::V4(_) => address,
            IpAddr::V6(address) => match address.to_ipv4_mapped() {
                Some(mapped) => IpAddr::V4(mapped),
                None => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
            },
        };
        Self { source: Source::Network(network), code: code.to_owned() }
    }

    pub(super) fn identity(arn: &str, code: &str) -> Self {
        Self { source: Source::Identity(arn.to_owned()), code: code.to_owned() }
    }

    /// How entries write the network.
    pub(super) fn address(&self) -> Option<String> {
        match self.source {
            Source::Network(network) if network.is_ipv6() => Some(format!("{network}/64")),
            Source::Network(network) => Some(network.to_string()),
            Source::Identity(_) | Source::Many => None,
        }
    }

    /// How entries write who it is.
    pub(super) fn who(&self) -> &str {
        match &self.source {
            Source::Identity(arn) => arn,
            Source::Network(_) | Source::Many => "unknown",
        }
    }
}

struct Knocks {
    begun: Duration,
    window: Duration,
    /// Since the one that was written.
    uncounted: u64,
}

impl Knocks {
    fn is_over(&self, now: Duration) -> bool {
        now.saturating_sub(self.begun) >= self.window
    }

    /// Begins the next window; how many came since the one that was written.
    fn go_on(&mut self, now: Duration) -> u64 {
        let window = if self.uncounted > 0 { (self.window * 2).min(WINDOW_MAX) } else { self.window };
        std::mem::replace(self, Self { begun: now, window, uncounted: 0 }).uncounted
    }
}

/// So many at once, and one more in every pause.
struct Budget {
    left: u32,
    since: Duration,
}

impl Budget {
    fn refill(&mut self, now: Duration, most: u32, pause: Duration) {
        let pauses = now.saturating_sub(self.since).as_millis() / pause.as_millis();
        match u32::try_from(pauses).ok().filter(|pauses| *pauses < most.saturating_sub(self.left)) {
            Some(pauses) => *self = Self { left: self.left + pauses, since: self.since + pause * pauses },
            None => *self = Self { left: most, since: now },
        }
    }

    fn take(&mut self, now: Duration, most: u32, pause: Duration) -> bool {
        self.refill(now, most, pause);
        let has_left = self.left > 0;
        self.left = self.left.saturating_sub(1);
        has_left
    }
}

#[derive(Default)]
struct State {
    kinds: HashMap<Kind, Knocks>,
    /// How many of them are of networks.
    networks: u32,
    /// How many more networks may be told apart.
    fresh: Option<Budget>,
    /// How many refusals of identities are still listed; who is missing has all of them left.
    listed: HashMap<String, Budget>,
}

impl State {
    /// The kind that a knock is counted as.
    fn told_apart(&mut self, kind: Kind, now: Duration) -> Kind {
        if self.kinds.contains_key(&kind) {
            return kind;
        }
        let has_room = self.kinds.len() < KINDS_MAX;
        let is_apart = match kind.source {
            Source::Network(_) if has_room && self.networks < NETWORKS_MAX => {
                let fresh = self.fresh.get_or_insert(Budget { left: NETWORKS_MAX, since: now });
                let is_fresh = fresh.take(now, NETWORKS_MAX, NETWORK_PAUSE);
                self.networks += u32::from(is_fresh);
                is_fresh
            }
            Source::Network(_) => false,
            Source::Identity(_) => has_room,
            Source::Many => true,
        };
        if is_apart { kind } else { Kind { source: Source::Many, ..kind } }
    }

    fn knock(&mut self, kind: Kind, now: Duration) -> Option<(Kind, u64)> {
        let kind = self.told_apart(kind, now);
        match self.kinds.get_mut(&kind) {
            Some(knocks) if !knocks.is_over(now) => {
                knocks.uncounted += 1;
                None
            }
            Some(knocks) => {
                let count = knocks.go_on(now) + 1;
                Some((kind, count))
            }
            None => {
                self.kinds.insert(kind.clone(), Knocks { begun: now, window: WINDOW_MIN, uncounted: 0 });
                Some((kind, 1))
            }
        }
    }
}

pub(super) struct Crowd {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

impl Crowd {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A stranger is turned away: what is to be written of it, and for how many; none where it is counted.
    pub(super) fn stranger(&self, address: IpAddr, code: &str) -> Option<(Kind, u64)> {
        self.state().knock(Kind::stranger(address, code), self.clock.monotonic())
    }

    /// Somebody known is refused: as for strangers, once that was often.
    pub(super) fn identity(&self, arn: &str, code: &str) -> Option<(Kind, u64)> {
        let (now, kind) = (self.clock.monotonic(), Kind::identity(arn, code));
        let mut state = self.state();
        if !state.listed.contains_key(arn) {
            if state.listed.len() >= IDENTITIES_MAX {
                return state.knock(Kind { source: Source::Many, ..kind }, now);
            }
            state.listed.insert(arn.to_owned(), Budget { left: LISTED_MAX, since: now });
        }
        let is_listed = state.listed.get_mut(arn).is_some_and(|budget| budget.take(now, LISTED_MAX, LISTED_PAUSE));
        if is_listed { Some((kind, 1)) } else { state.knock(kind, now) }
    }

    /// All that were counted and are not written yet: nobody is counted apart any more.
    pub(super) fn disperse(&self) -> Vec<(Kind, u64)> {
        let kinds = std::mem::take(&mut *self.state()).kinds.into_iter();
        let mut counted: Vec<_> =
            kinds.filter(|(_, knocks)| knocks.uncounted > 0).map(|(kind, knocks)| (kind, knocks.uncounted)).collect();
        counted.sort();
        counted
    }

    /// Those that were counted and are to be written, because their window is over.
    pub(super) fn settle(&self) -> Vec<(Kind, u64)> {
        let now = self.clock.monotonic();
        let mut settled = Vec::new();
        let mut state = self.state();
        state.kinds.retain(|kind, knocks| {
            let is_over = knocks.is_over(now);
            let count = if is_over { knocks.go_on(now) } else { 0 };
            if count > 0 {
                settled.push((kind.clone(), count));
            }
            !is_over || count > 0
        });
        let networks = state.kinds.keys().filter(|kind| matches!(kind.source, Source::Network(_))).count();
        state.networks = u32::try_from(networks).unwrap_or(u32::MAX);
        // Whoever has its whole budget again is as good as new.
        state.listed.retain(|_, budget| {
            budget.refill(now, LISTED_MAX, LISTED_PAUSE);
            budget.left < LISTED_MAX
        });
        settled.sort();
        settled
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;

    use kernel::Timestamp;

    use super::*;

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

    const TICK: Duration = Duration::from_millis(100);

    /// Lets a crowd knock for so long, some at each tick; how many entries that makes, and for how many they stand.
    fn flood(minutes: u64, knock: impl Fn(&Crowd, u64) -> Vec<Option<(Kind, u64)>>) -> (u64, u64, u64) {
        let clock = Arc::new(Hands::default());
        let crowd = Crowd::new(Arc::clone(&clock) as Arc<dyn Clock>);
        let (mut entries, mut told, mut knocks) = (0, 0, 0);
        let mut write = |written: Vec<(Kind, u64)>| {
            entries += written.len() as u64;
            told += written.iter().map(|(_, count)| count).sum::<u64>();
        };
        for tick in 0..minutes * 600 {
            let answers = knock(&crowd, tick);
            knocks += answers.len() as u64;
            write(answers.into_iter().flatten().collect());
            clock.turn(TICK);
            if tick % 10 == 9 {
                write(crowd.settle());
            }
        }
        for _ in 0..130 {
            clock.turn(Duration::from_secs(1));
            write(crowd.settle());
        }
        assert!(crowd.state().kinds.is_empty(), "who comes no more is forgotten");
        (entries, told, knocks)
    }

    fn address(number: u64) -> IpAddr {
        IpAddr::from(u32::try_from(number % (1 << 31)).expect("31 bits").to_be_bytes())
    }

    #[test]
    fn whoever_floods_from_wherever_makes_few_entries_that_stand_for_all() {
        let of_one = flood(20, |crowd, _| (0..5).map(|_| crowd.stranger(address(1), "InvalidToken")).collect());
        let of_some = flood(20, |crowd, tick| (0..40).map(|n| crowd.stranger(address(n + tick % 2), "X")).collect());
        let of_all = flood(20, |crowd, tick| (0..40).map(|n| crowd.stranger(address(n + 40 * tick), "X")).collect());
        for (entries, told, knocks) in [of_one, of_some, of_all] {
            assert_eq!(told, knocks, "nobody is forgotten, and nobody counted twice");
            assert!(entries < 1_200, "{entries} entries in twenty minutes");
        }
        assert!(of_one.0 < 40, "{} entries of one network", of_one.0);
    }

    #[test]
    fn who_is_known_is_listed_until_that_is_too_often() {
        let listed = flood(10, |crowd, tick| {
            (tick % 20 == 0).then(|| crowd.identity("arn:ada", "AccessDenied")).into_iter().collect()
        });
        assert_eq!((listed.0, listed.1), (listed.2, listed.2), "once in two seconds is not often");
        let (entries, told, knocks) = flood(20, |crowd, _| (0..20).map(|_| crowd.identity("arn:ada", "X")).collect());
        assert_eq!((told, knocks), (knocks, 240_000));
        assert!((2_200..2_300).contains(&entries), "a thousand, and one a second: {entries}");
        let clock = Arc::new(Hands::default());
        let crowd = Crowd::new(clock);
        let all_at_once =
            (0..1_000).filter(|_| crowd.identity("arn:ada", "X") == Some((Kind::identity("arn:ada", "X"), 1)));
        assert_eq!(all_at_once.count(), 1_000);
        assert!(crowd.identity("arn:ada", "X").is_some() && crowd.identity("arn:ada", "X").is_none());
        assert!(crowd.identity("arn:bob", "X").is_some(), "bob is somebody else");
    }

    #[test]
    fn the_networks_of_ipv6_are_of_64_bits() {
        let kind = |text: &str| Kind::stranger(text.parse().expect("an address"), "X");
        assert_eq!(kind("2001:db8:1:2:3:4:5:6"), kind("2001:db8:1:2::1"));
        assert_eq!(kind("2001:db8:1:2::1").address().as_deref(), Some("2001:db8:1:2::/64"));
        assert_eq!(kind("::ffff:192.0.2.1"), kind("192.0.2.1"));
        assert_ne!(kind("192.0.2.2"), kind("192.0.2.1"));
    }
}
