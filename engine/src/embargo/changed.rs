//! Embargoes of versions that stand: looked at, set, and lifted before their time.

use std::collections::BTreeSet;

use kernel::settings::Setting;
use kernel::{
    BucketName, Caller, Embargo, EmbargoLift, EmbargoReader, EmbargoRule, EmbargoRuleChange, ObjectKey, Tags,
    Timestamp, Version, VersionName,
};
use metadata::{Amended, Amendment};
use policy::{Action, Permit};

use super::written::{check_until, until_of_tags};
use crate::audit;
use crate::facts::BucketFacts;
use crate::leave::{Ask, Sought};
use crate::{Engine, Error, Fault, Result};

/// Longest reason for a lift, in characters.
const REASON_CHARS_MAX: usize = 1_000;

/// A version whose embargo is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmbargoPlace {
    /// Where.
    pub bucket: BucketName,
    /// Under which key.
    pub key: ObjectKey,
    /// Which version; none for the current one.
    pub version: Option<VersionName>,
}

/// A version and its embargo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmbargoTold {
    /// The version.
    pub version: VersionName,
    /// Its embargo, over or not; none where it has none.
    pub embargo: Option<Embargo>,
    /// Whether it closes the version now.
    pub is_closed: bool,
}

/// A version that was found, and leave to change its embargo.
struct Found {
    permit: Permit,
    facts: BucketFacts,
    version: Version,
}

impl Engine {
    /// The embargo of a version.
    ///
    /// # Errors
    /// `NotFound`, `Invalid` (marker), `Denied`.
    pub async fn embargo(&self, caller: &Caller, place: &EmbargoPlace) -> Result<EmbargoTold> {
        Ok(self.embargo_told(&self.found(caller, Action::GetEmbargo, place).await?.version))
    }

    /// Changes a bucket's rule for embargoes, and leaves what the change does not name.
    ///
    /// # Errors
    /// As [`Self::set_bucket_setting`].
    pub async fn change_embargo_rule(
        &self,
        caller: &Caller,
        bucket: &BucketName,
        change: EmbargoRuleChange,
    ) -> Result<()> {
        let EmbargoRuleChange { default_ms, readers, listing } = change;
        self.set_up(caller, bucket, Action::PutBucketEmbargo, |facts| {
            let stands = facts.settings.embargo.clone().unwrap_or_default();
            let readers = readers.as_ref().map(|readers| self.readers_meant(readers, facts.owner)).transpose()?;
            Ok(Setting::Embargo(Some(EmbargoRule {
                default_ms: default_ms.unwrap_or(stands.default_ms),
                readers: readers.unwrap_or(stands.readers),
                listing: listing.unwrap_or(stands.listing),
            })))
        })
        .await
    }

    /// Closes a version until an instant. Without readers it keeps those that it has, or gets those of its bucket.
    ///
    /// # Errors
    /// As [`Self::embargo`]; `Invalid` for an instant that does not lie ahead; `Busy` where it was changed meanwhile.
    pub async fn set_embargo(
        &self,
        caller: &Caller,
        place: &EmbargoPlace,
        until: Timestamp,
        readers: Option<BTreeSet<EmbargoReader>>,
    ) -> Result<EmbargoTold> {
        let found = self.found(caller, Action::SetEmbargo, place).await?;
        let now = self.time.opening();
        check_until(until, now)?;
        let standing = found.version.object().and_then(|object| object.protection.embargo.as_ref());
        let standing = standing.filter(|embargo| embargo.is_in_force(now));
        let of_bucket = || found.facts.settings.embargo.as_ref().map(|rule| rule.readers.clone()).unwrap_or_default();
        let kept = || standing.map_or_else(of_bucket, |standing| standing.readers.clone());
        let readers = readers.map(|readers| self.readers_meant(&readers, found.facts.owner)).transpose()?;
        let embargo = Embargo { until, readers: readers.unwrap_or_else(kept), lift: None };
        if standing.is_some_and(|standing| embargo.is_looser_than(standing, now)) {
            self.permit_shorter(caller, &found.facts, (&place.key, Some(&found.version)))?;
        }
        self.amend_embargo(found, place, Amendment::Embargo(Some(embargo))).await
    }

