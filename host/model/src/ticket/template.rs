//! What a ticket says: an admin's words in which placeholders stand for the access that is changed.
//!
//! A value is never looked at for further placeholders, and in `fields` it only ever becomes a part of
//! a JSON text: whoever writes a reason cannot add a field.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::clock::UnixMs;
use crate::connection;
use crate::fault::FieldIssue;
use crate::notification::{UNKNOWN, render};
use crate::text::{check_cell, printable};
use crate::ticket::{TicketRequest, TicketSchema};

/// What `{{name}}` can stand for, with an example.
pub const PLACEHOLDERS: [(&str, &str); 17] = [
    ("action", "Grant"),
    ("entitlement", "Payroll"),
    ("entitlement_id", "g7"),
    ("resource", "Payroll"),
    ("account", "grace.lovelace"),
    ("account_id", "u1"),
    ("app", "Wiki"),
    ("integration", "Wiki"),
    ("person", "Grace Lovelace"),
    ("person_mail", "grace@example.com"),
    ("requester", "Ada Byron"),
    ("reason", "On call"),
    ("until", "2026-01-31T12:00:00Z"),
    ("duration", "720 hours"),
    ("request", "0197-request"),
    ("membership", "0197-membership"),
    ("operation", "0197-membership-1"),
];

/// The headline, unless the template has one.
pub const TITLE: &str = "{{action}} {{entitlement}}: {{account}} in {{app}}";
/// The text, unless the template has one.
pub const BODY: &str = "{{action}} access by hand.\n\nApp: {{app}}\nEntitlement: {{entitlement}} ({{entitlement_id}})\nOf: {{resource}}\nAccount: {{account}} ({{account_id}})\nPerson: {{person}}\n\nAsked for by: {{requester}}\nReason: {{reason}}\nUntil: {{until}}\n\nClose this ticket as done when it is so, or as declined with the reason.";

/// Longest headline of a template and of a ticket, in characters.
const TITLE_CHARACTERS_MAX: usize = 250;
/// Longest text of a template, in characters.
const BODY_CHARACTERS_MAX: usize = 8_000;
/// Longest text of a ticket, in characters.
const FILLED_CHARACTERS_MAX: usize = 30_000;
/// Longest filled text of a field, in characters.
const FIELD_CHARACTERS_MAX: usize = 2_000;
/// Most labels.
const LABELS_MAX: usize = 20;
/// Longest label or name, in bytes.
const WORD_BYTES_MAX: usize = 200;
/// Largest `fields`, in bytes of JSON.
const FIELDS_BYTES_MAX: usize = 16_384;
/// How deep `fields` is nested.
const DEPTH_MAX: usize = 16;
/// Kinds of tickets that a message names.
const NAMED_MAX: usize = 20;

/// A moment as tickets name it: RFC 3339, in UTC, to the second.
pub fn moment(at: UnixMs) -> String {
    let moment = jiff::Timestamp::from_second(at.0.div_euclid(1_000));
    moment.map_or_else(|_| at.0.to_string(), |moment| moment.to_string())
}

/// The words and fields of an integration's tickets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TicketTemplate {
    /// Which of the desk's kinds of tickets.
    pub schema: String,
    /// Which type of it, where it has several.
    pub kind: Option<String>,
    /// One line.
    pub title: String,
    /// Plain text.
    pub body: String,
    /// Words without spaces.
    pub labels: Vec<String>,
    /// In the desk's own terms.
    pub fields: Map<String, Value>,
    /// For whom, as the desk knows them.
    pub requested_for: Option<String>,
}

/// What the placeholders of one ticket stand for.
pub type Facts = BTreeMap<String, String>;

