//! Accounts: creation, state, attributes and deletion.

use grantry_sdk::provision::{
    CreateRequest, Credential, DeleteMode, DeleteRequest, Operation, Outcome, UpdateRequest,
    Verification,
};
use grantry_sdk::types::{Attribute, AttributeDelta, Error, ObjectRef, Result, Value};
use scim::provision;
use serde_json::json;

use crate::directory::{Directory, Quirks};
use crate::with;

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

fn ada() -> ObjectRef {
    ObjectRef::new("User", "u1")
}

fn create() -> Operation {
    Operation::Create(CreateRequest {
        kind: "User".into(),
        attributes: vec![
            Attribute::text("userName", "ada"),
            Attribute::text("externalId", "e1"),
            Attribute::text("name.givenName", "Ada"),
            Attribute::text("department", "R&D"),
        ],
        parent: None,
        credential: Credential::None,
        must_change: false,
        ends_ms: None,
    })
}

fn update(name: &str, replace: &str) -> Operation {
    let replace = Some(vec![Value::Text(replace.into())]);
    let delta = AttributeDelta { name: name.into(), add: Vec::new(), remove: Vec::new(), replace };
    Operation::Update(UpdateRequest { about: ada(), deltas: vec![delta], if_match: None })
}

fn delete(mode: DeleteMode) -> Operation {
    Operation::Delete(DeleteRequest { about: ada(), mode })
}

fn apply(directory: &Directory, operation: &Operation) -> Result<Outcome> {
    attempt(directory, operation, 1)
}

fn attempt(directory: &Directory, operation: &Operation, attempt: u32) -> Result<Outcome> {
    with(directory, |client| provision::apply(client, operation, attempt))
}

fn verify(directory: &Directory, operation: &Operation) -> Verification {
    with(directory, |client| provision::verify(client, operation)).unwrap()
}

fn one_user(set: impl FnOnce(&mut Quirks)) -> Directory {
    Directory::with_users(1).quirks(set)
}

#[test]
fn a_user_is_created_and_read_back() {
    for without_body in [false, true] {
        let directory = one_user(|quirks| quirks.post_without_body = without_body);
        assert_eq!(verify(&directory, &create()), Verification::Absent);
        let Ok(Outcome::Done(effects)) = apply(&directory, &create()) else { panic!("not done") };
        assert_eq!(effects.objects[0].id.id, "new2");
        let stored = directory.user("new2").unwrap();
        assert_eq!(stored[ENTERPRISE]["department"], "R&D");
        assert_eq!(stored["schemas"].as_array().unwrap().len(), 2);
        assert_eq!(verify(&directory, &create()), Verification::Holds);
    }
}

#[test]
fn a_name_that_is_taken_is_reported_with_its_owner() {
    let directory = Directory::default().with_user(json!({ "id": "x", "userName": "ADA" }));
    // The server compares exactly, the connector does not.
    let directory = directory.with_user(json!({ "id": "y", "userName": "ada" }));
    let Err(Error::AlreadyExists(Some(owner))) = apply(&directory, &create()) else { panic!() };
    assert_eq!(owner.kind, "User");
    assert_eq!(directory.user_count(), 2);
}

#[test]
fn a_second_attempt_finds_what_the_first_made() {
    let directory = one_user(|_| {});
    apply(&directory, &create()).unwrap();
    let outcome = attempt(&directory, &create(), 2).unwrap();
    assert!(matches!(&outcome, Outcome::Already(effects) if effects.objects[0].id.id == "new2"));
    assert_eq!(directory.user_count(), 2);
}

#[test]
fn a_lost_creation_is_never_repeated_blindly() {
    let directory = one_user(|quirks| quirks.loses_write_answer = true);
    assert!(matches!(apply(&directory, &create()), Err(Error::OutcomeUnknown(_))));
    assert_eq!(directory.user_count(), 2);
    assert_eq!(verify(&directory, &create()), Verification::Holds);
}

