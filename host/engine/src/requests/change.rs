//! One change of a request with all that follows from it: who is asked now, the timeline, messages, and
//! the access that was approved, in one transaction.
//!
//! Everything is read before the transaction begins, so that no change waits for a connection while it
//! holds the audit log's head; the request's version tells whether what was read still holds.

use std::collections::BTreeSet;

use grantry_authz::Provenance;
use grantry_model::clock::UnixMs;
use grantry_model::ids::{MembershipId, PrincipalId};
use grantry_model::notification::{Notice, NoticeKind};
use grantry_model::request::{ApprovalStatus, Effect, Transition, attention};
use grantry_model::text::printable;
use grantry_store::{AuditEntry, Request, RequestItem, Tx};
use serde_json::json;

use super::follow::LOOK_MS;
use super::grant::{self, Gift};
use crate::{Engine, Result};

/// Longest note that is shown in a message, in characters.
const NOTE_CHARACTERS_MAX: usize = 500;

/// What is new to people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Occasion {
    Asked,
    Escalated,
    Reminded,
    Concluded,
}

/// A line of the timeline.
struct Line {
    by: Option<PrincipalId>,
    item: u32,
    word: &'static str,
    note: String,
}

/// A request on its way from one state to the next.
pub(super) struct Change {
    before: ApprovalStatus,
    request: Request,
    items: Vec<RequestItem>,
    moved: BTreeSet<u32>,
    lines: Vec<Line>,
    occasions: BTreeSet<Occasion>,
    note: String,
}

/// What was read for a change, before its transaction.
pub(super) struct Prepared {
    gifts: Vec<(usize, Gift)>,
    /// Whether access was given, or cannot be.
    has_news: bool,
    asked: Vec<PrincipalId>,
    notices: Vec<Notice>,
}

impl Change {
    /// Of a request with all its items.
    pub(super) fn of(request: &Request, items: Vec<RequestItem>, note: &str) -> Self {
        Self {
            before: request.status,
            request: request.clone(),
            items,
            moved: BTreeSet::new(),
            lines: Vec::new(),
            occasions: BTreeSet::new(),
            note: note.to_owned(),
        }
    }

    /// The places of the items.
    pub(super) fn positions(&self) -> std::ops::Range<usize> {
        0..self.items.len()
    }

    /// The item at that place.
    pub(super) fn item(&self, place: usize) -> &RequestItem {
        &self.items[place]
    }

    /// The words of whoever makes the change.
    pub(super) fn note(&self) -> String {
        self.note.clone()
    }

    /// The request as it is once the change is written, with its items.
    pub(super) fn written(&self) -> (Request, &[RequestItem]) {
        (Request { version: self.request.version + 1, ..self.request.clone() }, &self.items)
    }

    /// Whether nothing was moved.
    pub(super) fn is_nothing(&self) -> bool {
        self.moved.is_empty()
    }

    /// Moves an item on; `said` is who did it, with the word for the timeline.
    pub(super) fn move_item(
        &mut self,
        place: usize,
        (approval, effects): Transition,
        said: Option<(PrincipalId, &'static str)>,
    ) {
        let item = &mut self.items[place];
        item.approval = approval;
        self.moved.insert(item.position);
        let (position, status) = (item.position, item.approval.status);
        let is_said = said.is_some();
        if let Some((by, word)) = said {
            let note = self.note.clone();
            self.lines.push(Line { by: Some(by), item: position, word, note });
        }
        for effect in effects {
            self.occasions.insert(match effect {
                Effect::Ask => Occasion::Asked,
                Effect::Remind => Occasion::Reminded,
                Effect::Escalate => Occasion::Escalated,
                Effect::Conclude => Occasion::Concluded,
            });
            let word = match effect {
                Effect::Remind => "reminded",
                Effect::Escalate => "escalated",
                Effect::Conclude if !is_said => status.name(),
                Effect::Ask | Effect::Conclude => continue,
            };
            self.lines.push(Line { by: None, item: position, word, note: String::new() });
        }
    }

    /// Looks at an item once more that did not move: its access may be given now.
    pub(super) fn look_at(&mut self, place: usize) {
        self.moved.insert(self.items[place].position);
    }

    /// The request as its items make it.
    fn settle(&mut self, now: UnixMs) {
        let items = &self.items;
        let status = ApprovalStatus::of_all(items.iter().map(|item| item.approval.status));
        let approvals = items.iter().filter_map(|item| attention(&item.workflow, &item.approval));
        let grants = items.iter().filter(|item| grant::is_due(item));
        let grants = grants.map(|_| now.plus_ms(grant::AGAIN_MS));
        let next = approvals.chain(grants).min();
        self.request.attention = next.map(|due| due.min(now.plus_ms(LOOK_MS)));
        self.request.status = status;
        if status != ApprovalStatus::Pending && self.request.finished.is_none() {
            self.request.finished = Some(now);
        }
    }
}

impl Engine {
    /// Reads all that a change needs, and settles the request.
    pub(super) async fn prepare(&self, change: &mut Change, now: UnixMs) -> Result<Prepared> {
        let (mut gifts, mut has_news) = (Vec::new(), false);
        for place in change.positions() {
            let item = &mut change.items[place];
            if !grant::is_due(item) || !change.moved.contains(&item.position) {
                continue;
            }
            match self.gift(&change.request, item, now).await? {
                Gift::Refused(why) => (item.failure, has_news) = (Some(why.to_owned()), true),
                Gift::Later => {}
                gift => {
                    has_news = true;
                    item.membership = gift.membership().cloned();
                    gifts.push((place, gift));
                }
            }
        }
        change.settle(now);
        let asked = match change.request.status {
            ApprovalStatus::Pending => self.people_asked(&change.request, &change.items).await?,
            _ => Vec::new(),
        };
        let notices = self.notices(change, &asked).await?;
        Ok(Prepared { gifts, has_news, asked, notices })
    }

