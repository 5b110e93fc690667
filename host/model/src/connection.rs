//! A connection from outside: checked against the plugin's schema, its secrets taken out.
//!
//! Secret fields are those that the schema marks `"writeOnly": true`. What is stored and shown never
//! holds them; they are named by their place (a JSON pointer).

use serde_json::Value;

use crate::fault::FieldIssue;
use crate::secret::Secret;

/// Most faults that are told at once.
const ISSUES_MAX: usize = 50;

/// What is wrong with a connection, or with the schema that it is held against. Paths begin with
/// `/connection`; values are never repeated.
type Result<T> = std::result::Result<T, Vec<FieldIssue>>;

/// A checked connection.
#[derive(Debug)]
pub struct Split {
    /// Without the secret fields.
    pub public: Value,
    /// The secrets, by place.
    pub secrets: Vec<(String, Secret)>,
}

/// Checks a connection against its schema.
pub fn validate(schema: &str, connection: &Value) -> Result<()> {
    let schema: Value =
        serde_json::from_str(schema).map_err(|_| bad_schema("the plugin's schema is not JSON"))?;
    let validator = jsonschema::validator_for(&schema)
        .map_err(|_| bad_schema("the plugin's schema is not a JSON Schema"))?;
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
    if issues.is_empty() { Ok(()) } else { Err(issues) }
}

/// Takes the secret fields out of a valid connection.
pub fn split(schema: &str, connection: &Value) -> Result<Split> {
    let text = schema;
    let schema: Value = serde_json::from_str(text).unwrap_or(Value::Null);
    let mut walk = Walk { root: &schema, steps: 0, found: Vec::new() };
    walk.look(&schema, connection, "", 0)?;
    let pointers = walk.found;
    // Only now: a schema that refers to itself many times keeps a validator busy for long.
    validate(text, connection)?;
    let mut public = connection.clone();
    let mut secrets = Vec::new();
    for pointer in pointers {
        let Some((parent, field)) = pointer.rsplit_once('/') else { continue };
        let Some(Value::Object(map)) = public.pointer_mut(parent) else { continue };
        match map.remove(&unescape(field)) {
            Some(Value::String(text)) => secrets.push((pointer, Secret::new(text))),
            Some(_) => {
                let path = format!("/connection{pointer}");
                return Err(issue(&path, "not_text", "a secret must be a text"));
            }
            None => {}
        }
    }
    Ok(Split { public, secrets })
}

/// The places of all fields that a schema marks as secret, in whatever branch, for showing before
/// there is a connection. A schema that hides or multiplies them shows those that are found.
pub fn secret_places(schema: &str) -> Vec<String> {
    let schema: Value = serde_json::from_str(schema).unwrap_or(Value::Null);
    let mut found = Vec::new();
    let mut steps = 0;
    let mut waiting = vec![(&schema, String::new(), 0_usize)];
    while let Some((node, at, depth)) = waiting.pop() {
        steps += 1;
        if depth > DEPTH_MAX || steps > STEPS_MAX {
            continue;
        }
        if node.get("writeOnly") == Some(&Value::Bool(true)) && !found.contains(&at) {
            found.push(at.clone());
        }
        let reference = node.get("$ref").and_then(Value::as_str);
        let target = reference.and_then(|text| schema.pointer(text.strip_prefix('#')?));
        let branches = ["allOf", "anyOf", "oneOf"].iter().filter_map(|word| node.get(word));
        let listed = branches.filter_map(Value::as_array).flatten();
        let single = ["then", "else", "if"].iter().filter_map(|word| node.get(word));
        for same in target.into_iter().chain(listed).chain(single) {
            waiting.push((same, at.clone(), depth + 1));
        }
        let properties = node.get("properties").and_then(Value::as_object);
        for (name, property) in properties.into_iter().flatten() {
            waiting.push((property, format!("{at}/{}", escape(name)), depth + 1));
        }
    }
    found.sort();
    found
}

/// How deep a schema is followed.
const DEPTH_MAX: usize = 16;
/// How many places of a schema are looked at: a hostile one refers to itself many times.
const STEPS_MAX: u32 = 10_000;
/// Keywords below which a secret would not be found: marking one there is refused, not overlooked.
const UNSUPPORTED: [&str; 7] = [
    "items",
    "prefixItems",
    "contains",
    "patternProperties",
    "additionalProperties",
    "dependentSchemas",
    "not",
];

/// Collects the places of the connection that some branch of the schema marks `writeOnly`.
struct Walk<'a> {
    root: &'a Value,
    steps: u32,
    found: Vec<String>,
}

