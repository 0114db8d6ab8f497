//! `twinlake bucket`: what buckets hold, and how much they may.

use clap::{Args, Subcommand};
use kernel::BucketName;
use serde::{Deserialize, Serialize};

use crate::client::Client;
use crate::connection::ConnectionFlags;
use crate::output::{NOTHING, Side, Table};
use crate::size::ByteSize;
use crate::{Result, Surroundings};

/// `twinlake bucket …`
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  twinlake bucket list
  twinlake bucket quota set turbines --bytes 500GB --objects 1000000
  twinlake bucket list --profile lab --output json")]
pub struct BucketFlags {
    #[command(flatten)]
    connection: ConnectionFlags,
    #[command(subcommand)]
    command: BucketCommand,
}

/// What can be done with buckets.
#[derive(Debug, Subcommand)]
pub enum BucketCommand {
    /// Lists buckets with what they hold.
    #[command(after_help = "Example:
  twinlake bucket list --prefix turbine")]
    List {
        /// Only buckets whose names begin so.
        #[arg(long, value_name = "TEXT", default_value = "")]
        prefix: String,
    },
    /// How much a bucket may hold.
    #[command(after_help = "Examples:
  twinlake bucket quota set turbines --bytes 500GB --objects 1000000
  twinlake bucket quota get turbines
  twinlake bucket quota list")]
    Quota {
        /// What to do with it.
        #[command(subcommand)]
        command: QuotaCommand,
    },
}

/// What can be done with quotas.
#[derive(Debug, Subcommand)]
pub enum QuotaCommand {
    /// Sets a bucket's quota, in the place of the one it has.
    ///
    /// Bytes are those of all versions, objects are keys that are not deleted. What would go beyond is refused with
    /// QuotaExceeded; deleting always works. A bound below what the bucket holds takes nothing away: until enough is
    /// deleted, nothing new comes in.
    #[command(after_help = "Examples:
  twinlake bucket quota set turbines --bytes 500GB
  twinlake bucket quota set turbines --bytes 1.5TiB --objects 1000000
  twinlake bucket quota set archive --bytes 0    # nothing new comes in")]
    Set {
        /// The bucket.
        bucket: BucketArgument,
        /// Its bounds.
        #[command(flatten)]
        bounds: QuotaBounds,
    },
    /// Shows a bucket's quota and what is used of it.
    #[command(after_help = "Example:
  twinlake bucket quota get turbines --output json")]
    Get {
        /// The bucket.
        bucket: BucketArgument,
    },
    /// Takes a bucket's quota away.
    #[command(after_help = "Example:
  twinlake bucket quota clear turbines")]
    Clear {
        /// The bucket.
        bucket: BucketArgument,
    },
    /// Lists the buckets that have a quota.
    #[command(after_help = "Example:
  twinlake bucket quota list")]
    List,
}

/// The bounds of a quota; one at the least.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub struct QuotaBounds {
    /// Most bytes of all versions: a number with a unit of 1000 (kB … EB) or of 1024 (KiB … EiB).
    #[arg(long, value_name = "SIZE")]
    bytes: Option<ByteSize>,
    /// Most objects: keys that are not deleted.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    objects: Option<u64>,
}

/// A bucket's name as it was typed: what can be no bucket's is refused before anybody is asked.
#[derive(Debug, Clone)]
pub struct BucketArgument(pub(crate) BucketName);

impl std::str::FromStr for BucketArgument {
    type Err = kernel::NameError;

    fn from_str(text: &str) -> std::result::Result<Self, Self::Err> {
        BucketName::new(text).map(Self)
    }
}

impl BucketArgument {
    /// Where its quota is, in the API.
    fn quota_path(&self) -> String {
        format!("/buckets/{}/quota", self.0)
    }
}

/// The bounds that a bucket has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Quota {
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    objects: Option<u64>,
}

/// A quota and what is used of it.
#[derive(Debug, Serialize, Deserialize)]
struct BucketQuota {
    bucket: String,
    quota: Option<Quota>,
    used: Used,
}

/// What a bucket holds.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Used {
    bytes: u64,
    pub(crate) objects: u64,
    versions: u64,
}

/// A bucket of the list.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct BucketUsage {
    pub(crate) name: String,
    created: String,
    versioning: String,
    pub(crate) used: Used,
    quota: Option<Quota>,
}

/// A stretch of the list.
#[derive(Debug, Deserialize)]
struct BucketPage {
    buckets: Vec<BucketUsage>,
    /// The name after which the next stretch begins.
    next: Option<String>,
}

