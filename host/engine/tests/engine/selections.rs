//! Accounts and entitlements apart and together, by chosen types: what is not read stays as it is
//! (CAT-4, CAT-5).

use grantry_engine::{Answer, EngineError, Idempotent, PageQuery, ScheduleInput, ScheduleView};
use grantry_model::aggregation::RunStatus;
use grantry_model::catalogue::{Expansion, ObjectRef, Target};
use grantry_model::deletion_guard::DeletionGuardChange;
use grantry_model::effective::EffectiveHolder;
use grantry_model::entitlement_types::TypeChange;
use grantry_model::fingerprint::Keys;
use grantry_model::removal::RemovalState;
use grantry_model::schedule::{ClockTime, Missed, Plan, Recurrence, Zone};
use grantry_model::selection::{Part, Selection};
use grantry_store::Run;

use crate::host::{Host, hosts};

fn part(part: Part) -> Selection {
    Selection { part, ..Selection::default() }
}

impl Host {
    async fn try_read(&self, selection: &Selection) -> grantry_engine::Result<Run> {
        let answer = |run: &Run| Answer { status: 202, body: run.id.to_string() };
        let key = self.key();
        let request = Idempotent { key: &key, request: b"read", answer: &answer };
        let run = self.ctx.start_aggregation(&self.integration, selection, &request).await?.body;
        let id = grantry_model::ids::RunId::parse(&run).unwrap();
        self.work().await;
        self.advance(1_000);
        self.ctx.run(&id).await
    }

    async fn read(&self, selection: &Selection) -> Run {
        let run = self.try_read(selection).await.unwrap();
        assert_eq!(run.status, RunStatus::Succeeded, "{run:?}");
        run
    }

    async fn set_type(&self, name: &str, change: TypeChange) {
        let query = PageQuery { limit: 200, ..PageQuery::default() };
        let types = self.ctx.list_entitlement_types(&self.integration, &query).await.unwrap();
        let of = types.items.into_iter().find(|of| of.name == name).unwrap();
        let (integration, version) = (&self.integration, of.version);
        self.ctx.update_entitlement_type(integration, &of.id, version, &change).await.unwrap();
    }

    async fn guard_off(&self) {
        let change = DeletionGuardChange {
            percent_max: Some(100),
            may_empty: Some(true),
            ..DeletionGuardChange::default()
        };
        self.ctx.update_deletion_guard(&self.integration, 1, &change).await.unwrap();
    }

    /// Native ids of the entitlements that the catalogue holds.
    async fn entitlements(&self) -> Vec<String> {
        let query = PageQuery { limit: 200, ..PageQuery::default() };
        let page = self.ctx.list_entitlements(&self.integration, &query).await.unwrap();
        let mut ids: Vec<String> = page.items.into_iter().map(|of| of.native_id).collect();
        ids.sort();
        ids
    }

    async fn external(&self) -> usize {
        let query = PageQuery { limit: 200, ..PageQuery::default() };
        self.ctx.list_external_changes(&self.integration, &query).await.unwrap().items.len()
    }
}

#[tokio::test]
async fn a_run_of_entitlements_wants_the_accounts_first() {
    for host in hosts(6, 2).await {
        let refused = host.try_read(&part(Part::Entitlements)).await;
        assert!(matches!(refused, Err(EngineError::AccountsNotRead)), "{refused:?}");
        host.read(&part(Part::Accounts)).await;
        host.read(&part(Part::Entitlements)).await;
        host.read(&part(Part::Accounts)).await;
        host.assert_equal_to_directory().await;
    }
}

