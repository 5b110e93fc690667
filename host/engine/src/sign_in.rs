//! People sign in: by an issuer (authorization code with PKCE), or with the local admin's token.
//!
//! What has to be remembered while the browser is at the issuer travels in the browser's own cookie,
//! sealed with the key ring: nobody can fill a table by beginning sign-ins (ADR 10).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use grantry_authz::{Door, Permit, Role};
use grantry_model::clock::UnixMs;
use grantry_model::ids::{IssuerId, PrincipalId};
use grantry_model::oidc::{PersonClaims, ProviderFault, SignInRequest, TokenFault};
use grantry_model::permission::{Principal, PrincipalKind};
use grantry_model::secret::Secret;
use grantry_store::{
    AuditEntry, Denied, Issuer, NewPerson, NewPrincipal, Person, PersonIdentity, PrincipalRecord,
    StoreError,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use subtle::ConstantTimeEq as _;

use crate::authentication::hash;
use crate::channels::check_address;
use crate::issuers::ISSUERS_MAX;
use crate::sessions::Told;
use crate::{AuthenticationError, Ctx, Engine, EngineError, Result};

/// How long a person may take at the issuer, in milliseconds.
const SIGN_IN_MS_MAX: i64 = 10 * 60_000;
/// Longest path that a browser is sent to afterwards, in bytes.
const RETURN_BYTES_MAX: usize = 500;
/// What the cookie is sealed to.
const PLACE: &str = "sign_in";

/// Why a sign-in does not succeed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignInRefusal {
    /// The answer is not the one to a sign-in that this browser began, or the issuer vouches for
    /// nobody. Deliberately no more than that.
    #[error("the sign-in could not be completed: begin again")]
    Failed,
    /// The issuer vouches for somebody who is not known here.
    #[error(
        "you are not known here yet, and this issuer does not let people sign up: ask an admin"
    )]
    SignUpNotAllowed,
    /// The person is disabled.
    #[error("the owner of this token or session was disabled or deleted")]
    Disabled,
    /// The issuer does not answer.
    #[error("{0}")]
    Provider(ProviderFault),
}

impl SignInRefusal {
    /// Its problem's code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Failed => "sign_in_failed",
            Self::SignUpNotAllowed => "sign_up_not_allowed",
            Self::Disabled => "client_disabled",
            Self::Provider(_) => "issuer_unavailable",
        }
    }
}

/// An issuer that people can sign in by.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct SignInOffer {
    pub id: IssuerId,
    pub name: String,
}

/// A sign-in that has begun: where the browser goes, and what it brings back.
pub struct Begun {
    /// The issuer's page.
    pub url: String,
    /// For the browser's cookie.
    pub cookie: Secret,
}

/// What the browser brings back from the issuer.
#[derive(Debug, Clone, Default)]
#[expect(missing_docs, reason = "the names are those of RFC 6749 and RFC 9207")]
pub struct Returned {
    pub state: String,
    pub code: Option<String>,
    pub iss: Option<String>,
}

/// A person who has signed in.
pub struct SignedIn {
    /// With the new session.
    pub ctx: Ctx,
    /// For the browser's cookie.
    pub secret: Secret,
    /// Where the browser wanted to go.
    pub return_to: String,
}

/// The sealed content of the browser's cookie.
#[derive(Serialize, Deserialize)]
struct Pending {
    issuer: IssuerId,
    state: String,
    nonce: String,
    verifier: String,
    return_to: String,
    /// The session that the browser had: it ends with the new one. Coming back from the issuer, the
    /// browser does not show it.
    previous: Option<String>,
    ends: UnixMs,
}

/// A path on this server: not `//host`, nor anything that a browser takes for another place.
fn is_own_path(path: &str) -> bool {
    let is_plain = path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    let is_path = path.starts_with('/') && !path.starts_with("//");
    is_path && is_plain && path.len() <= RETURN_BYTES_MAX
}

