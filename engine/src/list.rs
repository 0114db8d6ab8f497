//! Listing: pages of keys, versions and uploads.

use kernel::{AccountId, Caller, Timestamp, Version};
use metadata::{Listing, ObjectScan, PastListing, Row, UploadScan, VersionScan};
use policy::Action;

use crate::embargo::place::Listed;
use crate::facts::BucketFacts;
use crate::upload::upload_info;
use crate::{
    Engine, Entry, ListObjects, ListUploads, ListVersions, ListedObject, ListedVersion, ObjectPage, Page, Result,
    UploadInfo,
};

fn page<T, U>(listing: Listing<T>, item: impl Fn(T) -> U) -> Page<U> {
    let entries = listing.rows.into_iter().map(|row| match row {
        Row::Item(row) => Entry::Item(item(row)),
        Row::Prefix(prefix) => Entry::Prefix(prefix),
    });
    Page { entries: entries.collect(), truncated: listing.truncated, place: None }
}

fn listed(facts: &BucketFacts, version: Version, opens: &impl Fn(&Version) -> Option<Timestamp>) -> ListedObject {
    ListedObject { opens: opens(&version), owner: owner(facts, &version), version }
}

/// Whose a version is. A marker is the bucket's owner's.
fn owner(facts: &BucketFacts, version: &Version) -> AccountId {
    version.object().map_or(facts.owner, |object| facts.owner_of(object))
}

fn name(entry: &Entry<ListedObject>) -> &str {
    match entry {
        Entry::Item(listed) => listed.version.key.as_str(),
        Entry::Prefix(prefix) => prefix,
    }
}

impl Engine {
    /// A page of objects that are current, or were.
    ///
    /// # Errors
    /// `NotFound`, `Denied`; of the past also `Invalid` and `Removed`.
    pub async fn list_objects(&self, caller: &Caller, list: ListObjects) -> Result<ObjectPage> {
        let facts = self.bucket_facts(&list.bucket).await?;
        self.permit(caller, Action::ListBucket, &facts, None)?;
        let scan = ObjectScan {
            bucket: facts.id,
            prefix: &list.prefix,
            delimiter: list.delimiter.as_deref(),
            after: list.after.as_deref(),
            limit: list.limit,
        };
        let (veil, opens) = (self.veil(caller, &facts), self.opening_of(caller, &facts));
        let resumed = |kind| self.opened_place(kind, &facts, list.after.as_deref());
        let Some(as_of) = list.as_of else {
            let veil = veil.resuming(resumed(Listed::Objects));
            let listing = self.catalog.list_objects_behind(veil, scan).await?;
            let place = self.place_of(Listed::Objects, &facts, listing.resume.as_ref())?;
            let page = page(listing, |version| listed(&facts, version, &opens));
            let last = page.entries.last().filter(|_| page.truncated).map(name).map(str::to_owned);
            return Ok(ObjectPage { next: place.or(last), page, as_of: None });
        };
        let at = self.moment(caller, &facts, as_of).await?;
        let past = self.catalog.list_objects_behind_as_of(veil.resuming(resumed(Listed::Past)), &facts, scan, at);
        let PastListing { rows, next, resume } = past.await?;
        let next = self.place_of(Listed::Past, &facts, resume.as_ref())?.or(next);
        let listing = Listing { rows, truncated: next.is_some(), resume };
        let page = page(listing, |version| listed(&facts, version, &opens));
        Ok(ObjectPage { page, next, as_of: Some(at) })
    }

    /// A page of versions and markers, newest first within a key.
    ///
    /// # Errors
    /// `NotFound`, `Denied`.
    pub async fn list_versions(&self, caller: &Caller, list: ListVersions) -> Result<Page<ListedVersion>> {
        let facts = self.bucket_facts(&list.bucket).await?;
        self.permit(caller, Action::ListBucketVersions, &facts, None)?;
        let scan = VersionScan {
            bucket: facts.id,
            prefix: &list.prefix,
            delimiter: list.delimiter.as_deref(),
            after: list.after.as_ref().map(|(key, version)| (key.as_str(), *version)),
            limit: list.limit,
        };
        let (veil, opens) = (self.veil(caller, &facts), self.opening_of(caller, &facts));
        let resumed = self.opened_place(Listed::Versions, &facts, list.after.as_ref().map(|(key, _)| key.as_str()));
        let listing = self.catalog.list_versions_behind(veil.resuming(resumed), scan).await?;
        let place = self.place_of(Listed::Versions, &facts, listing.resume.as_ref())?;
        let page = page(listing, |(version, is_latest)| ListedVersion {
            opens: opens(&version),
            owner: owner(&facts, &version),
            version,
            is_latest,
        });
        Ok(Page { place, ..page })
    }

    /// A page of uploads under way, by key and then by when they were started.
    ///
    /// # Errors
    /// `NotFound`, `Denied`.
    pub async fn list_uploads(&self, caller: &Caller, list: ListUploads) -> Result<Page<UploadInfo>> {
        let facts = self.bucket_facts(&list.bucket).await?;
        self.permit(caller, Action::ListBucketMultipartUploads, &facts, None)?;
        let scan = UploadScan {
            bucket: facts.id,
            prefix: &list.prefix,
            delimiter: list.delimiter.as_deref(),
            after: list.after.as_ref().map(|(key, upload)| (key.as_str(), *upload)),
            limit: list.limit,
        };
        let resumed = self.opened_place(Listed::Uploads, &facts, list.after.as_ref().map(|(key, _)| key.as_str()));
        let veil = self.veil_of_uploads(caller, &facts).resuming(resumed);
        let listing = self.catalog.list_uploads_behind(veil, scan).await?;
        let place = self.place_of(Listed::Uploads, &facts, listing.resume.as_ref())?;
        Ok(Page { place, ..page(listing, |upload| upload_info(&upload)) })
    }
}
