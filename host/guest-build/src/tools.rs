//! What plugins in other languages are built with: programs that the author installed, used offline.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// Where `grantry plugin new` puts the contract into a project that does not get it from a crate.
pub(crate) const CONTRACT: &str = "grantry/wit";

/// A program on the path.
pub(crate) fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// Where the component of that name goes. One of an earlier build is removed: a build that fails leaves
/// none behind.
pub(crate) fn empty_place(folder: &Path, name: &str) -> Result<PathBuf> {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let is_name = !name.is_empty() && name.bytes().all(is_plain);
    ensure!(is_name, "the name `{name}` is not one of lower case letters, digits and hyphens");
    let has_contract = folder.join(CONTRACT).is_dir();
    ensure!(has_contract, "the folder `{CONTRACT}` is missing: `grantry plugin new` makes it");
    let place = folder.join("dist").join(format!("{name}.wasm"));
    fs::create_dir_all(folder.join("dist")).context("could not make `dist`")?;
    match fs::remove_file(&place) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("could not remove `{}`", place.display()))
        }
        _ => Ok(place),
    }
}

/// Runs a tool to its end; an error is what it said.
pub(crate) fn run(name: &str, command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("could not start {name}"))?;
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    ensure!(output.status.success(), "{name} failed:\n{}", said.trim());
    Ok(())
}
