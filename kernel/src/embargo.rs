//! Embargoes: until when a version may not be read, and by whom it may.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use crate::{AccountId, Timestamp};

/// A version that nobody but its readers may read before an instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Embargo {
    /// Until this instant; the instant itself is open.
    pub until: Timestamp,
    /// Who may read it before.
    pub readers: BTreeSet<EmbargoReader>,
    /// Who opened it before its time, once somebody did.
    pub lift: Option<EmbargoLift>,
}

impl Embargo {
    /// Readers that an embargo names at the most.
    pub const READERS_MAX: usize = 100;
    /// The last instant that an embargo may last until: the end of the year 9999, the last that dates of four digits name.
    pub const UNTIL_MAX: Timestamp = Timestamp::from_millis(253_402_300_799_999);

    /// Whether it closes at this instant.
    pub fn is_in_force(&self, now: Timestamp) -> bool {
        now < self.until && self.lift.as_ref().is_none_or(|lift| now < lift.at)
    }

    /// What is at least as strict as each of the two while they are in force: the later end, and only readers of both.
    /// One that is not in force asks for nothing.
    pub fn stricter(one: Option<Self>, other: Option<Self>, now: Timestamp) -> Option<Self> {
        let in_force = |embargo: &Self| embargo.is_in_force(now);
        match (one.filter(in_force), other.filter(in_force)) {
            (Some(one), Some(other)) => {
                let readers = one.readers.intersection(&other.readers).cloned().collect();
                Some(Self { until: one.until.max(other.until), readers, lift: None })
            }
            (one, other) => one.or(other),
        }
    }

    /// The same embargo in a bucket of another account, where names alone would mean others. A reader whose name would be
    /// too long with its account is left out.
    pub fn moved(self, from: AccountId, to: AccountId) -> Self {
        if from == to {
            return self;
        }
        let readers = self.readers.into_iter().filter_map(|reader| reader.moved(from)).collect();
        Self { readers, ..self }
    }

    /// Whether it opens anything that the other keeps closed at this instant: sooner, or to more readers.
    pub fn is_looser_than(&self, other: &Self, now: Timestamp) -> bool {
        other.is_in_force(now)
            && (!self.is_in_force(now) || self.until < other.until || !self.readers.is_subset(&other.readers))
    }
}

/// Somebody who may read under an embargo, by the name that policies in Cedar have for them: a name alone is of the
/// bucket's account, `ACCOUNT/name` of another. Written `group/NAME`, `user/NAME` or `role/NAME`; a name with none of the
/// three in front is a group's.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EmbargoReader {
    /// Everybody in a group.
    Group(String),
    /// A user: its name, and behind a `#` the unique id that it had when it was named.
    User(String),
    /// Whoever has taken on a role, named like a user.
    Role(String),
}

impl EmbargoReader {
    /// Longest name, in bytes.
    pub const NAME_BYTES_MAX: usize = 256;

    /// The account that a name brings along; none where it is a name alone.
    pub fn account(name: &str) -> Option<AccountId> {
        name.split_once('/')?.0.parse().ok()
    }

    /// As it is called outside of buckets of `account`; none where no reader can be called so.
    fn moved(self, account: AccountId) -> Option<Self> {
        let (kind, name): (fn(String) -> Self, String) = match self {
            Self::Group(name) => (Self::Group, name),
            Self::User(name) => (Self::User, name),
            Self::Role(name) => (Self::Role, name),
        };
        let name = if Self::account(&name).is_some() { name } else { format!("{account}/{name}") };
        (name.len() <= Self::NAME_BYTES_MAX).then(|| kind(name))
    }

    /// The name, and for a user or role the unique id that is meant; none means whoever is called so. Who was let in from
    /// outside has a colon in the name, and no id.
    pub fn name_and_id(&self) -> (&str, Option<&str>) {
        let (Self::Group(name) | Self::User(name) | Self::Role(name)) = self;
        match (self, name.split_once('#')) {
            (Self::User(_) | Self::Role(_), Some((name, id))) if !name.contains(':') => (name, Some(id)),
            _ => (name, None),
        }
    }

    /// As it is written where it is kept, with the unique id.
    pub fn kept(&self) -> String {
        match self {
            Self::Group(name) => format!("group/{name}"),
            Self::User(name) => format!("user/{name}"),
            Self::Role(name) => format!("role/{name}"),
        }
    }
}

/// No reader can be called so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a reader is written `group/NAME`, `user/NAME` or `role/NAME`, in at most {} bytes",
    EmbargoReader::NAME_BYTES_MAX
)]
pub struct ReaderNameError;

impl FromStr for EmbargoReader {
    type Err = ReaderNameError;

    fn from_str(text: &str) -> Result<Self, ReaderNameError> {
        let (kind, name): (fn(String) -> Self, &str) = match text.split_once('/') {
            Some(("group", name)) => (Self::Group, name),
            Some(("user", name)) => (Self::User, name),
            Some(("role", name)) => (Self::Role, name),
            _ => (Self::Group, text),
        };
        let is_legible = !name.chars().any(char::is_control) && name.trim() == name;
        let is_name = !name.is_empty() && name.len() <= Self::NAME_BYTES_MAX && is_legible;
        if is_name { Ok(kind(name.to_owned())) } else { Err(ReaderNameError) }
    }
}

