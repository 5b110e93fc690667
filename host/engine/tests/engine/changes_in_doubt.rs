//! Where it is in doubt whether change feeds tell everything, a run reads in full (CAT-12).

use std::sync::{Arc, Mutex};

use grantry_model::aggregation::RunStatus;
use grantry_model::catalogue::{Attribute, Completeness, ObjectRef, Target, Value};
use grantry_model::changes::Change;
use grantry_model::entitlement_types::TypeChange;
use grantry_model::selection::Mode;

use crate::changes::watched;
use crate::entitlement_types::attributes;
use crate::host::hosts;
use crate::scripted::{Story, assignment, entitlement, object};

#[tokio::test]
async fn a_feed_that_lost_its_place_is_made_up_for_by_reading_everything() {
    for host in watched(20, 4).await {
        let stories: [Story; 3] = [
            |directory| directory.log_of_changes.forgotten = directory.log_of_changes.changes.len(),
            |directory| directory.log_of_changes.changes.push(Change::Resync("User".into())),
            // Somebody whom nobody has seen.
            |directory| {
                directory.put_user("u777", "Unseen");
                directory.log_of_changes.changes.pop();
                directory.note("u777", "red", 0);
            },
        ];
        for (number, story) in stories.into_iter().enumerate() {
            host.act(|directory| {
                directory.put_user(&format!("n{number}"), "New");
                story(directory);
            });
            host.read_in_full().await;
            host.followed().await;
        }
        assert_eq!(host.audited("aggregation.reads_in_full").await, 3);
        // A feed that does not tell of everything is not followed at all.
        host.act(|directory| directory.log_of_changes.kinds = vec!["User".into()]);
        host.read_in_full().await;
        assert!(!host.run_in(Mode::Changes).await.is_delta);
    }
}

#[tokio::test]
async fn a_feed_that_does_not_end_ends_the_run_and_removes_nothing() {
    for host in watched(20, 4).await {
        let stories: [(Story, &str); 2] = [
            (|directory| directory.log_of_changes.loops = true, "cursor_loop"),
            (|directory| directory.log_of_changes.endless = true, "sync_limit"),
        ];
        for (story, code) in stories {
            host.act(|directory| {
                directory.remove_user("u001");
                story(directory);
            });
            let run = host.sync_auto().await;
            assert_eq!((run.status, run.error.unwrap().0.as_str()), (RunStatus::Failed, code));
            assert!(host.catalogue().await.0.contains(&"u001".to_owned()));
            // What is wrong may be wrong again: the next run does not rely on it.
            host.act(|directory| {
                directory.log_of_changes.loops = false;
                directory.log_of_changes.endless = false;
                directory.put_user("u001", "Back");
                directory.join("g02", "u001");
            });
            host.read_in_full().await;
            host.followed().await;
        }
    }
}

#[tokio::test]
async fn what_was_left_out_is_looked_at_again_when_something_new_may_make_it_fit() {
    for host in watched(20, 2).await {
        let ghost = ("g00".to_owned(), "ghost".to_owned());
        host.act(|directory| {
            directory.members.insert(ghost.clone());
            directory
                .log_of_changes
                .changes
                .push(Change::Granted(Box::new(assignment("g00", "ghost"))));
        });
        let run = host.sync_auto().await;
        assert_eq!((run.is_delta, run.status), (true, RunStatus::Succeeded));
        assert_eq!(run.progress.unwrap().quarantined, 1);
        host.act(|directory| directory.put_user("ghost", "Ghost"));
        host.read_in_full().await;
        host.followed().await;
    }
}

#[tokio::test]
async fn other_entitlement_types_are_held_against_everything() {
    for host in watched(20, 2).await {
        let change = TypeChange { includes_permissions: Some(false), ..TypeChange::default() };
        host.change_group_type(&change).await;
        assert!(!host.sync_auto().await.is_delta);
        assert!(host.sync_auto().await.is_delta);
    }
}

#[tokio::test]
async fn an_event_that_cannot_be_ends_the_run_and_the_next_one_reads_in_full() {
    let events = [
        (object("User", "", "Nobody"), "invalid_entity_id"),
        (object("Planet", "mars", "Mars"), "bad_data"),
    ];
    for (object, code) in events {
        for host in watched(20, 2).await {
            let event = Change::Upserted(Box::new(object.clone()));
            host.act(|directory| directory.log_of_changes.changes.push(event));
            let run = host.sync_auto().await;
            assert_eq!((run.status, run.error.unwrap().0.as_str()), (RunStatus::Failed, code));
            host.read_in_full().await;
            host.followed().await;
        }
    }
}

