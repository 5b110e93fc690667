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
/// How long a connection to PostgreSQL may lie unused before it is asked whether it lives.
const ASKED_AFTER: Duration = Duration::from_secs(1);

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

/// SQLite: the number becomes the row's key, which every index over rows ends with, and the index knows
/// where words begin and end.
const SQLITE_NUMBERS: &[&str] = &[
    "DROP TRIGGER entitlement_words_added",
    "DROP TRIGGER entitlement_words_changed",
    "DROP TRIGGER entitlement_words_removed",
    "DROP TABLE entitlement_words",
    "CREATE TABLE entitlements_numbered (\
        number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, integration_id TEXT NOT NULL, app_id TEXT NOT NULL, \
        resource_id TEXT NOT NULL, kind TEXT NOT NULL, native_id TEXT NOT NULL, slug TEXT NOT NULL, \
        display TEXT NOT NULL, search TEXT NOT NULL, is_privileged BIGINT NOT NULL, is_immutable BIGINT NOT NULL, \
        details TEXT NOT NULL, row_hash BIGINT NOT NULL, first_seen_ms BIGINT NOT NULL, removed_ms BIGINT, \
        said_display TEXT, said_description TEXT, said_search TEXT NOT NULL DEFAULT '', said_privileged BIGINT, \
        said_version BIGINT NOT NULL DEFAULT 1, recommends TEXT, known_as TEXT, \
        source_key TEXT NOT NULL DEFAULT '', name_key TEXT NOT NULL DEFAULT '', \
        changed_ms BIGINT NOT NULL DEFAULT 0)",
    "INSERT INTO entitlements_numbered (number, id, integration_id, app_id, resource_id, kind, native_id, slug, display, search, is_privileged, is_immutable, details, row_hash, first_seen_ms, removed_ms, said_display, said_description, said_search, said_privileged, said_version, recommends, known_as, source_key, name_key, changed_ms) \
        SELECT number, id, integration_id, app_id, resource_id, kind, native_id, slug, display, search, is_privileged, is_immutable, details, row_hash, first_seen_ms, removed_ms, said_display, said_description, said_search, said_privileged, said_version, recommends, known_as, source_key, name_key, changed_ms \
        FROM entitlements ORDER BY number",
    "DROP TABLE entitlements",
    "ALTER TABLE entitlements_numbered RENAME TO entitlements",
    "CREATE INDEX entitlements_by_integration ON entitlements (integration_id, id)",
    "CREATE INDEX entitlements_by_app ON entitlements (app_id, id)",
    "CREATE INDEX entitlements_recommending ON entitlements (integration_id, resource_id) WHERE recommends IS NOT NULL",
    "CREATE INDEX entitlements_by_name ON entitlements (name_key, id)",
    "CREATE INDEX entitlements_by_kind ON entitlements (kind, name_key, id)",
    "CREATE INDEX entitlements_by_change ON entitlements (changed_ms, id)",
    "CREATE INDEX entitlements_by_app_name ON entitlements (app_id, name_key, id)",
    "CREATE INDEX entitlements_by_resource ON entitlements (resource_id)",
    "CREATE INDEX entitlements_privileged ON entitlements (id) WHERE COALESCE(said_privileged, is_privileged) = 1",
    "CREATE INDEX entitlements_removed ON entitlements (id) WHERE removed_ms IS NOT NULL",
    "CREATE VIRTUAL TABLE entitlement_words USING fts5 (words, content = '', contentless_delete = 1, detail = none, tokenize = 'trigram case_sensitive 1')",
    "INSERT INTO entitlement_words (rowid, words) SELECT number, ' ' || search || ' ' || said_search || ' ' FROM entitlements ORDER BY number",
    "CREATE TRIGGER entitlement_words_added AFTER INSERT ON entitlements BEGIN \
        INSERT INTO entitlement_words (rowid, words) VALUES (new.number, ' ' || new.search || ' ' || new.said_search || ' '); END",
    "CREATE TRIGGER entitlement_words_changed AFTER UPDATE OF search, said_search ON entitlements WHEN new.search <> old.search OR new.said_search <> old.said_search BEGIN \
        DELETE FROM entitlement_words WHERE rowid = old.number; \
        INSERT INTO entitlement_words (rowid, words) VALUES (new.number, ' ' || new.search || ' ' || new.said_search || ' '); END",
    "CREATE TRIGGER entitlement_words_removed AFTER DELETE ON entitlements BEGIN \
        DELETE FROM entitlement_words WHERE rowid = old.number; END",
];

