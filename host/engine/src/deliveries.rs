//! Messages to people as an admin sees them: waiting, delivered, failed; tried again by hand.

use grantry_authz::actions;
use grantry_model::ids::DeliveryId;
use grantry_store::{AuditEntry, Delivery, DeliveryState};
use serde_json::json;

use crate::{Ctx, EngineError, Page, PageQuery, Result};

const NO_DELIVERY: EngineError = EngineError::NotFound { what: "delivery" };

impl Ctx {
    /// Deliveries, newest first; `query.status` filters by state, `channel` by channel.
    pub async fn list_deliveries(
        &self,
        channel: &str,
        query: &PageQuery,
    ) -> Result<Page<Delivery>> {
        self.permit_admin::<actions::NotificationRead>().await?;
        let before = self.engine.position("deliveries", query.cursor.as_deref())?;
        let state = match query.status.as_str() {
            "" => None,
            name => Some(DeliveryState::parse(name).ok_or_else(|| {
                EngineError::field("/state", "unknown_status", "no such state of a delivery")
            })?),
        };
        let rows = self.db().list_deliveries(&before, state, channel, query.limit + 1).await?;
        Ok(self.engine.page("deliveries", rows, query.limit, |row| row.message.id.to_string()))
    }

    /// One delivery.
    pub async fn delivery(&self, id: &DeliveryId) -> Result<Delivery> {
        self.permit_admin::<actions::NotificationRead>().await?;
        self.db().delivery(id).await?.ok_or(NO_DELIVERY)
    }

    /// Tries a delivery again now that waits or was given up.
    pub async fn retry_delivery(&self, id: &DeliveryId) -> Result<Delivery> {
        let permit = self.permit_admin::<actions::NotificationWrite>().await?;
        let before = self.db().delivery(id).await?.ok_or(NO_DELIVERY)?;
        let mut tx = self.db().begin(permit.provenance()).await?;
        // One that is delivered already stays so.
        if tx.retry_delivery_now(&permit, id).await? {
            let detail =
                json!({ "before": before.state.name(), "channel": before.message.channel });
            tx.commit(AuditEntry::about("delivery.retried", "delivery", id.as_str(), detail))
                .await?;
            self.engine.wake_deliveries.notify_one();
        } else {
            drop(tx);
        }
        self.db().delivery(id).await?.ok_or(NO_DELIVERY)
    }
}
