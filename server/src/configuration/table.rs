//! The table of all settings: what each is called, what it is when nobody says, and what is allowed. The order is that
//! of `docs/configuration.md`.

use std::fmt;
use std::ops::RangeInclusive;

/// One thing that may be set.
pub(crate) struct Setting {
    /// Its name in the file; the part before a period is the name of its section.
    pub(crate) key: &'static str,
    /// The value when nobody says; empty for none.
    pub(crate) default: &'static str,
    pub(crate) allowed: Allowed,
    /// What it means, for people.
    pub(crate) meaning: &'static str,
    /// Secrets are no business of a file that is copied about.
    pub(crate) environment_only: bool,
    /// Never shown in a message.
    pub(crate) secret: bool,
}

/// What a setting may be. A number carries its unit in the setting's name.
pub(crate) enum Allowed {
    /// Whatever the code that reads it takes, in the words of people.
    Text(&'static str),
    Choice(&'static [&'static str]),
    Number(RangeInclusive<u64>),
}

impl Allowed {
    /// The bounds of a number; of anything else, no number is within.
    pub(super) fn bounds(&self) -> RangeInclusive<u64> {
        match self {
            Self::Number(bounds) => bounds.clone(),
            Self::Text(_) | Self::Choice(_) => RangeInclusive::new(1, 0),
        }
    }
    pub(super) fn choices(&self) -> &'static [&'static str] {
        match self {
            Self::Choice(choices) => choices,
            Self::Text(_) | Self::Number(_) => &[],
        }
    }
}

impl fmt::Display for Allowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(said) => f.write_str(said),
            Self::Choice(choices) => f.write_str(&choices.join(" or ")),
            Self::Number(bounds) => write!(f, "{} to {}", bounds.start(), bounds.end()),
        }
    }
}

impl Setting {
    /// The variable of the environment that sets it.
    pub(crate) fn variable(&self) -> String {
        format!("TWINLAKE_{}", self.key.to_ascii_uppercase().replace('.', "_"))
    }
}

const fn setting(key: &'static str, default: &'static str, allowed: Allowed, meaning: &'static str) -> Setting {
    Setting { key, default, allowed, meaning, environment_only: false, secret: false }
}

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const HOUR_MS: u64 = 3_600_000;
const DAY_MS: u64 = 24 * HOUR_MS;

const fn number(
    key: &'static str,
    default: &'static str,
    bounds: RangeInclusive<u64>,
    meaning: &'static str,
) -> Setting {
    setting(key, default, Allowed::Number(bounds), meaning)
}

/// All settings as the rows of the table in `docs/configuration.md`.
pub(crate) fn rows() -> String {
    let code = |text: &str| if text.is_empty() { "–".to_owned() } else { format!("`{text}`") };
    let row = |setting: &Setting| {
        let key = if setting.environment_only { "" } else { setting.key };
        let (key, variable, default) = (code(key), code(&setting.variable()), code(setting.default));
        format!("| {key} | {variable} | {default} | {} | {} |\n", setting.allowed, setting.meaning)
    };
    SETTINGS.iter().map(row).collect()
}

