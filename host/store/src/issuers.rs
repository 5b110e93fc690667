//! Issuers that are trusted to say who somebody is, with their sealed secrets.

use std::net::SocketAddr;

use grantry_authz::{Permit, actions};
use grantry_model::clock::UnixMs;
use grantry_model::ids::IssuerId;
use grantry_model::oidc::{IssuerKind, TrustedIssuer};

use crate::db::{Db, HousekeepingTx, Row, Tx, args};
use crate::{Result, StoreError, statements};

/// A stored issuer.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Issuer {
    pub trusted: TrustedIssuer,
    pub name: String,
    /// As its discovery document said when it was saved.
    pub token_endpoint: Option<String>,
    /// Whether a stranger whom it vouches for becomes a person with the role user.
    pub allows_sign_up: bool,
    pub has_secret: bool,
    pub created: UnixMs,
    pub version: i64,
}

statements! {
    INSERT = "INSERT INTO issuers (id, name, kind, url, v1_url, tenant_id, audience, client_id, algorithms, address_exception, token_endpoint, allows_sign_up, created_ms, version) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, 1)";
    UPDATE = "UPDATE issuers SET name = $3, audience = $4, client_id = $5, algorithms = $6, address_exception = $7, token_endpoint = $8, allows_sign_up = $9, version = version + 1 \
        WHERE id = $1 AND version = $2";
    GET = "SELECT i.id, i.name, i.kind, i.url, i.tenant_id, i.audience, i.client_id, i.algorithms, i.address_exception, i.token_endpoint, i.allows_sign_up, (SELECT COUNT(*) FROM issuer_secrets s WHERE s.issuer_id = i.id), i.created_ms, i.version FROM issuers i WHERE i.id = $1";
    GET_BY_URL = "SELECT i.id, i.name, i.kind, i.url, i.tenant_id, i.audience, i.client_id, i.algorithms, i.address_exception, i.token_endpoint, i.allows_sign_up, (SELECT COUNT(*) FROM issuer_secrets s WHERE s.issuer_id = i.id), i.created_ms, i.version FROM issuers i WHERE i.url = $1 OR i.v1_url = $1";
    LIST = "SELECT i.id, i.name, i.kind, i.url, i.tenant_id, i.audience, i.client_id, i.algorithms, i.address_exception, i.token_endpoint, i.allows_sign_up, (SELECT COUNT(*) FROM issuer_secrets s WHERE s.issuer_id = i.id), i.created_ms, i.version FROM issuers i WHERE i.id > $1 ORDER BY i.id LIMIT $2";
    COUNT = "SELECT COUNT(*) FROM issuers";
    /// Whoever comes from an issuer and whoever removes it wait for each other here.
    HOLD = "UPDATE issuers SET version = version WHERE id = $1";
    USERS = "SELECT (SELECT COUNT(*) FROM client_registrations r WHERE r.issuer_id = $1 AND r.removed_ms IS NULL) + (SELECT COUNT(*) FROM people p WHERE p.issuer_id = $1) + (SELECT COUNT(*) FROM expected_people x WHERE x.issuer_id = $1)";
    DELETE = "DELETE FROM issuers WHERE id = $1";
    SET_SECRET = "INSERT INTO issuer_secrets (issuer_id, version, sealed) VALUES ($1, $2, $3) ON CONFLICT (issuer_id) DO UPDATE SET version = excluded.version, sealed = excluded.sealed";
    DELETE_SECRET = "DELETE FROM issuer_secrets WHERE issuer_id = $1";
    SECRET = "SELECT version, sealed FROM issuer_secrets WHERE issuer_id = $1";
}

fn issuer(row: &Row) -> Result<Issuer> {
    let exception = row.text_or_null(8)?.map(|text| text.parse::<SocketAddr>()).transpose();
    let corrupt =
        |_| StoreError::Corrupt { what: "address exception", reason: "no address".into() };
    let trusted = TrustedIssuer {
        id: row.parsed(0, "issuer id", |text| IssuerId::parse(text).ok())?,
        kind: row.parsed(2, "issuer kind", IssuerKind::parse)?,
        url: row.text(3)?,
        tenant_id: row.text_or_null(4)?,
        audience: row.text(5)?,
        client_id: row.text_or_null(6)?,
        algorithms: row.json(7, "list of algorithms")?,
        address_exception: exception.map_err(corrupt)?,
    };
    Ok(Issuer {
        trusted,
        name: row.text(1)?,
        token_endpoint: row.text_or_null(9)?,
        allows_sign_up: row.is_true(10)?,
        has_secret: row.is_true(11)?,
        created: row.time(12)?,
        version: row.int(13)?,
    })
}

