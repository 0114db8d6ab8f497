//! Buckets: made, listed, set up and removed.

use kernel::settings::BucketSettings;
use kernel::{AccountId, BucketName, Caller, ObjectLock, PublicAccessBlock, Region, Sequence, Tags, Versioning};
use metadata::{Bucket, NewBucket};
use policy::{Action, BucketView, Permit};

use crate::acl;
use crate::embargo::written::{classifying, expect_no_end};
use crate::facts::BucketFacts;
use crate::leave::Ask;
use crate::{BucketInfo, CreateBucket, Engine, Error, Existing, Missing, Result};

pub(crate) fn info(bucket: &Bucket) -> BucketInfo {
    BucketInfo {
        name: bucket.name.clone(),
        created: bucket.created,
        region: bucket.region.clone(),
        versioning: bucket.versioning,
        tags: bucket.tags.clone(),
    }
}

impl Engine {
    /// Makes a bucket. Versioning starts out unversioned, unless it locks objects. Whoever gives it tags, an ownership, a
    /// lock or a list that lets others in needs leave for these too.
    ///
    /// # Errors
    /// `AlreadyExists` when the name is taken, by the caller's account or by another; `Denied`.
    pub async fn create_bucket(&self, caller: &Caller, create: CreateBucket) -> Result<BucketInfo> {
        let CreateBucket { name, tags, ownership, acl, locks_objects } = create;
        let owner = caller.account().unwrap_or(AccountId::HOME);
        let said = ownership;
        let ownership = said.or(self.settings.ownership_default);
        let acl = acl::of_new_bucket(acl.as_ref(), ownership, owner)?;
        expect_no_end(&tags)?;
        let needed = [
            Some(Action::CreateBucket),
            Some(Action::PutBucketTagging).filter(|_| !tags.is_empty()),
            Some(Action::ClassifyBucket).filter(|_| !classifying(&tags).is_empty()),
            said.map(|_| Action::PutBucketOwnershipControls),
            locks_objects.then_some(Action::PutBucketObjectLockConfiguration),
            locks_objects.then_some(Action::PutBucketVersioning),
            acl.as_ref().map(|_| Action::PutBucketAcl),
        ];
        for action in needed.into_iter().flatten() {
            self.permit_new(caller, action, &name, &tags)?;
        }
        let new = NewBucket {
            name: &name,
            owner,
            region: &self.region,
            tags,
            settings: BucketSettings {
                ownership,
                acl: acl.clone(),
                object_lock: locks_objects.then(ObjectLock::default),
                ..BucketSettings::default()
            },
            now: self.clock.now(),
            by: &caller.to_string(),
        };
        match self.catalog.create_bucket(new).await.map_err(Error::from) {
            Err(Error::AlreadyExists(Existing::OwnBucket)) => {
                // What has been removed meanwhile was somebody's a moment ago. One with another list is not what was
                // asked for, and making a bucket again changes no list.
                let is_it = |known: &Bucket| known.owner == owner && known.settings.acl == acl;
                let is_own = self.catalog.bucket(&name).await?.is_none_or(|known| is_it(&known));
                Err(Error::AlreadyExists(if is_own { Existing::OwnBucket } else { Existing::Bucket }))
            }
            made => Ok(info(&*made?)),
        }
    }

    /// Asks for leave to do something with a bucket that is yet to be made.
    fn permit_new(&self, caller: &Caller, action: Action, name: &BucketName, tags: &Tags) -> Result<Permit> {
        let bucket = BucketView {
            name,
            owner: caller.account().unwrap_or(AccountId::HOME),
            owns_objects: true,
            created: self.clock.now(),
            tags,
            versioning: "Unversioned",
            locks: false,
            block: PublicAccessBlock::default(),
            revision: Sequence::ZERO,
        };
        self.ask(caller, Ask { bucket: Some(bucket), tags: Some(tags), ..Ask::lake(action) })
    }

    /// What is known of a bucket.
    ///
    /// # Errors
    /// `NotFound`, `Denied`.
    pub async fn head_bucket(&self, caller: &Caller, name: &BucketName) -> Result<BucketInfo> {
        let facts = self.bucket_facts(name).await?;
        self.permit(caller, Action::ListBucket, &facts, None)?;
        Ok(info(&facts))
    }

