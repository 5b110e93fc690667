//! The connection test and single reads.

use grantry_sdk::http::{HttpError, RawRequest, Response, Transport};
use grantry_sdk::lifecycle::{ConnectionReport, TestDepth};
use grantry_sdk::run::parse_connection;
use grantry_sdk::types::{Error, ObjectRef, ObjectStatus, Result};
use scim::client::Client;
use scim::connection::Connection;
use scim::{aggregate, check, manifest};
use serde_json::json;

use crate::directory::Directory;
use crate::with;

/// Answers everything in one way.
struct Always(Result<Response, HttpError>);

impl Transport for Always {
    fn send(&self, _: &RawRequest) -> Result<Response, HttpError> {
        self.0.clone()
    }
}

fn always(status: u16, body: &str) -> Always {
    Always(Ok(Response { status, headers: Vec::new(), body: body.as_bytes().to_vec() }))
}

fn test(transport: &dyn Transport) -> Result<ConnectionReport> {
    let connection = r#"{"url":"https://idp.test/scim/v2","auth":{"type":"bearer"}}"#;
    let connection: Connection = parse_connection(connection).unwrap();
    check::test_connection(&Client::new(transport, &connection), TestDepth::Read)
}

#[test]
fn a_good_connection_shows_both_kinds() {
    let directory = Directory::with_users(3).with_group("g", 1);
    let report = test(&directory).unwrap();
    let kinds: Vec<&str> = report.effective.iter().map(|kind| kind.kind.as_str()).collect();
    assert_eq!(kinds, ["User", "Group"]);
    assert_eq!((report.warnings, report.missing_permissions), (vec![], vec![]));
}

#[test]
fn each_fault_is_said_in_words() {
    let words = |transport: &dyn Transport| format!("{:?}", test(transport).unwrap_err());
    let html = always(200, "<html>");
    assert!(words(&html).contains("not a SCIM service"));
    assert!(words(&always(302, "")).contains("redirects"));
    assert!(words(&always(401, "")).contains("refused the credential"));
    assert!(words(&always(404, "")).contains("no `/Users`"));
    let dead = Always(Err(HttpError::Connect("connection refused".into())));
    assert!(words(&dead).contains("connection refused"));
    let old = always(200, r#"{"schemas":["urn:scim:schemas:core:1.0"]}"#);
    assert!(words(&old).contains("SCIM 1.1"));
}

#[test]
fn missing_permissions_are_named() {
    let report = test(&always(403, "")).unwrap();
    assert_eq!(report.missing_permissions, ["list every `User`", "list every `Group`"]);
    assert!(report.effective.is_empty());
}

#[test]
fn habits_that_matter_are_warned_of() {
    let directory = Directory::with_users(3).with_group("g", 1).quirks(|quirks| {
        quirks.ignores_count = true;
        quirks.without_total = true;
        quirks.says_no_patch = true;
    });
    let warnings = test(&directory).unwrap().warnings.join("\n");
    for part in ["PATCH", "ignores `count`", "does not say how many"] {
        assert!(warnings.contains(part), "{warnings}");
    }
}

#[test]
fn one_object_is_read_or_missing() {
    let directory = Directory::with_users(2);
    let get =
        |id: &str| with(&directory, |c| aggregate::get(c, &ObjectRef::new("User", id))).unwrap();
    assert_eq!(get("u2").unwrap().status, ObjectStatus::Enabled);
    assert_eq!(get("u3"), None);
}

#[test]
fn a_count_is_the_servers_own() {
    let directory = Directory::with_users(7);
    assert_eq!(with(&directory, |c| aggregate::count(c, "User")).unwrap(), Some(7));
}

#[test]
fn an_answer_that_is_no_list_is_an_error() {
    let request = grantry_sdk::aggregate::PageRequest {
        run_id: "run".into(),
        target: crate::users(),
        at: None,
        max_items: 10,
        max_bytes: 1 << 20,
    };
    for body in ["[]", "{}", r#"{"Resources":{}}"#, "<html>"] {
        let connection = r#"{"url":"https://idp.test","auth":{"type":"bearer"}}"#;
        let connection: Connection = parse_connection(connection).unwrap();
        let transport = always(200, body);
        let page = aggregate::read_page(&Client::new(&transport, &connection), &request);
        assert!(matches!(page, Err(Error::BadData(_))), "{body}: {page:?}");
    }
}

#[test]
fn the_manifest_is_consistent() {
    let manifest = manifest::describe();
    assert_eq!(manifest.name, "scim");
    let example: serde_json::Value = serde_json::from_str(&manifest.example_connection).unwrap();
    assert_eq!(example["auth"]["type"], json!("bearer"));
    assert_eq!(manifest.auth.len(), 3);
    assert_eq!(manifest.kinds.len(), 2);
}
