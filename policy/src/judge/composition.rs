//! Which sides must agree.
//!
//! A permit comes from a side: what the lake's operator says, what is attached to the caller, what the resource says. Within
//! an account one side is enough. Between accounts both must agree: that of the caller, because it answers for what its
//! users do, and that of the resource, because it owns it. The operator speaks for both.
//!
//! A resource that names a whole account hands the decision to that account: it lets in the account's root, and others of
//! the account where what is attached to them says so.
//!
//! Source: IAM User Guide, *Policy evaluation logic*, *Cross-account policy evaluation logic*, and *AWS JSON policy
//! elements: Principal*, "AWS account principals".

use kernel::{AccountId, PrincipalKind, Who};

use super::NO_PERMIT;
use crate::action::{Action, Group, Resource};
use crate::question::{ObjectView, Question};

/// Where a permit comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// The operator of the lake, or what holds in every lake.
    Lake,
    /// What is attached to the caller.
    Identity,
    /// The resource, for this caller or for everybody.
    Resource {
        /// Whether the document lets everybody in, so that `RestrictPublicBuckets` confines it.
        is_public: bool,
    },
    /// The resource, for whoever a provider outside lets in.
    Provider,
    /// The resource, for the whole of an account.
    Account {
        /// As above.
        is_public: bool,
    },
}

/// The sides that permit something.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Permits(Vec<Side>);

impl FromIterator<Side> for Permits {
    fn from_iter<I: IntoIterator<Item = Side>>(sides: I) -> Self {
        Self(sides.into_iter().collect())
    }
}

impl Permits {
    /// These, and some more.
    pub(super) fn with(&self, more: impl Iterator<Item = Side>) -> Self {
        Self(self.0.iter().copied().chain(more).collect())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Whether the sides that permit something are enough.
///
/// # Errors
/// Which side is missing, for people.
pub(super) fn suffice(question: &Question<'_>, permits: &Permits) -> Result<(), &'static str> {
    let account = question.caller.account();
    let is_account_root = is_account_root(question);
    let is_confined = is_confined(question, account);
    let (mut lake, mut identity, mut resource, mut delegated) = (false, is_account_root, false, false);
    let provider = permits.0.contains(&Side::Provider);
    for side in &permits.0 {
        match side {
            Side::Lake => lake = true,
            Side::Identity => identity = true,
            Side::Resource { is_public: true } | Side::Account { is_public: true } if is_confined => {}
            Side::Resource { .. } | Side::Provider => resource = true,
            Side::Account { .. } => delegated = true,
        }
    }
    let asked = asked_of(question);
    if lake && asked != Asked::TrustAlone {
        return Ok(());
    }
    let is_resource_side = resource || delegated;
    let is_home = account.is_some() && account == owner(question);
    match asked {
        Asked::TrustAlone => provider.then_some(()).ok_or("the role does not trust the provider"),
        Asked::Trust if !is_resource_side => Err("the role does not trust the caller"),
        Asked::Trust | Asked::Either if is_home && resource => Ok(()),
        // What is attached to an account's root is everything; but within the account the owner's rights are the base's.
        Asked::Either if is_home && identity && !is_account_root => Ok(()),
        Asked::Trust | Asked::Either if identity && is_resource_side => Ok(()),
        Asked::Either if question.caller.who() == &Who::Anonymous && resource => Ok(()),
        Asked::Trust | Asked::Either if is_home => Err(NO_PERMIT),
        Asked::Trust | Asked::Either if is_resource_side => Err("the caller's own account does not allow it"),
        Asked::Trust | Asked::Either if identity && !is_account_root => {
            Err("the account that owns it does not allow it")
        }
        Asked::Trust | Asked::Either => Err(NO_PERMIT),
    }
}

/// Who must be asked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// Either side within an account, both between accounts.
    Either,
    /// The role always, and the caller's side too, unless the role names the caller.
    Trust,
    /// The role alone, and it names the provider: who asks is known by what the provider says, and nothing that lets in
    /// users, an account or everybody means it.
    TrustAlone,
}

/// Source: IAM User Guide, *How to use trust policies*; AWS STS API, *AssumeRoleWithWebIdentity*.
fn asked_of(question: &Question<'_>) -> Asked {
    match question.action {
        Action::AssumeRoleWithWebIdentity | Action::AssumeRoleWithCertificate | Action::AssumeRoleWithLdapIdentity => {
            Asked::TrustAlone
        }
        Action::AssumeRole | Action::TagSession | Action::SetSourceIdentity => Asked::Trust,
        _ => Asked::Either,
    }
}

fn is_account_root(question: &Question<'_>) -> bool {
    question.caller.principal().is_some_and(|principal| principal.kind == PrincipalKind::AccountRoot)
}

/// Whether what lets everybody in counts for nothing, because the bucket restricts it to its own account.
fn is_confined(question: &Question<'_>, caller: Option<AccountId>) -> bool {
    question.bucket.is_some_and(|bucket| bucket.block.restrict_public_buckets && caller != Some(bucket.owner))
}

/// The account that owns what is asked for.
pub(crate) fn owner(question: &Question<'_>) -> Option<AccountId> {
    match question.action.resource() {
        Resource::Lake if question.action == Action::ListAllMyBuckets => question.caller.account(),
        Resource::Lake => Some(AccountId::HOME),
        Resource::Bucket => question.bucket.map(|bucket| bucket.owner),
        Resource::Object if is_of_object_owner(question.action) => object_owner(question),
        Resource::Object => question.bucket.map(|bucket| bucket.owner),
        Resource::Identity => match question.identity {
            Some(arn) => account_of(arn),
            None => question.caller.account(),
        },
    }
}

/// Whose the object is: who wrote it, unless the bucket's owner owns everything in it.
pub(super) fn object_owner(question: &Question<'_>) -> Option<AccountId> {
    let bucket = question.bucket?;
    let of = |object: ObjectView<'_>| object.facts.map(|version| version.facts.owner).or(object.owner);
    let written_by = question.object.and_then(of);
    Some(written_by.filter(|_| !bucket.owns_objects).unwrap_or(bucket.owner))
}

/// Whether the object's owner decides, not the bucket's.
///
/// Source: Amazon S3 User Guide, *How Amazon S3 authorizes a request for an object operation*.
pub fn is_of_object_owner(action: Action) -> bool {
    action.group() == Group::Read && action != Action::ListMultipartUploadParts
        || action == Action::ReadRaw
        || matches!(
            action,
            Action::PutObjectAcl
                | Action::PutObjectVersionAcl
                | Action::PutObjectTagging
                | Action::PutObjectVersionTagging
                | Action::DeleteObjectTagging
                | Action::DeleteObjectVersionTagging
        )
}

/// The account in an ARN.
pub(super) fn account_of(arn: &str) -> Option<AccountId> {
    arn.split(':').nth(4)?.parse().ok()
}

/// Whether the resource's own policies have no say: an account's root can always mend the policy of its bucket.
///
/// Source: Amazon S3 API, *PutBucketPolicy*: "To ensure that bucket owners don't inadvertently lock themselves out …".
pub(super) fn is_beyond_resource(question: &Question<'_>) -> bool {
    matches!(question.action, Action::GetBucketPolicy | Action::PutBucketPolicy | Action::DeleteBucketPolicy)
        && is_account_root(question)
        && question.caller.account() == owner(question)
}
