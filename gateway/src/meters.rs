//! What the gateway counts. Labels are operation names of s3s and a few of our own, never anything a client can choose.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use http::StatusCode;
use kernel::meter::{Counter, Gauge, Histogram};

/// The operation of a request that was answered before it was known.
pub(crate) const UNKNOWN: &str = "Unknown";

/// Meters of one operation.
#[derive(Debug)]
pub struct OperationMeters {
    name: String,
    answers: [Counter; 5],
    cancelled: Counter,
    /// Seconds from a request's head to the last byte of its answer.
    pub latency: Histogram,
}

impl OperationMeters {
    fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            answers: Default::default(),
            cancelled: Counter::default(),
            latency: Histogram::new(Histogram::SECONDS),
        }
    }
    /// The operation's name as S3 writes it, e.g. `GetObject`.
    pub fn name(&self) -> &str {
        &self.name
    }
    /// Answers by class of status: `1xx` … `5xx`; then `cancelled`, requests whose client left before there was one.
    pub fn answers(&self) -> impl Iterator<Item = (&'static str, u64)> {
        ["1xx", "2xx", "3xx", "4xx", "5xx"]
            .into_iter()
            .zip(&self.answers)
            .map(|(class, counter)| (class, counter.get()))
            .chain([("cancelled", self.cancelled.get())])
    }
    pub(crate) fn record(&self, status: Option<StatusCode>, took: Duration) {
        let class = status.map(|status| usize::from(status.as_u16() / 100).wrapping_sub(1));
        class.and_then(|class| self.answers.get(class)).unwrap_or(&self.cancelled).add(1);
        self.latency.record_duration(took);
    }
}

/// Everything the gateway counts.
#[derive(Debug, Default)]
pub struct GatewayMeters {
    operations: RwLock<BTreeMap<String, Arc<OperationMeters>>>,
    /// Bytes of request bodies as they came, framing included.
    pub bytes_in: Counter,
    /// Bytes of answer bodies.
    pub bytes_out: Counter,
    /// Requests under way.
    pub requests_open: Gauge,
    /// Connections accepted.
    pub connections: Counter,
    /// Connections open.
    pub connections_open: Gauge,
    /// Connections closed at once because too many were open, in all or from one address.
    pub connections_refused: Counter,
    /// TLS handshakes that failed, took too long or were too many.
    pub handshakes_failed: Counter,
    /// Requests refused because too many were under way.
    pub requests_refused: Counter,
    /// Requests refused because too many bytes were held in memory.
    pub buffers_refused: Counter,
    /// Requests given up because their body came too slowly.
    pub bodies_too_slow: Counter,
    /// Connections closed because a head, the next request or the taking of an answer took too long.
    pub connections_too_slow: Counter,
}

impl GatewayMeters {
    /// Most operations that get meters of their own. s3s names about 120; this bounds the labels whatever it does.
    const OPERATIONS_MAX: usize = 256;

    /// Meters of every operation asked for so far, by name.
    pub fn operations(&self) -> Vec<Arc<OperationMeters>> {
        self.operations.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Meters of the operation of that name.
    pub(crate) fn operation(&self, name: &str) -> Arc<OperationMeters> {
        if let Some(meters) = self.operations.read().unwrap_or_else(PoisonError::into_inner).get(name) {
            return Arc::clone(meters);
        }
        let mut operations = self.operations.write().unwrap_or_else(PoisonError::into_inner);
        let name = if operations.len() < Self::OPERATIONS_MAX { name } else { UNKNOWN };
        Arc::clone(operations.entry(name.to_owned()).or_insert_with(|| Arc::new(OperationMeters::new(name))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_counted_by_class() {
        let meters = GatewayMeters::default();
        let get = meters.operation("GetObject");
        for status in [200, 206, 304, 404, 412, 503] {
            get.record(StatusCode::from_u16(status).ok(), Duration::from_millis(1));
        }
        get.record(None, Duration::from_millis(1));
        let counts: Vec<_> = meters.operation("GetObject").answers().collect();
        assert_eq!(counts, [("1xx", 0), ("2xx", 2), ("3xx", 1), ("4xx", 2), ("5xx", 1), ("cancelled", 1)]);
        assert_eq!(get.latency.read().buckets.iter().sum::<u64>(), 7);
    }

    #[test]
    fn labels_stay_bounded() {
        let meters = GatewayMeters::default();
        for number in 0..10_000 {
            meters.operation(&format!("Operation{number}"));
        }
        assert!(meters.operations().len() <= GatewayMeters::OPERATIONS_MAX + 1);
    }
}
