//! What somebody who can write the database may do to the audit log, and that the independent check
//! finds it: edits of every column, rows cut off, rows swapped (security.md rows 71, G6).

use grantry_verify::{Checkpoint, Report, Trusted, database};
use sqlx::{AssertSqlSafe, SqlSafeStr as _};

use super::*;

const ROWS: i64 = 40;
const TEXT_COLUMNS: [&str; 12] = [
    "principal_id",
    "principal_kind",
    "door",
    "action",
    "event",
    "entity_kind",
    "entity_id",
    "reason",
    "request_id",
    "detail",
    "previous_hash",
    "hash",
];

/// Small numbers from a seed, the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: i64) -> i64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        i64::try_from(self.0 >> 33).unwrap() % below
    }
}

impl TestDb {
    async fn tamper(&self, sql: &str) {
        let sql = AssertSqlSafe(sql.to_owned()).into_sql_str();
        match &self.db.pools {
            Pools::Sqlite { writer, .. } => drop(sqlx::raw_sql(sql).execute(writer).await.unwrap()),
            Pools::Postgres(pool) => drop(sqlx::raw_sql(sql).execute(pool).await.unwrap()),
        }
    }

    async fn check(&self, trusted: &Trusted) -> Report {
        database::verify(&self.url, trusted).await.unwrap()
    }

    /// Two commits and a check for each edit: without waiting for the disk.
    async fn log(&self) -> Trusted {
        if matches!(self.db.pools, Pools::Sqlite { .. }) {
            self.tamper("PRAGMA synchronous = OFF").await;
        }
        for i in 0..ROWS {
            enqueue(&self.db, &new_job(&format!("q{i}"))).await;
        }
        let (sequence, hash) = self.db.audit_head().await.unwrap();
        let (key_id, signature) = Default::default();
        let kept = Checkpoint { sequence, hash, at_ms: 0, key_id, signature };
        let trusted = Trusted { checkpoints: vec![kept], ..Trusted::default() };
        let report = self.check(&trusted).await;
        assert_eq!((report.fault, report.rows, report.checkpoints), (None, ROWS as u64, 1));
        self.tamper("CREATE TABLE kept AS SELECT * FROM audit").await;
        trusted
    }

    async fn restore(&self) {
        self.tamper("DELETE FROM audit; INSERT INTO audit SELECT * FROM kept").await;
    }
}

/// An edit of one random column of one random row, and the row.
fn edit(dice: &mut Dice) -> (String, i64) {
    let row = dice.roll(ROWS) + 1;
    let number = dice.roll(15);
    let change = match number {
        0 => format!("sequence = {}", [-row, ROWS + 1 + dice.roll(9), 0][dice.roll(3) as usize]),
        1 => format!("at_ms = at_ms + {}", [1, -1, 3_600_000][dice.roll(3) as usize]),
        2 => ["is_allowed = 1 - is_allowed", "is_allowed = 2", "is_allowed = -1"]
            [dice.roll(3) as usize]
            .to_owned(),
        text => {
            let column = TEXT_COLUMNS[text as usize - 3];
            let is_nullable = column.starts_with("entity_");
            match dice.roll(5) {
                0 => format!("{column} = {column} || 'x'"),
                1 => format!("{column} = 'x' || {column}"),
                2 => format!("{column} = SUBSTR({column}, 2)"),
                3 if is_nullable => format!("{column} = NULL"),
                3 => format!("{column} = {column} || ' '"),
                _ => format!("{column} = ''"),
            }
        }
    };
    (format!("UPDATE audit SET {change} WHERE sequence = {row}"), row)
}

#[tokio::test]
async fn a_thousand_edits_of_every_column_are_all_found() {
    for test in databases().await {
        let trusted = Trusted::default();
        test.log().await;
        let mut dice = Dice(7);
        let edits = if test.db.is_postgres() { 200 } else { 1_000 };
        for _ in 0..edits {
            let (sql, row) = edit(&mut dice);
            // The first row has no row before it: its empty hash stays what it is.
            let is_nothing = row == 1
                && ["previous_hash = SUBSTR", "previous_hash = ''"]
                    .iter()
                    .any(|set| sql.contains(set));
            test.tamper(&sql).await;
            let fault = test.check(&trusted).await.fault;
            if !is_nothing {
                let fault = fault.unwrap_or_else(|| panic!("not found: {sql}"));
                assert!(fault.sequence <= row, "{sql}: {fault:?}");
            }
            test.restore().await;
        }
    }
}

/// With the writer's own memory of the last row mended too: only a checkpoint that is kept elsewhere
/// tells of it.
#[tokio::test]
async fn a_hundred_truncations_are_all_found() {
    for test in databases().await {
        let trusted = test.log().await;
        let mut dice = Dice(11);
        let (head, hash) = test.db.audit_head().await.unwrap();
        for round in 0..100 {
            let last = dice.roll(ROWS);
            test.tamper(&format!("DELETE FROM audit WHERE sequence > {last}")).await;
            let blind = Trusted::default();
            assert_eq!(test.check(&blind).await.fault.unwrap().sequence, last + 1);
            if round % 2 == 0 {
                test.tamper(&format!("UPDATE audit_head SET sequence = {last}, hash = COALESCE((SELECT hash FROM audit WHERE sequence = {last}), '')")).await;
                assert_eq!(test.check(&blind).await.fault, None);
                assert_eq!(test.check(&trusted).await.fault.unwrap().sequence, last + 1);
            }
            test.restore().await;
            test.tamper(&format!("UPDATE audit_head SET sequence = {head}, hash = '{hash}'")).await;
        }
    }
}

#[tokio::test]
async fn a_hundred_swaps_and_deletions_are_all_found() {
    for test in databases().await {
        test.log().await;
        let mut dice = Dice(13);
        for _ in 0..100 {
            let one = dice.roll(ROWS) + 1;
            let other = 1 + (one - 1 + 1 + dice.roll(ROWS - 1)) % ROWS;
            let sql = format!(
                "UPDATE audit SET sequence = -1 WHERE sequence = {one}; UPDATE audit SET sequence = {one} WHERE sequence = {other}; UPDATE audit SET sequence = {other} WHERE sequence = -1"
            );
            test.tamper(&sql).await;
            let trusted = Trusted::default();
            assert_eq!(test.check(&trusted).await.fault.unwrap().sequence, one.min(other));
            test.restore().await;
            test.tamper(&format!("DELETE FROM audit WHERE sequence = {one}")).await;
            assert_eq!(test.check(&trusted).await.fault.unwrap().sequence, one);
            test.restore().await;
        }
    }
}
