//! Stories of approvals, and an oracle over random histories.

use proptest::prelude::*;

use super::*;
use crate::workflow::{Approver, Condition, Escalation, RuleStep};

const HOUR_MS: i64 = 3_600_000;

fn person(name: &str) -> PrincipalId {
    PrincipalId::parse(name).unwrap()
}

fn step(needs: Needs) -> ApprovalStep {
    ApprovalStep {
        approvers: vec![Approver::ResourceOwner, Approver::Manager],
        needs,
        reminder_ms: None,
        escalation: None,
    }
}

fn workflow(steps: Vec<Step>) -> Workflow {
    Workflow { steps, ..Workflow::built_in() }
}

fn vote(by: &str, seats: &[usize], decision: Decision) -> Event {
    Event::Vote {
        by: person(by),
        seats: Seats::These(seats.to_vec()),
        decision,
        note: String::new(),
    }
}

fn short() -> Step {
    let conditions = vec![Condition::DurationAtMost { duration_ms: HOUR_MS }];
    Step::Rule(RuleStep { conditions, then: RuleOutcome::Approve })
}

#[test]
fn a_rule_approves_what_is_short_and_leaves_the_rest_to_people() {
    let workflow = workflow(vec![short(), Step::Approval(step(Needs::Any))]);
    let facts = |duration_ms| Facts { duration_ms, ..Facts::default() };
    let (approval, effects) = begin(&workflow, &facts(Some(HOUR_MS)), UnixMs(0));
    assert_eq!((approval.status, effects), (ApprovalStatus::Approved, vec![Effect::Conclude]));
    let (approval, effects) = begin(&workflow, &facts(None), UnixMs(0));
    assert_eq!((approval.step, effects), (1, vec![Effect::Ask]));
}

#[test]
fn a_step_that_needs_all_waits_for_the_other_seat() {
    let workflow = workflow(vec![Step::Approval(step(Needs::All))]);
    let facts = Facts::default();
    let (approval, _) = begin(&workflow, &facts, UnixMs(0));
    let yes = |by, seats: &[usize]| vote(by, seats, Decision::Approve);
    let (first, effects) = next(&workflow, &facts, &approval, yes("ada", &[0]), UnixMs(1)).unwrap();
    assert_eq!((first.status, effects), (ApprovalStatus::Pending, vec![]));
    let again = next(&workflow, &facts, &first, yes("ada", &[0]), UnixMs(2));
    assert_eq!(again, Err(NotPossible::Again));
    let (second, _) = next(&workflow, &facts, &first, yes("bob", &[1]), UnixMs(3)).unwrap();
    assert_eq!(second.status, ApprovalStatus::Approved);
    // Somebody with both seats decides alone.
    let (alone, _) = next(&workflow, &facts, &approval, yes("ada", &[0, 1]), UnixMs(1)).unwrap();
    assert_eq!(alone.status, ApprovalStatus::Approved);
}

#[test]
fn one_rejection_ends_it_and_nobody_without_a_seat_decides() {
    let workflow = workflow(vec![Step::Approval(step(Needs::Any))]);
    let facts = Facts::default();
    let (approval, _) = begin(&workflow, &facts, UnixMs(0));
    let no = vote("ada", &[1], Decision::Reject);
    let (rejected, _) = next(&workflow, &facts, &approval, no.clone(), UnixMs(1)).unwrap();
    assert_eq!(rejected.status, ApprovalStatus::Rejected);
    let late = next(&workflow, &facts, &rejected, no, UnixMs(2));
    assert_eq!(late, Err(NotPossible::Decided(ApprovalStatus::Rejected)));
    for seats in [&[][..], &[2], &[99]] {
        let stranger = vote("eve", seats, Decision::Approve);
        let refused = next(&workflow, &facts, &approval, stranger, UnixMs(1));
        assert_eq!(refused, Err(NotPossible::NoSeat));
    }
}

#[test]
fn approvers_are_reminded_then_others_are_asked_and_at_last_it_expires() {
    let reminded = ApprovalStep {
        reminder_ms: Some(10 * HOUR_MS),
        escalation: Some(Escalation { after_ms: 15 * HOUR_MS, to: vec![Approver::Admin] }),
        ..step(Needs::All)
    };
    let workflow =
        Workflow { lifetime_ms: 40 * HOUR_MS, ..workflow(vec![Step::Approval(reminded)]) };
    let facts = Facts::default();
    let (mut approval, _) = begin(&workflow, &facts, UnixMs(0));
    let mut story = Vec::new();
    while let Some(due) = attention(&workflow, &approval) {
        let (after, effects) = next(&workflow, &facts, &approval, Event::Tick, due).unwrap();
        story.extend(effects.into_iter().map(|effect| (due.0 / HOUR_MS, effect)));
        approval = after;
    }
    use Effect::{Conclude, Escalate, Remind};
    assert_eq!(story, [(10, Remind), (15, Escalate), (25, Remind), (35, Remind), (40, Conclude)]);
    assert_eq!(approval.status, ApprovalStatus::Expired);
}

