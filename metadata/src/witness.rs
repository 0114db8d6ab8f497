//! Who watches what is changed, and adds to the batch of a change what the chain is to say of it.
//!
//! Whoever asks for something is watched as a whole ([`witnessed`]): every batch that is applied meanwhile, by whatever
//! operation, is shown to the witness, and what the witness says goes into the same batch. So a change and its entry in
//! the chain take effect together or not at all, and an operation cannot forget its entry.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use kernel::Sequence;

use crate::catalog::DocumentKind;
use crate::chain::{ChainHash, ChainKey, sha256};
use crate::key_value::{Batch, Edit, Expectation, Family, KeyValue, KeyValueError, Visit};

/// Somebody who watches.
pub trait Witness: Send + Sync {
    /// What the chain is to say of this batch; none where there is nothing to say. Asked again where a batch is made anew
    /// because others came first.
    fn entry(&self, batch: &Batch) -> Option<Bytes>;
    /// What it said stands in the chain.
    fn kept(&self);
}

tokio::task_local! {
    static WITNESS: Arc<dyn Witness>;
}

/// Does something while somebody watches. A watch within a watch takes its place as long as it lasts.
pub fn witnessed<F: Future>(witness: Arc<dyn Witness>, work: F) -> impl Future<Output = F::Output> {
    WITNESS.scope(witness, work)
}

/// What a batch does to a document or a setting, in digests: texts may hold what is nobody's business.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedRow {
    /// `documents/KIND/NAME`, or `settings/BUCKET ID/SETTING`.
    pub row: String,
    /// SHA-256 of what it was, where the batch rests on that.
    pub before: Option<ChainHash>,
    /// SHA-256 of what it is from now on; none for gone.
    pub after: Option<ChainHash>,
}

impl Batch {
    /// The documents and settings that it changes, `max` at the most.
    pub fn changed_rows(&self, max: usize) -> Vec<ChangedRow> {
        let named = |edit: &'_ Edit| match edit {
            Edit::Put(family, key, value) => Some((row_name(*family, key)?, *family, key.clone(), Some(sha256(value)))),
            Edit::Delete(family, key) => Some((row_name(*family, key)?, *family, key.clone(), None)),
            _ => None,
        };
        let changed = self.edits.iter().filter_map(named).take(max);
        changed
            .map(|(row, family, key, after)| ChangedRow { row, before: self.rests_on(family, &key), after })
            .collect()
    }

    /// SHA-256 of what a row is expected to be.
    fn rests_on(&self, family: Family, key: &[u8]) -> Option<ChainHash> {
        self.expectations.iter().find_map(|expectation| match expectation {
            Expectation::Equals(of, place, value) if *of == family && place == key => Some(sha256(value)),
            _ => None,
        })
    }
}

/// What people call the row of a document or a setting; none for any other row.
fn row_name(family: Family, key: &[u8]) -> Option<String> {
    match family {
        Family::Documents => {
            let (kind, name) = key.split_first()?;
            Some(format!("documents/{}/{}", DocumentKind(*kind), String::from_utf8_lossy(name)))
        }
        Family::Settings => {
            let (bucket, setting) = key.split_first_chunk::<8>()?;
            Some(format!("settings/{}/{}", u64::from_be_bytes(*bucket), setting.first()?))
        }
        _ => None,
    }
}

/// A map that shows every batch to whoever watches, and gives entries the key they are authenticated with.
pub(crate) struct Watched {
    map: Arc<dyn KeyValue>,
    key: Arc<OnceLock<Arc<ChainKey>>>,
}

impl Watched {
    pub(crate) fn new(map: Arc<dyn KeyValue>, key: Arc<OnceLock<Arc<ChainKey>>>) -> Self {
        Self { map, key }
    }
}

impl KeyValue for Watched {
    fn get(&self, keys: Vec<(Family, Vec<u8>)>) -> BoxFuture<'_, Result<Vec<Option<Bytes>>, KeyValueError>> {
        self.map.get(keys)
    }

    fn scan(
        &self,
        family: Family,
        from: Vec<u8>,
        until: Vec<u8>,
        visit: Visit,
    ) -> BoxFuture<'_, Result<(), KeyValueError>> {
        self.map.scan(family, from, until, visit)
    }

    fn apply(&self, mut batch: Batch) -> BoxFuture<'_, Result<Sequence, KeyValueError>> {
        let said = WITNESS.try_with(|witness| Some((witness.entry(&batch)?, Arc::clone(witness)))).ok().flatten();
        let (entry, witness) = said.unzip();
        batch.edits.extend(entry.map(Edit::chain));
        for edit in &mut batch.edits {
            if let Edit::Chain { key, .. } = edit {
                *key = self.key.get().cloned();
            }
        }
        let applied = self.map.apply(batch);
        let Some(witness) = witness else { return applied };
        async move {
            let sequence = applied.await?;
            witness.kept();
            Ok(sequence)
        }
        .boxed()
    }

    fn durable(&self) -> Sequence {
        self.map.durable()
    }
}
