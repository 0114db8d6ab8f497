//! Which uploads are given up, and which stay.

use std::sync::Arc;
use std::time::Duration;

use engine::{CreateUpload, Entry, ListUploads, Progress, StaleUploadSettings, UploadName};
use fixtures::seeded::Seeded;
use kernel::{Caller, ObjectKey};
use metadata::What;
use sim::driver::perform;
use sim::operation::{Answer, Operation, Upload};
use sim::script::buckets;
use sim::world::{Racer, World, race, settle};

const DAY: Duration = Duration::from_secs(86_400);

fn ask(world: &World, operation: Operation) -> Answer {
    settle(perform(Arc::clone(&world.engine), operation))
}

fn world() -> World {
    let world = World::new(11, |map| map);
    for bucket in buckets() {
        assert_eq!(ask(&world, Operation::CreateBucket(bucket)), Answer::Done);
    }
    world
}

fn start(world: &World, bucket: usize, key: &str) -> UploadName {
    let (bucket, key) = (buckets().swap_remove(bucket), ObjectKey::new(key).expect("a key"));
    let create =
        CreateUpload { bucket: bucket.clone(), key: key.clone(), attributes: Default::default(), checksum: None };
    let Answer::Started(id) = ask(world, Operation::Start(create)) else { panic!("no upload") };
    UploadName { bucket, key, id }
}

fn part(name: &UploadName, number: u16) -> Operation {
    Operation::PutPart(name.clone(), number, Upload { bytes: vec![7; 400].into(), damage: None })
}

fn put_part(world: &World, name: &UploadName, number: u16) {
    assert!(matches!(ask(world, part(name, number)), Answer::Part { .. }));
}

/// A whole walk, however many steps it takes.
fn walk(world: &mut World) -> u32 {
    let mut steps = 0;
    while settle(world.stale_uploads_step()).expect("a step") == Progress::Worked {
        steps += 1;
    }
    steps
}

fn keys(world: &World) -> Vec<String> {
    let list = |bucket| ListUploads { bucket, prefix: String::new(), delimiter: None, after: None, limit: 1_000 };
    let pages = buckets().into_iter().map(|bucket| settle(world.engine.list_uploads(&Caller::root(), list(bucket))));
    let entries = pages.flat_map(|page| page.expect("a page").entries);
    entries
        .filter_map(|entry| if let Entry::Item(upload) = entry { Some(upload.key.to_string()) } else { None })
        .collect()
}

#[test]
fn an_upload_goes_when_neither_it_nor_a_part_was_touched_for_long() {
    let mut world = world();
    assert_eq!(StaleUploadSettings::DEFAULT.age, Some(30 * DAY));
    start(&world, 0, "untouched");
    let touched = start(&world, 0, "touched");
    let again = start(&world, 1, "part sent again");
    put_part(&world, &again, 1);
    for number in 0..5 {
        let full = start(&world, 1, &format!("untouched {number}"));
        put_part(&world, &full, 1);
    }
    world.advance(20 * DAY);
    put_part(&world, &touched, 7);
    put_part(&world, &again, 1);
    start(&world, 1, "young");
    world.advance(10 * DAY - Duration::from_millis(1));
    walk(&mut world);
    assert_eq!(keys(&world).len(), 9, "a millisecond before its time nothing goes");
    world.advance(DAY);
    let steps = walk(&mut world);
    assert!(steps > 4, "{steps} steps of two uploads each");
    assert_eq!(keys(&world), ["touched", "part sent again", "young"]);
    world.advance(20 * DAY);
    walk(&mut world);
    assert!(keys(&world).is_empty());
    let changes = settle(world.catalog.changes(Default::default(), 1_000)).expect("the log");
    let given_up: Vec<_> = changes.iter().filter(|change| change.what == What::UploadAborted).collect();
    assert_eq!(given_up.len(), 9);
    assert!(given_up.iter().all(|change| change.by == "lake:stale-uploads"));
    settle(world.sweep_all()).expect("a sweep");
    assert!(settle(world.stored_blobs()).is_empty(), "its bytes are given back");
}

#[test]
fn walks_rest_between() {
    let mut world = world();
    walk(&mut world);
    start(&world, 0, "k");
    assert_eq!(walk(&mut world), 0, "right after a walk there is none");
    world.advance(Duration::from_secs(3_600));
    assert_eq!(walk(&mut world), 2, "two buckets are two pages");
}

/// A part that was acknowledged is never lost with its upload, whatever the order of events.
#[test]
fn a_part_in_the_last_moment_saves_its_upload() {
    let (mut saved, mut late) = (0, 0);
    for seed in 0..200 {
        let mut world = world();
        let upload = start(&world, 0, "k");
        world.advance(31 * DAY);
        let engine = Arc::clone(&world.engine);
        let mut racers: Vec<Racer<'_, Option<Answer>>> = vec![
            Racer::Running(Box::pin(async { Some(perform(engine, part(&upload, 1)).await) })),
            Racer::Running(Box::pin(async {
                while world.stale_uploads_step().await.expect("a step") == Progress::Worked {}
                None
            })),
        ];
        race(&mut racers, None, &mut Seeded::new(seed));
        let answer = racers.swap_remove(0).ended().flatten().expect("an answer");
        drop(racers);
        match answer {
            Answer::Part { .. } => {
                assert_eq!(keys(&world), ["k"], "seed {seed}");
                saved += 1;
            }
            Answer::Refused(_) => {
                assert!(keys(&world).is_empty(), "seed {seed}");
                late += 1;
            }
            other => panic!("seed {seed}: {other:?}"),
        }
    }
    assert!(saved > 10 && late > 10, "{saved} saved, {late} too late: the race shows little");
}
