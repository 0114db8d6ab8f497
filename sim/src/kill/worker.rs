//! One client: what it does to keys of its own, in the bucket without versions.

use std::cell::RefCell;
use std::rc::Rc;

use bytes::Bytes;
use fixtures::s3_client::{self, Client, ClientError, Content, Method, Request};
use fixtures::seeded::Seeded;

use super::ledger::{ID_HEADER, Intent, Ledger, Outcome, Upload, UploadState, WriteId, settled};
use super::{KillError, PLAIN};

/// Keys of each client.
const KEYS: u64 = 8;
/// The least bytes of a part that is not the last.
const PART_BYTES_MIN: usize = 5 << 20;
/// Uploads a client leaves open at the most.
const OPEN_UPLOADS_MAX: usize = 2;

/// Whether there is more to be had from this server.
pub(super) type Step = std::ops::ControlFlow<()>;
pub(super) const GO_ON: Step = Step::Continue(());
pub(super) const STOP: Step = Step::Break(());

/// One client.
pub(super) struct Worker {
    pub(super) number: usize,
    pub(super) seeded: Seeded,
    pub(super) ledger: Rc<RefCell<Ledger>>,
    client: Option<Client>,
}

impl Worker {
    pub(super) fn new(number: usize, seeded: Seeded, ledger: Rc<RefCell<Ledger>>) -> Self {
        Self { number, seeded, ledger, client: None }
    }

    /// Turns to a new server.
    pub(super) fn connect(&mut self, settings: &s3_client::Settings) -> Result<(), KillError> {
        let client = Client::new(settings).map_err(|error| KillError::Client("endpoint", error))?;
        self.client = Some(client);
        Ok(())
    }

    /// Works until the server hangs up.
    pub(super) async fn work(&mut self) {
        let Some(mut client) = self.client.take() else { return };
        while self.step(&mut client).await == GO_ON {}
    }

    async fn step(&mut self, client: &mut Client) -> Step {
        match self.seeded.below(100) {
            0..30 => self.put(client).await,
            30..36 => self.delete(client).await,
            36..48 => self.get(client).await,
            48..54 => self.upload(client).await,
            54..58 => self.copy(client).await,
            58..61 => self.put_if_absent(client).await,
            61..63 => self.put_damaged(client).await,
            63..79 => self.put_shared(client).await,
            79..83 => self.delete_shared(client).await,
            83..94 => self.get_shared(client).await,
            _ => self.remove_version(client).await,
        }
    }

    fn key(&mut self) -> String {
        // Names that a careless server would mangle, each under the client's own prefix.
        const SHAPES: [&str; 4] = ["a", "a/b", "a//b/../c", "θ 🌬 %41+"];
        let place = self.seeded.below(KEYS) as usize;
        format!("{:02}/{}{place}", self.number, SHAPES[place % SHAPES.len()])
    }

    pub(super) fn bytes(&mut self) -> usize {
        match self.seeded.below(100) {
            0..4 => 0,
            4..8 => 1,
            8..76 => 16 + self.seeded.below(4 << 10) as usize,
            76..88 => (64 << 10) - 1 + self.seeded.below(3) as usize,
            88..98 => (128 << 10) - 1 + self.seeded.below(3) as usize,
            98 => (1 << 20) + self.seeded.below(1 << 10) as usize,
            _ => 4 << 20,
        }
    }

    fn intend(&mut self) -> (WriteId, Content) {
        let bytes = self.bytes();
        let mut ledger = self.ledger.borrow_mut();
        let id = ledger.intend(bytes);
        (id, ledger.content(Intent { bytes, body: id }))
    }

    /// Notes what became of a change of a plain key to `value`.
    fn note(&self, what: &str, key: &str, value: Option<WriteId>, outcome: Outcome) -> Step {
        let mut ledger = self.ledger.borrow_mut();
        match outcome {
            Outcome::Done(_) => {
                ledger.counts.acknowledged += 1;
                ledger.register(key).settle(value);
                GO_ON
            }
            Outcome::Refused(answer) => {
                let code = answer.code();
                ledger.violate(format!("{what} of `{key}` was refused: {} {code}", answer.status));
                STOP
            }
            Outcome::Unknown { hung_up } => {
                ledger.register(key).may_be(value);
                drop(ledger);
                self.note_unknown(hung_up)
            }
            Outcome::NotSent => STOP,
        }
    }

    pub(super) fn note_unknown(&self, hung_up: bool) -> Step {
        let counts = &mut self.ledger.borrow_mut().counts;
        if hung_up {
            counts.unknown += 1;
            return STOP;
        }
        counts.server_errors += 1;
        GO_ON
    }

    async fn put(&mut self, client: &mut Client) -> Step {
        let key = self.key();
        let (id, content) = self.intend();
        let name = format!("{id:x}");
        let outcome = Outcome::of(client.put(PLAIN, &key, &[(ID_HEADER, &name)], content).await);
        self.note("PUT", &key, Some(id), outcome)
    }

