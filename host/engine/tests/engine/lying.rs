//! Connectors that lie: whatever they say, nothing is removed and nothing is revoked, and the run
//! ends in exactly the listed state (security.md rows 52 to 55). Honest ones are never blocked.

use std::collections::BTreeMap;

use grantry_model::aggregation::RunStatus;
use grantry_model::catalogue::{Disposition, ObjectRef, Page, Scope, Skip, Target};
use grantry_model::fault::{Fault, PluginError};
use grantry_model::notification::NoticeKind;
use grantry_model::removal::What;

use crate::host::{Host, hosts};
use crate::scripted::{Directory, Lie, Story, object, unavailable};

const USERS: usize = 60;
const GROUPS: usize = 6;
const HOUR_MS: i64 = 3_600_000;

fn is_users(target: &Target) -> bool {
    matches!(target, Target::Objects(kind) if kind == "User")
}

fn empty(page: &mut Page) {
    page.objects.clear();
    page.entitlements.clear();
    page.assignments.clear();
}

fn lie(
    tell: impl FnMut(&grantry_model::catalogue::PageRequest, &mut Page) + Send + 'static,
) -> Lie {
    Box::new(tell)
}

/// Gives every user another id.
fn rename_users(page: &mut Page) {
    for object in page.objects.iter_mut().filter(|object| object.id.kind == "User") {
        object.id.id.insert_str(0, "new-");
    }
    for assignment in &mut page.assignments {
        assignment.holder.id.insert_str(0, "new-");
    }
}

/// Gives everything another id, as a connector does that was upgraded to another id scheme.
fn rename_everything(page: &mut Page) {
    rename_users(page);
    for object in page.objects.iter_mut().filter(|object| object.id.kind == "Group") {
        object.id.id.insert_str(0, "urn:");
    }
    for entitlement in &mut page.entitlements {
        entitlement.id.insert_str(0, "urn:");
        entitlement.on.id.insert_str(0, "urn:");
    }
    for assignment in &mut page.assignments {
        assignment.entitlement.insert_str(0, "urn:");
    }
}

/// How the directory is made to lie, and how the run has to end.
struct Behaviour {
    name: &'static str,
    tell: fn(&mut Directory),
    status: RunStatus,
    code: &'static str,
}

const fn behaviour(
    name: &'static str,
    tell: fn(&mut Directory),
    status: RunStatus,
    code: &'static str,
) -> Behaviour {
    Behaviour { name, tell, status, code }
}

use RunStatus::{Blocked, Failed};

