//! Operations that the target has not ended: it knows them by a token, waits for a person, or is an
//! app that was asked by a webhook and has not answered.
//!
//! What was written down before the target heard of it, and how often it was asked, is in
//! `memberships`.

use grantry_model::clock::UnixMs;
use grantry_model::ids::MembershipId;

use crate::db::{Db, Tx, args};
use crate::memberships::operation;
use crate::{Result, StoredOperation, statements};

/// Open operations of one membership that are looked at in one turn.
const OPEN_MAX: u32 = 20;

statements! {
    OPEN = "SELECT id, membership_id, verb, state, attempts, started_ms, finished_ms, outcome, token, attempted_ms, open_until_ms FROM operations WHERE membership_id = $1 AND id <> $2 AND state <> 'confirmed' AND (token IS NOT NULL OR open_until_ms > $3 OR EXISTS (SELECT 1 FROM callbacks c WHERE c.operation_id = operations.id AND c.answered_ms IS NULL AND c.expires_ms > $3)) ORDER BY started_ms, id LIMIT $4";
    /// The target was asked, or a person was to do it there, or might by a ticket.
    LAST_ASKED = "SELECT MAX(a.at_ms) FROM (SELECT COALESCE(attempted_ms, started_ms) AS at_ms FROM operations WHERE membership_id = $1 AND attempts > 0 UNION ALL SELECT COALESCE(decided_ms, created_ms) AS at_ms FROM tasks WHERE membership_id = $1 UNION ALL SELECT t.looked_ms AS at_ms FROM tickets t JOIN operations p ON p.id = t.operation_id WHERE p.membership_id = $1 AND p.verb = 'grant') a";
    SET_TOKEN = "UPDATE operations SET token = $2 WHERE id = $1";
    SET_OPEN_UNTIL = "UPDATE operations SET open_until_ms = $2 WHERE id = $1";
    SETTLE = "UPDATE operations SET token = NULL, open_until_ms = NULL WHERE id = $1";
    SETTLE_ALL = "UPDATE operations SET token = NULL, open_until_ms = NULL WHERE membership_id = $1 AND (token IS NOT NULL OR open_until_ms IS NOT NULL)";
    ADOPT = "UPDATE operations SET attempts = 1, token = (SELECT o.token FROM operations o WHERE o.id = $2), open_until_ms = (SELECT o.open_until_ms FROM operations o WHERE o.id = $2), attempted_ms = (SELECT o.attempted_ms FROM operations o WHERE o.id = $2) WHERE id = $1";
    /// Waits for whoever changes the membership now, before the job is locked: changes take the two
    /// in the same order.
    LOCK_MEMBERSHIP = "UPDATE memberships SET version = version WHERE id = $1 RETURNING version, ends_ms";
}

impl Db {
    /// Operations of a membership, but for the one named, that may still take effect by themselves.
    pub async fn open_operations(
        &self,
        membership: &MembershipId,
        except: &str,
    ) -> Result<Vec<StoredOperation>> {
        let args = args![membership.as_str(), except, self.now(), OPEN_MAX];
        self.fetch(OPEN, args).await?.iter().map(operation).collect()
    }

    /// When the target, or a person, was last asked to do something about a membership there.
    pub async fn last_asked(&self, membership: &MembershipId) -> Result<Option<UnixMs>> {
        let row = self.fetch_one(LAST_ASKED, args![membership.as_str()]).await?;
        row.map_or(Ok(None), |row| row.time_or_null(0))
    }
}

impl Tx {
    /// Keeps a membership as it is until the transaction ends; tells its version and its end.
    /// Taken before the job ([`Tx::hold`]), as changes of a membership do.
    pub async fn lock_membership(
        &mut self,
        id: &MembershipId,
    ) -> Result<Option<(i64, Option<UnixMs>)>> {
        let row = self.fetch_one(LOCK_MEMBERSHIP, args![id.as_str()]).await?;
        row.map(|row| Ok((row.int(0)?, row.time_or_null(1)?))).transpose()
    }

    /// Writes down by which token the target knows an operation that it works on.
    pub async fn set_operation_token(&mut self, operation: &str, token: &str) -> Result<()> {
        self.execute(SET_TOKEN, args![operation, token]).await.map(drop)
    }

    /// Writes down until when an operation may take effect that the target gave no token.
    pub async fn set_operation_open(&mut self, operation: &str, until: UnixMs) -> Result<()> {
        self.execute(SET_OPEN_UNTIL, args![operation, until]).await.map(drop)
    }

    /// Nothing comes of an operation by itself any more.
    pub async fn settle_operation(&mut self, operation: &str) -> Result<()> {
        self.execute(SETTLE, args![operation]).await.map(drop)
    }

    /// Nothing comes of any operation of a membership by itself any more.
    pub async fn settle_operations(&mut self, membership: &MembershipId) -> Result<()> {
        self.execute(SETTLE_ALL, args![membership.as_str()]).await?;
        self.forget_all_callbacks(membership).await
    }

    /// Goes on with what the target was asked for by an operation before: it is not ordered anew.
    pub async fn adopt_operation(&mut self, operation: &str, before: &str) -> Result<()> {
        self.execute(ADOPT, args![operation, before]).await?;
        self.adopt_callbacks(operation, before).await?;
        self.adopt_tickets(operation, before).await?;
        self.settle_operation(before).await
    }
}
