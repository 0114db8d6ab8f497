//! The data directory: one lake, one directory, one process.
//!
//! ```text
//! DIR/lock                    held while a process serves; says which
//! DIR/twinlake.json           the marker: format, and the deployment once the first start is through
//! DIR/root-credentials.json   root's keys
//! DIR/metrics-token           the bearer token of /_lake/metrics
//! DIR/master.key              wraps the data keys, unless it was put elsewhere
//! DIR/catalogue/  DIR/blobs/  what the lake holds
//! ```
//!
//! A first start writes the marker without a deployment, makes everything else, and then completes the marker; nothing is
//! served before. So a marker without a deployment means that nothing was ever promised, and one with a deployment that
//! everything must be there: what is missing then was lost, and making it anew would bury the rest.

#![expect(clippy::disallowed_methods, reason = "this file owns the data directory and syncs what it writes there")]

use std::fs::{DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use kernel::Entropy;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::configuration::RootKeys;

const LOCK: &str = "lock";
const MARKER: &str = "twinlake.json";
const CREDENTIALS: &str = "root-credentials.json";
const METRICS_TOKEN: &str = "metrics-token";
/// What a directory may hold and still count as empty: the root of a file system, and what a first start leaves that
/// ended before its marker.
const AS_GOOD_AS_NOTHING: [&str; 3] = ["lost+found", LOCK, "twinlake.json.new"];
const FORMAT: u32 = 1;

/// Why a directory is not served from.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DirectoryError {
    /// The file system refuses.
    #[error("`{}` cannot be {what}", path.display())]
    Io {
        what: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// Somebody else serves from it.
    #[error("the data directory `{}` is in use by process {process}", path.display())]
    InUse { path: PathBuf, process: String },
    /// It holds something, and no lake.
    #[error(
        "`{}` holds `{found}` but no {MARKER}: it is no data directory of a lake, or was emptied in part; name another \
         one, or restore it",
        path.display()
    )]
    Foreign { path: PathBuf, found: String },
    /// A later version wrote it.
    #[error("`{}` has format {found}, this version reads format {FORMAT}", path.display())]
    Format { path: PathBuf, found: u32 },
    /// A lake once lived here and something of it is gone.
    #[error(
        "the data directory `{}` belongs to a lake, but `{}` is missing: restore it; a new one would not open what is \
         stored",
        path.display(),
        missing.display()
    )]
    Incomplete { path: PathBuf, missing: PathBuf },
    /// Marker and catalogue, or marker and setting, name different lakes.
    #[error("the data directory `{}` belongs to deployment {marked}, {other_is} {other}", path.display())]
    Mixed { path: PathBuf, marked: String, other_is: &'static str, other: String },
    /// A file is not what it should be. Its content is not repeated: it may be a secret.
    #[error("`{}` is damaged: {what}", path.display())]
    Damaged { path: PathBuf, what: &'static str },
    /// Others may read a secret.
    #[error("`{}` has mode {mode:o}: others can read it; set it to 600", path.display())]
    Exposed { path: PathBuf, mode: u32 },
}

type Result<T> = std::result::Result<T, DirectoryError>;

trait Named<T> {
    fn named(self, what: &'static str, path: &Path) -> Result<T>;
}

impl<T> Named<T> for io::Result<T> {
    fn named(self, what: &'static str, path: &Path) -> Result<T> {
        self.map_err(|source| DirectoryError::Io { what, path: path.to_owned(), source })
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Marker {
    format: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    deployment: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Credentials {
    access_key: String,
    secret_key: String,
}

/// A data directory that this process alone may use, until it is dropped.
pub(crate) struct Directory {
    path: PathBuf,
    /// The lake that lives here; none until its first start is through.
    deployment: Option<String>,
    _lock: File,
}

impl Directory {
    /// Makes the directory if it is absent, locks it and judges what it holds. Where a deployment is expected, only that
    /// one will do, and nothing is made.
    pub(crate) fn open(path: &Path, expected: Option<&str>) -> Result<Self> {
        if let Some(expected) = expected
            && !path.join(MARKER).exists()
        {
            return Err(mixed(path, "none", "expected is", expected));
        }
        if !path.exists() {
            DirBuilder::new().recursive(true).mode(0o700).create(path).named("created", path)?;
            if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
                sync_directory(parent)?;
            }
        }
        let is_empty = judge_entries(path)?;
        let lock = lock(path)?;
        if is_empty {
            std::fs::set_permissions(path, Permissions::from_mode(0o700)).named("made private", path)?;
        }
        let mut directory = Self { path: path.to_owned(), deployment: None, _lock: lock };
        // Judged again under the lock: another first start may have been faster.
        if judge_entries(path)? {
            directory.write_marker()?;
        } else {
            directory.deployment = directory.read_marker()?;
        }
        let marked = directory.deployment.as_deref().unwrap_or("none");
        match expected.filter(|expected| *expected != marked) {
            Some(expected) => Err(mixed(path, marked, "expected is", expected)),
            None => Ok(directory),
        }
    }

    /// Whether a first start is still to be done.
    pub(crate) fn is_fresh(&self) -> bool {
        self.deployment.is_none()
    }

    /// Where a lake lived, its master key, its catalogue and the blobs of its home must still be there.
    pub(crate) fn expect_whole(&self, master_key: &Path, home: Option<&Path>) -> Result<()> {
        if self.is_fresh() {
            return Ok(());
        }
        let catalogue = self.catalogue();
        let is_there = |needed: &Path| if needed == catalogue { holds_something(needed) } else { needed.exists() };
        let needed = [Some(master_key), Some(catalogue.as_path()), home].into_iter().flatten();
        match needed.into_iter().find(|needed| !is_there(needed)) {
            Some(missing) => Err(DirectoryError::Incomplete { path: self.path.clone(), missing: missing.to_owned() }),
            None => expect_private(master_key),
        }
    }

    /// Completes a first start, or makes sure that marker and catalogue belong together.
    pub(crate) fn settle(&mut self, deployment: [u8; 16]) -> Result<()> {
        let deployment = hex::encode(deployment);
        match &self.deployment {
            Some(marked) if *marked != deployment => Err(mixed(&self.path, marked, "its catalogue to", &deployment)),
            Some(_) => Ok(()),
            None => {
                self.deployment = Some(deployment);
                self.write_marker()
            }
        }
    }

    /// Root's keys, and whether they were made just now.
    pub(crate) fn root_keys(&self, entropy: &dyn Entropy) -> Result<(RootKeys, bool)> {
        let path = self.credentials();
        let damaged = || DirectoryError::Damaged {
            path: path.clone(),
            what: "it must hold {\"access_key\": …, \"secret_key\": …}",
        };
        if let Some(text) = read_private(&path)? {
            let Credentials { access_key, secret_key } = serde_json::from_str(&text).map_err(|_| damaged())?;
            if access_key.is_empty() || secret_key.is_empty() {
                return Err(damaged());
            }
            return Ok((RootKeys { access_key, secret_key: Zeroizing::new(secret_key) }, false));
        }
        const UPPER: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
        const MIXED: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        let made =
            Credentials { access_key: random_word(entropy, UPPER, 20), secret_key: random_word(entropy, MIXED, 40) };
        let text = Zeroizing::new(serde_json::to_string_pretty(&made).map_err(|_| damaged())?);
        self.write_private(CREDENTIALS, &text)?;
        Ok((RootKeys { access_key: made.access_key, secret_key: Zeroizing::new(made.secret_key) }, true))
    }

    /// The bearer token of the metrics; made if it is not there.
    pub(crate) fn metrics_token(&self, entropy: &dyn Entropy) -> Result<Zeroizing<String>> {
        let path = self.path.join(METRICS_TOKEN);
        if let Some(text) = read_private(&path)? {
            let token = Zeroizing::new(text.trim().to_owned());
            if token.len() < 16 {
                return Err(DirectoryError::Damaged { path, what: "a token has 16 characters at least" });
            }
            return Ok(token);
        }
        let token = Zeroizing::new(hex::encode(entropy.array::<32>()));
        self.write_private(METRICS_TOKEN, &token)?;
        Ok(token)
    }

    /// Where root's keys lie.
    pub(crate) fn credentials(&self) -> PathBuf {
        self.path.join(CREDENTIALS)
    }
    /// Where the catalogue lies.
    pub(crate) fn catalogue(&self) -> PathBuf {
        self.path.join("catalogue")
    }
    /// Where the master key lies, unless the operator put it elsewhere.
    pub(crate) fn master_key(&self) -> PathBuf {
        self.path.join("master.key")
    }
    /// The directory itself.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    fn read_marker(&self) -> Result<Option<String>> {
        let path = self.path.join(MARKER);
        let text = std::fs::read_to_string(&path).named("read", &path)?;
        let damaged = |what| DirectoryError::Damaged { path: path.clone(), what };
        let marker: Marker = serde_json::from_str(&text).map_err(|_| damaged("it is no marker of a lake"))?;
        if marker.format != FORMAT {
            return Err(DirectoryError::Format { path: self.path.clone(), found: marker.format });
        }
        match marker.deployment {
            Some(id) if id.len() != 32 || hex::decode(&id).is_err() => {
                Err(damaged("the deployment is no 32 hex digits"))
            }
            deployment => Ok(deployment),
        }
    }

    fn write_marker(&self) -> Result<()> {
        let marker = Marker { format: FORMAT, deployment: self.deployment.clone() };
        let damaged = |_| DirectoryError::Damaged { path: self.path.join(MARKER), what: "it cannot be written" };
        self.write_private(MARKER, &serde_json::to_string(&marker).map_err(damaged)?)
    }

    /// Writes a file that only its owner reads: whole and synced under another name first, so that no start ever finds
    /// half of it.
    fn write_private(&self, name: &str, text: &str) -> Result<()> {
        let (path, draft) = (self.path.join(name), self.path.join(format!("{name}.new")));
        match std::fs::remove_file(&draft) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error).named("removed", &draft)?,
            _ => {}
        }
        let mut file =
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft).named("created", &draft)?;
        file.write_all(text.as_bytes()).and_then(|()| file.write_all(b"\n")).named("written", &draft)?;
        file.sync_all().named("synced", &draft)?;
        std::fs::rename(&draft, &path).named("put in place", &path)?;
        sync_directory(&self.path)
    }
}

