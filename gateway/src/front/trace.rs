//! What is known of one request, gathered on its way through the rooms; every part of the gateway can reach it through
//! the request's extensions.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use http::HeaderValue;
use kernel::{Caller, Entropy};
use tokio::sync::OwnedSemaphorePermit;

use super::body_fault::BodyFaultKind;
use crate::meters::{GatewayMeters, OperationMeters};

/// The life of one request.
pub(crate) struct RequestTrace {
    id: String,
    host_id: Arc<str>,
    pub(crate) begun: Duration,
    pub(crate) meters: Arc<GatewayMeters>,
    pub(crate) bytes_in: AtomicU64,
    resolved: OnceLock<Resolved>,
    fault: OnceLock<BodyFaultKind>,
    /// What the request may hold in memory of the bytes shared by all.
    buffered: Mutex<Option<OwnedSemaphorePermit>>,
}

/// What s3s found out: filled once the signature is verified and the operation known, before the body is read.
pub(crate) struct Resolved {
    pub(crate) operation: Arc<OperationMeters>,
    pub(crate) bucket: Option<String>,
    pub(crate) key: Option<String>,
    pub(crate) caller: Option<Caller>,
}

impl RequestTrace {
    /// `begun` is the monotonic time of the request's head.
    pub(crate) fn new(entropy: &dyn Entropy, host_id: &Arc<str>, begun: Duration, meters: &Arc<GatewayMeters>) -> Self {
        Self::with_id(hex::encode_upper(entropy.array::<8>()), Arc::clone(host_id), begun, Arc::clone(meters))
    }

    fn with_id(id: String, host_id: Arc<str>, begun: Duration, meters: Arc<GatewayMeters>) -> Self {
        Self {
            id,
            host_id,
            begun,
            meters,
            bytes_in: AtomicU64::new(0),
            resolved: OnceLock::new(),
            fault: OnceLock::new(),
            buffered: Mutex::new(None),
        }
    }

    #[cfg(test)]
    pub(crate) fn for_test() -> Self {
        Self::with_id("00000000000000AB".into(), "host".into(), Duration::ZERO, Arc::default())
    }

    /// 16 upper-case hex digits, as in `x-amz-request-id`.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }
    /// Names the process that answers, as in `x-amz-id-2`.
    pub(crate) fn host_id(&self) -> &str {
        &self.host_id
    }
    pub(crate) fn id_header(&self) -> Option<HeaderValue> {
        HeaderValue::from_str(&self.id).ok()
    }
    /// Records what the request turned out to be; the first record stays.
    pub(crate) fn resolve(&self, resolved: Resolved) {
        let _ = self.resolved.set(resolved);
    }
    pub(crate) fn resolved(&self) -> Option<&Resolved> {
        self.resolved.get()
    }
    /// Records why the body could not be read to its end; the first reason stays.
    pub(crate) fn fail(&self, kind: BodyFaultKind) {
        if self.fault.set(kind).is_ok() && kind == BodyFaultKind::Idle {
            self.meters.bodies_too_slow.add(1);
        }
    }
    pub(crate) fn fault(&self) -> Option<BodyFaultKind> {
        self.fault.get().copied()
    }
    pub(crate) fn received(&self, bytes: u64) {
        self.bytes_in.fetch_add(bytes, Relaxed);
        self.meters.bytes_in.add(bytes);
    }
    /// Takes over the right to hold bytes in memory: in addition to what is held, or in its place.
    pub(crate) fn hold(&self, permit: OwnedSemaphorePermit, in_addition: bool) {
        let mut held = self.buffered.lock().unwrap_or_else(PoisonError::into_inner);
        match held.as_mut() {
            Some(held) if in_addition => held.merge(permit),
            _ => *held = Some(permit),
        }
    }
    /// Gives back the right to hold bytes.
    pub(crate) fn release(&self) {
        self.buffered.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}