#[test]
fn a_server_that_fails_after_it_created_is_read_back() {
    let directory = one_user(|quirks| quirks.post_status_after_write = Some(500));
    assert!(matches!(apply(&directory, &create()), Ok(Outcome::Done(_))));
}

#[test]
fn an_error_never_carries_the_servers_words() {
    let directory = one_user(|_| {});
    apply(&directory, &create()).unwrap();
    let error = format!("{:?}", apply(&directory, &create()).unwrap_err());
    assert!(!error.contains("SECRET"), "{error}");
}

#[test]
fn an_unknown_attribute_is_refused_before_anything_is_sent() {
    let Operation::Create(mut request) = create() else { unreachable!() };
    request.attributes.push(Attribute::text("shoeSize", "42"));
    let directory = one_user(|_| {});
    let error = apply(&directory, &Operation::Create(request)).unwrap_err();
    assert!(matches!(error, Error::InvalidInput(_)), "{error:?}");
    assert!(directory.log().is_empty());
}

#[test]
fn trap_9_an_ignored_disable_is_followed_by_a_put() {
    let sets: [fn(&mut Quirks); 4] = [
        |_| {},
        |quirks| quirks.patch_ignored = true,
        |quirks| quirks.patch_path_fails = true,
        |quirks| quirks.patch_status = Some(400),
    ];
    for set in sets {
        let directory = one_user(set);
        let outcome = apply(&directory, &Operation::Disable(ada()));
        assert!(matches!(outcome, Ok(Outcome::Done(_))), "{outcome:?}");
        assert_eq!(directory.user("u1").unwrap()["active"], false);
        assert_eq!(verify(&directory, &Operation::Disable(ada())), Verification::Holds);
    }
}

#[test]
fn trap_9_a_disable_that_does_not_show_is_an_error() {
    let directory = one_user(|quirks| {
        quirks.patch_ignored = true;
        quirks.put_ignored = true;
    });
    let error = apply(&directory, &Operation::Disable(ada())).unwrap_err();
    assert!(matches!(error, Error::OutcomeUnknown(_)), "{error:?}");
    assert_eq!(verify(&directory, &Operation::Disable(ada())), Verification::Absent);
}

#[test]
fn trap_13_booleans_as_texts_are_read_back() {
    let directory = one_user(|quirks| quirks.booleans_as_text = true);
    assert!(matches!(apply(&directory, &Operation::Disable(ada())), Ok(Outcome::Done(_))));
    assert!(matches!(apply(&directory, &Operation::Disable(ada())), Ok(Outcome::Already(_))));
}

#[test]
fn trap_14_a_urn_path_that_is_refused_is_sent_as_an_object() {
    let directory = one_user(|quirks| quirks.urn_path_refused = true);
    assert!(matches!(apply(&directory, &update("department", "Sales")), Ok(Outcome::Done(_))));
    assert_eq!(directory.user("u1").unwrap()[ENTERPRISE]["department"], "Sales");
}

#[test]
fn a_reactivation_that_patch_refuses_is_put() {
    let directory = Directory::default()
        .with_user(json!({ "id": "u1", "userName": "ada", "active": false }))
        .quirks(|quirks| quirks.patch_status = Some(400));
    assert!(matches!(apply(&directory, &Operation::Enable(ada())), Ok(Outcome::Done(_))));
    assert_eq!(directory.user("u1").unwrap()["active"], true);
}

#[test]
fn attributes_are_changed_verified_and_already_so() {
    let directory = one_user(|_| {});
    let operation = update("title", "Countess");
    assert!(matches!(verify(&directory, &operation), Verification::Differs(_)));
    assert!(matches!(apply(&directory, &operation), Ok(Outcome::Done(_))));
    assert_eq!(verify(&directory, &operation), Verification::Holds);
    assert!(matches!(apply(&directory, &operation), Ok(Outcome::Already(_))));
}

