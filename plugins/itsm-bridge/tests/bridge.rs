//! Tickets against a directory and a desk in this process.

use std::cell::RefCell;

use grantry_sdk::aggregate::Page;
use grantry_sdk::http::{HttpError, RawRequest, Response, Transport};
use grantry_sdk::platform::{
    App, AppPage, Denial, InvalidField, Membership, PlatformAction, PlatformError, Role, RolePage,
};
use grantry_sdk::run::parse_connection;
use grantry_sdk::types::Error;
use itsm_bridge::bridge::{Verdict, verdict, work};
use itsm_bridge::connection::{self, Connection};
use itsm_bridge::desk::{Desk, Ticket};
use itsm_bridge::directory::Directory;
use serde_json::{Value, json};

/// Two pages of apps; `Wiki` twice.
#[derive(Default)]
struct Books {
    refusal: Option<PlatformError>,
    granted: RefCell<Vec<Granted>>,
}

/// Role, account, end, idempotency key.
type Granted = (String, String, Option<i64>, String);

impl Directory for Books {
    fn apps(&self, after: Option<String>) -> Result<AppPage, PlatformError> {
        let app = |id: &str, name: &str| App { id: id.into(), name: name.into(), roles: 1 };
        Ok(match after.as_deref() {
            None => AppPage { items: vec![app("a1", "Wiki")], next: Some("2".into()) },
            _ => AppPage { items: vec![app("a2", "Wiki"), app("a3", "Vault")], next: None },
        })
    }

    fn roles(&self, app: &str, _: Option<String>) -> Result<RolePage, PlatformError> {
        let role = Role { id: format!("{app}-r"), name: "Reader".into(), is_requestable: true };
        Ok(RolePage { items: vec![role], next: None })
    }

    fn grant(
        &self,
        app: &str,
        role: &str,
        account: &str,
        ends_ms: Option<i64>,
        key: &str,
    ) -> Result<Membership, PlatformError> {
        if let Some(refusal) = &self.refusal {
            return Err(refusal.clone());
        }
        self.granted.borrow_mut().push((role.into(), account.into(), ends_ms, key.into()));
        let (app, role, account) = (app.into(), role.into(), account.into());
        let status = "provisioning".into();
        Ok(Membership { id: "m1".into(), app, role, account, starts_ms: 0, ends_ms, status })
    }
}

fn ticket(app: &str, role: &str, until: Option<&str>) -> Ticket {
    Ticket {
        key: "ACCESS-1".into(),
        app: app.into(),
        role: role.into(),
        account: "acc".into(),
        until: until.map(str::to_owned),
    }
}

