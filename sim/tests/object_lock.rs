//! What is locked stays: whatever is asked, in whatever order, however often the power fails, and whatever the clocks of
//! the machine are made to say.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use engine::{Attributes, Body, CreateBucket, DeleteObject, Engine, Error, GetObject, LockPlace, PutObject, Selection};
use fixtures::seeded::Seeded;
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, TryStreamExt};
use kernel::settings::Setting;
use kernel::{
    BucketName, Caller, DefaultRetention, ObjectKey, ObjectLock, Period, Protection, Retention, RetentionMode,
    Timestamp, VersionName, Versioning,
};
use sim::world::{Racer, World, race, settle};

const SEEDS: u64 = 60;
const ROUNDS: usize = 60;
const DAY_MS: i64 = 86_400_000;
/// How far the wall clock is set ahead: within what is taken for drift, beyond it, and beyond all that a boot explains.
const AHEAD_MS: [i64; 8] =
    [0, 0, 30 * 60_000, -30 * 60_000, 2 * 3_600_000, -3 * DAY_MS, 40 * DAY_MS, 100 * 365 * DAY_MS];
/// What a clock may pull by in good faith, and what is lost to drift, per mille.
const FAITH_MS: i64 = 31 * 60_000;
/// How far ahead of the last mark a wall clock may be after a boot to be believed.
const GAP_MAX_MS: i64 = 31 * DAY_MS;

fn bucket() -> BucketName {
    BucketName::new("locking").expect("a name")
}

/// A version that was acknowledged.
#[derive(Debug, Clone)]
struct Known {
    place: LockPlace,
    body: Bytes,
    /// The latest end of a retention under compliance that was acknowledged.
    until: Option<Timestamp>,
    /// Whether a hold was acknowledged, and nobody tried to lift it since.
    held: bool,
}

impl Known {
    /// Whether it must be there at a time.
    fn must_stand(&self, surely: Timestamp) -> bool {
        self.held || self.until.is_some_and(|until| until > surely)
    }

    fn learn(&mut self, retention: Option<Retention>) {
        if let Some(Retention { mode: RetentionMode::Compliance, until }) = retention {
            self.until = self.until.max(Some(until));
        }
    }
}

/// What somebody asks for.
#[derive(Debug, Clone)]
enum Wish {
    Put(ObjectKey, Bytes, Protection),
    Retain(usize, Option<Retention>, bool),
    Hold(usize, bool),
    Remove(usize, bool),
    RemoveAll,
    Cover(ObjectKey),
    Suspend,
    Default(Option<DefaultRetention>),
    DeleteBucket,
}

/// What came of it.
#[derive(Debug)]
enum Outcome {
    Written(VersionName, Protection),
    Done,
    Refused,
}

fn deletion(key: ObjectKey, version: Option<VersionName>, bypass_governance: bool) -> DeleteObject {
    DeleteObject { bucket: bucket(), key, version, bypass_governance, condition: Default::default() }
}

fn put(key: ObjectKey, bytes: Bytes, protection: Protection) -> PutObject {
    let announced = bytes.len() as u64;
    let stream = futures::stream::once(async move { Ok(bytes) }).boxed();
    PutObject {
        bucket: bucket(),
        key,
        attributes: Attributes { protection, ..Attributes::default() },
        algorithm: None,
        body: Body { stream, bytes: announced, md5: None, checksums: Vec::new(), trailer: None },
        condition: Default::default(),
    }
}

async fn grant(engine: Arc<Engine>, wish: Wish, known: Vec<LockPlace>) -> Outcome {
    let root = &Caller::root();
    let done = match wish {
        Wish::Put(key, bytes, protection) => {
            return match engine.put_object(root, put(key, bytes, protection)).await {
                Ok(written) => {
                    let protection = written.version.object().expect("an object").protection.clone();
                    Outcome::Written(written.version.name(), protection)
                }
                Err(error) => refused(error),
            };
        }
        Wish::Retain(at, retention, bypass) => engine.set_object_retention(root, &known[at], retention, bypass).await,
        Wish::Hold(at, on) => engine.set_object_legal_hold(root, &known[at], on).await,
        Wish::Remove(at, bypass) => {
            let LockPlace { key, version, .. } = known[at].clone();
            engine.delete_object(root, deletion(key, version, bypass)).await.map(drop)
        }
        Wish::RemoveAll => {
            let all = known.into_iter().map(|place| deletion(place.key, place.version, true)).collect();
            engine.delete_objects(root, all).await.into_iter().filter_map(Result::err).for_each(|error| {
                refused(error);
            });
            Ok(())
        }
        Wish::Cover(key) => engine.delete_object(root, deletion(key, None, false)).await.map(drop),
        Wish::Suspend => {
            let suspended = engine.set_bucket_versioning(root, &bucket(), Versioning::Suspended).await;
            assert!(suspended.is_err(), "versions are kept for good");
            return Outcome::Refused;
        }
        Wish::Default(default) => {
            let lock = Setting::ObjectLock(Some(ObjectLock { default }));
            engine.set_bucket_setting(root, &bucket(), lock).await
        }
        Wish::DeleteBucket => {
            let deleted = engine.delete_bucket(root, &bucket()).await;
            assert!(deleted.is_err(), "a version that holds for good is in it");
            return Outcome::Refused;
        }
    };
    done.map_or_else(refused, |()| Outcome::Done)
}

