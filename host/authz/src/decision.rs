//! The decision itself: pure, total, and flat in the number of entity permissions.

use grantry_model::ids::IntegrationId;
use grantry_model::permission::{Action, AdminAction, Entity, ResourceAction};
use serde::{Deserialize, Serialize};

use crate::permissions::{Permissions, Relation, Role};

/// Why something is allowed; written to the audit log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// A person's role holds the action.
    Role(Role),
    /// The action is held globally.
    Global,
    /// The entity was given to the principal.
    Entity,
    /// A person's relation to that very thing.
    Relation(Relation),
    /// Background work that an earlier, permitted action ordered.
    Job,
    /// A person acts on nothing but what is their own: sessions, tokens, requests that they make or
    /// are asked about.
    Own,
    /// A request for it went through its approval workflow.
    ApprovedRequest,
    /// A task that the person has.
    Task,
    /// The first start makes the first admin.
    FirstStart,
    /// Whoever operates the machine lets an admin in again.
    Recovery,
    /// An issuer vouches for a person who signs in for the first time.
    SignUp,
}

/// What may happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Go ahead, because of this.
    Allowed(Reason),
    /// Another of the four actions is held on the entity, but not this one.
    Missing,
    /// None of the four is held on the entity: it must look as if it did not exist.
    Hidden,
}

/// May a principal with these permissions take the action on the entity (PRM-2, PRM-4)?
pub fn decide(permissions: &Permissions, action: Action, entity: &Entity) -> Decision {
    if let Some(reason) = holds(permissions, action, entity) {
        return Decision::Allowed(reason);
    }
    if Action::ALL.into_iter().any(|other| holds(permissions, other, entity).is_some()) {
        return Decision::Missing;
    }
    Decision::Hidden
}

/// May a principal with these permissions read the entity's own facts, as whoever holds any of the
/// four actions on a data source may (PRM-4)?
pub fn decide_any(permissions: &Permissions, entity: &Entity) -> Decision {
    let decided = Action::ALL.map(|action| decide(permissions, action, entity));
    let allowed = decided.into_iter().find(|decision| matches!(decision, Decision::Allowed(_)));
    allowed.unwrap_or(Decision::Hidden)
}

/// Why the action is held on the entity, if it is.
fn holds(permissions: &Permissions, action: Action, entity: &Entity) -> Option<Reason> {
    if !permissions.scope_leaves(action) {
        return None;
    }
    if let Some(role) = permissions.role
        && role.allows(action)
    {
        return Some(Reason::Role(role));
    }
    if permissions.global.contains(&action) {
        return Some(Reason::Global);
    }
    permissions.entities.contains(entity).then_some(Reason::Entity)
}

/// May a principal with these permissions take the admin action?
pub fn decide_admin(permissions: &Permissions, action: AdminAction) -> Option<Reason> {
    let role = permissions.role.filter(|role| role.allows_admin(action))?;
    permissions.scope_leaves_admin(action).then_some(Reason::Role(role))
}

/// May a principal with these permissions take the admin action on the integration? A role holds it
/// on every one, an owner on the own ones.
pub fn decide_integration(
    permissions: &Permissions,
    action: AdminAction,
    integration: &IntegrationId,
) -> Option<Reason> {
    let owned = || {
        let relation = Relation::IntegrationOwner;
        let holds = permissions.integrations.contains(integration)
            && relation.allows_admin(action)
            && permissions.scope_leaves_admin(action);
        holds.then_some(Reason::Relation(relation))
    };
    decide_admin(permissions, action).or_else(owned)
}

