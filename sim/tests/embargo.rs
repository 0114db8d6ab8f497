//! No byte, size, entity tag or entry of a listing before the instant, on any way, while clocks jump both ways and the
//! power fails; and open from the instant on, with nothing that would have to run.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use engine::{
    AsOf, Attributes, BatchMember, BatchRead, Body, CopyObject, CopySource, CreateBucket, EmbargoPlace, Error,
    GetObject, ListObjects, ListVersions, Missing, PutObject, Selection, WantedEmbargo,
};
use fixtures::seeded::Seeded;
use futures::StreamExt;
use kernel::settings::{BucketPolicy, Setting};
use kernel::{
    BucketName, Caller, EmbargoListing, EmbargoRule, EtagCondition, ObjectKey, ReadCondition, Sequence, Timestamp,
    VersionName, Versioning,
};
use sim::world::{World, settle};

const SECRET: &[u8] = b"the turbine will be sold";
const HOUR_MS: i64 = 3_600_000;
const OPEN_TO_ALL: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"s3:*",
    "Resource":["arn:aws:s3:::turbines","arn:aws:s3:::turbines/*"]}}"#;

fn bucket() -> BucketName {
    BucketName::new("turbines").expect("a name")
}

fn key(name: &str) -> ObjectKey {
    ObjectKey::new(name).expect("a key")
}

/// A lake whose one bucket lets everybody do everything with its objects.
fn world(seed: u64, listing: EmbargoListing) -> World {
    let world = World::new(seed, |map| map);
    let (engine, root) = (&world.engine, Caller::root());
    settle(engine.create_bucket(&root, CreateBucket::named(bucket()))).expect("a bucket");
    settle(engine.set_bucket_versioning(&root, &bucket(), Versioning::Enabled)).expect("versions");
    let rule = EmbargoRule { listing, ..EmbargoRule::default() };
    let policy = BucketPolicy { document: OPEN_TO_ALL.into(), ..BucketPolicy::default() };
    for setting in [Setting::Policy(Some(Arc::new(policy))), Setting::Embargo(Some(rule))] {
        settle(engine.set_bucket_setting(&root, &bucket(), setting)).expect("a setting");
    }
    settle(engine.keep_time()).expect("a mark");
    world
}

fn put(world: &World, name: &str, until: Option<Timestamp>) -> (VersionName, Sequence) {
    let bytes = Bytes::from_static(SECRET);
    let put = PutObject {
        bucket: bucket(),
        key: key(name),
        attributes: Attributes {
            embargo: until.map(|until| WantedEmbargo { until: Some(until), readers: None }),
            ..Attributes::default()
        },
        algorithm: None,
        body: Body {
            bytes: bytes.len() as u64,
            stream: Box::pin(futures::stream::iter([Ok(bytes)])),
            md5: None,
            checksums: Vec::new(),
            trailer: None,
        },
        condition: Default::default(),
    };
    let written = settle(world.engine.put_object(&Caller::root(), put)).expect("a version").version;
    (written.name(), written.sequence)
}

fn get(name: &str, version: Option<VersionName>, as_of: Option<Sequence>) -> GetObject {
    GetObject {
        bucket: bucket(),
        key: key(name),
        version,
        as_of: as_of.map(AsOf::Sequence),
        selection: Selection::All,
        condition: ReadCondition::default(),
    }
}

/// Whether an answer is what is told of nothing, or that it is closed.
fn is_nothing<T>(answer: Result<T, Error>) -> bool {
    matches!(
        answer,
        Err(Error::Closed { .. } | Error::Denied(_) | Error::NotFound(Missing::Key { .. } | Missing::Version))
    )
}

/// Which ways let something of an object through to nobody in particular, by their names.
fn leaks(world: &World, name: &str, (version, sequence): (VersionName, Sequence)) -> Vec<&'static str> {
    let (engine, nobody) = (&world.engine, Caller::anonymous());
    let mut leaks = Vec::new();
    let mut leak = |way: &'static str, is_closed: bool| leaks.extend((!is_closed).then_some(way));
    for (way, asked) in [
        ("get", get(name, None, None)),
        ("get a version", get(name, Some(version), None)),
        ("get as of", get(name, None, Some(sequence))),
        ("get a range", GetObject { selection: Selection::From(1 << 40), ..get(name, None, None) }),
        (
            "get unless",
            GetObject {
                condition: ReadCondition { if_none_match: Some(EtagCondition::Any), ..ReadCondition::default() },
                ..get(name, None, None)
            },
        ),
    ] {
        leak(way, is_nothing(settle(engine.get_object(&nobody, asked.clone()))));
        leak(way, is_nothing(settle(engine.head_object(&nobody, asked.clone()))));
        leak(way, is_nothing(settle(engine.object_parts(&nobody, asked, 0, 10))));
    }
    leak("tags", is_nothing(settle(engine.object_tags(&nobody, &bucket(), &key(name), None))));
    let copy = CopyObject {
        source: CopySource { bucket: bucket(), key: key(name), version: None, condition: ReadCondition::default() },
        bucket: bucket(),
        key: key("copy"),
        replace_metadata: None,
        replace_tags: None,
        acl: None,
        protection: Default::default(),
        embargo: None,
        website_redirect: None,
        algorithm: None,
        with_annotations: true,
        says_how_to_store: false,
        condition: Default::default(),
    };
    leak("copy", is_nothing(settle(engine.copy_object(&nobody, copy))));
    let member = BatchMember { key: key(name), version: None, selection: Selection::All };
    let batch = BatchRead { bucket: bucket(), members: vec![member], as_of: None };
    let members =
        settle(async { engine.read_batch(&nobody, batch).await.expect("a bucket").collect::<Vec<_>>().await });
    leak("batch", members.into_iter().all(is_nothing));
    leaks
}