impl Walk<'_> {
    fn look(&mut self, schema: &Value, value: &Value, at: &str, depth: usize) -> Result<()> {
        self.steps += 1;
        if depth > DEPTH_MAX || self.steps > STEPS_MAX {
            return Err(bad_schema("the plugin's schema is nested too deeply to look for secrets"));
        }
        if schema.get("writeOnly") == Some(&Value::Bool(true))
            && !self.found.iter().any(|f| f == at)
        {
            self.found.push(at.to_owned());
        }
        let hidden = |keyword: &&str| schema.get(keyword).is_some_and(marks_secret);
        if let Some(keyword) = UNSUPPORTED.iter().find(|keyword| hidden(keyword)) {
            let message = format!("the plugin's schema marks a secret below `{keyword}`");
            return Err(bad_schema(message));
        }
        if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
            let target = reference.strip_prefix('#').and_then(|pointer| self.root.pointer(pointer));
            let target =
                target.ok_or_else(|| bad_schema("the plugin's schema refers elsewhere"))?;
            self.look(target, value, at, depth + 1)?;
        }
        for keyword in ["allOf", "anyOf", "oneOf"] {
            let branches = schema.get(keyword).and_then(Value::as_array);
            for branch in branches.into_iter().flatten() {
                self.look(branch, value, at, depth + 1)?;
            }
        }
        for keyword in ["then", "else", "if"] {
            if let Some(branch) = schema.get(keyword) {
                self.look(branch, value, at, depth + 1)?;
            }
        }
        let properties = schema.get("properties").and_then(Value::as_object);
        for (name, property) in properties.into_iter().flatten() {
            if let Some(value) = value.get(name) {
                let at = format!("{at}/{}", escape(name));
                self.look(property, value, &at, depth + 1)?;
            }
        }
        Ok(())
    }
}

fn bad_schema(message: impl Into<String>) -> Vec<FieldIssue> {
    issue("/connection", "bad_schema", message)
}

fn issue(path: &str, code: &str, message: impl Into<String>) -> Vec<FieldIssue> {
    vec![FieldIssue { path: path.to_owned(), code: code.to_owned(), message: message.into() }]
}

fn marks_secret(schema: &Value) -> bool {
    match schema {
        Value::Object(map) => {
            map.get("writeOnly") == Some(&Value::Bool(true)) || map.values().any(marks_secret)
        }
        Value::Array(all) => all.iter().any(marks_secret),
        _ => false,
    }
}

/// A field's name as a part of a JSON pointer.
pub fn escape(field: &str) -> String {
    field.replace('~', "~0").replace('/', "~1")
}

fn unescape(field: &str) -> String {
    field.replace("~1", "/").replace("~0", "~")
}

/// Puts texts back at their places, making objects on the way.
pub fn join(public: &Value, secrets: &[(String, String)]) -> Value {
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
    fn a_schema_that_hides_or_multiplies_its_secrets_is_refused() {
        let many = vec![r##"{"$ref": "#"}"##; 200].join(",");
        for schema in [
            format!(r#"{{"type": "object", "allOf": [{many}]}}"#),
            r#"{"properties": {"tokens": {"items": {"writeOnly": true}}}}"#.to_owned(),
            r#"{"additionalProperties": {"writeOnly": true}}"#.to_owned(),
        ] {
            let Err(issues) = split(&schema, &json!({"tokens": ["a"]})) else {
                panic!("must be refused: {schema}")
            };
            assert_eq!(issues[0].code, "bad_schema");
        }
        let number = split(r#"{"properties": {"pin": {"writeOnly": true}}}"#, &json!({"pin": 1}));
        assert!(number.is_err());
    }

    #[test]
    fn secrets_are_named_before_there_is_a_connection() {
        assert_eq!(secret_places(SCHEMA), ["/auth/password", "/auth/token"]);
        let circular = r##"{"allOf": [{"$ref": "#"}, {"$ref": "#"}], "writeOnly": true}"##;
        assert_eq!(secret_places(circular), [""]);
        assert!(secret_places("no JSON").is_empty());
    }

    #[test]
    fn faults_name_the_place_and_never_the_value() {
        let error =
            validate(SCHEMA, &json!({"url": 5, "auth": {"type": "bearer", "token": "s3cret"}}));
        let Err(issues) = error else { panic!("must be refused") };
        assert_eq!(issues[0].path, "/connection/url");
        let error = validate(SCHEMA, &json!({"auth": {"token": "s3cret"}}));
        assert!(!format!("{error:?}").contains("s3cret"));
    }
}
