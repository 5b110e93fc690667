//! What a run added, changed and removed, by name: its readable difference (CAT-11).

use grantry_authz::actions;
use grantry_model::ids::RunId;
use grantry_model::removal::What;
use grantry_store::{EntitlementRow, RemovedRow, Run, RunChange, Tx, Written, WrittenRow};

use crate::reconcile::Rows;
use crate::{Ctx, Page, PageQuery, RemovalQuery, Result};

/// How long the names of a run are kept, in milliseconds: ninety days.
const KEPT_MS: i64 = 90 * 24 * 3_600_000;

/// A row that a run added, changed or removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChangedRow {
    /// It was written.
    Written(RunChange),
    /// It was removed.
    Removed(RemovedRow),
}

/// What became of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowChange {
    /// They are new, or were gone.
    Added,
    /// They say something else.
    Changed,
    /// They are gone.
    Removed,
}

/// Which changes of a run to list.
#[derive(Debug, Clone, Copy, Default)]
pub struct RunChangeQuery {
    /// Only such changes.
    pub change: Option<RowChange>,
    /// Only such rows.
    pub what: Option<What>,
}

/// Names what a page changes, in the page's transaction and before its rows are written.
pub(crate) async fn name(tx: &mut Tx, run: &Run, rows: &Rows) -> Result<()> {
    if tx.room_for_changes(run).await? == 0 {
        return Ok(());
    }
    let differing = match rows {
        Rows::Objects(rows) => tx.differing_objects(rows).await?,
        Rows::Entitlements(rows) => return name_entitlements(tx, run, rows).await,
        Rows::Assignments(rows) => tx.differing_assignments(rows).await?,
    };
    note(tx, run, &differing).await
}

/// The same for entitlements, also those that only their holders tell of.
pub(crate) async fn name_entitlements(
    tx: &mut Tx,
    run: &Run,
    rows: &[EntitlementRow],
) -> Result<()> {
    if rows.is_empty() || tx.room_for_changes(run).await? == 0 {
        return Ok(());
    }
    let differing = tx.differing_entitlements(rows).await?;
    note(tx, run, &differing).await
}

async fn note(tx: &mut Tx, run: &Run, differing: &[WrittenRow]) -> Result<()> {
    let forgotten = tx.now().plus_ms(-KEPT_MS);
    Ok(tx.name_changes(run, differing, forgotten).await?)
}

/// Where a page of changes ends: among what was written, then among what was removed.
enum Place {
    Written(i64),
    Removed(String),
}

impl Place {
    fn parse(position: &str) -> Self {
        match position.strip_prefix('r') {
            Some(rest) => Self::Removed(rest.to_owned()),
            None => Self::Written(position.parse().unwrap_or(-1)),
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Written(position) => position.to_string(),
            Self::Removed(position) => format!("r{position}"),
        }
    }
}

impl Ctx {
    /// What an aggregation added and changed, then what it removed. Of what was written the first
    /// rows are named.
    pub async fn list_run_changes(
        &self,
        id: &RunId,
        filter: &RunChangeQuery,
        query: &PageQuery,
    ) -> Result<Page<ChangedRow>> {
        self.permitted_run::<actions::IntegrationRead>(id).await?;
        let list = format!("changes/{id}/{:?}/{:?}", filter.change, filter.what);
        let position = self.engine.position(&list, query.cursor.as_deref())?;
        let limit = query.limit + 1;
        let mut rows = Vec::new();
        let mut removed_from = String::new();
        match Place::parse(&position) {
            Place::Removed(from) => removed_from = from,
            Place::Written(after) if filter.change != Some(RowChange::Removed) => {
                let written = match filter.change {
                    Some(RowChange::Added) => Some(Written::Added),
                    Some(RowChange::Changed) => Some(Written::Changed),
                    Some(RowChange::Removed) | None => None,
                };
                let of = (written, filter.what);
                let found = self.db().list_run_changes(id, after, of, limit).await?;
                rows.extend(
                    found
                        .into_iter()
                        .map(|row| (Place::Written(row.position), ChangedRow::Written(row))),
                );
            }
            Place::Written(_) => {}
        }
        let is_removed_wanted = matches!(filter.change, None | Some(RowChange::Removed));
        if is_removed_wanted && rows.len() < limit as usize {
            let of = RemovalQuery { what: filter.what, kind: String::new() };
            let missing = limit as usize - rows.len();
            let found = self.removed_from(id, (&of, true), &removed_from, missing).await?;
            rows.extend(
                found.into_iter().map(|(at, row)| (Place::Removed(at), ChangedRow::Removed(row))),
            );
        }
        let page = self.engine.page(&list, rows, query.limit, |(place, _)| place.text());
        let items = page.items.into_iter().map(|(_, row)| row).collect();
        Ok(Page { items, next: page.next })
    }
}