const BEHAVIOURS: &[Behaviour] = &[
    behaviour(
        "empty success",
        |d| d.lie = Some(lie(|_, page| (empty(page), page.next = None, page.is_complete = true).0)),
        Blocked,
        "blocked_threshold",
    ),
    behaviour("half the rows", |d| d.lists_only = Some(USERS / 2), Blocked, "blocked_threshold"),
    behaviour(
        "one type empty",
        |d| {
            d.lie = Some(lie(|request, page| {
                if request.target == Target::Objects("Group".into()) {
                    empty(page);
                }
            }));
        },
        Blocked,
        "blocked_threshold",
    ),
    behaviour(
        "no assignments, although everything else is there",
        |d| d.lie = Some(lie(|_, page| page.assignments.clear())),
        Blocked,
        "blocked_threshold",
    ),
    behaviour(
        "ids all renamed",
        |d| d.lie = Some(lie(|_, page| rename_users(page))),
        Blocked,
        "blocked_churn",
    ),
    behaviour(
        "connector upgraded with another id scheme",
        |d| d.lie = Some(lie(|_, page| rename_everything(page))),
        Blocked,
        "blocked_churn",
    ),
    behaviour(
        "unchanged, although nothing was asked",
        |d| {
            d.lie = Some(lie(|_, page| {
                empty(page);
                (page.next, page.is_complete) = (None, true);
                let (key, disposition) = ("all".to_owned(), Disposition::Unchanged);
                page.scope = Some(Scope { key, disposition, validator: None });
            }));
        },
        Failed,
        "bad_data",
    ),
    behaviour("same cursor twice", |d| d.loops = true, Failed, "cursor_loop"),
    behaviour(
        "endless pages",
        |d| {
            let mut number = 0_u64;
            d.lie = Some(lie(move |_, page| {
                empty(page);
                number += 1;
                (page.next, page.is_complete) = (Some(number.to_string().into_bytes()), false);
            }));
        },
        Failed,
        "sync_limit",
    ),
    behaviour(
        "an id twice in a page",
        |d| {
            d.lie = Some(lie(|_, page| {
                let first = page.objects.first().cloned();
                page.objects.extend(first);
            }));
        },
        Failed,
        "invalid_entity_id",
    ),
    behaviour(
        "the first page over and over",
        |d| {
            d.lie = Some(lie(|request, page| {
                if is_users(&request.target) {
                    let ids = (0..page.objects.len()).map(|n| format!("u{n:03}"));
                    page.objects = ids.map(|id| object("User", &id, "User")).collect();
                }
            }));
        },
        Blocked,
        "blocked_threshold",
    ),
    behaviour(
        "partial, and not claiming to be whole",
        |d| d.never_complete = true,
        Failed,
        "incomplete_listing",
    ),
    behaviour(
        "partial, and marked complete",
        |d| {
            d.lists_only = Some(USERS - 3);
            d.lie = Some(lie(|request, page| {
                page.expected_total = is_users(&request.target).then_some(USERS as u64);
            }));
        },
        Failed,
        "incomplete_listing",
    ),
    behaviour(
        "a total on the first page that the others fall short of",
        |d| {
            d.lists_only = Some(USERS - 3);
            d.lie = Some(lie(|request, page| {
                let is_first = is_users(&request.target) && request.at.is_none();
                page.expected_total = is_first.then_some(USERS as u64);
            }));
        },
        Failed,
        "incomplete_listing",
    ),
    behaviour(
        "an error in the middle",
        |d| {
            let refused = Fault::Plugin(PluginError::Unauthenticated("expired".into()));
            d.page_faults = [None, None, None, Some(refused)].into_iter().collect();
        },
        Failed,
        "unauthenticated",
    ),
    behaviour(
        "an outage between accounts and assignments",
        |d| {
            let pages = USERS.div_ceil(7) + 2 * GROUPS.div_ceil(7);
            d.page_faults = std::iter::repeat_n(None, pages)
                .chain(std::iter::repeat_with(|| Some(unavailable(1_000))).take(20))
                .collect();
        },
        Failed,
        "target_unavailable",
    ),
    behaviour(
        "pages that shrink, while the cursor goes on as before",
        |d| {
            let mut left = 7;
            d.lie = Some(lie(move |request, page| {
                if is_users(&request.target) {
                    page.objects.truncate(left);
                    left = left.saturating_sub(1);
                }
            }));
        },
        Blocked,
        "blocked_threshold",
    ),
    behaviour(
        "rows of another kind in a listing",
        |d| {
            d.lie = Some(lie(|_, page| {
                for object in &mut page.objects {
                    let is_user = object.id.kind == "User";
                    object.id.kind = if is_user { "Group".into() } else { "User".into() };
                }
            }));
        },
        Failed,
        "bad_data",
    ),
    behaviour(
        "kinds swapped, consistently",
        |d| {
            std::mem::swap(&mut d.users, &mut d.groups);
            d.members =
                d.members.iter().map(|(group, user)| (user.clone(), group.clone())).collect();
        },
        Blocked,
        "blocked_threshold",
    ),
    behaviour(
        "holders that point at nothing",
        |d| {
            d.lie = Some(lie(|_, page| {
                for assignment in &mut page.assignments {
                    assignment.holder.id.insert_str(0, "ghost-");
                }
            }));
        },
        Blocked,
        "blocked_threshold",
    ),
    behaviour(
        "rows that it could not read",
        |d| {
            d.lists_only = Some(USERS - 3);
            d.lie = Some(lie(|request, page| {
                if is_users(&request.target) && page.next.is_none() {
                    let about = Some(ObjectRef { kind: "User".into(), id: "u059".into() });
                    let error = PluginError::Internal("no such row".into());
                    page.skipped.push(Skip { about, error });
                }
            }));
        },
        Failed,
        "incomplete_listing",
    ),
];

/// Everything that lived before lives, and nothing was written to the target.
async fn assert_nothing_lost(host: &Host, before: &Known, name: &str) {
    let after = known(host).await;
    assert!(before.0.iter().all(|user| after.0.contains(user)), "{name}: a user is lost");
    assert!(before.1.iter().all(|group| after.1.contains(group)), "{name}: a group is lost");
    assert_eq!(before.2, after.2, "{name}: members are lost");
    assert!(host.directory.lock().unwrap().writes.is_empty(), "{name}: something was revoked");
}

