//! The audit: what administrators did and what was refused, entry behind entry in a chain that shows whatever is done to it.
//!
//! Nobody who writes an operation has to think of it. A request is watched as a whole ([`Engine::attend`]): permits for
//! what only administrators do are noted where leave is asked, and the next batch that goes to the catalogue takes their
//! entry along, so that a change and its entry are made together or not at all. What is refused, fails, or changes nothing
//! that is stored is written when the request is over and before its answer goes out ([`Engine::conclude`]).
//!
//! ```text
//! ask ──▶ attempt: deed ──▶ batch + entry ──▶ conclude: nothing left to say
//!    └──▶ attempt: refusal ───────────────▶ conclude: entry, then the answer
//! ```
//!
//! Whoever is refused can knock as often as it likes and fills no disk: beyond what is few, knocks of one kind are counted,
//! not listed (`crowd.rs`), and the oldest entries are trimmed (`trim.rs`). What was trimmed is named by
//! its last hash, in the chain itself.

mod attempt;
mod crowd;
mod entry;
mod read;
mod trim;

use std::sync::Arc;

use kernel::{Clock, Timestamp};

pub use attempt::{Attempt, Ending};
pub use attempt::{note_access_key, note_reason};
pub(crate) use attempt::{note_answer, note_ruled_out, note_session, note_withheld};
use crowd::Crowd;
pub use entry::{AuditEntry, AuditKind, AuditOutcome, ChangedRow};
pub use read::{AuditFilter, AuditLine, AuditPage, AuditPlace, AuditVerified};
pub use trim::AuditTrim;

/// How much goes into the chain. Each has what the one before it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum AuditLevel {
    /// What administrators do.
    Changes,
    /// And what is refused.
    #[default]
    Refusals,
    /// And every other request.
    Accesses,
}

/// What an operator may tune of the audit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditSettings {
    /// How much goes into the chain.
    pub level: AuditLevel,
    /// Days after which entries are trimmed; 0 for never.
    pub keep_days: u32,
    /// Bytes of entries beyond which the oldest are trimmed; 0 for no bound.
    pub bytes_max: u64,
}

impl AuditSettings {
    /// Changes and refusals of 400 days, 16 GiB of them at the most.
    pub const DEFAULT: Self = Self { level: AuditLevel::Refusals, keep_days: 400, bytes_max: 16 << 30 };
}

/// What the engine keeps for the audit.
pub(crate) struct Audit {
    pub(crate) settings: AuditSettings,
    crowd: Crowd,
}

impl Audit {
    pub(crate) fn new(settings: AuditSettings, clock: &Arc<dyn Clock>) -> Self {
        Self { settings, crowd: Crowd::new(Arc::clone(clock)) }
    }
}

/// An instant as entries write it: RFC 3339, UTC, with milliseconds. Texts of two instants compare as they do, in the
/// years 0 to 9999.
fn instant(at: Timestamp) -> String {
    let (days, millis) = (at.as_millis().div_euclid(DAY_MS), at.as_millis().rem_euclid(DAY_MS));
    // Days of the proleptic Gregorian calendar, counted in eras of 400 years that begin on the first of March.
    let shifted = days.saturating_add(719_468);
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    let (seconds, millis) = (millis / 1_000, millis % 1_000);
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
}

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_written_as_rfc_3339_has_them() {
        for (millis, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_795_219_200_123, "2026-11-21T00:00:00.123Z"),
            (4_107_542_399_999, "2100-02-28T23:59:59.999Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        ] {
            assert_eq!(instant(Timestamp::from_millis(millis)), text);
        }
    }

    #[test]
    fn each_level_has_what_the_one_before_it_has() {
        assert!(AuditLevel::Changes < AuditLevel::Refusals && AuditLevel::Refusals < AuditLevel::Accesses);
    }
}
