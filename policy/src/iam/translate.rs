//! A document's statements, said in Cedar.
//!
//! A statement may name several callers, and mix actions on buckets, objects and identities, and ARNs of all of them. The
//! heads of Cedar's policies name one caller, and its types keep kinds of resources apart. So a statement becomes one
//! policy for each caller and kind: its actions on that kind, with the ARNs that can match one.

use std::sync::Arc;

use cedar_policy::{Policy, PolicyId, PolicySet};

use super::action::actions;
use super::document::{Document, Effect, Statement};
use super::pattern::escape;
use super::principal::{Callers, callers};
use super::public::{Confinement, are_broad, confinement};
use super::resource::Resources;
use super::{Attachment, Names, key};
use crate::action::{Action, Resource};
use crate::atom::{Atom, Test};
use crate::bounds::joined;
use crate::schema;
use crate::source::{Compiled, POLICIES_MAX, PolicyFault};

pub(super) type Result<T> = std::result::Result<T, PolicyFault>;

pub(super) fn meaning<T>(reason: impl Into<String>) -> Result<T> {
    Err(PolicyFault::Meaning(reason.into()))
}

/// Kinds of resources, by the names that ids of policies have.
const KINDS: [(&str, Resource); 4] = [
    ("objects", Resource::Object),
    ("bucket", Resource::Bucket),
    ("lake", Resource::Lake),
    ("identities", Resource::Identity),
];

/// A document on its way into Cedar.
pub(super) struct Translation<'a> {
    pub(super) name: &'a str,
    pub(super) attachment: &'a Attachment,
    pub(super) names: Names<'a>,
}

/// A policy in Cedar's words.
struct Draft {
    kind: &'static str,
    text: String,
    /// The same, of fewer actions: what is well said of one is well said of all whose questions are of the same kind.
    checked: String,
    is_of_provider: bool,
    /// Where it lets in everybody, what keeps it from meaning everybody.
    open_to: Option<Confinement>,
}

impl Translation<'_> {
    /// The policies of a document, each validated.
    pub(super) fn policies(&self, document: &Document) -> Result<Vec<Compiled>> {
        let mut compiled = Vec::new();
        // Where those may come from whom statements for everybody let in, and which policies say so.
        let (mut networks, mut of_networks) = (Vec::new(), Vec::new());
        for (index, statement) in document.statements().iter().enumerate() {
            let label = statement.sid.clone().unwrap_or_else(|| format!("statement {}", index + 1));
            let mut atoms = Vec::new();
            let drafts = self.drafts(document, statement, &label, &mut atoms)?;
            for (number, draft) in drafts.into_iter().enumerate() {
                let id = PolicyId::new(format!("{}#{index}:{label}:{}:{number}", self.name, draft.kind));
                let mut policy = Compiled::new(checked(id, &label, &draft)?, atoms.clone());
                policy.is_of_provider = draft.is_of_provider;
                match draft.open_to {
                    Some(Confinement::None) => policy.is_public = true,
                    Some(Confinement::Networks(some)) => {
                        networks.extend(some);
                        of_networks.push(compiled.len());
                    }
                    Some(Confinement::Fixed) | None => {}
                }
                compiled.push(policy);
            }
            if compiled.len() > POLICIES_MAX {
                return Err(PolicyFault::TooMany { count: compiled.len(), max: POLICIES_MAX });
            }
        }
        if are_broad(&networks) {
            let is_of_networks = |index: &usize| of_networks.contains(index);
            let policies = compiled.iter_mut().enumerate().filter(|(index, _)| is_of_networks(index));
            policies.for_each(|(_, policy)| policy.is_public = true);
        }
        Ok(compiled)
    }

    fn drafts(
        &self,
        document: &Document,
        statement: &Statement,
        label: &str,
        atoms: &mut Vec<Arc<Atom>>,
    ) -> Result<Vec<Draft>> {
        let callers = callers(self, statement, atoms)?;
        let actions = actions(statement, self.attachment)?;
        let plain = |text: String| document.without_variables(text);
        let resources = Resources::read(statement, self.attachment, plain)?;
        let conditions = key::conditions(statement, self.attachment, plain, atoms)?;
        let confined = confinement(statement);
        let effect = if statement.effect == Effect::Allow { "permit" } else { "forbid" };
        let reason = escape(&self.reason(label));
        let (mut drafts, mut applies) = (Vec::new(), actions.is_empty());
        for (kind, resource) in KINDS {
            let named: Vec<_> = actions.iter().filter(|action| action.resource() == resource).collect();
            if named.is_empty() {
                continue;
            }
            let Some(test) = resources.test(resource, atoms) else { continue };
            applies = true;
            let on = resources.head(resource, self.attachment);
            let (said, checked) = (in_cedar(&named), in_cedar(&one_of_each_kind(&named)));
            for Callers { head, test: of_caller, is_public, is_of_provider } in &callers {
                let tests = of_caller.iter().chain(&test).chain(&conditions).cloned().collect::<Vec<_>>();
                let when =
                    if tests.is_empty() { String::new() } else { format!(" when {{ {} }}", joined(&tests, "&&")) };
                let text = |actions: &str| {
                    format!("@reason(\"{reason}\")\n{effect} ({head}, action in [{actions}], {on}){when};")
                };
                let open_to = (*is_public && statement.effect == Effect::Allow).then(|| confined.clone());
                let (text, checked, is_of_provider) = (text(&said), text(&checked), *is_of_provider);
                drafts.push(Draft { kind, text, checked, is_of_provider, open_to });
            }
        }
        // S3 takes no statement that can never apply; documents of others may speak of other services.
        if !applies && matches!(self.attachment, Attachment::Bucket(_)) {
            return meaning(format!("`{label}`: no action applies to any of the resources"));
        }
        Ok(drafts)
    }

    fn reason(&self, label: &str) -> String {
        match self.attachment {
            Attachment::Bucket(_) => format!("the policy of {}, {label}", self.name),
            _ => format!("{}, {label}", self.name),
        }
    }
}

fn in_cedar(actions: &[&Action]) -> String {
    let named: Vec<_> = actions.iter().map(|action| format!("Lake::Action::\"{}\"", action.name())).collect();
    named.join(", ")
}

/// Of actions on one kind of resource, one for each kind of context.
fn one_of_each_kind<'a>(actions: &[&'a Action]) -> Vec<&'a Action> {
    let mut kinds: Vec<&Action> = Vec::new();
    for action in actions {
        if kinds.iter().all(|known| known.group().context() != action.group().context()) {
            kinds.push(action);
        }
    }
    kinds
}

fn checked(id: PolicyId, label: &str, draft: &Draft) -> Result<Policy> {
    let fault = |reason: String| PolicyFault::Meaning(format!("`{label}` could not be said in Cedar: {reason}"));
    let set: PolicySet = draft.checked.parse().map_err(|error: cedar_policy::ParseErrors| fault(error.to_string()))?;
    match schema::faults_of_translation(&set).into_iter().next() {
        Some(found) => Err(fault(found.reason)),
        None => Policy::parse(Some(id), &draft.text).map_err(|error| fault(error.to_string())),
    }
}

/// Has an atom found out, and tests in Cedar whether it holds.
pub(super) fn ask(atoms: &mut Vec<Arc<Atom>>, name: String, test: Test) -> String {
    let text = format!("context.atoms.contains(\"{}\")", escape(&name));
    if !atoms.iter().any(|atom| atom.name == name) {
        atoms.push(Arc::new(Atom { name, test }));
    }
    text
}
