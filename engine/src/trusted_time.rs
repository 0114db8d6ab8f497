//! What time it is for whatever opens at a date.
//!
//! The wall clock can be set by whoever owns the machine, by a bad server of time, or by an empty battery; an embargo must
//! not open for that. So the wall clock is believed once, and from then on time goes by the clock that counts since the
//! machine booted, which nobody sets. The wall clock may discipline it by [`DRIFT_PER_MILLION`] at the most; where the two
//! are further apart than [`APART_MAX`], something is wrong, and openings are on hold until they agree again or an
//! administrator confirms the time. A mark of both clocks is kept in the catalogue, so a restart changes nothing; after a
//! boot the wall clock is believed where it lies behind the mark by no more than [`GAP_MAX`] and not before it. The
//! kernel's own word on whether its clock is synchronised cannot be asked for without unsafe code, and would be worth
//! little: it says what the daemon of time was told.
//!
//! Time that is given out never goes back, so what has opened stays open.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use kernel::{Caller, Clock, Timestamp};
use metadata::{DocumentEdit, DocumentKind};
use policy::Action;

use crate::{Background, Engine, Progress, Result};

/// How far the wall clock may be from what has passed since boot before openings are on hold.
pub(crate) const APART_MAX: Duration = Duration::from_secs(3_600);
/// How long a lake may have been away across a boot for the wall clock to be believed.
const GAP_MAX: Duration = Duration::from_secs(31 * 86_400);
/// How fast the wall clock may pull. Source: ntpd(8), the rate at which a kernel slews its clock.
const DRIFT_PER_MILLION: u32 = 500;
/// How often the mark is kept.
const MARK_PAUSE: Duration = Duration::from_secs(10);
/// The kind of the document that holds the mark, and its name.
const MARK: (DocumentKind, &str) = (DocumentKind::TIME, "mark");

/// Whom a lake believes the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TimeTrust {
    /// The wall clock within bounds, as this module tells.
    #[default]
    Guarded,
    /// The wall clock, whatever it says. What has opened closes again where it is set back.
    System,
}

/// Both clocks at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mark {
    at: Timestamp,
    since_boot: Duration,
    boot_id: [u8; 16],
}

impl Mark {
    fn to_text(self) -> String {
        let boot: String = self.boot_id.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{} {} {boot}", self.at.as_millis(), self.since_boot.as_millis())
    }

    fn parse(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let at = Timestamp::from_millis(words.next()?.parse().ok()?);
        let since_boot = Duration::from_millis(words.next()?.parse().ok()?);
        let boot = u128::from_str_radix(words.next()?, 16).ok()?;
        Some(Self { at, since_boot, boot_id: boot.to_be_bytes() })
    }
}

/// Why openings are on hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeHold {
    /// The wall clock and what has passed since boot are too far apart.
    Apart,
    /// After a boot, the wall clock is before the last mark.
    Behind,
    /// After a boot, the wall clock is too far from the last mark to be believed.
    Away,
}

/// What a lake knows of the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeReading {
    /// The time for whatever opens at a date.
    pub opening: Timestamp,
    /// What the wall clock says.
    pub wall: Timestamp,
    /// Why openings are on hold, where they are.
    pub hold: Option<TimeHold>,
}

struct State {
    anchor: Mark,
    /// The last time given out.
    last: Timestamp,
    hold: Option<TimeHold>,
}

/// Tells the time to whatever opens at a date.
pub(crate) struct TrustedTime {
    clock: Arc<dyn Clock>,
    trust: TimeTrust,
    state: Mutex<State>,
}

fn between(one: Timestamp, other: Timestamp) -> Duration {
    Duration::from_millis(one.as_millis().abs_diff(other.as_millis()))
}

