//! The vocabulary of policies: what entities and actions there are, and what is known of them.

use std::fmt::Write as _;
use std::sync::LazyLock;

use cedar_policy::{PolicySet, Schema, ValidationMode, ValidationWarning, Validator};

use crate::action::Action;

/// Entities, and what the control plane asks.
const ENTITIES: &str = include_str!("lake.cedarschema");

/// The whole schema, in Cedar's own words.
pub fn schema_text() -> String {
    // The namespace is closed behind the actions.
    let mut text = ENTITIES.trim_end().trim_end_matches('}').to_owned();
    for action in Action::ALL {
        let (group, on) = (action.group(), action.resource().entity());
        let written = writeln!(
            text,
            "  action \"{}\" in [{}] appliesTo {{\n    principal: [User, Role, Service, Anonymous], resource: [{on}], context: {}\n  }};",
            action.name(),
            group.name(),
            group.context(),
        );
        debug_assert!(written.is_ok(), "a text takes every line");
    }
    text.push_str("}\n");
    text
}

static VALIDATOR: LazyLock<Result<Validator, String>> = LazyLock::new(|| Ok(Validator::new(schema()?)));

fn schema() -> Result<Schema, String> {
    let (schema, warnings) = Schema::from_cedarschema_str(&schema_text()).map_err(|error| error.to_string())?;
    match warnings.map(|warning| warning.to_string()).next() {
        Some(warning) => Err(warning),
        None => Ok(schema),
    }
}

/// What is wrong with policies, if anything. A warning counts: a policy that can never apply is a mistake that nobody
/// notices, and one that is impossible does nothing.
pub(crate) fn faults(policies: &PolicySet) -> Vec<Fault> {
    faults_among(policies, |_| true)
}

/// As [`faults`], of policies made from a document: the texts in them are names that stand there, such as keys, and may be of
/// any script and any direction.
pub(crate) fn faults_of_translation(policies: &PolicySet) -> Vec<Fault> {
    use ValidationWarning::{
        BidiCharsInIdentifier, BidiCharsInString, ConfusableIdentifier, MixedScriptIdentifier, MixedScriptString,
    };
    faults_among(policies, |warning| {
        let is_of_script = matches!(
            warning,
            BidiCharsInIdentifier(_)
                | BidiCharsInString(_)
                | ConfusableIdentifier(_)
                | MixedScriptIdentifier(_)
                | MixedScriptString(_)
        );
        !is_of_script
    })
}

/// Errors, and those of the warnings that count.
fn faults_among(policies: &PolicySet, counts: impl Fn(&ValidationWarning) -> bool) -> Vec<Fault> {
    let validator = match &*VALIDATOR {
        Ok(validator) => validator,
        Err(error) => return vec![Fault { at: None, reason: error.clone() }],
    };
    let result = validator.validate(policies, ValidationMode::Strict);
    let errors = result.validation_errors().map(|error| Fault::of(error));
    let warnings = result.validation_warnings().filter(|warning| counts(warning)).map(|warning| Fault::of(warning));
    let mut faults: Vec<Fault> = errors.chain(warnings).collect();
    // That nothing applies follows from what else is wrong, and says less.
    faults.sort_by_key(|fault| (fault.reason.starts_with(NOTHING_APPLIES), fault.at));
    faults
}

/// How Cedar says that.
const NOTHING_APPLIES: &str = "unable to find an applicable action";

/// Characters of a reason: Cedar writes types out, however deep they are.
const REASON_CHARS_MAX: usize = 500;

/// What is wrong with a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The byte of the text where it stands, where that is known.
    pub(crate) at: Option<usize>,
    /// For people.
    pub(crate) reason: String,
}

impl Fault {
    /// A fault in Cedar's words, with what it says of the place.
    pub(crate) fn of(diagnostic: &dyn miette::Diagnostic) -> Self {
        let label = diagnostic.labels().and_then(|mut labels| labels.next());
        let told = diagnostic.to_string();
        // Numbers that nobody gave to the policies tell nobody anything; the place does.
        let numbered = told.strip_prefix("for policy `").and_then(|behind| behind.split_once("`, "));
        let mut reason = numbered.map_or(told.as_str(), |(_, behind)| behind).to_owned();
        if let Some(told) = label.as_ref().and_then(|label| label.label()) {
            reason.push_str(": ");
            reason.push_str(told);
        }
        if let Some(help) = diagnostic.help() {
            reason.push_str("; ");
            reason.push_str(&help.to_string());
        }
        if let Some((cut, _)) = reason.char_indices().nth(REASON_CHARS_MAX) {
            reason.truncate(cut);
            reason.push('…');
        }
        Self { at: label.map(|label| label.offset()), reason }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_holds_every_action() {
        let schema = schema().expect("the schema is one");
        let actions: Vec<String> = schema.actions().map(|uid| uid.id().unescaped().to_owned()).collect();
        for action in Action::ALL {
            assert!(actions.iter().any(|known| known == action.name()), "{action:?}");
        }
    }

    #[test]
    fn what_can_never_apply_is_a_fault() {
        let fault_of = |text: &str| faults(&text.parse().expect("a policy"));
        assert_eq!(fault_of("permit (principal, action, resource);"), []);
        for bad in [
            r#"permit (principal is Lake::User, action == Lake::Action::"s3:GetObject", resource is Lake::Bucket);"#,
            r#"permit (principal, action == Lake::Action::"s3:GetObjekt", resource);"#,
            r#"forbid (principal, action in Lake::Action::"read", resource is Lake::Object) when { resource.sise > 1 };"#,
            r#"forbid (principal, action in Lake::Action::"read", resource is Lake::Object) when { false };"#,
        ] {
            assert!(!fault_of(bad).is_empty(), "{bad}");
        }
    }
}
