//! Jira Cloud's REST API v3: a ticket is looked for by its label before it is opened, and read.
//!
//! Source: `POST /rest/api/3/issue`, `GET /rest/api/3/issue/{issueIdOrKey}`, `GET
//! /rest/api/3/search/jql`, `GET /rest/api/3/project/{projectIdOrKey}/statuses` and `GET
//! /rest/api/3/myself` of Atlassian's reference.

use grantry_sdk::http::{Request, Transport, encode};
use grantry_sdk::lifecycle::ConnectionReport;
use grantry_sdk::tickets::{Ticket, TicketRequest, TicketSchema, TicketState};
use grantry_sdk::time::parse_ms;
use grantry_sdk::types::{Error, FieldIssue, Result};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::connection::Connection;
use crate::document;

/// Longest summary that Jira takes, in characters.
const SUMMARY_CHARACTERS_MAX: usize = 255;
/// Longest word of a person that is passed on, in characters.
const RESOLUTION_CHARACTERS_MAX: usize = 1_000;
/// What a template cannot say: the plugin says it.
const OWN_FIELDS: [&str; 5] = ["project", "issuetype", "summary", "description", "labels"];
/// What is read of a ticket.
const READ_FIELDS: &str = "status,resolution,updated,comment";

/// A desk, for one call.
pub struct Desk<'a> {
    transport: &'a dyn Transport,
    connection: &'a Connection,
}

#[derive(Deserialize)]
struct Found {
    #[serde(default)]
    issues: Vec<Issue>,
}

#[derive(Deserialize)]
struct Created {
    key: String,
}

#[derive(Deserialize)]
struct Issue {
    key: String,
    #[serde(default)]
    fields: Value,
}

#[derive(Deserialize)]
struct IssueType {
    id: String,
    name: String,
    #[serde(default)]
    subtask: bool,
    #[serde(default)]
    statuses: Vec<Value>,
}

impl<'a> Desk<'a> {
    /// A desk that is reached through `transport`.
    pub fn new(transport: &'a dyn Transport, connection: &'a Connection) -> Self {
        Self { transport, connection }
    }

    /// Whether Jira answers and has the project.
    ///
    /// # Errors
    /// As Jira says.
    pub fn test(&self) -> Result<ConnectionReport> {
        let mut report = ConnectionReport::of(Vec::new());
        let user: Value = self.get("/myself")?;
        report.tenant = user["displayName"].as_str().map(str::to_owned);
        if self.schemas()?.is_empty() {
            report.warnings.push("the project has no issue type that a ticket could have".into());
        }
        Ok(report)
    }

    /// The issue types of the project, without sub-tasks.
    ///
    /// # Errors
    /// As Jira says.
    pub fn schemas(&self) -> Result<Vec<TicketSchema>> {
        let project = encode(&self.connection.project);
        let types: Vec<IssueType> = self.get(&format!("/project/{project}/statuses"))?;
        let schema = |kind: IssueType| TicketSchema {
            id: kind.id,
            display: kind.name,
            fields_schema: json!({ "type": "object" }).to_string(),
            statuses: kind
                .statuses
                .iter()
                .filter_map(|status| {
                    Some((status["name"].as_str()?.to_owned(), self.state(status, None)))
                })
                .collect(),
            types: Vec::new(),
        };
        Ok(types.into_iter().filter(|kind| !kind.subtask).map(schema).collect())
    }

    /// Opens a ticket, unless there is one with its label: then that one is told.
    ///
    /// Jira's search shows a new ticket some seconds late: whoever asks again after a lost answer
    /// waits a while first.
    ///
    /// # Errors
    /// As Jira says; [`Error::OutcomeUnknown`] if the ticket may have been opened.
    pub fn create(&self, request: &TicketRequest) -> Result<Ticket> {
        let label = label(&request.idempotency_key)?;
        let fields = self.fields(request, &label)?;
        if let Some(there) = self.labelled(&label)? {
            return Ok(there);
        }
        let url = self.connection.endpoint("/issue");
        let sent = Request::post(url)
            .auth(self.connection.scheme())
            .header("accept", "application/json")
            .json(&json!({ "fields": fields }))
            .send_with(self.transport)?
            .success(true)?;
        // It is there: an answer that cannot be read is no reason to open another one.
        let created: Created = sent
            .json()
            .map_err(|_| Error::OutcomeUnknown("Jira's answer has no key of a ticket".into()))?;
        Ok(Ticket {
            url: Some(self.connection.page(&created.key)),
            id: created.key,
            state: TicketState::Open,
            native_status: String::new(),
            updated_ms: None,
            resolution: None,
        })
    }

