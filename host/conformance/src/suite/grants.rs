//! Granting and revoking: it takes effect, once, and touches nobody else.

use grantry_model::aggregation::PAGE_ITEMS_MAX;
use grantry_model::catalogue::{Entitlement, ObjectRef, Target};
use grantry_model::plugin::Verb;
use grantry_model::provision::{GrantRequest, Operation, Outcome, RevokeRequest, Verification};

use super::{Subject, lost, scopes};
use crate::checks::{
    DELTA, GRANT_AGAIN, GRANT_TAKES_EFFECT, GRANTS, NOBODY_ELSE, PLAN_SENDS_NOTHING, REVOKE_AGAIN,
    REVOKE_TAKES_EFFECT, UNKNOWN_ENTITLEMENT, UNKNOWN_HOLDER, VERIFY_READS_ONLY, VERIFY_TRUE,
};
use crate::reading::{How, Listing, Reading, Rows, assignment_key, same};
use crate::report::{Not, Report, Verdict, broken, skipped};
use crate::sandbox::{Answer, Session};

const NO_ID: &str = "no-such-id-0";

/// A grant that can be made and taken back.
pub(super) struct Case {
    entitlement: Entitlement,
    holder: ObjectRef,
}

impl Case {
    pub(super) fn grant(&self) -> Operation {
        self.grant_to(&self.entitlement.id, &self.holder.id)
    }

    fn grant_to(&self, entitlement: &str, holder: &str) -> Operation {
        Operation::Grant(GrantRequest {
            entitlement: entitlement.to_owned(),
            on: self.entitlement.on.clone(),
            holder: ObjectRef { kind: self.holder.kind.clone(), id: holder.to_owned() },
            ends_ms: None,
            parameters: Vec::new(),
        })
    }

    pub(super) fn revoke(&self) -> Operation {
        Operation::Revoke(RevokeRequest {
            entitlement: self.entitlement.id.clone(),
            on: self.entitlement.on.clone(),
            holder: self.holder.clone(),
            assignment_id: None,
        })
    }

    /// What the row of the assignment is called.
    pub(super) fn key(&self) -> String {
        assignment_key(&self.entitlement.id, &self.holder)
    }

    /// Who holds what of this kind.
    pub(super) async fn rows(&self, session: &Session) -> Result<Rows, Not> {
        let target = Target::AssignmentsOfKind(self.entitlement.on.kind.clone());
        let listing = Listing::read(session, target, How::pages_of(PAGE_ITEMS_MAX)).await;
        let rows = listing.rows();
        let whole: Rows = rows.iter().cloned().collect();
        match whole.len() == rows.len() && listing.end == crate::reading::End::Reached {
            true => Ok(whole),
            false => broken("the listing of assignments is no longer whole, or has rows twice"),
        }
    }
}

/// All checks about grants, with the target as it was in the end.
pub(super) async fn check(
    subject: &Subject<'_>,
    session: &mut Session,
    reading: &Reading,
    report: &mut Report,
) {
    let (case, before) = match prepare(subject, session, reading).await {
        Ok(prepared) => prepared,
        Err(not) => return stop(report, not),
    };
    let judged = judge(subject, session, reading, &case, &before, report).await;
    if judged.is_ok() {
        lost::of_grant(subject, &case, report).await;
    }
    // Whatever went wrong: as it was.
    if take_back(session, &case).await.is_err() {
        report.note(&NOBODY_ELSE, broken("the grant of the test could not be taken back"));
    }
    match judged {
        Ok(()) => report.note(&NOBODY_ELSE, Ok(())),
        Err(not) => stop(report, not),
    }
}

/// What is left is not judged. A fault is noted once, where access is at stake.
fn stop(report: &mut Report, not: Not) {
    let rest = match &not {
        Not::Kept(_) => Not::Judged("the grant could not be judged to its end".to_owned()),
        Not::Judged(_) => not.clone(),
    };
    report.note(&NOBODY_ELSE, Err(not));
    for check in GRANTS {
        report.note(check, Err(rest.clone()));
    }
}

/// Revokes the grant of the test where it is still there, or may be.
async fn take_back(session: &Session, case: &Case) -> Verdict {
    if case.rows(session).await.is_ok_and(|rows| !rows.contains_key(&case.key())) {
        return Ok(());
    }
    let revoked = session.apply(&case.revoke(), &session.new_operation()).await;
    took_effect(&revoked, !case.rows(session).await?.contains_key(&case.key()))
}

/// The case, and who holds what before it: nobody's access from before may be taken away.
async fn prepare(
    subject: &Subject<'_>,
    session: &Session,
    reading: &Reading,
) -> Result<(Case, Rows), Not> {
    let case = case(subject, reading)?;
    let before = case.rows(session).await?;
    match before.contains_key(&case.key()) {
        true => skipped("the holder of the configuration holds the entitlement already"),
        false => Ok((case, before)),
    }
}

