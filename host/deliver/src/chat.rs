//! Messages for chat rooms: Slack's blocks, and an Adaptive Card for Teams.
//!
//! Values come from targets, so that what either would read as markup is escaped.

use grantry_model::delivery::NoticeMessage;
use serde_json::json;

/// Slack's limit for a header block, in characters.
const SLACK_TITLE_CHARACTERS_MAX: usize = 150;
/// Slack's limit for a section block, in characters.
const SLACK_TEXT_CHARACTERS_MAX: usize = 3_000;

/// The body for an incoming webhook of Slack.
pub(crate) fn slack(message: &NoticeMessage) -> String {
    let title = cut(&message.title, SLACK_TITLE_CHARACTERS_MAX);
    // Of the fallback text only: the blocks are plain. Three characters are control characters of markup.
    let escape = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let text = cut(&message.text, SLACK_TEXT_CHARACTERS_MAX);
    json!({
        "text": escape(&message.title),
        "blocks": [
            { "type": "header", "text": { "type": "plain_text", "text": title } },
            { "type": "section", "text": { "type": "plain_text", "text": text, "emoji": false } },
        ],
    })
    .to_string()
}

/// The body for an incoming webhook (workflow) of Teams.
pub(crate) fn teams(message: &NoticeMessage) -> String {
    let block =
        |text: &str| json!({ "type": "TextBlock", "text": without_markup(text), "wrap": true });
    let mut title = block(&message.title);
    title["weight"] = json!("bolder");
    title["size"] = json!("medium");
    let mut body = vec![title];
    body.extend(message.text.split("\n\n").map(block));
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": null,
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard",
                "version": "1.4",
                "body": body,
            },
        }],
    })
    .to_string()
}

/// A card's text is Markdown: links and emphasis from a value would pretend to be ours.
fn without_markup(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '\\' | '[' | ']' | '(' | ')' | '*' | '_' | '#' | '<' | '>' | '!') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

fn cut(text: &str, max: usize) -> String {
    if text.chars().count() <= max {
        return text.to_owned();
    }
    text.chars().take(max - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use grantry_model::clock::UnixMs;

    use super::*;

    fn message(text: &str) -> NoticeMessage {
        NoticeMessage {
            id: "m".into(),
            kind: "notification.test".into(),
            recipient: String::new(),
            title: "Title".into(),
            text: text.into(),
            fields: "{}".into(),
            created: UnixMs(0),
            now: UnixMs(0),
        }
    }

    #[test]
    fn values_cannot_mention_or_link() {
        let slack: serde_json::Value =
            serde_json::from_str(&slack(&message("<!channel> <https://evil|us>"))).unwrap();
        let text = slack["blocks"][1]["text"]["text"].as_str().unwrap();
        assert_eq!(text, "<!channel> <https://evil|us>");
        assert_eq!(slack["blocks"][1]["text"]["type"], "plain_text");
        assert!(!slack["text"].as_str().unwrap().contains('<'));
        let card: serde_json::Value =
            serde_json::from_str(&teams(&message("[us](https://evil)"))).unwrap();
        let text = card["attachments"][0]["content"]["body"][1]["text"].as_str().unwrap();
        assert_eq!(text, "\\[us\\]\\(https://evil\\)");
    }

    #[test]
    fn long_texts_are_cut_to_what_slack_takes() {
        let slack: serde_json::Value =
            serde_json::from_str(&slack(&message(&"<".repeat(3_000)))).unwrap();
        let text = slack["blocks"][1]["text"]["text"].as_str().unwrap();
        assert_eq!(text.chars().count(), 3_000);
    }
}
