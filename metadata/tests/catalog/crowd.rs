//! Listings of a large bucket on disk while others write and delete in it: whoever walks it page by page sees every key
//! that was there throughout, once and in order, and none that was not there at all.
//!
//! `TWINLAKE_TEST_LISTED_KEYS=1000000` walks a million keys instead of two hundred thousand.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

use kernel::{Version, VersionName, Versioning};
use metadata::rocks::RocksMap;
use metadata::{Bucket, ObjectScan, Row, VersionScan};
use tokio::task::JoinSet;

use crate::lake::{ANY, Lake, key};
use crate::machine::{StoppedClock, settings};

const KEYS: usize = 200_000;
/// Writers beside the walkers: enough that their changes share their syncs.
const WRITERS: usize = 16;
const WALKERS: usize = 4;
/// Changes that must have been made beside the walks.
const CHANGES_MIN: usize = 5_000;
/// Puts under way at once while the bucket is filled.
const FILLERS: usize = 64;

/// What becomes of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It is there all the time.
    Stays,
    /// It is written and deleted all the time.
    Wavers,
    /// It was deleted before anybody looked.
    Gone,
}

/// The key of that number: sixteen directories of sixteen directories of fifty.
fn text(number: usize) -> String {
    let (first, second, third, leaf) = (number % 16, number / 16 % 16, number / 256 % 50, number / 12_800);
    match third {
        // Behind this nothing can stand that is not below it.
        49 => format!("{first:x}/{second:x}/\u{10FFFF}/{leaf:04}.npy"),
        _ => format!("{first:x}/{second:x}/{third:02}/{leaf:04}.npy"),
    }
}

fn fate(number: usize) -> Fate {
    match (number % 256, number / 256 % 50) {
        // Whole directories, at two depths.
        (255, _) | (_, 10 | 11) => Fate::Gone,
        (254, _) | (_, 20 | 21) => Fate::Wavers,
        _ if number.wrapping_mul(0x9e37_79b9) >> 7 & 3 == 0 => Fate::Wavers,
        _ => Fate::Stays,
    }
}

/// A bucket's keys, in byte order.
struct Keys {
    stay: Vec<String>,
    waver: Vec<String>,
    /// Those that may be seen.
    seen: Vec<String>,
    /// In how many versions those stand that stay.
    versions: usize,
}

impl Keys {
    fn new(count: usize, versions: usize) -> (Self, Vec<String>) {
        let (mut stay, mut waver, mut gone) = (Vec::new(), Vec::new(), Vec::new());
        for number in 0..count {
            match fate(number) {
                Fate::Stays => stay.push(text(number)),
                Fate::Wavers => waver.push(text(number)),
                Fate::Gone => gone.push(text(number)),
            }
        }
        // Keys that are called as directories are.
        for number in 0..256 {
            let directory = format!("{:x}/{:x}", number % 16, number / 16);
            stay.extend([directory.clone(), directory + "/"]);
        }
        let mut seen = [stay.clone(), waver.clone()].concat();
        stay.sort_unstable();
        waver.sort_unstable();
        seen.sort_unstable();
        (Self { stay, waver, seen, versions }, gone)
    }
}

fn beginning<'k>(keys: &'k [String], prefix: &str) -> &'k [String] {
    let from = keys.partition_point(|key| key.as_str() < prefix);
    let below = &keys[from..];
    &below[..below.partition_point(|key| key.starts_with(prefix))]
}

/// One way to walk a bucket.
#[derive(Debug, Clone)]
struct Walk {
    prefix: String,
    delimiter: Option<&'static str>,
    limit: usize,
}

impl Walk {
    fn new(prefix: &str, delimiter: Option<&'static str>, limit: usize) -> Self {
        Self { prefix: prefix.to_owned(), delimiter, limit }
    }