#[test]
fn an_escalation_decides_alone_but_not_before_it_is_on() {
    let escalation = Some(Escalation { after_ms: HOUR_MS, to: vec![Approver::Admin] });
    let workflow = workflow(vec![Step::Approval(ApprovalStep { escalation, ..step(Needs::All) })]);
    let facts = Facts::default();
    let (approval, _) = begin(&workflow, &facts, UnixMs(0));
    let above = vote("root", &[2], Decision::Approve);
    let early = next(&workflow, &facts, &approval, above.clone(), UnixMs(1));
    assert_eq!(early, Err(NotPossible::NoSeat));
    let (later, _) = next(&workflow, &facts, &approval, Event::Tick, UnixMs(HOUR_MS)).unwrap();
    // A seat that the step does not have decides nothing, beside one that it has either.
    let beyond = vote("ada", &[3, 0], Decision::Approve);
    let (waiting, _) = next(&workflow, &facts, &later, beyond, UnixMs(HOUR_MS)).unwrap();
    assert_eq!(waiting.status, ApprovalStatus::Pending);
    let (approved, _) = next(&workflow, &facts, &later, above, UnixMs(HOUR_MS + 1)).unwrap();
    assert_eq!(approved.status, ApprovalStatus::Approved);
}

#[test]
fn nobody_decides_after_the_end_even_if_nothing_ticked() {
    let workflow = workflow(vec![Step::Approval(step(Needs::Any))]);
    let facts = Facts::default();
    let (approval, _) = begin(&workflow, &facts, UnixMs(0));
    let late = UnixMs(workflow.lifetime_ms);
    let refused = next(&workflow, &facts, &approval, vote("ada", &[0], Decision::Approve), late);
    assert_eq!(refused, Err(NotPossible::Decided(ApprovalStatus::Expired)));
}

#[test]
fn a_request_of_many_is_pending_while_anything_is() {
    use ApprovalStatus::{Approved, Expired, Pending, Rejected, Withdrawn};
    assert_eq!(ApprovalStatus::of_all([Approved, Pending, Rejected]), Pending);
    assert_eq!(ApprovalStatus::of_all([Rejected, Approved]), Approved);
    assert_eq!(ApprovalStatus::of_all([Expired, Rejected]), Rejected);
    assert_eq!(ApprovalStatus::of_all([Withdrawn]), Withdrawn);
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let needs = prop_oneof![Just(Needs::Any), Just(Needs::All)];
    let approval = (needs, any::<bool>(), any::<bool>()).prop_map(|(needs, reminds, escalates)| {
        Step::Approval(ApprovalStep {
            reminder_ms: reminds.then_some(3 * HOUR_MS),
            escalation: escalates
                .then(|| Escalation { after_ms: 5 * HOUR_MS, to: vec![Approver::Admin] }),
            ..step(needs)
        })
    });
    let rule = any::<bool>().prop_map(|is_privileged| {
        let conditions = vec![Condition::Privileged { is: is_privileged }];
        Step::Rule(RuleStep { conditions, then: RuleOutcome::Reject })
    });
    proptest::collection::vec(prop_oneof![3 => approval, 1 => rule], 0..5)
}

fn events() -> impl Strategy<Value = Vec<(Event, i64)>> {
    let seats = prop_oneof![
        4 => proptest::collection::vec(0..4_usize, 0..3).prop_map(Seats::These),
        1 => Just(Seats::InPlaceOfAll),
    ];
    let decision = prop_oneof![9 => Just(Decision::Approve), 1 => Just(Decision::Reject)];
    let vote = (0..4_u8, seats, decision).prop_map(|(by, seats, decision)| Event::Vote {
        by: person(&by.to_string()),
        seats,
        decision,
        note: String::new(),
    });
    let event = prop_oneof![20 => vote, 10 => Just(Event::Tick), 1 => Just(Event::Withdraw)];
    proptest::collection::vec((event, 0..4 * HOUR_MS), 0..40)
}

proptest! {
    /// Said in another way: what ends as approved has, in every step that people decide, either a vote
    /// from above or the votes that the step needs; nothing changes after the end; time always ends it.
    #[test]
    fn nothing_is_approved_without_its_votes(steps in steps(), events in events(), is_privileged: bool) {
        let workflow = workflow(steps);
        let facts = Facts { is_privileged, ..Facts::default() };
        let (mut approval, effects) = begin(&workflow, &facts, UnixMs(0));
        let mut conclusions = effects.iter().filter(|effect| **effect == Effect::Conclude).count();
        let mut now = 0;
        for (event, pause_ms) in events {
            now += pause_ms;
            let before = approval.clone();
            if let Ok((after, effects)) = next(&workflow, &facts, &approval, event, UnixMs(now)) {
                prop_assert!(before.status == ApprovalStatus::Pending || after == before);
                conclusions += effects.iter().filter(|effect| **effect == Effect::Conclude).count();
                approval = after;
            }
        }
        if approval.status == ApprovalStatus::Approved {
            for (position, step) in workflow.steps.iter().enumerate() {
                let Step::Approval(step) = step else { continue };
                let yes = |vote: &&Vote| vote.step == position && vote.decision == Decision::Approve;
                let votes: Vec<&Vote> = approval.votes.iter().filter(yes).collect();
                let takes = |seat: usize| votes.iter().any(|vote| match &vote.seats {
                    Seats::These(seats) => seats.contains(&seat),
                    Seats::InPlaceOfAll => true,
                });
                let is_enough = match step.needs {
                    Needs::Any => takes(0) || takes(1),
                    Needs::All => takes(0) && takes(1),
                };
                prop_assert!(is_enough || (step.escalation.is_some() && takes(2)));
            }
        }
        let mut ticks = 0;
        while let Some(due) = attention(&workflow, &approval) {
            let at = UnixMs(due.0.max(now));
            let (after, effects) = next(&workflow, &facts, &approval, Event::Tick, at).unwrap();
            conclusions += effects.iter().filter(|effect| **effect == Effect::Conclude).count();
            prop_assert_ne!(&after, &approval);
            approval = after;
            ticks += 1;
            prop_assert!(ticks < 1_000);
        }
        prop_assert!(approval.status != ApprovalStatus::Pending);
        prop_assert_eq!(conclusions, 1);
    }
}
