//! A change of access by a ticket in a service desk (PRV-4).
//!
//! What is asked for is written down before the desk hears of it, and carries the same key at every
//! try, so that one ticket comes of it. Then the ticket is followed until it is closed. While it is
//! open whoever has it may act on it: a revocation is not over before the tickets of earlier grants
//! are closed, and what was done by one of them after the revocation is taken away again.
//!
//! The states are pure and in `model::ticket::follow`, the words in `model::ticket::template`.

use grantry_model::clock::UnixMs;
use grantry_model::delivery::retry_ms;
use grantry_model::fault::{Fault, PluginError};
use grantry_model::gate::{AdmittedTicket, Closed, Licence, admit_ticket};
use grantry_model::method::Method;
use grantry_model::text::printable;
use grantry_model::ticket::Ticket;
use grantry_model::ticket::follow::{
    Followed, Look, SILENCE_MS_MAX, Stage, Standing, after, look_after_ms,
};
use grantry_model::ticket::template::{Facts, moment};
use grantry_store::{StoreError, StoredDesk, StoredTicket, Tx};
use serde_json::json;

use super::{Asked, Known, Provisioning, is_refusal};
use crate::Result;
use crate::aggregate::asked_pause_ms;
use crate::ticket_desks::{DESK_MISSING, Desk, NoDesk, QUARANTINED};

/// The code of a ticket that somebody closed without doing it: nobody else is asked for that grant.
pub(super) const REJECTED: &str = "ticket_rejected";
/// How long a desk whose answer was lost may take to show a ticket that it opened, in milliseconds.
const SETTLING_MS: i64 = 10_000;
/// How often a plugin in quarantine is looked at, in milliseconds; its release does not wait.
const QUARANTINE_LOOK_MS: u64 = 60_000;
/// How often it is looked whether earlier tickets are closed, in milliseconds.
const EARLIER_LOOK_MS: u64 = 15 * 60_000;
/// Looks at the target after which a person is asked beside a ticket that is done, and is not seen.
const DONE_LOOKS_MAX: u32 = 8;
/// How often the target is looked at after that, in milliseconds: over about a day until a grant fails.
const DONE_LOOK_MS: u64 = 90 * 60_000;
/// Longest id of a ticket, in characters.
const ID_CHARACTERS_MAX: usize = 500;
/// Longest address of a ticket, in characters.
const URL_CHARACTERS_MAX: usize = 2_000;
/// Longest word of a desk that is kept, in characters.
const WORDS_CHARACTERS_MAX: usize = 1_000;

/// A ticket about to be ordered, with all that is read before the transaction.
pub(super) struct Ordering {
    /// The setting that was read, which still has to stand; `None` where an earlier try is repeated.
    setting: Option<StoredDesk>,
    desk: std::result::Result<Desk, NoDesk>,
    ticket: StoredTicket,
}

/// A ticket that was ordered, and that its desk may hear of.
pub(super) struct Ordered {
    desk: Desk,
    admitted: AdmittedTicket,
    ticket: StoredTicket,
    /// Whether no earlier try of the same ticket got no answer.
    is_first: bool,
}

