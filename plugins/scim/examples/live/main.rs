//! Runs the connector's logic against a real server:
//!
//! `cargo run -p scim --example live -- http://127.0.0.1:18101/v2 TOKEN`
//!
//! It lists everything, makes one user and one group, changes them and deletes them again. Plain http
//! only; the host's own tests run the component through everything else.

mod wire;

use grantry_sdk::aggregate::{PageRequest, Target};
use grantry_sdk::lifecycle::TestDepth;
use grantry_sdk::provision::{
    CreateRequest, Credential, DeleteMode, DeleteRequest, GrantRequest, Operation, Outcome,
    RevokeRequest, UpdateRequest, Verification,
};
use grantry_sdk::run::parse_connection;
use grantry_sdk::types::{Attribute, AttributeDelta, ObjectRef, Value};
use scim::client::Client;
use scim::connection::Connection;
use scim::{aggregate, check, provision};

use wire::Wire;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, token] = arguments.as_slice() else { panic!("usage: live URL TOKEN") };
    let text = serde_json::json!({ "url": url, "auth": { "type": "bearer" } }).to_string();
    let connection: Connection = parse_connection(&text).expect("a connection");
    let wire = Wire { token: token.clone() };
    let client = Client::new(&wire, &connection);
    list_everything(&client);
    write_everything(&client);
    println!("every write was made, verified and then already so");
}

/// The number of rows, of requests to the plugin, and whether the listing was whole.
fn list(client: &Client<'_>, target: Target, max_items: u32) -> (usize, usize, bool) {
    let (mut rows, mut pages, mut at) = (0, 0, None);
    loop {
        let (run_id, target) = ("run".into(), target.clone());
        let request = PageRequest { run_id, target, at, max_items, max_bytes: 4 << 20 };
        let page = aggregate::read_page(client, &request).expect("an answer");
        rows += page.objects.len() + page.entitlements.len() + page.assignments.len();
        pages += 1;
        assert!(page.skipped.is_empty(), "{:?}", page.skipped);
        match page.next {
            Some(next) => at = Some(next),
            None => return (rows, pages, page.is_complete),
        }
    }
}

fn create(kind: &str, attributes: &[(&str, &str)]) -> Operation {
    Operation::Create(CreateRequest {
        kind: kind.into(),
        attributes: attributes.iter().map(|(name, value)| Attribute::text(*name, *value)).collect(),
        parent: None,
        credential: Credential::None,
        must_change: false,
        ends_ms: None,
    })
}

fn list_everything(client: &Client<'_>) {
    let report = check::test_connection(client, TestDepth::Read).expect("an answer");
    println!("warnings {:?}, missing {:?}", report.warnings, report.missing_permissions);
    for max_items in [100, 1000] {
        for target in [
            Target::Objects("User".into()),
            Target::Objects("Group".into()),
            Target::EntitlementsOfKind("Group".into()),
            Target::AssignmentsOfKind("Group".into()),
        ] {
            let found = list(client, target.clone(), max_items);
            println!("{target:?} by {max_items}: {found:?}");
            assert!(found.2);
        }
    }
    let listed = list(client, Target::Objects("User".into()), 1000).0 as u64;
    assert_eq!(aggregate::count(client, "User").expect("an answer"), Some(listed));
}

fn write_everything(client: &Client<'_>) {
    let made =
        |operation: &Operation| match provision::apply(client, operation, 1).expect("an answer") {
            Outcome::Done(effects) => effects.objects[0].id.to_ref(),
            other => panic!("{other:?}"),
        };
    let holder = made(&create("User", &[("userName", "live@example.com"), ("department", "R&D")]));
    let on = made(&create("Group", &[("displayName", "live group")]));
    assert!(
        provision::apply(client, &create("User", &[("userName", "live@example.com")]), 1).is_err()
    );

    let entitlement = format!("{}:member", on.id);
    let delta = AttributeDelta {
        name: "department".into(),
        add: Vec::new(),
        remove: Vec::new(),
        replace: Some(vec![Value::Text("Sales".into())]),
    };
    let operations = [
        Operation::Grant(GrantRequest {
            entitlement: entitlement.clone(),
            on: on.clone(),
            holder: holder.clone(),
            ends_ms: None,
            parameters: Vec::new(),
        }),
        Operation::Revoke(RevokeRequest {
            entitlement,
            on: on.clone(),
            holder: holder.clone(),
            assignment_id: None,
        }),
        Operation::Disable(holder.clone()),
        Operation::Enable(holder.clone()),
        Operation::Update(UpdateRequest {
            about: holder.clone(),
            deltas: vec![delta],
            if_match: None,
        }),
    ];
    for operation in &operations {
        let before = provision::verify(client, operation).expect("an answer");
        assert_ne!(before, Verification::Holds, "{operation:?}");
        let first = provision::apply(client, operation, 1).expect("an answer");
        assert!(matches!(first, Outcome::Done(_)), "{first:?}");
        assert_eq!(provision::verify(client, operation).expect("an answer"), Verification::Holds);
        let second = provision::apply(client, operation, 1).expect("an answer");
        assert!(matches!(second, Outcome::Already(_)), "{second:?}");
    }
    for about in [holder, on] {
        delete(client, about);
    }
}

fn delete(client: &Client<'_>, about: ObjectRef) {
    let operation = Operation::Delete(DeleteRequest { about, mode: DeleteMode::Hard });
    let outcome = provision::apply(client, &operation, 1).expect("an answer");
    assert!(matches!(outcome, Outcome::Done(_)), "{outcome:?}");
    assert_eq!(provision::verify(client, &operation).expect("an answer"), Verification::Holds);
}
