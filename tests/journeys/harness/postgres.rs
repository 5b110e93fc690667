//! The private cluster gives databases that know nothing of each other, and leaves nothing behind.

use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::Duration;

use grantry_tests::peers::PostgresServer;
use grantry_tests::wait;
use sqlx::{Connection, Executor, PgConnection};
use url::Url;

#[tokio::test]
async fn each_database_is_fresh_empty_and_gone_afterwards() {
    let server = PostgresServer::shared().await.unwrap();
    let first = server.database().await.unwrap();
    let second = server.database().await.unwrap();

    let mut connection = PgConnection::connect(first.url()).await.unwrap();
    connection.execute("CREATE TABLE things (id TEXT PRIMARY KEY)").await.unwrap();
    let mut other = PgConnection::connect(second.url()).await.unwrap();
    let refused = other.execute("SELECT id FROM things").await;
    let url = first.url().to_owned();
    drop(first);

    assert!(refused.unwrap_err().to_string().contains("does not exist"));
    assert!(PgConnection::connect(&url).await.is_err());
}

#[tokio::test]
async fn the_shared_peers_end_even_when_their_process_is_killed() {
    let mut peers = Command::new(env!("CARGO_BIN_EXE_grantry-test-peers"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(peers.stdout.take().unwrap()).lines().map(Result::unwrap);
    let lines: Vec<String> =
        lines.take(2).take_while(|line| line != "GRANTRY_TEST_PEERS=ready").collect();
    let url = lines[0].strip_prefix("GRANTRY_TEST_POSTGRES_URL=").unwrap();
    assert!(PgConnection::connect(url).await.is_ok());
    let port = Url::parse(url).unwrap().port().unwrap();

    peers.kill().unwrap();
    peers.wait().unwrap();

    wait::until("PostgreSQL to end", Duration::from_secs(20), async || {
        Ok(TcpStream::connect(("127.0.0.1", port)).is_err().then_some(()))
    })
    .await
    .unwrap();
}