type Known = (Vec<String>, Vec<String>, BTreeMap<String, usize>);

/// Users, groups, and how many of the first directory's members each of its groups has.
async fn known(host: &Host) -> Known {
    let query = grantry_engine::PageQuery { limit: 5_000, ..Default::default() };
    let ids = async |class| {
        let page = host.ctx.list_objects(&host.integration, class, &query).await.unwrap();
        page.items.into_iter().map(|object| object.native_id).collect::<Vec<_>>()
    };
    let users = ids(grantry_store::Class::Account).await;
    let groups = ids(grantry_store::Class::Resource).await;
    let mut members = BTreeMap::new();
    for group in 0..GROUPS {
        for user in (0..USERS).filter(|user| (user + group) % 3 == 0) {
            let (group, user) = (format!("g{group:02}"), format!("u{user:03}"));
            let (role, account) = (host.role(&group), host.account(&user));
            let is_held = host.db().has_assignment(&role, &account).await.unwrap();
            *members.entry(group).or_default() += usize::from(is_held);
        }
    }
    (users, groups, members)
}

async fn assert_harmless(behaviour: &Behaviour, page_items: usize) {
    let name = behaviour.name;
    for host in hosts(USERS, GROUPS).await {
        host.directory.lock().unwrap().page_items = page_items;
        host.aggregate_at_once().await;
        let before = known(&host).await;
        (behaviour.tell)(&mut host.directory.lock().unwrap());
        let run = host.aggregate_at_once().await;
        let code = run.error.as_ref().map(|(code, _)| code.as_str());
        assert_eq!((run.status, code), (behaviour.status, Some(behaviour.code)), "{name}: {run:?}");
        assert_eq!(run.removed, 0, "{name}");
        assert_nothing_lost(&host, &before, name).await;
        let mut told = host.db().latest_notices(1_000).await.unwrap();
        // What a blocked run brings anew is told too.
        told.retain(|told| told.notice.kind != NoticeKind::ExternalChange);
        let is_told = matches!(run.status, Blocked | Failed);
        assert_eq!(told.len(), usize::from(is_told), "{name}: {told:?}");
    }
}

#[tokio::test]
async fn no_lie_removes_or_revokes_anything() {
    for behaviour in BEHAVIOURS {
        assert_harmless(behaviour, 7).await;
    }
}

#[tokio::test]
async fn a_slow_bleed_is_stopped_and_what_it_took_comes_back() {
    for host in hosts(USERS, GROUPS).await {
        host.aggregate_at_once().await;
        let before = known(&host).await;
        let (mut runs, mut lists) = (Vec::new(), USERS);
        // Five percent less every four hours, for two days.
        for _ in 0..12 {
            host.advance(4 * HOUR_MS);
            lists -= 3;
            host.directory.lock().unwrap().lists_only = Some(lists);
            runs.push(host.aggregate_at_once().await);
        }
        let bled: Vec<_> = runs.iter().filter(|run| run.removed > 0).collect();
        assert_eq!(bled.len(), 4, "{runs:#?}");
        assert!(runs[4..].iter().all(|run| run.status == Blocked && run.removed == 0));
        assert_eq!(runs[4].error.as_ref().unwrap().0, "blocked_threshold");
        for run in &bled {
            host.try_undo(&run.id).await.unwrap();
            host.work_for(2).await;
        }
        assert_nothing_lost(&host, &before, "slow bleed").await;
        // The bleed goes on: what a person brought back does not go again unasked.
        let run = host.aggregate_at_once().await;
        assert_eq!((run.status, run.removed), (Blocked, 0));
        assert_nothing_lost(&host, &before, "slow bleed").await;
    }
}

