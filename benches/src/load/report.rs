//! A case's result, and how it is printed.

use std::fmt::Write;
use std::time::Duration;

use serde_json::{Value, json};

use super::measure::Tally;
use super::{Case, Observation, Operation};

/// Names of the server's own samples. A peer has none of them, and the columns stay empty.
const COMMITS: &str = "twinlake_commits_total";
const COMMIT_GROUPS: &str = "twinlake_commit_group_size_count";
const LOG_SYNCS: &str = "twinlake_log_syncs_total";
const WATERMARK_SYNCS: &str = "twinlake_watermark_syncs_total";
/// Syncs that bodies too long for the catalogue take: their files, the directories and the keys beside them.
const BLOB_SYNCS: [&str; 3] =
    ["twinlake_home_file_syncs_total", "twinlake_home_directory_syncs_total", "twinlake_home_key_log_syncs_total"];

/// What one case cost.
pub(crate) struct Report {
    pub(crate) case: Case,
    pub(crate) tally: Tally,
    elapsed: Duration,
    cpu_per_request: Option<Duration>,
    resident_bytes: Option<u64>,
    resident_bytes_peak: Option<u64>,
    log_syncs_per_write: Option<f64>,
    watermark_syncs_per_write: Option<f64>,
    blob_syncs_per_write: Option<f64>,
    commits_per_group: Option<f64>,
}

impl Report {
    pub(super) fn new(case: Case, tally: Tally, elapsed: Duration, before: &Observation, after: &Observation) -> Self {
        let requests = u32::try_from(tally.requests().max(1)).unwrap_or(u32::MAX);
        let process = before.process.zip(after.process);
        let metrics = before.metrics.as_ref().zip(after.metrics.as_ref());
        let rise = |name| metrics.and_then(|(before, after)| after.rise(before, name));
        let per = |count: Option<f64>, of: f64| count.filter(|_| of > 0.0).map(|count| count / of);
        let writes = tally.writes as f64;
        Self {
            case,
            elapsed,
            cpu_per_request: process.map(|(before, after)| (after.cpu - before.cpu) / requests),
            resident_bytes: process.map(|(_, after)| after.resident_bytes),
            resident_bytes_peak: process.map(|(_, after)| after.resident_bytes_peak),
            log_syncs_per_write: per(rise(LOG_SYNCS), writes),
            watermark_syncs_per_write: per(rise(WATERMARK_SYNCS), writes),
            blob_syncs_per_write: per(BLOB_SYNCS.into_iter().map(rise).sum(), writes),
            commits_per_group: rise(COMMIT_GROUPS).and_then(|groups| per(rise(COMMITS), groups)),
            tally,
        }
    }

    fn requests_per_second(&self) -> f64 {
        self.tally.requests() as f64 / self.elapsed.as_secs_f64().max(1e-9)
    }

    fn mebibytes_per_second(&self) -> f64 {
        self.tally.body_bytes as f64 / self.elapsed.as_secs_f64().max(1e-9) / f64::from(1 << 20)
    }

    fn name(&self) -> String {
        match self.case.operation {
            Operation::Put => format!("PUT {}", size(self.case.bytes)),
            Operation::Get => format!("GET {}", size(self.case.bytes)),
            Operation::Mixed => format!("GET and PUT {}", size(self.case.bytes)),
            Operation::List => "LIST 1,000".into(),
        }
    }

    /// One line for who waits.
    pub(super) fn line(&self) -> String {
        let mut line = format!(
            "{:>16} × {:<3} {:>9.0} requests/s {:>8.1} MiB/s, p50 {} ms, p99 {} ms",
            self.name(),
            self.case.clients,
            self.requests_per_second(),
            self.mebibytes_per_second(),
            millis(self.tally.total(500)),
            millis(self.tally.total(990)),
        );
        if self.tally.errors() > 0 {
            // Writing to a String cannot fail.
            let _ = write!(line, "; {} errors: {}", self.tally.errors(), self.tally.error_text());
        }
        line
    }

