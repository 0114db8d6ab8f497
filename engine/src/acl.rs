//! Access control lists: what requests ask for, said as grants, and what stands on buckets and objects.
//!
//! A list is judged when it comes in: where the bucket's owner owns everything in it, none is taken but the one that gives
//! that owner full control, and where the bucket blocks public lists, none that grants something to everybody. What a list
//! that stands means is the judge's affair.
//!
//! Sources: Amazon S3 User Guide, *Access control list (ACL) overview* and *Controlling ownership of objects and disabling
//! ACLs for your bucket*.

use kernel::settings::{Ownership, Setting};
use kernel::{AccountId, Acl, BucketName, Caller, Grant, Grantee, ObjectFacts, ObjectKey, Permission, VersionName};
use metadata::{Amended, Amendment};
use policy::{Action, ObjectView};

use crate::bucket_policy::ruled_out;
use crate::facts::BucketFacts;
use crate::leave::{Ask, Sought};
use crate::{Engine, Error, Fault, Missing, Result};

/// A list that has a name.
///
/// Source: Amazon S3 User Guide, *Access control list (ACL) overview*, "Canned ACL". The one for EC2 is missing: there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CannedAcl {
    /// Nobody but the owner.
    Private,
    /// Everybody reads.
    PublicRead,
    /// Everybody reads and writes.
    PublicReadWrite,
    /// Everybody with credentials reads.
    AuthenticatedRead,
    /// The bucket's owner reads the object. Of a bucket it says nothing.
    BucketOwnerRead,
    /// The bucket's owner may do everything with the object. Of a bucket it says nothing.
    BucketOwnerFullControl,
    /// Who delivers access logs writes to the bucket.
    LogDeliveryWrite,
}

/// What list a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AskedAcl {
    /// One that has a name.
    Canned(CannedAcl),
    /// These grants, at most [`Acl::GRANTS_MAX`].
    Grants(Vec<Grant>),
}

/// Puts a list in the place of another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PutAcl {
    /// The list.
    pub acl: AskedAcl,
    /// Whom the request takes for the owner of what the list stands on; none where it does not say.
    pub owner: Option<AccountId>,
}

/// A list as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StandingAcl {
    /// Whose the bucket or object is.
    pub owner: AccountId,
    /// Who was granted what.
    pub acl: Acl,
}

/// Whose an object will be, and who is granted what on it; no list where that is its owner alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ownings {
    pub(crate) owner: AccountId,
    pub(crate) acl: Option<Acl>,
}

impl AskedAcl {
    /// The grants, on something of `owner` in a bucket of `bucket`.
    fn said(&self, owner: AccountId, bucket: AccountId) -> Acl {
        let canned = match self {
            Self::Grants(grants) => return Acl { grants: grants.clone() },
            Self::Canned(canned) => *canned,
        };
        let more: &[(Grantee, Permission)] = match canned {
            CannedAcl::Private => &[],
            CannedAcl::PublicRead => &[(Grantee::AllUsers, Permission::Read)],
            CannedAcl::PublicReadWrite => {
                &[(Grantee::AllUsers, Permission::Read), (Grantee::AllUsers, Permission::Write)]
            }
            CannedAcl::AuthenticatedRead => &[(Grantee::AuthenticatedUsers, Permission::Read)],
            CannedAcl::BucketOwnerRead => &[(Grantee::Account(bucket), Permission::Read)],
            CannedAcl::BucketOwnerFullControl => &[(Grantee::Account(bucket), Permission::FullControl)],
            CannedAcl::LogDeliveryWrite => {
                &[(Grantee::LogDelivery, Permission::Write), (Grantee::LogDelivery, Permission::ReadAcp)]
            }
        };
        let mut acl = Acl::private(owner);
        let more = more.iter().filter(|(grantee, _)| *grantee != Grantee::Account(owner));
        acl.grants.extend(more.map(|(grantee, permission)| Grant { grantee: *grantee, permission: *permission }));
        acl
    }

    /// Whether it hands full control to the owner of the bucket, and says no more.
    fn hands_over(&self, bucket: AccountId) -> bool {
        match self {
            Self::Canned(canned) => *canned == CannedAcl::BucketOwnerFullControl,
            Self::Grants(grants) => *grants == Acl::private(bucket).grants,
        }
    }

    /// The list to be kept on something of `owner`; none where it is what holds without one.
    fn kept(&self, owner: AccountId, bucket: AccountId) -> Option<Acl> {
        Some(self.said(owner, bucket)).filter(|acl| *acl != Acl::private(owner))
    }
}

impl BucketFacts {
    /// Whether lists mean something here.
    pub(crate) fn takes_lists(&self) -> bool {
        self.settings.ownership != Some(Ownership::BucketOwnerEnforced)
    }

