//! What a version is kept from, until when: removal (object lock) and being read (embargo).

use std::time::Duration;

use crate::{Embargo, Timestamp};

/// How firmly a version is retained.
///
/// Source: Amazon S3 User Guide, *Locking objects with Object Lock*, "Retention modes".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RetentionMode {
    /// Whoever may `s3:BypassGovernanceRetention` and says so in the request may remove it.
    Governance,
    /// Nobody may remove it, and the date only moves out.
    Compliance,
}

/// Until when a version may not be removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Retention {
    /// How firmly.
    pub mode: RetentionMode,
    /// Until this instant.
    pub until: Timestamp,
}

impl Retention {
    /// Whether it still holds; the instant itself is free.
    pub fn holds(self, at: Timestamp) -> bool {
        self.until > at
    }

    /// Whether it keeps a version at least as firmly and as long as another would.
    fn covers(self, other: Self) -> bool {
        self.mode == other.mode && self.until >= other.until
    }
}

/// With what a change comes that a lock may stand against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Release {
    /// What time it is, as far as the lake trusts any clock: a retention that ends later holds.
    pub at: Timestamp,
    /// Whether whoever asks may pass over governance, and said that they want to.
    pub bypass_governance: bool,
}

impl Release {
    /// That of a change which no retention makes way for, not even one that has ended.
    pub const NONE: Self = Self { at: Timestamp::from_millis(i64::MIN), bypass_governance: false };

    fn passes(self, retention: Retention) -> bool {
        let bypassed = retention.mode == RetentionMode::Governance && self.bypass_governance;
        bypassed || !retention.holds(self.at)
    }
}

/// What keeps a version, or its retention, as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Lock {
    /// Somebody put a hold on it.
    #[error("it is under legal hold")]
    LegalHold,
    /// It is retained, and nobody passed over that.
    #[error("it is retained")]
    Retention(Retention),
}

/// How long new versions of a bucket are retained when their request says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DefaultRetention {
    /// How firmly.
    pub mode: RetentionMode,
    /// From when they are written on.
    pub period: Period,
}

/// A time that S3 counts in days or years.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Period {
    /// At least 1, at most 36,500.
    Days(u32),
    /// At least 1, at most 100.
    Years(u32),
}

impl Period {
    /// The most days that S3 takes.
    pub const DAYS_MAX: u32 = 36_500;
    /// The most years that S3 takes.
    pub const YEARS_MAX: u32 = 100;

    /// How long it is. A year has 365 days.
    pub fn duration(self) -> Duration {
        let days = match self {
            Self::Days(days) => u64::from(days),
            Self::Years(years) => u64::from(years) * 365,
        };
        Duration::from_secs(days * 86_400)
    }
}

/// How a bucket locks its objects. A bucket with a lock keeps versions, and never loses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct ObjectLock {
    /// What new versions get; none for nothing.
    pub default: Option<DefaultRetention>,
}

impl ObjectLock {
    /// How a version is retained that is written now and whose request says nothing.
    pub fn retention_of_new(&self, now: Timestamp) -> Option<Retention> {
        self.default.map(|default| Retention { mode: default.mode, until: now.plus(default.period.duration()) })
    }
}

/// What a version is kept from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Protection {
    /// Until when it may not be removed.
    pub retention: Option<Retention>,
    /// Whether it may not be removed, however long; none where nobody ever said.
    pub legal_hold: Option<bool>,
    /// Until when it may not be read.
    pub embargo: Option<Embargo>,
}

impl Protection {
    /// Whether it says anything of removal, be it that the retention has ended or the hold was lifted.
    pub fn concerns_removal(&self) -> bool {
        self.legal_hold.is_some() || self.retention.is_some()
    }

    /// Whether it may not be removed, however long.
    pub fn is_held(&self) -> bool {
        self.legal_hold == Some(true)
    }

