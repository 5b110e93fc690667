//! An integration is deleted (INT-1). Nothing in its target is touched.

use grantry_authz::actions;
use grantry_model::ids::IntegrationId;
use grantry_model::removal::What;
use grantry_store::{AuditEntry, Kept};
use serde_json::json;

use crate::{Ctx, EngineError, Result};

impl Ctx {
    /// Deletes an integration that is still at that version, with its app and its catalogue. Refused
    /// while memberships of its app are living or work on it is under way. Only an admin may abandon
    /// memberships that are living: Grantry forgets them, and their access stays in the target.
    pub async fn delete_integration(
        &self,
        id: &IntegrationId,
        version: i64,
        abandons: bool,
    ) -> Result<()> {
        let permit = self.permit_integration::<actions::IntegrationWrite>(id).await?;
        if abandons {
            self.permit_admin::<actions::IntegrationWrite>().await?;
        }
        let view = self.load_integration(id).await?;
        let mut integration = view.integration;
        integration.version = version;
        let living = self.db().count_kinds(id).await?;
        let count = |what: What| -> u64 {
            living.iter().filter(|(kind, _)| kind.what == what).map(|(_, count)| count).sum()
        };
        let mut tx = self.db().begin(permit.provenance()).await?;
        let departed = match tx.delete_integration(&permit, &integration, abandons).await? {
            Ok(departed) => departed,
            Err(Kept::ByMemberships(living)) => return Err(EngineError::IntegrationInUse(living)),
            Err(Kept::ByDesks(others)) => return Err(EngineError::DeskInUse(others)),
            Err(Kept::ByJobs(jobs)) => return Err(EngineError::IntegrationBusy(jobs)),
        };
        let detail = json!({
            "name": integration.name,
            "description": integration.description,
            "plugin": view.plugin.digest,
            "app": integration.app_id,
            "principal": integration.principal_id,
            "owner": integration.owner,
            "approval": integration.approval,
            "settings": integration.settings,
            "memberships": departed.memberships,
            "memberships_abandoned": departed.abandoned,
            "accounts": count(What::Account),
            "resources": count(What::Resource),
            "entitlements": count(What::Entitlement),
            "assignments": count(What::Assignment),
        });
        let event = "integration.deleted";
        tx.commit(AuditEntry::about(event, "integration", id.as_str(), detail)).await?;
        self.engine.wake.notify_one();
        Ok(())
    }
}
