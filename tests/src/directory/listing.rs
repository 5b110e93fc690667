//! Lists: filter, page, choice of attributes (RFC 7644 sections 3.4.2 and 3.9).

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::error::ScimError;
use super::filter;
use super::quirk::{Quirk, QuirkSet};
use super::store::{Kind, Store};

/// Where [`Quirk::ListStopsAt100`] stops.
const STOP: usize = 100;

/// Query parameters by name, decoded.
pub(super) type Query = HashMap<String, String>;

/// A ListResponse.
///
/// # Errors
/// 400 for a bad filter or number, or where a quirk wants it.
pub(super) fn list(
    store: &Store,
    kind: Kind,
    query: &Query,
    base_url: &str,
    page_items_max: usize,
    quirks: &QuirkSet,
) -> Result<Value, ScimError> {
    let found = matching(store, kind, query, base_url)?;
    let wanted = number(query, "count")?;
    let start = number(query, "startIndex")?;
    if found.len() > page_items_max && wanted.is_none() && quirks.has(&Quirk::TooManyUnlessPaged) {
        return Err(ScimError::bad("tooMany", "ask for a page"));
    }
    let page_items = wanted.unwrap_or(page_items_max).min(page_items_max);
    let (first, page_items) = window(start, wanted, page_items, quirks);
    let rows: Vec<Value> =
        found.iter().skip(first).take(page_items).map(|row| select(row, query)).collect();
    let total = total_results(store, kind, found.len(), rows.len(), quirks);
    let mut response = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
        "totalResults": total,
        "startIndex": start.unwrap_or(1).max(1),
        "itemsPerPage": rows.len(),
    });
    if quirks.has(&Quirk::ItemsPerPageAsRequested) {
        response["itemsPerPage"] = wanted.unwrap_or(page_items_max).into();
    }
    if quirks.has(&Quirk::StartIndexFromZero) {
        response["startIndex"] = start.unwrap_or(0).into();
    }
    if !rows.is_empty() {
        response["Resources"] = rows.into();
    }
    Ok(response)
}

/// The resource with the attributes that the query asks for; `id` and `schemas` always stay.
pub(super) fn select(resource: &Map<String, Value>, query: &Query) -> Value {
    let names = |parameter: &str| -> Option<Vec<String>> {
        let list = query.get(parameter)?;
        Some(list.split(',').map(|name| name.trim().to_ascii_lowercase()).collect())
    };
    let included = names("attributes");
    let excluded = names("excludedAttributes").unwrap_or_default();
    let stays = |key: &String| {
        let key = key.to_ascii_lowercase();
        let is_named = |names: &Vec<String>| {
            names.iter().any(|name| *name == key || name.starts_with(&format!("{key}.")))
        };
        ["id", "schemas"].contains(&key.as_str())
            || (included.as_ref().is_none_or(is_named) && !excluded.contains(&key))
    };
    let kept = resource.iter().filter(|(key, _)| stays(key));
    Value::Object(kept.map(|(key, value)| (key.clone(), value.clone())).collect())
}

fn matching(
    store: &Store,
    kind: Kind,
    query: &Query,
    base_url: &str,
) -> Result<Vec<Map<String, Value>>, ScimError> {
    let clauses = query.get("filter").map(|text| filter::parse(text)).transpose()?;
    let mut found = Vec::new();
    for id in store.ids(kind) {
        let resource = Value::Object(store.render(kind, id, base_url)?);
        let passes = clauses.iter().flatten().all(|clause| filter::holds(clause, &resource));
        if let (true, Value::Object(resource)) = (passes, resource) {
            found.push(resource);
        }
    }
    Ok(found)
}

/// How many rows to skip, and how many to take at most.
fn window(
    start: Option<usize>,
    wanted: Option<usize>,
    page_items: usize,
    quirks: &QuirkSet,
) -> (usize, usize) {
    if quirks.has(&Quirk::EmptyListWithoutPaging) && (start.is_none() || wanted.is_none()) {
        return (0, 0);
    }
    if quirks.has(&Quirk::ListStopsAt100) {
        return (0, STOP);
    }
    if quirks.has(&Quirk::RepeatsFirstPage) {
        return (0, page_items);
    }
    if quirks.has(&Quirk::StartIndexFromZero) {
        return (start.unwrap_or(0), page_items);
    }
    (start.unwrap_or(1).max(1) - 1, page_items)
}

fn total_results(
    store: &Store,
    kind: Kind,
    matching: usize,
    on_page: usize,
    quirks: &QuirkSet,
) -> usize {
    if quirks.has(&Quirk::ListStopsAt100) || quirks.has(&Quirk::TotalCountsThisPage) {
        on_page
    } else if quirks.has(&Quirk::EmptyListWithoutPaging) && on_page == 0 {
        0
    } else if quirks.has(&Quirk::TotalIgnoresFilter) {
        store.ids(kind).count()
    } else {
        matching
    }
}

/// A negative number counts as 0 (RFC 7644 table 6).
fn number(query: &Query, name: &str) -> Result<Option<usize>, ScimError> {
    let Some(text) = query.get(name) else { return Ok(None) };
    let number: i64 = text
        .parse()
        .map_err(|_| ScimError::bad("invalidValue", format!("`{name}` is not a number")))?;
    Ok(Some(usize::try_from(number).unwrap_or(0)))
}