impl Engine {
    /// Issuers that people can sign in by, for everybody to see.
    pub async fn sign_in_offers(&self) -> Result<Vec<SignInOffer>> {
        let issuers = self.db().list_issuers("", ISSUERS_MAX).await?;
        let offer = |issuer: Issuer| SignInOffer { id: issuer.trusted.id, name: issuer.name };
        let issuers = issuers.into_iter().filter(|issuer| issuer.trusted.client_id.is_some());
        Ok(issuers.map(offer).collect())
    }

    /// Begins a sign-in by an issuer, in a browser that may hold a session already.
    pub async fn begin_sign_in(
        &self,
        issuer: &IssuerId,
        return_to: &str,
        redirect_uri: &str,
        session: Option<&str>,
    ) -> Result<Begun> {
        if !is_own_path(return_to) {
            let message = "must be a path on this server, such as `/`";
            return Err(EngineError::field("?return_to", "invalid_path", message));
        }
        let found = self.db().issuer(issuer).await?;
        let found = found.filter(|issuer| issuer.trusted.client_id.is_some());
        let found = found.ok_or(EngineError::NotFound { what: "issuer" })?;
        let fresh = || self.fresh_token();
        let pending = Pending {
            issuer: issuer.clone(),
            state: fresh(),
            nonce: fresh(),
            verifier: fresh(),
            return_to: return_to.to_owned(),
            previous: session.map(hash),
            ends: self.db().now().plus_ms(SIGN_IN_MS_MAX),
        };
        let request = request(&pending, redirect_uri);
        let url = self.parts.identity.sign_in_url(&found.trusted, &request);
        let url = url.await.map_err(|fault| refused(TokenFault::Provider(fault)))?;
        let text = serde_json::to_string(&pending).map_err(|_| EngineError::Interrupted)?;
        let sealed = self.parts.keys.seal(self.db().random(), PLACE, &Secret::new(text));
        Ok(Begun { url, cookie: Secret::new(URL_SAFE_NO_PAD.encode(sealed)) })
    }

    /// Completes a sign-in with what the browser brings back, and begins a session. A refusal is in
    /// the audit log.
    pub async fn finish_sign_in(
        &self,
        cookie: Option<&str>,
        returned: &Returned,
        redirect_uri: &str,
        request_id: &str,
    ) -> Result<SignedIn> {
        let outcome = self.finish(cookie, returned, redirect_uri, request_id).await;
        if let Err(EngineError::SignInRefused(refusal)) = &outcome {
            self.record_refused_sign_in(refusal.code(), request_id).await?;
        }
        outcome
    }

    async fn finish(
        &self,
        cookie: Option<&str>,
        returned: &Returned,
        redirect_uri: &str,
        request_id: &str,
    ) -> Result<SignedIn> {
        let failed = || EngineError::SignInRefused(SignInRefusal::Failed);
        let pending = cookie.and_then(|cookie| self.open(cookie)).ok_or_else(failed)?;
        let is_ours: bool = pending.state.as_bytes().ct_eq(returned.state.as_bytes()).into();
        if !is_ours || pending.ends <= self.db().now() {
            return Err(failed());
        }
        let issuer = self.db().issuer(&pending.issuer).await?.ok_or_else(failed)?;
        // An answer that names another issuer was mixed up on the way (RFC 9207).
        if returned.iss.as_ref().is_some_and(|iss| *iss != issuer.trusted.url) {
            return Err(failed());
        }
        let code = returned.code.as_deref().ok_or_else(failed)?;
        let secret = self.issuer_secret(&issuer.trusted.id).await?;
        let request = request(&pending, redirect_uri);
        let identity = &self.parts.identity;
        let claims = identity.redeem(&issuer.trusted, secret.as_ref(), &request, code).await;
        let claims = claims.map_err(|fault| {
            tracing::info!(issuer.id = %issuer.trusted.id, request_id, "a sign-in is refused: {fault}");
            refused(fault)
        })?;
        let person = self.person_for(&issuer, &claims, request_id).await?;
        if person.record.is_disabled {
            return Err(EngineError::SignInRefused(SignInRefusal::Disabled));
        }
        let user_name = claims.user_name.as_deref().unwrap_or(&person.user_name);
        let told =
            Told { name: claims.name.as_deref(), user_name, mail: verified_address(&claims) };
        let (issuer, told) = (Some(issuer.trusted.id), Some(told));
        let previous = pending.previous.as_deref();
        let begun = self.begin_session(person.record, issuer, told, previous, request_id).await?;
        Ok(SignedIn { ctx: begun.0, secret: begun.1, return_to: pending.return_to })
    }

