//! The program from outside: how it starts, what it refuses, how it ends.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, SystemTime};

use fixtures::s3_client::{Credentials, Signer, ToSign, amz_date};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// The program with nothing of this process's settings.
fn twinlake() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_twinlake"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("TWINLAKE_")) {
        command.env_remove(name);
    }
    command
}

fn serve(directory: &Path) -> Command {
    let mut command = twinlake();
    command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(directory);
    command
}

/// A server that listens. It is killed when dropped.
struct Running {
    child: Child,
    address: String,
    /// What it said before it listened.
    said: String,
}

impl Running {
    fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("started");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let mut said = String::new();
        let address = lines.find_map(|line| {
            let line = line.expect("text");
            said.push_str(&format!("{line}\n"));
            Some(line.strip_prefix("listening on http://")?.to_owned())
        });
        Self { child, address: address.expect("listening"), said }
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("signalled");
    }

    fn end(&mut self) -> ExitStatus {
        self.child.wait().expect("waited")
    }

    /// The answer to a request without a body.
    fn ask(&self, path: &str, header: &str) -> String {
        answer(self.send(&format!("GET {path} HTTP/1.1\r\nhost: {}\r\n{header}", self.address)))
    }

    /// Sends a request's head and ends it.
    fn send(&self, head: &str) -> TcpStream {
        let mut stream = TcpStream::connect(&self.address).expect("connected");
        stream.set_read_timeout(Some(Duration::from_secs(10))).expect("set");
        stream.write_all(format!("{head}connection: close\r\n\r\n").as_bytes()).expect("sent");
        stream
    }

    /// Sends the head of a PUT, signed with the keys of the directory.
    fn put(&self, directory: &Path, path: &str, bytes: usize) -> TcpStream {
        const PAYLOAD: &str = "UNSIGNED-PAYLOAD";
        let keys = std::fs::read(directory.join("root-credentials.json")).expect("keys");
        let keys: serde_json::Value = serde_json::from_slice(&keys).expect("json");
        let key = |name: &str| keys[name].as_str().expect("text").to_owned();
        let credentials = Credentials { access_key: key("access_key"), secret_key: key("secret_key") };
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
        let time = amz_date(now.as_secs());
        let headers = [("host", self.address.as_str()), ("x-amz-content-sha256", PAYLOAD), ("x-amz-date", &time)];
        let to_sign =
            ToSign { method: "PUT", path, query: "", headers: &headers, payload_sha256: PAYLOAD, time: &time };
        let authorization = Signer::new(credentials, "us-east-1").authorization(&to_sign);
        let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        self.send(&format!(
            "PUT {path} HTTP/1.1\r\n{headers}authorization: {authorization}\r\ncontent-length: {bytes}\r\n"
        ))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn answer(mut stream: TcpStream) -> String {
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("answered");
    answer
}

fn refused(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1));
    String::from_utf8(output.stderr.clone()).expect("text")
}

fn temporary() -> TempDir {
    TempDir::new().expect("a temporary directory")
}

#[test]
fn it_serves_until_it_is_asked_to_go_and_comes_back_to_the_same_lake() {
    let directory = temporary();
    let data = directory.path().join("data");
    let marker = || std::fs::read_to_string(data.join("twinlake.json")).expect("a marker");
    let mut first = Running::start(&mut serve(&data));
    assert!(first.said.contains("secret key"), "{}", first.said);
    assert!(first.ask("/_lake/health/ready", "").starts_with("HTTP/1.1 200 "));
    assert!(!first.ask("/_lake/metrics", "").contains("twinlake_commits"), "metrics without the token");
    let token = std::fs::read_to_string(data.join("metrics-token")).expect("a token");
    let metrics = first.ask("/_lake/metrics", &format!("authorization: Bearer {}\r\n", token.trim()));
    for name in ["twinlake_commits_total ", "twinlake_requests_open 1", "twinlake_commit_group_size_bucket", "# EOF"] {
        assert!(metrics.contains(name), "{name} is not in {metrics}");
    }
    let lake = marker();
    first.signal(Signal::TERM);
    assert_eq!(first.end().code(), Some(0));

    let mut second = Running::start(&mut serve(&data));
    assert!(!second.said.contains("secret key"), "shown a second time: {}", second.said);
    assert_eq!(marker(), lake);
    second.signal(Signal::INT);
    assert_eq!(second.end().code(), Some(0));
}

#[test]
fn a_second_process_is_refused_until_the_first_is_gone() {
    let directory = temporary();
    let first = Running::start(&mut serve(directory.path()));
    let said = refused(&serve(directory.path()).output().expect("run"));
    assert!(said.contains(&format!("is in use by process {}", first.child.id())), "{said}");
    drop(first);
    Running::start(&mut serve(directory.path()));
}