fn refused(error: Error) -> Outcome {
    let is_a_defect = matches!(error, Error::Bug(_) | Error::Corrupt { .. } | Error::Denied(_));
    assert!(!is_a_defect, "{error:?}");
    Outcome::Refused
}

/// One life of a lake.
struct Life {
    world: Option<World>,
    seeded: Seeded,
    known: Vec<Known>,
    start: Timestamp,
    /// How far ahead the wall clock is, and the furthest that it was at a boot after which it could be believed.
    ahead_ms: i64,
    believed_ms: i64,
    /// Versions that went, and removals that were refused: a run without either shows little.
    gone: usize,
    stood: usize,
}

impl Life {
    fn new(seed: u64) -> Self {
        let world = World::new(seed, |map| map);
        let create = CreateBucket { locks_objects: true, ..CreateBucket::named(bucket()) };
        settle(world.engine.create_bucket(&Caller::root(), create)).expect("a bucket");
        settle(world.engine.keep_time()).expect("the time is kept");
        let start = world.real_time();
        let mut life = Self {
            world: Some(world),
            seeded: Seeded::new(seed),
            known: Vec::new(),
            start,
            ahead_ms: 0,
            believed_ms: 0,
            gone: 0,
            stood: 0,
        };
        let forever = Retention { mode: RetentionMode::Compliance, until: start.plus(Duration::from_secs(1 << 32)) };
        life.ask(vec![Wish::Put(
            ObjectKey::new("forever").expect("a key"),
            Bytes::from_static(b"kept"),
            Protection { retention: Some(forever), ..Protection::default() },
        )]);
        life
    }

    fn world(&self) -> &World {
        self.world.as_ref().expect("the power is on")
    }

    /// The latest that it can be by a clock that is trusted with reason.
    fn surely(&self) -> Timestamp {
        let now_ms = self.world().real_time().as_millis();
        Timestamp::from_millis(now_ms + (now_ms - self.start.as_millis()) / 1_000 + FAITH_MS + self.believed_ms)
    }

    fn key(&mut self) -> ObjectKey {
        let text = *self.seeded.choose::<&str>(&["a", "b", "c"]);
        ObjectKey::new(text).expect("a key")
    }

    fn retention(&mut self) -> Retention {
        let mode = *self.seeded.choose(&[RetentionMode::Governance, RetentionMode::Compliance]);
        let days = i64::try_from(1 + self.seeded.below(30)).expect("few");
        let until = Timestamp::from_millis(self.world().real_time().as_millis() + days * DAY_MS);
        Retention { mode, until }
    }

    fn wish(&mut self) -> Wish {
        let at = self.seeded.below(self.known.len() as u64) as usize;
        match self.seeded.below(100) {
            0..30 => {
                let retention = self.seeded.percent(60).then(|| self.retention());
                let legal_hold = self.seeded.percent(30).then(|| self.seeded.percent(70));
                let mut body = vec![0; 1 + self.seeded.below(2_000) as usize];
                self.seeded.fill(&mut body);
                Wish::Put(self.key(), body.into(), Protection { retention, legal_hold, embargo: None })
            }
            30..45 => {
                let retention = self.seeded.percent(80).then(|| self.retention());
                Wish::Retain(at, retention, self.seeded.percent(50))
            }
            45..55 => Wish::Hold(at, self.seeded.percent(50)),
            55..75 => Wish::Remove(at, self.seeded.percent(60)),
            75..80 => Wish::RemoveAll,
            80..90 => Wish::Cover(self.key()),
            90..93 => Wish::Suspend,
            93..97 => {
                let mode = *self.seeded.choose(&[RetentionMode::Governance, RetentionMode::Compliance]);
                let default = DefaultRetention { mode, period: Period::Days(1 + self.seeded.below(9) as u32) };
                Wish::Default(self.seeded.percent(60).then_some(default))
            }
            _ => Wish::DeleteBucket,
        }
    }

