//! Builds plugins that are written in Rust: from a crate to a component.
//!
//! Which compiler is used is decided in [`toolchain`]; `cargo xtask plugins` builds this repository's
//! own plugins with it, [`build`] one of somebody else's.

mod toolchain;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use wit_component::ComponentEncoder;

pub use toolchain::{TARGET, Toolchain, ToolchainMissing, ensure_toolchain, find};

/// The SDK's package. Where it comes from a checkout, that folder's path is kept out of the output.
const SDK: &str = "grantry-sdk";

/// Builds the crate in `folder` and writes the component into its `dist/`; answers its path.
///
/// # Errors
/// [`ToolchainMissing`], what cargo says, or what keeps the module from becoming a component.
pub fn build(folder: &Path) -> Result<PathBuf> {
    let folder = folder.canonicalize();
    let folder = folder.context("there is no such folder")?;
    let toolchain = find()?;
    let metadata = metadata(&toolchain, &folder)?;
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
    command.current_dir(&folder).env("CARGO_TARGET_DIR", &metadata.target_directory);
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

/// Where cargo puts a plugin's core module.
pub fn module_path(target_folder: &Path, package: &str) -> PathBuf {
    let file = format!("{}.wasm", package.replace('-', "_"));
    target_folder.join(TARGET).join("release").join(file)
}

/// Wraps a core module, which carries its component type in custom sections, into a component.
///
/// # Errors
/// When the file cannot be read, or is no such module.
pub fn componentize(module: &Path) -> Result<Vec<u8>> {
    let core =
        fs::read(module).with_context(|| format!("could not read `{}`", module.display()))?;
    ComponentEncoder::default().module(&core)?.validate(true).encode()
}

/// Leaves the file's time alone when nothing changed, so that nothing downstream is rebuilt.
///
/// # Errors
/// When the file cannot be written.
pub fn write_if_changed(path: &Path, bytes: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    fs::write(path, bytes).with_context(|| format!("could not write `{}`", path.display()))
}
