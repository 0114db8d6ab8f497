//! How much buckets hold, and how much they may.
//!
//! What decides is the batch of a write: it expects the counters of its bucket to leave room, so no number of writers
//! together goes beyond a quota. The look at the counters before a body is taken in only spares the way.

use kernel::settings::{Counted, QuotaExceeded};
use kernel::{BucketName, Caller, ObjectKey, Version, VersionName, Versioning};
use metadata::{Bucket, BucketCounters};
use policy::{Action, Permit};

use crate::bucket::info;
use crate::facts::BucketFacts;
use crate::{BucketUsage, Engine, Result};

fn usage(bucket: &Bucket, counters: BucketCounters) -> BucketUsage {
    let BucketCounters { objects, versions, bytes } = counters;
    BucketUsage { bucket: info(bucket), objects, versions, bytes, quota: bucket.settings.quota }
}

impl Engine {
    /// What a bucket holds, and how much it may.
    ///
    /// # Errors
    /// `NotFound`, `Denied`.
    pub async fn bucket_quota(&self, caller: &Caller, name: &BucketName) -> Result<BucketUsage> {
        let facts = self.bucket_facts(name).await?;
        self.permit(caller, Action::GetBucketQuota, &facts, None)?;
        Ok(usage(&facts, self.catalog.counters(facts.id).await?))
    }

    /// At most `limit` buckets after a name, by name, with what they hold; and whether more follow.
    ///
    /// # Errors
    /// `Denied`.
    pub async fn list_bucket_usage(
        &self,
        caller: &Caller,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<BucketUsage>, bool)> {
        self.permit_lake(caller, Action::ListBucketUsage)?;
        let (buckets, truncated) = self.catalog.buckets(prefix, after, limit).await?;
        let ids: Vec<_> = buckets.iter().map(|bucket| bucket.id).collect();
        let counters = self.catalog.counters_of(&ids).await?;
        let usages = buckets.iter().zip(counters).map(|(bucket, counters)| usage(bucket, counters));
        Ok((usages.collect(), truncated))
    }

    /// Refuses early what the commit would refuse anyway, before a body of `bytes` is taken in for `key`: a whole object,
    /// or with `objects` 0 a part, which is none by itself.
    pub(crate) async fn expect_room(
        &self,
        _permit: &Permit,
        facts: &BucketFacts,
        key: &ObjectKey,
        bytes: u64,
        objects: u64,
    ) -> Result<()> {
        let Some(quota) = facts.settings.quota else { return Ok(()) };
        let counters = self.catalog.counters(facts.id).await?;
        let lacking = |of: Counted, plus: u64| {
            let (max, used) = (quota.bound(of)?, counters.counted(of));
            (plus > 0 && used.saturating_add(plus) > max).then_some(QuotaExceeded { of, max, used, plus })
        };
        let room = |bytes, objects| lacking(Counted::Bytes, bytes).or_else(|| lacking(Counted::Objects, objects));
        if room(bytes, objects).is_none() {
            return Ok(());
        }
        // Nearly full: now it matters what the write takes the place of.
        let replaced = match facts.versioning {
            Versioning::Enabled => None,
            Versioning::Unversioned | Versioning::Suspended => {
                self.catalog.version(facts.id, key, Some(VersionName::Null)).await?
            }
        };
        let replaced = replaced.as_ref().and_then(Version::object).map_or(0, |object| object.bytes);
        let current = self.catalog.version(facts.id, key, None).await?;
        let covered = u64::from(current.as_ref().and_then(Version::object).is_some());
        let lacking = room(bytes.saturating_sub(replaced), objects.saturating_sub(covered));
        lacking.map_or(Ok(()), |exceeded| Err(exceeded.into()))
    }
}
