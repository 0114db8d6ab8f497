//! `cargo xtask tidy`: is the house in the shape that its plan draws?

mod graph;
mod licence;
mod text;

use std::path::Path;
use std::process::Command;

use crate::{ChoreError, Result, output_of, read};

/// Says every breach, and fails if there is one.
pub(crate) fn run(root: &Path) -> Result<()> {
    let graph = graph::read(root)?;
    let ban = graph::Ban::read(&read(&root.join("deny.toml"))?)?;
    let map = read(&root.join("docs/ARCHITECTURE.md"))?;
    let mut found = graph::layers(&graph);
    found.extend(graph::owners(&graph));
    found.extend(graph::foreign(&graph, &ban));
    found.extend(graph::code_map(&graph, &map));
    let files = files(root)?;
    for name in &files {
        // What is no text, or was just removed, holds no words.
        if let Ok(content) = std::fs::read_to_string(root.join(name)) {
            found.extend(text::check(name, &content));
        }
    }
    if found.is_empty() {
        println!("tidy: {} crates, {} files, nothing out of place", graph.members().count(), files.len());
        return Ok(());
    }
    for line in &found {
        println!("{line}");
    }
    Err(ChoreError::Found(format!("tidy: {} things out of place", found.len())))
}

/// Everything that is committed or would be.
fn files(root: &Path) -> Result<Vec<String>> {
    let mut git = Command::new("git");
    let git = git.current_dir(root).args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    let listed = output_of(git)?;
    Ok(listed.split('\0').filter(|name| !name.is_empty()).map(str::to_owned).collect())
}
