//! Lists of a running server, read to their end.

use anyhow::bail;
use grantry_api::client::Client;
use grantry_api::{List, ListQuery};
use serde::de::DeserializeOwned;

/// Most pages of a list that are read.
const PAGES_MAX: usize = 100;

/// All of a list.
pub(crate) async fn list<T: DeserializeOwned>(
    client: &Client,
    path: &str,
) -> anyhow::Result<Vec<T>> {
    let mut all = Vec::new();
    let mut query = ListQuery { limit: Some(200), cursor: None };
    for _ in 0..PAGES_MAX {
        let List { items, next } = client.get::<List<T>>(path, &query).await?;
        all.extend(items);
        query.cursor = next;
        if query.cursor.is_none() {
            return Ok(all);
        }
    }
    bail!("`{path}` does not end within {PAGES_MAX} pages")
}
