//! How the access to single entitlements is made true, by an admin's word (PRV-1, PRV-3); what has no
//! row follows the integration's settings.

use grantry_authz::{Permit, actions};
use grantry_model::ids::{EntitlementId, IntegrationId};
use grantry_model::method::Method;

use crate::db::{Db, Row, Tx, args};
use crate::{Result, StoreError, statements};

statements! {
    GET = "SELECT method, version FROM entitlement_methods WHERE entitlement_id = $1";
    INSERT = "INSERT INTO entitlement_methods (entitlement_id, integration_id, method, version) VALUES ($1, $2, $3, 2) ON CONFLICT (entitlement_id) DO NOTHING";
    UPDATE = "UPDATE entitlement_methods SET method = $3, version = version + 1 WHERE entitlement_id = $1 AND integration_id = $2 AND version = $4";
}

fn said(row: Option<Row>) -> Result<(Option<Method>, i64)> {
    let Some(row) = row else { return Ok((None, 1)) };
    let parse = |_| row.parsed(0, "method", Method::parse);
    Ok((row.text_or_null(0)?.map(parse).transpose()?, row.int(1)?))
}

impl Db {
    /// What an admin says of an entitlement, with its version, which is 1 until somebody says
    /// something.
    pub async fn entitlement_method(&self, id: &EntitlementId) -> Result<(Option<Method>, i64)> {
        said(self.fetch_one(GET, args![id.as_str()]).await?)
    }
}

impl Tx {
    /// The same as this transaction sees it.
    pub async fn entitlement_method(&mut self, id: &EntitlementId) -> Result<Option<Method>> {
        Ok(said(self.fetch_one(GET, args![id.as_str()]).await?)?.0)
    }

    /// Changes a word that is still at that version.
    pub async fn set_entitlement_method(
        &mut self,
        _: &Permit<actions::IntegrationWrite>,
        integration: &IntegrationId,
        id: &EntitlementId,
        version: i64,
        method: Option<Method>,
    ) -> Result<()> {
        let (of, name) = (integration.as_str(), method.map(Method::name));
        let written = match version {
            1 => self.execute(INSERT, args![id.as_str(), of, name]).await?,
            _ => self.execute(UPDATE, args![id.as_str(), of, name, version]).await?,
        };
        let what = "provisioning";
        if written == 1 { Ok(()) } else { Err(StoreError::VersionConflict { what }) }
    }
}
