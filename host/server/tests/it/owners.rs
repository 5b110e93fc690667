//! What an integration's owner may do: every operation on the own integration and on another one,
//! against an oracle (INT-1: administers this integration, and nothing beyond it).

use axum::body::Body;
use grantry_authz::{Door, Role, actions};
use grantry_engine::token_text;
use grantry_model::ids::PrincipalId;
use grantry_model::permission::PrincipalKind;
use grantry_store::{AuditEntry, NewPrincipal};
use serde_json::{Value, json};

use crate::host::{Host, Reply, text};
use crate::openapi::operations;
use crate::permission_matrix::{Which, World, world};

/// A person with the role `user`; returns a token.
pub async fn person(host: &Host, id: &str) -> String {
    let admin = host.engine.authenticate(&host.admin, Door::Http, "test").await.unwrap().unwrap();
    let permit = admin.actor.permit_admin::<actions::ClientWrite>().unwrap();
    let db = host.engine.db();
    let new = NewPrincipal {
        id: PrincipalId::parse(id).unwrap(),
        kind: PrincipalKind::Person,
        name: id.to_owned(),
        description: String::new(),
        role: Some(Role::User),
    };
    let (record, token) = token_text(db, &new.id, None);
    let mut tx = db.begin(permit.provenance()).await.unwrap();
    tx.create_client(&permit, &new).await.unwrap();
    tx.create_token(&permit, &record).await.unwrap();
    tx.commit(AuditEntry::about("test", "person", id, json!({}))).await.unwrap();
    token.expose().to_owned()
}

/// Changes an integration as the admin, or as the bearer of a token.
pub async fn change(host: &Host, token: &str, id: &str, body: Value) -> Reply {
    let path = format!("/integrations/{id}");
    let tag = host.get(&path).await.header("etag").to_owned();
    let mut request = host
        .request("PATCH", &path, &body)
        .header("If-Match", tag)
        .body(Body::from(body.to_string()))
        .unwrap();
    if !token.is_empty() {
        request.headers_mut().insert("Authorization", format!("Bearer {token}").parse().unwrap());
    }
    host.send(request).await
}

/// What an owner may do on the own integration.
const ADMINISTERS: [&str; 7] = [
    "integration.read",
    "integration.write",
    "aggregation.run",
    "job.read",
    "resource.read",
    "resource.write",
    "resource.settle",
];
/// Lists that show an owner the own ones.
const LISTS: [&str; 2] = ["list_integrations", "list_jobs"];
/// What changes an integration's plugin is an admin's to decide, on every integration.
const ADMINS_ONLY: [&str; 7] = [
    "move_version",
    "roll_back_version",
    "set_app_webhook",
    "delete_app_webhook",
    "rotate_app_webhook_key",
    "set_ticket_desk",
    "delete_ticket_desk",
];

fn oracle(id: &str, action: &str, path: &str, which: Which, held: &[&str]) -> u16 {
    // What is below an app is of one that lists feed, which has no owner.
    let is_about = !path.contains("{app_id}")
        && ["integration_id", "aggregation_id", "job_id", "resource_id"]
            .iter()
            .any(|name| path.contains(&format!("{{{name}}}")));
    let is_entity = path.contains("{app_id}") || path.contains("{data_source_id}");
    match action {
        "public" | "none" => 200,
        _ if ADMINS_ONLY.contains(&id) => 403,
        _ if held.contains(&action) => {
            if (is_about && which == Which::Own) || LISTS.contains(&id) {
                200
            } else {
                403
            }
        }
        _ if action.contains('.') => 403,
        // A request for a role of the own integration is decided by its owner, and not taken back.
        // With a scoped token nobody asks or decides.
        "request" if held.len() < ADMINISTERS.len() => 403,
        // The task is one of an app that no integration feeds.
        "request" if path.contains("{task_id}") => 404,
        "request" if id == "withdraw_request" && which == Which::Own => 403,
        "request" if which == Which::Own => 200,
        "request" => 404,
        _ if is_entity => 404,
        _ => 200,
    }
}

#[tokio::test]
async fn an_owner_administers_the_own_integration_and_nothing_beyond_it() {
    let world = world().await;
    let owner = person(&world.host, "owner").await;
    let own = &world.own["integration_id"];
    change(&world.host, "", own, json!({"owner_id": "owner"})).await.ok();
    let expected =
        |id: &str, action: &str, path: &str, which| oracle(id, action, path, which, &ADMINISTERS);
    assert_every_operation(&world, &owner, &[Which::Own, Which::Other], expected).await;
}

