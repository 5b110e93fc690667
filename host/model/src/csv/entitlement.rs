//! An entitlement, as one line of a flat file tells it (CAT-7).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::ListedPerson;

/// Under which name a line's description is kept among its further columns.
pub(super) const DESCRIPTION: &str = "description";
/// The one type of entitlements that a flat file has.
const KIND: &str = "Entitlement";

/// An entitlement as the catalogue keeps it. On its way there a line is carried like that of a person:
/// who is named by it is an entitlement, whose manager is its parent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedEntitlement {
    /// Names the entitlement within the list.
    pub id: String,
    /// Its type.
    pub kind: String,
    /// Its name in the source.
    pub name: String,
    /// What people call it.
    pub display: String,
    /// What it is for.
    pub description: Option<String>,
    /// The entitlement above it.
    pub parent_id: Option<String>,
    /// All other columns that are not empty.
    pub attributes: BTreeMap<String, String>,
}

impl ListedEntitlement {
    /// The text in which a search looks.
    pub fn search(&self) -> String {
        let words = [&self.display, &self.name, &self.id].map(String::as_str);
        let words = words.into_iter().chain(self.description.as_deref());
        words.collect::<Vec<_>>().join(" · ").to_lowercase().chars().take(2_000).collect()
    }
}

impl From<&ListedPerson> for ListedEntitlement {
    fn from(line: &ListedPerson) -> Self {
        let mut attributes = line.attributes.clone();
        Self {
            id: line.external_id.clone(),
            kind: KIND.to_owned(),
            name: line.user_name.clone().unwrap_or_else(|| line.external_id.clone()),
            display: line.display_name.clone(),
            description: attributes.remove(DESCRIPTION),
            parent_id: line.manager_external_id.clone(),
            attributes,
        }
    }
}

impl From<ListedEntitlement> for ListedPerson {
    fn from(entitlement: ListedEntitlement) -> Self {
        let mut attributes = entitlement.attributes;
        attributes.extend(entitlement.description.map(|text| (DESCRIPTION.to_owned(), text)));
        Self {
            external_id: entitlement.id,
            user_name: Some(entitlement.name),
            email: None,
            display_name: entitlement.display,
            is_active: true,
            manager_external_id: entitlement.parent_id,
            roles: Vec::new(),
            attributes,
        }
    }
}
