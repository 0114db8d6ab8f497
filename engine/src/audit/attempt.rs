//! An attempt: what became of one request, or of one of the many things that a request asks for.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use kernel::{BucketName, Caller, ObjectKey, VersionName};
use metadata::{Batch, Witness};
use policy::{Action, Permit, PolicyHash, Refusal};

use super::crowd::{Kind, Source};
use super::entry::{AuditEntry, AuditKind, AuditOutcome};
use super::{AuditLevel, instant};
use crate::leave::Ask;
use crate::trusted_time::TrustedTime;
use crate::{Engine, Error, Result};

/// Permits that one attempt remembers.
const DEEDS_MAX: usize = 64;

/// What was asked for and answered.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Deed {
    caller: Caller,
    action: Action,
    bucket: Option<BucketName>,
    key: Option<ObjectKey>,
    version: Option<VersionName>,
    identity: Option<String>,
    policy_hash: PolicyHash,
}

impl Deed {
    fn of(caller: &Caller, ask: &Ask<'_>, policy_hash: PolicyHash) -> Self {
        Self {
            caller: caller.clone(),
            action: ask.action,
            bucket: ask.bucket.map(|bucket| bucket.name.clone()),
            key: ask.object.map(|object| object.key.clone()),
            version: ask.object.and_then(|object| object.version),
            identity: ask.identity.map(str::to_owned),
            policy_hash,
        }
    }
}

#[derive(Debug, Default)]
struct State {
    access_key: Option<String>,
    /// What only administrators do, permitted and not yet written.
    deeds: Vec<Deed>,
    /// How many of them the last batch took along.
    offered: usize,
    /// Entries that came with batches.
    kept: usize,
    /// The last refusal.
    refused: Option<Box<(Refusal, Deed)>>,
    /// Whether that refusal counts even where the answer is that there is nothing.
    is_withheld: bool,
    /// The first permit, where every access is written.
    first: Option<Deed>,
    /// Why the caller does it, in its own words.
    reason: Option<String>,
    /// The temporary access key that was handed out, and to whom.
    session: Option<(String, String)>,
}

/// What becomes of one request, as far as the audit is concerned.
pub struct Attempt {
    time: Arc<TrustedTime>,
    state: Mutex<State>,
}

tokio::task_local! {
    /// The attempt that is under way.
    static ATTEMPT: Arc<Attempt>;
}

/// How a request ended.
#[derive(Debug, Clone, Copy)]
pub struct Ending<'a> {
    /// Whose it was; none where nobody was made out.
    pub caller: Option<&'a Caller>,
    /// Where it came from.
    pub address: Option<IpAddr>,
    /// Its id.
    pub request_id: &'a str,
    /// What the request log calls it.
    pub operation: Option<&'a str>,
    /// The bucket it named.
    pub bucket: Option<&'a str>,
    /// The key it named.
    pub key: Option<&'a str>,
    /// The error code of its answer; none where it is none.
    pub code: Option<&'a str>,
    /// What its answer says of the error.
    pub message: Option<&'a str>,
    /// How it ended.
    pub outcome: AuditOutcome,
}

fn with_attempt<T>(noting: impl FnOnce(&Attempt) -> T) -> Option<T> {
    ATTEMPT.try_with(|attempt| noting(attempt)).ok()
}

/// Notes what leave was asked for and what the answer was.
pub(crate) fn note_answer(level: AuditLevel, caller: &Caller, ask: &Ask<'_>, answer: &Result<Permit>) {
    match answer {
        Ok(permit) if ask.action.is_administrative() => {
            with_attempt(|attempt| attempt.state().permitted(Deed::of(caller, ask, permit.policy_hash())));
        }
        Ok(permit) if level == AuditLevel::Accesses => {
            with_attempt(|attempt| {
                let deed = || Deed::of(caller, ask, permit.policy_hash());
                attempt.state().first.get_or_insert_with(deed);
            });
        }
        Err(Error::Denied(refusal)) => {
            let deed = Deed::of(caller, ask, refusal.policy_hash);
            with_attempt(|attempt| attempt.state().refused = Some(Box::new((refusal.clone(), deed))));
        }
        Ok(_) | Err(_) => {}
    }
}

