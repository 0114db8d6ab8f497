//! What of a question settles conditions before they are asked.
//!
//! Most conditions that hold in every lake are about what most objects have not: an embargo, a retention, an account's root
//! for a caller. Whether they are there is known beforehand and the same for many questions, so a slice is made for that
//! [`Shape`], and in it such conditions are worked out once: `false && x` is false, whatever `x` is.

use kernel::PrincipalKind;
use serde_json::{Value, json};

use crate::action::Resource;
use crate::question::Question;

/// What a question has of what it may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shape<'a> {
    resource: Resource,
    has_embargo: bool,
    has_lift: bool,
    has_retention: bool,
    has_source_ip: bool,
    has_purpose: bool,
    caller: Option<PrincipalKind>,
    arn: Option<&'a str>,
    bucket: Option<&'a str>,
}

impl<'a> Shape<'a> {
    pub(super) fn of(question: &Question<'a>) -> Self {
        let resource = question.action.resource();
        let object = question.object.filter(|_| resource == Resource::Object);
        let protection = object.and_then(|object| object.facts).map(|version| &version.facts.protection);
        let embargo = protection.and_then(|protection| protection.embargo.as_ref());
        let principal = question.caller.principal();
        Self {
            resource,
            has_embargo: embargo.is_some(),
            has_lift: embargo.is_some_and(|embargo| embargo.lift.is_some()),
            has_retention: protection.is_some_and(|protection| protection.retention.is_some()),
            has_source_ip: question.origin().source_ip.is_some(),
            has_purpose: question.origin().purpose.is_some(),
            caller: principal.map(|principal| principal.kind),
            arn: principal.map(|principal| principal.policy_arn.as_str()),
            bucket: question.bucket.map(|bucket| bucket.name.as_str()),
        }
    }

    /// What is yes or no of it.
    pub(super) fn bits(&self) -> u8 {
        let all = [self.has_embargo, self.has_lift, self.has_retention, self.has_source_ip, self.has_purpose];
        all.into_iter().fold(0, |bits, bit| bits << 1 | u8::from(bit))
    }

    /// The type of whoever asks.
    fn caller_type(&self) -> &'static str {
        match self.caller {
            None => "Lake::Anonymous",
            Some(PrincipalKind::Role) => "Lake::Role",
            Some(PrincipalKind::User | PrincipalKind::AccountRoot) => "Lake::User",
        }
    }

    fn is_a(&self, variable: &str, kind: &str) -> Option<bool> {
        match variable {
            "principal" => Some(kind == self.caller_type()),
            "resource" => Some(kind.strip_prefix("Lake::") == Some(self.resource.entity())),
            _ => None,
        }
    }

    fn has(&self, variable: &str, attribute: &str) -> Option<bool> {
        match (variable, attribute) {
            ("resource", "embargoUntil" | "embargoReaders" | "embargoUsers" | "embargoRoles") => Some(self.has_embargo),
            ("resource", "embargoLift") => Some(self.has_lift),
            ("resource", "retainUntil" | "retentionMode") => Some(self.has_retention),
            ("context", "sourceIp") => Some(self.has_source_ip),
            ("context", "purpose") => Some(self.has_purpose),
            _ => None,
        }
    }

    fn attribute(&self, variable: &str, attribute: &str) -> Option<Value> {
        match (variable, attribute, self.caller?) {
            ("principal", "isAccountRoot", PrincipalKind::User) => Some(json!({ "Value": false })),
            ("principal", "isAccountRoot", PrincipalKind::AccountRoot) => Some(json!({ "Value": true })),
            ("principal", "arn", _) => Some(json!({ "Value": self.arn? })),
            _ => None,
        }
    }

    /// Whether an attribute of the resource is like a pattern, where its bucket alone tells.
    fn is_like(&self, attribute: &str, pattern: &[Value]) -> Option<bool> {
        let bucket = self.bucket?;
        let literals = pattern.iter().map_while(|part| part.get("Literal")?.as_str());
        let beginning: String = literals.clone().collect();
        let is_open = matches!(pattern.get(literals.count()..), Some([one]) if one == "Wildcard");
        let known = match (self.resource, attribute) {
            (Resource::Object, "path") => format!("{bucket}/"),
            (Resource::Bucket, "name") => bucket.to_owned(),
            _ => return None,
        };
        match known.starts_with(&beginning) {
            true if is_open => Some(true),
            true => None,
            // The name of a bucket is known to its end, a path is not.
            false if self.resource == Resource::Object && beginning.starts_with(&known) => None,
            false => Some(false),
        }
    }

    /// A condition without what is settled. It means the same, errors included: what is left out would not be looked at.
    pub(super) fn settle(&self, condition: &Value) -> Value {
        match condition {
            Value::Object(fields) => {
                let settled: serde_json::Map<_, _> =
                    fields.iter().map(|(field, inside)| (field.clone(), self.settle(inside))).collect();
                let known = settled.iter().next().and_then(|(operator, operands)| self.known(operator, operands));
                known.unwrap_or(Value::Object(settled))
            }
            Value::Array(values) => values.iter().map(|value| self.settle(value)).collect(),
            other => other.clone(),
        }
    }

    /// What an operator comes to, where that is known.
    fn known(&self, operator: &str, operands: &Value) -> Option<Value> {
        let operand = |name: &str| operands.get(name);
        let constant = |name: &str| operand(name)?.get("Value");
        let variable = || operand("left")?.get("Var")?.as_str();
        let truth = |truth: bool| json!({ "Value": truth });
        match operator {
            "&&" => match constant("left")?.as_bool()? {
                true => operand("right").cloned(),
                false => Some(truth(false)),
            },
            "||" => match constant("left")?.as_bool()? {
                true => Some(truth(true)),
                false => operand("right").cloned(),
            },
            "!" => Some(truth(!constant("arg")?.as_bool()?)),
            "==" => Some(truth(constant("left")?.as_str()? == constant("right")?.as_str()?)),
            "like" => {
                let attribute = operand("left")?.get(".")?;
                let is_of_resource = attribute.get("left")?.get("Var")?.as_str()? == "resource";
                let pattern = operand("pattern")?.as_array().filter(|_| is_of_resource)?;
                Some(truth(self.is_like(attribute.get("attr")?.as_str()?, pattern)?))
            }
            "is" if operand("in").is_none() => Some(truth(self.is_a(variable()?, operand("entity_type")?.as_str()?)?)),
            "has" => Some(truth(self.has(variable()?, operand("attr")?.as_str()?)?)),
            "." => self.attribute(variable()?, operand("attr")?.as_str()?),
            _ => None,
        }
    }
}

