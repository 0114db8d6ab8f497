//! The chain of what was done by administrators, and of what was refused: appended to, read, verified and trimmed.

use std::sync::Arc;

use bytes::Bytes;
use kernel::Sequence;

use super::{Catalog, CatalogError, Result};
use crate::chain::{self, ChainEntry, ChainFault, ChainKey, ChainPlace};
use crate::key_value::{Batch, Edit, Expectation, Family, KeyValueError, Step, gather};

/// How much of a chain was verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChainVerified {
    /// The place up to which everything is as it was written.
    pub until: ChainPlace,
    /// What is wrong with what follows; none where nothing is.
    pub fault: Option<ChainFault>,
    /// Whether that is the end of the chain.
    pub is_end: bool,
}

impl Catalog {
    /// From now on entries are authenticated with a key, and what is read must have been. The first key stays.
    pub fn authenticate_audit(&self, key: ChainKey) {
        let _ = self.chain_key.set(Arc::new(key));
    }

    fn chain_key(&self) -> Option<&ChainKey> {
        self.chain_key.get().map(|key| &**key)
    }

    /// Whether an entry is what was written, behind `before`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check_audit(&self, entry: &ChainEntry, before: &ChainPlace) -> std::result::Result<(), ChainFault> {
        entry.check(before, self.chain_key())
    }

    /// Appends an entry to the chain. Entries of the same moment are written together.
    ///
    /// # Errors
    /// [`CatalogError::Map`].
    pub async fn append_audit(&self, entry: Bytes) -> Result<Sequence> {
        let batch = Batch { expectations: Vec::new(), edits: vec![Edit::chain(entry)] };
        Ok(self.map.apply(batch).await?)
    }

    /// The last entry that was trimmed, and the last there is.
    ///
    /// # Errors
    /// [`CatalogError::Damaged`], [`CatalogError::Map`].
    pub async fn audit_ends(&self) -> Result<(ChainPlace, ChainPlace)> {
        let ((anchor, _), head) = self.read_audit_ends().await?;
        Ok((anchor, head))
    }

    /// The last entry that was trimmed, whether this lake says so, and the last there is.
    async fn read_audit_ends(&self) -> Result<((ChainPlace, bool), ChainPlace)> {
        let [anchor, head] = self.get([chain::ANCHOR, chain::HEAD].map(|key| (Family::Audit, key.to_vec()))).await?;
        let anchor = ChainPlace::read_anchor(anchor.as_deref(), self.chain_key()).ok_or_else(|| damaged("anchor"))?;
        Ok((anchor, ChainPlace::read(head.as_deref()).ok_or_else(|| damaged("head"))?))
    }

    /// Entries behind the one of the number `after`, `limit` at the most. A row that is no entry ends them: it is for
    /// [`Catalog::verify_audit`] to name.
    ///
    /// # Errors
    /// [`CatalogError::Map`].
    pub async fn audit(&self, after: u64, limit: usize) -> Result<Vec<ChainEntry>> {
        let (from, until) = (chain::key(after.saturating_add(1)), chain::ANCHOR.to_vec());
        if limit == 0 {
            return Ok(Vec::new());
        }
        let rows = gather(&*self.map, Family::Audit, from, until, Vec::new(), move |rows, key, row| {
            let Some(entry) = ChainEntry::read(key, row) else { return Step::Stop };
            rows.push(entry);
            if rows.len() < limit { Step::Next } else { Step::Stop }
        });
        Ok(rows.await?)
    }

    /// Whether there is a row for the entry of a number, whatever stands in it.
    async fn has_audit_row(&self, number: u64) -> Result<bool> {
        let [row] = self.get([(Family::Audit, chain::key(number))]).await?;
        Ok(row.is_some())
    }

    /// Verifies at most `limit` entries behind `from`: a place that was verified before, or the anchor where none is given.
    ///
    /// # Errors
    /// [`CatalogError::Damaged`], [`CatalogError::Map`].
    pub async fn verify_audit(&self, from: Option<ChainPlace>, limit: usize) -> Result<ChainVerified> {
        let verified = self.verify_audit_once(from, limit).await?;
        // What was trimmed while it was looked at is not missing.
        let is_trimmed = verified.fault.is_some() && self.audit_ends().await?.0.number > verified.until.number;
        if is_trimmed { self.verify_audit_once(None, limit).await } else { Ok(verified) }
    }

    async fn verify_audit_once(&self, from: Option<ChainPlace>, limit: usize) -> Result<ChainVerified> {
        let ((anchor, is_vouched), head) = self.read_audit_ends().await?;
        if !is_vouched {
            let fault = Some(ChainFault::Anchor(anchor.number));
            return Ok(ChainVerified { until: ChainPlace::default(), fault, is_end: false });
        }
        let mut until = from.filter(|from| from.number >= anchor.number).unwrap_or(anchor);
        let entries = self.audit(until.number, limit).await?;
        let read = entries.len();
        for entry in entries {
            if let Err(fault) = self.check_audit(&entry, &until) {
                return Ok(ChainVerified { until, fault: Some(fault), is_end: false });
            }
            until = entry.place(&until);
        }
        // What was appended since the head was read is as long as it is.
        let is_end = read < limit;
        let fault = match is_end {
            true if until.number < head.number => {
                let next = until.number + 1;
                Some(if self.has_audit_row(next).await? {
                    ChainFault::Malformed(next)
                } else {
                    ChainFault::Missing(next)
                })
            }
            true if read == 0 && until.number > head.number => Some(ChainFault::Missing(until.number)),
            true if self.audit_ends().await?.1.number < until.number => Some(ChainFault::Head(head.number)),
            true if until.number == head.number && until.hash != head.hash => Some(ChainFault::Head(head.number)),
            _ => None,
        };
        Ok(ChainVerified { until, fault, is_end })
    }

    /// Takes away all entries up to and with the one at `to`. The chain goes on to be verified from there, and `entry` says
    /// in the chain itself what was trimmed.
    ///
    /// # Errors
    /// [`CatalogError::Contended`] where somebody trimmed meanwhile; [`CatalogError::Map`].
    pub async fn trim_audit(&self, anchor: ChainPlace, to: ChainPlace, entry: Bytes) -> Result<()> {
        let key = chain::ANCHOR.to_vec();
        let expectation = match anchor.number {
            0 => Expectation::Absent(Family::Audit, key.clone()),
            _ => Expectation::Equals(Family::Audit, key.clone(), anchor.anchor_row(self.chain_key())),
        };
        let (from, until) = (chain::key(anchor.number + 1), chain::key(to.number + 1));
        let edits = vec![
            Edit::DeleteRange(Family::Audit, from, until),
            Edit::Put(Family::Audit, key, to.anchor_row(self.chain_key())),
            Edit::chain(entry),
        ];
        match self.map.apply(Batch { expectations: vec![expectation], edits }).await {
            Ok(_) => Ok(()),
            Err(KeyValueError::Conflict { .. }) => Err(CatalogError::Contended),
            Err(error) => Err(error.into()),
        }
    }
}

