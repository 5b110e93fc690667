//! Running other programs: which cargo, in which environment, and what a failure says.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// The repository's root. Cargo's word at run time comes first: worktrees that share a target folder
/// also share the binary, which one of them compiled.
pub fn root() -> PathBuf {
    let here = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let here = here.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")));
    here.parent().unwrap_or(&here).to_path_buf()
}

/// The folder of everything that is built.
pub fn target_folder() -> PathBuf {
    let named = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    root().join(named.unwrap_or_else(|| "target".into()))
}

/// Where `cargo xtask plugins` puts the components.
pub fn guests_folder() -> PathBuf {
    root().join("target/guests/out")
}

/// A program of the host workspace, as the one debug profile builds it.
pub fn program(name: &str) -> PathBuf {
    target_folder().join("debug").join(name)
}

/// The host's cargo, run at the root.
///
/// `cargo xtask` puts a description of this package into the environment. Build scripts that watch
/// such a variable would run again each time somebody changes between `cargo` and `cargo xtask`.
pub fn cargo() -> Command {
    const OF_THIS_PACKAGE: [&str; 3] = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_PRIMARY_PACKAGE"];
    let mut command = Command::new("cargo");
    for (name, _) in std::env::vars_os() {
        let begins = |prefix: &&str| name.to_str().is_some_and(|name| name.starts_with(prefix));
        if OF_THIS_PACKAGE.iter().any(begins) {
            command.env_remove(&name);
        }
    }
    command.current_dir(root());
    command
}

/// A cargo command in the guest workspace, for this machine instead of WebAssembly.
pub fn native_guest_cargo() -> Command {
    let mut command = cargo();
    command.current_dir(root().join("plugins"));
    command.env("CARGO_TARGET_DIR", target_folder().join("guests-native"));
    command
}

/// Runs the command to its end; an error names it.
pub fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("could not start {}", words(command)))?;
    ensure!(status.success(), "`{}` failed: {status}", words(command));
    Ok(())
}

/// The command's output; an error names it and shows what it said.
pub fn output(command: &mut Command) -> Result<Vec<u8>> {
    let output = command.output().with_context(|| format!("could not start {}", words(command)))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "`{}` failed: {}", words(command), said.trim());
    Ok(output.stdout)
}

/// Program and arguments, as one would type them.
pub fn words(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