#[tokio::test]
async fn a_log_that_may_not_be_read_does_not_keep_lists_from_being_read() {
    for host in watched(20, 4).await {
        host.act(|directory| {
            directory.remove_user("u001");
            directory.log_of_changes.is_forbidden = true;
        });
        host.read_in_full().await;
        assert_eq!(host.audited("aggregation.reads_in_full").await, 1);
        host.act(|directory| directory.put_user("u050", "New"));
        host.read_in_full().await;
        assert_eq!(host.audited("aggregation.reads_in_full").await, 1);
        host.act(|directory| directory.log_of_changes.is_forbidden = false);
        host.read_in_full().await;
        host.followed().await;
    }
}

#[tokio::test]
async fn two_feeds_are_followed_while_their_order_does_not_matter() {
    for host in hosts(20, 4).await {
        host.let_everything_go().await;
        host.act(|directory| {
            directory.log_of_changes.is_kept = true;
            directory.log_of_changes.is_split = true;
        });
        host.read_in_full().await;
        host.act(|directory| {
            directory.put_user("u100", "New");
            directory.join("g01", "u100");
            directory.remove_user("u001");
            directory.remove_group("g03");
        });
        host.followed().await;
        // u003 may be there again when the other feed is read.
        host.act(|directory| {
            directory.join("g01", "u003");
            directory.remove_user("u003");
        });
        host.read_in_full().await;
        // What u002 was granted before it went is in the other feed.
        host.act(|directory| {
            directory.join("g00", "u002");
            directory.remove_user("u002");
            directory.put_user("u002", "Again");
        });
        host.read_in_full().await;
        host.followed().await;
    }
}

#[tokio::test]
async fn what_an_object_of_an_unknown_state_became_is_read() {
    for host in watched(20, 2).await {
        let large = "x".repeat(70_000);
        host.act(|directory| directory.note("u001", &large, 2));
        let run = host.sync_auto().await;
        assert_eq!((run.is_delta, run.status), (true, RunStatus::Succeeded));
        assert_eq!(run.progress.unwrap().quarantined, 1);
        // The catalogue still has the user without notes.
        host.act(|directory| directory.note("u001", &large, 1));
        host.act(|directory| directory.note("u001", "red", 0));
        host.read_in_full().await;
        assert!(host.dump().await.iter().any(|row| row.contains("u001") && row.contains("red")));
        host.act(|directory| directory.note("u001", "blue", 0));
        host.followed().await;
    }
}

#[tokio::test]
async fn an_entitlement_that_moved_stays_when_what_it_was_on_goes() {
    for host in watched(20, 3).await {
        host.let_everything_go().await;
        let mut moved = entitlement("g00", "Group 0");
        moved.on.id = "g01".into();
        let gone = ObjectRef { kind: "Group".into(), id: "g00".into() };
        host.act(|directory| {
            let changes = &mut directory.log_of_changes.changes;
            changes.extend([Change::Offered(Box::new(moved)), Change::Deleted(gone)]);
        });
        let run = host.sync_auto().await;
        assert_eq!((run.is_delta, run.status, run.removed), (true, RunStatus::Succeeded, 1));
        let (role, account) = (host.role("g00"), host.account("u000"));
        assert!(host.db().has_assignment(&role, &account).await.unwrap());
    }
}

#[tokio::test]
async fn entitlements_that_are_named_by_their_resource_follow_it() {
    for host in hosts(6, 2).await {
        let code = Arc::new(Mutex::new("one"));
        let reported = code.clone();
        host.act(|directory| {
            directory.log_of_changes.is_kept = true;
            directory.lie = Some(Box::new(move |request, page| {
                if matches!(&request.target, Target::Objects(kind) if kind == "Group") {
                    let values = vec![Value::Text((*reported.lock().unwrap()).into())];
                    let (name, completeness) = ("code".to_owned(), Completeness::Complete);
                    page.objects[0].attributes.push(Attribute { name, values, completeness });
                }
            }));
        });
        host.read_in_full().await;
        let mut change = attributes(&[("code", "string")]);
        change.name_attribute = Some(Some("code".into()));
        host.change_group_type(&change).await;
        host.read_in_full().await;
        host.followed().await;
        *code.lock().unwrap() = "two";
        host.act(|directory| {
            let group = directory.object("Group", "g00");
            directory.log_of_changes.changes.push(Change::Upserted(Box::new(group)));
        });
        host.read_in_full().await;
        assert!(host.dump().await.iter().any(|row| row.starts_with("Group g00:member two ")));
    }
}
