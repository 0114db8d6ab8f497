//! A slice said in fewer policies, to be asked first.
//!
//! Cedar's cost is in the number of policies and in what it is told of the entities. In a slice the heads have matched
//! already, so only conditions are left; those of all policies that forbid can be asked as one, and so can those of the
//! policies that permit for one side. What no condition mentions, Cedar need not be told; and what is settled by the
//! question's [`Shape`] is not asked at all. Where nothing is left that could forbid or fail, what permits in any case
//! decides without Cedar.
//!
//! What comes out is whether it is permitted, and for which sides. Where it is not, the slice itself is asked again, policy
//! by policy, because a refusal names its reasons. A condition whose evaluation can fail is joined with no other that
//! permits: one that holds beforehand would keep the failure from being seen, and a failure refuses.

use std::collections::HashSet;

use cedar_policy::{Effect, Policy, PolicyId, PolicySet};
use serde_json::{Value, json};

use super::composition::{Permits, Side};
use super::shape::{Shape, constant};
use crate::action::{Action, Resource};

/// Conditions asked as one at the most: deeper trees would take stack.
const CONDITIONS_MAX: usize = 64;
/// What can fail though it was validated: arithmetic, on numbers and on time.
const FALLIBLE: [&str; 7] = ["+", "-", "*", "neg", "offset", "durationSince", "toDate"];

/// The policies of a slice, joined.
pub(super) struct Quick {
    /// The sides that permit in any case, unless something forbids.
    certain: Permits,
    /// Whether nothing is left that can forbid or fail.
    is_settled: bool,
    pub(super) policies: PolicySet,
    sides: Vec<(PolicyId, Side)>,
    mentioned: HashSet<String>,
    /// How large its conditions are: values of their JSON.
    pub(super) values: usize,
}

/// What Cedar must be told.
#[derive(Clone, Copy)]
pub(super) enum Telling<'a> {
    /// All that is known.
    All,
    /// What these names mean: attributes, `action`, `tags`.
    Mentioned(&'a HashSet<String>),
}

impl Telling<'_> {
    pub(super) fn of(self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Mentioned(names) => names.contains(name),
        }
    }
}

impl Quick {
    /// Joins the policies of a slice; none where one cannot be said so, or forbids in any case.
    pub(super) fn of<'p>(
        policies: impl Iterator<Item = (&'p Policy, Side)>,
        action: Action,
        shape: &Shape<'_>,
    ) -> Option<Self> {
        let (mut certain, mut forbidding) = (Vec::new(), Vec::new());
        let mut permitting: Vec<(Side, Vec<Value>)> = Vec::new();
        for (policy, side) in policies {
            let Some(condition) = condition(&policy.to_json().ok()?, action)? else { continue };
            let condition = shape.settle(&condition);
            match (policy.effect(), constant(&condition)) {
                (_, Some(false)) => continue,
                (Effect::Forbid, Some(true)) => return None,
                (Effect::Permit, Some(true)) => certain.push(side),
                (Effect::Forbid, None) => forbidding.push(condition),
                (Effect::Permit, None) => {
                    let alike = |(known, joined): &&mut (Side, Vec<Value>)| {
                        *known == side && !can_fail(&condition) && !joined.iter().any(can_fail)
                    };
                    match permitting.iter_mut().find(alike) {
                        Some((_, conditions)) => conditions.push(condition),
                        None => permitting.push((side, vec![condition])),
                    }
                }
            }
        }
        let is_settled =
            forbidding.is_empty() && !permitting.iter().flat_map(|(_, conditions)| conditions).any(can_fail);
        let mut quick = Self {
            certain: certain.into_iter().collect(),
            is_settled,
            policies: PolicySet::new(),
            sides: Vec::new(),
            mentioned: HashSet::new(),
            values: 0,
        };
        for some in forbidding.chunks(CONDITIONS_MAX) {
            quick.add("forbid", some)?;
        }
        for (side, conditions) in permitting {
            for some in conditions.chunks(CONDITIONS_MAX) {
                let id = quick.add("permit", some)?;
                quick.sides.push((id, side));
            }
        }
        Some(quick)
    }

    fn add(&mut self, effect: &str, conditions: &[Value]) -> Option<PolicyId> {
        conditions.iter().for_each(|condition| mentions(condition, &mut self.mentioned));
        self.values += conditions.iter().map(values).sum::<usize>();
        let all = json!({ "op": "All" });
        let policy = json!({
            "effect": effect, "principal": all, "action": all, "resource": all,
            "conditions": [{ "kind": "when", "body": any(conditions)? }]
        });
        let id = PolicyId::new(self.policies.num_of_policies().to_string());
        self.policies.add(Policy::from_json(Some(id.clone()), policy).ok()?).ok()?;
        Some(id)
    }

