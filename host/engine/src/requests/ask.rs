//! A request is made: everything that would refuse it is said at once, before anybody is asked.

use std::collections::BTreeMap;

use grantry_model::clock::UnixMs;
use grantry_model::fault::FieldIssue;
use grantry_model::ids::{AccountId, IdentityId, IntegrationId, RequestId};
use grantry_model::membership::Status;
use grantry_model::method::Way;
use grantry_model::request::{ApprovalStatus, Effect, ITEMS_MAX, begin};
use grantry_model::text::printable;
use grantry_model::workflow::{Facts, check_duration};
use grantry_store::{Request, RequestItem, StoredEntitlement, StoredIdentity};
use serde_json::json;

use super::change::{Change, entry};
use super::{RequestInput, RequestView, WantedRole, check_text};
use crate::idempotency::Turn;
use crate::{Answer, Ctx, EngineError, Idempotent, Result};

/// Longest summary of a request, in characters.
const SUMMARY_CHARACTERS_MAX: usize = 300;

/// Why one thing cannot be asked for.
struct Refusal {
    field: &'static str,
    code: &'static str,
    message: String,
}

fn refusal(field: &'static str, code: &'static str, message: impl Into<String>) -> Refusal {
    Refusal { field, code, message: message.into() }
}

impl Ctx {
    /// Asks for access, for the caller or for somebody else. What the rules of its workflow allow at
    /// once is given at once.
    pub async fn create_request(
        &self,
        input: &RequestInput,
        request: &Idempotent<'_, RequestView>,
    ) -> Result<Answer> {
        let permit = self.permit_own().await?;
        check_text("/reason", &input.reason)?;
        if input.items.is_empty() || input.items.len() > ITEMS_MAX {
            let message = format!("must name 1 to {ITEMS_MAX} roles");
            return Err(EngineError::field("/items", "invalid_items", message));
        }
        let claimed = match self.claim(request).await? {
            Turn::Ours(claimed) => claimed,
            Turn::Answered(answer) => return Ok(answer),
        };
        let work = async {
            let identity = self.beneficiary(input.identity.as_ref()).await?;
            let (db, now) = (self.db(), self.db().now());
            let wanted = self.wanted(&identity, input, now).await?;
            let (rows, effects): (Vec<RequestItem>, Vec<Vec<Effect>>) = wanted.into_iter().unzip();
            let new = Request {
                id: RequestId::fresh(db.clock(), db.random()),
                requester: self.actor.principal.id.clone(),
                requester_name: Some(self.actor.principal.name.clone()),
                identity: identity.identity.id.clone(),
                identity_name: Some(identity.identity.display_name.clone()),
                reason: input.reason.trim().to_owned(),
                duration_ms: input.duration_ms,
                status: ApprovalStatus::Pending,
                summary: summary(&rows),
                created: now,
                finished: None,
                attention: None,
                version: 1,
            };
            let mut change = Change::of(&new, rows.clone(), "");
            for (place, effects) in effects.into_iter().enumerate() {
                let approval = change.item(place).approval.clone();
                change.move_item(place, (approval, effects), None);
            }
            let prepared = self.engine.prepare(&mut change, now).await?;
            let (request, items) = change.written();
            let view = self.with_seats(request, items.to_vec()).await?;
            let mut tx = db.begin(permit.provenance()).await?;
            tx.create_request(&permit, &new, &rows).await?;
            let by = Some(&self.actor.principal.id);
            tx.add_request_event(&new.id, by, None, "requested", &new.reason).await?;
            let engine = &self.engine;
            let given = engine.write(&mut tx, &change, &prepared, permit.provenance()).await?;
            let answer = claimed.finish(&mut tx, &view).await?;
            let detail = json!({
                "identity": new.identity, "duration_ms": new.duration_ms,
                "roles": rows.iter().map(|row| &row.role).collect::<Vec<_>>(),
                "status": view.request.status, "memberships": given,
            });
            tx.commit(entry("request.created", &new, detail)).await?;
            Ok(answer)
        };
        let outcome = work.await;
        self.engine.wake.notify_one();
        self.settle(&claimed, outcome).await
    }