    async fn notices(&self, change: &Change, asked: &[PrincipalId]) -> Result<Vec<Notice>> {
        let request = &change.request;
        let or = |name: &Option<String>| name.clone().unwrap_or_else(|| "somebody".to_owned());
        let notice = |kind| {
            Notice::new(kind, None)
                .with("requester", &or(&request.requester_name))
                .with("identity", &or(&request.identity_name))
                .with("request", &request.summary)
        };
        if request.status == ApprovalStatus::Pending {
            let occasion = match change.occasions.first() {
                Some(Occasion::Asked) => "asked for",
                Some(Occasion::Escalated) => "asked for, since nobody else decided",
                Some(Occasion::Reminded) => "still asked for",
                Some(Occasion::Concluded) | None => return Ok(Vec::new()),
            };
            let notice = notice(NoticeKind::RequestWaiting)
                .with("reason", &request.reason)
                .with("occasion", occasion);
            return Ok(vec![notice.to(asked.to_vec())]);
        }
        if !change.occasions.contains(&Occasion::Concluded) {
            return Ok(Vec::new());
        }
        let mut people = self.people_of(&request.identity).await?;
        people.push(request.requester.clone());
        people.sort();
        people.dedup();
        let failures = change.items.iter().filter_map(|item| item.failure.as_deref());
        let words: Vec<&str> = std::iter::once(change.note.as_str()).chain(failures).collect();
        let notice = notice(NoticeKind::RequestDecided)
            .with("outcome", request.status.name())
            .with("note", &printable(words.join("\n").trim(), NOTE_CHARACTERS_MAX));
        Ok(vec![notice.to(people)])
    }

    /// Writes a change that was prepared, all but its audit entry. The request's row is at its version
    /// still, or nothing is written.
    pub(super) async fn write(
        &self,
        tx: &mut Tx,
        change: &Change,
        prepared: &Prepared,
        provenance: &Provenance,
    ) -> Result<Vec<MembershipId>> {
        let request = &change.request;
        tx.move_request(request).await?;
        for item in change.items.iter().filter(|item| change.moved.contains(&item.position)) {
            tx.move_request_item(&request.id, item).await?;
        }
        for line in &change.lines {
            let (by, item) = (line.by.as_ref(), Some(line.item));
            tx.add_request_event(&request.id, by, item, line.word, &line.note).await?;
        }
        if request.status == ApprovalStatus::Pending {
            tx.set_asked_people(&request.id, &prepared.asked).await?;
        }
        for notice in &prepared.notices {
            tx.queue_notice(notice).await?;
        }
        let mut given = Vec::new();
        for (place, gift) in &prepared.gifts {
            let item = &change.items[*place];
            if let Some(entry) = self.give(tx, item, gift, provenance).await? {
                tx.record(entry);
            }
            given.extend(item.membership.clone());
        }
        Ok(given)
    }

    /// Carries a change out in a transaction of its own.
    pub(super) async fn write_change(
        &self,
        mut change: Change,
        provenance: &Provenance,
        now: UnixMs,
    ) -> Result<()> {
        let prepared = self.prepare(&mut change, now).await?;
        let request = &change.request;
        let asks_others = request.status == ApprovalStatus::Pending
            && self.db().asked_people(&request.id).await? != prepared.asked;
        if change.lines.is_empty() && !prepared.has_news && !asks_others {
            // Nothing that a person would call a change.
            return Ok(self.db().postpone_request(request).await?);
        }
        let mut tx = self.db().begin(provenance).await?;
        let given = self.write(&mut tx, &change, &prepared, provenance).await?;
        let words: Vec<_> = change.lines.iter().map(|line| json!([line.item, line.word])).collect();
        let detail = json!({
            "note": change.note, "said": words, "memberships": given,
            "before": { "status": change.before }, "after": { "status": request.status },
        });
        let event = match request.status {
            ApprovalStatus::Approved if change.before == ApprovalStatus::Approved => {
                "request.granted"
            }
            ApprovalStatus::Pending => "request.moved",
            ApprovalStatus::Approved => "request.approved",
            ApprovalStatus::Rejected => "request.rejected",
            ApprovalStatus::Withdrawn => "request.withdrawn",
            ApprovalStatus::Expired => "request.expired",
        };
        tx.commit(entry(event, request, detail)).await?;
        Ok(())
    }
}

/// The audit entry about a request.
pub(super) fn entry(
    event: &'static str,
    request: &Request,
    detail: serde_json::Value,
) -> AuditEntry {
    AuditEntry::about(event, "request", request.id.as_str(), detail)
}
