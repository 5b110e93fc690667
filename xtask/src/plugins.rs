//! Builds the guest workspace (`plugins/`, `sdk/rust`) and turns each plugin into a component.
//!
//! Every member with a `cdylib` target becomes `target/guests/out/<package>.wasm`. Which compiler is
//! used is decided in `grantry-guest-build`; the checked-in bindings are written by [`bindings`] for Rust
//! and by [`typescript`].

mod bindings;
pub mod typescript;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use grantry_guest_build::{Toolchain, componentize, find, module_path, write_if_changed};
use serde::Deserialize;

use crate::command::root;

pub use grantry_guest_build::{ToolchainMissing, ensure_toolchain};

/// Runs `cargo xtask plugins …`.
pub fn run(arguments: &[&str]) -> Result<()> {
    match arguments {
        [] => build(),
        ["--bindings"] => typescript::write(&root()).and_then(|()| bindings::write(&root())),
        ["--check-bindings"] => typescript::check(&root()).and_then(|()| bindings::check(&root())),
        ["--ensure-toolchain"] => ensure_toolchain(),
        _ => bail!("`plugins` does not know {arguments:?}"),
    }
}

/// Builds all plugins and prints one line for each.
pub fn build() -> Result<()> {
    let root = root();
    let toolchain = find()?;
    println!("guest toolchain: {toolchain}");

    let workspace = root.join("plugins");
    let target = root.join("target/guests");
    let names = plugin_names(&toolchain, &workspace)?;
    let status = toolchain
        .build_command(Some(&root))
        .arg("--locked")
        .current_dir(&workspace)
        .env("CARGO_TARGET_DIR", &target)
        .status()
        .with_context(|| format!("could not start {toolchain}"))?;
    ensure!(status.success(), "the guest build failed: {status}");

    let out = target.join("out");
    fs::create_dir_all(&out)?;
    for name in &names {
        let module = module_path(&target, name);
        let bytes = componentize(&module).with_context(|| format!("plugin `{name}`"))?;
        write_if_changed(&out.join(format!("{name}.wasm")), &bytes)?;
        println!("{name:24} {:5} KiB", bytes.len().div_ceil(1024));
    }
    Ok(())
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    crate_types: Vec<String>,
}

/// The members that are plugins, by package name.
fn plugin_names(toolchain: &Toolchain, workspace: &Path) -> Result<Vec<String>> {
    let output = toolchain
        .cargo()
        .args(["metadata", "--no-deps", "--format-version=1", "--locked"])
        .current_dir(workspace)
        .output()
        .context("could not run `cargo metadata` in plugins/")?;
    if !output.status.success() {
        bail!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    }
    let metadata: Metadata = serde_json::from_slice(&output.stdout)?;
    let is_cdylib = |target: &Target| target.crate_types.iter().any(|kind| kind == "cdylib");
    let plugins = metadata.packages.into_iter().filter(|p| p.targets.iter().any(is_cdylib));
    Ok(plugins.map(|package| package.name).collect())
}
