//! Messages to Slack and Teams. Neither can run here: a receiver of our own records what they would
//! get, which is held against what their documentation asks for.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use axum::Router;
use axum::http::{HeaderMap, Uri};
use axum::routing::post;
use grantry_tests::host::{Database, Host};
use grantry_tests::loopback::LoopbackServer;
use serde_json::{Value, json};

use super::{exceptions, test, text};

/// Part of the URL, which is the only secret of such a webhook.
const SECRET_PATH: &str = "/services/T00/B00/a-secret-of-the-room";

type Recorded = Arc<Mutex<Vec<(String, String, String)>>>;

/// A receiver that keeps path, content type and body of each POST.
fn receiver() -> Result<(LoopbackServer, Recorded)> {
    let recorded = Recorded::default();
    let shared = recorded.clone();
    let record = async move |uri: Uri, headers: HeaderMap, body: String| {
        let kind = headers.get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or("");
        let one = (uri.to_string(), kind.to_owned(), body);
        shared.lock().unwrap_or_else(PoisonError::into_inner).push(one);
        "ok"
    };
    Ok((LoopbackServer::start(Router::new().fallback(post(record)), 0)?, recorded))
}

/// Sends a test to a room of this kind: what it got, and the delivery.
async fn told(kind: &str) -> Result<(Value, Value)> {
    let (server, recorded) = receiver()?;
    let host = Host::start(Database::Sqlite).await?;
    let api = host.api().recorded();
    let channel = json!({
        "name": "Room <!channel> [us](https://evil)",
        "settings": { "kind": kind, "address_exceptions": exceptions(server.address()) },
        "secret": format!("http://{}{SECRET_PATH}", server.address()),
    });
    let channel = api.post("/notifications/channels", &channel).await?.ok()?;
    let delivery = test(&api, &channel, "delivered", &json!({})).await?;
    assert!(!api.transcript().contains("a-secret-of-the-room"), "the URL was told");
    assert!(!String::from_utf8(host.log())?.contains("a-secret-of-the-room"), "the URL is logged");
    let recorded = recorded.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let [(path, content_type, body)] = recorded.as_slice() else { panic!("{recorded:#?}") };
    assert_eq!((path.as_str(), content_type.as_str()), (SECRET_PATH, "application/json"));
    Ok((serde_json::from_str(body).context("the message is JSON")?, delivery))
}

#[tokio::test]
async fn slack_gets_blocks_that_mention_nobody() -> Result<()> {
    let (message, delivery) = told("slack").await?;
    let escaped = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let expected = json!({
        "text": escaped(&text(&delivery, "title")?),
        "blocks": [
            { "type": "header", "text": { "type": "plain_text", "text": delivery["title"] } },
            {
                "type": "section",
                "text": { "type": "plain_text", "text": delivery["text"], "emoji": false },
            },
        ],
    });
    assert_eq!(message, expected);
    assert!(text(&delivery, "text")?.contains("<!channel>"), "{delivery}");
    Ok(())
}

#[tokio::test]
async fn teams_gets_an_adaptive_card_without_links() -> Result<()> {
    let (message, delivery) = told("teams").await?;
    assert_eq!(message["type"], "message");
    let attachments = message["attachments"].as_array().context("attachments")?;
    let [attachment] = attachments.as_slice() else { panic!("one card: {message}") };
    assert_eq!(attachment["contentType"], "application/vnd.microsoft.card.adaptive");
    let card = &attachment["content"];
    assert_eq!((&card["type"], &card["version"]), (&json!("AdaptiveCard"), &json!("1.4")));
    let body = card["body"].as_array().context("a body")?;
    assert!(body.len() >= 2, "{card}");
    for block in body {
        assert_eq!((&block["type"], &block["wrap"]), (&json!("TextBlock"), &json!(true)), "{card}");
        let text = text(block, "text")?;
        assert!(!text.contains("[us]("), "{card}");
    }
    // Markdown reads `\[` as a bracket and nothing else.
    let shown = |block: &Value| text(block, "text").map(|text| text.replace('\\', ""));
    assert_eq!(shown(&body[0])?, text(&delivery, "title")?);
    let paragraphs = body[1..].iter().map(shown).collect::<Result<Vec<_>>>()?;
    assert_eq!(paragraphs.join("\n\n"), text(&delivery, "text")?);
    assert!(paragraphs.concat().contains("[us](https://evil)"), "{card}");
    Ok(())
}
