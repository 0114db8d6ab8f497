//! `twinlake demo generate`: sample data on disk.

#![expect(clippy::disallowed_methods, reason = "sample data is written to a directory that the user names")]

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use fixtures::demo::{Demo, DemoError};

/// Why no sample data is there.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GenerateError {
    /// The directory holds something.
    #[error("`{}` is not empty", .0.display())]
    NotEmpty(PathBuf),
    /// The file system refuses.
    #[error("`{}` cannot be written", path.display())]
    Io {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// The data cannot be made as asked.
    #[error(transparent)]
    Demo(#[from] DemoError),
}

/// Writes the set below `out`, which is absent or empty, and says what it wrote.
pub(crate) fn generate(demo: &Demo, out: &Path) -> Result<(), GenerateError> {
    let refused = |path: &Path| {
        let path = path.to_owned();
        |source| GenerateError::Io { path, source }
    };
    match std::fs::read_dir(out).map(|mut entries| entries.next().is_some()) {
        Ok(true) => return Err(GenerateError::NotEmpty(out.to_owned())),
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(refused(out)(error)),
        Ok(false) | Err(_) => {}
    }
    let (mut files, mut bytes) = (0, 0);
    demo.generate(|file| -> Result<(), GenerateError> {
        let path = out.join(&file.key);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(refused(folder))?;
        }
        std::fs::write(&path, &file.bytes).map_err(refused(&path))?;
        (files, bytes) = (files + 1, bytes + file.bytes.len());
        Ok(())
    })?;
    let mebibytes = bytes as f64 / f64::from(1 << 20);
    writeln!(io::stdout(), "{files} files, {mebibytes:.1} MiB in {}", out.display()).map_err(refused(out))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_lie_where_their_keys_say_and_a_full_directory_is_left_alone() {
        let directory = tempfile::TempDir::new().expect("a temporary directory");
        let out = directory.path().join("demo");
        let demo = Demo { seed: 1, turbines: 1, days: 1 };
        generate(&demo, &out).expect("generated");
        let parquet = std::fs::read(out.join("wind/turbine=T01/date=2026-01-01/scada.parquet")).expect("there");
        assert!(parquet.starts_with(b"PAR1") && parquet.ends_with(b"PAR1"));
        assert!(out.join("manifest.json").exists());
        assert!(matches!(generate(&demo, &out), Err(GenerateError::NotEmpty(_))));
    }
}
