//! Kills a server again and again and holds it to what it acknowledged. `kill_loop --help` explains.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let settings = sim::kill::Settings::parse();
    match sim::kill::run(&settings) {
        Ok(summary) => {
            println!("{summary}");
            if summary.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("kill_loop: {error}");
            ExitCode::from(2)
        }
    }
}
