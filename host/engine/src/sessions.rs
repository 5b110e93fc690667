//! Sessions of people who signed in: begun, looked up, ended.
//!
//! A browser holds 256 random bits; the store keeps their SHA-256. A session ends after an hour
//! without use, twelve hours after it began, when its owner says so, or when its owner is disabled.

use grantry_authz::{Actor, Door};
use grantry_model::clock::UnixMs;
use grantry_model::ids::{IssuerId, SessionId};
use grantry_model::secret::Secret;
use grantry_store::{AuditEntry, PrincipalRecord, Session};
use serde_json::json;

use crate::authentication::{USED_EVERY_MS, hash, noted};
use crate::{AuthenticationError, Ctx, Engine, EngineError, Page, PageQuery, Result};

/// For how long a session may lie unused, in milliseconds: an hour.
pub const SESSION_IDLE_MS: i64 = 3_600_000;
/// For how long a session lasts at most, in milliseconds: twelve hours.
pub const SESSION_LIFE_MS: i64 = 12 * 3_600_000;

/// What a request must repeat in a header when its browser's cookie is all that proves who sends
/// it: another site can make a browser send the cookie, but cannot know this.
pub fn csrf_token(secret: &str) -> String {
    let key = blake3::derive_key("grantry csrf token of a session", secret.as_bytes());
    hex::encode(&key[..16])
}

/// What an issuer tells of a person who signs in.
pub(crate) struct Told<'a> {
    pub name: Option<&'a str>,
    pub user_name: &'a str,
    /// A mail address that the issuer has verified.
    pub mail: Option<&'a str>,
}

/// A session as far as its owner may see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionView {
    /// The stored session.
    pub session: Session,
    /// When it ends without use.
    pub idle_end: UnixMs,
    /// When it ends at the latest.
    pub end: UnixMs,
    /// Whether the request came with it.
    pub is_current: bool,
}

impl SessionView {
    fn of(session: Session, current: Option<&Session>) -> Self {
        Self {
            idle_end: session.used.plus_ms(SESSION_IDLE_MS),
            end: session.created.plus_ms(SESSION_LIFE_MS),
            is_current: current.is_some_and(|current| current.id == session.id),
            session,
        }
    }
}

impl Engine {
    /// The actor behind a session's secret.
    pub async fn authenticate_session(
        &self,
        secret: &str,
        request_id: &str,
    ) -> Result<std::result::Result<Ctx, AuthenticationError>> {
        let db = self.db();
        let Some(session) = db.session(&hash(secret)).await? else {
            return Ok(Err(AuthenticationError::SessionEnded));
        };
        let now = db.now();
        let view = SessionView::of(session.clone(), None);
        if view.idle_end <= now || view.end <= now {
            return Ok(Err(AuthenticationError::SessionEnded));
        }
        if session.used.plus_ms(USED_EVERY_MS) <= now {
            noted(db.touch_session(&session.id).await, request_id);
        }
        let found = self.actor_of(&session.principal_id, None, Door::Http, request_id).await?;
        Ok(found.map(|actor| Ctx { actor, engine: self.clone(), session: Some(session) }))
    }

    /// Begins a session of a person who has just proven who they are, and ends the one that the
    /// browser had before. The secret is told to the browser and kept nowhere.
    pub(crate) async fn begin_session(
        &self,
        person: PrincipalRecord,
        issuer_id: Option<IssuerId>,
        told: Option<Told<'_>>,
        previous: Option<&str>,
        request_id: &str,
    ) -> Result<(Ctx, Secret)> {
        let db = self.db();
        let permissions = db.permissions(&person).await?;
        let (door, request_id) = (Door::Http, request_id.to_owned());
        let actor = Actor { principal: person.principal, permissions, door, request_id };
        let permit = actor.permit_own()?;
        let mut bits = [0_u8; 32];
        db.random().fill(&mut bits);
        let secret = Secret::new(hex::encode(bits));
        let now = db.now();
        let session = Session {
            id: SessionId::fresh(db.clock(), db.random()),
            principal_id: actor.principal.id.clone(),
            issuer_id,
            created: now,
            used: now,
        };
        let mut tx = db.begin(permit.provenance()).await?;
        if let Some(previous) = previous {
            tx.replace_session(&permit, previous).await?;
        }
        tx.create_session(&permit, &session, &hash(secret.expose())).await?;
        if let Some(told) = told {
            tx.person_signed_in(&permit, told.name, told.user_name, told.mail).await?;
        }
        let detail = json!({ "session": session.id, "issuer": session.issuer_id });
        let owner = actor.principal.id.to_string();
        tx.commit(AuditEntry::about("session.started", "person", &owner, detail)).await?;
        Ok((Ctx { actor, engine: self.clone(), session: Some(session) }, secret))
    }

    /// Forgets sessions that have ended by themselves.
    pub(crate) async fn expire_sessions(&self) -> Result<()> {
        let since = |ms: i64| UnixMs(self.db().now().0.saturating_sub(ms));
        Ok(self.db().expire_sessions(since(SESSION_IDLE_MS), since(SESSION_LIFE_MS)).await?)
    }
}

impl Ctx {
    /// The session that the request came with.
    pub fn current_session(&self) -> Option<SessionView> {
        let session = self.session.clone()?;
        Some(SessionView::of(session, self.session.as_ref()))
    }

    /// The caller's own sessions, in order of their beginning.
    pub async fn list_own_sessions(&self, query: &PageQuery) -> Result<Page<SessionView>> {
        self.permit_own().await?;
        let owner = &self.actor.principal.id;
        let list = format!("sessions {owner}");
        let after = self.engine.position(&list, query.cursor.as_deref())?;
        let rows = self.db().list_sessions(owner, &after, query.limit + 1).await?;
        let now = self.db().now();
        let page = self.engine.page(&list, rows, query.limit, |row| row.id.to_string());
        let view = |row| SessionView::of(row, self.session.as_ref());
        let is_alive = |view: &SessionView| view.idle_end > now && view.end > now;
        Ok(Page {
            items: page.items.into_iter().map(view).filter(is_alive).collect(),
            next: page.next,
        })
    }

    /// Ends one of the caller's own sessions.
    pub async fn end_own_session(&self, id: &SessionId) -> Result<()> {
        let permit = self.permit_own().await?;
        let mut tx = self.db().begin(permit.provenance()).await?;
        if !tx.end_session(&permit, id).await? {
            return Err(EngineError::NotFound { what: "session" });
        }
        let owner = self.actor.principal.id.as_str();
        let detail = json!({ "session": id });
        tx.commit(AuditEntry::about("session.ended", "person", owner, detail)).await?;
        Ok(())
    }

    /// Ends all of the caller's own sessions: sign out everywhere.
    pub async fn end_own_sessions(&self) -> Result<()> {
        let permit = self.permit_own().await?;
        let mut tx = self.db().begin(permit.provenance()).await?;
        let ended = tx.end_sessions(&permit).await?;
        let owner = self.actor.principal.id.as_str();
        let detail = json!({ "sessions_ended": ended });
        tx.commit(AuditEntry::about("session.ended", "person", owner, detail)).await?;
        Ok(())
    }

    /// Ends the session that the request came with; without one there is nothing to end.
    pub async fn sign_out(&self) -> Result<()> {
        match &self.session {
            Some(session) => self.end_own_session(&session.id.clone()).await,
            None => self.permit_own().await.map(drop),
        }
    }
}
