//! Chores of the project: `cargo xtask tidy` keeps the house in the shape that `docs/ARCHITECTURE.md` draws, and
//! `cargo xtask s3-tests` runs the conformance suite of Ceph against a fresh server.
//!
//! Nothing here is part of what is shipped. Life in here is short: a chore runs, says what it found, and ends with 0 if
//! that was nothing.

#![expect(clippy::disallowed_methods, reason = "a chore reads the checkout and the environment and runs programs")]

mod house;
mod s3_tests;
mod tidy;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use clap::{Parser, Subcommand};

/// Why a chore cannot be done at all.
#[derive(Debug, thiserror::Error)]
enum ChoreError {
    /// A file cannot be read or written.
    #[error("`{}`", path.display())]
    File {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    /// A program cannot be run, or failed.
    #[error("`{program}` {outcome}")]
    Program { program: String, outcome: String },
    /// Something is not written as expected.
    #[error("{what} is not understood: {reason}")]
    Syntax { what: String, reason: String },
    /// What the chore found.
    #[error("{0}")]
    Found(String),
}

type Result<T> = std::result::Result<T, ChoreError>;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Chores of the project.", disable_help_subcommand = true)]
struct Flags {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Compares the checkout with the rules of docs/ARCHITECTURE.md.
    Tidy,
    /// Runs ceph/s3-tests and compares what passes with docs/s3-tests-passing.txt.
    S3Tests(s3_tests::S3TestsFlags),
}

fn main() -> ExitCode {
    let done = match Flags::parse().chore {
        Chore::Tidy => root().and_then(|root| tidy::run(&root)),
        Chore::S3Tests(flags) => root().and_then(|root| s3_tests::run(&root, &flags)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let mut text = error.to_string();
            let mut cause = std::error::Error::source(&error);
            while let Some(error) = cause {
                text.push_str(&format!(": {error}"));
                cause = error.source();
            }
            eprintln!("{text}");
            ExitCode::FAILURE
        }
    }
}

/// The checkout that one stands in. Not the one this program was built from: checkouts may share a target directory.
fn root() -> Result<PathBuf> {
    let root = output_of(Command::new("git").args(["rev-parse", "--show-toplevel"]))?;
    Ok(PathBuf::from(root.trim_end()))
}

/// A file's text.
fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).map_err(|source| ChoreError::File { path: path.to_owned(), source })
}

/// Runs a program to its end and gives what it printed.
fn output_of(command: &mut Command) -> Result<String> {
    let program = format!("{} …", command.get_program().display());
    let failed = |outcome: String| ChoreError::Program { program: program.clone(), outcome };
    let output = command.output().map_err(|error| failed(format!("cannot be run: {error}")))?;
    if !output.status.success() {
        return Err(failed(format!("failed: {}", String::from_utf8_lossy(&output.stderr).trim())));
    }
    String::from_utf8(output.stdout).map_err(|error| failed(format!("printed no UTF-8: {error}")))
}
