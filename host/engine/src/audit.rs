//! Reading and exporting the audit log, and recording refusals.

use grantry_authz::{Refusal, actions};
use grantry_store::{AuditEntry, AuditFilter, AuditRow, Denied};
use serde_json::{Value, json};

use crate::{Ctx, EngineError, Page, PageQuery, Result};

/// Rows of one part of an export.
const EXPORT_ROWS: u32 = 1_000;

/// An export under way: rows from the newest to the oldest, or in the order of the log where nothing
/// is filtered, so that the chain can be checked.
pub struct AuditExport {
    ctx: Ctx,
    filter: AuditFilter,
    is_whole: bool,
    /// The last row when the export began: it ends there.
    head: i64,
    position: i64,
    is_done: bool,
}

impl AuditExport {
    /// The next rows; none at the end.
    pub async fn next_rows(&mut self) -> Result<Vec<AuditRow>> {
        if self.is_done {
            return Ok(Vec::new());
        }
        let db = self.ctx.db();
        let rows = if self.is_whole {
            db.audit_after(self.position, self.head, EXPORT_ROWS).await?
        } else {
            let filter = AuditFilter { before: Some(self.position), ..self.filter.clone() };
            db.list_audit(&filter, EXPORT_ROWS).await?
        };
        match rows.last() {
            Some(last) => self.position = last.sequence,
            None => self.is_done = true,
        }
        Ok(rows)
    }
}

impl Ctx {
    /// Records that this actor was refused something. If it cannot be recorded, the request fails.
    pub(crate) async fn record_refusal(
        &self,
        refusal: &Refusal,
        action: &str,
        entity: Option<(&'static str, &str)>,
    ) -> Result<()> {
        let code = match refusal {
            Refusal::ActionNotGranted { .. }
            | Refusal::AdminActionNotGranted { .. }
            | Refusal::ResourceActionNotGranted { .. }
            | Refusal::NotSignedIn => "action_not_granted",
            Refusal::Hidden => "not_found",
        };
        let entity = entity.map(|(kind, id)| (kind, id.to_owned()));
        let denied = Denied {
            principal_id: self.actor.principal.id.to_string(),
            principal_kind: self.actor.principal.kind.name(),
            door: self.actor.door.name(),
            action: action.to_owned(),
            reason: code.to_owned(),
            request_id: self.actor.request_id.clone(),
            entry: AuditEntry { event: "authz.denied", entity, detail: json!({}) },
        };
        Ok(self.db().record_denial(&denied).await?)
    }

    /// Rows of the audit log, newest first. `filter.before` is set from the cursor.
    pub async fn list_audit(
        &self,
        mut filter: AuditFilter,
        query: &PageQuery,
    ) -> Result<Page<AuditRow>> {
        self.permit_admin::<actions::AuditRead>().await?;
        let position = self.engine.position("audit", query.cursor.as_deref())?;
        if !position.is_empty() {
            filter.before = Some(position.parse().map_err(|_| EngineError::InvalidCursor)?);
        }
        let rows = self.db().list_audit(&filter, query.limit + 1).await?;
        Ok(self.engine.page("audit", rows, query.limit, |row| row.sequence.to_string()))
    }

    /// Begins an export; that it was made is audited, since it carries the log away.
    pub async fn export_audit(&self, filter: AuditFilter, format: &str) -> Result<AuditExport> {
        let permit = self.permit_admin::<actions::AuditRead>().await?;
        let is_whole = filter == AuditFilter::default();
        let tx = self.db().begin(permit.provenance()).await?;
        let detail = json!({ "format": format, "filter": described(&filter) });
        tx.commit(AuditEntry { event: "audit.exported", entity: None, detail }).await?;
        let (head, _) = self.db().audit_head().await?;
        let position = if is_whole { 0 } else { head.saturating_add(1) };
        Ok(AuditExport { ctx: self.clone(), filter, is_whole, head, position, is_done: false })
    }
}

fn described(filter: &AuditFilter) -> Value {
    json!({
        "principal_id": filter.principal_id, "door": filter.door, "event": filter.event,
        "entity_kind": filter.entity_kind, "entity_id": filter.entity_id,
        "is_allowed": filter.is_allowed, "request_id": filter.request_id,
        "from_ms": filter.from, "to_ms": filter.to, "search": filter.search,
    })
}
