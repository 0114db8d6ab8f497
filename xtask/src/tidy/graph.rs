//! What `cargo metadata` says, held against the plan.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use serde::Deserialize;

use super::licence;
use crate::house::{EVERYBODYS, LAYERS, ONE_VERSION, OWNERS, PROGRAMS, PURE, TEST_LAYERS, TESTS_ONLY};
use crate::{ChoreError, Result, output_of};

/// The packages that are built for this machine.
#[derive(Debug, Deserialize)]
pub(super) struct Graph {
    packages: Vec<Package>,
    workspace_members: BTreeSet<String>,
    resolve: Resolve,
}

#[derive(Debug, Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Debug, Deserialize)]
struct Node {
    id: String,
}

/// A package of the graph.
#[derive(Debug, Deserialize)]
pub(super) struct Package {
    id: String,
    name: String,
    version: String,
    license: Option<String>,
    source: Option<String>,
    dependencies: Vec<Dependency>,
    manifest_path: String,
}

#[derive(Debug, Deserialize)]
struct Dependency {
    name: String,
    /// None for what is shipped, else `dev` or `build`.
    kind: Option<String>,
    /// Where it lies, for a crate of the house.
    path: Option<String>,
}

impl Graph {
    /// The crates of the house.
    pub(super) fn members(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|package| self.workspace_members.contains(&package.id))
    }
    /// The packages that somebody else wrote.
    fn others(&self) -> impl Iterator<Item = &Package> {
        let built: BTreeSet<&str> = self.resolve.nodes.iter().map(|node| node.id.as_str()).collect();
        let is_built = move |package: &&Package| built.contains(package.id.as_str());
        self.packages.iter().filter(|package| !self.workspace_members.contains(&package.id)).filter(is_built)
    }
}