/// Notes a refusal that stands in no policy: how a bucket is set up rules it out, or a lock does.
pub(crate) fn note_ruled_out(ask: &Ask<'_>, refusal: &Refusal) {
    with_attempt(|attempt| {
        let mut state = attempt.state();
        let permitted = state.deeds.iter().find(|deed| deed.action == refusal.action).cloned();
        let deed = permitted.unwrap_or_else(|| Deed::of(&refusal.caller, ask, refusal.policy_hash));
        state.refused = Some(Box::new((refusal.clone(), deed)));
    });
}

/// Notes that the caller is refused even where the answer is that there is nothing.
pub(crate) fn note_withheld() {
    with_attempt(|attempt| attempt.state().is_withheld = true);
}

/// Notes that temporary keys were made for somebody.
pub(crate) fn note_session(access_key: &str, whom: String) {
    with_attempt(|attempt| attempt.state().session = Some((access_key.to_owned(), whom)));
}

/// Notes the access key id that the request under way is signed with, once the lake knows it.
pub fn note_access_key(access_key: &str) {
    with_attempt(|attempt| attempt.state().access_key = Some(access_key.to_owned()));
}

/// Notes why the caller does what it does, in its own words, for the entry of what it is about to do.
pub fn note_reason(reason: &str) {
    with_attempt(|attempt| attempt.state().reason = Some(reason.to_owned()));
}

/// What becomes of a refusal.
enum Knock {
    /// It is an entry of its own.
    Listed,
    /// It is counted, and nothing is written now.
    Counted,
    /// An entry for so many of a kind.
    Of(Kind, u64),
}

impl State {
    fn permitted(&mut self, deed: Deed) {
        if self.deeds.len() < DEEDS_MAX && !self.deeds.contains(&deed) {
            self.deeds.push(deed);
        }
    }
}

impl Attempt {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An entry about now.
    fn entry(&self, kind: AuditKind, outcome: AuditOutcome) -> AuditEntry {
        entry_at(&self.time, kind, outcome)
    }

    /// What an entry says of deeds.
    fn of_deeds(&self, state: &State, entry: AuditEntry) -> AuditEntry {
        let Some(first) = state.deeds.first() else { return entry };
        let mut actions: Vec<String> = Vec::new();
        for deed in &state.deeds {
            if !actions.iter().any(|action| action == deed.action.name()) {
                actions.push(deed.action.name().to_owned());
            }
        }
        let (session, whom) = state.session.clone().unzip();
        let entry = AuditEntry { session, reason: state.reason.clone(), actions, ..entry };
        let entry = of_deed(first, state.access_key.clone(), entry);
        AuditEntry { identity: entry.identity.or(whom), ..entry }
    }
}

fn entry_at(time: &TrustedTime, kind: AuditKind, outcome: AuditOutcome) -> AuditEntry {
    let time = time.reading();
    AuditEntry { kind, outcome, time: instant(time.opening), wall: instant(time.wall), ..AuditEntry::default() }
}

/// What an entry says of one deed.
fn of_deed(deed: &Deed, access_key: Option<String>, entry: AuditEntry) -> AuditEntry {
    let origin = deed.caller.origin();
    let hash = (deed.policy_hash != PolicyHash::NONE).then(|| deed.policy_hash.to_string());
    AuditEntry {
        access_key,
        actions: if entry.actions.is_empty() { vec![deed.action.name().to_owned()] } else { entry.actions },
        address: origin.source_ip.map(|address| address.to_string()),
        bucket: deed.bucket.as_ref().map(|bucket| bucket.as_str().to_owned()),
        identity: deed.identity.clone(),
        key: deed.key.as_ref().map(|key| key.as_str().to_owned()),
        policy_hash: hash,
        request_id: Some(origin.request_id.clone()).filter(|id| !id.is_empty()),
        version: deed.version.map(|version| match version {
            VersionName::Null => "null".to_owned(),
            VersionName::Id(id) => id.to_string(),
        }),
        who: deed.caller.to_string(),
        ..entry
    }
}

impl Witness for Attempt {
    fn entry(&self, batch: &Batch) -> Option<Bytes> {
        let mut state = self.state();
        if state.deeds.is_empty() {
            return None;
        }
        state.offered = state.deeds.len();
        let entry = Attempt::entry(self, AuditKind::Change, AuditOutcome::Done);
        self.of_deeds(&state, entry).with_changed(batch).bytes().ok()
    }