impl Provisioning<'_> {
    /// How the ticket of this operation stands, whatever the method is by now; `None` where there is
    /// none, or it has nothing to say any more.
    pub(super) async fn ticketed(&self, asked: &Asked, is_haunted: bool) -> Result<Option<Known>> {
        let is_with_person = self.membership.waiting == Some(Closed::Fallback);
        if asked.token.is_some() || (self.is_grant() && is_with_person) {
            return Ok(None);
        }
        let Some(ticket) = self.engine.db().ticket(&self.operation_id).await? else {
            return Ok(None);
        };
        if ticket.id.is_none() {
            let is_ordered = ticket.followed.stage == Stage::Ordered;
            return Ok(if is_ordered { self.unanswered(asked) } else { None });
        }
        let ticket = self.look_at(ticket).await?;
        let (code, detail) = match ticket.followed.stage.standing() {
            Standing::Open => return Ok(Some(self.follows(&ticket))),
            Standing::Done => return self.ticket_done(&ticket, asked.attempts).await,
            // A revocation is never given up: it is asked for anew.
            Standing::Lost if !self.is_grant() => return Ok(None),
            Standing::Refused if is_with_person => {
                return self.look(Closed::Fallback, asked.attempts).await.map(Some);
            }
            // Another way leads by now.
            Standing::Refused if !self.is_grant() && self.method != Method::Ticket => {
                return Ok(None);
            }
            Standing::Refused => (REJECTED, words(&ticket)),
            Standing::Lost => ("ticket_lost", words(&ticket)),
        };
        // While an earlier grant may appear, what the target shows is not the last word.
        if (self.is_grant() || !is_haunted)
            && let Some(Known::Confirmed(outcome)) = self.shown(asked.attempts).await?
        {
            return Ok(Some(Known::Confirmed(outcome)));
        }
        Ok(Some(Known::Refused { code: code.to_owned(), detail }))
    }

    /// The desk did not answer when it was asked to open it: it is asked again, with the same key, once
    /// it had the time to show a ticket that it opened.
    fn unanswered(&self, asked: &Asked) -> Option<Known> {
        if self.method != Method::Ticket {
            return None;
        }
        let wait_ms = asked.attempted?.plus_ms(SETTLING_MS).0 - self.engine.db().now().0;
        (wait_ms > 0).then(|| Known::Open {
            asked_ms: wait_ms.unsigned_abs(),
            code: "ticket_unanswered".to_owned(),
            detail: "it is not known whether the desk opened the ticket: it is asked again soon"
                .to_owned(),
        })
    }

    fn follows(&self, ticket: &StoredTicket) -> Known {
        let now = self.engine.db().now();
        let wait_ms = ticket.look.map_or(0, |look| look.0.saturating_sub(now.0).max(0));
        Known::Noted {
            asked_ms: wait_ms.unsigned_abs(),
            code: "ticket_open".to_owned(),
            detail: words(ticket),
        }
    }

    /// The ticket is done. Where the connector can read back, the target has the last word.
    async fn ticket_done(&self, ticket: &StoredTicket, attempts: u32) -> Result<Option<Known>> {
        let is_outdated = ticket.is_outdated && !self.is_grant();
        Ok(match self.shown(attempts).await? {
            // Access was given after it: it is taken away by another ticket.
            None | Some(Known::NotThere) if is_outdated => None,
            None => Some(Known::Confirmed(words(ticket))),
            Some(Known::NotThere) if !self.is_grant() && self.job.attempt >= DONE_LOOKS_MAX => {
                let detail = format!("{}, but the target still shows the access", words(ticket));
                Some(Known::Refused { code: "ticket_not_confirmed".to_owned(), detail })
            }
            Some(Known::NotThere) if self.is_grant() => {
                let detail = format!("{}, but the target does not show the access", words(ticket));
                let is_soon = self.job.attempt < DONE_LOOKS_MAX;
                let asked_ms = (!is_soon).then_some(DONE_LOOK_MS);
                Some(Known::Later { asked_ms, code: "ticket_not_confirmed".to_owned(), detail })
            }
            Some(known) => Some(known),
        })
    }

    /// Looks at the open tickets of other effects of this membership; tells whether somebody may still
    /// act on one.
    pub(super) async fn is_followed(&self) -> Result<bool> {
        let db = self.engine.db();
        let mut is_open = false;
        for ticket in db.open_tickets(&self.membership.id, &self.operation_id).await? {
            let is_named = ticket.id.is_some();
            let seen =
                if is_named { self.look_at(ticket).await? } else { self.lapsed(ticket).await? };
            is_open |= seen.followed.stage.standing() == Standing::Open;
        }
        Ok(is_open)
    }

    /// A ticket that its desk may have opened, without an answer: nobody can be asked about it, so that
    /// it counts for a while.
    async fn lapsed(&self, before: StoredTicket) -> Result<StoredTicket> {
        if before.followed.open_until > self.engine.db().now() {
            return Ok(before);
        }
        let followed = Followed { stage: Stage::Lost, open_until: UnixMs(0), ..before.followed };
        let after = StoredTicket { followed, ..before.clone() };
        self.note_ticket(&before, &after, "the desk never said whether it opened it").await?;
        Ok(after)
    }

    /// Whether a ticket was ordered for that effect, and nothing is known of it.
    pub(super) async fn is_ordered(&self, operation: &str, verb: &str) -> Result<bool> {
        let db = self.engine.db();
        let Some(ticket) = db.ticket(operation).await? else { return Ok(false) };
        let is_open = ticket.id.is_none() && ticket.followed.open_until > db.now();
        let stored = db.operation(operation).await?;
        Ok(is_open && stored.is_some_and(|stored| stored.verb == verb))
    }

    /// What the next attempt would order, or `None` where the integration has no desk.
    pub(super) async fn ordering(&self) -> Result<Option<Ordering>> {
        let (engine, db) = (self.engine, self.engine.db());
        let (job, before) = (self.job.id.as_str(), db.ticket(&self.operation_id).await?);
        let next = before.as_ref().map_or(0, |ticket| ticket.round + 1);
        // What got no answer is asked for once more, where and as it was.
        let is_asked =
            |ticket: &StoredTicket| ticket.id.is_none() && ticket.followed.stage == Stage::Ordered;
        if let Some(ticket) = before.filter(is_asked) {
            let desk = engine.desk(&ticket.desk, job).await?;
            if !desk.as_ref().is_err_and(|none| none.code == DESK_MISSING) {
                return Ok(Some(Ordering { setting: None, desk, ticket }));
            }
        }
        let Some(setting) = db.ticket_desk(&self.integration.id).await? else { return Ok(None) };
        let key = self.key(next);
        let beside = self.beside().await?;
        let request = setting.template.request(&self.ticket_facts().await?, &beside, &key);
        let desk = engine.desk(&setting.desk, job).await?;
        let ticket = StoredTicket {
            operation: self.operation_id.clone(),
            round: next,
            desk: setting.desk.clone(),
            request,
            id: None,
            url: None,
            native_status: String::new(),
            resolution: None,
            followed: Followed { stage: Stage::Ordered, misses: 0, open_until: UnixMs(0) },
            is_outdated: false,
            ordered: db.now(),
            looked: None,
            look: None,
        };
        Ok(Some(Ordering { setting: Some(setting), desk, ticket }))
    }

    /// Writes the ticket down in the transaction that counts the attempt, or tells why none is opened.
    pub(super) async fn order_ticket(
        &self,
        tx: &mut Tx,
        ordering: Option<Ordering>,
    ) -> Result<std::result::Result<Ordered, Known>> {
        let refused = |code: &str, detail: &str| {
            Ok(Err(Known::Refused { code: code.to_owned(), detail: detail.to_owned() }))
        };
        let setting = tx.ticket_desk(&self.integration.id).await?;
        let Some(ordering) = ordering else {
            return match setting {
                None => refused(DESK_MISSING, "the integration has no desk for tickets"),
                Some(_) => Err(StoreError::VersionConflict { what: "ticket desk" }.into()),
            };
        };
        if ordering.setting.is_some() && ordering.setting != setting {
            // It was changed at this moment.
            return Err(StoreError::VersionConflict { what: "ticket desk" }.into());
        }
        let (mut ticket, is_first) = (ordering.ticket, ordering.setting.is_some());
        let desk = match ordering.desk {
            Ok(desk) => desk,
            Err(NoDesk { code: QUARANTINED, detail }) => {
                let code = QUARANTINED.to_owned();
                return Ok(Err(Known::Open { asked_ms: QUARANTINE_LOOK_MS, code, detail }));
            }
            Err(NoDesk { code, detail }) => return refused(code, &detail),
        };
        let settings = tx.settings(&ticket.desk).await?;
        let Ok(admitted) = admit_ticket(&ticket.desk, &settings, ticket.request.clone()) else {
            return refused("desk_read_only", "the desk is read-only: no tickets are opened there");
        };
        ticket.followed.open_until = tx.now().plus_ms(SILENCE_MS_MAX);
        tx.order_ticket(&self.job.id, &ticket).await?;
        Ok(Ok(Ordered { desk, admitted, ticket, is_first }))
    }

    /// Has it opened. The licence is used up.
    pub(super) async fn open_ticket(&self, _: Licence, ordered: Ordered) -> Result<Known> {
        let Ordered { desk, admitted, ticket, is_first } = ordered;
        let (engine, desk_id) = (self.engine, &desk.integration.id);
        let result = engine.parts.runner.create_ticket(&desk.scope, admitted).await;
        match engine.observe(desk_id, result).await? {
            Ok(called) => {
                engine.db().commit_kv(desk_id, &called.report.kv_writes).await?;
                let opened = called.value;
                let is_named =
                    !opened.id.is_empty() && printable(&opened.id, ID_CHARACTERS_MAX) == opened.id;
                if !is_named {
                    let fault = PluginError::BadData("the id of the ticket cannot be kept".into());
                    return self.not_opened(&ticket, &Fault::Plugin(fault), is_first).await;
                }
                let named = StoredTicket { id: Some(opened.id.clone()), ..ticket.clone() };
                let look = Look::Seen(opened.state);
                let opened = seen(&named, look, Some(opened), (engine.db().now(), None));
                self.note_ticket(&ticket, &opened, "").await?;
                Ok(self.follows(&opened))
            }
            Err(fault) => self.not_opened(&ticket, &fault, is_first).await,
        }
    }

    async fn not_opened(
        &self,
        ticket: &StoredTicket,
        fault: &Fault,
        is_first: bool,
    ) -> Result<Known> {
        let (code, detail) = (fault.code().to_owned(), format!("the desk: {fault}"));
        let is_untouched = has_opened_nothing(fault);
        if is_untouched && is_first {
            // The next attempt is as the first, with the words of then.
            let mut tx = self.begin().await?;
            tx.forget_ticket(&ticket.operation, ticket.round).await?;
            tx.take_back_attempt(&self.operation_id).await?;
            tx.commit(self.audit("operation.untouched", json!({ "code": code }))).await?;
        }
        if is_refused(fault) && !is_first && !self.is_grant() {
            // Two tickets to take access away harm nobody: the next one is as things are then.
            let followed = Followed { stage: Stage::Lost, misses: 0, open_until: UnixMs(0) };
            let given_up = StoredTicket { followed, ..ticket.clone() };
            self.note_ticket(ticket, &given_up, &detail).await?;
        }
        if is_refused(fault) && (is_first || !self.is_grant()) {
            return Ok(Known::Refused { code, detail });
        }
        // What the desk asks for counts, but no hurry uses up the tries.
        let asked_ms = asked_pause_ms(fault).and_then(|ms| i64::try_from(ms).ok()).unwrap_or(0);
        let pause_ms = retry_ms(self.job.attempt, None).max(asked_ms);
        let pause_ms = if is_untouched { pause_ms } else { pause_ms.max(SETTLING_MS) };
        Ok(Known::Later { asked_ms: u64::try_from(pause_ms).ok(), code, detail })
    }

    /// Asks the desk how a ticket stands, and writes it down. One whose id is not known stays as it is.
    async fn look_at(&self, before: StoredTicket) -> Result<StoredTicket> {
        let Some(id) = &before.id else { return Ok(before) };
        let engine = self.engine;
        let (look, told, problem, pause_ms) =
            match engine.desk(&before.desk, self.job.id.as_str()).await? {
                Err(NoDesk { detail, .. }) => (Look::Unanswered, None, detail, None),
                Ok(desk) => {
                    let result = engine.parts.runner.ticket(&desk.scope, id).await;
                    match engine.observe(&before.desk, result).await? {
                        Ok(called) => {
                            let writes = &called.report.kv_writes;
                            engine.db().commit_kv(&before.desk, writes).await?;
                            let state = called.value.state;
                            (Look::Seen(state), Some(called.value), String::new(), None)
                        }
                        Err(Fault::Plugin(PluginError::NotFound(_))) => {
                            let problem = "the desk does not have it any more".to_owned();
                            (Look::Missing, None, problem, None)
                        }
                        Err(fault) => {
                            let pause_ms = asked_pause_ms(&fault);
                            (Look::Unanswered, None, format!("the desk: {fault}"), pause_ms)
                        }
                    }
                }
            };
        let after = seen(&before, look, told, (engine.db().now(), pause_ms));
        self.note_ticket(&before, &after, &problem).await?;
        Ok(after)
    }

    /// Writes down how a ticket stands. What changed goes to the audit log; that it was looked at, and
    /// is as it was, does not.
    async fn note_ticket(
        &self,
        before: &StoredTicket,
        after: &StoredTicket,
        problem: &str,
    ) -> Result<()> {
        let shown = |ticket: &StoredTicket| {
            json!({
                "stage": ticket.followed.stage.name(), "status": ticket.native_status,
                "resolution": ticket.resolution, "is_found": ticket.followed.misses == 0,
                "is_outdated": ticket.is_outdated,
            })
        };
        let (was, is) = (shown(before), shown(after));
        if was == is && before.id == after.id {
            return Ok(self.engine.db().note_look(after).await?);
        }
        let event = if before.id == after.id { "ticket.changed" } else { "ticket.opened" };
        let mut tx = self.begin().await?;
        tx.record_ticket(after).await?;
        let standing = |ticket: &StoredTicket| ticket.followed.stage.standing();
        // What came of one that is lost is not known.
        let may_be_given = standing(before) == Standing::Open
            && matches!(standing(after), Standing::Done | Standing::Lost);
        if may_be_given && !self.is_grant() && after.operation != self.operation_id {
            tx.outdate_tickets(&self.operation_id).await?;
            tx.begin_round(&self.operation_id).await?;
        }
        let separator = if problem.is_empty() { "" } else { ": " };
        let detail = format!("{}{separator}{problem}", words(after));
        tx.note_operation(&after.operation, &printable(&detail, 2 * WORDS_CHARACTERS_MAX)).await?;
        let detail = json!({
            "ticket": after.id, "of": after.operation, "url": after.url, "desk": after.desk,
            "before": was, "after": is, "problem": problem,
        });
        Ok(tx.commit(self.audit(event, detail)).await?)
    }

    /// What a revocation's ticket says of the tickets of grants that are still open.
    async fn beside(&self) -> Result<String> {
        if self.is_grant() {
            return Ok(String::new());
        }
        let open = self.engine.db().open_tickets(&self.membership.id, &self.operation_id).await?;
        let named: Vec<&str> = open.iter().filter_map(|ticket| ticket.id.as_deref()).collect();
        Ok(match open.len() {
            0 => String::new(),
            _ if named.is_empty() => {
                "An earlier ticket to give this access may be open: do not act on it.".to_owned()
            }
            _ => format!(
                "This takes back what {} asked for, which is still open: close it without doing it.",
                named.join(", ")
            ),
        })
    }

    /// What the words of a ticket can name.
    async fn ticket_facts(&self) -> Result<Facts> {
        let known = self.engine.db().ticket_facts(&self.membership.id).await?;
        let (role, account, membership) = (&self.role, &self.account, &self.membership);
        let action = if self.is_grant() { "Grant" } else { "Revoke" };
        let given_ms = membership.ends.map(|ends| ends.0.saturating_sub(membership.starts.0));
        let words = |ms: i64| match (ms + 30_000) / 60_000 {
            minutes if minutes < 120 => format!("{minutes} minutes"),
            minutes => format!("{} hours", (minutes + 30) / 60),
        };
        let optional = [
            ("app", known.app),
            ("person", known.person),
            ("person_mail", known.person_mail),
            ("requester", known.requester),
            ("reason", known.reason),
            ("request", known.request),
            ("until", membership.ends.map(moment)),
            ("duration", given_ms.or(known.duration_ms).map(words)),
        ];
        let certain = [
            ("action", action),
            ("entitlement", role.display.as_str()),
            ("entitlement_id", role.native_id.as_str()),
            ("resource", self.resource.display.as_str()),
            ("account", account.display.as_str()),
            ("account_id", account.native_id.as_str()),
            ("integration", self.integration.name.as_str()),
            ("membership", membership.id.as_str()),
            ("operation", self.operation_id.as_str()),
        ];
        let certain = certain.into_iter().map(|(name, value)| (name, value.to_owned()));
        let optional =
            optional.into_iter().filter_map(|(name, value)| value.map(|value| (name, value)));
        Ok(certain.chain(optional).map(|(name, value)| (name.to_owned(), value)).collect())
    }
}

