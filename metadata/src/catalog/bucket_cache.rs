//! Buckets in memory. Every request asks for one, and few ever change.
//!
//! A write that was decided on an old bucket fails by its expectation, but a read has none: so what lies here is never
//! older than the last acknowledged change. While a bucket is being changed it is not kept, and whoever read it before
//! the change began may not put it here afterwards.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use kernel::BucketName;

use super::request::Bucket;

/// Buckets kept at the most; then the cache starts over. With as many changes under way nothing is kept any more.
const BUCKETS_MAX: usize = 10_000;

#[derive(Default)]
struct State {
    /// Rises with every change that begins.
    generation: u64,
    kept: HashMap<BucketName, Arc<Bucket>>,
    /// Changes under way. One whose caller went away stays for good: nobody knows when it takes effect.
    changing: HashMap<BucketName, usize>,
}

#[derive(Default)]
pub(super) struct BucketCache(RwLock<State>);

impl BucketCache {
    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The bucket; else the generation to hand in with what is read instead.
    pub(super) fn get(&self, name: &BucketName) -> Result<Arc<Bucket>, u64> {
        let state = self.read();
        state.kept.get(name).cloned().ok_or(state.generation)
    }

    /// Keeps a bucket that was read after `generation` was given, unless a change has begun since.
    pub(super) fn keep(&self, bucket: &Arc<Bucket>, generation: u64) {
        let mut state = self.write();
        let may_change = state.changing.len() >= BUCKETS_MAX || state.changing.contains_key(&bucket.name);
        if state.generation == generation && !may_change {
            if state.kept.len() >= BUCKETS_MAX {
                state.kept.clear();
            }
            state.kept.insert(bucket.name.clone(), Arc::clone(bucket));
        }
    }

    /// A change of the bucket begins.
    pub(super) fn begin(&self, name: &BucketName) {
        let mut state = self.write();
        state.generation += 1;
        state.kept.remove(name);
        if state.changing.len() < BUCKETS_MAX || state.changing.contains_key(name) {
            *state.changing.entry(name.clone()).or_default() += 1;
        }
    }

    /// A change that began has taken effect, or will not.
    pub(super) fn end(&self, name: &BucketName) {
        let mut state = self.write();
        if let Some(count) = state.changing.get_mut(name) {
            *count -= 1;
            if *count == 0 {
                state.changing.remove(name);
            }
        }
    }

    /// The bucket turned out to be other than it was read.
    pub(super) fn forget(&self, name: &BucketName) {
        let mut state = self.write();
        state.generation += 1;
        state.kept.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use kernel::{BucketId, Region, Sequence, Tags, Timestamp, Versioning};

    use super::*;

    fn bucket() -> Arc<Bucket> {
        Arc::new(Bucket {
            owner: kernel::AccountId::HOME,
            id: BucketId(1),
            name: BucketName::new("abc").expect("a valid name"),
            region: Region::new("here").expect("a valid region"),
            created: Timestamp::default(),
            versioning: Versioning::Unversioned,
            versioned_since: None,
            tags: Tags::default(),
            settings: Arc::default(),
            revision: Sequence::ZERO,
            row: bytes::Bytes::new(),
        })
    }

    #[test]
    fn what_was_read_before_a_change_is_not_kept_after_it() {
        let (cache, bucket) = (BucketCache::default(), bucket());
        let before = cache.get(&bucket.name).expect_err("nothing is kept yet");
        cache.begin(&bucket.name);
        let during = cache.get(&bucket.name).expect_err("nothing is kept yet");
        cache.keep(&bucket, during);
        cache.end(&bucket.name);
        cache.keep(&bucket, before);
        let after = cache.get(&bucket.name).expect_err("neither was kept");
        cache.keep(&bucket, after);
        assert_eq!(cache.get(&bucket.name), Ok(bucket));
    }

    #[test]
    fn a_change_whose_caller_went_away_keeps_the_bucket_out() {
        let (cache, bucket) = (BucketCache::default(), bucket());
        cache.begin(&bucket.name);
        cache.begin(&bucket.name);
        cache.end(&bucket.name);
        let after = cache.get(&bucket.name).expect_err("a change is still under way");
        cache.keep(&bucket, after);
        assert_eq!(cache.get(&bucket.name), Err(after));
    }
}
