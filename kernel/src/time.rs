//! Time as the lake sees it. It comes in through one port, so that a test can turn the hands.

use std::pin::Pin;
use std::time::Duration;

/// An instant of the wall clock: milliseconds since 1970-01-01T00:00:00Z, leap seconds not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From milliseconds since 1970.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }
    /// From whole seconds since 1970.
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(1000))
    }
    /// Milliseconds since 1970.
    pub const fn as_millis(self) -> i64 {
        self.0
    }
    /// Whole seconds since 1970, rounded down: what HTTP dates can say.
    pub const fn as_secs(self) -> i64 {
        self.0.div_euclid(1000)
    }
    /// The instant `by` later; at the end of time it stays there.
    pub fn plus(self, by: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX)))
    }
    /// The instant `by` earlier; at the beginning of time it stays there.
    pub fn minus(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(by.as_millis()).unwrap_or(i64::MAX)))
    }
}

/// Where time comes from. The server reads the machine's clocks, the simulator turns its own.
pub trait Clock: Send + Sync + 'static {
    /// The wall clock. It may step back.
    fn now(&self) -> Timestamp;
    /// Time since an arbitrary start that never steps back and stands still while the machine sleeps.
    fn monotonic(&self) -> Duration;
    /// Time since the machine booted, sleep included.
    fn since_boot(&self) -> Duration;
    /// What tells this boot of the machine from every other.
    fn boot_id(&self) -> [u8; 16];
    /// Ends once `by` has passed on the monotonic clock.
    fn sleep(&self, by: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_round_down_before_1970_too() {
        assert_eq!(Timestamp::from_millis(1_999).as_secs(), 1);
        assert_eq!(Timestamp::from_millis(-1).as_secs(), -1);
    }

    #[test]
    fn arithmetic_stops_at_the_ends_of_time() {
        let year = Duration::from_secs(365 * 86_400);
        assert_eq!(Timestamp::from_millis(i64::MAX).plus(year).as_millis(), i64::MAX);
        assert_eq!(Timestamp::from_millis(i64::MIN).minus(year).as_millis(), i64::MIN);
        assert_eq!(Timestamp::from_secs(0).plus(Duration::MAX).as_millis(), i64::MAX);
    }
}
