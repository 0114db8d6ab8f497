//! The embargo of a version that is about to be written: from the request, from the bucket's default, from the source of
//! a copy, and from the object that it is written over. Only a request that says something needs a right to; what comes by
//! itself is never loosened by who may merely write.

use std::collections::BTreeSet;
use std::time::Duration;

use kernel::{AccountId, Caller, Embargo, EmbargoReader, ObjectKey, ReaderNameError, Tags, Timestamp, Version};
use policy::{Action, Permit};

use crate::facts::BucketFacts;
use crate::leave::{Ask, Sought};
use crate::{Engine, Error, Fault, Result, WantedEmbargo};

/// The tag that closes an object until the instant that it holds.
pub(crate) const UNTIL_TAG: &str = "lake:embargo-until";
/// Tags that begin so are read by policies: setting one, or taking it away, is a right of its own.
const CLASSIFYING: &str = "lake:";
/// Where a request names the end of an embargo.
const UNTIL: &str = "x-lake-embargo-until";
/// Where a request names its readers.
const READERS: &str = "x-lake-embargo-readers";

/// The embargo of a version to write.
#[derive(Debug, Clone, Default)]
pub(crate) struct NewEmbargo {
    /// What it is; none for not closed.
    pub(crate) embargo: Option<Embargo>,
    /// When an embargo must be in force on the object below to pass on; none where the caller may open it.
    pub(crate) keeps: Option<Timestamp>,
}

/// What an embargo comes from, beside the bucket.
#[derive(Clone, Copy, Default)]
pub(crate) struct EmbargoGrounds<'a> {
    /// What the request says.
    pub(crate) wanted: Option<&'a WantedEmbargo>,
    /// The tags that it sets.
    pub(crate) tags: Option<&'a Tags>,
    /// The version whose bytes are taken, and its bucket.
    pub(crate) source: Option<(&'a BucketFacts, &'a Version)>,
}

/// The instant in a set of tags until which an object is to be closed.
pub(crate) fn until_of_tags(tags: &Tags) -> Result<Option<Timestamp>> {
    let Some((_, text)) = tags.iter().find(|(name, _)| *name == UNTIL_TAG) else { return Ok(None) };
    let instant = policy::instant(text);
    instant.map(Some).ok_or_else(|| argument(UNTIL_TAG, "must be a date and time as RFC 3339 has it"))
}

/// The tags that policies read, of which the caller must not have its own way with a right to write alone. IAM's conditions
/// name tags in whatever case.
pub(crate) fn classifying(tags: &Tags) -> Vec<(&str, &str)> {
    let is_read =
        |name: &str| name.get(..CLASSIFYING.len()).is_some_and(|start| start.eq_ignore_ascii_case(CLASSIFYING));
    tags.iter().filter(|(name, _)| is_read(name) && *name != UNTIL_TAG).collect()
}

/// Refuses the tag that closes objects where it would close none: on a bucket.
pub(crate) fn expect_no_end(tags: &Tags) -> Result<()> {
    let reason = "closes objects; what comes new into a bucket is closed by the bucket's default embargo";
    match tags.iter().any(|(name, _)| name.eq_ignore_ascii_case(UNTIL_TAG)) {
        true => Err(argument(UNTIL_TAG, reason)),
        false => Ok(()),
    }
}

fn argument(name: &'static str, reason: &str) -> Error {
    Error::Invalid(Fault::Argument { name, reason: reason.to_owned() })
}

/// An end that an embargo may have.
pub(crate) fn check_until(until: Timestamp, now: Timestamp) -> Result<()> {
    match until {
        _ if until <= now => Err(argument(UNTIL, "must lie ahead: at this instant nothing would be closed")),
        _ if until > Embargo::UNTIL_MAX => Err(argument(UNTIL, "must lie before the year 10000")),
        _ => Ok(()),
    }
}

fn embargo_of(version: &Version) -> Option<&Embargo> {
    version.object()?.protection.embargo.as_ref()
}

/// The embargo of a version whose bytes are taken, as a bucket has to say it.
pub(crate) fn embargo_of_source(source: &BucketFacts, version: &Version, bucket: &BucketFacts) -> Option<Embargo> {
    Some(embargo_of(version)?.clone().moved(source.owner, bucket.owner))
}

impl WantedEmbargo {
    /// Reads what a request says: an instant as RFC 3339 has it, and readers with commas between them. None where it says
    /// nothing.
    ///
    /// # Errors
    /// `Invalid` names what is malformed.
    pub fn parse(until: Option<&str>, readers: Option<&str>) -> Result<Option<Self>> {
        if until.is_none() && readers.is_none() {
            return Ok(None);
        }
        let malformed = || argument(UNTIL, "must be a date and time as RFC 3339 has it");
        let until = until.map(|text| policy::instant(text).ok_or_else(malformed)).transpose()?;
        let readers = readers.map(|text| {
            let named = text.split(',').map(str::trim).filter(|name| !name.is_empty());
            let readers = named.map(str::parse).collect::<std::result::Result<BTreeSet<_>, ReaderNameError>>();
            let readers = readers.map_err(|error| argument(READERS, &error.to_string()))?;
            check_readers(&readers).map(|()| readers)
        });
        Ok(Some(Self { until, readers: readers.transpose()? }))
    }
}

