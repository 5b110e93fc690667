//! Provisioning at work: intent → effect → read-back → record (design.md decision 5).
//!
//! The operation's row and the count of its attempts are committed before the target hears of it.
//! After anything but a clean answer, and after every crash, the target is read back before it is
//! asked again, so an effect is never doubled; a revocation is retried until the target confirms it.
//! What the target goes on with by itself is in `open`, what it takes away beside it in
//! `side_effects`, a closed gate in `waiting`, a person in place of a connector that failed in
//! `fallback`, an app that is asked by a signed request in `webhook`, a ticket in `ticket`.

mod fallback;
mod open;
mod side_effects;
mod ticket;
mod waiting;
mod webhook;

use grantry_authz::{Permit, actions};
use grantry_model::catalogue::{Object, ObjectRef};
use grantry_model::clock::UnixMs;
use grantry_model::fault::{Fault, PluginError};
use grantry_model::fingerprint::Key;
use grantry_model::gate::{Closed, Licence};
use grantry_model::ids::MembershipId;
use grantry_model::job::{JobStatus, Lease};
use grantry_model::membership::{Event, Membership, Status, next};
use grantry_model::method::{Method, in_force};
use grantry_model::notification::{Notice, NoticeKind};
use grantry_model::package::Interface;
use grantry_model::permission::Entity;
use grantry_model::provision::{
    GrantRequest, Operation, OperationContext, Outcome, RevokeRequest, Verification,
};
use grantry_model::runner::CallScope;
use grantry_store::{
    AuditEntry, Integration, Job, Plugin, StoreError, StoredEntitlement, StoredObject, Tx,
};
use serde_json::json;

use crate::aggregate::asked_pause_ms;
use crate::gate;
use crate::memberships::changed_entry;
use crate::worker::Verdict;
use crate::{Engine, EngineError, Result};
use fallback::Doubt;

/// How often a grant is tried before a person has to look. A revocation is never given up.
const GRANT_ATTEMPTS_MAX: u32 = 8;
/// How often a grant's job is begun, for whatever reason, before a person has to look.
const GRANT_TURNS_MAX: u32 = 40;
/// How often one job follows a membership whose status changes under it.
const CHANGES_MAX: u32 = 20;
/// How long one operation may take, in milliseconds: told to the plugin.
const OPERATION_DEADLINE_MS: u64 = 30_000;

type Write = Permit<actions::AppMembershipWrite>;

/// What is known after an attempt.
enum Known {
    /// The target confirms that what was wanted is so.
    Confirmed(String),
    /// The target confirms that it is not so; it can be asked (again).
    NotThere,
    /// The target will not do it.
    Refused { code: String, detail: String },
    /// A setting keeps the host from asking: a person has to do it in the target.
    Waits(Closed),
    /// It waits for a person who is asked by the target: that is no attempt.
    Open { asked_ms: u64, code: String, detail: String },
    /// The same, and all that there is to say was written down before.
    Noted { asked_ms: u64, code: String, detail: String },
    /// Nothing is known, or the target is not ready: look again later.
    Later { asked_ms: Option<u64>, code: String, detail: String },
}

/// What the target was asked for so far.
struct Asked {
    attempts: u32,
    /// By which it knows an operation that it works on.
    token: Option<String>,
    /// Until when it may still do it without a token.
    open_until: Option<UnixMs>,
    /// When it was asked last.
    attempted: Option<UnixMs>,
}

/// Answers by which a target says that it did not even begin.
fn is_untouched(fault: &Fault) -> bool {
    matches!(
        fault,
        Fault::Plugin(
            PluginError::InvalidConfig(_)
                | PluginError::Unauthenticated(_)
                | PluginError::RateLimited(_)
                | PluginError::EgressDenied(_)
                | PluginError::Unsupported(_)
        )
    )
}

/// Answers by which a plugin says that it will not do it, however often it is asked.
fn is_refusal(fault: &Fault) -> bool {
    matches!(
        fault,
        Fault::Plugin(
            PluginError::InvalidConfig(_)
                | PluginError::PermissionDenied(_)
                | PluginError::NotFound(_)
                | PluginError::InvalidInput(_)
                | PluginError::Unsupported(_)
                | PluginError::EgressDenied(_)
                | PluginError::QuotaExceeded(_)
        )
    )
}

