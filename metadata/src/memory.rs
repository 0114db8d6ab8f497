//! The map in memory, for tests and for the simulator.
//!
//! It keeps the contract of the real one and goes wrong as the real one may: a batch is first written, then synced in a
//! group with whatever else was written by then, and only then visible and acknowledged. [`MemoryMap::crash`] gives
//! what a power cut leaves: everything acknowledged, and of what was written and not yet synced any beginning, because
//! a log is cut, not sieved. [`MemoryMap::fail_next_sync`] makes the disk fail.
//!
//! Written without the machinery of [`rocks`](crate::rocks) on purpose: the two are compared with each other.

use std::collections::{BTreeMap, VecDeque};
use std::future::poll_fn;
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use bytes::Bytes;
use futures::future::BoxFuture;
use kernel::{Entropy, Sequence};

use crate::chain;
use crate::key_value::{Batch, Edit, Expectation, Family, KeyValue, KeyValueError, Step, Visit, number, sum};

type FamilyRows = BTreeMap<Vec<u8>, Bytes>;

/// The rows of all families.
#[derive(Debug, Default)]
struct Rows([FamilyRows; Family::ALL.len()]);

/// What a batch replaced, so that it can be undone when a later edit of it fails.
type Undo = Vec<(Family, Vec<u8>, Option<Bytes>)>;

impl Rows {
    fn family(&self, family: Family) -> &FamilyRows {
        &self.0[family as usize]
    }

    fn set(&mut self, family: Family, key: Vec<u8>, value: Option<Bytes>) -> Option<Bytes> {
        let rows = &mut self.0[family as usize];
        match value {
            Some(value) => rows.insert(key, value),
            None => rows.remove(&key),
        }
    }

    fn check(&self, expectations: &[Expectation]) -> Result<(), KeyValueError> {
        for (index, expectation) in expectations.iter().enumerate() {
            let holds = match expectation {
                Expectation::Absent(family, key) => !self.family(*family).contains_key(key),
                Expectation::Equals(family, key, value) => self.family(*family).get(key) == Some(value),
                Expectation::SumAtMost { family, key, plus, max } => {
                    let found = number(*family, self.family(*family).get(key).map(|value| &value[..]))?;
                    i128::from(found) + i128::from(*plus) <= i128::from(*max)
                }
            };
            if !holds {
                return Err(KeyValueError::Conflict { index });
            }
        }
        Ok(())
    }

    fn edit(&mut self, edit: Edit, sequence: Sequence, undo: &mut Undo) -> Result<(), KeyValueError> {
        let mut set = |family: Family, key: Vec<u8>, value: Option<Bytes>| {
            let replaced = self.set(family, key.clone(), value);
            undo.push((family, key, replaced));
        };
        match edit {
            Edit::Put(family, key, value) => set(family, key, Some(value)),
            Edit::Delete(family, key) => set(family, key, None),
            Edit::PutStamped { family, key, value } => {
                set(family, key.fill(sequence), Some(value.fill(sequence).into()));
            }
            Edit::DeleteRange(family, from, until) => {
                if from < until {
                    let keys: Vec<_> = self.family(family).range(from..until).map(|(key, _)| key.clone()).collect();
                    for key in keys {
                        let replaced = self.set(family, key.clone(), None);
                        undo.push((family, key, replaced));
                    }
                }
            }
            Edit::Add(family, key, plus) => {
                let sum = sum(family, self.family(family).get(&key).map(|value| &value[..]), plus)?;
                let replaced = self.set(family, key.clone(), Some(Bytes::copy_from_slice(&sum.to_be_bytes())));
                undo.push((family, key, replaced));
            }
            Edit::Chain { entry, key } => {
                let head = self.family(Family::Audit).get(chain::HEAD).map(|row| &row[..]);
                for (key, row) in chain::link(head, sequence, (entry, key.as_deref()))? {
                    let replaced = self.set(Family::Audit, key.clone(), Some(row));
                    undo.push((Family::Audit, key, replaced));
                }
            }
        }
        Ok(())
    }

    /// Takes the batch whole or leaves the rows as they were.
    fn apply(&mut self, batch: Batch, sequence: Sequence) -> Result<(), KeyValueError> {
        self.check(&batch.expectations)?;
        let mut undo = Undo::new();
        let outcome = batch.edits.into_iter().try_for_each(|edit| self.edit(edit, sequence, &mut undo));
        if outcome.is_err() {
            for (family, key, replaced) in undo.into_iter().rev() {
                self.set(family, key, replaced);
            }
        }
        outcome
    }
}

/// A batch that was written to the log and not synced yet.
#[derive(Debug)]
struct Written {
    ticket: u64,
    /// Somebody still waits for the outcome.
    is_awaited: bool,
    batch: Batch,
}

