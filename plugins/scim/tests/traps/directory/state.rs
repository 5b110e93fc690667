//! What the server keeps, and what its methods do to it.

use serde_json::{Value, json};

use super::answer::{by_cursor, member_ids, page, user, without_members};
use super::patch::apply;
use super::quirks::Quirks;

#[derive(Debug, Default)]
pub struct State {
    pub users: Vec<Value>,
    pub groups: Vec<Value>,
    pub lists: usize,
    pub log: Vec<String>,
    pub bodies: Vec<Value>,
    version: u64,
}

impl State {
    pub fn collection(&mut self, name: &str) -> &mut Vec<Value> {
        if name == "Users" { &mut self.users } else { &mut self.groups }
    }

    pub fn list(
        &mut self,
        name: &str,
        query: &[(String, String)],
        quirks: &Quirks,
    ) -> (u16, Value) {
        let get = |key: &str| query.iter().find(|(k, _)| k == key).map(|(_, value)| value.as_str());
        if let Some(filter) = get("filter").filter(|_| !quirks.ignores_filter) {
            let (status, mut body) = self.search(name, filter, quirks);
            if get("excludedAttributes") == Some("members") {
                without_members(body["Resources"].as_array_mut().map(Vec::as_mut_slice));
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
        if quirks.lists_without_members
            || quirks.never_shows_members
            || quirks.shows_members_on_request
            || get("excludedAttributes") == Some("members")
        {
            without_members(Some(&mut all[..]));
        }
        if quirks.leaves_out_empty {
            for group in all.iter_mut().filter(|group| member_ids(group).is_empty()) {
                without_members(Some(std::slice::from_mut(group)));
            }
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
    pub fn search(&mut self, name: &str, filter: &str, quirks: &Quirks) -> (u16, Value) {
        if quirks.refuses_filter {
            return (400, json!({ "scimType": "invalidFilter" }));
        }
        let mut found = self.collection(name).clone();
        for term in filter.split(" and ") {
            if term == "members pr" {
                found.retain(|resource| !member_ids(resource).is_empty());
                continue;
            }
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

    pub fn get(&mut self, name: &str, id: &str, quirks: &Quirks) -> (u16, Value) {
        let Some(mut found) = self.collection(name).iter().find(|r| r["id"] == id).cloned() else {
            return (404, Value::Null);
        };
        let is_empty = found["members"].as_array().is_some_and(Vec::is_empty);
        if quirks.never_shows_members || (quirks.leaves_out_empty && is_empty) {
            found.as_object_mut().unwrap().remove("members");
        }
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

    pub fn create(&mut self, name: &str, mut body: Value, quirks: &Quirks) -> (u16, Value) {
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

    pub fn put(
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

    pub fn patch(&mut self, name: &str, id: &str, body: &Value, quirks: &Quirks) -> (u16, Value) {
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

    pub fn delete(&mut self, name: &str, id: &str, quirks: &Quirks) -> (u16, Value) {
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
