//! What an integration's entitlement types say of rows: which fit, which are frozen, and by what
//! attributes entitlements are known (CAT-1 to CAT-4).
//!
//! Loaded when a worker takes up a run; types do not change while one is under way.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use grantry_model::catalogue::{Attribute, Entitlement, Object, Page};
use grantry_model::entitlement_types::{ReadAttributes, Schema, TYPES_MAX, value_of};
use grantry_model::fingerprint::Key;
use grantry_store::{EntitlementRow, StoredType};

/// What one type says.
#[derive(Debug, Default)]
pub(crate) struct TypeRules {
    pub schema: Option<Schema>,
    pub read: ReadAttributes,
    /// The type was deleted: its entitlements stay as they are.
    pub is_frozen: bool,
    /// Whether it is read who holds its entitlements.
    pub includes_permissions: bool,
}

/// What all types say.
#[derive(Debug, Default)]
pub(crate) struct Types(HashMap<String, TypeRules>);

/// By which ids the entitlements of one type are known; no key where several share an id.
#[derive(Debug, Default)]
pub(crate) struct Ids(HashMap<String, Option<Key>>);

/// What entitlements of a page are known by besides their own attributes.
#[derive(Debug, Default)]
pub(crate) struct Naming {
    /// By which ids living entitlements are known, of the types that have other ids than the target's.
    pub ids: HashMap<String, Ids>,
    /// Attributes of the page's resources.
    pub resources: HashMap<Key, Vec<Attribute>>,
}

impl TypeRules {
    fn of(stored: &StoredType) -> Self {
        if stored.deleted.is_some() {
            return Self { is_frozen: true, ..Self::default() };
        }
        let in_force = stored.in_force();
        Self {
            schema: Schema::of(&in_force),
            is_frozen: false,
            includes_permissions: in_force.includes_permissions,
            read: in_force.read,
        }
    }
}

impl Types {
    pub(crate) fn of(stored: &[StoredType]) -> Self {
        Self(stored.iter().map(|of| (of.name.clone(), TypeRules::of(of))).collect())
    }

    pub(crate) fn get(&self, name: &str) -> Option<&TypeRules> {
        self.0.get(name)
    }

    /// Whether one more type may be made.
    pub(crate) fn has_room(&self, more: usize) -> bool {
        self.0.len() + more < TYPES_MAX
    }

    /// Takes in types that were just made: they say nothing.
    pub(crate) fn add(&mut self, names: Vec<String>) {
        let plain = || TypeRules { includes_permissions: true, ..TypeRules::default() };
        self.0.extend(names.into_iter().map(|name| (name, plain())));
    }

    /// Names of the types whose entitlements are frozen.
    pub(crate) fn frozen(&self) -> HashSet<&str> {
        self.names(|rules| rules.is_frozen)
    }

    /// Names of the types of which it is not read who holds them.
    pub(crate) fn without_permissions(&self) -> HashSet<&str> {
        self.names(|rules| rules.is_frozen || !rules.includes_permissions)
    }

    /// Names of the types whose entitlements are known by other ids than the target's.
    pub(crate) fn with_own_ids(&self) -> HashSet<&str> {
        self.names(|rules| rules.read.id.is_some())
    }

    fn names(&self, is_one: impl Fn(&TypeRules) -> bool) -> HashSet<&str> {
        let of = self.0.iter().filter(|(_, rules)| is_one(rules));
        of.map(|(name, _)| name.as_str()).collect()
    }

    /// The kinds of resources that entitlements of a type are on: the kind of its name, and where the
    /// catalogue has some.
    pub(crate) fn kinds_of(&self, name: &str, on_kinds: &[(String, String)]) -> Vec<String> {
        let on = on_kinds.iter().filter(|(of, _)| of == name).map(|(_, kind)| kind.clone());
        on.chain([name.to_owned()]).collect()
    }

    /// Kinds of resources of which it is not to be read who holds anything on them.
    pub(crate) fn silent_kinds(&self, on_kinds: &[(String, String)]) -> HashSet<String> {
        let silent = self.without_permissions();
        let is_spoken_of = |kind: &str| {
            let mut on = on_kinds.iter().filter(|(_, on)| on == kind);
            on.any(|(of, _)| !silent.contains(of.as_str()))
        };
        let kinds = silent.iter().flat_map(|name| self.kinds_of(name, on_kinds));
        // A type of the kind's own name speaks for it where the catalogue has nothing on it yet.
        let speaks = |kind: &str| self.0.contains_key(kind) && !silent.contains(kind);
        kinds.filter(|kind| !is_spoken_of(kind) && !speaks(kind)).collect()
    }

    /// Whether something of an entitlement is read from attributes, which may be its resource's.
    pub(crate) fn reads_attributes(&self) -> bool {
        self.0.values().any(|rules| !rules.read.is_plain())
    }

    /// Entitlements of a page for which attributes of their resources are needed.
    pub(crate) fn reading<'p>(&self, page: &'p Page) -> impl Iterator<Item = &'p Entitlement> {
        page.entitlements
            .iter()
            .filter(|of| self.get(&of.kind).is_some_and(|rules| !rules.read.is_plain()))
    }
}

impl Naming {
    /// Takes note of entitlements that were just stored.
    pub(crate) fn add(&mut self, rows: &[EntitlementRow]) {
        for row in rows {
            if let (Some(ids), Some(id)) = (self.ids.get_mut(&row.kind), &row.known_as) {
                ids.add(row.key, id.clone());
            }
        }
    }
}

impl Ids {
    /// Takes note of an entitlement that is known by that id.
    pub(crate) fn add(&mut self, key: Key, id: String) {
        let known = self.0.entry(id).or_insert(Some(key));
        if *known != Some(key) {
            *known = None;
        }
    }

    /// Whether another entitlement is known by that id.
    pub(crate) fn has_other(&self, key: Key, id: &str) -> bool {
        self.0.get(id).is_some_and(|known| *known != Some(key))
    }
}

/// The attributes of an object that is stored as JSON.
pub(crate) fn attributes_of(details: &str) -> Vec<Attribute> {
    serde_json::from_str::<Object>(details).map(|object| object.attributes).unwrap_or_default()
}

/// An entitlement by its type's attributes: with the name and description that they give, and the id
/// that it is known by; nothing for the target's own.
pub(crate) fn named<'e>(
    entitlement: &'e Entitlement,
    read: &ReadAttributes,
    resource: &[Attribute],
) -> (Cow<'e, Entitlement>, Option<String>) {
    if read.is_plain() {
        return (Cow::Borrowed(entitlement), None);
    }
    let own = &entitlement.attributes;
    let value =
        |name: &Option<String>| name.as_ref().and_then(|name| value_of(name, own, resource));
    let mut named = entitlement.clone();
    named.display = value(&read.name).unwrap_or(named.display);
    named.description = value(&read.description).or(named.description);
    (Cow::Owned(named), value(&read.id))
}
