//! People and their roles.

use grantry_api::people as wire;
use grantry_authz::Role;
use grantry_engine::{Person, PersonChange};

/// A role.
pub(crate) fn role(role: Role) -> wire::Role {
    match role {
        Role::Admin => wire::Role::Admin,
        Role::Auditor => wire::Role::Auditor,
        Role::User => wire::Role::User,
    }
}

/// A role, from the wire.
pub(crate) fn read_role(role: wire::Role) -> Role {
    match role {
        wire::Role::Admin => Role::Admin,
        wire::Role::Auditor => Role::Auditor,
        wire::Role::User => Role::User,
    }
}

/// A person.
pub(crate) fn person(person: &Person) -> wire::Person {
    let record = &person.record;
    wire::Person {
        id: record.principal.id.to_string(),
        name: record.principal.name.clone(),
        user_name: person.user_name.clone(),
        role: record.role.map(role),
        is_disabled: record.is_disabled,
        issuer_id: person.issuer_id.as_ref().map(ToString::to_string),
        subject: person.subject.clone(),
        signed_in_ms: person.signed_in.map(|at| at.0),
        created_ms: record.created.0,
    }
}

/// A change, from the wire.
pub(crate) fn read_change(change: &wire::UpdatePerson) -> PersonChange {
    PersonChange { role: change.role.map(read_role), is_disabled: change.is_disabled }
}