/// Readers that an embargo may have.
fn check_readers(readers: &BTreeSet<EmbargoReader>) -> Result<()> {
    match readers.len() {
        0..=Embargo::READERS_MAX => Ok(()),
        _ => Err(argument(READERS, &format!("names more than {} readers", Embargo::READERS_MAX))),
    }
}

impl Engine {
    /// The readers that are meant by their names, now, in a bucket of an account: whoever is called so later is somebody
    /// else.
    ///
    /// # Errors
    /// `Invalid` for too many, and for a user or role that there is none of.
    pub(crate) fn readers_meant(
        &self,
        readers: &BTreeSet<EmbargoReader>,
        of: AccountId,
    ) -> Result<BTreeSet<EmbargoReader>> {
        check_readers(readers)?;
        let roster = self.identities.roster();
        let meant = |reader: &EmbargoReader| {
            let meant = roster.reader_meant(reader, of);
            meant.ok_or_else(|| argument(READERS, &format!("names `{reader}`, and there is none")))
        };
        readers.iter().map(meant).collect()
    }

    /// The embargo that a bucket gives to new versions whose requests say nothing.
    pub(crate) fn default_embargo(&self, bucket: &BucketFacts, now: Timestamp) -> Option<Embargo> {
        let rule = bucket.settings.embargo.as_ref()?;
        let until = now.plus(Duration::from_millis(rule.default_ms?)).min(Embargo::UNTIL_MAX);
        Some(Embargo { until, readers: rule.readers.clone(), lift: None })
    }

    /// The embargo of a version that the caller is about to write, once it has leave for what it says of it.
    ///
    /// # Errors
    /// `Denied`; `Invalid` for a date that does not lie ahead, for two that differ, and for readers of nothing.
    pub(crate) async fn embargo_of_new(
        &self,
        caller: &Caller,
        bucket: &BucketFacts,
        key: &ObjectKey,
        grounds: EmbargoGrounds<'_>,
    ) -> Result<NewEmbargo> {
        let now = self.time.opening();
        let carried = grounds.source.and_then(|(source, version)| embargo_of_source(source, version, bucket));
        let given = Embargo::stricter(self.default_embargo(bucket, now), carried.clone(), now);
        let tagged = grounds.tags.map(until_of_tags).transpose()?.flatten();
        let (until, readers) = grounds.wanted.map_or((None, None), |wanted| (wanted.until, wanted.readers.as_ref()));
        if until.zip(tagged).is_some_and(|(until, tagged)| until != tagged) {
            return Err(argument(UNTIL, "is not what the tag lake:embargo-until says"));
        }
        let until = until.or(tagged);
        if until.is_none() && readers.is_none() {
            return Ok(NewEmbargo { embargo: given, keeps: Some(now) });
        }
        self.ask(caller, Ask::key(Action::SetEmbargo, bucket, key))?;
        let until = until.or(given.as_ref().map(|given| given.until));
        let until = until.ok_or_else(|| argument(READERS, "names readers of what would be open"))?;
        check_until(until, now)?;
        let of_bucket = || bucket.settings.embargo.as_ref().map(|rule| rule.readers.clone()).unwrap_or_default();
        let readers = readers.map(|readers| self.readers_meant(readers, bucket.owner)).transpose()?;
        let wanted = Embargo { until, readers: readers.unwrap_or_else(of_bucket), lift: None };
        let is_looser = |than: Option<&Embargo>| than.is_some_and(|than| wanted.is_looser_than(than, now));
        if let Some((source, version)) = grounds.source.filter(|_| is_looser(carried.as_ref())) {
            self.permit_shorter(caller, source, (&version.key, Some(version)))?;
        }
        let over = self.catalog.version(bucket.id, key, None).await?;
        let ask = Ask::bucket(Action::ShortenEmbargo, bucket).of(Sought::now(key, None), over.as_ref());
        if is_looser(self.default_embargo(bucket, now).as_ref()) || is_looser(over.as_ref().and_then(embargo_of)) {
            self.ask(caller, ask)?;
            return Ok(NewEmbargo { embargo: Some(wanted), keeps: None });
        }
        Ok(NewEmbargo { embargo: Some(wanted), keeps: (!self.may(caller, ask)).then_some(now) })
    }

    /// Asks for leave to let an embargo end sooner, or to name more readers of it.
    pub(crate) fn permit_shorter(
        &self,
        caller: &Caller,
        bucket: &BucketFacts,
        (key, version): (&ObjectKey, Option<&Version>),
    ) -> Result<Permit> {
        self.permit_with_facts(caller, Ask::bucket(Action::ShortenEmbargo, bucket), Sought::now(key, None), version)
    }

    /// Asks for leave to write tags that policies read in the place of those that stand.
    pub(crate) fn permit_classifying(
        &self,
        caller: &Caller,
        ask: Ask<'_>,
        (standing, tags): (Option<&Tags>, &Tags),
    ) -> Result<()> {
        if standing.map(classifying).unwrap_or_default() != classifying(tags) {
            self.ask(caller, Ask { action: Action::Classify, ..ask.with_tags(tags) })?;
        }
        Ok(())
    }
}
