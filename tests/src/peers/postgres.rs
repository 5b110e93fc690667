//! A private PostgreSQL cluster and a fresh, empty database for every test.
//!
//! With `GRANTRY_TEST_POSTGRES_URL` (an administrator's URL) nothing is started and databases are
//! made there; `grantry-test-peers` prints one for a whole test run. Durability is off: the
//! cluster lives as long as its process.

mod cluster;
mod database;

use anyhow::{Context, Result};
use tokio::sync::OnceCell;
use url::Url;

pub use database::PostgresDatabase;

use super::process::PeerProcess;

/// Names the administrator's URL of a cluster that is already running.
pub const POSTGRES_URL_VARIABLE: &str = "GRANTRY_TEST_POSTGRES_URL";

static SHARED: OnceCell<PostgresServer> = OnceCell::const_new();

/// A cluster to make databases in; one that we started ends when this is dropped.
#[derive(Debug)]
pub struct PostgresServer {
    administrator_url: Url,
    _process: Option<PeerProcess>,
}

impl PostgresServer {
    /// The cluster of this test process, or of the whole test run where the environment names it.
    ///
    /// # Errors
    /// When PostgreSQL is missing and cannot be installed, or when it does not start.
    pub async fn shared() -> Result<&'static Self> {
        SHARED
            .get_or_try_init(async || match std::env::var(POSTGRES_URL_VARIABLE) {
                Ok(url) => Self::running_at(&url),
                Err(_) => Self::start().await,
            })
            .await
    }

    /// Starts a cluster of its own on a free port; installs PostgreSQL first if needed.
    ///
    /// # Errors
    /// As [`PostgresServer::shared`].
    pub async fn start() -> Result<Self> {
        let (administrator_url, process) = cluster::start().await?;
        Ok(Self { administrator_url, _process: Some(process) })
    }

    /// Uses the cluster that an administrator's URL names.
    fn running_at(url: &str) -> Result<Self> {
        let administrator_url =
            Url::parse(url).with_context(|| format!("read `{POSTGRES_URL_VARIABLE}` as a URL"))?;
        Ok(Self { administrator_url, _process: None })
    }

    /// The administrator's URL, password included.
    #[must_use]
    pub fn administrator_url(&self) -> &str {
        self.administrator_url.as_str()
    }

    /// A fresh, empty database, dropped with the value.
    ///
    /// # Errors
    /// When the cluster cannot be reached or refuses.
    pub async fn database(&self) -> Result<PostgresDatabase> {
        PostgresDatabase::create(&self.administrator_url).await
    }
}
