//! Errors as problem documents (RFC 9457).

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The media type of a [`Problem`].
pub const PROBLEM_JSON: &str = "application/problem+json";

/// Why a request was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// A URL that explains this kind of problem. Its last segment is `code`.
    #[serde(rename = "type")]
    #[schema(example = "/problems/not_found")]
    pub problem_type: String,
    /// The kind of problem in a few words; the same for every problem with this `code`.
    pub title: String,
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    pub status: u16,
    /// What went wrong this time, and what to do about it.
    pub detail: String,
    /// The kind of problem, for programs.
    #[schema(example = "not_found")]
    pub code: String,
    /// The request, as it is named in the audit log and the access log.
    pub request_id: String,
    /// What is wrong with which field, where fields are at fault.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldProblem>,
}

/// One field that is at fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldProblem {
    /// Where: a JSON pointer into the body (RFC 6901), or `?name` for a query parameter.
    #[schema(example = "/name")]
    pub path: String,
    /// The kind of fault, for programs.
    #[schema(example = "invalid_string")]
    pub code: String,
    /// The fault in words.
    pub message: String,
    /// The line of an uploaded file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// The column of an uploaded file, by its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
}

impl FieldProblem {
    /// A fault of a field.
    pub fn new(path: String, code: String, message: String) -> Self {
        Self { path, code, message, line: None, column: None }
    }
}
