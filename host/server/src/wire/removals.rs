//! Removals.

use grantry_api::removals as wire;
use grantry_engine::{RemovalView, RemovedRow};

/// What an aggregation removed, or would remove.
pub(crate) fn removal(view: &RemovalView) -> wire::Removal {
    let removal = &view.removal;
    let loss = |loss: &grantry_model::removal::KindLoss| wire::Loss {
        what: loss.of.what.name().to_owned(),
        kind: loss.of.kind.clone(),
        before: loss.before,
        removals: loss.removals,
        recent: loss.recent,
        added: loss.added,
        known_before: loss.known.map(|known| known.before),
        known_removals: loss.known.map(|known| known.removals),
        excess: loss.excess.map(|excess| excess.name().to_owned()),
        words: loss.words(),
    };
    wire::Removal {
        aggregation_id: removal.run_id.to_string(),
        integration_id: removal.integration_id.to_string(),
        state: removal.state.name().to_owned(),
        code: removal.code.clone(),
        hash: removal.hash.clone(),
        rows: removal.rows,
        losses: removal.losses.iter().map(loss).collect(),
        decided_by: removal.decided_by.as_ref().map(ToString::to_string),
        decided_ms: removal.decided.map(|at| at.0),
        ended_ms: removal.ended.map(|at| at.0),
        undo_until_ms: view.undo_until.map(|at| at.0),
    }
}

/// A row of it.
pub(crate) fn row(row: &RemovedRow) -> wire::RemovedRow {
    let (holder_id, holder_display) = row.holder.clone().unzip();
    wire::RemovedRow {
        what: row.of.what.name().to_owned(),
        kind: row.of.kind.clone(),
        id: row.id.clone(),
        display: row.display.clone(),
        holder_id,
        holder_display,
    }
}
