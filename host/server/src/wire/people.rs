//! People and their roles.

use grantry_api::people as wire;
use grantry_authz::Role;
use grantry_engine::{Person, PersonChange, PersonIdentity, PersonInput};
use grantry_model::ids::IssuerId;

use crate::problem::Problem;

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
        sign_in_mail: person.expected_mail.clone(),
        mail: person.mail.clone(),
        signed_in_ms: person.signed_in.map(|at| at.0),
        created_ms: record.created.0,
    }
}

/// A change, from the wire.
pub(crate) fn read_change(change: wire::UpdatePerson) -> PersonChange {
    let wire::UpdatePerson { role, is_disabled, mail } = change;
    PersonChange { role: role.map(read_role), is_disabled, mail }
}

/// A person to be added, from the wire.
pub(crate) fn read_create(new: wire::CreatePerson) -> Result<PersonInput, Problem> {
    let unknown = |_| Problem::field("/issuer_id", "unknown_issuer", "is not the id of an issuer");
    let identity = match (new.subject, new.sign_in_mail) {
        (Some(subject), None) => PersonIdentity::Subject(subject),
        (None, Some(mail)) => PersonIdentity::ExpectedMail(mail),
        (Some(_), Some(_)) | (None, None) => {
            let message = "send either `subject` or `sign_in_mail`";
            return Err(Problem::field("/subject", "one_of", message));
        }
    };
    Ok(PersonInput {
        name: new.name,
        issuer_id: IssuerId::parse(&new.issuer_id).map_err(unknown)?,
        identity,
        role: new.role.map_or(Role::User, read_role),
        mail: new.mail,
    })
}