    /// Who is to get the access: an identity by name, or the one that the caller signs in as.
    async fn beneficiary(&self, named: Option<&IdentityId>) -> Result<StoredIdentity> {
        let own = self.db().own_identities(&self.actor.principal.id).await?;
        let id = match (named, &own[..]) {
            (Some(named), _) => named.clone(),
            (None, [one]) => one.identity.id.clone(),
            (None, []) => return Err(EngineError::NoIdentity),
            (None, _) => {
                let message = "you are several identities: name the one that is meant";
                return Err(EngineError::field("/identity_id", "several_identities", message));
            }
        };
        let found = self.db().identity(&id).await?.filter(|found| found.removed.is_none());
        let unknown = || {
            let message = "there is no such identity";
            EngineError::field("/identity_id", "unknown_identity", message)
        };
        let found = found.ok_or_else(unknown)?;
        if !found.identity.is_active {
            let message = "this person is not active: nobody can ask for access for them";
            return Err(EngineError::field("/identity_id", "inactive_identity", message));
        }
        Ok(found)
    }

    /// Everything that is asked for, or every reason why it cannot be.
    async fn wanted(
        &self,
        identity: &StoredIdentity,
        input: &RequestInput,
        now: UnixMs,
    ) -> Result<Vec<(RequestItem, Vec<Effect>)>> {
        let mut rows: Vec<(RequestItem, Vec<Effect>)> = Vec::new();
        let mut issues = Vec::new();
        for (position, wanted) in input.items.iter().enumerate() {
            let at = |field: &str| match field {
                "duration_ms" => "/duration_ms".to_owned(),
                field => format!("/items/{position}/{field}"),
            };
            let checked = self.wanted_role(identity, input, wanted, position, now).await?;
            let checked = checked.and_then(|(row, effects)| {
                let is_double = rows
                    .iter()
                    .any(|(other, _)| (&other.role, &other.account) == (&row.role, &row.account));
                match is_double {
                    true => Err(refusal("role_id", "named_twice", "is asked for twice")),
                    false => Ok((row, effects)),
                }
            });
            match checked {
                Ok(row) => rows.push(row),
                Err(Refusal { field, code, message }) => {
                    issues.push(FieldIssue { path: at(field), code: code.to_owned(), message })
                }
            }
        }
        if issues.is_empty() { Ok(rows) } else { Err(EngineError::Invalid(issues)) }
    }

    async fn wanted_role(
        &self,
        identity: &StoredIdentity,
        input: &RequestInput,
        wanted: &WantedRole,
        position: usize,
        now: UnixMs,
    ) -> Result<std::result::Result<(RequestItem, Vec<Effect>), Refusal>> {
        let db = self.db();
        let role = db.role(&wanted.app, &wanted.role).await?;
        let Some(role) = role.filter(|role| role.removed.is_none()) else {
            return Ok(Err(refusal("role_id", "unknown_role", "there is no such role")));
        };
        let feed = self.engine.feed(&wanted.app).await?;
        let way = feed.route(db.entitlement_method(&role.id).await?.0).way;
        if way == Way::Nobody {
            let message = "nothing provisions this app: ask whoever administers it";
            return Ok(Err(refusal("role_id", "not_provisioned", message)));
        }
        let settings = feed.settings();
        let own = db.request_rules(&feed.source, role.id.as_str()).await?.0;
        let rules = self.rules_of(&settings, &role, &own).await?;
        if !rules.is_requestable {
            let message = format!(
                "`{}` cannot be requested: its administrators give it themselves",
                role.name()
            );
            return Ok(Err(refusal("role_id", "not_requestable", message)));
        }
        let name = rules.workflow.map(|(name, _)| name);
        let workflow = match self.engine.workflow_of(name.as_deref()).await {
            Ok(workflow) => workflow,
            Err(error @ EngineError::WorkflowMissing(_)) => {
                return Ok(Err(refusal("role_id", "workflow_missing", error.to_string())));
            }
            Err(error) => return Err(error),
        };
        // A bundle follows the workflow's list (INT-11).
        let of_integration = match input.items.len() {
            1 => settings.allowed_durations_ms.as_deref(),
            _ => None,
        };
        if let Err(error) = check_duration(&workflow, of_integration, input.duration_ms) {
            return Ok(Err(refusal("duration_ms", "duration_not_allowed", error.to_string())));
        }
        let account = match self.account_for(identity, &feed.source, wanted).await? {
            Ok(account) => account,
            Err(refusal) => return Ok(Err(refusal)),
        };
        if let Some(refused) = self.is_there_already(&role, &account, input.duration_ms).await? {
            return Ok(Err(refused));
        }
        let facts = Facts {
            duration_ms: input.duration_ms,
            is_privileged: role.is_privileged_here(),
            attributes: attributes(identity),
        };
        let (approval, effects) = begin(&workflow, &facts, now);
        let item = RequestItem {
            position: u32::try_from(position).unwrap_or(u32::MAX),
            app: wanted.app.clone(),
            app_name: db.app(&wanted.app).await?.map(|app| app.name),
            role_name: Some(role.name().to_owned()),
            role: role.id,
            account,
            workflow,
            facts,
            approval,
            membership: None,
            membership_status: None,
            failure: None,
        };
        Ok(Ok((item, effects)))
    }