    fn kept(&self) {
        let mut state = self.state();
        let offered = state.offered.min(state.deeds.len());
        state.deeds.drain(..offered);
        state.offered = 0;
        state.kept += 1;
    }
}

impl Engine {
    /// An entry about now.
    pub(super) fn audit_entry(&self, kind: AuditKind, outcome: AuditOutcome) -> AuditEntry {
        entry_at(&self.time, kind, outcome)
    }

    /// A new attempt. The access key of one that is under way is that of this one.
    pub fn attempt(&self) -> Arc<Attempt> {
        let access_key = with_attempt(|attempt| attempt.state().access_key.clone()).flatten();
        Arc::new(Attempt { time: Arc::clone(&self.time), state: Mutex::new(State { access_key, ..State::default() }) })
    }

    /// Does something as an attempt: what only administrators do is written together with what it changes.
    pub async fn attend<T>(&self, attempt: &Arc<Attempt>, work: impl Future<Output = T>) -> T {
        let witness: Arc<dyn Witness> = Arc::clone(attempt) as Arc<dyn Witness>;
        ATTEMPT.scope(Arc::clone(attempt), metadata::witnessed(witness, work)).await
    }

    /// Does one of many things that a request asks for, and writes what is to be written of it.
    pub(crate) async fn attend_one<T>(
        &self,
        attempt: &Arc<Attempt>,
        caller: &Caller,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let done = self.attend(attempt, work).await;
        let (outcome, code) = match &done {
            Ok(_) => (AuditOutcome::Done, None),
            Err(Error::Denied(_) | Error::Closed { .. } | Error::Locked(_)) => {
                (AuditOutcome::Refused, Some("AccessDenied"))
            }
            Err(_) => (AuditOutcome::Error, None),
        };
        let origin = caller.origin();
        let ending = Ending {
            caller: Some(caller),
            address: origin.source_ip,
            request_id: &origin.request_id,
            operation: None,
            bucket: None,
            key: None,
            code,
            message: None,
            outcome,
        };
        self.conclude(attempt, ending).await?;
        done
    }

    /// Writes what is still to be written of an attempt that is over. Nothing goes out before this returned.
    ///
    /// # Errors
    /// `Unavailable` where it could not be written.
    pub async fn conclude(&self, attempt: &Attempt, ending: Ending<'_>) -> Result<()> {
        let Some(entry) = self.left_to_say(attempt, &ending) else { return Ok(()) };
        self.catalog.append_audit(entry.bytes()?).await?;
        Ok(())
    }

    /// What is still to be written of an attempt; none where there is nothing.
    fn left_to_say(&self, attempt: &Attempt, ending: &Ending<'_>) -> Option<AuditEntry> {
        let level = self.audit.settings.level;
        let mut state = attempt.state();
        let is_refused = match ending.outcome {
            AuditOutcome::Refused => true,
            AuditOutcome::Error => state.is_withheld && state.refused.is_some(),
            AuditOutcome::Done => false,
        };
        let entry = if is_refused {
            if level < AuditLevel::Refusals {
                return None;
            }
            match self.knock(ending) {
                Knock::Listed => {}
                Knock::Counted => return None,
                Knock::Of(kind, count) => return Some(self.crowd_refusal(&mut state, ending, (&kind, count))),
            }
            refusal(&mut state, attempt.entry(AuditKind::Refusal, AuditOutcome::Refused))
        } else if !state.deeds.is_empty() || state.session.is_some() && state.kept == 0 {
            let entry = attempt.of_deeds(&state, attempt.entry(AuditKind::Change, ending.outcome));
            let (session, whom) = state.session.take().unzip();
            state.deeds.clear();
            AuditEntry { session, identity: entry.identity.or(whom), ..entry }
        } else if level == AuditLevel::Accesses && state.kept == 0 {
            let entry = attempt.entry(AuditKind::Access, ending.outcome);
            match state.first.take() {
                Some(deed) => of_deed(&deed, state.access_key.clone(), entry),
                None => entry,
            }
        } else {
            return None;
        };
        let access_key = entry.access_key.clone().or_else(|| state.access_key.clone());
        Some(told(ending, AuditEntry { access_key, ..entry }))
    }

