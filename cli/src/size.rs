//! Sizes as people write and read them.

use std::fmt;
use std::str::FromStr;

/// A number of bytes. Written with a unit of 1024 (`KiB` … `EiB`) or of 1000 (`kB` … `EB`), or without one.
///
/// Source: IEC 80000-13 for the units of 1024, the SI brochure for those of 1000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ByteSize(pub(crate) u64);

/// Why a text is no size.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SizeError {
    /// Not a number in front.
    #[error("a size is a number and a unit, such as 500GB, 1.5TiB or 4096")]
    Number,
    /// Not a unit behind.
    #[error("`{0}` is no unit: B, kB, MB, GB, TB, PB, EB (of 1000) and KiB, MiB, GiB, TiB, PiB, EiB (of 1024) are")]
    Unit(String),
    /// A fraction that does not come out.
    #[error("that is not a whole number of bytes")]
    Fraction,
    /// Beyond what a lake counts.
    #[error("that is more than 9223372036854775807 bytes")]
    TooLarge,
}

/// The largest size that a lake counts.
const BYTES_MAX: u64 = i64::MAX as u64;
/// Places behind the point that are read; more say nothing that a unit below could not.
const PLACES_MAX: usize = 12;

const UNITS: [(&str, u64); 14] = [
    ("", 1),
    ("b", 1),
    ("kb", 1_000),
    ("mb", 1_000_000),
    ("gb", 1_000_000_000),
    ("tb", 1_000_000_000_000),
    ("pb", 1_000_000_000_000_000),
    ("eb", 1_000_000_000_000_000_000),
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
    ("tib", 1 << 40),
    ("pib", 1 << 50),
    ("eib", 1 << 60),
];

impl FromStr for ByteSize {
    type Err = SizeError;

    fn from_str(text: &str) -> Result<Self, SizeError> {
        let text = text.trim();
        let end = text.find(|c: char| !matches!(c, '0'..='9' | '.' | '_')).unwrap_or(text.len());
        let (number, unit) = text.split_at(end);
        let (whole, places) = number.split_once('.').unwrap_or((number, ""));
        let digits = whole.replace('_', "");
        let is_number =
            digits.starts_with(|c: char| c.is_ascii_digit()) && !(number.contains('.') && places.is_empty());
        if !is_number || !places.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(SizeError::Number);
        }
        if places.len() > PLACES_MAX {
            return Err(SizeError::Fraction);
        }
        let unit = unit.trim();
        let known = UNITS.iter().find(|(name, _)| unit.eq_ignore_ascii_case(name));
        let (_, factor) = known.ok_or_else(|| SizeError::Unit(unit.to_owned()))?;
        // At most 10^12 parts of at most 2^60 bytes each fit beside a number of 64 bits.
        let parts = 10_u128.pow(u32::try_from(places.len()).map_err(|_| SizeError::Fraction)?);
        let whole: u64 = digits.parse().map_err(|_| SizeError::TooLarge)?;
        let fraction: u64 = if places.is_empty() { 0 } else { places.parse().map_err(|_| SizeError::Fraction)? };
        let fraction = u128::from(fraction) * u128::from(*factor);
        if fraction % parts != 0 {
            return Err(SizeError::Fraction);
        }
        let bytes = u128::from(whole) * u128::from(*factor) + fraction / parts;
        let bytes = u64::try_from(bytes).ok().filter(|bytes| *bytes <= BYTES_MAX);
        bytes.map(Self).ok_or(SizeError::TooLarge)
    }
}

impl fmt::Display for ByteSize {
    /// In the unit of 1024 that leaves one to four digits in front, rounded down to one place behind the point.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NAMES: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
        let power = (self.0.max(1).ilog2() / 10) as usize;
        let Some(name) = power.checked_sub(1).and_then(|place| NAMES.get(place)) else {
            return write!(f, "{} B", self.0);
        };
        let unit = 1_u64 << (10 * power);
        let (whole, tenth) = (self.0 / unit, u128::from(self.0 % unit) * 10 / u128::from(unit));
        match tenth {
            0 => write!(f, "{whole} {name}"),
            _ => write!(f, "{whole}.{tenth} {name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn both_kinds_of_units_are_read() {
        for (text, bytes) in [
            ("0", 0),
            ("4096", 4096),
            ("1_000_000", 1_000_000),
            ("12B", 12),
            ("500 GB", 500_000_000_000),
            ("500gb", 500_000_000_000),
            ("1TiB", 1 << 40),
            (" 1 TiB ", 1 << 40),
            ("1.5TiB", 3 << 39),
            ("0.5 KiB", 512),
            ("1.25kB", 1250),
            ("7EiB", 7 << 60),
            ("9223372036854775807", i64::MAX as u64),
        ] {
            assert_eq!(text.parse(), Ok(ByteSize(bytes)), "{text}");
        }
    }

    #[test]
    fn what_is_no_size_is_refused() {
        let unit = |unit: &str| SizeError::Unit(unit.to_owned());
        for (text, error) in [
            ("", SizeError::Number),
            ("GB", SizeError::Number),
            ("-1", SizeError::Number),
            ("1.", SizeError::Number),
            (".5GB", SizeError::Number),
            ("1.2.3", SizeError::Number),
            ("1.0_0KB", SizeError::Number),
            ("1T", unit("T")),
            ("1 GBit", unit("GBit")),
            ("1e9", unit("e9")),
            ("0.3KiB", SizeError::Fraction),
            ("1.5", SizeError::Fraction),
            ("0.0000000000001TB", SizeError::Fraction),
            ("8EiB", SizeError::TooLarge),
            ("9223372036854775808", SizeError::TooLarge),
            ("99999999999999999999", SizeError::TooLarge),
        ] {
            assert_eq!(text.parse::<ByteSize>(), Err(error), "{text}");
        }
    }

    #[test]
    fn sizes_are_shown_in_units() {
        for (bytes, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1 KiB"),
            (1536, "1.5 KiB"),
            (1024 * 1024 - 1, "1023.9 KiB"),
            (500_000_000_000, "465.6 GiB"),
            (1 << 40, "1 TiB"),
            (u64::MAX, "15.9 EiB"),
        ] {
            assert_eq!(ByteSize(bytes).to_string(), text);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[0-9._ kKmMiIbBxé-]{0,24}") {
            let _ = text.parse::<ByteSize>();
        }

        #[test]
        fn what_is_shown_is_never_more_than_there_is(bytes in 0..=BYTES_MAX) {
            let shown = ByteSize(bytes).to_string();
            // One place behind the point of a unit of 1024 need not be whole bytes; the number in front is.
            let (number, unit) = shown.split_once(' ').expect("a number and a unit");
            let whole = number.split('.').next().expect("a number");
            let ByteSize(read) = format!("{whole}{unit}").parse().expect("a size");
            prop_assert!(read <= bytes && u128::from(bytes) < u128::from(read.max(1)) * 2 + 1024);
        }
    }
}
