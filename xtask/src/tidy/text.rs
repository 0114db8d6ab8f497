//! What is written in the files, held against the plan.

use crate::house::{EMPTY_ENDINGS, EMPTY_WORDS, FILE_LINES_MAX, LONG_BECAUSE, NEVER_UNWRAP};

/// What is out of place in one file of the checkout.
pub(super) fn check(name: &str, text: &str) -> Vec<String> {
    let mut found = words(name, text);
    if name.ends_with(".rs") {
        found.extend(rust_file(name, text));
        found.extend(type_names(name, text));
        found.extend(unwraps(name, text));
    }
    if name.ends_with("/Cargo.toml") && !text.contains("[lints]\nworkspace = true") {
        found.push(format!("{name}: does not take the lints of the workspace"));
    }
    found
}

/// Written in two halves, so that this file is not the first to be found.
const WORDS: &[(&str, &str, &str)] = &[
    ("/ro", "ot/", "a path of somebody's machine"),
    ("/ho", "me/", "a path of somebody's machine"),
    ("/Us", "ers/", "a path of somebody's machine"),
    ("/wo", "rk/", "a path of somebody's machine"),
    ("TO", "DO", "what is left to do stands in an issue"),
    ("FIX", "ME", "what is broken stands in an issue"),
    ("minio", "admin", "credentials that everybody knows"),
    ("rustfs", "admin", "credentials that everybody knows"),
];

fn words(name: &str, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        for (one, other, why) in WORDS {
            if line.contains(&format!("{one}{other}")) {
                found.push(format!("{name}:{number}: holds `{one}{other}`: {why}"));
            }
        }
    }
    found
}

fn rust_file(name: &str, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let stem = name.rsplit('/').next().unwrap_or(name).trim_end_matches(".rs");
    if stem == "mod" {
        found.push(format!("{name}: a module `foo` lies in `foo.rs`"));
    }
    if EMPTY_WORDS.contains(&stem) || name.split('/').any(|folder| EMPTY_WORDS.contains(&folder)) {
        found.push(format!("{name}: its name fits everything and says nothing"));
    }
    let header: Vec<&str> = text.lines().take_while(|line| line.starts_with("//!")).collect();
    // A file of unit tests belongs to the module beside it.
    if header.is_empty() && stem != "tests" {
        found.push(format!("{name}: does not open with `//!` and what life is like inside"));
    }
    let lines = text.lines().count();
    if lines > FILE_LINES_MAX && !header.iter().any(|line| line.starts_with(LONG_BECAUSE)) {
        found.push(format!("{name}: has {lines} lines and no line `{LONG_BECAUSE}…` in its header"));
    }
    found
}

fn type_names(name: &str, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let Some(defined) = defined_on(line) else { continue };
        let is_empty_word = EMPTY_WORDS.contains(&defined.to_ascii_lowercase().as_str());
        if is_empty_word || EMPTY_ENDINGS.iter().any(|ending| defined.ends_with(ending)) {
            found.push(format!("{name}:{number}: `{defined}` fits everything and says nothing"));
        }
    }
    found
}

/// The type or module that a line defines. What an `impl` has to call a type is the trait's choice.
fn defined_on(line: &str) -> Option<&str> {
    let is_indented = line.starts_with(' ');
    if !line.trim_start().starts_with(|c: char| c.is_ascii_lowercase()) {
        return None;
    }
    let mut words = line.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty());
    loop {
        match words.next()? {
            "pub" | "crate" | "super" | "unsafe" => {}
            "struct" | "enum" | "trait" | "union" | "mod" => return words.next(),
            "type" if !is_indented => return words.next(),
            _ => return None,
        }
    }
}

fn unwraps(name: &str, text: &str) -> Vec<String> {
    let (member, rest) = name.split_once('/').unwrap_or((name, ""));
    let is_test = !rest.starts_with("src/") || rest.ends_with("/tests.rs") || rest.contains("/tests/");
    if !NEVER_UNWRAP.contains(&member) || is_test {
        return Vec::new();
    }
    let shipped = text.lines().take_while(|line| !line.trim_start().starts_with("#[cfg(test)]"));
    let unwrapped =
        (1..).zip(shipped).filter(|(_, line)| line.contains(".unwrap()") && !line.trim_start().starts_with("//"));
    unwrapped.map(|(number, _)| format!("{name}:{number}: unwraps")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(name: &str, text: &str) -> usize {
        check(name, text).len()
    }

    #[test]
    fn what_is_in_its_place_is_left_alone() {
        let text = "//! A thing.\n\nstruct Put;\nfn f() { g().unwrap_or(1); }\n#[cfg(test)]\nmod tests { fn t() { g().unwrap(); } }\n";
        assert_eq!(check("engine/src/put.rs", text), Vec::<String>::new());
        assert_eq!(check("sim/src/world.rs", "//! A world.\nfn f() { g().unwrap(); }"), Vec::<String>::new());
        assert_eq!(check("engine/tests/put.rs", "//! Tests.\nfn f() { g().unwrap(); }"), Vec::<String>::new());
    }

    #[test]
    fn files_are_called_and_opened_as_the_plan_says() {
        assert_eq!(count("engine/src/put/mod.rs", "//! A thing."), 1);
        assert_eq!(count("engine/src/util.rs", "//! A thing."), 1);
        assert_eq!(count("common/src/put.rs", "//! A thing."), 1);
        assert_eq!(count("engine/src/put.rs", "struct Put;"), 1);
        let long = format!("//! A thing.\n{}", "\n".repeat(FILE_LINES_MAX));
        assert_eq!(count("engine/src/put.rs", &long), 1);
        assert_eq!(count("engine/src/put.rs", &format!("{LONG_BECAUSE}it is one table.\n{long}")), 0);
    }

    #[test]
    fn words_that_say_nothing_are_found_where_something_is_defined() {
        for bad in
            ["struct Helper;", "pub(crate) enum PutHandler {}", "mod util;", "pub trait Service {}", "type Data = u8;"]
        {
            assert_eq!(count("engine/src/put.rs", &format!("//! A thing.\n{bad}")), 1, "{bad}");
        }
        for good in [
            "struct BucketInfo;",
            "    type Data = u8;",
            "fn helper() {}",
            "// struct Helper",
            "use hyper::service::Service;",
        ] {
            assert_eq!(count("engine/src/put.rs", &format!("//! A thing.\n{good}")), 0, "{good}");
        }
    }

    #[test]
    fn unwraps_and_words_of_somebodys_machine_are_found_by_line() {
        let found = check("gateway/src/front.rs", "//! A door.\nfn f() {\n    g().unwrap();\n}");
        assert_eq!(found, ["gateway/src/front.rs:3: unwraps"]);
        for (one, other, _) in WORDS {
            assert_eq!(count("README.md", &format!("see {one}{other}x")), 1);
        }
        assert_eq!(count("engine/Cargo.toml", "[package]"), 1);
        assert_eq!(count("engine/Cargo.toml", "[lints]\nworkspace = true"), 0);
    }
}
