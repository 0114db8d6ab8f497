//! Whether reads and writes of one key can be put into one order that respects time.
//!
//! Every write writes a value of its own, so the test of Gibbons and Korach applies: the operations on one value span a
//! zone from the earliest end among them to the latest start. Zones that run forward must not overlap, and a zone that
//! runs backward must not lie within a forward one.
//!
//! Source: P. B. Gibbons, E. Korach, *Testing shared memories*, SIAM J. Comput. 26 (1997).

use std::collections::HashMap;
use std::fmt::Debug;
use std::hash::Hash;

/// A read or write that took place somewhere between its start and its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Operation<V> {
    /// What was written or read.
    pub(super) value: V,
    /// Whether it is the write.
    pub(super) is_write: bool,
    /// Before the request was sent, in nanoseconds.
    pub(super) start: u64,
    /// After the answer was complete, in nanoseconds.
    pub(super) end: u64,
}

#[derive(Debug)]
struct Zone<'a, V> {
    value: &'a V,
    written: Option<u64>,
    earliest_end: u64,
    latest_start: u64,
    earliest_read_end: u64,
}

/// Checks a history in which the write of the initial value is an operation like any other.
///
/// # Errors
/// Says which values cannot be ordered.
pub(super) fn check<V: Eq + Hash + Debug>(history: &[Operation<V>]) -> Result<(), String> {
    let mut zones: HashMap<&V, Zone<'_, V>> = HashMap::new();
    for operation in history {
        let zone = zones.entry(&operation.value).or_insert(Zone {
            value: &operation.value,
            written: None,
            earliest_end: u64::MAX,
            latest_start: 0,
            earliest_read_end: u64::MAX,
        });
        zone.earliest_end = zone.earliest_end.min(operation.end);
        zone.latest_start = zone.latest_start.max(operation.start);
        match operation.is_write {
            true => zone.written = Some(operation.start),
            false => zone.earliest_read_end = zone.earliest_read_end.min(operation.end),
        }
    }
    for zone in zones.values() {
        match zone.written {
            None => return Err(format!("{:?} was read and never written", zone.value)),
            Some(start) if zone.earliest_read_end < start => {
                return Err(format!("{:?} was read before it was written", zone.value));
            }
            Some(_) => {}
        }
    }
    order(zones.into_values().collect())
}

fn order<V: Debug>(zones: Vec<Zone<'_, V>>) -> Result<(), String> {
    let (mut forward, backward): (Vec<_>, Vec<_>) =
        zones.into_iter().partition(|zone| zone.earliest_end < zone.latest_start);
    forward.sort_by_key(|zone| zone.earliest_end);
    for pair in forward.windows(2) {
        if pair[1].earliest_end < pair[0].latest_start {
            return Err(format!(
                "{:?} and {:?} were each current before and after the other",
                pair[0].value, pair[1].value
            ));
        }
    }
    for zone in &backward {
        // Forward zones do not overlap, so only the last one that begins before this zone can hold it.
        let place = forward.partition_point(|other| other.earliest_end < zone.latest_start);
        let before = place.checked_sub(1).and_then(|place| forward.get(place));
        if let Some(other) = before.filter(|other| zone.earliest_end < other.latest_start) {
            return Err(format!("{:?} was current amid the time of {:?}", zone.value, other.value));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use fixtures::seeded::Seeded;

    fn write(value: u32, start: u64, end: u64) -> Operation<u32> {
        Operation { value, is_write: true, start, end }
    }
    fn read(value: u32, start: u64, end: u64) -> Operation<u32> {
        Operation { value, is_write: false, start, end }
    }

    #[test]
    fn what_everybody_agrees_on() {
        let table: [(&[Operation<u32>], bool); 8] = [
            (&[write(0, 0, 0), read(0, 1, 2)], true),
            (&[write(0, 0, 0), write(1, 1, 4), read(0, 2, 3), read(1, 5, 6)], true),
            // A stale read: 1 was acknowledged, and 0 came back.
            (&[write(0, 0, 0), write(1, 1, 2), read(0, 3, 4)], false),
            // New, then old again.
            (&[write(0, 0, 0), write(1, 1, 9), read(1, 2, 3), read(0, 4, 5)], false),
            // A write that was lost between two others.
            (&[write(1, 1, 2), write(2, 3, 4), read(1, 5, 6)], false),
            // Concurrent writes may end either way.
            (&[write(1, 1, 5), write(2, 2, 6), read(1, 7, 8)], true),
            (&[read(7, 1, 2)], false),
            (&[write(1, 5, 6), read(1, 1, 2)], false),
        ];
        for (history, good) in table {
            assert_eq!(check(history).is_ok(), good, "{history:?}");
        }
    }

    /// Histories made from a register that really is one are accepted; with one read turned stale they are not.
    #[test]
    fn true_histories_pass_and_stale_reads_do_not() {
        let mut stale_caught = 0;
        for seed in 0..200 {
            let mut seeded = Seeded::new(seed);
            let mut history = vec![write(0, 0, 1)];
            let mut current = 0;
            for step in 1..60_u32 {
                // The instant of effect; start and end lie around it and overlap those of the neighbours.
                let instant = 100 * u64::from(step);
                let (start, end) = (instant - seeded.below(150).min(instant - 2), instant + seeded.below(150));
                if seeded.percent(40) {
                    current = step;
                    history.push(write(current, start, end));
                } else {
                    history.push(read(current, start, end));
                }
            }
            assert_eq!(check(&history), Ok(()), "seed {seed}");
            history.push(read(current, 100_000, 100_001));
            let stale = history.iter().filter(|op| op.is_write && op.value != current).map(|op| op.value).next();
            if let Some(stale) = stale {
                history.push(read(stale, 200_000, 200_001));
                assert!(check(&history).is_err(), "seed {seed}");
                stale_caught += 1;
            }
        }
        assert!(stale_caught > 150);
    }
}
