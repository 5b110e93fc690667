//! Reads the log straight from the database, SQLite or PostgreSQL, without changing anything.

use futures_util::TryStreamExt as _;
use sqlx::postgres::PgRow;
use sqlx::sqlite::{SqliteConnectOptions, SqliteRow};
use sqlx::{Connection as _, Decode, PgConnection, Row, SqliteConnection, Type};

use crate::{Chain, Checkpoint, Entry, Report, Trusted, VerifyError};

const ROWS: &str = "SELECT sequence, at_ms, principal_id, principal_kind, door, action, event, entity_kind, entity_id, is_allowed, reason, request_id, detail, previous_hash, hash FROM audit ORDER BY sequence";
const HEAD: &str = "SELECT sequence, hash FROM audit_head WHERE id = 1";
const CHECKPOINTS: &str =
    "SELECT sequence, hash, at_ms, key_id, signature FROM audit_checkpoints ORDER BY sequence";

/// Checks the log of a database. It is read in one transaction: a log that grows meanwhile is checked
/// as it was at the beginning.
///
/// # Errors
/// When the database cannot be read at all.
pub async fn verify(url: &str, trusted: &Trusted) -> Result<Report, VerifyError> {
    let mut chain = Chain::new(trusted);
    if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        let mut connection = PgConnection::connect(url).await?;
        let mut tx = connection.begin().await?;
        sqlx::query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            .execute(&mut *tx)
            .await?;
        let checkpoints = sqlx::query(CHECKPOINTS).fetch_all(&mut *tx).await?;
        add_checkpoints(&mut chain, checkpoints.iter().map(checkpoint::<PgRow>));
        let mut rows = sqlx::query(ROWS).fetch(&mut *tx);
        while let Some(row) = rows.try_next().await? {
            add(&mut chain, &row);
        }
        drop(rows);
        let head = sqlx::query(HEAD).fetch_optional(&mut *tx).await?;
        check_head(&mut chain, head.as_ref());
    } else {
        let options = SqliteConnectOptions::new()
            .filename(url.strip_prefix("sqlite://").unwrap_or(url))
            .create_if_missing(false)
            .pragma("query_only", "ON");
        let mut connection = SqliteConnection::connect_with(&options).await?;
        let mut tx = connection.begin().await?;
        let checkpoints = sqlx::query(CHECKPOINTS).fetch_all(&mut *tx).await?;
        add_checkpoints(&mut chain, checkpoints.iter().map(checkpoint::<SqliteRow>));
        let mut rows = sqlx::query(ROWS).fetch(&mut *tx);
        while let Some(row) = rows.try_next().await? {
            add(&mut chain, &row);
        }
        drop(rows);
        let head = sqlx::query(HEAD).fetch_optional(&mut *tx).await?;
        check_head(&mut chain, head.as_ref());
    }
    Ok(chain.finish())
}

fn add_checkpoints(
    chain: &mut Chain<'_>,
    checkpoints: impl Iterator<Item = Result<Checkpoint, sqlx::Error>>,
) {
    for checkpoint in checkpoints {
        match checkpoint {
            Ok(checkpoint) => chain.add_checkpoint(checkpoint),
            Err(_) => chain.unreadable(0),
        }
    }
}

fn add<R: Row>(chain: &mut Chain<'_>, row: &R)
where
    for<'r> i64: Decode<'r, R::Database> + Type<R::Database>,
    for<'r> String: Decode<'r, R::Database> + Type<R::Database>,
    for<'r> Option<String>: Decode<'r, R::Database> + Type<R::Database>,
    usize: sqlx::ColumnIndex<R>,
{
    match entry(row) {
        Ok(entry) => chain.add(&entry),
        Err(_) => chain.unreadable(row.try_get(0).unwrap_or(0)),
    }
}

fn entry<R: Row>(row: &R) -> Result<Entry, sqlx::Error>
where
    for<'r> i64: Decode<'r, R::Database> + Type<R::Database>,
    for<'r> String: Decode<'r, R::Database> + Type<R::Database>,
    for<'r> Option<String>: Decode<'r, R::Database> + Type<R::Database>,
    usize: sqlx::ColumnIndex<R>,
{
    let number =
        |index: usize| Ok::<_, sqlx::Error>(Some(row.try_get::<i64, _>(index)?.to_string()));
    let text = |index: usize| Ok::<_, sqlx::Error>(Some(row.try_get::<String, _>(index)?));
    Ok(Entry {
        sequence: row.try_get(0)?,
        fields: [
            number(1)?,
            text(2)?,
            text(3)?,
            text(4)?,
            text(5)?,
            text(6)?,
            row.try_get(7)?,
            row.try_get(8)?,
            number(9)?,
            text(10)?,
            text(11)?,
            text(12)?,
        ],
        previous_hash: row.try_get(13)?,
        hash: row.try_get(14)?,
    })
}

fn checkpoint<R: Row>(row: &R) -> Result<Checkpoint, sqlx::Error>
where
    for<'r> i64: Decode<'r, R::Database> + Type<R::Database>,
    for<'r> String: Decode<'r, R::Database> + Type<R::Database>,
    usize: sqlx::ColumnIndex<R>,
{
    Ok(Checkpoint {
        sequence: row.try_get(0)?,
        hash: row.try_get(1)?,
        at_ms: row.try_get(2)?,
        key_id: row.try_get(3)?,
        signature: row.try_get(4)?,
    })
}

fn check_head<R: Row>(chain: &mut Chain<'_>, row: Option<&R>)
where
    for<'r> i64: Decode<'r, R::Database> + Type<R::Database>,
    for<'r> String: Decode<'r, R::Database> + Type<R::Database>,
    usize: sqlx::ColumnIndex<R>,
{
    let head = row.and_then(|row| {
        let sequence = row.try_get::<i64, _>(0).ok()?;
        Some((sequence, row.try_get::<String, _>(1).ok()?))
    });
    match head {
        Some((sequence, hash)) => chain.check_head(sequence, &hash),
        None => chain.unreadable(0),
    }
}