#[tokio::test]
async fn parts_together_are_the_whole_and_what_is_not_read_stays() {
    for host in hosts(40, 5).await {
        host.read(&Selection::default()).await;
        {
            let mut directory = host.directory.lock().unwrap();
            directory.users.remove("u030");
            directory.members.retain(|(_, user)| user != "u030");
            directory.users.insert("u999".into(), "New".into());
            directory.groups.insert("g00".into(), "Renamed".into());
            directory.groups.insert("g09".into(), "New".into());
        }
        let run = host.read(&part(Part::Entitlements)).await;
        assert_eq!(run.removed, 0);
        let (users, groups, _) = host.catalogue().await;
        assert!(users.contains(&"u030".to_owned()) && !users.contains(&"u999".to_owned()));
        assert!(groups.contains(&"g09".to_owned()));
        let run = host.read(&part(Part::Accounts)).await;
        // The account, with what it held.
        assert_eq!(run.removed, 3);
        host.assert_equal_to_directory().await;
        let again = host.read(&Selection::default()).await;
        assert_eq!((again.added, again.changed, again.removed), (0, 0, 0));
    }
}

/// Half of the groups are gone: a run of accounts sees nothing of it, not even the guard.
#[tokio::test]
async fn what_is_not_read_is_neither_removed_nor_counted_by_the_guard() {
    for host in hosts(40, 6).await {
        host.read(&Selection::default()).await;
        host.directory.lock().unwrap().lie = Some(Box::new(|request, page| {
            if !matches!(&request.target, Target::Objects(kind) if kind == "User")
                && !matches!(request.target, Target::AssignmentsOfKind(_))
            {
                page.objects.clear();
                page.entitlements.clear();
            }
        }));
        for _ in 0..2 {
            let run = host.read(&part(Part::Accounts)).await;
            assert_eq!((run.removed, run.progress.unwrap().written), (0, 0));
        }
        host.assert_equal_to_directory().await;
        let run = host.try_read(&part(Part::Entitlements)).await.unwrap();
        assert_eq!((run.status, run.removed), (RunStatus::Blocked, 0), "{run:?}");
        // What waits for a decision is not out of date by a run of something else; but that has seen
        // who holds what would go along.
        host.read(&part(Part::Accounts)).await;
        let removal = host.removal(&run.id).await.removal;
        assert_eq!(removal.state, RemovalState::Waiting);
        let refused = host.try_approve(&run.id, &removal.hash).await;
        assert!(matches!(refused, Err(EngineError::DiffChanged)), "{refused:?}");
        let run = host.try_read(&part(Part::Entitlements)).await.unwrap();
        let hash = host.removal(&run.id).await.removal.hash;
        host.try_approve(&run.id, &hash).await.unwrap();
        host.work().await;
        assert_eq!(host.entitlements().await, Vec::<String>::new());
        assert_eq!(host.catalogue().await.0.len(), 40);
    }
}

#[tokio::test]
async fn an_entitlement_that_only_accounts_name_is_kept_until_the_entitlements_are_read() {
    for host in hosts(12, 2).await {
        host.read(&Selection::default()).await;
        host.guard_off().await;
        for user in ["u001", "u002"] {
            host.directory.lock().unwrap().members.insert(("hidden".into(), user.into()));
        }
        let run = host.read(&part(Part::Accounts)).await;
        assert_eq!(run.progress.unwrap().quarantined, 0);
        assert_eq!(host.entitlements().await, ["g00:member", "g01:member", "hidden:member"]);
        let key = Keys::of(&host.integration).entitlement("hidden:member").text();
        let query = PageQuery { limit: 200, ..PageQuery::default() };
        let held = async || {
            let page = host.ctx.list_assignments(&host.integration, &key, "", &query).await;
            page.unwrap().items.len()
        };
        assert_eq!(held().await, 2);
        // It cannot be granted: nobody knows what it is on.
        let refused = host.try_grant("hidden", "u003", None).await;
        assert!(matches!(refused, Err(EngineError::Invalid(_))), "{refused:?}");
        host.read(&part(Part::Accounts)).await;
        assert_eq!(held().await, 2);

        let run = host.read(&part(Part::Entitlements)).await;
        assert_eq!((run.removed, held().await), (3, 0));
        assert_eq!(host.entitlements().await, ["g00:member", "g01:member"]);
        // A run of everything lists the entitlements, so it leaves such a holding out.
        let run = host.read(&Selection::default()).await;
        assert_eq!(run.progress.unwrap().quarantined, 2);
    }
}

