//! Memberships, on servers that refuse, ignore, overdo or lose a write.

use grantry_sdk::provision::{GrantRequest, Operation, Outcome, RevokeRequest, Verification};
use grantry_sdk::types::{Error, ObjectRef, Result};
use scim::provision;
use serde_json::json;

use crate::directory::{Directory, Quirks};
use crate::with;

fn group() -> ObjectRef {
    ObjectRef::new("Group", "g")
}

fn grant(user: &str) -> Operation {
    Operation::Grant(GrantRequest {
        entitlement: "g:member".into(),
        on: group(),
        holder: ObjectRef::new("User", user),
        ends_ms: None,
        parameters: Vec::new(),
    })
}

fn revoke(user: &str) -> Operation {
    Operation::Revoke(RevokeRequest {
        entitlement: "g:member".into(),
        on: group(),
        holder: ObjectRef::new("User", user),
        assignment_id: None,
    })
}

fn apply(directory: &Directory, operation: &Operation) -> Result<Outcome> {
    with(directory, |client| provision::apply(client, operation, 1))
}

fn verify(directory: &Directory, operation: &Operation) -> Verification {
    with(directory, |client| provision::verify(client, operation)).unwrap()
}

/// A group `g` of `members`, of 130 users.
fn directory(members: usize, set: impl FnOnce(&mut Quirks)) -> Directory {
    Directory::with_users(130).with_group("g", members).quirks(set)
}

/// Granting `u9` and revoking `u2` both work in the end, and change nothing else.
fn works(set: impl Fn(&mut Quirks)) {
    let granted = directory(3, &set);
    let outcome = apply(&granted, &grant("u9"));
    assert!(matches!(outcome, Ok(Outcome::Done(_))), "{outcome:?} {:?}", granted.log());
    assert_eq!(granted.group_members("g"), ["u1", "u2", "u3", "u9"]);
    let revoked = directory(3, &set);
    let outcome = apply(&revoked, &revoke("u2"));
    assert!(matches!(outcome, Ok(Outcome::Done(_))), "{outcome:?} {:?}", revoked.log());
    assert_eq!(revoked.group_members("g"), ["u1", "u3"]);
}

#[test]
fn an_honest_server_takes_one_patch_of_one_value() {
    works(|_| {});
    let directory = directory(3, |_| {});
    apply(&directory, &grant("u9")).unwrap();
    let expected = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{ "op": "add", "path": "members", "value": [{ "value": "u9" }] }]
    });
    assert_eq!(directory.bodies(), [expected]);
}

#[test]
fn granting_and_revoking_twice_is_already_so() {
    let directory = directory(3, |_| {});
    for (operation, writes) in [(grant("u2"), 0), (revoke("u9"), 0)] {
        let outcome = apply(&directory, &operation).unwrap();
        assert!(matches!(outcome, Outcome::Already(_)), "{outcome:?}");
        assert_eq!(directory.writes().len(), writes);
    }
}

#[test]
fn verify_tells_what_is_so() {
    let directory = directory(3, |_| {});
    assert_eq!(verify(&directory, &grant("u1")), Verification::Holds);
    assert_eq!(verify(&directory, &grant("u9")), Verification::Absent);
    assert_eq!(verify(&directory, &revoke("u9")), Verification::Holds);
    assert_eq!(verify(&directory, &revoke("u1")), Verification::Absent);
    assert!(directory.writes().is_empty());
}

#[test]
fn trap_6_members_that_vanish_beside_the_change_are_reported() {
    let directory = directory(110, |quirks| quirks.add_keeps_at_most = Some(100));
    let Outcome::Partial(partial) = apply(&directory, &grant("u120")).unwrap() else {
        panic!("not partial")
    };
    assert_eq!(partial.done.also_revoked.len(), 11);
    assert_eq!(partial.failed[0].code, "members_lost");
}

#[test]
fn trap_7_a_list_that_may_be_cut_off_is_never_written_back() {
    let directory = directory(120, |quirks| {
        quirks.shows_members_at_most = Some(100);
        quirks.patch_status = Some(501);
    });
    let error = apply(&directory, &grant("u125")).unwrap_err();
    assert!(matches!(&error, Error::Unsupported(why) if why.contains("100")), "{error:?}");
    assert_eq!(directory.group_members("g").len(), 120);
}

#[test]
fn trap_7_a_member_beyond_the_shown_ones_is_found_by_filter() {
    let set = |quirks: &mut Quirks| quirks.shows_members_at_most = Some(100);
    assert_eq!(verify(&directory(120, set), &grant("u115")), Verification::Holds);
    assert_eq!(verify(&directory(120, set), &grant("u125")), Verification::Absent);
    let directory = directory(120, |quirks| {
        set(quirks);
        quirks.refuses_filter = true;
    });
    let answer = verify(&directory, &grant("u115"));
    assert!(matches!(answer, Verification::CannotTell(_)), "{answer:?}");
}

