//! Query parameters, read as strictly as bodies (security.md rows 15 and 16).

use axum::extract::FromRequestParts;
use grantry_engine::PageQuery;
use http::request::Parts;
use serde::de::DeserializeOwned;

use crate::json::field_problem;
use crate::problem::Problem;
use crate::state::Server;

/// Items of a page, unless the caller wants another number.
const LIMIT_DEFAULT: u32 = 50;
/// Most items of a page.
const LIMIT_MAX: u32 = 200;
/// Longest value of a parameter, in bytes.
const VALUE_BYTES_MAX: usize = 2_048;
/// The same for what an issuer makes, in bytes.
const LONG_VALUE_BYTES_MAX: usize = 16_384;

/// The parameters of a query.
pub(crate) struct Query<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<Server> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Server) -> Result<Self, Problem> {
        read(parts.uri.query().unwrap_or_default()).map(Self)
    }
}

fn read<T: DeserializeOwned>(query: &str) -> Result<T, Problem> {
    read_within(query, VALUE_BYTES_MAX)
}

/// Parameters that an issuer makes: the codes of some are long.
pub(crate) fn read_long<T: DeserializeOwned>(query: &str) -> Result<T, Problem> {
    read_within(query, LONG_VALUE_BYTES_MAX)
}

fn read_within<T: DeserializeOwned>(query: &str, bytes_max: usize) -> Result<T, Problem> {
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        check(&name, &value, bytes_max)?;
    }
    let pairs = form_urlencoded::parse(query.as_bytes());
    let deserializer = serde_urlencoded::Deserializer::new(pairs);
    serde_path_to_error::deserialize(deserializer).map_err(|error| {
        let mut fault = field_problem(error.path(), error.inner());
        fault.path = format!("?{}", fault.path.trim_start_matches('/'));
        Problem::fields(vec![fault])
    })
}

fn check(name: &str, value: &str, bytes_max: usize) -> Result<(), Problem> {
    if value.contains('\0') || value.len() > bytes_max {
        let message = format!("must have at most {bytes_max} bytes and no U+0000");
        return Err(Problem::field(format!("?{name}"), "invalid_string", message));
    }
    let is_limit = |text: &str| matches!(text.parse(), Ok(1..=LIMIT_MAX));
    if name == "limit" && !is_limit(value) {
        let message = format!("must be a whole number from 1 to {LIMIT_MAX}");
        return Err(Problem::field("?limit", "invalid_limit", message));
    }
    Ok(())
}

/// A page of a list.
pub(crate) fn page(limit: Option<u32>, cursor: Option<String>) -> PageQuery {
    PageQuery { cursor, limit: limit.unwrap_or(LIMIT_DEFAULT), ..PageQuery::default() }
}

#[cfg(test)]
mod tests {
    use grantry_api::ListQuery;
    use grantry_api::jobs::JobQuery;

    use super::*;

    fn fault<T: DeserializeOwned + std::fmt::Debug>(query: &str) -> (&'static str, String) {
        let problem = read::<T>(query).unwrap_err();
        (problem.kind.code, problem.errors[0].path.clone())
    }

    #[test]
    fn limits_out_of_range_are_refused() {
        for limit in ["0", "-1", "1000000000", "201", "x", "", "1.5", "99999999999999999999"] {
            let query = format!("limit={limit}");
            assert_eq!(fault::<ListQuery>(&query), ("invalid_limit", "?limit".to_owned()));
        }
        assert_eq!(read::<ListQuery>("limit=200").unwrap().limit, Some(200));
        assert_eq!(read::<ListQuery>("").unwrap(), ListQuery::default());
    }

    #[test]
    fn unknown_and_repeated_parameters_are_refused() {
        assert_eq!(fault::<ListQuery>("limits=5"), ("unknown_field", "?limits".to_owned()));
        assert_eq!(fault::<ListQuery>("cursor=a&cursor=b").0, "invalid_input");
        assert_eq!(fault::<JobQuery>("status=lost"), ("invalid_input", "?status".to_owned()));
        assert_eq!(fault::<ListQuery>("cursor=%00"), ("invalid_string", "?cursor".to_owned()));
    }
}
