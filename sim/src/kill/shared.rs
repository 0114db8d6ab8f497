//! A key with versions that all clients write: its history since the last quiet moment, and every version it must have.

use std::collections::BTreeMap;

use super::ledger::WriteId;
use super::zones::{self, Operation};

/// What can be current under a shared key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Value {
    /// Never written.
    Nothing,
    /// The object of a write.
    Object(WriteId),
    /// A delete marker, by its version.
    Marker(String),
}

/// What a version of a shared key is.
#[derive(Debug, Clone)]
pub(super) struct KnownVersion {
    /// The object or marker.
    pub(super) value: Value,
    /// Its removal was sent; the outcome is unknown.
    pub(super) may_be_removed: bool,
    /// When its write was acknowledged.
    acknowledged: u64,
}

/// A write whose outcome is unknown. A deletion has no name before it is answered.
#[derive(Debug, Clone, Copy)]
struct UnknownWrite {
    write: Option<WriteId>,
    start: u64,
    end: u64,
}

/// A key with versions.
#[derive(Debug)]
pub(super) struct SharedKey {
    history: Vec<Operation<Value>>,
    unknown: Vec<UnknownWrite>,
    /// Every version that must be there.
    pub(super) versions: BTreeMap<String, KnownVersion>,
    /// The latest start among acknowledged writes: what was acknowledged before it is not current any more.
    latest_start: u64,
}

impl Default for SharedKey {
    fn default() -> Self {
        let nothing = Operation { value: Value::Nothing, is_write: true, start: 0, end: 0 };
        Self { history: vec![nothing], unknown: Vec::new(), versions: BTreeMap::new(), latest_start: 0 }
    }
}

impl SharedKey {
    /// A write that was acknowledged.
    pub(super) fn wrote(&mut self, value: Value, version: String, start: u64, end: u64) {
        self.history.push(Operation { value: value.clone(), is_write: true, start, end });
        self.latest_start = self.latest_start.max(start);
        let known = KnownVersion { value, may_be_removed: false, acknowledged: end };
        self.versions.insert(version, known);
    }

    /// A write, or with `None` a deletion, of unknown outcome.
    pub(super) fn may_have_written(&mut self, write: Option<WriteId>, start: u64) {
        self.unknown.push(UnknownWrite { write, start, end: u64::MAX });
    }

    /// What a read saw.
    pub(super) fn read(&mut self, value: Value, start: u64, end: u64) {
        self.history.push(Operation { value, is_write: false, start, end });
    }

    /// Versions that cannot be current any more, so that removing them changes no read.
    pub(super) fn superseded(&self) -> Vec<String> {
        let old = |known: &&KnownVersion| known.acknowledged < self.latest_start && !known.may_be_removed;
        self.versions.iter().filter(|(_, known)| old(known)).map(|(version, _)| version.clone()).collect()
    }

    pub(super) fn server_died(&mut self, at: u64) {
        self.unknown.iter_mut().for_each(|unknown| unknown.end = unknown.end.min(at));
    }

    /// An unforeseen version turned up: the object of `write`, or with `None` a marker. `false` when no request of
    /// unknown outcome can have made it.
    pub(super) fn attribute(&mut self, write: Option<WriteId>, version: String) -> bool {
        let Some(place) = self.unknown.iter().position(|unknown| unknown.write == write) else {
            return false;
        };
        let UnknownWrite { start, end, .. } = self.unknown.remove(place);
        let value = write.map_or_else(|| Value::Marker(version.clone()), Value::Object);
        self.history.push(Operation { value: value.clone(), is_write: true, start, end });
        // It is not known when it took effect, so it makes nothing else old, and nothing makes it old for sure.
        let known = KnownVersion { value, may_be_removed: false, acknowledged: end };
        self.versions.insert(version, known);
        true
    }

    /// Nothing is under way and `value` is current: checks the history, and begins a new one with that.
    ///
    /// # Errors
    /// Says which values cannot be ordered.
    pub(super) fn conclude(&mut self, value: Value, start: u64, end: u64) -> Result<(), String> {
        // What never showed did not happen, and from now on it must not.
        self.unknown.clear();
        self.read(value.clone(), start, end);
        let checked = zones::check(&self.history);
        self.history = vec![Operation { value, is_write: true, start: end, end }];
        checked
    }

    /// One of its versions.
    pub(super) fn any_version(&self, place: u64) -> Option<(String, Value)> {
        let count = self.versions.len().max(1) as u64;
        let (version, known) = self.versions.iter().nth((place % count) as usize)?;
        Some((version.clone(), known.value.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_write_counts_once_and_only_if_it_shows() {
        let mut key = SharedKey::default();
        key.wrote(Value::Object(1), "v1".into(), 10, 20);
        key.may_have_written(Some(2), 30);
        key.server_died(40);
        assert!(key.attribute(Some(2), "v2".into()));
        assert!(!key.attribute(Some(2), "v3".into()), "one write makes one version");
        assert!(!key.attribute(None, "v4".into()), "nobody deleted");
        assert_eq!(key.conclude(Value::Object(2), 50, 60), Ok(()));
        key.may_have_written(Some(3), 70);
        key.server_died(80);
        assert_eq!(key.conclude(Value::Object(2), 90, 100), Ok(()));
        assert!(!key.attribute(Some(3), "v5".into()), "settled: it did not happen");
    }

    #[test]
    fn a_lost_write_shows() {
        let mut key = SharedKey::default();
        key.wrote(Value::Object(1), "v1".into(), 10, 20);
        key.wrote(Value::Object(2), "v2".into(), 30, 40);
        assert!(key.conclude(Value::Object(1), 50, 60).is_err());
        let mut key = SharedKey::default();
        key.wrote(Value::Object(1), "v1".into(), 10, 20);
        assert!(key.conclude(Value::Nothing, 50, 60).is_err());
    }

    #[test]
    fn only_what_a_later_write_replaced_may_be_removed() {
        let mut key = SharedKey::default();
        key.wrote(Value::Object(1), "v1".into(), 10, 20);
        assert!(key.superseded().is_empty());
        key.wrote(Value::Object(2), "v2".into(), 15, 40);
        assert!(key.superseded().is_empty(), "they ran at the same time");
        key.wrote(Value::Object(3), "v3".into(), 30, 50);
        assert_eq!(key.superseded(), ["v1"]);
    }
}
