//! The server under test, and what the suite is told of it.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde::Deserialize;

use crate::{ChoreError, Result, output_of, read};

/// Root's keys, as `root-credentials.json` holds them.
#[derive(Deserialize)]
pub(super) struct Keys {
    access_key: String,
    secret_key: String,
}

impl Keys {
    pub(super) fn read(path: &Path) -> Result<Self> {
        let wrong = |_| ChoreError::Syntax { what: path.display().to_string(), reason: "it lacks a key".to_owned() };
        serde_json::from_str(&read(path)?).map_err(wrong)
    }
}

/// Whom the suite knows.
const ROLES: [&str; 6] = ["s3 main", "s3 alt", "s3 tenant", "iam", "iam root", "iam alt root"];

/// An account as `twinlake account create` tells it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Made {
    account: String,
    name: String,
    canonical_id: String,
    root_key: RootKey,
}

/// The keys of its root.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RootKey {
    access_key: String,
    secret_key: String,
}

/// An endpoint that the suite is run against.
pub(super) struct Target {
    endpoint: String,
    keys: Keys,
    running: Option<Running>,
}

/// A server of our own; it ends with the chore, whatever becomes of that.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Target {
    pub(super) fn elsewhere(endpoint: &str, keys: Keys) -> Self {
        Self { endpoint: endpoint.trim_end_matches('/').to_owned(), keys, running: None }
    }

    /// Starts the program on a new directory below `scratch`, its log beside it, and waits until it listens.
    pub(super) fn start(binary: &Path, scratch: &Path) -> Result<Self> {
        let program = binary.display().to_string();
        let failed = |outcome: String| ChoreError::Program { program: program.clone(), outcome };
        let (directory, log) = (scratch.join("lake"), scratch.join("server.log"));
        let stderr = std::fs::File::create(&log).map_err(|error| failed(format!("has no log: {error}")))?;
        let mut command = Command::new(binary);
        command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(&directory);
        for name in ["TWINLAKE_ROOT_ACCESS_KEY", "TWINLAKE_ROOT_SECRET_KEY", "TWINLAKE_CONFIG"] {
            command.env_remove(name);
        }
        let child = command.stdout(Stdio::piped()).stderr(stderr).spawn();
        let mut running = Running(child.map_err(|error| failed(format!("cannot be run: {error}")))?);
        let stdout = running.0.stdout.take().into_iter().flat_map(|stdout| BufReader::new(stdout).lines());
        let mut lines = stdout.map_while(std::result::Result::ok);
        let endpoint = lines.find_map(|line| Some(line.strip_prefix("listening on ")?.trim().to_owned()));
        let Some(endpoint) = endpoint else {
            return Err(failed(format!("ended before it listened:\n{}", read(&log).unwrap_or_default())));
        };
        let keys = Keys::read(&directory.join("root-credentials.json"))?;
        Ok(Self { endpoint, keys, running: Some(running) })
    }

    pub(super) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Makes an account, as an operator would.
    fn account(&self, program: &Path, role: &str) -> Result<Made> {
        let mut command = Command::new(program);
        // Names are unique, also where the suite was run before.
        let name = format!("{}-{}", role.replace(' ', "-"), std::process::id());
        command.args(["account", "create", &name, "--output", "json", "--endpoint", &self.endpoint]);
        command.env("TWINLAKE_ACCESS_KEY", &self.keys.access_key).env("TWINLAKE_SECRET_KEY", &self.keys.secret_key);
        let wrong = |error: serde_json::Error| ChoreError::Syntax { what: name.clone(), reason: error.to_string() };
        serde_json::from_str(&output_of(&mut command)?).map_err(wrong)
    }

    /// The suite's configuration: each of its roles is the root of an account of its own.
    pub(super) fn configuration(&self, program: &Path) -> Result<String> {
        let made = ROLES.iter().map(|role| Ok((*role, self.account(program, role)?)));
        configuration(&self.endpoint, &made.collect::<Result<Vec<_>>>()?)
    }

    /// Fails if the server did not live to the end of the run.
    pub(super) fn stop(self) -> Result<()> {
        let Some(mut running) = self.running else { return Ok(()) };
        match running.0.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => Err(ChoreError::Found(format!("s3-tests: the server died during the run: {status}"))),
            Err(error) => Err(ChoreError::Found(format!("s3-tests: the server cannot be asked how it is: {error}"))),
        }
    }
}

fn configuration(endpoint: &str, accounts: &[(&str, Made)]) -> Result<String> {
    let wrong = || ChoreError::Syntax { what: endpoint.to_owned(), reason: "it is no http(s)://host:port".to_owned() };
    let (scheme, authority) = endpoint.split_once("://").ok_or_else(wrong)?;
    let (host, port) = authority.rsplit_once(':').ok_or_else(wrong)?;
    let is_secure = scheme == "https";
    let mut text = format!(
        "[DEFAULT]\nhost = {host}\nport = {port}\nis_secure = {is_secure}\nssl_verify = False\n\n\
         [fixtures]\nbucket prefix = tl-{{random}}-\niam name prefix = s3-tests-\niam path prefix = /s3-tests/\n"
    );
    for (role, Made { account, name, canonical_id, root_key }) in accounts {
        // Where the suite asks IAM and STS, it wants to hear IAM's id.
        let id = if role.starts_with("iam") { account } else { canonical_id };
        // Writing to a String does not fail.
        let _ = write!(
            text,
            "\n[{role}]\ndisplay_name = {name}\nuser_id = {id}\nemail = {name}@example.com\n\
             api_name = us-east-1\naccess_key = {}\nsecret_key = {}\ntenant = {account}\n",
            root_key.access_key, root_key.secret_key
        );
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_suite_is_told_where_and_as_whom() {
        let made = |name: &str| Made {
            account: "123456789012".to_owned(),
            name: name.to_owned(),
            canonical_id: "C".to_owned(),
            root_key: RootKey { access_key: "A".to_owned(), secret_key: "S".to_owned() },
        };
        let accounts = ROLES.map(|role| (role, made(role)));
        let text = configuration("https://[::1]:9000", &accounts).expect("a URL");
        assert!(text.contains("host = [::1]\nport = 9000\nis_secure = true\n"), "{text}");
        assert_eq!(text.matches("user_id = C\n").count(), 3);
        assert_eq!(text.matches("user_id = 123456789012\n").count(), 3);
        assert_eq!(text.matches("access_key = A\nsecret_key = S\n").count(), 6);
        assert!(configuration("127.0.0.1:9000", &[]).is_err());
    }
}
