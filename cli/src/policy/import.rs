//! `twinlake policy import`: a table of rights becomes a set of policies.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::Args;

use super::rights::{self, TABLE_BYTES_MAX};
use super::table::TableFault;
use crate::{CliError, Result};

/// What `twinlake policy import` takes.
#[derive(Debug, Args)]
#[command(after_help = "A table in TOML:
  [[allow]]
  groups  = [\"cygno\", \"/cygno\"]        # as they are called in the lake, after tokens were mapped
  users   = [\"ops\"]                    # beside groups, or in their place
  buckets = [\"cygno-data\", \"cygnus\"]   # `*` is all, ${aws:PrincipalTag/NAME} that of the caller's tag
  prefix  = \"runs/\"                    # only keys that begin so
  rights  = [\"read\", \"list\"]           # read, write, list, manage, or actions such as s3:CreateBucket

The same in CSV, names in one cell parted by spaces:
  groups,buckets,prefix,rights
  cygno /cygno,cygno-data cygnus,runs/,read list

Examples:
  twinlake policy import rights.toml > rights.cedar
  twinlake policy prove rights.cedar")]
pub struct ImportFlags {
    /// The table: TOML, or CSV where the name ends in .csv
    #[arg(value_name = "TABLE")]
    table: PathBuf,
}

/// The policies, as text.
pub(crate) fn run(flags: &ImportFlags) -> Result<String> {
    let text = text_of(&flags.table)?;
    let is_csv = flags.table.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv"));
    let cedar = if is_csv { rights::of_csv(&text) } else { rights::of_toml(&text) };
    cedar.map_err(|source| CliError::Rights { path: flags.table.clone(), source })
}

#[expect(clippy::disallowed_methods, reason = "the command reads the table it is given")]
fn text_of(path: &Path) -> Result<String> {
    let refused = |source| CliError::File { path: path.to_owned(), verb: "read", source };
    let file = std::fs::File::open(path).map_err(refused)?;
    let mut text = String::new();
    let bytes = file.take(TABLE_BYTES_MAX + 1).read_to_string(&mut text).map_err(refused)?;
    if bytes as u64 > TABLE_BYTES_MAX {
        let fault = TableFault::Syntax { line: 1, reason: format!("it has more than {TABLE_BYTES_MAX} bytes") };
        return Err(CliError::Rights { path: path.to_owned(), source: fault });
    }
    Ok(text)
}