    fn open(&self, cookie: &str) -> Option<Pending> {
        let sealed = URL_SAFE_NO_PAD.decode(cookie).ok()?;
        let opened = self.parts.keys.open(PLACE, &sealed).ok()?;
        serde_json::from_str(opened.expose()).ok()
    }

    /// The person whom the issuer vouches for; made now where the issuer lets people sign up.
    async fn person_for(
        &self,
        issuer: &Issuer,
        claims: &PersonClaims,
        request_id: &str,
    ) -> Result<Person> {
        let db = self.db();
        let id = &issuer.trusted.id;
        if let Some(person) = db.person_of(id, &claims.subject).await? {
            return Ok(person);
        }
        if let Some(person) = self.recognize(issuer, claims, request_id).await? {
            return Ok(person);
        }
        if !issuer.allows_sign_up {
            return Err(EngineError::SignInRefused(SignInRefusal::SignUpNotAllowed));
        }
        let name = claims.name.clone().or_else(|| claims.user_name.clone());
        let principal = Principal {
            id: PrincipalId::fresh(db.clock(), db.random()),
            kind: PrincipalKind::Person,
            name: name.unwrap_or_else(|| "Without a name".to_owned()),
        };
        let new = NewPerson {
            principal: NewPrincipal {
                id: principal.id.clone(),
                kind: principal.kind,
                name: principal.name.clone(),
                description: String::new(),
                role: Some(Role::User),
            },
            issuer_id: id.clone(),
            identity: PersonIdentity::Subject(claims.subject.clone()),
            user_name: claims.user_name.clone().unwrap_or_default(),
            mail: None,
        };
        let permit = Permit::for_sign_up(&principal, request_id);
        let work = async {
            let mut tx = db.begin(permit.provenance()).await?;
            tx.create_person(&permit, &new).await?;
            let detail = json!({ "issuer": id, "role": Role::User.name() });
            let entry =
                AuditEntry::about("person.created", "person", principal.id.as_str(), detail);
            tx.commit(entry).await
        };
        match work.await {
            // A second browser of the same person was faster.
            Ok(()) | Err(StoreError::AlreadyExists { .. }) => {}
            // The issuer was removed while the browser was there.
            Err(StoreError::NotFound { .. }) => {
                return Err(EngineError::SignInRefused(SignInRefusal::Failed));
            }
            Err(error) => return Err(error.into()),
        }
        let person = db.person_of(id, &claims.subject).await?;
        person.ok_or(EngineError::NotFound { what: "person" })
    }

    /// The person who was added with the address that the issuer has verified: from now on, the
    /// subject is who it is, and nobody else can come with the same address. `None` if nobody is
    /// expected so, or no more.
    async fn recognize(
        &self,
        issuer: &Issuer,
        claims: &PersonClaims,
        request_id: &str,
    ) -> Result<Option<Person>> {
        let (db, id) = (self.db(), &issuer.trusted.id);
        let Some(mail) = verified_address(claims).map(str::to_ascii_lowercase) else {
            return Ok(None);
        };
        let Some(person) = db.expected_person(id, &mail).await? else { return Ok(None) };
        if person.record.is_disabled {
            return Ok(Some(person));
        }
        let principal = &person.record.principal;
        let permit = Permit::for_sign_up(principal, request_id);
        let user_name = claims.user_name.as_deref().unwrap_or_default();
        let mut tx = db.begin(permit.provenance()).await?;
        let who = (id, claims.subject.as_str());
        match tx.recognize_person(&permit, &principal.id, who, (&mail, user_name)).await {
            Ok(true) => {}
            // Another browser was faster: it is this subject, or somebody else.
            Ok(false) | Err(StoreError::AlreadyExists { .. }) => {
                drop(tx);
                return Ok(db.person_of(id, &claims.subject).await?);
            }
            // The issuer was removed while the browser was there.
            Err(StoreError::NotFound { .. }) => {
                return Err(EngineError::SignInRefused(SignInRefusal::Failed));
            }
            Err(error) => return Err(error.into()),
        }
        let detail = json!({ "issuer": id, "mail": mail, "subject": claims.subject });
        let event = "person.recognized";
        tx.commit(AuditEntry::about(event, "person", principal.id.as_str(), detail)).await?;
        Ok(db.person_of(id, &claims.subject).await?)
    }