/// Access is taken away, and whoever has an earlier ticket may give it yet.
pub(super) fn may_be_given() -> Known {
    Known::Open {
        asked_ms: EARLIER_LOOK_MS,
        code: "ticket_open".to_owned(),
        detail: "an earlier ticket to give this access is still open: close it in the desk"
            .to_owned(),
    }
}

/// A ticket as it stands after a look.
fn seen(
    before: &StoredTicket,
    look: Look,
    told: Option<Ticket>,
    (now, pause_ms): (UnixMs, Option<u64>),
) -> StoredTicket {
    let followed = after(&before.followed, look, now);
    let after_ms = look_after_ms(now.0.saturating_sub(before.ordered.0), followed.misses);
    let asked_ms = pause_ms.and_then(|ms| i64::try_from(ms).ok()).unwrap_or(0);
    let is_open = followed.stage.standing() == Standing::Open;
    let mut seen = StoredTicket {
        followed,
        // Whoever has it does it after what made it outdated.
        is_outdated: before.is_outdated && !(is_open && matches!(look, Look::Seen(_))),
        looked: Some(now),
        look: is_open.then(|| now.plus_ms(after_ms.max(asked_ms))),
        ..before.clone()
    };
    if let Some(told) = told {
        seen.url = told.url.filter(|url| is_address(url)).or(seen.url);
        seen.native_status = printable(&told.native_status, 200);
        let resolution = told.resolution.as_deref();
        seen.resolution = resolution.map(|words| printable(words, WORDS_CHARACTERS_MAX));
    }
    seen
}

