//! Grantry's own directory, for what the integration's principal may do.

pub use crate::bindings::grantry::plugin::platform::{
    App, AppPage, Denial, Entity, InvalidField, Membership, PlatformError, Role, RolePage,
    delete_membership, extend_membership, grant_membership, list_apps, list_roles,
    renew_membership,
};