#[derive(Debug)]
struct State {
    /// What is synced, and what readers see.
    rows: Rows,
    sequence: Sequence,
    /// Written, in order.
    log: VecDeque<Written>,
    next_ticket: u64,
    /// Outcomes that nobody has fetched yet, by ticket.
    outcomes: BTreeMap<u64, Result<Sequence, KeyValueError>>,
    /// What every change is refused with.
    refusal: Option<KeyValueError>,
    next_sync_fails: bool,
}

impl State {
    fn new(rows: Rows, sequence: Sequence) -> Self {
        Self {
            rows,
            sequence,
            log: VecDeque::new(),
            next_ticket: 0,
            outcomes: BTreeMap::new(),
            refusal: None,
            next_sync_fails: false,
        }
    }

    fn readable(&self) -> Result<&Rows, KeyValueError> {
        match &self.refusal {
            Some(KeyValueError::Closed) => Err(KeyValueError::Closed),
            _ => Ok(&self.rows),
        }
    }

    fn write(&mut self, batch: Batch) -> Result<u64, KeyValueError> {
        if let Some(refusal) = &self.refusal {
            return Err(refusal.clone());
        }
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        self.log.push_back(Written { ticket, is_awaited: true, batch });
        Ok(ticket)
    }

    fn commit(&mut self, batch: Batch) -> Result<Sequence, KeyValueError> {
        let sequence = self.sequence.plus(1);
        self.rows.apply(batch, sequence)?;
        self.sequence = sequence;
        Ok(sequence)
    }

    /// Syncs all that is written: it takes effect and is answered. When the disk fails instead, what is written stays
    /// in the log, and only a [`crash`](MemoryMap::crash) shows what of it reached the disk.
    fn sync(&mut self) {
        if self.refusal.is_some() {
            return;
        }
        if self.next_sync_fails {
            let failure = KeyValueError::Failed("the log could not be synced".into());
            let awaited = self.log.iter().filter(|written| written.is_awaited);
            self.outcomes.extend(awaited.map(|written| (written.ticket, Err(failure.clone()))));
            self.refusal = Some(failure);
            return;
        }
        while let Some(written) = self.log.pop_front() {
            let outcome = self.commit(written.batch);
            if written.is_awaited {
                self.outcomes.insert(written.ticket, outcome);
            }
        }
    }
}

/// The outcome of one batch, to be fetched once the log is synced.
struct Awaited<'a> {
    map: &'a MemoryMap,
    ticket: u64,
}

impl Awaited<'_> {
    fn fetch(self) -> Result<Sequence, KeyValueError> {
        let mut state = self.map.lock();
        if !state.outcomes.contains_key(&self.ticket) {
            state.sync();
        }
        state.outcomes.remove(&self.ticket).unwrap_or(Err(KeyValueError::Closed))
    }
}

impl Drop for Awaited<'_> {
    fn drop(&mut self) {
        let mut state = self.map.lock();
        state.outcomes.remove(&self.ticket);
        if let Some(written) = state.log.iter_mut().find(|written| written.ticket == self.ticket) {
            written.is_awaited = false;
        }
    }
}