impl TicketTemplate {
    /// What is wrong with it by itself.
    pub fn issues(&self) -> Vec<FieldIssue> {
        let mut issues = Vec::new();
        issues.extend(text_issue("/title", &self.title, TITLE_CHARACTERS_MAX));
        issues.extend(text_issue("/body", &self.body, BODY_CHARACTERS_MAX));
        if self.title.trim().is_empty() {
            issues.push(issue("/title", "invalid_string", "must not be empty"));
        }
        if let Some(requested_for) = &self.requested_for {
            issues.extend(text_issue("/requested_for", requested_for, WORD_BYTES_MAX));
        }
        for (at, word) in [("/schema", Some(&self.schema)), ("/kind", self.kind.as_ref())] {
            if word.is_some_and(|word| word.is_empty() || word.len() > WORD_BYTES_MAX) {
                let message = format!("must have 1 to {WORD_BYTES_MAX} bytes");
                issues.push(issue(at, "invalid_string", message));
            }
        }
        if self.labels.len() > LABELS_MAX {
            let message = format!("must be at most {LABELS_MAX}");
            issues.push(issue("/labels", "too_many", message));
        }
        for (position, label) in self.labels.iter().enumerate() {
            let is_word = |c: char| !c.is_whitespace() && !c.is_control();
            if label.is_empty() || label.len() > WORD_BYTES_MAX || !label.chars().all(is_word) {
                let message = format!("must be a word of at most {WORD_BYTES_MAX} bytes");
                issues.push(issue(&format!("/labels/{position}"), "invalid_string", message));
            }
        }
        if Value::Object(self.fields.clone()).to_string().len() > FIELDS_BYTES_MAX {
            let message = format!("must have at most {FIELDS_BYTES_MAX} bytes");
            issues.push(issue("/fields", "too_large", message));
        } else {
            field_issues("/fields", &Value::Object(self.fields.clone()), 0, &mut issues);
        }
        issues
    }

    /// What is wrong with it for a desk that takes these kinds of tickets.
    pub fn issues_at(&self, schemas: &[TicketSchema]) -> Vec<FieldIssue> {
        let Some(schema) = schemas.iter().find(|schema| schema.id == self.schema) else {
            let known = schemas.iter().take(NAMED_MAX);
            let known: Vec<String> = known
                .map(|one| printable(&format!("`{}` ({})", one.id, one.display), 100))
                .collect();
            let message = format!("is no kind of ticket of this desk; it has {}", listed(&known));
            return vec![issue("/schema", "unknown_schema", message)];
        };
        let mut issues = Vec::new();
        let is_known = |kind: &String| schema.types.contains(kind);
        if self.kind.as_ref().is_some_and(|kind| !is_known(kind)) {
            let known = schema.types.iter().take(NAMED_MAX);
            let known: Vec<String> =
                known.map(|name| printable(&format!("`{name}`"), 100)).collect();
            let message = format!("is no type of this kind of ticket; it has {}", listed(&known));
            issues.push(issue("/kind", "unknown_type", message));
        }
        let example = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let filled = filled(
            &Value::Object(self.fields.clone()),
            &PLACEHOLDERS.iter().map(example).collect(),
        );
        issues.extend(schema_issues(&schema.fields_schema, &filled));
        issues
    }

    /// The ticket about one change. `beside` is what has to be said whatever the words are; the key is
    /// the same for every try.
    pub fn request(&self, facts: &Facts, beside: &str, key: &str) -> TicketRequest {
        let title = render(&self.title, facts);
        let title: Vec<&str> = title.split_whitespace().collect();
        let mut body = render(&self.body, facts);
        if !beside.is_empty() {
            body = format!("{beside}\n\n{body}");
        }
        let fields = filled(&Value::Object(self.fields.clone()), facts);
        TicketRequest {
            schema: self.schema.clone(),
            title: cut(&title.join(" "), TITLE_CHARACTERS_MAX),
            body: cut(&body, FILLED_CHARACTERS_MAX),
            kind: self.kind.clone(),
            labels: self.labels.clone(),
            fields: fields.to_string(),
            requested_for: self
                .requested_for
                .as_ref()
                .map(|text| cut(&render(text, facts), WORD_BYTES_MAX))
                .filter(|name| name != UNKNOWN),
            idempotency_key: key.to_owned(),
        }
    }
}

fn cut(text: &str, max: usize) -> String {
    text.chars().take(max).collect()
}

