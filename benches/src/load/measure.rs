//! What the workers saw: times, bytes and errors.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use fixtures::s3_client::ClientError;

/// The time it is, for measuring.
#[expect(clippy::disallowed_methods, reason = "a bench measures real time")]
pub(super) fn now() -> Instant {
    Instant::now()
}

/// An error with its causes.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

/// What one worker, or all of them, saw.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    first_byte_nanos: Vec<u64>,
    total_nanos: Vec<u64>,
    errors: BTreeMap<String, u64>,
    /// Bytes of bodies, in either direction.
    pub(crate) body_bytes: u64,
    /// Requests that wrote something.
    pub(crate) writes: u64,
}

impl Tally {
    pub(super) fn succeeded(&mut self, first_byte: Duration, total: Duration, body_bytes: u64) {
        self.first_byte_nanos.push(nanos(first_byte));
        self.total_nanos.push(nanos(total));
        self.body_bytes += body_bytes;
    }

    pub(super) fn failed(&mut self, error: &ClientError) {
        self.count_error(chain(error));
    }

    pub(super) fn count_error(&mut self, what: String) {
        *self.errors.entry(what).or_default() += 1;
    }

    pub(super) fn absorb(&mut self, other: Self) {
        self.first_byte_nanos.extend(other.first_byte_nanos);
        self.total_nanos.extend(other.total_nanos);
        self.body_bytes += other.body_bytes;
        self.writes += other.writes;
        for (what, count) in other.errors {
            *self.errors.entry(what).or_default() += count;
        }
    }

    pub(super) fn sort(&mut self) {
        self.first_byte_nanos.sort_unstable();
        self.total_nanos.sort_unstable();
    }

    /// Requests that succeeded.
    pub(crate) fn requests(&self) -> u64 {
        self.total_nanos.len() as u64
    }

    /// Requests that did not.
    pub(crate) fn errors(&self) -> u64 {
        self.errors.values().sum()
    }

    /// The errors with how often each came, the most frequent first, three at most.
    pub(crate) fn error_text(&self) -> String {
        let mut errors: Vec<_> = self.errors.iter().collect();
        errors.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        let texts: Vec<_> = errors.iter().take(3).map(|(what, count)| format!("{count} × {what}")).collect();
        texts.join("; ")
    }

    /// Time to the first byte that `per_mille` of the requests did not exceed. Sorted before.
    pub(crate) fn first_byte(&self, per_mille: usize) -> Duration {
        quantile(&self.first_byte_nanos, per_mille)
    }

    /// Time to the last byte that `per_mille` of the requests did not exceed. Sorted before.
    pub(crate) fn total(&self, per_mille: usize) -> Duration {
        quantile(&self.total_nanos, per_mille)
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// The nearest-rank quantile of sorted values; zero where there are none.
fn quantile(sorted: &[u64], per_mille: usize) -> Duration {
    let rank = (sorted.len() * per_mille).div_ceil(1000).saturating_sub(1);
    Duration::from_nanos(sorted.get(rank).copied().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_values_that_were_seen() {
        let values: Vec<u64> = (1..=100).collect();
        for (per_mille, expected) in [(0, 1), (500, 50), (990, 99), (1000, 100)] {
            assert_eq!(quantile(&values, per_mille), Duration::from_nanos(expected));
        }
        assert_eq!(quantile(&[7], 990), Duration::from_nanos(7));
        assert_eq!(quantile(&[], 500), Duration::ZERO);
    }

    #[test]
    fn tallies_add_up() {
        let mut one = Tally::default();
        one.succeeded(Duration::from_nanos(1), Duration::from_nanos(3), 10);
        one.count_error("503 SlowDown".into());
        let mut two = Tally::default();
        two.succeeded(Duration::from_nanos(2), Duration::from_nanos(2), 5);
        two.count_error("503 SlowDown".into());
        two.count_error("timeout".into());
        one.absorb(two);
        one.sort();
        assert_eq!((one.requests(), one.errors(), one.body_bytes), (2, 3, 15));
        assert_eq!(one.error_text(), "2 × 503 SlowDown; 1 × timeout");
        assert_eq!(one.total(500), Duration::from_nanos(2));
    }
}