fn refused(directory: &Books, ticket: &Ticket) -> String {
    match verdict(directory, ticket) {
        Verdict::Refused(reason) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_ticket_is_granted_once_under_its_own_key_until_the_day_is_over() {
    let books = Books::default();
    let granted = verdict(&books, &ticket("Vault", "Reader", Some("1970-01-01")));
    assert!(matches!(&granted, Verdict::Granted(comment) if comment.contains("m1")), "{granted:?}");
    let expected = ("a3-r".into(), "acc".into(), Some(86_400_000), "ticket-ACCESS-1".into());
    assert_eq!(*books.granted.borrow(), [expected]);
}

#[test]
fn an_id_names_an_app_that_shares_its_name() {
    let books = Books::default();
    assert!(matches!(verdict(&books, &ticket("a2", "Reader", None)), Verdict::Granted(_)));
}

#[test]
fn what_the_requester_can_mend_is_refused_with_the_reason() {
    let books = Books::default();
    let because = |app, role, until| refused(&books, &ticket(app, role, until));
    assert!(because("Wiki", "Reader", None).contains("several apps"));
    assert!(because("Wikis", "Reader", None).contains("no app `Wikis`"));
    assert!(because("Vault", "Writer", None).contains("no role `Writer`"));
    assert!(because("", "Reader", None).contains("which app"));
    assert!(because("Vault", "Reader", Some("soon")).contains("no date"));
    assert_eq!(books.granted.borrow().len(), 0);

    let invalid = vec![InvalidField { path: "account".into(), message: "is unknown".into() }];
    let books = Books { refusal: Some(PlatformError::Invalid(invalid)), ..Books::default() };
    assert!(refused(&books, &ticket("Vault", "Reader", None)).contains("account: is unknown"));
}

#[test]
fn what_only_the_admin_can_mend_is_left() {
    let denial = Denial { action: PlatformAction::AppMembershipWrite, entity: None };
    for (refusal, expected) in [
        (
            PlatformError::Denied(denial),
            Error::PermissionDenied(vec![
                "Grantry's own: PlatformAction::AppMembershipWrite".into(),
            ]),
        ),
        (PlatformError::QuotaExceeded("full".into()), Error::QuotaExceeded("full".into())),
    ] {
        let books = Books { refusal: Some(refusal), ..Books::default() };
        assert_eq!(verdict(&books, &ticket("Vault", "Reader", None)), Verdict::Left(expected));
    }
}

/// Lists what it is given, and remembers what is sent.
struct Jira {
    issues: Value,
    sent: RefCell<Vec<(String, Value)>>,
    status: u16,
}

impl Transport for Jira {
    fn send(&self, request: &RawRequest) -> Result<Response, HttpError> {
        assert_eq!(request.auth.as_deref(), Some("basic"));
        let answer = |status, body: &Value| {
            Ok(Response { status, headers: Vec::new(), body: body.to_string().into_bytes() })
        };
        if request.method == "GET" {
            return answer(200, &self.issues);
        }
        let body = serde_json::from_slice(&request.body).unwrap();
        self.sent.borrow_mut().push((request.url.clone(), body));
        answer(self.status, &Value::Null)
    }
}

fn run(issues: Value, status: u16) -> (Page, Vec<(String, Value)>) {
    let jira = Jira { issues, sent: RefCell::default(), status };
    let connection: Connection = parse_connection(&connection::example().to_string()).unwrap();
    let page = work(&Desk::new(&jira, &connection), &Books::default(), None).unwrap();
    (page, jira.sent.into_inner())
}

fn issue(key: &str, role: &str) -> Value {
    json!({ "key": key, "fields": {
        "customfield_10050": { "value": "Vault" },
        "customfield_10051": role, "customfield_10052": "acc", "duedate": null,
    } })
}

#[test]
fn each_ticket_moves_on_with_its_comment_in_one_request() {
    let issues = json!({
        "issues": [issue("ACCESS-1", "Reader"), issue("ACCESS-2", "Nobody")],
        "nextPageToken": "more",
    });
    let (page, sent) = run(issues, 204);
    assert_eq!((page.next, page.is_complete), (Some(b"more".to_vec()), false));
    assert_eq!((page.skipped.len(), page.objects.len()), (0, 0));
    let moved: Vec<_> = sent.iter().map(|(_, body)| body["transition"]["id"].as_str()).collect();
    assert_eq!(moved, [Some("31"), Some("41")]);
    assert!(sent[0].0.ends_with("/rest/api/3/issue/ACCESS-1/transitions"));
    assert!(sent[1].1["update"]["comment"].to_string().contains("no role `Nobody`"));
}

#[test]
fn a_ticket_that_jira_does_not_move_is_skipped_and_the_others_go_on() {
    let issues = json!({ "issues": [issue("ACCESS-1", "Reader"), issue("ACCESS-2", "Reader")] });
    let (page, sent) = run(issues, 403);
    assert_eq!((page.is_complete, page.skipped.len(), sent.len()), (true, 2, 2));
    assert_eq!(page.skipped[1].about.as_ref().map(|about| about.id.as_str()), Some("ACCESS-2"));
}