#[tokio::test]
async fn rows_that_are_made_up_for_it_do_not_hide_a_loss() {
    let pads: [(&str, Story); 2] = [
        ("people", |d| {
            for nth in 0..USERS * 10 {
                d.users.insert(format!("made-up-{nth:04}"), "Nobody".into());
            }
        }),
        ("memberships", |d| {
            for (group, user) in (0..GROUPS).flat_map(|group| (0..USERS).map(move |u| (group, u))) {
                d.members.insert((format!("g{group:02}"), format!("u{user:03}")));
            }
        }),
    ];
    for (name, pad) in pads {
        for host in hosts(USERS, GROUPS).await {
            host.aggregate_at_once().await;
            let before = known(&host).await;
            host.advance(24 * HOUR_MS);
            pad(&mut host.directory.lock().unwrap());
            assert_eq!(host.aggregate_at_once().await.status, RunStatus::Succeeded, "{name}");
            host.advance(HOUR_MS);
            // Less than a fifth of what is there, more than a fifth of what was.
            {
                let mut directory = host.directory.lock().unwrap();
                if name == "people" {
                    (0..USERS / 2).for_each(|n| drop(directory.users.remove(&format!("u{n:03}"))));
                    let users = directory.users.clone();
                    directory.members.retain(|(_, user)| users.contains_key(user));
                } else {
                    let real = |g: &str, u: &str| {
                        let number = |text: &str| text[1..].parse::<usize>().unwrap();
                        (number(g) + number(u)).is_multiple_of(3)
                    };
                    let mut left = 40;
                    directory.members.retain(|(group, user)| {
                        let goes = left > 0 && real(group, user);
                        left -= u32::from(goes);
                        !goes
                    });
                }
            }
            let run = host.aggregate_at_once().await;
            assert_eq!((run.status, run.removed), (Blocked, 0), "{name}: {run:?}");
            let error = run.error.unwrap();
            assert_eq!(error.0, "blocked_threshold", "{name}");
            assert!(error.1.contains("that were there a day ago"), "{name}: {}", error.1);
            assert_nothing_lost(&host, &before, name).await;
        }
    }
}

#[tokio::test]
async fn rows_that_were_made_up_and_went_again_do_not_hide_a_loss() {
    for host in hosts(USERS, GROUPS).await {
        host.aggregate_at_once().await;
        let before = known(&host).await;
        host.advance(24 * HOUR_MS);
        let made_up = |nth: usize| format!("made-up-{nth:04}");
        let with = |act: &dyn Fn(&mut Directory)| act(&mut host.directory.lock().unwrap());
        with(&|d| (0..600).for_each(|n| drop(d.users.insert(made_up(n), "Nobody".into()))));
        assert_eq!(host.aggregate_at_once().await.status, RunStatus::Succeeded);
        with(&|d| (0..60).for_each(|n| drop(d.users.remove(&made_up(n)))));
        assert_eq!(host.aggregate_at_once().await.removed, 60);
        with(&|d| (0..USERS).for_each(|n| drop(d.users.remove(&format!("u{n:03}")))));
        let run = host.aggregate_at_once().await;
        assert_eq!((run.status, run.removed), (Blocked, 0), "{run:?}");
        let losses = host.removal(&run.id).await.removal.losses;
        let of_accounts = losses.iter().find(|loss| loss.of.what == What::Account).unwrap();
        assert!(of_accounts.excess.is_some(), "{of_accounts:?}");
        assert_nothing_lost(&host, &before, "made up and gone").await;
    }
}

#[tokio::test]
async fn people_who_came_today_may_go_again() {
    for host in hosts(USERS, GROUPS).await {
        host.aggregate_at_once().await;
        host.advance(24 * HOUR_MS);
        let come = |d: &mut Directory| {
            (0..USERS).for_each(|n| drop(d.users.insert(format!("n{n:03}"), "New".into())));
        };
        come(&mut host.directory.lock().unwrap());
        assert_eq!(host.aggregate_at_once().await.status, RunStatus::Succeeded);
        host.advance(HOUR_MS);
        (0..20)
            .for_each(|n| drop(host.directory.lock().unwrap().users.remove(&format!("n{n:03}"))));
        let run = host.aggregate_at_once().await;
        assert_eq!((run.status, run.removed), (RunStatus::Succeeded, 20), "{run:?}");
    }
}

#[tokio::test]
async fn references_that_point_at_nothing_are_left_out_and_nothing_is_removed() {
    for host in hosts(USERS, GROUPS).await {
        host.aggregate_at_once().await;
        let before = known(&host).await;
        host.directory.lock().unwrap().lie = Some(lie(|_, page| {
            for entitlement in &mut page.entitlements {
                entitlement.on.id = "ghost".into();
            }
        }));
        let run = host.aggregate_at_once().await;
        assert_eq!((run.status, run.removed), (RunStatus::Succeeded, 0), "{run:?}");
        assert_eq!(run.progress.unwrap().quarantined, GROUPS as u64);
        assert_nothing_lost(&host, &before, "dangling").await;
    }
}