    /// Removes a bucket that holds no version. Uploads under way go with it.
    ///
    /// # Errors
    /// `Precondition` when it is not empty; `NotFound`, `Denied`.
    pub async fn delete_bucket(&self, caller: &Caller, name: &BucketName) -> Result<()> {
        let facts = self.bucket_facts(name).await?;
        let permit = self.permit(caller, Action::DeleteBucket, &facts, None)?;
        let by = &caller.to_string();
        let delete = |facts: BucketFacts| async move { self.catalog.delete_bucket(&facts, self.clock.now(), by).await };
        self.change(&permit, facts, delete).await?;
        Ok(())
    }

    /// At most `limit` buckets of the caller's account after a name, by name, and whether more follow.
    ///
    /// # Errors
    /// `Denied`.
    pub async fn list_buckets(
        &self,
        caller: &Caller,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<BucketInfo>, bool)> {
        self.permit_lake(caller, Action::ListAllMyBuckets)?;
        let own = self.account_of(caller);
        let (buckets, truncated) = self.catalog.buckets_of(own, prefix, after, limit).await?;
        Ok((buckets.iter().map(|bucket| info(bucket)).collect(), truncated))
    }

    /// Where the bucket's home is.
    ///
    /// # Errors
    /// `NotFound`, `Denied`.
    pub async fn bucket_location(&self, caller: &Caller, name: &BucketName) -> Result<Region> {
        let facts = self.bucket_facts(name).await?;
        self.permit(caller, Action::GetBucketLocation, &facts, None)?;
        Ok(facts.region.clone())
    }

    /// Whether the bucket keeps old versions.
    ///
    /// # Errors
    /// `NotFound`, `Denied`.
    pub async fn bucket_versioning(&self, caller: &Caller, name: &BucketName) -> Result<Versioning> {
        let facts = self.bucket_facts(name).await?;
        self.permit(caller, Action::GetBucketVersioning, &facts, None)?;
        Ok(facts.versioning)
    }

    /// Switches versioning on, or suspends it.
    ///
    /// # Errors
    /// `Precondition` where it would be suspended and the bucket locks objects; `NotFound`, `Denied`.
    pub async fn set_bucket_versioning(&self, caller: &Caller, name: &BucketName, to: Versioning) -> Result<()> {
        let facts = self.bucket_facts(name).await?;
        let permit = self.permit(caller, Action::PutBucketVersioning, &facts, None)?;
        let by = &caller.to_string();
        let set =
            |facts: BucketFacts| async move { self.catalog.set_versioning(&facts, to, self.clock.now(), by).await };
        self.change(&permit, facts, set).await?;
        Ok(())
    }

    /// The bucket's tags.
    ///
    /// # Errors
    /// `NotFound` also when it has none; `Denied`.
    pub async fn bucket_tags(&self, caller: &Caller, name: &BucketName) -> Result<Tags> {
        let facts = self.bucket_facts(name).await?;
        self.permit(caller, Action::GetBucketTagging, &facts, None)?;
        if facts.tags.is_empty() {
            return Err(Error::NotFound(Missing::BucketTags));
        }
        Ok(facts.tags.clone())
    }

    /// Replaces the bucket's tags; an empty set removes them. Those that policies read take a right of their own.
    ///
    /// # Errors
    /// `NotFound`, `Denied`; `Invalid` for a tag that closes objects, and would close none here.
    pub async fn set_bucket_tags(&self, caller: &Caller, name: &BucketName, tags: Tags) -> Result<()> {
        let facts = self.bucket_facts(name).await?;
        let permit = self.permit(caller, Action::PutBucketTagging, &facts, None)?;
        expect_no_end(&tags)?;
        if classifying(&facts.tags) != classifying(&tags) {
            self.ask(caller, Ask::bucket(Action::ClassifyBucket, &facts).with_tags(&tags))?;
        }
        let by = &caller.to_string();
        let tags = &tags;
        let set = |facts: BucketFacts| async move {
            self.catalog.set_bucket_tags(&facts, tags.clone(), self.clock.now(), by).await
        };
        self.change(&permit, facts, set).await?;
        Ok(())
    }
}