#[test]
fn one_email_is_added_and_another_removed() {
    let emails = json!([{ "value": "a@x", "type": "work", "primary": true }, { "value": "b@x" }]);
    for no_patch in [false, true] {
        let directory = Directory::default()
            .with_user(json!({ "id": "u1", "userName": "ada", "emails": emails.clone() }))
            .quirks(|quirks| quirks.says_no_patch = no_patch);
        let delta = AttributeDelta {
            name: "emails".into(),
            add: vec![Value::Text("c@x".into())],
            remove: vec![Value::Text("b@x".into())],
            replace: None,
        };
        let request = UpdateRequest { about: ada(), deltas: vec![delta], if_match: None };
        let outcome = apply(&directory, &Operation::Update(request));
        assert!(matches!(outcome, Ok(Outcome::Done(_))), "{outcome:?}");
        let stored = directory.user("u1").unwrap()["emails"].clone();
        assert_eq!(stored[0], emails[0]);
        assert_eq!(stored[1], json!({ "value": "c@x" }));
    }
}

#[test]
fn another_version_is_not_changed() {
    let user = json!({ "id": "u1", "userName": "ada", "meta": { "version": "W/\"2\"" } });
    let directory = Directory::default().with_user(user);
    let Operation::Update(mut request) = update("title", "x") else { unreachable!() };
    request.if_match = Some("W/\"1\"".into());
    let error = apply(&directory, &Operation::Update(request)).unwrap_err();
    assert!(matches!(error, Error::PreconditionFailed(_)), "{error:?}");
    assert!(directory.writes().is_empty());
}

#[test]
fn a_deletion_is_read_back() {
    let directory = one_user(|_| {});
    assert_eq!(verify(&directory, &delete(DeleteMode::Hard)), Verification::Absent);
    assert!(matches!(apply(&directory, &delete(DeleteMode::Hard)), Ok(Outcome::Done(_))));
    assert_eq!(verify(&directory, &delete(DeleteMode::Hard)), Verification::Holds);
    assert!(matches!(apply(&directory, &delete(DeleteMode::Hard)), Err(Error::NotFound(_))));
    let again = attempt(&directory, &delete(DeleteMode::Hard), 2);
    assert!(matches!(again, Ok(Outcome::Already(_))), "{again:?}");
}

#[test]
fn a_delete_that_only_disables_is_what_the_tenant_default_is() {
    let set = |quirks: &mut Quirks| quirks.delete_disables = true;
    let directory = one_user(set);
    assert!(matches!(apply(&directory, &delete(DeleteMode::TenantDefault)), Ok(Outcome::Done(_))));
    let error = apply(&one_user(set), &delete(DeleteMode::Hard)).unwrap_err();
    assert!(matches!(error, Error::OutcomeUnknown(_)), "{error:?}");
}

#[test]
fn a_server_without_delete_disables_unless_told_otherwise() {
    let set = |quirks: &mut Quirks| quirks.delete_status = Some(405);
    let directory = one_user(set);
    assert!(matches!(apply(&directory, &delete(DeleteMode::TenantDefault)), Ok(Outcome::Done(_))));
    assert_eq!(directory.user("u1").unwrap()["active"], false);
    assert!(matches!(apply(&one_user(set), &delete(DeleteMode::Hard)), Err(Error::Unsupported(_))));
    let soft = one_user(set);
    assert!(matches!(apply(&soft, &delete(DeleteMode::Soft)), Ok(Outcome::Done(_))));
}

#[test]
fn what_scim_does_not_know_is_said() {
    let directory = one_user(|_| {});
    assert!(matches!(apply(&directory, &Operation::Unlock(ada())), Err(Error::Unsupported(_))));
    let answer = verify(&directory, &Operation::Unlock(ada()));
    assert!(matches!(answer, Verification::CannotTell(_)));
}
