//! The admin commands: what an operator types, over HTTP.
//!
//! Life in here is short. The command line is parsed, a connection is chosen from flags, environment and profiles
//! ([`connection`]), a few signed requests go to `/_lake/admin/v1` ([`client`]), and the answer is printed: as a table for
//! people, as JSON for programs. Nothing of the lake is linked in: what these commands can do, every client of the API
//! can, and only with a right to it. The machine itself (environment, clock) is handed in by the program.

mod account;
mod audit;
mod bucket;
mod client;
mod connection;
mod embargo;
mod error;
mod group;
mod key;
mod output;
mod policy;
mod profile;
mod profiles;
mod progress;
mod secret;
mod size;
mod time;
mod user;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Subcommand;
use kernel::Clock;

pub use account::{AccountCommand, AccountFlags};
pub use audit::{AuditCommand, AuditFlags, QueryFlags};
pub use bucket::{BucketCommand, BucketFlags, QuotaBounds, QuotaCommand};
pub use connection::ConnectionFlags;
pub use embargo::{
    DefaultCommand, EmbargoCommand, EmbargoFlags, EmbargoScope, Listing, ObjectArgument, ObjectArgumentError,
    PlaceFlags, ReaderArgument, TimeSpan, TimeSpanError,
};
pub use error::{CliError, Result};
pub use group::{GroupCommand, GroupFlags};
pub use key::{KeyCommand, KeyFlags};
pub use output::Output;
pub use policy::{
    CandidateFlags, ChangeFlags, DeleteFlags, DiffFlags, ExplainFlags, ForecastFlags, GetFlags, HistoryFlags,
    ImportFlags, ListFlags, PolicyCommand, PolicyFlags, PolicyFlaw, ProveFlags, PutFlags, RollbackFlags, SurveyFlags,
    TableFault, TestFlags, ValidateFlags,
};
pub use profile::{ProfileCommand, ProfileFlags, ProfileSetFlags};
pub use time::{TimeCommand, TimeFlags};
pub use user::{HeldCommand, ScopeFlags, UserCommand, UserFlags};

/// Every variable of the environment that means something to a command.
pub const VARIABLES: [&str; 17] = [
    "TWINLAKE_PROFILE",
    "TWINLAKE_ENDPOINT",
    "TWINLAKE_REGION",
    "TWINLAKE_ACCESS_KEY",
    "TWINLAKE_SECRET_KEY",
    "TWINLAKE_TOKEN",
    "TWINLAKE_TOKEN_FILE",
    "TWINLAKE_CA_FILE",
    "AWS_ENDPOINT_URL",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_CA_BUNDLE",
    "XDG_CONFIG_HOME",
    "HOME",
];

/// The admin commands.
#[derive(Debug, Subcommand)]
pub enum AdminCommand {
    /// Accounts: tenants, each with buckets, users, groups and roles of its own.
    Account(AccountFlags),
    /// What administrators did and what was refused, in a chain that shows whatever is done to it.
    Audit(AuditFlags),
    /// Buckets of a running lake: what they hold, and how much they may hold.
    Bucket(BucketFlags),
    /// Embargoes: what nobody but its readers may read before a date.
    Embargo(EmbargoFlags),
    /// Groups of users that may do the same.
    Group(GroupFlags),
    /// Access keys, and service accounts: keys that may do less than their owner.
    Key(KeyFlags),
    /// Who may do what, as Cedar says it.
    Policy(PolicyFlags),
    /// Named connections: where a lake answers, and with which keys.
    ///
    /// They lie in `twinlake/config.toml` under `$XDG_CONFIG_HOME` or `~/.config`, which nobody else may read.
    Profile(ProfileFlags),
    /// The time as a lake knows it, and whether what opens at a date is on hold.
    Time(TimeFlags),
    /// Users: who they are, what they may do, their passwords.
    User(UserFlags),
}

/// What a command needs of the machine.
pub struct Surroundings {
    /// The [`VARIABLES`] that are set and not empty.
    pub environment: BTreeMap<String, String>,
    /// The time that requests are signed with.
    pub clock: Arc<dyn Clock>,
    /// Where this program lies, if that is known: others lie beside it.
    pub program: Option<PathBuf>,
    /// Says how many policies a text in Cedar holds, or what is wrong with it, without any lake.
    pub judge_policies: fn(&str) -> std::result::Result<usize, PolicyFlaw>,
}

impl Surroundings {
    fn variable(&self, name: &str) -> Option<&str> {
        debug_assert!(VARIABLES.contains(&name), "`{name}` is not among the variables that are read");
        self.environment.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }
}

/// Does what was typed and prints what came of it to `out`.
///
/// # Errors
/// [`CliError`] says on one line what went wrong and, where there is something to do about it, what.
pub async fn run(command: AdminCommand, surroundings: &Surroundings, out: &mut (dyn Write + Send)) -> Result<()> {
    match answer(command, surroundings, out).await {
        Ok(printed) => print(&printed, out),
        // What did not end well is printed like what did, for programs that look at each line of it.
        Err(CliError::Cases { failed, of, printed }) => {
            print(&printed, out)?;
            Err(CliError::Cases { failed, of, printed })
        }
        Err(error) => readable(Err(error)),
    }
}

/// What is to be printed; what is long is printed to `out` as it comes.
async fn answer(command: AdminCommand, surroundings: &Surroundings, out: &mut (dyn Write + Send)) -> Result<String> {
    match command {
        AdminCommand::Account(flags) => account::run(flags, surroundings).await,
        AdminCommand::Audit(flags) => audit::run(flags, surroundings, out).await.map(|()| String::new()),
        AdminCommand::Bucket(flags) => bucket::run(flags, surroundings).await,
        AdminCommand::Embargo(flags) => embargo::run(flags, surroundings).await,
        AdminCommand::Group(flags) => group::run(flags, surroundings).await,
        AdminCommand::Key(flags) => key::run(flags, surroundings).await,
        AdminCommand::Policy(flags) => policy::run(flags, surroundings).await,
        AdminCommand::Profile(flags) => profile::run(flags, surroundings),
        AdminCommand::Time(flags) => time::run(flags, surroundings).await,
        AdminCommand::User(flags) => user::run(flags, surroundings).await,
    }
}

fn print(printed: &str, out: &mut (dyn Write + Send)) -> Result<()> {
    readable(out.write_all(printed.as_bytes()).and_then(|()| out.flush()).map_err(CliError::Output))
}

/// Whoever reads no further, as `head` does, has what it wanted.
fn readable(written: Result<()>) -> Result<()> {
    match written {
        Err(CliError::Output(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}
