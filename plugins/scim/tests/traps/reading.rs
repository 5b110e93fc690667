//! Lists, as real servers give them. No listing that may not be whole is ever called complete.

use grantry_sdk::aggregate::Target;
use grantry_sdk::types::{Error, ObjectRef};
use serde_json::json;

use crate::directory::{Directory, Quirks};
use crate::{groups, list, members, try_list, users};

fn whole(users: usize, set: impl FnOnce(&mut Quirks)) {
    let listing = list(&Directory::with_users(users).quirks(set), &crate::users(), 100);
    assert_eq!((listing.unique(), listing.rows.len()), (users, users), "{listing:?}");
    assert!(listing.is_complete, "{listing:?}");
}

fn in_doubt(users: usize, seen: usize, set: impl FnOnce(&mut Quirks)) -> String {
    let listing = list(&Directory::with_users(users).quirks(set), &crate::users(), 100);
    assert_eq!(listing.unique(), seen, "{listing:?}");
    assert!(!listing.is_complete, "{listing:?}");
    listing.skipped.last().unwrap().clone()
}

#[test]
fn an_honest_server_is_read_whole_whatever_the_page_size() {
    for max_items in [1, 7, 100, 1000] {
        let listing = list(&Directory::with_users(250), &users(), max_items);
        assert_eq!((listing.unique(), listing.is_complete), (250, true), "{max_items}");
        assert_eq!(listing.expected_total, Some(250));
    }
}

#[test]
fn an_empty_server_is_whole() {
    let listing = list(&Directory::default(), &users(), 100);
    assert_eq!((listing.rows.len(), listing.is_complete), (0, true));
}

#[test]
fn trap_1_start_index_and_count_are_always_sent() {
    whole(30, |quirks| quirks.empty_without_paging = true);
}

#[test]
fn trap_2_a_list_cut_off_at_100_is_never_complete() {
    let why = in_doubt(250, 100, |quirks| {
        quirks.cuts_off_at = Some(100);
        quirks.ignores_start_index = true;
    });
    assert!(why.contains("exactly 100"), "{why}");
}

#[test]
fn trap_2_a_total_that_counts_only_the_page_does_not_end_the_list() {
    whole(250, |quirks| {
        quirks.page_max = Some(100);
        quirks.total_is_page_count = true;
    });
}

#[test]
fn trap_3_items_per_page_is_not_believed() {
    whole(95, |quirks| {
        quirks.page_max = Some(20);
        quirks.items_per_page_is_requested = true;
    });
}

#[test]
fn trap_4_a_server_that_counts_from_zero_loses_no_one() {
    whole(95, |quirks| quirks.counts_from_zero = true);
    whole(1, |quirks| quirks.counts_from_zero = true);
}

#[test]
fn trap_5_fewer_than_the_total_are_never_complete() {
    let why = in_doubt(30, 30, |quirks| quirks.total_offset = 5);
    assert!(why.contains("there are 35 but lists 30"), "{why}");
}

#[test]
fn trap_5_more_than_the_total_are_all_read() {
    whole(30, |quirks| quirks.total_offset = -4);
}

#[test]
fn a_list_that_shrinks_while_it_is_read_is_never_complete() {
    let why = in_doubt(95, 94, |quirks| {
        quirks.page_max = Some(20);
        quirks.deletes_before = Some((3, "u1".into()));
    });
    assert!(why.contains("shrank from 95 to 94"), "{why}");
}

#[test]
fn a_list_that_grows_while_it_is_read_is_whole() {
    let directory = Directory::with_users(95).quirks(|quirks| {
        quirks.page_max = Some(20);
        quirks.adds_before = Some(3);
    });
    let listing = list(&directory, &users(), 100);
    assert_eq!((listing.unique(), listing.is_complete), (96, true), "{listing:?}");
}

#[test]
fn a_server_without_a_total_is_never_complete() {
    in_doubt(30, 30, |quirks| quirks.without_total = true);
}

