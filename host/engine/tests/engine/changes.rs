//! Runs that follow the target's change log end where a full run would (CAT-12).

use grantry_engine::{Answer, Idempotent, PageQuery};
use grantry_model::aggregation::RunStatus;
use grantry_model::catalogue::Value;
use grantry_model::changes::FULL_EVERY_MS;
use grantry_model::deletion_guard::DeletionGuardChange;
use grantry_model::ids::RunId;
use grantry_model::selection::{Mode, Selection};
use grantry_store::{Class, Run};

use crate::host::{Host, hosts};
use crate::scripted::{Directory, object, unavailable};

impl Host {
    pub fn act(&self, act: impl FnOnce(&mut Directory)) {
        act(&mut self.directory.lock().unwrap());
    }

    /// Orders a run, and works until it has ended.
    pub async fn run_in(&self, mode: Mode) -> Run {
        let answer = |run: &Run| Answer { status: 202, body: run.id.to_string() };
        let key = self.key();
        let request = Idempotent { key: &key, request: b"read", answer: &answer };
        let selection = Selection { mode, ..Selection::default() };
        let run = self.ctx.start_aggregation(&self.integration, &selection, &request).await;
        let id = RunId::parse(&run.unwrap().body).unwrap();
        for _ in 0..200 {
            self.work().await;
            let run = self.ctx.run(&id).await.unwrap();
            self.advance(1_000);
            if run.status.is_final() {
                self.work().await;
                return run;
            }
            self.advance(19_000);
        }
        panic!("the run does not end");
    }

    pub async fn sync_auto(&self) -> Run {
        self.run_in(Mode::Auto).await
    }

    /// A run that follows the log and succeeds, after which the catalogue is the directory.
    pub async fn followed(&self) -> Run {
        let run = self.sync_auto().await;
        assert!(run.is_delta, "{run:?}");
        assert_eq!(run.status, RunStatus::Succeeded, "{run:?}");
        self.assert_equal_to_directory().await;
        run
    }

    /// A run that reads everything and succeeds.
    pub async fn read_in_full(&self) -> Run {
        let run = self.sync_auto().await;
        assert!(!run.is_delta, "{run:?}");
        assert_eq!(run.status, RunStatus::Succeeded, "{run:?}");
        self.assert_equal_to_directory().await;
        run
    }

    /// Everything that people see of the catalogue.
    pub async fn dump(&self) -> Vec<String> {
        let query = PageQuery { limit: 5_000, ..PageQuery::default() };
        let mut rows = Vec::new();
        for class in [Class::Account, Class::Resource] {
            let page = self.ctx.list_objects(&self.integration, class, &query).await.unwrap();
            let row = |of: grantry_store::StoredObject| {
                format!("{} {} {} {}", of.kind, of.native_id, of.display, of.details)
            };
            rows.extend(page.items.into_iter().map(row));
        }
        let page = self.ctx.list_entitlements(&self.integration, &query).await.unwrap();
        let row = |of: grantry_store::StoredEntitlement| {
            format!("{} {} {} {}", of.kind, of.native_id, of.display, of.details)
        };
        rows.extend(page.items.into_iter().map(row));
        let (_, _, members) = self.catalogue().await;
        rows.extend(members.into_iter().map(|(group, user)| format!("{group} {user}")));
        rows.sort();
        rows
    }

    pub async fn let_everything_go(&self) {
        let change = DeletionGuardChange {
            percent_max: Some(100),
            count_max: Some(None),
            may_empty: Some(true),
            ..DeletionGuardChange::default()
        };
        self.ctx.update_deletion_guard(&self.integration, 1, &change).await.unwrap();
    }
}

/// Hosts that have read everything, whose directory keeps a log.
pub async fn watched(users: usize, groups: usize) -> Vec<Host> {
    let hosts = hosts(users, groups).await;
    for host in &hosts {
        host.act(|directory| directory.log_of_changes.is_kept = true);
        host.read_in_full().await;
    }
    hosts
}

#[tokio::test]
async fn a_run_without_events_reads_no_page_and_changes_nothing() {
    for host in watched(40, 5).await {
        let before = host.directory.lock().unwrap().pages_read;
        let run = host.followed().await;
        assert_eq!((run.added, run.changed, run.removed), (0, 0, 0));
        assert_eq!(host.directory.lock().unwrap().pages_read, before);
    }
}

