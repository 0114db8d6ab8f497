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

    /// The id of root as an owner, asked of the endpoint through the suite's own client.
    pub(super) fn owner(&self, python: &Path) -> Result<String> {
        const ASK: &str = "import os, boto3; \
            s3 = boto3.client('s3', endpoint_url=os.environ['ENDPOINT'], region_name='us-east-1', verify=False); \
            print(s3.list_buckets()['Owner']['ID'])";
        let mut command = Command::new(python);
        command.args(["-W", "ignore", "-c", ASK]).env("ENDPOINT", &self.endpoint);
        command.env("AWS_ACCESS_KEY_ID", &self.keys.access_key).env("AWS_SECRET_ACCESS_KEY", &self.keys.secret_key);
        output_of(&mut command).map(|printed| printed.trim().to_owned())
    }

    /// The suite's configuration: root in every role.
    pub(super) fn configuration(&self, owner: &str) -> Result<String> {
        let wrong =
            || ChoreError::Syntax { what: self.endpoint.clone(), reason: "it is no http(s)://host:port".to_owned() };
        let (scheme, authority) = self.endpoint.split_once("://").ok_or_else(wrong)?;
        let (host, port) = authority.rsplit_once(':').ok_or_else(wrong)?;
        let is_secure = scheme == "https";
        let mut text = format!(
            "[DEFAULT]\nhost = {host}\nport = {port}\nis_secure = {is_secure}\nssl_verify = False\n\n\
             [fixtures]\nbucket prefix = tl-{{random}}-\niam name prefix = s3-tests-\niam path prefix = /s3-tests/\n"
        );
        for role in ["s3 main", "s3 alt", "s3 tenant", "iam", "iam root", "iam alt root"] {
            // Writing to a String does not fail.
            let _ = write!(
                text,
                "\n[{role}]\ndisplay_name = root\nuser_id = {owner}\nemail = root@example.com\napi_name = us-east-1\n\
                 access_key = {}\nsecret_key = {}\ntenant = root\n",
                self.keys.access_key, self.keys.secret_key
            );
        }
        Ok(text)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_suite_is_told_where_and_as_whom() {
        let keys = || Keys { access_key: "A".to_owned(), secret_key: "S".to_owned() };
        let text = Target::elsewhere("https://[::1]:9000/", keys()).configuration("O").expect("a URL");
        assert!(text.contains("host = [::1]\nport = 9000\nis_secure = true\n"), "{text}");
        assert_eq!(text.matches("user_id = O\n").count(), 6);
        assert_eq!(text.matches("access_key = A\nsecret_key = S\n").count(), 6);
        assert!(Target::elsewhere("127.0.0.1:9000", keys()).configuration("O").is_err());
    }
}