#[test]
fn a_list_of_a_round_length_proves_no_absence() {
    for max in [30, 75, 150, 300] {
        let set = |quirks: &mut Quirks| quirks.shows_members_at_most = Some(max);
        let directory = || Directory::with_users(400).with_group("g", max + 20).quirks(set);
        let hidden = format!("u{}", max + 10);
        assert_eq!(verify(&directory(), &revoke(&hidden)), Verification::Absent, "{max}");
        let directory = directory();
        let outcome = apply(&directory, &revoke(&hidden));
        assert!(matches!(outcome, Ok(Outcome::Done(_))), "{outcome:?}");
        assert!(!directory.group_members("g").contains(&hidden), "{max}");
    }
}

#[test]
fn members_that_are_shown_on_request_are_asked_for() {
    works(|quirks| quirks.shows_members_on_request = true);
    let set = |quirks: &mut Quirks| {
        quirks.shows_members_on_request = true;
        quirks.refuses_filter = true;
    };
    assert_eq!(verify(&directory(3, set), &revoke("u1")), Verification::Absent);
    assert_eq!(verify(&directory(3, set), &revoke("u9")), Verification::Holds);
}

#[test]
fn a_revocation_is_sent_and_not_confirmed_where_members_are_never_shown() {
    let set = |quirks: &mut Quirks| {
        quirks.never_shows_members = true;
        quirks.refuses_filter = true;
    };
    let answer = verify(&directory(3, set), &revoke("u1"));
    assert!(matches!(answer, Verification::CannotTell(_)), "{answer:?}");
    let directory = directory(3, set);
    let outcome = apply(&directory, &revoke("u1"));
    assert!(outcome.is_err(), "{outcome:?}");
    assert_eq!(directory.group_members("g"), ["u2", "u3"]);
    works(|quirks| quirks.never_shows_members = true);
}

#[test]
fn an_empty_list_that_is_left_out_proves_absence_where_others_are_shown() {
    let set = |quirks: &mut Quirks| {
        quirks.leaves_out_empty = true;
        quirks.refuses_filter = true;
    };
    let empty = || directory(0, set);
    let answer = verify(&empty(), &revoke("u1"));
    assert!(matches!(answer, Verification::CannotTell(_)), "{answer:?}");
    let beside = empty().with_group("h", 2);
    assert_eq!(verify(&beside, &revoke("u1")), Verification::Holds);
}

#[test]
fn a_filter_that_the_server_ignores_proves_nothing() {
    let directory = directory(120, |quirks| {
        quirks.shows_members_at_most = Some(100);
        quirks.ignores_filter = true;
    });
    let answer = verify(&directory, &grant("u125"));
    assert!(matches!(answer, Verification::CannotTell(_)), "{answer:?}");
}

#[test]
fn trap_9_a_patch_that_is_ignored_is_followed_by_a_put() {
    works(|quirks| quirks.patch_ignored = true);
}

#[test]
fn trap_9_a_server_that_ignores_every_write_is_never_believed() {
    let directory = directory(3, |quirks| {
        quirks.patch_ignored = true;
        quirks.put_ignored = true;
    });
    for operation in [grant("u9"), revoke("u1")] {
        let error = apply(&directory, &operation).unwrap_err();
        assert!(matches!(error, Error::OutcomeUnknown(_)), "{error:?}");
    }
}

#[test]
fn trap_10_a_path_that_makes_the_server_fail_is_left_out() {
    works(|quirks| quirks.patch_path_fails = true);
    let directory = directory(3, |quirks| quirks.patch_path_fails = true);
    apply(&directory, &grant("u9")).unwrap();
    let last = directory.bodies().pop().unwrap();
    assert_eq!(
        last["Operations"][0],
        json!({ "op": "add", "value": { "members": [{ "value": "u9" }] } })
    );
}

#[test]
fn trap_11_a_server_without_put_needs_none() {
    works(|quirks| quirks.put_status = Some(501));
}

#[test]
fn a_server_without_patch_is_written_back_whole() {
    for status in [400, 403, 404, 405, 501] {
        works(|quirks| quirks.patch_status = Some(status));
    }
    works(|quirks| {
        quirks.says_no_patch = true;
        quirks.patch_status = Some(500);
    });
}

#[test]
fn a_server_that_says_it_has_no_patch_is_not_sent_any() {
    let directory = directory(3, |quirks| quirks.says_no_patch = true);
    apply(&directory, &grant("u9")).unwrap();
    assert_eq!(directory.writes(), ["PUT /Groups/g"]);
}