#[tokio::test]
async fn events_of_every_sort_are_taken_over() {
    for host in watched(40, 5).await {
        host.act(|directory| {
            directory.put_user("u001", "Renamed");
            directory.put_user("u999", "New");
            directory.note("u999", "red", 0);
            directory.note("u001", "blue", 2);
            directory.put_group("g99", "New group");
            directory.join("g99", "u999");
            directory.leave("g00", "u003");
            directory.remove_user("u030");
        });
        let run = host.followed().await;
        assert_eq!(run.added + run.removed, 5 + 3, "{run:?}");
        let twin = host.dump().await;
        assert!(twin.iter().any(|row| row.contains("u999") && row.contains("red")), "{twin:?}");
        // A full run afterwards finds nothing to do.
        let full = host.run_in(Mode::Full).await;
        assert_eq!((full.added, full.changed, full.removed), (0, 0, 0), "{full:?}");
        assert_eq!(host.dump().await, twin);
        // What a feed brought, and the target does not have any more, is missed by a full run.
        host.act(|directory| {
            directory.users.remove("u999");
            directory.members.retain(|(_, user)| user != "u999");
        });
        let full = host.run_in(Mode::Full).await;
        assert_eq!((full.status, full.removed), (RunStatus::Succeeded, 2), "{full:?}");
        host.assert_equal_to_directory().await;
    }
}

#[tokio::test]
async fn who_goes_and_comes_back_holds_only_what_was_granted_again() {
    for host in watched(40, 5).await {
        host.act(|directory| {
            directory.remove_user("u001");
            directory.put_user("u001", "Again");
            directory.join("g00", "u001");
            directory.remove_group("g03");
            directory.put_group("g03", "Group 3");
            directory.join("g03", "u002");
            directory.join("g03", "u001");
            directory.remove_user("u002");
        });
        host.let_everything_go().await;
        host.followed().await;
    }
}

#[tokio::test]
async fn a_run_goes_on_behind_every_page_of_a_feed() {
    for page_items in [1, 1_000] {
        for host in watched(20, 4).await {
            host.let_everything_go().await;
            for pages in 0..5 {
                host.act(|directory| {
                    directory.page_items = page_items;
                    for number in 0..3 {
                        directory.put_user(&format!("n{pages}{number}"), "New");
                        directory.join("g01", &format!("n{pages}{number}"));
                        directory.leave("g02", &format!("u{:03}", pages * 3 + number));
                    }
                    directory.page_faults = (0..pages).map(|_| None).collect();
                    directory.page_faults.push_back(Some(unavailable(1_000)));
                });
                host.followed().await;
                host.act(|directory| directory.page_faults.clear());
            }
        }
    }
}

#[tokio::test]
async fn tombstones_are_guarded_and_the_next_run_looks_at_everything() {
    for host in watched(60, 2).await {
        host.act(|directory| (0..20).for_each(|n| directory.remove_user(&format!("u{n:03}"))));
        let run = host.sync_auto().await;
        assert!(run.is_delta);
        assert_eq!((run.status, run.removed), (RunStatus::Blocked, 0), "{run:?}");
        assert_eq!(run.error.unwrap().0, "blocked_threshold");
        assert_eq!(host.catalogue().await.0.len(), 60);
        let again = host.sync_auto().await;
        assert!(!again.is_delta);
        assert_eq!(again.status, RunStatus::Blocked);
        let hash = host.removal(&again.id).await.removal.hash;
        host.try_approve(&again.id, &hash).await.unwrap();
        host.work_for(3).await;
        host.assert_equal_to_directory().await;
        host.read_in_full().await;
        host.followed().await;
    }
}

#[tokio::test]
async fn removals_by_feeds_add_up_for_the_guard_and_can_be_undone() {
    for host in watched(60, 1).await {
        let mut last = None;
        for step in 0..4 {
            host.act(|directory| {
                (0..4).for_each(|n| directory.remove_user(&format!("u{:03}", step * 4 + n)));
            });
            let run = host.sync_auto().await;
            assert!(run.is_delta);
            // Twenty percent of a day are twelve.
            let expected = if step < 3 { RunStatus::Succeeded } else { RunStatus::Blocked };
            assert_eq!(run.status, expected, "step {step}: {run:?}");
            if step == 2 {
                last = Some(run.id);
            }
        }
        host.act(|directory| {
            (12..16).for_each(|n| directory.put_user(&format!("u{n:03}"), &format!("User {n}")));
            directory.join("g00", "u012");
            directory.join("g00", "u015");
        });
        host.read_in_full().await;
        host.try_undo(&last.unwrap()).await.unwrap();
        host.work_for(3).await;
        assert_eq!(host.catalogue().await.0.len(), 52);
        // The target does not have what came back: only a full run can see that.
        let run = host.sync_auto().await;
        assert!(!run.is_delta);
        assert_eq!(run.status, RunStatus::Blocked);
    }
}

#[tokio::test]
async fn everything_is_read_once_a_week_and_when_a_person_says_so() {
    for host in watched(20, 2).await {
        host.followed().await;
        assert!(!host.run_in(Mode::Full).await.is_delta);
        host.followed().await;
        host.advance(FULL_EVERY_MS);
        assert!(host.run_in(Mode::Changes).await.is_delta);
        host.read_in_full().await;
        host.followed().await;
    }
}

