//! Why a command did not do what was asked, on one line that says what to do next.

use std::path::PathBuf;

use crate::policy::TableFault;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// Nobody says where the lake is.
    #[error("no endpoint is known: give `--endpoint`, set TWINLAKE_ENDPOINT, or save one with `twinlake profile set`")]
    NoEndpoint,
    /// Nobody says with which keys.
    #[error(
        "no keys are known: set TWINLAKE_ACCESS_KEY and TWINLAKE_SECRET_KEY, or TWINLAKE_TOKEN, or save them with \
         `twinlake profile set`"
    )]
    NoKeys,
    /// An access key without its secret, or the other way round.
    #[error("{0} must be set together")]
    HalfKeys(&'static str),
    /// Not an address of a lake.
    #[error("`{0}` is no endpoint: it must be http://HOST[:PORT] or https://HOST[:PORT], without path, user or query")]
    Endpoint(String),
    /// There is no such profile.
    #[error("there is no profile `{name}` in `{}`: `twinlake profile list` shows those there are", path.display())]
    NoProfile {
        /// Its name.
        name: String,
        /// Where it was looked for.
        path: PathBuf,
    },
    /// Not a name of a profile.
    #[error("`{0}` is no name of a profile: it must be 1 to 64 of a-z, A-Z, 0-9, _ and -")]
    ProfileName(String),
    /// Neither `$XDG_CONFIG_HOME` nor `$HOME` is known.
    #[error("nobody knows where profiles lie: set HOME or XDG_CONFIG_HOME")]
    NoHome,
    /// Others can read a file that holds or names secrets.
    #[error("`{}` has mode {mode:o}, so others can read it: `chmod 600` it", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// More than anybody reads.
    #[error(
        "there are more than {max} rows: say whom it is about with --as, where with --bucket, or until an earlier date"
    )]
    Rows {
        /// The most shown.
        max: usize,
    },
    /// A file cannot be read or written.
    #[error("`{}` cannot be {verb}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// `read` or `written`.
        verb: &'static str,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The profiles are not what they should be.
    #[error("`{}`, line {line}: {reason}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong there. Never the line itself: it may hold a secret.
        reason: String,
    },
    /// The profiles cannot be written as TOML.
    #[error("the profile cannot be written as TOML")]
    Form(#[source] toml::ser::Error),
    /// No usable secret came from where it should come from.
    #[error("no {what} came from {from}: {reason}")]
    Secret {
        /// What should have come: `secret key`, `token` or `line`.
        what: &'static str,
        /// `stdin`, a file or a command.
        from: String,
        /// What came instead.
        reason: String,
    },
    /// The certificates to trust cannot be used.
    #[error("`{}` holds no usable certificates in PEM", path.display())]
    Certificates {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// No client can be made.
    #[error("no connection can be prepared")]
    Client(#[source] reqwest::Error),
    /// The lake does not answer.
    #[error("`{endpoint}` does not answer")]
    Unreachable {
        /// Where it was asked.
        endpoint: String,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// The lake refuses.
    #[error("{message} ({code}, status {status}, request {request_id}){}", advice(code))]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The code.
        code: String,
        /// What it says for people.
        message: String,
        /// Names the request in the lake's log.
        request_id: String,
    },
    /// Something answers that is not a lake of this kind.
    #[error("`{endpoint}` answers with status {status}, but not as a lake does: is it the right endpoint?")]
    Foreign {
        /// Where it was asked.
        endpoint: String,
        /// The HTTP status.
        status: u16,
    },
    /// An answer longer than any should be.
    #[error("`{endpoint}` answers with more than {max} bytes")]
    TooLong {
        /// Where it was asked.
        endpoint: String,
        /// The most that is read.
        max: usize,
    },
    /// A program that belongs to this one cannot be started.
    #[error("`{}` cannot be started: it belongs beside `twinlake`, and is built with it", program.display())]
    Program {
        /// Where it was looked for.
        program: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A text of policies that no lake would take.
    #[error("`{}` is not taken: {reason}{place}", path.display())]
    Policies {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
        /// The line that is wrong, with a mark below the place.
        place: String,
    },
    /// A table of rights cannot be said in Cedar.
    #[error("`{}` is no table of rights", path.display())]
    Rights {
        /// The table.
        path: PathBuf,
        /// Why.
        #[source]
        source: TableFault,
    },
    /// A table of cases that cannot be read.
    #[error("`{}` is no table of cases", path.display())]
    Table {
        /// The table.
        path: PathBuf,
        /// Why.
        #[source]
        source: TableFault,
    },
    /// Cases did not end as they should.
    #[error("{failed} of {of} cases did not end as they should")]
    Cases {
        /// How many.
        failed: usize,
        /// Of how many.
        of: usize,
        /// All of them, as they ended.
        printed: String,
    },
    /// The audit is not as it was written.
    #[error("the audit is whole up to entry {until}, and not behind it: {fault}")]
    AuditFault {
        /// The last entry that is as it was written.
        until: u64,
        /// What is wrong behind it.
        fault: String,
    },
    /// What came of it cannot be printed.
    #[error("the result cannot be printed")]
    Output(#[source] std::io::Error),
    /// What came of it cannot be written as JSON.
    #[error("the result cannot be written as JSON")]
    Json(#[source] serde_json::Error),
}

/// Shorthand.
pub type Result<T> = std::result::Result<T, CliError>;

/// What to do about a refusal, where that is known.
fn advice(code: &str) -> &'static str {
    match code {
        "InvalidAccessKeyId" | "SignatureDoesNotMatch" => {
            "; check the keys, `twinlake profile list` shows which are used"
        }
        "AuthorizationHeaderMalformed" => "; check the region of the profile, or TWINLAKE_REGION",
        "RequestTimeTooSkewed" => "; check the clocks of both machines",
        "NoSuchBucket" => "; `twinlake bucket list` shows those there are",
        "ConfirmationRequired" => "; `--yes` confirms it",
        "PreconditionFailed" => "; `twinlake policy history` shows what changed",
        "SlowDown" | "ServiceUnavailable" => "; try again soon",
        _ => "",
    }
}
