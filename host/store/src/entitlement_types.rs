//! Entitlement types: what connectors declare, what admins say, and which are deleted (CAT-1 to CAT-3).
//!
//! A deleted type keeps its row: its entitlements are frozen until it is made again, and no sync makes
//! it by itself.

use std::collections::HashSet;

use grantry_authz::{Permit, actions};
use grantry_model::clock::UnixMs;
use grantry_model::entitlement_types::{DeclaredType, EntitlementType, OwnType, in_force};
use grantry_model::fingerprint::Key;
use grantry_model::ids::{EntitlementTypeId, IntegrationId};

use crate::db::{Arg, Db, Row, Tx, args, json};
use crate::{Domain, Result, StoreError, statements};

/// Who made a type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TypeOrigin {
    /// The connector declares it.
    Connector,
    /// A sync met it.
    Sync,
    /// A person.
    Admin,
}

impl TypeOrigin {
    /// The origin's name on the wire and in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Connector => "connector",
            Self::Sync => "sync",
            Self::Admin => "admin",
        }
    }

    fn parse(name: &str) -> Option<Self> {
        [Self::Connector, Self::Sync, Self::Admin].into_iter().find(|origin| origin.name() == name)
    }
}

/// A stored type.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the columns of the table")]
pub struct StoredType {
    pub id: EntitlementTypeId,
    pub integration_id: IntegrationId,
    pub name: String,
    pub origin: TypeOrigin,
    pub declared: Option<DeclaredType>,
    pub own: OwnType,
    pub created: UnixMs,
    /// Since when its entitlements are frozen.
    pub deleted: Option<UnixMs>,
    pub version: i64,
    /// Living entitlements of the type.
    pub entitlements: u64,
}

impl StoredType {
    /// The type as it is in force.
    pub fn in_force(&self) -> EntitlementType {
        in_force(&self.name, self.declared.as_ref(), &self.own)
    }
}

/// An entitlement with all that its attributes are read from.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the columns of the table")]
pub struct EntitlementDetails {
    pub key: String,
    pub display: String,
    pub native_id: String,
    /// What it is known by; nothing for the native id.
    pub known_as: Option<String>,
    pub details: String,
    /// Of the resource.
    pub resource_details: Option<String>,
}

statements! {
    LIST = "SELECT t.id, t.integration_id, t.name, t.origin, t.declared, t.own, t.created_ms, t.deleted_ms, t.version, CAST(COALESCE(c.living, 0) AS BIGINT) FROM entitlement_types t \
        LEFT JOIN (SELECT kind, COUNT(*) AS living FROM entitlements WHERE integration_id = $1 AND removed_ms IS NULL GROUP BY kind) c ON c.kind = t.name WHERE t.integration_id = $1 ORDER BY t.id";
    INSERT = "INSERT INTO entitlement_types (id, integration_id, name, origin, declared, own, created_ms, deleted_ms, version) VALUES ($1, $2, $3, $4, $5, $6, $7, NULL, 1) ON CONFLICT (integration_id, name) DO NOTHING";
    DECLARE = "UPDATE entitlement_types SET declared = $3, version = version + 1 WHERE integration_id = $1 AND name = $2 AND declared IS DISTINCT FROM $3";
    SAY = "UPDATE entitlement_types SET own = $4, version = version + 1 WHERE id = $1 AND integration_id = $2 AND version = $3 AND deleted_ms IS NULL";
    DELETE = "UPDATE entitlement_types SET deleted_ms = $4, version = version + 1 WHERE id = $1 AND integration_id = $2 AND version = $3 AND deleted_ms IS NULL";
    RESTORE = "UPDATE entitlement_types SET deleted_ms = NULL, own = $4, version = version + 1 WHERE id = $1 AND integration_id = $2 AND version = $3 AND deleted_ms IS NOT NULL";
    KINDS_OF_KEYS = "SELECT id, kind FROM entitlements WHERE integration_id = $1 AND removed_ms IS NULL";
    FROZEN = "SELECT name FROM entitlement_types WHERE integration_id = $1 AND deleted_ms IS NOT NULL";
    SAID_OF_TYPES = "SELECT name, own, deleted_ms FROM entitlement_types WHERE integration_id = $1";
    KINDS_OF_TYPES = "SELECT DISTINCT e.kind, o.kind FROM entitlements e JOIN objects o ON o.id = e.resource_id WHERE e.integration_id = $1 AND e.removed_ms IS NULL";
    OBJECT_DETAILS = "SELECT details FROM objects WHERE id = $1 AND removed_ms IS NULL";
    DETAILS = "SELECT e.id, e.display, e.native_id, e.known_as, e.details, o.details FROM entitlements e LEFT JOIN objects o ON o.id = e.resource_id WHERE e.integration_id = $1 AND e.kind = $2 AND e.removed_ms IS NULL AND e.id > $3 ORDER BY e.id LIMIT $4";
    RE_KEY = "UPDATE entitlements SET known_as = $3, changed_ms = $4 WHERE id = $1 AND integration_id = $2";
    IDS_OF_TYPE = "SELECT id, COALESCE(known_as, native_id) FROM entitlements WHERE integration_id = $1 AND kind = $2 AND removed_ms IS NULL";
    OWN_WORDS = "SELECT own FROM entitlement_types WHERE integration_id = $1 AND name = $2";
}

