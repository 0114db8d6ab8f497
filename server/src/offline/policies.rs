//! Texts of policies, judged as a lake would.

use cli::PolicyFlaw;
use policy::{PolicyFault, Source};

/// How many policies a text in Cedar holds.
///
/// # Errors
/// What is wrong with it, and where.
pub(crate) fn judge(text: &str) -> Result<usize, PolicyFlaw> {
    match Source::cedar("candidate", text) {
        Ok(source) => Ok(source.count()),
        Err(PolicyFault::Syntax { line, column, reason }) => {
            Err(PolicyFlaw { line: Some(line), column: Some(column), reason })
        }
        Err(other) => Err(PolicyFlaw { line: None, column: None, reason: other.to_string() }),
    }
}
