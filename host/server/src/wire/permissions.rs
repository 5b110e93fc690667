//! Actions, entities and what principals hold.

use std::collections::HashSet;
use std::sync::Arc;

use grantry_api::permissions as wire;
use grantry_authz::{Permissions, Reason, Role};
use grantry_engine::Effective;
use grantry_model::ids::{AppId, DataSourceId};
use grantry_model::permission::{Action, Entity};

use crate::problem::Problem;

/// One of the four actions.
pub(crate) fn action(action: &Action) -> wire::Action {
    match action {
        Action::AppAndRoleRead => wire::Action::AppAndRoleRead,
        Action::CsvAppUserUpload => wire::Action::CsvAppUserUpload,
        Action::DataSourceUsersUpdate => wire::Action::DataSourceUsersUpdate,
        Action::AppMembershipWrite => wire::Action::AppMembershipWrite,
    }
}

/// One of the four actions, from the wire.
pub(crate) fn read_action(action: &wire::Action) -> Action {
    match action {
        wire::Action::AppAndRoleRead => Action::AppAndRoleRead,
        wire::Action::CsvAppUserUpload => Action::CsvAppUserUpload,
        wire::Action::DataSourceUsersUpdate => Action::DataSourceUsersUpdate,
        wire::Action::AppMembershipWrite => Action::AppMembershipWrite,
    }
}

/// The global actions in a stable order.
pub(crate) fn global(permissions: &Permissions) -> Vec<wire::Action> {
    let mut global: Vec<_> = permissions.global.iter().map(action).collect();
    global.sort();
    global
}

/// An app or a data source.
pub(crate) fn entity(entity: &Entity) -> wire::Entity {
    match entity {
        Entity::App(app) => wire::Entity { kind: wire::EntityKind::App, id: app.to_string() },
        Entity::DataSource(source) => {
            wire::Entity { kind: wire::EntityKind::DataSource, id: source.to_string() }
        }
    }
}

/// The entities in a stable order.
pub(crate) fn entities(permissions: &Permissions) -> Vec<wire::Entity> {
    let mut entities: Vec<_> = permissions.entities.iter().map(entity).collect();
    entities.sort();
    entities
}

/// All that a principal holds, with a warning about what is held everywhere (PRM-3).
pub(crate) fn permissions(permissions: &Permissions) -> wire::Permissions {
    wire::Permissions {
        global: global(permissions),
        entities: entities(permissions),
        role: permissions.role.map(|role| role.name().to_owned()),
        warnings: warnings(permissions),
    }
}

/// What an admin should know wherever permissions are set or shown (PRM-3).
pub(crate) fn warnings(permissions: &Permissions) -> Vec<String> {
    if permissions.global.is_empty() {
        return Vec::new();
    }
    let words = "global permissions hold on every app and data source, those of the future \
                 included: prefer permissions on single entities";
    vec![words.to_owned()]
}

/// An entity from the wire.
pub(crate) fn read_entity(kind: wire::EntityKind, id: &str, path: &str) -> Result<Entity, Problem> {
    let entity = match kind {
        wire::EntityKind::App => AppId::parse(id).map(Entity::App),
        wire::EntityKind::DataSource => DataSourceId::parse(id).map(Entity::DataSource),
    };
    entity.map_err(|error| Problem::field(path, "invalid_id", error.to_string()))
}

/// What a principal is to hold, from the wire.
pub(crate) fn read_permissions(set: &wire::SetPermissions) -> Result<Permissions, Problem> {
    let entity = |(index, entity): (usize, &wire::Entity)| {
        read_entity(entity.kind, &entity.id, &format!("/entities/{index}/id"))
    };
    let entities: Result<HashSet<_>, _> = set.entities.iter().enumerate().map(entity).collect();
    let global = set.global.iter().map(read_action).collect();
    Ok(Permissions { global, entities: Arc::new(entities?), ..Permissions::default() })
}

/// Whether an action is held, and why.
pub(crate) fn effective(effective: &Effective) -> wire::EffectivePermission {
    let why = effective.reason.map(|reason| match reason {
        Reason::Role(Role::Admin) => "by the role `admin`".to_owned(),
        Reason::Role(Role::Auditor) => "by the role `auditor`".to_owned(),
        Reason::Global => "held on every app and data source".to_owned(),
        Reason::Entity => "this entity is given with all four actions".to_owned(),
        Reason::Role(Role::User) => "by the role `user`".to_owned(),
        Reason::Relation(_) => "by being its owner or maintainer".to_owned(),
        Reason::Job => "background work".to_owned(),
        Reason::ApprovedRequest => "by an approved request".to_owned(),
        Reason::Task => "by a task".to_owned(),
        Reason::Recovery => "by a recovery on the machine".to_owned(),
        Reason::Own | Reason::FirstStart | Reason::SignUp => "the person's own affair".to_owned(),
    });
    wire::EffectivePermission { action: action(&effective.action), is_allowed: why.is_some(), why }
}
