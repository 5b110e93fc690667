//! One test's database.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use url::Url;

static CREATED: AtomicU32 = AtomicU32::new(0);

/// An empty database; dropping the value drops it, open connections or not.
#[derive(Debug)]
pub struct PostgresDatabase {
    administrator_url: Url,
    name: String,
    url: Url,
}

impl PostgresDatabase {
    pub(super) async fn create(administrator_url: &Url) -> Result<Self> {
        let name = unused_name();
        run(administrator_url, format!("CREATE DATABASE {name}"))
            .await
            .with_context(|| format!("create the database `{name}`"))?;
        let mut url = administrator_url.clone();
        url.set_path(&name);
        Ok(Self { administrator_url: administrator_url.clone(), name, url })
    }

    /// The database's URL, password included.
    #[must_use]
    pub fn url(&self) -> &str {
        self.url.as_str()
    }
}

impl Drop for PostgresDatabase {
    fn drop(&mut self) {
        let url = self.administrator_url.clone();
        let statement = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        // A runtime of its own, because drop also happens inside of one.
        let dropped = std::thread::spawn(move || -> Result<()> {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(run(&url, statement))
        })
        .join();
        if !matches!(dropped, Ok(Ok(()))) {
            eprintln!("the test database `{}` was not dropped: {dropped:?}", self.name);
        }
    }
}

async fn run(url: &Url, statement: String) -> Result<()> {
    let mut connection = PgConnection::connect(url.as_str()).await?;
    // The only thing in it from outside is a name of `unused_name`.
    connection.execute(AssertSqlSafe(statement)).await?;
    Ok(connection.close().await?)
}

/// Unused among all processes of this test run and of earlier ones in the same cluster.
fn unused_name() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let number = CREATED.fetch_add(1, Ordering::Relaxed);
    format!("grantry_{}_{now}_{number}", std::process::id())
}
