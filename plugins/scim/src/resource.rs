//! Reads SCIM resources as servers really send them: names in any case, booleans as texts, members
//! without a type.

use grantry_sdk::time;
use grantry_sdk::types::{Attribute, Object, ObjectStatus};
use serde_json::Value;

use crate::attributes;

/// An attribute of an object; its name in any case (RFC 7643 section 2.1).
pub fn field<'a>(object: &'a Value, name: &str) -> Option<&'a Value> {
    let map = object.as_object()?;
    let found = map.get(name).or_else(|| {
        map.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    });
    found.filter(|value| !value.is_null())
}

/// An attribute of an extension: in the extension's own object, or flat as `urn:…:name`.
pub fn extension<'a>(resource: &'a Value, urn: &str, name: &str) -> Option<&'a Value> {
    let nested = field(resource, urn).and_then(|object| field(object, name));
    nested.or_else(|| field(resource, &format!("{urn}:{name}")))
}

/// A text attribute that is not empty.
pub fn text(object: &Value, name: &str) -> Option<String> {
    field(object, name).and_then(scalar_text)
}

/// A text, number or boolean as text; nothing if empty.
pub fn scalar_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if text.is_empty() => None,
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A boolean, also when it is sent as `"True"`.
pub fn boolean(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(flag) => Some(*flag),
        Value::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// A whole number, also when it is sent as text.
pub fn whole_number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.trim().parse().ok())
}

/// The resource's id.
pub fn id(resource: &Value) -> Option<String> {
    text(resource, "id")
}

/// Whether an account is enabled, if the server says.
pub fn active(resource: &Value) -> Option<bool> {
    field(resource, "active").and_then(boolean)
}

/// A user or group, `None` if it has no id. Members are not among its attributes.
pub fn to_object(kind: &str, resource: &Value, etag: Option<String>) -> Option<Object> {
    let meta = field(resource, "meta");
    let mut object = Object::new(kind, id(resource)?);
    object.id.name = text(resource, "userName");
    object.id.aliases = text(resource, "externalId").into_iter().collect();
    object.id.etag = etag.or_else(|| text(meta?, "version"));
    object.display = display_name(resource);
    object.status = match active(resource) {
        Some(true) => ObjectStatus::Enabled,
        Some(false) => ObjectStatus::Disabled,
        None if kind == "Group" => ObjectStatus::Enabled,
        None => ObjectStatus::Unknown,
    };
    object.created_ms = meta.and_then(|m| text(m, "created")).and_then(|t| time::parse_ms(&t));
    object.attributes = attributes::of_kind(kind)
        .iter()
        .map(|known| Attribute::complete(known.name, known.read_values(resource)))
        .filter(|attribute| !attribute.values.is_empty())
        .collect();
    Some(object)
}

/// The name that people see.
pub fn display_name(resource: &Value) -> Option<String> {
    let name = field(resource, "name");
    let whole = || name.and_then(|name| text(name, "formatted"));
    let parts = || {
        let part = |key| name.and_then(|name| text(name, key));
        let parts: Vec<String> =
            [part("givenName"), part("familyName")].into_iter().flatten().collect();
        (!parts.is_empty()).then(|| parts.join(" "))
    };
    text(resource, "displayName")
        .or_else(whole)
        .or_else(parts)
        .or_else(|| text(resource, "userName"))
}

/// One member of a group.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    /// `User` or `Group`.
    pub kind: &'static str,
    /// The member's id.
    pub id: String,
}

/// The members that a group resource shows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Members {
    /// In the server's order, each once.
    pub list: Vec<Member>,
    /// How many could not be understood.
    pub faults: usize,
    /// The resource has a `members` attribute at all.
    pub is_shown: bool,
}

impl Members {
    /// Reads `members`.
    pub fn of(group: &Value) -> Self {
        let Some(found) = field(group, "members") else { return Self::default() };
        let elements = match found {
            Value::Array(elements) => elements.as_slice(),
            single => std::slice::from_ref(single),
        };
        let read: Vec<Member> = elements.iter().filter_map(member).collect();
        let faults = elements.len() - read.len();
        let mut seen = std::collections::HashSet::with_capacity(read.len());
        let list = read.into_iter().filter(|member| seen.insert(member.id.clone())).collect();
        Self { list, faults, is_shown: true }
    }

    /// Whether the id is among them.
    pub fn contains(&self, id: &str) -> bool {
        self.list.iter().any(|member| member.id == id)
    }
}

/// `{"value", "$ref", "type"}`, each of them optional in practice, or only the id.
fn member(element: &Value) -> Option<Member> {
    let reference = text(element, "$ref");
    let segments =
        || reference.as_deref().into_iter().flat_map(|url| url.trim_end_matches('/').rsplit('/'));
    let id = scalar_text(element)
        .or_else(|| text(element, "value"))
        .or_else(|| segments().next().map(str::to_owned))?;
    let kind =
        text(element, "type").unwrap_or_else(|| segments().nth(1).unwrap_or("User").to_owned());
    let is_group = ["group", "groups"].contains(&kind.to_ascii_lowercase().as_str());
    Some(Member { kind: if is_group { "Group" } else { "User" }, id })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn booleans_as_texts_are_understood() {
        for (sent, status) in [
            (json!("True"), ObjectStatus::Enabled),
            (json!("false"), ObjectStatus::Disabled),
            (json!(false), ObjectStatus::Disabled),
            (json!(null), ObjectStatus::Unknown),
        ] {
            let user = to_object("User", &json!({ "id": "1", "active": sent }), None).unwrap();
            assert_eq!(user.status, status, "{sent}");
        }
    }

    #[test]
    fn a_user_becomes_an_account() {
        let resource = json!({
            "id": 7, "userName": "ada", "externalId": "e7",
            "name": { "givenName": "Ada", "familyName": "Lovelace" },
            "meta": { "version": "W/\"3\"", "created": "1970-01-01T00:00:01Z" }
        });
        let user = to_object("User", &resource, None).unwrap();
        assert_eq!(user.id.id, "7");
        assert_eq!(user.id.name.as_deref(), Some("ada"));
        assert_eq!(user.id.aliases, ["e7"]);
        assert_eq!(user.id.etag.as_deref(), Some("W/\"3\""));
        assert_eq!(user.display.as_deref(), Some("Ada Lovelace"));
        assert_eq!(user.created_ms, Some(1000));
    }

    #[test]
    fn a_members_kind_is_read_from_its_type_or_its_url() {
        let group = json!({ "members": [
            { "value": "1" },
            { "value": "2", "type": "group" },
            { "value": "3", "$ref": "https://x/scim/v2/Groups/3" },
            { "$ref": "https://x/scim/v2/Users/4" },
            "5",
            { "value": "1" },
            { "display": "nobody" }
        ] });
        let members = Members::of(&group);
        let found: Vec<(&str, &str)> =
            members.list.iter().map(|m| (m.kind, m.id.as_str())).collect();
        let expected =
            [("User", "1"), ("Group", "2"), ("Group", "3"), ("User", "4"), ("User", "5")];
        assert_eq!(found, expected);
        assert_eq!(members.faults, 1);
    }

    #[test]
    fn a_group_without_the_attribute_shows_no_members() {
        assert!(!Members::of(&json!({ "id": "g" })).is_shown);
        assert!(Members::of(&json!({ "members": [] })).is_shown);
    }
}
