//! Requests over HTTP: asked, decided, taken back; who may do what; what follows in the target.

use axum::body::Body;
use serde_json::{Value, json};

use crate::host::{Host, Reply, text};
use crate::owners::{change, person};

const HOUR_MS: i64 = 3_600_000;

/// A host with an integration that Olga owns, and an identity with an account there.
struct Story {
    host: Host,
    integration: String,
    app: String,
    role: String,
    account: String,
    identity: String,
    /// Olga's token.
    owner: String,
}

impl Story {
    async fn begin() -> Self {
        let host = Host::start().await;
        let integration = host.aggregated("Directory").await;
        let (id, app) = (text(&integration, "id"), text(&integration, "app_id"));
        let account = host.first(&format!("/integrations/{id}/accounts")).await;
        let role = host.first(&format!("/apps/{app}/roles")).await;
        let source = host.call("POST", "/data-sources", json!({"name": "HR"})).await.ok();
        let source = format!("/data-sources/{}", text(&source, "id"));
        host.applied(&source, "external_id,team\n1,core\n").await;
        let identity = host.first(&format!("{source}/identities")).await;
        let owner = person(&host, "olga").await;
        change(&host, "", &id, json!({"owner_id": "olga"})).await.ok();
        let story = Self { host, integration: id, app, role, account, identity, owner };
        story.map(json!(story.identity)).await.ok();
        story
    }

    async fn map(&self, identity: Value) -> Reply {
        let (id, account) = (&self.integration, &self.account);
        let path = format!("/integrations/{id}/accounts/{account}/mapping");
        let tag = self.host.get(&path).await.header("etag").to_owned();
        let body = json!({"identity_id": identity});
        let request = self.host.request("PUT", &path, &body).header("If-Match", tag);
        self.host.send(request.body(Body::from(body.to_string())).unwrap()).await
    }

    /// Asks for the role for so long.
    async fn ask(&self, token: &str, duration_ms: Option<i64>) -> Reply {
        let body = json!({"identity_id": self.identity, "reason": "on call",
            "items": [{"app_id": self.app, "role_id": self.role}], "duration_ms": duration_ms});
        self.host.call_as(token, "POST", "/requests", body).await
    }

    async fn decide(&self, token: &str, id: &str, body: Value) -> Reply {
        self.host.call_as(token, "POST", &format!("/requests/{id}/decision"), body).await
    }

    /// Creates a workflow and lets the integration's requests follow it.
    async fn follow(&self, workflow: Value) {
        let name = workflow["name"].clone();
        self.host.call("POST", "/workflows", workflow).await.ok();
        let settings = json!({"settings": {"default_workflow": name}});
        change(&self.host, "", &self.integration, settings).await.ok();
    }

    async fn words(&self, id: &str) -> Vec<String> {
        let events = self.host.get(&format!("/requests/{id}/events")).await.ok();
        events["items"].as_array().unwrap().iter().map(|event| text(event, "event")).collect()
    }

    /// Lets the worker do what is due.
    async fn work(&self) {
        grantry_engine::worker::run_due(&self.host.engine).await.unwrap();
    }
}

#[tokio::test]
async fn what_the_owner_approves_is_provisioned_and_ends_in_time() {
    let story = Story::begin().await;
    let (host, uma) = (&story.host, person(&story.host, "uma").await);
    let asked = story.ask(&uma, Some(HOUR_MS)).await.ok();
    let id = text(&asked, "id");
    assert_eq!(asked["status"], "pending");
    assert_eq!(asked["items"][0]["waits_for"][1]["people"][0]["id"], "olga");
    let waiting = host.get_as(&story.owner, "/requests?whose=asked&status=pending").await.ok();
    assert_eq!(waiting["items"][0]["id"], json!(id));
    let approved = story.decide(&story.owner, &id, json!({"decision": "approve"})).await.ok();
    assert_eq!(approved["status"], "approved");
    let membership = text(&approved["items"][0], "membership_id");
    let path = format!("/apps/{}/memberships/{membership}", story.app);
    assert_eq!(host.get(&path).await.ok()["status"], "provisioning");
    story.work().await;
    let seen = host.get_as(&uma, &format!("/requests/{id}")).await.ok();
    assert_eq!(seen["items"][0]["membership_status"], "active");
    host.pass_ms(HOUR_MS);
    story.work().await;
    assert_eq!(host.get(&path).await.ok()["status"], "expired");
    assert_eq!(story.words(&id).await, ["requested", "approved"]);
    let why = host.get("/audit?event=membership.granted&limit=1").await.ok();
    assert_eq!(why["items"][0]["principal_id"], "olga");
}

