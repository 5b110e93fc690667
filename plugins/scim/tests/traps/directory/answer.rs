//! The bodies of its answers.

use serde_json::{Value, json};

use super::quirks::Quirks;

pub fn by_cursor(all: &[Value], token: &str, count: usize, quirks: &Quirks) -> (u16, Value) {
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

pub fn page(resources: &[Value], total: usize, quirks: &Quirks, asked: usize) -> Value {
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

pub fn service(quirks: &Quirks) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
        "patch": { "supported": !quirks.says_no_patch },
        "pagination": { "cursor": quirks.cursor }
    })
}

pub fn without_members(groups: Option<&mut [Value]>) {
    for group in groups.into_iter().flatten() {
        group.as_object_mut().unwrap().remove("members");
    }
}

pub fn member_ids(group: &Value) -> Vec<String> {
    let members = group.get("members").and_then(Value::as_array);
    let id = |member: &Value| member["value"].as_str().unwrap().to_owned();
    members.map(|members| members.iter().map(id).collect()).unwrap_or_default()
}

pub fn user(n: usize) -> Value {
    json!({ "id": format!("u{n}"), "userName": format!("user{n}"), "active": true })
}
