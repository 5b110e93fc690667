//! Plugins in Rust: cargo makes a core module, which becomes a component here.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use crate::toolchain::{Toolchain, find};
use crate::{componentize, module_path, write_if_changed};

/// The SDK's package. Where it comes from a checkout, that folder's path is kept out of the output.
const SDK: &str = "grantry-sdk";

/// Builds the crate in `folder`.
///
/// # Errors
/// [`crate::ToolchainMissing`], what cargo says, or what keeps the module from becoming a component.
pub fn build(folder: &Path) -> Result<PathBuf> {
    let toolchain = find()?;
    let metadata = metadata(&toolchain, folder)?;
    let manifest = folder.join("Cargo.toml");
    let package = metadata.packages.iter().find(|package| package.manifest_path == manifest);
    let package = package.context("`Cargo.toml` describes no package")?;
    let is_plugin =
        package.targets.iter().any(|target| target.crate_types.iter().any(|kind| kind == "cdylib"));
    ensure!(is_plugin, "`Cargo.toml` needs `[lib] crate-type = [\"cdylib\", \"rlib\"]`");
    let sdk = metadata.packages.iter().find(|package| package.name == SDK);
    // `sdk/rust/Cargo.toml` below the root of a checkout.
    let checkout = sdk.filter(|sdk| sdk.source.is_none());
    let checkout = checkout.and_then(|sdk| sdk.manifest_path.ancestors().nth(3));
    let mut command = toolchain.build_command(checkout);
    command.current_dir(folder).env("CARGO_TARGET_DIR", &metadata.target_directory);
    let status = command.status().with_context(|| format!("could not start {toolchain}"))?;
    ensure!(status.success(), "the build failed: {status}");
    let module = module_path(&metadata.target_directory, &package.name);
    let component = componentize(&module)?;
    let out = folder.join("dist").join(format!("{}.wasm", package.name));
    fs::create_dir_all(folder.join("dist")).context("could not make `dist`")?;
    write_if_changed(&out, &component)?;
    Ok(out)
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    target_directory: PathBuf,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    manifest_path: PathBuf,
    source: Option<String>,
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    crate_types: Vec<String>,
}

fn metadata(toolchain: &Toolchain, folder: &Path) -> Result<Metadata> {
    let mut command = toolchain.cargo();
    command.args(["metadata", "--format-version=1"]).current_dir(folder);
    let output = command.output().context("could not run `cargo metadata`")?;
    if !output.status.success() {
        bail!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}