    /// The name that a key has in the listing, and whether it stands for all that begin so.
    fn row<'k>(&self, key: &'k str) -> (&'k str, bool) {
        let behind = key.strip_prefix(self.prefix.as_str()).expect("a key with the prefix");
        match self.delimiter.and_then(|delimiter| Some((delimiter, behind.find(delimiter)?))) {
            Some((delimiter, at)) => (&key[..self.prefix.len() + at + delimiter.len()], true),
            None => (key, false),
        }
    }

    /// Judges what a walk saw, whose names rise, against the keys there were.
    fn judge(&self, seen: &[Seen], keys: &Keys) {
        let mut stay = beginning(&keys.stay, &self.prefix);
        while let [first, ..] = stay {
            let (name, is_prefix) = self.row(first);
            let from = seen.partition_point(|(seen, _)| seen.as_str() < name);
            let own = seen[from..].iter().take_while(|(seen, _)| seen == name);
            let own: Vec<_> = own.map(|(_, version)| version.is_none()).collect();
            let expected = vec![is_prefix; if is_prefix { 1 } else { keys.versions }];
            assert_eq!(own, expected, "{self:?} does not show `{name}` as it stands there");
            stay = &stay[if is_prefix { beginning(stay, name).len() } else { 1 }..];
        }
        for (name, version) in seen {
            let below = beginning(beginning(&keys.seen, &self.prefix), name);
            let first = below.first().unwrap_or_else(|| panic!("{self:?} shows `{name}`, which is not there"));
            assert_eq!(self.row(first), (name.as_str(), version.is_none()), "{self:?}");
        }
    }
}

/// Walks at every depth, in pages of all sizes; none takes more than some hundred pages.
fn walks(keys: usize) -> Vec<Walk> {
    let slash = Some("/");
    let mut walks: Vec<_> = [1, 3, 16, 1_000].map(|limit| Walk::new("", slash, limit)).into();
    walks.extend(
        [(None, 1_000), (None, 617), (Some(".npy"), 1_000)].map(|(delimiter, limit)| Walk::new("", delimiter, limit)),
    );
    for first in 0..16 {
        walks.push(Walk::new(&format!("{first:x}/"), slash, [1, 2, 5, 1_000][first % 4]));
        walks.push(Walk::new(&format!("{first:x}"), slash, 1));
        walks.push(Walk::new(&format!("{first:x}/"), None, (keys / 3_200).clamp(1, 1_000)));
    }
    for number in 0..256 {
        let directory = format!("{:x}/{:x}", number % 16, number / 16);
        walks.push(Walk::new(&format!("{directory}/"), slash, [1, 7, 50, 1_000][number % 4]));
        walks.push(Walk::new(&directory, slash, 1 + number % 3));
        walks.push(Walk::new(&format!("{directory}/2"), slash, 1 + number % 5));
        let leaves = ["00", "10", "20", "48", "\u{10FFFF}"][number % 5];
        walks.push(Walk::new(&format!("{directory}/{leaves}/"), [slash, None, Some("0")][number % 3], 1 + number % 11));
    }
    walks
}

/// A row that a walk saw: its name, and the version where it is one's own.
type Seen = (String, Option<(Version, bool)>);

struct Crowd {
    lake: Lake,
    bucket: Arc<Bucket>,
    keys: Keys,
    walks: Vec<Walk>,
    next: AtomicUsize,
    ended: AtomicBool,
    changes: AtomicUsize,
    /// Keys begun anew by walks over versions, because the version at which a page ended was gone.
    restarts: AtomicUsize,
}

impl Crowd {
    /// Lets everybody loose until all walks are done.
    async fn run(lake: Lake, bucket: Arc<Bucket>, keys: Keys, walks: Vec<Walk>) {
        let (next, ended, changes, restarts) = Default::default();
        let crowd = Arc::new(Self { lake, bucket, keys, walks, next, ended, changes, restarts });
        let (mut writers, mut walkers) = (JoinSet::new(), JoinSet::new());
        for share in 0..WRITERS {
            let writer = Arc::clone(&crowd);
            writers.spawn(async move { writer.waver(share).await });
        }
        for _ in 0..WALKERS {
            let walker = Arc::clone(&crowd);
            walkers.spawn(async move { walker.walk_all().await });
        }
        let rows: usize = walkers.join_all().await.iter().sum();
        crowd.ended.store(true, SeqCst);
        writers.join_all().await;
        let changes = crowd.changes.load(SeqCst);
        println!("{rows} rows walked beside {changes} changes, {} keys begun anew", crowd.restarts.load(SeqCst));
    }

