//! Whether lines of the audit are as they were written, told from the lines alone. Nothing of the lake is linked in: this is
//! `docs/format.md`, *The audit chain*, read a second time.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use signer::sha256_hex;

/// What every hash of the chain begins with.
const DOMAIN: &[u8] = b"twinlake audit 1\n";

/// A line of the audit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Line {
    pub(super) before: String,
    pub(super) entry: Value,
    pub(super) hash: String,
    pub(super) number: u64,
    pub(super) sequence: String,
}

/// A place in the chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    pub(super) hash: String,
    pub(super) number: u64,
}

impl std::str::FromStr for Place {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fault = "a place is written NUMBER:HASH, with 64 hex digits";
        let (number, hash) = text.split_once(':').ok_or(fault)?;
        if hash.len() != 64 || unhex(hash).is_none() {
            return Err(fault);
        }
        Ok(Self { number: number.parse().map_err(|_| fault)?, hash: hash.to_ascii_lowercase() })
    }
}

impl Line {
    /// The hash of what stands in the line; none where it is no line of the audit.
    fn worked_out(&self) -> Option<String> {
        let before = unhex(&self.before).filter(|before| before.len() == 32)?;
        let sequence: kernel::Sequence = self.sequence.parse().ok()?;
        let entry = serde_json::to_vec(&self.entry).ok()?;
        let (number, sequence) = (self.number.to_be_bytes(), sequence.to_bits().to_be_bytes());
        Some(sha256_hex([DOMAIN, &before, &number, &sequence, &entry]))
    }

    pub(super) fn place(&self) -> Place {
        Place { hash: self.hash.clone(), number: self.number }
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = |at| text.get(at..at + 2).filter(|pair: &&str| pair.bytes().all(|byte| byte.is_ascii_hexdigit()));
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(digits(at)?, 16).ok()).collect()
}

/// Goes through lines, one by one.
#[derive(Debug, Default)]
pub(super) struct Checker {
    /// Whether lines may be missing, because they were asked for by a filter.
    pub(super) has_gaps: bool,
    pub(super) first: Option<u64>,
    pub(super) last: Option<Place>,
    pub(super) lines: u64,
}

impl Checker {
    /// Takes the next line.
    ///
    /// # Errors
    /// What is wrong with it, for people.
    pub(super) fn take(&mut self, line: &Line) -> Result<(), String> {
        let number = line.number;
        if line.worked_out().as_deref() != Some(line.hash.as_str()) {
            return Err(format!("entry {number} was changed"));
        }
        if let Some(last) = &self.last {
            let expected = last.number + 1;
            match number {
                _ if number == expected && line.before != last.hash => {
                    return Err(format!("entry {number} does not follow the entry before it"));
                }
                _ if number < expected => return Err(format!("entry {number} stands behind entry {}", last.number)),
                _ if number > expected && !self.has_gaps => return Err(format!("entry {expected} is missing")),
                _ => {}
            }
        }
        self.first.get_or_insert(number);
        self.last = Some(line.place());
        self.lines += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(length: u64) -> Vec<Line> {
        let mut before = "0".repeat(64);
        let line = |number: u64| {
            let entry = serde_json::json!({"kind": "change", "who": format!("ü\"{number}\u{1}")});
            let sequence = kernel::Sequence::from_bits(number + 7).to_string();
            let mut line = Line { before: before.clone(), entry, hash: String::new(), number, sequence };
            line.hash = line.worked_out().expect("a line");
            before.clone_from(&line.hash);
            line
        };
        (1..=length).map(line).collect()
    }

    fn fault(lines: &[Line], has_gaps: bool) -> Option<String> {
        let mut checker = Checker { has_gaps, ..Checker::default() };
        lines.iter().find_map(|line| checker.take(line).err())
    }

    #[test]
    fn whatever_is_done_to_lines_is_found_and_named() {
        let whole = chain(5);
        assert_eq!(fault(&whole, false), None);
        type Tampering = fn(&mut Vec<Line>);
        let cases: [(Tampering, &str); 6] = [
            (|lines| lines[2].entry["who"] = "root".into(), "entry 3 was changed"),
            (|lines| lines[2].sequence = lines[1].sequence.clone(), "entry 3 was changed"),
            (|lines| drop(lines.remove(2)), "entry 3 is missing"),
            (|lines| lines.swap(1, 2), "entry 2 is missing"),
            (|lines| lines.insert(2, lines[1].clone()), "entry 2 stands behind entry 2"),
            (
                |lines| {
                    lines[2].before = "0".repeat(64);
                    lines[2].hash = lines[2].worked_out().expect("a line");
                },
                "entry 3 does not follow the entry before it",
            ),
        ];
        for (tampering, expected) in cases {
            let mut lines = whole.clone();
            tampering(&mut lines);
            assert_eq!(fault(&lines, false).as_deref(), Some(expected));
        }
        let some = [whole[0].clone(), whole[3].clone()];
        assert_eq!(fault(&some, true), None, "a filter leaves gaps");
    }

    #[test]
    fn places_are_read_as_they_are_shown() {
        let hash = "ab".repeat(32);
        assert_eq!(format!("7:{hash}").parse(), Ok(Place { number: 7, hash: hash.clone() }));
        for bad in ["", "7", "7:ab", &format!("x:{hash}"), &format!("7:{}", "zz".repeat(32))] {
            assert!(bad.parse::<Place>().is_err(), "{bad}");
        }
    }
}
