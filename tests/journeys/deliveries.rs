//! What leaves the host by itself: the audit log and messages for people, from the real program to
//! receivers by other hands.

mod audit_log;
mod chats;
mod mails;
mod syslog;
mod tls;
mod webhooks;

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use grantry_tests::host::Api;
use grantry_tests::wait;
use serde_json::{Value, json};

/// The first pauses between tries are 5 and 10 seconds.
const DELIVERY_LIMIT: Duration = Duration::from_secs(60);

/// The exception that lets the host speak to a receiver on this machine, without TLS.
fn exceptions(address: SocketAddr) -> Value {
    json!([{ "ip": address.ip().to_string(), "port": address.port() }])
}

/// A text of an answer.
fn text(value: &Value, field: &str) -> Result<String> {
    let text = value[field].as_str().with_context(|| format!("no `{field}` in {value}"))?;
    Ok(text.to_owned())
}

/// Orders a test message and waits until it is in a state.
async fn test(api: &Api, channel: &Value, state: &str, body: &Value) -> Result<Value> {
    let path = format!("/notifications/channels/{}/test", text(channel, "id")?);
    let delivery = api.post(&path, body).await?.ok()?;
    let path = format!("/notifications/deliveries/{}", text(&delivery, "id")?);
    wait::until(&format!("a message to be {state}"), DELIVERY_LIMIT, async || {
        let delivery = api.get(&path).await?.ok()?;
        Ok((delivery["state"] == state).then_some(delivery))
    })
    .await
}

/// Waits until something at a path is as wanted.
async fn until(
    api: &Api,
    path: &str,
    what: &str,
    mut is_so: impl FnMut(&Value) -> bool,
) -> Result<Value> {
    wait::until(what, DELIVERY_LIMIT, async || {
        let there = api.get(path).await?.ok()?;
        Ok(is_so(&there).then_some(there))
    })
    .await
}

/// The sequence number of the audit log's last row.
async fn last_row(api: &Api) -> Result<i64> {
    let rows = api.list("/audit").await?;
    rows.iter().filter_map(|row| row["sequence"].as_i64()).max().context("a row")
}
