//! Integrations with their sealed secrets.

pub mod deletion;

use grantry_authz::{Permit, actions};
use grantry_model::approval::Approval;
use grantry_model::clock::UnixMs;
use grantry_model::ids::{AppId, IntegrationId, PluginId, PrincipalId};
use grantry_model::settings::Settings;
use serde::{Deserialize, Serialize};

use crate::db::{Db, Row, Tx, args, json};
use crate::{Result, StoreError, statements};

/// A stored integration.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Integration {
    pub id: IntegrationId,
    pub name: String,
    pub description: String,
    pub plugin_id: PluginId,
    pub app_id: AppId,
    /// Whose permissions the plugin acts with.
    pub principal_id: PrincipalId,
    /// JSON without the secret fields.
    pub connection: String,
    pub approval: Approval,
    /// Grows with every change of plugin, connection, secrets or approval.
    pub policy_version: i64,
    /// Since when the plugin is not run any more, because it misbehaved.
    pub quarantined: Option<UnixMs>,
    pub created: UnixMs,
    pub version: i64,
    /// The person who administers it.
    pub owner: Option<PrincipalId>,
    pub settings: Settings,
    pub previous: Option<PreviousVersion>,
}

/// The plugin version that an integration ran before, with what it was allowed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct PreviousVersion {
    pub plugin_id: PluginId,
    pub approval: Approval,
}

/// An integration to be created, with its secrets already sealed.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the names say it")]
pub struct NewIntegration {
    pub id: IntegrationId,
    pub name: String,
    pub description: String,
    pub plugin_id: PluginId,
    pub app_id: AppId,
    pub principal_id: PrincipalId,
    pub connection: String,
    pub approval: Approval,
    pub owner: Option<PrincipalId>,
    pub settings: Settings,
}

statements! {
    INSERT = "INSERT INTO integrations (id, name, description, plugin_id, app_id, principal_id, connection, approval, policy_version, quarantined_ms, created_ms, version, owner_id, settings) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 1, NULL, $9, 1, $10, $11)";
    GET = "SELECT id, name, description, plugin_id, app_id, principal_id, connection, approval, policy_version, quarantined_ms, created_ms, version, owner_id, settings, previous FROM integrations WHERE id = $1";
    GET_BY_APP = "SELECT id, name, description, plugin_id, app_id, principal_id, connection, approval, policy_version, quarantined_ms, created_ms, version, owner_id, settings, previous FROM integrations WHERE app_id = $1";
    LIST = "SELECT id, name, description, plugin_id, app_id, principal_id, connection, approval, policy_version, quarantined_ms, created_ms, version, owner_id, settings, previous FROM integrations WHERE id > $1 ORDER BY id LIMIT $2";
    UPDATE = "UPDATE integrations SET name = $3, description = $4, connection = $5, approval = $6, owner_id = $7, settings = $8, policy_version = policy_version + $9, version = version + 1 WHERE id = $1 AND version = $2";
    MOVE = "UPDATE integrations SET plugin_id = $3, connection = $4, approval = $5, previous = $6, policy_version = policy_version + 1, version = version + 1 WHERE id = $1 AND version = $2";
    SETTINGS = "SELECT settings FROM integrations WHERE id = $1";
    QUARANTINE = "UPDATE integrations SET quarantined_ms = $2, policy_version = policy_version + 1, version = version + 1 WHERE id = $1 AND quarantined_ms IS NULL";
    RELEASE = "UPDATE integrations SET quarantined_ms = NULL, policy_version = policy_version + 1, version = version + 1 WHERE id = $1";
    SET_SECRET = "INSERT INTO integration_secrets (integration_id, pointer, version, sealed) VALUES ($1, $2, $3, $4) ON CONFLICT (integration_id, pointer) DO UPDATE SET version = excluded.version, sealed = excluded.sealed";
    DELETE_SECRETS = "DELETE FROM integration_secrets WHERE integration_id = $1";
    SECRET = "SELECT s.version, s.sealed FROM integration_secrets s JOIN integrations i ON i.id = s.integration_id WHERE s.integration_id = $1 AND s.pointer = $2 AND i.policy_version = $3";
    SECRET_POINTERS = "SELECT pointer FROM integration_secrets WHERE integration_id = $1 ORDER BY pointer";
    ADD_FAULT = "INSERT INTO plugin_faults (integration_id, at_ms, code) VALUES ($1, $2, $3)";
    COUNT_FAULTS = "SELECT COUNT(*) FROM plugin_faults WHERE integration_id = $1 AND at_ms > $2";
    CLEAR_FAULTS = "DELETE FROM plugin_faults WHERE integration_id = $1";
}

