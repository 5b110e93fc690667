//! Clients that authenticate with an issuer's tokens: which application each one is (PRM-5).

use grantry_authz::{Permit, actions};
use grantry_model::clock::UnixMs;
use grantry_model::ids::{IssuerId, PrincipalId};

use crate::db::{Db, HousekeepingTx, Row, Tx, args};
use crate::{Result, StoreError, issuers, statements};

/// Which application of which issuer a client is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Registration {
    pub principal_id: PrincipalId,
    pub issuer_id: IssuerId,
    pub application_id: String,
    pub object_id: String,
    pub removed: Option<UnixMs>,
}

/// A registration to be stored with its client.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the names say it")]
pub struct NewRegistration {
    pub issuer_id: IssuerId,
    pub application_id: String,
    pub object_id: String,
}

statements! {
    INSERT = "INSERT INTO client_registrations (principal_id, issuer_id, application_id, object_id, created_ms, removed_ms) VALUES ($1, $2, $3, $4, $5, NULL)";
    GET = "SELECT principal_id, issuer_id, application_id, object_id, removed_ms FROM client_registrations WHERE principal_id = $1";
    LIST = "SELECT principal_id, issuer_id, application_id, object_id, removed_ms FROM client_registrations WHERE principal_id >= $1 AND principal_id <= $2 ORDER BY principal_id";
    /// A living one comes before those that were removed.
    FIND = "SELECT principal_id, issuer_id, application_id, object_id, removed_ms FROM client_registrations WHERE issuer_id = $1 AND application_id = $2 \
        ORDER BY CASE WHEN removed_ms IS NULL THEN 0 ELSE 1 END, created_ms DESC LIMIT 1";
    REMOVE = "UPDATE client_registrations SET removed_ms = $2 WHERE principal_id = $1 AND removed_ms IS NULL";
    UPDATE = "UPDATE principals SET name = $3, description = $4, is_disabled = $5, version = version + 1 WHERE id = $1 AND version = $2 AND kind = 'client'";
}

fn registration(row: &Row) -> Result<Registration> {
    Ok(Registration {
        principal_id: row.parsed(0, "principal id", |text| PrincipalId::parse(text).ok())?,
        issuer_id: row.parsed(1, "issuer id", |text| IssuerId::parse(text).ok())?,
        application_id: row.text(2)?,
        object_id: row.text(3)?,
        removed: row.time_or_null(4)?,
    })
}

impl Db {
    /// The client's registration, if it has one.
    pub async fn registration(&self, client: &PrincipalId) -> Result<Option<Registration>> {
        self.fetch_one(GET, args![client.as_str()]).await?.as_ref().map(registration).transpose()
    }

    /// The registrations of clients from one id to another, for a page of a list.
    pub async fn registrations(
        &self,
        first: &PrincipalId,
        last: &PrincipalId,
    ) -> Result<Vec<Registration>> {
        let rows = self.fetch(LIST, args![first.as_str(), last.as_str()]).await?;
        rows.iter().map(registration).collect()
    }

    /// Which client an issuer's application is, or was.
    pub async fn registration_of(
        &self,
        issuer: &IssuerId,
        application_id: &str,
    ) -> Result<Option<Registration>> {
        let row = self.fetch_one(FIND, args![issuer.as_str(), application_id]).await?;
        row.as_ref().map(registration).transpose()
    }
}

/// Ends the registration of a client that is deleted.
pub(crate) async fn remove_registration(tx: &mut Tx, client: &PrincipalId) -> Result<()> {
    let now = tx.now();
    let tx: &mut HousekeepingTx = tx;
    tx.execute(REMOVE, args![client.as_str(), now]).await.map(drop)
}

impl Tx {
    /// Says which application a new client is. Refused if another living client is it, or if the
    /// issuer is gone.
    pub async fn register_client(
        &mut self,
        _: &Permit<actions::ClientWrite>,
        client: &PrincipalId,
        new: &NewRegistration,
    ) -> Result<()> {
        issuers::hold(self, &new.issuer_id).await?;
        let now = self.now();
        let args = args![
            client.as_str(),
            new.issuer_id.as_str(),
            &new.application_id,
            &new.object_id,
            now
        ];
        let inserted = self.execute(INSERT, args).await;
        inserted.map(drop).map_err(|error| error.or_already_exists("client of this application"))
    }

    /// Changes a client that is still at that version.
    pub async fn update_client(
        &mut self,
        _: &Permit<actions::ClientWrite>,
        id: &PrincipalId,
        version: i64,
        (name, description, is_disabled): (&str, &str, bool),
    ) -> Result<()> {
        match self
            .execute(UPDATE, args![id.as_str(), version, name, description, is_disabled])
            .await?
        {
            0 => Err(StoreError::VersionConflict { what: "client" }),
            _ => Ok(()),
        }
    }
}
