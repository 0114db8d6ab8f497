//! Who waits for whom in this process. The locks save retries; what is right is decided by the expectations of a batch,
//! because a change may still be on its way when whoever asked for it has gone and the lock with them.
//!
//! A key's lock is taken after an upload's, and so is a part's; nobody holds two of one kind, so nobody waits in a ring.

use std::hash::{DefaultHasher, Hash, Hasher};

use kernel::{BucketId, ObjectKey, UploadId};
use tokio::sync::{Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Locks of each kind. Two things that share one wait for each other without need.
const STRIPES: usize = 1024;

pub(super) struct Locks {
    creation: Mutex<()>,
    keys: Box<[Mutex<()>]>,
    uploads: Box<[RwLock<()>]>,
    parts: Box<[Mutex<()>]>,
}

fn stripe(of: impl Hash) -> usize {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    (hasher.finish() % STRIPES as u64) as usize
}

impl Locks {
    pub(super) fn new() -> Self {
        Self {
            creation: Mutex::default(),
            keys: (0..STRIPES).map(|_| Mutex::default()).collect(),
            uploads: (0..STRIPES).map(|_| RwLock::default()).collect(),
            parts: (0..STRIPES).map(|_| Mutex::default()).collect(),
        }
    }

    /// Held while a bucket is made: every one takes the next id.
    pub(super) async fn creation(&self) -> MutexGuard<'_, ()> {
        self.creation.lock().await
    }

    /// Held while a key's versions change.
    pub(super) async fn key(&self, bucket: BucketId, key: &ObjectKey) -> MutexGuard<'_, ()> {
        self.keys[stripe((bucket, key))].lock().await
    }

    /// Held while an upload ends.
    pub(super) async fn upload(&self, id: UploadId) -> RwLockWriteGuard<'_, ()> {
        self.uploads[stripe(id)].write().await
    }

    /// Held while a part is written: the upload stays, and other parts may be written beside it.
    pub(super) async fn part(&self, upload: UploadId, number: u16) -> (RwLockReadGuard<'_, ()>, MutexGuard<'_, ()>) {
        let upload_stays = self.uploads[stripe(upload)].read().await;
        (upload_stays, self.parts[stripe((upload, number))].lock().await)
    }
}
