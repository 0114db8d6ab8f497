//! What an entry says, and the bytes that are hashed of it.

use bytes::Bytes;
use metadata::Batch;
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// Documents and settings that one entry names.
const CHANGED_MAX: usize = 32;
/// Longest text of an entry that comes from outside, in bytes.
const TEXT_BYTES_MAX: usize = 1_024;
/// Policies that one entry names.
const POLICIES_MAX: usize = 32;

/// Why there is an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AuditKind {
    /// An administrator did something, or tried to.
    #[default]
    Change,
    /// Somebody was refused.
    Refusal,
    /// Any other request.
    Access,
    /// Old entries were trimmed.
    Trim,
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AuditOutcome {
    /// It was done.
    #[default]
    Done,
    /// It was not allowed.
    Refused,
    /// It was allowed, and failed.
    Error,
}

/// What became of a document or a setting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangedRow {
    /// SHA-256 of what it is from now on, in hex; none for gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// SHA-256 of what it was; none where it was not there, or nothing rests on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// `documents/KIND/NAME` or `settings/BUCKET ID/SETTING`.
    pub row: String,
}

/// The last entry that was trimmed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trimmed {
    /// Its hash, in hex.
    pub hash: String,
    /// Its number.
    pub number: u64,
}

/// What an entry says. The fields stand in the byte order of their names: the bytes that are hashed are these, written as
/// `docs/format.md` says.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditEntry {
    /// The access key id that the request was signed with; only one that the lake knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_key: Option<String>,
    /// What was asked for, as policies name it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<String>,
    /// Where the request came from; for many strangers together a network, or nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The bucket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bucket: Option<String>,
    /// Documents and settings that were changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changed: Vec<ChangedRow>,
    /// The error code of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// How many requests the entry stands for, where there are several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// The ARN of the identity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<String>,
    /// The key of the object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Why there is an entry.
    pub kind: AuditKind,
    /// The operation, as the request log has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// How it ended.
    pub outcome: AuditOutcome,
    /// The policies that forbade it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<String>,
    /// The policies that the decision was made by, in hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_hash: Option<String>,
    /// Why: of whoever refused, or of whoever did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The id of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The id of the temporary access key that was handed out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// When, by trusted time.
    pub time: String,
    /// What was trimmed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trimmed: Option<Trimmed>,
    /// The version of the object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// When, by the wall clock.
    pub wall: String,
    /// Who: `root`, `anonymous`, an ARN; `unknown` for whoever did not prove it, and for many together.
    pub who: String,
}

impl AuditEntry {
    /// What a batch changes.
    pub(super) fn with_changed(mut self, batch: &Batch) -> Self {
        let row = |row: metadata::ChangedRow| ChangedRow {
            after: row.after.map(|hash| hex(&hash)),
            before: row.before.map(|hash| hex(&hash)),
            row: bounded(row.row),
        };
        self.changed = batch.changed_rows(CHANGED_MAX).into_iter().map(row).collect();
        self
    }

    /// The bytes that stand in the chain.
    ///
    /// # Errors
    /// None that can happen: an entry is JSON.
    pub(super) fn bytes(mut self) -> Result<Bytes> {
        self.policies.truncate(POLICIES_MAX);
        self.policies = self.policies.into_iter().map(bounded).collect();
        let texts = [&mut self.reason, &mut self.identity, &mut self.bucket, &mut self.key, &mut self.code];
        texts.into_iter().for_each(|text| *text = text.take().map(bounded));
        self.who = bounded(self.who);
        let bytes = serde_json::to_vec(&self).map_err(|_| Error::Bug("an entry of the audit that is no JSON"))?;
        Ok(bytes.into())
    }
}

/// Cut where it is too long.
fn bounded(mut text: String) -> String {
    if text.len() > TEXT_BYTES_MAX {
        let end = (0..=TEXT_BYTES_MAX).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        text.truncate(end);
        text.push('…');
    }
    text
}

pub(super) fn hex(bytes: &[u8]) -> String {
    crate::identity::hex(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_read_and_written_again_is_the_same_bytes() {
        let entry = AuditEntry {
            access_key: Some("AKIA".into()),
            actions: vec!["s3:PutBucketPolicy".into()],
            address: Some("127.0.0.1".into()),
            bucket: Some("bucket".into()),
            changed: vec![ChangedRow {
                after: Some("00".into()),
                before: Some("01".into()),
                row: "settings/1/6".into(),
            }],
            code: Some("AccessDenied".into()),
            count: Some(3),
            identity: Some("arn:aws:iam::000000000000:user/\u{7f}\u{1}ü\"\\".into()),
            key: Some("a/b".into()),
            operation: Some("PutBucketPolicy".into()),
            policies: vec!["p".into()],
            policy_hash: Some("ff".into()),
            reason: Some("because".into()),
            request_id: Some("00".into()),
            session: Some("ASIA".into()),
            time: "t".into(),
            trimmed: Some(Trimmed { hash: "00".into(), number: 4 }),
            version: Some("null".into()),
            wall: "w".into(),
            who: "root".into(),
            ..AuditEntry::default()
        };
        let bytes = entry.clone().bytes().expect("JSON");
        let value: serde_json::Value = serde_json::from_slice(&bytes).expect("JSON");
        assert_eq!(serde_json::to_vec(&value).expect("JSON"), bytes, "the names stand in their byte order");
        assert_eq!(serde_json::from_slice::<AuditEntry>(&bytes).expect("an entry"), entry);
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        let text = bounded("ü".repeat(TEXT_BYTES_MAX));
        assert!(text.len() <= TEXT_BYTES_MAX + '…'.len_utf8() && text.ends_with('…'));
        assert_eq!(bounded("short".into()), "short");
    }
}
