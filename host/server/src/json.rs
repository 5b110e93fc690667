//! JSON from outside, read strictly (security.md rows 11, 12 and 15).
//!
//! Beyond the syntax: no key twice, no nesting deeper than [`DEPTH_MAX`], no NUL in any text. What
//! is left is turned into the wire type; its faults are told with a JSON pointer. No array stands for
//! an object: [`typed`] refuses that where it sees the type, [`refuse_arrays_for_objects`] in tagged
//! enums, of which serde reads the contents by itself.

mod typed;

use std::fmt;

use grantry_api::FieldProblem;
use serde::Serialize;
use serde::de::{self, DeserializeOwned, DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use serde_path_to_error::{Path, Segment};

use crate::problem::Problem;
use typed::Typed;

/// Deepest nesting.
const DEPTH_MAX: usize = 64;

/// Reads a body into its wire type.
pub(crate) fn read<T: DeserializeOwned + Serialize>(bytes: &[u8]) -> Result<T, Problem> {
    let value = parse(bytes)?;
    refuse_nul(&value, &mut String::new())?;
    let read: T = serde_path_to_error::deserialize(Typed(&value))
        .map_err(|error| Problem::fields(vec![field_problem(error.path(), error.inner())]))?;
    let written = serde_json::to_value(&read).map_err(Problem::internal)?;
    refuse_arrays_for_objects(&value, &written, &mut String::new())?;
    Ok(read)
}

/// What was read, written again, has objects where it had objects: an array there was taken for one,
/// field by field, which no description of the API says.
fn refuse_arrays_for_objects(
    value: &Value,
    written: &Value,
    at: &mut String,
) -> Result<(), Problem> {
    let length = at.len();
    match (value, written) {
        (Value::Array(_), Value::Object(_)) => {
            return Err(Problem::field(at.as_str(), "invalid_type", "must be an object"));
        }
        (Value::Array(items), Value::Array(written)) => {
            for (index, (item, written)) in items.iter().zip(written).enumerate() {
                at.push_str(&format!("/{index}"));
                refuse_arrays_for_objects(item, written, at)?;
                at.truncate(length);
            }
        }
        (Value::Object(entries), Value::Object(written)) => {
            for (key, item) in entries {
                let Some(written) = written.get(key) else { continue };
                at.push('/');
                at.push_str(&escape(key));
                refuse_arrays_for_objects(item, written, at)?;
                at.truncate(length);
            }
        }
        _ => {}
    }
    Ok(())
}

fn parse(bytes: &[u8]) -> Result<Value, Problem> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = Strict { depth: 0 }.deserialize(&mut deserializer);
    value.and_then(|value| deserializer.end().map(|()| value)).map_err(|error| {
        // A lone surrogate is a fault of a text, not of the syntax (row 15).
        let words = error.to_string();
        if words.starts_with("lone leading surrogate") || words.starts_with("unexpected end of hex")
        {
            let message = format!("a text holds a lone surrogate, {}", place(&error));
            return Problem::field("", "invalid_string", message);
        }
        Problem::new("malformed_json", format!("the body is not JSON that is read here: {words}"))
    })
}

fn place(error: &serde_json::Error) -> String {
    format!("at line {} column {}", error.line(), error.column())
}

/// Reads a value at some depth.
#[derive(Clone, Copy)]
struct Strict {
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        if self.depth > DEPTH_MAX {
            return Err(de::Error::custom(format!("nested deeper than {DEPTH_MAX}")));
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("not a finite number"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        let deeper = Self { depth: self.depth + 1 };
        while let Some(item) = items.next_element_seed(deeper)? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        let deeper = Self { depth: self.depth + 1 };
        while let Some(key) = entries.next_key::<String>()? {
            let value = entries.next_value_seed(deeper)?;
            if object.insert(key, value).is_some() {
                return Err(de::Error::custom("an object has the same key twice"));
            }
        }
        Ok(Value::Object(object))
    }
}

/// NUL ends texts early in other programs, and PostgreSQL cannot store it.
fn refuse_nul(value: &Value, at: &mut String) -> Result<(), Problem> {
    let refused = |at: &str| Err(Problem::field(at, "invalid_string", "must not hold U+0000"));
    let length = at.len();
    match value {
        Value::String(text) if text.contains('\0') => return refused(at),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                at.push_str(&format!("/{index}"));
                refuse_nul(item, at)?;
                at.truncate(length);
            }
        }
        Value::Object(entries) => {
            for (key, item) in entries {
                if key.contains('\0') {
                    return refused(at);
                }
                at.push('/');
                at.push_str(&escape(key));
                refuse_nul(item, at)?;
                at.truncate(length);
            }
        }
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
    Ok(())
}

fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

fn pointer(path: &Path) -> String {
    let segment = |segment: &Segment| match segment {
        Segment::Seq { index } => format!("/{index}"),
        Segment::Map { key } => format!("/{}", escape(key)),
        Segment::Enum { .. } | Segment::Unknown => String::new(),
    };
    path.iter().map(segment).collect()
}

