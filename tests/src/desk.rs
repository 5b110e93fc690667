//! A mock of Jira Cloud's REST API v3, as far as a service desk bridge needs it.
//!
//! Jira does not run here. Every request is held against Atlassian's own description where it is at
//! hand ([`Judge`]); what the mock does with it is ours. State is in memory.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use anyhow::{Context as _, Result};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value, json};

use crate::loopback::LoopbackServer;
use crate::spec::Judge;

const USER: &str = "bridge@example.com";
const TOKEN: &str = "desk-token";
/// Smaller than what is asked for, so that lists have several pages.
const PAGE_ITEMS_MAX: usize = 2;

/// The transition of a granted ticket.
pub const GRANTED: &str = "31";
/// The transition of a refused ticket.
pub const REFUSED: &str = "41";

/// A ticket as it stands.
#[derive(Clone, Debug)]
pub struct Ticket {
    /// Such as `ACCESS-1`.
    pub key: String,
    /// `Approved`, or the transition that it took.
    pub status: String,
    /// What was commented.
    pub comment: String,
    fields: Map<String, Value>,
}

/// A ticket that a plugin opened.
#[derive(Clone, Debug)]
pub struct Opened {
    /// Such as `ACCESS-1`.
    pub key: String,
    /// Its fields, as they were sent.
    pub fields: Value,
    /// Name and category of its status, its resolution, and what was commented.
    standing: (String, &'static str, Option<String>, String),
}

impl Opened {
    fn shown(&self) -> Value {
        let (status, category, resolution, comment) = &self.standing;
        let said = json!({ "type": "doc", "version": 1, "content": [
            { "type": "paragraph", "content": [{ "type": "text", "text": comment }] }] });
        json!({ "id": "1", "key": self.key, "fields": {
            "status": { "name": status, "statusCategory": { "key": category } },
            "resolution": resolution.as_ref().map(|name| json!({ "name": name })),
            "updated": "2026-01-02T03:04:05.000+0000",
            "comment": { "comments": [{ "body": said }] },
        } })
    }
}

#[derive(Debug)]
struct Shared {
    judge: Judge,
    tickets: Mutex<Vec<Ticket>>,
    opened: Mutex<Vec<Opened>>,
}

/// A running desk; dropping it ends it.
#[derive(Debug)]
pub struct Desk {
    server: LoopbackServer,
    shared: Arc<Shared>,
}

impl Desk {
    /// A desk without tickets.
    ///
    /// # Errors
    /// When no port is free, or Jira's description cannot be read.
    pub fn start() -> Result<Self> {
        let judge = Judge::of("jira/swagger-v3.v3.json")?;
        let (tickets, opened) = (Mutex::default(), Mutex::default());
        let shared = Arc::new(Shared { judge, tickets, opened });
        let router = Router::new()
            .route("/rest/api/3/myself", get(myself))
            .route("/rest/api/3/search/jql", get(search))
            .route("/rest/api/3/issue/{key}/transitions", post(transition))
            .route("/rest/api/3/issue", post(open))
            .route("/rest/api/3/issue/{key}", get(show))
            .route("/rest/api/3/project/{project}/statuses", get(statuses))
            .with_state(shared.clone());
        Ok(Self { server: LoopbackServer::start(router, 0)?, shared })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// What an integration of the bridge connects with.
    #[must_use]
    pub fn connection(&self) -> Value {
        json!({
            "url": format!("http://{}", self.address()),
            "auth": { "type": "basic", "username": USER, "token": TOKEN },
            "jql": "status = Approved",
            "fields": { "app": "app", "role": "role", "account": "account", "until": "until" },
            "transitions": { "granted": GRANTED, "refused": REFUSED },
        })
    }

    /// What an integration of the Jira plugin connects with.
    #[must_use]
    pub fn ticketing_connection(&self) -> Value {
        json!({
            "url": format!("http://{}", self.address()),
            "auth": { "type": "basic", "username": USER, "token": TOKEN },
            "project": "ACCESS",
        })
    }

    /// The tickets that were opened.
    #[must_use]
    pub fn opened(&self) -> Vec<Opened> {
        lock(&self.shared.opened).clone()
    }

    /// Closes a ticket that was opened, with a comment.
    pub fn close(&self, key: &str, status: &str, resolution: Option<&str>, comment: &str) {
        for one in lock(&self.shared.opened).iter_mut().filter(|one| one.key == key) {
            let resolution = resolution.map(str::to_owned);
            one.standing = (status.to_owned(), "done", resolution, comment.to_owned());
        }
    }

    /// Files an approved ticket; answers its key. `fields` holds `app`, `role`, `account`, `until`.
    pub fn approve(&self, fields: &Value) -> String {
        let mut tickets = lock(&self.shared.tickets);
        let key = format!("ACCESS-{}", tickets.len() + 1);
        tickets.push(Ticket {
            key: key.clone(),
            status: "Approved".into(),
            comment: String::new(),
            fields: fields.as_object().cloned().unwrap_or_default(),
        });
        key
    }

    /// A ticket as it stands.
    ///
    /// # Errors
    /// When there is none.
    pub fn ticket(&self, key: &str) -> Result<Ticket> {
        let tickets = lock(&self.shared.tickets);
        tickets.iter().find(|ticket| ticket.key == key).cloned().context("no such ticket")
    }

    /// Requests that Jira does not document.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        self.shared.judge.faults()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl Shared {
    /// Holds a request against the description, and its credential against the token.
    fn receive(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        body: Option<&Value>,
    ) -> Result<(), StatusCode> {
        if !self.judge.takes(method, uri, body) {
            return Err(StatusCode::BAD_REQUEST);
        }
        let expected = format!("Basic {}", BASE64_STANDARD.encode(format!("{USER}:{TOKEN}")));
        let given = headers.get("authorization").and_then(|value| value.to_str().ok());
        if given == Some(&expected) { Ok(()) } else { Err(StatusCode::UNAUTHORIZED) }
    }
}

async fn myself(
    State(desk): State<Arc<Shared>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, StatusCode> {
    desk.receive(&Method::GET, &uri, &headers, None)?;
    Ok(Json(json!({ "displayName": "Bridge", "emailAddress": USER })).into_response())
}

/// The only queries that it knows are "what has this label" and "what is approved". The token of the
/// next page is the number of tickets before it, so that a page stays where it is while tickets move
/// on.
async fn search(
    State(desk): State<Arc<Shared>>,
    uri: Uri,
    headers: HeaderMap,
    Query(query): Query<HashMap<String, String>>,
) -> Result<Response, StatusCode> {
    desk.receive(&Method::GET, &uri, &headers, None)?;
    let label = query.get("jql").and_then(|jql| jql.split("labels = \"").nth(1));
    if let Some(label) = label.and_then(|rest| rest.split('"').next()) {
        let opened = lock(&desk.opened);
        let has_it = |one: &&Opened| {
            one.fields["labels"].as_array().is_some_and(|all| all.iter().any(|it| it == label))
        };
        let issues: Vec<Value> = opened.iter().filter(has_it).map(Opened::shown).collect();
        return Ok(Json(json!({ "issues": issues, "isLast": true })).into_response());
    }
    if query.get("jql").map(String::as_str) != Some("(status = Approved) ORDER BY created ASC") {
        return Err(StatusCode::BAD_REQUEST);
    }
    let tickets = lock(&desk.tickets);
    let begin = query.get("nextPageToken").and_then(|token| token.parse().ok()).unwrap_or(0);
    let rest = tickets.iter().enumerate().skip(begin);
    let approved: Vec<_> = rest.filter(|(_, ticket)| ticket.status == "Approved").collect();
    let page: Vec<Value> = approved
        .iter()
        .take(PAGE_ITEMS_MAX)
        .map(|(number, ticket)| {
            json!({ "id": number.to_string(), "key": ticket.key, "fields": ticket.fields })
        })
        .collect();
    let next = approved.get(PAGE_ITEMS_MAX).map(|(number, _)| number.to_string());
    let is_last = next.is_none();
    let mut found = json!({ "issues": page, "isLast": is_last });
    if let Some(next) = next {
        found["nextPageToken"] = next.into();
    }
    Ok(Json(found).into_response())
}

async fn transition(
    State(desk): State<Arc<Shared>>,
    Path(key): Path<String>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode, StatusCode> {
    let body: Value = serde_json::from_slice(&body).map_err(|_| StatusCode::BAD_REQUEST)?;
    desk.receive(&Method::POST, &uri, &headers, Some(&body))?;
    let mut tickets = lock(&desk.tickets);
    let ticket = tickets.iter_mut().find(|ticket| ticket.key == key);
    let ticket = ticket.ok_or(StatusCode::NOT_FOUND)?;
    let to = body["transition"]["id"].as_str().filter(|id| [GRANTED, REFUSED].contains(id));
    let to = to.filter(|_| ticket.status == "Approved").ok_or(StatusCode::BAD_REQUEST)?;
    ticket.status = to.to_owned();
    ticket.comment = body["update"]["comment"].to_string();
    Ok(StatusCode::NO_CONTENT)
}

async fn open(
    State(desk): State<Arc<Shared>>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, StatusCode> {
    let body: Value = serde_json::from_slice(&body).map_err(|_| StatusCode::BAD_REQUEST)?;
    desk.receive(&Method::POST, &uri, &headers, Some(&body))?;
    let mut opened = lock(&desk.opened);
    let key = format!("ACCESS-{}", opened.len() + 1);
    let standing = ("To Do".to_owned(), "new", None, String::new());
    opened.push(Opened { key: key.clone(), fields: body["fields"].clone(), standing });
    Ok((StatusCode::CREATED, Json(json!({ "id": "1", "key": key }))).into_response())
}

async fn show(
    State(desk): State<Arc<Shared>>,
    Path(key): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, StatusCode> {
    desk.receive(&Method::GET, &uri, &headers, None)?;
    let opened = lock(&desk.opened);
    let one = opened.iter().find(|one| one.key == key).ok_or(StatusCode::NOT_FOUND)?;
    Ok(Json(one.shown()).into_response())
}

async fn statuses(
    State(desk): State<Arc<Shared>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, StatusCode> {
    desk.receive(&Method::GET, &uri, &headers, None)?;
    let status = |name: &str, category: &str| {
        let category = json!({ "key": category });
        json!({ "id": "1", "name": name, "statusCategory": category })
    };
    let all = [status("To Do", "new"), status("Done", "done"), status("Declined", "done")];
    let kinds = json!([
        { "id": "10002", "name": "Task", "subtask": false, "statuses": all },
        { "id": "10003", "name": "Sub-task", "subtask": true, "statuses": [] },
    ]);
    Ok(Json(kinds).into_response())
}
