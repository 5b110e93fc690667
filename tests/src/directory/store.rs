//! The directory's state and the rules that hold over all of it.
//!
//! A change raises `changes` by one; what changes nothing leaves it, and every ETag, as it was.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::error::ScimError;
pub(super) use super::path::Kind;
use super::resource::Resource;

/// Users and groups by id.
#[derive(Debug, Default)]
pub(super) struct Store {
    users: BTreeMap<String, Resource>,
    groups: BTreeMap<String, Resource>,
    changes: u64,
}

impl Store {
    /// How often the state changed; equal numbers mean equal states.
    pub(super) fn changes(&self) -> u64 {
        self.changes
    }

    pub(super) fn ids(&self, kind: Kind) -> impl Iterator<Item = &String> {
        self.of(kind).keys()
    }

    pub(super) fn get(&self, kind: Kind, id: &str) -> Result<&Resource, ScimError> {
        self.of(kind).get(id).ok_or_else(|| ScimError::not_found(id))
    }

    /// Stores a new resource under an id that depends on its place in the order of creation.
    ///
    /// # Errors
    /// 409 for a user name that is taken, 400 for a user without one or for unknown members.
    pub(super) fn create(&mut self, kind: Kind, resource: Resource) -> Result<String, ScimError> {
        let id = id_number(kind, self.changes);
        self.check(kind, &id, &resource)?;
        self.changes += 1;
        let version = self.changes;
        self.of_mut(kind).insert(id.clone(), Resource { created: version, version, ..resource });
        Ok(id)
    }

    /// Stores `resource` in place of the one with this id.
    ///
    /// # Errors
    /// As [`Store::create`], and 404.
    pub(super) fn replace(
        &mut self,
        kind: Kind,
        id: &str,
        resource: Resource,
    ) -> Result<(), ScimError> {
        let current = self.get(kind, id)?;
        if current.attributes == resource.attributes && current.members == resource.members {
            return Ok(());
        }
        let created = current.created;
        self.check(kind, id, &resource)?;
        self.changes += 1;
        let version = self.changes;
        self.of_mut(kind).insert(id.to_owned(), Resource { created, version, ..resource });
        Ok(())
    }

    /// Removes a resource, and its memberships with it.
    pub(super) fn delete(&mut self, kind: Kind, id: &str) -> Result<(), ScimError> {
        self.of_mut(kind).remove(id).ok_or_else(|| ScimError::not_found(id))?;
        self.changes += 1;
        for group in self.groups.values_mut().filter(|group| group.members.iter().any(|m| m == id))
        {
            group.members.retain(|member| member != id);
            group.version = self.changes;
        }
        Ok(())
    }

    /// Gives a resource a new version without changing it, as another client's write would.
    pub(super) fn touch(&mut self, kind: Kind, id: &str) {
        let version = self.changes + 1;
        if let Some(resource) = self.of_mut(kind).get_mut(id) {
            resource.version = version;
            self.changes = version;
        }
    }

    pub(super) fn members_of(&self, group: &str) -> &[String] {
        self.groups.get(group).map_or(&[], |group| &group.members)
    }

    pub(super) fn memberships(&self) -> BTreeSet<(String, String)> {
        let pairs = self.groups.iter().flat_map(|(id, group)| {
            group.members.iter().map(move |member| (id.clone(), member.clone()))
        });
        pairs.collect()
    }

    pub(super) fn add_member(&mut self, group: &str, member: &str) -> bool {
        self.edit_members(group, |members| {
            if !members.iter().any(|other| other == member) {
                members.push(member.to_owned());
            }
        })
    }

    pub(super) fn remove_member(&mut self, group: &str, member: &str) -> bool {
        self.edit_members(group, |members| members.retain(|other| other != member))
    }

    /// The id of the first resource whose attribute has this text, in any (ASCII) case.
    pub(super) fn find(&self, kind: Kind, attribute: &str, text: &str) -> Option<String> {
        let is_it = |resource: &Resource| {
            let value = resource.attribute(attribute).and_then(Value::as_str);
            value.is_some_and(|value| value.eq_ignore_ascii_case(text))
        };
        self.of(kind).iter().find(|(_, resource)| is_it(resource)).map(|(id, _)| id.clone())
    }

    pub(super) fn render(
        &self,
        kind: Kind,
        id: &str,
        base_url: &str,
    ) -> Result<Map<String, Value>, ScimError> {
        let resource = self.get(kind, id)?;
        let mut rendered = resource.render(kind, id, base_url);
        if kind == Kind::Group {
            let members = resource.members.iter().map(|id| self.render_member(id, base_url));
            rendered.insert("members".to_owned(), members.collect());
        }
        Ok(rendered)
    }

    pub(super) fn render_all(&self, kind: Kind, base_url: &str) -> Vec<Value> {
        self.ids(kind)
            .filter_map(|id| self.render(kind, id, base_url).ok())
            .map(Value::from)
            .collect()
    }

    fn render_member(&self, id: &str, base_url: &str) -> Value {
        let kind = if self.users.contains_key(id) { Kind::User } else { Kind::Group };
        let display = self.of(kind).get(id).and_then(|member| member.attribute("displayName"));
        json!({
            "value": id,
            "display": display,
            "type": kind.name(),
            "$ref": format!("{base_url}/{}/{id}", kind.endpoint()),
        })
    }

    fn edit_members(&mut self, group: &str, edit: impl FnOnce(&mut Vec<String>)) -> bool {
        let Ok(mut resource) = self.get(Kind::Group, group).cloned() else { return false };
        let before = self.changes;
        edit(&mut resource.members);
        self.replace(Kind::Group, group, resource).is_ok() && self.changes > before
    }

    fn check(&self, kind: Kind, id: &str, resource: &Resource) -> Result<(), ScimError> {
        let required = match kind {
            Kind::User => "userName",
            Kind::Group => "displayName",
        };
        let Some(name) = resource.attribute(required).and_then(Value::as_str) else {
            return Err(ScimError::bad("invalidValue", format!("`{required}` is required")));
        };
        let is_taken = || self.find(kind, required, name).is_some_and(|other| other != id);
        if kind == Kind::User && is_taken() {
            return Err(ScimError::conflict(format!("the user name `{name}` is taken")));
        }
        if resource.attribute("active").is_some_and(|active| !active.is_boolean()) {
            return Err(ScimError::bad("invalidValue", "`active` is a boolean"));
        }
        match resource.members.iter().find(|member| !self.has(member)) {
            Some(member) => {
                Err(ScimError::bad("invalidValue", format!("there is no member `{member}`")))
            }
            None => Ok(()),
        }
    }

    fn has(&self, id: &str) -> bool {
        self.users.contains_key(id) || self.groups.contains_key(id)
    }

    fn of(&self, kind: Kind) -> &BTreeMap<String, Resource> {
        match kind {
            Kind::User => &self.users,
            Kind::Group => &self.groups,
        }
    }

    fn of_mut(&mut self, kind: Kind) -> &mut BTreeMap<String, Resource> {
        match kind {
            Kind::User => &mut self.users,
            Kind::Group => &mut self.groups,
        }
    }
}

/// Looks like a UUID and is the same on every start.
fn id_number(kind: Kind, changes: u64) -> String {
    let digest = hex::encode(Sha256::digest(format!("{} {changes}", kind.name())));
    [&digest[..8], &digest[8..12], &digest[12..16], &digest[16..20], &digest[20..32]].join("-")
}
