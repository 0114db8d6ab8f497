//! Each rule finds its breach, and leaves what is as it should be.

use super::*;

/// What a crate imports: `(name, kind, is of the house)`.
type Import<'a> = (&'a str, Option<&'a str>, bool);
/// A foreign package: name, version, licence, source.
type Foreign<'a> = (&'a str, &'a str, &'a str, &'a str);

/// A graph of crates of the house with what they import, and of foreign packages.
fn graph(members: &[(&str, &[Import<'_>])], others: &[Foreign<'_>]) -> Graph {
    let dependency = |(name, kind, ours): &Import<'_>| Dependency {
        name: (*name).to_owned(),
        kind: kind.map(str::to_owned),
        path: ours.then(String::new),
    };
    let ours = members.iter().map(|(name, imports)| Package {
        id: (*name).to_owned(),
        name: (*name).to_owned(),
        version: "0.1.0".to_owned(),
        license: None,
        source: None,
        dependencies: imports.iter().map(dependency).collect(),
        manifest_path: format!("/x/{name}/Cargo.toml"),
    });
    let theirs = others.iter().map(|(name, version, licence, source)| Package {
        id: format!("{name} {version}"),
        name: (*name).to_owned(),
        version: (*version).to_owned(),
        license: Some((*licence).to_owned()),
        source: Some((*source).to_owned()),
        dependencies: Vec::new(),
        manifest_path: String::new(),
    });
    let packages: Vec<Package> = ours.chain(theirs).collect();
    let nodes = packages.iter().map(|package| Node { id: package.id.clone() }).collect();
    let workspace_members = members.iter().map(|(name, _)| (*name).to_owned()).collect();
    Graph { packages, workspace_members, resolve: Resolve { nodes } }
}

#[test]
fn arrows_that_are_not_drawn_are_found() {
    let good = graph(&[("gateway", &[("engine", None, true), ("storage", Some("dev"), true)])], &[]);
    assert_eq!(layers(&good), Vec::<String>::new());
    let bad = graph(&[("gateway", &[("metadata", None, true)]), ("storage", &[("metadata", Some("dev"), true)])], &[]);
    assert_eq!(layers(&bad).len(), 2);
    assert_eq!(layers(&graph(&[("commons", &[])], &[])).len(), 1);
}

#[test]
fn foreign_crates_are_named_by_their_owners_only() {
    let good =
        graph(&[("storage", &[("ring", None, false), ("tokio", None, false), ("tempfile", Some("dev"), false)])], &[]);
    assert_eq!(owners(&good), Vec::<String>::new());
    for (member, import, kind) in [
        ("gateway", "rocksdb", None),
        ("kernel", "tokio", None),
        ("engine", "tempfile", None),
        ("engine", "left-pad", None),
        ("engine", "left-pad", Some("dev")),
    ] {
        assert_eq!(owners(&graph(&[(member, &[(import, kind, false)])], &[])).len(), 1, "{member} {import}");
    }
}

#[test]
fn banned_crates_licences_sources_and_second_versions_are_found() {
    const INDEX: &str = "registry+https://github.com/rust-lang/crates.io-index";
    let ban = Ban::read(include_str!("../../../../deny.toml")).expect("the page is sound");
    let count = |others: &[_]| foreign(&graph(&[], others), &ban).len();
    assert_eq!(count(&[("rustls", "0.23.0", "MIT OR GPL-3.0", INDEX)]), 0);
    for bad in [
        ("openssl", "0.10.0", "MIT", INDEX),
        ("aws-lc-rs", "1.0.0", "ISC", INDEX),
        ("rustls", "0.23.0", "GPL-3.0", INDEX),
        ("rustls", "0.23.0", "MIT", "git+https://example.org/rustls"),
    ] {
        assert_eq!(count(&[bad]), 1, "{bad:?}");
    }
    assert_eq!(count(&[("ring", "0.16.0", "MIT", INDEX), ("ring", "0.17.0", "MIT", INDEX)]), 1);
}

#[test]
fn the_code_map_and_the_plan_say_the_same() {
    let graph = graph(&[("metadata", &[])], &[]);
    assert_eq!(code_map(&graph, "| `metadata/` | what exists | `rocksdb` |"), Vec::<String>::new());
    assert_eq!(code_map(&graph, "| `metadata/` | what exists | `s3s` |").len(), 1);
    assert_eq!(code_map(&graph, "| `storage/` | bytes | – |").len(), 1);
}
