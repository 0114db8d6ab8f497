//! What the lake counts, as Prometheus reads it. Every crate keeps its own meters; here they get names, once, and are
//! read when somebody asks.

use std::fmt;
use std::sync::{Arc, OnceLock, Weak};

use gateway::{Gateway, GatewayMeters};
use kernel::meter::{Counter, Gauge, HistogramReading};
use metadata::rocks::{CommitMeters, RocksMap};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;
use storage::{BlobStore, LocalMeters, LocalSite, StorageMeters};

/// All meters of the process.
pub(crate) struct Meters {
    pub(crate) catalogue: Arc<RocksMap>,
    pub(crate) blobs: Arc<BlobStore>,
    /// None where home is no directory.
    pub(crate) home: Option<Arc<LocalSite>>,
    /// Set once the gateway is made, which itself holds these meters.
    pub(crate) gateway: OnceLock<Weak<Gateway>>,
}

/// Gives the page of all metrics, in the OpenMetrics text format.
pub(crate) fn page(meters: Arc<Meters>) -> impl Fn() -> String + Send + Sync {
    let mut registry = Registry::with_prefix("twinlake");
    registry.register_collector(Box::new(Page(meters)));
    move || {
        let mut text = String::new();
        match text::encode(&mut text, &registry) {
            Ok(()) => text,
            // Writing to a String does not fail, and the names below are sound: a test reads the page.
            Err(fmt::Error) => "# EOF\n".to_owned(),
        }
    }
}

struct Page(Arc<Meters>);

impl fmt::Debug for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Page")
    }
}

impl Collector for Page {
    fn encode(&self, encoder: DescriptorEncoder) -> fmt::Result {
        let mut writer = Writer(encoder);
        writer.commits(self.0.catalogue.meters())?;
        writer.storage(self.0.blobs.meters())?;
        if let Some(home) = &self.0.home {
            writer.home(home.meters())?;
        }
        match self.0.gateway.get().and_then(Weak::upgrade) {
            Some(gateway) => writer.gateway(gateway.meters()),
            None => Ok(()),
        }
    }
}

/// Gives meters their names. A counter's name gets `_total` behind it.
struct Writer<'a>(DescriptorEncoder<'a>);

