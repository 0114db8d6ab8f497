//! Policy sets: what the operator of the lake says in Cedar, for everybody.
//!
//! A set has a name, and versions that never change: whoever puts a text makes the next version, going back to an earlier
//! one makes one more with its text, and taking the set away is a version without a text. The last version counts. The
//! texts that count are compiled once, when they come in, and held in memory as one [`Snapshot`]: a decision finds them
//! ready. A change takes effect for every decision that begins after it is durable.
//!
//! Nobody locks everybody out by mistake: a change after which nobody could change policies but the holder of the root
//! keys, or not the one who makes it, is refused unless it is confirmed ([`lock_out`]).

mod compare;
mod explain;
mod lock_out;
mod records;
mod snapshot;
mod subject;

use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use kernel::Caller;
use metadata::{DocumentEdit, DocumentKind};
use policy::{Action, PolicyFault, Source};

pub use compare::{Access, Amount, Comparison, Forecast, Place, Publication, Shift, Survey, Turn};
pub use explain::{Candidate, Case, CaseOutcome, Explained, Matter, Supposed};
pub use records::PolicySetVersion;
pub use snapshot::PolicySetState;
pub use subject::Subject;

use crate::identity::hex;
use crate::{Engine, Error, Result};
use records::{PolicySetRecord, text_name};
use snapshot::Set;
pub(crate) use snapshot::Snapshot;

/// Sets that count at the most.
const SETS_MAX: usize = 1_000;
/// Names of sets that are remembered at the most, those of sets that were taken away included.
const NAMES_MAX: usize = 10_000;
/// Policies of all sets that count, together.
const POLICIES_MAX: usize = 20_000;
/// Versions of a set that are kept: the latest.
const VERSIONS_MAX: usize = 1_000;
/// Characters of a comment.
const COMMENT_CHARS_MAX: usize = 1_000;
/// Characters of a set's name.
const NAME_CHARS_MAX: usize = 64;
/// What the base and the lake's own names begin with, so no set is called so.
const RESERVED: [&str; 2] = ["lake", "candidate"];

/// Why something about policy sets was not done. Nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicySetFault {
    /// No set can be called so.
    #[error(
        "`{0}` is no name of a policy set: it must be 1 to 64 of a-z, 0-9, `.`, `_` and `-`, begin with a letter or a \
         digit, and not be `lake` or `candidate`"
    )]
    Name(String),
    /// There is no such set.
    #[error("there is no policy set `{0}`")]
    Missing(String),
    /// The set has no such version, or it is kept no more.
    #[error("the policy set `{name}` has no text of version {number}")]
    MissingVersion {
        /// The set.
        name: String,
        /// The version.
        number: u32,
    },
    /// A text that is not taken.
    #[error("the policy set `{name}` is not taken: {fault}")]
    Text {
        /// The set.
        name: String,
        /// What is wrong.
        fault: PolicyFault,
    },
    /// There may be no more.
    #[error("there may be {max} {what} at the most")]
    Limit {
        /// Of what.
        what: &'static str,
        /// How many.
        max: usize,
    },
    /// Somebody else changed the set meanwhile.
    #[error("the policy set `{name}` is at version {is}, not {expected}: look at what changed before you change it")]
    Changed {
        /// The set.
        name: String,
        /// The version that was expected to count; 0 for none.
        expected: u32,
        /// The version that counts; 0 for none.
        is: u32,
    },
    /// It would lock administrators out, and nobody has confirmed it.
    #[error("{0}: confirm it if that is what you want")]
    LockOut(String),
    /// A value that cannot be.
    #[error("{0}")]
    Value(String),
}

/// A change of a policy set.
#[derive(Debug, Clone, Copy)]
pub struct ChangePolicySet<'a> {
    /// The set.
    pub name: &'a str,
    /// What becomes of it.
    pub to: PolicySetTo<'a>,
    /// Why, for people: at most 1,000 characters.
    pub comment: &'a str,
    /// The version that must count for the change to be made; 0 for a set that must not be there.
    pub expected: Option<u32>,
    /// Whether it may lock administrators out.
    pub is_confirmed: bool,
}

/// What becomes of a policy set.
#[derive(Debug, Clone, Copy)]
pub enum PolicySetTo<'a> {
    /// This text, in Cedar.
    Text(&'a str),
    /// The text of an earlier version.
    Version(u32),
    /// It is taken away. Its versions stay.
    Nothing,
}

/// All sets as they are now, and what is needed to change them.
pub(crate) struct PolicySets {
    snapshot: RwLock<Arc<Snapshot>>,
    /// Held by whoever changes something, from looking until the new snapshot stands.
    changing: tokio::sync::Mutex<()>,
}

impl PolicySets {
    pub(crate) fn new() -> Self {
        Self { snapshot: RwLock::default(), changing: tokio::sync::Mutex::default() }
    }

    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.snapshot.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn replace(&self, snapshot: Snapshot) {
        *self.snapshot.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(snapshot);
    }
}

