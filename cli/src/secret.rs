//! Secrets: where they come from, and that they never show.

use std::fmt;
use std::io::{self, BufRead, IsTerminal, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroizing;

use crate::profiles::read_private;
use crate::{CliError, Result};

/// A text that must not be seen: wiped when dropped, never printed.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(Zeroizing<String>);

impl Secret {
    pub(crate) fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text, to sign with.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// What a secret is, which says how long it may be.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    /// A secret access key: Twinlake's own are 40 long, the longest it takes are 128.
    Key,
    /// A token of an OpenID Connect provider, of which a lake takes at most 16 KiB.
    Token,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Key => "secret key",
            Self::Token => "token",
        }
    }

    /// The longest, line end included.
    const fn bytes_max(self) -> u64 {
        match self {
            Self::Key => 1 << 10,
            Self::Token => 16 << 10,
        }
    }

    fn missing(self, from: &str, reason: String) -> CliError {
        CliError::Secret { what: self.name(), from: from.to_owned(), reason }
    }
}

/// The first line of what came; visible ASCII, as in the headers that secrets stand in.
fn first_line(kind: Kind, text: &str, from: &str) -> Result<Secret> {
    let refused = |reason: &str| Err(kind.missing(from, reason.to_owned()));
    let line = text.lines().next().unwrap_or_default().trim();
    if line.is_empty() {
        return refused("it is empty");
    }
    if line.len() as u64 >= kind.bytes_max() {
        return refused("it is too long");
    }
    if !line.bytes().all(|byte| byte.is_ascii_graphic()) {
        return refused("it holds characters that no secret has");
    }
    Ok(Secret::new(line.to_owned()))
}

/// Reads a key from stdin.
pub(crate) fn from_stdin(what: &str) -> Result<Secret> {
    first_line(Kind::Key, &line_of_stdin(what)?, "stdin")
}

/// Reads a password from stdin, which may hold whatever can be typed on one line.
pub(crate) fn password_from_stdin(what: &str) -> Result<Secret> {
    let line = line_of_stdin(what)?;
    Ok(Secret::new(line.trim_end_matches(['\r', '\n']).to_owned()))
}

/// Longest line of stdin, its end included.
const LINE_BYTES_MAX: u64 = 16 << 10;

/// Reads a line from stdin: asked for without showing it where a person sits there.
fn line_of_stdin(what: &str) -> Result<Zeroizing<String>> {
    let unreadable =
        |error: io::Error| CliError::Secret { what: "line", from: "stdin".to_owned(), reason: error.to_string() };
    let stdin = io::stdin();
    let mut line = Zeroizing::new(String::new());
    if stdin.is_terminal() {
        let _quiet = Quiet::begin().map_err(unreadable)?;
        let mut stderr = io::stderr();
        let prompted = write!(stderr, "{what}: ").and_then(|()| stderr.flush());
        prompted.map_err(unreadable)?;
        let read = stdin.lock().take(LINE_BYTES_MAX).read_line(&mut line);
        // The line end that was typed did not show either.
        let _ = writeln!(stderr);
        read.map_err(unreadable)?;
    } else {
        stdin.lock().take(LINE_BYTES_MAX).read_line(&mut line).map_err(unreadable)?;
    }
    Ok(line)
}

/// The first line of a file that nobody else may read.
pub(crate) fn from_file(kind: Kind, path: &Path) -> Result<Secret> {
    let from = format!("`{}`", path.display());
    match read_private(path)? {
        Some(text) => first_line(kind, &text, &from),
        None => Err(kind.missing(&from, "there is no such file".to_owned())),
    }
}

/// The first line that a command prints, run by the shell.
pub(crate) fn from_command(kind: Kind, command: &str) -> Result<Secret> {
    let from = format!("`{command}`");
    let failed = |reason: String| kind.missing(&from, reason);
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", command]).stdin(Stdio::inherit()).stderr(Stdio::inherit()).stdout(Stdio::piped());
    let mut child = shell.spawn().map_err(|error| failed(error.to_string()))?;
    let mut text = Zeroizing::new(String::new());
    if let Some(stdout) = child.stdout.take() {
        stdout.take(kind.bytes_max()).read_to_string(&mut text).map_err(|error| failed(error.to_string()))?;
    }
    let status = child.wait().map_err(|error| failed(error.to_string()))?;
    if !status.success() {
        return Err(failed(format!("it ended with {status}")));
    }
    first_line(kind, &text, &from)
}

/// While it lives, the terminal does not show what is typed.
struct Quiet(rustix::termios::Termios);

impl Quiet {
    fn begin() -> io::Result<Self> {
        let stdin = io::stdin();
        let before = tcgetattr(&stdin)?;
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO);
        tcsetattr(&stdin, OptionalActions::Flush, &quiet)?;
        Ok(Self(before))
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing back.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_one_line_of_visible_characters() {
        let read = |text| first_line(Kind::Key, text, "stdin").map(|secret| secret.expose().to_owned()).ok();
        assert_eq!(read("abc/DEF+1\nsecond line\n").as_deref(), Some("abc/DEF+1"));
        assert_eq!(read("  spaced  ").as_deref(), Some("spaced"));
        for bad in ["", "\n", "two words", "tab\there", "ümlaut", &"k".repeat(1 << 10)] {
            assert_eq!(read(bad), None, "{bad}");
        }
        let token = |bytes| first_line(Kind::Token, &"t".repeat(bytes), "stdin");
        assert!(token((16 << 10) - 1).is_ok() && token(16 << 10).is_err());
        assert!(!format!("{:?}", Secret::new("seen".into())).contains("seen"));
    }

    #[test]
    fn a_command_gives_its_first_line_or_fails() {
        let read = |command| from_command(Kind::Key, command).map(|secret| secret.expose().to_owned());
        assert_eq!(read("printf 'one\\ntwo\\n'").expect("a line"), "one");
        let failed = read("echo seen; exit 3").expect_err("it failed").to_string();
        assert!(failed.contains("exit status: 3"), "{failed}");
        assert!(read("true").is_err());
    }
}
