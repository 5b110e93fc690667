//! Webhooks that bring changes of access to homegrown apps, and the callbacks that the apps may use
//! (PRV-5).

use grantry_authz::{Permit, actions};
use grantry_model::clock::UnixMs;
use grantry_model::delivery::AppWebhook;
use grantry_model::ids::{IntegrationId, MembershipId};

use crate::db::{Db, Row, Tx, args, json};
use crate::{Result, StoreError, statements};

/// The webhook of an integration.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the columns of the table")]
pub struct StoredAppWebhook {
    pub settings: AppWebhook,
    /// Where apps find this server.
    pub public_url: String,
    pub is_enabled: bool,
    pub disabled_reason: Option<String>,
    /// Grows with every change, from 2.
    pub version: i64,
}

/// How an operation stands whose app may answer by a callback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoredCallback {
    /// It was told an address, and has not used it.
    Awaited,
    /// It has.
    Said {
        /// Whether the change was made.
        is_done: bool,
        /// The app's words.
        detail: String,
    },
}

statements! {
    GET = "SELECT settings, public_url, is_enabled, disabled_reason, version FROM app_webhooks WHERE integration_id = $1";
    INSERT = "INSERT INTO app_webhooks (integration_id, settings, public_url, is_enabled, disabled_reason, version) VALUES ($1, $2, $3, 1, NULL, 2) ON CONFLICT (integration_id) DO NOTHING";
    UPDATE = "UPDATE app_webhooks SET settings = $2, public_url = $3, is_enabled = 1, disabled_reason = NULL, version = version + 1 WHERE integration_id = $1 AND version = $4";
    DELETE = "DELETE FROM app_webhooks WHERE integration_id = $1";
    LOCK = "UPDATE app_webhooks SET version = version WHERE integration_id = $1";
    /// Only the one that was asked: an admin may have set another one meanwhile.
    DISABLE = "UPDATE app_webhooks SET is_enabled = 0, disabled_reason = $3, version = version + 1 WHERE integration_id = $1 AND version = $2 AND is_enabled = 1";
    ADD_CALLBACK = "INSERT INTO callbacks (token_hash, operation_id, expires_ms, is_done, detail, answered_ms) VALUES ($1, $2, $3, NULL, NULL, NULL)";
    OF_CALLBACK = "SELECT p.membership_id, p.id FROM callbacks c JOIN operations p ON p.id = c.operation_id WHERE c.token_hash = $1";
    /// Used once, for an operation that is not over.
    ANSWER = "UPDATE callbacks SET is_done = $2, detail = $3, answered_ms = $4 WHERE token_hash = $1 AND answered_ms IS NULL AND expires_ms > $4 \
        AND EXISTS (SELECT 1 FROM operations p WHERE p.id = callbacks.operation_id AND p.state = 'intended') \
        AND NOT EXISTS (SELECT 1 FROM callbacks o WHERE o.operation_id = callbacks.operation_id AND o.answered_ms IS NOT NULL)";
    STANDING = "SELECT is_done, detail FROM callbacks WHERE operation_id = $1 ORDER BY CASE WHEN answered_ms IS NULL THEN 1 ELSE 0 END LIMIT 1";
    /// Unless the callback was faster than the answer.
    AWAIT = "UPDATE operations SET open_until_ms = $2 WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM callbacks c WHERE c.operation_id = $1 AND c.answered_ms IS NOT NULL)";
    FORGET_ONE = "DELETE FROM callbacks WHERE token_hash = $1";
    /// An app that was asked for longer ago has nothing to say any more.
    FORGET_EXPIRED = "DELETE FROM callbacks WHERE operation_id = $1 AND answered_ms IS NULL AND expires_ms <= $2";
    /// Access that an app was asked to give and may give yet.
    MAY_BE_GIVEN = "SELECT 1 FROM callbacks c JOIN operations p ON p.id = c.operation_id WHERE p.membership_id = $1 AND p.verb = 'grant' AND c.answered_ms IS NULL AND c.expires_ms > $2 LIMIT 1";
    IS_AWAITED = "SELECT 1 FROM callbacks WHERE operation_id = $1 AND answered_ms IS NULL AND expires_ms > $2 LIMIT 1";
    /// Whoever was asked by another way meanwhile, and knows the operation by a token, still does.
    ANSWERED = "UPDATE operations SET open_until_ms = NULL WHERE id = $1";
    FORGET = "DELETE FROM callbacks WHERE operation_id = $1";
    FORGET_ALL = "DELETE FROM callbacks WHERE operation_id IN (SELECT id FROM operations WHERE membership_id = $1)";
    ADOPT = "UPDATE callbacks SET operation_id = $1 WHERE operation_id = $2";
    ROUND = "SELECT round FROM operations WHERE id = $1";
    NEXT_ROUND = "UPDATE operations SET round = round + 1, open_until_ms = NULL WHERE id = $1";
}