/// Asks cargo for the graph of this machine's platform.
pub(super) fn read(root: &Path) -> Result<Graph> {
    let version = output_of(Command::new("rustc").arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap_or("x86_64-unknown-linux-gnu");
    let mut cargo = Command::new("cargo");
    let cargo = cargo.current_dir(root).args(["metadata", "--format-version=1", "--locked", "--filter-platform", host]);
    let text = output_of(cargo)?;
    let wrong =
        |error: serde_json::Error| ChoreError::Syntax { what: "cargo metadata".into(), reason: error.to_string() };
    serde_json::from_str(&text).map_err(wrong)
}

fn row<'a>(table: &[(&str, &'a [&'a str])], name: &str) -> Option<&'a [&'a str]> {
    table.iter().find(|(row, _)| *row == name).map(|(_, cells)| *cells)
}

/// Arrows between crates of the house that the plan does not draw.
pub(super) fn layers(graph: &Graph) -> Vec<String> {
    let mut found = Vec::new();
    for member in graph.members() {
        let name = member.name.as_str();
        let Some(drawn) = row(LAYERS, name) else {
            found.push(format!("{name}: is not in the plan (xtask/src/house.rs, docs/ARCHITECTURE.md)"));
            continue;
        };
        if !member.manifest_path.ends_with(&format!("/{name}/Cargo.toml")) {
            found.push(format!("{name}: does not lie in the folder of its name"));
        }
        for dependency in member.dependencies.iter().filter(|dependency| dependency.path.is_some()) {
            let to = dependency.name.as_str();
            let in_tests = dependency.kind.as_deref() == Some("dev");
            let drawn_for_tests = in_tests && row(TEST_LAYERS, name).is_some_and(|drawn| drawn.contains(&to));
            if !drawn.contains(&to) && !drawn_for_tests {
                found.push(format!("{name}: imports `{to}`, an arrow that the plan does not draw"));
            }
        }
    }
    found
}

/// Foreign crates named by somebody who does not own them.
pub(super) fn owners(graph: &Graph) -> Vec<String> {
    let mut found = Vec::new();
    for member in graph.members() {
        let name = member.name.as_str();
        for dependency in member.dependencies.iter().filter(|dependency| dependency.path.is_none()) {
            let foreign = dependency.name.as_str();
            let in_tests = dependency.kind.as_deref() == Some("dev");
            let tests_only = TESTS_ONLY.contains(&foreign);
            let fine = match (row(PURE, name), row(OWNERS, foreign)) {
                _ if tests_only => in_tests || PROGRAMS.contains(&name),
                (Some(allowed), _) => allowed.contains(&foreign),
                (None, Some(owners)) => owners.contains(&name),
                (None, None) => EVERYBODYS.contains(&foreign),
            };
            if !fine {
                let owners = match row(OWNERS, foreign) {
                    Some(owners) => format!("belongs to {}", owners.join(", ")),
                    None if tests_only => "is for tests".to_owned(),
                    None if EVERYBODYS.contains(&foreign) => "does not belong in a pure crate".to_owned(),
                    None => "has no owner (xtask/src/house.rs, docs/ARCHITECTURE.md)".to_owned(),
                };
                found.push(format!("{name}: names `{foreign}`, which {owners}"));
            }
        }
    }
    found
}

/// What `deny.toml` bans and allows.
#[derive(Debug)]
pub(super) struct Ban {
    crates: Vec<(String, String)>,
    licences: Vec<String>,
    registries: Vec<String>,
}

#[derive(Deserialize)]
struct DenyPage {
    licenses: Allow,
    bans: Deny,
    sources: Sources,
}
#[derive(Deserialize)]
struct Allow {
    allow: Vec<String>,
}
#[derive(Deserialize)]
struct Deny {
    deny: Vec<Denied>,
}
#[derive(Deserialize)]
struct Denied {
    #[serde(rename = "crate")]
    name: String,
    reason: String,
}
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Sources {
    allow_registry: Vec<String>,
}

impl Ban {
    /// Reads the page that cargo-deny reads.
    pub(super) fn read(text: &str) -> Result<Self> {
        let wrong = |error: toml::de::Error| ChoreError::Syntax { what: "deny.toml".into(), reason: error.to_string() };
        let page: DenyPage = toml::from_str(text).map_err(wrong)?;
        Ok(Self {
            crates: page.bans.deny.into_iter().map(|denied| (denied.name, denied.reason)).collect(),
            licences: page.licenses.allow,
            registries: page.sources.allow_registry,
        })
    }
}

/// Foreign crates that may not be in the tree at all, or only once.
pub(super) fn foreign(graph: &Graph, ban: &Ban) -> Vec<String> {
    let mut found = Vec::new();
    for package in graph.others() {
        let name = format!("{} {}", package.name, package.version);
        if let Some((_, reason)) = ban.crates.iter().find(|(banned, _)| *banned == package.name) {
            found.push(format!("{name}: is in the tree; {reason}"));
        }
        let licence = package.license.as_deref().unwrap_or("none named");
        if !licence::is_allowed(licence, &ban.licences) {
            found.push(format!("{name}: its licence is `{licence}`, which deny.toml does not allow"));
        }
        let source = package.source.as_deref().unwrap_or("a path");
        if !ban.registries.iter().any(|registry| source == format!("registry+{registry}")) {
            found.push(format!("{name}: comes from {source}, which deny.toml does not allow"));
        }
    }
    for name in ONE_VERSION {
        let versions: Vec<_> = graph.others().filter(|package| package.name == *name).map(|p| &p.version).collect();
        if versions.len() > 1 {
            found.push(format!("{name}: is in the tree in {} versions: {versions:?}", versions.len()));
        }
    }
    found
}

/// The code map names every crate of the house, and no owner that the plan does not.
pub(super) fn code_map(graph: &Graph, map: &str) -> Vec<String> {
    let mut found = Vec::new();
    for member in graph.members() {
        let name = member.name.as_str();
        let Some(line) = map.lines().find(|line| line.starts_with(&format!("| `{name}/` |"))) else {
            found.push(format!("docs/ARCHITECTURE.md: the code map has no row for `{name}/`"));
            continue;
        };
        let owned = line.trim_end_matches('|').rsplit('|').next().unwrap_or_default();
        for foreign in owned.split('`').skip(1).step_by(2) {
            if !row(OWNERS, foreign).is_some_and(|owners| owners.contains(&name)) {
                found.push(format!("docs/ARCHITECTURE.md: `{name}` owns `{foreign}` in the code map, not in house.rs"));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests;
