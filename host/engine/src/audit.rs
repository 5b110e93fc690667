//! Reading the audit log, and recording refusals.

use grantry_authz::{Refusal, actions};
use grantry_store::{AuditEntry, AuditFilter, AuditRow, Denied};
use serde_json::json;

use crate::{Ctx, EngineError, Page, PageQuery, Result};

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
}