impl Writer<'_> {
    fn commits(&mut self, meters: &CommitMeters) -> fmt::Result {
        self.counter("commits", "Changes that took effect", &meters.commits)?;
        self.counter("commit_conflicts", "Changes whose expectations failed", &meters.conflicts)?;
        self.counter("commit_bytes", "Bytes of rows that took effect", &meters.bytes)?;
        self.histogram("commit_seconds", "From asking for a commit to its answer", &meters.commit_seconds.read())?;
        self.histogram("commit_group_size", "Changes that shared a sync of the log", &meters.group_batches.read())?;
        self.counter("log_syncs", "Syncs of the catalogue's log", &meters.log_syncs)?;
        self.counter("watermark_syncs", "Syncs of the watermark", &meters.watermark_syncs)?;
        self.gauge("commit_queue_depth", "Changes that wait to be committed", &meters.queue_depth)
    }

    fn storage(&mut self, meters: &StorageMeters) -> fmt::Result {
        self.counter("sealed_bytes", "Bytes of plaintext sealed", &meters.sealed_bytes)?;
        self.counter("opened_bytes", "Bytes of plaintext opened and authenticated", &meters.opened_bytes)?;
        self.counter("blobs_written", "Blobs written to sites and durable there", &meters.blobs_written)?;
        self.counter("blobs_removed", "Blobs removed from sites", &meters.blobs_removed)?;
        self.counter("replicas_bad", "Replicas found damaged or missing while read", &meters.replicas_bad)?;
        self.counter("site_reads_failed", "Reads that a site failed to answer", &meters.reads_failed)
    }

    fn home(&mut self, meters: &LocalMeters) -> fmt::Result {
        self.counter("home_file_syncs", "Syncs of blobs' files at home", &meters.file_syncs)?;
        self.counter("home_directory_syncs", "Syncs of directories at home", &meters.directory_syncs)?;
        self.counter("home_key_log_syncs", "Syncs of the key log at home", &meters.key_log_syncs)?;
        self.gauge("home_reads", "Reads at home that run or wait for a thread", &meters.reads)?;
        self.gauge("home_writes", "Writes and syncs at home that run or wait for a thread", &meters.writes)
    }

    fn gateway(&mut self, meters: &GatewayMeters) -> fmt::Result {
        let operations = meters.operations();
        let help = "Requests by operation and class of the answer's status";
        let mut family = self.0.encode_descriptor("requests", help, None, MetricType::Counter)?;
        for operation in &operations {
            for (status, count) in operation.answers() {
                let labels = [("operation", operation.name()), ("status", status)];
                family.encode_family(&labels)?.encode_counter::<NoLabelSet, _, u64>(&count, None)?;
            }
        }
        let help = "From a request's head to the last byte of its answer";
        let mut family = self.0.encode_descriptor("request_seconds", help, None, MetricType::Histogram)?;
        for operation in &operations {
            let labels = [("operation", operation.name())];
            encode_histogram(&mut family.encode_family(&labels)?, &operation.latency.read())?;
        }
        self.counter("request_bytes", "Bytes of request bodies as they came", &meters.bytes_in)?;
        self.counter("response_bytes", "Bytes of answer bodies", &meters.bytes_out)?;
        self.gauge("requests_open", "Requests under way", &meters.requests_open)?;
        self.counter("connections", "Connections accepted", &meters.connections)?;
        self.gauge("connections_open", "Connections open", &meters.connections_open)?;
        self.counter("connections_refused", "Connections closed as too many", &meters.connections_refused)?;
        self.counter("handshakes_failed", "TLS handshakes that came to nothing", &meters.handshakes_failed)?;
        self.counter("requests_refused", "Requests refused as too many", &meters.requests_refused)?;
        self.counter("buffers_refused", "Requests refused for want of memory", &meters.buffers_refused)?;
        self.counter("bodies_too_slow", "Requests given up for a slow body", &meters.bodies_too_slow)?;
        self.counter("connections_too_slow", "Connections closed for silence", &meters.connections_too_slow)
    }

    fn counter(&mut self, name: &str, help: &str, counter: &Counter) -> fmt::Result {
        let mut metric = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        metric.encode_counter::<NoLabelSet, _, u64>(&counter.get(), None)
    }

    fn gauge(&mut self, name: &str, help: &str, gauge: &Gauge) -> fmt::Result {
        self.0.encode_descriptor(name, help, None, MetricType::Gauge)?.encode_gauge(&gauge.get())
    }

    fn histogram(&mut self, name: &str, help: &str, reading: &HistogramReading) -> fmt::Result {
        encode_histogram(&mut self.0.encode_descriptor(name, help, None, MetricType::Histogram)?, reading)
    }
}

fn encode_histogram(metric: &mut MetricEncoder<'_>, reading: &HistogramReading) -> fmt::Result {
    // The last bucket has no bound of its own; the encoder writes this one as `+Inf`.
    let bounds = reading.bounds.iter().copied().chain([f64::INFINITY]);
    let buckets: Vec<(f64, u64)> = bounds.zip(reading.buckets.iter().copied()).collect();
    let count = reading.buckets.iter().sum();
    metric.encode_histogram::<NoLabelSet>(reading.sum, count, &buckets, None)
}

#[cfg(test)]
mod tests {
    use kernel::meter::Histogram;

    use super::*;

    #[derive(Debug)]
    struct One;

    impl Collector for One {
        fn encode(&self, encoder: DescriptorEncoder) -> fmt::Result {
            let mut writer = Writer(encoder);
            let histogram = Histogram::new(&[1.0, 2.0]);
            [0.5, 1.5, 1.5, 9.0].into_iter().for_each(|value| histogram.record(value));
            writer.histogram("size", "How large", &histogram.read())?;
            let counter = Counter::default();
            counter.add(3);
            writer.counter("things", "How many", &counter)?;
            let gateway = GatewayMeters::default();
            gateway.requests_open.add(2);
            writer.gateway(&gateway)
        }
    }

    #[test]
    fn the_page_is_open_metrics() {
        let mut registry = Registry::with_prefix("twinlake");
        registry.register_collector(Box::new(One));
        let mut page = String::new();
        text::encode(&mut page, &registry).expect("encoded");
        for line in [
            "# TYPE twinlake_size histogram",
            "twinlake_size_sum 12.5",
            "twinlake_size_count 4",
            "twinlake_size_bucket{le=\"1.0\"} 1",
            "twinlake_size_bucket{le=\"2.0\"} 3",
            "twinlake_size_bucket{le=\"+Inf\"} 4",
            "twinlake_things_total 3",
            "twinlake_requests_open 2",
        ] {
            assert!(page.lines().any(|found| found == line), "{line} is not in\n{page}");
        }
        assert!(page.ends_with("# EOF\n"));
    }
}
