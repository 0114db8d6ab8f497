//! What buckets and objects say of who may: their policies and access control lists, compiled once and kept.
//!
//! They are kept by what they say, not by where they were found: a bucket whose policy is replaced has another text, and
//! what was kept for the old one goes when room is needed. A stored text that cannot be compiled any more lets nobody in.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use kernel::BucketId;
use policy::{Attachment, Source, VersionView};

use crate::facts::BucketFacts;
use crate::{Error, Result};

/// Compiled texts kept at the most; then those of others go.
const KEPT_MAX: usize = 10_000;

/// Compiled policies of buckets.
#[derive(Default)]
pub(crate) struct BucketPolicies {
    kept: Mutex<HashMap<(BucketId, Arc<str>), Arc<Source>>>,
}

impl BucketPolicies {
    /// What concerns a question about a bucket, or about an object in it.
    pub(crate) fn concerning(&self, facts: &BucketFacts, _object: Option<VersionView<'_>>) -> Result<Vec<Arc<Source>>> {
        let mut sources = Vec::new();
        if let Some(document) = &facts.settings.policy {
            sources.push(self.policy(facts, document)?);
        }
        Ok(sources)
    }

    fn policy(&self, facts: &BucketFacts, document: &Arc<str>) -> Result<Arc<Source>> {
        let place = (facts.id, Arc::clone(document));
        let kept = |kept: &HashMap<_, _>| kept.get(&place).cloned();
        if let Some(source) = kept(&self.kept.lock().unwrap_or_else(PoisonError::into_inner)) {
            return Ok(source);
        }
        let name = format!("bucket {}", facts.name());
        let attachment = Attachment::Bucket(facts.name().as_str().to_owned());
        let source = Source::iam(&name, document, &attachment).map_err(|fault| Error::Corrupt {
            what: format!("the policy of bucket `{}`", facts.name()),
            source: Box::new(fault),
        })?;
        let source = Arc::new(source);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT_MAX {
            kept.clear();
        }
        kept.insert(place, Arc::clone(&source));
        Ok(source)
    }
}