    /// Signs a person in with an unscoped token of their own: the local admin's way. A refusal is in
    /// the audit log.
    pub async fn sign_in_with_token(
        &self,
        token: &str,
        previous: Option<&str>,
        request_id: &str,
    ) -> Result<SignedIn> {
        let found = self.authenticate(token, Door::Http, request_id).await?;
        let refusal = match found {
            Ok(ctx) if ctx.actor.permit_own().is_ok() => {
                let record: Option<PrincipalRecord> =
                    self.db().principal(&ctx.actor.principal.id).await?;
                let record = record.ok_or(EngineError::NotFound { what: "person" })?;
                let previous = previous.map(hash);
                let previous = previous.as_deref();
                let begun = self.begin_session(record, None, None, previous, request_id).await?;
                let return_to = "/".to_owned();
                return Ok(SignedIn { ctx: begun.0, secret: begun.1, return_to });
            }
            Err(AuthenticationError::ClientDisabled) => SignInRefusal::Disabled,
            Ok(_) | Err(_) => SignInRefusal::Failed,
        };
        self.record_refused_sign_in(refusal.code(), request_id).await?;
        Err(EngineError::SignInRefused(refusal))
    }

    /// Records a refused sign-in, or that an address has tried too often.
    pub async fn record_refused_sign_in(&self, reason: &str, request_id: &str) -> Result<()> {
        let denied = Denied {
            principal_id: String::new(),
            principal_kind: "anonymous",
            door: Door::Http.name(),
            action: "sign_in".to_owned(),
            reason: reason.to_owned(),
            request_id: request_id.to_owned(),
            entry: AuditEntry { event: "auth.failed", entity: None, detail: json!({}) },
        };
        Ok(self.db().record_denial(&denied).await?)
    }
}

/// The address that the issuer has verified, if it is one that mail can be sent to.
fn verified_address(claims: &PersonClaims) -> Option<&str> {
    claims.verified_mail.as_deref().filter(|mail| check_address("", mail).is_ok())
}

fn refused(fault: TokenFault) -> EngineError {
    EngineError::SignInRefused(match fault {
        TokenFault::Provider(fault) => SignInRefusal::Provider(fault),
        TokenFault::Invalid(_) | TokenFault::Expired | TokenFault::NotYetValid => {
            SignInRefusal::Failed
        }
    })
}

fn request(pending: &Pending, redirect_uri: &str) -> SignInRequest {
    SignInRequest {
        state: Secret::new(pending.state.clone()),
        nonce: Secret::new(pending.nonce.clone()),
        verifier: Secret::new(pending.verifier.clone()),
        redirect_uri: redirect_uri.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_is_sent_to_this_server_only() {
        for path in ["/", "/apps?x=1#top", "/a/b"] {
            assert!(is_own_path(path), "{path}");
        }
        for path in
            ["", "//evil.example", "/\\evil.example", "https://evil.example", "a", "/a b", "/\n"]
        {
            assert!(!is_own_path(path), "{path}");
        }
        assert!(!is_own_path(&format!("/{}", "a".repeat(RETURN_BYTES_MAX))));
    }
}
