//! How a request for access is decided (ACC-1), as a pure and exhaustive state machine.
//!
//! [`begin`] and [`next`] say where the approval of one requested entitlement stands and what has to be
//! done; nothing is done here. Who may take which seat is looked up outside, at that moment.

use serde::{Deserialize, Serialize};

use crate::clock::UnixMs;
use crate::ids::PrincipalId;
use crate::workflow::{ApprovalStep, Facts, Needs, RuleOutcome, Step, Workflow};

/// Most entitlements of one request.
pub const ITEMS_MAX: usize = 50;
/// Longest reason or note, in characters.
pub const REASON_CHARACTERS_MAX: usize = 2_000;

/// Where an approval stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalStatus {
    /// People are asked.
    Pending,
    /// Access is to be granted.
    Approved,
    /// Somebody, or a rule, said no.
    Rejected,
    /// The requester took it back.
    Withdrawn,
    /// Nobody decided in time.
    Expired,
}

impl ApprovalStatus {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Pending, Self::Approved, Self::Rejected, Self::Withdrawn, Self::Expired];

    /// The status's name on the wire and in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::Withdrawn => "withdrawn",
            Self::Expired => "expired",
        }
    }

    /// The status of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }

    /// The status of a whole request: pending while anything is, approved if anything was.
    pub fn of_all(items: impl IntoIterator<Item = Self>) -> Self {
        let rank = |status: &Self| match status {
            Self::Pending => 0,
            Self::Approved => 1,
            Self::Rejected => 2,
            Self::Expired => 3,
            Self::Withdrawn => 4,
        };
        items.into_iter().min_by_key(rank).unwrap_or(Self::Withdrawn)
    }
}

/// What somebody says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Yes.
    Approve,
    /// No: ends the request.
    Reject,
}

/// Which seats of a step a person takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Seats {
    /// These, counted as [`ApprovalStep::seats`] does.
    These(Vec<usize>),
    /// An admin stands in for all of them.
    InPlaceOfAll,
}

/// A decision, with whose it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vote {
    /// In which step, from 0.
    pub step: usize,
    /// Who.
    pub by: PrincipalId,
    /// In which capacity.
    pub seats: Seats,
    /// What.
    pub decision: Decision,
    /// Why.
    pub note: String,
    /// When.
    pub at: UnixMs,
}

/// Where the approval of one requested entitlement stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// Where it stands.
    pub status: ApprovalStatus,
    /// Which step is on, from 0; the last one once it is over.
    pub step: usize,
    /// Since when the step is on.
    pub since: UnixMs,
    /// When it was asked for.
    pub begun: UnixMs,
    /// When the step's approvers were asked or reminded last.
    pub asked: UnixMs,
    /// Whether the step's escalation is on.
    pub is_escalated: bool,
    /// What was said, in order.
    pub votes: Vec<Vote>,
}

/// What happens to an approval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Somebody decides.
    Vote {
        /// Who.
        by: PrincipalId,
        /// In which capacity: looked up at this moment.
        seats: Seats,
        /// What.
        decision: Decision,
        /// Why.
        note: String,
    },
    /// The requester takes it back.
    Withdraw,
    /// Time passes.
    Tick,
}

/// What has to be done after a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Ask the approvers of the step that is on now.
    Ask,
    /// Remind them.
    Remind,
    /// Ask those of the escalation.
    Escalate,
    /// Tell the requester how it ended; grant the access if it was approved.
    Conclude,
}

/// The next state, with what has to be done.
pub type Transition = (Approval, Vec<Effect>);

/// The event is not possible.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotPossible {
    /// It is over.
    #[error("this request is {} already", .0.name())]
    Decided(ApprovalStatus),
    /// The person has no seat in this step.
    #[error("you are not among those who decide in this step")]
    NoSeat,
    /// The person has said so already.
    #[error("you approved this step already; others are still to decide")]
    Again,
}

/// A new approval, after the rules that come first.
pub fn begin(workflow: &Workflow, facts: &Facts, now: UnixMs) -> Transition {
    let approval = Approval {
        status: ApprovalStatus::Pending,
        step: 0,
        since: now,
        begun: now,
        asked: now,
        is_escalated: false,
        votes: Vec::new(),
    };
    enter(workflow, facts, approval, 0, now)
}

/// Goes to the first step from that one on that has to be decided by people.
fn enter(
    workflow: &Workflow,
    facts: &Facts,
    approval: Approval,
    from: usize,
    now: UnixMs,
) -> Transition {
    for (step, definition) in workflow.steps.iter().enumerate().skip(from) {
        let here =
            Approval { step, since: now, asked: now, is_escalated: false, ..approval.clone() };
        match definition {
            Step::Approval(_) => return (here, vec![Effect::Ask]),
            Step::Rule(rule) if rule.conditions.iter().all(|condition| condition.holds(facts)) => {
                let status = match rule.then {
                    RuleOutcome::Approve => ApprovalStatus::Approved,
                    RuleOutcome::Reject => ApprovalStatus::Rejected,
                };
                return conclude(here, status);
            }
            Step::Rule(_) => {}
        }
    }
    conclude(approval, ApprovalStatus::Approved)
}

fn conclude(approval: Approval, status: ApprovalStatus) -> Transition {
    (Approval { status, ..approval }, vec![Effect::Conclude])
}

