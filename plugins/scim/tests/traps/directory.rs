//! A SCIM server in memory, with switches to misbehave as real ones do.

use std::cell::RefCell;

use grantry_sdk::http::{HttpError, RawRequest, Response, Transport};
use serde_json::{Map, Value, json};

/// How the server misbehaves. All off: it is honest.
#[derive(Clone, Debug, Default)]
pub struct Quirks {
    // Lists.
    pub empty_without_paging: bool,
    pub page_max: Option<usize>,
    pub total_is_page_count: bool,
    pub total_offset: i64,
    pub items_per_page_is_requested: bool,
    pub counts_from_zero: bool,
    pub ignores_start_index: bool,
    pub ignores_count: bool,
    pub cuts_off_at: Option<usize>,
    pub repeats_last_page: bool,
    pub refuses_past_the_end: bool,
    pub total_as_text: bool,
    pub without_total: bool,
    pub body_max: Option<usize>,
    pub lists_without_members: bool,
    pub lists_twice: bool,
    pub cursor: bool,
    pub cursor_ignored: bool,
    pub cursor_expires: bool,
    pub cursor_repeats: bool,
    /// Deletes this user before the n-th list request (from 1).
    pub deletes_before: Option<(usize, String)>,
    /// Adds a user at the end before the n-th list request.
    pub adds_before: Option<usize>,
    pub ignores_filter: bool,
    pub refuses_filter: bool,
    // Media types.
    pub plain_json_only: bool,
    // Writes.
    pub says_no_patch: bool,
    pub patch_status: Option<u16>,
    pub put_status: Option<u16>,
    pub delete_status: Option<u16>,
    pub delete_disables: bool,
    pub patch_ignored: bool,
    pub put_ignored: bool,
    pub patch_path_fails: bool,
    pub urn_path_refused: bool,
    pub add_keeps_at_most: Option<usize>,
    pub shows_members_at_most: Option<usize>,
    pub remove_by_value_empties: bool,
    pub booleans_as_text: bool,
    pub put_conflicts: usize,
    pub loses_write_answer: bool,
    pub drops_write: bool,
    pub post_status_after_write: Option<u16>,
    pub post_without_body: bool,
}

#[derive(Debug, Default)]
struct State {
    users: Vec<Value>,
    groups: Vec<Value>,
    lists: usize,
    log: Vec<String>,
    bodies: Vec<Value>,
    version: u64,
}

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
                "GET" => state.get(collection, id, &quirks),
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

impl State {
    fn collection(&mut self, name: &str) -> &mut Vec<Value> {
        if name == "Users" { &mut self.users } else { &mut self.groups }
    }

    fn list(&mut self, name: &str, query: &[(String, String)], quirks: &Quirks) -> (u16, Value) {
        let get = |key: &str| query.iter().find(|(k, _)| k == key).map(|(_, value)| value.as_str());
        if let Some(filter) = get("filter").filter(|_| !quirks.ignores_filter) {
            let (status, mut body) = self.search(name, filter, quirks);
            if get("excludedAttributes") == Some("members") {
                without_members(body["Resources"].as_array_mut());
            }
            return (status, body);
        }
        self.lists += 1;
        if let Some((_, id)) = quirks.deletes_before.as_ref().filter(|(n, _)| *n == self.lists) {
            self.users.retain(|user| user["id"] != **id);
        }
        if quirks.adds_before == Some(self.lists) {
            let next = self.users.len() + 1;
            self.users.push(user(next));
        }
        if quirks.empty_without_paging && (get("startIndex").is_none() || get("count").is_none()) {
            return (200, page(&[], 0, quirks, 0));
        }
        let mut all = self.collection(name).clone();
        if quirks.lists_without_members || get("excludedAttributes") == Some("members") {
            without_members(Some(&mut all));
        }
        all.truncate(quirks.cuts_off_at.unwrap_or(usize::MAX));
        let asked: usize = get("count").and_then(|text| text.parse().ok()).unwrap_or(100);
        let mut count = asked.min(quirks.page_max.unwrap_or(usize::MAX));
        if quirks.ignores_count {
            count = usize::MAX;
        }
        if let Some(token) = get("cursor").filter(|_| quirks.cursor && !quirks.cursor_ignored) {
            return by_cursor(&all, token, count, quirks);
        }
        let start: usize = get("startIndex").and_then(|text| text.parse().ok()).unwrap_or(1);
        let mut first = if quirks.counts_from_zero { start } else { start.max(1) - 1 };
        if first >= all.len() && first > 0 && quirks.refuses_past_the_end {
            return (400, json!({ "scimType": "invalidValue" }));
        }
        if first >= all.len() && quirks.repeats_last_page {
            first = all.len().saturating_sub(count);
        }
        if quirks.ignores_start_index {
            first = 0;
        }
        let total = all.len();
        let mut resources: Vec<Value> = all.into_iter().skip(first).take(count).collect();
        if quirks.lists_twice && resources.len() > 1 {
            resources[1] = resources[0].clone();
        }
        (200, page(&resources, total, quirks, asked))
    }

