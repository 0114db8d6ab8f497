//! What a policy asks that Cedar cannot work out: found out before, and handed to Cedar by name.
//!
//! An atom is a condition in IAM's words: an operator, a key, and values. Its name is its text, so that equal atoms are one
//! and a decision that names one explains itself. Cedar tests whether the name is among those that hold.

use crate::iam::condition::Condition;
use crate::iam::pattern::Pattern;
use crate::iam::principal::provider;
use crate::question::Question;

/// Something that is so or not so for a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Atom {
    pub(crate) name: String,
    pub(crate) test: Test,
}

/// How it is found out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Test {
    /// A condition of a statement.
    Condition(Condition),
    /// The resource's path matches.
    Path(Pattern),
    /// The resource's ARN matches.
    Arn(Pattern),
    /// The caller was let in by this provider.
    Provider(String),
    /// The caller has this unique id, whoever else has had its name.
    Id(String),
}

impl Atom {
    /// The instants that it compares the time with, in milliseconds since 1970.
    pub(crate) fn instants(&self) -> Vec<i64> {
        match &self.test {
            Test::Condition(condition) => condition.instants(),
            Test::Path(_) | Test::Arn(_) | Test::Provider(_) | Test::Id(_) => Vec::new(),
        }
    }

    pub(crate) fn holds(&self, question: &Question<'_>) -> bool {
        match &self.test {
            Test::Condition(condition) => condition.holds(question),
            Test::Path(pattern) => {
                let expand = |name: &str| question.variable(name);
                question.path().is_some_and(|path| pattern.matches(&path, expand))
            }
            Test::Arn(pattern) => {
                let expand = |name: &str| question.variable(name);
                question.arn().is_some_and(|arn| pattern.matches(&arn, expand))
            }
            Test::Id(id) => question.caller.principal().is_some_and(|principal| principal.id() == id),
            Test::Provider(name) => question.key("aws:federatedprovider").iter().any(|found| provider(found) == name),
        }
    }
}
