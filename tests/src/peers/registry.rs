//! Debian's docker-registry (CNCF distribution 2.8): an OCI registry by other hands, with its data in a
//! folder that tests may spoil.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use super::debian;
use super::process::{PeerCommand, PeerProcess};
use super::{START_ATTEMPTS_MAX, free_port};
use crate::wait;

const PROGRAM: &str = "/usr/bin/docker-registry";
const READY_LIMIT: Duration = Duration::from_secs(30);

/// Who may use the registry.
pub const USER: &str = "push";
/// The password of [`USER`].
pub const PASSWORD: &str = "push-secret";
/// The same, as Apache's htpasswd writes it (bcrypt).
const HTPASSWD: &str = "push:$2y$05$abcdefghijklmnopqrstuu6/o48Bl0qAFcpj1iOHd6o2aIZp2WjD2\n";

/// A running registry that wants [`USER`]; dropping it ends it.
#[derive(Debug)]
pub struct Registry {
    address: SocketAddr,
    folder: PathBuf,
    _process: PeerProcess,
}

/// Installs the registry if it is missing, and minisign, which checks what is in it. Blocks.
///
/// # Errors
/// When it cannot be installed.
pub fn ensure_installed() -> Result<()> {
    for package in ["docker-registry", "minisign"] {
        let is_present = || Path::new("/usr/bin").join(package).exists();
        debian::ensure_installed(package, "the test of plugins from registries", is_present)?;
    }
    Ok(())
}

impl Registry {
    /// Starts an empty one; installs it first if needed.
    ///
    /// # Errors
    /// When it cannot be installed or does not start (with the end of its log).
    pub async fn start() -> Result<Self> {
        tokio::task::spawn_blocking(ensure_installed).await??;
        for _ in 0..START_ATTEMPTS_MAX {
            if let Some(registry) = Self::try_start(free_port()?).await? {
                return Ok(registry);
            }
        }
        bail!("docker-registry found its port taken {START_ATTEMPTS_MAX} times")
    }

    /// `None` if something took the port first.
    async fn try_start(port: u16) -> Result<Option<Self>> {
        let folder = tempfile::Builder::new().prefix("grantry-registry-").tempdir()?;
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let config = configure(&folder, address)?;
        let data = folder.path().join("data");
        let command = PeerCommand {
            name: "docker-registry",
            command_line: vec![PROGRAM.into(), "serve".into(), config.into()],
            folder,
            stop_signal: "KILL",
        };
        let mut process = PeerProcess::start(command)?;
        let http = reqwest::Client::builder().no_proxy().build()?;
        let url = format!("http://{address}/v2/");
        let is_ready = wait::until("docker-registry", READY_LIMIT, async || {
            if process.has_ended() {
                if process.log_tail().contains("address already in use") {
                    return Ok(Some(false));
                }
                bail!("docker-registry ended at start; {}", process.log_tail());
            }
            let answer = http.get(&url).send().await;
            Ok(answer.is_ok_and(|answer| answer.status().as_u16() == 401).then_some(true))
        })
        .await?;
        Ok(is_ready.then_some(Self { address, folder: data, _process: process }))
    }

    /// Where it listens: the exception to make.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What references begin with.
    #[must_use]
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// The file with a blob's bytes on the registry's disk.
    #[must_use]
    pub fn blob(&self, sha256: &str) -> PathBuf {
        let blobs = self.folder.join("docker/registry/v2/blobs/sha256");
        blobs.join(&sha256[..2]).join(sha256).join("data")
    }

    /// Changes one byte of a blob on the registry's disk.
    ///
    /// # Errors
    /// When it is not there.
    pub fn spoil(&self, sha256: &str) -> Result<()> {
        let path = self.blob(sha256);
        let mut bytes = std::fs::read(&path).with_context(|| format!("`{}`", path.display()))?;
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        Ok(std::fs::write(path, bytes)?)
    }
}

fn configure(folder: &TempDir, address: SocketAddr) -> Result<PathBuf> {
    let at = folder.path();
    std::fs::write(at.join("htpasswd"), HTPASSWD)?;
    let (data, htpasswd) = (at.join("data"), at.join("htpasswd"));
    let text = format!(
        "version: 0.1\nlog: {{level: warn}}\nstorage:\n  filesystem: {{rootdirectory: {}}}\n\
         http: {{addr: \"{address}\"}}\nauth:\n  htpasswd: {{realm: peer, path: {}}}\n",
        data.display(),
        htpasswd.display()
    );
    let config = at.join("config.yml");
    std::fs::write(&config, text)?;
    Ok(config)
}
