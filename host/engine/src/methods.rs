//! How the access to single entitlements is made true, by an admin's word (PRV-1, PRV-3).

use grantry_authz::actions;
use grantry_model::ids::{EntitlementId, IntegrationId};
use grantry_model::method::{Method, in_force};
use grantry_store::AuditEntry;
use serde_json::json;

use crate::{Ctx, Result};

/// The method of an entitlement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MethodView {
    /// An admin's word; `None` where the integration's method holds.
    pub own: Option<Method>,
    /// The one that holds, as far as the integration's settings let it.
    pub in_force: Method,
    /// Grows with every word.
    pub version: i64,
}

impl Ctx {
    /// How access to an entitlement is made true.
    pub async fn entitlement_method(
        &self,
        integration: &IntegrationId,
        id: &EntitlementId,
    ) -> Result<MethodView> {
        self.permit_integration::<actions::IntegrationRead>(integration).await?;
        self.load_method(integration, id).await
    }

    async fn load_method(
        &self,
        integration: &IntegrationId,
        id: &EntitlementId,
    ) -> Result<MethodView> {
        self.load_entitlement(integration, id).await?;
        let settings = self.load_integration(integration).await?.integration.settings;
        let (own, version) = self.db().entitlement_method(id).await?;
        Ok(MethodView { own, in_force: in_force(&settings, own), version })
    }

    /// Says by which method access to an entitlement is made true, where that is still at that
    /// version; `None` leaves it to the integration. What waits looks again.
    pub async fn set_entitlement_method(
        &self,
        integration: &IntegrationId,
        id: &EntitlementId,
        version: i64,
        method: Option<Method>,
    ) -> Result<MethodView> {
        let permit = self.permit_integration::<actions::IntegrationWrite>(integration).await?;
        let before = self.load_method(integration, id).await?.own;
        if method == Some(Method::Ticket) {
            self.check_desk(integration, "/method").await?;
        }
        let app = self.load_integration(integration).await?.integration.app_id;
        let mut tx = self.db().begin(permit.provenance()).await?;
        tx.set_entitlement_method(&permit, integration, id, version, method).await?;
        tx.hasten_waiting(&permit, &app).await?;
        let detail = json!({
            "integration": integration, "before": { "method": before },
            "after": { "method": method },
        });
        let event = "entitlement.method_set";
        tx.commit(AuditEntry::about(event, "entitlement", id.as_str(), detail)).await?;
        self.engine.wake.notify_one();
        self.load_method(integration, id).await
    }
}
