//! An integration's owner and settings: checked, changed, and told to the audit log (INT-1 to INT-11).
//!
//! What the settings do is elsewhere: at the gate, in mapping, ownership and external changes.

use grantry_model::ids::PrincipalId;
use grantry_model::permission::PrincipalKind;
use grantry_store::Integration;
use serde_json::{Map, Value, json};

use crate::{Ctx, EngineError, IntegrationChange, Result};

impl Ctx {
    /// Puts a change of owner and settings into an integration, if it is valid.
    pub(crate) async fn apply_settings(
        &self,
        integration: &mut Integration,
        change: &IntegrationChange,
    ) -> Result<()> {
        if let Some(owner) = &change.owner {
            self.check_owner(owner.as_ref()).await?;
            integration.owner = owner.clone();
        }
        let changed = integration.settings.changed(&change.settings);
        integration.settings = changed.map_err(EngineError::Invalid)?;
        Ok(())
    }

    /// An owner is a person who can sign in.
    pub(crate) async fn check_owner(&self, owner: Option<&PrincipalId>) -> Result<()> {
        let Some(owner) = owner else { return Ok(()) };
        let record = self.db().principal(owner).await?;
        let is_person = record.is_some_and(|record| {
            record.principal.kind == PrincipalKind::Person && !record.is_disabled
        });
        let message = "must be the id of a person who can sign in";
        let unknown = || EngineError::field("/owner_id", "unknown_person", message);
        is_person.then_some(()).ok_or_else(unknown)
    }
}

/// What a change did, for the audit log: every field that differs, before and after. Of the
/// connection only that it changed.
pub(crate) fn changes(before: &Integration, after: &Integration, is_connection: bool) -> Value {
    let (mut old, mut new) = (Map::new(), Map::new());
    for ((name, was), (_, is)) in fields(before).into_iter().zip(fields(after)) {
        if was != is {
            old.insert(name.clone(), was);
            new.insert(name, is);
        }
    }
    json!({ "before": old, "after": new, "connection_changed": is_connection })
}

/// What can change, each field by itself.
fn fields(integration: &Integration) -> Vec<(String, Value)> {
    let settings = serde_json::to_value(&integration.settings).unwrap_or_default();
    let of_settings = settings.as_object().cloned().unwrap_or_default();
    let mut fields = vec![
        ("name".to_owned(), json!(integration.name)),
        ("description".to_owned(), json!(integration.description)),
        ("approval".to_owned(), json!(integration.approval)),
        ("owner".to_owned(), json!(integration.owner)),
        // As it is shown: what is secret was taken out before it was stored.
        (
            "connection".to_owned(),
            serde_json::from_str(&integration.connection).unwrap_or_default(),
        ),
    ];
    fields.extend(of_settings);
    fields
}