#[test]
fn numbers_as_texts_are_understood() {
    whole(30, |quirks| quirks.total_as_text = true);
}

#[test]
fn a_server_that_ignores_paging_is_cut_into_pages() {
    whole(333, |quirks| {
        quirks.ignores_count = true;
        quirks.ignores_start_index = true;
    });
}

#[test]
fn a_server_that_repeats_its_last_page_is_whole() {
    whole(95, |quirks| quirks.repeats_last_page = true);
}

#[test]
fn a_server_that_refuses_pages_past_the_end_is_whole() {
    whole(95, |quirks| quirks.refuses_past_the_end = true);
}

#[test]
fn pages_that_are_too_large_are_asked_for_in_parts() {
    whole(95, |quirks| quirks.body_max = Some(1_500));
}

#[test]
fn a_duplicate_on_a_page_is_dropped_and_doubted() {
    let why = in_doubt(30, 29, |quirks| quirks.lists_twice = true);
    assert!(why.contains("twice"), "{why}");
}

#[test]
fn plain_json_will_do() {
    whole(30, |quirks| quirks.plain_json_only = true);
}

#[test]
fn a_resource_without_an_id_is_left_out_and_doubted() {
    let directory = Directory::with_users(3).with_user(json!({ "userName": "nobody" }));
    let listing = list(&directory, &users(), 100);
    assert_eq!((listing.rows.len(), listing.is_complete), (3, false));
}

#[test]
fn cursors_are_followed_when_the_server_offers_them() {
    let directory = Directory::with_users(95).quirks(|quirks| quirks.cursor = true);
    let listing = list(&directory, &users(), 10);
    assert_eq!((listing.unique(), listing.is_complete), (95, true), "{listing:?}");
}

#[test]
fn a_cursor_page_larger_than_asked_for_loses_no_one() {
    let directory = Directory::with_users(95).quirks(|quirks| {
        quirks.cursor = true;
        quirks.ignores_count = true;
    });
    let listing = list(&directory, &users(), 10);
    assert_eq!((listing.unique(), listing.rows.len(), listing.is_complete), (95, 95, true));
}

#[test]
fn a_server_that_only_says_it_has_cursors_is_read_by_index() {
    let directory = Directory::with_users(95).quirks(|quirks| {
        quirks.cursor = true;
        quirks.cursor_ignored = true;
        quirks.page_max = Some(20);
    });
    let listing = list(&directory, &users(), 100);
    assert_eq!((listing.unique(), listing.is_complete), (95, true), "{listing:?}");
}

#[test]
fn an_expired_cursor_starts_the_listing_again() {
    let directory = Directory::with_users(95).quirks(|quirks| {
        quirks.cursor = true;
        quirks.cursor_expires = true;
    });
    assert_eq!(try_list(&directory, &users(), 10).unwrap_err(), Error::CursorExpired);
}

#[test]
fn a_repeated_cursor_is_an_error() {
    let directory = Directory::with_users(95).quirks(|quirks| {
        quirks.cursor = true;
        quirks.cursor_repeats = true;
    });
    assert!(matches!(try_list(&directory, &users(), 10), Err(Error::BadData(_))));
}

#[test]
fn members_are_whole_whatever_the_page_size() {
    for cursor in [false, true] {
        for max_items in [1, 7, 100, 1000] {
            let mut directory = Directory::with_users(120).quirks(|quirks| quirks.cursor = cursor);
            for (index, size) in [0, 1, 30, 0, 120, 7].into_iter().enumerate() {
                directory = directory.with_group(&format!("g{index}"), size);
            }
            let listing = list(&directory, &members(), max_items);
            let found = (listing.unique(), listing.rows.len(), listing.is_complete);
            assert_eq!(found, (158, 158, true), "cursor {cursor}, {max_items} a page");
        }
    }
}

