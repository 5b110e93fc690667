//! What a run has seen again as it was: pages by their digest, and scopes by their validator (CAT-12).
//!
//! No catalogue row is touched for either. A validator is given back only while every page of its scope
//! is trusted (ADR 0003), so whatever ends that trust ends the validator too.

use std::collections::HashMap;

use grantry_model::aggregation::{Complete, Progress, SCOPES_MAX};
use grantry_model::clock::UnixMs;
use grantry_model::ids::IntegrationId;
use grantry_model::job::Lease;

use crate::db::{Db, HousekeepingTx, Tx, args};
use crate::runs::{Domain, Run};
use crate::{Result, StoreError, statements};

/// How long a validator is believed, in milliseconds: a week. Then the scope is read, whatever it says.
const VALIDATOR_AGE_MS_MAX: i64 = 7 * 24 * 3_600_000;

/// What a page of a run was about, where its rows need not be written.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the columns of the tables")]
pub enum SeenAgain {
    /// A page with rows that the catalogue has as they are.
    Page { domain: Domain, listing: String, scope: String, digest: String },
    /// A scope that is as it was when its validator was given.
    Scope { listing: String, key: String },
    /// A page of a scope that is read anew.
    Reading(ScopeReading),
}

/// A scope up to a page of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScopeReading {
    /// The listing's name.
    pub listing: String,
    /// The scope's own name within it.
    pub key: String,
    /// What the scope is validated by, with its last page.
    pub validator: Option<String>,
    /// With which plugin, connection and kinds it is read.
    pub basis: String,
    /// Pages that are remembered.
    pub pages: u64,
    /// Rows that were listed.
    pub rows: u64,
}

/// A validator that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Validator {
    /// As the connector gave it.
    pub text: String,
    /// How many rows the scope listed.
    pub rows: u64,
}

statements! {
    VALIDATORS = "SELECT s.scope, s.validator, s.row_count FROM scopes s JOIN runs r ON r.id = s.run_id AND r.status = 'succeeded' \
        LEFT JOIN (SELECT scope, run_id, COUNT(*) AS held, MIN(is_trusted) AS trusted FROM pages WHERE integration_id = $1 AND listing = $2 AND scope <> '' GROUP BY scope, run_id) p ON p.scope = s.scope AND p.run_id = s.run_id \
        WHERE s.integration_id = $1 AND s.listing = $2 AND s.basis = $3 AND s.page_count = COALESCE(p.held, 0) AND COALESCE(p.trusted, 1) = 1 AND s.read_ms > $5 ORDER BY s.scope LIMIT $4";
    TOUCH_PAGE = "UPDATE pages SET run_id = $4, listing = $5, scope = $6 WHERE integration_id = $1 AND domain = $2 AND digest = $3";
    TAKE_PAGES = "UPDATE pages SET run_id = $4 WHERE integration_id = $1 AND listing = $2 AND scope = $3 AND scope <> '' \
        AND run_id = (SELECT s.run_id FROM scopes s WHERE s.integration_id = $1 AND s.listing = $2 AND s.scope = $3)";
    TAKE_SCOPE = "UPDATE scopes SET run_id = $4 WHERE integration_id = $1 AND listing = $2 AND scope = $3";
    FORGET_SCOPE = "DELETE FROM scopes WHERE integration_id = $1 AND listing = $2 AND scope = $3";
    PUT_SCOPE = "INSERT INTO scopes (integration_id, listing, scope, run_id, validator, basis, page_count, row_count, read_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (integration_id, listing, scope) DO UPDATE SET run_id = excluded.run_id, validator = excluded.validator, basis = excluded.basis, page_count = excluded.page_count, row_count = excluded.row_count, read_ms = excluded.read_ms";
    FORGET_STALE = "DELETE FROM scopes WHERE integration_id = $1 AND listing = $2 AND run_id <> $3";
}

impl Db {
    /// The validators of a listing's scopes that hold, by the scope's name.
    pub async fn validators(
        &self,
        integration: &IntegrationId,
        listing: &str,
        basis: &str,
    ) -> Result<HashMap<String, Validator>> {
        let since = self.now().plus_ms(-VALIDATOR_AGE_MS_MAX);
        let args = args![integration.as_str(), listing, basis, SCOPES_MAX, since];
        let rows = self.fetch(VALIDATORS, args).await?;
        let validator = |row: &crate::db::Row| {
            let rows = u64::try_from(row.int(2)?).unwrap_or(0);
            Ok((row.text(0)?, Validator { text: row.text(1)?, rows }))
        };
        rows.iter().map(validator).collect()
    }

    /// Takes note of what was seen again: no catalogue row is touched.
    pub async fn checkpoint_unchanged(
        &self,
        lease: &Lease,
        run: &Run,
        progress: &Progress,
        seen: &[SeenAgain],
        lease_ms: i64,
    ) -> Result<()> {
        let mut tx = self.begin_housekeeping().await?;
        tx.hold_lease(lease, self.now().plus_ms(lease_ms)).await?;
        tx.lock_catalogue(&run.integration_id).await?;
        for seen in seen {
            tx.see_again(run, seen, self.now()).await?;
        }
        tx.checkpoint(&run.id, progress).await?;
        tx.commit().await
    }
}

impl HousekeepingTx {
    /// Takes note of one of them.
    pub async fn see_again(&mut self, run: &Run, seen: &SeenAgain, now: UnixMs) -> Result<()> {
        let (id, by) = (run.integration_id.as_str(), run.id.as_str());
        match seen {
            SeenAgain::Page { domain, listing, scope, digest } => {
                let args = args![id, domain.name(), digest, by, listing, scope];
                self.execute(TOUCH_PAGE, args).await?;
            }
            SeenAgain::Scope { listing, key } => {
                self.execute(TAKE_PAGES, args![id, listing, key, by]).await?;
                // Rows that count as seen have to be there.
                if self.execute(TAKE_SCOPE, args![id, listing, key, by]).await? == 0 {
                    return Err(StoreError::NotFound { what: "scope" });
                }
            }
            SeenAgain::Reading(ScopeReading { listing, key, validator, basis, pages, rows }) => {
                let count = |n: &u64| i64::try_from(*n).unwrap_or(i64::MAX);
                match validator {
                    Some(validator) => {
                        let (pages, rows) = (count(pages), count(rows));
                        let args = args![id, listing, key, by, validator, basis, pages, rows, now];
                        self.execute(PUT_SCOPE, args).await?;
                    }
                    // What held before is read anew: it holds no longer.
                    None => {
                        self.execute(FORGET_SCOPE, args![id, listing, key]).await?;
                    }
                }
            }
        }
        Ok(())
    }
}

impl Tx {
    /// Forgets scopes that a complete run did not meet in the listings that it read.
    pub async fn forget_stale_scopes(&mut self, _: &Complete, run: &Run) -> Result<()> {
        for listing in run.progress.iter().flat_map(|progress| &progress.targets) {
            let (of, listing) = (run.integration_id.as_str(), listing.name());
            self.execute(FORGET_STALE, args![of, &listing, run.id.as_str()]).await?;
        }
        Ok(())
    }
}