impl fmt::Display for EmbargoReader {
    /// As people write it, without the unique id.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, _) = self.name_and_id();
        match self {
            Self::Group(_) => write!(f, "group/{name}"),
            Self::User(_) => write!(f, "user/{name}"),
            Self::Role(_) => write!(f, "role/{name}"),
        }
    }
}

/// An embargo that was lifted early.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmbargoLift {
    /// Who lifted it.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// Why, in their words; never empty.
    pub reason: String,
}

/// How a bucket treats versions under embargo.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EmbargoRule {
    /// New versions are closed for so long when their request says nothing: milliseconds; none for not at all.
    pub default_ms: Option<u64>,
    /// Who may read them before.
    pub readers: BTreeSet<EmbargoReader>,
    /// How listings show what is closed to the caller.
    pub listing: EmbargoListing,
}

/// A change of a bucket's rule: what is none stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EmbargoRuleChange {
    /// As [`EmbargoRule::default_ms`].
    pub default_ms: Option<Option<u64>>,
    /// As [`EmbargoRule::readers`].
    pub readers: Option<BTreeSet<EmbargoReader>>,
    /// As [`EmbargoRule::listing`].
    pub listing: Option<EmbargoListing>,
}

/// How listings show what is closed to the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum EmbargoListing {
    /// Not at all.
    #[default]
    Hidden,
    /// By its key alone, without size and entity tag.
    KeyOnly,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn embargo(until: i64, readers: &[&str]) -> Embargo {
        let readers = readers.iter().map(|reader| reader.parse().expect(reader)).collect();
        Embargo { until: Timestamp::from_millis(until), readers, lift: None }
    }

    #[test]
    fn readers_are_written_with_their_kind_and_groups_may_go_without() {
        let named = |text: &str| text.parse::<EmbargoReader>();
        assert_eq!(named("stewards"), Ok(EmbargoReader::Group("stewards".to_owned())));
        assert_eq!(named("/wlcg/atlas"), Ok(EmbargoReader::Group("/wlcg/atlas".to_owned())));
        assert_eq!(named("group/user/x"), Ok(EmbargoReader::Group("user/x".to_owned())));
        assert_eq!(named("user/123456789012/a"), Ok(EmbargoReader::User("123456789012/a".to_owned())));
        for text in ["group/stewards", "user/alice", "role/trainer", "group//x"] {
            assert_eq!(named(text).map(|reader| reader.to_string()), Ok(text.to_owned()));
        }
        for bad in ["", "user/", "a\nb", " a", "user/ a", &"x".repeat(EmbargoReader::NAME_BYTES_MAX + 1)] {
            assert_eq!(named(bad), Err(ReaderNameError), "{bad:?}");
        }
    }

    #[test]
    fn readers_stay_who_they_are_in_buckets_of_other_accounts() {
        let (home, other) = (AccountId::HOME, "123456789012".parse().expect("an account"));
        let long = format!("group/{}", "x".repeat(EmbargoReader::NAME_BYTES_MAX));
        let one = embargo(10, &["group/a", "user/111111111111/b", "role/c", "/wlcg/atlas", &long]);
        assert_eq!(one.clone().moved(home, home), one);
        let moved = one.clone().moved(home, other);
        let named: Vec<String> = moved.readers.iter().map(ToString::to_string).collect();
        let expected =
            ["group/000000000000//wlcg/atlas", "group/000000000000/a", "user/111111111111/b", "role/000000000000/c"];
        assert_eq!(named, expected);
        assert_eq!(moved.clone().moved(other, home), moved, "who has an account needs no other");
    }

    #[test]
    fn an_embargo_ends_at_its_instant_or_when_it_is_lifted() {
        let at = Timestamp::from_millis;
        let mut one = embargo(10, &[]);
        assert!(one.is_in_force(at(9)) && !one.is_in_force(at(10)));
        one.lift = Some(EmbargoLift { by: "a".to_owned(), at: at(5), reason: "out".to_owned() });
        assert!(one.is_in_force(at(4)) && !one.is_in_force(at(5)));
    }

    #[test]
    fn the_stricter_of_two_is_no_looser_than_either() {
        let now = Timestamp::from_millis(3);
        let all = [embargo(2, &["a"]), embargo(5, &["a", "b"]), embargo(9, &["b"]), embargo(9, &[])];
        for one in &all {
            for other in &all {
                match Embargo::stricter(Some(one.clone()), Some(other.clone()), now) {
                    Some(both) => {
                        assert!(
                            !both.is_looser_than(one, now) && !both.is_looser_than(other, now),
                            "{one:?} {other:?}"
                        );
                    }
                    None => assert!(!one.is_in_force(now) && !other.is_in_force(now)),
                }
            }
        }
        assert!(all[1].is_looser_than(&all[2], now) && all[2].is_looser_than(&all[3], now));
        assert!(!all[3].is_looser_than(&all[0], now), "what has ended keeps nothing closed");
    }
}