fn mixed(path: &Path, marked: &str, other_is: &'static str, other: &str) -> DirectoryError {
    DirectoryError::Mixed { path: path.to_owned(), marked: marked.to_owned(), other_is, other: other.to_owned() }
}

/// Whether the directory is as good as empty; an error if it holds something and no marker.
fn judge_entries(path: &Path) -> Result<bool> {
    let mut found = None;
    for entry in std::fs::read_dir(path).named("read", path)? {
        let name = entry.named("read", path)?.file_name().to_string_lossy().into_owned();
        if name == MARKER {
            return Ok(false);
        }
        if !AS_GOOD_AS_NOTHING.contains(&name.as_str()) {
            found = Some(name);
        }
    }
    match found {
        Some(found) => Err(DirectoryError::Foreign { path: path.to_owned(), found }),
        None => Ok(true),
    }
}

/// Whether a directory is there and holds more than a lock.
fn holds_something(path: &Path) -> bool {
    std::fs::read_dir(path).is_ok_and(|entries| entries.flatten().any(|entry| entry.file_name() != LOCK))
}

/// Locks the directory for as long as the file stays open, and writes down who holds it.
fn lock(path: &Path) -> Result<File> {
    let name = path.join(LOCK);
    let options = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&name);
    let mut file = options.named("opened", &name)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut process = String::new();
            let read = file.read_to_string(&mut process);
            let known = read.is_ok() && !process.trim().is_empty();
            let process = if known { process.trim().to_owned() } else { "(unknown)".to_owned() };
            return Err(DirectoryError::InUse { path: path.to_owned(), process });
        }
        Err(TryLockError::Error(source)) => return Err(source).named("locked", &name),
    }
    file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id())).named("written", &name)?;
    Ok(file)
}

/// The text of a secret file, or none if there is no such file; an error if others may read it.
fn read_private(path: &Path) -> Result<Option<Zeroizing<String>>> {
    match std::fs::read_to_string(path) {
        Ok(text) => {
            let text = Zeroizing::new(text);
            expect_private(path)?;
            Ok(Some(text))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).named("read", path),
    }
}

fn expect_private(path: &Path) -> Result<()> {
    let mode = std::fs::metadata(path).named("read", path)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(DirectoryError::Exposed { path: path.to_owned(), mode });
    }
    Ok(())
}

fn sync_directory(path: &Path) -> Result<()> {
    File::open(path).and_then(|directory| directory.sync_all()).named("synced", path)
}

/// A word of letters drawn evenly from an alphabet.
fn random_word(entropy: &dyn Entropy, alphabet: &[u8], length: usize) -> String {
    let even = 256 - 256 % alphabet.len();
    let mut word = String::with_capacity(length);
    while word.len() < length {
        let drawn = usize::from(entropy.array::<1>()[0]);
        if drawn < even {
            word.push(char::from(alphabet[drawn % alphabet.len()]));
        }
    }
    word
}

#[cfg(test)]
mod tests;
