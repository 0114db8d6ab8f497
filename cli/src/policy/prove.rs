//! `twinlake policy prove` becomes the program `twinlake-prove`: a symbolic compiler is nothing that a server carries
//! along.

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use clap::Args;

use crate::{CliError, Result, Surroundings};

/// The program, beside this one.
const PROGRAM: &str = "twinlake-prove";

/// What `twinlake policy prove` takes: what `twinlake-prove` does.
#[derive(Debug, Args)]
pub struct ProveFlags {
    /// FILE… [--against FILE] [--property NAME] [--output text|json] [--timeout-seconds SECONDS]
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENT")]
    arguments: Vec<OsString>,
}

/// Returns only where the program cannot be started.
pub(crate) fn run(flags: &ProveFlags, surroundings: &Surroundings) -> Result<String> {
    let program = match surroundings.program.as_deref() {
        Some(this) => this.with_file_name(PROGRAM),
        None => PROGRAM.into(),
    };
    let source = Command::new(&program).args(&flags.arguments).exec();
    Err(CliError::Program { program, source })
}