impl TrustedTime {
    /// Believes the wall clock as it stands.
    pub(crate) fn new(clock: Arc<dyn Clock>, trust: TimeTrust) -> Self {
        let anchor = Mark { at: clock.now(), since_boot: clock.since_boot(), boot_id: clock.boot_id() };
        Self { clock, trust, state: Mutex::new(State { anchor, last: anchor.at, hold: None }) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The time for whatever opens at a date. Stands still while openings are on hold.
    pub(crate) fn opening(&self) -> Timestamp {
        self.reading().opening
    }

    /// The latest time that it may be: for whatever ends at a date, as credentials do.
    pub(crate) fn ending(&self) -> Timestamp {
        let TimeReading { opening, wall, .. } = self.reading();
        opening.max(wall)
    }

    /// What is known of the time.
    pub(crate) fn reading(&self) -> TimeReading {
        let wall = self.clock.now();
        if self.trust == TimeTrust::System {
            return TimeReading { opening: wall, wall, hold: None };
        }
        let mut state = self.state();
        // A hold that came with a boot ends by confirmation alone: there is nothing to compare with.
        if !matches!(state.hold, Some(TimeHold::Behind | TimeHold::Away)) {
            self.advance(&mut state, wall);
        }
        TimeReading { opening: state.last, wall, hold: state.hold }
    }

    fn advance(&self, state: &mut State, wall: Timestamp) {
        let since_boot = self.clock.since_boot();
        let passed = since_boot.saturating_sub(state.anchor.since_boot);
        let expected = state.anchor.at.plus(passed);
        if between(wall, expected) > APART_MAX {
            if state.hold.replace(TimeHold::Apart).is_none() {
                tracing::error!(
                    wall_ms = wall.as_millis(),
                    expected_ms = expected.as_millis(),
                    "the wall clock was set, or time was lost: nothing opens at its date until the two agree again or \
                     the time is confirmed"
                );
            }
            return;
        }
        if state.hold.take().is_some() {
            tracing::warn!("the wall clock is where it should be again: what is due opens");
        }
        let slack = passed / 1_000_000 * DRIFT_PER_MILLION;
        let now = wall.clamp(expected.minus(slack), expected.plus(slack));
        if passed >= MARK_PAUSE {
            state.anchor = Mark { at: now, since_boot, ..state.anchor };
        }
        state.last = state.last.max(now);
    }

    /// Takes over what was known before the process started.
    fn recall(&self, mark: Mark) {
        let (wall, since_boot) = (self.clock.now(), self.clock.since_boot());
        let mut state = self.state();
        if mark.boot_id == self.clock.boot_id() && mark.since_boot <= since_boot {
            *state = State { anchor: mark, last: mark.at, hold: None };
            return;
        }
        let hold = match wall {
            _ if wall < mark.at => Some(TimeHold::Behind),
            _ if between(wall, mark.at) > GAP_MAX => Some(TimeHold::Away),
            _ => None,
        };
        if hold.is_some() {
            tracing::error!(
                wall_ms = wall.as_millis(),
                mark_ms = mark.at.as_millis(),
                "after a boot the wall clock cannot be believed: nothing opens at its date until the time is confirmed"
            );
            state.hold = hold;
            state.last = mark.at;
        }
    }

    /// Believes the wall clock as it stands now.
    fn confirm(&self) {
        let anchor = Mark { at: self.clock.now(), since_boot: self.clock.since_boot(), boot_id: self.clock.boot_id() };
        *self.state() = State { anchor, last: anchor.at, hold: None };
    }

    /// What is worth keeping: none while the clocks cannot be believed.
    fn mark(&self) -> Option<Mark> {
        let hold = self.reading().hold;
        let state = self.state();
        let boot_id = self.clock.boot_id();
        hold.is_none().then_some(Mark { at: state.last, since_boot: self.clock.since_boot(), boot_id })
    }
}

impl Engine {
    /// What is known of the time.
    ///
    /// # Errors
    /// `Denied`.
    pub fn time(&self, caller: &Caller) -> Result<TimeReading> {
        self.permit_lake(caller, Action::GetTime)?;
        Ok(self.time.reading())
    }

    /// Believes the wall clock as it stands now, from now on. What is due opens at once.
    ///
    /// # Errors
    /// `Denied`, `Unavailable`.
    pub async fn confirm_time(&self, caller: &Caller) -> Result<TimeReading> {
        self.permit_lake(caller, Action::ConfirmTime)?;
        self.time.confirm();
        tracing::warn!(by = %caller, "the time was confirmed");
        self.keep_time().await?;
        Ok(self.time.reading())
    }

    /// Takes over what the lake knew of the time before it was opened. Called once, before anybody is served.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn recall_time(&self) -> Result<()> {
        let known = self.catalog.documents(MARK.0).await?;
        let text = known.iter().find(|(name, _)| name == MARK.1).map(|(_, text)| String::from_utf8_lossy(text));
        if let Some(mark) = text.and_then(|text| Mark::parse(&text)) {
            self.time.recall(mark);
        }
        Ok(())
    }

    /// Keeps what is known of the time.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn keep_time(&self) -> Result<()> {
        let Some(mark) = self.time.mark() else { return Ok(()) };
        let (kind, name) = MARK;
        let was = self.catalog.documents(kind).await?.into_iter().find(|(known, _)| known == name);
        let edit = DocumentEdit {
            kind,
            name: name.to_owned(),
            was: was.map(|(_, text)| text),
            now: Some(Bytes::from(mark.to_text())),
        };
        self.catalog.change_documents(&[edit]).await?;
        Ok(())
    }
}