/// May a principal with these permissions take the action on the resource? Whoever may administer its
/// integration may, and the resource's own people; where no integration feeds its app, an admin. A
/// scoped token names actions, not resources, so it leaves nothing of what its owner is to them.
pub fn decide_resource(
    permissions: &Permissions,
    action: ResourceAction,
    integration: Option<&IntegrationId>,
    resource: &str,
) -> Option<Reason> {
    let admin = action.on_integration();
    let by_integration = match integration {
        Some(integration) => decide_integration(permissions, admin, integration),
        None => decide_admin(permissions, admin),
    };
    let related = || {
        let is_held = |relation: &Relation| {
            permissions.scope.is_none()
                && relation.allows_resource(action)
                && permissions.resources.contains(&(resource.to_owned(), *relation))
        };
        Relation::OF_RESOURCES.into_iter().find(is_held).map(Reason::Relation)
    };
    by_integration.or_else(related)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeSet, HashSet};
    use std::sync::Arc;

    use grantry_model::ids::{AppId, DataSourceId};
    use proptest::prelude::*;

    use super::*;
    use crate::permissions::Scope;

    fn app(name: &str) -> Entity {
        Entity::App(AppId::parse(name).unwrap())
    }

    fn data_source(name: &str) -> Entity {
        Entity::DataSource(DataSourceId::parse(name).unwrap())
    }

    /// The example of PRM-2.
    #[test]
    fn global_actions_and_entities_add_up() {
        let permissions = Permissions {
            role: None,
            global: HashSet::from([Action::AppAndRoleRead, Action::CsvAppUserUpload]),
            entities: Arc::new(HashSet::from([app("advanced-targeting"), data_source("entra-id")])),
            ..Permissions::default()
        };
        for entity in [app("advanced-targeting"), data_source("entra-id")] {
            for action in Action::ALL {
                assert!(matches!(decide(&permissions, action, &entity), Decision::Allowed(_)));
            }
        }
        let held =
            |action| matches!(decide(&permissions, action, &app("other")), Decision::Allowed(_));
        assert_eq!(Action::ALL.map(held), [true, true, false, false]);
    }

    #[test]
    fn an_entity_on_which_nothing_is_held_is_hidden() {
        let permissions =
            Permissions { entities: Arc::new(HashSet::from([app("a")])), ..Default::default() };
        assert_eq!(decide(&permissions, Action::AppAndRoleRead, &app("b")), Decision::Hidden);
        // An app's id is not a data source's id.
        assert_eq!(
            decide(&permissions, Action::AppAndRoleRead, &data_source("a")),
            Decision::Hidden
        );
    }

    #[test]
    fn an_owner_administers_the_own_integration_and_nothing_beyond_it() {
        let integration = |name: &str| IntegrationId::parse(name).unwrap();
        let owner =
            Permissions { integrations: HashSet::from([integration("a")]), ..Default::default() };
        let held = |name: &str| {
            let decide = |action| decide_integration(&owner, action, &integration(name)).is_some();
            AdminAction::ALL.into_iter().filter(|&action| decide(action)).collect::<Vec<_>>()
        };
        let administers = [
            AdminAction::IntegrationRead,
            AdminAction::IntegrationWrite,
            AdminAction::AggregationRun,
            AdminAction::JobRead,
        ];
        assert_eq!(held("a"), administers);
        assert_eq!(held("b"), []);
        for action in AdminAction::ALL {
            assert_eq!(decide_admin(&owner, action), None);
        }
        for action in Action::ALL {
            assert_eq!(decide(&owner, action, &app("a")), Decision::Hidden);
        }
        // A token that is limited to reading leaves reading.
        let admin_actions = BTreeSet::from([AdminAction::IntegrationRead]);
        let scope = Some(Scope { admin_actions, ..Scope::default() });
        let limited = Permissions { scope, ..owner };
        let own = integration("a");
        assert!(decide_integration(&limited, AdminAction::IntegrationRead, &own).is_some());
        assert!(decide_integration(&limited, AdminAction::IntegrationWrite, &own).is_none());
    }

    #[test]
    fn people_of_a_resource_may_do_what_the_table_says_there_and_nothing_beyond_it() {
        use ResourceAction::{Read, Settle, Write};
        let integration = IntegrationId::parse("i").unwrap();
        let expected = [
            (Relation::ResourceOwner, vec![Read, Write, Settle]),
            (Relation::Maintainer, vec![Read, Settle]),
        ];
        for (relation, allowed) in expected {
            let resources = HashSet::from([("r".to_owned(), relation)]);
            let person = Permissions { resources, ..Default::default() };
            let held = |held: &Permissions, resource: &str, of: Option<&IntegrationId>| {
                let decide = |action| decide_resource(held, action, of, resource);
                ResourceAction::ALL.into_iter().filter(|&a| decide(a).is_some()).collect::<Vec<_>>()
            };
            for of in [None, Some(&integration)] {
                assert_eq!(held(&person, "r", of), allowed);
                assert_eq!(held(&person, "other", of), []);
            }
            for action in AdminAction::ALL {
                assert_eq!(decide_integration(&person, action, &integration), None);
            }
            for action in Action::ALL {
                assert_eq!(decide(&person, action, &app("i")), Decision::Hidden);
            }
            // A scoped token leaves nothing of it.
            let admin_actions = AdminAction::ALL.into_iter().collect();
            let scope = Some(Scope { admin_actions, ..Scope::default() });
            assert_eq!(held(&Permissions { scope, ..person }, "r", None), []);
        }
    }

    #[test]
    fn the_people_of_an_integration_hold_their_actions_on_its_resources() {
        let (own, other) =
            (IntegrationId::parse("own").unwrap(), IntegrationId::parse("other").unwrap());
        let owner =
            Permissions { integrations: HashSet::from([own.clone()]), ..Default::default() };
        let role = |role| Permissions { role: Some(role), ..Default::default() };
        let held = |held: &Permissions, of: Option<&IntegrationId>| {
            ResourceAction::ALL.map(|action| decide_resource(held, action, of, "r").is_some())
        };
        assert_eq!(held(&owner, Some(&own)), [true; 3]);
        assert_eq!(held(&owner, Some(&other)), [false; 3]);
        assert_eq!(held(&owner, None), [false; 3]);
        for of in [None, Some(&own)] {
            assert_eq!(held(&role(Role::Admin), of), [true; 3]);
            assert_eq!(held(&role(Role::Auditor), of), [true, false, false]);
            assert_eq!(held(&role(Role::User), of), [false; 3]);
        }
    }

    #[test]
    fn a_client_holds_no_admin_action_whatever_it_was_given() {
        let permissions = Permissions {
            role: None,
            global: Action::ALL.into_iter().collect(),
            entities: Arc::new(HashSet::from([app("a")])),
            ..Permissions::default()
        };
        for action in AdminAction::ALL {
            assert_eq!(decide_admin(&permissions, action), None);
        }
    }

    #[test]
    fn a_scoped_token_holds_no_more_than_it_names_and_the_person_holds() {
        let scope = Scope {
            actions: BTreeSet::from([Action::AppAndRoleRead, Action::AppMembershipWrite]),
            admin_actions: BTreeSet::from([AdminAction::JobRead, AdminAction::ClientWrite]),
        };
        let held = |role| Permissions {
            role: Some(role),
            scope: Some(scope.clone()),
            ..Default::default()
        };
        let (admin, auditor) = (held(Role::Admin), held(Role::Auditor));
        let is_held =
            |held, action| matches!(decide(held, action, &app("a")), Decision::Allowed(_));
        assert_eq!(Action::ALL.map(|action| is_held(&admin, action)), [true, false, false, true]);
        assert_eq!(
            Action::ALL.map(|action| is_held(&auditor, action)),
            [true, false, false, false]
        );
        assert_eq!(admin.admin_actions(), [AdminAction::ClientWrite, AdminAction::JobRead]);
        assert_eq!(auditor.admin_actions(), [AdminAction::JobRead]);
        assert_eq!(decide_admin(&admin, AdminAction::PluginRead), None);
    }

    #[test]
    fn to_a_user_what_is_not_given_does_not_exist() {
        let user = Permissions { role: Some(Role::User), ..Default::default() };
        assert_eq!(decide(&user, Action::AppAndRoleRead, &app("a")), Decision::Hidden);
        assert_eq!(user.admin_actions(), []);
    }

    fn permissions() -> impl Strategy<Value = Permissions> {
        let role = proptest::option::of(proptest::sample::select(&Role::ALL[..]));
        let global =
            proptest::collection::hash_set(proptest::sample::select(&Action::ALL[..]), 0..4);
        let entity = (0..2_u8, 0..4_u8).prop_map(|(kind, n)| match kind {
            0 => app(&n.to_string()),
            _ => data_source(&n.to_string()),
        });
        let entities = proptest::collection::hash_set(entity, 0..5);
        let actions =
            proptest::collection::btree_set(proptest::sample::select(&Action::ALL[..]), 0..4);
        let scope = proptest::option::of(
            actions.prop_map(|actions| Scope { actions, admin_actions: BTreeSet::new() }),
        );
        (role, global, entities, scope).prop_map(|(role, global, entities, scope)| Permissions {
            role,
            global,
            entities: Arc::new(entities),
            scope,
            ..Permissions::default()
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100_000))]
        /// The oracle: the rule of PRM-2 and PRM-4, said in another way.
        #[test]
        fn the_decision_equals_the_oracle(held in permissions(), n in 0..4_u8, is_app: bool) {
            let entity = if is_app { app(&n.to_string()) } else { data_source(&n.to_string()) };
            let holds = |action: Action| {
                let is_left = held.scope.iter().all(|scope| scope.actions.iter().any(|&left| left == action));
                is_left && (held.role == Some(Role::Admin)
                    || held.role == Some(Role::Auditor) && action == Action::AppAndRoleRead
                    || held.global.iter().any(|&other| other == action)
                    || held.entities.iter().any(|other| *other == entity))
            };
            for action in Action::ALL {
                let expected = match (holds(action), Action::ALL.into_iter().any(holds)) {
                    (true, _) => "allowed",
                    (false, true) => "missing",
                    (false, false) => "hidden",
                };
                let actual = match decide(&held, action, &entity) {
                    Decision::Allowed(_) => "allowed",
                    Decision::Missing => "missing",
                    Decision::Hidden => "hidden",
                };
                prop_assert_eq!(actual, expected);
            }
        }
    }
}
