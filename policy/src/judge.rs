//! Decisions.
//!
//! A question comes with the sources that can concern it: what is attached to the caller, the policy of the bucket, the
//! lake's own. Of their policies those whose heads can match make up a [`slice`]; then Cedar is asked once, about the
//! [`entities`] that the question names, and says which policies hold. What forbids decides at once. What permits counts
//! for the side it comes from, and [`composition`] says which sides must agree. What narrows the caller is asked after
//! that, each for itself.
//!
//! A policy whose evaluation fails would be skipped by Cedar, and where it forbids, that would open what it closes: so any
//! failure refuses.

mod beyond;
mod composition;
mod entities;
mod explain;
mod quick;
mod shape;
mod slice;

use std::sync::{Arc, LazyLock};

use cedar_policy::{Authorizer, Decision, PolicyId, PolicySet, Request, Response};
use kernel::Who;

use crate::action::Action;
use crate::question::{Policies, Question};
use crate::source::Source;
use crate::{Permit, PolicyHash, Refusal};
use composition::{Permits, Side};
use quick::Telling;
use slice::{Among, Slice, Slices};

pub use composition::is_of_object_owner;
pub(crate) use composition::owner;
pub use entities::entity_name;
pub(crate) use entities::{is_reader, scope};
pub use explain::{Deciding, Explanation};

/// The policies that hold in every lake, in Cedar, under the name `lake`.
pub const BASE_TEXT: &str = include_str!("base.cedar");

/// What holds in every lake.
pub(crate) static BASE: LazyLock<Option<Arc<Source>>> =
    LazyLock::new(|| Source::cedar("lake", BASE_TEXT).ok().map(Arc::new));

/// What nobody let in is told.
const NO_PERMIT: &str = "no policy allows it";

/// Answers questions. Shared by everybody who asks.
#[derive(Default)]
pub struct Judge {
    slices: Slices,
}

/// What stands in the way of asking Cedar: an entity that cannot be built is a refusal like any other failure.
type Built<T> = Result<T, String>;

/// What one set of policies says.
struct Finding {
    /// The policies that hold: those that forbid if any does, else those that permit.
    holding: Vec<PolicyId>,
    /// Whether any forbids.
    is_forbidden: bool,
}

/// Why not.
struct Refused {
    reason: String,
    policies: Vec<String>,
}

impl Refused {
    fn because(reason: &str) -> Self {
        Self { reason: reason.to_owned(), policies: Vec::new() }
    }
}

impl Judge {
    /// Answers a question by the policies that can concern it.
    ///
    /// # Errors
    /// [`Refusal`] when nothing allows it, something forbids it, or a policy could not be evaluated.
    pub fn decide(&self, question: &Question<'_>, policies: &Policies<'_>) -> Result<Permit, Refusal> {
        let refusal = |refused: Refused, hash| Refusal {
            caller: question.caller.clone(),
            action: question.action,
            reason: refused.reason.into(),
            policies: refused.policies.into(),
            policy_hash: hash,
            is_told: false,
            opens_at: None,
        };
        match question.caller.who() {
            Who::Root => return Ok(Permit::of(question, PolicyHash::NONE)),
            Who::Lake(role) if role_allows(*role, question.action) => {
                return Ok(Permit::of(question, PolicyHash::NONE));
            }
            Who::Lake(_) => {
                return Err(refusal(Refused::because("it is not what this role is for"), PolicyHash::NONE));
            }
            Who::Anonymous | Who::Principal(_) => {}
        }
        if let Some(reason) = beyond::refuses(question) {
            return Err(refusal(Refused::because(reason), PolicyHash::NONE));
        }
        let Some(slice) = self.slice_of_sides(question, policies) else {
            return Err(refusal(Refused::because("what holds in every lake cannot be read"), PolicyHash::NONE));
        };
        let hash = match policies.narrowing {
            [] if !composition::is_beyond_resource(question) => slice.hash,
            narrowing => {
                PolicyHash::of([BASE.as_slice(), policies.lake, policies.identity, policies.resource], narrowing)
            }
        };
        match self.judge(question, &slice, policies.narrowing) {
            Ok(()) => Ok(Permit::of(question, hash)),
            Err(refused) => Err(refusal(refused, hash)),
        }
    }

    /// Asks the sides together, then each narrowing for itself.
    fn judge(&self, question: &Question<'_>, sides: &Slice, narrowing: &[Arc<Source>]) -> Result<(), Refused> {
        let suffice = |permits: &Permits| composition::suffice(question, permits);
        let permits = ask(sides, question, |permits| suffice(permits).is_ok())?;
        suffice(&permits).map_err(Refused::because)?;
        for narrowing in narrowing {
            let refused = || Refused::because(&format!("the {} does not allow it", narrowing.name()));
            let slice = self.slice_of_narrowing(question, narrowing).ok_or_else(refused)?;
            if ask(&slice, question, |permits| !permits.is_empty())?.is_empty() {
                return Err(refused());
            }
        }
        Ok(())
    }

    fn slice_of_sides(&self, question: &Question<'_>, policies: &Policies<'_>) -> Option<Arc<Slice>> {
        BASE.as_ref()?;
        let lake = [BASE.as_slice(), policies.lake];
        // Nobody can lock an account out of the policy of its own bucket.
        let resource = if composition::is_beyond_resource(question) { &[] } else { policies.resource };
        self.slices.of(question, &Among { lake, identity: policies.identity, resource })
    }

