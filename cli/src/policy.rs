//! `twinlake policy`: who may do what, as Cedar says it.

mod cases;
mod compare;
mod explain;
mod import;
mod prove;
mod rights;
mod sets;
mod table;
mod text;

use clap::{Args, Subcommand};

use crate::{Result, Surroundings};

pub use cases::TestFlags;
pub use compare::{DiffFlags, ForecastFlags, SurveyFlags};
pub use explain::{CandidateFlags, ExplainFlags};
pub use import::ImportFlags;
pub use prove::ProveFlags;
pub use sets::{ChangeFlags, DeleteFlags, GetFlags, HistoryFlags, ListFlags, PutFlags, RollbackFlags};
pub use table::TableFault;
pub use text::{PolicyFlaw, ValidateFlags};

/// What `twinlake policy` takes.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  twinlake policy validate research.cedar
  twinlake policy test research.toml --with research.cedar
  twinlake policy diff research.cedar
  twinlake policy put research research.cedar --comment 'embargo for run 7'
  twinlake policy explain s3://books/secret --as alice
  twinlake policy history research
  twinlake policy rollback research 2")]
pub struct PolicyFlags {
    /// What to do.
    #[command(subcommand)]
    command: PolicyCommand,
}

/// What can be done with policies.
#[derive(Debug, Subcommand)]
pub enum PolicyCommand {
    /// Says whether a lake would take a text of policies, and if not, where it is wrong.
    Validate(ValidateFlags),
    /// Puts a set of policies, which counts at once: a new version of it.
    Put(PutFlags),
    /// Prints a set of policies, byte for byte as it was put.
    Get(GetFlags),
    /// Lists the sets that count.
    List(ListFlags),
    /// Lists the versions of a set, the latest first: who made them, when and why.
    History(HistoryFlags),
    /// Puts an earlier version of a set again.
    Rollback(RollbackFlags),
    /// Takes a set away. Its versions stay, and each can be put again.
    Delete(DeleteFlags),
    /// Tries a table of cases, kept next to the policies: who, what, which object, when, and what should come of it.
    Test(TestFlags),
    /// Says what would be decided, by which policies and why, and when the answer changes by itself.
    Explain(ExplainFlags),
    /// Says what a text would change, over the whole catalogue: who gains and loses access to how much, what becomes public
    /// when.
    Diff(DiffFlags),
    /// Says what opens, closes and becomes public by itself until a date, over the whole catalogue.
    Forecast(ForecastFlags),
    /// Says in Cedar what a table of rights says: which groups may do what with which buckets.
    Import(ImportFlags),
    /// Proves what a set of Cedar policies can never let happen, or shows a request that does.
    ///
    /// `twinlake policy prove --help` tells more. It asks a solver, cvc5, and no lake.
    #[command(disable_help_flag = true)]
    Prove(ProveFlags),
}

pub(crate) async fn run(flags: PolicyFlags, surroundings: &Surroundings) -> Result<String> {
    match flags.command {
        PolicyCommand::Validate(flags) => text::validate(flags, surroundings).await,
        PolicyCommand::Put(flags) => sets::put(flags, surroundings).await,
        PolicyCommand::Get(flags) => sets::get(flags, surroundings).await,
        PolicyCommand::List(flags) => sets::list(flags, surroundings).await,
        PolicyCommand::History(flags) => sets::history(flags, surroundings).await,
        PolicyCommand::Rollback(flags) => sets::roll_back(flags, surroundings).await,
        PolicyCommand::Delete(flags) => sets::delete(flags, surroundings).await,
        PolicyCommand::Test(flags) => cases::run(flags, surroundings).await,
        PolicyCommand::Explain(flags) => explain::run(flags, surroundings).await,
        PolicyCommand::Diff(flags) => compare::diff(flags, surroundings).await,
        PolicyCommand::Forecast(flags) => compare::forecast(flags, surroundings).await,
        PolicyCommand::Import(flags) => import::run(&flags),
        PolicyCommand::Prove(flags) => prove::run(&flags, surroundings),
    }
}