/// What listings show of a key to nobody in particular: that it is there, and whether more than that.
fn listed(world: &World, name: &str, at: Sequence) -> (bool, bool) {
    let (engine, nobody) = (&world.engine, Caller::anonymous());
    let (mut is_there, mut is_open) = (false, false);
    for as_of in [None, Some(AsOf::Sequence(at))] {
        let list =
            ListObjects { bucket: bucket(), prefix: String::new(), delimiter: None, after: None, limit: 1_000, as_of };
        for entry in settle(engine.list_objects(&nobody, list)).expect("a listing").page.entries {
            if let engine::Entry::Item(found) = entry
                && found.version.key.as_str() == name
            {
                (is_there, is_open) = (true, is_open || found.opens.is_none());
            }
        }
    }
    let list = ListVersions { bucket: bucket(), prefix: String::new(), delimiter: None, after: None, limit: 1_000 };
    for entry in settle(engine.list_versions(&nobody, list)).expect("a listing").entries {
        if let engine::Entry::Item(found) = entry
            && found.version.key.as_str() == name
        {
            (is_there, is_open) = (true, is_open || found.opens.is_none());
        }
    }
    (is_there, is_open)
}

fn judge(
    world: &World,
    listing: EmbargoListing,
    seed: u64,
    embargoes: &[(String, (VersionName, Sequence), Timestamp)],
) {
    let now = world.real_time();
    for (name, written, until) in embargoes {
        let (leaks, (is_there, is_open)) = (leaks(world, name, *written), listed(world, name, written.1));
        if now < *until {
            assert!(leaks.is_empty(), "seed {seed}: {leaks:?} of `{name}` at {now:?}, before {until:?}");
            assert!(!is_open, "seed {seed}: `{name}` is listed with what it holds at {now:?}, before {until:?}");
            assert_eq!(is_there, listing == EmbargoListing::KeyOnly, "seed {seed}: `{name}`");
        }
    }
}

#[test]
fn nothing_gets_out_before_its_instant_whatever_the_clocks_say_and_however_often_the_power_fails() {
    let mut total = 0;
    for seed in 0..12 {
        let listing = if seed % 2 == 0 { EmbargoListing::Hidden } else { EmbargoListing::KeyOnly };
        let (mut world, mut seeded) = (world(seed, listing), Seeded::new(seed));
        let mut embargoes = Vec::new();
        for step in 0..40 {
            match seeded.below(8) {
                0 => {
                    let hours = 1 + seeded.below(48);
                    let until = world.real_time().plus(Duration::from_secs(hours * 3_600));
                    world.set_wall_clock(0);
                    let name = format!("run-{step}");
                    embargoes.push((name.clone(), put(&world, &name, Some(until)), until));
                }
                1 => world.set_wall_clock(HOUR_MS * 24 * 365 * 30),
                2 => world.set_wall_clock(-HOUR_MS * 24 * 365 * 30),
                3 => world.set_wall_clock(0),
                4 => {
                    settle(world.engine.keep_time()).expect("a mark");
                    if seeded.percent(50) {
                        world.boot();
                    }
                    world = world.power_cut(());
                    settle(world.engine.recall_time()).expect("the mark");
                }
                _ => world.advance(Duration::from_secs(seeded.below(4 * 3_600))),
            }
            judge(&world, listing, seed, &embargoes);
        }
        // With the clock right again, what is due is open, and nothing ran that would have opened it.
        world.set_wall_clock(0);
        settle(world.engine.confirm_time(&Caller::root())).expect("the time");
        world.advance(Duration::from_secs(49 * 3_600));
        for (name, written, _) in &embargoes {
            assert!(!leaks(&world, name, *written).is_empty(), "seed {seed}: `{name}` stays closed");
            assert_eq!(listed(&world, name, written.1), (true, true), "seed {seed}: `{name}`");
        }
        total += embargoes.len();
    }
    assert!(total > 24, "{total} embargoes are too few");
}

#[test]
fn the_instant_itself_is_open_and_a_lift_opens_at_once() {
    let world = world(7, EmbargoListing::Hidden);
    let until = world.real_time().plus(Duration::from_millis(10));
    let written = put(&world, "run", Some(until));
    world.advance(Duration::from_millis(9));
    assert_eq!((leaks(&world, "run", written), listed(&world, "run", written.1)), (vec![], (false, false)));
    world.advance(Duration::from_millis(1));
    assert!(!leaks(&world, "run", written).is_empty());
    let written = put(&world, "other", Some(world.real_time().plus(Duration::from_secs(60))));
    let place = EmbargoPlace { bucket: bucket(), key: key("other"), version: None };
    assert!(leaks(&world, "other", written).is_empty());
    assert!(settle(world.engine.lift_embargo(&Caller::anonymous(), &place, "I say so")).is_err());
    settle(world.engine.lift_embargo(&Caller::root(), &place, "it is out")).expect("lifted");
    assert!(!leaks(&world, "other", written).is_empty());
    let world = world.power_cut(());
    assert!(!leaks(&world, "other", written).is_empty(), "who lifted it, and when, is durable");
}