/// The case of the configuration, or one that changes as little as possible.
fn case(subject: &Subject<'_>, reading: &Reading) -> Result<Case, Not> {
    let can = |kind: &str, verb: Verb| {
        reading.kinds.iter().any(|known| known.kind == kind && known.verbs.contains(&verb))
    };
    if let Some(wanted) = &subject.config.grant {
        let found = reading.entitlements().find(|row| row.id == wanted.entitlement);
        let Some(entitlement) = found.cloned() else {
            return broken(format!("`{}` of the configuration is not listed", wanted.entitlement));
        };
        return Ok(Case { entitlement, holder: wanted.holder.clone() });
    }
    let held = reading.rows();
    let is_account =
        |kind: &str| reading.kinds.iter().any(|known| known.kind == kind && known.is_account());
    let candidates = reading.entitlements().filter(|row| {
        let kind = row.on.kind.as_str();
        !row.is_immutable
            && row.exclusive.is_none()
            && can(kind, Verb::Grant)
            && can(kind, Verb::Revoke)
    });
    let holders =
        |row: &Entitlement| reading.assignments().filter(|held| held.entitlement == row.id).count();
    // One with other holders, so that it shows if they lose theirs.
    let mut candidates: Vec<&Entitlement> = candidates.collect();
    candidates.sort_by_key(|row| std::cmp::Reverse(holders(row).min(3)));
    for entitlement in candidates {
        let fits =
            |kind: &str| is_account(kind) && entitlement.grantable_to.iter().any(|k| k == kind);
        for object in reading.objects().filter(|object| fits(&object.id.kind)) {
            let holder = ObjectRef { kind: object.id.kind.clone(), id: object.id.id.clone() };
            let case = Case { entitlement: entitlement.clone(), holder };
            if !held.contains_key(&case.key()) {
                return Ok(case);
            }
        }
    }
    skipped("no entitlement is free to be granted to a listed account")
}

async fn judge(
    subject: &Subject<'_>,
    session: &mut Session,
    reading: &Reading,
    case: &Case,
    before: &Rows,
    report: &mut Report,
) -> Result<(), Not> {
    let (grant, revoke, key) = (case.grant(), case.revoke(), case.key());
    let mut truth =
        Truth { reads_back: subject.sandbox.report.manifest.can_read_back, said: Ok(()) };
    report.note(&PLAN_SENDS_NOTHING, plan(session, case, before).await);
    truth.hold(session, &grant, false, "a grant that was not made").await;

    let granted = session.apply(&grant, &session.new_operation()).await;
    if let Some(not) = is_asynchronous(&granted) {
        // Not listed yet, it would be overlooked afterwards.
        let _ = session.apply(&revoke, &session.new_operation()).await;
        return Err(not);
    }
    let after = case.rows(session).await?;
    report.note(&GRANT_TAKES_EFFECT, took_effect(&granted, after.contains_key(&key)));
    let mut others = after.clone();
    others.remove(&key);
    report_others(report, before, &others, "after a grant");
    truth.hold(session, &grant, true, "a grant that was made").await;
    truth.hold(session, &revoke, false, "a revocation that was not made").await;
    let again = session.apply(&grant, &session.new_operation()).await;
    let unmoved = same(&after, &case.rows(session).await?, "after the second grant");
    report.note(&GRANT_AGAIN, is_success(&again).and(unmoved));
    if reading.listings.iter().flat_map(|listing| &listing.pages).any(|page| page.scope.is_some()) {
        let expected =
            Reading::of(session, &reading.kinds, How::pages_of(PAGE_ITEMS_MAX)).await.rows();
        let how = "read incrementally after a grant";
        report.note(&DELTA, scopes::incremental(session, reading, &expected, how).await);
    } else {
        report.note(&DELTA, skipped("no listing has scopes"));
    }

    let revoked = session.apply(&revoke, &session.new_operation()).await;
    let after = case.rows(session).await?;
    report.note(&REVOKE_TAKES_EFFECT, took_effect(&revoked, !after.contains_key(&key)));
    let mut others = after.clone();
    others.remove(&key);
    report_others(report, before, &others, "after a revocation");
    truth.hold(session, &revoke, true, "a revocation that was made").await;
    truth.hold(session, &grant, false, "a grant that was revoked").await;
    let again = session.apply(&revoke, &session.new_operation()).await;
    report.note(&REVOKE_AGAIN, is_success(&again));
    report.note(&VERIFY_TRUE, truth.said);
    report.note(&VERIFY_READS_ONLY, reads_only(session));

    report.note(&UNKNOWN_HOLDER, to_nobody(session, case, &after).await);
    let nothing = case.grant_to(NO_ID, &case.holder.id);
    report.note(&UNKNOWN_ENTITLEMENT, is_refused(session, &nothing, case, &after).await);
    Ok(())
}