/// What an event does to an approval. One that is over does not change any more.
pub fn next(
    workflow: &Workflow,
    facts: &Facts,
    approval: &Approval,
    event: Event,
    now: UnixMs,
) -> Result<Transition, NotPossible> {
    use ApprovalStatus::{Approved, Expired, Pending, Rejected, Withdrawn};
    match (approval.status, event) {
        (Pending, Event::Vote { by, seats, decision, note }) => {
            if now.0 >= expires(workflow, approval).0 {
                return Err(NotPossible::Decided(Expired));
            }
            let vote = Vote { step: approval.step, by, seats, decision, note, at: now };
            voted(workflow, facts, approval, vote, now)
        }
        (Pending, Event::Withdraw) => Ok(conclude(approval.clone(), Withdrawn)),
        (Pending, Event::Tick) => Ok(ticked(workflow, approval, now)),
        (
            over @ (Approved | Rejected | Withdrawn | Expired),
            Event::Vote { .. } | Event::Withdraw,
        ) => Err(NotPossible::Decided(over)),
        (Approved | Rejected | Withdrawn | Expired, Event::Tick) => {
            Ok((approval.clone(), Vec::new()))
        }
    }
}

fn voted(
    workflow: &Workflow,
    facts: &Facts,
    approval: &Approval,
    vote: Vote,
    now: UnixMs,
) -> Result<Transition, NotPossible> {
    let Some(step) = approval_step(workflow, approval) else { return Err(NotPossible::NoSeat) };
    let is_open = |seat: &usize| *seat < open_seats(step, approval);
    match &vote.seats {
        Seats::These(seats) if !seats.iter().any(is_open) => return Err(NotPossible::NoSeat),
        Seats::These(_) | Seats::InPlaceOfAll => {}
    }
    let is_mine = |other: &Vote| other.step == vote.step && other.by == vote.by;
    let has_voted = approval.votes.iter().any(|other| is_mine(other) && other.seats == vote.seats);
    let decision = vote.decision;
    let mut after = approval.clone();
    after.votes.push(vote);
    match decision {
        Decision::Reject => Ok(conclude(after, ApprovalStatus::Rejected)),
        Decision::Approve if is_satisfied(step, &after) => {
            let following = after.step + 1;
            Ok(enter(workflow, facts, after, following, now))
        }
        Decision::Approve if has_voted => Err(NotPossible::Again),
        Decision::Approve => Ok((after, Vec::new())),
    }
}

/// The step that is on, if people decide in it.
pub fn approval_step<'a>(workflow: &'a Workflow, approval: &Approval) -> Option<&'a ApprovalStep> {
    match workflow.steps.get(approval.step)? {
        Step::Approval(step) => Some(step),
        Step::Rule(_) => None,
    }
}

/// How many of the step's seats can be taken: those of an escalation only once it is on.
pub fn open_seats(step: &ApprovalStep, approval: &Approval) -> usize {
    match approval.is_escalated {
        true => step.seats().count(),
        false => step.approvers.len(),
    }
}

/// Whether enough seats have approved the step that is on.
fn is_satisfied(step: &ApprovalStep, approval: &Approval) -> bool {
    let own = step.approvers.len();
    let here = approval.votes.iter().filter(|vote| vote.step == approval.step);
    let mut taken = vec![false; own];
    for vote in here {
        match &vote.seats {
            Seats::InPlaceOfAll => return true,
            Seats::These(seats) => {
                for seat in seats {
                    match taken.get_mut(*seat) {
                        Some(taken) => *taken = true,
                        // Of an escalation: it stands above the step.
                        None if *seat < open_seats(step, approval) => return true,
                        None => {}
                    }
                }
            }
        }
    }
    match step.needs {
        Needs::Any => taken.contains(&true),
        Needs::All => !taken.contains(&false),
    }
}

fn ticked(workflow: &Workflow, approval: &Approval, now: UnixMs) -> Transition {
    let mut after = approval.clone();
    if now >= expires(workflow, approval) {
        return conclude(after, ApprovalStatus::Expired);
    }
    let Some(step) = approval_step(workflow, approval) else { return (after, Vec::new()) };
    if !after.is_escalated && escalates(step, approval).is_some_and(|due| now >= due) {
        after.is_escalated = true;
        after.asked = now;
        return (after, vec![Effect::Escalate]);
    }
    if reminds(step, approval).is_some_and(|due| now >= due) {
        after.asked = now;
        return (after, vec![Effect::Remind]);
    }
    (after, Vec::new())
}

/// When a pending request expires.
pub fn expires(workflow: &Workflow, approval: &Approval) -> UnixMs {
    approval.begun.plus_ms(workflow.lifetime_ms)
}

fn escalates(step: &ApprovalStep, approval: &Approval) -> Option<UnixMs> {
    let after_ms = step.escalation.as_ref().map(|escalation| escalation.after_ms);
    after_ms.map(|after_ms| approval.since.plus_ms(after_ms))
}

fn reminds(step: &ApprovalStep, approval: &Approval) -> Option<UnixMs> {
    step.reminder_ms.map(|reminder_ms| approval.asked.plus_ms(reminder_ms))
}

/// When time does something to the approval next.
pub fn attention(workflow: &Workflow, approval: &Approval) -> Option<UnixMs> {
    if approval.status != ApprovalStatus::Pending {
        return None;
    }
    let step = approval_step(workflow, approval);
    let escalates =
        step.filter(|_| !approval.is_escalated).and_then(|step| escalates(step, approval));
    let reminds = step.and_then(|step| reminds(step, approval));
    [Some(expires(workflow, approval)), escalates, reminds].into_iter().flatten().min()
}

#[cfg(test)]
mod tests;
