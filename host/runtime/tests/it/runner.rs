//! Well-behaved guests.

use grantry_model::catalogue::{PageRequest, Target};
use grantry_model::fault::Fault;
use grantry_model::runner::TaskRunner;

use crate::support::Host;
use crate::support::guest::Guest;
use crate::support::scope::TestScope;

pub fn page_request() -> PageRequest {
    PageRequest {
        run_id: "run-1".to_owned(),
        target: Target::Objects("User".to_owned()),
        at: None,
        max_items: 1_000,
        max_bytes: 4 * 1024 * 1024,
    }
}

#[tokio::test]
async fn a_page_arrives_whole() {
    let host = Host::new();
    let report = host.install(&Guest::reader().page_of(3, 2).build()).await;
    let scope = TestScope::new(report.digest).scope;

    let called = host.runner.read_page(&scope, page_request()).await.unwrap();

    assert_eq!(called.value.objects.len(), 3);
    assert_eq!(called.value.objects[2].id.id, "user-000002");
    assert_eq!(called.value.objects[2].attributes[1].name, "attribute-1");
    assert!(called.value.is_complete);
    assert!(called.report.usage.memory_bytes >= 40 * 65_536);
}

#[tokio::test]
async fn an_interface_that_is_not_exported_is_not_offered() {
    let host = Host::new();
    let report = host.install(&Guest::reader().build()).await;
    let scope = TestScope::new(report.digest).scope;

    let failure = host.runner.status(&scope, "token").await.unwrap_err();

    assert_eq!(failure.fault, Fault::NotOffered("provision".to_owned()));
}
