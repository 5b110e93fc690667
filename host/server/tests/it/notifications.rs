//! Channels, receivers of the audit log and exports, as callers see them.

use serde_json::{Value, json};

use crate::host::{Host, text};

fn webhook(url: &str) -> Value {
    json!({"name": "Hook", "settings": {"kind": "webhook", "url": url}})
}

#[tokio::test]
async fn a_signing_key_is_told_once_and_kept_sealed() {
    let host = Host::start().await;
    let body = webhook("https://a.example");
    for path in ["/audit/sinks", "/notifications/channels"] {
        let request = || host.request("POST", path, &body).header("Idempotency-Key", "once");
        let send = async || {
            let mut request = request();
            let headers = request.headers_mut().unwrap();
            headers.remove("Idempotency-Key");
            headers.insert("Idempotency-Key", format!("once{}", path.len()).parse().unwrap());
            host.send(request.body(body.to_string().into()).unwrap()).await.ok()
        };
        let (first, again) = (send().await, send().await);
        let key = text(&first, "signing_key");
        assert!(key.starts_with("whsec_"));
        assert_eq!((&again["id"], &again["signing_key"]), (&first["id"], &Value::Null));
        let shown = host.get(&format!("{path}/{}", text(&first, "id"))).await.ok();
        assert!(!shown.to_string().contains(&key[6..]));
        assert!(!host.get("/audit").await.text.contains(&key[6..]));
    }
}

#[tokio::test]
async fn a_chat_rooms_url_is_a_secret() {
    let host = Host::start().await;
    let canary = "https://hooks.slack.example/canary-4711";
    let body = json!({"name": "Chat", "settings": {"kind": "slack"}, "secret": canary});
    let channel = host.call("POST", "/notifications/channels", body).await.ok();
    let path = format!("/notifications/channels/{}", text(&channel, "id"));
    for seen in [channel.to_string(), host.get(&path).await.text, host.get("/audit").await.text] {
        assert!(!seen.contains("canary"), "{seen}");
    }
}

#[tokio::test]
async fn private_addresses_are_refused_with_their_code() {
    let host = Host::start().await;
    for path in ["/audit/sinks", "/notifications/channels"] {
        let refused = host.call("POST", path, webhook("http://10.0.0.1/")).await;
        assert_eq!(refused.problem(), (422, "address_not_allowed".to_owned()));
        assert_eq!(host.get(path).await.ok()["items"], json!([]));
    }
}

#[tokio::test]
async fn what_cannot_be_a_channel_is_refused() {
    let host = Host::start().await;
    let mail = |field: &str, value: Value| {
        let mut settings = json!({
            "kind": "email", "host": "mail.example", "port": 587, "security": "starttls",
            "from": "a@example.com",
        });
        settings[field] = value;
        json!({"name": "Mail", "settings": settings, "recipients": {"addresses": ["b@example.com"]}})
    };
    let mut nobody = mail("port", json!(587));
    nobody["recipients"] = json!({"concerned": false});
    for body in [
        mail("from", json!("no address")),
        mail("username", json!("without password")),
        nobody,
        json!({"name": "Chat", "settings": {"kind": "teams"}}),
        json!({"name": "Fax", "settings": {"kind": "fax"}}),
        json!({"name": "Hook", "settings": {"kind": "webhook", "url": "https://a", "token": "x"}}),
    ] {
        let refused = host.call("POST", "/notifications/channels", body.clone()).await;
        assert_eq!(refused.status.as_u16(), 422, "{body}: {refused:?}");
    }
    let good = host.call("POST", "/notifications/channels", mail("port", json!(587))).await.ok();
    assert_eq!(good["signing_key"], Value::Null);
}

#[tokio::test]
async fn a_test_message_shows_how_it_went() {
    let host = Host::start().await;
    let channel = host.call("POST", "/notifications/channels", webhook("https://a.example")).await;
    let id = text(&channel.ok(), "id");
    let path = format!("/notifications/channels/{id}/test");
    let sent = host.call("POST", &path, json!({})).await;
    assert_eq!((sent.status.as_u16(), &sent.json()["state"]), (202, &json!("waiting")));
    let path = format!("/notifications/deliveries/{}", text(&sent.json(), "id"));
    grantry_engine::worker::run_due(&host.engine).await.unwrap();
    assert_eq!(host.get(&path).await.ok()["state"], "delivered");
    let listed = host.get("/notifications/deliveries?state=delivered").await.ok();
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn the_log_is_searched_by_everything_that_it_says() {
    let host = Host::start().await;
    let (client, token) = host.client(json!([]), json!([])).await;
    host.get_as(&token, "/clients").await;
    let count = async |query: &str| {
        let found = host.get(&format!("/audit?{query}")).await.ok();
        found["items"].as_array().unwrap().len()
    };
    assert_eq!(count("is_allowed=false").await, 1);
    assert_eq!(count(&format!("principal_id={client}&door=http")).await, 1);
    assert_eq!(count("door=job").await, 0);
    assert_eq!(count("event=client.created&entity_kind=client").await, 1);
    assert_eq!(count(&format!("entity_id={client}&search=CLIENT")).await, 1);
    assert_eq!(count("search=100%25").await, 0);
    assert_eq!(count("to_ms=0").await, 0);
    assert_eq!(count("from_ms=0&to_ms=9999999999999").await, count("limit=200").await);
    assert_eq!(host.get("/audit?door=window").await.problem().0, 422);
}

#[tokio::test]
async fn an_export_is_streamed_in_both_formats() {
    let host = Host::start().await;
    host.call("POST", "/clients", json!({"name": "=cmd|' /C calc'!A0"})).await.ok();
    let csv = host.get("/audit/export?format=csv").await;
    assert_eq!(csv.header("content-type"), "text/csv; charset=utf-8");
    assert!(csv.text.starts_with("sequence,at_ms,"));
    let lines = host.get("/audit/export").await;
    assert_eq!(lines.header("content-type"), "application/x-ndjson");
    let rows: Vec<Value> =
        lines.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let sequences: Vec<i64> = rows.iter().map(|row| row["sequence"].as_i64().unwrap()).collect();
    assert_eq!(sequences, (1..=sequences.len() as i64).collect::<Vec<_>>());
    assert_eq!(rows.last().unwrap()["event"], "audit.exported");
    let filtered = host.get("/audit/export?event=client.created").await.text;
    assert_eq!(filtered.lines().count(), 1);
    assert!(host.get("/audit/key").await.ok()["public_key"].as_str().unwrap().len() == 64);
}