#[tokio::test]
async fn what_is_rejected_or_taken_back_gives_nothing_and_is_not_decided_again() {
    let story = Story::begin().await;
    let (host, uma) = (&story.host, person(&story.host, "uma").await);
    let id = text(&story.ask(&uma, None).await.ok(), "id");
    let no = json!({"decision": "reject", "note": "ask your own team"});
    let rejected = story.decide(&story.owner, &id, no.clone()).await.ok();
    assert_eq!(rejected["status"], "rejected");
    assert_eq!(rejected["items"][0]["votes"][0]["note"], "ask your own team");
    assert_eq!(
        story.decide(&story.owner, &id, no).await.problem(),
        (409, "request_decided".into())
    );
    let id = text(&story.ask(&uma, None).await.ok(), "id");
    let path = format!("/requests/{id}/withdrawal");
    let refused = host.call_as(&story.owner, "POST", &path, Value::Null).await;
    assert_eq!(refused.problem(), (403, "not_requester".into()));
    host.call_as(&uma, "POST", &path, Value::Null).await.ok();
    let late = story.decide(&story.owner, &id, json!({"decision": "approve"})).await;
    assert_eq!(late.problem(), (409, "request_decided".into()));
    let again = host.call_as(&uma, "POST", &path, Value::Null).await;
    assert_eq!(again.problem(), (409, "request_decided".into()));
    let memberships = host.get(&format!("/apps/{}/memberships", story.app)).await.ok();
    assert_eq!(memberships["items"], json!([]));
}

#[tokio::test]
async fn only_those_who_are_asked_decide_and_strangers_see_nothing() {
    let story = Story::begin().await;
    let host = &story.host;
    let (uma, eve) = (person(host, "uma").await, person(host, "eve").await);
    let id = text(&story.ask(&uma, None).await.ok(), "id");
    let yes = json!({"decision": "approve"});
    assert_eq!(
        story.decide(&uma, &id, yes.clone()).await.problem(),
        (403, "not_an_approver".into())
    );
    assert_eq!(story.decide(&eve, &id, yes.clone()).await.code(), "not_found");
    assert_eq!(host.get_as(&eve, &format!("/requests/{id}")).await.code(), "not_found");
    assert_eq!(host.get_as(&eve, "/requests?whose=all").await.code(), "action_not_granted");
    // The admins decide in place of others only when they say so, and why.
    let admin = host.admin.clone();
    assert_eq!(story.decide(&admin, &id, yes).await.problem(), (403, "not_an_approver".into()));
    let in_place = json!({"decision": "approve", "in_place_of_all": true});
    let refused = story.decide(&admin, &id, in_place).await;
    assert_eq!(refused.json()["errors"][0]["code"], "required");
    let said = json!({"decision": "approve", "in_place_of_all": true, "note": "Olga is ill"});
    assert_eq!(story.decide(&eve, &id, said.clone()).await.code(), "not_found");
    let approved = story.decide(&admin, &id, said).await.ok();
    assert_eq!(approved["status"], "approved");
    assert_eq!(approved["items"][0]["votes"][0]["in_place_of_all"], true);
}

