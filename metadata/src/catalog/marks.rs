//! What a time means in the order of changes.
//!
//! A time means the last change in front of the first that was made after it: so nothing made later by a clock that
//! stepped back is counted in, and what a time means never changes once a later change is in the log. Until then a change
//! made before that time may still be on its way. Who asks for such a time *pins* it: a row of its own, stamped with the
//! sequence at which it was asked, is the most that this time, or any before it, will ever mean. Pins rise in time and
//! sequence alike.
//!
//! So that nobody reads the log from its beginning, *marks* say of a place in the log that nothing up to there was made
//! after a time. They are read off the log itself, behind the changes, which know nothing of them; a mark may be missing,
//! and only the walk is longer then.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use kernel::{Sequence, Timestamp};

use super::error::NoPast;
use super::past::MISPLACED;
use super::{ATTEMPTS, Catalog, CatalogError, Place, Result};
use crate::key_value::{Batch, Edit, Expectation, Family, KeyValueError, Stamped, Step, gather};
use crate::{keys, record};

/// Changes that are read to find out what a time means, far more than lie between two marks.
const WALK_MAX: usize = 1_000_000;

/// Times kept in memory, then it starts over.
const KNOWN_MAX: usize = 10_000;

/// Times whose meaning is known. It never changes.
#[derive(Default)]
pub(super) struct KnownTimes(Mutex<HashMap<Timestamp, Sequence>>);

impl KnownTimes {
    fn get(&self, time: Timestamp) -> Option<Sequence> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&time).copied()
    }

    fn keep(&self, time: Timestamp, meaning: Sequence) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= KNOWN_MAX {
            known.clear();
        }
        known.insert(time, meaning);
    }
}

/// What a walk along the log has come to.
#[derive(Debug, Clone, Copy, Default)]
struct Walked {
    changes: usize,
    /// The last change walked over, and the latest time at which any of them was made.
    last: Sequence,
    latest: Timestamp,
    /// The first change that was made after the time in question.
    after: Option<Sequence>,
}

impl Catalog {
    /// The last change up to a time: the place in the log that this time means, now and ever after. `now` is the time at
    /// which it is asked.
    ///
    /// # Errors
    /// [`NoPast::TimeAhead`]; [`CatalogError::Contended`] where marks are still to be made, [`CatalogError::Damaged`],
    /// [`CatalogError::Map`].
    pub async fn sequence_at(&self, time: Timestamp, now: Timestamp) -> Result<Sequence> {
        if time > now {
            return Err(NoPast::TimeAhead.into());
        }
        // Times before 1970 have no rows of their own.
        if time < Timestamp::default() {
            return Ok(Sequence::ZERO);
        }
        if let Some(known) = self.times.get(time) {
            return Ok(known);
        }
        for _ in 0..ATTEMPTS {
            // A pin in front of the change that the walk finds was there before that change: in this order it is seen.
            let durable = self.map.durable();
            let after = self.first_change_after(time).await?;
            let meaning = match (after, self.first_pin(time).await?) {
                (Some(after), pin) => {
                    let before = Sequence::from_bits(after.to_bits().saturating_sub(1));
                    pin.map_or(before, |pin| pin.min(before))
                }
                (None, Some(pin)) if pin <= durable => pin,
                // The walk has not come as far as the pin.
                (None, Some(_)) => continue,
                (None, None) => {
                    self.pin(time, now).await?;
                    continue;
                }
            };
            self.times.keep(time, meaning);
            return Ok(meaning);
        }
        Err(CatalogError::Contended)
    }

    /// Marks the next `stride` changes of the log, where there are so many. Says whether there were.
    ///
    /// # Errors
    /// [`CatalogError::Damaged`], [`CatalogError::Map`].
    pub async fn mark_log(&self, stride: usize) -> Result<bool> {
        let (latest, last) = self.last_mark(Timestamp::from_millis(i64::MAX)).await?;
        let start = Walked { last, latest, ..Walked::default() };
        let walked = self.walk(start, stride, Timestamp::from_millis(i64::MAX)).await?;
        if stride == 0 || walked.changes < stride {
            return Ok(false);
        }
        let row = keys::sequence(walked.last).into();
        let edits = vec![Edit::Put(Family::Marks, keys::mark(walked.latest), row)];
        self.map.apply(Batch { expectations: Vec::new(), edits }).await?;
        Ok(true)
    }

