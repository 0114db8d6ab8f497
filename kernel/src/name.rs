//! Names that people give: checked once, when they enter, and trusted from then on.

use std::fmt;
use std::net::Ipv4Addr;
use std::sync::Arc;

/// Why a name is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Not within the length bounds, in bytes.
    #[error("must be {min} to {max} bytes long")]
    Length {
        /// Shortest allowed.
        min: usize,
        /// Longest allowed.
        max: usize,
    },
    /// A character outside the allowed set.
    #[error("holds a character that is not allowed")]
    Character,
    /// Starts, ends or is built in a way that is reserved or ambiguous.
    #[error("is malformed or reserved: {0}")]
    Form(&'static str),
}

macro_rules! name_text {
    ($name:ident) => {
        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({:?})", stringify!($name), &self.0)
            }
        }
        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
    };
}

/// A bucket's name by the rules of general purpose buckets: 3–63 of `a-z`, `0-9`, `.` and `-`, each label begun and
/// ended by a letter or digit, not an IPv4 address, no reserved prefix or suffix.
///
/// Source: Amazon S3 User Guide, *Bucket naming rules*.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BucketName(Arc<str>);
name_text!(BucketName);

impl BucketName {
    /// Checks a name.
    ///
    /// # Errors
    /// [`NameError`] says which rule it breaks.
    pub fn new(name: &str) -> Result<Self, NameError> {
        const RESERVED_PREFIXES: [&str; 3] = ["xn--", "sthree-", "amzn-s3-demo-"];
        const RESERVED_SUFFIXES: [&str; 5] = ["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"];
        if !(3..=63).contains(&name.len()) {
            return Err(NameError::Length { min: 3, max: 63 });
        }
        if !name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-')) {
            return Err(NameError::Character);
        }
        let edges_are_alphanumeric = |text: &str| {
            text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.ends_with(|c: char| c.is_ascii_alphanumeric())
        };
        if !edges_are_alphanumeric(name) {
            return Err(NameError::Form("must begin and end with a letter or digit"));
        }
        if name.contains("..") || name.contains(".-") || name.contains("-.") {
            return Err(NameError::Form("a period must stand between letters or digits"));
        }
        if name.parse::<Ipv4Addr>().is_ok() {
            return Err(NameError::Form("must not look like an IP address"));
        }
        if RESERVED_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
            || RESERVED_SUFFIXES.iter().any(|suffix| name.ends_with(suffix))
        {
            return Err(NameError::Form("uses a reserved prefix or suffix"));
        }
        Ok(Self(name.into()))
    }
}

/// An object's key: 1–1,024 bytes of UTF-8 without NUL. Anything else goes, `a//b`, `../x` and emoji included: a key is
/// never a path. Keys order by their bytes.
///
/// Source: Amazon S3 User Guide, *Naming Amazon S3 objects*. NUL is refused because the catalogue ends keys with it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey(Arc<str>);
name_text!(ObjectKey);

impl ObjectKey {
    /// Longest key, in bytes.
    pub const BYTES_MAX: usize = 1024;

    /// Checks a key.
    ///
    /// # Errors
    /// [`NameError`] says which rule it breaks.
    pub fn new(key: &str) -> Result<Self, NameError> {
        if key.is_empty() || key.len() > Self::BYTES_MAX {
            return Err(NameError::Length { min: 1, max: Self::BYTES_MAX });
        }
        if key.contains('\0') {
            return Err(NameError::Character);
        }
        Ok(Self(key.into()))
    }
}

/// An annotation's name: 1–512 bytes of letters and digits of any script, `_`, `.` and `-`, not begun with `aws` or `s3`
/// in any case. Names are told apart and ordered by their bytes.
///
/// Source: Amazon S3 User Guide, *Annotating your objects* and *Managing annotations*.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AnnotationName(Arc<str>);
name_text!(AnnotationName);

impl AnnotationName {
    /// Longest name, in bytes.
    pub const BYTES_MAX: usize = 512;

    /// Checks a name.
    ///
    /// # Errors
    /// [`NameError`] says which rule it breaks.
    pub fn new(name: &str) -> Result<Self, NameError> {
        if name.is_empty() {
            return Err(NameError::Length { min: 1, max: Self::BYTES_MAX });
        }
        Self::check_prefix(name)?;
        let begins_with = |reserved: &str| {
            name.get(..reserved.len()).is_some_and(|beginning| beginning.eq_ignore_ascii_case(reserved))
        };
        if begins_with("aws") || begins_with("s3") {
            return Err(NameError::Form("must not begin with `aws` or `s3`"));
        }
        Ok(Self(name.into()))
    }

