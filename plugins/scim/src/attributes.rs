//! The attributes that the connector reads and writes: one table per kind, used by the manifest,
//! the aggregation and the writes alike.

use grantry_sdk::lifecycle::{AttributeSchema, AttributeTraits, AttributeType};
use grantry_sdk::types::{self, ObjectRef};
use serde_json::{Map, Value, json};

use crate::resource::{boolean, extension, field, scalar_text};

/// RFC 7643 section 4.3.
pub const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// Where an attribute lives in a resource.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Place {
    /// `displayName`.
    Core,
    /// `name.familyName`: the part after the dot, within the part before it.
    Within(&'static str, &'static str),
    /// `emails[].value`.
    Values,
    /// An attribute of the enterprise extension.
    Enterprise,
    /// The enterprise extension's `manager.value`.
    Manager,
}

/// One attribute.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// Its name in Grantry.
    pub name: &'static str,
    /// Where it lives.
    pub place: Place,
    is_required: bool,
    is_login: bool,
}

const fn known(name: &'static str, place: Place) -> Known {
    Known { name, place, is_required: false, is_login: false }
}

const USER: [Known; 20] = [
    Known { is_required: true, is_login: true, ..known("userName", Place::Core) },
    known("externalId", Place::Core),
    known("displayName", Place::Core),
    known("name.givenName", Place::Within("name", "givenName")),
    known("name.familyName", Place::Within("name", "familyName")),
    known("name.formatted", Place::Within("name", "formatted")),
    known("nickName", Place::Core),
    known("title", Place::Core),
    known("userType", Place::Core),
    known("preferredLanguage", Place::Core),
    known("locale", Place::Core),
    known("timezone", Place::Core),
    known("emails", Place::Values),
    known("phoneNumbers", Place::Values),
    known("employeeNumber", Place::Enterprise),
    known("costCenter", Place::Enterprise),
    known("organization", Place::Enterprise),
    known("division", Place::Enterprise),
    known("department", Place::Enterprise),
    known("manager", Place::Manager),
];

const GROUP: [Known; 2] = [
    Known { is_required: true, ..known("displayName", Place::Core) },
    known("externalId", Place::Core),
];

/// The attributes of `User` or `Group`; none of any other kind.
pub fn of_kind(kind: &str) -> &'static [Known] {
    match kind {
        "User" => &USER,
        "Group" => &GROUP,
        _ => &[],
    }
}

impl Known {
    /// Its part of the manifest.
    pub fn schema(&self) -> AttributeSchema {
        let of_type = match self.place {
            Place::Manager => AttributeType::Reference,
            _ => AttributeType::Text,
        };
        let mut traits = AttributeTraits::READABLE
            | AttributeTraits::RETURNED_BY_DEFAULT
            | AttributeTraits::CREATABLE
            | AttributeTraits::UPDATABLE;
        traits.set(AttributeTraits::MULTI_VALUED, self.place == Place::Values);
        traits.set(AttributeTraits::REQUIRED, self.is_required);
        traits.set(AttributeTraits::CASE_INSENSITIVE | AttributeTraits::UNIQUE, self.is_login);
        let reference_kind = (self.place == Place::Manager).then(|| "User".to_owned());
        AttributeSchema { reference_kind, ..AttributeSchema::new(self.name, of_type, traits) }
    }

    /// The values in a resource; empty if there are none.
    pub fn read(&self, resource: &Value) -> Vec<String> {
        let one = |value: Option<&Value>| value.and_then(scalar_text).into_iter().collect();
        match self.place {
            Place::Core => one(field(resource, self.name)),
            Place::Within(outer, inner) => {
                one(field(resource, outer).and_then(|o| field(o, inner)))
            }
            Place::Values => values(field(resource, self.name)),
            Place::Enterprise => one(extension(resource, ENTERPRISE, self.name)),
            Place::Manager => {
                let manager = extension(resource, ENTERPRISE, self.name);
                one(manager.and_then(|m| field(m, "value")).or(manager))
            }
        }
    }

    /// The same as the contract's values.
    pub fn read_values(&self, resource: &Value) -> Vec<types::Value> {
        let typed = |text: String| match self.place {
            Place::Manager => types::Value::Reference(ObjectRef::new("User", text)),
            _ => types::Value::Text(text),
        };
        self.read(resource).into_iter().map(typed).collect()
    }

    /// Writes the values into a resource that is to be created or replaced.
    pub fn write(&self, resource: &mut Map<String, Value>, values: &[String]) {
        let first = values.first().map(|text| json!(text));
        match self.place {
            Place::Core => put(resource, self.name, first),
            Place::Within(outer, inner) => put(child(resource, outer), inner, first),
            Place::Values => {
                let old = take(resource, self.name);
                let kept = old.as_ref().and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
                put(resource, self.name, Some(value_objects(values, kept)));
            }
            Place::Enterprise => put(child(resource, ENTERPRISE), self.name, first),
            Place::Manager => {
                let manager = first.map(|value| json!({ "value": value }));
                put(child(resource, ENTERPRISE), self.name, manager);
            }
        }
    }