    /// `a eq "x"`, joined by `and`.
    fn search(&mut self, name: &str, filter: &str, quirks: &Quirks) -> (u16, Value) {
        if quirks.refuses_filter {
            return (400, json!({ "scimType": "invalidFilter" }));
        }
        let mut found = self.collection(name).clone();
        for term in filter.split(" and ") {
            let (attribute, value) = term.split_once(" eq ").unwrap();
            let value: String = serde_json::from_str(value).unwrap();
            found.retain(|resource| match attribute {
                "members" => member_ids(resource).contains(&value),
                _ => resource[attribute]
                    .as_str()
                    .is_some_and(|text| text.eq_ignore_ascii_case(&value)),
            });
        }
        let total = found.len();
        (200, page(&found, total, quirks, total))
    }

    fn get(&mut self, name: &str, id: &str, quirks: &Quirks) -> (u16, Value) {
        let Some(mut found) = self.collection(name).iter().find(|r| r["id"] == id).cloned() else {
            return (404, Value::Null);
        };
        if let (Some(max), Some(members)) =
            (quirks.shows_members_at_most, found.get_mut("members").and_then(Value::as_array_mut))
        {
            members.truncate(max);
        }
        if let (true, Some(active)) = (quirks.booleans_as_text, found.get("active").cloned()) {
            found["active"] = json!(if active == json!(true) { "True" } else { "False" });
        }
        (200, found)
    }

    fn create(&mut self, name: &str, mut body: Value, quirks: &Quirks) -> (u16, Value) {
        let key = if name == "Users" { "userName" } else { "displayName" };
        let is_taken = self.collection(name).iter().any(|r| r[key] == body[key]);
        if is_taken {
            return (409, json!({ "scimType": "uniqueness", "detail": "SECRET taken" }));
        }
        let next = self.collection(name).len() + 1;
        body["id"] = json!(format!("new{next}"));
        self.collection(name).push(body.clone());
        match quirks.post_status_after_write {
            Some(status) => (status, Value::Null),
            None if quirks.post_without_body => (201, Value::Null),
            None => (201, body),
        }
    }

    fn put(
        &mut self,
        name: &str,
        id: &str,
        mut body: Value,
        if_match: Option<String>,
        quirks: &mut Quirks,
    ) -> (u16, Value) {
        if let Some(status) = quirks.put_status {
            return (status, Value::Null);
        }
        let version = self.version;
        self.version += 1;
        let Some(found) = self.collection(name).iter_mut().find(|r| r["id"] == id) else {
            return (404, Value::Null);
        };
        if quirks.put_conflicts > 0 {
            quirks.put_conflicts -= 1;
            found["meta"] = json!({ "version": format!("W/\"{version}\"") });
            return (412, Value::Null);
        }
        let current = found["meta"]["version"].as_str().map(str::to_owned);
        if if_match.is_some() && if_match != current {
            return (412, Value::Null);
        }
        assert!(body.get("meta").is_none(), "a replacement carries the server's meta");
        if !quirks.put_ignored {
            body["id"] = json!(id);
            *found = body;
        }
        (200, found.clone())
    }

    fn patch(&mut self, name: &str, id: &str, body: &Value, quirks: &Quirks) -> (u16, Value) {
        if let Some(status) = quirks.patch_status {
            return (status, Value::Null);
        }
        let Some(found) = self.collection(name).iter_mut().find(|r| r["id"] == id) else {
            return (404, Value::Null);
        };
        let operations = body["Operations"].as_array().unwrap();
        let has_path = operations.iter().any(|operation| operation.get("path").is_some());
        if quirks.patch_path_fails && has_path {
            return (500, Value::Null);
        }
        let has_urn =
            |operation: &Value| operation["path"].as_str().is_some_and(|p| p.contains(':'));
        if quirks.urn_path_refused && operations.iter().any(has_urn) {
            return (400, json!({ "scimType": "invalidPath" }));
        }
        if !quirks.patch_ignored {
            for operation in operations {
                apply(found, operation, quirks);
            }
        }
        (200, found.clone())
    }

