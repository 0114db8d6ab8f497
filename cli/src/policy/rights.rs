//! Tables of rights: which groups may do what with which buckets, and what that is in Cedar.
//!
//! Communities keep such tables for the gateways they had before: the groups that tokens name on one side, buckets and a
//! few words on the other. Every row becomes permits whose heads name one group and one bucket, so that a decision looks
//! at those alone that can concern it; each tells in its `@reason` which row it is from.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use kernel::BucketName;
use serde::Deserialize;

use super::table::{self, TableFault};

/// Bytes of a table.
pub(super) const TABLE_BYTES_MAX: u64 = 256 << 10;
/// Policies that a table may become: as many as the lake takes in one set.
const POLICIES_MAX: usize = 1_000;
/// Letters of a name of a group or user.
const NAME_LETTERS_MAX: usize = 256;
/// Bytes of a prefix: those of a key.
const PREFIX_BYTES_MAX: usize = 1_024;

/// Words that stand for a kind of action, whatever its name.
const KINDS: [&str; 4] = ["read", "write", "list", "manage"];
/// What is done to the lake as a whole, and to no bucket.
const OF_THE_LAKE: [&str; 1] = ["s3:ListAllMyBuckets"];
/// Stands for every bucket.
const ALL_BUCKETS: &str = "*";

/// A whole table. TOML: `[[allow]]` for each row.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    #[serde(default)]
    allow: Vec<Row>,
}

/// Some callers, some buckets, some rights.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    #[serde(default)]
    groups: Vec<String>,
    #[serde(default)]
    users: Vec<String>,
    buckets: Vec<String>,
    #[serde(default)]
    prefix: String,
    rights: Vec<String>,
}

/// Reads a table in TOML and says it in Cedar.
pub(super) fn of_toml(text: &str) -> Result<String, TableFault> {
    let table: Table = table::of_toml(text)?;
    to_cedar(&table.allow)
}

/// The head of a table in CSV.
const CSV_HEAD: [&str; 4] = ["groups", "buckets", "prefix", "rights"];

/// Reads a table in CSV and says it in Cedar. Its columns are those of [`CSV_HEAD`]; several names in one cell are parted
/// by spaces.
pub(super) fn of_csv(text: &str) -> Result<String, TableFault> {
    let words = |cell: &str| cell.split_ascii_whitespace().map(str::to_owned).collect();
    let rows = table::of_csv(text, CSV_HEAD)?.into_iter().map(|[groups, buckets, prefix, rights]| {
        let (groups, buckets, rights) = (words(&groups), words(&buckets), words(&rights));
        Row { groups, users: Vec::new(), buckets, prefix, rights }
    });
    to_cedar(&rows.collect::<Vec<_>>())
}

fn to_cedar(rows: &[Row]) -> Result<String, TableFault> {
    if rows.is_empty() {
        return Err(TableFault::Row { row: 1, reason: "the table is empty".to_owned() });
    }
    // By head and condition: what several rows say alike is said once.
    let mut said: BTreeMap<String, String> = BTreeMap::new();
    let mut text = String::new();
    for (row, number) in rows.iter().zip(1..) {
        let permits = row.permits().map_err(|reason| TableFault::Row { row: number, reason })?;
        for (permit, part) in permits.into_iter().zip(1..) {
            if said.contains_key(&permit) {
                continue;
            }
            let id = format!("row{number}.{part}");
            let written = write!(text, "@id(\"{id}\") @reason(\"row {number} of the table of rights\")\n{permit}\n");
            debug_assert!(written.is_ok(), "a text takes every line");
            said.insert(permit, id);
        }
    }
    if said.len() > POLICIES_MAX {
        return Err(TableFault::TooMany { count: said.len(), max: POLICIES_MAX });
    }
    Ok(text)
}

/// The rights of a row, by what they are given on.
struct Rights {
    /// Kinds and actions that concern a bucket as a whole, or any of its objects.
    whole: Vec<String>,
    /// Those given on objects below a prefix.
    objects: Vec<String>,
    /// Whether names below a prefix are shown.
    lists: bool,
    lake: Vec<String>,
}