/// The words of an entitlement (`e`), between spaces: the text that is searched, and on PostgreSQL the
/// one of its index.
pub(crate) const WORDS: &str = "(' ' || e.search || ' ' || e.said_search || ' ')";

/// PostgreSQL: the same with `pg_trgm`, which the owner of a database may add (trusted since 13). Where
/// it cannot be had, searches read rows in order instead; it is tried again at every start. A short
/// pending list: each search reads all of it.
const POSTGRES_WORDS: &str = "DO $$ BEGIN \
    IF to_regclass('entitlements_by_bounded_words') IS NULL THEN \
    CREATE EXTENSION IF NOT EXISTS pg_trgm; \
    DROP INDEX IF EXISTS entitlements_by_words; \
    CREATE INDEX entitlements_by_bounded_words ON entitlements USING gin ((' ' || search || ' ' || said_search || ' ') gin_trgm_ops) WITH (gin_pending_list_limit = 256); \
    END IF; \
    EXCEPTION WHEN insufficient_privilege OR undefined_file OR feature_not_supported OR undefined_object THEN \
    RAISE WARNING 'entitlements have no index over their words, because the extension pg_trgm cannot be had: searches are slow'; END $$";

/// What a migration needs beyond its file, on this database.
pub(crate) fn beyond_migration(version: i64, is_postgres: bool) -> &'static [&'static str] {
    match version {
        18 if !is_postgres => SQLITE_WORDS,
        35 if !is_postgres => SQLITE_NUMBERS,
        _ => &[],
    }
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
        let condition = format!("{WORDS} LIKE {argument} ESCAPE '\\'");
        ("MATERIALIZED", "entitlements e".to_owned(), condition)
    } else {
        let source = "entitlement_words w CROSS JOIN entitlements e".to_owned();
        let condition = format!("entitlement_words MATCH {argument} AND e.number = w.rowid");
        ("NOT MATERIALIZED", source, condition)
    }
}

/// A condition on entitlements (as `e`) that the index over words knows, for rows that come in an order:
/// an index over rows answers it without the row. `None` on PostgreSQL, which would look up each row.
pub(crate) fn words_among(is_postgres: bool, argument: &str) -> Option<String> {
    // The sign keeps SQLite from beginning with the words, and sorting.
    let among = "+e.number IN (SELECT rowid FROM entitlement_words WHERE entitlement_words MATCH";
    (!is_postgres).then(|| format!("{among} {argument})"))
}

/// Whether [`words_among`] has a condition.
pub(crate) fn tells_words_among(is_postgres: bool) -> bool {
    !is_postgres
}

/// How many entitlements the index over words finds, counted up to `limit`; binds what
/// [`words_argument`] gives. `None` on PostgreSQL, which may read all rows for it.
pub(crate) fn words_count(is_postgres: bool, limit: i64) -> Option<String> {
    (!is_postgres).then(|| {
        format!("SELECT COUNT(*) FROM (SELECT 1 FROM entitlement_words WHERE entitlement_words MATCH $1 LIMIT {limit}) s")
    })
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
        // With it a list of 100 MB takes 58 MiB, of the 64 that security.md G10 allows (docs/operating.md).
        .pragma("cache_size", "-16000")
        .pragma("temp_store", "MEMORY");
    let writer = SqlitePoolOptions::new()
        .max_connections(1)
        .test_before_acquire(false)
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
        // A file does not hang up, and asking costs a read as much time again as a small answer.
        .test_before_acquire(false)
        .connect_with(options.pragma("query_only", "ON").pragma("cache_size", "-4000"))
        .await?;
    Ok(Pools::Sqlite { writer, readers })
}

async fn connect_postgres(url: &str) -> Result<Pools, StoreError> {
    let options: PgConnectOptions = url.parse()?;
    let options = options.options([("idle_in_transaction_session_timeout", "60000")]);
    let pool = PgPoolOptions::new()
        .max_connections(POSTGRES_CONNECTIONS)
        // A connection that was just in use is taken for a living one: asking doubles the round trips.
        .test_before_acquire(false)
        .before_acquire(|connection, meta| {
            Box::pin(async move {
                if meta.idle_for >= ASKED_AFTER {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
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
