//! The real program under test: `grantry serve` in a process of its own, used through its HTTP API.
//!
//! A [`Host`] can be killed with `kill -9` and started again on the same data; what it answers is
//! read as plain JSON, so that a wrong wire type cannot hide behind a shared one.

mod api;
mod integration;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;

pub use api::{Api, Reply};
pub use integration::{Catalogue, Integration, Target};

use crate::peers::{PostgresDatabase, PostgresServer, free_port};
use crate::wait;

/// More than any test sends: the limit has tests of its own.
const REQUESTS_PER_SECOND: &str = "100000";
const READY_LIMIT: Duration = Duration::from_secs(60);

/// Which database the host keeps its data in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Database {
    /// A file in the data folder.
    Sqlite,
    /// A fresh database of the shared PostgreSQL server.
    Postgres,
}

/// A running host with its data folder.
#[derive(Debug)]
pub struct Host {
    api: Api,
    child: Option<Child>,
    address: SocketAddr,
    folder: TempDir,
    postgres: Option<PostgresDatabase>,
    environment: Vec<(&'static str, String)>,
}

/// The built `grantry` program: `GRANTRY_BIN`, or the one beside this test's own.
///
/// # Errors
/// When it was not built.
pub fn program() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("GRANTRY_BIN") {
        return Ok(path.into());
    }
    let test = std::env::current_exe()?;
    let folder = test.parent().and_then(Path::parent).context("an odd place for a test")?;
    let path = folder.join("grantry");
    ensure!(path.exists(), "`{}` is missing: `cargo build --workspace` makes it", path.display());
    Ok(path)
}

/// A built plugin: from `GRANTRY_GUESTS`, or from `target/guests/out`.
///
/// # Errors
/// When it was not built.
pub fn component(name: &str) -> Result<Vec<u8>> {
    let folder = match std::env::var_os("GRANTRY_GUESTS") {
        Some(folder) => PathBuf::from(folder),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/guests/out"),
    };
    let path = folder.join(format!("{name}.wasm"));
    let missing = || format!("`{}` is missing: `cargo xtask plugins` makes it", path.display());
    std::fs::read(&path).with_context(missing)
}

impl Host {
    /// Starts a host on an empty database.
    ///
    /// # Errors
    /// When it does not become ready within a minute (with the end of its log).
    pub async fn start(database: Database) -> Result<Self> {
        Self::start_with(database, Vec::new()).await
    }

    /// Starts a host on an empty database, with these variables in its environment.
    ///
    /// # Errors
    /// As [`Host::start`].
    pub async fn start_with(
        database: Database,
        environment: Vec<(&'static str, String)>,
    ) -> Result<Self> {
        let postgres = match database {
            Database::Sqlite => None,
            Database::Postgres => Some(PostgresServer::shared().await?.database().await?),
        };
        let folder = tempfile::tempdir()?;
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()?));
        let api = Api::new(&format!("http://{address}"))?;
        let mut host = Self { api, child: None, address, folder, postgres, environment };
        host.start_again().await?;
        let token = std::fs::read_to_string(host.folder.path().join("admin-token"))
            .context("the first start writes the admin's token")?;
        host.api = host.api.with_token(token.trim());
        Ok(host)
    }

    /// Starts the killed host on the same data and the same address.
    ///
    /// # Errors
    /// As [`Host::start`].
    pub async fn start_again(&mut self) -> Result<()> {
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.folder.path().join("log"))?;
        // A write beyond a limit is to be an error, as on a full disk, and no signal: `fill_disk`.
        let mut command = Command::new("sh");
        command
            .args(["-c", "trap '' XFSZ; exec \"$@\"", "sh"])
            .arg(program()?)
            .arg("serve")
            .arg("--data-dir")
            .arg(self.folder.path().join("data"))
            .args(["--listen", &self.address.to_string()])
            .args(["--requests-per-second", REQUESTS_PER_SECOND])
            .args(["--failures-per-second", REQUESTS_PER_SECOND])
            .arg("--admin-token-file")
            .arg(self.folder.path().join("admin-token"))
            .env_remove("RUST_LOG")
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        if let Some(database) = &self.postgres {
            command.args(["--database-url", database.url()]);
        }
        self.child = Some(command.spawn().context("start grantry")?);
        wait::until("the host to be ready", READY_LIMIT, async || {
            if let Some(child) = &mut self.child
                && let Some(status) = child.try_wait()?
            {
                bail!("the host ended with {status}\n{}", self.log_tail());
            }
            Ok(self.api.is_ready().await.then_some(()))
        })
        .await
        .with_context(|| self.log_tail())
    }

    /// `kill -9`.
    ///
    /// # Errors
    /// When the process cannot be killed.
    pub fn kill(&mut self) -> Result<()> {
        if let Some(mut child) = self.child.take() {
            child.kill()?;
            child.wait()?;
        }
        Ok(())
    }

    /// From now on the host can write to no file: each write is an error, as on a full disk.
    ///
    /// # Errors
    /// When the limit cannot be set.
    pub fn fill_disk(&self) -> Result<()> {
        self.limit_files("0:")
    }

    /// There is room again.
    ///
    /// # Errors
    /// When the limit cannot be taken away.
    pub fn empty_disk(&self) -> Result<()> {
        self.limit_files("unlimited:")
    }

    /// Sets the soft limit, which may be raised again up to the hard one.
    fn limit_files(&self, limit: &str) -> Result<()> {
        let process = self.pid().context("the host does not run")?.to_string();
        let limit = format!("--fsize={limit}");
        let status = Command::new("prlimit").args(["--pid", &process, &limit]).status();
        let status = status.context("`prlimit` is missing: it comes with util-linux")?;
        ensure!(status.success(), "cannot limit the files of the host: {status}");
        Ok(())
    }

    /// The process's id, while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// The API as the admin.
    #[must_use]
    pub fn api(&self) -> &Api {
        &self.api
    }

    /// The admin's token, for programs that call the API by themselves.
    #[must_use]
    pub fn admin_token(&self) -> &str {
        self.api.token().unwrap_or("")
    }

    /// The data folder.
    #[must_use]
    pub fn data_folder(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Whether the process that was started is still the one that runs.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn is_running(&mut self) -> Result<bool> {
        match &mut self.child {
            Some(child) => Ok(child.try_wait()?.is_none()),
            None => Ok(false),
        }
    }

    /// All that the host wrote to its log.
    #[must_use]
    pub fn log(&self) -> Vec<u8> {
        std::fs::read(self.folder.path().join("log")).unwrap_or_default()
    }

    /// The end of the host's log, for messages.
    #[must_use]
    pub fn log_tail(&self) -> String {
        let log = self.log();
        let start = log.len().saturating_sub(6_000);
        format!("log of grantry:\n{}", String::from_utf8_lossy(&log[start..]))
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.log_tail());
        }
        let _ = self.kill();
    }
}
