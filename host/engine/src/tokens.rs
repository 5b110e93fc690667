//! API tokens that people make for themselves: named, scoped, expiring.
//!
//! A token holds what its scope names *and* its owner holds at the time of use, so taking a role away
//! takes it from the tokens too. With a scoped token no token can be made.

use grantry_authz::Scope;
use grantry_model::clock::UnixMs;
use grantry_model::ids::{PrincipalId, TokenId};
use grantry_store::{AuditEntry, TokenRecord};
use serde_json::json;

use crate::authentication::token_text;
use crate::error::check_name;
use crate::idempotency::Turn;
use crate::{Ctx, EngineError, Idempotent, NewToken, Page, PageQuery, Result};

/// Longest life of a person's token, in milliseconds: a year.
const LIFE_MS_MAX: i64 = 366 * 24 * 3_600_000;

/// A person's token to be made.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the names say it")]
pub struct NewOwnToken {
    pub name: String,
    pub scope: Scope,
    pub expires: UnixMs,
}

impl Ctx {
    /// Makes a token of the caller's own. Its text is told once.
    pub async fn create_own_token(
        &self,
        new: &NewOwnToken,
        request: &Idempotent<'_, TokenRecord>,
    ) -> Result<NewToken> {
        let permit = self.permit_own().await?;
        check_name("/name", &new.name)?;
        self.check_scope(&new.scope)?;
        let now = self.db().now();
        if new.expires <= now || new.expires > now.plus_ms(LIFE_MS_MAX) {
            let message = "must lie between now and a year from now";
            return Err(EngineError::field("/expires_ms", "out_of_range", message));
        }
        let claimed = match self.claim(request).await? {
            Turn::Ours(claimed) => claimed,
            Turn::Answered(answer) => return Ok(NewToken { answer, text: None }),
        };
        let owner = &self.actor.principal.id;
        let (record, text) = token_text(self.db(), owner, Some(new.expires));
        let (name, scope) = (new.name.trim().to_owned(), Some(new.scope.clone()));
        let record = TokenRecord { name, scope, ..record };
        let work = async {
            let mut tx = self.db().begin(permit.provenance()).await?;
            tx.create_own_token(&permit, &record).await?;
            let answer = claimed.finish(&mut tx, &record).await?;
            let detail =
                json!({ "token": record.id, "scope": new.scope, "expires_ms": new.expires });
            tx.commit(AuditEntry::about("token.created", "person", owner.as_str(), detail)).await?;
            Ok(answer)
        };
        let outcome = work.await;
        let answer = self.settle(&claimed, outcome).await?;
        Ok(NewToken { answer, text: Some(text) })
    }

    /// Nobody can name what they hold nowhere: it would only look mightier than it is. What is held
    /// on some things only (an owner's integrations) can be named, and reaches no further.
    fn check_scope(&self, scope: &Scope) -> Result<()> {
        if scope.actions.is_empty() && scope.admin_actions.is_empty() {
            let message = "name at least one action in `actions` or `admin_actions`";
            return Err(EngineError::field("/scope/actions", "empty_scope", message));
        }
        let not_held = |path: &str, name: &str| {
            let message = format!("you do not hold `{name}` anywhere: leave it out");
            Err(EngineError::field(path, "not_held", message))
        };
        let held = self.actor.permissions.actions_somewhere();
        if let Some(action) = scope.actions.iter().find(|action| !held.contains(action)) {
            return not_held("/scope/actions", action.name());
        }
        let held = self.actor.permissions.admin_actions_somewhere();
        if let Some(action) = scope.admin_actions.iter().find(|action| !held.contains(action)) {
            return not_held("/scope/admin_actions", action.name());
        }
        Ok(())
    }

    /// The caller's own tokens, without their secret halves.
    pub async fn list_own_tokens(&self, query: &PageQuery) -> Result<Page<TokenRecord>> {
        self.permit_own().await?;
        self.page_of_tokens(&self.actor.principal.id, query).await
    }

    pub(crate) async fn page_of_tokens(
        &self,
        owner: &PrincipalId,
        query: &PageQuery,
    ) -> Result<Page<TokenRecord>> {
        let list = format!("tokens {owner}");
        let after = self.engine.position(&list, query.cursor.as_deref())?;
        let rows = self.db().list_tokens(owner, &after, query.limit + 1).await?;
        Ok(self.engine.page(&list, rows, query.limit, |row| row.id.to_string()))
    }

    /// Revokes a token of the caller's own. Sessions that began with a token end, but for the caller's:
    /// whoever found the token may have signed in with it.
    pub async fn revoke_own_token(&self, token: &TokenId) -> Result<()> {
        let permit = self.permit_own().await?;
        let owner = &self.actor.principal.id;
        let stored = self.db().token(token).await?;
        if stored.is_none_or(|stored| stored.principal_id != *owner) {
            return Err(EngineError::NotFound { what: "token" });
        }
        let mut tx = self.db().begin(permit.provenance()).await?;
        tx.revoke_own_token(&permit, token).await?;
        let but = self.session.as_ref().map_or("", |session| session.id.as_str());
        let ended = tx.end_sessions_of_tokens(&permit, but).await?;
        let detail = json!({ "token": token, "sessions_ended": ended });
        tx.commit(AuditEntry::about("token.revoked", "person", owner.as_str(), detail)).await?;
        Ok(())
    }
}
