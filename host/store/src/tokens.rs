//! Bearer tokens of clients and people: the public half and a hash, never the secret half.

use std::sync::Arc;

use grantry_authz::{Permit, Scope, actions};
use grantry_model::clock::UnixMs;
use grantry_model::ids::{PrincipalId, TokenId};

use crate::db::{Db, HousekeepingTx, Row, Tx, args};
use crate::gathered::Gathered;
use crate::principals::{self, PrincipalRecord};
use crate::{Result, StoreError, statements};

/// Columns of a principal, before those of its token.
const PRINCIPAL_COLUMNS: usize = 8;

/// A stored token, without its secret half.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct TokenRecord {
    pub id: TokenId,
    pub principal_id: PrincipalId,
    /// What a person calls it; empty for a client's.
    pub name: String,
    /// SHA-256 of the whole token, in hex.
    pub hash: String,
    /// What it is limited to; `None` leaves all that its owner holds.
    pub scope: Option<Scope>,
    pub created: UnixMs,
    pub expires: Option<UnixMs>,
    pub revoked: Option<UnixMs>,
    /// When it was last used, to the minute.
    pub used: Option<UnixMs>,
}

/// A token and whose it is; the owner may be gone.
pub type TokenWithOwner = (TokenRecord, Option<PrincipalRecord>);

/// The reads of tokens that requests wait for.
pub(crate) type Tokens = Gathered<TokenId, Option<Arc<TokenWithOwner>>>;

statements! {
    INSERT = "INSERT INTO tokens (id, principal_id, name, hash, scope, created_ms, expires_ms, revoked_ms, used_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, NULL, NULL)";
    GET = "SELECT id, principal_id, name, hash, scope, created_ms, expires_ms, revoked_ms, used_ms FROM tokens WHERE id = $1";
    WITH_OWNER = "SELECT p.id, p.kind, p.name, p.description, p.role, p.is_disabled, p.created_ms, p.version, t.id, t.principal_id, t.name, t.hash, t.scope, t.created_ms, t.expires_ms, t.revoked_ms, t.used_ms FROM tokens t LEFT JOIN principals p ON p.id = t.principal_id WHERE t.id = $1";
    LIST = "SELECT id, principal_id, name, hash, scope, created_ms, expires_ms, revoked_ms, used_ms FROM tokens WHERE principal_id = $1 AND id > $2 ORDER BY id LIMIT $3";
    REVOKE = "UPDATE tokens SET revoked_ms = $3 WHERE id = $1 AND principal_id = $2 AND revoked_ms IS NULL";
    TOUCH = "UPDATE tokens SET used_ms = $2 WHERE id = $1";
}

/// From the columns that begin at `at`.
fn token_at(row: &Row, at: usize) -> Result<TokenRecord> {
    let scope = row.text_or_null(at + 4)?.map(|text| serde_json::from_str(&text)).transpose();
    // A scope that cannot be read must not become none, which would leave everything.
    let corrupt = |error: serde_json::Error| StoreError::Corrupt {
        what: "token's scope",
        reason: error.to_string(),
    };
    Ok(TokenRecord {
        id: row.parsed(at, "token id", |text| TokenId::parse(text).ok())?,
        principal_id: row.parsed(at + 1, "principal id", |text| PrincipalId::parse(text).ok())?,
        name: row.text(at + 2)?,
        hash: row.text(at + 3)?,
        scope: scope.map_err(corrupt)?,
        created: row.time(at + 5)?,
        expires: row.time_or_null(at + 6)?,
        revoked: row.time_or_null(at + 7)?,
        used: row.time_or_null(at + 8)?,
    })
}

fn token(row: &Row) -> Result<TokenRecord> {
    token_at(row, 0)
}

pub(crate) async fn insert(tx: &mut HousekeepingTx, token: &TokenRecord) -> Result<()> {
    let scope = token.scope.as_ref().map(serde_json::to_string).transpose();
    let scope = scope.expect("a scope is lists of names, which are always JSON");
    let args = args![
        token.id.as_str(),
        token.principal_id.as_str(),
        &token.name,
        &token.hash,
        &scope,
        token.created,
        token.expires
    ];
    tx.execute(INSERT, args).await.map(drop)
}

impl Db {
    /// The token with that public half.
    pub async fn token(&self, id: &TokenId) -> Result<Option<TokenRecord>> {
        self.fetch_one(GET, args![id.as_str()]).await?.as_ref().map(token).transpose()
    }

    /// The token with that public half. Requests that come at
    /// once with one token are answered by one read, which began after they came.
    pub async fn token_with_owner(&self, id: &TokenId) -> Result<Option<TokenWithOwner>> {
        let found = self.tokens.read(id, self.read_token_with_owner(id)).await?;
        Ok(found.map(|found| (*found).clone()))
    }

    async fn read_token_with_owner(&self, id: &TokenId) -> Result<Option<Arc<TokenWithOwner>>> {
        let Some(row) = self.fetch_one(WITH_OWNER, args![id.as_str()]).await? else {
            return Ok(None);
        };
        let has_owner = row.text_or_null(0)?.is_some();
        let owner = has_owner.then(|| principals::principal(&row)).transpose()?;
        Ok(Some(Arc::new((token_at(&row, PRINCIPAL_COLUMNS)?, owner))))
    }

    /// A principal's tokens after the given id, in order of their ids.
    pub async fn list_tokens(
        &self,
        principal: &PrincipalId,
        after: &str,
        limit: u32,
    ) -> Result<Vec<TokenRecord>> {
        let rows = self.fetch(LIST, args![principal.as_str(), after, limit]).await?;
        rows.iter().map(token).collect()
    }

    /// Notes that a token is in use.
    pub async fn touch_token(&self, id: &TokenId) -> Result<()> {
        let mut tx = self.begin_housekeeping().await?;
        tx.execute(TOUCH, args![id.as_str(), self.now()]).await?;
        tx.commit().await
    }
}

impl Tx {
    /// Stores a client's new token.
    pub async fn create_token(
        &mut self,
        _: &Permit<actions::ClientWrite>,
        token: &TokenRecord,
    ) -> Result<()> {
        insert(self, token).await
    }

    /// Revokes a client's token. Revoking twice changes nothing.
    pub async fn revoke_token(
        &mut self,
        _: &Permit<actions::ClientWrite>,
        principal: &PrincipalId,
        token: &TokenId,
    ) -> Result<()> {
        revoke(self, principal, token).await
    }

    /// Stores a new token of the person who acts.
    pub async fn create_own_token(
        &mut self,
        permit: &Permit<actions::OwnAccount>,
        token: &TokenRecord,
    ) -> Result<()> {
        let owner = permit.provenance().principal_id.clone();
        insert(self, &TokenRecord { principal_id: owner, ..token.clone() }).await
    }

    /// Revokes a token of the person who acts.
    pub async fn revoke_own_token(
        &mut self,
        permit: &Permit<actions::OwnAccount>,
        token: &TokenId,
    ) -> Result<()> {
        revoke(self, &permit.provenance().principal_id, token).await
    }
}

async fn revoke(tx: &mut Tx, principal: &PrincipalId, token: &TokenId) -> Result<()> {
    let now = tx.now();
    tx.execute(REVOKE, args![token.as_str(), principal.as_str(), now]).await.map(drop)
}
