//! The log of changes, and how far each of its consumers has read.

use bytes::Bytes;
use kernel::Sequence;

use super::request::Change;
use super::{Catalog, Place, Result};
use crate::key_value::{Batch, Edit, Family, Step, gather};
use crate::record::{self, Malformed};
use crate::{key_value::KeyValue, keys};

impl Catalog {
    /// Durable changes after `after`, in their order, `limit` at the most. None is ever skipped: what is not here yet
    /// has a higher sequence than all that is.
    ///
    /// # Errors
    /// [`CatalogError::Damaged`](super::CatalogError::Damaged), [`CatalogError::Map`](super::CatalogError::Map).
    pub async fn changes(&self, after: Sequence, limit: usize) -> Result<Vec<Change>> {
        let map: &dyn KeyValue = &*self.map;
        let from = keys::after_row(&keys::sequence(after));
        let until = keys::after_row(&keys::sequence(map.durable()));
        if limit == 0 || from >= until {
            return Ok(Vec::new());
        }
        let rows = gather(map, Family::Changes, from, until, Vec::new(), move |rows, place, row| {
            rows.push((place.to_vec(), Bytes::copy_from_slice(row)));
            if rows.len() < limit { Step::Next } else { Step::Stop }
        });
        let change = |(place, row): (Vec<u8>, Bytes)| {
            let sequence = keys::split_sequence(&place).ok_or(Malformed("it stands in the wrong place"));
            sequence.and_then(|sequence| record::change(sequence, &row)).place(Family::Changes, &place)
        };
        rows.await?.into_iter().map(change).collect()
    }

    /// How far a consumer of the log has read; [`Sequence::ZERO`] where it has not begun.
    ///
    /// # Errors
    /// [`CatalogError::Damaged`](super::CatalogError::Damaged), [`CatalogError::Map`](super::CatalogError::Map).
    pub async fn cursor(&self, consumer: &str) -> Result<Sequence> {
        let place = keys::cursor(consumer);
        let [row] = self.get([(Family::Cursors, place.clone())]).await?;
        row.map_or(Ok(Sequence::ZERO), |row| record::sequence(&row).place(Family::Cursors, &place))
    }

    /// Remembers that a consumer has read up to and with `to`.
    ///
    /// # Errors
    /// [`CatalogError::Map`](super::CatalogError::Map).
    pub async fn advance(&self, consumer: &str, to: Sequence) -> Result<()> {
        let row = Bytes::from(keys::sequence(to));
        let edits = vec![Edit::Put(Family::Cursors, keys::cursor(consumer), row)];
        self.map.apply(Batch { expectations: Vec::new(), edits }).await?;
        Ok(())
    }
}