    /// Checks that a text, empty or not, may be the beginning of a name as far as length and characters go.
    ///
    /// # Errors
    /// [`NameError`] says which rule it breaks.
    pub fn check_prefix(prefix: &str) -> Result<(), NameError> {
        if prefix.len() > Self::BYTES_MAX {
            return Err(NameError::Length { min: 1, max: Self::BYTES_MAX });
        }
        let is_allowed = |character: char| character.is_alphanumeric() || matches!(character, '_' | '.' | '-');
        if prefix.chars().all(is_allowed) { Ok(()) } else { Err(NameError::Character) }
    }
}

/// A site's name: 1–32 of `a-z`, `0-9` and `-`, begun with a letter.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SiteName(Arc<str>);
name_text!(SiteName);

impl SiteName {
    /// Checks a name.
    ///
    /// # Errors
    /// [`NameError`] says which rule it breaks.
    pub fn new(name: &str) -> Result<Self, NameError> {
        if !(1..=32).contains(&name.len()) {
            return Err(NameError::Length { min: 1, max: 32 });
        }
        if !name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-')) {
            return Err(NameError::Character);
        }
        if !name.starts_with(|c: char| c.is_ascii_lowercase()) {
            return Err(NameError::Form("must begin with a letter"));
        }
        Ok(Self(name.into()))
    }

    /// The site where the catalogue lives; inline bodies and the local blob directory are one replica there.
    pub fn home() -> Self {
        Self("home".into())
    }
}

/// The region that requests are signed for: 1–32 of `a-z`, `0-9` and `-`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Region(Arc<str>);
name_text!(Region);

impl Region {
    /// Checks a name.
    ///
    /// # Errors
    /// [`NameError`] says which rule it breaks.
    pub fn new(name: &str) -> Result<Self, NameError> {
        if !(1..=32).contains(&name.len()) {
            return Err(NameError::Length { min: 1, max: 32 });
        }
        if !name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-')) {
            return Err(NameError::Character);
        }
        Ok(Self(name.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bucket_names_follow_the_rules_of_s3() {
        for good in ["abc", "a-b", "my.bucket.1", "1abc", &"a".repeat(63), "a--b"] {
            assert!(BucketName::new(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "ab",
            &"a".repeat(64),
            "Abc",
            "a_b",
            "-abc",
            "abc-",
            ".abc",
            "abc.",
            "a..b",
            "a.-b",
            "a-.b",
            "192.168.5.4",
            "xn--abc",
            "sthree-abc",
            "amzn-s3-demo-x",
            "abc-s3alias",
            "abc--ol-s3",
            "abc.mrap",
            "abc--x-s3",
            "abc--table-s3",
            "a/b",
            "a b",
            "äbc",
            "a\0b",
        ] {
            assert!(BucketName::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn annotation_names_are_words_of_any_script() {
        for good in ["a", "ml.sentiment", "run_7-a.b", "Überlauf", "温度", "a3w", "w.aws", &"n".repeat(512), "-"] {
            assert_eq!(AnnotationName::new(good).expect(good).as_str(), good);
        }
        let long = "é".repeat(257);
        for (bad, rule) in [
            ("", NameError::Length { min: 1, max: 512 }),
            (long.as_str(), NameError::Length { min: 1, max: 512 }),
            (" ", NameError::Character),
            ("a/b", NameError::Character),
            ("a b", NameError::Character),
            ("a\0", NameError::Character),
            ("a\n", NameError::Character),
            ("🌬", NameError::Character),
            ("aws.x", NameError::Form("must not begin with `aws` or `s3`")),
            ("AwS", NameError::Form("must not begin with `aws` or `s3`")),
            ("S3-x", NameError::Form("must not begin with `aws` or `s3`")),
        ] {
            assert_eq!(AnnotationName::new(bad), Err(rule), "{bad}");
        }
    }

    #[test]
    fn keys_are_any_text_within_bounds() {
        for good in ["a", "a//b", "../x", "/", "a b", "%41", "🌬️/θ", &"k".repeat(1024)] {
            assert_eq!(ObjectKey::new(good).expect(good).as_str(), good);
        }
        for bad in ["", "a\0b", &"k".repeat(1025), &"é".repeat(513)] {
            assert!(ObjectKey::new(bad).is_err(), "{bad}");
        }
    }
}
