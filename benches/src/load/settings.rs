//! What the command line may ask for.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use fixtures::s3_client;

use super::Case;

/// Loads an S3 endpoint and says what each request cost.
///
/// Put the server's sync policy beside every number you publish, and measure peers with the same command line in turns.
#[derive(Debug, Clone, Parser)]
#[command(name = "load")]
pub struct Settings {
    /// Where: http://host:port
    #[arg(long)]
    pub endpoint: String,
    /// Access key.
    #[arg(long, env = "TWINLAKE_ROOT_ACCESS_KEY")]
    pub access_key: String,
    /// Secret key.
    #[arg(long, env = "TWINLAKE_ROOT_SECRET_KEY", hide_env_values = true)]
    pub secret_key: String,
    /// The region that requests are signed for.
    #[arg(long, default_value = "us-east-1")]
    pub region: String,
    /// The bucket to work in; made where it is missing. Listings use a second one beside it.
    #[arg(long, default_value = "twinlake-load")]
    pub bucket: String,
    /// What the clients do.
    #[arg(long, value_enum, default_value_t = Operation::Put)]
    pub op: Operation,
    /// Bytes of each body: 4KiB, 1MiB, 64MiB, or a plain number.
    #[arg(long, default_value = "4KiB")]
    pub size: Size,
    /// Clients at work at the same time.
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=4096))]
    pub clients: u16,
    /// Seconds that count.
    #[arg(long, default_value_t = 10)]
    pub seconds: u64,
    /// Seconds before them that do not.
    #[arg(long, default_value_t = 2)]
    pub warmup_seconds: u64,
    /// Threads of this program; the clients are spread over them.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub threads: u16,
    /// Objects that GETs choose from; by default as many as fit in 1 GiB, at most 1,024.
    #[arg(long)]
    pub objects: Option<u64>,
    /// Keys in the bucket that is listed.
    #[arg(long, default_value_t = 100_000)]
    pub list_keys: u64,
    /// The server's process id, for its CPU time and resident memory.
    #[arg(long)]
    pub pid: Option<u32>,
    /// File with the bearer token of /_lake/metrics, for commits, syncs and group sizes.
    #[arg(long, value_name = "FILE")]
    pub metrics_token: Option<PathBuf>,
    /// Whether bodies are part of what is signed.
    #[arg(long, value_enum, default_value_t = Payload::Signed)]
    pub payload: Payload,
    /// Longest time one request may take, in seconds.
    #[arg(long, default_value_t = 60)]
    pub deadline_seconds: u64,
    /// How to print.
    #[arg(long, value_enum, default_value_t = Output::Table)]
    pub output: Output,
    /// The whole table: PUT and GET of 4 KiB and 1 MiB at 1, 16 and 64 clients, of 64 MiB, and LIST of 1,000 keys.
    #[arg(long)]
    pub suite: bool,
}

impl Settings {
    pub(super) fn case(&self) -> Case {
        Case { operation: self.op, bytes: self.size.0, clients: self.clients.into(), seconds: self.seconds }
    }

    pub(super) fn client(&self) -> s3_client::Settings {
        s3_client::Settings {
            endpoint: self.endpoint.clone(),
            region: self.region.clone(),
            credentials: s3_client::Credentials {
                access_key: self.access_key.clone(),
                secret_key: self.secret_key.clone(),
            },
            payload: match self.payload {
                Payload::Signed => s3_client::Payload::Signed,
                Payload::Unsigned => s3_client::Payload::Unsigned,
            },
            deadline: Duration::from_secs(self.deadline_seconds),
        }
    }

    pub(super) fn list_bucket(&self) -> String {
        format!("{}-list-{}", self.bucket, self.list_keys)
    }

    /// Objects of `bytes` that GETs choose from.
    pub(super) fn objects(&self, bytes: usize) -> u64 {
        self.objects.unwrap_or_else(|| ((1 << 30) / bytes.max(1) as u64).clamp(1, 1024)).max(1)
    }
}

/// What clients do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Operation {
    /// Write a new object.
    Put,
    /// Read one of the objects written before, and judge its bytes.
    Get,
    /// List 1,000 keys from anywhere in the bucket.
    List,
    /// Seven GETs to three PUTs.
    Mixed,
}

/// Whether bodies are signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Payload {
    /// Their SHA-256 is part of the signature.
    Signed,
    /// `UNSIGNED-PAYLOAD`.
    Unsigned,
}

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// A Markdown table.
    Table,
    /// A JSON array.
    Json,
}

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size(pub usize);

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let unit: usize = match text.get(digits.len()..).unwrap_or_default() {
            "" | "B" => 1,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            unit => return Err(format!("`{unit}` is no unit of size; B, KiB, MiB and GiB are")),
        };
        let count: usize = digits.parse().map_err(|_| format!("`{digits}` is no number"))?;
        count.checked_mul(unit).filter(|bytes| *bytes <= 5 << 30).map(Self).ok_or_else(|| "more than 5 GiB".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_their_units() {
        for (text, bytes) in
            [("0", 0), ("4096", 4096), ("17B", 17), ("4KiB", 4096), ("64MiB", 64 << 20), ("1GiB", 1 << 30)]
        {
            assert_eq!(text.parse(), Ok(Size(bytes)), "{text}");
        }
        for bad in ["", "KiB", "4kb", "4 KiB", "-1", "6GiB", "99999999999999999999"] {
            assert!(bad.parse::<Size>().is_err(), "{bad}");
        }
    }

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Settings::command().debug_assert();
    }
}
