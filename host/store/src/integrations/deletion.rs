//! An integration goes with all that is its own, in one transaction. Its catalogue, which may be
//! large, is made unreachable there and removed later, some rows at a time: see `leftovers`.
//!
//! What its memberships were stays in the audit log, with the names of that moment.

use grantry_authz::{Permit, actions};
use serde_json::{Value, json};

use super::Integration;
use crate::db::{Row, Tx, args};
use crate::{
    AuditEntry, Result, StoreError, leftovers, mappings, request_rules, resource_people, statements,
};

/// Memberships that one audit entry tells of.
const TOLD_MAX: usize = 20;
/// Memberships that are read at once.
const READ_MAX: u32 = 1_000;

/// What went with an integration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Departed {
    /// Memberships, all of which the audit log tells of.
    pub memberships: u64,
    /// Those of them that were living, and were given up.
    pub abandoned: u64,
}

/// What keeps an integration from being deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// So many memberships of its app are living.
    ByMemberships(u64),
    /// So many jobs wait or run.
    ByJobs(u64),
    /// It is the service desk of so many others.
    ByDesks(u64),
}

statements! {
    LIVING = "SELECT COUNT(*) FROM memberships WHERE app_id = $1 AND status IN ('provisioning', 'active', 'failed', 'deprovisioning')";
    JOBS = "SELECT COUNT(*) FROM jobs WHERE integration_id = $1 AND status IN ('queued', 'running')";
    DESK_OF = "SELECT COUNT(*) FROM ticket_desks WHERE desk_id = $1 AND integration_id <> $1";
    FORGET_PROVISIONING = "DELETE FROM jobs WHERE integration_id = $1 AND status = 'queued' AND queue LIKE 'provision/%'";
    /// Takes the row's lock, which whoever begins an aggregation needs: from here on none begins.
    DELETE = "DELETE FROM integrations WHERE id = $1 AND version = $2";
    MEMBERSHIPS = "SELECT m.id, m.role_id, COALESCE(e.said_display, e.display), e.native_id, m.account_id, o.display, o.native_id, m.status, m.starts_ms, m.ends_ms FROM memberships m \
        LEFT JOIN entitlements e ON e.id = m.role_id LEFT JOIN objects o ON o.id = m.account_id WHERE m.app_id = $1 AND m.id > $2 ORDER BY m.id LIMIT $3";
    DELETE_OPERATIONS = "DELETE FROM operations WHERE membership_id IN (SELECT id FROM memberships WHERE app_id = $1)";
    DELETE_MEMBERSHIPS = "DELETE FROM memberships WHERE app_id = $1 AND ($2 = 1 OR status IN ('expired', 'deleted'))";
    DELETE_APP = "DELETE FROM apps WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM memberships m WHERE m.app_id = apps.id)";
    BUMP_HOLDERS = "UPDATE principals SET version = version + 1 WHERE id IN (SELECT principal_id FROM permissions WHERE entity_kind = 'app' AND entity_id = $1)";
    DELETE_PERMISSIONS = "DELETE FROM permissions WHERE entity_kind = 'app' AND entity_id = $1";
    DELETE_PRINCIPAL = "DELETE FROM principals WHERE id = $1 AND kind = 'plugin'";
    DELETE_ISSUES = "DELETE FROM run_issues WHERE run_id IN (SELECT id FROM runs WHERE integration_id = $1)";
    DELETE_FAULTS = "DELETE FROM plugin_faults WHERE integration_id = $1";
    DELETE_JOBS = "DELETE FROM jobs WHERE integration_id = $1";
    DELETE_KEYS = "DELETE FROM delivery_secrets WHERE owner_id = $1";
    /// Those that wait are still told, as nobody's.
    DISOWN_NOTICES = "UPDATE notices SET integration_id = NULL WHERE integration_id = $1";
}

fn told(row: &Row) -> Result<Value> {
    Ok(json!({
        "id": row.text(0)?,
        "role_id": row.text(1)?,
        "role": row.text_or_null(2)?,
        "role_native_id": row.text_or_null(3)?,
        "account_id": row.text(4)?,
        "account": row.text_or_null(5)?,
        "account_native_id": row.text_or_null(6)?,
        "status": row.text(7)?,
        "starts_ms": row.int(8)?,
        "ends_ms": row.int_or_null(9)?,
    }))
}

