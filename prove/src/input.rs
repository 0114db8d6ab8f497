//! Policies as they are read: validated as the lake validates them, then put together under names that tell where each is
//! from.

use std::path::{Path, PathBuf};

use cedar_policy::{PolicyId, PolicySet};
use policy::{PolicyFault, Source};

/// Why there is nothing to prove anything about.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InputError {
    #[error("`{}` cannot be read", path.display())]
    Unreadable {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("`{}` is no set of policies", path.display())]
    Policies {
        path: PathBuf,
        #[source]
        source: PolicyFault,
    },
    #[error("`{}`: {reason}", path.display())]
    Together { path: PathBuf, reason: String },
}

/// Policies of one or more files, as one set.
#[derive(Debug)]
pub(crate) struct PolicyText {
    pub(crate) policies: PolicySet,
    /// As they were written, one file after the other.
    pub(crate) text: String,
}

impl PolicyText {
    /// Reads files; nothing with an error or a warning is taken. What holds in every lake is added, unless they are to
    /// stand alone.
    pub(crate) fn read(paths: &[PathBuf], alone: bool) -> Result<Self, InputError> {
        let mut read = Self { policies: PolicySet::new(), text: String::new() };
        if !alone {
            read.add(Path::new("lake"), policy::BASE_TEXT)?;
        }
        for path in paths {
            read.add(path, &text_of(path)?)?;
        }
        Ok(read)
    }

    fn add(&mut self, path: &Path, text: &str) -> Result<(), InputError> {
        let name = path.display().to_string();
        Source::cedar(&name, text).map_err(|source| InputError::Policies { path: path.to_owned(), source })?;
        let together = |reason: String| InputError::Together { path: path.to_owned(), reason };
        let set: PolicySet = text.parse().map_err(|error: cedar_policy::ParseErrors| together(error.to_string()))?;
        for policy in set.policies() {
            let id = policy.annotation("id").map_or_else(|| policy.id().to_string(), str::to_owned);
            let named = policy.new_id(PolicyId::new(format!("{name}#{id}")));
            self.policies.add(named).map_err(|error| together(error.to_string()))?;
        }
        self.text.push_str(text);
        self.text.push('\n');
        Ok(())
    }
}

#[expect(clippy::disallowed_methods, reason = "this program reads the files it is given, and no others")]
fn text_of(path: &Path) -> Result<String, InputError> {
    std::fs::read_to_string(path).map_err(|source| InputError::Unreadable { path: path.to_owned(), source })
}
