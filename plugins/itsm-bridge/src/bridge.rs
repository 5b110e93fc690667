//! One run: each approved ticket is granted, refused with a comment, or left for the admin.
//!
//! A refusal is the requester's to mend (no such role, an end in the past); what is left is the
//! admin's (a permission that the bridge lacks, a desk that does not answer) and shows in the run.

use grantry_sdk::aggregate::{Page, Skip};
use grantry_sdk::lifecycle::ConnectionReport;
use grantry_sdk::platform::{Denial, Membership, PlatformError};
use grantry_sdk::time::{end_of_day_ms, parse_ms};
use grantry_sdk::types::{Backoff, Error, ObjectRef, Result};
use grantry_sdk::{Lifecycle, log};

use crate::ItsmBridge;
use crate::desk::{Desk, Ending, Ticket, place};
use crate::directory::{self, Directory, Named};
use crate::manifest::TICKET;

/// What becomes of a ticket.
#[derive(Debug, PartialEq)]
pub enum Verdict {
    /// Grantry took the membership on.
    Granted(String),
    /// Not as the ticket asks, with the reason.
    Refused(String),
    /// Nothing was done; the next run tries again.
    Left(Error),
}

/// Works through the tickets of one page. No ticket is a row: a desk is not a catalogue.
///
/// # Errors
/// When the desk does not list its tickets.
pub fn work(desk: &Desk<'_>, directory: &dyn Directory, at: Option<Vec<u8>>) -> Result<Page> {
    let tickets = desk.tickets(place(at)?.as_deref())?;
    let mut page = Page::empty();
    for ticket in &tickets.items {
        let outcome = match verdict(directory, ticket) {
            Verdict::Granted(comment) => desk.end(&ticket.key, Ending::Granted, &comment),
            Verdict::Refused(reason) => {
                log::info(&format!("refused `{}`: {reason}", ticket.key));
                desk.end(&ticket.key, Ending::Refused, &reason)
            }
            Verdict::Left(error) => Err(error),
        };
        if let Err(error) = outcome {
            let about = Some(ObjectRef::new(TICKET, &ticket.key));
            page.skipped.push(Skip { about, error });
        }
    }
    page.next = tickets.cursor();
    page.is_complete = page.next.is_none();
    Ok(page)
}

/// Whether desk and directory answer.
///
/// # Errors
/// What is wrong with the desk.
pub fn test(desk: &Desk<'_>, directory: &dyn Directory) -> Result<ConnectionReport> {
    let mut report = ConnectionReport::of(ItsmBridge::describe().kinds);
    report.tenant = desk.whoami()?;
    desk.tickets(None)?;
    match directory.apps(None) {
        Ok(page) if page.items.is_empty() => report.warnings.push(
            "the bridge may read no app: give it permissions on the apps that tickets name".into(),
        ),
        Ok(_) => {}
        Err(PlatformError::Denied(denial)) => report.missing_permissions.push(missing(&denial)),
        Err(error) => return Err(left(error)),
    }
    Ok(report)
}

/// Decides on a ticket, and grants.
pub fn verdict(directory: &dyn Directory, ticket: &Ticket) -> Verdict {
    match grant(directory, ticket) {
        Ok(membership) => Verdict::Granted(format!(
            "Grantry took this on as membership {} ({}).",
            membership.id, membership.status
        )),
        Err(verdict) => verdict,
    }
}

fn grant(directory: &dyn Directory, ticket: &Ticket) -> Result<Membership, Verdict> {
    for (what, value) in
        [("app", &ticket.app), ("role", &ticket.role), ("account", &ticket.account)]
    {
        if value.is_empty() {
            return Err(Verdict::Refused(format!("This ticket does not say which {what}.")));
        }
    }
    let ends_ms = ends(ticket)?;
    let app = match directory::app(directory, &ticket.app).map_err(stays)? {
        Named::One(app) => app,
        Named::Several => return Err(ambiguous("app", &ticket.app)),
        Named::Nothing => return Err(unknown("app", &ticket.app)),
    };
    let role = match directory::role(directory, &app.id, &ticket.role).map_err(stays)? {
        Named::One(role) => role,
        Named::Several => return Err(ambiguous("role", &ticket.role)),
        Named::Nothing => return Err(unknown("role", &ticket.role)),
    };
    let key = ticket.idempotency_key();
    directory.grant(&app.id, &role.id, &ticket.account, ends_ms, &key).map_err(
        |error| match error {
            PlatformError::Conflict(reason) => Verdict::Refused(format!("Not granted: {reason}.")),
            PlatformError::Invalid(fields) => {
                let fields: Vec<String> = fields
                    .iter()
                    .map(|field| format!("{}: {}", field.path, field.message))
                    .collect();
                Verdict::Refused(format!("Not granted: {}.", fields.join("; ")))
            }
            other => stays(other),
        },
    )
}

fn ends(ticket: &Ticket) -> Result<Option<i64>, Verdict> {
    let Some(until) = &ticket.until else { return Ok(None) };
    let ends_ms = parse_ms(until).or_else(|| end_of_day_ms(until));
    let unread = || Verdict::Refused(format!("`{until}` is no date that the bridge can read."));
    ends_ms.map(Some).ok_or_else(unread)
}

fn unknown(what: &str, name: &str) -> Verdict {
    Verdict::Refused(format!("There is no {what} `{name}` that tickets of this desk may name."))
}

fn ambiguous(what: &str, name: &str) -> Verdict {
    Verdict::Refused(format!("There are several {what}s called `{name}`: enter the id."))
}

fn stays(error: PlatformError) -> Verdict {
    Verdict::Left(left(error))
}

/// What the admin is told.
fn left(error: PlatformError) -> Error {
    match error {
        PlatformError::Denied(denial) => Error::PermissionDenied(vec![missing(&denial)]),
        PlatformError::NotFound => Error::NotFound(None),
        PlatformError::QuotaExceeded(what) => Error::QuotaExceeded(what),
        PlatformError::Unavailable(_) => Error::Unavailable(Backoff::unknown()),
        PlatformError::Conflict(reason) => Error::Other(reason),
        PlatformError::Invalid(_) => Error::Other("Grantry refused the input".into()),
    }
}

fn missing(denial: &Denial) -> String {
    format!("Grantry's own: {:?}", denial.action)
}
