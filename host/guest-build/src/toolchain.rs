//! Finds a compiler for `wasm32-unknown-unknown`.
//!
//! In order: what `$GUEST_CARGO` and `$GUEST_RUSTC` name; a `rustc` on the path that has the target's
//! library (`rustup target add`); Debian's `/usr/bin/rustc`, which brings the library as source and
//! builds it (`-Zbuild-std`). Versions are never named: Debian's moves with its security updates.

use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::tools;

/// What plugins are compiled for.
pub const TARGET: &str = "wasm32-unknown-unknown";

const DEBIAN_PACKAGES: [&str; 4] = ["rustc-web", "cargo-web", "rust-web-src", "lld"];
const DEBIAN_CARGO: &str = "/usr/bin/cargo";
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";

/// No compiler for plugins on this machine.
#[derive(Debug)]
pub struct ToolchainMissing;

impl std::error::Error for ToolchainMissing {}

impl fmt::Display for ToolchainMissing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "no compiler for {TARGET} was found; install one of these:\n  \
             with rustup:        rustup target add {TARGET}\n  \
             on Debian, as root: {}\n\
             or name your own in GUEST_CARGO and GUEST_RUSTC",
            install_words().join(" ")
        )
    }
}

/// What a plugin's memory has from the start, its stack among it. A call begins with a fresh memory, and
/// every step in which it grows costs a system call; what is not touched costs nothing. Stack and constants
/// have to fit in when the plugin is linked.
const INITIAL_MEMORY_BYTES: u32 = 4 * 1024 * 1024;

/// A cargo and a rustc that can build plugins.
#[derive(Debug)]
pub struct Toolchain {
    cargo: PathBuf,
    rustc: Option<PathBuf>,
    /// The target's standard library is built from the source in the sysroot.
    builds_std: bool,
}

impl fmt::Display for Toolchain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rustc = self.rustc.as_deref().unwrap_or(Path::new("rustc"));
        write!(f, "{} with {}", self.cargo.display(), rustc.display())?;
        if self.builds_std { write!(f, ", library built from source") } else { Ok(()) }
    }
}

impl Toolchain {
    /// This cargo, in a clean environment.
    pub fn cargo(&self) -> Command {
        let mut command = clean_command(&self.cargo);
        if let Some(rustc) = &self.rustc {
            command.env("RUSTC", rustc);
        }
        command
    }

    /// A release build for plugins. Paths of this machine are kept out of its output: `checkout` is
    /// the folder of this repository, where one is used.
    pub fn build_command(&self, checkout: Option<&Path>) -> Command {
        let mut command = self.cargo();
        command.args(["build", "--release", "--target", TARGET]);
        let mut flags: Vec<String> =
            checkout.into_iter().map(|root| remap(root, "grantry")).collect();
        flags.extend(cargo_home().map(|home| remap(&home, "cargo")));
        flags.push(format!("-Clink-arg=--initial-memory={INITIAL_MEMORY_BYTES}"));
        if self.builds_std {
            command.arg("-Zbuild-std=std,panic_abort").env("RUSTC_BOOTSTRAP", "1");
            command.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", "wasm-ld");
        }
        command.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"));
        command
    }
}

/// The first toolchain that will do, or [`ToolchainMissing`].
pub fn find() -> Result<Toolchain> {
    let named = std::env::var_os("GUEST_CARGO").map(|cargo| Toolchain {
        cargo: cargo.into(),
        rustc: std::env::var_os("GUEST_RUSTC").map(PathBuf::from),
        builds_std: false,
    });
    match named.map(with_library_kind).or_else(on_path).or_else(debian) {
        Some(toolchain) => Ok(toolchain),
        None => Err(ToolchainMissing.into()),
    }
}

/// Installs Debian's toolchain when there is none and this is root on Debian; else says what to do.
pub fn ensure_toolchain() -> Result<()> {
    if let Ok(toolchain) = find() {
        println!("guest toolchain: {toolchain}");
        return Ok(());
    }
    let can_install = is_root() && Path::new("/etc/debian_version").exists();
    if !can_install {
        return Err(ToolchainMissing.into());
    }
    // A fresh machine has no lists of packages.
    for words in [vec!["apt-get", "update", "-q"], install_words()] {
        println!("{}", words.join(" "));
        let status = Command::new(words[0])
            .args(&words[1..])
            .env("DEBIAN_FRONTEND", "noninteractive")
            .status()
            .context("could not start apt-get")?;
        ensure!(status.success(), "`{}`: {status}", words.join(" "));
    }
    find().map(|toolchain| println!("guest toolchain: {toolchain}"))
}

/// A named rustc may have the library or only its source.
fn with_library_kind(toolchain: Toolchain) -> Toolchain {
    let rustc = toolchain.rustc.as_deref().unwrap_or(Path::new("rustc"));
    let builds_std = !has_library(rustc) && has_library_source(rustc);
    Toolchain { builds_std, ..toolchain }
}

fn on_path() -> Option<Toolchain> {
    let has_target = has_library(Path::new("rustc"));
    has_target.then(|| Toolchain { cargo: "cargo".into(), rustc: None, builds_std: false })
}

fn debian() -> Option<Toolchain> {
    let rustc = Path::new(DEBIAN_RUSTC);
    let is_whole = Path::new(DEBIAN_CARGO).exists()
        && rustc.exists()
        && has_library_source(rustc)
        && tools::on_path("wasm-ld").is_some();
    is_whole.then(|| Toolchain {
        cargo: DEBIAN_CARGO.into(),
        rustc: Some(rustc.into()),
        builds_std: true,
    })
}

fn has_library(rustc: &Path) -> bool {
    let Some(folder) = rustc_prints(rustc, &["--print", "target-libdir", "--target", TARGET])
    else {
        return false;
    };
    let Ok(entries) = std::fs::read_dir(folder) else { return false };
    entries.flatten().any(|entry| entry.file_name().to_string_lossy().starts_with("libcore-"))
}

fn has_library_source(rustc: &Path) -> bool {
    let sysroot = rustc_prints(rustc, &["--print", "sysroot"]);
    sysroot.is_some_and(|root| root.join("lib/rustlib/src/rust/library/std/Cargo.toml").exists())
}

fn rustc_prints(rustc: &Path, arguments: &[&str]) -> Option<PathBuf> {
    let output = clean_command(rustc).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| PathBuf::from(text.trim()))
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output();
    output.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

fn install_words() -> Vec<&'static str> {
    let mut words = vec!["apt-get", "install", "-y", "--no-install-recommends"];
    words.extend(DEBIAN_PACKAGES);
    words
}

fn cargo_home() -> Option<PathBuf> {
    let named = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    named.or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".cargo")))
}

fn remap(from: &Path, to: impl AsRef<OsStr>) -> String {
    format!("--remap-path-prefix={}={}", from.display(), to.as_ref().to_string_lossy())
}

/// A command without what an outer cargo or rustup put into its environment.
fn clean_command(program: &Path) -> Command {
    const KEPT: [&str; 6] = [
        "CARGO_HOME",
        "CARGO_NET_",
        "CARGO_HTTP_",
        "CARGO_REGISTRIES_",
        "CARGO_TARGET_DIR",
        "CARGO_TERM_",
    ];
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