/// Keeps the time, every ten seconds.
pub struct TimeKeeper {
    engine: Arc<Engine>,
    kept: Option<Duration>,
}

impl TimeKeeper {
    /// Keeps the time of an engine.
    pub fn new(engine: Arc<Engine>) -> Self {
        Self { engine, kept: None }
    }
}

impl Background for TimeKeeper {
    const NAME: &'static str = "time";

    async fn step(&mut self) -> Result<Progress> {
        let now = self.engine.clock.monotonic();
        if self.kept.is_none_or(|kept| now.saturating_sub(kept) >= MARK_PAUSE) {
            self.engine.keep_time().await?;
            self.kept = Some(now);
        }
        Ok(Progress::Idle)
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};

    use super::*;

    const HOUR_MS: i64 = 3_600_000;
    const START_MS: i64 = 1_795_219_200_000;

    /// A machine whose clocks are turned by hand.
    #[derive(Default)]
    struct Machine {
        wall_ms: AtomicI64,
        since_boot_ms: AtomicU64,
        boot: AtomicU64,
    }

    impl Machine {
        fn new() -> Arc<Self> {
            let machine = Self::default();
            machine.wall_ms.store(START_MS, Relaxed);
            machine.since_boot_ms.store(5_000, Relaxed);
            Arc::new(machine)
        }
        fn pass(&self, millis: u64) {
            self.wall_ms.fetch_add(i64::try_from(millis).expect("short"), Relaxed);
            self.since_boot_ms.fetch_add(millis, Relaxed);
        }
        fn boot(&self, wall_ms: i64) {
            self.boot.fetch_add(1, Relaxed);
            self.since_boot_ms.store(1, Relaxed);
            self.wall_ms.store(wall_ms, Relaxed);
        }
    }

    impl Clock for Machine {
        fn now(&self) -> Timestamp {
            Timestamp::from_millis(self.wall_ms.load(Relaxed))
        }
        fn monotonic(&self) -> Duration {
            self.since_boot()
        }
        fn since_boot(&self) -> Duration {
            Duration::from_millis(self.since_boot_ms.load(Relaxed))
        }
        fn boot_id(&self) -> [u8; 16] {
            u128::from(self.boot.load(Relaxed)).to_be_bytes()
        }
        fn sleep(&self, _: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
            Box::pin(std::future::pending())
        }
    }

