//! `grantry plugin new`: a folder with a connector that works, to change into one's own.
//!
//! The templates are in this program ([`files`]). Their READMEs are the way from here to a tested
//! component.

mod files;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use serde_json::json;

use crate::options::{Language, NewOptions};
use crate::output::Output;
use files::{
    CONNECTION, CONTRACT, File, JAVASCRIPT, JAVASCRIPT_SDK, JAVASCRIPT_SOURCE, PYTHON, PYTHON_SDK,
    PYTHON_SOURCE, RUST, RUST_SOURCE,
};

pub(super) fn run(options: &NewOptions, output: Output) -> anyhow::Result<()> {
    let name = &options.name;
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let is_name = name.bytes().all(is_plain) && name.starts_with(|c: char| c.is_ascii_lowercase());
    ensure!(is_name, "`{name}` is not a name of lower case letters, digits and hyphens");
    let folder = options.path.clone().unwrap_or_else(|| PathBuf::from(name));
    ensure!(!folder.exists(), "`{}` exists already", folder.display());
    let first = match options.lang {
        Language::Rust => {
            rust(options, &folder)?;
            ""
        }
        Language::Js => {
            let files = [JAVASCRIPT, JAVASCRIPT_SOURCE, JAVASCRIPT_SDK, CONTRACT, CONNECTION];
            write_all(&folder, &files, &[("plugin-name", name), ("{{name}}", name)])?;
            "\n  npm ci --ignore-scripts"
        }
        Language::Python => {
            let files = [PYTHON, PYTHON_SOURCE, PYTHON_SDK, CONTRACT, CONNECTION];
            write_all(&folder, &files, &[("{{name}}", name)])?;
            "\n  python3 -m venv .venv && .venv/bin/pip install -r requirements.txt"
        }
    };
    let words = format!(
        "{} is a connector to SCIM directories that works. Its README is the way on:\n  \
         cd {0}{first}\n  grantry plugin build",
        folder.display()
    );
    output.print(&json!({ "folder": folder, "name": name }), |_| words)
}

/// Rust's SDK is a crate of a checkout, on which the new one depends.
fn rust(options: &NewOptions, folder: &Path) -> anyhow::Result<()> {
    let Some(checkout) = &options.sdk else {
        bail!(
            "name a checkout of Grantry's repository with `--sdk DIR`: the crate `grantry-sdk` is not \
             published yet"
        );
    };
    let checkout = checkout.canonicalize();
    let checkout = checkout.context("`--sdk` names no folder")?;
    let sdk = checkout.join("sdk/rust");
    let is_sdk = sdk.join("Cargo.toml").exists();
    ensure!(is_sdk, "`{}` is no checkout of Grantry: it has no `sdk/rust`", checkout.display());
    // Rust's quoting is TOML's, for what folders are called.
    let sdk = format!("{:?}", sdk.display().to_string());
    let replaced = [("{{name}}", options.name.as_str()), ("{{sdk}}", sdk.as_str())];
    write_all(folder, &[RUST, RUST_SOURCE, CONNECTION], &replaced)?;
    // The versions that the SDK was tested with; cargo drops what this plugin does not use.
    let lock = std::fs::copy(checkout.join("plugins/Cargo.lock"), folder.join("Cargo.lock"));
    lock.map(drop).context("cannot copy `plugins/Cargo.lock`")
}

fn write_all(folder: &Path, files: &[&[File]], replaced: &[(&str, &str)]) -> anyhow::Result<()> {
    for (path, text) in files.iter().copied().flatten() {
        let text =
            replaced.iter().fold((*text).to_owned(), |text, (mark, word)| text.replace(mark, word));
        write(&folder.join(path), &text)?;
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).context("cannot make the folder")?;
    }
    std::fs::write(path, text).with_context(|| format!("cannot write `{}`", path.display()))
}