    /// How a ticket stands.
    ///
    /// # Errors
    /// As Jira says; [`Error::NotFound`] if there is none.
    pub fn ticket(&self, id: &str) -> Result<Ticket> {
        let issue: Issue = self.get(&format!("/issue/{}?fields={READ_FIELDS}", encode(id)))?;
        Ok(self.read(&issue))
    }

    fn labelled(&self, label: &str) -> Result<Option<Ticket>> {
        let project = &self.connection.project;
        let jql = format!("project = \"{project}\" AND labels = \"{label}\" ORDER BY created ASC");
        let path = format!("/search/jql?jql={}&fields={READ_FIELDS}&maxResults=1", encode(&jql));
        let found: Found = self.get(&path)?;
        Ok(found.issues.first().map(|issue| self.read(issue)))
    }

    /// The fields of a new ticket: those of the template, and the plugin's own.
    fn fields(&self, request: &TicketRequest, label: &str) -> Result<Map<String, Value>> {
        let template = match request.fields.trim() {
            "" => Ok(Map::new()),
            text => serde_json::from_str(text),
        };
        let mut fields: Map<String, Value> =
            template.map_err(|_| invalid("/fields", "must be a JSON object"))?;
        if let Some(own) = OWN_FIELDS.iter().find(|own| fields.contains_key(**own)) {
            return Err(invalid(&format!("/fields/{own}"), "is said by the ticket itself"));
        }
        let mut labels = vec![label.to_owned()];
        labels.extend(request.labels.iter().cloned());
        if labels.iter().any(|label| label.is_empty() || label.contains(char::is_whitespace)) {
            return Err(invalid("/labels", "must be words without spaces"));
        }
        let summary: String = request
            .title
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
            .chars()
            .take(SUMMARY_CHARACTERS_MAX)
            .collect();
        fields.insert("project".into(), project(&self.connection.project));
        fields.insert("issuetype".into(), json!({ "id": request.schema }));
        fields.insert("summary".into(), summary.into());
        fields.insert("description".into(), document::of(&request.body));
        fields.insert("labels".into(), labels.into());
        Ok(fields)
    }

    fn read(&self, issue: &Issue) -> Ticket {
        let fields = &issue.fields;
        let status = &fields["status"];
        let name = |value: &Value| value["name"].as_str().map(str::to_owned);
        let resolution = name(&fields["resolution"]);
        let state = self.state(status, resolution.as_deref());
        let comments = fields["comment"]["comments"].as_array();
        let said = comments.and_then(|all| all.last()).map(|last| document::text(&last["body"]));
        let words: Vec<String> =
            resolution.into_iter().chain(said).filter(|words| !words.is_empty()).collect();
        let words: String = words.join(": ").chars().take(RESOLUTION_CHARACTERS_MAX).collect();
        Ticket {
            id: issue.key.clone(),
            url: Some(self.connection.page(&issue.key)),
            state,
            native_status: name(status).unwrap_or_default(),
            updated_ms: fields["updated"].as_str().and_then(parse_ms),
            resolution: Some(words).filter(|words| !words.is_empty()),
        }
    }

    /// By the category of the status, which is the same in every workflow. A closed one was done,
    /// unless the connection calls its status or resolution a refusal.
    fn state(&self, status: &Value, resolution: Option<&str>) -> TicketState {
        let is_refused = [status["name"].as_str(), resolution]
            .into_iter()
            .flatten()
            .any(|name| self.connection.is_refusal(name));
        match status["statusCategory"]["key"].as_str() {
            Some("new") => TicketState::Open,
            Some("indeterminate") => TicketState::InProgress,
            Some("done") if is_refused => TicketState::Rejected,
            Some("done") => TicketState::Done,
            _ => TicketState::Unknown,
        }
    }

    fn get<T: for<'de> Deserialize<'de>>(&self, path: &str) -> Result<T> {
        let request = Request::get(self.connection.endpoint(path));
        let request = request.auth(self.connection.scheme()).header("accept", "application/json");
        request.send_with(self.transport)?.success(false)?.json()
    }
}

/// A project by its key, or by its id if that is a number.
fn project(named: &str) -> Value {
    let by = if named.bytes().all(|byte| byte.is_ascii_digit()) { "id" } else { "key" };
    json!({ by: named })
}

/// By which a ticket is found again.
fn label(key: &str) -> Result<String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if key.is_empty() || key.len() > 200 || !key.chars().all(is_plain) {
        return Err(invalid("/idempotency-key", "must have 1 to 200 letters, digits and `-_.`"));
    }
    Ok(format!("grantry-{key}"))
}

fn invalid(path: &str, message: &str) -> Error {
    Error::InvalidInput(vec![FieldIssue::new(path, "invalid_input", message)])
}
