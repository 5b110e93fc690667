//! Plugins in JavaScript and TypeScript: esbuild makes one module, componentize-qjs a component with
//! QuickJS in it.
//!
//! The component imports nothing but the contract: time and randomness are the host's, by the SDK.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::tools::{CONTRACT, empty_place, on_path, run};

const ESBUILD: &str = "node_modules/esbuild/bin/esbuild";
const COMPONENTIZE: &str = "node_modules/componentize-qjs/bin/componentize-qjs";
const INSTALL: &str = "npm ci --ignore-scripts";

/// What counts of `package.json`.
#[derive(Deserialize)]
struct Package {
    name: String,
    main: String,
    grantry: Settings,
}

#[derive(Deserialize)]
struct Settings {
    /// The world of the contract with the interfaces that the module exports.
    world: String,
}

/// Builds the package in `folder`.
///
/// # Errors
/// Which tool is missing, or what a tool says.
pub(crate) fn build(folder: &Path) -> Result<PathBuf> {
    let package = fs::read(folder.join("package.json")).context("could not read `package.json`")?;
    let package: Package = serde_json::from_slice(&package)
        .context("`package.json` needs `name`, `main` and `grantry.world`")?;
    let node = node(folder)?;
    let component = empty_place(folder, &package.name)?;
    let module = component.with_extension("mjs");

    let mut bundle = Command::new(&node);
    bundle.current_dir(folder).args([ESBUILD, &package.main]);
    bundle.args(["--bundle", "--format=esm", "--target=es2022", "--external:grantry:*"]);
    bundle.args(["--log-level=warning", "--color=false"]);
    bundle.arg(format!("--outfile={}", module.display()));
    run("esbuild", &mut bundle)?;

    let mut wrap = Command::new(&node);
    wrap.current_dir(folder).args([COMPONENTIZE, "--wit", CONTRACT]);
    wrap.args(["--world", &package.grantry.world]);
    // Asynchronous components are refused by the host, and so would be most of WASI.
    wrap.args(["--sync", "--stub-wasi"]).arg("--js").arg(&module).arg("--output").arg(&component);
    run("componentize-qjs", &mut wrap)?;
    ensure!(component.exists(), "componentize-qjs made no component");
    Ok(component)
}

/// Node.js, if it and the packages are there.
fn node(folder: &Path) -> Result<PathBuf> {
    let node = on_path("node").with_context(|| {
        format!(
            "Node.js was not found; install version 20 or later:\n  \
             on Debian 13, as root: apt-get install -y nodejs npm\n  \
             elsewhere:             https://nodejs.org\n\
             then run `{INSTALL}` in `{}`",
            folder.display()
        )
    })?;
    for tool in [ESBUILD, COMPONENTIZE] {
        let is_there = folder.join(tool).exists();
        let folder = folder.display();
        ensure!(is_there, "`{tool}` is missing; run `{INSTALL}` in `{folder}`");
    }
    Ok(node)
}
