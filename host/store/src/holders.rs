//! Who holds one entitlement, with what the connector said of holding it through others.

use grantry_model::catalogue::Expansion;
use grantry_model::effective::Holding;
use grantry_model::fingerprint::Key;
use serde::Deserialize;

use crate::db::{Db, Row, args};
use crate::{Result, StoreError, statements};

statements! {
    HOLDINGS = "SELECT o.id, o.kind, o.display, a.details FROM assignments a JOIN objects o ON o.id = a.holder_id WHERE a.entitlement_id = $1 AND a.holder_id > $2 AND a.removed_ms IS NULL AND o.removed_ms IS NULL ORDER BY a.holder_id LIMIT $3";
}

/// What is read of an assignment's details.
#[derive(Deserialize)]
struct Details {
    expansion: Option<Expansion>,
}

fn holding(row: &Row) -> Result<Holding> {
    let expansion = match row.text_or_null(3)? {
        None => None,
        Some(text) => {
            let corrupt = |error: serde_json::Error| StoreError::Corrupt {
                what: "details of an assignment",
                reason: error.to_string(),
            };
            serde_json::from_str::<Details>(&text).map_err(corrupt)?.expansion
        }
    };
    let (kind, display) = (row.text(1)?, row.text(2)?);
    Ok(Holding { holder: row.parsed(0, "catalogue key", Key::parse)?, kind, display, expansion })
}

impl Db {
    /// Who holds an entitlement by an assignment of its own, after the given holder.
    pub async fn holdings(
        &self,
        entitlement: Key,
        after: Option<Key>,
        limit: u32,
    ) -> Result<Vec<Holding>> {
        let after = after.map_or_else(String::new, |after| after.text());
        let rows = self.fetch(HOLDINGS, args![&entitlement.text(), &after, limit]).await?;
        rows.iter().map(holding).collect()
    }
}
