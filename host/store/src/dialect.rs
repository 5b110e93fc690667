//! The only place that knows in what the two databases differ.

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection as _, Row as _};

use crate::error::StoreError;

/// Readers of a SQLite file beside the one writer.
const SQLITE_READERS: u32 = 4;
/// Connections of one process to PostgreSQL.
const POSTGRES_CONNECTIONS: u32 = 12;
/// How long a write waits for another process's write, in seconds.
const BUSY_TIMEOUT_S: u64 = 30;

/// A connected database.
#[derive(Clone)]
pub(crate) enum Pools {
    /// One writer, several readers of one file.
    Sqlite { writer: sqlx::SqlitePool, readers: sqlx::SqlitePool },
    /// One pool for both.
    Postgres(sqlx::PgPool),
}

/// Turns the migrations' text into this database's own.
pub(crate) fn adapt_schema(sql: &str, is_postgres: bool) -> String {
    if is_postgres {
        sql.replace(" BLOB", " BYTEA")
    } else {
        sql.replace("/* WITHOUT ROWID */", "WITHOUT ROWID")
    }
}

/// Serialises migrations of several processes; SQLite's write lock does it by itself.
pub(crate) fn migration_lock(is_postgres: bool) -> Option<&'static str> {
    is_postgres.then_some("SELECT pg_advisory_xact_lock(7465298374)")
}

/// Opens `sqlite://PATH` or `postgres://…`.
pub(crate) async fn connect(url: &str) -> Result<Pools, StoreError> {
    if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        return connect_postgres(url).await;
    }
    let path = url.strip_prefix("sqlite://").unwrap_or(url);
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        // An acknowledged write survives a power loss.
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(Duration::from_secs(BUSY_TIMEOUT_S))
        .statement_cache_capacity(200)
        .pragma("cache_size", "-48000")
        .pragma("temp_store", "MEMORY");
    let writer = SqlitePoolOptions::new()
        .max_connections(1)
        // A full disk ends SQLite's transaction by itself. sqlx 0.9.0 takes the rollback that then fails
        // for one that did not happen, and no transaction begins on the connection any more: it goes,
        // and the next one takes its place.
        .after_release(|connection, _| {
            Box::pin(async move {
                // Behind the rollback, which a dropped transaction only orders.
                connection.ping().await?;
                Ok(!connection.is_in_transaction())
            })
        })
        .connect_with(options.clone())
        .await?;
    let readers = SqlitePoolOptions::new()
        .max_connections(SQLITE_READERS)
        .connect_with(options.pragma("query_only", "ON").pragma("cache_size", "-4000"))
        .await?;
    Ok(Pools::Sqlite { writer, readers })
}

async fn connect_postgres(url: &str) -> Result<Pools, StoreError> {
    let options: PgConnectOptions = url.parse()?;
    let options = options.options([("idle_in_transaction_session_timeout", "60000")]);
    let pool = PgPoolOptions::new()
        .max_connections(POSTGRES_CONNECTIONS)
        // sqlx 0.9.0 can return a connection whose cancelled `begin` left a transaction open; the
        // next borrower's writes would be invisible to everyone else (sqlx issue 4385).
        .after_release(|connection, _| {
            Box::pin(async move {
                // In a leftover transaction `now()` stands still at its beginning; the first statement
                // outside of one sees both times equal (in the simple protocol, hence `raw_sql`).
                let row = sqlx::raw_sql("SELECT now() = statement_timestamp()")
                    .fetch_one(connection)
                    .await?;
                row.try_get::<bool, _>(0)
            })
        })
        .connect_with(options)
        .await?;
    Ok(Pools::Postgres(pool))
}

/// The VALUES of a multi-row INSERT: so many rows of so many bound columns, each row ending with
/// `tail`. SQLite finds unnamed parameters without parsing their names, which shows at a million rows.
pub(crate) fn values(is_postgres: bool, rows: usize, columns: usize, tail: &str) -> String {
    let mut text = String::with_capacity(rows * (columns * 7 + tail.len()));
    let mut number = 0;
    for row in 0..rows {
        text.push_str(if row == 0 { "(" } else { ", (" });
        for column in 0..columns {
            number += 1;
            text.push_str(if column == 0 { "" } else { ", " });
            if is_postgres {
                text.push('$');
                text.push_str(&number.to_string());
            } else {
                text.push('?');
            }
        }
        text.push_str(tail);
        text.push(')');
    }
    text
}
