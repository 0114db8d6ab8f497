//! Embargoes: versions that nobody but their readers may read before an instant.
//!
//! Nothing is switched when the instant comes. The date stands in the version's facts, and every request compares it with
//! the time that [`crate::trusted_time`] tells: so what opens, opens at once, after a restart as before one, and what the
//! clock cannot be believed for stays closed.
//!
//! Closed means that a caller learns of the version what it would learn if there were none: the same refusal where it may
//! not list the bucket, the same "not there" where it may. Where the bucket shows the keys of what is closed, or the caller
//! has a right to know about embargoes, it is told so, and when it opens.

pub(crate) mod calendar;
pub(crate) mod changed;
mod listed;
pub(crate) mod place;
pub(crate) mod written;

use kernel::{Caller, EmbargoListing, ObjectFacts, ObjectKey, Timestamp, Unexpected, Version, Who, WriteCondition};
use metadata::Veil;
use policy::Action;

use crate::audit;
use crate::facts::BucketFacts;
use crate::leave::{Ask, Sought};
use crate::{Engine, Error, Missing, Result, Unmet};

impl Engine {
    /// Whether a version is under an embargo that binds the caller.
    pub(crate) fn is_closed_to(&self, caller: &Caller, bucket: &BucketFacts, version: &Version) -> bool {
        let embargo = version.object().and_then(|object| object.protection.embargo.as_ref());
        embargo.is_some_and(|embargo| policy::is_closed(caller, embargo, bucket.owner, self.time.opening()))
    }

    /// Until when an object is closed to others than its readers; none where it is open.
    pub(crate) fn closed_until(&self, object: &ObjectFacts) -> Option<Timestamp> {
        let embargo = object.protection.embargo.as_ref()?;
        embargo.is_in_force(self.time.opening()).then_some(embargo.until)
    }

    /// What a caller is told who asked for a version that is closed to it.
    pub(crate) fn closed(
        &self,
        caller: &Caller,
        ask: Ask<'_>,
        bucket: &BucketFacts,
        (sought, version): (Sought<'_>, &Version),
    ) -> Error {
        let knows = self.may_know_of(caller, bucket, (sought, version));
        let embargo = version.object().and_then(|object| object.protection.embargo.as_ref());
        let told = match embargo.filter(|_| knows) {
            Some(embargo) => Error::Closed { opens: embargo.until },
            // From here on as if there were none.
            None => {
                let absent = Error::NotFound(match sought.name {
                    Some(_) => Missing::Version,
                    None => Missing::Key { marker: None },
                });
                self.told_absent(caller, ask, bucket, (sought, absent))
            }
        };
        self.note_closed(caller, ask, (sought, version)).err().unwrap_or(told)
    }

    /// Lets the audit hear what is refused, and by which rule, whatever the caller is told.
    fn note_closed(&self, caller: &Caller, ask: Ask<'_>, (sought, version): (Sought<'_>, &Version)) -> Result<()> {
        audit::note_withheld();
        match self.permit_with_facts(caller, ask, sought, Some(version)) {
            Ok(_) | Err(Error::Denied(_)) => Ok(()),
            Err(broken) => Err(broken),
        }
    }

    /// Keeps conditions of a write from telling what is closed to the caller. Whether a tag that it names is the object's
    /// is not told: with `If-Match` the object is as good as not there. That something is there is told to who may write
    /// to the key, as by a failed `If-None-Match`: otherwise it would be written over.
    pub(crate) fn expect_open(
        &self,
        caller: &Caller,
        bucket: &BucketFacts,
        (key, condition): (&ObjectKey, &WriteCondition),
        current: Option<&Version>,
    ) -> Result<()> {
        let Some(version) = current.filter(|version| self.is_closed_to(caller, bucket, version)) else { return Ok(()) };
        if condition.if_match.is_some() {
            let (ask, found) = (Ask::bucket(Action::GetObject, bucket), (Sought::now(key, None), version));
            if self.may_know_of(caller, bucket, found) {
                return Err(self.closed(caller, ask, bucket, found));
            }
            self.note_closed(caller, ask, found)?;
            return Err(Unexpected::Absent.into());
        }
        match condition.if_none_match {
            Some(_) => Err(Error::Precondition(Unmet::Header("If-None-Match"))),
            None => Ok(()),
        }
    }

    /// Of which objects the condition of a write tells nothing when it takes effect: one may have been closed since
    /// [`Self::expect_open`] looked.
    pub(crate) fn unseen(&self, caller: &Caller, bucket: &BucketFacts, has_condition: bool) -> Veil<ObjectFacts> {
        if !has_condition || !matches!(caller.who(), Who::Anonymous | Who::Principal(_)) {
            return Veil::NONE;
        }
        let (caller, of, now) = (caller.clone(), bucket.owner, self.time.opening());
        Veil::over(move |object: &ObjectFacts| {
            let embargo = object.protection.embargo.as_ref();
            embargo.is_some_and(|embargo| policy::is_closed(&caller, embargo, of, now))
        })
    }

    /// Whether a caller may know that a version is there which is closed to it: where the bucket's listings show its key
    /// to the caller, and where the caller may know when embargoes end.
    pub(crate) fn may_know_of(
        &self,
        caller: &Caller,
        bucket: &BucketFacts,
        (sought, version): (Sought<'_>, &Version),
    ) -> bool {
        let listing = bucket.settings.embargo.as_ref().map(|rule| rule.listing).unwrap_or_default();
        let is_listed = || {
            let action = if sought.name.is_some() { Action::ListBucketVersions } else { Action::ListBucket };
            listing == EmbargoListing::KeyOnly && self.may(caller, Ask::bucket(action, bucket))
        };
        let is_told = || self.may(caller, Ask::bucket(Action::GetEmbargo, bucket).of(sought, Some(version)));
        is_listed() || is_told()
    }
}