    /// Asks for all at once; the power may fail before all is answered.
    fn ask(&mut self, wishes: Vec<Wish>) {
        let places: Vec<_> = self.known.iter().map(|known| known.place.clone()).collect();
        for wish in &wishes {
            if let Wish::Hold(at, false) = wish {
                self.known[*at].held = false;
            }
        }
        let engine = Arc::clone(&self.world().engine);
        let ask = |wish: &Wish| -> BoxFuture<'static, Outcome> {
            grant(Arc::clone(&engine), wish.clone(), places.clone()).boxed()
        };
        let mut racers: Vec<Racer<'_, Outcome>> = wishes.iter().map(|wish| Racer::Running(ask(wish))).collect();
        let fails = !self.known.is_empty() && self.seeded.percent(15);
        let polls = fails.then(|| self.seeded.below(60));
        race(&mut racers, polls, &mut self.seeded);
        let mut ended = Vec::new();
        let mut under_way = Vec::new();
        for racer in racers {
            match racer {
                Racer::Ended(outcome) => ended.push(Some(outcome)),
                running @ Racer::Running(_) => {
                    ended.push(None);
                    under_way.push(running);
                }
            }
        }
        for (wish, outcome) in wishes.into_iter().zip(ended) {
            self.learn(wish, outcome);
        }
        if fails {
            if self.seeded.percent(40) {
                self.boot();
            }
            let world = self.world.take().expect("the power is on");
            self.world = Some(world.power_cut(under_way));
        }
    }

    /// Other witnesses than the wall clock there are none after a boot: see decision 0009.
    fn boot(&mut self) {
        self.world().boot();
        if self.ahead_ms <= GAP_MAX_MS {
            self.believed_ms = self.believed_ms.max(self.ahead_ms);
        }
    }

    fn learn(&mut self, wish: Wish, outcome: Option<Outcome>) {
        match (wish, outcome) {
            (Wish::Put(key, body, _), Some(Outcome::Written(version, protection))) => {
                let place = LockPlace { bucket: bucket(), key, version: Some(version) };
                let mut known = Known { place, body, until: None, held: protection.is_held() };
                known.learn(protection.retention);
                self.known.push(known);
            }
            (Wish::Retain(at, retention, _), Some(Outcome::Done)) => self.known[at].learn(retention),
            (Wish::Hold(at, true), Some(Outcome::Done)) => self.known[at].held = true,
            (Wish::Remove(..), Some(Outcome::Done)) => self.gone += 1,
            (Wish::Remove(..), Some(Outcome::Refused)) => self.stood += 1,
            _ => {}
        }
    }

    /// Every version that must stand is there with its bytes. What may go and went is forgotten.
    fn check(&mut self, seed: u64) {
        let surely = self.surely();
        let engine = Arc::clone(&self.world().engine);
        self.known.retain(|known| {
            let LockPlace { bucket, key, version } = known.place.clone();
            let get = GetObject {
                bucket,
                key,
                version,
                as_of: None,
                selection: Selection::All,
                condition: Default::default(),
            };
            let read = settle(async {
                let read = engine.get_object(&Caller::root(), get).await.ok()?;
                Some(read.body.try_collect::<Vec<Bytes>>().await.map(|runs| runs.concat()))
            });
            let stands = match read {
                Some(body) => {
                    assert_eq!(body.expect("its bytes"), known.body, "seed {seed}");
                    true
                }
                None => false,
            };
            assert!(stands || !known.must_stand(surely), "seed {seed}: {known:?} is gone at {surely:?}");
            stands
        });
    }

    fn round(&mut self, seed: u64) {
        // Two holds of one version at once may come in either order, so one wish at a time speaks of holds.
        let mut wishes: Vec<Wish> = Vec::new();
        for _ in 0..1 + self.seeded.below(3) {
            let wish = self.wish();
            let is_hold = |wish: &Wish| matches!(wish, Wish::Hold(..));
            if !(is_hold(&wish) && wishes.iter().any(is_hold)) {
                wishes.push(wish);
            }
        }
        self.ask(wishes);
        self.check(seed);
        match self.seeded.below(10) {
            0..3 => {
                let hours = 1 + self.seeded.below(24 * 5);
                self.world().advance(Duration::from_secs(3_600 * hours));
            }
            3 => {
                self.ahead_ms = *self.seeded.choose(&AHEAD_MS);
                self.world().set_wall_clock(self.ahead_ms);
            }
            4..6 => settle(self.world().engine.keep_time()).expect("the time is kept"),
            6 => {
                settle(self.world.as_mut().expect("the power is on").sweep_step()).expect("a step");
            }
            _ => {}
        }
    }

    /// Once clocks and holds are set right and all time has passed, everything goes.
    fn end(mut self, seed: u64) {
        self.world().set_wall_clock(0);
        self.world().advance(Duration::from_secs(1 << 33));
        let (engine, root) = (Arc::clone(&self.world().engine), Caller::root());
        settle(engine.confirm_time(&root)).expect("an administrator confirms the time");
        for Known { place, .. } in std::mem::take(&mut self.known) {
            let _ = settle(engine.set_object_legal_hold(&root, &place, false));
            let removed = settle(engine.delete_object(&root, deletion(place.key, place.version, false)));
            removed.unwrap_or_else(|error| panic!("seed {seed}: {error:?}"));
        }
    }
}

#[test]
fn nothing_removes_what_is_locked() {
    let (mut gone, mut stood) = (0, 0);
    for seed in 0..SEEDS {
        let mut life = Life::new(seed);
        for _ in 0..ROUNDS {
            life.round(seed);
        }
        (gone, stood) = (gone + life.gone, stood + life.stood);
        life.end(seed);
    }
    assert!(gone > 100 && stood > 100, "{gone} removed, {stood} refused: the run shows little");
}