/// Does what was typed and gives back what is to be printed.
pub(crate) async fn run(flags: BucketFlags, surroundings: &Surroundings) -> Result<String> {
    let BucketFlags { connection, command } = flags;
    let output = connection.output;
    let mut client = Client::new(connection.resolve(surroundings)?, surroundings)?;
    match command {
        BucketCommand::List { prefix } => {
            let buckets = usage(&mut client, &prefix).await?;
            output.print(&buckets, || usage_table(&buckets))
        }
        BucketCommand::Quota { command } => match command {
            QuotaCommand::Set { bucket, bounds } => {
                let quota = Quota { bytes: bounds.bytes.map(|size| size.0), objects: bounds.objects };
                let set: BucketQuota = client.put(&bucket.quota_path(), &quota).await?;
                output.print(&set, || quota_table([&set]))
            }
            QuotaCommand::Get { bucket } => {
                let found: BucketQuota = client.get(&bucket.quota_path(), &[]).await?;
                output.print(&found, || quota_table([&found]))
            }
            QuotaCommand::Clear { bucket } => client.delete(&bucket.quota_path()).await.map(|()| String::new()),
            QuotaCommand::List => {
                let limited: Vec<_> = usage(&mut client, "").await?.into_iter().filter_map(limited).collect();
                output.print(&limited, || quota_table(&limited))
            }
        },
    }
}

/// A bucket of the list that has a quota.
fn limited(bucket: BucketUsage) -> Option<BucketQuota> {
    let BucketUsage { name, used, quota, .. } = bucket;
    quota.map(|quota| BucketQuota { bucket: name, quota: Some(quota), used })
}

/// All buckets whose names begin with `prefix`, page by page.
pub(crate) async fn usage(client: &mut Client, prefix: &str) -> Result<Vec<BucketUsage>> {
    let mut buckets: Vec<BucketUsage> = Vec::new();
    let mut after = None;
    loop {
        let mut query = vec![("prefix", prefix)];
        query.extend(after.as_deref().map(|after| ("after", after)));
        let page: BucketPage = client.get("/buckets", &query).await?;
        buckets.extend(page.buckets);
        match page.next {
            // Names rise: a page that leads back would never end.
            Some(next) if after.as_ref().is_none_or(|after| next > *after) => after = Some(next),
            _ => return Ok(buckets),
        }
    }
}

fn usage_table(buckets: &[BucketUsage]) -> Table {
    let mut table = Table::new(&[
        ("NAME", Side::Left),
        ("CREATED", Side::Left),
        ("VERSIONING", Side::Left),
        ("OBJECTS", Side::Right),
        ("VERSIONS", Side::Right),
        ("BYTES", Side::Right),
        ("MOST OBJECTS", Side::Right),
        ("MOST BYTES", Side::Right),
    ]);
    for bucket in buckets {
        let quota = bucket.quota;
        table.push([
            bucket.name.clone(),
            bucket.created.clone(),
            bucket.versioning.clone(),
            bucket.used.objects.to_string(),
            bucket.used.versions.to_string(),
            ByteSize(bucket.used.bytes).to_string(),
            bound(quota.and_then(|quota| quota.objects), |objects| objects.to_string()),
            bound(quota.and_then(|quota| quota.bytes), |bytes| ByteSize(bytes).to_string()),
        ]);
    }
    table
}

fn quota_table<'a>(buckets: impl IntoIterator<Item = &'a BucketQuota>) -> Table {
    let mut table = Table::new(&[
        ("BUCKET", Side::Left),
        ("BYTES", Side::Right),
        ("MOST BYTES", Side::Right),
        ("USED", Side::Right),
        ("OBJECTS", Side::Right),
        ("MOST OBJECTS", Side::Right),
        ("USED", Side::Right),
    ]);
    for BucketQuota { bucket, quota, used } in buckets {
        let (bytes, objects) = (quota.and_then(|quota| quota.bytes), quota.and_then(|quota| quota.objects));
        table.push([
            bucket.clone(),
            ByteSize(used.bytes).to_string(),
            bound(bytes, |bytes| ByteSize(bytes).to_string()),
            bound(bytes, |bytes| share(used.bytes, bytes)),
            used.objects.to_string(),
            bound(objects, |objects| objects.to_string()),
            bound(objects, |objects| share(used.objects, objects)),
        ]);
    }
    table
}

fn bound(bound: Option<u64>, text: impl Fn(u64) -> String) -> String {
    bound.map_or_else(|| NOTHING.to_owned(), text)
}

/// What part of `most` is used, in per cent, rounded down: 100 % means that nothing fits any more.
fn share(used: u64, most: u64) -> String {
    match (u128::from(used) * 100).checked_div(u128::from(most)) {
        Some(percent) => format!("{percent} %"),
        None => "full".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_rounded_down() {
        for (used, most, text) in
            [(0, 10, "0 %"), (999, 1000, "99 %"), (10, 10, "100 %"), (15, 10, "150 %"), (0, 0, "full")]
        {
            assert_eq!(share(used, most), text);
        }
    }

    #[test]
    fn a_quota_shows_what_it_bounds_and_nothing_else() {
        let used = Used { bytes: 3 << 29, objects: 7, versions: 9 };
        let quota = Some(Quota { bytes: Some(2 << 30), objects: None });
        let table = quota_table([&BucketQuota { bucket: "turbines".into(), quota, used }]).to_string();
        assert_eq!(
            table.lines().nth(1),
            Some("turbines  1.5 GiB       2 GiB  75 %        7             -     -"),
            "{table}"
        );
    }
}
