//! The deletion guard of an integration: shown, and changed with an audit entry that has both.

use grantry_authz::actions;
use grantry_model::deletion_guard::{DeletionGuard, DeletionGuardChange};
use grantry_model::ids::IntegrationId;
use grantry_store::AuditEntry;
use serde_json::json;

use crate::{Ctx, EngineError, Result};

impl Ctx {
    /// An integration's guard with its version.
    pub async fn deletion_guard(&self, id: &IntegrationId) -> Result<(DeletionGuard, i64)> {
        self.permit_integration::<actions::IntegrationRead>(id).await?;
        self.load_integration(id).await?;
        Ok(self.db().deletion_guard(id).await?)
    }

    /// Changes a guard that is still at that version.
    pub async fn update_deletion_guard(
        &self,
        id: &IntegrationId,
        version: i64,
        change: &DeletionGuardChange,
    ) -> Result<(DeletionGuard, i64)> {
        let permit = self.permit_integration::<actions::IntegrationWrite>(id).await?;
        self.load_integration(id).await?;
        let (before, _) = self.db().deletion_guard(id).await?;
        let after = before.changed(change).map_err(EngineError::Invalid)?;
        let mut tx = self.db().begin(permit.provenance()).await?;
        tx.set_deletion_guard(&permit, id, version, &after).await?;
        let detail = json!({ "before": before, "after": after });
        let event = "integration.deletion_guard_changed";
        tx.commit(AuditEntry::about(event, "integration", id.as_str(), detail)).await?;
        Ok(self.db().deletion_guard(id).await?)
    }
}
