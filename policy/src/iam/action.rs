//! Which actions a statement is about.

use super::Attachment;
use super::document::{Effect, Statement};
use super::pattern::Pattern;
use super::translate::{Result, meaning};
use crate::action::{Action, Resource};
use crate::source::PolicyFault;

/// Actions of S3 that the lake is never asked for: policies may name them, and nothing follows from it.
///
/// Source: Service Authorization Reference, *Actions, resources, and condition keys for Amazon S3*.
const NEVER_ASKED: [&str; 25] = [
    "s3:GetAccelerateConfiguration",
    "s3:GetAnalyticsConfiguration",
    "s3:GetBucketNotification",
    "s3:GetIntelligentTieringConfiguration",
    "s3:GetInventoryConfiguration",
    "s3:GetLifecycleConfiguration",
    "s3:GetMetricsConfiguration",
    "s3:GetObjectTorrent",
    "s3:GetObjectVersionForReplication",
    "s3:GetObjectVersionTorrent",
    "s3:GetReplicationConfiguration",
    "s3:InitiateReplication",
    "s3:ObjectOwnerOverrideToBucketOwner",
    "s3:PutAccelerateConfiguration",
    "s3:PutAnalyticsConfiguration",
    "s3:PutBucketNotification",
    "s3:PutIntelligentTieringConfiguration",
    "s3:PutInventoryConfiguration",
    "s3:PutLifecycleConfiguration",
    "s3:PutMetricsConfiguration",
    "s3:PutReplicationConfiguration",
    "s3:ReplicateDelete",
    "s3:ReplicateObject",
    "s3:ReplicateTags",
    "s3:RestoreObject",
];

/// The actions that a statement is about.
pub(super) fn actions(statement: &Statement, attachment: &Attachment) -> Result<Vec<Action>> {
    let (texts, named) = match (&statement.action, &statement.not_action) {
        (Some(texts), None) => (texts, true),
        (None, Some(texts)) => (texts, false),
        _ => return meaning("a statement needs either Action or NotAction"),
    };
    let mut patterns = Vec::new();
    for text in texts.iter() {
        let lower = text.to_ascii_lowercase();
        let pattern = Pattern::parse(&lower).map_err(PolicyFault::Meaning)?;
        if !is_action(&lower, &pattern, attachment) {
            return meaning(format!("policy has invalid action `{text}`"));
        }
        patterns.push((lower, pattern));
    }
    if patterns.is_empty() {
        return meaning("a statement names no action");
    }
    let is_about = |action: &Action| {
        let matching = || patterns.iter().filter(|(_, pattern)| fits(pattern, action.name()));
        if !named {
            return matching().next().is_none() && (is_of_aws(*action) || statement.effect == Effect::Deny);
        }
        // What is the lake's own is not given away by a wildcard of S3; it is closed by any.
        let gives = |text: &str| text.starts_with("lake:") || (text == "*" && !attachment.names_callers());
        matching().any(|(text, _)| is_of_aws(*action) || statement.effect == Effect::Deny || gives(text))
    };
    Ok(Action::ALL.into_iter().filter(|action| concerns(*action, attachment) && is_about(action)).collect())
}

fn is_of_aws(action: Action) -> bool {
    !action.name().starts_with("lake:")
}

/// Whether an action can be asked about what a document is attached to.
fn concerns(action: Action, attachment: &Attachment) -> bool {
    match attachment {
        Attachment::Bucket(_) => matches!(action.resource(), Resource::Bucket | Resource::Object),
        Attachment::Trust(_) => is_of_trust(action.name()),
        _ => true,
    }
}

fn is_of_trust(name: &str) -> bool {
    name.starts_with("sts:AssumeRole") || matches!(name, "sts:TagSession" | "sts:SetSourceIdentity")
}

/// Whether a text is an action that a document may name. S3 and trust policies want actions that there are; other
/// documents may speak of services that the lake is not.
fn is_action(text: &str, pattern: &Pattern, attachment: &Attachment) -> bool {
    let mut known = Action::ALL.into_iter().filter(|action| concerns(*action, attachment)).map(Action::name);
    match attachment {
        Attachment::Bucket(_) => known.chain(NEVER_ASKED).any(|name| fits(pattern, name)),
        Attachment::Trust(_) => text.starts_with("sts:") && known.any(|name| fits(pattern, name)),
        _ => {
            let is_word = |word: &str, more: &str| {
                !word.is_empty() && word.chars().all(|letter| letter.is_ascii_alphanumeric() || more.contains(letter))
            };
            text == "*" || text.split_once(':').is_some_and(|(of, name)| is_word(of, "-") && is_word(name, "*?"))
        }
    }
}

fn fits(pattern: &Pattern, action: &str) -> bool {
    pattern.matches(&action.to_ascii_lowercase(), |_| None)
}
