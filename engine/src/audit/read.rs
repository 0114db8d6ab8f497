//! The chain as people and programs read it: line by line, page by page, and verified.

use kernel::Caller;
use metadata::{ChainEntry, ChainKey, ChainPlace, DocumentKind};
use policy::Action;
use storage::audit_key;

use super::entry::{AuditEntry, AuditKind, AuditOutcome, hex};
use crate::identity::unhex;
use crate::{Engine, Result};

/// Entries that one page looks at: it may end before it is full, and says where to go on.
const LOOKED_AT_MAX: usize = 4_096;
/// Entries that one page holds.
pub(crate) const PAGE_MAX: usize = 1_000;
/// Entries that one step of a verification looks at.
const VERIFIED_MAX: usize = 10_000;

/// Which entries are asked for: all that fit everything said.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AuditFilter {
    /// The earliest time, RFC 3339 in UTC; a beginning of one is enough.
    pub since: Option<String>,
    /// The time before which, likewise.
    pub until: Option<String>,
    /// Who, or a part of it.
    pub who: Option<String>,
    /// An action, or its beginning with a `*` behind.
    pub action: Option<String>,
    /// A bucket.
    pub bucket: Option<String>,
    /// A key, or its beginning with a `*` behind.
    pub key: Option<String>,
    /// Why there is an entry.
    pub kind: Option<AuditKind>,
    /// How it ended.
    pub outcome: Option<AuditOutcome>,
    /// The id of the request.
    pub request_id: Option<String>,
}

/// An entry as a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditLine {
    /// Its number.
    pub number: u64,
    /// JSON: `before`, `entry`, `hash`, `number`, `sequence`.
    pub json: String,
}

/// A page of the audit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditPage {
    /// Lines, oldest first.
    pub lines: Vec<AuditLine>,
    /// The number behind which the rest follows.
    pub next: u64,
    /// Whether that was the end.
    pub is_end: bool,
}

/// A place in the chain, as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditPlace {
    /// The number of an entry; 0 before the first.
    pub number: u64,
    /// Its hash: 64 hex digits.
    pub hash: String,
}

/// How much of the chain was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditVerified {
    /// The last entry that was trimmed.
    pub anchor: AuditPlace,
    /// The last entry there is.
    pub head: AuditPlace,
    /// The place up to which everything is as it was written.
    pub until: AuditPlace,
    /// What is wrong with what follows; none where nothing is.
    pub fault: Option<String>,
    /// Whether that is the end.
    pub is_end: bool,
}

impl From<ChainPlace> for AuditPlace {
    fn from(place: ChainPlace) -> Self {
        Self { number: place.number, hash: hex(&place.hash) }
    }
}

impl AuditPlace {
    fn place(&self) -> Option<ChainPlace> {
        let hash = unhex(&self.hash)?.try_into().ok()?;
        Some(ChainPlace { number: self.number, hash, bytes: 0 })
    }
}