/// Entitlements that are read at once.
const DETAILS_ROWS: u32 = 1_000;

fn stored(row: &Row) -> Result<StoredType> {
    let declared = match row.text_or_null(4)? {
        Some(_) => Some(row.json(4, "declared type")?),
        None => None,
    };
    Ok(StoredType {
        id: row.parsed(0, "type id", |text| EntitlementTypeId::parse(text).ok())?,
        integration_id: row.parsed(1, "integration id", |text| IntegrationId::parse(text).ok())?,
        name: row.text(2)?,
        origin: row.parsed(3, "origin of a type", TypeOrigin::parse)?,
        declared,
        own: row.json(5, "own type")?,
        created: row.time(6)?,
        deleted: row.time_or_null(7)?,
        version: row.int(8)?,
        entitlements: u64::try_from(row.int(9)?).unwrap_or(0),
    })
}

fn details(row: &Row) -> Result<EntitlementDetails> {
    Ok(EntitlementDetails {
        key: row.text(0)?,
        display: row.text(1)?,
        native_id: row.text(2)?,
        known_as: row.text_or_null(3)?,
        details: row.text(4)?,
        resource_details: row.text_or_null(5)?,
    })
}

impl Db {
    /// All types of an integration, deleted ones too, in order of creation.
    pub async fn entitlement_types(&self, integration: &IntegrationId) -> Result<Vec<StoredType>> {
        self.fetch(LIST, args![integration.as_str()]).await?.iter().map(stored).collect()
    }

    /// Keys of the living entitlements of these types.
    pub async fn entitlements_of_types(
        &self,
        integration: &IntegrationId,
        types: &HashSet<&str>,
    ) -> Result<HashSet<Key>> {
        let mut keys = HashSet::new();
        if types.is_empty() {
            return Ok(keys);
        }
        for row in self.fetch(KINDS_OF_KEYS, args![integration.as_str()]).await? {
            if types.contains(row.text(1)?.as_str()) {
                keys.insert(row.parsed(0, "catalogue key", Key::parse)?);
            }
        }
        Ok(keys)
    }

    /// By which ids living entitlements of a type are known: each entitlement's key and its id.
    pub async fn ids_of_type(
        &self,
        integration: &IntegrationId,
        name: &str,
    ) -> Result<Vec<(Key, String)>> {
        let rows = self.fetch(IDS_OF_TYPE, args![integration.as_str(), name]).await?;
        let entry = |row: &Row| Ok((row.parsed(0, "catalogue key", Key::parse)?, row.text(1)?));
        rows.iter().map(entry).collect()
    }

    /// What an admin says of a type; the default where nobody has said anything.
    pub async fn type_words(&self, integration: &IntegrationId, name: &str) -> Result<OwnType> {
        match self.fetch_one(OWN_WORDS, args![integration.as_str(), name]).await? {
            Some(row) => row.json(0, "own type"),
            None => Ok(OwnType::default()),
        }
    }

    /// Names of the types whose entitlements are frozen.
    pub async fn frozen_types(&self, integration: &IntegrationId) -> Result<HashSet<String>> {
        let rows = self.fetch(FROZEN, args![integration.as_str()]).await?;
        rows.iter().map(|row| row.text(0)).collect()
    }

    /// Names of the types of which it is not read who holds them: those that are frozen, and those of
    /// which an admin wants it so.
    pub(crate) async fn silent_types(
        &self,
        integration: &IntegrationId,
    ) -> Result<HashSet<String>> {
        let mut silent = HashSet::new();
        for row in self.fetch(SAID_OF_TYPES, args![integration.as_str()]).await? {
            let own: OwnType = row.json(1, "own type")?;
            if row.time_or_null(2)?.is_some() || own.includes_permissions == Some(false) {
                silent.insert(row.text(0)?);
            }
        }
        Ok(silent)
    }

    /// On resources of which kinds the catalogue has entitlements of which types.
    pub async fn kinds_of_types(
        &self,
        integration: &IntegrationId,
    ) -> Result<Vec<(String, String)>> {
        let rows = self.fetch(KINDS_OF_TYPES, args![integration.as_str()]).await?;
        rows.iter().map(|row| Ok((row.text(0)?, row.text(1)?))).collect()
    }

