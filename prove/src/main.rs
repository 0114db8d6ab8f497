//! The program `twinlake-prove`: what a set of policies can never let happen, whatever the lake holds.
//!
//! Life in here is asking a solver. Policies are read and validated as the lake would ([`input`]), a theorem is said in
//! Cedar ([`theorem`]), and for every kind of request there is, cvc5 is asked for one that the policies allow and the
//! theorem does not ([`proof`]). There is none: it is proved. There is one: it is shown ([`counterexample`]).
//!
//! Cedar's symbolic compiler and a solver are heavy, so they stand in a program of their own, which no server runs.

mod counterexample;
mod input;
mod proof;
mod theorem;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};

use input::PolicyText;
use proof::{Finding, Report, Verdict};
use theorem::Property;

/// Proves what a set of Cedar policies can never let happen, or shows a request that does.
///
/// Ends with 0 when everything was proved, 1 when there is a counterexample, 2 when the command line or a policy is wrong
/// or there is no solver, 3 when the solver could not decide.
///
/// The solver is cvc5: the program that the variable CVC5 names, or `cvc5` on the path (Debian: apt-get install cvc5).
#[derive(Debug, Parser)]
#[command(name = "twinlake-prove", bin_name = "twinlake policy prove", version)]
struct Flags {
    /// Files of Cedar policies, taken together as one set
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The set to compare with: adds the theorem that the new set allows nothing more. May be given more than once
    #[arg(long, value_name = "FILE")]
    against: Vec<PathBuf>,
    /// Only this theorem; may be given more than once [default: all]
    #[arg(long = "property", value_name = "NAME", value_enum)]
    properties: Vec<Property>,
    /// Leaves out the policies that hold in every lake, such as its embargo: what is proved then, the files say themselves
    #[arg(long)]
    alone: bool,
    /// How the findings are printed
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
    /// Seconds that the solver may think about one kind of request
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=3600))]
    timeout_seconds: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// Why nothing was found out.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Input(#[from] input::InputError),
    #[error(transparent)]
    Proof(#[from] proof::ProofError),
    #[error("`not-wider` compares with an older set: name it by `--against`")]
    NothingToCompare,
    #[error("the solver's thread cannot be started")]
    Thread(#[source] io::Error),
    #[error("the solver's thread broke off")]
    BrokenOff,
    #[error("the findings cannot be printed")]
    Print(#[source] io::Error),
}

fn main() -> ExitCode {
    match run(&Flags::parse()) {
        Ok(Verdict::Proved) => ExitCode::SUCCESS,
        Ok(Verdict::Refuted) => ExitCode::from(1),
        Ok(Verdict::Undecided) => ExitCode::from(3),
        Err(failure) => {
            let mut text = failure.to_string();
            let mut cause = std::error::Error::source(&failure);
            while let Some(error) = cause {
                text.push_str(": ");
                text.push_str(&error.to_string());
                cause = error.source();
            }
            eprintln!("twinlake-prove: {text}");
            ExitCode::from(2)
        }
    }
}

fn run(flags: &Flags) -> Result<Verdict, Failure> {
    if flags.against.is_empty() && flags.properties.contains(&Property::NotWider) {
        return Err(Failure::NothingToCompare);
    }
    let new = PolicyText::read(&flags.files, flags.alone)?;
    let old = if flags.against.is_empty() { None } else { Some(PolicyText::read(&flags.against, flags.alone)?) };
    let all = Property::value_variants().iter().copied().filter(|one| old.is_some() || *one != Property::NotWider);
    let properties: Vec<Property> =
        all.filter(|one| flags.properties.is_empty() || flags.properties.contains(one)).collect();
    let report = on_a_large_stack(|| proof::prove(&new, old.as_ref(), &properties, flags.timeout_seconds))??;
    let text = match flags.output {
        Output::Text => in_words(&report),
        Output::Json => report.to_json(),
    };
    match io::stdout().write_all(text.as_bytes()) {
        // Whoever reads no further has what it wanted.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => return Err(Failure::Print(error)),
        _ => {}
    }
    Ok(report.verdict())
}

/// Bytes of the stack that terms are walked on: they nest as deeply as a set has policies. Only what is used is taken.
const STACK_BYTES: usize = 1 << 30;

fn on_a_large_stack<T: Send>(work: impl FnOnce() -> T + Send) -> Result<T, Failure> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, work);
        thread.map_err(Failure::Thread)?.join().map_err(|_| Failure::BrokenOff)
    })
}

fn in_words(report: &Report) -> String {
    let mut text = String::new();
    for Finding { property, verdict, kinds, counterexample, doubt } in &report.findings {
        let said = match verdict {
            Verdict::Proved => "proved",
            Verdict::Refuted => "NOT TRUE",
            Verdict::Undecided => "undecided",
        };
        text.push_str(&format!(
            "{said:<10} {}: {} ({kinds} {})\n",
            property.name(),
            property.statement(),
            if *kinds == 1 { "kind of request" } else { "kinds of request" }
        ));
        if let Some(doubt) = doubt {
            text.push_str(&format!("           {doubt}\n"));
        }
        if let Some(counterexample) = counterexample {
            text.push_str(&counterexample.in_words());
        }
    }
    for assumption in &report.assumptions {
        text.push_str(&format!("assumed: {assumption}\n"));
    }
    text
}
