//! A real ticketing plugin on a desk that Atlassian's own description judges (PRV-4).

use std::collections::BTreeMap;
use std::sync::Arc;

use grantry_model::fault::{Fault, PluginError};
use grantry_model::gate::{AdmittedTicket, Closed, admit_ticket};
use grantry_model::ids::IntegrationId;
use grantry_model::package::Interface;
use grantry_model::runner::{CallScope, TaskRunner};
use grantry_model::settings::Settings;
use grantry_model::ticket::{TicketRequest, TicketState};
use grantry_tests::desk::Desk;
use grantry_tests::host::component;

use crate::support::Host;
use crate::support::scope::{Secrets, TestScope};

fn request(key: &str) -> TicketRequest {
    TicketRequest {
        schema: "10002".to_owned(),
        title: "Grant `Payroll` to `grace`".to_owned(),
        body: "Why: on call\nUntil: Friday".to_owned(),
        kind: None,
        labels: vec!["access".to_owned()],
        fields: r#"{"priority":{"id":"3"}}"#.to_owned(),
        requested_for: None,
        idempotency_key: key.to_owned(),
    }
}

fn admitted(scope: &CallScope, key: &str) -> AdmittedTicket {
    admit_ticket(&scope.integration, &Settings::default(), request(key)).unwrap()
}

/// The plugin, and a scope in which it reaches the desk.
async fn connected(desk: &Desk) -> (Host, CallScope) {
    let host = Host::new();
    let report = host.install(&component("jira").unwrap()).await;
    assert_eq!(report.interfaces, [Interface::Lifecycle, Interface::Tickets]);
    let mut scope = TestScope::new(report.digest).reaching(desk.address()).scope;
    let connection = desk.ticketing_connection();
    let secret =
        |at: &str| (at.to_owned(), connection.pointer(at).unwrap().as_str().unwrap().to_owned());
    scope.secrets =
        Arc::new(Secrets(BTreeMap::from([secret("/auth/token"), secret("/auth/username")])));
    scope.auth = report.manifest.auth.into();
    scope.connection = connection.to_string().into();
    (host, scope)
}

#[tokio::test]
async fn a_ticket_is_opened_once_and_followed_until_it_is_closed() {
    let desk = Desk::start().unwrap();
    let (host, scope) = connected(&desk).await;
    let schemas = host.runner.ticket_schemas(&scope, None).await.unwrap().value;
    assert_eq!((schemas.items.len(), &*schemas.items[0].id), (1, "10002"));
    assert!(schemas.items[0].statuses.contains(&("Declined".to_owned(), TicketState::Rejected)));

    let mut ids = Vec::new();
    for key in ["m1-1", "m1-1", "m1-2"] {
        let opened = host.runner.create_ticket(&scope, admitted(&scope, key)).await.unwrap().value;
        assert_eq!(opened.state, TicketState::Open);
        ids.push(opened.id);
    }
    assert_eq!(ids, ["ACCESS-1", "ACCESS-1", "ACCESS-2"], "the same key is the same ticket");
    let opened = desk.opened();
    assert_eq!(opened.len(), 2);
    assert_eq!(opened[0].fields["labels"], serde_json::json!(["grantry-m1-1", "access"]));

    desk.close("ACCESS-1", "Done", Some("Done"), "given");
    desk.close("ACCESS-2", "Closed", Some("Won't Do"), "no licence is left");
    let done = host.runner.ticket(&scope, "ACCESS-1").await.unwrap().value;
    let refused = host.runner.ticket(&scope, "ACCESS-2").await.unwrap().value;
    assert_eq!((done.state, refused.state), (TicketState::Done, TicketState::Rejected));
    assert_eq!(refused.resolution.as_deref(), Some("Won't Do: no licence is left"));
    let gone = host.runner.ticket(&scope, "ACCESS-9").await.unwrap_err();
    assert_eq!(gone.fault, Fault::Plugin(PluginError::NotFound(None)));
    assert_eq!(desk.faults(), Vec::<String>::new());
}

#[tokio::test]
async fn a_ticket_is_opened_only_where_the_gate_let_it() {
    let desk = Desk::start().unwrap();
    let (host, scope) = connected(&desk).await;
    let read_only = Settings { is_read_only: true, ..Settings::default() };
    let kept = admit_ticket(&scope.integration, &read_only, request("m1-1"));
    assert_eq!(kept.unwrap_err(), Closed::ReadOnly);
    let other = IntegrationId::parse("integration-2").unwrap();
    let other = admit_ticket(&other, &Settings::default(), request("m1-1")).unwrap();
    let failure = host.runner.create_ticket(&scope, other).await.unwrap_err();
    assert!(matches!(failure.fault, Fault::Host(_)), "{failure:?}");
    assert!(desk.opened().is_empty());
}