    /// What Cedar must be told.
    pub(super) fn telling(&self) -> Telling<'_> {
        Telling::Mentioned(&self.mentioned)
    }

    /// The sides that permit, where that is known without asking Cedar, or is enough.
    pub(super) fn settled(&self, is_enough: impl FnOnce(&Permits) -> bool) -> Option<Permits> {
        let is_settled = self.is_settled && (self.policies.is_empty() || is_enough(&self.certain));
        is_settled.then(|| self.certain.clone())
    }

    /// The sides that permit, where these policies do.
    pub(super) fn permits<'i>(&self, holding: impl Iterator<Item = &'i PolicyId>) -> Permits {
        let side = |id: &PolicyId| self.sides.iter().find(|(known, _)| known == id).map(|(_, side)| *side);
        self.certain.with(holding.filter_map(side))
    }
}

/// Values of a condition's JSON, itself included.
fn values(condition: &Value) -> usize {
    match condition {
        Value::Object(fields) => 1 + fields.values().map(values).sum::<usize>(),
        Value::Array(items) => 1 + items.iter().map(values).sum::<usize>(),
        _ => 1,
    }
}

/// What must hold beyond what a slice has made sure of, that caller, action and bucket are those of the head; `None` inside
/// where it cannot hold for this action.
fn condition(policy: &Value, action: Action) -> Option<Option<Value>> {
    let Some(mut tests) = resource_tests(policy.get("resource")?, action)? else { return Some(None) };
    for condition in policy.get("conditions")?.as_array()? {
        let body = condition.get("body")?.clone();
        tests.push(match condition.get("kind")?.as_str()? {
            "when" => body,
            "unless" => json!({ "!": { "arg": body } }),
            _ => return None,
        });
    }
    let joined = tests.into_iter().reduce(|left, right| json!({ "&&": { "left": left, "right": right } }));
    Some(Some(joined.unwrap_or_else(|| json!({ "Value": true }))))
}

/// What the head says of the resource, where the action alone does not settle it.
fn resource_tests(head: &Value, action: Action) -> Option<Option<Vec<Value>>> {
    let entity_test = |operator: &str, entity: &Value| json!({ operator: { "left": { "Var": "resource" }, "right": { "Value": { "__entity": entity } } } });
    let within = |entity: &Value| -> Option<Vec<Value>> {
        let is_of_bucket = matches!(action.resource(), Resource::Bucket | Resource::Object);
        let is_sure = is_of_bucket && entity.get("type")?.as_str()? == "Lake::Bucket";
        Some(if is_sure { Vec::new() } else { vec![entity_test("in", entity)] })
    };
    match head.get("op")?.as_str()? {
        "All" => Some(Some(Vec::new())),
        "==" => Some(Some(vec![entity_test("==", head.get("entity")?)])),
        "in" => Some(Some(within(head.get("entity")?)?)),
        "is" => {
            let kind = head.get("entity_type")?.as_str()?;
            if kind.strip_prefix("Lake::") != Some(action.resource().entity()) {
                return Some(None);
            }
            match head.get("in") {
                None => Some(Some(Vec::new())),
                Some(inside) => Some(Some(within(inside.get("entity")?)?)),
            }
        }
        _ => None,
    }
}

/// One condition that holds where any of these does, no deeper than it must be.
fn any(conditions: &[Value]) -> Option<Value> {
    match conditions {
        [] => None,
        [one] => Some(one.clone()),
        many => {
            let (left, right) = many.split_at_checked(many.len() / 2)?;
            Some(json!({ "||": { "left": any(left)?, "right": any(right)? } }))
        }
    }
}

fn can_fail(condition: &Value) -> bool {
    match condition {
        Value::Object(fields) => {
            fields.iter().any(|(operator, inside)| FALLIBLE.contains(&operator.as_str()) || can_fail(inside))
        }
        Value::Array(values) => values.iter().any(can_fail),
        _ => false,
    }
}

/// Gathers the names of what a condition asks for. A bucket or an action can be asked about by its own name too.
fn mentions(value: &Value, names: &mut HashSet<String>) {
    match value {
        Value::Object(fields) => {
            for (field, inside) in fields {
                match (field.as_str(), inside) {
                    ("attr", Value::String(name)) => _ = names.insert(name.clone()),
                    ("Var", Value::String(name)) if name == "action" => _ = names.insert(name.clone()),
                    ("hasTag" | "getTag", _) => _ = names.insert("tags".to_owned()),
                    ("type", Value::String(name)) if name == "Lake::Bucket" => _ = names.insert("bucket".to_owned()),
                    ("type", Value::String(name)) if name == "Lake::Action" => _ = names.insert("action".to_owned()),
                    _ => {}
                }
                mentions(inside, names);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| mentions(value, names)),
        _ => {}
    }
}
