//! What a server says of itself (RFC 7643 section 5, RFC 9865). Hints only: what counts is how it
//! answers.

use serde_json::Value;

use crate::client::Client;
use crate::resource::{boolean, field, whole_number};
use grantry_sdk::types::{Error, Result};

const SCIM_1: &str = "urn:scim:schemas:core:1.0";

/// The parts of a `ServiceProviderConfig` that change what the connector does.
#[derive(Clone, Debug, PartialEq)]
pub struct Service {
    /// `PATCH` is worth trying.
    pub has_patch: bool,
    /// `If-Match` is honoured.
    pub has_etag: bool,
    /// RFC 9865 cursors are offered.
    pub has_cursor: bool,
    /// The largest page, if the server says.
    pub page_items_max: Option<u64>,
}

impl Default for Service {
    /// Of a server without a `ServiceProviderConfig`: try everything that is in RFC 7644.
    fn default() -> Self {
        Self { has_patch: true, has_etag: false, has_cursor: false, page_items_max: None }
    }
}

impl Service {
    /// Reads a `ServiceProviderConfig`.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a SCIM 1.1 server.
    pub fn parse(config: &Value) -> Result<Self> {
        let schemas = field(config, "schemas").and_then(Value::as_array);
        let is_old = |schema: &Value| schema.as_str().is_some_and(|urn| urn.starts_with(SCIM_1));
        if schemas.is_some_and(|schemas| schemas.iter().any(is_old)) {
            return Err(Error::Unsupported("the server speaks SCIM 1.1; 2.0 is needed".into()));
        }
        let at = |path: [&str; 2]| field(field(config, path[0])?, path[1]);
        let flag = |path| at(path).and_then(boolean);
        let limits = [at(["filter", "maxResults"]), at(["pagination", "maxPageSize"])];
        let default = Self::default();
        Ok(Self {
            has_patch: flag(["patch", "supported"]).unwrap_or(default.has_patch),
            has_etag: flag(["etag", "supported"]).unwrap_or(default.has_etag),
            has_cursor: flag(["pagination", "cursor"]).unwrap_or(default.has_cursor),
            page_items_max: limits
                .into_iter()
                .flatten()
                .filter_map(whole_number)
                .filter(|n| *n > 0)
                .min(),
        })
    }

    /// Asks the server. One without this endpoint gets the defaults.
    ///
    /// # Errors
    /// What keeps every other request from working as well.
    pub fn read(client: &Client<'_>) -> Result<Self> {
        let reply = client.get("/ServiceProviderConfig")?;
        match reply.status {
            401 | 429 | 503 => Err(reply.to_error(false)),
            _ if reply.is_success() && reply.body.is_object() => Self::parse(&reply.body),
            _ => Ok(Self::default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_smallest_page_limit_counts() {
        let config = json!({
            "patch": { "supported": "False" }, "etag": { "supported": true },
            "filter": { "supported": true, "maxResults": 200 },
            "pagination": { "cursor": true, "maxPageSize": 50 }
        });
        let expected = Service {
            has_patch: false,
            has_etag: true,
            has_cursor: true,
            page_items_max: Some(50),
        };
        assert_eq!(Service::parse(&config).unwrap(), expected);
    }

    #[test]
    fn a_scim_1_server_is_told_from_a_broken_one() {
        let config = json!({ "schemas": ["urn:scim:schemas:core:1.0"] });
        assert!(matches!(Service::parse(&config), Err(Error::Unsupported(_))));
    }
}
