//! Builds plugins: from a folder to a component in its `dist/`.
//!
//! A module for each language says what it takes; which compiler Rust plugins get is decided in
//! [`toolchain`]. `cargo xtask plugins` builds this repository's own plugins, [`build`] somebody's.

mod javascript;
mod python;
mod rust;
mod toolchain;
mod tools;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use wit_component::ComponentEncoder;

pub use toolchain::{TARGET, Toolchain, ToolchainMissing, ensure_toolchain, find};

/// How a language builds the plugin in a folder.
type Build = fn(&Path) -> Result<PathBuf>;

/// The file that a plugin in each language has at its top. The first one that is there counts: a
/// `package.json` may be for other tools.
const LANGUAGES: [(&str, Build); 3] = [
    ("Cargo.toml", rust::build),
    ("plugin.json", python::build),
    ("package.json", javascript::build),
];

/// Builds the plugin in `folder` and writes the component into its `dist/`; answers its path.
///
/// # Errors
/// Which tool is missing and how to install it, what a tool says, or what keeps the outcome from being
/// a component.
pub fn build(folder: &Path) -> Result<PathBuf> {
    let folder = folder.canonicalize().context("there is no such folder")?;
    let found = LANGUAGES.iter().find(|(file, _)| folder.join(file).exists());
    let (_, build) = found.with_context(|| {
        format!(
            "`{}` holds no plugin: no `Cargo.toml` (Rust), `plugin.json` (Python) or `package.json` \
             (JavaScript)",
            folder.display()
        )
    })?;
    build(&folder)
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
