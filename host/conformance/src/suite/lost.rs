//! A connection that breaks in the midst of a change: nobody knows whether it happened, and it
//! happens once.

use std::collections::BTreeSet;

use grantry_model::fault::{Fault, PluginError};
use grantry_model::provision::{Operation, OperationContext, Outcome, Verification};

use super::grants::{Case, is_success};
use super::target::{Proxied, proxied};
use super::{Subject, calls};
use crate::checks::{LOST_ANSWER, LOST_CREATION, LOST_REQUEST};
use crate::proxy::Script;
use crate::report::{Not, Report, Verdict, broken, skipped};
use crate::sandbox::{Answer, Session};

/// The checks about a grant.
pub(super) async fn of_grant(subject: &Subject<'_>, case: &Case, report: &mut Report) {
    let through = match proxied(subject).await {
        Ok(through) => through,
        Err(not) => {
            report.note(&LOST_ANSWER, Err(not.clone()));
            return report.note(&LOST_REQUEST, Err(not));
        }
    };
    report.note(&LOST_ANSWER, grant(&through, case, Script::LoseAnswer).await);
    report.note(&LOST_REQUEST, grant(&through, case, Script::LoseRequest).await);
    calls::leaks(subject, &through.session, report);
}

async fn grant(through: &Proxied, case: &Case, script: Script) -> Verdict {
    let Proxied { proxy, session } = through;
    let context = session.new_operation();
    let is_made = script == Script::LoseAnswer;
    proxy.follow(script);
    let first = session.apply(&case.grant(), &context).await;
    if !proxy.has_struck() {
        proxy.follow(Script::Forward);
        return skipped("a grant sends no change to the host of the connection");
    }
    let verdict = settle(session, case, &first, &context, is_made).await;
    let _ = session.apply(&case.revoke(), &session.new_operation()).await;
    verdict
}

/// As the host goes on: it reads back, tries again, and there is one effect.
async fn settle(
    session: &Session,
    case: &Case,
    first: &Answer<Outcome>,
    context: &OperationContext,
    is_made: bool,
) -> Verdict {
    let is_there = case.rows(session).await?.contains_key(&case.key());
    is_honest(first, is_made, is_there)?;
    match session.verify(&case.grant(), context).await {
        // Whether it may say so is judged with `writing.verify`.
        Ok(Verification::CannotTell(_)) => {}
        verified if matches!(verified, Ok(Verification::Holds)) == is_there => {}
        _ => return broken("`verify` does not say afterwards what is so"),
    }
    let context = OperationContext { attempt: 2, ..context.clone() };
    is_success(&session.apply(&case.grant(), &context).await)?;
    match case.rows(session).await?.contains_key(&case.key()) {
        true => Ok(()),
        false => broken("after the second attempt it is not there"),
    }
}

/// What may be said of a change whose request or answer was lost.
fn is_honest(outcome: &Answer<Outcome>, is_made: bool, is_there: bool) -> Verdict {
    match outcome {
        Ok(Outcome::Done(_) | Outcome::Already(_)) if is_there => Ok(()),
        Ok(outcome) => broken(format!("the outcome is {outcome:?}, and it is not so")),
        Err(Fault::Plugin(PluginError::OutcomeUnknown(_))) => Ok(()),
        // These two promise that nothing was written.
        Err(Fault::Plugin(PluginError::RateLimited(_) | PluginError::Unauthenticated(_))) => {
            broken("the error promises that nothing was written, which nobody knows")
        }
        Err(Fault::Plugin(_)) if !is_made => Ok(()),
        Err(fault) => broken(format!(
            "the change was made and its answer lost; the error is `{}`, not `outcome_unknown`",
            fault.code()
        )),
    }
}

/// The check about a creation of an object of this kind.
pub(super) async fn of_creation(
    subject: &Subject<'_>,
    create: &Operation,
    kind: &str,
    report: &mut Report,
) {
    let verdict = match proxied(subject).await {
        Ok(through) => {
            let verdict = creation(&through, create, kind).await;
            calls::leaks(subject, &through.session, report);
            verdict
        }
        Err(not) => Err(not),
    };
    report.note(&LOST_CREATION, verdict);
}

async fn creation(through: &Proxied, create: &Operation, kind: &str) -> Verdict {
    let Proxied { proxy, session } = through;
    let before = super::objects::ids(session, kind).await?;
    let context = session.new_operation();
    proxy.follow(Script::LoseAnswer);
    let first = session.apply(create, &context).await;
    if !proxy.has_struck() {
        proxy.follow(Script::Forward);
        return skipped("a creation sends no change to the host of the connection");
    }
    let verdict = settle_creation(session, create, kind, &before, &first, &context).await;
    for made in super::objects::ids(session, kind).await?.difference(&before) {
        let id = grantry_model::catalogue::ObjectRef { kind: kind.to_owned(), id: made.clone() };
        let _ = session.apply(&Operation::Delete(id), &session.new_operation()).await;
    }
    verdict
}

async fn settle_creation(
    session: &Session,
    create: &Operation,
    kind: &str,
    before: &BTreeSet<String>,
    first: &Answer<Outcome>,
    context: &OperationContext,
) -> Verdict {
    let made = super::objects::ids(session, kind).await?.difference(before).count();
    is_honest(first, true, made == 1)?;
    let again = OperationContext { attempt: 2, ..context.clone() };
    match session.apply(create, &again).await {
        Err(Fault::Plugin(PluginError::AlreadyExists(_))) => {}
        outcome => is_success(&outcome)?,
    }
    match super::objects::ids(session, kind).await?.difference(before).count() {
        1 => Ok(()),
        made => Err(Not::Kept(format!("one creation, tried twice, made {made} objects"))),
    }
}