#[tokio::test]
async fn access_that_appears_and_goes_by_events_changed_without_grantry() {
    for host in watched(40, 5).await {
        host.act(|directory| {
            directory.join("g01", "u000");
            directory.leave("g00", "u003");
            // What comes and goes between two runs is no change.
            directory.join("g02", "u000");
            directory.leave("g02", "u000");
        });
        host.followed().await;
        let query = PageQuery { limit: 50, ..PageQuery::default() };
        let list = host.ctx.list_external_changes(&host.integration, &query).await.unwrap();
        assert_eq!(list.items.len(), 2, "{list:?}");
        // What Grantry does itself comes back by the log, and is explained.
        host.grant("g01", "u001").await;
        host.work_for(6).await;
        host.act(|directory| directory.join("g01", "u001"));
        host.followed().await;
        let list = host.ctx.list_external_changes(&host.integration, &query).await.unwrap();
        assert_eq!(list.items.len(), 2, "{list:?}");
    }
}

/// A small generator: the histories of a seed are always the same.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % below
    }

    fn live_a_little(&mut self, directory: &mut Directory) {
        directory.page_items = [1, 7, 1_000][usize::try_from(self.roll(3)).unwrap()];
        for _ in 0..=self.roll(12) {
            let (user, group) = (format!("u{:03}", self.roll(16)), format!("g{:02}", self.roll(5)));
            match self.roll(10) {
                0 | 1 => directory.put_user(&user, &format!("Name {}", self.roll(4))),
                2 => directory.remove_user(&user),
                3 => directory.put_group(&group, &format!("Name {}", self.roll(4))),
                4 => directory.remove_group(&group),
                5 | 6 => directory.leave(&group, &user),
                7 => directory.note(&user, &format!("note {}", self.roll(3)), self.roll(3)),
                _ => directory.join(&group, &user),
            }
        }
        if self.roll(4) == 0 {
            let passed = self.roll(4);
            directory.page_faults = (0..passed).map(|_| None).collect();
            directory.page_faults.push_back(Some(unavailable(1_000)));
        }
    }
}

/// `GRANTRY_HISTORIES` sets how many (10 without it; `cargo xtask test --long` sets 1,000), and
/// `GRANTRY_SEED` which.
#[tokio::test]
async fn following_changes_is_as_good_as_reading_everything_after_any_history() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let (histories, seed) =
        (number("GRANTRY_HISTORIES").unwrap_or(10), number("GRANTRY_SEED").unwrap_or(1));
    for host in hosts(12, 4).await {
        host.act(|directory| directory.log_of_changes.is_kept = true);
        let twin = host.twin().await;
        for host in [&host, &twin] {
            host.let_everything_go().await;
            host.read_in_full().await;
        }
        let mut dice = Dice(seed);
        for history in 0..histories {
            host.act(|directory| dice.live_a_little(directory));
            let run = host.run_in(Mode::Changes).await;
            assert!(run.is_delta, "seed {seed}, history {history}: {run:?}");
            assert_eq!(run.status, RunStatus::Succeeded, "seed {seed}, history {history}: {run:?}");
            host.act(|directory| directory.page_faults.clear());
            let full = twin.run_in(Mode::Full).await;
            assert_eq!(full.status, RunStatus::Succeeded, "seed {seed}, history {history}");
            let (delta, full) = (host.dump().await, twin.dump().await);
            assert_eq!(delta, full, "seed {seed}, history {history}");
        }
        // One that reads in full in between changes nothing.
        let run = host.run_in(Mode::Full).await;
        assert_eq!((run.added, run.changed, run.removed), (0, 0, 0), "{run:?}");
    }
}

#[test]
fn deltas_say_what_is_there_afterwards() {
    use grantry_model::catalogue::AttributeDelta;
    let mut of = object("User", "u", "U");
    let text = |text: &str| Value::Text(text.into());
    let delta = |add: &[&str], remove: &[&str], replace: Option<&[&str]>| AttributeDelta {
        name: "note".into(),
        add: add.iter().map(|of| text(of)).collect(),
        remove: remove.iter().map(|of| text(of)).collect(),
        replace: replace.map(|all| all.iter().map(|of| text(of)).collect()),
    };
    grantry_model::changes::apply(&mut of, &[delta(&["a", "b"], &[], None)]);
    grantry_model::changes::apply(&mut of, &[delta(&["b", "c"], &["a"], None)]);
    assert_eq!(of.attributes[0].values, [text("b"), text("c")]);
    grantry_model::changes::apply(&mut of, &[delta(&[], &[], Some(&["d"]))]);
    assert_eq!(of.attributes[0].values, [text("d")]);
    grantry_model::changes::apply(&mut of, &[delta(&[], &["d"], None)]);
    assert!(of.attributes.is_empty());
}
