//! `cargo xtask s3-tests`: the conformance suite of Ceph against a fresh server, and a list by name of what passes.
//!
//! The suite is never part of the project: its path is given (`git clone https://github.com/ceph/s3-tests`). One server
//! on a temporary directory serves the whole run; everybody whom the suite knows is an account of its own. A name in
//! `docs/s3-tests-passing.txt` that stops passing fails the chore; `--update` writes the list anew.

mod report;
mod server;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::Args;

use report::Report;
use server::{Keys, Target};

use crate::{ChoreError, Result, output_of, read};

/// What the suite tests of S3 itself, and no extension of Ceph's.
const SELECTION: &str = "not fails_on_aws and not bucket_logging and not bucket_logging_cleanup and not appendobject \
                         and not cloud_transition and not cloud_restore and not s3website";
const TESTS: [&str; 4] = [
    "s3tests/functional/test_s3.py",
    "s3tests/functional/test_headers.py",
    "s3tests/functional/test_iam.py",
    "s3tests/functional/test_sts.py",
];
const PASSING: &str = "docs/s3-tests-passing.txt";

#[derive(Args)]
pub(crate) struct S3TestsFlags {
    /// The checkout of ceph/s3-tests.
    #[arg(long, value_name = "DIR")]
    suite: PathBuf,
    /// Test this endpoint instead of a fresh server.
    #[arg(long, value_name = "URL", requires = "credentials")]
    endpoint: Option<String>,
    /// Its root keys: a file like `root-credentials.json`.
    #[arg(long, value_name = "FILE", requires = "endpoint")]
    credentials: Option<PathBuf>,
    /// The program, instead of the one that was built beside this one.
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
    /// Write down what passes, instead of comparing with it.
    #[arg(long)]
    update: bool,
    /// Only the tests that pytest's `-k` finds for this expression. Nothing is compared or written down.
    #[arg(long, value_name = "EXPRESSION", conflicts_with = "update")]
    only: Option<String>,
}

/// Runs the suite and judges what passed.
pub(crate) fn run(root: &Path, flags: &S3TestsFlags) -> Result<()> {
    let python = environment(&flags.suite)?;
    let scratch = tempfile::tempdir().map_err(|source| file_error(&std::env::temp_dir(), source))?;
    let program = flags.binary.clone().map_or_else(built, Ok)?;
    let target = match (&flags.endpoint, &flags.credentials) {
        (Some(endpoint), Some(credentials)) => Target::elsewhere(endpoint, Keys::read(credentials)?),
        _ => Target::start(&program, scratch.path())?,
    };
    println!("s3-tests: against {}", target.endpoint());
    let configuration = scratch.path().join("s3tests.conf");
    write(&configuration, &target.configuration(&program)?)?;
    let report = pytest(&python, &flags.suite, &configuration, flags.only.as_deref())?;
    target.stop()?;
    println!("s3-tests: {report}");
    if flags.only.is_some() {
        return Ok(());
    }
    let list = root.join(PASSING);
    if flags.update {
        write(&list, &written_down(report.passing()))?;
        println!("s3-tests: {} names in {PASSING}", report.passing().len());
        return Ok(());
    }
    compare(&read(&list)?, report.passing())
}

/// The list as it is committed: one name a line, sorted.
fn written_down(passing: &BTreeSet<String>) -> String {
    let header = format!(
        "# Functions of {} (ceph/s3-tests) that pass, those of the first file without its name; written by \
         `cargo xtask s3-tests --update`.\n",
        TESTS.join(" and ")
    );
    passing.iter().fold(header, |list, name| list + name + "\n")
}

fn compare(list: &str, passing: &BTreeSet<String>) -> Result<()> {
    let listed: BTreeSet<&str> = list.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    let lost: Vec<_> = listed.iter().filter(|name| !passing.contains(**name)).collect();
    let won = passing.iter().filter(|name| !listed.contains(name.as_str())).count();
    if won > 0 {
        println!("s3-tests: {won} functions pass that are not in {PASSING}; `--update` writes them down");
    }
    if lost.is_empty() {
        println!("s3-tests: all {} functions of {PASSING} pass", listed.len());
        return Ok(());
    }
    for name in &lost {
        println!("no longer passes: {name}");
    }
    Err(ChoreError::Found(format!("s3-tests: {} functions of {PASSING} no longer pass", lost.len())))
}

