//! Memberships whose time is over, and revocations that take too long.
//!
//! When the clock has jumped, a mass of memberships that seems to be over waits a while
//! (security.md row 61).

use grantry_authz::{Permit, actions};
use grantry_model::clock::UnixMs;
use grantry_model::ids::JobId;
use grantry_model::membership::{Event, Membership, next};
use grantry_model::notification::{Notice, NoticeKind};
use grantry_model::permission::Entity;
use grantry_store::{AuditEntry, ClockJump, StoreError};
use serde_json::json;

use crate::jobs::{machine, machine_provenance};
use crate::memberships::changed_entry;
use crate::memberships::route::follow;
use crate::{Engine, EngineError, Result};

/// Memberships that expire in one sweep.
const EXPIRIES_MAX: u32 = 200;
/// How long a revocation may be unconfirmed before people are told, in milliseconds: a day
/// (security.md row 60).
const OVERDUE_MS: i64 = 24 * 3_600_000;
/// Revocations that are told as overdue in one sweep.
const OVERDUE_MAX: u32 = 50;
/// A clock that is off by more has jumped, in milliseconds (security.md, checklist 36).
const JUMP_MS: i64 = 30_000;
/// How long a mass of expiries waits after a jump of the clock, in milliseconds. Then the access
/// ends: a clock that is right must not leave it.
const HOLD_MS: i64 = 15 * 60_000;
/// Share of the living memberships from which on expiries are a mass, in percent.
const MASS_PERCENT: i64 = 10;

/// Follows the database's clock, and raises the alarm before a jump takes effect.
pub(crate) async fn follow_clock(engine: &Engine) -> Result<()> {
    let db = engine.db();
    let Some(measured) = db.measure_time().await? else { return Ok(()) };
    let jump_ms = db.clock().drift_ms(measured);
    if jump_ms.abs() > JUMP_MS {
        raise(engine, ClockJump { raised: db.now().plus_ms(jump_ms), jump_ms }).await?;
    }
    db.clock().follow(measured);
    Ok(())
}

async fn raise(engine: &Engine, jump: ClockJump) -> Result<()> {
    let mut tx = engine.db().begin(&machine_provenance("clock")).await?;
    if !tx.raise_clock_jump(jump).await? {
        return Ok(());
    }
    let detail = format!("the clock jumped by {} seconds", jump.jump_ms / 1_000);
    tracing::error!(code = "clock_jump", jump_ms = jump.jump_ms, "{detail}");
    tx.queue_notice(&Notice::new(NoticeKind::ClockJump, None).with("detail", &detail)).await?;
    let detail = json!({ "code": "clock_jump", "jump_ms": jump.jump_ms });
    tx.commit(AuditEntry::about("clock.jumped", "system", "clock", detail)).await?;
    Ok(())
}

/// Ends memberships whose time is over, also those that ended while nothing ran.
pub(crate) async fn sweep(engine: &Engine) -> Result<()> {
    let due = engine.db().due_memberships(EXPIRIES_MAX).await?;
    if !due.is_empty() && !is_held_back(engine).await? {
        for membership in &due {
            match expire(engine, membership).await {
                // Somebody changed it meanwhile; the next sweep looks again.
                Ok(()) | Err(EngineError::Store(StoreError::VersionConflict { .. })) => {}
                // One that cannot expire must not keep the others.
                Err(error) => {
                    tracing::error!(membership.id = %membership.id, "cannot let a membership expire: {error}");
                }
            }
        }
    }
    for membership in engine.db().overdue_revocations(OVERDUE_MS, OVERDUE_MAX).await? {
        if let Err(error) = tell_overdue(engine, &membership).await {
            tracing::error!(membership.id = %membership.id, "cannot tell of an overdue revocation: {error}");
        }
    }
    Ok(())
}

/// Whether what is due waits, because the clock has just jumped and much would end by it.
async fn is_held_back(engine: &Engine) -> Result<bool> {
    let db = engine.db();
    let Some(jump) = db.last_clock_jump().await? else { return Ok(false) };
    let (now, until) = (db.now(), jump.raised.plus_ms(HOLD_MS));
    if now < jump.raised || now >= until {
        return Ok(false);
    }
    let (due, living) = db.count_due_memberships().await?;
    if due * 100 <= living * MASS_PERCENT {
        return Ok(false);
    }
    note_held(engine, due, living, until).await?;
    Ok(true)
}

