//! The files of new plugins, which are in this program: templates, SDKs and the contract.
//!
//! `{{name}}` is replaced in all of them, `plugin-name` where npm wants a name, `{{sdk}}` in Rust's. Rust's SDK is a crate of the checkout;
//! the others are copied into the project, with the contract that the build reads.

/// A path in the project and what is in it.
pub(super) type File = (&'static str, &'static str);

/// Files of this repository, below one folder and in the project below another.
macro_rules! files {
    ($to:literal from $from:literal: $($file:literal),+ $(,)?) => {
        &[$((concat!($to, $file), include_str!(concat!("../../../../../", $from, $file)))),+]
    };
}

/// What the worked example is tried on, whatever it is written in.
pub(super) const CONNECTION: &[File] =
    files!("" from "host/cli/templates/rust/": "connection.json", "conformance.json");

pub(super) const RUST: &[File] = &[
    ("Cargo.toml", include_str!("../../../templates/rust/Cargo.toml.in")),
    (".gitignore", "/target\n/dist\n"),
];
pub(super) const RUST_SOURCE: &[File] = files!("" from "host/cli/templates/rust/":
    "README.md", "src/lib.rs", "src/directory.rs", "src/membership.rs");

pub(super) const CONTRACT: &[File] = files!("grantry/wit/" from "wit/":
    "aggregate.wit", "host.wit", "lifecycle.wit", "logic.wit", "platform.wit", "provision.wit",
    "types.wit", "worlds.wit");

pub(super) const JAVASCRIPT: &[File] = &[
    (".gitignore", "/node_modules\n/dist\n"),
    // esbuild's script would replace the file that the build runs.
    (".npmrc", "ignore-scripts=true\n"),
];
pub(super) const JAVASCRIPT_SOURCE: &[File] = files!("" from "host/cli/templates/javascript/":
    "README.md", "package.json", "package-lock.json", "tsconfig.json", "src/index.ts", "src/directory.ts", "src/membership.ts",
    "test/plugin.test.ts");
pub(super) const JAVASCRIPT_SDK: &[File] = files!("grantry/sdk/" from "sdk/javascript/":
    "README.md", "unit-tests.mjs", "src/contract.ts", "src/cursor.ts", "src/environment.ts",
    "src/errors.ts", "src/host.d.ts", "src/http.ts", "src/index.ts", "src/kv.ts", "src/log.ts",
    "src/numbers.ts", "src/platform.ts", "src/plugin.ts", "src/rows.ts", "src/run.ts",
    "src/seal.ts");

pub(super) const PYTHON: &[File] =
    &[(".gitignore", "/.venv\n/dist\n/grantry/bindings\n__pycache__\n")];
pub(super) const PYTHON_SOURCE: &[File] = files!("" from "host/cli/templates/python/":
    "README.md", "plugin.json", "requirements.txt", "src/directory.py", "src/membership.py",
    "src/plugin.py", "test/test_plugin.py");
pub(super) const PYTHON_SDK: &[File] = files!("grantry/sdk/" from "sdk/python/":
    "README.md", "grantry_sdk/__init__.py", "grantry_sdk/_environment.py", "grantry_sdk/_guard.py",
    "grantry_sdk/aggregate.py", "grantry_sdk/changes.py", "grantry_sdk/cursor.py",
    "grantry_sdk/errors.py", "grantry_sdk/http.py", "grantry_sdk/kv.py", "grantry_sdk/lifecycle.py",
    "grantry_sdk/log.py", "grantry_sdk/provision.py", "grantry_sdk/run.py", "grantry_sdk/seal.py",
    "grantry_sdk/step.py", "grantry_sdk/tickets.py", "grantry_sdk/types.py",
    "grantry_sdk/webhook.py");