    /// Opens a version before its time, for a reason that stays with it.
    ///
    /// # Errors
    /// As [`Self::embargo`]; `Invalid` where nothing is closed, and for no reason; `Busy` where it was changed meanwhile.
    pub async fn lift_embargo(&self, caller: &Caller, place: &EmbargoPlace, reason: &str) -> Result<EmbargoTold> {
        let found = self.found(caller, Action::LiftEmbargo, place).await?;
        let reason = reason.trim();
        if reason.is_empty() || reason.chars().count() > REASON_CHARS_MAX {
            let reason = format!("must say in at most {REASON_CHARS_MAX} characters why the embargo ends early");
            return Err(Error::Invalid(Fault::Argument { name: "reason", reason }));
        }
        let at = self.time.opening();
        let standing = found.version.object().and_then(|object| object.protection.embargo.clone());
        let Some(standing) = standing.filter(|embargo| embargo.is_in_force(at)) else {
            return Err(Error::Invalid(Fault::Request(
                "the version is under no embargo that could be lifted".to_owned(),
            )));
        };
        audit::note_reason(reason);
        let lift = EmbargoLift { by: caller.to_string(), at, reason: reason.to_owned() };
        tracing::warn!(bucket = %place.bucket, key = %place.key, by = %caller, reason, "an embargo was lifted early");
        self.amend_embargo(found, place, Amendment::Embargo(Some(Embargo { lift: Some(lift), ..standing }))).await
    }

    /// What replacing the tags of a version does: closes it where the tag that does so is new. A tag that says what it said
    /// before asks for nothing, and one that goes loosens nothing.
    pub(crate) fn tagged(
        &self,
        caller: &Caller,
        bucket: &BucketFacts,
        (key, name): (&ObjectKey, Option<VersionName>),
        (version, tags): (&Version, Tags),
    ) -> Result<Amendment> {
        let standing = version.object().ok_or(Error::Bug("a marker has tags"))?;
        let until = until_of_tags(&tags)?;
        let Some(until) = until.filter(|until| until_of_tags(&standing.tags).ok().flatten() != Some(*until)) else {
            return Ok(Amendment::Tags(tags));
        };
        let sought = Sought::now(key, name);
        self.permit_with_facts(caller, Ask::bucket(Action::SetEmbargo, bucket), sought, Some(version))?;
        let now = self.time.opening();
        check_until(until, now)?;
        let embargo = standing.protection.embargo.as_ref().filter(|embargo| embargo.is_in_force(now));
        let of_bucket = || bucket.settings.embargo.as_ref().map(|rule| rule.readers.clone()).unwrap_or_default();
        let readers = embargo.map_or_else(of_bucket, |embargo| embargo.readers.clone());
        let wanted = Embargo { until, readers, lift: None };
        if embargo.is_some_and(|embargo| wanted.is_looser_than(embargo, now)) {
            self.permit_shorter(caller, bucket, (key, Some(version)))?;
        }
        Ok(Amendment::ClosingTags(tags, wanted))
    }

    async fn found(&self, caller: &Caller, action: Action, place: &EmbargoPlace) -> Result<Found> {
        let facts = self.bucket_facts(&place.bucket).await?;
        let sought = Sought::now(&place.key, place.version);
        let (permit, version) = self.permit_found(caller, action, &facts, sought).await?;
        Ok(Found { permit, facts, version })
    }

    /// Changes the embargo of a version that is still as it was when leave was given.
    async fn amend_embargo(&self, found: Found, place: &EmbargoPlace, amendment: Amendment) -> Result<EmbargoTold> {
        let Found { permit, facts, version } = found;
        let (by, amendment, version) = (&permit.caller().to_string(), &amendment, &version);
        let amend = |facts: BucketFacts| async move {
            let now = self.clock.now();
            // By its own name, so that what was looked at is changed and nothing that came over it since.
            let of = Amended { key: &place.key, name: Some(version.name()), only_if: version.object(), now, by };
            self.catalog.amend_object(&facts, of, amendment).await
        };
        let (changed, _) = self.change(&permit, facts, amend).await?;
        Ok(self.embargo_told(&changed))
    }

    fn embargo_told(&self, version: &Version) -> EmbargoTold {
        let embargo = version.object().and_then(|object| object.protection.embargo.clone());
        let is_closed = embargo.as_ref().is_some_and(|embargo| embargo.is_in_force(self.time.opening()));
        EmbargoTold { version: version.name(), embargo, is_closed }
    }
}
