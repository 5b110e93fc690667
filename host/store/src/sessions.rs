//! Sessions of people who signed in. What the browser holds is kept as its hash.

use grantry_authz::{Permit, actions};
use grantry_model::clock::UnixMs;
use grantry_model::ids::{IssuerId, PrincipalId, SessionId};

use crate::db::{Db, Row, Tx, args};
use crate::{Result, statements};

/// A stored session.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Session {
    pub id: SessionId,
    pub principal_id: PrincipalId,
    /// Where the person signed in; `None` for the local admin.
    pub issuer_id: Option<IssuerId>,
    pub created: UnixMs,
    /// When it was last used, to the minute.
    pub used: UnixMs,
}

statements! {
    INSERT = "INSERT INTO sessions (id, hash, principal_id, issuer_id, created_ms, used_ms) VALUES ($1, $2, $3, $4, $5, $5)";
    GET = "SELECT id, principal_id, issuer_id, created_ms, used_ms FROM sessions WHERE hash = $1";
    LIST = "SELECT id, principal_id, issuer_id, created_ms, used_ms FROM sessions WHERE principal_id = $1 AND id > $2 ORDER BY id LIMIT $3";
    TOUCH = "UPDATE sessions SET used_ms = $2 WHERE id = $1";
    END = "DELETE FROM sessions WHERE id = $1 AND principal_id = $2";
    REPLACE = "DELETE FROM sessions WHERE hash = $1";
    END_ALL = "DELETE FROM sessions WHERE principal_id = $1";
    /// Those that began with a token, but for the one that says so.
    END_OF_TOKENS = "DELETE FROM sessions WHERE principal_id = $1 AND issuer_id IS NULL AND id <> $2";
    EXPIRE = "DELETE FROM sessions WHERE used_ms < $1 OR created_ms < $2";
}

fn session(row: &Row) -> Result<Session> {
    Ok(Session {
        id: row.parsed(0, "session id", |text| SessionId::parse(text).ok())?,
        principal_id: row.parsed(1, "principal id", |text| PrincipalId::parse(text).ok())?,
        issuer_id: row.text_or_null(2)?.and_then(|text| IssuerId::parse(&text).ok()),
        created: row.time(3)?,
        used: row.time(4)?,
    })
}

impl Db {
    /// The session whose secret has that hash.
    pub async fn session(&self, hash: &str) -> Result<Option<Session>> {
        self.fetch_one(GET, args![hash]).await?.as_ref().map(session).transpose()
    }

    /// A person's sessions after the given id, in order of their ids.
    pub async fn list_sessions(
        &self,
        principal: &PrincipalId,
        after: &str,
        limit: u32,
    ) -> Result<Vec<Session>> {
        let rows = self.fetch(LIST, args![principal.as_str(), after, limit]).await?;
        rows.iter().map(session).collect()
    }

    /// Notes that a session is in use.
    pub async fn touch_session(&self, id: &SessionId) -> Result<()> {
        let mut tx = self.begin_housekeeping().await?;
        tx.execute(TOUCH, args![id.as_str(), self.now()]).await?;
        tx.commit().await
    }

    /// Forgets sessions that were not used since the first moment, or began before the second.
    pub async fn expire_sessions(&self, used_since: UnixMs, begun_since: UnixMs) -> Result<()> {
        let mut tx = self.begin_housekeeping().await?;
        tx.execute(EXPIRE, args![used_since, begun_since]).await?;
        tx.commit().await
    }
}

impl Tx {
    /// Ends the sessions of the permit's person that began with a token, all but one.
    pub async fn end_sessions_of_tokens(
        &mut self,
        permit: &Permit<actions::OwnAccount>,
        but: &str,
    ) -> Result<u64> {
        let owner = permit.provenance().principal_id.as_str();
        self.execute(END_OF_TOKENS, args![owner, but]).await
    }

    /// Begins a session of the person who acts.
    pub async fn create_session(
        &mut self,
        permit: &Permit<actions::OwnAccount>,
        new: &Session,
        hash: &str,
    ) -> Result<()> {
        let owner = permit.provenance().principal_id.as_str();
        let issuer = new.issuer_id.as_ref().map(IssuerId::as_str);
        self.execute(INSERT, args![new.id.as_str(), hash, owner, issuer, new.created])
            .await
            .map(drop)
    }

    /// Ends the session that the browser of the person who acts had before, whoever's it was.
    pub async fn replace_session(
        &mut self,
        _: &Permit<actions::OwnAccount>,
        hash: &str,
    ) -> Result<()> {
        self.execute(REPLACE, args![hash]).await.map(drop)
    }

    /// Ends a session of the person who acts; false if there is none with that id.
    pub async fn end_session(
        &mut self,
        permit: &Permit<actions::OwnAccount>,
        id: &SessionId,
    ) -> Result<bool> {
        let owner = permit.provenance().principal_id.as_str();
        Ok(self.execute(END, args![id.as_str(), owner]).await? > 0)
    }

    /// Ends all sessions of the person who acts; returns how many.
    pub async fn end_sessions(&mut self, permit: &Permit<actions::OwnAccount>) -> Result<u64> {
        let owner = permit.provenance().principal_id.clone();
        self.execute(END_ALL, args![owner.as_str()]).await
    }

    /// Ends all sessions of a person who is disabled.
    pub async fn end_sessions_of(
        &mut self,
        _: &Permit<actions::PersonWrite>,
        person: &PrincipalId,
    ) -> Result<u64> {
        self.execute(END_ALL, args![person.as_str()]).await
    }
}