fn line(entry: &ChainEntry) -> AuditLine {
    let ChainEntry { number, sequence, before, hash, entry, mac: _ } = entry;
    let (before, hash, entry) = (hex(before), hex(hash), String::from_utf8_lossy(entry));
    let json =
        format!(r#"{{"before":"{before}","entry":{entry},"hash":"{hash}","number":{number},"sequence":"{sequence}"}}"#);
    AuditLine { number: *number, json }
}

/// Whether a text is the wanted one, or begins with it where a `*` stands behind.
fn fits(wanted: &str, text: &str) -> bool {
    wanted.strip_suffix('*').map_or(wanted == text, |beginning| text.starts_with(beginning))
}

impl AuditFilter {
    /// Whether every entry fits.
    fn is_open(&self) -> bool {
        *self == Self::default()
    }

    fn takes(&self, entry: &AuditEntry) -> bool {
        let same = |wanted: &Option<String>, text: &Option<String>| {
            wanted.as_ref().is_none_or(|wanted| text.as_ref().is_some_and(|text| fits(wanted, text)))
        };
        self.since.as_ref().is_none_or(|since| entry.time.as_str() >= since.trim_end_matches('Z'))
            && self.until.as_ref().is_none_or(|until| entry.time.as_str() < until.trim_end_matches('Z'))
            && self.who.as_ref().is_none_or(|who| entry.who.contains(who.as_str()))
            && self
                .action
                .as_ref()
                .is_none_or(|action| entry.actions.iter().chain(&entry.operation).any(|asked| fits(action, asked)))
            && same(&self.bucket, &entry.bucket)
            && same(&self.key, &entry.key)
            && same(&self.request_id, &entry.request_id)
            && self.kind.is_none_or(|kind| kind == entry.kind)
            && self.outcome.is_none_or(|outcome| outcome == entry.outcome)
    }

    /// Whether a stored entry fits; one that cannot be read does, so that it is seen.
    fn takes_bytes(&self, bytes: &[u8]) -> bool {
        self.is_open() || serde_json::from_slice(bytes).map_or(true, |entry| self.takes(&entry))
    }
}

impl Engine {
    /// Opens the key that entries are authenticated with, or makes it: before anything is asked of the lake.
    ///
    /// # Errors
    /// `Unavailable` where the key vault refuses, `Corrupt`.
    pub async fn open_audit(&self) -> Result<()> {
        let key = self.lake_key(DocumentKind::AUDIT_KEY, "the key of the audit").await?;
        self.catalog.authenticate_audit(ChainKey::new(&audit_key(&key)));
        Ok(())
    }

    /// Entries behind the one of the number `after` that fit, at most `limit`.
    ///
    /// # Errors
    /// `Denied`, `Unavailable`.
    pub async fn audit(&self, caller: &Caller, filter: &AuditFilter, after: u64, limit: usize) -> Result<AuditPage> {
        self.permit_lake(caller, Action::ReadAudit)?;
        let limit = limit.clamp(1, PAGE_MAX);
        let looked_at = if filter.is_open() { limit } else { LOOKED_AT_MAX };
        let entries = self.catalog.audit(after, looked_at).await?;
        let is_all = entries.len() < looked_at;
        let mut page = AuditPage { lines: Vec::new(), next: after, is_end: false };
        for entry in &entries {
            if page.lines.len() == limit {
                return Ok(page);
            }
            page.next = entry.number;
            if filter.takes_bytes(&entry.entry) {
                page.lines.push(line(entry));
            }
        }
        page.is_end = is_all;
        Ok(page)
    }

    /// The last entry that was trimmed, and the last there is.
    ///
    /// # Errors
    /// `Denied`, `Unavailable`, `Corrupt`.
    pub async fn audit_ends(&self, caller: &Caller) -> Result<(AuditPlace, AuditPlace)> {
        self.permit_lake(caller, Action::ReadAudit)?;
        let (anchor, head) = self.catalog.audit_ends().await?;
        Ok((anchor.into(), head.into()))
    }

    /// Verifies a piece of the chain behind `from`, a place that was verified before; from the beginning where none is given.
    ///
    /// # Errors
    /// `Denied`, `Unavailable`, `Corrupt`.
    pub async fn verify_audit(&self, caller: &Caller, from: Option<&AuditPlace>) -> Result<AuditVerified> {
        self.permit_lake(caller, Action::ReadAudit)?;
        let verified = self.catalog.verify_audit(from.and_then(AuditPlace::place), VERIFIED_MAX).await?;
        let (anchor, head) = self.catalog.audit_ends().await?;
        Ok(AuditVerified {
            anchor: anchor.into(),
            head: head.into(),
            until: verified.until.into(),
            fault: verified.fault.map(|fault| fault.to_string()),
            is_end: verified.is_end,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_takes_what_fits_all_of_it() {
        let entry = AuditEntry {
            actions: vec!["s3:PutBucketPolicy".into()],
            bucket: Some("b".into()),
            key: Some("runs/1".into()),
            time: "2026-11-21T07:00:00.000Z".into(),
            who: "arn:aws:iam::000000000000:user/alice".into(),
            ..AuditEntry::default()
        };
        let filter = AuditFilter {
            since: Some("2026-11-21T07:00:00Z".into()),
            until: Some("2026-11-21T08".into()),
            who: Some("alice".into()),
            action: Some("s3:Put*".into()),
            bucket: Some("b".into()),
            key: Some("runs/*".into()),
            kind: Some(AuditKind::Change),
            outcome: Some(AuditOutcome::Done),
            request_id: None,
        };
        assert!(filter.takes(&entry));
        for other in [
            AuditFilter { since: Some("2026-11-21T07:00:01".into()), ..filter.clone() },
            AuditFilter { until: Some("2026-11-21T07".into()), ..filter.clone() },
            AuditFilter { who: Some("bob".into()), ..filter.clone() },
            AuditFilter { action: Some("s3:Put".into()), ..filter.clone() },
            AuditFilter { bucket: Some("bb".into()), ..filter.clone() },
            AuditFilter { key: Some("runs/".into()), ..filter.clone() },
            AuditFilter { kind: Some(AuditKind::Access), ..filter.clone() },
            AuditFilter { outcome: Some(AuditOutcome::Error), ..filter.clone() },
            AuditFilter { request_id: Some("1".into()), ..filter.clone() },
        ] {
            assert!(!other.takes(&entry), "{other:?}");
        }
    }
}