    fn delete(&mut self, name: &str, id: &str, quirks: &Quirks) -> (u16, Value) {
        if let Some(status) = quirks.delete_status {
            return (status, Value::Null);
        }
        let Some(found) = self.collection(name).iter_mut().find(|r| r["id"] == id) else {
            return (404, Value::Null);
        };
        if quirks.delete_disables {
            found["active"] = json!(false);
        } else {
            self.collection(name).retain(|resource| resource["id"] != id);
        }
        (204, Value::Null)
    }
}

fn apply(resource: &mut Value, operation: &Value, quirks: &Quirks) {
    let object = resource.as_object_mut().unwrap();
    let value = &operation["value"];
    match (operation["op"].as_str().unwrap(), operation["path"].as_str()) {
        ("add", Some(path)) => append(object, path, value, quirks),
        ("add" | "replace", None) => {
            for (key, value) in value.as_object().unwrap() {
                if key == "members" {
                    append(object, key, value, quirks);
                } else {
                    object.insert(key.clone(), value.clone());
                }
            }
        }
        ("replace", Some(path)) => {
            let slot = match path.rsplit_once(':') {
                Some((urn, name)) => &mut object.entry(urn).or_insert_with(|| json!({}))[name],
                None => object.entry(path).or_insert(Value::Null),
            };
            *slot = value.clone();
        }
        ("remove", Some(path)) => match path.split_once("[value eq ") {
            Some((name, id)) => {
                let id: String = serde_json::from_str(id.trim_end_matches(']')).unwrap();
                object[name].as_array_mut().unwrap().retain(|element| element["value"] != id);
            }
            None if quirks.remove_by_value_empties || value.is_null() => {
                object.remove(path);
            }
            None => {}
        },
        other => panic!("{other:?}"),
    }
}

fn append(object: &mut Map<String, Value>, path: &str, value: &Value, quirks: &Quirks) {
    let slot = object.entry(path).or_insert_with(|| json!([]));
    let elements = slot.as_array_mut().unwrap();
    elements.extend(value.as_array().unwrap().iter().cloned());
    if let Some(max) = quirks.add_keeps_at_most {
        let excess = elements.len().saturating_sub(max);
        elements.drain(..excess);
    }
}

fn by_cursor(all: &[Value], token: &str, count: usize, quirks: &Quirks) -> (u16, Value) {
    if quirks.cursor_expires && !token.is_empty() {
        return (400, json!({ "scimType": "expiredCursor" }));
    }
    let first: usize = token.parse().unwrap_or(0);
    let resources: Vec<Value> = all.iter().skip(first).take(count).cloned().collect();
    let mut body = page(&resources, all.len(), quirks, count);
    let next = first + resources.len();
    if next < all.len() {
        body["nextCursor"] =
            json!(if quirks.cursor_repeats { "7".into() } else { next.to_string() });
    }
    (200, body)
}

fn page(resources: &[Value], total: usize, quirks: &Quirks, asked: usize) -> Value {
    let mut body = json!({ "Resources": resources, "startIndex": 1 });
    let total = if quirks.total_is_page_count { resources.len() } else { total };
    let total = (total as i64 + quirks.total_offset).max(0);
    body["itemsPerPage"] =
        json!(if quirks.items_per_page_is_requested { asked } else { resources.len() });
    if !quirks.without_total {
        body["totalResults"] =
            if quirks.total_as_text { json!(total.to_string()) } else { json!(total) };
    }
    body
}

fn service(quirks: &Quirks) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
        "patch": { "supported": !quirks.says_no_patch },
        "pagination": { "cursor": quirks.cursor }
    })
}

fn without_members(groups: Option<&mut Vec<Value>>) {
    for group in groups.into_iter().flatten() {
        group.as_object_mut().unwrap().remove("members");
    }
}

fn member_ids(group: &Value) -> Vec<String> {
    let members = group.get("members").and_then(Value::as_array);
    let id = |member: &Value| member["value"].as_str().unwrap().to_owned();
    members.map(|members| members.iter().map(id).collect()).unwrap_or_default()
}

fn user(n: usize) -> Value {
    json!({ "id": format!("u{n}"), "userName": format!("user{n}"), "active": true })
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
