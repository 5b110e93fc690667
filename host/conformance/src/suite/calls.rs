//! What is true of all calls: none ends badly, none tries what was not approved, none leaks.

use super::Subject;
use crate::checks::{CANARIES, END_WELL, MEMORY, SECRETS_KEPT, WITHIN_APPROVAL};
use crate::report::{Not, Report, Verdict, broken, skipped};
use crate::sandbox::Session;

/// Part of the memory limit that is left for a larger target, in percent.
const HEADROOM_PERCENT: u64 = 25;

/// Judges the session in which everything was in order.
pub(super) fn check(subject: &Subject<'_>, session: &Session, report: &mut Report) {
    if !subject.is_wanted("calls") {
        return;
    }
    report.note(&END_WELL, none(session.journal().crashes.first().cloned()));
    report.note(&WITHIN_APPROVAL, none(refusal(session)));
    report.note(&SECRETS_KEPT, secrets(session));
    report.note(&CANARIES, canaries(subject, session));
    report.note(&MEMORY, memory(subject, session));
}

/// What came out in a session in which something went wrong on purpose. Only a fault: the checks pass
/// when all is over.
pub(super) fn leaks(subject: &Subject<'_>, session: &Session, report: &mut Report) {
    for (check, verdict) in
        [(&SECRETS_KEPT, secrets(session)), (&CANARIES, canaries(subject, session))]
    {
        if let Err(Not::Kept(_)) = verdict {
            report.note(check, verdict);
        }
    }
}

fn none(evidence: Option<String>) -> Verdict {
    evidence.map_or(Ok(()), broken)
}

fn secrets(session: &Session) -> Verdict {
    none(session.journal().leaks.first().cloned())
}

fn refusal(session: &Session) -> Option<String> {
    let journal = session.journal();
    let refused = journal.refused.first()?;
    let denial = &refused.denial;
    Some(format!("`{}` was refused in `{}`: {}", denial.code, refused.call, denial.detail))
}

fn canaries(subject: &Subject<'_>, session: &Session) -> Verdict {
    if subject.config.canaries.is_empty() {
        return skipped("the configuration names no `canaries`");
    }
    none(session.journal().canary(&subject.config.canaries).map(str::to_owned))
}

fn memory(subject: &Subject<'_>, session: &Session) -> Verdict {
    let max = subject.sandbox.memory_bytes_max;
    let most = session.journal().memory_bytes;
    let kept = max / 100 * (100 - HEADROOM_PERCENT);
    match most > kept {
        true => broken(format!("{} KiB of {} KiB were used", most / 1024, max / 1024)),
        false => Ok(()),
    }
}
