//! An integration's owner and settings: checked, changed, and told to the audit log (INT-1 to INT-11).
//!
//! What the settings do is elsewhere: at the gate, in mapping, ownership and external changes.

use grantry_model::ids::PrincipalId;
use grantry_model::method::Method;
use grantry_model::permission::PrincipalKind;
use grantry_model::settings::SettingsChange;
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
        let before = integration.settings.method;
        let changed = integration.settings.changed(&change.settings);
        integration.settings = changed.map_err(EngineError::Invalid)?;
        if integration.settings.method == Method::Ticket && before != Method::Ticket {
            self.check_desk(&integration.id, "/settings/method").await?;
        }
        self.check_assignees(&change.settings).await
    }

    /// Tasks are given to people who can sign in.
    pub(crate) async fn check_assignees(&self, change: &SettingsChange) -> Result<()> {
        for (position, person) in change.task_assignees.iter().flatten().enumerate() {
            let path = format!("/settings/task_assignees/{position}");
            self.check_person(&path, person).await?;
        }
        Ok(())
    }

    /// An owner is a person who can sign in.
    pub(crate) async fn check_owner(&self, owner: Option<&PrincipalId>) -> Result<()> {
        match owner {
            Some(owner) => self.check_person("/owner_id", owner).await,
            None => Ok(()),
        }
    }

    /// It is a person who can sign in.
    pub(crate) async fn check_person(&self, path: &str, person: &PrincipalId) -> Result<()> {
        let record = self.db().principal(person).await?;
        let is_person = record.is_some_and(|record| {
            record.principal.kind == PrincipalKind::Person && !record.is_disabled
        });
        let message = "must be the id of a person who can sign in";
        let unknown = || EngineError::field(path, "unknown_person", message);
        is_person.then_some(()).ok_or_else(unknown)
    }
}

/// Most places of a connection that an audit entry names.
const PLACES_MAX: usize = 100;

/// What a change did, for the audit log: every field that differs, before and after. Of the
/// connection only that it changed, and where: its values are nobody's who reads the log.
pub(crate) fn changes(before: &Integration, after: &Integration, is_connection: bool) -> Value {
    let (mut old, mut new) = (Map::new(), Map::new());
    for ((name, was), (_, is)) in fields(before).into_iter().zip(fields(after)) {
        if was != is {
            old.insert(name.clone(), was);
            new.insert(name, is);
        }
    }
    let connection = |of: &Integration| serde_json::from_str(&of.connection).unwrap_or_default();
    let mut places = Vec::new();
    differing(&connection(before), &connection(after), "", &mut places);
    json!({
        "before": old, "after": new, "connection_changed": is_connection,
        "connection_places": places,
    })
}

/// The JSON pointers at which two values differ.
fn differing(one: &Value, other: &Value, at: &str, places: &mut Vec<String>) {
    if one == other || places.len() >= PLACES_MAX {
        return;
    }
    let (Value::Object(one), Value::Object(other)) = (one, other) else {
        places.push(at.to_owned());
        return;
    };
    let added = other.keys().filter(|name| !one.contains_key(*name));
    for name in one.keys().chain(added) {
        let (was, is) = (one.get(name), other.get(name));
        let place = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
        match (was, is) {
            (Some(was), Some(is)) => differing(was, is, &place, places),
            _ if places.len() < PLACES_MAX => places.push(place),
            _ => {}
        }
    }
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
    ];
    fields.extend(of_settings);
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_connection_the_log_learns_where_it_changed_and_no_value() {
        let one = json!({ "url": "a", "auth": { "user": "x", "a/b": 1 }, "gone": [1], "same": 1 });
        let other = json!({ "url": "b", "auth": { "user": "x", "a/b": 2 }, "new": 1, "same": 1 });
        let mut places = Vec::new();
        differing(&one, &other, "", &mut places);
        places.sort_unstable();
        assert_eq!(places, ["/auth/a~1b", "/gone", "/new", "/url"]);
    }
}
