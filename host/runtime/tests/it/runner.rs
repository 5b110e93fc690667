//! Well-behaved guests.

use std::sync::Arc;

use grantry_model::catalogue::{Disposition, PageRequest, Target};
use grantry_model::fault::{Fault, PluginError};
use grantry_model::runner::TaskRunner;
use grantry_tests::host::component;

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

/// The synthetic connector: real code, with a log in which nothing happens.
fn synthetic() -> Vec<u8> {
    component("synthetic").expect("`cargo xtask plugins` makes it")
}

#[tokio::test]
async fn a_feed_is_listed_polled_and_forgets() {
    let host = Host::new();
    let report = host.install(&synthetic()).await;
    let mut scope = TestScope::new(report.digest).scope;
    assert!(host.runner.feeds(&scope).await.unwrap().value.is_empty());
    scope.connection = r#"{"users":1,"groups":1,"assignments":1,"feed":true}"#.into();

    let feeds = host.runner.feeds(&scope).await.unwrap().value;
    assert_eq!((feeds[0].id.as_str(), feeds[0].is_ordered), ("numbers", true));
    let at = host.runner.latest(&scope, "numbers").await.unwrap().value;
    let page = host.runner.poll(&scope, "numbers", Some(at.clone()), 10).await.unwrap().value;
    assert_eq!((page.changes.len(), page.next, page.has_more), (0, at, false));
    let elsewhere = Some(b"elsewhere".to_vec());
    let failure = host.runner.poll(&scope, "numbers", elsewhere, 10).await.unwrap_err();
    assert_eq!(failure.fault, Fault::Plugin(PluginError::CursorExpired));
}

#[tokio::test]
async fn validators_of_a_listing_reach_the_guest() {
    let host = Host::new();
    let report = host.install(&synthetic()).await;
    let mut scope = TestScope::new(report.digest).scope;
    scope.connection = r#"{"users":3,"groups":1,"assignments":1,"validators":true}"#.into();

    let first = host.runner.read_page(&scope, page_request()).await.unwrap().value;
    let of = first.scope.unwrap();
    assert_eq!((first.objects.len(), of.disposition), (3, Disposition::Fresh));
    scope.validators = Arc::new([(of.key, of.validator.unwrap())].into());
    let again = host.runner.read_page(&scope, page_request()).await.unwrap().value;
    assert_eq!((again.objects.len(), again.is_complete), (0, true));
    assert_eq!(again.scope.unwrap().disposition, Disposition::Unchanged);
}
