//! Tries the forms of one write until one of them is seen to have worked.

use grantry_sdk::types::{Backoff, Error, Result};
use serde_json::{Map, Value};

use crate::client::{Client, Written};

/// How often a full replacement is tried again after somebody else was faster.
const REPLACE_TRIES_MAX: usize = 3;

/// The form of a write, from the smallest to the largest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Form {
    /// `PATCH` with a path (RFC 7644 section 3.5.2).
    PatchPath,
    /// `PATCH` whose value is an object; for servers that fail on paths.
    PatchValue,
    /// Read, modify, `PUT` with `If-Match`; for servers without `PATCH`.
    Replace,
}

/// The forms that are worth trying.
pub fn worth_trying(has_patch: bool, forms: &[Form]) -> Vec<Form> {
    forms.iter().copied().filter(|form| has_patch || *form == Form::Replace).collect()
}

/// Tries each form until what is wanted `holds`.
///
/// # Errors
/// [`Error::OutcomeUnknown`] if a write was accepted, or may have arrived, and does not show; else
/// the most telling refusal.
pub fn try_each(
    forms: &[Form],
    mut attempt: impl FnMut(Form) -> Result<Written>,
    mut holds: impl FnMut() -> Result<bool>,
) -> Result<()> {
    let mut worst = Error::Unsupported("the server offers no way to do this".into());
    for form in forms {
        let refusal = match attempt(*form)? {
            Written::Accepted(_) => match holds() {
                Ok(true) => return Ok(()),
                Ok(false) => {
                    Error::OutcomeUnknown("the server accepted it, but it does not show".into())
                }
                Err(_) => return Err(unread("the server accepted it")),
            },
            // The same for everybody who asks in this form, but it may have done it all the same.
            Written::Failed(_) => match holds() {
                Ok(true) => return Ok(()),
                Ok(false) => Error::Unavailable(Backoff::unknown()),
                Err(_) => return Err(unread("the server failed")),
            },
            Written::Unclear(error) => {
                return if matches!(holds(), Ok(true)) { Ok(()) } else { Err(error) };
            }
            Written::Refused(error) => error,
            Written::Outdated => {
                return Err(Error::PreconditionFailed(
                    "it kept changing while it was written".into(),
                ));
            }
            Written::Stopped(error) => return Err(error),
        };
        if weight(&refusal) >= weight(&worst) {
            worst = refusal;
        }
    }
    // A conflict may mean that it is already so.
    if matches!(worst, Error::AlreadyExists(_)) && matches!(holds(), Ok(true)) {
        return Ok(());
    }
    Err(worst)
}

fn unread(what: &str) -> Error {
    Error::OutcomeUnknown(format!("{what}, and it could not be read back"))
}

/// How much a refusal tells: what may have happened first, then what the admin can mend.
fn weight(error: &Error) -> u8 {
    match error {
        Error::OutcomeUnknown(_) => 6,
        Error::PermissionDenied(_) => 5,
        Error::AlreadyExists(_) => 4,
        Error::InvalidInput(_) => 3,
        Error::Unavailable(_) => 2,
        Error::NotFound(_) => 1,
        _ => 0,
    }
}

/// Reads a resource, edits it and writes it back whole, on the condition that it is still the same.
///
/// # Errors
/// As the server says; whatever `edit` refuses.
pub fn replace(
    client: &Client<'_>,
    path: &str,
    mut edit: impl FnMut(&mut Map<String, Value>) -> Result<()>,
) -> Result<Written> {
    for _ in 0..REPLACE_TRIES_MAX {
        let Some(reply) = client.resource(path)? else {
            return Ok(Written::Refused(Error::NotFound(None)));
        };
        let Value::Object(mut resource) = reply.body else {
            return Err(Error::BadData("the server answered a read without a resource".into()));
        };
        // It is the server's, and out of date after the write.
        resource.retain(|key, _| !key.eq_ignore_ascii_case("meta"));
        if let Err(refusal) = edit(&mut resource) {
            return Ok(Written::Refused(refusal));
        }
        let body = Value::Object(resource);
        match client.write("PUT", path, Some(&body), reply.etag.as_deref())? {
            Written::Outdated => {}
            written => return Ok(written),
        }
    }
    Ok(Written::Outdated)
}

/// A `PATCH` body (RFC 7644 section 3.5.2).
pub fn patch_body(operations: Vec<Value>) -> Value {
    serde_json::json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": operations
    })
}
