//! `cargo xtask tidy`: rules of this repository that no compiler checks.
//!
//! Each module below is one family of rules; a rule is a function that adds to the [`Report`].
//! Warnings are printed, problems fail.

mod documents;
mod edges;
mod sources;
mod statements;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::command;
use crate::plugins::typescript;

/// A file of the repository.
struct File {
    /// Relative to the root, with `/`.
    path: String,
    /// Empty if it is not text.
    text: String,
}

impl File {
    fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Lines with their numbers, from 1.
    fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(index, line)| (index + 1, line))
    }
}

/// What was found.
#[derive(Debug, Default)]
struct Report {
    problems: Vec<String>,
    warnings: Vec<String>,
}

impl Report {
    fn problem(&mut self, place: impl AsRef<str>, what: impl AsRef<str>) {
        self.problems.push(format!("{}: {}", place.as_ref(), what.as_ref()));
    }

    fn warning(&mut self, place: impl AsRef<str>, what: impl AsRef<str>) {
        self.warnings.push(format!("{}: {}", place.as_ref(), what.as_ref()));
    }
}

/// Runs `cargo xtask tidy`.
pub fn run() -> Result<()> {
    let root = command::root();
    let files = files(&root)?;
    let mut report = Report::default();
    edges::check(&mut report)?;
    sources::check(&files, &mut report);
    statements::check(&files, &mut report);
    documents::check(&files, &mut report);
    if let Err(error) = typescript::check(&root) {
        report.problem("wit", format!("{error:#}"));
    }

    for warning in &report.warnings {
        println!("warning: {warning}");
    }
    for problem in &report.problems {
        println!("problem: {problem}");
    }
    ensure!(report.problems.is_empty(), "{} problems", report.problems.len());
    println!("tidy: {} files in order, {} warnings", files.len(), report.warnings.len());
    Ok(())
}

/// What git tracks or would track.
fn files(root: &Path) -> Result<Vec<File>> {
    let mut git = Command::new("git");
    // A container often has the folder of another user, which git would refuse.
    git.arg("-c").arg(format!("safe.directory={}", root.display()));
    git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]).current_dir(root);
    let output = String::from_utf8(command::output(&mut git)?).context("a name is not UTF-8")?;
    let mut paths: Vec<&str> = output.split('\0').filter(|path| !path.is_empty()).collect();
    paths.sort_unstable();
    paths.dedup();
    let exists = |path: &&str| root.join(PathBuf::from(path)).is_file();
    paths.into_iter().filter(exists).map(|path| read(root, path)).collect()
}

fn read(root: &Path, path: &str) -> Result<File> {
    let bytes = std::fs::read(root.join(path)).with_context(|| format!("read `{path}`"))?;
    Ok(File { path: path.into(), text: String::from_utf8(bytes).unwrap_or_default() })
}
