//! What an author says for a test: the connection, and what may be written.

use std::collections::BTreeMap;

use grantry_model::catalogue::{Attribute, Completeness, ObjectRef, Value as Cell};
use grantry_model::plugin::{AttributeType, KindSchema};
use serde::Deserialize;
use serde_json::Value;

/// Listings with more rows are not read with small pages.
const ROWS_MAX: usize = 2_000;
/// What stands in texts of a configuration for something that no test before has used.
const UNIQUE: &str = "{unique}";

/// A test's configuration, as JSON.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The connection, without its secrets.
    pub connection: Value,
    /// Where the secrets are in the environment: place in the connection to name of the variable.
    #[serde(default)]
    pub secrets: BTreeMap<String, String>,
    /// Connections that must be refused, each with what is wrong with it.
    #[serde(default)]
    pub bad_connections: Vec<BadConnection>,
    /// Texts of the connection or the target that must never come out.
    #[serde(default)]
    pub canaries: Vec<String>,
    /// Whom to grant what; by default an account that does not hold it is looked for.
    pub grant: Option<GrantCase>,
    /// What to create and delete; without it, that is not tested.
    pub create: Option<CreateCase>,
    /// Listings with more rows are not read with small pages.
    #[serde(default = "rows_max")]
    pub rows_max: usize,
}

fn rows_max() -> usize {
    ROWS_MAX
}

/// A connection that cannot work.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BadConnection {
    /// In words.
    pub why: String,
    /// Put over the connection, member by member.
    pub connection: Value,
}

/// A grant that may be made and revoked.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrantCase {
    /// The entitlement's id.
    pub entitlement: String,
    /// Who gets it.
    pub holder: ObjectRef,
}

/// An object that may be created, changed and deleted.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreateCase {
    /// Its kind.
    pub kind: String,
    /// Its attributes; `{unique}` in a text is replaced.
    pub attributes: BTreeMap<String, Value>,
    /// An attribute that is changed afterwards, and its new value.
    #[serde(default)]
    pub update: BTreeMap<String, Value>,
}

/// Plain JSON as attributes of the kind's types, with `{unique}` replaced.
pub fn attributes(
    schema: &KindSchema,
    values: &BTreeMap<String, Value>,
    unique: &str,
) -> Result<Vec<Attribute>, String> {
    let one = |(name, value): (&String, &Value)| {
        let declared = schema.attributes.iter().find(|attribute| attribute.name == *name);
        let declared = declared.ok_or_else(|| format!("`{}` has no `{name}`", schema.kind))?;
        let list = match value {
            Value::Array(list) => list.as_slice(),
            one => std::slice::from_ref(one),
        };
        let cells = list.iter().map(|value| cell(declared.of_type, value, unique));
        let values = cells.collect::<Option<Vec<Cell>>>();
        let values = values.ok_or_else(|| format!("`{name}` does not have the declared type"))?;
        Ok(Attribute { name: name.clone(), values, completeness: Completeness::Complete })
    };
    values.iter().map(one).collect()
}

fn cell(of_type: AttributeType, value: &Value, unique: &str) -> Option<Cell> {
    let text = || value.as_str().map(|text| text.replace(UNIQUE, unique));
    Some(match of_type {
        AttributeType::Text | AttributeType::Secret => Cell::Text(text()?),
        AttributeType::Boolean => Cell::Boolean(value.as_bool()?),
        AttributeType::Integer => Cell::Integer(value.as_i64()?),
        AttributeType::Timestamp => Cell::TimestampMs(value.as_i64()?),
        AttributeType::Real => Cell::Real(value.as_f64()?),
        AttributeType::Decimal => Cell::Decimal(text()?),
        AttributeType::Date => Cell::Date(text()?),
        AttributeType::Uuid => Cell::Uuid(text()?),
        AttributeType::Json => Cell::Json(value.to_string()),
        AttributeType::Bytes | AttributeType::Reference => return None,
    })
}

/// One JSON object over another, member by member; `null` takes a member away (RFC 7396).
pub fn merge(base: &Value, over: &Value) -> Value {
    let (Value::Object(base), Value::Object(over)) = (base, over) else { return over.clone() };
    let mut merged = base.clone();
    for (name, value) in over {
        match value {
            Value::Null => merged.remove(name),
            value => {
                let below = merged.get(name).cloned().unwrap_or_default();
                merged.insert(name.clone(), merge(&below, value))
            }
        };
    }
    Value::Object(merged)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_bad_connection_is_put_over_the_good_one() {
        let base = json!({ "url": "https://a", "auth": { "type": "bearer", "token": "t" } });
        let over = json!({ "auth": { "token": null, "type": "basic" } });
        let expected = json!({ "url": "https://a", "auth": { "type": "basic" } });
        assert_eq!(merge(&base, &over), expected);
    }

    #[test]
    fn a_configuration_needs_a_connection_alone() {
        let config: Config = serde_json::from_str(r#"{"connection": {}}"#).unwrap();
        assert_eq!((config.rows_max, config.create.is_none()), (ROWS_MAX, true));
        assert!(serde_json::from_str::<Config>(r#"{"connection": {}, "conection": {}}"#).is_err());
    }
}