    /// Changes every wavering key of a share again and again, in another order than they are listed in.
    async fn waver(&self, share: usize) {
        let own = self.keys.waver.iter().skip(share).step_by(WRITERS);
        let (even, odd): (Vec<_>, Vec<_>) = own.enumerate().partition(|(place, _)| place.is_multiple_of(2));
        let mut order: Vec<_> = odd.into_iter().rev().chain(even).map(|(_, text)| (text, Vec::new())).collect();
        for round in 0_usize.. {
            for (text, versions) in &mut order {
                if self.ended.load(SeqCst) {
                    return;
                }
                if self.bucket.versioning != Versioning::Unversioned {
                    self.change_history(text, versions, round).await;
                } else if round.is_multiple_of(2) {
                    self.lake.delete(&self.bucket, text, None).await;
                } else {
                    put(&self.lake, &self.bucket, text).await;
                }
                self.changes.fetch_add(1, SeqCst);
            }
        }
    }

    /// Adds to the history of a key, or takes from anywhere in it.
    async fn change_history(&self, text: &str, versions: &mut Vec<VersionName>, round: usize) {
        if versions.len() > 4 {
            let gone = versions.swap_remove(round % versions.len());
            self.lake.delete(&self.bucket, text, Some(gone)).await;
        } else if round.is_multiple_of(3) {
            versions.extend(self.lake.delete(&self.bucket, text, None).await.name);
        } else {
            versions.push(put(&self.lake, &self.bucket, text).await);
        }
    }

    /// The next walk: each once, and again from the start until enough was changed beside them.
    fn next_walk(&self) -> Option<&Walk> {
        let next = self.next.fetch_add(1, SeqCst);
        let goes_on = next < self.walks.len() || self.changes.load(SeqCst) < CHANGES_MIN;
        goes_on.then(|| &self.walks[next % self.walks.len()])
    }

    /// Walks until there is nothing left to walk; says how many rows it saw.
    async fn walk_all(&self) -> usize {
        let mut rows = 0;
        while let Some(walk) = self.next_walk() {
            let mut seen: Vec<Seen> = Vec::new();
            while match self.bucket.versioning {
                Versioning::Unversioned => self.page_of_objects(walk, &mut seen).await,
                _ => self.page_of_versions(walk, &mut seen).await,
            } {}
            rows += seen.len();
            walk.judge(&seen, &self.keys);
        }
        rows
    }

    /// Adds a page of objects to what was seen, and says whether more follows.
    async fn page_of_objects(&self, walk: &Walk, seen: &mut Vec<Seen>) -> bool {
        let Walk { prefix, delimiter, limit } = walk;
        let after = seen.last().map(|(name, _)| name.as_str());
        let scan = ObjectScan { bucket: self.bucket.id, prefix, delimiter: *delimiter, after, limit: *limit };
        let page = self.lake.catalog.list_objects(scan).await.expect("a listing");
        walk.check_page(page.rows.len(), page.truncated);
        for row in page.rows {
            let row = match row {
                Row::Item(version) => (version.key.to_string(), Some((version, true))),
                Row::Prefix(prefix) => (prefix, None),
            };
            assert!(seen.last().is_none_or(|last| last.0 < row.0), "{walk:?}: `{}` out of order", row.0);
            seen.push(row);
        }
        page.truncated
    }

    /// Adds a page of versions to what was seen, and says whether more follows.
    async fn page_of_versions(&self, walk: &Walk, seen: &mut Vec<Seen>) -> bool {
        let Walk { prefix, delimiter, limit } = walk;
        let last = seen.last().cloned();
        let name = |(version, _): &(Version, bool)| version.name();
        let after = last.as_ref().map(|(text, version)| (text.as_str(), version.as_ref().map(name)));
        let scan = VersionScan { bucket: self.bucket.id, prefix, delimiter: *delimiter, after, limit: *limit };
        let page = self.lake.catalog.list_versions(scan).await.expect("a listing");
        walk.check_page(page.rows.len(), page.truncated);
        for (place, row) in page.rows.into_iter().enumerate() {
            let row = match row {
                Row::Item((version, is_newest)) => (version.key.to_string(), Some((version, is_newest))),
                Row::Prefix(prefix) => (prefix, None),
            };
            if place == 0 && row.1.as_ref().is_some_and(|(_, is_newest)| *is_newest) {
                self.begin_anew(&row.0, seen).await;
            }
            walk.check_order(seen.last(), &row);
            seen.push(row);
        }
        page.truncated
    }