#[tokio::test]
async fn everything_that_stands_against_a_request_is_told() {
    let story = Story::begin().await;
    let (host, uma) = (&story.host, person(&story.host, "uma").await);
    let code = |reply: &Reply| text(&reply.json()["errors"][0], "code");
    let durations = json!({"settings": {"allowed_durations_ms": [HOUR_MS]}});
    change(host, "", &story.integration, durations).await.ok();
    assert_eq!(code(&story.ask(&uma, Some(2 * HOUR_MS)).await), "duration_not_allowed");
    let closed = json!({"settings": {"is_requestable": false}});
    change(host, "", &story.integration, closed).await.ok();
    assert_eq!(code(&story.ask(&uma, Some(HOUR_MS)).await), "not_requestable");
    let open = json!({"settings": {"is_requestable": true, "default_workflow": "nowhere"}});
    change(host, "", &story.integration, open).await.ok();
    assert_eq!(code(&story.ask(&uma, Some(HOUR_MS)).await), "workflow_missing");
    let open = json!({"settings": {"default_workflow": null}});
    change(host, "", &story.integration, open).await.ok();
    story.map(Value::Null).await.ok();
    assert_eq!(code(&story.ask(&uma, Some(HOUR_MS)).await), "no_account");
    story.map(json!(story.identity)).await.ok();
    story.ask(&uma, Some(HOUR_MS)).await.ok();
    assert_eq!(code(&story.ask(&uma, Some(HOUR_MS)).await), "already_requested");
    let mine = json!({"reason": "", "items": [{"app_id": story.app, "role_id": story.role}]});
    let mine = host.call_as(&uma, "POST", "/requests", mine).await;
    assert_eq!(mine.problem(), (409, "no_identity".into()));
    let client = host.client(json!(["app_membership_write"]), json!([])).await.1;
    assert_eq!(story.ask(&client, None).await.code(), "action_not_granted");
}

#[tokio::test]
async fn a_rule_gives_at_once_what_is_short_and_the_rest_goes_through_every_step() {
    let story = Story::begin().await;
    let host = &story.host;
    let (uma, second) = (person(host, "uma").await, person(host, "sven").await);
    story
        .follow(json!({
            "name": "Two eyes",
            "steps": [
                {"kind": "rule", "then": "approve", "conditions": [
                    {"kind": "duration_at_most", "duration_ms": HOUR_MS},
                    {"kind": "attribute", "name": "team", "equals": "core"},
                ]},
                {"kind": "approval", "needs": "all", "approvers": [
                    {"kind": "integration_owner"}, {"kind": "person", "person_id": "sven"},
                ]},
            ],
        }))
        .await;
    let given = story.ask(&uma, Some(HOUR_MS)).await.ok();
    assert_eq!(given["status"], "approved");
    story.work().await;
    let longer = story.ask(&uma, Some(2 * HOUR_MS)).await.ok();
    let id = text(&longer, "id");
    let yes = json!({"decision": "approve"});
    assert_eq!(story.decide(&story.owner, &id, yes.clone()).await.ok()["status"], "pending");
    let again = story.decide(&story.owner, &id, yes.clone()).await;
    assert_eq!(again.problem(), (409, "request_decided".into()));
    let approved = story.decide(&second, &id, yes).await.ok();
    assert_eq!(approved["status"], "approved");
    // The access that is there lasts longer.
    assert_eq!(approved["items"][0]["membership_id"], given["items"][0]["membership_id"]);
    let used = host.get("/workflows").await.ok()["items"][0].clone();
    let path = format!("/workflows/{}", text(&used, "id"));
    let request = host.request("DELETE", &path, &Value::Null).header("If-Match", "\"1\"");
    let refused = host.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(refused.problem(), (409, "workflow_in_use".into()));
}