fn integration(row: &Row) -> Result<Integration> {
    Ok(Integration {
        id: row.parsed(0, "integration id", |text| IntegrationId::parse(text).ok())?,
        name: row.text(1)?,
        description: row.text(2)?,
        plugin_id: row.parsed(3, "plugin id", |text| PluginId::parse(text).ok())?,
        app_id: row.parsed(4, "app id", |text| AppId::parse(text).ok())?,
        principal_id: row.parsed(5, "principal id", |text| PrincipalId::parse(text).ok())?,
        connection: row.text(6)?,
        approval: row.json(7, "approval")?,
        policy_version: row.int(8)?,
        quarantined: row.time_or_null(9)?,
        created: row.time(10)?,
        version: row.int(11)?,
        owner: match row.text_or_null(12)? {
            None => None,
            Some(_) => Some(row.parsed(12, "owner id", |text| PrincipalId::parse(text).ok())?),
        },
        settings: row.json(13, "settings")?,
        previous: match row.text_or_null(14)? {
            None => None,
            Some(_) => Some(row.json(14, "previous version")?),
        },
    })
}

impl Db {
    /// The integration with that id.
    pub async fn integration(&self, id: &IntegrationId) -> Result<Option<Integration>> {
        self.fetch_one(GET, args![id.as_str()]).await?.as_ref().map(integration).transpose()
    }

    /// The integration that feeds the app.
    pub async fn integration_of_app(&self, app: &AppId) -> Result<Option<Integration>> {
        let row = self.fetch_one(GET_BY_APP, args![app.as_str()]).await?;
        row.as_ref().map(integration).transpose()
    }

    /// Integrations after the given id, in order of their ids.
    pub async fn list_integrations(&self, after: &str, limit: u32) -> Result<Vec<Integration>> {
        self.fetch(LIST, args![after, limit]).await?.iter().map(integration).collect()
    }

    /// A sealed secret with its version, if the integration's policy is still at that version: a
    /// call that was begun before a change never gets the secret of another connection.
    pub async fn sealed_secret(
        &self,
        id: &IntegrationId,
        pointer: &str,
        policy_version: i64,
    ) -> Result<Option<(i64, Vec<u8>)>> {
        let row = self.fetch_one(SECRET, args![id.as_str(), pointer, policy_version]).await?;
        row.map(|row| Ok((row.int(0)?, row.blob(1)?))).transpose()
    }

    /// The places in the connection that have a stored secret.
    pub async fn secret_pointers(&self, id: &IntegrationId) -> Result<Vec<String>> {
        let rows = self.fetch(SECRET_POINTERS, args![id.as_str()]).await?;
        rows.iter().map(|row| row.text(0)).collect()
    }

    /// Takes note of a misbehaviour; returns how many there were since the given moment.
    pub async fn add_plugin_fault(
        &self,
        id: &IntegrationId,
        code: &str,
        since: UnixMs,
    ) -> Result<i64> {
        let mut tx = self.begin_housekeeping().await?;
        tx.execute(ADD_FAULT, args![id.as_str(), self.now(), code]).await?;
        let row = tx.fetch_one(COUNT_FAULTS, args![id.as_str(), since]).await?;
        let count = row.map_or(Ok(0), |row| row.int(0))?;
        tx.commit().await?;
        Ok(count)
    }
}

