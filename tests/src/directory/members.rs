//! Members in the forms in which clients send them.

use serde_json::Value;

use super::error::ScimError;

/// The ids in `[{"value": "x"}]` or `{"value": "x"}`, each once, in order.
///
/// # Errors
/// `invalidValue` for anything else, bare strings included.
pub(super) fn ids(value: &Value) -> Result<Vec<String>, ScimError> {
    let items = match value {
        Value::Null => &[],
        Value::Array(items) => items.as_slice(),
        single => std::slice::from_ref(single),
    };
    let mut ids: Vec<String> = Vec::new();
    for item in items {
        let Some(id) = item["value"].as_str() else {
            return Err(ScimError::bad("invalidValue", "a member is an object with `value`"));
        };
        if !ids.iter().any(|other| other == id) {
            ids.push(id.to_owned());
        }
    }
    Ok(ids)
}

/// Appends those ids that are not there yet.
pub(super) fn append(members: &mut Vec<String>, ids: Vec<String>) {
    for id in ids {
        if !members.contains(&id) {
            members.push(id);
        }
    }
}
