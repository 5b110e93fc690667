//! A target that fails: the connector says so, and never takes it for an empty directory.

use grantry_model::approval::Approval;
use grantry_model::catalogue::{Page, Target};
use grantry_model::fault::{Fault, PluginError};

use super::Subject;
use super::target::{Proxied, exception, host_place, moved, proxied};
use crate::checks::{
    BODY_KEPT, BROKEN_OFF, GARBAGE, LATER_PAGE, RATE_LIMITED, REFUSAL_TOLD, SERVER_ERROR,
    UNAUTHENTICATED, UNREACHABLE,
};
use crate::proxy::{Script, closed_address};
use crate::reading::Reading;
use crate::report::{Check, Not, Report, Verdict, broken, skipped};
use crate::sandbox::{Answer, Session};

/// Rows that are asked for: few, so that there is a second page.
const ROWS: u32 = 2;

/// All checks of the group.
pub(super) async fn check(subject: &Subject<'_>, reading: &Reading, report: &mut Report) {
    let Some(listing) = reading.listings.first() else { return };
    let target = &listing.target;
    let through = match proxied(subject).await {
        Ok(through) => through,
        Err(not) => return skip_all(report, &not),
    };
    let first = through.session.read_page(target, None, ROWS).await;
    if through.proxy.requests() == 0 || first.is_err() {
        let reason = "the connector sends no request to the host of its connection";
        return skip_all(report, &Not::Judged(reason.to_owned()));
    }
    report.note(&UNREACHABLE, unreachable(subject, target).await);
    report.note(&REFUSAL_TOLD, refused(subject, target).await);
    let canary = format!("canary{}", subject.unique);
    through.session.journal().watch_for(std::slice::from_ref(&canary));
    each_answer(&through, target, &canary, report).await;
    report.note(&LATER_PAGE, later_page(&through, target, first).await);
    // The last one: the host remembers the pause that a target asked for.
    through.proxy.follow(Script::Answer(429, body_with(&canary)));
    let answer = through.session.read_page(target, None, ROWS).await;
    report.note(
        &RATE_LIMITED,
        is_told(answer, |error| {
            matches!(error, PluginError::RateLimited(_) | PluginError::Unavailable(_))
        }),
    );
    let repeated = through.session.journal().canaries.first().cloned();
    report.note(
        &BODY_KEPT,
        match repeated {
            Some(place) => broken(format!("the text of the target's answer: {place}")),
            None => Ok(()),
        },
    );
}

fn skip_all(report: &mut Report, not: &Not) {
    for check in crate::checks::FAULTS {
        report.note(check, Err(not.clone()));
    }
}

async fn each_answer(through: &Proxied, target: &Target, canary: &str, report: &mut Report) {
    let body = body_with(canary);
    let page = format!("<html><body>{canary}</body></html>");
    type IsGood = fn(&PluginError) -> bool;
    let cases: [(&Check, Script, IsGood); 4] = [
        (&SERVER_ERROR, Script::Answer(500, body.clone()), |error| {
            !matches!(error, PluginError::NotFound(_) | PluginError::Unauthenticated(_))
        }),
        (&UNAUTHENTICATED, Script::Answer(401, body), |error| {
            matches!(error, PluginError::Unauthenticated(_) | PluginError::InvalidConfig(_))
        }),
        (&GARBAGE, Script::Answer(200, page), |_| true),
        (&BROKEN_OFF, Script::BreakOff, |_| true),
    ];
    for (check, script, is_good) in cases {
        through.proxy.follow(script);
        let answer = through.session.read_page(target, None, ROWS).await;
        report.note(check, is_told(answer, is_good));
    }
    through.proxy.follow(Script::Forward);
}

/// What a target might say of itself in an error, credentials included.
fn body_with(canary: &str) -> String {
    format!("{{\"detail\": \"{canary}\"}}")
}

/// An error, of a case that fits.
fn is_told(answer: Answer<Page>, is_good: impl Fn(&PluginError) -> bool) -> Verdict {
    match answer {
        Ok(page) => {
            let rows = crate::reading::count(&page);
            broken(format!("the answer was a page of {rows} rows, not an error"))
        }
        Err(Fault::Plugin(error)) if is_good(&error) => Ok(()),
        Err(fault) => broken(format!("the error is `{}`: {fault}", fault.code())),
    }
}

async fn unreachable(subject: &Subject<'_>, target: &Target) -> Verdict {
    let Some((_, url)) = host_place(subject) else { return skipped("no host in the connection") };
    let address = closed_address().await.map_err(|error| Not::Judged(error.to_string()))?;
    let connection = moved(subject.connection, &url, address);
    let session = subject.session(&connection, &[exception(address)]);
    let session = session.map_err(|_| Not::Judged("the schema refuses the URL".to_owned()))?;
    is_told(session.read_page(target, None, ROWS).await, |_| true)
}

/// With no host approved, the host refuses every request.
async fn refused(subject: &Subject<'_>, target: &Target) -> Verdict {
    let session = subject.sandbox.session(subject.connection, &Approval::default());
    let session: Session = session.map_err(|_| Not::Judged("no session".to_owned()))?;
    is_told(session.read_page(target, None, ROWS).await, |_| true)
}

async fn later_page(through: &Proxied, target: &Target, first: Answer<Page>) -> Verdict {
    let Some(next) = first.ok().and_then(|page| page.next) else {
        return skipped("the listing has one page only");
    };
    through.proxy.follow(Script::Answer(500, String::new()));
    let answer = through.session.read_page(target, Some(next), ROWS).await;
    through.proxy.follow(Script::Forward);
    is_told(answer, |_| true)
}
