//! `grantry admin recover`: whoever operates the machine lets an admin in again.
//!
//! There is no way here from outside: it takes the database, as everything that such a person does.

use grantry_authz::{Permit, Role};
use grantry_model::ids::PrincipalId;
use grantry_model::permission::{Principal, PrincipalKind};
use grantry_model::secret::Secret;
use grantry_store::{Db, NewPrincipal};

use crate::authentication::token_text;
use crate::{EngineError, Result};

/// An admin who can sign in again.
pub struct Recovered {
    /// Who.
    pub principal: Principal,
    /// A fresh token without an end. It is told once and not stored.
    pub token: Secret,
}

/// Makes a person an admin, not disabled, with a fresh token: the given one, or the admin of the first
/// start, who is made anew where there is none.
pub async fn recover_admin(db: &Db, person: Option<&PrincipalId>) -> Result<Recovered> {
    let found = match person {
        None => db.local_admin().await?,
        Some(id) => {
            let found = db.person(id).await?.ok_or(EngineError::NotFound { what: "person" })?;
            Some(found.record)
        }
    };
    let principal = match &found {
        Some(found) => found.principal.clone(),
        None => Principal {
            id: PrincipalId::fresh(db.clock(), db.random()),
            kind: PrincipalKind::Person,
            name: "Local admin".to_owned(),
        },
    };
    let admin = NewPrincipal {
        id: principal.id.clone(),
        kind: principal.kind,
        name: principal.name.clone(),
        description: "Made by `grantry admin recover`".to_owned(),
        role: Some(Role::Admin),
    };
    let permit = Permit::for_recovery(&principal, "recovery");
    let (record, token) = token_text(db, &principal.id, None);
    db.recover_admin(&permit, &admin, found.as_ref(), &record).await?;
    Ok(Recovered { principal, token })
}
