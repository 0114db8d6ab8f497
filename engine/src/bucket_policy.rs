//! Policies of buckets: taken in once they are understood to the last word, and given back as they came.
//!
//! The root of the account that owns a bucket may always read, replace and remove its policy: the judge sees to that.

use std::borrow::Cow;
use std::sync::Arc;

use kernel::settings::{BucketPolicy, Setting, SettingName};
use kernel::{BucketName, Caller};
use policy::{Action, PolicyFault, PolicyHash, Refusal};

use crate::audit;
use crate::facts::BucketFacts;
use crate::leave::Ask;
use crate::policies::compile;
use crate::{Engine, Error, Fault, Missing, Result};

/// Gives a bucket a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PutBucketPolicy {
    /// The document, in IAM's language.
    pub document: Arc<str>,
    /// Whether the caller knows that it might not be allowed to change the policy again.
    pub locks_out_knowingly: bool,
}

impl Engine {
    /// The bucket's policy, byte for byte as it came.
    ///
    /// # Errors
    /// `NotFound` also where it has none; `Denied`.
    pub async fn bucket_policy(&self, caller: &Caller, name: &BucketName) -> Result<Arc<str>> {
        match self.bucket_setting(caller, name, SettingName::Policy).await? {
            Setting::Policy(Some(policy)) => Ok(Arc::clone(&policy.document)),
            _ => Err(Error::NotFound(Missing::BucketPolicy)),
        }
    }

    /// Replaces the bucket's policy.
    ///
    /// # Errors
    /// `Invalid` for a document that is no policy of this bucket or names somebody who is not there, or that would keep the caller from ever replacing it
    /// where the caller does not say that it knows; `NotFound` (bucket); `Denied`, also for a policy that lets everybody
    /// in where the bucket blocks these. Nothing is stored then.
    pub async fn set_bucket_policy(&self, caller: &Caller, name: &BucketName, put: PutBucketPolicy) -> Result<()> {
        self.set_up(caller, name, Action::PutBucketPolicy, |facts| {
            let named = self.identities.roster().ids_named(&put.document).map_err(refused)?;
            let policy = Arc::new(BucketPolicy { document: Arc::clone(&put.document), named });
            let source = compile(name, &policy, &|id| self.account_of_canonical_id(id)).map_err(refused)?;
            let is_blocked = facts.settings.public_access_block.is_some_and(|block| block.block_public_policy);
            if is_blocked && source.is_public() {
                let reason = "the bucket's public access block takes no policy that lets everybody in";
                return Err(ruled_out(caller, Action::PutBucketPolicy, reason));
            }
            if !put.locks_out_knowingly {
                self.expect_a_way_back(caller, &facts.with_policy(Arc::clone(&policy)))?;
            }
            Ok(Setting::Policy(Some(policy)))
        })
        .await
    }

    /// Whether the bucket's policy or its access control list lets everybody in, or nearly so. It is what the decisions
    /// themselves go by where the bucket restricts public access.
    ///
    /// Source: Amazon S3 User Guide, *Blocking public access to your Amazon S3 storage*, "The meaning of public".
    ///
    /// # Errors
    /// `NotFound` (bucket), `Denied`.
    pub async fn bucket_is_public(&self, caller: &Caller, name: &BucketName) -> Result<bool> {
        let facts = self.bucket_facts(name).await?;
        self.permit(caller, Action::GetBucketPolicyStatus, &facts, None)?;
        let ignores = facts.settings.public_access_block.is_some_and(|block| block.ignore_public_acls);
        let list = facts.settings.acl.as_ref().filter(|_| facts.takes_lists() && !ignores);
        let by_policy = || {
            Ok(self
                .resource_policies(Action::GetBucketPolicyStatus, &facts, None)?
                .iter()
                .any(|source| source.is_public()))
        };
        if list.is_some_and(|list| list.is_public()) { Ok(true) } else { by_policy() }
    }

    /// Refuses what would keep the caller from replacing the policy.
    ///
    /// Source: Amazon S3 API, *PutBucketPolicy*, `x-amz-confirm-remove-self-bucket-access`.
    fn expect_a_way_back(&self, caller: &Caller, facts: &BucketFacts) -> Result<()> {
        match self.decide(caller, &Ask::bucket(Action::PutBucketPolicy, facts)) {
            Err(Error::Denied(_)) => Err(Error::Invalid(Fault::Request(
                "this policy would not let you change it again: confirm that you want it so, with \
                 `x-amz-confirm-remove-self-bucket-access: true`"
                    .to_owned(),
            ))),
            asked => asked.map(drop),
        }
    }
}

/// Refuses whoever is let near the policy of a bucket and is not of its account: what lets everybody do everything does not
/// hand the bucket over.
///
/// Source: Amazon S3 API, *GetBucketPolicy*, *PutBucketPolicy* and *DeleteBucketPolicy*: 405 Method Not Allowed.
pub(crate) fn expect_own_policy(caller: &Caller, action: Action, facts: &BucketFacts) -> Result<()> {
    let is_about_policy =
        matches!(action, Action::GetBucketPolicy | Action::PutBucketPolicy | Action::DeleteBucketPolicy);
    if !is_about_policy || caller.is_root() || caller.account() == Some(facts.owner) {
        return Ok(());
    }
    let reason = "the policy of a bucket is for its own account";
    drop(ruled_out_by(caller, &Ask::bucket(action, facts), reason.into()));
    Err(Error::Invalid(Fault::PolicyOfOthers))
}

fn refused(fault: PolicyFault) -> Error {
    Error::Invalid(match fault {
        PolicyFault::TooLong { bytes, max } => Fault::PolicyTooLong { bytes, max },
        fault => Fault::Policy(fault),
    })
}

/// The refusal of what no policy can allow, because how the bucket is set up rules it out. The audit hears of it.
pub(crate) fn ruled_out(caller: &Caller, action: Action, reason: &'static str) -> Error {
    ruled_out_by(caller, &Ask::lake(action), reason.into()).into()
}

/// As [`ruled_out`], of something that is known.
pub(crate) fn ruled_out_by(caller: &Caller, ask: &Ask<'_>, reason: Cow<'static, str>) -> Refusal {
    let refusal = Refusal {
        caller: caller.clone(),
        action: ask.action,
        reason,
        policies: Box::default(),
        policy_hash: PolicyHash::NONE,
        is_told: !caller.is_anonymous(),
        opens_at: None,
    };
    audit::note_ruled_out(ask, &refusal);
    refusal
}
