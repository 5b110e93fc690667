//! What is stored of accounts, integrations and apps that are gone.

use grantry_model::ids::AppId;
use serde_json::{Value, json};

use crate::db::{Db, Tx, args};
use crate::{AuditEntry, Result, statements};

/// Mappings that are removed in one transaction.
const STEP_ROWS: u32 = 5_000;
/// Accounts that an audit entry names.
const AUDITED_MAX: u32 = 20;

statements! {
    COUNT_GONE = "SELECT COUNT(*), COUNT(m.identity_id) FROM mappings m JOIN objects o ON o.id = m.account_id WHERE m.integration_id = $1 AND m.origin = 'rule' AND (m.identity_id IS NOT NULL OR m.proposal IS NOT NULL) AND o.removed_ms IS NOT NULL";
    LIST_GONE = "SELECT m.account_id, m.identity_id FROM mappings m JOIN objects o ON o.id = m.account_id WHERE m.integration_id = $1 AND m.origin = 'rule' AND (m.identity_id IS NOT NULL OR m.proposal IS NOT NULL) AND o.removed_ms IS NOT NULL ORDER BY m.account_id LIMIT $2";
    UNMAP_GONE = "UPDATE mappings SET identity_id = NULL, rule = NULL, reason = 'no_match', row_hash = NULL, proposed_id = NULL, proposal = NULL, changed_ms = $2, version = version + 1 WHERE integration_id = $1 AND origin = 'rule' AND (identity_id IS NOT NULL OR proposal IS NOT NULL) AND EXISTS (SELECT 1 FROM objects o WHERE o.id = mappings.account_id AND o.removed_ms IS NOT NULL)";
    NEXT_SOURCE = "SELECT integration_id FROM mappings WHERE integration_id > $1 ORDER BY integration_id LIMIT 1";
    IS_THERE = "SELECT id FROM integrations WHERE id = $1 UNION ALL SELECT id FROM apps WHERE id = $1";
    DELETE_SOME = "DELETE FROM mappings WHERE account_id IN (SELECT account_id FROM mappings WHERE integration_id = $1 LIMIT $2)";
    DELETE_RULES = "DELETE FROM mapping_rules WHERE NOT EXISTS (SELECT 1 FROM integrations i WHERE i.id = mapping_rules.integration_id) AND NOT EXISTS (SELECT 1 FROM apps a WHERE a.id = mapping_rules.integration_id)";
    DELETE_STATES = "DELETE FROM mapping_states WHERE NOT EXISTS (SELECT 1 FROM integrations i WHERE i.id = mapping_states.integration_id) AND NOT EXISTS (SELECT 1 FROM apps a WHERE a.id = mapping_states.integration_id)";
}

impl Tx {
    /// Makes accounts that are not in an app's list nobody's, as far as rules mapped them. What names
    /// an account in a list is often given to somebody else later, so the rules decide anew when it
    /// comes back.
    pub(crate) async fn unmap_gone(&mut self, app: &AppId) -> Result<()> {
        self.lock_mappings().await?;
        let (app, now) = (app.as_str(), self.now());
        let counted = self.fetch_one(COUNT_GONE, args![app]).await?;
        let (all, mapped) =
            counted.map_or(Ok((0, 0)), |row| row.int(0).and_then(|all| Ok((all, row.int(1)?))))?;
        if all == 0 {
            return Ok(());
        }
        let mut first: Vec<Value> = Vec::new();
        for row in &self.fetch(LIST_GONE, args![app, AUDITED_MAX]).await? {
            first.push(json!({
                "account": row.text(0)?, "before": row.text_or_null(1)?, "after": null,
                "reason": "no_match", "proposal": null,
            }));
        }
        self.execute(UNMAP_GONE, args![app, now]).await?;
        let detail = json!({
            "because": "gone", "mapped": 0, "remapped": 0, "unmapped": mapped, "held": 0,
            "explained": all - mapped, "first": first,
        });
        self.record(AuditEntry::about("mapping.applied", "app", app, detail));
        Ok(())
    }
}

impl Db {
    /// Removes what rules that were at work while their integration, or app, was deleted have left of
    /// it, in small transactions.
    pub async fn clear_mappings_of_nothing(&self) -> Result<()> {
        let mut tx = self.begin_housekeeping().await?;
        for sql in [DELETE_RULES, DELETE_STATES] {
            tx.execute(sql, &[]).await?;
        }
        tx.commit().await?;
        let mut after = String::new();
        while let Some(row) = self.fetch_one(NEXT_SOURCE, args![&after]).await? {
            after = row.text(0)?;
            if self.fetch_one(IS_THERE, args![&after]).await?.is_some() {
                continue;
            }
            loop {
                let mut tx = self.begin_housekeeping().await?;
                let removed = tx.execute(DELETE_SOME, args![&after, STEP_ROWS]).await?;
                tx.commit().await?;
                if removed < u64::from(STEP_ROWS) {
                    break;
                }
            }
        }
        Ok(())
    }
}
