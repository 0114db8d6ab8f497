//! `twinlake policy`: who may do what, as Cedar says it.

mod import;
mod prove;
mod rights;

use clap::{Args, Subcommand};

use crate::{Result, Surroundings};

pub use import::ImportFlags;
pub use prove::ProveFlags;
pub use rights::TableFault;

/// What `twinlake policy` takes.
#[derive(Debug, Args)]
pub struct PolicyFlags {
    /// What to do.
    #[command(subcommand)]
    command: PolicyCommand,
}

/// What can be done with policies.
#[derive(Debug, Subcommand)]
pub enum PolicyCommand {
    /// Says in Cedar what a table of rights says: which groups may do what with which buckets.
    Import(ImportFlags),
    /// Proves what a set of Cedar policies can never let happen, or shows a request that does.
    ///
    /// `twinlake policy prove --help` tells more. It asks a solver, cvc5, and no lake.
    #[command(disable_help_flag = true)]
    Prove(ProveFlags),
}

pub(crate) fn run(flags: PolicyFlags, surroundings: &Surroundings) -> Result<String> {
    match flags.command {
        PolicyCommand::Import(flags) => import::run(&flags),
        PolicyCommand::Prove(flags) => prove::run(&flags, surroundings),
    }
}
