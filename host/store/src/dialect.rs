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
        sql.replace(" BLOB", " BYTEA").replace("/* COLLATE \"C\" */", "COLLATE \"C\"")
    } else {
        sql.replace("/* WITHOUT ROWID */", "WITHOUT ROWID")
    }
}

/// SQLite: three-letter pieces of an entitlement's words, by a number that a `VACUUM` does not change.
/// The triggers are part of every statement that writes a row, so index and rows never disagree.
const SQLITE_WORDS: &[&str] = &[
    "ALTER TABLE entitlements ADD COLUMN number BIGINT",
    "UPDATE entitlements SET number = rowid",
    "CREATE UNIQUE INDEX entitlements_by_number ON entitlements (number)",
    "CREATE VIRTUAL TABLE entitlement_words USING fts5 (words, content = '', contentless_delete = 1, detail = none, tokenize = 'trigram case_sensitive 1')",
    "INSERT INTO entitlement_words (rowid, words) SELECT number, search || ' ' || said_search FROM entitlements ORDER BY number",
    "CREATE TRIGGER entitlement_words_added AFTER INSERT ON entitlements BEGIN \
        UPDATE entitlements SET number = (SELECT COALESCE(MAX(number), 0) + 1 FROM entitlements) WHERE id = new.id; \
        INSERT INTO entitlement_words (rowid, words) SELECT number, search || ' ' || said_search FROM entitlements WHERE id = new.id; END",
    "CREATE TRIGGER entitlement_words_changed AFTER UPDATE OF search, said_search ON entitlements WHEN new.search <> old.search OR new.said_search <> old.said_search BEGIN \
        DELETE FROM entitlement_words WHERE rowid = old.number; \
        INSERT INTO entitlement_words (rowid, words) VALUES (new.number, new.search || ' ' || new.said_search); END",
    "CREATE TRIGGER entitlement_words_removed AFTER DELETE ON entitlements BEGIN \
        DELETE FROM entitlement_words WHERE rowid = old.number; END",
];

/// PostgreSQL: the same with `pg_trgm`, which the owner of a database may add (trusted since 13). Where
/// it cannot be had, searches read rows in order instead; it is tried again at every start. A short
/// pending list: each search reads all of it.
const POSTGRES_WORDS: &str = "DO $$ BEGIN \
    IF to_regclass('entitlements_by_words') IS NULL THEN \
    CREATE EXTENSION IF NOT EXISTS pg_trgm; \
    CREATE INDEX entitlements_by_words ON entitlements USING gin ((search || ' ' || said_search) gin_trgm_ops) WITH (gin_pending_list_limit = 256); \
    END IF; \
    EXCEPTION WHEN insufficient_privilege OR undefined_file OR feature_not_supported OR undefined_object THEN \
    RAISE WARNING 'entitlements have no index over their words, because the extension pg_trgm cannot be had: searches are slow'; END $$";

/// What a migration needs beyond its file, on this database.
pub(crate) fn beyond_migration(version: i64, is_postgres: bool) -> &'static [&'static str] {
    if version == 18 && !is_postgres { SQLITE_WORDS } else { &[] }
}

/// What is tried at every start, once the schema is current.
pub(crate) fn at_start(is_postgres: bool) -> Option<&'static str> {
    is_postgres.then_some(POSTGRES_WORDS)
}

/// Entitlements (as `e`) whose words may fit, with a condition on what [`words_argument`] gives: a
/// superset, so the pattern is still to be looked at. And whether the rows are to be gathered before
/// anything else is: PostgreSQL would guess how many there are.
pub(crate) fn words_source(is_postgres: bool, argument: &str) -> (&'static str, String, String) {
    if is_postgres {
        let condition = format!("(e.search || ' ' || e.said_search) LIKE {argument} ESCAPE '\\'");
        ("MATERIALIZED", "entitlements e".to_owned(), condition)
    } else {
        let source = "entitlement_words w CROSS JOIN entitlements e".to_owned();
        let condition = format!("entitlement_words MATCH {argument} AND e.number = w.rowid");
        ("NOT MATERIALIZED", source, condition)
    }
}

/// What the index over words is asked: for a LIKE pattern and pieces of three characters that a match
/// holds.
pub(crate) fn words_argument(is_postgres: bool, pattern: &str, pieces: &[String]) -> String {
    if is_postgres {
        return pattern.to_owned();
    }
    let quoted = pieces.iter().map(|piece| format!("\"{}\"", piece.replace('"', "\"\"")));
    quoted.collect::<Vec<_>>().join(" AND ")
}

/// The texts of a JSON list, as the right side of `IN`.
pub(crate) fn texts(is_postgres: bool, argument: &str) -> String {
    if is_postgres {
        format!("(SELECT jsonb_array_elements_text(CAST({argument} AS JSONB)))")
    } else {
        format!("(SELECT value FROM json_each({argument}))")
    }
}

/// Serialises migrations of several processes; SQLite's write lock does it by itself.
pub(crate) fn migration_lock(is_postgres: bool) -> Option<&'static str> {
    is_postgres.then_some("SELECT pg_advisory_xact_lock(7465298374)")
}

/// Lets one worker choose a job at a time: a condition on other jobs is not checked again behind a row
/// lock. SQLite's write lock does it by itself.
pub(crate) fn lease_lock(is_postgres: bool) -> Option<&'static str> {
    is_postgres.then_some("SELECT pg_advisory_xact_lock(7465298375)")
}

/// What the database's clock says, in Unix milliseconds. SQLite's is the machine's.
pub(crate) fn time(is_postgres: bool) -> &'static str {
    if is_postgres {
        "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)"
    } else {
        "SELECT CAST((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER)"
    }
}

/// Whether PostgreSQL ended a transaction because another one held what it needed: a deadlock, or a
/// failed serialisation. Nothing was written, and the change can be repeated.
pub(crate) fn is_collision(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    matches!(code.as_deref(), Some("40P01" | "40001"))
}

/// Serialises, until the commit, what writes the assignments of one integration (`$1`); SQLite has one
/// writer.
pub(crate) fn catalogue_lock(is_postgres: bool) -> Option<&'static str> {
    is_postgres.then_some("SELECT pg_advisory_xact_lock(hashtextextended('catalogue ' || $1, 0))")
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
        // Half of it would still be measured first: a list of 100 MB takes 69 MiB with this much, more
        // than security.md G10 allows (docs/operating.md).
        .pragma("cache_size", "-24000")
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
