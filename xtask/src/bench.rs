//! `cargo xtask bench [NAME …] [--json]`: figures of a release build beside their baselines.
//!
//! What is measured stands in the package `bench/`. CI compiles it with the rest, so that it cannot
//! rot, and never runs it: on a shared machine a figure says nothing.

use std::process::Command;

use anyhow::Result;

use crate::command;

/// Runs `cargo xtask bench …`.
pub fn run(arguments: &[&str]) -> Result<()> {
    plugins(&["--ensure-toolchain"])?;
    plugins(&[])?;
    command::run(command::cargo().args(["build", "--release", "--locked", "-p", "grantry-bench"]))?;
    let program = command::target_folder().join("release/grantry-bench");
    command::run(
        Command::new(program)
            .args(arguments)
            .env("GRANTRY_GUESTS", command::guests_folder())
            .current_dir(command::root()),
    )
}

/// `cargo xtask plugins …`, which tells what it does on stdout; here that is for figures alone.
fn plugins(arguments: &[&str]) -> Result<()> {
    let program = std::env::current_exe()?;
    command::run(Command::new(program).arg("plugins").args(arguments).stdout(std::io::stderr()))
}
