//! The end of old entries, and the counts of strangers whose second is over.

use std::sync::Arc;
use std::time::Duration;

use metadata::{CatalogError, ChainPlace};

use super::entry::{AuditEntry, AuditKind, AuditOutcome, Trimmed, hex};
use super::instant;
use crate::{Background, Engine, Error, Progress, Result};

/// Entries that are trimmed at once at the most.
const TRIMMED_MAX: usize = 4_096;
/// Entries that are trimmed at once at the least, unless the oldest is a day overdue: each trimming writes an entry.
const TRIMMED_MIN: usize = 1_000;
/// The least bound on bytes that means anything.
const BYTES_MAX_MIN: u64 = 4_096;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// How often it is looked whether something is to be trimmed.
const TRIM_PAUSE: Duration = Duration::from_secs(60);

/// Writes what is counted, every second, and trims what is old.
pub struct AuditTrim {
    engine: Arc<Engine>,
    looked: Option<Duration>,
}

impl AuditTrim {
    /// Keeps the audit of an engine.
    pub fn new(engine: Arc<Engine>) -> Self {
        Self { engine, looked: None }
    }
}

impl Background for AuditTrim {
    const NAME: &'static str = "audit";

    async fn step(&mut self) -> Result<Progress> {
        self.engine.settle_crowd().await?;
        let now = self.engine.clock.monotonic();
        if self.looked.is_some_and(|looked| now.saturating_sub(looked) < TRIM_PAUSE) {
            return Ok(Progress::Idle);
        }
        if self.engine.trim_audit().await? {
            return Ok(Progress::Worked);
        }
        self.looked = Some(now);
        Ok(Progress::Idle)
    }
}

impl Engine {
    /// Trims what is too old or too much; whether anything was. A chain that is not whole is left as it is: it is evidence.
    async fn trim_audit(&self) -> Result<bool> {
        if let Some(fault) = self.catalog.verify_audit(None, 0).await?.fault {
            tracing::error!(%fault, "the audit is not whole, and is not trimmed");
            return Ok(false);
        }
        let (anchor, head) = self.catalog.audit_ends().await?;
        let entries = self.catalog.audit(anchor.number, TRIMMED_MAX).await?;
        let settings = self.audit.settings;
        let now = self.time.opening();
        let age = |days: u32| instant(now.minus(DAY * days));
        let (old, overdue) = (age(settings.keep_days), age(settings.keep_days.saturating_add(1)));
        // Room is made for more than the entry that tells of it.
        let bytes_max = settings.bytes_max.max(BYTES_MAX_MIN);
        let is_over = settings.bytes_max > 0 && head.bytes.saturating_sub(anchor.bytes) > bytes_max;
        let (mut to, mut count, mut is_overdue) = (anchor, 0, false);
        for entry in &entries {
            let read: Option<AuditEntry> = serde_json::from_slice(&entry.entry).ok();
            let time = read.map(|entry| entry.time).unwrap_or_default();
            let is_old = settings.keep_days > 0 && time < old;
            let is_much = is_over && head.bytes.saturating_sub(to.bytes) > bytes_max - bytes_max / 8;
            // The last entry stays, so that what is left says where it begins.
            if !(is_old || is_much) || entry.number >= head.number {
                break;
            }
            if let Err(fault) = self.catalog.check_audit(entry, &to) {
                tracing::error!(%fault, "the audit is not whole, and is not trimmed");
                return Ok(false);
            }
            is_overdue |= is_much || time < overdue;
            to = entry.place(&to);
            count += 1;
        }
        if count == 0 || count < TRIMMED_MIN && !is_overdue {
            return Ok(false);
        }
        self.trim_to(anchor, to).await
    }

    async fn trim_to(&self, anchor: ChainPlace, to: ChainPlace) -> Result<bool> {
        let entry = AuditEntry {
            count: Some(to.number - anchor.number),
            trimmed: Some(Trimmed { hash: hex(&to.hash), number: to.number }),
            who: "lake:audit".to_owned(),
            ..self.audit_entry(AuditKind::Trim, AuditOutcome::Done)
        };
        match self.catalog.trim_audit(anchor, to, entry.bytes()?).await {
            Ok(()) => Ok(true),
            Err(CatalogError::Contended) => Ok(false),
            Err(error) => Err(Error::from(error)),
        }
    }
}
