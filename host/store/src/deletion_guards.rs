//! The deletion guards of integrations; one without a row has the default (CAT-6).

use grantry_authz::{Permit, actions};
use grantry_model::deletion_guard::DeletionGuard;
use grantry_model::ids::IntegrationId;

use crate::db::{Db, Tx, args};
use crate::{Result, StoreError, statements};

statements! {
    GET = "SELECT guard, version FROM deletion_guards WHERE integration_id = $1";
    INSERT = "INSERT INTO deletion_guards (integration_id, guard, version) VALUES ($1, $2, 2) ON CONFLICT (integration_id) DO NOTHING";
    UPDATE = "UPDATE deletion_guards SET guard = $2, version = version + 1 WHERE integration_id = $1 AND version = $3";
}

impl Db {
    /// An integration's guard with its version, which is 1 until somebody changes it.
    pub async fn deletion_guard(&self, id: &IntegrationId) -> Result<(DeletionGuard, i64)> {
        match self.fetch_one(GET, args![id.as_str()]).await? {
            Some(row) => Ok((row.json(0, "deletion guard")?, row.int(1)?)),
            None => Ok((DeletionGuard::default(), 1)),
        }
    }
}

impl Tx {
    /// Changes a guard that is still at that version.
    pub async fn set_deletion_guard(
        &mut self,
        _: &Permit<actions::IntegrationWrite>,
        id: &IntegrationId,
        version: i64,
        guard: &DeletionGuard,
    ) -> Result<()> {
        let what = "deletion guard";
        let text = serde_json::to_string(guard)
            .map_err(|error| StoreError::Corrupt { what, reason: error.to_string() })?;
        let written = match version {
            1 => self.execute(INSERT, args![id.as_str(), &text]).await?,
            _ => self.execute(UPDATE, args![id.as_str(), &text, version]).await?,
        };
        if written == 1 { Ok(()) } else { Err(StoreError::VersionConflict { what }) }
    }
}