    fn slice_of_narrowing(&self, question: &Question<'_>, narrowing: &Arc<Source>) -> Option<Arc<Slice>> {
        self.slices.of(question, &Among { identity: std::slice::from_ref(narrowing), ..Among::default() })
    }

    /// All slices of a question: that of the sides, then one for each narrowing.
    fn slices(&self, question: &Question<'_>, policies: &Policies<'_>) -> Vec<Arc<Slice>> {
        let narrowings = policies.narrowing.iter();
        let narrowings = narrowings.filter_map(|narrowing| self.slice_of_narrowing(question, narrowing));
        self.slice_of_sides(question, policies).into_iter().chain(narrowings).collect()
    }
}

/// Asks one set of policies: from which sides it is permitted. Where what permits in any case is enough, no more is
/// looked for.
fn ask(slice: &Slice, question: &Question<'_>, is_enough: impl FnOnce(&Permits) -> bool) -> Result<Permits, Refused> {
    // A policy left out could be one that forbids: then nobody is let in.
    if !slice.is_whole || slice.policies.is_empty() {
        return Err(Refused::because(NO_PERMIT));
    }
    if let Some(permits) = ask_quickly(slice, question, is_enough) {
        return Ok(permits);
    }
    let finding = evaluate(slice, question).map_err(|error| {
        tracing::error!(error, action = question.action.name(), "a policy could not be evaluated");
        Refused::because("a policy could not be evaluated")
    })?;
    if finding.is_forbidden {
        return Err(forbidden(slice, &finding.holding));
    }
    Ok(finding.holding.iter().filter_map(|id| slice.known(id)).map(|known| known.side).collect())
}

fn forbidden(slice: &Slice, holding: &[PolicyId]) -> Refused {
    let mut reasons: Vec<&str> =
        holding.iter().map(|id| slice.known(id).map_or("a policy forbids it", |known| &known.reason)).collect();
    reasons.sort_unstable();
    reasons.dedup();
    let mut policies: Vec<String> = holding.iter().map(ToString::to_string).collect();
    policies.sort_unstable();
    Refused { reason: reasons.join("; "), policies }
}

/// Asks in few policies. None where something forbids or fails: then each is asked, for the reasons.
fn ask_quickly(slice: &Slice, question: &Question<'_>, is_enough: impl FnOnce(&Permits) -> bool) -> Option<Permits> {
    let quick = slice.quick.as_ref().filter(|_| entities::names_resource(question))?;
    if let Some(permits) = quick.settled(is_enough) {
        return Some(permits);
    }
    let response = respond(&quick.policies, slice, question, quick.telling()).ok()?;
    let finding = Finding::of(&response).ok().filter(|finding| !finding.is_forbidden)?;
    Some(quick.permits(finding.holding.iter()))
}

impl Finding {
    fn of(response: &Response) -> Built<Self> {
        if let Some(error) = response.diagnostics().errors().next() {
            return Err(error.to_string());
        }
        let holding: Vec<_> = response.diagnostics().reason().cloned().collect();
        // Cedar refuses both where something forbids and where nothing permits; only the first names policies.
        let is_forbidden = response.decision() == Decision::Deny && !holding.is_empty();
        Ok(Self { holding, is_forbidden })
    }
}

fn evaluate(slice: &Slice, question: &Question<'_>) -> Built<Finding> {
    Finding::of(&respond(&slice.policies, slice, question, Telling::All)?)
}

fn respond(policies: &PolicySet, slice: &Slice, question: &Question<'_>, telling: Telling<'_>) -> Built<Response> {
    let uids = entities::Uids::of(question, &slice.caller)?;
    let context = entities::context(question, &slice.atoms, telling)?;
    let entities = entities::entities(question, &uids, telling)?;
    let request = Request::new(uids.caller(), uids.action, uids.resource, context, None).map_err(|e| e.to_string())?;
    Ok(Authorizer::new().is_authorized(&request, policies, &entities))
}

/// Whether the lake may do this when it plays that role.
fn role_allows(role: kernel::Role, action: Action) -> bool {
    match role {
        kernel::Role::Sweep => action == Action::Sweep,
        kernel::Role::StaleUploads => matches!(
            action,
            Action::ListAllMyBuckets | Action::ListBucketMultipartUploads | Action::AbortMultipartUpload
        ),
        kernel::Role::Calendar => false,
    }
}

#[cfg(test)]
impl Judge {
    /// Answers as if all policies had to be looked at, one by one: what slices must not change.
    pub(crate) fn is_allowed_unsliced(question: &Question<'_>, policies: &Policies<'_>) -> bool {
        let allows = |among: Among<'_>| {
            let slice = Slice::uncut(question, &among)?;
            let finding = evaluate(&slice, question).ok().filter(|finding| !finding.is_forbidden)?;
            Some(finding.holding.iter().filter_map(|id| slice.known(id)).map(|known| known.side).collect::<Permits>())
        };
        let lake = [BASE.as_slice(), policies.lake];
        let resource = if composition::is_beyond_resource(question) { &[] } else { policies.resource };
        let sides = allows(Among { lake, identity: policies.identity, resource });
        beyond::refuses(question).is_none()
            && sides.is_some_and(|permits| composition::suffice(question, &permits).is_ok())
            && policies.narrowing.iter().all(|narrowing| {
                let among = Among { identity: std::slice::from_ref(narrowing), ..Among::default() };
                allows(among).is_some_and(|permits| !permits.is_empty())
            })
    }
}
