//! The baselines: the same rows through sqlx alone, and the same page through wasmtime alone.

use std::path::Path;
use std::time::Instant;

use anyhow::{Result, bail};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{AssertSqlSafe, Connection as _, SqliteConnection};

use crate::process;
use crate::sync::Size;

/// Rows of one INSERT, as the store writes them.
const BATCH_ROWS: u64 = 200;
/// Rows of one transaction: a page.
const PAGE_ROWS: u64 = 1_000;

/// Writes assignment rows into the same table, a page a
/// transaction, and nothing else.
pub async fn child(arguments: &[String]) -> Result<()> {
    let [folder, _, size] = arguments else { bail!("FOLDER first (10k|100k|1m)") };
    let options = SqliteConnectOptions::new()
        .filename(Path::new(folder).join("bare.db"))
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .pragma("cache_size", "-48000");
    let mut connection = SqliteConnection::connect_with(&options).await?;
    let table = "CREATE TABLE assignments (entitlement_id TEXT NOT NULL, holder_id TEXT NOT NULL, details TEXT, removed_ms BIGINT, PRIMARY KEY (entitlement_id, holder_id)) WITHOUT ROWID";
    sqlx::query(table).execute(&mut connection).await?;
    let values = vec!["(?, ?, ?, NULL)"; usize::try_from(BATCH_ROWS)?].join(", ");
    let sql = format!(
        "INSERT INTO assignments (entitlement_id, holder_id, details, removed_ms) VALUES {values}"
    );
    let (cpu, began) = (process::cpu_seconds()?, Instant::now());
    let Size { users, groups, assignments, .. } = Size::of(size)?;
    let members = assignments / groups;
    let mut row = 0;
    while row < assignments {
        let mut tx = connection.begin().await?;
        let end = row + PAGE_ROWS;
        while row < end {
            let mut query = sqlx::query(AssertSqlSafe(sql.clone()));
            for row in row..row + BATCH_ROWS {
                let (group, user) = (row / members, (row * 7) % users);
                query = query
                    .bind(key(group, 0x9E37_79B9))
                    .bind(key(user, 0x85EB_CA6B))
                    .bind(None::<String>);
            }
            query.execute(&mut *tx).await?;
            row += BATCH_ROWS;
        }
        tx.commit().await?;
    }
    let answer = serde_json::json!({
        "cpu_s": process::cpu_seconds()? - cpu,
        "wall_s": began.elapsed().as_secs_f64(),
        "rss_mib": process::peak_rss_mib()?,
    });
    println!("{answer}");
    Ok(())
}

/// A text as long and as scattered as a catalogue key.
fn key(number: u64, salt: u64) -> String {
    let mixed = (number ^ salt).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let other = mixed.rotate_left(31).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    format!("{:013x}{:013x}", mixed >> 12, other >> 12)
}
