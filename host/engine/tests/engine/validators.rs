//! Scopes that the target calls unchanged are not read again, and end as if they had been (CAT-12).

use grantry_engine::{IntegrationChange, PageQuery, WholeConnection};
use grantry_model::aggregation::RunStatus;
use grantry_model::catalogue::{Disposition, Scope};
use grantry_model::entitlement_types::TypeChange;
use grantry_store::Run;

use crate::host::{Host, hosts};
use crate::scopes::Scopes;
use crate::scripted::{Directory, unavailable};

impl Host {
    fn change(&self, change: impl FnOnce(&mut Directory)) {
        change(&mut self.directory.lock().unwrap());
    }

    /// A run; how many scopes it took over, and how many pages it read for it.
    async fn sync(&self) -> (Run, u64, u64) {
        let before = self.directory.lock().unwrap().pages_read;
        let run = self.aggregate().await;
        let read = self.directory.lock().unwrap().pages_read - before;
        let unchanged = run.progress.as_ref().map_or(0, |progress| progress.scopes_unchanged);
        (run, unchanged, read)
    }

    /// A run that succeeds; how many scopes it took over.
    async fn taken(&self) -> u64 {
        let (run, unchanged, _) = self.sync().await;
        assert_eq!(run.status, RunStatus::Succeeded, "{run:?}");
        self.assert_equal_to_directory().await;
        unchanged
    }
}

async fn scoped(users: usize, groups: usize, scopes: Scopes) -> Vec<Host> {
    let hosts = hosts(users, groups).await;
    for host in &hosts {
        host.change(|directory| directory.scopes = scopes);
        assert_eq!(host.taken().await, 0);
    }
    hosts
}

#[tokio::test]
async fn unchanged_listings_cost_one_page_each() {
    for host in scoped(40, 5, Scopes::Listings).await {
        for _ in 0..2 {
            let (run, unchanged, read) = host.sync().await;
            assert_eq!((run.status, unchanged, read), (RunStatus::Succeeded, 4, 4));
            assert_eq!((run.added, run.changed, run.removed), (0, 0, 0));
            let members = host.directory.lock().unwrap().members.len() as u64;
            assert_eq!(run.progress.unwrap().rows, 40 + 5 + 5 + members);
            host.assert_equal_to_directory().await;
        }
    }
}

#[tokio::test]
async fn only_the_groups_that_changed_are_read() {
    for page_items in [1, 7, 1_000] {
        for host in scoped(20, 4, Scopes::Groups).await {
            host.change(|directory| directory.page_items = page_items);
            assert_eq!(host.taken().await, 4);
            host.change(|directory| {
                directory.members.insert(("g01".into(), "u000".into()));
                directory.members.retain(|member| *member != ("g02".into(), "u001".into()));
            });
            assert_eq!(host.taken().await, 2);
            assert_eq!(host.taken().await, 4);
            // A group with nobody in it is a scope too.
            host.change(|directory| {
                directory.groups.insert("g99".into(), "Empty".into());
                directory.groups.remove("g00");
                directory.members.retain(|(group, _)| group != "g00");
            });
            host.change(|directory| directory.page_items = 100);
            let (run, unchanged, _) = host.sync().await;
            assert_eq!((run.status, unchanged), (RunStatus::Blocked, 3), "{run:?}");
            let hash = host.removal(&run.id).await.removal.hash;
            host.try_approve(&run.id, &hash).await.unwrap();
            host.work_for(3).await;
            // What was blocked ends the trust in what it saw.
            assert_eq!(host.taken().await, 0);
            assert_eq!(host.taken().await, 4);
        }
    }
}

#[tokio::test]
async fn the_guard_counts_scopes_that_were_not_read() {
    for host in scoped(60, 2, Scopes::Listings).await {
        host.change(|directory| {
            directory.users = directory.users.clone().into_iter().take(20).collect();
            directory.members.retain(|(_, user)| user.as_str() < "u020");
        });
        let (run, unchanged, _) = host.sync().await;
        assert_eq!((run.status, unchanged), (RunStatus::Blocked, 2), "{run:?}");
        assert_eq!(run.error.unwrap().0, "blocked_threshold");
        let losses = host.removal(&run.id).await.removal.losses;
        let users = losses.iter().find(|loss| loss.of.kind == "User").unwrap();
        assert_eq!((users.before, users.removals), (60, 40));
    }
}

#[tokio::test]
async fn what_goes_elsewhere_takes_rows_of_an_unchanged_scope_along() {
    for host in scoped(40, 3, Scopes::Groups).await {
        host.change(|directory| {
            directory.users.remove("u001");
        });
        let (run, unchanged, _) = host.sync().await;
        assert_eq!((run.status, unchanged), (RunStatus::Succeeded, 3), "{run:?}");
        assert_eq!(run.removed, 2);
        // The target still lists the member; it comes back with its account.
        host.change(|directory| {
            directory.users.insert("u001".into(), "User 1".into());
        });
        host.taken().await;
        assert_eq!(host.taken().await, 3);
    }
}

#[tokio::test]
async fn a_run_that_failed_validates_nothing() {
    for host in scoped(40, 5, Scopes::Listings).await {
        host.change(|directory| {
            directory.users.insert("u001".into(), "Renamed".into());
            directory.never_complete = true;
        });
        let (run, unchanged, _) = host.sync().await;
        assert_eq!((run.status, unchanged), (RunStatus::Failed, 3));
        host.change(|directory| directory.never_complete = false);
        assert_eq!(host.taken().await, 0);
        assert_eq!(host.taken().await, 4);
    }
}

