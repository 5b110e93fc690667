//! Schedules, followed by the worker on both databases.

use std::sync::Arc;

use grantry_engine::{Answer, Idempotent, PageQuery, ScheduleChange, ScheduleInput, ScheduleView};
use grantry_model::aggregation::RunStatus;
use grantry_model::fault::Fault;
use grantry_model::ids::ScheduleId;
use grantry_model::schedule::{Blackout, ClockTime, Missed, Outcome, Plan, Recurrence, Zone};
use grantry_store::Run;

use crate::host::{Host, hosts};

const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;

/// Due two minutes after the hosts' clocks begin, at 22:13:20 on 2023-11-14.
fn plan() -> Plan {
    Plan {
        name: "Nightly".into(),
        recurrence: Recurrence::Daily,
        at: ClockTime::parse("22:15").unwrap(),
        time_zone: Zone::parse("UTC").unwrap(),
        missed: Missed::RunOnce,
        jitter_minutes: 0,
        blackouts: Vec::new(),
        reads: Default::default(),
    }
}

async fn create(host: &Host, plan: Plan) -> ScheduleId {
    let answer =
        |view: &ScheduleView| Answer { status: 201, body: view.schedule.id.as_str().to_owned() };
    let key = host.key();
    let request = Idempotent { key: &key, request: b"schedule", answer: &answer };
    let input = ScheduleInput { plan, is_enabled: true };
    let made = host.ctx.create_schedule(&host.integration, &input, &request).await.unwrap();
    ScheduleId::parse(&made.body).unwrap()
}

async fn runs(host: &Host) -> Vec<Run> {
    let query = PageQuery { limit: 100, ..PageQuery::default() };
    host.ctx.list_runs(&host.integration, &query).await.unwrap().items
}

async fn outcome(host: &Host, id: &ScheduleId) -> Option<Outcome> {
    let view = host.ctx.schedule(&host.integration, id).await.unwrap();
    view.schedule.last.map(|last| last.outcome)
}

#[tokio::test]
async fn a_schedule_that_is_due_starts_one_run_that_names_it() {
    for host in hosts(3, 1).await {
        let id = create(&host, plan()).await;
        host.work().await;
        assert!(runs(&host).await.is_empty());
        host.advance(2 * MINUTE);
        host.work().await;
        host.work().await;
        let all = runs(&host).await;
        assert_eq!(all.len(), 1);
        assert_eq!((all[0].status, &all[0].schedule_id), (RunStatus::Succeeded, &Some(id.clone())));
        let view = host.ctx.schedule(&host.integration, &id).await.unwrap();
        let last = view.schedule.last.unwrap();
        assert_eq!((last.outcome, last.run), (Outcome::Started, Some(all[0].id.clone())));
        assert_eq!(view.next_runs.len(), 5);
        assert_eq!(view.next_runs[0].0 - last.due.0, DAY);
        host.assert_equal_to_directory().await;
        host.advance(DAY);
        host.work().await;
        assert_eq!(runs(&host).await.len(), 2);
        assert_eq!(host.audited("aggregation.ordered").await, 2);
    }
}

#[tokio::test]
async fn a_source_that_is_being_read_is_skipped_visibly() {
    for host in hosts(3, 1).await {
        let id = create(&host, plan()).await;
        let manual = host.order_aggregation().await;
        host.advance(2 * MINUTE);
        host.work().await;
        assert_eq!(outcome(&host, &id).await, Some(Outcome::SkippedRunning));
        let all = runs(&host).await;
        assert_eq!((all.len(), &all[0].id, &all[0].schedule_id), (1, &manual, &None));
        assert_eq!(host.audited("schedule.skipped").await, 1);
    }
}