/// Lets everybody else run once.
async fn breathe() {
    let mut is_over = false;
    poll_fn(|context| {
        if is_over {
            return Poll::Ready(());
        }
        is_over = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// An ordered map of bytes in memory, with a log that can be cut and a disk that can fail.
#[derive(Debug)]
pub struct MemoryMap(Mutex<State>);

impl Default for MemoryMap {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryMap {
    /// An empty map.
    pub fn new() -> Self {
        Self(Mutex::new(State::new(Rows::default(), Sequence::ZERO.next_epoch())))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Cuts the power and opens what is left: all that was acknowledged, and of what was written and not synced as many
    /// batches from the beginning as `entropy` says. This map answers [`KeyValueError::Closed`] from now on.
    pub fn crash(&self, entropy: &dyn Entropy) -> Self {
        let mut state = self.lock();
        let dead = State { refusal: Some(KeyValueError::Closed), ..State::new(Rows::default(), state.sequence) };
        let mut left = std::mem::replace(&mut *state, dead);
        let written = std::mem::take(&mut left.log);
        let survivors = u64::from_be_bytes(entropy.array()) % (written.len() as u64 + 1);
        for survivor in written.into_iter().take(survivors as usize) {
            // Nobody hears the outcome: a batch whose expectations fail leaves no trace here, as it would there.
            let _ = left.commit(survivor.batch);
        }
        Self(Mutex::new(State::new(left.rows, left.sequence)))
    }

    /// The next sync fails: the changes that wait for it, and all later ones, are answered [`KeyValueError::Failed`].
    /// Reads go on. Whether those changes took effect shows after a [`crash`](Self::crash).
    pub fn fail_next_sync(&self) {
        self.lock().next_sync_fails = true;
    }
}

impl KeyValue for MemoryMap {
    fn get(&self, keys: Vec<(Family, Vec<u8>)>) -> BoxFuture<'_, Result<Vec<Option<Bytes>>, KeyValueError>> {
        Box::pin(async move {
            let state = self.lock();
            let rows = state.readable()?;
            Ok(keys.iter().map(|(family, key)| rows.family(*family).get(key).cloned()).collect())
        })
    }

    /// `visit` runs under the map's lock and must not call the map.
    fn scan(
        &self,
        family: Family,
        from: Vec<u8>,
        until: Vec<u8>,
        mut visit: Visit,
    ) -> BoxFuture<'_, Result<(), KeyValueError>> {
        Box::pin(async move {
            let state = self.lock();
            let rows = state.readable()?.family(family);
            let mut next = from;
            while next < until {
                let mut sought = None;
                for (key, value) in rows.range::<[u8], _>((Bound::Included(&next[..]), Bound::Excluded(&until[..]))) {
                    match visit(key, value) {
                        Step::Seek(target) if target > *key => {
                            sought = Some(target);
                            break;
                        }
                        Step::Seek(_) | Step::Next => {}
                        Step::Stop => return Ok(()),
                    }
                }
                match sought {
                    Some(target) => next = target,
                    None => break,
                }
            }
            Ok(())
        })
    }

    fn apply(&self, batch: Batch) -> BoxFuture<'_, Result<Sequence, KeyValueError>> {
        batch.assert_holes_fit();
        Box::pin(async move {
            let ticket = self.lock().write(batch)?;
            let awaited = Awaited { map: self, ticket };
            breathe().await;
            awaited.fetch()
        })
    }

    fn durable(&self) -> Sequence {
        self.lock().sequence
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives the same number for ever.
    struct Always(u64);
    impl Entropy for Always {
        fn fill(&self, into: &mut [u8]) {
            into.iter_mut().rev().zip(self.0.to_le_bytes()).for_each(|(byte, bits)| *byte = bits);
        }
    }

    fn put(key: &str) -> Batch {
        let edits = vec![Edit::Put(Family::Lake, key.into(), Bytes::from_static(b"there"))];
        Batch { expectations: vec![Expectation::Absent(Family::Lake, key.into())], edits }
    }

    async fn keys(map: &MemoryMap) -> Vec<String> {
        let all = (Vec::new(), vec![0xff]);
        crate::gather(map, Family::Lake, all.0, all.1, Vec::new(), |keys, key, _| {
            keys.push(String::from_utf8_lossy(key).into_owned());
            Step::Next
        })
        .await
        .expect("the map is open")
    }

    #[tokio::test]
    async fn a_power_cut_leaves_what_was_acknowledged_and_a_beginning_of_what_was_written() {
        for survivors in 0..=3 {
            let map = MemoryMap::new();
            map.apply(put("acknowledged")).await.expect("it fits");
            let mut written: Vec<_> = ["x", "y", "z"].map(|key| map.apply(put(key))).into();
            for future in &mut written {
                assert!(futures::poll!(future).is_pending());
            }
            assert_eq!(keys(&map).await, ["acknowledged"], "nobody reads what is not durable");
            let left = map.crash(&Always(survivors));
            let expected = &["acknowledged", "x", "y", "z"][..1 + survivors as usize];
            assert_eq!(keys(&left).await, expected);
            assert_eq!(left.durable(), Sequence::ZERO.next_epoch().plus(expected.len() as u64));
            for future in written {
                assert!(matches!(future.await, Err(KeyValueError::Closed)), "the machine is gone");
            }
            assert!(matches!(map.get(Vec::new()).await, Err(KeyValueError::Closed)));
        }
    }

    #[tokio::test]
    async fn a_failed_sync_refuses_every_change_until_the_map_is_opened_again() {
        for survivors in 0..=1 {
            let map = MemoryMap::new();
            map.apply(put("before")).await.expect("it fits");
            map.fail_next_sync();
            assert!(matches!(map.apply(put("during")).await, Err(KeyValueError::Failed(_))));
            assert!(matches!(map.apply(put("after")).await, Err(KeyValueError::Failed(_))));
            assert_eq!(keys(&map).await, ["before"], "reads go on");
            let left = map.crash(&Always(survivors));
            assert_eq!(keys(&left).await.len(), 1 + survivors as usize);
            left.apply(put("after")).await.expect("it was opened again");
        }
    }
}