#[test]
fn trap_12_a_member_is_never_removed_by_value() {
    works(|quirks| quirks.remove_by_value_empties = true);
    let directory = directory(3, |quirks| quirks.patch_ignored = true);
    apply(&directory, &revoke("u2")).unwrap();
    for body in directory.bodies() {
        for operation in body["Operations"].as_array().into_iter().flatten() {
            assert_eq!(operation, &json!({ "op": "remove", "path": "members[value eq \"u2\"]" }));
        }
    }
}

#[test]
fn the_last_member_can_be_removed_without_patch() {
    let directory = directory(1, |quirks| quirks.says_no_patch = true);
    apply(&directory, &revoke("u1")).unwrap();
    assert!(directory.group_members("g").is_empty());
}

#[test]
fn plain_json_will_do() {
    works(|quirks| quirks.plain_json_only = true);
}

#[test]
fn a_replacement_is_tried_again_when_somebody_was_faster() {
    works(|quirks| {
        quirks.says_no_patch = true;
        quirks.put_conflicts = 2;
    });
    let directory = directory(3, |quirks| {
        quirks.says_no_patch = true;
        quirks.put_conflicts = 9;
    });
    assert!(matches!(apply(&directory, &grant("u9")), Err(Error::PreconditionFailed(_))));
}

#[test]
fn a_lost_answer_is_read_back() {
    works(|quirks| quirks.loses_write_answer = true);
}

#[test]
fn a_lost_request_leaves_the_outcome_unknown_and_is_not_repeated() {
    let directory = directory(3, |quirks| quirks.drops_write = true);
    let error = apply(&directory, &grant("u9")).unwrap_err();
    assert!(matches!(error, Error::OutcomeUnknown(_)), "{error:?}");
}

#[test]
fn a_gateway_error_is_not_followed_by_another_write() {
    for status in [502, 504] {
        let directory = directory(3, |quirks| quirks.patch_status = Some(status));
        let error = apply(&directory, &grant("u9")).unwrap_err();
        assert!(matches!(error, Error::OutcomeUnknown(_)), "{error:?}");
        assert_eq!(directory.writes().len(), 1);
    }
}

#[test]
fn refusals_keep_their_reason() {
    let refused = |patch, put| {
        let directory = directory(3, |quirks| {
            quirks.patch_status = Some(patch);
            quirks.put_status = Some(put);
        });
        apply(&directory, &grant("u9")).unwrap_err()
    };
    assert!(matches!(refused(401, 401), Error::Unauthenticated(_)));
    assert!(matches!(refused(403, 501), Error::PermissionDenied(_)));
    assert!(matches!(refused(501, 403), Error::PermissionDenied(_)));
    assert!(matches!(refused(429, 200), Error::RateLimited(_)));
    assert!(matches!(refused(503, 200), Error::Unavailable(_)));
    assert!(matches!(refused(409, 409), Error::AlreadyExists(_)));
    assert!(matches!(refused(501, 405), Error::Unsupported(_)));
    assert_eq!(refused(404, 404), Error::NotFound(Some(ObjectRef::new("User", "u9"))));
}

#[test]
fn a_missing_group_is_not_found() {
    let directory = Directory::with_users(1);
    assert_eq!(apply(&directory, &grant("u1")).unwrap_err(), Error::NotFound(Some(group())));
    assert_eq!(verify(&directory, &grant("u1")), Verification::Absent);
    assert_eq!(verify(&directory, &revoke("u1")), Verification::Holds);
}

#[test]
fn a_group_too_large_to_be_read_is_changed_and_checked_by_filter() {
    let directory = directory(120, |quirks| quirks.body_max = Some(1_000));
    let outcome = apply(&directory, &grant("u125"));
    // The answer to the write is too large as well: what counts is what is read back.
    assert!(matches!(outcome, Ok(Outcome::Done(_))), "{outcome:?} {:?}", directory.log());
    assert_eq!(verify(&directory, &grant("u125")), Verification::Holds);
    assert_eq!(verify(&directory, &revoke("u125")), Verification::Absent);
}

#[test]
fn an_entitlement_of_another_group_is_refused() {
    let Operation::Grant(mut request) = grant("u1") else { unreachable!() };
    request.entitlement = "other:member".into();
    let error = apply(&directory(1, |_| {}), &Operation::Grant(request)).unwrap_err();
    assert!(matches!(error, Error::InvalidInput(_)), "{error:?}");
}

#[test]
fn a_plan_names_the_call_and_makes_none() {
    let directory = directory(3, |_| {});
    let plan = |operation| with(&directory, |client| provision::plan(client, &operation)).unwrap();
    let calls = plan(revoke("u1")).calls;
    assert_eq!((calls[0].method.as_str(), calls[0].is_destructive), ("PATCH", true));
    assert_eq!(calls[0].url, "https://idp.test/scim/v2/Groups/g");
    assert!(plan(grant("u1")).calls.is_empty());
    assert!(directory.writes().is_empty());
}
