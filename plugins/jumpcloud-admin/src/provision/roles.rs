//! Granting and revoking a role: read the administrator's roles, write them back changed, read again.
//!
//! JumpCloud has no call for one role, so somebody else's change between our read and our write would
//! be lost: what was lost is reported, never hidden. Organizations without several roles an
//! administrator ignore `roles`; there a grant replaces the role, if the connection allows it.

use grantry_sdk::provision::{Effects, GrantRequest, Outcome, RevokeRequest};
use grantry_sdk::types::{Assignment, Error, ObjectRef, Result};
use serde_json::json;

use crate::administrator::{Administrator, entitlement_id};
use crate::client::Client;
use crate::manifest::{ADMINISTRATOR, ROLE};

/// What a grant or revocation changes.
#[derive(Clone, Copy, Debug)]
pub struct Change<'a> {
    role: &'a ObjectRef,
    /// The administrator.
    pub holder: &'a ObjectRef,
}

impl<'a> Change<'a> {
    /// Of a grant.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] unless it gives a role to an administrator.
    pub fn grant(request: &'a GrantRequest) -> Result<Self> {
        Self::new(&request.entitlement, &request.on, &request.holder)
    }

    /// Of a revocation.
    ///
    /// # Errors
    /// As [`Change::grant`].
    pub fn revoke(request: &'a RevokeRequest) -> Result<Self> {
        Self::new(&request.entitlement, &request.on, &request.holder)
    }

    fn new(entitlement: &str, role: &'a ObjectRef, holder: &'a ObjectRef) -> Result<Self> {
        if role.kind != ROLE || entitlement != entitlement_id(&role.id) {
            let message = format!("`{entitlement}` is not the role `{}`", role.id);
            return Err(Error::invalid_input("/entitlement", "unknown_entitlement", message));
        }
        if holder.kind != ADMINISTRATOR {
            let message = format!("a `{}` cannot have a role", holder.kind);
            return Err(Error::invalid_input("/holder", "unknown_kind", message));
        }
        Ok(Self { role, holder })
    }

    fn read(&self, client: &Client<'_>) -> Result<Administrator> {
        let found = client.administrator(&self.holder.id)?;
        found.ok_or_else(|| Error::NotFound(Some(self.holder.clone())))
    }

    /// The administrator after a write that JumpCloud accepted.
    fn read_back(&self, client: &Client<'_>) -> Result<Administrator> {
        self.read(client).map_err(|_| {
            Error::OutcomeUnknown("JumpCloud accepted it, but it cannot be read back".into())
        })
    }

    /// The roles of `before` that are gone `after`, but for those that were to go.
    fn lost(&self, before: &Administrator, after: &Administrator) -> Vec<Assignment> {
        let gone = before.role_ids().into_iter().filter(|role| !after.holds(role));
        let gone = gone.filter(|role| *role != self.role.id);
        gone.map(|role| Assignment::new(entitlement_id(role), self.holder.clone())).collect()
    }
}

/// Whether the role is held. Nobody holds what is not there.
///
/// # Errors
/// As JumpCloud says.
pub fn is_held(client: &Client<'_>, change: &Change<'_>) -> Result<bool> {
    let found = client.administrator(&change.holder.id)?;
    Ok(found.is_some_and(|administrator| administrator.holds(&change.role.id)))
}

/// Adds the role.
///
/// # Errors
/// [`Error::PreconditionFailed`] where it would replace another and must not.
pub fn grant(client: &Client<'_>, change: &Change<'_>) -> Result<Outcome> {
    let before = change.read(client)?;
    if before.holds(&change.role.id) {
        return Ok(Outcome::Already(Effects::none()));
    }
    let Some(role) = client.role(&change.role.id)? else {
        return Err(Error::NotFound(Some(change.role.clone())));
    };
    let mut roles = before.role_ids();
    roles.push(&role.id);
    client.change(&before.id, &json!({ "roles": roles }))?;
    let after = change.read_back(client)?;
    if after.holds(&role.id) {
        let also_revoked = change.lost(&before, &after);
        return Ok(Outcome::Done(Effects { also_revoked, ..Effects::none() }));
    }
    if !before.role_ids().is_empty() && !client.connection.may_replace_role {
        return Err(Error::PreconditionFailed(
            "this organization gives an administrator one role at a time: revoke that one first, or set `may_replace_role`"
                .into(),
        ));
    }
    client.change(&before.id, &json!({ "roleName": role.name }))?;
    let after = change.read_back(client)?;
    match after.holds(&role.id) {
        true => {
            let replaced = change.lost(&before, &after);
            Ok(Outcome::Done(Effects { replaced, ..Effects::none() }))
        }
        false => Err(ignored()),
    }
}

/// Takes the role away.
///
/// # Errors
/// [`Error::PreconditionFailed`] if it is the only one: JumpCloud has no administrators without.
pub fn revoke(client: &Client<'_>, change: &Change<'_>) -> Result<Outcome> {
    let Some(before) = client.administrator(&change.holder.id)? else {
        return Ok(Outcome::Already(Effects::none()));
    };
    if !before.holds(&change.role.id) {
        return Ok(Outcome::Already(Effects::none()));
    }
    let mut roles = before.role_ids();
    roles.retain(|role| *role != change.role.id);
    if roles.is_empty() {
        return Err(Error::PreconditionFailed(
            "it is the administrator's only role: grant another one first, or delete the administrator"
                .into(),
        ));
    }
    client.change(&before.id, &json!({ "roles": roles }))?;
    let after = change.read_back(client)?;
    if after.holds(&change.role.id) {
        return Err(ignored());
    }
    let also_revoked = change.lost(&before, &after);
    Ok(Outcome::Done(Effects { also_revoked, ..Effects::none() }))
}

fn ignored() -> Error {
    Error::OutcomeUnknown("JumpCloud accepted it, but shows the roles as they were".into())
}