/// The name of a set, if it can be one.
fn checked_name(name: &str) -> std::result::Result<(), PolicySetFault> {
    let is_first = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let begins_well = name.as_bytes().first().is_some_and(is_first);
    let is_well = name.bytes().all(|byte| is_first(&byte) || matches!(byte, b'.' | b'_' | b'-'));
    if !begins_well || !is_well || name.len() > NAME_CHARS_MAX || RESERVED.contains(&name) {
        return Err(PolicySetFault::Name(name.to_owned()));
    }
    Ok(())
}

/// The policies of a text under the name of its set.
fn compiled(name: &str, text: &str) -> std::result::Result<Source, PolicySetFault> {
    Source::cedar(name, text).map_err(|fault| PolicySetFault::Text { name: name.to_owned(), fault })
}

impl Engine {
    /// Says what is wrong with a text as a policy set, if anything: how many policies it holds.
    ///
    /// # Errors
    /// `PolicySet` with line, column and reason; `Denied`.
    pub fn validate_policy_set(&self, caller: &Caller, text: &str) -> Result<usize> {
        self.permit_lake(caller, Action::SimulatePolicy)?;
        Ok(compiled("candidate", text)?.count())
    }

    /// Changes a policy set: the version that counts from now on.
    ///
    /// # Errors
    /// `PolicySet` where the text is none, the set is not at the expected version, there are too many, or it would lock
    /// administrators out; `Denied`, `Unavailable`. Nothing has changed then.
    pub async fn change_policy_set(&self, caller: &Caller, change: ChangePolicySet<'_>) -> Result<PolicySetVersion> {
        let action = match change.to {
            PolicySetTo::Nothing => Action::DeletePolicySet,
            PolicySetTo::Text(_) | PolicySetTo::Version(_) => Action::PutPolicySet,
        };
        self.permit_lake(caller, action)?;
        checked_name(change.name)?;
        if change.comment.chars().count() > COMMENT_CHARS_MAX {
            let reason = format!("a comment has at most {COMMENT_CHARS_MAX} characters");
            return Err(PolicySetFault::Value(reason).into());
        }
        let _nobody_else_changes = self.policy_sets.changing.lock().await;
        let now = self.policy_sets.snapshot();
        let set = now.set(change.name);
        let is = set.and_then(Set::current).map_or(0, |version| version.number);
        if let Some(expected) = change.expected.filter(|expected| *expected != is) {
            return Err(PolicySetFault::Changed { name: change.name.to_owned(), expected, is }.into());
        }
        if is == 0 && matches!(change.to, PolicySetTo::Nothing) {
            return Err(PolicySetFault::Missing(change.name.to_owned()).into());
        }
        let text: Option<Arc<str>> = match change.to {
            PolicySetTo::Text(text) => Some(text.into()),
            PolicySetTo::Version(number) => Some(self.text_of_version(&now, change.name, number).await?),
            PolicySetTo::Nothing => None,
        };
        self.commit_policy_set(caller, &now, &change, text).await
    }

    async fn commit_policy_set(
        &self,
        caller: &Caller,
        now: &Snapshot,
        change: &ChangePolicySet<'_>,
        text: Option<Arc<str>>,
    ) -> Result<PolicySetVersion> {
        let source = text.as_deref().map(|text| compiled(change.name, text)).transpose()?.map(Arc::new);
        let was = now.set(change.name);
        let mut record = was.map_or_else(|| PolicySetRecord::new(change.name), |set| set.record.clone());
        let version = PolicySetVersion {
            number: record.next,
            hash: text.as_deref().map(|text| hex(&Source::hash_of(text))).unwrap_or_default(),
            bytes: text.as_deref().map_or(0, str::len) as u64,
            policies: source.as_ref().map_or(0, |source| source.count()) as u64,
            by: caller.to_string(),
            at_ms: self.clock.now().as_millis(),
            comment: change.comment.to_owned(),
            again: match change.to {
                PolicySetTo::Version(number) => Some(number),
                PolicySetTo::Text(_) | PolicySetTo::Nothing => None,
            },
            is_removal: text.is_none(),
        };
        let kept_no_more = record.push(version.clone());
        let bytes = Bytes::from(serde_json::to_vec(&record).map_err(|_| Error::Bug("a policy set that is no JSON"))?);
        let edits = self.edits_of(was, &bytes, &record, text.as_deref(), kept_no_more).await?;
        let active = text.zip(source);
        let next = now.with(Set { record, bytes, active })?;
        if !change.is_confirmed {
            self.expect_no_lock_out(caller, now, &next)?;
        }
        self.catalog.change_documents(&edits).await?;
        self.policy_sets.replace(next);
        Ok(version)
    }

