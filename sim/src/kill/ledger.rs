//! What was sent, what was acknowledged, and what may be.

use std::collections::{BTreeMap, HashMap};
use std::time::Instant;

use fixtures::named_body::NamedBodies;
use fixtures::s3_client::{Answer, ClientError, Content, HeaderMap, PartTag};

use super::now;
use super::shared::SharedKey;

/// Names a write.
pub(super) type WriteId = u128;
/// The header that carries it, for bodies too short to.
pub(super) const ID_HEADER: &str = "x-amz-meta-write";
/// The largest body of the loop.
pub(super) const BODY_BYTES_MAX: usize = (5 << 20) + (128 << 10) + 1;

/// A write that was sent, whatever became of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Intent {
    /// Bytes of the body.
    pub(super) bytes: usize,
    /// The write whose bytes these are: itself, or what was copied.
    pub(super) body: WriteId,
}

/// What may stand under a key that one client owns. `None` is: nothing.
#[derive(Debug, Clone)]
pub(super) struct Register(Vec<Option<WriteId>>);

impl Default for Register {
    fn default() -> Self {
        Self(vec![None])
    }
}

impl Register {
    /// What stands there, where that is known.
    pub(super) fn certain(&self) -> Option<Option<WriteId>> {
        match self.0.as_slice() {
            [only] => Some(*only),
            _ => None,
        }
    }
    /// It is known now.
    pub(super) fn settle(&mut self, value: Option<WriteId>) {
        self.0 = vec![value];
    }
    /// It may have become this.
    pub(super) fn may_be(&mut self, value: Option<WriteId>) {
        self.0.push(value);
    }
    /// Whether it was that before anything unknown happened.
    pub(super) fn was(&self, value: Option<WriteId>) -> bool {
        self.0.first() == Some(&value)
    }
    /// Whether it can be that.
    pub(super) fn can_be(&self, value: Option<WriteId>) -> bool {
        self.0.contains(&value)
    }
    /// It was seen; `false` when it cannot be that.
    pub(super) fn observe(&mut self, value: Option<WriteId>) -> bool {
        let possible = self.0.contains(&value);
        self.settle(value);
        possible
    }
}

/// What an upload has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UploadState {
    /// Parts may be added.
    Open,
    /// Its completion was sent; the outcome is unknown.
    MayBeComplete,
    /// Its end was asked for; the outcome is unknown.
    MayBeAborted,
}

/// A multipart upload that was acknowledged and is not known to have ended.
#[derive(Debug, Clone)]
pub(super) struct Upload {
    /// The client that owns it.
    pub(super) worker: usize,
    /// The key it will become.
    pub(super) key: String,
    /// The write it will be.
    pub(super) write: WriteId,
    /// Acknowledged parts.
    pub(super) parts: Vec<PartTag>,
    /// Whether a part was sent whose outcome is unknown.
    pub(super) has_unknown_part: bool,
    /// What it has come to.
    pub(super) state: UploadState,
}

/// What became of a request.
#[derive(Debug)]
pub(super) enum Outcome {
    /// 2xx.
    Done(Answer),
    /// 3xx or 4xx: it had no effect.
    Refused(Answer),
    /// It may have had its effect. `hung_up`: the connection is gone, and the server most likely too.
    Unknown {
        /// Nothing more to be had from this server.
        hung_up: bool,
    },
    /// It never reached the server.
    NotSent,
}

impl Outcome {
    pub(super) fn of(result: Result<Answer, ClientError>) -> Self {
        match result {
            Ok(answer) if answer.status.is_success() && answer.code().is_empty() => Self::Done(answer),
            Ok(answer) if answer.status.is_server_error() || answer.status.is_success() => {
                Self::Unknown { hung_up: false }
            }
            Ok(answer) => Self::Refused(answer),
            Err(error) if error.may_have_happened() => Self::Unknown { hung_up: true },
            Err(_) => Self::NotSent,
        }
    }
}

/// Counts for the summary.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Counts {
    /// Changes that were acknowledged.
    pub(super) acknowledged: u64,
    /// Requests whose outcome was unknown when the server died.
    pub(super) unknown: u64,
    /// Of them, those that turned out to have happened.
    pub(super) unknown_happened: u64,
    /// Requests answered 5xx by a living server.
    pub(super) server_errors: u64,
    /// Reads that were judged.
    pub(super) reads: u64,
}

/// All that the loop knows.
pub(super) struct Ledger {
    started: Instant,
    pub(super) bodies: NamedBodies,
    intents: HashMap<WriteId, Intent>,
    run: u64,
    next: u64,
    /// Keys of the bucket without versions.
    pub(super) plain: BTreeMap<String, Register>,
    /// Uploads under way, by their names.
    pub(super) uploads: BTreeMap<String, Upload>,
    /// How many uploads may have been started without an answer.
    pub(super) unknown_uploads: usize,
    /// Keys of the bucket with versions.
    pub(super) shared: BTreeMap<String, SharedKey>,
    pub(super) counts: Counts,
    /// What must not be.
    pub(super) violations: Vec<String>,
}

