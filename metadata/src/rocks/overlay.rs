//! Changes that lie over a map without being in it yet.
//!
//! The commit thread stages each batch over the group so far, and the group over the database. What comes out is in
//! normal form: ranges deleted, then rows put or deleted, each row once, however often the batches touched it.

use std::collections::BTreeMap;
use std::ops::Bound;

use bytes::Bytes;
use kernel::Sequence;

use crate::chain;
use crate::key_value::{Batch, Edit, Expectation, Family, KeyValueError, number, sum};

/// Something whose rows can be looked up.
pub(super) trait View {
    /// The value of a row.
    fn value(&self, family: Family, key: &[u8]) -> Result<Option<Bytes>, KeyValueError>;
}

/// Changes of one family.
#[derive(Debug, Default)]
pub(super) struct FamilyChanges {
    /// Ranges deleted before anything in `rows` took effect.
    pub(super) ranges: Vec<(Vec<u8>, Vec<u8>)>,
    /// Rows put, and deleted where there is no value.
    pub(super) rows: BTreeMap<Vec<u8>, Option<Bytes>>,
}

impl FamilyChanges {
    /// What became of a row: nothing, or a value, or its end.
    fn find(&self, key: &[u8]) -> Option<Option<&Bytes>> {
        if let Some(value) = self.rows.get(key) {
            return Some(value.as_ref());
        }
        let is_in = |(from, until): &(Vec<u8>, Vec<u8>)| &from[..] <= key && key < &until[..];
        self.ranges.iter().any(is_in).then_some(None)
    }

    fn delete_range(&mut self, from: Vec<u8>, until: Vec<u8>) {
        if from >= until {
            return;
        }
        let bounds = (Bound::Included(&from[..]), Bound::Excluded(&until[..]));
        let covered: Vec<_> = self.rows.range::<[u8], _>(bounds).map(|(key, _)| key.clone()).collect();
        for key in covered {
            self.rows.remove(&key);
        }
        self.ranges.push((from, until));
    }
}

/// Changes of every family.
#[derive(Debug, Default)]
pub(super) struct Changes([FamilyChanges; Family::ALL.len()]);

impl Changes {
    /// The changes of each family.
    pub(super) fn families(&self) -> impl Iterator<Item = (Family, &FamilyChanges)> {
        Family::ALL.into_iter().zip(&self.0)
    }

    /// How many rows and ranges are deleted.
    pub(super) fn deletions(&self) -> u64 {
        let of_family =
            |family: &FamilyChanges| family.ranges.len() + family.rows.values().filter(|value| value.is_none()).count();
        self.0.iter().map(of_family).sum::<usize>() as u64
    }

    fn family(&mut self, family: Family) -> &mut FamilyChanges {
        &mut self.0[family as usize]
    }

    fn set(&mut self, family: Family, key: Vec<u8>, value: Option<Bytes>) {
        self.family(family).rows.insert(key, value);
    }

    /// Lays later changes over these.
    pub(super) fn absorb(&mut self, later: Self) {
        for (mine, theirs) in self.0.iter_mut().zip(later.0) {
            for (from, until) in theirs.ranges {
                mine.delete_range(from, until);
            }
            mine.rows.extend(theirs.rows);
        }
    }
}

/// Changes over what they lie on.
pub(super) struct Over<'a> {
    /// The changes.
    pub(super) changes: &'a Changes,
    /// What they lie on.
    pub(super) below: &'a dyn View,
}

impl View for Over<'_> {
    fn value(&self, family: Family, key: &[u8]) -> Result<Option<Bytes>, KeyValueError> {
        match self.changes.0[family as usize].find(key) {
            Some(value) => Ok(value.cloned()),
            None => self.below.value(family, key),
        }
    }
}

fn check(expectations: &[Expectation], view: &dyn View) -> Result<(), KeyValueError> {
    for (index, expectation) in expectations.iter().enumerate() {
        let holds = match expectation {
            Expectation::Absent(family, key) => view.value(*family, key)?.is_none(),
            Expectation::Equals(family, key, expected) => view.value(*family, key)?.as_ref() == Some(expected),
            Expectation::SumAtMost { family, key, plus, max } => {
                let found = number(*family, view.value(*family, key)?.as_deref())?;
                found.checked_add(*plus).map_or(*plus < 0, |sum| sum <= *max)
            }
        };
        if !holds {
            return Err(KeyValueError::Conflict { index });
        }
    }
    Ok(())
}

/// What a batch changes when its turn comes over `below`, as the change `sequence`.
///
/// # Errors
/// An expectation that does not hold, or an add to what is no number: then the batch changes nothing.
pub(super) fn stage(batch: Batch, sequence: Sequence, below: &dyn View) -> Result<Changes, KeyValueError> {
    check(&batch.expectations, below)?;
    let mut changes = Changes::default();
    for edit in batch.edits {
        match edit {
            Edit::Put(family, key, value) => changes.set(family, key, Some(value)),
            Edit::Delete(family, key) => changes.set(family, key, None),
            Edit::DeleteRange(family, from, until) => changes.family(family).delete_range(from, until),
            Edit::PutStamped { family, key, value } => {
                changes.set(family, key.fill(sequence), Some(value.fill(sequence).into()));
            }
            Edit::Add(family, key, plus) => {
                let found = Over { changes: &changes, below }.value(family, &key)?;
                let sum = sum(family, found.as_deref(), plus)?;
                changes.set(family, key, Some(Bytes::copy_from_slice(&sum.to_be_bytes())));
            }
            Edit::Chain { entry, key } => {
                let head = Over { changes: &changes, below }.value(Family::Audit, chain::HEAD)?;
                for (key, row) in chain::link(head.as_deref(), sequence, (entry, key.as_deref()))? {
                    changes.set(Family::Audit, key, Some(row));
                }
            }
        }
    }
    Ok(changes)
}
