//! The server as a process.

#![expect(clippy::disallowed_methods, reason = "this file owns the process under test and its directory")]

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::sync::oneshot;

use super::{KillError, Settings, now};

/// The root's access key in this run.
pub(super) const ACCESS_KEY: &str = "KILLLOOPACCESSKEY000";
/// The root's secret key in this run.
pub(super) const SECRET_KEY: &str = "kill-loop-secret-key-kill-loop-secret-key";
/// How often a process that should end is looked at.
const LOOK: Duration = Duration::from_millis(5);

/// A server that runs, or ran.
pub(super) struct Server {
    child: Child,
    log: PathBuf,
    endpoint: String,
    listening: Option<oneshot::Receiver<String>>,
    signal: Option<i32>,
    killed: bool,
}

fn machine(what: &Path) -> impl FnOnce(std::io::Error) -> KillError {
    move |error| KillError::Machine(what.display().to_string(), error)
}

/// The data directory within the run's directory.
pub(super) fn data(dir: &Path) -> PathBuf {
    dir.join("data")
}

/// Makes the run's directory, which must be new or empty: an older run's data would not match the ledger.
pub(super) fn make_directory(dir: &Path) -> Result<(), KillError> {
    fs::create_dir_all(dir).map_err(machine(dir))?;
    let mut entries = fs::read_dir(dir).map_err(machine(dir))?;
    if entries.next().is_some() {
        return Err(machine(dir)(std::io::ErrorKind::DirectoryNotEmpty.into()));
    }
    Ok(())
}

/// Copies a directory with all it holds.
pub(super) fn copy_directory(from: &Path, to: &Path) -> Result<(), KillError> {
    fs::create_dir_all(to).map_err(machine(to))?;
    for entry in fs::read_dir(from).map_err(machine(from))? {
        let entry = entry.map_err(machine(from))?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if source.is_dir() {
            copy_directory(&source, &target)?;
        } else {
            fs::copy(&source, &target).map_err(machine(&source))?;
        }
    }
    Ok(())
}

/// Puts a copy in the place of a directory.
pub(super) fn replace_directory(from: &Path, to: &Path) -> Result<(), KillError> {
    fs::remove_dir_all(to).map_err(machine(to))?;
    copy_directory(from, to)
}

impl Server {
    /// Starts a process. `armed` is a fail point and the pass at which the process ends there.
    pub(super) fn spawn(settings: &Settings, armed: Option<(&str, u64)>) -> Result<Self, KillError> {
        let log = settings.dir.join("server.log");
        let mut open = OpenOptions::new();
        let file: File = open.create(true).append(true).open(&log).map_err(machine(&log))?;
        let mut command = Command::new(&settings.binary);
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(data(&settings.dir))
            .env("TWINLAKE_ROOT_ACCESS_KEY", ACCESS_KEY)
            .env("TWINLAKE_ROOT_SECRET_KEY", SECRET_KEY)
            .env("TWINLAKE_LOG_LEVEL", "warn")
            .env_remove("TWINLAKE_FAIL_POINT")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(file);
        if let Some((point, pass)) = armed {
            command.env("TWINLAKE_FAIL_POINT", format!("{point}:{pass}"));
        }
        let mut child = command.spawn().map_err(machine(&settings.binary))?;
        let (found, listening) = oneshot::channel();
        if let Some(stdout) = child.stdout.take() {
            // Reads on after the line it waits for, so that the server never blocks on a full pipe; ends with the server.
            std::thread::spawn(move || {
                let mut found = Some(found);
                for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                    let endpoint = line.split_once("listening on ").map(|(_, endpoint)| endpoint.trim().to_owned());
                    if let Some((endpoint, found)) = endpoint.and_then(|endpoint| Some((endpoint, found.take()?))) {
                        // Nobody waits any more: the loop killed the server meanwhile.
                        let _ = found.send(endpoint);
                    }
                }
            });
        }
        Ok(Self { child, log, endpoint: String::new(), listening: Some(listening), signal: None, killed: false })
    }

    /// Waits until it listens; `false` when it ended or took too long.
    pub(super) async fn listen(&mut self, patience: Duration) -> bool {
        let Some(listening) = self.listening.take() else {
            return false;
        };
        match tokio::time::timeout(patience, listening).await {
            Ok(Ok(endpoint)) => {
                self.endpoint = endpoint;
                true
            }
            Ok(Err(_)) => {
                self.waited(patience).await;
                false
            }
            Err(_) => false,
        }
    }

    /// `http://host:port`
    pub(super) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Waits for the process to end by itself; `false` when it does not.
    pub(super) async fn waited(&mut self, patience: Duration) -> bool {
        let started = now();
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => {
                    self.signal = status.signal();
                    return true;
                }
                Ok(None) if started.elapsed() < patience => tokio::time::sleep(LOOK).await,
                _ => return false,
            }
        }
    }

    /// Whether it was ended by a signal that was not ours: an armed fail point aborts.
    pub(super) fn died_by_itself(&self) -> bool {
        !self.killed && self.signal.is_some()
    }

    /// `kill -9`, unless it is dead already, and waits for the end.
    pub(super) fn kill(&mut self) -> Result<(), KillError> {
        let ended = self.child.try_wait().map_err(machine(&self.log))?;
        if let Some(status) = ended {
            self.signal = status.signal();
            return Ok(());
        }
        self.killed = true;
        self.child.kill().map_err(machine(&self.log))?;
        self.child.wait().map(drop).map_err(machine(&self.log))
    }

    /// The last lines of its log.
    pub(super) fn log_end(&self) -> String {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(5)..].join("\n")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Best effort on the way out of an error: no server outlives the loop.
        let _ = self.kill();
    }
}