/// The fault of a value that is JSON but not the wire type. serde tells the kind in words only.
pub(crate) fn field_problem(path: &Path, error: &dyn fmt::Display) -> FieldProblem {
    let words = error.to_string();
    let named = words.split('`').nth(1).unwrap_or_default();
    let mut path = pointer(path);
    let has_name = |path: &str| path.rsplit('/').next() == Some(escape(named).as_str());
    let (code, message) = if words.starts_with("unknown field") {
        ("unknown_field", "is not a field of this input".to_owned())
    } else if words.starts_with("missing field") {
        ("required", "is required".to_owned())
    } else if words.starts_with("unknown variant") {
        ("invalid_value", words.replacen("unknown variant", "does not have", 1))
    } else {
        ("invalid_type", words.clone())
    };
    if matches!(code, "unknown_field" | "required") && !has_name(&path) {
        path = format!("{path}/{}", escape(named));
    }
    FieldProblem::new(path, code.to_owned(), message)
}

#[cfg(test)]
mod tests {
    use grantry_api::integrations::CreateIntegration;

    use super::*;

    fn fault(body: &str) -> (String, String) {
        let problem = read::<CreateIntegration>(body.as_bytes()).err().unwrap();
        let path = problem.errors.first().map(|error| error.path.clone()).unwrap_or_default();
        (problem.kind.code.to_owned(), path)
    }

    fn told(code: &str, path: &str) -> (String, String) {
        (code.to_owned(), path.to_owned())
    }

    #[test]
    fn deep_nesting_and_double_keys_are_malformed() {
        let deep = "[".repeat(10_000);
        assert_eq!(fault(&deep).0, "malformed_json");
        let nested = format!("{}1{}", "[".repeat(70), "]".repeat(70));
        assert_eq!(fault(&nested).0, "malformed_json");
        assert_eq!(fault(r#"{"name": "a", "name": "b"}"#).0, "malformed_json");
        let hidden = r#"{"name": "a", "plugin_id": "p", "connection": {"url": 1, "url": 2}}"#;
        assert_eq!(fault(hidden).0, "malformed_json");
        assert_eq!(fault("{} {}").0, "malformed_json");
    }

    #[test]
    fn an_array_is_no_object() {
        assert_eq!(fault("[]"), told("invalid_input", ""));
        assert_eq!(fault(r#"["a", "p", {}]"#), told("invalid_input", ""));
        let inner =
            r#"{"name": "a", "plugin_id": "p", "connection": {}, "approval": [[], [], true]}"#;
        assert_eq!(fault(inner), told("invalid_input", "/approval"));
    }

    #[test]
    fn an_array_is_no_tagged_object_and_no_object_in_one() {
        use grantry_api::channels::CreateChannel;
        use grantry_api::workflows::WriteWorkflow;
        let path = |problem: Problem| problem.errors[0].path.clone();
        let channel = |settings: &str| {
            let body = format!(r#"{{"name": "a", "settings": {settings}}}"#);
            read::<CreateChannel>(body.as_bytes()).err().map(path)
        };
        let good = r#"{"kind": "webhook", "url": "u", "address_exceptions": [{"ip": "127.0.0.1", "port": 1}]}"#;
        assert_eq!(channel(good), None);
        assert_eq!(channel(r#"["webhook", "u", []]"#).as_deref(), Some("/settings"));
        assert_eq!(channel(r#"["webhook"]"#).as_deref(), Some("/settings"));
        let inner = r#"{"kind": "webhook", "url": "u", "address_exceptions": [["127.0.0.1", 1]]}"#;
        assert_eq!(channel(inner).as_deref(), Some("/settings/address_exceptions/0"));
        let workflow = |step: &str| {
            let body = format!(r#"{{"name": "a", "steps": [{step}]}}"#);
            read::<WriteWorkflow>(body.as_bytes()).err().map(path)
        };
        let step = |approver: &str, escalation: &str| {
            format!(
                r#"{{"kind": "approval", "needs": "any", "approvers": [{approver}], "escalation": {escalation}}}"#
            )
        };
        let (admin, later) = (r#"{"kind": "admin"}"#, r#"{"after_ms": 60000, "to": []}"#);
        assert_eq!(workflow(&step(admin, later)), None);
        let refused = workflow(&step(r#"["admin"]"#, later));
        assert_eq!(refused.as_deref(), Some("/steps/0/approvers/0"));
        let refused = workflow(&step(admin, "[60000, []]"));
        assert_eq!(refused.as_deref(), Some("/steps/0/escalation"));
    }

    #[test]
    fn faults_tell_their_place() {
        assert_eq!(fault(r#"{"id": "x", "name": "a"}"#), told("unknown_field", "/id"));
        let inner = r#"{"name": "a", "plugin_id": "p", "connection": {}, "approval": {"hosts": [], "root": true}}"#;
        assert_eq!(fault(inner), told("unknown_field", "/approval/root"));
        assert_eq!(fault(r#"{"name": 5}"#), told("invalid_input", "/name"));
        assert_eq!(fault(r#"{"name": "a"}"#), told("invalid_input", "/plugin_id"));
    }

    #[test]
    fn texts_with_nul_or_lone_surrogates_are_refused() {
        let nul = r#"{"name": "a", "plugin_id": "p", "connection": {"a/b": ["x\u0000"]}}"#;
        assert_eq!(fault(nul), told("invalid_string", "/connection/a~1b/0"));
        assert_eq!(fault(r#"{"name": "\ud800"}"#).0, "invalid_string");
        assert_eq!(fault(r#"{"name": "\udc00x"}"#).0, "invalid_string");
    }
}
