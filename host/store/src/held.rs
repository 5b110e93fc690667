//! What principals hold, kept in memory as long as it stands.
//!
//! A principal's version grows with every change of its permissions and is read with every request;
//! what was read at a version is right as long as the version is. So a request of a principal with
//! a thousand entity permissions reads one row, on any number of nodes.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use grantry_authz::{Permissions, Provenance, Reason, Relation};
use grantry_model::ids::{AppId, DataSourceId, IntegrationId, PrincipalId};
use grantry_model::permission::{Action, Entity, PrincipalKind};

use crate::db::{Db, HousekeepingTx, Row, args};
use crate::principals::PrincipalRecord;
use crate::{Result, StoreError, statements};

/// Most principals that are remembered; beyond it the memory starts anew.
const PRINCIPALS_MAX: usize = 10_000;

statements! {
    PERMISSIONS = "SELECT action, entity_kind, entity_id FROM permissions WHERE principal_id = $1";
    /// Two look-ups by the whole key: the action held globally, or the entity.
    STILL_HELD = "SELECT 1 FROM principals p WHERE p.id = $1 AND p.is_disabled = 0 AND (EXISTS (SELECT 1 FROM permissions h WHERE h.principal_id = p.id AND h.action = $2 AND h.entity_kind = '' AND h.entity_id = '') OR EXISTS (SELECT 1 FROM permissions h WHERE h.principal_id = p.id AND h.action = '' AND h.entity_kind = $3 AND h.entity_id = $4))";
    OWNED = "SELECT id FROM integrations WHERE owner_id = $1 ORDER BY id";
}

/// Permissions as they were read at a version of their principal.
#[derive(Debug, Default)]
pub(crate) struct Remembered(Mutex<HashMap<PrincipalId, (i64, Permissions)>>);

impl Remembered {
    fn get(&self, id: &PrincipalId, version: i64) -> Option<Permissions> {
        let remembered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, permissions) = remembered.get(id)?;
        (*at == version).then(|| permissions.clone())
    }

    fn put(&self, id: &PrincipalId, version: i64, permissions: Permissions) {
        let mut remembered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if remembered.len() >= PRINCIPALS_MAX {
            remembered.clear();
        }
        remembered.insert(id.clone(), (version, permissions));
    }
}

impl Db {
    /// What a principal holds.
    pub async fn permissions(&self, record: &PrincipalRecord) -> Result<Permissions> {
        let id = &record.principal.id;
        let held = match self.remembered.get(id, record.version) {
            Some(held) => held,
            // Read after the version: at worst it is newer than the version says, never older.
            None => {
                let held = permissions(&self.fetch(PERMISSIONS, args![id.as_str()]).await?)?;
                self.remembered.put(id, record.version, held.clone());
                held
            }
        };
        let integrations = self.owned(record).await?;
        let resources = self.related(record).await?;
        Ok(Permissions { role: record.role, integrations, resources, ..held })
    }

    /// The integrations that a person owns: an owner changes without the person's version.
    async fn owned(&self, record: &PrincipalRecord) -> Result<HashSet<IntegrationId>> {
        if record.principal.kind != PrincipalKind::Person {
            return Ok(HashSet::new());
        }
        let rows = self.fetch(OWNED, args![record.principal.id.as_str()]).await?;
        let owned = |row: &Row| row.parsed(0, "integration id", |id| IntegrationId::parse(id).ok());
        rows.iter().map(owned).collect()
    }
}

impl Db {
    /// What a person is to resources: that changes with lists and syncs, and without the person's
    /// version.
    async fn related(&self, record: &PrincipalRecord) -> Result<HashSet<(String, Relation)>> {
        if record.principal.kind != PrincipalKind::Person {
            return Ok(HashSet::new());
        }
        Ok(self.related_resources(&record.principal.id).await?.into_iter().collect())
    }
}

impl HousekeepingTx {
    /// Refuses the commit of what a client's or plugin's permission allowed that was taken away
    /// since (security.md row 49). Called behind the lock of the audit log's head, which a change of
    /// permissions takes too: one of the two is first.
    pub(crate) async fn still_held(&mut self, provenance: &Provenance) -> Result<()> {
        if !matches!(provenance.reason, Reason::Global | Reason::Entity) {
            return Ok(());
        }
        let Some(entity) = &provenance.entity else { return Ok(()) };
        let (kind, id) = match entity {
            Entity::App(app) => ("app", app.as_str()),
            Entity::DataSource(source) => ("data_source", source.as_str()),
        };
        let args = args![provenance.principal_id.as_str(), provenance.action, kind, id];
        match self.fetch_one(STILL_HELD, args).await? {
            Some(_) => Ok(()),
            None => Err(StoreError::PermissionRevoked),
        }
    }
}

fn permissions(rows: &[Row]) -> Result<Permissions> {
    let (mut global, mut entities) = (HashSet::new(), HashSet::new());
    for row in rows {
        let (action, kind, id) = (row.text(0)?, row.text(1)?, row.text(2)?);
        let corrupt = || StoreError::Corrupt { what: "permission", reason: format!("{kind} {id}") };
        match kind.as_str() {
            "" => {
                global.insert(Action::parse(&action).ok_or_else(corrupt)?);
            }
            "app" => {
                entities.insert(Entity::App(AppId::parse(&id).map_err(|_| corrupt())?));
            }
            "data_source" => {
                let source = DataSourceId::parse(&id).map_err(|_| corrupt())?;
                entities.insert(Entity::DataSource(source));
            }
            _ => return Err(corrupt()),
        }
    }
    Ok(Permissions { global, entities: Arc::new(entities), ..Permissions::default() })
}
