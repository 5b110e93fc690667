//! Access profiles: named sets of entitlements of several apps (CAT-9). One that holds a privileged
//! entitlement is privileged; an entitlement that is gone stays in it, with the name that it had.

use grantry_authz::{Permit, actions};
use grantry_model::clock::UnixMs;
use grantry_model::ids::{AccessProfileId, EntitlementId};

use crate::db::{Db, Row, Tx, args};
use crate::{Result, StoreError, dialect, statements};

/// An access profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessProfile {
    /// Its id.
    pub id: AccessProfileId,
    /// What people call it.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// How many entitlements it holds, also those that are gone.
    pub entitlements: u64,
    /// Whether one of them is privileged.
    pub is_privileged: bool,
    /// When it was created.
    pub created: UnixMs,
    /// Grows with every change.
    pub version: i64,
}

/// What is said of an access profile.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct NewAccessProfile {
    pub id: AccessProfileId,
    pub name: String,
    pub description: String,
}

/// An entitlement of an access profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileEntitlement {
    /// Its id.
    pub id: EntitlementId,
    /// What people call it; where nothing is left of it, what it was called when it came in.
    pub display: String,
    /// The app that it belongs to, by id and name, as long as there is one.
    pub app: Option<(String, String)>,
    /// Its kind in the target; empty where nothing is left of it.
    pub kind: String,
    /// Whether it is privileged.
    pub is_privileged: bool,
    /// Whether it is gone.
    pub is_removed: bool,
}

statements! {
    INSERT = "INSERT INTO access_profiles (id, name, description, created_ms, version) VALUES ($1, $2, $3, $4, 1)";
    GET = "SELECT p.id, p.name, p.description, p.created_ms, p.version, (SELECT COUNT(*) FROM access_profile_entitlements h WHERE h.profile_id = p.id), \
        (SELECT COUNT(*) FROM access_profile_entitlements h JOIN entitlements e ON e.id = h.entitlement_id WHERE h.profile_id = p.id AND COALESCE(e.said_privileged, e.is_privileged) = 1) FROM access_profiles p WHERE p.id = $1";
    LIST = "SELECT p.id, p.name, p.description, p.created_ms, p.version, (SELECT COUNT(*) FROM access_profile_entitlements h WHERE h.profile_id = p.id), \
        (SELECT COUNT(*) FROM access_profile_entitlements h JOIN entitlements e ON e.id = h.entitlement_id WHERE h.profile_id = p.id AND COALESCE(e.said_privileged, e.is_privileged) = 1) FROM access_profiles p \
        WHERE p.id > $1 AND ($2 = '' OR LOWER(p.name) LIKE $2 ESCAPE '\\') AND ($3 = '' OR EXISTS (SELECT 1 FROM access_profile_entitlements h WHERE h.profile_id = p.id AND h.entitlement_id = $3)) ORDER BY p.id LIMIT $4";
    UPDATE = "UPDATE access_profiles SET name = $3, description = $4, version = version + 1 WHERE id = $1 AND version = $2";
    DELETE = "DELETE FROM access_profiles WHERE id = $1 AND version = $2";
    /// Only of an app that is there: what a deleted integration left behind is nobody's.
    ADD = "INSERT INTO access_profile_entitlements (profile_id, entitlement_id, display) SELECT CAST($1 AS TEXT), e.id, COALESCE(e.said_display, e.display) FROM entitlements e JOIN apps a ON a.id = e.app_id WHERE e.id = $2 AND e.removed_ms IS NULL";
    TAKE = "DELETE FROM access_profile_entitlements WHERE profile_id = $1 AND entitlement_id = $2";
    HELD = "SELECT entitlement_id FROM access_profile_entitlements WHERE profile_id = $1 ORDER BY entitlement_id";
    LIST_ENTITLEMENTS = "SELECT h.entitlement_id, COALESCE(e.said_display, e.display, h.display), a.id, a.name, e.kind, COALESCE(e.said_privileged, e.is_privileged, 0), CASE WHEN a.id IS NULL OR e.removed_ms IS NOT NULL THEN 1 ELSE 0 END FROM access_profile_entitlements h \
        LEFT JOIN entitlements e ON e.id = h.entitlement_id LEFT JOIN apps a ON a.id = e.app_id WHERE h.profile_id = $1 AND h.entitlement_id > $2 ORDER BY h.entitlement_id LIMIT $3";
}

const HOLDING: &str = "SELECT h.entitlement_id, p.id, p.name FROM access_profile_entitlements h JOIN access_profiles p ON p.id = h.profile_id WHERE h.entitlement_id IN ";

fn holding(is_postgres: bool) -> String {
    format!("{HOLDING}{} ORDER BY p.id", dialect::texts(is_postgres, "$1"))
}

fn profile(row: &Row) -> Result<AccessProfile> {
    Ok(AccessProfile {
        id: row.parsed(0, "access profile id", |text| AccessProfileId::parse(text).ok())?,
        name: row.text(1)?,
        description: row.text(2)?,
        created: row.time(3)?,
        version: row.int(4)?,
        entitlements: u64::try_from(row.int(5)?).unwrap_or(0),
        is_privileged: row.int(6)? > 0,
    })
}