    /// Counts a refusal.
    fn knock(&self, ending: &Ending<'_>) -> Knock {
        let code = ending.code.unwrap_or("AccessDenied");
        let is_stranger = ending.caller.is_none_or(Caller::is_anonymous);
        let counted = match (ending.caller.and_then(Caller::principal), ending.address) {
            (Some(principal), _) => self.audit.crowd.identity(&principal.policy_arn, code),
            (None, Some(address)) if is_stranger => self.audit.crowd.stranger(address, code),
            (None, _) => return Knock::Listed,
        };
        counted.map_or(Knock::Counted, |(kind, count)| Knock::Of(kind, count))
    }

    /// The refusal of somebody who is counted, for all that the entry stands for.
    fn crowd_refusal(&self, state: &mut State, ending: &Ending<'_>, (kind, count): (&Kind, u64)) -> AuditEntry {
        let entry = self.crowd_entry(kind, count);
        if kind.source == Source::Many {
            return entry;
        }
        let AuditEntry { address, count, .. } = entry;
        let entry = refusal(state, self.audit_entry(AuditKind::Refusal, AuditOutcome::Refused));
        let access_key = entry.access_key.clone().or_else(|| state.access_key.clone());
        let who = match ending.caller {
            Some(caller) => caller.to_string(),
            None => kind.who().to_owned(),
        };
        told(ending, AuditEntry { access_key, address: address.or(entry.address), count, who, ..entry })
    }

    /// What is said of many.
    pub(super) fn crowd_entry(&self, kind: &Kind, count: u64) -> AuditEntry {
        AuditEntry {
            address: kind.address(),
            code: Some(kind.code.clone()),
            count: (count > 1).then_some(count),
            who: kind.who().to_owned(),
            ..self.audit_entry(AuditKind::Refusal, AuditOutcome::Refused)
        }
    }

    /// Writes the counts of those whose window is over.
    pub(super) async fn settle_crowd(&self) -> Result<()> {
        self.append_counts(self.audit.crowd.settle()).await
    }

    /// Writes what is counted and not written yet, whatever its window: once nobody is answered any more.
    ///
    /// # Errors
    /// `Unavailable` where it could not be written.
    pub async fn close_audit(&self) -> Result<()> {
        self.append_counts(self.audit.crowd.disperse()).await
    }

    async fn append_counts(&self, counts: Vec<(Kind, u64)>) -> Result<()> {
        for (kind, count) in counts {
            self.catalog.append_audit(self.crowd_entry(&kind, count).bytes()?).await?;
        }
        Ok(())
    }
}

/// What an entry says of the last refusal.
fn refusal(state: &mut State, entry: AuditEntry) -> AuditEntry {
    let Some(refused) = state.refused.take() else {
        // What was permitted and then refused for another reason: a lock, a block of public access.
        return match state.deeds.first() {
            Some(deed) => of_deed(deed, state.access_key.clone(), entry),
            None => entry,
        };
    };
    let (refusal, deed) = *refused;
    let entry = of_deed(&deed, state.access_key.clone(), entry);
    AuditEntry { reason: Some(refusal.reason.into_owned()), policies: refusal.policies.into_vec(), ..entry }
}

/// What the ending of a request adds to an entry.
fn told(ending: &Ending<'_>, entry: AuditEntry) -> AuditEntry {
    let owned = |text: Option<&str>| text.map(str::to_owned);
    AuditEntry {
        address: entry.address.or_else(|| ending.address.map(|address| address.to_string())),
        bucket: entry.bucket.or_else(|| owned(ending.bucket)),
        code: owned(ending.code).or(entry.code),
        key: entry.key.or_else(|| owned(ending.key)),
        operation: owned(ending.operation),
        reason: entry.reason.or_else(|| owned(ending.message.filter(|_| ending.caller.is_some()))),
        request_id: entry.request_id.or_else(|| Some(ending.request_id.to_owned())).filter(|id| !id.is_empty()),
        who: match (entry.who.is_empty(), ending.caller) {
            (false, _) => entry.who,
            (true, Some(caller)) => caller.to_string(),
            (true, None) => "unknown".to_owned(),
        },
        ..entry
    }
}
