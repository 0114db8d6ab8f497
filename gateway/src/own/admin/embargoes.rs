//! Embargoes, the calendar of what ends by itself, and what a bucket gives to new versions.

use std::collections::BTreeSet;

use engine::{CalendarDay, CalendarPage, EmbargoPlace, EmbargoTold, Event, ListCalendar, WantedEmbargo};
use kernel::settings::{Setting, SettingName};
use kernel::{Embargo, EmbargoListing, EmbargoReader, EmbargoRule, EmbargoRuleChange, RetentionMode, Timestamp};
use serde::{Deserialize, Deserializer, Serialize};

use super::{Asked, Told};
use crate::s3_error::{Failure, Mistake};
use crate::translate::{names, time};

/// Most entries of a page, and how many there are unless fewer are asked for.
const PAGE_MAX: usize = 1000;
/// The longest that a bucket closes new versions for: a hundred years.
const DEFAULT_SECONDS_MAX: u64 = 100 * 366 * 86_400;

/// An embargo to set.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WantedDocument {
    until: String,
    #[serde(default)]
    readers: Option<Vec<String>>,
}

/// Why an embargo is lifted.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LiftDocument {
    reason: String,
}

/// A lift that was made.
#[derive(Debug, Serialize)]
struct LiftedDocument<'a> {
    by: &'a str,
    at: String,
    reason: &'a str,
}

/// An embargo of a version.
#[derive(Debug, Serialize)]
struct EmbargoDocument<'a> {
    bucket: &'a str,
    key: &'a str,
    version: String,
    closed: bool,
    /// `null` where there is none.
    until: Option<String>,
    readers: Vec<String>,
    lift: Option<LiftedDocument<'a>>,
}

/// An embargo of a page.
#[derive(Debug, Serialize)]
struct ListedDocument<'a> {
    bucket: &'a str,
    key: &'a str,
    version: String,
    until: String,
    readers: Vec<String>,
}

/// A page of embargoes.
#[derive(Debug, Serialize)]
struct PageDocument<'a> {
    embargoes: Vec<ListedDocument<'a>>,
    next: Option<&'a str>,
}

/// An entry of the calendar.
#[derive(Debug, Serialize)]
struct DayDocument<'a> {
    at: String,
    what: &'static str,
    bucket: &'a str,
    key: &'a str,
    version: String,
}

/// A page of the calendar.
#[derive(Debug, Serialize)]
struct CalendarDocument<'a> {
    entries: Vec<DayDocument<'a>>,
    next: Option<&'a str>,
}

/// What a bucket gives to new versions.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleDocument {
    #[serde(default)]
    default_seconds: Option<u64>,
    #[serde(default)]
    readers: Vec<String>,
    #[serde(default)]
    listing: ListingWord,
}

/// What is to change of it: what is not there stays, and a default that is `null` goes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleChangeDocument {
    #[serde(default, deserialize_with = "given")]
    default_seconds: Option<Option<u64>>,
    #[serde(default)]
    readers: Option<Vec<String>>,
    #[serde(default)]
    listing: Option<ListingWord>,
}

/// A field that is there, if only to be `null`.
fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// How listings show what is closed.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum ListingWord {
    #[default]
    Hidden,
    KeyOnly,
}

impl From<ListingWord> for EmbargoListing {
    fn from(word: ListingWord) -> Self {
        match word {
            ListingWord::Hidden => Self::Hidden,
            ListingWord::KeyOnly => Self::KeyOnly,
        }
    }
}

fn instant(name: &'static str, text: &str) -> Result<Timestamp, Failure> {
    let reason = || "must be a date and time as RFC 3339 has it".to_owned();
    // As the header has it, so that both open at the same moment.
    let read = WantedEmbargo::parse(Some(text), None).ok().flatten().and_then(|wanted| wanted.until);
    Ok(read.ok_or_else(|| Mistake::Argument { name, reason: reason() })?)
}

