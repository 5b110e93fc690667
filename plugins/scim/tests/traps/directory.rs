//! A SCIM server in memory, with switches to misbehave as real ones do.

mod answer;
mod patch;
mod quirks;
mod state;

use std::cell::RefCell;

use grantry_sdk::http::{HttpError, RawRequest, Response, Transport};
use serde_json::{Value, json};

use answer::{member_ids, service, user};
pub use quirks::Quirks;
use state::State;

/// The server.
#[derive(Debug, Default)]
pub struct Directory {
    pub quirks: RefCell<Quirks>,
    state: RefCell<State>,
}

impl Directory {
    /// `users` users `u1…` and no groups.
    pub fn with_users(users: usize) -> Self {
        let directory = Self::default();
        directory.state.borrow_mut().users = (1..=users).map(user).collect();
        directory
    }

    pub fn quirks(self, set: impl FnOnce(&mut Quirks)) -> Self {
        set(&mut self.quirks.borrow_mut());
        self
    }

    /// Adds a group `id` with the users `u1…` as its members.
    pub fn with_group(self, id: &str, members: usize) -> Self {
        let members: Vec<Value> =
            (1..=members).map(|n| json!({ "value": format!("u{n}") })).collect();
        self.with_resource_group(
            json!({ "id": id, "displayName": format!("Group {id}"), "members": members }),
        )
    }

    pub fn with_resource_group(self, group: Value) -> Self {
        self.state.borrow_mut().groups.push(group);
        self
    }

    pub fn with_user(self, user: Value) -> Self {
        self.state.borrow_mut().users.push(user);
        self
    }

    pub fn group_members(&self, id: &str) -> Vec<String> {
        let state = self.state.borrow();
        let group = state.groups.iter().find(|group| group["id"] == id).unwrap();
        member_ids(group)
    }

    pub fn user(&self, id: &str) -> Option<Value> {
        self.state.borrow().users.iter().find(|user| user["id"] == id).cloned()
    }

    pub fn user_count(&self) -> usize {
        self.state.borrow().users.len()
    }

    /// Removes the first member behind the connector's back.
    pub fn drop_first_member(&self, id: &str) {
        let mut state = self.state.borrow_mut();
        let group = state.groups.iter_mut().find(|group| group["id"] == id).unwrap();
        group["members"].as_array_mut().unwrap().remove(0);
    }

    /// `PATCH /Groups/g` for each request so far.
    pub fn log(&self) -> Vec<String> {
        self.state.borrow().log.clone()
    }

    /// The writes among them.
    pub fn writes(&self) -> Vec<String> {
        self.log().into_iter().filter(|line| !line.starts_with("GET")).collect()
    }

    /// The bodies of the writes.
    pub fn bodies(&self) -> Vec<Value> {
        self.state.borrow().bodies.clone()
    }

    fn answer(&self, request: &RawRequest) -> (u16, Value) {
        let url = request.url.strip_prefix("https://idp.test/scim/v2").unwrap();
        let (path, query) = url.split_once('?').unwrap_or((url, ""));
        let query: Vec<(String, String)> = query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(|(name, value)| (name.to_owned(), decode(value)))
            .collect();
        let body: Value = serde_json::from_slice(&request.body).unwrap_or(Value::Null);
        let quirks = self.quirks.borrow().clone();
        let mut state = self.state.borrow_mut();
        state.log.push(format!("{} {path}", request.method));
        if request.method != "GET" {
            state.bodies.push(body.clone());
        }
        let media = |name: &str| {
            let header = request.headers.iter().find(|(header, _)| header == name);
            header.is_some_and(|(_, value)| value.contains("scim+json"))
        };
        if quirks.plain_json_only && media("accept") {
            return (406, Value::Null);
        }
        if quirks.plain_json_only && media("content-type") {
            return (415, Value::Null);
        }
        let segments: Vec<String> = path.split('/').skip(1).map(decode).collect();
        match segments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            ["ServiceProviderConfig"] => (200, service(&quirks)),
            [collection] => match request.method.as_str() {
                "GET" => state.list(collection, &query, &quirks),
                _ => state.create(collection, body, &quirks),
            },
            [collection, id] => match request.method.as_str() {
                "GET" => {
                    let (status, mut found) = state.get(collection, id, &quirks);
                    let is_asked = query.iter().any(|(_, value)| value == "members");
                    if quirks.shows_members_on_request && !is_asked && status == 200 {
                        found.as_object_mut().unwrap().remove("members");
                    }
                    (status, found)
                }
                "PATCH" => state.patch(collection, id, &body, &quirks),
                "PUT" => {
                    let if_match = request.headers.iter().find(|(name, _)| name == "if-match");
                    let if_match = if_match.map(|(_, value)| value.clone());
                    let mut quirks = self.quirks.borrow_mut();
                    state.put(collection, id, body, if_match, &mut quirks)
                }
                _ => state.delete(collection, id, &quirks),
            },
            _ => (404, Value::Null),
        }
    }
}

impl Transport for Directory {
    fn send(&self, request: &RawRequest) -> Result<Response, HttpError> {
        assert_eq!(request.auth.as_deref(), Some("bearer"));
        let quirks = self.quirks.borrow().clone();
        if quirks.drops_write && request.method != "GET" {
            return Err(HttpError::TimedOut);
        }
        let (status, body) = self.answer(request);
        if quirks.loses_write_answer && request.method != "GET" {
            return Err(HttpError::Protocol("connection reset".into()));
        }
        let text = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        if quirks.body_max.is_some_and(|max| text.len() > max) {
            return Err(HttpError::TooLarge);
        }
        Ok(Response { status, headers: Vec::new(), body: text })
    }
}

fn decode(text: impl AsRef<str>) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_ref().bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next().unwrap(), rest.next().unwrap()];
            bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap());
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).unwrap()
}