#[test]
fn a_lake_without_its_catalogue_or_key_is_refused_and_nothing_is_made_anew() {
    for lost in ["catalogue", "master.key", "blobs", "twinlake.json"] {
        let directory = temporary();
        drop(Running::start(&mut serve(directory.path())));
        let aside = temporary();
        std::fs::rename(directory.path().join(lost), aside.path().join("lost")).expect("moved");
        let said = refused(&serve(directory.path()).output().expect("run"));
        assert!(said.contains(lost), "{said}");
        assert!(!directory.path().join(lost).exists(), "{lost} was made anew");
        std::fs::rename(aside.path().join("lost"), directory.path().join(lost)).expect("moved back");
        Running::start(&mut serve(directory.path()));
    }
}

#[test]
fn the_catalogue_of_another_lake_is_refused() {
    let (one, other) = (temporary(), temporary());
    for directory in [&one, &other] {
        drop(Running::start(&mut serve(directory.path())));
    }
    std::fs::rename(one.path().join("catalogue"), one.path().join("own")).expect("moved");
    std::fs::rename(other.path().join("catalogue"), one.path().join("catalogue")).expect("moved");
    let said = refused(&serve(one.path()).output().expect("run"));
    assert!(said.contains("belongs to deployment") && said.contains("its catalogue to"), "{said}");
}

#[test]
fn keys_of_the_environment_are_used_and_not_written_down() {
    let directory = temporary();
    let secret = "a-secret-of-the-environment";
    let mut command = serve(directory.path());
    let running =
        Running::start(command.env("TWINLAKE_ROOT_ACCESS_KEY", "operator").env("TWINLAKE_ROOT_SECRET_KEY", secret));
    assert!(!running.said.contains(secret));
    assert!(!directory.path().join("root-credentials.json").exists());
}

#[test]
fn wrong_settings_end_the_start_before_anything_is_made() {
    let directory = temporary();
    let data = directory.path().join("data");
    let file = directory.path().join("lake.toml");
    std::fs::write(&file, "[limits]\nconnections_max = 0\n").expect("written");
    let said = refused(&serve(&data).arg("--config").arg(&file).output().expect("run"));
    assert!(said.contains("`limits.connections_max` is `0`") && said.contains("lake.toml"), "{said}");
    let said = refused(&serve(&data).env("TWINLAKE_REGION", "EU").output().expect("run"));
    assert!(said.contains("`region` is `EU` (the environment variable TWINLAKE_REGION)"), "{said}");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("bound");
    let address = taken.local_addr().expect("an address").to_string();
    let said =
        refused(&twinlake().args(["serve", "--listen", &address, "--data-dir"]).arg(&data).output().expect("run"));
    assert!(said.contains(&format!("`{address}` cannot be listened on")), "{said}");
    assert!(!data.exists(), "something was made");
}

#[test]
fn a_first_signal_waits_for_requests_under_way_and_a_second_does_not() {
    let directory = temporary();
    let mut running = Running::start(&mut serve(directory.path()));
    assert!(answer(running.put(directory.path(), "/some-bucket", 0)).starts_with("HTTP/1.1 200 "));
    // Of this body nothing ever comes.
    let stalled = running.put(directory.path(), "/some-bucket/key", 1000);
    std::thread::sleep(Duration::from_millis(300));
    running.signal(Signal::TERM);
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(running.child.try_wait().expect("asked"), None, "it did not wait");
    running.signal(Signal::TERM);
    assert_eq!(running.end().code(), Some(1));
    drop(stalled);
}

#[test]
fn what_needs_no_server_works_without_one() {
    let version = twinlake().arg("version").output().expect("run");
    assert_eq!(String::from_utf8_lossy(&version.stdout), format!("twinlake {}\n", env!("CARGO_PKG_VERSION")));
    let completions = twinlake().args(["completions", "bash"]).output().expect("run");
    assert!(String::from_utf8_lossy(&completions.stdout).contains("--master-key-file"));
    let help = twinlake().args(["serve", "--help"]).output().expect("run");
    assert!(String::from_utf8_lossy(&help.stdout).contains("Examples:"));
    let directory = temporary();
    let generate = |out: &str| {
        let mut command = twinlake();
        command.args(["demo", "generate", "--seed", "7", "--turbines", "1", "--days", "1", "--out"]);
        command.arg(directory.path().join(out)).output().expect("run")
    };
    assert!(generate("one").status.success() && generate("two").status.success());
    let manifest = |out: &str| std::fs::read(directory.path().join(out).join("manifest.json")).expect("a manifest");
    assert_eq!(manifest("one"), manifest("two"));
    assert!(refused(&generate("one")).contains("is not empty"));
}