    /// The list of something of `owner`, if it may be put here.
    fn judge_list(&self, caller: &Caller, asked: &AskedAcl, owner: AccountId, action: Action) -> Result<Option<Acl>> {
        if !self.takes_lists() {
            return if asked.hands_over(self.owner) { Ok(None) } else { Err(Error::Invalid(Fault::AclsOff)) };
        }
        let kept = asked.kept(owner, self.owner);
        let blocks = self.settings.public_access_block.is_some_and(|block| block.block_public_acls);
        match &kept {
            Some(acl) if blocks && acl.is_public() => {
                let reason = "the bucket's public access block takes no list that grants something to everybody";
                Err(ruled_out(caller, action, reason))
            }
            _ => Ok(kept),
        }
    }

    /// Who will own what a caller writes with this list.
    fn owner_of_new(&self, caller: &Caller, asked: Option<&AskedAcl>) -> AccountId {
        let writer = caller.account().unwrap_or(self.owner);
        match self.settings.ownership {
            Some(Ownership::BucketOwnerEnforced) => self.owner,
            Some(Ownership::BucketOwnerPreferred) if asked.is_some_and(|asked| asked.hands_over(self.owner)) => {
                self.owner
            }
            None | Some(Ownership::BucketOwnerPreferred | Ownership::ObjectWriter) => writer,
        }
    }

    /// The list of an object in it, as it counts.
    fn standing(&self, object: &ObjectFacts) -> StandingAcl {
        match self.takes_lists() {
            false => StandingAcl { owner: self.owner, acl: Acl::private(self.owner) },
            true => {
                let acl = object.acl.clone().unwrap_or_else(|| Acl::private(object.owner));
                StandingAcl { owner: object.owner, acl }
            }
        }
    }

    /// Whose an object in it is.
    pub(crate) fn owner_of(&self, object: &ObjectFacts) -> AccountId {
        if self.takes_lists() { object.owner } else { self.owner }
    }

    /// Refuses a setting that does not go together with the list that stands.
    ///
    /// Source: Amazon S3 API, *PutBucketOwnershipControls*.
    pub(crate) fn expect_fit(&self, setting: &Setting) -> Result<()> {
        let disables = matches!(setting, Setting::Ownership(Some(Ownership::BucketOwnerEnforced)));
        let lets_in_others = |acl: &Acl| acl.grants.iter().any(|grant| grant.grantee != Grantee::Account(self.owner));
        match disables && self.settings.acl.as_ref().is_some_and(lets_in_others) {
            true => Err(Error::Invalid(Fault::AclWithOwnership)),
            false => Ok(()),
        }
    }
}

/// The list of a bucket that is made with this ownership.
///
/// # Errors
/// `Invalid` where lists would mean nothing in it.
pub(crate) fn of_new_bucket(
    asked: Option<&AskedAcl>,
    ownership: Option<Ownership>,
    owner: AccountId,
) -> Result<Option<Acl>> {
    match (asked, ownership) {
        (None, _) => Ok(None),
        (Some(_), Some(Ownership::BucketOwnerEnforced)) => Err(Error::Invalid(Fault::AclWithOwnership)),
        (Some(asked), _) => Ok(asked.kept(owner, owner)),
    }
}

impl Engine {
    /// Whose an object that is written will be, and its list. Whoever brings a list needs leave for it, be it the one that
    /// holds without.
    ///
    /// # Errors
    /// `Invalid` where the bucket takes no lists; `Denied`.
    pub(crate) fn ownings(
        &self,
        caller: &Caller,
        facts: &BucketFacts,
        key: &ObjectKey,
        asked: Option<&AskedAcl>,
    ) -> Result<Ownings> {
        let owner = facts.owner_of_new(caller, asked);
        let Some(asked) = asked else { return Ok(Ownings { owner, acl: None }) };
        // Source: Amazon S3 API, *PutObject*, "Permissions". To hand over to the bucket's owner what is its own anyway sets
        // nothing: policies of buckets for logs ask for that word and give `s3:PutObject` alone.
        let lets_in = asked.kept(owner, facts.owner).is_some();
        let sets_list = facts.takes_lists() && (lets_in || !asked.hands_over(facts.owner));
        // Whoever has no account owns what it writes for as long as it writes it, and says who may see it. Who may not set
        // lists is not told which ones the bucket takes.
        if sets_list && !caller.is_anonymous() {
            let object = Some(ObjectView { key, version: None, facts: None, owner: Some(owner) });
            self.ask(caller, Ask { object, ..Ask::bucket(Action::PutObjectAcl, facts) })?;
        }
        let acl = facts.judge_list(caller, asked, owner, Action::PutObjectAcl)?;
        Ok(Ownings { owner, acl })
    }

    /// Who was granted what on a bucket.
    ///
    /// # Errors
    /// `NotFound`, `Denied`.
    pub async fn bucket_acl(&self, caller: &Caller, name: &BucketName) -> Result<StandingAcl> {
        let facts = self.bucket_facts(name).await?;
        self.permit(caller, Action::GetBucketAcl, &facts, None)?;
        let kept = facts.settings.acl.clone().filter(|_| facts.takes_lists());
        Ok(StandingAcl { owner: facts.owner, acl: kept.unwrap_or_else(|| Acl::private(facts.owner)) })
    }

