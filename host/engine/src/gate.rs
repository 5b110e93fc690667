//! The provisioning gate at work: the one place that makes licences to write (ADR 8).
//!
//! The rule is pure and in `model::gate`. Here it gets the settings as they are stored at the moment
//! of the attempt; every attempt, of whatever origin, comes through here.

use grantry_model::gate::{AdmittedTest, Closed, Licence, admit, admit_test};
use grantry_model::ids::{EntitlementId, IntegrationId};
use grantry_model::method::Method;
use grantry_model::plugin::TestDepth;
use grantry_model::provision::Operation;
use grantry_model::settings::Settings;
use grantry_store::{Integration, Tx};

use crate::{EngineError, Result};

/// Asks for one attempt at an operation, in the transaction that counts the attempt: a setting that
/// was committed before it is followed.
pub(crate) async fn licence(
    tx: &mut Tx,
    integration: &IntegrationId,
    role: &EntitlementId,
    operation: &Operation,
) -> Result<std::result::Result<Licence, Closed>> {
    let settings = tx.settings(integration).await?;
    let own = tx.entitlement_method(role).await?;
    let licence = admit(integration, &settings, own, operation.clone());
    let is_asked = licence.as_ref().is_ok_and(|licence| wants_desk(&settings, licence.method()));
    if is_asked && tx.ticket_desk(integration).await?.is_none() {
        return Ok(Err(Closed::ReadOnly));
    }
    Ok(licence)
}

/// Whether a person is asked unless there is a desk, as of every integration that is read-only.
pub(crate) fn wants_desk(settings: &Settings, method: Method) -> bool {
    settings.is_read_only && method == Method::Ticket
}

/// Asks for one test of a saved integration's connection.
pub(crate) fn test(integration: &Integration, depth: TestDepth) -> Result<AdmittedTest> {
    admit_test(&integration.settings, depth).map_err(EngineError::GateClosed)
}

/// Asks for one test of a connection that is not saved, so that no settings speak against it.
pub(crate) fn unsaved_test(depth: TestDepth) -> Result<AdmittedTest> {
    admit_test(&grantry_model::settings::Settings::default(), depth)
        .map_err(EngineError::GateClosed)
}
