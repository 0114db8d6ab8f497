//! A vault whose master keys stand in a file that only its owner may read.
//!
//! The file is text: a line `twinlake-master-keys 1`, a line `key ID SECRET` for each master key, a line `current ID` that
//! says which one new data keys are wrapped under. To rotate, add a key and make it current; data keys wrapped under older
//! ones open as long as these stay in the file. Lines that begin with `#` are for people.

#![expect(clippy::disallowed_methods, reason = "the master key file belongs to the vault")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;

use kernel::{BlobId, Entropy, KeyId, WrappedKey};
use zeroize::Zeroizing;

use super::{DataKey, KeyVault, MasterKeys};
use crate::VaultError;

const FIRST_LINE: &str = "twinlake-master-keys 1";
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// A vault over a master key file. The file is read once, when the vault is opened.
pub struct FileVault {
    masters: MasterKeys,
}

impl FileVault {
    /// Opens the vault over an existing file.
    ///
    /// # Errors
    /// When the file is missing, open to others than its owner, or malformed.
    pub fn open(path: &Path, entropy: Arc<dyn Entropy>) -> Result<Self, VaultError> {
        let text = read(path)?;
        let (current, keys) = parse(&text).map_err(|(line, problem)| VaultError::FileMalformed {
            path: path.to_owned(),
            line,
            problem,
        })?;
        Ok(Self { masters: MasterKeys { current, keys, entropy } })
    }

    /// Opens the vault over a file, after making one with a fresh master key where there is none.
    ///
    /// The new file gets its name only when its bytes are on the disk, and never takes the place of another.
    ///
    /// # Errors
    /// As [`open`](Self::open), or when the file cannot be written.
    pub fn open_or_create(path: &Path, entropy: Arc<dyn Entropy>) -> Result<Self, VaultError> {
        match fs::symlink_metadata(path) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let masters = MasterKeys::random(Arc::clone(&entropy));
                create(path, &masters).map_err(|source| VaultError::File { path: path.to_owned(), source })?;
            }
            Err(source) => {
                return Err(VaultError::File { path: path.to_owned(), source });
            }
        }
        Self::open(path, entropy)
    }
}

impl KeyVault for FileVault {
    fn new_key(&self, blob: BlobId) -> Result<(DataKey, WrappedKey), VaultError> {
        self.masters.new_key(blob)
    }

    fn unwrap(&self, key: &WrappedKey, blob: BlobId) -> Result<DataKey, VaultError> {
        self.masters.unwrap(key, blob)
    }
}

fn create(path: &Path, masters: &MasterKeys) -> io::Result<()> {
    let mut text = Zeroizing::new(String::with_capacity(1024));
    text.push_str(
        "# Whoever has this file and the data can read the data. Without it, nobody can: keep a copy elsewhere.\n",
    );
    let _ = writeln!(text, "{FIRST_LINE}");
    for (id, key) in &masters.keys {
        let _ = write!(text, "key {id} ");
        for byte in key.iter() {
            let _ = write!(text, "{byte:02x}");
        }
        text.push('\n');
    }
    let _ = writeln!(text, "current {}", masters.current);

    let mut draft = path.as_os_str().to_owned();
    draft.push(".new");
    let draft = Path::new(&draft);
    match fs::remove_file(draft) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(draft)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    // Unlike a rename, a link never replaces what is there.
    fs::hard_link(draft, path)?;
    fs::remove_file(draft)?;
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(directory)?.sync_all()
}

fn read(path: &Path) -> Result<Zeroizing<String>, VaultError> {
    let failed = |source: io::Error| VaultError::File { path: path.to_owned(), source };
    let malformed = |problem| VaultError::FileMalformed { path: path.to_owned(), line: 0, problem };
    let mut file = File::open(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => VaultError::FileMissing { path: path.to_owned() },
        _ => failed(error),
    })?;
    let facts = file.metadata().map_err(failed)?;
    if !facts.is_file() || facts.len() > FILE_BYTES_MAX {
        return Err(malformed("it is not a file of a few lines"));
    }
    let mode = facts.mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(VaultError::FileOpenToOthers { path: path.to_owned(), mode });
    }
    // As large as it can get: a buffer that grows leaves copies of secrets behind.
    let mut text = Zeroizing::new(String::with_capacity(FILE_BYTES_MAX as usize + 64));
    match (&mut file).take(FILE_BYTES_MAX).read_to_string(&mut text) {
        Ok(_) => Ok(text),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Err(malformed("it is not text")),
        Err(error) => Err(failed(error)),
    }
}

type Parsed = (KeyId, BTreeMap<KeyId, Zeroizing<[u8; 32]>>);