#[tokio::test]
async fn approvers_are_reminded_others_are_asked_and_nobody_is_waited_for_for_ever() {
    let story = Story::begin().await;
    let host = &story.host;
    let (uma, sven) = (person(host, "uma").await, person(host, "sven").await);
    story
        .follow(json!({
            "name": "Slow", "allows_unlimited": true, "lifetime_ms": 40 * HOUR_MS,
            "steps": [{"kind": "approval", "needs": "any", "reminder_ms": 10 * HOUR_MS,
                "approvers": [{"kind": "integration_owner"}],
                "escalation": {"after_ms": 15 * HOUR_MS, "to": [{"kind": "person", "person_id": "sven"}]}}],
        }))
        .await;
    let id = text(&story.ask(&uma, None).await.ok(), "id");
    assert_eq!(host.get_as(&sven, &format!("/requests/{id}")).await.code(), "not_found");
    for _ in 0..40 {
        host.pass_ms(HOUR_MS);
        story.work().await;
    }
    let story_told = story.words(&id).await;
    assert_eq!(
        story_told,
        ["requested", "reminded", "escalated", "reminded", "reminded", "expired"]
    );
    let late = story.decide(&sven, &id, json!({"decision": "approve"})).await;
    assert_eq!(late.problem(), (409, "request_decided".into()));
}

#[tokio::test]
async fn a_delegate_decides_as_long_as_the_delegation_lasts() {
    let story = Story::begin().await;
    let host = &story.host;
    let (uma, dora) = (person(host, "uma").await, person(host, "dora").await);
    let id = text(&story.ask(&uma, None).await.ok(), "id");
    let now = 1_800_000_000_000_i64;
    let body = json!({"delegate_id": "dora", "starts_ms": now, "ends_ms": now + HOUR_MS});
    let own = json!({"delegate_id": "olga", "starts_ms": now, "ends_ms": now + HOUR_MS});
    let refused = host.call_as(&story.owner, "PUT", "/me/delegation", own).await;
    assert_eq!(refused.json()["errors"][0]["code"], "unknown_person");
    host.call_as(&story.owner, "PUT", "/me/delegation", body).await.ok();
    host.pass_ms(HOUR_MS);
    let late = story.decide(&dora, &id, json!({"decision": "approve"})).await;
    assert_eq!(late.code(), "not_found");
    let body = json!({"delegate_id": "dora", "starts_ms": now, "ends_ms": now + 3 * HOUR_MS});
    host.call_as(&story.owner, "PUT", "/me/delegation", body).await.ok();
    let approved = story.decide(&dora, &id, json!({"decision": "approve"})).await.ok();
    assert_eq!(approved["items"][0]["votes"][0]["person_id"], "dora");
    host.call_as(&story.owner, "DELETE", "/me/delegation", Value::Null).await;
    let nobody = host.get_as(&story.owner, "/me/delegation").await.ok();
    assert_eq!(nobody["delegation"], Value::Null);
}

#[tokio::test]
async fn without_an_owner_the_admins_are_asked() {
    let story = Story::begin().await;
    let (host, uma) = (&story.host, person(&story.host, "uma").await);
    change(host, "", &story.integration, json!({"owner_id": null})).await.ok();
    let asked = story.ask(&uma, None).await.ok();
    assert_eq!(asked["items"][0]["waits_for"][0]["is_admins"], true);
    let id = text(&asked, "id");
    let former = story.decide(&story.owner, &id, json!({"decision": "approve"})).await;
    assert_eq!(former.code(), "not_found");
    let admin = host.admin.clone();
    let approved = story.decide(&admin, &id, json!({"decision": "approve"})).await.ok();
    assert_eq!(approved["status"], "approved");
}

