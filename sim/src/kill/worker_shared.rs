//! What a client does to the keys that all clients write, in the bucket with versions.

use fixtures::s3_client::{Answer, Client, Method, Request};

use super::SHARED;
use super::ledger::{ID_HEADER, Intent, Outcome};
use super::shared::Value;
use super::worker::{GO_ON, STOP, Step, Worker};

/// Keys that all clients write.
const KEYS: u64 = 6;

/// The version that an answer names.
fn version(answer: &Answer) -> Option<String> {
    answer.header("x-amz-version-id").map(str::to_owned)
}

/// Whether an answer speaks of a delete marker.
fn is_marker(answer: &Answer) -> bool {
    answer.header("x-amz-delete-marker") == Some("true")
}

impl Worker {
    fn shared_key(&mut self) -> String {
        format!("shared/{}", self.seeded.below(KEYS))
    }

    fn violate(&self, what: String) -> Step {
        self.ledger.borrow_mut().violate(what);
        STOP
    }

    pub(super) async fn put_shared(&mut self, client: &mut Client) -> Step {
        let (key, bytes) = (self.shared_key(), self.bytes());
        let (id, content, start) = {
            let mut ledger = self.ledger.borrow_mut();
            let id = ledger.intend(bytes);
            (id, ledger.content(Intent { bytes, body: id }), ledger.time())
        };
        let name = format!("{id:x}");
        match Outcome::of(client.put(SHARED, &key, &[(ID_HEADER, &name)], content).await) {
            Outcome::Done(answer) => self.wrote(&key, Value::Object(id), version(&answer), start),
            Outcome::Unknown { hung_up } => {
                self.ledger.borrow_mut().shared_key(&key).may_have_written(Some(id), start);
                self.note_unknown(hung_up)
            }
            outcome => self.refuse("PUT", &key, &outcome),
        }
    }

    pub(super) async fn delete_shared(&mut self, client: &mut Client) -> Step {
        let key = self.shared_key();
        let start = self.ledger.borrow().time();
        match Outcome::of(client.delete(SHARED, &key).await) {
            Outcome::Done(answer) => match version(&answer).filter(|_| is_marker(&answer)) {
                Some(marker) => self.wrote(&key, Value::Marker(marker.clone()), Some(marker), start),
                None => self.violate(format!("a DELETE of `{key}` names no marker")),
            },
            Outcome::Unknown { hung_up } => {
                self.ledger.borrow_mut().shared_key(&key).may_have_written(None, start);
                self.note_unknown(hung_up)
            }
            outcome => self.refuse("DELETE", &key, &outcome),
        }
    }

    fn wrote(&self, key: &str, value: Value, version: Option<String>, start: u64) -> Step {
        let Some(version) = version else {
            return self.violate(format!("a write of `{key}` names no version"));
        };
        let mut ledger = self.ledger.borrow_mut();
        ledger.counts.acknowledged += 1;
        let end = ledger.time();
        ledger.shared_key(key).wrote(value, version, start, end);
        GO_ON
    }

    pub(super) async fn get_shared(&mut self, client: &mut Client) -> Step {
        let key = self.shared_key();
        let start = self.ledger.borrow().time();
        let Ok(answer) = client.get(SHARED, &key).await else {
            return STOP;
        };
        if answer.status.is_server_error() {
            return self.note_unknown(false);
        }
        let mut ledger = self.ledger.borrow_mut();
        let end = ledger.time();
        match current(ledger.judge(&answer), &answer) {
            Ok(value) => {
                ledger.shared_key(&key).read(value, start, end);
                GO_ON
            }
            Err(what) => {
                ledger.violate(format!("`{key}`: {what}"));
                STOP
            }
        }
    }

    /// Removes a version that something newer has replaced.
    pub(super) async fn remove_version(&mut self, client: &mut Client) -> Step {
        let key = self.shared_key();
        let superseded = self.ledger.borrow_mut().shared_key(&key).superseded();
        if superseded.is_empty() {
            return GO_ON;
        }
        let version = self.seeded.choose(&superseded).clone();
        if let Some(known) = self.ledger.borrow_mut().shared_key(&key).versions.get_mut(&version) {
            known.may_be_removed = true;
        }
        let query = [("versionId", version.as_str())];
        let request = Request { query: &query, ..Request::new(Method::DELETE, SHARED, &key) };
        match Outcome::of(client.send(request).await) {
            Outcome::Done(_) => {
                let mut ledger = self.ledger.borrow_mut();
                ledger.counts.acknowledged += 1;
                ledger.shared_key(&key).versions.remove(&version);
                GO_ON
            }
            Outcome::Unknown { hung_up } => self.note_unknown(hung_up),
            outcome => self.refuse("removing a version", &key, &outcome),
        }
    }
}

/// What a judged answer to GET says of a shared key.
pub(super) fn current(judged: Result<Option<u128>, String>, answer: &Answer) -> Result<Value, String> {
    match judged? {
        Some(id) => Ok(Value::Object(id)),
        None if is_marker(answer) => version(answer).map(Value::Marker).ok_or_else(|| "a marker without a name".into()),
        None => Ok(Value::Nothing),
    }
}
