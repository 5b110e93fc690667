//! From a parsed request to an answer, under one lock and without waiting.

use axum::http::Method;
use serde_json::{Map, Value, json};

use super::discovery;
use super::error::ScimError;
use super::listing::{self, Query};
use super::members;
use super::patch;
use super::quirk::{Quirk, QuirkSet};
use super::resource::{Resource, key_in};
use super::store::{Kind, Store};

/// A request, read.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub(super) method: Method,
    /// Below the base path, without a slash at either end.
    pub(super) path: &'a str,
    pub(super) query: Query,
    pub(super) if_match: Option<&'a str>,
    pub(super) body: &'a [u8],
    pub(super) base_url: &'a str,
    pub(super) page_items_max: usize,
}

/// What to send back.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// `None` for an answer without a body.
    pub(super) body: Option<Value>,
    pub(super) etag: Option<String>,
    pub(super) location: Option<String>,
    pub(super) is_applied: bool,
}

impl Answer {
    pub(super) fn error(error: &ScimError) -> Self {
        Self { status: error.status, ..Self::ok(error.body()) }
    }

    fn ok(body: Value) -> Self {
        Self { status: 200, body: Some(body), etag: None, location: None, is_applied: false }
    }

    fn no_content() -> Self {
        Self { status: 204, body: None, ..Self::ok(Value::Null) }
    }
}

/// Answers one request; errors become SCIM errors.
pub(super) fn answer(store: &mut Store, quirks: &mut QuirkSet, call: &Call<'_>) -> Answer {
    route(store, quirks, call).unwrap_or_else(|error| Answer::error(&error))
}

fn route(store: &mut Store, quirks: &mut QuirkSet, call: &Call<'_>) -> Result<Answer, ScimError> {
    let segments: Vec<&str> = call.path.split('/').collect();
    let discovered = match segments.as_slice() {
        ["ServiceProviderConfig"] => {
            let config =
                discovery::service_provider_config(call.base_url, call.page_items_max, quirks);
            Some(Answer::ok(config))
        }
        ["ResourceTypes"] => Some(all(discovery::resource_types(call.base_url))),
        ["Schemas"] => Some(all(discovery::schemas(call.base_url))),
        ["ResourceTypes", id] => Some(one(discovery::resource_types(call.base_url), id)?),
        ["Schemas", id] => Some(one(discovery::schemas(call.base_url), id)?),
        _ => None,
    };
    if let Some(answer) = discovered {
        return if call.method == Method::GET { Ok(answer) } else { Err(not_allowed(call)) };
    }
    let unknown = || ScimError::new(404, format!("there is nothing at `/{}`", call.path));
    let kind = Kind::from_endpoint(segments[0]).ok_or_else(unknown)?;
    match (segments.as_slice(), call.method.as_str()) {
        ([_], "GET") => {
            let page_items_max = call.page_items_max;
            listing::list(store, kind, &call.query, call.base_url, page_items_max, quirks)
                .map(Answer::ok)
        }
        ([_], "POST") => create(store, quirks, kind, call),
        ([_, id], "GET") => found(store, kind, id, call),
        ([_, id], "PUT" | "PATCH" | "DELETE") => change(store, quirks, kind, id, call),
        ([_] | [_, _], _) => Err(not_allowed(call)),
        _ => Err(unknown()),
    }
}

fn create(
    store: &mut Store,
    quirks: &QuirkSet,
    kind: Kind,
    call: &Call<'_>,
) -> Result<Answer, ScimError> {
    let body = read_body(call.body)?;
    check_member_count(&body, quirks)?;
    let id = store.create(kind, resource_from(kind, body)?)?;
    let mut answer = found(store, kind, &id, call)?;
    answer.location = Some(format!("{}/{}/{id}", call.base_url, kind.endpoint()));
    Ok(Answer { status: 201, is_applied: true, ..answer })
}

fn change(
    store: &mut Store,
    quirks: &mut QuirkSet,
    kind: Kind,
    id: &str,
    call: &Call<'_>,
) -> Result<Answer, ScimError> {
    store.get(kind, id)?;
    check_method(&call.method, quirks)?;
    check_if_match(store, quirks, kind, id, call.if_match)?;
    let before = store.changes();
    match call.method.as_str() {
        "PUT" => {
            let body = read_body(call.body)?;
            check_member_count(&body, quirks)?;
            store.replace(kind, id, resource_from(kind, body)?)?;
        }
        "PATCH" => {
            let body = Value::Object(read_body(call.body)?);
            check_member_count_of_patch(&body, quirks)?;
            let patched = patch::apply(kind, store.get(kind, id)?, &body, quirks)?;
            if !quirks.has(&Quirk::PatchIgnored) {
                store.replace(kind, id, patched)?;
            }
        }
        _ => store.delete(kind, id)?,
    }
    let is_applied = store.changes() > before;
    let is_bare = call.method == Method::DELETE
        || (call.method == Method::PATCH && quirks.has(&Quirk::PatchAnswersNoContent));
    let answer = if is_bare { Answer::no_content() } else { found(store, kind, id, call)? };
    Ok(Answer { is_applied, ..answer })
}

