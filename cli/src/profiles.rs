//! The file of profiles: named connections, for nobody else's eyes.
//!
//! The file holds keys and commands that are run, so one that others can read is refused, and it is replaced as a whole
//! by a file that was complete and private before it got its name.

#![expect(
    clippy::disallowed_methods,
    reason = "this file owns the operator's own configuration; nothing of a lake is in it"
)]

use std::collections::BTreeMap;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::secret::Secret;
use crate::{CliError, Result, Surroundings};

/// The profile that is used where none is named.
pub(crate) const DEFAULT: &str = "default";

/// Longest file of profiles, secret or certificates that is read, in bytes.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Where a lake answers, and with which keys.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Profile {
    /// `https://HOST[:PORT]`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) endpoint: Option<String>,
    /// The region that requests are signed for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) region: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) access_key: Option<String>,
    /// The secret itself; or where it comes from, one of the next two.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) secret_key: Option<Secret>,
    /// A file whose first line is the secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) secret_key_file: Option<PathBuf>,
    /// A command of the shell that prints the secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) secret_key_command: Option<String>,
    /// A file whose first line is the token of an OpenID Connect provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) token_file: Option<PathBuf>,
    /// A command of the shell that prints such a token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) token_command: Option<String>,
    /// Certificates to trust beside those of the system, PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ca_file: Option<PathBuf>,
}

/// The whole file.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Page {
    #[serde(default)]
    profile: BTreeMap<String, Profile>,
}

/// All profiles, and where they lie.
#[derive(Debug)]
pub(crate) struct Profiles {
    path: PathBuf,
    page: Page,
}

impl Profiles {
    /// Reads the file; where there is none, there are no profiles.
    pub(crate) fn read(surroundings: &Surroundings) -> Result<Self> {
        let path = path(surroundings)?;
        let page = match read_private(&path)? {
            Some(text) => toml::from_str(&text).map_err(|error| syntax(&path, &text, &error))?,
            None => Page::default(),
        };
        let profiles = Self { path, page };
        match profiles.page.profile.iter().find(|(_, profile)| sources_of_secret(profile) > 1) {
            None => Ok(profiles),
            Some((name, _)) => {
                let reason = format!("the profile `{name}` has more than one of secret_key, …_file and …_command");
                Err(CliError::Syntax { path: profiles.path, line: 1, reason })
            }
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Profile> {
        self.page.profile.get(name)
    }

    /// The profile of that name.
    ///
    /// # Errors
    /// [`CliError::NoProfile`].
    pub(crate) fn named(&self, name: &str) -> Result<&Profile> {
        self.get(name).ok_or_else(|| CliError::NoProfile { name: name.to_owned(), path: self.path.clone() })
    }

    /// All of them, by name.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&str, &Profile)> {
        self.page.profile.iter().map(|(name, profile)| (name.as_str(), profile))
    }

    /// Puts a profile in, in the place of the one of its name, and writes the file.
    pub(crate) fn put(&mut self, name: String, profile: Profile) -> Result<()> {
        self.page.profile.insert(name, profile);
        self.write()
    }

    /// Takes a profile out and writes the file.
    pub(crate) fn remove(&mut self, name: &str) -> Result<()> {
        self.named(name)?;
        self.page.profile.remove(name);
        self.write()
    }

    fn write(&self) -> Result<()> {
        let text = Zeroizing::new(toml::to_string(&self.page).map_err(CliError::Form)?);
        let whole = Zeroizing::new(format!("{HEAD}{}", text.as_str()));
        replace_private(&self.path, whole.as_bytes()).map_err(|source| CliError::File {
            path: self.path.clone(),
            verb: "written",
            source,
        })
    }
}

/// Stands at the top of the file.
const HEAD: &str = "# Connections of the twinlake admin commands. `twinlake profile set` and `remove` write this file anew;\n\
                    # comments are not kept. It must be readable by nobody else.\n\n";

fn sources_of_secret(profile: &Profile) -> usize {
    let sources =
        [profile.secret_key.is_some(), profile.secret_key_file.is_some(), profile.secret_key_command.is_some()];
    sources.into_iter().filter(|given| *given).count()
}

/// `twinlake/config.toml` in `$XDG_CONFIG_HOME`, else in `~/.config`.
///
/// Source: XDG Base Directory Specification: a relative `$XDG_CONFIG_HOME` is ignored.
fn path(surroundings: &Surroundings) -> Result<PathBuf> {
    let home = surroundings.variable("XDG_CONFIG_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let directory = home.or_else(|| surroundings.variable("HOME").map(|home| Path::new(home).join(".config")));
    Ok(directory.ok_or(CliError::NoHome)?.join("twinlake/config.toml"))
}

/// Says where the file is wrong without repeating the line, which may hold a secret.
fn syntax(path: &Path, text: &str, error: &toml::de::Error) -> CliError {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    CliError::Syntax {
        path: path.to_owned(),
        line: before.matches('\n').count() + 1,
        reason: error.message().to_owned(),
    }
}

/// A whole file as text, if nobody else may read it; none where there is no such file.
pub(crate) fn read_private(path: &Path) -> Result<Option<Zeroizing<String>>> {
    let refused = |source| CliError::File { path: path.to_owned(), verb: "read", source };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(refused(error)),
    };
    // Of the file that is open, not of whatever has its name by now.
    let mode = file.metadata().map_err(refused)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(CliError::Exposed { path: path.to_owned(), mode });
    }
    let mut text = Zeroizing::new(String::new());
    file.take(FILE_BYTES_MAX).read_to_string(&mut text).map_err(refused)?;
    Ok(Some(text))
}