async fn note_held(engine: &Engine, due: i64, living: i64, until: UnixMs) -> Result<()> {
    let mut tx = engine.db().begin(&machine_provenance("clock")).await?;
    if !tx.note_expiries_held().await? {
        return Ok(());
    }
    let detail = format!(
        "{due} of {living} memberships would end by it; they wait for {} minutes",
        HOLD_MS / 60_000
    );
    tracing::error!(code = "clock_jump", due, living, "{detail}");
    tx.queue_notice(&Notice::new(NoticeKind::ClockJump, None).with("detail", &detail)).await?;
    let detail = json!({ "code": "clock_jump", "due": due, "living": living, "until_ms": until });
    tx.commit(AuditEntry::about("memberships.expiry_held", "system", "clock", detail)).await?;
    Ok(())
}

fn permit(engine: &Engine, membership: &Membership) -> Permit<actions::AppMembershipWrite> {
    let job = JobId::fresh(engine.db().clock(), engine.db().random());
    Permit::for_job(&job, &machine(), Some(Entity::App(membership.app.clone())))
}

async fn expire(engine: &Engine, membership: &Membership) -> Result<()> {
    let db = engine.db();
    let own = db.entitlement_method(&membership.role).await?.0;
    let route = engine.feed(&membership.app).await?.route(own);
    let to = next(membership, Event::Expire)?;
    let permit = permit(engine, membership);
    let mut tx = db.begin(permit.provenance()).await?;
    tx.change_membership(&permit, membership, &to, None).await?;
    follow(db, &mut tx, &permit, &route, (&membership.id, to.effect)).await?;
    let changed = Membership { status: to.status, ending: to.ending, ..membership.clone() };
    tx.commit(changed_entry("membership.expired", membership, &changed)).await?;
    Ok(())
}

/// Tells, once, that access is still there a day after it was to end.
async fn tell_overdue(engine: &Engine, membership: &Membership) -> Result<()> {
    let db = engine.db();
    let operations = db.list_operations(&membership.id).await?;
    let last = operations.into_iter().rev().find_map(|operation| operation.outcome);
    let detail = last.unwrap_or_else(|| "nothing is known yet".to_owned());
    let notice = overdue_notice(engine, membership, &detail).await?;
    let permit = permit(engine, membership);
    let mut tx = db.begin(permit.provenance()).await?;
    if !tx.set_overdue(&permit, membership).await? {
        return Ok(());
    }
    tx.queue_notice(&notice).await?;
    tracing::warn!(membership.id = %membership.id, code = "revoke_overdue", "a revocation is overdue: {detail}");
    Ok(tx.commit(revoke_overdue(membership, &detail)).await?)
}

/// The audit entry about access that is still there after its end.
pub(crate) fn revoke_overdue(membership: &Membership, detail: &str) -> AuditEntry {
    let detail = json!({ "code": "revoke_overdue", "detail": detail });
    let (event, id) = ("membership.revoke_overdue", membership.id.as_str());
    AuditEntry::about(event, "membership", id, detail)
}

async fn overdue_notice(engine: &Engine, membership: &Membership, detail: &str) -> Result<Notice> {
    let db = engine.db();
    let app = db.app(&membership.app).await?.ok_or(EngineError::NotFound { what: "app" })?;
    // An app that lists feed has none.
    let integration = db.integration_of_app(&app.id).await?;
    let name = integration.as_ref().map_or(&app.name, |integration| &integration.name);
    let role = db.role(&membership.app, &membership.role).await?;
    let account = db.account(&app.source(), &membership.account).await?;
    let role = role.map_or_else(|| membership.role.to_string(), |role| role.display);
    let account = account.map_or_else(|| membership.account.to_string(), |found| found.display);
    let about = integration.as_ref().map(|integration| &integration.id);
    Ok(Notice::new(NoticeKind::RevokeOverdue, about)
        .with("integration", name)
        .with("account", &account)
        .with("entitlement", &role)
        .with("detail", detail))
}
