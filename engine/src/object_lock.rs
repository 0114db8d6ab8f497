//! Object Lock: retentions and holds of versions, asked for and told.
//!
//! What is locked is enforced in the catalogue, in the batch that would remove or loosen it and by trusted time. Here is
//! who may ask for what: a change is first tried as it is, and only where governance alone stands against it, and the
//! caller wants to pass over that, is it asked whether they may. So nobody needs a right for what is not locked.
//!
//! Source: Amazon S3 User Guide, *Locking objects with Object Lock*.

use kernel::{
    BucketName, Caller, Lock, ObjectKey, Protection, Release, Retention, RetentionMode, Version, VersionName,
};
use metadata::{Amended, Amendment};
use policy::{Action, Permit};

use crate::facts::BucketFacts;
use crate::leave::{Ask, Sought};
use crate::{Engine, Error, Fault, Missing, Result};

/// A version whose lock is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockPlace {
    /// Where.
    pub bucket: BucketName,
    /// Under which key.
    pub key: ObjectKey,
    /// Which version; none for the current one.
    pub version: Option<VersionName>,
}

impl LockPlace {
    fn sought(&self) -> Sought<'_> {
        Sought::now(&self.key, self.version)
    }
}

impl Engine {
    /// Until when a version may not be removed, be it that this has ended.
    ///
    /// # Errors
    /// `NotFound` also where it is not retained, `Invalid` (marker; a bucket that does not lock objects), `Denied`.
    pub async fn object_retention(&self, caller: &Caller, place: &LockPlace) -> Result<Retention> {
        let protection = self.locked(caller, Action::GetObjectRetention, place).await?;
        protection.retention.ok_or(Error::NotFound(Missing::Lock))
    }

    /// Whether a version is under legal hold.
    ///
    /// # Errors
    /// As [`Engine::object_retention`]; `NotFound` where nobody ever said.
    pub async fn object_legal_hold(&self, caller: &Caller, place: &LockPlace) -> Result<bool> {
        let protection = self.locked(caller, Action::GetObjectLegalHold, place).await?;
        protection.legal_hold.ok_or(Error::NotFound(Missing::Lock))
    }

    async fn locked(&self, caller: &Caller, action: Action, place: &LockPlace) -> Result<Protection> {
        let facts = self.bucket_facts(&place.bucket).await?;
        let (_, version) = self.permit_found(caller, action, &facts, place.sought()).await?;
        if facts.settings.object_lock.is_none() {
            return Err(Error::Invalid(Fault::LocksNothing));
        }
        Ok(version.object().map(|object| object.protection.clone()).unwrap_or_default())
    }

    /// Retains a version, or no longer. What is retained can be retained longer; for the rest governance must be passed
    /// over, which takes a right of its own.
    ///
    /// # Errors
    /// `Locked`; `Invalid` (a time that has passed, marker, a bucket that does not lock objects), `NotFound`, `Denied`.
    pub async fn set_object_retention(
        &self,
        caller: &Caller,
        place: &LockPlace,
        retention: Option<Retention>,
        bypass_governance: bool,
    ) -> Result<()> {
        let facts = self.bucket_facts(&place.bucket).await?;
        let protection = Protection { retention, ..Protection::default() };
        let permit = self.permit_lock(caller, Action::PutObjectRetention, &facts, place, &protection).await?;
        self.expect_lock(&facts, &protection)?;
        match self.retain(&permit, &facts, place, (retention, false)).await {
            Err(Error::Locked(lock)) if bypass_governance => {
                let ask = Ask::bucket(Action::BypassGovernanceRetention, &facts).with_protection(&protection);
                self.permit_bypass(caller, ask, &facts, (place.sought(), lock)).await?;
                self.retain(&permit, &facts, place, (retention, true)).await
            }
            done => done,
        }
    }

    async fn retain(
        &self,
        permit: &Permit,
        facts: &BucketFacts,
        place: &LockPlace,
        (retention, bypass_governance): (Option<Retention>, bool),
    ) -> Result<()> {
        let amendment = || Amendment::Retention(retention, Release { at: self.time.opening(), bypass_governance });
        self.amend_lock(permit, facts, place, amendment).await
    }