#[tokio::test]
async fn an_entitlement_known_from_accounts_becomes_whole_when_it_is_listed() {
    for host in hosts(9, 2).await {
        host.read(&part(Part::Accounts)).await;
        assert_eq!(host.entitlements().await, ["g00:member", "g01:member"]);
        let run = host.read(&part(Part::Entitlements)).await;
        assert_eq!(run.removed, 0);
        host.assert_equal_to_directory().await;
        host.grant("g00", "u001").await;
        host.work().await;
        assert!(host.holds("g00", "u001"));
        assert_eq!(host.external().await, 0);
    }
}

#[tokio::test]
async fn the_first_reading_of_each_list_is_no_external_change() {
    for host in hosts(9, 2).await {
        host.read(&part(Part::Accounts)).await;
        host.read(&part(Part::Entitlements)).await;
        host.read(&Selection::default()).await;
        assert_eq!(host.external().await, 0);
        host.directory.lock().unwrap().members.insert(("g00".into(), "u001".into()));
        host.read(&part(Part::Accounts)).await;
        assert_eq!(host.external().await, 1);
    }
}

/// The kinds Group and Team, in the shape that a lie gives them: teams are groups `g03` and beyond.
fn with_teams(host: &Host) {
    host.directory.lock().unwrap().lie = Some(Box::new(|_, page| {
        for entitlement in &mut page.entitlements {
            if entitlement.on.id.as_str() >= "g03" {
                entitlement.kind = "Team".into();
            }
        }
    }));
}

#[tokio::test]
async fn chosen_types_are_read_with_what_the_target_lists_with_them() {
    for host in hosts(20, 5).await {
        with_teams(&host);
        host.read(&Selection::default()).await;
        host.directory.lock().unwrap().groups.insert("g04".into(), "Renamed".into());
        let teams = Selection::of(Part::All, vec!["Team".into()]);
        let run = host.read(&teams).await;
        assert_eq!(run.removed, 0);
        assert_eq!(run.progress.unwrap().unread, []);
        host.assert_equal_to_directory().await;
        let unknown = Selection::of(Part::All, vec!["Vault".into()]);
        let refused = host.try_read(&unknown).await;
        assert!(matches!(refused, Err(EngineError::Invalid(_))), "{refused:?}");
    }
}

#[tokio::test]
async fn without_permissions_a_types_entitlements_are_listed_and_nobody_holds_them_anew() {
    for host in hosts(20, 5).await {
        with_teams(&host);
        host.read(&Selection::default()).await;
        let off = TypeChange { includes_permissions: Some(false), ..TypeChange::default() };
        host.set_type("Team", off.clone()).await;
        let before = host.catalogue().await.2;
        {
            let mut directory = host.directory.lock().unwrap();
            directory.groups.insert("g05".into(), "New".into());
            directory.members.insert(("g05".into(), "u001".into()));
            directory.members.retain(|(group, _)| group != "g04");
        }
        // Group and Team come in one list: it is read, and teams are left out of it.
        let run = host.read(&Selection::default()).await;
        assert_eq!((run.removed, run.progress.unwrap().quarantined), (0, 0));
        assert!(host.entitlements().await.contains(&"g05:member".to_owned()));
        assert_eq!(host.catalogue().await.2, before);

        // Now nothing in that list is of interest: it is not read at all.
        host.set_type("Group", off).await;
        host.directory.lock().unwrap().members.clear();
        let run = host.read(&Selection::default()).await;
        let progress = run.progress.unwrap();
        assert_eq!(progress.unread, [Target::AssignmentsOfKind("Group".into())]);
        assert_eq!((run.removed, host.catalogue().await.2), (0, before));

        let on = TypeChange { includes_permissions: Some(true), ..TypeChange::default() };
        host.set_type("Group", on.clone()).await;
        host.set_type("Team", on).await;
        host.guard_off().await;
        host.read(&Selection::default()).await;
        host.assert_equal_to_directory().await;
    }
}

