//! Administrators and roles as JumpCloud shows them, and as the catalogue sees them.

use grantry_sdk::time;
use grantry_sdk::types::{
    Attribute, Entitlement, Object, ObjectRef, ObjectStatus, Purpose, Value as Cell,
};
use serde::Deserialize;

use crate::manifest::{ADMINISTRATOR, ROLE};

/// One administrator of `GET /api/users`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Administrator {
    /// The native id.
    #[serde(rename = "_id")]
    pub id: String,
    /// The login.
    pub email: String,
    #[serde(default)]
    firstname: Option<String>,
    #[serde(default)]
    lastname: Option<String>,
    /// The id of the role, where there is one only; of a stand-in where there are several.
    #[serde(default)]
    role: Option<String>,
    /// The ids of all roles, where there are several.
    #[serde(default)]
    roles: Vec<String>,
    #[serde(default)]
    suspended: Option<bool>,
    #[serde(default)]
    enable_multi_factor: Option<bool>,
    #[serde(default)]
    totp_enrolled: Option<bool>,
    #[serde(default)]
    created: Option<String>,
}

impl Administrator {
    /// The ids of the roles that are held, each once.
    pub fn role_ids(&self) -> Vec<&str> {
        let listed = self.roles.iter().map(String::as_str);
        let ids: Vec<&str> = match self.roles.is_empty() {
            true => self.role.as_deref().into_iter().collect(),
            false => listed.collect(),
        };
        let mut once = Vec::with_capacity(ids.len());
        for id in ids.into_iter().filter(|id| !id.is_empty()) {
            if !once.contains(&id) {
                once.push(id);
            }
        }
        once
    }

    /// Whether the role is held.
    pub fn holds(&self, role: &str) -> bool {
        self.role_ids().contains(&role)
    }

    /// What the catalogue holds of it.
    pub fn to_object(&self) -> Object {
        let names = [&self.firstname, &self.lastname].map(|name| name.as_deref().unwrap_or(""));
        let full = names.join(" ").trim().to_owned();
        let mut object = Object::new(ADMINISTRATOR, &self.id);
        object.id.name = Some(self.email.clone());
        object.display = Some(if full.is_empty() { self.email.clone() } else { full });
        object.status = match self.suspended {
            Some(true) => ObjectStatus::Disabled,
            _ => ObjectStatus::Enabled,
        };
        object.created_ms = self.created.as_deref().and_then(time::parse_ms);
        object.attributes = vec![Attribute::text("email", &self.email)];
        let texts = [("firstname", &self.firstname), ("lastname", &self.lastname)];
        for (name, text) in texts {
            object.attributes.extend(text.as_ref().map(|text| Attribute::text(name, text)));
        }
        let truths =
            [("enableMultiFactor", self.enable_multi_factor), ("totpEnrolled", self.totp_enrolled)];
        for (name, truth) in truths {
            let truth = truth.map(|truth| Attribute::complete(name, vec![Cell::Boolean(truth)]));
            object.attributes.extend(truth);
        }
        object
    }
}

/// One role of `GET /api/v2/roles`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Role {
    /// The native id.
    pub id: String,
    /// Such as `Help Desk`.
    pub name: String,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    scopes: Vec<String>,
    #[serde(default)]
    is_custom: Option<bool>,
}

impl Role {
    /// What the catalogue holds of it.
    pub fn to_object(&self) -> Object {
        let scopes = self.scopes.iter().cloned().map(Cell::Text).collect();
        let mut object = Object::new(ROLE, &self.id);
        object.id.name = Some(self.name.clone());
        object.display = Some(self.name.clone());
        object.description = self.description.clone();
        object.attributes = vec![Attribute::complete("scopes", scopes)];
        let custom = self.is_custom.map(Cell::Boolean);
        let custom = custom.map(|custom| Attribute::complete("isCustom", vec![custom]));
        object.attributes.extend(custom);
        object
    }

    /// Its one right. All of them open the admin console, so all are privileged.
    pub fn to_entitlement(&self) -> Entitlement {
        Entitlement {
            id: entitlement_id(&self.id),
            kind: ROLE.into(),
            on: ObjectRef::new(ROLE, &self.id),
            slug: "holder".into(),
            display: self.name.clone(),
            description: self.description.clone(),
            purpose: Purpose::Access,
            grantable_to: vec![ADMINISTRATOR.into()],
            exclusive: None,
            is_immutable: false,
            is_privileged: true,
            attributes: Vec::new(),
        }
    }
}

/// The id of a role's one entitlement.
pub fn entitlement_id(role: &str) -> String {
    format!("{role}:holder")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn administrator(more: Value) -> Administrator {
        let mut shown = json!({ "_id": "a", "email": "ada@example.com" });
        for (name, value) in more.as_object().unwrap() {
            shown[name] = value.clone();
        }
        serde_json::from_value(shown).unwrap()
    }

    #[test]
    fn several_roles_come_before_the_stand_in_for_them() {
        let one = administrator(json!({ "role": "r1", "roleName": "Help Desk" }));
        assert_eq!(one.role_ids(), ["r1"]);
        let several = json!({ "role": "m", "roleName": "Multi Role", "roles": ["r1", "r2", "r1"] });
        assert_eq!(administrator(several).role_ids(), ["r1", "r2"]);
        assert!(administrator(json!({ "role": "" })).role_ids().is_empty());
    }

    #[test]
    fn a_person_without_a_name_is_shown_by_the_address() {
        let nameless = administrator(json!({ "firstname": "", "lastname": "", "suspended": true }));
        let object = nameless.to_object();
        assert_eq!(object.display.as_deref(), Some("ada@example.com"));
        assert_eq!(object.status, ObjectStatus::Disabled);
    }
}