    fn row(&self) -> [String; 15] {
        let fixed = |value: Option<f64>| value.map_or_else(dash, |value| format!("{value:.2}"));
        let mebibytes = |bytes: Option<u64>| bytes.map_or_else(dash, |bytes| (bytes >> 20).to_string());
        [
            self.name(),
            self.case.clients.to_string(),
            format!("{:.0}", self.requests_per_second()),
            format!("{:.1}", self.mebibytes_per_second()),
            millis(self.tally.first_byte(500)),
            millis(self.tally.first_byte(990)),
            millis(self.tally.total(500)),
            millis(self.tally.total(990)),
            self.cpu_per_request.map_or_else(dash, |cpu| (cpu.as_nanos() / 1000).to_string()),
            mebibytes(self.resident_bytes),
            fixed(self.log_syncs_per_write),
            fixed(self.watermark_syncs_per_write),
            fixed(self.blob_syncs_per_write),
            fixed(self.commits_per_group),
            self.tally.errors().to_string(),
        ]
    }

    fn value(&self) -> Value {
        let seconds = |duration: Duration| duration.as_secs_f64();
        json!({
            "operation": self.name(),
            "body_bytes": self.case.bytes,
            "clients": self.case.clients,
            "seconds": seconds(self.elapsed),
            "requests": self.tally.requests(),
            "requests_per_second": self.requests_per_second(),
            "mebibytes_per_second": self.mebibytes_per_second(),
            "first_byte_seconds": { "p50": seconds(self.tally.first_byte(500)), "p99": seconds(self.tally.first_byte(990)) },
            "latency_seconds": { "p50": seconds(self.tally.total(500)), "p99": seconds(self.tally.total(990)) },
            "cpu_seconds_per_request": self.cpu_per_request.map(seconds),
            "resident_bytes": self.resident_bytes,
            "resident_bytes_peak": self.resident_bytes_peak,
            "log_syncs_per_write": self.log_syncs_per_write,
            "watermark_syncs_per_write": self.watermark_syncs_per_write,
            "blob_syncs_per_write": self.blob_syncs_per_write,
            "commits_per_group": self.commits_per_group,
            "errors": self.tally.errors(),
            "error_text": self.tally.error_text(),
        })
    }
}

/// All results as a Markdown table.
pub(super) fn markdown(reports: &[Report]) -> String {
    let head = [
        "work",
        "clients",
        "requests/s",
        "MiB/s",
        "TTFB p50 ms",
        "p99",
        "latency p50 ms",
        "p99",
        "CPU µs/request",
        "RSS MiB",
        "log syncs/PUT",
        "watermark syncs/PUT",
        "blob syncs/PUT",
        "commits/group",
        "errors",
    ];
    let mut table = format!("| {} |\n|---|{}\n", head.join(" | "), "--:|".repeat(head.len() - 1));
    for report in reports {
        let _ = writeln!(table, "| {} |", report.row().join(" | "));
    }
    table
}

/// All results as a JSON array.
pub(super) fn json(reports: &[Report]) -> String {
    format!("{:#}", Value::Array(reports.iter().map(Report::value).collect()))
}

fn dash() -> String {
    "–".into()
}

fn millis(duration: Duration) -> String {
    let millis = duration.as_secs_f64() * 1000.0;
    if millis < 10.0 { format!("{millis:.2}") } else { format!("{millis:.0}") }
}

fn size(bytes: usize) -> String {
    match bytes {
        0 => "0 B".into(),
        _ if bytes.is_multiple_of(1 << 20) => format!("{} MiB", bytes >> 20),
        _ if bytes.is_multiple_of(1 << 10) => format!("{} KiB", bytes >> 10),
        _ => format!("{bytes} B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_a_cell_for_every_heading() {
        let mut tally = Tally::default();
        tally.succeeded(Duration::from_micros(300), Duration::from_micros(450), 4096);
        tally.sort();
        let case = Case { operation: Operation::Put, bytes: 4096, clients: 16, seconds: 1 };
        let nothing = || Observation { process: None, metrics: None };
        let report = Report::new(case, tally, Duration::from_secs(1), &nothing(), &nothing());
        let table = markdown(&[report]);
        let columns: Vec<usize> = table.lines().map(|line| line.matches('|').count()).collect();
        assert_eq!(columns, [16, 16, 16]);
        assert!(table.contains("| PUT 4 KiB | 16 | 1 | 0.0 | 0.30 | 0.30 | 0.45 | 0.45 | – |"), "{table}");
    }
}