    async fn delete(&mut self, client: &mut Client) -> Step {
        let key = self.key();
        let outcome = Outcome::of(client.delete(PLAIN, &key).await);
        self.note("DELETE", &key, None, outcome)
    }

    async fn get(&mut self, client: &mut Client) -> Step {
        let key = self.key();
        let Ok(answer) = client.get(PLAIN, &key).await else {
            return STOP;
        };
        if answer.status.is_server_error() {
            return self.note_unknown(false);
        }
        let mut ledger = self.ledger.borrow_mut();
        match ledger.judge(&answer) {
            Err(what) => ledger.violate(format!("`{key}`: {what}")),
            // A 5xx of a living server may still be at work, so a read settles nothing here.
            Ok(value) if !ledger.register(key.as_str()).can_be(value) => {
                ledger.violate(format!("`{key}` reads as {value:x?}, which it cannot be"));
            }
            Ok(_) => return GO_ON,
        }
        STOP
    }

    /// `If-None-Match: *` succeeds where nothing is, and only there.
    async fn put_if_absent(&mut self, client: &mut Client) -> Step {
        let key = self.key();
        let Some(before) = self.ledger.borrow_mut().register(&key).certain() else {
            return GO_ON;
        };
        let (id, content) = self.intend();
        let name = format!("{id:x}");
        let headers = [("if-none-match", "*"), (ID_HEADER, name.as_str())];
        let outcome = Outcome::of(client.put(PLAIN, &key, &headers, content).await);
        match (before, &outcome) {
            (Some(_), Outcome::Refused(answer)) if answer.status.as_u16() == 412 => GO_ON,
            (Some(_), Outcome::Done(_)) => {
                let what = format!("`{key}` was written although something is there and nothing was to be");
                self.ledger.borrow_mut().violate(what);
                STOP
            }
            // Something was there, so it cannot have taken effect.
            (Some(_), Outcome::Unknown { hung_up }) => self.note_unknown(*hung_up),
            _ => self.note("conditional PUT", &key, Some(id), outcome),
        }
    }

    /// A body that does not match its digest is refused and leaves no trace.
    async fn put_damaged(&mut self, client: &mut Client) -> Step {
        let key = self.key();
        let (id, content) = self.intend();
        let name = format!("{id:x}");
        let headers = [("content-md5", "AAAAAAAAAAAAAAAAAAAAAA=="), (ID_HEADER, name.as_str())];
        match Outcome::of(client.put(PLAIN, &key, &headers, content).await) {
            Outcome::Refused(_) => GO_ON,
            Outcome::Unknown { hung_up } => self.note_unknown(hung_up),
            Outcome::NotSent => STOP,
            Outcome::Done(_) => {
                self.ledger.borrow_mut().violate(format!("`{key}` was written with a wrong MD5"));
                STOP
            }
        }
    }

    async fn copy(&mut self, client: &mut Client) -> Step {
        let (from, to) = (self.key(), self.key());
        let source = self.ledger.borrow_mut().register(&from).certain().flatten();
        let (Some(source), true) = (source, from != to) else {
            return GO_ON;
        };
        let id = {
            let mut ledger = self.ledger.borrow_mut();
            let Some(intent) = ledger.intent(source) else {
                return GO_ON;
            };
            ledger.intend_copy(intent)
        };
        let (name, from) = (format!("{id:x}"), percent(&format!("/{PLAIN}/{from}")));
        let headers =
            [("x-amz-copy-source", from.as_str()), ("x-amz-metadata-directive", "REPLACE"), (ID_HEADER, name.as_str())];
        let request = Request { headers: &headers, ..Request::new(Method::PUT, PLAIN, &to) };
        let outcome = Outcome::of(client.send(request).await);
        self.note("copy", &to, Some(id), outcome)
    }

    /// Goes on with an upload, or starts one; what is left open must stay invisible and survive.
    async fn upload(&mut self, client: &mut Client) -> Step {
        let open: Vec<(String, Upload)> = {
            let ledger = self.ledger.borrow();
            let own =
                |(_, upload): &(&String, &Upload)| upload.worker == self.number && upload.state == UploadState::Open;
            ledger.uploads.iter().filter(own).map(|(id, upload)| (id.clone(), upload.clone())).collect()
        };
        if open.len() < OPEN_UPLOADS_MAX && self.seeded.percent(70) {
            return self.start_upload(client).await;
        }
        let Some((id, upload)) = open.first() else { return GO_ON };
        if upload.has_unknown_part || upload.parts.is_empty() || self.seeded.percent(25) {
            return self.abort_upload(client, id, upload).await;
        }
        self.complete_upload(client, id, upload).await
    }

