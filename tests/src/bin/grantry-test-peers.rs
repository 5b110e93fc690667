//! Starts the peers that a whole test run shares, and keeps them until stdin closes.
//!
//! Prints one `KEY=VALUE` line for each environment variable that the tests read, and
//! `GRANTRY_TEST_PEERS=ready` as the last line. Programs of Debian, PyPI and npm are only installed here:
//! each test starts its own.

use anyhow::Result;
use grantry_tests::peers::postgres::POSTGRES_URL_VARIABLE;
use grantry_tests::peers::{PostgresServer, node, python, registry};
use tokio::io::AsyncReadExt;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let python = tokio::task::spawn_blocking(|| {
        python::SCIM_SERVER.program("scim2-server")?;
        python::SCHEMATHESIS.program("schemathesis")?;
        python::RECEIVERS.program("python")?;
        node::PLUGIN_TOOLS.installed()?;
        registry::ensure_installed()?;
        node::ISSUER.installed()
    });
    let postgres = PostgresServer::start().await?;
    python.await??;
    println!("{POSTGRES_URL_VARIABLE}={}", postgres.administrator_url());
    println!("GRANTRY_TEST_PEERS=ready");
    let mut input = tokio::io::stdin();
    let mut discarded = [0; 64];
    while input.read(&mut discarded).await? > 0 {}
    Ok(())
}
