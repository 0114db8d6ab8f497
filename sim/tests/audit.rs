//! The audit through power cuts: a change has its entry and an entry its change, whatever was under way, and what was answered
//! stands in a chain that is whole.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use engine::{AuditFilter, AuditOutcome, AuditSettings, AuditTrim, Background, CreateBucket, Ending, Engine, Progress};
use fixtures::seeded::Seeded;
use futures::FutureExt;
use kernel::{BucketName, Caller};
use sim::world::{Racer, World, race, settle};

const SEEDS: u64 = 40;
const ROUNDS: u64 = 12;
const AT_ONCE: u64 = 6;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn ending(request_id: &str, outcome: AuditOutcome) -> Ending<'_> {
    let code = (outcome == AuditOutcome::Refused).then_some("AccessDenied");
    Ending {
        caller: None,
        address: None,
        request_id,
        operation: None,
        bucket: None,
        key: None,
        code,
        message: None,
        outcome,
    }
}

/// Makes a bucket as a request does, or is refused; gives its name once it is answered.
async fn request(engine: Arc<Engine>, name: String, is_refused: bool) -> Option<String> {
    let attempt = engine.attempt();
    if is_refused {
        return engine.conclude(&attempt, ending(&name, AuditOutcome::Refused)).await.is_ok().then_some(name);
    }
    let create = CreateBucket::named(BucketName::new(&name).expect("a name"));
    let made = engine.attend(&attempt, engine.create_bucket(&Caller::root(), create)).await;
    let outcome = if made.is_ok() { AuditOutcome::Done } else { AuditOutcome::Error };
    engine.conclude(&attempt, ending(&name, outcome)).await.ok()?;
    made.is_ok().then_some(name)
}

/// All entries, of a chain that is whole.
fn entries(world: &World) -> Vec<String> {
    let root = Caller::root();
    let verified = settle(world.engine.verify_audit(&root, None)).expect("read");
    assert_eq!((verified.fault, verified.is_end), (None, true));
    assert_eq!(verified.until, verified.head);
    let page = settle(world.engine.audit(&root, &AuditFilter::default(), 0, 1_000)).expect("read");
    assert!(page.is_end || page.lines.len() == 1_000);
    page.lines.into_iter().map(|line| line.json).collect()
}

/// The text of a field, of which no entry here holds anything that would be escaped.
fn field(entry: &str, name: &str) -> Option<String> {
    let (_, behind) = entry.split_once(&format!(r#""{name}":""#))?;
    Some(behind.split_once('"')?.0.to_owned())
}

#[test]
fn a_change_and_its_entry_survive_a_power_cut_together_or_not_at_all() {
    let (mut cut_off, mut answered) = (0, 0);
    for seed in 0..SEEDS {
        let mut seeded = Seeded::new(seed);
        let mut world = World::new(seed, |map| map);
        let mut acknowledged = [BTreeSet::new(), BTreeSet::new()];
        for round in 0..ROUNDS {
            let mut racers: Vec<Racer<'static, Option<String>>> = (0..AT_ONCE)
                .map(|number| {
                    let name = format!("bucket-{round}-{number}");
                    Racer::Running(request(Arc::clone(&world.engine), name, number % 3 == 0).boxed())
                })
                .collect();
            let polls = seeded.below(60);
            if seeded.below(4) == 0 {
                world.fail_next_sync();
            }
            race(&mut racers, Some(polls), &mut seeded);
            let (ended, under_way): (Vec<_>, Vec<_>) =
                racers.into_iter().enumerate().partition(|(_, racer)| matches!(racer, Racer::Ended(_)));
            cut_off += under_way.len();
            world = world.power_cut(under_way);
            for (number, racer) in ended {
                acknowledged[usize::from(number % 3 == 0)].extend(racer.ended().flatten());
            }
            let entries = entries(&world);
            let buckets = settle(world.catalog.buckets("", None, 1_000)).expect("read").0;
            let made: BTreeSet<String> = buckets.iter().map(|bucket| bucket.name.as_str().to_owned()).collect();
            let of = |outcome: &'static str, name: &'static str| -> Vec<String> {
                let ended_so = |entry: &&String| field(entry, "outcome").as_deref() == Some(outcome);
                entries.iter().filter(ended_so).filter_map(|entry| field(entry, name)).collect()
            };
            let written = of("done", "bucket");
            assert_eq!(written.iter().cloned().collect::<BTreeSet<_>>(), made, "seed {seed}, round {round}");
            assert_eq!(written.len(), made.len(), "seed {seed}, round {round}: an entry stands twice");
            let refused: BTreeSet<String> = of("refused", "requestId").into_iter().collect();
            assert!(acknowledged[0].is_subset(&made) && acknowledged[1].is_subset(&refused), "seed {seed}");
        }
        answered += acknowledged.iter().map(BTreeSet::len).sum::<usize>();
    }
    assert!(cut_off > 100 && answered > 100, "{cut_off} were cut off, {answered} answered");
}

/// What is too old is trimmed, and what is left is whole: by a key, too.
#[test]
fn entries_stay_as_many_days_as_they_are_kept() {
    let world = World::new(1, |map| map);
    settle(world.engine.open_audit()).expect("a key");
    let kept = DAY * AuditSettings::DEFAULT.keep_days;
    let mut audit = AuditTrim::new(Arc::clone(&world.engine));
    let mut step = || while settle(audit.step()).expect("it goes on") == Progress::Worked {};
    let make = |name: &str| settle(request(Arc::clone(&world.engine), name.to_owned(), false)).expect("made");
    make("old");
    make("old-too");
    world.advance(DAY * 10);
    make("young");
    world.advance(kept - DAY * 10);
    step();
    assert_eq!(entries(&world).len(), 3, "nothing is a day overdue");
    world.advance(DAY + Duration::from_secs(1));
    step();
    let left = entries(&world);
    let named: Vec<_> = left.iter().map(|entry| field(entry, "bucket")).collect();
    assert_eq!(named, [Some("young".to_owned()), None], "{left:?}");
    assert!(left[1].contains(r#""kind":"trim""#) && left[1].contains(r#""count":2"#), "{left:?}");
    make("next");
    assert_eq!(entries(&world).len(), 3);
}