#[tokio::test]
async fn a_run_that_is_interrupted_goes_on_behind_the_scopes_it_took_over() {
    for host in scoped(40, 20, Scopes::Groups).await {
        for pages in 0..48 {
            host.change(|directory| {
                directory.page_faults = (0..pages).map(|_| None).collect();
                directory.page_faults.push_back(Some(unavailable(1_000)));
                directory.members.insert(("g07".into(), format!("u{:03}", pages % 40)));
            });
            let (run, _, _) = host.sync().await;
            assert_eq!(run.status, RunStatus::Succeeded, "{run:?}");
            host.assert_equal_to_directory().await;
        }
    }
}

#[tokio::test]
async fn another_connection_is_not_validated_by_the_old_one() {
    for host in scoped(40, 5, Scopes::Listings).await {
        let whole = WholeConnection(serde_json::json!({ "tenant": "other" }));
        let change = IntegrationChange { connection: Some(whole), ..IntegrationChange::default() };
        host.try_update(&change).await.unwrap();
        assert_eq!(host.taken().await, 0);
        assert_eq!(host.taken().await, 4);
    }
}

#[tokio::test]
async fn changed_entitlement_types_are_held_against_all_rows_again() {
    for host in scoped(40, 5, Scopes::Listings).await {
        let query = PageQuery { limit: 200, ..PageQuery::default() };
        let types = host.ctx.list_entitlement_types(&host.integration, &query).await.unwrap();
        let of = types.items.into_iter().find(|of| of.name == "Group").unwrap();
        let change = TypeChange { includes_permissions: Some(false), ..TypeChange::default() };
        let (integration, version) = (&host.integration, of.version);
        host.ctx.update_entitlement_type(integration, &of.id, version, &change).await.unwrap();
        let (run, unchanged, _) = host.sync().await;
        assert_eq!((run.status, unchanged), (RunStatus::Succeeded, 0), "{run:?}");
    }
}

#[tokio::test]
async fn what_we_changed_ourselves_is_read_again() {
    for host in scoped(40, 5, Scopes::Groups).await {
        let membership = host.grant("g01", "u000").await;
        host.work_for(6).await;
        assert!(host.holds("g01", "u000"));
        // What Grantry writes ends the trust in all pages of who holds what.
        assert_eq!(host.taken().await, 0);
        assert_eq!(host.taken().await, 5);
        host.delete(&membership).await;
        host.work_for(6).await;
        assert!(!host.holds("g01", "u000"));
        assert_eq!(host.taken().await, 0);
        assert_eq!(host.taken().await, 5);
    }
}

#[tokio::test]
async fn many_empty_groups_in_a_row_are_no_endless_listing() {
    for host in scoped(20, 2, Scopes::Groups).await {
        host.change(|directory| {
            let empty = (0..150).map(|number| (format!("h{number:03}"), "Empty".to_owned()));
            directory.groups.extend(empty);
        });
        assert_eq!(host.taken().await, 2);
        assert_eq!(host.taken().await, 152);
    }
}

#[tokio::test]
async fn an_empty_scope_loses_its_validator_with_the_others() {
    for host in scoped(20, 2, Scopes::Groups).await {
        host.change(|directory| {
            directory.groups.insert("g98".into(), "Empty".into());
            directory.groups.insert("g99".into(), "Empty as well".into());
        });
        assert_eq!(host.taken().await, 2);
        assert_eq!(host.taken().await, 4);
        host.grant("g99", "u000").await;
        host.work_for(6).await;
        assert!(host.holds("g99", "u000"));
        assert_eq!(host.taken().await, 0);
        assert_eq!(host.taken().await, 4);
    }
}

#[tokio::test]
async fn rows_that_were_left_out_keep_their_scope_from_being_validated() {
    for host in scoped(20, 2, Scopes::Groups).await {
        host.change(|directory| {
            directory.members.insert(("g00".into(), "ghost".into()));
        });
        for _ in 0..2 {
            let (run, unchanged, _) = host.sync().await;
            assert_eq!((run.status, unchanged), (RunStatus::Succeeded, 1));
            assert_eq!(run.progress.unwrap().quarantined, 1);
        }
        host.change(|directory| {
            directory.users.insert("ghost".into(), "Ghost".into());
        });
        assert_eq!(host.taken().await, 1);
        assert_eq!(host.taken().await, 2);
    }
}

#[tokio::test]
async fn a_connector_that_lies_about_its_scopes_is_refused() {
    let lies: [fn(&mut Scope); 4] = [
        // Another scope than the one that was asked for.
        |scope| scope.key = "other".into(),
        |scope| scope.key = String::new(),
        |scope| scope.key = "k".repeat(1_025),
        |scope| {
            (scope.disposition, scope.validator) = (Disposition::Fresh, Some("v".repeat(1_025)));
        },
    ];
    for (number, lie) in lies.into_iter().enumerate() {
        for host in scoped(20, 2, Scopes::Listings).await {
            host.change(|directory| directory.scope_lie = Some(lie));
            let (run, _, _) = host.sync().await;
            let code = run.error.clone().map(|(code, _)| code);
            assert_eq!(code.as_deref(), Some("bad_data"), "lie {number}: {run:?}");
            assert_eq!((run.status, run.removed), (RunStatus::Failed, 0));
            host.change(|directory| directory.scope_lie = None);
            host.taken().await;
        }
    }
}
