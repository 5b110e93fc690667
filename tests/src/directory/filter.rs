//! Filters (RFC 7644 section 3.4.2.2): `path eq literal` and `path pr`, joined by `and`.
//!
//! A literal is JSON, so `"a\"b"` is one string and an unescaped quote is an error.

use serde_json::Value;

use super::error::ScimError;

/// One comparison.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Clause {
    Equals { path: String, literal: Value },
    Present { path: String },
}

/// Every clause must hold.
pub(super) fn parse(text: &str) -> Result<Vec<Clause>, ScimError> {
    let mut clauses = Vec::new();
    let mut rest = text.trim();
    loop {
        let (clause, after) = take_clause(rest)?;
        clauses.push(clause);
        if after.is_empty() {
            return Ok(clauses);
        }
        rest = match after.split_at_checked(4) {
            Some((and, rest)) if and.eq_ignore_ascii_case("and ") => rest.trim_start(),
            _ => return Err(invalid(text)),
        };
    }
}

/// A single clause, as in the brackets of a path.
pub(super) fn parse_clause(text: &str) -> Result<Clause, ScimError> {
    match take_clause(text.trim())? {
        (clause, "") => Ok(clause),
        _ => Err(invalid(text)),
    }
}

/// Whether a rendered resource (or one value of a complex attribute) passes.
pub(super) fn holds(clause: &Clause, resource: &Value) -> bool {
    match clause {
        Clause::Equals { path, literal } => {
            let is_exact = !path.eq_ignore_ascii_case("userName");
            values_at(resource, path).iter().any(|value| is_equal(value, literal, is_exact))
        }
        Clause::Present { path } => !values_at(resource, path).is_empty(),
    }
}

fn take_clause(text: &str) -> Result<(Clause, &str), ScimError> {
    let (path, rest) = text.split_once(' ').ok_or_else(|| invalid(text))?;
    let (operator, rest) = rest.trim_start().split_once(' ').unwrap_or((rest.trim_start(), ""));
    let path = path.to_owned();
    match operator.to_ascii_lowercase().as_str() {
        "pr" => Ok((Clause::Present { path }, rest.trim_start())),
        "eq" => {
            let mut values = serde_json::Deserializer::from_str(rest).into_iter::<Value>();
            let literal = match values.next() {
                Some(Ok(value)) if !value.is_object() && !value.is_array() => value,
                _ => return Err(invalid(text)),
            };
            let after = rest[values.byte_offset()..].trim_start();
            Ok((Clause::Equals { path, literal }, after))
        }
        _ => Err(invalid(text)),
    }
}

/// The values at a dotted path; of a complex attribute without a sub-attribute, its `value`.
fn values_at<'a>(resource: &'a Value, path: &str) -> Vec<&'a Value> {
    let mut found = vec![resource];
    for name in path.split('.') {
        found = found.into_iter().flat_map(|value| step(value, name)).collect();
    }
    let inner =
        |value: &'a Value| if value.is_object() { step(value, "value") } else { vec![value] };
    found.into_iter().flat_map(inner).filter(|value| !value.is_null()).collect()
}

fn step<'a>(value: &'a Value, name: &str) -> Vec<&'a Value> {
    let Some(map) = value.as_object() else { return Vec::new() };
    let found = map.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
    found
        .flat_map(|(_, value)| match value {
            Value::Array(items) => items.iter().collect(),
            other => vec![other],
        })
        .collect()
}

fn is_equal(value: &Value, literal: &Value, is_exact: bool) -> bool {
    match (value, literal) {
        (Value::String(left), Value::String(right)) if !is_exact => {
            left.to_lowercase() == right.to_lowercase()
        }
        _ => value == literal,
    }
}

fn invalid(filter: &str) -> ScimError {
    ScimError::bad("invalidFilter", format!("`{filter}` is not a filter this directory knows"))
}
