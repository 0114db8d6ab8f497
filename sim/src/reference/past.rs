//! The past: whole buckets as they once were, kept beside those of now.

use std::collections::BTreeMap;
use std::sync::Arc;

use engine::{AsOf, GetObject};
use kernel::{BucketName, ObjectKey, Sequence, Versioning};

use super::{Bucket, Reference, Result, Version};
use crate::operation::Refusal;

/// Moments that are remembered; every so often one gives way to the next.
const MOMENTS_MAX: usize = 12;

/// The buckets of a lake right after a change.
#[derive(Debug, Clone)]
pub struct Moment {
    /// The change.
    pub at: Sequence,
    buckets: Arc<BTreeMap<BucketName, Bucket>>,
}

impl Reference {
    /// Remembers how things are right after change `at`, the last one.
    pub fn remember(&mut self, at: Sequence) {
        if self.moments.len() >= MOMENTS_MAX {
            self.moments.remove(self.changes as usize % MOMENTS_MAX);
        }
        self.moments.push(Moment { at, buckets: Arc::new(self.buckets.clone()) });
    }

    /// A bucket as it was, where it kept versions then and is the same bucket still.
    pub(super) fn bucket_as_of(&self, name: &BucketName, as_of: AsOf) -> Result<&Bucket> {
        let now = self.bucket_to_read(name)?;
        let moment = self.moments.iter().find(|moment| AsOf::Sequence(moment.at) == as_of);
        let then = moment.and_then(|moment| moment.buckets.get(name));
        then.filter(|then| then.made == now.made && then.versioning != Versioning::Unversioned)
            .ok_or(Refusal::Senseless)
    }

    /// The object that a read finds, in the bucket as it is or as it was.
    pub(super) fn found(&self, get: &GetObject) -> Result<&Version> {
        let now = self.bucket_to_read(&get.bucket)?;
        match (get.as_of, get.version) {
            (None, version) => now.find(&get.key, version),
            (Some(_), Some(_)) => Err(Refusal::Senseless),
            (Some(as_of), None) => {
                let then = self.bucket_as_of(&get.bucket, as_of)?.find(&get.key, None)?;
                now.still_has(&get.key, then).ok_or(Refusal::Removed)
            }
        }
    }
}

impl Bucket {
    /// A version of the past as it is now, unless it was removed for good.
    pub(super) fn still_has(&self, key: &ObjectKey, then: &Version) -> Option<&Version> {
        self.keys.get(key)?.iter().find(|version| version.made == then.made)
    }
}