    async fn start_upload(&mut self, client: &mut Client) -> Step {
        let key = self.key();
        let last = self.bytes().max(1);
        let first = if self.seeded.percent(4) { PART_BYTES_MIN } else { 0 };
        let (write, body) = {
            let mut ledger = self.ledger.borrow_mut();
            let bytes = (first + last).min(super::ledger::BODY_BYTES_MAX);
            let write = ledger.intend(bytes);
            (write, ledger.content(Intent { bytes, body: write }).join())
        };
        let name = format!("{write:x}");
        let id = match settled(client.create_upload(PLAIN, &key, &[(ID_HEADER, &name)]).await) {
            Ok(id) => id,
            Err(Outcome::Unknown { hung_up }) => {
                self.ledger.borrow_mut().unknown_uploads += 1;
                return self.note_unknown(hung_up);
            }
            Err(outcome) => return self.refuse("starting an upload", &key, &outcome),
        };
        let upload = Upload {
            worker: self.number,
            key,
            write,
            parts: Vec::new(),
            has_unknown_part: false,
            state: UploadState::Open,
        };
        self.ledger.borrow_mut().uploads.insert(id.clone(), upload.clone());
        let runs: Vec<Bytes> =
            [body.slice(..first), body.slice(first..)].into_iter().filter(|run| !run.is_empty()).collect();
        // Parts may come in any order; the last one first is the harder one.
        for (place, run) in runs.iter().enumerate().rev() {
            let number = place as u16 + 1;
            let put = client.put_part(PLAIN, &upload.key, (&id, number), run.clone().into()).await;
            let step = self.note_part(&id, &upload.key, put);
            if step == STOP {
                return STOP;
            }
        }
        if self.seeded.percent(70) {
            let upload = self.ledger.borrow().uploads.get(&id).cloned();
            return match upload {
                Some(upload) if !upload.has_unknown_part => self.complete_upload(client, &id, &upload).await,
                _ => GO_ON,
            };
        }
        GO_ON
    }

    fn note_part(&self, id: &str, key: &str, put: Result<s3_client::PartTag, ClientError>) -> Step {
        let outcome = {
            let mut ledger = self.ledger.borrow_mut();
            let Some(upload) = ledger.uploads.get_mut(id) else {
                return GO_ON;
            };
            match settled(put) {
                Ok(part) => {
                    upload.parts.push(part);
                    upload.parts.sort_by_key(|part| part.number);
                    ledger.counts.acknowledged += 1;
                    return GO_ON;
                }
                Err(outcome) => {
                    upload.has_unknown_part = true;
                    outcome
                }
            }
        };
        match outcome {
            Outcome::Unknown { hung_up } => self.note_unknown(hung_up),
            outcome => self.refuse("a part", key, &outcome),
        }
    }

    async fn complete_upload(&mut self, client: &mut Client, id: &str, upload: &Upload) -> Step {
        self.set_upload(id, Some(UploadState::MayBeComplete));
        let outcome = match settled(client.complete_upload(PLAIN, &upload.key, id, &upload.parts).await) {
            Ok(answer) => Outcome::Done(answer),
            Err(outcome) => outcome,
        };
        match outcome {
            Outcome::Done(_) => self.set_upload(id, None),
            Outcome::NotSent => self.set_upload(id, Some(UploadState::Open)),
            Outcome::Refused(_) | Outcome::Unknown { .. } => {}
        }
        self.note("completion", &upload.key, Some(upload.write), outcome)
    }

    async fn abort_upload(&mut self, client: &mut Client, id: &str, upload: &Upload) -> Step {
        self.set_upload(id, Some(UploadState::MayBeAborted));
        match Outcome::of(client.abort_upload(PLAIN, &upload.key, id).await) {
            Outcome::Done(_) => {
                self.set_upload(id, None);
                self.ledger.borrow_mut().counts.acknowledged += 1;
                GO_ON
            }
            Outcome::Unknown { hung_up } => self.note_unknown(hung_up),
            outcome => {
                self.set_upload(id, Some(UploadState::Open));
                self.refuse("giving an upload up", &upload.key, &outcome)
            }
        }
    }

    fn set_upload(&self, id: &str, state: Option<UploadState>) {
        let mut ledger = self.ledger.borrow_mut();
        match (state, ledger.uploads.get_mut(id)) {
            (Some(state), Some(upload)) => upload.state = state,
            _ => drop(ledger.uploads.remove(id)),
        }
    }

    /// A request that the server has no reason to refuse ended without effect.
    pub(super) fn refuse(&self, what: &str, key: &str, outcome: &Outcome) -> Step {
        if let Outcome::Refused(answer) = outcome {
            let text = format!("{what} of `{key}` was refused: {} {}", answer.status, answer.code());
            self.ledger.borrow_mut().violate(text);
        }
        STOP
    }
}

/// A copy source as S3 wants it: percent-encoded except for slashes.
fn percent(path: &str) -> String {
    let mut text = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => text.push(char::from(byte)),
            _ => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}