    /// The identity's account there.
    async fn account_for(
        &self,
        identity: &StoredIdentity,
        source: &IntegrationId,
        wanted: &WantedRole,
    ) -> Result<std::result::Result<AccountId, Refusal>> {
        let id = &identity.identity.id;
        if let Some(named) = &wanted.account {
            let found = self.db().account(source, named).await?;
            let found = found.filter(|found| found.removed.is_none());
            let is_own = found.is_some_and(|found| found.mapping.is_surely_of(id));
            let message = "this account is not one of theirs there";
            let unknown = || refusal("account_id", "unknown_account", message);
            return Ok(if is_own { Ok(named.clone()) } else { Err(unknown()) });
        }
        Ok(match &self.accounts_there(source, id).await?[..] {
            [one] => Ok(one.clone()),
            [] => {
                let message = "they have no account there that is known as theirs: an \
                    administrator maps it, or it has to be created first";
                Err(refusal("role_id", "no_account", message))
            }
            several => {
                let ids: Vec<&str> = several.iter().map(AccountId::as_str).collect();
                let message =
                    format!("they have several accounts there: name one of {}", ids.join(", "));
                Err(refusal("account_id", "several_accounts", message))
            }
        })
    }

    async fn is_there_already(
        &self,
        role: &StoredEntitlement,
        account: &AccountId,
        duration_ms: Option<i64>,
    ) -> Result<Option<Refusal>> {
        if let Some(request) = self.db().pending_request(&role.id, account).await? {
            let message = format!("this is asked for already, by request `{request}`");
            return Ok(Some(refusal("role_id", "already_requested", message)));
        }
        let living = self.db().living_membership(&role.id, account).await?;
        let is_given = |status| matches!(status, Status::Provisioning | Status::Active);
        let Some(there) = living.filter(|there| is_given(there.status)) else { return Ok(None) };
        Ok(match (there.ends, duration_ms) {
            (None, _) => Some("they have this access already, without an end".to_owned()),
            (Some(ends), None) => Some(format!(
                "they have this access already, until {} (Unix milliseconds): ask for a duration to \
                 have it longer",
                ends.0
            )),
            (Some(_), Some(_)) => None,
        }
        .map(|message| refusal("role_id", "already_held", message)))
    }
}

/// What rules can look at: the columns of the data source, and the usual ones by their names.
fn attributes(identity: &StoredIdentity) -> BTreeMap<String, String> {
    let identity = &identity.identity;
    let mut attributes = identity.attributes.clone();
    attributes.insert("external_id".to_owned(), identity.external_id.clone());
    let named = [("user_name", &identity.user_name), ("email", &identity.email)];
    for (name, value) in named {
        attributes.extend(value.clone().map(|value| (name.to_owned(), value)));
    }
    attributes
}

fn summary(items: &[RequestItem]) -> String {
    let name = |name: &Option<String>| name.clone().unwrap_or_else(|| "?".to_owned());
    let words =
        items.iter().map(|item| format!("{}: {}", name(&item.app_name), name(&item.role_name)));
    printable(&words.collect::<Vec<_>>().join(", "), SUMMARY_CHARACTERS_MAX)
}