fn webhook(row: &Row) -> Result<StoredAppWebhook> {
    Ok(StoredAppWebhook {
        settings: row.json(0, "webhook of an app")?,
        public_url: row.text(1)?,
        is_enabled: row.is_true(2)?,
        disabled_reason: row.text_or_null(3)?,
        version: row.int(4)?,
    })
}

fn of_callback(row: &Row) -> Result<(MembershipId, String)> {
    let membership = row.parsed(0, "membership id", |id| MembershipId::parse(id).ok())?;
    Ok((membership, row.text(1)?))
}

impl Db {
    /// The webhook of an integration, if it has one.
    pub async fn app_webhook(&self, id: &IntegrationId) -> Result<Option<StoredAppWebhook>> {
        self.fetch_one(GET, args![id.as_str()]).await?.as_ref().map(webhook).transpose()
    }

    /// Whose operation a callback is about, whether or not it can still be used.
    pub async fn membership_of_callback(&self, token_hash: &str) -> Result<Option<MembershipId>> {
        let row = self.fetch_one(OF_CALLBACK, args![token_hash]).await?;
        Ok(row.as_ref().map(of_callback).transpose()?.map(|(membership, _)| membership))
    }

    /// What an app said of an operation; `None` if it has no address to say it at.
    pub async fn callback(&self, operation: &str) -> Result<Option<StoredCallback>> {
        let Some(row) = self.fetch_one(STANDING, args![operation]).await? else { return Ok(None) };
        Ok(Some(match row.int_or_null(0)? {
            None => StoredCallback::Awaited,
            Some(is_done) => StoredCallback::Said { is_done: is_done == 1, detail: row.text(1)? },
        }))
    }

    /// Whether an app that was asked to give this access may do so yet.
    pub async fn may_be_given(&self, membership: &MembershipId) -> Result<bool> {
        let row = self.fetch_one(MAY_BE_GIVEN, args![membership.as_str(), self.now()]).await?;
        Ok(row.is_some())
    }
}

impl Tx {
    /// The webhook of an integration as this transaction sees it.
    pub async fn app_webhook(&mut self, id: &IntegrationId) -> Result<Option<StoredAppWebhook>> {
        self.fetch_one(GET, args![id.as_str()]).await?.as_ref().map(webhook).transpose()
    }

    /// Sets an integration's webhook that is still at that version, which is 1 where there is none.
    pub async fn set_app_webhook(
        &mut self,
        _: &Permit<actions::IntegrationWrite>,
        id: &IntegrationId,
        version: i64,
        (settings, public_url): (&AppWebhook, &str),
    ) -> Result<()> {
        let (of, settings) = (id.as_str(), json("webhook of an app", settings)?);
        let written = match version {
            1 => self.execute(INSERT, args![of, &settings, public_url]).await?,
            _ => self.execute(UPDATE, args![of, &settings, public_url, version]).await?,
        };
        let what = "webhook";
        if written == 1 { Ok(()) } else { Err(StoreError::VersionConflict { what }) }
    }

    /// Removes an integration's webhook; false if there is none.
    pub async fn delete_app_webhook(
        &mut self,
        _: &Permit<actions::IntegrationWrite>,
        id: &IntegrationId,
    ) -> Result<bool> {
        Ok(self.execute(DELETE, args![id.as_str()]).await? == 1)
    }

