//! A short slice of the kill loop against the real server, and the proof that the loop would notice.
//!
//! `TWINLAKE_BINARY` names the server's program, `TWINLAKE_TESTING_BINARY` one built with the feature `testing`, which may
//! be the same. Where a variable is not set the tests that need it say so and pass; where it is set and wrong they fail.

use std::path::PathBuf;

use sim::kill::{KillError, Mutation, Settings, Summary, run};

#[expect(clippy::disallowed_methods, reason = "whoever starts the test says what it kills")]
fn program(variable: &str) -> Option<PathBuf> {
    let Some(path) = std::env::var_os(variable).map(PathBuf::from) else {
        println!("{variable} is not set: nothing to kill");
        return None;
    };
    assert!(path.is_file(), "{variable} names `{}`, which is no program", path.display());
    Some(path)
}

fn settings(binary: PathBuf, dir: &tempfile::TempDir) -> Settings {
    Settings {
        binary,
        dir: dir.path().join("run"),
        seed: 11,
        kills: 10,
        seconds_max: 1.0,
        fail_points: false,
        mutate: None,
    }
}

fn directory() -> tempfile::TempDir {
    tempfile::tempdir().expect("a directory")
}

fn clean(summary: Result<Summary, KillError>) -> Summary {
    let summary = summary.unwrap_or_else(|error| panic!("{error}"));
    println!("{summary}");
    assert!(summary.is_clean(), "{summary}");
    assert!(summary.acknowledged() > 100, "too little happened: {summary}");
    summary
}

#[test]
fn nothing_acknowledged_is_lost_when_the_server_is_killed() {
    let Some(binary) = program("TWINLAKE_BINARY") else { return };
    let dir = directory();
    assert_eq!(clean(run(&settings(binary, &dir))).kills(), 10);
}

#[test]
fn nothing_acknowledged_is_lost_at_any_fail_point() {
    let Some(binary) = program("TWINLAKE_TESTING_BINARY") else { return };
    let dir = directory();
    let points = kernel::fail_point::POINTS;
    let settings = Settings { fail_points: true, kills: points.len() as u32 * 2, ..settings(binary, &dir) };
    let summary = clean(run(&settings));
    assert_eq!(summary.points().len(), points.len(), "{summary}");
}

#[test]
fn the_loop_notices_what_it_is_there_for() {
    let Some(binary) = program("TWINLAKE_BINARY") else { return };
    for mutation in [Mutation::DropLedgerEntry, Mutation::PhantomAcknowledgement, Mutation::OlderCopy] {
        let dir = directory();
        let settings =
            Settings { mutate: Some(mutation), kills: 6, seconds_max: 0.5, ..settings(binary.clone(), &dir) };
        match run(&settings) {
            Ok(summary) => assert!(!summary.is_clean(), "{mutation:?} went unnoticed: {summary}"),
            // A server that refuses to start on what it finds has noticed, too.
            Err(KillError::DoesNotStart(_)) => assert_eq!(mutation, Mutation::OlderCopy),
            Err(error) => panic!("{mutation:?}: {error}"),
        }
    }
}