impl Row {
    fn permits(&self) -> Result<Vec<String>, String> {
        let principals = self.principals()?;
        let rights = self.rights()?;
        if self.buckets.is_empty() {
            return Err("it names no bucket; `*` stands for all".to_owned());
        }
        let mut permits = Vec::new();
        for principal in &principals {
            for bucket in &self.buckets {
                let bucket = Target::of(bucket)?;
                if !rights.whole.is_empty() {
                    let actions = list(&rights.whole);
                    permits.push(bucket.permit(principal, &actions, Kind::Any, None));
                }
                if !rights.objects.is_empty() {
                    let below = format!("resource.key like \"{}*\"", pattern(&self.prefix));
                    permits.push(bucket.permit(principal, &list(&rights.objects), Kind::Object, Some(&below)));
                }
                if rights.lists {
                    let below = format!("context.prefix like \"{}*\"", pattern(&self.prefix));
                    let actions = "action in Lake::Action::\"list\"";
                    permits.push(bucket.permit(principal, actions, Kind::Bucket, Some(&below)));
                }
            }
            if !rights.lake.is_empty() {
                let actions = list(&rights.lake);
                permits.push(format!("permit ({principal}, {actions}, resource == Lake::Lake::\"*\");"));
            }
        }
        Ok(permits)
    }

    fn principals(&self) -> Result<Vec<String>, String> {
        if self.groups.is_empty() && self.users.is_empty() {
            return Err("it names no group and no user".to_owned());
        }
        let named = |head: &str, kind: &str, name: &String| {
            let is_name = !name.is_empty()
                && name.chars().count() <= NAME_LETTERS_MAX
                && !name.chars().any(|letter| letter.is_control() || letter.is_whitespace());
            if is_name {
                Ok(format!("principal {head} Lake::{kind}::\"{}\"", quoted(name)))
            } else {
                Err(format!("`{}` is no name of a group or user", name.escape_debug()))
            }
        };
        let groups = self.groups.iter().map(|name| named("in", "Group", name));
        groups.chain(self.users.iter().map(|name| named("==", "User", name))).collect()
    }

    fn rights(&self) -> Result<Rights, String> {
        if self.rights.is_empty() {
            return Err("it gives no right".to_owned());
        }
        if self.prefix.len() > PREFIX_BYTES_MAX || self.prefix.chars().any(char::is_control) {
            return Err(format!("`{}` is no prefix of keys", self.prefix.escape_debug()));
        }
        let has_prefix = !self.prefix.is_empty();
        let mut rights = Rights { whole: Vec::new(), objects: Vec::new(), lists: false, lake: Vec::new() };
        for right in &self.rights {
            let place = match right.as_str() {
                lake if OF_THE_LAKE.contains(&lake) => &mut rights.lake,
                "manage" if has_prefix => {
                    return Err("`manage` concerns whole buckets: give it in a row without a prefix".to_owned());
                }
                "list" if has_prefix => {
                    rights.lists = true;
                    continue;
                }
                kind if !KINDS.contains(&kind) && !is_action(kind) => {
                    return Err(format!(
                        "`{}` is no right: there are read, write, list, manage, and names of actions such as s3:GetObject",
                        kind.escape_debug()
                    ));
                }
                _ if has_prefix => &mut rights.objects,
                _ => &mut rights.whole,
            };
            if !place.contains(right) {
                place.push(right.clone());
            }
        }
        Ok(rights)
    }
}

