//! Tables that people keep beside their policies, in TOML or CSV, and where in them a mistake stands.

use serde::de::DeserializeOwned;

/// Why a table says nothing that can be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum TableFault {
    /// Not of its format, or not of this form.
    #[error("line {line}: {reason}")]
    Syntax {
        /// Counted from 1.
        line: usize,
        /// What is wrong there.
        reason: String,
    },
    /// A row that means nothing.
    #[error("row {row}: {reason}")]
    Row {
        /// Counted from 1.
        row: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// More policies than a set may hold.
    #[error("the table becomes {count} policies, a set holds at most {max}: put the rows into several tables")]
    TooMany {
        /// Its policies.
        count: usize,
        /// How many a set may hold.
        max: usize,
    },
}

/// Reads a table in TOML.
pub(super) fn of_toml<T: DeserializeOwned>(text: &str) -> Result<T, TableFault> {
    toml::from_str(text).map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        TableFault::Syntax { line, reason: error.message().replace('\n', "; ") }
    })
}

/// Reads a table in CSV whose first line is `head`. A row stands on a line of its own; lines that begin with `#` are
/// comments, and blanks around a cell do not count. Source: RFC 4180, as spreadsheets write it.
pub(super) fn of_csv<const COLUMNS: usize>(
    text: &str,
    head: [&str; COLUMNS],
) -> Result<Vec<[String; COLUMNS]>, TableFault> {
    let lines = text.trim_start_matches('\u{feff}').lines().map(str::trim).zip(1..);
    let mut lines = lines.filter(|(line, _)| !line.is_empty() && !line.starts_with('#'));
    match lines.next() {
        Some((line, at)) if cells(line, at)? != head => {
            Err(TableFault::Syntax { line: at, reason: format!("the first line must be `{}`", head.join(",")) })
        }
        _ => lines.map(|(line, at)| row(cells(line, at)?, at)).collect(),
    }
}

fn row<const COLUMNS: usize>(cells: Vec<String>, line: usize) -> Result<[String; COLUMNS], TableFault> {
    <[String; COLUMNS]>::try_from(cells).map_err(|cells| {
        let reason = format!("it has {} cells, and should have {COLUMNS}", cells.len());
        TableFault::Syntax { line, reason }
    })
}

fn cells(text: &str, line: usize) -> Result<Vec<String>, TableFault> {
    let fault = |reason: String| TableFault::Syntax { line, reason };
    if !text.bytes().filter(|byte| *byte == b'"').count().is_multiple_of(2) {
        return Err(fault("a quote is not closed on its line".to_owned()));
    }
    let mut reader = csv::ReaderBuilder::new().has_headers(false).trim(csv::Trim::All).from_reader(text.as_bytes());
    let mut record = csv::StringRecord::new();
    reader.read_record(&mut record).map_err(|error| fault(error.to_string()))?;
    Ok(record.iter().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_may_be_quoted_and_mistakes_have_a_line() {
        let text = "\u{feff}who,what\r\n# a comment\r\n\r\n \"Ada, Countess\",\"s3:Get\"\"Object\"\r\n";
        assert_eq!(of_csv(text, ["who", "what"]), Ok(vec![["Ada, Countess".to_owned(), "s3:Get\"Object".to_owned()]]));
        for (bad, at) in [("what,who\n", 1), ("\n# c\nwho,what\na\n", 4), ("who,what\n\"a\nb\",c\n", 2)] {
            let fault = of_csv(bad, ["who", "what"]).expect_err(bad);
            assert!(matches!(fault, TableFault::Syntax { line, .. } if line == at), "{bad}: {fault}");
        }
        assert_eq!(of_csv("", ["who", "what"]), Ok(vec![]));
    }
}