    /// What stands against removing the version.
    pub fn bars_removal(&self, release: Release) -> Option<Lock> {
        if self.is_held() {
            return Some(Lock::LegalHold);
        }
        self.retention.filter(|retention| !release.passes(*retention)).map(Lock::Retention)
    }

    /// What stands against another retention, or none, in the place of this one. It may become longer at any time; who
    /// passes over governance may make anything of it, and with compliance nothing else can be done before its end.
    ///
    /// Source: Amazon S3 API, *PutObjectRetention*.
    pub fn bars_retention(&self, next: Option<Retention>, release: Release) -> Option<Lock> {
        let standing = self.retention?;
        let is_kept = next.is_some_and(|next| next.covers(standing));
        (!is_kept && !release.passes(standing)).then_some(Lock::Retention(standing))
    }
}

#[cfg(test)]
mod tests {
    use RetentionMode::{Compliance, Governance};

    use super::*;

    const END: Timestamp = Timestamp::from_secs(1_000);

    fn retained(mode: RetentionMode, secs: i64) -> Retention {
        Retention { mode, until: Timestamp::from_secs(secs) }
    }

    fn under(mode: RetentionMode) -> Protection {
        Protection { retention: Some(retained(mode, 1_000)), ..Protection::default() }
    }

    #[test]
    fn removal_waits_for_the_end_and_only_governance_can_be_bypassed() {
        let before = Timestamp::from_millis(END.as_millis() - 1);
        for (mode, at, bypass_governance, free) in [
            (Governance, before, false, false),
            (Governance, before, true, true),
            (Governance, END, false, true),
            (Compliance, before, true, false),
            (Compliance, END, false, true),
        ] {
            let barred = under(mode).bars_removal(Release { at, bypass_governance });
            assert_eq!(barred.is_none(), free, "{mode:?} {at:?} {bypass_governance}");
            let held = Protection { legal_hold: Some(true), ..under(mode) };
            assert_eq!(held.bars_removal(Release { at, bypass_governance }), Some(Lock::LegalHold));
            assert!(under(mode).bars_removal(Release::NONE).is_some());
        }
        assert_eq!(Protection::default().bars_removal(Release::NONE), None);
    }

    #[test]
    fn a_retention_grows_freely_and_shrinks_with_leave_alone() {
        let release = |bypass_governance| Release { at: Timestamp::from_secs(10), bypass_governance };
        let table = [
            (Governance, Some(retained(Governance, 1_001)), true, true),
            (Governance, Some(retained(Governance, 1_000)), true, true),
            (Governance, Some(retained(Governance, 999)), false, true),
            (Governance, Some(retained(Compliance, 2_000)), false, true),
            (Governance, None, false, true),
            (Compliance, Some(retained(Compliance, 1_001)), true, true),
            (Compliance, Some(retained(Compliance, 999)), false, false),
            (Compliance, Some(retained(Governance, 2_000)), false, false),
            (Compliance, None, false, false),
        ];
        for (mode, next, plain, bypassing) in table {
            let is_free = |bypass| under(mode).bars_retention(next, release(bypass)).is_none();
            assert_eq!((is_free(false), is_free(true)), (plain, bypassing), "{mode:?} {next:?}");
            let ended = Release { at: END, bypass_governance: false };
            assert_eq!(under(mode).bars_retention(next, ended), None, "what has ended can become anything");
        }
        assert_eq!(Protection::default().bars_retention(None, Release::NONE), None);
    }

    #[test]
    fn defaults_count_from_when_a_version_is_written() {
        let lock = |period| ObjectLock { default: Some(DefaultRetention { mode: Governance, period }) };
        for (period, secs) in [(Period::Days(2), 2 * 86_400), (Period::Years(1), 365 * 86_400)] {
            let until = lock(period).retention_of_new(END).map(|retention| retention.until);
            assert_eq!(until, Some(Timestamp::from_secs(1_000 + secs)));
        }
        assert_eq!(ObjectLock::default().retention_of_new(END), None);
    }
}
