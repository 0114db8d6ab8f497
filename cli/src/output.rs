//! What a command prints: columns for people, JSON for programs.

use clap::ValueEnum;
use serde::Serialize;

use crate::{CliError, Result};

/// How the result is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// Aligned columns, sizes in units.
    Table,
    /// JSON, sizes in bytes.
    Json,
}

impl Output {
    /// The result in this form.
    pub(crate) fn print<T: Serialize + ?Sized>(self, result: &T, table: impl FnOnce() -> Table) -> Result<String> {
        match self {
            Self::Table => Ok(table().to_string()),
            Self::Json => {
                let mut text = serde_json::to_string_pretty(result).map_err(CliError::Json)?;
                text.push('\n');
                Ok(text)
            }
        }
    }
}

/// On which side a column's cells end alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Left,
    /// Numbers.
    Right,
}

/// Rows under headings.
pub(crate) struct Table {
    columns: Vec<(&'static str, Side)>,
    rows: Vec<Vec<String>>,
}

/// What stands where there is nothing to say.
pub(crate) const NOTHING: &str = "-";

impl Table {
    pub(crate) fn new(columns: &[(&'static str, Side)]) -> Self {
        Self { columns: columns.to_vec(), rows: Vec::new() }
    }

    /// Adds a row: one cell per column.
    pub(crate) fn push<const N: usize>(&mut self, cells: [String; N]) {
        debug_assert_eq!(N, self.columns.len(), "a cell for every column");
        self.rows.push(cells.into());
    }
}

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let headings: Vec<String> = self.columns.iter().map(|(heading, _)| (*heading).to_owned()).collect();
        let lines = || std::iter::once(&headings).chain(&self.rows);
        let widths: Vec<usize> = (0..self.columns.len())
            .map(|column| lines().filter_map(|cells| cells.get(column)).map(|cell| cell.chars().count()).max())
            .map(Option::unwrap_or_default)
            .collect();
        for cells in lines() {
            let mut line = String::new();
            for ((cell, (_, side)), width) in cells.iter().zip(&self.columns).zip(&widths) {
                match side {
                    Side::Left => line.push_str(&format!("{cell:<width$}  ")),
                    Side::Right => line.push_str(&format!("{cell:>width$}  ")),
                }
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_lines_end_with_their_last_cell() {
        let mut table = Table::new(&[("NAME", Side::Left), ("BYTES", Side::Right), ("QUOTA", Side::Left)]);
        table.push(["turbines".into(), "1.5 GiB".into(), NOTHING.into()]);
        table.push(["logs".into(), "12 B".into(), "1 TiB".into()]);
        assert_eq!(table.to_string(), "NAME        BYTES  QUOTA\nturbines  1.5 GiB  -\nlogs         12 B  1 TiB\n");
    }
}
