//! The operations of a `PATCH`.

use serde_json::{Map, Value, json};

use super::quirks::Quirks;

/// Applies one operation.
pub fn apply(resource: &mut Value, operation: &Value, quirks: &Quirks) {
    let object = resource.as_object_mut().unwrap();
    let value = &operation["value"];
    match (operation["op"].as_str().unwrap(), operation["path"].as_str()) {
        ("add", Some(path)) => append(object, path, value, quirks),
        ("add" | "replace", None) => {
            for (key, value) in value.as_object().unwrap() {
                if key == "members" {
                    append(object, key, value, quirks);
                } else {
                    object.insert(key.clone(), value.clone());
                }
            }
        }
        ("replace", Some(path)) => {
            let slot = match path.rsplit_once(':') {
                Some((urn, name)) => &mut object.entry(urn).or_insert_with(|| json!({}))[name],
                None => object.entry(path).or_insert(Value::Null),
            };
            *slot = value.clone();
        }
        ("remove", Some(path)) => match path.split_once("[value eq ") {
            Some((name, id)) => {
                let id: String = serde_json::from_str(id.trim_end_matches(']')).unwrap();
                object[name].as_array_mut().unwrap().retain(|element| element["value"] != id);
            }
            None if quirks.remove_by_value_empties || value.is_null() => {
                object.remove(path);
            }
            None => {}
        },
        other => panic!("{other:?}"),
    }
}

fn append(object: &mut Map<String, Value>, path: &str, value: &Value, quirks: &Quirks) {
    let slot = object.entry(path).or_insert_with(|| json!([]));
    let elements = slot.as_array_mut().unwrap();
    elements.extend(value.as_array().unwrap().iter().cloned());
    if let Some(max) = quirks.add_keeps_at_most {
        let excess = elements.len().saturating_sub(max);
        elements.drain(..excess);
    }
}
