//! Owners and maintainers of resources (PRM-6), and whom the target recommends (INT-9, ADR 11).
//!
//! They are identities. What somebody who signs in is to resources is found through the identities that
//! they are. A recommendation is no row: it is what the catalogue holds now.

use grantry_authz::{Permit, Relation, actions};
use grantry_model::ids::{IdentityId, IntegrationId, PrincipalId};

use crate::db::{Db, HousekeepingTx, Row, Tx, args};
use crate::identities::own_identities;
use crate::{Result, StoreError, statements};

/// Most people of one resource that are shown or recommended.
const SHOWN_MAX: u32 = 200;
/// Most people of one resource that follow a recommendation; of one with more none does.
const FOLLOWED_MAX: u32 = 10_000;
/// Most relations of one person to resources.
const RELATED_MAX: u32 = 10_000;

/// A person of a resource, or somebody who is recommended as one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub struct ResourcePerson {
    pub relation: Relation,
    pub identity: IdentityId,
    /// What people call the identity.
    pub display: String,
    /// Whether the identity is active and still in its data source: who is not acts for nothing.
    pub is_active: bool,
}

/// Holders of entitlements that recommend (`$1` the source), who are somebody.
macro_rules! recommended {
    () => {
        "SELECT DISTINCT e.resource_id, e.recommends, m.identity_id FROM entitlements e JOIN assignments a ON a.entitlement_id = e.id JOIN objects o ON o.id = a.holder_id \
            JOIN mappings m ON m.account_id = a.holder_id JOIN identities i ON i.id = m.identity_id \
            WHERE e.integration_id = $1 AND e.recommends IS NOT NULL AND e.removed_ms IS NULL AND a.removed_ms IS NULL AND o.removed_ms IS NULL AND i.removed_ms IS NULL AND i.is_active = 1"
    };
}

statements! {
    OF_RESOURCE = "SELECT r.relation, r.identity_id, i.display, CAST(CASE WHEN i.removed_ms IS NULL AND i.is_active = 1 THEN 1 ELSE 0 END AS BIGINT) FROM resource_people r JOIN identities i ON i.id = r.identity_id WHERE r.resource_id = $1 ORDER BY r.relation DESC, r.identity_id LIMIT $2";
    VERSION = "SELECT version FROM resource_people_versions WHERE resource_id = $1";
    RECOMMENDED = concat!("SELECT c.recommends, c.identity_id, n.display, CAST(1 AS BIGINT) FROM (", recommended!(), " AND e.resource_id = $2) c JOIN identities n ON n.id = c.identity_id ORDER BY c.recommends DESC, c.identity_id LIMIT $3");
    RELATED = concat!("SELECT r.resource_id, r.relation FROM resource_people r WHERE r.identity_id IN (", own_identities!(), ") ORDER BY r.resource_id, r.relation LIMIT $2");
    /// Resources whose people are not those who are recommended. One for which nobody is stays.
    DIFFERING = concat!("WITH wanted AS (SELECT resource_id, identity_id FROM (", recommended!(), " AND e.recommends = $2) w) \
        SELECT w.resource_id FROM wanted w WHERE NOT EXISTS (SELECT 1 FROM resource_people r WHERE r.resource_id = w.resource_id AND r.relation = $2 AND r.identity_id = w.identity_id) \
        UNION SELECT r.resource_id FROM resource_people r WHERE r.source_id = $1 AND r.relation = $2 AND EXISTS (SELECT 1 FROM wanted w WHERE w.resource_id = r.resource_id) \
            AND NOT EXISTS (SELECT 1 FROM wanted w WHERE w.resource_id = r.resource_id AND w.identity_id = r.identity_id) ORDER BY resource_id LIMIT $3");
    DELETE_RELATION = "DELETE FROM resource_people WHERE resource_id = $1 AND relation = $2";
    INSERT = "INSERT INTO resource_people (resource_id, relation, identity_id, source_id) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";
    FIRST_VERSION = "INSERT INTO resource_people_versions (resource_id, source_id, version) VALUES ($1, $2, 2) ON CONFLICT (resource_id) DO NOTHING";
    NEXT_VERSION = "UPDATE resource_people_versions SET version = version + 1 WHERE resource_id = $1 AND version = $2";
    FORGET_SOURCE = "DELETE FROM resource_people WHERE source_id = $1";
    FORGET_VERSIONS = "DELETE FROM resource_people_versions WHERE source_id = $1";
    FORGET_IDENTITIES = "DELETE FROM resource_people WHERE identity_id IN (SELECT id FROM identities WHERE data_source_id = $1)";
}

fn relation(row: &Row, index: usize) -> Result<Relation> {
    row.parsed(index, "relation", Relation::parse_of_resource)
}

fn person(row: &Row) -> Result<ResourcePerson> {
    Ok(ResourcePerson {
        relation: relation(row, 0)?,
        identity: row.parsed(1, "identity id", |id| IdentityId::parse(id).ok())?,
        display: row.text(2)?,
        is_active: row.is_true(3)?,
    })
}