#[tokio::test]
async fn a_plugin_in_quarantine_is_not_scheduled() {
    for host in hosts(3, 1).await {
        for _ in 0..5 {
            let crash = Fault::Trap("unreachable".into());
            host.directory.lock().unwrap().page_faults.push_back(Some(crash));
            host.aggregate_at_once().await;
        }
        let id = create(&host, plan()).await;
        let before = runs(&host).await.len();
        host.advance(DAY);
        host.work().await;
        assert_eq!(runs(&host).await.len(), before);
        assert_eq!(outcome(&host, &id).await, Some(Outcome::SkippedQuarantined));
    }
}

#[tokio::test]
async fn after_days_of_downtime_one_run_makes_up_or_none_as_the_schedule_says() {
    for (missed, expected) in [(Missed::RunOnce, 1), (Missed::Skip, 0)] {
        for host in hosts(3, 1).await {
            let recurrence = Recurrence::Recurring { every_hours: 1 };
            let at = ClockTime::parse("00:00").unwrap();
            let id = create(&host, Plan { missed, recurrence, at, ..plan() }).await;
            host.advance(3 * DAY);
            for _ in 0..5 {
                host.work().await;
            }
            assert_eq!(runs(&host).await.len(), expected, "{missed:?}");
            let skipped =
                if missed == Missed::Skip { Outcome::SkippedMissed } else { Outcome::Started };
            assert_eq!(outcome(&host, &id).await, Some(skipped));
            let next = host.ctx.schedule(&host.integration, &id).await.unwrap().next_runs[0];
            assert!(next > host.db().now());
            host.advance(next.0 - host.db().now().0);
            host.work().await;
            assert_eq!(runs(&host).await.len(), expected + 1, "{missed:?}");
        }
    }
}

#[tokio::test]
async fn what_makes_up_for_downtime_waits_for_the_end_of_a_blackout() {
    for host in hosts(3, 1).await {
        let time = |text| ClockTime::parse(text).unwrap();
        let blackouts = vec![Blackout { from: time("23:00"), to: time("24:00"), days: vec![] }];
        let id = create(&host, Plan { blackouts, ..plan() }).await;
        host.advance(60 * MINUTE);
        host.work().await;
        assert!(runs(&host).await.is_empty());
        assert_eq!(outcome(&host, &id).await, None);
        let next = host.ctx.schedule(&host.integration, &id).await.unwrap().next_runs;
        // Midnight, and then as planned.
        assert_eq!((next[0].0, next[1].0 - next[0].0), (1_700_006_400_000, DAY - 105 * MINUTE));
        host.advance(next[0].0 - host.db().now().0);
        host.work().await;
        assert_eq!(runs(&host).await.len(), 1);
    }
}

#[tokio::test]
async fn two_workers_that_find_a_schedule_due_start_one_run() {
    for host in hosts(3, 1).await {
        create(&host, plan()).await;
        host.advance(2 * MINUTE);
        let host = Arc::new(host);
        let work = || {
            let host = host.clone();
            tokio::spawn(async move { host.work().await })
        };
        let (one, two, three) = tokio::join!(work(), work(), work());
        one.and(two).and(three).unwrap();
        assert_eq!(runs(&host).await.len(), 1);
        assert_eq!(host.audited("schedule.skipped").await, 0);
    }
}

#[tokio::test]
async fn a_schedule_that_is_disabled_or_deleted_starts_nothing() {
    for host in hosts(3, 1).await {
        let (ctx, of) = (&host.ctx, &host.integration);
        let (disabled, deleted) = (create(&host, plan()).await, create(&host, plan()).await);
        let off = ScheduleChange { is_enabled: Some(false), ..ScheduleChange::default() };
        let view = ctx.update_schedule(of, &disabled, 1, &off).await.unwrap();
        assert!(view.next_runs.is_empty());
        ctx.delete_schedule(of, &deleted).await.unwrap();
        host.advance(DAY);
        host.work().await;
        assert!(runs(&host).await.is_empty());
        // Enabled again, it does not make up for what it was not asked to do.
        let on = ScheduleChange { is_enabled: Some(true), ..ScheduleChange::default() };
        ctx.update_schedule(of, &disabled, 2, &on).await.unwrap();
        host.work().await;
        assert!(runs(&host).await.is_empty());
    }
}