    /// Replaces the list of a bucket.
    ///
    /// # Errors
    /// `Invalid` where the bucket takes no lists; `NotFound`; `Denied`, also for a public list where the bucket blocks
    /// these, and for one that names another owner.
    pub async fn set_bucket_acl(&self, caller: &Caller, name: &BucketName, put: PutAcl) -> Result<()> {
        self.set_up(caller, name, Action::PutBucketAcl, |facts| {
            expect_owner(caller, Action::PutBucketAcl, &put, facts.owner)?;
            let kept = facts.judge_list(caller, &put.acl, facts.owner, Action::PutBucketAcl)?;
            Ok(Setting::Acl(kept))
        })
        .await
    }

    /// Who was granted what on an object; and the version.
    ///
    /// # Errors
    /// `NotFound`, `Invalid` (marker), `Denied`.
    pub async fn object_acl(
        &self,
        caller: &Caller,
        bucket: &BucketName,
        key: &ObjectKey,
        version: Option<VersionName>,
    ) -> Result<StandingAcl> {
        let facts = self.bucket_facts(bucket).await?;
        let action = if version.is_some() { Action::GetObjectVersionAcl } else { Action::GetObjectAcl };
        let (_, version) = self.permit_found(caller, action, &facts, Sought::now(key, version)).await?;
        let object = version.object().ok_or(Error::Bug("a marker was found where an object was sought"))?;
        Ok(facts.standing(object))
    }

    /// Replaces the list of an object.
    ///
    /// # Errors
    /// As [`Engine::object_acl`] and [`Engine::set_bucket_acl`].
    pub async fn set_object_acl(
        &self,
        caller: &Caller,
        bucket: &BucketName,
        key: &ObjectKey,
        name: Option<VersionName>,
        put: PutAcl,
    ) -> Result<()> {
        let facts = self.bucket_facts(bucket).await?;
        let action = if name.is_some() { Action::PutObjectVersionAcl } else { Action::PutObjectAcl };
        let (permit, version) = self.permit_found(caller, action, &facts, Sought::now(key, name)).await?;
        let object = version.object().ok_or(Error::Bug("a marker was found where an object was sought"))?;
        let owner = facts.owner_of(object);
        expect_owner(caller, action, &put, owner)?;
        let acl = facts.judge_list(caller, &put.acl, owner, action)?;
        if !facts.takes_lists() {
            return Ok(());
        }
        let (by, amendment) = (&caller.to_string(), &Amendment::Acl(acl));
        let replace = |facts: BucketFacts| async move {
            // The list is the owner's, and another object in this place may be another's.
            let of = Amended { key, name, only_if: Some(object), now: self.clock.now(), by };
            self.catalog.amend_object(&facts, of, amendment).await
        };
        self.change(&permit, facts, replace).await.map(drop).map_err(|error| match error {
            Error::NotFound(Missing::Version) if name.is_none() => Error::NotFound(Missing::Key { marker: None }),
            other => other,
        })
    }
}

/// Refuses a list that takes somebody else for the owner: nobody can give away what is somebody's.
fn expect_owner(caller: &Caller, action: Action, put: &PutAcl, owner: AccountId) -> Result<()> {
    if put.owner.is_none_or(|named| named == owner) {
        return Ok(());
    }
    Err(ruled_out(caller, action, "the list names another owner"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_for_grants() {
        let (owner, bucket) = (AccountId::new(1).expect("an account"), AccountId::new(2).expect("an account"));
        let said = |canned| AskedAcl::Canned(canned).said(owner, bucket).grants;
        let full = Grant { grantee: Grantee::Account(owner), permission: Permission::FullControl };
        for (canned, more) in [
            (CannedAcl::Private, vec![]),
            (CannedAcl::PublicRead, vec![(Grantee::AllUsers, Permission::Read)]),
            (CannedAcl::AuthenticatedRead, vec![(Grantee::AuthenticatedUsers, Permission::Read)]),
            (CannedAcl::BucketOwnerRead, vec![(Grantee::Account(bucket), Permission::Read)]),
            (CannedAcl::BucketOwnerFullControl, vec![(Grantee::Account(bucket), Permission::FullControl)]),
        ] {
            let more = more.into_iter().map(|(grantee, permission)| Grant { grantee, permission });
            assert_eq!(said(canned), std::iter::once(full).chain(more).collect::<Vec<_>>(), "{canned:?}");
        }
        let own = AskedAcl::Canned(CannedAcl::BucketOwnerRead).said(owner, owner);
        assert_eq!(own, Acl::private(owner), "nobody needs a grant for what is theirs");
    }

    #[test]
    fn what_holds_anyway_is_not_kept() {
        let owner = AccountId::HOME;
        assert_eq!(AskedAcl::Canned(CannedAcl::Private).kept(owner, owner), None);
        assert_eq!(AskedAcl::Grants(Acl::private(owner).grants).kept(owner, owner), None);
        assert_eq!(AskedAcl::Grants(Vec::new()).kept(owner, owner), Some(Acl::default()), "nothing is granted");
    }
}
