//! Webhooks, checked by the reference implementation of Standard Webhooks.

use anyhow::{Context, Result};
use grantry_tests::host::{Api, Database, Host};
use grantry_tests::peers::WebhookReceiver;
use serde_json::{Value, json};

use super::{exceptions, last_row, test, text, until};

fn webhook(name: &str, receiver: &WebhookReceiver, hook: &str) -> Value {
    json!({
        "name": name,
        "settings": {
            "kind": "webhook",
            "url": receiver.url(hook),
            "address_exceptions": exceptions(receiver.address()),
        },
    })
}

/// A receiver of the whole log, and its path.
async fn sink(api: &Api, receiver: &WebhookReceiver, answers: &[u16]) -> Result<String> {
    let mut body = webhook("Monitoring", receiver, "audit");
    body["from_beginning"] = json!(true);
    let sink = api.post("/audit/sinks", &body).await?.ok()?;
    receiver.expect("audit", &text(&sink, "signing_key")?, answers).await?;
    Ok(format!("/audit/sinks/{}", text(&sink, "id")?))
}

async fn caught_up(api: &Api, sink: &str) -> Result<()> {
    let last = last_row(api).await?;
    until(api, sink, "the receiver to have the log", |sink| sink["position"] == last).await?;
    Ok(())
}

/// The numbers of the rows in batches that were taken.
fn rows(seen: &[Value]) -> Result<Vec<i64>> {
    let mut rows = Vec::new();
    for taken in seen.iter().filter(|one| one["status"] == 204) {
        let body: Value = serde_json::from_str(&text(taken, "text")?)?;
        assert_eq!(body["type"], "audit.entries");
        let data = body["data"].as_array().context("data")?;
        rows.extend(data.iter().filter_map(|row| row["sequence"].as_i64()));
    }
    Ok(rows)
}

fn assert_verified(seen: &[Value]) {
    assert!(seen.iter().all(|one| one["fault"].is_null()), "{seen:#?}");
}

#[tokio::test]
async fn every_row_arrives_in_order_and_a_repetition_is_the_same() -> Result<()> {
    let receiver = WebhookReceiver::start().await?;
    let host = Host::start(Database::Sqlite).await?;
    let api = host.api();
    for number in 0..150 {
        api.post("/clients", &json!({ "name": format!("Client {number}") })).await?.ok()?;
    }
    let sink = sink(api, &receiver, &[500, 503]).await?;
    caught_up(api, &sink).await?;

    let seen = receiver.seen("audit").await?;
    assert_verified(&seen);
    let statuses: Vec<_> = seen.iter().take(3).map(|one| one["status"].clone()).collect();
    assert_eq!(statuses, [500, 503, 204], "{seen:#?}");
    for again in &seen[1..3] {
        assert_eq!((&again["id"], &again["text"]), (&seen[0]["id"], &seen[0]["text"]));
    }
    let expected: Vec<i64> = (1..=last_row(api).await?).collect();
    assert_eq!(rows(&seen)?, expected);
    let ids: std::collections::BTreeSet<_> =
        seen[2..].iter().filter_map(|one| one["id"].as_str()).collect();
    assert_eq!(ids.len(), seen.len() - 2, "two batches with one id: {seen:#?}");

    // While the old key ends, both sign: a receiver with either finds its signature.
    let rotated = api.post(&format!("{sink}/rotate-key"), &json!({})).await?.ok()?;
    caught_up(api, &sink).await?;
    receiver.expect("audit", &text(&rotated, "signing_key")?, &[]).await?;
    api.post("/clients", &json!({ "name": "After the new key" })).await?.ok()?;
    caught_up(api, &sink).await?;
    let seen = receiver.seen("audit").await?;
    assert_verified(&seen);
    assert_eq!(seen.last().context("a delivery")?["signatures"], 2, "{seen:#?}");
    let expected: Vec<i64> = (1..=last_row(api).await?).collect();
    assert_eq!(rows(&seen)?, expected);
    Ok(())
}

#[tokio::test]
async fn a_receiver_that_is_gone_is_disabled_and_people_are_told() -> Result<()> {
    let receiver = WebhookReceiver::start().await?;
    let host = Host::start(Database::Sqlite).await?;
    let api = host.api();
    let channel = webhook("Operations", &receiver, "people");
    let channel = api.post("/notifications/channels", &channel).await?.ok()?;
    receiver.expect("people", &text(&channel, "signing_key")?, &[503]).await?;
    let delivery = test(api, &channel, "delivered", &json!({})).await?;
    assert_eq!(delivery["attempts"], 2, "{delivery}");
    let seen = receiver.seen("people").await?;
    assert_eq!(seen.len(), 2, "{seen:#?}");
    assert!(seen.iter().all(|one| one["id"] == delivery["id"]), "{seen:#?}");

    let sink = sink(api, &receiver, &[410]).await?;
    let given_up =
        until(api, &sink, "the receiver to be given up", |sink| sink["is_enabled"] == false)
            .await?;
    assert!(given_up["disabled_reason"].is_string(), "{given_up}");
    assert_eq!(given_up["position"], 0, "{given_up}");
    assert_eq!(api.list("/audit?event=audit_sink.disabled").await?.len(), 1);
    let path =
        format!("/notifications/deliveries?state=delivered&channel={}", text(&channel, "id")?);
    let told = until(api, &path, "people to be told", |page| {
        page["items"].as_array().is_some_and(|items| items.len() == 2)
    })
    .await?;
    assert_eq!(told["items"][0]["kind"], "audit_sink.disabled", "{told}");
    let seen = receiver.seen("people").await?;
    assert_verified(&seen);
    let body: Value = serde_json::from_str(&text(seen.last().context("a message")?, "text")?)?;
    assert_eq!(body["data"]["fields"]["sink"], "Monitoring", "{body}");

    // Enabled again, it gets everything from where it stopped.
    let enabled = json!({ "is_enabled": true });
    api.change(reqwest::Method::PATCH, &sink, &enabled).await?.ok()?;
    caught_up(api, &sink).await?;
    let seen = receiver.seen("audit").await?;
    assert_verified(&seen);
    let expected: Vec<i64> = (1..=last_row(api).await?).collect();
    assert_eq!(rows(&seen)?, expected);

    // A channel that is gone is disabled too.
    receiver.expect("people", &text(&channel, "signing_key")?, &[410]).await?;
    let delivery = test(api, &channel, "failed", &json!({})).await?;
    assert_eq!(delivery["attempts"], 1, "{delivery}");
    let path = format!("/notifications/channels/{}", text(&channel, "id")?);
    until(api, &path, "the channel to be disabled", |channel| channel["is_enabled"] == false)
        .await?;
    Ok(())
}
