//! A real lake beside its reference: what is done to one is done to the other, and they must never differ.
//!
//! One operation at a time must be answered alike. Several at once must be answered as if they had happened one after the
//! other, in some order. When the power goes while some are under way, each of those happened whole or not at all. After
//! each step everything a client can see is compared; after each sweep, also what lies on the site.

mod observation;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use fixtures::seeded::Seeded;
use kernel::{Sequence, VersionId, VersionName};

use crate::driver::perform;
use crate::operation::{Answer, Operation};
use crate::reference::{Chance, Reference};
use crate::script::{Script, buckets};
use crate::world::{Racer, World, Wrap, race, settle};
use observation::Observation;

/// Most operations under way at once.
const AT_ONCE_MAX: u64 = 3;
/// Changes read from the log at a time.
const CHANGES: usize = 1_000;

/// A lake and its reference differ.
#[derive(Debug, thiserror::Error)]
#[error("seed {seed}, step {step}: {what}")]
pub struct Difference {
    /// The run.
    pub seed: u64,
    /// The step of it.
    pub step: u32,
    /// What was done, what was answered, and what should have been.
    pub what: String,
}

/// How often what happened, so that a test can show that it did.
#[derive(Debug, Default, Clone)]
pub struct Tally {
    /// Operations that succeeded, by their names.
    pub succeeded: BTreeMap<&'static str, u64>,
    /// Operations that were refused.
    pub refused: u64,
    /// Power cuts.
    pub power_cuts: u64,
    /// Operations under way when the power went that turned out to have happened.
    pub happened: u64,
    /// And those that did not.
    pub vanished: u64,
    /// Sweeps after which the site held exactly what is referred to.
    pub sweeps: u64,
    /// Uploads that nobody touched, given up.
    pub given_up: u64,
}

impl Tally {
    /// Adds what happened elsewhere.
    pub fn add(&mut self, other: &Self) {
        for (name, count) in &other.succeeded {
            *self.succeeded.entry(name).or_default() += count;
        }
        self.refused += other.refused;
        self.power_cuts += other.power_cuts;
        self.happened += other.happened;
        self.vanished += other.vanished;
        self.sweeps += other.sweeps;
        self.given_up += other.given_up;
    }
}

/// A lake and its reference, side by side.
pub struct Run {
    seed: u64,
    step: u32,
    seeded: Seeded,
    world: World,
    lake: Reference,
    log_read: Sequence,
    log_entries: u64,
    /// What happened so far.
    pub tally: Tally,
}

impl Run {
    /// A new, empty lake with its reference, and one bucket.
    pub fn new(seed: u64, wrap: Wrap) -> Self {
        let world = World::new(seed, wrap);
        let (log_read, log_entries) = (Sequence::ZERO, 0);
        let mut run = Self {
            seed,
            step: 0,
            seeded: Seeded::new(!seed),
            world,
            lake: Reference::default(),
            log_read,
            log_entries,
            tally: Tally::default(),
        };
        let create = Operation::CreateBucket(buckets().swap_remove(0));
        let answer = run.answer(&create);
        run.lake.apply(&create, &mut Chance::of(&create, &answer));
        run
    }

    /// Does the next thing and compares.
    ///
    /// # Errors
    /// [`Difference`].
    pub fn step(&mut self) -> Result<(), Difference> {
        self.step += 1;
        self.world.advance(Duration::from_millis(self.seeded.below(2_000)));
        match self.seeded.below(100) {
            0..66 => self.one(),
            66..80 => self.several(None),
            80..84 => self.cut_between(),
            84..92 => {
                let polls = 1 + self.seeded.below(40);
                self.several(Some(polls))
            }
            92..94 => self.failing_disk(),
            94 => self.failing_site(),
            95 => self.give_up_uploads(),
            96..98 => self.sweep_meanwhile(),
            _ => self.sweep_all(),
        }
    }

    /// Everything there is, for comparing two runs.
    pub fn state(&self) -> Vec<Vec<u8>> {
        settle(self.world.state())
    }

    fn differ(&self, what: String) -> Difference {
        Difference { seed: self.seed, step: self.step, what }
    }

    fn answer(&self, operation: &Operation) -> Answer {
        settle(perform(Arc::clone(&self.world.engine), operation.clone()))
    }

    fn one(&mut self) -> Result<(), Difference> {
        let operation = Script { seeded: &mut self.seeded, lake: &self.lake }.operation();
        let answer = self.answer(&operation);
        self.conclude(vec![operation], vec![Some(answer)])
    }