    fn opening_ms(time: &TrustedTime) -> i64 {
        time.opening().as_millis()
    }

    #[test]
    fn a_clock_that_is_set_forward_opens_nothing() {
        let machine = Machine::new();
        let time = TrustedTime::new(machine.clone(), TimeTrust::Guarded);
        machine.pass(60_000);
        assert_eq!(opening_ms(&time), START_MS + 60_000);
        machine.wall_ms.fetch_add(30 * 365 * 24 * HOUR_MS, Relaxed);
        assert_eq!((opening_ms(&time), time.reading().hold), (START_MS + 60_000, Some(TimeHold::Apart)));
        machine.pass(60_000);
        assert_eq!(opening_ms(&time), START_MS + 60_000, "nothing is due while openings are on hold");
        assert!(time.ending().as_millis() > START_MS + 29 * 365 * 24 * HOUR_MS, "what ends has ended");
        machine.wall_ms.fetch_sub(30 * 365 * 24 * HOUR_MS, Relaxed);
        assert_eq!((opening_ms(&time), time.reading().hold), (START_MS + 120_000, None));
    }

    #[test]
    fn small_steps_pull_no_faster_than_a_kernel_slews() {
        let machine = Machine::new();
        let time = TrustedTime::new(machine.clone(), TimeTrust::Guarded);
        for _ in 0..100 {
            machine.pass(20_000);
            machine.wall_ms.fetch_add(HOUR_MS / 100, Relaxed);
            opening_ms(&time);
        }
        let ahead = opening_ms(&time) - (START_MS + 2_000_000);
        assert!((0..=1_000).contains(&ahead), "{ahead} ms in 2,000 s");
    }

    #[test]
    fn time_never_goes_back() {
        let machine = Machine::new();
        let time = TrustedTime::new(machine.clone(), TimeTrust::Guarded);
        machine.pass(10_000);
        let before = opening_ms(&time);
        machine.wall_ms.fetch_sub(20 * 60_000, Relaxed);
        assert!(opening_ms(&time) >= before);
        machine.wall_ms.fetch_sub(20 * HOUR_MS, Relaxed);
        assert_eq!(opening_ms(&time), before);
    }

    #[test]
    fn a_restart_goes_on_where_it_was_and_a_boot_is_looked_at() {
        let machine = Machine::new();
        let mark = TrustedTime::new(machine.clone(), TimeTrust::Guarded).mark().expect("believed");
        assert_eq!(Mark::parse(&mark.to_text()), Some(mark));
        let opened = || {
            let time = TrustedTime::new(machine.clone(), TimeTrust::Guarded);
            time.recall(mark);
            (opening_ms(&time), time.reading().hold)
        };
        machine.pass(7_000);
        assert_eq!(opened(), (START_MS + 7_000, None));
        machine.wall_ms.store(START_MS + 500 * HOUR_MS, Relaxed);
        assert_eq!(opened(), (START_MS, Some(TimeHold::Apart)));
        machine.boot(START_MS + HOUR_MS);
        assert_eq!(opened(), (START_MS + HOUR_MS, None));
        machine.boot(START_MS - 1);
        assert_eq!(opened(), (START_MS, Some(TimeHold::Behind)));
        machine.boot(START_MS + 32 * 24 * HOUR_MS);
        assert_eq!(opened(), (START_MS, Some(TimeHold::Away)));
        let time = TrustedTime::new(machine.clone(), TimeTrust::Guarded);
        time.recall(mark);
        time.confirm();
        assert_eq!((opening_ms(&time), time.reading().hold), (START_MS + 32 * 24 * HOUR_MS, None));
    }

    #[test]
    fn the_system_is_believed_where_that_was_chosen() {
        let machine = Machine::new();
        let time = TrustedTime::new(machine.clone(), TimeTrust::System);
        machine.wall_ms.store(5, Relaxed);
        assert_eq!((opening_ms(&time), time.reading().hold), (5, None));
    }
}
