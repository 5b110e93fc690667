//! Encrypts a credential that the target issued, so that its plain bytes leave the call at once.

use crate::bindings::grantry::plugin::seal;
pub use crate::bindings::grantry::plugin::seal::SealError;
use crate::types::{Backoff, Error, Result, Sealed};

/// One ciphertext for each recipient (`operation-context.recipients`).
///
/// # Errors
/// An unknown recipient is [`Error::InvalidInput`].
pub fn to(
    recipients: &[String],
    name: &str,
    media_type: &str,
    plain: &[u8],
) -> Result<Vec<Sealed>> {
    seal::seal(name, media_type, plain, recipients).map_err(|error| match error {
        SealError::UnknownRecipient(who) => {
            let message = format!("`{who}` has no key to seal to");
            Error::invalid_input("/recipients", "unknown_recipient", message)
        }
        SealError::TooLarge => Error::BadData("the issued credential is too large".into()),
        SealError::Unavailable => Error::Unavailable(Backoff::unknown()),
    })
}