/// Only a fault: the check passes when all is over.
fn report_others(report: &mut Report, before: &Rows, others: &Rows, how: &str) {
    if let Err(not) = same(before, others, how) {
        report.note(&NOBODY_ELSE, Err(not));
    }
}

async fn plan(session: &Session, case: &Case, before: &Rows) -> Verdict {
    let planned = session.plan(&case.grant(), &session.new_operation()).await;
    let tried = session.journal().refused.iter().find(|refused| refused.call == "plan").cloned();
    if let Some(refused) = tried {
        return broken(format!("`plan` tried to write: {}", refused.denial.detail));
    }
    same(before, &case.rows(session).await?, "after `plan`")?;
    match planned {
        Ok(plan) if plan.calls.is_empty() => broken("the plan of a grant names no request"),
        Ok(_) => Ok(()),
        Err(fault) if fault.code() == "unsupported" => skipped("the plugin plans nothing"),
        Err(fault) => broken(format!("`plan` failed: {fault}")),
    }
}

/// Collects whether `verify` tells the truth.
struct Truth {
    reads_back: bool,
    said: Verdict,
}

impl Truth {
    async fn hold(&mut self, session: &Session, operation: &Operation, holds: bool, what: &str) {
        let answer = session.verify(operation, &session.new_operation()).await;
        let verdict = match answer {
            Ok(Verification::Holds) if holds => Ok(()),
            Ok(Verification::Absent | Verification::Differs(_)) if !holds => Ok(()),
            Ok(Verification::CannotTell(_)) if !self.reads_back => {
                skipped("the manifest does not say `can-read-back`, and `verify` cannot tell")
            }
            Ok(Verification::CannotTell(why)) => broken(format!(
                "the manifest says `can-read-back`; of {what} it cannot tell: {why}"
            )),
            Ok(other) => broken(format!("of {what} it says {other:?}")),
            Err(fault) => broken(format!("of {what} it fails: {fault}")),
        };
        // A lie counts more than what could not be judged, and that more than a truth.
        match (&self.said, &verdict) {
            (Err(Not::Kept(_)), _) | (Err(_), Ok(())) => {}
            _ => self.said = verdict,
        }
    }
}

fn reads_only(session: &Session) -> Verdict {
    let journal = session.journal();
    match journal.refused.iter().find(|refused| refused.call == "verify") {
        Some(refused) => broken(format!("`verify` tried more: {}", refused.denial.detail)),
        None => Ok(()),
    }
}

/// What cannot be judged at once, because the target takes its time or a person is needed.
pub(super) fn is_asynchronous(outcome: &Answer<Outcome>) -> Option<Not> {
    match outcome {
        Ok(Outcome::InProgress { .. } | Outcome::Invited { .. } | Outcome::NeedsHuman { .. }) => {
            Some(Not::Judged("the target does not finish it at once".to_owned()))
        }
        _ => None,
    }
}

/// Done, and to be seen.
pub(super) fn took_effect(outcome: &Answer<Outcome>, is_seen: bool) -> Verdict {
    is_success(outcome)?;
    match is_seen {
        true => Ok(()),
        false => broken("the outcome is a success, and a reading does not show it"),
    }
}

pub(super) fn is_success(outcome: &Answer<Outcome>) -> Verdict {
    match outcome {
        Ok(Outcome::Done(_) | Outcome::Already(_)) => Ok(()),
        Ok(other) => broken(format!("the outcome is {other:?}")),
        Err(fault) => broken(format!("it failed: {fault} (`{}`)", fault.code())),
    }
}

/// A target may take anybody; then it is so. A success that is not so is the connector's.
async fn to_nobody(session: &Session, case: &Case, rows: &Rows) -> Verdict {
    let holder = ObjectRef { kind: case.holder.kind.clone(), id: NO_ID.to_owned() };
    let nobody = Case { entitlement: case.entitlement.clone(), holder };
    let outcome = session.apply(&nobody.grant(), &session.new_operation()).await;
    let found = case.rows(session).await?;
    if found.contains_key(&nobody.key()) {
        let _ = session.apply(&nobody.revoke(), &session.new_operation()).await;
        return skipped("the target takes holders that are not there");
    }
    is_refusal(&outcome)?;
    same(rows, &found, "after a refused grant")
}

fn is_refusal(outcome: &Answer<Outcome>) -> Verdict {
    match outcome {
        Ok(outcome) => broken(format!("the outcome is {outcome:?}")),
        Err(fault) if fault.is_misbehaviour() => broken(fault.to_string()),
        Err(_) => Ok(()),
    }
}

/// An error of the plugin's own, and nothing happened.
async fn is_refused(session: &Session, operation: &Operation, case: &Case, rows: &Rows) -> Verdict {
    is_refusal(&session.apply(operation, &session.new_operation()).await)?;
    same(rows, &case.rows(session).await?, "after a refused grant")
}