fn entitlement_id(row: &Row) -> Result<EntitlementId> {
    row.parsed(0, "entitlement id", |text| EntitlementId::parse(text).ok())
}

fn held(row: &Row) -> Result<ProfileEntitlement> {
    Ok(ProfileEntitlement {
        id: entitlement_id(row)?,
        display: row.text(1)?,
        app: row.text_or_null(2)?.zip(row.text_or_null(3)?),
        kind: row.text_or_null(4)?.unwrap_or_default(),
        is_privileged: row.is_true(5)?,
        is_removed: row.is_true(6)?,
    })
}

impl Db {
    /// The access profile with that id.
    pub async fn access_profile(&self, id: &AccessProfileId) -> Result<Option<AccessProfile>> {
        self.fetch_one(GET, args![id.as_str()]).await?.as_ref().map(profile).transpose()
    }

    /// Access profiles after the given id, whose name matches the (already escaped) pattern, and
    /// which hold an entitlement, if one is given.
    pub async fn list_access_profiles(
        &self,
        after: &str,
        pattern: &str,
        entitlement: &str,
        limit: u32,
    ) -> Result<Vec<AccessProfile>> {
        let rows = self.fetch(LIST, args![after, pattern, entitlement, limit]).await?;
        rows.iter().map(profile).collect()
    }

    /// All entitlements of an access profile, by id.
    pub async fn profile_entitlement_ids(
        &self,
        id: &AccessProfileId,
    ) -> Result<Vec<EntitlementId>> {
        self.fetch(HELD, args![id.as_str()]).await?.iter().map(entitlement_id).collect()
    }

    /// Entitlements of an access profile after the given id.
    pub async fn list_profile_entitlements(
        &self,
        id: &AccessProfileId,
        after: &str,
        limit: u32,
    ) -> Result<Vec<ProfileEntitlement>> {
        let rows = self.fetch(LIST_ENTITLEMENTS, args![id.as_str(), after, limit]).await?;
        rows.iter().map(held).collect()
    }

    /// In which access profiles these entitlements are: the entitlement's id, the profile's, its name.
    pub async fn profiles_of(
        &self,
        entitlements: &[&str],
    ) -> Result<Vec<(String, AccessProfileId, String)>> {
        let ids = serde_json::Value::from_iter(entitlements.iter().copied()).to_string();
        let rows = self.fetch_built(&holding(self.is_postgres()), args![&ids]).await?;
        let parse = |text: &str| AccessProfileId::parse(text).ok();
        rows.iter()
            .map(|row| Ok((row.text(0)?, row.parsed(1, "access profile id", parse)?, row.text(2)?)))
            .collect()
    }
}

impl Tx {
    /// The access profile with that id, as this transaction sees it.
    pub async fn access_profile_within(
        &mut self,
        id: &AccessProfileId,
    ) -> Result<Option<AccessProfile>> {
        self.fetch_one(GET, args![id.as_str()]).await?.as_ref().map(profile).transpose()
    }

    /// Creates an access profile without entitlements.
    pub async fn create_access_profile(
        &mut self,
        _: &Permit<actions::AccessProfileWrite>,
        new: &NewAccessProfile,
    ) -> Result<()> {
        let now = self.now();
        let args = args![new.id.as_str(), &new.name, &new.description, now];
        self.execute(INSERT, args).await.map(drop)
    }

    /// Changes an access profile that is still at that version.
    pub async fn update_access_profile(
        &mut self,
        _: &Permit<actions::AccessProfileWrite>,
        changed: &NewAccessProfile,
        version: i64,
    ) -> Result<()> {
        let args = args![changed.id.as_str(), version, &changed.name, &changed.description];
        match self.execute(UPDATE, args).await? {
            0 => Err(StoreError::VersionConflict { what: "access profile" }),
            _ => Ok(()),
        }
    }

    /// Removes an access profile that is still at that version.
    pub async fn delete_access_profile(
        &mut self,
        _: &Permit<actions::AccessProfileWrite>,
        id: &AccessProfileId,
        version: i64,
    ) -> Result<()> {
        match self.execute(DELETE, args![id.as_str(), version]).await? {
            0 => Err(StoreError::VersionConflict { what: "access profile" }),
            _ => Ok(()),
        }
    }

    /// Takes an entitlement into an access profile; false if there is no such entitlement.
    pub async fn add_to_access_profile(
        &mut self,
        _: &Permit<actions::AccessProfileWrite>,
        id: &AccessProfileId,
        entitlement: &EntitlementId,
    ) -> Result<bool> {
        Ok(self.execute(ADD, args![id.as_str(), entitlement.as_str()]).await? == 1)
    }

    /// Takes an entitlement out of an access profile.
    pub async fn take_from_access_profile(
        &mut self,
        _: &Permit<actions::AccessProfileWrite>,
        id: &AccessProfileId,
        entitlement: &EntitlementId,
    ) -> Result<()> {
        self.execute(TAKE, args![id.as_str(), entitlement.as_str()]).await.map(drop)
    }
}

/// The statement that is put together.
#[cfg(test)]
pub(crate) fn built_statements(is_postgres: bool) -> Vec<(&'static str, String)> {
    vec![("HOLDING", holding(is_postgres))]
}