/// A repeatable sequence of choices.
struct Choices(u64);

impl Choices {
    fn below(&mut self, end: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((self.0 >> 33) % end.max(1) as u64).unwrap()
    }
}

/// Up to 5 % of the users and up to 5 % of the memberships come, go or change.
fn churn(directory: &mut Directory, choices: &mut Choices, day: usize) {
    let users: Vec<String> = directory.users.keys().cloned().collect();
    let groups: Vec<String> = directory.groups.keys().cloned().collect();
    for nth in 0..choices.below(users.len() / 20 + 1) {
        let user = &users[choices.below(users.len())];
        match choices.below(3) {
            0 => {
                directory.users.remove(user);
                directory.members.retain(|(_, member)| member != user);
            }
            1 => {
                directory.users.insert(format!("n{day:03}-{nth}"), "New".into());
            }
            _ => {
                directory.users.insert(user.clone(), format!("Renamed on day {day}"));
            }
        }
    }
    let users: Vec<String> = directory.users.keys().cloned().collect();
    let members: Vec<_> = directory.members.iter().cloned().collect();
    for _ in 0..choices.below(members.len() / 20 + 1) {
        if choices.below(2) == 0 {
            directory.members.remove(&members[choices.below(members.len())]);
        } else {
            let group = groups[choices.below(groups.len())].clone();
            directory.members.insert((group, users[choices.below(users.len())].clone()));
        }
    }
}

#[tokio::test]
async fn two_hundred_honest_runs_are_never_blocked() {
    let mut choices = Choices(2026);
    for host in hosts(60, 5).await {
        host.aggregate_at_once().await;
        let runs = if host.db().is_postgres() { 20 } else { 200 };
        let mut removed = 0;
        for day in 0..runs {
            host.advance(24 * HOUR_MS);
            churn(&mut host.directory.lock().unwrap(), &mut choices, day);
            let run = host.aggregate_at_once().await;
            assert_eq!(run.status, RunStatus::Succeeded, "day {day}: {run:?}");
            removed += run.removed;
            host.assert_equal_to_directory().await;
        }
        assert!(removed > runs as u64, "{removed} rows were removed in {runs} runs");
    }
}

/// All rows of the catalogue, removed ones too, as text.
async fn store(host: &Host) -> Vec<String> {
    let query = grantry_engine::PageQuery { limit: 5_000, ..Default::default() };
    let mut rows = Vec::new();
    for class in [grantry_store::Class::Account, grantry_store::Class::Resource] {
        let page = host.ctx.list_objects(&host.integration, class, &query).await.unwrap();
        let object = |o: grantry_engine::StoredObject| {
            format!("{} {} {}", o.native_id, o.display, o.details)
        };
        rows.extend(page.items.into_iter().map(object));
    }
    let (_, _, members) = host.catalogue().await;
    rows.extend(members.into_iter().map(|(group, user)| format!("{group} {user}")));
    rows.sort();
    rows
}

#[tokio::test]
async fn page_sizes_of_one_seven_and_a_thousand_make_the_same_store_and_the_same_hash() {
    let mut seen: BTreeMap<bool, Vec<(Vec<String>, u64, u64)>> = BTreeMap::new();
    for page_items in [1, 7, 1_000] {
        for host in hosts(40, 4).await {
            host.directory.lock().unwrap().page_items = page_items;
            host.aggregate_at_once().await;
            let mut choices = Choices(7);
            churn(&mut host.directory.lock().unwrap(), &mut choices, 1);
            assert_eq!(host.aggregate_at_once().await.status, RunStatus::Succeeded);
            let kept = store(&host).await;
            host.directory.lock().unwrap().lists_only = Some(10);
            let run = host.aggregate_at_once().await;
            assert_eq!(run.status, Blocked);
            let removal = host.removal(&run.id).await.removal;
            let after = store(&host).await;
            assert_eq!(kept, after);
            let lost = removal.losses.iter().map(|loss| loss.removals).sum();
            let is_postgres = host.db().is_postgres();
            seen.entry(is_postgres).or_default().push((after, removal.rows, lost));
        }
    }
    for stores in seen.values() {
        assert!(stores.windows(2).all(|pair| pair[0] == pair[1]));
    }
}
