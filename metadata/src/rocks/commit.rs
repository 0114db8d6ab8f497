//! Group commit: one thread takes whatever batches wait, and writes and syncs them as one.
//!
//! A group is what had queued up while the one before was being synced, so nobody waits for company. Each batch is
//! checked against the database with all earlier batches of the group laid over it; one whose expectations fail is
//! dropped alone. The sequence of the last change stands in a row of the same write, so that a log that is cut anywhere
//! still says how far it reaches. Answers go out once the log is synced, refusals of the group included: who is refused
//! reads again, and must then see what it lost against.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use kernel::meter::{Counter, Gauge, Histogram};
use kernel::{Sequence, fail_point};
use rocksdb::{DB, WriteBatch, WriteOptions};
use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

use super::Core;
use super::families::SEQUENCE_KEY;
use super::overlay::{Changes, Over, View, stage};
use super::reading::{column, trouble};
use super::watermark::Raiser;
use crate::key_value::{Batch, Family, KeyValueError};

type Outcome = Result<Sequence, KeyValueError>;

/// What happens on the way of a commit.
#[derive(Debug)]
pub struct CommitMeters {
    /// Batches that took effect per group.
    pub group_batches: Histogram,
    /// Seconds from asking for a commit to its answer, the wait for room in the queue included.
    pub commit_seconds: Histogram,
    /// Batches that took effect.
    pub commits: Counter,
    /// Batches whose expectations failed.
    pub conflicts: Counter,
    /// Bytes of keys and values that took effect.
    pub bytes: Counter,
    /// Syncs of the log: groups written.
    pub log_syncs: Counter,
    /// Syncs of the watermark.
    pub watermark_syncs: Counter,
    /// Batches that wait in the queue now.
    pub queue_depth: Gauge,
}

impl CommitMeters {
    pub(super) fn new() -> Self {
        Self {
            group_batches: Histogram::new(Histogram::COUNTS),
            commit_seconds: Histogram::new(Histogram::SECONDS),
            commits: Counter::default(),
            conflicts: Counter::default(),
            bytes: Counter::default(),
            log_syncs: Counter::default(),
            watermark_syncs: Counter::default(),
            queue_depth: Gauge::default(),
        }
    }
}

/// A batch in the queue.
#[derive(Debug)]
pub(super) struct Submission {
    pub(super) batch: Batch,
    /// Its bytes, and its share of the queue's room while it waits.
    pub(super) bytes: usize,
    pub(super) room: OwnedSemaphorePermit,
    /// When it was asked for, on the monotonic clock.
    pub(super) asked: Duration,
    pub(super) answer: oneshot::Sender<Outcome>,
}

/// What a group may hold.
#[derive(Debug, Clone, Copy)]
pub(super) struct GroupBounds {
    pub(super) bytes_max: usize,
    pub(super) batches_max: usize,
}

/// A batch that is decided and waits for the sync.
struct Decided {
    outcome: Outcome,
    asked: Duration,
    answer: oneshot::Sender<Outcome>,
}

/// What a group comes to.
struct Group {
    changes: Changes,
    decided: Vec<Decided>,
    last: Sequence,
    batches: u64,
    bytes: u64,
}

/// The commit thread's own.
pub(super) struct Committer {
    pub(super) core: Arc<Core>,
    pub(super) queue: mpsc::Receiver<Submission>,
    pub(super) bounds: GroupBounds,
    pub(super) raiser: Raiser,
    /// The sequence of the last change.
    pub(super) last: Sequence,
}

/// The database as the commit thread reads it.
struct Stored<'a>(&'a DB);

impl View for Stored<'_> {
    fn value(&self, family: Family, key: &[u8]) -> Result<Option<Bytes>, KeyValueError> {
        let found = self.0.get_pinned_cf(&column(self.0, family)?, key).map_err(trouble)?;
        Ok(found.map(|value| Bytes::copy_from_slice(&value)))
    }
}

impl Committer {
    /// Commits until every sender is gone and the queue is empty; then waits until the watermark stands at the end.
    pub(super) fn run(mut self) {
        while let Some(first) = self.next() {
            let submissions = self.gather(first);
            if let Some(failure) = self.core.failure() {
                submissions.into_iter().for_each(|submission| refuse(submission, &failure));
                continue;
            }
            self.commit(submissions);
        }
        self.raiser.raise(self.last);
        self.raiser.finish();
    }

    /// The next batch. When the line is idle, the watermark catches up meanwhile.
    fn next(&mut self) -> Option<Submission> {
        match self.queue.try_recv() {
            Ok(submission) => Some(submission),
            Err(TryRecvError::Disconnected) => None,
            Err(TryRecvError::Empty) => {
                self.raiser.raise(self.last);
                self.queue.blocking_recv()
            }
        }
    }

