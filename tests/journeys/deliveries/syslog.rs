//! The audit log over syslog, read strictly by the grammar.

use anyhow::{Result, ensure};
use grantry_tests::host::{Database, Host};
use grantry_tests::syslog::SyslogServer;
use grantry_tests::wait;
use serde_json::{Value, json};

use super::{DELIVERY_LIMIT, exceptions, last_row};

#[tokio::test]
async fn every_row_is_a_message_of_the_grammar() -> Result<()> {
    let server = SyslogServer::start()?;
    let host = Host::start(Database::Sqlite).await?;
    let api = host.api();
    // More than a batch, with characters that are longer in bytes than in count.
    for number in 0..120 {
        let name = format!("Zo\u{eb} \u{1f511} \"{number}\"");
        api.post("/clients", &json!({ "name": name })).await?.ok()?;
    }
    let (_, nobody) = api.client("Without permissions").await?;
    let refused = nobody.post("/clients", &json!({ "name": "Never" })).await?;
    ensure!(refused.status == 403, "{refused:?}");

    let address = server.address();
    let sink = json!({
        "name": "Collector",
        "settings": {
            "kind": "syslog",
            "host": address.ip().to_string(),
            "port": address.port(),
            "transport": "tcp",
            "address_exceptions": exceptions(address),
        },
        "from_beginning": true,
    });
    api.post("/audit/sinks", &sink).await?.ok()?;
    let last = last_row(api).await?;
    let messages = wait::until("every row to arrive", DELIVERY_LIMIT, async || {
        let messages = server.messages()?;
        let is_there = messages.iter().any(|message| row(&message.text) == Some(last));
        Ok(is_there.then_some(messages))
    })
    .await?;

    let rows: Vec<i64> = messages.iter().filter_map(|message| row(&message.text)).collect();
    assert_eq!(rows, (1..=last).collect::<Vec<_>>());
    for message in &messages {
        assert_eq!((message.facility, message.app_name.as_str()), (13, "grantry"), "{message:?}");
        let entry: Value = serde_json::from_str(&message.text)?;
        if let Some(is_allowed) = entry["is_allowed"].as_bool() {
            assert_eq!(message.severity, if is_allowed { 6 } else { 4 }, "{message:?}");
            assert_eq!(entry["event"], message.message_id, "{message:?}");
        }
    }
    assert!(messages.iter().any(|message| message.severity == 4), "the refusal is a warning");
    assert!(messages.iter().any(|message| message.text.contains("\u{1f511}")));
    Ok(())
}

/// The number of a row; a checkpoint has none.
fn row(text: &str) -> Option<i64> {
    serde_json::from_str::<Value>(text).ok()?["sequence"].as_i64()
}