impl Tx {
    /// Creates an integration with its app.
    pub async fn create_integration(
        &mut self,
        _: &Permit<actions::IntegrationWrite>,
        new: &NewIntegration,
    ) -> Result<()> {
        let now = self.now();
        self.create_fed_app(&new.app_id, &new.name).await?;
        let approval = json("approval", &new.approval)?;
        let settings = json("settings", &new.settings)?;
        let args = args![
            new.id.as_str(),
            &new.name,
            &new.description,
            new.plugin_id.as_str(),
            new.app_id.as_str(),
            new.principal_id.as_str(),
            &new.connection,
            &approval,
            now,
            new.owner.as_ref().map(PrincipalId::as_str),
            &settings
        ];
        self.execute(INSERT, args).await.map(drop)
    }

    /// Changes an integration that is still at that version. A change of connection, secrets or
    /// approval takes the secrets from the calls under way; any other leaves them alone.
    pub async fn update_integration(
        &mut self,
        _: &Permit<actions::IntegrationWrite>,
        changed: &Integration,
        is_policy_changed: bool,
    ) -> Result<()> {
        let approval = json("approval", &changed.approval)?;
        let settings = json("settings", &changed.settings)?;
        let args = args![
            changed.id.as_str(),
            changed.version,
            &changed.name,
            &changed.description,
            &changed.connection,
            &approval,
            changed.owner.as_ref().map(PrincipalId::as_str),
            &settings,
            is_policy_changed
        ];
        match self.execute(UPDATE, args).await? {
            0 => Err(StoreError::VersionConflict { what: "integration" }),
            _ => Ok(()),
        }
    }

    /// Moves an integration that is still at that version to another plugin version.
    pub async fn move_integration(
        &mut self,
        _: &Permit<actions::IntegrationWrite>,
        moved: &Integration,
    ) -> Result<()> {
        let approval = json("approval", &moved.approval)?;
        let previous = json("previous version", &moved.previous)?;
        let args = args![
            moved.id.as_str(),
            moved.version,
            moved.plugin_id.as_str(),
            &moved.connection,
            &approval,
            &previous
        ];
        match self.execute(MOVE, args).await? {
            0 => Err(StoreError::VersionConflict { what: "integration" }),
            _ => Ok(()),
        }
    }

    /// The settings as this transaction sees them.
    pub async fn settings(&mut self, id: &IntegrationId) -> Result<Settings> {
        let row = self.fetch_one(SETTINGS, args![id.as_str()]).await?;
        row.ok_or(StoreError::NotFound { what: "integration" })?.json(0, "settings")
    }

    /// Stores a sealed secret.
    pub async fn set_secret(
        &mut self,
        _: &Permit<actions::IntegrationWrite>,
        id: &IntegrationId,
        pointer: &str,
        version: i64,
        sealed: &[u8],
    ) -> Result<()> {
        self.execute(SET_SECRET, args![id.as_str(), pointer, version, sealed]).await.map(drop)
    }

    /// Removes all secrets of an integration, before new ones are set.
    pub async fn clear_secrets(
        &mut self,
        _: &Permit<actions::IntegrationWrite>,
        id: &IntegrationId,
    ) -> Result<()> {
        self.execute(DELETE_SECRETS, args![id.as_str()]).await.map(drop)
    }

    /// Stops running an integration's plugin. False if somebody has stopped it already.
    pub async fn quarantine(&mut self, id: &IntegrationId) -> Result<bool> {
        let now = self.now();
        Ok(self.execute(QUARANTINE, args![id.as_str(), now]).await? == 1)
    }

    /// Runs an integration's plugin again.
    pub async fn release(
        &mut self,
        _: &Permit<actions::IntegrationWrite>,
        id: &IntegrationId,
    ) -> Result<()> {
        self.execute(RELEASE, args![id.as_str()]).await?;
        self.execute(CLEAR_FAULTS, args![id.as_str()]).await.map(drop)
    }
}
