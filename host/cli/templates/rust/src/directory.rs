//! Requests to the directory. The host sends them, and places the credential of the scheme `bearer`.

use grantry_sdk::http::{Request, Transport, encode};
use grantry_sdk::types::{Error, Result};
use serde_json::{Value, json};

/// The most that is asked for with one request.
const PAGE_MAX: u64 = 100;

/// The target of a connection.
pub struct Directory<'a> {
    /// Who sends requests: the host, or a script in a test.
    pub transport: &'a dyn Transport,
    /// The base of the service.
    pub url: &'a str,
}

impl Directory<'_> {
    /// The url of a place below the base.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.url.trim_end_matches('/'))
    }

    /// Reads. Anything but a success is an error.
    pub fn get(&self, path: &str) -> Result<Value> {
        let request = Request::get(self.url(path)).auth("bearer");
        request.send_with(self.transport)?.success(false)?.json()
    }

    /// A resource, if it is there.
    pub fn find(&self, collection: &str, id: &str) -> Result<Option<Value>> {
        match self.get(&format!("{collection}/{}", encode(id))) {
            Err(Error::NotFound(_)) => Ok(None),
            found => found.map(Some),
        }
    }

    /// At most so many resources from the index on (counted from 0), and how many there are in all.
    pub fn list(&self, collection: &str, from: u64, count: u64) -> Result<(Vec<Value>, u64)> {
        let count = count.min(PAGE_MAX);
        // SCIM counts from 1 (RFC 7644, section 3.4.2.4).
        let mut page =
            self.get(&format!("{collection}?startIndex={}&count={count}", from + 1))?;
        let total = page["totalResults"].as_u64();
        // What has no total is no list: never take it for an empty directory.
        let total = total.ok_or_else(|| Error::BadData("a list without `totalResults`".into()))?;
        let resources = match page["Resources"].take() {
            Value::Array(resources) => resources,
            _ => Vec::new(),
        };
        Ok((resources, total))
    }

    /// Changes one thing of a resource. Without an answer the outcome is unknown, and says so.
    pub fn patch(&self, path: &str, operation: &Value) -> Result<()> {
        let body = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [operation],
        });
        let request = Request::patch(self.url(path)).auth("bearer");
        let request = request.header("content-type", "application/scim+json").json(&body);
        request.send_with(self.transport)?.success(true).map(drop)
    }
}

/// A text of a resource; empty if it has none.
pub fn text(resource: &Value, name: &str) -> String {
    resource[name].as_str().unwrap_or_default().to_owned()
}

/// The ids of a group's members.
pub fn members(group: &Value) -> Vec<String> {
    let members = group["members"].as_array().into_iter().flatten();
    members.filter_map(|member| member["value"].as_str()).map(str::to_owned).collect()
}