impl Ledger {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            started: now(),
            bodies: NamedBodies::new(BODY_BYTES_MAX),
            intents: HashMap::new(),
            run: seed,
            next: 0,
            plain: BTreeMap::new(),
            uploads: BTreeMap::new(),
            unknown_uploads: 0,
            shared: BTreeMap::new(),
            counts: Counts::default(),
            violations: Vec::new(),
        }
    }

    /// Nanoseconds since the loop began.
    pub(super) fn time(&self) -> u64 {
        nanos(self.started, now())
    }

    /// Notes a write before it is sent.
    pub(super) fn intend(&mut self, bytes: usize) -> WriteId {
        self.intend_copy(Intent { bytes, body: 0 })
    }

    /// Notes a write of bytes that another write brought; with the body 0, of its own.
    pub(super) fn intend_copy(&mut self, mut intent: Intent) -> WriteId {
        self.next += 1;
        let id = u128::from(self.run) << 64 | u128::from(self.next);
        if intent.body == 0 {
            intent.body = id;
        }
        self.intents.insert(id, intent);
        id
    }

    pub(super) fn intent(&self, id: WriteId) -> Option<Intent> {
        self.intents.get(&id).copied()
    }

    /// The bytes of a write.
    pub(super) fn content(&self, intent: Intent) -> Content {
        self.bodies.body(intent.body, intent.bytes)
    }

    /// A plain key's register.
    pub(super) fn register(&mut self, key: &str) -> &mut Register {
        self.plain.entry(key.to_owned()).or_default()
    }

    /// A shared key.
    pub(super) fn shared_key(&mut self, key: &str) -> &mut SharedKey {
        self.shared.entry(key.to_owned()).or_default()
    }

    pub(super) fn violate(&mut self, what: String) {
        self.violations.push(what);
    }

    /// Which write's bytes an answer to GET brings, all of them compared; `None` where nothing is there.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub(super) fn judge(&mut self, answer: &Answer) -> Result<Option<WriteId>, String> {
        self.counts.reads += 1;
        if answer.status.as_u16() == 404 {
            return Ok(None);
        }
        if !answer.status.is_success() {
            return Err(format!("GET answers {} {}", answer.status, answer.code()));
        }
        let id = answer.header(ID_HEADER).and_then(|text| WriteId::from_str_radix(text, 16).ok());
        let id = id.ok_or("an object without its name")?;
        let intent = self.intent(id).ok_or_else(|| format!("write {id:x} was never sent"))?;
        let Content { head, tail } = self.content(intent);
        let (body, cut) = (&answer.body, head.len());
        if body.len() != intent.bytes || body[..cut] != head || body[cut..] != tail {
            let came = self.bodies.judge(body);
            return Err(format!("write {id:x} of {} bytes came back as {} bytes, {came:?}", intent.bytes, body.len()));
        }
        Ok(Some(id))
    }

    /// The server is dead: nothing under way can take effect any more.
    pub(super) fn server_died(&mut self, at: Instant) {
        let died = nanos(self.started, at);
        for key in self.shared.values_mut() {
            key.server_died(died);
        }
    }

    /// Mutation: an object that the ledger knows of no more.
    pub(super) fn drop_entry(&mut self) {
        let known = self.plain.values_mut().find(|register| matches!(register.certain(), Some(Some(_))));
        if let Some(register) = known {
            register.settle(None);
        }
    }

    /// Mutation: an object that was never sent.
    pub(super) fn add_phantom(&mut self) {
        let id = self.intend(1);
        if let Some(register) = self.plain.values_mut().next() {
            register.settle(Some(id));
        }
    }
}

fn nanos(from: Instant, to: Instant) -> u64 {
    u64::try_from(to.saturating_duration_since(from).as_nanos()).unwrap_or(u64::MAX)
}

/// A request's result, for requests made through the client's higher calls.
#[expect(clippy::result_large_err, reason = "an outcome is kept by who asked, once per request")]
pub(super) fn settled<T>(result: Result<T, ClientError>) -> Result<T, Outcome> {
    result.map_err(|error| match error {
        ClientError::Status { status, .. } if status.is_server_error() => Outcome::Unknown { hung_up: false },
        ClientError::Status { status, code } => {
            Outcome::Refused(Answer { status, headers: HeaderMap::new(), body: format!("<Code>{code}</Code>").into() })
        }
        error if error.may_have_happened() => Outcome::Unknown { hung_up: true },
        _ => Outcome::NotSent,
    })
}