struct Provisioning<'a> {
    engine: &'a Engine,
    job: &'a Job,
    lease: Lease,
    permit: Write,
    scope: CallScope,
    plugin: Plugin,
    integration: Integration,
    membership: Membership,
    role: StoredEntitlement,
    account: StoredObject,
    resource: StoredObject,
    /// By which method it is carried out, as far as settings let it.
    method: Method,
    /// Which effect of the membership this is, from 1.
    effect: i64,
    operation_id: String,
    operation: Operation,
    snapshot: Vec<Object>,
}

/// Brings a membership's access in line with its status.
pub(crate) async fn provision(engine: &Engine, job: &Job, id: &MembershipId) -> Result<Verdict> {
    for _ in 0..CHANGES_MAX {
        let Some((membership, effect)) = engine.db().membership(id).await? else {
            return Ok(Verdict::Finish(JobStatus::Succeeded));
        };
        let verb = match membership.status {
            Status::Provisioning => "grant",
            Status::Deprovisioning => "revoke",
            Status::Active | Status::Failed | Status::Expired | Status::Deleted => {
                return Ok(Verdict::Finish(JobStatus::Succeeded));
            }
        };
        let provisioning = match load(engine, job, membership, effect).await? {
            Ok(provisioning) => provisioning,
            Err(verdict) => return Ok(verdict),
        };
        match provisioning.step(verb).await {
            Ok(verdict) => return Ok(verdict),
            // Somebody changed the membership meanwhile: look at its new status.
            Err(EngineError::Store(StoreError::VersionConflict { .. })) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Verdict::Later {
        asked_ms: None,
        code: "version_conflict".to_owned(),
        detail: "the membership changes faster than it can be provisioned".to_owned(),
        has_progressed: false,
    })
}

async fn load<'a>(
    engine: &'a Engine,
    job: &'a Job,
    membership: Membership,
    effect: i64,
) -> Result<std::result::Result<Provisioning<'a>, Verdict>> {
    let db = engine.db();
    let integration = db.integration_of_app(&membership.app).await?;
    let integration = integration.ok_or(EngineError::NotFound { what: "integration" })?;
    let plugin = db.plugin(&integration.plugin_id).await?;
    let plugin = plugin.ok_or(EngineError::NotFound { what: "plugin" })?;
    let role = db.role(&membership.app, &membership.role).await?;
    let role = role.ok_or(EngineError::NotFound { what: "role" })?;
    let method = in_force(&integration.settings, db.entitlement_method(&role.id).await?.0);
    let account = db.account(&integration.id, &membership.account).await?;
    let account = account.ok_or(EngineError::NotFound { what: "account" })?;
    let resource = db.resource(&integration.id, &role.resource_id).await?;
    let resource = resource.ok_or(EngineError::NotFound { what: "resource" })?;
    let scope = match engine.scope(&integration, &plugin, job.id.as_str()) {
        Ok(scope) => scope,
        Err(EngineError::Quarantined) => {
            waiting::ask_in_quarantine(engine, job, &integration, &membership).await?;
            return Ok(Err(Verdict::quarantined()));
        }
        Err(error) => return Err(error),
    };
    let orderer = engine.orderer(job).await?;
    let permit = Permit::for_job(&job.id, &orderer, Some(Entity::App(membership.app.clone())));
    let operation = operation(&membership, &role, &account, &resource);
    let snapshot = [&account, &resource].into_iter().filter_map(known_object).collect();
    Ok(Ok(Provisioning {
        engine,
        job,
        lease: job.lease(),
        permit,
        scope,
        plugin,
        integration,
        effect,
        operation_id: format!("{}-{effect}", membership.id),
        membership,
        role,
        account,
        resource,
        method,
        operation,
        snapshot,
    }))
}

fn known_object(stored: &StoredObject) -> Option<Object> {
    serde_json::from_str(&stored.details).ok()
}