fn readers(names: &[String]) -> Result<BTreeSet<EmbargoReader>, Mistake> {
    if names.len() > Embargo::READERS_MAX {
        return Err(Mistake::Json(format!("`readers` names more than {} readers", Embargo::READERS_MAX)));
    }
    let reader = |name: &String| name.parse().map_err(|error| Mistake::Json(format!("`readers`: `{name}`: {error}")));
    names.iter().map(reader).collect()
}

fn texts(readers: &BTreeSet<EmbargoReader>) -> Vec<String> {
    readers.iter().map(ToString::to_string).collect()
}

fn place(asked: &Asked<'_>) -> Result<EmbargoPlace, Failure> {
    let key = asked.parameter("key").ok_or(Mistake::Argument { name: "key", reason: "must be given".to_owned() })?;
    Ok(EmbargoPlace {
        bucket: names::bucket(asked.segment(0))?,
        key: names::key(key)?,
        version: names::version(asked.parameter("version"))?,
    })
}

fn told(place: &EmbargoPlace, told: &EmbargoTold) -> Result<Told, Failure> {
    let embargo = told.embargo.as_ref();
    let lift = embargo.and_then(|embargo| embargo.lift.as_ref());
    Told::json(&EmbargoDocument {
        bucket: place.bucket.as_str(),
        key: place.key.as_str(),
        version: names::version_text(told.version),
        closed: told.is_closed,
        until: embargo.map(|embargo| time::rfc_3339(embargo.until)),
        readers: embargo.map(|embargo| texts(&embargo.readers)).unwrap_or_default(),
        lift: lift.map(|lift| LiftedDocument { by: &lift.by, at: time::rfc_3339(lift.at), reason: &lift.reason }),
    })
}

/// `GET embargoes/{bucket}`
pub(super) async fn get(asked: Asked<'_>) -> Result<Told, Failure> {
    let place = place(&asked)?;
    told(&place, &asked.engine.embargo(asked.caller, &place).await?)
}

/// `PUT embargoes/{bucket}`
pub(super) async fn set(asked: Asked<'_>) -> Result<Told, Failure> {
    let place = place(&asked)?;
    let document: WantedDocument = asked.document()?;
    let until = instant("until", &document.until)?;
    let readers = document.readers.as_deref().map(readers).transpose()?;
    told(&place, &asked.engine.set_embargo(asked.caller, &place, until, readers).await?)
}

/// `POST embargoes/{bucket}/lift`
pub(super) async fn lift(asked: Asked<'_>) -> Result<Told, Failure> {
    let place = place(&asked)?;
    let document: LiftDocument = asked.document()?;
    told(&place, &asked.engine.lift_embargo(asked.caller, &place, &document.reason).await?)
}

async fn page(asked: &Asked<'_>, embargoes_only: bool) -> Result<CalendarPage, Failure> {
    let limit = match asked.parameter("limit") {
        None => PAGE_MAX,
        Some(text) => text.parse().ok().filter(|limit| (1..=PAGE_MAX).contains(limit)).ok_or_else(|| {
            Mistake::Argument { name: "limit", reason: format!("must be a number between 1 and {PAGE_MAX}") }
        })?,
    };
    let list = ListCalendar {
        bucket: asked.parameter("bucket").map(names::bucket).transpose()?,
        prefix: asked.parameter("prefix").unwrap_or_default().to_owned(),
        from: asked.parameter("from").map(|text| instant("from", text)).transpose()?,
        until: asked.parameter("until").map(|text| instant("until", text)).transpose()?,
        embargoes_only,
        after: asked.parameter("after").map(str::to_owned),
        limit,
    };
    Ok(asked.engine.calendar(asked.caller, &list).await?)
}

fn listed(day: &CalendarDay) -> ListedDocument<'_> {
    let CalendarDay { at, event, bucket, key, version } = day;
    let readers = match event {
        Event::EmbargoEnds(readers) => texts(readers),
        Event::RetentionEnds(_) => Vec::new(),
    };
    let version = names::version_text(*version);
    ListedDocument { bucket: bucket.as_str(), key: key.as_str(), version, until: time::rfc_3339(*at), readers }
}

