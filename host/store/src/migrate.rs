//! Brings a database to the current schema. Each migration runs once, in its own transaction.

use crate::db::{Db, args};
use crate::{Result, StoreError, dialect, statements};

/// The schema that this program works with.
pub const SCHEMA_VERSION: i64 = newest(MIGRATIONS);

/// Sorted by version. What a database has not recorded is applied, also below its newest version.
const MIGRATIONS: &[(i64, &str)] = &[
    (1, include_str!("../migrations/0001_foundation.sql")),
    (2, include_str!("../migrations/0002_people.sql")),
    (3, include_str!("../migrations/0003_data_sources.sql")),
    (4, include_str!("../migrations/0004_audit_streams.sql")),
    (5, include_str!("../migrations/0005_integration_settings.sql")),
    (6, include_str!("../migrations/0006_schedules.sql")),
    (7, include_str!("../migrations/0007_safe_sync.sql")),
    (9, include_str!("../migrations/0009_mapping.sql")),
    (10, include_str!("../migrations/0010_entitlement_words.sql")),
    (11, include_str!("../migrations/0011_upload_readings.sql")),
    (12, include_str!("../migrations/0012_departures.sql")),
    (13, include_str!("../migrations/0013_request_rules.sql")),
    (14, include_str!("../migrations/0014_own_identities.sql")),
    (15, include_str!("../migrations/0015_resource_people.sql")),
    (16, include_str!("../migrations/0016_entitlement_types.sql")),
    (17, include_str!("../migrations/0017_selections.sql")),
    (18, include_str!("../migrations/0018_catalogue_view.sql")),
    (19, include_str!("../migrations/0019_flat_files.sql")),
    (20, include_str!("../migrations/0020_requests.sql")),
    (21, include_str!("../migrations/0021_open_operations.sql")),
    (22, include_str!("../migrations/0022_overdue_and_clock.sql")),
    (23, include_str!("../migrations/0023_appeared_changes.sql")),
    (24, include_str!("../migrations/0024_mapping_proposals.sql")),
    (25, include_str!("../migrations/0025_own_accounts.sql")),
    (26, include_str!("../migrations/0026_scope_validators.sql")),
    (27, include_str!("../migrations/0027_tasks.sql")),
    (28, include_str!("../migrations/0028_change_feeds.sql")),
    (29, include_str!("../migrations/0029_mapping_of_lists.sql")),
    (30, include_str!("../migrations/0030_app_webhooks.sql")),
    (33, include_str!("../migrations/0033_undone_uploads.sql")),
    (35, include_str!("../migrations/0035_entitlement_numbers.sql")),
    (36, include_str!("../migrations/0036_tickets.sql")),
    (39, include_str!("../migrations/0039_publishers.sql")),
    (40, include_str!("../migrations/0040_registries.sql")),
];

const fn newest(migrations: &[(i64, &str)]) -> i64 {
    migrations[migrations.len() - 1].0
}

/// The tables that the migrations make and leave.
pub(crate) fn tables() -> Vec<&'static str> {
    let mut tables = Vec::new();
    for line in MIGRATIONS.iter().flat_map(|(_, sql)| sql.lines()) {
        let words: Vec<&str> = line.trim_end_matches(';').split(' ').collect();
        match words[..] {
            ["CREATE", "TABLE", made, ..] => tables.push(made),
            ["DROP", "TABLE", gone] => tables.retain(|table| *table != gone),
            ["ALTER", "TABLE", old, "RENAME", "TO", new] => {
                tables.retain(|table| *table != old);
                tables.push(new);
            }
            _ => {}
        }
    }
    tables
}

statements! {
    CREATE_TABLE = "CREATE TABLE IF NOT EXISTS schema_migrations (version BIGINT PRIMARY KEY, applied_ms BIGINT NOT NULL)";
    CURRENT = "SELECT COALESCE(MAX(version), 0) FROM schema_migrations";
    APPLIED = "SELECT version FROM schema_migrations";
    RECORD = "INSERT INTO schema_migrations (version, applied_ms) VALUES ($1, $2)";
}

impl Db {
    /// The schema that the database has; an error where it has none.
    pub async fn schema_version(&self) -> Result<i64> {
        let row = self.fetch_one(CURRENT, &[]).await?;
        row.map_or(Ok(0), |row| row.int(0))
    }

    /// Applies what is missing; returns the versions that were applied.
    pub async fn migrate(&self) -> Result<Vec<i64>> {
        let mut tx = self.begin_housekeeping().await?;
        if let Some(lock) = dialect::migration_lock(self.is_postgres()) {
            tx.fetch(lock, &[]).await?;
        }
        tx.execute(CREATE_TABLE, &[]).await?;
        let row = tx.fetch_one(CURRENT, &[]).await?;
        let current = row.map_or(Ok(0), |row| row.int(0))?;
        if current > SCHEMA_VERSION {
            let reason = format!("version {current} was made by a newer Grantry");
            return Err(StoreError::Corrupt { what: "schema", reason });
        }
        let mut applied = Vec::new();
        let recorded = tx.fetch(APPLIED, &[]).await?;
        let recorded = recorded.iter().map(|row| row.int(0)).collect::<Result<Vec<_>>>()?;
        for (version, sql) in MIGRATIONS.iter().filter(|(version, _)| !recorded.contains(version)) {
            let sql = dialect::adapt_schema(sql, self.is_postgres());
            for statement in split(&sql) {
                tx.execute_built(&statement, &[]).await?;
            }
            for statement in dialect::beyond_migration(*version, self.is_postgres()) {
                tx.execute(statement, &[]).await?;
            }
            tx.execute(RECORD, args![*version, self.now()]).await?;
            applied.push(*version);
        }
        if let Some(statement) = dialect::at_start(self.is_postgres()) {
            tx.execute(statement, &[]).await?;
        }
        tx.commit().await?;
        Ok(applied)
    }
}

/// The statements of a migration, without comment lines. No literal in them holds a semicolon.
fn split(sql: &str) -> Vec<String> {
    let is_code = |line: &&str| !line.trim_start().starts_with("--");
    let code: Vec<&str> = sql.lines().filter(is_code).collect();
    let statements = code.join("\n");
    statements
        .split(';')
        .map(str::trim)
        .filter(|text| !text.is_empty())
        .map(str::to_owned)
        .collect()
}