fn found(store: &Store, kind: Kind, id: &str, call: &Call<'_>) -> Result<Answer, ScimError> {
    let etag = store.get(kind, id)?.etag();
    let body = listing::select(&store.render(kind, id, call.base_url)?, &call.query);
    Ok(Answer { etag: Some(etag), ..Answer::ok(body) })
}

fn check_method(method: &Method, quirks: &QuirkSet) -> Result<(), ScimError> {
    let has_no_patch = quirks
        .find(|quirk| matches!(quirk, Quirk::PatchUnsupported { .. }).then_some(()))
        .is_some();
    let is_unsupported = (*method == Method::PATCH && has_no_patch)
        || (*method == Method::PUT && quirks.has(&Quirk::PutUnsupported));
    if is_unsupported {
        return Err(ScimError::new(501, format!("{method} is not supported")));
    }
    Ok(())
}

/// RFC 7644 section 3.14; weak comparison, since the ETags are weak.
fn check_if_match(
    store: &mut Store,
    quirks: &mut QuirkSet,
    kind: Kind,
    id: &str,
    if_match: Option<&str>,
) -> Result<(), ScimError> {
    let Some(wanted) = if_match else {
        if quirks.has(&Quirk::IfMatchRequired) {
            return Err(ScimError::new(428, "`If-Match` is required"));
        }
        return Ok(());
    };
    let is_changed_meanwhile = quirks.take(|quirk| match quirk {
        Quirk::ChangedMeanwhile { times } => Some(times),
        _ => None,
    });
    if is_changed_meanwhile {
        store.touch(kind, id);
    }
    let current = store.get(kind, id)?.etag();
    let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    let is_current =
        wanted.split(',').any(|tag| tag.trim() == "*" || opaque(tag) == opaque(&current));
    if is_current { Ok(()) } else { Err(ScimError::new(412, "the resource has changed")) }
}

fn read_body(body: &[u8]) -> Result<Map<String, Value>, ScimError> {
    serde_json::from_slice(body)
        .map_err(|error| ScimError::bad("invalidSyntax", format!("not a JSON object: {error}")))
}

/// Takes apart what a client sent; read-only attributes are ignored (RFC 7643 section 7).
fn resource_from(kind: Kind, mut body: Map<String, Value>) -> Result<Resource, ScimError> {
    for name in ["schemas", "id", "meta"] {
        if let Some(key) = key_in(&body, name) {
            body.remove(&key);
        }
    }
    let mut ids = Vec::new();
    if let (Kind::Group, Some(key)) = (kind, key_in(&body, "members")) {
        ids = members::ids(&body.remove(&key).unwrap_or_default())?;
    }
    body.retain(|_, value| !value.is_null());
    Ok(Resource::new(body, ids))
}

fn check_member_count(body: &Map<String, Value>, quirks: &QuirkSet) -> Result<(), ScimError> {
    let Some(members_max) = members_max(quirks) else { return Ok(()) };
    let members = key_in(body, "members").and_then(|key| body[&key].as_array());
    match members {
        Some(members) if members.len() > members_max => Err(too_many_members(members_max)),
        _ => Ok(()),
    }
}

fn check_member_count_of_patch(body: &Value, quirks: &QuirkSet) -> Result<(), ScimError> {
    let Some(members_max) = members_max(quirks) else { return Ok(()) };
    let operations = body["Operations"].as_array().into_iter().flatten();
    let members = operations.map(|operation| {
        let value = &operation["value"];
        let list = value.as_array().or_else(|| value["members"].as_array());
        list.map_or(1, Vec::len)
    });
    if members.sum::<usize>() > members_max { Err(too_many_members(members_max)) } else { Ok(()) }
}

fn members_max(quirks: &QuirkSet) -> Option<usize> {
    quirks.find(|quirk| match quirk {
        Quirk::MembersPerRequestMax(members_max) => Some(*members_max),
        _ => None,
    })
}

fn too_many_members(members_max: usize) -> ScimError {
    ScimError::bad("invalidValue", format!("at most {members_max} members in one request"))
}

fn all(resources: Vec<Value>) -> Answer {
    Answer::ok(json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
        "totalResults": resources.len(),
        "startIndex": 1,
        "itemsPerPage": resources.len(),
        "Resources": resources,
    }))
}

fn one(resources: Vec<Value>, id: &str) -> Result<Answer, ScimError> {
    let found = resources.into_iter().find(|resource| resource["id"] == id);
    found.map(Answer::ok).ok_or_else(|| ScimError::not_found(id))
}

fn not_allowed(call: &Call<'_>) -> ScimError {
    ScimError::new(405, format!("`/{}` does not take {}", call.path, call.method))
}