    /// What the connector reported of a living object, as JSON.
    pub async fn object_details(&self, key: Key) -> Result<Option<String>> {
        let row = self.fetch_one(OBJECT_DETAILS, args![&key.text()]).await?;
        row.map(|row| row.text(0)).transpose()
    }
}

impl Tx {
    /// All types of an integration as this transaction sees them.
    pub async fn entitlement_types(
        &mut self,
        integration: &IntegrationId,
    ) -> Result<Vec<StoredType>> {
        self.fetch(LIST, args![integration.as_str()]).await?.iter().map(stored).collect()
    }

    /// Makes a type, unless there is one of that name, or was: then nothing happens. Tells whether it
    /// was made.
    pub async fn make_type(
        &mut self,
        integration: &IntegrationId,
        name: &str,
        origin: TypeOrigin,
        declared: Option<&DeclaredType>,
        own: &OwnType,
    ) -> Result<bool> {
        let id = self.fresh_type_id();
        let (now, own) = (self.now(), json("own type", own)?);
        let declared = declared.map(|declared| json("declared type", declared)).transpose()?;
        let (of, origin) = (integration.as_str(), origin.name());
        let args = args![id.as_str(), of, name, origin, &declared, &own, now];
        Ok(self.execute(INSERT, args).await? == 1)
    }

    /// Takes over what a connector declares: new types are made, of known ones the connector's word is
    /// exchanged and an admin's stays. Where that changes something, rows are looked at anew.
    pub async fn declare_types(
        &mut self,
        integration: &IntegrationId,
        declared: &[(String, DeclaredType)],
    ) -> Result<()> {
        let mut is_changed = false;
        for (name, of) in declared {
            let own = OwnType::default();
            let origin = TypeOrigin::Connector;
            if !self.make_type(integration, name, origin, Some(of), &own).await? {
                let text = json("declared type", of)?;
                let args = args![integration.as_str(), name, &text];
                is_changed |= self.execute(DECLARE, args).await? == 1;
            }
        }
        if is_changed { self.distrust_types(integration).await } else { Ok(()) }
    }

    /// Changes what an admin says of a living type that is still at that version.
    pub async fn say_of_type(
        &mut self,
        _: &Permit<actions::IntegrationWrite>,
        changed: &StoredType,
    ) -> Result<()> {
        self.write_type(SAY, changed, Arg::from(&json("own type", &changed.own)?)).await
    }

    /// Deletes a type that is still at that version: its entitlements are frozen.
    pub async fn delete_type(
        &mut self,
        _: &Permit<actions::IntegrationWrite>,
        deleted: &StoredType,
    ) -> Result<()> {
        let now = self.now();
        self.write_type(DELETE, deleted, Arg::from(now)).await
    }

    /// Makes a deleted type again: its entitlements are aggregated from now on.
    pub async fn restore_type(
        &mut self,
        _: &Permit<actions::IntegrationWrite>,
        restored: &StoredType,
    ) -> Result<()> {
        self.write_type(RESTORE, restored, Arg::from(&json("own type", &restored.own)?)).await
    }

    async fn write_type(
        &mut self,
        sql: &'static str,
        of: &StoredType,
        with: Arg<'_>,
    ) -> Result<()> {
        let (id, integration) = (of.id.as_str(), of.integration_id.as_str());
        let args = &[Arg::from(id), Arg::from(integration), Arg::from(of.version), with];
        match self.execute(sql, args).await? {
            0 => Err(StoreError::VersionConflict { what: "entitlement type" }),
            _ => self.distrust_types(&of.integration_id).await,
        }
    }

    /// The same page may mean other rows now.
    async fn distrust_types(&mut self, integration: &IntegrationId) -> Result<()> {
        for domain in Domain::ALL {
            self.distrust_pages(integration, Some(domain)).await?;
        }
        self.forget_followed(integration).await
    }

    /// Living entitlements of a type with their attributes, after the given one.
    pub async fn details_of_type(
        &mut self,
        integration: &IntegrationId,
        name: &str,
        after: &str,
    ) -> Result<Vec<EntitlementDetails>> {
        let args = args![integration.as_str(), name, after, DETAILS_ROWS];
        self.fetch(DETAILS, args).await?.iter().map(details).collect()
    }

    /// Exchanges the id that an entitlement is known by; nothing for its native id. Its key stays.
    pub async fn re_key_entitlement(
        &mut self,
        _: &Permit<actions::IntegrationWrite>,
        integration: &IntegrationId,
        key: &str,
        id: Option<&str>,
    ) -> Result<()> {
        let now = self.now();
        self.execute(RE_KEY, args![key, integration.as_str(), id, now]).await.map(drop)
    }
}