/// Runs the selection, showing what pytest says as it says it.
fn pytest(python: &Path, suite: &Path, configuration: &Path, only: Option<&str>) -> Result<Report> {
    let mut command = Command::new(python);
    command.current_dir(suite).env("S3TEST_CONF", configuration).stdout(Stdio::piped());
    // Wide enough for the reason of a failure beside its name.
    command.env("COLUMNS", "240");
    // `-r` names the outcome of every case at the end; `--timeout` keeps one case from hanging the run.
    command.args(["-m", "pytest", "-p", "no:cacheprovider", "-q", "-rfEsxXp", "--tb=no", "--timeout=300"]);
    command.args(["--disable-warnings", "-m", SELECTION]).args(TESTS);
    if let Some(expression) = only {
        command.args(["-k", expression]);
    }
    let failed = |outcome: String| ChoreError::Program { program: "pytest".into(), outcome };
    let mut running = command.spawn().map_err(|error| failed(format!("cannot be run: {error}")))?;
    let mut report = Report::default();
    if let Some(stdout) = running.stdout.take() {
        for line in BufReader::new(stdout).lines() {
            let line = line.map_err(|error| failed(format!("printed no UTF-8: {error}")))?;
            // Who wants to know what passed finds it in the list.
            if !report.take(&line) || line.starts_with("FAILED") || line.starts_with("ERROR") {
                println!("{line}");
            }
        }
    }
    let status = running.wait().map_err(|error| failed(format!("cannot be waited for: {error}")))?;
    // 0: everything passed, 1: something did not. Anything else is no result.
    match status.code() {
        Some(0 | 1) if report.cases() > 0 => Ok(report),
        _ => Err(failed(format!("gave no result: {status}"))),
    }
}

/// A Python with what the suite needs, made once per list of requirements.
fn environment(suite: &Path) -> Result<PathBuf> {
    let requirements = suite.join("requirements.txt");
    let needed = read(&requirements)?;
    let folder = cache().join("s3-tests-venv");
    let (python, installed) = (folder.join("bin/python"), folder.join("installed.txt"));
    if read(&installed).is_ok_and(|installed| installed == needed) {
        return Ok(python);
    }
    println!("s3-tests: installing the suite's requirements in {}", folder.display());
    output_of(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
    // tox is how the suite's authors run it; we run pytest ourselves.
    output_of(
        Command::new(&python).args(["-m", "pip", "install", "--quiet", "pytest-timeout", "-r"]).arg(&requirements),
    )?;
    write(&installed, &needed)?;
    Ok(python)
}

/// Where `./run` and `./test` keep what they made.
fn cache() -> PathBuf {
    let named = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = named.or_else(|| std::env::home_dir().map(|home| home.join(".cache")));
    cache.unwrap_or_else(std::env::temp_dir).join("twinlake")
}

/// The program that was built with this one, or else by `./run`.
fn built() -> Result<PathBuf> {
    let own = std::env::current_exe().map_err(|source| file_error(Path::new("xtask"), source))?;
    let places = [own.with_file_name("twinlake"), cache().join("target/release/twinlake")];
    let found = places.into_iter().find(|binary| binary.exists());
    found.ok_or_else(|| ChoreError::Found("twinlake is not built yet: ./run or ./test build it".to_owned()))
}

fn write(path: &Path, text: &str) -> Result<()> {
    let mut file = std::fs::File::create(path).map_err(|source| file_error(path, source))?;
    file.write_all(text.as_bytes()).map_err(|source| file_error(path, source))
}

fn file_error(path: &Path, source: std::io::Error) -> ChoreError {
    ChoreError::File { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_the_list_that_no_longer_passes_fails_and_a_new_one_does_not() {
        let passing: BTreeSet<String> = ["test_a", "test_b"].map(str::to_owned).into();
        let list = written_down(&passing);
        assert!(list.ends_with("\ntest_a\ntest_b\n"));
        compare(&list, &passing).expect("the same");
        compare("test_a\n", &passing).expect("one more");
        let lost = compare(&(list + "test_c\n"), &passing).expect_err("one less");
        assert!(lost.to_string().contains("1 functions"), "{lost}");
    }
}
