//! A request that should not be allowed and is, for people and for programs.

use std::collections::BTreeMap;

use cedar_policy::{Entity, EntityUid, EvalResult};
use cedar_policy_symcc::Env;
use chrono::{DateTime, SecondsFormat};
use serde::Serialize;

/// A request that the policies allow and the theorem does not. Values are written as in Cedar.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Counterexample {
    principal: Thing,
    action: String,
    resource: Thing,
    context: BTreeMap<String, String>,
    /// What else must exist for it.
    others: Vec<Thing>,
    /// The policies that permit it.
    permitted_by: Vec<String>,
    /// Names that the policies read: what else there is, is arbitrary.
    #[serde(skip)]
    read: Vec<String>,
}

/// An entity.
#[derive(Debug, Serialize)]
struct Thing {
    name: String,
    within: Vec<String>,
    attributes: BTreeMap<String, String>,
    tags: BTreeMap<String, String>,
}

impl Counterexample {
    /// `policies` is the text of all policies that were looked at.
    pub(crate) fn of(found: &Env, mut permitted_by: Vec<String>, policies: &str) -> Self {
        permitted_by.sort();
        let (request, nobody) = (&found.request, String::from("?"));
        let thing = |uid: Option<&EntityUid>| match uid {
            Some(uid) => match found.entities.get(uid) {
                Some(entity) => Thing::of(entity, found),
                None => Thing::bare(uid.to_string()),
            },
            None => Thing::bare(nobody.clone()),
        };
        let main = [request.principal(), request.resource()];
        let is_other = |uid: EntityUid| !main.contains(&Some(&uid)) && uid.type_name().basename() != "Action";
        let others = found.entities.iter().filter(|entity| is_other(entity.uid()));
        let context = request.context().map(context_of).unwrap_or_default();
        let others: Vec<Thing> = others.map(|entity| Thing::of(entity, found)).collect();
        let mut this = Self {
            principal: thing(request.principal()),
            action: request.action().map_or(nobody.clone(), ToString::to_string),
            resource: thing(request.resource()),
            context,
            others,
            permitted_by,
            read: Vec::new(),
        };
        let names = [&this.context, &this.principal.attributes, &this.resource.attributes];
        this.read = names.into_iter().flat_map(BTreeMap::keys).filter(|name| reads(policies, name)).cloned().collect();
        this
    }

    /// As lines under a finding.
    pub(crate) fn in_words(&self) -> String {
        let mut text = String::new();
        let mut line = |label: &str, value: String| text.push_str(&format!("  {label:<14} {value}\n"));
        line("principal", self.shown(&self.principal));
        line("action", self.action.clone());
        line("resource", self.shown(&self.resource));
        line("context", self.values(&self.context));
        line("permitted by", self.permitted_by.join(", "));
        text
    }

    fn shown(&self, thing: &Thing) -> String {
        let mut text = thing.name.clone();
        if !thing.within.is_empty() {
            text.push_str(&format!(" in [{}]", thing.within.join(", ")));
        }
        let attributes = self.values(&thing.attributes);
        if attributes != "{}" {
            text.push_str(&format!(" {attributes}"));
        }
        if !thing.tags.is_empty() {
            let tags: Vec<String> = thing.tags.iter().map(|(name, value)| format!("{name:?}: {value}")).collect();
            text.push_str(&format!(" tags {{ {} }}", tags.join(", ")));
        }
        text
    }

    /// Those of the values that the policies read.
    fn values(&self, values: &BTreeMap<String, String>) -> String {
        let read = values.iter().filter(|(name, _)| self.read.contains(name));
        let read: Vec<String> = read.map(|(name, value)| format!("{name}: {value}")).collect();
        if read.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", read.join(", ")) }
    }
}

impl Thing {
    fn of(entity: &Entity, found: &Env) -> Self {
        let uid = entity.uid();
        let within = found.entities.ancestors(&uid).into_iter().flatten().map(ToString::to_string).collect();
        Self {
            name: uid.to_string(),
            within,
            attributes: entity
                .attrs()
                .filter_map(|(name, value)| Some((name.to_owned(), shown(&value.ok()?))))
                .collect(),
            tags: entity.tags().filter_map(|(name, value)| Some((name.to_owned(), shown(&value.ok()?)))).collect(),
        }
    }

    fn bare(name: String) -> Self {
        Self { name, within: Vec::new(), attributes: BTreeMap::new(), tags: BTreeMap::new() }
    }
}

fn context_of(context: &cedar_policy::Context) -> BTreeMap<String, String> {
    let names = context.clone().into_iter().map(|(name, _)| name);
    names.filter_map(|name| context.get(&name).map(|value| (name, shown(&value)))).collect()
}

/// A value as in Cedar, but for dates: Cedar counts them from 1970 on, people read them.
fn shown(value: &EvalResult) -> String {
    const BEFORE: &str = "datetime(\"1970-01-01\").offset(duration(\"";
    const BEHIND: &str = "ms\"))";
    let text = value.to_string();
    let mut told = String::new();
    let mut rest = text.as_str();
    while let Some((before, counted)) = rest.split_once(BEFORE) {
        let Some((millis, behind)) = counted.split_once(BEHIND) else { break };
        let Some(date) = millis.parse().ok().and_then(DateTime::from_timestamp_millis) else { break };
        told.push_str(before);
        told.push_str(&format!("datetime({:?})", date.to_rfc3339_opts(SecondsFormat::Millis, true)));
        rest = behind;
    }
    told.push_str(rest);
    told
}

/// Whether policies look at an attribute of that name.
fn reads(policies: &str, name: &str) -> bool {
    policies.match_indices(name).any(|(at, _)| {
        let (before, behind) = policies.split_at_checked(at).unwrap_or_default();
        let ends = |text: &str| !text.starts_with(|letter: char| letter.is_alphanumeric() || letter == '_');
        (before.ends_with('.') || before.ends_with("has ")) && behind.get(name.len()..).is_some_and(ends)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attribute_is_read_where_its_whole_name_stands() {
        let policies = r#"// the size
            forbid (principal, action, resource) when { resource.minReplicas > 1 && resource has embargoUntil };"#;
        assert!(reads(policies, "minReplicas") && reads(policies, "embargoUntil"));
        assert!(!reads(policies, "embargo") && !reads(policies, "min") && !reads(policies, "size"));
    }
}
