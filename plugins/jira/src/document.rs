//! Atlassian's document format: paragraphs written, and plain text read.

use serde_json::{Value, json};

/// Deepest nesting that is read; documents come from whoever may comment.
const DEPTH_MAX: u32 = 20;

/// A document with a paragraph for each line.
pub fn of(text: &str) -> Value {
    let paragraph = |line: &str| match line {
        "" => json!({ "type": "paragraph", "content": [] }),
        line => {
            json!({ "type": "paragraph", "content": [{ "type": "text", "text": line }] })
        }
    };
    let content: Vec<Value> = text.lines().map(paragraph).collect();
    json!({ "type": "doc", "version": 1, "content": content })
}

/// The text of a document, blocks apart by a space.
pub fn text(document: &Value) -> String {
    let mut words = String::new();
    gather(document, 0, &mut words);
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn gather(node: &Value, depth: u32, words: &mut String) {
    if depth > DEPTH_MAX {
        return;
    }
    if let Some(text) = node["text"].as_str() {
        words.push_str(text);
    }
    for inner in node["content"].as_array().into_iter().flatten() {
        gather(inner, depth + 1, words);
    }
    if node["type"] != "text" {
        words.push(' ');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        assert_eq!(text(&of("no licence\n\nis left")), "no licence is left");
        assert_eq!(text(&Value::Null), "");
    }

    #[test]
    fn a_word_in_two_styles_stays_one() {
        let part = |text: &str| json!({ "type": "text", "text": text });
        let document = json!({ "type": "doc", "content": [
            { "type": "paragraph", "content": [part("li"), part("cence")] },
            { "type": "paragraph", "content": [part("left")] },
        ]});
        assert_eq!(text(&document), "licence left");
    }
}