/// An address that a person can open safely.
fn is_address(url: &str) -> bool {
    let is_web = url.starts_with("https://") || url.starts_with("http://");
    is_web && printable(url, URL_CHARACTERS_MAX) == url
}

fn words(ticket: &StoredTicket) -> String {
    let id = ticket.id.as_deref().unwrap_or("without a number");
    let mut words = format!("ticket {id} is {}", ticket.followed.stage.name().replace('_', " "));
    if !ticket.native_status.is_empty() {
        words.push_str(&format!(" ({})", ticket.native_status));
    }
    let is_open = ticket.followed.stage.standing() == Standing::Open;
    if let Some(resolution) = ticket.resolution.as_ref().filter(|_| !is_open) {
        words.push_str(&format!(": {resolution}"));
    }
    words
}

/// Answers by which a desk says that it opened nothing.
fn has_opened_nothing(fault: &Fault) -> bool {
    is_refused(fault)
        || matches!(
            fault,
            Fault::Missing(_)
                | Fault::DigestMismatch
                | Fault::Plugin(
                    PluginError::Unauthenticated(_)
                        | PluginError::RateLimited(_)
                        | PluginError::Unavailable(_)
                )
        )
}

/// Answers by which a desk, or its plugin, will not open it however often it is asked.
fn is_refused(fault: &Fault) -> bool {
    matches!(fault, Fault::NotOffered(_)) || is_refusal(fault)
}
