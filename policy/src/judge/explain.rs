//! Why a decision is what it is, and when it will be another by itself.
//!
//! Nothing but time changes by itself, and a policy can compare time only with what is written in it and with what is known
//! of the object. So the answer can change at those instants alone, and it is asked at each of them in turn: what is said
//! of the future is decided as the future will be.

use kernel::Timestamp;

use super::slice::Slice;
use super::{Judge, Side, evaluate};
use crate::iam::condition::instant;
use crate::question::{Policies, Question};
use crate::{Permit, Refusal};

/// Instants that are looked at; those behind them are not.
const INSTANTS_MAX: usize = 1_000;

/// A decision, and what it rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The decision.
    pub outcome: Result<Permit, Refusal>,
    /// The policies that decide: those that forbid, or those that permit. None where nothing permits, and for root.
    pub deciding: Vec<Deciding>,
    /// The first instant after the question's at which the answer is another, if nothing is changed until then. Policies
    /// that ask for the time of day are not foreseen.
    pub changes_at: Option<Timestamp>,
}

/// A policy that decides.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deciding {
    /// Its name: that of its source, `#`, and its id there.
    pub policy: String,
    /// Why it is there, for people.
    pub reason: String,
    /// Whether it forbids.
    pub forbids: bool,
    /// Whom it speaks for: `lake`, `identity`, `resource`, or `narrowing`.
    pub side: &'static str,
}

impl Judge {
    /// Answers a question as [`Judge::decide`] does, and says why and until when.
    pub fn explain(&self, question: &Question<'_>, policies: &Policies<'_>) -> Explanation {
        let outcome = self.decide(question, policies);
        let mut deciding = self.deciding(question, policies);
        // What permits does not decide where something forbids, nor where it is not enough.
        deciding.retain(|policy| policy.forbids == outcome.is_err());
        deciding.sort_unstable();
        let changes_at = self.changes_at(question, policies, outcome.is_ok());
        Explanation { outcome, deciding, changes_at }
    }

    /// The first instant after the question's at which the answer is another than this one, if nothing is changed until then:
    /// see [`Explanation::changes_at`].
    pub fn changes_at(&self, question: &Question<'_>, policies: &Policies<'_>, is_allowed: bool) -> Option<Timestamp> {
        let later = |at: &i64| self.decide(&Question { now: Timestamp::from_millis(*at), ..*question }, policies);
        let instants = self.instants(question, policies);
        instants.into_iter().find(|at| later(at).is_ok() != is_allowed).map(Timestamp::from_millis)
    }

    fn deciding(&self, question: &Question<'_>, policies: &Policies<'_>) -> Vec<Deciding> {
        let mut deciding = Vec::new();
        for (number, slice) in self.slices(question, policies).iter().enumerate() {
            let Ok(finding) = evaluate(slice, question) else { continue };
            for id in &finding.holding {
                let Some(known) = slice.known(id) else { continue };
                deciding.push(Deciding {
                    policy: id.to_string(),
                    reason: known.reason.clone(),
                    forbids: finding.is_forbidden,
                    side: match known.side {
                        _ if number > 0 => "narrowing",
                        Side::Lake => "lake",
                        Side::Identity => "identity",
                        Side::Resource { .. } | Side::Provider | Side::Account { .. } => "resource",
                    },
                });
            }
        }
        deciding
    }

    /// The instants behind the question's at which a policy can answer another way, in their order, as milliseconds.
    fn instants(&self, question: &Question<'_>, policies: &Policies<'_>) -> Vec<i64> {
        let version = question.object.and_then(|object| object.facts);
        let protection = version.map(|version| &version.facts.protection);
        let embargo = protection.and_then(|protection| protection.embargo.as_ref());
        let known = [
            question.bucket.map(|bucket| bucket.created),
            version.map(|version| version.created),
            embargo.map(|embargo| embargo.until),
            embargo.and_then(|embargo| embargo.lift.as_ref()).map(|lift| lift.at),
            protection.and_then(|protection| protection.retention).map(|retention| retention.until),
        ];
        let known: Vec<i64> = known.into_iter().flatten().map(Timestamp::as_millis).collect();
        let mut instants = known.clone();
        for slice in self.slices(question, policies) {
            let Literals { dates, durations } = slice.literals.get_or_init(|| Literals::of(&slice));
            instants.extend(dates);
            let shifts = durations.iter().flat_map(|by| known.iter().filter_map(move |at| at.checked_add(*by)));
            instants.extend(shifts);
        }
        // Comparisons flip at the instant or right behind it; conditions of IAM count whole seconds.
        let mut instants: Vec<i64> =
            instants.into_iter().flat_map(|at| [0, 1, 1_000].map(|by| at.saturating_add(by))).collect();
        instants.retain(|at| *at > question.now.as_millis());
        instants.sort_unstable();
        instants.dedup();
        instants.truncate(INSTANTS_MAX);
        instants
    }
}

/// The dates and durations that are written in the policies of a slice, in milliseconds.
pub(super) struct Literals {
    dates: Vec<i64>,
    durations: Vec<i64>,
}

impl Literals {
    fn of(slice: &Slice) -> Self {
        let (mut dates, mut durations) = (Vec::new(), Vec::new());
        for text in slice.policies.policies().filter_map(cedar_policy::Policy::to_cedar) {
            dates.extend(arguments(&text, "datetime(\"").filter_map(instant));
            durations.extend(arguments(&text, "duration(\"").filter_map(duration));
        }
        dates.extend(slice.atoms.iter().flat_map(|atom| atom.instants()));
        Self { dates, durations }
    }
}

fn arguments<'t>(text: &'t str, call: &'t str) -> impl Iterator<Item = &'t str> {
    text.split(call).skip(1).filter_map(|behind| behind.split('"').next())
}

/// The milliseconds of a duration as Cedar writes it: `-1d2h3m4s5ms`.
fn duration(text: &str) -> Option<i64> {
    let (sign, mut rest) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let mut sum: i64 = 0;
    while !rest.is_empty() {
        let digits = rest.find(|character: char| !character.is_ascii_digit())?;
        let (number, behind) = rest.split_at_checked(digits)?;
        let units = [("ms", 1), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)];
        let (unit, millis) = units.into_iter().find(|(unit, _)| behind.starts_with(unit))?;
        sum = sum.checked_add(number.parse::<i64>().ok()?.checked_mul(millis)?)?;
        rest = behind.strip_prefix(unit)?;
    }
    Some(sign * sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_cedar_writes_them() {
        for (text, expected) in [
            ("90d", Some(90 * 86_400_000)),
            ("1d2h3m4s5ms", Some(93_784_005)),
            ("-5m", Some(-300_000)),
            ("7ms", Some(7)),
            ("7", None),
            ("x", None),
        ] {
            assert_eq!(duration(text), expected, "{text}");
        }
    }
}
