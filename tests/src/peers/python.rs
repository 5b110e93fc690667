//! A Python environment with the SCIM server, made once under `target/peers`.
//!
//! Test processes run side by side: a file lock lets one install while the others wait. The
//! versions are pinned, so a test means the same tomorrow.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::{debian, peers_folder};

/// PyPI's scim2-server with cursor pagination, and everything it pulls in.
const REQUIREMENTS: [&str; 14] = [
    "scim2-server[cursor]==0.8.3",
    "scim2-models==0.12.3",
    "annotated-types==0.8.0",
    "cffi==2.1.1",
    "cryptography==50.0.2",
    "dnspython==2.9.2",
    "email-validator==2.4.0",
    "idna==3.20",
    "lark==1.3.1",
    "pycparser==3.12",
    "pydantic==2.14.3",
    "pydantic-core==2.50.4",
    "typing-extensions==4.16.0",
    "typing-inspection==0.4.5",
];

/// The program `scim2-server`, installed if it is not there yet. Blocks, up to a minute.
///
/// # Errors
/// When Python or its `venv` module is missing and cannot be installed, or when pip fails.
pub fn scim_server_program() -> Result<PathBuf> {
    let folder = peers_folder()?;
    let environment = folder.join("scim2");
    let lock = File::create(folder.join("scim2.lock")).context("make the lock of the peer")?;
    lock.lock().context("wait for another installation")?;
    if !is_complete(&environment) {
        install(&environment)?;
    }
    Ok(environment.join("bin/scim2-server"))
}

/// Written last: an environment without it, or with other versions, is made anew.
fn marker(environment: &Path) -> PathBuf {
    environment.join("installed")
}

fn is_complete(environment: &Path) -> bool {
    fs::read_to_string(marker(environment)).is_ok_and(|text| text == REQUIREMENTS.join("\n"))
}

fn install(environment: &Path) -> Result<()> {
    let purpose = "the SCIM server of the tests (a Python program)";
    debian::ensure_installed("python3-venv", purpose, has_venv)?;
    eprintln!("installing `{}` from PyPI into `{}`", REQUIREMENTS[0], environment.display());
    if environment.exists() {
        fs::remove_dir_all(environment).context("remove the unfinished environment")?;
    }
    run(Command::new("python3").args(["-m", "venv"]).arg(environment))?;
    run(Command::new(environment.join("bin/pip"))
        .args(["install", "--quiet", "--disable-pip-version-check", "--no-input"])
        .args(REQUIREMENTS))?;
    fs::write(marker(environment), REQUIREMENTS.join("\n")).context("mark the environment done")
}

/// `venv` alone is not enough: Debian splits off `ensurepip`, without which it has no pip.
fn has_venv() -> bool {
    Command::new("python3")
        .args(["-c", "import venv, ensurepip"])
        .output()
        .is_ok_and(|output| output.status.success())
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("run {command:?}"))?;
    ensure!(
        output.status.success(),
        "{command:?} failed: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(())
}
