//! One secret of a connection, replaced by itself (INT-2).

use grantry_authz::actions;
use grantry_model::connection;
use grantry_model::ids::IntegrationId;
use grantry_model::secret::Secret;
use grantry_store::{AuditEntry, Integration};
use serde_json::{Value, json};

use crate::{Ctx, EngineError, IntegrationView, Result};

impl Ctx {
    /// Replaces one secret of an integration that is still at that version; the connection need not
    /// be sent again. Calls that began before do not get the new one.
    pub async fn rotate_secret(
        &self,
        id: &IntegrationId,
        version: i64,
        place: &str,
        secret: Secret,
    ) -> Result<IntegrationView> {
        let permit = self.permit_integration::<actions::IntegrationWrite>(id).await?;
        let view = self.load_integration(id).await?;
        if !view.secrets.iter().any(|held| held == place) {
            let message = format!("must be one of {}", view.secrets.join(", "));
            return Err(EngineError::field("/field", "unknown_secret", message));
        }
        let public: Value = serde_json::from_str(&view.integration.connection).unwrap_or_default();
        let mut secrets = self.open_secrets(&view).await?;
        secrets.retain(|(held, _)| held != place);
        secrets.push((place.to_owned(), secret.expose().to_owned()));
        let whole = connection::join(&public, &secrets);
        self.check_connection(&view.plugin, &whole, &view.secrets).await?;
        let same = Integration { version, ..view.integration };
        let mut tx = self.db().begin(permit.provenance()).await?;
        tx.update_integration(&permit, &same, true).await?;
        let new = [(place.to_owned(), secret)];
        self.seal_all(&mut tx, &permit, id, version + 1, &new).await?;
        let event = "integration.secret_rotated";
        let detail = json!({ "field": place });
        tx.commit(AuditEntry::about(event, "integration", id.as_str(), detail)).await?;
        self.load_integration(id).await
    }
}
