//! Grantry's own directory, for what the integration's principal may do.

pub use crate::bindings::grantry::plugin::platform::{
    App, AppPage, DataSource, DataSourcePage, Denial, Entity, InvalidField, Membership,
    PlatformError, Role, RolePage, UploadDiff, append_upload, apply_upload, begin_upload,
    delete_membership, extend_membership, grant_membership, list_apps, list_data_sources,
    list_roles, preview_upload, renew_membership,
};
pub use crate::bindings::grantry::plugin::types::PlatformAction;

/// Most bytes of one piece of an upload.
pub const PIECE_BYTES_MAX: usize = 1024 * 1024;

/// Sends a whole list and compares it; answers the upload's id with what it would change.
///
/// # Errors
/// What any of the calls answers: the file's own errors are [`PlatformError::Invalid`].
pub fn upload(of: &Entity, file: &[u8]) -> Result<(String, UploadDiff), PlatformError> {
    let id = begin_upload(of)?;
    let mut begins = 0;
    for piece in file.chunks(PIECE_BYTES_MAX) {
        begins = append_upload(of, &id, begins, piece)?;
    }
    let diff = preview_upload(of, &id)?;
    Ok((id, diff))
}
