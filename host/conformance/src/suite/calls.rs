//! What is true of all calls: none ends badly, none tries what was not approved, none leaks.

use super::Subject;
use crate::checks::{CANARIES, END_WELL, MEMORY, SECRETS_KEPT, WITHIN_APPROVAL};
use crate::report::{Report, Verdict, broken, skipped};
use crate::sandbox::Session;

/// Part of the memory limit that is left for a larger target, in percent.
const HEADROOM_PERCENT: u64 = 25;

/// Judges the sessions in which everything was in order.
pub(super) fn check(subject: &Subject<'_>, sessions: &[&Session], report: &mut Report) {
    if !subject.is_wanted("calls") {
        return;
    }
    report.note(&END_WELL, first(sessions, |session| session.journal().crashes.first().cloned()));
    report.note(&WITHIN_APPROVAL, first(sessions, refusal));
    report.note(&SECRETS_KEPT, first(sessions, |session| session.journal().leaks.first().cloned()));
    report.note(&CANARIES, canaries(subject, sessions));
    report.note(&MEMORY, memory(subject, sessions));
}

fn first(sessions: &[&Session], look: impl Fn(&Session) -> Option<String>) -> Verdict {
    match sessions.iter().find_map(|session| look(session)) {
        Some(evidence) => broken(evidence),
        None => Ok(()),
    }
}

fn refusal(session: &Session) -> Option<String> {
    let journal = session.journal();
    let refused = journal.refused.first()?;
    let denial = &refused.denial;
    Some(format!("`{}` was refused in `{}`: {}", denial.code, refused.call, denial.detail))
}

fn canaries(subject: &Subject<'_>, sessions: &[&Session]) -> Verdict {
    if subject.config.canaries.is_empty() {
        return skipped("the configuration names no `canaries`");
    }
    first(sessions, |session| session.journal().canaries.first().cloned())
}

fn memory(subject: &Subject<'_>, sessions: &[&Session]) -> Verdict {
    let max = subject.sandbox.memory_bytes_max;
    let most = sessions.iter().map(|session| session.journal().memory_bytes).max().unwrap_or(0);
    let kept = max / 100 * (100 - HEADROOM_PERCENT);
    match most > kept {
        true => broken(format!("{} KiB of {} KiB were used", most / 1024, max / 1024)),
        false => Ok(()),
    }
}
