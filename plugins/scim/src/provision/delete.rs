//! Deletion, hard (`DELETE`) or soft (`active` becomes false).

use grantry_sdk::provision::{DeleteMode, DeleteRequest, Effects, Outcome, Verification};
use grantry_sdk::types::{Error, Result};

use super::account;
use crate::aggregate::collection;
use crate::client::{Client, Written, path_of};
use crate::resource::active;

/// Deletes an object. Where the server offers no `DELETE` and the mode leaves it open, an account is
/// disabled instead.
///
/// # Errors
/// [`Error::NotFound`] if there is none at the first attempt.
pub fn apply(client: &Client<'_>, request: &DeleteRequest, attempt: u32) -> Result<Outcome> {
    let about = &request.about;
    if request.mode == DeleteMode::Soft {
        return account::set_active(client, about, false);
    }
    let path = path_of(collection(&about.kind)?, &about.id);
    match client.write("DELETE", &path, None, None)? {
        Written::Accepted(_) => match is_gone(client, request) {
            Ok(Some(true)) => Ok(Outcome::Done(Effects::none())),
            _ => Err(Error::OutcomeUnknown(
                "the server accepted it, but the object is still there".into(),
            )),
        },
        Written::Refused(Error::NotFound(_)) if attempt > 1 => {
            Ok(Outcome::Already(Effects::none()))
        }
        Written::Refused(Error::NotFound(_)) => Err(Error::NotFound(Some(about.clone()))),
        Written::Refused(Error::Unsupported(_))
            if request.mode == DeleteMode::TenantDefault && about.kind == "User" =>
        {
            account::set_active(client, about, false)
        }
        Written::Refused(Error::PermissionDenied(_)) => {
            Err(Error::PermissionDenied(vec![format!("delete a `{}`", about.kind)]))
        }
        Written::Refused(error) | Written::Stopped(error) => Err(error),
        Written::Failed(error) | Written::Unclear(error) => match is_gone(client, request) {
            Ok(Some(true)) => Ok(Outcome::Done(Effects::none())),
            _ => Err(error),
        },
        Written::Outdated => Err(Error::PreconditionFailed("the object changed in between".into())),
    }
}

/// Whether it is gone.
///
/// # Errors
/// As the server says.
pub fn verify(client: &Client<'_>, request: &DeleteRequest) -> Result<Verification> {
    if request.mode == DeleteMode::Soft {
        return account::verify_active(client, &request.about, false);
    }
    Ok(match is_gone(client, request)? {
        Some(true) => Verification::Holds,
        Some(false) => Verification::Absent,
        None => Verification::CannotTell("the account is still there, disabled".into()),
    })
}

/// Gone, or disabled where the server makes that of a `DELETE`; `None` if a hard deletion only
/// disabled it.
fn is_gone(client: &Client<'_>, request: &DeleteRequest) -> Result<Option<bool>> {
    let about = &request.about;
    let Some(reply) = client.resource(&path_of(collection(&about.kind)?, &about.id))? else {
        return Ok(Some(true));
    };
    let is_disabled = about.kind == "User" && active(&reply.body) == Some(false);
    Ok(match (is_disabled, request.mode) {
        (true, DeleteMode::Hard) => None,
        (is_disabled, _) => Some(is_disabled),
    })
}
