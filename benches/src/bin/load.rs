//! Loads an S3 endpoint and says what each request cost. `load --help` explains; `docs/performance.md` shows results.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    match benches::load::run(&benches::load::Settings::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("load: {error}");
            ExitCode::FAILURE
        }
    }
}
