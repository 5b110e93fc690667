//! Installing a missing package, where that is ours to do: as root on Debian.
//!
//! Elsewhere the error names the command. Debian starts a daemon as soon as it is installed;
//! `policy-rc.d` forbids that while we install.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use super::peers_folder;

const POLICY: &str = "/usr/sbin/policy-rc.d";

/// Installs Debian's `package`, which `purpose` needs, unless `is_present` says it is there.
///
/// # Errors
/// When we are not root on Debian (the message is the command to run) or when apt fails.
pub fn ensure_installed(package: &str, purpose: &str, is_present: impl Fn() -> bool) -> Result<()> {
    if is_present() {
        return Ok(());
    }
    if !is_root() || !Path::new("/etc/debian_version").exists() {
        bail!(
            "{purpose} needs `{package}`: run `sudo apt-get install --no-install-recommends \
             {package}`, or install it the way of this system"
        );
    }
    let lock = File::create(peers_folder()?.join("apt.lock")).context("make the lock for apt")?;
    lock.lock().context("wait for another installation")?;
    if is_present() {
        return Ok(());
    }
    eprintln!("installing Debian package `{package}` for {purpose}");
    let _policy = NoDaemonsAtInstall::begin()?;
    apt_get(&["update", "-q"])?;
    apt_get(&["install", "-y", "-q", "--no-install-recommends", package])?;
    ensure!(is_present(), "`{package}` is installed, but {purpose} does not find it");
    Ok(())
}

/// True if this process runs as root.
#[must_use]
pub fn is_root() -> bool {
    matches!(user_id(None), Ok(0))
}

/// The number of the user `name`, or of this process's user.
///
/// # Errors
/// When there is no such user.
pub fn user_id(name: Option<&str>) -> Result<u32> {
    let output = Command::new("id").arg("-u").args(name).output().context("run `id -u`")?;
    ensure!(output.status.success(), "there is no user `{}`", name.unwrap_or_default());
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim().parse().with_context(|| format!("read `{}` as a user's number", text.trim()))
}

fn apt_get(arguments: &[&str]) -> Result<()> {
    let output = Command::new("apt-get")
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .output()
        .context("run `apt-get`")?;
    ensure!(
        output.status.success(),
        "`apt-get {}` failed: {}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(())
}

/// Our `policy-rc.d`, gone again when dropped; one that is already there is left alone.
struct NoDaemonsAtInstall {
    is_ours: bool,
}

impl NoDaemonsAtInstall {
    fn begin() -> Result<Self> {
        if Path::new(POLICY).exists() {
            return Ok(Self { is_ours: false });
        }
        fs::write(POLICY, "#!/bin/sh\nexit 101\n").with_context(|| format!("write `{POLICY}`"))?;
        fs::set_permissions(POLICY, fs::Permissions::from_mode(0o755))
            .with_context(|| format!("make `{POLICY}` executable"))?;
        Ok(Self { is_ours: true })
    }
}

impl Drop for NoDaemonsAtInstall {
    fn drop(&mut self) {
        if self.is_ours {
            let _ = fs::remove_file(POLICY);
        }
    }
}