fn listed(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

fn issue(path: &str, code: &str, message: impl Into<String>) -> FieldIssue {
    FieldIssue { path: path.to_owned(), code: code.to_owned(), message: message.into() }
}

/// What is wrong with a text in which placeholders may stand.
fn text_issue(path: &str, text: &str, max: usize) -> Option<FieldIssue> {
    if text.chars().count() > max {
        let message = format!("must have at most {max} characters");
        return Some(issue(path, "invalid_string", message));
    }
    if let Err(error) = check_cell(text) {
        return Some(issue(path, "invalid_string", error.to_string()));
    }
    for part in text.split("{{").skip(1) {
        let Some((name, _)) = part.split_once("}}") else {
            return Some(issue(path, "invalid_template", "has `{{` without `}}`"));
        };
        if !PLACEHOLDERS.iter().any(|(known, _)| *known == name.trim()) {
            let known: Vec<&str> = PLACEHOLDERS.iter().map(|(known, _)| *known).collect();
            let message = format!(
                "names the placeholder `{}`, which is not one of {}",
                printable(name.trim(), 50),
                known.join(", ")
            );
            return Some(issue(path, "unknown_placeholder", message));
        }
    }
    None
}

fn field_issues(path: &str, value: &Value, depth: usize, issues: &mut Vec<FieldIssue>) {
    if depth > DEPTH_MAX {
        issues.push(issue(path, "invalid_template", "is nested too deeply"));
        return;
    }
    match value {
        Value::String(text) => issues.extend(text_issue(path, text, BODY_CHARACTERS_MAX)),
        Value::Array(items) => {
            for (position, item) in items.iter().enumerate() {
                field_issues(&format!("{path}/{position}"), item, depth + 1, issues);
            }
        }
        Value::Object(fields) => {
            for (name, field) in fields {
                let name = connection::escape(name);
                field_issues(&format!("{path}/{name}"), field, depth + 1, issues);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// A value with the placeholders of its texts filled in.
fn filled(value: &Value, facts: &Facts) -> Value {
    let mut left = FILLED_CHARACTERS_MAX;
    fill(value, facts, &mut left)
}

/// The same with as many characters of text as are left.
fn fill(value: &Value, facts: &Facts, left: &mut usize) -> Value {
    match value {
        Value::String(text) => {
            let text = cut(&render(text, facts), FIELD_CHARACTERS_MAX.min(*left));
            *left -= text.chars().count();
            Value::String(text)
        }
        Value::Array(items) => items.iter().map(|item| fill(item, facts, left)).collect(),
        Value::Object(fields) => {
            let fields = fields.iter();
            Value::Object(
                fields.map(|(name, one)| (name.clone(), fill(one, facts, left))).collect(),
            )
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

/// What the desk's schema finds. It is a plugin's, and read with the same care as that of a connection.
fn schema_issues(schema: &str, fields: &Value) -> Vec<FieldIssue> {
    let found = connection::split(schema, fields).err().unwrap_or_default();
    let at_fields = |found: FieldIssue| {
        let path =
            format!("/fields{}", found.path.strip_prefix("/connection").unwrap_or(&found.path));
        issue(&path, &found.code, printable(&found.message, 400))
    };
    found.into_iter().map(at_fields).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn template() -> TicketTemplate {
        TicketTemplate {
            schema: "10002".into(),
            kind: None,
            title: TITLE.into(),
            body: BODY.into(),
            labels: vec!["access".into()],
            fields: json!({ "priority": { "id": "3" }, "for": ["{{person}}"] })
                .as_object()
                .cloned()
                .unwrap(),
            requested_for: Some("{{person_mail}}".into()),
        }
    }

    fn schema() -> TicketSchema {
        let fields_schema = json!({ "type": "object", "required": ["priority"], "properties": {
            "priority": { "type": "object" }, "for": { "items": { "maxLength": 20 } } } });
        TicketSchema {
            id: "10002".into(),
            display: "Task".into(),
            fields_schema: fields_schema.to_string(),
            statuses: Vec::new(),
            types: vec!["change".into()],
        }
    }

    fn codes(issues: &[FieldIssue]) -> Vec<(&str, &str)> {
        issues.iter().map(|one| (&*one.path, &*one.code)).collect()
    }

    #[test]
    fn the_default_words_are_good_ones() {
        assert_eq!(template().issues(), []);
        assert_eq!(template().issues_at(&[schema()]), []);
    }

    #[test]
    fn an_unknown_placeholder_is_told_by_its_field_with_those_that_are_known() {
        let mut wrong = template();
        wrong.title = "{{pasword}}".into();
        wrong.body = "{{ reason".into();
        wrong.fields.insert("a/b".into(), json!([{ "c": "{{who}}" }]));
        let issues = wrong.issues();
        assert_eq!(
            codes(&issues),
            [
                ("/title", "unknown_placeholder"),
                ("/body", "invalid_template"),
                ("/fields/a~1b/0/c", "unknown_placeholder"),
            ]
        );
        assert!(issues[0].message.contains("`pasword`"), "{}", issues[0].message);
        assert!(issues[0].message.contains("action, entitlement,"), "{}", issues[0].message);
    }

    #[test]
    fn what_the_desk_does_not_take_is_told() {
        let other = TicketTemplate { schema: "1".into(), ..template() };
        let issues = other.issues_at(&[schema()]);
        assert_eq!(codes(&issues), [("/schema", "unknown_schema")]);
        assert!(issues[0].message.ends_with("it has `10002` (Task)"), "{}", issues[0].message);
        let mut wrong = TicketTemplate { kind: Some("incident".into()), ..template() };
        wrong.fields = json!({ "for": ["a text of more than twenty characters"] })
            .as_object()
            .cloned()
            .unwrap();
        let issues = wrong.issues_at(&[schema()]);
        let mut found = codes(&issues);
        found.sort_unstable();
        assert_eq!(
            found,
            [("/fields", "schema"), ("/fields/for/0", "schema"), ("/kind", "unknown_type")]
        );
    }

    #[test]
    fn a_schema_that_never_ends_is_refused() {
        let endless = r##"{"allOf": [{"$ref": "#"}, {"$ref": "#"}]}"##;
        let schema = TicketSchema { fields_schema: endless.into(), ..schema() };
        assert_eq!(codes(&template().issues_at(&[schema])), [("/fields", "bad_schema")]);
    }

    #[test]
    fn values_stay_values() {
        let mut facts = Facts::new();
        facts.insert("person".into(), "\"}, \"admin\": \"{{reason}}".into());
        facts.insert("entitlement".into(), "Pay\nroll".into());
        facts.insert("reason".into(), "a\n\nb".into());
        let request = template().request(&facts, "Beside.", "m-1.2");
        assert_eq!(request.title, "– Pay roll: – in –", "one line");
        assert!(request.body.starts_with("Beside.\n\n– access"), "{}", request.body);
        assert!(request.body.contains("Reason: a\n\nb\n"), "{}", request.body);
        let fields: Value = serde_json::from_str(&request.fields).unwrap();
        let expected =
            json!({ "priority": { "id": "3" }, "for": ["\"}, \"admin\": \"{{reason}}"] });
        assert_eq!(fields, expected);
        assert_eq!((&*request.idempotency_key, request.requested_for.as_deref()), ("m-1.2", None));
    }

    #[test]
    fn a_filled_ticket_is_bounded() {
        let facts = Facts::from([("reason".to_owned(), "x".repeat(1_000_000))]);
        let long = TicketTemplate { title: "{{reason}}".into(), ..template() };
        let request = long.request(&facts, "", "k");
        assert_eq!(request.title.chars().count(), 250);
        assert_eq!(request.body.chars().count(), 30_000);
        let mut many = template();
        let texts = vec!["{{reason}}"; 1_000];
        many.fields.insert("texts".into(), json!(texts));
        assert!(many.request(&facts, "", "k").fields.len() < 50_000);
    }
}