/// Every setting there is.
pub(crate) const SETTINGS: &[Setting] = &[
    setting(
        "data_dir",
        "twinlake-data",
        Allowed::Text("a directory that is empty, absent or this lake's own"),
        "Where catalogue, blobs and keys lie. One process at a time.",
    ),
    setting(
        "master_key_file",
        "",
        Allowed::Text("a file, made at the first start if it is absent"),
        "The master key that every data key is wrapped with. Default: `master.key` in the data directory, with a warning \
         at each start: whoever copies the directory then has the key as well.",
    ),
    setting(
        "deployment",
        "",
        Allowed::Text("32 hex digits in lower case, as in `twinlake.json`"),
        "The one lake that may be served: any other directory is refused, an empty one included, as one is whose disk was \
         not mounted.",
    ),
    setting(
        "listen",
        "127.0.0.1:9000",
        Allowed::Text("an IP address and a port, such as 127.0.0.1:9000 or [::]:9000; port 0 takes a free one"),
        "Where the S3 endpoint listens.",
    ),
    setting(
        "region",
        "us-east-1",
        Allowed::Text("1 to 32 of a-z, 0-9 and -"),
        "The region that requests are signed for.",
    ),
    setting(
        "domain",
        "",
        Allowed::Text("DNS names in lower case; in the environment parted by commas"),
        "Names under which buckets are virtual hosts, `BUCKET.DOMAIN`. Path style always works.",
    ),
    setting(
        "website_domain",
        "",
        Allowed::Text("DNS names in lower case, none of them a `domain`; in the environment parted by commas"),
        "Names under which buckets answer as websites, `BUCKET.WEBSITE_DOMAIN`, where they are configured as such.",
    ),
    Setting {
        key: "root_access_key",
        default: "",
        allowed: Allowed::Text("3 to 128 of a-z, A-Z, 0-9, _ and -"),
        meaning: "Root's key id, instead of the one in `root-credentials.json`.",
        environment_only: true,
        secret: false,
    },
    Setting {
        key: "root_secret_key",
        default: "",
        allowed: Allowed::Text("16 to 128 visible ASCII characters"),
        meaning: "Root's secret, beside it.",
        environment_only: true,
        secret: true,
    },
    setting(
        "tls.cert",
        "",
        Allowed::Text("a PEM file with the certificate chain"),
        "With `tls.key`: HTTPS instead of HTTP.",
    ),
    setting("tls.key", "", Allowed::Text("a PEM file with the private key"), "The key of `tls.cert`."),
    setting("log.format", "text", Allowed::Choice(&["text", "json"]), "How a line of the log is written, on stderr."),
    setting(
        "log.level",
        "info",
        Allowed::Choice(&["error", "warn", "info", "debug", "trace"]),
        "How much is logged. Crates that see signatures are never logged below warn.",
    ),
    number("catalogue.cache_bytes", "67108864", 8 * MIB..=1024 * GIB, "Memory for blocks of the catalogue."),
    number("catalogue.group_bytes_max", "1048576", 64 * KIB..=64 * MIB, "Most bytes that share one sync of the log."),
    number("catalogue.group_batches_max", "1024", 1..=65_536, "Most changes that share one sync of the log."),
    number(
        "objects.inline_bytes_max",
        "131072",
        0..=MIB,
        "Bodies up to this size travel inside the catalogue's own batch and cost no file.",
    ),
    number("objects.body_bytes_max", "5368709120", 1..=5 * GIB, "The largest body of one request."),
    number("objects.part_bytes_min", "5242880", 1..=5 * GIB, "The smallest part of an upload, the last one excepted."),
    number(
        "objects.hidden_rows_max",
        "20000",
        1..=1_000_000,
        "Rows that a page of a listing passes over, because they are hidden from the caller by embargoes, before it ends early.",
    ),
    setting(
        "objects.ownership_default",
        "ObjectWriter",
        Allowed::Choice(&["ObjectWriter", "BucketOwnerPreferred", "BucketOwnerEnforced"]),
        "Who owns what others write into a new bucket whose maker does not say. AWS takes BucketOwnerEnforced, where access \
         control lists mean nothing.",
    ),
    setting(
        "trusted_time",
        "guarded",
        Allowed::Choice(&["guarded", "system"]),
        "When an embargo ends: by the clock that counts since boot, disciplined by the wall clock; or by the wall clock, \
         whatever it says.",
    ),
    setting(
        "audit.record",
        "refusals",
        Allowed::Choice(&["changes", "refusals", "accesses"]),
        "What goes into the audit: what administrators do; and what is refused; and every other request.",
    ),
    number(
        "audit.keep_days",
        "400",
        0..=36_500,
        "Days after which entries of the audit are trimmed; 0 for never. The chain goes on to be verified from the last one \
         that was.",
    ),
    number(
        "audit.bytes_max",
        "17179869184",
        0..=1024 * GIB,
        "Bytes of entries beyond which the oldest are trimmed, however young; 0 for no bound.",
    ),
    number("sweep.delay_ms", "600000", 0..=30 * DAY_MS, "How long a blob stays that nothing refers to any more."),
    number("sweep.batch", "256", 1..=10_000, "Rows, blobs or uploads that one step of the sweep looks at."),
    number("sweep.idle_ms", "10000", 10..=DAY_MS, "How long the sweep rests when it finds nothing."),
    number(
        "sweep.stale_upload_age_ms",
        "2592000000",
        0..=3650 * DAY_MS,
        "A multipart upload is given up when neither it nor a part of it was touched for this long; 0 for never, as in \
         S3.",
    ),
    number(
        "sweep.as_of_retention_ms",
        "2592000000",
        0..=3650 * DAY_MS,
        "How long it is remembered that a version was removed for good: a read as of a moment before that answers 410 until \
         then and 400 afterwards; 0 forgets at once.",
    ),
    number(
        "limits.connections_max",
        "8192",
        1..=1_000_000,
        "Connections open at once; further ones are closed as they come.",
    ),
    number("limits.connections_per_address_max", "256", 1..=1_000_000, "Connections open at once from one address."),
    number("limits.handshakes_max", "512", 1..=1_000_000, "TLS handshakes under way at once."),
    number("limits.handshake_wait_ms", "10000", 100..=HOUR_MS, "Longest TLS handshake."),
    number("limits.head_wait_ms", "15000", 100..=HOUR_MS, "Longest wait for a request's head."),
    number("limits.idle_wait_ms", "60000", 100..=HOUR_MS, "Longest silence between two requests of a connection."),
    number(
        "limits.body_wait_ms",
        "60000",
        100..=HOUR_MS,
        "Over this much waiting, a body must bring `limits.body_bytes_per_second_min` on average.",
    ),
    number("limits.body_bytes_per_second_min", "1024", 1..=GIB, "Slowest body that is still read."),
    number("limits.write_wait_ms", "60000", 100..=HOUR_MS, "Longest wait for a client to take any byte of an answer."),
    number(
        "limits.drain_wait_ms",
        "30000",
        0..=HOUR_MS,
        "How long requests under way may go on after SIGTERM or SIGINT. A second signal ends the process at once.",
    ),
    number(
        "limits.requests_max",
        "1024",
        1..=1_000_000,
        "Requests under way at once; further ones get `503 SlowDown`.",
    ),
    number(
        "limits.buffered_bytes_max",
        "268435456",
        16 * MIB..=1024 * GIB,
        "Documents and signed chunks in memory for all requests together; further ones get `503 SlowDown`.",
    ),
    number("limits.head_bytes_max", "32768", 4 * KIB..=MIB, "Names and values of a request's headers together."),
    number("limits.uri_bytes_max", "16384", 2 * KIB..=64 * KIB, "Path and query together."),
    number("limits.document_bytes_max", "4194304", 64 * KIB..=16 * MIB, "An XML or JSON body."),
    number("limits.chunk_bytes_max", "16777216", 64 * KIB..=64 * MIB, "One signed chunk of an `aws-chunked` body."),
    number("limits.streams_per_connection_max", "128", 1..=10_000, "Streams of one HTTP/2 connection."),
];