/// Whether it is written as a name of an action. Which there are, the lake knows.
fn is_action(right: &str) -> bool {
    let name = right.strip_prefix("s3:").or_else(|| right.strip_prefix("lake:"));
    name.is_some_and(|name| {
        name.starts_with(|letter: char| letter.is_ascii_uppercase())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}

#[derive(Clone, Copy)]
enum Kind {
    Any,
    Bucket,
    Object,
}

/// The buckets that a row is about.
enum Target {
    All,
    Named(BucketName),
    /// The bucket that is called as this tag of the caller says.
    OfCaller(String),
}

impl Target {
    fn of(text: &str) -> Result<Self, String> {
        if text == ALL_BUCKETS {
            return Ok(Self::All);
        }
        let tag = text.strip_prefix("${aws:PrincipalTag/").and_then(|rest| rest.strip_suffix('}'));
        if let Some(tag) = tag.filter(|tag| !tag.is_empty() && !tag.contains(['$', '{', '}'])) {
            return Ok(Self::OfCaller(tag.to_owned()));
        }
        let refused = |_| format!("`{}` is no name of a bucket", text.escape_debug());
        BucketName::new(text).map(Self::Named).map_err(refused)
    }

    fn permit(&self, principal: &str, actions: &str, kind: Kind, condition: Option<&str>) -> String {
        let resource = match (self, kind) {
            (Self::Named(bucket), Kind::Any) => format!("resource in Lake::Bucket::\"{bucket}\""),
            (Self::Named(bucket), Kind::Bucket) => format!("resource == Lake::Bucket::\"{bucket}\""),
            (Self::Named(bucket), Kind::Object) => format!("resource is Lake::Object in Lake::Bucket::\"{bucket}\""),
            (_, Kind::Any) => "resource".to_owned(),
            (_, Kind::Bucket) => "resource is Lake::Bucket".to_owned(),
            (_, Kind::Object) => "resource is Lake::Object".to_owned(),
        };
        let own = match self {
            Self::OfCaller(tag) => {
                let tag = quoted(tag);
                let called = format!("principal.getTag(\"{tag}\")");
                let is_called = match kind {
                    Kind::Bucket => format!("resource.name == {called}"),
                    Kind::Object => format!("resource.bucket.name == {called}"),
                    Kind::Any => format!(
                        "((resource is Lake::Bucket && resource.name == {called}) || \
                         (resource is Lake::Object && resource.bucket.name == {called}))"
                    ),
                };
                // Only users and roles have tags.
                Some(format!(
                    "(principal is Lake::User || principal is Lake::Role) && principal.hasTag(\"{tag}\") && {is_called}"
                ))
            }
            Self::All | Self::Named(_) => None,
        };
        let conditions: Vec<&str> = own.as_deref().into_iter().chain(condition).collect();
        let when =
            if conditions.is_empty() { String::new() } else { format!("\nwhen {{ {} }}", conditions.join(" && ")) };
        format!("permit ({principal}, {actions}, {resource}){when};")
    }
}

fn list(rights: &[String]) -> String {
    let named: Vec<String> = rights.iter().map(|right| format!("Lake::Action::\"{right}\"")).collect();
    format!("action in [{}]", named.join(", "))
}

/// As it stands in a text of Cedar's.
fn quoted(text: &str) -> String {
    text.escape_debug().to_string()
}

/// As it stands in a pattern of Cedar's.
fn pattern(text: &str) -> String {
    quoted(text).replace('*', "\\*")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_become_permits_with_one_group_and_one_bucket_each() {
        let cedar = of_toml(
            r#"
            [[allow]]
            groups = ["cygno", "/cygno"]
            buckets = ["cygno-data"]
            rights = ["read", "list", "s3:ListAllMyBuckets"]
            [[allow]]
            groups = ["cygno"]
            users = ["ops"]
            buckets = ["scratch"]
            prefix = "cygno/a*\"b/"
            rights = ["read", "write", "list"]
            "#,
        );
        let expected = r#"@id("row1.1") @reason("row 1 of the table of rights")
permit (principal in Lake::Group::"cygno", action in [Lake::Action::"read", Lake::Action::"list"], resource in Lake::Bucket::"cygno-data");
@id("row1.2") @reason("row 1 of the table of rights")
permit (principal in Lake::Group::"cygno", action in [Lake::Action::"s3:ListAllMyBuckets"], resource == Lake::Lake::"*");
@id("row1.3") @reason("row 1 of the table of rights")
permit (principal in Lake::Group::"/cygno", action in [Lake::Action::"read", Lake::Action::"list"], resource in Lake::Bucket::"cygno-data");
@id("row1.4") @reason("row 1 of the table of rights")
permit (principal in Lake::Group::"/cygno", action in [Lake::Action::"s3:ListAllMyBuckets"], resource == Lake::Lake::"*");
@id("row2.1") @reason("row 2 of the table of rights")
permit (principal in Lake::Group::"cygno", action in [Lake::Action::"read", Lake::Action::"write"], resource is Lake::Object in Lake::Bucket::"scratch")
when { resource.key like "cygno/a\*\"b/*" };
@id("row2.2") @reason("row 2 of the table of rights")
permit (principal in Lake::Group::"cygno", action in Lake::Action::"list", resource == Lake::Bucket::"scratch")
when { context.prefix like "cygno/a\*\"b/*" };
@id("row2.3") @reason("row 2 of the table of rights")
permit (principal == Lake::User::"ops", action in [Lake::Action::"read", Lake::Action::"write"], resource is Lake::Object in Lake::Bucket::"scratch")
when { resource.key like "cygno/a\*\"b/*" };
@id("row2.4") @reason("row 2 of the table of rights")
permit (principal == Lake::User::"ops", action in Lake::Action::"list", resource == Lake::Bucket::"scratch")
when { context.prefix like "cygno/a\*\"b/*" };
"#;
        assert_eq!(cedar.as_deref(), Ok(expected));
    }

    #[test]
    fn a_bucket_may_be_called_as_its_user() {
        let cedar = of_toml(
            "[[allow]]\ngroups = ['herd']\nbuckets = ['${aws:PrincipalTag/preferred_username}']\nrights = ['read']\n",
        );
        let cedar = cedar.expect("a table");
        assert!(cedar.contains(r#"principal.hasTag("preferred_username") && "#), "{cedar}");
        assert!(cedar.contains(r#"resource.bucket.name == principal.getTag("preferred_username")"#), "{cedar}");
    }

    #[test]
    fn the_same_table_may_be_csv() {
        let toml = "[[allow]]\ngroups = ['a', '/a']\nbuckets = ['data']\nprefix = 'x/'\nrights = ['read', 'list']\n";
        let csv = "# who, where, what\n\ngroups,buckets,prefix,rights\na /a, data, x/, read list\n";
        assert_eq!(of_csv(csv), of_toml(toml));
        // What is said twice is said once.
        let twice = format!("{csv}a,data,x/,read list\n");
        assert_eq!(of_csv(&twice), of_csv(csv));
    }

    #[test]
    fn what_means_nothing_is_refused_with_its_place() {
        let row = |rest: &str| format!("[[allow]]\n{rest}\n");
        for (text, place, words) in [
            (String::new(), "row 1", "empty"),
            ("allow = 3".to_owned(), "line 1", "sequence"),
            (row("groups = ['a']\nbucket = 'b'"), "line 3", "bucket"),
            (row("groups = ['a']\nbuckets = ['data']"), "line 1", "rights"),
            (row("buckets = ['data']\nrights = ['read']"), "row 1", "no group"),
            (row("groups = ['a']\nbuckets = []\nrights = ['read']"), "row 1", "no bucket"),
            (row("groups = ['a']\nbuckets = ['data']\nrights = []"), "row 1", "no right"),
            (row("groups = ['a b']\nbuckets = ['data']\nrights = ['read']"), "row 1", "`a b`"),
            (row("groups = ['a']\nbuckets = ['Data']\nrights = ['read']"), "row 1", "`Data`"),
            (row("groups = ['a']\nbuckets = ['data-*']\nrights = ['read']"), "row 1", "`data-*`"),
            (row("groups = ['a']\nbuckets = ['${aws:username}']\nrights = ['read']"), "row 1", "aws:username"),
            (row("groups = ['a']\nbuckets = ['data']\nrights = ['admin']"), "row 1", "`admin` is no right"),
            (row("groups = ['a']\nbuckets = ['data']\nrights = ['s3:*']"), "row 1", "`s3:*`"),
            (row("groups = ['a']\nbuckets = ['data']\nprefix = 'x/'\nrights = ['manage']"), "row 1", "whole buckets"),
        ] {
            let fault = of_toml(&text).expect_err(&text).to_string();
            assert!(fault.starts_with(place) && fault.contains(words), "{text}: {fault}");
        }
        for (text, place) in [
            ("a,data,,read", "line 1"),
            ("groups,buckets,prefix,rights\na,data,read", "line 2"),
            ("groups,buckets,prefix,rights\n\"a,data,,read", "line 2"),
            ("groups,buckets,prefix,rights\na,data,,everything", "row 1"),
        ] {
            let fault = of_csv(text).expect_err(text).to_string();
            assert!(fault.starts_with(place), "{text}: {fault}");
        }
        let many: String = (0..1001)
            .map(|number| row(&format!("groups = ['g{number}']\nbuckets = ['data']\nrights = ['read']")))
            .collect();
        assert_eq!(of_toml(&many), Err(TableFault::TooMany { count: 1_001, max: POLICIES_MAX }));
    }
}
