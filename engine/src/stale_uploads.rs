//! Giving up uploads that nobody will finish. A client that dies leaves its parts behind; S3 keeps them until somebody
//! asks for them to go. Here an upload is given up once neither it nor any of its parts was touched for long enough.
//!
//! One walk after the other goes through all uploads of all buckets, a page at a step, and rests in between. An upload is
//! judged by when it was started, which the page says, and only where that is long ago by its parts. A place that cannot
//! be read is left behind until the next walk, so that it holds up nothing else.

use std::sync::Arc;
use std::time::Duration;

use kernel::{BucketName, Caller, ObjectKey, Role, Timestamp, UploadId};

use crate::{Background, Engine, Entry, Error, ListUploads, Missing, Progress, Result, UploadName};

/// What an operator may tune.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StaleUploadSettings {
    /// How long an upload stays that nobody touches; none for ever, as in S3.
    pub age: Option<Duration>,
    /// Uploads looked at in one step.
    pub batch: usize,
}

impl StaleUploadSettings {
    /// Thirty days, 256 at a time.
    pub const DEFAULT: Self = Self { age: Some(Duration::from_secs(30 * 86_400)), batch: 256 };
}

/// Uploads whose parts are looked at in one step: each may have 10,000.
const JUDGED_MAX: usize = 8;
/// Longest rest between two walks.
const REST_MAX: Duration = Duration::from_secs(3_600);
/// Rests of this length are short beside the age, so that no upload stays much longer than it should.
const RESTS_PER_AGE: u32 = 16;

/// Gives up uploads that nobody has touched for long.
pub struct StaleUploads {
    engine: Arc<Engine>,
    settings: StaleUploadSettings,
    /// Where the walk under way has come to.
    walk: Option<Walk>,
    /// When the next one begins, on the monotonic clock.
    next_walk: Duration,
}

/// How far a walk has come.
#[derive(Default)]
struct Walk {
    /// The last bucket that it is done with.
    done: Option<BucketName>,
    /// The bucket it is in, and the last upload there that it is done with.
    within: Option<(BucketName, Option<(ObjectKey, UploadId)>)>,
}

impl StaleUploads {
    /// Work that begins with a walk at once.
    pub fn new(engine: Arc<Engine>, settings: StaleUploadSettings) -> Self {
        Self { engine, settings, walk: None, next_walk: Duration::ZERO }
    }

    /// Goes to the next bucket; false where there is none.
    async fn enter(&self, walk: &mut Walk) -> Result<bool> {
        let after = walk.done.as_ref().map(BucketName::as_str);
        let (buckets, _) = self.engine.list_buckets(&caller(), "", after, 1).await?;
        walk.within = buckets.into_iter().next().map(|bucket| (bucket.name, None));
        Ok(walk.within.is_some())
    }

    /// Looks at the next uploads of the bucket that the walk is in.
    async fn look(&self, walk: &mut Walk, until: Timestamp) -> Result<()> {
        let Some((bucket, after)) = walk.within.take() else { return Ok(()) };
        // Should anything here fail, the walk goes on behind this bucket.
        walk.done = Some(bucket.clone());
        let list = ListUploads {
            bucket: bucket.clone(),
            prefix: String::new(),
            delimiter: None,
            after: after.map(|(key, id)| (key.as_str().to_owned(), Some(id))),
            limit: self.settings.batch,
        };
        let page = match self.engine.list_uploads(&caller(), list).await {
            Err(Error::NotFound(Missing::Bucket)) => return Ok(()),
            page => page?,
        };
        let mut more = page.truncated;
        let (mut judged, mut last) = (0, None);
        let mut outcome = Ok(());
        for entry in page.entries {
            let Entry::Item(upload) = entry else { continue };
            if judged == JUDGED_MAX {
                more = true;
                break;
            }
            last = Some((upload.key.clone(), upload.id));
            if upload.started <= until {
                judged += 1;
                let name = UploadName { bucket: bucket.clone(), key: upload.key, id: upload.id };
                outcome = outcome.and(self.judge(name, until).await);
            }
        }
        if more {
            walk.within = Some((bucket, last));
        }
        outcome
    }

    /// Gives an upload up if nobody has touched it since `until`.
    async fn judge(&self, name: UploadName, until: Timestamp) -> Result<()> {
        let (bucket, id) = (name.bucket.clone(), name.id);
        match self.engine.abort_untouched_upload(&caller(), name, until).await {
            Ok(true) => tracing::info!(%bucket, upload = %id, "gave up an upload that nobody has touched for long"),
            // It was touched after all, or is no more.
            Ok(false) | Err(Error::NotFound(_)) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

fn caller() -> Caller {
    Caller::lake(Role::StaleUploads)
}

impl Background for StaleUploads {
    const NAME: &'static str = "giving up stale uploads";

    async fn step(&mut self) -> Result<Progress> {
        let Some(age) = self.settings.age else { return Ok(Progress::Idle) };
        let now = self.engine.clock.monotonic();
        let mut walk = match self.walk.take() {
            Some(walk) => walk,
            None if now < self.next_walk => return Ok(Progress::Idle),
            None => Walk::default(),
        };
        if walk.within.is_none() && !self.enter(&mut walk).await? {
            self.next_walk = now + (age / RESTS_PER_AGE).min(REST_MAX);
            return Ok(Progress::Idle);
        }
        let looked = self.look(&mut walk, self.engine.clock.now().minus(age)).await;
        self.walk = Some(walk);
        looked.map(|()| Progress::Worked)
    }
}
