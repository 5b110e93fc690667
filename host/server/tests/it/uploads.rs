//! Lists over HTTP (security.md rows 62 to 65), and the example of PRM-2.

use axum::body::Body;
use http::{Request, header};
use serde_json::{Value, json};

use crate::host::{Host, Reply, fresh_key, text};

async fn data_source(host: &Host, name: &str) -> String {
    let made = host.call("POST", "/data-sources", json!({"name": name})).await.ok();
    format!("/data-sources/{}", text(&made, "id"))
}

async fn app(host: &Host, name: &str) -> String {
    let made = host.call("POST", "/apps", json!({"name": name})).await.ok();
    format!("/apps/{}", text(&made, "id"))
}

async fn apply(host: &Host, path: &str, upload: &Value, more: Value) -> Reply {
    let mut body = json!({"diff": upload["diff"]["hash"]});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let path = format!("{path}/uploads/{}/apply", text(upload, "id"));
    host.call("POST", &path, body).await
}

#[tokio::test]
async fn a_file_is_compared_shown_applied_and_exported() {
    let host = Host::start().await;
    let path = data_source(&host, "Entra ID").await;
    let file = "\u{FEFF}external_id,display_name,Note\r\n1,Ada,=1+1\r\n2,\"Bob\r\nB\",\r\n";
    let upload = host.send_list(&path, file).await;
    assert_eq!(upload.status, 201);
    let upload = upload.json();
    assert_eq!(upload["diff"]["added"], 2);
    let changes = format!("{path}/uploads/{}/changes?kind=added", text(&upload, "id"));
    let changes = host.get(&changes).await.ok();
    let mut named: Vec<_> = changes["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| &item["after"]["external_id"])
        .collect();
    named.sort_by_key(|value| value.to_string());
    assert_eq!(named, ["1", "2"]);
    assert_eq!(host.get(&format!("{path}/identities")).await.ok()["items"], json!([]));
    assert_eq!(apply(&host, &path, &upload, json!({})).await.ok()["status"], "applied");
    let people = host.get(&format!("{path}/identities?search=ada")).await.ok();
    // As it is in the file; only a spreadsheet gets it guarded.
    assert_eq!(people["items"][0]["attributes"]["Note"], "=1+1");
    let export = host.get(&format!("{path}/users/export")).await;
    assert_eq!(export.header("content-type"), "text/csv; charset=utf-8");
    assert!(export.text.starts_with("external_id,display_name,Note\r\n"), "{}", export.text);
    assert!(export.text.contains("1,Ada,\"'=1+1\"\r\n"), "{}", export.text);
    let template = host.get(&format!("{path}/users/template")).await;
    assert_eq!(template.text, "external_id,display_name,Note\r\n");
}

#[tokio::test]
async fn every_faulty_file_is_refused_with_its_lines_and_nothing_is_applied() {
    let host = Host::start().await;
    let path = data_source(&host, "People").await;
    let cell = format!("external_id,a\n1,\"{}\"\n", "x".repeat(2 * 1024 * 1024));
    for (file, line, code) in [
        ("name\n1\n", 1, "missing_header"),
        ("external_id,a,a\n", 1, "duplicate_header"),
        ("external_id,a\n1\n", 2, "ragged_row"),
        ("external_id,a\n1,\0\n", 2, "invalid_string"),
        ("external_id,a\n1,x\n2,\"y\n", 3, "unclosed_quote"),
        (&cell, 2, "too_long"),
    ] {
        let refused = host.send_list(&path, file).await;
        assert_eq!(refused.problem(), (422, "csv_invalid".to_owned()));
        let error = &refused.json()["errors"][0];
        assert_eq!((&error["line"], &error["code"]), (&json!(line), &json!(code)));
    }
    let latin = host
        .request("POST", &format!("{path}/uploads"), &Value::Null)
        .header(header::CONTENT_TYPE, "text/csv")
        .body(Body::from(&b"external_id,a\n1,Ren\xe9\n"[..]))
        .unwrap();
    let refused = host.send(latin).await;
    assert_eq!(refused.json()["errors"][0]["code"], "not_utf8");
    assert_eq!(refused.json()["errors"][0]["column"], "a");
    assert_eq!(host.get(&format!("{path}/identities")).await.ok()["items"], json!([]));
}

#[tokio::test]
async fn a_mass_removal_wants_the_hash_twice_and_a_changed_list_a_new_one() {
    let host = Host::start().await;
    let path = app(&host, "Advanced Targeting").await;
    host.applied(&path, "user_name,roles\nada,Admin\nbob,Admin\n").await;
    let half = host.send_list(&path, "user_name,roles\nada,Admin\n").await.ok();
    assert_eq!(half["diff"]["is_mass_removal"], true);
    let refused = apply(&host, &path, &half, json!({})).await;
    assert_eq!(refused.problem(), (409, "blocked_threshold".to_owned()));
    let wrong = apply(&host, &path, &half, json!({"approve_diff": "0"})).await;
    assert_eq!(wrong.problem(), (409, "diff_changed".to_owned()));
    let more = host.send_list(&path, "user_name,roles\nada,Admin\nbob,Admin\ncy,\n").await.ok();
    apply(&host, &path, &more, json!({})).await.ok();
    let approved = json!({"approve_diff": half["diff"]["hash"]});
    let stale = apply(&host, &path, &half, approved).await;
    assert_eq!(stale.problem(), (409, "diff_changed".to_owned()));
    let again = format!("{path}/uploads/{}/preview", text(&half, "id"));
    let again = host.call("POST", &again, Value::Null).await.ok();
    assert_eq!(again["diff"]["removed"], 2);
    let approved = json!({"approve_diff": again["diff"]["hash"]});
    assert_eq!(apply(&host, &path, &again, approved).await.status, 200);
    let accounts = host.get(&format!("{path}/accounts")).await.ok();
    assert_eq!(accounts["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn the_same_key_answers_the_same_upload_and_refuses_another_file() {
    let host = Host::start().await;
    let path = data_source(&host, "People").await;
    let send = async |key: &str, file: &'static str| {
        let request = Request::post(format!("/api/v1{path}/uploads"))
            .header(header::AUTHORIZATION, format!("Bearer {}", host.admin))
            .header("Idempotency-Key", key)
            .header(header::CONTENT_TYPE, "text/csv");
        host.send(request.body(Body::from(file)).unwrap()).await
    };
    let key = fresh_key();
    let first = send(&key, "external_id\n1\n").await.ok();
    assert_eq!(send(&key, "external_id\n1\n").await.ok(), first);
    let other = send(&key, "external_id\n2\n").await;
    assert_eq!(other.problem(), (422, "idempotency_key_reused".to_owned()));
}

/// The example of PRM-2: global *read* and *CSV upload*; the app Advanced Targeting and the data
/// source Entra ID as entities.
#[tokio::test]
async fn global_actions_and_entities_add_up_over_http() {
    let host = Host::start().await;
    let (targeting, billing) =
        (app(&host, "Advanced Targeting").await, app(&host, "Billing").await);
    let (entra, payroll) =
        (data_source(&host, "Entra ID").await, data_source(&host, "Payroll").await);
    let id = |path: &str| path.rsplit('/').next().unwrap().to_owned();
    let entities = json!([
        {"kind": "app", "id": id(&targeting)}, {"kind": "data_source", "id": id(&entra)},
    ]);
    let global = json!(["app_and_role_read", "csv_app_user_upload"]);
    let (client, token) = host.client(global, entities).await;
    let as_client = async |method: &str, path: &str, media_type: &str, body: &str| {
        let request = Request::builder()
            .method(method)
            .uri(format!("/api/v1{path}"))
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .header("Idempotency-Key", fresh_key())
            .header(header::CONTENT_TYPE, media_type);
        let reply = host.send(request.body(Body::from(body.to_owned())).unwrap()).await;
        reply.status.as_u16()
    };
    let grant = r#"{"role_id": "none", "account_id": "none"}"#;
    for (app, may_write) in [(&targeting, true), (&billing, false)] {
        assert_eq!(as_client("GET", app, "text/csv", "").await, 200);
        let file = "user_name\nada\n";
        assert_eq!(as_client("POST", &format!("{app}/uploads"), "text/csv", file).await, 201);
        let path = format!("{app}/memberships");
        let status = as_client("POST", &path, "application/json", grant).await;
        // Allowed to grant, but there is no such role; or not allowed.
        assert_eq!(status, if may_write { 404 } else { 403 });
    }
    for (source, may_update) in [(&entra, true), (&payroll, false)] {
        assert_eq!(as_client("GET", source, "text/csv", "").await, 200);
        let path = format!("{source}/uploads");
        let status = as_client("POST", &path, "text/csv", "external_id\n1\n").await;
        assert_eq!(status, if may_update { 201 } else { 403 });
    }
    let effective = async |kind: &str, path: &str| {
        let query = format!("entity_kind={kind}&entity_id={}", id(path));
        let told = host.get(&format!("/principals/{client}/effective?{query}")).await.ok();
        assert_eq!(told["warnings"].as_array().unwrap().len(), 1);
        let items = told["items"].as_array().unwrap().clone();
        items.iter().map(|item| item["is_allowed"] == true).collect::<Vec<_>>()
    };
    assert_eq!(effective("app", &targeting).await, [true; 4]);
    assert_eq!(effective("data_source", &entra).await, [true; 4]);
    assert_eq!(effective("app", &billing).await, [true, true, false, false]);
    assert_eq!(effective("data_source", &payroll).await, [true, true, false, false]);
}

/// What the platform's and the API's clients see of access to an app that lists feed.
#[tokio::test]
async fn access_to_a_listed_app_waits_for_a_person_over_http() {
    let host = Host::start().await;
    let path = app(&host, "Targeting").await;
    host.applied(&path, "user_name,roles\nada,Audit\nbob,Admin\n").await;
    let of = |list: &Value, name: &str| {
        let items = list["items"].as_array().unwrap();
        text(items.iter().find(|item| item["display"] == name).unwrap(), "id")
    };
    let role = of(&host.get(&format!("{path}/roles")).await.ok(), "Admin");
    let ada = of(&host.get(&format!("{path}/accounts")).await.ok(), "ada");
    let granted = json!({"role_id": role, "account_id": ada});
    let granted = host.call("POST", &format!("{path}/memberships"), granted).await;
    assert_eq!(granted.status, 201);
    assert_eq!(granted.json()["waiting"]["code"], "manual");
    let waiting = async || {
        let list = host.get(&format!("{path}/memberships?waiting=true")).await.ok();
        list["items"].as_array().unwrap().len()
    };
    assert_eq!(waiting().await, 1);
    let id = text(&granted.json(), "id");
    let (_, reader) = host.client(json!(["app_and_role_read"]), json!([])).await;
    let settle = format!("{path}/memberships/{id}/settle");
    let refused = host.call_as(&reader, "POST", &settle, Value::Null).await;
    assert_eq!(refused.problem(), (403, "action_not_granted".to_owned()));
    let settled = host.call("POST", &settle, Value::Null).await.ok();
    assert_eq!((&settled["status"], &settled["waiting"]), (&json!("active"), &Value::Null));
    assert_eq!(waiting().await, 0);
}