/// Whether a condition always holds, or never does; none where it depends.
pub(super) fn constant(condition: &Value) -> Option<bool> {
    condition.get("Value")?.as_bool()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_settled_is_left_out_and_nothing_else() {
        let shape = Shape {
            resource: Resource::Object,
            has_embargo: false,
            has_lift: false,
            has_retention: true,
            has_source_ip: true,
            has_purpose: false,
            caller: Some(PrincipalKind::User),
            arn: Some("arn:aws:iam::000000000000:user/alice"),
            bucket: Some("turbines"),
        };
        for (condition, expected) in [
            ("resource has embargoUntil && context.now < resource.embargoUntil", "false"),
            ("resource has retainUntil && context.now < resource.retainUntil", "context.now < resource.retainUntil"),
            ("principal.isAccountRoot || resource.size > 5", "resource.size > 5"),
            ("!(principal is Lake::Anonymous)", "true"),
            ("principal is Lake::Role && principal.name == \"x\"", "false"),
            ("resource is Lake::Object", "true"),
            ("principal.arn == \"arn:aws:iam::000000000000:user/alice\"", "true"),
            ("principal.arn == \"arn:aws:iam::000000000000:user/a/alice\"", "false"),
            ("context has purpose || context has sourceIp", "true"),
            ("principal.name == \"alice\"", "principal.name == \"alice\""),
            ("resource.path like \"turbines/*\"", "true"),
            ("resource.path like \"turb*\"", "true"),
            ("resource.path like \"*\"", "true"),
            ("resource.path like \"turbines-2/*\" || resource.path like \"solar/*\"", "false"),
            ("resource.path like \"turbines/a*\"", "resource.path like \"turbines/a*\""),
            ("resource.path like \"turb*s/a\"", "resource.path like \"turb*s/a\""),
            ("resource.path like \"turb\\*\"", "false"),
            ("resource.key like \"turb*\"", "resource.key like \"turb*\""),
            // Left of it, something could fail.
            ("resource.size * 2 > 5 && false", "resource.size * 2 > 5 && false"),
            ("principal has name", "principal has name"),
        ] {
            let body = |condition: &str| {
                let text = format!("permit (principal, action, resource) when {{ {condition} }};");
                let policy: cedar_policy::Policy = text.parse().expect(condition);
                policy.to_json().expect(condition)["conditions"][0]["body"].clone()
            };
            assert_eq!(shape.settle(&body(condition)), body(expected), "{condition}");
        }
    }
}
