//! What is known of a policy set: the document, as it is stored. Texts stand beside it, one document for each version.

use kernel::Timestamp;
use serde::{Deserialize, Serialize};

use super::VERSIONS_MAX;

/// A version of a policy set. It never changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicySetVersion {
    /// Counted from 1; none is given twice.
    pub number: u32,
    /// SHA-256 of the text in hex; empty for a removal.
    pub hash: String,
    /// Bytes of the text.
    pub bytes: u64,
    /// Policies in the text.
    pub policies: u64,
    /// Who made it: the name that logs record.
    pub by: String,
    /// When it was made, in milliseconds since 1970.
    pub at_ms: i64,
    /// Why, for people.
    #[serde(default)]
    pub comment: String,
    /// The earlier version whose text it has again.
    #[serde(default)]
    pub again: Option<u32>,
    /// Whether the set was taken away with it: it has no text.
    #[serde(default)]
    pub is_removal: bool,
}

impl PolicySetVersion {
    /// When it was made.
    pub fn at(&self) -> Timestamp {
        Timestamp::from_millis(self.at_ms)
    }
}

/// A policy set and its versions, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PolicySetRecord {
    /// Its name.
    pub(super) name: String,
    /// The versions that are kept, in their order; the last one counts.
    pub(super) versions: Vec<PolicySetVersion>,
    /// The number of the next version.
    pub(super) next: u32,
}

impl PolicySetRecord {
    pub(super) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), versions: Vec::new(), next: 1 }
    }

    /// Adds a version, and gives back the one that is kept no more because of it.
    pub(super) fn push(&mut self, version: PolicySetVersion) -> Option<PolicySetVersion> {
        self.next = version.number.saturating_add(1);
        self.versions.push(version);
        (self.versions.len() > VERSIONS_MAX).then(|| self.versions.remove(0))
    }
}

/// The name of the document that holds the text of a version. No name of a set holds a slash.
pub(super) fn text_name(name: &str, number: u32) -> String {
    format!("{name}/{number:010}")
}
