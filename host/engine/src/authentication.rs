//! Who calls: bearer tokens of the local admin and of clients.
//!
//! A token is `grantry_<id>_<secret>`; the store keeps the id and a SHA-256 of the whole. (The
//! secret has 256 random bits, so a fast hash is enough.) OIDC comes as another way to the same
//! [`Actor`].

use grantry_authz::{Actor, Door, Permissions, Permit, Role};
use grantry_model::ids::{PrincipalId, TokenId};
use grantry_model::permission::{Principal, PrincipalKind};
use grantry_model::secret::Secret;
use grantry_store::{AuditEntry, Db, Denied, NewPrincipal, TokenRecord};
use serde_json::json;
use sha2::Digest as _;
use subtle::ConstantTimeEq as _;

use crate::{Ctx, Engine, Result};

/// Why nobody is authenticated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AuthenticationError {
    /// There is no such token, or it was revoked.
    #[error("the token is not valid: use one that this server issued and that was not revoked")]
    InvalidToken,
    /// It was valid once.
    #[error("the token has expired: ask an admin for a new one")]
    TokenExpired,
    /// Its owner was disabled or deleted.
    #[error("the owner of this token or session was disabled or deleted")]
    ClientDisabled,
}

impl AuthenticationError {
    /// The code of security.md section 4.
    pub fn code(self) -> &'static str {
        match self {
            Self::InvalidToken => "invalid_token",
            Self::TokenExpired => "token_expired",
            Self::ClientDisabled => "client_disabled",
        }
    }
}

/// What the first start made.
pub struct FirstAdmin {
    /// The admin's token. It is told once and not stored.
    pub token: Secret,
}

/// How often the last use of a token or session is written, in milliseconds.
pub(crate) const USED_EVERY_MS: i64 = 60_000;
const PREFIX: &str = "grantry_";

/// A new token: its record and its text.
pub fn token_text(
    db: &Db,
    principal: &PrincipalId,
    expires: Option<grantry_model::clock::UnixMs>,
) -> (TokenRecord, Secret) {
    let id = TokenId::fresh(db.clock(), db.random());
    let mut bits = [0_u8; 32];
    db.random().fill(&mut bits);
    let text = format!("{PREFIX}{id}_{}", hex::encode(bits));
    let record = TokenRecord {
        id,
        principal_id: principal.clone(),
        name: String::new(),
        hash: hash(&text),
        scope: None,
        created: db.now(),
        expires,
        revoked: None,
        used: None,
    };
    (record, Secret::new(text))
}

fn hash(text: &str) -> String {
    hex::encode(sha2::Sha256::digest(text.as_bytes()))
}

impl Engine {
    /// Makes the local admin where nobody can sign in yet (the first start).
    pub async fn create_first_admin(&self) -> Result<Option<FirstAdmin>> {
        let db = self.db();
        if db.has_people().await? {
            return Ok(None);
        }
        let principal = Principal {
            id: PrincipalId::fresh(db.clock(), db.random()),
            kind: PrincipalKind::Person,
            name: "Local admin".to_owned(),
        };
        let admin = NewPrincipal {
            id: principal.id.clone(),
            kind: principal.kind,
            name: principal.name.clone(),
            description: "Made at the first start".to_owned(),
            role: Some(Role::Admin),
        };
        let permit = Permit::for_first_start(&principal, "first start");
        let (record, token) = token_text(db, &admin.id, None);
        let is_first = db.create_first_admin(&permit, &admin, &record).await?;
        Ok(is_first.then_some(FirstAdmin { token }))
    }

    /// The actor behind a bearer token, with its permissions as they are now.
    pub async fn authenticate(
        &self,
        token: &str,
        door: Door,
        request_id: &str,
    ) -> Result<std::result::Result<Ctx, AuthenticationError>> {
        let Some((id, _)) = token.strip_prefix(PREFIX).and_then(|rest| rest.split_once('_')) else {
            return Ok(Err(AuthenticationError::InvalidToken));
        };
        let Ok(id) = TokenId::parse(id) else {
            return Ok(Err(AuthenticationError::InvalidToken));
        };
        let db = self.db();
        let Some((record, principal)) = db.token_with_owner(&id).await? else {
            return Ok(Err(AuthenticationError::InvalidToken));
        };
        let is_same: bool = hash(token).as_bytes().ct_eq(record.hash.as_bytes()).into();
        if !is_same || record.revoked.is_some() {
            return Ok(Err(AuthenticationError::InvalidToken));
        }
        if record.expires.is_some_and(|expires| expires <= db.now()) {
            return Ok(Err(AuthenticationError::TokenExpired));
        }
        let Some(principal) = principal else {
            return Ok(Err(AuthenticationError::ClientDisabled));
        };
        if principal.is_disabled {
            return Ok(Err(AuthenticationError::ClientDisabled));
        }
        if record.used.is_none_or(|used| used.plus_ms(USED_EVERY_MS) <= db.now()) {
            db.touch_token(&record.id).await?;
        }
        let permissions = db.permissions(&principal).await?;
        let permissions = Permissions { scope: record.scope, ..permissions };
        let request_id = request_id.to_owned();
        let actor = Actor { principal: principal.principal, permissions, door, request_id };
        Ok(Ok(Ctx { actor, engine: self.clone() }))
    }

    /// Records a failed authentication.
    pub async fn record_failed_authentication(
        &self,
        error: AuthenticationError,
        request_id: &str,
    ) -> Result<()> {
        let denied = Denied {
            principal_id: String::new(),
            principal_kind: "anonymous",
            door: Door::Http.name(),
            action: "authenticate".to_owned(),
            reason: error.code().to_owned(),
            request_id: request_id.to_owned(),
            entry: AuditEntry { event: "auth.failed", entity: None, detail: json!({}) },
        };
        Ok(self.db().record_denial(&denied).await?)
    }

    /// An actor for the principal of an integration's plugin, with its permissions as they are now.
    pub(crate) async fn plugin_actor(
        &self,
        id: &PrincipalId,
        request_id: &str,
    ) -> Result<Option<Actor>> {
        let Some(record) = self.db().principal(id).await? else { return Ok(None) };
        let permissions = if record.is_disabled {
            Permissions::default()
        } else {
            self.db().permissions(&record).await?
        };
        let (door, request_id) = (Door::Plugin, request_id.to_owned());
        Ok(Some(Actor { principal: record.principal, permissions, door, request_id }))
    }
}
