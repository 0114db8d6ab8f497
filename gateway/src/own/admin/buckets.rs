//! What buckets hold, and how much they may.

use engine::BucketUsage;
use kernel::Versioning;
use kernel::settings::{Quota, Setting};
use serde::{Deserialize, Serialize};

use super::{Asked, Told};
use crate::s3_error::{Failure, Mistake};
use crate::translate::{names, time};

/// Most buckets of a page, and how many there are unless fewer are asked for.
const PAGE_MAX: usize = 1000;

/// Bounds as they are sent and told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct QuotaDocument {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    objects: Option<u64>,
}

/// What a bucket holds.
#[derive(Debug, Serialize)]
struct UsedDocument {
    bytes: u64,
    objects: u64,
    versions: u64,
}

/// The bounds of a bucket, and what is used of them.
#[derive(Debug, Serialize)]
struct BucketQuotaDocument<'a> {
    bucket: &'a str,
    /// `null` where the bucket has no quota.
    quota: Option<QuotaDocument>,
    used: UsedDocument,
}

/// A bucket of a page.
#[derive(Debug, Serialize)]
struct BucketDocument<'a> {
    name: &'a str,
    created: String,
    versioning: &'static str,
    used: UsedDocument,
    quota: Option<QuotaDocument>,
}

/// A page of buckets.
#[derive(Debug, Serialize)]
struct PageDocument<'a> {
    buckets: Vec<BucketDocument<'a>>,
    /// The name to ask for the next page with; `null` where there is none.
    next: Option<&'a str>,
}

impl From<Quota> for QuotaDocument {
    fn from(quota: Quota) -> Self {
        Self { bytes: quota.bytes, objects: quota.objects }
    }
}

impl TryFrom<QuotaDocument> for Quota {
    type Error = Mistake;

    fn try_from(document: QuotaDocument) -> Result<Self, Mistake> {
        let QuotaDocument { bytes, objects } = document;
        if bytes.is_none() && objects.is_none() {
            return Err(Mistake::Json("a quota bounds `bytes`, `objects` or both; DELETE takes it away".to_owned()));
        }
        for (name, bound) in [("bytes", bytes), ("objects", objects)] {
            if bound.is_some_and(|bound| bound > Self::MAX) {
                return Err(Mistake::Json(format!("`{name}` must be at most {}", Self::MAX)));
            }
        }
        Ok(Self { bytes, objects })
    }
}

impl From<&BucketUsage> for UsedDocument {
    fn from(usage: &BucketUsage) -> Self {
        Self { bytes: usage.bytes, objects: usage.objects, versions: usage.versions }
    }
}

fn bucket_quota(usage: &BucketUsage) -> BucketQuotaDocument<'_> {
    BucketQuotaDocument {
        bucket: usage.bucket.name.as_str(),
        quota: usage.quota.map(QuotaDocument::from),
        used: UsedDocument::from(usage),
    }
}

fn bucket(usage: &BucketUsage) -> BucketDocument<'_> {
    BucketDocument {
        name: usage.bucket.name.as_str(),
        created: time::rfc_3339(usage.bucket.created),
        versioning: match usage.bucket.versioning {
            Versioning::Unversioned => "unversioned",
            Versioning::Enabled => "enabled",
            Versioning::Suspended => "suspended",
        },
        used: UsedDocument::from(usage),
        quota: usage.quota.map(QuotaDocument::from),
    }
}

/// `GET buckets`
pub(super) async fn list(asked: Asked<'_>) -> Result<Told, Failure> {
    let limit = match asked.parameter("limit") {
        None => PAGE_MAX,
        Some(text) => text.parse().ok().filter(|limit| (1..=PAGE_MAX).contains(limit)).ok_or_else(|| {
            Mistake::Argument { name: "limit", reason: format!("must be a number between 1 and {PAGE_MAX}") }
        })?,
    };
    let (prefix, after) = (asked.parameter("prefix").unwrap_or_default(), asked.parameter("after"));
    let (usages, truncated) = asked.engine.list_bucket_usage(asked.caller, prefix, after, limit).await?;
    let next = usages.last().filter(|_| truncated).map(|last| last.bucket.name.as_str());
    Told::json(&PageDocument { buckets: usages.iter().map(bucket).collect(), next })
}

/// `GET buckets/{name}/quota`
pub(super) async fn quota(asked: Asked<'_>) -> Result<Told, Failure> {
    let name = names::bucket(asked.segment(0))?;
    Told::json(&bucket_quota(&asked.engine.bucket_quota(asked.caller, &name).await?))
}

/// `PUT buckets/{name}/quota`
pub(super) async fn set_quota(asked: Asked<'_>) -> Result<Told, Failure> {
    let name = names::bucket(asked.segment(0))?;
    let quota = Quota::try_from(asked.document::<QuotaDocument>()?)?;
    asked.engine.set_bucket_setting(asked.caller, &name, Setting::Quota(Some(quota))).await?;
    self::quota(asked).await
}

/// `DELETE buckets/{name}/quota`
pub(super) async fn clear_quota(asked: Asked<'_>) -> Result<Told, Failure> {
    let name = names::bucket(asked.segment(0))?;
    asked.engine.set_bucket_setting(asked.caller, &name, Setting::Quota(None)).await?;
    Ok(Told::Done)
}