fn version(row: Option<Row>) -> Result<i64> {
    row.map_or(Ok(1), |row| row.int(0))
}

impl Db {
    /// The people of a resource, and their version, which is 1 until somebody names them.
    pub async fn resource_people(&self, resource: &str) -> Result<(Vec<ResourcePerson>, i64)> {
        // The version first: at worst the people are newer than it says, and a change is refused.
        let version = version(self.fetch_one(VERSION, args![resource]).await?)?;
        let rows = self.fetch(OF_RESOURCE, args![resource, SHOWN_MAX]).await?;
        Ok((rows.iter().map(person).collect::<Result<_>>()?, version))
    }

    /// Whom the target recommends as people of a resource.
    pub async fn recommended_people(
        &self,
        source: &IntegrationId,
        resource: &str,
    ) -> Result<Vec<ResourcePerson>> {
        let rows = self.fetch(RECOMMENDED, args![source.as_str(), resource, SHOWN_MAX]).await?;
        rows.iter().map(person).collect()
    }

    /// What somebody who signs in is to resources.
    pub async fn related_resources(&self, id: &PrincipalId) -> Result<Vec<(String, Relation)>> {
        let rows = self.fetch(RELATED, args![id.as_str(), RELATED_MAX]).await?;
        rows.iter().map(|row| Ok((row.text(0)?, relation(row, 1)?))).collect()
    }
}

impl Tx {
    /// Makes these the people of a resource in those relations that are given, if they are still at
    /// that version.
    pub async fn set_resource_people(
        &mut self,
        _: &Permit<actions::ResourceWrite>,
        (source, resource): (&IntegrationId, &str),
        version: i64,
        people: &[(Relation, Vec<IdentityId>)],
    ) -> Result<()> {
        self.next_version(source, resource, version).await?;
        for (relation, identities) in people {
            self.replace(source, resource, *relation, identities).await?;
        }
        Ok(())
    }

    /// Resources of an integration whose people are not those whom the target recommends, of which
    /// there is somebody; at most so many.
    pub async fn differing_people(
        &mut self,
        integration: &IntegrationId,
        relation: Relation,
        limit: u32,
    ) -> Result<Vec<String>> {
        let args = args![integration.as_str(), relation.name(), limit];
        self.fetch(DIFFERING, args).await?.iter().map(|row| row.text(0)).collect()
    }

    /// Makes the recommended people those of a resource; returns who was and who is now.
    pub async fn follow_recommendation(
        &mut self,
        _: &Permit<actions::AggregationRun>,
        (source, resource): (&IntegrationId, &str),
        relation: Relation,
    ) -> Result<(Vec<IdentityId>, Vec<IdentityId>)> {
        let rows = self.fetch(OF_RESOURCE, args![resource, FOLLOWED_MAX]).await?;
        let before = identities(&rows, relation)?;
        let args = args![source.as_str(), resource, FOLLOWED_MAX];
        let rows = self.fetch(RECOMMENDED, args).await?;
        let after = identities(&rows, relation)?;
        if after.is_empty() || rows.len() >= FOLLOWED_MAX as usize {
            return Ok((before.clone(), before));
        }
        let now = version(self.fetch_one(VERSION, args![resource]).await?)?;
        self.next_version(source, resource, now).await?;
        self.replace(source, resource, relation, &after).await?;
        Ok((before, after))
    }

    async fn next_version(
        &mut self,
        source: &IntegrationId,
        resource: &str,
        version: i64,
    ) -> Result<()> {
        let written = match version {
            1 => self.execute(FIRST_VERSION, args![resource, source.as_str()]).await?,
            _ => self.execute(NEXT_VERSION, args![resource, version]).await?,
        };
        let what = "people of the resource";
        if written == 1 { Ok(()) } else { Err(StoreError::VersionConflict { what }) }
    }

    async fn replace(
        &mut self,
        source: &IntegrationId,
        resource: &str,
        relation: Relation,
        identities: &[IdentityId],
    ) -> Result<()> {
        self.execute(DELETE_RELATION, args![resource, relation.name()]).await?;
        for identity in identities {
            let args = args![resource, relation.name(), identity.as_str(), source.as_str()];
            self.execute(INSERT, args).await?;
        }
        Ok(())
    }
}

fn identities(rows: &[Row], relation: Relation) -> Result<Vec<IdentityId>> {
    let people: Vec<ResourcePerson> = rows.iter().map(person).collect::<Result<_>>()?;
    let of = people.into_iter().filter(|person| person.relation == relation);
    Ok(of.map(|person| person.identity).collect())
}

/// Forgets the people of the resources of an integration, or app, that goes.
pub(crate) async fn forget_source(tx: &mut HousekeepingTx, source: &str) -> Result<()> {
    tx.execute(FORGET_SOURCE, args![source]).await?;
    tx.execute(FORGET_VERSIONS, args![source]).await.map(drop)
}

/// Forgets what the identities of a data source that goes were to resources.
pub(crate) async fn forget_identities(tx: &mut HousekeepingTx, source: &str) -> Result<()> {
    tx.execute(FORGET_IDENTITIES, args![source]).await.map(drop)
}