    /// The rows of a change: the set, its new text, and the text of the version that is kept no more.
    async fn edits_of(
        &self,
        was: Option<&Set>,
        bytes: &Bytes,
        record: &PolicySetRecord,
        text: Option<&str>,
        kept_no_more: Option<PolicySetVersion>,
    ) -> Result<Vec<DocumentEdit>> {
        let (kind, name) = (DocumentKind::POLICY_SET, record.name.clone());
        let mut edits =
            vec![DocumentEdit { kind, name, was: was.map(|set| set.bytes.clone()), now: Some(bytes.clone()) }];
        let kind = DocumentKind::POLICY_SET_TEXT;
        if let Some(text) = text {
            let name = text_name(&record.name, record.next - 1);
            let now = Some(Bytes::copy_from_slice(text.as_bytes()));
            edits.push(DocumentEdit { kind, name, was: None, now });
        }
        if let Some(gone) = kept_no_more.filter(|version| !version.is_removal) {
            let name = text_name(&record.name, gone.number);
            let was = self.catalog.document(kind, &name).await?;
            edits.extend(was.map(|was| DocumentEdit { kind, name, was: Some(was), now: None }));
        }
        Ok(edits)
    }

    /// A version of a policy set, the one that counts unless another is named, and its text.
    ///
    /// # Errors
    /// `PolicySet` where there is no such set or version; `Denied`, `Unavailable`.
    pub async fn policy_set(
        &self,
        caller: &Caller,
        name: &str,
        number: Option<u32>,
    ) -> Result<(PolicySetVersion, Arc<str>)> {
        self.permit_lake(caller, Action::GetPolicySet)?;
        let now = self.policy_sets.snapshot();
        let missing = || PolicySetFault::Missing(name.to_owned());
        let set = now.set(name).ok_or_else(missing)?;
        let version = match number {
            None => set.current().ok_or_else(missing)?.clone(),
            Some(number) => set.version(number)?.clone(),
        };
        let text = self.text_of_version(&now, name, version.number).await?;
        Ok((version, text))
    }

    async fn text_of_version(&self, now: &Snapshot, name: &str, number: u32) -> Result<Arc<str>> {
        let set = now.set(name).ok_or_else(|| PolicySetFault::Missing(name.to_owned()))?;
        let missing = || PolicySetFault::MissingVersion { name: name.to_owned(), number };
        if set.version(number)?.is_removal {
            return Err(missing().into());
        }
        let read = self.catalog.document(DocumentKind::POLICY_SET_TEXT, &text_name(name, number)).await?;
        text_of(name, number, &read.ok_or_else(missing)?)
    }

    /// The sets that count, by name, and the hash of all of them together.
    ///
    /// # Errors
    /// `Denied`.
    pub fn policy_sets(&self, caller: &Caller) -> Result<PolicySetState> {
        self.permit_lake(caller, Action::ListPolicySets)?;
        Ok(self.policy_sets.snapshot().state())
    }

    /// The versions of a policy set that are kept, the latest first; also those of a set that was taken away.
    ///
    /// # Errors
    /// `PolicySet` where there never was such a set; `Denied`.
    pub fn policy_set_history(&self, caller: &Caller, name: &str) -> Result<Vec<PolicySetVersion>> {
        self.permit_lake(caller, Action::ListPolicySets)?;
        let now = self.policy_sets.snapshot();
        let set = now.set(name).ok_or_else(|| PolicySetFault::Missing(name.to_owned()))?;
        Ok(set.record.versions.iter().rev().cloned().collect())
    }

    /// Reads all policy sets. A text that cannot be compiled any more lets nobody in whom policies bind, until the set is
    /// put anew.
    pub(crate) async fn open_policy_sets(&self) -> Result<()> {
        let mut snapshot = Snapshot::default();
        for (name, bytes) in self.catalog.documents(DocumentKind::POLICY_SET).await? {
            let damaged = |source| Error::Corrupt { what: format!("the policy set `{name}`"), source };
            let record: PolicySetRecord = serde_json::from_slice(&bytes).map_err(|error| damaged(Box::new(error)))?;
            let mut set = Set { record, bytes, active: None };
            if let Some(number) = set.current().map(|version| version.number) {
                let place = text_name(&name, number);
                let read = self.catalog.document(DocumentKind::POLICY_SET_TEXT, &place).await?;
                let text = text_of(&name, number, &read.ok_or_else(|| damaged("its text is missing".into()))?)?;
                match compiled(&name, &text) {
                    Ok(source) => set.active = Some((text, Arc::new(source))),
                    Err(fault) => snapshot.damage(&name, &fault),
                }
            }
            snapshot.take(set);
        }
        snapshot.join();
        self.policy_sets.replace(snapshot);
        Ok(())
    }
}

fn text_of(name: &str, number: u32, bytes: &Bytes) -> Result<Arc<str>> {
    let text = std::str::from_utf8(bytes).map_err(|error| Error::Corrupt {
        what: format!("version {number} of the policy set `{name}`"),
        source: Box::new(error),
    })?;
    Ok(text.into())
}
