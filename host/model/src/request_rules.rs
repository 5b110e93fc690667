//! How access to one thing is requested: what an admin says of a role or a resource comes before the
//! integration's settings (INT-8, INT-12).
//!
//! [`in_force`] is pure and the only place where the order stands.

use serde::{Deserialize, Serialize};

use crate::fault::FieldIssue;
use crate::settings::Settings;
use crate::text::check_name;

/// What an admin says of one resource or entitlement. `None` leaves it to what comes after.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct OwnRules {
    /// Whether access can be requested; of resources only.
    pub is_requestable: Option<bool>,
    /// The approval workflow of requests, by name.
    pub workflow: Option<String>,
}

/// A change of an admin's word: what is `None` stays.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "the fields of `OwnRules`")]
pub struct RulesChange {
    pub is_requestable: Option<Option<bool>>,
    pub workflow: Option<Option<String>>,
}

/// Whose word a rule is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SaidOf {
    /// The entitlement's own.
    Entitlement,
    /// Its resource's.
    Resource,
    /// The integration's.
    Integration,
}

/// The rules in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestRules {
    /// Whether access can be requested.
    pub is_requestable: bool,
    /// The approval workflow with whose word it is; `None` where nobody names one.
    pub workflow: Option<(String, SaidOf)>,
}

impl OwnRules {
    /// These rules with a change, if the result is valid.
    pub fn changed(&self, change: &RulesChange) -> Result<Self, Vec<FieldIssue>> {
        let changed = Self {
            is_requestable: change.is_requestable.unwrap_or(self.is_requestable),
            workflow: change.workflow.clone().unwrap_or_else(|| self.workflow.clone()),
        };
        match changed.workflow.as_deref().map(check_name) {
            Some(Err(error)) => Err(vec![FieldIssue {
                path: "/workflow".to_owned(),
                code: "invalid_string".to_owned(),
                message: error.to_string(),
            }]),
            _ => Ok(changed),
        }
    }
}

/// The rules of a resource, or of an entitlement on it.
pub fn in_force(
    settings: &Settings,
    resource: &OwnRules,
    entitlement: Option<&OwnRules>,
) -> RequestRules {
    let said = |rules: &OwnRules, of: SaidOf| rules.workflow.clone().map(|name| (name, of));
    let own = entitlement.and_then(|own| said(own, SaidOf::Entitlement));
    let default = || settings.default_workflow.clone().map(|name| (name, SaidOf::Integration));
    let by_default = settings.is_requestable_by_default;
    RequestRules {
        is_requestable: settings.is_requestable && resource.is_requestable.unwrap_or(by_default),
        workflow: own.or_else(|| said(resource, SaidOf::Resource)).or_else(default),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(workflow: &str) -> OwnRules {
        OwnRules { workflow: Some(workflow.to_owned()), ..OwnRules::default() }
    }

    #[test]
    fn an_admins_word_about_a_resource_comes_before_the_default_but_not_before_the_integration() {
        let settings = Settings { is_requestable_by_default: false, ..Settings::default() };
        let said = OwnRules { is_requestable: Some(true), ..OwnRules::default() };
        assert!(!in_force(&settings, &OwnRules::default(), None).is_requestable);
        assert!(in_force(&settings, &said, None).is_requestable);
        let closed = Settings { is_requestable: false, ..Settings::default() };
        assert!(!in_force(&closed, &said, None).is_requestable);
    }

    #[test]
    fn the_workflow_of_a_role_comes_before_its_resources_and_that_before_the_integrations() {
        let default_workflow = Some("integration".to_owned());
        let settings = Settings { default_workflow, ..Settings::default() };
        let workflow = |resource: &OwnRules, role: &OwnRules| {
            in_force(&settings, resource, Some(role)).workflow.unwrap()
        };
        let nothing = OwnRules::default();
        let (resource, role) = (named("resource"), named("role"));
        assert_eq!(workflow(&resource, &role), ("role".to_owned(), SaidOf::Entitlement));
        assert_eq!(workflow(&resource, &nothing), ("resource".to_owned(), SaidOf::Resource));
        assert_eq!(workflow(&nothing, &nothing), ("integration".to_owned(), SaidOf::Integration));
        assert_eq!(in_force(&Settings::default(), &nothing, Some(&nothing)).workflow, None);
    }

    #[test]
    fn a_change_leaves_the_rest_and_null_takes_the_word_back() {
        let change = RulesChange { is_requestable: Some(Some(false)), ..RulesChange::default() };
        let changed = named("owner").changed(&change).unwrap();
        assert_eq!(
            (changed.is_requestable, changed.workflow.as_deref()),
            (Some(false), Some("owner"))
        );
        let change = RulesChange { workflow: Some(None), ..RulesChange::default() };
        assert_eq!(changed.changed(&change).unwrap().workflow, None);
        let change = RulesChange { workflow: Some(Some(" ".to_owned())), ..RulesChange::default() };
        assert_eq!(changed.changed(&change).unwrap_err()[0].path, "/workflow");
    }
}