    /// Several at once; with `polls`, until the power is cut.
    fn several(&mut self, polls: Option<u64>) -> Result<(), Difference> {
        let count = 1 + self.seeded.below(AT_ONCE_MAX);
        let mut script = Script { seeded: &mut self.seeded, lake: &self.lake };
        let operations: Vec<Operation> = (0..count).map(|_| script.atomic_operation()).collect();
        let perform = |operation: &Operation| -> Racer<'static, Answer> {
            Racer::Running(Box::pin(perform(Arc::clone(&self.world.engine), operation.clone())))
        };
        let mut racers: Vec<_> = operations.iter().map(perform).collect();
        race(&mut racers, polls, &mut self.seeded);
        let (mut answers, mut under_way) = (Vec::new(), Vec::new());
        for racer in racers {
            match racer {
                Racer::Ended(answer) => answers.push(Some(answer)),
                running => {
                    under_way.push(running);
                    answers.push(None);
                }
            }
        }
        if polls.is_some() {
            self.cut(under_way);
        }
        self.conclude(operations, answers)
    }

    fn cut(&mut self, under_way: Vec<Racer<'static, Answer>>) {
        self.tally.power_cuts += 1;
        let dead = std::mem::replace(&mut self.world, World::new(0, |map| map));
        self.world = dead.power_cut(under_way);
    }

    fn cut_between(&mut self) -> Result<(), Difference> {
        self.cut(Vec::new());
        self.conclude(Vec::new(), Vec::new())
    }

    /// A sync of the catalogue's log fails: nothing is acknowledged any more, and the next start shows what was written.
    fn failing_disk(&mut self) -> Result<(), Difference> {
        let operation = Script { seeded: &mut self.seeded, lake: &self.lake }.atomic_operation();
        self.world.fail_next_sync();
        let answer = self.answer(&operation);
        self.cut(Vec::new());
        self.conclude_after_fault(vec![operation], vec![Some(answer)])
    }

    fn failing_site(&mut self) -> Result<(), Difference> {
        let operation = Script { seeded: &mut self.seeded, lake: &self.lake }.atomic_operation();
        self.world.refuse_site(true);
        let answer = self.answer(&operation);
        self.world.refuse_site(false);
        self.conclude_after_fault(vec![operation], vec![Some(answer)])
    }

    /// The sweep at work between operations takes nothing that is referred to.
    fn sweep_meanwhile(&mut self) -> Result<(), Difference> {
        self.world.advance(Duration::from_secs(self.seeded.below(1_000)));
        settle(self.world.sweep_step()).map_err(|error| self.differ(error.to_string()))?;
        self.conclude(Vec::new(), Vec::new())
    }

    /// Uploads that were touched of late stay; after a long time without a touch all are given up.
    fn give_up_uploads(&mut self) -> Result<(), Difference> {
        if self.seeded.percent(50) {
            settle(self.world.stale_uploads_step()).map_err(|error| self.differ(error.to_string()))?;
            return self.conclude(Vec::new(), Vec::new());
        }
        settle(self.world.give_up_all()).map_err(|error| self.differ(error.to_string()))?;
        for bucket in self.lake.buckets.values_mut() {
            let given_up = std::mem::take(&mut bucket.uploads).len() as u64;
            self.lake.changes += given_up;
            self.tally.given_up += given_up;
        }
        self.conclude(Vec::new(), Vec::new())
    }

    /// After a start and a whole sweep, what lies on the site is what is referred to, neither more nor less.
    fn sweep_all(&mut self) -> Result<(), Difference> {
        self.cut(Vec::new());
        settle(self.world.sweep_all()).map_err(|error| self.differ(error.to_string()))?;
        let stored = settle(self.world.stored_blobs());
        let referenced = settle(self.world.referenced_blobs(&buckets()));
        let referenced = referenced.map_err(|error| self.differ(error.to_string()))?;
        if stored != referenced {
            let lost: Vec<_> = referenced.difference(&stored).collect();
            let left: Vec<_> = stored.difference(&referenced).collect();
            return Err(self.differ(format!("after the sweep: lost {lost:?}, left over {left:?}")));
        }
        self.tally.sweeps += 1;
        self.conclude(Vec::new(), Vec::new())
    }

    /// Concludes a step in which nothing was made to fail, so that nothing may.
    fn conclude(&mut self, operations: Vec<Operation>, answers: Vec<Option<Answer>>) -> Result<(), Difference> {
        let broken = answers.iter().position(|answer| matches!(answer, Some(Answer::Broken(_))));
        if let Some(place) = broken {
            return Err(self.differ(format!("{operations:?}\nall is well, and yet {:?}", answers[place])));
        }
        self.conclude_after_fault(operations, answers)
    }

    /// Finds an order in which the reference answers alike and ends in what is observed.
    fn conclude_after_fault(
        &mut self,
        operations: Vec<Operation>,
        answers: Vec<Option<Answer>>,
    ) -> Result<(), Difference> {
        let observed = settle(observation::observe(&self.world)).map_err(|what| self.differ(what))?;
        self.read_log()?;
        let mut closest = None;
        for order in orders(operations.len()) {
            for skipped in 0..1_u32 << operations.len() {
                let steps =
                    order.iter().map(|place| (&operations[*place], &answers[*place], skipped >> place & 1 == 1));
                let attempt = self.attempt(steps, &observed);
                match attempt {
                    Ok(lake) => {
                        self.count(&operations, &answers, skipped);
                        self.lake = lake;
                        self.lake.remember(self.world.durable());
                        return Ok(());
                    }
                    Err(what) => closest = closest.or(Some(what)),
                }
            }
        }
        let why = closest.unwrap_or_default();
        let told = operations.iter().zip(&answers).map(|(operation, answer)| match answer {
            Some(answer) => format!("{operation:?}\n  answered {answer:?}\n"),
            None => format!("{operation:?}\n  was under way\n"),
        });
        Err(self.differ(format!("\n{}{why}", told.collect::<String>())))
    }

    fn attempt<'s>(
        &self,
        steps: impl Iterator<Item = (&'s Operation, &'s Option<Answer>, bool)>,
        observed: &Observation,
    ) -> Result<Reference, String> {
        let mut lake = self.lake.clone();
        for (operation, answer, is_skipped) in steps {
            match (answer, is_skipped) {
                // Nobody knows what became of it: it did nothing, or all of it.
                (None | Some(Answer::Broken(_)), true) => {}
                (None | Some(Answer::Broken(_)), false) => {
                    let mut chance = observed.chance(operation, &lake);
                    lake.apply(operation, &mut chance);
                }
                (Some(_), true) => return Err("an answered operation cannot be left out".into()),
                (Some(answer), false) => {
                    let expected = lake.apply(operation, &mut Chance::of(operation, answer));
                    if expected != *answer {
                        return Err(format!("the reference answers {expected:?} to {operation:?}"));
                    }
                }
            }
        }
        observed.compare(&lake)?;
        if lake.changes != self.log_entries {
            return Err(format!("{} changes were made, the log has {}", lake.changes, self.log_entries));
        }
        Ok(lake)
    }

    fn count(&mut self, operations: &[Operation], answers: &[Option<Answer>], skipped: u32) {
        for (place, answer) in answers.iter().enumerate() {
            match answer {
                None | Some(Answer::Broken(_)) if skipped >> place & 1 == 1 => self.tally.vanished += 1,
                None | Some(Answer::Broken(_)) => self.tally.happened += 1,
                Some(Answer::Refused(_)) => self.tally.refused += 1,
                Some(_) => *self.tally.succeeded.entry(operations[place].name()).or_default() += 1,
            }
        }
    }

    /// Reads on in the log of changes: sequences rise, and none comes twice.
    fn read_log(&mut self) -> Result<(), Difference> {
        loop {
            let changes = settle(self.world.catalog.changes(self.log_read, CHANGES));
            let changes = changes.map_err(|error| self.differ(error.to_string()))?;
            for change in &changes {
                if change.sequence <= self.log_read {
                    return Err(self.differ(format!("the log goes back at {change:?}")));
                }
                self.log_read = change.sequence;
                self.log_entries += 1;
            }
            if changes.len() < CHANGES {
                return Ok(());
            }
        }
    }
}

/// Every order of so many things.
fn orders(count: usize) -> Vec<Vec<usize>> {
    let mut orders = vec![Vec::new()];
    for _ in 0..count {
        let longer = orders.iter().flat_map(|order: &Vec<usize>| {
            let rest = (0..count).filter(|place| !order.contains(place));
            rest.map(|place| order.iter().copied().chain([place]).collect()).collect::<Vec<_>>()
        });
        orders = longer.collect();
    }
    orders
}

/// The version's id, where it has one.
fn id(name: VersionName) -> Option<VersionId> {
    match name {
        VersionName::Null => None,
        VersionName::Id(id) => Some(id),
    }
}