fn reference(object: &StoredObject) -> ObjectRef {
    ObjectRef { kind: object.kind.clone(), id: object.native_id.clone() }
}

fn operation(
    membership: &Membership,
    role: &StoredEntitlement,
    account: &StoredObject,
    resource: &StoredObject,
) -> Operation {
    let (on, holder) = (reference(resource), reference(account));
    let entitlement = role.native_id.clone();
    if membership.status == Status::Provisioning {
        let ends_ms = membership.ends.map(|ends| ends.0);
        let parameters = Vec::new();
        Operation::Grant(GrantRequest { entitlement, on, holder, ends_ms, parameters })
    } else {
        Operation::Revoke(RevokeRequest { entitlement, on, holder, assignment_id: None })
    }
}

impl Provisioning<'_> {
    async fn step(&self, verb: &'static str) -> Result<Verdict> {
        let asked = self.intend(verb).await?;
        let is_grant = verb == "grant";
        let attempts_max = match self.method {
            Method::Webhook | Method::Ticket => webhook::ATTEMPTS_MAX,
            Method::Connector | Method::Manual => GRANT_ATTEMPTS_MAX,
        };
        let turns_max = if self.method == Method::Ticket { attempts_max } else { GRANT_TURNS_MAX };
        let is_given_up =
            is_grant && (asked.attempts >= attempts_max || self.job.attempt >= turns_max);
        match self.learn(&asked).await? {
            Known::Confirmed(outcome) => self.confirmed(verb, &outcome).await,
            Known::Waits(closed) => self.wait(closed).await,
            Known::Open { asked_ms, code, detail } => {
                self.later(Some(asked_ms), code, detail, true).await
            }
            Known::Noted { asked_ms, code, detail } => {
                self.check_unchanged().await?;
                Ok(Verdict::Later { asked_ms: Some(asked_ms), code, detail, has_progressed: true })
            }
            Known::Refused { code, detail } if is_grant => {
                self.give_up(&code, &detail, Doubt::of(&code)).await
            }
            // A revocation is never given up, also while a person is asked for it.
            Known::Refused { code, detail } => {
                self.ask_beside(&code, &detail).await?;
                self.later(None, code, detail, false).await
            }
            Known::Later { code, detail, .. } if is_given_up => {
                match self.read_back(asked.attempts).await? {
                    Known::Confirmed(outcome) => self.confirmed(verb, &outcome).await,
                    Known::NotThere => self.give_up(&code, &detail, Doubt::NotThere).await,
                    _ => self.give_up(&code, &detail, Doubt::MayBeThere).await,
                }
            }
            Known::Later { asked_ms, code, detail } => {
                self.later(asked_ms, code, detail, false).await
            }
            Known::NotThere => {
                let code = "not_confirmed";
                let detail = "the target accepted the request, but does not show it";
                if is_given_up {
                    return self.give_up(code, detail, Doubt::Settled).await;
                }
                self.later(None, code.to_owned(), detail.to_owned(), false).await
            }
        }
    }

    /// Brings the target forward, and learns how it stands.
    async fn learn(&self, asked: &Asked) -> Result<Known> {
        // While the target may still do what an effect before this one wanted, nothing that it shows
        // now is the last word.
        let is_haunted = match self.settle_earlier().await? {
            open::Earlier::Settled => false,
            open::Earlier::MayAppear => true,
            open::Earlier::Pending(known) => return Ok(known),
        };
        // A connector that works on it by now has the word.
        if asked.token.is_none()
            && let Some(known) = self.called_back(asked, is_haunted).await?
        {
            let is_over = matches!(known, Known::Confirmed(_)) && is_haunted && !self.is_grant();
            if is_over && self.engine.db().may_be_given_by_ticket(&self.membership.id).await? {
                return Ok(ticket::may_be_given());
            }
            return Ok(known);
        }
        let known = match self.ticketed(asked, is_haunted).await? {
            Some(known) => known,
            None => self.go_on(asked, is_haunted).await?,
        };
        if matches!(known, Known::Confirmed(_)) && is_haunted && !self.is_grant() {
            let db = self.engine.db();
            if db.may_be_given_by_ticket(&self.membership.id).await? {
                return Ok(ticket::may_be_given());
            }
            if self.method != Method::Webhook && db.may_be_given(&self.membership.id).await? {
                return Ok(webhook::may_be_given());
            }
        }
        Ok(known)
    }

    async fn go_on(&self, asked: &Asked, is_haunted: bool) -> Result<Known> {
        match &asked.token {
            Some(token) => self.pending(token, asked.attempts, is_haunted).await,
            None if self.is_grant() && self.membership.waiting == Some(Closed::Fallback) => {
                self.look(Closed::Fallback, asked.attempts).await
            }
            None => self.order(asked, is_haunted).await,
        }
    }

    async fn licence(&self, tx: &mut Tx) -> Result<std::result::Result<Licence, Closed>> {
        let licence =
            gate::licence(tx, &self.integration.id, &self.role.id, &self.operation).await?;
        let can_provision = self.plugin.interfaces.contains(&Interface::Provision);
        // A plugin that only reads leaves it to a person.
        Ok(licence.and_then(|licence| {
            let is_possible = can_provision || licence.method() != Method::Connector;
            is_possible.then_some(licence).ok_or(Closed::ManualMethod)
        }))
    }

    fn is_grant(&self) -> bool {
        matches!(self.operation, Operation::Grant(_))
    }

    /// The key of what is asked for, which is the same at every try of a round.
    fn key(&self, round: i64) -> String {
        match round {
            0 => self.operation_id.clone(),
            round => format!("{}.{round}", self.operation_id),
        }
    }

    /// Writes the intent down; tells what the target was asked for before.
    async fn intend(&self, verb: &'static str) -> Result<Asked> {
        let db = self.engine.db();
        if db.operation(&self.operation_id).await?.is_none() {
            // A grant that was given up goes on in the target: the renewed one is the same.
            let before = format!("{}-{}", self.membership.id, self.effect - 1);
            let open = db.open_operations(&self.membership.id, &self.operation_id).await?;
            let is_same = open.iter().any(|open| open.id == before && open.verb == verb)
                || self.is_ordered(&before, verb).await?;
            let mut tx = self.begin().await?;
            let (membership, job) = (&self.membership.id, self.job.id.as_str());
            tx.intend(&self.operation_id, membership, job, verb).await?;
            if is_same {
                tx.adopt_operation(&self.operation_id, &before).await?;
            }
            tx.commit(self.audit("operation.intended", json!({ "verb": verb }))).await?;
        }
        let stored = db.operation(&self.operation_id).await?;
        let stored = stored.ok_or(EngineError::NotFound { what: "operation" })?;
        let (attempts, token, open_until) = (stored.attempts, stored.token, stored.open_until);
        Ok(Asked { attempts, token, open_until, attempted: stored.attempted })
    }

    /// Orders the operation, unless the target shows that an earlier attempt took effect.
    async fn order(&self, asked: &Asked, is_haunted: bool) -> Result<Known> {
        let attempts = asked.attempts;
        if is_haunted && !self.is_grant() {
            // Access that is not there yet may come: the target has to hear that it must not.
            return self.attempt(attempts + 1, is_haunted).await;
        }
        // An effect before this one may have ended in doubt.
        let is_doubtful = attempts > 0 || (self.effect > 1 && self.plugin.manifest.can_read_back);
        let known = match self.method {
            _ if !is_doubtful => Known::NotThere,
            // The app does it once, however often it is asked, and the desk opens one ticket.
            Method::Webhook | Method::Ticket => {
                self.shown(attempts).await?.unwrap_or(Known::NotThere)
            }
            Method::Connector | Method::Manual => self.read_back(attempts).await?,
        };
        match known {
            Known::NotThere | Known::Refused { .. }
                if asked.open_until > Some(self.engine.db().now()) =>
            {
                Ok(open::invited())
            }
            Known::NotThere => self.attempt(attempts + 1, is_haunted).await,
            settled => Ok(settled),
        }
    }

    fn audit(&self, event: &'static str, mut detail: serde_json::Value) -> AuditEntry {
        detail["operation"] = json!(self.operation_id);
        AuditEntry::about(event, "membership", self.membership.id.as_str(), detail)
    }

    fn context(&self, attempt: u32) -> OperationContext {
        OperationContext {
            operation_id: self.operation_id.clone(),
            idempotency_key: self.operation_id.clone(),
            attempt,
            deadline_ms: OPERATION_DEADLINE_MS,
            actor: self.job.ordered_by.to_string(),
            snapshot: self.snapshot.clone(),
        }
    }

    /// Asks the target to do it, if the membership still wants it and the gate lets it. The attempt
    /// is committed before, the read-back comes after.
    async fn attempt(&self, attempt: u32, is_haunted: bool) -> Result<Known> {
        let ordering = match self.method {
            Method::Ticket => self.ordering().await?,
            Method::Connector | Method::Manual | Method::Webhook => None,
        };
        let mut tx = self.engine.db().begin(self.permit.provenance()).await?;
        let stands = tx.lock_membership(&self.membership.id).await?;
        let held_until = self.engine.lease_until();
        tx.hold(&self.lease, held_until).await?;
        let Some((version, ends)) = stands else {
            return Err(EngineError::NotFound { what: "membership" });
        };
        if version != self.membership.version {
            return Err(StoreError::VersionConflict { what: "membership" }.into());
        }
        if self.is_grant() && ends.is_some_and(|ends| ends <= tx.now()) {
            return Ok(open::over());
        }
        let licence = match self.licence(&mut tx).await? {
            Ok(licence) => licence,
            Err(closed) => {
                drop(tx);
                if is_haunted && !self.is_grant() {
                    // What the target shows now is not the last word.
                    return Ok(Known::Waits(closed));
                }
                return self.look(closed, attempt).await;
            }
        };
        if licence.method() != self.method {
            // It was changed at this moment: what was learnt counts for the one before.
            return Err(StoreError::VersionConflict { what: "method" }.into());
        }
        let mut ordered = None;
        let prepared = match self.method {
            Method::Webhook => match self.prepare(&mut tx).await? {
                Ok(prepared) => Some(prepared),
                Err(why) => {
                    drop(tx);
                    return self.turned_down(why, attempt - 1, is_haunted).await;
                }
            },
            Method::Ticket => match self.order_ticket(&mut tx, ordering).await? {
                Ok(admitted) => {
                    ordered = Some(admitted);
                    None
                }
                Err(known) => return Ok(known),
            },
            Method::Connector | Method::Manual => None,
        };
        // A person who is asked beside the connector stays asked.
        if self.membership.waiting.is_some_and(|waiting| waiting != Closed::Fallback) {
            tx.set_waiting(&self.permit, &self.membership, None).await?;
        }
        tx.count_attempt(&self.operation_id).await?;
        tx.commit(self.audit("operation.attempted", json!({ "attempt": attempt }))).await?;
        if self.engine.db().clock().latest() >= held_until {
            // This worker slept: another one may act by now.
            return Err(StoreError::LeaseLost { job: self.job.id.to_string() }.into());
        }
        if let Some(ordered) = ordered {
            return self.open_ticket(licence, ordered).await;
        }
        if let Some(prepared) = prepared {
            return self.send(licence, prepared, attempt, is_haunted).await;
        }
        let context = self.context(attempt);
        let runner = &self.engine.parts.runner;
        let result = runner.apply(&self.scope, licence, &context).await;
        match self.engine.observe(&self.integration.id, result).await? {
            Ok(called) => {
                self.engine.db().commit_kv(&self.integration.id, &called.report.kv_writes).await?;
                self.note_side_effects(&called.value).await?;
                self.after_outcome(called.value, attempt, is_haunted).await
            }
            Err(fault) => self.after_fault(fault, attempt).await,
        }
    }

    async fn after_outcome(
        &self,
        outcome: Outcome,
        attempt: u32,
        is_haunted: bool,
    ) -> Result<Known> {
        match outcome {
            // The connector did nothing, because there is nothing to take away yet.
            Outcome::Already(_) if is_haunted && !self.is_grant() => Ok(open::invited()),
            Outcome::Done(_) | Outcome::Already(_) if self.plugin.manifest.can_read_back => {
                self.read_back(attempt).await
            }
            Outcome::Done(_) => Ok(Known::Confirmed("done, by the connector's word".to_owned())),
            Outcome::Already(_) => Ok(Known::Confirmed("was so already".to_owned())),
            Outcome::InProgress { token, poll_after_ms } => {
                self.in_progress(&token, poll_after_ms).await
            }
            Outcome::Invited { ends_ms, .. } => self.invite(ends_ms).await,
            Outcome::NeedsHuman { message, .. } => {
                Ok(Known::Refused { code: "needs_human".to_owned(), detail: message })
            }
            Outcome::Partial { failed, .. } => {
                let words: Vec<String> = failed.into_iter().map(|issue| issue.message).collect();
                Ok(Known::Later {
                    asked_ms: None,
                    code: "partial".to_owned(),
                    detail: format!("only a part was done: {}", words.join("; ")),
                })
            }
        }
    }

    /// A fault says what the connector knows; the target itself is asked before anything else.
    async fn after_fault(&self, fault: Fault, attempt: u32) -> Result<Known> {
        let is_refusal = is_refusal(&fault);
        let (code, detail) = (fault.code().to_owned(), fault.to_string());
        let asked_ms = asked_pause_ms(&fault);
        if !self.plugin.manifest.can_read_back && is_untouched(&fault) {
            // The connector's word is all there is. Where the target can be read back, it is: a
            // refusal may have come after a first request that took effect.
            let mut tx = self.begin().await?;
            tx.forget_attempts(&self.operation_id).await?;
            tx.commit(self.audit("operation.untouched", json!({ "code": code }))).await?;
        }
        if asked_ms.is_some() || !self.plugin.manifest.can_read_back {
            return Ok(if is_refusal {
                Known::Refused { code, detail }
            } else {
                Known::Later { asked_ms, code, detail }
            });
        }
        match self.read_back(attempt).await? {
            Known::Confirmed(outcome) => Ok(Known::Confirmed(outcome)),
            Known::NotThere | Known::Refused { .. } if is_refusal => {
                Ok(Known::Refused { code, detail })
            }
            Known::NotThere
            | Known::Refused { .. }
            | Known::Waits(_)
            | Known::Open { .. }
            | Known::Noted { .. }
            | Known::Later { .. } => Ok(Known::Later { asked_ms, code, detail }),
        }
    }

    /// Reads back whether the operation's wish is true.
    async fn read_back(&self, attempt: u32) -> Result<Known> {
        if !self.plugin.manifest.can_read_back {
            return self.ask_catalogue().await;
        }
        let context = self.context(attempt);
        let runner = &self.engine.parts.runner;
        let result = runner.verify(&self.scope, &self.operation, &context).await;
        Ok(match self.engine.observe(&self.integration.id, result).await? {
            Ok(called) => match called.value {
                Verification::Holds => Known::Confirmed("confirmed by a read-back".to_owned()),
                Verification::Absent | Verification::Differs(_) => Known::NotThere,
                Verification::CannotTell(detail) => {
                    Known::Later { asked_ms: None, code: "outcome_unknown".to_owned(), detail }
                }
            },
            Err(fault) => Known::Later {
                asked_ms: asked_pause_ms(&fault),
                code: fault.code().to_owned(),
                detail: fault.to_string(),
            },
        })
    }

    /// What an aggregation saw, where the connector cannot read back: it is believed if it began
    /// after the target was asked last. An earlier one knows nothing of what became of that.
    async fn ask_catalogue(&self) -> Result<Known> {
        let db = self.engine.db();
        if let Some(asked) = db.last_asked(&self.membership.id).await?
            && !db.is_read_since(&self.integration.id, asked).await?
        {
            let detail = "it is not known whether the last attempt took effect, and this connector \
                          cannot read back: run an aggregation";
            return Ok(Known::Refused { code: "outcome_unknown".into(), detail: detail.into() });
        }
        let is_held = db.has_assignment(&self.role.id, &self.membership.account).await?;
        Ok(if is_held == self.is_grant() {
            Known::Confirmed("seen by an aggregation".to_owned())
        } else {
            Known::NotThere
        })
    }

    /// Begins a change in the order that changes of memberships have: membership, then job.
    async fn begin(&self) -> Result<Tx> {
        let mut tx = self.engine.db().begin(self.permit.provenance()).await?;
        tx.lock_membership(&self.membership.id).await?;
        tx.hold(&self.lease, self.engine.lease_until()).await?;
        Ok(tx)
    }

    /// Records the confirmed effect: membership, operation, catalogue and job in one transaction.
    async fn confirmed(&self, verb: &str, outcome: &str) -> Result<Verdict> {
        let is_grant = verb == "grant";
        let event = if is_grant { Event::Provisioned } else { Event::Deprovisioned };
        let to = next(&self.membership, event)?;
        let mut tx = self.begin().await?;
        tx.change_membership(&self.permit, &self.membership, &to, None).await?;
        tx.close_operation(&self.operation_id, "confirmed", outcome).await?;
        if !is_grant {
            // Whatever was open before is taken back with it, by the connector's word.
            tx.settle_operations(&self.membership.id).await?;
        }
        let keys =
            Key::parse(self.role.id.as_str()).zip(Key::parse(self.membership.account.as_str()));
        if let Some((role, account)) = keys {
            tx.observe_assignment(&self.integration.id, role, account, is_grant).await?;
        }
        tx.finish_job(&self.lease, JobStatus::Succeeded, None).await?;
        let changed = Membership { status: to.status, ..self.membership.clone() };
        let event = if is_grant { "membership.provisioned" } else { "membership.deprovisioned" };
        tx.commit(changed_entry(event, &self.membership, &changed)).await?;
        tracing::info!(membership.id = %changed.id, verb, "provisioned: {outcome}");
        Ok(Verdict::Done)
    }

    /// Gives a grant up: a person has to look. It is settled if the target has ended it.
    async fn failed(&self, code: &str, detail: &str, is_settled: bool) -> Result<Verdict> {
        let to = next(&self.membership, Event::ProvisioningFailed)?;
        let mut tx = self.begin().await?;
        tx.change_membership(&self.permit, &self.membership, &to, Some(detail)).await?;
        tx.close_operation(&self.operation_id, "failed", detail).await?;
        if is_settled {
            tx.settle_operation(&self.operation_id).await?;
        }
        tx.finish_job(&self.lease, JobStatus::Failed, Some((code, detail))).await?;
        let notice = Notice::new(NoticeKind::MembershipFailed, Some(&self.integration.id))
            .with("integration", &self.integration.name)
            .with("account", &self.account.display)
            .with("entitlement", &self.role.display)
            .with("code", code)
            .with("detail", detail);
        tx.queue_notice(&notice).await?;
        tx.commit(self.audit("membership.failed", json!({ "code": code, "detail": detail })))
            .await?;
        tracing::warn!(membership.id = %self.membership.id, code, "provisioning failed: {detail}");
        Ok(Verdict::Done)
    }

    /// Notes what is known and leaves the job for another attempt.
    async fn later(
        &self,
        asked_ms: Option<u64>,
        code: String,
        detail: String,
        has_progressed: bool,
    ) -> Result<Verdict> {
        self.check_unchanged().await?;
        let mut tx = self.begin().await?;
        tx.note_operation(&self.operation_id, &detail).await?;
        tx.commit(self.audit("operation.deferred", json!({ "code": code, "detail": detail })))
            .await?;
        Ok(Verdict::Later { asked_ms, code, detail, has_progressed })
    }

    /// Whether what to wait for is still the same: it may have been deleted or renewed meanwhile.
    async fn check_unchanged(&self) -> Result<()> {
        let now = self.engine.db().membership(&self.membership.id).await?;
        if now.is_none_or(|(membership, _)| membership.version != self.membership.version) {
            return Err(StoreError::VersionConflict { what: "membership" }.into());
        }
        Ok(())
    }
}
