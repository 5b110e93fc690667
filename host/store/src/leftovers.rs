//! Catalogues of integrations that were deleted. Nothing reaches them any more; their rows go some
//! at a time, so that no change waits for a million of them.

use std::collections::BTreeMap;

use grantry_model::ids::IntegrationId;

use crate::db::{Db, Tx, args};
use crate::{Result, migrate, statements};

/// Before the name of a table.
const COUNT: &str = "SELECT COUNT(*) FROM ";

statements! {
    NOTE = "INSERT INTO leftovers (integration_id, created_ms) VALUES ($1, $2)";
    FIRST = "SELECT integration_id FROM leftovers ORDER BY created_ms, integration_id LIMIT 1";
    /// Of two workers one waits here, and then sees what the other has left.
    HOLD = "UPDATE leftovers SET created_ms = created_ms WHERE integration_id = $1";
    FORGET = "DELETE FROM leftovers WHERE integration_id = $1";
    DELETE_ASSIGNMENTS = "DELETE FROM assignments WHERE (entitlement_id, holder_id) IN (SELECT a.entitlement_id, a.holder_id FROM entitlements e JOIN assignments a ON a.entitlement_id = e.id WHERE e.integration_id = $1 LIMIT $2)";
    DELETE_ENTITLEMENTS = "DELETE FROM entitlements WHERE id IN (SELECT id FROM entitlements WHERE integration_id = $1 LIMIT $2)";
    DELETE_OBJECTS = "DELETE FROM objects WHERE id IN (SELECT id FROM objects WHERE integration_id = $1 LIMIT $2)";
    DELETE_PAGES = "DELETE FROM pages WHERE integration_id = $1 AND (domain, digest) IN (SELECT domain, digest FROM pages WHERE integration_id = $1 LIMIT $2)";
}

/// Lets the rows of an integration that is being deleted go later.
pub(crate) async fn note(tx: &mut Tx, integration: &IntegrationId) -> Result<()> {
    let now = tx.now();
    tx.execute(NOTE, args![integration.as_str(), now]).await.map(drop)
}

impl Db {
    /// Removes some of what deleted integrations left behind, at most so many rows of a kind; false
    /// if there is nothing any more.
    pub async fn clear_leftovers(&self, rows: u32) -> Result<bool> {
        let Some(row) = self.fetch_one(FIRST, &[]).await? else { return Ok(false) };
        let id = row.text(0)?;
        let mut tx = self.begin_housekeeping().await?;
        if tx.execute(HOLD, args![&id]).await? == 0 {
            return Ok(true);
        }
        // Assignments are found by their entitlements, which therefore go after them.
        let kinds = [DELETE_ASSIGNMENTS, DELETE_ENTITLEMENTS, DELETE_OBJECTS, DELETE_PAGES];
        let mut is_cleared = true;
        for sql in kinds {
            is_cleared = tx.execute(sql, args![&id, rows]).await? < u64::from(rows);
            if !is_cleared {
                break;
            }
        }
        if is_cleared {
            tx.execute(FORGET, args![&id]).await?;
        }
        tx.commit().await?;
        Ok(true)
    }
    /// How many rows each table has: what is left behind, counted and not believed.
    pub async fn count_rows(&self) -> Result<BTreeMap<&'static str, i64>> {
        let mut counts = BTreeMap::new();
        let mut tx = self.begin_housekeeping().await?;
        for table in migrate::tables() {
            let rows = tx.fetch_built(&format!("{COUNT}{table}"), &[]).await?;
            counts.insert(table, rows.first().map_or(Ok(0), |row| row.int(0))?);
        }
        Ok(counts)
    }
}

#[cfg(test)]
pub(crate) fn built_statements() -> Vec<(&'static str, String)> {
    migrate::tables().into_iter().map(|table| ("COUNT", format!("{COUNT}{table}"))).collect()
}
