//! Builds the guest workspace (`plugins/`, `sdk/rust`) and turns each plugin into a component.
//!
//! Every member with a `cdylib` target becomes `target/guests/out/<package>.wasm`. Which compiler is
//! used is decided in [`toolchain`]; the checked-in bindings are written by [`bindings`].

mod bindings;
mod toolchain;

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use wit_component::ComponentEncoder;

use crate::command::root;

pub use toolchain::{ToolchainMissing, ensure_toolchain};

/// Runs `cargo xtask plugins …`.
pub fn run(arguments: &[&str]) -> Result<()> {
    match arguments {
        [] => build(),
        ["--bindings"] => bindings::write(&root()),
        ["--check-bindings"] => bindings::check(&root()),
        ["--ensure-toolchain"] => ensure_toolchain(),
        _ => bail!("`plugins` does not know {arguments:?}"),
    }
}

/// Builds all plugins and prints one line for each.
pub fn build() -> Result<()> {
    let root = root();
    let toolchain = toolchain::find()?;
    println!("guest toolchain: {toolchain}");

    let workspace = root.join("plugins");
    let target = root.join("target/guests");
    let names = plugin_names(&toolchain, &workspace)?;
    let status = toolchain
        .build_command(&root)
        .current_dir(&workspace)
        .env("CARGO_TARGET_DIR", &target)
        .status()
        .with_context(|| format!("could not start {toolchain}"))?;
    ensure!(status.success(), "the guest build failed: {status}");

    let out = target.join("out");
    fs::create_dir_all(&out)?;
    for name in &names {
        let module = target
            .join(toolchain::TARGET)
            .join("release")
            .join(format!("{}.wasm", name.replace('-', "_")));
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
fn plugin_names(toolchain: &toolchain::Toolchain, workspace: &Path) -> Result<Vec<String>> {
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

/// Wraps a core module, which carries its component type in custom sections, into a component.
fn componentize(module: &Path) -> Result<Vec<u8>> {
    let core =
        fs::read(module).with_context(|| format!("could not read `{}`", module.display()))?;
    ComponentEncoder::default().module(&core)?.validate(true).encode()
}

/// Leaves the file's time alone when nothing changed, so that nothing downstream is rebuilt.
fn write_if_changed(path: &Path, bytes: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    fs::write(path, bytes).with_context(|| format!("could not write `{}`", path.display()))
}

/// A command without what an outer cargo or rustup put into its environment.
fn clean_command(program: &Path) -> Command {
    const KEPT: [&str; 5] =
        ["CARGO_HOME", "CARGO_NET_", "CARGO_HTTP_", "CARGO_REGISTRIES_", "CARGO_TERM_"];
    const DROPPED: [&str; 7] = [
        "CARGO",
        "RUSTC",
        "RUSTFLAGS",
        "RUSTDOC",
        "RUSTUP_TOOLCHAIN",
        "RUST_RECURSION_",
        "__CARGO",
    ];
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        let Some(name) = name.to_str() else { continue };
        let begins = |prefixes: &[&str]| prefixes.iter().any(|prefix| name.starts_with(prefix));
        if begins(&DROPPED) && !begins(&KEPT) {
            command.env_remove(name);
        }
    }
    // `cargo run` puts its own toolchain's libraries first.
    command.env_remove("LD_LIBRARY_PATH");
    command
}