    /// A page begins with the newest version of the key in which the page before ended: that is right only where the
    /// version it ended at is gone, for nothing else tells where to go on.
    async fn begin_anew(&self, text: &str, seen: &mut Vec<Seen>) {
        let Some((last, Some((version, _)))) = seen.last().filter(|last| last.0 == text) else { return };
        let still = self.lake.version(&self.bucket, last, Some(version.name())).await;
        assert_eq!(still, None, "the walk could have gone on behind this version");
        self.restarts.fetch_add(1, SeqCst);
        seen.truncate(seen.partition_point(|(name, _)| name.as_str() < text));
    }
}

impl Walk {
    fn check_page(&self, rows: usize, truncated: bool) {
        assert!(rows == self.limit || (rows < self.limit && !truncated), "{self:?}: a page of {rows}");
    }

    /// Names rise, and sequences fall within a key, whose first version is called the newest.
    fn check_order(&self, last: Option<&Seen>, row: &Seen) {
        let is_ordered = match (last, row) {
            (Some((last, Some((newer, _)))), (text, Some((version, is_newest)))) if last == text => {
                newer.sequence > version.sequence && !is_newest
            }
            (last, (text, version)) => {
                last.is_none_or(|(last, _)| last < text) && version.as_ref().is_none_or(|(_, is_newest)| *is_newest)
            }
        };
        assert!(is_ordered, "{self:?}: {row:?} behind {last:?}");
    }
}

/// Puts an object without bytes: what is listed is its name.
async fn put(lake: &Lake, bucket: &Bucket, text: &str) -> VersionName {
    let key = key(text);
    lake.catalog.put(bucket, lake.new_version(&key, 1, lake.body(0, 0, false), &ANY)).await.expect("a put").name()
}

/// Puts every key, and removes it again where it is to be gone.
async fn fill(lake: &Arc<Lake>, bucket: &Arc<Bucket>, keys: Vec<String>, gone: bool) {
    let keys = Arc::new(keys);
    let mut crowd = JoinSet::new();
    for share in 0..FILLERS {
        let (lake, bucket, keys) = (Arc::clone(lake), Arc::clone(bucket), Arc::clone(&keys));
        crowd.spawn(async move {
            for text in keys.iter().skip(share).step_by(FILLERS) {
                let name = put(&lake, &bucket, text).await;
                if gone {
                    lake.delete(&bucket, text, Some(name)).await;
                }
            }
        });
    }
    crowd.join_all().await;
}

/// A crowd in a bucket of so many keys on disk, each that stays in so many versions.
fn crowded(count: usize, versioning: Versioning, versions: usize) {
    let place = tempfile::tempdir().expect("a directory can be made");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().expect("a runtime");
    runtime.block_on(async {
        let map = RocksMap::open(settings(place.path()), Arc::new(StoppedClock)).expect("it is new");
        let lake = Arc::new(Lake::over(map.clone()).await);
        let bucket = lake.create("bucket", versioning).await;
        let (keys, gone) = Keys::new(count, versions);
        fill(&lake, &bucket, gone, true).await;
        for _ in 1..versions {
            fill(&lake, &bucket, keys.stay.clone(), false).await;
        }
        fill(&lake, &bucket, keys.seen.clone(), false).await;
        let lake = Arc::into_inner(lake).expect("nobody else has it");
        Crowd::run(lake, bucket, keys, walks(count)).await;
        map.close().await;
    });
}

#[test]
fn objects_that_stay_are_listed_once_and_in_order_whatever_others_do() {
    let count = std::env::var("TWINLAKE_TEST_LISTED_KEYS").map_or(KEYS, |text| text.parse().expect("a number"));
    crowded(count, Versioning::Unversioned, 1);
}

#[test]
fn versions_that_stay_are_listed_once_and_in_order_whatever_others_do() {
    crowded(KEYS / 40, Versioning::Enabled, 3);
}
