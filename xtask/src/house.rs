//! The plan of the house as data: which crate may import which, and who owns which foreign crate. The same as the code
//! map in `docs/ARCHITECTURE.md`; tidy compares the two, and both with `cargo metadata`.

/// Each crate and the crates of the house it may import.
pub(crate) const LAYERS: &[(&str, &[&str])] = &[
    ("kernel", &[]),
    ("metadata", &["kernel"]),
    ("storage", &["kernel"]),
    ("policy", &["kernel"]),
    ("outbound", &["kernel"]),
    ("engine", &["kernel", "metadata", "storage", "policy"]),
    ("gateway", &["kernel", "engine", "outbound"]),
    ("server", &["kernel", "metadata", "storage", "policy", "outbound", "engine", "gateway", "cli", "fixtures"]),
    ("cli", &["kernel", "signer"]),
    ("prove", &["policy"]),
    ("signer", &[]),
    ("fixtures", &["kernel", "signer"]),
    ("benches", &["kernel", "metadata", "storage", "policy", "engine", "fixtures"]),
    ("sim", &["kernel", "metadata", "storage", "policy", "engine", "fixtures"]),
    ("xtask", &[]),
];

/// Tests of these may import these on top.
pub(crate) const TEST_LAYERS: &[(&str, &[&str])] =
    &[("gateway", &["metadata", "storage", "fixtures"]), ("engine", &["fixtures"]), ("metadata", &["fixtures"])];

/// Foreign crates and the only crates that may name them. What is not here and not in [`EVERYBODYS`] has no owner yet.
pub(crate) const OWNERS: &[(&str, &[&str])] = &[
    // What a foreign crate knows, one of ours knows, and nobody else.
    ("aes-gcm", &["storage"]),
    ("argon2", &["engine"]),
    ("async-trait", &["gateway"]),
    ("base64", &["gateway", "policy", "storage"]),
    // What a policy means, and what a set of them can never let happen.
    ("cedar-policy", &["policy", "prove"]),
    ("cedar-policy-symcc", &["prove"]),
    ("chrono", &["policy", "prove"]),
    ("clap_complete", &["server"]),
    ("crc-fast", &["storage"]),
    ("criterion", &["benches"]),
    ("csv", &["fixtures", "cli"]),
    ("http-body", &["gateway"]),
    ("jsonwebtoken", &["outbound"]),
    ("ldap3", &["outbound"]),
    ("md-5", &["storage"]),
    ("miette", &["policy"]),
    ("object_store", &["storage"]),
    ("parquet", &["fixtures"]),
    ("prometheus-client", &["server"]),
    ("prost", &["metadata"]),
    ("quick-xml", &["gateway"]),
    // Named in storage only to choose its TLS; the admin commands and what the lake asks of others are clients of our own.
    ("reqwest", &["storage", "cli", "outbound"]),
    ("rocksdb", &["metadata"]),
    ("rustix", &["server", "cli"]),
    ("s3s", &["gateway"]),
    ("s3s-multipart", &["gateway"]),
    ("s3s-sigv2", &["gateway"]),
    ("s3s-sigv4", &["gateway"]),
    ("sha1", &["storage"]),
    ("sha2", &["storage"]),
    ("tokio-rustls", &["gateway"]),
    ("tracing-subscriber", &["server"]),
    ("unicode-normalization", &["engine", "gateway"]),
    ("url", &["storage", "gateway", "outbound"]),
    ("x509-parser", &["gateway"]),
    // An edge on our side and the client that tests it.
    ("http", &["gateway", "fixtures"]),
    ("http-body-util", &["gateway", "fixtures"]),
    ("hyper", &["gateway", "fixtures"]),
    ("hyper-util", &["gateway", "fixtures"]),
    ("percent-encoding", &["gateway", "signer"]),
    // The one crypto provider: sealing, the endpoint's TLS, the sites' TLS, the machine's randomness, signatures, hashes of
    // policies.
    ("ring", &["storage", "server", "signer", "gateway", "policy", "outbound", "metadata"]),
    ("rustls", &["gateway", "storage", "server", "outbound"]),
    // Programs.
    ("clap", &["server", "cli", "benches", "prove", "sim", "xtask"]),
    ("toml", &["server", "cli", "xtask"]),
    // Forms of files and documents that are ours.
    ("serde", &["server", "storage", "policy", "engine", "gateway", "cli", "prove", "fixtures", "xtask"]),
    (
        "serde_json",
        &[
            "server", "storage", "policy", "engine", "gateway", "outbound", "cli", "prove", "fixtures", "benches",
            "xtask",
        ],
    ),
    ("hex", &["server", "gateway", "signer"]),
    // Secrets.
    ("subtle", &["gateway"]),
    ("zeroize", &["server", "gateway", "engine", "storage", "cli", "outbound"]),
];

/// Foreign crates that are part of the language here, for every crate but those of [`PURE`].
pub(crate) const EVERYBODYS: &[&str] = &["bytes", "futures", "thiserror", "tokio", "tracing"];

/// Foreign crates for tests alone.
pub(crate) const TESTS_ONLY: &[&str] = &["proptest", "tempfile"];

/// Crates without IO or a runtime, and all that they may name.
pub(crate) const PURE: &[(&str, &[&str])] = &[
    ("kernel", &["thiserror"]),
    ("policy", &["base64", "cedar-policy", "chrono", "miette", "ring", "serde", "serde_json", "thiserror", "tracing"]),
];

/// Programs that may use what others use in tests only: they make worlds to throw away.
pub(crate) const PROGRAMS: &[&str] = &["benches", "sim", "xtask"];

/// Foreign crates of which one version is in the tree, because two would not understand one another.
pub(crate) const ONE_VERSION: &[&str] = &["http", "hyper", "ring", "rustls", "tokio"];

/// What no module, type or crate is called: words that fit everything say nothing.
pub(crate) const EMPTY_WORDS: &[&str] = &[
    "common", "util", "utils", "helper", "helpers", "manager", "handler", "handlers", "service", "misc", "base",
    "impl", "data", "info",
];

/// What no type's name ends with.
pub(crate) const EMPTY_ENDINGS: &[&str] = &["Handler", "Helper", "Manager", "Util", "Utils"];

/// Lines of a file beyond which its header says why it is one thing, in a line that begins with [`LONG_BECAUSE`].
pub(crate) const FILE_LINES_MAX: usize = 1000;

/// How that line begins.
pub(crate) const LONG_BECAUSE: &str = "//! Long because ";

/// Crates whose code meets bytes from network or disk, or keeps a server running: nothing is unwrapped there.
pub(crate) const NEVER_UNWRAP: &[&str] =
    &["kernel", "metadata", "storage", "policy", "engine", "gateway", "server", "cli", "signer", "outbound", "prove"];
