//! Schedules over HTTP.

use axum::body::Body;
use serde_json::{Value, json};

use crate::host::{Host, Reply, text};

/// 2027-01-15T08:00:00Z, when the host's clock begins.
const NOW_MS: i64 = 1_800_000_000_000;
const HOUR_MS: i64 = 3_600_000;

async fn host() -> (Host, String) {
    let host = Host::start().await;
    let path = format!("/integrations/{}/schedules", text(&host.connect("Directory").await, "id"));
    (host, path)
}

fn body() -> Value {
    json!({
        "name": "Evening", "recurrence": {"kind": "recurring", "every_hours": 4}, "at": "17:00",
        "time_zone": "Europe/Berlin",
    })
}

async fn change(host: &Host, path: &str, tag: &str, body: Value) -> Reply {
    let request = host.request("PATCH", path, &body).header("If-Match", tag);
    host.send(request.body(Body::from(body.to_string())).unwrap()).await
}

#[tokio::test]
async fn a_schedule_tells_its_next_five_runs() {
    let (host, path) = host().await;
    let created = host.call("POST", &path, body()).await;
    assert_eq!(created.status, 201);
    let created = created.ok();
    // 17:00 and 21:00 in Berlin are 16:00 and 20:00 UTC in January.
    let expected = [8, 12, 32, 36, 56].map(|hours| NOW_MS + hours * HOUR_MS);
    assert_eq!(created["next_runs_ms"], json!(expected));
    assert_eq!((&created["missed"], &created["is_enabled"]), (&json!("run_once"), &json!(true)));
    assert_eq!((&created["jitter_minutes"], &created["last"]), (&json!(0), &Value::Null));
    let path = format!("{path}/{}", text(&created, "id"));
    assert_eq!(host.get(&path).await.ok(), created);
    assert_eq!(host.get(&path).await.header("etag"), "\"1\"");
}

#[tokio::test]
async fn a_schedule_is_changed_field_by_field_at_its_version_and_removed() {
    let (host, list) = host().await;
    let created = host.call("POST", &list, body()).await.ok();
    let path = format!("{list}/{}", text(&created, "id"));
    let weekly = json!({"kind": "weekly", "days": ["friday", "monday", "friday"]});
    let changed = change(&host, &path, "\"1\"", json!({"recurrence": weekly})).await.ok();
    let days = json!({"kind": "weekly", "days": ["monday", "friday"]});
    assert_eq!((&changed["recurrence"], &changed["at"]), (&days, &json!("17:00")));
    let again = change(&host, &path, "\"1\"", json!({"at": "18:00"})).await;
    assert_eq!(again.problem(), (412, "version_conflict".to_owned()));
    let disabled = change(&host, &path, "\"2\"", json!({"is_enabled": false})).await.ok();
    assert_eq!(disabled["next_runs_ms"], json!([]));
    let audited = host.get("/audit?event=schedule.updated").await.ok();
    let detail = &audited["items"][0]["detail"];
    let enabled = (&detail["before"]["is_enabled"], &detail["after"]["is_enabled"]);
    assert_eq!(enabled, (&json!(true), &json!(false)));
    assert_eq!(host.get(&list).await.ok()["items"], json!([disabled]));
    assert_eq!(host.call("DELETE", &path, Value::Null).await.status, 204);
    assert_eq!(host.get(&path).await.problem().0, 404);
    assert_eq!(host.call("DELETE", &path, Value::Null).await.problem().0, 404);
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_with_its_place() {
    let (host, path) = host().await;
    for (field, value, at) in [
        ("at", json!("25:00"), "/at"),
        ("at", json!("24:00"), "/at"),
        ("time_zone", json!("Europe/Atlantis"), "/time_zone"),
        ("recurrence", json!({"kind": "weekly", "days": []}), "/recurrence/days"),
        ("recurrence", json!({"kind": "monthly", "day": 32}), "/recurrence/day"),
        ("recurrence", json!({"kind": "recurring", "every_hours": 0}), "/recurrence/every_hours"),
        ("jitter_minutes", json!(61), "/jitter_minutes"),
        ("blackouts", json!([{"from": "08:00", "to": "08:00"}]), "/blackouts/0"),
        ("blackouts", json!([{"from": "08:00", "to": "8:30"}]), "/blackouts/0/to"),
        ("blackouts", json!([{"from": "00:00", "to": "24:00"}]), "/blackouts"),
        ("name", json!("\u{202e}"), "/name"),
    ] {
        let mut body = body();
        body[field] = value;
        let refused = host.call("POST", &path, body).await;
        assert_eq!(refused.status, 422, "{at}: {refused:?}");
        assert_eq!(refused.json()["errors"][0]["path"], at);
    }
    assert_eq!(host.get(&path).await.ok()["items"], json!([]));
}

#[tokio::test]
async fn a_schedule_of_another_integration_is_not_found_here() {
    let (host, path) = host().await;
    let other = format!("/integrations/{}/schedules", text(&host.connect("Other").await, "id"));
    let id = text(&host.call("POST", &other, body()).await.ok(), "id");
    assert_eq!(host.get(&format!("{path}/{id}")).await.problem().0, 404);
    let changed = change(&host, &format!("{path}/{id}"), "\"1\"", json!({})).await;
    assert_eq!(changed.problem().0, 404);
    assert_eq!(host.call("DELETE", &format!("{path}/{id}"), Value::Null).await.problem().0, 404);
    assert_eq!(host.get(&format!("{other}/{id}")).await.status, 200);
}

#[tokio::test]
async fn an_integration_has_twenty_schedules_at_most() {
    let (host, path) = host().await;
    for _ in 0..20 {
        host.call("POST", &path, body()).await.ok();
    }
    let refused = host.call("POST", &path, body()).await;
    assert_eq!(refused.json()["errors"][0]["code"], "too_many");
}

#[tokio::test]
async fn a_run_says_which_schedule_started_it() {
    let (host, path) = host().await;
    let created = host.call("POST", &path, body()).await.ok();
    let path = format!("{path}/{}", text(&created, "id"));
    host.pass_ms(8 * HOUR_MS);
    let run = host
        .working(async {
            for _ in 0..2_000 {
                let last = host.get(&path).await.ok()["last"].clone();
                if let Some(run) = last["aggregation_id"].as_str() {
                    return run.to_owned();
                }
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
            panic!("the schedule starts nothing");
        })
        .await;
    let run = host.work_until(&format!("/aggregations/{run}"), &["succeeded"]).await;
    assert_eq!(run["schedule_id"], created["id"]);
}