    /// The path of a `PATCH` operation. A URN's attribute follows its last colon (RFC 7644 3.10).
    pub fn patch_path(&self) -> String {
        match self.place {
            Place::Core | Place::Within(..) | Place::Values => self.name.to_owned(),
            Place::Enterprise | Place::Manager => format!("{ENTERPRISE}:{}", self.name),
        }
    }

    /// The value of a `PATCH` operation that replaces the attribute.
    pub fn patch_value(&self, values: &[String]) -> Value {
        match self.place {
            Place::Values => value_objects(values, &[]),
            Place::Manager => json!({ "value": values.first() }),
            _ => json!(values.first()),
        }
    }
}

/// The `value` of each element; a server may also give plain texts.
fn values(found: Option<&Value>) -> Vec<String> {
    let elements = match found {
        Some(Value::Array(elements)) => elements.as_slice(),
        Some(single) => std::slice::from_ref(single),
        None => &[],
    };
    elements.iter().filter_map(|e| scalar_text(field(e, "value").unwrap_or(e))).collect()
}

/// Elements for the values: as they were where they exist, else new ones. One is primary.
fn value_objects(values: &[String], existing: &[Value]) -> Value {
    let has_value = |element: &&Value, text: &str| {
        field(element, "value").and_then(Value::as_str) == Some(text)
    };
    let is_primary = |element: &Value| field(element, "primary").and_then(boolean) == Some(true);
    let find = |text: &String| existing.iter().find(|element| has_value(element, text)).cloned();
    let mut has_primary = values.iter().filter_map(find).any(|element| is_primary(&element));
    let element = |text: &String| {
        find(text).unwrap_or_else(|| {
            let is_first = !std::mem::replace(&mut has_primary, true);
            if is_first {
                json!({ "value": text, "type": "work", "primary": true })
            } else {
                json!({ "value": text })
            }
        })
    };
    values.iter().map(element).collect()
}

/// The name as the resource spells it, or as given.
fn spelling(map: &Map<String, Value>, name: &str) -> String {
    map.keys().find(|key| key.eq_ignore_ascii_case(name)).map_or(name, String::as_str).to_owned()
}

fn put(map: &mut Map<String, Value>, name: &str, value: Option<Value>) {
    let key = spelling(map, name);
    match value {
        Some(value) => map.insert(key, value),
        None => map.remove(&key),
    };
}

fn take(map: &mut Map<String, Value>, name: &str) -> Option<Value> {
    map.remove(&spelling(map, name))
}

/// The object within, made if it is missing.
fn child<'a>(map: &'a mut Map<String, Value>, name: &str) -> &'a mut Map<String, Value> {
    let slot = map.entry(spelling(map, name)).or_insert(Value::Null);
    if !slot.is_object() {
        *slot = Value::Object(Map::new());
    }
    match slot {
        Value::Object(inner) => inner,
        _ => unreachable!("was just made an object"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(name: &str) -> &'static Known {
        of_kind("User").iter().find(|known| known.name == name).unwrap()
    }

    fn texts(values: &[&str]) -> Vec<String> {
        values.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn attribute_names_are_case_insensitive() {
        let resource = json!({ "USERNAME": "ada", "Name": { "familyname": "Lovelace" } });
        assert_eq!(user("userName").read(&resource), ["ada"]);
        assert_eq!(user("name.familyName").read(&resource), ["Lovelace"]);
    }

    #[test]
    fn the_extension_is_read_nested_and_flat() {
        let nested = json!({ ENTERPRISE: { "department": "R&D" } });
        let flat = json!({ format!("{ENTERPRISE}:department"): "R&D" });
        assert_eq!(user("department").read(&nested), ["R&D"]);
        assert_eq!(user("department").read(&flat), ["R&D"]);
    }

    #[test]
    fn a_urn_path_ends_with_the_attribute() {
        assert_eq!(user("department").patch_path(), format!("{ENTERPRISE}:department"));
        assert_eq!(user("name.givenName").patch_path(), "name.givenName");
    }

    #[test]
    fn what_is_written_is_read_back() {
        let mut resource = Map::new();
        for known in of_kind("User") {
            known.write(&mut resource, &texts(&["a"]));
        }
        let resource = Value::Object(resource);
        for known in of_kind("User") {
            assert_eq!(known.read(&resource), ["a"], "{}", known.name);
        }
    }

    #[test]
    fn a_kept_email_keeps_what_the_server_knows_of_it() {
        let old = json!({ "emails": [{ "value": "a@x", "type": "home", "primary": true }] });
        let Value::Object(mut resource) = old else { panic!("an object") };
        user("emails").write(&mut resource, &texts(&["b@x", "a@x"]));
        let expected =
            json!([{ "value": "b@x" }, { "value": "a@x", "type": "home", "primary": true }]);
        assert_eq!(resource["emails"], expected);
    }
}
