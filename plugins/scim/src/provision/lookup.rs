//! Finds an object by the names that it should have.

use grantry_sdk::http::encode;
use grantry_sdk::provision::CreateRequest;
use grantry_sdk::types::{Object, Result, Value};

use crate::aggregate::collection;
use crate::attributes::{self, Known};
use crate::client::Client;
use crate::filter::equals;
use crate::listing::ListPage;
use crate::resource::to_object;

/// What a search brought.
#[derive(Debug)]
pub enum Found {
    /// The object that has the names.
    One(Box<Object>),
    /// There is none.
    Nothing,
    /// The server did not search.
    CannotTell,
}

/// The values of a request's attribute as texts.
pub fn texts(values: &[Value]) -> Vec<String> {
    values.iter().filter_map(text).collect()
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::Text(text)
        | Value::Decimal(text)
        | Value::Date(text)
        | Value::Uuid(text)
        | Value::Json(text) => Some(text.clone()),
        Value::Boolean(flag) => Some(flag.to_string()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Reference(reference) => Some(reference.id.clone()),
        Value::Real(_) | Value::Bytes(_) | Value::TimestampMs(_) => None,
    }
}

/// The object that a create request describes: by `externalId`, else by its name.
///
/// # Errors
/// As the server says.
pub fn find(client: &Client<'_>, request: &CreateRequest) -> Result<Found> {
    let name = if request.kind == "User" { "userName" } else { "displayName" };
    let mut answer = Found::CannotTell;
    for key in ["externalId", name] {
        let known = attributes::of_kind(&request.kind).iter().find(|known| known.name == key);
        let wanted = request.attributes.iter().find(|attribute| attribute.name == key);
        let wanted = wanted.and_then(|attribute| texts(&attribute.values).into_iter().next());
        let (Some(known), Some(wanted)) = (known, wanted) else { continue };
        answer = find_by(client, &request.kind, known, &wanted)?;
        if matches!(answer, Found::One(_)) {
            break;
        }
    }
    Ok(answer)
}

fn find_by(client: &Client<'_>, kind: &str, known: &Known, wanted: &str) -> Result<Found> {
    let filter = encode(&equals(known.name, wanted));
    let reply =
        client.get(&format!("{}?filter={filter}&startIndex=1&count=10", collection(kind)?))?;
    if matches!(reply.status, 400 | 403 | 404 | 501) {
        return Ok(Found::CannotTell);
    }
    let page = ListPage::parse(reply.success()?.body, false)?;
    // The server may have ignored the filter.
    let is_it = |resource: &&serde_json::Value| {
        known.read(resource).first().is_some_and(|found| found.eq_ignore_ascii_case(wanted))
    };
    let found =
        page.resources.iter().find(is_it).and_then(|resource| to_object(kind, resource, None));
    Ok(match found {
        Some(object) => Found::One(Box::new(object)),
        None if page.resources.is_empty() => Found::Nothing,
        None => Found::CannotTell,
    })
}
