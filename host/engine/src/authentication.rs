//! Who calls: tokens that this installation issued, and those of the issuers that it trusts.
//!
//! A token of our own is `grantry_<id>_<secret>`; the store keeps the id and a SHA-256 of the whole.
//! (The secret has 256 random bits, so a fast hash is enough.) Anything else is an issuer's JWT or
//! nothing. Both end in the same [`Actor`]; so do sessions, which have a file of their own.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use grantry_authz::{Actor, Door, Permissions, Permit, Role, Scope};
use grantry_model::ids::{PrincipalId, TokenId};
use grantry_model::oidc::TokenFault;
use grantry_model::permission::{Principal, PrincipalKind};
use grantry_model::secret::Secret;
use grantry_store::{AuditEntry, Db, Denied, NewPrincipal, PrincipalRecord, TokenRecord};
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
    #[error("the token has expired: get a new one")]
    TokenExpired,
    /// It will be valid.
    #[error("the token is not valid yet: compare the clocks of its issuer and of this server")]
    TokenNotYetValid,
    /// The session was ended, or lay unused for too long.
    #[error("the session has ended: sign in again")]
    SessionEnded,
    /// A change came with a session cookie, but not from one of our own pages.
    #[error("the request does not repeat the session's CSRF token in `X-CSRF-Token`")]
    Csrf,
    /// The issuer's keys cannot be had, so nothing can be said about its token.
    #[error("the token's issuer does not answer now: try again later")]
    IssuerUnavailable,
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
            Self::TokenNotYetValid => "token_not_yet_valid",
            Self::SessionEnded => "session_ended",
            Self::Csrf => "csrf",
            Self::IssuerUnavailable => "issuer_unavailable",
            Self::ClientDisabled => "client_disabled",
        }
    }
}

impl From<TokenFault> for AuthenticationError {
    fn from(fault: TokenFault) -> Self {
        match fault {
            TokenFault::Invalid(_) => Self::InvalidToken,
            TokenFault::Expired => Self::TokenExpired,
            TokenFault::NotYetValid => Self::TokenNotYetValid,
            TokenFault::Provider(_) => Self::IssuerUnavailable,
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

pub(crate) fn hash(text: &str) -> String {
    hex::encode(sha2::Sha256::digest(text.as_bytes()))
}

/// The last use of a token or session is for people to look at: that it cannot be noted (a full
/// disk, a database that only reads) refuses nobody.
pub(crate) fn noted(outcome: grantry_store::Result<()>, request_id: &str) {
    if let Err(error) = outcome {
        tracing::warn!(request_id, "cannot note the last use of a token or session: {error}");
    }
}

impl Engine {
    /// 256 random bits as URL-safe text.
    pub(crate) fn fresh_token(&self) -> String {
        let mut bits = [0_u8; 32];
        self.db().random().fill(&mut bits);
        URL_SAFE_NO_PAD.encode(bits)
    }

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
        let found = if token.starts_with(PREFIX) {
            self.by_own_token(token, door, request_id).await?
        } else {
            self.by_issuer(token, door, request_id).await?
        };
        Ok(found.map(|actor| Ctx { actor, engine: self.clone(), session: None }))
    }

    /// By a token that this installation issued.
    async fn by_own_token(
        &self,
        token: &str,
        door: Door,
        request_id: &str,
    ) -> Result<std::result::Result<Actor, AuthenticationError>> {
        let Some((id, _)) = token.strip_prefix(PREFIX).and_then(|rest| rest.split_once('_')) else {
            return Ok(Err(AuthenticationError::InvalidToken));
        };
        let Ok(id) = TokenId::parse(id) else {
            return Ok(Err(AuthenticationError::InvalidToken));
        };
        let db = self.db();
        let Some((record, owner)) = db.token_with_owner(&id).await? else {
            return Ok(Err(AuthenticationError::InvalidToken));
        };
        let is_same: bool = hash(token).as_bytes().ct_eq(record.hash.as_bytes()).into();
        if !is_same || record.revoked.is_some() {
            return Ok(Err(AuthenticationError::InvalidToken));
        }
        if record.expires.is_some_and(|expires| expires <= db.now()) {
            return Ok(Err(AuthenticationError::TokenExpired));
        }
        let found = self.actor(owner, record.scope, door, request_id).await?;
        if found.is_ok() && record.used.is_none_or(|used| used.plus_ms(USED_EVERY_MS) <= db.now()) {
            noted(db.touch_token(&record.id).await, request_id);
        }
        Ok(found)
    }

    /// By an access token of an issuer: which application it was issued to decides which client it
    /// is. The client is looked up for every request, so a deleted one's token, however valid, is
    /// refused at once (security.md row 6).
    async fn by_issuer(
        &self,
        token: &str,
        door: Door,
        request_id: &str,
    ) -> Result<std::result::Result<Actor, AuthenticationError>> {
        let (db, identity) = (self.db(), &self.parts.identity);
        let Some(iss) = identity.claimed_issuer(token) else {
            return Ok(Err(AuthenticationError::InvalidToken));
        };
        let Some(issuer) = db.issuer_by_url(&iss).await? else {
            return Ok(Err(AuthenticationError::InvalidToken));
        };
        let claims = match identity.access_claims(&issuer.trusted, token).await {
            Ok(claims) => claims,
            Err(fault) => {
                let issuer = issuer.trusted.id.as_str();
                tracing::info!(issuer.id = issuer, request_id, "a token is refused: {fault}");
                return Ok(Err(fault.into()));
            }
        };
        let application = &claims.application_id;
        let Some(registration) = db.registration_of(&issuer.trusted.id, application).await? else {
            return Ok(Err(AuthenticationError::InvalidToken));
        };
        // A person's token, issued to the same application, names that person here.
        if registration.object_id != claims.object_id {
            return Ok(Err(AuthenticationError::InvalidToken));
        }
        if registration.removed.is_some() {
            return Ok(Err(AuthenticationError::ClientDisabled));
        }
        self.actor_of(&registration.principal_id, None, door, request_id).await
    }

    /// The principal with what it holds now, unless it was disabled or deleted.
    pub(crate) async fn actor_of(
        &self,
        id: &PrincipalId,
        scope: Option<Scope>,
        door: Door,
        request_id: &str,
    ) -> Result<std::result::Result<Actor, AuthenticationError>> {
        let record = self.db().principal(id).await?;
        self.actor(record, scope, door, request_id).await
    }

    async fn actor(
        &self,
        record: Option<PrincipalRecord>,
        scope: Option<Scope>,
        door: Door,
        request_id: &str,
    ) -> Result<std::result::Result<Actor, AuthenticationError>> {
        let Some(record) = record.filter(|record| !record.is_disabled) else {
            return Ok(Err(AuthenticationError::ClientDisabled));
        };
        let permissions = Permissions { scope, ..self.db().permissions(&record).await? };
        let request_id = request_id.to_owned();
        Ok(Ok(Actor { principal: record.principal, permissions, door, request_id }))
    }

    /// Records a failed authentication, and how many were not recorded since the last one.
    pub async fn record_failed_authentication(
        &self,
        error: AuthenticationError,
        unrecorded: u64,
        request_id: &str,
    ) -> Result<()> {
        let detail = match unrecorded {
            0 => json!({}),
            more => json!({ "unrecorded_before": more }),
        };
        let denied = Denied {
            principal_id: String::new(),
            principal_kind: "anonymous",
            door: Door::Http.name(),
            action: "authenticate".to_owned(),
            reason: error.code().to_owned(),
            request_id: request_id.to_owned(),
            entry: AuditEntry { event: "auth.failed", entity: None, detail },
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