/// `GET embargoes`
pub(super) async fn list(asked: Asked<'_>) -> Result<Told, Failure> {
    let page = page(&asked, true).await?;
    Told::json(&PageDocument { embargoes: page.entries.iter().map(listed).collect(), next: page.next.as_deref() })
}

/// `GET calendar`
pub(super) async fn calendar(asked: Asked<'_>) -> Result<Told, Failure> {
    let page = page(&asked, false).await?;
    let entries = page.entries.iter().map(|day| DayDocument {
        at: time::rfc_3339(day.at),
        what: match day.event {
            Event::EmbargoEnds(_) => "embargo-ends",
            Event::RetentionEnds(RetentionMode::Governance) => "governance-ends",
            Event::RetentionEnds(RetentionMode::Compliance) => "compliance-ends",
        },
        bucket: day.bucket.as_str(),
        key: day.key.as_str(),
        version: names::version_text(day.version),
    });
    Told::json(&CalendarDocument { entries: entries.collect(), next: page.next.as_deref() })
}

/// `GET buckets/{name}/embargo`
pub(super) async fn rule(asked: Asked<'_>) -> Result<Told, Failure> {
    let name = names::bucket(asked.segment(0))?;
    let setting = asked.engine.bucket_setting(asked.caller, &name, SettingName::Embargo).await?;
    let Setting::Embargo(rule) = setting else {
        return Err(engine::Error::Bug("a setting under another name").into());
    };
    let rule = rule.unwrap_or_default();
    Told::json(&RuleDocument {
        default_seconds: rule.default_ms.map(|millis| millis / 1000),
        readers: texts(&rule.readers),
        listing: match rule.listing {
            EmbargoListing::Hidden => ListingWord::Hidden,
            EmbargoListing::KeyOnly => ListingWord::KeyOnly,
        },
    })
}

/// `PUT buckets/{name}/embargo`
pub(super) async fn set_rule(asked: Asked<'_>) -> Result<Told, Failure> {
    let name = names::bucket(asked.segment(0))?;
    let document: RuleDocument = asked.document()?;
    let rule = EmbargoRule {
        default_ms: default_ms(document.default_seconds)?,
        readers: readers(&document.readers)?,
        listing: document.listing.into(),
    };
    asked.engine.set_bucket_setting(asked.caller, &name, Setting::Embargo(Some(rule))).await?;
    self::rule(asked).await
}

/// `POST buckets/{name}/embargo`
pub(super) async fn change_rule(asked: Asked<'_>) -> Result<Told, Failure> {
    let name = names::bucket(asked.segment(0))?;
    let document: RuleChangeDocument = asked.document()?;
    let change = EmbargoRuleChange {
        default_ms: document.default_seconds.map(default_ms).transpose()?,
        readers: document.readers.as_deref().map(readers).transpose()?,
        listing: document.listing.map(EmbargoListing::from),
    };
    asked.engine.change_embargo_rule(asked.caller, &name, change).await?;
    rule(asked).await
}

fn default_ms(seconds: Option<u64>) -> Result<Option<u64>, Mistake> {
    match seconds {
        Some(seconds) if !(1..=DEFAULT_SECONDS_MAX).contains(&seconds) => {
            Err(Mistake::Json(format!("`default_seconds` must be between 1 and {DEFAULT_SECONDS_MAX}")))
        }
        seconds => Ok(seconds.map(|seconds| seconds * 1000)),
    }
}

/// `DELETE buckets/{name}/embargo`
pub(super) async fn clear_rule(asked: Asked<'_>) -> Result<Told, Failure> {
    let name = names::bucket(asked.segment(0))?;
    asked.engine.set_bucket_setting(asked.caller, &name, Setting::Embargo(None)).await?;
    Ok(Told::Done)
}