/// A whole file, readable by others or not.
pub(crate) fn read_public(path: &Path) -> Result<Vec<u8>> {
    let refused = |source| CliError::File { path: path.to_owned(), verb: "read", source };
    let mut bytes = Vec::new();
    File::open(path).map_err(refused)?.take(FILE_BYTES_MAX).read_to_end(&mut bytes).map_err(refused)?;
    Ok(bytes)
}

/// A whole text, readable by others or not.
pub(crate) fn read_public_text(path: &Path) -> Result<String> {
    String::from_utf8(read_public(path)?).map_err(|_| {
        let source = io::Error::new(io::ErrorKind::InvalidData, "it is not text in UTF-8");
        CliError::File { path: path.to_owned(), verb: "read", source }
    })
}

/// Puts a file in the place of another: first whole, private and on disk under a name of its own, then renamed.
fn replace_private(path: &Path, content: &[u8]) -> io::Result<()> {
    if let Some(directory) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    }
    let draft = path.with_extension(format!("toml.{}", std::process::id()));
    let written = (|| {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
        file.write_all(content)?;
        file.sync_all()?;
        std::fs::rename(&draft, path)
    })();
    if written.is_err() {
        // Nothing more can be done about a draft that cannot be removed.
        let _ = std::fs::remove_file(&draft);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::tests::surroundings;

    fn in_directory(directory: &Path) -> Surroundings {
        surroundings(&[("XDG_CONFIG_HOME", directory.to_str().expect("text"))])
    }

    fn lab() -> Profile {
        Profile {
            endpoint: Some("https://lake.example:9000".into()),
            access_key: Some("KEY".into()),
            secret_key: Some(Secret::new("s3cret".into())),
            ..Profile::default()
        }
    }

    #[test]
    fn profiles_are_kept_in_a_private_file() {
        let home = tempfile::tempdir().expect("a directory");
        let surroundings = in_directory(home.path());
        let mut profiles = Profiles::read(&surroundings).expect("none yet");
        assert_eq!(profiles.all().count(), 0);
        profiles.put("lab".into(), lab()).expect("written");
        let path = home.path().join("twinlake/config.toml");
        assert_eq!(std::fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
        let directory = std::fs::metadata(home.path().join("twinlake")).expect("there");
        assert_eq!(directory.permissions().mode() & 0o777, 0o700);

        let mut again = Profiles::read(&surroundings).expect("readable");
        assert_eq!(again.named("lab").expect("kept"), &lab());
        assert!(matches!(again.remove("other"), Err(CliError::NoProfile { .. })));
        again.remove("lab").expect("removed");
        assert_eq!(Profiles::read(&surroundings).expect("readable").all().count(), 0);
        let left: Vec<_> = std::fs::read_dir(home.path().join("twinlake")).expect("there").collect();
        assert_eq!(left.len(), 1, "no drafts stay behind: {left:?}");
    }

    #[test]
    fn a_file_that_others_can_read_is_refused() {
        let home = tempfile::tempdir().expect("a directory");
        let surroundings = in_directory(home.path());
        Profiles::read(&surroundings).expect("none yet").put("lab".into(), lab()).expect("written");
        let path = home.path().join("twinlake/config.toml");
        for mode in [0o640, 0o604, 0o644, 0o620] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("set");
            let refused = Profiles::read(&surroundings).expect_err("exposed");
            assert!(refused.to_string().contains(&format!("mode {mode:o}")), "{refused}");
        }
    }

    #[test]
    fn what_is_wrong_in_the_file_is_named_without_its_secrets() {
        let home = tempfile::tempdir().expect("a directory");
        let surroundings = in_directory(home.path());
        let path = home.path().join("twinlake/config.toml");
        for (text, line, said) in [
            ("[profile.lab]\nsecret_key = \"s3cret", 2, ""),
            ("[profile.lab]\nsecret = \"s3cret\"\n", 2, "unknown field `secret`"),
            ("[profiles.lab]\n", 1, "unknown field `profiles`"),
            ("[profile.lab]\nsecret_key = \"s3cret\"\nsecret_key_file = \"/f\"\n", 1, "more than one"),
        ] {
            replace_private(&path, text.as_bytes()).expect("written");
            let refused = Profiles::read(&surroundings).expect_err(text).to_string();
            assert!(refused.contains(&format!("line {line}: ")) && refused.contains(said), "{refused}");
            assert!(!refused.contains("s3cret"), "{refused}");
        }
    }

    #[test]
    fn the_file_lies_where_the_environment_says() {
        let at = |variables: &[(&str, &str)]| path(&surroundings(variables)).ok();
        let config = |text: &str| Some(PathBuf::from(text));
        assert_eq!(at(&[("HOME", "/h")]), config("/h/.config/twinlake/config.toml"));
        assert_eq!(at(&[("HOME", "/h"), ("XDG_CONFIG_HOME", "/x")]), config("/x/twinlake/config.toml"));
        assert_eq!(at(&[("HOME", "/h"), ("XDG_CONFIG_HOME", "x")]), config("/h/.config/twinlake/config.toml"));
        assert_eq!(at(&[]), None);
    }
}