#[tokio::test]
async fn an_owners_token_reaches_what_it_names_on_the_own_integration_and_nothing_beyond_it() {
    let world = world().await;
    let host = &world.host;
    let owner = person(host, "owner").await;
    let own = &world.own["integration_id"];
    let make = async |actions: &[&str]| {
        let body = json!({"name": "n", "scope": {"admin_actions": actions},
            "expires_ms": 1_800_100_000_000_i64});
        host.call_as(&owner, "POST", "/me/tokens", body).await
    };
    let refused = make(&["integration.read"]).await;
    assert_eq!(refused.json()["errors"][0]["code"], "not_held");
    change(host, "", own, json!({"owner_id": "owner"})).await.ok();
    for beyond in ["plugin.read", "client.read"] {
        let refused = make(&[beyond, "integration.read"]).await;
        assert_eq!(refused.json()["errors"][0]["code"], "not_held");
    }
    let scope = ["integration.read", "job.read"];
    let token = text(&make(&scope).await.ok(), "token");
    let held = ["integration.read", "job.read", "resource.read"];
    let expected =
        |id: &str, action: &str, path: &str, which| oracle(id, action, path, which, &held);
    assert_every_operation(&world, &token, &[Which::Own], expected).await;
    let other = format!("/integrations/{}", world.other["integration_id"]);
    assert_eq!(host.get_as(&token, &other).await.code(), "action_not_granted");
}

/// Tries every operation on the own integration, or on another one.
pub(crate) async fn assert_every_operation(
    world: &World,
    owner: &str,
    which: &[Which],
    expected: impl Fn(&str, &str, &str, Which) -> u16,
) {
    let document = serde_json::to_value(grantry_server::openapi::document()).unwrap();
    let mut mismatches = Vec::new();
    for operation in operations(&document) {
        let (id, action) =
            (text(&operation.2, "operationId"), text(&operation.2, "x-grantry-action"));
        if action == "own" {
            // The caller's own sessions and tokens, whoever it is.
            continue;
        }
        for &which in which {
            let expected = expected(&id, &action, &operation.1, which);
            let request = world.request(&document, &operation, owner, which);
            let reply = world.host.copy().await.send(request).await;
            let status = reply.status.as_u16();
            let is_refused = [401, 403, 404].contains(&status) || status >= 500;
            let is_expected = if expected == 200 { !is_refused } else { status == expected };
            if !is_expected {
                mismatches.push(format!("{id} {which:?}: {status}, {expected} expected"));
            }
        }
    }
    assert!(mismatches.is_empty(), "{}", mismatches.join("\n"));
}

#[tokio::test]
async fn lists_show_an_owner_the_own_integrations_only() {
    let world = world().await;
    let host = &world.host;
    let owner = person(host, "owner").await;
    let own = &world.own["integration_id"];
    assert_eq!(host.get_as(&owner, "/integrations").await.status, 403);
    change(host, "", own, json!({"owner_id": "owner"})).await.ok();
    let seen = host.get_as(&owner, "/integrations").await.ok();
    let ids: Vec<_> = seen["items"].as_array().unwrap().iter().map(|i| text(i, "id")).collect();
    assert_eq!(&ids, std::slice::from_ref(own));
    let jobs = host.get_as(&owner, "/jobs").await.ok();
    let jobs = jobs["items"].as_array().unwrap();
    assert!(!jobs.is_empty() && jobs.iter().all(|job| job["integration_id"] == json!(own)));
    change(host, "", own, json!({"owner_id": null})).await.ok();
    assert_eq!(host.get_as(&owner, &format!("/integrations/{own}")).await.status, 403);
}

#[tokio::test]
async fn an_owner_changes_settings_but_not_what_the_plugin_may_reach_nor_who_owns() {
    let world = world().await;
    let host = &world.host;
    let owner = person(host, "owner").await;
    let own = &world.own["integration_id"];
    change(host, "", own, json!({"owner_id": "owner"})).await.ok();
    let allowed = change(host, &owner, own, json!({"settings": {"is_read_only": true}})).await;
    assert_eq!(allowed.ok()["settings"]["is_read_only"], true);
    let why = host.get("/audit?event=integration.updated&limit=1").await.ok();
    assert_eq!(why["items"][0]["principal_id"], "owner");
    for beyond in [
        json!({"approval": {"address_exceptions": [{"ip": "127.0.0.1", "port": 22}]}}),
        json!({"owner_id": null}),
    ] {
        let refused = change(host, &owner, own, beyond).await;
        assert_eq!(refused.problem(), (403, "action_not_granted".to_owned()));
    }
}
