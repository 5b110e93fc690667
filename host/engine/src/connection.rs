//! A connection from outside: checked against the plugin's schema, its secrets taken out.
//!
//! Secret fields are those that the schema marks `"writeOnly": true`. What is stored and shown never
//! holds them; they are named by their place (a JSON pointer).

use grantry_model::fault::FieldIssue;
use grantry_model::secret::Secret;
use serde_json::Value;

use crate::{EngineError, Result};

/// Most faults that are told at once.
const ISSUES_MAX: usize = 50;

/// A checked connection.
pub(crate) struct Split {
    /// Without the secret fields.
    pub public: Value,
    /// The secrets, by place.
    pub secrets: Vec<(String, Secret)>,
}

/// Checks a connection against its schema.
pub(crate) fn validate(schema: &str, connection: &Value) -> Result<()> {
    let schema: Value = serde_json::from_str(schema).map_err(|_| {
        EngineError::field("/connection", "bad_schema", "the plugin's schema is not JSON")
    })?;
    let validator = jsonschema::validator_for(&schema).map_err(|_| {
        EngineError::field("/connection", "bad_schema", "the plugin's schema is not a JSON Schema")
    })?;
    let issues: Vec<FieldIssue> = validator
        .iter_errors(connection)
        .take(ISSUES_MAX)
        .map(|error| FieldIssue {
            path: format!("/connection{}", error.instance_path()),
            code: "schema".to_owned(),
            // The masked form does not repeat the value, which may be a secret.
            message: error.masked().to_string(),
        })
        .collect();
    if issues.is_empty() { Ok(()) } else { Err(EngineError::Invalid(issues)) }
}

/// Takes the secret fields out of a valid connection.
pub(crate) fn split(schema: &str, connection: &Value) -> Result<Split> {
    validate(schema, connection)?;
    let schema: Value = serde_json::from_str(schema).unwrap_or(Value::Null);
    let mut pointers = Vec::new();
    secret_pointers(&schema, &schema, connection, "", 0, &mut pointers);
    let mut public = connection.clone();
    let mut secrets = Vec::new();
    for pointer in pointers {
        let Some((parent, field)) = pointer.rsplit_once('/') else { continue };
        let Some(Value::Object(map)) = public.pointer_mut(parent) else { continue };
        if let Some(Value::String(text)) = map.remove(&unescape(field)) {
            secrets.push((pointer, Secret::new(text)));
        }
    }
    Ok(Split { public, secrets })
}

/// How deep a schema is followed.
const DEPTH_MAX: usize = 16;

/// Collects the places of the connection that some branch of the schema marks `writeOnly`.
fn secret_pointers(
    root: &Value,
    schema: &Value,
    value: &Value,
    at: &str,
    depth: usize,
    found: &mut Vec<String>,
) {
    if depth > DEPTH_MAX {
        return;
    }
    if schema.get("writeOnly") == Some(&Value::Bool(true)) && !found.iter().any(|f| f == at) {
        found.push(at.to_owned());
    }
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str)
        && let Some(target) = reference.strip_prefix('#').and_then(|p| root.pointer(p))
    {
        secret_pointers(root, target, value, at, depth + 1, found);
    }
    for keyword in ["allOf", "anyOf", "oneOf"] {
        let branches = schema.get(keyword).and_then(Value::as_array);
        for branch in branches.into_iter().flatten() {
            secret_pointers(root, branch, value, at, depth + 1, found);
        }
    }
    for keyword in ["then", "else", "if"] {
        if let Some(branch) = schema.get(keyword) {
            secret_pointers(root, branch, value, at, depth + 1, found);
        }
    }
    let properties = schema.get("properties").and_then(Value::as_object);
    for (name, property) in properties.into_iter().flatten() {
        if let Some(value) = value.get(name) {
            let at = format!("{at}/{}", escape(name));
            secret_pointers(root, property, value, &at, depth + 1, found);
        }
    }
}

fn escape(field: &str) -> String {
    field.replace('~', "~0").replace('/', "~1")
}

fn unescape(field: &str) -> String {
    field.replace("~1", "/").replace("~0", "~")
}

/// Puts texts back at their places, making objects on the way.
pub(crate) fn join(public: &Value, secrets: &[(String, String)]) -> Value {
    let mut whole = public.clone();
    for (pointer, text) in secrets {
        let Some((parent, field)) = pointer.rsplit_once('/') else { continue };
        let mut node = &mut whole;
        for part in parent.split('/').skip(1) {
            let Value::Object(map) = node else { break };
            node = map.entry(unescape(part)).or_insert_with(|| Value::Object(Default::default()));
        }
        if let Value::Object(map) = node {
            map.entry(unescape(field)).or_insert_with(|| Value::String(text.clone()));
        }
    }
    whole
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const SCHEMA: &str = r##"{
        "type": "object", "required": ["url", "auth"], "additionalProperties": false,
        "properties": {
            "url": {"type": "string"},
            "auth": {"oneOf": [
                {"properties": {"type": {"const": "bearer"}, "token": {"type": "string", "writeOnly": true}}, "required": ["type", "token"]},
                {"$ref": "#/$defs/basic"}
            ]}
        },
        "$defs": {"basic": {"properties": {"type": {"const": "basic"}, "username": {"type": "string"}, "password": {"type": "string", "writeOnly": true}}, "required": ["type", "username", "password"]}}
    }"##;

    #[test]
    fn secrets_are_taken_out_of_whatever_branch_marks_them() {
        let whole = json!({"url": "https://a", "auth": {"type": "basic", "username": "u", "password": "p"}});
        let split = split(SCHEMA, &whole).unwrap();
        assert_eq!(
            split.public,
            json!({"url": "https://a", "auth": {"type": "basic", "username": "u"}})
        );
        let secrets: Vec<_> =
            split.secrets.iter().map(|(at, s)| (at.as_str(), s.expose())).collect();
        assert_eq!(secrets, [("/auth/password", "p")]);
        let back = [("/auth/password".to_owned(), "p".to_owned())];
        assert_eq!(join(&split.public, &back), whole);
    }

    #[test]
    fn faults_name_the_place_and_never_the_value() {
        let error =
            validate(SCHEMA, &json!({"url": 5, "auth": {"type": "bearer", "token": "s3cret"}}));
        let Err(EngineError::Invalid(issues)) = error else { panic!("must be refused") };
        assert_eq!(issues[0].path, "/connection/url");
        let error = validate(SCHEMA, &json!({"auth": {"token": "s3cret"}}));
        assert!(!format!("{error:?}").contains("s3cret"));
    }
}
