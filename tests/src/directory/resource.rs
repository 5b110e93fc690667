//! One user or group: its attributes, its members, its version.

use serde_json::{Map, Value, json};

use super::path::{ENTERPRISE_USER, Kind};

/// What the directory stores; `schemas`, `id`, `meta` and the members are put around it on the way out.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Resource {
    /// Attributes by their name as first written, without those above.
    pub(super) attributes: Map<String, Value>,
    /// Ids in the order of joining; always empty for a user.
    pub(super) members: Vec<String>,
    /// The directory's change number at creation.
    pub(super) created: u64,
    /// The directory's change number at the last change; the ETag.
    pub(super) version: u64,
}

impl Resource {
    pub(super) fn new(attributes: Map<String, Value>, members: Vec<String>) -> Self {
        Self { attributes, members, created: 0, version: 0 }
    }

    /// The attribute of this name in any case (RFC 7643 section 2.1).
    pub(super) fn attribute(&self, name: &str) -> Option<&Value> {
        let key = key_in(&self.attributes, name)?;
        self.attributes.get(&key)
    }

    /// A weak ETag (RFC 7644 section 3.14).
    pub(super) fn etag(&self) -> String {
        format!("W/\"{}\"", self.version)
    }

    /// The representation without members.
    pub(super) fn render(&self, kind: Kind, id: &str, base_url: &str) -> Map<String, Value> {
        let mut schemas = vec![kind.schema()];
        if self.attributes.contains_key(ENTERPRISE_USER) {
            schemas.push(ENTERPRISE_USER);
        }
        let mut rendered = Map::new();
        rendered.insert("schemas".to_owned(), json!(schemas));
        rendered.insert("id".to_owned(), json!(id));
        rendered.extend(self.attributes.clone());
        rendered.insert(
            "meta".to_owned(),
            json!({
                "resourceType": kind.name(),
                "created": time(self.created),
                "lastModified": time(self.version),
                "location": format!("{base_url}/{}/{id}", kind.endpoint()),
                "version": self.etag(),
            }),
        );
        rendered
    }
}

/// The key of `map` that equals `name` but for case.
pub(super) fn key_in(map: &Map<String, Value>, name: &str) -> Option<String> {
    if map.contains_key(name) {
        return Some(name.to_owned());
    }
    map.keys().find(|key| key.eq_ignore_ascii_case(name)).cloned()
}

/// Change number `change` as a time: one second each from a fixed morning, at most one day's worth.
fn time(change: u64) -> String {
    let second = change.min(86_399);
    format!("2026-01-05T{:02}:{:02}:{:02}Z", second / 3600, second / 60 % 60, second % 60)
}