impl Tx {
    /// Deletes an integration that is still at its version, with its app, its plugin's principal and
    /// all that is kept about it. If something keeps it, says what; the change must then not be
    /// committed. With `abandons`, living memberships are given up: nothing revokes their access.
    pub async fn delete_integration(
        &mut self,
        _: &Permit<actions::IntegrationWrite>,
        integration: &Integration,
        abandons: bool,
    ) -> Result<std::result::Result<Departed, Kept>> {
        let (id, app) = (integration.id.as_str(), integration.app_id.as_str());
        if abandons {
            self.execute(FORGET_PROVISIONING, args![id]).await?;
        }
        // What is in use is refused before anything is done, and looked at again behind the lock.
        if let Err(kept) = self.departing(integration, abandons).await? {
            return Ok(Err(kept));
        }
        self.execute(DELETE_ISSUES, args![id]).await?;
        if self.execute(DELETE, args![id, integration.version]).await? == 0 {
            return Err(StoreError::VersionConflict { what: "integration" });
        }
        let abandoned = match self.departing(integration, abandons).await? {
            Ok(abandoned) => abandoned,
            Err(kept) => return Ok(Err(kept)),
        };
        let memberships = self.told_memberships(app).await?;
        self.execute(DELETE_OPERATIONS, args![app]).await?;
        self.execute(DELETE_MEMBERSHIPS, args![app, abandons]).await?;
        if self.execute(DELETE_APP, args![app]).await? == 0 {
            // A membership came to life between the two looks.
            return Err(StoreError::VersionConflict { what: "integration" });
        }
        for (sql, key) in [
            (BUMP_HOLDERS, app),
            (DELETE_PERMISSIONS, app),
            (DELETE_PRINCIPAL, integration.principal_id.as_str()),
            (DELETE_FAULTS, id),
            (DELETE_JOBS, id),
            (DELETE_KEYS, id),
            (DISOWN_NOTICES, id),
        ] {
            self.execute(sql, args![key]).await?;
        }
        resource_people::forget_source(self, id).await?;
        mappings::forget_source(self, id).await?;
        request_rules::forget_source(self, id).await?;
        leftovers::note(self, &integration.id).await?;
        for some in memberships.chunks(TOLD_MAX) {
            let detail = json!({ "app": integration.app_id, "memberships": some });
            let event = "integration.memberships_removed";
            self.record(AuditEntry::about(event, "integration", id, detail));
        }
        Ok(Ok(Departed { memberships: memberships.len() as u64, abandoned }))
    }

    /// Removes the memberships of an app that goes, which must all have ended, and returns what they
    /// were; or how many are living.
    pub(crate) async fn delete_ended_memberships(
        &mut self,
        app: &str,
    ) -> Result<std::result::Result<Vec<Value>, u64>> {
        let living = self.counted(LIVING, app).await?;
        if living > 0 {
            return Ok(Err(living));
        }
        let memberships = self.told_memberships(app).await?;
        self.execute(DELETE_OPERATIONS, args![app]).await?;
        self.execute(DELETE_MEMBERSHIPS, args![app, false]).await?;
        Ok(Ok(memberships))
    }

    /// Tells the audit log what memberships of an app were removed with it.
    pub(crate) fn tell_memberships(&mut self, app: &str, memberships: &[Value]) {
        for some in memberships.chunks(TOLD_MAX) {
            let detail = json!({ "memberships": some });
            self.record(AuditEntry::about("app.memberships_removed", "app", app, detail));
        }
    }

    /// How many living memberships would be given up, or what keeps the integration.
    async fn departing(
        &mut self,
        integration: &Integration,
        abandons: bool,
    ) -> Result<std::result::Result<u64, Kept>> {
        let living = self.counted(LIVING, integration.app_id.as_str()).await?;
        if living > 0 && !abandons {
            return Ok(Err(Kept::ByMemberships(living)));
        }
        let others = self.counted(DESK_OF, integration.id.as_str()).await?;
        if others > 0 {
            return Ok(Err(Kept::ByDesks(others)));
        }
        match self.counted(JOBS, integration.id.as_str()).await? {
            0 => Ok(Ok(living)),
            jobs => Ok(Err(Kept::ByJobs(jobs))),
        }
    }

    async fn counted(&mut self, sql: &'static str, key: &str) -> Result<u64> {
        let row = self.fetch_one(sql, args![key]).await?;
        Ok(u64::try_from(row.map_or(Ok(0), |row| row.int(0))?).unwrap_or(0))
    }

    /// What an app's memberships are, for the audit log.
    pub(crate) async fn told_memberships(&mut self, app: &str) -> Result<Vec<Value>> {
        let (mut after, mut memberships) = (String::new(), Vec::new());
        loop {
            let args = args![app, &after, READ_MAX];
            let rows = self.fetch(MEMBERSHIPS, args).await?;
            let Some(last) = rows.last() else { return Ok(memberships) };
            after = last.text(0)?;
            for row in &rows {
                memberships.push(told(row)?);
            }
        }
    }
}
