//! Tickets on a desk in this process.

use std::cell::RefCell;

use grantry_sdk::http::{HttpError, RawRequest, Response, Transport};
use grantry_sdk::run::parse_connection;
use grantry_sdk::tickets::{TicketRequest, TicketState};
use grantry_sdk::types::Error;
use jira::connection::{self, Connection};
use jira::desk::Desk;
use serde_json::{Value, json};

/// Answers what it is told for the beginning of a path, and remembers what is sent.
#[derive(Default)]
struct Jira {
    answers: Vec<(&'static str, u16, Value)>,
    sent: RefCell<Vec<(String, String, Value)>>,
    loses_answers: bool,
}

impl Jira {
    fn answering(answers: &[(&'static str, u16, Value)]) -> Self {
        Self { answers: answers.to_vec(), ..Self::default() }
    }

    fn opened(&self) -> Vec<Value> {
        let sent = self.sent.borrow();
        sent.iter().filter(|one| one.0 == "POST").map(|one| one.2.clone()).collect()
    }
}

impl Transport for Jira {
    fn send(&self, request: &RawRequest) -> Result<Response, HttpError> {
        assert_eq!(request.auth.as_deref(), Some("basic"));
        let path = request.url.strip_prefix("https://example.atlassian.net/rest/api/3").unwrap();
        let body = serde_json::from_slice(&request.body).unwrap_or_default();
        self.sent.borrow_mut().push((request.method.clone(), path.to_owned(), body));
        if self.loses_answers && request.method == "POST" {
            return Err(HttpError::TimedOut);
        }
        let at = format!("{} {path}", request.method);
        let found = self.answers.iter().find(|(begin, ..)| at.starts_with(begin));
        let (_, status, body) = found.unwrap_or_else(|| panic!("{at}"));
        let body = body.to_string().into_bytes();
        Ok(Response { status: *status, headers: Vec::new(), body })
    }
}

fn connected() -> Connection {
    parse_connection(&connection::example().to_string()).unwrap()
}

fn request() -> TicketRequest {
    TicketRequest {
        schema: "10002".into(),
        title: "Grant `Payroll`\nto Grace".into(),
        body: "Why: on call\nUntil: Friday".into(),
        kind: None,
        labels: vec!["access".into()],
        fields: json!({ "priority": { "id": "3" } }).to_string(),
        requested_for: None,
        idempotency_key: "m1-1".into(),
    }
}

fn issue(key: &str, category: &str, status: &str, resolution: Option<&str>) -> Value {
    let said = json!({ "type": "doc", "content": [
        { "type": "paragraph", "content": [{ "type": "text", "text": "no licence is left" }] }] });
    json!({ "id": "1", "key": key, "fields": {
        "status": { "name": status, "statusCategory": { "key": category } },
        "resolution": resolution.map(|name| json!({ "name": name })),
        "updated": "2026-01-02T03:04:05.000+0000",
        "comment": { "comments": [{ "body": said }] },
    } })
}

const NOTHING: &str = "GET /search/jql";

#[test]
fn a_ticket_is_opened_with_its_label_and_the_fields_of_the_template() {
    let none = (NOTHING, 200, json!({ "issues": [], "isLast": true }));
    let jira =
        Jira::answering(&[none, ("POST /issue", 201, json!({ "id": "1", "key": "ACCESS-7" }))]);
    let ticket = Desk::new(&jira, &connected()).create(&request()).unwrap();
    assert_eq!((&*ticket.id, ticket.state), ("ACCESS-7", TicketState::Open));
    assert_eq!(ticket.url.as_deref(), Some("https://example.atlassian.net/browse/ACCESS-7"));
    let opened = jira.opened();
    let fields = &opened[0]["fields"];
    assert_eq!(fields["summary"], "Grant `Payroll` to Grace");
    assert_eq!(fields["labels"], json!(["grantry-m1-1", "access"]));
    assert_eq!(fields["project"], json!({ "key": "ACCESS" }));
    assert_eq!(
        (&fields["issuetype"]["id"], &fields["priority"]["id"]),
        (&json!("10002"), &json!("3"))
    );
    assert_eq!(fields["description"]["content"].as_array().unwrap().len(), 2);
    let sent = jira.sent.borrow();
    assert!(sent[0].1.contains("grantry-m1-1") && sent[0].1.contains("ACCESS"), "{sent:?}");
}

#[test]
fn one_that_is_there_is_not_opened_again() {
    let found = json!({ "issues": [issue("ACCESS-7", "indeterminate", "Working", None)] });
    let jira = Jira::answering(&[(NOTHING, 200, found)]);
    let ticket = Desk::new(&jira, &connected()).create(&request()).unwrap();
    assert_eq!((&*ticket.id, ticket.state), ("ACCESS-7", TicketState::InProgress));
    assert!(jira.opened().is_empty());
}

#[test]
fn what_became_of_a_lost_answer_is_not_known() {
    let none = json!({ "issues": [] });
    let lost = Jira { loses_answers: true, ..Jira::answering(&[(NOTHING, 200, none.clone())]) };
    let error = Desk::new(&lost, &connected()).create(&request()).unwrap_err();
    assert!(matches!(error, Error::OutcomeUnknown(_)), "{error:?}");
    for (status, body) in [(500, json!({})), (201, json!("no key"))] {
        let jira = Jira::answering(&[(NOTHING, 200, none.clone()), ("POST /issue", status, body)]);
        let error = Desk::new(&jira, &connected()).create(&request()).unwrap_err();
        assert!(matches!(error, Error::OutcomeUnknown(_)), "{status} {error:?}");
    }
    // Nothing is opened while it cannot be looked for.
    let jira = Jira::answering(&[(NOTHING, 503, json!({}))]);
    assert!(Desk::new(&jira, &connected()).create(&request()).is_err());
    assert!(jira.opened().is_empty());
}

#[test]
fn a_template_does_not_say_what_the_ticket_says_itself() {
    let jira = Jira::default();
    let (with, connection) = (request(), connected());
    let desk = Desk::new(&jira, &connection);
    for change in [
        TicketRequest { fields: r#"{"project":{"key":"OTHER"}}"#.into(), ..with.clone() },
        TicketRequest { fields: "[]".into(), ..with.clone() },
        TicketRequest { labels: vec!["two words".into()], ..with.clone() },
        TicketRequest { idempotency_key: "\" OR 1=1".into(), ..with },
    ] {
        let error = desk.create(&change).unwrap_err();
        assert!(matches!(error, Error::InvalidInput(_)), "{change:?} {error:?}");
    }
    assert!(jira.sent.borrow().is_empty());
}

#[test]
fn a_closed_ticket_was_done_unless_its_status_or_resolution_is_a_refusal() {
    let state = |category, status, resolution| {
        let jira = Jira::answering(&[(
            "GET /issue/A-1?",
            200,
            issue("A-1", category, status, resolution),
        )]);
        Desk::new(&jira, &connected()).ticket("A-1").unwrap()
    };
    assert_eq!(state("new", "To Do", None).state, TicketState::Open);
    assert_eq!(state("indeterminate", "Declined", None).state, TicketState::InProgress);
    assert_eq!(state("done", "Done", Some("Done")).state, TicketState::Done);
    assert_eq!(state("done", "Declined", None).state, TicketState::Rejected);
    assert_eq!(state("undefined", "?", None).state, TicketState::Unknown);
    let refused = state("done", "Closed", Some("won't do"));
    assert_eq!(refused.state, TicketState::Rejected);
    assert_eq!(refused.resolution.as_deref(), Some("won't do: no licence is left"));
    assert_eq!(refused.updated_ms, Some(1_767_323_045_000));
}

#[test]
fn a_ticket_that_is_gone_is_not_found() {
    let jira = Jira::answering(&[("GET /issue/A-1?", 404, json!({}))]);
    let error = Desk::new(&jira, &connected()).ticket("A-1").unwrap_err();
    assert!(matches!(error, Error::NotFound(_)), "{error:?}");
}

#[test]
fn issue_types_are_told_with_what_their_statuses_mean() {
    let status = json!({ "name": "Declined", "statusCategory": { "key": "done" } });
    let types = json!([
        { "id": "10002", "name": "Task", "subtask": false, "statuses": [status] },
        { "id": "10003", "name": "Sub-task", "subtask": true, "statuses": [] },
    ]);
    let jira = Jira::answering(&[("GET /project/ACCESS/statuses", 200, types)]);
    let schemas = Desk::new(&jira, &connected()).schemas().unwrap();
    assert_eq!((schemas.len(), &*schemas[0].display), (1, "Task"));
    assert_eq!(schemas[0].statuses, [("Declined".to_owned(), TicketState::Rejected)]);
}

#[test]
fn the_example_is_a_good_connection_and_a_path_is_named() {
    assert!(connection::validate(&connection::example().to_string()).is_empty());
    let mut wrong = connection::example();
    wrong["url"] = "https://example.atlassian.net/rest/api/3".into();
    assert_eq!(connection::validate(&wrong.to_string())[0].code, "not_the_site");
}
