//! What an aggregation added, changed and removed.

use grantry_api::run_changes as wire;
use grantry_engine::{ChangedRow, RowChange, RunChangeQuery, Written};
use grantry_model::removal::What;

/// Which changes, from the wire.
pub(crate) fn read_query(query: &wire::RunChangeQuery) -> RunChangeQuery {
    let change = |change| match change {
        wire::RowChange::Added => RowChange::Added,
        wire::RowChange::Changed => RowChange::Changed,
        wire::RowChange::Removed => RowChange::Removed,
    };
    let what = |what| match what {
        wire::RowWhat::Account => What::Account,
        wire::RowWhat::Resource => What::Resource,
        wire::RowWhat::Entitlement => What::Entitlement,
        wire::RowWhat::Assignment => What::Assignment,
    };
    RunChangeQuery { change: query.change.map(change), what: query.what.map(what) }
}

fn what(what: What) -> wire::RowWhat {
    match what {
        What::Account => wire::RowWhat::Account,
        What::Resource => wire::RowWhat::Resource,
        What::Entitlement => wire::RowWhat::Entitlement,
        What::Assignment => wire::RowWhat::Assignment,
    }
}

/// A row.
pub(crate) fn change(row: &ChangedRow) -> wire::RunChange {
    match row {
        ChangedRow::Written(row) => {
            let (holder_id, holder_display) = row.holder.clone().unzip();
            wire::RunChange {
                change: match row.written {
                    Written::Added => wire::RowChange::Added,
                    Written::Changed => wire::RowChange::Changed,
                },
                what: what(row.what),
                kind: row.kind.clone(),
                id: row.id.clone(),
                display: row.display.clone(),
                holder_id,
                holder_display,
            }
        }
        ChangedRow::Removed(row) => {
            let (holder_id, holder_display) = row.holder.clone().unzip();
            wire::RunChange {
                change: wire::RowChange::Removed,
                what: what(row.of.what),
                kind: row.of.kind.clone(),
                id: row.id.clone(),
                display: row.display.clone(),
                holder_id,
                holder_display,
            }
        }
    }
}
