//! A person, as one line of a list tells it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::entitlement::DESCRIPTION;
use super::layout::{Column, ListKind, Refused, folded};
use crate::catalogue::{Attribute, Completeness, Object, ObjectId, ObjectStatus, Value};
use crate::text::{self, NAME_CHARACTERS_MAX};

/// Most roles on one line.
const ROLES_MAX: usize = 200;

/// A person, as one line of a list tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedPerson {
    /// Names the person within the list.
    pub external_id: String,
    /// A short login name.
    pub user_name: Option<String>,
    /// The e-mail address.
    pub email: Option<String>,
    /// What people call the person.
    pub display_name: String,
    /// Whether the person, or the account, is active.
    pub is_active: bool,
    /// To whom the person reports; in lists of users.
    pub manager_external_id: Option<String>,
    /// Which roles the account holds, each once and in order; in lists of members.
    pub roles: Vec<String>,
    /// All other columns that are not empty.
    pub attributes: BTreeMap<String, String>,
}

impl ListedPerson {
    /// The cell of a column, for writing the list.
    pub fn cell(&self, kind: ListKind, column: &str) -> String {
        if let Some(attribute) = self.attributes.get(column) {
            return attribute.clone();
        }
        match Column::of(kind, &folded(column)) {
            Some(Column::ExternalId) => self.external_id.clone(),
            Some(Column::UserName) => self.user_name.clone().unwrap_or_default(),
            Some(Column::Email) => self.email.clone().unwrap_or_default(),
            Some(Column::DisplayName) => self.display_name.clone(),
            Some(Column::Active) => self.is_active.to_string(),
            Some(Column::Manager) => self.manager_external_id.clone().unwrap_or_default(),
            Some(Column::Roles) => self.roles.join(";"),
            Some(Column::Description) => {
                self.attributes.get(DESCRIPTION).cloned().unwrap_or_default()
            }
            Some(Column::Attribute) | None => String::new(),
        }
    }

    /// The same person with or without a role.
    #[must_use]
    pub fn with_role(mut self, role: &str, is_held: bool) -> Self {
        self.roles.retain(|held| held != role);
        if is_held {
            let place = self.roles.partition_point(|held| held.as_str() < role);
            self.roles.insert(place, role.to_owned());
        }
        self
    }

    /// The account that the line names, as mapping rules look at it: its address is an attribute beside
    /// the other columns.
    pub fn into_account(self) -> Object {
        let attribute = |(name, text): (String, String)| Attribute {
            name,
            values: vec![Value::Text(text)],
            completeness: Completeness::Complete,
        };
        let email = self.email.map(|email| ("email".to_owned(), email));
        Object {
            id: ObjectId {
                kind: "Account".to_owned(),
                id: self.external_id,
                name: self.user_name,
                aliases: Vec::new(),
                parent: None,
                etag: None,
            },
            display: Some(self.display_name),
            description: None,
            status: match self.is_active {
                true => ObjectStatus::Enabled,
                false => ObjectStatus::Disabled,
            },
            attributes: email.into_iter().chain(self.attributes).map(attribute).collect(),
            created_ms: None,
            last_used_ms: None,
        }
    }

    /// The text in which a search looks.
    pub fn search(&self) -> String {
        let names = [&self.user_name, &self.email].into_iter().flatten();
        let mut search = format!("{} {}", self.display_name, self.external_id);
        for name in names {
            search.push(' ');
            search.push_str(name);
        }
        search.to_lowercase()
    }
}

/// A person while the cells of a line are read.
#[derive(Default)]
pub(super) struct Draft {
    pub(super) external_id: Option<String>,
    pub(super) user_name: Option<String>,
    pub(super) email: Option<String>,
    display_name: Option<String>,
    is_inactive: bool,
    manager: Option<String>,
    pub(super) roles: Vec<String>,
    attributes: BTreeMap<String, String>,
}

impl Draft {
    /// Takes a cell.
    pub(super) fn put(&mut self, column: Column, name: &str, text: &str) -> Result<(), Refused> {
        let some = || Some(text.to_owned()).filter(|text| !text.trim().is_empty());
        match column {
            Column::ExternalId => self.external_id = some(),
            Column::UserName => self.user_name = some(),
            Column::Email => self.email = some(),
            Column::DisplayName => self.display_name = some(),
            Column::Manager => self.manager = some(),
            Column::Active => self.is_inactive = !is_active(text)?,
            Column::Roles => self.roles = roles(text)?,
            Column::Description => {
                self.attributes.extend(some().map(|text| (DESCRIPTION.to_owned(), text)));
            }
            Column::Attribute => {
                self.attributes.extend(some().map(|text| (name.to_owned(), text)));
            }
        }
        Ok(())
    }

    /// The person whom this names.
    pub(super) fn person(self, external_id: String) -> ListedPerson {
        let names = [&self.display_name, &self.user_name, &self.email];
        let display_name = names.into_iter().flatten().next().unwrap_or(&external_id).clone();
        ListedPerson {
            external_id,
            user_name: self.user_name,
            email: self.email,
            display_name,
            is_active: !self.is_inactive,
            manager_external_id: self.manager,
            roles: self.roles,
            attributes: self.attributes,
        }
    }
}

fn is_active(text: &str) -> Result<bool, Refused> {
    match text.trim().to_lowercase().as_str() {
        "" | "true" | "yes" | "1" | "active" => Ok(true),
        "false" | "no" | "0" | "inactive" | "disabled" => Ok(false),
        _ => Err(("invalid_value", "must be `true` or `false`".to_owned())),
    }
}

fn roles(text: &str) -> Result<Vec<String>, Refused> {
    let names = text.split(';').map(str::trim).filter(|name| !name.is_empty());
    let mut roles: Vec<String> = names.map(str::to_owned).collect();
    roles.sort();
    roles.dedup();
    if roles.len() > ROLES_MAX {
        return Err(("too_many_roles", format!("a line has at most {ROLES_MAX} roles")));
    }
    match roles.iter().find(|role| text::check_name(role).is_err()) {
        None => Ok(roles),
        Some(_) => {
            let message =
                format!("a role has at most {NAME_CHARACTERS_MAX} characters, all of them visible");
            Err(("invalid_string", message))
        }
    }
}
