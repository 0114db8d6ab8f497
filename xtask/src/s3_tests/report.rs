//! What pytest says of each case, gathered by function: a function passes when all its cases do.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// The file that functions belong to where they are written without one.
const MAIN: &str = "test_s3.py";
/// Outcomes as `pytest -rA` writes them at the start of a line.
const OUTCOMES: [&str; 6] = ["PASSED", "FAILED", "ERROR", "SKIPPED", "XFAIL", "XPASS"];

/// The outcomes so far.
#[derive(Debug, Default)]
pub(super) struct Report {
    cases: BTreeMap<&'static str, usize>,
    passing: BTreeSet<String>,
    failing: BTreeSet<String>,
}

impl Report {
    /// Takes a line if it names an outcome. `ERROR` may follow `PASSED` for the same case, when cleaning up failed.
    pub(super) fn take(&mut self, line: &str) -> bool {
        let Some((word, rest)) = line.split_once(' ') else {
            return false;
        };
        let Some(outcome) = OUTCOMES.iter().find(|outcome| **outcome == word) else {
            return false;
        };
        *self.cases.entry(outcome).or_default() += 1;
        let case = rest.split(" - ").next().unwrap_or(rest);
        let Some((path, name)) = case.rsplit_once("::") else {
            return true;
        };
        let function = name.split('[').next().unwrap_or(name).trim();
        // Functions of other files carry their file's name: the files share some.
        let function = match path.rsplit('/').next() {
            None | Some(MAIN) => function.to_owned(),
            Some(file) => format!("{file}::{function}"),
        };
        if *outcome == "PASSED" && !self.failing.contains(&function) {
            self.passing.insert(function);
        } else if *outcome != "PASSED" {
            self.passing.remove(&function);
            self.failing.insert(function);
        }
        true
    }

    /// Outcomes in all.
    pub(super) fn cases(&self) -> usize {
        self.cases.values().sum()
    }

    /// Functions all of whose cases passed.
    pub(super) fn passing(&self) -> &BTreeSet<String> {
        &self.passing
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let functions = self.passing.len() + self.failing.len();
        write!(f, "{} of {functions} functions pass; cases:", self.passing.len())?;
        self.cases.iter().try_for_each(|(outcome, count)| write!(f, " {count} {}", outcome.to_lowercase()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_passes_when_all_its_cases_do() {
        let mut report = Report::default();
        for line in [
            "PASSED s3tests/functional/test_s3.py::test_whole",
            "PASSED s3tests/functional/test_s3.py::test_half[a-b]",
            "FAILED s3tests/functional/test_s3.py::test_half[c] - assert 1 == 2",
            "FAILED s3tests/functional/test_s3.py::test_other_half[c] - a::b",
            "PASSED s3tests/functional/test_s3.py::test_other_half[d]",
            "PASSED s3tests/functional/test_s3.py::test_untidy",
            "ERROR s3tests/functional/test_s3.py::test_untidy - ClientError",
            "PASSED s3tests/functional/test_headers.py::test_half",
            "FAILED s3tests/functional/test_headers.py::test_whole - assert 1 == 2",
            "SKIPPED [1] s3tests/functional/test_s3.py:3851: no api_name configured",
        ] {
            assert!(report.take(line), "{line}");
        }
        for line in ["", "597 passed in 3s", "...F..", "/tmp/x.py:1: Error"] {
            assert!(!report.take(line), "{line}");
        }
        assert_eq!(report.passing().iter().collect::<Vec<_>>(), ["test_headers.py::test_half", "test_whole"]);
        assert_eq!(report.cases(), 10);
        assert_eq!(report.to_string(), "2 of 6 functions pass; cases: 1 error 3 failed 5 passed 1 skipped");
    }
}
