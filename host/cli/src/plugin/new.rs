//! `grantry plugin new`: a folder with a connector that works, to change into one's own.
//!
//! The template is in this program. Its README is the way from here to a tested component.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use serde_json::json;

use crate::options::{Language, NewOptions};
use crate::output::Output;

/// The files of a new plugin in Rust. `{{name}}` and `{{sdk}}` are replaced.
const RUST: [(&str, &str); 8] = [
    ("Cargo.toml", include_str!("../../templates/rust/Cargo.toml.in")),
    ("README.md", include_str!("../../templates/rust/README.md")),
    (".gitignore", "/target\n/dist\n"),
    ("connection.json", include_str!("../../templates/rust/connection.json")),
    ("conformance.json", include_str!("../../templates/rust/conformance.json")),
    ("src/lib.rs", include_str!("../../templates/rust/src/lib.rs")),
    ("src/directory.rs", include_str!("../../templates/rust/src/directory.rs")),
    ("src/membership.rs", include_str!("../../templates/rust/src/membership.rs")),
];

pub(super) fn run(options: &NewOptions, output: Output) -> anyhow::Result<()> {
    match options.lang {
        Language::Rust => {}
        Language::Js | Language::Python => bail!(
            "there is no SDK for this language yet: `--lang rust` is the only one. The contract is \
             `wit/`; any component that exports it can be checked and tested with this program"
        ),
    }
    let name = &options.name;
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let is_name = name.bytes().all(is_plain) && name.starts_with(|c: char| c.is_ascii_lowercase());
    ensure!(is_name, "`{name}` is not a name of lower case letters, digits and hyphens");
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

    let folder = options.path.clone().unwrap_or_else(|| PathBuf::from(name));
    ensure!(!folder.exists(), "`{}` exists already", folder.display());
    // Rust's quoting is TOML's, for what folders are called.
    let quoted = format!("{:?}", sdk.display().to_string());
    for (path, text) in RUST {
        let text = text.replace("{{name}}", name).replace("{{sdk}}", &quoted);
        write(&folder.join(path), &text)?;
    }
    // The versions that the SDK was tested with; cargo drops what this plugin does not use.
    std::fs::copy(checkout.join("plugins/Cargo.lock"), folder.join("Cargo.lock"))
        .context("cannot copy `plugins/Cargo.lock`")?;
    let words = format!(
        "{} is a connector to SCIM directories that works. Its README is the way on:\n  \
         cd {0}\n  grantry plugin build",
        folder.display()
    );
    output.print(&json!({ "folder": folder, "name": name }), |_| words)
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).context("cannot make the folder")?;
    }
    std::fs::write(path, text).with_context(|| format!("cannot write `{}`", path.display()))
}
