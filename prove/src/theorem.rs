//! What is proved. A theorem is said in Cedar, as policies that allow exactly what may ever be allowed; it holds of a set
//! when that set allows nothing besides, for every kind of request that the theorem is about.

use cedar_policy::{EntityUid, RequestEnv, Schema};
use clap::ValueEnum;

/// A theorem by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Property {
    /// No confidential replica outside the EU.
    ConfidentialEu,
    /// No anonymous read before the embargo ends.
    Embargo,
    /// Never fewer replicas in a committed plan than the data asks for.
    Replicas,
    /// The new set allows nothing that the old one does not.
    NotWider,
}

impl Property {
    /// As on the command line.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::ConfidentialEu => "confidential-eu",
            Self::Embargo => "embargo",
            Self::Replicas => "replicas",
            Self::NotWider => "not-wider",
        }
    }

    /// For people.
    pub(crate) const fn statement(self) -> &'static str {
        match self {
            Self::ConfidentialEu => "no replica of confidential data is held outside the EU",
            Self::Embargo => "nobody reads anonymously before the embargo ends or was lifted",
            Self::Replicas => "no plan with fewer replicas than the data asks for is committed",
            Self::NotWider => "the new policies allow nothing that the old ones do not",
        }
    }

    /// What may ever be allowed, in Cedar; none where an older set says it.
    pub(crate) const fn claim(self) -> Option<&'static str> {
        match self {
            Self::ConfidentialEu => Some(
                r#"permit (principal is Lake::Site, action == Lake::Action::"lake:HoldReplica", resource is Lake::Object)
                   when { resource.classification != "confidential" || principal in Lake::Jurisdiction::"EU" };"#,
            ),
            Self::Embargo => Some(
                r#"permit (principal is Lake::Anonymous, action in [Lake::Action::"read", Lake::Action::"raw"], resource is Lake::Object)
                   unless { resource has embargoUntil && context.now < resource.embargoUntil &&
                            !(resource has embargoLift && context.now >= resource.embargoLift.at) };"#,
            ),
            Self::Replicas => Some(
                r#"permit (principal is Lake::Engine, action == Lake::Action::"lake:CommitPlan", resource is Lake::Object)
                   when { context.replicas >= resource.minReplicas };"#,
            ),
            Self::NotWider => None,
        }
    }

    /// Whether it says anything about requests of this kind.
    pub(crate) fn concerns(self, schema: &Schema, kind: &RequestEnv) -> bool {
        let action = kind.action().id().unescaped();
        match self {
            Self::ConfidentialEu => action == "lake:HoldReplica",
            Self::Embargo => {
                kind.principal().basename() == "Anonymous"
                    && ["read", "raw"].into_iter().any(|group| schema.has_in(group, kind.action()))
            }
            Self::Replicas => action == "lake:CommitPlan",
            Self::NotWider => true,
        }
    }
}

/// The members of groups of actions.
trait Groups {
    fn has_in(&self, group: &str, action: &EntityUid) -> bool;
}

impl Groups for Schema {
    fn has_in(&self, group: &str, action: &EntityUid) -> bool {
        let Ok(actions) = self.action_entities() else { return false };
        actions.ancestors(action).is_some_and(|mut all| all.any(|one| one.id().unescaped() == group))
    }
}

/// What is taken to be so of every request and every object, in words and in Cedar: refusals of what cannot be. The lake
/// keeps no date beyond these, and no count.
pub(crate) const ASSUMPTIONS: [(&str, &str); 2] = [
    (
        "every date lies in the years 1970 to 9999",
        r#"@id("assumed.now")
           forbid (principal, action, resource)
           unless { context.now >= datetime("1970-01-01") && context.now <= datetime("9999-12-31T23:59:59.999Z") };
           @id("assumed.created")
           forbid (principal, action, resource is Lake::Object)
           unless { resource.createdAt >= datetime("1970-01-01") && resource.createdAt <= datetime("9999-12-31T23:59:59.999Z") };"#,
    ),
    (
        "a plan counts from 0 to 1000 replicas of each kind",
        r#"@id("assumed.counts")
           forbid (principal, action == Lake::Action::"lake:CommitPlan", resource)
           unless { context.replicas >= 0 && context.replicas <= 1000 && context.fast >= 0 && context.fast <= 1000 &&
                    context.warm >= 0 && context.warm <= 1000 && context.cold >= 0 && context.cold <= 1000 &&
                    context.failureDomains >= 0 && context.failureDomains <= 1000 };"#,
    ),
];

/// What is said where policies name atoms.
pub(crate) const ATOMS_ARE_FREE: &str = "the atoms in `context.atoms`, which stand for conditions that Cedar cannot express, may hold or not hold as they please";
