//! Which blobs this process is using. The sweep leaves them alone.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kernel::BlobId;

/// All leases of a process.
#[derive(Debug, Default)]
pub(crate) struct Leases {
    counts: Mutex<HashMap<BlobId, usize>>,
}

impl Leases {
    pub(crate) fn take(self: &Arc<Self>, blobs: impl IntoIterator<Item = BlobId>) -> Lease {
        let mut lease = Lease { leases: Arc::clone(self), blobs: Vec::new() };
        blobs.into_iter().for_each(|blob| lease.add(blob));
        lease
    }

    pub(crate) fn holds(&self, blob: BlobId) -> bool {
        self.counts().contains_key(&blob)
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<BlobId, usize>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps blobs from being removed by this process for as long as it lives.
#[derive(Debug)]
#[must_use = "dropping a lease ends it"]
pub struct Lease {
    leases: Arc<Leases>,
    blobs: Vec<BlobId>,
}

impl Lease {
    /// Another lease of the same blobs.
    pub(crate) fn again(&self) -> Self {
        self.leases.take(self.blobs.iter().copied())
    }

    pub(crate) fn add(&mut self, blob: BlobId) {
        *self.leases.counts().entry(blob).or_insert(0) += 1;
        self.blobs.push(blob);
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut counts = self.leases.counts();
        for blob in &self.blobs {
            if let Some(count) = counts.get_mut(blob) {
                *count -= 1;
                if *count == 0 {
                    counts.remove(blob);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blob_is_free_when_its_last_lease_ends() {
        let (one, two) = (BlobId::from_bytes([1; 16]), BlobId::from_bytes([2; 16]));
        let leases = Arc::new(Leases::default());
        let first = leases.take([one, two]);
        let second = leases.take([one, one]);
        let again = first.again();
        drop(first);
        assert!(leases.holds(one) && leases.holds(two));
        drop(again);
        assert!(leases.holds(one) && !leases.holds(two));
        drop(second);
        assert!(!leases.holds(one));
    }
}