    /// The last mark up to a time: its time and its place in the log. In front of all marks, the beginning.
    async fn last_mark(&self, until: Timestamp) -> Result<(Timestamp, Sequence)> {
        let found = self.first_row(keys::marks_until(until)).await?;
        let Some((place, row)) = found else { return Ok((Timestamp::default(), Sequence::ZERO)) };
        let time = keys::split_mark(&place).ok_or(MISPLACED).place(Family::Marks, &place)?;
        Ok((time, record::sequence(&row).place(Family::Marks, &place)?))
    }

    /// What the first pin at or behind a time says.
    async fn first_pin(&self, time: Timestamp) -> Result<Option<Sequence>> {
        let found = self.first_row(keys::pins_from(time)).await?;
        found.map(|(place, row)| record::sequence(&row).place(Family::Marks, &place)).transpose()
    }

    async fn first_row(&self, (from, until): keys::Range) -> Result<Option<(Vec<u8>, Vec<u8>)>> {
        let row = gather(&*self.map, Family::Marks, from, until, None, |found, place, row| {
            *found = Some((place.to_vec(), row.to_vec()));
            Step::Stop
        });
        Ok(row.await?)
    }

    async fn first_change_after(&self, time: Timestamp) -> Result<Option<Sequence>> {
        let (latest, last) = self.last_mark(time).await?;
        let walked = self.walk(Walked { last, latest, ..Walked::default() }, WALK_MAX, time).await?;
        if walked.after.is_none() && walked.changes >= WALK_MAX {
            return Err(CatalogError::Contended);
        }
        Ok(walked.after)
    }

    /// Walks on along the log, over `limit` changes at the most, to the first that was made after `time`.
    async fn walk(&self, start: Walked, limit: usize, time: Timestamp) -> Result<Walked> {
        let from = keys::after_row(&keys::sequence(start.last));
        let until = keys::after_row(&keys::sequence(self.map.durable()));
        if from >= until {
            return Ok(start);
        }
        let walk = gather(&*self.map, Family::Changes, from, until, Ok(start), move |walked, place, row| {
            let Ok(so_far) = walked else { return Step::Stop };
            let change = keys::split_sequence(place).ok_or(MISPLACED);
            match change.and_then(|change| Ok((change, record::change_time(row)?))).place(Family::Changes, place) {
                Ok((change, when)) if when > time => {
                    so_far.after = Some(change);
                    return Step::Stop;
                }
                Ok((change, when)) => {
                    so_far.changes += 1;
                    so_far.last = change;
                    so_far.latest = so_far.latest.max(when);
                }
                Err(error) => {
                    *walked = Err(error);
                    return Step::Stop;
                }
            }
            if so_far.changes < limit { Step::Next } else { Step::Stop }
        });
        walk.await?
    }

    /// Pins `now`, unless somebody pinned `time` or a later one meanwhile.
    async fn pin(&self, time: Timestamp, now: Timestamp) -> Result<()> {
        let head = (Family::Marks, keys::NEWEST_PIN.to_vec());
        let [newest] = self.get([head.clone()]).await?;
        if let Some(row) = &newest {
            let newest = Timestamp::from_millis(record::number(row).place(head.0, &head.1)?);
            if newest >= time {
                return Ok(());
            }
        }
        let expectation = match newest {
            Some(row) => Expectation::Equals(head.0, head.1.clone(), row),
            None => Expectation::Absent(head.0, head.1.clone()),
        };
        let key = Stamped::plain(keys::pin(now));
        let edits = vec![
            Edit::PutStamped { family: Family::Marks, key, value: record::sequence_row() },
            Edit::Put(head.0, head.1, now.as_millis().to_be_bytes().to_vec().into()),
        ];
        match self.map.apply(Batch { expectations: vec![expectation], edits }).await {
            Ok(_) | Err(KeyValueError::Conflict { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}
