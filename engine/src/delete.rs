//! Deleting: a key, which in a versioned bucket writes a marker, or one version for good.

use futures::stream::{self, StreamExt};
use kernel::{Caller, Release, VersionId};
use metadata::Deletion;
use policy::{Action, Permit};

use crate::bucket_policy::ruled_out_by;
use crate::facts::BucketFacts;
use crate::leave::{Ask, Sought};
use crate::{DeleteObject, Deleted, Engine, Error, Result};

/// Deletions of one request that are under way at a time; the commit thread groups them.
const CONCURRENT_MAX: usize = 64;

impl Engine {
    /// Deletes a key or a version. What is not there is deleted already: that succeeds.
    ///
    /// # Errors
    /// `Locked` where the version is, `Precondition`, `NotFound` (bucket), `Denied`.
    pub async fn delete_object(&self, caller: &Caller, delete: DeleteObject) -> Result<Deleted> {
        let action = if delete.version.is_some() { Action::DeleteObjectVersion } else { Action::DeleteObject };
        let facts = self.bucket_facts(&delete.bucket).await?;
        let sought = Sought::now(&delete.key, delete.version);
        let permit = self.permit_whether_found(caller, Ask::bucket(action, &facts), &facts, sought).await?;
        if !delete.condition.is_none() {
            // Whether the condition holds is seen when it is deleted; here only that it tells nothing of what is closed.
            let current = self.catalog.version(facts.id, &delete.key, None).await?;
            self.expect_open(caller, &facts, (&delete.key, &delete.condition), current.as_ref())?;
        }
        let mut done = self.remove(&permit, facts.clone(), &delete, false).await;
        if let Err(Error::Locked(lock)) = done
            && delete.bypass_governance
        {
            let ask = Ask::bucket(Action::BypassGovernanceRetention, &facts);
            done = match self.permit_bypass(caller, ask, &facts, (sought, lock)).await {
                Ok(()) => self.remove(&permit, facts.clone(), &delete, true).await,
                Err(refused) => Err(refused),
            };
        }
        if let Err(Error::Locked(lock)) = done {
            // Only the audit is told so: the answer names the lock.
            drop(ruled_out_by(caller, &Ask::bucket(action, &facts).of(sought, None), lock.to_string().into()));
        }
        done
    }

    async fn remove(
        &self,
        permit: &Permit,
        facts: BucketFacts,
        delete: &DeleteObject,
        bypass_governance: bool,
    ) -> Result<Deleted> {
        let by = &permit.caller().to_string();
        let remove = |facts: BucketFacts| async move {
            let deletion = Deletion {
                key: &delete.key,
                name: delete.version,
                marker: VersionId::random(&*self.entropy),
                now: self.clock.now(),
                condition: &delete.condition,
                unseen: self.unseen(permit.caller(), &facts, !delete.condition.is_none()),
                release: Release { at: self.time.opening(), bypass_governance },
                by,
            };
            self.catalog.delete(&facts, deletion).await
        };
        let (done, facts) = self.change(permit, facts, remove).await?;
        let version = done.name.filter(|_| facts.versioned() || delete.version.is_some());
        Ok(Deleted { version, is_marker: done.is_marker, sequence: done.sequence })
    }

    /// Deletes many, each for itself; the answers are in the order of the questions.
    pub async fn delete_objects(&self, caller: &Caller, deletes: Vec<DeleteObject>) -> Vec<Result<Deleted>> {
        let each = deletes.into_iter().map(|delete| {
            let attempt = self.attempt();
            async move { self.attend_one(&attempt, caller, self.delete_object(caller, delete)).await }
        });
        stream::iter(each).buffered(CONCURRENT_MAX).collect().await
    }
}
