//! Raw requests to a server of the harness.

use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::{Value, json};

/// A client that follows no redirect and keeps no connection.
pub fn client() -> Client {
    Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .pool_max_idle_per_host(0)
        .build()
        .unwrap()
}

/// A request with a bearer token and, if given, a SCIM body.
pub fn request(method: Method, url: &str, token: &str, body: Option<&Value>) -> RequestBuilder {
    let request = client().request(method, url).bearer_auth(token);
    match body {
        Some(body) => {
            request.header("content-type", "application/scim+json").body(body.to_string())
        }
        None => request,
    }
}

/// Status and body of an answer; the body is null if there is none.
pub async fn answer(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or_default())
}

/// A PATCH with these operations.
pub fn patch(operations: &Value) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": operations,
    })
}
