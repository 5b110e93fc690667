//! Plugins in Python: componentize-py makes a component with CPython in it.
//!
//! The component imports nothing but the contract: time and randomness are the host's, by the SDK.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::tools::{CONTRACT, empty_place, on_path, run};

const PROGRAM: &str = "componentize-py";
/// The contract in Python, for editors and unit tests. Each build writes it anew.
const BINDINGS: &str = "grantry/bindings";
const SDK: &str = "grantry/sdk";
/// The module and what it imports.
const SOURCE: &str = "src";

/// What `plugin.json` says.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Plugin {
    name: String,
    /// The module with the classes that the contract exports.
    module: String,
    /// The world of the contract with these interfaces.
    world: String,
}

/// Builds the module in `folder`.
///
/// # Errors
/// Which tool is missing, or what it says.
pub(crate) fn build(folder: &Path) -> Result<PathBuf> {
    let plugin = fs::read(folder.join("plugin.json")).context("could not read `plugin.json`")?;
    let plugin: Plugin = serde_json::from_slice(&plugin)
        .context("`plugin.json` needs `name`, `module` and `world`, and nothing else")?;
    let program = program(folder)?;
    let component = empty_place(folder, &plugin.name)?;
    let tool = || {
        let mut tool = Command::new(&program);
        tool.current_dir(folder).env("RUST_BACKTRACE", "0");
        tool.args(["--quiet", "--wit-path", CONTRACT, "--world", &plugin.world]);
        tool
    };
    if folder.join(BINDINGS).exists() {
        fs::remove_dir_all(folder.join(BINDINGS)).context("could not remove the old bindings")?;
    }
    run(PROGRAM, tool().args(["bindings", BINDINGS]))?;
    let mut wrap = tool();
    wrap.args(["componentize", &plugin.module, "--python-path", SOURCE, "--python-path", SDK]);
    // CPython would import all of WASI, sockets too, which the host refuses.
    run(PROGRAM, wrap.args(["--stub-wasi", "--output"]).arg(&component))?;
    Ok(component)
}

/// The project's own environment comes first.
fn program(folder: &Path) -> Result<PathBuf> {
    let own = folder.join(".venv/bin").join(PROGRAM);
    if own.is_file() {
        return Ok(own);
    }
    on_path(PROGRAM).with_context(|| {
        format!(
            "componentize-py was not found; install it in `{}`:\n  \
             python3 -m venv .venv && .venv/bin/pip install -r requirements.txt\n\
             (Python itself, on Debian, as root: apt-get install -y python3-venv)",
            folder.display()
        )
    })
}