    /// Everything that waits, up to the bounds of a group; the last batch may reach over the bound on bytes.
    fn gather(&mut self, first: Submission) -> Vec<Submission> {
        let mut bytes = first.bytes;
        let mut submissions = vec![first];
        while bytes < self.bounds.bytes_max && submissions.len() < self.bounds.batches_max {
            let Ok(submission) = self.queue.try_recv() else { break };
            bytes += submission.bytes;
            submissions.push(submission);
        }
        self.core.meters.queue_depth.add(-(submissions.len() as i64));
        submissions
    }

    fn commit(&mut self, submissions: Vec<Submission>) {
        let core = Arc::clone(&self.core);
        let open = core.open();
        let Some(open) = open.as_ref() else {
            submissions.into_iter().for_each(|submission| refuse(submission, &KeyValueError::Closed));
            return;
        };
        let group = decide(self.last, submissions, &Stored(&open.db));
        if group.batches > 0 {
            // The log is synced up to the group before; its mark is raised while this one's sync runs.
            self.raiser.raise(self.last);
            if let Err(error) = write(&open.db, &group) {
                core.fail(&format!("a write to the log failed: {error}"));
                let failure = core.failure().unwrap_or(KeyValueError::Closed);
                group.decided.into_iter().for_each(|decided| core.answer(decided, Some(&failure)));
                return;
            }
            fail_point::pass("log-synced");
            self.last = group.last;
            core.advance(&group);
        }
        group.decided.into_iter().for_each(|decided| core.answer(decided, None));
        fail_point::pass("committed");
    }
}

fn refuse(submission: Submission, error: &KeyValueError) {
    // Whoever asked may have gone; then nobody needs to know.
    let _ = submission.answer.send(Err(error.clone()));
}

/// Decides each batch of a group in turn, over `base` and the batches before it.
fn decide(last: Sequence, submissions: Vec<Submission>, base: &dyn View) -> Group {
    let decided = Vec::with_capacity(submissions.len());
    let mut group = Group { changes: Changes::default(), decided, last, batches: 0, bytes: 0 };
    for Submission { batch, bytes, room, asked, answer } in submissions {
        let sequence = group.last.plus(1);
        let outcome = stage(batch, sequence, &Over { changes: &group.changes, below: base }).map(|changes| {
            group.changes.absorb(changes);
            group.last = sequence;
            group.batches += 1;
            group.bytes += bytes as u64;
            sequence
        });
        drop(room);
        group.decided.push(Decided { outcome, asked, answer });
    }
    group
}

/// Writes a group and syncs the log. Readers see it only once it is synced: RocksDB writes and syncs its log before it
/// fills its tables in memory, which writing first and syncing later would turn round.
fn write(db: &DB, group: &Group) -> Result<(), KeyValueError> {
    let mut batch = WriteBatch::default();
    for (family, changes) in group.changes.families() {
        if changes.ranges.is_empty() && changes.rows.is_empty() {
            continue;
        }
        let column = column(db, family)?;
        for (from, until) in &changes.ranges {
            batch.delete_range_cf(&column, from, until);
        }
        for (key, value) in &changes.rows {
            match value {
                Some(value) => batch.put_cf(&column, key, value),
                None => batch.delete_cf(&column, key),
            }
        }
    }
    batch.put_cf(&column(db, Family::Lake)?, SEQUENCE_KEY, group.last.to_bits().to_be_bytes());
    let mut options = WriteOptions::default();
    options.set_sync(true);
    db.write_opt(batch, &options).map_err(trouble)
}

impl Core {
    /// A group is durable.
    fn advance(&self, group: &Group) {
        self.set_durable(group.last);
        self.deletions.fetch_add(group.changes.deletions(), Ordering::Relaxed);
        self.meters.log_syncs.add(1);
        self.meters.commits.add(group.batches);
        self.meters.bytes.add(group.bytes);
        self.meters.group_batches.record(group.batches as f64);
    }

    /// Tells whoever asked; with `failure`, that the group's write failed.
    fn answer(&self, decided: Decided, failure: Option<&KeyValueError>) {
        let Decided { outcome, asked, answer } = decided;
        let outcome = match failure {
            Some(failure) => outcome.and(Err(failure.clone())),
            None => outcome,
        };
        match &outcome {
            Ok(_) => self.meters.commit_seconds.record_duration(self.clock.monotonic().saturating_sub(asked)),
            Err(KeyValueError::Conflict { .. }) => self.meters.conflicts.add(1),
            Err(_) => {}
        }
        // Whoever asked may have gone; the batch stands all the same.
        let _ = answer.send(outcome);
    }
}