/// The columns that are text of something else.
fn texts(trusted: &TrustedIssuer) -> (String, Option<String>) {
    let algorithms = serde_json::to_string(&trusted.algorithms);
    let algorithms = algorithms.expect("names of algorithms are always JSON");
    (algorithms, trusted.address_exception.map(|address| address.to_string()))
}

impl Db {
    /// The issuer with that id.
    pub async fn issuer(&self, id: &IssuerId) -> Result<Option<Issuer>> {
        self.fetch_one(GET, args![id.as_str()]).await?.as_ref().map(issuer).transpose()
    }

    /// The issuer that a token with this `iss` must come from.
    pub async fn issuer_by_url(&self, url: &str) -> Result<Option<Issuer>> {
        self.fetch_one(GET_BY_URL, args![url]).await?.as_ref().map(issuer).transpose()
    }

    /// Issuers after the given id, in order of their ids.
    pub async fn list_issuers(&self, after: &str, limit: u32) -> Result<Vec<Issuer>> {
        self.fetch(LIST, args![after, limit]).await?.iter().map(issuer).collect()
    }

    /// How many issuers there are.
    pub async fn count_issuers(&self) -> Result<i64> {
        self.fetch_one(COUNT, &[]).await?.map_or(Ok(0), |row| row.int(0))
    }

    /// The sealed secret with its version.
    pub async fn issuer_secret(&self, id: &IssuerId) -> Result<Option<(i64, Vec<u8>)>> {
        let row = self.fetch_one(SECRET, args![id.as_str()]).await?;
        row.map(|row| Ok((row.int(0)?, row.blob(1)?))).transpose()
    }
}

impl Tx {
    /// Stores a new issuer.
    pub async fn create_issuer(
        &mut self,
        _: &Permit<actions::IssuerWrite>,
        new: &Issuer,
    ) -> Result<()> {
        let (algorithms, exception) = texts(&new.trusted);
        let (trusted, v1_url) = (&new.trusted, new.trusted.v1_url());
        let args = args![
            trusted.id.as_str(),
            &new.name,
            trusted.kind.name(),
            &trusted.url,
            &v1_url,
            &trusted.tenant_id,
            &trusted.audience,
            &trusted.client_id,
            &algorithms,
            &exception,
            &new.token_endpoint,
            new.allows_sign_up,
            new.created,
        ];
        let inserted = self.execute(INSERT, args).await;
        inserted.map(drop).map_err(|error| error.or_already_exists("issuer"))
    }

    /// Changes an issuer that is still at that version. Kind, URL and tenant stay: another issuer
    /// is another trust.
    pub async fn update_issuer(
        &mut self,
        _: &Permit<actions::IssuerWrite>,
        changed: &Issuer,
        version: i64,
    ) -> Result<()> {
        let (algorithms, exception) = texts(&changed.trusted);
        let args = args![
            changed.trusted.id.as_str(),
            version,
            &changed.name,
            &changed.trusted.audience,
            &changed.trusted.client_id,
            &algorithms,
            &exception,
            &changed.token_endpoint,
            changed.allows_sign_up,
        ];
        match self.execute(UPDATE, args).await? {
            0 => Err(StoreError::VersionConflict { what: "issuer" }),
            _ => Ok(()),
        }
    }

    /// Replaces or removes the sealed secret.
    pub async fn set_issuer_secret(
        &mut self,
        _: &Permit<actions::IssuerWrite>,
        id: &IssuerId,
        sealed: Option<(i64, &[u8])>,
    ) -> Result<()> {
        match sealed {
            Some((version, sealed)) => {
                self.execute(SET_SECRET, args![id.as_str(), version, sealed]).await.map(drop)
            }
            None => self.execute(DELETE_SECRET, args![id.as_str()]).await.map(drop),
        }
    }

    /// Removes an issuer; false if people or living clients come from it.
    pub async fn delete_issuer(
        &mut self,
        _: &Permit<actions::IssuerWrite>,
        id: &IssuerId,
    ) -> Result<bool> {
        hold(self, id).await?;
        let users = self.fetch_one(USERS, args![id.as_str()]).await?;
        if users.map_or(Ok(false), |row| row.is_true(0))? {
            return Ok(false);
        }
        self.execute(DELETE, args![id.as_str()]).await.map(|_| true)
    }
}

/// Keeps an issuer as it is until the transaction ends; refused if it is gone.
pub(crate) async fn hold(tx: &mut HousekeepingTx, id: &IssuerId) -> Result<()> {
    match tx.execute(HOLD, args![id.as_str()]).await? {
        0 => Err(StoreError::NotFound { what: "issuer" }),
        _ => Ok(()),
    }
}
