//! IAM's policy language: read, and said in Cedar.
//!
//! A document is stored as it came and decides through its translation. What cannot be translated is refused when it
//! comes in, never ignored. Source: IAM User Guide, *Grammar of the IAM JSON policy language* and *Policy evaluation
//! logic*.

pub(crate) mod condition;
mod document;
pub(crate) mod pattern;
mod translate;

use crate::source::{PolicyFault, Source, bounded};

/// Whose policy a document is, which says what it may speak of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attachment {
    /// A bucket's: every statement names its callers, and speaks of this bucket and its objects.
    Bucket(String),
}

/// The most bytes of a bucket's policy. Source: Amazon S3 User Guide, *Bucket policies*: 20 KB.
pub const BUCKET_POLICY_BYTES_MAX: usize = 20 << 10;

impl Source {
    /// The policies of an IAM document.
    ///
    /// # Errors
    /// [`PolicyFault`]: nothing that is not understood to the last word is taken.
    pub fn iam(name: &str, json: &str, attachment: &Attachment) -> Result<Self, PolicyFault> {
        bounded(json)?;
        let Attachment::Bucket(_) = attachment;
        if json.len() > BUCKET_POLICY_BYTES_MAX {
            return Err(PolicyFault::TooLong { bytes: json.len(), max: BUCKET_POLICY_BYTES_MAX });
        }
        let document = document::parse(json)?;
        Self::of(name, json, translate::translate(name, &document, attachment)?)
    }
}
