//! Jira Cloud's REST API v3: the tickets to carry out, and moving them on.
//!
//! Source: `GET /rest/api/3/search/jql`, `POST /rest/api/3/issue/{issueIdOrKey}/transitions` and
//! `GET /rest/api/3/myself` of Atlassian's reference.

use grantry_sdk::http::{Request, Transport, encode};
use grantry_sdk::types::{Error, Result};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::connection::Connection;

/// Tickets a call works through: each may cost three requests, within the limits of one call.
const TICKETS_MAX: u32 = 20;

/// A desk, for one call.
pub struct Desk<'a> {
    transport: &'a dyn Transport,
    connection: &'a Connection,
}

/// What an approved ticket asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// Such as `ACCESS-17`.
    pub key: String,
    /// The app's name or id, empty if the ticket does not say.
    pub app: String,
    /// The role's name or id.
    pub role: String,
    /// The account's id.
    pub account: String,
    /// The end, as Jira writes it.
    pub until: Option<String>,
}

/// Some of the tickets.
#[derive(Clone, Debug)]
pub struct Tickets {
    /// In the order of their creation.
    pub items: Vec<Ticket>,
    /// Where the next ones are.
    pub next: Option<String>,
}

/// How a ticket ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The membership was granted.
    Granted,
    /// It cannot be granted as the ticket asks.
    Refused,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Found {
    #[serde(default)]
    issues: Vec<Issue>,
    next_page_token: Option<String>,
}

#[derive(Deserialize)]
struct Issue {
    key: String,
    #[serde(default)]
    fields: Map<String, Value>,
}

impl<'a> Desk<'a> {
    /// A desk that is reached through `transport`.
    pub fn new(transport: &'a dyn Transport, connection: &'a Connection) -> Self {
        Self { transport, connection }
    }

    /// Who the credential is, as Jira shows it.
    ///
    /// # Errors
    /// As Jira says.
    pub fn whoami(&self) -> Result<Option<String>> {
        let user: Value = self.get("/myself")?;
        Ok(user["displayName"].as_str().map(str::to_owned))
    }

    /// The tickets from `at` on.
    ///
    /// # Errors
    /// As Jira says.
    pub fn tickets(&self, at: Option<&str>) -> Result<Tickets> {
        let fields = &self.connection.fields;
        let mut asked = vec![fields.app.as_str(), &fields.role, &fields.account];
        asked.extend(fields.until.as_deref());
        let mut path = format!(
            "/search/jql?jql={}&fields={}&maxResults={TICKETS_MAX}",
            encode(&format!("({}) ORDER BY created ASC", self.connection.jql)),
            encode(&asked.join(",")),
        );
        if let Some(token) = at {
            path.push_str("&nextPageToken=");
            path.push_str(&encode(token));
        }
        let found: Found = self.get(&path)?;
        let items = found.issues.iter().map(|issue| self.ticket(issue)).collect();
        Ok(Tickets { items, next: found.next_page_token })
    }

    /// Moves a ticket on, with a comment. One request does both, so that no crash leaves a comment
    /// without the move.
    ///
    /// # Errors
    /// As Jira says.
    pub fn end(&self, key: &str, ending: Ending, comment: &str) -> Result<()> {
        let transitions = &self.connection.transitions;
        let id = match ending {
            Ending::Granted => &transitions.granted,
            Ending::Refused => &transitions.refused,
        };
        let body = json!({
            "transition": { "id": id },
            "update": { "comment": [{ "add": { "body": document(comment) } }] },
        });
        let url = self.connection.endpoint(&format!("/issue/{}/transitions", encode(key)));
        let request = Request::post(url).auth(self.connection.scheme()).json(&body);
        request.send_with(self.transport)?.success(true).map(drop)
    }

    fn get<T: for<'de> Deserialize<'de>>(&self, path: &str) -> Result<T> {
        let request = Request::get(self.connection.endpoint(path));
        let request = request.auth(self.connection.scheme()).header("accept", "application/json");
        request.send_with(self.transport)?.success(false)?.json()
    }

    fn ticket(&self, issue: &Issue) -> Ticket {
        let fields = &self.connection.fields;
        let text = |name: &str| issue.fields.get(name).and_then(text).unwrap_or_default();
        let until = fields.until.as_deref().map(text).filter(|until| !until.is_empty());
        Ticket {
            key: issue.key.clone(),
            app: text(&fields.app),
            role: text(&fields.role),
            account: text(&fields.account),
            until,
        }
    }
}

impl Ticket {
    /// Names the effect that this ticket has, however often it is carried out.
    pub fn idempotency_key(&self) -> String {
        format!("ticket-{}", self.key)
    }
}

/// The text of a field: plain, or the value of a list to choose from.
fn text(field: &Value) -> Option<String> {
    let text = field.as_str().or_else(|| field["value"].as_str())?;
    Some(text.trim().to_owned())
}

/// Atlassian's document format, one paragraph.
fn document(text: &str) -> Value {
    json!({
        "type": "doc", "version": 1,
        "content": [{ "type": "paragraph", "content": [{ "type": "text", "text": text }] }],
    })
}

impl Tickets {
    /// Where the next ones are, as the host keeps it.
    pub fn cursor(&self) -> Option<Vec<u8>> {
        self.next.as_ref().map(|token| token.clone().into_bytes())
    }
}

/// The place that [`Tickets::cursor`] wrote.
///
/// # Errors
/// [`Error::CursorExpired`] if it is not one.
pub fn place(at: Option<Vec<u8>>) -> Result<Option<String>> {
    at.map(|bytes| String::from_utf8(bytes).map_err(|_| Error::CursorExpired)).transpose()
}
