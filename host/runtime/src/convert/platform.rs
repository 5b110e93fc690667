//! `platform`: Grantry's directory as a plugin sees it.

use grantry_model::permission::{Action, Entity};
use grantry_model::platform as model;

use super::all;
use crate::bindings::grantry::plugin::platform as wit;
use crate::bindings::grantry::plugin::types::PlatformAction;

pub(crate) fn to_action(from: Action) -> PlatformAction {
    match from {
        Action::AppAndRoleRead => PlatformAction::AppAndRoleRead,
        Action::CsvAppUserUpload => PlatformAction::CsvAppUserUpload,
        Action::DataSourceUsersUpdate => PlatformAction::DataSourceUsersUpdate,
        Action::AppMembershipWrite => PlatformAction::AppMembershipWrite,
    }
}

fn to_entity(from: Entity) -> wit::Entity {
    match from {
        Entity::App(id) => wit::Entity::App(id.into()),
        Entity::DataSource(id) => wit::Entity::DataSource(id.into()),
    }
}

pub(crate) fn to_platform_error(from: model::PlatformError) -> wit::PlatformError {
    match from {
        model::PlatformError::Denied { action, entity } => {
            let denial = wit::Denial { action: to_action(action), entity: entity.map(to_entity) };
            wit::PlatformError::Denied(denial)
        }
        model::PlatformError::NotFound => wit::PlatformError::NotFound,
        model::PlatformError::Invalid(fields) => {
            let field = |(path, message)| wit::InvalidField { path, message };
            wit::PlatformError::Invalid(all(fields, field))
        }
        model::PlatformError::Conflict(text) => wit::PlatformError::Conflict(text),
        model::PlatformError::QuotaExceeded(text) => wit::PlatformError::QuotaExceeded(text),
        model::PlatformError::Unavailable(text) => wit::PlatformError::Unavailable(text),
    }
}

pub(crate) fn to_app_page(from: model::PlatformPage<model::PlatformApp>) -> wit::AppPage {
    let app = |app: model::PlatformApp| wit::App { id: app.id, name: app.name, roles: app.roles };
    wit::AppPage { items: all(from.items, app), next: from.next }
}

pub(crate) fn to_role_page(from: model::PlatformPage<model::PlatformRole>) -> wit::RolePage {
    let role = |role: model::PlatformRole| wit::Role {
        id: role.id,
        name: role.name,
        is_requestable: role.is_requestable,
    };
    wit::RolePage { items: all(from.items, role), next: from.next }
}

pub(crate) fn to_data_source_page(
    from: model::PlatformPage<model::PlatformDataSource>,
) -> wit::DataSourcePage {
    let source = |source: model::PlatformDataSource| wit::DataSource {
        id: source.id,
        name: source.name,
        identities: source.identities,
    };
    wit::DataSourcePage { items: all(from.items, source), next: from.next }
}

pub(crate) fn to_diff(from: model::PlatformDiff) -> wit::UploadDiff {
    wit::UploadDiff {
        hash: from.hash,
        before: from.before,
        added: from.added,
        changed: from.changed,
        removed: from.removed,
        is_empty: from.is_empty,
        is_mass_removal: from.is_mass_removal,
    }
}

/// Whose list, and the action that changing it takes.
pub(crate) fn list_of(from: wit::Entity) -> (model::ListOf, Action) {
    match from {
        wit::Entity::App(id) => (model::ListOf::App(id), Action::CsvAppUserUpload),
        wit::Entity::DataSource(id) => {
            (model::ListOf::DataSource(id), Action::DataSourceUsersUpdate)
        }
    }
}

pub(crate) fn to_membership(from: model::PlatformMembership) -> wit::Membership {
    wit::Membership {
        id: from.id,
        app: from.app,
        role: from.role,
        account: from.account,
        starts_ms: from.starts_ms,
        ends_ms: from.ends_ms,
        status: from.status,
    }
}