/// Reads the file's text; or says which line, from 1, is wrong and how.
fn parse(text: &str) -> Result<Parsed, (usize, &'static str)> {
    let mut lines = (1..)
        .zip(text.lines())
        .map(|(number, line)| (number, line.trim()))
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    match lines.next() {
        Some((_, FIRST_LINE)) => {}
        Some((number, _)) => return Err((number, "it is not `twinlake-master-keys 1`")),
        None => return Err((0, "it is empty")),
    }
    let (mut current, mut keys) = (None, BTreeMap::new());
    for (number, line) in lines {
        let words: Vec<&str> = line.split_whitespace().collect();
        let id = words.get(1).and_then(|id| id.parse::<KeyId>().ok());
        let id = id.ok_or((number, "it has no key id of 32 hex digits"))?;
        match words.as_slice() {
            ["key", _, secret] => {
                let secret = parse_secret(secret).ok_or((number, "the secret is not 64 hex digits"))?;
                if keys.insert(id, secret).is_some() {
                    return Err((number, "the key id stands twice"));
                }
            }
            ["current", _] if current.is_none() => current = Some(id),
            ["current", _] => return Err((number, "a second key is called current")),
            _ => return Err((number, "it is neither `key ID SECRET` nor `current ID`")),
        }
    }
    match current {
        Some(current) if keys.contains_key(&current) => Ok((current, keys)),
        Some(_) => Err((0, "the current key is not in it")),
        None => Err((0, "it does not say which key is current")),
    }
}

fn parse_secret(digits: &str) -> Option<Zeroizing<[u8; 32]>> {
    let digits = digits.as_bytes();
    if digits.len() != 64 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let mut secret = Zeroizing::new([0; 32]);
    for (byte, pair) in secret.iter_mut().zip(digits.chunks_exact(2)) {
        for digit in pair {
            *byte = *byte << 4 | char::from(*digit).to_digit(16)? as u8;
        }
    }
    Some(secret)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    struct Counting(std::sync::atomic::AtomicU8);

    impl Entropy for Counting {
        fn fill(&self, into: &mut [u8]) {
            into.fill(self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
        }
    }

    fn entropy() -> Arc<dyn Entropy> {
        Arc::new(Counting(Default::default()))
    }

    const BLOB: BlobId = BlobId::from_bytes([9; 16]);

    #[test]
    fn a_file_is_made_once_for_its_owner_and_opens_its_wraps_again() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("master.key");
        assert!(matches!(FileVault::open(&path, entropy()), Err(VaultError::FileMissing { .. })));
        let wrapped = FileVault::open_or_create(&path, entropy()).expect("made").new_key(BLOB).expect("a key").1;
        assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(directory.path()).expect("there").count(), 1, "nothing else is left behind");
        let before = fs::read(&path).expect("there");
        let again = FileVault::open_or_create(&path, entropy()).expect("opened");
        assert!(again.unwrap(&wrapped, BLOB).is_ok());
        assert_eq!(fs::read(&path).expect("there"), before);
    }

    #[test]
    fn a_draft_left_by_a_crash_does_not_hinder() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("master.key");
        fs::write(directory.path().join("master.key.new"), "twinl").expect("written");
        assert!(FileVault::open_or_create(&path, entropy()).is_ok());
    }

    #[test]
    fn a_file_open_to_others_is_refused() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("master.key");
        FileVault::open_or_create(&path, entropy()).expect("made");
        for mode in [0o640, 0o604, 0o620, 0o602, 0o644, 0o666] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("it is ours");
            let refused = FileVault::open(&path, entropy());
            assert!(
                matches!(refused, Err(VaultError::FileOpenToOthers { mode: found, .. }) if found == mode),
                "{mode:o}"
            );
        }
    }

    #[test]
    fn older_keys_of_the_file_still_open_what_they_wrapped() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("master.key");
        let wrapped = FileVault::open_or_create(&path, entropy()).expect("made").new_key(BLOB).expect("a key").1;
        let text = fs::read_to_string(&path).expect("there");
        let id = "0123456789abcdef0123456789abcdef";
        let rotated = format!("{}\nkey {id} {}", text.replace(&wrapped.master.to_string(), "OLD"), "5A".repeat(32))
            .replace("current OLD", &format!("current {id}"))
            .replace("OLD", &wrapped.master.to_string());
        fs::write(&path, rotated).expect("it is ours");
        let vault = FileVault::open(&path, entropy()).expect("well-formed");
        assert!(vault.unwrap(&wrapped, BLOB).is_ok());
        assert_eq!(vault.new_key(BLOB).expect("a key").1.master.to_string(), id);
    }

    #[test]
    fn a_malformed_file_is_refused_with_its_line_and_without_its_secret() {
        let key = format!("key {} {}", "1".repeat(32), "2".repeat(64));
        let current = format!("current {}", "1".repeat(32));
        for (text, line) in [
            (String::new(), 0),
            ("# nothing\n\n".into(), 0),
            (format!("twinlake-master-keys 2\n{key}\n{current}\n"), 1),
            (format!("{FIRST_LINE}\n{key}\n"), 0),
            (format!("{FIRST_LINE}\n{current}\n"), 0),
            (format!("{FIRST_LINE}\n{key}2\n{current}\n"), 2),
            (format!("{FIRST_LINE}\n{}\n{current}\n", key.replace("22", "2g")), 2),
            (format!("{FIRST_LINE}\n{key}\n{key}\n{current}\n"), 3),
            (format!("{FIRST_LINE}\n{key}\n{current}\n{current}\n"), 4),
            (format!("{FIRST_LINE}\n{key} more\n{current}\n"), 2),
            (format!("{FIRST_LINE}\nkey\n{current}\n"), 2),
        ] {
            let (found, problem) = parse(&text).expect_err(&text);
            assert_eq!(found, line, "{text}");
            assert!(!problem.contains("2222"), "{problem}");
        }
    }
}
