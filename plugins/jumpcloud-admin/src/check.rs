//! Whether the connection works, in words for the admin.

use grantry_sdk::lifecycle::{ConnectionReport, TestDepth};
use grantry_sdk::types::{Error, Result};

use crate::client::Client;
use crate::manifest::{self, ADMINISTRATOR};

/// Asks for one administrator and one role.
///
/// # Errors
/// What is wrong with the address or the key.
pub fn test_connection(client: &Client<'_>, depth: TestDepth) -> Result<ConnectionReport> {
    let mut report = ConnectionReport::of(Vec::new());
    if depth == TestDepth::WriteProbe {
        report.warnings.push("writes were not probed: they are read back one by one".into());
    }
    for kind in manifest::kinds() {
        let (read, scope) = match kind.kind == ADMINISTRATOR {
            true => {
                (client.administrators(0, 1).map(|listed| listed.results.len()), "administrators")
            }
            false => (client.roles(0, 1).map(|listed| listed.results.len()), "roles"),
        };
        match read {
            // Whoever asks is an administrator with a role.
            Ok(0) => report
                .warnings
                .push(format!("JumpCloud lists no {scope}: is `organization` the right one?")),
            Ok(_) => report.effective.push(kind),
            Err(Error::PermissionDenied(_)) => report.missing_permissions.push(scope.into()),
            Err(error) => return Err(error),
        }
    }
    Ok(report)
}
