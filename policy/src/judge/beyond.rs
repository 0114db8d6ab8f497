//! What no policy allows.
//!
//! Two bounds hold whatever anybody wrote, because a policy that lifted them would give everything away at once: the keys
//! of an account's root are that root's, and who was narrowed cannot make itself wide again. The lake's root stands above
//! both, as above all policies.

use kernel::{AccountId, PrincipalKind};

use super::composition::account_of;
use crate::action::Action;
use crate::question::Question;

/// Why what is asked for is refused, whatever policies say.
pub(super) fn refuses(question: &Question<'_>) -> Option<&'static str> {
    let principal = question.caller.principal();
    if question.action.widens() && principal.is_some_and(|principal| !principal.narrowed.is_empty()) {
        return Some("who is narrowed hands out no rights");
    }
    let account = root_of_keys(question)?;
    let is_itself = principal.is_some_and(|one| one.kind == PrincipalKind::AccountRoot && one.account == account);
    (!is_itself).then_some("the keys of an account's root are in the hands of that root alone")
}

/// The account whose root's keys are asked about.
fn root_of_keys(question: &Question<'_>) -> Option<AccountId> {
    let is_of_keys = matches!(
        question.action,
        Action::CreateAccessKey
            | Action::ListAccessKeys
            | Action::UpdateAccessKey
            | Action::DeleteAccessKey
            | Action::GetAccessKeyLastUsed
    );
    let arn = question.identity.filter(|arn| is_of_keys && arn.ends_with(":root"))?;
    account_of(arn)
}