    /// Keeps an integration's webhook until the transaction ends; false if there is none.
    pub async fn lock_app_webhook(&mut self, id: &IntegrationId) -> Result<bool> {
        Ok(self.execute(LOCK, args![id.as_str()]).await? == 1)
    }

    /// Uses a webhook that is still at that version no more. False if that is so already.
    pub async fn disable_app_webhook(
        &mut self,
        id: &IntegrationId,
        version: i64,
        reason: &str,
    ) -> Result<bool> {
        Ok(self.execute(DISABLE, args![id.as_str(), version, reason]).await? == 1)
    }

    /// Keeps the hash of a token by which an app may answer until then.
    pub async fn add_callback(
        &mut self,
        operation: &str,
        token_hash: &str,
        expires: UnixMs,
    ) -> Result<()> {
        let now = self.now();
        self.execute(FORGET_EXPIRED, args![operation, now]).await?;
        self.execute(ADD_CALLBACK, args![token_hash, operation, expires]).await.map(drop)
    }

    /// The request with that callback was answered; false if an earlier one of the operation was not,
    /// and may have been taken in.
    pub async fn answer_attempt(&mut self, operation: &str, token_hash: &str) -> Result<bool> {
        self.execute(FORGET_ONE, args![token_hash]).await?;
        let now = self.now();
        Ok(self.fetch_one(IS_AWAITED, args![operation, now]).await?.is_none())
    }

    /// An app took an operation in: nothing else is done about it until then, or until it has said
    /// what became of it.
    pub async fn await_callback(&mut self, operation: &str, until: UnixMs) -> Result<()> {
        self.execute(AWAIT, args![operation, until]).await.map(drop)
    }

    /// How often an app has answered an operation for good.
    pub async fn operation_round(&mut self, operation: &str) -> Result<i64> {
        let row = self.fetch_one(ROUND, args![operation]).await?;
        row.ok_or(StoreError::NotFound { what: "operation" })?.int(0)
    }

    /// An app has answered an operation for good, which is not at its end: it would be asked anew.
    pub async fn begin_round(&mut self, operation: &str) -> Result<()> {
        self.forget_callbacks(operation).await?;
        self.execute(NEXT_ROUND, args![operation]).await.map(drop)
    }

    /// Nothing that an app says of an operation is heard any more.
    pub(crate) async fn forget_callbacks(&mut self, operation: &str) -> Result<()> {
        self.execute(FORGET, args![operation]).await.map(drop)
    }

    /// Nothing that an app says of any operation of a membership is heard any more.
    pub(crate) async fn forget_all_callbacks(&mut self, membership: &MembershipId) -> Result<()> {
        self.execute(FORGET_ALL, args![membership.as_str()]).await.map(drop)
    }

    /// What an app says of an operation is about the one that goes on with it.
    pub(crate) async fn adopt_callbacks(&mut self, operation: &str, before: &str) -> Result<()> {
        self.execute(ADOPT, args![operation, before]).await.map(drop)
    }

    /// Takes an app's answer about an operation of the membership, and lets its job go on; tells which.
    /// `None` if the token is not known, was used, or is too old. Locks the membership, then the job,
    /// as changes of memberships do.
    pub async fn take_callback(
        &mut self,
        membership: &MembershipId,
        token_hash: &str,
        (is_done, detail): (bool, &str),
    ) -> Result<Option<String>> {
        let now = self.now();
        self.lock_membership(membership).await?;
        self.hasten_queue(&format!("provision/{membership}")).await?;
        if self.execute(ANSWER, args![token_hash, is_done, detail, now]).await? == 0 {
            return Ok(None);
        }
        let row = self.fetch_one(OF_CALLBACK, args![token_hash]).await?;
        let row = row.ok_or(StoreError::NotFound { what: "operation" })?;
        let (_, operation) = of_callback(&row)?;
        self.execute(ANSWERED, args![&operation]).await?;
        Ok(Some(operation))
    }
}
