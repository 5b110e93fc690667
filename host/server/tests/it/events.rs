//! Live progress of an aggregation.

use serde_json::{Value, json};

use crate::host::{Host, text};

#[tokio::test]
async fn events_tell_the_progress_and_end_with_the_final_state() {
    let host = Host::start().await;
    let integration = host.connect("Directory").await;
    let path = format!("/integrations/{}/aggregations", text(&integration, "id"));
    let run = host.call("POST", &path, Value::Null).await;
    assert_eq!(run.status, 202);
    let again = host.call("POST", &path, Value::Null).await;
    assert_eq!(again.problem(), (409, "sync_running".to_owned()));
    let path = format!("/aggregations/{}/events", text(&run.json(), "id"));
    let events = host.working(host.get(&path)).await;
    assert_eq!(events.header("content-type"), "text/event-stream");
    assert!(events.text.starts_with("event: progress\n"), "{}", events.text);
    let (_, end) = events.text.rsplit_once("event: end\ndata: ").unwrap();
    let end: Value = serde_json::from_str(end.trim()).unwrap();
    assert_eq!((&end["status"], &end["rows"]), (&Value::from("succeeded"), &Value::from(5)));
}

#[tokio::test]
async fn a_stream_ends_when_its_caller_may_no_longer_look() {
    let host = Host::start().await;
    let integration = host.connect("Directory").await;
    let path = format!("/integrations/{}/aggregations", text(&integration, "id"));
    let run = host.call("POST", &path, Value::Null).await.ok();
    let path = format!("/aggregations/{}/events", text(&run, "id"));
    let (events, ()) = tokio::join!(host.get(&path), async {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        let cancel = format!("/aggregations/{}/cancel", text(&run, "id"));
        host.call("POST", &cancel, Value::Null).await.ok();
        host.server.stop();
    });
    assert!(events.text.starts_with("event: progress\n"));
    assert!(!events.text.contains("event: end"));
}

#[tokio::test]
async fn an_aggregation_that_was_cancelled_before_it_began_is_cancelled() {
    let host = Host::start().await;
    let integration = host.connect("Directory").await;
    let path = format!("/integrations/{}/aggregations", text(&integration, "id"));
    let run = host.call("POST", &path, Value::Null).await.ok();
    let job = format!("/jobs/{}", text(&run, "job_id"));
    host.call("POST", &format!("{job}/cancel"), Value::Null).await.ok();
    let path = format!("/aggregations/{}", text(&run, "id"));
    let run = host.work_until(&path, &["cancelled", "succeeded", "failed"]).await;
    assert_eq!(run["status"], "cancelled");
    let issues = host.get(&format!("{path}/issues")).await.ok();
    assert_eq!(issues["items"], serde_json::json!([]));
}

#[tokio::test]
async fn the_connectors_log_of_an_aggregation_is_read_in_pages() {
    let host = Host::start().await;
    let integration = text(&host.aggregated("Directory").await, "id");
    let run = host.first(&format!("/integrations/{integration}/aggregations")).await;
    let path = format!("/aggregations/{run}/log?limit=1");
    let first = host.get(&path).await.ok();
    let line = &first["items"][0];
    assert_eq!(
        (&line["level"], &line["message"], &line["fields"]),
        (&json!("info"), &json!("looked at the directory"), &json!([]))
    );
    let next = host.get(&format!("{path}&cursor={}", text(&first, "next"))).await.ok();
    assert_eq!(next["items"].as_array().map(Vec::len), Some(1));
    let run = host.get(&format!("/aggregations/{run}")).await.ok();
    assert_eq!((&run["listings"], &run["remaining_ms"]), (&run["listings_read"], &Value::Null));
}
