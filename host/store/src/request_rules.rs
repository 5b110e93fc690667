//! What admins say of how single resources and entitlements are requested (INT-8, INT-12), by what the
//! catalogue keeps them under; what has no row follows the integration's settings.

use grantry_authz::{Permit, actions};
use grantry_model::ids::IntegrationId;
use grantry_model::request_rules::OwnRules;

use crate::db::{Db, HousekeepingTx, Tx, args};
use crate::{Result, StoreError, statements};

statements! {
    GET = "SELECT rules, version FROM request_rules WHERE integration_id = $1 AND subject_id = $2";
    INSERT = "INSERT INTO request_rules (subject_id, integration_id, rules, version) VALUES ($2, $1, $3, 2) ON CONFLICT (subject_id) DO NOTHING";
    FORGET = "DELETE FROM request_rules WHERE integration_id = $1";
    UPDATE = "UPDATE request_rules SET rules = $3, version = version + 1 WHERE integration_id = $1 AND subject_id = $2 AND version = $4";
}

impl Db {
    /// The own rules of a resource or entitlement, with their version, which is 1 until somebody says
    /// something.
    pub async fn request_rules(
        &self,
        source: &IntegrationId,
        subject: &str,
    ) -> Result<(OwnRules, i64)> {
        match self.fetch_one(GET, args![source.as_str(), subject]).await? {
            Some(row) => Ok((row.json(0, "request rules")?, row.int(1)?)),
            None => Ok((OwnRules::default(), 1)),
        }
    }
}

impl Tx {
    /// Changes rules that are still at that version.
    pub async fn set_request_rules(
        &mut self,
        _: &Permit<actions::ResourceWrite>,
        source: &IntegrationId,
        subject: &str,
        version: i64,
        rules: &OwnRules,
    ) -> Result<()> {
        let what = "request rules";
        let text = serde_json::to_string(rules)
            .map_err(|error| StoreError::Corrupt { what, reason: error.to_string() })?;
        let of = source.as_str();
        let written = match version {
            1 => self.execute(INSERT, args![of, subject, &text]).await?,
            _ => self.execute(UPDATE, args![of, subject, &text, version]).await?,
        };
        if written == 1 { Ok(()) } else { Err(StoreError::VersionConflict { what }) }
    }
}

/// Forgets what was said of the roles of an integration, or app, that goes.
pub(crate) async fn forget_source(tx: &mut HousekeepingTx, source: &str) -> Result<()> {
    tx.execute(FORGET, args![source]).await.map(drop)
}