fn damaged(what: &str) -> CatalogError {
    CatalogError::Damaged { what: format!("the {what} of `audit` is none") }
}

#[cfg(test)]
mod tests {
    use kernel::{Entropy, Timestamp};

    use super::*;
    use crate::key_value::KeyValue;
    use crate::memory::MemoryMap;

    struct Zeros;
    impl Entropy for Zeros {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(0);
        }
    }

    async fn catalog_of(entries: usize) -> (Arc<MemoryMap>, Catalog) {
        let map = Arc::new(MemoryMap::new());
        let shared: Arc<dyn KeyValue> = Arc::clone(&map) as Arc<dyn KeyValue>;
        let catalog = Catalog::open(shared, &Zeros, Timestamp::default()).await.expect("opened");
        for number in 1..=entries {
            catalog.append_audit(format!("entry {number}").into()).await.expect("appended");
        }
        (map, catalog)
    }

    fn key() -> ChainKey {
        ChainKey::new(&[7; 32])
    }

    async fn edit(map: &MemoryMap, edit: Edit) {
        map.apply(Batch { expectations: Vec::new(), edits: vec![edit] }).await.expect("edited");
    }

    #[tokio::test]
    async fn a_chain_is_verified_in_pieces() {
        let (_, catalog) = catalog_of(25).await;
        let mut until = None;
        let mut pieces = 0;
        loop {
            let verified = catalog.verify_audit(until, 10).await.expect("read");
            assert_eq!(verified.fault, None);
            until = Some(verified.until);
            pieces += 1;
            if verified.is_end {
                break;
            }
        }
        assert_eq!((pieces, until.map(|place| place.number)), (3, Some(25)));
        let (_, cut) = catalog_of(24).await;
        let verified = cut.verify_audit(until, 10).await.expect("read");
        assert_eq!(verified.fault, Some(ChainFault::Missing(25)), "whoever noted the end sees that it is gone");
    }

    #[tokio::test]
    async fn whatever_is_done_to_a_row_is_found_and_named() {
        let entries = catalog_of(9).await.1.audit(0, 100).await.expect("read");
        let row = |number: usize| -> Bytes {
            let entry = &entries[number - 1];
            let sequence = entry.sequence.to_bits().to_be_bytes();
            [&sequence[..], &entry.before, &entry.hash, &entry.mac, &entry.entry].concat().into()
        };
        let flipped = |at: usize| {
            let mut bytes = row(5).to_vec();
            bytes[at] ^= 1;
            Edit::Put(Family::Audit, chain::key(5), bytes.into())
        };
        let last = ChainPlace { number: 8, hash: entries[7].hash, bytes: 64 };
        for (tampering, fault) in [
            (flipped(0), ChainFault::Changed(5)),
            (flipped(9), ChainFault::Changed(5)),
            (flipped(41), ChainFault::Changed(5)),
            (flipped(107), ChainFault::Changed(5)),
            (Edit::Put(Family::Audit, chain::key(5), Bytes::from_static(b"short")), ChainFault::Malformed(5)),
            (Edit::Put(Family::Audit, chain::key(5), row(6)), ChainFault::Changed(5)),
            (Edit::Delete(Family::Audit, chain::key(5)), ChainFault::Missing(5)),
            (Edit::Delete(Family::Audit, chain::key(9)), ChainFault::Missing(9)),
            // The next entry would take the place of one that is there.
            (Edit::Put(Family::Audit, chain::HEAD.into(), last.row()), ChainFault::Head(8)),
        ] {
            let (map, catalog) = catalog_of(9).await;
            edit(&map, tampering.clone()).await;
            let verified = catalog.verify_audit(None, 100).await.expect("read");
            assert_eq!(verified.fault, Some(fault), "{tampering:?}");
        }
    }

    #[tokio::test]
    async fn a_trimmed_chain_is_verified_from_its_anchor() {
        let (map, catalog) = catalog_of(9).await;
        let (anchor, _) = catalog.audit_ends().await.expect("read");
        let entries = catalog.audit(0, 4).await.expect("read");
        let to = entries.iter().fold(anchor, |place, entry| entry.place(&place));
        catalog.trim_audit(anchor, to, Bytes::from_static(b"trimmed")).await.expect("trimmed");
        assert!(matches!(catalog.trim_audit(anchor, to, Bytes::new()).await, Err(CatalogError::Contended)));
        assert_eq!(
            catalog.audit(0, 100).await.expect("read").iter().map(|entry| entry.number).collect::<Vec<_>>(),
            [5, 6, 7, 8, 9, 10]
        );
        let verified = catalog.verify_audit(None, 100).await.expect("read");
        assert_eq!((verified.fault, verified.until.number), (None, 10));
        let forged = ChainPlace { hash: [1; 32], ..to }.anchor_row(None);
        edit(&map, Edit::Put(Family::Audit, chain::ANCHOR.into(), forged)).await;
        let verified = catalog.verify_audit(None, 100).await.expect("read");
        assert_eq!(verified.fault, Some(ChainFault::Unlinked(5)));
    }

    #[tokio::test]
    async fn nobody_makes_entries_without_the_key() {
        let (map, catalog) = catalog_of(0).await;
        catalog.authenticate_audit(key());
        for number in 1..=9 {
            catalog.append_audit(format!("entry {number}").into()).await.expect("appended");
        }
        assert_eq!(catalog.verify_audit(None, 100).await.expect("read").fault, None);
        let (anchor, head) = catalog.audit_ends().await.expect("read");
        let entries = catalog.audit(0, 100).await.expect("read");
        // All of it made anew from the fifth on, linked as it should be; by somebody with another key, and by one with none.
        for forger in [Some(ChainKey::new(&[8; 32])), None] {
            let mut place = entries[..4].iter().fold(anchor, |place, entry| entry.place(&place));
            for entry in &entries[4..] {
                let [(row, value), _] =
                    chain::link(Some(&place.row()), entry.sequence, ("forged".into(), forger.as_ref()))
                        .expect("linked");
                let made = ChainEntry::read(&row, &value).expect("an entry");
                made.check(&place, None).expect("its hashes are as they should be");
                place = made.place(&place);
                edit(&map, Edit::Put(Family::Audit, row, value)).await;
            }
            edit(&map, Edit::Put(Family::Audit, chain::HEAD.into(), place.row())).await;
            let verified = catalog.verify_audit(None, 100).await.expect("read");
            assert_eq!((verified.fault, verified.until.number), (Some(ChainFault::Unvouched(5)), 4));
        }
        // What only cuts the end off shows to whoever noted a place, key or not.
        for number in 5..=9 {
            edit(&map, Edit::Delete(Family::Audit, chain::key(number))).await;
        }
        let last = entries[..4].iter().fold(anchor, |place, entry| entry.place(&place));
        edit(&map, Edit::Put(Family::Audit, chain::HEAD.into(), last.row())).await;
        assert_eq!(catalog.verify_audit(None, 100).await.expect("read").fault, None);
        let noted = catalog.verify_audit(Some(head), 100).await.expect("read");
        assert_eq!(noted.fault, Some(ChainFault::Missing(9)));
        // Nor does anybody trim.
        edit(&map, Edit::DeleteRange(Family::Audit, chain::key(1), chain::key(4))).await;
        let to = entries[..3].iter().fold(anchor, |place, entry| entry.place(&place));
        for row in [to.anchor_row(None), to.anchor_row(Some(&ChainKey::new(&[8; 32])))] {
            edit(&map, Edit::Put(Family::Audit, chain::ANCHOR.into(), row)).await;
            assert_eq!(catalog.verify_audit(None, 100).await.expect("read").fault, Some(ChainFault::Anchor(3)));
        }
        edit(&map, Edit::Put(Family::Audit, chain::ANCHOR.into(), to.anchor_row(Some(&key())))).await;
        assert_eq!(catalog.verify_audit(None, 100).await.expect("read").fault, None);
    }
}
