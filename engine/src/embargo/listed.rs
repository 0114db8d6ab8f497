//! What of closed versions listings show: nothing, or their keys. Which it is, the bucket says.
//!
//! What is hidden is passed over while a page is filled, not taken out of it: so neither the length of a page, nor whether
//! more follows, nor the place where that begins tells that something is there.

use std::sync::Arc;

use kernel::{Caller, Embargo, EmbargoListing, Timestamp, Version, Who};
use metadata::{Upload, Veil};

use crate::Engine;
use crate::facts::BucketFacts;

/// What is needed to tell what is closed to a caller, without the engine.
#[derive(Clone)]
struct Onlooker {
    caller: Caller,
    bucket: BucketFacts,
    now: Timestamp,
}

impl Onlooker {
    fn is_shut_out(&self, embargo: Option<&Embargo>) -> bool {
        embargo.is_some_and(|embargo| policy::is_closed(&self.caller, embargo, self.bucket.owner, self.now))
    }

    fn is_bound(&self) -> bool {
        matches!(self.caller.who(), Who::Anonymous | Who::Principal(_))
    }

    fn hides(&self) -> bool {
        let listing = self.bucket.settings.embargo.as_ref().map(|rule| rule.listing);
        self.is_bound() && listing.unwrap_or_default() == EmbargoListing::Hidden
    }
}

impl Engine {
    fn onlooker(&self, caller: &Caller, bucket: &BucketFacts) -> Onlooker {
        Onlooker { caller: caller.clone(), bucket: bucket.clone(), now: self.time.opening() }
    }

    /// What listings of objects and versions hide from a caller.
    pub(crate) fn veil(&self, caller: &Caller, bucket: &BucketFacts) -> Veil<Version> {
        let onlooker = self.onlooker(caller, bucket);
        if !onlooker.hides() {
            return Veil::NONE;
        }
        let hides = move |version: &Version| {
            onlooker.is_shut_out(version.object().and_then(|object| object.protection.embargo.as_ref()))
        };
        Veil::over(hides).passing(self.settings.hidden_rows_max)
    }

    /// When a listed version opens that is closed to the caller; none for one that is open.
    pub(crate) fn opening_of(&self, caller: &Caller, bucket: &BucketFacts) -> impl Fn(&Version) -> Option<Timestamp> {
        let onlooker = Arc::new(self.onlooker(caller, bucket));
        move |version| {
            let embargo = version.object()?.protection.embargo.as_ref();
            embargo.filter(|_| onlooker.is_shut_out(embargo)).map(|embargo| embargo.until)
        }
    }

    /// What listings of uploads hide from a caller: those whose objects will be closed to it, by what they were started
    /// with or by the bucket's default.
    pub(crate) fn veil_of_uploads(&self, caller: &Caller, bucket: &BucketFacts) -> Veil<Upload> {
        let onlooker = self.onlooker(caller, bucket);
        if !onlooker.hides() {
            return Veil::NONE;
        }
        let default = self.default_embargo(bucket, onlooker.now);
        let hides = move |upload: &Upload| {
            onlooker.is_shut_out(upload.protection.embargo.as_ref()) || onlooker.is_shut_out(default.as_ref())
        };
        Veil::over(hides).passing(self.settings.hidden_rows_max)
    }

    /// Whether what an upload becomes will be closed to a caller.
    pub(crate) fn will_be_closed(&self, caller: &Caller, bucket: &BucketFacts, upload: &Upload) -> bool {
        let onlooker = self.onlooker(caller, bucket);
        let default = self.default_embargo(bucket, onlooker.now);
        onlooker.is_shut_out(upload.protection.embargo.as_ref()) || onlooker.is_shut_out(default.as_ref())
    }
}
