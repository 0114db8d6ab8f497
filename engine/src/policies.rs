//! What buckets and objects say of who may: their policies and access control lists, compiled once and kept.
//!
//! Lists are kept by what they say, not by where they were found: whoever replaces one has another, and what was kept for the
//! old one goes when room is needed. A bucket has one policy, the last that was seen. A stored policy that cannot be compiled any more lets nobody in.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use kernel::settings::BucketPolicy;
use kernel::{AccountId, Acl, BucketName};
use policy::{
    AclPlace, Action, Attachment, CanonicalUsers, Names, PolicyFault, Source, VersionView, is_of_object_owner,
};

use crate::facts::BucketFacts;
use crate::{Error, Result};

/// Compiled texts kept at the most; then all go, and come again as they are needed.
const KEPT_MAX: usize = 10_000;

/// What was compiled, by what it was compiled from.
struct Kept<K>(Mutex<HashMap<K, Arc<Source>>>);

impl<K> Default for Kept<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash> Kept<K> {
    fn get(&self, key: K, compile: impl FnOnce(&K) -> std::result::Result<Source, PolicyFault>) -> Compiled {
        if let Some(source) = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Ok(Arc::clone(source));
        }
        let source = Arc::new(compile(&key)?);
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT_MAX {
            kept.clear();
        }
        kept.insert(key, Arc::clone(&source));
        Ok(source)
    }
}

type Compiled = std::result::Result<Arc<Source>, PolicyFault>;

/// A list, and all that its meaning depends on.
#[derive(PartialEq, Eq, Hash)]
struct StandingAcl {
    place: AclPlace,
    owner: AccountId,
    acl: Acl,
    ignore_public: bool,
}

/// A bucket's policy, compiled.
#[derive(Clone)]
struct StandingPolicy {
    /// What it says.
    policy: Arc<BucketPolicy>,
    whole: Arc<Source>,
    /// What of it holds for objects of others in the bucket.
    denials: Arc<Source>,
}

/// Compiled policies of buckets and objects.
#[derive(Default)]
pub(crate) struct BucketPolicies {
    policies: Mutex<HashMap<BucketName, StandingPolicy>>,
    lists: Kept<StandingAcl>,
}

impl BucketPolicies {
    /// What concerns a question about a bucket, or about an object in it.
    pub(crate) fn concerning(
        &self,
        action: Action,
        facts: &BucketFacts,
        object: Option<VersionView<'_>>,
        canonical: CanonicalUsers<'_>,
    ) -> Result<Vec<Arc<Source>>> {
        let damaged = |fault: PolicyFault| Error::Corrupt {
            what: format!("the policy of bucket `{}`", facts.name()),
            source: Box::new(fault),
        };
        let mut sources = Vec::new();
        if let Some(policy) = &facts.settings.policy {
            let policy = self.policy(facts.name(), policy, canonical).map_err(damaged)?;
            // What is another's is not the bucket's owner's to give away.
            let is_others = object.is_some_and(|object| facts.owner_of(object.facts) != facts.owner);
            sources.push(if is_others && is_of_object_owner(action) { policy.denials } else { policy.whole });
        }
        // Where the bucket's owner owns everything, lists mean nothing.
        if !facts.takes_lists() {
            return Ok(sources);
        }
        let ignore_public = facts.settings.public_access_block.is_some_and(|block| block.ignore_public_acls);
        let bucket = facts.settings.acl.as_ref().map(|acl| (AclPlace::Bucket, facts.owner, acl));
        let object = object.and_then(|object| Some((AclPlace::Object, object.facts.owner, object.facts.acl.as_ref()?)));
        for (place, owner, acl) in [bucket, object].into_iter().flatten() {
            let standing = StandingAcl { place, owner, acl: acl.clone(), ignore_public };
            let compile = |of: &StandingAcl| Source::acl(of.place, of.owner, &of.acl, of.ignore_public);
            sources.push(self.lists.get(standing, compile).map_err(damaged)?);
        }
        Ok(sources)
    }

    /// The policy of a bucket that stands. The document is compared, not hashed: mostly it is the very one that was compiled.
    /// An account that it names by a canonical id and that is no more is nobody.
    fn policy(
        &self,
        bucket: &BucketName,
        policy: &Arc<BucketPolicy>,
        canonical: CanonicalUsers<'_>,
    ) -> std::result::Result<StandingPolicy, PolicyFault> {
        let policies = || self.policies.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = policies().get(bucket).filter(|known| known.policy == *policy) {
            return Ok(known.clone());
        }
        let whole = compile(bucket, policy, &|id| canonical(id).or(Some(AccountId::NOBODY)))?;
        let (policy, denials) = (Arc::clone(policy), Arc::new(whole.denials()));
        let policy = StandingPolicy { policy, denials, whole: Arc::new(whole) };
        let mut policies = policies();
        if policies.len() >= KEPT_MAX {
            policies.clear();
        }
        policies.insert(bucket.clone(), policy.clone());
        Ok(policy)
    }
}

/// The policy of a bucket, in Cedar.
///
/// # Errors
/// [`PolicyFault`]: it is none.
pub(crate) fn compile(
    bucket: &BucketName,
    policy: &BucketPolicy,
    canonical: CanonicalUsers<'_>,
) -> std::result::Result<Source, PolicyFault> {
    let attachment = Attachment::Bucket(bucket.as_str().to_owned());
    let names = Names { canonical, ids: &policy.named };
    Source::iam_naming(&format!("bucket {bucket}"), &policy.document, &attachment, names)
}