#[test]
fn a_large_group_that_changes_while_it_is_read_is_never_complete() {
    let directory = Directory::with_users(0).with_group("g", 50);
    let target = members();
    let request = |at| grantry_sdk::aggregate::PageRequest {
        run_id: "run".into(),
        target: target.clone(),
        at,
        max_items: 30,
        max_bytes: 1 << 20,
    };
    let read =
        |at| crate::with(&directory, |c| scim::aggregate::read_page(c, &request(at))).unwrap();
    let first = read(None);
    directory.drop_first_member("g");
    let second = read(first.next);
    assert_eq!((second.next, second.is_complete), (None, false));
}

#[test]
fn members_that_lists_leave_out_are_read_one_group_at_a_time() {
    let directory = Directory::with_users(0)
        .with_group("a", 0)
        .with_group("b", 5)
        .with_group("c", 6)
        .quirks(|quirks| quirks.lists_without_members = true);
    let listing = list(&directory, &members(), 100);
    assert_eq!((listing.unique(), listing.is_complete), (11, true), "{listing:?}");
}

#[test]
fn a_server_that_never_shows_members_is_never_complete() {
    let one = Target::AssignmentsOf(ObjectRef::new("Group", "b"));
    for target in [members(), one] {
        let directory = Directory::with_users(0)
            .with_group("a", 0)
            .with_group("b", 5)
            .quirks(|quirks| quirks.never_shows_members = true);
        let listing = list(&directory, &target, 100);
        assert_eq!((listing.rows.len(), listing.is_complete), (0, false), "{listing:?}");
    }
}

#[test]
fn groups_that_are_all_empty_are_whole() {
    let group = |id: &str| json!({ "id": id, "displayName": id });
    let directory =
        Directory::default().with_resource_group(group("a")).with_resource_group(group("b"));
    let listing = list(&directory, &members(), 100);
    assert_eq!((listing.rows.len(), listing.is_complete), (0, true), "{listing:?}");
}

#[test]
fn a_group_too_large_to_be_read_is_named_and_skipped() {
    let directory = Directory::with_users(0)
        .with_group("small", 3)
        .with_group("huge", 500)
        .with_group("other", 2)
        .quirks(|quirks| quirks.body_max = Some(2_000));
    let listing = list(&directory, &members(), 100);
    assert_eq!(listing.unique(), 5, "{listing:?}");
    assert!(listing.skipped[0].contains("too large"), "{listing:?}");
}

#[test]
fn a_nested_group_holds_through_its_own_membership() {
    let members = json!([{ "value": "g2", "type": "Group" }, { "value": "u1" }]);
    let directory = Directory::with_users(1)
        .with_resource_group(json!({ "id": "g1", "displayName": "One", "members": members }));
    let target = Target::AssignmentsOf(ObjectRef::new("Group", "g1"));
    let listing = list(&directory, &target, 100);
    assert_eq!(listing.rows, ["g1:member Group g2", "g1:member User u1"]);
    assert!(listing.is_complete);
}

#[test]
fn each_group_has_one_entitlement() {
    let directory = Directory::with_users(0).with_group("a", 1).with_group("b", 2);
    assert_eq!(list(&directory, &groups(), 1).rows, ["a", "b"]);
    let entitlements = Target::EntitlementsOfKind("Group".into());
    assert_eq!(list(&directory, &entitlements, 1).rows, ["a:member", "b:member"]);
    let one = Target::EntitlementsOf(ObjectRef::new("Group", "b"));
    assert_eq!(list(&directory, &one, 1).rows, ["b:member"]);
}

#[test]
fn a_missing_group_has_no_members_to_list() {
    let target = Target::AssignmentsOf(ObjectRef::new("Group", "nope"));
    let error = try_list(&Directory::default(), &target, 10).unwrap_err();
    assert_eq!(error, Error::NotFound(Some(ObjectRef::new("Group", "nope"))));
}

#[test]
fn a_kind_that_scim_does_not_know_is_refused() {
    let target = Target::Objects("Device".into());
    assert!(matches!(try_list(&Directory::default(), &target, 10), Err(Error::Unsupported(_))));
}
