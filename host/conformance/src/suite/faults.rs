//! A target that fails: the connector says so, and never takes it for an empty directory.

use grantry_model::approval::Approval;
use grantry_model::catalogue::{Cursor, Page, Target};
use grantry_model::fault::{Fault, PluginError};

use super::target::{Proxied, exception, host_place, moved, proxied};
use super::{Subject, calls};
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

/// A listing that sends requests, with its first page.
struct Asked<'a> {
    target: &'a Target,
    first: Page,
}

/// All checks of the group.
pub(super) async fn check(subject: &Subject<'_>, reading: &Reading, report: &mut Report) {
    let through = match proxied(subject).await {
        Ok(through) => through,
        Err(not) => return skip_all(report, &not),
    };
    let asked = match asked(&through, reading).await {
        Ok(asked) => asked,
        Err(not) => return skip_all(report, &not),
    };
    report.note(&UNREACHABLE, unreachable(subject, &asked).await);
    report.note(&REFUSAL_TOLD, refused(subject, &asked).await);
    let canary = format!("canary{}", subject.unique);
    through.session.journal().watch_for(std::slice::from_ref(&canary));
    each_answer(&through, &asked, &canary, report).await;
    report.note(&LATER_PAGE, later_page(&through, &asked).await);
    // The last one: the host remembers the pause that a target asked for.
    let pause = Script::Answer(429, body_with(&canary));
    let is_pause = |error: &PluginError| {
        matches!(error, PluginError::RateLimited(_) | PluginError::Unavailable(_))
    };
    report.note(&RATE_LIMITED, each_listing(&through, &asked, pause, is_pause).await);
    let repeated = through.session.journal().canary(&[canary]).map(str::to_owned);
    report.note(
        &BODY_KEPT,
        match repeated {
            Some(place) => broken(format!("the text of the target's answer: {place}")),
            None => Ok(()),
        },
    );
    calls::leaks(subject, &through.session, report);
}

/// The listings whose first page needs a request to the host of the connection.
async fn asked<'a>(through: &Proxied, reading: &'a Reading) -> Result<Vec<Asked<'a>>, Not> {
    let mut asked = Vec::new();
    for target in reading.listings.iter().map(|listing| &listing.target) {
        let requests = through.proxy.requests();
        let first = through.session.read_page(target, None, ROWS).await;
        let first = first.map_err(|fault| {
            Not::Judged(format!("`{}` cannot be read through the proxy: {fault}", target.name()))
        })?;
        if through.proxy.requests() > requests {
            asked.push(Asked { target, first });
        }
    }
    match asked.is_empty() {
        true => skipped("the connector sends no request to the host of its connection"),
        false => Ok(asked),
    }
}

fn skip_all(report: &mut Report, not: &Not) {
    for check in crate::checks::FAULTS {
        report.note(check, Err(not.clone()));
    }
}

async fn each_answer(through: &Proxied, asked: &[Asked<'_>], canary: &str, report: &mut Report) {
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
        report.note(check, each_listing(through, asked, script, is_good).await);
    }
}

/// Reads each listing while the proxy does this; what sends no request now is not judged.
async fn each_listing(
    through: &Proxied,
    asked: &[Asked<'_>],
    script: Script,
    is_good: impl Fn(&PluginError) -> bool,
) -> Verdict {
    let mut verdict = skipped("no listing sends a request again");
    for Asked { target, .. } in asked {
        if let Some(answer) = through_script(through, target, None, &script).await {
            is_told(target, answer, &is_good)?;
            verdict = Ok(());
        }
    }
    verdict
}

/// A page that is asked for while the proxy does this; none if no request came.
async fn through_script(
    through: &Proxied,
    target: &Target,
    at: Option<Cursor>,
    script: &Script,
) -> Option<Answer<Page>> {
    let requests = through.proxy.requests();
    through.proxy.follow(script.clone());
    let answer = through.session.read_page(target, at, ROWS).await;
    through.proxy.follow(Script::Forward);
    (through.proxy.requests() > requests).then_some(answer)
}

/// What a target might say of itself in an error, credentials included.
fn body_with(canary: &str) -> String {
    format!("{{\"detail\": \"{canary}\"}}")
}

/// An error, of a case that fits.
fn is_told(
    target: &Target,
    answer: Answer<Page>,
    is_good: impl Fn(&PluginError) -> bool,
) -> Verdict {
    let name = target.name();
    match answer {
        Ok(page) => {
            let rows = crate::reading::count(&page);
            broken(format!("`{name}`: the answer was a page of {rows} rows, not an error"))
        }
        Err(Fault::Plugin(error)) if is_good(&error) => Ok(()),
        Err(fault) => broken(format!("`{name}`: the error is `{}`: {fault}", fault.code())),
    }
}

async fn unreachable(subject: &Subject<'_>, asked: &[Asked<'_>]) -> Verdict {
    let Some((_, url)) = host_place(subject) else { return skipped("no host in the connection") };
    let address = closed_address().await.map_err(|error| Not::Judged(error.to_string()))?;
    let connection = moved(subject.connection, &url, address);
    let session = subject.session(&connection, &[exception(address)]);
    let session = session.map_err(|_| Not::Judged("the schema refuses the URL".to_owned()))?;
    all_fail(&session, asked).await
}

/// With no host approved, the host refuses every request.
async fn refused(subject: &Subject<'_>, asked: &[Asked<'_>]) -> Verdict {
    let session = subject.sandbox.session(subject.connection, &Approval::default());
    let session: Session = session.map_err(|_| Not::Judged("no session".to_owned()))?;
    all_fail(&session, asked).await
}

async fn all_fail(session: &Session, asked: &[Asked<'_>]) -> Verdict {
    for Asked { target, .. } in asked {
        is_told(target, session.read_page(target, None, ROWS).await, |_| true)?;
    }
    Ok(())
}

async fn later_page(through: &Proxied, asked: &[Asked<'_>]) -> Verdict {
    let mut verdict = skipped("every listing has one page only");
    let script = Script::Answer(500, String::new());
    for Asked { target, first } in asked.iter().filter(|asked| asked.first.next.is_some()) {
        if let Some(answer) = through_script(through, target, first.next.clone(), &script).await {
            is_told(target, answer, |_| true)?;
            verdict = Ok(());
        }
    }
    verdict
}