#[tokio::test]
async fn a_schedule_reads_what_it_says() {
    for host in hosts(6, 2).await {
        let plan = |reads| Plan {
            name: "Nightly".into(),
            recurrence: Recurrence::Daily,
            at: ClockTime::parse("07:00").unwrap(),
            time_zone: Zone::parse("UTC").unwrap(),
            missed: Missed::RunOnce,
            jitter_minutes: 0,
            blackouts: Vec::new(),
            reads,
        };
        let create = async |reads: Selection| {
            let answer =
                |view: &ScheduleView| Answer { status: 201, body: view.schedule.id.to_string() };
            let key = host.key();
            let request = Idempotent { key: &key, request: b"schedule", answer: &answer };
            let input = ScheduleInput { plan: plan(reads), is_enabled: true };
            host.ctx.create_schedule(&host.integration, &input, &request).await
        };
        let unknown = create(Selection::of(Part::All, vec!["Vault".into()])).await;
        assert!(matches!(unknown, Err(EngineError::Invalid(_))), "{unknown:?}");
        let reads = Selection::of(Part::Accounts, vec!["Group".into()]);
        create(reads.clone()).await.unwrap();
        host.advance(24 * 3_600_000);
        host.work_for(2).await;
        let query = PageQuery { limit: 9, ..PageQuery::default() };
        let runs = host.ctx.list_runs(&host.integration, &query).await.unwrap().items;
        assert_eq!((runs.len(), &runs[0].selection), (1, &reads));
        assert_eq!(runs[0].status, RunStatus::Succeeded);
    }
}

#[tokio::test]
async fn who_holds_an_entitlement_through_groups_within_each_other_is_found_once() {
    for host in hosts(9, 2).await {
        // The second group is a member of the first, and the first of the second.
        host.directory.lock().unwrap().page_items = 1_000;
        host.directory.lock().unwrap().lie = Some(Box::new(|request, page| {
            if matches!(request.target, Target::AssignmentsOfKind(_)) {
                for (group, member) in [("g00", "g01"), ("g01", "g00")] {
                    let mut row = page.assignments[0].clone();
                    row.entitlement = format!("{group}:member");
                    row.holder = ObjectRef { kind: "Group".into(), id: member.into() };
                    row.expansion = Some(Expansion {
                        entitlements: vec![format!("{member}:member")],
                        is_shallow: false,
                        kinds: vec!["User".into()],
                    });
                    page.assignments.push(row);
                }
            }
        }));
        host.read(&Selection::default()).await;
        let mut query = PageQuery { limit: 2, ..PageQuery::default() };
        let mut found = Vec::new();
        loop {
            let role = host.role("g00");
            let view = host.ctx.list_holders(&host.integration, &role, &query).await.unwrap();
            assert!(view.is_complete);
            found.extend(view.page.items);
            query.cursor = view.page.next;
            if query.cursor.is_none() {
                break;
            }
        }
        let direct = |of: &&EffectiveHolder| of.via.is_empty() && of.kind == "User";
        let members = |group: &str| {
            let directory = host.directory.lock().unwrap();
            directory.members.iter().filter(|(of, _)| of == group).count()
        };
        assert_eq!(found.iter().filter(direct).count(), members("g00"));
        let through = found.iter().filter(|of| of.kind == "User" && !of.via.is_empty());
        let through: Vec<_> = through.map(|of| of.via[0].1.as_str()).collect();
        assert_eq!(through, vec!["Group 1"; members("g01")]);
        // The group itself holds it; the other one within it does not count by its kinds.
        assert_eq!(found.iter().filter(|of| of.kind == "Group").count(), 1);
    }
}