#[tokio::test]
async fn a_workflow_that_cannot_work_is_refused_by_its_places() {
    let host = Host::start().await;
    let body = json!({"name": "Bad", "lifetime_ms": 1, "steps": [
        {"kind": "approval", "needs": "any", "approvers": []},
    ]});
    let refused = host.call("POST", "/workflows", body).await;
    let paths: Vec<_> = refused.json()["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| text(error, "path"))
        .collect();
    assert_eq!(paths, ["/steps/0/approvers", "/lifetime_ms"]);
    let body = json!({"name": "Nobody", "steps": [{"kind": "approval", "needs": "any",
        "approvers": [{"kind": "person", "person_id": "nobody"}]}]});
    let refused = host.call("POST", "/workflows", body).await;
    assert_eq!(refused.json()["errors"][0]["code"], "unknown_person");
    let body = json!({"name": "Twice", "steps": []});
    host.call("POST", "/workflows", body.clone()).await.ok();
    assert_eq!(host.call("POST", "/workflows", body).await.problem(), (409, "conflict".into()));
}

#[tokio::test]
async fn what_is_approved_while_older_access_is_removed_is_given_once_that_is_over() {
    let story = Story::begin().await;
    let (host, uma) = (&story.host, person(&story.host, "uma").await);
    let memberships = format!("/apps/{}/memberships", story.app);
    let older = json!({"role_id": story.role, "account_id": story.account, "duration_ms": HOUR_MS});
    let older = text(&host.call("POST", &memberships, older).await.ok(), "id");
    story.work().await;
    let id = text(&story.ask(&uma, Some(2 * HOUR_MS)).await.ok(), "id");
    host.call("DELETE", &format!("{memberships}/{older}"), Value::Null).await.ok();
    let yes = json!({"decision": "approve"});
    let approved = story.decide(&story.owner, &id, yes).await.ok();
    assert_eq!(approved["status"], "approved");
    assert_eq!(approved["items"][0]["membership_id"], Value::Null);
    for _ in 0..3 {
        host.pass_ms(30_000);
        story.work().await;
    }
    let given = host.get_as(&uma, &format!("/requests/{id}")).await.ok()["items"][0].clone();
    assert_ne!(given["membership_id"], json!(older));
    assert_eq!(given["membership_status"], "active");
    // Looking whether it is time is no change that the audit log has to tell of.
    let told = host.get(&format!("/audit?entity_kind=request&entity_id={id}")).await.ok();
    let rows = told["items"].as_array().unwrap();
    let of_request: Vec<_> = rows.iter().map(|row| text(row, "event")).collect();
    assert_eq!(of_request, ["request.granted", "request.approved", "request.created"]);
}

#[tokio::test]
async fn what_was_approved_of_a_type_that_is_gone_is_not_given() {
    let story = Story::begin().await;
    let (host, uma) = (&story.host, person(&story.host, "uma").await);
    let id = text(&story.ask(&uma, None).await.ok(), "id");
    let types = format!("/integrations/{}/entitlement-types", story.integration);
    for found in host.get(&types).await.ok()["items"].as_array().unwrap() {
        let path = format!("{types}/{}", text(found, "id"));
        let tag = host.get(&path).await.header("etag").to_owned();
        let request = host.request("DELETE", &path, &Value::Null).header("If-Match", tag);
        assert_eq!(host.send(request.body(Body::empty()).unwrap()).await.status, 204);
    }
    let approved = story.decide(&story.owner, &id, json!({"decision": "approve"})).await.ok();
    assert_eq!(approved["items"][0]["membership_id"], Value::Null);
    assert!(text(&approved["items"][0], "failure").contains("cannot be granted"));
    let memberships = host.get(&format!("/apps/{}/memberships", story.app)).await.ok();
    assert_eq!(memberships["items"], json!([]));
}

#[tokio::test]
async fn what_was_approved_for_somebody_is_not_given_to_an_account_that_is_no_longer_theirs() {
    let story = Story::begin().await;
    let (host, uma) = (&story.host, person(&story.host, "uma").await);
    let id = text(&story.ask(&uma, None).await.ok(), "id");
    story.map(Value::Null).await.ok();
    let approved = story.decide(&story.owner, &id, json!({"decision": "approve"})).await.ok();
    assert_eq!(approved["items"][0]["membership_id"], Value::Null);
    assert!(text(&approved["items"][0], "failure").contains("no longer theirs"));
    let memberships = host.get(&format!("/apps/{}/memberships", story.app)).await.ok();
    assert_eq!(memberships["items"], json!([]));
}
