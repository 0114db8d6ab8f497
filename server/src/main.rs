//! The program `twinlake`.
//!
//! Life in here is wiring: settings are read and checked ([`configuration`]), the data directory is locked and judged
//! ([`directory`]), the parts of the lake are put together and served until a signal comes ([`serve`]). What needs no
//! server lies in [`offline`], what needs one that runs somewhere in the crate `cli`. The real clock, the real randomness and the environment come in through [`ambient`] and
//! nowhere else.

mod ambient;
mod configuration;
mod directory;
mod flags;
mod logging;
mod logins;
mod metrics;
mod offline;
mod serve;

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{CommandFactory, Parser};

use ambient::{MachineClock, MachineEntropy};
use configuration::{ConfigurationError, Raw, Settings};
use flags::{Command, DemoCommand, Flags, ServeFlags};

fn main() -> ExitCode {
    match run(Flags::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("twinlake: {}", with_causes(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<(), Box<dyn Error>> {
    match command {
        Command::Serve(flags) => {
            let raw = read_configuration(&flags)?;
            let settings = Settings::check(&raw)?;
            logging::start(settings.log_format, settings.log_level);
            for variable in &raw.unknown_variables {
                tracing::warn!("the environment variable `{variable}` is no setting and has no effect");
            }
            serve::run(settings)?;
        }
        Command::Admin(command) => administer(command)?,
        Command::Demo { command: DemoCommand::Generate { demo, out } } => offline::demo::generate(&demo.into(), &out)?,
        Command::Settings => {
            let head = "| key in the file | variable | default | allowed | meaning |\n|---|---|---|---|---|\n";
            write!(io::stdout(), "{head}{}", configuration::rows())?;
        }
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Flags::command(), "twinlake", &mut io::stdout());
        }
        Command::Version => writeln!(io::stdout(), "twinlake {}", env!("CARGO_PKG_VERSION"))?,
    }
    Ok(())
}

/// Does an admin command over HTTP; nothing of a lake is opened here.
fn administer(command: cli::AdminCommand) -> Result<(), Box<dyn Error>> {
    ambient::choose_tls_provider();
    let surroundings = cli::Surroundings {
        environment: ambient::variables(&cli::VARIABLES),
        clock: Arc::new(MachineClock::new(&MachineEntropy::new())),
        program: ambient::program(),
        judge_policies: offline::policies::judge,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(cli::run(command, &surroundings, &mut io::stdout()))?)
}

/// Flags over environment over file.
fn read_configuration(flags: &ServeFlags) -> Result<Raw, ConfigurationError> {
    let environment = ambient::environment();
    let named = environment.iter().find(|(name, path)| name == "TWINLAKE_CONFIG" && !path.is_empty());
    let path = flags.config.clone().or_else(|| named.map(|(_, path)| path.into()));
    let file = match path {
        Some(path) => match ambient::read_text(&path) {
            Ok(text) => Some((path, text)),
            Err(source) => return Err(ConfigurationError::Unreadable { path, source }),
        },
        None => None,
    };
    let file = file.as_ref().map(|(path, text)| (path.as_path(), text.as_str()));
    Raw::merge(flags.settings(), environment, file)
}

/// An error and what it came from, on one line.
fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