    /// Puts a legal hold on a version, or lifts it.
    ///
    /// # Errors
    /// `Invalid` (marker, a bucket that does not lock objects), `NotFound`, `Denied`.
    pub async fn set_object_legal_hold(&self, caller: &Caller, place: &LockPlace, hold: bool) -> Result<()> {
        let facts = self.bucket_facts(&place.bucket).await?;
        let protection = Protection { legal_hold: Some(hold), ..Protection::default() };
        let permit = self.permit_lock(caller, Action::PutObjectLegalHold, &facts, place, &protection).await?;
        self.amend_lock(&permit, &facts, place, || Amendment::LegalHold(hold)).await
    }

    /// Finds a version and asks for leave to lock it so.
    async fn permit_lock(
        &self,
        caller: &Caller,
        action: Action,
        facts: &BucketFacts,
        place: &LockPlace,
        protection: &Protection,
    ) -> Result<Permit> {
        let ask = Ask::bucket(action, facts).with_protection(protection);
        Ok(self.permit_found_for(caller, ask, facts, place.sought()).await?.0)
    }

    async fn amend_lock(
        &self,
        permit: &Permit,
        facts: &BucketFacts,
        place: &LockPlace,
        amendment: impl Fn() -> Amendment,
    ) -> Result<()> {
        let (by, amendment) = (&permit.caller().to_string(), &amendment);
        let amend = |facts: BucketFacts| async move {
            let of = Amended { key: &place.key, name: place.version, only_if: None, now: self.clock.now(), by };
            self.catalog.amend_object(&facts, of, &amendment()).await
        };
        let amended = self.change(permit, facts.clone(), amend).await.map_err(|error| match error {
            Error::NotFound(Missing::Version) if place.version.is_none() => {
                Error::NotFound(Missing::Key { marker: None })
            }
            other => other,
        });
        amended.map(|_| ())
    }

    /// Asks for leave to pass over governance, where nothing but that stands against a change. Policies see the lock that
    /// the request sets in the place of the one that stands; a deletion sets none.
    ///
    /// Source: Service Authorization Reference, *Actions, resources, and condition keys for Amazon S3*,
    /// "BypassGovernanceRetention".
    pub(crate) async fn permit_bypass(
        &self,
        caller: &Caller,
        ask: Ask<'_>,
        facts: &BucketFacts,
        (sought, lock): (Sought<'_>, Lock),
    ) -> Result<()> {
        match lock {
            Lock::Retention(Retention { mode: RetentionMode::Governance, .. }) => {
                self.permit_whether_found(caller, ask, facts, sought).await.map(|_| ())
            }
            Lock::Retention(_) | Lock::LegalHold => Err(Error::Locked(lock)),
        }
    }

    /// Whether a bucket takes versions with such a lock, and the lock has not ended before it begins.
    pub(crate) fn expect_lock(&self, facts: &BucketFacts, protection: &Protection) -> Result<()> {
        if protection.concerns_removal() && facts.settings.object_lock.is_none() {
            return Err(Error::Invalid(Fault::LocksNothing));
        }
        if protection.retention.is_some_and(|retention| !retention.holds(self.time.opening())) {
            let reason = "the retain until date must be in the future".to_owned();
            return Err(Error::Invalid(Fault::Argument { name: "RetainUntilDate", reason }));
        }
        Ok(())
    }

    /// What is told of a version's lock beside the version: each half to whom it concerns.
    ///
    /// Source: Amazon S3 API, *HeadObject*.
    pub(crate) fn shown_lock(
        &self,
        caller: &Caller,
        facts: &BucketFacts,
        key: &ObjectKey,
        version: &Version,
    ) -> (Option<Retention>, Option<bool>) {
        let Some(object) = version.object().filter(|object| object.protection.concerns_removal()) else {
            return (None, None);
        };
        let may = |action| {
            let facts_of_version = policy::VersionView { facts: object, created: version.modified };
            let view = policy::ObjectView { key, version: None, facts: Some(facts_of_version), owner: None };
            self.decide(caller, &Ask { object: Some(view), ..Ask::bucket(action, facts) }).is_ok()
        };
        let protection = &object.protection;
        let retention = protection.retention.filter(|_| may(Action::GetObjectRetention));
        (retention, protection.legal_hold.filter(|_| may(Action::GetObjectLegalHold)))
    }
}
