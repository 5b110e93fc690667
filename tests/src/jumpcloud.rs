//! A mock of JumpCloud's administrators and roles, with organizations' several roles a person.
//!
//! JumpCloud does not run here. Changing an administrator is held against JumpCloud's own description
//! ([`Judge`]); listing and reading administrators are in no description, only in JumpCloud's tools.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Result;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, Query, Request, State};
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::{self, Next};
use axum::response::{Json, Response};
use axum::routing::get;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::loopback::LoopbackServer;
use crate::spec::Judge;

const TOKEN: &str = "console-key";
/// What JumpCloud lists at most.
const LIST_ITEMS_MAX: usize = 100;

#[derive(Debug)]
struct Shared {
    judge: Judge,
    administrators: Mutex<Vec<Value>>,
    roles: Vec<Value>,
}

/// A running console; dropping it ends it.
#[derive(Debug)]
pub struct Console {
    server: LoopbackServer,
    shared: Arc<Shared>,
}

impl Console {
    /// A console with so many administrators, all with the role `role-0`, and so many roles.
    ///
    /// # Errors
    /// When no port is free, or JumpCloud's description cannot be read.
    pub fn start(administrators: usize, roles: usize) -> Result<Self> {
        let administrators = (0..administrators).map(|number| {
            json!({
                "_id": format!("admin-{number:03}"), "email": format!("admin{number}@example.com"),
                "firstname": format!("Admin {number}"), "lastname": "",
                "role": "role-0", "roleName": "Role 0", "suspended": number % 10 == 9,
            })
        });
        let roles = (0..roles).map(|number| {
            json!({
                "id": format!("role-{number}"), "name": format!("Role {number}"),
                "scopes": ["users.readonly"], "isCustom": number > 2,
            })
        });
        let judge = Judge::of("jumpcloud/JumpCloud.SDK.V1.json")?;
        let (administrators, roles) = (Mutex::new(administrators.collect()), roles.collect());
        let shared = Arc::new(Shared { judge, administrators, roles });
        let router = Router::new()
            .route("/api/users", get(list_administrators))
            .route("/api/users/{id}", get(administrator).put(change))
            .route("/api/v2/roles", get(list_roles))
            .route("/api/v2/roles/{id}", get(role))
            .layer(middleware::from_fn(admit))
            .with_state(shared.clone());
        Ok(Self { server: LoopbackServer::start(router, 0)?, shared })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// What an integration connects with.
    #[must_use]
    pub fn connection(&self) -> Value {
        json!({ "url": format!("http://{}", self.address()), "token": TOKEN })
    }

    /// The ids of an administrator's roles, in order.
    #[must_use]
    pub fn roles_of(&self, id: &str) -> Vec<String> {
        let administrators = self.shared.administrators();
        let found = administrators.iter().find(|one| one["_id"] == *id);
        found.map(roles_of).unwrap_or_default()
    }

    /// Every assignment as (role, administrator).
    #[must_use]
    pub fn assignments(&self) -> Vec<(String, String)> {
        let administrators = self.shared.administrators();
        let pairs = administrators.iter().flat_map(|one| {
            let id = one["_id"].as_str().unwrap_or_default();
            roles_of(one).into_iter().map(move |role| (role, id.to_owned()))
        });
        pairs.collect()
    }

    /// Changes an administrator behind everybody's back.
    pub fn set_roles(&self, id: &str, roles: &[&str]) {
        self.shared.set(id, &json!({ "roles": roles }));
    }

    /// Requests that JumpCloud does not document.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        self.shared.judge.faults()
    }
}

impl Shared {
    fn administrators(&self) -> MutexGuard<'_, Vec<Value>> {
        self.administrators.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, id: &str, change: &Value) -> Option<Value> {
        let mut administrators = self.administrators();
        let one = administrators.iter_mut().find(|one| one["_id"] == *id)?;
        for (name, value) in change.as_object()? {
            one[name] = value.clone();
        }
        Some(one.clone())
    }
}

fn roles_of(one: &Value) -> Vec<String> {
    let listed = one["roles"].as_array().map(Vec::as_slice).unwrap_or_default();
    let listed: Vec<_> = listed.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    let single = one["role"].as_str().map(str::to_owned);
    if listed.is_empty() { single.into_iter().collect() } else { listed }
}

async fn admit(request: Request, next: Next) -> Result<Response, StatusCode> {
    match request.headers().get("x-api-key") {
        Some(key) if key == TOKEN => Ok(next.run(request).await),
        _ => Err(StatusCode::UNAUTHORIZED),
    }
}

#[derive(Deserialize)]
struct Slice {
    limit: usize,
    skip: usize,
}

fn slice(all: &[Value], slice: &Slice) -> Json<Value> {
    let limit = slice.limit.min(LIST_ITEMS_MAX);
    let page: Vec<&Value> = all.iter().skip(slice.skip).take(limit).collect();
    Json(json!({ "results": page, "totalCount": all.len() }))
}

fn found(
    mut all: impl Iterator<Item = Value>,
    name: &str,
    id: &str,
) -> Result<Json<Value>, StatusCode> {
    all.find(|one| one[name] == *id).map(Json).ok_or(StatusCode::NOT_FOUND)
}

async fn list_administrators(
    State(console): State<Arc<Shared>>,
    Query(q): Query<Slice>,
) -> Json<Value> {
    slice(&console.administrators(), &q)
}

async fn list_roles(State(console): State<Arc<Shared>>, Query(q): Query<Slice>) -> Json<Value> {
    slice(&console.roles, &q)
}

async fn administrator(
    State(console): State<Arc<Shared>>,
    Path(id): Path<String>,
) -> Result<Json<Value>, StatusCode> {
    found(console.administrators().iter().cloned(), "_id", &id)
}

async fn role(
    State(console): State<Arc<Shared>>,
    Path(id): Path<String>,
) -> Result<Json<Value>, StatusCode> {
    found(console.roles.iter().cloned(), "id", &id)
}

async fn change(
    State(console): State<Arc<Shared>>,
    Path(id): Path<String>,
    uri: Uri,
    body: Bytes,
) -> Result<Json<Value>, StatusCode> {
    let body: Value = serde_json::from_slice(&body).map_err(|_| StatusCode::BAD_REQUEST)?;
    if !console.judge.takes(&Method::PUT, &uri, Some(&body)) {
        return Err(StatusCode::BAD_REQUEST);
    }
    console.set(&id, &body).map(Json).ok_or(StatusCode::NOT_FOUND)
}
